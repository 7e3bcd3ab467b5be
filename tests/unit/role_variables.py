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
    given = yaml.safe_load((ROLES / role / "vars" / "main.yml").read_text(encoding="utf-8"))
    own = {of: trust_as_template(value) if isinstance(value, str) else value for of, value in given.items()}
    return Templar(loader=DataLoader(), variables={**own, **variables}).template(own[name])
