# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole workflow of the vendor's page: share, mount, stop, set, start, verify."""

from __future__ import annotations

import base64
import re
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from swarm_lab import PEERS, Lab, Run
from swarm_lab.lab import ROOT
from swarm_lab.peers import DROP_INS, drop_in, rescue, start_render, until
from swarm_lab.rootfs import SHARE_PASSWORD
from swarm_lab.secrets import CREDENTIALS, traces, watched
from swarm_peer.builds import VERSION, make_archive

DISTRIBUTE = "renderops.vray_swarm.distribute"
VERIFY = "renderops.vray_swarm.verify"
REPAIR = "renderops.vray_swarm.repair"
SETTINGS = "renderops.vray_swarm.settings"
# The seconds for which a build has to be the same before it is removed, so that a test need not wait for a minute.
SETTLE = {"__builds_settle_time": 2}
SPECS = {spec.name: spec for spec in PEERS}
IMPORT_DIR = "/mnt/vray/stable/Linux_x86"


def distribute(lab: Lab, *arguments: str, hosts: str = "peers", **variables: Any) -> Run:
    return lab.playbook(DISTRIBUTE, *arguments, variables=given(hosts, variables))


def verify(lab: Lab, hosts: str = "peers", **variables: Any) -> Run:
    return lab.playbook(VERIFY, variables=given(hosts, variables))


def given(hosts: str, variables: dict[str, Any]) -> dict[str, Any]:
    return {"vray_swarm_hosts": hosts, "vray_swarm_waves": "100%", "vray_swarm_deploy_wait": 60, **variables}


def publish(lab: Lab, *builds: Path, **variables: Any) -> Run:
    variables = {
        "vray_swarm_share_hosts": "server",
        "vray_swarm_builds": [{"src": str(build)} for build in builds],
    } | variables
    return lab.playbook("renderops.vray_swarm.share", variables=variables)


def fill(lab: Lab, *builds: Path) -> None:
    """Have builds in the share, without the time that publishing takes. There is no list of them then."""
    for build in builds:
        target = shlex.quote(f"/srv/vray/stable/Linux_x86/{build.name}")
        lab.ssh("server", f"mkdir -p /srv/vray/stable/Linux_x86; base64 -d > {target}", stdin=base64_of(build))


def base64_of(build: Path) -> str:
    return base64.b64encode(build.read_bytes()).decode("ascii")


def starts(lab: Lab, peer: str) -> int:
    return len(lab.swarm_events(peer, "started"))


def deployed(lab: Lab, peer: str) -> list[str]:
    found = lab.ssh(peer, f"ls {shlex.quote(SPECS[peer].data_dir)}/VRay").split()
    return [name.partition("-")[2] for name in found if name.startswith("vray-")]


def marks(lab: Lab, peer: str) -> list[str]:
    """What runs have left on a peer that tells a later one what became of its builds."""
    found = lab.ssh(peer, "cd /var/lib/swarm; ls -d .vray_swarm-*").split()
    return sorted(name.partition("-")[2] for name in found)


def is_active(lab: Lab, peer: str) -> bool:
    return lab.ssh(peer, f"systemctl is-active {SPECS[peer].service}", check=False).strip() == "active"


def verified(run: Run, peer: str) -> dict[str, Any]:
    """What verify found of a peer. The task stands twice: among what is done where something is wrong, and after it."""
    (found,) = [task for task in run.of(peer, "Keep what was found") if task.status != "skipped"]
    facts: dict[str, dict[str, Any]] = found["ansible_facts"]
    return facts["vray_swarm_verified"]


def problems(run: Run, peer: str) -> str:
    """What verify says of a peer."""
    return " ".join(verified(run, peer)["problems"])


@pytest.mark.usefixtures("all_shown")
def test_from_bare_peers_to_builds_on_all_of_them(lab: Lab, archive: Path) -> None:
    assert publish(lab, archive).succeeded
    secret = SHARE_PASSWORD.partition(",")[0]
    with watched(lab, "peer1", secret) as seen:
        first = distribute(lab, "-vvvv", "--diff", vray_swarm_waves=[1, "100%"])
    assert first.succeeded and sorted(first.changed) == lab.peers, first
    # However much is shown, the password is in one file and nowhere else.
    assert lab.read("peer1", CREDENTIALS) == f"username=render\npassword={SHARE_PASSWORD}\n"
    for text in (first.output, first.report):
        assert "share_path=" in text and secret not in text
    assert seen.processes == [] and seen.open_to_others == []
    assert traces(lab, "peer1", secret) == [CREDENTIALS]
    for peer in lab.peers:
        assert deployed(lab, peer) == [VERSION]
        assert IMPORT_DIR in lab.read(peer, SPECS[peer].config)
        found = verified(first, peer)
        assert (found["state"], found["problems"]) == ("ok", [])
        assert [build["version"] for build in found["builds"]] == [VERSION]

    sessions = {peer: len(lab.sessions(peer)) for peer in lab.peers}
    before = {peer: starts(lab, peer) for peer in lab.peers}
    assert before == dict.fromkeys(lab.peers, 2)
    second = distribute(lab)
    assert second.succeeded and not second.changed, second
    assert {peer: len(lab.sessions(peer)) - sessions[peer] for peer in lab.peers} == dict.fromkeys(lab.peers, 1)
    assert {peer: starts(lab, peer) for peer in lab.peers} == before

    # Another build needs no more than to be published.
    newer = make_archive(archive.parent / "vray-7.0.6-0a1b2c3d.tar", version="7.0.6-0a1b2c3d", size=60_000_000)
    assert publish(lab, newer).succeeded
    third = verify(lab)
    assert third.succeeded, third
    assert sorted(deployed(lab, "peer5")) == [VERSION, "7.0.6-0a1b2c3d"]
    # While it was published, the peers looked each second: they saw it whole, or not at all, and nothing else.
    for peer in lab.peers:
        tried = {(event["name"], event["result"]) for event in lab.swarm_events(peer, "import")}
        assert tried == {(archive.name, "deployed"), (newer.name, "deployed")}
    # A build that is nowhere is named; what is deployed beside the wanted ones is, where that is asked.
    builds = [{"src": newer.name}, {"src": "vray.tar", "version": "8.0.0-abcdef12"}]
    fourth = verify(lab, "peer1", vray_swarm_builds=builds, vray_swarm_only_wanted=True, vray_swarm_deploy_wait=0)
    assert fourth.failed == ["peer1"]
    assert problems(fourth, "peer1") == (
        f"The build 8.0.0-abcdef12 is not deployed. vray.tar is not in the import directory {IMPORT_DIR}."
        f" The build {VERSION} is deployed, and not wanted."
    )


def test_a_share_at_the_default_import_directory_stops_nothing(lab: Lab, archive: Path) -> None:
    fill(lab, archive)
    variables = {
        "vray_swarm_share_src": "//server/vray/stable/Linux_x86",
        "vray_swarm_share_path": "{{ vray_swarm_data_dir }}/VRay/import",
    }
    first = distribute(lab, hosts="peer1,peer5", **variables)
    assert first.succeeded, first
    for peer in ("peer1", "peer5"):
        assert deployed(lab, peer) == [VERSION] and starts(lab, peer) == 1
        assert not first.of(peer, action=SETTINGS)
    second = distribute(lab, hosts="peer1,peer5", **variables)
    assert second.succeeded and not second.changed, second


def test_builds_that_somebody_else_brings_need_no_share(lab: Lab, archive: Path) -> None:
    variables = {"vray_swarm_share_src": "", "vray_swarm_share_path": "", "vray_swarm_import_dir": "/srv/builds"}
    lab.ssh("peer1", f"mkdir /srv/builds; base64 -d > /srv/builds/{archive.name}", stdin=base64_of(archive))
    first = distribute(lab, hosts="peer1", vray_swarm_builds=[{"src": archive.name}], **variables)
    assert first.succeeded and "vrayImportDir: /srv/builds" in lab.read("peer1", SPECS["peer1"].config), first
    assert deployed(lab, "peer1") == [VERSION]
    second = distribute(lab, hosts="peer1", **variables)
    assert second.succeeded and not second.changed, second


def test_a_peer_is_not_pointed_to_builds_of_another_platform(lab: Lab, archive: Path, tmp_path: Path) -> None:
    fill(lab, archive)
    foreign = tmp_path / "vray_adv_71000_max2025_x64.exe"
    foreign.write_bytes(b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0\x64\x86" + bytes(9000))
    # Publishing does not put it there.
    build = {"src": str(foreign), "platform": "Linux_x86"}
    refused = publish(lab, vray_swarm_builds=[build])
    assert (
        refused.failed == ["server"]
        and "was said to be for Linux_x86, but what is in it is for Windows_x86" in refused.output
    )
    fill(lab, foreign)
    before = lab.read("peer1", "/etc/swarm/swarm.yaml")
    run = distribute(lab, hosts="peer1")
    assert run.failed == ["peer1"]
    text = run.one("peer1", "Refuse a change that would do harm")["msg"]
    assert "vray_adv_71000_max2025_x64.exe is for Windows_x86, and this peer is Linux_x86" in text
    assert lab.read("peer1", "/etc/swarm/swarm.yaml") == before and starts(lab, "peer1") == 1


def test_a_channel_that_is_not_there_is_no_empty_one(lab: Lab, archive: Path) -> None:
    fill(lab, archive)
    run = distribute(lab, hosts="peer1", vray_swarm_channel="stabel")
    assert run.failed == ["peer1"] and starts(lab, "peer1") == 1
    text = run.one("peer1", "Refuse a change that would do harm")["msg"]
    assert "The import directory /mnt/vray/stabel/Linux_x86 is not there" in text


def test_a_disk_that_is_too_small_is_told_before_anything_is_changed(lab: Lab, archive: Path) -> None:
    fill(lab, archive)
    run = distribute(lab, hosts="peer1", vray_swarm_disk_factor=1e9)
    assert run.failed == ["peer1"]
    assert "peer1: /var/lib/swarm has " in run.one("peer1", "Refuse a change that would do harm")["msg"]
    assert starts(lab, "peer1") == 1


def test_check_mode_tells_what_a_real_run_does(lab: Lab, archive: Path) -> None:
    fill(lab, archive)

    def compare() -> set[tuple[str, str]]:
        told = distribute(lab, "--check", "--diff", hosts="peer1,peer5")
        assert told.succeeded, told
        assert "+vrayImportDir: " in told.output
        done = distribute(lab, hosts="peer1,peer5")
        assert done.succeeded, done
        predicted, changed = (
            {(item.host, item.task) for item in run.results if item.status == "changed"} for run in (told, done)
        )
        assert predicted == changed
        return changed

    assert len(compare()) > 2
    # And on peers that have drifted.
    for peer in ("peer1", "peer5"):
        lab.write(peer, SPECS[peer].config, "allowExecutables: true\n")
        lab.ssh(peer, f"systemctl restart {SPECS[peer].service}; umount --lazy /mnt/vray")
    assert len(compare()) > 2


def test_drift_is_named_and_repaired(lab: Lab, archive: Path) -> None:
    fill(lab, archive)
    assert distribute(lab).succeeded
    lab.ssh("peer1", "sed -i s,/mnt/vray,/mnt/vary, /etc/swarm/swarm.yaml")
    # Swarm may just be looking at it.
    lab.ssh("peer2", "umount --lazy /mnt/vray")
    # A Swarm that is down cannot have deployed it again when verify looks.
    lab.ssh("peer3", f"systemctl disable --now swarm; rm -r /var/lib/swarm/VRay/vray-{VERSION}")
    # Half of a build is gone; and all of it.
    lab.ssh("peer4", f"find /var/lib/swarm/VRay/vray-{VERSION} -type f | head -1 | xargs rm")
    lab.ssh(
        "peer5",
        "echo 'allowExecutables: true' >> '/opt/chaos/swarm 2/conf/swarm.yaml'",
    )
    found = verify(lab, vray_swarm_deploy_wait=0)
    assert found.failed == lab.peers, found
    assert (
        f"vrayImportDir in /etc/swarm/swarm.yaml is /mnt/vary/stable/Linux_x86, and {IMPORT_DIR} is wanted"
        in problems(found, "peer1")
    )
    assert "//server/vray is not mounted at /mnt/vray" in problems(found, "peer2")
    assert "The service is stopped" in problems(found, "peer3") and "does not start with the host" in problems(
        found, "peer3"
    )
    assert f"The build {VERSION} has " in problems(found, "peer4") and "on most peers it has" in problems(
        found, "peer4"
    )
    assert f"The build {VERSION} is not deployed" in problems(found, "peer3")
    assert "allowExecutables in /opt/chaos/swarm 2/conf/swarm.yaml is true" in problems(found, "peer5")
    # An audit, and a check, say the same and fail nowhere.
    for audit in (verify(lab, vray_swarm_audit=True), lab.playbook(VERIFY, "--check", variables=given("peers", {}))):
        assert audit.succeeded and not audit.changed
        assert [problems(audit, peer) for peer in lab.peers] == [problems(found, peer) for peer in lab.peers]

    repaired = distribute(lab, vray_swarm_repair=False)
    # What a build has lost comes back only when all of it is removed. The other one came back with the start of Swarm.
    assert repaired.failed == ["peer4"], repaired
    assert sorted(repaired.changed) == ["peer1", "peer2", "peer3", "peer5"]
    assert distribute(lab, hosts="peer1,peer2,peer3,peer5").changed == {}
    assert lab.ssh("peer3", "systemctl is-enabled swarm") == "enabled\n"

    # Only the peer that has less is stopped, for its build to be removed. Then Swarm deploys it from the share.
    started = {peer: starts(lab, peer) for peer in lab.peers}
    told = lab.playbook(REPAIR, "--check", variables=given("peers", {}))
    assert told.succeeded and sorted(told.changed) == ["peer4"], told
    assert {peer: starts(lab, peer) for peer in lab.peers} == started
    done = lab.playbook(REPAIR, variables=given("peers", SETTLE))
    assert done.succeeded and sorted(done.changed) == ["peer4"], done
    assert done.one("peer4", action=SETTINGS)["removed_builds"] == [f"/var/lib/swarm/VRay/vray-{VERSION}"]
    assert {peer: starts(lab, peer) for peer in lab.peers} == {**started, "peer4": started["peer4"] + 1}
    assert lab.playbook(REPAIR, variables=given("peers", {})).changed == {}
    assert distribute(lab).changed == {}


def test_a_peer_that_is_killed_while_it_deploys_from_the_share_is_healed_by_the_next_run(
    lab: Lab, archive: Path
) -> None:
    """It takes the half for the build when it is started. The peers of an earlier wave tell what is whole."""
    peers, newer, half = ("peer1", "peer2", "peer3"), "7.0.6-0a1b2c3d", "/var/lib/swarm/VRay/vray-7.0.6-0a1b2c3d"
    variables: dict[str, Any] = {"hosts": ",".join(peers), "vray_swarm_waves": [2, 1], **SETTLE}
    fill(lab, archive)
    assert distribute(lab, **variables).succeeded
    command = lab.ssh("peer3", "sed -n 's/^ExecStart=//p' /etc/systemd/system/swarm.service").strip()
    drop_in(lab, "peer3", "ExecStart=", f"ExecStart={command} --fault halfway=in-place")
    lab.ssh("peer3", "systemctl restart swarm")
    size = 60_000_000
    assert publish(lab, make_archive(archive.parent / f"vray-{newer}.tar", version=newer, size=size)).succeeded
    until(lab, "peer3", f"[ -e {half}/vray.json ]")
    lab.ssh("peer3", f"systemctl kill --signal=KILL swarm; rm -r {DROP_INS}; systemctl daemon-reload")
    until(lab, "peer3", "systemctl is-failed -q swarm")

    def files(peer: str) -> list[str]:
        return lab.ssh(peer, f"find {half} -type f -printf '%P %s\\n' | sort").splitlines()

    started = {peer: starts(lab, peer) for peer in peers}
    told = distribute(lab, "--check", **variables)
    assert told.succeeded and sorted(told.changed) == ["peer3"], told
    assert [result["removed_builds"] for result in told.of("peer3", action=SETTINGS)] == [[], [half]], told
    assert files("peer3") == ["vray.json 0"] and not is_active(lab, "peer3")

    run = distribute(lab, **variables)
    assert run.succeeded and run.changed == {"peer3": 2}, run
    assert [result["removed_builds"] for result in run.of("peer3", action=SETTINGS)] == [[], [half]], run
    assert files("peer3") == files("peer1") and len(files("peer3")) == 2
    assert verified(run, "peer3")["state"] == "ok"
    assert {peer: starts(lab, peer) for peer in peers} == {**started, "peer3": started["peer3"] + 2}

    # A peer that is whole is looked at once, as ever.
    sessions = {peer: len(lab.sessions(peer)) for peer in peers}
    again = distribute(lab, **variables)
    assert again.succeeded and again.changed == {}, again
    assert {peer: len(lab.sessions(peer)) - sessions[peer] for peer in peers} == dict.fromkeys(peers, 1)
    assert sorted(deployed(lab, "peer3")) == [VERSION, newer]


def test_what_nobody_saw_deployed_from_the_share_is_seen_to_by_the_next_run(lab: Lab, archive: Path) -> None:
    """The controller was killed, and the Swarm of one of two peers: nobody else tells what is whole."""
    newer = "7.0.6-0a1b2c3d"
    half, mark = f"/var/lib/swarm/VRay/vray-{newer}", f"/var/lib/swarm/.vray_swarm-{newer}.awaited"
    hosts, variables = "peer1,peer2", {"vray_swarm_waves": ["100%"], **SETTLE}
    fill(lab, archive)
    assert distribute(lab, hosts=hosts, **variables).succeeded

    def files(peer: str) -> int:
        assert marks(lab, peer) == [f"{VERSION}.whole", f"{newer}.whole", "peer.whole"]
        return len(lab.ssh(peer, f"find {half} -type f").splitlines())

    lab.ssh("peer1", "systemctl stop swarm")
    lab.ssh("peer2", "systemctl stop swarm")
    assert publish(lab, make_archive(archive.parent / f"vray-{newer}.tar", version=newer, size=60_000_000)).succeeded
    command = lab.ssh("peer1", "sed -n 's/^ExecStart=//p' /etc/systemd/system/swarm.service").strip()
    drop_in(lab, "peer1", "ExecStart=", f"ExecStart={command} --fault halfway=in-place")
    slowly = {**given(hosts, variables), "__vray_swarm_still_time": 60}
    with lab.start_playbook(DISTRIBUTE, variables=slowly) as playing:
        until(lab, "peer1", f"[ -e {half}/vray.json ]")
        lab.ssh("peer1", f"rm -r {DROP_INS}; systemctl daemon-reload; systemctl kill --signal=KILL swarm")
        until(lab, "peer2", f"[ -d {half} ]")
        playing.kill()
    until(lab, "peer1", "systemctl is-failed -q swarm")
    for peer in ("peer1", "peer2"):
        assert lab.ssh(peer, f"ls -d {mark}")

    started = {peer: starts(lab, peer) for peer in ("peer1", "peer2")}
    run = distribute(lab, hosts=hosts, **variables)
    assert run.succeeded and run.changed == {"peer1": 2}, run
    assert [result["removed_builds"] for result in run.of("peer1", action=SETTINGS)] == [[], [half]], run
    # What its own Swarm has deployed is whole: that is seen, and nothing is stopped.
    assert {peer: starts(lab, peer) for peer in started} == {"peer1": started["peer1"] + 2, "peer2": started["peer2"]}
    assert files("peer1") == files("peer2") == 2
    sessions = {peer: len(lab.sessions(peer)) for peer in started}
    assert distribute(lab, hosts=hosts, **variables).changed == {}
    assert {peer: len(lab.sessions(peer)) - sessions[peer] for peer in started} == {"peer1": 1, "peer2": 1}


def test_what_swarm_takes_from_the_share_by_itself_is_healed_on_a_farm_of_two(lab: Lab, archive: Path) -> None:
    """The power fails on both while no run is there: nobody has seen the build whole, and nobody has more of it."""
    newer, peers = "7.0.6-0a1b2c3d", ("peer1", "peer2")
    half = f"/var/lib/swarm/VRay/vray-{newer}"
    variables: dict[str, Any] = {"hosts": ",".join(peers), "vray_swarm_waves": [1, "100%"], **SETTLE}
    fill(lab, archive)
    assert distribute(lab, **variables).succeeded
    for peer in peers:
        assert marks(lab, peer) == [f"{VERSION}.whole", "peer.whole"]
        command = lab.ssh(peer, "sed -n 's/^ExecStart=//p' /etc/systemd/system/swarm.service").strip()
        drop_in(lab, peer, "ExecStart=", f"ExecStart={command} --fault halfway=in-place")
        lab.ssh(peer, "systemctl restart swarm")
    assert publish(lab, make_archive(archive.parent / f"vray-{newer}.tar", version=newer, size=60_000_000)).succeeded
    for peer in peers:
        until(lab, peer, f"[ -e {half}/vray.json ]")
        lab.ssh(peer, f"rm -r {DROP_INS}; systemctl daemon-reload; systemctl kill --signal=KILL swarm")
        until(lab, peer, "systemctl is-failed -q swarm")
        lab.ssh(peer, "systemctl start swarm")

    run = distribute(lab, **variables)
    assert run.succeeded and run.changed == dict.fromkeys(peers, 1), run
    for peer in peers:
        assert [result["removed_builds"] for result in run.of(peer, action=SETTINGS)] == [[half]], run
        assert len(lab.ssh(peer, f"find {half} -type f -size +0").splitlines()) == 2
        assert marks(lab, peer) == [f"{VERSION}.whole", f"{newer}.whole", "peer.whole"]
    # A Swarm that is started anew is no doubt of what was seen.
    started = {peer: starts(lab, peer) for peer in peers}
    lab.ssh("peer1", "systemctl restart swarm")
    again = distribute(lab, **variables)
    assert again.succeeded and again.changed == {} and "no hosts matched" in again.output, again
    assert {peer: starts(lab, peer) for peer in peers} == {**started, "peer1": started["peer1"] + 1}

    # As no run has ever looked at them, and each is the only one of a run: the archive tells.
    started = {peer: starts(lab, peer) for peer in peers}
    for peer in peers:
        lab.ssh(peer, "rm -r /var/lib/swarm/.vray_swarm-*.whole")
    lab.ssh("peer1", f"systemctl stop swarm; find {half} -type f -size +1M -delete; systemctl start swarm")
    for peer in peers:
        run = distribute(lab, **{**variables, "hosts": peer})
        assert run.succeeded and run.changed == ({"peer1": 1} if peer == "peer1" else {}), run
        assert marks(lab, peer) == [f"{VERSION}.whole", f"{newer}.whole", "peer.whole"]
    assert len(lab.ssh("peer1", f"find {half} -type f -size +0").splitlines()) == 2
    # By hand, and to be healed.
    assert {peer: starts(lab, peer) - started[peer] for peer in peers} == {"peer1": 2, "peer2": 0}


def test_a_peer_that_renders_is_left_alone(lab: Lab, archive: Path, tmp_path: Path) -> None:
    fill(lab, archive)
    start_render(lab, "peer1")
    hooks = {}
    for name in ("before_stop", "after_start"):
        tasks = tmp_path / f"{name}.yml"
        tasks.write_text(f"- ansible.builtin.shell: echo {name} >> /root/hooks\n  become: true\n", encoding="utf-8")
        hooks[f"vray_swarm_{name}_tasks"] = str(tasks)
    run = distribute(lab, hosts="peer1,peer2", **hooks)
    assert run.succeeded, run
    assert run.one("peer1", "Leave a peer that renders alone", "ansible.builtin.debug")["msg"].startswith(
        "peer1 renders"
    )
    assert verified(run, "peer1")["state"] == "busy"
    assert (starts(lab, "peer1"), starts(lab, "peer2")) == (1, 2)
    assert lab.ssh("peer1", "cat /root/hooks", check=False).startswith("cat: ")
    assert lab.ssh("peer2", "cat /root/hooks") == "before_stop\nafter_start\n"
    # With patience, the scheduler is told first, and told again when the render did not end.
    run = distribute(lab, hosts="peer1", vray_swarm_busy_wait=0.1, **hooks)
    assert run.succeeded and starts(lab, "peer1") == 1, run
    assert lab.ssh("peer1", "cat /root/hooks") == "before_stop\nafter_start\n"
    lab.ssh("peer1", "systemctl stop render")
    assert distribute(lab, hosts="peer1").succeeded and starts(lab, "peer1") == 2


def test_a_peer_that_fails_between_the_hooks_stops_the_waves(lab: Lab, archive: Path, tmp_path: Path) -> None:
    fill(lab, archive)
    # Its new settings do not work: the port is taken.
    lab.ssh("peer1", "systemd-run --unit taken python3 -m http.server 1213")
    lab.wait_for_ports([("peer1", 1213)])
    after = tmp_path / "after.yml"
    after.write_text("- ansible.builtin.file: {path: /root/after, state: touch}\n  become: true\n", encoding="utf-8")
    variables = {
        "vray_swarm_settings": {"webPort": 1213},
        "vray_swarm_start_timeout": 5,
        "vray_swarm_after_start_tasks": str(after),
    }
    run = distribute(lab, hosts="peer1,peer2", vray_swarm_waves=[1, 1], **variables)
    assert run.failed == ["peer1"] and "peer2" not in run.recap, run
    assert "Swarm did not come up with the new settings" in run.one("peer1", "Fail with the reason")["msg"]
    assert lab.ssh("peer1", "ls /root/after") == "/root/after\n"
    # It serves as before.
    assert "webPort: 1113" in lab.read("peer1", "/etc/swarm/swarm.yaml")
    lab.wait_for_ports([("peer1", 1113)])


def test_a_stop_that_hangs_keeps_no_other_peer_down(lab: Lab, archive: Path) -> None:
    fill(lab, archive)
    drop_in(lab, "peer1", "ExecStop=/bin/sleep 600", "TimeoutStopSec=900")
    hooks = {"vray_swarm_stop_timeout": 3}
    run = distribute(lab, hosts="peer1,peer2,peer3", vray_swarm_max_fail_percent=50, **hooks)
    assert run.failed == ["peer1"]
    assert "did not stop" in run.one("peer1", action=SETTINGS)["msg"]
    for peer in ("peer2", "peer3"):
        assert is_active(lab, peer) and deployed(lab, peer) == [VERSION]


# Where the control machine may die, and for how many peers: several are in the middle of it only where each takes long.
PHASES = {
    "Look at the peer": ["peer1"],
    "Mount the share, now and at each boot": ["peer1"],
    "Stop Swarm, set, and start it": ["peer1", "peer2"],
    "Wait for builds that are not deployed yet": ["peer1"],
    "Keep what was found": ["peer1"],
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_control_machine_that_dies_leaves_no_peer_stopped(lab: Lab, archive: Path, phase: str) -> None:
    peers, hosts = PHASES[phase], ",".join(PHASES[phase])
    fill(lab, archive)
    # It takes its time to stop, so that the middle can be hit.
    for peer in peers:
        drop_in(lab, peer, "ExecStartPre=/bin/sleep 2")
    with lab.start_playbook(DISTRIBUTE, variables=given(hosts, {})) as playing:
        playing.wait_for_task(phase)
        if phase.startswith("Stop"):
            until = time.monotonic() + 30
            while is_active(lab, "peer1"):
                assert time.monotonic() < until
        playing.kill()
    for peer in peers:
        rescue(lab, peer)
    until = time.monotonic() + 60
    while not all(is_active(lab, peer) for peer in peers):
        assert time.monotonic() < until
        time.sleep(0.2)
    again = distribute(lab, hosts=hosts)
    assert again.succeeded, again
    for peer in peers:
        assert deployed(lab, peer) == [VERSION]
    assert distribute(lab, hosts=hosts).changed == {}


def test_discover_finds_odd_paths(lab: Lab) -> None:
    run = lab.playbook("renderops.vray_swarm.discover", variables={"vray_swarm_hosts": "peer1,peer5"})
    assert run.succeeded and not run.changed, run
    for peer in ("peer1", "peer5"):
        found = yaml.safe_load(
            run.one(peer, "Look for Swarm, from its web port to its files")["discovered"]["group_vars"]
        )
        expected = SPECS[peer]
        assert found["vray_swarm_data_dir"] == expected.data_dir
        assert found["vray_swarm_config"] == expected.config
        assert found["vray_swarm_service"] == expected.service


def test_the_guide_runs_as_it_stands(lab: Lab, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
    # The first of each kind.
    blocks = dict(reversed(re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)))
    inventory = tmp_path / "inventory.yml"
    lab.touched.update(lab.hosts)
    inventory.write_text(blocks["yaml"].replace("10.91.0.", f"{lab.net}."), encoding="utf-8")
    (tmp_path / "builds").mkdir()
    make_archive(tmp_path / "builds" / f"vray-{VERSION}.tar", version=VERSION, size=1_000_000)
    # How the lab's own keys are found, and what its share asks for.
    ssh = f"-F {lab.folder / 'ssh_config'}"
    environ = {"ANSIBLE_SSH_COMMON_ARGS": ssh, "VRAY_SHARE_PASSWORD": SHARE_PASSWORD}
    for line in blocks["console"].splitlines():
        command = shlex.split(line.removeprefix("$ "))
        assert command[:3] == ["ansible-playbook", "-i", "inventory.yml"]
        done = subprocess.run(
            lab.command(command),
            cwd=tmp_path,
            env={**lab.environ(), **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert [deployed(lab, peer) for peer in lab.peers] == [[VERSION]] * 5
