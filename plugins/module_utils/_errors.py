# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The exceptions that utilities raise; one boundary per plugin turns them into a failed task."""

from __future__ import annotations

import typing as t


class SwarmError(Exception):
    """The root: its text is a message that an operator can act on."""


class VersionError(SwarmError):
    """A version string or version dictionary is malformed."""


class AnswerError(SwarmError):
    """What a peer answered is not one of the answers that are documented.

    ``raw`` is the JSON object as received, where it is one, ``known`` whether its key is documented: then it is Swarm
    that answers. ``refused`` is whether that key says no, whatever is in it.
    """

    raw: t.Optional[t.Dict[str, t.Any]] = None
    known: bool = False
    refused: bool = False


class BuildError(SwarmError):
    """A build file is missing, unreadable, changed under way or not what it was said to be."""


class DamagedBuildError(BuildError):
    """An archive cannot be unpacked to its end."""


class OptionsError(SwarmError):
    """The options of a task contradict each other or the state of the peer."""


class SettingsError(SwarmError):
    """swarm.yaml cannot be read or written, or is such that it cannot be changed safely."""


class ShareError(SwarmError):
    """A share for builds cannot be used as it is."""


class TransportError(SwarmError):
    """Nothing usable came back from a peer.

    ``accepted`` is false where the peer cannot have accepted the build (it had not got the last byte of the body), so
    that sending again is safe. ``hint`` says what to look at.
    """

    def __init__(self, message: str, accepted: bool = False, hint: str = "") -> None:
        super().__init__(message)
        self.accepted = accepted
        self.hint = hint

    @property
    def final(self) -> bool:
        """Whether sending again could do harm, or is of no use."""
        return self.accepted


class NotSwarmError(TransportError):
    """Whoever listens on the web port does not answer like Swarm."""

    @property
    def final(self) -> bool:
        return True


class MissingRequestsError(SwarmError):
    """The Python library requests cannot be imported; the text is the traceback."""
