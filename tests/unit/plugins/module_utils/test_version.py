# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The version: read, ordered, written, and found in file names."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import VersionError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import (
    Version,
    find_version,
    harmless,
    harmless_lines,
    printable,
    shown,
)

PAGE_DICT = {"_revHash": "e8197af2", "_ver": {"_major": 6, "_minor": 20, "_release": 10}}


def short(value):
    """The name of a parameter: without this, pytest prints all of it."""
    return repr(value)[:40] if isinstance(value, (str, bytes)) else None


def version_dict(**changes):
    numbers = {"_major": 6, "_minor": 20, "_release": 10}
    numbers.update((name, value) for name, value in changes.items() if name != "_revHash")
    return {"_revHash": changes.get("_revHash", "e8197af2"), "_ver": numbers}


def test_the_example_of_the_page_goes_both_ways():
    version = Version.from_dict(PAGE_DICT)
    assert (version.major, version.minor, version.release, version.rev_hash) == (6, 20, 10, "e8197af2")
    assert str(version) == "6.20.10-e8197af2"
    assert Version.parse("6.20.10-e8197af2") == version
    assert version.as_dict() == PAGE_DICT


def test_leading_zeros_do_not_count():
    assert Version.parse("7.00.06-x") == Version.parse("7.0.6-x")
    assert hash(Version.parse("7.00.06-x")) == hash(Version.parse("7.0.6-x"))
    assert str(Version.parse("7.00.06-x")) == "7.0.6-x"


def test_order_is_by_number_and_then_by_hash():
    ordered = ["6.3.0-f", "6.20.9-f", "6.20.10-a", "6.20.10-b", "10.0.0-0"]
    versions = [Version.parse(text) for text in ordered]
    shuffled = [versions[index] for index in (3, 0, 4, 2, 1)]
    assert sorted(shuffled) == versions
    assert versions[0] < versions[1] <= versions[1] < versions[2]
    assert max(versions) > versions[0]


def test_is_not_compared_with_anything_else():
    assert Version.parse("6.20.10-a") != "6.20.10-a"
    with pytest.raises(TypeError):
        assert Version.parse("6.20.10-a") < "6.20.11-a"


def test_cannot_be_changed():
    with pytest.raises(AttributeError):
        Version.parse("6.20.10-a").major = 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6.20.10",
        "6.20.10-",
        "6.20-e8197af2",
        "6.20.10.1-e8197af2",
        "-6.20.10-e8197af2",
        "6.20.10-e8197af2\n",
        " 6.20.10-e8197af2",
        "6.20.10-e8197af2 ",
        "6.20.10-e819_af2",
        "6.20.10-../../x",
        "6.2 0.10-e8197af2",
        "v6.20.10-e8197af2",
        "6.20.10-\u00e9",
        "\u0666.20.10-e8197af2",  # an Arabic digit, which int() would take
        "6.20.1\u00b2-e8197af2",
        "6.20.1000000000-e8197af2",
        "6.20.10-" + "a" * 65,
        None,
        6,
        6.2,
        True,
        b"6.20.10-e8197af2",
        ["6.20.10-e8197af2"],
        PAGE_DICT,
    ],
    ids=short,
)
def test_malformed_text_is_shown(text):
    with pytest.raises(VersionError) as caught:
        Version.parse(text)
    assert repr(text)[:40] in str(caught.value)
    assert "6.20.10-e8197af2" in str(caught.value)


@pytest.mark.parametrize(
    "obj, problem",
    [
        (None, "None is not a version dictionary: expected"),
        ("6.20.10-e8197af2", "'6.20.10-e8197af2' is not a version dictionary: expected"),
        ([], "[] is not"),
        ({}, "_ver is missing"),
        ({"_revHash": "e8197af2"}, "_ver is missing"),
        ({"_ver": PAGE_DICT["_ver"]}, "_revHash is missing"),
        ({"_revHash": "e8197af2", "_ver": "6.20.10"}, "_ver is not a dictionary"),
        ({"_revHash": "e8197af2", "_ver": {"_major": 6, "_minor": 20}}, "_ver._release is missing"),
        (version_dict(_revHash=None), "_revHash is not a text"),
        (version_dict(_revHash=12345678), "_revHash is not a text"),
        (version_dict(_revHash=""), "_revHash is not a text"),
        (version_dict(_revHash="../x"), "_revHash is not a text"),
        (version_dict(_revHash="e8197af2\n"), "_revHash is not a text"),
        (version_dict(_major=True), "_ver._major is not a whole number"),
        (version_dict(_major="6"), "_ver._major is not a whole number"),
        (version_dict(_minor=20.0), "_ver._minor is not a whole number"),
        (version_dict(_minor=None), "_ver._minor is not a whole number"),
        (version_dict(_release=-1), "_ver._release is not a whole number"),
        (version_dict(_release=10**9), "_ver._release is not a whole number"),
        (version_dict(_release=10**5000), "_ver._release is not a whole number"),
    ],
)
def test_malformed_dictionary_is_shown_with_its_fault(obj, problem):
    with pytest.raises(VersionError) as caught:
        Version.from_dict(obj)
    assert problem in str(caught.value)
    assert '{"_revHash": "e8197af2"' in str(caught.value)


def test_further_members_are_ignored():
    assert Version.from_dict(dict(PAGE_DICT, _extra=1, _ver=dict(PAGE_DICT["_ver"], _build=7))) == Version.from_dict(
        PAGE_DICT
    )


def test_subclasses_become_plain_values():
    class Text(str):
        pass

    class Number(int):
        pass

    numbers = dict.fromkeys(("_major", "_minor", "_release"), Number(1))
    version = Version.from_dict({"_revHash": Text("ab"), "_ver": numbers})
    assert type(version.major) is type(version.minor) is type(version.release) is int  # pylint: disable=unidiomatic-typecheck
    assert type(version.rev_hash) is str  # pylint: disable=unidiomatic-typecheck
    assert type(Version.parse(Text("1.2.3-ab")).rev_hash) is str  # pylint: disable=unidiomatic-typecheck


def test_messages_are_bounded_and_harmless():
    with pytest.raises(VersionError) as caught:
        Version.parse("\x1b[2J\u202e" + "x" * 1000000)
    assert len(str(caught.value)) < 400
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert "..." in str(caught.value)


def test_shown_survives_what_cannot_be_printed():
    class Broken:
        def __repr__(self):
            raise RuntimeError("no")

    assert shown(Broken()) == "<Broken>"
    assert len(shown([1] * 1000, 50)) == 53
    assert shown("x" * 50, 50) == "'" + "x" * 50 + "'"


@pytest.mark.parametrize(
    "name, expected",
    [
        ("vray-6.20.10-e8197af2.tar", "6.20.10-e8197af2"),
        ("vray-6.20.10-e8197af2", "6.20.10-e8197af2"),
        ("vray-7.00.06-E8197AF2.tar.gz", "7.0.6-E8197AF2"),
        ("6.20.10-e8197a_linux.zip", "6.20.10-e8197a"),
        ("vray6.20.10-e8197af2-linux.tar", "6.20.10-e8197af2"),
        ("vray_6.20.10-" + "a" * 40 + ".tar", "6.20.10-" + "a" * 40),
        ("/import/1.2.3-abcdef/vray-6.20.10-e8197af2.tar", "6.20.10-e8197af2"),
        ("C:\\import\\1.2.3-abcdef\\vray-6.20.10-e8197af2.tar", "6.20.10-e8197af2"),
        ("vray-6.20.10-e8197af2-6.020.010-e8197af2.tar", "6.20.10-e8197af2"),
        ("vray-6.20.10-20269999.tar", "6.20.10-20269999"),
        ("vray-6.20.10-e8197af2-7.0.6-e8197af2.tar", None),
        ("/import/6.20.10-e8197af2/vray.tar", None),
        ("vray-6.20.10-linux.tar", None),
        ("vray-6.20.10-facade5.tar", "6.20.10-facade5"),
        ("vray-6.20.10-20260131.tar", None),  # a date
        ("vray-6.20.10-e8197.tar", None),
        ("vray-6.20.10-e8197af2x.tar", None),
        ("vray_6.20.10-" + "a" * 41 + ".tar", None),
        ("vray-1.6.20.10-e8197af2.tar", None),
        ("vray-6.20.10.tar", None),
        ("vray-lin-df715d3c8ff9.tar", None),
        ("vraystd_adv_71000_rhel8_clang-gcc-11.2", None),
        ("vray-\u0666.20.10-e8197af2.tar", None),
        ("", None),
        ("1." * 100000, None),
    ],
    ids=short,
)
def test_version_in_a_file_name(name, expected):
    found = find_version(name)
    assert found == (None if expected is None else Version.parse(expected))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a ä 漢", "a ä 漢"),
        ("{{ 1 + 1 }} {% raw %}", "{{ 1 + 1 }} {% raw %}"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31m\x07\x7f\x9b", "\\x1b[31m\\x07\\x7f\\x9b"),
        ("\u202e\u2066\u2028\ufeff", "\\u202e\\u2066\\u2028\\ufeff"),
        ("\udc80", "\\udc80"),
    ],
)
def test_nothing_that_a_terminal_would_obey(text, expected):
    assert printable(text) == expected
    assert expected.isprintable()


@pytest.mark.parametrize(
    "value, expected",
    [
        ("ä 漢 \u200c \t\r\n \U0001f600", "ä 漢 \u200c \t\r\n \U0001f600"),
        ("\0\x07\x08\x0b\x0c\x0e\x1b[31m\x1f", "\\x00\\x07\\x08\\x0b\\x0c\\x0e\\x1b[31m\\x1f"),
        ("a\x7f\x80\x9f\xa0", "a\\x7f\\x80\\x9f\xa0"),
        ("\u061c\u200e\u200f", "\\u061c\\u200e\\u200f"),
        ("\u2028\u2029\u202a\u202e\u2066\u2069", "\\u2028\\u2029\\u202a\\u202e\\u2066\\u2069"),
        ({"\u202e": [{"a": ("\x9b", 1)}, None, True]}, {"\\u202e": [{"a": ["\\x9b", 1]}, None, True]}),
    ],
    ids=ascii,
)
def test_nothing_that_json_would_hand_to_a_terminal(value, expected):
    assert harmless(value) == expected
    assert [char for char in json.dumps(harmless(value), ensure_ascii=False) if _is_obeyed(char)] == []


def _is_obeyed(char):
    return unicodedata.category(char) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(char) in (
        *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"),
    )


def test_no_character_that_json_hands_to_a_terminal_is_forgotten():
    text = "".join(map(chr, range(sys.maxunicode + 1)))
    assert [char for char in harmless(text) if _is_obeyed(char)] == ["\t", "\n", "\r"]


def test_a_text_of_several_lines_keeps_them():
    assert harmless_lines("a:\r\n\tb: \x1b[31m\u202e\x85\rc\n\r") == "a:\r\n\tb: \\x1b[31m\\u202e\\x85\\rc\n\\r"
