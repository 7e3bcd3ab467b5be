# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab itself: are its hosts what the scenarios take them for?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from swarm_lab import PEERS, Lab, LabError
from swarm_lab.rootfs import SHARE_PASSWORD

LAB = Path(__file__).resolve().parents[1] / "lab.py"

MOUNT = """\
umask 077
mkdir -p /mnt/vray
cat > /root/credentials
echo '//server/vray /mnt/vray cifs ro,credentials=/root/credentials,_netdev,nofail 0 0' > /etc/fstab
systemctl daemon-reload
mount /mnt/vray"""


def credentials(password: str) -> str:
    return f"username=render\npassword={password}\n"


def test_the_inventory_says_what_the_hosts_are(lab: Lab) -> None:
    command = "systemctl show --value --property ExecStart {{ vray_swarm_service }}"
    run = lab.task("peers", "ansible.builtin.command", {"cmd": command}, "--verbose")
    assert run.succeeded, run
    for spec in PEERS:
        started = run.one(spec.name)["stdout"]
        assert f"--data-dir {spec.data_dir} " in started
        assert f"--config {spec.config} " in started
    told = lab.task("peers", "ansible.builtin.debug", {"msg": "{{ [vray_swarm_data_dir, vray_swarm_config] }}"})
    assert [told.one(spec.name)["msg"] for spec in PEERS] == [[spec.data_dir, spec.config] for spec in PEERS]
    share = lab.task("peer1", "ansible.builtin.debug", {"var": "vray_swarm_share_password"})
    assert share.one()["vray_swarm_share_password"] == SHARE_PASSWORD


def test_settings_come_from_swarm_yaml(lab: Lab) -> None:
    lab.write("peer5", "/opt/chaos/swarm 2/conf/swarm.yaml", "webPort: 1213\n")
    lab.ssh("peer5", "systemctl restart chaos-swarm")
    lab.wait_for_ports([("peer5", 1213)])
    events = lab.swarm_events("peer5", "started")
    assert [event["url"] for event in events] == ["http://0.0.0.0:1113", "http://0.0.0.0:1213"]


def test_a_share_is_mounted_over_real_smb(lab: Lab) -> None:
    lab.ssh("server", "echo a build > /srv/vray/build")
    lab.ssh("peer1", MOUNT, stdin=credentials(SHARE_PASSWORD))
    assert lab.ssh("peer1", "runuser -u swarm -- cat /mnt/vray/build") == "a build\n"
    assert "Read-only" in lab.ssh("peer1", "touch /mnt/vray/mine", check=False)
    # Whoever is there is known to the server, and the process list does not tell the password.
    assert "render" in lab.ssh("server", "smbstatus --shares --processes")
    assert "Sw4rm" not in lab.ssh("peer1", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    # It survives a reboot.
    lab.reboot("peer1")
    lab.ssh("peer1", "systemctl start remote-fs.target")
    assert lab.ssh("peer1", "cat /mnt/vray/build") == "a build\n"


def test_a_share_is_not_mounted_with_a_wrong_password(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"mount error\(13\): Permission denied"):
        lab.ssh("peer1", MOUNT, stdin=credentials("wrong"))
    assert " /mnt/vray " not in lab.ssh("peer1", "cat /proc/mounts")


def test_the_other_mount_helpers_work(lab: Lab) -> None:
    lab.ssh("server", "echo a build > /srv/vray/build")
    settings = "[share]\ntype = smb\nhost = server\nuser = render\npass = %s\n"
    hidden = lab.ssh("peer1", "rclone obscure -", stdin=SHARE_PASSWORD).strip()
    lab.ssh("peer1", "mkdir /mnt/a /mnt/b; umask 077; cat > /root/rclone.conf", stdin=settings % hidden)
    lab.ssh("peer1", "mount -t rclone share:vray /mnt/a -o args2env,vfs_cache_mode=writes,config=/root/rclone.conf")
    assert lab.ssh("peer1", "cat /mnt/a/build; findmnt -n -o FSTYPE /mnt/a") == "a build\nfuse.rclone\n"
    lab.ssh("peer1", "umask 077; cat > /root/.ssh/id_lab", stdin=(lab.folder / "key").read_text(encoding="utf-8"))
    options = "ro,IdentityFile=/root/.ssh/id_lab,StrictHostKeyChecking=no"
    lab.ssh("peer1", f"mount -t fuse.sshfs root@server:/srv/vray /mnt/b -o {options}")
    assert lab.ssh("peer1", "cat /mnt/b/build; findmnt -n -o FSTYPE /mnt/b") == "a build\nfuse.sshfs\n"


def test_a_reset_host_is_as_new(lab: Lab) -> None:
    look = "find /etc /var/lib/swarm | sort; systemctl is-active swarm"
    before, boot = lab.ssh("peer2", look), lab.read("peer2", "/proc/sys/kernel/random/boot_id")
    lab.ssh("peer2", "touch /etc/drift; rm -r /var/lib/swarm; systemctl disable --now swarm")
    lab.plug("peer2", plugged=False)
    lab.reset(["peer2"])
    assert lab.ssh("peer2", look) == before
    assert lab.read("peer2", "/proc/sys/kernel/random/boot_id") != boot


def test_nothing_is_left_of_a_lab_whose_starter_was_killed(lab: Lab) -> None:
    """At any moment of its start."""
    other = Lab(f"{lab.name[:20]}-two")
    command = [sys.executable, str(LAB)]
    environ = {**os.environ, "LAB_NAME": other.name}
    for hosts in (0, 2):
        starter = subprocess.Popen([*command, "up"], env=environ, stdout=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 30
        while not other.folder.exists() or len(list(other.folder.glob("hosts/*/console.log"))) < hosts:
            assert time.monotonic() < until and starter.poll() is None
            time.sleep(0.01)
        starter.send_signal(signal.SIGKILL)
        starter.wait()
        assert other.left()
        subprocess.run([*command, "down"], env=environ, check=True)
        assert not other.left()
    # The lab that we are in was left alone.
    lab.wait_for_ports([("server", 445), ("peer1", 1113)])
