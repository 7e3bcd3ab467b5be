# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""settings in a task that is delegated, or names another peer. Its action is the same on all platforms."""

from __future__ import annotations

import pytest

from macos_double.farm import SERVICE

SETTINGS = "renderops.vray_swarm.settings"
# No double has it.
ELSEWHERE = "198.51.100.7"


@pytest.fixture
def other(farm, peer):
    """The host to which a task of mac1 is delegated."""
    farm.variables["mac1"] = {"ansible_host": ELSEWHERE}
    return farm.add("mac2")


@pytest.fixture
def options(other):
    settings = {"allowExecutables": True}
    return {
        "path": str(other.config),
        "service": SERVICE,
        "settings": settings,
        "start_timeout": 5,
        "connect_timeout": 1,
    }


@pytest.mark.parametrize("arguments", [["--check"], []])
@pytest.mark.parametrize("is_delegated", [True, False])
def test_another_hosts_swarm_proves_nothing(farm, peer, other, options, is_delegated, arguments):
    before, host = other.config.read_text(), "mac1" if is_delegated else "mac2"
    task = {"delegate_to": "mac2"} if is_delegated else {}
    given = {} if is_delegated else {"peer": ELSEWHERE}
    failed = farm.task(SETTINGS, {**options, **given}, *arguments, host=host, **task)
    says = f"{host}: path is changed on the host that the task works on, and {ELSEWHERE} is no address of it."
    assert failed.status == "failed" and failed["msg"].startswith(says), failed.data
    assert (failed["changed"], failed["restarted"], failed["rolled_back"]) == (False, False, False)
    assert (other.config.read_text(), other.mac.calls, other.loaded) == (before, [], [SERVICE])


@pytest.mark.parametrize(
    "given", [{"peer": "127.0.0.1"}, {"peer": "localhost", "api_from": "peer"}, {"api_from": "peer"}]
)
def test_a_host_to_which_a_task_is_delegated_is_the_peer_that_is_asked(farm, peer, other, options, given):
    """Where nobody names a peer, a host that is to ask does so at its own address."""
    done = farm.task(SETTINGS, {**options, **given}, host="mac1", delegate_to="mac2")
    assert (done.status, done["restarted"]) == ("changed", True), done.data
    assert other.swarm.store.allow_executables is True and peer.stops == 0


def test_where_no_swarm_is_asked_none_has_to_be_the_one(farm, peer, other, options):
    del options["service"]
    assert farm.task(SETTINGS, options, host="mac1", delegate_to="mac2").status == "changed"
    assert "allowExecutables: true" in other.config.read_text() and other.mac.calls == []


def test_a_task_of_the_controller_can_be_delegated_to_what_is_the_controller(farm, peer):
    options = {"path": str(peer.config), "service": SERVICE, "settings": {"allowExecutables": True}, "start_timeout": 5}
    done = farm.task(SETTINGS, options, host="localhost", delegate_to="mac1")
    assert done.status == "changed" and peer.swarm.store.allow_executables is True, done.data
