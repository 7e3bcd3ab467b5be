# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task wants of swarm.yaml: typed where the vendor documents the type, refused where it cannot be meant."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._settings import absent_keys, wanted_settings


class Tagged(str):
    """As what ansible-core 2.19 hands to actions: a text for everybody but YAML."""

    def __str__(self):
        raise AssertionError("its text is not what str() says")


@pytest.mark.parametrize(
    "given, wanted",
    [
        ({"webPort": "1999"}, {"webPort": 1999}),
        ({"grpcPort": 1}, {"grpcPort": 1}),
        ({"allowExecutables": "True"}, {"allowExecutables": True}),
        ({"allowExecutables": "no"}, {"allowExecutables": False}),
        ({"uploadsQueuePeriod": "2.5"}, {"uploadsQueuePeriod": 2.5}),
        ({"uploadsQueuePeriod": "10"}, {"uploadsQueuePeriod": 10}),
        (
            {"logging": {"web": {"disabled": "True", "level": "INFO"}}},
            {"logging": {"web": {"disabled": True, "level": "INFO"}}},
        ),
        ({"logging": {"disabled": False}}, {"logging": {"disabled": False}}),
        ({"other": "1999", "otherPort": "x", "list": (1, "2")}, {"other": "1999", "otherPort": "x", "list": [1, "2"]}),
    ],
)
def test_types(given, wanted):
    assert wanted_settings(given) == wanted
    assert [type(value) for value in wanted_settings(given).values()] == [type(value) for value in wanted.values()]


def test_tagged_texts_become_plain_ones():
    wanted = wanted_settings({Tagged("a"): Tagged("x"), "list": [Tagged("y")]})
    assert [type(value) for value in (wanted["a"], wanted["list"][0])] == [str, str]
    assert [type(key) for key in wanted] == [str, str]


@pytest.mark.parametrize(
    "given, says",
    [
        ({"webPort": 0}, "webPort is 0; a port"),
        ({"webPort": 65536}, "a port"),
        ({"webPort": True}, "a port"),
        ({"webPort": "http"}, "a port"),
        ({"allowExecutables": 1}, "true or false"),
        ({"uploadsQueuePeriod": 0}, "seconds"),
        ({"vrayImportDir": " "}, "list it in absent"),
        ({"vrayImportDir": None}, "vrayImportDir has no value"),
        ({"logging": {"web": {"level": None}}}, "logging.web.level has no value"),
        ({"logging": {"disabled": "perhaps"}}, "logging.disabled is 'perhaps'"),
        ({True: 1}, "The key True in settings is no text"),
        ({"a": {5: 1}}, r"The key a.5 in settings is no text"),
        ({"": 1}, "no text"),
        ({"a.b": 1}, r"has a dot. Write a mapping in a mapping: a: \{b: …\}"),
        ({"a": datetime.date(2026, 1, 1)}, "a is a date, which YAML has no plain form for"),
        ({"a": "x\udce4"}, "not UTF-8"),
    ],
)
def test_refused(given, says):
    with pytest.raises(OptionsError, match=says):
        wanted_settings(given)


@pytest.mark.parametrize(
    "names, paths",
    [
        ([], []),
        (["a", "b.c"], [("a",), ("b", "c")]),
        (["a", "a.b", "a"], [("a",)]),
        (["a.b", "c", "a"], [("c",), ("a",)]),
    ],
)
def test_absent(names, paths):
    assert absent_keys(names, {"d": 1, "b": {"d": 1}}) == paths


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b"])
def test_absent_is_no_name(name):
    with pytest.raises(OptionsError, match="absent has"):
        absent_keys([name], {})


@pytest.mark.parametrize("name", ["a", "b", "b.c", "a.x"])
def test_absent_and_wanted(name):
    with pytest.raises(OptionsError, match=f"{name} is in absent, and "):
        absent_keys([name], {"a": 1, "b": {"c": 2}})
