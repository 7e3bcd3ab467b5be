# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any change of any swarm.yaml, judged by PyYAML: it says what was wanted and nothing else moved, or it was refused."""

from __future__ import annotations

import copy
import re

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from properties import examples

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SettingsError
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._yaml_edit import edit, masked

PATH = "/etc/swarm/swarm.yaml"
KEYS = ["webPort", "vrayImportDir", "allowExecutables", "logging", "a", "é", "x y", "level"]
COMMENTS = st.sampled_from(["", "", "", " # why", "   #", "\t# x: 1", " # 'a"])
ODD_LINES = st.sampled_from(["", "  ", "# a comment", "    # an indented one", "#x: 1", "\t"])
WORDS = st.sampled_from(
    [
        "'a: b'",
        "a b",
        "'# x'",
        *r"""1113 0 -7 0.5 010 true no null ~ yes.no x /srv/vray 2026-01-01 1e3 0x1f 12:30 <<x 'it''s' 'true' '' '#' "" a#b é
    C:\x http://x/y "D:\\x" "\u00e9" 'open""".split(),
    ]
)
PLAIN = st.one_of(
    st.booleans(),
    st.integers(-5, 70000),
    st.sampled_from([0.5, 1e16, None]),
    st.text(max_size=8),
    st.sampled_from(["no", "1"]),
).filter(lambda value: not isinstance(value, str) or not re.search("[\ud800-\udfff]", value))
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def entries(draw, indent, depth, odd):
    """Some lines of a mapping, as people write them."""
    lines = []
    step = draw(st.sampled_from([1, 2, 4]))
    for name in draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=not odd)):
        lines += draw(st.lists(ODD_LINES, max_size=1))
        key = draw(st.sampled_from([name, name, name, f"'{name}'", f'"{name}"']))
        colon = draw(st.sampled_from([": ", ": ", ":   ", " : "]))
        comment = draw(COMMENTS)
        kinds = ["word", "word", "word", "flow", "list", "null", "block text", "map", "two lines"]
        kind = draw(st.sampled_from(kinds + ["anchor", "alias", "tag", "merge", "question"] * odd))
        deeper = " " * (indent + step)
        if kind == "map" and depth < 2:
            lines.append(f"{key}{colon}".rstrip() + comment)
            lines += [line and " " * step + line for line in draw(entries(0, depth + 1, odd))]
        elif kind == "list":
            lines.append(f"{key}{colon}".rstrip() + comment)
            gap = draw(st.sampled_from(["", "  "]))
            lines += [f"{gap}- {draw(WORDS)}{draw(COMMENTS)}" for dummy in range(draw(st.integers(1, 3)))]
        elif kind == "flow":
            flow = draw(
                st.sampled_from(["{}", "[]", "{a: 1}", "[1, 'x']", "{level: INFO, a: {é: [1]}}", "{'a': 1 , }"])
            )
            lines.append(f"{key}{colon}{flow}{comment}")
        elif kind == "block text":
            mark = draw(st.sampled_from(["|", ">", "|-", ">+", "|2"]))
            lines.append(f"{key}{colon}{mark}{comment}")
            lines.append("  some: text # no comment")
            lines += draw(st.lists(st.sampled_from(["", "  more", "   x"]), max_size=2))
        elif kind == "two lines":
            lines += [f"{key}{colon}some", f"{deeper}more{comment}"]
        elif kind == "null":
            lines.append(f"{key}{colon}".rstrip() + comment)
        elif kind == "anchor":
            lines.append(f"{key}{colon}&x {draw(WORDS)}{comment}")
        elif kind == "alias":
            lines.append(f"{key}{colon}*x{comment}")
        elif kind == "tag":
            lines.append(f"{key}{colon}!!str {draw(WORDS)}{comment}")
        elif kind == "merge":
            lines.append(f"<<{colon}{{a: 1}}{comment}")
        elif kind == "question":
            lines += [f"? {key}", f": {draw(WORDS)}{comment}"]
        else:
            lines.append(f"{key}{colon}{draw(WORDS)}{comment}")
    return [line and " " * indent + line for line in lines]


@st.composite
def documents(draw):
    """The text of a file: mostly a right one, sometimes one with what has to be refused."""
    lines = draw(entries(draw(st.sampled_from([0, 0, 0, 2])), 0, draw(st.sampled_from([False, False, True]))))
    lines = draw(st.sampled_from([[], [], ["---"], ["# V-Ray Swarm", ""], ["%YAML 1.1", "---"]])) + lines
    lines += draw(st.sampled_from([[], [], [""], ["# the end"], ["..."], ["---", "a: 1"]]))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    text = newline.join(lines) + draw(st.sampled_from([newline, newline, ""]))
    return draw(st.sampled_from(["", "", "", "\ufeff"])) + text


@st.composite
def dumped(draw):
    """A file as PyYAML writes it."""
    data = draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
    return yaml.safe_dump(
        data,
        default_flow_style=draw(st.sampled_from([False, False, None, True])),
        indent=draw(st.sampled_from([2, 4])),
        allow_unicode=draw(st.booleans()),
        line_break=draw(st.sampled_from(["\n", "\r\n"])),
        width=draw(st.sampled_from([20, 80])),
        sort_keys=False,
    )


def parse(text):
    """What PyYAML says; None where it cannot read it."""
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError):
        return None
    return {} if data is None else data


def merge(data, settings):
    for name, value in settings.items():
        if isinstance(value, dict) and isinstance(data.get(name), dict):
            merge(data[name], value)
        else:
            data[name] = copy.deepcopy(value)


def drop(data, path):
    for name in path[:-1]:
        data = data.get(name)
        if not isinstance(data, dict):
            return
    data.pop(path[-1], None)


def equal(one, other):
    """As in YAML: true is not 1, and a key has its place."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(equal(*pair) for pair in zip(one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def region(text, name):
    """Where a key of the root may be changed: from the end of the entry before it to the begin of the next one."""
    root = yaml.compose(text, yaml.SafeLoader)
    pairs = list(root.value) if root else []
    for number, (key, _value) in enumerate(pairs):
        if key.value == name and key.tag.endswith(":str"):
            following = pairs[number + 1][0].start_mark.index if number + 1 < len(pairs) else len(text)
            before = pairs[number - 1][1].end_mark.index if number else 0
            # PyYAML lets a list end where the next thing begins, behind its indentation.
            return len(text[:before].rstrip(" ")), following
    return None


def check(text, settings, absent=()):
    """Make one change, and let PyYAML judge it; return whether it was made."""
    before = parse(text)
    try:
        edited = edit(text.encode("utf-8"), PATH, settings, absent)
    except SettingsError as error:
        assert str(error).startswith(PATH)
        return False
    assert isinstance(before, dict), "a file that is none was changed"
    assert edited.changed == (edited.content != text.encode("utf-8"))
    after = edited.content.decode("utf-8")
    wanted = copy.deepcopy(before)
    merge(wanted, settings)
    for path in absent:
        drop(wanted, path)
    assert equal(parse(after), wanted)
    stays(text, after, next(iter(settings), None) or absent[0][0])
    # A second run finds nothing to do.
    again = edit(edited.content, PATH, settings, absent)
    assert not again.changed and again.content == edited.content
    # What could be changed can be shown.
    assert masked(edited.content, PATH)[:1] == after[:1]
    return True


def stays(before, after, name):
    """One key of the root was changed: all that is before and behind it is there as it was, byte for byte."""
    place = region(before, name)
    if place is None:
        # Something was put into the text, and nothing taken out.
        head = next((number for number, pair in enumerate(zip(before, after)) if pair[0] != pair[1]), len(before))
        assert after.endswith(before[head:]) and len(after) >= len(before)
        return
    start, end = place
    assert after.startswith(before[:start]) and after.endswith(before[end:])
    assert len(after) >= start + len(before) - end
    # The lines end as they did, and a comment after a value stays after what has its place.
    inside = after[start : len(after) - (len(before) - end)]
    for mark in ("\r\n", "\r", "\n"):
        if mark in before:
            assert set(re.findall("\r\n|\r|\n", inside)) <= {mark}
            break
    comment = comment_of(before, name)
    if comment and region(after, name):
        assert comment in inside


def comment_of(text, name):
    """The comment after the value of a key of the root that is written on one line."""
    for key, value in yaml.compose(text, yaml.SafeLoader).value:
        if key.value == name and isinstance(value, yaml.ScalarNode) and value.style not in ("|", ">"):
            rest = re.match("[^\r\n]*", text[value.end_mark.index :]).group().strip()
            return rest if rest.startswith("#") else ""
    return ""


@examples(400)
@given(documents(), st.sampled_from(KEYS), VALUES)
@example("a: 1\nwebPort: 1113 # x\n", "webPort", 80)
@example("webPort: 1\n", "webPort", "1")
@example("a: no\n", "a", "no")
def test_any_key_of_any_file(text, name, value):
    check(text, {name: value})


@examples(300)
@given(dumped(), st.sampled_from(KEYS), VALUES)
def test_a_file_of_pyyaml_is_never_refused(text, name, value):
    assert check(text, {name: value})


@examples(250)
@given(documents(), st.lists(st.sampled_from(KEYS), min_size=1, max_size=2))
def test_any_key_goes(text, path):
    check(text, {}, [tuple(path)])


@examples(250)
@given(documents(), st.sampled_from(KEYS), st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=2))
def test_any_nested_key(text, name, inner):
    check(text, {name: inner})


@examples(150)
@given(st.binary(max_size=60) | st.text("ab:-[]{}&*!#|>'\"%@,? \n\t", max_size=40).map(str.encode))
def test_any_bytes(content):
    """No file makes it crash."""
    try:
        edited = edit(content, PATH, {"webPort": 80})
    except SettingsError as error:
        assert str(error).startswith(PATH)
    else:
        after = parse(edited.content)
        # A list as a key is YAML as well, though nothing for Python.
        assert after is None or after["webPort"] == 80


def test_most_of_the_files_are_changed():
    """The generator above makes files that are worth a try: one that made broken ones only would prove nothing."""
    made = []

    @examples(200)
    @given(documents(), st.sampled_from(KEYS), PLAIN)
    def run(text, name, value):
        made.append(check(text, {name: value}))

    run()
    assert sum(made) > len(made) / 3, (sum(made), len(made))
    assert sum(made) < len(made)


@pytest.mark.parametrize("text, name", [("a: 1\n", "a"), ("b: 1\n", "a"), ("b: {a: 1}\n", "b")])
def test_the_judge_is_no_friend(text, name):
    """A change elsewhere would be seen."""
    with pytest.raises(AssertionError):
        stays("x: 1\n" + text, "x: 2\n" + text.replace("1", "5"), name)
