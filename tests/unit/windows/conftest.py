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

from windows_double.farm import CONFIG, DATA_DIR, SERVICE, Farm, Peer  # noqa: E402

KNOWN = {"vray_swarm_data_dir": DATA_DIR, "vray_swarm_config": CONFIG, "vray_swarm_service": SERVICE}


@pytest.fixture
def farm(tmp_path: Path) -> t.Iterator[Farm]:
    made = Farm(tmp_path)
    made.share.mkdir()
    yield made
    made.end()


@pytest.fixture
def peer(farm: Farm) -> Peer:
    return farm.add("ws1")


@pytest.fixture
def peers(farm: Farm) -> t.Callable[..., t.List[Peer]]:
    """What makes peers of which all is known, or what is given of them."""

    def add(*names: str, **variables: t.Any) -> t.List[Peer]:
        for name in names:
            farm.add(name)
            farm.variables[name] = {**KNOWN, **variables}
        return [farm.peers[name] for name in names]

    return add
