# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test format of a build: made for tests, read by the reference peer.

A real build cannot be redistributed and its inside is not public. A test archive is a tar file (plain, gz, xz or bz2)
whose first member is ``vray.json``: ``{"version": <version-dictionary>, "platform": "Linux_x86"}``; payload members
follow. A test installer begins like a program (ELF, PE, Mach-O or ``#!``) and carries such a tar file at byte 4096.
Nothing in it is ever executed.

    python -m swarm_peer.builds archive|installer PATH [--version …] [--platform …] [--size …]
"""

from __future__ import annotations

import argparse
import bz2
import contextlib
import dataclasses
import errno
import functools
import gzip
import hashlib
import json
import lzma
import os
import pathlib
import random
import re
import struct
import sys
import tarfile
import typing as t
import zlib

VERSION = "6.20.10-e8197af2"
PLATFORM = "Linux_x86"
PLATFORMS = ("Linux_x86", "Linux_Arm64", "Windows_x86", "Windows_Arm64", "macOS_x86", "macOS_Arm64")
COMPRESSIONS = ("", "gz", "xz", "bz2")
INSTALLER_OFFSET = 4096
BLOCK = 1024 * 1024

PathLike = t.Union[str, "os.PathLike[str]"]
VersionDict = t.Dict[str, t.Any]

_TAR_BLOCK = 512
_VERSION = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)-([0-9A-Za-z]+)\Z")
_PROGRAMS = (
    b"\x7fELF",
    b"MZ",
    b"#!",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)


class BrokenBuild(Exception):
    """A file that is not a test build, or not a whole one."""


@dataclasses.dataclass
class Build:
    """What the reference peer reads from a build. Without ``bare`` there is a tar file at ``offset``."""

    installer: bool
    version: VersionDict
    platform: t.Optional[str]
    offset: int
    bare: bool = False

    @property
    def version_str(self) -> str:
        return version_str(self.version)


def version_dict(text: str) -> VersionDict:
    match = _VERSION.match(text)
    if not match:
        raise ValueError("not a version string like %s: %r" % (VERSION, text))
    major, minor, release = (int(match.group(i)) for i in (1, 2, 3))
    return {"_revHash": match.group(4), "_ver": {"_major": major, "_minor": minor, "_release": release}}


def version_str(version: t.Any) -> str:
    """The text of a version dictionary; a BrokenBuild for anything else, since it becomes a directory name."""
    try:
        numbers = [version["_ver"][key] for key in ("_major", "_minor", "_release")]
        if any(isinstance(number, bool) or not isinstance(number, int) or number < 0 for number in numbers):
            raise ValueError("the numbers of a version are whole")
        text = "%d.%d.%d-%s" % (*numbers, version["_revHash"])
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenBuild("not a version dictionary: %.200r" % (version,)) from error
    if not _VERSION.match(text):
        raise BrokenBuild("not a version dictionary: %.200r" % (version,))
    return text


# --- making ---------------------------------------------------------------------------------------------------------


def program_header(platform: str) -> bytes:
    """The beginning of a program of that platform, as far as file(1) and our own tools look."""
    system, arch = platform.split("_")
    arm = arch == "Arm64"
    if system == "Linux":
        ident = b"\x7fELF\x02\x01\x01" + bytes(9)
        return ident + struct.pack("<HHIQQQIHHHHHH", 2, 183 if arm else 62, 1, 0x401000, 0, 0, 0, 64, 56, 0, 64, 0, 0)
    if system == "Windows":
        dos = (b"MZ" + bytes(58) + struct.pack("<I", 0x80)).ljust(0x80, b"\0")
        coff = struct.pack("<HHIIIHH", 0xAA64 if arm else 0x8664, 1, 0, 0, 0, 240, 0x22)
        return dos + b"PE\0\0" + coff + struct.pack("<H", 0x20B) + bytes(238)
    if system == "macOS":
        return struct.pack("<IIIIIIII", 0xFEEDFACF, 0x0100000C if arm else 0x01000007, 0 if arm else 3, 2, 0, 0, 0, 0)
    raise ValueError("not a platform: %r (one of: %s)" % (platform, ", ".join(PLATFORMS)))


def make_archive(
    path: PathLike,
    version: str = VERSION,
    platform: str = PLATFORM,
    size: t.Optional[int] = None,
    compression: str = "",
    sparse: bool = True,
) -> pathlib.Path:
    """Write a test archive of exactly ``size`` bytes (some 66 KB when not given).

    A plain one has holes where the file system allows, so that half a gigabyte takes no time; the first MiBs and a
    piece of every 16 MiB are pseudo-random, so that lost, doubled or shifted bytes show. With ``sparse=False`` all of
    it is written. A compressed archive is filled up with zeros behind the compressed stream, which readers ignore
    (xz itself only where the size is a multiple of four).
    """
    target = pathlib.Path(path)
    if compression not in COMPRESSIONS:
        raise ValueError("not a compression: %r (one of: gz, xz, bz2, or empty)" % compression)
    with open(target, "wb") as stream:
        if compression:
            _write_compressed(stream, compression, version, platform, size)
        else:
            _write_tar(stream, version, platform, size, sparse)
    return target


def make_installer(
    path: PathLike,
    version: str = VERSION,
    platform: str = PLATFORM,
    size: t.Optional[int] = None,
    shell: bool = False,
    sparse: bool = True,
) -> pathlib.Path:
    """Write a test installer of exactly ``size`` bytes; with ``shell`` it begins as a shell script does."""
    target = pathlib.Path(path)
    header = program_header(platform)
    if shell:
        header = b"#!/bin/sh\necho 'A test installer: nothing in it can be run.'\nexit 1\n"
    with open(target, "wb") as stream:
        stream.write(header + _noise()[: INSTALLER_OFFSET - len(header)])
        _write_tar(stream, version, platform, size, sparse)
    return target


@functools.cache
def _noise() -> bytes:
    return random.Random("renderops.vray_swarm").randbytes(BLOCK)


def _numbered_noise(number: int) -> bytes:
    # No two blocks of a build are the same: a block that is lost or sent twice changes the hash.
    return struct.pack(">Q", number) + _noise()[8:]


def _tar_header(name: str, size: int, mode: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, mode
    return info.tobuf(tarfile.USTAR_FORMAT)


def _head(version: str, platform: str, payload: int) -> bytes:
    text = json.dumps({"version": version_dict(version), "platform": platform}).encode() + b"\n"
    name = "bin/vray.exe" if platform.startswith("Windows") else "bin/vray"
    padded = text.ljust(-(-len(text) // _TAR_BLOCK) * _TAR_BLOCK, b"\0")
    return _tar_header("vray.json", len(text), 0o644) + padded + _tar_header(name, payload, 0o755)


def _write_tar(stream: t.BinaryIO, version: str, platform: str, size: t.Optional[int], sparse: bool) -> None:
    start = stream.tell()
    around = len(_head(version, platform, 0)) + 2 * _TAR_BLOCK
    if size is None:
        size = start + around + 64 * 1024
    payload = (size - start - around) // _TAR_BLOCK * _TAR_BLOCK
    header = program_header(platform)
    if payload < len(header):
        least = start + around + -(-len(header) // _TAR_BLOCK) * _TAR_BLOCK
        raise ValueError("such a build has at least %d bytes, not %d" % (least, size))
    stream.write(_head(version, platform, payload))
    begin = stream.tell()
    for number in range(-(-payload // BLOCK)):
        block = _numbered_noise(number)[: payload - number * BLOCK]
        if sparse and number >= 4 and number % 16 and number < payload // BLOCK - 1:
            continue
        if sparse and number >= 4:
            block = block[: 64 * 1024]
        stream.seek(begin + number * BLOCK)
        stream.write(block)
    stream.seek(begin)
    stream.write(header)
    stream.truncate(size)


def _write_compressed(stream: t.BinaryIO, compression: str, version: str, platform: str, size: t.Optional[int]) -> None:
    header = program_header(platform)
    # bz2 makes noise about half a percent longer.
    payload = 64 * 1024 if size is None else (size - 2048 - size // 128) // _TAR_BLOCK * _TAR_BLOCK
    if payload < len(header):
        raise ValueError("a compressed build of %d bytes cannot be made" % (size or 0))
    packer: t.Any
    if compression == "gz":
        packer = gzip.GzipFile("", "wb", compresslevel=1, fileobj=stream, mtime=0)
    elif compression == "bz2":
        packer = bz2.BZ2File(stream, "wb")
    else:
        packer = lzma.LZMAFile(stream, "wb", preset=0)
    with packer:
        packer.write(_head(version, platform, payload))
        for number in range(-(-payload // BLOCK)):
            block = _numbered_noise(number)[: payload - number * BLOCK]
            packer.write(block if number else header + block[len(header) :])
        packer.write(bytes(2 * _TAR_BLOCK))
    if size is not None:
        if stream.tell() > size:
            raise ValueError("a compressed build of %d bytes cannot be made" % size)
        stream.truncate(size)


# --- reading --------------------------------------------------------------------------------------------------------


def is_program(head: bytes) -> bool:
    return head.startswith(_PROGRAMS)


def read_build(path: PathLike, deploy_anything: bool = False, sha256: t.Optional[str] = None) -> Build:
    """Read the head of a build; the rest of the file is not touched unless its sha256 has to be computed."""
    with open(path, "rb") as stream:
        installer = is_program(stream.read(4))
        offset = INSTALLER_OFFSET if installer else 0
        try:
            data = _read_vray_json(stream, offset)
            version = data.get("version")
            version_str(version)
            if not isinstance(data.get("platform"), str):
                raise BrokenBuild("vray.json names no platform")
            return Build(installer, t.cast(VersionDict, version), data["platform"], offset)
        except BrokenBuild:
            if not deploy_anything:
                raise
        digest = sha256 or hash_file(stream)
    version = version_dict("0.0.%d-%s" % (int(digest[8:12], 16), digest[:8]))
    return Build(installer, version, None, 0, bare=True)


def hash_file(stream: t.BinaryIO) -> str:
    digest = hashlib.sha256()
    stream.seek(0)
    for block in iter(lambda: stream.read(BLOCK), b""):
        digest.update(block)
    return digest.hexdigest()


def extract(build: Build, path: PathLike, into: PathLike, check: t.Callable[[], None] = lambda: None) -> None:
    """Unpack the payload, streaming; ``check`` is called between blocks and may raise to give up."""
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open(path, "rb"))
        try:
            source.seek(build.offset)
            try:
                # Plain tar: seekable, so that the kernel can copy the members.
                tar = stack.enter_context(tarfile.open(fileobj=source, mode="r:"))
                plain = True
            except tarfile.ReadError:
                source.seek(build.offset)
                tar = stack.enter_context(tarfile.open(fileobj=source, mode="r|*"))
                plain = False
            for member in tar:
                target = _inside(into, member.name)
                if member.isdir():
                    os.makedirs(target, exist_ok=True)
                elif member.isreg():
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    with open(target, "xb") as sink:
                        if plain:
                            _copy_range(source, member.offset_data, sink, member.size, check)
                        else:
                            reader = tar.extractfile(member)
                            assert reader is not None
                            _copy(reader, sink, member.size, check)
                    os.chmod(target, member.mode & 0o755 | 0o600)
                else:
                    raise BrokenBuild("a member that is neither file nor directory: %.200r" % member.name)
        except (tarfile.TarError, EOFError, lzma.LZMAError, FileExistsError, zlib.error) as error:
            raise BrokenBuild("not a whole tar file: %s" % error) from error


def _read_vray_json(stream: t.BinaryIO, offset: int) -> t.Dict[str, t.Any]:
    stream.seek(offset)
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as tar:
            member = tar.next()
            if member is None or member.name != "vray.json" or not member.isreg() or member.size > 64 * 1024:
                raise BrokenBuild("the first member is not a vray.json")
            reader = tar.extractfile(member)
            assert reader is not None
            data = json.loads(reader.read())
    except (tarfile.TarError, EOFError, lzma.LZMAError, OSError, zlib.error) as error:
        raise BrokenBuild("not a tar file that can be read: %s" % error) from error
    except ValueError as error:
        raise BrokenBuild("vray.json is not JSON: %s" % error) from error
    if not isinstance(data, dict):
        raise BrokenBuild("vray.json is not a mapping")
    return data


def _inside(root: PathLike, name: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name or not parts:
        raise BrokenBuild("a member that leaves the directory: %.200r" % name)
    return os.path.join(root, *parts)


def _copy(source: t.IO[bytes], sink: t.BinaryIO, size: int, check: t.Callable[[], None]) -> None:
    while size:
        check()
        block = source.read(min(BLOCK, size))
        if not block:
            raise BrokenBuild("the file ends inside a member")
        sink.write(block)
        size -= len(block)


def _copy_range(source: t.BinaryIO, offset: int, sink: t.BinaryIO, size: int, check: t.Callable[[], None]) -> None:
    """Copy a member in the kernel and leave out its holes: twenty peers of half a gigabyte each are no load then."""
    descriptor, end = source.fileno(), offset + size
    if os.fstat(descriptor).st_size < end:
        raise BrokenBuild("the file ends inside a member")
    place = source.tell()
    raw_place = os.lseek(descriptor, 0, os.SEEK_CUR)
    position = offset
    try:
        while position < end:
            check()
            try:
                begin = os.lseek(descriptor, position, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                break  # nothing but a hole up to the end of the file
            if begin >= end:
                break
            stop = min(os.lseek(descriptor, begin, os.SEEK_HOLE), end, begin + 32 * BLOCK)
            done = os.copy_file_range(descriptor, sink.fileno(), stop - begin, begin, begin - offset)
            if not done:
                raise OSError(errno.EIO, "nothing was copied")
            position = begin + done
        sink.truncate(size)
    except (AttributeError, OSError) as failure:
        if isinstance(failure, OSError) and failure.errno == errno.ENOSPC:
            raise
        # Not on this system or these file systems.
        os.lseek(descriptor, raw_place, os.SEEK_SET)
        source.seek(offset)
        sink.truncate(0)
        sink.seek(0)
        _copy(source, sink, size, check)
    else:
        # The buffered reader must not notice that the descriptor was moved.
        os.lseek(descriptor, raw_place, os.SEEK_SET)
    source.seek(place)


def main(arguments: t.Optional[t.Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m swarm_peer.builds", description="Make a test build.")
    parser.add_argument("kind", choices=("archive", "installer"))
    parser.add_argument("path")
    parser.add_argument("--version", default=VERSION)
    parser.add_argument("--platform", default=PLATFORM, choices=PLATFORMS)
    parser.add_argument("--size", type=int, help="exact size in bytes")
    parser.add_argument("--compression", default="", choices=COMPRESSIONS, help="of an archive")
    parser.add_argument("--shell", action="store_true", help="an installer that begins with #!")
    parser.add_argument("--no-sparse", action="store_true", help="write every byte")
    options = parser.parse_args(arguments)
    common = {"version": options.version, "platform": options.platform, "size": options.size}
    try:
        if options.kind == "archive":
            make_archive(options.path, **common, compression=options.compression, sparse=not options.no_sparse)
        else:
            make_installer(options.path, **common, shell=options.shell, sparse=not options.no_sparse)
    except (OSError, ValueError) as error:
        print("%s: %s" % (options.path, error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
