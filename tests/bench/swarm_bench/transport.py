# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One upload to a sink, by this collection and by what a user would take instead."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .machine import HERE, congestion
from .measure import Cost, Row, Runner, Table, interleave, number

ADDRESS = "127.0.0.1"
# Connections to it come from 127.0.0.1, so that they are none of the machine to itself for whoever compares the two.
ANOTHER = "127.0.0.2"
PORT = 1113

UTILS = "ansible_collections.renderops.vray_swarm.plugins.module_utils"
IMPORTS = f"{UTILS}._session, {UTILS}._client"

CURL = "curl -F, the whole process"


def url(address: str) -> str:
    return f"http://{address}:{PORT}/api/vray/upload"


def table(
    runner: Runner, build: Path, setting: str, address: str, rounds: int, quick: bool, say: Callable[[str], None]
) -> Table:
    """Each client in turn, under one setting of the congestion control."""
    with congestion(setting) as name:
        sink = runner.sink(address, PORT)
        try:
            rows = _rows(runner, build, address, quick)
            loads = interleave([row for row in rows if row.run is not _filled], rounds, say)
        finally:
            sink.terminate()
            sink.wait()
    size = build.stat().st_size
    curl = next(row for row in rows if row.name == CURL)
    raw = next((row for row in rows if row.name.startswith("sendfile in C")), None)
    made = Table(
        f"One upload of {size:,} bytes, {name}{' (the default)' if setting == 'default' else ''}"
        f"{', to another address' if address == ANOTHER else ''}",
        f"Medians of {rounds} interleaved rounds; ratios are medians of the ratios to curl in the same round. A peak"
        " without a word is that of the whole process; one with a plus is what the upload adds.",
        ("what", "wall", "of curl", "CPU", "of curl", "wall, of C", "peak"),
        data={
            "size": size,
            "setting": name,
            "address": address,
            "loads": loads,
            "rows": [row.as_dict() for row in rows],
        },
    )
    for row in rows:
        inside = row.run is _filled
        peak = row.median("peak") / 1024
        made.lines.append(
            (
                row.name,
                number(row.median("wall"), " s", 3),
                number(row.ratio("wall", curl)),
                number(row.median("cpu"), " s", 3),
                number(row.ratio("cpu", curl)),
                number(row.ratio("wall", raw)) if raw else "-",
                number(peak, " MiB", 1) if not inside or math.isnan(peak) else f"+{peak:.1f} MiB",
            )
        )
    made.data["ratios"] = {
        row.name: {"wall": row.ratio("wall", curl), "cpu": row.ratio("cpu", curl)} for row in rows if row.costs
    }
    return made


def _filled() -> Sequence[Cost]:
    """A row that is filled by the run of another."""
    return ()


def _rows(runner: Runner, build: Path, address: str, quick: bool) -> list[Row]:
    # The collection compiled, as each other program and library is here, and nothing written beside its sources.
    environ = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(runner.folder / "pycache")}

    def process(*command: str) -> Callable[[], Sequence[Cost]]:
        return lambda: (runner.run(command, environ=environ).check(command[0]).cost,)

    def both(*command: str) -> Callable[[], Sequence[Cost]]:
        """A client that tells what it costs from connect to answer."""

        def run() -> Sequence[Cost]:
            done = runner.run(command, environ=environ).check(" ".join(command[:2]))
            return done.cost, done.inner

        return run

    def python(name: str, client: str, *arguments: str, every: int = 1) -> list[Row]:
        inner = Row(f"{name}, from connect to answer", _filled)
        command = (sys.executable, str(HERE / "clients" / client), url(address), str(build), *arguments)
        whole = Row(f"{name}, the whole process", both(*command), every, (inner,))
        # The first run compiles.
        whole.run()
        return [inner, whole]

    curl = ("curl", "-sS", "-o", "/dev/null", "-F", "queued=false", "-F", f"file=@{build}", url(address))
    rows = [Row(CURL, process(*curl))]
    rows += python("this collection", "collection.py")
    # What a process pays before the first byte.
    rows.append(Row("this collection, start and imports alone", process(sys.executable, "-c", f"import {IMPORTS}")))
    rows += python("in blocks", "collection.py", "blocks", every=1 if quick else 2)
    rows += python("by sendfile", "collection.py", "sendfile", every=1 if quick else 2)
    if "sendfile" in runner.programs:
        inner = Row("sendfile in C, from connect to answer", _filled)
        command = (str(runner.programs["sendfile"]), address, str(PORT), str(build))
        rows += [inner, Row("sendfile in C, the whole process", both(*command), also=(inner,))]
    if not quick:
        # They hold the file twice, or take many times as long: some rounds say enough.
        rows += python("requests.post(files=…)", "requests_files.py", every=5)
        if importlib.util.find_spec("requests_toolbelt"):
            rows += python("requests-toolbelt", "toolbelt.py", every=5)
    return rows
