# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The share: mounted on peers by share_mount, exported by share_server, over real SMB."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from swarm_lab import Lab, Run
from swarm_lab.peers import until
from swarm_lab.rootfs import SHARE_PASSWORD
from swarm_lab.secrets import CREDENTIALS, KEPT, private, traces, watched
from swarm_lab.signing import Signer

LINE = "//server/vray /mnt/vray cifs ro,credentials=/etc/vray_swarm.credentials,_netdev,nofail,x-vray_swarm 0 0"
DISTRIBUTE = "renderops.vray_swarm.distribute"


def plays(hosts: str) -> list[dict[str, Any]]:
    return [{"hosts": hosts, "gather_facts": False, "roles": ["renderops.vray_swarm.share_mount"]}]


def mount(lab: Lab, hosts: str, *arguments: str, **variables: Any) -> Run:
    return lab.playbook(plays(hosts), *arguments, variables=variables)


def each(default: str, values: dict[str, str]) -> str:
    """A variable with another value on some peers."""
    return "{{ %r[inventory_hostname] | default(%r) }}" % (values, default)


def build(lab: Lab, host: str) -> str:
    """A file of the share, as Swarm sees it there."""
    return lab.ssh(host, "runuser -u swarm -- cat /mnt/vray/build", check=False)


def said(run: Run, host: str) -> str:
    """What the run told about what differs."""
    return "\n".join(run.one(host, task="Tell what differs")["msg"])


def failure(run: Run, host: str) -> str:
    (text,) = [result["msg"] for result in run.of(host) if result.status == "failed"]
    return str(text)


@pytest.fixture
def share(lab: Lab) -> Lab:
    """A build in the share."""
    lab.ssh("server", "echo a build > /srv/vray/build")
    return lab


def test_a_share_is_mounted_on_bare_peers_once(share: Lab) -> None:
    lab, peers = share, ("peer1", "peer5")
    check = mount(lab, "peer1:peer5", "--check", "--diff")
    assert check.succeeded and check.changed == {"peer1": 3, "peer5": 3}, check
    assert "//server/vray is not mounted at /mnt/vray." in said(check, "peer1")
    for path in ("/mnt/vray", CREDENTIALS):
        assert "No such file" in lab.ssh("peer1", f"ls {path}", check=False)

    lab.ssh("peer1", "chmod 640 /etc/fstab")
    first = mount(lab, "peer1:peer5", "--diff")
    assert first.succeeded and first.changed == check.changed, first
    for peer in peers:
        assert said(first, peer) == said(check, peer)
        assert build(lab, peer) == "a build\n"
        assert "Read-only" in lab.ssh(peer, "touch /mnt/vray/mine", check=False)
        assert lab.read(peer, "/etc/fstab").splitlines()[-1] == LINE
        assert lab.ssh(peer, f"stat -c '%a %U %G' {CREDENTIALS}") == "600 root root\n"
    assert lab.read("peer1", CREDENTIALS) == f"username=render\npassword={SHARE_PASSWORD}\n"
    below = "unshare --mount sh -c 'umount --lazy /mnt/vray; stat --format %a /etc/fstab /mnt/vray'"
    assert lab.ssh("peer1", below).split() == ["640", "755"]

    before = [len(lab.sessions(peer)) for peer in peers]
    again = mount(lab, "peer1:peer5")
    assert again.succeeded and not again.changed, again
    # One look, one round trip.
    assert [len(lab.sessions(peer)) for peer in peers] == [count + 1 for count in before]

    lab.reboot("peer1")
    lab.ssh("peer1", "systemctl start remote-fs.target")
    assert build(lab, "peer1") == "a build\n"
    again = mount(lab, "peer1")
    assert again.succeeded and not again.changed, again


BY_HAND = f"umount /mnt/vray; mount -t cifs //server/vray /mnt/vray -o credentials={CREDENTIALS}"
DRIFTS = (
    # What somebody did, what is told, and how many tasks set it right.
    {
        "peer1": ("umount /mnt/vray; rmdir /mnt/vray", "//server/vray is not mounted at /mnt/vray.", 1),
        "peer2": ("sed -i s/,nofail// /etc/fstab", "fstab has //server/vray cifs ro,", 2),
        "peer3": ("sed -i /vray/d /etc/fstab", "fstab has no line for /mnt/vray", 2),
        "peer4": (f"chmod 644 {CREDENTIALS}", "The credentials file is not there, is not as wanted", 2),
        # Nobody serves the mount any more, as after a crash.
        "peer5": ("pkill -KILL rclone; while ls /mnt/vray; do :; done", "/mnt/vray could not be read", 1),
    },
    {
        "peer1": (BY_HAND, "is mounted at /mnt/vray such that peers can write into it", 1),
        # Ours, since fstab has a line for it.
        "peer2": (
            "umount /mnt/vray; mount -t tmpfs x /mnt/vray",
            "At /mnt/vray is mounted x instead of //server/vray",
            1,
        ),
        "peer3": (f"rm {CREDENTIALS}", "The credentials file is not there", 2),
        # A program that has the share open does not keep it.
        "peer4": (
            f"cd /mnt/vray; echo >> {CREDENTIALS}; nohup sleep 600 > /dev/null 2>&1 &",
            "The credentials file",
            2,
        ),
        # The share was on another server.
        "peer5": (
            "sed -i s,//server/vray,//old/vray, /etc/fstab; umount /mnt/vray; mount -t tmpfs //old/vray /mnt/vray",
            "At /mnt/vray is mounted //old/vray instead of //server/vray",
            2,
        ),
    },
)


def test_another_file_system_is_mounted_by_its_own_program(share: Lab) -> None:
    lab = share
    lab.ssh("peer1", "umask 077; cat > /root/.ssh/id_lab", stdin=(lab.folder / "key").read_text(encoding="utf-8"))
    given = {
        "vray_swarm_share_src": "root@server:/srv/vray",
        "vray_swarm_share_fstype": "fuse.sshfs",
        "vray_swarm_share_options": "allow_other,IdentityFile=/root/.ssh/id_lab,StrictHostKeyChecking=no",
    }
    first = mount(lab, "peer1", **given)
    assert first.succeeded and first.changed, first
    assert build(lab, "peer1") == "a build\n"
    assert "Read-only" in lab.ssh("peer1", "touch /mnt/vray/mine", check=False)
    # It has no use for the account of SMB, which the inventory gives.
    assert "No such file" in lab.ssh("peer1", f"ls {CREDENTIALS}", check=False)
    second = mount(lab, "peer1", **given)
    assert second.succeeded and not second.changed, second


def test_drift_is_told_and_set_right(share: Lab) -> None:
    lab = share
    assert mount(lab, "peers").succeeded
    for drifts in DRIFTS:
        for peer, (command, _message, _changed) in drifts.items():
            lab.ssh(peer, command, check=False)
        check = mount(lab, "peers", "--check")
        assert check.succeeded, check
        run = mount(lab, "peers")
        assert run.succeeded, run
        for peer, (command, message, changed) in drifts.items():
            assert message in said(run, peer) and said(check, peer) == said(run, peer), (peer, command, run)
            assert peer in check.changed and run.changed[peer] >= changed, (peer, command, check, run)
            assert build(lab, peer) == "a build\n", (peer, command)
            assert "Read-only" in lab.ssh(peer, "touch /mnt/vray/mine", check=False)
            assert lab.read(peer, "/etc/fstab").splitlines()[-1] == LINE
            assert lab.ssh(peer, "grep -c ' /mnt/vray ' /proc/mounts") == "1\n"
            assert lab.ssh(peer, f"stat -c %a {CREDENTIALS}") == "600\n"
        again = mount(lab, "peers")
        assert again.succeeded and not again.changed, again


def test_files_and_the_mounts_of_others_are_not_mounted_over(share: Lab) -> None:
    lab = share
    lab.ssh("peer3", "mkdir -p /mnt/vray; touch /mnt/vray/precious")
    lab.ssh("peer4", "mkdir -p /mnt/vray; mount -t tmpfs mine /mnt/vray; touch /mnt/vray/precious")
    line = "//server/assets /mnt/vray cifs ro,guest 0 0"
    lab.ssh("peer5", f"echo '{line}' >> /etc/fstab; mkdir -p /mnt/vray; mount -t tmpfs //server/assets /mnt/vray")
    lab.ssh("peer5", "touch /mnt/vray/precious")
    for arguments in (("--check",), ()):
        run = mount(lab, "peer3:peer4:peer5", *arguments)
        assert run.failed == ["peer3", "peer4", "peer5"], run
        assert "/mnt/vray is not empty" in failure(run, "peer3") and "_share_over_files" in failure(run, "peer3")
        assert "is a mount of mine that is not in fstab, so that it is somebody else's" in failure(run, "peer4")
        assert "fstab has //server/assets cifs ro,guest for /mnt/vray without the option" in failure(run, "peer5")
        assert "remove its line from /etc/fstab, choose another vray_swarm_share_path" in failure(run, "peer5")
    for peer, lines in (("peer3", []), ("peer4", []), ("peer5", [line])):
        assert lab.ssh(peer, "ls /mnt/vray") == "precious\n"
        assert [text for text in lab.read(peer, "/etc/fstab").splitlines() if "vray" in text] == lines
        assert "No such file" in lab.ssh(peer, f"ls {CREDENTIALS}", check=False)
    # It is no leave to mount over the mounts of others.
    run = mount(lab, "peer3:peer4", vray_swarm_share_over_files=True)
    assert run.failed == ["peer4"] and build(lab, "peer3") == "a build\n", run


def failing(lab: Lab) -> Run:
    """A run that fails on each peer, with another reason on each."""
    sources = {"peer2": "//server/other", "peer3": "//peer1/vray"}
    run = mount(
        lab,
        "peers",
        vray_swarm_share_src=each("//server/vray", sources),
        vray_swarm_share_password=each(SHARE_PASSWORD, {"peer1": "wrong"}),
        vray_swarm_share_options=each("", {"peer4": "nonsense"}),
        vray_swarm_share_fstype=each("cifs", {"peer5": "nonsense"}),
    )
    assert run.failed == lab.peers and not run.changed, run
    assert "error(13): Permission denied" in failure(run, "peer1")
    assert "does not let this peer or the user in. Check vray_swarm_share_username" in failure(run, "peer1")
    assert "has no such share or directory. Check vray_swarm_share_src" in failure(run, "peer2")
    assert "The server does not answer. Check its name" in failure(run, "peer3")
    assert "This peer cannot mount the type" in failure(run, "peer4")
    assert "This peer cannot mount the type" in failure(run, "peer5")
    return run


def test_a_mount_that_fails_says_what_to_check_and_changes_nothing(share: Lab) -> None:
    lab = share
    run = failing(lab)
    for peer in lab.peers:
        assert failure(run, peer).endswith(" Nothing was changed.")
        assert "vray" not in lab.read(peer, "/etc/fstab")
        for path in ("/mnt/vray", CREDENTIALS):
            assert "No such file" in lab.ssh(peer, f"ls {path}", check=False)
        assert lab.ssh(peer, "pgrep --exact rclone", check=False) == ""


def kept(lab: Lab, peer: str) -> str:
    """What is to stay on a peer: the files for the mount, their modes, and nothing beside them."""
    names = "ls -d --format=single-column /etc/*vray* /etc/fstab*"
    return lab.ssh(peer, f"cat {CREDENTIALS} /etc/fstab; {names}; stat -c '%a %U' {CREDENTIALS}", check=False)


def mounted(lab: Lab, peer: str) -> str:
    """The line of the mount, which has a number that each mount gets anew."""
    return lab.ssh(peer, "grep ' /mnt/vray ' /proc/self/mountinfo", check=False)


def test_a_mount_that_works_stays_until_the_new_one_is_known_to_work(share: Lab) -> None:
    lab = share
    assert mount(lab, "peers").succeeded
    before = {peer: kept(lab, peer) + mounted(lab, peer) for peer in lab.peers}
    # Whoever reads in it goes on reading.
    for peer in lab.peers:
        lab.ssh(peer, "systemd-run --quiet --unit reader sh -c 'exec tail -f /mnt/vray/build'")
    run = failing(lab)
    for peer in lab.peers:
        assert failure(run, peer).endswith(" Nothing was changed, and what is mounted there stays.")
        assert kept(lab, peer) + mounted(lab, peer) == before[peer]
        assert build(lab, peer) == "a build\n"
        assert lab.ssh(peer, "pgrep --count --exact rclone; systemctl is-active reader") == "1\nactive\n"
    again = mount(lab, "peers")
    assert again.succeeded and not again.changed, again


# Mounts as ever where it is tried. In its place: what /run/late says, once.
LATE = """\
#!/bin/sh
if [ "$2" = /mnt/vray ] && [ -e /run/late ]; then
    mv /run/late /run/was_late
    . /run/was_late
    exit
fi
exec /sbin/real.cifs "$@"
"""
REFUSED = "echo 'mount error(112): Host is down' >&2; exit 32"
# It goes on saying so.
REFUSED_FOR_LONG = f"mv /run/was_late /run/late; {REFUSED}"
SOMETHING_ELSE = "mount -t tmpfs something /mnt/vray"


def test_what_was_there_comes_back_where_the_new_one_fails_after_all(share: Lab) -> None:
    """Though it could be mounted when it was tried."""
    lab = share
    lates = {"peer1": REFUSED, "peer2": REFUSED_FOR_LONG, "peer3": SOMETHING_ELSE, "peer4": REFUSED}
    peers = list(lates)
    assert mount(lab, "peer1:peer2:peer3").succeeded
    before = {peer: kept(lab, peer) for peer in peers}
    for peer, late in lates.items():
        lab.ssh(peer, "mv /sbin/mount.cifs /sbin/real.cifs; cat > /sbin/mount.cifs", stdin=LATE)
        lab.ssh(peer, "chmod 755 /sbin/mount.cifs; cat > /run/late", stdin=late)
    other = {"vray_swarm_share_domain": "FARM", "vray_swarm_share_options": "soft"}
    run = mount(lab, ":".join(peers), **other)
    assert run.failed == peers, run
    for peer in peers:
        assert kept(lab, peer) == before[peer], peer
        if peer != "peer3":
            assert "Host is down. The server does not answer. Check its name" in failure(run, peer)
    assert "At /mnt/vray is mounted something instead of //server/vray." in failure(run, "peer3")
    for peer in ("peer1", "peer3"):
        assert failure(run, peer).endswith(" The settings from before are back, and so is what was mounted there.")
        assert build(lab, peer) == "a build\n" and mounted(lab, peer).count("\n") == 1
    told = " The settings from before are back, but what was mounted there could not be mounted again: mount error(112)"
    assert told in failure(run, "peer2") and mounted(lab, "peer2") == ""
    assert failure(run, "peer4").endswith(" are back, and nothing is mounted there, as before.")

    lab.ssh("peer2", "rm /run/late")
    again = mount(lab, ":".join(peers), **other)
    assert again.succeeded and [build(lab, peer) for peer in peers] == ["a build\n"] * 4, again
    for peer in peers:
        assert "domain=FARM" in kept(lab, peer) and "~" not in kept(lab, peer)


def test_what_cannot_be_mounted_is_refused_before_anything_is_done(share: Lab) -> None:
    lab = share
    run = mount(
        lab,
        "peers",
        vray_swarm_share_src=each("//server/vray", {"peer1": ""}),
        vray_swarm_share_path=each("/mnt/vray", {"peer1": ""}),
        vray_swarm_share_options=each("", {"peer2": "password=Geheim", "peer3": "rw"}),
        vray_swarm_share_credentials=each(CREDENTIALS, {"peer4": "/no/credentials"}),
        vray_swarm_platform=each("", {"peer5": "macOS_Arm64"}),
    )
    assert run.failed == lab.peers, run
    assert "vray_swarm_share_src and vray_swarm_share_path must be set" in failure(run, "peer1")
    assert "There is a password in" in failure(run, "peer2") and "Geheim" not in failure(run, "peer2")
    assert "has rw, and peers must not write" in failure(run, "peer3")
    assert "/no/credentials could not be written: Destination directory" in failure(run, "peer4")
    assert "//server/vray is not mounted at /mnt/vray. On macOS mounting is up to you" in failure(run, "peer5")
    assert not run.changed


def test_a_share_that_does_not_answer_is_mounted_anew(share: Lab) -> None:
    lab = share
    assert mount(lab, "peer1").succeeded
    lab.ssh("peer1", "pkill -STOP rclone")
    # Elsewhere, so that only one place is waited for.
    run = mount(lab, "peer1", vray_swarm_import_dir="/srv")
    assert run.succeeded and "/mnt/vray does not answer. Is the server of the share down?" in said(run, "peer1"), run
    assert build(lab, "peer1") == "a build\n"


def test_a_server_that_is_down_and_comes_back(share: Lab) -> None:
    lab = share
    assert mount(lab, "peer1").succeeded
    lab.ssh("server", "systemctl stop smbd; systemctl kill --signal KILL smbd", check=False)
    run = mount(lab, "peer1:peer2")
    assert run.failed == ["peer1", "peer2"], run
    assert "/mnt/vray could not be read" in said(run, "peer1")
    for peer in run.failed:
        assert "The server does not answer. Check its name" in failure(run, peer)
        assert "Nothing was changed" in failure(run, peer)
    # What was in fstab before is there still: the share is mounted at the next boot, or by the next run.
    assert lab.read("peer1", "/etc/fstab").splitlines()[-1] == LINE
    assert "vray" not in lab.read("peer2", "/etc/fstab")
    lab.ssh("server", "systemctl start smbd")
    lab.wait_for_ports([("server", 445)])
    run = mount(lab, "peer1:peer2")
    assert run.succeeded and [build(lab, peer) for peer in ("peer1", "peer2")] == ["a build\n"] * 2, run


def test_a_changed_password_is_written_and_used(share: Lab) -> None:
    lab, new = share, "another, 'longer' #1"
    assert mount(lab, "peer1").succeeded
    lab.ssh("server", "smbpasswd -s render", stdin=f"{new}\n{new}\n")
    check = mount(lab, "peer1", "--check", vray_swarm_share_password=new)
    run = mount(lab, "peer1", vray_swarm_share_password=new)
    assert run.succeeded and run.changed == {"peer1": 3}, run
    assert check.succeeded and check.changed["peer1"] > 0 and said(check, "peer1") == said(run, "peer1"), check
    assert lab.read("peer1", CREDENTIALS) == f"username=render\npassword={new}\n"
    lab.ssh("server", "smbcontrol smbd close-share vray; systemctl restart smbd")
    # Who read just now gets an error, and logs in again.
    until(lab, "peer1", "runuser -u swarm -- cat /mnt/vray/build")
    assert build(lab, "peer1") == "a build\n"


@pytest.mark.usefixtures("all_shown")
def test_a_wrong_password_is_nowhere_but_in_its_file(share: Lab) -> None:
    """In no output, however much is shown, no report, no file of the controller or the peer, no list of processes."""
    lab, secret = share, "Wr0ng, it's #2 $PATH"
    inventory = lab.folder / "inventory.yml"
    quoted = secret.replace("'", "''")
    inventory.write_text(f"peers: {{hosts: {{peer1: {{vray_swarm_share_password: '{quoted}'}}}}}}\n", encoding="utf-8")
    inventories = [*lab.environ()["ANSIBLE_INVENTORY"].split(","), str(inventory)]
    both = [argument for path in inventories for argument in ("--inventory", path)]
    play = plays("peer1")
    play[0]["tasks"] = [{"name": "Show facts", "ansible.builtin.debug": {"var": "__vray_swarm_looked"}}]
    with watched(lab, "peer1", "Wr0ng") as seen:
        wrong = lab.playbook(play, "-vvvv", "--diff", *both)
        # And where the mount succeeds, so that the rest runs, too.
        lab.ssh("server", "smbpasswd -s render", stdin=f"{secret}\n{secret}\n")
        right = lab.playbook(play, "-vvvv", "--diff", *both)
    inventory.unlink()
    assert "does not let this peer or the user in" in failure(wrong, "peer1"), wrong
    assert right.succeeded and right.one("peer1", task="Show facts"), right
    for run in (wrong, right):
        for text in (run.output, run.report):
            assert "share_path=" in text and "Wr0ng" not in text
    assert seen.processes == [] and seen.open_to_others == []
    # On its way it is in private files of Ansible's own, of which each may be missed.
    assert CREDENTIALS in {path for dummy, dummy, path in seen.there}
    assert traces(lab, "peer1", "Wr0ng") == [CREDENTIALS]


def test_a_controller_that_dies_while_it_writes_the_password(share: Lab) -> None:
    """What Ansible leaves then can be read by nobody else, and the next run does what there was to do."""
    lab, words = share, SHARE_PASSWORD.split(",", maxsplit=1)[0]
    with lab.start_playbook(plays("peer1")) as playing:
        playing.wait_for_task("Write the credentials file", "peer1")
        until(lab, "peer1", f"grep -rqsF -- {words} {KEPT} {CREDENTIALS}")
        playing.kill()
    assert private(lab, "peer1", words)
    assert lab.read("peer1", CREDENTIALS) in ("", f"username=render\npassword={SHARE_PASSWORD}\n")
    run = mount(lab, "peer1")
    assert run.succeeded and build(lab, "peer1") == "a build\n", run
    # By hand, or by tmpfiles.d; that they are there is nothing new to who could read them.
    lab.ssh("peer1", "rm -rf /root/.ansible /home/ops/.ansible")
    assert private(lab, "peer1", words) == [CREDENTIALS]


def test_a_controller_that_dies_while_the_share_is_tried(share: Lab) -> None:
    """The server takes its time. What works goes on, and nothing is left of what was tried."""
    lab, words = share, "an0ther"
    assert mount(lab, "peer1").succeeded
    before = kept(lab, "peer1") + mounted(lab, "peer1")
    lab.ssh("peer1", "mv /sbin/mount.cifs /sbin/real.cifs; cat > /sbin/mount.cifs", stdin="#!/bin/sh\nexec sleep 600\n")
    lab.ssh("peer1", "chmod 755 /sbin/mount.cifs")
    with lab.start_playbook(plays("peer1"), variables={"vray_swarm_share_password": words}) as playing:
        playing.wait_for_task("Try the share where nobody sees it", "peer1")
        until(lab, "peer1", "pgrep --full --exact 'sleep 600'")
        playing.kill()
    assert kept(lab, "peer1") + mounted(lab, "peer1") == before and build(lab, "peer1") == "a build\n"
    assert lab.ssh("peer1", "grep --fixed-strings ' /run/vray_swarm' /proc/self/mountinfo", check=False) == ""
    assert lab.ssh("peer1", f"grep -rlsF {words} /run /etc", check=False) == ""
    private(lab, "peer1", words)
    # At its limit at the latest all of it ends by itself. Not to wait for that:
    lab.ssh("peer1", "pkill --signal KILL --exact timeout; pkill --signal KILL --exact unshare", check=False)
    lab.ssh("peer1", "pkill --signal KILL --exact sleep; mv /sbin/real.cifs /sbin/mount.cifs", check=False)
    assert mount(lab, "peer1", vray_swarm_share_options="soft").succeeded and build(lab, "peer1") == "a build\n"


def test_a_controller_that_dies_while_the_mount_is_replaced(share: Lab) -> None:
    lab = share
    assert mount(lab, "peer1").succeeded
    with lab.start_playbook(plays("peer1"), variables={"vray_swarm_share_domain": "FARM"}) as playing:
        playing.wait_for_task("Let go of what is mounted there", "peer1")
        playing.kill()
    private(lab, "peer1", SHARE_PASSWORD.split(",", maxsplit=1)[0])
    run = mount(lab, "peer1", vray_swarm_share_domain="FARM")
    assert run.succeeded and build(lab, "peer1") == "a build\n", run
    assert "domain=FARM" in kept(lab, "peer1") and mounted(lab, "peer1").count("\n") == 1


SERVER_CONF = """\
[global]
    server role = standalone server
    map to guest = never
    smb ports = 445
    log file = /var/log/samba/log.smbd
"""


def a_signature_is_required(lab: Lab, folder: Path) -> None:
    """No peer is pointed to the share until the list in it has a good signature and what lies there is what was signed."""
    settings, ring = lab.read("peer1", "/etc/swarm/swarm.yaml"), folder / "keys.asc"
    sums = lab.read("server", "/srv/vray/SHA256SUMS").encode()
    with contextlib.closing(Signer()) as signer:
        for name in ("farm", "stranger"):
            signer.make(name)
        ring.write_bytes(signer.public("farm", armored=True))
        good, bad = (signer.sign(sums, name).decode() for name in ("farm", "stranger"))
    variables = {
        "vray_swarm_hosts": "peer1",
        "vray_swarm_waves": "100%",
        "vray_swarm_share_src": "//server/builds",
        "vray_swarm_share_keyring": str(ring),
        "vray_swarm_deploy_wait": 60,
    }
    put, build = "cat > /srv/vray/SHA256SUMS.asc", "/srv/vray/stable/Linux_x86/*.tar"
    lab.ssh("server", put, stdin=bad)
    # peer2 has not mounted the share, so that a run without effect cannot tell.
    run = lab.playbook(DISTRIBUTE, "--check", variables={**variables, "vray_swarm_hosts": "peer1,peer2"})
    assert run.failed == ["peer1"], run
    assert "it was made with another key than those that may sign" in failure(run, "peer1")

    lab.ssh("server", f"{put}; cp {build} /tmp; truncate --size -1 {build}", stdin=good)
    run = lab.playbook(DISTRIBUTE, variables=variables)
    assert run.failed == ["peer1"] and "is not the file that was signed" in failure(run, "peer1"), run
    assert lab.read("peer1", "/etc/swarm/swarm.yaml") == settings
    assert len(lab.swarm_events("peer1", "started")) == 1 and not lab.swarm_events("peer1", "import")

    lab.ssh("server", f"cp /tmp/*.tar {build}")
    run = lab.playbook(DISTRIBUTE, variables=variables)
    assert run.succeeded and len(lab.swarm_events("peer1", "import")) == 1, run


def test_a_share_is_exported_by_samba_and_mounted(lab: Lab, archive: Path, tmp_path: Path) -> None:
    """From a server as its distribution leaves it, by the playbook and the role."""
    lab.write("server", "/etc/samba/smb.conf", SERVER_CONF)
    lab.ssh("server", "systemctl restart smbd; rm -r /srv/vray; chmod 640 /etc/samba/smb.conf")
    variables: dict[str, Any] = {
        "vray_swarm_share_hosts": "server",
        "vray_swarm_share_export": "smb",
        "vray_swarm_share_name": "builds",
        "vray_swarm_builds": [{"src": str(archive)}],
    }
    state = "systemctl show --property MainPID,NRestarts smbd; grep -c 'Reloaded smbd' /tmp/journal"
    journal = "journalctl --unit smbd > /tmp/journal"
    before = lab.ssh("server", f"{journal}; {state}", check=False)
    first = lab.playbook("renderops.vray_swarm.share", variables=variables)
    assert first.succeeded and first.changed == {"server": 5}, first
    assert lab.ssh("server", "stat --format %a /etc/samba/smb.conf") == "640\n"
    after = lab.ssh("server", f"{journal}; {state}")
    # Reloaded, and not started again: whoever reads goes on reading.
    assert before.splitlines()[:2] == after.splitlines()[:2]
    assert (before.splitlines()[2], after.splitlines()[2]) == ("0", "1")
    again = lab.playbook("renderops.vray_swarm.share", variables=variables)
    assert again.succeeded and not again.changed, again
    assert lab.ssh("server", f"{journal}; {state}") == after

    run = mount(lab, "peer1", vray_swarm_share_src="//server/builds")
    assert run.succeeded, run
    assert lab.ssh("peer1", "cd /mnt/vray; ls -A; sha256sum --quiet -c SHA256SUMS").split() == [
        "SHA256SUMS",
        "builds.json",
        "stable",
    ]
    # By the server, too, not only by the mount of a peer that means well.
    lab.ssh("peer1", f"mkdir /mnt/w; mount -t cifs //server/builds /mnt/w -o rw,credentials={CREDENTIALS}")
    assert lab.ssh("peer1", "echo x > /mnt/w/stable/Linux_x86/mine; sync -f /mnt/w; ls /mnt/w", check=False)
    assert lab.ssh("server", "find /srv/vray -name mine") == ""

    a_signature_is_required(lab, tmp_path)

    changed = lab.playbook(
        "renderops.vray_swarm.share", variables={**variables, "vray_swarm_share_clients": ["10.0.0.1"]}
    )
    assert changed.succeeded and changed.changed == {"server": 2}, changed
    assert "Permission denied" in lab.ssh(
        "peer1", f"mkdir /mnt/x; mount -t cifs //server/builds /mnt/x -o ro,credentials={CREDENTIALS}", check=False
    )
