#!/usr/bin/python

# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: publish
short_description: Put a V-Ray build into a share that V-Ray Swarm peers import from
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Puts one V-Ray build, an archive or an installer, into the directory C(<root>/<channel>/<platform>/) of a share, under
    its own name. It runs on the host that has the share's disk, or that mounts it.
  - Peers try whatever lies in that directory every few seconds. So the build is identified and verified first, staged in
    C(<root>/.staging/), where no peer looks, and renamed into place. Nothing else is ever written where peers look.
  - Lists what is published in C(<root>/builds.json), and in C(<root>/SHA256SUMS), which C(sha256sum -c) reads. Runs at the
    same time wait for each other.
  - Publishing into a directory that peers import from deploys the build on all of them.
options:
  root:
    description:
      - The absolute path of the share on its host. It is made where only the directory above it is there.
      - The task fails when the path lies on a mount point of C(/etc/fstab) where nothing is mounted.
    type: path
    required: true
  src:
    description:
      - The path of the build. It keeps its file name.
      - A relative path is looked for as M(ansible.builtin.copy) does, in C(files/) of the role and next to the playbook.
      - With O(remote_src=true) it is a path on the host of the task.
      - Without it, the directories of O(channel) are made, that of O(platform), or those of all platforms.
    type: path
  remote_src:
    description:
      - Whether O(src) is on the host of the task instead of on the controller. It is copied, and not touched.
    type: bool
    default: false
  channel:
    description:
      - The directory below O(root), one for each group of peers that get builds at the same time.
    type: str
    default: stable
  platform:
    description:
      - The platform that the build is for. The task fails when what is in the build is for others only.
      - Needed where the build does not tell it, or where what is in it is for several, as in an archive for Linux that brings
        the launchers for Windows of Python's pip.
    type: str
    choices:
      - Linux_x86
      - Linux_Arm64
      - Windows_x86
      - Windows_Arm64
      - macOS_x86
      - macOS_Arm64
  version:
    description:
      - The version of the build, as in V(6.20.10-e8197af2), for the list.
      - Without it, the version is taken from the file name, where that has one.
    type: str
  checksum:
    description:
      - The SHA-256 checksum that O(src) must have, as in V(sha256:9f86d0…), all 64 hexadecimal digits.
    type: str
  size:
    description:
      - The size that O(src) must have, in bytes.
    type: int
  allow_executables:
    description:
      - Whether all peers of the channel have C(allowExecutables) set to V(true) in their C(swarm.yaml). Without that, they
        would try an installer in vain every few seconds, so that none is published.
    type: bool
    default: false
  force:
    description:
      - Replace another file of the same name, which peers may be reading. They read the old one to its end.
      - Publish an installer whatever O(allow_executables) says.
      - Publish an archive that is damaged behind what tells its format and platform. Without it, that is refused, each time,
        also where it is in the share already.
    type: bool
    default: false
extends_documentation_fragment:
  - renderops.vray_swarm.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the entry in C(builds.json), or the directories that are made.
  idempotent:
    support: full
    details:
      - A file of the same name and size is read to see whether it is the build, each time.
  platform:
    support: full
    platforms: posix
  action:
    support: full
  async:
    support: none
notes:
  - An archive is read to its end before it is published, to know that it does not end too soon, and to how many bytes it
    unpacks. Of a plain tar that is only its headers, of a zip the list of its members. A compressed tar is unpacked in memory,
    piece by piece, up to 16 GiB; of one that is larger, nothing is told. What is listed with RV(entry.unpacked_size) is not read
    so again.
  - Files get the mode C(0644) and directories C(0755), but C(.staging/) and C(.withdrawn/) C(0700), where the file system
    has modes. Nothing is ever given another owner than the user that the task becomes.
  - A C(.staging/) or C(.withdrawn/) that is a link, belongs to another user or can be entered by others is refused, so that
    nobody else changes what becomes a build. Always publish as the same user.
  - A build on the controller is sent straight into C(.staging/), unless the task becomes another user. It then passes
    through the temporary directory of Ansible on the host, which must have room for it.
seealso:
  - module: renderops.vray_swarm.build_info
  - module: renderops.vray_swarm.upload
"""

EXAMPLES = r"""
- name: Make the directories of a share
  renderops.vray_swarm.publish:
    root: /srv/vray

- name: Publish a build from the controller to all peers
  renderops.vray_swarm.publish:
    root: /srv/vray
    src: vray-6.20.10-e8197af2.tar

- name: Publish a build that lies on the host, to a few peers first
  renderops.vray_swarm.publish:
    root: /srv/vray
    src: /var/tmp/vray-lin-df715d3c8ff9.tar
    remote_src: true
    channel: canary
    platform: Linux_x86
    version: 7.0.6-df715d3c8ff9

- name: Publish an installer to peers that allow executables
  renderops.vray_swarm.publish:
    root: /srv/vray
    src: vray_adv_71000_max2025_x64.exe
    allow_executables: true
"""

RETURN = r"""
path:
  description: Where the build is in the share.
  type: str
  returned: success, with O(src)
  sample: /srv/vray/stable/Linux_x86/vray-6.20.10-e8197af2.tar
platform:
  description: The platform of the build.
  type: str
  returned: success, with O(src)
  sample: Linux_x86
channel:
  description: The channel.
  type: str
  returned: success, with O(src)
  sample: stable
version:
  description: The version string, V(null) where neither O(version), nor the file name, nor the list says it.
  type: str
  returned: success, with O(src)
  sample: 6.20.10-e8197af2
sha256:
  description: The SHA-256 of the build in hexadecimal.
  type: str
  returned: success, with O(src)
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
size:
  description: The size of the build in bytes.
  type: int
  returned: success, with O(src)
  sample: 458321016
entry:
  description: What C(builds.json) says of the build, or would say.
  type: dict
  returned: success, with O(src)
  contains:
    file:
      description: The file name.
      type: str
      sample: vray-6.20.10-e8197af2.tar
    sha256:
      description: The SHA-256 in hexadecimal.
      type: str
    size:
      description: The size in bytes.
      type: int
    unpacked_size:
      description:
        - To how many bytes the files of the archive unpack. V(null) for an installer, and where it is not known.
          M(renderops.vray_swarm.peer_info) compares it with what is deployed, see
          O(renderops.vray_swarm.peer_info#module:wanted.unpacked_percent).
        - In check mode, that of a build on the controller is V(null).
      type: int
      sample: 1288490188
    platform:
      description: The platform.
      type: str
    channel:
      description: The channel.
      type: str
    version:
      description: The version string, V(null) where it is not known.
      type: str
    published:
      description: When it was published, in UTC.
      type: str
      sample: "2026-02-11T09:30:00Z"
sign_again:
  description: >-
    Whether this build makes C(SHA256SUMS) another list than that of which C(SHA256SUMS.asc) in O(root) is a signature. A
    warning says so, too. The old signature is left there, since whoever requires one refuses it by itself.
  type: bool
  returned: success, with O(src)
directories:
  description: The directories that were missing.
  type: list
  elements: str
  returned: success, without O(src)
  sample: [/srv/vray/stable/Linux_x86]
msg:
  description: What happened in one sentence, or what failed, why, and what to do.
  type: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import publish_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._publish import run


def main() -> None:
    run(AnsibleModule(argument_spec=publish_spec(), supports_check_mode=True))


if __name__ == "__main__":
    main()
