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


def of_a_play(role, name, awaited=(), interrupted=(), **more):
    """With a peer that has one wanted build of two."""
    look = {
        "wanted_builds": [{"name": version, "version": version, "deployed": version == OLD} for version in (OLD, NEW)],
        "differences": [{"kind": "build"}],
        "awaited": list(awaited),
        "interrupted": list(interrupted),
        "outlived": [],
        "seen": [],
        "seen_all": False,
        "busy": None,
        "builds": [{"version": OLD}],
        "import_shared": None,
        "errors": {},
        "settled": True,
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
        "__verify_verdict": {"full": [], "unmarked": []},
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


def test_what_swarm_is_to_deploy_is_marked_where_somebody_waits_for_it():
    assert of_a_play("peer", "__peer_undeployed") == of_a_play("verify", "__verify_undeployed") == [NEW]
    assert of_a_play("verify", "__verify_undeployed", awaited=[NEW]) == []
    for given in [*NOBODY_WAITS, {"vray_swarm_deploy_wait": 0}, {"ansible_play_role_names": [PEER]}]:
        assert of_a_play("peer", "__peer_undeployed", **given) == []
    for given in [*NOBODY_WAITS, {"__verify_until": 0}, {"ansible_play_role_names": [VERIFY]}]:
        assert of_a_play("verify", "__verify_undeployed", **given) == []


def test_the_mark_of_what_is_wanted_and_whole_goes():
    assert of_a_play("verify", "__verify_come", awaited=[OLD, NEW, "8.0.0-abc"]) == [OLD]
    assert of_a_play("verify", "__verify_come", awaited=[OLD], interrupted=[OLD]) == []
    full = {"__verify_verdict": {"full": [OLD], "unmarked": []}}
    assert of_a_play("verify", "__verify_come", awaited=[OLD], interrupted=[OLD], **full) == [OLD]
    assert of_a_play("verify", "__verify_come", **full) == []
    for given in [*NOBODY_WAITS, {"ansible_play_role_names": [VERIFY]}]:
        assert of_a_play("verify", "__verify_come", awaited=[OLD], **given) == []


def seeing(name, look, **more):
    """With a peer that imports from a share, and has one build."""
    shared = {
        "wanted_builds": [],
        "awaited": [],
        "interrupted": [],
        "outlived": [],
        "import_shared": "it is",
        "seen": [],
        "seen_all": True,
        "busy": [],
        "errors": {},
    }
    facts = {**shared, "builds": [{"version": OLD}], **look}
    return of_a_play("verify", name, __vray_swarm_looked=facts, **more)


def test_what_may_be_growing_is_looked_at_until_it_is_not():
    assert seeing("__verify_may_grow", {}) == [OLD] == seeing("__verify_may_grow", {"busy": None})
    others = ({"seen": [OLD]}, {"outlived": [OLD]}, {"outlived": None}, {"import_shared": None}, {"builds": None})
    # What a render writes there never ends.
    for look in (*others, {"busy": RENDER}):
        assert seeing("__verify_may_grow", look) == []
    for given in [*NOBODY_WAITS, {"ansible_play_role_names": [VERIFY]}]:
        assert seeing("__verify_may_grow", {}, **given) == []


def test_nobody_waits_long_for_what_only_may_grow():
    """What a render writes into a build never ends."""
    known = {"__verify_left": 1000, "__vray_swarm_still_time": 3}

    def wait(look, **more):
        # ansible-core before 2.19 makes a text of it.
        return float(seeing("__verify_wait", look, **{**known, **more}))

    assert wait({"differences": []}) == 15 and wait({"differences": []}, __verify_left=4) == 4
    assert wait({"differences": [{"kind": "build"}]}) == 1000
    come = {"differences": [], "awaited": [OLD], "wanted_builds": [{"version": OLD, "deployed": True}]}
    assert wait(come) == 1000


def test_the_mark_of_what_is_no_longer_there_goes():
    assert seeing("__verify_gone", {"seen": [OLD, NEW]}) == [NEW]
    assert seeing("__verify_gone", {"seen": [OLD], "import_shared": None}) == ["peer"]
    assert seeing("__verify_gone", {"seen_all": False, "import_shared": None}) == []
    assert seeing("__verify_gone", {"seen": [NEW], "builds": [], "errors": {"data_dir": "gone"}}) == []
    for given in [*NOBODY_WAITS, {"ansible_play_role_names": [VERIFY]}]:
        assert seeing("__verify_gone", {"seen": [NEW]}, **given) == []


def test_what_was_seen_whole_is_marked_where_it_is_known_where():
    verdict = {"full": [], "unmarked": [OLD]}
    assert seeing("__verify_seen", {}, __verify_verdict=verdict) == [OLD]
    for given in [*NOBODY_WAITS, {"ansible_play_role_names": [VERIFY]}, {"vray_swarm_data_dir": ""}]:
        assert seeing("__verify_seen", {}, __verify_verdict=verdict, **given) == []


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
