# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The two endpoints that the vendor documents for a peer's web port."""

from __future__ import annotations

import errno
import http.client
import json
import socket
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._address import url_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._answer import (
    MAX_ANSWER_BYTES,
    Answer,
    parse_answer,
    parse_flag,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    AnswerError,
    NotSwarmError,
    OptionsError,
    SwarmError,
    TransportError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import Multipart
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits, Progress, Sending
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import shown

if t.TYPE_CHECKING:
    from requests import Response, Session

UPLOAD_PATH = "/api/vray/upload"
FLAG_PATH = "/debug/allowExecutables"

_QUOTED = 200
_NOT_HTTP = (http.client.BadStatusLine, http.client.LineTooLong)

# Accept-Encoding: an answer is some hundred bytes, and is read under a limit of bytes.
HEADERS = {"User-Agent": "renderops.vray_swarm", "Accept": "*/*", "Accept-Encoding": "identity"}


class Client:
    """One peer's web port. Every call is a connection of its own, so that no stale one is ever used for an upload."""

    def __init__(self, peer: str, web_port: int, limits: Limits) -> None:
        """
        :param peer: Host name, IPv4 or IPv6 address.
        """
        self.limits = limits
        self.base_url = f"http://{url_host(peer)}:{web_port}"

    @property
    def upload_url(self) -> str:
        return self.base_url + UPLOAD_PATH

    def allows_executables(self) -> bool:
        """Ask the peer for the flag; the answer also shows that it is Swarm who listens.

        :raises NotSwarmError: Somebody answered, but not with a JSON boolean.
        :raises TransportError: Nobody answered.
        """
        url = self.base_url + FLAG_PATH
        with _new_session() as session:
            try:
                response = session.get(
                    url,
                    headers=dict(HEADERS, Connection="close"),
                    timeout=(self.limits.connect, self.limits.stall),
                    stream=True,
                    allow_redirects=False,
                )
                body = _read(response)
            except Exception as error:
                raise _transport_error(error, self.limits, self.limits.stall, accepted=False) from error
        try:
            return parse_flag(body)
        except AnswerError as error:
            raise NotSwarmError(
                f"GET {url} was answered with HTTP {_status(response)}, but not as Swarm does: {error}",
                hint="Does another program listen on this port? Swarm's port is webPort in its swarm.yaml.",
            ) from error

    def upload(
        self, body: Multipart, progress: t.Optional[Progress] = None, use_sendfile: t.Optional[bool] = None
    ) -> UploadCall:
        """Prepare an upload; :meth:`UploadCall.run` does it."""
        return UploadCall(self, Sending(body, self.limits, progress, use_sendfile), body.content_type)


class UploadCall:
    """One ``POST /api/vray/upload``; it keeps what is known of it also when it fails."""

    def __init__(self, client: Client, sending: Sending, content_type: str) -> None:
        self._client = client
        self._content_type = content_type
        self.sending = sending
        self.http_status: t.Optional[int] = None

    def run(self) -> Answer:
        """Send the body and return the answer. The JSON key decides, never the HTTP status: the page names none.

        :raises TransportError: No answer came; its ``accepted`` tells whether the peer may have the build all the same.
        :raises AnswerError: What came is not one of the four documented answers.
        :raises BuildError: The file changed or could not be read.
        """
        limits = self._client.limits
        with _new_session() as session:
            try:
                response = session.post(
                    self._client.upload_url,
                    data=t.cast(t.Any, self.sending),
                    headers=dict(HEADERS, **{"Content-Type": self._content_type}),
                    timeout=(limits.connect, limits.answer),
                    stream=True,
                    allow_redirects=False,
                )
                self.http_status = response.status_code
                answer = _read(response)
            except SwarmError:
                raise
            except Exception as error:
                raise _transport_error(error, limits, limits.answer, self.sending.complete) from error
        try:
            return parse_answer(answer)
        except AnswerError as error:
            error.args = (f"HTTP {_status(response)}: {error}",)
            raise


def _new_session() -> Session:
    # Importing requests takes a third of a small upload's time: not before something is sent.
    from ansible_collections.renderops.vray_swarm.plugins.module_utils._session import new_session

    return new_session()


def _read(response: Response) -> bytes:
    """Read an answer, not much more of it than it may have, and close the connection.

    The time it may take is limited by the socket of :mod:`_session`.
    """
    with response:
        if response.raw.length_remaining is None and not response.raw.chunked:
            return _read_open_ended(response)
        body: bytes = b""
        for block in response.iter_content(64 << 10):
            body += block
            if len(body) > MAX_ANSWER_BYTES:
                return body
        # urllib3 1.26 takes the end of the connection for the end of the body.
        missing = response.raw.length_remaining
    if missing:
        raise http.client.IncompleteRead(body, missing)
    return body


def _read_open_ended(response: Response) -> bytes:
    """Read an answer that has no length: it ends with the connection, or as soon as it is whole.

    A peer that answers early may never close, and one that closes over unread bytes of the build breaks the connection
    behind its answer.
    """
    body = bytearray()
    try:
        for byte in response.iter_content(1):
            body += byte
            if len(body) > MAX_ANSWER_BYTES or (byte == b"}" and _is_json(bytes(body))):
                break
    except Exception as error:
        # A reset is an end as well, a limit that ran out is none.
        if not body or _ran_out(_causes(error)):
            raise
    return bytes(body)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return True


def _status(response: Response) -> str:
    if response.is_redirect:
        target = shown(response.headers["location"], _QUOTED)
        return f"{response.status_code} (a redirect to {target}, which is not followed)"
    return str(response.status_code)


def _transport_error(error: Exception, limits: Limits, answer_limit: float, accepted: bool) -> SwarmError:
    """Say in an operator's words what requests, urllib3 or the socket raised."""
    if isinstance(error, TransportError):
        return error
    import requests
    import urllib3

    causes = list(_causes(error))
    if isinstance(error, (requests.exceptions.InvalidURL, urllib3.exceptions.LocationValueError)):
        return OptionsError(f"peer is no host name or address: {_deepest(causes)}. Set peer or ansible_host.")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return TransportError(
            f"no connection within {limits.connect:g} s",
            hint="Is the host up, and does its firewall let this port through?",
        )
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return TransportError(
                f"the name of the peer could not be resolved: {cause.strerror}", hint="Set peer or ansible_host."
            )
        if isinstance(cause, ConnectionRefusedError):
            return TransportError(
                "connection refused", hint="Does Swarm run there, and is this the webPort of its swarm.yaml?"
            )
        if isinstance(cause, _NOT_HTTP) and not isinstance(cause, http.client.RemoteDisconnected):
            return NotSwarmError(
                f"what answered does not speak HTTP: {shown(str(cause), _QUOTED)}",
                accepted,
                "Does another program listen on this port? Swarm's port is webPort in its swarm.yaml.",
            )
    if any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes):
        return TransportError(f"no connection: {_deepest(causes)}")
    if _ran_out(causes):
        return TransportError(f"connected, but no answer within {answer_limit:g} s", accepted)
    known = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)
    if isinstance(error, known):
        return TransportError(f"the connection ended without a whole answer: {_deepest(causes)}", accepted)
    raise error


def _ran_out(causes: t.Iterable[BaseException]) -> bool:
    """Whether the limit of the answer ran out."""
    import urllib3

    known = list(causes)
    # The system's own timeout, after which a connection is gone, is a socket.timeout since Python 3.10.
    lost = any(isinstance(cause, OSError) and cause.errno == errno.ETIMEDOUT for cause in known)
    return not lost and any(isinstance(cause, (socket.timeout, urllib3.exceptions.ReadTimeoutError)) for cause in known)


def _causes(error: t.Optional[BaseException]) -> t.Iterator[BaseException]:
    """The error and all that it came from; urllib3 and requests put some into args or ``reason``, not ``__cause__``."""
    todo: t.List[t.Any] = [error]
    seen: t.List[t.Any] = []
    while todo:
        current = todo.pop(0)
        if isinstance(current, BaseException) and current not in seen:
            seen.append(current)
            yield current
            todo += [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]


def _deepest(causes: t.Sequence[BaseException]) -> str:
    """What the system said, else what http.client said; urllib3 1.26 puts an unrelated TypeError below both."""
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    told = [cause for cause in causes if isinstance(cause, http.client.HTTPException)] or causes[:1]
    return shown(str(told[-1]), _QUOTED) if str(told[-1]) else type(told[-1]).__name__
