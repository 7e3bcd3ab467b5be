# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one GET, with the standard library alone."""

from __future__ import annotations

import socket
import sys
import threading
import time

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._ask import ask


class Answering:
    """A server that reads a request and sends given bytes; ``delay`` between them, ``keep`` leaves it open."""

    def __init__(self, answer, delay=0.0, keep=False):
        self._answer, self._delay, self._keep = answer, delay, keep
        self._done = threading.Event()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(1)
        self.port = self._socket.getsockname()[1]
        self.request = b""
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        connection = self._socket.accept()[0]
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while b"\r\n\r\n" not in self.request:
                self.request += connection.recv(65536)
            try:
                if self._delay:
                    for byte in self._answer:
                        connection.sendall(bytes([byte]))
                        if self._done.wait(self._delay):
                            return
                else:
                    connection.sendall(self._answer)
                if self._keep:
                    self._done.wait(30)
            except OSError:
                pass

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._done.set()
        self._thread.join(30)
        self._socket.close()


def http(body, head="HTTP/1.1 200 OK"):
    return ("%s\r\nContent-Length: %d\r\n\r\n" % (head, len(body))).encode() + body


@pytest.mark.parametrize("body, allowed", [(b"true", True), (b"false", False), (b"False\n", False)])
def test_swarm(body, allowed):
    with Answering(http(body), keep=True) as server:
        found = ask("127.0.0.1", server.port, 10)
    assert found == {
        "url": "http://127.0.0.1:%d" % server.port,
        "reachable": True,
        "allow_executables": allowed,
        "error": None,
    }
    assert server.request.startswith(b"GET /debug/allowExecutables HTTP/1.1\r\n")
    assert b"Connection: close" in server.request


@pytest.mark.parametrize(
    "answer, error",
    [
        (http(b"<html>"), "not as Swarm does"),
        (http(b"", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/"), "HTTP 302"),
        (http(b"x" * 2000000), "longer than"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
        (b"", "ended without a whole answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\ntrue", "ended without a whole answer"),
    ],
)
def test_somebody_else(answer, error):
    with Answering(answer) as server:
        found = ask("127.0.0.1", server.port, 10)
    assert (found["reachable"], found["allow_executables"]) == (False, None)
    assert error in found["error"]


@pytest.mark.parametrize("answer, delay", [(b"", 0), (http(b"true"), 0.1)])
def test_the_limit_holds_for_the_whole_answer(answer, delay):
    with Answering(answer, delay, keep=True) as server:
        begin = time.monotonic()
        found = ask("127.0.0.1", server.port, 0.5)
    assert time.monotonic() - begin < 5
    assert (found["reachable"], found["error"]) == (False, "no answer within 0.5 s")


def test_nobody():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert ask("127.0.0.1", port, 10)["error"] == "connection refused"


def test_a_name_that_is_none(looked_up):
    assert "could not be resolved" in ask("peer.invalid", 1113, 10)["error"]


def test_an_address_of_ipv6():
    assert ask("[::1]", 9, 1)["url"] == "http://[::1]:9"


def test_a_zone_is_handed_to_the_system(looked_up):
    for peer in ("fe80::1%eth0", "fe80::1%25eth0", "[fe80::1%25eth0]"):
        assert ask(peer, 1113, 10)["url"] == "http://[fe80::1%25eth0]:1113"
    assert looked_up == ["fe80::1%eth0"] * 3


def test_requests_is_not_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    with Answering(http(b"true")) as server:
        assert ask("127.0.0.1", server.port, 10)["reachable"]


def test_an_interim_answer_is_none():
    with Answering(b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue") as peer:
        assert ask("127.0.0.1", peer.port, 10)["allow_executables"] is True
