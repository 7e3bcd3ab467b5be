# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The secrets of settings as they are, to be masked in what Swarm wrote: it need not say what it names."""

from __future__ import annotations

import contextlib
import re
import typing as t

import yaml

from ansible_collections.renderops.vray_swarm.plugins.module_utils._secret_names import is_secret
from ansible_collections.renderops.vray_swarm.plugins.module_utils._written import unmarked
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._secrets import MASK, masked_text, option_values
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._texts import in_texts

# What is told by so little, or by these, is not worth a text that nobody can read.
_TELLS_NOTHING = re.compile(r"(?is).{0,3}|true|false|null|none")
# What is shorter is masked only where it stands for itself, since it may be a part of a word.
_LONG = 8


class KnownSecrets:
    """The secrets that a task knows."""

    def __init__(self) -> None:
        self._values: t.Set[str] = set()
        self._pattern: t.Optional[t.Pattern[str]] = None

    def add(self, settings: t.Any) -> None:
        """Know those of these settings."""
        lines = (line.strip() for text in _hidden(settings) for line in text.splitlines())
        self._values.update(line for line in lines if not _TELLS_NOTHING.fullmatch(line))
        # The longest one first: another one may be a part of it.
        ordered = sorted(self._values, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_literal, ordered))) if ordered else None

    def read(self, content: bytes) -> None:
        """Know those of a swarm.yaml, as they are spelled there; of one that is not valid, none."""
        with contextlib.suppress(UnicodeDecodeError, yaml.YAMLError, RecursionError):
            # A loader of texts alone: 0123 is a number for others.
            self.add(yaml.load(content.decode("utf-8-sig"), Loader=yaml.BaseLoader))  # noqa: S506

    def masked(self, line: str) -> str:
        """A line that Swarm wrote, without what is secret in it."""
        # First what is known: the rule may take a part of it for the whole.
        return masked_text(self._pattern.sub(MASK, line) if self._pattern else line)

    def told(self, value: t.Any) -> t.Any:
        """What a host returned, without what is secret in the lines that Swarm wrote."""
        return in_texts(value, lambda text: unmarked(text, self.masked))


def _literal(text: str) -> str:
    return re.escape(text) if len(text) >= _LONG else rf"(?<!\w){re.escape(text)}(?!\w)"


def _hidden(value: t.Any, is_hidden: bool = False, is_argument: bool = False) -> t.Iterator[str]:
    """What masked_values() hides."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _hidden(item, is_hidden or is_secret(str(key)))
    elif isinstance(value, list):
        secret = option_values(value)
        for number, item in enumerate(value):
            yield from _hidden(item, is_hidden or number in secret, True)
    elif is_hidden:
        yield str(value)
    elif isinstance(value, str):
        yield from _within(value, masked_text(value, is_argument).split(MASK))


def _within(text: str, shown: t.Sequence[str]) -> t.Iterator[str]:
    """What stands in a text between the parts of it that are shown."""
    place = len(shown[0])
    for number, part in enumerate(shown[1:], 2):
        end = text.index(part, place) if number < len(shown) else len(text) - len(part)
        yield text[place:end]
        place = end + len(part)
