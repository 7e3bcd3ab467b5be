# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of a double; Swarm's has the reference peer behind it."""

from __future__ import annotations

import itertools
import time
import typing as t

import yaml

from swarm_peer import Peer

from .files import WindowsError

if t.TYPE_CHECKING:
    from .host import Host

# What listens on each Windows machine: RPC and SMB.
_TAKEN = (135, 445)
_PIDS = itertools.count(2000, 4)


class Service:
    """``state`` in the words of win_service_info."""

    def __init__(self, name: str, account: t.Tuple[str, str], path: str, start_mode: str = "auto") -> None:
        self.name = name
        self.display_name = name
        self.account = account
        self.path = path
        self.start_mode = start_mode
        self.state = "stopped"
        self.exit_code = 1077
        # What it ended with where that is 1066.
        self.own_exit_code = 0
        self.pid = 0
        # When its process was started, as time.time() tells; None where nobody may know.
        self.started: t.Optional[float] = None
        self.port = 0
        # What tests let go wrong.
        self.hangs_at_stop = False
        # How often it dies some seconds after its start.
        self.dies = 0
        self.starts = self.stops = 0

    def facts(self) -> t.Dict[str, t.Any]:
        return {
            "name": self.name,
            "display_name": self.display_name,
            "state": self.state,
            "start_mode": self.start_mode,
            "username": self.account[0],
            "path": self.path,
            "process_id": self.pid,
            "win32_exit_code": self.exit_code,
            "service_exit_code": self.own_exit_code,
        }

    def start(self) -> None:
        if self.state == "started":
            return
        if self.start_mode == "disabled":
            raise WindowsError(
                "System.ComponentModel.Win32Exception",
                "The service cannot be started, either because it is disabled or because it has no enabled devices"
                " associated with it",
            )
        self.starts += 1
        self.exit_code = 0
        self.started = time.time()
        self.run()
        if self.exit_code == 0:
            self.state, self.pid = "started", next(_PIDS)

    def stop(self) -> None:
        if self.hangs_at_stop:
            self.state = "stop_pending"
            raise WindowsError(
                "System.ServiceProcess.TimeoutException",
                "Time out has expired and the operation has not been completed.",
            )
        if self.state != "stopped":
            self.stops += 1
            self.end()
            self.state, self.pid = "stopped", 0

    def live_on(self) -> None:
        """Some seconds pass."""
        if self.state == "started" and self.dies:
            self.dies -= 1
            self.crash()

    def crash(self) -> None:
        """End, as the service manager notices: ERROR_PROCESS_ABORTED."""
        self.lose_power()
        self.exit_code = 1067

    def lose_power(self) -> None:
        """End, without being told to."""
        self.end()
        self.state, self.pid = "stopped", 0

    def run(self) -> None:
        """Begin to serve; set an exit code where that fails."""

    def end(self) -> None:
        """Serve no more."""


class Swarm(Service):
    """The reference peer, with the paths of Windows in its swarm.yaml and in its answers."""

    def __init__(self, host: Host, name: str, account: t.Tuple[str, str], config: str, data_dir: str) -> None:
        super().__init__(name, account, rf'"C:\Program Files\Swarm\swarm.exe" --config "{config}"')
        self._host = host
        self._config = config
        self._data_dir = data_dir
        self.peer: t.Optional[Peer] = None

    def run(self) -> None:
        files, sid = self._host.files, self.account[1]
        try:
            settings = yaml.safe_load(files.read(self._config, sid).decode("utf-8-sig")) or {}
            import_dir = settings.get("vrayImportDir")
            directory = None
            if import_dir:
                try:
                    directory = files.real(import_dir, sid)
                except WindowsError:
                    directory = files.real(r"C:\Windows\Temp", sid) / "not there"
            if settings.get("webPort") in _TAKEN:
                raise OSError("only one usage of each socket address is normally permitted")
            peer = Peer(
                files.real(self._data_dir, sid),
                address=self._host.address,
                port=settings.get("webPort", 1113),
                import_dir=directory,
                allow_executables=settings.get("allowExecutables", False),
                uploads_queue_period=settings.get("uploadsQueuePeriod", 10),
                platform="Windows_Arm64" if self._host.architecture == 12 else "Windows_x86",
                temp_dir=files.real(r"C:\Windows\Temp", sid),
            )
            peer.start()
        except (OSError, WindowsError, yaml.YAMLError, TypeError, ValueError, AttributeError):
            self.exit_code = 1067  # ERROR_PROCESS_ABORTED
            return
        for call in ("rapid", "queue"):
            setattr(peer.store, call, self._translated(getattr(peer.store, call)))
        self.peer, self.port = peer, peer.port

    def end(self) -> None:
        if self.peer is not None:
            self.peer.stop()
            self.peer = None

    def _translated(self, call: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def translated(upload: t.Any) -> t.Any:
            answer = call(upload)
            for members in answer.values():
                for name in ("tmpFile", "deployedInDirectory", "queuedAs"):
                    if name in members:
                        members[name] = self._host.files.windows(members[name])
            return answer

        return translated
