# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the collection beside what a user would take instead, in one run: see docs/performance.md.

    bench.py                    all tables; half an hour
    bench.py --quick            the ratios, in less than two minutes
    bench.py transport task     some of: transport, task, many, reads, noop, lab

The tables are printed, and written with each round's numbers to .build/bench.json (--json FILE).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "lab"), str(HERE.parent / "peer")]

from swarm_bench import lab, machine, many, noop, reads, task, transport  # noqa: E402
from swarm_bench.measure import Runner, Table  # noqa: E402
from swarm_lab import LabError  # noqa: E402

SMALL, LARGE = 458_321_016, 2_500_000_000
# What uri needs for an upload is eight times the build.
LIMIT_MIB = 8 << 10
INSIDE = ("transport", "task", "many", "reads", "noop")
PARTS = (*INSIDE, "lab")
QUICK = ("transport", "task", "many", "noop")


def say(text: str) -> None:
    print(f"# {text}", file=sys.stderr, flush=True)


def tables(parts: list[str], quick: bool, runner: Runner, scale: float) -> Iterator[Table]:
    """All that is measured in a network namespace."""

    def rounds(number: int) -> int:
        return max(1, round(number * scale))

    def build(size: int) -> Path:
        path = runner.folder / f"vray-{size}" / f"vray-{noop.VERSION}.tar"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            machine.make_build(path, size)
        return path

    sizes = [SMALL] if quick else [SMALL, LARGE]
    if "transport" in parts:
        for size in sizes:
            settings = [("reno", transport.ADDRESS)]
            settings += [] if quick else [("default", transport.ADDRESS), ("default", transport.ANOTHER)]
            for setting, address in settings:
                say(f"transport, {size:,} bytes, {setting}, {address}")
                count = rounds(9 if quick else 15)
                yield transport.table(runner, build(size), setting, address, count, quick, say)
    if "task" in parts:
        if quick:
            say("task")
            yield task.table(runner, build(SMALL), 1, LIMIT_MIB, True, say)
        for size in [] if quick else sizes:
            say(f"task, {size:,} bytes")
            yield task.table(runner, build(size), rounds(7) if size == SMALL else rounds(3), LIMIT_MIB, True, say)
    if "many" in parts:
        say("many")
        peers, forks, count = (16, [8], 3) if quick else (32, [8, 32], 7)
        yield many.table(runner, build(SMALL), peers, forks, rounds(count), say)
    if "reads" in parts:
        say("reads")
        yield reads.table(runner, build(64 << 20))
    if "noop" in parts:
        say("noop, local")
        cases = [(20, True)] if quick else [(10, True), (50, True), (200, True), (200, False)]
        yield noop.local_table(runner, build(1 << 20), cases, rounds(2 if quick else 5), say)


def show(table: Table) -> None:
    for line in table.markdown():
        print(line, flush=True)


def inside(parts: list[str], quick: bool, scale: float, told: Path) -> None:
    """Measure in the namespace that this process is in."""
    made = []
    with tempfile.TemporaryDirectory(prefix="vray_swarm-bench-") as name:
        folder = Path(name)
        programs = machine.compile_all(folder)
        if not programs:
            say("There is no C compiler: the sink is Python, and there is no sendfile in C to compare with.")
        for table in tables(parts, quick, Runner(folder, programs), scale):
            show(table)
            made.append(vars(table))
            told.write_text(json.dumps(made), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.py", description="Measure the collection beside its rivals.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}; all when none is given")
    parser.add_argument("--quick", action="store_true", help="ratios only, fewer rounds")
    parser.add_argument("--scale", type=float, default=1, help="more or fewer rounds")
    parser.add_argument("--peers", type=int, nargs="+", default=[1, 10, 50], help="of the lab (1 10 50)")
    parser.add_argument("--json", type=Path, default=ROOT / ".build" / "bench.json")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    parts = [part for part in PARTS if part in (args.parts or (QUICK if args.quick else PARTS))]
    # Whoever ends it gets its files and its sink removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        if args.inside:
            inside(parts, args.quick, args.scale, args.inside)
            return 0
        return measure(parts, args)
    except (machine.BenchError, LabError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def measure(parts: list[str], args: argparse.Namespace) -> int:
    started = time.monotonic()
    data: dict[str, Any] = {"machine": machine.words(), "load at the start": machine.load(), "tables": []}
    print(", ".join(f"{name} {value}" for name, value in data["machine"].items()), flush=True)
    write: Callable[[], int] = lambda: args.json.write_text(json.dumps(data, indent=1), encoding="utf-8")  # noqa: E731
    args.json.parent.mkdir(parents=True, exist_ok=True)
    try:
        within = [part for part in parts if part in INSIDE]
        if within:
            told = args.json.with_name(f"{args.json.name}.part")
            told.write_text("[]", encoding="utf-8")
            words = [sys.executable, __file__, *within, "--scale", str(args.scale), "--inside", str(told)]
            words += ["--quick"] if args.quick else []
            status = os.spawnvp(os.P_WAIT, "unshare", machine.in_namespace(words))
            data["tables"] += json.loads(told.read_text(encoding="utf-8"))
            told.unlink()
            if status != 0:
                raise machine.BenchError(f"the measurements ended with status {status}")
        if "lab" in parts:
            for table in lab.tables(args.peers, max(1, round(5 * args.scale)), say):
                show(table)
                data["tables"].append(vars(table))
    finally:
        data["seconds"] = round(time.monotonic() - started)
        write()
    print(f"\n{data['seconds']} s; load at the end {machine.load()}; all numbers are in {args.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
