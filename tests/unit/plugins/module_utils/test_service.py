# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd and launchd say about a service."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _service
from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import run_command
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service import (
    check_service_name,
    look_at_service,
    parse_launchctl,
    parse_systemctl,
)


def systemctl(load, active, sub, file):
    return "LoadState=%s\nActiveState=%s\nSubState=%s\nUnitFileState=%s\nMainPID=812\n" % (load, active, sub, file)


@pytest.mark.parametrize(
    "said, state, enabled, detail",
    [
        (("loaded", "active", "running", "enabled"), "running", True, "active (running)"),
        (("loaded", "active", "running", "disabled"), "running", False, "active (running)"),
        (("loaded", "reloading", "reload", "enabled"), "running", True, "reloading (reload)"),
        (("loaded", "inactive", "dead", "enabled"), "stopped", True, "inactive (dead)"),
        (("loaded", "failed", "failed", "enabled"), "failed", True, "failed (failed)"),
        (("loaded", "activating", "auto-restart", "enabled"), "failed", True, "activating (auto-restart)"),
        (
            ("loaded", "activating", "auto-restart-queued", "enabled"),
            "failed",
            True,
            "activating (auto-restart-queued)",
        ),
        (("loaded", "activating", "start-pre", "enabled"), "stopped", True, "activating (start-pre)"),
        (("loaded", "deactivating", "stop-sigterm", "enabled"), "stopped", True, "deactivating (stop-sigterm)"),
        (("loaded", "active", "running", "static"), "running", None, "active (running)"),
        (("loaded", "active", "running", "generated"), "running", None, "active (running)"),
        (("loaded", "active", "running", "enabled-runtime"), "running", False, "active (running)"),
        (("masked", "inactive", "dead", "masked"), "stopped", False, "inactive (dead), masked"),
        (("not-found", "inactive", "dead", ""), "absent", None, "inactive (dead), not-found"),
        # Its file was removed while it runs.
        (("not-found", "active", "running", ""), "running", None, "active (running), not-found"),
        (("loaded", "maintenance", "x", "enabled"), "unknown", True, "maintenance (x)"),
    ],
)
def test_systemd(said, state, enabled, detail):
    assert parse_systemctl(systemctl(*said)) == {
        "state": state,
        "enabled": enabled,
        "manager": "systemd",
        "detail": detail,
        "pid": 812 if state == "running" else None,
        "error": None,
    }


def test_systemd_that_says_nothing():
    found = parse_systemctl("")
    assert (found["state"], found["enabled"]) == ("unknown", None)
    assert found["error"]


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """Commands that are run, and what they answer."""
    ran = {"answers": {}, "run": []}

    def run(argv, **options):
        ran["run"].append(argv)
        assert options["env"]["LC_ALL"] == "C"
        assert options["timeout"]
        answer = ran["answers"][argv[:2]]
        if isinstance(answer, Exception):
            raise answer
        status, out, err = answer
        return subprocess.CompletedProcess(argv, status, out.encode(), err.encode())

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(_service, "_SYSTEMD_BOOTED", str(tmp_path))
    monkeypatch.setattr(_service.sys, "platform", "linux")
    return ran


def test_systemd_is_asked_once(commands):
    commands["answers"]["systemctl", "show"] = (0, systemctl("loaded", "active", "running", "enabled"), "")
    assert look_at_service("swarm")["state"] == "running"
    (argv,) = commands["run"]
    assert argv[-2:] == ("--", "swarm")


@pytest.mark.parametrize("said, pid", [("812", 812), ("0", None), ("", None)])
def test_the_main_process_by_systemd(said, pid):
    text = systemctl("loaded", "active", "running", "enabled").replace("MainPID=812", "MainPID=" + said)
    assert parse_systemctl(text)["pid"] == pid


@pytest.mark.parametrize(
    "answer, error",
    [
        ((1, "", "Failed to connect to bus: No such file or directory"), "Failed to connect to bus"),
        ((4, "", ""), "systemctl ended with 4"),
        (FileNotFoundError(2, "No such file or directory"), "systemctl could not be run: No such file"),
        (subprocess.TimeoutExpired("systemctl", 20), "systemctl did not end within 20 s"),
    ],
)
def test_a_systemd_that_cannot_be_asked(commands, answer, error):
    commands["answers"]["systemctl", "show"] = answer
    found = look_at_service("swarm")
    assert (found["state"], found["enabled"], found["manager"]) == ("unknown", None, "systemd")
    assert error in found["error"]


def test_another_manager(commands, monkeypatch):
    monkeypatch.setattr(_service, "_SYSTEMD_BOOTED", "/nowhere")
    found = look_at_service("swarm")
    assert (found["state"], found["manager"], commands["run"]) == ("unknown", None, [])
    assert "neither systemd nor launchd" in found["error"]


RUNNING = """system/com.example.swarm = {
\tactive count = 1
\tpath = /Library/LaunchDaemons/com.example.swarm.plist
\tstate = running

\tpid = 512
\tlast exit code = (never exited)

\tspawn type = daemon (3)
\tendpoints = {
\t\t"x" = {
\t\t\tstate = active
\t\t}
\t}
}
"""
STOPPED = RUNNING.replace("state = running", "state = not running").replace("(never exited)", "0")
KILLED = STOPPED.replace("last exit code = 0", "last terminating signal = Killed: 9")
DISABLED = '\tdisabled services = {\n\t\t"com.example.swarm" => %s\n\t\t"com.example.swarm2" => true\n\t}\n'


@pytest.mark.parametrize(
    "status, text, disabled, state, enabled",
    [
        (0, RUNNING, DISABLED % "false", "running", True),
        (0, RUNNING, DISABLED % "enabled", "running", True),
        (0, RUNNING, "", "running", True),
        (0, RUNNING, None, "running", None),
        (0, STOPPED, DISABLED % "true", "stopped", False),
        (0, STOPPED, DISABLED % "disabled", "stopped", False),
        (0, STOPPED.replace("code = 0", "code = 78"), "", "failed", True),
        (0, KILLED, "", "failed", True),
        (0, KILLED.replace("Killed: 9", "Terminated: 15"), "", "stopped", True),
        (0, KILLED.replace("not running", "running"), "", "running", True),
        (0, "", "", "unknown", None),
        (1, "", "", "unknown", None),
        (113, "", "", "absent", None),
    ],
)
def test_launchd(status, text, disabled, state, enabled):
    found = parse_launchctl("com.example.swarm", status, text, disabled)
    assert (found["state"], found["enabled"], found["manager"]) == (state, enabled, "launchd")
    assert bool(found["error"]) is (state == "unknown")
    assert found["pid"] == (512 if state == "running" else None)


def test_launchd_does_not_know_what_is_not_loaded(monkeypatch):
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/Library/LaunchDaemons/com.example.swarm.plist")
    assert parse_launchctl("com.example.swarm", 113, "", "")["state"] == "stopped"


def test_launchd_is_asked(commands, monkeypatch):
    monkeypatch.setattr(_service.sys, "platform", "darwin")
    commands["answers"]["launchctl", "print"] = (0, RUNNING, "")
    commands["answers"]["launchctl", "print-disabled"] = (0, DISABLED % "false", "")
    found = look_at_service("com.example.swarm")
    assert (found["state"], found["enabled"]) == ("running", True)
    commands["answers"]["launchctl", "print"] = FileNotFoundError(2, "No such file")
    assert look_at_service("com.example.swarm")["state"] == "unknown"


@pytest.mark.parametrize("name", ["swarm", "vray-swarm.service", "swarm@1", "com.example.swarm", r"a\x2db"])
def test_names(name):
    check_service_name(name)


@pytest.mark.parametrize("name", ["-x", "swarm*", "a b", "a/b", "[ab]", "a\nb", "swarm?"])
def test_names_that_are_none(name):
    """A pattern would be several services."""
    with pytest.raises(OptionsError, match="service is"):
        check_service_name(name)


def test_a_real_command():
    assert run_command("sh", "-c", "printf out; printf err >&2; exit 3") == (3, "out", "err")
    done = run_command("sleep", "60", seconds=0.1)
    assert (done.status, done.error) == (None, "sleep did not end within 0.1 s")
