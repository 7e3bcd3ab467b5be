# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each byte outside of a change stays, and what is written is read back as it was meant, or nothing is written."""

from __future__ import annotations

import copy
import random

import pytest
import yaml

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SettingsError
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _yaml_edit
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._secrets import masked_values
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._yaml_edit import edit, masked, read_value

PATH = "/etc/swarm/swarm.yaml"

WHOLE = """\
# Settings of V-Ray Swarm
mcastPort:    1112
webPort: 1113   # behind a firewall
'vrayImportDir': "/srv/alt"
allowExecutables: False


logging:        # sinks
    # all of them
    level:  INFO
    web:
        disabled: false
        level: 'WARN'   # no noise
    dl: {level: DEBUG, disabled: no}
tags:
- a   # first
- "b: c"
note: >-
  Zürich,
  floor 2

# the end
"""


def change(text, settings=None, absent=(), **more):
    edited = edit(text.encode("utf-8"), PATH, settings or {}, [tuple(path.split(".")) for path in absent], **more)
    assert edited.changed == (edited.content != text.encode("utf-8"))
    return edited.content.decode("utf-8")


# Before, the wanted settings, after.
SET = {
    "a number": ("a: 1 # x\nb:  2\n", {"a": 5}, "a: 5 # x\nb:  2\n"),
    "a last value": ("a: 1\nb: 2", {"b": 3}, "a: 1\nb: 3"),
    "two values": ("a: 1\nb: 2\n", {"b": 30000, "a": 20}, "a: 20\nb: 30000\n"),
    "a boolean": ("a: False\n", {"a": True}, "a: true\n"),
    "a text keeps its single quotes": ("a: 'x'\n", {"a": "y"}, "a: 'y'\n"),
    "a text keeps its double quotes": ('a: "x" # c\n', {"a": "D:\\y"}, 'a: "D:\\\\y" # c\n'),
    "a quoted key": ('"a" : 1\n', {"a": 2}, '"a" : 2\n'),
    "a value on its own line": ("a:\n  x\nb: 1\n", {"a": "z"}, "a:\n  z\nb: 1\n"),
    "a value on two lines": ("a: x\n  y # c\nb: 1\n", {"a": "z"}, "a: z # c\nb: 1\n"),
    "a null": ("a:\nb: 1\n", {"a": 2}, "a: 2\nb: 1\n"),
    "a null with a comment": ("a: # none\nb: 1\n", {"a": 2}, "a: 2 # none\nb: 1\n"),
    "a null at the end": ("a:", {"a": 2}, "a: 2"),
    "a folded text": ("a: >- # c\n  x\n  y\n\n# d\nb: 1\n", {"a": "z"}, "a: z # c\n\n# d\nb: 1\n"),
    "a literal text at the end": ("a: |\n  x\n", {"a": "z"}, "a: z\n"),
    "a literal text that keeps": ("a: |+\n  x\n\nb: 1\n", {"a": "z"}, "a: z\n\nb: 1\n"),
    "windows lines": ("a: 1\r\nb: 2\r\n", {"a": 3, "c": True}, "a: 3\r\nb: 2\r\nc: true\r\n"),
    "old mac lines": ("a: 1\rb: 2\r", {"c": 3}, "a: 1\rb: 2\rc: 3\r"),
    "a byte order mark": ("\ufeffa: 1\n", {"a": 2, "b": 3}, "\ufeffa: 2\nb: 3\n"),
    "only a byte order mark": ("\ufeff", {"a": 1}, "\ufeffa: 1\n"),
    "nothing": ("", {"a": 1}, "a: 1\n"),
    "a comment only": ("# x\n", {"a": 1}, "# x\na: 1\n"),
    "a comment without a newline": ("# x", {"a": 1}, "# x\na: 1"),
    "a mark of a document only": ("---\n", {"a": 1}, "---\na: 1\n"),
    "an empty document": ("---\n...\n", {"a": 1}, "---\na: 1\n...\n"),
    "a document with an end": ("---\na: 1\n...\n", {"b": 2}, "---\na: 1\nb: 2\n...\n"),
    "a new key": ("a: 1\n", {"b": 2}, "a: 1\nb: 2\n"),
    "new keys in their order": ("a: 1\n", {"d": 2, "c": 3}, "a: 1\nd: 2\nc: 3\n"),
    "a new key, no newline": ("a: 1", {"b": 2}, "a: 1\nb: 2"),
    "a new key, a comment behind the last": ("a: 1 # x", {"b": 2}, "a: 1 # x\nb: 2"),
    "a new key, comments at the end": ("a: 1\n\n# end\n", {"b": 2}, "a: 1\nb: 2\n\n# end\n"),
    "a new key, a comment to the last": ("a: 1\n   # of a\n# end\n", {"b": 2}, "a: 1\n   # of a\nb: 2\n# end\n"),
    "a new key after a block": ("a:\n  b: 1\n\n", {"c": 2}, "a:\n  b: 1\nc: 2\n\n"),
    "a new key after a list": ("a:\n- 1\n- 2\n", {"c": 2}, "a:\n- 1\n- 2\nc: 2\n"),
    "a new key after a literal": ("a: |\n  x\n\n", {"c": 2}, "a: |\n  x\nc: 2\n\n"),
    "a new key after a null": ("a:\n", {"c": 2}, "a:\nc: 2\n"),
    "all keys are indented": ("  a: 1\n  b: 2\n", {"c": 3}, "  a: 1\n  b: 2\n  c: 3\n"),
    "a key in a mapping": (
        "logging:\n  level: INFO\n  # web: x\nb: 1\n",
        {"logging": {"disabled": True}},
        "logging:\n  level: INFO\n  disabled: true\n  # web: x\nb: 1\n",
    ),
    "a mapping in a mapping, as the file indents": (
        "logging:\n    level: INFO\nb: 1\n",
        {"logging": {"web": {"level": "WARN"}}},
        "logging:\n    level: INFO\n    web:\n        level: WARN\nb: 1\n",
    ),
    "a new mapping": ("a: 1\n", {"b": {"c": {"d": 1}, "e": {}}}, "a: 1\nb:\n  c:\n    d: 1\n  e: {}\n"),
    "a mapping for a null": ("a: # x\nb: 1\n", {"a": {"c": 1}}, "a: # x\n  c: 1\nb: 1\n"),
    "a mapping for a null at the end": ("a:", {"a": {"c": 1}}, "a:\n  c: 1"),
    "a mapping for a text": ("a: x # y\nb: 1\n", {"a": {"c": 1}}, "a: # y\n  c: 1\nb: 1\n"),
    "a mapping for a literal": ("a: |\n  x\nb: 1\n", {"a": {"c": 1}}, "a:\n  c: 1\nb: 1\n"),
    "a mapping for a list": ("a:\n- x\nb: 1\n", {"a": {"c": 1}}, "a:\n  c: 1\nb: 1\n"),
    "a text for a mapping": ("a:\n  c: 1\nb: 1\n", {"a": "x"}, "a: x\nb: 1\n"),
    "a text for a flow mapping": ("a: {c: 1} # x\nb: 1\n", {"a": "x"}, "a: x # x\nb: 1\n"),
    "a list": ("a:\n- x\n- y # z\nb: 1\n", {"a": ["q"]}, "a:\n- q # z\nb: 1\n"),
    "a longer list": ("a:\n  - x\nb: 1\n", {"a": ["q", {"r": 1}]}, "a:\n  - q\n  - {r: 1}\nb: 1\n"),
    "no list": ("a:\n  - x\nb: 1\n", {"a": []}, "a: []\nb: 1\n"),
    "a list for an empty one": ("a: []\nb: 1\n", {"a": ["x", "z"]}, "a: [x, z]\nb: 1\n"),
    "a list for a text": ("a: x\nb: 1\n", {"a": ["x", "z"]}, "a:\n  - x\n  - z\nb: 1\n"),
    "a list as the file indents it": ("t:\n- 1\n", {"a": ["x"]}, "t:\n- 1\na:\n- x\n"),
    "a flow value": ("{a: 1, b: 2}\n", {"a": 5}, "{a: 5, b: 2}\n"),
    "a flow key": ("{a: 1, b: 2}\n", {"c": "x"}, "{a: 1, b: 2, c: x}\n"),
    "a flow key after a comma": ("{a: 1, }\n", {"c": 3}, "{a: 1, c: 3, }\n"),
    "an empty flow": ("a: {} # x\n", {"a": {"b": [1]}}, "a: {b: [1]} # x\n"),
    "an empty root": ("{}\n", {"b": 1}, "{b: 1}\n"),
    "a flow mapping in a flow": ("{a: {b: 1}}", {"a": {"c": {"d": 2}}}, "{a: {b: 1, c: {d: 2}}}"),
    "JSON": ('{"a":1,"b":"x"}\n', {"b": "y", "c": "z"}, '{"a":1,"b": "y", "c": "z"}\n'),
    "JSON in lines": (
        '{\n  "a": 1,\n  "b": {}\n}\n',
        {"c": {"d": "e"}},
        '{\n  "a": 1,\n  "b": {},\n  "c": {"d": "e"}\n}\n',
    ),
    "aliases elsewhere": (
        "x: &x 1\ny: *x\nz: {<<: {q: 1}}\na: 1\n",
        {"a": 2},
        "x: &x 1\ny: *x\nz: {<<: {q: 1}}\na: 2\n",
    ),
    "tags elsewhere": ("x: !thing 1\ny: 2026-02-31\na: 1\n", {"a": 2}, "x: !thing 1\ny: 2026-02-31\na: 2\n"),
    "an octal number is one for some readers only": ("a: 010\n", {"a": 8}, "a: 8\n"),
    "a text that is a number for some": ("a: 0o17\n", {"a": "0o17"}, "a: '0o17'\n"),
    "a number in quotes is a text": ("a: '1113'\n", {"a": 1113}, "a: 1113\n"),
    "true is not 1": ("a: true\n", {"a": 1}, "a: 1\n"),
    "a number of another type": ("a: 10\n", {"a": 0.5}, "a: 0.5\n"),
}

UNSET = {
    "a key": ("a: 1\nb: 2 # x\nc: 3\n", ["b"], "a: 1\nc: 3\n"),
    "a comment above stays": ("a: 1\n# of b\nb: 2\n", ["b"], "a: 1\n# of b\n"),
    "the first": ("\ufeffa: 1\nb: 2\n", ["a"], "\ufeffb: 2\n"),
    "the last, no newline": ("a: 1\r\nb: 2", ["b"], "a: 1"),
    "all": ("# x\na: 1\nb: 2\n", ["a", "b"], "# x\n"),
    "a mapping": ("a:\n  b: 1\n  c:\n  - 1\n\nd: 1\n", ["a"], "\nd: 1\n"),
    "a key in a mapping": ("a:\n  b: 1\n  c: 2\nd: 1\n", ["a.b"], "a:\n  c: 2\nd: 1\n"),
    "the only key in a mapping": ("a: # x\n  b: 1\nd: 1\n", ["a.b"], "a: {}\nd: 1\n"),
    "a literal": ("a: |\n  x\n\n  y\nb: 1\n", ["a"], "b: 1\n"),
    "the first in a flow": ("{a: 1, b: 2}\n", ["a"], "{b: 2}\n"),
    "the last in a flow": ("{a: 1, b: 2 }\n", ["b"], "{a: 1 }\n"),
    "the only one in a flow": ("a: {b: 2}\n", ["a.b"], "a: {}\n"),
    "what is not there": ("a: 1\n", ["b", "a.c", "d.e"], "a: 1\n"),
    "a null": ("a:\nb: 1\n", ["a"], "b: 1\n"),
}


@pytest.mark.parametrize("before, settings, after", SET.values(), ids=SET.keys())
def test_set(before, settings, after):
    assert change(before, settings) == after
    assert change(after, settings) == after


@pytest.mark.parametrize("before, absent, after", UNSET.values(), ids=UNSET.keys())
def test_unset(before, absent, after):
    assert change(before, absent=absent) == after
    assert change(after, absent=absent) == after


# What is there already, in another spelling.
SAME = [
    (WHOLE, {"webPort": 1113, "vrayImportDir": "/srv/alt", "allowExecutables": False}),
    (WHOLE, {"logging": {"level": "INFO", "web": {"disabled": False, "level": "WARN"}, "dl": {"disabled": False}}}),
    (WHOLE, {"tags": ["a", "b: c"], "note": "Zürich, floor 2"}),
    ("a: FALSE\nb: off\nc: 0x459\nd: +5\ne: 1e1\nf: ~\n", {"a": False, "b": False, "d": 5, "f": None}),
    ("a: \"\\u00fc\"\nb: 'x'\nc: 10.0\n", {"a": "ü", "b": "x", "c": 10}),
    ("a: [x, {b: [1, null]}]\n", {"a": ["x", {"b": [1, None]}]}),
    ("a: {}\n", {"a": {}}),
]


@pytest.mark.parametrize("text, settings", SAME)
def test_what_is_there_stays_as_it_is_written(text, settings):
    assert change(text, settings) == text


@pytest.mark.parametrize("settings", [{"webPort": 1113}, {"allowExecutables": False}, {"uploadsQueuePeriod": 10.0}])
def test_a_key_that_is_not_there_has_its_default(settings):
    defaults = {"webPort": 1113, "allowExecutables": False, "uploadsQueuePeriod": 10}
    assert change("a: 1\n", settings, defaults=defaults) == "a: 1\n"
    assert change("a: 1\n", settings) != "a: 1\n"


@pytest.mark.parametrize("settings", [{"webPort": True}, {"allowExecutables": 0}, {"x": {"webPort": 1113}}])
def test_a_default_is_of_one_type_and_place(settings):
    assert change("a: 1\n", settings, defaults={"webPort": 1, "allowExecutables": False}) != "a: 1\n"


TEXTS = [
    "", " ", "x", "a b", " a", "a ", "yes", "No", "on", "y", "N", "true", "NULL", "~", "null", "0x10", "0o17", "010", "1_000",
    "1:30", "1e3", "12e03", "1.5", ".5", "-1", "+1", ".inf", "-.Inf", ".NaN",
    "2026-11-24", "2026-11-24T10:00:00Z", "=", "<<",
    "@x", "`x", "#x", "a #b", "a#b", "a: b", "a:b", "a:", ": a", "- a", "-a", "---", "...", "? a", "!x", "&x", "*x", "%x", "|",
    ">", "[a]", "{a}", "a, b", "a]", "'", "it's", '"', '"x"', "'x'", "\\", "D:\\vray\\import",
    "C:\\new\\table", "\\\\nas\\builds\\Windows_x86",

    "//nas/builds", "/srv/v-ray builds/Linux_x86", "~/x", "a\nb", "a\n", "\n", "\r\n", "a\tb", "\t", "\0", "\x7f", "\x85", "\xa0",
    "\u2028", "\ufeff", "\ufffe", "Zürich", "レンダー", "😀", "$HOME", "%APPDATA%", "x" * 2000, "${x}", "{{ x }}", "a\\nb",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("before", ["a: 1\n", "a: 'x'\n", 'a: "x"\n', "{a: 1}", '{"a":1}', "b: 1\n", "b:\n- 1\n"])
def test_a_text_is_read_back(text, before):
    after = change(before, {"a": text, "list": [text], "map": {"k": text}})
    settings = yaml.safe_load(after)
    assert (settings["a"], settings["list"], settings["map"]) == (text, [text], {"k": text})
    assert len(after.splitlines()) <= len(before.splitlines()) + 6


@pytest.mark.parametrize("text", [text for text in TEXTS if 0 < len(text) < 100])
def test_a_key_is_read_back(text):
    assert yaml.safe_load(change("b: 1\n", {text: 1})) == {"b": 1, text: 1}


# YAML 1.2 (core schema) and the usual readers in between: what is not quoted must be no number, boolean or null there.
@pytest.mark.parametrize(
    "text", ["yes", "y", "0o17", "0x1F", "1e3", "12e03", "010", "1_000", "null", "off", "0b1", "1:30", ".5"]
)
def test_what_some_readers_take_for_something_else_is_quoted(text):
    assert change("", {"a": text}) == f"a: '{text}'\n"


@pytest.mark.parametrize("value", [0, -5, 2**70, 0.1, 1e300, 1e-7, 1e16, float("inf"), True, False, None])
def test_a_value_is_read_back(value):
    read = yaml.safe_load(change("", {"a": value}))["a"]
    assert (type(read), read) == (type(value), value)


# The text, the path that is set, the line and column, and the reason.
REFUSED = {
    "a duplicate key": ("a: 1\nb: 2\na: 3\n", {"a": 5}, (3, 1), "the key a is here for the second time"),
    "another duplicate key": ("b: 1\nb: 2\na: 3\n", {"a": 5}, (2, 1), "second time"),
    "a duplicate key inside": ("a:\n  b: 1\n  'b': 2\n", {"a": {"c": 5}}, (3, 3), "second time"),
    "an alias": ("x: &x 1\na: *x\n", {"a": 5}, (2, 4), r"alias \*x"),
    "an alias inside": ("x: &x 1\na: [*x]\n", {"a": [5]}, (2, 5), r"alias \*x"),
    "an alias on the way": ("x: &x {b: 1}\na: *x\n", {"a": {"b": 5}}, (2, 4), r"alias \*x"),
    "an anchor": ("a: &x 1\ny: *x\n", {"a": 5}, (1, 4), "anchor &x"),
    "an anchor that is right": ("a: &x 1\ny: *x\n", {"a": 1}, (1, 4), "anchor &x"),
    "an anchor at a mapping": ("a: &x\n  b: 1\n", {"a": {"b": 5}}, (1, 4), "anchor &x"),
    "an anchor at a key": ("&x a: 1\n", {"a": 5}, (1, 1), "anchor &x"),
    "an anchor inside": ("a: [&x 1]\ny: *x\n", {"a": [5]}, (1, 5), "anchor &x"),
    "an anchor at the root": ("&x\na: 1\n", {"a": 5}, (1, 1), "anchor &x"),
    "an anchor and nothing": ("--- &x\n", {"a": 5}, (1, 5), "an anchor or a tag"),
    "a tag": ("a: !!str 1\n", {"a": 5}, (1, 4), "tag tag:yaml.org,2002:str"),
    "a merge key": ("x: &x {b: 1}\na:\n  <<: *x\n", {"a": {"b": 5}}, (3, 3), "merge key"),
    "two documents": ("a: 1\n---\na: 2\n", {"a": 5}, (2, 1), "second document"),
    "a list": ("# x\n- a\n", {"a": 5}, (2, 1), "a list stands where"),
    "a text": ("x\n", {"a": 5}, (1, 1), "a single value stands where"),
    "an explicit null": ("~\n", {"a": 5}, (1, 1), "a single value stands where"),
    "no YAML": ("a: 1\nb: [\n", {"a": 5}, (3, 1), "not valid YAML"),
    "an indentation": ("a: 1\n  b: 2\n", {"a": 5}, (2, 4), "not valid YAML: mapping values are not allowed here"),
    "a tabulator": ("a:\n\tb: 2\n", {"a": 5}, (2, 1), "not valid YAML"),
    "a control character": ("a: 1\nb: x\x01\n", {"a": 5}, (2, 5), "the character U.0001"),
    "an undefined alias": ("a: 1\nb: *x\n", {"a": 5}, (2, 4), "not valid YAML: found undefined alias."),
    "a key with a question mark": ("? a\n: 1\n", {"a": {"b": 5}}, (1, 3), "not followed by a colon"),
}


@pytest.mark.parametrize("text, settings, where, reason", REFUSED.values(), ids=REFUSED.keys())
def test_refused(text, settings, where, reason):
    with pytest.raises(SettingsError, match=reason) as caught:
        change(text, settings)
    assert str(caught.value).startswith(f"{PATH}, line {where[0]}, column {where[1]}: ")


@pytest.mark.parametrize("text", ["? a\n: 1\nb: 2\n", "? a\n:\n  x: 1\n"])
def test_a_key_with_a_question_mark_is_not_removed(text):
    with pytest.raises(SettingsError, match="line 1, column 3: the line does not begin with this key"):
        change(text, absent=["a"])


def test_an_absent_key_is_checked_as_well():
    with pytest.raises(SettingsError, match="line 1, column 4: the anchor"):
        change("a: &x\n  b: 1\nc: *x\n", absent=["a.b"])


def test_what_is_not_utf_8():
    with pytest.raises(SettingsError, match=r"swarm.yaml, line 2, column 4: this is not UTF-8 \(byte 8\)"):
        edit(b"a: 1\nb: \xe4\n", PATH, {"a": 2})


def test_deep_nesting():
    with pytest.raises(SettingsError, match="nested too deeply"):
        change("a: " + "[" * 3000 + "]" * 3000, {"b": 1})


@pytest.mark.parametrize("further", [1, -1, 2])
def test_a_wrong_splice_is_noticed(monkeypatch, further):
    """Whatever goes wrong in finding the place, a wrong file is never the result."""
    right = _yaml_edit._Splicer._content_end
    monkeypatch.setattr(_yaml_edit._Splicer, "_content_end", lambda self, node: right(self, node) + further)
    with pytest.raises(SettingsError, match=r"swarm.yaml is written in a way in which a\.b cannot be changed safely"):
        change("a:\n  b:\n    c: 11\nd: 1\n", {"a": {"b": 5}})


def test_before_and_after():
    edited = edit(
        WHOLE.encode("utf-8"),
        PATH,
        {"webPort": 80, "vrayImportDir": "/x", "new": {"key": [1]}, "logging": {"level": "INFO"}},
        [("logging", "web"), ("missing",)],
    )
    assert edited.before == {
        "webPort": 1113,
        "vrayImportDir": "/srv/alt",
        "logging": {"level": "INFO", "web": {"disabled": False, "level": "WARN"}},
    }
    assert edited.after == {
        "webPort": 80,
        "vrayImportDir": "/x",
        "new": {"key": [1]},
        "logging": {"level": "INFO"},
    }


def test_read_value():
    assert read_value(b"x: &p 99\nwebPort: *p\n", PATH, ("webPort",)) == 99
    assert read_value(b"", PATH, ("webPort",)) is None


VALUES = [*TEXTS[:60], 0, 1113, -7, 0.5, True, False, None, [], {}, ["a", 1], [["x"], {"y": "z"}], {"k": {"l": [1]}}]


@pytest.mark.parametrize("seed", range(300))
def test_any_change_of_any_file(seed):
    """Files as PyYAML writes them, in all its styles, with comments and spaces; a row of changes each."""
    rand = random.Random(seed)
    names = ["a", "b", "webPort", "logging", "é", "x y"]
    style = rand.choice([None, None, "'", '"', "|"])
    # With a style for all, PyYAML puts a tag before what is no text.
    values = VALUES if style is None else VALUES[:60]

    def value(depth=0):
        if depth < 3 and rand.random() < 0.3:
            return {name: value(depth + 1) for name in rand.sample(names, rand.randint(0, 3))}
        return copy.deepcopy(rand.choice(values))

    data = {name: value() for name in rand.sample(names, 4)}
    text = yaml.safe_dump(
        data,
        default_flow_style=rand.choice([None, True, False]),
        default_style=style,
        indent=rand.choice([2, 4]),
        allow_unicode=rand.random() < 0.5,
        line_break=rand.choice(["\n", "\r\n"]),
        width=rand.choice([20, 80]),
        sort_keys=False,
    )
    if rand.random() < 0.3:
        text = text.rstrip("\r\n")
    for dummy in range(4):
        if rand.random() < 0.7:
            settings = {rand.choice(names): value()}
            text = change(text, settings)
            merge(data, settings)
        else:
            name = rand.choice(names)
            text = change(text, absent=[name])
            data.pop(name, None)
        assert (yaml.safe_load(text) or {}) == data


def merge(data, settings):
    for name, value in settings.items():
        if isinstance(value, dict) and isinstance(data.get(name), dict):
            merge(data[name], value)
        else:
            data[name] = value


SECRETS = b"""\
# password: commented-1
webPort: 1113  # token = commented-2
"apiToken": 'quoted-3'   # why
key: 4444
proxy: {user: joe, passwd: plain-5, clientSecret: "dq-6"}
web:
  tls:
    privateKey: |
      line-7
      line-8
    keys: [item-9, {a: item-10}]
    keyframes: 25
tokenRequired: true
mine:
  password: set-11
gone:
  token: gone-12
  other: gone-13
"""
SHOWN_SECRETS = """\
# password: ********
webPort: 1113  # token = ********
"apiToken": ********   # why
key: ********
proxy: {user: joe, passwd: ********, clientSecret: ********}
web:
  tls:
    privateKey: ********
    keys: [********, {a: ********}]
    keyframes: 25
tokenRequired: true
mine:
  password: ********
gone:
  token: ********
  other: gone-13
"""


@pytest.mark.parametrize("breaks", ["\n", "\r\n"])
def test_what_is_secret_by_its_key_is_masked(breaks):
    content = SECRETS.replace(b"\n", breaks.encode())
    assert masked(content, "swarm.yaml") == SHOWN_SECRETS.replace("\n", breaks)
    assert masked(b"", "swarm.yaml") == ""


def test_returned_settings_hold_no_secret():
    returned = masked_values(yaml.safe_load(SECRETS))
    shown = masked(SECRETS, "swarm.yaml").replace("********", "'********'")
    assert returned == yaml.safe_load(shown)
    assert masked_values(None) is None


def test_a_diff_tells_that_a_secret_is_another_one():
    """Its mask alone would be the same, and no change would be seen."""
    before = b"""\
apiToken: was   # why
proxy: "http://joe:was@proxy:3128"
args: [--token, was, --port, 5]
keys: [same, was]
password: "********"
url: http://joe:********@host
dbPass: 1
auth: {same: same, same: was}
header: |
  Authorization: was
other: http://joe:same@proxy
# proxy: http://joe:off@proxy
"""
    after = before.replace(b"was", b"new").replace(b'"********"', b"new").replace(b":********@", b":new@")
    after = after.replace(b"dbPass: 1", b"dbPass: '1'")
    mask, new = "********", "******** (changed)"
    shown = """\
apiToken: {0}   # why
proxy: "http://joe:{0}@proxy:3128"
args: [--token, {0}, --port, 5]
keys: [{1}, {0}]
password: {0}
url: http://joe:{0}@host
dbPass: {0}
auth: {{same: {1}, same: {0}}}
header: {0}
other: http://joe:{1}@proxy
# proxy: http://joe:{1}@proxy
"""
    assert masked(before, PATH) == masked(after, PATH) == masked(before, PATH, before) == shown.format(mask, mask)
    assert masked(after, PATH, before) == shown.format(new, mask)
