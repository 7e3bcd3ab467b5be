#!/usr/bin/python
# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: build_info
short_description: Identify a V-Ray build file
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Tells what a V-Ray build file is before it is given to V-Ray Swarm. That is archive or installer, operating system
    and architecture, size, SHA-256, and the version where the name of the file carries it.
  - The content decides, not the extension. Nothing is unpacked to disk.
  - The file is read on the host that the task runs on. Delegate the task to C(localhost) for a file on the controller.
    Of a file on a Windows host, the bytes that tell what it is are read there and judged on the controller.
options:
  src:
    description:
      - The path of the build on the host. On a Windows host it is absolute, and neither C(~) nor C(%VARIABLE%) is replaced.
    type: path
    required: true
  platform:
    description:
      - The platform that the build is for. Give it where the file does not tell, or tells several, see RV(platform).
      - The module fails when the file tells others only.
    type: str
    choices:
      - Linux_x86
      - Linux_Arm64
      - Windows_x86
      - Windows_Arm64
      - macOS_x86
      - macOS_Arm64
  sha256:
    description:
      - Whether to compute the SHA-256 of the file.
      - For that the whole file is read. For all else some KiB of it are enough, but for compressed tar files, of which up to 64
        MiB are unpacked in memory. That takes a second or less, with bzip2 up to ten.
    type: bool
    default: true
extends_documentation_fragment:
  - renderops.vray_swarm.attributes
attributes:
  action:
    support: full
  async:
    support: partial
    details:
      - Not on Windows hosts.
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
  platform:
    platforms: posix, windows
    support: partial
    details:
      - On Windows, the platform is looked for in the first MiB of a compressed tar file and of a shell script. In a tar file
        that is not compressed, it is looked for in the first 64 MiB, in one program of each kind, and beyond its first bytes
        only where its headers have the mark C(ustar). Where that takes more than a minute, it is not told. That of a zip file
        is not told. Give O(platform) for it. Damage that lies behind the first bytes is not found.
      - On Windows, a file that another program has open for writing is refused, and nobody can write to it while it is read. A
        UNC path is read as LocalSystem, unless the task becomes another user with C(become). That needs an administrator.
      - A Windows host needs nothing but Windows itself. What is proved of it and how, the README of the collection says.
notes:
  - An archive is a tar file (plain, or compressed by gzip, xz or bzip2) or a zip file. An installer is an executable
    for Windows (PE), Linux (ELF) or macOS (Mach-O), or a shell script that extracts itself.
  - The platform is that of the installer, or of the executables and libraries in an archive. These are looked for within
    the first 64 MiB. For compressed tar files, these are the first 64 MiB of what is packed in them.
  - An archive can have executables for other platforms in it, such as the launchers for Windows that pip and setuptools have
    on all systems. Such an archive tells no platform by itself, and O(platform) says which of RV(platforms) it is.
  - A file of any other format is a failure, and so is an archive that turns out to be damaged before an executable is
    found. What lies behind is not checked. Compare RV(sha256) to be sure.
seealso:
  - plugin: renderops.vray_swarm.version_str
    plugin_type: filter
  - plugin: renderops.vray_swarm.version_dict
    plugin_type: filter
"""

EXAMPLES = r"""
---
- name: Identify a build on the controller
  renderops.vray_swarm.build_info:
    src: /srv/builds/vray-lin-df715d3c8ff9.tar
  delegate_to: localhost
  run_once: true
  register: build

- name: Show its platform and its SHA-256
  ansible.builtin.debug:
    msg: "{{ build.name }} is for {{ build.platform }}, sha256:{{ build.sha256 }}"

- name: Make sure that a build on a Windows host is for Windows, without reading all of it
  renderops.vray_swarm.build_info:
    src: C:\builds\vray_adv_71000_max2025_x64.exe
    platform: Windows_x86
    sha256: false
"""

RETURN = r"""
path:
  description: The path of the file.
  returned: success
  type: str
  sample: /srv/builds/vray-6.20.10-e8197af2.tar
name:
  description: The name of the file. Do not change it, since renamed installers may not work.
  returned: success
  type: str
  sample: vray-6.20.10-e8197af2.tar
size:
  description: The size of the file in bytes.
  returned: success
  type: int
  sample: 458321016
format:
  description:
    - The format of the file.
    - One of V(tar), V(tar.gz), V(tar.xz), V(tar.bz2), V(zip), V(pe), V(elf), V(mach-o) and V(shell).
  returned: success
  type: str
  sample: tar
kind:
  description: Whether the file is an V(archive) or an V(installer). Swarm accepts installers only when told to.
  returned: success
  type: str
  sample: archive
os:
  description: The operating system found in the file, V(Linux), V(Windows) or V(macOS). V(null) for none and for several.
  returned: success
  type: str
  sample: Linux
architectures:
  description: The architectures found in the file, V(x86) and V(Arm64). A universal binary for macOS has both.
  returned: success
  type: list
  elements: str
  sample:
    - x86
platforms:
  description: The platforms found in the file. Of an archive, those of all executables and libraries that were looked at.
  returned: success
  type: list
  elements: str
  sample:
    - Linux_x86
platform:
  description:
    - The platform of the build. It is what O(platform) says, or else the only one of RV(platforms).
    - V(null) when the file tells no platform or several, and O(platform) is not given.
  returned: success
  type: str
  sample: Linux_x86
version:
  description: The version string, V(null) when the name of the file carries none.
  returned: success
  type: str
  sample: 6.20.10-e8197af2
version_dict:
  description: The version as the dictionary that Swarm uses, V(null) when the name of the file carries none.
  returned: success
  type: dict
  sample:
    _revHash: e8197af2
    _ver:
      _major: 6
      _minor: 20
      _release: 10
sha256:
  description: The SHA-256 of the file in hexadecimal, V(null) when O(sha256=false).
  returned: success
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

import traceback

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import build_info_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import OpenBuild, identify, sha256
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SwarmError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import harmless, harmless_lines, printable


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=build_info_spec(),
        supports_check_mode=True,
    )
    try:
        with OpenBuild(module.params["src"]) as source:
            build = identify(source, platform=module.params["platform"])
            digest = sha256(source) if module.params["sha256"] else None
            source.check(to_keep=False)
    except SwarmError as exc:
        module.fail_json(msg=printable(exc), exception=harmless_lines(traceback.format_exc()))
    else:
        module.exit_json(changed=False, sha256=digest, **harmless(build.as_result()))


if __name__ == "__main__":
    main()
