# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Misbehaviour on request: KIND[=VALUE][,OPTION=VALUE…], as in `early,after=1048576,then=sit,times=2`."""

from __future__ import annotations

import dataclasses
import math
import threading
import typing as t

END = -1  # after=end: the whole body is read and the upload carried out, then the fault strikes

GARBAGE = (
    "html",
    "empty",
    "truncated",
    "cut",
    "utf8",
    "unknown-key",
    "several-keys",
    "missing",
    "types",
    "huge",
)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _bytes(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def _bytes_or_end(text: str) -> int:
    return END if text == "end" else _bytes(text)


def _back(text: str) -> float:
    return math.inf if text == "never" else _seconds(text)


def _status(text: str) -> int:
    value = int(text)
    if not 200 <= value <= 599:
        raise ValueError
    return value


def _text(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _one_of(*words: str) -> t.Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return convert


Converter = t.Callable[[str], t.Any]


@dataclasses.dataclass(frozen=True)
class _Kind:
    value: t.Optional[Converter] = None
    options: t.Mapping[str, t.Tuple[Converter, t.Any]] = dataclasses.field(default_factory=dict)
    counted: bool = True


_KINDS: t.Dict[str, _Kind] = {
    "refuse": _Kind(options={"seconds": (_seconds, math.inf)}, counted=False),
    "not-swarm": _Kind(options={"code": (_status, 200)}),
    # While the body is read.
    "reset": _Kind(options={"after": (_bytes_or_end, 0)}),
    "die": _Kind(options={"after": (_bytes_or_end, 0), "back": (_back, math.inf)}),
    "stall": _Kind(options={"after": (_bytes, 0)}),
    "early": _Kind(options={"after": (_bytes, 0), "then": (_one_of("close", "drain", "sit"), "close")}),
    "slow": _Kind(value=_count),
    # While a build is unpacked, whether it was uploaded or lies in the import directory.
    "halfway": _Kind(value=_one_of("staged", "in-place")),
    # Instead of, or around, the answer.
    "fail": _Kind(value=_text),
    "redirect": _Kind(value=_text, options={"code": (_status, 302)}),
    "garbage": _Kind(value=_one_of(*GARBAGE)),
    "short": _Kind(value=_count),
    "status": _Kind(value=_status),
    "late": _Kind(options={"seconds": (_seconds, 1.0)}),
    "silent": _Kind(),
    "trickle": _Kind(value=_seconds),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    value: t.Any = None
    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    times: t.Optional[int] = None

    @property
    def after(self) -> t.Optional[int]:
        return t.cast(t.Optional[int], self.options.get("after"))


def parse(spec: str) -> Fault:
    """One fault; a ValueError says in one line what is wrong."""
    pieces = spec.split(",")
    name, equals, value = pieces[0].partition("=")
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError("fault %r: unknown, choose from: %s" % (spec, ", ".join(sorted(_KINDS))))
    known = dict(kind.options)
    if kind.counted:
        known["times"] = (_count, None)
    options = {key: default for key, (_converter, default) in known.items()}
    given: t.Optional[str] = None
    for piece in pieces[1:]:
        key, option_equals, text = piece.partition("=")
        if key in known and option_equals:
            given = key
            options[key] = _convert(known[key][0], text, spec, key)
        elif kind.value is not None and given is None:
            value += "," + piece  # a comma inside a text or URL
        else:
            raise ValueError("fault %r: unknown option %r, %s takes: %s" % (spec, piece, name, ", ".join(known)))
    if kind.value is None:
        if equals:
            raise ValueError("fault %r: %s takes no value" % (spec, name))
        return Fault(name, None, options, options.pop("times", None))
    return Fault(name, _convert(kind.value, value, spec, name), options, options.pop("times", None))


def _convert(converter: Converter, text: str, spec: str, key: str) -> t.Any:
    try:
        return converter(text)
    except ValueError:
        raise ValueError("fault %r: %r is no value for %s" % (spec, text, key)) from None


class Plan(t.Dict[str, Fault]):
    """The faults of one request, by kind."""

    def at(self, body_bytes: int) -> t.Optional[Fault]:
        """The fault that strikes now that so much of the body was read."""
        due = [fault for fault in self.values() if fault.after is not None and 0 <= fault.after <= body_bytes]
        return min(due, key=lambda fault: fault.after or 0) if due else None

    def room(self, body_bytes: int, size: int) -> int:
        """How much may be read before the next fault strikes."""
        ahead = [f.after - body_bytes for f in self.values() if f.after is not None and f.after > body_bytes]
        return min([size, *ahead])

    def at_end(self) -> t.Optional[Fault]:
        return next((fault for fault in self.values() if fault.after == END), None)


class Faults:
    """The faults of a peer, and how often each still strikes."""

    def __init__(self, faults: t.Iterable[t.Union[str, Fault]] = ()) -> None:
        self._lock = threading.Lock()
        self._left: t.List[t.Tuple[Fault, t.Optional[int]]] = []
        self.set(faults)

    def set(self, faults: t.Iterable[t.Union[str, Fault]]) -> None:
        parsed = [parse(fault) if isinstance(fault, str) else fault for fault in faults]
        with self._lock:
            self._left = [(fault, fault.times) for fault in parsed]

    def refused_for(self) -> float:
        """For how many seconds after the start nothing listens."""
        with self._lock:
            return max([f.options["seconds"] for f, _left in self._left if f.kind == "refuse"], default=0.0)

    def reads_little(self) -> bool:
        with self._lock:
            return any(fault.kind in ("slow", "stall") for fault, _left in self._left)

    def for_upload(self) -> Plan:
        return self._take(lambda kind: kind not in ("refuse", "not-swarm", "halfway"))

    def for_unpacking(self) -> Plan:
        return self._take(lambda kind: kind == "halfway")

    def for_flag(self) -> Plan:
        return self._take(lambda kind: kind == "not-swarm")

    def _take(self, wanted: t.Callable[[str], bool]) -> Plan:
        plan = Plan()
        with self._lock:
            for index, (fault, left) in enumerate(self._left):
                if wanted(fault.kind) and left != 0 and fault.kind not in plan:
                    plan[fault.kind] = fault
                    self._left[index] = (fault, None if left is None else left - 1)
        return plan
