# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Values written as YAML that every reader reads alike.

Swarm's reader is not published. PyYAML reads YAML 1.1; others read YAML 1.2, or something between the two. What they
could read differently is quoted.
"""

from __future__ import annotations

import re
import typing as t

# Plain: begins with a letter or a slash, and holds nothing that means something to YAML anywhere.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+-]+)*")
# Texts for some readers, something else for others: words, numbers of YAML 1.2 and of YAML 1.1, dates.
_AMBIGUOUS = re.compile(
    r"(?i)|~|null|true|false|yes|no|on|off|y|n|=|<<"
    r"|[-+]?(?:0[box][0-9a-f_]+|[0-9][0-9_]*(?::[0-9_]+)*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?|\.[0-9][0-9_]*(?:e[-+]?[0-9]+)?)"
    r"|[-+]?\.inf|\.nan|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"
)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
# What may stand in quotes as it is: printable for YAML 1.1 and 1.2, and no line break for either.
_QUOTABLE = re.compile("[\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def is_ambiguous(text: str) -> bool:
    """Whether readers take this text, when it is not quoted, for different things."""
    return bool(_AMBIGUOUS.fullmatch(text))


def is_clear_integer(text: str) -> bool:
    """Whether all readers see the same number; 010 is 8 for some and 10 for others."""
    return bool(_INTEGER.fullmatch(text))


def scalar_text(value: t.Any, style: t.Optional[str] = None) -> str:
    """Write a text, number or boolean, on one line.

    :param style: The quotes to use for a text where they can hold it, ``'`` or ``"``.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if style != '"' and _QUOTABLE.fullmatch(value):
        if style != "'" and _PLAIN.fullmatch(value) and not is_ambiguous(value):
            return value
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(_escape(character) for character in value) + '"'


def flow_text(value: t.Any, style: t.Optional[str] = None) -> str:
    """Write any value on one line, in the way of JSON."""
    if isinstance(value, dict):
        items = (f"{scalar_text(key, style)}: {flow_text(item, style)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow_text(item, style) for item in value) + "]"
    return scalar_text(value, style)


def block_lines(value: t.Any, step: int, list_step: int) -> t.List[str]:
    """Write a mapping or list, none of them empty, as lines without their common indentation.

    :param step: How far a mapping in a mapping is indented.
    :param list_step: How far a list in a mapping is indented.
    """
    if isinstance(value, list):
        return [f"- {flow_text(item)}" for item in value]
    lines = []
    for key, item in value.items():
        if is_block(item):
            indent = " " * (list_step if isinstance(item, list) else step)
            lines.append(f"{scalar_text(key)}:")
            lines += [indent + line for line in block_lines(item, step, list_step)]
        else:
            lines.append(f"{scalar_text(key)}: {flow_text(item)}")
    return lines


def is_block(value: t.Any) -> bool:
    """Whether a value is written on several lines."""
    return bool(value) and isinstance(value, (dict, list))


def _float_text(value: float) -> str:
    text = repr(value)
    special = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text)
    if special:
        return special
    # YAML 1.1 wants the dot: 1e+16 is a text there.
    return text if "." in text else text.replace("e", ".0e")


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if _QUOTABLE.fullmatch(character):
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
