# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What all looks together say of one peer: it has what most have, or less."""

from __future__ import annotations

import collections
import typing as t

from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import PEER

Look = t.Mapping[str, t.Any]
Usual = t.Mapping[str, t.Mapping[str, t.Any]]
_Sizes = t.Counter[t.Tuple[int, int]]

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
                key, size = _key(look, build), (build["files"], build["bytes"])
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
        most = usual.get(_key(look, build))
        if most and _is_less(build, most):
            found[build["version"]] = wrap_var(
                f"The build {build['version']} has {build['files']} files with {build['bytes']} bytes in"
                f" {build['directory']}; on most peers it has {most['files']} with {most['bytes']}."
                f" {_AGAIN if build['version'] in removed else _REPAIR}"
            )
    return found


def _is_less(build: t.Mapping[str, t.Any], most: t.Mapping[str, t.Any]) -> bool:
    """Whether a build has less than on most peers, as far as it was counted, and they tell."""
    if most["bytes"] is None or build["files"] is None:
        return False
    return bool(build["files"] < most["files"] or build["bytes"] < most["bytes"])


def verdict(
    look: Look,
    usual: Usual,
    is_busy: bool,
    removed: t.Container[str] = (),
    redeploy: t.Container[str] = (),
    strict: bool = False,
    last: bool = True,
) -> t.Dict[str, t.Any]:
    """Return what is told of a peer, and kept. A peer that renders may lack what waits for the end of it.

    :param removed: The versions that this run has had deployed anew on it.
    :param redeploy: The versions that are to be deployed anew, whatever is there of them.
    :param strict: Whether all that is less full is deployed in part, and not only what Swarm can have been killed with.
    :param last: Whether all peers are known, so that nobody else will tell of what no run has seen whole.
    """
    few = less_full(look, usual, removed)
    if not last:
        # More peers may tell otherwise.
        few = {version: told for version, told in few.items() if not _usual_of(look, usual, version)["outvoted"]}
    # Nobody would deploy another one again; Swarm by itself, none that does not lie in its import directory.
    wanted = look["wanted_builds"] or []
    versions = {build["version"] for build in wanted}
    importable = {build["version"] for build in wanted if build["imported"]}
    waiting = _WAITING if is_busy else ()
    # What Swarm may have been killed with is in doubt, unless others have as much of it.
    in_doubt = _in_doubt(look, usual, last)
    unseen = [version for version in in_doubt if version in importable]
    full = [version for version in [*look["interrupted"], *unseen] if _is_full(look, usual, version)]
    undecided = [version for version in unseen if version not in [*few, *full] and _is_counted(look, version)]
    alone = {version: _told_alone(look, version) for version in undecided if last}
    differences = [item for item in look["differences"] if item["kind"] != "half" or item["want"] not in full]
    wrong = [item["message"] for item in differences if item["kind"] not in waiting]
    wrong += few.values()
    later = [item["message"] for item in differences if item["kind"] in waiting]
    (later if is_busy or look["busy"] else wrong).extend(alone.values())
    doubted = {item["want"]: item["message"] for item in differences if item["kind"] == "half"}
    doubts = {version: doubted[version] for version in look["interrupted"] if version in doubted}
    halves = [version for version in few if version in in_doubt or _lacks_much(look, usual, version)]
    less = few if strict else {version: few[version] for version in halves}
    in_part = {**_named(look, redeploy), **doubts, **alone, **less}
    still_unseen = [version for version in unseen if version not in full]
    whole = _seen_whole(look, full, [*halves, *look["interrupted"], *in_doubt], bool(still_unseen))
    return {
        "state": "wrong" if wrong else "busy" if is_busy or later else "ok",
        "problems": wrong + later,
        "less_full": list(few.values()),
        "in_part": list(in_part.values()),
        "damaged": [version for version in in_part if version in versions],
        "importable": [version for version in in_part if version in importable],
        "full": full,
        "interrupted": look["interrupted"],
        "unseen": still_unseen,
        "undecided": [version for version in undecided if version not in alone],
        "seen": look["seen"] + whole,
        "unmarked": whole + _unmarked_peer(look, still_unseen),
        "platform": look["platform"],
        "builds": look["builds"],
        "allow_executables": look["api"]["allow_executables"],
    }


def _build(look: Look, version: str) -> t.Mapping[str, t.Any]:
    found: t.Mapping[str, t.Any] = next(build for build in look["builds"] if build["version"] == version)
    return found


def _usual_of(look: Look, usual: Usual, version: str) -> t.Mapping[str, t.Any]:
    """What the peers together tell of a build; nothing where they do not."""
    return usual.get(_key(look, _build(look, version)), {})


def _is_counted(look: Look, version: str) -> bool:
    return _build(look, version)["files"] is not None


def _is_full(look: Look, usual: Usual, version: str) -> bool:
    """Whether a peer has of a build what others have."""
    build, told = _build(look, version), _usual_of(look, usual, version)
    if not told or build["files"] is None:
        return False
    if told["bytes"] is None:
        return [build["files"], build["bytes"]] in told["agreed"]
    return not _is_less(build, told)


def _in_doubt(look: Look, usual: Usual, last: bool) -> t.List[str]:
    """What Swarm may have been killed with while no run was there, however much of it is there.

    At first sight, that is what has less than its archive; but what most peers have tells more than an archive, of which
    Swarm need not unpack all. What a few have is another matter as long as more peers may tell otherwise.
    """
    if look["seen_all"]:
        return list(look["unseen"])
    told = {version: _usual_of(look, usual, version) for version in look["unseen"]}
    return [version for version, most in told.items() if most.get("bytes") is None or (most["outvoted"] and not last)]


def _lacks_much(look: Look, usual: Usual, version: str) -> bool:
    """Whether an earlier Swarm may have been killed while it unpacked a build that is less full, and lacks some of it.

    What the Swarm of now has deployed so, it would only deploy so again.
    """
    is_much = _build(look, version)["bytes"] < _WHOLE * _usual_of(look, usual, version)["bytes"]
    return is_much and version in (look["outlived"] or ())


def _told_alone(look: Look, version: str) -> t.Any:
    build, size = _build(look, version), _unpacked_size(look, version)
    of_archive = f"; it has {build['bytes']} bytes, and its archive unpacks to {size}" if size > build["bytes"] else ""
    return wrap_var(
        f"The build {version} in {build['directory']} may be a half: Swarm has ended since its directory was made, no run of"
        f" renderops.vray_swarm.distribute has seen it whole, and no other peer of this run has the same{of_archive}. That"
        " playbook, or renderops.vray_swarm.repair, has it deployed anew."
    )


def _unpacked_size(look: Look, version: str) -> int:
    """To how many bytes its archive unpacks, as far as that is known."""
    return max([item["unpacked_size"] or 0 for item in look["wanted_builds"] or [] if item["version"] == version] + [0])


def _has_marks(look: Look) -> bool:
    """Whether what was seen whole has a mark on the peer. A build that comes by an upload has marks of its own."""
    is_known = look["outlived"] is not None and look["builds"] is not None
    is_counted = {"data_dir", "build_sizes"}.isdisjoint(look["errors"])
    return bool(is_known and is_counted and look["import_shared"])


def _seen_whole(look: Look, full: t.Container[str], doubted: t.Container[str], is_open: bool) -> t.List[str]:
    """What this look has seen whole, and no mark says so yet: what the Swarm of now has deployed, and what others have.

    At first sight of a peer, nobody can tell what came of the rest: it counts as whole, unless it lacks what others have,
    or what its archive has.

    :param is_open: Whether nobody has told yet what came of another one. It stays first sight then, and what comes later
        is not what was there before.
    """
    if not _has_marks(look):
        return []
    found = []
    for build in look["builds"]:
        version = build["version"]
        if version not in look["outlived"]:
            is_whole = bool(look.get("settled") and build["bytes"])
        elif look["seen_all"]:
            is_whole = version in full
        else:
            is_whole = version in full or (version not in doubted and not is_open)
        if is_whole and version not in look["seen"]:
            found.append(version)
    return found


def _unmarked_peer(look: Look, unseen: t.Sequence[str]) -> t.List[str]:
    """PEER, where this look is the first one that has seen all builds of the peer, and none that may be growing.

    As long as one has less than its archive, and nobody has told whether it is a half, it stays first sight.
    """
    if not _has_marks(look) or look["seen_all"] or unseen:
        return []
    has_settled = bool(look.get("settled")) or all(build["version"] in look["outlived"] for build in look["builds"])
    return [PEER] if has_settled else []


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
