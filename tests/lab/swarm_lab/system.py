# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab asks of the system: commands, control groups, mounts, network namespaces."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


class LabError(Exception):
    """The lab cannot go on; the text says why, and what to do."""


def run(command: Sequence[str], *, stdin: str = "", what: str = "", timeout: float = 60) -> str:
    """Run a command of the system and return what it printed."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{what or shlex.join(command)}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}")[-2000:]
        raise LabError(f"{what or shlex.join(command)}: {said}")
    return done.stdout


def wait_until(deadline: float) -> Iterator[None]:
    """Loop until the time is up: for what the kernel gives no event for."""
    while time.monotonic() < deadline:
        yield
        time.sleep(0.02)


# -- control groups -------------------------------------------------------------------------------------------


def unified_hierarchy() -> Path | None:
    """Where cgroup 2 is mounted: alone, or beside the old hierarchies."""
    for folder in (CGROUPS, CGROUPS / "unified"):
        if (folder / "cgroup.controllers").exists():
            return folder
    return None


class Cgroup:
    """A control group. Whatever a host or a command of the lab starts is in one, and is found and ended by it."""

    def __init__(self, name: str) -> None:
        unified = unified_hierarchy()
        if unified is None:
            raise LabError("cgroup 2 is not mounted below /sys/fs/cgroup")
        self.unified = unified / name
        # The systemd of a host looks for itself in its own old hierarchy, where the machine has that one.
        old = CGROUPS / "systemd"
        self.folders = [self.unified, *([old / name] if (old / "cgroup.procs").exists() else [])]

    def make(self) -> None:
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)

    def command(self, command: Sequence[str]) -> list[str]:
        """The command, started in this group."""
        enter = "".join(f"echo 0 > {shlex.quote(str(folder / 'cgroup.procs'))} && " for folder in self.folders)
        return ["sh", "-c", f'{enter}exec "$@"', "sh", *command]

    def kill(self) -> None:
        """End all that runs in it. Ending systemd-nspawn alone would leave the host's systemd running."""
        if not self.unified.exists():
            return
        (self.unified / "cgroup.kill").write_text("1")
        for dummy in wait_until(time.monotonic() + 10):
            if "populated 0" in (self.unified / "cgroup.events").read_text():
                return
        raise LabError(f"{self.unified}: its processes do not end")

    def remove(self) -> None:
        for top in self.folders:
            # Depth first. A killed process can take a moment to leave the old hierarchy.
            for folder in sorted([*top.glob("**/"), top], key=lambda path: len(path.parts), reverse=True):
                for dummy in wait_until(time.monotonic() + 5):
                    try:
                        folder.rmdir()
                    except FileNotFoundError:
                        break
                    except OSError:
                        continue
                    break
                else:
                    raise LabError(f"{folder} cannot be removed")


# -- mounts ---------------------------------------------------------------------------------------------------


def mounts_below(folder: Path) -> list[str]:
    """The mount points at and below a folder, the last one mounted first."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        # Spaces and a few other characters are written as three octal digits.
        point = line.split(" ")[4].encode("utf-8", "surrogateescape").decode("unicode_escape")
        if point == str(folder) or point.startswith(f"{folder}/"):
            points.append(point)
    return points[::-1]


def unmount_all(folder: Path) -> None:
    """Lazily, since what was killed may still hold a file."""
    for point in mounts_below(folder):
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
    left = mounts_below(folder)
    if left:
        raise LabError(f"still mounted: {' '.join(left)}")


# -- network namespaces ---------------------------------------------------------------------------------------


NETNS = Path("/run/netns")


def namespaces(prefix: str) -> list[str]:
    return sorted(path.name for path in NETNS.glob(f"{prefix}*")) if NETNS.exists() else []


def delete_namespaces(names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            run(["ip", "netns", "delete", name])


def ip_batch(namespace: str, lines: Iterable[str]) -> None:
    """Several commands of ip(8) in one namespace, by one process."""
    run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(lines) + "\n", what=f"ip -n {namespace}")


def in_namespace(namespace: str, command: Sequence[str]) -> list[str]:
    """The command in a network namespace, and else where it is: `ip netns exec` would hide /sys/fs/cgroup from it."""
    return ["nsenter", f"--net={NETNS / namespace}", "--", *command]


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
        stream.write(text)
    path.chmod(mode)
