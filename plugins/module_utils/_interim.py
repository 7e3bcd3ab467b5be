# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The answer behind those that only say that it will come (RFC 9110, 15.2), as ``102 Processing`` does.

http.client passes over ``100 Continue`` alone, and takes any other for the answer.
"""

from __future__ import annotations

import http.client
import typing as t

# One in each second of an hour, and some. All of them together have the time of one answer.
MOST_INTERIM = 5000


def is_interim(status: int) -> bool:
    """Whether another answer follows on the same connection. None does that HTTP knows of after 101."""
    return 100 <= status < 200 and status != http.client.SWITCHING_PROTOCOLS


class FinalResponse(http.client.HTTPResponse):
    """What ``response_class`` of a connection is to be."""

    def _read_status(self) -> t.Tuple[str, int, str]:
        for _number in range(MOST_INTERIM + 1):
            version, status, reason = t.cast(t.Any, super())._read_status()
            if not is_interim(status):
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {MOST_INTERIM} interim answers, as HTTP {status}")
