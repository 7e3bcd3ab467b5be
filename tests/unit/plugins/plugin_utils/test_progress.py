# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The line about the progress of an upload."""

from __future__ import annotations

import pytest

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._progress import progress_line

MIB = 1 << 20


@pytest.mark.parametrize(
    "sent, total, speed, line",
    [
        (206 * MIB, 437 * MIB, 112.4 * MIB, "peer07: 206 of 437 MiB, 47 %, 112 MiB/s"),
        (216006656, 458321016, 117440512.0, "peer07: 206 of 437 MiB, 47 %, 112 MiB/s"),
        (0, 437 * MIB, 0.0, "peer07: 0 of 437 MiB, 0 %, 0 MiB/s"),
        (437 * MIB - 1, 437 * MIB, 1.0, "peer07: 436 of 437 MiB, 99 %, 0 MiB/s"),
        (437 * MIB, 437 * MIB, 1.5 * MIB, "peer07: 437 of 437 MiB, 100 %, 2 MiB/s"),
        (3, 7, 2.0, "peer07: 0 of 0 MiB, 42 %, 0 MiB/s"),
    ],
)
def test_the_line(sent, total, speed, line):
    shown = []
    progress_line("peer07", shown.append)(sent, total, speed)
    assert shown == [line]
