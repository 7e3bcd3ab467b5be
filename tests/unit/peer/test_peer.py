# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reference peer does what the vendor's page says, and misbehaves as it is told."""

from __future__ import annotations

import base64
import gc
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
import urllib.parse
import warnings

import pytest

from swarm_peer import Peer, builds, faults, settings

PEER_DIR = pathlib.Path(__file__).resolve().parents[2] / "peer"
VERSION = {"_revHash": "e8197af2", "_ver": {"_major": 6, "_minor": 20, "_release": 10}}
BOUNDARY = "--------------------------4ae1c0de"
UPLOAD = "/api/vray/upload"
NEVER = 3600.0  # an uploadsQueuePeriod that does not come round during a test


@pytest.fixture(name="peers")
def peers_fixture(tmp_path: pathlib.Path) -> t.Iterator[t.Callable[..., Peer]]:
    """Starts peers, each with directories of its own, and stops them."""
    started: list[Peer] = []

    def start(**options: t.Any) -> Peer:
        options.setdefault("uploads_queue_period", NEVER)
        home = tmp_path / f"peer{len(started)}"
        peer = Peer(home / "data", temp_dir=home / "tmp", log=home.with_suffix(".log"), **options)
        started.append(peer)
        peer.start()
        return peer

    yield start
    for peer in started:
        peer.stop()


@pytest.fixture(name="archive", scope="module")
def archive_fixture(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return builds.make_archive(tmp_path_factory.mktemp("builds") / "vray-lin-df715d3c8ff9.tar", size=300_001)


@pytest.fixture(name="installer", scope="module")
def installer_fixture(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return builds.make_installer(tmp_path_factory.mktemp("builds") / "vraystd_adv_71000_rhel8", size=200_003)


class Reply(t.NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> t.Any:
        return json.loads(self.body)


def part(headers: str, content: bytes) -> bytes:
    return f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n"


def form(content: bytes, name: str = "vray.tar", queued: str = "false", extra: str = "") -> bytes:
    return (
        part('Content-Disposition: form-data; name="queued"', queued.encode())
        + part(f'Content-Disposition: form-data; name="file"; filename="{name}"' + extra, content)
        + f"--{BOUNDARY}--\r\n".encode()
    )


def request(peer: Peer, method: str, path: str, body: t.Any = None, **options: t.Any) -> Reply:
    connection = http.client.HTTPConnection(peer.address, peer.port, timeout=10)
    try:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"} if method == "POST" else {}
        connection.request(method, path, body, {**headers, **options.pop("headers", {})}, **options)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def post(peer: Peer, content: bytes, **options: t.Any) -> Reply:
    return request(peer, "POST", UPLOAD, form(content, **options))


def open_upload(peer: Peer, length: int) -> socket.socket:
    """A connection on which the headers of an upload were sent."""
    connection = socket.create_connection((peer.address, peer.port), 10)
    connection.sendall(
        f"POST {UPLOAD} HTTP/1.1\r\nHost: peer\r\nContent-Length: {length}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
    )
    return connection


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def imported(peer: Peer) -> list[str]:
    return sorted(os.listdir(peer.store.import_dir))


def deployed(peer: Peer) -> list[str]:
    return sorted(name for name in os.listdir(peer.store.vray_dir) if name != "import")


def assert_nothing_kept(peer: Peer) -> None:
    assert imported(peer) == [] and deployed(peer) == [] and os.listdir(peer.temp_dir) == []


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- the four answers


def test_the_pages_own_curl_line(peers: t.Callable[..., Peer], archive: pathlib.Path, tmp_path: pathlib.Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("there is no curl")
    peer = peers(address="127.0.0.1")
    (tmp_path / "tmp").mkdir()
    shutil.copy(archive, tmp_path / "tmp" / archive.name)
    line = (
        "curl -v -Fqueued=false -F \\\n"
        "file=@$HOME/tmp/vray-lin-df715d3c8ff9.tar\\\n"
        f" localhost:{peer.port}/api/vray/upload\n"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "no_proxy": "*"}
    done = subprocess.run(["sh", "-c", line], capture_output=True, env=environment, timeout=20, check=True)
    answer = json.loads(done.stdout)["RapidUR"]
    assert peer.wait_for("upload")["fields"] == ["queued", "file"]
    assert set(answer) == {"takenSeconds", "tmpFile", "uploadedFileSize", "deployedInDirectory", "uploadedVrayVersion"}
    assert answer["uploadedFileSize"] == 300_001


def test_rapid(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers()
    content = archive.read_bytes()
    reply = post(peer, content, name=archive.name)
    answer = reply.json["RapidUR"]
    directory = pathlib.Path(peer.data_dir, "VRay", "vray-6.20.10-e8197af2")
    assert reply.status == 200 and reply.headers["Content-Type"].startswith("application/json")
    assert answer["deployedInDirectory"] == str(directory)
    assert answer["uploadedVrayVersion"] == VERSION
    assert answer["uploadedFileSize"] == len(content) and isinstance(answer["takenSeconds"], int)
    assert re.fullmatch(re.escape(peer.temp_dir) + rf"/servant-multipart{os.getpid()}-[0-9]+\.buf", answer["tmpFile"])
    assert (directory / "bin" / "vray").read_bytes()[:4] == b"\x7fELF"
    assert pathlib.Path(peer.store.import_dir, archive.name).read_bytes() == content
    assert os.listdir(peer.temp_dir) == []
    event = peer.wait_for("upload", answer="RapidUR")
    assert event["sha256"] == sha256(content) and event["file_bytes"] == len(content)
    assert event["body_bytes"] == len(form(content, name=archive.name))
    # The file that is kept is no news for the next poll.
    peer.store.scan()
    assert not peer.log.matching("import")


def test_existing(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers(status=409)
    assert "RapidUR" in post(peer, archive.read_bytes(), name="first.tar").json
    for queued in ("false", "true"):
        reply = post(peer, archive.read_bytes(), name="second.tar", queued=queued)
        answer = reply.json["ExistingUR"]
        assert reply.status == 409
        assert answer["message"] == "V-Ray version already exists" and answer["uploadedVrayVersion"] == VERSION
        assert answer["tmpFile"].endswith(".buf")
    assert imported(peer) == ["first.tar"] and os.listdir(peer.temp_dir) == []


def test_queued(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers(uploads_queue_period=0.05)
    answer = post(peer, archive.read_bytes(), name=archive.name, queued="true").json["QueuedUR"]
    assert set(answer) == {"queuedAs", "uploadedFileSize", "tmpFile"}
    assert answer["queuedAs"] == os.path.join(peer.store.import_dir, archive.name)
    assert peer.wait_for("import", name=archive.name)["result"] == "deployed"
    assert deployed(peer) == ["vray-6.20.10-e8197af2"] and imported(peer) == [archive.name]


@pytest.mark.parametrize("queued", ["true", "false"])
@pytest.mark.parametrize(
    "kept_as, name", [("uuid", r"[0-9a-f-]{36}\.upload"), ("version", r"vray-6\.20\.10-e8197af2\.tar")]
)
def test_another_name_in_the_import_directory(
    peers: t.Callable[..., Peer], archive: pathlib.Path, queued: str, kept_as: str, name: str
) -> None:
    peer = peers(uploads_queue_period=0.05, kept_as=kept_as)
    answer = post(peer, archive.read_bytes(), queued=queued).json
    (kept,) = imported(peer)
    assert re.fullmatch(name, kept)
    if queued == "true":
        assert answer["QueuedUR"]["queuedAs"] == os.path.join(peer.store.import_dir, kept)
        assert peer.wait_for("import", name=kept)["result"] == "deployed"
    assert deployed(peer) == ["vray-6.20.10-e8197af2"]


def test_rapid_uploads_are_kept_in_the_data_directory_beside_another_import_directory(
    peers: t.Callable[..., Peer], archive: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    peer = peers(import_dir=other, kept_in="data")
    assert "RapidUR" in post(peer, archive.read_bytes()).json
    assert list(other.iterdir()) == []
    assert os.listdir(os.path.join(peer.store.vray_dir, "import")) == ["vray.tar"]


def test_queued_is_not_deployed_before_its_time(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers()
    assert "QueuedUR" in post(peer, archive.read_bytes(), queued="true").json
    assert deployed(peer) == [] and imported(peer) == ["vray.tar"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (form(b"x", queued="False"), "queued is not a JSON boolean"),
        (form(b"x", queued='"true"'), "queued is not a JSON boolean"),
        (form(b"not a tar"), "not a V-Ray build"),
        (form(b""), "not a V-Ray build"),
        (form(b"x", name=""), "not a file name"),
        (form(b"x", name="a\0b"), "not a file name"),
        (form(b"x", name="x" * 300), "name too long"),
        (form(b"x")[:-4], "multipart body is malformed"),
        (form(b"x")[:80], "multipart body is malformed"),
        (b"", "multipart body is malformed"),
        (b"hello", "multipart body is malformed"),
        (
            part('Content-Disposition: form-data; name="queued"', b"true") + f"--{BOUNDARY}--".encode(),
            "file is missing",
        ),
        (
            part('Content-Disposition: form-data; name="file"; filename="a"', b"x") + f"--{BOUNDARY}--".encode(),
            "queued is missing",
        ),
    ],
)
def test_failures_keep_nothing(peers: t.Callable[..., Peer], body: bytes, message: str) -> None:
    peer = peers(deploy_anything="name too long" in message)
    reply = request(peer, "POST", UPLOAD, body)
    answer = reply.json["FailUR"]
    assert message in answer["message"].lower().replace("v-ray", "V-Ray").replace("json", "JSON")
    assert set(answer) == {"message", "tmpFile"}
    assert_nothing_kept(peer)


def test_a_truncated_archive_keeps_nothing(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers()
    assert "ends inside a member" in post(peer, archive.read_bytes()[:200_000]).json["FailUR"]["message"]
    assert_nothing_kept(peer)


def test_a_foreign_archive_keeps_nothing(peers: t.Callable[..., Peer], tmp_path: pathlib.Path) -> None:
    peer = peers()
    foreign = builds.make_archive(tmp_path / "win.tar", platform="Windows_x86")
    assert "Windows_x86" in post(peer, foreign.read_bytes()).json["FailUR"]["message"]
    assert_nothing_kept(peer)


def test_a_read_only_import_directory_takes_the_build_back(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers(import_dir="/proc/self/no-such-share")
    assert "FailUR" in post(peer, archive.read_bytes()).json
    assert not [name for name in os.listdir(peer.store.vray_dir) if name != "import"]
    assert os.listdir(peer.temp_dir) == []


def test_a_temporary_directory_on_another_file_system(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    shm = pathlib.Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev or not os.access(shm, os.W_OK):
        pytest.skip("there is no second file system")
    with tempfile.TemporaryDirectory(dir=shm) as temp_dir, Peer(tmp_path, temp_dir=temp_dir) as peer:
        assert "RapidUR" in post(peer, archive.read_bytes(), name=archive.name).json
        assert imported(peer) == [archive.name] and os.listdir(temp_dir) == []
        assert pathlib.Path(peer.store.import_dir, archive.name).read_bytes() == archive.read_bytes()
        assert not peer.log.matching("import")


# --- installers


@pytest.mark.parametrize("queued", ["true", "false"])
def test_installers_are_refused_by_default(peers: t.Callable[..., Peer], installer: pathlib.Path, queued: str) -> None:
    peer = peers()
    assert request(peer, "GET", "/debug/allowExecutables").json is False
    answer = post(peer, installer.read_bytes(), name=installer.name, queued=queued).json["FailUR"]
    assert "allowExecutables" in answer["message"]
    assert_nothing_kept(peer)


def test_installers_have_no_duplicate_check(peers: t.Callable[..., Peer], installer: pathlib.Path) -> None:
    peer = peers(allow_executables=True)
    assert request(peer, "GET", "/debug/allowExecutables").json is True
    for _run in range(2):
        assert "RapidUR" in post(peer, installer.read_bytes(), name=installer.name).json
    assert imported(peer) == [installer.name] and deployed(peer) == ["vray-6.20.10-e8197af2"]
    peer.stop()
    peer.start()
    assert peer.wait_for("import")["result"] == "exists"


@pytest.mark.parametrize("platform", builds.PLATFORMS)
def test_every_platform_has_archives_and_installers(
    peers: t.Callable[..., Peer], tmp_path: pathlib.Path, platform: str
) -> None:
    peer = peers(allow_executables=True, platform=platform)
    file = builds.make_archive(tmp_path / "a", version="7.0.6-abc", platform=platform)
    assert "RapidUR" in post(peer, file.read_bytes()).json
    file = builds.make_installer(tmp_path / "i", version="7.0.7-abc", platform=platform, shell=platform == "macOS_x86")
    assert "RapidUR" in post(peer, file.read_bytes()).json


# --- the form


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 1024 * 1024, 3 * 1024 * 1024 + 1])
@pytest.mark.parametrize("queued", ["true", "false"])
def test_every_byte_arrives(peers: t.Callable[..., Peer], size: int, queued: str) -> None:
    peer = peers(deploy_anything=True)
    # Full of what a parser could stumble over.
    pieces = [b"\r\n", b"\n", b"\r", b"\0", b"--", f"\r\n--{BOUNDARY[:-1]}".encode(), b"\xff"]
    content = b"".join(random.Random(size).choices(pieces, k=size))[:size]
    reply = post(peer, content, queued=queued)
    assert list(reply.json) == ["QueuedUR" if queued == "true" else "RapidUR"]
    assert pathlib.Path(peer.store.import_dir, "vray.tar").read_bytes() == content
    assert peer.wait_for("upload")["sha256"] == sha256(content)


def test_holes_change_nothing(peers: t.Callable[..., Peer], tmp_path: pathlib.Path) -> None:
    peer = peers()
    content = builds.make_archive(tmp_path / "a", size=24 * builds.BLOCK + 7).read_bytes()
    assert "RapidUR" in post(peer, content).json
    assert pathlib.Path(peer.store.import_dir, "vray.tar").read_bytes() == content
    (directory,) = deployed(peer)
    payload = pathlib.Path(peer.store.vray_dir, directory, "bin", "vray").read_bytes()
    assert len(payload) > 23 * builds.BLOCK and content[1536:].startswith(payload)


def test_deploy_anything_derives_a_version(peers: t.Callable[..., Peer]) -> None:
    peer = peers(deploy_anything=True)
    digest = sha256(b"any bytes")
    version = post(peer, b"any bytes").json["RapidUR"]["uploadedVrayVersion"]
    assert builds.version_str(version) == f"0.0.{int(digest[8:12], 16)}-{digest[:8]}"
    assert "ExistingUR" in post(peer, b"any bytes").json


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("b;c.tar", '"b'),
        ("a%22b.tar", 'a"b.tar'),
        ("a%0D%0Ab", "a\r\nb"),
        ("V-Ray größe ☃.tar", "V-Ray größe ☃.tar"),
        ("C:\\builds\\v.exe", "C:\\builds\\v.exe"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..", None),
        ("a/..", None),
        ("a/", None),
    ],
)
def test_file_names(peers: t.Callable[..., Peer], sent: str, kept: str | None) -> None:
    peer = peers(deploy_anything=True)
    reply = post(peer, b"x", name=sent)
    if kept is None:
        assert "not a file name" in reply.json["FailUR"]["message"]
        assert_nothing_kept(peer)
    else:
        assert "RapidUR" in reply.json
        assert imported(peer) == [kept]


def test_content_transfer_encoding_is_ignored(peers: t.Callable[..., Peer]) -> None:
    peer = peers(deploy_anything=True)
    text = base64.encodebytes(bytes(range(256)))
    assert "RapidUR" in post(peer, text, extra="\r\nContent-Transfer-Encoding: base64").json
    assert pathlib.Path(peer.store.import_dir, "vray.tar").read_bytes() == text


def test_chunked_and_keep_alive(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers()
    body = form(archive.read_bytes())
    connection = http.client.HTTPConnection(peer.address, peer.port, timeout=10)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    pieces = [body[start : start + 7777] for start in range(0, len(body), 7777)]
    for key in ("RapidUR", "ExistingUR"):
        connection.request("POST", UPLOAD, iter(pieces), headers, encode_chunked=True)
        assert list(json.loads(connection.getresponse().read())) == [key]
    connection.close()
    assert peer.wait_for("request")["chunked"] is True
    assert peer.wait_for("upload")["body_bytes"] == len(body)


def test_expect_100_continue(peers: t.Callable[..., Peer]) -> None:
    peer = peers(deploy_anything=True)
    body = form(b"x")
    with socket.create_connection((peer.address, peer.port), 10) as connection:
        connection.sendall(
            f"POST {UPLOAD} HTTP/1.1\r\nHost: peer\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n"
            f"Connection: close\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
        )
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert b"RapidUR" in read_all(connection)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/api/vray/uploads", 404),
        ("GET", UPLOAD, 405),
        ("PUT", UPLOAD, 405),
        ("POST", "/debug/allowExecutables", 405),
        ("HEAD", "/debug/allowExecutables", 405),
    ],
)
def test_nothing_else_is_there(peers: t.Callable[..., Peer], method: str, path: str, status: int) -> None:
    peer = peers()
    reply = request(peer, method, path, bytes(5_000_000) if method == "POST" else None)
    assert reply.status == status and reply.headers["Content-Type"].startswith("text/plain")


# --- clients that leave, and those that come together


def test_a_client_that_leaves_halfway_leaves_nothing(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers()
    body = form(archive.read_bytes())
    with open_upload(peer, len(body)) as connection:
        connection.sendall(body[:100_000])
    event = peer.wait_for("aborted")
    assert event["body_bytes"] == 100_000 and 0 < event["file_bytes"] < 100_000
    assert_nothing_kept(peer)


def test_two_of_one_version_at_once(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers()
    keys: list[str] = []
    together = threading.Barrier(4)

    def send(name: str) -> None:
        together.wait(10)
        keys.extend(post(peer, archive.read_bytes(), name=name).json)

    threads = [threading.Thread(target=send, args=(f"{number}.tar",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(keys) == ["ExistingUR"] * 3 + ["RapidUR"]
    assert len(imported(peer)) == 1 and deployed(peer) == ["vray-6.20.10-e8197af2"]


def test_a_stalled_upload_does_not_hold_up_another(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers()
    with open_upload(peer, 1000):
        assert "RapidUR" in post(peer, archive.read_bytes()).json


# --- the import directory


def test_a_share_is_imported_without_an_upload(
    peers: t.Callable[..., Peer], archive: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    share = tmp_path / "share"
    share.mkdir()
    shutil.copy(archive, share / "a.tar")
    many = [peers(import_dir=share, uploads_queue_period=0.05) for _number in range(3)]
    for peer in many:
        assert peer.wait_for("import", name="a.tar")["result"] == "deployed"
    # What comes later is found, too.
    late = builds.make_archive(tmp_path / "late", version="7.1.0-abc", compression="xz")
    os.rename(late, share / "late.tar.xz")
    for peer in many:
        assert peer.wait_for("import", name="late.tar.xz")["result"] == "deployed"
        assert len(peer.log.matching("import")) == 2


def test_what_cannot_be_deployed_is_tried_for_ever(
    peers: t.Callable[..., Peer], archive: pathlib.Path, installer: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    share = tmp_path / "share"
    (share / "subdirectory").mkdir(parents=True)
    builds.make_archive(share / "foreign.tar", platform="macOS_Arm64")
    partial = builds.make_archive(tmp_path / "whole", version="9.9.9-abc")
    (share / "partial.tar").write_bytes(partial.read_bytes()[:50_000])
    (share / "notes.txt").write_text("stray")
    shutil.copy(installer, share / "installer")
    shutil.copy(archive, share / "good.tar")
    peer = peers(import_dir=share, uploads_queue_period=0.02)
    for name, result in {
        "foreign.tar": "foreign",
        "partial.tar": "broken",
        "notes.txt": "broken",
        "subdirectory": "broken",
        "installer": "refused",
    }.items():
        assert peer.wait_for("import", name=name, attempts=4)["result"] == result
    assert [event["result"] for event in peer.log.matching("import", name="good.tar")] == ["deployed"]
    # A file that was being copied into the directory is deployed once it is whole.
    os.replace(partial, share / "partial.tar")
    peer.wait_for("import", name="partial.tar", result="deployed")


def test_a_queued_foreign_build_stays_and_costs(peers: t.Callable[..., Peer], tmp_path: pathlib.Path) -> None:
    peer = peers(uploads_queue_period=0.02)
    foreign = builds.make_archive(tmp_path / "win.tar", platform="Windows_x86").read_bytes()
    assert "QueuedUR" in post(peer, foreign, queued="true").json
    assert peer.wait_for("import", attempts=3)["result"] == "foreign"
    assert imported(peer) == ["vray.tar"]


def test_a_restart_finds_everything_again(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers()
    port = peer.port
    post(peer, archive.read_bytes())
    os.mkdir(os.path.join(peer.store.vray_dir, ".deploying-1-1"))  # as a kill leaves it
    peer.stop()
    with pytest.raises(OSError):
        socket.create_connection((peer.address, port), 5)
    peer.start()
    assert peer.port == port
    assert peer.wait_for("import")["result"] == "exists"
    assert "ExistingUR" in post(peer, archive.read_bytes()).json
    assert deployed(peer) == ["vray-6.20.10-e8197af2"]


# --- faults


def test_refuse(peers: t.Callable[..., Peer]) -> None:
    peer = peers(faults=["refuse"])
    with pytest.raises(ConnectionRefusedError):
        request(peer, "GET", "/debug/allowExecutables")
    peer = peers(faults=["refuse,seconds=0.3"])
    with pytest.raises(ConnectionRefusedError):
        request(peer, "GET", "/debug/allowExecutables")
    assert eventually(peer).json is False


def eventually(peer: Peer) -> Reply:
    deadline = time.monotonic() + 10
    while True:
        try:
            return request(peer, "GET", "/debug/allowExecutables")
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            select.select([], [], [], 0.01)


def test_reset_and_then_healthy(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers(faults=["reset,after=100000,times=1"])
    body = form(archive.read_bytes())
    with open_upload(peer, len(body)) as connection:
        connection.sendall(body[:100_000])
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert peer.wait_for("fault", fault="reset")["body_bytes"] == 100_000
    assert_nothing_kept(peer)
    assert "RapidUR" in post(peer, archive.read_bytes()).json


def test_reset_at_the_end_loses_the_answer_only(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers(faults=["reset,after=end,times=1"])
    with pytest.raises(ConnectionError):
        post(peer, archive.read_bytes())
    assert peer.wait_for("upload")["answer"] == "RapidUR"
    assert "ExistingUR" in post(peer, archive.read_bytes()).json


def test_die_and_come_back(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers(faults=["die,after=50000,back=0.3"])
    body = form(archive.read_bytes())
    with open_upload(peer, len(body)) as connection:
        with open_upload(peer, len(body)) as bystander:
            bystander.sendall(b"-")
            peer.wait_for("request", count=2)
            connection.sendall(body[:50_000])
            for one in (connection, bystander):
                with pytest.raises(ConnectionResetError):
                    one.recv(1)
    with pytest.raises(ConnectionRefusedError):
        request(peer, "GET", "/debug/allowExecutables")
    assert eventually(peer).json is False
    assert_nothing_kept(peer)
    peer.faults.set([])
    assert "RapidUR" in post(peer, archive.read_bytes()).json


def test_die_for_ever(peers: t.Callable[..., Peer]) -> None:
    peer = peers(faults=["die,back=never"])
    with pytest.raises(ConnectionError):
        post(peer, b"x")
    with pytest.raises(ConnectionRefusedError):
        request(peer, "GET", "/debug/allowExecutables")


def test_stall(peers: t.Callable[..., Peer]) -> None:
    peer = peers(faults=["stall,after=1000"])
    with open_upload(peer, 10**9) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        sent = send_what_fits(connection)
        assert 1000 <= sent < 2_000_000
        assert peer.wait_for("fault", fault="stall")["body_bytes"] == 1000
        assert not select.select([connection], [], [], 0)[0]
    assert_nothing_kept(peer)


def send_what_fits(connection: socket.socket) -> int:
    """Send until the other side takes nothing for a while."""
    connection.setblocking(False)
    sent = 0
    while sent < 10**8 and select.select([], [connection], [], 0.3)[1]:
        sent += connection.send(bytes(65536))
    connection.setblocking(True)
    connection.settimeout(10)
    return sent


@pytest.mark.parametrize("then", ["close", "drain", "sit"])
def test_early(peers: t.Callable[..., Peer], archive: pathlib.Path, then: str) -> None:
    peer = peers(faults=[f"early,after=5000,then={then},times=1"])
    body = form(archive.read_bytes())
    with open_upload(peer, len(body)) as connection:
        connection.sendall(body[:5000])
        answer = http.client.HTTPResponse(connection, method="POST")
        answer.begin()
        assert "FailUR" in json.loads(answer.read())
        assert peer.wait_for("fault", fault="early")["body_bytes"] == 5000
        if then == "close":
            assert connection.recv(1) == b""
        elif then == "drain":
            connection.sendall(body[5000:])
            assert peer.wait_for("drained")["body_bytes"] == len(body)
        else:
            assert not select.select([connection], [], [], 0.05)[0]
    assert_nothing_kept(peer)
    assert "RapidUR" in post(peer, archive.read_bytes()).json


def test_late(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers(faults=["late,seconds=0.3"])
    began = time.monotonic()
    assert "RapidUR" in post(peer, archive.read_bytes()).json
    assert time.monotonic() - began >= 0.3


def test_silent(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers(faults=["silent"])
    body = form(archive.read_bytes())
    with open_upload(peer, len(body)) as connection:
        connection.sendall(body)
        peer.wait_for("fault", fault="silent")
        assert not select.select([connection], [], [], 0.05)[0]
        peer.stop()  # at once, whatever hangs
        assert connection.recv(1) == b""


def test_slow(peers: t.Callable[..., Peer]) -> None:
    peer = peers(faults=["slow=20000"], deploy_anything=True)
    began = time.monotonic()
    assert "RapidUR" in post(peer, bytes(8000)).json
    assert time.monotonic() - began >= 0.35


def test_trickle(peers: t.Callable[..., Peer]) -> None:
    peer = peers(faults=["trickle=0.2"], deploy_anything=True)
    body = form(b"x")
    with open_upload(peer, len(body)) as connection:
        connection.sendall(body)
        told = connection.recv(65536)
        # One byte, as a rule; all of it would be there after half a minute.
        assert told and b"HTTP/1.1 200 OK\r\n".startswith(told)


@pytest.mark.parametrize("how, where", [("staged", ".deploying-*"), ("in-place", "vray-6.20.10-e8197af2")])
def test_halfway(peers: t.Callable[..., Peer], archive: pathlib.Path, how: str, where: str) -> None:
    peer = peers(faults=[f"halfway={how}"])
    body, place = form(archive.read_bytes()), pathlib.Path(peer.store.vray_dir)
    with open_upload(peer, len(body)) as connection:
        connection.sendall(body)
        deadline = time.monotonic() + 10
        while not list(place.glob(f"{where}/vray.json")):
            assert time.monotonic() < deadline
            select.select([], [], [], 0.01)
        assert not list(place.glob(f"{where}/bin")) and imported(peer) == []
        peer.stop()
        assert read_all(connection) == b""
    assert_nothing_kept(peer)


@pytest.mark.parametrize("how, where", [("staged", ".deploying-*"), ("in-place", "vray-6.20.10-e8197af2")])
@pytest.mark.parametrize("queued", [True, False])
def test_halfway_from_the_import_directory(
    peers: t.Callable[..., Peer], archive: pathlib.Path, tmp_path: pathlib.Path, queued: bool, how: str, where: str
) -> None:
    share = tmp_path / "share"
    share.mkdir()
    builds.make_archive(share / "first.tar", version="5.0.0-abc")
    peer = peers(import_dir=share, uploads_queue_period=0.02)
    peer.wait_for("import", result="deployed")
    peer.faults.set([f"halfway={how},times=1"])
    if queued:
        assert "QueuedUR" in post(peer, archive.read_bytes(), queued="true").json
    else:
        shutil.copy(archive, tmp_path / "whole")
        os.rename(tmp_path / "whole", share / "vray.tar")
    half = pathlib.Path(peer.wait_for("fault", fault="halfway", value=how)["directory"])
    assert half.match(f"VRay/{where}") and os.listdir(half) == ["vray.json"]
    # It still answers, and imports nothing.
    assert request(peer, "GET", "/debug/allowExecutables").json is False
    assert peer.store.import_dir == str(share) and len(peer.log.matching("import")) == 1
    peer.stop()
    assert deployed(peer) == ["vray-5.0.0-abc"]
    # Its times are over.
    peer.start()
    peer.wait_for("import", name="vray.tar", result="deployed")
    assert deployed(peer) == ["vray-5.0.0-abc", "vray-6.20.10-e8197af2"]


def test_what_is_killed_halfway_leaves_a_half_that_it_takes_for_a_whole(
    archive: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    (data / "VRay/import").mkdir(parents=True)
    shutil.copy(archive, data / "VRay/import")
    command = [sys.executable, "-m", "swarm_peer", "--data-dir", str(data), "--config", str(tmp_path / "swarm.yaml")]
    command += ["--log", str(log), "--fault", "halfway=in-place"]
    (tmp_path / "swarm.yaml").write_text("webPort: 0\nuploadsQueuePeriod: 0.02\n")
    for word in ("halfway", "exists"):
        with subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(PEER_DIR)}, stdout=subprocess.DEVNULL
        ) as peer:
            try:
                deadline = time.monotonic() + 10
                while not log.exists() or f'"{word}"' not in log.read_text():
                    assert peer.poll() is None and time.monotonic() < deadline
                    select.select([], [], [], 0.01)
            finally:
                peer.kill()
        assert [path.name for path in (data / "VRay/vray-6.20.10-e8197af2").iterdir()] == ["vray.json"]


def test_fail(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers(faults=["fail=no space left, sorry,times=1", "status=507"])
    reply = post(peer, archive.read_bytes())
    assert reply.status == 507 and reply.json["FailUR"]["message"] == "no space left, sorry"
    assert_nothing_kept(peer)
    assert list(post(peer, archive.read_bytes()).json) == ["RapidUR"]


@pytest.mark.parametrize("code", [302, 307])
def test_redirect(peers: t.Callable[..., Peer], archive: pathlib.Path, code: int) -> None:
    peer = peers(faults=[f"redirect=http://127.0.0.1:1/a,b,code={code}"])
    reply = post(peer, archive.read_bytes())
    assert (reply.status, reply.headers["Location"]) == (code, "http://127.0.0.1:1/a,b")
    assert_nothing_kept(peer)


@pytest.mark.parametrize("kind", sorted(set(faults.GARBAGE) - {"cut", "huge"}))
def test_garbage(peers: t.Callable[..., Peer], archive: pathlib.Path, kind: str) -> None:
    peer = peers(faults=[f"garbage={kind}"])
    reply = post(peer, archive.read_bytes())
    assert peer.wait_for("upload")["answer"] == "RapidUR"
    assert reply.status == 200
    if kind in ("html", "empty", "truncated", "utf8"):
        with pytest.raises(ValueError):
            json.loads(reply.body)
        return
    answer = reply.json
    if kind == "unknown-key":
        assert list(answer) == ["PartialUR"]
    elif kind == "several-keys":
        assert len(answer) == 2
    elif kind == "missing":
        assert list(answer["RapidUR"]) == ["takenSeconds"]
    else:
        assert answer["RapidUR"]["takenSeconds"] == "six"


@pytest.mark.parametrize("queued", ["false", "true"])
def test_what_is_stored_in_part(peers: t.Callable[..., Peer], archive: pathlib.Path, queued: str) -> None:
    peer = peers(faults=["short=1000,times=1"])
    size = archive.stat().st_size
    ((tag, told),) = post(peer, archive.read_bytes(), name=archive.name, queued=queued).json.items()
    assert (tag, told["uploadedFileSize"]) == ("QueuedUR" if queued == "true" else "RapidUR", size - 1000)
    kept = pathlib.Path(peer.store.import_dir, archive.name)
    assert kept.read_bytes() == archive.read_bytes()[:-1000]
    if queued == "false":
        files = [path for path in pathlib.Path(told["deployedInDirectory"]).rglob("*") if path.is_file()]
        assert max(path.stat().st_size for path in files) == 295_960
        # It is not tried again, and it exists.
        peer.store.scan()
        assert not [event for event in peer.events if event["event"] == "import"]
        assert "ExistingUR" in post(peer, archive.read_bytes()).json


def test_garbage_that_is_cut_or_huge(peers: t.Callable[..., Peer], archive: pathlib.Path) -> None:
    peer = peers(faults=["garbage=cut"])
    with pytest.raises(http.client.IncompleteRead):
        post(peer, archive.read_bytes())
    peer = peers(faults=["garbage=huge"])
    assert len(post(peer, archive.read_bytes()).body) == 50_000_000


def test_not_swarm(peers: t.Callable[..., Peer]) -> None:
    peer = peers(faults=["not-swarm,times=1"])
    reply = request(peer, "GET", "/debug/allowExecutables")
    assert reply.status == 200 and reply.headers["Content-Type"].startswith("text/html")
    assert request(peer, "GET", "/debug/allowExecutables").json is False
    assert [event["fault"] for event in peer.log.matching("flag")] == ["not-swarm", None]


@pytest.mark.parametrize(
    "spec",
    [
        "nonsense",
        "reset,after=x",
        "reset,soon",
        "silent=3",
        "garbage=new",
        "status=9",
        "refuse,times=1",
        "slow",
        "fail=",
    ],
)
def test_malformed_faults(spec: str) -> None:
    with pytest.raises(ValueError, match=r"^fault '"):
        faults.parse(spec)


# --- settings, events, resources


def test_settings(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "swarm.yaml"
    assert settings.load(str(path)) == settings.Settings(1113, None, False, 10.0)
    path.write_text("webPort: 2113\nvrayImportDir: /mnt/a\nallowExecutables: true\nuploadsQueuePeriod: 0.5\nx: 1\n")
    assert settings.load(str(path)) == settings.Settings(2113, "/mnt/a", True, 0.5)
    for broken in ("webPort: [", "webPort: high", "- 1", "allowExecutables: 1", "uploadsQueuePeriod: 0", "\0"):
        path.write_text(broken)
        with pytest.raises(settings.SettingsError) as caught:
            settings.load(str(path))
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_swarm_yaml_is_read_at_each_start(tmp_path: pathlib.Path) -> None:
    config = tmp_path / "swarm.yaml"
    with Peer(tmp_path / "data", config=config) as peer:
        assert request(peer, "GET", "/debug/allowExecutables").json is False
        config.write_text("allowExecutables: true\n")
        assert request(peer, "GET", "/debug/allowExecutables").json is False
        peer.stop()
        peer.start()
        assert request(peer, "GET", "/debug/allowExecutables").json is True


def test_ipv6(peers: t.Callable[..., Peer]) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6")
    peer = peers(address="::1")
    assert peer.url == f"http://[::1]:{peer.port}"
    assert request(peer, "GET", "/debug/allowExecutables").json is False


def test_the_log_has_the_events(peers: t.Callable[..., Peer], archive: pathlib.Path, tmp_path: pathlib.Path) -> None:
    peer = peers()
    post(peer, archive.read_bytes())
    lines = [json.loads(line) for line in (tmp_path / "peer0.log").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["started", "request", "upload"]
    assert all("time" in line for line in lines) and lines == peer.events


def test_waiting_in_vain_tells_what_was_seen(peers: t.Callable[..., Peer]) -> None:
    with pytest.raises(TimeoutError, match="started"):
        peers().wait_for("upload", timeout=0.01)


def test_nothing_is_left_open(tmp_path: pathlib.Path) -> None:
    # What other tests left to it.
    gc.collect()
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with Peer(tmp_path / "data", faults=["stall"]) as peer:
            with open_upload(peer, 1000), socket.create_connection((peer.address, peer.port), 5):
                peer.wait_for("fault")
                peer.stop()
        with pytest.raises(OSError), socket.create_server(("127.0.0.1", 0)) as taken:
            Peer(tmp_path / "data", port=taken.getsockname()[1]).start()
        gc.collect()
    assert threading.active_count() == threads
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == descriptors


# --- the builds


@pytest.mark.parametrize("compression", builds.COMPRESSIONS)
@pytest.mark.parametrize("size", [None, 8193, 1_000_000, 3_000_001])
def test_archives_have_the_size_that_was_asked_for(tmp_path: pathlib.Path, compression: str, size: int | None) -> None:
    path = builds.make_archive(tmp_path / "a", version="7.00.06-abc", size=size, compression=compression)
    assert size is None or path.stat().st_size == size
    build = builds.read_build(path)
    assert (build.version_str, build.platform, build.installer) == ("7.0.6-abc", "Linux_x86", False)
    builds.extract(build, path, tmp_path / "out")
    assert (tmp_path / "out" / "bin" / "vray").stat().st_size > (0 if size is None else size * 0.7 - 4096)


def test_the_pages_size_takes_no_time_and_is_no_desert(tmp_path: pathlib.Path) -> None:
    path = builds.make_archive(tmp_path / "a", size=458_321_016)
    assert path.stat().st_size == 458_321_016
    with open(path, "rb") as stream:
        blocks = [stream.read(builds.BLOCK) for _block in range(4)]
    assert all(block.count(0) < len(block) / 100 for block in blocks) and len(set(blocks)) == 4


def test_too_small_a_build_is_an_error(tmp_path: pathlib.Path) -> None:
    for size in (0, 1, 3000):
        with pytest.raises(ValueError):
            builds.make_archive(tmp_path / "a", size=size)
    with pytest.raises(ValueError):
        builds.make_installer(tmp_path / "a", size=4096)


# --- the command line


def command(*arguments: str | os.PathLike[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(PEER_DIR), "PYTHONWARNINGS": "error"}
    return subprocess.Popen(
        [sys.executable, "-m", *(os.fspath(argument) for argument in arguments)],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_command(tmp_path: pathlib.Path, archive: pathlib.Path) -> None:
    (tmp_path / "swarm.yaml").write_text("webPort: 0\n")
    arguments = ("swarm_peer", "--config", tmp_path / "swarm.yaml", "--data-dir", tmp_path / "data")
    with command(*arguments, "--temp-dir", tmp_path / "tmp", "--log", tmp_path / "log", "--status", "201") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"listening on (http://127\.0\.1\.1:[0-9]+)\n", line)
        assert match, line
        url = urllib.parse.urlsplit(match.group(1))
        connection = http.client.HTTPConnection(url.netloc, timeout=10)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection.request("POST", UPLOAD, form(archive.read_bytes()), headers)
        answer = connection.getresponse()
        assert answer.status == 201
        tmp_file = json.loads(answer.read())["RapidUR"]["tmpFile"]
        assert f"servant-multipart{process.pid}-" in tmp_file
        with open_upload_at(url, 1000):  # one that hangs does not delay the stop
            process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=60) == ("", "")
        connection.close()
        assert process.returncode == 0
    # A taken port is one line.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "swarm.yaml").write_text(f"webPort: {taken.getsockname()[1]}\n")
        with command(*arguments, "--address", "127.0.0.1") as process:
            _out, errors = process.communicate(timeout=60)
        assert process.returncode == 1 and errors.count("\n") == 1 and "in use" in errors


def open_upload_at(url: urllib.parse.SplitResult, length: int) -> socket.socket:
    connection = socket.create_connection((url.hostname or "", url.port or 0), 10)
    connection.sendall(f"POST {UPLOAD} HTTP/1.1\r\nHost: peer\r\nContent-Length: {length}\r\n\r\n".encode())
    return connection


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "swarm.yaml").write_text("webPort: [\n")
    with command("swarm_peer", "--config", tmp_path / "swarm.yaml", "--data-dir", tmp_path) as process:
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out, errors.count("\n")) == (1, "", 1) and "swarm.yaml" in errors


def test_the_command_that_makes_builds(tmp_path: pathlib.Path) -> None:
    made = tmp_path / "vraystd"
    with command("swarm_peer.builds", "installer", made, "--size", "10000", "--platform", "Linux_Arm64") as process:
        assert process.communicate(timeout=60) == ("", "") and process.returncode == 0
    assert made.stat().st_size == 10_000 and builds.read_build(made).platform == "Linux_Arm64"
