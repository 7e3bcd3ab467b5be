# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""A build on a Windows host, sent by the curl.exe that Windows has: no Python is needed there."""

from __future__ import annotations

import base64
import contextlib
import ntpath
import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._answer import Answer, parse_answer
from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import changed, starts_as_program
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import FLAG_PATH, Client
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    AnswerError,
    BuildError,
    NotSwarmError,
    OptionsError,
    TransportError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import check_file_name
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits
from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload import VAULT, BuildFile, Hooks, Host, Upload
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import Windows, parse_ask

#: By name: Windows looks for it in its own directory first.
CURL = "curl.exe"
# Behind the answer: the HTTP status, and how much of the body was sent.
_NOTE = r"\n%{http_code} %{size_upload}"
_NOTED = re.compile(r"(?s)(?P<body>.*)\n(?P<status>[0-9]{3}) (?P<sent>[0-9]+)(?:\.0*)?\s*")
# What curl(1) ends with, and what to look at then.
_UNREADABLE = 26
_REFUSED = "Does Swarm run there, and is this the webPort of its swarm.yaml?"
_HINTS = {
    6: "Set peer or ansible_host.",
    7: _REFUSED,
    28: "Is the host up, and does its firewall let this port through? See Swarm's log on the peer.",
}


class WindowsUpload(Upload):
    """As on other hosts; what needs the file, or a connection from the host, is done there."""

    def __init__(self, options: t.Mapping[str, t.Any], host: Host, hooks: Hooks, windows: Windows) -> None:
        super().__init__(options, host, hooks)
        self._windows = windows
        self._found: t.Dict[str, t.Any]

    @contextlib.contextmanager
    def _inspected(self, path: str) -> t.Iterator[BuildFile]:
        if not ntpath.splitdrive(path)[0]:
            raise OptionsError(f"src is {path}; with remote_src it has to be an absolute path.")
        self._found = found = self._windows.run("look", Build=path)["build"]
        if found["error"]:
            raise BuildError(f"The build {path} could not be read: {found['error'].rstrip('.')}. Correct src.")
        name, head = ntpath.basename(path), base64.b64decode(found["start"])
        check_file_name(name)
        if head.startswith(VAULT):
            raise BuildError(f"The build {path} is encrypted by ansible-vault, and would be sent so: decrypt it first.")
        is_installer = starts_as_program(head) or name.lower().endswith((".exe", ".msi"))
        yield BuildFile(path, name, found["bytes"], is_installer)

    def _sha256(self, build: BuildFile) -> str:
        return self._windows.sha256(build.path) or ""

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
        arguments = curl_arguments(
            client.upload_url, build.path, build.name, bool(self._options["queued"]), client.limits
        )
        done = self._windows.command([CURL, *arguments])
        match = _NOTED.fullmatch(done["stdout"])
        body, sent = (match["body"], int(match["sent"])) if match else (done["stdout"], 0)
        self.report.http_status = int(match["status"]) or None if match else None
        # What is counted has the form around the file in it.
        self.report.bytes_sent = min(sent, build.size)
        try:
            answer = parse_answer(body.encode("utf-8", "surrogateescape"))
        except AnswerError as error:
            if done["rc"] == 0:
                error.args = (f"HTTP {self.report.http_status}: {error}",)
                raise
            raise _error(done, build, sent) from error
        if sent < build.size and answer.outcome in ("rapid", "queued"):
            raise AnswerError(f"it answered {next(iter(answer.raw))} before it had the whole build")
        return answer


def curl_arguments(url: str, path: str, name: str, queued: bool, limits: Limits) -> t.List[str]:
    """The arguments of curl for the upload that the vendor's page shows.

    A limit for a stall would also end the wait for the answer, in which no byte moves for minutes: so the limit of the
    answer is the only one for both.
    """
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
    lines = [line.strip() for line in done["stderr"].splitlines() if line.strip()]
    said = re.sub(r"^curl: ", "", lines[-1]) if lines else f"curl ended with {done['rc']}"
    if done["rc"] == _UNREADABLE and not sent:
        return BuildError(
            f"curl.exe could not read {build.path}: {said}. Names with other letters than English need care."
        )
    # With all of it sent, the peer may have it.
    return TransportError(said.rstrip("."), accepted=sent >= build.size, hint=_HINTS.get(done["rc"], ""))
