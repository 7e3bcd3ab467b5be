# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For tests of pages in docs/ that name the tests which show what they say."""

from __future__ import annotations

import ast
import pathlib

import yaml

TESTS = pathlib.Path(__file__).resolve().parents[1]


def names_in(path):
    """The tests of a file: its functions, or the names of its tasks and the faults of its loops."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    found = set()
    todo = [yaml.safe_load(text)]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            found |= {item[key] for key in ("name", "fault") if isinstance(item.get(key), str)}
            todo += item.values()
        elif isinstance(item, list):
            todo += item
    return found
