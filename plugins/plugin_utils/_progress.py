# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The line about the progress of an upload."""

from __future__ import annotations

import typing as t

_MIB = 1 << 20


def progress_line(label: str, show: t.Callable[[str], None]) -> t.Callable[[int, int, float], None]:
    """Return what prints ``peer07: 206 of 437 MiB, 47 %, 112 MiB/s``."""

    def tell(sent: int, total: int, speed: float) -> None:
        show(f"{label}: {sent // _MIB} of {total // _MIB} MiB, {100 * sent // total} %, {speed / _MIB:.0f} MiB/s")

    return tell
