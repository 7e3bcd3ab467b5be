# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse all PowerShell scripts. tree-sitter stands in for PowerShell, which is not at hand.

Beside its syntax, a script is held to what the collection relies on: its text is constant, and what it works on are its
parameters; a look runs in check mode, and nothing else does. What else is wrong with it powershell_rules.py says.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import powershell_rules

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("_scripts", ROOT / "plugins" / "plugin_utils" / "_scripts.py")
assert _SPEC and _SPEC.loader
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
# The scripts by name, as a Windows host gets them.
SCRIPTS: dict[str, bytes] = {name: _MODULE.script_text(name).encode() for name in _MODULE.script_names()}
# Where a text becomes code, or what is started is said by a text.
UNSAFE = re.compile(r"(?i)invoke-expression|\biex\b|scriptblock\]::create|add-type|start-process|cmd(?:\.exe)? /c")
# These say themselves what of them runs in check mode, or do nothing that changes the host.
IN_CHECK_MODE = {"look", "files"}


def faults(source: bytes) -> list[str]:
    """What is no PowerShell, by line."""
    found = []
    todo = [powershell_rules.PARSER.parse(source).root_node]
    while todo:
        node = todo.pop()
        if node.type == "ERROR" or node.is_missing:
            text = source[node.start_byte : node.end_byte][:60].decode("utf-8", "replace")
            found.append(f"line {node.start_point[0] + 1}: {'missing' if node.is_missing else 'no PowerShell'}: {text}")
        elif node.has_error:
            todo.extend(node.children)
    return found


def check(name: str, source: bytes) -> list[str]:
    """What is wrong with a script."""
    found = faults(source)
    text = source.decode("ascii", "replace")
    if "\ufffd" in text:
        found.append("not ASCII: Windows PowerShell reads a file without a mark in the code page of the host")
    found += [f"{match.group()} is not used" for match in UNSAFE.finditer(text)]
    if ("[CmdletBinding(SupportsShouldProcess)]" in text) != (name in IN_CHECK_MODE):
        found.append("SupportsShouldProcess decides whether it runs in check mode, and is not as expected")
    return found + powershell_rules.judge(source)


def main() -> int:
    # A parser that finds no fault anywhere is no help.
    broken = [b"if ($x { 1 }", b"@{ a = "]
    if not SCRIPTS or not all(map(faults, broken)):
        print("the parser does not work")
        return 1
    found = {f"{name}.ps1": check(name, source) for name, source in SCRIPTS.items()}
    for path in sorted(ROOT.glob("tests/windows/**/*.ps1")):
        found[str(path.relative_to(ROOT))] = faults(path.read_bytes())
    for name, what in found.items():
        print(f"{name}: {'; '.join(what) or 'ok'}")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
