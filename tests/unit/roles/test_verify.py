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
