# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a Python one of a Mac, as far as the collection can tell: what it is called, and what lies where.

Python imports it at its start, from PYTHONPATH.
"""

from __future__ import annotations

import builtins
import functools
import io
import os
import platform
import sys
import types
import typing as t

# A Mac has a folder for its daemons, no fstab, and no /proc.
PATHS = ("/Library/LaunchDaemons", "/etc/fstab", "/proc")

_ROOT = os.environ["MACOS_DOUBLE_ROOT"]
_ARM = os.environ["MACOS_DOUBLE_MACHINE"] == "arm64"


def _there(name: str, is_mac: t.Callable[[], str]) -> None:
    setattr(platform, name, is_mac)


_there("system", lambda: "Darwin")
_there("machine", lambda: os.environ["MACOS_DOUBLE_MACHINE"])
_there("release", lambda: "23.5.0")
_there("version", lambda: f"Darwin Kernel Version 23.5.0: root:xnu-10063/RELEASE_{'ARM64_T6000' if _ARM else 'X86_64'}")
sys.platform = "darwin"


def _real(path: t.Any) -> t.Any:
    """The path of Macs in the folder of this one; any other stays as it is."""
    if isinstance(path, str) and any(path == name or path.startswith(name + "/") for name in PATHS):
        return _ROOT + path
    return path


def _redirect(module: types.ModuleType, name: str) -> None:
    function = getattr(module, name)

    @functools.wraps(function)
    def redirected(path: t.Any, *more: t.Any, **options: t.Any) -> t.Any:
        return function(_real(path), *(_real(item) for item in more), **options)

    setattr(module, name, redirected)
    for abilities in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if function in abilities:
            abilities.add(redirected)


for _name in ("stat", "lstat", "open", "listdir", "readlink", "scandir", "chmod", "remove", "replace", "unlink"):
    _redirect(os, _name)
for _module in (builtins, io):
    _redirect(_module, "open")
