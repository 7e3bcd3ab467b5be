# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Stopping and starting Swarm's service, with a rescue that starts it when nobody comes back to do so."""

from __future__ import annotations

import abc
import os
import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import run_command
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, SwarmError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import shown

_SYSTEMD_BOOTED = "/run/systemd/system"  # sd_booted(3)
# One unit: no option, no pattern.
_NAME = re.compile(r"[A-Za-z0-9_:\\][A-Za-z0-9@_.:\\-]*")
_LOG_LINES = 5
_LOG_LENGTH = 1000
# A service that was restarted this often since we started it will not come up.
_MANY_RESTARTS = 3

# $1 service, $2 file, $3 its old content (if any was saved), $4 "new" when there was no file. A service that runs, and
# goes on running, is left alone. One that does not gets the settings back with which it ran.
_RESCUE = """\
restarts() { systemctl show --property=NRestarts -- "$1"; }
before=$(restarts "$1")
if systemctl is-active --quiet -- "$1" && sleep 10 && systemctl is-active --quiet -- "$1" &&
    [ "$before" = "$(restarts "$1")" ]; then
    rm -f -- "$3"
    exit 0
fi
if [ -e "$3" ]; then mv -f -- "$3" "$2"; elif [ "$4" = new ]; then rm -f -- "$2"; fi
systemctl reset-failed -- "$1"
systemctl start -- "$1"
"""


class ServiceError(SwarmError):
    """The service did not do what it was told to."""


class State(t.NamedTuple):
    """What the service manager says. ``running``: it serves, or will at any moment; ``hopeless``: it will not."""

    running: bool
    hopeless: bool
    text: str
    restarts: int


class ServiceControl(abc.ABC):
    """One service. Each service manager has a class of its own."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abc.abstractmethod
    def state(self) -> State:
        """:raises OptionsError: There is no such service."""

    @abc.abstractmethod
    def stop(self, seconds: float) -> None:
        """Stop the service and wait for its end.

        :raises ServiceError: It did not end in time. It will be started when it does.
        """

    @abc.abstractmethod
    def start(self, seconds: float) -> None:
        """:raises ServiceError: It did not start."""

    @abc.abstractmethod
    def arm(self, seconds: int, path: str, saved: str, is_new: bool) -> None:
        """Let the host start the service by itself after some time, with ``saved`` as the file ``path`` again."""

    @abc.abstractmethod
    def disarm(self) -> None:
        """Take that back."""

    @abc.abstractmethod
    def log(self) -> str:
        """The last lines that the service wrote, on one line."""


def control(name: str) -> ServiceControl:
    """:raises OptionsError: The name is none, or this host has no service manager that is supported."""
    if not _NAME.fullmatch(name):
        raise OptionsError(f"service is {shown(name)}; it is the name of one service, such as swarm.")
    if os.path.isdir(_SYSTEMD_BOOTED):
        return Systemd(name)
    raise OptionsError(
        "service needs systemd, which does not run on this host. Leave service out, and stop and start Swarm by other tasks."
    )


class Systemd(ServiceControl):
    def __init__(self, name: str) -> None:
        super().__init__(name if re.search(r"\.[a-z]+$", name) else f"{name}.service")
        # systemd-run takes a suffix such as .service for the kind of the unit.
        self.rescue = "vray-swarm-rescue-" + re.sub(r"[^A-Za-z0-9_-]", "-", self.name)

    def state(self) -> State:
        properties = "LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus"
        done = run_command("systemctl", "show", f"--property={properties}", "--", self.name)
        found = dict(line.partition("=")[::2] for line in done.output.splitlines())
        load, active, sub = (found.get(key, "") for key in ("LoadState", "ActiveState", "SubState"))
        if done.status != 0 or not active:
            raise ServiceError(f"systemctl show {self.name} failed: {done.error or done.output.strip()}")
        if load in ("not-found", "masked", "bad-setting", "error"):
            raise OptionsError(
                f"systemd says that the service {self.name} is {load}. Set service to the name of Swarm's service on this"
                " host; the playbook renderops.vray_swarm.discover finds it."
            )
        restarts = int(found["NRestarts"]) if found.get("NRestarts", "").isdigit() else 0
        text = f"{active} ({sub})"
        if active != "active" and found.get("Result", "success") != "success":
            text += f", {found['Result']}, status {found.get('ExecMainStatus')}"
        # A service that ended cleanly will not come back either.
        hopeless = active in ("failed", "inactive") or restarts >= _MANY_RESTARTS
        return State(active in ("active", "reloading", "refreshing"), hopeless, text, restarts)

    def stop(self, seconds: float) -> None:
        done = run_command("systemctl", "stop", "--", self.name, seconds=seconds)
        if done.status == 0:
            return
        state = self.state()
        # The start waits for the end of the service, however long that takes, and takes the place of the stop.
        run_command("systemctl", "start", "--no-block", "--", self.name)
        why = f"{seconds:g} s were not enough" if done.status is None else done.error
        raise ServiceError(
            f"{self.name} did not stop: {why}; systemd says {state.text}. systemd starts it again as soon as it has"
            " ended. Nothing was written."
        )

    def start(self, seconds: float) -> None:
        # Else systemd refuses a start after some failed ones.
        run_command("systemctl", "reset-failed", "--", self.name)
        done = run_command("systemctl", "start", "--", self.name, seconds=seconds)
        if done.status is None:
            raise ServiceError(
                f"{self.name} did not start: {seconds:g} s were not enough; systemd says {self.state().text}"
            )
        if done.status != 0:
            raise ServiceError(f"{self.name} did not start: systemd says {self.state().text}")

    def arm(self, seconds: int, path: str, saved: str, is_new: bool) -> None:
        self.disarm()
        script = ["/bin/sh", "-c", _RESCUE, "sh", self.name, path, saved, "new" if is_new else "old"]
        done = run_command(
            "systemd-run",
            f"--unit={self.rescue}",
            f"--description=Start {self.name} again, unless Ansible does",
            f"--on-active={seconds}",
            "--timer-property=AccuracySec=1s",
            # systemd replaces variables in a command line by itself.
            *(word.replace("$", "$$") for word in script),
        )
        if done.status != 0:
            raise ServiceError(
                f"the timer that would start {self.name} again could not be set ({done.error}), so it was not stopped. Does the"
                " task need become?"
            )

    def disarm(self) -> None:
        done = run_command("systemctl", "stop", f"{self.rescue}.timer")
        # 5: there is none.
        if done.status not in (0, 5):
            raise ServiceError(f"the timer {self.rescue}.timer could not be removed: {done.error}")
        run_command("systemctl", "reset-failed", f"{self.rescue}.service", f"{self.rescue}.timer")

    def log(self) -> str:
        done = run_command(
            "journalctl", "--no-pager", "-q", "-o", "cat", "-n", str(_LOG_LINES), "_SYSTEMD_UNIT=" + self.name
        )
        lines = [line.strip() for line in done.output.splitlines() if line.strip()] if done.status == 0 else []
        # What fails again and again says the same each time.
        return " / ".join(dict.fromkeys(lines))[-_LOG_LENGTH:]
