# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters, also with the subclasses of str, int and dict that ansible-core hands over."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.renderops.vray_swarm.plugins.filter import version_dict, version_str

TO_STR = version_str.FilterModule().filters()["version_str"]
TO_DICT = version_dict.FilterModule().filters()["version_dict"]
PAGE_DICT = {"_revHash": "e8197af2", "_ver": {"_major": 6, "_minor": 20, "_release": 10}}


class Text(str):
    pass


class Number(int):
    pass


class Dictionary(dict):
    pass


def test_there_and_back():
    assert TO_STR(PAGE_DICT) == "6.20.10-e8197af2"
    assert TO_DICT("6.20.10-e8197af2") == PAGE_DICT
    assert TO_STR(TO_DICT("7.00.06-e8197af2")) == "7.0.6-e8197af2"


def test_subclasses_go_in_and_plain_values_come_out():
    numbers = Dictionary(_major=Number(6), _minor=Number(20), _release=Number(10))
    text = TO_STR(Dictionary(_revHash=Text("e8197af2"), _ver=numbers))
    assert (text, type(text)) == ("6.20.10-e8197af2", str)
    # yaml.safe_dump refuses subclasses.
    assert yaml.safe_load(yaml.safe_dump(TO_DICT(Text("6.20.10-e8197af2")))) == PAGE_DICT


def test_tagged_values():
    datatag = pytest.importorskip("ansible.module_utils.datatag", reason="ansible-core before 2.19 has none")
    text = datatag.deprecate_value("6.20.10-e8197af2", "a test", version="9.9.9", collection_name="a.b")
    assert type(text) is not str  # pylint: disable=unidiomatic-typecheck
    assert TO_DICT(text) == PAGE_DICT
    assert yaml.safe_dump(TO_DICT(text))


@pytest.mark.parametrize("value", [None, 6.2, "6.20.10", PAGE_DICT, ["6.20.10-e8197af2"]])
def test_what_is_no_version_string(value):
    with pytest.raises(AnsibleFilterError) as caught:
        TO_DICT(value)
    assert "renderops.vray_swarm.version_dict: " in str(caught.value)
    assert repr(value)[:40] in str(caught.value)


@pytest.mark.parametrize("value", [None, {}, "6.20.10-e8197af2", [PAGE_DICT], dict(PAGE_DICT, _ver={"_major": True})])
def test_what_is_no_version_dictionary(value):
    with pytest.raises(AnsibleFilterError) as caught:
        TO_STR(value)
    assert "renderops.vray_swarm.version_str: " in str(caught.value)
    assert repr(value)[:40] in str(caught.value)
