# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-playbook on hosts that are doubles. It wants tests/doubles, tests/peer and tests/lab in sys.path."""

from __future__ import annotations

import abc
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

from double_server import Host, Server
from swarm_lab.playbook import Result, Run
from swarm_peer import builds

ROOT = Path(__file__).resolve().parents[2]

VERSION = "6.20.10-e8197af2"
NAME = "vray-6.20.10-e8197af2.tar"
# The seconds for which a build has to be the same until a role takes it for deployed. A double unpacks in one go.
QUICK = {"__vray_swarm_still_time": 0.5}


class Peer(t.Protocol):
    """A host with Swarm on it."""

    @property
    def double(self) -> Host:
        """What answers for the host."""

    def end(self) -> None:
        """End whatever still runs on it."""


AnyPeer = t.TypeVar("AnyPeer", bound=Peer)


class Farm(abc.ABC, t.Generic[AnyPeer]):
    """Hosts, and whatever plays on them."""

    PLATFORM: t.ClassVar[str]
    #: What ansible-playbook finds the doubles by.
    ENVIRON: t.ClassVar[t.Dict[str, str]] = {}

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.share = directory / "nas"
        self.peers: t.Dict[str, AnyPeer] = {}
        # Variables of hosts. Those that are no doubles have their connection there.
        self.variables: t.Dict[str, t.Dict[str, t.Any]] = {}
        self._runs = 0
        self._process: subprocess.Popen[str]

    @contextlib.contextmanager
    def doubles(self) -> t.Iterator[t.Dict[str, t.Dict[str, t.Any]]]:
        """The doubles with their variables; they answer as long as this lasts."""
        with Server({name: peer.double for name, peer in self.peers.items()}) as server:
            yield {name: self.variables_of(peer, server.path) for name, peer in self.peers.items()}
            assert not server.faults, "\n".join(server.faults)

    @abc.abstractmethod
    def variables_of(self, peer: AnyPeer, socket: str) -> t.Dict[str, t.Any]:
        """What the inventory says of a peer that answers at this socket."""

    def end(self) -> None:
        for peer in self.peers.values():
            peer.end()

    def build(self, name: str = NAME, installer: bool = False, **options: t.Any) -> Path:
        path = self.directory / "builds" / name
        path.parent.mkdir(exist_ok=True)
        make = builds.make_installer if installer else builds.make_archive
        make(path, **{"version": VERSION, "platform": self.PLATFORM, "size": 1 << 20, **options})
        return path

    def task(
        self, action: str, options: t.Mapping[str, t.Any], *arguments: str, host: str = "", **task: t.Any
    ) -> Result:
        """Run one task, also one that fails."""
        play = self.play([{"name": "It", action: dict(options), **task}], *arguments, host=host)
        return play.one(task="It")

    def play(
        self, tasks: t.Sequence[t.Mapping[str, t.Any]], *arguments: str, host: str = "", **variables: t.Any
    ) -> Run:
        play = {"name": "Test", "hosts": host or "all", "gather_facts": False, "tasks": list(tasks)}
        self._runs += 1
        path = self.directory / f"play{self._runs}.json"
        path.write_text(json.dumps([play]))
        return self.run(str(path), *arguments, **variables)

    def hooks(self) -> t.Dict[str, str]:
        """Variables of tasks that tell a scheduler. A :func:`story` shows them."""
        variables = {}
        for name in ("before_stop", "after_start"):
            path = self.directory / f"{name}.yml"
            path.write_text(json.dumps([{"name": f"Hook {name}", "ansible.builtin.debug": {}}]))
            variables[f"vray_swarm_{name}_tasks"] = str(path)
        return variables

    def kill(self) -> None:
        """As if the power of the control machine failed."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def run(self, playbook: str, *arguments: str, **variables: t.Any) -> Run:
        self._runs += 1
        events = self.directory / f"events{self._runs}.jsonl"
        extra = self.directory / f"extra{self._runs}.json"
        extra.write_text(json.dumps({**QUICK, **variables}))
        with self.doubles() as doubles:
            names = [*doubles, *(name for name in self.variables if name not in doubles)]
            hosts = {name: {**doubles.get(name, {}), **self.variables.get(name, {})} for name in names}
            inventory = self.directory / "inventory.json"
            inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
            self._process = subprocess.Popen(
                [
                    str(Path(sys.executable).parent / "ansible-playbook"),
                    *("-i", str(inventory), "-e", f"@{extra}", playbook, *arguments),
                ],
                env={
                    **os.environ,
                    **self.ENVIRON,
                    "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "lab" / "callback"),
                    "ANSIBLE_CALLBACKS_ENABLED": "lab_results",
                    "ANSIBLE_LOCALHOST_WARNING": "0",
                    "ANSIBLE_HOME": str(self.directory / "ansible"),
                    "ANSIBLE_NOCOLOR": "1",
                    "LAB_RESULTS": str(events),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            try:
                output, _nothing = self._process.communicate(timeout=180)
            finally:
                self.kill()
        lines = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
        fields = ("host", "task", "action", "status", "data")
        results = [Result(*(line[field] for field in fields)) for line in lines if line["event"] == "result"]
        recap: t.Dict[str, t.Dict[str, int]] = next((line["recap"] for line in lines if line["event"] == "recap"), {})
        return Run(self._process.returncode, output, results, recap)


def story(run: Run, host: str) -> t.List[str]:
    """What was done to a peer, in its order: whom a hook told, what was changed, and what failed."""
    told = []
    for result in run.of(host):
        if "Hook " in result.task:
            told.append(result.task.split("Hook ")[1])
        elif result.status == "changed" or (result.status == "failed" and not result.action.endswith(".fail")):
            told.append(f"{result.action.split('.')[-1]} {result.status}")
    return told


def unpack(build: Path, data_dir: Path) -> Path:
    """Deploy a build, as whatever put it there before the test; return its directory."""
    found = builds.read_build(build)
    into = data_dir / "VRay" / f"vray-{found.version_str}"
    builds.extract(found, build, into)
    return into


def content(directory: Path) -> t.List[t.Tuple[str, int]]:
    """The names and sizes of what is in a build."""
    return sorted((path.name, path.stat().st_size) for path in directory.rglob("*") if path.is_file())


def halve(build: Path, data_dir: Path) -> t.Tuple[Path, Path]:
    """Leave of a build what a Swarm leaves that is killed while it unpacks what was sent; return that and its mark."""
    half = unpack(build, data_dir)
    (half / "vray.json").unlink()
    mark = data_dir / f".vray_swarm-{VERSION}.sending"
    mark.mkdir()
    return half, mark


def free_port() -> int:
    """A port that nobody has, and that no connection of this machine begins at: a double binds it later, and again."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
