# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Who listens on which TCP port of a Linux host: proc(5), net/tcp."""

from __future__ import annotations

import os
import socket
import struct
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._processes import PROC, pids

_LISTEN = "0A"


class Listener(t.NamedTuple):
    """A socket that listens. ``uid`` is its owner's, which anyone may see, other than its processes."""

    address: str
    port: int
    uid: int
    inode: str


def listeners() -> t.List[Listener]:
    """All TCP sockets that listen, in the network namespace of this process."""
    found: t.List[Listener] = []
    for name in ("tcp", "tcp6"):
        try:
            with open(os.path.join(PROC, "self", "net", name), encoding="ascii") as file:
                found += parse_tcp(file.read())
        except OSError:  # A kernel without IPv6.
            continue
    return found


def parse_tcp(text: str) -> t.Iterator[Listener]:
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:
            address, _colon, port = fields[1].partition(":")
            yield Listener(_address(address), int(port, 16), int(fields[7]), fields[9])


def _address(text: str) -> str:
    """The kernel writes addresses as numbers of 32 bits in the order of this machine."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = struct.pack("=%dI" % len(words), *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)


def holders() -> t.Tuple[t.Dict[str, t.List[int]], int]:
    """Return the processes that hold each socket, by its inode, and how many processes may not be seen."""
    found: t.Dict[str, t.List[int]] = {}
    unseen = 0
    for pid in pids():
        folder = os.path.join(PROC, str(pid), "fd")
        try:
            names = os.listdir(folder)
        except PermissionError:
            unseen += 1
            continue
        except OSError:
            continue
        for name in names:
            try:
                target = os.readlink(os.path.join(folder, name))
            except OSError:
                continue
            if target.startswith("socket:["):
                found.setdefault(target[len("socket:[") : -1], []).append(pid)
    return found, unseen
