# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: version_str
short_description: Turn a version dictionary of V-Ray Swarm into a version string
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - V-Ray Swarm writes the version of a build as a dictionary in its answers, and as a version string in the names of
    files and directories. This filter turns the first into the second.
  - The numbers are written without leading zeros.
options:
  _input:
    description:
      - The version dictionary. It has the keys C(_revHash) and C(_ver), and C(_ver) has the keys C(_major), C(_minor)
        and C(_release).
      - Other keys are ignored.
    type: dict
    required: true
seealso:
  - plugin: renderops.vray_swarm.version_dict
    plugin_type: filter
  - module: renderops.vray_swarm.build_info
"""

EXAMPLES = r"""
---
- name: Show the version as a version string
  ansible.builtin.debug:
    # Prints 6.20.10-e8197af2.
    msg: "{{ version | renderops.vray_swarm.version_str }}"
  vars:
    version:
      _revHash: e8197af2
      _ver:
        _major: 6
        _minor: 20
        _release: 10
"""

RETURN = r"""
_value:
  description: The version string.
  type: str
  sample: 6.20.10-e8197af2
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import VersionError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version


def version_str(value: t.Any) -> str:
    """Return the version string of a version dictionary."""
    try:
        return str(Version.from_dict(value))
    except VersionError as exc:
        raise AnsibleFilterError("renderops.vray_swarm.version_str: %s" % exc) from exc


class FilterModule:
    """The filter for ansible-core."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"version_str": version_str}
