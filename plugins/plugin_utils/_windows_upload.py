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
    SwarmError,
    TransportError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import check_file_name
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits
from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload import VAULT, BuildFile, Hooks, Host, Upload
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import (
    Windows,
    as_sentence,
    parse_ask,
    reader_of,
    unreadable,
)

CURL = "curl.exe"
# Behind the answer: the HTTP status, and how much of the body was sent.
_NOTE = r"\n%{http_code} %{size_upload}"
_NOTED = re.compile(rb"(?s)(?P<body>.*)\n(?P<status>[0-9]{3}) (?P<sent>[0-9]+)(?:\.0*)?\s*")
_NOTE_BYTES = 64
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
        yield BuildFile(path, name, found["bytes"], starts_as_program(head))

    def _sha256(self, build: BuildFile) -> str:
        self._checksum = self._windows.sha256(build.path) or ""
        return self._checksum

    def _allows_executables(self, client: Client, build: BuildFile) -> bool:
        milliseconds = int(client.limits.connect * 1000)
        answer = self._windows.run("look", Url=client.base_url + FLAG_PATH, Milliseconds=milliseconds)["answer"]
        told = parse_ask(answer, client.base_url)
        if told["error"]:
            error = NotSwarmError if answer["status"] else TransportError
            raise error(
                told["error"],
                hint="Does another program listen on this port?" if answer["status"] else _REFUSED,
            )
        return bool(told["allow_executables"])

    def _send(self, client: Client, build: BuildFile) -> Answer:
        try:
            done = self._windows.run(
                "send",
                reader=reader_of(build.path),
                Build=build.path,
                Bytes=build.size,
                Written=self._found["written"],
                Start=self._found["start"],
                Sha256=self._checksum,
                Program=self._curl,
                Arguments=curl_arguments(client.upload_url, self._is_queued, client.limits, build.size),
                Behind=behind_path(build.name),
                Most=MAX_ANSWER_BYTES + _NOTE_BYTES,
            )
        except Exception as error:
            # Each connection plugin has its own errors for a connection that breaks.
            self.report.bytes_sent = None
            raise TransportError(
                f"the host does not tell what became of {CURL}: {as_sentence(str(error) or type(error).__name__)}",
                True,
                f"{CURL} may still run there.",
            ) from error
        if done["error"]:
            raise self._unsent(done, build)
        return self._read_answer(done, self._read_note(done, build), build)

    def _unsent(self, done: t.Mapping[str, t.Any], build: BuildFile) -> SwarmError:
        """Why curl.exe was not started, so that nothing was sent."""
        if done["step"] == "compare":
            return changed(build.path)
        said = as_sentence(done["error"])
        if done["step"] == "program":
            return SwarmError(
                f"{self._curl} is not there; Windows has it since 10 1803. Send the build from the controller."
            )
        if done["step"] == "copy":
            return BuildError(
                f"The build {build.path} lies on a share, on no fixed drive, or behind a link, so that it is copied to the"
                f" temporary directory of Ansible on this host before it is sent, and that could not be: {said} Make room"
                " there, or put the build on a fixed drive of this host, with no link in its path."
            )
        if done["step"] == "start":
            return SwarmError(f"{self._curl} could not be started: {said}")
        return unreadable(build.path, done)

    def _read_note(self, done: t.Mapping[str, t.Any], build: BuildFile) -> bytes:
        """Take what curl says at its end from what the peer said, and return that."""
        said = base64.b64decode(done["stdout"])
        match = _NOTED.fullmatch(said)
        if match:
            self.report.http_status = int(match["status"]) or None
            # What is counted has the form around the file in it.
            self.report.bytes_sent = min(int(match["sent"]), build.size)
            return match["body"]
        is_told = done["rc"] in _BEFORE and "curl: " in _errors(done)
        self.report.bytes_sent = 0 if is_told else None
        return said

    def _read_answer(self, done: t.Mapping[str, t.Any], body: bytes, build: BuildFile) -> Answer:
        if done["endless"]:
            raise AnswerError(f"The peer's answer {TOO_LONG}")
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
            answer = parse_answer(body)
        except AnswerError as error:
            if done["rc"] in (0, _TOO_LONG):
                error.args = (f"HTTP {self.report.http_status}: {error}",)
                raise
            raise _error(done, build, sent) from error
        if sent < build.size and answer.outcome in ("rapid", "queued"):
            raise AnswerError(f"it answered {next(iter(answer.raw))} before it had the whole build")
        return answer


def curl_arguments(url: str, queued: bool, limits: Limits, size: int) -> t.List[str]:
    """The arguments of curl for the upload that the vendor's page shows, but the last two: ``--form``, and the build.

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
        "--write-out",
        _NOTE,
        "--url",
        url,
        "--form-string",
        f"queued={'true' if queued else 'false'}",
    ]


def behind_path(name: str) -> str:
    """What follows the path of the build in curl's form, where that is in quotes, in which a quote is escaped."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f';filename="{escaped}";type=application/octet-stream'


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _errors(done: t.Mapping[str, t.Any]) -> str:
    return base64.b64decode(done["stderr"]).decode("utf-8", "replace")


def _error(done: t.Mapping[str, t.Any], build: BuildFile, sent: int) -> Exception:
    """What curl said, in its own words."""
    lines = [line.strip() for line in _errors(done).splitlines() if line.strip() and "curl --help" not in line]
    said = as_sentence(re.sub(r"^curl: ", "", lines[-1]) if lines else f"curl ended with {done['rc']}")
    if done["rc"] == _UNREADABLE and not sent:
        return BuildError(
            f"curl.exe could not read {build.path}: {said} Names with other letters than English need care."
        )
    # With all of it sent, the peer may have it.
    return TransportError(said.rstrip("."), accepted=sent >= build.size, hint=_HINTS.get(done["rc"], ""))
