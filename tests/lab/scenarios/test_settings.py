# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings as a transaction with a real systemd: whatever goes wrong, no peer stays stopped."""

from __future__ import annotations

from typing import Any

from swarm_lab import PEERS, Lab, Result, Run
from swarm_lab.peers import RENDER, answer, drop_in, pid, rescue, start_render, timers, until

SETTINGS = "renderops.vray_swarm.settings"
CONFIG = "/etc/swarm/swarm.yaml"
# The end of a task, and so a controller that is about to ask, is never further away than this.
LIMITS = {"start_timeout": 20, "stop_timeout": 20, "connect_timeout": 2}
USUAL = {"path": "{{ vray_swarm_config }}", "service": "{{ vray_swarm_service }}", **LIMITS}
OPEN = {"allowExecutables": True}


def task(settings: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"name": SETTINGS, SETTINGS: {**USUAL, "settings": settings, **options}, "become": True}


def play(hosts: str, settings: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    return [{"hosts": hosts, "gather_facts": False, "tasks": [task(settings, **options)]}]


def change(lab: Lab, hosts: str, settings: dict[str, Any], *arguments: str, **options: Any) -> Run:
    return lab.playbook(play(hosts, settings, **options), *arguments)


def leftovers(lab: Lab, host: str) -> list[str]:
    return lab.ssh(host, "ls -A /etc/swarm").split()


def proven(result: Result) -> bool:
    return bool(result["changed"] and result["restarted"] and not result["rolled_back"] and not result["busy"])


def test_a_change_is_proven_by_the_answer(lab: Lab) -> None:
    wanted = {"webPort": 1213, "allowExecutables": True}
    before = {spec.name: pid(lab, spec.name, spec.service) for spec in PEERS}

    check = change(lab, "peers", wanted, "--check", "--diff")
    assert check.succeeded and sorted(check.changed) == lab.peers, check
    assert {spec.name: pid(lab, spec.name, spec.service) for spec in PEERS} == before

    first = change(lab, "peers", wanted, "--diff")
    assert first.succeeded and all(proven(result) for result in first.of(action=SETTINGS)), first
    for peer in lab.peers:
        assert first.one(peer)["diff"] == check.one(peer)["diff"]
        assert answer(lab, peer, 1213) is True
        assert timers(lab, peer) == ""
    assert leftovers(lab, "peer1") == ["swarm.yaml"]

    after = {spec.name: pid(lab, spec.name, spec.service) for spec in PEERS}
    sessions = {peer: len(lab.sessions(peer)) for peer in lab.peers}
    second = change(lab, "peers", wanted)
    assert second.succeeded and not second.changed, second
    assert {spec.name: pid(lab, spec.name, spec.service) for spec in PEERS} == after
    assert {peer: len(lab.sessions(peer)) - sessions[peer] for peer in lab.peers} == dict.fromkeys(lab.peers, 1)


def test_a_taken_port_is_rolled_back_with_the_reason(lab: Lab) -> None:
    old = lab.read("peer1", CONFIG)
    # ssh has it.
    run = change(lab, "peer1", {"webPort": 22, "allowExecutables": True})
    result = run.one()
    assert run.failed == ["peer1"] and result["rolled_back"] and not result["changed"], run
    assert "peer1: Swarm did not come up with the new settings" in result["msg"]
    assert "22: Permission denied" in result["msg"], run
    assert result["msg"].endswith("The old file is back, and Swarm runs with it.")
    assert (lab.read("peer1", CONFIG), answer(lab, "peer1"), timers(lab, "peer1")) == (old, False, "")
    # With a port that is free, the next run sets it.
    assert proven(change(lab, "peer1", {"webPort": 1213, "allowExecutables": True}).one())


def test_a_service_that_starts_and_dies_is_told_at_once(lab: Lab) -> None:
    drop_in(lab, "peer1", "Restart=always", "RestartSec=100ms")
    drop_in(lab, "peer2", "ExecStart=", "ExecStart=/bin/sh -c 'echo no license; exit 3'")
    old = lab.read("peer2", CONFIG)
    run = change(lab, "peer1:peer2", {"webPort": 22}, start_timeout=60)
    assert run.failed == ["peer1", "peer2"], run
    # Long before the limit: it was started again and again.
    assert " restarts; " in run.one("peer1")["msg"] and "22: Permission denied" in run.one("peer1")["msg"], run
    assert answer(lab, "peer1") is False
    # Not with the old settings either, which is told as well.
    assert "no license" in run.one("peer2")["msg"], run
    assert "but Swarm does not run with it either" in run.one("peer2")["msg"]
    assert lab.read("peer2", CONFIG) == old
    # When what is wrong with them is mended, the next run starts both.
    for peer in run.failed:
        drop_in(lab, peer)
    again = change(lab, "peer1:peer2", {"webPort": 1213})
    assert again.succeeded and [answer(lab, peer, 1213) for peer in run.failed] == [False, False], again


def test_a_swarm_that_is_down_is_started_busy_or_not(lab: Lab) -> None:
    start_render(lab, "peer1")
    for peer in ("peer1", "peer2"):
        lab.ssh(peer, "systemctl stop swarm")
    known = {"data_dir": "{{ vray_swarm_data_dir }}"}
    assert change(lab, "peer1", {}, "--check", **known).changed == {"peer1": 1}
    run = change(lab, "peer1", {}, **known)
    assert run.succeeded and proven(run.one()), run
    assert answer(lab, "peer1") is False
    run = change(lab, "peer2", OPEN, **known)
    assert run.succeeded and proven(run.one()), run
    assert answer(lab, "peer2") is True


def test_a_busy_peer_is_left_alone_and_the_others_go_on(lab: Lab) -> None:
    start_render(lab, "peer1")
    path = RENDER
    old, known = pid(lab, "peer1"), {"data_dir": "{{ vray_swarm_data_dir }}"}
    for arguments in (["--check"], []):
        run = change(lab, "peer1:peer2", OPEN, *arguments, **known)
        assert run.succeeded and run.changed == {"peer2": 1}, run
        result = run.one("peer1")
        assert [process["executable"] for process in result["busy"]] == [path]
        assert result["after"] == result["before"] == {} and not result["restarted"]
        assert f"peer1: {path} (process " in run.output and "Swarm was left alone" in run.output
    assert (pid(lab, "peer1"), answer(lab, "peer1"), answer(lab, "peer2")) == (old, False, True)
    # Nothing is to be changed, so nothing is said of it.
    run = change(lab, "peer1", {"webPort": 1113}, **known)
    assert run.succeeded and not run.one()["busy"], run
    # A data directory that is none is no reason to take a peer for idle.
    wrong = change(lab, "peer1", OPEN, data_dir="/nowhere")
    assert wrong.failed == ["peer1"] and "/nowhere is not there" in wrong.one()["msg"], wrong
    assert pid(lab, "peer1") == old


def test_patience_that_is_long_enough(lab: Lab) -> None:
    start_render(lab, "peer1")
    with lab.start_playbook(play("peer1", OPEN, data_dir="/var/lib/swarm", busy_wait=100)) as playing:
        playing.wait_for_output("runs; waiting for ")
        lab.ssh("peer1", "systemctl stop render")
        run = playing.wait()
    assert run.succeeded and proven(run.one()), run
    # Not long enough.
    start_render(lab, "peer1")
    run = change(lab, "peer1", {"webPort": 1213}, data_dir="/var/lib/swarm", busy_wait=1)
    assert run.succeeded and run.one()["busy"] and not run.changed, run
    assert answer(lab, "peer1") is True


def test_a_stop_that_hangs_is_bounded_and_keeps_nobody_down(lab: Lab) -> None:
    drop_in(lab, "peer1", "ExecStop=/bin/sh -c 'until [ -e /tmp/go ]; do sleep 0.1; done'", "TimeoutStopSec=600")
    old = lab.read("peer1", CONFIG)
    limits = {"stop_timeout": 6}
    with lab.start_playbook(play("peer1:peer2", OPEN, **limits)) as playing:
        # The other one is done, and peer1 is not.
        until(lab, "peer2", "curl -s http://127.0.0.1:1113/debug/allowExecutables | grep -q true")
        assert lab.ssh("peer1", "systemctl is-active swarm", check=False).strip() == "deactivating"
        run = playing.wait()
    assert run.failed == ["peer1"] and run.changed == {"peer2": 1}, run
    assert "swarm.service did not stop: 6 s were not enough" in run.one("peer1")["msg"], run
    assert lab.read("peer1", CONFIG) == old
    # As soon as it has ended, it is started again.
    lab.ssh("peer1", "touch /tmp/go")
    until(lab, "peer1", "systemctl is-active --quiet swarm")
    assert answer(lab, "peer1") is False
    assert change(lab, "peer1", OPEN).succeeded and answer(lab, "peer1") is True


def test_what_swarm_writes_while_it_stops_is_kept(lab: Lab) -> None:
    drop_in(lab, "peer1", "ExecStopPost=+/bin/sh -c 'echo \"seen: 1\" >> /etc/swarm/swarm.yaml'")
    run = change(lab, "peer1", OPEN)
    assert run.succeeded and proven(run.one()), run
    text = lab.read("peer1", CONFIG)
    assert "seen: 1\n" in text and "allowExecutables: true" in text and "# V-Ray Swarm\n" in text


def test_a_file_that_was_changed_without_a_restart(lab: Lab) -> None:
    known = {"data_dir": "{{ vray_swarm_data_dir }}"}
    for peer in ("peer1", "peer2"):
        lab.ssh(peer, "echo 'allowExecutables: true' >> /etc/swarm/swarm.yaml")
    before = {peer: pid(lab, peer) for peer in ("peer1", "peer2")}
    assert change(lab, "peer1", OPEN, "--check", **known).changed == {"peer1": 1}
    # Who has no say in it does not mind.
    assert not change(lab, "peer1", {"webPort": 1113}).changed
    start_render(lab, "peer2")
    run = change(lab, "peer1:peer2", OPEN, **known)
    assert run.succeeded and run.changed == {"peer1": 1} and run.one("peer2")["busy"], run
    assert answer(lab, "peer1") is True and answer(lab, "peer2") is False
    assert not change(lab, "peer1", OPEN, **known).changed
    assert pid(lab, "peer2") == before["peer2"] and pid(lab, "peer1") != before["peer1"]


def test_a_swarm_that_does_not_answer_is_left_alone(lab: Lab) -> None:
    lab.write("peer1", CONFIG, "webPort: 1999\nallowExecutables: true\n")
    old = pid(lab, "peer1")
    run = change(lab, "peer1", {**OPEN, "webPort": 1999})
    assert run.succeeded and not run.changed and pid(lab, "peer1") == old, run
    # Older versions of Ansible break the lines of a warning.
    text = " ".join(run.output.split())
    assert "could not be told" in text and ":1999: connection refused" in text, run
    # From the host itself the same.
    run = change(lab, "peer1", {**OPEN, "webPort": 1999}, api_from="peer")
    assert run.succeeded and not run.changed, run
    assert "http://127.0.0.1:1999: connection refused" in " ".join(run.output.split()), run


def test_no_peer_stays_stopped_when_the_controller_dies(lab: Lab) -> None:
    """Each peer is in another phase at that moment."""
    hold = "/bin/sh -c 'touch /tmp/held; until [ -e /tmp/go ]; do sleep 0.1; done'"
    old = lab.read("peer1", CONFIG)
    # Before the stop: it waits for a render.
    start_render(lab, "peer1")
    # While it stops, where what Ansible runs on the host dies as well.
    drop_in(lab, "peer2", f"ExecStop={hold}", "TimeoutStopSec=600")
    # While it is stopped: the file changes, so that the controller has to decide, and it is not there.
    drop_in(lab, "peer3", f"ExecStop={hold}", "ExecStopPost=+/bin/sh -c 'echo \"a: 1\" >> /etc/swarm/swarm.yaml'")
    # After the start, before it answers.
    lab.ssh("peer4", "sed -n 's/^ExecStart=/exec /p' /etc/systemd/system/swarm.service > /usr/local/bin/held")
    drop_in(lab, "peer4", "ExecStart=", f"ExecStart=/bin/sh -c '{hold[12:-1]}; . /usr/local/bin/held'")
    lab.ssh("peer4", "touch /tmp/go; systemctl restart swarm")
    assert answer(lab, "peer4") is False
    lab.ssh("peer4", "rm /tmp/go /tmp/held")
    first = pid(lab, "peer1")
    options = {"data_dir": "/var/lib/swarm", "busy_wait": 600}
    peers = ["peer1", "peer2", "peer3", "peer4"]
    with lab.start_playbook(play(":".join(peers), OPEN, **options)) as playing:
        playing.wait_for_output("runs; waiting for ")
        for peer in peers[1:]:
            until(lab, peer, "[ -e /tmp/held ]")
        for peer in peers:
            lab.plug(peer, False)
        playing.kill()
    for peer in peers:
        lab.plug(peer, True)
    lab.ssh("peer2", "pkill -x python3; touch /tmp/go")
    for peer in peers[2:]:
        lab.ssh(peer, "touch /tmp/go")

    until(lab, "peer4", "systemctl is-active --quiet swarm")
    for peer in peers[1:]:
        rescue(lab, peer)
    for peer in peers[1:]:
        until(lab, peer, "! find /etc/systemd/system -name 'vray*' | grep -q vray")
    assert pid(lab, "peer1") == first and timers(lab, "peer1") == ""
    # Nobody was there to write, so they run with what they had.
    assert (lab.read("peer2", CONFIG), answer(lab, "peer2")) == (old, False)
    assert (lab.read("peer3", CONFIG), answer(lab, "peer3")) == (f"{old}a: 1\n", False)
    # This one came up with what it was to have.
    assert answer(lab, "peer4") is True

    # Whoever was patient is dead: the end of the render changes nothing.
    lab.ssh("peer1", "systemctl stop render")
    until(lab, "peer1", "! pgrep -x python3 >/dev/null")
    assert (pid(lab, "peer1"), answer(lab, "peer1")) == (first, False)
    for peer in ("peer2", "peer3"):
        drop_in(lab, peer)
    run = change(lab, ":".join(peers), OPEN, **options)
    assert run.succeeded and sorted(run.changed) == peers[:3], run
    for peer in peers:
        assert (answer(lab, peer), timers(lab, peer), leftovers(lab, peer)) == (True, "", ["swarm.yaml"])


def test_settings_that_kill_swarm_are_taken_back_by_the_host(lab: Lab) -> None:
    """The controller dies before it sees that Swarm does not come up."""
    old = lab.read("peer1", CONFIG)
    drop_in(lab, "peer1", "ExecStartPre=/bin/sh -c 'touch /tmp/held; until [ -e /tmp/go ]; do sleep 0.1; done'")
    with lab.start_playbook(play("peer1", {"webPort": 22})) as playing:
        until(lab, "peer1", "[ -e /tmp/held ] && grep -q 22 /etc/swarm/swarm.yaml")
        playing.kill()
    lab.ssh("peer1", "pkill -x python3; touch /tmp/go")
    until(lab, "peer1", "systemctl is-failed --quiet swarm")
    rescue(lab, "peer1")
    until(lab, "peer1", "! grep -q 22 /etc/swarm/swarm.yaml")
    assert (answer(lab, "peer1"), lab.read("peer1", CONFIG)) == (False, old)


def test_a_change_that_the_host_takes_back(lab: Lab) -> None:
    old = lab.read("peer1", CONFIG)
    # Nobody comes back; on peer2 it renders meanwhile, and somebody else changes the file.
    for peer, seconds in (("peer1", 3), ("peer2", 20)):
        run = change(lab, peer, OPEN, revert_after=seconds, data_dir="/var/lib/swarm")
        assert run.succeeded and list(run.changed) == [peer], run
    start_render(lab, "peer2")
    opened = pid(lab, "peer2")
    lab.ssh("peer2", "echo 'mine: 1' >> /etc/swarm/swarm.yaml")
    for peer in ("peer1", "peer2"):
        until(lab, peer, "! grep -q allowExecutables /etc/swarm/swarm.yaml")
        assert lab.read(peer, CONFIG) == old
    until(lab, "peer1", "curl -s http://127.0.0.1:1113/debug/allowExecutables | grep -q false")
    assert "mine: 1" in lab.read("peer2", f"{CONFIG}.reverted~")
    assert len(set(lab.ssh("peer2", f"stat --format '%a %U %G' {CONFIG} {CONFIG}.reverted~").splitlines())) == 1
    # The file is right, and the render goes on.
    assert (pid(lab, "peer2"), answer(lab, "peer2")) == (opened, True)
    lab.ssh("peer2", "systemctl stop render")
    until(lab, "peer2", "curl -s http://127.0.0.1:1113/debug/allowExecutables | grep -q false")
    for peer in ("peer1", "peer2"):
        until(lab, peer, "! systemctl is-active --quiet vray-swarm-revert-swarm-service.service")
        assert timers(lab, peer) == ""


def test_a_later_task_has_the_last_word(lab: Lab) -> None:
    assert change(lab, "peer1:peer2:peer3", OPEN, revert_after=600).succeeded
    for peer in ("peer1", "peer2", "peer3"):
        assert "vray-swarm-revert" in timers(lab, peer)
    # Closed as it should be.
    run = change(lab, "peer1", {"allowExecutables": False})
    assert run.succeeded and proven(run.one()) and answer(lab, "peer1") is False, run
    # Or it is to stay open now, which changes no byte of the file.
    keep = [change(lab, "peer2", OPEN, *arguments) for arguments in (["--check"], [], [])]
    assert [list(run.changed) for run in keep] == [["peer2"], ["peer2"], []], keep
    assert not keep[1].one()["restarted"] and answer(lab, "peer2") is True
    for peer in ("peer1", "peer2"):
        assert (timers(lab, peer), leftovers(lab, peer)) == ("", ["swarm.yaml"])
    # One that has no say in it leaves it, and what it wants stays.
    assert change(lab, "peer3", {"uploadsQueuePeriod": 2}).succeeded
    assert change(lab, "peer3", {"uploadsQueuePeriod": 2}).changed == {}
    assert "vray-swarm-revert" in timers(lab, "peer3")
    # One that fails changes nothing about it.
    assert change(lab, "peer3", {"allowExecutables": False, "webPort": 22}).failed == ["peer3"]
    lab.ssh("peer3", "systemctl start --no-block vray-swarm-revert-swarm-service.service")
    until(lab, "peer3", "curl -s http://127.0.0.1:1113/debug/allowExecutables | grep -q false")
    text = lab.read("peer3", CONFIG)
    assert "uploadsQueuePeriod: 2" in text and "allowExecutables" not in text


def test_a_change_that_is_to_be_taken_back_and_fails(lab: Lab) -> None:
    old = lab.read("peer1", CONFIG)
    run = change(lab, "peer1", {"webPort": 22}, revert_after=600)
    assert run.failed == ["peer1"], run
    assert (timers(lab, "peer1"), leftovers(lab, "peer1"), lab.read("peer1", CONFIG)) == ("", ["swarm.yaml"], old)


def test_a_host_that_restarts_while_nobody_comes_back(lab: Lab) -> None:
    """On peer1 in the window; on peer2 in the middle of another change, between the stop and the start."""
    peers = ["peer1", "peer2"]
    old = {peer: lab.read(peer, CONFIG) for peer in peers}
    assert change(lab, "peer1:peer2", OPEN, revert_after=600).succeeded
    drop_in(lab, "peer2", "ExecStartPre=+/bin/sh -c 'while [ -e /run/hold ]; do touch /run/held; sleep 0.1; done'")
    lab.ssh("peer2", "touch /run/hold")
    with lab.start_playbook(play("peer2", {"uploadsQueuePeriod": 2})) as playing:
        until(lab, "peer2", "[ -e /run/held ] && grep -q uploadsQueuePeriod /etc/swarm/swarm.yaml")
        playing.kill()
    for peer in peers:
        lab.stop(peer)
    lab.start(peers)
    for peer in peers:
        assert answer(lab, peer) is False
        # First the one change, then the other: else the window would be open again.
        assert lab.read(peer, CONFIG) == old[peer]
        assert leftovers(lab, peer) == ["swarm.yaml", "swarm.yaml.reverted~"]
        assert lab.ssh(peer, "find /etc/systemd/system -name 'vray*'") == ""
    run = change(lab, "peer1:peer2", {"allowExecutables": False})
    assert run.succeeded and not run.changed, run
