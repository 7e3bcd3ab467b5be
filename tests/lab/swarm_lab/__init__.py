# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab: real hosts for scenarios. See the README beside this package."""

from .host import PEERS, SERVER, Spec
from .lab import Lab
from .playbook import Playing, Result, Run
from .system import LabError

__all__ = ["PEERS", "SERVER", "Lab", "LabError", "Playing", "Result", "Run", "Spec"]
