# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Peers that misbehave, all in one process, each with its own address and folder.

peers.py faulty FOLDER CASES    start them, the first at 127.0.1.1 with the folder FOLDER/1, and so on
peers.py sound FOLDER CASES     end them, print what each kept of builds, and start them without faults

CASES are those of tasks/main.yml, as JSON. FOLDER/peers/pid is where stop.sh of setup_swarm_peer finds the process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from swarm_peer import Peer

PORT = 1113
# As long as a loaded machine may take to end them. An init that takes up no orphans leaves them as zombies.
PATIENCE = 30


def peer(home: Path, number: int, arguments: list[str]) -> Peer:
    parser = argparse.ArgumentParser()
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--fault", action="append", default=[])
    given = parser.parse_args(arguments)
    (home / "VRay" / "import").mkdir(parents=True, exist_ok=True)
    address, log = f"127.0.1.{number}", home / "log.jsonl"
    return Peer(home, address, PORT, temp_dir=home, log=log, status=given.status, faults=given.fault)


def serve(folder: Path, arguments: list[list[str]]) -> None:
    stops = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the threads start, so that none of them gets the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    with contextlib.ExitStack() as stack:
        for number, given in enumerate(arguments, 1):
            stack.enter_context(peer(folder / str(number), number, given))
        print("listening", flush=True)
        signal.sigwait(stops)


def start(folder: Path, arguments: list[list[str]]) -> None:
    home = folder / "peers"
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "out", "wb") as output:
        process = subprocess.Popen(
            [sys.executable, __file__, "serve", str(folder), json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
    (home / "pid").write_text(str(process.pid), encoding="utf-8")
    assert process.stdout
    if process.stdout.readline() != b"listening\n":
        raise SystemExit((home / "out").read_text(encoding="utf-8"))


def end(folder: Path) -> None:
    pid = int((folder / "peers" / "pid").read_text(encoding="utf-8"))
    deadline = time.monotonic() + PATIENCE
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)


def kept(home: Path) -> list[str]:
    """Temporary files and what the import directory holds, with their size, and what is deployed."""
    vray = home / "VRay"
    files = [*home.rglob("*.buf"), *vray.glob("import/**/*")]
    found = [f"{path.relative_to(home)} {path.stat().st_size}" for path in files if path.name != "import"]
    return sorted(found + [str(path.relative_to(home)) for path in vray.iterdir() if path.name != "import"])


def main() -> None:
    action, folder, given = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    if action == "serve":
        serve(folder, given)
    elif action == "faulty":
        start(folder, [case.get("arguments", ["--fault", case["fault"]]) for case in given])
    else:
        end(folder)
        print(json.dumps([kept(folder / str(number)) for number in range(1, len(given) + 1)]))
        start(folder, [[] for case in given])


if __name__ == "__main__":
    main()
