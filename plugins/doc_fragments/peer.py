# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that all plugins share which talk to a peer."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  peer:
    description:
      - The peer's host name, IPv4 address or IPv6 address, without scheme and port.
      - The default is the C(ansible_host) of the host of the task, or its inventory name when it has none.
    type: str
  web_port:
    description:
      - The peer's web port, C(webPort) in its C(swarm.yaml).
      - What the file named by O(config) says wins over this.
    type: int
    default: 1113
  connect_timeout:
    description:
      - How long to wait for a connection to the web port, in seconds.
    type: float
    default: 10
  data_dir:
    description:
      - Swarm's data directory on the peer, the directory that holds C(VRay/).
      - The vendor does not publish where it is by default.
    type: path
  config:
    description:
      - The path of C(swarm.yaml) on the peer; its C(webPort) and C(vrayImportDir) are taken from there.
      - The vendor does not publish where it is by default.
    type: path
requirements:
  - requests (Python library; on the controller, and on hosts that send with O(ignore:remote_src))
"""
