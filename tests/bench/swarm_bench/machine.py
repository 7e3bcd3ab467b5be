# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine: its words, its load, its network namespace, and what is compiled on it."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
MIB = 1 << 20


class BenchError(Exception):
    """The measurements cannot go on; the text says why."""


def words() -> dict[str, object]:
    """What a reader has to know of the machine."""
    model = ""
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        model = found.group(1) if found else ""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    curl = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=False).stdout
    return {
        "cores": os.cpu_count(),
        "processor": model or platform.machine(),
        "memory GiB": round(memory / (1 << 30)),
        "kernel": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "congestion control": congestion_control(),
        "python": platform.python_version(),
        "ansible-core": package("ansible-core"),
        "requests": package("requests"),
        "urllib3": package("urllib3"),
        "curl": (curl.split() or ["", "none"])[1],
    }


def package(name: str) -> str:
    from importlib import metadata

    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return "none"


def load() -> float:
    """How many processes want a core, on average over the last minute. The benchmark itself is one of them."""
    return round(os.getloadavg()[0], 2)


def congestion_control() -> str:
    return CONGESTION.read_text(encoding="ascii").strip() if CONGESTION.exists() else "unknown"


@contextlib.contextmanager
def congestion(name: str) -> Iterator[str]:
    """For the connections that are made from here on: another congestion control, or the machine's own."""
    before = congestion_control()
    if name != "default":
        CONGESTION.write_text(name, encoding="ascii")
    try:
        yield congestion_control()
    finally:
        if name != "default":
            CONGESTION.write_text(before, encoding="ascii")


def in_namespace(command: list[str]) -> list[str]:
    """The command in a network of its own, whose settings are its own and whose port 1113 nobody has."""
    enter = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    inside = [*enter, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    probe = subprocess.run([*inside, "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        raise BenchError(f"no network namespace here, which `unshare --net` makes: {probe.stderr.strip()}")
    return [*inside, *command]


def compile_all(folder: Path) -> dict[str, Path]:
    """The programs of native/, by name; none where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    programs: dict[str, Path] = {}
    for source in sorted((HERE / "native").glob("*.c")) if compiler else ():
        program = folder / source.stem
        command = [str(compiler), "-O2", "-pthread", "-o", str(program), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            programs[source.stem] = program
        else:
            print(f"{source.name} cannot be compiled here: {done.stderr.strip()}", file=sys.stderr)
    return programs


def make_build(path: Path, size: int) -> Path:
    """A file with content, on the disk and in the page cache: a sparse one reads faster than a real build."""
    block = os.urandom(MIB)
    with open(path, "wb", buffering=0) as file:
        # What identifies an archive for the collection.
        file.write(b"vray.json".ljust(257, b"\0") + b"ustar\x0000")
        while file.tell() < size:
            file.write(block[: size - file.tell()])
        os.fsync(file.fileno())
    return path
