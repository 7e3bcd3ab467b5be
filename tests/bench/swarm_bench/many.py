# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One controller to many peers at once, beside ``xargs -P`` with curl."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from . import plays
from .machine import congestion
from .measure import Cost, Row, Runner, Table, interleave, number
from .transport import PORT


def table(
    runner: Runner, build: Path, peers: int, forks: Sequence[int], rounds: int, say: Callable[[str], None]
) -> Table:
    hosts = plays.addresses(peers)
    inventory = plays.inventory(runner.folder, "many", hosts)
    play = plays.play(runner.folder, "many-upload", {plays.UPLOAD: {"src": str(build)}})
    listed = runner.folder / "hosts.txt"
    listed.write_text("\n".join(hosts) + "\n", encoding="ascii")
    # The page's command, for each line.
    curl = f"curl -sS -o /dev/null -F queued=false -F file=@{build} http://{{}}:{PORT}/api/vray/upload"

    def command(words: list[str]) -> Callable[[], Sequence[Cost]]:
        return lambda: (runner.run(words, 0, plays.environ(runner.folder)).check(words[0]).cost,)

    pairs = []
    for number_of_forks in forks:
        xargs = ["xargs", "-a", str(listed), "-P", str(number_of_forks), "-I", "{}", *curl.split()]
        pairs.append(
            (
                Row(f"xargs -P {number_of_forks} curl -F", command(xargs)),
                Row(
                    f"the task upload, {number_of_forks} forks",
                    command(plays.command(inventory, play, number_of_forks)),
                ),
            )
        )
    rows = [row for pair in pairs for row in pair]
    with congestion("reno"):
        sink = runner.sink("0.0.0.0", PORT)
        try:
            loads = interleave(rows, rounds, say)
        finally:
            sink.terminate()
            sink.wait()
    total = build.stat().st_size * peers
    made = Table(
        f"One controller to {peers} peers, {build.stat().st_size:,} bytes to each",
        "The whole command, with Ansible's own start. All peers are one sink on the same machine, which takes its part"
        " of the cores.",
        ("what", "wall", "of curl", "throughput", "of curl", "CPU", "of curl"),
        data={"peers": peers, "loads": loads, "rows": [row.as_dict() for row in rows]},
    )
    for curl_row, upload_row in pairs:
        for row in (curl_row, upload_row):
            made.lines.append(
                (
                    row.name,
                    number(row.median("wall"), " s"),
                    number(row.ratio("wall", curl_row)),
                    number(total / row.median("wall") / 1e9, " GB/s"),
                    number(1 / row.ratio("wall", curl_row)),
                    number(row.median("cpu"), " s"),
                    number(row.ratio("cpu", curl_row)),
                )
            )
    return made
