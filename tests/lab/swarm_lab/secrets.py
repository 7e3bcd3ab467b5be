# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a password of a run could be found."""

from __future__ import annotations

import dataclasses
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .lab import Lab

#: The only file of a peer that has the password of the share.
CREDENTIALS = "/etc/vray_swarm.credentials"

# In the memory of a peer, so that no search finds what is searched for. The command line does not have it, either.
WATCH = """
cd /dev/shm
while :; do cat /proc/[0-9]*/cmdline; sleep 0.01; done > processes 2>/dev/null &
while :; do
    for file in $(grep -rlF --file=words /home /root /tmp /etc/.ansible* /etc/vray_swarm*); do
        # It may be gone by now.
        modes=$(stat --format %a "$file" "${file%/*}") && echo $modes "$file" >> files
    done
    sleep 0.01
done 2>/dev/null
"""


@dataclasses.dataclass
class Seen:
    """What held some words while it was watched: command lines; files with their modes and those of their directories."""

    processes: list[str] = dataclasses.field(default_factory=list)
    here: set[tuple[str, str, str]] = dataclasses.field(default_factory=set)
    there: set[tuple[str, str, str]] = dataclasses.field(default_factory=set)

    @property
    def open_to_others(self) -> list[tuple[str, str, str]]:
        """The files that others could have read."""
        return [file for file in self.here | self.there if is_open(*file)]


def is_open(of_file: str, of_directory: str, _path: str) -> bool:
    """Whether others can read a file with this mode, in a directory with that one."""
    return of_file != "600" and of_directory != "700"


def as_file(line: str) -> tuple[str, str, str]:
    """A file with its mode and that of its directory, from a line of a peer."""
    of_file, of_directory, path = line.split(" ", 2)
    return of_file, of_directory, path


def holders(lab: Lab, words: str) -> set[tuple[str, str, str]]:
    """The files of Ansible on this machine that hold some words, with their modes and those of their directories."""
    found = set()
    # By this, since Path.rglob() ends with an error where a directory has gone meanwhile, and with it the whole watch.
    for folder, dummy, names in os.walk(lab.folder / "ansible"):
        for path in (Path(folder, name) for name in names):
            # It may be gone by now.
            with suppress(OSError):
                if path.is_file() and words.encode() in path.read_bytes():
                    modes = [f"{stat.S_IMODE(place.stat().st_mode):o}" for place in (path, path.parent)]
                    found.add((modes[0], modes[1], str(path)))
    return found


@contextmanager
def watched(lab: Lab, peer: str, words: str) -> Iterator[Seen]:
    """Watch the command lines and the files on this machine and on a peer, as often as can be, for some words."""
    seen, over = Seen(), threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            # Not by a pattern: that looks into each of them, and one that has ended just then would end the watch.
            for number in filter(str.isdigit, os.listdir("/proc")):
                with suppress(OSError):
                    line = Path("/proc", number, "cmdline").read_bytes().decode(errors="replace")
                    if words in line:
                        seen.processes.append(line)
            seen.here |= holders(lab, words)

    lab.ssh(peer, "cat > /dev/shm/words", stdin=words)
    lab.ssh(peer, "cat > /dev/shm/watch; systemd-run --quiet --unit watch sh /dev/shm/watch", stdin=WATCH)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
        lab.ssh(peer, "systemctl stop watch")
    lines = lab.ssh(peer, "cat /dev/shm/processes").split("\0")
    # It did see what runs only for a moment.
    assert "/mnt/vray" in lines
    seen.processes += [line for line in lines if words in line]
    for line in lab.ssh(peer, "cat /dev/shm/files").splitlines():
        seen.there.add(as_file(line))
    lab.ssh(peer, "cd /dev/shm; rm words watch processes files")


def traces(lab: Lab, peer: str, words: str) -> list[str]:
    """The files of the runs on the controller, and the files and the journal of a peer, that hold some words.

    In the former is all that callbacks were told of the tasks, arguments and facts included, and what is temporary.
    """
    paths = [path for place in ("runs", "ansible") for path in (lab.folder / place).rglob("*") if path.is_file()]
    here = [str(path) for path in paths if words.encode() in path.read_bytes()]
    search = "grep --recursive --files-with-matches --text --devices=skip --fixed-strings --exclude-dir=vray"
    places = "/etc /home /root /run /srv /tmp /var"
    there = lab.ssh(peer, f"{search} '{words}' {places}; journalctl | grep --fixed-strings '{words}'", check=False)
    return [*here, *there.splitlines()]


#: Where Ansible keeps what it sends, as the user it logs in with and as root, and where modules keep what they write.
KEPT = "/home /root /tmp /var/tmp"


def private(lab: Lab, peer: str, words: str) -> list[str]:
    """The files with some words that a run which was killed left where Ansible keeps them.

    :raises AssertionError: Others can read one of them.
    """
    there = lab.ssh(
        peer,
        f"grep -rlsF -- '{words}' {KEPT} /etc/.ansible* /etc/vray_swarm* | while read -r file;"
        ' do stat --format %a "$file" "${file%/*}" | paste -sd" " - | tr "\\n" " "; echo "$file"; done',
    )
    found = [as_file(line) for line in there.splitlines()] + sorted(holders(lab, words))
    assert [file for file in found if is_open(*file)] == []
    return [path for dummy, dummy, path in found]
