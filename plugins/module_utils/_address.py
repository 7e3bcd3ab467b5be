# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The host of a URL, a name or an address: in the URL, and as the system takes it."""

from __future__ import annotations

import ipaddress
import re


def is_host(peer: str) -> bool:
    """Whether a text can be the host of a URL: a name or an address, and nothing else."""
    if not peer or re.search(r"[\s/?#@\\]", peer):
        return False
    try:
        if ":" in peer:
            ipaddress.IPv6Address(re.sub(r"^\[(.*)\]$", r"\1", peer).partition("%")[0])
        else:
            # Refuses labels that are empty or too long, as the look-up of the name would.
            peer.encode("idna")
    except ValueError:
        return False
    return True


def system_host(peer: str) -> str:
    """The host as the system looks it up: without brackets, and with a zone as it is called there."""
    if ":" not in peer:
        return peer
    address, _percent, zone = peer.strip("[]").partition("%")
    if zone.startswith("25") and zone != "25":  # It is written as in a URL (RFC 6874).
        zone = zone[2:]
    return f"{address}%{zone}" if zone else address


def url_host(peer: str) -> str:
    """The host as it stands in a URL."""
    if ":" not in peer:
        return peer
    address, _percent, zone = system_host(peer).partition("%")
    return f"[{address}%25{zone}]" if zone else f"[{address}]"
