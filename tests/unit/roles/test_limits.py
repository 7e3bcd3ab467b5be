# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The limits of an upload can be set where the role builds uploads, and are those of the module where they are not."""

from __future__ import annotations

import pathlib

import pytest
import yaml

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import upload_spec

ROLES = pathlib.Path(__file__).resolve().parents[3] / "roles"
LIMITS = ("connect_timeout", "stall_timeout", "deploy_timeout", "retries", "rate_limit")


def load(path):
    return yaml.safe_load((ROLES / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["upload.yml", "relay_send.yml"])
def test_each_upload_has_them(name):
    (options,) = [
        task["renderops.vray_swarm.upload"]
        for task in load(f"builds/tasks/{name}")
        if "renderops.vray_swarm.upload" in task
    ]
    expected = {limit: "{{ vray_swarm_%s }}" % limit for limit in LIMITS}
    assert {limit: options.get(limit) for limit in LIMITS} == expected


def test_their_defaults_are_those_of_the_module():
    defaults = load("common/defaults/main.yml")
    spec = upload_spec()
    assert {limit: defaults[f"vray_swarm_{limit}"] for limit in LIMITS} == {
        limit: spec[limit]["default"] for limit in LIMITS
    }
