# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The file system that a directory lies on, and whether others can read it, too."""

from __future__ import annotations

import os
import re
import sys
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import run_command
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mount_secrets import masked_options, masked_source

_NETWORK = frozenset(
    "cifs smb3 smbfs nfs nfs4 9p afs afpfs webdav davfs ceph glusterfs lustre beegfs gpfs ocfs2 gfs2 vboxsf virtiofs"
    " fuse.sshfs fuse.rclone fuse.glusterfs fuse.davfs2 fuse.ceph fuse.s3fs".split()
)
# `mount` on macOS and BSD: "//user@nas/builds on /Volumes/builds (smbfs, nodev, …)". A path may hold parentheses, too.
_MOUNT_LINE = re.compile(r"(?P<source>.*?) on (?P<path>/.*) \((?P<fstype>[^,()]+)(?P<options>[^()]*)\)$")
_FSTAB = "/etc/fstab"


class Mount(t.NamedTuple):
    source: str
    path: str
    fstype: str
    read_only: bool = False

    @property
    def network(self) -> bool:
        """Whether this is a network file system, as far as its type or its source tell."""
        return self.fstype in _NETWORK or self.source.startswith("//") or ":/" in self.source

    def as_dict(self) -> t.Dict[str, t.Any]:
        return dict(self._asdict(), network=self.network)


def find_mount(directory: str) -> t.Optional[Mount]:
    """Return the mount that holds a directory, or would hold it; None where the system does not tell."""
    real = os.path.realpath(directory)
    found: t.Optional[Mount] = None
    for mount in _mounts():
        inside = real == mount.path or real.startswith(mount.path.rstrip("/") + "/")
        # Of two mounts on one directory the later one is seen.
        if inside and (found is None or len(mount.path) >= len(found.path)):
            found = mount
    return found


def find_mount_point(path: str) -> t.Optional[Mount]:
    """Return what is mounted at a path, without a look at the path itself, since its server may be down."""
    found = None
    for mount in _mounts():
        if mount.path == os.path.normpath(path):
            found = mount
    return found


def find_mount_within(directory: str) -> t.Optional[Mount]:
    """Return something that is mounted at a directory or below it."""
    real = os.path.realpath(directory)
    for mount in _mounts():
        if mount.path == real or mount.path.startswith(real + "/"):
            return mount
    return None


def find_fstab(path: str) -> t.Optional[t.Dict[str, str]]:
    """Return what fstab says of a mount point: the first line for it, as mount(8) takes it. Passwords are masked."""
    for line in _read(_FSTAB).split("\n"):
        # fstab(5): fields separated by tabs or spaces; a comment begins with #.
        fields = [unescape(field) for field in re.split("[ \t]+", line.strip(" \t"))]
        if len(fields) >= 3 and not fields[0].startswith("#") and os.path.normpath(fields[1]) == os.path.normpath(path):
            options = fields[3] if len(fields) > 3 else "defaults"
            return {"source": masked_source(fields[0]), "fstype": fields[2], "options": masked_options(options)}
    return None


def _mounts() -> t.Iterator[Mount]:
    if sys.platform.startswith("linux"):
        return parse_mountinfo(_read("/proc/self/mountinfo"))
    return parse_mount_output(_run_mount())


def parse_mountinfo(text: str) -> t.Iterator[Mount]:
    """proc(5): fields, a separator ``-``, then type and source; white space is written as octal escapes."""
    for line in text.split("\n"):  # splitlines() also splits at characters that a path may hold.
        left, separator, right = line.partition(" - ")
        fields, rest = left.split(" "), right.split(" ")
        if separator and len(fields) > 4 and len(rest) > 1:
            # The mount and the file system below it have options of their own: fields[5] and rest[2].
            options = ",".join(fields[5:6] + rest[2:3]).split(",")
            yield Mount(masked_source(unescape(rest[1])), unescape(fields[4]), rest[0], "ro" in options)


def parse_mount_output(text: str) -> t.Iterator[Mount]:
    for line in text.split("\n"):
        match = _MOUNT_LINE.match(line)
        if match:
            options = [option.strip() for option in match.group("options").split(",")]
            source, path, fstype = match.group("source", "path", "fstype")
            yield Mount(masked_source(source), path, fstype, "read-only" in options)


def unescape(field: str) -> str:
    """Undo the octal escapes of mountinfo and fstab."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), field)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _run_mount() -> str:
    return run_command("mount").output
