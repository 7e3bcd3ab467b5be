# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Sending a body from one loop that polls both directions.

Every limit of an upload lives in :meth:`Sending.over`: the stall limit, the rate limit, the progress, the early answer.
``requests`` cannot give them: it sends a body under the *connect* timeout, and hears no answer before it has sent
everything. So the body is handed to ``requests`` as one piece, and the connection of :mod:`_session` hands the piece
its socket.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import selectors
import socket
import sys
import time
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError, TransportError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import Multipart

Progress = t.Callable[[int, int, float], None]
"""Called with the bytes that have arrived, those of the whole body, and the bytes per second since the call before."""

# Bytes a step: enough that the system calls cost nothing, few enough that an early answer is heard within a few MiB.
STEP = 8 << 20
BLOCK = 512 << 10

# How long the loop sleeps at most, in seconds, before it looks at the clock and at what the peer has acknowledged.
_TICK = 0.25

# Errors that say "the peer has gone", after which its answer may still wait to be read.
_GONE = (errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED, errno.ESHUTDOWN, errno.ENOTCONN)

# os.sendfile says so where the file system or the socket cannot do it.
_NO_SENDFILE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTSOCK, errno.EOVERFLOW)
_UNREADABLE = (errno.EIO, errno.ESTALE, errno.EISDIR, errno.EBADF)

# 101 is the last answer of HTTP.
_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)")

# So many bytes of an answer tell whether it is an interim one.
_TELLING = len(b"HTTP/1.1 100")


class Limits(t.NamedTuple):
    """What an upload may take; seconds and bytes per second, 0 for no rate limit and no progress."""

    connect: float = 10
    stall: float = 60
    answer: float = 1800
    rate: int = 0
    progress: float = 0


class _Bytes:
    """A piece of the body that is in memory."""

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)
        self.left = len(data)

    def send(self, sock: socket.socket, most: int) -> int:
        sent = sock.send(self._view[:most])
        self._view = self._view[sent:]
        self.left -= sent
        return sent


class _File:
    """The piece of the body that is a file: by ``os.sendfile`` where there is one and it serves, else in large blocks."""

    def __init__(self, body: Multipart, use_sendfile: t.Optional[bool]) -> None:
        self._file = body.file
        self._size = body.size
        self._check = body.check
        self._offset = 0
        self._buffer = memoryview(b"")
        self._view = self._buffer
        self._sendfile = use_sendfile if hasattr(os, "sendfile") else False
        self._stat = os.fstat(body.file.fileno())
        self.left = body.size

    def send(self, sock: socket.socket, most: int) -> int:
        sent = 0
        if self.left:
            most = min(most, self.left)
            if self._sendfile is None:
                self._sendfile = not _is_paced(sock)
            sent = self._by_sendfile(sock, most) if self._sendfile else self._by_blocks(sock, most)
            self._offset += sent
            self.left -= sent
        if not self.left:
            self._check_unchanged()
        return sent

    def _by_sendfile(self, sock: socket.socket, most: int) -> int:
        try:
            sent = os.sendfile(sock.fileno(), self._file.fileno(), self._offset, most)
        except OSError as error:
            if error.errno in _UNREADABLE:
                raise self._unreadable(error) from error
            if error.errno not in _NO_SENDFILE:
                raise
            self._sendfile = False
            return self._by_blocks(sock, most)
        if sent == 0:
            raise self._changed()
        return sent

    def _by_blocks(self, sock: socket.socket, most: int) -> int:
        if not self._view:
            # One buffer for all blocks: the system makes memory ready page by page, which costs as much as the copy.
            self._buffer = self._buffer or memoryview(bytearray(BLOCK))
            try:
                self._file.seek(self._offset)
                self._view = self._buffer[: self._file.readinto(self._buffer[: min(BLOCK, self.left)])]
            except OSError as error:
                raise self._unreadable(error) from error
            if not self._view:
                raise self._changed()
        sent = sock.send(self._view[:most])
        self._view = self._view[sent:]
        return sent

    def _check_unchanged(self) -> None:
        """Look before the closing boundary goes out: without it the peer has no whole body and keeps nothing."""
        now = os.fstat(self._file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._stat.st_size, self._stat.st_mtime_ns):
            raise self._changed()
        if self._check:
            self._check()

    def _changed(self) -> BuildError:
        now = os.fstat(self._file.fileno())
        return BuildError(
            f"{self._file.name} changed while it was sent: it had {self._size} bytes, and has {now.st_size} now"
            f" (noticed after {self._offset}). The upload was broken off, so the peer keeps nothing of it."
            " Wait until the build is complete, then run again."
        )

    def _unreadable(self, error: OSError) -> BuildError:
        return BuildError(
            f"{self._file.name} could not be read at byte {self._offset}: {error.strerror or error}. The upload was"
            " broken off, so the peer keeps nothing of it."
        )


class Sending:
    """One body on its way, under its limits; afterwards it tells how far it came.

    It is the ``data`` of a ``requests`` call: an iterable with a length whose only piece is itself.

    :param use_sendfile: None: unless the connection is paced, see :func:`_is_paced`.
    """

    def __init__(
        self,
        body: Multipart,
        limits: Limits,
        progress: t.Optional[Progress] = None,
        use_sendfile: t.Optional[bool] = None,
    ) -> None:
        self._limits = limits
        self._progress = progress if limits.progress else None
        self._pieces: t.List[t.Union[_Bytes, _File]] = [
            _Bytes(body.head),
            _File(body, use_sendfile),
            _Bytes(body.tail),
        ]
        self._head, self._size = len(body.head), body.size
        self._interim = b""
        # requests takes the Content-Length from here; a __len__ could not tell 2 GiB on a 32-bit peer.
        self.len = body.length
        #: Bytes handed to the operating system.
        self.handed = 0
        #: Bytes that the peer's system has acknowledged, where this system can tell; else those handed over.
        self.arrived = 0
        #: Whether the peer spoke, or went away, before it had been given the whole body.
        self.cut_short = False

    @property
    def complete(self) -> bool:
        """Whether the last byte of the body was handed over: only then can the peer have accepted the build."""
        return self.handed == self.len

    @property
    def file_bytes(self) -> int:
        """How many bytes of the file have arrived, for messages."""
        return max(0, min((self.handed if self.complete else self.arrived) - self._head, self._size))

    def __iter__(self) -> t.Iterator[Sending]:
        yield self

    def over(self, sock: socket.socket) -> None:
        """Send the body; return when it is sent, or when there is an answer to be read or nobody left to send to.

        :raises TransportError: No byte moved for the stall limit, or the connection broke in a way that leaves
            no answer to read.
        :raises BuildError: The file changed or could not be read.
        """
        timeout = sock.gettimeout()
        sock.setblocking(False)
        try:
            _hear_from(sock, _TELLING)
            with selectors.DefaultSelector() as selector:
                self._loop(sock, selector)
        except OSError as error:
            if error.errno not in _GONE:
                raise TransportError(f"the connection broke: {error.strerror or error}", self.complete) from error
            self.cut_short = not self.complete
        finally:
            _hear_from(sock, 1)
            sock.settimeout(timeout)

    def _loop(self, sock: socket.socket, selector: selectors.BaseSelector) -> None:
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        key = selector.register(sock, both)
        throttle = _Throttle(self._limits.rate)
        now = started = moved_at = time.monotonic()
        told_at, told = started, 0
        while True:
            allowed = throttle.allowed(now) if self._pieces else 0
            wanted = both if allowed else selectors.EVENT_READ
            if key.events != wanted:
                key = selector.modify(sock, wanted)
            ready = selector.select(_TICK if allowed or not self._pieces else min(_TICK, throttle.wait()))
            # kqueue reports the two directions apart.
            readable = any(events & selectors.EVENT_READ for _key, events in ready)
            writable = any(events & selectors.EVENT_WRITE for _key, events in ready)
            if readable and self._has_answer(sock):
                self.cut_short = not self.complete
                return
            if writable:
                throttle.spent(self._send_some(sock, min(STEP, allowed)))
            now = time.monotonic()
            waiting = _unacknowledged(sock)
            if self.handed - waiting > self.arrived or (not allowed and self._pieces and not waiting):
                moved_at = now
            self.arrived = max(self.arrived, self.handed - waiting)
            # Of an interim response that was begun to be read, nobody else could make anything.
            if not self._pieces and not waiting and not self._interim:
                return
            if now - moved_at > self._limits.stall:
                raise TransportError(
                    f"no byte moved for {self._limits.stall:g} s",
                    self.complete,
                    "The peer is connected but does not read. Does it hang, or is its disk full?",
                )
            if self._progress and now - told_at >= self._limits.progress:
                self._progress(self.arrived, self.len, (self.arrived - told) / (now - told_at))
                told_at, told = now, self.arrived

    def _has_answer(self, sock: socket.socket) -> bool:
        """Whether an answer or an end can be read. An interim response (RFC 9110, 15.2) is neither, and is dropped."""
        try:
            seen = sock.recv(4096, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        if not seen or not (self._interim or _INTERIM.match(seen)):
            return True
        known = self._interim + seen
        end = known.find(b"\r\n\r\n")
        # It can come in pieces: three bytes are enough to know its end.
        sock.recv(len(seen) if end < 0 else end + 4 - len(self._interim))
        self._interim = known[-3:] if end < 0 else b""
        _hear_from(sock, 1 if self._interim else _TELLING)
        return False

    def _send_some(self, sock: socket.socket, most: int) -> int:
        piece = self._pieces[0]
        try:
            sent = piece.send(sock, most)
        except BlockingIOError:
            return 0
        self.handed += sent
        if not piece.left:
            del self._pieces[0]
        return sent


class _Throttle:
    """A token bucket that holds a quarter of a second's worth, and gives away no less than a tenth.

    Smaller steps would keep a processor busy: some bytes are allowed again as soon as some were sent.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._least = max(1.0, rate / 10)
        self._most = max(1.0, rate / 4)
        self._tokens = self._most
        self._filled_at = time.monotonic()

    def allowed(self, now: float) -> int:
        if not self._rate:
            return STEP
        self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return int(self._tokens) if self._tokens >= self._least else 0

    def spent(self, count: int) -> None:
        if self._rate:
            self._tokens -= count

    def wait(self) -> float:
        """The seconds until something is allowed."""
        return max(0.0, (self._least - self._tokens) / self._rate)


def _hear_from(sock: socket.socket, count: int) -> None:
    """Call a socket readable from so many bytes on, or when its peer has closed it, where the system can.

    A status line that comes in two segments would be taken for an answer, and the peer would wait for the rest of the body.
    """
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


def _is_paced(sock: socket.socket) -> bool:
    """Whether the connection's congestion control spreads the bytes over time by itself, as BBR does.

    Pages that sendfile hands over then take longer than copies (docs/performance.md). A connection to the machine itself
    passes no network that could be congested: it is taken from BBR. Any user may choose reno, which each Linux has.
    """
    try:
        name = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    except (AttributeError, OSError):
        return False
    if not name.startswith(b"bbr"):
        return False
    if sock.getsockname()[0] != sock.getpeername()[0]:
        return True
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    except OSError:
        return True
    return False


def _unacknowledged(sock: socket.socket) -> int:
    """The bytes in the socket's send queue, 0 where the system does not tell.

    They show that a slow peer still reads: poll() calls a socket writable only when a third of its buffer is free,
    which can be megabytes, so that a slow link would look like a stalled one.
    """
    try:
        if sys.platform.startswith("linux"):
            import array
            import fcntl
            import termios

            count = array.array("i", [0])
            fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, count)
            return count[0]
        if sys.platform == "darwin":
            return sock.getsockopt(socket.SOL_SOCKET, 0x1024)  # SO_NWRITE
    except (ImportError, OSError):
        pass
    return 0
