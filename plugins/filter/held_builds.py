# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: held_builds
short_description: Tell which builds on a relay a peer holds already
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Tells what has to be hashed on the relay and on the peer, and then which builds need not be sent.
  - This filter is a part of the role P(renderops.vray_swarm.builds#role), and can change without notice.
options:
  _input:
    description: The builds, as in C(vray_swarm_builds).
    type: list
    elements: dict
    required: true
  look:
    description: The result of C(renderops.vray_swarm.peer_info) on the peer.
    type: dict
    required: true
  once:
    description: The names of those that are installers, and of which nobody knows the version.
    type: list
    elements: str
    required: true
  sizes:
    description: The results of C(ansible.builtin.stat) or C(ansible.windows.win_stat) for the builds, in a loop over C(build).
    type: list
    elements: dict
    default: []
  hashed:
    description: The results for C(builds) of an earlier answer of this filter, with checksums.
    type: list
    elements: dict
    default: []
  imported:
    description: The results for C(files) of an earlier answer of this filter, with checksums.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
---
- name: Show what need not be sent
  ansible.builtin.debug:
    msg: >-
      {{ (vray_swarm_builds | renderops.vray_swarm.held_builds(look=look, once=[], hashed=on_relay.results,
                                                               imported=on_peer.results)).held }}
"""

RETURN = r"""
_value:
  description:
    - C(builds) (those of O(sizes) that have the size of a file on the peer, and no checksum is known), C(files) (these
      files, as they are in the look) and C(held) (by the path of a build on the relay, the path of the same file on the
      peer).
  type: dict
  sample:
    builds: []
    files: []
    held:
      /srv/builds/vray-7.0.6-0a1b2c3d.tar: /var/lib/swarm/VRay/import/vray-7.0.6-0a1b2c3d.tar
"""

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _relay

_Items = t.Sequence[t.Mapping[str, t.Any]]


def held_builds(
    builds: _Items,
    look: t.Mapping[str, t.Any],
    once: t.Sequence[str],
    sizes: _Items = (),
    hashed: _Items = (),
    imported: _Items = (),
) -> t.Dict[str, t.Any]:
    """Return what is to be hashed, and what the peer holds."""
    peer = _relay.Peer(look, once)
    to_hash, files = _relay.alike(peer, sizes)
    return {"builds": to_hash, "files": files, "held": _relay.held(peer, builds, hashed, imported)}


class FilterModule:
    """The filter for ansible-core."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        return {"held_builds": held_builds}
