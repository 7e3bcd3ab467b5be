# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: doubtful_hosts
short_description: Tell which peers are to be looked at once more, since all of them are known
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Names those peers that were verified in this run when nobody could tell yet that they have less of a build than most,
    or whether what no run has seen whole is as full as on other peers.
  - This filter is a part of the playbook C(renderops.vray_swarm.distribute), and can change without notice.
options:
  _input:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  hosts:
    description: The names of the hosts that count.
    type: list
    elements: string
    required: true
  all_known:
    description: Whether no peer was left out of the run, so that those together tell what no run has seen whole.
    type: bool
    default: true
"""

EXAMPLES = r"""
---
- name: Look again at what is in doubt
  hosts: "{{ hostvars | renderops.vray_swarm.doubtful_hosts(groups.peers) or '!all' }}"
  roles:
    - role: renderops.vray_swarm.verify
"""

RETURN = r"""
_value:
  description: The names of these peers.
  type: list
  elements: string
  sample: [peer1]
"""

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _usual
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._run_cache import run_name


def doubtful_hosts(variables: t.Mapping[str, t.Any], hosts: t.Iterable[str], all_known: bool = True) -> t.List[str]:
    """Return the names of the hosts of which all of them together tell more than was told yet."""
    run = run_name()
    # Where a playbook is only listed, there are no variables.
    told = {host: _usual.verified_in(variables[host], run) for host in hosts if host in variables}
    verified = {host: found for host, found in told.items() if found}
    usual = _usual.usual_builds(verified.values())
    return [
        host
        for host, found in verified.items()
        if (all_known and found["undecided"]) or (not found["less_full"] and _usual.less_full(found, usual))
    ]


class FilterModule:
    """The filter for ansible-core."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"doubtful_hosts": doubtful_hosts}
