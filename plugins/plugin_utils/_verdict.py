# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What is told of one peer, and kept: what is wrong with it, and which of its builds may be halves."""

from __future__ import annotations

import functools
import typing as t

from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import PEER
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _marks
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._usual import Look, Usual, is_less, key_of, less_full

# What the role peer would set right, but leaves alone as long as the peer renders, and what would come of that.
_WAITING = ("settings", "restart", "service", "build", "half", "disk")

# Of the bytes that most peers have of a build, a half has less than this part. A render may leave some files in a build.
_WHOLE = 0.99

_Told = t.Dict[str, str]


def verdict(
    look: Look,
    usual: Usual,
    is_busy: bool,
    removed: t.Container[str] = (),
    redeploy: t.Container[str] = (),
    strict: bool = False,
    last: bool = True,
    may_mark: bool = True,
) -> t.Dict[str, t.Any]:
    """Return what is told of a peer, and kept. A peer that renders may lack what waits for the end of it.

    :param removed: The versions that this run has had deployed anew on it.
    :param redeploy: The versions that are to be deployed anew, whatever is there of them.
    :param strict: Whether all that is less full is deployed in part, and not only what Swarm can have been killed with.
    :param last: Whether all peers are known, so that nobody else will tell of what no run has seen whole.
    :param may_mark: Whether marks are made and removed on the peer.
    """
    builds = _Builds(look, usual, last)
    few = builds.less_full(removed)
    undecided = builds.undecided(few)
    alone = {version: builds.told_alone(version) for version in undecided if last}
    differences = [item for item in look["differences"] if item["kind"] != "half" or item["want"] not in builds.full]
    wrong, later = _problems(look, differences, few, alone, is_busy)
    halves = {version: told for version, told in few.items() if builds.may_be_half(version)}
    in_part = {
        **_named(look, redeploy),
        **_killed_with(look, differences),
        **alone,
        **(few if strict else halves),
    }
    unseen = [version for version in builds.unseen if version not in builds.full]
    whole = builds.seen_whole(halves, is_open=bool(unseen))
    return {
        "state": "wrong" if wrong else "busy" if is_busy or later else "ok",
        "problems": wrong + later,
        "less_full": list(few.values()),
        "in_part": list(in_part.values()),
        "damaged": [version for version in in_part if version in builds.wanted],
        "importable": [version for version in in_part if version in builds.importable],
        "full": builds.full,
        "interrupted": look["interrupted"],
        "unseen": unseen,
        "undecided": [version for version in undecided if version not in alone],
        "seen": look["seen"] + whole,
        "marks": {
            "come": _marks.come(look, builds.full) if may_mark else [],
            "whole": whole + builds.unmarked_peer(unseen) if may_mark else [],
            "gone": _marks.gone(look) if may_mark else [],
        },
        "platform": look["platform"],
        "builds": look["builds"],
        "allow_executables": look["api"]["allow_executables"],
    }


def _problems(
    look: Look, differences: t.Sequence[t.Mapping[str, t.Any]], few: _Told, alone: _Told, is_busy: bool
) -> t.Tuple[t.List[str], t.List[str]]:
    """What is wrong, and what waits for the end of a render."""
    waiting = _WAITING if is_busy else ()
    wrong = [item["message"] for item in differences if item["kind"] not in waiting]
    wrong += few.values()
    later = [item["message"] for item in differences if item["kind"] in waiting]
    (later if is_busy or look["busy"] else wrong).extend(alone.values())
    return wrong, later


def _named(look: Look, versions: t.Container[str]) -> _Told:
    """A sentence for each of these versions that is deployed."""
    return {
        build["version"]: wrap_var(
            f"The build {build['version']} in {build['directory']} is to be deployed anew, as vray_swarm_redeploy says."
        )
        for build in look["builds"] or []
        if build["version"] in versions
    }


def _killed_with(look: Look, differences: t.Sequence[t.Mapping[str, t.Any]]) -> _Told:
    """What the look tells of the builds that Swarm may have been killed with."""
    told = {item["want"]: item["message"] for item in differences if item["kind"] == "half"}
    return {version: told[version] for version in look["interrupted"] if version in told}


class _Builds:
    """The builds of a peer, beside what the peers together tell of them."""

    def __init__(self, look: Look, usual: Usual, last: bool) -> None:
        self._look = look
        self._all = usual
        self._last = last
        self._builds = {build["version"]: build for build in look["builds"] or []}
        self._usual = {version: usual.get(key_of(look, build), {}) for version, build in self._builds.items()}
        # Nobody would deploy another one again; Swarm by itself, none that does not lie in its import directory.
        wanted = look["wanted_builds"] or []
        self.wanted = {build["version"] for build in wanted}
        self.importable = {build["version"] for build in wanted if build["imported"]}

    def less_full(self, removed: t.Container[str]) -> _Told:
        """A sentence for each that has less than on most peers, unless more peers may tell otherwise."""
        few = less_full(self._look, self._all, removed)
        return {version: told for version, told in few.items() if self._last or not self._usual[version]["outvoted"]}

    @functools.cached_property
    def in_doubt(self) -> t.List[str]:
        """What Swarm may have been killed with while no run was there, however much of it is there.

        At first sight, that is what has less than its archive; but what most peers have tells more than an archive, of
        which Swarm need not unpack all. What a few have is another matter as long as more peers may tell otherwise.
        """
        if self._look["seen_all"]:
            return list(self._look["unseen"])
        told = {version: self._usual[version] for version in self._look["unseen"]}
        return [
            version
            for version, most in told.items()
            if most.get("bytes") is None or (most["outvoted"] and not self._last)
        ]

    @property
    def unseen(self) -> t.List[str]:
        """What of it Swarm could deploy again."""
        return [version for version in self.in_doubt if version in self.importable]

    @functools.cached_property
    def full(self) -> t.List[str]:
        """What Swarm may have been killed with, and of which others have as much."""
        return [version for version in [*self._look["interrupted"], *self.unseen] if self._is_full(version)]

    def _is_full(self, version: str) -> bool:
        build, told = self._builds[version], self._usual[version]
        if not told or build["files"] is None:
            return False
        if told["bytes"] is None:
            return [build["files"], build["bytes"]] in told["agreed"]
        return not is_less(build, told)

    def undecided(self, few: t.Container[str]) -> t.List[str]:
        """What is in doubt, and nobody else tells of."""
        return [
            version
            for version in self.unseen
            if version not in few and version not in self.full and self._builds[version]["files"] is not None
        ]

    def may_be_half(self, version: str) -> bool:
        """Whether Swarm may have been killed while it unpacked a build that is less full.

        What the Swarm of now has deployed so, it would only deploy so again.
        """
        lacks_much = self._builds[version]["bytes"] < _WHOLE * self._usual[version]["bytes"]
        return version in self.in_doubt or (lacks_much and version in (self._look["outlived"] or ()))

    def told_alone(self, version: str) -> str:
        """A sentence for one that may be a half, and that no other peer has."""
        build, size = self._builds[version], self._unpacked_size(version)
        of_archive = (
            f"; it has {build['bytes']} bytes, and its archive unpacks to {size}" if size > build["bytes"] else ""
        )
        told: str = wrap_var(
            f"The build {version} in {build['directory']} may be a half: Swarm has ended since its directory was made, no run"
            " of renderops.vray_swarm.distribute has seen it whole, and no other peer of this run has the same"
            f"{of_archive}. That playbook, or renderops.vray_swarm.repair, has it deployed anew."
        )
        return told

    def _unpacked_size(self, version: str) -> int:
        """To how many bytes its archive unpacks, as far as that is known."""
        wanted = self._look["wanted_builds"] or []
        return max([item["unpacked_size"] or 0 for item in wanted if item["version"] == version] + [0])

    @property
    def _has_marks(self) -> bool:
        """Whether what was seen whole has a mark on the peer. A build that comes by an upload has marks of its own."""
        look = self._look
        is_known = look["outlived"] is not None and look["builds"] is not None
        is_counted = {"data_dir", "build_sizes"}.isdisjoint(look["errors"])
        return bool(is_known and is_counted and look["import_shared"])

    def seen_whole(self, halves: t.Container[str], is_open: bool) -> t.List[str]:
        """What this look has seen whole, and no mark says so yet: what the Swarm of now has deployed, and what others have.

        At first sight of a peer, nobody can tell what came of the rest: it counts as whole, unless it lacks what others
        have, or what its archive has.

        :param is_open: Whether nobody has told yet what came of another one. It stays first sight then, and what comes
            later is not what was there before.
        """
        if not self._has_marks:
            return []
        look, found = self._look, []
        for version, build in self._builds.items():
            if version not in look["outlived"]:
                is_whole = bool(look.get("settled") and build["bytes"])
            elif version in self.full:
                is_whole = True
            else:
                is_doubted = version in halves or version in look["interrupted"] or version in self.in_doubt
                is_whole = not (look["seen_all"] or is_doubted or is_open)
            if is_whole and version not in look["seen"]:
                found.append(version)
        return found

    def unmarked_peer(self, unseen: t.Sequence[str]) -> t.List[str]:
        """PEER, where this look is the first one that has seen all builds of the peer, and none that may be growing.

        As long as one has less than its archive, and nobody has told whether it is a half, it stays first sight.
        """
        look = self._look
        if not self._has_marks or look["seen_all"] or unseen:
            return []
        has_settled = bool(look.get("settled")) or all(version in look["outlived"] for version in self._builds)
        return [PEER] if has_settled else []
