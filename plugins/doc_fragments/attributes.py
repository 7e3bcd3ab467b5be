# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes of plugins; each plugin says what its support is."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and say what it would change, without changing it.
  diff_mode:
    description: Returns what it changed, or would change, in diff mode.
  idempotent:
    description: A second run with the same options on an unchanged host changes nothing.
  platform:
    description: The systems of the hosts that it can work on.
  action:
    description: Has an action plugin, so that a part of it runs on the controller.
  async:
    description: Supports the keyword C(async).
"""

    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/renderops.vray_swarm.swarm) in C(module_defaults) to set the options that its members share.
    support: full
    membership:
      - renderops.vray_swarm.swarm
"""
