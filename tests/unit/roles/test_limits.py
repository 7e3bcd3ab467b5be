# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each limit of an upload or of a change can be set where a role does it, and is that of the module where it is not."""

from __future__ import annotations

import pathlib

import pytest
import yaml

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import settings_spec, upload_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_host import check_options

ROLES = pathlib.Path(__file__).resolve().parents[3] / "roles"
UPLOAD = ("connect_timeout", "stall_timeout", "deploy_timeout", "retries", "rate_limit")
SETTINGS = ("busy_wait", "stop_timeout", "start_timeout", "rescue_after")
# Of the tasks that upload, and of those that stop Swarm.
PLACES = [
    *(("upload", f"builds/tasks/{name}.yml", limit) for name in ("upload", "relay_send") for limit in UPLOAD),
    *(
        ("settings", name, limit)
        for name in ("peer/tasks/set.yml", *(f"builds/tasks/{task}.yml" for task in ("installer", "window", "repair")))
        for limit in SETTINGS
    ),
    # It stops nothing, so that no render is waited for.
    *(("settings", "builds/tasks/start.yml", limit) for limit in SETTINGS if limit != "busy_wait"),
]


def load(path):
    return yaml.safe_load((ROLES / path).read_text(encoding="utf-8"))


def options_of(module, tasks):
    for task in tasks:
        if f"renderops.vray_swarm.{module}" in task:
            yield task[f"renderops.vray_swarm.{module}"]
        for part in ("block", "rescue", "always"):
            yield from options_of(module, task.get(part, ()))


@pytest.mark.parametrize("module, path, limit", PLACES)
def test_each_task_has_each_of_them(module, path, limit):
    (options,) = options_of(module, load(path))
    assert options.get(limit) == "{{ vray_swarm_%s }}" % limit


@pytest.mark.parametrize("module, spec", [("upload", upload_spec()), ("settings", settings_spec())])
def test_no_task_and_no_limit_is_forgotten(module, spec):
    found = {
        str(path.relative_to(ROLES)) for path in ROLES.glob("*/tasks/*.yml") if any(options_of(module, load(path)))
    }
    assert found == {path for of, path, _limit in PLACES if of == module}
    # These are no limits, or are the role's own to say.
    others = {"web_port", "retry_delay", "progress_interval", "revert_after"}
    limits = {name for name, option in spec.items() if option["type"] in ("int", "float")} - others
    assert limits - {"connect_timeout"} == {limit for of, _path, limit in PLACES if of == module} - {"connect_timeout"}


def test_their_defaults_are_those_of_the_module():
    defaults = load("common/defaults/main.yml")
    for spec, limits in ((upload_spec(), UPLOAD), (settings_spec(), SETTINGS)):
        assert {limit: defaults[f"vray_swarm_{limit}"] for limit in limits} == {
            limit: spec[limit]["default"] for limit in limits
        }


@pytest.mark.parametrize("role", ["builds", "peer"])
def test_what_the_rescue_waits_for_is_what_the_roles_say(role):
    options = load(f"{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    text = " ".join(options["vray_swarm_rescue_after"]["description"])
    assert "at least O(vray_swarm_stop_timeout), twice O(vray_swarm_start_timeout) and 70 seconds together" in text
    usual = {name: option.get("default") for name, option in settings_spec().items()}
    usual.update({limit: options[f"vray_swarm_{limit}"]["default"] for limit in SETTINGS}, service="swarm")
    check_options(usual)
    check_options(dict(usual, rescue_after=120 + 2 * 120 + 70))
    with pytest.raises(OptionsError, match="at least 430"):
        check_options(dict(usual, rescue_after=120 + 2 * 120 + 69))
