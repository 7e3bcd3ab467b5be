# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that need a real host: what the operator is told, what is left behind, and what the next run makes of it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swarm_lab import Lab
from swarm_lab.peers import answer, drop_in, pid
from swarm_lab.playbook import Run
from swarm_peer.builds import VERSION

UPLOAD = "renderops.vray_swarm.upload"
VERIFY = "renderops.vray_swarm.verify"
SETTINGS = "renderops.vray_swarm.settings"
INFO = "renderops.vray_swarm.peer_info"
KNOWN = {"data_dir": "{{ vray_swarm_data_dir }}", "config": "{{ vray_swarm_config }}"}
CONFIG = "/etc/swarm/swarm.yaml"
IMPORT = "/var/lib/swarm/VRay/import"
# The seconds for which a build has to be the same before it is removed, so that a test need not wait for a minute.
SETTLE = {"__builds_settle_time": 2}
# So that an upload of the test's build takes some seconds.
SLOW = {"rate_limit": 700_000}


def upload(lab: Lab, hosts: str, src: Path | str, **options: Any) -> Run:
    return lab.task(hosts, UPLOAD, {"src": str(src), "retries": 0, **options}, become=True)


def uploading(hosts: str, src: Path | str, **options: Any) -> list[dict[str, Any]]:
    return play(hosts, UPLOAD, {"src": str(src), "retries": 0, **options})


def play(hosts: str, module: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    task = {"name": module, module: options, "become": True}
    return [{"hosts": hosts, "gather_facts": False, "tasks": [task]}]


def kept(lab: Lab, peer: str, temporary: str = "/tmp") -> list[str]:
    """All that a peer has of builds, whole or not: temporary files, the import directory, what is deployed."""
    command = f"""cd /var/lib/swarm
    {{
        find {temporary} -name 'servant-*'
        find VRay/import -mindepth 1 -printf '%p %s\\n'
        find VRay -mindepth 1 -maxdepth 1 ! -name import -printf '%p\\n'
    }} | sort"""
    return lab.ssh(peer, command).splitlines()


# Looked at for no temporary files.
NOWHERE = "/nowhere 2>/dev/null"


def whole(build: Path) -> list[str]:
    return [f"VRay/import/{build.name} {build.stat().st_size}", f"VRay/vray-{VERSION}"]


def start_changed(lab: Lab, peer: str, *lines: str) -> None:
    """Change how a peer's Swarm is started, and start it so."""
    drop_in(lab, peer, *lines)
    lab.ssh(peer, "systemctl restart swarm")
    lab.ssh(peer, "until curl -s localhost:1113 > /dev/null; do sleep 0.1; done")


def start_with(lab: Lab, peer: str, *arguments: str) -> None:
    """Start a peer's Swarm with more arguments: faults of the reference peer, another address."""
    command = lab.ssh(peer, "sed -n 's/^ExecStart=//p' /etc/systemd/system/swarm.service").strip()
    start_changed(lab, peer, "ExecStart=", f"ExecStart={' '.join((command, *arguments))}")


def sound(lab: Lab, peer: str) -> None:
    """Start a peer's Swarm as it should be."""
    lab.ssh(peer, "rm -r /etc/systemd/system/swarm.service.d")
    lab.ssh(peer, "systemctl daemon-reload; systemctl restart swarm")
    lab.wait_for_ports([(peer, 1113)])


def wait_for(lab: Lab, peer: str, kind: str, **fields: Any) -> None:
    """Wait until a peer has logged this."""
    until = time.monotonic() + 60
    while not any(
        all(event.get(name) == value for name, value in fields.items()) for event in lab.swarm_events(peer, kind)
    ):
        assert time.monotonic() < until, (peer, kind, fields, lab.swarm_events(peer))
        time.sleep(0.1)


def in_the_body(lab: Lab, peer: str) -> None:
    """Wait until a peer is being sent a build."""
    wait_for(lab, peer, "request", method="POST")
    lab.ssh(peer, "until find /tmp -name 'servant-*' -size +100k | grep -q .; do sleep 0.05; done")


def heals(lab: Lab, hosts: str, build: Path, temporary: str = "/tmp", **outcomes: str) -> None:
    """Run it once more: all peers have the build, and no peer is sent one that it had."""
    run = upload(lab, hosts, build, **KNOWN)
    assert run.succeeded, run
    for peer in hosts.split(":"):
        assert kept(lab, peer, temporary) == whole(build)
        assert run.one(peer)["outcome"] == outcomes.get(peer, "rapid"), run


# -- the disk and the share ----------------------------------------------------------------------------------------


def test_a_full_disk(lab: Lab, archive: Path) -> None:
    """Of the temporary directory, the import directory and the data directory."""
    places = {"peer1": "/mnt/small", "peer2": IMPORT, "peer3": "/var/lib/swarm/VRay"}
    for peer, place in places.items():
        size = "4m" if peer == "peer3" else "1m"
        lab.ssh(peer, f"mkdir -p {place}; mount -t tmpfs -o size={size},mode=0755,uid=swarm tmpfs {place}")
        start_changed(lab, peer, "Environment=TMPDIR=/mnt/small" if peer == "peer1" else "")
    run = upload(lab, ":".join(places), archive)
    assert run.failed == sorted(places), run
    for peer in places:
        assert "No space left on device" in run.one(peer)["message"], run
        assert "is there room on its disk" in run.one(peer)["msg"]
        assert kept(lab, peer, "/tmp /mnt") == []
    for peer, place in places.items():
        lab.ssh(peer, f"mount -o remount,size=64m {place}")
    heals(lab, ":".join(places), archive)


def test_an_import_directory_that_is_read_only(lab: Lab, archive: Path) -> None:
    lab.ssh("peer1", f"mount --bind {IMPORT} {IMPORT}; mount -o remount,bind,ro {IMPORT}")
    run = upload(lab, "peer1", archive, **KNOWN)
    assert run.failed == ["peer1"] and "Read-only file system" in run.one()["message"], run
    assert kept(lab, "peer1") == []
    lab.ssh("peer1", f"umount --lazy {IMPORT}")
    heals(lab, "peer1", archive)


@pytest.fixture
def mounted(lab: Lab) -> Iterator[str]:
    """A peer whose import directory is a share of the server, by sshfs."""
    lab.ssh("server", "mkdir -p /srv/vray/peer1")
    lab.ssh("peer1", "umask 077; cat > /root/.ssh/id_lab", stdin=(lab.folder / "key").read_text(encoding="utf-8"))
    lab.ssh("peer1", f"mkdir -p /mnt/share; {MOUNT}")
    lab.write("peer1", CONFIG, "vrayImportDir: /mnt/share\n")
    lab.ssh("peer1", "systemctl restart swarm")
    lab.wait_for_ports([("peer1", 1113)])
    yield "peer1"
    # What waits for it would keep the host from ending.
    lab.ssh("peer1", "kill -CONT $(pgrep mount.fuse); kill -9 $(pgrep mount.fuse)", check=False)


MOUNT = (
    "mount -t fuse.sshfs root@server:/srv/vray/peer1 /mnt/share"
    " -o allow_other,IdentityFile=/root/.ssh/id_lab,StrictHostKeyChecking=no"
)


def test_a_share_that_does_not_answer(lab: Lab, archive: Path, mounted: str) -> None:
    lab.ssh(mounted, "kill -STOP $(pgrep mount.fuse)")
    run = lab.task(mounted, INFO, {**KNOWN, "service": "swarm"}, become=True)
    assert run.succeeded and run.one()["api"]["reachable"], run
    told = "/mnt/share does not answer. Does it lie on a share whose server is down?"
    assert run.one()["errors"]["import_dir"] == told, run
    run = upload(lab, mounted, archive, allow_shared_import=True, **KNOWN)
    assert run.failed == [mounted] and told in run.one()["msg"] and run.one()["elapsed"] < 60, run
    lab.ssh(mounted, "kill -CONT $(pgrep mount.fuse)")
    heals_shared(lab, mounted, archive)


def test_a_share_that_has_gone(lab: Lab, archive: Path, mounted: str) -> None:
    lab.ssh(mounted, "kill -9 $(pgrep mount.fuse)")
    run = upload(lab, mounted, archive, allow_shared_import=True, **KNOWN)
    assert run.failed == [mounted], run
    assert "/mnt/share could not be read: Transport endpoint is not connected" in run.one()["msg"], run
    # Without a look, it is Swarm that says it.
    run = upload(lab, mounted, archive, allow_shared_import=True)
    assert run.failed == [mounted] and "Transport endpoint is not connected" in run.one()["message"], run
    assert kept(lab, mounted) == []
    lab.ssh(mounted, f"umount -l /mnt/share; {MOUNT}")
    heals_shared(lab, mounted, archive)


def heals_shared(lab: Lab, peer: str, archive: Path) -> None:
    run = upload(lab, peer, archive, allow_shared_import=True, **KNOWN)
    assert run.succeeded, run
    assert kept(lab, peer) == [f"VRay/vray-{VERSION}"]
    assert lab.ssh(peer, "stat -c %s /mnt/share/*").split() == [str(archive.stat().st_size)]


def test_a_share_that_is_read_only_for_the_publisher(lab: Lab, archive: Path) -> None:
    publish = {"src": str(archive), "root": "/srv/vray", "platform": "Linux_x86"}
    lab.ssh("server", "mount --bind /srv/vray /srv/vray; mount -o remount,bind,ro /srv/vray")
    run = lab.task("server", "renderops.vray_swarm.publish", publish, become=True)
    assert run.failed == ["server"] and "Read-only file system" in run.one()["msg"], run
    lab.ssh("server", "umount --lazy /srv/vray")
    assert lab.ssh("server", "find /srv/vray -mindepth 1") == ""
    run = lab.task("server", "renderops.vray_swarm.publish", publish, become=True)
    assert run.succeeded and run.changed == {"server": 1}, run
    assert lab.ssh("server", f"stat -c %s /srv/vray/stable/Linux_x86/{archive.name}").strip() == str(
        archive.stat().st_size
    )


# -- the source ----------------------------------------------------------------------------------------------------


def test_a_source_that_changes_while_it_is_sent(lab: Lab, archive: Path, tmp_path: Path) -> None:
    names = ("peer1", "peer2", "peer3", "peer4")
    sources = {}
    for peer in names:
        (tmp_path / peer).mkdir()
        sources[peer] = shutil.copy(archive, tmp_path / peer / archive.name)
    src = f"{tmp_path}/{{{{ inventory_hostname }}}}/{archive.name}"
    with lab.start_playbook(uploading("peer1:peer2:peer3:peer4", src, **SLOW)) as playing:
        for peer in names:
            in_the_body(lab, peer)
        with open(sources["peer1"], "r+b") as file:
            file.truncate(100_000)
        with open(sources["peer2"], "ab") as file:
            file.write(b"more")
        Path(sources["peer3"]).unlink()
        # As a publisher should.
        shutil.copy(archive, tmp_path / "new")
        (tmp_path / "new").replace(sources["peer4"])
        run = playing.wait()
    assert run.failed == ["peer1", "peer2"], run
    for peer, size in (("peer1", 100_000), ("peer2", archive.stat().st_size + 4)):
        assert "changed while it was sent" in run.one(peer)["msg"] and f"has {size} now" in run.one(peer)["msg"], run
        wait_for(lab, peer, "aborted")
        assert kept(lab, peer) == []
    # What was open is what was sent.
    assert kept(lab, "peer3") == kept(lab, "peer4") == whole(archive)
    heals(lab, ":".join(names), archive, peer3="present", peer4="present")


def test_a_source_that_may_not_be_read(lab: Lab, archive: Path) -> None:
    path = f"/srv/{archive.name}"
    lab.task("peer1", "ansible.builtin.copy", {"src": str(archive), "dest": path, "mode": "0600"}, become=True)
    for options in ({}, {"checksum": f"sha256:{'0' * 64}"}):
        run = lab.task("peer1", UPLOAD, {"src": path, "remote_src": True, **options})
        assert run.failed == ["peer1"] and f"'{path}' cannot be read: Permission denied" in run.one()["msg"], run
    assert lab.swarm_events("peer1", "request") == []
    run = upload(lab, "peer1", path, remote_src=True)
    assert run.succeeded and kept(lab, "peer1") == whole(archive), run


# -- swarm.yaml ----------------------------------------------------------------------------------------------------


def test_a_swarm_yaml_that_cannot_be_changed(lab: Lab) -> None:
    """Missing, broken, in a read-only directory, a mount point itself, on a full disk."""
    peers = ("peer1", "peer2", "peer3", "peer4")
    old = lab.read("peer1", CONFIG)
    lab.ssh("peer1", f"rm {CONFIG}")
    lab.write("peer2", CONFIG, "webPort: 1113\nlogging: [\n")
    lab.ssh("peer3", "mount --bind /etc/swarm /etc/swarm; mount -o remount,bind,ro /etc/swarm")
    lab.ssh("peer4", f"mount --bind {CONFIG} {CONFIG}")
    before = {peer: pid(lab, peer) for peer in peers}
    wanted = {"path": CONFIG, "settings": {"allowExecutables": True}, "service": "swarm"}
    run = lab.task(":".join(peers), SETTINGS, wanted, become=True)
    assert run.failed == sorted(peers), run
    assert f"{CONFIG} is not there" in run.one("peer1")["msg"], run
    assert f"{CONFIG}, line 3, column 1: this is not valid YAML" in run.one("peer2")["msg"], run
    assert "/etc/swarm may not be written to" in run.one("peer3")["msg"], run
    assert "Device or resource busy" in run.one("peer4")["msg"], run
    assert run.one("peer4")["msg"].endswith("The file was not changed, and Swarm runs with it."), run
    for peer in peers[:3]:
        # It was not even stopped.
        assert pid(lab, peer) == before[peer]
    assert lab.read("peer2", CONFIG) == "webPort: 1113\nlogging: [\n"
    assert lab.read("peer3", CONFIG) == lab.read("peer4", CONFIG) == old
    for peer in peers:
        assert answer(lab, peer) is False
    assert lab.ssh("peer4", "ls -A /etc/swarm").split() == ["swarm.yaml"]
    # Mended.
    lab.ssh("peer2", f"sed -i '$d' {CONFIG}")
    lab.ssh("peer3", "umount /etc/swarm")
    lab.ssh("peer4", f"umount {CONFIG}")
    run = lab.task(":".join(peers), SETTINGS, {**wanted, "create": True}, become=True)
    assert run.succeeded and sorted(run.changed) == sorted(peers), run
    for peer in peers:
        assert answer(lab, peer) is True


def test_an_empty_swarm_yaml_and_one_on_a_full_disk(lab: Lab) -> None:
    lab.write("peer1", CONFIG, "")
    lab.ssh(
        "peer2", "cp -a /etc/swarm /root/; mount -t tmpfs -o size=64k tmpfs /etc/swarm; cp -a /root/swarm/. /etc/swarm"
    )
    lab.ssh("peer2", "chmod 755 /etc/swarm; cat /dev/zero > /etc/swarm/full", check=False)
    old = lab.read("peer2", CONFIG)
    wanted = {"path": CONFIG, "settings": {"allowExecutables": True}, "service": "swarm"}
    run = lab.task("peer1:peer2", SETTINGS, wanted, become=True)
    assert lab.read("peer1", CONFIG) == "allowExecutables: true\n" and answer(lab, "peer1") is True
    assert run.failed == ["peer2"] and "No space left on device" in run.one("peer2")["msg"], run
    assert run.one("peer2")["msg"].endswith("The file was not changed, and Swarm runs with it."), run
    assert (lab.read("peer2", CONFIG), answer(lab, "peer2")) == (old, False)
    lab.ssh("peer2", "rm /etc/swarm/full")
    run = lab.task("peer2", SETTINGS, wanted, become=True)
    assert run.succeeded and answer(lab, "peer2") is True, run


# -- the port ------------------------------------------------------------------------------------------------------


def test_a_port_that_another_program_has(lab: Lab, archive: Path) -> None:
    lab.ssh("peer1", "systemctl stop swarm; systemd-run --unit=other python3 -m http.server 1113")
    lab.wait_for_ports([("peer1", 1113)])
    run = upload(lab, "peer1", archive, **KNOWN)
    assert run.failed == ["peer1"] and "Does another program listen on this port?" in run.one()["msg"], run
    assert run.one()["bytes_sent"] == 0 and kept(lab, "peer1") == []
    info = lab.task("peer1", INFO, {**KNOWN, "service": "swarm"}, become=True)
    assert info.succeeded and info.one()["api"]["allow_executables"] is None, info
    # Swarm itself cannot start beside it.
    wanted = {"path": CONFIG, "settings": {"allowExecutables": True}, "service": "swarm", "start_timeout": 10}
    old = lab.read("peer1", CONFIG)
    run = lab.task("peer1", SETTINGS, wanted, become=True)
    assert run.failed == ["peer1"] and "Address already in use" in run.one()["msg"], run
    assert lab.read("peer1", CONFIG) == old
    # It stays down until the other one has gone, and then the next run starts it.
    assert lab.ssh("peer1", "systemctl is-active swarm", check=False).strip() != "active"
    lab.ssh("peer1", "systemctl stop other")
    run = lab.task("peer1", SETTINGS, wanted, become=True)
    assert run.succeeded and answer(lab, "peer1") is True, run
    heals(lab, "peer1", archive)


def test_peers_with_addresses_of_ipv6(lab: Lab, archive: Path) -> None:
    addresses = {"controller": "fd00:91::1", "peer1": "fd00:91::11", "peer2": "fd00:91::12"}
    command = ["ip", "-6", "address", "replace", f"{addresses['controller']}/64", "dev", "br0", "nodad"]
    subprocess.run(lab.command(command), check=True)
    for peer in ("peer1", "peer2"):
        lab.ssh(peer, f"ip -6 address replace {addresses[peer]}/64 dev eth0 nodad")
        start_with(lab, peer, "--address ::")
    tasks = [
        {"name": "look", INFO: {**KNOWN, "service": "swarm"}},
        {"name": "send", UPLOAD: {"src": str(archive), **KNOWN}},
        {"name": "open", SETTINGS: {"path": CONFIG, "settings": {"allowExecutables": True}, "service": "swarm"}},
    ]
    hosts = {"hosts": "peer1:peer2", "gather_facts": False, "become": True, "tasks": tasks}
    by_peer = {peer: {"ansible_host": addresses[peer]} for peer in ("peer1", "peer2")}
    variables = {"addresses": by_peer, "ansible_host": "{{ addresses[inventory_hostname].ansible_host }}"}
    variables["ansible_ssh_extra_args"] = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    run = lab.playbook([hosts], variables=variables)
    assert run.succeeded and run.changed == {"peer1": 2, "peer2": 2}, run
    for peer in ("peer1", "peer2"):
        assert run.one(peer, "send")["url"] == f"http://[{addresses[peer]}]:1113/api/vray/upload"
        assert run.one(peer, "look")["api"]["reachable"], run
        assert kept(lab, peer) == whole(archive)
    again = upload(lab, "peer1", archive, peer=f"[{addresses['peer1']}]")
    assert again.succeeded and again.one()["outcome"] == "existing", again
    # Nobody is there.
    run = upload(lab, "peer1", archive, peer="fd00:91::99", connect_timeout=1)
    assert run.failed == ["peer1"] and "http://[fd00:91::99]:1113" in run.one()["msg"], run


# -- two at once, and sudden ends ----------------------------------------------------------------------------------


def test_two_uploads_at_once(lab: Lab, archive: Path, installer: Path) -> None:
    """Of an archive, which Swarm tells from one that it has, and of an installer, which it does not."""
    lab.ssh("peer2", f"echo 'allowExecutables: true' >> {CONFIG}; systemctl restart swarm")
    lab.wait_for_ports([("peer2", 1113)])
    src = f"{{{{ {str(archive)!r} if inventory_hostname == 'peer1' else {str(installer)!r} }}}}"
    with contextlib.ExitStack() as stack:
        plays = uploading("peer1:peer2", src, **SLOW, **KNOWN)
        runs = [stack.enter_context(lab.start_playbook(plays)) for dummy in "ab"]
        done = [playing.wait() for playing in runs]
    assert all(run.succeeded for run in done), done
    assert sorted(run.one("peer1")["outcome"] for run in done) == ["existing", "rapid"], done
    assert [run.one("peer2")["outcome"] for run in done] == ["rapid", "rapid"], done
    assert kept(lab, "peer1") == whole(archive)
    heals(lab, "peer1", archive, peer1="present")
    # It ran twice. The next run sees that it is there.
    assert upload(lab, "peer2", installer, **KNOWN).one()["outcome"] == "present"


def test_two_changes_at_once(lab: Lab) -> None:
    """The stop takes as long for both, so that both are there when it ends."""
    lab.ssh("peer1", "touch /run/go")
    start_changed(lab, "peer1", "ExecStop=/bin/sh -c 'until [ -e /run/go ]; do sleep 0.1; done'", "TimeoutStopSec=600")
    lab.ssh("peer1", "rm /run/go")
    changes = [{"first": 1}, {"second": 2}, {"third": 3}]
    with contextlib.ExitStack() as stack:
        runs = [
            stack.enter_context(
                lab.start_playbook(
                    play(
                        "peer1", SETTINGS, {"path": CONFIG, "settings": change, "service": "swarm", "stop_timeout": 60}
                    )
                )
            )
            for change in changes
        ]
        lab.ssh("peer1", "until systemctl is-active swarm | grep -q deactivating; do sleep 0.1; done")
        time.sleep(3)
        lab.ssh("peer1", "touch /run/go")
        done = [playing.wait() for playing in runs]
    text = lab.read("peer1", CONFIG)
    for change, run in zip(changes, done, strict=True):
        ((name, value),) = change.items()
        # Who says that it did it did it. Who does not may have: what the next one set in its file stays.
        is_there = f"{name}: {value}\n" in text
        assert is_there or not run.succeeded, (change, text, run.output)
        assert not is_there or run.succeeded or "somebody else meanwhile, and left as it is" in run.output, run.output
        assert run.succeeded or "nother task change" in run.output or "by somebody else" in run.output, run.output
    assert any(run.succeeded for run in done)
    assert answer(lab, "peer1") is False
    assert lab.ssh("peer1", "ls -A /etc/swarm").split() == ["swarm.yaml"]
    for change in changes:
        assert lab.task(
            "peer1", SETTINGS, {"path": CONFIG, "settings": change, "service": "swarm"}, become=True
        ).succeeded
    text = lab.read("peer1", CONFIG)
    assert all(f"{name}: {value}\n" in text for change in changes for name, value in change.items()), text
    assert "# V-Ray Swarm\n" in text


def test_a_peer_that_is_killed(lab: Lab, archive: Path) -> None:
    """In the middle of the body, after the deployment, and without its network."""
    start_with(lab, "peer2", "--fault late,seconds=60")
    with lab.start_playbook(uploading("peer1:peer2:peer3", archive, stall_timeout=3, **SLOW)) as playing:
        in_the_body(lab, "peer1")
        lab.ssh("peer1", "systemctl kill --signal=KILL swarm")
        in_the_body(lab, "peer3")
        lab.plug("peer3", False)
        lab.stop("peer3")
        wait_for(lab, "peer2", "upload")
        lab.ssh("peer2", "systemctl kill --signal=KILL swarm")
        run = playing.wait()
    assert run.failed == ["peer1", "peer2", "peer3"], run
    assert "cannot have accepted the build" in run.one("peer1")["msg"], run
    assert "may have accepted the build all the same" in run.one("peer2")["msg"], run
    assert "no byte moved for 3 s" in run.one("peer3")["msg"], run
    lab.plug("peer3", True)
    lab.start(["peer3"])
    lab.ssh("peer1", "systemctl start swarm")
    lab.wait_for_ports([("peer1", 1113)])
    sound(lab, "peer2")
    # Whoever is killed leaves its temporary file: it is Swarm's own, and no build.
    assert [item for peer in ("peer1", "peer3") for item in kept(lab, peer, NOWHERE)] == []
    heals(lab, "peer1:peer2:peer3", archive, NOWHERE, peer2="present")
    assert lab.ssh("peer1", "ls /tmp/servant-*")


def test_a_peer_that_was_killed_in_the_body_is_started(lab: Lab, archive: Path) -> None:
    """By the next run of the playbook, and by the same one, where that tries again."""
    for peer, retries in {"peer1": 0, "peer2": 1}.items():
        builds = {"vray_swarm_builds": [{"src": str(archive)}], "vray_swarm_retries": retries}
        variables = {"vray_swarm_hosts": peer, **builds}
        slow = {"vray_swarm_rate_limit": SLOW["rate_limit"]}
        with lab.start_playbook(UPLOAD, variables={**variables, **slow}) as playing:
            in_the_body(lab, peer)
            lab.ssh(peer, "systemctl kill --signal=KILL swarm")
            run = playing.wait()
        if not retries:
            assert run.failed == [peer] and "cannot have accepted the build" in run.output, run
            run = lab.playbook(UPLOAD, variables=variables)
        assert run.succeeded and run.changed == {peer: 2}, run
        assert kept(lab, peer, NOWHERE) == whole(archive)
        assert len(lab.swarm_events(peer, "upload")) == 1


def test_a_host_that_goes_in_the_body_has_failed(lab: Lab, archive: Path) -> None:
    """Those that cannot be reached do not count: the next wave would begin."""
    variables = {
        "vray_swarm_hosts": "peer1:peer2",
        "vray_swarm_waves": [1, 1],
        "vray_swarm_builds": [{"src": str(archive)}],
        "vray_swarm_connect_timeout": 1,
        "vray_swarm_retries": 1,
        "vray_swarm_rate_limit": SLOW["rate_limit"],
    }
    with lab.start_playbook(UPLOAD, variables=variables) as playing:
        in_the_body(lab, "peer1")
        lab.stop("peer1")
        run = playing.wait()
    assert run.failed == ["peer1"] and not run.unreachable and not run.changed, run
    told = run.one("peer1", "Fail as the upload did, unless Swarm has died")["msg"]
    assert "The peer cannot have accepted the build" in told, run
    assert run.one("peer1", "See whether Swarm has died").status == "unreachable"


def test_a_peer_that_is_killed_while_it_deploys(lab: Lab, archive: Path) -> None:
    """One that unpacks beside the final directory, and one that unpacks in it, as Swarm may: nobody knows."""
    deploying = {"peer1": "staged", "peer2": "in-place"}
    for peer, how in deploying.items():
        start_with(lab, peer, f"--fault halfway={how}")
    with lab.start_playbook(uploading("peer1:peer2:peer3:peer4", archive, **KNOWN)) as playing:
        for peer in deploying:
            lab.ssh(peer, "until find /var/lib/swarm/VRay -name vray.json | grep -q .; do sleep 0.05; done")
            lab.ssh(peer, "systemctl kill --signal=KILL swarm")
        run = playing.wait()
    assert run.failed == ["peer1", "peer2"], run
    for peer in deploying:
        assert "may have accepted the build all the same" in run.one(peer)["msg"], run
        sound(lab, peer)
    half = f"VRay/vray-{VERSION}"
    assert kept(lab, "peer1", NOWHERE) == [] and kept(lab, "peer2", NOWHERE) == [half]
    run = upload(lab, "peer1:peer2", archive, **KNOWN)
    assert run.one("peer1")["outcome"] == "rapid" and run.failed == ["peer2"], run
    assert run.one("peer2")["obstacle"] == "unanswered" and kept(lab, "peer2", NOWHERE) == [half], run
    # By its name alone it is deployed. It is seen by who compares it with the others, too.
    nothing = {"vray_swarm_share_src": "", "vray_swarm_share_path": "", "vray_swarm_deploy_wait": 0}
    run = lab.playbook(VERIFY, variables={"vray_swarm_hosts": "peer1:peer2:peer3:peer4", **nothing})
    assert run.failed == ["peer2"], run
    assert "has 1 files with 0 bytes in" in run.one("peer2", "Fail with what is wrong")["msg"], run
    # The next run of the playbook has the peer remove it, and sends it again.
    variables = {"vray_swarm_hosts": "peer1:peer2", "vray_swarm_builds": [{"src": str(archive)}], **SETTLE}
    run = lab.playbook(UPLOAD, "--check", variables=variables)
    assert run.succeeded and f"/var/lib/swarm/{half} would be removed" in run.output, run
    assert kept(lab, "peer2", NOWHERE) == [half]
    run = lab.playbook(UPLOAD, variables=variables)
    assert run.succeeded and sorted(run.changed) == ["peer2"], run
    assert kept(lab, "peer2", NOWHERE) == whole(archive)
    assert lab.playbook(UPLOAD, variables=variables).changed == {}
    # What it has lost later, nobody was waiting for. The others tell.
    lab.ssh("peer2", f"find /var/lib/swarm/{half} -name vray.json -delete; rm {IMPORT}/*")
    all_of_them = {**variables, "vray_swarm_hosts": "peer1:peer2:peer3:peer4", **nothing}
    run = lab.playbook("renderops.vray_swarm.repair", variables=all_of_them)
    assert run.succeeded and sorted(run.changed) == ["peer2"], run
    assert kept(lab, "peer2", NOWHERE) == whole(archive)


def test_a_peer_that_was_killed_when_it_had_the_build_is_started(lab: Lab, archive: Path) -> None:
    """It could not answer any more. The next run has nothing to send, and knows that all the same."""
    start_with(lab, "peer1", "--fault late,seconds=60")
    variables = {"vray_swarm_hosts": "peer1", "vray_swarm_builds": [{"src": str(archive)}]}
    with lab.start_playbook(UPLOAD, variables=variables) as playing:
        wait_for(lab, "peer1", "upload")
        lab.ssh("peer1", "systemctl kill --signal=KILL swarm")
        assert playing.wait().failed == ["peer1"]
    lab.ssh("peer1", "rm -r /etc/systemd/system/swarm.service.d; systemctl daemon-reload")
    told = lab.playbook(UPLOAD, "--check", variables=variables)
    assert told.succeeded and sorted(told.changed) == ["peer1"], told
    assert lab.ssh("peer1", "systemctl is-failed swarm") == "failed\n"
    run = lab.playbook(UPLOAD, variables=variables)
    assert run.succeeded and sorted(run.changed) == ["peer1"], run
    assert run.one("peer1", action=UPLOAD)["results"][0]["outcome"] == "present" and answer(lab, "peer1") is False, run
    assert kept(lab, "peer1", NOWHERE) == whole(archive)
    assert lab.playbook(UPLOAD, variables=variables).changed == {}


def test_half_a_build_is_not_taken_for_a_whole_one_by_the_run_that_sent_it(lab: Lab, archive: Path) -> None:
    """Started and asked again, the peer would have it. Who may have accepted a build is not started by that run."""
    start_with(lab, "peer1", "--fault halfway=in-place")
    variables = {"vray_swarm_hosts": "peer1", "vray_swarm_builds": [{"src": str(archive)}], "vray_swarm_retries": 1}
    with lab.start_playbook(UPLOAD, variables=variables) as playing:
        lab.ssh("peer1", "until find /var/lib/swarm/VRay -name vray.json | grep -q .; do sleep 0.05; done")
        lab.ssh("peer1", "systemctl kill --signal=KILL swarm")
        run = playing.wait()
    assert run.failed == ["peer1"] and not run.changed and not run.of(action=SETTINGS), run
    assert "may have accepted the build all the same" in run.output
    # Nor by the next one, which starts a Swarm that has died.
    lab.ssh("peer1", "rm -r /etc/systemd/system/swarm.service.d; systemctl daemon-reload")
    # That one is not down by itself, and stays so.
    lab.ssh("peer1", "systemctl reset-failed swarm")
    run = lab.playbook(UPLOAD, variables=variables)
    assert run.failed == ["peer1"] and "swarm is stopped, and stays so. Start it" in run.output, run
    assert not run.of(action=SETTINGS) and kept(lab, "peer1", NOWHERE) == [f"VRay/vray-{VERSION}"]
    lab.ssh("peer1", "systemctl start swarm; systemctl kill --signal=KILL swarm")
    run = lab.playbook(UPLOAD, variables=variables)
    assert run.succeeded and run.one("peer1", action=SETTINGS)["removed_builds"], run
    assert kept(lab, "peer1", NOWHERE) == whole(archive)


def test_what_is_still_being_deployed_is_not_taken_for_a_half(lab: Lab, archive: Path) -> None:
    """It looks like one: its mark and its directory are there, and its archive is not yet. As if another run had sent it."""
    half = f"VRay/vray-{VERSION}"
    lab.ssh(
        "peer1",
        f"""cd /var/lib/swarm; mkdir {half} .vray_swarm-{VERSION}.sending /deploying
        nohup sh -c 'while [ -e /deploying ]; do echo . >> {half}/vray; sleep 0.2; done' > /dev/null 2>&1 &""",
    )
    started = pid(lab, "peer1")
    variables = {"vray_swarm_hosts": "peer1", "vray_swarm_builds": [{"src": str(archive)}], "__builds_settle_time": 10}
    # As long as it goes on, and that is longer than it would have to be the same.
    run = lab.playbook(UPLOAD, variables={**variables, "vray_swarm_deploy_wait": 0})
    assert run.failed == ["peer1"] and "But something is being deployed still, after 20" in run.output, run
    assert kept(lab, "peer1") == [half] and not run.of(action=SETTINGS)
    with lab.start_playbook(UPLOAD, variables=variables) as playing:
        playing.wait_for_task("Wait as long as it may be deployed yet")
        lab.task("peer1", "ansible.builtin.copy", {"src": str(archive), "dest": IMPORT, "mode": "0644"}, become=True)
        lab.ssh("peer1", "rmdir /deploying")
        run = playing.wait()
    assert run.succeeded and not run.changed and not run.of(action=SETTINGS), run
    assert kept(lab, "peer1") == whole(archive) and pid(lab, "peer1") == started
    assert "sending" not in lab.ssh("peer1", "ls -A /var/lib/swarm")
    assert not lab.swarm_events("peer1", "upload")


def test_what_is_stored_in_part_is_removed_and_sent_again(lab: Lab, archive: Path) -> None:
    """Swarm itself says so. Where nobody does, and no other peer tells, it is done when it is asked for."""
    start_with(lab, "peer1", "--fault short=1000,times=1")
    variables = {"vray_swarm_hosts": "peer1", "vray_swarm_builds": [{"src": str(archive)}], **SETTLE}
    with lab.start_playbook(UPLOAD, variables=variables) as playing:
        wait_for(lab, "peer1", "upload")
        # It would strike again after the start.
        lab.ssh("peer1", "rm -r /etc/systemd/system/swarm.service.d; systemctl daemon-reload")
        run = playing.wait()
    assert run.succeeded and run.one("peer1", action=SETTINGS)["removed_builds"], run
    assert [event["faults"] for event in lab.swarm_events("peer1", "upload")] == [["short"], []]
    assert kept(lab, "peer1", NOWHERE) == whole(archive)
    assert lab.playbook(UPLOAD, variables=variables).changed == {}

    damage = f"find /var/lib/swarm/VRay/vray-{VERSION} -name vray.json -delete; truncate -s 7 {IMPORT}/{archive.name}"
    lab.ssh("peer1", damage)
    assert lab.playbook(UPLOAD, variables=variables).changed == {}
    alone = {**variables, "vray_swarm_share_src": "", "vray_swarm_share_path": "", "vray_swarm_redeploy": VERSION}
    run = lab.playbook("renderops.vray_swarm.repair", variables=alone)
    assert run.succeeded and sorted(run.changed) == ["peer1"], run
    assert kept(lab, "peer1", NOWHERE) == whole(archive)
    assert lab.ssh("peer1", f"find /var/lib/swarm/VRay/vray-{VERSION} -name vray.json")


def test_a_controller_that_is_killed(lab: Lab, archive: Path) -> None:
    """In the middle of the body, after the body, and while a host sends by itself."""
    start_with(lab, "peer2", "--fault late,seconds=60")
    path = f"/srv/{archive.name}"
    lab.task("peer3", "ansible.builtin.copy", {"src": str(archive), "dest": path, "mode": "0644"}, become=True)
    plays = uploading("peer1:peer2:peer3", "{{ src }}", remote_src="{{ inventory_hostname == 'peer3' }}", **SLOW)
    plays[0]["vars"] = {"src": f"{{{{ {path!r} if inventory_hostname == 'peer3' else {str(archive)!r} }}}}"}
    plays[0]["tasks"][0][UPLOAD]["rate_limit"] = "{{ 0 if inventory_hostname == 'peer2' else 400000 }}"
    with lab.start_playbook(plays) as playing:
        for peer in ("peer1", "peer3"):
            in_the_body(lab, peer)
        wait_for(lab, "peer2", "upload")
        playing.kill()
    wait_for(lab, "peer1", "aborted")
    assert kept(lab, "peer1") == []
    # What was told to a host goes on there.
    wait_for(lab, "peer3", "upload", answer="RapidUR")
    sound(lab, "peer2")
    heals(lab, "peer1:peer2:peer3", archive, peer2="present", peer3="present")
