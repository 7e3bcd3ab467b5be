# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""A share for builds, on the host that has its disk or mounts it.

Peers read ``<root>/<channel>/<platform>/`` and try everything that they find there every few seconds. So nothing but
whole builds is ever in there; what the collection itself needs lies above, where no peer looks.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
import shutil
import stat
import tempfile
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import PLATFORMS
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, ShareError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._files import lock
from ansible_collections.renderops.vray_swarm.plugins.module_utils._layout import (
    MANIFEST,
    SIGNATURE,
    STAGING,
    SUMS,
    WITHDRAWN,
    amount,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mounts import find_mount, unescape
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import shown

_FSTAB = "/etc/fstab"
_PUBLICATION = "publish-"
_LOCK = "lock"
_LOCK_SECONDS = 60.0
# What a killed run left in the staging directory is removed by a later one. No transfer pauses for so long.
_LEFTOVER_SECONDS = 24 * 3600.0

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Windows peers read the share, too, and would see such a file under another name, or not at all.
_NOT_ON_WINDOWS = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]|[. ]$')

Entry = t.Dict[str, t.Any]


class Share:
    """The directory tree below ``root``. Whoever changes :meth:`entries` holds the lock."""

    def __init__(self, root: str) -> None:
        self.root = os.path.normpath(root)
        self.staging = os.path.join(self.root, STAGING)
        self._withdrawn = os.path.join(self.root, WITHDRAWN)
        self._manifest = os.path.join(self.root, MANIFEST)
        self._sums = os.path.join(self.root, SUMS)

    # Directories.

    def directory(self, channel: str, platform: str) -> str:
        """The directory that the peers of a channel and platform read."""
        return os.path.join(self.root, channel, platform)

    def check_root(self) -> None:
        """Refuse a root that cannot be made in one step, or that is to be on a mount which is not there.

        :raises ShareError: It says what to do.
        """
        mount_point = _unmounted(self.root)
        if mount_point:
            raise ShareError(
                f"The root {self.root} of the share is on {mount_point}, which is in {_FSTAB} and not mounted. Mount"
                " it, so that nothing is written below the mount point."
            )
        if os.path.lexists(self.root) and not os.path.isdir(self.root):
            raise ShareError(f"The root {self.root} of the share is not a directory. Correct root.")
        if not os.path.isdir(os.path.dirname(self.root)):
            raise ShareError(
                f"Neither the root {self.root} of the share is there, nor the directory above it. Correct root, or mount"
                " the share's disk."
            )

    def missing(self, channel: str, platforms: t.Iterable[str]) -> t.List[str]:
        """The directories of the layout that are not there, in the order in which they can be made."""
        self._refuse_links()
        wanted = [self.root, self.staging, self._withdrawn, os.path.join(self.root, channel)]
        wanted += [self.directory(channel, platform) for platform in platforms]
        for path in wanted:
            if os.path.lexists(path) and not os.path.isdir(path):
                raise ShareError(f"{path} is in the way: it is not a directory. Remove it, or choose another root.")
        return [path for path in wanted if not os.path.isdir(path)]

    def make(self, paths: t.Iterable[str]) -> None:
        for path in paths:
            mode = 0o700 if os.path.basename(path).startswith(".") else 0o755
            # From the first moment on, whatever the umask is; and not less than that.
            os.makedirs(path, mode, exist_ok=True)
            # Not by its name, which can be that of something else by now.
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                _set_mode(descriptor, mode)
            finally:
                os.close(descriptor)

    # What is published.

    def entries(self) -> t.List[Entry]:
        """What :data:`MANIFEST` lists.

        :raises ShareError: It is damaged; it may hold what nobody else knows, so it is not written anew.
        """
        try:
            with open(self._manifest, encoding="utf-8") as file:
                entries = json.load(file)
        except FileNotFoundError:
            return []
        except (ValueError, RecursionError) as error:
            raise ShareError(
                f"{self._manifest} is damaged: {error}. Nothing was published. Correct it, or remove it and publish"
                " each build again: those that are there are only listed."
            ) from error
        if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries):
            raise ShareError(
                f"{self._manifest} is not a list of builds, each with file, sha256, platform and channel. Nothing was"
                " published. Correct it, or remove it and publish each build again: those that are there are only listed."
            )
        return entries

    def is_listed(self, entries: t.List[Entry]) -> bool:
        """Whether both lists say just that."""
        now = sorted(self.entries(), key=_place)
        return now == sorted(entries, key=_place) and _content(self._sums) == _as_sums(entries)

    def spoils_signature(self, entries: t.List[Entry]) -> bool:
        """Whether somebody has signed the list of checksums that is there, and these entries make it another one."""
        return os.path.lexists(os.path.join(self.root, SIGNATURE)) and _content(self._sums) != _as_sums(entries)

    def list(self, entries: t.List[Entry]) -> None:
        """Write both lists, each in one step."""
        self._write(self._manifest, _as_json(entries))
        self._write(self._sums, _as_sums(entries))

    def _write(self, path: str, content: bytes) -> None:
        with self.stage() as folder:
            new = os.path.join(folder, os.path.basename(path))
            with open(new, "xb") as file:
                file.write(content)
                file.flush()
                seal(file.fileno())
                self.put(file, path)

    def put(self, staged: t.Union[io.FileIO, t.BinaryIO], path: str) -> None:
        """Move a staged file, which is open, to its place in one step."""
        if not os.path.samestat(os.lstat(staged.name), os.fstat(staged.fileno())):
            raise ShareError(
                f"{staged.name} is not the file any more that was checked. Nothing was published. Who else can write"
                f" into {self.root}?"
            )
        try:
            os.replace(staged.name, path)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise ShareError(
                    f"{os.path.dirname(path)} and {self.staging} are on different file systems, so that a file cannot"
                    " be moved into place in one step. Make each of the mounted directories a share of its own."
                ) from error
            raise
        _sync_directory(os.path.dirname(path))

    # What is on its way.

    def make_stage(self) -> str:
        """Make a directory for what is to be published, on the same file system, where no peer looks."""
        self._make_staging()
        folder = tempfile.mkdtemp(prefix=_PUBLICATION, dir=self.staging)
        try:
            self._check_private(os.stat(folder))
        except ShareError:
            os.rmdir(folder)
            raise
        # What is new has the time of whoever keeps the files, and so has what is old.
        self._remove_leftovers(os.stat(folder).st_mtime)
        return folder

    @contextlib.contextmanager
    def stage(self) -> t.Iterator[str]:
        folder = self.make_stage()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def stage_of(self, path: str) -> t.Optional[str]:
        """The directory of :meth:`make_stage` that holds a file; None where it is anywhere else."""
        folder = os.path.dirname(os.path.normpath(path))
        inside = os.path.dirname(folder) == self.staging and os.path.basename(folder).startswith(_PUBLICATION)
        return folder if inside else None

    def check_room(self, size: int) -> None:
        there = next(path for path in (self.staging, self.root, os.path.dirname(self.root)) if os.path.isdir(path))
        free = shutil.disk_usage(there).free
        if free < size:
            raise ShareError(f"{self.root} has {amount(free)} free, {amount(size)} are needed. Make room first.")

    def _make_staging(self) -> None:
        self._refuse_links()
        self.make(path for path in (self.root, self.staging) if not os.path.isdir(path))

    def _refuse_links(self) -> None:
        for path in (self.staging, self._withdrawn):
            if os.path.islink(path):
                raise ShareError(
                    f"{path} is a link, and whoever made it would choose where the builds are prepared. Nothing was"
                    " published. Remove it: a directory is made in its place."
                )

    def _check_private(self, ours: os.stat_result) -> None:
        """Refuse to prepare builds where somebody else could put in, or change, what becomes a build.

        :param ours: What was made there just now. Not every file system knows owners and modes, and a file server may
            know us by another name: this is how it shows what is ours alone.
        """
        for path in filter(os.path.exists, (self.staging, self._withdrawn)):
            found = os.lstat(path)
            if found.st_uid != ours.st_uid or found.st_mode & ~ours.st_mode & 0o077:
                raise ShareError(
                    f"{path} belongs to user {found.st_uid} and has mode {stat.S_IMODE(found.st_mode):04o}: others than"
                    f" user {ours.st_uid}, who publishes, can write into it or read it. Nothing was published. Look what"
                    " is in it and remove it: it is made anew. Always publish as the same user."
                )

    def _remove_leftovers(self, now: float) -> None:
        for entry in list(os.scandir(self.staging)):
            if entry.name.startswith(_PUBLICATION) and entry.is_dir(follow_symlinks=False):
                try:
                    inside = [item.stat(follow_symlinks=False).st_mtime for item in os.scandir(entry.path)]
                    newest = max([entry.stat(follow_symlinks=False).st_mtime, *inside])
                except OSError:  # another run has just ended
                    continue
                if now - newest > _LEFTOVER_SECONDS:
                    shutil.rmtree(entry.path, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Keep other runs from reading the list that this one is about to change."""
        os.rmdir(self.make_stage())
        path = os.path.join(self.staging, _LOCK)
        with open(path, "a", encoding="ascii") as file:
            try:
                is_alone = lock(file.fileno(), _LOCK_SECONDS)
            except OSError as error:
                raise ShareError(
                    f"{path} cannot be locked: {error.strerror}. Publish on a host whose mount of the share supports locks."
                ) from error
            if not is_alone:
                raise ShareError(
                    f"{path} has been locked by another run for {_LOCK_SECONDS:g} s. Wait until that has ended."
                )
            yield


def check_channel(channel: str) -> None:
    """
    :raises OptionsError: It would not be a directory of the share.
    """
    if not _CHANNEL.fullmatch(channel) or channel in (*PLATFORMS, MANIFEST, SUMS, SIGNATURE):
        raise OptionsError(
            f"channel is {shown(channel)}; it is the name of a directory: letters, digits, dots, dashes and"
            " underscores, beginning with a letter or digit, and neither a platform nor a list of the share."
        )


def check_name(name: str) -> None:
    """
    :raises OptionsError: The file could not lie in the share under its own name.
    """
    try:
        name.encode("utf-8")
        reason = ""
    except UnicodeEncodeError:
        reason = "is not UTF-8"
    if not name:
        reason = "is empty: name a file, not a directory"
    elif name.startswith("."):
        reason = "begins with a dot, as files do that no peer is to see"
    elif name in (MANIFEST, SUMS, SIGNATURE):
        reason = "is that of a list of the share"
    elif _NOT_ON_WINDOWS.search(name):
        reason = "holds characters that Windows peers could not read"
    if reason:
        raise OptionsError(f"The file name {shown(name)} {reason}. Get the build under its original name.")


def seal(descriptor: int) -> None:
    """Make a staged file readable for all peers, and be sure that it is on the disk."""
    _set_mode(descriptor, 0o644)
    os.fsync(descriptor)


def _set_mode(descriptor: int, mode: int) -> None:
    """A file of our own can be given a mode, unless its file system has none."""
    try:
        os.fchmod(descriptor, mode)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            raise


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # Network file systems cannot, and need not.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unmounted(path: str) -> t.Optional[str]:
    """The mount point in fstab that holds a path, when nothing is mounted there, as far as the system tells."""
    try:
        with open(_FSTAB, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#"):
            continue
        mount_point = os.path.normpath(unescape(fields[1]))
        if (path + "/").startswith(mount_point.rstrip("/") + "/"):
            mount = find_mount(mount_point)
            if mount is not None and mount.path != os.path.realpath(mount_point):
                return mount_point
    return None


def _is_entry(entry: t.Any) -> bool:
    """Whether an entry is one that publishing writes: its place becomes a path in the list for sha256sum."""
    if not isinstance(entry, dict) or entry.get("platform") not in PLATFORMS:
        return False
    names = [entry.get(name) for name in ("file", "sha256", "channel")]
    if not all(isinstance(name, str) for name in names) or not _SHA256.fullmatch(entry["sha256"]):
        return False
    try:
        check_name(entry["file"])
        check_channel(entry["channel"])
    except OptionsError:
        return False
    return True


def _as_json(entries: t.List[Entry]) -> bytes:
    ordered = sorted(entries, key=_place)
    return (json.dumps(ordered, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def _as_sums(entries: t.List[Entry]) -> bytes:
    """What ``sha256sum -c`` reads in the root of the share."""
    lines = [f"{entry['sha256']}  {'/'.join(_place(entry))}\n" for entry in sorted(entries, key=_place)]
    return "".join(lines).encode("utf-8")


def _place(entry: Entry) -> t.Tuple[str, str, str]:
    return entry["channel"], entry["platform"], entry["file"]


def _content(path: str) -> t.Optional[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
