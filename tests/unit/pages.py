# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For tests of pages in docs/ that name the tests which show what they say."""

from __future__ import annotations

import ast
import functools
import pathlib
import re

import yaml

TESTS = pathlib.Path(__file__).resolve().parents[1]


@functools.lru_cache(maxsize=None)
def parsed(path):
    """The statements of a file: many rows name tests of the same one."""
    return ast.parse(path.read_text(encoding="utf-8")).body


@functools.lru_cache(maxsize=None)
def names_in(path):
    """The tests of a file: its functions, or the names of its tasks and the faults of its loops."""
    if path.suffix == ".py":
        return {node.name for node in parsed(path) if isinstance(node, ast.FunctionDef)}
    found = set()
    todo = [yaml.safe_load(path.read_text(encoding="utf-8"))]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            found |= {item[key] for key in ("name", "fault") if isinstance(item.get(key), str)}
            todo += item.values()
        elif isinstance(item, list):
            todo += item
    return found


def texts_in(name):
    """The texts in the source of a test in Python."""
    path, _colons, test = name.partition("::")
    (function,) = [node for node in parsed(TESTS / path) if isinstance(node, ast.FunctionDef) and node.name == test]
    constants = [node.value for node in ast.walk(function) if isinstance(node, ast.Constant)]
    return [text for text in constants if isinstance(text, str)]


def rows_of(page):
    """The cells of each row of a page's tables whose last column names tests."""
    found = []
    for line in (TESTS.parent / "docs" / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells[-1] != "test":
            found.append(cells)
    return found


def named_by(cells):
    """What the last cell of a row names, as ``file::test``."""
    return re.findall(r"`([^`]+)`", cells[-1])


def is_there(name):
    path, _colons, test = name.partition("::")
    return (TESTS / path).is_file() and test in names_in(TESTS / path)
