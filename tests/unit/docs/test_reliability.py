# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/reliability.md says what is so: each row names tests that are there, and a message that one of them expects."""

from __future__ import annotations

import functools
import re

import pytest
import yaml
from pages import TESTS, is_there, named_by, names_in, rows_of, texts_in

UPLOAD_FAULTS = "integration/targets/upload_faults/tasks/main.yml"
SCENARIOS = "lab/scenarios/test_faults.py"
BUILDS = "lab/scenarios/test_builds.py"
# Of a message, and not of a path or a name.
LONG_ENOUGH = 9

ROWS = rows_of("reliability.md")
NAMED = [name for cells in ROWS for name in named_by(cells)]
MESSAGES = [cells for cells in ROWS if len(cells) == 4 and not cells[1].startswith("*")]


@functools.lru_cache(maxsize=None)
def cases():
    """The faults of the integration target, by name."""
    (play,) = yaml.safe_load((TESTS / UPLOAD_FAULTS).read_text(encoding="utf-8"))
    return {case["fault"]: case for case in play["vars"]["cases"]}


def test_there_are_rows():
    assert len(ROWS) > 70 and len(NAMED) > 130 and len(MESSAGES) > 50


@pytest.mark.parametrize("cells", ROWS, ids=lambda cells: cells[0][:40])
def test_each_row_names_tests_that_are_there(cells):
    assert named_by(cells)
    for name in named_by(cells):
        assert is_there(name), name


@pytest.mark.parametrize("cells", ROWS, ids=lambda cells: cells[0][:40])
def test_each_message_is_the_one_that_is_expected(cells):
    known = cases()
    for name in named_by(cells):
        path, _colons, test = name.partition("::")
        if path == UPLOAD_FAULTS and "says" in known[test]:
            assert re.search(known[test]["says"], cells[1]), (test, known[test]["says"])


def is_part_of(text, message):
    """A text that a test looks for, or what a pattern has literally."""
    parts = [part.strip(" '\".") for part in text.split(".*")]
    return any(len(part) >= LONG_ENOUGH and part in message for part in parts)


@pytest.mark.parametrize("cells", MESSAGES, ids=lambda cells: cells[0][:40])
def test_a_part_of_each_message_stands_in_a_test(cells):
    if any(name.startswith(UPLOAD_FAULTS) for name in named_by(cells)):
        return  # Compared above.
    texts = [text for name in named_by(cells) if ".py::" in name for text in texts_in(name)]
    assert any(is_part_of(text, cells[1]) for text in texts)


def test_each_fault_that_is_tested_has_a_row():
    assert {f"{UPLOAD_FAULTS}::{fault}" for fault in cases()} <= set(NAMED)
    # What is done about installers is a matter of security.
    elsewhere = {name for cells in rows_of("security.md") for name in named_by(cells)}
    for scenarios, known in ((SCENARIOS, set(NAMED)), (BUILDS, elsewhere | set(NAMED))):
        tests = {name for name in names_in(TESTS / scenarios) if name.startswith("test_")}
        assert {f"{scenarios}::{name}" for name in tests} <= known
