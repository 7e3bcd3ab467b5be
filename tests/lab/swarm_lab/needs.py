# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Can this machine carry the lab? And what would have to be installed?"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .system import LabError, unified_hierarchy

# Debian's packages, and a program of each.
PROGRAMS = {
    "debootstrap": "debootstrap",
    "gpg": "gpg",
    "gpg-agent": "gpg-agent",
    "gpgv": "gpgv",
    "iproute2": "ip",
    "openssh-client": "ssh",
    "systemd-container": "systemd-nspawn",
    "util-linux": "nsenter",
}

INSTALL_LOCK = "/run/vray_swarm-lab-install.lock"

# All that a host needs of the kernel and that a container may be refused.
PROBE = """
set -e
mount -t tmpfs lab /mnt
mkdir /mnt/lower /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
mknod /mnt/root/null c 1 3
ip link add lab0 type veth peer name lab1
ip link add lab2 type bridge
"""


def search_path() -> str:
    """Where Debian has them, also for a user whose PATH lacks the folders of root."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def missing_packages() -> list[str]:
    return sorted(package for package, program in PROGRAMS.items() if not shutil.which(program, path=search_path()))


def cannot() -> str:
    """Why this machine cannot carry the lab, whatever is installed; empty if it can."""
    if not sys.platform.startswith("linux"):
        return "it needs Linux"
    if os.geteuid() != 0:
        return "it needs root"
    unified = unified_hierarchy()
    if unified is None or not os.access(unified, os.W_OK):
        return "it needs a cgroup 2 that can be written"
    if not Path("/dev/fuse").exists():
        return "it needs /dev/fuse"
    return ""


def kernel_refuses() -> str:
    """Why the kernel, or the container around us, does not allow it; empty if it does."""
    probe = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", PROBE]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines() or ["no reason given"]
    return f"it needs mounts, overlay and network namespaces: {lines[-1]}" if done.returncode != 0 else ""


def install(packages: list[str]) -> None:
    """By apt-get, for a build server."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # apt-get does not wait for another one, which another lab may have begun.
    with open(INSTALL_LOCK, "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        ):
            done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, check=False)
            if done.returncode != 0:
                raise LabError(f"{' '.join(command)}: status {done.returncode}")
