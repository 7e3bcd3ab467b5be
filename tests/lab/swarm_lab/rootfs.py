# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The root file system that all hosts have below their own files: made once, and kept outside the checkout."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO, Callable

from .system import Cgroup, LabError, unmount_all

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "renderops-vray_swarm" / "lab"
UNUSED_DAYS = 30
MINUTES = 15

# The hosts have no network but that of the lab: what a role would install is there already.
PACKAGES = """
    acl ca-certificates cifs-utils curl dbus fuse3 iproute2 openssh-server procps python3 python3-apt python3-requests
    python3-yaml rclone samba sshfs sudo systemd-sysv
""".split()

# What a start need not wait for, and what would wake up in the middle of a test.
MASKED = """
    apt-daily.timer apt-daily-upgrade.timer console-getty.service dpkg-db-backup.timer e2scrub_all.timer
    e2scrub_reap.service fstrim.timer getty.target logrotate.timer man-db.timer systemd-networkd-wait-online.service
    systemd-tmpfiles-clean.timer
""".split()

SHARE_USER = "render"
# Whoever builds a command line, an option of mount or a line of fstab from it will get it wrong.
SHARE_PASSWORD = "Sw4rm, it's #1 $HOME"

SETUP = f"""\
set -eu
echo 'LANG=C.UTF-8' > /etc/default/locale
useradd --create-home --shell /bin/bash ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
useradd --system --home-dir /var/lib/swarm --shell /usr/sbin/nologin swarm
useradd --system --no-create-home --shell /usr/sbin/nologin {SHARE_USER}
printf '%s\\n%s\\n' "$SHARE_PASSWORD" "$SHARE_PASSWORD" | smbpasswd -a -s {SHARE_USER}
systemctl disable --quiet nmbd.service samba-ad-dc.service smbd.service
systemctl mask --quiet {" ".join(MASKED)}
systemctl enable --quiet ssh.service
systemctl set-default --quiet multi-user.target
ln -s /usr/bin/rclone /sbin/mount.rclone
dpkg-divert --quiet --local --rename --add /sbin/mount.cifs
# A copy, so that a look at the running process finds a program of Swarm's own.
install -D "$(readlink -f /usr/bin/python3)" /opt/swarm/bin/swarm
rm -f /etc/ssh/ssh_host_*_key*
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
"""


def suite() -> str:
    """The Debian of this machine; bookworm where it is another system."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "bookworm"
    return release.get("VERSION_CODENAME", "bookworm") if release.get("ID") == "debian" else "bookworm"


def mirror(codename: str) -> list[str]:
    """The mirror that apt uses for it; none means the one that debootstrap has for a default."""
    command = ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return [uri for name, uri in found if name == codename][:1]


def make(cgroup: Cgroup, say: Callable[[str], None]) -> Path:
    """Make the root file system, or take the one that is there."""
    codename = suite()
    what = "\0".join([codename, platform.machine(), *PACKAGES, SETUP, SHARE_PASSWORD])
    path = CACHE / f"{codename}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"
    marker = path / "etc" / "swarm-lab"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w", encoding="utf-8") as lock:
        # One process makes it, others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists():
            os.utime(marker)
            return path
        forget_unused()
        say("Making the root file system of the hosts, once; this takes a minute or two ...")
        new = Path(f"{path}.new")
        remove(new)
        with open(f"{path}.log", "w", encoding="utf-8") as log:
            bootstrap = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", codename, str(new)]
            execute(cgroup, [*bootstrap, *mirror(codename)], lock, log)
            execute(cgroup, ["chroot", str(new), "sh", "-c", SETUP], lock, log)
        (new / "etc" / "swarm-lab").touch()
        os.replace(new, path)
        return path


def execute(cgroup: Cgroup, command: list[str], lock: IO[str], log: IO[str]) -> None:
    """In a mount namespace of its own, so that nothing stays mounted. The lock is held until the last child is gone."""
    done = subprocess.run(
        cgroup.command(["unshare", "--mount", "--propagation", "private", *command]),
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "SHARE_PASSWORD": SHARE_PASSWORD},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        pass_fds=[lock.fileno()],
        timeout=MINUTES * 60,
        check=False,
    )
    if done.returncode != 0:
        log.flush()
        end = "\n".join(Path(log.name).read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise LabError(f"the root file system could not be made; the end of {log.name}:\n{end}")


def remove(path: Path) -> None:
    # A device or /proc that is still mounted there must not be emptied.
    unmount_all(path)
    if path.exists():
        shutil.rmtree(path)


def forget_unused() -> None:
    """Remove what earlier packages made and nobody has used for long."""
    for marker in CACHE.glob("*/etc/swarm-lab"):
        if time.time() - marker.stat().st_mtime > UNUSED_DAYS * 86400:
            remove(marker.parents[1])


def forget_half_made() -> None:
    """Remove what was killed while it was made. Whoever makes one now holds its lock."""
    for new in CACHE.glob("*.new"):
        with open(new.with_suffix(".lock"), "w", encoding="utf-8") as lock:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(new)
