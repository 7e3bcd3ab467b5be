# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: usual_builds
short_description: Tell how full a build is on most peers
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Counts, for each build and platform, what the peers of a play have of it, and tells what more than half of them have.
  - This filter is a part of the role P(renderops.vray_swarm.verify#role), and can change without notice.
options:
  _input:
    description:
      - The variables of all hosts, C(hostvars). A host counts with its look, or with what was verified in this run;
        what a fact cache keeps of an earlier one does not count.
    type: dict
    required: true
  hosts:
    description: The names of the hosts that count.
    type: list
    elements: string
    required: true
"""

EXAMPLES = r"""
---
- name: Learn how full a build is on most peers
  ansible.builtin.set_fact:
    usual: "{{ hostvars | renderops.vray_swarm.usual_builds(ansible_play_hosts_all) }}"
"""

RETURN = r"""
_value:
  description:
    - The number of C(files) and C(bytes) that most peers have of each build, by C(platform/version), V(null) where nobody
      can tell; whether these are only what is on most peers where the build is not in doubt, as C(outvoted); and all such
      pairs that are on two peers, or on one where a run has seen the build whole, as C(agreed).
  type: dict
  sample:
    Linux_x86/6.20.10-e8197af2:
      files: 1200
      bytes: 1310720000
      outvoted: false
      agreed: [[1200, 1310720000]]
"""

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _usual
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._run_cache import run_name


def usual_builds(variables: t.Mapping[str, t.Any], hosts: t.Iterable[str]) -> t.Dict[str, t.Dict[str, int]]:
    """Return what most peers have of each build."""
    run = run_name()
    return _usual.usual_builds(filter(None, (_look_of(variables[host], run) for host in hosts)))


def _look_of(host: t.Mapping[str, t.Any], run: str) -> t.Any:
    """What is known of a host of this wave, or of an earlier one of this run."""
    look = host.get("__vray_swarm_looked")
    if look and "builds" in look:
        return look
    return _usual.verified_in(host, run)


class FilterModule:
    """The filter for ansible-core."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"usual_builds": usual_builds}
