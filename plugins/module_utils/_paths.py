# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Paths of hosts, by the rules of whichever system they are of."""

from __future__ import annotations

import ntpath
import os
import typing as t


def is_unc(path: t.Optional[str]) -> bool:
    return bool(path) and str(path).startswith(("\\\\", "//"))


def is_of_windows(path: str) -> bool:
    """Whether a whole path has a drive, or a server and a share."""
    return bool(ntpath.splitdrive(path)[0])


def comparable(path: str, like: t.Optional[str] = None) -> str:
    """A path to compare with another one. Paths of Windows know both separators, and no case."""
    if is_of_windows(like or path):
        return ntpath.normpath(path).replace("\\", "/").lower()
    return os.path.normpath(path)


def is_within(path: str, directory: str) -> bool:
    """Whether a path is a directory, or below it."""
    return (comparable(path) + "/").startswith(comparable(directory).rstrip("/") + "/")
