# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What a build is: archive or installer, its platform, its version, its hash.

Swarm tries a file that it cannot deploy again every ten seconds, on every peer that sees it. So a file whose format is
not known, and one that proves to be damaged before its platform is known, are errors. Nothing is ever unpacked to disk,
and no decision is made by the extension: installers for Linux have none.

An archive is for what the programs in it are for. There can be some of other systems among them: pip and setuptools carry
launchers for Windows wherever they are installed. So all of them count that lie in what is looked at, and where these are
for several platforms, whoever knows has to say which one it is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import io
import os
import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._archive import (
    BLOCK,
    CutError,
    DamagedError,
    File,
    Stream,
    compressed_format,
    is_readable,
    is_tar,
    tar_members,
    unpacked,
    zip_archive,
    zip_member,
    zip_members,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    BuildError,
    DamagedBuildError,
    OptionsError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._executable import (
    ARCHITECTURES,
    HEAD_BYTES,
    Executable,
    read_executable,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._files import IrregularError, open_regular
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version, find_version, shown

PLATFORMS = ("Linux_x86", "Linux_Arm64", "Windows_x86", "Windows_Arm64", "macOS_x86", "macOS_Arm64")

# How far to look for executable members: in the file for plain tar and zip, in the unpacked stream for compressed tars.
# It is also what bounds the cost of a decompression bomb. Their number is no limit: dozens of launchers for Windows can lie
# before the first program for Linux, and a plain tar is read by its headers only.
LOOK_BYTES = 64 * 1024 * 1024
# What unpacks to more is no build, but a bomb.
_UNPACKED_LIMIT = 16 * 1024**3

_FORMATS = {
    "tar": "archive",
    "tar.gz": "archive",
    "tar.xz": "archive",
    "tar.bz2": "archive",
    "zip": "archive",
    "pe": "installer",
    "elf": "installer",
    "mach-o": "installer",
    "shell": "installer",
}
_EXPECTED = (
    "Expected is an archive (tar, tar.gz, tar.xz, tar.bz2, zip) or an installer"
    " (Windows PE, Linux ELF, macOS Mach-O, self-extracting shell script)"
)

_SHELL_LOOK_BYTES = 1024 * 1024
_SHELL_TRIES = 16
_SHA256_BYTES = 1024 * 1024
_CHECKSUM = re.compile(r"sha256:[0-9a-fA-F]{64}")


@dataclasses.dataclass(frozen=True)
class Kind:
    """What the first bytes of a file tell."""

    format: str
    category: str  # archive, installer or unknown


@dataclasses.dataclass(frozen=True)
class Build:
    """A build. os, architectures and platforms are what was found in the file; platform is the one that counts."""

    path: str
    name: str  # as it is: an installer that was renamed may not work
    size: int
    format: str
    category: str
    os: t.Optional[str]
    architectures: t.Tuple[str, ...]
    platforms: t.Tuple[str, ...]
    platform: t.Optional[str]
    version: t.Optional[Version]

    def as_result(self) -> t.Dict[str, t.Any]:
        """Return what a module returns of a build."""
        return {
            "path": self.path,
            "name": self.name,
            "size": self.size,
            "format": self.format,
            "kind": self.category,
            "os": self.os,
            "architectures": list(self.architectures),
            "platforms": list(self.platforms),
            "platform": self.platform,
            "version": None if self.version is None else str(self.version),
            "version_dict": None if self.version is None else self.version.as_dict(),
        }


class _Programs:
    """The programs in a build that V-Ray has a platform for, each kind of them once."""

    def __init__(self, own: t.Optional[str] = None) -> None:
        self.found: t.List[Executable] = []
        self._own = own

    def add(self, executable: t.Optional[Executable]) -> None:
        if executable is not None and executable.platforms and executable not in self.found:
            self.found.append(executable)

    @property
    def are_enough(self) -> bool:
        return any(self._own in executable.platforms for executable in self.found)


@dataclasses.dataclass(frozen=True)
class _Systems:
    """What the programs of a build are made for, all together."""

    os: t.Optional[str]
    architectures: t.Tuple[str, ...]
    platforms: t.Tuple[str, ...]

    def choose(self, own: t.Optional[str]) -> t.Optional[str]:
        """Return the platform that counts as long as nobody says another one."""
        if own in self.platforms:
            return own
        return self.platforms[0] if len(self.platforms) == 1 else None


def _systems_of(executables: t.Sequence[Executable]) -> _Systems:
    systems = {executable.os for executable in executables}
    architectures = {name for executable in executables for name in executable.architectures}
    platforms = {name for executable in executables for name in executable.platforms}
    return _Systems(
        os=systems.pop() if len(systems) == 1 else None,
        architectures=tuple(name for name in ARCHITECTURES if name in architectures),
        platforms=tuple(name for name in PLATFORMS if name in platforms),
    )


# A package of Windows Installer (.msi) is a compound file: [MS-CFB] 2.2. So are some documents.
_COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")
_PROGRAM_STARTS = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    _COMPOUND,
    *(bytes.fromhex(magic) for magic in ("feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabe", "bebafeca")),
)


class OpenBuild:
    """A build that stays open from the first look at it to its last byte, so that all of that is of one file.

    Whoever takes its path takes it as well.
    """

    def __init__(self, path: t.Union[str, os.PathLike[str]]) -> None:
        self.path = os.fspath(path)
        self.file = _open(self.path)
        #: The file, and the state that it was opened in. No user can set the last of these times.
        self.identity = self._identity()

    def __enter__(self) -> OpenBuild:
        return self

    def __exit__(self, *_error: t.Any) -> None:
        self.file.close()

    @property
    def size(self) -> int:
        return self.identity[2]

    def check(self, to_keep: bool = True) -> None:
        """
        :param to_keep: Whether a peer or a share was to keep it.
        :raises BuildError: It is not in the state any more that was looked at.
        """
        if self._identity() != self.identity:
            raise changed(self.path, to_keep)

    def _identity(self) -> t.Tuple[int, int, int, int, int]:
        status = os.fstat(self.file.fileno())
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def changed(path: str, to_keep: bool = True) -> BuildError:
    kept = ", so that no peer and no share keeps anything of it" if to_keep else ""
    return BuildError(
        "%s changed after it had been checked%s. Wait until it is complete, then run again." % (shown(path, 500), kept)
    )


Source = t.Union[str, "os.PathLike[str]", OpenBuild]


def sniff(source: Source) -> Kind:
    """Tell the format of a file by its first bytes.

    That takes a few KiB; the first block of a tar.bz2, which bzip2 can unpack as a whole only, takes up to 1 MiB.
    """
    with _opened(source) as (name, file):
        try:
            found = _reading(name, _sniff, file)[0]
        except DamagedError:
            found = "unknown"
    return Kind(found, _FORMATS.get(found, "unknown"))


def first_bytes(source: Source, count: int) -> bytes:
    with _opened(source) as (name, file):
        return _reading(name, file.read, count)


def may_be_executable(source: Source) -> bool:
    """Whether a file begins as a program does, even where its header makes no sense.

    What is to be kept from peers that allow no executables is judged by this: rather one too many.
    """
    return starts_as_program(first_bytes(source, max(map(len, _PROGRAM_STARTS))))


def starts_as_program(head: bytes) -> bool:
    return head.startswith(_PROGRAM_STARTS)


def identify(source: Source, platform: t.Optional[str] = None, own: t.Optional[str] = None) -> Build:
    """Tell everything about a build but its hash.

    :param platform: What the caller knows. It must not contradict what is found.
    :param own: The platform of the peer that it lies on. It is the one that counts where a program for it is found, and
        nothing more is looked for then.
    """
    _check_platform(platform)
    with _opened(source) as (name, file):
        size = os.fstat(file.fileno()).st_size
        try:
            found, reason = _reading(name, _sniff, file)
            if found not in _FORMATS:
                raise BuildError(_no_build(name, reason))
            executables = _reading(name, _look_inside, file, size, found, own)
        except DamagedError as exc:
            raise BuildError(_damaged(name, size, exc)) from exc
    return _described(name, os.path.basename(name), size, found, executables, platform, own)


class PartError(BuildError):
    """What a part of a build shows; more of it could show something else."""


def identify_part(
    path: str,
    name: str,
    size: int,
    start: bytes,
    programs: t.Sequence[bytes] = (),
    platform: t.Optional[str] = None,
) -> Build:
    """Tell what the first bytes of a build on another host tell, whatever its paths look like.

    :param name: That of the file.
    :param size: That of the whole file.
    :param programs: The first bytes of programs in a tar archive that is not compressed, of each kind at least once.
    :param platform: What the caller knows. It must not contradict what is found.
    :raises PartError: They are too few to tell.
    :raises BuildError: They are not those of a build, or they are those of a damaged one.
    """
    _check_platform(platform)
    is_whole = len(start) >= size
    file, found = io.BytesIO(start), ""
    executables: t.List[Executable] = []
    try:
        found, reason = _sniff(file)
        if found not in _FORMATS:
            # The header of a program for Windows can lie anywhere.
            error = PartError if start.startswith(b"MZ") and not is_whole else BuildError
            raise error(_no_build(path, reason))
        if found != "zip":  # the list of its members is at its end
            executables = _look_inside(file, size, found)
    except DamagedError as exc:
        is_cut = isinstance(exc, CutError) and not is_whole
        # One whose format is known was only cut off.
        if not (is_cut and found):
            error = PartError if is_cut else BuildError
            raise error(_damaged(path, size, exc)) from exc
    if _FORMATS[found] == "archive":
        executables = executables + _programs_of(programs)
    return _described(path, name, size, found, executables, platform)


def _programs_of(starts: t.Iterable[bytes]) -> t.List[Executable]:
    programs = _Programs()
    for start in starts:
        programs.add(read_executable(io.BytesIO(start).read))
    return programs.found


def _check_platform(platform: t.Optional[str]) -> None:
    if platform is not None and platform not in PLATFORMS:
        raise BuildError("%s is not a platform; the platforms are %s." % (shown(platform), ", ".join(PLATFORMS)))


def _no_build(name: str, reason: str) -> str:
    return "%s is not a build: it %s. %s." % (shown(name, 500), reason, _EXPECTED)


def _damaged(name: str, size: int, reason: DamagedError) -> str:
    return "%s (%d bytes) is damaged: it %s. Get the build again, and compare its checksum." % (
        shown(name, 500),
        size,
        reason,
    )


def _described(
    path: str,
    name: str,
    size: int,
    found: str,
    executables: t.Sequence[Executable],
    platform: t.Optional[str],
    own: t.Optional[str] = None,
) -> Build:
    systems = _systems_of(executables)
    if platform is None:
        platform = systems.choose(own)
    elif executables and platform not in systems.platforms:
        raise BuildError(
            "%s was said to be for %s, but what is in it is for %s. Correct the platform, or name the right build."
            % (shown(path, 500), platform, " and ".join(systems.platforms) or "a system that V-Ray is not made for")
        )
    return Build(
        path=path,
        name=name,
        size=size,
        format=found,
        category=_FORMATS[found],
        os=systems.os,
        architectures=systems.architectures,
        platforms=systems.platforms,
        platform=platform,
        version=find_version(name),
    )


def identify_start(
    start: bytes, size: int, programs: t.Iterable[bytes] = (), own: t.Optional[str] = None
) -> t.Tuple[t.Optional[str], t.Optional[str]]:
    """Tell the category and the platform by the first bytes of a file; None for each that these do not tell.

    :param size: That of the whole file.
    :param programs: The first bytes of programs in an archive, of each kind at least once.
    :param own: The platform of the peer that it lies on. It is the one that counts where a program for it is found.
    """
    is_whole = len(start) >= size
    try:
        found = _sniff(io.BytesIO(start))[0]
    except BuildError:
        return None, None
    except DamagedError:
        # Unless it ends there, it was only cut off.
        return ("unknown" if is_whole else None), None
    category = _FORMATS.get(found, "unknown")
    if category == "unknown" and starts_as_program(start) and not start.startswith(_COMPOUND) and not is_whole:
        # The rest of its header lies behind.
        return None, None
    return category, _systems_of(_programs_of(programs if category == "archive" else [start])).choose(own)


def unpacked_size(source: Source) -> t.Optional[int]:
    """Return how many bytes the files in an archive have, all together; None where nobody can tell, as of an installer.

    Unpacked, they have at least so many: one that has several names has its bytes here once, and holes have none. But one
    that is there twice counts twice. Of a plain tar the headers are read, of a zip the list, and a compressed tar is
    unpacked in memory, piece by piece.

    :raises DamagedBuildError: It is damaged, or ends too soon.
    :raises BuildError: It cannot be read.
    """
    with _opened(source) as (name, file):
        size = os.fstat(file.fileno()).st_size
        try:
            found = _reading(name, _sniff, file)[0]
            total: t.Optional[int] = _reading(name, _unpacked_size, file, size, found)
        except DamagedError as exc:
            raise DamagedBuildError(_damaged(name, size, exc)) from exc
    return total


def _unpacked_size(file: t.BinaryIO, size: int, found: str) -> t.Optional[int]:
    if _FORMATS.get(found) != "archive":
        return None
    if found == "zip":
        with contextlib.suppress(NotImplementedError), zip_archive(file, LOOK_BYTES) as archive:
            return sum(member.file_size for member in zip_members(archive))
        return None
    if found == "tar":
        stream: Stream = File(file, 0, size)
        total = _size_of_tar(stream, size)
    else:
        stream = unpacked(file, found[len("tar.") :], _UNPACKED_LIMIT)
        total = _size_of_tar(stream, _UNPACKED_LIMIT)
        stream.finish()
        if stream.offset >= _UNPACKED_LIMIT:
            return None
    if not stream.has_ended:
        raise DamagedError("ends at byte %d %s, where more was to come" % (stream.offset, stream.where))
    return total


def _size_of_tar(stream: Stream, limit: int) -> int:
    return sum(member.size for member in tar_members(stream, limit) if member.is_file)


def check_checksum(option: t.Optional[str]) -> None:
    """Refuse what is no checksum. None is none, and fine."""
    if option and not _CHECKSUM.fullmatch(option):
        raise OptionsError("checksum is %r; it is sha256: followed by 64 hexadecimal digits." % option[:100])


def sha256(
    source: Source,
    block: int = _SHA256_BYTES,
    progress: t.Optional[t.Callable[[int, int], None]] = None,
) -> str:
    """Return the SHA-256 of a file in hexadecimal. ``progress`` is told the bytes done and the size."""
    with _opened(source) as (name, file):
        return _reading(name, _sha256, file, name, block, progress)


def _sha256(file: t.BinaryIO, name: str, block: int, progress: t.Optional[t.Callable[[int, int], None]]) -> str:
    before = os.fstat(file.fileno())
    digest = hashlib.sha256()
    view = memoryview(bytearray(block))
    done = 0
    while True:
        count = file.readinto(view)  # type: ignore[attr-defined]
        if not count:
            break
        digest.update(view[:count])
        done += count
        if progress is not None:
            progress(done, before.st_size)
    after = os.fstat(file.fileno())
    if done != before.st_size or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise BuildError(
            "%s changed while it was read (%d bytes before, %d bytes now). Wait until it is complete."
            % (shown(name, 500), before.st_size, after.st_size)
        )
    return digest.hexdigest()


@contextlib.contextmanager
def _opened(source: Source) -> t.Iterator[t.Tuple[str, t.BinaryIO]]:
    """The name of a build, and a view of it from its start on."""
    with contextlib.ExitStack() as stack:
        build = source if isinstance(source, OpenBuild) else stack.enter_context(OpenBuild(source))
        # A buffer of its own: one that is kept would show what was there before.
        file = stack.enter_context(open(build.file.fileno(), "rb", closefd=False))
        file.seek(0)
        yield build.path, file


def _open(name: str) -> io.FileIO:
    try:
        return open_regular(name)
    except IrregularError as exc:
        is_directory = exc.errno == errno.EISDIR
        what = "a directory" if is_directory else "not a regular file, but a device, a named pipe or a socket"
        raise BuildError("%s is %s. Name the file of the build itself." % (shown(name, 500), what)) from exc
    except (OSError, ValueError) as exc:  # ValueError: a null byte in the name
        raise _unreadable(name, exc) from exc


def _unreadable(name: str, exc: Exception) -> BuildError:
    number = getattr(exc, "errno", None)
    if number in (errno.ENOENT, errno.ENOTDIR):
        advice = "Check the path, and that the file is on the host where it is looked for."
    elif number in (errno.EACCES, errno.EPERM):
        advice = "Give the user that runs the task the right to read it."
    else:
        advice = "Check the path, and the file system that it is on."
    text = getattr(exc, "strerror", None) or str(exc)
    return BuildError("%s cannot be read: %s. %s" % (shown(name, 500), text, advice))


_T = t.TypeVar("_T")


def _reading(name: str, function: t.Callable[..., _T], *args: t.Any) -> _T:
    """Run what reads an open file: a disk or a network can fail later, too."""
    try:
        return function(*args)
    except OSError as exc:
        raise _unreadable(name, exc) from exc


# The format


def _sniff(file: t.BinaryIO) -> t.Tuple[str, str]:
    """Return the format, and for "unknown" why: the end of the sentence "it ..."."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head:
        return "unknown", "is empty"
    if is_tar(head):
        return "tar", ""
    if head.startswith(b"PK\x03\x04"):
        return "zip", ""
    compressed = compressed_format(head)
    if compressed:
        return _sniff_compressed(file, compressed)
    # All three need bytes that no text has: a script cannot be mistaken.
    executable = _read_executable(file, 0)
    if executable is not None:
        return executable.format, ""
    if re.match(rb"#![ \t]*/", head):
        return "shell", ""
    first = head[:16]
    hexadecimal = " ".join("%02x" % byte for byte in bytearray(first))
    return "unknown", "has an unknown format. Its first bytes are %s (%s)" % (hexadecimal, shown(first)[1:])


def _sniff_compressed(file: t.BinaryIO, compressed: str) -> t.Tuple[str, str]:
    name = {"gz": "a gzip", "xz": "an xz", "bz2": "a bzip2"}[compressed]
    try:
        head = unpacked(file, compressed, LOOK_BYTES).read(BLOCK)
    except DamagedError as exc:
        raise type(exc)("starts like %s file, but %s" % (name, exc)) from exc
    if is_tar(head):
        return "tar." + compressed, ""
    return "unknown", "is %s file, but what is packed in it is not a tar archive" % name


def _read_executable(file: t.BinaryIO, start: int) -> t.Optional[Executable]:
    file.seek(start)
    return read_executable(file.read)


# Inside


def _look_inside(file: t.BinaryIO, size: int, found: str, own: t.Optional[str] = None) -> t.List[Executable]:
    file.seek(0)
    if found == "shell":
        return _look_behind_script(file, size, own)
    if _FORMATS[found] == "installer":
        executable = _read_executable(file, 0)
        return [executable] if executable is not None else []
    programs = _Programs(own)
    try:
        if found == "tar":
            _look_into_tar(File(file, 0, size), programs)
        elif found == "zip":
            _look_into_zip(file, programs)
        else:
            _look_into_tar(unpacked(file, found[len("tar.") :], LOOK_BYTES), programs)
    except DamagedError:
        if not programs.found:
            raise
    return programs.found


def _look_into_tar(source: Stream, programs: _Programs) -> None:
    for member in tar_members(source, LOOK_BYTES):
        if member.is_file:
            programs.add(read_executable(member.read))
        if programs.are_enough:
            break


def _look_into_zip(file: t.BinaryIO, programs: _Programs) -> None:
    # What is of a newer kind is not damaged.
    with contextlib.suppress(NotImplementedError), zip_archive(file, LOOK_BYTES) as archive:
        for member in zip_members(archive):
            if member.header_offset >= LOOK_BYTES or programs.are_enough:
                break
            if is_readable(member):
                with contextlib.suppress(NotImplementedError), zip_member(archive, member) as stream:
                    programs.add(read_executable(stream.read))


# Self-extracting scripts

_PAYLOAD = re.compile(
    # gzip, its flags, time, level and system: what has other values is no gzip.
    rb"\x1f\x8b\x08[\x00-\x1f].{4}[\x00\x02\x04][\x00-\x0d\xff]"
    rb"|\xfd7zXZ\x00"
    rb"|BZh[1-9]1AY&SY"
    rb"|\x7fELF[\x01\x02][\x01\x02]\x01"
    rb"|[\xce\xcf]\xfa\xed\xfe"
    rb"|\xca\xfe\xba[\xbe\xbf]"
    rb"|ustar",
    re.DOTALL,
)


def _look_behind_script(file: t.BinaryIO, size: int, own: t.Optional[str]) -> t.List[Executable]:
    """Look for what a script unpacks. What only looks like a payload is passed by: a script may be anything."""
    file.seek(0)
    head = file.read(_SHELL_LOOK_BYTES)
    tries = 0
    for match in _PAYLOAD.finditer(head):
        if tries == _SHELL_TRIES:
            break
        tries += 1
        start = match.start()
        found = compressed_format(match.group() + head[match.end() : match.end() + 16])
        programs = _Programs(own)
        try:
            if found is not None:
                _look_into_unpacked(file, found, start, programs)
            elif match.group() == b"ustar":
                start -= 257
                if start < 0:
                    continue
                _look_into_tar(File(file, start, size), programs)
            else:
                programs.add(_read_executable(file, start))
        except DamagedError:
            # What lies before the damage counts, as in an archive.
            pass
        if programs.found:
            return programs.found
    return []


def _look_into_unpacked(file: t.BinaryIO, compressed: str, start: int, programs: _Programs) -> None:
    stream = unpacked(file, compressed, LOOK_BYTES, start)
    head = stream.read(BLOCK)
    if is_tar(head):
        _look_into_tar(unpacked(file, compressed, LOOK_BYTES, start), programs)
    else:
        programs.add(read_executable(lambda count: head))
