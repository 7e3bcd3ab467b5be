# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""build_info on a Windows host: what the module tells of the same file on this one, in one round trip as a rule."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile

import pytest
import yaml

from ansible_collections.renderops.vray_swarm.plugins.modules import build_info
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import script_text
from windows_double.farm import NAME, SHARE
from windows_double.host import SYSTEM

BUILD_INFO = "renderops.vray_swarm.build_info"
SRC = "C:\\Builds, old; new\\" + NAME
# The fields of a PE header that count: e_lfanew, and Machine of x64.
CUBIN = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 190) + bytes(44)
EXE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", 0x8664) + bytes(40)
ELF = CUBIN[:18] + struct.pack("<H", 62) + CUBIN[20:]
# For other systems, each in another way.
ODD = [("k.cubin", CUBIN[:18] + struct.pack("<H", 190 + number) + CUBIN[20:]) for number in range(8)]


@pytest.fixture
def local(farm):
    python = "{{ ansible_playbook_python }}"
    farm.variables["controller"] = {"ansible_connection": "local", "ansible_python_interpreter": python}


def place(farm, peer, content=None, path=SRC, **options):
    """Put a file onto the host; return its path on this one."""
    real = peer.host.real(path)
    real.parent.mkdir(parents=True, exist_ok=True)
    real.write_bytes(farm.build(**options).read_bytes() if content is None else content)
    return real


def packed(*members, mode="w:gz"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def zipped():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("vray.exe", EXE)
        archive.writestr("more", os.urandom(2 << 20))
    return stream.getvalue()


def documented(result):
    return {name: result[name] for name in yaml.safe_load(build_info.RETURN)}


FORMATS = {
    "tar": (None, 1),
    "tar.gz": (packed(("a", b"text" * 3000), ("vray.exe", EXE), ("b", os.urandom(9000))), 2),
    # The first program is not in the first bytes.
    "tar.gz, later": (packed(("a", os.urandom(99999)), ("vray.exe", EXE), ("b", os.urandom(9999))), 2),
    # A block of bzip2 is not in the first bytes.
    "tar.bz2": (packed(("a", os.urandom(99999)), ("vray.exe", EXE), mode="w:bz2"), 2),
    "tar.xz": (packed(("a", b"text" * 3000), ("vray.exe", EXE), ("b", os.urandom(9000)), mode="w:xz"), 2),
    # Programs for other systems, such as those for a graphics card, come first.
    "tar, later": (packed(("a", bytes(9999)), *ODD[:7], *ODD[:7], ("vray.exe", EXE), mode="w"), 1),
    "pe": (EXE + bytes(99999), 1),
    "shell": (b"#!/bin/sh\nexit\n" + bytes(9999) + gzip.compress(packed(("vray", EXE), mode="w")), 2),
}


def test_it_tells_what_the_module_tells(farm, peer, local):
    sources = {kind: f"C:\\Builds, old; new\\{number}\\{NAME}" for number, kind in enumerate(FORMATS)}
    placed = {kind: str(place(farm, peer, FORMATS[kind][0], path=src)) for kind, src in sources.items()}
    expected = farm.play(
        [{"name": f"({kind})", BUILD_INFO: {"src": src}} for kind, src in placed.items()], host="controller"
    )
    told = farm.play([{"name": f"({kind})", BUILD_INFO: {"src": src}} for kind, src in sources.items()], host="ws1")
    for kind, src in sources.items():
        result = told.one(task=f"({kind})")
        assert result.status == "ok", kind
        assert documented(result.data) == {**documented(expected.one(task=f"({kind})").data), "path": src}, kind
        assert result["platform"] == "Windows_x86" and result["name"] == NAME, kind
    assert set(map(str, peer.host.calls)) == {"look"}
    looks = [call.options["parameters"]["Build"] for call in peer.host.calls]
    assert {kind: looks.count(src) for kind, src in sources.items()} == {
        kind: n for kind, (_content, n) in FORMATS.items()
    }


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_programs_of_several_systems(farm, peer, mode):
    """As where pip's launchers for Windows come first. In what is packed, the first of them is not taken at its word."""
    place(farm, peer, packed(*[("distlib/w64.exe", EXE)] * 9, ("a", os.urandom(9000)), ("vray", ELF), mode=mode))
    cases = {"none": {}, "Linux": {"platform": "Linux_x86"}, "macOS": {"platform": "macOS_x86"}}
    tasks = [{"name": f"({c})", BUILD_INFO: {"src": SRC, **o}, "ignore_errors": True} for c, o in cases.items()]
    run = farm.play(tasks)
    told = run.one(task="(none)")
    assert (told["os"], told["platform"], told["platforms"]) == (None, None, ["Linux_x86", "Windows_x86"])
    assert run.one(task="(Linux)")["platform"] == "Linux_x86"
    assert "what is in it is for Linux_x86 and Windows_x86." in run.one(task="(macOS)")["msg"]


def test_a_zip_is_for_the_platform_that_is_said(farm, peer):
    place(farm, peer, zipped())
    told = farm.task(BUILD_INFO, {"src": SRC})
    assert (told["format"], told["platforms"], told["platform"]) == ("zip", [], None)
    assert farm.task(BUILD_INFO, {"src": SRC, "platform": "Windows_x86"})["platform"] == "Windows_x86"


@pytest.mark.parametrize(
    "content",
    [
        packed(("a", bytes(9999)), *ODD, ("vray.exe", EXE), mode="w"),
        packed(("a", b"text")),
    ],
    ids=["behind too many kinds of programs", "whole and without any"],
)
def test_what_tells_no_platform_is_not_asked_for_more(farm, peer, content):
    place(farm, peer, content)
    told = farm.task(BUILD_INFO, {"src": SRC})
    assert (told.status, told["kind"], told["platform"]) == ("ok", "archive", None)
    assert peer.host.forget() == ["look"]


def test_a_build_on_a_share_is_read_as_the_computer(farm, peer):
    peer.host.share(SHARE, farm.share, readers={SYSTEM[1]})
    src = SHARE + "\\" + NAME
    place(farm, peer, path=src)
    told = farm.task(BUILD_INFO, {"src": src})
    assert (told["path"], told["platform"]) == (src, "Windows_x86")
    assert peer.host.calls[-1].become == "SYSTEM"


def test_nobody_writes_to_a_build_while_the_script_reads_it():
    """The double has no programs that write: see FileShare in the documentation of .NET."""
    text = script_text("look")
    assert "Open-File $Build Read\n" in text
    assert text.count("Open-File ") - text.count("function Open-File ") == 1 + text.count(" ReadWrite\n")


def test_the_checksum_is_optional_and_check_mode_tells_the_same(farm, peer):
    place(farm, peer)
    told = farm.task(BUILD_INFO, {"src": SRC, "sha256": False})
    assert told["sha256"] is None
    assert peer.host.calls[-1].options["parameters"]["Checksums"] is False
    assert farm.task(BUILD_INFO, {"src": SRC, "sha256": False}, "--check").data == told.data


def test_what_is_no_build_or_a_damaged_one(farm, peer):
    cases = {
        "empty": (b"", "is empty"),
        "pdf": (b"%PDF-1.4", "Its first bytes are 25 50 44 46 2d 31 2e 34 ('%PDF-1.4'). Expected is an archive (tar, "),
        "long pdf": (b"%PDF-1.4" + bytes(9999), "has an unknown format"),
        "cut": (FORMATS["tar.gz, later"][0][:300], "(300 bytes) is damaged"),
        "long cut": (FORMATS["tar.bz2"][0][:9000], "(9000 bytes) is damaged"),
    }
    sources = {case: f"C:\\Builds\\{number}\\{NAME}" for number, case in enumerate(cases)}
    for case, src in sources.items():
        place(farm, peer, cases[case][0], path=src)
    tasks = [{"name": f"({case})", BUILD_INFO: {"src": src}, "ignore_errors": True} for case, src in sources.items()]
    run = farm.play(tasks)
    for case, (content, problem) in cases.items():
        failed = run.one(task=f"({case})")
        assert failed.status == "ignored" and problem in failed["msg"], case
        assert failed["msg"].startswith("ws1: ") and NAME in failed["msg"], case
        # Of what is refused by its first bytes, no more of them are wanted.
        looks = [call.options["parameters"]["Build"] for call in peer.host.calls].count(sources[case])
        assert looks == (2 if content.startswith(b"BZh") else 1), case


def test_a_build_for_another_platform(farm, peer):
    place(farm, peer)
    failed = farm.task(BUILD_INFO, {"src": SRC, "platform": "Linux_x86"})
    assert "was said to be for Linux_x86, but what is in it is for Windows_x86" in failed["msg"]


def test_a_path_that_is_not_absolute(farm, peer):
    sources = {"none": "", "a name": NAME, "of a drive": "C:" + NAME, "of no drive": "\\Builds\\" + NAME}
    tasks = [{"name": f"({case})", BUILD_INFO: {"src": src}, "ignore_errors": True} for case, src in sources.items()]
    run = farm.play(tasks)
    for case, src in sources.items():
        told = f"src is {src!r}; on a Windows host it has to be an absolute path."
        assert told in run.one(task=f"({case})")["msg"]
    assert peer.host.calls == []


def test_slashes_are_backslashes(farm, peer):
    place(farm, peer)
    told = farm.task(BUILD_INFO, {"src": SRC.replace("\\", "/")})
    assert (told["name"], told["platform"]) == (NAME, "Windows_x86")


def test_a_build_that_is_not_there_or_a_directory_or_written_by_another_program(farm, peer):
    assert "could not be read: Could not find file" in farm.task(BUILD_INFO, {"src": SRC})["msg"]
    place(farm, peer)
    assert "It is a directory" in farm.task(BUILD_INFO, {"src": SRC.rpartition("\\")[0]})["msg"]
    peer.host.locked.add(SRC.lower())
    failed = farm.task(BUILD_INFO, {"src": SRC})
    assert "it is being used by another process. Wait until that is done with it." in failed["msg"]


def test_async_is_refused(farm, peer):
    place(farm, peer)
    failed = farm.task(BUILD_INFO, {"src": SRC}, **{"async": 60, "poll": 1})
    assert "A build on a Windows host is looked at from the controller: leave async out." in failed["msg"]


def test_async_on_other_hosts(farm, local):
    build = farm.build()
    told = farm.task(BUILD_INFO, {"src": str(build)}, host="controller", **{"async": 60, "poll": 1})
    assert (told.status, told["platform"]) == ("ok", "Windows_x86")


@pytest.mark.parametrize("seen_by", ["size", "time"])
def test_a_build_that_is_replaced_between_two_looks(farm, peer, seen_by):
    content = FORMATS["tar.gz, later"][0]
    real = place(farm, peer, content)
    before = real.stat()

    def replace(call):
        if call.options["parameters"]["StartBytes"] > 4096:
            real.write_bytes(content + b"more" if seen_by == "size" else content)
            later = before.st_mtime_ns + (10**9 if seen_by == "time" else 0)
            os.utime(real, ns=(later, later))

    peer.host.before = replace
    failed = farm.task(BUILD_INFO, {"src": SRC})
    assert "changed after it had been checked. Wait until it is complete" in failed["msg"]
