# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How often a build is read when its checksum is given: by the bytes that the system counts, not by time."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from . import plays
from .measure import Runner, Table, number
from .transport import PORT

# The bytes that a command and all its children read, by read(2) and the like, and those that came from the disk.
COUNT = """
import json, os, pathlib, subprocess, sys
with open(sys.argv[1], "rb") as file:
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
done = subprocess.run(sys.argv[2:], stdout=sys.stderr)
counts = dict(line.split(": ") for line in pathlib.Path("/proc/self/io").read_text().splitlines())
print(json.dumps([int(counts["rchar"]), int(counts["read_bytes"])]))
sys.exit(done.returncode)
"""
PEERS = 8
FORKS = 4


def table(runner: Runner, build: Path) -> Table:
    size = build.stat().st_size
    inventory = plays.inventory(runner.folder, "reads", plays.addresses(PEERS))
    checksum = f"sha256:{hashlib.sha256(build.read_bytes()).hexdigest()}"
    counts = {}
    sink = runner.sink("0.0.0.0", PORT)
    try:
        for name, more in (("without checksum", {}), ("with checksum", {"checksum": checksum})):
            play = plays.play(runner.folder, "reads-upload", {plays.UPLOAD: {"src": str(build), **more}})
            words = [sys.executable, "-c", COUNT, str(build), *plays.command(inventory, play, FORKS)]
            os.sync()
            # Once to have all but the build in memory.
            for dummy in range(2):
                done = runner.run(words, 0, plays.environ(runner.folder)).check("counting what is read")
            counts[name] = json.loads(done.output.splitlines()[-1])
    finally:
        sink.terminate()
        sink.wait()
    made = Table(
        f"How often the build is read, {PEERS} peers, {size:,} bytes",
        "Builds read by all processes of a run (sendfile counts as reading), and from the disk, to begin with nothing of"
        " the build in memory.",
        ("run", "read", "from the disk"),
        data={"peers": PEERS, "size": size, "counts": counts},
    )
    for name, (read, disk) in counts.items():
        made.lines.append((name, number(read / size, " builds"), number(disk / size, " builds")))
    return made
