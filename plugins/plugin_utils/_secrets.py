# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What in settings is secret: by the words of a key, and within a text by what stands before it.

Where it is not clear how far a secret goes, more is masked than has to be.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._secret_names import is_secret

MASK = "********"

# The password in a URL, in //user:password@host, with slashes of either kind, and in user:password@host, which settings
# of a proxy are as well. One that holds a slash is no port, nor is what follows one.
_USER_INFO = re.compile(r"""(?x)
    (:// [^\s/?#@:\[]* :) (?: [^\s/?#]* @ | (?!\d+[/?#]) \S{1,500}? @)
    | ((?<![^\s"'=,;(\[{<]) [/\\]{2,4} [^\s/\\?#@:\[]* :) (?: [^\s/\\]* @ | (?!\d+[/\\]) \S{1,500}? @)
    | ((?<![^\s"'=,;(\[{<]) [^\s"'=,;(\[{</?#@:\\]+ :) [^\s/?#\\]{1,500} @
""")

# A name and what stands between it and its value: a parameter of a URL; an option, also as it stands in a list that was
# written in one line; and what is set with an equals sign or as in YAML. A host and its port are none of it.
_NAMED = re.compile(r"""(?x)
    (?: (?P<parameter>[?&]) | (?<![\w./@-]) (?P<option>--?|/)? )
    (?P<name>[A-Za-z_][\w.-]*)
    (?(option) ["']?[\s,:=] | (?: ["']?\s*= | ["']\s*: | \s*:(?=\s) ) ) \s*
""")
_OPTION = re.compile(r"(?:--?|/)(?P<name>[A-Za-z_][\w.-]*)")
# How far a value goes: of a parameter, of an option in a line (up to the next one), and of all else.
_PARAMETER_VALUE = re.compile(r"[^&\s]*")
_OPTION_VALUE = re.compile(r"""(?s)(?:"[^"]*"|'[^']*'|.)*?(?=\s-|\Z)""")
_VALUE = re.compile(r"(?s).*")


def masked_text(text: str, is_argument: bool = False) -> str:
    """A value whose key is not secret, without what is secret in it.

    :param is_argument: It is one item of a list: where that is an option, all of the rest is its value.
    """
    text = masked_urls(text)
    parts, place = [], 0
    for match in _NAMED.finditer(text):
        if match.start() < place or match.end() == len(text) or not is_secret(match["name"]):
            continue
        value = _VALUE
        if match["parameter"]:
            value = _PARAMETER_VALUE
        elif match["option"] and not (is_argument and match.start() == 0):
            value = _OPTION_VALUE
        parts += [text[place : match.end()], MASK]
        place = t.cast("re.Match[str]", value.match(text, match.end())).end()
    return "".join([*parts, text[place:]]) if parts else text


def option_values(items: t.Sequence[t.Any]) -> t.Set[int]:
    """Which items of a list are the value of the option before them: [--token, X]."""
    options = [_OPTION.fullmatch(item) if isinstance(item, str) else None for item in items]
    return {number for number, match in enumerate(options, 1) if match and is_secret(match["name"])}


def masked_values(value: t.Any, is_hidden: bool = False, is_argument: bool = False) -> t.Any:
    """Settings to be returned or told, without what is secret."""
    if isinstance(value, dict):
        return {key: masked_values(item, is_hidden or is_secret(str(key))) for key, item in value.items()}
    if isinstance(value, list):
        secret = option_values(value)
        return [masked_values(item, is_hidden or number in secret, True) for number, item in enumerate(value)]
    if is_hidden:
        return value if value is None or isinstance(value, bool) else MASK
    return masked_text(value, is_argument) if isinstance(value, str) else value


def masked_urls(text: str) -> str:
    """What a peer answered, or a message, without the passwords of URLs: what stands behind a name may be the reason."""
    if not _USER_INFO.search(text):
        return text
    return _USER_INFO.sub(lambda match: f"{match[match.lastindex or 0]}{MASK}@", text)
