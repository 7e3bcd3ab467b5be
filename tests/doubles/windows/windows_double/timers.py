# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scheduled tasks of service.ps1: when the Task Scheduler runs them, and what they do then.

Nothing waits here: between two tries of a task, the double calls what the test lets happen meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._scripts import script_text

from .files import WindowsError

if t.TYPE_CHECKING:
    from .host import Host
    from .services import Service

# As many as the test has patience for; on Windows they fill an hour.
_TRIES = 6
# Of these, as many are over in a minute.
_FEW_TRIES = 2


class _Ended(Exception):
    """Somebody stopped the task, as Stop-ScheduledTask does."""


def runs_late() -> bool:
    """Whether a time that was slept through is made up for.

    TaskSettings.StartWhenAvailable: "applies only to time-based tasks with an end boundary or time-based tasks that are
    set to repeat infinitely".
    """
    text = script_text("service")
    return "-StartWhenAvailable" in text and ".EndBoundary = " in text


def runs_at_startup() -> bool:
    """Whether it has a boot trigger: New-ScheduledTaskTrigger -AtStartup."""
    return "New-ScheduledTaskTrigger -AtStartup" in script_text("service")


def runs_each_hour() -> bool:
    """Whether the trigger repeats: New-ScheduledTaskTrigger -RepetitionInterval."""
    return "-RepetitionInterval ([TimeSpan]::FromHours(1))" in script_text("service")


def fire(host: Host, name: str) -> None:
    """A task runs: it removes itself when its work is done, and else stays."""
    task = host.tasks[name]
    task["at_work"] = True
    try:
        is_done = {"rescue": _rescue, "revert": _revert}[task["kind"]](host, name, task)
    except _Ended:
        return
    task["at_work"] = False
    if is_done:
        host.tasks.pop(name, None)


def stop_work(host: Host, name: str, service: Service, patience: int, is_replaced: bool) -> None:
    """What runs is ended; a service that is down then is started, unless it is to stay down.

    :param is_replaced: Whether another task is set: whoever does that starts the service next.
    """
    task = host.tasks.get(name)
    if task is None or not task.get("at_work"):
        return
    task["at_work"] = False
    if patience and service.state != "started":
        try:
            service.start()
        except WindowsError:
            if not is_replaced:
                raise


def _pause(host: Host, name: str, task: t.Mapping[str, t.Any]) -> None:
    host.meanwhile(name)
    if not task["at_work"]:
        raise _Ended


def _is_steady(service: Service) -> bool:
    pid = service.pid
    service.live_on()
    return service.state == "started" and service.pid == pid


def _restore(host: Host, source: str, target: str) -> None:
    host.check_locked(source, target)
    host.move_over(host.real(source), host.real(target))


def _rescue(host: Host, name: str, task: t.Mapping[str, t.Any]) -> bool:
    data, service = task["data"], host.services[task["data"]["name"]]
    saved, path = host.real(data["saved"]), host.real(data["path"])
    for number in range(_TRIES):
        if _is_steady(service):
            saved.unlink(missing_ok=True)
            return True
        try:
            if service.state == "started" and saved.exists():
                service.stop()
            if service.state == "stopped":
                try:
                    if saved.exists():
                        _restore(host, data["saved"], data["path"])
                    elif path.exists() and data["new"] == hashlib.sha256(path.read_bytes()).hexdigest():
                        os.replace(path, host.real(data["path"] + ".reverted~"))
                except WindowsError:
                    if number < _FEW_TRIES:
                        raise
                service.start()
        except WindowsError:
            pass
        _pause(host, name, task)
    return _is_steady(service)


def _revert(host: Host, name: str, task: t.Mapping[str, t.Any]) -> bool:
    data, service = task["data"], host.services[task["data"]["name"]]
    old, kept = host.real(data["old"]), host.real(data["path"] + ".reverted~")
    _wait(host, name, task, lambda: data["rescue"] in host.tasks)
    if not old.exists():
        return True
    for _number in range(_TRIES):
        try:
            host.check_locked(data["old"], data["path"])
        except WindowsError:
            _pause(host, name, task)
            continue
        path = host.real(data["path"])
        if path.exists():
            kept.write_bytes(path.read_bytes())
        host.move_over(old, path)
        break
    else:
        return False
    _wait(host, name, task, lambda: data["rescue"] in host.tasks or bool(data["root"] and host.renders(data["root"])))
    first = service.pid
    # It has a day, not an hour.
    for _number in range(24 * _TRIES if first else 0):
        try:
            if service.pid == first:
                service.stop()
            service.start()
            if service.pid != first and _is_steady(service):
                return True
        except WindowsError:
            pass
        _pause(host, name, task)
    return not first


def _wait(host: Host, name: str, task: t.Mapping[str, t.Any], is_awaited: t.Callable[[], bool]) -> None:
    for _number in range(_TRIES):
        if not is_awaited():
            return
        _pause(host, name, task)
