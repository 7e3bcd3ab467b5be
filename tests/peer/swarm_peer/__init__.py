# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A V-Ray Swarm peer for tests and demos: the vendor's page about script distribution, implemented."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .peer import Peer

__all__ = ["Peer"]


def __getattr__(name: str) -> t.Any:
    # Imported on use, so that `python -m swarm_peer.builds` needs nothing but Python.
    if name == "Peer":
        from .peer import Peer

        return Peer
    raise AttributeError("module %r has no attribute %r" % (__name__, name))
