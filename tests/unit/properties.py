# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many examples a property is tried with."""

from __future__ import annotations

import os
import typing as t

import hypothesis


def examples(number: int) -> t.Any:
    """So many, or with HYPOTHESIS_EXAMPLES that many, new ones in each run."""
    wanted = os.environ.get("HYPOTHESIS_EXAMPLES")
    if wanted:
        return hypothesis.settings(max_examples=int(wanted), derandomize=False)
    return hypothesis.settings(max_examples=number)
