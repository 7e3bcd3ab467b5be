# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What a peer answers: to an upload, and to the question whether it allows executables.

The answer to an upload is one JSON object with one key. The key alone decides: no HTTP status is documented.
"""

from __future__ import annotations

import dataclasses
import json
import math
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import AnswerError, VersionError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version, shown

# The longest documented answer has some 300 bytes. Whoever sends more than this is not Swarm, and is not parsed.
MAX_ANSWER_BYTES = 1024 * 1024
TOO_LONG = "is longer than the %d bytes that an answer of Swarm can have" % MAX_ANSWER_BYTES

_QUOTED = 200
_MAX_DEPTH = 32
_MAX_DIGITS = 19
_MAX_INTEGER = 2**63 - 1
_BOM = b"\xef\xbb\xbf"


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer to an upload. A member that this kind of answer does not have is None."""

    outcome: str  # rapid, queued, existing or failed
    raw: t.Dict[str, t.Any] = dataclasses.field(compare=False)  # the whole object as received
    tmp_file: str = ""
    message: t.Optional[str] = None
    version: t.Optional[Version] = None
    uploaded_file_size: t.Optional[int] = None
    taken_seconds: t.Optional[int] = None
    deployed_in_directory: t.Optional[str] = None
    queued_as: t.Optional[str] = None


def _text(value: t.Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def _seconds(value: t.Any) -> int:
    # It only informs: a fraction is no reason to call a deployed build a failure.
    return _count(math.floor(value) if isinstance(value, float) and math.isfinite(value) else value)


def _count(value: t.Any) -> int:
    # True is an int for Python. 6.0 is the same JSON number as 6.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_INTEGER:
        raise ValueError("a whole number that is not negative")
    return value


# The members of the dictionaries as documented: their name in JSON, their name here, what reads them.
_Member = t.Tuple[str, str, t.Callable[[t.Any], t.Any]]
_TMP_FILE: _Member = ("tmpFile", "tmp_file", _text)
_SIZE: _Member = ("uploadedFileSize", "uploaded_file_size", _count)
_VERSION: _Member = ("uploadedVrayVersion", "version", Version.from_dict)
_MESSAGE: _Member = ("message", "message", _text)
_ANSWERS: t.Dict[str, t.Tuple[str, t.Tuple[_Member, ...]]] = {
    "ExistingUR": ("existing", (_MESSAGE, _TMP_FILE, _VERSION)),
    "FailUR": ("failed", (_MESSAGE, _TMP_FILE)),
    "QueuedUR": ("queued", (("queuedAs", "queued_as", _text), _SIZE, _TMP_FILE)),
    "RapidUR": (
        "rapid",
        (
            ("deployedInDirectory", "deployed_in_directory", _text),
            _SIZE,
            _TMP_FILE,
            ("takenSeconds", "taken_seconds", _seconds),
            _VERSION,
        ),
    ),
}
_KEYS = ", ".join(sorted(_ANSWERS))


def parse_answer(body: bytes) -> Answer:
    """Read the answer to an upload."""
    raw = _load(body)
    try:
        return _read_answer(raw, body)
    except AnswerError as exc:
        if isinstance(raw, dict):
            exc.raw, exc.known = raw, len(raw) == 1 and set(raw) <= set(_ANSWERS)
            exc.refused = set(raw) == {"FailUR"}
        raise


def _read_answer(raw: t.Any, body: bytes) -> Answer:
    if not isinstance(raw, dict):
        raise _error(body, "is JSON, but not an object with one of the keys %s" % _KEYS)
    if len(raw) != 1:
        problem = "has %d keys" % len(raw) if raw else "has no key"
        raise _error(body, "%s instead of exactly one of %s" % (problem, _KEYS))
    ((key, content),) = raw.items()
    if key not in _ANSWERS:
        raise _error(body, "has the unknown key %s; the known keys are %s" % (shown(key, 60), _KEYS))
    if not isinstance(content, dict):
        raise _error(body, "has no object under %s" % key)
    outcome, members = _ANSWERS[key]
    values = {}
    for name, attribute, read in members:
        if name not in content:
            raise _error(body, "has no %s in %s" % (name, key))
        try:
            values[attribute] = read(content[name])
        except VersionError as exc:
            raise _error(body, "has a bad %s in %s (%s)" % (name, key, str(exc).rstrip("."))) from exc
        except ValueError as exc:
            raise _error(
                body, "has in %s for %s the value %s, which is not %s" % (key, name, shown(content[name], 60), exc)
            ) from exc
    return Answer(outcome=outcome, raw=raw, **values)


def parse_flag(body: bytes) -> bool:
    """Read the answer to "are executables allowed?".

    JSON has true and false. Swarm is written in Haskell, whose own spelling is True and False: the case is ignored.
    """
    _check_size(body)
    flag = _without_bom(body).strip().lower()
    if flag not in (b"true", b"false"):
        raise _error(body, "is neither true nor false")
    return flag == b"true"


def _error(body: bytes, problem: str) -> AnswerError:
    size = len(body)
    text = bytes(body[: _QUOTED + 1]).decode("utf-8", "backslashreplace")
    return AnswerError(
        "The peer's answer %s. It has %d byte%s%s"
        % (problem, size, "" if size == 1 else "s", ": %s" % shown(text, _QUOTED) if size else ".")
    )


def _check_size(body: bytes) -> None:
    if len(body) > MAX_ANSWER_BYTES:
        raise _error(body, TOO_LONG)


def _without_bom(body: bytes) -> bytes:
    return body[len(_BOM) :] if body.startswith(_BOM) else body


def _load(body: bytes) -> t.Any:
    _check_size(body)
    content = _without_bom(body)
    if not content.strip():
        raise _error(body, "is empty")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        offset = exc.start + len(body) - len(content)
        raise _error(body, "is not valid UTF-8 at byte offset %d" % offset) from exc
    if text.lstrip().startswith("<"):
        raise _error(body, "is HTML or XML instead of JSON, so that something else than Swarm may have sent it")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
        _check_values(value)
    except RecursionError as exc:
        raise _error(body, "is nested too deeply") from exc
    except json.JSONDecodeError as exc:
        if _is_truncated(text, exc):
            raise _error(body, "is JSON that breaks off before its end") from exc
        raise _error(body, "is not JSON (%s)" % exc) from exc
    except ValueError as exc:
        raise _error(body, str(exc)) from exc
    return value


def _is_truncated(text: str, exc: json.JSONDecodeError) -> bool:
    rest = text[exc.pos :].rstrip()
    if exc.msg.startswith("Invalid \\u"):
        # Depending on the version of Python, the position is that of the backslash or one or two behind it.
        return len(text.rstrip()) - exc.pos < 6
    return (
        not rest
        or exc.msg.startswith("Unterminated string")
        or any(word.startswith(rest) for word in ("true", "false", "null", "-", ".", "e+", "e-", "E+", "E-"))
    )


# The hooks of the JSON parser. What they raise is the end of the sentence "The peer's answer ...".


def _object(pairs: t.List[t.Tuple[str, t.Any]]) -> t.Dict[str, t.Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, dummy in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError("has the key %s more than once in one object" % shown(twice, 60))
    return result


def _constant(token: str) -> t.NoReturn:
    raise ValueError("has %s where JSON has a number" % token)


def _float(token: str) -> float:
    value = float(token)
    if math.isinf(value):
        raise ValueError("has a number that is too large (%s)" % shown(token, 40))
    return value


def _integer(token: str) -> int:
    # Converting takes quadratic time, and newer versions of Python refuse it from 4300 digits on.
    if len(token.lstrip("-")) > _MAX_DIGITS:
        raise ValueError("has a number that is too large (%s)" % shown(token, 40))
    return int(token)


def _check_values(value: t.Any) -> None:
    """Refuse what the JSON parser lets pass, but what would break whoever prints or stores the answer later."""
    remaining = [(value, 1)]
    while remaining:
        item, depth = remaining.pop()
        if depth > _MAX_DEPTH:
            raise ValueError("is nested too deeply")
        if isinstance(item, str):
            try:
                item.encode("utf-8")
            except UnicodeEncodeError as exc:
                raise ValueError("has one half of a surrogate pair in a text") from exc
        elif isinstance(item, dict):
            remaining.extend((part, depth + 1) for pair in item.items() for part in pair)
        elif isinstance(item, list):
            remaining.extend((part, depth + 1) for part in item)
