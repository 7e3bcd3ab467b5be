# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A daemon of launchd, with a launchctl in PATH that answers as its man page and known outputs say. No Mac was here."""

from __future__ import annotations

import errno
import os
import plistlib
import subprocess
import sys

import pytest
from settings_task import change

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _service_control, _settings_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import Done
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service_control import (
    Launchd,
    ServiceError,
    control,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._written import unmarked

LABEL = "com.example.swarm"

# Each loaded job is a file in $LAUNCHD, with its state, its runs and its last exit code. $LAUNCHD-x are switches.
LAUNCHCTL = r"""#!/bin/sh
echo "$*" >> "$LAUNCHD-calls"
job=${2#system/}
case $1 in
bootstrap)
    job=$(basename "$3" .plist)
    if [ -e "$LAUNCHD-disabled" ]; then echo "Bootstrap failed: 119: Service is disabled" >&2; exit 119; fi
    if [ ! -e "$3" ]; then echo "Bootstrap failed: 5: Input/output error" >&2; exit 5; fi
    if [ -e "$LAUNCHD/$job" ]; then echo "Bootstrap failed: 37: Operation already in progress" >&2; exit 37; fi
    echo "not running 0 0" > "$LAUNCHD/$job" ;;
bootout)
    if [ ! -e "$LAUNCHD/$job" ]; then echo "Boot-out failed: 3: No such process" >&2; exit 3; fi
    if [ -e "$LAUNCHD-refuses" ]; then echo "Boot-out failed: 1: Operation not permitted" >&2; exit 1; fi
    if [ -e "$LAUNCHD-hangs" ]; then echo "Boot-out failed: 36: Operation now in progress" >&2; exit 36; fi
    rm "$LAUNCHD/$job" ;;
kickstart)
    if [ "$2" = -k ]; then job=${3#system/}; fi
    if [ ! -e "$LAUNCHD/$job" ]; then echo "Could not find service \"$job\" in domain for system" >&2; exit 113; fi
    if [ -e "$LAUNCHD-dies" ]; then echo "spawn scheduled 4 78" > "$LAUNCHD/$job"
    else echo "running 1 0" > "$LAUNCHD/$job"; fi ;;
enable) rm -f "$LAUNCHD-disabled" ;;
print)
    if [ ! -e "$LAUNCHD/$job" ]; then echo "Could not find service \"$job\" in domain for system" >&2; exit 113; fi
    read -r line < "$LAUNCHD/$job"
    code=${line##* } rest=${line% *}
    printf '%s = {\n\tactive count = 1\n\tpath = x\n\tstate = %s\n\n' "$2" "${rest% *}"
    printf '\truns = %s\n\tlast exit code = %s\n\tendpoints = {\n\t\tstate = active\n\t}\n}\n' "${rest##* }" "$code" ;;
*) exit 64 ;;
esac
"""


class FakeLaunchd:
    def __init__(self, folder):
        self.daemons, self.jobs, self.switches = folder / "LaunchDaemons", folder / "launchd", str(folder / "launchd")
        self.daemons.mkdir()
        self.jobs.mkdir()
        (self.daemons / f"{LABEL}.plist").write_bytes(plistlib.dumps({"Label": LABEL}))
        self.says("running 1 0")

    def says(self, line, label=LABEL):
        (self.jobs / label).write_text(line + "\n")

    def switch(self, name):
        with open(f"{self.switches}-{name}", "w"):
            pass

    @property
    def loaded(self):
        return sorted(os.listdir(str(self.jobs)))

    @property
    def calls(self):
        with open(f"{self.switches}-calls") as file:
            return [line.strip() for line in file if not line.startswith("print ")]

    def run(self, label):
        """Do what launchd does when the time of a job has come."""
        job = plistlib.loads((self.daemons / f"{label}.plist").read_bytes())
        self.says("running 1 0", label)
        done = subprocess.run(job["ProgramArguments"], stdout=subprocess.DEVNULL, timeout=60, check=False)
        return job, done.returncode


# What -h is for mv and ln of macOS, -T is for those of GNU.
LIKE_BSD = """#!/bin/sh
options=$1; shift
PATH=${PATH#*:} exec %s "${options%%h*}T${options#*h}" "$@"
"""


@pytest.fixture
def launchd(tmp_path, monkeypatch):
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name, text in (
        ("launchctl", LAUNCHCTL),
        ("mv", LIKE_BSD % "mv"),
        ("ln", LIKE_BSD % "ln"),
        ("sleep", "#!/bin/sh\n[ ! -e $LAUNCHD-idle ] || : > $LAUNCHD-renders\n"),
        ("ps", "#!/bin/sh\necho /sbin/launchd\n[ -e $LAUNCHD-renders ] || echo '/data dir/VRay/vray-1/bin/vray'\n"),
    ):
        (bin_dir / name).write_text(text)
        (bin_dir / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")
    fake = FakeLaunchd(tmp_path)
    monkeypatch.setenv("LAUNCHD", str(fake.jobs))
    monkeypatch.setattr(_service_control, "_DAEMONS", str(fake.daemons))
    monkeypatch.setattr(_service_control, "_POLL", 0.01)
    monkeypatch.setattr(sys, "platform", "darwin")
    return fake


@pytest.mark.parametrize(
    "line, running, hopeless, text, restarts",
    [
        ("running 1 0", True, False, "running", 0),
        ("running 5 1", True, True, "running", 4),
        ("not running 1 78", False, True, "not running, status 78", 0),
        ("spawn scheduled 2 78", False, False, "spawn scheduled, status 78", 1),
        ("spawn scheduled 4 78", False, True, "spawn scheduled, status 78", 3),
    ],
)
def test_what_it_says(launchd, line, running, hopeless, text, restarts):
    launchd.says(line)
    assert control(LABEL).state() == (running, hopeless, text, restarts)


def test_a_daemon_that_is_not_loaded(launchd):
    (launchd.jobs / LABEL).unlink()
    assert control(LABEL).state() == (False, True, "not loaded", 0)
    # The name of its file is a convention.
    (launchd.daemons / f"{LABEL}.plist").rename(launchd.daemons / "swarm.plist")
    (launchd.daemons / "broken.plist").write_bytes(b"{")
    assert control(LABEL).state().text == "not loaded"
    (launchd.daemons / "swarm.plist").unlink()
    with pytest.raises(OptionsError, match=f"launchd does not know the service {LABEL}"):
        control(LABEL).state()


def test_a_stop_unloads_it_and_a_start_loads_it(launchd):
    service = control(LABEL)
    service.stop(5)
    assert launchd.loaded == []
    service.start(5)
    assert service.state().running
    assert launchd.calls == [
        f"bootout system/{LABEL}",
        f"bootout system/{LABEL}",
        f"bootstrap system {launchd.daemons}/{LABEL}.plist",
        f"kickstart system/{LABEL}",
    ]
    # One that runs is left alone.
    service.start(5)
    assert len(launchd.calls) == 4


def test_a_start_of_one_that_died_counts_its_runs_anew(launchd):
    launchd.says("not running 40 1")
    control(LABEL).start(5)
    assert control(LABEL).state() == (True, False, "running", 0)


def test_one_that_was_disabled_meanwhile(launchd):
    launchd.switch("disabled")
    control(LABEL).stop(5)
    control(LABEL).start(5)
    assert control(LABEL).state().running
    assert f"enable system/{LABEL}" in launchd.calls


def test_a_stop_that_hangs_is_bounded(launchd):
    launchd.switch("hangs")
    with pytest.raises(ServiceError, match=r"did not stop: 0.1 s were not enough; launchd says running"):
        control(LABEL).stop(0.1)


def test_a_stop_that_is_refused(launchd):
    launchd.switch("refuses")
    with pytest.raises(ServiceError, match="did not stop: Boot-out failed: 1: Operation not permitted"):
        control(LABEL).stop(60)


def test_a_start_that_fails(launchd):
    control(LABEL).stop(5)
    (launchd.daemons / f"{LABEL}.plist").rename(launchd.daemons / "other.plist")
    (launchd.daemons / "other.plist").write_bytes(plistlib.dumps({"Label": "other"}))
    with pytest.raises(OptionsError, match="does not know"):
        control(LABEL).start(5)


@pytest.fixture
def files(tmp_path):
    config, saved = tmp_path / "it's swarm.yaml", tmp_path / ".saved"
    config.write_text("new")
    saved.write_text("old")
    return config, saved


def arm(files, is_new=False):
    control(LABEL).arm(600, str(files[0]), str(files[1]), is_new)
    return Launchd(LABEL).rescue


def test_the_rescue_starts_what_is_down_with_its_old_settings(launchd, files):
    rescue = arm(files)
    control(LABEL).stop(5)
    assert launchd.loaded == [rescue]
    job, status = launchd.run(rescue)
    assert (job["StartInterval"], job["RunAtLoad"], status) == (600, False, 0)
    assert control(LABEL).state().running
    assert files[0].read_text() == "old" and not files[1].exists()
    # It removed itself.
    assert launchd.loaded == [LABEL]
    assert sorted(os.listdir(str(launchd.daemons))) == [f"{LABEL}.plist"]


def test_the_rescue_leaves_what_runs_alone(launchd, files):
    launchd.run(arm(files))
    assert files[0].read_text() == "new" and not files[1].exists()
    assert launchd.loaded == [LABEL]
    assert not any("kickstart" in call for call in launchd.calls)


def test_the_rescue_sets_a_file_aside_that_is_new(launchd, files):
    files[1].unlink()
    rescue = arm(files, is_new=True)
    control(LABEL).stop(5)
    launchd.run(rescue)
    assert not files[0].exists() and control(LABEL).state().running


def owned(owner):
    service = control(LABEL)
    service.owner = owner
    return service


def test_a_task_keeps_the_rescue_of_another_one(launchd, files):
    """The second task stops Swarm while the first one is about to end."""
    paths = (str(files[0]), str(files[1]))
    rescue = Launchd(LABEL).rescue
    owned("one").arm(600, *paths, False)
    owned("two").arm(600, *paths, False)
    assert owned("one").disarm() is False
    assert rescue in launchd.loaded and (launchd.daemons / f"{rescue}.plist").exists()
    assert owned("two").disarm() is True
    assert launchd.loaded == [LABEL]


@pytest.mark.parametrize("fault", ["disabled", "disk full"])
def test_a_task_that_can_set_no_timer_leaves_the_one_of_another(launchd, files, monkeypatch, fault):
    paths = (str(files[0]), str(files[1]))
    rescue = Launchd(LABEL).rescue
    owned("one").arm(600, *paths, False)
    if fault == "disabled":
        run, seen = _service_control.run_command, []

        def refuses_once(*argv, **options):
            if argv[1] == "bootstrap" and not seen:
                seen.append(argv)
                return Done(119, "", "Bootstrap failed: 119: Service is disabled")
            return run(*argv, **options)

        monkeypatch.setattr(_service_control, "run_command", refuses_once)
    else:
        monkeypatch.setattr(plistlib, "dump", full)
    with pytest.raises(ServiceError, match=r"could not be set .*, so it was not stopped"):
        owned("two").arm(600, *paths, False)
    assert launchd.loaded == [LABEL, rescue]
    assert sorted(os.listdir(str(launchd.daemons))) == [f"{LABEL}.plist", f"{rescue}.plist"]
    assert owned("one").disarm() is True and launchd.loaded == [LABEL]


def full(*_arguments, **_more):
    raise OSError(errno.ENOSPC, "No space left on device")


# Of a change that is to be taken back: the calls of launchctl.
PHASES = 18


class Killed(BaseException):
    """The connection, and the module with it, is no more."""


@pytest.fixture
def config(files, tmp_path, monkeypatch):
    monkeypatch.setattr(_settings_host, "_LOCK", str(tmp_path / "lock"))
    files[1].unlink()
    return files[0]


def beside(config):
    """What is left of the task; what the host took back is kept on purpose."""
    return [path.name for path in config.parent.glob(".*vray_swarm-*")]


@pytest.mark.parametrize("revert_after", [0, 60])
@pytest.mark.parametrize("phase", range(PHASES))
def test_a_task_that_is_killed_leaves_nobody_down(launchd, files, config, monkeypatch, phase, revert_after):
    """Before whichever call of launchctl: Swarm runs then, by itself or when the time of the timers has come."""
    run, calls = _service_control.run_command, []

    def counted(*argv, **options):
        if len(calls) == phase:
            raise Killed
        calls.append(argv)
        return run(*argv, **options)

    monkeypatch.setattr(_service_control, "run_command", counted)
    try:
        # Else it has ended by then.
        change(files[0], LABEL, revert_after=revert_after)
    except Killed:
        pass
    monkeypatch.setattr(_service_control, "run_command", run)
    for timer in (Launchd(LABEL).rescue, Launchd(LABEL).revert):
        # One that is not loaded is, when the host starts again.
        if (launchd.daemons / f"{timer}.plist").exists():
            launchd.run(timer)
    assert control(LABEL).state().running
    assert launchd.loaded == [LABEL] and os.listdir(str(launchd.daemons)) == [f"{LABEL}.plist"]
    # What the file said is there also where nothing was changed yet.
    assert beside(config) in ([], [f".{config.name}.vray_swarm-revert"])
    assert config.read_bytes() in ((b"new", b"newer") if not revert_after else (b"new",))


def test_all_phases_are_tried(launchd, files, config, monkeypatch):
    run, calls = _service_control.run_command, []
    monkeypatch.setattr(_service_control, "run_command", lambda *argv, **more: calls.append(argv) or run(*argv, **more))
    assert change(files[0], LABEL, revert_after=60)["confirmed"]
    assert len(calls) == PHASES, calls


def test_a_full_disk_leaves_the_file_and_a_swarm_that_runs(launchd, files, config, monkeypatch):
    replace = os.replace
    monkeypatch.setattr(
        _settings_host.os, "replace", lambda old, new: full() if new == str(config) else replace(old, new)
    )
    undone = change(files[0], LABEL)["undone"]
    assert "No space left on device" in undone["reason"] and not undone["restored"]
    assert config.read_bytes() == b"new" and control(LABEL).state().running
    assert launchd.loaded == [LABEL] and beside(config) == []


def test_what_the_rescue_threw_away_comes_back_all_the_same(launchd, files, config, monkeypatch):
    """It runs, and does not answer, when the time of the rescue comes."""
    monkeypatch.setattr(_settings_host.SettingsHost, "_wait", lambda *_: launchd.run(Launchd(LABEL).rescue) and "why")
    undone = change(files[0], LABEL, ask=True)["undone"]
    assert (undone["reason"], undone["restored"], undone["trouble"]) == ("why", True, "")
    assert config.read_bytes() == b"new" and control(LABEL).state().running
    assert launchd.loaded == [LABEL] and beside(config) == []


def test_a_rescue_that_is_not_needed(launchd, files):
    arm(files)
    # As after a run that died.
    arm(files)
    control(LABEL).disarm()
    control(LABEL).disarm()
    assert launchd.loaded == [LABEL]
    assert sorted(os.listdir(str(launchd.daemons))) == [f"{LABEL}.plist"]


def test_without_a_rescue_nothing_is_stopped(launchd, files, monkeypatch):
    launchd.switch("disabled")
    with pytest.raises(ServiceError, match=r"could not be set .*119.*, so it was not stopped"):
        arm(files)
    assert os.listdir(str(launchd.daemons)) == [f"{LABEL}.plist"]
    monkeypatch.setattr(_service_control, "_DAEMONS", "/nonexistent")
    with pytest.raises(ServiceError, match="No such file"):
        arm(files)


def test_a_change_that_is_taken_back(launchd, files):
    """The file at once, the restart when the render has ended."""
    control(LABEL).arm_revert(60, str(files[0]), str(files[1]), ["/data dir/VRay/vray-"])
    launchd.switch("idle")
    launchd.run(Launchd(LABEL).revert)
    assert os.path.exists(f"{launchd.switches}-renders")
    assert files[0].read_text() == "old" and not files[1].exists()
    assert (files[0].parent / f"{files[0].name}.reverted~").read_text() == "new"
    assert f"kickstart -k system/{LABEL}" in launchd.calls
    assert launchd.loaded == [LABEL]


def test_nothing_is_taken_back_any_more(launchd, files):
    control(LABEL).arm_revert(60, str(files[0]), str(files[1]), [])
    control(LABEL).end_revert()
    assert launchd.loaded == [LABEL]
    assert sorted(os.listdir(str(launchd.daemons))) == [f"{LABEL}.plist"]


def test_what_it_wrote(launchd, tmp_path):
    assert control(LABEL).log() == ""
    log = tmp_path / "log"
    log.write_text("a\nbad port\nbad port\n")
    plist = {"Label": LABEL, "StandardErrorPath": str(tmp_path / "none"), "StandardOutPath": str(log)}
    (launchd.daemons / f"{LABEL}.plist").write_bytes(plistlib.dumps(plist))
    assert unmarked(control(LABEL).log(), str) == "a / bad port"


def test_nobody_else_can_write_what_root_will_run(launchd, monkeypatch):
    seen = []
    dump = plistlib.dump
    monkeypatch.setattr(
        plistlib, "dump", lambda job, file, **_more: seen.append(os.fstat(file.fileno())) or dump(job, file)
    )
    old = os.umask(0)
    try:
        control(LABEL).arm(600, "/etc/swarm.yaml", "/etc/.swarm.yaml.saved", False)
    finally:
        os.umask(old)
    assert [status.st_mode & 0o777 for status in seen] == [0o644]
