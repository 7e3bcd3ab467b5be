# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task upload beside the same with ansible.builtin.uri."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import plays
from .machine import congestion
from .measure import Cost, Row, Runner, Table, interleave, number
from .transport import ADDRESS, PORT, url


def tasks(build: Path) -> dict[str, dict[str, Any]]:
    form = {
        "queued": {"content": "false", "mime_type": "text/plain"},
        "file": {"filename": str(build), "mime_type": "application/octet-stream"},
    }
    uri = {"url": url(ADDRESS), "method": "POST", "body_format": "form-multipart", "body": form, "timeout": 600}
    return {
        "no task": plays.NOTHING,
        "the task upload": {plays.UPLOAD: {"src": str(build)}},
        "the task ansible.builtin.uri, form-multipart": {"ansible.builtin.uri": uri},
    }


def table(
    runner: Runner, build: Path, rounds: int, limit_mib: int, with_uri: bool, say: Callable[[str], None]
) -> Table:
    """``limit_mib``: the most memory that a process may have, so that uri cannot take the machine down."""
    inventory = plays.inventory(runner.folder, "one", [ADDRESS])
    errors: dict[str, str] = {}

    def run(name: str, path: Path) -> Sequence[Cost]:
        done = runner.run(plays.command(inventory, path), limit_mib, plays.environ(runner.folder))
        if done.status != 0:
            if "uri" not in name:
                done.check(name)
            errors[name] = why(done.output + done.errors)
            return ()
        return (done.cost,)

    rows = []
    for index, (name, task) in enumerate(tasks(build).items()):
        path = plays.play(runner.folder, f"task{index}", task)
        rows.append(Row(name, lambda name=name, path=path: run(name, path), 3 if "uri" in name else 1))  # type: ignore[misc]
    if not with_uri:
        del rows[-1]
    with congestion("reno"):
        sink = runner.sink(ADDRESS, PORT)
        try:
            loads = interleave(rows, rounds, say)
        finally:
            sink.terminate()
            sink.wait()
    size = build.stat().st_size
    nothing, upload, *others = rows
    made = Table(
        f"The task, {size:,} bytes",
        "The whole command `ansible-playbook` with one host, and what is left of it beyond the same command without a"
        f" task. No process could have more than {limit_mib // 1024} GiB of memory.",
        ("what", "wall", "beyond no task", "CPU", "beyond no task", "peak of the largest process"),
        data={"size": size, "loads": loads, "rows": [row.as_dict() for row in rows], "errors": errors},
    )
    for row in rows:
        if not row.costs:
            made.lines.append((row.name, f"failed: {errors.get(row.name, '')}", "-", "-", "-", "-"))
            continue
        made.lines.append(
            (
                row.name,
                number(row.median("wall"), " s"),
                number(row.median("wall") - nothing.median("wall"), " s"),
                number(row.median("cpu"), " s"),
                number(row.median("cpu") - nothing.median("cpu"), " s"),
                number(row.median("peak") / 1024, " MiB", 0),
            )
        )
    for other in others:
        if other.costs:
            whole = upload.median("wall") / other.median("wall")
            beyond = (upload.median("wall") - nothing.median("wall")) / (other.median("wall") - nothing.median("wall"))
            peak = upload.median("peak") / other.median("peak")
            made.data["ratios"] = {"wall": whole, "wall beyond no task": beyond, "peak": peak}
            made.lines.append(
                ("upload, of uri", number(whole, "", 3), number(beyond, "", 3), "", "", number(peak, "", 3))
            )
    return made


def why(output: str) -> str:
    """The last line that names an error."""
    for word in ("MemoryError", "OverflowError", "Error", "error", "FAILED"):
        lines = [line.strip() for line in output.replace("\\n", "\n").splitlines() if word in line]
        if lines:
            return lines[-1][:160].replace("|", "/")
    return output.strip()[-160:]
