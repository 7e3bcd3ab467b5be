# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What discover found, as a block of group_vars to paste."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import printable

# A plain scalar that YAML reads as this very text, and that needs no thought: a path or a name.
_PLAIN = re.compile(r"/[\w./+@=-]*|[A-Za-z][\w.@-]*")
_NO_TEXT = re.compile(r"(?i)null|true|false|yes|no|on|off|y|n")

# The variables in the order of the block, each with the name that a candidate has for it, and what to say without one.
_VARIABLES = (
    ("web_port", "vray_swarm_web_port", None),
    ("service", "vray_swarm_service", "not found: give the name of Swarm's service"),
    ("config", "vray_swarm_config", "not found: give the path of swarm.yaml"),
    ("data_dir", "vray_swarm_data_dir", "not found: give the directory that holds VRay/"),
    ("import_dir", "vray_swarm_import_dir", None),
)


def group_vars(discovered: t.Mapping[str, t.Any], platform: t.Optional[str]) -> str:
    """Return the block. The best candidate's best values are set; all others are comments."""
    lines: t.List[str] = []
    for number, candidate in enumerate(discovered["candidates"]):
        lines += [f"# {line}" for line in _heading(candidate)]
        for name, variable, missing in _VARIABLES:
            findings = candidate[name]
            for place, finding in enumerate(findings):
                lines.append(_line(variable, finding, comment=bool(number or place)))
            if missing and not findings:
                lines.append(f"# {variable}:  # {missing}")
        if platform and not number:
            lines.append(
                _line("vray_swarm_platform", {"value": platform, "sure": True, "how": "this host's kernel"}, False)
            )
    if not discovered["candidates"]:
        lines.append(
            f"# Nobody listens on port {discovered['web_port']}, and no process that listens has swarm in its name. Start"
            " Swarm, or set web_port to its port (vray_swarm_web_port of the playbook)."
        )
    lines += [f"# not seen: {printable(text)}" for text in discovered["unseen"]]
    return "\n".join(lines) + "\n"


def _heading(candidate: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    who = "an unknown process" if candidate["pid"] is None else f"process {candidate['pid']}"
    executable = f" ({candidate['executable']})" if candidate["executable"] else ""
    user = f" of the user {candidate['user']}" if candidate["user"] else ""
    yield printable(f"{who}{executable}{user}")
    for note in candidate["notes"]:
        yield printable(note)


def _line(variable: str, finding: t.Mapping[str, t.Any], comment: bool) -> str:
    value = _scalar(finding["value"])
    mark = "found" if finding["sure"] else "guess"
    if value is None:
        value, comment, mark = "", True, f"cannot be written, since it is not UTF-8; {mark}"
    return f"{'# ' if comment else ''}{variable}: {value}  # {mark}: {printable(finding['how'])}"


def _scalar(value: t.Any) -> t.Optional[str]:
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return None
    if _PLAIN.fullmatch(value) and not _NO_TEXT.fullmatch(value):
        return value
    # JSON is YAML, but for characters that YAML wants escaped and JSON does not.
    text = "".join(
        char if char.isprintable() else json.dumps(char)[1:-1] for char in json.dumps(value, ensure_ascii=False)
    )
    return f"!unsafe {text}" if re.search(r"\{[{%#]", value) else text
