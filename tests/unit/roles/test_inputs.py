# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each playbook checks all of its inputs, and first of all."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

PLAYBOOKS = pathlib.Path(__file__).resolve().parents[3] / "playbooks"
NAMES = sorted(path.stem for path in PLAYBOOKS.glob("[a-z]*.yml"))


def test_the_playbooks():
    assert NAMES == ["discover", "distribute", "repair", "share", "upload", "verify"]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_play_is_given_is_checked_before_it(name):
    check, play, *_others = yaml.safe_load((PLAYBOOKS / f"{name}.yml").read_text(encoding="utf-8"))
    assert check["ansible.builtin.import_playbook"] == "_inputs.yml"
    hosts, *others = check["vars"]["__inputs"]
    assert play["hosts"] == "{{ %s | default('%s', true) }}" % (hosts, check["vars"]["__default_hosts"])
    keywords = " ".join(str(value) for key, value in play.items() if key not in ("hosts", "roles", "tasks"))
    assert set(others) == set(re.findall(r"vray_swarm_\w+", keywords))
