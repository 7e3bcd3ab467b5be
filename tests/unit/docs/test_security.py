# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/security.md says what is so: each row names tests that are there."""

from __future__ import annotations

import pytest
import yaml
from pages import TESTS, is_there, named_by, rows_of

ROLES = TESTS.parent / "roles"
ROWS = rows_of("security.md")


def test_there_are_rows():
    assert len(ROWS) > 35


@pytest.mark.parametrize("cells", ROWS, ids=lambda cells: cells[0][:40])
def test_each_row_names_tests_that_are_there(cells):
    assert named_by(cells)
    for name in named_by(cells):
        assert is_there(name), name


def tasks_of(items):
    for task in items:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part, ()))


def test_each_file_that_a_role_writes_has_a_mode():
    found = {}
    for path in sorted(ROLES.glob("*/tasks/*.yml")):
        for task in tasks_of(yaml.safe_load(path.read_text(encoding="utf-8"))):
            for module in ("ansible.builtin.copy", "ansible.builtin.template"):
                if module in task:
                    found.setdefault(path.name, []).append(task[module].get("mode"))
    assert found == {"credentials.yml": ["0600", "0600"], "nfs.yml": ["0644"], "smb.yml": ["0644"]}
