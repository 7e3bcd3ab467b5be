# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Which builds on a relay a peer holds already. The relay cannot see the peer's disk, nor the peer that of the relay.

The rules are those of :meth:`Upload._is_present`, which sees both.
"""

from __future__ import annotations

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import import_is_local
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._kept import file_name

_Facts = t.Mapping[str, t.Any]
#: What the modules stat and win_stat return, in a loop.
_Stats = t.Iterable[t.Mapping[str, t.Any]]


class Peer:
    """What lies on a peer."""

    def __init__(self, look: _Facts, once: t.Iterable[str]) -> None:
        """
        :param look: What the module peer_info tells.
        :param once: The names of the builds that run, and leave nothing else behind that tells so.
        """
        # Others may have put it there, over a network.
        self._imports = look["imports"] if import_is_local(look) else []
        self._kept = look["kept"]
        self._once = frozenset(once)

    def files_for(self, src: str) -> t.List[t.Dict[str, t.Any]]:
        """The files that can be a build. From where one is only kept, nobody would deploy an archive again."""
        return [*self._imports, *(self._kept if file_name(src) in self._once else [])]


def alike(peer: Peer, sizes: _Stats) -> t.Tuple[t.List[_Facts], t.List[_Facts]]:
    """Return those of the builds on the relay, and of the files on the peer, that have one size, and have to be hashed.

    :param sizes: The builds with their sizes; one that could not be seen has none.
    """
    builds: t.List[_Facts] = []
    files: t.Dict[str, _Facts] = {}
    for found in sizes:
        build, size = found["build"], found.get("stat", {}).get("size")
        same = [file for file in peer.files_for(build["src"]) if size is not None and file["bytes"] == size]
        files.update((file["path"], file) for file in same)
        if same and not build.get("checksum"):
            builds.append(found)
    return builds, list(files.values())


def held(peer: Peer, builds: t.Iterable[_Facts], hashed: _Stats, imported: _Stats) -> t.Dict[str, str]:
    """Return the builds that the peer holds: where each lies there, by its path on the relay.

    :param builds: Each with a ``src``, and maybe with the ``checksum`` that it has to have.
    :param hashed: The SHA-256 of others.
    :param imported: That of files on the peer.
    """
    sums = {found["item"]["build"]["src"]: _sha256(found) for found in hashed}
    there = {found["item"]["path"]: _sha256(found) for found in imported}
    places: t.Dict[str, str] = {}
    for build in builds:
        src = build["src"]
        wanted = (build.get("checksum") or "").lower().partition("sha256:")[2] or sums.get(src)
        for file in peer.files_for(src):
            if wanted and there.get(file["path"]) == wanted:
                places.setdefault(src, file["path"])
    return places


def _sha256(found: _Facts) -> t.Optional[str]:
    """None where the file has gone, or may not be read."""
    return t.cast("t.Optional[str]", found.get("stat", {}).get("checksum"))
