# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it costs to find that nothing is to be done: on real hosts, over ssh and by a local connection. See tests/lab."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from swarm_lab import Lab, LabError, needs
from swarm_lab.lab import HERE
from swarm_lab.system import write
from swarm_peer.builds import make_archive

from . import plays
from .machine import MIB, BenchError, load
from .measure import Cost, Row, Table, interleave
from .noop import COLUMNS, FORKS, VERSION, add

LAB_NAME = "bench"
PEERS = 50
UPLOAD = {"data_dir": "{{ vray_swarm_data_dir }}", "config": "{{ vray_swarm_config }}"}
DISTRIBUTE = "renderops.vray_swarm.distribute"
SHARE = "renderops.vray_swarm.share"
ALL_PEERS = {"vray_swarm_hosts": "peers", "vray_swarm_waves": "100%"}
# Whose sshd is asked how often it was called, and whose service and mount the local hosts have.
WITNESS = "peer1"
LOCAL = 200


class Runs:
    """Runs of ansible-playbook on some of the peers, and what they cost the controller."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.number = 0

    def run(self, what: Any, pipelining: bool, *arguments: str, variables: Mapping[str, Any] | None = None) -> Cost:
        """The CPU is that of the control group: with all of ssh, and nothing of the hosts."""
        # The lab's own setting is an environment variable: this one wins.
        variables = {**(variables or {}), "ansible_pipelining": pipelining}
        started = time.perf_counter()
        with self.lab.start_playbook(what, *arguments, variables=variables) as playing:
            run = playing.wait(1200)
            wall = time.perf_counter() - started
            stat = (playing.cgroup.unified / "cpu.stat").read_text(encoding="ascii")
        if not run.succeeded:
            raise BenchError(f"a run in the lab failed: {run.output[-3000:]}")
        usec = dict(line.split(" ") for line in stat.splitlines())["usage_usec"]
        return Cost(wall, int(usec) / 1e6)


def tables(counts: Sequence[int], rounds: int, say: Callable[[str], None]) -> Iterator[Table]:
    """``counts``: how many peers, as in 1, 10, 50."""
    reason = needs.cannot()
    missing = needs.missing_packages()
    if reason or missing:
        say(f"no lab: {reason or 'missing packages: ' + ' '.join(missing)}")
        return
    lab = Lab(os.environ.get("LAB_NAME") or LAB_NAME, peers=max(5, *counts), keeps_bytecode=False)
    with lab.lock(), tempfile.TemporaryDirectory(prefix="vray_swarm-bench-") as name:
        folder = Path(name)
        build = make_archive(folder / f"vray-{VERSION}.tar", version=VERSION, size=3 * MIB)
        lab.up(say)
        try:
            yield from measured(lab, build, counts, rounds, say)
        finally:
            lab.down()


def measured(lab: Lab, build: Path, counts: Sequence[int], rounds: int, say: Callable[[str], None]) -> Iterator[Table]:
    runs = Runs(lab)
    table = Table(
        "Nothing to do, real hosts over ssh",
        f"`upload` with `data_dir` to peers that have the build, and `distribute` on peers that are right, {FORKS} forks,"
        f' {rounds} round(s), each run with new connections. "A peer" is what is left beyond the same command without a'
        " task, divided by the peers. CPU is the controller's. The hosts are on the same machine and share its cores.",
        COLUMNS,
    )
    upload = {plays.UPLOAD: {"src": str(build), **UPLOAD}}
    runs.run(play("peers", upload, become=True), True)
    distribute = prepare_distribute(runs, build, say)
    for pipelining in (True, False):
        for count in counts:
            say(f"lab, {count} peers, pipelining {pipelining}")
            limit = ",".join(f"peer{index}" for index in range(1, count + 1))
            arguments = ("--limit", f"{limit},localhost")
            rows = [
                Row("nothing", command(runs, play("peers", plays.NOTHING), pipelining, *arguments)),
                Row("ping", command(runs, play("peers", plays.PING, become=True), pipelining, *arguments)),
                Row("upload", command(runs, play("peers", upload, become=True), pipelining, *arguments)),
            ]
            if distribute is not None:
                rows.append(Row("distribute", command(runs, DISTRIBUTE, pipelining, *arguments, variables=distribute)))
            trips = {}
            for row in rows[1:]:
                before = len(lab.sessions(WITNESS))
                row.run()
                trips[row.name] = len(lab.sessions(WITNESS)) - before
            loads = interleave(rows, rounds, say)
            add(table, count, pipelining, rows, loads, trips)
    yield table
    if distribute is not None:
        yield local_table(runs, distribute, rounds, say)


def local_table(runs: Runs, variables: dict[str, Any], rounds: int, say: Callable[[str], None]) -> Table:
    """Many hosts whose connection is local, and which all are the witness: its service, its mount, its builds."""
    table = Table(
        "Nothing to do, distribute to local hosts",
        f"`distribute` on peers that are right, {FORKS} forks, {rounds} round(s). The hosts are one real host under many"
        " names, whose Python the local connection starts inside it. They share the controller's cores.",
        COLUMNS,
    )
    with local_hosts(runs.lab, LOCAL) as inventory:
        arguments = ("-i", str(HERE / "inventory.yml"), "-i", str(inventory))
        variables = {**variables, "vray_swarm_hosts": "local", "vray_swarm_become": False}
        for pipelining in (True, False):
            say(f"lab, {LOCAL} local hosts, pipelining {pipelining}")
            rows = [
                Row("nothing", command(runs, play("local", plays.NOTHING), pipelining, *arguments)),
                Row("ping", command(runs, play("local", plays.PING), pipelining, *arguments)),
                Row("distribute", command(runs, DISTRIBUTE, pipelining, *arguments, variables=variables)),
            ]
            loads = interleave(rows, rounds, say)
            add(table, LOCAL, pipelining, rows, loads, {})
    return table


@contextlib.contextmanager
def local_hosts(lab: Lab, count: int) -> Iterator[Path]:
    """An inventory with the group ``local``."""
    process = lab.hosts[WITNESS].process
    assert process
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    with tempfile.TemporaryDirectory(prefix="vray_swarm-local-") as name:
        folder = Path(name)
        python = folder / "python"
        write(python, f'#!/bin/sh\nexec nsenter --target {children[0]} --all -- /usr/bin/python3 "$@"\n', 0o755)
        # Modules that are copied lie at the same path for the controller and in the host.
        modules = folder / "modules"
        inside = Path(f"/proc/{children[0]}/root{modules}")
        inside.mkdir(parents=True)
        modules.symlink_to(inside)
        address = lab.hosts[WITNESS].address
        hosts = {f"local{index}": {"ansible_host": address} for index in range(1, count + 1)}
        connection = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(python),
            "ansible_remote_tmp": str(modules),
        }
        inventory = folder / "local.yml"
        write(inventory, json.dumps({"peers": {"children": {"local": {"hosts": hosts, "vars": connection}}}}))
        try:
            yield inventory
        finally:
            shutil.rmtree(inside.parent)


def play(hosts: str, task: Mapping[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    return [{"hosts": hosts, "gather_facts": False, "tasks": [{**task, **keywords}]}]


def command(
    runs: Runs, what: Any, pipelining: bool, *arguments: str, variables: Mapping[str, Any] | None = None
) -> Callable[[], Sequence[Cost]]:
    return lambda: (runs.run(what, pipelining, *arguments, variables=variables),)


def prepare_distribute(runs: Runs, build: Path, say: Callable[[str], None]) -> dict[str, Any] | None:
    """Bring the peers to where distribute has nothing to do. None where that cannot be done."""
    variables = {**ALL_PEERS, "vray_swarm_builds": [{"src": str(build)}]}
    try:
        runs.run(SHARE, True, variables={**variables, "vray_swarm_share_hosts": "servers"})
        for dummy in range(2):
            runs.run(DISTRIBUTE, True, variables=variables)
    except (BenchError, LabError, subprocess.SubprocessError) as error:
        say(f"distribute could not be brought to have nothing to do: its row is left out: {error}")
        return None
    say(f"distribute has nothing to do; load {load()}")
    return variables
