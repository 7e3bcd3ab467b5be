# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""One build, one peer: look, decide, send, judge the answer.

The same code runs on the controller (a file there) and on a host (``remote_src``); a :class:`Host` tells it what the
peer's disk holds.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import os
import time
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._answer import Answer
from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import (
    OpenBuild,
    check_checksum,
    first_bytes,
    may_be_executable,
    sha256,
    sniff,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import Client
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    AnswerError,
    BuildError,
    OptionsError,
    SwarmError,
    TransportError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import DISCOVER, Import, Look
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import (
    AWAITED,
    SENDING,
    Mark,
    in_place_of_version,
    mark_name,
    mark_path,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import Multipart, check_file_name
from ansible_collections.renderops.vray_swarm.plugins.module_utils._options import check_limits, check_peer_options
from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import is_within
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits, Progress
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version, shown, wanted_version

# Backoff doubles; a farm that is down for long is not better for being asked once an hour.
_LONGEST_DELAY = 120.0
_QUOTED = 500

VAULT = b"$ANSIBLE_VAULT;"


class Host(abc.ABC):
    """The peer's disk. Asked only where options name the data directory or swarm.yaml."""

    @abc.abstractmethod
    def look(self) -> Look:
        """Look once."""

    @abc.abstractmethod
    def sha256(self, path: str) -> t.Optional[str]:
        """The checksum of a file in the import directory, None when it has gone."""

    @abc.abstractmethod
    def make_directory(self, path: str) -> None:
        """Make an empty directory, where it is not there. Any error says that this could not be, or not for sure."""

    @abc.abstractmethod
    def remove_directory(self, path: str) -> None:
        """Remove what :meth:`make_directory` made, where it is there, with the same errors."""


@dataclasses.dataclass(frozen=True)
class Hooks:
    """What differs between a run on the controller and one on a host."""

    sha256: t.Callable[[OpenBuild], str] = sha256
    """The checksum of the build; called at most once, and only when something depends on it."""
    progress: t.Optional[Progress] = None
    notify: t.Callable[[str], None] = lambda text: None
    warn: t.Callable[[str], None] = lambda text: None
    sleep: t.Callable[[float], None] = time.sleep


@dataclasses.dataclass
class Report:
    """What a task returns, also when it fails."""

    changed: bool = False
    outcome: str = "failed"
    deployed: t.Union[bool, str] = "unknown"
    answer: t.Optional[t.Dict[str, t.Any]] = None
    version: t.Optional[str] = None
    deployed_in_directory: t.Optional[str] = None
    queued_as: t.Optional[str] = None
    uploaded_file_size: t.Optional[int] = None
    tmp_file: t.Optional[str] = None
    taken_seconds: t.Optional[int] = None
    message: t.Optional[str] = None
    bytes_sent: t.Optional[int] = 0
    elapsed: float = 0.0
    attempts: int = 0
    http_status: t.Optional[int] = None
    url: t.Optional[str] = None
    obstacle: t.Optional[str] = None
    unanswered: bool = False
    awaited: bool = False
    deployed_before: t.Optional[t.List[str]] = None
    allows_executables: t.Optional[bool] = None
    msg: str = ""

    def as_dict(self) -> t.Dict[str, t.Any]:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class BuildFile:
    """The build as the task gives it."""

    path: str
    name: str
    size: int
    installer: bool


class Upload:
    """One task. :meth:`run` fills :attr:`report`, and raises :class:`SwarmError` where the task fails."""

    def __init__(self, options: t.Mapping[str, t.Any], host: Host, hooks: Hooks) -> None:
        """
        :param options: The options of the module; ``peer`` is set.
        """
        self._options = options
        self._host = host
        self._hooks = hooks
        self._source: OpenBuild
        # What the peer holds under the name of the build, and is another file.
        self._other_size: t.Optional[Import] = None
        # None where nobody would see them. The first one that tells that it is awaited is made; the other ones can only be
        # there since before, as that of its name is, where it was queued without a version.
        self._mark: t.Optional[Mark] = None
        self._awaited: t.List[Mark] = []
        # Whether only Swarm's answer tells what became of it.
        self._is_asked_for = False
        # What was there before the build was sent.
        self._look: t.Optional[Look] = None
        self.report = Report()

    def run(self, check_mode: bool) -> None:
        """Do it, or with ``check_mode`` say what would be done."""
        started = time.monotonic()
        try:
            self._run(check_mode)
        finally:
            self.report.elapsed = round(time.monotonic() - started, 3)

    def _run(self, check_mode: bool) -> None:
        check_options(self._options)
        with self._inspected(self._options["src"]) as build:
            self._upload(build, check_mode)

    def _upload(self, build: BuildFile, check_mode: bool) -> None:
        options = self._options
        wanted = wanted_version(options["version"], build.name)
        self.report.version = str(wanted) if wanted else None
        if build.installer and not options["data_dir"] and not options["force"]:
            raise OptionsError(
                f"{build.name} is an installer. Swarm has no way to tell that an installer ran already, and would run"
                " it again at each upload. Set data_dir to the peer's data directory, so that the task can see whether"
                f" the peer has it, or force to run it in any case. {DISCOVER}"
            )
        if build.installer and not wanted:
            self._refuse_unknowable(build)
        web_port = options["web_port"]
        if options["data_dir"] or options["config"]:
            self._look = look = self._host.look()
            look.check()
            web_port = look.web_port or web_port
            self.report.allows_executables = look.allows_executables
            if options["data_dir"]:
                self.report.deployed_before = [str(version) for version in look.deployed]
                self._other_size = _other_size(build, look)
                nameless = in_place_of_version(build.name)
                marked = str(wanted or nameless)
                self._mark = self._mark_of(marked, SENDING, look)
                self.report.unanswered = self._mark.was_there
                self._awaited = [self._mark_of(text, AWAITED, look) for text in dict.fromkeys((marked, nameless))]
                self.report.awaited = self._is_awaited
                self._is_asked_for = not wanted and self._may_ask_for(build, look)
            if self._is_asked_for:
                self._hooks.notify(
                    f"{self._doubt_queued(build)} It is sent, to be deployed at once, since only Swarm's answer tells its"
                    " version."
                )
            elif not options["force"] and self._is_present(build, wanted, look):
                # Of what only lies in the import directory, it is not known yet what becomes.
                if self._mark and self.report.deployed is True and not check_mode:
                    self._mark.remove()
                return
            if not self._may_send(look):
                self.report.obstacle = "shared_import"
                raise OptionsError(
                    f"The import directory is shared: {look.shared}. An upload would be stored there and reach every"
                    " peer that reads this directory. Publish the build into the share instead; or, if it is this"
                    " peer's alone or all of them are to get the build, set allow_shared_import."
                )
            if build.installer and not wanted and not options["force"] and not look.import_is_local:
                raise OptionsError(
                    f"{build.name} is an installer, and neither its name nor version tells its version. The import directory"
                    f" is shared: {look.shared}. So nobody can tell whether this peer has run it already: set version, or"
                    " force to run it in any case. Nothing was sent."
                )
        if options["checksum"]:
            self._verify(build, options["checksum"])
        limits = Limits(
            connect=options["connect_timeout"],
            stall=options["stall_timeout"],
            answer=options["deploy_timeout"],
            rate=options["rate_limit"],
            progress=options["progress_interval"],
        )
        client = Client(options["peer"], web_port, limits)
        self.report.url = client.upload_url
        if check_mode:
            self._predict(client, build)
        else:
            self._judge(self._send_marked(client, build), build, wanted)

    def _refuse_unknowable(self, build: BuildFile) -> None:
        """Refuse to queue what is to be awaited, and could not be: Swarm cannot be asked what became of an installer.

        :raises OptionsError: It would be sent so.
        """
        options = self._options
        if options["data_dir"] and options["queued"] and options["awaited"] and options["allow_installers"]:
            raise OptionsError(
                f"{build.name} is an installer, and neither its name nor version tells its version. If it is queued, and Swarm"
                " is killed while it runs, nobody can tell half of it from the whole: set version, or queued to false."
                " Nothing was sent."
            )

    def _mark_of(self, marked: str, kind: str, look: Look) -> Mark:
        path = mark_path(self._options["data_dir"], marked, kind)
        return Mark(path, look.has_mark(mark_name(marked, kind)), self._host, self._hooks.warn)

    @property
    def _is_awaited(self) -> bool:
        return any(mark.is_there for mark in self._awaited)

    @property
    def _is_queued(self) -> bool:
        return bool(self._options["queued"]) and not self._is_asked_for

    @contextlib.contextmanager
    def _inspected(self, path: str) -> t.Iterator[BuildFile]:
        """Tell what the build is. All else that is done with it is done with this one, as it is now."""
        try:
            source = OpenBuild(path)
        except BuildError as error:
            raise BuildError(f"The build {error} Correct src.") from error
        with source:
            self._source = source
            name = os.path.basename(path)
            check_file_name(name)
            if first_bytes(source, len(VAULT)) == VAULT:
                raise BuildError(
                    f"The build {path} is encrypted by ansible-vault, and would be sent so: decrypt it first."
                )
            installer = sniff(source).category == "installer" or may_be_executable(source)
            yield BuildFile(path, name, source.size, installer)

    def _sha256(self, build: BuildFile) -> str:
        return self._hooks.sha256(self._source)

    # What the peer has already.

    def _is_present(self, build: BuildFile, wanted: t.Optional[Version], look: Look) -> bool:
        if wanted in look.deployed:
            doubt = self._doubt_whole(build, wanted, look)
            if doubt and not self._may_send(look):
                # Nobody may be led to remove what may not be sent again.
                self._hooks.warn(
                    f"{doubt} Nothing was sent, since that is shared: {look.shared}. The playbook"
                    " renderops.vray_swarm.verify compares the build with that of the other peers, and repair has it"
                    " deployed anew."
                )
            elif doubt:
                self._refuse_half(f"{doubt} Nothing was sent.")
            self._present(
                "unknown" if doubt else True, f"{wanted} is deployed in {look.deployed[wanted]}; nothing was sent."
            )
            self.report.deployed_in_directory = look.deployed[wanted]
            self._doubt_size(build, look.deployed[wanted])
            return True
        # From where it is only kept, nobody deploys it again. But of an installer, nothing else tells that it ran.
        held = look.own_imports + (look.kept if build.installer and wanted is None else [])
        same_size = [item for item in held if item.bytes == build.size]
        if not same_size:
            return False
        checksum = self._options["checksum"]
        wanted_sha256 = checksum[len("sha256:") :].lower() if checksum else self._sha256(build)
        for item in same_size:
            if self._host.sha256(item.path) == wanted_sha256:
                return self._lies_there(item, build, wanted, look)
        return False

    def _refuse_half(self, doubt: str) -> t.NoReturn:
        self.report.obstacle = "unanswered"
        raise OptionsError(
            f"{doubt} When another task is sending it now, wait for that. Else the role builds removes the half and sends"
            " the build again, where vray_swarm_service and vray_swarm_config are set. Without them, stop Swarm, remove"
            " both directories, start Swarm, and run this again. With force it is sent as things are, and Swarm decides."
        )

    def _doubt_whole(self, build: BuildFile, version: Version, look: Look) -> t.Optional[str]:
        """Say why a build may be a half, of which an upload was begun, and nobody heard of its end; None where it is whole.

        As the vendor's page has it, after success the archive or installer is kept in the import directory.
        """
        mark = self._mark
        if mark is None or not mark.was_there:
            return None
        if any(item.bytes == build.size for item in look.own_imports + look.kept):
            return None
        return (
            f"{look.deployed[version]} may be half a build: an upload of {version} was begun, as {mark.path} tells, and nobody"
            " has heard that it ended well. What Swarm has deployed, it keeps in the import directory, and no file of"
            f" {build.size} bytes lies in one that is this peer's alone."
        )

    def _may_ask_for(self, build: BuildFile, look: Look) -> bool:
        """Whether Swarm may be asked what became of what was queued: it cannot tell that an installer ran already."""
        return self._is_awaited and bool(self._options["awaited"]) and not build.installer and self._may_send(look)

    def _doubt_queued(self, build: BuildFile) -> str:
        mark = next(mark for mark in self._awaited if mark.is_there)
        return f"{build.name} was queued before, and nobody has seen yet that it was deployed, as {mark.path} tells."

    def _may_send(self, look: Look) -> bool:
        return not look.shared or bool(self._options["allow_shared_import"])

    def _lies_there(self, item: Import, build: BuildFile, wanted: t.Optional[Version], look: Look) -> bool:
        """The peer has the file, but not under the wanted version: it waits, cannot be deployed, or is another one."""
        path = item.path
        where = f"The import directory holds this build, as {path}"
        if item in look.kept:
            where = f"Swarm has kept this build, as {path}"
        elif wanted is None:
            self.report.queued_as = path
        if wanted is None:
            self._present(
                "unknown",
                f"{where}; nothing was sent. Whether it is deployed cannot be told, since no version is known.",
            )
            if self._is_awaited:
                self._hooks.warn(
                    f"{self._doubt_queued(build)} If Swarm was killed while it deployed it, half of it may be taken for the"
                    " whole. Give its version: the role builds then sees whether it is whole."
                )
            return True
        deployed = ", ".join(str(version) for version in look.deployed) or "nothing"
        state = f"But {wanted} is not deployed (deployed: {deployed})."
        # An installer would run again; and where one puts a build, it decides for itself.
        if self._options["version"] and not self._options["queued"] and self._may_send(look) and not build.installer:
            # Whether this is the version has to be known then, and the peer's answer tells it.
            self._hooks.notify(f"{where}. {state} It is sent again, since Swarm answers why.")
            return False
        self.report.queued_as = path
        self._present(False, f"{where}; nothing was sent. {state}")
        self._hooks.warn(
            f"{where}; nothing was sent. {state} Swarm tries what lies there every few seconds: if it stays so, its log"
            " tells why, or the build is of another version than its name or version says. With force it is sent again,"
            " and Swarm answers why."
        )
        return True

    def _doubt_size(self, build: BuildFile, directory: t.Optional[str] = None) -> None:
        """Warn where what the peer calls deployed may come from another file than the build, or from a part of it."""
        other = self._other_size
        if other is None:
            return
        self.report.deployed = "unknown"
        self._hooks.warn(
            f"{other.path} has {other.bytes} bytes, and {build.path} has {build.size}, so {self.report.version} on the"
            " peer may be damaged. If an upload of it went wrong, do not render with it: remove"
            f" {f'{directory} and ' if directory else 'it and '}{other.path} from the peer, then run this again. If the"
            " peer has the same version from another archive of this name, give that one as src."
        )

    def _present(self, deployed: t.Union[bool, str], msg: str) -> None:
        self.report.outcome = "present"
        self.report.deployed = deployed
        self.report.msg = msg

    # Sending.

    def _predict(self, client: Client, build: BuildFile) -> None:
        try:
            self._probe(client, build)
        except TransportError as error:
            raise type(error)(self._failure(build, error)) from error
        self.report.outcome = "queued" if self._is_queued else "rapid"
        self.report.changed = True
        self.report.msg = f"Would upload {build.name} ({build.size} bytes) to {client.upload_url}."

    def _verify(self, build: BuildFile, checksum: str) -> None:
        actual = f"sha256:{self._sha256(build)}"
        if actual != checksum.lower():
            raise BuildError(
                f"{build.path} is not the build that was asked for: its checksum is {actual}, and {checksum.lower()}"
                " was expected. Nothing was sent. Get the file again, or correct checksum."
            )

    def _send_marked(self, client: Client, build: BuildFile) -> Answer:
        """Send, and keep the mark only where it is not known that the peer has the whole build, or nothing of it."""
        try:
            answer = self._send_with_retries(client, build)
        except SwarmError as error:
            if not self._may_be_accepted(build, error):
                self._withdraw_marks()
            raise
        self._learn(answer.version)
        if answer.outcome not in ("rapid", "queued"):
            self._withdraw_marks()
        elif answer.uploaded_file_size == build.size:
            if self._mark:
                self._mark.remove()
            if answer.outcome == "rapid":
                for awaited in self._awaited:
                    awaited.remove()
        self.report.awaited = self._is_awaited
        return answer

    def _learn(self, version: t.Optional[Version]) -> None:
        """Know the mark of a version as well that only the answer tells: who has removed a half of it makes that one."""
        if version and self._look and self._awaited:
            mark = self._mark_of(str(version), AWAITED, self._look)
            if mark.path not in [known.path for known in self._awaited]:
                self._awaited.append(mark)

    def _withdraw_marks(self) -> None:
        for mark in (self._mark, *self._awaited):
            if mark:
                mark.withdraw()

    def _send_with_retries(self, client: Client, build: BuildFile) -> Answer:
        retries = self._options["retries"]
        while True:
            try:
                return self._attempt(client, build)
            except TransportError as error:
                if error.final or self.report.attempts > retries:
                    raise
                delay = min(_LONGEST_DELAY, self._options["retry_delay"] * 2.0 ** min(self.report.attempts - 1, 30))
                self._hooks.notify(
                    f"{error.__cause__}, after {self.report.bytes_sent} of {build.size} bytes to {self.report.url}."
                    f" Trying again in {delay:g} s ({self.report.attempts} of {retries})."
                )
                self._hooks.sleep(delay)

    def _attempt(self, client: Client, build: BuildFile) -> Answer:
        self.report.attempts += 1
        self.report.bytes_sent, self.report.http_status = 0, None
        try:
            self._probe(client, build)
            if self._mark:
                self._mark.make()
            if self._awaited and self._is_queued and self._options["awaited"]:
                self._awaited[0].make()
            return self._send(client, build)
        except TransportError as error:
            raise type(error)(self._failure(build, error), error.accepted) from error
        except AnswerError as error:
            self.report.answer = error.raw
            failure = AnswerError(self._failure(build, error))
            failure.refused = error.refused
            raise failure from error

    def _probe(self, client: Client, build: BuildFile) -> None:
        allowed = self._allows_executables(client, build)
        # An open swarm.yaml holds from Swarm's next start on.
        self.report.allows_executables = allowed or bool(self.report.allows_executables)
        if not build.installer:
            return
        if not self._options["allow_installers"]:
            self.report.obstacle = "executables"
            raise OptionsError(f"{build.name} is an installer, and allow_installers is false. Nothing was sent.")
        if not allowed:
            self.report.obstacle = "executables"
            raise OptionsError(
                f"{build.name} is an installer, and the peer at {client.base_url} does not allow"
                " executables. Nothing was sent. Set allowExecutables: true in its swarm.yaml (stop Swarm, edit, start"
                " Swarm), and think of who can reach this port before you do."
            )

    def _allows_executables(self, client: Client, build: BuildFile) -> bool:
        return client.allows_executables()

    def _send(self, client: Client, build: BuildFile) -> Answer:
        self._source.check()
        # What has a checksum may not even be renamed while it is sent, since a change can hide behind that.
        check = self._source.check if self._options["checksum"] else None
        body = Multipart(self._source.file, build.name, self._is_queued, check)
        call = client.upload(body, self._hooks.progress)
        try:
            answer = call.run()
        finally:
            self.report.bytes_sent = call.sending.file_bytes
            self.report.http_status = call.http_status
        if call.sending.cut_short and answer.outcome in ("rapid", "queued"):
            raise AnswerError(f"it answered {next(iter(answer.raw))} before it had the whole build")
        return answer

    def _failure(self, build: BuildFile, error: t.Union[TransportError, AnswerError]) -> str:
        """Say which build and URL, what came back, how much was sent, and what to do."""
        if isinstance(error, TransportError):
            hint = error.hint
        else:
            proxy = "" if error.known else "Does a proxy or another program answer for Swarm? "
            hint = f"{proxy}See Swarm's log on the peer."
        if self._may_be_accepted(build, error):
            outcome = (
                "The peer may have accepted the build all the same, so it was not sent again: see whether it is"
                " deployed before you run this again. With data_dir, nothing is sent that the peer has."
            )
        else:
            outcome = "The peer cannot have accepted the build: run this again when the reason is gone."
        again = f" in the last of {self.report.attempts} attempts" if self.report.attempts > 1 else ""
        reason = str(error) if str(error).endswith(".") else f"{error}."
        return " ".join(
            f"The upload of {build.name} to {self.report.url} failed: {reason}"
            f" {self._sent(build)}{again}. {hint} {outcome}".split()
        )

    def _may_be_accepted(self, build: BuildFile, error: SwarmError) -> bool:
        if isinstance(error, TransportError):
            return error.accepted
        # All others say why the build was not sent, or not to its end.
        is_answer = isinstance(error, AnswerError) and not error.refused
        return is_answer and self.report.bytes_sent in (None, build.size)

    def _sent(self, build: BuildFile) -> str:
        if self.report.bytes_sent is None:
            return f"How many of its {build.size} bytes were sent is not known"
        return f"Sent: {self.report.bytes_sent} of {build.size} bytes"

    # The answer.

    def _judge(self, answer: Answer, build: BuildFile, wanted: t.Optional[Version]) -> None:
        report = self.report
        report.answer = answer.raw
        report.outcome = answer.outcome
        report.tmp_file = answer.tmp_file
        report.message = answer.message
        report.deployed_in_directory = answer.deployed_in_directory
        report.queued_as = answer.queued_as
        report.uploaded_file_size = answer.uploaded_file_size
        report.taken_seconds = answer.taken_seconds
        if answer.version:
            report.version = str(answer.version)
        report.deployed = answer.outcome in ("rapid", "existing")
        report.changed = answer.outcome in ("rapid", "queued")
        if answer.outcome == "failed":
            raise AnswerError(
                f"{report.url} refused {build.name}: {shown(answer.message, _QUOTED)}. Sent: {report.bytes_sent} of"
                f" {build.size} bytes. Swarm keeps nothing of a build that it could not take. Is it a build for the"
                " peer's platform, is there room on its disk, and what does Swarm's log on the peer say?"
            )
        if report.changed and answer.uploaded_file_size != build.size:
            report.outcome, report.deployed = "failed", "unknown"
            if self._mark and self._mark.is_there:
                report.obstacle = "damaged"
            raise AnswerError(
                f"{report.url} stored {answer.uploaded_file_size} bytes of {build.name}, which has"
                f" {build.size}. Do not render with this build: remove it from the peer, then run again."
            )
        if answer.version and wanted and answer.version != wanted:
            text = f"{build.name} was expected to be {wanted}, and the peer says that it is {answer.version}."
            if self._options["version"]:
                report.outcome = "failed"
                raise AnswerError(f"{text} Correct version, or give the right file; the peer has this build now.")
            self._hooks.warn(f"{text} Was the file renamed?")
        if report.outcome == "existing":
            self._doubt_existing(build, answer.version, wanted)
            self._doubt_size(build)
            self._doubt_awaited(answer.version)
        if report.outcome == "rapid":
            self._doubt_data_dir(answer, build)
        report.msg = self._success(answer, build, wanted)

    def _doubt_existing(self, build: BuildFile, version: t.Optional[Version], wanted: t.Optional[Version]) -> None:
        """Refuse what may be a half of a build of which only the answer tells the version.

        :raises OptionsError: An upload of it was begun before, and nobody has heard that it ended well.
        """
        look, mark = self._look, self._mark
        if wanted or version is None or not (look and mark and mark.was_there and version in look.deployed):
            return
        doubt = self._doubt_whole(build, version, look)
        if doubt:
            self.report.outcome, self.report.deployed = "failed", "unknown"
            self._refuse_half(f"The peer answered that it has {version}. {doubt}")
        mark.remove()

    def _doubt_data_dir(self, answer: Answer, build: BuildFile) -> None:
        """Warn where Swarm keeps its builds elsewhere: later tasks would not see this one, and send it again."""
        data_dir, directory = self._options["data_dir"], answer.deployed_in_directory
        # The same directory may have another name.
        if not data_dir or not directory or is_within(directory, data_dir) or self._is_there(answer.version):
            return
        again = "runs this installer" if build.installer else "sends this build"
        self._hooks.warn(
            f"Swarm has deployed {answer.version} in {directory}, and it is not in {data_dir}. So that is not the data"
            f" directory of this Swarm, and each later task {again} again: correct data_dir."
        )

    def _doubt_awaited(self, version: t.Optional[Version]) -> None:
        """Warn where nobody can see whether what was queued before is whole."""
        look = self._look
        if not self.report.awaited or look is None or version in look.deployed or self._is_there(version):
            return
        self.report.deployed = "unknown"
        data_dir = self._options["data_dir"]
        self._hooks.warn(
            f"The peer answered that it has {version}. It was queued before, nobody has seen yet whether it is whole, and it"
            f" is not in {data_dir}. So that is not the data directory of this Swarm: correct data_dir."
        )

    def _is_there(self, version: t.Optional[Version]) -> bool:
        """Whether Swarm has deployed it in the data directory by now."""
        try:
            return version in self._host.look().deployed
        except Exception:  # pylint: disable=broad-except
            # It is deployed, as Swarm has answered; each connection plugin has its own errors.
            return True

    def _success(self, answer: Answer, build: BuildFile, wanted: t.Optional[Version]) -> str:
        if answer.outcome == "rapid":
            return f"{answer.version} was deployed in {answer.deployed_in_directory}."
        if answer.outcome == "queued":
            return f"{build.name} was queued as {answer.queued_as}, to be imported later."
        text = f"{answer.version} was there already: {shown(answer.message, _QUOTED)}."
        if not wanted:
            text += f" With version {answer.version} and data_dir, nothing will be sent next time."
        return text


def _other_size(build: BuildFile, look: Look) -> t.Optional[Import]:
    """What lies in the peer's own import directory under the name of the build, and has another size."""
    return next((item for item in look.own_imports if item.name == build.name and item.bytes != build.size), None)


def check_options(options: t.Mapping[str, t.Any]) -> None:
    """Refuse values that no upload can have, as :func:`check_peer_options` does."""
    check_peer_options(options)
    check_limits(options, "stall_timeout", "deploy_timeout")
    for name in ("retries", "retry_delay", "rate_limit", "progress_interval"):
        if not options[name] >= 0:
            raise OptionsError(f"{name} is {options[name]:g}; it must not be negative.")
    check_checksum(options["checksum"])
