# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Twenty peers in one run at ten forks: the build is hashed once, and not at all when no peer needs it.

What a run reads is counted by the system: /proc/PID/io has the bytes read by a process and all its children that ended.
Two runs that differ in the option ``checksum`` alone differ by what is read to compute it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[1]) / "tests" / "peer"))

from swarm_peer import Peer
from swarm_peer.builds import make_archive

PEERS = 20
FORKS = 10
SIZE = 64 << 20
PORT = 1113
PLAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"renderops.vray_swarm.upload": {"src": "{{ build }}", "checksum": "{{ checksum | default(omit) }}"}}
        ],
    }
]
COUNT = """
import pathlib, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=sys.stderr)
print(dict(line.split(": ") for line in pathlib.Path("/proc/self/io").read_text().splitlines())["rchar"])
sys.exit(done.returncode)
"""


def bytes_read(folder: Path, **variables: str) -> int:
    """Run the playbook; return how many bytes it read in all."""
    command = [sys.executable, "-c", COUNT, "ansible-playbook", "-i", "inventory.json", "-f", str(FORKS), "play.json"]
    command += ["-e", json.dumps(variables)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    print(done.stderr)
    if done.returncode != 0:
        raise SystemExit("the playbook failed, see above")
    return int(done.stdout)


def inventory(folder: Path, with_data_dir: bool) -> None:
    hosts = {f"peer{n}": {"ansible_host": f"127.0.2.{n}"} for n in range(1, PEERS + 1)}
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (folder / "inventory.json").write_text(json.dumps({"all": {"vars": local, "hosts": hosts}}), encoding="utf-8")
    task = PLAY[0]["tasks"][0]["renderops.vray_swarm.upload"]  # type: ignore[index]
    task.pop("data_dir", None)
    if with_data_dir:
        task["data_dir"] = "{{ peers }}/{{ inventory_hostname }}"
    (folder / "play.json").write_text(json.dumps(PLAY), encoding="utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        build = make_archive(folder / "vray-6.20.10-e8197af2.tar", version="6.20.10-e8197af2", size=SIZE)
        checksum = f"sha256:{hashlib.sha256(Path(build).read_bytes()).hexdigest()}"
        started = []
        for n in range(1, PEERS + 1):
            (folder / f"peer{n}").mkdir()
            started.append(stack.enter_context(Peer(folder / f"peer{n}", address=f"127.0.2.{n}", port=PORT)))
        variables = {"build": str(build), "peers": str(folder)}
        inventory(folder, with_data_dir=False)
        sent = bytes_read(folder, **variables)
        verified = bytes_read(folder, checksum=checksum, **variables) - sent
        answers = [event["answer"] for peer in started for event in peer.events if event["event"] == "upload"]
        if sorted(answers) != ["ExistingUR"] * PEERS + ["RapidUR"] * PEERS:
            raise SystemExit(f"not every peer got the build once: {answers}")
        inventory(folder, with_data_dir=True)
        present = bytes_read(folder, **variables)
        unneeded = bytes_read(folder, checksum=checksum, **variables) - present
    print(
        f"read for the checksum: {verified / SIZE:.2f} builds where all are sent it, {unneeded / SIZE:.2f} where none is"
    )
    if not 0.8 < verified / SIZE < 1.5:
        raise SystemExit("the build was not hashed exactly once")
    if not abs(unneeded / SIZE) < 0.5:
        raise SystemExit("the build was hashed though no peer needed it")


if __name__ == "__main__":
    main()
