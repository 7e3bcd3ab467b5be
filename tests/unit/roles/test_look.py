# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one look that the roles share."""

from __future__ import annotations

import pathlib

import jinja2
import pytest
import yaml

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import DETAILS

COMMON = pathlib.Path(__file__).resolve().parents[3] / "roles" / "common"


def load(*path):
    return yaml.safe_load(COMMON.joinpath(*path).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "wait, expected", [({}, None), ({"__vray_swarm_wait": "0"}, None), ({"__vray_swarm_wait": "9.5"}, 1)]
)
def test_a_look_that_waits_reads_no_files_again(wait, expected):
    """The look before it did; over the network, that is as much as Swarm reads itself."""
    (task,) = load("tasks", "look.yml")
    quick = load("vars", "main.yml")["__vray_swarm_quick_details"]
    assert sorted(quick) == sorted(set(DETAILS) - {"import_checksums"})
    template = jinja2.Environment().from_string(task["renderops.vray_swarm.peer_info"]["details"])
    assert template.render(wait, __vray_swarm_quick_details=1, omit=None) == str(expected)
