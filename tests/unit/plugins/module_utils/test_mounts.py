# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which mount a directory lies on, from what Linux and macOS say."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _mounts
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mounts import (
    Mount,
    find_fstab,
    find_mount,
    find_mount_point,
    find_mount_within,
    parse_mount_output,
    parse_mountinfo,
)

# proc(5). The number of optional fields before the dash differs.
MOUNTINFO = r"""22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw
30 22 0:40 / /mnt/builds rw,relatime shared:90 master:2 - cifs //nas/v-ray\040builds rw,vers=3.1.1,username=render
31 22 0:41 / /mnt/nfs rw - nfs4 nas:/export/builds rw
32 22 0:42 / /mnt/with\040space\011tab\134slash\012line rw - ext4 /dev/sdb1 rw
33 22 0:43 / /mnt/ro ro - 9p host rw
34 22 0:44 / /mnt/fuse rw - fuse.sshfs render@nas:/builds rw
35 22 0:45 / /mnt/Zürich rw - xfs /dev/sdc1 rw
40 22 8:3 / /mnt/stack rw - ext4 /dev/sdd1 rw
41 40 0:50 / /mnt/stack rw - nfs nas:/stack rw
42 22 0:51 / /mnt/builds2 rw - tmpfs tmpfs rw
broken line
1 2 - ext4
"""

MACOS = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
//render@nas/v-ray%20builds on /Volumes/v-ray builds (smbfs, nodev, nosuid, mounted by render)
nas:/export on /Volumes/old (backup) (nfs, nodev)
/dev/disk4s1 on /Volumes/Data on disk (hfs)
no mount at all
"""


@pytest.fixture
def linux(monkeypatch):
    monkeypatch.setattr(_mounts.sys, "platform", "linux")
    monkeypatch.setattr(_mounts, "_read", {"/proc/self/mountinfo": MOUNTINFO}.__getitem__)
    monkeypatch.setattr(os.path, "realpath", lambda path: path)


@pytest.fixture
def macos(monkeypatch):
    monkeypatch.setattr(_mounts.sys, "platform", "darwin")
    monkeypatch.setattr(_mounts, "_run_mount", lambda: MACOS)
    monkeypatch.setattr(os.path, "realpath", lambda path: path)


@pytest.mark.parametrize(
    "directory, wanted, network",
    [
        ("/", ("/dev/sda1", "/", "ext4"), False),
        ("/srv/swarm/VRay/import", ("/dev/sda1", "/", "ext4"), False),
        ("/mnt/builds", ("//nas/v-ray builds", "/mnt/builds", "cifs"), True),
        ("/mnt/builds/Linux_x86", ("//nas/v-ray builds", "/mnt/builds", "cifs"), True),
        ("/mnt/builds2/x", ("tmpfs", "/mnt/builds2", "tmpfs"), False),
        ("/mnt/builds3", ("/dev/sda1", "/", "ext4"), False),
        ("/mnt/nfs/deep/er", ("nas:/export/builds", "/mnt/nfs", "nfs4"), True),
        ("/mnt/with space\ttab\\slash\nline/x", ("/dev/sdb1", "/mnt/with space\ttab\\slash\nline", "ext4"), False),
        ("/mnt/ro", ("host", "/mnt/ro", "9p"), True),
        ("/mnt/fuse", ("render@nas:/builds", "/mnt/fuse", "fuse.sshfs"), True),
        ("/mnt/Zürich/x", ("/dev/sdc1", "/mnt/Zürich", "xfs"), False),
        # Of two mounts on one directory the later one is seen.
        ("/mnt/stack/x", ("nas:/stack", "/mnt/stack", "nfs"), True),
    ],
)
def test_linux(linux, directory, wanted, network):
    mount = find_mount(directory)
    read_only = directory == "/mnt/ro"
    assert mount == Mount(*wanted, read_only=read_only)
    assert mount.network is network
    assert mount.as_dict() == dict(zip(("source", "path", "fstype"), wanted), network=network, read_only=read_only)


@pytest.mark.parametrize(
    "directory, wanted, network",
    [
        ("/Users/render", ("/dev/disk3s1s1", "/", "apfs"), False),
        ("/System/Volumes/Data/home/x", ("map auto_home", "/System/Volumes/Data/home", "autofs"), False),
        ("/Volumes/v-ray builds/macOS_Arm64", ("//render@nas/v-ray%20builds", "/Volumes/v-ray builds", "smbfs"), True),
        ("/Volumes/old (backup)/x", ("nas:/export", "/Volumes/old (backup)", "nfs"), True),
        ("/Volumes/old", ("/dev/disk3s1s1", "/", "apfs"), False),
    ],
)
def test_macos(macos, directory, wanted, network):
    mount = find_mount(directory)
    assert mount == Mount(*wanted, read_only=wanted[1] == "/")
    assert mount.network is network


@pytest.mark.parametrize(
    "mine, file_system, read_only",
    [
        ("rw,noatime", "rw", False),
        ("ro", "rw", True),
        ("rw", "ro,vers=3", True),
        ("rw,roundtrip", "rw,errors=remount-ro", False),
    ],
)
def test_read_only(mine, file_system, read_only):
    """The mount and the file system each have the option."""
    (mount,) = parse_mountinfo("30 22 0:40 / /mnt %s shared:1 - cifs //nas/x %s" % (mine, file_system))
    assert mount.read_only is read_only


@pytest.mark.parametrize(
    "source, told",
    [
        ("//render:Geheim@nas/builds", "//render:***@nas/builds"),
        ("https://render:Geheim@nas/dav", "https://render:***@nas/dav"),
        (":smb,host=nas,pass=Geheim,user=render:builds", ":smb,host=nas,pass=***,user=render:builds"),
        (":smb,host=nas,user=render,pass=Geheim:builds", ":smb,host=nas,user=render,pass=***:builds"),
        ("//nas/compass=north", "//nas/compass=north"),
        ("render@nas:/builds", "render@nas:/builds"),
        ("//nas/a:b/c@d", "//nas/a:b/c@d"),
    ],
)
def test_a_password_is_masked(source, told):
    (linux,) = parse_mountinfo("30 22 0:40 / /mnt rw - fuse.rclone %s rw" % source)
    (macos,) = parse_mount_output("%s on /mnt (smbfs, nodev)" % source)
    assert (linux.source, macos.source) == (told, told)


FSTAB = r"""# /etc/fstab
UUID=0a1b / ext4 errors=remount-ro 0 1
#//nas/old /mnt/vray cifs ro 0 0
//nas/v-ray\040builds	/mnt/v\040ray/ 	cifs ro,credentials=/etc/vray_swarm.credentials,_netdev 0 0
//nas/vray /mnt/vray cifs ro,username=render,password=Geheim,vers=3 0 0
//nas/second /mnt/vray cifs rw
  nas:/srv /mnt/short nfs
:smb,pass=Geheim:x /mnt/r rclone pass="Geheim,2",BEARER_TOKEN=Geheim
half /mnt/half
"""


@pytest.mark.parametrize(
    "path, wanted",
    [
        ("/mnt/v ray", ("//nas/v-ray builds", "cifs", "ro,credentials=/etc/vray_swarm.credentials,_netdev")),
        # The first line is the one that mount takes.
        ("/mnt/vray/", ("//nas/vray", "cifs", "ro,username=render,password=***,vers=3")),
        ("/mnt/short", ("nas:/srv", "nfs", "defaults")),
        ("/mnt/r", (":smb,pass=***:x", "rclone", "pass=***,BEARER_TOKEN=***")),
        ("/mnt/half", None),
        ("/mnt", None),
    ],
)
def test_fstab(monkeypatch, path, wanted):
    monkeypatch.setattr(_mounts, "_read", {"/etc/fstab": FSTAB}.__getitem__)
    assert find_fstab(path) == (wanted and dict(zip(("source", "fstype", "options"), wanted)))


def test_a_mount_point_is_found_without_a_look_at_it(linux, monkeypatch):
    def hang(_path):
        raise AssertionError("its server may be down")

    monkeypatch.setattr(os.path, "realpath", hang)
    assert find_mount_point("/mnt/builds/") == Mount("//nas/v-ray builds", "/mnt/builds", "cifs")
    assert find_mount_point("/mnt/stack").source == "nas:/stack"
    assert find_mount_point("/mnt/builds/Linux_x86") is None


def test_what_is_mounted_within_a_directory(monkeypatch, tmp_path):
    line = "36 35 98:0 / %s rw,noatime shared:1 - nfs nas:/x rw\n"
    there = tmp_path / "build" / "bin"
    there.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "build")
    monkeypatch.setattr(_mounts, "_mounts", lambda: parse_mountinfo(line % "/" + line % there))
    for directory in (there, tmp_path / "build", tmp_path / "link"):
        assert find_mount_within(str(directory)).path == str(there)
    assert find_mount_within(str(tmp_path / "buil")) is None
    assert find_mount_within(str(there / "sub")) is None


def test_lines_that_say_nothing_are_left_out():
    assert len(list(parse_mountinfo(MOUNTINFO))) == MOUNTINFO.count("\n") - 2
    assert list(parse_mountinfo("")) == []
    assert len(list(parse_mount_output(MACOS))) == MACOS.count("\n") - 1


def test_a_path_may_hold_what_python_takes_for_the_end_of_a_line():
    line = "30 22 0:40 / /mnt/a\x85b\u2028c\x0cd rw - cifs //nas/x rw\n"
    assert [mount.path for mount in parse_mountinfo(line)] == ["/mnt/a\x85b\u2028c\x0cd"]


@pytest.mark.parametrize("fstype, source", [("zfs", "pool/builds"), ("overlay", "overlay"), ("btrfs", "/dev/md:0")])
def test_local_file_systems(fstype, source):
    assert not Mount(source, "/x", fstype).network


@pytest.mark.parametrize("fstype, source", [("unheard-of", "//nas/x"), ("unheard-of", "nas:/x"), ("smbfs", "x")])
def test_the_source_or_the_type_tells_a_network(fstype, source):
    assert Mount(source, "/x", fstype).network


def test_a_link_is_followed(monkeypatch, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    real = os.path.realpath(str(tmp_path / "real"))
    monkeypatch.setattr(_mounts, "_mounts", lambda: iter([Mount("/dev/a", "/", "ext4"), Mount("nas:/x", real, "nfs")]))
    assert find_mount(str(tmp_path / "link" / "sub")).source == "nas:/x"


def test_a_system_that_tells_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(_mounts, "_mounts", lambda: iter(()))
    assert find_mount(str(tmp_path)) is None


def test_no_mount_command(monkeypatch):
    def fail(*_arguments, **_options):
        raise FileNotFoundError(2, "No such file")

    monkeypatch.setattr(subprocess, "run", fail)
    assert _mounts._run_mount() == ""


def test_no_proc(tmp_path):
    assert _mounts._read(str(tmp_path / "missing")) == ""


def test_this_system(tmp_path):
    """Whatever it is, the root is mounted, and this directory lies somewhere."""
    mount = find_mount(str(tmp_path))
    assert mount is None or os.path.realpath(str(tmp_path)).startswith(mount.path)
