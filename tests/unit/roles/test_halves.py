# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a role takes for a half of a build, for how long it waits until it removes it, and what it leaves, as in a play.

What the wait is for, and what becomes of what is removed, a lab's peers show.
"""

from __future__ import annotations

import pytest
import yaml

pytest.importorskip("ansible.template")

from role_variables import ROLES
from role_variables import decide as decide_of


def decide(name, **variables):
    """What the role makes of one of its variables."""
    return decide_of("builds", name, **variables)


def times(wait, *sources):
    unsent = [{"build": {"src": source}, "version": "7.0.0-abc"} for source in sources]
    return tuple(
        float(decide(name, vray_swarm_deploy_wait=wait, __builds_unsent=unsent))
        for name in ("__builds_half_time", "__builds_half_wait")
    )


@pytest.mark.parametrize("name", ["vray-1.tar", "/b/vray.tar.gz", "b.tar.xz", "b.tar.bz2", "B.TGZ", "C:\\b\\vray.ZIP"])
def test_an_archive_is_unpacked_where_it_can_be_seen(name):
    assert times(1800, name) == (60, 1800)
    # Where nobody wants to wait for builds, nothing is removed for that reason.
    assert times(0, name) == (60, 120)


@pytest.mark.parametrize("name", ["vraystd_adv_71000_rhel8_clang-gcc-11.2", "vray.exe", "vray.tar.run", "tar"])
def test_an_installer_does_more_than_that(name):
    assert times(1800, "vray-1.tar", name) == (600, 1800)
    assert times(0, name) == (600, 1200)


def result(name, **changes):
    """What an upload tells, as far as the role asks for it."""
    told = {"outcome": "present", "deployed": True, "awaited": False, "changed": False, "obstacle": None}
    given = {"build": {"src": f"/b/{name}.tar"}, "version": name, "deployed_before": ["0.9"]}
    return {**told, **given, **changes}


def uploaded(*results):
    return {"vray_swarm_upload_via": "", "__builds_uploaded": {"results": list(results)}}


def wanted(name, version=None, deployed=None, awaited=()):
    """What a look tells of a build."""
    marked_as = version or f"file-{name}"
    return {"name": name, "version": version, "deployed": deployed, "marked_as": marked_as, "awaited": list(awaited)}


def relayed(*results, deployed=(), awaited=(), nameless=(), **given):
    """The same where a relay sends "1" to "3", which are all wanted, or what is given."""
    names = given.pop("names", ["1", "2", "3"])
    seen = [wanted(f"{name}.tar", name, name in deployed, [name] if name in awaited else []) for name in names]
    seen += [wanted(name, awaited=awaited) for name, awaited in dict(nameless).items()]
    builds = [{"src": f"/b/{build['name']}"} for build in seen]
    peer = {"wanted_builds": seen, "awaited": list(awaited), "builds": [{"version": name} for name in deployed]}
    more = {"vray_swarm_upload_via": "nas", "vray_swarm_data_dir": "/d", "vray_swarm_deploy_wait": 1800}
    sending = {"__builds_to_send": builds, "vray_swarm_builds": builds, "__builds_in_window": False}
    return {**uploaded(*results), **more, **sending, "__builds_held_there": {}, "__builds_peer": peer, **given}


def test_what_is_followed():
    """What was queued, what lies there, and what nobody has seen deployed; also where it has no version."""
    rapid = result("0", outcome="rapid", changed=True)
    queued = result("1", outcome="queued", deployed=False, changed=True)
    lies = result("2", version=None, deployed=False)
    doubted, seen = result("3", awaited=True), result("4")
    given = uploaded(rapid, queued, lies, doubted, seen)
    assert decide("__builds_versions", **given) == {"1.tar": "1", "2.tar": None, "3.tar": "3"}
    assert decide("__builds_versions", **uploaded(rapid, seen)) == {}
    # Of what a relay has not to send, the peer tells.
    held = {"build": {"src": "/b/1.tar"}, "skipped": True}
    given = relayed(held, result("2", outcome="queued"), deployed=["3", "4"], awaited=["3"], names=["1", "2", "3", "4"])
    assert decide("__builds_versions", **given) == {"1.tar": "1", "2.tar": "2", "3.tar": "3"}
    assert decide("__builds_versions", **relayed(deployed=["3"])) == {}


def test_what_check_mode_looks_at():
    """All that another run has left, also where no relay had to send anything."""
    managed = {"vray_swarm_data_dir": "/d", "vray_swarm_service": "swarm", "vray_swarm_config": "/c"}
    bare = {"vray_swarm_data_dir": "/d", "vray_swarm_service": "", "vray_swarm_config": ""}
    lies, doubted = result("1", deployed=False), result("1", awaited=True)
    for given, is_kept in (
        (uploaded(lies), True),
        (uploaded(doubted), True),
        (uploaded(result("1"), result("2", outcome="queued", changed=True)), False),
        (relayed(deployed=["1"], awaited=["1"]), True),
        (relayed(deployed=["1"], awaited=["2"]), False),
    ):
        assert decide("__builds_is_kept", **{**given, **managed}) is is_kept
    assert decide("__builds_is_kept", **uploaded(doubted), **bare) is True
    assert decide("__builds_is_kept", **uploaded(lies), **bare) is False
    assert decide("__builds_is_kept", **uploaded(doubted), **{**managed, "vray_swarm_data_dir": ""}) is False


def test_whose_mark_is_of_no_more_use():
    """What is deployed, by the Swarm of now, and no longer changes."""
    given = uploaded(*(result(name, outcome="queued") for name in ("1", "2", "3")))
    followed = {
        "outlived": ["2", "0.9"],
        "builds": [{"version": name} for name in ("0.9", "1", "2", "4")],
        "differences": [],
        "wanted_builds": [
            wanted("1.tar", "1", True, ["1", "file-1.tar"]),
            wanted("2.tar", "2", True, ["2"]),
            wanted("3.tar", "3", False, ["3"]),
        ],
    }
    assert decide("__builds_whole", **given, __builds_followed=dict(followed, settled=True)) == ["1", "file-1.tar"]
    assert decide("__builds_whole", **given, __builds_followed=dict(followed, settled=False)) == []
    assert decide("__builds_interrupted", **given, __builds_followed=followed) == ["2"]
    # By the mark of its name alone: it was queued without a version.
    followed["wanted_builds"][1]["awaited"] = ["file-2.tar"]
    assert decide("__builds_interrupted", **given, __builds_followed=followed) == ["2"]
    settled = {"__builds_settled": followed, "__builds_followed": followed}
    assert decide("__builds_still_interrupted", **given, **settled) == ["2"]


@pytest.mark.parametrize(
    "outlived, missing, settled, is_whole",
    [([], [], True, True), (["1"], [], True, False), ([], ["a.tar"], True, False), ([], [], False, False)],
)
def test_what_has_no_version_is_whole_when_all_is(outlived, missing, settled, is_whole):
    """Which of the new builds it is, nobody knows."""
    given = uploaded(result("a", version=None, outcome="queued"), result("2", outcome="queued"))
    followed = {
        "outlived": ["0.9", "2", *outlived],
        "builds": [{"version": name} for name in ("0.9", "1", "2")],
        "differences": [{"kind": "build", "subject": name} for name in missing],
        "settled": settled,
        "wanted_builds": [wanted("a.tar", awaited=["file-a.tar"]), wanted("2.tar", "2", True)],
    }
    assert decide("__builds_whole", **given, __builds_followed=followed) == ["file-a.tar"] * is_whole
    assert decide("__builds_strange", **given, __builds_followed=followed) == outlived
    assert decide("__builds_nameless", **given, __builds_followed=followed) == [followed["wanted_builds"][0]]


def test_what_swarm_tells_is_followed():
    """Swarm was asked, and has it: that is no end, where nobody has seen whether it is whole."""
    told, other = result("1", outcome="existing", awaited=True), result("2", outcome="existing")
    elsewhere = result("3", outcome="existing", awaited=True, deployed="unknown")
    given = uploaded(told, other, elsewhere)
    assert decide("__builds_versions", **given) == decide("__builds_told_versions", **given) == {"1.tar": "1"}
    # Upload has seen its mark.
    assert decide("__builds_to_mark", **given) == []
    # A relay sees no marks.
    told["awaited"], nameless = False, {"1.tar": ["file-1.tar"], "2.tar": []}
    given = relayed(told, other, names=[], nameless=nameless)
    assert decide("__builds_versions", **given) == {"1.tar": "1"}
    assert decide("__builds_to_mark", **given) == ["1"]
    assert decide("__builds_asked", **given, __builds_learnt={"1.tar": "1"}) == [
        {"name": "1.tar", "version": "1"},
        {"name": "2.tar", "version": ""},
    ]


def test_what_a_relay_asks_for():
    """An archive of which nobody knows the version; of an installer, Swarm cannot tell."""
    nameless = {"a.TGZ": ["file-a.TGZ"], "b.tar": [], "c.exe": ["file-c.exe"]}
    given = relayed(names=["1"], awaited=["1"], nameless=nameless)
    assert decide("__builds_to_ask", **given) == ["/b/a.TGZ"]
    assert decide("__builds_to_ask", **dict(given, vray_swarm_deploy_wait=0)) == []
    assert decide("__builds_to_ask", **dict(given, vray_swarm_upload_via="")) == []


def test_which_builds_swarm_is_asked_for_while_they_are_followed():
    """None that is known, and no installer: it would run again."""
    sent = [
        result(version, outcome="queued", version=version, build={"src": f"/b/{name}"})
        for name, version in (("a.tar", None), ("b.tar", "1"), ("c.exe", None))
    ]
    followed = {"wanted_builds": [wanted("a.tar", awaited=["file-a.tar"])], "outlived": []}
    given = {**uploaded(*sent), "__builds_followed": followed}
    assert [one["build"]["src"] for one in decide("__builds_unnamed", **given)] == ["/b/a.tar"]
    followed["wanted_builds"][0]["awaited"] = []
    assert decide("__builds_unnamed", **given) == []


def test_a_relay_queues_no_installer_whose_version_nobody_knows():
    """Swarm could not be asked what became of it."""
    builds = [{"src": f"C:\\b\\{name}", "queued": True} for name in ("1.tar", "a.tar", "c.exe")]
    builds += [{"src": "/b/d.run", "queued": False}, {"src": "/b/e.run"}]
    nameless = dict.fromkeys(("a.tar", "c.exe", "d.run", "e.run"), ())
    given = relayed(nameless=nameless, __builds_lacked=builds, vray_swarm_builds=builds)
    assert decide("__builds_unknowable", **given) == ["c.exe"]
    for more in ({"vray_swarm_deploy_wait": 0}, {"vray_swarm_data_dir": ""}):
        assert decide("__builds_unknowable", **{**given, **more}) == []


@pytest.mark.parametrize(
    ("flag", "is_set"),
    [
        *((flag, True) for flag in (True, 1, "true", "Yes", "on", "1")),
        *((flag, False) for flag in (False, 0, "false", "No", "off", "", None)),
    ],
)
def test_a_flag_can_be_a_text(flag, is_set):
    """As -e gives it."""
    builds = [{"src": "/b/1.tar", "force": flag, "queued": flag, "remote_src": flag}]
    given = {"vray_swarm_builds": builds, "__builds_to_send": builds, "__builds_to_ask": []}
    expected = builds if is_set else []
    assert decide("__builds_forced", **given) == decide("__builds_queued", **given) == expected
    assert (
        decide("__builds_on_controller", **given) == decide("__builds_leavable", **given) == ([] if is_set else builds)
    )


@pytest.mark.parametrize("mount", [None, {"network": False}, {"network": True}])
def test_a_relay_runs_no_installer_of_which_a_share_would_have_to_tell_that_it_has_run(mount):
    builds = [{"src": f"C:\\b\\{name}"} for name in ("1.tar", "a.tar", "c.exe", "d.exe")]
    builds[3]["force"], builds[2]["force"] = True, False
    nameless = dict.fromkeys(("a.tar", "c.exe", "d.exe"), ())
    given = relayed(nameless=nameless, __builds_lacked=builds, vray_swarm_builds=builds)
    given["__builds_peer"]["import_mount"] = mount
    assert decide("__builds_untellable", **given) == (["c.exe"] if (mount or {}).get("network") else [])


def test_what_a_relay_sends_has_a_mark_where_somebody_removes_it():
    builds = [{"src": "/b/1.tar", "queued": True}, {"src": "/b/2.tar", "queued": False}, {"src": "C:\\b\\a.tar"}]
    given = relayed(nameless={"a.tar": []}, __builds_to_send=builds, vray_swarm_builds=builds)
    assert decide("__builds_relayed", **given) == ["1", "2", "file-a.tar"]
    # Nobody waits for what is queued then.
    assert decide("__builds_relayed", **dict(given, vray_swarm_deploy_wait=0)) == ["2", "file-a.tar"]
    assert decide("__builds_relayed", **dict(given, vray_swarm_deploy_wait=0, __builds_in_window=True)) == [
        "1",
        "2",
        "file-a.tar",
    ]
    assert decide("__builds_relayed", **dict(given, vray_swarm_data_dir="")) == []


def test_what_lies_there_is_neither_sent_nor_marked():
    """Where nobody is asked for it; nor would anybody remove the mark of what has no version."""
    builds = [{"src": f"/b/{name}"} for name in ("1.tar", "2.tar", "a.tar", "b.tar")]
    builds[1]["force"], builds[0]["force"] = True, False
    given = relayed(names=["1", "2"], nameless={"a.tar": ["file-a.tar"], "b.tar": []}, vray_swarm_builds=builds)
    # Of the rest, it is not asked.
    given.update(__builds_held_there={build["src"]: "/d/1" for build in builds}, __builds_to_send=builds)
    assert decide("__builds_leavable", **given) == [builds[0], builds[3]]
    assert decide("__builds_left_there", **given) == [builds[0], builds[3]]
    assert decide("__builds_relayed", **given) == ["2", "file-a.tar"]
    on_windows = [{"src": "C:\\b\\c.tar"}, {"src": "C:\\b\\d.tar"}]
    held = {build["src"]: f"/d/{number}" for number, build in enumerate(on_windows)}
    given.update(__builds_held_there=held, __builds_to_send=on_windows, vray_swarm_builds=on_windows)
    assert decide("__builds_left_there", **given) == on_windows
    # That one was sent all the same, by whoever decides on it.
    given["__builds_uploaded"] = {"results": [{"build": on_windows[0], "skipped": True}]}
    assert decide("__builds_queued_as", **given) == {"c.tar": "/d/0"}


def test_which_marks_a_relay_leaves():
    """Of what the peer has not taken, there is none but that of an earlier run."""
    results = [
        result("1", outcome="rapid", changed=True),
        result("2", outcome="existing"),
        result("3", outcome="queued", changed=True),
        result("4", outcome="failed", obstacle="executables"),
        result("5", outcome="failed"),
        {"build": {"src": "/b/6.tar"}, "skipped": True},
        # What was deployed at once may have its version in a mark as well.
        result("a", outcome="rapid", version="7", changed=True),
        result("b", outcome="existing", version="8"),
        result("c", outcome="existing", version="9"),
    ]
    given = {"names": list("123456"), "nameless": {"a.tar": ["file-a.tar"], "b.tar": ["file-b.tar"], "c.tar": []}}
    made = ["1", "2", "4", "file-a.tar", "file-c.tar"]
    assert sorted(decide("__builds_heard", **relayed(*results, **given))) == made
    awaited = {"awaited": ["1", "2", "7"]}
    made = ["1", "4", "7", "file-a.tar", "file-c.tar"]
    assert sorted(decide("__builds_heard", **relayed(*results, **given, **awaited))) == made
    assert decide("__builds_heard", **relayed(result("3", outcome="queued"))) == []


def test_a_half_is_seen_to_before_what_nobody_answered():
    """What is sent again after a half was removed may find nobody. Nobody would fail for it, were it the last one."""
    tasks = yaml.safe_load((ROLES / "builds" / "tasks" / "unsent.yml").read_text(encoding="utf-8"))
    order = [task.get("ansible.builtin.include_tasks") for task in tasks]
    assert order.index("halves.yml") < order.index("unheard.yml")


def test_what_nobody_would_bring_back_is_not_removed():
    judged = {"__builds_judged": {"damaged": ["1", "2"], "importable": ["2"]}}
    assert decide("__builds_deployable", vray_swarm_builds=[], **judged) == ["2"]
    # They are uploaded; not so by distribute.
    assert decide("__builds_deployable", vray_swarm_builds=["a", "b"], **judged) == ["1", "2"]
    assert decide("__builds_deployable", vray_swarm_builds=["a"], __builds_are_uploaded=False, **judged) == ["2"]
