# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What swarm.yaml says, as far as an upload and a look need it."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError

try:
    import yaml
except ImportError:  # A peer need not have PyYAML; see _plain_scalars().
    yaml = None  # type: ignore[assignment]

# What the reader for hosts without PyYAML understands, a line at a time.
_LINE = re.compile(r"(?P<key>[A-Za-z_][\w.-]*)[ \t]*:(?:[ \t]+(?P<value>.*))?")
_NO_KEY = re.compile(r"[ \t]|#|-[ \t]|-$|---[ \t]*(?:#.*)?$|\.\.\.[ \t]*$|$")
_PLAIN = re.compile(r"(?:[A-Za-z0-9_./~\\-]|:(?=[\\/]))(?:[\w ./\\~+=,()-]|:(?=[\\/]))*")
_QUOTED = re.compile(r"'(?P<single>[^']*)'|\"(?P<double>[^\"\\]*)\"")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*$")
_INTEGER = re.compile(r"0|[1-9][0-9]*")
# Of YAML 1.1, as PyYAML reads it.
_BOOLEAN = {
    form: value
    for value, words in ((True, ("true", "yes", "on")), (False, ("false", "no", "off")))
    for word in words
    for form in (word, word.capitalize(), word.upper())
}
# What YAML 1.1 takes for something else than a text.
_NO_TEXT = re.compile(r"(?i)~|null|true|false|yes|no|on|off|y|n|[-+.]?[0-9][-+.:_0-9a-fx]*|[-+]?\.(?:inf|nan)")


def parse_settings(content: bytes, path: str, keys: t.Sequence[str], also: t.Sequence[str] = ()) -> t.Dict[str, t.Any]:
    """Return the settings of a swarm.yaml: all of them with PyYAML, at least ``keys`` without.

    :param also: Keys that are None where only PyYAML could tell what they say.
    :raises OptionsError: The file is not valid YAML, or no mapping, or too elaborate to be read without PyYAML.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OptionsError(f"{path} is not UTF-8 (byte {error.start}): nothing was done.") from error
    if yaml is None:
        return _plain_scalars(text, path, keys, also)
    try:
        settings = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        raise OptionsError(f"{path}{yaml_place(error)}: this is not valid YAML: {yaml_problem(error)}.") from None
    except yaml.YAMLError as error:
        # Of one character, which is told by its number.
        raise OptionsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    # 2026-02-31 is a date for PyYAML; its text would tell other values.
    except (ValueError, LookupError, AttributeError):
        raise OptionsError(f"{path} is not valid YAML: a value is none of the type that it seems to have.") from None
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise OptionsError(f"{path} holds a {type(settings).__name__} where Swarm's settings are a mapping.")
    return settings


def yaml_place(error: t.Any) -> str:
    """Where a YAML file is wrong, to be put behind its name; nothing where the parser does not say."""
    mark = error.problem_mark or error.context_mark
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def yaml_problem(error: Exception) -> str:
    """What is wrong with a YAML file. str() would show the line itself, and there may be a secret in it."""
    told = [text for text in (getattr(error, "context", None), getattr(error, "problem", None)) if text]
    # A password without quotes that begins with one of &, * and ! is taken for a name, and the name told.
    return re.sub(r"(alias|anchor|tag|handle) '[^']*'", r"\1", " ".join(", ".join(told).split()))


def _plain_scalars(text: str, path: str, keys: t.Sequence[str], also: t.Sequence[str]) -> t.Dict[str, t.Any]:
    """Read top-level keys with simple values; refuse what only a YAML parser can read rather than guess."""
    found: t.Dict[str, t.Any] = {}
    lines = re.split(r"\r\n|\r|\n", text)
    for number, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if not match:
            if _NO_KEY.match(line):
                continue
            raise _elaborate(path, f"line {number + 1}")
        key = match.group("key")
        if key in keys or key in also:
            following = next((after for after in lines[number + 1 :] if _COMMENT.sub("", after).strip()), "")
            value = _scalar(match.group("value") or "")
            # A value can go on in the next line.
            is_plain = value is not None and following[:1] not in (" ", "\t")
            if key in keys and not is_plain:
                raise _elaborate(path, f"the value of {key}")
            found[key] = value if is_plain else None
    return found


def _scalar(text: str) -> t.Union[int, str, None]:
    """A plain or quoted text, an integer or a boolean; None for all that needs a parser."""
    quoted = _QUOTED.match(text)
    if quoted and not _COMMENT.sub("", text[quoted.end() :]).strip():
        return quoted.group("single") if quoted.group("single") is not None else quoted.group("double")
    text = _COMMENT.sub("", text).strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _PLAIN.fullmatch(text) and not _NO_TEXT.fullmatch(text):
        return text
    return None


def _elaborate(path: str, what: str) -> OptionsError:
    return OptionsError(f"{path}: {what} needs a YAML parser. Install PyYAML for the Python of this host.")
