# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Where in a share a peer imports from."""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import comparable, is_of_windows


class Place(t.NamedTuple):
    """A directory of the share that peers read, ``<channel>/<platform>`` in its root."""

    directory: str
    #: Whether the peer knows upper from lower case in it.
    cased: bool

    def holds(self, channel: str, platform: str) -> bool:
        return self._folded(f"{channel}/{platform}") == self._folded(self.directory)

    def _folded(self, text: str) -> str:
        return text if self.cased else text.lower()


def place_in_share(import_dir: str, root: str) -> t.Optional[Place]:
    """The place that an import directory is, in a share with this root; None where it is none."""
    relative = posixpath.relpath(comparable(import_dir), comparable(root))
    if relative.count("/") != 1 or relative.startswith("../"):
        return None
    return Place(relative, not is_of_windows(import_dir))
