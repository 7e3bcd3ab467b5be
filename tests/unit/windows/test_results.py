# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a script returns is what its table says, or is refused with the field's name."""

from __future__ import annotations

import copy
import re
import typing as t

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SwarmError
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._scripts import script_text
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_results import SHAPES, check_result
from windows_double import scripts
from windows_double.farm import DATA_DIR, Farm, Peer

LOOK_AT = {
    "Config": "D:\\swarm.yaml",
    "DataDir": "D:\\swarm",
    "ImportDir": "D:\\import",
    "SharePath": "\\\\nas\\x",
    "Disk": True,
    "ServiceName": "swarm",
    "Url": "http://ws1",
}
LOOK: t.Dict[str, t.Any] = {
    "identity": {"name": "WS1\\ansible", "sid": "S-1-5-21-1"},
    "service": {
        "state": "Running",
        "start_mode": "Auto",
        "process_id": 2000,
        "exit_code": 0,
        "service_exit_code": 0,
        "account": "FARM\\swarm",
        "account_sid": None,
    },
    "service_seconds": 0.5,
    "platform": "Windows_x86",
    "data": {"missing": False, "error": None},
    "builds": [
        {
            "name": "vray-7.0.0-abc",
            "directory": "D:\\swarm\\VRay\\vray-7.0.0-abc",
            "seconds": 0.5,
            "files": 3,
            "bytes": 4096,
        }
    ],
    "kept": [{"name": "vray.tar", "path": "D:\\swarm\\VRay\\import\\vray.tar", "bytes": 10}],
    "marks": [".vray_swarm-7.0.0-abc.sending"],
    "config": {"content": "e30=", "missing": False, "error": None},
    "import_dir": {"path": "D:\\import", "free": 10, "missing": False, "error": None},
    "imports": [
        {
            "name": "vray.tar",
            "path": "D:\\import\\vray.tar",
            "directory": False,
            "bytes": 10,
            "start": "TVo=",
            "programs": ["TVo="],
            "sha256": None,
        }
    ],
    "disk": {"temp": 10, "data": None},
    "share": {"error": None, "denied": False, "empty": False, "manifest": "W10=", "sums": None, "signature": None},
    "answer": {"status": 200, "body": "e30=", "error": None},
}
DISCOVER: t.Dict[str, t.Any] = {
    "identity": {"name": "WS1\\ansible", "sid": "S-1-5-21-1"},
    "platform": "Windows_x86",
    "unseen": ["the user of process 4711"],
    "named": False,
    "listeners": [
        {
            "address": "::",
            "port": 1113,
            "pid": 4711,
            "executable": None,
            "command": None,
            "user": None,
            "service": {"name": "swarm", "path": None, "account": None, "wrapper": True},
        }
    ],
    "renders": [{"pid": 4712, "executable": "D:\\swarm\\VRay\\vray-7.0.0-abc\\vray.exe"}],
    "folders": {"data": "C:\\ProgramData", "programs": None, "system": "C:\\Windows"},
    "files": [{"path": "D:\\swarm.yaml", "content": "e30=", "error": None}],
    "seen": [
        {
            "folder": "D:\\swarm",
            "pattern": "D:\\*",
            "settings": [{"path": "D:\\swarm\\swarm.yaml", "content": None, "error": "It is too large."}],
            "holds_vray": True,
        }
    ],
    "answers": [{"status": None, "body": None, "error": "The operation has timed out"}],
}
FILES: t.Dict[str, t.Any] = {
    "directory": False,
    "parent": True,
    "content": "e30=",
    "readonly": False,
    "saved": True,
    "saved_seconds": 1.5,
    "saved_sha256": "0" * 64,
    "old": None,
    "is_peer": True,
}
SEND: t.Dict[str, t.Any] = {
    "error": None,
    "in_use": False,
    "step": "open",
    "rc": 0,
    "stdout": "e30=",
    "stderr": "",
    "endless": False,
}
WHOLE: t.Dict[str, t.Tuple[str, t.Dict[str, t.Any], t.Dict[str, t.Any]]] = {
    "look": ("look", LOOK_AT, LOOK),
    "discover": ("look", {"WebPort": 1113, "Names": ["swarm.yaml"]}, DISCOVER),
    "send": ("send", {}, SEND),
    "files": ("files", {"Do": "look", "Peer": "ws1"}, FILES),
    "put": ("files", {"Do": "put"}, {"other": False}),
    "stop": ("service", {"Do": "stop"}, {"renders": [{"pid": 1, "executable": "vray.exe"}]}),
}
GONE = object()


def changed(whole: t.Dict[str, t.Any], path: str, value: t.Any) -> t.Dict[str, t.Any]:
    """A result with one field, such as builds.0.name, replaced or removed."""
    result: t.Any = copy.deepcopy(whole)
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place = result
    for part in parents:
        place = place[part]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return t.cast("t.Dict[str, t.Any]", result)


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_as_it_should_be_is_left_so(name: str) -> None:
    script, parameters, whole = WHOLE[name]
    assert check_result(script, parameters, copy.deepcopy(whole)) == whole


@pytest.mark.parametrize(
    ("name", "path", "value", "becomes"),
    [
        # A list of one that came as that one, and an empty one that came as nothing.
        ("look", "builds", LOOK["builds"][0], LOOK["builds"]),
        ("look", "builds", None, []),
        ("look", "kept", LOOK["kept"][0], LOOK["kept"]),
        ("look", "kept", None, []),
        ("discover", "unseen", "the user of process 4711", DISCOVER["unseen"]),
        ("discover", "listeners", DISCOVER["listeners"][0], DISCOVER["listeners"]),
        ("discover", "seen.0.settings", DISCOVER["seen"][0]["settings"][0], DISCOVER["seen"][0]["settings"]),
        ("discover", "seen.0.settings", None, []),
        ("stop", "renders", None, []),
        # Whole numbers are whole.
        ("look", "marks", ".vray_swarm-7.0.0-abc.sending", LOOK["marks"]),
        ("look", "marks", None, []),
        ("look", "builds.0.bytes", 4096.0, 4096),
        ("look", "service.process_id", 2000.0, 2000),
        # There is no such service.
        ("look", "service", None, None),
        # Who may not ask for its configuration.
        ("look", "service.start_mode", None, None),
        ("look", "builds.0.bytes", None, None),
        ("look", "disk.temp", 1e15, 10**15),
        ("files", "saved_seconds", 2, 2),
    ],
)
def test_what_powershell_made_of_a_value_is_undone(name: str, path: str, value: t.Any, becomes: t.Any) -> None:
    script, parameters, whole = WHOLE[name]
    expected = changed(whole, path, becomes)
    found = check_result(script, parameters, changed(whole, path, value))
    # As text, a float and an int differ.
    assert repr(found) == repr(expected)


@pytest.mark.parametrize(
    ("name", "path", "value", "said"),
    [
        # As look.ps1 once returned it: a hashtable that had become a text.
        (
            "look",
            "builds",
            ["System.Collections.Hashtable"],
            "builds[0] is 'System.Collections.Hashtable' and no object",
        ),
        ("look", "builds", GONE, "builds is missing"),
        ("look", "marks", GONE, "marks is missing"),
        ("look", "service", GONE, "service is missing"),
        ("look", "service_seconds", GONE, "service_seconds is missing"),
        ("look", "service.state", 4, "service.state is 4 and not a text"),
        ("look", "builds.0.bytes", GONE, "builds[0].bytes is missing"),
        ("look", "builds.0.bytes", "4096", "builds[0].bytes is '4096' and not a whole number"),
        ("look", "builds.0.bytes", 4096.5, "builds[0].bytes is 4096.5 and not a whole number"),
        ("look", "builds.0.bytes", float("inf"), "builds[0].bytes is inf and not a whole number"),
        ("look", "builds.0.bytes", True, "builds[0].bytes is True and not a whole number"),
        ("look", "builds.0.name", None, "builds[0].name is null and not a text"),
        ("look", "identity", None, "identity is None and no object"),
        ("look", "identity", [LOOK["identity"]], "and no object"),
        ("look", "data.missing", "False", "data.missing is 'False' and not true or false"),
        ("look", "data.missing", 0, "data.missing is 0 and not true or false"),
        ("send", "rc", None, "its result.rc and its result.error are both null"),
        ("send", "stdout", "{}", "stdout is '{}' and not base64"),
        ("look", "imports.0.start", "TVo", "imports[0].start is 'TVo' and not base64"),
        ("look", "imports.0.start", "\u00e4===", "and not base64"),
        ("look", "share.manifest", ["W10="], "share.manifest is ['W10='] and not base64"),
        ("look", "answer.body", None, "answer.body and answer.error are both null"),
        ("look", "platform", {"value": "Windows_x86"}, "platform is {'value': 'Windows_x86'} and not a text"),
        ("discover", "unseen", [["a"]], "unseen[0] is ['a'] and not a text"),
        ("discover", "listeners.0.pid", "4711", "listeners[0].pid is '4711' and not a whole number"),
        ("discover", "files.0.content", None, "files[0].content and files[0].error are both null"),
        ("discover", "folders", GONE, "folders is missing"),
        ("discover", "answers", GONE, "answers is missing"),
        ("files", "saved_seconds", "1,5", "saved_seconds is '1,5' and not a number"),
        ("files", "is_peer", GONE, "is_peer is missing"),
        ("put", "other", "", "other is '' and not true or false"),
        ("put", "other", GONE, "other is missing"),
        ("stop", "renders", "vray.exe", "renders[0] is 'vray.exe' and no object"),
    ],
)
def test_what_cannot_be_believed_is_refused(name: str, path: str, value: t.Any, said: str) -> None:
    script, parameters, whole = WHOLE[name]
    with pytest.raises(SwarmError) as caught:
        check_result(script, parameters, changed(whole, path, value))
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{script}.ps1, a PowerShell script")
    assert "$PSVersionTable" in str(caught.value)


@pytest.mark.parametrize("value", ["", [], [LOOK], "System.Collections.Hashtable"])
def test_a_result_that_is_no_object(value: t.Any) -> None:
    with pytest.raises(SwarmError, match=r"its result is .* and no object"):
        check_result("look", LOOK_AT, value)


def test_an_empty_result_can_be_nothing() -> None:
    assert check_result("service", {"Do": "start"}, None) == {}
    with pytest.raises(SwarmError, match="identity is missing"):
        check_result("look", LOOK_AT, None)


def test_what_was_not_asked_for_may_be_missing() -> None:
    only = {name: LOOK[name] for name in ("identity", "platform")}
    assert check_result("look", {"DataDir": ""}, only) == only
    # But what is there has to be right.
    with pytest.raises(SwarmError, match=r"builds\[0\] is 'x'"):
        check_result("look", {}, dict(only, builds=["x"]))


@pytest.mark.parametrize("script", sorted(scripts.RUN))
def test_the_table_has_each_field_that_a_script_sets(script: str) -> None:
    text = script_text(script)
    fields = set(re.findall(r"\$result\.(\w+) \+?=", text))
    first = re.search(r"(?m)^\$result = @\{(.*)\}$", text)
    assert first
    fields.update(re.findall(r"(\w+) =", first[1]))
    known = [getattr(shape, "shape", shape) for name, shape in SHAPES.items() if name.split()[0] == script]
    assert fields <= {field for shape in known for field in shape}
    steps = set(re.findall(r"(?m)^    '(\w+)' \{$", text))
    assert {name.partition(" ")[2] for name in SHAPES if name.split()[0] == script} == (steps or {""})


def test_a_spoiled_result_fails_the_task(farm: Farm, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    look = scripts.RUN["look"]

    def spoiled(*given: t.Any) -> t.Any:
        done, found = look(*given)
        return done, dict(found, builds=["System.Collections.Hashtable"])

    monkeypatch.setitem(scripts.RUN, "look", spoiled)
    failed = farm.task("renderops.vray_swarm.peer_info", {"data_dir": DATA_DIR})
    assert (
        "look.ps1, a PowerShell script of the collection, returned what cannot be believed: builds[0] is"
        in failed["msg"]
    )
