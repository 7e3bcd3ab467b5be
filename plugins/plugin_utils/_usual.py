# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What the peers of a run together say of each build: how much of it most have, and who has less."""

from __future__ import annotations

import collections
import typing as t

from ansible.utils.unsafe_proxy import wrap_var

Look = t.Mapping[str, t.Any]
Usual = t.Mapping[str, t.Mapping[str, t.Any]]
_Sizes = t.Counter[t.Tuple[int, int]]

# What helps a build that is less full; and what is left to look at where that was done.
_REPAIR = "The playbook renderops.vray_swarm.repair has it deployed anew."
_AGAIN = (
    "This run has removed it, and Swarm deployed it so again: does its file in the import directory have what it has on"
    " the other peers, is there room on the disk, and what does Swarm's log on the peer say?"
)


def verified_in(host: t.Mapping[str, t.Any], run: str) -> t.Any:
    """What this run has verified of a host, by its variables; None where a fact cache has it of an earlier one."""
    verified = host.get("vray_swarm_verified")
    return verified if verified and verified.get("run") == run else None


def usual_builds(looks: t.Iterable[Look]) -> t.Dict[str, t.Dict[str, t.Any]]:
    """Return for each build, by ``platform/version``, what the peers together tell of it.

    ``files`` and ``bytes`` are what more than half of the peers have; None where nobody can tell who is right. They are
    ``outvoted`` where it is only more than half of those on which the build is not in doubt, and a run has seen it whole.
    ``agreed`` is what is on two peers, or on one where a run has seen it whole: no two halves are alike.
    """
    counts: t.DefaultDict[str, _Sizes] = collections.defaultdict(collections.Counter)
    undoubted: t.DefaultDict[str, _Sizes] = collections.defaultdict(collections.Counter)
    sure: t.DefaultDict[str, _Sizes] = collections.defaultdict(collections.Counter)
    for look in looks:
        for build in look["builds"] or []:
            # What may be a half tells nothing of the others, and nothing at all is a half.
            if build["bytes"] and build["version"] not in look.get("interrupted", ()):
                key, size = key_of(look, build), (build["files"], build["bytes"])
                counts[key][size] += 1
                undoubted[key][size] += build["version"] not in look.get("unseen", ())
                sure[key][size] += _is_sure(look, build["version"])
    usual = {}
    for key, sizes in counts.items():
        agreed = [size for size in sizes if sizes[size] > 1 or sure[key][size]]
        most = _most(sizes)
        # What is in doubt is no witness for itself.
        outvoted = most is None or not (most in agreed or undoubted[key][most])
        if outvoted:
            most = _most(undoubted[key])
            most = most if most in agreed else None
        if most or agreed:
            files, total = most or (None, None)
            usual[key] = {
                "files": files,
                "bytes": total,
                "outvoted": outvoted,
                "agreed": [list(size) for size in agreed],
            }
    return usual


def _is_sure(look: Look, version: str) -> bool:
    """Whether a run has seen it whole, or this one does: the Swarm that runs has deployed it, and it no longer changes."""
    by_this_one = look.get("settled") and look.get("outlived") is not None and version not in look["outlived"]
    return bool(by_this_one) or version in look.get("seen", ())


def _most(sizes: _Sizes) -> t.Optional[t.Tuple[int, int]]:
    ((size, count), *_others) = sizes.most_common(1)
    return size if 2 * count > sum(sizes.values()) else None


def less_full(look: Look, usual: Usual, removed: t.Container[str] = ()) -> t.Dict[str, str]:
    """Return a sentence for each version that has less than on most peers. The path in it is data, and no template."""
    found = {}
    for build in look["builds"] or []:
        most = usual.get(key_of(look, build))
        if most and is_less(build, most):
            found[build["version"]] = wrap_var(
                f"The build {build['version']} has {build['files']} files with {build['bytes']} bytes in"
                f" {build['directory']}; on most peers it has {most['files']} with {most['bytes']}."
                f" {_AGAIN if build['version'] in removed else _REPAIR}"
            )
    return found


def is_less(build: t.Mapping[str, t.Any], most: t.Mapping[str, t.Any]) -> bool:
    """Whether a build has less than on most peers, as far as it was counted, and they tell."""
    if most["bytes"] is None or build["files"] is None:
        return False
    return bool(build["files"] < most["files"] or build["bytes"] < most["bytes"])


def key_of(look: Look, build: t.Mapping[str, t.Any]) -> str:
    """The name of a build in what the peers together tell."""
    return f"{look['platform']}/{build['version']}"
