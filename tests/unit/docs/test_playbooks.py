# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/playbooks.md says which questions of a survey may be left blank: an answer is an extra variable, and wins."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from pages import TESTS, rows_of

STRUCTURED = ["vray_swarm_builds", "vray_swarm_settings"]
ROWS = {
    cells[0].strip("`"): (cells[1], cells[2].strip(" `|"))
    for cells in rows_of("playbooks.md")
    if re.match("(multiple|float|integer)", cells[1])
}
SPECS = {}
for path in sorted((TESTS.parent / "roles").glob("*/meta/argument_specs.yml")):
    SPECS.update(yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"])


def spec(option):
    """What ansible-core gives to the validation that a role begins with: no texts."""
    told = {
        key: value for key, value in option.items() if key in ("type", "elements", "choices", "default", "required")
    }
    if "options" in option:
        told["options"] = {name: spec(inner) for name, inner in option["options"].items()}
    return told


def refusals(name, answer):
    return ArgumentSpecValidator({name: spec(SPECS[name])}).validate({name: answer}).error_messages


def test_what_may_not_be_left_blank():
    assert sorted(name for name in SPECS if refusals(name, "")) == sorted([*ROWS, *STRUCTURED])


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_blank_is_refused_by_name_and_the_default_answer_is_not(name):
    question, default = ROWS[name]
    assert [text for text in refusals(name, "") if name in text]
    assert default == str(SPECS[name]["default"]).lower()
    expected = {"int": "integer", "float": "float", "bool": "multiple choice: `true`, `false`"}.get(
        SPECS[name]["type"], "multiple choice: " + ", ".join(f"`{choice}`" for choice in SPECS[name].get("choices", ()))
    )
    assert question == expected
    # A choice is a text.
    assert refusals(name, default) == []
