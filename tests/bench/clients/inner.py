# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a client costs from connect to answer, inside a Python that has imported all that it needs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable


def measured(upload: Callable[[], object]) -> None:
    """Run it, and print seconds, seconds of CPU, and the KiB at the peak beyond what was there before."""
    with contextlib.suppress(OSError):  # From here on the kernel counts a new peak.
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    before, worked, started = _memory("VmRSS"), _cpu(), time.perf_counter()
    upload()
    cost = {"wall": time.perf_counter() - started, "cpu": _cpu() - worked, "peak": _memory("VmHWM") - before}
    json.dump(cost, sys.stdout)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _memory(name: str) -> int:
    if not os.path.exists("/proc/self/status"):
        return 0
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        found = re.search(rf"{name}:\s+(\d+) kB", file.read())
    return int(found.group(1)) if found else 0
