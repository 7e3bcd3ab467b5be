# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Swarm wrote is told without the secrets of its settings."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from ansible_collections.renderops.vray_swarm.plugins.module_utils._written import marked
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._known_secrets import KnownSecrets
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._secrets import is_secret

M = "********"


def known(*settings):
    made = KnownSecrets()
    for each in settings:
        made.read(each) if isinstance(each, bytes) else made.add(each)
    return made


@pytest.mark.parametrize(
    ("settings", "line", "shown"),
    [
        ({}, "bad apiToken: geheim", f"bad apiToken: {M}"),
        ({}, "no http://joe:geheim@proxy", f"no http://joe:{M}@proxy"),
        ({"apiToken": "geheim"}, "geheim is bad, and (geheim)", f"{M} is bad, and ({M})"),
        ({"auth": {"user": "joe-1", "all": ["geheim"]}}, "joe-1: geheim", f"{M}: {M}"),
        ({"run": ["--token", "geheim", "--pw=geheim2"]}, "geheim, geheim2", f"{M}, {M}"),
        ({"up": "http://joe:ge%heim@h/?x=1&token=geheim"}, "joe ge%heim 1 geheim", f"joe {M} 1 {M}"),
        # The longest one first, and what is known before the rule: that would end at the blank.
        ({"token": "ge@heim", "pass": "ge@heim x/y"}, "h?token=ge@heim x/y ge@heim", f"h?token={M} {M}"),
        ({"key": "-- A\nMIIEgeheim\n"}, "MIIEgeheim is no key", f"{M} is no key"),
        # A part of a word is masked where it is long.
        ({"token": "geheim"}, "insgeheim", "insgeheim"),
        ({"token": "geheimnis"}, "insgeheimnis", f"ins{M}"),
        # What tells nothing, or is told in any case.
        ({"keys": [1, 12.5, True, "true", "False", None, "null", "", " ", "abc"]}, "1 is true, not abc 1", None),
        ({"token": 4711}, "4711 is not 47110", f"{M} is not 47110"),
        (b"token: 0123\nnone: 5", "0123 is none", f"{M} is none"),
        (b"a: &a {b: geheim}\nauth: *a", "geheim", M),
        (b"\xef\xbb\xbftoken: geheim", "geheim", M),
        # What cannot be read.
        (b"token: 'geheim", "geheim", None),
        (b"token: \xff", "geheim", None),
        (b"token: &a [*a, geheim]", "geheim", None),
        (b"", "geheim", None),
    ],
)
def test_what_a_line_shows(settings, line, shown):
    assert known(settings).masked(line) == (line if shown is None else shown)


def test_the_whole_answer_of_a_host():
    secrets = known({"token": "old-one"}, b"token: new-one")
    log = marked(["FATAL bad token: x", "old-one and new-one", "FATAL port"])
    shown = f"FATAL bad token: {M} / {M} and {M} / FATAL port"
    given = {
        "log": log,
        "undone": {"reason": f"down; it wrote: {log}; b", "new-one": ["new-one", log]},
        "n": 1,
        "x": None,
    }
    assert secrets.told(given) == {
        "log": shown,
        "undone": {"reason": f"down; it wrote: {shown}; b", "new-one": ["new-one", shown]},
        "n": 1,
        "x": None,
    }


def test_many_and_long_ones_take_no_long_time():
    started = time.monotonic()
    secrets = known({"keys": [f"secret-{number}" for number in range(5000)], "up": "?token=x" * 5000 + "a:b@" * 5000})
    secrets.masked("secret-4999 " * 1000)
    assert time.monotonic() - started < 5


@examples(200)
@given(st.dictionaries(st.text(), st.text() | st.lists(st.text())), st.text())
def test_any_settings(settings, line):
    """Nothing makes it crash, and no long secret is shown."""
    secrets = known(settings)
    secrets.masked(line)
    for key, value in settings.items():
        if is_secret(key) and isinstance(value, str) and len(value.strip()) >= 8 and value.isprintable():
            assert value.strip() not in secrets.masked(f"a{value}b") or set(value.strip()) == {"*"}
