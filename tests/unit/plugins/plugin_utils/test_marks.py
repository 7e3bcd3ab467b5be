# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which marks a peer lacks, and which are no longer true."""

from __future__ import annotations

import pytest

from ansible_collections.renderops.vray_swarm.plugins.filter.pending_builds import pending_builds
from ansible_collections.renderops.vray_swarm.plugins.filter.verdict import verdict
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _marks

OLD, NEW = "6.20.10-e8197af2", "7.0.6-0a1b2c3d"
RENDER = [{"pid": 4711, "executable": "/d/VRay/vray-6.0.0-aaaaaaaa/bin/vray"}]


def uploaded(**more):
    """A look at a peer that has one wanted build of two."""
    return {
        "wanted_builds": [{"version": version, "deployed": version == OLD} for version in (OLD, NEW)],
        "awaited": [],
        "interrupted": [],
        "outlived": [],
        "seen": [],
        "seen_all": False,
        "busy": None,
        "builds": [{"version": OLD}],
        "import_shared": None,
        "errors": {},
        "settled": True,
        **more,
    }


def shared(**more):
    """A look at a peer that has one build of a share."""
    return uploaded(**{"wanted_builds": [], "import_shared": "it is", "seen_all": True, "busy": [], **more})


def test_what_is_to_be_deployed_and_has_no_mark_yet():
    assert _marks.undeployed(uploaded()) == [NEW] and _marks.undeployed(uploaded(awaited=[NEW])) == []
    # Where the version, or what is deployed, is not known, there is nothing to mark.
    for build in ({"version": None, "deployed": None}, {"version": NEW, "deployed": None}):
        assert _marks.undeployed(uploaded(wanted_builds=[build])) == []
    assert _marks.undeployed(uploaded(wanted_builds=None)) == []


def test_what_was_awaited_has_come_with_the_swarm_that_runs():
    awaited = [OLD, NEW, "8.0.0-abc"]
    assert _marks.arrived(uploaded(awaited=awaited)) == _marks.come(uploaded(awaited=awaited), []) == [OLD]
    for look in (uploaded(), uploaded(awaited=[OLD], interrupted=[OLD]), uploaded(awaited=[OLD], wanted_builds=None)):
        assert _marks.arrived(look) == _marks.come(look, []) == []


@pytest.mark.parametrize("settled", [False, None])
def test_what_may_change_has_not_come_yet(settled):
    look = uploaded(awaited=[OLD], settled=settled)
    assert _marks.arrived(look) == [OLD] and _marks.come(look, []) == []
    # Others have as much of it.
    assert _marks.come(look, [OLD]) == [OLD]


def test_what_swarm_may_have_been_killed_with_has_come_where_others_have_as_much():
    assert _marks.come(uploaded(awaited=[OLD], interrupted=[OLD]), [OLD]) == [OLD]
    # Once is enough; and what has no mark, has none to lose.
    assert _marks.come(uploaded(awaited=[OLD]), [OLD, NEW]) == [OLD] and _marks.come(uploaded(), [OLD]) == []


def test_what_may_be_growing():
    assert _marks.growing(shared()) == [OLD] == _marks.growing(shared(busy=None))
    others = ({"seen": [OLD]}, {"outlived": [OLD]}, {"outlived": None}, {"import_shared": None}, {"builds": None})
    # What a render writes there never ends.
    for look in (*others, {"busy": RENDER}):
        assert _marks.growing(shared(**look)) == []


def test_the_mark_of_what_is_no_longer_there_goes():
    assert _marks.gone(shared(seen=[OLD, NEW])) == [NEW] and _marks.gone(shared(seen=[OLD])) == []
    assert _marks.gone(shared(seen=[OLD], import_shared=None)) == ["peer"]
    assert _marks.gone(shared(seen_all=False, import_shared=None)) == []
    assert _marks.gone(shared(seen=[NEW], builds=[], errors={"data_dir": "gone"})) == []


def test_nothing_is_pending_where_nobody_marks_anything():
    look = shared(wanted_builds=uploaded()["wanted_builds"], awaited=[OLD])
    assert pending_builds(look) == {"undeployed": [NEW], "arrived": [OLD], "growing": [OLD]}
    assert pending_builds(look, may_mark=False) == {"undeployed": [], "arrived": [], "growing": []}


def test_no_mark_changes_where_nobody_marks_anything():
    seen = {"version": OLD, "directory": "/d", "files": 1, "bytes": 9}
    known = {"platform": "Linux_x86", "differences": [], "unseen": [], "api": {"allow_executables": False}}
    look = shared(**known, builds=[seen], seen=[NEW], seen_all=False)
    assert verdict(look, {})["marks"] == {"come": [], "whole": [OLD, "peer"], "gone": [NEW]}
    assert verdict(look, {}, may_mark=False)["marks"] == {"come": [], "whole": [], "gone": []}
