# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One body on its way, over real TCP connections on the loopback: what arrives, what is noticed, and what it costs."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
import struct
import threading
import time

import pytest
import ticks

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _sending
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError, TransportError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import Multipart
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits, Sending

MIB = 1 << 20
SIZES = [0, 1, 8191, 8192, 8193, MIB]
PATIENCE = 20
UNLIMITED = Limits()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

needs_sendfile = pytest.mark.skipif(not hasattr(os, "sendfile"), reason="no os.sendfile here")
needs_linux = pytest.mark.skipif(
    not os.path.exists("/proc/self/mountinfo"), reason="only Linux tells what is acknowledged"
)


class Peer:
    """The other end of a connection: what it does is done in a thread."""

    def __init__(self, sock):
        self.sock = sock
        self.over = threading.Event()
        self.received = b""
        self.count = 0
        self.thread = None
        self.error = None

    def start(self, script):
        def run():
            try:
                script(self)
            except BaseException as error:
                self.error = error

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        return self

    def join(self):
        self.over.set()
        if self.thread:
            self.thread.join(PATIENCE)
            assert not self.thread.is_alive()
        if self.error:
            raise self.error

    # Scripts.

    def keep(self):
        """Read and keep all that comes."""
        parts = []
        with contextlib.suppress(ConnectionError):
            while True:
                data = self.sock.recv(MIB)
                if not data:
                    break
                parts.append(data)
        self.received = b"".join(parts)
        self.count = len(self.received)

    def discard(self):
        buffer = bytearray(MIB)
        with contextlib.suppress(ConnectionError):
            while True:
                count = self.sock.recv_into(buffer)
                if not count:
                    break
                self.count += count

    def read(self, count):
        """Read at least so many bytes."""
        buffer = bytearray(MIB)
        while self.count < count:
            got = self.sock.recv_into(buffer, min(MIB, count - self.count))
            assert got
            self.count += got

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class World:
    """A connection, its two ends, and files to send; the fixture closes all."""

    def __init__(self, folder):
        self.folder = folder
        self.stack = contextlib.ExitStack()

    def connect(self, receive=None, send=None, segment=None, control=None, source=None):
        with socket.socket() as listener:
            if receive:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
            if segment:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            ours = self.stack.enter_context(socket.socket())
            if send:
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send)
            if control:
                ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
            if source:
                ours.bind((source, 0))
            ours.settimeout(PATIENCE)
            ours.connect(listener.getsockname())
            theirs, _address = listener.accept()
        self.stack.enter_context(theirs)
        theirs.settimeout(PATIENCE)
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(theirs)
        self.stack.callback(peer.join)
        # Whatever fails, the peer's thread does not wait for us, nor do we wait for ever.
        self.stack.callback(ours.close)
        timer = threading.Timer(2 * PATIENCE, ours.shutdown, [socket.SHUT_RDWR])
        timer.daemon = True
        timer.start()
        self.stack.callback(timer.cancel)
        return ours, peer

    def send_early(self, script):
        """Send more than a peer takes that follows the script; return both ends, and what became of it."""
        ours, peer = self.connect()
        peer.start(script)
        sending = Sending(self.body(sparse=EARLY), Limits(stall=PATIENCE))
        sending.over(ours)
        return ours, peer, sending

    def body(self, content=b"", sparse=0):
        self.path = str(self.folder / "vray.tar")
        with open(self.path, "wb") as file:
            file.write(content)
            if sparse:
                file.truncate(sparse)
        file = self.stack.enter_context(open(self.path, "rb", buffering=0))
        return Multipart(file, "vray.tar", False)


@pytest.fixture
def world(tmp_path, monkeypatch):
    # How often the loop looks at the clock: what waits for an acknowledgement need not wait that long here.
    monkeypatch.setattr(_sending, "_TICK", 0.02)
    made = World(tmp_path)
    with made.stack:
        yield made


def deliver(world, body, limits=UNLIMITED, script=Peer.keep, progress=None, use_sendfile=True, **buffers):
    """Send to a peer that takes all, and check what every such upload has in common."""
    ours, peer = world.connect(**buffers)
    peer.start(script)
    sending = Sending(body, limits, progress, use_sendfile)
    sending.over(ours)
    assert ours.gettimeout() == PATIENCE
    ours.shutdown(socket.SHUT_WR)
    peer.thread.join(PATIENCE)
    assert peer.count == body.length
    assert (sending.handed, sending.complete, sending.cut_short) == (body.length, True, False)
    assert (sending.arrived, sending.file_bytes) == (body.length, body.size)
    return sending, peer


def content_of(size):
    return (os.urandom(1021) * (size // 1021 + 1))[:size]


@pytest.fixture
def counted(monkeypatch):
    """How often the system was asked to send from the file, and the number of bytes that it took so."""
    calls = []
    real = getattr(os, "sendfile", None)

    def count(*arguments):
        sent = real(*arguments)
        calls.append(sent)
        return sent

    monkeypatch.setattr(os, "sendfile", count, raising=False)
    return calls


# What arrives.


@pytest.mark.parametrize("use_sendfile", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_the_bytes_that_arrive(world, size, use_sendfile, counted):
    content = content_of(size)
    body = world.body(content)
    _sending, peer = deliver(world, body, use_sendfile=use_sendfile)
    assert peer.received == body.head + content + body.tail
    assert sum(counted) == (size if use_sendfile and hasattr(os, "sendfile") else 0)


@pytest.fixture
def needs_control():
    """Skip where the system has no such congestion control."""

    def need(control):
        with socket.socket() as sock:
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
            except OSError as error:
                pytest.skip("%s is not to be had here: %s" % (control, error))

    return need


@needs_linux
@pytest.mark.parametrize("control, by_sendfile", [("reno", True), ("cubic", True), ("bbr", False)])
def test_the_connection_decides_how_it_is_sent(world, needs_control, control, by_sendfile, counted):
    """BBR paces a connection, and pages that were handed over are slower than copies there: docs/performance.md."""
    needs_control(control)
    content = content_of(MIB + 1)
    body = world.body(content)
    # From another address, as if over a network.
    _sending, peer = deliver(world, body, use_sendfile=None, control=control, source="127.0.0.2")
    assert peer.received == body.head + content + body.tail
    assert sum(counted) == (len(content) if by_sendfile else 0)


@needs_linux
@pytest.mark.parametrize("source, paced", [("127.0.0.1", False), ("127.0.0.2", True)])
def test_a_connection_to_the_machine_itself_is_not_paced(world, needs_control, source, paced, counted):
    needs_control("bbr")
    ours, peer = world.connect(control="bbr", source=source)
    peer.start(Peer.keep)
    content = content_of(MIB + 1)
    sending = Sending(world.body(content), UNLIMITED)
    sending.over(ours)
    assert sending.complete
    name = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0")
    assert (name, sum(counted)) == ((b"bbr", 0) if paced else (b"reno", len(content)))


class Firm(socket.socket):
    """A socket that keeps the congestion control that it has."""

    def setsockopt(self, *arguments):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


@needs_linux
def test_a_pace_that_cannot_be_changed_is_lived_with(world, needs_control, counted):
    needs_control("bbr")
    ours, peer = world.connect(control="bbr")
    peer.start(Peer.keep)
    body = world.body(content_of(MIB + 1))
    sending = Sending(body, UNLIMITED)
    with Firm(fileno=os.dup(ours.fileno())) as firm:
        sending.over(firm)
    ours.shutdown(socket.SHUT_WR)
    peer.thread.join(PATIENCE)
    assert (sending.complete, peer.count, counted) == (True, body.length, [])


@needs_sendfile
def test_a_system_that_cannot_tell_sends_by_sendfile(world, monkeypatch, counted):
    monkeypatch.delattr(socket, "TCP_CONGESTION", raising=False)
    body = world.body(content_of(MIB))
    deliver(world, body, use_sendfile=None)
    assert sum(counted) == MIB


@pytest.mark.parametrize("use_sendfile", [True, False])
def test_a_reader_with_a_small_buffer(world, use_sendfile):
    """Pieces end anywhere, also in the middle of a block."""
    content = content_of(3 * MIB + 17)
    body = world.body(content)
    _sending, peer = deliver(world, body, use_sendfile=use_sendfile, receive=4096, send=4096)
    assert hashlib.sha256(peer.received).digest() == hashlib.sha256(body.head + content + body.tail).digest()


@needs_sendfile
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW])
@pytest.mark.parametrize("after", [0, 1])
def test_blocks_where_sendfile_does_not_work(world, monkeypatch, number, after):
    """Some file systems cannot do it; one may even notice in the middle."""
    real, calls = os.sendfile, []

    def fail(*arguments):
        calls.append(arguments)
        if len(calls) > after:
            raise OSError(number, os.strerror(number))
        return real(arguments[0], arguments[1], arguments[2], 100000)

    monkeypatch.setattr(os, "sendfile", fail)
    content = content_of(2 * MIB)
    body = world.body(content)
    _sending, peer = deliver(world, body)
    assert peer.received == body.head + content + body.tail
    assert len(calls) == after + 1


def test_blocks_where_there_is_no_sendfile(world, monkeypatch):
    monkeypatch.delattr(os, "sendfile", raising=False)
    content = content_of(MIB + 1)
    body = world.body(content)
    _sending, peer = deliver(world, body)
    assert peer.received == body.head + content + body.tail


def test_it_is_what_requests_takes_for_a_stream_with_a_length(world):
    body = world.body(b"content")
    sending = Sending(body, Limits())
    assert sending.len == body.length
    assert list(sending) == [sending]
    assert not isinstance(sending, (str, bytes, list, tuple, dict))


@pytest.mark.parametrize("timeout", [None, 7.5])
def test_the_timeout_of_the_socket_comes_back(world, timeout):
    ours, peer = world.connect()
    ours.settimeout(timeout)
    peer.start(Peer.keep)
    Sending(world.body(b"x" * 9), Limits()).over(ours)
    assert ours.gettimeout() == timeout


# The early answer. The file is sparse, and larger than anything that buffers hold.

EARLY = 256 * MIB
HEARD_WITHIN = 32 * MIB


def early_then_close(peer):
    peer.read(100)
    peer.sock.sendall(ANSWER)
    peer.sock.close()  # With unread bytes: the system sends a reset.


def early_then_shut(peer):
    peer.read(100)
    peer.sock.sendall(ANSWER)
    peer.sock.shutdown(socket.SHUT_WR)
    peer.over.wait(PATIENCE)


def early_then_drain(peer):
    peer.read(100)
    peer.sock.sendall(ANSWER)
    peer.discard()


def early_then_sit(peer):
    peer.read(100)
    peer.sock.sendall(ANSWER)
    peer.over.wait(PATIENCE)


def early_in_the_middle(peer):
    peer.read(5 * MIB)
    peer.sock.sendall(ANSWER)
    peer.over.wait(PATIENCE)


@pytest.mark.parametrize("use_sendfile", [True, False])
@pytest.mark.parametrize(
    "script", [early_then_close, early_then_shut, early_then_drain, early_then_sit, early_in_the_middle]
)
def test_an_early_answer_is_heard(world, script, use_sendfile):
    ours, peer = world.connect()
    peer.start(script)
    sending = Sending(world.body(sparse=EARLY), Limits(stall=PATIENCE), use_sendfile=use_sendfile)
    started = time.monotonic()
    sending.over(ours)
    assert time.monotonic() - started < PATIENCE / 2
    assert (sending.cut_short, sending.complete) == (True, False)
    assert sending.handed < HEARD_WITHIN
    assert 0 <= sending.file_bytes <= sending.arrived <= sending.handed
    assert ours.recv(1000) == ANSWER


def test_an_answer_to_the_whole_body_is_not_early(world):
    def script(peer):
        peer.read(body.length)
        peer.sock.sendall(ANSWER)

    body = world.body(content_of(MIB))
    ours, peer = world.connect()
    peer.start(script)
    sending = Sending(body, Limits())
    sending.over(ours)
    assert (sending.cut_short, sending.complete, sending.file_bytes) == (False, True, MIB)
    assert ours.recv(1000) == ANSWER


def test_a_peer_that_closes_without_a_word(world):
    def script(peer):
        peer.read(MIB)
        peer.sock.close()

    ours, _peer, sending = world.send_early(script)
    assert (sending.cut_short, sending.complete) == (True, False)
    with contextlib.suppress(ConnectionError):
        assert ours.recv(1) == b""


@pytest.mark.parametrize("use_sendfile", [True, False])
def test_a_reset(world, use_sendfile):
    def script(peer):
        peer.read(MIB)
        peer.reset()

    ours, peer = world.connect()
    peer.start(script)
    sending = Sending(world.body(sparse=EARLY), Limits(stall=PATIENCE), use_sendfile=use_sendfile)
    sending.over(ours)
    assert (sending.cut_short, sending.complete) == (True, False)
    assert sending.handed < HEARD_WITHIN


def test_a_connection_that_breaks_otherwise(world, monkeypatch):
    """A cable, a firewall: no answer can be read after that."""
    ours, peer = world.connect()
    peer.start(Peer.discard)

    def broken(*_arguments):
        raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))

    monkeypatch.setattr(_sending._File, "send", broken)
    sending = Sending(world.body(b"content"), Limits())
    with pytest.raises(TransportError, match="the connection broke: No route to host") as caught:
        sending.over(ours)
    assert not caught.value.accepted
    assert ours.gettimeout() == PATIENCE


# Interim responses (RFC 9110, 15.2): a peer may send one though nobody asked for it.


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.0 100 Continue\r\nX: y\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    ],
)
def test_an_interim_response_is_dropped(world, interim):
    def script(peer):
        peer.sock.sendall(interim)
        peer.discard()

    body = world.body(sparse=16 * MIB)
    ours, peer = world.connect()
    peer.start(script)
    sending = Sending(body, Limits())
    sending.over(ours)
    assert (sending.cut_short, sending.complete) == (False, True)
    peer.sock.sendall(ANSWER)
    assert ours.recv(1000) == ANSWER
    ours.shutdown(socket.SHUT_WR)
    peer.thread.join(PATIENCE)
    assert peer.count == body.length


@pytest.mark.parametrize(
    "first, second, third",
    [
        (b"HTTP/1.1 100 Cont", b"inue\r\n\r", b"\n"),
        # Its status is not known yet.
        (b"HTTP/1.", b"1 102 Processing\r\n\r", b"\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\nH", b"TTP/1.1 10", b"3 Early Hints\r\n\r\n"),
    ],
    ids=["headers", "status", "another"],
)
def test_an_interim_response_in_segments(world, first, second, third):
    """Half of one is no answer: to stop there would leave both sides waiting for each other."""

    def script(peer):
        peer.sock.sendall(first)
        peer.read(MIB)
        peer.sock.sendall(second)
        peer.read(12 * MIB)
        peer.sock.sendall(third)
        peer.discard()

    body = world.body(sparse=64 * MIB)
    ours, peer = world.connect(receive=65536, send=65536)
    peer.start(script)
    sending = Sending(body, Limits(stall=5))
    sending.over(ours)
    assert (sending.cut_short, sending.complete) == (False, True)
    peer.sock.sendall(ANSWER)
    assert ours.recv(1000) == ANSWER


def test_an_early_answer_in_segments(world):
    """Whoever waits for an answer hears each byte of it again."""

    def script(peer):
        peer.sock.sendall(ANSWER[:7])
        peer.read(MIB)
        peer.sock.sendall(ANSWER[7:])
        peer.over.wait(PATIENCE)

    ours, peer, sending = world.send_early(script)
    assert (sending.cut_short, sending.complete) == (True, False)
    assert ours.recv(1000) == ANSWER
    peer.sock.sendall(b"x")
    assert ours.recv(1000) == b"x"


def test_a_peer_that_closes_after_some_bytes(world):
    def script(peer):
        peer.sock.sendall(b"HTTP")
        peer.sock.shutdown(socket.SHUT_WR)
        peer.over.wait(PATIENCE)

    ours, _peer, sending = world.send_early(script)
    assert (sending.cut_short, sending.complete) == (True, False)
    assert ours.recv(1000) == b"HTTP"


def test_an_answer_right_behind_an_interim_response(world):
    def script(peer):
        peer.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER)
        peer.over.wait(PATIENCE)

    ours, _peer, sending = world.send_early(script)
    assert sending.cut_short
    assert ours.recv(1000) == ANSWER


# The stall limit.


def test_a_peer_that_does_not_read(world):
    def script(peer):
        peer.read(1000)
        peer.over.wait(PATIENCE)

    ours, peer = world.connect()
    peer.start(script)
    sending = Sending(world.body(sparse=EARLY), Limits(stall=0.3))
    started, worked = time.monotonic(), time.thread_time()
    with pytest.raises(TransportError, match=r"no byte moved for 0.3 s") as caught:
        sending.over(ours)
    assert 0.3 <= time.monotonic() - started < 5
    # Waiting costs next to nothing; what it cost to fill the buffers is in it, too.
    assert time.thread_time() - worked < 0.15
    assert not caught.value.accepted
    assert "disk full" in caught.value.hint
    assert not sending.complete
    assert 0 <= sending.file_bytes <= sending.arrived <= sending.handed < HEARD_WITHIN
    assert ours.gettimeout() == PATIENCE


@needs_linux
def test_a_stall_after_the_last_byte_was_handed_over(world):
    """What lies in this system's buffer may or may not have arrived: the peer may have the build."""
    ours, _peer = world.connect(receive=4096, send=1 << 20)
    sending = Sending(world.body(b"x" * 200000), Limits(stall=0.3))
    with pytest.raises(TransportError, match="no byte moved") as caught:
        sending.over(ours)
    assert sending.complete
    assert caught.value.accepted
    assert sending.arrived < sending.handed


@needs_linux
@pytest.mark.parametrize("told", [True, False])
def test_a_slow_upload_is_not_a_stalled_one(world, monkeypatch, told):
    """poll() calls a socket writable when a third of its buffer is free: on a slow link, later than the limit.

    Without what the system tells of acknowledged bytes, the same upload is cut off: that proves the first half.
    """
    fast = threading.Event()

    def script(peer):
        pause = threading.Event()
        buffer = bytearray(4096)
        while not fast.is_set() and not peer.over.is_set():
            peer.count += peer.sock.recv_into(buffer)
            pause.wait(0.02)
        peer.discard()

    if not told:
        monkeypatch.setattr(_sending, "_unacknowledged", lambda sock: 0)
    stall = 0.8  # much longer than a busy machine lets a thread wait
    body = world.body(sparse=16 * MIB)
    # Small segments, as on a real link: the loopback's are as large as its buffer.
    ours, peer = world.connect(receive=32768, send=4 * MIB, segment=1400)
    peer.start(script)
    notes = []
    sending = Sending(
        body, Limits(stall=stall, progress=0.01), lambda *_values: notes.append((sending.handed, time.monotonic()))
    )
    timer = threading.Timer(4 * stall, fast.set)
    timer.start()
    try:
        if told:
            sending.over(ours)
            assert sending.complete
            # How long nothing could be handed over, however many steps it took to fill the buffer.
            times = {}
            for handed, when in notes:
                times.setdefault(handed, []).append(when)
            assert max(still[-1] - still[0] for still in times.values()) > 1.5 * stall
        else:
            with pytest.raises(TransportError, match="no byte moved"):
                sending.over(ours)
    finally:
        timer.cancel()
        fast.set()
        timer.join()


# The file, while it is sent.


def sent_while(world, change, use_sendfile, size=64 * MIB):
    """Send a file that is changed after a MiB; return the error and what the peer got."""
    body = world.body(sparse=size)
    reached, changed = threading.Event(), threading.Event()

    def script(peer):
        peer.read(MIB)
        reached.set()
        assert changed.wait(PATIENCE)
        tail = b""
        with contextlib.suppress(ConnectionError):
            while True:
                data = peer.sock.recv(MIB)
                if not data:
                    break
                peer.count += len(data)
                tail = (tail + data)[-200:]
        peer.received = tail

    def changer():
        assert reached.wait(PATIENCE)
        ticks.next_tick(world.path)
        change(world.path)
        changed.set()

    ours, peer = world.connect(receive=65536, send=65536)
    peer.start(script)
    thread = threading.Thread(target=changer, daemon=True)
    thread.start()
    sending = Sending(body, Limits(stall=PATIENCE), use_sendfile=use_sendfile)
    error = None
    try:
        sending.over(ours)
    except BuildError as caught:
        error = caught
    ours.close()
    thread.join(PATIENCE)
    peer.thread.join(PATIENCE)
    return sending, error, peer, body


def shrink(path):
    os.truncate(path, 2 * MIB)


def grow(path):
    with open(path, "ab") as file:
        file.write(b"more")


def rewrite(path):
    with open(path, "r+b") as file:
        file.write(b"other")


@pytest.mark.parametrize("use_sendfile", [True, False])
@pytest.mark.parametrize("change", [shrink, grow, rewrite])
def test_a_file_that_changes_is_noticed(world, change, use_sendfile):
    """The closing boundary never goes out, so no peer takes what it got for a build."""
    sending, error, peer, body = sent_while(world, change, use_sendfile)
    assert str(error).startswith(world.path + " changed while it was sent")
    assert "peer keeps nothing" in str(error)
    assert not sending.complete
    assert body.tail.strip() not in peer.received
    assert peer.count <= body.length - len(body.tail)
    if change is shrink:
        # Noticed at once, not at the end.
        assert sending.handed <= 3 * MIB + len(body.head)
        assert "it had 67108864 bytes, and has 2097152 now (noticed after 2097152)" in str(error)


def test_a_new_file_under_the_old_name_does_no_harm(world):
    """What was opened is sent to its end, and it is whole."""

    def replace(path):
        with open(path + ".new", "wb") as file:
            file.write(b"new")
        os.rename(path + ".new", path)

    sending, error, peer, body = sent_while(world, replace, True, 8 * MIB)
    assert error is None
    assert sending.complete
    assert peer.count == body.length
    assert peer.received.endswith(body.tail)


def test_an_empty_file_that_grows(world):
    ours, peer = world.connect()
    peer.start(Peer.keep)
    sending = Sending(world.body(b""), Limits())
    grow(world.path)
    with pytest.raises(BuildError, match="it had 0 bytes, and has 4 now"):
        sending.over(ours)


@pytest.mark.parametrize("use_sendfile", [pytest.param(True, marks=needs_sendfile), False])
def test_a_file_that_cannot_be_read(world, monkeypatch, use_sendfile):
    """A disk or a file server fails in the middle."""
    ours, peer = world.connect()
    peer.start(Peer.keep)
    body = world.body(sparse=16 * MIB)

    def fail(*_arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    class Broken:
        """The file, whose disk fails."""

        name = world.path
        fileno = body.file.fileno
        seek = body.file.seek
        readinto = fail

    if use_sendfile:
        monkeypatch.setattr(os, "sendfile", fail)
    body.file = Broken()
    sending = Sending(body, Limits(), use_sendfile=use_sendfile)
    with pytest.raises(
        BuildError, match=r"vray.tar could not be read at byte 0: Input/output error.*peer keeps nothing"
    ):
        sending.over(ours)
    ours.close()
    peer.thread.join(PATIENCE)
    assert peer.received == body.head
    assert not sending.complete


# The rate limit.


def test_the_rate_limit(world):
    """The first quarter of a second's worth may go at once; the rest takes its time, and next to no processor."""
    body = world.body(sparse=4 * MIB)
    started, worked = time.monotonic(), time.thread_time()
    deliver(world, body, Limits(rate=8 * MIB), Peer.discard)
    assert time.monotonic() - started >= 0.2
    assert time.thread_time() - worked < 0.15


def test_a_rate_limit_of_some_bytes(world):
    """Waiting for one's own limit is not a stall."""
    body = world.body(b"")
    started = time.monotonic()
    deliver(world, body, Limits(rate=body.length, stall=0.4), Peer.discard)
    # Longer than the limit for a stall, which is longer than a processor may be away.
    assert time.monotonic() - started >= 0.5


def test_an_answer_is_heard_while_the_limit_holds_back(world):
    ours, peer = world.connect()
    peer.start(early_then_sit)
    sending = Sending(world.body(sparse=EARLY), Limits(rate=1000, stall=PATIENCE))
    started = time.monotonic()
    sending.over(ours)
    assert time.monotonic() - started < PATIENCE / 2
    assert sending.cut_short


def test_a_stall_is_noticed_under_a_rate_limit(world):
    ours, _peer = world.connect(receive=4096, send=4096)
    sending = Sending(world.body(sparse=EARLY), Limits(rate=10 * MIB, stall=0.3))
    worked = time.thread_time()
    with pytest.raises(TransportError, match="no byte moved"):
        sending.over(ours)
    assert time.thread_time() - worked < 0.15


# The progress.


def test_the_progress(world):
    told = []
    body = world.body(sparse=4 * MIB)
    started = time.monotonic()
    deliver(
        world,
        body,
        Limits(rate=6 * MIB, progress=0.1),
        Peer.discard,
        lambda sent, total, speed: told.append((time.monotonic() - started, sent, total, speed)),
    )
    assert told[0][0] >= 0.1
    assert len(told) >= 2
    # One that was late is not made up for.
    assert told[-1][0] >= 0.1 * len(told) - 0.02
    counts = [sent for _when, sent, _total, _speed in told]
    assert counts == sorted(counts)
    assert 0 < counts[-1] <= body.length
    assert {total for _when, _sent, total, _speed in told} == {body.length}
    assert all(speed >= 0 for _when, _sent, _total, speed in told)


@pytest.mark.parametrize("interval", [0, 60])
def test_no_progress_of_a_short_upload(world, interval):
    told = []
    deliver(world, world.body(b"x"), Limits(progress=interval), progress=lambda *values: told.append(values))
    assert told == []


# What the system does not tell.


@pytest.mark.parametrize("platform", ["sunos5", "darwin"])
def test_systems_that_do_not_tell_what_was_acknowledged(world, monkeypatch, platform):
    """What was handed over counts then."""
    monkeypatch.setattr(_sending.sys, "platform", platform)
    monkeypatch.setattr(_sending, "_unacknowledged", _sending._unacknowledged)
    deliver(world, world.body(content_of(100000)))


def test_a_system_whose_events_come_one_by_one(world, monkeypatch):
    """kqueue reports reading and writing apart, writing first: the answer must be looked for all the same."""
    real = _sending.selectors.DefaultSelector

    class Apart(real):
        def select(self, timeout=None):
            both = [(key, 2) for key, events in super().select(timeout) if events & 2]
            return both + [(key, 1) for key, events in super().select(0) if events & 1]

    monkeypatch.setattr(_sending.selectors, "DefaultSelector", Apart)
    ours, peer = world.connect()
    peer.start(early_then_drain)
    sending = Sending(world.body(sparse=EARLY), Limits(stall=PATIENCE))
    sending.over(ours)
    assert sending.cut_short
    assert sending.handed < HEARD_WITHIN
