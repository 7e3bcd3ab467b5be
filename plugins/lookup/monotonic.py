# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: monotonic
short_description: Read a clock that nobody sets
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Tells the seconds since some moment, the same one for all of a run. Unlike the time of day, which C(now(\)) tells, they
    go on evenly when the clock of the controller is set.
  - This lookup is a part of the role P(renderops.vray_swarm.verify#role), and can change without notice.
options: {}
"""

EXAMPLES = r"""
---
- name: Set a limit to a wait
  ansible.builtin.set_fact:
    until: "{{ lookup('renderops.vray_swarm.monotonic') | float + 1800 }}"
"""

RETURN = r"""
_raw:
  description: The seconds, as the only element.
  type: list
  elements: float
  sample: [42518.204]
"""

import time
import typing as t

from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    """The lookup for ansible-core."""

    def run(self, terms: t.Any, variables: t.Any = None, **kwargs: t.Any) -> t.List[float]:
        """Return the reading; it is that of all processes of one machine."""
        return [time.monotonic()]
