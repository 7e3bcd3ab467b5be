# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many uploads to reference peers that misbehave by chance: in the end each peer has each build, and got it once.

    soak.py [--uploads 1000] [--seed 1] [--peers 8] [--share 0.4]

It does what an operator does: who failed is run again, until nobody fails. Each upload is the code of the module on a
host, in a process of its own kind, several at a time on each peer. What the peers do wrong is drawn from the seed; which
upload it hits is a matter of the scheduler.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import dataclasses
import hashlib
import multiprocessing
import random
import sys
import tempfile
import time
import typing as t
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "peer"))

from swarm_peer import Peer  # noqa: E402
from swarm_peer.builds import make_archive  # noqa: E402
from swarm_peer.faults import Faults, Plan, parse  # noqa: E402

WORKERS = 4
ROUNDS = 30
PATIENCE = 30.0
# What becomes of an upload; the bytes are filled in. Each is as likely as the others.
TROUBLE = (
    "reset,after={bytes}",
    "reset,after=end",
    "die,after={bytes},back=0.2",
    "die,after=end,back=0.2",
    "stall,after={bytes}",
    "early,after={bytes},then=close",
    "early,after={bytes},then=sit",
    "late,seconds=0.3",
    "silent",
    "fail=no room",
    "garbage=truncated",
    "garbage=html",
    "status=503",
)


class Flaky(Faults):
    """Faults by chance, always the same ones in the same order."""

    def __init__(self, seed: str, share: float, largest: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._share = share
        self._largest = largest
        #: Nothing happens any more.
        self.over = False
        self.struck: t.Counter[str] = collections.Counter()

    def reads_little(self) -> bool:
        return True

    def for_upload(self) -> Plan:
        with self._lock:
            if self.over or self._random.random() >= self._share:
                return Plan()
            text = self._random.choice(TROUBLE).format(bytes=self._random.randrange(self._largest))
            fault = parse(text)
            name = f"{fault.kind},after=end" if text.find("after=end") > 0 else fault.kind
            self.struck[name] += 1
            return Plan({fault.kind: fault})


@dataclasses.dataclass(frozen=True)
class Job:
    peer: str
    port: int
    data_dir: str
    src: str
    queued: bool


@dataclasses.dataclass
class Told:
    """What a task told."""

    job: Job
    outcome: str
    attempts: int
    bytes_sent: int
    msg: str


def upload(job: Job) -> Told:
    """One task, as the module does it."""

    from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import upload_spec
    from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SwarmError
    from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload import Hooks, Upload
    from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload_module import _LocalHost

    options = {name: option.get("default") for name, option in upload_spec().items()}
    options.update(src=job.src, peer=job.peer, web_port=job.port, data_dir=job.data_dir, queued=job.queued)
    options.update(connect_timeout=5.0, stall_timeout=0.7, deploy_timeout=1.5, retries=2, retry_delay=0.1)
    task = Upload(options, _LocalHost(options), Hooks())
    msg = ""
    try:
        task.run(check_mode=False)
    except SwarmError as error:
        msg = str(error)
    report = task.report
    return Told(job, "failed" if msg else report.outcome, report.attempts, report.bytes_sent, msg)


@dataclasses.dataclass
class Result:
    uploads: int
    tasks: int = 0
    attempts: int = 0
    rounds: int = 0
    seconds: float = 0.0
    outcomes: t.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    struck: t.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    #: What is not as it should be; nothing, if all is well.
    wrong: t.List[str] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        def listed(counter: t.Counter[str]) -> str:
            return ", ".join(f"{number} {name}" for name, number in counter.most_common())

        return "\n".join(
            [
                f"{self.uploads} uploads in {self.seconds:.0f} s: {self.tasks} tasks in {self.rounds} rounds,"
                f" {self.attempts} attempts",
                f"what the tasks told: {listed(self.outcomes)}",
                f"what the peers did: {self.struck.total()} faults: {listed(self.struck)}",
                *(f"WRONG: {text}" for text in self.wrong),
                f"{len(self.wrong)} lost, doubled or partial",
            ]
        )


def soak(folder: Path, uploads: int, seed: int, peers: int, share: float) -> Result:
    number = -(-uploads // peers)
    rand = random.Random(seed)
    builds = []
    for index in range(number):
        name = f"vray-6.20.{index}-{rand.randrange(1 << 32):08x}"
        size = rand.randrange(100_000, 600_000)
        builds.append(make_archive(folder / f"{name}.tar", version=name[5:], size=size, sparse=False))
    largest = max(build.stat().st_size for build in builds)
    running = []
    for index in range(peers):
        home = folder / f"peer{index + 1}"
        home.mkdir()
        peer = Peer(data_dir=home, temp_dir=home, uploads_queue_period=0.2)
        peer.faults = Flaky(f"{seed}-{index}", share, largest)
        peer.start()
        running.append(peer)
    try:
        jobs = [
            Job(peer.address, peer.port, peer.data_dir, str(build), rand.random() < 0.25)
            for build in builds
            for peer in running
        ][:uploads]
        result = _rounds(jobs, Result(len(jobs)))
        for peer in running:
            t.cast(Flaky, peer.faults).over = True
            result.struck.update(t.cast(Flaky, peer.faults).struck)
        _judge(jobs, running, result)
        return result
    finally:
        for peer in running:
            peer.stop()


def _rounds(jobs: t.List[Job], result: Result) -> Result:
    start = time.monotonic()
    left = jobs
    # Not forked: the peers are threads of this process.
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(WORKERS, mp_context=spawn) as pool:
        while left and result.rounds < ROUNDS:
            result.rounds += 1
            again = []
            for told in pool.map(upload, left, chunksize=1):
                result.tasks += 1
                result.attempts += told.attempts
                result.outcomes[told.outcome] += 1
                if told.outcome == "failed":
                    again.append(told.job)
            left = again
        # Nobody has to be told anything any more.
        for told in pool.map(upload, jobs, chunksize=8):
            if told.outcome != "present" or told.bytes_sent:
                result.wrong.append(f"{told.job.src} to {told.job.port} in the end: {told.outcome}, {told.msg}")
    result.seconds = time.monotonic() - start
    return result


def _judge(jobs: t.List[Job], peers: t.List[Peer], result: Result) -> None:
    """Let the peers and their disks say what came of it."""
    for peer in peers:
        home = Path(peer.data_dir)
        wanted = {Path(job.src).name: job for job in jobs if job.port == peer.port}
        deployed = {f"vray-{name[5:-4]}" for name in wanted}
        until = time.monotonic() + PATIENCE
        # What was queued is deployed a little later.
        while time.monotonic() < until and not all((home / "VRay" / name).is_dir() for name in deployed):
            time.sleep(0.05)
        found = {path.name for path in (home / "VRay").iterdir()} - {"import"}
        if found != deployed:
            result.wrong.append(f"{home.name}: deployed: {sorted(found ^ deployed)}")
        kept = {path.name: path for path in (home / "VRay" / "import").iterdir()}
        if set(kept) != set(wanted):
            result.wrong.append(f"{home.name}: in the import directory: {sorted(set(kept) ^ set(wanted))}")
        for name, job in wanted.items():
            if name in kept and _sha256(kept[name]) != _sha256(Path(job.src)):
                result.wrong.append(f"{home.name}: {name} is not what was sent")
            taken = [
                event for event in peer.log.matching("upload", name=name) if event["answer"] in ("RapidUR", "QueuedUR")
            ]
            if len(taken) != 1:
                result.wrong.append(f"{home.name}: {name} was accepted {len(taken)} times")
            tried = peer.log.matching("import", name=name, result="deployed")
            if len(tried) != int(bool(taken) and taken[0]["answer"] == "QueuedUR"):
                result.wrong.append(f"{home.name}: {name} was imported {len(tried)} times")
        rest = [path.name for path in home.iterdir() if path.name != "VRay"]
        if rest:
            result.wrong.append(f"{home.name}: left: {rest}")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak.py", description="Many uploads to peers that misbehave.")
    parser.add_argument("--uploads", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peers", type=int, default=8)
    parser.add_argument("--share", type=float, default=0.4, help="of the uploads that something happens to")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vray_swarm-soak-") as folder:
        result = soak(Path(folder), options.uploads, options.seed, options.peers, options.share)
    print(result)
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
