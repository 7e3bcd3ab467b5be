# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directories of a share, its lists, its lock and its staging directory."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import stat
import subprocess
import time

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _files, _share
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, ShareError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._share import (
    Share,
    amount,
    check_channel,
    check_name,
)

fork = multiprocessing.get_context("fork")
PATIENCE = 20


@pytest.fixture
def share(tmp_path, monkeypatch):
    monkeypatch.setattr(_share, "_FSTAB", str(tmp_path / "fstab"))
    return Share(str(tmp_path / "share"))


def entry(name, **fields):
    return dict({"file": name, "sha256": "0" * 64, "platform": "Linux_x86", "channel": "stable"}, **fields)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# Directories.


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_layout(share, tmp_path, umask):
    old = os.umask(umask)
    try:
        share.make(share.missing("stable", ["Linux_x86", "macOS_Arm64"]))
    finally:
        os.umask(old)
    found = sorted(os.path.relpath(folder, share.root) for folder, _folders, _files in os.walk(share.root))
    assert found == [".", ".staging", ".withdrawn", "stable", "stable/Linux_x86", "stable/macOS_Arm64"]
    assert {mode(os.path.join(share.root, name)) for name in (".", "stable", "stable/Linux_x86")} == {0o755}
    assert {mode(os.path.join(share.root, name)) for name in (".staging", ".withdrawn")} == {0o700}
    assert share.missing("stable", ["Linux_x86"]) == []


def test_the_mode_of_directories_that_are_there_is_left_alone(share):
    os.mkdir(share.root, 0o750)
    share.make(share.missing("stable", ["Linux_x86"]))
    assert mode(share.root) == 0o750


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_modes(share, monkeypatch, number):
    def refuse(descriptor, _mode):
        raise OSError(number, "no modes", descriptor)

    monkeypatch.setattr(os, "fchmod", refuse)
    share.make(share.missing("stable", ["Linux_x86"]))
    share.list([entry("a.tar")])
    assert share.is_listed([entry("a.tar")])


def test_nothing_is_ever_given_to_another_user(share, monkeypatch):
    for name in ("chown", "lchown", "fchown"):
        monkeypatch.setattr(os, name, lambda *_arguments: pytest.fail("chown"))
    share.make(share.missing("stable", ["Linux_x86"]))
    share.list([entry("a.tar")])


def test_a_file_in_the_way(share):
    os.mkdir(share.root)
    open(os.path.join(share.root, "stable"), "w").close()
    with pytest.raises(ShareError, match="stable is in the way: it is not a directory"):
        share.missing("stable", ["Linux_x86"])


def test_a_root_that_can_be_made(share):
    share.check_root()
    assert not os.path.exists(share.root)


def test_a_root_without_a_place(tmp_path):
    with pytest.raises(ShareError, match=r"Neither the root .* nor the directory above it"):
        Share(str(tmp_path / "no" / "share")).check_root()


def test_a_root_that_is_a_file(share, tmp_path):
    (tmp_path / "share").write_text("")
    with pytest.raises(ShareError, match="is not a directory"):
        share.check_root()


@pytest.mark.skipif(
    not os.path.exists("/proc/self/mountinfo"), reason="only Linux tells of its mounts without mount(8)"
)
@pytest.mark.parametrize("mount_point, refused", [("{}", True), ("{}/share", True), ("/", False), ("{}/sha", False)])
def test_nothing_is_written_below_a_mount_point_without_its_mount(share, tmp_path, mount_point, refused):
    (tmp_path / "fstab").write_text(
        "# a comment\n//nas/builds %s cifs ro,_netdev 0 0\nswap none swap sw 0 0\n" % mount_point.format(tmp_path)
    )
    if refused:
        with pytest.raises(ShareError, match=r"in .*fstab and not mounted"):
            share.check_root()
    else:
        share.check_root()


@pytest.mark.parametrize("channel", ["stable", "2026-q1", "a.b_c"])
def test_channels(channel):
    check_channel(channel)


@pytest.mark.parametrize(
    "channel", ["", ".", "..", "../x", "a/b", ".staging", "-x", "a\n", "SHA256SUMS", "SHA256SUMS.asc", "Linux_x86", "ä"]
)
def test_no_channels(channel):
    with pytest.raises(OptionsError, match="channel is "):
        check_channel(channel)


@pytest.mark.parametrize("name", ["vray-6.20.10-e8197af2.tar", "vraystd_adv_71000_rhel8_clang-gcc-11.2", "ä b.zip"])
def test_names(name):
    check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "a:b",
        "a\nb",
        "what?",
        "a.",
        "a ",
        "builds.json",
        "SHA256SUMS",
        "SHA256SUMS.asc",
        "\udcff",
    ],
)
def test_no_names(name):
    with pytest.raises(OptionsError, match="The file name "):
        check_name(name)


def test_no_directory_is_open_for_a_moment(share, monkeypatch):
    monkeypatch.setattr(_share, "_set_mode", lambda path, mode: None)
    old = os.umask(0)
    try:
        share.make(share.missing("stable", ["Linux_x86"]))
    finally:
        os.umask(old)
    assert {mode(share.root), mode(share.directory("stable", "Linux_x86"))} == {0o755}
    assert mode(share.staging) == 0o700


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_is_staged_is_private_and_what_is_listed_can_be_read(share, umask):
    old = os.umask(umask)
    try:
        share.list([entry("a.tar")])
        stage = share.make_stage()
    finally:
        os.umask(old)
    assert (mode(share.staging), mode(stage)) == (0o700, 0o700)
    assert [mode(os.path.join(share.root, name)) for name in ("builds.json", "SHA256SUMS")] == [0o644, 0o644]


# What somebody else put into the root of the share.


def leads_out(path, target):
    os.makedirs(target)
    os.symlink(target, path)


@pytest.mark.parametrize("name", [".staging", ".withdrawn"])
def test_a_link_to_somewhere_else_is_refused(share, tmp_path, name):
    os.mkdir(share.root)
    leads_out(os.path.join(share.root, name), str(tmp_path / "elsewhere"))
    os.chmod(str(tmp_path / "elsewhere"), 0o750)
    for attempt in (share.make_stage, lambda: share.missing("stable", ["Linux_x86"]), lambda: share.list([])):
        with pytest.raises(ShareError, match=r"%s is a link.* Remove it: a directory is made in its place" % name):
            attempt()
    with pytest.raises(ShareError, match="is a link"), share.locked():
        pytest.fail("locked")
    assert os.listdir(str(tmp_path / "elsewhere")) == []
    assert mode(str(tmp_path / "elsewhere")) == 0o750


@pytest.mark.parametrize("name", [".staging", ".withdrawn"])
@pytest.mark.parametrize("wrong", [0o750, 0o701, 0o1777])
def test_a_directory_that_others_can_enter_is_refused(share, name, wrong):
    share.make(share.missing("stable", ["Linux_x86"]))
    os.chmod(os.path.join(share.root, name), wrong)
    with pytest.raises(ShareError, match=r"%s belongs to user \d+ and has mode %04o: .* remove it" % (name, wrong)):
        share.make_stage()
    with pytest.raises(ShareError, match=name), share.locked():
        pytest.fail("locked")
    assert os.listdir(share.staging) == []


@pytest.mark.parametrize("name", [".staging", ".withdrawn"])
def test_a_directory_of_somebody_else_is_refused(share, monkeypatch, name):
    share.make(share.missing("stable", ["Linux_x86"]))
    look = os.lstat

    def of_another(path):
        found = look(path)
        if os.path.basename(path) != name:
            return found
        return os.stat_result([*found[:4], found.st_uid + 1, *found[5:]])

    monkeypatch.setattr(os, "lstat", of_another)
    with pytest.raises(ShareError, match="%s belongs to user %d " % (name, os.geteuid() + 1)):
        share.make_stage()
    assert os.listdir(share.staging) == []


def test_a_file_system_that_shows_all_as_open_and_of_another(share, monkeypatch):
    """As a mount does that knows no owners and modes, or a file server that takes root for nobody."""
    share.make(share.missing("stable", ["Linux_x86"]))

    def squashed(found):
        return os.stat_result([found.st_mode | 0o077, *found[1:4], 65534, *found[5:]])

    look, stat_of = os.lstat, os.stat
    monkeypatch.setattr(os, "lstat", lambda path, **more: squashed(look(path, **more)))
    monkeypatch.setattr(os, "stat", lambda path, **more: squashed(stat_of(path, **more)))
    share.list([entry("a.tar")])
    assert share.is_listed([entry("a.tar")])


def test_a_link_that_takes_the_place_of_a_directory_is_not_followed(share, tmp_path, monkeypatch):
    """It comes when the directory has just been made, or was not yet."""
    target, make = str(tmp_path / "secret"), os.makedirs
    make(target, 0o700)

    def other(path, *_arguments, **_more):
        if os.path.basename(path) == "stable":
            os.symlink(target, path)
        else:
            make(path)

    monkeypatch.setattr(os, "makedirs", other)
    with pytest.raises(OSError):
        share.make(share.missing("stable", ["Linux_x86"]))
    assert mode(target) == 0o700


# Lists.


def test_the_lists(share):
    share.make(share.missing("stable", ["Linux_x86"]))
    name = "ä b.tar"
    with open(os.path.join(share.directory("stable", "Linux_x86"), name), "wb") as file:
        file.write(b"x")
    entries = [entry("b.tar"), entry(name, sha256="2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")]
    share.list(entries)
    assert share.entries() == sorted(entries, key=lambda found: found["file"])
    assert share.is_listed(entries)
    assert sorted(os.listdir(share.root)) == [".staging", ".withdrawn", "SHA256SUMS", "builds.json", "stable"]
    assert os.listdir(share.staging) == []
    assert mode(os.path.join(share.root, "builds.json")) == 0o644
    if shutil.which("sha256sum"):
        done = subprocess.run(
            ["sha256sum", "--check", "SHA256SUMS"],
            cwd=share.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        assert "stable/Linux_x86/ä b.tar: OK" in done.stdout.decode("utf-8")


def test_no_list_yet(share):
    os.mkdir(share.root)
    assert share.entries() == []
    assert not share.is_listed([entry("a.tar")])


def test_a_list_of_sums_that_has_gone_is_noticed(share):
    os.mkdir(share.root)
    share.list([entry("a.tar")])
    os.unlink(os.path.join(share.root, "SHA256SUMS"))
    assert not share.is_listed([entry("a.tar")])


@pytest.mark.parametrize(
    "content", ["[", "{}", '["a"]', '[{"file": "a"}]', '[{"file": 1, "sha256": "", "platform": ""}]']
)
def test_a_damaged_list_is_not_written_over(share, tmp_path, content):
    os.mkdir(share.root)
    (tmp_path / "share" / "builds.json").write_text(content)
    with pytest.raises(ShareError, match=r"builds.json is .*Nothing was published. Correct it"):
        share.entries()


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "../../x"},
        {"file": "a\\nb"},
        {"file": "a\x1b[31m"},
        {"file": ".hidden"},
        {"channel": ".."},
        {"channel": "a/b"},
        {"platform": "../Linux_x86"},
        {"sha256": "0" * 63 + "\n"},
    ],
)
def test_a_list_names_no_file_outside_of_the_share(share, tmp_path, changes):
    """Each entry becomes a line of SHA256SUMS, which sha256sum opens."""
    os.mkdir(share.root)
    (tmp_path / "share" / "builds.json").write_text(json.dumps([entry("a.tar", **changes)]))
    with pytest.raises(ShareError, match=r"builds.json is not a list of builds.*Nothing was published"):
        share.entries()


def test_a_list_that_is_nested_too_deeply(share, tmp_path):
    os.mkdir(share.root)
    (tmp_path / "share" / "builds.json").write_text("[" * 200000)
    with pytest.raises(ShareError, match=r"builds.json is damaged"):
        share.entries()


def test_a_list_is_never_seen_half_written(share, tmp_path, monkeypatch):
    os.mkdir(share.root)
    share.list([entry("a.tar")])
    before = (tmp_path / "share" / "builds.json").read_bytes()

    def fail(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError):
        share.list([entry("a.tar"), entry("b.tar")])
    assert (tmp_path / "share" / "builds.json").read_bytes() == before
    assert os.listdir(share.staging) == []


def add(root, name, start):
    share = Share(root)
    start.wait(PATIENCE)
    with share.locked():
        share.list([*share.entries(), entry(name)])


def test_two_runs_at_once_lose_nothing(share, tmp_path):
    os.mkdir(share.root)
    start = fork.Barrier(8)
    runs = [fork.Process(target=add, args=(share.root, "%d.tar" % number, start)) for number in range(8)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(PATIENCE)
        assert run.exitcode == 0
    names = [found["file"] for found in json.loads((tmp_path / "share" / "builds.json").read_text())]
    assert names == ["%d.tar" % number for number in range(8)]


def test_a_lock_that_is_held_for_too_long(share, monkeypatch):
    os.mkdir(share.root)
    monkeypatch.setattr(_share, "_LOCK_SECONDS", 0.05)
    with share.locked(), pytest.raises(ShareError, match=r"has been locked by another run for 0.05 s"):
        with Share(share.root).locked():
            pytest.fail("locked twice")


def test_a_file_system_without_locks(share, monkeypatch):
    def refuse(_file, _operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    os.mkdir(share.root)
    monkeypatch.setattr(_files.fcntl, "flock", refuse)
    with pytest.raises(ShareError, match=r"cannot be locked: .* mount of the share supports locks"):
        with share.locked():
            pytest.fail("not locked")


# Staging.


def test_a_stage_is_removed_also_after_a_failure(share):
    os.mkdir(share.root)
    with pytest.raises(ValueError):
        with share.stage() as folder:
            assert os.path.dirname(folder) == share.staging
            assert mode(folder) == 0o700
            open(os.path.join(folder, "a.tar"), "w").close()
            raise ValueError
    assert os.listdir(share.staging) == []


def test_whether_a_file_is_staged(share):
    os.mkdir(share.root)
    folder = share.make_stage()
    assert share.stage_of(os.path.join(folder, "a.tar")) == folder
    for path in (folder, os.path.join(share.staging, "a.tar"), os.path.join(share.root, "publish-x", "a.tar"), "a.tar"):
        assert share.stage_of(path) is None


def test_what_a_killed_run_left_is_removed_a_day_later(share):
    os.mkdir(share.root)
    old, running, fresh = share.make_stage(), share.make_stage(), share.make_stage()
    for folder in (old, running):
        open(os.path.join(folder, "a.tar"), "w").close()
    ago = time.time() - 25 * 3600
    for path in (os.path.join(old, "a.tar"), old, running):
        os.utime(path, (ago, ago))
    new = share.make_stage()
    assert sorted(os.listdir(share.staging)) == sorted(os.path.basename(path) for path in (running, fresh, new))


@pytest.mark.parametrize("shift", [-400 * 86400, 400 * 86400])
def test_a_wrong_clock_removes_nothing_of_a_run_under_way(share, monkeypatch, shift):
    """The file server has the time of the files, and this host another one."""
    os.mkdir(share.root)
    running = share.make_stage()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    new = share.make_stage()
    assert sorted(os.listdir(share.staging)) == sorted(os.path.basename(path) for path in (running, new))


def test_there_must_be_room(share, monkeypatch):
    usage = shutil.disk_usage(os.path.dirname(share.root))
    monkeypatch.setattr(_share.shutil, "disk_usage", lambda path: usage._replace(free=1200000000))
    share.check_room(1200000000)
    with pytest.raises(ShareError, match=r"share has 1.2 GB free, 1.8 GB are needed"):
        share.check_room(1800000000)


def test_another_file_system_is_refused(share, tmp_path, monkeypatch):
    def refuse(_old, _new):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ShareError, match="are on different file systems"):
        with open(str(tmp_path / "a"), "wb") as staged:
            share.put(staged, "/x/stable/Linux_x86/a")


def test_amounts():
    assert [amount(size) for size in (0, 999999, 1000000, 458321016, 1800000000)] == [
        "0 bytes",
        "999999 bytes",
        "1.0 MB",
        "458.3 MB",
        "1.8 GB",
    ]
