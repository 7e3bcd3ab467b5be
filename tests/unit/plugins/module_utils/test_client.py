# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client against a scripted peer: every answer, every silence, every kind of liar."""

from __future__ import annotations

import errno
import json
import re
import socket
import threading
import time

import pytest

pytest.importorskip("requests")

from scripted import PATIENCE, VERSION, Server, answering, existing, failed, queued, rapid, response, sending

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _client, _interim, _sending
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import Client
from ansible_collections.renderops.vray_swarm.plugins.module_utils._deadline import DeadlineSocket
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    AnswerError,
    BuildError,
    MissingRequestsError,
    NotSwarmError,
    OptionsError,
    TransportError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import Multipart
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits

MIB = 1 << 20
# More than the buffers between the two hold.
SIZE = 32 * MIB
# Short where a test waits for it to pass, long where it must not matter.
SOON = 0.3
PROCESSING = b"HTTP/1.1 102 Processing\r\nX-Step: unpack\r\n\r\n"
ANSWERS = [("rapid", rapid(7)), ("queued", queued(7)), ("existing", existing()), ("failed", failed())]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(_sending, "_TICK", 0.02)


@pytest.fixture
def post(tmp_path):
    """Upload to a server; the call that was made is kept."""
    files = []

    def upload(server, content=b"content", sparse=0, peer=None, **limits):
        path = tmp_path / "vray.tar"
        with open(str(path), "wb") as file:
            file.write(content)
            if sparse:
                file.truncate(sparse)
        files.append(open(str(path), "rb", buffering=0))
        settings = dict({"connect": PATIENCE, "stall": PATIENCE, "answer": PATIENCE}, **limits)
        client = Client(peer or server.host, server.port, Limits(**settings))
        upload.body = Multipart(files[-1], "vray.tar", False)
        upload.call = client.upload(upload.body)
        return upload.call.run()

    yield upload
    for file in files:
        file.close()


def ask(server, peer=None, **limits):
    settings = dict({"connect": PATIENCE, "stall": PATIENCE, "answer": PATIENCE}, **limits)
    return Client(peer or server.host, server.port, Limits(**settings)).allows_executables()


def failure(function, *arguments, kind=TransportError, **options):
    with pytest.raises(kind) as caught:
        function(*arguments, **options)
    assert type(caught.value) is kind  # pylint: disable=unidiomatic-typecheck
    # urllib3 1.26 leaves an unrelated TypeError in the chain of each error.
    assert "unexpected keyword" not in str(caught.value)
    return caught.value


# The answers.


@pytest.mark.parametrize("status", [200, 201, 409, 413, 500])
@pytest.mark.parametrize("outcome, body", ANSWERS)
def test_the_key_decides_whatever_the_status(post, outcome, body, status):
    with Server(answering(body, status=status)) as server:
        answer = post(server)
    assert answer.outcome == outcome
    assert answer.raw == json.loads(body.decode())
    assert post.call.http_status == status
    assert (post.call.sending.complete, post.call.sending.cut_short) == (True, False)
    assert post.call.sending.file_bytes == 7


def test_the_request(post):
    """What goes over the wire, and what does not."""
    heads, bodies = [], []

    def script(connection):
        heads.append(connection.read_head().decode("latin-1"))
        bodies.append(connection.read_body())
        connection.send(response(rapid(7)))

    with Server(script) as server:
        post(server)
        request = server.requests[0]
        assert request.request_line == "POST /api/vray/upload HTTP/1.1"
        assert request.header("Host") == ["127.0.0.1:%d" % server.port]
    assert request.header("Accept") == ["*/*"]
    assert request.header("Accept-Encoding") == ["identity"]
    assert request.header("Content-Type") == [post.body.content_type]
    assert request.header("Content-Length") == [str(post.body.length)]
    assert bodies == [post.body.head + b"content" + post.body.tail]
    for name in ("Expect", "Authorization", "Transfer-Encoding", "Cookie", "Content-Transfer-Encoding"):
        assert request.header(name) == []


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, MIB])
def test_the_content_arrives(post, size):
    content, bodies = (b"\r\n\x00\xff" * (size // 4 + 1))[:size], []

    def script(connection):
        connection.read_head()
        bodies.append(connection.read_body())
        connection.send(response(rapid(size)))

    with Server(script) as server:
        assert post(server, content).uploaded_file_size == size
    assert bodies == [post.body.head + content + post.body.tail]


@pytest.mark.parametrize(
    "data",
    [
        response(rapid(7), 200, "Connection: close"),
        response(rapid(7), 200, "Connection: close", length=False),
        b"HTTP/1.0 200 OK\r\n\r\n" + rapid(7),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"
        + rapid(7)[:5]
        + b"\r\n%x\r\n" % (len(rapid(7)) - 5)
        + rapid(7)[5:]
        + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + response(rapid(7)),
        PROCESSING + b"HTTP/1.0 199 X\r\n\r\n" + PROCESSING + response(rapid(7)),
        response(rapid(7), 200, "Content-Type: text/plain"),
    ],
    ids=["length", "until-close", "http-1.0", "chunked", "interim", "interims", "type"],
)
def test_the_ways_to_send_an_answer(post, data):
    with Server(sending(data)) as server:
        assert post(server).outcome == "rapid"


@pytest.mark.parametrize(
    "body, told",
    [
        (b"", "HTTP 200: The peer's answer is empty"),
        (b"<html><body>It works!</body></html>", "HTTP 200: .* is HTML or XML"),
        (b'{"RapidUR": {"taken', "HTTP 200: .* breaks off before its end"),
        (b"\xff\xfe", "HTTP 200: .* is not valid UTF-8"),
        (b"true", "HTTP 200: .* not an object"),
    ],
)
def test_answers_that_are_none(post, body, told):
    with Server(answering(body)) as server:
        error = failure(post, server, kind=AnswerError)
    assert re.match(told, str(error))
    assert len(str(error)) < 600
    assert post.call.http_status == 200


def test_an_endless_answer_is_not_read_to_its_end(post):
    """50 MB: neither kept nor waited for."""
    sent = []

    def script(connection):
        connection.read_head()
        connection.discard_body()
        connection.send(response(b"", 200, "Content-Length: 50000000", length=False))
        for _number in range(50):
            connection.send(b" " * 1000000)
            sent.append(1000000)

    with Server(script) as server:
        error = failure(post, server, kind=AnswerError)
        assert server.served.wait(PATIENCE)
    assert re.match("HTTP 200: .* longer than the 1048576 bytes", str(error))
    assert len(str(error)) < 600
    # The rest is what the buffers of the system hold.
    assert sum(sent) < 45000000


@pytest.mark.parametrize("body", [rapid(7)[:40], b"", rapid(7)])
def test_an_answer_that_is_shorter_than_it_says(post, body):
    """urllib3 1.26 takes that for a whole answer, 2.x does not."""
    data = response(b"", 200, "Content-Length: %d" % (len(body) + 10), length=False) + body
    with Server(sending(data)) as server:
        error = failure(post, server)
    assert str(error).startswith("the connection ended without a whole answer: ")
    assert error.accepted
    assert error.final


def test_a_broken_chunk(post):
    data = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"Rap\r\nzz\r\n'
    with Server(sending(data)) as server:
        assert failure(post, server).accepted


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["status", "headers", "body", "body-until-close"],
)
def test_an_answer_that_trickles_past_its_limit(post, start):
    """The limit holds for the whole answer; a timeout of a socket alone begins anew with each byte."""

    def script(connection):
        connection.read_head()
        connection.discard_body()
        connection.send(start)
        text = b"HTTP/1.1 200 OK\r\nX: " if not start else b"X: " if b"\r\n\r\n" not in start else b""
        connection.send(text)
        while not connection.server.over.wait(0.02):
            connection.send(b"x")

    with Server(script) as server:
        started = time.monotonic()
        error = failure(post, server, answer=SOON)
        assert time.monotonic() - started < SOON + 3
    assert str(error) == "connected, but no answer within 0.3 s"
    assert error.accepted


def test_an_answer_that_trickles_and_stops(post):
    """What is left of the limit is all that the next byte is waited for."""
    limit = 4

    def script(connection):
        connection.read_head()
        connection.discard_body()
        connection.server.over.wait(0.7 * limit)
        connection.send(b"HTTP/1.1 ")
        connection.sit()

    with Server(script) as server:
        started = time.monotonic()
        assert failure(post, server, answer=limit).accepted
        assert time.monotonic() - started < 1.5 * limit


# Interim answers (RFC 9110, 15.2), which say that the answer will come.


def test_a_peer_that_says_that_it_works(post):
    """Before the body, in it, right behind it, and while the peer deploys; also in pieces."""

    def script(connection):
        connection.send(PROCESSING)
        connection.read_head()
        connection.send(PROCESSING[:11])
        connection.discard_body()
        for piece in (PROCESSING[11:30], PROCESSING[30:] + PROCESSING[:5], PROCESSING[5:]):
            connection.server.over.wait(0.1)
            connection.send(piece)
        connection.send(response(rapid(SIZE)))

    with Server(script) as server:
        answer = post(server, sparse=SIZE)
    assert (answer.outcome, post.call.http_status) == ("rapid", 200)
    assert (post.call.sending.complete, post.call.sending.cut_short) == (True, False)


def test_the_flag_behind_an_interim_answer():
    with Server(sending(PROCESSING + response(b"true"))) as server:
        assert ask(server) is True


@pytest.mark.parametrize("status", [100, 102])
def test_interim_answers_without_end(post, monkeypatch, status):
    """One by one, they cannot be waited for longer than for one answer, nor can any number of them."""
    line = b"HTTP/1.1 %d X\r\n\r\n" % status

    def script(connection):
        connection.read_head()
        connection.discard_body()
        while not connection.server.over.wait(0.01):
            connection.send(line)

    with Server(script) as server:
        started = time.monotonic()
        error = failure(post, server, answer=SOON)
        assert time.monotonic() - started < SOON + 3
        assert (str(error), error.accepted) == ("connected, but no answer within 0.3 s", True)
    with Server(sending(line * 2 * _interim.MOST_INTERIM)) as server:
        error = failure(post, server)
    assert (f"more than {_interim.MOST_INTERIM} interim answers, as HTTP {status}" in str(error), error.accepted) == (
        True,
        True,
    )
    monkeypatch.setattr(_interim, "MOST_INTERIM", 3)
    with Server(sending(line * 3 + response(rapid(7)))) as server:
        assert post(server).outcome == "rapid"


def test_a_switch_of_protocols_is_an_answer(post):
    """Nothing that HTTP could read follows it."""
    early = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"

    def script(connection):
        connection.read_head()
        connection.send(early)
        connection.sit()

    with Server(script) as server:
        error = failure(post, server, kind=AnswerError, sparse=SIZE)
    assert re.match("HTTP 101: The peer's answer is empty", str(error))
    assert post.call.sending.cut_short


# Redirects: requests makes a GET of a POST after 302 and reports its 200; after 307 it sends the whole file again.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("body", [b"", rapid(7)])
def test_no_redirect_is_followed(post, status, body):
    with Server(answering(b"true")) as trap, Server(
        answering(body, "Location: http://127.0.0.1:%d/debug/allowExecutables" % trap.port, status=status)
    ) as server:
        if body:
            # The key decides, as ever.
            assert post(server).outcome == "rapid"
        else:
            error = failure(post, server, kind=AnswerError)
            assert "HTTP %d (a redirect to 'http://127.0.0.1:%d/debug/" % (status, trap.port) in str(error)
            assert "which is not followed" in str(error)
        error = failure(ask, server, kind=NotSwarmError)
        assert "a redirect to" in str(error)
        assert server.paths == ["POST /api/vray/upload", "GET /debug/allowExecutables"]
    assert (server.connections, trap.connections) == (2, 0)


@pytest.mark.parametrize("location", ["http://[", "\xff\xfe", "http://a\tb/" + "x" * 5000, "ftp://x", "//"])
def test_a_redirect_to_nonsense(post, location):
    with Server(answering(b"", "Location: " + location, status=302)) as server:
        assert len(str(failure(post, server, kind=AnswerError))) < 800
        assert len(str(failure(ask, server, kind=NotSwarmError))) < 800


def test_a_redirect_with_an_endless_body(post):
    """requests reads the body of a redirect to its end, even when told not to follow it."""
    sent = []

    def script(connection):
        connection.read_head()
        connection.discard_body()
        connection.send(response(b"", 302, "Location: /", "Content-Length: 50000000", length=False))
        for _number in range(50):
            connection.send(b" " * 1000000)
            sent.append(1000000)

    with Server(script) as server:
        failure(post, server, kind=AnswerError)
        assert server.served.wait(PATIENCE)
    assert sum(sent) < 45000000


# The environment.


def test_neither_proxies_nor_netrc_are_used(post, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login render password secret\ndefault login a password b\n")
    netrc.chmod(0o600)
    with Server(answering(b"true")) as proxy, Server(answering(rapid(7)), answering(b"true")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:%d" % proxy.port)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        assert post(server).outcome == "rapid"
        assert ask(server) is True
        assert [request.header("Authorization") for request in server.requests] == [[], []]
    assert proxy.connections == 0


# Nobody there.


@pytest.fixture
def nobody():
    """A port on which nobody listens, and which nobody else gets meanwhile."""

    class Nobody:
        host = "127.0.0.1"

    with socket.socket() as sock:
        sock.bind((Nobody.host, 0))
        Nobody.port = sock.getsockname()[1]
        yield Nobody


def test_refused(post, nobody):
    for error in (failure(post, nobody), failure(ask, nobody)):
        assert str(error) == "connection refused"
        assert "webPort" in error.hint
        assert not error.accepted
        assert not error.final
    assert post.call.http_status is None
    assert post.call.sending.file_bytes == 0


@pytest.mark.parametrize("read", [0, 1])
def test_a_peer_that_has_gone_is_noticed(post, monkeypatch, read):
    """It lost its power in the middle of the deployment: nobody says so but the system, when no sign of life comes."""
    asked, times = [], []

    def gone(sock, *arguments):
        asked.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        times.extend(
            sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
            if hasattr(socket, name)
        )
        if len(asked) <= read:
            return receive(sock, *arguments)
        raise OSError(errno.ETIMEDOUT, "Connection timed out")

    def script(connection):
        connection.read_head()
        connection.discard_body()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n{" if read else b"HTTP/1.1 200")
        connection.sit()

    receive = DeadlineSocket.recv_into
    monkeypatch.setattr(DeadlineSocket, "recv_into", gone)
    with Server(script) as server:
        error = failure(post, server)
    assert str(error) == "the connection ended without a whole answer: Connection timed out"
    assert error.accepted
    assert asked[0] and times[:3] == [60, 15, 12]


def test_a_name_that_nobody_knows(post, nobody, monkeypatch):
    def unknown(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for error in (failure(post, nobody, peer="peer07.invalid"), failure(ask, nobody, peer="peer07.invalid")):
        assert str(error) == "the name of the peer could not be resolved: Name or service not known"
        assert not error.accepted


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT])
def test_a_host_that_cannot_be_reached(post, nobody, monkeypatch, number):
    """ETIMEDOUT is the system's own timeout, and a socket.timeout since Python 3.10; nobody is connected then."""

    def unreachable(*_arguments, **_options):
        raise OSError(number, "The system says why")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    error = failure(post, nobody)
    assert str(error) in ("no connection: The system says why", "no connection within %d s" % PATIENCE)
    assert number == errno.ETIMEDOUT or "why" in str(error)
    assert not error.accepted


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="only Linux drops what its backlog cannot hold")
def test_a_host_that_does_not_answer_the_knock(post):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _number in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(address)

        class Full:
            host, port = address

        started = time.monotonic()
        error = failure(ask, Full, connect=SOON)
        assert time.monotonic() - started < 5
        assert str(error) == "no connection within 0.3 s"
        assert "firewall" in error.hint
        assert not failure(post, Full, connect=SOON).accepted
        assert time.monotonic() - started < 5
        for sock in waiting:
            sock.close()


@pytest.mark.parametrize("peer", ["a..b", ".local", "x" * 64, "*"])
def test_a_name_that_cannot_be_one(nobody, peer):
    with pytest.raises((OptionsError, TransportError)) as caught:
        ask(nobody, peer=peer)
    assert len(str(caught.value)) < 400
    assert "whole answer" not in str(caught.value)


# Silence and breaks.


def test_silence_after_the_body(post):
    """The peer may be deploying still: it may have accepted the build."""

    def script(connection):
        connection.read_head()
        connection.discard_body()
        connection.sit()

    with Server(script) as server:
        error = failure(post, server, answer=SOON)
    assert str(error) == "connected, but no answer within 0.3 s"
    assert error.accepted
    assert error.final
    assert post.call.sending.file_bytes == 7


def test_the_answer_has_its_own_limit(post):
    """Neither the connect nor the stall limit ends the wait for the answer."""

    def script(connection):
        connection.read_head()
        connection.discard_body()
        threading.Event().wait(3 * SOON)
        connection.send(response(rapid(7)))

    with Server(script) as server:
        assert post(server, connect=SOON, stall=SOON).outcome == "rapid"


def test_the_connect_limit_does_not_end_a_slow_upload(post):
    """urllib3 keeps the connect timeout while the body is sent, and sendall() applies it to the whole."""

    def script(connection):
        connection.read_head()
        pause, buffer = threading.Event(), bytearray(MIB)
        for _number in range(8):
            connection.sock.recv_into(buffer)
            pause.wait(SOON / 4)
        left = post.body.length
        connection.sock.settimeout(SOON)
        try:
            while left > 0 and connection.sock.recv_into(buffer):
                pass
        except socket.timeout:
            pass
        connection.send(response(rapid(64 * MIB)))

    with Server(script) as server:
        assert post(server, sparse=64 * MIB, connect=SOON).outcome == "rapid"


def test_a_close_after_the_body(post):
    """The peer had it all: it may have the build, and may have died while it deployed it."""

    def script(connection):
        connection.read_head()
        connection.discard_body()

    with Server(script) as server:
        error = failure(post, server)
    assert str(error).startswith("the connection ended without a whole answer: ")
    assert error.accepted


def test_a_reset_after_the_body(post):
    def script(connection):
        connection.read_head()
        connection.discard_body()
        connection.reset()

    with Server(script) as server:
        assert failure(post, server).accepted


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_break_in_the_middle(post, how):
    """The peer cannot have the build: sending it again is safe."""

    def script(connection):
        connection.read_head()
        connection.sock.recv(MIB)
        getattr(connection.sock if how == "close" else connection, how)()

    with Server(script) as server:
        error = failure(post, server, sparse=256 * MIB)
    assert str(error).startswith("the connection ended without a whole answer: ")
    assert not error.accepted
    assert not error.final
    assert post.call.sending.cut_short
    assert 0 <= post.call.sending.file_bytes < 32 * MIB
    assert post.call.http_status is None


def test_a_peer_that_stops_reading(post):
    def script(connection):
        connection.read_head()
        connection.sit()

    with Server(script) as server:
        error = failure(post, server, sparse=256 * MIB, stall=SOON)
    assert str(error) == "no byte moved for 0.3 s"
    assert not error.accepted


def test_a_file_that_shrinks(post, tmp_path):
    """Nothing hangs, and the peer sees that the body has no end."""
    rest = []

    def script(connection):
        connection.read_head()
        connection.sock.recv(1000)
        (tmp_path / "vray.tar").write_bytes(b"")
        rest.append(connection.read_to_end())

    with Server(script) as server:
        failure(post, server, sparse=256 * MIB, kind=BuildError)
        assert server.served.wait(PATIENCE)
    assert rest[0] < 256 * MIB


# The early answer.


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("after", ["close", "drain", "sit"])
@pytest.mark.parametrize("outcome, body", [ANSWERS[2], ANSWERS[3]])
def test_an_early_answer(post, outcome, body, after, length):
    """A peer that says no before it has read the body is heard, whatever it does then, and without a Content-Length.

    Such an answer ends with the connection: that of a peer that drains or sits never does.
    """

    def script(connection):
        connection.read_head()
        connection.send(response(body, 400, length=length))
        if after == "drain":
            connection.read_to_end()
        elif after == "sit":
            connection.sit()

    with Server(script) as server:
        assert post(server, sparse=256 * MIB).outcome == outcome
    assert post.call.sending.cut_short
    assert post.call.sending.handed < 32 * MIB
    assert post.call.http_status == 400


def test_an_early_answer_that_is_none(post):
    def script(connection):
        connection.read_head()
        connection.send(response(b"<h1>413 Request Entity Too Large</h1>", 413))

    with Server(script) as server:
        error = failure(post, server, sparse=256 * MIB, kind=AnswerError)
    assert re.match("HTTP 413: .* is HTML", str(error))


# Addresses.


def ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.skipif(not ipv6(), reason="no IPv6 here")
@pytest.mark.parametrize("peer", ["::1", "[::1]", "0:0:0:0:0:0:0:1"])
def test_ipv6(post, peer):
    with Server(answering(b"false"), answering(rapid(7)), host="::1") as server:
        assert ask(server, peer=peer) is False
        assert post(server, peer=peer).outcome == "rapid"
        assert server.requests[0].header("Host") == ["[%s]:%d" % (peer.strip("[]"), server.port)]


@pytest.mark.parametrize(
    "peer, host",
    [
        ("10.0.0.7", "10.0.0.7"),
        ("peer07.example.com", "peer07.example.com"),
        ("fe80::1", "[fe80::1]"),
        ("[fe80::1]", "[fe80::1]"),
        ("fe80::1%eth0", "[fe80::1%25eth0]"),
        ("[fe80::1%eth0]", "[fe80::1%25eth0]"),
        ("fe80::1%25eth0", "[fe80::1%25eth0]"),
        ("[fe80::1%25eth0]", "[fe80::1%25eth0]"),
        ("fe80::1%25", "[fe80::1%2525]"),
    ],
)
def test_the_url(peer, host):
    client = Client(peer, 1113, Limits())
    assert client.base_url == "http://%s:1113" % host
    assert client.upload_url == "http://%s:1113/api/vray/upload" % host


def test_a_zone_is_handed_to_the_system(nobody, monkeypatch):
    asked = []

    def resolve(host, *_arguments, **_options):
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    failure(ask, nobody, peer="fe80::1%eth0")
    failure(ask, nobody, peer="[fe80::1%25eth0]")
    assert asked == ["fe80::1%eth0", "fe80::1%eth0"]


# Is it Swarm, and does it allow executables?


@pytest.mark.parametrize(
    "body, flag", [(b"true", True), (b"false", False), (b" True\n", True), (b"\xef\xbb\xbffalse", False)]
)
@pytest.mark.parametrize("status", [200, 500])
def test_the_flag(body, flag, status):
    with Server(answering(body, status=status)) as server:
        assert ask(server) is flag
        assert server.paths == ["GET /debug/allowExecutables"]
        request = server.requests[0]
        assert request.header("Connection") == ["close"]
        assert request.header("Accept") == ["*/*"]
        assert request.header("Content-Length") == []
        assert request.header("Authorization") == []


@pytest.mark.parametrize(
    "body, status",
    [
        (b"<html>It works!</html>", 200),
        (b"not found", 404),
        (b"", 204),
        (b"", 200),
        (b"1", 200),
        (b'"true"', 200),
        (b'{"a": true}', 200),
        (b"\x00" * 100000, 200),
        (b"x" * (2 * MIB), 200),
    ],
)
def test_somebody_else_answers(body, status):
    with Server(answering(body, status=status)) as server:
        error = failure(ask, server, kind=NotSwarmError)
        assert str(error).startswith(
            "GET http://127.0.0.1:%d/debug/allowExecutables was answered with HTTP %d, but not as Swarm does: "
            % (server.port, status)
        )
    assert "another program" in error.hint
    assert error.final
    assert not error.accepted
    assert len(str(error)) < 800


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0-OpenSSH_9.6\r\n" + b"x" * 5000, b"\x00\x01\x02\x03\r\n", b"220 mail ready\r\n\r\n", b"x" * 100000],
)
def test_somebody_answers_who_speaks_no_http(data):
    with Server(sending(data)) as server:
        error = failure(ask, server, kind=NotSwarmError)
    assert "HTTP" in str(error)
    assert "another program" in error.hint
    assert len(str(error)) < 400


def test_a_flag_that_does_not_come():
    def script(connection):
        connection.read_head()
        connection.sit()

    with Server(script) as server:
        error = failure(ask, server, stall=SOON)
    assert str(error) == "connected, but no answer within 0.3 s"
    assert not error.accepted


def test_a_flag_that_ends_early():
    with Server(sending(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntru")) as server:
        assert not failure(ask, server).accepted


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\ntrue"])
def test_no_answer_at_all(data):
    with Server(sending(data)) as server:
        error = failure(ask, server)
    assert str(error).startswith("the connection ended without a whole answer: ")
    assert not error.accepted
    assert len(str(error)) < 400


# The library.


def test_requests_is_missing(post, nobody, monkeypatch):
    """It is imported where something is sent, not before; what is missing is told as Ansible does."""

    def missing(*_arguments):
        raise MissingRequestsError("Traceback: no module named requests")

    monkeypatch.setattr(_client, "_new_session", missing)
    failure(ask, nobody, kind=MissingRequestsError)
    failure(post, nobody, kind=MissingRequestsError)


def test_an_error_of_ours_is_not_made_a_failure_of_the_network(post, nobody, monkeypatch):
    monkeypatch.setattr(_sending.Sending, "over", lambda self, sock: 1 / 0)
    with Server(answering(rapid(7))) as server:
        with pytest.raises(ZeroDivisionError):
            post(server)


def test_the_version_of_an_answer(post):
    version = {"_revHash": "e8197af2", "_ver": {"_major": 7, "_minor": 0, "_release": 6}}
    assert version != VERSION
    with Server(answering(rapid(7, version))) as server:
        assert str(post(server).version) == "7.0.6-e8197af2"
