# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/reliability.md says what is so: each row names tests that are there, and a message that they expect."""

from __future__ import annotations

import re

import pytest
import yaml
from pages import TESTS, is_there, named_by, names_in, rows_of

UPLOAD_FAULTS = "integration/targets/upload_faults/tasks/main.yml"
SCENARIOS = "lab/scenarios/test_faults.py"


ROWS = rows_of("reliability.md")
NAMED = [name for cells in ROWS for name in named_by(cells)]


def cases():
    """The faults of the integration target, by name."""
    (play,) = yaml.safe_load((TESTS / UPLOAD_FAULTS).read_text(encoding="utf-8"))
    (loop,) = [task["loop"] for task in play["block"] if "loop" in task]
    return {case["fault"]: case for case in loop}


def test_there_are_rows():
    assert len(ROWS) > 50 and len(NAMED) > 100


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


def test_each_fault_that_is_tested_has_a_row():
    assert {f"{UPLOAD_FAULTS}::{fault}" for fault in cases()} <= set(NAMED)
    tests = {name for name in names_in(TESTS / SCENARIOS) if name.startswith("test_")}
    assert {f"{SCENARIOS}::{name}" for name in tests} <= set(NAMED)
