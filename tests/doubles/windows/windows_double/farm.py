# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A farm of Windows hosts that are doubles. It wants tests/doubles, tests/peer and tests/lab in sys.path."""

from __future__ import annotations

import typing as t
from pathlib import Path

from double_farm import NAME, ROOT, VERSION, free_port
from double_farm import Farm as _Farm

from .host import SYSTEM, Host
from .services import Swarm

__all__ = ["CONFIG", "DATA_DIR", "NAME", "ROOT", "SERVICE", "SHARE", "VERSION", "Farm", "Peer", "free_port"]

CONFIG = r"C:\Program Files\Chaos Swarm\swarm.yaml"
DATA_DIR = r"C:\ProgramData\Swarm Data"
SERVICE = "V-Ray Swarm"
SHARE = r"\\nas\vray builds"


class Peer:
    """One Windows host with Swarm on it."""

    def __init__(self, name: str, directory: Path, **options: t.Any) -> None:
        self.name = name
        self.port = free_port()
        self.host = Host(directory, **options)
        self.config = self.host.real(CONFIG)
        self.config.parent.mkdir(parents=True)
        self.data_dir = self.host.real(DATA_DIR)
        self.data_dir.mkdir(parents=True)
        # As an editor on Windows leaves it.
        self.write(f"# Swarm of this workstation\r\nwebPort: {self.port}\r\nuploadsQueuePeriod: 0.2\r\n")
        self.swarm = Swarm(self.host, SERVICE, SYSTEM, CONFIG, DATA_DIR)
        self.host.services[SERVICE] = self.swarm
        self.swarm.start()
        self.swarm.starts = 0

    @property
    def double(self) -> Host:
        return self.host

    def end(self) -> None:
        self.swarm.end()

    def write(self, text: str) -> None:
        self.config.write_bytes(text.encode())

    def text(self) -> str:
        return self.config.read_bytes().decode()

    @property
    def marks(self) -> t.List[str]:
        """What runs have left in its data directory that tells a later one what became of its builds."""
        return sorted(path.name.partition("-")[2] for path in self.data_dir.glob(".vray_swarm-*"))


class Farm(_Farm[Peer]):
    PLATFORM = "Windows_x86"
    ENVIRON: t.ClassVar[t.Dict[str, str]] = {
        "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests" / "doubles" / "windows" / "connection")
    }

    def add(self, name: str, **options: t.Any) -> Peer:
        peer = self.peers[name] = Peer(name, self.directory / name, **options)
        peer.host.share(SHARE, self.share)
        return peer

    def variables_of(self, peer: Peer, socket: str) -> t.Dict[str, t.Any]:
        return {
            "ansible_host": peer.host.address,
            "ansible_connection": "windows_double",
            "ansible_shell_type": "powershell",
            # Also where a task of another host is delegated to this one.
            "windows_double_host": peer.name,
            "windows_double_socket": socket,
            "vray_swarm_web_port": peer.port,
        }
