# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All roles read one set of variables: each means the same everywhere, and its default stands in one place."""

from __future__ import annotations

import pathlib

import pytest
import yaml

ROLES = pathlib.Path(__file__).resolve().parents[3] / "roles"


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


COMMON = load(ROLES / "common" / "defaults" / "main.yml")
SPECS = {
    path.parent.parent.name: load(path)["argument_specs"]["main"]["options"]
    for path in sorted(ROLES.glob("*/meta/argument_specs.yml"))
}
OPTIONS = [(role, name) for role, options in SPECS.items() for name in options]
MISSING = object()


def shape(option):
    """What an option takes, without its texts."""
    found = {key: option.get(key) for key in ("type", "elements", "choices")}
    found["options"] = {name: shape(inner) for name, inner in option.get("options", {}).items()}
    return found


def test_each_role_says_its_variables():
    roles = {path.name for path in ROLES.iterdir() if path.is_dir()}
    assert set(SPECS) == roles - {"common"}


@pytest.mark.parametrize("role, name", OPTIONS)
def test_a_default_is_that_of_common(role, name):
    assert SPECS[role][name].get("default", MISSING) == COMMON.get(name, MISSING)


@pytest.mark.parametrize("role, name", OPTIONS)
def test_a_variable_is_the_same_in_all_roles(role, name):
    assert name.startswith("vray_swarm_")
    assert {other: shape(options[name]) for other, options in SPECS.items() if name in options} == {
        other: shape(SPECS[role][name]) for other, options in SPECS.items() if name in options
    }


def test_each_default_is_that_of_a_variable_that_some_role_has():
    assert sorted(set(COMMON) - {name for _role, name in OPTIONS}) == []


@pytest.mark.parametrize("role", sorted(SPECS))
def test_a_role_has_no_defaults_of_its_own(role):
    assert not (ROLES / role / "defaults").exists()
    assert {"role": "renderops.vray_swarm.common"} in load(ROLES / role / "meta" / "main.yml")["dependencies"]
