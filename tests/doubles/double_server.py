# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where doubles of hosts, which live in the process of the test, are asked by what Ansible starts."""

from __future__ import annotations

import json
import os
import socketserver
import tempfile
import threading
import traceback
import typing as t


class Host(t.Protocol):
    def answer(self, request: t.Mapping[str, t.Any]) -> t.Tuple[int, str, str]:
        """Return the exit status, the output and the errors of what is asked for."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Listener

    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        try:
            rc, stdout, stderr = self.server.hosts[request["host"]].answer(request)
        except ConnectionAbortedError:
            # The controller is dead, or the connection to it.
            return
        except Exception:  # pylint: disable=broad-except
            # A fault of the double: the test is to see it.
            text = traceback.format_exc()
            self.server.faults.append(text)
            rc, stdout, stderr = 1, "", text
        self.wfile.write(json.dumps({"rc": rc, "stdout": stdout, "stderr": stderr}).encode())


class _Listener(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, hosts: t.Mapping[str, Host]) -> None:
        self.hosts = hosts
        self.faults: t.List[str] = []
        super().__init__(path, _Handler)


class Server:
    """Some hosts, for `with Server({"ws1": host}) as server:`."""

    def __init__(self, hosts: t.Mapping[str, Host]) -> None:
        # The path of a socket may have 107 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="double-")  # pylint: disable=consider-using-with
        self.path = os.path.join(self._folder.name, "socket")
        self._listener = _Listener(self.path, hosts)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def faults(self) -> t.List[str]:
        """The tracebacks of the double itself."""
        return self._listener.faults

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_error: t.Any) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join(10)
        self._folder.cleanup()
