# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What all looks together say of one peer: it has what most have, or less."""

from __future__ import annotations

import collections
import typing as t

from ansible.utils.unsafe_proxy import wrap_var

Look = t.Mapping[str, t.Any]
Usual = t.Mapping[str, t.Mapping[str, int]]

# What the role peer would set right, but leaves alone as long as the peer renders, and what would come of that.
_WAITING = ("settings", "restart", "service", "build", "half", "disk")

# Of the bytes that most peers have of a build, a half has less than this part. A render may leave some files in a build.
_WHOLE = 0.99

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


def usual_builds(looks: t.Iterable[Look]) -> t.Dict[str, t.Dict[str, int]]:
    """Return for each build the numbers of files and bytes that more than half of the peers have, by ``platform/version``.

    Where there are none, nobody can tell who is right.
    """
    counts: t.DefaultDict[str, t.Counter[t.Tuple[int, int]]] = collections.defaultdict(collections.Counter)
    for look in looks:
        for build in look["builds"] or []:
            # What may be a half tells nothing of the others.
            if build["files"] is not None and build["version"] not in look.get("interrupted", ()):
                counts[_key(look, build)][build["files"], build["bytes"]] += 1
    usual = {}
    for key, sizes in counts.items():
        ((files, total), count), *_others = sizes.most_common(1)
        if 2 * count > sum(sizes.values()):
            usual[key] = {"files": files, "bytes": total}
    return usual


def less_full(look: Look, usual: Usual, removed: t.Container[str] = ()) -> t.Dict[str, str]:
    """Return a sentence for each version that has less than on most peers. The path in it is data, and no template."""
    found = {}
    for build in look["builds"] or []:
        most = usual.get(_key(look, build))
        if most and build["files"] is not None:
            if build["files"] < most["files"] or build["bytes"] < most["bytes"]:
                found[build["version"]] = wrap_var(
                    f"The build {build['version']} has {build['files']} files with {build['bytes']} bytes in"
                    f" {build['directory']}; on most peers it has {most['files']} with {most['bytes']}."
                    f" {_AGAIN if build['version'] in removed else _REPAIR}"
                )
    return found


def verdict(
    look: Look,
    usual: Usual,
    is_busy: bool,
    removed: t.Container[str] = (),
    redeploy: t.Container[str] = (),
    strict: bool = False,
) -> t.Dict[str, t.Any]:
    """Return what is told of a peer, and kept. A peer that renders may lack what waits for the end of it.

    :param removed: The versions that this run has had deployed anew on it.
    :param redeploy: The versions that are to be deployed anew, whatever is there of them.
    :param strict: Whether all that is less full is deployed in part, and not only what Swarm can have been killed with.
    """
    few = less_full(look, usual, removed)
    # Nobody would deploy another one again; Swarm by itself, none that does not lie in its import directory.
    wanted = look["wanted_builds"] or []
    versions = {build["version"] for build in wanted}
    importable = {build["version"] for build in wanted if build["imported"]}
    waiting = _WAITING if is_busy else ()
    # What Swarm may have been killed with is in doubt, unless others have as much of it.
    counted = {
        build["version"] for build in look["builds"] or [] if build["files"] is not None and _key(look, build) in usual
    }
    full = [version for version in look["interrupted"] if version in counted and version not in few]
    differences = [item for item in look["differences"] if item["kind"] != "half" or item["want"] not in full]
    wrong = [item["message"] for item in differences if item["kind"] not in waiting]
    wrong += few.values()
    doubted = {item["want"]: item["message"] for item in differences if item["kind"] == "half"}
    doubts = {version: doubted[version] for version in look["interrupted"] if version in doubted}
    halves = {version: told for version, told in few.items() if strict or _may_be_half(look, usual, version)}
    in_part = {**_named(look, redeploy), **doubts, **halves}
    later = [item["message"] for item in differences if item["kind"] in waiting]
    return {
        "state": "wrong" if wrong else "busy" if is_busy else "ok",
        "problems": wrong + later,
        "less_full": list(few.values()),
        "in_part": list(in_part.values()),
        "damaged": [version for version in in_part if version in versions],
        "importable": [version for version in in_part if version in importable],
        "full": full,
        "interrupted": look["interrupted"],
        "platform": look["platform"],
        "builds": look["builds"],
        "allow_executables": look["api"]["allow_executables"],
    }


def _may_be_half(look: Look, usual: Usual, version: str) -> bool:
    """Whether an earlier Swarm may have been killed while it unpacked a build that is less full, and lacks some of it.

    What the Swarm of now has deployed so, it would only deploy so again.
    """
    build = next(build for build in look["builds"] if build["version"] == version)
    return version in look["outlived"] and build["bytes"] < _WHOLE * usual[_key(look, build)]["bytes"]


def _named(look: Look, versions: t.Container[str]) -> t.Dict[str, str]:
    """A sentence for each of these versions that is deployed."""
    return {
        build["version"]: wrap_var(
            f"The build {build['version']} in {build['directory']} is to be deployed anew, as vray_swarm_redeploy says."
        )
        for build in look["builds"] or []
        if build["version"] in versions
    }


def _key(look: Look, build: t.Mapping[str, t.Any]) -> str:
    return f"{look['platform']}/{build['version']}"
