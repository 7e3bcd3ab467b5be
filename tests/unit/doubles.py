# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests with doubles of hosts need before they can import them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


def need(system: str) -> None:
    """Let the double of a system be imported, or skip all tests with it."""
    sys.path[:0] = [str(TESTS / name) for name in ("doubles", f"doubles/{system}", "lab")]
    pytest.importorskip("ansible", reason="what runs on peers is tested without Ansible")
    pytest.importorskip(
        "multipart", minversion="2", reason="the reference peer needs multipart 2, which needs Python 3.10"
    )
