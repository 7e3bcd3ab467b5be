# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happened in a peer: kept in memory for tests in the same process, written as JSON lines for the others."""

from __future__ import annotations

import datetime
import json
import threading
import typing as t

Event = t.Dict[str, t.Any]


class Events:
    """A list of events that can be waited for."""

    def __init__(self, log: t.Optional[str] = None) -> None:
        self.seen: t.List[Event] = []
        self._changed = threading.Condition()
        self._path = log
        self._file: t.Optional[t.TextIO] = None

    def open(self) -> None:
        if self._path and self._file is None:
            self._file = open(self._path, "a", encoding="utf-8")

    def close(self) -> None:
        with self._changed:
            if self._file is not None:
                self._file.close()
                self._file = None

    def add(self, kind: str, /, **fields: t.Any) -> None:
        now = datetime.datetime.now(datetime.timezone.utc)
        event: Event = {"event": kind, "time": now.isoformat(timespec="microseconds"), **fields}
        with self._changed:
            self.seen.append(event)
            if self._file is not None:
                self._file.write(json.dumps(event) + "\n")
                self._file.flush()
            self._changed.notify_all()

    def matching(self, kind: str, /, **fields: t.Any) -> t.List[Event]:
        with self._changed:
            return self._matching(kind, fields)

    def wait_for(self, kind: str, /, timeout: float = 10.0, count: int = 1, **fields: t.Any) -> Event:
        """The count-th event of that name whose fields are as given; it may have happened already."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._matching(kind, fields)) >= count, timeout):
                raise TimeoutError("no %s %s within %s s, only: %s" % (kind, fields or "", timeout, self.seen[-20:]))
            return self._matching(kind, fields)[count - 1]

    def _matching(self, kind: str, fields: t.Dict[str, t.Any]) -> t.List[Event]:
        return [
            event
            for event in self.seen
            if event["event"] == kind and all(event.get(key) == value for key, value in fields.items())
        ]
