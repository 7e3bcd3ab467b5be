# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What the service manager of a host says about Swarm's service: systemd, or launchd on macOS."""

from __future__ import annotations

import os
import re
import sys
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import run_command
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import shown

_SYSTEMD_BOOTED = "/run/systemd/system"  # sd_booted(3)
_PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,MainPID"

_STATES = {
    "active": "running",
    "reloading": "running",
    "refreshing": "running",
    "inactive": "stopped",
    "failed": "failed",
    # On its way: it does not serve yet, or no more. `detail` tells which.
    "activating": "stopped",
    "deactivating": "stopped",
}
# systemctl(1), is-enabled. What is not here (static, generated, transient …) is neither.
_ENABLED = {
    "enabled": True,
    "alias": True,
    "disabled": False,
    "masked": False,
    "masked-runtime": False,
    "linked": False,
    "linked-runtime": False,
    # Until the next start of the host only.
    "enabled-runtime": False,
}
# A label of launchd or a unit of systemd, which would take a pattern for several units.
_NAME = re.compile(r"[A-Za-z0-9@_.:\\][A-Za-z0-9@_.:\\-]*")


def check_service_name(name: str) -> None:
    """:raises OptionsError: No service can have this name."""
    if not _NAME.fullmatch(name):
        raise OptionsError(f"service is {shown(name)}; it is the name of one service, such as swarm.")


def look_at_service(name: str) -> t.Dict[str, t.Any]:
    """Return ``state``, ``enabled``, ``manager``, ``detail`` (its own words), ``pid`` and ``error`` (why it is unknown)."""
    if sys.platform == "darwin":
        return _launchd(name)
    if os.path.isdir(_SYSTEMD_BOOTED):
        done = run_command("systemctl", "show", "--no-pager", f"--property={_PROPERTIES}", "--", name)
        if done.status == 0:
            return parse_systemctl(done.output)
        return _unknown("systemd", done.error or f"systemctl ended with {done.status}")
    return _unknown(None, "this host runs neither systemd nor launchd")


def parse_systemctl(text: str) -> t.Dict[str, t.Any]:
    """Read the output of ``systemctl show``."""
    found = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    load, active, sub = (found.get(name, "") for name in ("LoadState", "ActiveState", "SubState"))
    if not active:
        return _unknown("systemd", "systemctl said nothing about its state")
    state = _STATES.get(active, "unknown")
    # Between two starts of a service that fails each time.
    if sub.startswith("auto-restart"):
        state = "failed"
    if load == "not-found" and state in ("stopped", "unknown"):
        state = "absent"
    detail = f"{active} ({sub})" if load in ("loaded", "") else f"{active} ({sub}), {load}"
    enabled = None if state == "absent" else _ENABLED.get(found.get("UnitFileState", ""))
    return _service("systemd", state, enabled, detail, found.get("MainPID"))


def _launchd(name: str) -> t.Dict[str, t.Any]:
    done = run_command("launchctl", "print", f"system/{name}")
    if done.status is None:
        return _unknown("launchd", done.error)
    disabled = run_command("launchctl", "print-disabled", "system")
    return parse_launchctl(name, done.status, done.output, disabled.output if disabled.status == 0 else None)


def parse_launchctl(name: str, status: int, text: str, disabled: t.Optional[str]) -> t.Dict[str, t.Any]:
    """Read ``launchctl print system/NAME`` and ``launchctl print-disabled system``.

    launchd knows a service that is loaded. One that is not can still have a file in /Library/LaunchDaemons.
    """
    # 113: could not find the service.
    if status == 113:
        there = os.path.exists(f"/Library/LaunchDaemons/{name}.plist")
        state, detail = ("stopped", "not loaded") if there else ("absent", "")
    elif status != 0:
        return _unknown("launchd", f"launchctl ended with {status}")
    else:
        match = re.search(r"(?m)^\t?[ ]*state = (.+?)\s*$", text)
        detail = match.group(1) if match else ""
        # What ended by a signal has no code. SIGTERM (15) is how launchd itself ends it.
        code = re.search(r"(?m)^\s*last exit code = (-?\d+)", text)
        signal = re.search(r"(?m)^\s*last terminating signal = (?:.*: )?(\d+)\s*$", text)
        if detail == "running":
            state = "running"
        elif not detail:
            return _unknown("launchd", "launchctl said nothing about its state")
        else:
            failed = (code and code.group(1) != "0") or (signal and signal.group(1) != "15")
            state = "failed" if failed else "stopped"
    pid = re.search(r"(?m)^\t?[ ]*pid = (\d+)\s*$", text)
    enabled: t.Optional[bool] = None
    if state != "absent" and disabled is not None:
        line = re.search(rf'(?m)^\s*"{re.escape(name)}" => (\w+)', disabled)
        enabled = not (line and line.group(1) in ("true", "disabled"))
    return _service("launchd", state, enabled, detail, pid.group(1) if pid else None)


def _unknown(manager: t.Optional[str], error: str) -> t.Dict[str, t.Any]:
    return _service(manager, "unknown", None, None, error=error)


def _service(
    manager: t.Optional[str],
    state: str,
    enabled: t.Optional[bool],
    detail: t.Optional[str],
    pid: t.Optional[str] = None,
    error: t.Optional[str] = None,
) -> t.Dict[str, t.Any]:
    return {
        "state": state,
        "enabled": enabled,
        "manager": manager,
        "detail": detail or None,
        # systemd says 0 where there is none.
        "pid": int(pid) if pid and pid.isdigit() and int(pid) and state == "running" else None,
        "error": error,
    }
