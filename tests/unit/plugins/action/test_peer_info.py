# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is not waited for any longer, and what is told of wanted builds."""

from __future__ import annotations

import types

import pytest

pytest.importorskip("ansible.plugins.action")

from ansible_collections.renderops.vray_swarm.plugins.action import peer_info
from ansible_collections.renderops.vray_swarm.plugins.action.peer_info import _GONE_AFTER, ActionModule, _Gone
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import in_place_of_version
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._wanted import Wanted

IMPORT = "/d/VRay/import"
M = "********"


@pytest.mark.parametrize(
    "given, unseen",
    [
        ({}, ["1"]),
        # A run waits for it, and others have marks of their own.
        ({"awaited": ["1"]}, []),
        ({"seen": ["1", "2"]}, []),
        # At first sight, nothing is missing among what was seen; and nobody knows what became of it.
        ({"seen_all": False}, []),
        ({"outlived": None}, []),
        ({"import_shared": None}, []),
    ],
)
def test_what_no_run_has_seen_whole(given, unseen):
    shared = "it lies on a mount"
    found = {"outlived": ["1", "2"], "seen": ["2"], "seen_all": True, "awaited": [], "import_shared": shared, **given}
    assert peer_info._unseen(found, ()) == unseen


def test_what_has_less_than_its_archive_when_a_peer_is_seen_for_the_first_time():
    found = {"outlived": ["1", "2", "3"], "seen": [], "seen_all": False, "awaited": ["2"], "import_shared": "shared"}
    assert peer_info._unseen(found, ["1", "2", "4"]) == ["1"]
    assert peer_info._unseen({**found, "outlived": None}, ["1"]) == []
    assert peer_info._unseen({**found, "import_shared": None}, ["1"]) == []


def facts(missing, there=(), errors=()):
    return {
        "differences": [{"kind": "build", "subject": name} for name in missing],
        "imports": [{"name": name, "bytes": 1} for name in there],
        "import_dir": IMPORT,
        "import_mount": None,
        "import_shared": None,
        "mount": None,
        "platform": None,
        "errors": dict.fromkeys(errors, "why"),
    }


def test_a_build_that_stays_away_is_given_up():
    gone = _Gone(queued("a"))
    assert not gone.are_all(facts("a"), 100)
    assert not gone.are_all(facts("a"), 99 + _GONE_AFTER)
    assert gone.are_all(facts("a"), 100 + _GONE_AFTER)


def test_a_build_that_comes_back_is_waited_for():
    gone = _Gone(queued("a"))
    gone.are_all(facts("a"), 100)
    assert not gone.are_all(facts("a", there="a"), 101)
    assert not gone.are_all(facts("a"), 101 + _GONE_AFTER)


@pytest.mark.parametrize("later", [facts("ab"), facts("a", errors=["import_dir"])])
def test_others_are_waited_for(later):
    gone = _Gone(queued("a"))
    gone.are_all(later, 100)
    assert not gone.are_all(later, 100 + _GONE_AFTER)


@pytest.mark.parametrize(
    "queued_as, there, is_followed",
    [
        # Swarm may give it another name, and then the one that was sent tells nothing.
        (f"{IMPORT}/0b1f.upload", ["0b1f.upload"], True),
        (f"{IMPORT}/0b1f.upload", [], False),
        (f"{IMPORT}/../import/0b1f.upload", [], False),
        ("0b1f.upload", [], False),
        (f"{IMPORT}/0b1f.upload", ["vray-6.20.10-e8197af2.tar"], True),
        # Nobody looks there.
        ("/srv/swarm/VRay/import/a", [], True),
        ("/srv/swarm/VRay/import/0b1f.upload", [], True),
    ],
)
def test_a_build_is_followed_by_the_name_that_swarm_gave_it(queued_as, there, is_followed):
    gone = _Gone(queued("a", version="6.20.10-e8197af2", queued_as={"a": queued_as}))
    gone.are_all(facts("a", there), 100)
    assert gone.are_all(facts("a", there), 100 + _GONE_AFTER) is not is_followed


def test_a_build_that_a_windows_peer_put_elsewhere():
    known = dict(facts("a"), import_dir="C:\\ProgramData\\Swarm\\VRay\\import")
    for path, is_gone in (
        ("c:/programdata/Swarm/VRay/import/b", True),
        ("C:\\ProgramData\\Swarm\\VRay\\import\\b", True),
        ("D:\\Swarm\\VRay\\import\\b", False),
    ):
        gone = _Gone(queued("a", queued_as={"a": path}))
        gone.are_all(known, 100)
        assert gone.are_all(known, 100 + _GONE_AFTER) is is_gone


def queued(name, version=None, queued_as=()):
    return wanted({"name": name, "version": version, "queued": True}, queued_as=dict(queued_as))


def wanted(*builds, **more):
    given = [{"version": None, "bytes": None, "platform": None, "queued": False, **build} for build in builds]
    options = {
        "settings": {},
        "absent": [],
        "share": None,
        "keyring": None,
        "known": [],
        "only": False,
        "disk_factor": 3,
        "unpacked_percent": 99,
        "builds": given,
        "queued_as": {},
        **more,
    }
    return Wanted(options)


def test_what_is_told_of_wanted_builds():
    names = ({"name": "/b/vray-6.020.10-e8197af2.tar", "queued": True}, {"name": "x.tar"}, {"name": "y-7.0.6-e8197af2"})
    marks = [".vray_swarm-6.20.10-e8197af2.sending", f".vray_swarm-{in_place_of_version('x.tar')}.sending"]
    look = dict(facts(()), builds=[{"version": "6.20.10-e8197af2"}], platform=None, marks=marks)
    assert wanted(*names).away(look) == {"vray-6.020.10-e8197af2.tar"}
    told = wanted(*names).told(look, "/d")
    assert [(build["version"], build["deployed"]) for build in told] == [
        ("6.20.10-e8197af2", True),
        (None, None),
        ("7.0.6-e8197af2", False),
    ]
    assert [build["deployed"] for build in wanted(*names).told(look, None)] == [None, None, None]
    assert [build["awaited"] for build in told] == [[], [], []]
    assert [build["marked_as"] for build in told] == [
        "6.20.10-e8197af2",
        in_place_of_version("x.tar"),
        "7.0.6-e8197af2",
    ]


def test_the_marks_of_a_build_are_those_of_its_version_and_of_its_name():
    """Its version may have been given since it was queued."""
    name = "y-7.0.6-e8197af2"
    marks = [f".vray_swarm-{text}.awaited" for text in ("7.0.6-e8197af2", in_place_of_version(name), "file-0")]
    (told,) = wanted({"name": f"/b/{name}"}).told(dict(facts(()), builds=[], platform=None, marks=marks), "/d")
    assert told["awaited"] == ["7.0.6-e8197af2", in_place_of_version(name)]
    (told,) = wanted({"name": "x.tar"}).told(dict(facts(()), builds=[], platform=None, marks=marks), "/d")
    assert told["awaited"] == []


def test_no_secret_of_a_command_line_is_told():
    """Those of its paths that are settings are, and exact."""
    path = "/opt/swarm:pw@home/swarm.yaml"
    words = ["/opt/swarm/swarm", "--authToken", "geheim", "--proxy", "http://joe:geheim@proxy:3128", "-dbPass=geheim"]
    command = [*words, "/apiKey:geheim", f"--config={path}", "--port", "1113"]
    finding = {"value": path, "sure": True, "how": "on the command line of process 4711"}
    candidate = {"pid": 4711, "executable": words[0], "user": "swarm", "command": command, "notes": []}
    candidate.update({name: [] for name in ("web_port", "service", "data_dir", "import_dir")}, config=[finding])
    action = ActionModule.__new__(ActionModule)
    action.label = "ws17"
    discovered = {"candidates": [candidate], "unseen": [], "web_port": 1113}
    told = action._discovered({"discovered": discovered, "platform": None})
    assert told["candidates"] == [
        {
            **candidate,
            "command": [
                *(words[0], "--authToken", M, "--proxy", f"http://joe:{M}@proxy:3128", f"-dbPass={M}"),
                *(f"/apiKey:{M}", f"--config={path}", "--port", "1113"),
            ],
        }
    ]
    assert "geheim" not in str(told) and path in told["group_vars"]


class Clock:
    """Time passes while one sleeps, and looks cost none."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Waiting(ActionModule):
    """An action whose looks are given: what is missing and how large the builds are, from some second on."""

    def __init__(self, clock, wait, looks):
        self.options, self.label = {"wait": wait, "settle_time": 0}, "ws17"
        self._clock, self._start, self._looks = clock, clock.now, looks
        self.seen = 0

    def _look(self):
        self.seen += 1
        missing, size = [look for second, *look in self._looks if self._clock.now - self._start >= second][-1]
        known = [{"kind": "build", "subject": name, "want": None} for name in missing]
        nothing = {"settings": None, "service": None, "imports": [], "errors": {}, "platform": None, "mount": None}
        nothing["import_shared"] = None
        return {"differences": known, "builds": [{"version": "7.0.6-abc", "bytes": size}], **nothing}

    def _compare(self, _wanted, facts):
        return facts["differences"]


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(peer_info, "time", clock)
    return clock


@pytest.fixture
def lines(monkeypatch):
    lines = []
    monkeypatch.setattr(peer_info.display, "display", lines.append)
    return lines


def test_a_line_a_minute_says_what_is_waited_for(clock, lines):
    action = Waiting(clock, 300, [(0, ["a.tar", "b.tar"], 0), (130, ["b.tar"], 0)])
    found = action._wait(wanted(), action._look())
    assert [item["subject"] for item in found["differences"]] == ["b.tar"]
    assert clock.now == 1300
    assert len(lines) == 4
    assert all(line.startswith("ws17: waits for ") and line.endswith(" of 300)") for line in lines)
    assert ["a.tar" in line for line in lines] == [True, True, False, False]
    # Ever later: no peer is asked each second for half an hour.
    assert action.seen < 40


def test_a_build_is_waited_for_until_it_has_stopped_to_grow(clock, lines):
    action = Waiting(clock, 300, [(0, ["a.tar"], 0), (10, [], 1), (15, [], 2)])
    found = action._wait(wanted(), action._look())
    assert found["differences"] == [] and found["builds"] == [{"version": "7.0.6-abc", "bytes": 2}]
    assert clock.now < 1060 and lines == []


class Acting(Waiting):
    """The same, from the start; it keeps what each look was to look at."""

    def __init__(self, monkeypatch, clock, looks, kinds=()):
        super().__init__(clock, 300, looks)
        given = {"settle": False, "discover": False, "data_dir": "/d", "import_dir": None, "share_path": None}
        self.options.update(given, details=["disk", "import_checksums"], wanted={"keyring": None})
        self._task = types.SimpleNamespace(check_mode=False)
        self._connection = types.SimpleNamespace(_shell=None)
        self._kinds, self.details = kinds, []
        self.beside = set()
        fake = types.SimpleNamespace(
            away=lambda _facts: set(),
            import_dir=None,
            told=lambda *_options: [],
            beside=lambda _facts: self.beside,
            less_than_unpacked=lambda _facts: set(),
        )
        monkeypatch.setattr(peer_info, "check_options", lambda *_options: None)
        monkeypatch.setattr(peer_info, "Wanted", lambda *_options: fake)

    def _look(self):
        self.details.append(self.options["details"])
        return super()._look()

    def _compare(self, wanted, facts):
        return facts["differences"] + [{"kind": kind} for kind in self._kinds]


def test_while_a_peer_is_waited_for_files_are_not_read_again(monkeypatch, clock, lines):
    action = Acting(monkeypatch, clock, [(0, ["a.tar"], 0), (10, [], 0)])
    assert action.act()["differences"] == []
    assert action.details[0] == ["disk", "import_checksums"]
    assert len(action.details) > 2 and all(details == ["disk"] for details in action.details[1:])


def test_builds_of_a_share_that_nobody_signed_are_not_waited_for(monkeypatch, clock, lines):
    action = Acting(monkeypatch, clock, [(0, ["a.tar"], 0)], ["signature"])
    assert [item["kind"] for item in action.act()["differences"]] == ["build", "signature"]
    assert action.seen == 1


def settling(monkeypatch, clock, looks, kinds=(), wait=300, seconds=60):
    action = Acting(monkeypatch, clock, looks, kinds)
    action.options.update(wait=wait, settle=True, settle_time=seconds)
    return action


def test_what_grows_now_and_then_has_not_settled(monkeypatch, clock, lines):
    """A build that is being deployed may stay as it is for a while. Before it is removed, it has to for long."""
    looks = [(0, [], 0), (50, [], 1), (100, [], 2)]
    assert settling(monkeypatch, clock, looks).act()["settled"] is True
    assert 1160 <= clock.now < 1180
    # It takes two looks in any case.
    action = settling(monkeypatch, clock, looks, seconds=0)
    assert action.act()["settled"] is True and action.seen > 1


def test_a_file_that_comes_into_the_import_directory_is_waited_for_as_well(monkeypatch, clock, lines):
    action = settling(monkeypatch, clock, [(0, [], 0)])
    look = action._look
    began = clock.now
    action._look = lambda: dict(look(), imports=[{"name": "a.tar", "bytes": min(50, clock.now - began)}])
    assert action.act()["settled"] is True and clock.now >= 1110


def test_who_has_not_settled_is_told(monkeypatch, clock, lines):
    ever = [(second, [], second) for second in range(0, 400, 20)]
    assert settling(monkeypatch, clock, ever).act()["settled"] is False
    assert clock.now == 1300
    # There was no time to see it.
    assert settling(monkeypatch, clock, [(0, [], 0)], wait=30).act()["settled"] is False
    assert settling(monkeypatch, clock, [(0, [], 0)], wait=0).act()["settled"] is False


def test_what_a_render_writes_into_another_build_is_not_waited_for(monkeypatch, clock, lines):
    ever = [(second, [], second) for second in range(0, 400, 20)]
    action = settling(monkeypatch, clock, ever)
    action.beside = {"7.0.6-abc"}
    assert action.act()["settled"] is True and clock.now < 1080


def test_which_builds_are_other_ones():
    """Those that were there before, and are not wanted; where nobody says what was there, all may be meant."""
    named = wanted({"name": "a.tar", "version": "7.0.6-abc"}, known=["7.0.6-abc", "6.20.10-e8197af2"])
    assert named.beside({"platform": None, "mount": None}) == {"6.20.10-e8197af2"}
    assert wanted({"name": "a.tar"}).beside({"platform": None, "mount": None}) == set()


@pytest.mark.parametrize("what", ["data_dir", "build_sizes"])
def test_what_could_not_be_looked_at_has_not_settled(monkeypatch, clock, lines, what):
    action = settling(monkeypatch, clock, [(0, [], 0)])
    look = action._look
    action._look = lambda: dict(look(), errors={what: "why"})
    assert action.act()["settled"] is False


def test_nothing_is_deployed_by_a_swarm_that_is_down(monkeypatch, clock, lines):
    action = settling(monkeypatch, clock, [(0, ["a.tar"], 0)])
    look = action._look
    action._look = lambda: dict(look(), service={"state": "failed"})
    assert action.act()["settled"] is True and clock.now == 1000


def test_what_was_not_waited_for_is_not_known_to_have_settled(monkeypatch, clock, lines):
    assert "settled" not in Acting(monkeypatch, clock, [(0, [], 0)]).act()
    assert settling(monkeypatch, clock, [(0, [], 0)], ["signature"]).act()["settled"] is None
    action = settling(monkeypatch, clock, [(0, [], 0)])
    action._task.check_mode = True
    assert action.act()["settled"] is None and clock.now == 1000


def silent_until(action, clock, second, state="running"):
    """Let the web port of a peer that is waited for be silent until then."""
    look, began = action._look, clock.now

    def looked():
        found = dict(look(), service={"state": state})
        if clock.now - began < second:
            found["differences"] = [*found["differences"], {"kind": "api"}]
        return found

    action._look = looked
    return action


def test_a_web_port_is_asked_as_long_as_builds_are_waited_for(monkeypatch, clock, lines):
    action = silent_until(Acting(monkeypatch, clock, [(0, ["a.tar"], 0), (50, [], 1)]), clock, 60)
    assert action.act()["differences"] == [] and 1060 <= clock.now < 1080


def test_a_web_port_that_stays_silent_is_told_soon_when_all_is_deployed(monkeypatch, clock, lines):
    action = silent_until(Acting(monkeypatch, clock, [(0, ["a.tar"], 0), (50, [], 1)]), clock, 1000)
    assert [item["kind"] for item in action.act()["differences"]] == ["api"] and 1070 <= clock.now < 1100
    # Where nobody knows whether Swarm runs, nothing is expected of it.
    began = clock.now
    action = silent_until(Acting(monkeypatch, clock, [(0, ["a.tar"], 0), (50, [], 1)]), clock, 1000, "unknown")
    assert [item["kind"] for item in action.act()["differences"]] == ["api"] and clock.now - began < 70
