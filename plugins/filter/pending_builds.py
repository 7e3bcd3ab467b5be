# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: pending_builds
short_description: Tell from a look which builds of a peer nobody has seen whole yet
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Tells what is to be marked on a peer, or to be waited for, so that a later run knows what became of it.
  - This filter is a part of the role P(renderops.vray_swarm.verify#role), and can change without notice.
options:
  _input:
    description: The result of C(renderops.vray_swarm.peer_info) with O(renderops.vray_swarm.peer_info#module:wanted).
    type: dict
    required: true
  may_mark:
    description: Whether this run makes and removes marks on the peer. Where it does not, nothing is pending.
    type: bool
    default: true
"""

EXAMPLES = r"""
---
- name: Show what is to be deployed yet
  ansible.builtin.debug:
    msg: "{{ (look | renderops.vray_swarm.pending_builds).undeployed }}"
"""

RETURN = r"""
_value:
  description:
    - C(undeployed) (the wanted versions that are to be deployed, and are not marked so yet), C(arrived) (those that are
      marked so, and that the Swarm that runs has deployed) and C(growing) (the versions that it has deployed from a share,
      that no run has seen whole, and that may be growing still).
  type: dict
  sample:
    undeployed: [7.0.6-0a1b2c3d]
    arrived: []
    growing: []
"""

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _marks

_PENDING = {"undeployed": _marks.undeployed, "arrived": _marks.arrived, "growing": _marks.growing}


def pending_builds(look: t.Mapping[str, t.Any], may_mark: bool = True) -> t.Dict[str, t.List[str]]:
    """Return the versions that nobody has seen whole yet."""
    return {name: versions_of(look) if may_mark else [] for name, versions_of in _PENDING.items()}


class FilterModule:
    """The filter for ansible-core."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"pending_builds": pending_builds}
