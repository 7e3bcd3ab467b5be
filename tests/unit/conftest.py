# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes what tests share importable: `from swarm_peer import Peer`, `from scripted import Server`, `swarm_lab.signing`."""

from __future__ import annotations

import pathlib
import sys

import hypothesis
import hypothesis.configuration

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "peer"), str(HERE.parent / "lab"), str(HERE)]

# The same examples in each run: what fails once fails again, and nothing needs to be remembered between two runs.
# HYPOTHESIS_EXAMPLES=100000 looks further than `make test` has the time for.
hypothesis.configuration.set_hypothesis_home_dir(str(HERE.parents[1] / ".build" / "hypothesis"))
hypothesis.settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("repeatable")
