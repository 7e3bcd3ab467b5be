# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""How often the files of a directory are opened, by whomever: whoever tries a build has to open it.

Linux tells it (inotify), to all who may read the directory. The standard library has no function for that.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import time
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError

_IN_OPEN = 0x20
_IN_Q_OVERFLOW = 0x4000
_IN_ISDIR = 0x40000000
_EVENT = struct.Struct("iIII")
_BLOCK = 1 << 16


def count_opens(directory: str, seconds: float) -> t.Dict[str, int]:
    """Watch a directory for so long, and return how often each file in it was opened, by name.

    :raises OptionsError: The directory cannot be watched; the text says why.
    """
    handle = _watch(directory)
    try:
        return _count(handle, directory, time.monotonic() + seconds)
    finally:
        os.close(handle)


def _watch(directory: str) -> int:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        make, add = libc.inotify_init1, libc.inotify_add_watch
    except (AttributeError, OSError) as error:
        raise OptionsError(f"{directory} was not watched: that is possible on Linux only.") from error
    handle = int(make(os.O_NONBLOCK | os.O_CLOEXEC))
    if handle < 0:
        raise _failure(directory)
    if add(handle, os.fsencode(directory), ctypes.c_uint32(_IN_OPEN)) < 0:
        failure = _failure(directory)
        os.close(handle)
        raise failure
    return handle


def _failure(directory: str) -> OptionsError:
    return OptionsError(f"{directory} was not watched: {os.strerror(ctypes.get_errno())}.")


def _count(handle: int, directory: str, until: float) -> t.Dict[str, int]:
    opened: t.Dict[str, int] = {}
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    while True:
        left = until - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return opened
        data = os.read(handle, _BLOCK)
        while data:
            _watched, mask, _cookie, length = _EVENT.unpack_from(data)
            name = os.fsdecode(data[_EVENT.size : _EVENT.size + length].rstrip(b"\0"))
            data = data[_EVENT.size + length :]
            if mask & _IN_Q_OVERFLOW:
                raise OptionsError(f"{directory} was not watched: too much is opened in it.")
            if name and not mask & _IN_ISDIR:
                opened[name] = opened.get(name, 0) + 1
