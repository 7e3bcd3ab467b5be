# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A farm of Macs that are doubles. It wants tests/doubles, tests/peer and tests/lab in sys.path."""

from __future__ import annotations

import os
import plistlib
import shlex
import sys
import typing as t
from pathlib import Path

from double_farm import NAME, ROOT, VERSION, free_port
from double_farm import Farm as _Farm

from .host import Job, Mac

__all__ = ["NAME", "ROOT", "SERVICE", "VERSION", "Farm", "Peer"]

SERVICE = "com.example.swarm"
SITE = ROOT / "tests" / "doubles" / "macos" / "site"

# What stands in PATH for the programs of a Mac: it asks the double. A run calls dozens of them, and json and socket would
# take longer to import than Python takes to start. The answer has numbers and texts of ASCII: Python reads it as its own.
_PROGRAM = """\
#!{python} -IS
import _json, _socket, os, sys

argv = map(_json.encode_basestring_ascii, [os.path.basename(sys.argv[0]), *sys.argv[1:]])
host = _json.encode_basestring_ascii(os.environ["MACOS_DOUBLE_HOST"])
sock = _socket.socket(_socket.AF_UNIX)
sock.connect(os.environ["MACOS_DOUBLE_SOCKET"])
sock.sendall(b'{{"host": %s, "argv": [%s]}}\\n' % (host.encode(), ", ".join(argv).encode()))
answer = eval(b"".join(iter(lambda: sock.recv(65536), b"")), {{}})
sys.stdout.write(answer["stdout"])
sys.stderr.write(answer["stderr"])
sys.exit(answer["rc"])
"""


class Peer:
    """One Mac with Swarm on it."""

    def __init__(self, name: str, directory: Path, **options: t.Any) -> None:
        self.name = name
        self.port = free_port()
        self.mac = Mac(directory, **options)
        self.platform = "macOS_Arm64" if self.mac.machine == "arm64" else "macOS_x86"
        folder = directory / "Library" / "Application Support" / "Swarm"
        self.config, self.data_dir = folder / "swarm.yaml", folder / "Data"
        self.data_dir.mkdir(parents=True)
        self.config.write_text(f"# Swarm of this Mac\nwebPort: {self.port}\nuploadsQueuePeriod: 0.2\n")
        arguments = ["--config", str(self.config), "--data", str(self.data_dir), "--platform", self.platform]
        plist = {
            "Label": SERVICE,
            "ProgramArguments": ["/usr/local/bin/swarm", *arguments],
            "KeepAlive": True,
        }
        path = self.mac.daemons / f"{SERVICE}.plist"
        path.write_bytes(plistlib.dumps(plist))
        path.chmod(0o644)
        self.mac.jobs[SERVICE] = Job(plist)
        self.mac.jobs[SERVICE].start()

    def misbehave(self, fault: str) -> None:
        """Let Swarm do so from its next start on."""
        path = self.mac.daemons / f"{SERVICE}.plist"
        plist = plistlib.loads(path.read_bytes())
        plist["ProgramArguments"] += ["--fault", fault]
        path.write_bytes(plistlib.dumps(plist))

    @property
    def double(self) -> Mac:
        return self.mac

    def end(self) -> None:
        for job in self.mac.jobs.values():
            job.stop()

    @property
    def swarm(self) -> t.Any:
        """What runs now: the reference peer, or None."""
        job = self.mac.jobs.get(SERVICE)
        return job.peer if job else None

    @property
    def stops(self) -> int:
        return self.mac.calls.count(f"bootout system/{SERVICE}")

    @property
    def loaded(self) -> t.List[str]:
        """The labels that launchd knows, and those that it would know after a restart."""
        return sorted({*self.mac.jobs, *(path.stem for path in self.mac.daemons.iterdir())})


class Farm(_Farm[Peer]):
    PLATFORM = "macOS_Arm64"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._bin = directory / "bin"
        self._bin.mkdir(parents=True)
        for name in ("launchctl", "ps", "mount"):
            program = self._bin / name
            program.write_text(_PROGRAM.format(python=sys.executable))
            program.chmod(0o755)

    def add(self, name: str, **options: t.Any) -> Peer:
        peer = self.peers[name] = Peer(name, self.directory / name, **options)
        return peer

    def variables_of(self, peer: Peer, socket: str) -> t.Dict[str, t.Any]:
        return {
            "ansible_connection": "local",
            "ansible_host": "127.0.0.1",
            "ansible_python_interpreter": str(self._python(peer, socket)),
            "vray_swarm_web_port": peer.port,
            "vray_swarm_data_dir": str(peer.data_dir),
            "vray_swarm_config": str(peer.config),
            "vray_swarm_service": SERVICE,
        }

    def _python(self, peer: Peer, socket: str) -> Path:
        """A Python that takes itself for one of this Mac."""
        environ = {
            "MACOS_DOUBLE_HOST": peer.name,
            "MACOS_DOUBLE_MACHINE": peer.mac.machine,
            "MACOS_DOUBLE_ROOT": str(peer.mac.root),
            "MACOS_DOUBLE_SOCKET": socket,
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "PYTHONPATH": str(SITE),
        }
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environ.items()]
        path = peer.mac.root / "python"
        path.write_text("#!/bin/sh\n" + "".join(lines) + f'exec {shlex.quote(sys.executable)} "$@"\n')
        path.chmod(0o755)
        return path
