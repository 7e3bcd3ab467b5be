# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The marks on a peer's disk of what may become of a build while nobody sees it.

A Swarm that is killed while it unpacks may leave a half of the build, under the name of a whole one. The next run tells
that by a mark, which is there since before. It is an empty directory: to make one is atomic, follows no link, and needs
no content.
"""

from __future__ import annotations

import hashlib
import ntpath
import posixpath
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import VersionError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import is_of_windows
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version

if t.TYPE_CHECKING:
    from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload import Host

#: It is being sent, and Swarm has not answered yet.
SENDING = "sending"
#: It is to be deployed from the import directory, and nobody has seen yet that it was.
#: Made before that by upload where somebody waits, and by roles/builds/tasks/mark.yml; removed by who has seen it.
AWAITED = "awaited"
#: A run has seen it whole. What Swarm has taken from a share since then has none, and nobody waited for it.
WHOLE = "whole"
KINDS = (SENDING, AWAITED, WHOLE)

#: Stands in place of a version in a mark WHOLE: a run has seen all builds of the peer.
PEER = "peer"

_START = ".vray_swarm-"


def mark_path(data_dir: str, version: str, kind: str = SENDING) -> str:
    """Where the mark of a version lies, or of what :func:`in_place_of_version` names, by the rules of the host's system."""
    # Two slashes begin a path of POSIX as well.
    windows = is_of_windows(data_dir) and not data_dir.startswith("/")
    name = mark_name(version, kind)
    return ntpath.join(data_dir, name) if windows else posixpath.join(data_dir, name)


def mark_name(version: str, kind: str = SENDING) -> str:
    return f"{_START}{version}.{kind}"


def in_place_of_version(file_name: str) -> str:
    """What stands in the mark of a build whose version nobody knows before Swarm answers, such as the vendor's example
    ``vray-lin-df715d3c8ff9.tar``. It is no version, and fit for each file system.
    """
    return f"file-{hashlib.sha256(file_name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def marks_among(names: t.Iterable[str]) -> t.List[str]:
    """Those of the names of directories in a data directory that may be of marks."""
    return sorted(name for name in names if name.startswith(_START))


def marked_versions(names: t.Iterable[str], kind: str = SENDING) -> t.List[str]:
    """The versions of which there are marks of a kind, among the names of the directories in a data directory."""
    found, end = [], f".{kind}"
    for name in sorted(names):
        if name.startswith(_START) and name.endswith(end):
            try:
                found.append(str(Version.parse(name[len(_START) : -len(end)])))
            except VersionError:
                continue
    return found


class Mark:
    """A mark of one build. That it cannot be made or removed is no reason to send nothing, or to fail afterwards."""

    def __init__(self, path: str, was_there: bool, host: Host, warn: t.Callable[[str], None]) -> None:
        """
        :param was_there: Whether an upload from before has left it.
        """
        self.path = path
        self.was_there = was_there
        self.is_there = was_there
        self._is_tried = False
        self._host = host
        self._warn = warn

    def make(self) -> None:
        """Make it, once a task."""
        if self._is_tried:
            return
        self._is_tried = True
        try:
            self._host.make_directory(self.path)
            self.is_there = True
        except Exception as error:
            # Each connection plugin has its own errors for a connection that breaks.
            self._warn(
                f"{self.path} could not be made ({_reason(error)}), so that the next run would take half a build for the"
                " whole, if Swarm is killed while it deploys this one: let the task write to data_dir, by become."
            )

    def remove(self) -> None:
        """Remove it, where it is there: it is known what became of the build."""
        if not self.is_there:
            return
        try:
            self._host.remove_directory(self.path)
            self.is_there = False
        except Exception as error:
            self._warn(
                f"{self.path} could not be removed ({_reason(error)}): remove it, since it says that nobody knows what"
                " became of the build."
            )

    def withdraw(self) -> None:
        """Remove it where this task made it: all is as before, and so is a doubt from before."""
        if not self.was_there:
            self.remove()


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().rstrip(".")
