# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a role makes of one of its variables, decided as in a play. It wants ansible-core."""

from __future__ import annotations

import pathlib
import typing as t

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core before 2.19

    def trust_as_template(value: str) -> str:
        return value


ROLES = pathlib.Path(__file__).resolve().parents[2] / "roles"


def decide(role: str, name: str, **variables: t.Any) -> t.Any:
    return template(role, variables_of(role)[name], **variables)


def template(role: str, text: t.Any, **variables: t.Any) -> t.Any:
    """What becomes of a text of a role's tasks."""
    given = {**variables_of(role), **variables}
    return Templar(loader=DataLoader(), variables=given).template(trusted(text))


def variables_of(role: str) -> dict[str, t.Any]:
    given = yaml.safe_load((ROLES / role / "vars" / "main.yml").read_text(encoding="utf-8"))
    return {name: trusted(value) for name, value in given.items()}


def trusted(value: t.Any) -> t.Any:
    return trust_as_template(value) if isinstance(value, str) else value
