# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""``GET /debug/allowExecutables`` with the standard library alone: a peer that asks itself need not have requests."""

from __future__ import annotations

import http.client
import socket
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._address import system_host, url_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._answer import MAX_ANSWER_BYTES, parse_flag
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import FLAG_PATH, HEADERS
from ansible_collections.renderops.vray_swarm.plugins.module_utils._deadline import DeadlineSocket
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import AnswerError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._interim import FinalResponse
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import shown


class _Connection(http.client.HTTPConnection):
    response_class = FinalResponse

    def connect(self) -> None:
        super().connect()
        plain, seconds = self.sock, self.timeout
        self.sock = DeadlineSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        self.sock.settimeout(seconds)


def ask(peer: str, web_port: int, seconds: float) -> t.Dict[str, t.Any]:
    """Ask whether executables are allowed. Whatever goes wrong is told in ``error``."""
    url = f"http://{url_host(peer)}:{web_port}"
    try:
        status, body = _get(peer, web_port, seconds)
    except socket.gaierror as error:
        return told(url, error=f"the name {peer} could not be resolved: {error.strerror}")
    except ConnectionRefusedError:
        return told(url, error="connection refused")
    except socket.timeout:
        return told(url, error=f"no answer within {seconds:g} s")
    except (http.client.RemoteDisconnected, http.client.IncompleteRead):
        return told(url, error="the connection ended without a whole answer")
    except http.client.HTTPException as error:
        return told(url, error=f"what answered does not speak HTTP: {shown(str(error)) or type(error).__name__}")
    except (OSError, UnicodeError) as error:
        return told(url, error=f"no connection: {getattr(error, 'strerror', None) or error}")
    try:
        return told(url, allow_executables=parse_flag(body))
    except AnswerError as error:
        return told(url, error=f"GET {url}{FLAG_PATH} was answered with HTTP {status}, but not as Swarm does: {error}")


def told(url: str, allow_executables: t.Optional[bool] = None, error: t.Optional[str] = None) -> t.Dict[str, t.Any]:
    """What a look tells about the web port."""
    return {"url": url, "reachable": error is None, "allow_executables": allow_executables, "error": error}


def _get(peer: str, web_port: int, seconds: float) -> t.Tuple[int, bytes]:
    connection = _Connection(system_host(peer), web_port, timeout=seconds)
    try:
        connection.request("GET", FLAG_PATH, headers=dict(HEADERS, Connection="close"))
        response = connection.getresponse()
        body = response.read(MAX_ANSWER_BYTES + 1)
        # A read of so many bytes does not tell that the connection ended before.
        if response.length and len(body) <= MAX_ANSWER_BYTES:
            raise http.client.IncompleteRead(body, response.length)
        return response.status, body
    finally:
        connection.close()
