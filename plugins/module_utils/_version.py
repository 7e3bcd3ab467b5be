# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The version of a build: a dictionary in the answers of Swarm, a version string in the names of files."""

from __future__ import annotations

import dataclasses
import re
import typing as t
from collections.abc import Mapping

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, VersionError

# [0-9] instead of \d, which also matches the digits of other scripts. The lengths are bounds against nonsense: a
# version string is part of a directory name, and Python refuses to convert numbers of thousands of digits.
_VERSION = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})-([0-9A-Za-z]{1,64})")
_REV_HASH = re.compile(r"[0-9A-Za-z]{1,64}")
_PART_LIMIT = 10**9

# In a file name, anything may follow the three numbers ("6.20.10-linux"), so that only what looks like an abbreviated
# commit hash counts there. A date ("6.20.10-20260131") consists of hexadecimal digits, but is none.
_VERSION_IN_NAME = re.compile(
    r"(?<![0-9])(?<![0-9]\.)"
    r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}"
    r"-(?!(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?![0-9A-Za-z]))"
    r"[0-9A-Fa-f]{6,40}(?![0-9A-Za-z])"
)

# What a terminal obeys: control characters, but for tabs and line breaks, which JSON escapes, what turns the direction of
# writing, and the line breaks of Unicode. JSON escapes the others below 0x20, too, but XML may not hold them at all.
_OBEYED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_BETWEEN = re.compile(r"(\r?\n|\t)")

_EXPECTED_TEXT = "expected three numbers and a revision hash, such as 6.20.10-e8197af2"
_EXPECTED_DICT = (
    'expected a dictionary such as {"_revHash": "e8197af2", "_ver": {"_major": 6, "_minor": 20, "_release": 10}}'
)


def shown(value: t.Any, limit: int = 120) -> str:
    """Quote whatever somebody sent, for a message: bounded, and harmless for a terminal."""
    cut = False
    if isinstance(value, (str, bytes)):
        cut = len(value) > limit
        value = value[:limit]
    try:
        text = repr(value)
    except Exception:  # pylint: disable=broad-except
        # For example an integer of more digits than Python is willing to print.
        text = "<%s>" % type(value).__name__
    if cut or len(text) > limit + 2:
        return text[:limit] + "..."
    return text


def printable(text: t.Any) -> str:
    """A text with what somebody else named or said in it, on one line, and harmless for a terminal.

    Escape sequences, line breaks and what turns the direction of writing are shown as Python would write them.
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(text))


def harmless(value: t.Any) -> t.Any:
    """A value to return, with nothing in it that a terminal would obey when Ansible shows it as JSON, or a report as XML.

    All other characters are as they were.
    """
    if isinstance(value, str):
        # Where there is none, what ansible-core has noted of the text stays with it.
        return _OBEYED.sub(lambda match: printable(match.group()), value) if _OBEYED.search(value) else value
    if isinstance(value, Mapping):
        return {harmless(key): harmless(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [harmless(item) for item in value]
    return value


def harmless_lines(text: str) -> str:
    """A text of several lines that Ansible prints as it is: a diff."""
    return "".join(part if part in ("\t", "\n", "\r\n") else printable(part) for part in _BETWEEN.split(text))


@dataclasses.dataclass(frozen=True, order=True)
class Version:
    """A version, ordered by its numbers: logs print 7.00.06 where JSON has 7, 0 and 6."""

    major: int
    minor: int
    release: int
    rev_hash: str

    @classmethod
    def parse(cls, text: t.Any) -> Version:
        """Read a version string."""
        match = _VERSION.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise VersionError("%s is not a version string: %s." % (shown(text), _EXPECTED_TEXT))
        return cls(int(match.group(1)), int(match.group(2)), int(match.group(3)), match.group(4))

    @classmethod
    def from_dict(cls, obj: t.Any) -> Version:
        """Read a version dictionary. Members beside the documented ones are ignored."""
        if not isinstance(obj, Mapping):
            raise VersionError("%s is not a version dictionary: %s." % (shown(obj), _EXPECTED_DICT))
        numbers = obj.get("_ver")
        if not isinstance(numbers, Mapping):
            raise _malformed(obj, "_ver", "_ver" in obj, "a dictionary")
        rev_hash = obj.get("_revHash")
        match = _REV_HASH.fullmatch(rev_hash) if isinstance(rev_hash, str) else None
        if match is None:
            raise _malformed(obj, "_revHash", "_revHash" in obj, "a text of letters and digits")
        # match.group() and int() give plain values also where ansible-core hands over its own subclasses.
        return cls(
            _number(obj, numbers, "_major"),
            _number(obj, numbers, "_minor"),
            _number(obj, numbers, "_release"),
            match.group(),
        )

    def as_dict(self) -> t.Dict[str, t.Any]:
        """Return the version dictionary, as Swarm writes it."""
        return {
            "_revHash": self.rev_hash,
            "_ver": {"_major": self.major, "_minor": self.minor, "_release": self.release},
        }

    def __str__(self) -> str:
        return "%d.%d.%d-%s" % (self.major, self.minor, self.release, self.rev_hash)


def _number(obj: t.Any, numbers: t.Mapping[str, t.Any], name: str) -> int:
    value = numbers.get(name)
    # True is an int for Python.
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _PART_LIMIT:
        raise _malformed(obj, "_ver." + name, name in numbers, "a whole number that is not negative")
    return int(value)


def _malformed(obj: t.Any, member: str, present: bool, wanted: str) -> VersionError:
    problem = "%s is not %s" % (member, wanted) if present else "%s is missing" % member
    return VersionError("%s is not a version dictionary, %s: %s." % (shown(obj), problem, _EXPECTED_DICT))


def find_version(file_name: str) -> t.Optional[Version]:
    """Return the version that the name of a file carries; None where it carries none, or several."""
    # Whoever runs this may look at the path of another platform. Both separators are none that a name would need.
    base_name = re.split(r"[/\\]", file_name)[-1]
    found = {Version.parse(match.group()) for match in _VERSION_IN_NAME.finditer(base_name)}
    return found.pop() if len(found) == 1 else None


def wanted_version(option: t.Optional[str], name: str) -> t.Optional[Version]:
    """Return the version that a build is said to have, by the option ``version`` or the name of the file."""
    in_name = find_version(name)
    if not option:
        return in_name
    wanted = Version.parse(option)
    if in_name and in_name != wanted:
        raise OptionsError(
            f"version is {wanted}, and the name of the file says {in_name}: {name}. Correct one of them."
        )
    return wanted
