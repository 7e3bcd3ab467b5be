# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a peer answers: the parser returns or refuses, and a success is one that the bytes really say."""

from __future__ import annotations

import copy
import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from properties import examples

from ansible_collections.renderops.vray_swarm.plugins.module_utils._answer import parse_answer, parse_flag
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import AnswerError

TEXTS = st.one_of(
    st.sampled_from(["", "V-Ray version already exists", "/tmp/servant-multipart7-1.buf"]), st.text(max_size=20)
)
COUNTS = st.integers(0, 2**63 - 1)
VERSIONS = st.fixed_dictionaries(
    {
        "_revHash": st.text("0123456789abcdef", min_size=8, max_size=8),
        "_ver": st.fixed_dictionaries(
            {"_major": st.integers(0, 99), "_minor": st.integers(0, 99), "_release": st.integers(0, 99)}
        ),
    }
)
MEMBERS = {
    "RapidUR": {
        "deployedInDirectory": TEXTS,
        "uploadedFileSize": COUNTS,
        "tmpFile": TEXTS,
        "takenSeconds": COUNTS,
        "uploadedVrayVersion": VERSIONS,
    },
    "QueuedUR": {"queuedAs": TEXTS, "uploadedFileSize": COUNTS, "tmpFile": TEXTS},
    "ExistingUR": {"message": TEXTS, "tmpFile": TEXTS, "uploadedVrayVersion": VERSIONS},
    "FailUR": {"message": TEXTS, "tmpFile": TEXTS},
}
OUTCOMES = {"RapidUR": "rapid", "QueuedUR": "queued", "ExistingUR": "existing", "FailUR": "failed"}
# The members of an answer, and the fields of what is returned.
FIELDS = {
    "deployedInDirectory": "deployed_in_directory",
    "uploadedFileSize": "uploaded_file_size",
    "tmpFile": "tmp_file",
    "takenSeconds": "taken_seconds",
    "queuedAs": "queued_as",
    "message": "message",
}
ANSWERS = st.sampled_from(sorted(MEMBERS)).flatmap(
    lambda key: st.fixed_dictionaries({key: st.fixed_dictionaries(MEMBERS[key])})
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({*MEMBERS, *FIELDS, "uploadedVrayVersion", "_ver", "_revHash", "_major", "x"})


@st.composite
def spoilt_objects(draw):
    """An answer whose JSON was changed: members gone, renamed, added, of another type or in another place."""
    answer = copy.deepcopy(draw(ANSWERS))
    for dummy in range(draw(st.integers(1, 3))):
        places = [answer]
        while isinstance(places[-1], dict) and places[-1] and draw(st.booleans()):
            inner = draw(st.sampled_from(sorted(places[-1])))
            if not isinstance(places[-1][inner], dict):
                break
            places.append(places[-1][inner])
        place = places[-1]
        name = draw(st.sampled_from(sorted(place) or NAMES))
        action = draw(st.sampled_from(["remove", "replace", "rename", "add", "whole"]))
        if action == "remove":
            place.pop(name, None)
        elif action == "replace":
            place[name] = draw(JSON)
        elif action == "rename":
            place[draw(st.sampled_from(NAMES))] = place.pop(name, None)
        elif action == "add":
            place[draw(st.sampled_from(NAMES))] = draw(st.one_of(JSON, ANSWERS))
        else:
            return draw(st.one_of(JSON, st.lists(ANSWERS, max_size=2)))
    return answer


@st.composite
def spoilt_bytes(draw):
    """The bytes of an answer, after some of what networks, proxies and programs do to bytes."""
    body = json.dumps(draw(ANSWERS), ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    for dummy in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 12)))
        action = draw(st.sampled_from(["cut", "remove", "replace", "repeat", "twice", "other"]))
        if action == "cut":
            body = body[:start]
        elif action == "remove":
            body = body[:start] + body[end:]
        elif action == "replace":
            body = body[:start] + draw(st.binary(max_size=4)) + body[end:]
        elif action == "repeat":
            body = body[:end] + body[start:end] + body[end:]
        elif action == "twice":
            body += body
        else:
            other = json.dumps(draw(ANSWERS)).encode("utf-8")
            body = body[:start] + other[draw(st.integers(0, len(other))) :]
    return body


def read(body):
    """The answer by another reader: an object is the list of its pairs, with None at its end to tell it from a list."""
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=lambda pairs: [*pairs, None])
    except (ValueError, RecursionError):
        return None


def check(body):
    try:
        answer = parse_answer(body)
    except AnswerError as error:
        text = str(error)
        assert text.startswith("The peer's answer ") and len(text) < 1000
        # It goes to a terminal.
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", text), repr(text)
        return None
    # Read once more, by nothing of ours.
    pairs = read(body)
    assert [type(pair) for pair in pairs] == [tuple, type(None)]
    ((key, content), _end) = pairs
    names = [name for name, _value in content[:-1]]
    assert len(set(names)) == len(names)
    found = dict(content[:-1])
    assert set(MEMBERS[key]) <= set(found)
    assert answer.outcome == OUTCOMES[key]
    for name in set(MEMBERS[key]) & set(FIELDS):
        value = found[name]
        if name == "takenSeconds":
            value = int(value)
        assert getattr(answer, FIELDS[name]) == value and not isinstance(value, bool)
        if name == "uploadedFileSize":
            assert isinstance(answer.uploaded_file_size, int) and answer.uploaded_file_size >= 0
    if "uploadedVrayVersion" in MEMBERS[key]:
        version = dict(found["uploadedVrayVersion"][:-1])
        numbers = dict(version["_ver"][:-1])
        parts = [int(numbers[name]) for name in ("_major", "_minor", "_release")]
        assert str(answer.version) == "%d.%d.%d-%s" % (*parts, version["_revHash"])
    return answer


@examples(150)
@given(ANSWERS)
def test_what_is_documented_is_understood(answer):
    assert check(json.dumps(answer).encode("ascii")).raw == answer


@examples(300)
@given(spoilt_objects())
def test_another_object(answer):
    check(json.dumps(answer).encode("ascii"))


@examples(500)
@given(spoilt_bytes())
@example(b'{"RapidUR": {}, "RapidUR": {}}')
@example(b'{"FailUR": {"message": "a", "tmpFile": "b", "message": "c"}}')
def test_other_bytes(body):
    check(body)


@examples(200)
@given(st.binary(max_size=200))
def test_any_bytes(body):
    assert check(body) is None


@examples(200)
@given(ANSWERS, st.data())
def test_a_part_of_an_answer_is_none(answer, data):
    body = json.dumps(answer).encode("ascii")
    with pytest.raises(AnswerError):
        parse_answer(body[: data.draw(st.integers(0, len(body) - 1))])


@examples(200)
@given(st.one_of(st.binary(max_size=12), st.sampled_from([b"true", b"false", b"True ", b'"true"', b"true false"])))
def test_any_flag(body):
    try:
        flag = parse_flag(body)
    except AnswerError:
        return
    assert body.strip(b"\xef\xbb\xbf \t\r\n\x0b\x0c").lower() == (b"true" if flag else b"false")
