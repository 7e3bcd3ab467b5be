# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""requests, with a connection that sends a body from our loop. The only file that imports requests."""

from __future__ import annotations

import socket
import traceback
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._deadline import DeadlineSocket
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import MissingRequestsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._interim import FinalResponse
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Sending

_IMPORT_ERROR = ""
try:
    from requests import Response, Session
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool
except ImportError:
    _IMPORT_ERROR = traceback.format_exc()
    if not t.TYPE_CHECKING:
        Session = HTTPAdapter = HTTPConnection = HTTPConnectionPool = object


# While a peer deploys, no byte moves for minutes. So that no firewall forgets the connection, and that a peer which has
# gone is noticed after four minutes, the system asks for a sign of life: the first time after so many seconds (macOS has
# a name of its own for that), again after so many, and so often.
_SIGNS_OF_LIFE = {"TCP_KEEPIDLE": 60, "TCP_KEEPALIVE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 12}


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _SIGNS_OF_LIFE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _Connection(HTTPConnection):
    response_class = FinalResponse

    def _new_conn(self) -> socket.socket:
        # requests since 2.32 leaves the zone of an IPv6 address as it is in a URL (RFC 6874).
        self._dns_host = self._dns_host.replace("%25", "%")
        plain = super()._new_conn()
        timeout = plain.gettimeout()
        sock = DeadlineSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        sock.settimeout(timeout)
        _keep_alive(sock)
        return sock

    def send(self, data: t.Any) -> None:
        """Send what http.client sends; a :class:`Sending` sends itself (the same hook in urllib3 1.26 and 2.x)."""
        if isinstance(data, Sending):
            data.over(self.sock)
        else:
            super().send(data)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool}


class _Session(Session):
    def get_redirect_target(self, resp: Response) -> t.Optional[str]:
        """Nowhere: requests reads a redirect to its end and parses its target even when told not to follow it."""
        return None


def new_session() -> Session:
    """Return a session that knows plain HTTP only, and takes nothing from the environment: no proxy, no netrc.

    :raises MissingRequestsError: requests cannot be imported.
    """
    if _IMPORT_ERROR:
        raise MissingRequestsError(_IMPORT_ERROR)
    session = _Session()
    session.trust_env = False
    session.adapters.clear()
    session.mount("http://", _Adapter())
    return session
