# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""A build on a Windows host, sent by the curl.exe that Windows has: no Python is needed there."""

from __future__ import annotations

import base64
import contextlib
import math
import ntpath
import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._answer import (
    MAX_ANSWER_BYTES,
    TOO_LONG,
    Answer,
    parse_answer,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import changed, starts_as_program
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import FLAG_PATH, Client
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    AnswerError,
    BuildError,
    NotSwarmError,
    TransportError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import check_file_name
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits
from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload import VAULT, BuildFile, Hooks, Host, Upload
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import Windows, as_sentence, parse_ask

CURL = "curl.exe"
# Behind the answer: the HTTP status, and how much of the body was sent.
_NOTE = r"\n%{http_code} %{size_upload}"
_NOTED = re.compile(r"(?s)(?P<body>.*)\n(?P<status>[0-9]{3}) (?P<sent>[0-9]+)(?:\.0*)?\s*")
# What curl(1) ends with, and what to look at then.
_UNREADABLE = 26
_TOO_LONG = 63
# What it can end with before it has connected, and so without a note: an option, or a file that it cannot read.
_BEFORE = (2, _UNREADABLE)
_REFUSED = "Does Swarm run there, and is this the webPort of its swarm.yaml?"
_HINTS = {
    6: "Set peer or ansible_host.",
    7: _REFUSED,
    28: "Is the host up, and does its firewall let this port through? See Swarm's log on the peer.",
}


# Bytes per second: what a body needs at least, so that curl.exe ends some day whatever the peer does.
SLOWEST = 16 << 10
# curl counts milliseconds in a long, which has 32 bits on Windows.
_LONGEST = (2**31 - 1) // 1000


class WindowsUpload(Upload):
    """As on other hosts; what needs the file, or a connection from the host, is done there."""

    def __init__(self, options: t.Mapping[str, t.Any], host: Host, hooks: Hooks, windows: Windows) -> None:
        super().__init__(options, host, hooks)
        self._windows = windows
        self._found: t.Dict[str, t.Any]
        self._curl = CURL
        # The checksum of the build, where something depended on it.
        self._checksum = ""
        # What is wrong with the build that was sent.
        self._doubt = ""

    @contextlib.contextmanager
    def _inspected(self, path: str) -> t.Iterator[BuildFile]:
        looked = self._windows.look_at_build(path)
        self._found = found = looked["build"]
        # By its path: with its name alone, it would be looked for in PATH, where others may write.
        self._curl = ntpath.join(looked["system"], CURL)
        name, head = ntpath.basename(path), base64.b64decode(found["start"])
        check_file_name(name)
        if head.startswith(VAULT):
            raise BuildError(f"The build {path} is encrypted by ansible-vault, and would be sent so: decrypt it first.")
        is_installer = starts_as_program(head) or name.lower().endswith((".exe", ".msi"))
        yield BuildFile(path, name, found["bytes"], is_installer)

    def _sha256(self, build: BuildFile) -> str:
        self._checksum = self._windows.sha256(build.path) or ""
        return self._checksum

    def _allows_executables(self, client: Client, build: BuildFile) -> bool:
        milliseconds = int(client.limits.connect * 1000)
        found = self._windows.run("look", Build=build.path, Url=client.base_url + FLAG_PATH, Milliseconds=milliseconds)
        # The file cannot be held until curl opens it; what follows is that.
        if found["build"] != self._found:
            raise changed(build.path)
        answer = found["answer"]
        told = parse_ask(answer, client.base_url)
        if told["error"]:
            error = NotSwarmError if answer["status"] else TransportError
            raise error(
                told["error"],
                hint="Does another program listen on this port?" if answer["status"] else _REFUSED,
            )
        return bool(told["allow_executables"])

    def _send(self, client: Client, build: BuildFile) -> Answer:
        self._doubt = ""
        queued = bool(self._options["queued"])
        arguments = curl_arguments(client.upload_url, build.path, build.name, queued, client.limits, build.size)
        try:
            done = self._windows.command([self._curl, *arguments])
        except TransportError:
            self.report.bytes_sent = None
            raise
        body = self._read_note(done, build)
        if self.report.bytes_sent != 0:
            self._doubt = self._changed(build)
        try:
            return self._read_answer(done, body, build)
        except (AnswerError, TransportError) as error:
            if not self._doubt:
                raise
            self.report.answer = error.raw if isinstance(error, AnswerError) else None
            wrong = " If it did, it may have a wrong build." if self._may_be_accepted(build, error) else ""
            raise BuildError(f"{self._doubt} {self._failure(build, error)}{wrong}") from error

    def _read_note(self, done: t.Mapping[str, t.Any], build: BuildFile) -> str:
        """Take what curl says at its end from what the peer said, and return that."""
        match = _NOTED.fullmatch(done["stdout"])
        if match:
            self.report.http_status = int(match["status"]) or None
            # What is counted has the form around the file in it.
            self.report.bytes_sent = min(int(match["sent"]), build.size)
            return match["body"]
        self.report.bytes_sent = 0 if done["rc"] in _BEFORE and "curl: " in done["stderr"] else None
        return str(done["stdout"])

    def _read_answer(self, done: t.Mapping[str, t.Any], body: str, build: BuildFile) -> Answer:
        sent = self.report.bytes_sent
        if sent is None:
            raise TransportError(
                f"curl.exe was ended before it could say what it had done, with the exit code {done['rc']}",
                True,
                "Who or what ends programs on this host, such as a limit of time or of memory, or a virus scanner?",
            )
        try:
            if done["rc"] == _TOO_LONG:
                raise AnswerError(f"The peer's answer {TOO_LONG}")
            answer = parse_answer(body.encode("utf-8", "surrogateescape"))
        except AnswerError as error:
            if done["rc"] in (0, _TOO_LONG):
                error.args = (f"HTTP {self.report.http_status}: {error}",)
                raise
            raise _error(done, build, sent) from error
        if sent < build.size and answer.outcome in ("rapid", "queued"):
            raise AnswerError(f"it answered {next(iter(answer.raw))} before it had the whole build")
        return answer

    def _changed(self, build: BuildFile) -> str:
        """Look at the build again, now that it was sent: what is wrong with it, else nothing."""
        checksum: t.Optional[str] = self._checksum
        try:
            now = self._windows.run("look", Build=build.path)["build"]
            if now == self._found and checksum:
                checksum = self._windows.sha256(build.path)
        except Exception as error:  # pylint: disable=broad-except
            # Also where the host has gone meanwhile: what the peer has answered is to be told with it.
            now = {"error": f"{error or type(error).__name__}"}
        if now["error"]:
            return f"{build.path} could not be looked at again after curl.exe had sent it: {as_sentence(now['error'])}"
        if now["bytes"] != build.size:
            became = f"it had {build.size} bytes, and has {now['bytes']} now"
        elif now != self._found:
            became = f"it was written to, or another file of {build.size} bytes has its name"
        elif checksum != self._checksum:
            became = f"its checksum is sha256:{checksum} now"
        else:
            return ""
        return f"{build.path} changed while curl.exe sent it: {became}. Wait until it is complete."

    def _judge(self, answer: Answer, build: BuildFile, wanted: t.Optional[Version]) -> None:
        try:
            super()._judge(answer, build, wanted)
        except AnswerError as error:
            if self._doubt:
                raise BuildError(f"{self._doubt} {error}") from error
            raise
        # What the peer had already is not what was sent.
        if self._doubt and self.report.changed:
            self.report.outcome, self.report.deployed, self.report.msg = "failed", "unknown", ""
            raise BuildError(
                f"{self._doubt} The peer may have a wrong build: {self.report.url} answered {next(iter(answer.raw))},"
                f" with {answer.uploaded_file_size} bytes. Do not render with it: remove it from the peer, then run this"
                " again."
            )


def curl_arguments(url: str, path: str, name: str, queued: bool, limits: Limits, size: int) -> t.List[str]:
    """The arguments of curl for the upload that the vendor's page shows.

    A limit for a stall would also end the wait for the answer, in which no byte moves for minutes: so the limit of the
    answer is the only one for both. The last limit is for all of it, and is no shorter than what all may take.
    """
    slowest = min(SLOWEST, limits.rate / 2) if limits.rate else SLOWEST
    longest = min(_LONGEST, math.ceil(limits.connect + size / slowest + limits.answer))
    arguments = [
        # First, so that no file with settings is read.
        "--disable",
        "--silent",
        "--show-error",
        # A name is taken as it is, and no proxy stands between. Some builds of curl would take a star for file names.
        "--globoff",
        "--proxy",
        "",
        "--http1.1",
        "--user-agent",
        "renderops.vray_swarm",
        # Swarm need not know "Expect: 100-continue", for which curl would wait.
        "--header",
        "Expect:",
        "--connect-timeout",
        _seconds(limits.connect),
        "--speed-limit",
        "1",
        "--speed-time",
        str(max(1, round(limits.answer))),
        "--max-time",
        str(longest),
        # Before curl 8.4.0, only of an answer that says how long it is: curl(1).
        "--max-filesize",
        str(MAX_ANSWER_BYTES),
    ]
    if limits.rate:
        arguments += ["--limit-rate", str(limits.rate)]
    return [
        *arguments,
        "--form-string",
        f"queued={'true' if queued else 'false'}",
        "--form",
        f"file=@{_quoted(path)};filename={_quoted(name)};type=application/octet-stream",
        "--write-out",
        _NOTE,
        "--url",
        url,
    ]


def _quoted(text: str) -> str:
    """In quotes a comma or semicolon is nothing special; then a quote and a backslash are."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _error(done: t.Mapping[str, t.Any], build: BuildFile, sent: int) -> Exception:
    """What curl said, in its own words."""
    lines = [line.strip() for line in done["stderr"].splitlines() if line.strip() and "curl --help" not in line]
    said = as_sentence(re.sub(r"^curl: ", "", lines[-1]) if lines else f"curl ended with {done['rc']}")
    if done["rc"] == _UNREADABLE and not sent:
        return BuildError(
            f"curl.exe could not read {build.path}: {said} Names with other letters than English need care."
        )
    # With all of it sent, the peer may have it.
    return TransportError(said.rstrip("."), accepted=sent >= build.size, hint=_HINTS.get(done["rc"], ""))
