# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One Mac: its launchd, what runs on it and what is mounted, as launchctl, ps and mount tell it."""

from __future__ import annotations

import itertools
import plistlib
import stat
import time
import typing as t
from pathlib import Path

import swarm_peer

FOLDER = "/Library/LaunchDaemons"

Answer = t.Tuple[int, str, str]
_PIDS = itertools.count(2000)


class Job:
    """A daemon or timer that is loaded. Behind Swarm's is the reference peer."""

    def __init__(self, plist: t.Dict[str, t.Any]) -> None:
        self.plist = plist
        self.runs = 0
        self.exit_code: t.Optional[int] = None
        self.signal = ""
        self.pid: t.Optional[int] = None
        # When its process was started, as time.time() tells.
        self.started = 0.0
        self.peer: t.Optional[swarm_peer.Peer] = None

    @property
    def state(self) -> str:
        if self.pid:
            return "running"
        return "spawn scheduled" if (self.exit_code or self.signal) and self.plist.get("KeepAlive") else "not running"

    def start(self) -> None:
        if self.pid:
            return
        self.runs += 1
        program, *arguments = self.plist["ProgramArguments"]
        options = dict(zip(arguments[::2], arguments[1::2], strict=True))
        if not program.endswith("/swarm"):
            return
        peer = swarm_peer.Peer(
            options["--data"],
            port=None,
            config=options["--config"],
            platform=options["--platform"],
            temp_dir=Path(options["--data"]) / "tmp",
            faults=[options["--fault"]] if "--fault" in options else [],
        )
        self.started = time.time()
        try:
            peer.start()
        except Exception:  # pylint: disable=broad-except
            # Of its settings, anything can be wrong.
            self.exit_code = 1
            return
        self.peer, self.pid = peer, next(_PIDS)

    def stop(self) -> None:
        if self.peer:
            self.peer.stop()
        self.peer, self.pid = None, None

    def kill(self) -> None:
        """By kill -9, or for want of memory. What is kept alive comes back some seconds later, and here not yet."""
        self.stop()
        self.signal = "Killed: 9"


class Mac:
    def __init__(self, directory: Path, machine: str = "arm64") -> None:
        self.root = directory
        self.machine = machine
        self.daemons = directory / FOLDER.lstrip("/")
        self.daemons.mkdir(parents=True)
        (directory / "etc").mkdir()
        self.jobs: t.Dict[str, Job] = {}
        self.disabled: t.Set[str] = set()
        self.processes: t.List[t.Tuple[int, str]] = [(1, "/sbin/launchd")]
        self.mounts = ["/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)"]
        # What was asked of launchctl, but for looks.
        self.calls: t.List[str] = []
        # Called before each of these: what tests let happen in between.
        self.before: t.Callable[[str], None] = lambda call: None

    def answer(self, request: t.Mapping[str, t.Any]) -> Answer:
        program, *arguments = request["argv"]
        return {"launchctl": self._launchctl, "ps": self._ps, "mount": self._mount}[program](arguments)

    # ps(1): comm is the path of the executable.
    def _ps(self, arguments: t.List[str]) -> Answer:
        if arguments[:-1] == ["-o", "etime=", "-p"]:
            started = [job.started for job in self.jobs.values() if str(job.pid) == arguments[-1]]
            minutes, seconds = divmod(int(time.time() - started[0]), 60) if started else (0, 0)
            return (0, f"{minutes:02}:{seconds:02}\n", "") if started else (1, "", "")
        if arguments != ["-axww", "-o", "pid=,comm="]:
            return 1, "", f"ps: the double does not know {arguments}"
        return 0, "".join(f"{pid:5} {path}\n" for pid, path in self.processes), ""

    def _mount(self, arguments: t.List[str]) -> Answer:
        if arguments:
            return 1, "", "mount: the double mounts nothing"
        return 0, "".join(f"{line}\n" for line in self.mounts), ""

    # launchctl(1). The exit codes and texts are those of `launchctl error` and of reports of its use.
    def _launchctl(self, arguments: t.List[str]) -> Answer:
        if not arguments[0].startswith("print"):
            self.before(" ".join(arguments))
            self.calls.append(" ".join(arguments))
        verb, target = arguments[0], arguments[-1]
        if verb == "bootstrap" and arguments[1] == "system":
            return self._bootstrap(target)
        domain, _slash, label = target.partition("/")
        verbs = {"bootout": self._bootout, "kickstart": self._kickstart, "enable": self._enable, "print": self._print}
        if target == "system" and verb == "print-disabled":
            lines = "".join(f'\t\t"{name}" => disabled\n' for name in sorted(self.disabled))
            return 0, f"\n\tdisabled services = {{\n{lines}\t}}\n", ""
        if domain != "system" or verb not in verbs:
            return 64, "", f"Unrecognized subcommand: {arguments}"
        return verbs[verb](label, arguments[1:-1])

    def _bootstrap(self, path: str) -> Answer:
        real = self.root / path.lstrip("/")
        if not path.startswith(FOLDER + "/") or not real.exists():
            return 5, "", "Bootstrap failed: 5: Input/output error"
        if real.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return 122, "", "Bootstrap failed: 122: Path had bad ownership/permissions"
        plist = plistlib.loads(real.read_bytes())
        label = plist["Label"]
        if label in self.disabled:
            return 119, "", "Bootstrap failed: 119: Service is disabled"
        if label in self.jobs:
            return 37, "", "Bootstrap failed: 37: Operation already in progress"
        job = self.jobs[label] = Job(plist)
        if plist.get("RunAtLoad") or plist.get("KeepAlive"):
            job.start()
        return 0, "", ""

    def _bootout(self, label: str, _options: t.List[str]) -> Answer:
        if label not in self.jobs:
            return 3, "", "Boot-out failed: 3: No such process"
        self.jobs.pop(label).stop()
        return 0, "", ""

    def _kickstart(self, label: str, options: t.List[str]) -> Answer:
        if label not in self.jobs:
            return self._unknown(label)
        if "-k" in options:
            self.jobs[label].stop()
        self.jobs[label].start()
        return 0, "", ""

    def _enable(self, label: str, _options: t.List[str]) -> Answer:
        self.disabled.discard(label)
        return 0, "", ""

    def _print(self, label: str, _options: t.List[str]) -> Answer:
        if label not in self.jobs:
            return self._unknown(label)
        job = self.jobs[label]
        lines = [
            f"system/{label} = {{",
            f"\tactive count = {int(bool(job.pid))}",
            f"\tpath = {FOLDER}/{label}.plist",
            "\ttype = LaunchDaemon",
            f"\tstate = {job.state}",
            "",
            f"\truns = {job.runs}",
            *([f"\tpid = {job.pid}"] if job.pid else []),
            # What a signal ended has that line instead, as reports of launchctl print show.
            f"\tlast terminating signal = {job.signal}"
            if job.signal
            else f"\tlast exit code = {'(never exited)' if job.exit_code is None else job.exit_code}",
            "",
            # A part of it has a state of its own.
            '\tendpoints = {\n\t\t"x" = {\n\t\t\tstate = active\n\t\t}\n\t}',
            "}",
        ]
        return 0, "".join(f"{line}\n" for line in lines), ""

    @staticmethod
    def _unknown(label: str) -> Answer:
        return 113, "", f'Bad request.\nCould not find service "{label}" in domain for system'
