# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each text of a result is reached, and nothing else."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._texts import in_texts


@dataclasses.dataclass(frozen=True)
class Event:
    msg: str
    chain: t.Optional[Event] = None
    more: t.Tuple[str, ...] = ()
    number: int = dataclasses.field(default=5, init=False)


def test_all_texts():
    given = {"a": ["b", 1, None, True, ("c",)], "d": Event("e", Event("f"), ("g",)), "h": Event}
    assert in_texts(given, str.upper) == {
        "a": ["B", 1, None, True, ("C",)],
        "d": Event("E", Event("F"), ("G",)),
        "h": Event,
    }
