# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A look at a peer's disk, and what decisions read of it."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import json
import os
import platform
import shutil
import struct
import tarfile
import threading
import time

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _look
from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import DETAILS
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError, OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import (
    Import,
    Look,
    digest,
    is_own_address,
    look_at,
    outlived,
    pending_restart,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import AWAITED, mark_name
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mounts import Mount
from ansible_collections.renderops.vray_swarm.plugins.module_utils._processes import Process, Processes
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version


@pytest.fixture(autouse=True)
def mount(monkeypatch):
    """What find_mount() finds, for each directory; it is asked in a child process."""
    found = {}
    monkeypatch.setattr(_look, "find_mount", lambda path: found.get(path, Mount("/dev/sda1", "/", "ext4")))
    return found


@pytest.fixture
def swarm(tmp_path):
    """A data directory as the vendor describes it."""
    root = tmp_path / "swarm"
    (root / "VRay" / "import").mkdir(parents=True)
    return root


def config_of(tmp_path, text):
    path = tmp_path / "swarm.yaml"
    path.write_bytes(text.encode("utf-8"))
    return str(path)


def test_what_is_deployed(swarm):
    for name in ("vray-6.20.10-e8197af2", "vray-7.00.06-0a1b2c3d", "vray-", "vray-x", "other-6.20.10-e8197af2"):
        (swarm / "VRay" / name).mkdir()
    (swarm / "VRay" / "vray-6.20.11-e8197af2").write_bytes(b"a file")
    facts = look_at(str(swarm))
    first, second = str(swarm / "VRay" / "vray-6.20.10-e8197af2"), str(swarm / "VRay" / "vray-7.00.06-0a1b2c3d")
    assert facts["builds"] == [
        {"version": "6.20.10-e8197af2", "directory": first, "files": None, "bytes": None},
        {"version": "7.0.6-0a1b2c3d", "directory": second, "files": None, "bytes": None},
    ]
    assert Look(facts).deployed == {
        Version.parse("6.20.10-e8197af2"): first,
        Version.parse("7.0.6-0a1b2c3d"): second,
    }


def test_what_nobody_heard_of(swarm):
    for name in ("7.00.06-0a1b2c3d", "6.20.10-e8197af2", "", "x", "6.20.10-e8197af2.sending"):
        (swarm / (".vray_swarm-%s.sending" % name)).mkdir()
    (swarm / ".vray_swarm-6.20.11-e8197af2.sending").write_bytes(b"a file")
    (swarm / ".vray_swarm-6.20.12-e8197af2.sending").symlink_to(swarm)
    (swarm / ".vray_swarm-6.20.13-e8197af2").mkdir()
    facts = look_at(str(swarm))
    assert facts["unanswered"] == ["6.20.10-e8197af2", "7.0.6-0a1b2c3d"]
    marks = [mark_name(version) for version in ("6.20.10-e8197af2", "6.20.11-e8197af2", "6.20.12-e8197af2")]
    assert [Look(facts).has_mark(name) for name in marks] == [True, False, False]
    assert look_at(str(swarm / "gone"))["unanswered"] == []


def test_what_runs_have_seen_whole(swarm):
    for name in ("6.20.10-e8197af2.whole", "7.0.0-abc.awaited", "7.0.1-abc.wholesale"):
        (swarm / f".vray_swarm-{name}").mkdir()
    assert (look_at(str(swarm))["seen"], look_at(str(swarm))["seen_all"]) == (["6.20.10-e8197af2"], False)
    (swarm / ".vray_swarm-peer.whole").mkdir()
    facts = look_at(str(swarm))
    assert (facts["seen"], facts["seen_all"], facts["awaited"]) == (["6.20.10-e8197af2"], True, ["7.0.0-abc"])


def awaits(swarm, monkeypatch, running, state="running", pid=812):
    """What a look tells of a build that was made 100 s ago, by a Swarm that runs for so many seconds."""
    for path in ("VRay/vray-6.20.10-e8197af2", ".vray_swarm-6.20.10-e8197af2.awaited", ".vray_swarm-7.0.0-abc.awaited"):
        (swarm / path).mkdir(exist_ok=True)
    (swarm / "VRay" / "vray-6.20.11-e8197af2").mkdir(exist_ok=True)
    # Whoever unpacks may set these two.
    os.utime(str(swarm / "VRay" / "vray-6.20.10-e8197af2"), (0, 0))
    monkeypatch.setattr(_look, "look_at_service", lambda name: {"state": state, "pid": pid})
    monkeypatch.setattr(_look, "running_seconds", lambda number: {812: running}[number])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 100)
    facts = look_at(str(swarm), service="swarm")
    monkeypatch.setattr(time, "time", real)
    assert facts["awaited"] == ["6.20.10-e8197af2", "7.0.0-abc"] and facts["unanswered"] == []
    assert all(Look(facts).has_mark(mark_name(version, AWAITED)) for version in facts["awaited"])
    told = facts["outlived"]
    assert told in (None, [], ["6.20.10-e8197af2", "6.20.11-e8197af2"])
    assert facts["interrupted"] == (told or [])[:1]
    return None if told is None else facts["interrupted"]


def test_whether_swarm_has_ended_since_a_build_was_put_there(swarm, monkeypatch):
    """Only what has a mark is in doubt: of all others, somebody has seen that they were whole."""
    # The Swarm of now has made it.
    assert awaits(swarm, monkeypatch, running=3600.0) == []
    assert awaits(swarm, monkeypatch, running=10.0) == ["6.20.10-e8197af2"]
    assert awaits(swarm, monkeypatch, running=None) is None
    for state in ("failed", "stopped"):
        assert awaits(swarm, monkeypatch, None, state, None) == ["6.20.10-e8197af2"]
    for state in ("unknown", "absent"):
        assert awaits(swarm, monkeypatch, None, state, None) is None
    assert look_at(str(swarm))["outlived"] is None
    assert look_at(str(swarm))["interrupted"] == [] != look_at(str(swarm))["awaited"]


@pytest.mark.parametrize(
    "seconds, running, wanted",
    [(5.0, 5.0, []), (5.01, 5.0, []), (5.1, 5.0, ["7.0.0-abc"]), (0.0, 0.0, []), (-0.1, 5.0, ["7.0.0-abc"])],
)
def test_what_clocks_tell_of_it(seconds, running, wanted):
    """A file's time may be a little behind; what is to come tells that a clock was set back."""
    assert outlived({"state": "running"}, running, {"7.0.0-abc": seconds}) == wanted


def test_what_lies_in_the_import_directory(swarm):
    folder = swarm / "VRay" / "import"
    (folder / "b.tar").write_bytes(b"12345")
    (folder / "a.tar").write_bytes(b"")
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(folder / "b.tar")
    (folder / "dangling").symlink_to(folder / "missing")
    os.mkfifo(str(folder / "pipe"))
    facts = look_at(str(swarm))
    assert facts["imports"] == [
        {
            "name": name,
            "path": str(folder / name),
            "bytes": size,
            "kind": kind,
            "platform": None,
            "opened": None,
            "sha256": None,
        }
        for name, size, kind in (
            ("a.tar", 0, None),
            ("b.tar", 5, None),
            ("dangling", None, "special"),
            ("link", 5, None),
            ("pipe", None, "special"),
            ("sub", None, "directory"),
        )
    ]
    assert Look(facts).imports == [
        Import(name, str(folder / name), size) for name, size in (("a.tar", 0), ("b.tar", 5), ("link", 5))
    ]
    assert (facts["import_dir"], facts["import_dir_configured"]) == (str(folder), False)


def test_a_look_changes_nothing(swarm):
    before = sorted(os.walk(str(swarm)))
    look_at(str(swarm))
    assert sorted(os.walk(str(swarm))) == before


def test_a_look_is_plain_data(swarm, tmp_path):
    """It travels as JSON."""
    (swarm / "VRay" / "vray-6.20.10-e8197af2").mkdir()
    facts = look_at(str(swarm), config_of(tmp_path, "webPort: 1114\n"))
    assert json.loads(json.dumps(facts)) == facts
    assert base64.b64decode(facts["config_content"]) == b"webPort: 1114\n"


def test_a_swarm_that_never_ran(tmp_path):
    facts = look_at(str(tmp_path))
    assert (facts["builds"], facts["imports"]) == ([], [])
    assert facts["import_dir"] == str(tmp_path / "VRay" / "import")
    assert facts["import_mount"] == {
        "source": "/dev/sda1",
        "path": "/",
        "fstype": "ext4",
        "network": False,
        "read_only": False,
    }
    assert facts["errors"] == {}


def test_the_import_directory_of_swarm_yaml(swarm, tmp_path, mount):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "x.tar").write_bytes(b"x")
    mount[str(shared)] = Mount("//nas/x", str(shared), "cifs", True)
    facts = look_at(str(swarm), config_of(tmp_path, "vrayImportDir: %s\n" % shared))
    assert facts["import_dir"] == str(shared)
    assert facts["import_dir_configured"] is True
    assert [item["name"] for item in facts["imports"]] == ["x.tar"]
    assert facts["import_mount"] == mount[str(shared)].as_dict()
    # What the task says wins.
    facts = look_at(str(swarm), config_of(tmp_path, "vrayImportDir: /nowhere\n"), str(shared))
    assert facts["import_dir"] == str(shared)


def test_swarm_yaml_alone(tmp_path):
    facts = look_at(None, config_of(tmp_path, "webPort: 1114\n"))
    assert (facts["web_port"], facts["import_dir"], facts["import_mount"]) == (1114, None, None)
    look = Look(facts)
    assert look.web_port == 1114
    assert look.shared is None
    assert look.import_is_local


@pytest.mark.parametrize(
    "text, wanted",
    [("allowExecutables: true", True), ("allowExecutables: false", False), ("", False), ("allowExecutables: 1", None)],
)
def test_whether_swarm_yaml_allows_executables(tmp_path, text, wanted):
    assert Look(look_at(None, config_of(tmp_path, text))).allows_executables is wanted


def test_without_swarm_yaml_nothing_tells_whether_executables_are_allowed(swarm):
    assert Look(look_at(str(swarm))).allows_executables is None


def check(facts):
    """What a decision that needs all of it says."""
    Look(facts).check()


def test_a_data_directory_that_is_none(tmp_path):
    """A look tells; an upload fails."""
    (tmp_path / "file").write_bytes(b"")
    for name in ("missing", "file"):
        facts = look_at(str(tmp_path / name), details=DETAILS)
        assert list(facts["errors"]) == ["data_dir"]
        # Nothing is known, which is not the same as nothing runs.
        assert (facts["builds"], facts["busy"], facts["disk"]["data"]) == ([], None, None)
        with pytest.raises(OptionsError, match=r"is not there.*Set data_dir.*renderops.vray_swarm.discover"):
            check(facts)


def test_a_swarm_yaml_that_is_none(swarm, tmp_path):
    os.mkfifo(str(tmp_path / "pipe"))
    for name, reason in (("missing", "No such file"), ("", "Is a directory"), ("pipe", "Not a regular file")):
        facts = look_at(str(swarm), str(tmp_path / name))
        assert list(facts["errors"]) == ["config"]
        # It could say anything, so that the default is not known to hold.
        assert (facts["import_dir"], facts["import_mount"], facts["config_content"]) == (None, None, None)
        with pytest.raises(OptionsError, match="could not be read: %s.*Set config.*discover" % reason):
            check(facts)


def test_a_swarm_yaml_that_is_broken(swarm, tmp_path):
    facts = look_at(str(swarm), config_of(tmp_path, "a: [\n"), details=DETAILS)
    assert "is not valid YAML" in facts["errors"]["config"]
    # The rest is told all the same.
    assert facts["disk"]["data"] > 0
    assert base64.b64decode(facts["config_content"]) == b"a: [\n"


def test_a_directory_that_may_not_be_read(swarm, monkeypatch):
    def denied(_directory):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", denied)
    facts = look_at(str(swarm), share_path="/srv")
    assert list(facts["errors"]) == ["data_dir"]
    assert "Permission denied" in look_at(None, import_dir=str(swarm))["errors"]["import_dir"]
    assert facts["mount"]["error"] == "/srv could not be read: Permission denied."
    with pytest.raises(OptionsError, match=r"could not be read: Permission denied. Does the task need become"):
        check(facts)


@pytest.mark.parametrize("number", [errno.ENOTCONN, errno.ESTALE, errno.EIO, errno.EHOSTDOWN])
def test_a_mount_that_has_gone(swarm, monkeypatch, number):
    def gone(_path, *_more, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "scandir", gone)
    advice = "What is mounted there has gone, or its server has: unmount it (umount -l), and mount it again."
    text = f"{os.strerror(number)}. {advice}"
    facts = look_at(str(swarm), share_path="/srv", import_dir="/mnt/import")
    assert facts["errors"] == {
        "data_dir": f"{swarm}/VRay could not be read: {text}",
        "import_dir": f"/mnt/import could not be read: {text}",
    }
    assert facts["mount"]["error"] == f"/srv could not be read: {text}"
    with pytest.raises(OptionsError, match="mount it again"):
        _look.count_tree(str(swarm), 1)
    monkeypatch.setattr(_look.os, "stat", gone)
    with pytest.raises(OptionsError) as caught:
        _look._look_at_data("/data", ())
    assert str(caught.value) == f"The data directory /data could not be read: {text}"


def test_a_directory_that_does_not_answer(swarm, monkeypatch):
    """As on a share whose server has gone."""
    real = os.scandir

    def hang(directory):
        if str(directory).endswith(("import", "share")):
            threading.Event().wait()
        return real(directory)

    monkeypatch.setattr(os, "scandir", hang)
    monkeypatch.setattr(_look, "_LIMIT", 0.2)
    (swarm / "VRay" / "vray-6.20.10-e8197af2").mkdir()
    facts = look_at(str(swarm), share_path="/share")
    assert "import does not answer" in facts["errors"]["import_dir"]
    assert "/share does not answer" in facts["mount"]["error"]
    assert facts["mount"]["readable"] is False
    # What is known without a look at it.
    assert facts["mount"]["mounted"] is False
    stale = Mount("//nas/builds", "/share", "cifs", True)
    monkeypatch.setattr(_look, "find_mount_point", {"/share": stale}.get)
    found = look_at(None, share_path="/share")["mount"]
    assert (found["mounted"], found["point"], found["source"]) == (True, True, "//nas/builds")
    assert (found["path"], found["readable"], found["empty"]) == ("/share", False, None)
    assert [build["version"] for build in facts["builds"]] == ["6.20.10-e8197af2"]


# The details.


def build_of(swarm, name="vray-6.20.10-e8197af2"):
    root = swarm / "VRay" / name
    (root / "bin" / "deep").mkdir(parents=True)
    (root / "bin" / "vray").write_bytes(b"x" * 1000)
    (root / "bin" / "deep" / "lib.so").write_bytes(b"x" * 234)
    (root / "empty").write_bytes(b"")
    (root / "link").symlink_to("bin/vray")
    (root / "loop").symlink_to(".")
    return root


def test_the_size_of_a_build(swarm):
    """Links count, and are not followed."""
    build_of(swarm)
    (build,) = look_at(str(swarm), details=["build_sizes"])["builds"]
    assert (build["files"], build["bytes"]) == (5, 1234)
    (build,) = look_at(str(swarm))["builds"]
    assert (build["files"], build["bytes"]) == (None, None)


def test_a_build_that_is_too_large_to_count(swarm, monkeypatch):
    build_of(swarm)
    build_of(swarm, "vray-7.0.6-0a1b2c3d")
    monkeypatch.setattr(_look, "_COUNT_FILES", 9)
    facts = look_at(str(swarm), details=["build_sizes"])
    assert [(build["files"], build["bytes"]) for build in facts["builds"]] == [(5, 1234), (None, None)]
    assert "more than 9 files" in facts["errors"]["build_sizes"]


def test_files_are_not_looked_at_without_need(swarm, monkeypatch):
    """One look at each regular file, for its size; none at directories and links."""
    build_of(swarm)
    looked = []
    real = os.scandir

    class Entry:
        def __init__(self, entry):
            self._entry = entry
            self.path = entry.path

        def __getattr__(self, name):
            return getattr(self._entry, name)

        def stat(self, **options):
            looked.append(self._entry.name)
            return self._entry.stat(**options)

    class Entries(list):
        def __enter__(self):
            return self

        def __exit__(self, *_error):
            return None

    monkeypatch.setattr(os, "scandir", lambda path: Entries(Entry(entry) for entry in real(path)))
    _look.count_tree(str(swarm / "VRay"), 100)
    assert sorted(looked) == ["empty", "lib.so", "vray"]


def test_the_free_disk(swarm, tmp_path, monkeypatch):
    monkeypatch.setattr(
        os, "statvfs", lambda path: os.statvfs_result((1, 10, 9, 8, 7, *[0] * 5)) if there(path) else None
    )
    there = os.stat
    assert look_at(str(swarm), import_dir=str(tmp_path / "not" / "yet"), details=["disk"])["disk"] == {
        "temp": 70,
        "data": 70,
        "import": 70,
    }
    assert look_at(str(swarm))["disk"] is None
    assert look_at(None, details=["disk"])["disk"] == {"temp": 70, "data": None, "import": None}


def elf(machine):
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, machine) + bytes(44)


def test_the_platform_of_what_lies_in_the_import_directory(swarm):
    folder = swarm / "VRay" / "import"
    (folder / "a").write_bytes(elf(62))
    (folder / "b").write_bytes(elf(183))
    (folder / "c.txt").write_bytes(b"no build")
    facts = look_at(str(swarm), details=["import_platforms"])
    assert [item["platform"] for item in facts["imports"]] == ["Linux_x86", "Linux_Arm64", None]
    assert [item["platform"] for item in look_at(str(swarm))["imports"]] == [None, None, None]


@pytest.mark.parametrize("own, told", [("Linux_x86", "Linux_x86"), ("Linux_Arm64", "Linux_Arm64"), ("macOS_x86", None)])
def test_an_archive_with_programs_for_several_platforms_is_for_this_host_or_untold(swarm, own, told):
    with tarfile.open(swarm / "VRay" / "import" / "mixed.tar", "w") as archive:
        for machine in (62, 183):
            info = tarfile.TarInfo(str(machine))
            info.size = 64
            archive.addfile(info, io.BytesIO(elf(machine)))
    (item,) = look_at(str(swarm), details=["import_platforms"], host_platform=own)["imports"]
    assert (item["kind"], item["platform"]) == ("archive", told)


def test_a_platform_is_told_in_a_short_time_or_not_at_all(swarm, monkeypatch):
    folder = swarm / "VRay" / "import"
    (folder / "a").write_bytes(elf(62))
    (folder / "b").write_bytes(elf(62))
    real = _look.identify

    def slow(path, **options):
        if path.endswith("b"):
            threading.Event().wait()
        return real(path, **options)

    monkeypatch.setattr(_look, "identify", slow)
    monkeypatch.setattr(_look, "_IDENTIFY_LIMIT", 0.2)
    facts = look_at(str(swarm), details=["import_platforms"])
    assert [item["platform"] for item in facts["imports"]] == ["Linux_x86", None]
    assert facts["errors"] == {}


def test_what_renders(swarm, tmp_path, monkeypatch):
    build = build_of(swarm)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (swarm / "VRay" / "vray-7.0.6-0a1b2c3d").symlink_to(elsewhere)
    seen = [
        Process(1, "/usr/lib/systemd/systemd"),
        Process(20, str(build / "bin" / "vray")),
        Process(21, str(elsewhere / "vray")),
        # Removed while it renders.
        Process(22, str(swarm / "VRay" / "vray-5.0.0-aaaaaaaa" / "vray")),
        Process(23, str(swarm / "VRay" / "import" / "installer")),
    ]
    monkeypatch.setattr(_look, "look_at_processes", lambda: Processes(seen, "2 processes may not be seen"))
    facts = look_at(str(swarm), details=["busy"])
    assert [process["pid"] for process in facts["busy"]] == [20, 21, 22]
    assert facts["busy"][0] == {"pid": 20, "executable": str(build / "bin" / "vray")}
    assert "2 processes may not be seen" in facts["errors"]["busy"]
    facts = look_at(str(swarm))
    assert (facts["busy"], facts["errors"]) == (None, {})


# The share.


def test_a_share(tmp_path, mount):
    path = str(tmp_path)
    mount[path] = Mount("//nas/builds", path, "cifs", True)
    assert look_at(None, share_path=path)["mount"] == {
        "path": path,
        "mounted": True,
        "source": "//nas/builds",
        "fstype": "cifs",
        "network": True,
        "read_only": True,
        "readable": True,
        "error": None,
        "point": True,
        "empty": True,
        "fstab": None,
        "credentials": None,
    }
    (tmp_path / "stable").mkdir()
    assert look_at(None, share_path=path)["mount"]["empty"] is False
    mount[path + "/stable"] = mount[path]
    within = look_at(None, share_path=path + "/stable")["mount"]
    assert (within["mounted"], within["point"], within["path"]) == (True, False, path + "/stable")


def test_what_fstab_says(tmp_path, monkeypatch):
    line = {"source": "//nas/x", "fstype": "cifs", "options": "ro"}
    monkeypatch.setattr(_look, "find_fstab", {str(tmp_path): line}.get)
    assert look_at(None, share_path=str(tmp_path))["mount"]["fstab"] == line


def credentials(path, content, share):
    facts = look_at(None, share_path=str(share), share_credentials=str(path), share_digest=digest("0a", content))
    return facts["mount"]["credentials"], facts["errors"]


def test_credentials_are_compared_and_not_told(tmp_path):
    path, content = tmp_path / "credentials", b"username=render\npassword=Geheim\n"
    assert credentials(path, content, tmp_path) == (False, {})
    path.write_bytes(content)
    path.chmod(0o600)
    assert credentials(path, content, tmp_path) == (True, {})
    assert credentials(path, content + b"domain=FARM\n", tmp_path) == (False, {})
    path.chmod(0o640)
    assert credentials(path, content, tmp_path) == (False, {})
    assert look_at(None, share_path=str(tmp_path), share_credentials=str(path))["mount"]["credentials"] is None
    assert digest("0a", content) != digest("0b", content)
    assert "Geheim" not in digest("0a", content)
    found, errors = credentials(tmp_path, content, tmp_path)
    assert found is None
    assert "could not be read: Is a directory. Does the task need become?" in errors["share_credentials"]


def test_a_local_disk_as_share(tmp_path, mount):
    mount[str(tmp_path)] = Mount("/dev/sdb1", str(tmp_path), "xfs")
    assert look_at(None, share_path=str(tmp_path))["mount"]["mounted"] is True


def test_a_share_that_is_not_mounted(tmp_path):
    found = look_at(None, share_path=str(tmp_path))["mount"]
    assert (found["mounted"], found["readable"], found["source"], found["read_only"]) == (False, True, None, None)
    found = look_at(None, share_path=str(tmp_path / "missing"))["mount"]
    assert (found["mounted"], found["readable"]) == (False, False)
    assert "No such file or directory" in found["error"]


# The host.


@pytest.mark.parametrize(
    "system, machine, kernel, wanted",
    [
        ("Linux", "x86_64", "", "Linux_x86"),
        ("Linux", "aarch64", "", "Linux_Arm64"),
        ("Darwin", "x86_64", "Darwin Kernel Version 21.6.0: root:xnu/RELEASE_X86_64", "macOS_x86"),
        ("Darwin", "arm64", "root:xnu/RELEASE_ARM64_T6000", "macOS_Arm64"),
        # A Python for x86 on a Mac with Arm.
        ("Darwin", "x86_64", "root:xnu/RELEASE_ARM64_T6000", "macOS_Arm64"),
        ("FreeBSD", "amd64", "", None),
        ("Linux", "ppc64le", "", None),
    ],
)
def test_the_platform(monkeypatch, system, machine, kernel, wanted):
    for name, value in (("system", system), ("machine", machine), ("version", kernel)):
        monkeypatch.setattr(platform, name, lambda value=value: value)
    assert look_at(None)["platform"] == wanted


def test_the_service(monkeypatch):
    monkeypatch.setattr(_look, "look_at_service", lambda name: {"state": name})
    assert look_at(None, service="swarm")["service"] == {"state": "swarm"}
    assert look_at(None)["service"] is None


@pytest.mark.parametrize(
    "settings, allowed, wanted",
    [
        ({}, False, False),
        ({}, True, True),
        ({"allowExecutables": None}, False, False),
        ({"allowExecutables": True}, True, False),
        ({"allowExecutables": True}, False, True),
        ({"allowExecutables": "yes"}, True, None),
        (None, True, None),
        ({}, None, None),
    ],
)
def test_a_restart_that_is_pending(settings, allowed, wanted):
    api = {"reachable": allowed is not None, "allow_executables": allowed}
    assert pending_restart(settings, api) is wanted
    assert pending_restart(settings, None) is None


# What decisions read.


def look(**facts):
    known = {
        "data_dir": "/var/lib/swarm",
        "config": "/etc/swarm.yaml",
        "web_port": None,
        "import_dir": "/var/lib/swarm/VRay/import",
        "import_dir_configured": True,
        "builds": [],
        "unanswered": [],
        "awaited": [],
        "marks": [],
        "outlived": [],
        "interrupted": [],
        "imports": [],
        "kept": [],
        "errors": {},
        "import_mount": {"source": "/dev/sda1", "path": "/", "fstype": "ext4", "network": False},
    }
    known.update(facts)
    return Look(known)


def test_what_is_kept_beside_another_import_directory(swarm, tmp_path, mount):
    """The vendor's page has it that an upload is kept in the data directory, and nothing of another vrayImportDir."""
    own, other = swarm / "VRay" / "import", tmp_path / "other"
    (own / "deep").mkdir()
    (own / "vray.tar").write_bytes(b"content")
    there = {"name": "vray.tar", "path": str(own / "vray.tar"), "bytes": 7}
    facts = look_at(str(swarm), config_of(tmp_path, "vrayImportDir: %s\n" % other))
    assert facts["kept"] == [there]
    assert [item.path for item in Look(facts).kept] == [there["path"]]
    # What others may have put there, or lies in the import directory itself.
    (tmp_path / "link").symlink_to(str(own))
    for given in ("", "vrayImportDir: %s/\n" % own, "vrayImportDir: %s\n" % (tmp_path / "link")):
        assert look_at(str(swarm), config_of(tmp_path, given))["kept"] == []
    mount[str(own)] = Mount("//nas/x", str(own), "cifs", True)
    elsewhere = config_of(tmp_path, "vrayImportDir: %s\n" % other)
    assert look_at(str(swarm), elsewhere)["kept"] == []
    mount.clear()
    shutil.rmtree(str(own))
    facts = look_at(str(swarm), elsewhere)
    assert (facts["kept"], facts["errors"]) == ([], {})


@pytest.mark.parametrize("port, wanted", [(None, None), (1, 1), (1113, 1113), (65535, 65535)])
def test_the_port(port, wanted):
    assert look(web_port=port).web_port == wanted


@pytest.mark.parametrize("port", [0, 65536, -1, True, "1113", 1113.0, [1113], {}])
def test_a_port_that_is_none(port):
    with pytest.raises(OptionsError, match=r"^webPort in /etc/swarm.yaml is .* from 1 to 65535"):
        assert look(web_port=port).web_port


NAS = {"source": "//nas/x", "path": "/x", "fstype": "cifs", "network": True}


@pytest.mark.parametrize(
    "facts, told",
    [
        ({}, None),
        ({"import_dir": "/var/lib/swarm/elsewhere"}, None),
        ({"import_dir": "/var/lib/swarm"}, None),
        ({"import_dir": "/var/lib/swarm/../swarm/x"}, None),
        ({"import_dir": "/srv/builds", "import_dir_configured": False}, None),
        ({"import_mount": None}, None),
        ({"import_dir": None, "import_mount": None, "import_dir_configured": False}, None),
        ({"import_dir": "/srv/builds"}, "vrayImportDir in its swarm.yaml points to /srv/builds"),
        ({"import_dir": "/var/lib/swarm2"}, "vrayImportDir"),
        ({"import_dir": "/var/lib/swarm/../other"}, "vrayImportDir"),
        ({"data_dir": None}, None),
        ({"data_dir": None, "import_dir": "/srv/builds"}, "give data_dir"),
        ({"import_dir": "\\\\nas\\builds"}, "vrayImportDir"),
        ({"import_mount": NAS}, "/var/lib/swarm/VRay/import lies on the cifs mount //nas/x"),
    ],
)
def test_whether_others_read_the_import_directory(facts, told):
    shared = look(**facts).shared
    assert shared is None if told is None else told in shared


@pytest.mark.parametrize(
    "facts, local",
    [
        ({}, True),
        ({"import_mount": None}, True),
        ({"import_dir": None}, True),
        ({"import_mount": NAS}, False),
        ({"import_dir": "\\\\nas\\builds"}, False),
        ({"import_dir": "//nas/builds"}, False),
    ],
)
def test_whether_the_import_directory_is_local(facts, local):
    assert look(**facts).import_is_local is local


# What was signed.


@pytest.fixture
def signed_share(tmp_path):
    """A share with two builds, one of which the peer has deployed."""
    share = tmp_path / "share"
    folder = share / "stable" / "Linux_x86"
    folder.mkdir(parents=True)
    for name in ("vray-6.20.10-e8197af2.tar", "vray-7.0.6-0a1b2c3d.tar", "vraystd.bin"):
        (folder / name).write_bytes(name.encode("ascii"))
    (folder / "folder").mkdir()
    (share / "SHA256SUMS").write_bytes(b"sums\r\n\xff")
    (share / "SHA256SUMS.asc").write_bytes(b"signature\n")
    return share


def look_at_signed(share, tmp_path, text="", details=DETAILS, share_signature=True, **options):
    options.setdefault("import_dir", str(share / "stable" / "{platform}"))
    data_dir = tmp_path / "data"
    (data_dir / "VRay" / "vray-6.20.10-e8197af2").mkdir(parents=True, exist_ok=True)
    config = config_of(tmp_path, text) if text is not None else None
    return look_at(
        str(data_dir),
        config,
        share_path=str(share),
        details=details,
        host_platform="Linux_x86",
        share_signature=share_signature,
        **options,
    )


def read(facts):
    return [item["name"] for item in facts["imports"] if item["sha256"]]


def test_what_was_signed_comes_byte_by_byte(signed_share, tmp_path):
    signed = look_at_signed(signed_share, tmp_path)["signed"]
    assert base64.b64decode(signed["sums"]) == b"sums\r\n\xff"
    assert base64.b64decode(signed["signature"]) == b"signature\n"
    assert signed["error"] is None
    # Only where somebody asks.
    facts = look_at_signed(signed_share, tmp_path, share_signature=False)
    assert facts["signed"] is None and read(facts) == []


def test_a_signature_that_is_missing_or_cannot_be_one(signed_share, tmp_path, monkeypatch):
    (signed_share / "SHA256SUMS.asc").unlink()
    facts = look_at_signed(signed_share, tmp_path)
    # Nothing is read in vain.
    assert facts["signed"]["signature"] is None and facts["signed"]["error"] is None and read(facts) == []
    (signed_share / "SHA256SUMS.asc").mkdir()
    assert "SHA256SUMS.asc could not be read" in look_at_signed(signed_share, tmp_path)["signed"]["error"]
    monkeypatch.setattr(_look, "_SUMS_LIMIT", 5)
    (signed_share / "SHA256SUMS.asc").rmdir()
    assert look_at_signed(signed_share, tmp_path)["signed"]["error"] == "SHA256SUMS is larger than 5 bytes."


def test_what_swarm_will_import_is_read_before(signed_share, tmp_path):
    """Once it reads there, it does not import again what it has; before that, it does."""
    all_of_them = ["vray-6.20.10-e8197af2.tar", "vray-7.0.6-0a1b2c3d.tar", "vraystd.bin"]
    folder = signed_share / "stable" / "Linux_x86"
    facts = look_at_signed(signed_share, tmp_path)
    assert read(facts) == all_of_them and facts["errors"] == {}
    assert facts["imports"][1]["sha256"] == hashlib.sha256(b"vray-6.20.10-e8197af2.tar").hexdigest()
    for text in (None, "vrayImportDir: /elsewhere\n"):
        assert read(look_at_signed(signed_share, tmp_path, text)) == all_of_them
    pointed = "vrayImportDir: %s/\n" % folder
    assert read(look_at_signed(signed_share, tmp_path, pointed)) == all_of_them[1:]
    without = [name for name in DETAILS if name != "import_checksums"]
    assert read(look_at_signed(signed_share, tmp_path, details=without)) == []
    # What lies elsewhere was not signed here.
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.tar").write_bytes(b"")
    assert read(look_at_signed(signed_share, tmp_path, import_dir=str(other))) == []


def test_a_file_that_cannot_be_read_is_not_taken_for_a_good_one(signed_share, tmp_path, monkeypatch):
    def hang(path):
        if path.endswith("bin"):
            threading.Event().wait()
        return "0"

    monkeypatch.setattr(_look, "sha256", hang)
    monkeypatch.setattr(_look, "_CHECKSUMS_LIMIT", 0.2)
    facts = look_at_signed(signed_share, tmp_path)
    assert "could not be read within 0.2 s" in facts["errors"]["import_checksums"] and read(facts) == []

    def fail(path):
        raise BuildError("%s: Input/output error" % path)

    monkeypatch.setattr(_look, "sha256", fail)
    assert "Input/output error" in look_at_signed(signed_share, tmp_path)["errors"]["import_checksums"]


def test_a_file_that_is_removed_meanwhile_is_none(signed_share, tmp_path, monkeypatch):
    def remove(path):
        if path.endswith("bin"):
            os.unlink(path)
            raise BuildError("gone")
        return "0"

    monkeypatch.setattr(_look, "sha256", remove)
    facts = look_at_signed(signed_share, tmp_path)
    assert facts["errors"] == {} and len(read(facts)) == 2


@pytest.mark.parametrize(
    "peer, is_own",
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("198.51.100.7", False),
        ("2001:db8::7", False),
        ("[2001:db8::7]", False),
    ],
)
def test_whether_an_address_is_one_of_this_host(peer, is_own):
    assert is_own_address(peer) is is_own


def test_a_zone_is_handed_to_the_system(looked_up):
    for peer in ("fe80::1%eth0", "fe80::1%25eth0", "[fe80::1%25eth0]", "[fe80::1]"):
        assert not is_own_address(peer)
    assert looked_up == ["fe80::1%eth0"] * 3 + ["fe80::1"]
