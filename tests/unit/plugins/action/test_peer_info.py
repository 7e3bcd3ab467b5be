# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is not waited for any longer, and what is told of wanted builds."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible.plugins.action")

from ansible_collections.renderops.vray_swarm.plugins.action.peer_info import _GONE_AFTER, _Gone
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._wanted import Wanted


def facts(missing, there=(), errors=()):
    return {
        "differences": [{"kind": "build", "subject": name} for name in missing],
        "imports": [{"name": name} for name in there],
        "errors": dict.fromkeys(errors, "why"),
    }


def test_a_build_that_stays_away_is_given_up():
    gone = _Gone({"a"})
    assert not gone.are_all(facts("a"), 100)
    assert not gone.are_all(facts("a"), 99 + _GONE_AFTER)
    assert gone.are_all(facts("a"), 100 + _GONE_AFTER)


def test_a_build_that_comes_back_is_waited_for():
    gone = _Gone({"a"})
    gone.are_all(facts("a"), 100)
    assert not gone.are_all(facts("a", there="a"), 101)
    assert not gone.are_all(facts("a"), 101 + _GONE_AFTER)


@pytest.mark.parametrize("later", [facts("ab"), facts("a", errors=["import_dir"])])
def test_others_are_waited_for(later):
    gone = _Gone({"a"})
    gone.are_all(later, 100)
    assert not gone.are_all(later, 100 + _GONE_AFTER)


def wanted(*builds):
    given = [{"version": None, "bytes": None, "platform": None, "queued": False, **build} for build in builds]
    options = {
        "settings": {},
        "absent": [],
        "share": None,
        "known": [],
        "only": False,
        "disk_factor": 3,
        "builds": given,
    }
    return Wanted(options)


def test_what_is_told_of_wanted_builds():
    names = ({"name": "/b/vray-6.020.10-e8197af2.tar", "queued": True}, {"name": "x.tar"}, {"name": "y-7.0.6-e8197af2"})
    look = {"builds": [{"version": "6.20.10-e8197af2"}], "errors": {}, "platform": None}
    assert wanted(*names).queued == {"vray-6.020.10-e8197af2.tar"}
    told = wanted(*names).told(look, "/d")
    assert [(build["version"], build["deployed"]) for build in told] == [
        ("6.20.10-e8197af2", True),
        (None, None),
        ("7.0.6-e8197af2", False),
    ]
    assert [build["deployed"] for build in wanted(*names).told(look, None)] == [None, None, None]
