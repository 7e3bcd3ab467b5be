# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answers of a peer, those of the page and those of nobody."""

from __future__ import annotations

import json

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._answer import (
    MAX_ANSWER_BYTES,
    Answer,
    parse_answer,
    parse_flag,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import AnswerError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version

VERSION = {"_revHash": "e8197af2", "_ver": {"_major": 6, "_minor": 20, "_release": 10}}
RAPID = {
    "takenSeconds": 6,
    "tmpFile": "/tmp/servant-multipart106588-2924.buf",
    "uploadedFileSize": 458321016,
    "deployedInDirectory": "/tmp/VRay/vray-6.20.10-e8197af2",
    "uploadedVrayVersion": VERSION,
}
QUEUED = {"queuedAs": "/data/VRay/import/a.tar", "uploadedFileSize": 458321016, "tmpFile": "/tmp/b.buf"}
EXISTING = {"message": "V-Ray version already exists", "tmpFile": "/tmp/b.buf", "uploadedVrayVersion": VERSION}
FAILED = {"message": "No space left", "tmpFile": "/tmp/b.buf"}
ANSWERS = {"RapidUR": RAPID, "QueuedUR": QUEUED, "ExistingUR": EXISTING, "FailUR": FAILED}


def short(value):
    """The name of a parameter: without this, pytest prints megabytes."""
    return repr(value[:40]) if isinstance(value, bytes) else None


def body(obj):
    return json.dumps(obj).encode("utf-8")


def refusal(content, parse=parse_answer):
    with pytest.raises(AnswerError) as caught:
        parse(content)
    message = str(caught.value)
    assert message.startswith("The peer's answer ")
    assert "It has %d byte" % len(content) in message
    assert len(message) < 600
    assert message.isprintable()
    return message


def test_rapid():
    answer = parse_answer(body({"RapidUR": RAPID}))
    assert answer == Answer(
        outcome="rapid",
        raw={"RapidUR": RAPID},
        tmp_file="/tmp/servant-multipart106588-2924.buf",
        version=Version(6, 20, 10, "e8197af2"),
        uploaded_file_size=458321016,
        taken_seconds=6,
        deployed_in_directory="/tmp/VRay/vray-6.20.10-e8197af2",
    )
    assert answer.raw == {"RapidUR": RAPID}
    assert (answer.message, answer.queued_as) == (None, None)


def test_queued():
    answer = parse_answer(body({"QueuedUR": QUEUED}))
    assert (answer.outcome, answer.queued_as, answer.uploaded_file_size, answer.tmp_file) == (
        "queued",
        "/data/VRay/import/a.tar",
        458321016,
        "/tmp/b.buf",
    )
    assert (answer.version, answer.taken_seconds, answer.deployed_in_directory, answer.message) == (None,) * 4


def test_existing():
    answer = parse_answer(body({"ExistingUR": EXISTING}))
    assert (answer.outcome, answer.message, answer.version) == (
        "existing",
        "V-Ray version already exists",
        Version(6, 20, 10, "e8197af2"),
    )
    assert answer.uploaded_file_size is None


def test_failed():
    answer = parse_answer(body({"FailUR": FAILED}))
    assert (answer.outcome, answer.message, answer.tmp_file) == ("failed", "No space left", "/tmp/b.buf")
    assert answer.version is None


def test_white_space_and_a_byte_order_mark_are_tolerated():
    assert parse_answer(b"\xef\xbb\xbf \r\n" + body({"FailUR": FAILED}) + b"\n\n").outcome == "failed"


def test_further_members_are_ignored_but_kept_in_raw():
    content = dict(FAILED, extra={"a": [1, None]})
    answer = parse_answer(body({"FailUR": content}))
    assert answer.message == "No space left"
    assert answer.raw == {"FailUR": content}


def test_text_beyond_ascii():
    answer = parse_answer(json.dumps({"FailUR": dict(FAILED, message="\u5931\u6557 \U0001f600")}).encode("ascii"))
    assert answer.message == "\u5931\u6557 \U0001f600"


def test_floats_without_a_fraction_are_whole_numbers():
    answer = parse_answer(body({"QueuedUR": dict(QUEUED, uploadedFileSize=458321016.0)}))
    assert answer.uploaded_file_size == 458321016
    assert isinstance(answer.uploaded_file_size, int)
    assert parse_answer(body({"QueuedUR": dict(QUEUED, uploadedFileSize=0)})).uploaded_file_size == 0


def test_seconds_may_have_a_fraction():
    assert parse_answer(body({"RapidUR": dict(RAPID, takenSeconds=6.9)})).taken_seconds == 6


@pytest.mark.parametrize("key, member", [(key, member) for key, content in ANSWERS.items() for member in content])
def test_each_member_is_required(key, member):
    content = dict(ANSWERS[key])
    del content[member]
    assert "has no %s in %s" % (member, key) in refusal(body({key: content}))


@pytest.mark.parametrize(
    "key, member, value",
    [
        (key, member, value)
        for key, content in ANSWERS.items()
        for member, right in content.items()
        for value in (None, True, [], {}, "55555", -1, 1.5)
        if not (isinstance(right, str) and isinstance(value, str))
        if not (member == "takenSeconds" and value == 1.5)
    ],
)
def test_each_member_has_its_type(key, member, value):
    message = refusal(body({key: dict(ANSWERS[key], **{member: value})}))
    assert member in message
    assert key in message


def test_a_bad_version_says_what_is_wrong():
    bad = {"_revHash": "e8197af2", "_ver": {"_major": True, "_minor": 20, "_release": 10}}
    assert "_ver._major is not a whole number" in refusal(body({"ExistingUR": dict(EXISTING, uploadedVrayVersion=bad)}))


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "is HTML or XML"),
        (b"\n  <html>", "is HTML or XML"),
        (b"Internal Server Error", "is not JSON"),
        (b"{'RapidUR': {}}", "is not JSON"),
        (b"{nope", "is not JSON"),
        (b'{"FailUR": {}} trailing', "is not JSON"),
        (b'{"FailUR": {}}{"FailUR": {}}', "is not JSON"),
        (b"\xff\xfe{\x00", "is not valid UTF-8 at byte offset 0"),
        (b'{"FailUR": "\xe9t\xe9"}', "is not valid UTF-8 at byte offset 12"),
        (b'\xef\xbb\xbf{"FailUR": "\xe9"}', "is not valid UTF-8 at byte offset 15"),
        (b"null", "is JSON, but not an object"),
        (b"true", "is JSON, but not an object"),
        (b'"RapidUR"', "is JSON, but not an object"),
        (b'[{"FailUR": {}}]', "is JSON, but not an object"),
        (b"{}", "has no key"),
        (b'{"FailUR": {}, "RapidUR": {}}', "has 2 keys"),
        (b'{"RapidUr": {}}', "has the unknown key 'RapidUr'"),
        (b'{"\\u001b[2J": {}}', "has the unknown key '\\x1b[2J'"),
        (b'{"FailUR": {}, "FailUR": {}}', "has the key 'FailUR' more than once"),
        (b'{"FailUR": {"tmpFile": "a", "tmpFile": "b"}}', "has the key 'tmpFile' more than once"),
        (b'{"FailUR": "message"}', "has no object under FailUR"),
        (b'{"FailUR": [1]}', "has no object under FailUR"),
        (b'{"FailUR": {"x": NaN}}', "has NaN"),
        (b'{"FailUR": {"x": -Infinity}}', "has -Infinity"),
        (b'{"FailUR": {"x": 1e999}}', "has a number that is too large"),
        (b'{"FailUR": {"x": ' + b"9" * 100000 + b"}}", "has a number that is too large"),
        (b'{"FailUR": {"message": "\\ud800", "tmpFile": ""}}', "half of a surrogate pair"),
        (b'{"FailUR": {"\\udc00": 1}}', "half of a surrogate pair"),
        (b"[" * 500000, "is nested too deeply"),
        (b'{"a":' * 100000, "is nested too deeply"),
        (b'{"FailUR": {"x": ' + b"[" * 40 + b"]" * 40 + b"}}", "is nested too deeply"),
        (b"\x1b[31m" * 1000, "is not JSON"),
        (b"\x00" * 5000, "is not JSON"),
    ],
    ids=short,
)
def test_anything_else_is_refused(content, problem):
    assert problem in refusal(content)


@pytest.mark.parametrize("content", [b"{}", b'{"a": {}}', b"1", b'{"FailUR": 1, "RapidUR": 2}'])
def test_the_known_keys_are_named(content):
    assert "ExistingUR, FailUR, QueuedUR, RapidUR" in refusal(content)


@pytest.mark.parametrize("value", [9223372036854775808, 1e300])
def test_sizes_have_a_limit(value):
    assert "uploadedFileSize" in refusal(body({"QueuedUR": dict(QUEUED, uploadedFileSize=value)}))


def test_every_cut_of_an_answer_is_called_truncated():
    whole = json.dumps({"RapidUR": dict(RAPID, x="\u5931", y=[True, False, None, -1.5])}).encode("ascii")
    for end in range(1, len(whole)):
        assert "breaks off before its end" in refusal(whole[:end]), whole[:end]


def test_a_cut_inside_a_character_is_refused():
    whole = '{"FailUR": {"message": "\u5931'.encode("utf-8")
    assert "is not valid UTF-8 at byte offset 24" in refusal(whole[:-1])


def test_a_long_body_is_refused_before_it_is_parsed(monkeypatch):
    def parse(*args, **kwargs):
        raise AssertionError("parsed")

    padding = b" " * (MAX_ANSWER_BYTES - len(body({"FailUR": FAILED})))
    assert parse_answer(body({"FailUR": FAILED}) + padding).outcome == "failed"
    monkeypatch.setattr(json, "loads", parse)
    assert "is longer than the 1048576 bytes" in refusal(body({"FailUR": FAILED}) + padding + b" ")
    assert "is longer" in refusal(b"x" * 50000000)
    assert "is longer" in refusal(b" " * 50000000, parse_flag)


@pytest.mark.parametrize("content", [b"true", b"True", b" TRUE\r\n", b"\xef\xbb\xbftrue"])
def test_flag_true(content):
    assert parse_flag(content) is True


@pytest.mark.parametrize("content", [b"false", b"False", b"\tfalse\n"])
def test_flag_false(content):
    assert parse_flag(content) is False


@pytest.mark.parametrize(
    "content", [b"", b"1", b"null", b'"true"', b"yes", b"true false", b"<html>true</html>", b"\xff"]
)
def test_flag_is_nothing_else(content):
    assert "is neither true nor false" in refusal(content, parse_flag)
