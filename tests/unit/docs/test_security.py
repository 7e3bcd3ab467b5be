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


WRITING = [
    "ansible.builtin.blockinfile",
    "ansible.builtin.copy",
    "ansible.builtin.file",
    "ansible.builtin.lineinfile",
    "ansible.builtin.replace",
    "ansible.builtin.template",
    "ansible.posix.mount",
]


def test_each_file_that_a_role_writes_has_a_mode():
    found = {}
    for path in sorted(ROLES.glob("*/tasks/*.yml")):
        for task in tasks_of(yaml.safe_load(path.read_text(encoding="utf-8"))):
            for module in WRITING:
                if module in task and task[module].get("state") != "absent":
                    what = "".join((module.rpartition(".")[2], " ", task[module].get("mode", "as it is")))
                    found.setdefault(path.name, []).append(what)
    assert found == {
        "credentials.yml": ["copy 0600", "file 0600", "copy 0600"],
        "mark.yml": ["file as it is"],
        "replace.yml": ["mount as it is"],
        "nfs.yml": ["file 0755", "template 0644", "template 0644"],
        "smb.yml": ["template 0644", "lineinfile as it is"],
    }
