# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What scenarios do with a peer whose unit and paths are the usual ones."""

from __future__ import annotations

import json
import shlex
from typing import Any

from .lab import Lab

#: The executable of what start_render() starts.
RENDER = "/var/lib/swarm/VRay/vray-1.0.0-abcdef12/bin/vray"
DROP_INS = "/etc/systemd/system/swarm.service.d"


def until(lab: Lab, host: str, condition: str, seconds: int = 40) -> None:
    """Wait for what a shell command on a host says."""
    lab.ssh(host, f"timeout {seconds} sh -c {shlex.quote(f'until {condition}; do sleep 0.1; done')}")


def pid(lab: Lab, host: str, service: str = "swarm") -> str:
    return lab.ssh(host, f"systemctl show --value --property MainPID {service}").strip()


def answer(lab: Lab, host: str, port: int = 1113) -> Any:
    """What a peer says of allowExecutables; it need not listen yet."""
    ask = f"curl -s --retry 40 --retry-delay 1 --retry-all-errors http://127.0.0.1:{port}/debug/allowExecutables"
    return json.loads(lab.ssh(host, ask))


def timers(lab: Lab, host: str) -> str:
    """The units by which a host helps itself."""
    return lab.ssh(host, "systemctl list-units --all --plain --no-legend 'vray-swarm-*'")


def rescue(lab: Lab, host: str) -> None:
    """Let the time have come at which a host helps itself, if it waits for that."""
    unit, do = "vray-swarm-rescue-swarm-service", "systemctl --no-block"
    lab.ssh(host, f"! systemctl is-active -q {unit}.timer || {{ {do} start {unit}.service; {do} stop {unit}.timer; }}")


def drop_in(lab: Lab, host: str, *lines: str) -> None:
    """Change how a host's Swarm starts and stops, from its next start on."""
    text = "\n".join(("[Service]", *lines, ""))
    lab.ssh(host, f"mkdir -p {DROP_INS}; cat > {DROP_INS}/test.conf; systemctl daemon-reload", stdin=text)


def start_render(lab: Lab, host: str, unit: str = "render") -> None:
    """Let a program of a deployed build run, as a render does."""
    lab.ssh(host, f"mkdir -p {RENDER[:-5]}; cp -n /bin/sleep {RENDER}; systemd-run --unit={unit} {RENDER} 600")
    until(lab, host, f"pgrep -f {RENDER} >/dev/null")
