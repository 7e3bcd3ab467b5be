# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it costs to find that nothing is to be done, beside ansible.builtin.ping: on hosts whose connection is local."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from . import plays
from .measure import Cost, Row, Runner, Table, interleave, number

VERSION = "6.20.10-e8197af2"
FORKS = 10
COLUMNS = ("peers", "pipelining", "what", "wall", "a peer", "of ping", "CPU", "a peer", "of ping", "round trips")


def local_table(
    runner: Runner, build: Path, cases: Sequence[tuple[int, bool]], rounds: int, say: Callable[[str], None]
) -> Table:
    """``cases``: how many hosts, and whether with pipelining."""
    made = Table(
        "Nothing to do, local hosts",
        f'`upload` with `data_dir` to peers that have the build, {FORKS} forks. "A peer" is what is left beyond the same'
        " command without a task, divided by the peers. The hosts share the controller's cores.",
        COLUMNS,
    )
    for peers, pipelining in cases:
        folder = runner.folder / f"peers{peers}"
        for index in range(1, peers + 1):
            (folder / f"peer{index}" / "VRay" / f"vray-{VERSION}").mkdir(parents=True, exist_ok=True)
            (folder / f"peer{index}" / "VRay" / "import").mkdir(exist_ok=True)
        hosts = plays.inventory(runner.folder, f"local{peers}", plays.addresses(peers), peers=str(folder))
        upload = {plays.UPLOAD: {"src": str(build), "data_dir": "{{ peers }}/{{ inventory_hostname }}"}}
        environ = plays.environ(runner.folder, pipelining)
        rows = []
        for name, task in (("nothing", plays.NOTHING), ("ping", plays.PING), ("upload", upload)):
            words = plays.command(hosts, plays.play(runner.folder, f"local-{name}", task), FORKS)
            rows.append(Row(name, runs(runner, words, environ)))
        loads = interleave(rows, rounds, say)
        add(made, peers, pipelining, rows, loads, {})
    return made


def runs(runner: Runner, words: list[str], environ: dict[str, str]) -> Callable[[], Sequence[Cost]]:
    return lambda: (runner.run(words, 0, environ).check(" ".join(words)).cost,)


def add(
    table: Table, peers: int, pipelining: bool, rows: Sequence[Row], loads: Sequence[float], trips: dict[str, int]
) -> None:
    """One case into a table: the rows without a task, of ping, and what is compared with them."""
    nothing, ping, *others = rows

    def a_peer(row: Row, field: str) -> float:
        """The median of what each round says."""
        return beyond(row, nothing).median(field) / peers

    for row in (ping, *others):
        table.lines.append(
            (
                str(peers),
                "yes" if pipelining else "no",
                row.name,
                number(row.median("wall"), " s"),
                number(1000 * a_peer(row, "wall"), " ms", 0),
                number(beyond(row, nothing).ratio("wall", beyond(ping, nothing))),
                number(row.median("cpu"), " s"),
                number(1000 * a_peer(row, "cpu"), " ms", 0),
                number(beyond(row, nothing).ratio("cpu", beyond(ping, nothing))),
                str(trips.get(row.name, "-")),
            )
        )
    case = {"peers": peers, "pipelining": pipelining, "loads": list(loads), "trips": trips}
    table.data.setdefault("cases", []).append({**case, "rows": [row.as_dict() for row in rows]})


def beyond(row: Row, nothing: Row) -> Row:
    costs = {
        number: Cost(cost.wall - nothing.costs[number].wall, cost.cpu - nothing.costs[number].cpu)
        for number, cost in row.costs.items()
        if number in nothing.costs
    }
    return Row(row.name, row.run, costs=costs)
