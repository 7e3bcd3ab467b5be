# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of ansible-playbook: one play with one task, on hosts whose connection is local."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

UPLOAD = "renderops.vray_swarm.upload"
PING: dict[str, Any] = {"ansible.builtin.ping": {}}
NOTHING: dict[str, Any] = {"ansible.builtin.meta": "noop"}


def play(folder: Path, name: str, task: Mapping[str, Any]) -> Path:
    path = folder / f"{name}.json"
    plays = [{"hosts": "all", "gather_facts": False, "tasks": [dict(task)]}]
    path.write_text(json.dumps(plays, indent=1), encoding="utf-8")
    return path


def addresses(count: int) -> list[str]:
    return [f"127.0.{3 + index // 250}.{1 + index % 250}" for index in range(count)]


def inventory(folder: Path, name: str, hosts: Iterable[str], **variables: Any) -> Path:
    """The addresses, as hosts of these names."""
    path = folder / f"{name}.json"
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}", **variables}
    named = {f"peer{index}": {"ansible_host": address} for index, address in enumerate(hosts, 1)}
    path.write_text(json.dumps({"all": {"vars": local, "hosts": named}}, indent=1), encoding="utf-8")
    return path


def command(inventory: Path, play: Path, forks: int = 1) -> list[str]:
    return ["ansible-playbook", "-i", str(inventory), "-f", str(forks), str(play)]


def environ(folder: Path, pipelining: bool = True) -> dict[str, str]:
    """Ansible's settings: none of the user's."""
    return {
        "ANSIBLE_PIPELINING": "1" if pipelining else "0",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "ansible" / "tmp"),
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
    }
