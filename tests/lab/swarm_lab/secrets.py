# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a password of a run could be found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .lab import Lab

#: The only file of a peer that has the password of the share.
CREDENTIALS = "/etc/vray_swarm.credentials"


@contextmanager
def watched_processes(lab: Lab, peer: str, words: str) -> Iterator[list[str]]:
    """The command lines on this machine and on a peer, as often as can be, that hold some words."""
    found: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes().decode(errors="replace")
                except OSError:
                    continue
                if words in line:
                    found.append(line)

    script = "while :; do cat /proc/[0-9]*/cmdline; sleep 0.01; done > /dev/shm/seen 2>/dev/null"
    lab.ssh(peer, f"systemd-run --quiet --unit watch sh -c '{script}'")
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()
        lab.ssh(peer, "systemctl stop watch")
    seen = lab.ssh(peer, "cat /dev/shm/seen; rm /dev/shm/seen").split("\0")
    # It did see what runs only for a moment.
    assert "/mnt/vray" in seen
    found += [line for line in seen if words in line]


def traces(lab: Lab, peer: str, words: str) -> list[str]:
    """The files of the runs on the controller, and the files and the journal of a peer, that hold some words.

    In the former is all that was told of the tasks, facts included, and what is temporary.
    """
    paths = [path for place in ("runs", "ansible") for path in (lab.folder / place).rglob("*") if path.is_file()]
    here = [str(path) for path in paths if words.encode() in path.read_bytes()]
    search = "grep --recursive --files-with-matches --text --devices=skip --fixed-strings --exclude-dir=vray"
    places = "/etc /home /root /run /srv /tmp /var"
    there = lab.ssh(peer, f"{search} '{words}' {places}; journalctl | grep --fixed-strings '{words}'", check=False)
    return [*here, *there.splitlines()]
