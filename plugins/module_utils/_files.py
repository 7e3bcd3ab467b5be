# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Files in directories that others may write to: a name can change its meaning at any time, what is open does not."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import stat
import time
import typing as t

_LOCK_PAUSE = 0.1
# What a file system, or a user who is not root, cannot do.
_NOT_HERE = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENODATA, errno.EINVAL)


class IrregularError(OSError):
    """A directory, a device, a named pipe or a socket, where a file was to be; a link, where none is followed."""


def open_regular(path: str, follow: bool = True) -> io.FileIO:
    """Open a file for reading, without a buffer. Nothing else is ever opened: a named pipe without a writer would hang."""

    def opener(name: str, flags: int) -> int:
        # The flags are for what takes the place of the file just now. O_NONBLOCK means nothing for a file.
        return os.open(name, flags | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))

    _check_regular(path, os.stat(path, follow_symlinks=follow))
    file = open(path, "rb", buffering=0, opener=opener)  # pylint: disable=consider-using-with
    try:
        _check_regular(path, os.fstat(file.fileno()))
    except IrregularError:
        file.close()
        raise
    return file


def _check_regular(path: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IrregularError(errno.EISDIR, "Is a directory", path)
    if not stat.S_ISREG(status.st_mode):
        raise IrregularError(errno.EINVAL, "Not a regular file", path)


class Attributes(t.NamedTuple):
    """Who may do what with a file: its owner, group, mode, access list and label."""

    owner: int
    group: int
    mode: int
    extended: t.Dict[str, bytes]

    @classmethod
    def of(cls, handle: int) -> Attributes:
        status = os.fstat(handle)
        extended: t.Dict[str, bytes] = {}
        # Python has these for Linux alone.
        if hasattr(os, "listxattr"):
            with _where_it_can_be():
                for name in os.listxattr(handle):
                    with _where_it_can_be():
                        extended[name] = os.getxattr(handle, name)
        return cls(status.st_uid, status.st_gid, status.st_mode & 0o777, extended)

    def give(self, handle: int) -> None:
        os.fchown(handle, self.owner, self.group)
        for name, value in self.extended.items():
            with _where_it_can_be():
                os.setxattr(handle, name, value)
        os.fchmod(handle, self.mode)


@contextlib.contextmanager
def _where_it_can_be() -> t.Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise


def lock(handle: int, seconds: float) -> bool:
    """Keep other processes out until this is closed; return whether it was free in time.

    :raises OSError: The file system has no locks.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
        if time.monotonic() > until:
            return False
        time.sleep(_LOCK_PAUSE)


def sync_directory(path: str) -> None:
    """Let what was named, renamed or removed there outlive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
