# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mount shall be, and what differs from that."""

from __future__ import annotations

import os
import pathlib

import jinja2
import pytest
import yaml

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._share_wanted import (
    MARK,
    check_share,
    credentials_content,
    share_differences,
)

ROLES = pathlib.Path(__file__).resolve().parents[4] / "roles"
OPTIONS = "ro,credentials=/etc/vray_swarm.credentials,_netdev,nofail,x-vray_swarm"
WANTED = {"src": "//nas/vray", "fstype": "cifs", "options": OPTIONS}
LINE = {"source": "//nas/vray", "fstype": "cifs", "options": OPTIONS}
MOUNTED = {
    "path": "/mnt/vray",
    "mounted": True,
    "point": True,
    "source": "//nas/vray",
    "fstype": "cifs",
    "network": True,
    "read_only": True,
    "readable": True,
    "empty": False,
    "error": None,
    "fstab": LINE,
    "credentials": True,
}
# Somebody else's, and one that somebody has written for the same share.
FOREIGN = {"source": "//nas/assets", "fstype": "cifs", "options": "ro,credentials=/root/assets"}
BY_HAND = dict(FOREIGN, source="//NAS/vray/")
NOTHING = dict.fromkeys(("source", "fstype", "network", "read_only"))
UNMOUNTED = dict(MOUNTED, mounted=False, point=False, empty=True, **NOTHING)


def subjects(mount, wanted=None, platform="Linux_x86"):
    found = share_differences(mount, dict(WANTED, **(wanted or {})), platform)
    assert all(difference["kind"] == "share" and difference["message"].endswith(".") for difference in found)
    return [difference["subject"] for difference in found]


def test_a_mount_that_is_right():
    assert subjects(MOUNTED) == []
    # Nobody asked for the credentials.
    assert subjects(dict(MOUNTED, credentials=None)) == []


def test_a_bare_peer():
    bare = dict(UNMOUNTED, fstab=None, credentials=False, readable=False, empty=None)
    bare["error"] = "/mnt/vray could not be read: No such file or directory."
    mount, fstab, credentials = share_differences(bare, WANTED)
    assert (mount["subject"], mount["have"], mount["want"]) == ("mount", None, "//nas/vray")
    assert mount["message"] == "//nas/vray is not mounted at /mnt/vray."
    assert (fstab["subject"], fstab["have"], fstab["want"]) == ("fstab", None, f"//nas/vray cifs {OPTIONS}")
    assert fstab["message"] == f"fstab has no line for /mnt/vray; it should have //nas/vray cifs {OPTIONS}."
    assert (credentials["subject"], credentials["have"], credentials["want"]) == ("credentials", False, True)


def test_an_unmounted_share():
    assert subjects(UNMOUNTED) == ["mount"]
    assert subjects(dict(UNMOUNTED, empty=False)) == ["mount", "files"]
    (mount,) = share_differences(dict(UNMOUNTED, error="/mnt/vray could not be read: Permission denied."), WANTED)
    assert mount["message"] == "//nas/vray is not mounted at /mnt/vray: /mnt/vray could not be read: Permission denied."


def test_somebody_else_is_told_by_the_line():
    found = share_differences(dict(MOUNTED, source="//nas/assets", fstab=FOREIGN), WANTED)
    assert [(item["have"], item["want"]) for item in found[:1]] == [("//nas/assets", "//nas/vray")]
    assert found[0]["message"] == (
        "fstab has //nas/assets cifs ro,credentials=/root/assets for /mnt/vray without the option x-vray_swarm, so that it"
        " is somebody else's."
    )


def test_the_line_of_the_roles_tells_that_it_is_theirs():
    variables = yaml.safe_load((ROLES / "common" / "vars" / "main.yml").read_text(encoding="utf-8"))
    assert f"+ ['{MARK}']) | join(',')" in variables["__vray_swarm_share"]["options"]


def test_a_directory_within_another_share_is_no_mount_of_its_own():
    assert subjects(dict(MOUNTED, point=False)) == ["mount", "files"]


def test_what_waits_to_mount_has_not_mounted():
    waits = dict(MOUNTED, fstype="autofs", source="systemd-1", empty=None)
    assert subjects(waits) == ["mount"]
    # That of a map, or of a unit, is somebody else's.
    assert subjects(dict(waits, fstab=None)) == ["mount", "foreign", "fstab"]


@pytest.mark.parametrize(
    "changes, wanted",
    [
        ({"error": "/mnt/vray does not answer.", "readable": False}, ["access"]),
        ({"read_only": False}, ["mode"]),
        ({"credentials": False}, ["credentials"]),
        ({"fstab": dict(LINE, options="ro")}, ["fstab"]),
        ({"fstab": dict(LINE, fstype="smb3")}, ["fstab"]),
        ({"fstab": dict(LINE, source="//nas/old")}, ["fstab"]),
        ({"fstab": None}, ["fstab"]),
        # The order means nothing, nor does the case of a server or a slash at the end.
        ({"fstab": dict(LINE, options=",".join(reversed(OPTIONS.split(","))))}, []),
        ({"fstab": dict(LINE, source="//NAS/Vray/")}, []),
        ({"source": "//NAS/vray/"}, []),
        ({"source": "\\\\nas\\vray"}, []),
        # Ours, since fstab has a line of ours for it.
        ({"source": "//nas/other"}, ["source"]),
        ({"source": "/dev/sdb1", "fstype": "ext4", "read_only": False}, ["source", "mode"]),
        # The share has moved.
        ({"source": "//old/vray", "fstab": dict(LINE, source="//old/vray")}, ["source", "fstab"]),
        ({"fstab": BY_HAND}, ["fstab"]),
        ({"source": "//nas/other", "fstab": BY_HAND}, ["source", "fstab"]),
        # Somebody else's.
        ({"source": "//nas/other", "fstab": None}, ["foreign", "fstab"]),
        ({"source": "/dev/sdb1", "fstype": "ext4", "fstab": None}, ["foreign", "fstab"]),
        ({"source": "//nas/assets", "fstab": FOREIGN}, ["foreign", "fstab"]),
        ({"fstab": FOREIGN}, ["foreign", "fstab"]),
        (dict(UNMOUNTED, fstab=FOREIGN), ["mount", "foreign", "fstab"]),
    ],
)
def test_what_differs(changes, wanted):
    assert subjects(dict(MOUNTED, **changes)) == wanted


@pytest.mark.parametrize(
    "have, want, fstype, same",
    [
        ("nas:/srv/vray", "NAS:/srv/vray/", "nfs4", True),
        ("nas:/", "nas:/", "nfs4", True),
        ("nas:/srv/VRay", "nas:/srv/vray", "nfs4", False),
        ("other:/srv/vray", "nas:/srv/vray", "nfs", False),
        ("render@nas:/srv", "render@nas:/srv", "fuse.sshfs", True),
        ("tank/vray", "tank/vray", "zfs", True),
        ("tank/vray", "tank/other", "zfs", False),
    ],
)
def test_sources_are_compared_by_their_kind(have, want, fstype, same):
    options = {"src": want, "fstype": fstype}
    line = {"source": want, "fstype": fstype, "options": OPTIONS}
    assert subjects(dict(MOUNTED, source=have, fstype=fstype, fstab=line), options) == ([] if same else ["source"])


def test_where_a_source_cannot_be_compared_fstab_counts():
    """A file system in user space may be called anything."""
    options = {"src": "share:vray", "fstype": "rclone"}
    line = {"source": "share:vray", "fstype": "rclone", "options": OPTIONS}
    mounted = dict(MOUNTED, source="share{AbCd}:vray", fstype="fuse.rclone", fstab=line)
    assert subjects(mounted, options) == []
    assert subjects(dict(mounted, fstab=dict(line, source="share:old")), options) == ["source", "fstab"]
    assert subjects(dict(mounted, fstab=None), options) == ["foreign", "fstab"]


def test_macos_has_no_fstab():
    mac = dict(MOUNTED, fstab=None, source="//render@nas/v-ray%20builds", fstype="smbfs", credentials=None)
    assert subjects(mac, {"src": "//nas/v-ray builds"}, "macOS_Arm64") == []
    assert subjects(mac, {"src": "//nas/vray"}, "macOS_Arm64") == ["source"]
    assert subjects(dict(UNMOUNTED, fstab=None, credentials=False), None, "macOS_x86") == ["mount"]


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"src": "//nas"}, "_src is '//nas'; for cifs it is //SERVER/SHARE"),
        ({"src": "/srv/vray", "fstype": "nfs"}, "for nfs it is SERVER:/PATH"),
        ({"src": "//nas/vray\n/dev/sda1"}, "_src has a character"),
        ({"options": "ro,password=Geheim"}, "There is a password"),
        ({"options": "ro,pass=Geheim"}, "There is a password"),
        ({"src": "//render:Geheim@nas/vray"}, "There is a password"),
        ({"src": ":smb,host=nas,pass=Geheim:vray", "fstype": "rclone"}, "There is a password"),
        ({"src": "\\\\render:Geheim@nas\\vray"}, "There is a password"),
        ({"src": "render:Geheim@nas:/vray", "fstype": "fuse.sshfs"}, "There is a password"),
        ({"options": "ro,smb-pass=Geheim"}, "There is a password"),
        ({"options": "ro,user=render:Geheim"}, "There is a password"),
        ({"options": "ro, vers=3"}, "white space"),
        ({"options": "ro,rw"}, "has rw"),
        ({"fstype": ""}, "a type that mount knows"),
        ({"fstype": "ci fs"}, "a type that mount knows"),
    ],
)
def test_what_cannot_be_wanted(changes, told):
    with pytest.raises(OptionsError, match=told) as caught:
        check_share(dict(WANTED, **changes))
    assert "Geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"src": "\\\\nas\\v-ray builds"},
        {"src": "nas:/srv/v ray", "fstype": "nfs"},
        {"src": "share:vray", "fstype": "rclone", "options": "ro,args2env,config=/etc/rclone.conf"},
        {"options": "ro,passfile=/etc/x,sec=krb5"},
        {"src": "//nas/dir@2x/vray"},
        {"src": ":sftp,host=nas,user=render:/vray", "fstype": "rclone"},
        {"src": "render@nas:/vray", "fstype": "fuse.sshfs", "options": "ro,IdentityFile=/root/.ssh/key"},
    ],
)
def test_what_can_be_wanted(changes):
    check_share(dict(WANTED, **changes))


PASSWORD = "Sw4rm, it's #1 $HOME"


@pytest.mark.parametrize("domain", ["", "FARM"])
def test_the_role_writes_the_credentials_that_are_looked_for(domain):
    """As Ansible templates it."""
    variables = yaml.safe_load((ROLES / "share_mount" / "vars" / "main.yml").read_text(encoding="utf-8"))
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True)
    text = environment.from_string(variables["__share_mount_credentials"]).render(
        vray_swarm_share_username="render", vray_swarm_share_password=PASSWORD, vray_swarm_share_domain=domain
    )
    assert credentials_content("render", PASSWORD, domain) == text.encode("utf-8")


def test_credentials():
    assert credentials_content("render", "ä", "FARM") == "username=render\npassword=ä\ndomain=FARM\n".encode()
    assert credentials_content("", "x", "") is None
    for values in (("a\nb", "x", ""), ("a", "x\r", ""), ("a", "x", "\0")):
        with pytest.raises(OptionsError, match="line break") as caught:
            credentials_content(*values)
        assert os.linesep not in str(caught.value)


def test_the_credentials_are_private_before_they_are_written():
    tasks = yaml.safe_load((ROLES / "share_mount" / "tasks" / "credentials.yml").read_text(encoding="utf-8"))
    made, closed, written, _said = tasks
    empty, found, copied = made["ansible.builtin.copy"], closed["ansible.builtin.file"], written["ansible.builtin.copy"]
    assert (empty["content"], empty["force"]) == ("", False)
    assert empty["dest"] == found["path"] == copied["dest"]
    for options in (empty, found, copied):
        # Text: as a number, YAML would read another one.
        assert (options["owner"], options["group"], options["mode"]) == ("root", "root", "0600")
    # Neither the diff nor the result of the task shows the content.
    assert written["no_log"] is True and written["diff"] is False
