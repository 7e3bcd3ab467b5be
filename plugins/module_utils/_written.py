# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What Swarm wrote, within a text that a host tells: what is secret in it, the controller alone knows.

So the lines come there one by one and whole, between two marks, and are joined when they have been masked.
"""

from __future__ import annotations

import re
import typing as t

_BEGIN, _END = "\x02", "\x03"
_MARK = re.compile(f"[{_BEGIN}{_END}]")
_MARKED = re.compile(f"{_BEGIN}([^{_BEGIN}{_END}]*){_END}")
# What is shown of all lines, and what of each one comes to the controller.
_LENGTH = 1000
_LINE_LENGTH = 10000


def marked(lines: t.Iterable[str]) -> str:
    """The last lines of a log, to be put into a text; empty where there are none."""
    stripped = (line.strip() for line in lines)
    # What fails again and again says the same each time.
    whole = dict.fromkeys(_bounded(_MARK.sub(_escaped, line)) for line in stripped if line)
    return _BEGIN + "\n".join(whole) + _END if whole else ""


def unmarked(text: str, masked: t.Callable[[str], str]) -> str:
    """A text with these lines in it, on one line.

    :param masked: What shows a line without its secrets.
    """
    # Where there are none, what ansible-core has noted of the text stays with it.
    if not _MARKED.search(text):
        return text
    return _MARKED.sub(lambda match: " / ".join(map(masked, match[1].split("\n")))[-_LENGTH:], text)


def _bounded(line: str) -> str:
    """Not a part of a word: a part of a secret would not be known as one."""
    if len(line) <= _LINE_LENGTH:
        return line
    line = line[:_LINE_LENGTH]
    return line[: -len(line.split()[-1])] + "..."


def _escaped(match: t.Match[str]) -> str:
    return ascii(match.group())[1:-1]
