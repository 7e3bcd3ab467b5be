# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Which file in the import directory is a build. The vendor's page says where Swarm keeps it, and not under which name."""

from __future__ import annotations

import ntpath
import posixpath
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import import_is_local
from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import comparable
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version, find_version

Facts = t.Mapping[str, t.Any]


class Build(t.NamedTuple):
    """A wanted build. Its version is None where neither its name nor anybody else tells."""

    name: str
    version: t.Optional[Version]
    bytes: t.Optional[int]
    # Whether it was put in the import directory, and where Swarm said that it is.
    queued: bool = False
    queued_as: t.Optional[str] = None

    def __str__(self) -> str:
        return str(self.version) if self.version else self.name


def file_name(path: str) -> str:
    """The name of a file, by whichever separator."""
    return ntpath.basename(path) if "\\" in path else posixpath.basename(path)


def kept_as(build: Build, facts: Facts) -> t.Optional[str]:
    """Return the name of its file in the import directory; None where there is none."""
    there = {item["name"] for item in facts["imports"]}
    for name in (file_name(build.queued_as or ""), build.name):
        if name in there:
            return name
    if not import_is_local(facts):
        return None
    # What begins with a dot may be a part of a file that Swarm is about to put there.
    files = [item for item in facts["imports"] if item["bytes"] is not None and not item["name"].startswith(".")]
    for item in files:
        if build.version and find_version(item["name"]) == build.version:
            return str(item["name"])
    return next((str(item["name"]) for item in files if build.bytes and item["bytes"] == build.bytes), None)


def is_kept(build: Build, facts: Facts) -> bool:
    """Whether Swarm has its file since it was uploaded: there, or beside it, where one that is left over has another size."""
    beside = [item["bytes"] for item in facts["kept"]]
    return bool(kept_as(build, facts)) or (build.bytes is not None and build.bytes in beside)


def elsewhere(build: Build, facts: Facts) -> t.Optional[str]:
    """Return where Swarm has queued a build, if that is not the import directory; nobody looks there."""
    if not build.queued_as or build.queued_as == file_name(build.queued_as):
        return None
    directory = build.queued_as[: -len(file_name(build.queued_as)) or None]
    if facts["import_dir"] and comparable(directory) == comparable(facts["import_dir"]):
        return None
    return build.queued_as
