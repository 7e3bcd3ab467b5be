# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One peer: its settings, its store, its port and the thread that looks into the import directory."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import threading
import types
import typing as t

from . import faults as _faults
from . import settings as _settings
from . import web
from .events import Event, Events
from .listener import Listener
from .store import Stopped, Store

# With it a sender notices within some hundred KiB that nobody reads; the kernel would take several MiB otherwise.
LITTLE_BUFFER = 64 * 1024


class Peer:
    """A peer in this process, for `with Peer(data_dir=…) as peer:`; it can be stopped and started again.

    What is given here wins over ``config`` (the path of a swarm.yaml, read at each start). Port 0 takes a free one and
    keeps it for the next start.
    """

    def __init__(
        self,
        data_dir: t.Union[str, os.PathLike[str]],
        address: str = "127.0.0.1",
        port: t.Optional[int] = 0,
        config: t.Optional[t.Union[str, os.PathLike[str]]] = None,
        import_dir: t.Optional[t.Union[str, os.PathLike[str]]] = None,
        allow_executables: t.Optional[bool] = None,
        uploads_queue_period: t.Optional[float] = None,
        platform: str = "Linux_x86",
        temp_dir: t.Optional[t.Union[str, os.PathLike[str]]] = None,
        log: t.Optional[t.Union[str, os.PathLike[str]]] = None,
        deploy_anything: bool = False,
        status: int = 200,
        kept_as: str = "sent",
        kept_in: str = "import",
        faults: t.Iterable[t.Union[str, _faults.Fault]] = (),
    ) -> None:
        self.data_dir = os.path.abspath(data_dir)
        self.address = address
        self.port = port or 0
        self.temp_dir = os.path.abspath(temp_dir if temp_dir is not None else tempfile.gettempdir())
        self.platform = platform
        self.deploy_anything = deploy_anything
        self.status = status
        self.kept_as = kept_as
        self.kept_in = kept_in
        self.faults = _faults.Faults(faults)
        self.log = Events(os.fspath(log) if log is not None else None)
        self.stopping = threading.Event()
        self.store: Store
        self._take_port = port is None
        self._config = os.fspath(config) if config is not None else None
        self._import_dir = os.path.abspath(import_dir) if import_dir is not None else None
        self._allow_executables = allow_executables
        self._uploads_queue_period = uploads_queue_period
        self._listener: t.Optional[Listener] = None
        self._poller: t.Optional[threading.Thread] = None

    @property
    def url(self) -> str:
        host = "[%s]" % self.address if ":" in self.address else self.address
        return "http://%s:%d" % (host, self.port)

    @property
    def events(self) -> t.List[Event]:
        return self.log.seen

    def wait_for(self, kind: str, /, timeout: float = 10.0, count: int = 1, **fields: t.Any) -> Event:
        """See Events.wait_for."""
        return self.log.wait_for(kind, timeout=timeout, count=count, **fields)

    def __enter__(self) -> Peer:
        self.start()
        return self

    def __exit__(
        self,
        kind: t.Optional[t.Type[BaseException]],
        error: t.Optional[BaseException],
        trace: t.Optional[types.TracebackType],
    ) -> None:
        self.stop()

    def start(self) -> None:
        settings = _settings.load(self._config)
        if self._take_port:
            self.port = settings.web_port
        if self._allow_executables is not None:
            settings.allow_executables = self._allow_executables
        if self._uploads_queue_period is not None:
            settings.uploads_queue_period = self._uploads_queue_period
        self.stopping = threading.Event()
        os.makedirs(self.temp_dir, exist_ok=True)
        self.store = Store(
            self.data_dir,
            self._import_dir or settings.import_dir,
            self.platform,
            settings.allow_executables,
            self.deploy_anything,
            self.log,
            self.stopping,
            self._faults_of_unpacking,
            self.kept_as,
            self.kept_in,
        )
        handler = t.cast(t.Type[web.Handler], type("Handler", (web.Handler,), {"peer": self}))

        def serve(connection: socket.socket, client: t.Any) -> None:
            # Raised where the client left, or where a fault closed the connection under a read.
            with contextlib.suppress(OSError, ValueError):
                handler(connection, client, None)  # type: ignore[arg-type]

        listener = Listener(self.address, self.port, serve)
        self.log.open()
        try:
            listener.start(self.faults.refused_for(), receive_buffer=LITTLE_BUFFER if self.faults.reads_little() else 0)
        except OSError:
            self.log.close()
            raise
        self._listener = listener
        self.port = listener.port
        self.log.add("started", url=self.url, pid=os.getpid())
        self._poller = threading.Thread(
            target=self._poll, args=(settings.uploads_queue_period,), name="swarm-peer-import", daemon=True
        )
        self._poller.start()

    def stop(self) -> None:
        if self._listener is None:
            return
        self.stopping.set()
        self._listener.stop()
        if self._poller is not None:
            self._poller.join(10)
        self._listener = self._poller = None
        self.log.add("stopped")
        self.log.close()

    def die(self, back: float) -> None:
        """Reset every connection and come back that much later, as a crash with a restart looks from outside."""
        if self._listener is not None:
            self._listener.die(back)

    def _faults_of_unpacking(self) -> _faults.Plan:
        """Those of now: a test may have set others since the start."""
        return self.faults.for_unpacking()

    def _poll(self, period: float) -> None:
        try:
            self.store.scan(first=True)
            while not self.stopping.wait(period):
                self.store.scan()
        except Stopped:
            pass
