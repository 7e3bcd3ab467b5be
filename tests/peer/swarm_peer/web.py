# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two endpoints of the page over HTTP/1.1, and the faults that were asked for."""

from __future__ import annotations

import http
import http.server
import io
import json
import os
import select
import socket
import time
import typing as t

from . import faults, listener, store
from .form import BLOCK, Form, FormError, Spool, read_form

if t.TYPE_CHECKING:
    from .peer import Peer

UPLOAD = "/api/vray/upload"
FLAG = "/debug/allowExecutables"
JSON = "application/json;charset=utf-8"
TEXT = "text/plain;charset=utf-8"
HTML = "text/html;charset=utf-8"

# What another product on the port, or a proxy in between, would say.
PAGE = b"<!DOCTYPE html>\n<html><head><title>Licence server</title></head><body><h1>It works</h1></body></html>\n"
HUGE = 50_000_000


class ClientGone(Exception):
    """The client went away in the middle of the body."""


class Struck(Exception):
    """A fault strikes in the middle of the body."""

    def __init__(self, fault: faults.Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


class Body:
    """The request's body, with a length or chunked; ``received`` counts its bytes without the chunks' framing."""

    def __init__(self, handler: Handler, plan: faults.Plan) -> None:
        self.received = 0
        self._handler = handler
        self._plan = plan
        self._chunked = "chunked" in (handler.headers.get("Transfer-Encoding") or "").lower()
        length = handler.headers.get("Content-Length") or "0"
        if not self._chunked and not length.isdigit():
            raise FormError("not a Content-Length: %.100r" % length)
        self._left = 0 if self._chunked else int(length)
        self._ended = not self._chunked and self._left == 0

    def read(self, size: int) -> bytes:
        fault = self._plan.at(self.received)
        if fault is not None:
            raise Struck(fault)
        if self._ended:
            return b""
        self._handler.say_continue()
        if self._chunked and self._left == 0 and not self._next_chunk():
            return b""
        slow = self._plan.get("slow")
        if slow is not None:
            size = min(size, max(1, slow.value // 20))
        data = self._take(min(size, self._left, self._plan.room(self.received, size)))
        self.received += len(data)
        self._left -= len(data)
        if self._left == 0:
            if self._chunked:
                self._line()
            else:
                self._ended = True
        if slow is not None:
            self._handler.peer.stopping.wait(len(data) / slow.value)
        return data

    def drain(self) -> None:
        self._plan = faults.Plan()
        while self.read(BLOCK):
            pass

    def _next_chunk(self) -> bool:
        try:
            self._left = int(self._line().split(b";")[0], 16)
        except ValueError as error:
            raise FormError("a malformed chunk") from error
        if self._left:
            return True
        while self._line():  # trailers
            pass
        self._ended = True
        return False

    def _take(self, size: int) -> bytes:
        try:
            data = self._handler.input.read1(size)
        except (OSError, ValueError) as error:  # ValueError: reset by a fault of another connection
            raise ClientGone() from error
        if not data:
            raise ClientGone()
        return data

    def _line(self) -> bytes:
        try:
            line = self._handler.input.readline(1024)
        except (OSError, ValueError) as error:
            raise ClientGone() from error
        if not line.endswith(b"\n"):
            raise ClientGone()
        return line.rstrip(b"\r\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "swarm-peer"
    sys_version = ""
    error_content_type = TEXT
    error_message_format = "%(code)d %(message)s\n"
    peer: Peer
    _expects = False

    @property
    def input(self) -> io.BufferedReader:
        return t.cast(io.BufferedReader, self.rfile)

    # --- http.server's hooks

    def log_message(self, format: str, *args: t.Any) -> None:
        pass  # the events tell

    def parse_request(self) -> bool:
        self._expects = False
        return super().parse_request()

    def handle_expect_100(self) -> bool:
        # Like warp, and so that an early answer can come instead: "continue" is said when the body is first read.
        self._expects = True
        return True

    def say_continue(self) -> None:
        if self._expects:
            self._expects = False
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def do_GET(self) -> None:
        self._route()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def _route(self) -> None:
        path = self.path.partition("?")[0]
        self.peer.log.add(
            "request",
            method=self.command,
            path=path,
            content_length=_number(self.headers.get("Content-Length")),
            chunked="chunked" in (self.headers.get("Transfer-Encoding") or "").lower(),
            client=self.client_address[0],
        )
        if path == UPLOAD and self.command == "POST":
            self._upload()
        elif path == FLAG and self.command == "GET":
            self._flag()
        elif path in (UPLOAD, FLAG):
            allowed = "POST" if path == UPLOAD else "GET"
            self._say(405, TEXT, b"405 use %s\n" % allowed.encode(), {"Allow": allowed}, close=True)
        else:
            self._say(404, TEXT, b"404 there is nothing here\n", close=True)

    # --- GET /debug/allowExecutables

    def _flag(self) -> None:
        fault = self.peer.faults.for_flag().get("not-swarm")
        self.peer.log.add("flag", value=self.peer.store.allow_executables, fault=fault and fault.kind)
        if fault is not None:
            self._say(fault.options["code"], HTML, PAGE)
        else:
            self._say(200, JSON, json.dumps(self.peer.store.allow_executables).encode())

    # --- POST /api/vray/upload

    def _upload(self) -> None:
        began = time.monotonic()
        plan = self.peer.faults.for_upload()
        spool, form = Spool(self.peer.temp_dir), Form()
        body: t.Optional[Body] = None
        whole = True
        answer: t.Optional[store.Answer]
        try:
            try:
                body = Body(self, plan)
                read_form(self.headers.get("Content-Type") or "", body.read, spool, form)
            except ClientGone:
                spool.discard()
                self.peer.log.add("aborted", body_bytes=body.received if body else 0, file_bytes=spool.size)
                self.close_connection = True
                return
            except Struck as struck:
                spool.discard()
                self._strike(struck.fault, body, spool)
                return
            except (FormError, OSError) as error:
                whole = False
                answer = store.fail(str(error), spool.path)
            else:
                answer = self._carry_out(plan, form, spool, began)
        except store.Stopped:
            self.close_connection = True
            return
        finally:
            spool.discard()
        self._log_upload(answer, form, spool, body, plan)
        self._answer(answer, plan, body, whole)

    def _carry_out(self, plan: faults.Plan, form: Form, spool: Spool, began: float) -> t.Optional[store.Answer]:
        """Do what was asked; None where the fault is an answer that Swarm would not give."""
        if "redirect" in plan:
            return None
        if "fail" in plan:
            return store.fail(plan["fail"].value, spool.path)
        try:
            queued, name = _checked(form)
        except FormError as error:
            return store.fail(str(error), spool.path)
        upload = store.Upload(spool, name, began)
        answer = self.peer.store.queue(upload) if queued else self.peer.store.rapid(upload)
        if "short" in plan:
            self.peer.store.cut_short(upload, answer, plan["short"].value)
        return answer

    def _log_upload(
        self,
        answer: t.Optional[store.Answer],
        form: Form,
        spool: Spool,
        body: t.Optional[Body],
        plan: faults.Plan,
    ) -> None:
        tag, inner = next(iter(answer.items())) if answer else (None, {})
        # Before the answer leaves, so that whoever has the answer finds the event.
        self.peer.log.add(
            "upload",
            answer=tag,
            message=inner.get("message"),
            name=form.file_name,
            queued=None if form.queued is None else form.queued.decode("latin-1"),
            fields=form.fields,
            file_bytes=spool.size,
            body_bytes=body.received if body else 0,
            sha256=spool.sha256,
            faults=sorted(plan),
        )

    def _answer(self, answer: t.Optional[store.Answer], plan: faults.Plan, body: t.Optional[Body], whole: bool) -> None:
        at_end = plan.at_end()
        if at_end is not None:
            self._strike(at_end, body, None)
            return
        if "late" in plan:
            self.peer.stopping.wait(plan["late"].options["seconds"])
        if "silent" in plan:
            self._log_fault(plan["silent"], body)
            self._hold()
            self.close_connection = True
            return
        status = plan["status"].value if "status" in plan else self.peer.status
        pause = plan["trickle"].value if "trickle" in plan else None
        if "redirect" in plan:
            fault = plan["redirect"]
            self._log_fault(fault, body)
            self._say(fault.options["code"], TEXT, b"elsewhere\n", {"Location": fault.value}, pause=pause)
        elif "garbage" in plan:
            self._log_fault(plan["garbage"], body)
            self._garbage(plan["garbage"].value, answer, status, pause)
        else:
            self._say(status, JSON, json.dumps(answer).encode(), close=not whole, pause=pause)

    # --- faults

    def _log_fault(self, fault: faults.Fault, body: t.Optional[Body]) -> None:
        self.peer.log.add("fault", fault=fault.kind, value=fault.value, body_bytes=body.received if body else 0)

    def _strike(self, fault: faults.Fault, body: t.Optional[Body], spool: t.Optional[Spool]) -> None:
        if fault.kind != "early":
            self.close_connection = True
        self._log_fault(fault, body)
        if fault.kind == "reset":
            listener.reset(self.connection)
        elif fault.kind == "die":
            self.peer.die(fault.options["back"])
        elif fault.kind == "stall":
            self._hold()
        elif fault.kind == "early":
            assert body is not None and spool is not None
            then = fault.options["then"]
            text = json.dumps(store.fail("refused before the upload was whole", spool.path)).encode()
            self._say(self.peer.status, JSON, text, close=then == "close", linger=False)
            if then == "drain":
                try:
                    body.drain()
                except (ClientGone, FormError):
                    self.close_connection = True
                self.peer.log.add("drained", body_bytes=body.received)
            elif then == "sit":
                self._hold()
                self.close_connection = True

    def _garbage(self, kind: str, answer: t.Optional[store.Answer], status: int, pause: t.Optional[float]) -> None:
        good = json.dumps(answer).encode()
        inner = next(iter((answer or {"FailUR": {}}).values()))
        content_type, text = JSON, good
        if kind == "html":
            content_type, text = HTML, PAGE
        elif kind == "empty":
            text = b""
        elif kind == "truncated":
            text = good[: len(good) // 2]
        elif kind == "utf8":
            text = good.replace(b'"tmpFile": "', b'"tmpFile": "\xff\xfe\xc3(', 1)
        elif kind == "unknown-key":
            text = json.dumps({"PartialUR": inner}).encode()
        elif kind == "several-keys":
            text = json.dumps({"RapidUR": inner, "FailUR": {"message": "both", "tmpFile": "/tmp/x"}}).encode()
        elif kind == "missing":
            text = b'{"RapidUR": {"takenSeconds": 6}}'
        elif kind == "types":
            text = (
                b'{"RapidUR": {"takenSeconds": "six", "tmpFile": 7, "uploadedFileSize": [458321016], '
                b'"deployedInDirectory": null, "uploadedVrayVersion": "6.20.10-e8197af2"}}'
            )
        elif kind == "huge":
            opening = b'{"FailUR": {"tmpFile": "/tmp/x", "message": "'
            text = opening + b"A" * (HUGE - len(opening) - 3) + b'"}}'
        elif kind == "cut":
            head = self._head(status, JSON, len(good), {}, close=True)
            self._send(head + good[: len(good) // 2], pause)
            self.close_connection = True
            return
        self._say(status, content_type, text, pause=pause)

    def _hold(self) -> None:
        """Keep the connection open and do nothing, until the client leaves or the peer stops."""
        poller = select.poll()
        try:
            # Hang-ups only: there may be a body that nobody reads.
            poller.register(self.connection.fileno(), getattr(select, "POLLRDHUP", 0))
        except ValueError:
            return
        while not self.peer.stopping.is_set() and self.connection.fileno() >= 0 and not poller.poll(50):
            pass

    # --- answers

    def _head(self, status: int, content_type: str, length: int, extra: t.Mapping[str, str], close: bool) -> bytes:
        try:
            phrase = http.HTTPStatus(status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = ["HTTP/1.1 %d %s" % (status, phrase), "Date: %s" % self.date_time_string()]
        lines += ["Server: %s" % self.server_version, "Content-Type: %s" % content_type]
        lines += ["Content-Length: %d" % length, *("%s: %s" % item for item in extra.items())]
        if close:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def _say(
        self,
        status: int,
        content_type: str,
        text: bytes,
        extra: t.Optional[t.Mapping[str, str]] = None,
        close: bool = False,
        linger: bool = True,
        pause: t.Optional[float] = None,
    ) -> None:
        head = self._head(status, content_type, len(text), extra or {}, close)
        self._send(head if self.command == "HEAD" else head + text, pause)
        if close:
            self.close_connection = True
            if linger:
                self._linger()

    def _send(self, data: bytes, pause: t.Optional[float] = None) -> None:
        try:
            if pause is None:
                self.connection.sendall(data)
                return
            for index in range(len(data)):
                self.connection.sendall(data[index : index + 1])
                if self.peer.stopping.wait(pause):
                    raise OSError("the peer is being stopped")
        except OSError:
            if not self.close_connection:
                self.peer.log.add("undelivered", method=self.command, path=self.path)
            self.close_connection = True

    def _linger(self) -> None:
        """Read on for a while after the last word: closing over unread bytes sends a RST, which can overtake it."""
        deadline = time.monotonic() + 5
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1)
            while time.monotonic() < deadline and self.connection.recv(BLOCK):
                pass
        except OSError:
            pass


def _checked(form: Form) -> t.Tuple[bool, str]:
    if form.queued is None:
        raise FormError("the field queued is missing")
    try:
        queued = json.loads(form.queued)
    except ValueError:
        queued = None
    if not isinstance(queued, bool):
        raise FormError("the field queued is not a JSON boolean: %.100r" % form.queued)
    if form.file_name is None:
        raise FormError("the field file is missing")
    name = os.path.basename(form.file_name)
    if name in ("", ".", "..", '""') or "\0" in name:
        raise FormError("not a file name: %.200r" % form.file_name)
    return queued, name


def _number(text: t.Optional[str]) -> t.Optional[int]:
    return int(text) if text is not None and text.isdigit() else None
