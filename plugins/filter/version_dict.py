# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: version_dict
short_description: Turn a version string of V-Ray Swarm into a version dictionary
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - V-Ray Swarm writes the version of a build as a dictionary in its answers, and as a version string in the names of
    files and directories. This filter turns the second into the first.
  - The parts are numbers. V(7.00.06-e8197af2) and V(7.0.6-e8197af2) are the same version.
options:
  _input:
    description:
      - The version string. It has three numbers and a revision hash.
    type: string
    required: true
seealso:
  - plugin: renderops.vray_swarm.version_str
    plugin_type: filter
  - module: renderops.vray_swarm.build_info
"""

EXAMPLES = r"""
---
- name: Show the major version
  ansible.builtin.debug:
    # Prints 6.
    msg: "{{ ('6.20.10-e8197af2' | renderops.vray_swarm.version_dict)._ver._major }}"

- name: Show the newest of some builds, compared by number
  ansible.builtin.debug:
    # Prints 10.0.1-e8197af2.
    msg: "{{ versions | map('renderops.vray_swarm.version_dict')
      | sort(attribute='_ver._major,_ver._minor,_ver._release') | last | renderops.vray_swarm.version_str }}"
  vars:
    versions:
      - 10.0.1-e8197af2
      - 7.00.06-0a1b2c3d
"""

RETURN = r"""
_value:
  description: The version dictionary.
  type: dict
  sample:
    _revHash: e8197af2
    _ver:
      _major: 6
      _minor: 20
      _release: 10
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import VersionError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version


def version_dict(value: t.Any) -> t.Dict[str, t.Any]:
    """Return the version dictionary of a version string."""
    try:
        return Version.parse(value).as_dict()
    except VersionError as exc:
        raise AnsibleFilterError("renderops.vray_swarm.version_dict: %s" % exc) from exc


class FilterModule:
    """The filter for ansible-core."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"version_dict": version_dict}
