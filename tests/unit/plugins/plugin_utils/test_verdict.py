# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all looks together say of one peer."""

from __future__ import annotations

import pytest

from ansible_collections.renderops.vray_swarm.plugins.filter.less_full_hosts import less_full_hosts
from ansible_collections.renderops.vray_swarm.plugins.filter.usual_builds import usual_builds as of_hosts
from ansible_collections.renderops.vray_swarm.plugins.filter.verdict import verdict as kept_of
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._kept import Build, kept_as
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._verdict import less_full, usual_builds, verdict

VERSION = "6.20.10-e8197af2"
KEY = f"Linux_x86/{VERSION}"


def look(files=100, total=5000, platform="Linux_x86", **more):
    build = {"version": VERSION, "directory": f"/d/VRay/vray-{VERSION}", "files": files, "bytes": total}
    return {
        "platform": platform,
        "builds": [build],
        "differences": [],
        "outlived": [VERSION],
        "interrupted": [],
        "wanted_builds": None,
        "api": {"allow_executables": False},
        **more,
    }


def wanted(name, there=(), version=VERSION):
    """A wanted build, as a look tells it that finds such files in the import directory."""
    build = Build(name, Version.parse(version) if version else None, None)
    facts = {
        "imports": [{"name": file, "bytes": 7} for file in there],
        "import_mount": None,
        "import_dir": "/d/VRay/import",
    }
    return {"name": name, "version": version, "deployed": True, "imported": kept_as(build, facts)}


def difference(kind):
    return {"kind": kind, "message": f"the {kind} differs"}


def test_most_peers_have_it():
    looks = [look(100), look(90), look(100)]
    assert usual_builds(looks) == {KEY: {"files": 100, "bytes": 5000}}
    assert usual_builds(looks[:1]) == {KEY: {"files": 100, "bytes": 5000}}


@pytest.mark.parametrize("counts", [(90, 100), (100, 100, 90, 90), (100, 100, 90, 80)])
def test_half_of_the_peers_are_not_most(counts):
    """An odd file on one of two peers is no fault of the other."""
    assert usual_builds(map(look, counts)) == {}


def test_platforms_are_compared_apart():
    usual = usual_builds([look(100), look(70, platform="Windows_x86")])
    assert sorted(usual) == [KEY, f"Windows_x86/{VERSION}"]


def test_what_nobody_counted_counts_for_nobody():
    assert usual_builds([look(None, None), {"platform": "Linux_x86", "builds": None}]) == {}
    assert less_full(look(None, None), {KEY: {"files": 1, "bytes": 1}}) == {}


@pytest.mark.parametrize(
    "files, total, is_less", [(100, 5000, False), (99, 5000, True), (100, 4999, True), (101, 5001, False)]
)
def test_less_than_most(files, total, is_less):
    found = less_full(look(files, total), {KEY: {"files": 100, "bytes": 5000}})
    assert bool(found) == is_less
    if is_less:
        assert found == {
            VERSION: f"The build {VERSION} has {files} files with {total} bytes in /d/VRay/vray-{VERSION}; on most peers it"
            " has 100 with 5000. The playbook renderops.vray_swarm.repair has it deployed anew."
        }


def test_a_path_is_no_template():
    """ansible-core 2.16 evaluates a text that is not marked; later ones evaluate only what is."""
    marked = pytest.importorskip("ansible.utils.unsafe_proxy").wrap_var("x")
    found = less_full(look(1), {KEY: {"files": 100, "bytes": 5000}})
    assert isinstance(found[VERSION], type(marked))


def test_what_was_deployed_anew_is_not_to_be_repaired_once_more():
    """Who reads this shall look elsewhere."""
    told = less_full(look(1), {KEY: {"files": 100, "bytes": 5000}}, [VERSION])[VERSION]
    assert "repair" not in told and "This run has removed it, and Swarm deployed it so again" in told
    usual = {KEY: {"files": 100, "bytes": 5000}}
    assert (
        verdict(look(1), usual, False, [VERSION])["problems"]
        == [told]
        == kept_of(look(1), usual, False, [VERSION])["less_full"]
    )
    assert "repair" in verdict(look(1), usual, False, ["7.0.0-0a1b2c3d"])["problems"][0]


@pytest.mark.parametrize(
    "name, there, importable",
    [
        ("vray.tar", "vray.tar", [VERSION]),
        ("vray.tar", "other.tar", []),
        ("vray.tar", f"{VERSION}.tar", [VERSION]),
        (None, "vray.tar", []),
    ],
)
def test_what_swarm_deploys_again_by_itself(name, there, importable):
    it = look(1, 50, wanted_builds=[wanted(name, [there])] if name else None)
    assert verdict(it, {KEY: {"files": 100, "bytes": 5000}}, False)["importable"] == importable
    assert verdict(it, {}, False)["importable"] == []


def test_what_swarm_keeps_under_another_name_it_deploys_again_as_well():
    build = {"name": "vray.tar", "version": VERSION, "deployed": True, "imported": "0b1f.upload"}
    it = look(1, 50, wanted_builds=[build])
    assert verdict(it, {KEY: {"files": 100, "bytes": 5000}}, False)["importable"] == [VERSION]


@pytest.mark.parametrize("version, damaged", [(VERSION, [VERSION]), ("7.0.0-0a1b2c3d", []), (None, [])])
def test_what_nobody_would_deploy_again_is_not_to_be_repaired(version, damaged):
    it = look(1, 50, wanted_builds=[wanted("vray.tar", version=version)])
    found = verdict(it, {KEY: {"files": 100, "bytes": 5000}}, False)
    assert len(found["less_full"]) == 1 and found["damaged"] == damaged


@pytest.mark.parametrize(
    "total, outlived, strict, is_half",
    [
        (4949, [VERSION], False, True),
        # Some files that a render left in the builds of the others.
        (4950, [VERSION], False, False),
        (4950, [VERSION], True, True),
        # The Swarm that runs has deployed it so, and would again.
        (50, [], False, False),
        (50, [], True, True),
    ],
)
def test_what_swarm_cannot_have_been_killed_with_is_told_and_no_half(total, outlived, strict, is_half):
    it = look(1, total, outlived=outlived, wanted_builds=[wanted("vray.tar", ["vray.tar"])])
    found = kept_of(it, {KEY: {"files": 100, "bytes": 5000}}, strict=strict)
    assert found["state"] == "wrong" and found["problems"] == found["less_full"] != []
    assert found["in_part"] == found["less_full"] * is_half
    assert found["damaged"] == found["importable"] == [VERSION] * is_half


def half(version=VERSION):
    return {"kind": "half", "want": version, "message": f"{version} may be a half"}


def test_what_swarm_was_killed_with_is_in_doubt():
    """However full it is: of one peer alone nobody else tells."""
    name = f"vray-{VERSION}.tar"
    killed = look(interrupted=[VERSION], differences=[half()], wanted_builds=[wanted(name)])
    assert usual_builds([killed]) == {}
    judged = verdict(killed, {}, False)
    told = [judged[name] for name in ("in_part", "damaged", "importable", "less_full", "full")]
    assert told == [[half()["message"]], [VERSION], [], [], []] and judged["problems"] == [half()["message"]]
    assert verdict({**killed, "wanted_builds": [wanted(name, [name])]}, {}, False)["importable"] == [VERSION]
    # It waits for the end of a render.
    assert verdict(killed, {}, True)["state"] == "busy"
    # What nobody heard of, the playbook upload sees to.
    judged = verdict({**killed, "interrupted": []}, {}, False)
    assert (judged["in_part"], judged["damaged"], judged["state"]) == ([], [], "wrong")


@pytest.mark.parametrize("files, is_full", [(100, True), (99, False), (None, False)])
def test_what_others_have_as_well_is_no_half(files, is_full):
    """Swarm was started anew when it had the build, and before anybody saw it."""
    usual = usual_builds([look(), look()])
    judged = verdict(look(files, interrupted=[VERSION], differences=[half()]), usual, False)
    assert judged["full"] == [VERSION] * is_full
    assert (judged["state"], judged["in_part"] == []) == (("ok", True) if is_full else ("wrong", False))
    # One sentence for each.
    assert len(judged["in_part"]) == (not is_full)


def test_a_build_that_nobody_else_has():
    assert less_full(look(), {}) == {}


def test_a_right_peer():
    assert verdict(look(), {}, False) == {
        "state": "ok",
        "problems": [],
        "less_full": [],
        "in_part": [],
        "damaged": [],
        "importable": [],
        "full": [],
        "interrupted": [],
        "platform": "Linux_x86",
        "builds": look()["builds"],
        "allow_executables": False,
    }


def test_a_wrong_peer():
    found = verdict(look(1, differences=[difference("share")]), {KEY: {"files": 100, "bytes": 5000}}, False)
    assert found["state"] == "wrong"
    assert found["problems"] == ["the share differs", *found["less_full"]] and len(found["less_full"]) == 1


@pytest.mark.parametrize("kind", ["settings", "restart", "service", "build", "disk"])
def test_what_waits_for_the_end_of_a_render(kind):
    there = look(differences=[difference(kind)])
    assert verdict(there, {}, True)["state"] == "busy"
    assert verdict(there, {}, True)["problems"] == [f"the {kind} differs"]
    assert verdict(there, {}, False)["state"] == "wrong"


def test_what_a_render_is_no_excuse_for():
    found = verdict(look(differences=[difference("build"), difference("share")]), {}, True)
    assert (found["state"], found["problems"]) == ("wrong", ["the share differs", "the build differs"])


def test_a_busy_peer_that_is_right():
    assert verdict(look(), {}, True)["state"] == "busy"


def test_which_hosts_count():
    """Those of this wave by their look; those of earlier ones by what was kept, unless it is of an earlier run."""
    kept = kept_of(look(20), {})
    hosts = {
        "looked": {"__vray_swarm_looked": look(10)},
        "second": {"__vray_swarm_looked": look(20)},
        "verified": {"__vray_swarm_looked": None, "vray_swarm_verified": kept},
        "earlier": {"vray_swarm_verified": dict(kept, run="another")},
        "unknown": {},
        "skipped": {"__vray_swarm_looked": {"skipped": True}},
    }

    def files(*names):
        return of_hosts(hosts, names).get(KEY, {}).get("files")

    assert [files(name) for name in hosts] == [10, 20, 20, None, None, None]
    assert files(*hosts) == 20


def test_what_turned_out_to_be_less_full_than_on_most_peers():
    """Nobody could tell when it was verified; what was told then is not told again."""
    hosts = {
        "first": {"vray_swarm_verified": kept_of(look(10), {})},
        "told": {"vray_swarm_verified": kept_of(look(10), {KEY: {"files": 20, "bytes": 5000}})},
        **{name: {"vray_swarm_verified": kept_of(look(20), {})} for name in ("a", "b", "c")},
        "earlier": {"vray_swarm_verified": dict(kept_of(look(5), {}), run="another")},
        "unknown": {},
    }
    assert less_full_hosts(hosts, [*hosts, "not in the inventory"]) == ["first"]
    assert less_full_hosts(hosts, ["first", "told", "a"]) == []
    # As where a playbook is only listed.
    assert less_full_hosts({}, ["first"]) == []


def test_what_is_named_is_deployed_anew_where_it_is():
    has_it = look(wanted_builds=[wanted("vray.tar", ["vray.tar"])])
    named = kept_of(has_it, {}, redeploy=[VERSION, "7.0.6-df715d3c8ff9"])
    (told,) = named["in_part"]
    assert told == f"The build {VERSION} in /d/VRay/vray-{VERSION} is to be deployed anew, as vray_swarm_redeploy says."
    assert (named["damaged"], named["importable"]) == ([VERSION], [VERSION])
    # It is nothing that is wrong with the peer, and stays where nobody would bring it back.
    assert (named["state"], named["problems"], named["less_full"]) == ("ok", [], [])
    assert kept_of(look(), {}, redeploy=[VERSION])["damaged"] == []
    assert kept_of(has_it, {}, redeploy=["7.0.6-df715d3c8ff9"])["in_part"] == []
