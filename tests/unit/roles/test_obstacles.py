# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps the role peer from stopping Swarm."""

from __future__ import annotations

import pathlib

import jinja2
import pytest
import yaml

VARS = pathlib.Path(__file__).resolve().parents[3] / "roles" / "peer" / "vars" / "main.yml"


@pytest.mark.parametrize(
    "pointed, running, check_mode, obstacles",
    [
        (True, True, False, ["signature", "unread", "platform", "directory", "disk"]),
        (True, False, False, ["signature", "unread", "platform", "directory", "disk"]),
        (True, True, True, ["signature", "platform", "directory", "disk"]),
        # It would import them as soon as it runs.
        (False, False, False, ["signature", "unread", "disk"]),
        # It imports from there already, and may have to be closed.
        (False, True, False, ["disk"]),
    ],
)
def test_what_stands_in_the_way(pointed, running, check_mode, obstacles):
    environment = jinja2.Environment()
    environment.filters["bool"] = bool
    differences = [
        {"kind": "signature", "subject": "build_sizes", "message": "signature"},
        {"kind": "signature", "subject": "share/unread", "message": "unread"},
        # Whoever writes there chooses the name.
        {"kind": "platform", "subject": "busy", "message": "platform"},
        {"kind": "directory", "subject": "/mnt", "message": "directory"},
        {"kind": "disk", "subject": "/", "message": "disk"},
        {"kind": "unknown", "subject": "busy", "message": "unknown"},
        {"kind": "build", "subject": "x.tar", "message": "build"},
    ]
    template = environment.from_string(yaml.safe_load(VARS.read_text(encoding="utf-8"))["__peer_obstacles"])
    found = template.render(
        __peer_differences=differences,
        __peer_is_pointed=pointed,
        __peer_is_running=running,
        ansible_check_mode=check_mode,
    )
    assert found == str(obstacles)
