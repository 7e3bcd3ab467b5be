# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""A limit for a whole answer, not for each of its bytes."""

from __future__ import annotations

import socket
import time
import typing as t


class DeadlineSocket(socket.socket):
    """A socket whose timeout, once set, holds for all that is read after it together.

    A plain socket begins anew with each byte, so that a peer that trickles its answer is waited for without end.
    """

    _until: t.Optional[float] = None

    def settimeout(self, value: t.Optional[float]) -> None:
        super().settimeout(value)
        self._until = None if value is None else time.monotonic() + value

    def recv_into(self, *args: t.Any, **kwargs: t.Any) -> int:
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise socket.timeout("timed out")
            super().settimeout(left)
        return super().recv_into(*args, **kwargs)
