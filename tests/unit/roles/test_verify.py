# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the role verify has a build deployed anew, decided as in a play. How that is done, the doubles of hosts show."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible.template")

from role_variables import decide

PEER = "renderops.vray_swarm.peer"
RENDER = [{"pid": 4711, "executable": "/d/VRay/vray-6.0.0-aaaaaaaa/bin/vray"}]


def can_repair(*kinds, busy=(), **more):
    look = {"differences": [{"kind": kind} for kind in kinds], "busy": list(busy)}
    variables = {
        "__vray_swarm_looked": look,
        "ansible_play_role_names": [PEER, "renderops.vray_swarm.verify"],
        "ansible_check_mode": False,
        "vray_swarm_repair": True,
        "vray_swarm_audit": False,
        "vray_swarm_busy_wait": 0,
    }
    return decide("verify", "__verify_can_repair", **{**variables, **more})


def test_where_the_role_peer_is_in_the_play():
    assert can_repair() is True and can_repair("build", "platform") is True
    assert can_repair(ansible_play_role_names=["renderops.vray_swarm.verify"]) is False


@pytest.mark.parametrize(
    "given",
    [
        {"vray_swarm_repair": False},
        # As a survey and the command line give it.
        {"vray_swarm_repair": "false"},
        {"vray_swarm_audit": True},
        {"__vray_swarm_left_busy": True},
        {"busy": RENDER},
        # Once in a run.
        {"__vray_swarm_removed": ["6.20.10-e8197af2"]},
    ],
)
def test_where_not(given):
    assert can_repair(**given) is False


def test_a_render_is_waited_for_where_that_is_wanted():
    assert can_repair(busy=RENDER, vray_swarm_busy_wait=60) is True


HINDRANCES = ["unknown", "share", "signature", "settings", "restart", "service", "api", "directory", "disk"]


@pytest.mark.parametrize("kind", HINDRANCES)
def test_not_where_something_else_keeps_builds_away(kind):
    assert can_repair("build", kind) is False
    # What the role peer sets right is wrong still, where it only says so.
    would = can_repair("build", kind, ansible_check_mode=True)
    assert would is (kind in ("settings", "restart", "service", "api"))


OLD, NEW = "6.20.10-e8197af2", "7.0.6-0a1b2c3d"
VERIFY = "renderops.vray_swarm.verify"


def of_a_play(role, name, pending=None, marks=None, problems=(), **more):
    """With a peer that has one wanted build of two."""
    look = {
        "wanted_builds": [{"name": version, "version": version, "deployed": version == OLD} for version in (OLD, NEW)],
        "differences": [{"kind": "build"}],
    }
    variables = {
        "__vray_swarm_looked": look,
        "__verify_until": 10**9,
        "__verify_now": 0,
        "ansible_play_role_names": [PEER, VERIFY],
        "ansible_check_mode": False,
        "vray_swarm_audit": False,
        "vray_swarm_deploy_wait": 1800,
        "vray_swarm_data_dir": "/d",
        "__verify_pending": {"undeployed": [], "arrived": [], "growing": [], **(pending or {})},
        "__verify_verdict": {
            "problems": list(problems),
            "marks": {"come": [], "whole": [], "gone": [], **(marks or {})},
        },
    }
    return decide(role, name, **{**variables, **more})


def can_wait(*kinds, service="running", **more):
    look = {"differences": [{"kind": kind} for kind in ("build", *kinds)], "service": {"state": service}}
    return of_a_play("verify", "__verify_can_wait", __vray_swarm_looked=look, **more)


def test_a_web_port_that_is_silent_keeps_nobody_from_waiting_while_swarm_runs():
    assert can_wait() is True and can_wait("api") is True
    for state in ("stopped", "failed", "absent", "unknown"):
        assert can_wait("api", service=state) is False
    for kind in set(HINDRANCES) - {"api"}:
        assert can_wait("api", kind) is False
    for given in [*NOBODY_WAITS, {"__verify_until": 0}]:
        assert can_wait("api", **given) is False


NOBODY_WAITS = [{"ansible_check_mode": True}, {"vray_swarm_audit": True}]


def test_marks_change_where_the_run_may_change_the_peer():
    assert of_a_play("verify", "__verify_may_mark") is True
    for given in [*NOBODY_WAITS, {"ansible_play_role_names": [VERIFY]}, {"vray_swarm_data_dir": ""}]:
        assert of_a_play("verify", "__verify_may_mark", **given) is False
    # As with a repair.
    repaired = {"ansible_play_role_names": [VERIFY], "__verify_has_marks": True}
    assert of_a_play("verify", "__verify_may_mark", **repaired) is True


def test_what_swarm_is_to_deploy_is_marked_where_somebody_waits_for_it():
    pending = {"undeployed": [NEW]}
    assert of_a_play("peer", "__peer_undeployed") == of_a_play("verify", "__verify_undeployed", pending) == [NEW]
    for given in [*NOBODY_WAITS, {"vray_swarm_deploy_wait": 0}, {"ansible_play_role_names": [PEER]}]:
        assert of_a_play("peer", "__peer_undeployed", **given) == []
    for given in [*NOBODY_WAITS, {"__verify_until": 0}]:
        assert of_a_play("verify", "__verify_undeployed", pending, **given) == []


def test_what_is_missing_or_was_awaited_or_may_be_growing_is_waited_for():
    there = {"__verify_missing": False}
    assert of_a_play("verify", "__verify_has_to_wait") is True
    assert of_a_play("verify", "__verify_has_to_wait", **there) is False
    for pending in ({"arrived": [OLD]}, {"growing": [OLD]}):
        assert of_a_play("verify", "__verify_has_to_wait", pending, **there) is True
        for given in [*NOBODY_WAITS, {"__verify_until": 0}]:
            assert of_a_play("verify", "__verify_has_to_wait", pending, **there, **given) is False


def test_nobody_waits_long_for_what_only_may_grow():
    """What a render writes into a build never ends."""
    known = {"__verify_left": 1000, "__vray_swarm_still_time": 3, "__verify_missing": False}

    def wait(pending, **more):
        # ansible-core before 2.19 makes a text of it.
        return float(of_a_play("verify", "__verify_wait", pending, **{**known, **more}))

    assert wait({"growing": [OLD]}) == 15 and wait({"growing": [OLD]}, __verify_left=4) == 4
    assert wait({}, __verify_missing=True) == 1000 and wait({"arrived": [OLD]}) == 1000


def test_there_is_more_to_do_where_something_is_wrong_or_a_mark_is():
    assert of_a_play("verify", "__verify_has_more") is False
    assert of_a_play("verify", "__verify_has_more", problems=["It is gone."]) is True
    assert of_a_play("verify", "__verify_marks_change", problems=["It is gone."]) is False
    for marks in ({"come": [OLD]}, {"whole": [OLD]}, {"gone": [OLD]}):
        assert of_a_play("verify", "__verify_has_more", marks=marks) is True
        assert of_a_play("verify", "__verify_marks_change", marks=marks) is True


def test_all_peers_are_known_in_the_last_play_and_where_there_is_one_wave():
    def is_last(*batch, **more):
        known = {"ansible_play_hosts": ["a", "b"], "vray_swarm_repair": True, "vray_swarm_deploy_wait": 60}
        return decide("verify", "__verify_is_last", ansible_play_batch=list(batch), **{**known, **more})

    assert is_last("a", "b") is True and is_last("b") is True and is_last("a") is False
    assert is_last("a", __verify_among=["a", "b"]) is True
    # What is never deployed anew, or never waited for, would be told in each run; and others may have the same.
    for given in ({"vray_swarm_repair": False}, {"vray_swarm_deploy_wait": 0}, {"ansible_limit": "b"}):
        assert is_last("a", "b", **given) is False


def test_each_build_is_removed_once_in_a_run():
    def may_remove(*removed, managed=True):
        known = {"__builds_interrupted": [OLD], "__builds_is_managed": managed, "__builds_removed": list(removed)}
        return decide("builds", "__builds_may_remove", **known)

    assert may_remove() is True and may_remove(NEW) is True
    assert may_remove(OLD) is False and may_remove(managed=False) is False
