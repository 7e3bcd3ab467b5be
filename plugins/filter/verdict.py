# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verdict
short_description: Tell from a look whether a peer is as it is wanted
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Puts together what C(renderops.vray_swarm.peer_info) found different, and what a peer has less of than most.
  - This filter is a part of the role P(renderops.vray_swarm.verify#role), and can change without notice.
options:
  _input:
    description: The result of C(renderops.vray_swarm.peer_info) with O(renderops.vray_swarm.peer_info#module:wanted).
    type: dict
    required: true
  usual:
    description: What P(renderops.vray_swarm.usual_builds#filter) returned.
    type: dict
    required: true
  is_busy:
    description: Whether the peer renders and was left alone. What waits for the end of that is not wrong then.
    type: bool
    default: false
  removed:
    description: The versions of builds that this run has removed from the peer, to have them deployed anew.
    type: list
    elements: string
    default: []
  redeploy:
    description: The versions of builds that are to be deployed anew, whatever is there of them.
    type: list
    elements: string
    default: []
  strict:
    description:
      - Whether each build that is less full than on most peers is deployed in part.
      - Else those are that Swarm can have been killed with. They lack more than a hundredth of the bytes, and Swarm has ended
        since their directory was made.
    type: bool
    default: false
  last:
    description: Whether all peers are known, so that what no run has seen whole, and no other peer has, may be a half.
    type: bool
    default: true
  may_mark:
    description: Whether this run makes and removes marks on the peer.
    type: bool
    default: true
"""

EXAMPLES = r"""
---
- name: Tell whether the peer is right
  ansible.builtin.debug:
    msg: "{{ look | renderops.vray_swarm.verdict({}) }}"
"""

RETURN = r"""
_value:
  description:
    - C(state) (V(ok), V(wrong) or V(busy)), C(problems), C(less_full) (those of the problems that say that a build has
      less than on most peers), C(in_part) (those of these that say what may be a half, those that say that Swarm may have
      been killed while it unpacked a build, and one for each build of O(redeploy)), C(damaged) (the versions of such builds,
      as far as they are wanted), C(importable) (those of them that lie in the import directory), C(full) (the versions that
      Swarm may have been killed with, and that are as full as on most peers), C(interrupted) as the look has it,
      C(unseen) (those of the versions that no run has seen whole that are wanted, and not C(full)), C(undecided) (those of
      them of which nobody can tell yet), C(seen) (the versions that runs have seen whole, this one included), C(marks)
      (those that this run changes, C(come) for what nobody has to wait for any more, C(whole) for what it has seen whole, with
      V(peer) where all builds are seen for the first time, and C(gone) for what was seen whole, and is no longer there),
      C(platform), C(builds), C(allow_executables) and C(run), a name that no other run has.
  type: dict
  sample:
    state: wrong
    problems: [The service does not start with the host.]
    less_full: []
    in_part: []
    damaged: []
    importable: []
    full: []
    interrupted: []
    unseen: []
    undecided: []
    seen: []
    marks:
      come: []
      whole: []
      gone: []
    platform: Linux_x86
    builds: []
    allow_executables: false
    run: 0f3a6c1d9b2e4857
"""

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _usual, _verdict
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._run_cache import run_name


def verdict(
    look: _usual.Look,
    usual: _usual.Usual,
    is_busy: bool = False,
    removed: t.Sequence[str] = (),
    redeploy: t.Sequence[str] = (),
    strict: bool = False,
    last: bool = True,
    may_mark: bool = True,
) -> t.Dict[str, t.Any]:
    """Return the state of a peer, and what is wrong with it."""
    return dict(_verdict.verdict(look, usual, is_busy, removed, redeploy, strict, last, may_mark), run=run_name())


class FilterModule:
    """The filter for ansible-core."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"verdict": verdict}
