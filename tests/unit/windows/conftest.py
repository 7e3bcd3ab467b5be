# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A farm of Windows hosts that are doubles."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("doubles", "doubles/windows", "lab")]

pytest.importorskip("ansible", reason="what runs on peers is tested without Ansible")
pytest.importorskip("multipart", minversion="2", reason="the reference peer needs multipart 2, which needs Python 3.10")

from windows_double.farm import Farm, Peer  # noqa: E402


@pytest.fixture
def farm(tmp_path: Path) -> t.Iterator[Farm]:
    made = Farm(tmp_path)
    made.share.mkdir()
    yield made
    for peer in made.peers.values():
        peer.swarm.end()


@pytest.fixture
def peer(farm: Farm) -> Peer:
    return farm.add("ws1")
