# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role builds on real hosts: queued builds, and installers through a window."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from swarm_lab import Lab, Run
from swarm_lab.peers import RENDER, answer, drop_in, pid, start_render, timers, until
from swarm_peer.builds import VERSION

UPLOAD = "renderops.vray_swarm.upload"
SETTINGS = "renderops.vray_swarm.settings"
INFO = "renderops.vray_swarm.peer_info"
INSTALLED = "7.10.0-0a1b2c3d"
CONFIG = "/etc/swarm/swarm.yaml"


def upload(lab: Lab, hosts: str, build: Path, *arguments: str, **variables: Any) -> Run:
    """Run the playbook; words that are no variables of the role are those of the build."""
    of_role = {name: value for name, value in variables.items() if name.startswith("vray_swarm_")}
    of_build = {name: value for name, value in variables.items() if name not in of_role}
    builds = [{"src": str(build), **of_build}]
    given = {"vray_swarm_hosts": hosts, "vray_swarm_waves": ["100%"], "vray_swarm_builds": builds, **of_role}
    return lab.playbook(UPLOAD, *arguments, variables=given)


def through_a_window(lab: Lab, hosts: str, build: Path, *arguments: str, **variables: Any) -> Run:
    window = {"vray_swarm_installer_window": True, "vray_swarm_window_watch": 0, "version": INSTALLED}
    return upload(lab, hosts, build, *arguments, **{**window, **variables})


def add_fault(lab: Lab, host: str, fault: str) -> None:
    """Let the Swarm of a host misbehave from its next start on."""
    start = lab.ssh(host, "grep ^ExecStart= /etc/systemd/system/swarm.service").strip()
    drop_in(lab, host, "ExecStart=", f"{start} --fault {fault}")


def is_open(lab: Lab, host: str) -> tuple[bool, bool]:
    """Whether executables are allowed: by the file, and by Swarm, which need not listen yet."""
    return "allowExecutables: true" in lab.read(host, CONFIG), answer(lab, host) is True


def installed(lab: Lab, host: str, version: str = INSTALLED) -> bool:
    return f"vray-{version}" in lab.ssh(host, "ls /var/lib/swarm/VRay")


def test_a_queued_build_is_followed_until_it_is_deployed(lab: Lab, archive: Path) -> None:
    run = upload(lab, "peer1:peer5", archive, queued=True)
    assert run.succeeded and sorted(run.changed) == ["peer1", "peer5"], run
    for peer in ("peer1", "peer5"):
        followed = run.one(peer, action=INFO)
        assert [build["version"] for build in followed["builds"]] == [VERSION]
        assert not [item for item in followed["differences"] if item["kind"] == "build"]
    again = upload(lab, "peer1:peer5", archive, queued=True)
    assert again.succeeded and not again.changed and not again.of(action=INFO), again


def test_a_queued_build_that_cannot_be_deployed_fails(lab: Lab, tmp_path: Path) -> None:
    broken = tmp_path / f"vray-{VERSION}.tar"
    broken.write_bytes(b"vray.json".ljust(257, b"\0") + b"ustar\x0000" + bytes(100_000))
    for changed in ({"peer1": 1}, {}):
        run = upload(lab, "peer1", broken, queued=True, vray_swarm_deploy_wait=2)
        assert run.failed == ["peer1"] and run.changed == changed, run
        assert f"/var/lib/swarm/VRay/import/{broken.name}: still there after 2 s" in run.output


def hold_queue(lab: Lab, *peers: str) -> None:
    """Let Swarm deploy what is queued when it starts the next time, and not before."""
    for peer in peers:
        lab.ssh(peer, f"sed -i '/^uploadsQueuePeriod/d' {CONFIG}; echo 'uploadsQueuePeriod: 600' >> {CONFIG}")
        lab.ssh(peer, "systemctl restart swarm")
    lab.wait_for_ports([(peer, 1113) for peer in peers])


def kill_swarm(lab: Lab, *peers: str) -> None:
    for peer in peers:
        lab.ssh(peer, "systemctl kill --signal=KILL swarm")
        until(lab, peer, "systemctl is-failed -q swarm")


def test_a_peer_that_is_killed_with_a_queued_build(lab: Lab, archive: Path) -> None:
    """What was queued is the peer's: the run starts it, it goes on with it, and nobody sends it again."""
    hold_queue(lab, "peer1")
    variables = {
        "vray_swarm_hosts": "peer1",
        "vray_swarm_builds": [{"src": str(archive), "queued": True}],
        "vray_swarm_deploy_wait": 300,
    }
    with lab.start_playbook(UPLOAD, variables=variables) as playing:
        playing.wait_for_task("Follow what is to be deployed")
        kill_swarm(lab, "peer1")
        run = playing.wait()
    assert run.succeeded and run.changed == {"peer1": 2} and run.one("peer1", action=SETTINGS)["restarted"], run
    assert installed(lab, "peer1", VERSION)
    assert len(lab.swarm_events("peer1", "upload")) == 1


def test_a_peer_that_was_killed_with_a_queued_build(lab: Lab, archive: Path) -> None:
    """The next run starts it; one that somebody stopped stays so."""
    hold_queue(lab, "peer1", "peer2")
    for peer in ("peer1", "peer2"):
        assert upload(lab, peer, archive, queued=True, vray_swarm_deploy_wait=0).succeeded
    kill_swarm(lab, "peer1")
    lab.ssh("peer2", "systemctl stop swarm")

    check = upload(lab, "peer1", archive, "--check", queued=True)
    assert check.succeeded and check.changed == {"peer1": 1} and check.one("peer1", action=SETTINGS)["restarted"], check
    assert upload(lab, "peer2", archive, "--check", queued=True).changed == {}
    assert [pid(lab, peer) for peer in ("peer1", "peer2")] == ["0", "0"]

    stopped = upload(lab, "peer2", archive, queued=True)
    assert stopped.failed == ["peer2"] and not stopped.changed, stopped
    assert "not deployed, and Swarm's service swarm is stopped. Start it; it then goes on" in stopped.output
    assert pid(lab, "peer2") == "0" and not stopped.of(action=SETTINGS)

    run = upload(lab, "peer1", archive, queued=True)
    assert run.succeeded and run.changed == {"peer1": 1} and run.one("peer1", action=SETTINGS)["restarted"], run
    assert installed(lab, "peer1", VERSION) and len(lab.swarm_events("peer1", "upload")) == 1
    again = upload(lab, "peer1", archive, queued=True)
    assert again.succeeded and not again.changed and not again.of(action=SETTINGS), again


def stop_halfway(lab: Lab, *peers: str) -> dict[str, Any]:
    """Let the Swarm of each go no further in the middle of a build, in its directory. Return what lets a run be quick."""
    for peer in peers:
        add_fault(lab, peer, "halfway=in-place")
        lab.ssh(peer, "systemctl restart swarm")
    lab.wait_for_ports([(peer, 1113) for peer in peers])
    # For how long a build has to be the same before it is removed.
    return {"vray_swarm_waves": ["100%"], "__builds_settle_time": 2}


def halves(lab: Lab, *peers: str) -> None:
    """Let the Swarm of each end while it unpacks in the directory of the build, and be whole from its next start on."""
    for peer in peers:
        until(lab, peer, "test -e /var/lib/swarm/VRay/vray-*/vray.json")
        lab.ssh(peer, "rm -r /etc/systemd/system/swarm.service.d; systemctl daemon-reload")
        kill_swarm(lab, peer)


def queued(lab: Lab, build: Path, hosts: str) -> dict[str, Any]:
    """What queues a build on some peers, of which the Swarms of the first two stop halfway in it."""
    builds = [{"src": str(build), "queued": True}]
    return stop_halfway(lab, "peer1", "peer2") | {"vray_swarm_hosts": hosts, "vray_swarm_builds": builds}


def is_whole(lab: Lab, peer: str) -> bool:
    return int(lab.ssh(peer, f"find /var/lib/swarm/VRay/vray-{VERSION} -type f | wc -l")) > 1


def marks(lab: Lab, *peers: str) -> str:
    return "".join(lab.ssh(peer, "find /var/lib/swarm -name '.vray_swarm-*'") for peer in peers)


def test_a_peer_that_is_killed_while_it_deploys_what_was_queued(lab: Lab, archive: Path) -> None:
    """In the run that follows it: a Swarm that stays dead, and one that its service manager starts at once."""
    variables = queued(lab, archive, "peer1:peer2")
    with lab.start_playbook(UPLOAD, variables={**variables, "__vray_swarm_still_time": 10}) as playing:
        halves(lab, "peer1", "peer2")
        lab.ssh("peer2", "systemctl start swarm")
        run = playing.wait()
    assert run.succeeded and run.changed == {"peer1": 2, "peer2": 2}, run
    for peer in ("peer1", "peer2"):
        assert run.one(peer, action=SETTINGS)["removed_builds"] == [f"/var/lib/swarm/VRay/vray-{VERSION}"], run
        assert is_whole(lab, peer) and not marks(lab, peer) and len(lab.swarm_events(peer, "upload")) == 1
    again = lab.playbook(UPLOAD, variables=variables)
    assert again.succeeded and not again.changed and not again.of(action=INFO), again


def test_what_nobody_saw_deployed_is_seen_to_by_the_next_run(lab: Lab, archive: Path) -> None:
    """The controller was killed, and so was the Swarm of two of three peers."""
    variables = queued(lab, archive, "peer1:peer2:peer3")
    with lab.start_playbook(UPLOAD, variables={**variables, "__vray_swarm_still_time": 60}) as playing:
        until(lab, "peer3", f"test -d /var/lib/swarm/VRay/vray-{VERSION}")
        until(lab, "peer3", f"test -d /var/lib/swarm/.vray_swarm-{VERSION}.awaited")
        halves(lab, "peer1", "peer2")
        playing.kill()
    lab.ssh("peer2", "systemctl start swarm")
    sound = pid(lab, "peer3")
    no_share = {"vray_swarm_share_src": "", "vray_swarm_share_path": "", "vray_swarm_deploy_wait": 0}
    told = lab.playbook("renderops.vray_swarm.verify", variables={**variables, **no_share})
    assert sorted(told.failed) == ["peer1", "peer2"], told
    assert f"The build {VERSION} may be a half: Swarm has ended" in told.one("peer2", "Fail with what is wrong")["msg"]
    check = lab.playbook(UPLOAD, "--check", variables=variables)
    assert check.succeeded and check.changed == {"peer1": 1, "peer2": 1}, check
    assert not is_whole(lab, "peer1") and not is_whole(lab, "peer2")
    run = lab.playbook(UPLOAD, variables=variables)
    assert run.succeeded and run.changed == {"peer1": 1, "peer2": 1}, run
    for peer in ("peer1", "peer2", "peer3"):
        assert is_whole(lab, peer) and not marks(lab, peer) and len(lab.swarm_events(peer, "upload")) == 1, run
    # What its own Swarm has deployed is whole: that is seen, and nothing is stopped.
    assert pid(lab, "peer3") == sound
    again = lab.playbook(UPLOAD, variables=variables)
    assert again.succeeded and not again.changed and not again.of(action=INFO), again


@pytest.fixture
def nameless(archive: Path, tmp_path: Path) -> Path:
    """The same build by a name that tells no version, as the vendor's example has it."""
    return Path(shutil.copy(archive, tmp_path / "vray-lin-df715d3c8ff9.tar"))


def test_a_peer_that_is_killed_while_it_deploys_what_has_no_version(lab: Lab, nameless: Path) -> None:
    """In the run that follows it. Only the answer of a Swarm that runs tells which build it is."""
    variables = queued(lab, nameless, "peer1:peer2")
    with lab.start_playbook(UPLOAD, variables={**variables, "__vray_swarm_still_time": 10}) as playing:
        halves(lab, "peer1", "peer2")
        lab.ssh("peer2", "systemctl start swarm")
        run = playing.wait()
    assert run.succeeded and run.changed == {"peer1": 3, "peer2": 2}, run
    for peer in ("peer1", "peer2"):
        assert run.of(peer, action=SETTINGS)[-1]["removed_builds"] == [f"/var/lib/swarm/VRay/vray-{VERSION}"], run
        assert is_whole(lab, peer) and not marks(lab, peer)
        # It was queued, and asked for once, and deployed from the import directory.
        assert [event["answer"] for event in lab.swarm_events(peer, "upload")] == ["QueuedUR", "ExistingUR"]
    again = lab.playbook(UPLOAD, variables=variables)
    assert again.succeeded and not again.changed and not again.of(action=INFO), again


def test_what_has_no_version_and_nobody_saw_deployed_is_seen_to_by_the_next_run(lab: Lab, nameless: Path) -> None:
    variables = queued(lab, nameless, "peer1:peer2:peer3")
    with lab.start_playbook(UPLOAD, variables={**variables, "__vray_swarm_still_time": 60}) as playing:
        until(lab, "peer3", f"test -d /var/lib/swarm/VRay/vray-{VERSION}")
        halves(lab, "peer1", "peer2")
        playing.kill()
    lab.ssh("peer2", "systemctl start swarm")
    sound, left = pid(lab, "peer3"), marks(lab, "peer1", "peer2", "peer3")
    assert left.count(".vray_swarm-file-") == left.count(".awaited") == 3
    check = lab.playbook(UPLOAD, "--check", variables=variables)
    assert check.succeeded and check.changed == {"peer1": 1, "peer2": 1, "peer3": 1}, check
    assert marks(lab, "peer1", "peer2", "peer3") == left and not is_whole(lab, "peer2")
    run = lab.playbook(UPLOAD, variables=variables)
    assert run.succeeded and run.changed == {"peer1": 2, "peer2": 1}, run
    for peer in ("peer1", "peer2", "peer3"):
        assert is_whole(lab, peer) and not marks(lab, peer), run
    # What its own Swarm has deployed is whole: that is seen, and nothing is stopped.
    assert pid(lab, "peer3") == sound
    again = lab.playbook(UPLOAD, variables=variables)
    assert again.succeeded and not again.changed and not again.of(action=INFO), again


@pytest.mark.parametrize("is_named", [True, False])
def test_what_a_relay_sent_is_seen_to_by_the_next_run(lab: Lab, archive: Path, nameless: Path, is_named: bool) -> None:
    """Of what has no version, Swarm answers which build it is."""
    archive = archive if is_named else nameless
    lab.task("server", "ansible.builtin.copy", {"src": str(archive), "dest": "/srv/", "mode": "0644"}, become=True)
    variables = stop_halfway(lab, "peer1") | {
        "vray_swarm_hosts": "peer1:peer2",
        "vray_swarm_builds": [{"src": f"/srv/{archive.name}"}],
        "vray_swarm_upload_via": "server",
    }
    with lab.start_playbook(UPLOAD, variables=variables) as playing:
        halves(lab, "peer1")
        run = playing.wait()
    assert run.failed == ["peer1"] and not is_whole(lab, "peer1") and is_whole(lab, "peer2"), run
    assert "may have accepted the build all the same" in run.output
    run = lab.playbook(UPLOAD, variables=variables)
    assert run.succeeded and sorted(run.changed) == ["peer1"] and is_whole(lab, "peer1"), run
    # That of peer2 was left, since the run ended with peer1.
    assert not marks(lab, "peer1", "peer2")
    assert lab.playbook(UPLOAD, variables=variables).changed == {}


def test_a_swarm_that_died_is_started_by_the_next_upload(lab: Lab, archive: Path) -> None:
    kill_swarm(lab, "peer1", "peer3")
    lab.ssh("peer2", "systemctl stop swarm")
    upload_now = {"vray_swarm_retries": 0}

    check = upload(lab, "peer1", archive, "--check", **upload_now)
    assert check.succeeded and check.changed == {"peer1": 1} and check.one("peer1", action=SETTINGS)["restarted"], check
    assert f"Swarm would be started, and then asked whether it takes {archive.name}." in check.output
    assert pid(lab, "peer1") == "0"

    # Who stopped it will start it; and what cannot be started fails, and is tried once.
    drop_in(lab, "peer3", "ExecStart=", "ExecStart=/bin/false")
    told = {"peer2": "Does Swarm run there, and is this", "peer3": "It was started, but: the service is failed"}
    for peer in ("peer2", "peer3"):
        run = upload(lab, f"{peer}:peer4", archive, vray_swarm_waves=[1, 1], **upload_now)
        assert run.failed == [peer] and not run.changed and told[peer] in run.output, run
        assert len(run.of(peer, action=SETTINGS)) == (peer == "peer3") and pid(lab, peer) == "0"

    run = upload(lab, "peer1", archive, **upload_now)
    assert run.succeeded and run.changed == {"peer1": 2}, run
    assert installed(lab, "peer1", VERSION) and len(lab.swarm_events("peer1", "upload")) == 1
    again = upload(lab, "peer1", archive, **upload_now)
    assert again.succeeded and not again.changed and not again.of(action=SETTINGS), again


def test_a_swarm_that_died_is_started_for_the_file_server(lab: Lab, archive: Path, installer: Path) -> None:
    """And for an installer, which then goes through a window."""
    builds = []
    for path, version in ((archive, VERSION), (installer, INSTALLED)):
        copy = {"src": str(path), "dest": f"/srv/{path.name}", "mode": "0644"}
        assert lab.task("server", "ansible.builtin.copy", copy, become=True).succeeded
        builds.append({"src": f"/srv/{path.name}", "version": version})
    kill_swarm(lab, "peer1")
    relayed = {"vray_swarm_upload_via": "server", "vray_swarm_retries": 0, "vray_swarm_builds": builds}
    run = through_a_window(lab, "peer1", archive, **relayed)
    # Started, the archive, opened, the installer, closed.
    assert run.succeeded and run.changed == {"peer1": 5}, run
    assert installed(lab, "peer1", VERSION) and installed(lab, "peer1") and is_open(lab, "peer1") == (False, False)
    again = through_a_window(lab, "peer1", archive, **relayed)
    assert again.succeeded and not again.changed and not again.of(action=SETTINGS), again


def test_an_installer_through_the_window(lab: Lab, installer: Path) -> None:
    hosts = ["peer1", "peer2"]
    before = {host: (pid(lab, host), lab.read(host, CONFIG)) for host in hosts}

    check = through_a_window(lab, "peer1:peer2", installer, "--check", "--diff")
    assert check.succeeded and check.changed == {"peer1": 1, "peer2": 1}, check
    assert "+allowExecutables: true" in check.output
    assert {host: (pid(lab, host), lab.read(host, CONFIG)) for host in hosts} == before

    run = through_a_window(lab, "peer1:peer2", installer, vray_swarm_window_watch=5)
    assert run.succeeded and run.changed == {"peer1": 3, "peer2": 3}, run
    for host in hosts:
        assert is_open(lab, host) == (False, False) and installed(lab, host)
        assert lab.read(host, CONFIG) == before[host][1] + "allowExecutables: false\n"
        assert not timers(lab, host)
    # The reference peer does what real ones may: it tries the kept installer for ever.
    assert (
        run.output.count(f"{installer.name} was opened ") == 2 and "Remove it from the import directory" in run.output
    )

    # The second run touches nothing.
    now = {host: (pid(lab, host), lab.read(host, CONFIG)) for host in hosts}
    again = through_a_window(lab, "peer1:peer2", installer)
    assert again.succeeded and not again.changed and not again.of(action=SETTINGS), again
    assert {host: (pid(lab, host), lab.read(host, CONFIG)) for host in hosts} == now
    assert len(lab.swarm_events("peer1", "upload")) == 1

    # Nor does it without the file, as the warning advises.
    lab.ssh("peer1", f"rm /var/lib/swarm/VRay/import/{installer.name}")
    assert not through_a_window(lab, "peer1", installer).changed


@pytest.mark.parametrize("fault", ["fail=no", "reset,after=1000000"])
def test_the_window_is_closed_when_the_upload_fails(lab: Lab, installer: Path, fault: str) -> None:
    add_fault(lab, "peer1", fault)
    # All are in the window at once, and the first failure ends the run.
    run = through_a_window(lab, "peer1:peer2", installer)
    assert run.failed == ["peer1"], run
    assert ("refused" if fault == "fail=no" else "failed") in run.one(
        "peer1", "Fail with what went wrong in the window"
    )["msg"]
    for host in ("peer1", "peer2"):
        assert is_open(lab, host) == (False, False)
        assert not timers(lab, host)
    assert not installed(lab, "peer1") and installed(lab, "peer2")


def test_a_failed_window_stops_the_next_wave(lab: Lab, installer: Path) -> None:
    add_fault(lab, "peer1", "fail=no")
    run = through_a_window(lab, "peer1:peer2", installer, vray_swarm_waves=[1, 1])
    assert run.failed == ["peer1"] and "peer2" not in run.changed, run
    assert is_open(lab, "peer1") == (False, False)
    assert lab.swarm_events("peer2", "flag") == []


def test_the_window_of_a_peer_that_renders_is_not_opened(lab: Lab, installer: Path) -> None:
    start_render(lab, "peer1")
    before = pid(lab, "peer1")
    run = through_a_window(lab, "peer1:peer2", installer)
    assert run.succeeded and list(run.changed) == ["peer2"], run
    assert f"peer1 renders, so that it was not stopped, and did not get {installer.name}" in run.output
    assert (pid(lab, "peer1"), is_open(lab, "peer1")) == (before, (False, False))
    assert not installed(lab, "peer1") and installed(lab, "peer2")


def test_a_peer_closes_a_window_that_nobody_closes(lab: Lab, installer: Path) -> None:
    add_fault(lab, "peer1", "slow=200000")
    variables = {
        "vray_swarm_hosts": "peer1",
        "vray_swarm_installer_window": True,
        "vray_swarm_window_limit": 8,
        "vray_swarm_builds": [{"src": str(installer)}],
    }
    with lab.start_playbook(UPLOAD, variables=variables) as playing:
        until(lab, "peer1", f"grep -q 'allowExecutables: true' {CONFIG}")
        until(lab, "peer1", "grep -q '\"POST\"' /var/log/swarm/events.jsonl")
        playing.kill()
    until(lab, "peer1", f"! grep -q 'allowExecutables: true' {CONFIG}")
    until(lab, "peer1", "curl -s http://127.0.0.1:1113/debug/allowExecutables | grep -q false")
    # The next run ends right.
    lab.ssh("peer1", "rm -r /etc/systemd/system/swarm.service.d; systemctl daemon-reload; systemctl restart swarm")
    run = through_a_window(lab, "peer1", installer)
    assert run.succeeded and installed(lab, "peer1") and is_open(lab, "peer1") == (False, False), run


def test_a_render_that_begins_in_the_window_is_not_stopped(lab: Lab, installer: Path, tmp_path: Path) -> None:
    """The window stays open for as long as that, and the peer closes it by itself; the run says so."""
    tasks = tmp_path / "render.yml"
    begin = f"mkdir -p {RENDER[:-5]}; cp /bin/sleep {RENDER}; systemd-run --unit=render {RENDER} 600"
    tasks.write_text("[]")
    add_fault(lab, "peer1", "slow=1000000")
    variables = {
        "vray_swarm_hosts": "peer1",
        "vray_swarm_installer_window": True,
        "vray_swarm_window_limit": 15,
        "vray_swarm_builds": [{"src": str(installer), "version": INSTALLED}],
    }
    with lab.start_playbook(UPLOAD, variables=variables) as playing:
        until(lab, "peer1", "grep -q '\"POST\"' /var/log/swarm/events.jsonl")
        lab.ssh("peer1", begin)
        run = playing.wait()
    assert run.failed == ["peer1"] and "allowExecutables is still open on peer1: it renders" in run.output, run
    assert installed(lab, "peer1") and is_open(lab, "peer1") == (True, True)
    until(lab, "peer1", f"! grep -q 'allowExecutables: true' {CONFIG}")
    assert is_open(lab, "peer1") == (False, True)
    lab.ssh("peer1", "systemctl stop render")
    until(lab, "peer1", "curl -s http://127.0.0.1:1113/debug/allowExecutables | grep -q false")


def test_an_installer_through_the_window_by_the_file_server(lab: Lab, installer: Path) -> None:
    path = Path(f"/srv/{installer.name}")
    copy = {"src": str(installer), "dest": str(path), "mode": "0644"}
    assert lab.task("server", "ansible.builtin.copy", copy, become=True).succeeded
    for changed in (True, False):
        run = through_a_window(lab, "peer1", path, vray_swarm_upload_via="server")
        assert run.succeeded and bool(run.changed) is changed, run
        assert is_open(lab, "peer1") == (False, False) and installed(lab, "peer1")
        assert len(lab.swarm_events("peer1", "upload")) == 1
    # What was left open is closed, though nothing is to be sent.
    lab.ssh("peer1", f"sed -i '/^allowExecutables/s/false/true/' {CONFIG}; systemctl restart swarm")
    lab.wait_for_ports([("peer1", 1113)])
    assert is_open(lab, "peer1") == (True, True)
    run = through_a_window(lab, "peer1", path, vray_swarm_upload_via="server")
    assert run.succeeded and run.changed == {"peer1": 1} and is_open(lab, "peer1") == (False, False), run


def test_the_scheduler_is_told_of_a_window(lab: Lab, installer: Path, tmp_path: Path) -> None:
    for name in ("before", "after"):
        touch = {"path": f"/tmp/{name}", "state": "touch", "mode": "0644"}
        (tmp_path / f"{name}.yml").write_text(f"[{{name: {name}, ansible.builtin.file: {touch}}}]")
    add_fault(lab, "peer1", "fail=no")
    run = through_a_window(
        lab,
        "peer1",
        installer,
        vray_swarm_before_stop_tasks=str(tmp_path / "before.yml"),
        vray_swarm_after_start_tasks=str(tmp_path / "after.yml"),
    )
    assert run.failed == ["peer1"], run
    assert lab.ssh("peer1", "ls -tr /tmp/before /tmp/after").split() == ["/tmp/before", "/tmp/after"]
