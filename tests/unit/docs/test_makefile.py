# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make` says that it can do, it can."""

from __future__ import annotations

import pathlib
import re

import pytest

MAKEFILE = pathlib.Path(__file__).resolve().parents[3] / "Makefile"
TEXT = MAKEFILE.read_text(encoding="utf-8")
NAMES = re.findall(r"^\t@echo ' *make ([a-z-]+) ", TEXT, re.MULTILINE)
RULES = [name for line in re.findall(r"^([a-z][a-z -]*):", TEXT, re.MULTILINE) for name in line.split()]


@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_one_rule(name):
    assert RULES.count(name) == 1


def test_each_rule_is_of_no_file():
    phony = re.search(r"^\.PHONY: (.*)$", TEXT, re.MULTILINE)
    assert phony and sorted(RULES) == sorted(phony.group(1).split())
    assert len(NAMES) > 10
