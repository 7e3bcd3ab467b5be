# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps the role peer from stopping Swarm."""

from __future__ import annotations

import pathlib

import jinja2.nativetypes
import pytest
import yaml

VARS = pathlib.Path(__file__).resolve().parents[3] / "roles" / "peer" / "vars" / "main.yml"
OURS = yaml.safe_load(VARS.read_text(encoding="utf-8"))


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
    found = environment.from_string(OURS["__peer_obstacles"]).render(
        __peer_differences=differences,
        __peer_is_pointed=pointed,
        __peer_is_running=running,
        __peer_may_be_unread=[],
        ansible_check_mode=check_mode,
    )
    assert found == str(obstacles)


@pytest.mark.parametrize(
    "mount, keyring, obstacles",
    [
        ({"waits": True}, "", []),
        ({"waits": True}, "keys.asc", ["unread"]),
        ({"waits": False}, "", ["unread"]),
        # Not on Windows, and without a share.
        ({}, "", ["unread"]),
        (None, "", ["unread"]),
    ],
)
def test_what_only_a_swarm_that_runs_can_read_keeps_no_swarm_down(mount, keyring, obstacles):
    environment = jinja2.nativetypes.NativeEnvironment()
    environment.filters["bool"] = bool
    excused = environment.from_string(OURS["__peer_may_be_unread"]).render(
        __vray_swarm_looked={"mount": mount}, vray_swarm_share_keyring=keyring
    )
    found = environment.from_string(OURS["__peer_obstacles"]).render(
        __peer_differences=[{"kind": "unknown", "subject": "import_dir", "message": "unread"}],
        __peer_is_pointed=True,
        __peer_is_running=False,
        __peer_may_be_unread=excused,
        ansible_check_mode=False,
    )
    assert found == obstacles
