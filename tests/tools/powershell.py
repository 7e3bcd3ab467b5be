# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse all PowerShell scripts. tree-sitter stands in for PowerShell, which is not at hand.

Beside its syntax, a script is held to what the collection relies on: its text is constant, and what it works on are its
parameters; a look runs in check mode, and nothing else does. What else is wrong with it powershell_rules.py says.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import powershell_rules

ROOT = Path(__file__).resolve().parents[2]
# Where a text becomes code, or what is started is said by a text.
UNSAFE = re.compile(r"(?i)invoke-expression|\biex\b|scriptblock\]::create|add-type|start-process|cmd(?:\.exe)? /c")
# These say themselves what of them runs in check mode, or do nothing that changes the host.
IN_CHECK_MODE = {"look.ps1", "files.ps1", "discover.ps1"}


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


def check(path: Path) -> list[str]:
    """What is wrong with a script."""
    source = path.read_bytes()
    found = faults(source)
    text = source.decode("ascii", "replace")
    if "\ufffd" in text:
        found.append("not ASCII: Windows PowerShell reads a file without a mark in the code page of the host")
    found += [f"{match.group()} is not used" for match in UNSAFE.finditer(text)]
    if ("[CmdletBinding(SupportsShouldProcess)]" in text) != (path.name in IN_CHECK_MODE):
        found.append("SupportsShouldProcess decides whether it runs in check mode, and is not as expected")
    return found + powershell_rules.judge(source)


def main() -> int:
    scripts = sorted((ROOT / "plugins").rglob("*.ps1")) + sorted((ROOT / "tests" / "windows").rglob("*.ps1"))
    # A parser that finds no fault anywhere is no help.
    broken = [b"if ($x { 1 }", b"@{ a = "]
    if not scripts or not all(map(faults, broken)):
        print("the parser does not work")
        return 1
    status = 0
    for path in scripts:
        found = check(path) if "plugins" in path.parts else faults(path.read_bytes())
        status |= bool(found)
        print(f"{path.relative_to(ROOT)}: {'; '.join(found) or 'ok'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
