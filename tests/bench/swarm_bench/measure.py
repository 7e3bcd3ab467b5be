# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of a command, what it cost, and what many of them say."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .machine import HERE, BenchError, load


@dataclasses.dataclass(frozen=True)
class Cost:
    """Seconds, seconds of CPU with all children, and the KiB at the peak of the largest process (None: unknown)."""

    wall: float
    cpu: float
    peak: int | None = None


@dataclasses.dataclass(frozen=True)
class Done:
    """A command that has ended."""

    cost: Cost
    status: int
    output: str
    errors: str

    def check(self, what: str) -> Done:
        if self.status != 0:
            raise BenchError(f"{what}: status {self.status}: {self.errors.strip()[-2000:] or self.output[-2000:]}")
        return self

    @property
    def inner(self) -> Cost:
        """What the command says of itself: from connect to answer."""
        told = json.loads(self.output.splitlines()[-1])
        return Cost(told["wall"], told["cpu"], told.get("peak"))


class Runner:
    """Runs commands, by the small program that measures them where it could be compiled."""

    def __init__(self, folder: Path, programs: Mapping[str, Path]) -> None:
        self.folder = folder
        self.programs = programs
        self.environ = dict(os.environ)

    def run(self, command: Sequence[str], limit_mib: int = 0, environ: Mapping[str, str] | None = None) -> Done:
        """``limit_mib`` is the most memory that a process may have."""
        told = self.folder / "cost.json"
        measure = self.programs.get("measure")
        full = [str(measure), str(limit_mib), str(told), *command] if measure else list(command)
        output, errors = self.folder / "output.txt", self.folder / "errors.txt"
        with open(output, "wb") as out, open(errors, "wb") as err:
            started = time.perf_counter()
            process = subprocess.Popen(
                full,
                cwd=self.folder,
                env={**self.environ, **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
            _pid, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        cost, code = Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime), process.returncode
        if measure:
            data = json.loads(told.read_text(encoding="ascii"))
            cost, code = Cost(data["wall"], data["cpu"], data["peak"]), data["status"]
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in (output, errors)]
        return Done(cost, code, *texts)

    def sink(self, address: str, port: int) -> subprocess.Popen[bytes]:
        """Start the sink; whoever does ends it."""
        program = self.programs.get("sink")
        command = [str(program)] if program else [sys.executable, str(HERE / "sink.py")]
        process = subprocess.Popen([*command, address, str(port)], stdout=subprocess.PIPE)
        assert process.stdout
        if process.stdout.readline() != b"listening\n":
            raise BenchError(f"the sink does not listen on {address}:{port}")
        return process


#: Returns what its row costs, and then what the rows in ``also`` do.
Run = Callable[[], "Sequence[Cost]"]


@dataclasses.dataclass
class Row:
    """Something that is measured, round by round."""

    name: str
    run: Run
    every: int = 1  # in each round, or only in each second, third, …
    also: Sequence[Row] = ()
    costs: dict[int, Cost] = dataclasses.field(default_factory=dict)

    def median(self, field: str) -> float:
        values = [getattr(cost, field) for cost in self.costs.values() if getattr(cost, field) is not None]
        return statistics.median(values) if values else float("nan")

    def ratio(self, field: str, other: Row) -> float:
        """The median of the ratios to another row in the same rounds."""
        ratios = [
            getattr(cost, field) / getattr(other.costs[number], field)
            for number, cost in self.costs.items()
            if number in other.costs and getattr(cost, field) is not None and getattr(other.costs[number], field)
        ]
        return statistics.median(ratios) if ratios else float("nan")

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "rounds": {str(number): dataclasses.asdict(c) for number, c in self.costs.items()}}


def interleave(rows: Sequence[Row], rounds: int, say: Callable[[str], None] = lambda text: None) -> list[float]:
    """Measure all rows in turn, ``rounds`` times; return the load of the machine before each round."""
    loads = []
    for number in range(rounds):
        loads.append(load())
        # Another one is first in each round, so that none always runs after the same neighbour.
        turn = number % len(rows)
        for row in [*rows[turn:], *rows[:turn]]:
            if number % row.every == 0:
                for told, cost in zip((row, *row.also), row.run(), strict=False):
                    told.costs[number] = cost
        say(f"round {number + 1} of {rounds}, load {loads[-1]}")
    return loads


@dataclasses.dataclass
class Table:
    """Some lines of text under a heading, and the numbers behind them for the JSON file."""

    title: str
    about: str
    columns: Sequence[str]
    lines: list[Sequence[str]] = dataclasses.field(default_factory=list)
    data: dict[str, Any] = dataclasses.field(default_factory=dict)

    def markdown(self) -> Iterator[str]:
        widths = [max(len(str(cell)) for cell in column) for column in zip(self.columns, *self.lines, strict=True)]
        yield f"\n### {self.title}\n\n{self.about}\n"
        for index, line in enumerate([self.columns, *self.lines]):
            yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
            if index == 0:
                yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"


def number(value: float, unit: str = "", digits: int = 2) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}{unit}"
