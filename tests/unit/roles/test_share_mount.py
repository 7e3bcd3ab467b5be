# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role share_mount does not touch."""

from __future__ import annotations

import pathlib

import jinja2
import pytest
import yaml

TASKS = pathlib.Path(__file__).resolve().parents[3] / "roles" / "share_mount" / "tasks" / "mount.yml"


@pytest.mark.parametrize(
    "check_mode, point, readable, mounts",
    [
        (True, False, False, True),
        (True, True, True, True),
        (True, True, False, False),
        (False, True, False, True),
    ],
)
def test_check_mode_does_not_wait_for_a_share_that_does_not_answer(check_mode, point, readable, mounts):
    (tasks,) = [task["block"] for task in yaml.safe_load(TASKS.read_text(encoding="utf-8")) if "block" in task]
    (condition,) = [task["when"] for task in tasks if "ansible.posix.mount" in task]
    look = {"mount": {"point": point, "readable": readable}}
    found = jinja2.Environment().compile_expression(condition)(ansible_check_mode=check_mode, __vray_swarm_looked=look)
    assert found is mounts
