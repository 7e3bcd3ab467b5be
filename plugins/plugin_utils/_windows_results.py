# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What the PowerShell scripts return. It is checked before anybody believes it.

SHAPES is the whole list. What PowerShell makes of a list on its way here is undone: a list of one can arrive as that one,
and an empty one as nothing. What remains unlike the table is refused, and never guessed at.
"""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SwarmError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import shown

Result = t.Dict[str, t.Any]

# What a value can be; a dictionary is an object, and a list has one kind of items.
TEXT, WHOLE, NUMBER, FLAG, BASE64 = "a text", "a whole number", "a number", "true or false", "base64"


class OrNull(t.NamedTuple):
    """A value, or null."""

    shape: t.Any


class When(t.NamedTuple):
    """A field that is there when the script was given a parameter."""

    parameter: str
    shape: t.Any


class May(t.NamedTuple):
    """A field that can be missing."""

    shape: t.Any


class Else(t.NamedTuple):
    """An object with an error: where that is null, these are not."""

    fields: t.Tuple[str, ...]
    shape: t.Dict[str, t.Any]


_LISTING = {"missing": FLAG, "error": OrNull(TEXT)}
_ANSWER = Else(("status", "body"), {"status": OrNull(WHOLE), "body": OrNull(BASE64), "error": OrNull(TEXT)})
_RENDERS = [{"pid": WHOLE, "executable": TEXT}]
_SERVICE = {
    "state": TEXT,
    "start_mode": OrNull(TEXT),
    "process_id": WHOLE,
    "exit_code": WHOLE,
    "service_exit_code": WHOLE,
    "account": OrNull(TEXT),
    "account_sid": OrNull(TEXT),
}
_SETTINGS = Else(("content",), {"path": TEXT, "content": OrNull(BASE64), "error": OrNull(TEXT)})

#: By script, and by what it is told to do.
SHAPES: t.Dict[str, t.Any] = {
    "look": {
        "identity": {"name": TEXT, "sid": TEXT},
        "service": When("ServiceName", OrNull(_SERVICE)),
        "service_error": May(TEXT),
        "service_seconds": When("ServiceName", OrNull(NUMBER)),
        "platform": OrNull(TEXT),
        "platform_error": May(TEXT),
        "is_peer": When("Peer", FLAG),
        "peer_error": May(TEXT),
        "config": When("Config", Else(("content",), {"content": OrNull(BASE64), **_LISTING})),
        "data": When("DataDir", _LISTING),
        "builds": When(
            "DataDir",
            [{"name": TEXT, "directory": TEXT, "seconds": NUMBER, "files": OrNull(WHOLE), "bytes": OrNull(WHOLE)}],
        ),
        "kept": When("DataDir", [{"name": TEXT, "path": TEXT, "bytes": WHOLE}]),
        "marks": When("DataDir", [TEXT]),
        "sizes_error": May(TEXT),
        "renders": May(_RENDERS),
        "renders_error": May(TEXT),
        "import_dir": When("ImportDir", {"path": TEXT, "free": OrNull(WHOLE), **_LISTING}),
        "imports": When(
            "ImportDir",
            [
                {
                    "name": TEXT,
                    "path": TEXT,
                    "directory": FLAG,
                    "bytes": OrNull(WHOLE),
                    "start": OrNull(BASE64),
                    "programs": [BASE64],
                    "sha256": OrNull(TEXT),
                }
            ],
        ),
        "checksums_error": May(TEXT),
        "disk": When("Disk", {"temp": OrNull(WHOLE), "data": OrNull(WHOLE)}),
        "share": When(
            "SharePath",
            {
                "error": OrNull(TEXT),
                "denied": FLAG,
                "empty": FLAG,
                "manifest": OrNull(BASE64),
                "sums": OrNull(BASE64),
                "signature": OrNull(BASE64),
            },
        ),
        "system": When("Build", TEXT),
        "build": When(
            "Build",
            Else(
                ("bytes", "written", "start"),
                {
                    "bytes": OrNull(WHOLE),
                    "written": OrNull(WHOLE),
                    "start": OrNull(BASE64),
                    "programs": [BASE64],
                    "sha256": OrNull(TEXT),
                    "error": OrNull(TEXT),
                    "in_use": FLAG,
                },
            ),
        ),
        "answer": When("Url", _ANSWER),
        "unseen": When("WebPort", [TEXT]),
        "services_error": May(TEXT),
        "listeners_error": May(TEXT),
        "named": When("WebPort", FLAG),
        "listeners": When(
            "WebPort",
            [
                {
                    "address": TEXT,
                    "port": WHOLE,
                    "pid": WHOLE,
                    "executable": OrNull(TEXT),
                    "command": OrNull(TEXT),
                    "user": OrNull(TEXT),
                    "service": OrNull(
                        {"name": TEXT, "path": OrNull(TEXT), "account": OrNull(TEXT), "wrapper": FLAG},
                    ),
                }
            ],
        ),
        "folders": When("WebPort", {"data": OrNull(TEXT), "programs": OrNull(TEXT), "system": OrNull(TEXT)}),
        "files": When("Names", [_SETTINGS]),
        "seen": When("Names", [{"folder": TEXT, "pattern": TEXT, "settings": [_SETTINGS], "holds_vray": FLAG}]),
        "answers": When("Names", [_ANSWER]),
    },
    "send": Else(
        ("rc", "stdout", "stderr"),
        {
            "error": OrNull(TEXT),
            "in_use": FLAG,
            "step": TEXT,
            "rc": OrNull(WHOLE),
            "stdout": OrNull(BASE64),
            "stderr": OrNull(BASE64),
            "endless": FLAG,
        },
    ),
    "files look": {
        "directory": FLAG,
        "parent": FLAG,
        "content": OrNull(BASE64),
        "readonly": FLAG,
        "saved": FLAG,
        "saved_seconds": OrNull(NUMBER),
        "saved_sha256": OrNull(TEXT),
        "old": OrNull(BASE64),
        "is_peer": When("Peer", FLAG),
        "peer_error": May(TEXT),
    },
    "files put": {"other": FLAG, "left": May(TEXT)},
    "files move": {"other": FLAG, "left": May(TEXT)},
    "files remove": {"other": FLAG},
    "service stop": {"renders": May(_RENDERS)},
    "service start": {},
    "service arm": {},
    "service disarm": {"other": May(FLAG)},
}


class _Wrong(Exception):
    """A field, and what is wrong with it."""


def check_result(name: str, parameters: t.Mapping[str, t.Any], result: t.Any) -> Result:
    """Return what a script returned, with each list a list and each whole number an int.

    :raises SwarmError: It is not what the script returns.
    """
    shape = SHAPES[f"{name} {parameters['Do']}" if "Do" in parameters else name]
    try:
        # Nothing at all is what an empty hashtable can become.
        return t.cast(Result, _checked("its result", shape, {} if result is None else result, parameters))
    except _Wrong as wrong:
        raise SwarmError(
            f"{name}.ps1, a PowerShell script of the collection, returned what cannot be believed: {wrong}. PowerShell on"
            " this host does not do what the collection expects. Report it to the collection's repository, with this"
            " message and what $PSVersionTable shows on the host."
        ) from None


def _checked(field: str, shape: t.Any, value: t.Any, parameters: t.Mapping[str, t.Any]) -> t.Any:
    if isinstance(shape, OrNull):
        return None if value is None else _checked(field, shape.shape, value, parameters)
    if isinstance(shape, Else):
        found = _checked(field, shape.shape, value, parameters)
        lacking = [name for name in shape.fields if found["error"] is None and found[name] is None]
        if lacking:
            raise _Wrong(f"{field}.{lacking[0]} and {field}.error are both null")
        return found
    if isinstance(shape, list):
        return [
            _checked(f"{field}[{number}]", shape[0], item, parameters) for number, item in enumerate(_listed(value))
        ]
    if isinstance(shape, dict):
        return _object(field, shape, value, parameters)
    return _plain(field, shape, value)


def _listed(value: t.Any) -> t.List[t.Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _object(field: str, shapes: t.Dict[str, t.Any], value: t.Any, parameters: t.Mapping[str, t.Any]) -> Result:
    if not isinstance(value, dict):
        raise _Wrong(f"{field} is {shown(value)} and no object")
    # Others are left as they are: nobody reads them.
    found = dict(value)
    for name, shape in shapes.items():
        inner = name if field == "its result" else f"{field}.{name}"
        is_needed = not isinstance(shape, May)
        if isinstance(shape, When):
            is_needed = bool(parameters.get(shape.parameter))
        if isinstance(shape, (When, May)):
            shape = shape.shape
        if name in value:
            found[name] = _checked(inner, shape, value[name], parameters)
        elif is_needed:
            raise _Wrong(f"{inner} is missing")
    return found


def _plain(field: str, kind: str, value: t.Any) -> t.Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == WHOLE and is_number and value == value // 1:
        return int(value)
    is_right = {
        TEXT: isinstance(value, str),
        WHOLE: False,
        NUMBER: is_number,
        FLAG: isinstance(value, bool),
        BASE64: isinstance(value, str) and _is_base64(value),
    }
    if not is_right[kind]:
        raise _Wrong(f"{field} is {'null' if value is None else shown(value)} and not {kind}")
    return value


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True
