# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A peer that follows a script, down to the bytes and the moment of each segment.

The reference peer (tests/peer) does what the vendor documents; this one does what no HTTP library would do.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import typing as t

# However a test fails, it fails within this time, in seconds.
PATIENCE = 20

# tcp(7): on Linux, received bytes are thrown away without being copied.
_DISCARD = socket.MSG_TRUNC if sys.platform.startswith("linux") else 0

VERSION: t.Mapping[str, t.Any] = {"_revHash": "e8197af2", "_ver": {"_major": 6, "_minor": 20, "_release": 10}}
TMP_FILE = "/tmp/servant-multipart4711-1.buf"


def rapid(size: int, version: t.Any = None) -> bytes:
    directory = "/var/lib/swarm/VRay/vray-6.20.10-e8197af2"
    content = {"deployedInDirectory": directory, "takenSeconds": 6, "uploadedVrayVersion": version or VERSION}
    return _json("RapidUR", dict(content, uploadedFileSize=size))


def queued(size: int) -> bytes:
    return _json("QueuedUR", {"queuedAs": "/var/lib/swarm/VRay/import/a.tar", "uploadedFileSize": size})


def existing(version: t.Any = None) -> bytes:
    return _json("ExistingUR", {"message": "V-Ray version already exists", "uploadedVrayVersion": version or VERSION})


def failed(message: str = "no room") -> bytes:
    return _json("FailUR", {"message": message})


def _json(key: str, content: t.Dict[str, t.Any]) -> bytes:
    return json.dumps({key: dict(content, tmpFile=TMP_FILE)}).encode("utf-8")


def response(body: bytes = b"", status: int = 200, *headers: str, **options: t.Any) -> bytes:
    """The bytes of an HTTP response; ``length=False`` leaves the Content-Length out."""
    lines = ["HTTP/1.1 %d Whatever" % status]
    if options.get("length", True):
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines + list(headers)) + "\r\n\r\n").encode("latin-1") + body


class Connection:
    """The peer's end of one connection, for a script to use."""

    def __init__(self, sock: socket.socket, server: Server) -> None:
        self.sock = sock
        self.server = server
        self.request_line = ""
        self.headers: t.List[t.Tuple[str, str]] = []
        self._buffer = b""

    def read_head(self) -> bytes:
        while b"\r\n\r\n" not in self._buffer:
            data = self.sock.recv(65536)
            if not data:
                return b""
            self._buffer += data
        head, _end, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.request_line = lines[0]
        for line in lines[1:]:
            name, _colon, value = line.partition(": ")
            self.headers.append((name, value))
        self.server.requests.append(self)
        return head

    def header(self, name: str) -> t.List[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def length(self) -> int:
        return int((self.header("Content-Length") or ["0"])[0])

    def read_body(self) -> bytes:
        """The whole body, or what comes of it before the end."""
        parts = [self._buffer]
        left = self.length - len(self._buffer)
        while left > 0:
            data = self.sock.recv(min(left, 1 << 20))
            if not data:
                break
            parts.append(data)
            left -= len(data)
        return b"".join(parts)

    def discard_body(self) -> None:
        left = self.length - len(self._buffer)
        buffer = bytearray(8 << 20)
        while left > 0:
            count = self.sock.recv_into(buffer, min(left, len(buffer)), _DISCARD)
            if not count:
                break
            left -= count

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read_to_end(self) -> int:
        """Read whatever comes behind the head until the other side has gone; return how much it was."""
        count = len(self._buffer)
        try:
            while True:
                data = self.sock.recv(1 << 20)
                if not data:
                    return count
                count += len(data)
        except OSError:
            return count

    def sit(self) -> None:
        """Neither read nor send, until the test is over."""
        self.server.over.wait(PATIENCE)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Script = t.Callable[[Connection], None]


class Server:
    """Runs a script for each connection: the first for the first, …, the last for all that follow."""

    def __init__(self, *scripts: Script, host: str = "127.0.0.1") -> None:
        self._scripts = scripts
        self.host = host
        self.over = threading.Event()
        #: Set when a connection came to its end.
        self.served = threading.Event()
        self.requests: t.List[Connection] = []
        self.connections = 0
        self.errors: t.List[BaseException] = []
        self._open: t.List[socket.socket] = []
        self._threads: t.List[threading.Thread] = []
        self._listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._listener.bind((host, 0))
            self._listener.listen(16)
        except OSError:
            self._listener.close()
            raise
        self._address = self._listener.getsockname()
        self.port: int = self._address[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_exception: t.Any) -> None:
        self.over.set()
        try:
            # accept() of another thread is not ended by a close.
            socket.create_connection(self._address[:2], timeout=PATIENCE).close()
        except OSError:
            pass
        self._acceptor.join(PATIENCE)
        self._listener.close()
        for sock in self._open:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a script does not end"
        for error in self.errors:
            raise error

    @property
    def paths(self) -> t.List[str]:
        return [request.request_line.rsplit(" ", 1)[0] for request in self.requests]

    def _accept(self) -> None:
        while True:
            sock, _address = self._listener.accept()
            if self.over.is_set():
                sock.close()
                return
            sock.settimeout(PATIENCE)
            # An answer followed by a close must not wait for an acknowledgement.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(script, sock), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, script: Script, sock: socket.socket) -> None:
        try:
            script(Connection(sock, self))
        except OSError:
            pass  # The client has gone.
        except BaseException as error:
            self.errors.append(error)
        finally:
            sock.close()
            self.served.set()


def answering(answer: t.Union[bytes, t.Callable[[Connection], bytes]], *headers: str, status: int = 200) -> Script:
    """Read the whole request, then answer."""

    def script(connection: Connection) -> None:
        if connection.read_head():
            connection.discard_body()
            body = answer(connection) if callable(answer) else answer
            connection.send(response(body, status, *headers))

    return script


def sending(data: bytes) -> Script:
    """Read the whole request, then send these very bytes and close."""

    def script(connection: Connection) -> None:
        if connection.read_head():
            connection.discard_body()
            connection.send(data)

    return script


def swarm(answer: t.Union[bytes, t.Callable[[Connection], bytes]], allowed: bool = False, status: int = 200) -> Script:
    """Both endpoints as Swarm has them."""
    return per_method(answering(b"true" if allowed else b"false"), answering(answer, status=status))


def per_method(get: Script, post: Script) -> Script:
    """One script for the question, another for the upload."""

    def script(connection: Connection) -> None:
        start = connection.sock.recv(4, socket.MSG_PEEK)
        (get if start.startswith(b"GET") else post)(connection)

    return script
