# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For how long a process runs; the rest of processes is tested with who looks for them: test_discover.py."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _processes
from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import Done
from ansible_collections.renderops.vray_swarm.plugins.module_utils._processes import parse_etime, running_seconds


def test_for_how_long_a_process_runs():
    """Its name has what ends it in the list of the kernel."""
    before = time.monotonic()
    name = "import ctypes; ctypes.CDLL(None).prctl(15, b') 1 (2'); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True
    ) as child:
        assert child.stdout.readline() == "\n"
        seconds, most = running_seconds(child.pid), time.monotonic() - before
        child.communicate("\n")
    # A tick is a hundredth of a second.
    assert 0 <= seconds <= most + 0.02
    assert running_seconds(child.pid) is None
    assert running_seconds(os.getpid()) > 0


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("   00:07\n", 8),
        ("01:02:03\n", 3724),
        ("12-01:02:03\n", 12 * 86400 + 3724),
        ("", None),
        ("ELAPSED", None),
        ("1-2-3", None),
        ("1:2:3:4", None),
    ],
)
def test_what_ps_tells(text, seconds, monkeypatch):
    assert parse_etime(text) == seconds
    asked = []

    def run(*argv):
        asked.append(argv)
        return Done(0 if text else 1, text, "")

    monkeypatch.setattr(_processes.sys, "platform", "darwin")
    monkeypatch.setattr(_processes, "run_command", run)
    assert running_seconds(812) == seconds
    assert asked == [("ps", "-o", "etime=", "-p", "812")]
