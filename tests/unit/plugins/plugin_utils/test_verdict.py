# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all looks together say of one peer."""

from __future__ import annotations

import pytest

from ansible_collections.renderops.vray_swarm.plugins.filter.doubtful_hosts import doubtful_hosts
from ansible_collections.renderops.vray_swarm.plugins.filter.usual_builds import usual_builds as of_hosts
from ansible_collections.renderops.vray_swarm.plugins.filter.verdict import verdict as kept_of
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._kept import Build, kept_as
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._usual import less_full, usual_builds
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._verdict import verdict

VERSION = "6.20.10-e8197af2"
KEY = f"Linux_x86/{VERSION}"


def look(files=100, total=5000, platform="Linux_x86", **more):
    build = {"version": VERSION, "directory": f"/d/VRay/vray-{VERSION}", "files": files, "bytes": total}
    return {
        "platform": platform,
        "builds": [build],
        "differences": [],
        "outlived": [VERSION],
        "awaited": [],
        "interrupted": [],
        "seen": [VERSION],
        "seen_all": True,
        "unseen": [],
        "import_shared": None,
        "busy": None,
        "errors": {},
        "wanted_builds": None,
        "api": {"allow_executables": False},
        **more,
    }


def wanted(name, there=(), version=VERSION, unpacked_size=None):
    """A wanted build, as a look tells it that finds such files in the import directory."""
    build = Build(name, Version.parse(version) if version else None, None)
    facts = {
        "imports": [{"name": file, "bytes": 7} for file in there],
        "import_mount": None,
        "import_dir": "/d/VRay/import",
    }
    imported = kept_as(build, facts)
    return {
        "name": name,
        "version": version,
        "deployed": True,
        "imported": imported,
        "unpacked_size": unpacked_size,
    }


def difference(kind):
    return {"kind": kind, "message": f"the {kind} differs"}


def test_most_peers_have_it():
    looks = [look(100), look(90), look(100)]
    assert usual_builds(looks) == {
        KEY: {"files": 100, "bytes": 5000, "outvoted": False, "agreed": [[100, 5000], [90, 5000]]}
    }
    assert usual_builds(looks[:1]) == {KEY: {"files": 100, "bytes": 5000, "outvoted": False, "agreed": [[100, 5000]]}}


@pytest.mark.parametrize("counts", [(90, 100), (100, 100, 90, 90), (100, 100, 90, 80)])
def test_half_of_the_peers_are_not_most(counts):
    """An odd file on one of two peers is no fault of the other."""
    usual = usual_builds(map(look, counts))
    assert usual[KEY]["bytes"] is None and less_full(look(1), usual) == {}


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
    found = less_full(look(files, total), {KEY: {"files": 100, "bytes": 5000, "outvoted": False}})
    assert bool(found) == is_less
    if is_less:
        assert found == {
            VERSION: f"The build {VERSION} has {files} files with {total} bytes in /d/VRay/vray-{VERSION}; on most peers it"
            " has 100 with 5000. The playbook renderops.vray_swarm.repair has it deployed anew."
        }


def test_a_path_is_no_template():
    """ansible-core 2.16 evaluates a text that is not marked; later ones evaluate only what is."""
    marked = pytest.importorskip("ansible.utils.unsafe_proxy").wrap_var("x")
    found = less_full(look(1), {KEY: {"files": 100, "bytes": 5000, "outvoted": False}})
    assert isinstance(found[VERSION], type(marked))


def test_what_was_deployed_anew_is_not_to_be_repaired_once_more():
    """Who reads this shall look elsewhere."""
    told = less_full(look(1), {KEY: {"files": 100, "bytes": 5000, "outvoted": False}}, [VERSION])[VERSION]
    assert "repair" not in told and "This run has removed it, and Swarm deployed it so again" in told
    usual = {KEY: {"files": 100, "bytes": 5000, "outvoted": False}}
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
    assert verdict(it, {KEY: {"files": 100, "bytes": 5000, "outvoted": False}}, False)["importable"] == importable
    assert verdict(it, {}, False)["importable"] == []


def test_what_swarm_keeps_under_another_name_it_deploys_again_as_well():
    build = {"name": "vray.tar", "version": VERSION, "deployed": True, "imported": "0b1f.upload"}
    it = look(1, 50, wanted_builds=[build])
    assert verdict(it, {KEY: {"files": 100, "bytes": 5000, "outvoted": False}}, False)["importable"] == [VERSION]


@pytest.mark.parametrize("version, damaged", [(VERSION, [VERSION]), ("7.0.0-0a1b2c3d", []), (None, [])])
def test_what_nobody_would_deploy_again_is_not_to_be_repaired(version, damaged):
    it = look(1, 50, wanted_builds=[wanted("vray.tar", version=version)])
    found = verdict(it, {KEY: {"files": 100, "bytes": 5000, "outvoted": False}}, False)
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
    found = kept_of(it, {KEY: {"files": 100, "bytes": 5000, "outvoted": False}}, strict=strict)
    assert found["state"] == "wrong" and found["problems"] == found["less_full"] != []
    assert found["in_part"] == found["less_full"] * is_half
    assert found["damaged"] == found["importable"] == [VERSION] * is_half


def half(version=VERSION):
    return {"kind": "half", "want": version, "message": f"{version} may be a half"}


def test_what_swarm_was_killed_with_is_in_doubt():
    """However full it is: of one peer alone nobody else tells."""
    name = f"vray-{VERSION}.tar"
    killed = look(interrupted=[VERSION], seen=[], differences=[half()], wanted_builds=[wanted(name)])
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
    assert verdict(look(import_shared="it is"), {}, False) == {
        "state": "ok",
        "problems": [],
        "less_full": [],
        "in_part": [],
        "damaged": [],
        "importable": [],
        "full": [],
        "interrupted": [],
        "unseen": [],
        "undecided": [],
        "seen": [VERSION],
        "marks": {"come": [], "whole": [], "gone": []},
        "platform": "Linux_x86",
        "builds": look()["builds"],
        "allow_executables": False,
    }


def test_a_wrong_peer():
    found = verdict(
        look(1, differences=[difference("share")]), {KEY: {"files": 100, "bytes": 5000, "outvoted": False}}, False
    )
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
        "told": {"vray_swarm_verified": kept_of(look(10), {KEY: {"files": 20, "bytes": 5000, "outvoted": False}})},
        **{name: {"vray_swarm_verified": kept_of(look(20), {})} for name in ("a", "b", "c")},
        "earlier": {"vray_swarm_verified": dict(kept_of(look(5), {}), run="another")},
        "unknown": {},
    }
    assert doubtful_hosts(hosts, [*hosts, "not in the inventory"]) == ["first"]
    assert doubtful_hosts(hosts, ["first", "told", "a"]) == []
    # As where a playbook is only listed.
    assert doubtful_hosts({}, ["first"]) == []


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


NAME = f"vray-{VERSION}.tar"
SHARED = "it lies on a mount"


def taken(files=100, total=5000, **more):
    """A build that Swarm has taken from a share, and that no run has seen whole."""
    facts = {"seen": [], "unseen": [VERSION], "import_shared": SHARED, "wanted_builds": [wanted(NAME, [NAME])]}
    return look(files, total, **{**facts, **more})


def new(files=100, total=5000, settled=None):
    """A build that the Swarm of now has deployed, at first sight."""
    more = {} if settled is None else {"settled": settled}
    return look(files, total, seen=[], seen_all=False, outlived=[], import_shared=SHARED, **more)


def test_what_no_run_has_seen_whole_and_nobody_else_has_is_in_doubt():
    assert usual_builds([taken()]) == {}
    judged = verdict(taken(), {}, False)
    (told,) = judged["problems"]
    assert told == (
        f"The build {VERSION} in /d/VRay/vray-{VERSION} may be a half: Swarm has ended since its directory was made, no run of"
        " renderops.vray_swarm.distribute has seen it whole, and no other peer of this run has the same. That playbook, or"
        " renderops.vray_swarm.repair, has it deployed anew."
    )
    assert (judged["state"], judged["in_part"], judged["importable"]) == ("wrong", [told], [VERSION])
    assert (judged["unseen"], judged["undecided"], judged["marks"]["whole"]) == ([VERSION], [], [])


def test_what_may_be_a_half_waits_for_the_end_of_a_render():
    for is_busy, busy in ((True, None), (False, [{"pid": 1}])):
        judged = verdict(taken(busy=busy), {}, is_busy)
        assert (judged["state"], len(judged["problems"])) == ("busy", 1)


def test_nobody_is_told_before_all_peers_are_known():
    judged = kept_of(taken(), {}, last=False)
    assert (judged["state"], judged["in_part"], judged["undecided"]) == ("ok", [], [VERSION])
    hosts = {"a": judged, "told": kept_of(taken(), {}), "right": kept_of(look(), {})}
    variables = {name: {"vray_swarm_verified": kept} for name, kept in hosts.items()}
    assert doubtful_hosts(variables, hosts) == ["a"]
    # Where peers were left out, it stays so.
    assert doubtful_hosts(variables, hosts, False) == []


def test_what_nobody_would_bring_back_or_could_count_is_not_torn_down():
    for other in (taken(wanted_builds=[]), taken(wanted_builds=[wanted(NAME)]), taken(None, None)):
        judged = verdict(other, {}, False)
        assert (judged["state"], judged["in_part"], judged["undecided"]) == ("ok", [], [])


@pytest.mark.parametrize(
    "others, is_whole",
    [
        # Swarm has taken it on all of them, and was started anew.
        ([taken()], True),
        ([look()], True),
        ([new(settled=True)], True),
        ([taken(60), taken(70), look()], True),
        # Nobody has more than half of them.
        ([taken(), taken(60), taken(70)], True),
        ([taken(), look(101), look(102), look(103)], True),
        ([taken(60), taken(70)], False),
        # Two halves are no more than one.
        ([taken(60)], False),
        # It is growing there, or nobody knows.
        ([new(60, settled=False)], False),
        ([new(60)], False),
        ([look(60, seen=[], seen_all=False)], False),
        ([look(60, seen=[], outlived=None, settled=True)], False),
    ],
)
def test_who_tells_that_it_is_whole(others, is_whole):
    for looks in ([taken(), *others], [*others, taken()]):
        # Those of earlier waves by what was kept.
        kept = [kept_of(other, {}, last=False) for other in looks]
        for usual in (usual_builds(looks), usual_builds(kept)):
            judged = verdict(taken(), usual, False)
            assert (judged["state"] == "ok", judged["in_part"] == []) == (is_whole, is_whole)
            assert judged["full"] == judged["marks"]["whole"] == [VERSION] * is_whole


def test_two_halves_of_which_nothing_is_on_the_disk_are_no_whole():
    halves = [taken(1, 0), taken(1, 0)]
    assert usual_builds(halves) == {} and verdict(halves[0], {}, False)["importable"] == [VERSION]


PACKED = [wanted(NAME, [NAME], unpacked_size=5000)]


def first(files=60, total=3000, **more):
    """A build that an earlier Swarm has taken, and that has less than its archive, at first sight."""
    return taken(files, total, **{"seen_all": False, "wanted_builds": PACKED, **more})


def test_what_has_less_than_its_archive_is_in_doubt_at_first_sight_too():
    assert usual_builds([first()]) == {}
    judged = verdict(first(), {}, False)
    (told,) = judged["problems"]
    assert "has the same; it has 3000 bytes, and its archive unpacks to 5000. That playbook" in told
    assert (judged["state"], judged["in_part"], judged["importable"]) == ("wrong", [told], [VERSION])
    # It stays first sight until somebody tells.
    assert judged["marks"]["whole"] == verdict(first(), {}, False, last=False)["marks"]["whole"] == []
    assert verdict(first(), {}, False, last=False)["undecided"] == [VERSION]
    assert verdict(first(unseen=[]), {}, False)["marks"]["whole"] == [VERSION, "peer"]
    # Nothing comes of what nobody would deploy again.
    gone = verdict(first(wanted_builds=[wanted(NAME, unpacked_size=5000)]), {}, False)
    assert (gone["state"], gone["importable"], gone["marks"]["whole"]) == ("ok", [], ["peer"])


def test_what_one_peer_has_ends_no_doubt_as_long_as_more_peers_may_tell():
    """Else the half of a later wave would be marked as whole: as the last one but for a peer that has no such build."""
    sure = look(100, 5000, import_shared=SHARED)
    for last in (False, True):
        judged = verdict(first(), usual_builds([sure, first()]), False, last=last)
        assert (judged["undecided"] == [VERSION], judged["importable"] == [VERSION]) == (not last, last)
        assert judged["marks"]["whole"] == (["peer"] if last else [])


def test_what_comes_while_it_stays_first_sight_is_not_what_was_there_before():
    other = {"version": "7.0.6-df715d3c8ff9", "directory": "/d", "files": 1, "bytes": 7}
    half = first(unseen=[VERSION], outlived=[VERSION, other["version"]])
    half["builds"].append(other)
    assert verdict(half, {}, False, last=False)["marks"]["whole"] == []
    half.update(outlived=[VERSION], settled=True)
    assert verdict(half, {}, False, last=False)["marks"]["whole"] == [other["version"]]


def test_what_could_not_be_counted_was_not_seen():
    it = first(None, None, unseen=[], errors={"build_sizes": "not readable"})
    assert verdict(it, {}, False)["marks"]["whole"] == []


def test_a_build_that_has_more_than_its_archive_is_not_said_to_have_less():
    (told,) = verdict(taken(101, 5001, wanted_builds=PACKED), {}, False)["problems"]
    assert "archive" not in told


def test_what_others_have_tells_more_than_an_archive_of_which_swarm_need_not_unpack_all():
    """A render has left a file in each of most peers: no Swarm is stopped for that when the farm is first seen."""
    farm = [first(100, 4800)] * 6 + [first(99, 4799)] * 4
    for _run in range(2):
        usual = usual_builds(farm)
        judged = [verdict(peer, usual, False) for peer in farm]
        assert [verdict["importable"] for verdict in judged] == [[]] * 10
        assert [bool(verdict["less_full"]) for verdict in judged] == [False] * 6 + [True] * 4
        assert all(verdict["seen"] == [VERSION] for verdict in judged)
        assert all("peer" in verdict["marks"]["whole"] or peer["seen_all"] for verdict, peer in zip(judged, farm))
        farm = [{**peer, "seen": [VERSION], "seen_all": True, "unseen": []} for peer in farm]
    # Nor when one of them was seen before the others.
    assert verdict(first(99, 4799), usual_builds([]), False, last=False)["marks"]["whole"] == []
    half = verdict(first(50, 2000), usual_builds(farm), False)
    assert (half["importable"], half["marks"]["whole"]) == ([VERSION], ["peer"])


def test_what_just_has_what_its_archive_has_may_be_a_half():
    """The power may have failed before it was on the disk, or Swarm before it had done the rest."""
    whole = taken(wanted_builds=PACKED)
    assert verdict(whole, usual_builds([whole]), False)["importable"] == [VERSION]
    killed = look(interrupted=[VERSION], seen=[], differences=[half()], wanted_builds=PACKED)
    assert verdict(killed, {}, False)["importable"] == [VERSION]


@pytest.mark.parametrize("lesser", [taken(60, 3000), taken(99, 4999)])
def test_one_peer_that_was_seen_whole_is_enough_to_tell_a_half(lesser):
    """Also one that lacks little: a Swarm may be killed at the end."""
    usual = usual_builds([lesser, look()])
    judged = verdict(lesser, usual, False)
    assert judged["in_part"] == judged["less_full"] != [] and judged["importable"] == [VERSION]
    assert verdict(look(), usual, False)["state"] == "ok"
    # A render may have left a file there, and all others of later waves have the same.
    judged = verdict(lesser, usual, False, last=False)
    assert (judged["state"], judged["in_part"], judged["full"], judged["undecided"]) == ("ok", [], [], [VERSION])
    # What was never in doubt is another matter: a render may have left a file on the other one.
    assert verdict(look(99), usual_builds([look(99), look()]), False)["state"] == "ok"
    assert verdict(new(99), usual_builds([new(99), look()]), False)["state"] == "ok"


@pytest.mark.parametrize(
    "given, marks",
    [
        # At first sight, all that is there.
        ({"outlived": [VERSION]}, [VERSION, "peer"]),
        ({"outlived": [], "settled": True}, [VERSION, "peer"]),
        # A directory that Swarm has only made yet.
        ({"outlived": [], "settled": True, "builds": look(0, 0)["builds"]}, ["peer"]),
        ({"outlived": [], "settled": True, "builds": look(None, None)["builds"]}, ["peer"]),
        # It may be growing.
        ({"outlived": [], "settled": False}, []),
        ({"outlived": []}, []),
        ({"outlived": [VERSION], "interrupted": [VERSION]}, ["peer"]),
        ({"builds": []}, ["peer"]),
        ({"builds": None}, []),
        ({"builds": [], "errors": {"data_dir": "not there"}}, []),
        # Nobody knows.
        ({"outlived": None, "settled": True}, []),
        # Later, what the Swarm of now has deployed.
        ({"seen_all": True, "outlived": [], "settled": True}, [VERSION]),
        ({"seen_all": True, "outlived": [], "settled": False}, []),
        ({"seen_all": True, "seen": [VERSION], "outlived": [], "settled": True}, []),
        ({"seen_all": True, "unseen": [VERSION]}, []),
        # Nothing comes there but by an upload.
        ({"import_shared": None}, []),
    ],
)
def test_what_a_look_has_seen_whole(given, marks):
    judged = verdict(look(**{"import_shared": SHARED, "seen": [], "seen_all": False, **given}), {}, False)
    assert judged["marks"]["whole"] == marks
    assert judged["seen"] == given.get("seen", []) + [mark for mark in marks if mark != "peer"]


def test_what_is_less_full_at_first_sight():
    """Files that renders left in the builds of others are no half, and no reason to stop a Swarm in a later run."""
    usual = {KEY: {"files": 100, "bytes": 5000, "outvoted": False, "agreed": [[100, 5000]]}}
    first = {"import_shared": SHARED, "seen": [], "seen_all": False}
    assert verdict(look(99, 4999, **first), usual, False)["marks"]["whole"] == [VERSION, "peer"]
    assert verdict(look(60, 3000, **first), usual, False)["marks"]["whole"] == ["peer"]


def test_what_was_deployed_anew_is_seen_however_full_it_is():
    """Else it would be in doubt again when Swarm is started anew, and deployed anew for ever."""
    usual = {KEY: {"files": 100, "bytes": 5000, "outvoted": False, "agreed": [[100, 5000]]}}
    it = look(60, 3000, import_shared=SHARED, seen=[], outlived=[], settled=True)
    assert verdict(it, usual, False)["marks"]["whole"] == [VERSION]


def test_what_was_awaited_and_others_have_is_seen():
    """Swarm was started anew when it had the build, and before anybody saw it."""
    it = look(import_shared=SHARED, seen=[], interrupted=[VERSION], differences=[half()])
    assert verdict(it, usual_builds([look(), look()]), False)["marks"]["whole"] == [VERSION]
