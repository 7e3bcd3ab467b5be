# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps on the host, with a systemctl that keeps its state in files. The real one is in the lab."""

from __future__ import annotations

import base64
import os
import stat

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _service_control, _settings_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import Done
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, SettingsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service_control import (
    ServiceError,
    Systemd,
    control,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_host import SettingsHost, sha256

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
        self.timer_fails = False
        self.during_stop = lambda: None
        self.timer = None
        self.calls = []

    def run(self, *argv, **options):
        self.calls.append(" ".join(argv[:2]))
        return getattr(self, (argv[1] if argv[0] == "systemctl" else argv[0]).replace("-", "_"))(argv, options)

    def show(self, argv, options):
        return Done(
            0, f"LoadState={self.load}\nActiveState={self.active}\nSubState=x\nResult=success\nNRestarts=0\n", ""
        )

    def stop(self, argv, options):
        if argv[-1].endswith(".timer"):
            self.timer = None
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
            return Done(1, "", "Access denied")
        assert self.timer is None
        self.timer = argv
        return Done(0, "", "")

    def journalctl(self, argv, options):
        return Done(0, "bad port\nbad port\n", "")


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "swarm.yaml"
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


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
    }
    return SettingsHost(dict(usual, **params))


def encode(content):
    return base64.b64encode(content).decode("ascii")


def apply(config, content=NEW, old=OLD, **values):
    usual = {
        "do": "apply",
        "was_running": True,
        "ask": False,
        "stopped": False,
        "web_port": 1,
        "allow_executables": None,
    }
    return host(config).run(dict(usual, sha256=sha256(old), content=encode(content), **values))


def files(config):
    return sorted(os.listdir(str(config.parent)))


def test_a_look(config, systemd):
    found = host(config).run({"do": "look"})
    assert base64.b64decode(found["content"]) == OLD
    assert found["state"]["running"] is True
    assert found["obstacle"] is None
    assert not any(call.split()[1] in ("stop", "start") for call in systemd.calls)


def test_a_file_that_is_not_there(config, tmp_path):
    config.unlink()
    assert host(config, service=None).run({"do": "look"})["content"] is None
    with pytest.raises(SettingsError, match="nor is its directory"):
        host(tmp_path / "no" / "swarm.yaml", service=None).run({"do": "look"})
    with pytest.raises(SettingsError, match="is no file"):
        host(tmp_path, service=None).run({"do": "look"})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_write_keeps_owner_and_mode(config):
    os.chown(str(config), 1234, 4321)
    inode = config.stat().st_ino
    done = host(config, service=None, backup=True).run({"do": "write", "sha256": sha256(OLD), "content": encode(NEW)})
    status = config.stat()
    assert config.read_bytes() == NEW
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o640)
    # It is another file: a reader has the old one or the new one, never a part.
    assert status.st_ino != inode
    with open(done["backup_file"], "rb") as file:
        assert file.read() == OLD
    assert len(files(config)) == 2


def test_a_new_file(config):
    config.unlink()
    host(config, service=None).run({"do": "write", "sha256": None, "content": encode(NEW)})
    assert stat.S_IMODE(config.stat().st_mode) == 0o666 & ~_settings_host._umask()


def test_a_file_that_somebody_else_changed_meanwhile(config):
    with pytest.raises(SettingsError, match="changed by somebody else"):
        host(config, service=None).run({"do": "write", "sha256": sha256(b"x"), "content": encode(NEW)})
    assert config.read_bytes() == OLD


def test_a_failed_write_leaves_the_old_file(config, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_settings_host.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        host(config, service=None).run({"do": "write", "sha256": sha256(OLD), "content": encode(NEW)})
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
    assert order[-3:] == ["systemd-run --unit=vray-swarm-rescue-swarm-service", "systemctl stop", "systemctl start"]
    assert host(config).run({"do": "confirm"}) == {"confirmed": True}
    assert systemd.timer is None
    assert files(config) == ["swarm.yaml"]


def test_what_was_started_and_ended_is_not_confirmed(config, systemd):
    apply(config)
    systemd.active = "failed"
    found = host(config).run({"do": "confirm"})
    assert (found["confirmed"], found["log"]) == (False, "bad port")
    assert systemd.timer is not None


def test_settings_with_which_it_does_not_start(config, systemd):
    systemd.refuses = {NEW}
    done = apply(config)
    assert done["undone"]["trouble"] == ""
    assert done["undone"]["reason"] == "swarm.service did not start: systemd says failed (x); it wrote: bad port"
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


def test_a_file_that_changes_while_it_stops(config, systemd):
    systemd.during_stop = lambda: config.write_bytes(b"x: 1\n")
    done = apply(config)
    assert done["moved"] is True
    assert base64.b64decode(done["content"]) == b"x: 1\n"
    assert systemd.active == "inactive"
    assert apply(config, old=b"x: 1\n", stopped=True)["undone"] is None
    assert (systemd.active, config.read_bytes()) == ("active", NEW)
    # It is put back to what it was when Swarm had stopped.
    host(config).run({"do": "undo", "sha256": sha256(b"x: 1\n"), "reason": "x"})
    assert config.read_bytes() == b"x: 1\n"


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


def test_without_a_timer_nothing_is_stopped(config, systemd):
    systemd.timer_fails = True
    with pytest.raises(ServiceError, match=r"could not be set \(Access denied\), so it was not stopped"):
        apply(config)
    assert systemd.active == "active"


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


def test_a_start_of_what_is_down(config, systemd):
    step = {
        "do": "start",
        "ask": False,
        "sha256": sha256(OLD),
        "content": None,
        "web_port": 1,
        "allow_executables": None,
    }
    systemd.active = "inactive"
    assert host(config).run(step)["undone"] is None
    assert systemd.active == "active"
    systemd.active, systemd.refuses = "failed", {OLD}
    with pytest.raises(ServiceError, match=r"did not start: .*it wrote: bad port"):
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
    assert done["undone"]["reason"] == "the service is failed (x); u: connection refused; it wrote: bad port"
    assert (systemd.active, config.read_bytes(), systemd.timer) == ("active", OLD, None)


@pytest.mark.parametrize("load", ["not-found", "masked"])
def test_no_such_service(config, systemd, load):
    systemd.load = load
    with pytest.raises(OptionsError, match=f"swarm.service is {load}"):
        host(config).run({"do": "look"})


def test_no_systemd(monkeypatch):
    monkeypatch.setattr(_service_control, "_SYSTEMD_BOOTED", "/nonexistent")
    with pytest.raises(OptionsError, match="needs systemd"):
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
    assert "/a$${b}c" in systemd.timer
    assert not any("$" in word.replace("$$", "") for word in systemd.timer)
