# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The build: its format, what is inside, its hash. All files are made here, of headers and padding."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import os
import random
import re
import socket
import struct
import tarfile
import tracemalloc
import zipfile

import pytest
import ticks

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _archive, _build
from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import (
    PLATFORMS,
    OpenBuild,
    PartError,
    first_bytes,
    identify,
    identify_part,
    identify_start,
    may_be_executable,
    sha256,
    sniff,
    unpacked_size,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import count_tree
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version


def short(value):
    """The name of a parameter: without this, pytest prints megabytes."""
    return repr(value[:12]) if isinstance(value, bytes) else None


def elf(machine, order="<", system=0):
    ident = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1, system]) + bytes(8)
    return ident + struct.pack(order + "HH", 2, machine) + bytes(44)


def pe(machine, offset=128):
    return (
        (b"MZ" + bytes(58) + struct.pack("<I", offset)).ljust(offset, b"\0")
        + b"PE\0\0"
        + struct.pack("<H", machine)
        + bytes(40)
    )


def mach(cpu, order="<", magic=0xFEEDFACF):
    return struct.pack(order + "II", magic, cpu) + bytes(24)


def fat(*cpus, **options):
    wide = options.get("wide", False)
    head = struct.pack(">II", 0xCAFEBABF if wide else 0xCAFEBABE, len(cpus))
    return head + b"".join(struct.pack(">I", cpu) + bytes(28 if wide else 16) for cpu in cpus) + bytes(64)


X86, X86_64, ARM64 = 7, 0x01000007, 0x0100000C
JAVA_CLASS = b"\xca\xfe\xba\xbe" + struct.pack(">HH", 0, 52) + bytes(5000)
FALSE_GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 20
OLD_JAVA_CLASS = b"\xca\xfe\xba\xbe" + struct.pack(">HH", 3, 45) + bytes(5000)

HEADERS = [
    ("Linux_x86", "elf", elf(62)),
    ("Linux_x86", "elf", elf(3)),
    ("Linux_x86", "elf", elf(62, system=3)),
    ("Linux_Arm64", "elf", elf(183)),
    ("Linux_Arm64", "elf", elf(183, ">")),
    ("Windows_x86", "pe", pe(0x8664)),
    ("Windows_x86", "pe", pe(0x014C, offset=64)),
    ("Windows_x86", "pe", pe(0x8664, offset=9000)),
    ("Windows_Arm64", "pe", pe(0xAA64)),
    ("macOS_x86", "mach-o", mach(X86_64)),
    ("macOS_x86", "mach-o", mach(X86, ">", 0xFEEDFACE)),
    ("macOS_Arm64", "mach-o", mach(ARM64)),
    ("macOS_Arm64", "mach-o", fat(ARM64)),
]
OTHERS = [
    ("elf", "Linux", elf(40)),  # 32-bit Arm
    ("elf", "Linux", elf(62)[:5] + b"\x02" + elf(62)[6:]),  # the number in the wrong byte order
    ("elf", None, elf(62, system=9)),  # FreeBSD
    ("pe", "Windows", pe(0x01C4)),
    ("mach-o", "macOS", mach(12)),
    ("mach-o", "macOS", fat(12)),
]
COMPRESSIONS = {"tar": lambda data: data, "tar.gz": gzip.compress, "tar.xz": lzma.compress, "tar.bz2": bz2.compress}


def tar(*members, **options):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=options.get("format", tarfile.GNU_FORMAT)) as archive:
        for member in (("vray.json", b'{"platform": "Linux_x86"}'), *members):
            name, content = member[:2]
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for attribute, value in (member[2] if len(member) > 2 else {}).items():
                setattr(info, attribute, value)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def v7_tar(*members):
    """A tar of the time before "ustar"."""
    data = b""
    for name, content in members:
        block = bytearray(512)
        block[: len(name)] = name
        block[100:108] = b"000644 \0"
        block[124:136] = b"%11o " % len(content)
        block[136:148] = b"%11o " % 0
        block[148:156] = b" " * 8
        block[148:156] = b"%6o\0 " % sum(block)
        data += bytes(block) + content + bytes(-len(content) % 512)
    return data + bytes(1024)


def zipped(*members, **options):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", options.get("method", zipfile.ZIP_DEFLATED)) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def make(tmp_path):
    def write(content, name="build"):
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return write


def refusal(function, *args, **kwargs):
    with pytest.raises(BuildError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert str(args[0]) in message
    assert message.isprintable()
    return message


# The format


@pytest.mark.parametrize("name", sorted(COMPRESSIONS))
def test_tars_are_archives_whatever_their_name(make, name):
    kind = sniff(make(COMPRESSIONS[name](tar(("a", b"x" * 5000))), "setup.exe"))
    assert (kind.format, kind.category) == (name, "archive")


@pytest.mark.parametrize("name", sorted(COMPRESSIONS))
def test_tars_from_before_ustar(make, name):
    path = make(COMPRESSIONS[name](v7_tar((b"bin/vray", elf(62)))))
    assert sniff(path).format == name
    assert identify(path).platform == "Linux_x86"


@pytest.mark.parametrize("style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_of_each_style(make, style):
    long_name = "/".join(["n" * 60] * 3)
    path = make(tar((long_name, b"text"), ("\u00fc" * 20, b"text"), ("vray", pe(0x8664)), format=style))
    assert identify(path).platform == "Windows_x86"


def test_zip_is_an_archive(make):
    kind = sniff(make(zipped(("a", b"x"))))
    assert (kind.format, kind.category) == ("zip", "archive")


@pytest.mark.parametrize("platform, name, content", HEADERS, ids=short)
def test_executables_are_installers(make, platform, name, content):
    path = make(content, "vraystd_adv_71000_rhel8_clang-gcc-11.2")
    kind = sniff(path)
    assert (kind.format, kind.category) == (name, "installer")
    build = identify(path)
    assert (build.platform, build.platforms) == (platform, (platform,))
    assert "_".join((build.os, *build.architectures)) == platform
    assert (build.format, build.category) == (name, "installer")


@pytest.mark.parametrize("name, system, content", OTHERS, ids=short)
def test_executables_for_other_systems_have_no_platform(make, name, system, content):
    path = make(content)
    build = identify(path)
    assert (build.format, build.category, build.os) == (name, "installer", system)
    assert (build.platform, build.platforms) == (None, ())
    for platform in PLATFORMS:
        assert "a system that V-Ray is not made for" in refusal(identify, path, platform)


@pytest.mark.parametrize("wide", [False, True])
def test_a_universal_binary_is_for_both(make, wide):
    path = make(fat(ARM64, X86_64, wide=wide))
    build = identify(path)
    assert (build.os, build.architectures) == ("macOS", ("x86", "Arm64"))
    assert (build.platforms, build.platform) == (("macOS_x86", "macOS_Arm64"), None)
    assert identify(path, "macOS_Arm64").platform == "macOS_Arm64"
    assert "is for macOS_x86 and macOS_Arm64" in refusal(identify, path, "Linux_x86")


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "is empty"),
        (b"hello\n", "Its first bytes are 68 65 6c 6c 6f 0a ('hello\\n')"),
        (b"<!DOCTYPE html><html>", "('<!DOCTYPE html><')"),
        (b"Rar!\x1a\x07\x01\x00", "Its first bytes are 52 61 72 21 1a 07 01 00"),
        (bytes(2000), "unknown format"),
        (bytes(2000000), "unknown format"),
        (b"MZ" + bytes(2000), "unknown format"),
        (b"MZ" + b"\xff" * 2000, "unknown format"),
        (b"MZ", "unknown format"),
        (b"\x7fELF", "unknown format"),
        (b"\xca\xfe\xba\xbe", "unknown format"),
        (JAVA_CLASS, "unknown format"),
        (OLD_JAVA_CLASS, "unknown format"),
        (b"PK\x05\x06" + bytes(18), "unknown format"),
        (b"#! no path", "unknown format"),
        (gzip.compress(b"hello"), "is a gzip file, but what is packed in it is not a tar archive"),
        (bz2.compress(bytes(5000)), "is a bzip2 file, but what is packed in it is not a tar archive"),
        (lzma.compress(b"hello" * 1000), "is an xz file, but"),
        (gzip.compress(elf(62)), "is a gzip file, but"),
    ],
    ids=short,
)
def test_anything_else_is_refused(make, content, problem):
    path = make(content, "vray-6.20.10-e8197af2.tar")
    assert (sniff(path).format, sniff(path).category) == ("unknown", "unknown")
    message = refusal(identify, path)
    assert problem in message
    assert "Expected is an archive (tar, tar.gz, tar.xz, tar.bz2, zip) or an installer" in message


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"\x1f\x8b\x08" + b"\xff" * 600, "starts like a gzip file, but cannot be unpacked"),
        (gzip.compress(os.urandom(5000))[:100], "starts like a gzip file, but cannot be unpacked"),
        (b"\xfd7zXZ\x00" + b"\xff" * 600, "starts like an xz file, but cannot be unpacked"),
        (b"BZh91AY&SY" + b"\xff" * 600, "starts like a bzip2 file, but cannot be unpacked"),
    ],
    ids=short,
)
def test_what_starts_like_a_compressed_file_and_cannot_be_unpacked(make, content, problem):
    path = make(content)
    assert sniff(path).format == "unknown"
    assert "(%d bytes) is damaged: it %s" % (len(content), problem) in refusal(identify, path)


def test_sniff_reads_a_few_kib_only(make, monkeypatch):
    path = make(gzip.compress(tar(("a", os.urandom(3000000)))))
    file = open(path, "rb")
    count = [0]

    class Counting:
        def __getattr__(self, name):
            return getattr(file, name)

        def read(self, size=-1):
            data = file.read(size)
            count[0] += len(data)
            return data

    monkeypatch.setattr(_build, "_opened", lambda path: contextlib.nullcontext((path, Counting())))
    with file:
        assert sniff(path).format == "tar.gz"
    assert 0 < count[0] < 300000


# Inside


@pytest.mark.parametrize("name", [*sorted(COMPRESSIONS), "zip"])
@pytest.mark.parametrize("platform, dummy, content", HEADERS, ids=short)
def test_the_executables_of_an_archive_tell_the_platform(make, name, platform, dummy, content):
    members = (
        ("readme.txt", b"text" * 3000),
        ("cubin/kernel.cubin", elf(190)),
        ("Main.class", JAVA_CLASS),
        ("run.sh", b"#!/bin/sh\n"),
        ("lib/libvray.so", content),
        ("later", content),
    )
    path = make(zipped(*members) if name == "zip" else COMPRESSIONS[name](tar(*members)))
    build = identify(path)
    assert (build.format, build.category, build.platform) == (name, "archive", platform)
    assert "_".join((build.os, *build.architectures)) == platform
    assert build.size == os.path.getsize(path)


# As in what pip carries wherever it is installed: pip/_vendor/distlib/t32.exe, t64-arm.exe, t64.exe and so on.
LAUNCHERS = [("distlib/t%d.exe" % number, pe(machine)) for number, machine in enumerate([0x014C, 0xAA64, 0x8664] * 30)]
MIXED = ("Linux_x86", "Windows_x86", "Windows_Arm64")


@pytest.mark.parametrize("name", [*sorted(COMPRESSIONS), "zip", "shell"])
@pytest.mark.parametrize("launchers", ["first", "last"])
def test_an_archive_with_executables_for_several_systems_is_for_the_one_that_is_said(make, name, launchers):
    members = [*LAUNCHERS, ("bin/vray", elf(62))]
    members = members if launchers == "first" else members[::-1]
    if name == "zip":
        path = make(zipped(*members))
    elif name == "shell":
        path = make(SCRIPT + gzip.compress(tar(*members)))
    else:
        path = make(COMPRESSIONS[name](tar(*members)))
    build = identify(path)
    assert (build.format, build.platform, build.platforms) == (name, None, MIXED)
    assert (build.os, build.architectures) == (None, ("x86", "Arm64"))
    for platform in PLATFORMS:
        if platform in MIXED:
            assert identify(path, platform).platform == platform
        else:
            assert "is for Linux_x86 and Windows_x86 and Windows_Arm64. " in refusal(identify, path, platform)
        # On a peer, it is for that one, or for nobody knows whom.
        build = identify(path, own=platform)
        assert build.platform == (platform if platform in MIXED else None)


def test_several_architectures_of_one_system_tell_no_platform_either(make):
    build = identify(make(tar(*LAUNCHERS)))
    assert (build.os, build.architectures) == ("Windows", ("x86", "Arm64"))
    assert (build.platform, build.platforms) == (None, ("Windows_x86", "Windows_Arm64"))
    build = identify(make(tar(("a", fat(X86_64, ARM64)), ("b", mach(X86_64)))))
    assert (build.os, build.platform, build.platforms) == ("macOS", None, ("macOS_x86", "macOS_Arm64"))


@pytest.mark.parametrize("name", [*sorted(COMPRESSIONS), "zip"])
def test_what_is_behind_a_program_for_the_own_peer_is_not_looked_at(make, name, monkeypatch):
    read = []
    original = _build.read_executable
    monkeypatch.setattr(_build, "read_executable", lambda source: read.append(source) or original(source))
    members = [("a.exe", pe(0x8664)), ("vray", elf(62)), *LAUNCHERS]
    path = make(zipped(*members) if name == "zip" else COMPRESSIONS[name](tar(*members)))
    build = identify(path, own="Linux_x86")
    assert (build.platform, build.platforms) == ("Linux_x86", ("Linux_x86", "Windows_x86"))
    # vray.json, which each archive of these tests begins with, is read, too.
    assert len(read) == (2 if name == "zip" else 3)


def test_a_plain_tar_is_read_by_its_headers_and_first_bytes(make):
    """One with programs of one system, which is looked through to the limit."""
    members = [("lib%d.so" % number, elf(62).ljust(1 << 20)) for number in range(8)]
    path = make(tar(*members))
    read = [0]

    class Counting(io.BufferedReader):
        def read(self, size=-1):
            data = super().read(size)
            read[0] += len(data)
            return data

    with Counting(io.FileIO(path)) as file:
        programs = _build._Programs()
        _build._look_into_tar(_build.File(file, 0, os.path.getsize(path)), programs)
    assert [executable.platforms for executable in programs.found] == [("Linux_x86",)]
    assert read[0] < 8 * 6000


@pytest.mark.parametrize("name", [*sorted(COMPRESSIONS), "zip"])
def test_an_archive_without_an_executable_has_no_platform(make, name):
    members = (("a", b"text"), ("b", b""), ("d/c", b"MZ" + bytes(100)))
    path = make(zipped(*members) if name == "zip" else COMPRESSIONS[name](tar(*members)))
    build = identify(path)
    assert (build.os, build.architectures, build.platforms, build.platform) == (None, (), (), None)
    build = identify(path, "Windows_Arm64")
    assert (build.platforms, build.platform) == ((), "Windows_Arm64")


def test_links_devices_and_odd_names_are_harmless(make, tmp_path):
    path = make(
        tar(
            ("../../../etc/passwd", b"text"),
            ("/absolute", b"text"),
            ("\x1b[2J\udcff", b"text"),
            ("hard", b"", {"type": tarfile.LNKTYPE, "linkname": "/bin/ls", "size": 0}),
            ("soft", b"", {"type": tarfile.SYMTYPE, "linkname": "/bin/ls"}),
            ("tty", b"", {"type": tarfile.CHRTYPE}),
            ("sda", b"", {"type": tarfile.BLKTYPE}),
            ("pipe", b"", {"type": tarfile.FIFOTYPE}),
            ("dir", b"", {"type": tarfile.DIRTYPE}),
            ("vray", mach(ARM64)),
        )
    )
    assert identify(path).platform == "macOS_Arm64"
    assert os.listdir(str(tmp_path)) == ["build"]


def test_a_directory_with_a_size_has_no_data_all_the_same(make):
    data = bytearray(tar(("dir", b"", {"type": tarfile.DIRTYPE}), ("vray", elf(62))))
    block = data[1024:1536]
    block[124:136] = b"%011o\0" % 4096
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    data[1024:1536] = block
    assert identify(make(bytes(data))).platform == "Linux_x86"


def test_a_symbolic_link_in_a_zip_is_no_executable(make):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, elf(62))
        archive.writestr("vray", elf(183))
    assert identify(make(stream.getvalue())).platform == "Linux_Arm64"


def test_encrypted_and_unusual_members_of_a_zip_are_passed_by(make):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("locked", elf(62))
        archive.writestr("lzma", elf(62), zipfile.ZIP_LZMA)
        archive.writestr("vray", elf(183))
    data = bytearray(stream.getvalue())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    assert identify(make(bytes(data))).platform == "Linux_Arm64"


def test_the_order_in_a_zip_is_that_of_the_file(make):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("first", elf(62))
        archive.writestr("second", elf(183))
        archive.filelist.reverse()
    path = make(stream.getvalue())
    assert [identify(path, own=own).platforms for own in ("Linux_x86", "Linux_Arm64")] == [
        ("Linux_x86",),
        ("Linux_x86", "Linux_Arm64"),
    ]


def test_a_sparse_file_of_gnu_tar_is_passed_by(make):
    def block(kind, size, more=0):
        header = bytearray(512)
        header[:4] = b"name"
        header[124:136] = b"%011o\0" % size
        header[156:157] = kind
        header[257:265] = b"ustar  \0"
        header[482] = more
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        return bytes(header)

    first, second = bytearray(512), bytearray(512)
    first[504] = 1
    content = block(b"S", 700, 1) + bytes(first) + bytes(second) + elf(62).ljust(1024, b"x")
    data = content + block(b"0", 64) + elf(183).ljust(512, b"\0") + bytes(1024)
    assert identify(make(data)).platform == "Linux_Arm64"
    # A part of it that ends with the first of its two headers.
    build = identify_part("build", "build", len(data), data[:512], [elf(183)])
    assert (build.format, build.platform) == ("tar", "Linux_Arm64")


def test_the_size_in_an_extended_header_counts(make):
    def header(kind, size):
        block = bytearray(512)
        block[:4] = b"name"
        block[124:136] = b"%011o\0" % size
        block[156:157] = kind
        block[257:265] = b"ustar\00000"
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        return bytes(block)

    record = b"12 mtime=1\n" + b"12 size=600\n"
    text = b"text".ljust(1024, b"t")
    path = make(header(b"x", len(record)) + record.ljust(512, b"\0") + header(b"0", 0) + text + tar(("v", elf(62))))
    assert identify(path).platform == "Linux_x86"


def test_a_number_in_the_extension_of_gnu(make):
    data = bytearray(tar(("vray", elf(62))))
    block = data[:512]
    block[124:136] = b"\x80" + struct.pack(">QH", 0, 0) + b"\x19"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    data[:512] = block
    assert identify(make(bytes(data))).platform == "Linux_x86"


@pytest.mark.parametrize("name", [*sorted(COMPRESSIONS), "zip"])
def test_only_so_far_is_looked(make, monkeypatch, name):
    members = (("pad", os.urandom(600000)), ("vray", elf(62)))
    path = make(zipped(*members) if name == "zip" else COMPRESSIONS[name](tar(*members)))
    assert identify(path).platform == "Linux_x86"
    monkeypatch.setattr(_build, "LOOK_BYTES", 600000)
    assert identify(path).platform is None
    assert identify(path, "Linux_Arm64").platform == "Linux_Arm64"


def test_a_bomb_is_not_unpacked_further_than_looked(make, monkeypatch):
    path = make(gzip.compress(tar(("zeros", bytes(30000000)), ("vray", elf(62)))))
    monkeypatch.setattr(_build, "LOOK_BYTES", 1000000)
    read = []
    original = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda self, size=-1: read.append(size) or original(self, size))
    tracemalloc.start()
    try:
        assert identify(path).platform is None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0 < sum(read) < 1100000
    assert peak < 4000000


# Damage


@pytest.mark.parametrize("name", sorted(COMPRESSIONS))
def test_a_tar_cut_off_before_its_platform_is_known(make, name):
    whole = COMPRESSIONS[name](tar(("a", os.urandom(700000)), ("vray", elf(62))))
    message = refusal(identify, make(whole[: len(whole) // 2]))
    assert "(%d bytes) is damaged: it " % (len(whole) // 2) in message
    assert "byte" in message
    assert "checksum" in message


def test_a_plain_tar_says_where_it_was_cut_off(make):
    whole = tar(("a", b"x" * 5000))
    assert "ends at byte 3000, in the middle of a member" in refusal(identify, make(whole[:3000]))
    assert "ends at byte 1200 of the file, in the middle of a header" in refusal(identify, make(whole[:1200]))


def test_a_plain_tar_cut_off_in_the_executable(make):
    assert "ends at byte 5000, in the middle" in refusal(identify, make(tar(("a", elf(62).ljust(9000)))[:5000]))


def test_a_cut_tar_that_was_compressed_as_it_was(make):
    whole = tar(("a", b"x" * 5000))
    assert "ends at byte 3000 of what is packed in it" in refusal(identify, make(gzip.compress(whole[:3000])))


def test_a_tar_without_its_end_is_tolerated(make):
    whole = v7_tar((b"a", b"text"), (b"vray", elf(62)))
    assert identify(make(v7_tar((b"a", b"text"))[:1024])).platform is None
    assert identify(make(whole[: 1536 + 64])).platform == "Linux_x86"


@pytest.mark.parametrize("name", ["tar", "tar.gz"])
def test_a_tar_with_a_damaged_header_says_where(make, name):
    data = bytearray(tar(("a", b"text"), ("vray", elf(62))))
    data[1024 + 10] ^= 0xFF
    assert "header that is no header at byte 1024 " in refusal(identify, make(COMPRESSIONS[name](bytes(data))))


@pytest.mark.parametrize("size", [b"99999999999\0", b"-0000000001\0", b"0x000000010\0", b"\xff" * 12], ids=short)
def test_a_tar_with_a_bad_size(make, size):
    data = bytearray(tar(("vray", elf(62))))
    block = data[:512]
    block[124:136] = size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    data[:512] = block
    assert "header at byte 0 of the file" in refusal(identify, make(bytes(data)))


def test_a_tar_with_a_giant_member(make):
    data = bytearray(tar(("a", b"text")))
    block = data[1024:1536]
    block[124:136] = b"\x80" + b"\xff" * 11
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    data[1024:1536] = block
    assert "in the middle of a member" in refusal(identify, make(bytes(data)))


@pytest.mark.parametrize("name", sorted(COMPRESSIONS))
def test_what_is_damaged_behind_the_executable_is_not_told(make, name):
    whole = tar(("vray", elf(62)), ("a", b"x" * 5000))
    assert identify(make(COMPRESSIONS[name](whole[:4000]))).platform == "Linux_x86"
    whole = tar(("vray", elf(62)), ("a", b"x"))
    whole = whole[:2048] + b"\xff" + whole[2049:]
    assert identify(make(COMPRESSIONS[name](whole))).platform == "Linux_x86"


def test_a_zip_with_a_damaged_member_behind_the_executable(make):
    data = bytearray(zipped(("vray", elf(62)), ("a", b"text" * 100)))
    second = data.index(b"PK\x03\x04", 4)
    data[second + 31 : second + 36] = b"\xff" * 5
    assert identify(make(bytes(data))).platform == "Linux_x86"


def test_a_zip_cut_off(make):
    whole = zipped(("vray", elf(62)), ("a", os.urandom(5000)))
    message = refusal(identify, make(whole[:-30]))
    assert "(%d bytes) is damaged: it cannot be read as a zip archive" % (len(whole) - 30) in message
    assert "is damaged" in refusal(identify, make(whole[:300]))


def test_a_zip_with_a_damaged_member(make):
    data = bytearray(zipped(("a", b"text"), ("vray", elf(62) * 100)))
    second = data.index(b"PK\x03\x04", 4)
    data[second + 34 : second + 44] = b"\xff" * 10
    message = refusal(identify, make(bytes(data)))
    assert "has a member that cannot be unpacked at byte %d of the file ('vray')" % second in message


def test_a_zip_with_an_endless_list_of_members(make, monkeypatch):
    path = make(zipped(*[("name%d" % number, b"") for number in range(1000)]))
    monkeypatch.setattr(_build, "LOOK_BYTES", 50000)
    monkeypatch.setattr(zipfile, "_EndRecData", _without_bound(zipfile._EndRecData, monkeypatch))
    assert "the list of its members is longer than 50000 bytes" in refusal(identify, path)


def _without_bound(function, monkeypatch):
    """The search for the end of the archive reads 64 KiB, which the small bound of a test must not hit."""

    def search(file):
        file.seek(0)
        data = io.BufferedReader.read(file, -1)
        return function(io.BytesIO(data))

    return search


@pytest.mark.parametrize("name", [*sorted(COMPRESSIONS), "zip", "shell"])
def test_any_damage_is_a_build_error_or_harmless(make, name):
    chance = random.Random(name)
    members = [("a%d" % number, bytes(chance.randrange(256) for dummy in range(300))) for number in range(6)]
    members.append(("vray", elf(62)))
    if name == "zip":
        whole = zipped(*members)
    elif name == "shell":
        whole = b"#!/bin/sh\n" + gzip.compress(tar(*members))
    else:
        whole = COMPRESSIONS[name](tar(*members))
    outcomes = set()
    for _attempt in range(300):
        data = bytearray(whole)
        for position in range(chance.randrange(1, 8)):
            position = chance.randrange(len(data))
            data[position] = chance.choice([0, 0xFF, chance.randrange(256)])
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        try:
            outcomes.add(identify(make(bytes(data))).platform)
        except BuildError:
            outcomes.add("error")
    # A script may be anything, so that damage in it is none. xz and bzip2 notice each changed bit.
    assert ("None" if name == "shell" else "error") in map(str, outcomes)
    assert name in ("tar.xz", "tar.bz2") or "Linux_x86" in outcomes


# Self-extracting scripts

SCRIPT = b"#!/bin/sh\n# made of ustar and gzip\nexec tail -n +4 $0 | tar x\n" + b"# padding\n" * 700


@pytest.mark.parametrize(
    "payload",
    [compress(tar(("a", b"text"), ("vray", elf(183)))) for name, compress in sorted(COMPRESSIONS.items())]
    + [elf(183), gzip.compress(elf(183)), b"\x1f\x8b\x08 no gzip " + gzip.compress(tar(("vray", elf(183))))],
    ids=short,
)
def test_a_script_tells_the_platform_of_its_payload(make, payload):
    path = make(SCRIPT + payload, "vray.run")
    assert (sniff(path).format, sniff(path).category) == ("shell", "installer")
    build = identify(path)
    assert (build.format, build.category, build.platform) == ("shell", "installer", "Linux_Arm64")
    assert "Linux_Arm64" in refusal(identify, path, "Linux_x86")


def test_a_script_with_a_plain_tar(make):
    # A PE header is not looked for in a script itself, so that this is found by way of the tar only.
    assert identify(make(SCRIPT + tar(("vray", pe(0xAA64))))).platform == "Windows_Arm64"


def test_a_script_for_macos(make):
    assert identify(make(SCRIPT + fat(X86_64, ARM64))).platforms == ("macOS_x86", "macOS_Arm64")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"exit 0\n",
        JAVA_CLASS,
        elf(190),
        gzip.compress(tar(("a", b"text"))),
        gzip.compress(b"text"),
        gzip.compress(os.urandom(9000))[:4000],
        b"\x1f\x8b\x08" * 300000,
        FALSE_GZIP * 10000,
        b"\x7fELF\x02\x01\x01" * 100000,
        b"\n" * 1100000 + elf(62),
    ],
    ids=short,
)
def test_a_script_that_does_not_tell(make, payload):
    path = make(SCRIPT + payload)
    assert identify(path).platform is None
    assert identify(path, "Linux_x86").platform == "Linux_x86"


def test_a_script_is_tried_a_bounded_number_of_times(make, monkeypatch):
    tries = []
    original = _build.unpacked
    monkeypatch.setattr(_build, "unpacked", lambda *args: tries.append(args) or original(*args))
    identify(make(SCRIPT + FALSE_GZIP * 1000))
    assert 0 < len(tries) <= 16


# What it unpacks to


MEMBERS = [("vray", elf(62) * 900), ("empty", b""), ("d/e/lib.so", os.urandom(70000)), ("f.so", bytes(600000))]


@pytest.mark.parametrize("name", [*sorted(COMPRESSIONS), "zip"])
def test_what_an_archive_unpacks_to_is_what_a_look_counts_then(make, tmp_path, name, monkeypatch):
    monkeypatch.setattr(_build, "LOOK_BYTES", 100000)
    content = zipped(*MEMBERS) if name == "zip" else COMPRESSIONS[name](tar(*MEMBERS))
    with (zipfile.ZipFile if name == "zip" else tarfile.open)(make(content)) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(str(tmp_path / "there"))
    assert unpacked_size(make(content)) == count_tree(str(tmp_path / "there"), 99)[1] > 670000


def test_links_directories_and_holes_have_no_bytes_of_their_own(make):
    links = [("d", b"", {"type": tarfile.DIRTYPE}), ("l", b"", {"type": tarfile.SYMTYPE, "linkname": "vray"})]
    links += [("h", b"", {"type": tarfile.LNKTYPE, "linkname": "vray"})]
    for options in ({}, {"format": tarfile.PAX_FORMAT}):
        assert unpacked_size(make(tar(*MEMBERS, *links, **options))) == unpacked_size(make(tar(*MEMBERS)))
    directory = zipped(("d/", b""), *MEMBERS)
    assert unpacked_size(make(directory)) == unpacked_size(make(zipped(*MEMBERS)))


@pytest.mark.parametrize("content", [elf(62), pe(0x8664), SCRIPT + gzip.compress(tar(*MEMBERS))], ids=short)
def test_nobody_can_tell_what_an_installer_unpacks_to(make, content):
    assert unpacked_size(make(content)) is None


@pytest.mark.parametrize("lost", [0.1, 1, 8, 20])
@pytest.mark.parametrize("name", ["tar.bz2", "tar.gz", "tar.xz", "zip"])
def test_an_archive_that_ends_too_soon_is_damaged_wherever_that_is(make, name, lost):
    """Its platform is told long before."""
    content = zipped(*MEMBERS) if name == "zip" else COMPRESSIONS[name](tar(*MEMBERS))
    path = make(content[: -int(len(content) * lost if lost < 1 else lost)])
    if name in ("tar.gz", "tar.xz"):
        assert identify(path).platform == "Linux_x86"
    assert "is damaged: it " in refusal(unpacked_size, path)


@pytest.mark.parametrize("name", ["tar.bz2", "tar.gz", "tar.xz"])
def test_a_checksum_at_the_end_counts(make, name):
    content = bytearray(COMPRESSIONS[name](tar(*MEMBERS)))
    content[-6] ^= 1
    assert "is damaged: it " in refusal(unpacked_size, make(bytes(content)))


@pytest.mark.parametrize("name", sorted(COMPRESSIONS))
def test_a_tar_that_ends_between_two_members_is_damaged(make, name):
    """Else less would be told than it unpacks to."""
    whole = tar(*MEMBERS)
    end = whole.index(MEMBERS[2][0].encode())
    path = make(COMPRESSIONS[name](whole[:end]))
    assert identify(path).platform == "Linux_x86"
    assert "is damaged: it ends at byte %d of " % end in refusal(unpacked_size, path)
    assert refusal(unpacked_size, path).count("where more was to come") == 1
    # Nor is there more behind the padding of the last member.
    assert "is damaged: it ends at byte" in refusal(unpacked_size, make(COMPRESSIONS[name](whole[: end - 9])))


def test_members_that_are_no_files_have_no_bytes(make):
    assert unpacked_size(make(tar(*MEMBERS, ("x", b"/other" * 99, {"type": b"D"})))) == unpacked_size(
        make(tar(*MEMBERS))
    )


def test_what_a_zip_of_a_newer_kind_unpacks_to_is_not_known(make):
    content = bytearray(zipped(*MEMBERS))
    for at in [match.start() for match in re.finditer(b"PK\x01\x02", content)]:
        content[at + 6] = 99
    assert unpacked_size(make(bytes(content))) is None


def test_a_zip_with_a_member_without_a_name(make):
    nameless = _without_names(zipped(("v", elf(62))))
    assert unpacked_size(make(nameless)) == len(elf(62)) and identify(make(nameless)).platform == "Linux_x86"


def _without_names(content):
    """The lengths of the names are 0, and what was the name is a comment, or an extra field."""
    data = bytearray(content)
    at = data.index(b"PK\x03\x04")
    data[at + 26 : at + 30] = b"\0\0\1\0"
    at = data.index(b"PK\x01\x02")
    data[at + 28 : at + 34] = b"\0\0\0\0\1\0"
    return bytes(data)


@pytest.mark.parametrize("members", [[("zeros", bytes(30000000))], [("f%d" % n, bytes(512)) for n in range(2000)]])
def test_what_a_bomb_unpacks_to_is_not_counted_to_its_end(make, monkeypatch, members):
    path = make(gzip.compress(tar(*members, ("vray", elf(62)))))
    monkeypatch.setattr(_build, "_UNPACKED_LIMIT", 1000000)
    read = []
    original = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda self, size=-1: read.append(size) or original(self, size))
    assert unpacked_size(path) is None
    assert 0 < sum(read) < 1300000


# The platform, the name and the version


@pytest.mark.parametrize("platform", ["linux_x86", "Linux", "Linux_amd64", "", "\x1b[2J"])
def test_a_platform_is_one_of_six(make, platform):
    with pytest.raises(BuildError) as caught:
        identify(make(elf(62)), platform)
    assert repr(platform) in str(caught.value)
    assert ", ".join(PLATFORMS) in str(caught.value)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_platform_must_not_contradict_the_file(make, platform):
    path = make(tar(("vray", elf(62))))
    if platform == "Linux_x86":
        assert identify(path, platform).platform == platform
    else:
        assert "was said to be for %s, but what is in it is for Linux_x86" % platform in refusal(
            identify, path, platform
        )


def test_the_name_is_kept_and_carries_the_version(make):
    build = identify(make(tar(("vray", elf(62))), "V-Ray 6.20.10-e8197af2 (final).TAR"))
    assert build.name == "V-Ray 6.20.10-e8197af2 (final).TAR"
    assert build.version == Version(6, 20, 10, "e8197af2")
    assert identify(make(tar(("vray", elf(62))), "vray-lin-df715d3c8ff9.tar")).version is None


def test_the_result_of_a_module(make):
    path = make(fat(X86_64, ARM64), "vray-7.00.06-e8197af2")
    assert identify(path).as_result() == {
        "path": path,
        "name": "vray-7.00.06-e8197af2",
        "size": os.path.getsize(path),
        "format": "mach-o",
        "kind": "installer",
        "os": "macOS",
        "architectures": ["x86", "Arm64"],
        "platforms": ["macOS_x86", "macOS_Arm64"],
        "platform": None,
        "version": "7.0.6-e8197af2",
        "version_dict": {"_revHash": "e8197af2", "_ver": {"_major": 7, "_minor": 0, "_release": 6}},
    }


# The hash


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 1048576, 1048577])
def test_sha256(make, size):
    content = os.urandom(size)
    assert sha256(make(content)) == hashlib.sha256(content).hexdigest()


def test_sha256_tells_its_progress_and_takes_constant_memory(make):
    path = make(b"")
    os.truncate(path, 20 * 1048576)
    told = []
    tracemalloc.start()
    try:
        digest = sha256(path, progress=lambda done, size: told.append((done, size)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert digest == hashlib.sha256(bytes(20 * 1048576)).hexdigest()
    assert told == [((number + 1) * 1048576, 20 * 1048576) for number in range(20)]
    assert peak < 3 * 1048576


@pytest.mark.parametrize("size", [1048576, 4 * 1048576])
def test_a_file_that_changes_while_it_is_hashed(make, size):
    path = make(bytes(3 * 1048576))
    message = refusal(sha256, path, progress=lambda done, dummy: os.truncate(path, size))
    assert "changed while it was read (3145728 bytes before, %d bytes now)" % size in message


# Files that are none


@pytest.mark.parametrize("function", [sniff, identify, sha256])
def test_files_that_cannot_be_read(tmp_path, function):
    missing = refusal(function, str(tmp_path / "missing"))
    assert "No such file or directory. Check the path" in missing
    assert "is a directory" in refusal(function, str(tmp_path))
    (tmp_path / "file").write_bytes(b"x")
    assert "Not a directory. Check the path" in refusal(function, str(tmp_path / "file" / "x"))
    assert "Check the path" in refusal(function, str(tmp_path / ("x" * 300)))
    with pytest.raises(BuildError):
        function("a\0b")


@pytest.mark.parametrize("function", [sniff, identify, sha256])
def test_a_pipe_a_socket_or_a_device_does_not_hang(tmp_path, monkeypatch, function):
    os.mkfifo(str(tmp_path / "pipe"))
    assert "is not a regular file" in refusal(function, str(tmp_path / "pipe"))
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert "is not a regular file" in refusal(function, "socket")
    assert "is not a regular file" in refusal(function, "/dev/zero")


@pytest.mark.parametrize("function", [sniff, identify, sha256])
def test_a_pipe_that_takes_the_place_of_the_file_does_not_hang(tmp_path, monkeypatch, function):
    os.mkfifo(str(tmp_path / "pipe"))
    (tmp_path / "file").write_bytes(b"x")
    status = os.stat(str(tmp_path / "file"))
    monkeypatch.setattr(_build.os, "stat", lambda *_args, **_more: status)
    assert "is not a regular file" in refusal(function, str(tmp_path / "pipe"))


@pytest.mark.parametrize("function", [sniff, identify, sha256])
def test_a_missing_right_is_said(tmp_path, monkeypatch, function):
    path = str(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"x")

    def refuse(name, flags):
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(_build.os, "open", refuse)
    assert "cannot be read: Permission denied. Give the user that runs the task the right" in refusal(function, path)


def test_a_failing_disk_is_said_and_is_no_damage(make, monkeypatch):
    path = make(gzip.compress(tar(("a", b"text"))))

    def fail(self, size=-1):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(gzip.GzipFile, "read", fail)
    message = refusal(identify, path)
    assert "cannot be read: Input/output error" in message
    assert "damaged" not in message


def test_a_path_object_is_a_path(tmp_path):
    (tmp_path / "file").write_bytes(elf(62))
    assert identify(tmp_path / "file").path == str(tmp_path / "file")


def test_what_is_open_is_looked_at_as_often_as_wanted_and_stays_what_it_is(make):
    content = tar(("vray", elf(62)))
    path = make(content)
    with OpenBuild(path) as build:
        os.unlink(path)
        with open(path, "wb") as other:
            other.write(elf(183))
        for _time in range(2):
            assert sniff(build).format == "tar"
            assert identify(build).platform == "Linux_x86"
            assert sha256(build) == hashlib.sha256(content).hexdigest()
            assert first_bytes(build, 4) == b"vray" and not may_be_executable(build)
        assert (build.path, build.size) == (path, len(content))
    with pytest.raises(ValueError):
        build.file.read()


@pytest.mark.parametrize("change", [ticks.overwrite, ticks.replace])
def test_what_was_checked_and_changed_then_is_not_used(make, change):
    content = tar(("vray", elf(62)))
    with OpenBuild(make(content)) as build:
        build.check()
        change(build.path, content)
        with pytest.raises(BuildError, match="changed after it had been checked, so that no peer and no share keeps"):
            build.check()


def test_xz_without_its_module(make, monkeypatch):
    path = make(lzma.compress(tar(("vray", elf(62)))))
    monkeypatch.setattr(_archive, "lzma", None)
    with pytest.raises(BuildError) as caught:
        identify(path)
    assert "no lzma module" in str(caught.value)


@pytest.mark.parametrize(
    "start, size, program, expected",
    [
        # A program that is there as a whole is no secret.
        (b"MZ" + bytes(62), 64, b"", ("unknown", None)),
        (b"MZ" + bytes(62), 65, b"", (None, None)),
        (b"", 0, b"", ("unknown", None)),
        (b"PK\x03\x04" + bytes(508), 10**6, b"", ("archive", None)),
        (b"PK\x03\x04" + bytes(508), 10**6, b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\x00", ("archive", "Linux_x86")),
        (b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\x00", 10**6, b"", ("installer", "Linux_x86")),
        (b"#!/bin/sh\n".ljust(512), 10**6, b"", ("installer", None)),
        (b"\x1f\x8b\x08" + bytes(20), 10**6, b"", (None, None)),
        (b"\x1f\x8b\x08" + bytes(20), 23, b"", ("unknown", None)),
        (b"hello", 5, b"", ("unknown", None)),
    ],
)
def test_what_the_first_bytes_tell(start, size, program, expected):
    assert identify_start(start, size, [elf(190), JAVA_CLASS, program, elf(40)]) == expected


def test_the_programs_in_an_archive_tell_together():
    start, programs = tar(), [elf(190), pe(0x8664), elf(62), mach(ARM64)]
    for own, expected in (("Linux_x86", "Linux_x86"), ("Windows_x86", "Windows_x86"), ("Linux_Arm64", None)):
        assert identify_start(start, 10**6, programs, own) == ("archive", expected)
    assert identify_start(start, 10**6, programs[:2], "Linux_x86") == ("archive", "Windows_x86")


# What a package of Windows Installer begins with.
COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")


@pytest.mark.parametrize("content, expected", [(COMPOUND, True), (COMPOUND[:7] + b"x", False), (COMPOUND[:7], False)])
def test_a_package_of_windows_installer_is_held_back_as_a_program_is(make, content, expected):
    path = make(content + (bytes(9000) if len(content) == 8 else b""))
    assert may_be_executable(path) is expected
    # It is no build for all that.
    assert sniff(path).category == "unknown"
    assert identify_start(content.ljust(512, b"\0"), 10**6) == ("unknown", None)


START, LONG_START = 4096, 1 << 20
PATH = "C:\\builds\\vray-7.00.06-e8197af2.tar"


# What no compression makes shorter, in more than two blocks of bzip2 at its smallest.
NOISE = bytes(random.Random(1).choices(range(256), k=400_000))


def part(content, count=START, programs=(), platform=None):
    return identify_part(PATH, "vray-7.00.06-e8197af2.tar", len(content), content[:count], programs, platform)


def told(build):
    return {name: value for name, value in build.as_result().items() if name not in ("path", "name")}


@pytest.mark.parametrize("kind", [*sorted(COMPRESSIONS), "installer", "shell"])
@pytest.mark.parametrize("platform, dummy, content", HEADERS, ids=short)
def test_a_part_tells_what_the_whole_file_tells(make, kind, platform, dummy, content):
    if kind == "installer":
        data = content + NOISE
    else:
        # What is behind the limit is cut off in the middle of a member.
        data = tar(("readme.txt", b"text" * 900), ("vray.exe", content), ("later", NOISE))
        pack = {
            "tar.bz2": lambda data: bz2.compress(data, 1),
            "shell": lambda data: b"#!/bin/sh\n" + gzip.compress(data),
        }
        data = pack.get(kind, COMPRESSIONS.get(kind))(data)
    path = make(data, "vray-7.00.06-e8197af2.tar")
    count = len(NOISE) // 2
    build = part(data, count, [content[:START]] if kind == "tar" else [])
    assert told(build) == told(identify(path))
    assert (build.path, build.name, build.platform) == (PATH, "vray-7.00.06-e8197af2.tar", platform)
    programs = [mach(ARM64), elf(3)]
    assert part(data, count, programs, platform).platform == platform
    # What is in the part counts, too. An installer is for what it begins with.
    found = part(data, count, programs).platforms
    assert set(found) == ({platform} if kind in ("installer", "shell") else {platform, "macOS_Arm64", "Linux_x86"})


def test_the_program_of_a_tar_that_lies_behind_its_start():
    data = tar(("a", os.urandom(50000)), ("vray.exe", pe(0x8664)))
    assert (part(data).format, part(data).platform) == ("tar", None)
    # What has no platform does not contradict one, and is not the one that is looked for.
    others = [JAVA_CLASS[:512], elf(190), pe(0x8664, offset=9000)[:START]]
    assert part(data, programs=others).platforms == ()
    assert part(data, programs=others, platform="Windows_Arm64").platform == "Windows_Arm64"
    assert part(data, programs=[*others, pe(0x8664)]).platform == "Windows_x86"
    mixed = [*others, pe(0x8664), elf(62)]
    assert (part(data, programs=mixed).platform, part(data, programs=mixed, platform="Linux_x86").platform) == (
        None,
        "Linux_x86",
    )
    with pytest.raises(BuildError, match="was said to be for Linux_x86, but what is in it is for Windows_x86"):
        part(data, programs=[*others, pe(0x8664)], platform="Linux_x86")


@pytest.mark.parametrize("count", [START, LONG_START])
def test_the_start_of_a_zip_tells_no_platform(count):
    data = zipped(("vray.exe", pe(0x8664)), ("a", os.urandom(2 * LONG_START)))
    assert (part(data, count).format, part(data, count).platforms) == ("zip", ())
    assert part(data, count, platform="Windows_x86").platform == "Windows_x86"


@pytest.mark.parametrize("name", sorted(COMPRESSIONS))
def test_a_part_that_is_too_short_to_tell_the_platform(name):
    """Where the first program is not in it. Nobody calls that damaged."""
    data = COMPRESSIONS[name](tar(("a", os.urandom(2 * LONG_START)), ("vray.exe", pe(0x8664))))
    build = part(data, LONG_START)
    assert (build.format, build.category, build.platforms) == (name, "archive", ())


def test_what_a_part_is_too_short_for_is_refused_until_more_is_there():
    """A block of bzip2 is unpacked as a whole; the header of a program for Windows can lie anywhere."""
    for data, name in ((bz2.compress(tar(("a", os.urandom(10**6)))), "tar.bz2"), (pe(0x8664, offset=9000), "pe")):
        with pytest.raises(PartError):
            part(data)
        assert part(data, LONG_START).format == name
        # There is no more of it.
        with pytest.raises(BuildError) as caught:
            part(data[:START])
        assert not isinstance(caught.value, PartError)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "is empty"),
        (b"%PDF-1.4".ljust(9000), "Its first bytes are 25 50 44 46"),
        (gzip.compress(b"hello" * 9000), "is a gzip file, but what is packed in it is not a tar archive"),
        (
            b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 9000,
            "(9010 bytes) is damaged: it starts like a gzip file, but cannot be unpacked",
        ),
        (
            tar(("a", b"x"))[:1500],
            "(1500 bytes) is damaged: it ends at byte 1500 of the file, in the middle of a header",
        ),
        (tar(("a", bytes(9000)))[:5000], "(5000 bytes) is damaged: it ends at byte 5000, in the middle of a member"),
        (gzip.compress(tar(("a", os.urandom(3000))))[:2000], "(2000 bytes) is damaged: it cannot be unpacked"),
        (tar()[:1024] + b"\xff" * 9000, "has a header that is no header at byte 1024"),
    ],
    ids=short,
)
def test_what_a_part_shows_to_be_no_build_or_damaged(content, problem):
    with pytest.raises(BuildError) as caught:
        part(content)
    # More of it would show nothing else.
    assert not isinstance(caught.value, PartError)
    assert problem in str(caught.value)
    assert repr(PATH)[1:-1] in str(caught.value)


def test_a_platform_is_one_of_six_for_a_part_too():
    with pytest.raises(BuildError, match="'Windows' is not a platform"):
        part(pe(0x8664), platform="Windows")
