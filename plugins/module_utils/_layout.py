# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The names in the root of a share, for those who publish and for those who read."""

from __future__ import annotations

import typing as t

MANIFEST = "builds.json"
SUMS = "SHA256SUMS"
#: Of :data:`SUMS`, detached and armored. Whoever has the key makes it; the collection does not.
SIGNATURE = "SHA256SUMS.asc"
STAGING = ".staging"
WITHDRAWN = ".withdrawn"


def listed_size(size: t.Any) -> t.Optional[int]:
    """A number of bytes from a list that anybody may have written; None where it is none."""
    is_number = isinstance(size, int) and not isinstance(size, bool)
    return size if is_number and 0 <= size < 1 << 63 else None


def amount(size: float) -> str:
    """Some bytes as people say it: 1.8 GB."""
    for unit, bytes_each in (("GB", 10**9), ("MB", 10**6)):
        if size >= bytes_each:
            return f"{size / bytes_each:.1f} {unit}"
    return f"{size:.0f} bytes"
