# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listening socket and its connections: it can be deaf for a while, and it can die and come back."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import struct
import threading
import time
import typing as t

Serve = t.Callable[[socket.socket, t.Any], None]


def reset(connection: socket.socket) -> None:
    """Close with a RST (SO_LINGER 0), whoever else still holds the socket object."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Sends nothing, but wakes a thread that waits in recv(): as long as it waits, close() closes nothing.
        connection.shutdown(socket.SHUT_RD)
    descriptor = connection.detach()
    if descriptor >= 0:
        socket.close(descriptor)


class Listener:
    """One thread that accepts, one daemon thread for each connection."""

    def __init__(self, address: str, port: int, serve: Serve) -> None:
        self._address: t.Any
        family, _type, _proto, _name, self._address = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self._family = family
        self._serve = serve
        self._lock = threading.Lock()
        self._connections: t.Dict[socket.socket, threading.Thread] = {}
        self._stopped = False
        self._listening = False
        self._opens_at = math.inf
        self._receive_buffer = 0
        self._socket: t.Optional[socket.socket] = None
        self._wake_in, self._wake_out = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="swarm-peer-accept", daemon=True)

    @property
    def port(self) -> int:
        return t.cast(int, self._address[1])

    def start(self, deaf_for: float = 0.0, receive_buffer: int = 0) -> None:
        """Bind, and listen now or later. An address that cannot be had is an OSError."""
        self._receive_buffer = receive_buffer
        try:
            self._bind()
        except OSError:
            self._wake_in.close()
            self._wake_out.close()
            raise
        if deaf_for > 0:
            self._opens_at = time.monotonic() + deaf_for
        else:
            self._listen()
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        with self._lock:
            self._stopped = True
            threads = list(self._connections.values())
            for connection in self._connections:
                _shut(connection)
            self._close()
        self._wake()
        deadline = time.monotonic() + timeout
        for thread in [self._thread, *threads]:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._wake_in.close()
        self._wake_out.close()

    def die(self, back: float) -> None:
        """Reset every connection and stop listening; listen again on the same port ``back`` seconds later."""
        with self._lock:
            self._close()
            if not self._stopped:
                # Bound but deaf: connections are refused, and nobody else gets the port.
                self._bind()
                self._opens_at = time.monotonic() + back
            dying = list(self._connections)
        for connection in dying:
            reset(connection)
        self._wake()

    def _bind(self) -> None:
        listener = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self._family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if self._receive_buffer:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
            listener.bind(self._address)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self._address = listener.getsockname()
        self._socket, self._listening, self._opens_at = listener, False, math.inf

    def _listen(self) -> None:
        assert self._socket is not None
        self._socket.listen(128)
        self._listening, self._opens_at = True, math.inf

    def _close(self) -> None:
        if self._socket is not None:
            _shut(self._socket)  # at once, also while the other thread waits in select()
            self._socket.close()
            self._socket, self._listening, self._opens_at = None, False, math.inf

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_in.send(b"x")

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._stopped:
                    return
                if not self._listening and self._socket is not None and time.monotonic() >= self._opens_at:
                    self._listen()
                watched = [self._wake_out.fileno()]
                if self._listening and self._socket is not None:
                    watched.append(self._socket.fileno())
                wait = None if math.isinf(self._opens_at) else max(0.0, self._opens_at - time.monotonic())
            poller = select.poll()
            for descriptor in watched:
                poller.register(descriptor, select.POLLIN)
            ready = {descriptor for descriptor, _event in poller.poll(None if wait is None else math.ceil(wait * 1000))}
            if watched[0] in ready:
                self._wake_out.recv(4096)
            elif ready:
                self._accept()

    def _accept(self) -> None:
        with self._lock:
            if self._socket is None or not self._listening:
                return
            try:
                connection, client = self._socket.accept()
            except OSError:
                return
            connection.setblocking(True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(
                target=self._run_connection, args=(connection, client), name="swarm-peer-connection", daemon=True
            )
            self._connections[connection] = thread
            thread.start()

    def _run_connection(self, connection: socket.socket, client: t.Any) -> None:
        try:
            self._serve(connection, client)
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
