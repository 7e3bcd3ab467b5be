# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job, shown on this machine: builds of real size, three reference peers, the playbook upload.

demo.py demo     run the playbook twice, and show what the peers say
demo.py peers    leave the peers running until Ctrl-C
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "peer"))

from swarm_peer.builds import make_archive, make_installer  # noqa: E402

DEMO = ROOT / ".build" / "demo"
BUILDS = DEMO / "builds"
INVENTORY = Path("tests") / "demo" / "inventory.yml"
ARCHIVE = BUILDS / "vray-6.20.10-e8197af2.tar"
INSTALLER = BUILDS / "vraystd_adv_71000_rhel8_clang-gcc-11.2"
SIZE = 458_321_016  # that of the vendor's example of an answer
NEEDED = 4 << 30
PORT = 1113
PEERS = {"peer1": "127.0.1.1", "peer2": "127.0.1.2", "peer3": "127.0.1.3"}
PATIENCE = 60  # seconds for a peer to start, or to deploy what lies in its import directory


class DemoError(Exception):
    """The demo cannot go on; one line says why, and what to do."""


def check_machine() -> None:
    """Find out before anything is made what would stop the demo in the middle."""
    for address in PEERS.values():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, PORT))
            except OSError as error:
                raise DemoError(
                    f"{address}:{PORT} cannot be used ({error.strerror}): stop what listens there"
                ) from error
    free = shutil.disk_usage(DEMO).free
    if free < NEEDED:
        raise DemoError(f"{DEMO} has {free >> 20} MiB free, and {NEEDED >> 20} are needed: make room there")


def make_builds() -> None:
    """Make the archive and the installer, and lay the second peer out as one that was given the archive before."""
    shutil.rmtree(DEMO, ignore_errors=True)
    BUILDS.mkdir(parents=True)
    make_archive(ARCHIVE, version="6.20.10-e8197af2", platform="Linux_x86", size=SIZE)
    make_installer(INSTALLER, version="7.10.0-0a1b2c3d", platform="Linux_x86", size=SIZE)
    for name in PEERS:
        (DEMO / name / "VRay" / "import").mkdir(parents=True)
        settings = f"webPort: {PORT}\nallowExecutables: {str(name == 'peer3').lower()}\n"
        (DEMO / name / "swarm.yaml").write_text(settings, encoding="utf-8")
    os.link(ARCHIVE, DEMO / "peer2" / "VRay" / "import" / ARCHIVE.name)


@contextlib.contextmanager
def running_peers() -> Iterator[None]:
    """Three peers; they are stopped on every way out."""
    with contextlib.ExitStack() as stack:
        for name, address in PEERS.items():
            stack.enter_context(running_peer(name, address))
        wait_for(lambda: events("peer2", "import"), "peer2 to deploy its build")
        yield


@contextlib.contextmanager
def running_peer(name: str, address: str) -> Iterator[None]:
    home = DEMO / name
    command = [sys.executable, "-m", "swarm_peer", "--address", address, "--data-dir", str(home)]
    command += ["--config", str(home / "swarm.yaml"), "--log", str(home / "log.jsonl"), "--temp-dir", str(home)]
    environ = dict(os.environ, PYTHONPATH=str(ROOT / "tests" / "peer"))
    errors = home / "stderr.txt"
    with open(errors, "w", encoding="utf-8") as stderr:
        # A session of its own: Ctrl-C reaches the demo, which then stops the peers in order.
        peer = subprocess.Popen(command, env=environ, stdout=stderr, stderr=stderr, start_new_session=True)
    try:
        wait_for(lambda: peer.poll() is not None or events(name, "started"), f"{name} to start")
        if peer.poll() is not None:
            raise DemoError(f"{name} did not start: {errors.read_text(encoding='utf-8').strip()}")
        yield
    finally:
        peer.terminate()
        peer.wait(PATIENCE)


def wait_for(done: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > until:
            raise DemoError(f"gave up waiting for {what} after {PATIENCE} s; the logs are in {DEMO}")
        time.sleep(0.05)


def events(name: str, kind: str) -> list[dict[str, object]]:
    """What a peer wrote into its log."""
    log = DEMO / name / "log.jsonl"
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def uploads() -> dict[str, list[dict[str, object]]]:
    return {name: events(name, "upload") for name in PEERS}


def run_playbook() -> None:
    command = ["ansible-playbook", "-i", str(INVENTORY), "renderops.vray_swarm.upload", "-e", "vray_swarm_waves=100%"]
    print(f"\n$ {' '.join(command)}", flush=True)
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise DemoError("the playbook failed, see above")


def show(before: dict[str, list[dict[str, object]]]) -> int:
    """Print what each peer did since ``before``, by its own log; return how many uploads it saw."""
    count = 0
    for name, seen in uploads().items():
        new = seen[len(before[name]) :]
        count += len(new)
        for event in new:
            print(f"  {name} answered {event['answer']} to {event['file_bytes']:,} bytes of {event['name']}")
        if not new:
            print(f"  {name} was sent nothing")
    return count


def demo() -> None:
    with running_peers():
        start = uploads()
        run_playbook()
        print("What the peers' own logs say:")
        if show(start) != 2:
            raise DemoError("peer1 and peer3 should have been sent a build, and nobody else")
        middle = uploads()
        run_playbook()
        print("The same run again. What the peers' own logs say:")
        if show(middle) != 0:
            raise DemoError("nothing should have been sent")
    shutil.rmtree(DEMO)


def peers() -> None:
    with running_peers():
        print(f"Three peers are running: {', '.join(f'{name} at {ip}:{PORT}' for name, ip in PEERS.items())}.")
        print("In another terminal, from this folder:\n")
        print("  . .build/activate")
        print(f"  ansible-playbook -i {INVENTORY} renderops.vray_swarm.upload\n")
        print("The README has more to try. Ctrl-C stops the peers.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    print("\nThe peers are stopped. `make clean` removes their files.")


def main() -> int:
    DEMO.mkdir(parents=True, exist_ok=True)
    # A terminal that closes, or a CI job that is cancelled, stops the peers like Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    try:
        check_machine()
        make_builds()
        peers() if sys.argv[1:] == ["peers"] else demo()
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
