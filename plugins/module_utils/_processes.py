# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The processes of a host: what runs from where, as far as this user may see it."""

from __future__ import annotations

import os
import sys
import time
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import run_command

PROC = "/proc"
# proc(5), stat: the time of the start is the 22nd field, in ticks since the boot. The 2nd one may have spaces in it.
_START_FIELD = 22 - 3
# proc(5): what the link of an executable ends with when the file was removed.
_DELETED = " (deleted)"


class Process(t.NamedTuple):
    pid: int
    executable: str


class Processes(t.NamedTuple):
    """The processes, and why there may be others."""

    seen: t.List[Process]
    error: t.Optional[str]


def look_at_processes() -> Processes:
    """Return all processes with their executables."""
    if sys.platform == "darwin":
        return _from_ps()
    if os.path.isdir(os.path.join(PROC, "self")):
        return _from_proc()
    return Processes([], "this system does not tell what runs")


def below(processes: t.Iterable[Process], roots: t.Sequence[str]) -> t.List[t.Dict[str, t.Any]]:
    """The processes whose executable begins with one of the roots, which hold no links."""
    return [process._asdict() for process in processes if process.executable.startswith(tuple(roots))]


def pids() -> t.List[int]:
    return sorted(int(name) for name in os.listdir(PROC) if name.isdigit())


def read_proc(pid: int, name: str) -> str:
    """A file of a process; nothing when the process ended or the file may not be read."""
    try:
        with open(os.path.join(PROC, str(pid), name), encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def read_link(pid: int, name: str) -> t.Optional[str]:
    """A link of a process: its executable, or its working directory.

    :raises PermissionError: It may not be seen.
    """
    try:
        target = os.readlink(os.path.join(PROC, str(pid), name))
    except PermissionError:
        raise
    except OSError:  # It ended, or is a thread of the kernel.
        return None
    return target[: -len(_DELETED)] if target.endswith(_DELETED) else target


def arguments(pid: int) -> t.List[str]:
    """The command line; nothing for a thread of the kernel."""
    text = read_proc(pid, "cmdline")
    # It ends with a zero byte; programs that write their title there add some.
    return text.rstrip("\0").split("\0") if text else []


def running_seconds(pid: int) -> t.Optional[float]:
    """For how long a process runs, in seconds, and at most a second more than that; None where nobody tells."""
    if sys.platform == "darwin":
        done = run_command("ps", "-o", "etime=", "-p", str(pid))
        return parse_etime(done.output) if done.status == 0 else None
    fields = read_proc(pid, "stat").rpartition(")")[2].split()
    try:
        started = int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK")
    except (ValueError, IndexError):
        return None
    # Not /proc/uptime, which in a container can be that of the container.
    seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - started
    return seconds if seconds >= 0 else None


def parse_etime(text: str) -> t.Optional[float]:
    """Read what ps(1) tells as ``[[days-]hours:]minutes:seconds``, and count the second that has begun."""
    days, _dash, clock = text.strip().rpartition("-")
    try:
        parts = [int(part) for part in clock.split(":")]
        hours, minutes, seconds = [0] * (3 - len(parts)) + parts
        return float(((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds + 1)
    except ValueError:
        return None


def hidden(unseen: int) -> t.Optional[str]:
    """Say what could not be seen."""
    advice = "" if os.geteuid() == 0 else " (become?)"
    if not os.path.isdir(os.path.join(PROC, "1")):
        return f"the processes of other users are hidden from this user{advice}"
    if unseen:
        return f"{unseen} process{'' if unseen == 1 else 'es'} may not be seen by this user{advice}"
    return None


def _from_proc() -> Processes:
    seen, unseen = [], 0
    for pid in pids():
        try:
            executable = read_link(pid, "exe")
        except PermissionError:
            command = arguments(pid)
            # What it was started as tells nearly as much, where it is a path. A thread of the kernel has none.
            executable = command[0] if command and command[0].startswith("/") else None
            unseen += bool(command) and not executable
        if executable:
            seen.append(Process(pid, executable))
    return Processes(seen, hidden(unseen))


def _from_ps() -> Processes:
    # On macOS, comm is the path of the executable.
    done = run_command("ps", "-axww", "-o", "pid=,comm=")
    if done.status != 0:
        return Processes([], done.error or f"ps ended with {done.status}")
    return Processes(list(parse_ps(done.output)), None)


def parse_ps(text: str) -> t.Iterator[Process]:
    for line in text.split("\n"):
        pid, _space, executable = line.strip().partition(" ")
        if pid.isdigit() and executable.strip():
            yield Process(int(pid), executable.strip())
