# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A farm of Windows hosts that are doubles."""

from __future__ import annotations

import typing as t
from pathlib import Path

import doubles
import pytest

doubles.need("windows")

from windows_double.farm import Farm, Peer  # noqa: E402


@pytest.fixture
def farm(tmp_path: Path) -> t.Iterator[Farm]:
    made = Farm(tmp_path)
    made.share.mkdir()
    yield made
    made.end()


@pytest.fixture
def peer(farm: Farm) -> Peer:
    return farm.add("ws1")
