# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Which marks a peer lacks, and which are no longer true, by a look at it. What a mark is, module_utils/_mark.py says."""

from __future__ import annotations

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import PEER

_Look = t.Mapping[str, t.Any]


def undeployed(look: _Look) -> t.List[str]:
    """The wanted versions that are to be deployed yet, and are not marked so."""
    return [
        build["version"]
        for build in look["wanted_builds"] or []
        if build["deployed"] is False and build["version"] not in look["awaited"]
    ]


def arrived(look: _Look) -> t.List[str]:
    """The wanted versions that were awaited, and that the Swarm that runs has deployed."""
    return [
        build["version"]
        for build in look["wanted_builds"] or []
        if build["deployed"] and build["version"] in look["awaited"] and build["version"] not in look["interrupted"]
    ]


def growing(look: _Look) -> t.List[str]:
    """The versions that the Swarm that runs has deployed from a share, that no run has seen whole, and that may be growing.

    What a render writes into a build never ends.
    """
    if not look["import_shared"] or look["outlived"] is None or look["busy"]:
        return []
    return [
        build["version"]
        for build in look["builds"] or []
        if build["version"] not in look["seen"] and build["version"] not in look["outlived"]
    ]


def come(look: _Look, full: t.Sequence[str]) -> t.List[str]:
    """The versions that nobody has to wait for any more: they no longer change, or are as full as on other peers."""
    settled = arrived(look) if look.get("settled") else []
    return settled + [version for version in full if version in look["awaited"] and version not in settled]


def gone(look: _Look) -> t.List[str]:
    """The versions that were seen whole, and are no longer there; PEER, where builds no longer come from a share."""
    if "data_dir" in look["errors"]:
        return []
    deployed = {build["version"] for build in look["builds"] or []}
    lost = [version for version in look["seen"] if version not in deployed]
    return lost + ([PEER] if look["seen_all"] and not look["import_shared"] else [])
