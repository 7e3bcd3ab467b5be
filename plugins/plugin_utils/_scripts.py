# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The PowerShell scripts, as a Windows host gets them: each is one text, with the parts in it that have files of their own.

Nothing but the standard library is used here: who judges the scripts reads them by this, and needs no Ansible.
"""

from __future__ import annotations

import functools
import re
import typing as t
from pathlib import Path

FOLDER = Path(__file__).parent / "_powershell"
_INCLUDE = re.compile(r"(?m)^# Include: (\S+)\n")


def script_names() -> t.List[str]:
    """The names of all scripts."""
    return sorted(path.stem for path in FOLDER.glob("*.ps1"))


@functools.cache
def script_text(name: str) -> str:
    """The text of a script; it is constant, and what it works on are its parameters."""
    return _INCLUDE.sub(lambda match: _part(match[1]), _read(f"{name}.ps1"))


def _part(path: str) -> str:
    """What is to be included: all behind the head of the file, which ends with the first empty line but one."""
    return _read(path).split("\n\n", 2)[2]


def _read(path: str) -> str:
    return (FOLDER / path).read_text(encoding="utf-8")
