#!/usr/bin/python

# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: peer_info
short_description: Look at a V-Ray Swarm peer
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Tells what builds a peer has deployed, what lies in its import directory, on which mount that is, what its C(swarm.yaml)
    says, and whether its web port answers as Swarm does.
  - One module on the host reads its disk, in one round trip. The web port is asked from the controller.
  - Anything that is down is told, and does not fail the task.
options:
  data_dir:
    description:
      - Swarm's data directory on the peer, the directory that holds C(VRay/). The vendor does not publish where it is.
      - Without it, and without O(config), the host's disk is not looked at, and no connection to it is made.
  import_dir:
    description:
      - The import directory, where it is neither what C(swarm.yaml) says nor C(VRay/import) in O(data_dir).
    type: path
extends_documentation_fragment:
  - renderops.vray_swarm.attributes
  - renderops.vray_swarm.attributes.action_group
  - renderops.vray_swarm.peer
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
  platform:
    support: full
    platforms: posix
  action:
    support: full
  async:
    support: none
seealso:
  - module: renderops.vray_swarm.upload
"""

EXAMPLES = r"""
- name: Look at a peer
  renderops.vray_swarm.peer_info:
    data_dir: /var/lib/swarm
    config: /etc/swarm/swarm.yaml
  register: peer

- name: Show the builds that it has deployed
  ansible.builtin.debug:
    msg: "{{ peer.builds | map(attribute='version') }}"
"""

RETURN = r"""
settings:
  description: What C(swarm.yaml) says. A key that is not there has Swarm's default.
  type: dict
  returned: always, V(null) without O(config)
  sample: {webPort: 1113}
api:
  description: What the web port says, asked from the controller.
  type: dict
  returned: always
  contains:
    url:
      description: What was asked.
      type: str
      sample: http://10.0.0.7:1113
    reachable:
      description: Whether the web port answers as Swarm does.
      type: bool
    allow_executables:
      description: Whether installers may be uploaded. V(null) when the peer did not answer.
      type: bool
    error:
      description: Why it is not reachable, else V(null).
      type: str
builds:
  description: The deployed builds.
  type: list
  elements: dict
  returned: always
  contains:
    version:
      description: The version string.
      type: str
      sample: 6.20.10-e8197af2
    directory:
      description: Where the build is.
      type: str
      sample: /var/lib/swarm/VRay/vray-6.20.10-e8197af2
import_dir:
  description: The import directory, V(null) when it is not known.
  type: str
  returned: always
  sample: /var/lib/swarm/VRay/import
import_shared:
  description: Why other peers may read the import directory, too; V(null) where nothing says that they do.
  type: str
  returned: always
imports:
  description: The files in the import directory.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: The file name.
      type: str
      sample: vray-6.20.10-e8197af2.tar
    path:
      description: The path.
      type: str
    bytes:
      description: The size.
      type: int
      sample: 458321016
mount:
  description: What the import directory is mounted from, V(null) when the system does not tell.
  type: dict
  returned: always
  contains:
    source:
      description: The device or the share.
      type: str
      sample: //nas/builds
    path:
      description: The mount point.
      type: str
    fstype:
      description: The type of the file system.
      type: str
      sample: cifs
    network:
      description: Whether it is a network file system, so that others can read it, too.
      type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import peer_info_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SwarmError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import look_at


def main() -> None:
    module = AnsibleModule(argument_spec=peer_info_spec(), supports_check_mode=True)
    try:
        module.exit_json(
            look=look_at(**{name: module.params[name] for name in ("data_dir", "config", "import_dir", "peer")})
        )
    except SwarmError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
