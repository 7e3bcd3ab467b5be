# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The members of an archive, one after the other, read forwards, and never one as a whole.

The tarfile module is of no use here: it takes a damaged header for the end of the archive, and reads extended headers of
any length into memory.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import re
import stat
import struct
import sys
import typing as t
import zipfile
import zlib

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import shown

try:
    import lzma
except ImportError:  # a Python that was built without liblzma
    lzma = None  # type: ignore[assignment]

BLOCK = 512
_ZERO_BLOCK = bytes(BLOCK)
_PAX_LIMIT = 1024 * 1024
_SKIP_BYTES = 256 * 1024

# ValueError and EOFError are what the standard library raises for some damage.
_DECODE_ERRORS: t.Tuple[t.Type[Exception], ...] = (EOFError, MemoryError, OSError, ValueError, zlib.error)
if lzma is not None:
    _DECODE_ERRORS += (lzma.LZMAError,)


class DamagedError(Exception):
    """Its text is the end of the sentence "... is damaged: it ..."."""


class CutError(DamagedError):
    """What is packed in it goes on where it ends."""


# What members are read from


class File:
    """A file from some offset on, read forwards."""

    where = "of the file"

    def __init__(self, file: t.BinaryIO, start: int, size: int) -> None:
        self.file = file
        self.start = start
        self.size = size - start
        self.offset = 0
        #: Whether the members that were read are all, as the archive says itself.
        self.has_ended = False
        file.seek(start)

    def read(self, count: int) -> bytes:
        data = self.file.read(count)
        self.offset += len(data)
        return data

    def expect(self, count: int) -> None:
        """
        :raises DamagedError: There are less than so many bytes. That costs nothing in a file.
        """
        if self.offset + count > self.size:
            raise DamagedError("ends at byte %d, in the middle of a member" % (self.start + self.size))

    def skip(self, count: int) -> None:
        self.expect(count)
        self.offset += count
        self.file.seek(self.start + self.offset)


class Unpacked:
    """A compressed stream, read forwards, never further than needed and never as a whole."""

    where = "of what is packed in it"
    start = 0

    def __init__(self, stream: t.BinaryIO, limit: int) -> None:
        """
        :param limit: What lies behind so many bytes of it is not looked at, so that it need not be unpacked either.
        """
        self.stream = stream
        self.offset = 0
        self.has_ended = False
        self._limit = limit

    def read(self, count: int) -> bytes:
        try:
            data = self.stream.read(count)
        except _DECODE_ERRORS as exc:
            # A failing disk has an errno, damage has none.
            if isinstance(exc, OSError) and exc.errno is not None:
                raise
            text = str(exc).rstrip(".") or type(exc).__name__
            damage = CutError if isinstance(exc, EOFError) else DamagedError
            raise damage("cannot be unpacked behind byte %d %s: %s" % (self.offset, self.where, text)) from exc
        self.offset += len(data)
        return data

    def expect(self, _count: int) -> None:
        """The rest of it may be large, and behind the end of a part: what comes is seen when it is read."""

    def skip(self, count: int) -> None:
        end = min(self.offset + count, self._limit)
        while self.offset < end:
            if not self.read(min(end - self.offset, _SKIP_BYTES)):
                raise CutError("ends at byte %d %s, in the middle of a member" % (self.offset, self.where))

    def finish(self) -> None:
        """Read what follows, at whose end a checksum stands of all.

        :raises DamagedError: It is not that of what was read.
        """
        while self.offset < self._limit and self.read(_SKIP_BYTES):
            pass


Stream = t.Union[File, Unpacked]


def compressed_format(head: bytes) -> t.Optional[str]:
    if head.startswith(b"\x1f\x8b\x08"):
        return "gz"
    if head.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    if re.match(rb"BZh[1-9]1AY&SY", head):
        return "bz2"
    return None


def unpacked(file: t.BinaryIO, compressed: str, limit: int, start: int = 0) -> Unpacked:
    file.seek(start)
    stream: t.Any
    if compressed == "gz":
        stream = gzip.GzipFile(fileobj=file, mode="rb")
    elif compressed == "bz2":
        stream = bz2.BZ2File(file, "rb")
    elif lzma is not None:
        stream = lzma.LZMAFile(file, "rb", format=lzma.FORMAT_XZ)
    else:
        raise BuildError(
            "An xz archive cannot be read: the Python that reads it, %s, has no lzma module. Install it."
            % sys.executable
        )
    return Unpacked(stream, limit)


# tar


class TarMember(t.NamedTuple):
    """A member that has data."""

    size: int
    is_file: bool
    #: At most so many bytes of it, from its start on, as long as the next member is not asked for.
    read: t.Callable[[int], bytes]


def is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar" or _has_tar_checksum(head)


def tar_members(source: Stream, limit: int) -> t.Iterator[TarMember]:
    """The members of a tar archive that begin before ``limit``.

    :raises DamagedError: It is damaged there.
    """
    pax_size: t.Optional[int] = None
    while source.offset < limit:
        at = source.start + source.offset
        header = source.read(BLOCK)
        if not header or header == _ZERO_BLOCK:
            source.has_ended = bool(header)
            break
        if len(header) < BLOCK:
            raise DamagedError("ends at byte %d %s, in the middle of a header" % (at + len(header), source.where))
        size = _tar_number(header[124:136])
        if size is None or not _has_tar_checksum(header):
            raise DamagedError("has a header that is no header at byte %d %s" % (at, source.where))
        member = header[156:157]
        if member in b"123456":
            # Links, devices, directories and pipes have no data, whatever their size says.
            pax_size = None
            continue
        if member == b"x":
            data = source.read(min(size, _PAX_LIMIT))
            source.skip(size - len(data))
            pax_size = _pax_size(data)
        elif member in b"gKL":  # the rest of an extended header or a long name, of which nothing is needed
            source.skip(size)
        else:
            if pax_size is not None:
                size, pax_size = pax_size, None
            if member == b"S":  # a sparse file of GNU: the map of its holes may go on in further blocks
                more = header[482]
                while more:
                    block = source.read(BLOCK)
                    if len(block) < BLOCK:
                        raise CutError("ends in the middle of a header behind byte %d %s" % (at, source.where))
                    more = block[504]
            begin = source.offset
            source.expect(size)
            yield TarMember(size, member in b"0\x007", _bounded(source.read, size))
            source.skip(size - (source.offset - begin))
        # Not every program pads the last member.
        source.read((BLOCK - size % BLOCK) % BLOCK)


def _tar_number(field: bytes) -> t.Optional[int]:
    if field[0] == 0x80:  # the extension of GNU for large numbers
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\x00", 1)[0].strip()
    if not re.match(rb"[0-7]*\Z", digits):
        return None
    return int(digits or b"0", 8)


def _has_tar_checksum(block: bytes) -> bool:
    if len(block) < BLOCK or not block[148:156].strip(b" \x00"):
        return False
    expected = _tar_number(block[148:156])
    blanked = block[:148] + b" " * 8 + block[156:BLOCK]
    unsigned = sum(bytearray(blanked))
    # Some old implementations summed signed bytes.
    signed = unsigned - 256 * sum(1 for byte in bytearray(blanked) if byte > 127)
    return expected in (unsigned, signed)


def _pax_size(data: bytes) -> t.Optional[int]:
    """Return the size in an extended header: there, it is where a number is too large for the plain header."""
    match = re.search(rb"(?:\A|\n)[0-9]{1,9} size=([0-9]{1,18})\n", data)
    return int(match.group(1)) if match else None


def _bounded(read: t.Callable[[int], bytes], size: int) -> t.Callable[[int], bytes]:
    left = [size]

    def bounded(count: int) -> bytes:
        data = read(min(count, left[0]))
        left[0] -= len(data)
        return data

    return bounded


# zip


@contextlib.contextmanager
def zip_archive(file: t.BinaryIO, limit: int) -> t.Iterator[zipfile.ZipFile]:
    """A zip archive.

    :param limit: zipfile reads the list of members as a whole. A list of more bytes is that of no build.
    :raises DamagedError: It is damaged.
    :raises NotImplementedError: It is of a newer kind.
    """
    raw = io.FileIO(file.fileno(), closefd=False)
    try:
        with zipfile.ZipFile(_ZipFile(raw, limit)) as archive:
            yield archive
    except zipfile.BadZipFile as exc:
        raise DamagedError("cannot be read as a zip archive, for example because it was cut off: %s" % exc) from exc
    except (EOFError, UnicodeError, ValueError, struct.error) as exc:
        raise DamagedError("cannot be read as a zip archive: %s" % (str(exc) or type(exc).__name__)) from exc


def zip_members(archive: zipfile.ZipFile) -> t.List[zipfile.ZipInfo]:
    """Its files, in the order in which they lie there. Members that share an offset are the trick of a bomb."""
    members = {member.header_offset: member for member in archive.infolist()}
    return [members[offset] for offset in sorted(members) if _is_file(members[offset])]


def is_readable(member: zipfile.ZipInfo) -> bool:
    """Whether it is not encrypted, and packed so that every supported Python can unpack it in steps."""
    return not member.flag_bits & 1 and member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextlib.contextmanager
def zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> t.Iterator[t.IO[bytes]]:
    """What is in a member.

    :raises DamagedError: It cannot be unpacked.
    :raises NotImplementedError: It is of a newer kind.
    """
    try:
        with archive.open(member) as stream:
            yield stream
    except (zipfile.BadZipFile, EOFError, UnicodeError, ValueError, struct.error, zlib.error) as exc:
        raise DamagedError(
            "has a member that cannot be unpacked at byte %d of the file (%s): %s"
            % (member.header_offset, shown(member.filename), str(exc) or type(exc).__name__)
        ) from exc


class _ZipFile(io.BufferedReader):
    def __init__(self, raw: io.FileIO, limit: int) -> None:
        super().__init__(raw)
        self._limit = limit

    def read(self, size: t.Optional[int] = -1) -> bytes:
        data = super().read(self._limit + 1 if size is None or size < 0 else min(size, self._limit + 1))
        if len(data) > self._limit:
            raise zipfile.BadZipFile("the list of its members is longer than %d bytes" % self._limit)
        return data


def _is_file(member: zipfile.ZipInfo) -> bool:
    # Without is_dir(), which cannot bear an empty name.
    return not member.filename.endswith("/") and stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG)
