# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps on the host, with a systemctl that keeps its state in files. The real one is in the lab."""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _mounts, _service_control, _settings_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import Done
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, SettingsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service_control import (
    ServiceError,
    Systemd,
    control,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_host import (
    SettingsHost,
    check_options,
    sha256,
)

OLD = b"webPort: 1113\n"
NEW = b"webPort: 1999\n"


class FakeSystemd:
    """What systemctl, systemd-run and journalctl say. A service with content in ``refuses`` does not run."""

    def __init__(self, config):
        self.config = config
        self.active = "active"
        self.load = "loaded"
        self.refuses = set()
        self.stop_hangs = False
        self.timer_fails = ""
        # What another task's job takes the place of: the verb and the unit.
        self.canceled = ("", "")
        self.during_stop = lambda: None
        self.timer = self.revert = None
        self.calls = []

    def run(self, *argv, **options):
        self.calls.append(" ".join(argv[:2]))
        verb, unit = self.canceled
        if argv[1] == verb and argv[-1].startswith(unit):
            self.canceled = ("", "")
            return Done(1, "", f"Job for {argv[-1]} canceled.")
        return getattr(self, (argv[1] if argv[0] == "systemctl" else argv[0]).replace("-", "_"))(argv, options)

    def show(self, argv, options):
        return Done(
            0, f"LoadState={self.load}\nActiveState={self.active}\nSubState=x\nResult=success\nNRestarts=0\n", ""
        )

    def stop(self, argv, options):
        if argv[-1].startswith("vray-swarm-rescue-"):
            self.timer = None
        elif argv[-1].startswith("vray-swarm-revert-"):
            self.revert = None
        elif self.stop_hangs:
            self.active = "deactivating"
            return Done(None, "", f"systemctl did not end within {options['seconds']:g} s")
        else:
            self.active = "inactive"
            self.during_stop()
        return Done(0, "", "")

    def start(self, argv, options):
        if "--no-block" in argv:
            return Done(0, "", "")
        content = self.config.read_bytes() if self.config.exists() else None
        self.active = "failed" if content in self.refuses else "active"
        return Done(1 if self.active == "failed" else 0, "", "")

    def reset_failed(self, argv, options):
        return Done(0, "", "")

    def systemd_run(self, argv, options):
        if self.timer_fails:
            return Done(1, "", self.timer_fails)
        name = "timer" if "rescue" in argv[1] else "revert"
        assert getattr(self, name) is None
        setattr(self, name, argv)
        return Done(0, "", "")

    def journalctl(self, argv, options):
        return Done(0, "bad port\nbad port\n", "")


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "swarm.yaml"
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


@pytest.fixture(autouse=True)
def units(tmp_path_factory, monkeypatch):
    """Nothing here is to change the host of the tests."""
    folder = tmp_path_factory.mktemp("units")
    monkeypatch.setattr(_service_control, "_UNITS", str(folder))
    monkeypatch.setattr(_settings_host, "_LOCK", str(folder / "lock"))
    return folder


@pytest.fixture
def systemd(config, monkeypatch):
    fake = FakeSystemd(config)
    monkeypatch.setattr(_service_control, "run_command", fake.run)
    monkeypatch.setattr(_service_control, "_SYSTEMD_BOOTED", str(config.parent))
    return fake


def host(config, **params):
    usual = {
        "path": str(config),
        "backup": False,
        "service": "swarm",
        "start_timeout": 5,
        "stop_timeout": 3,
        "rescue_after": 600,
        "peer": None,
        "connect_timeout": 1,
        "web_port": 1113,
        "data_dir": None,
        "revert_after": 0,
    }
    return SettingsHost(dict(usual, **params))


def encode(content):
    return base64.b64encode(content).decode("ascii")


STEP = {
    "was_running": True,
    "ask": False,
    "stopped": False,
    "absent_builds": [],
    "web_port": 1,
    "allow_executables": None,
    "pending": False,
    "revert": None,
}


def apply(config, content=NEW, old=OLD, params=None, **values):
    step = dict(STEP, do="apply", sha256=sha256(old), content=content and encode(content), **values)
    return host(config, **params or {}).run(step)


def look(config, **params):
    return host(config, **params).run({"do": "look", "absent_builds": [], "ask": False})


def write(config, old, **params):
    return host(config, **dict(params, service=None)).run(
        {"do": "write", "sha256": sha256(old), "content": encode(NEW), "revert": None}
    )


def confirm(config, revert=None, **params):
    return host(config, **params).run({"do": "confirm", "revert": revert})


def files(config):
    return sorted(os.listdir(str(config.parent)))


def test_a_look(config, systemd):
    found = look(config)
    assert base64.b64decode(found["content"]) == OLD
    assert found["state"]["running"] is True
    assert found["obstacle"] is None
    assert not any(call.split()[1] in ("stop", "start") for call in systemd.calls)


def test_a_file_that_is_not_there(config, tmp_path):
    config.unlink()
    assert look(config, service=None)["content"] is None
    with pytest.raises(SettingsError, match="nor is its directory"):
        look(tmp_path / "no" / "swarm.yaml", service=None)
    with pytest.raises(SettingsError, match="is no file"):
        look(tmp_path, service=None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_write_keeps_owner_and_mode(config):
    os.chown(str(config), 1234, 4321)
    inode = config.stat().st_ino
    done = write(config, OLD, backup=True)
    status = config.stat()
    assert config.read_bytes() == NEW
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o640)
    # It is another file: a reader has the old one or the new one, never a part.
    assert status.st_ino != inode
    with open(done["backup_file"], "rb") as file:
        assert file.read() == OLD
    assert len(files(config)) == 2


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_are_the_same_whatever_the_umask_is(config, umask):
    old = os.umask(umask)
    try:
        made = host(config, service=None)
        made._read()
        made._put(OLD, made.saved)
        made._put(OLD, made.old)
        done = write(config, OLD, backup=True)
    finally:
        os.umask(old)
    for path in (config, made.saved, made.old, done["backup_file"]):
        assert stat.S_IMODE(os.stat(str(path)).st_mode) == 0o640, path


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_new_file_can_be_read_by_swarm_and_written_by_nobody_else(config, umask):
    config.unlink()
    old = os.umask(umask)
    try:
        write(config, None)
    finally:
        os.umask(old)
    assert stat.S_IMODE(config.stat().st_mode) == 0o644


def test_what_is_being_written_is_private(config, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append(stat.S_IMODE(os.fstat(handle).st_mode)))
    old = os.umask(0)
    try:
        write(config, OLD)
    finally:
        os.umask(old)
    assert seen[0] == 0o600


def test_a_file_that_somebody_else_changed_meanwhile(config):
    assert "was changed by somebody else just now. Nothing was written" in write(config, b"x")["moved"]
    assert config.read_bytes() == OLD


def test_a_failed_write_leaves_the_old_file(config, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_settings_host.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write(config, OLD)
    assert config.read_bytes() == OLD
    assert files(config) == ["swarm.yaml"]


def test_a_transaction(config, systemd):
    done = apply(config)
    assert done["undone"] is None
    assert config.read_bytes() == NEW
    # Until it is confirmed, there is a way back, with the host itself to take it.
    assert systemd.timer is not None
    assert "--on-active=600" in systemd.timer
    assert (config.parent / ".swarm.yaml.vray_swarm-saved").read_bytes() == OLD
    order = [call for call in systemd.calls if "show" not in call and "reset" not in call]
    # What waits to restart Swarm by itself is ended before the start.
    assert order.pop(-2) == "systemctl stop"
    assert order[-3:] == ["systemd-run --unit=vray-swarm-rescue-swarm-service", "systemctl stop", "systemctl start"]
    assert confirm(config) == {"confirmed": True}
    assert systemd.timer is None
    assert files(config) == ["swarm.yaml"]


def test_what_was_started_and_ended_is_not_confirmed(config, systemd):
    apply(config)
    systemd.active = "failed"
    found = confirm(config)
    assert (found["confirmed"], found["log"]) == (False, "\x02bad port\x03")
    assert systemd.timer is not None


def test_settings_with_which_it_does_not_start(config, systemd):
    systemd.refuses = {NEW}
    done = apply(config)
    assert done["undone"]["trouble"] == ""
    assert (
        done["undone"]["reason"] == "swarm.service did not start: systemd says failed (x); it wrote: \x02bad port\x03"
    )
    assert config.read_bytes() == OLD
    assert (systemd.active, systemd.timer) == ("active", None)
    assert files(config) == ["swarm.yaml"]


def test_a_new_file_with_which_it_does_not_start(config, systemd):
    config.unlink()
    systemd.refuses = {NEW}
    assert apply(config, old=None)["undone"]["trouble"] == ""
    assert files(config) == []


def test_it_does_not_start_with_the_old_settings_either(config, systemd):
    systemd.refuses = {NEW, OLD}
    done = apply(config)
    assert "did not start" in done["undone"]["trouble"]
    assert config.read_bytes() == OLD
    # The host tries again by itself.
    assert systemd.timer is not None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("a bug")])
def test_a_failed_write_starts_it_again(config, systemd, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(SettingsHost, "_write", fail)
    done = apply(config)
    assert str(error) in done["undone"]["reason"]
    assert (systemd.active, systemd.timer, config.read_bytes()) == ("active", None, OLD)


def busy_file(monkeypatch, config, sources):
    """As with a file that is a mount point: nothing takes its place."""
    replace = os.replace

    def fail(source, target):
        if target == str(config) and sources in source:
            raise OSError(errno.EBUSY, "Device or resource busy", target)
        replace(source, target)

    monkeypatch.setattr(_settings_host.os, "replace", fail)


def test_a_file_that_cannot_be_replaced(config, systemd, monkeypatch):
    busy_file(monkeypatch, config, "")
    undone = apply(config)["undone"]
    assert "Device or resource busy" in undone["reason"]
    assert (undone["trouble"], undone["restored"]) == ("", False)
    assert (systemd.active, systemd.timer, config.read_bytes()) == ("active", None, OLD)
    assert os.listdir(str(config.parent)) == ["swarm.yaml"]


def test_settings_that_cannot_be_put_back_leave_nobody_down(config, systemd, monkeypatch):
    busy_file(monkeypatch, config, "-saved")
    systemd.refuses = {NEW}
    undone = apply(config)["undone"]
    assert "Device or resource busy" in undone["trouble"] and "did not start" in undone["trouble"]
    # It was tried, and the host goes on to.
    assert systemd.calls.count("systemctl start") == 2
    assert systemd.timer is not None


def test_what_another_task_wrote_is_not_confirmed(config, systemd):
    apply(config)
    config.write_bytes(b"x: 1\n")
    found = host(config).run({"do": "confirm", "revert": None, "content": encode(NEW)})
    assert found == {"confirmed": True, "moved": True, "content": encode(b"x: 1\n")}
    # The other one needs the way back.
    assert systemd.timer is not None and len(os.listdir(str(config.parent))) == 2


@pytest.mark.parametrize("saved, is_over", [(OLD, True), (b"x: 2\n", False)])
def test_the_way_back_ends_with_the_task_that_made_it(config, systemd, saved, is_over):
    """Somebody wrote the file as well, and it is right: a restart of the host may not put back what was before."""
    apply(config)
    config.write_bytes(NEW + b"# Swarm\n")
    assert host(config).run({"do": "confirm", "revert": None, "saved": sha256(saved)}) == {"confirmed": True}
    assert (systemd.timer is None) == is_over and (len(os.listdir(str(config.parent))) == 1) == is_over


def test_what_another_task_wrote_is_not_undone(config, systemd):
    apply(config)
    config.write_bytes(b"x: 1\n")
    undone = apply(config, stopped=True)["undone"]
    assert "again and again" in undone["reason"] and undone["restored"] is False
    assert (systemd.active, config.read_bytes()) == ("active", b"x: 1\n")


UNDO = {
    "do": "undo",
    "sha256": sha256(OLD),
    "before": encode(OLD),
    "content": encode(NEW),
    "reason": "x",
    "pending": False,
    "wrote": True,
}


@pytest.mark.parametrize("saved", [None, NEW], ids=["it has ended", "it is at work"])
@pytest.mark.parametrize("was_running", [True, False])
def test_what_another_task_wrote_since_is_not_put_back(config, systemd, was_running, saved):
    """This one wrote, started Swarm, and waits for its answer, which does not come."""
    apply(config, was_running=was_running)
    kept = config.parent / ".swarm.yaml.vray_swarm-saved"
    kept.unlink()
    if saved:
        kept.write_bytes(saved)
    config.write_bytes(b"x: 1\n")
    left, timer = files(config), systemd.timer
    undone = host(config).run(UNDO)["undone"]
    assert (undone["moved"], undone["restored"], undone["kept"], undone["trouble"]) == (True, False, None, "")
    assert (systemd.active, config.read_bytes()) == ("active", b"x: 1\n")
    # Nor does this one take the other one's way back.
    assert (files(config), systemd.timer) == (left, timer)


def test_what_swarm_made_of_the_file_is_set_aside(config, systemd):
    """No other task: it would have kept what it found. So a Swarm that does not run gets its old settings back."""
    apply(config)
    config.write_bytes(NEW + b"# Swarm\n")
    undone = host(config).run(UNDO)["undone"]
    aside = config.parent / "swarm.yaml.reverted~"
    assert (undone["moved"], undone["restored"], undone["kept"]) == (False, True, str(aside))
    assert (config.read_bytes(), aside.read_bytes()) == (OLD, NEW + b"# Swarm\n")
    assert systemd.active == "active" and systemd.timer is None


@pytest.mark.parametrize("kept", [True, False])
def test_what_cannot_be_copied_aside_gets_another_name(config, systemd, monkeypatch, kept):
    apply(config)
    config.write_bytes(b"x: 1\n")
    replace = os.replace

    def full(*_arguments, **_keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    monkeypatch.setattr(os, "replace", lambda old, new: replace(old, new) if kept or "~" not in str(new) else full())
    undone = host(config).run(UNDO)["undone"]
    aside = config.parent / "swarm.yaml.reverted~"
    assert (undone["restored"], undone["kept"]) == (True, str(aside) if kept else "")
    assert (systemd.active, config.read_bytes()) == ("active", OLD)
    assert not kept or aside.read_bytes() == b"x: 1\n"


def test_a_file_that_cannot_be_put_back_is_told(config, systemd, monkeypatch):
    apply(config)

    def busy(*_names):
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(os, "replace", busy)
    undone = host(config).run(UNDO)["undone"]
    assert (undone["restored"], undone["moved"], undone["stuck"]) == (False, False, True) and "busy" in undone[
        "trouble"
    ]
    # The host tries again.
    assert systemd.active == "active" and systemd.timer is not None


@pytest.mark.parametrize("is_swarms", [False, True])
def test_a_file_that_is_not_there_any_more_comes_back(config, systemd, is_swarms):
    if is_swarms:
        if os.geteuid() != 0:
            pytest.skip("only root can give a file away")
        os.chown(str(config), 12345, 12345)
    apply(config)
    config.unlink()
    undone = host(config).run(UNDO)["undone"]
    assert (undone["moved"], undone["restored"], undone["trouble"]) == (False, True, "")
    assert (systemd.active, config.read_bytes()) == ("active", OLD)


def rescue(systemd):
    """The time of the rescue has come, and it finds a service that runs."""
    with contextlib.suppress(FileNotFoundError):
        kept_file(systemd.config).unlink()
    systemd.timer = None


def kept_file(config):
    return config.parent / ".swarm.yaml.vray_swarm-saved"


@pytest.mark.parametrize("asks", ["peer", "controller"])
def test_what_the_rescue_threw_away_comes_back_all_the_same(config, systemd, monkeypatch, asks):
    """Swarm was slow to start, and runs, but does not answer; the rescue comes before that is told."""
    if os.geteuid() == 0:
        os.chown(str(config), 1234, 4321)
    usual = config.stat()

    def why(*_arguments):
        rescue(systemd)
        # In which the time of the new one begins.
        systemd.during_stop = lambda: stops.append((systemd.timer is not None, kept_file(config).read_bytes()))
        return "connection refused (after 5 s)"

    stops = []
    monkeypatch.setattr(SettingsHost, "_wait", why)
    undone = apply(config, ask=asks == "peer")["undone"]
    if asks == "controller":
        assert undone is None
        undone = host(config).run(dict(UNDO, reason=why()))["undone"]
    assert (undone["restored"], undone["moved"], undone["stuck"], undone["trouble"]) == (True, False, False, "")
    assert undone["reason"] == "connection refused (after 5 s)"
    # Whoever dies while Swarm is stopped once more leaves it to the host.
    assert stops == [(True, OLD)]
    status = config.stat()
    assert (config.read_bytes(), status.st_uid, status.st_mode) == (OLD, usual.st_uid, usual.st_mode)
    assert (systemd.active, systemd.timer, files(config)) == ("active", None, ["swarm.yaml"])


def test_a_rescue_that_comes_while_the_change_is_taken_back(config, systemd):
    apply(config)
    systemd.during_stop = lambda: rescue(systemd)
    undone = host(config).run(UNDO)["undone"]
    assert (undone["restored"], undone["trouble"], config.read_bytes()) == (True, "", OLD)
    assert (systemd.active, files(config)) == ("active", ["swarm.yaml"])


def test_a_rescue_that_cannot_be_set_anew_keeps_nothing_from_coming_back(config, systemd):
    apply(config)
    rescue(systemd)
    systemd.timer_fails = "Access denied"
    undone = host(config).run(UNDO)["undone"]
    assert (undone["restored"], undone["trouble"], config.read_bytes()) == (True, "", OLD)


def test_what_the_rescue_has_put_back_is_not_called_unchanged(config, systemd):
    """It found a Swarm that did not run."""
    apply(config)
    os.replace(str(kept_file(config)), str(config))
    undone = host(config).run(UNDO)["undone"]
    assert (undone["restored"], undone["moved"], undone["stuck"], undone["trouble"]) == (True, False, False, "")
    assert (systemd.active, config.read_bytes()) == ("active", OLD)


@pytest.mark.parametrize("is_gone", [True, False])
def test_what_cannot_come_back_is_not_called_unchanged(config, systemd, monkeypatch, is_gone):
    def full(*_arguments, **_keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    apply(config)
    rescue(systemd)
    config.unlink() if is_gone else monkeypatch.setattr(tempfile, "mkstemp", full)
    undone = host(config).run(UNDO)["undone"]
    says = "swarm.yaml is gone, and what was kept of it as well" if is_gone else "No space left on device"
    assert says in undone["trouble"]
    assert (undone["restored"], undone["moved"], undone["stuck"]) == (False, False, True)
    # Whose it was, and who may read it, is not known any more.
    assert files(config) == ([] if is_gone else ["swarm.yaml"]) and (is_gone or config.read_bytes() == NEW)
    assert systemd.active == "active"


def test_a_file_that_changes_while_it_stops(config, systemd):
    systemd.during_stop = lambda: config.write_bytes(b"x: 1\n")
    done = apply(config)
    assert done["moved"] is True
    assert base64.b64decode(done["content"]) == b"x: 1\n"
    assert systemd.active == "inactive"
    assert apply(config, old=b"x: 1\n", stopped=True)["undone"] is None
    assert (systemd.active, config.read_bytes()) == ("active", NEW)
    # It is put back to what it was when Swarm had stopped.
    undo = {"do": "undo", "sha256": sha256(b"x: 1\n"), "content": encode(NEW), "reason": "x", "pending": False}
    host(config).run(dict(undo, wrote=True))
    assert config.read_bytes() == b"x: 1\n"


def test_a_file_that_somebody_makes_while_it_stops_is_not_removed(config, systemd):
    config.unlink()
    systemd.during_stop = lambda: config.write_bytes(b"x: 1\n")
    assert apply(config, old=None)["moved"] is True
    assert any("new=no\n" in word for word in systemd.timer)


def test_what_became_of_the_file_is_not_undone_where_nothing_was_written(config, systemd):
    """It cannot be edited any more; what an earlier run saved is older than that."""
    (config.parent / ".swarm.yaml.vray_swarm-saved").write_bytes(b"ancient: 1\n")
    undo = {"do": "undo", "sha256": sha256(None), "reason": "x", "pending": False, "wrote": False}
    assert host(config).run(undo)["undone"]["restored"] is False
    assert (systemd.active, config.read_bytes()) == ("active", OLD)


def test_a_stop_that_hangs(config, systemd):
    systemd.stop_hangs = True
    with pytest.raises(
        ServiceError, match=r"did not stop: 3 s were not enough; systemd says deactivating .*Nothing was written"
    ):
        apply(config)
    assert config.read_bytes() == OLD
    # It comes back when it has ended.
    assert systemd.calls[-1] == "systemctl start"
    assert systemd.timer is not None


@pytest.mark.parametrize(
    "why, advice",
    [
        ("Access denied", "Does the task need become"),
        ("Unit x.timer was already loaded or has a fragment file.", "Another task changes its settings"),
        ("Job for x.timer canceled.", "Another task changes its settings"),
    ],
)
def test_without_a_timer_nothing_is_stopped(config, systemd, why, advice):
    systemd.timer_fails = why
    with pytest.raises(ServiceError, match=rf"could not be set \({why}\), so it was not stopped. {advice}"):
        apply(config)
    assert systemd.active == "active"


@pytest.mark.parametrize("unit", ["swarm.service", "vray-swarm-rescue"])
def test_a_stop_whose_place_another_task_takes(config, systemd, unit):
    systemd.canceled = ("stop", unit)
    with pytest.raises(ServiceError, match=rf"Job for {unit}.* canceled.* Another task changes its settings"):
        apply(config)
    assert config.read_bytes() == OLD


def test_a_start_whose_place_another_task_takes(config, systemd):
    systemd.canceled = ("start", "swarm.service")
    undone = apply(config)["undone"]
    assert undone["reason"].startswith(
        "swarm.service did not start: another task changes its settings at the same time; systemd says inactive (x)"
    )
    assert (systemd.active, config.read_bytes()) == ("active", OLD)


def test_what_an_interrupted_run_saved_is_what_comes_back(config, systemd):
    """It died after it had written settings with which Swarm does not start; the next one changes something else."""
    saved = config.parent / ".swarm.yaml.vray_swarm-saved"
    saved.write_bytes(OLD)
    config.write_bytes(b"webPort: 80\n")
    systemd.active = "failed"
    systemd.refuses = {b"webPort: 80\n", NEW}
    assert apply(config, old=b"webPort: 80\n", was_running=False)["undone"]["trouble"] == ""
    assert (systemd.active, config.read_bytes()) == ("active", OLD)


def test_what_an_interrupted_run_saved_is_old_news_where_swarm_runs(config, systemd):
    (config.parent / ".swarm.yaml.vray_swarm-saved").write_bytes(b"ancient: 1\n")
    systemd.refuses = {NEW}
    apply(config)
    assert config.read_bytes() == OLD


@pytest.mark.parametrize("shift", [-400 * 86400, 400 * 86400])
def test_a_clock_that_is_set_between_two_runs(config, systemd, monkeypatch, shift):
    """What an interrupted run saved may be taken for old news then, and Swarm runs with one of the two all the same."""
    (config.parent / ".swarm.yaml.vray_swarm-saved").write_bytes(OLD)
    config.write_bytes(b"x: 1\n")
    systemd.active, systemd.refuses = "failed", {NEW}
    real = _settings_host.time.time
    monkeypatch.setattr(_settings_host.time, "time", lambda: real() + shift)
    assert apply(config, old=b"x: 1\n", was_running=False)["undone"]["trouble"] == ""
    assert systemd.active == "active" and config.read_bytes() == (OLD if shift < 0 else b"x: 1\n")


def test_a_start_of_what_is_down(config, systemd):
    step = dict(STEP, do="start", sha256=sha256(OLD), content=None)
    systemd.active = "inactive"
    assert host(config).run(step)["undone"] is None
    assert systemd.active == "active"
    systemd.active, systemd.refuses = "failed", {OLD}
    with pytest.raises(ServiceError, match=r"did not start: .*it wrote: \x02bad port\x03"):
        host(config).run(step)


def test_the_host_asks_by_itself(config, systemd, monkeypatch):
    asked = []
    answers = [
        {"url": "u", "reachable": False, "allow_executables": None, "error": "connection refused"},
        {"url": "u", "reachable": True, "allow_executables": True, "error": None},
        {"url": "u", "reachable": True, "allow_executables": False, "error": None},
    ]

    def ask(*arguments):
        asked.append(arguments)
        return answers[len(asked) - 1]

    monkeypatch.setattr(_settings_host, "ask", ask)
    monkeypatch.setattr(_settings_host, "_POLL", 0)
    done = apply(config, ask=True, web_port=1999, allow_executables=False)
    assert done["confirmed"] is True
    assert asked == [("127.0.0.1", 1999, 1)] * 3
    assert systemd.timer is None


def test_the_host_gives_up_by_itself(config, systemd, monkeypatch):
    def ask(*dummy):
        systemd.active = "failed"
        return {"url": "u", "reachable": False, "allow_executables": None, "error": "connection refused"}

    monkeypatch.setattr(_settings_host, "ask", ask)
    done = apply(config, ask=True)
    assert done["undone"]["reason"] == "the service is failed (x); u: connection refused; it wrote: \x02bad port\x03"
    assert (systemd.active, config.read_bytes(), systemd.timer) == ("active", OLD, None)


@pytest.mark.parametrize("load", ["not-found", "masked"])
def test_no_such_service(config, systemd, load):
    systemd.load = load
    with pytest.raises(OptionsError, match=f"swarm.service is {load}"):
        look(config)


def test_no_systemd(monkeypatch):
    monkeypatch.setattr(_service_control, "_SYSTEMD_BOOTED", "/nonexistent")
    with pytest.raises(OptionsError, match="needs systemd or launchd"):
        control("swarm")


@pytest.mark.parametrize("name", ["", "-x", "a b", "*", "a/b"])
def test_a_name_of_no_service(name):
    with pytest.raises(OptionsError, match="the name of one service"):
        control(name)


@pytest.mark.parametrize(
    "name, unit", [("swarm", "swarm.service"), ("a@1.service", "a@1.service"), ("b.target", "b.target")]
)
def test_the_name_of_the_timer_has_no_suffix(name, unit):
    """systemd-run --unit=x.service makes the timer x.timer."""
    service = Systemd(name)
    assert service.name == unit
    assert "." not in service.rescue and "@" not in service.rescue


def test_variables_of_systemd_do_not_spoil_the_rescue(config, systemd):
    Systemd("swarm").arm(600, "/a${b}c", "/s", False)
    assert any("file='/a$${b}c'" in word for word in systemd.timer)
    assert not any("$" in word.replace("$$", "") for word in systemd.timer)


# -- renders


@pytest.fixture
def renders(monkeypatch):
    """What runs at each look; the last one stays."""
    looks = [[{"pid": 1, "executable": "/d/VRay/vray-1/bin/vray"}]]

    def look_at_renders(data_dir):
        assert data_dir == "/d"
        return looks.pop(0) if len(looks) > 1 else looks[0]

    monkeypatch.setattr(_settings_host, "renders", look_at_renders)
    monkeypatch.setattr(_settings_host, "build_roots", lambda data_dir: ["/d/VRay/vray-"])
    monkeypatch.setattr(_settings_host, "_BUSY_POLL", 0.01)
    return looks


BUSY = {"data_dir": "/d"}


def test_a_swarm_that_renders_is_not_stopped(config, systemd, renders):
    assert apply(config, params=BUSY) == {"busy": renders[0]}
    assert systemd.timer is None and systemd.active == "active"
    assert config.read_bytes() == OLD


def test_the_look_for_renders_is_the_last_thing_before_the_stop(config, systemd, renders, monkeypatch):
    def begins(data_dir):
        # Arming takes its time.
        return renders[0] if systemd.timer else []

    monkeypatch.setattr(_settings_host, "renders", begins)
    assert apply(config, params=BUSY)["busy"] == renders[0]
    assert systemd.active == "active"


def test_waiting_for_renders_stops_nothing(config, systemd, renders):
    """Whoever waited may be dead when they have ended."""
    waiting = {"do": "await_idle", "absent_builds": [], "patience": 0.05}
    assert host(config, **BUSY).run(waiting) == {"busy": renders[0]}
    renders += [renders[0], []]
    assert host(config, **BUSY).run(dict(waiting, patience=60)) == {"busy": []}
    assert set(systemd.calls) == {"systemctl show"} and config.read_bytes() == OLD
    assert apply(config, params=BUSY)["undone"] is None
    assert config.read_bytes() == NEW


def test_a_swarm_that_is_down_is_not_stopped(config, systemd, renders):
    """So there is nothing to wait for."""
    systemd.active = "failed"
    assert apply(config, params=BUSY, was_running=False)["undone"] is None
    assert config.read_bytes() == NEW


def test_without_the_data_directory_nobody_looks(config, systemd, renders):
    assert "busy" not in apply(config)


def test_a_look_tells_of_renders(config, systemd, renders, monkeypatch):
    assert look(config, **BUSY)["busy"] == renders[0]

    def fail(data_dir):
        raise OptionsError("no such directory")

    monkeypatch.setattr(_settings_host, "renders", fail)
    found = look(config, **BUSY)
    assert (found["busy"], found["unsure"]) == ([], "no such directory")
    with pytest.raises(OptionsError):
        apply(config, params=BUSY)
    assert systemd.active == "active"


def test_a_look_asks_at_the_port_of_the_file(config, systemd, monkeypatch):
    monkeypatch.setattr(_settings_host, "ask", lambda *arguments: arguments)

    def asked(text):
        config.write_bytes(text)
        return host(config).run({"do": "look", "absent_builds": [], "ask": True})["answer"]

    assert asked(NEW) == ("127.0.0.1", 1999, 1)
    assert asked(b"x: 1\n") == ("127.0.0.1", 1113, 1)
    # It is not certain which one that is.
    assert asked(b"webPort: http\n") is None
    assert asked(b"webPort: [\n") is None
    systemd.active = "failed"
    assert asked(NEW) is None


# -- builds that are to go


DAMAGED = "6.20.10-e8197af2"


@pytest.fixture
def builds(tmp_path_factory, monkeypatch):
    """The data directory, with two builds and an import directory in it. Nothing renders."""
    data_dir = tmp_path_factory.mktemp("data")
    for name in (f"VRay/vray-{DAMAGED}", "VRay/vray-7.0.0-0a1b2c3d", "import"):
        (data_dir / name / "bin").mkdir(parents=True)
        (data_dir / name / "bin" / "vray").write_bytes(b"x")
    monkeypatch.setattr(_settings_host, "renders", lambda data_dir: [])
    return data_dir


def remaining(builds):
    return sorted(os.listdir(str(builds / "VRay")))


def remove(config, builds, content=None, versions=(DAMAGED,), params=None, **values):
    params = dict({"data_dir": str(builds)}, **params or {})
    return apply(config, content, params=params, absent_builds=list(versions), **values)


def told_removal(monkeypatch, systemd):
    """Let each call of rmtree be among those of systemctl."""
    rmtree = shutil.rmtree

    def told(path, *arguments, **options):
        systemd.calls.append(f"rmtree {systemd.active}")
        rmtree(path, *arguments, **options)

    monkeypatch.setattr(shutil, "rmtree", told)


@pytest.mark.parametrize("content", [None, NEW])
def test_a_build_is_removed_while_it_is_stopped(config, systemd, builds, monkeypatch, content):
    told_removal(monkeypatch, systemd)
    directory = str(builds / "VRay" / f"vray-{DAMAGED}")
    look_for = {"do": "look", "absent_builds": [DAMAGED], "ask": False}
    assert host(config, data_dir=str(builds)).run(look_for)["builds"] == [directory]
    assert look(config, data_dir=str(builds))["builds"] == []
    systemd.calls.clear()
    done = remove(config, builds, content)
    assert (done["undone"], done["removed_builds"]) == (None, [directory])
    order = [call for call in systemd.calls if call.split()[1] not in ("show", "reset-failed")]
    assert order[-3:] == ["systemctl stop", "rmtree inactive", "systemctl start"]
    assert order.index("systemd-run --unit=vray-swarm-rescue-swarm-service") < order.index("rmtree inactive")
    assert (systemd.active, config.read_bytes()) == ("active", content or OLD)
    # Nothing but this build.
    assert remaining(builds) == ["vray-7.0.0-0a1b2c3d"]
    assert (builds / "import" / "bin" / "vray").exists() and (builds / "VRay" / remaining(builds)[0] / "bin").is_dir()
    assert confirm(config) == {"confirmed": True}
    assert systemd.timer is None and files(config) == ["swarm.yaml"]
    assert host(config, data_dir=str(builds)).run(look_for)["builds"] == []


def test_the_mark_of_a_build_goes_with_it(config, systemd, builds):
    """What Swarm deploys from then on is not what was sent. One of another build, or with something in it, stays."""
    marks = {version: builds / f".vray_swarm-{version}.sending" for version in (DAMAGED, "7.0.0-0a1b2c3d")}
    for mark in marks.values():
        mark.mkdir()
    others = [builds / f".vray_swarm-{DAMAGED}.{kind}" for kind in ("awaited", "whole")]
    for mark in others:
        mark.mkdir()
    assert remove(config, builds)["removed_builds"] and [mark.exists() for mark in marks.values()] == [False, True]
    assert not any(mark.exists() for mark in others)
    (marks["7.0.0-0a1b2c3d"] / "mine").touch()
    done = remove(config, builds, versions=["7.0.0-0a1b2c3d"])
    assert (done["undone"], remaining(builds)) == (None, []) and (marks["7.0.0-0a1b2c3d"] / "mine").exists()


def test_what_would_speak_for_a_later_half_goes_first(config, systemd, builds):
    """Where it cannot be removed, the build stays as well."""
    mark = builds / f".vray_swarm-{DAMAGED}.whole"
    mark.mkdir()
    (mark / "mine").touch()
    done = remove(config, builds)
    assert f"{mark} could not be removed: Directory not empty" in done["undone"]["reason"], done
    assert len(remaining(builds)) == 2 and systemd.active == "active"


def test_without_the_option_no_build_is_looked_at(config, systemd, builds, monkeypatch):
    monkeypatch.setattr(_settings_host, "deployed_builds", None)
    assert look(config, data_dir=str(builds))["builds"] == []
    assert remove(config, builds, NEW, versions=())["removed_builds"] == []
    assert len(remaining(builds)) == 2


def test_a_build_is_known_by_its_version_however_that_is_written(config, systemd, builds):
    for name in (
        "vray-7.00.06-0a1b2c3d",
        "vray-7.0.6-0a1b2c3d",
        "vray-7.0.60-0a1b2c3d",
        "vray-7.0.6-0a1b2c3",
        "vray-7",
    ):
        (builds / "VRay" / name).mkdir()
    (builds / "VRay" / "7.0.6-0a1b2c3d").mkdir()
    before = remaining(builds)
    done = remove(config, builds, versions=["7.0.6-0a1b2c3d"])
    gone = ["vray-7.0.6-0a1b2c3d", "vray-7.00.06-0a1b2c3d"]
    assert done["removed_builds"] == [str(builds / "VRay" / name) for name in sorted(gone)]
    assert remaining(builds) == [name for name in before if name not in gone]


def test_of_a_build_that_is_a_link_the_link_is_removed(config, systemd, builds, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "file").write_bytes(b"x")
    link, inner = builds / "VRay" / "vray-7.1.0-0a1b2c3d", builds / "VRay" / f"vray-{DAMAGED}" / "link"
    for path in (link, inner):
        path.symlink_to(elsewhere)
    done = remove(config, builds, versions=["7.1.0-0a1b2c3d", DAMAGED])
    assert done["undone"] is None and len(done["removed_builds"]) == 2
    assert remaining(builds) == ["vray-7.0.0-0a1b2c3d"] and (elsewhere / "file").exists()


@pytest.fixture
def stuck(builds, monkeypatch):
    """A build of which a file stays; others go."""
    directory = str(builds / "VRay" / f"vray-{DAMAGED}")
    rmtree = shutil.rmtree

    def fail(path, *arguments, **options):
        if str(path) == directory:
            raise OSError(errno.EPERM, "Operation not permitted", directory + "/bin/vray")
        rmtree(path, *arguments, **options)

    monkeypatch.setattr(shutil, "rmtree", fail)
    return directory


@pytest.mark.parametrize("content", [None, NEW])
@pytest.mark.parametrize("was_running", [True, False])
def test_a_build_that_cannot_be_removed_leaves_nobody_down(config, systemd, builds, stuck, content, was_running):
    systemd.active = "active" if was_running else "failed"
    (builds / "VRay" / "vray-6.1.0-0a1b2c3d").mkdir()
    done = remove(config, builds, content, versions=["6.1.0-0a1b2c3d", DAMAGED], was_running=was_running)
    assert done["undone"]["unremoved"] is True
    assert done["undone"]["reason"] == f"{stuck}/bin/vray could not be removed: Operation not permitted"
    assert (done["undone"]["trouble"], done["undone"]["restored"]) == ("", content is not None)
    # What is gone is told.
    assert done["removed_builds"] == [str(builds / "VRay" / "vray-6.1.0-0a1b2c3d")]
    assert remaining(builds) == [f"vray-{DAMAGED}", "vray-7.0.0-0a1b2c3d"]
    assert (systemd.active, systemd.timer, config.read_bytes()) == ("active", None, OLD)
    assert files(config) == ["swarm.yaml"]


def test_a_build_that_is_gone_is_told_where_it_does_not_start(config, systemd, builds):
    systemd.refuses = {NEW}
    done = remove(config, builds, NEW)
    assert "unremoved" not in done["undone"] and done["undone"]["restored"]
    assert done["removed_builds"] == [str(builds / "VRay" / f"vray-{DAMAGED}")]
    assert (systemd.active, config.read_bytes()) == ("active", OLD)


@pytest.mark.parametrize("active", ["active", "failed"])
def test_while_something_renders_no_build_is_removed(config, systemd, builds, monkeypatch, active):
    """Also where Swarm is down, and the renders have outlived it."""
    busy = [{"pid": 1, "executable": str(builds / "VRay" / "vray-7.0.0-0a1b2c3d" / "bin" / "vray")}]
    monkeypatch.setattr(_settings_host, "renders", lambda data_dir: busy)
    monkeypatch.setattr(_settings_host, "_BUSY_POLL", 0.01)
    systemd.active = active
    assert remove(config, builds, NEW, was_running=active == "active") == {"busy": busy}
    assert (systemd.active, systemd.timer, config.read_bytes()) == (active, None, OLD)
    assert len(remaining(builds)) == 2
    waiting = {"do": "await_idle", "absent_builds": [DAMAGED], "patience": 0.02}
    assert host(config, data_dir=str(builds)).run(waiting) == {"busy": busy}


def test_a_render_that_outlives_the_stop_keeps_the_builds(config, systemd, builds, monkeypatch):
    """It began between the last look and the stop."""
    busy = [{"pid": 4711, "executable": "/x/vray"}]
    monkeypatch.setattr(_settings_host, "renders", lambda data_dir: [] if systemd.active == "active" else busy)
    done = remove(config, builds, NEW)
    assert (done["undone"]["unremoved"], done["undone"]["reason"]) == (True, "/x/vray (process 4711) runs still")
    assert (done["removed_builds"], len(remaining(builds))) == ([], 2)
    assert (systemd.active, systemd.timer, config.read_bytes()) == ("active", None, OLD)


def test_a_swarm_that_is_down_is_started_when_the_build_is_gone(config, systemd, builds, monkeypatch):
    told_removal(monkeypatch, systemd)
    systemd.active = "failed"
    done = remove(config, builds, was_running=False)
    assert done["undone"] is None and remaining(builds) == ["vray-7.0.0-0a1b2c3d"]
    assert systemd.calls.index("rmtree inactive") < systemd.calls.index("systemctl start")
    assert systemd.active == "active"


def test_what_somebody_else_writes_while_it_stops_keeps_the_build_until_the_next_step(config, systemd, builds):
    systemd.during_stop = lambda: config.write_bytes(b"x: 1\n")
    done = remove(config, builds, NEW)
    assert done["moved"] and done["removed_builds"] == [] and len(remaining(builds)) == 2
    systemd.during_stop = lambda: None
    done = remove(config, builds, NEW, old=b"x: 1\n", stopped=True)
    assert done["undone"] is None and remaining(builds) == ["vray-7.0.0-0a1b2c3d"]


def test_what_is_mounted_in_a_build_stays(config, systemd, builds, monkeypatch):
    """It is found before Swarm is stopped; what is mounted while Swarm stops is as a build that cannot be removed."""
    directory = str(builds / "VRay" / f"vray-{DAMAGED}")
    monkeypatch.setattr(_mounts, "_mounts", lambda: [_mounts.Mount("nas:/plugins", directory + "/bin", "nfs")])
    with pytest.raises(OptionsError, match="is a mount point, and what nas:/plugins holds would be removed"):
        host(config, data_dir=str(builds)).run({"do": "look", "absent_builds": [DAMAGED], "ask": False})
    done = remove(config, builds, NEW)
    assert done["undone"]["unremoved"] is True and done["undone"]["reason"].endswith("Unmount it first")
    assert len(remaining(builds)) == 2 and os.listdir(directory) == ["bin"]
    assert (systemd.active, config.read_bytes()) == ("active", OLD)


def test_a_data_directory_that_goes_while_it_stops(config, systemd, builds):
    systemd.during_stop = lambda: shutil.rmtree(str(builds), ignore_errors=True)
    done = remove(config, builds, NEW)
    assert done["undone"]["unremoved"] is True and "is not there, or may not be read" in done["undone"]["reason"]
    assert (systemd.active, config.read_bytes()) == ("active", OLD)


def test_what_was_removed_is_told_where_swarm_does_not_answer(config, systemd, builds, monkeypatch):
    monkeypatch.setattr(SettingsHost, "_wait", lambda *arguments: "no answer")
    done = remove(config, builds, ask=True)
    assert done["removed_builds"] == [str(builds / "VRay" / f"vray-{DAMAGED}")]
    assert (done["undone"], done["confirmed"], done["log"]) == (None, False, "no answer")
    with pytest.raises(ServiceError, match="no answer"):
        remove(config, builds, ask=True)


# -- a directory that somebody else may write to


SECRET = b"password: x\n"


@pytest.fixture
def secret(tmp_path_factory):
    path = tmp_path_factory.mktemp("root") / "secret.yaml"
    path.write_bytes(SECRET)
    path.chmod(0o600)
    return path


def plant_link(path, secret):
    path.symlink_to(secret)


def plant_hard_link(path, secret):
    os.link(str(secret), str(path))


def plant_pipe(path, secret):
    os.mkfifo(str(path))


def plant_file(path, secret):
    path.write_bytes(SECRET)
    os.chown(str(path), 1234, 1234)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
PLANTED = [plant_link, plant_hard_link, plant_pipe, pytest.param(plant_file, marks=needs_root)]


@pytest.mark.parametrize("plant", PLANTED)
def test_what_was_planted_is_not_taken_back(config, systemd, idle, secret, plant):
    plant(old_file(config), secret)
    assert look(config)["old"] is None
    confirm(config, {"do": "keep", "content": encode(NEW)})
    assert secret.read_bytes() == SECRET
    # What is to be taken back takes its place.
    assert apply(config, params=OPENED)["undone"] is None
    assert old_file(config).read_bytes() == OLD and not old_file(config).is_symlink()
    assert secret.read_bytes() == SECRET


@pytest.mark.parametrize("plant", PLANTED)
def test_what_was_planted_is_not_restored(config, systemd, secret, plant):
    saved = config.parent / ".swarm.yaml.vray_swarm-saved"
    plant(saved, secret)
    start = dict(STEP, do="start", sha256=sha256(OLD), content=None)
    systemd.active, systemd.refuses = "failed", {OLD}
    with pytest.raises(ServiceError, match="did not start"):
        host(config).run(start)
    systemd.refuses = {NEW}
    assert apply(config, was_running=False)["undone"]["trouble"] == ""
    assert (config.read_bytes(), secret.read_bytes()) == (OLD, SECRET)


@pytest.mark.parametrize("plant", [plant_link, plant_pipe])
def test_what_is_planted_after_the_path_was_resolved(config, secret, plant):
    late = host(config, service=None)
    config.unlink()
    plant(config, secret)
    with pytest.raises(SettingsError, match="is no file"):
        late.run({"do": "look", "absent_builds": [], "ask": False})


def test_a_link_in_the_place_of_what_is_being_written(config, secret, monkeypatch):
    """Owner and mode go to the file that was opened, whatever its name means by then."""
    config.chmod(0o666)
    fsync = os.fsync

    def swap(handle):
        for name in files(config):
            if name.startswith(".vray_swarm-"):
                (config.parent / name).unlink()
                (config.parent / name).symlink_to(secret)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", swap)
    write(config, OLD)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600 and secret.read_bytes() == SECRET


def test_owner_and_mode_are_those_of_the_file_that_was_read(config, monkeypatch):
    """Else whoever may write to the directory sees what he may not."""
    config.chmod(0o600)
    real = SettingsHost._put

    def swap(self, content, target):
        config.unlink()
        config.write_bytes(b"")
        config.chmod(0o666)
        real(self, content, target)

    monkeypatch.setattr(SettingsHost, "_put", swap)
    write(config, OLD)
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


@needs_root
def test_a_link_that_somebody_planted_is_not_followed(config, secret):
    (config.parent / "link.yaml").symlink_to(secret)
    chain = config.parent / "chain.yaml"
    chain.symlink_to("link.yaml")
    assert base64.b64decode(look(chain, service=None)["content"]) == SECRET
    os.chown(str(config.parent / "link.yaml"), 1234, 1234, follow_symlinks=False)
    with pytest.raises(SettingsError, match=r"link.yaml is a link to .*secret.yaml, and belongs to neither"):
        look(chain, service=None)
    # To a file of his own.
    os.chown(str(secret), 1234, 1234)
    assert base64.b64decode(look(chain, service=None)["content"]) == SECRET


@needs_root
def test_a_lock_that_others_hold_hinders_nobody(config):
    with open_directory(config) as directory:
        fcntl.flock(directory, fcntl.LOCK_EX)
        write(config, OLD)
    assert config.read_bytes() == NEW


def test_a_lock_that_is_never_released(config, systemd, units, monkeypatch):
    monkeypatch.setattr(_settings_host, "_LOCK_SECONDS", 0.2)
    with open(str(units / "lock"), "w") as mine, open_directory(config) as directory:
        fcntl.flock(mine, fcntl.LOCK_EX)
        fcntl.flock(directory, fcntl.LOCK_EX)
        with pytest.raises(SettingsError, match=r"has been locked by another task for 0.2 s. Nothing was written"):
            write(config, OLD)
        undone = apply(config)["undone"]
    assert "locked by another task" in undone["reason"] and undone["trouble"] == ""
    assert (systemd.active, config.read_bytes()) == ("active", OLD)


@contextlib.contextmanager
def open_directory(config):
    handle = os.open(str(config.parent), os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


@pytest.mark.parametrize("was_running, age", [(True, 0), (False, 7200)])
def test_what_is_outdated_is_gone_before_the_rescue_could_put_it_back(config, systemd, monkeypatch, was_running, age):
    saved = config.parent / ".swarm.yaml.vray_swarm-saved"
    saved.write_bytes(b"allowExecutables: true\n")
    systemd.active = "active" if was_running else "failed"
    real = _settings_host.time.time
    monkeypatch.setattr(_settings_host.time, "time", lambda: real() + age)
    armed = []
    monkeypatch.setattr(Systemd, "arm", lambda *arguments: armed.append(saved.exists()))
    apply(config, was_running=was_running)
    assert armed == [False]


# -- a restart of the host


def boot_units(units):
    wanted = units / "multi-user.target.wants"
    linked = sorted(os.listdir(str(wanted))) if wanted.exists() else []
    assert all((wanted / name).resolve() == (units / name).resolve() for name in linked)
    assert linked == sorted(path.name for path in units.glob("*.service"))
    return linked


RESCUE_BOOT = "vray-swarm-rescue-swarm-service-boot.service"
REVERT_BOOT = "vray-swarm-revert-swarm-service-boot.service"


def test_a_restart_of_the_host_puts_right_what_the_timers_were_to(config, systemd, idle, units):
    apply(config, params=OPENED)
    assert boot_units(units) == [RESCUE_BOOT, REVERT_BOOT]
    # First what was interrupted, then what is to be taken back, then Swarm.
    assert f"Before=swarm.service {REVERT_BOOT}\n" in (units / RESCUE_BOOT).read_text()
    assert "Before=swarm.service\n" in (units / REVERT_BOOT).read_text()
    confirm(config, **OPENED)
    assert boot_units(units) == [REVERT_BOOT]
    confirm(config, {"do": "end"})
    assert boot_units(units) == []


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_nobody_else_can_write_what_root_will_run(config, systemd, units, umask):
    old = os.umask(umask)
    try:
        Systemd("swarm").arm(600, "/a", "/s", False)
    finally:
        os.umask(old)
    assert stat.S_IMODE((units / RESCUE_BOOT).stat().st_mode) == 0o644


def test_without_a_unit_nothing_is_stopped(config, systemd, monkeypatch):
    monkeypatch.setattr(_service_control, "_UNITS", "/nonexistent")
    with pytest.raises(ServiceError, match=r"/nonexistent/.*No such file or directory\), so it was not stopped"):
        apply(config)
    assert (systemd.active, systemd.timer) == ("active", None)


# -- a change that the host takes back


OPENED = {"revert_after": 60, "data_dir": "/d"}


def old_file(config):
    return config.parent / ".swarm.yaml.vray_swarm-revert"


@pytest.fixture
def idle(renders):
    renders[:] = [[]]


def test_a_window_is_closed_also_where_its_timer_could_not_be_renewed(config, systemd, idle, units):
    apply(config, params=OPENED)
    confirm(config, **OPENED)
    old_file(config).write_bytes(OLD)
    run = systemd.systemd_run

    def fails_once(argv, options):
        if "revert" not in argv[1]:
            return run(argv, options)
        systemd.systemd_run = run
        # What acts at the start of the host stays meanwhile.
        assert REVERT_BOOT in boot_units(units)
        return Done(None, "", "systemd-run did not end within 20 s")

    systemd.systemd_run = fails_once
    undone = apply(config, b"more: 1\n", NEW, params=OPENED, pending=True)["undone"]
    assert "would take the change back could not be set" in undone["reason"] and undone["trouble"] == ""
    assert (config.read_bytes(), systemd.active) == (NEW, "active")
    assert systemd.revert is not None and boot_units(units) == [REVERT_BOOT]


def test_a_change_with_a_way_back(config, systemd, idle):
    assert apply(config, params=OPENED)["undone"] is None
    assert "--on-active=60" in systemd.revert
    assert systemd.revert[-1] == "/d/VRay/vray-"
    assert any(f"old={old_file(config)}\n" in word for word in systemd.revert)
    confirm(config, **OPENED)
    # That it is proven does not make it stay.
    assert (systemd.timer, old_file(config).read_bytes()) == (None, OLD)
    assert systemd.revert is not None
    assert base64.b64decode(look(config)["old"]) == OLD


def test_it_is_armed_before_it_is_written(config, systemd, idle, monkeypatch):
    def die(*arguments):
        assert systemd.revert is not None
        raise KeyboardInterrupt

    monkeypatch.setattr(SettingsHost, "_write", die)
    with pytest.raises(KeyboardInterrupt):
        apply(config, params=OPENED)


def test_a_file_that_was_not_there_comes_back_empty(config, systemd, idle):
    config.unlink()
    apply(config, params=OPENED, old=None)
    assert old_file(config).read_bytes() == b""


def test_one_that_fails_leaves_nothing_to_be_taken_back(config, systemd, idle):
    systemd.refuses = {NEW}
    assert apply(config, params=OPENED)["undone"]["restored"] is True
    assert systemd.revert is None and files(config) == ["swarm.yaml"]


def test_one_that_fails_leaves_what_was_to_be_taken_back(config, systemd, idle):
    old_file(config).write_bytes(b"older: 1\n")
    systemd.revert = "armed"
    systemd.refuses = {NEW}
    apply(config, pending=True)
    assert (systemd.revert, old_file(config).read_bytes()) == ("armed", b"older: 1\n")
    # With a time of its own, it begins anew.
    apply(config, params=OPENED, pending=True)
    assert "--on-active=60" in systemd.revert and old_file(config).read_bytes() == b"older: 1\n"


def test_what_waits_to_restart_swarm_does_not_do_so_in_between(config, systemd):
    systemd.revert = "put back, waiting"
    apply(config)
    assert systemd.revert is None
    # What is not put back yet waits for the end of the rescue.
    systemd.active, systemd.revert = "active", "waiting"
    old_file(config).write_bytes(OLD)
    apply(config, old=NEW, pending=True)
    assert systemd.revert == "waiting"


def test_a_later_task_decides(config, systemd):
    def pending():
        systemd.revert = "armed"
        old_file(config).write_bytes(OLD)

    pending()
    confirm(config, {"do": "end"})
    assert systemd.revert is None and not old_file(config).exists()
    pending()
    confirm(config, {"do": "keep", "content": encode(NEW)})
    assert (systemd.revert, old_file(config).read_bytes()) == ("armed", NEW)
    host(config, revert_after=60).run({"do": "settle", "revert": {"do": "again"}})
    assert "--on-active=60" in systemd.revert and old_file(config).read_bytes() == NEW
    old_file(config).unlink()
    confirm(config, {"do": "keep", "content": encode(NEW)})
    assert not old_file(config).exists()


def test_a_task_that_only_writes_keeps_what_it_wrote(config):
    old_file(config).write_bytes(b"older: 1\n")
    revert = {"do": "keep", "content": encode(b"older: 1\nwebPort: 1999\n")}
    step = {"do": "write", "sha256": sha256(OLD), "content": encode(NEW), "revert": revert}
    host(config, service=None).run(step)
    assert old_file(config).read_bytes() == b"older: 1\nwebPort: 1999\n"


LIMITS = {
    "start_timeout": 1,
    "stop_timeout": 1,
    "connect_timeout": 1,
    "rescue_after": 1,
    "busy_wait": 0,
    "absent_builds": [],
    "revert_after": 0,
    "web_port": 1113,
    "data_dir": None,
    "service": None,
}


@pytest.mark.parametrize(
    "given, says",
    [
        ({"stop_timeout": float("nan")}, "stop_timeout is nan"),
        ({"busy_wait": -1, "data_dir": "/d"}, "busy_wait is -1; it is a number of seconds from 0"),
        ({"busy_wait": float("nan"), "data_dir": "/d"}, "busy_wait is nan"),
        ({"busy_wait": 1}, "busy_wait needs data_dir"),
        ({"absent_builds": ["6.20.10-e8197af2"], "data_dir": "/d"}, "absent_builds needs service"),
        (
            {"absent_builds": ["6.20.10-e8197af2"], "service": "swarm", "rescue_after": 64},
            "absent_builds needs data_dir",
        ),
        ({"revert_after": 1}, "revert_after needs service"),
        (
            {"service": "swarm", "rescue_after": 63},
            "rescue_after is 63; it has to be at least 64, which is stop_timeout, twice",
        ),
        ({"web_port": 0}, "web_port is 0"),
    ],
)
def test_options_that_cannot_be(given, says):
    check_options(LIMITS)
    with pytest.raises(OptionsError, match=says):
        check_options(dict(LIMITS, **given))


@pytest.mark.parametrize(
    "limits, needed",
    [
        # A start that takes its time, and then as long a wait for an answer that does not come.
        ({"stop_timeout": 120.0, "start_timeout": 300.0, "connect_timeout": 10.0}, 790),
        ({"stop_timeout": 0.5, "start_timeout": 0.4, "connect_timeout": 0.1}, 62),
    ],
)
def test_the_host_does_nothing_by_itself_while_a_change_may_be_at_work(limits, needed):
    check_options(dict(LIMITS, **limits, service="swarm", rescue_after=needed))
    with pytest.raises(OptionsError, match=f"at least {needed}, which"):
        check_options(dict(LIMITS, **limits, service="swarm", rescue_after=needed - 1))
    # Without a stop there is no rescue.
    check_options(dict(LIMITS, **limits, rescue_after=1))
