# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Publishing while a peer looks into the directory every 50 ms: it never finds anything but whole builds.

One of the builds has the size of a real one. Beside the peer, a thread lists the directory without a pause.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[1]) / "tests" / "peer"))

from swarm_peer import Peer
from swarm_peer.builds import make_archive

REAL = 458321016
LITTLE = 20000000
TASK = "renderops.vray_swarm.publish"


class Watch(threading.Thread):
    """Notes each name and size that is ever seen in a directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(daemon=True)
        self.directory = directory
        self.stopping = threading.Event()
        self.seen: set[tuple[str, int]] = set()
        self.looks = 0

    def run(self) -> None:
        while not self.stopping.is_set():
            for entry in os.scandir(self.directory):
                self.seen.add((entry.name, entry.stat(follow_symlinks=False).st_size))
            self.looks += 1


def publish(folder: Path, *tasks: dict[str, object]) -> None:
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{TASK: task, "register": "done"} for task in tasks]}]
    (folder / "play.json").write_text(json.dumps(play), encoding="utf-8")
    variables = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory = {"all": {"hosts": {"nas1": variables}}}
    (folder / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
    subprocess.run(["ansible-playbook", "-v", "-i", "inventory.json", "play.json"], cwd=folder, check=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = str(folder / "share")
        directory = folder / "share" / "stable" / "Linux_x86"
        for place in ("a", "b", "c"):
            (folder / place).mkdir()
        real = make_archive(folder / "a" / "vray-6.20.10-e8197af2.tar", version="6.20.10-e8197af2", size=REAL)
        host = make_archive(folder / "b" / "vray-lin-df715d3c8ff9.tar", version="7.0.6-df715d3c8ff9", size=LITTLE)
        other = make_archive(
            folder / "c" / "vray-lin-df715d3c8ff9.tar", version="7.0.7-df715d3c8ff9", size=LITTLE + 512
        )
        publish(folder, {"root": root})
        (folder / "peer").mkdir()
        watch = Watch(directory)
        with Peer(folder / "peer", import_dir=directory, uploads_queue_period=0.05) as peer:
            watch.start()
            publish(
                folder,
                {"root": root, "src": str(real)},
                {"root": root, "src": str(host), "remote_src": True},
                {"root": root, "src": str(real), "remote_src": True},
            )
            peer.wait_for("import", name=os.path.basename(host), result="deployed", timeout=60)
            publish(folder, {"root": root, "src": str(other), "force": True})
            peer.wait_for("import", name=os.path.basename(host), result="deployed", count=2, timeout=60)
            watch.stopping.set()
            watch.join()
            tried = [event for event in peer.events if event["event"] in ("import", "scan")]
        for event in tried:
            if event.get("result") != "deployed":
                raise SystemExit(f"the peer tried something else than a whole build: {event}")
        if len(tried) != 3:
            raise SystemExit(f"each of three builds was to be tried once: {tried}")
        expected = {
            (os.path.basename(real), REAL),
            (os.path.basename(host), LITTLE),
            (os.path.basename(other), LITTLE + 512),
        }
        if watch.seen != expected:
            raise SystemExit(f"seen in the directory: {watch.seen}; expected: {expected}")
        left = sorted(os.listdir(folder / "share" / ".staging"))
        if left != ["lock"]:
            raise SystemExit(f"left in the staging directory: {left}")
        subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=root, check=True)
        print(f"three builds, one of {REAL} bytes, and nothing else in {watch.looks} looks")


if __name__ == "__main__":
    main()
