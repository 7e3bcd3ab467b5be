# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The part of settings on the host: swarm.yaml is read and written, Swarm stopped and started.

What the file shall say is decided on the controller. Each step here is one round trip; what must not be interrupted is
one step, and before Swarm is stopped, the host is told to start it again by itself should nobody do so.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import itertools
import math
import os
import shutil
import tempfile
import time
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._ask import ask
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    OptionsError,
    SettingsError,
    SwarmError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._files import (
    Attributes,
    IrregularError,
    lock,
    open_regular,
    sync_directory,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import (
    WEB_PORT_KEY,
    build_roots,
    deployed_builds,
    is_own_address,
    renders,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import AWAITED, SENDING, WHOLE, mark_path
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mounts import find_mount_within
from ansible_collections.renderops.vray_swarm.plugins.module_utils._options import (
    LONGEST_LIMIT,
    check_limits,
    check_port,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service_control import (
    ServiceControl,
    ServiceError,
    State,
    control,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import parse_settings

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# What an interrupted run left is what Swarm last ran with, for so long.
_SAVED_SECONDS = 3600
# Of a swarm.yaml that was not there.
_NEW_MODE = 0o644
_POLL = 0.5
_BUSY_POLL = 2.0
# Of root, so that nobody else can hold it.
_LOCK = "/var/run/vray_swarm.lock"
_LOCK_SECONDS = 30.0
# What a change takes besides what has a limit of its own: it waits for the lock, or where there is none, goes to the host
# for each file; and removes a timer.
_REST_SECONDS = 60
# As many as Linux follows.
_MOST_LINKS = 40

Result = t.Dict[str, t.Any]


def sha256(content: t.Optional[bytes]) -> t.Optional[str]:
    """What a file held; None where there was none."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def awaited(answer: t.Mapping[str, t.Any], allow_executables: t.Optional[bool]) -> t.Optional[str]:
    """Why an answer of the web port is not the one that is waited for, None when it is."""
    if not answer["reachable"]:
        return f"{answer['url']}: {answer['error']}"
    if allow_executables is not None and answer["allow_executables"] != allow_executables:
        return f"{answer['url']} says that allowExecutables is {str(answer['allow_executables']).lower()}"
    return None


class MovedError(SettingsError):
    """Somebody else wrote the file, and that was left as it is."""


class RemovalError(SettingsError):
    """A build is there yet, or a part of it."""


class SettingsHost:
    """The steps. Which one is next, the action plugin says in place of the settings, which it has dealt with."""

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        self._params = params
        # What a link points to is what is replaced.
        self.path = _trusted_path(self._params["path"])
        directory, name = os.path.split(self.path)
        #: The content with which Swarm ran, until the new one is proven.
        self.saved = os.path.join(directory, f".{name}.vray_swarm-saved")
        #: The content that the host puts back by itself when the time of revert_after is over.
        self.old = os.path.join(directory, f".{name}.vray_swarm-revert")
        # Of the file that was read last: whoever changes what its name means does not change these.
        self._attributes: t.Optional[Attributes] = None
        # The task that takes the steps.
        self._owner = ""

    def run(self, step: t.Mapping[str, t.Any]) -> Result:
        self._owner = step.get("owner", "")
        do = {
            "look": self._look,
            "write": self._write_step,
            "settle": self._settle_step,
            "await_idle": self._await_idle,
            "apply": self._apply,
            "start": self._start,
            "state": self._state,
            "confirm": self._confirm,
            "undo": self._undo_step,
        }
        return do[step["do"]](step)

    # -- steps

    def _look(self, step: t.Mapping[str, t.Any]) -> Result:
        peer = step.get("peer")
        if peer and not self._is_own(peer):
            raise OptionsError(
                f"path is changed on the host that the task works on, and {peer} is no address of it. Set peer to one that is,"
                " or leave it out (and delegate_to, if there is one), and run the task on the peer itself."
            )
        content = self._read()
        result: Result = {
            "content": _encode(content),
            "obstacle": self._obstacle(content),
            "old": _encode(self._pending()),
            "busy": [],
            "unsure": None,
            "answer": None,
            "builds": [],
        }
        if step["absent_builds"]:
            result["builds"] = self._builds(step["absent_builds"])
        if self._params["service"]:
            state = self._control().state()
            result["state"] = state._asdict()
            if self._params["data_dir"]:
                try:
                    result["busy"] = self._renders()
                except OptionsError as error:
                    # It matters only where Swarm has to be stopped.
                    result["unsure"] = str(error)
            if step["ask"] and state.running:
                result["answer"] = self._ask_by(content or b"")
        return result

    def _write_step(self, step: t.Mapping[str, t.Any]) -> Result:
        try:
            with self._alone():
                if sha256(self._read()) != step["sha256"]:
                    raise MovedError(
                        f"{self.path} was changed by somebody else just now. Nothing was written: run the task again."
                    )
                done = {"backup_file": self._write(_decode(step["content"]))}
        except MovedError as error:
            return {"moved": str(error)}
        self._settle(step["revert"])
        return done

    def _settle_step(self, step: t.Mapping[str, t.Any]) -> Result:
        self._settle(step["revert"])
        return {}

    def _apply(self, step: t.Mapping[str, t.Any]) -> Result:
        """Stop, read again, write, start.

        ``busy``: it was not stopped, for these processes. ``moved``: the file changed while Swarm stopped, and nothing
        was written.
        """
        service = self._control()
        was_running = step["was_running"]
        if not step["stopped"] and self._exists(self.saved) and not self._is_needed(was_running):
            # Before the rescue could put it back.
            self._remove(self.saved)
        new = sha256(_decode(step["content"])) if step["sha256"] is None else None
        service.arm(self._params["rescue_after"], self.path, self.saved, new)
        if not step["stopped"]:
            # Last of all: a render can begin at any time.
            busy = self._busy(service, step)
            if busy:
                service.disarm()
                return {"busy": busy}
        # It hangs or it fails: it is as it was, and the timer stays. Another task may have started it again meanwhile.
        service.stop(self._params["stop_timeout"])
        result: Result = {"backup_file": None, "undone": None, "removed_builds": []}
        wrote = False
        try:
            if not step["stopped"] and not self._exists(self.old):
                # The host has put back what it was to, and waits to restart Swarm: that is done here now.
                service.end_revert()
            with self._alone():
                content = self._read()
                if sha256(content) != step["sha256"]:
                    if step["stopped"]:
                        raise SettingsError(f"{self.path} is changed by somebody else again and again")
                    if step["sha256"] is None:
                        # The rescue must not remove what somebody else made.
                        service.arm(self._params["rescue_after"], self.path, self.saved, None)
                    return dict(result, moved=True, content=_encode(content))
                if step["content"] is not None:
                    step = dict(step, before=_encode(content))
                    self._save(content, was_running)
                    wrote = True
                    if self._params["revert_after"]:
                        if not step["pending"]:
                            # A file that was not there said as much as an empty one.
                            self._put(content or b"", self.old)
                        self._arm_revert(service)
                    result["backup_file"] = self._write(_decode(step["content"]))
            self._remove_builds(step["absent_builds"], result["removed_builds"])
            service.start(self._params["start_timeout"])
        except MovedError as error:
            return dict(result, undone=self._undo(self._reason(error), step, wrote, moved=True))
        except RemovalError as error:
            return dict(result, undone=dict(self._undo(str(error), step, wrote), unremoved=True))
        except Exception as error:  # pylint: disable=broad-except
            # Whatever it is: Swarm is down.
            return dict(result, undone=self._undo(self._reason(error), step, wrote))
        try:
            return self._prove(step, result)
        except (SwarmError, OSError) as error:
            if not result["removed_builds"]:
                raise
            # What is gone has to be told, too.
            return dict(result, confirmed=False, log=str(error))

    def _busy(self, service: ServiceControl, step: t.Mapping[str, t.Any]) -> t.List[t.Dict[str, t.Any]]:
        """The renders that a stop would end, or that need a build which is to go."""
        # A service that is down is none to be stopped.
        if not self._params["data_dir"] or not (step["absent_builds"] or service.state().running):
            return []
        return self._renders()

    def _await_idle(self, step: t.Mapping[str, t.Any]) -> Result:
        """Wait for renders to end, for some time.

        A step that only looks: when the controller dies meanwhile, nothing is stopped when they have ended.
        """
        service = self._control()
        until = time.monotonic() + step["patience"]
        while True:
            busy = self._busy(service, step)
            left = until - time.monotonic()
            if not busy or left <= 0:
                return {"busy": busy}
            time.sleep(min(_BUSY_POLL, left))

    def _start(self, step: t.Mapping[str, t.Any]) -> Result:
        """Nothing is to be changed, but Swarm is down. What an interrupted run wrote may be why."""
        service = self._control()
        result: Result = {"backup_file": None, "undone": None}
        try:
            service.start(self._params["start_timeout"])
        except SwarmError as error:
            if self._saved_lately():
                return dict(result, undone=self._undo(self._reason(error), step))
            raise ServiceError(self._reason(error)) from error
        return self._prove(step, result)

    def _prove(self, step: t.Mapping[str, t.Any], result: Result) -> Result:
        """With ``api_from=peer``, wait here until Swarm answers; else the controller asks."""
        if step["ask"]:
            why = self._wait(step["web_port"], step["allow_executables"])
            if why:
                if step["content"] is None and not self._saved_lately():
                    raise ServiceError(why)
                return dict(result, undone=self._undo(why, step))
            return dict(result, **self._confirm(step))
        return result

    def _state(self, step: t.Mapping[str, t.Any]) -> Result:
        service = self._control()
        state = service.state()
        return {"state": state._asdict(), "log": "" if state.running and not state.hopeless else service.log()}

    def _confirm(self, step: t.Mapping[str, t.Any]) -> Result:
        service = self._control()
        state = service.state()
        if not state.running:
            return {"confirmed": False, "state": state._asdict(), "log": service.log()}
        content = self._read()
        if step.get("content") is not None and content != _decode(step["content"]):
            # Swarm itself, or another task, which still needs the way back.
            return {"confirmed": True, "moved": True, "content": _encode(content)}
        # In this order: what waits to take a change back does so while there is a rescue.
        self._settle(step["revert"])
        if "saved" not in step or self._is_saved(step["saved"]):
            if service.disarm():
                self._remove(self.saved)
        return {"confirmed": True}

    def _undo_step(self, step: t.Mapping[str, t.Any]) -> Result:
        return {"undone": self._undo(step["reason"], step, step["wrote"])}

    # -- the parts

    def _undo(self, reason: str, step: t.Mapping[str, t.Any], wrote: bool = True, moved: bool = False) -> Result:
        """Let Swarm run with its old settings again, whatever happened.

        :param wrote: Whether this task wrote the file, or an interrupted one may have: what another one did stays.
        :param moved: Whether somebody else wrote it before this task could.
        """
        service = self._control()
        trouble = []
        report: Result = {"reason": reason, "restored": False, "kept": None, "moved": moved, "stuck": False}
        if wrote and not moved:
            self._renew_rescue(service, step)
        try:
            service.stop(self._params["stop_timeout"])
        except SwarmError as error:
            trouble.append(str(error))
        stopped = len(trouble)
        try:
            if wrote and not moved:
                self._take_back(step, report)
        except Exception as error:  # pylint: disable=broad-except
            trouble.append(self._reason(error))
            report["stuck"] = not self._is_as_before(step)
        # Whatever became of the file: Swarm must not stay down.
        try:
            service.start(self._params["start_timeout"])
        except (SwarmError, OSError) as error:
            trouble.append(self._reason(error))
        # What another task wrote since, the timers of that one go with.
        if len(trouble) == stopped and report["moved"] == moved:
            try:
                if self._params["revert_after"]:
                    # A window that was open before is to be closed, also where its timer could not be set anew.
                    self._settle({"do": "again" if step["pending"] else "end"})
                if service.disarm() and moved and self._is_saved(step["sha256"]):
                    self._remove(self.saved)
            except (SwarmError, OSError) as error:
                # It runs. What is left of the timers must not hide why it did not before.
                trouble.append(str(error))
        return dict(report, trouble="; ".join(trouble))

    def _renew_rescue(self, service: ServiceControl, step: t.Mapping[str, t.Any]) -> None:
        """Swarm is to be stopped once more, and where its rescue has come, needs another one.

        Where that cannot be, it is stopped all the same: it does not do what it should.
        """
        with contextlib.suppress(Exception):
            with self._alone():
                is_over = self._keep_again(step)
            if is_over:
                service.arm(self._params["rescue_after"], self.path, self.saved, None)

    def _keep_again(self, step: t.Mapping[str, t.Any]) -> bool:
        """Keep the old content anew where the rescue took a Swarm that runs for proven, and threw it away.

        Not where this task did not write what the file holds: see _take_back.
        """
        if step.get("content") is None or step["sha256"] is None or self._exists(self.saved):
            return False
        if self._read() != _decode(step["content"]):
            return False
        self._put(_decode(step["before"]), self.saved)
        return True

    def _take_back(self, step: t.Mapping[str, t.Any], report: Result) -> None:
        """Let the file be what it was, unless another task wrote it since, which keeps what it found for itself."""
        with self._alone():
            content = self._read()
            if self._is_moved(step, content):
                if step["sha256"] is None or not self._is_saved(step["sha256"]):
                    report["moved"] = True
                    return
                # Swarm itself did, and does not run with it, or somebody did it by hand.
                report["kept"] = self._set_aside(t.cast(bytes, content))
            # The rescue can have come just now.
            self._keep_again(step)
            report["restored"] = self._put_back(step)

    def _is_moved(self, step: t.Mapping[str, t.Any], content: t.Optional[bytes]) -> bool:
        """Whether the file is there, and neither what this task found nor what it wrote."""
        known = [None, step["sha256"]]
        if step.get("content") is not None:
            known.append(sha256(_decode(step["content"])))
        return sha256(content) not in known

    def _is_as_before(self, step: t.Mapping[str, t.Any]) -> bool:
        try:
            return bool(sha256(self._read()) == step["sha256"])
        except Exception:  # pylint: disable=broad-except
            # Such as a connection that is lost: Swarm is still to be started.
            return False

    def _set_aside(self, content: bytes) -> str:
        """Keep what is in the file beside it; empty where that cannot be: the way back is more important."""
        aside = f"{self.path}.reverted~"
        try:
            try:
                self._put(content, aside)
            except (SwarmError, OSError):
                # Such as a full disk. Another name takes no room.
                self._move(self.path, aside)
        except (SwarmError, OSError):
            return ""
        return aside

    def _put_back(self, step: t.Mapping[str, t.Any]) -> bool:
        """Let the file be what it was; return whether it had been changed.

        :raises SettingsError: It is gone, and what it was as well.
        """
        before = step["sha256"]
        if self._exists(self.saved):
            if self._is_as_saved():
                # It could not be written: a file that is a mount point cannot be replaced, not even by its old self.
                self._remove(self.saved)
                return False
            self._restore()
            return True
        if before is None:
            self._remove(self.path)
            return True
        if self._is_gone_but_kept(before):
            self._restore()
            return True
        if step.get("content") is None:
            return False
        if not self._is_as_before(step):
            raise SettingsError(f"{self.path} is gone, and what was kept of it as well")
        # The rescue has put it back.
        return True

    def _is_gone_but_kept(self, before: str) -> bool:
        """Whose file it was is not known any more where it is gone. What was kept is known by its content then."""
        if self._read() is not None:
            return False
        try:
            file = open_regular(self.saved, follow=False)
        except OSError:
            return False
        with file:
            return os.fstat(file.fileno()).st_nlink == 1 and sha256(file.read()) == before

    def _settle(self, revert: t.Optional[t.Mapping[str, t.Any]]) -> None:
        """Deal with what an earlier task wanted to be taken back.

        ``end``: that is not wanted any more; ``again``: its time begins anew; ``keep``: what this task changed shall
        stay when the rest is taken back.
        """
        if revert is None:
            return
        if revert["do"] == "keep":
            # Without it, it was taken back meanwhile.
            if self._exists(self.old):
                self._read()
                self._put(_decode(revert["content"]), self.old)
            return
        if not self._exists(self.old):
            # It has been taken back meanwhile, but perhaps for the restart.
            return
        service = self._control()
        if revert["do"] == "again":
            self._arm_revert(service)
        else:
            service.end_revert()
            self._remove(self.old)

    def _arm_revert(self, service: ServiceControl) -> None:
        roots = self._roots() if self._params["data_dir"] else []
        service.arm_revert(self._params["revert_after"], self.path, self.old, roots)

    def _pending(self) -> t.Optional[bytes]:
        return self._read_own(self.old)

    def _ask_by(self, content: bytes) -> t.Optional[Result]:
        """Ask Swarm at the port that the file says; None where that cannot be read here."""
        try:
            port = parse_settings(content, self.path, (WEB_PORT_KEY,)).get(WEB_PORT_KEY, self._params["web_port"])
        except OptionsError:
            return None
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            return None
        return self._ask(port)

    def _ask(self, web_port: int) -> Result:
        return ask(self._params["peer"] or "127.0.0.1", web_port, self._params["connect_timeout"])

    def _reason(self, error: Exception) -> str:
        if isinstance(error, ServiceError):
            log = self._control().log()
            return f"{error}; it wrote: {log}" if log else str(error)
        return str(error)

    def _wait(self, web_port: int, allow_executables: t.Optional[bool]) -> t.Optional[str]:
        """Wait for the answer; say why it did not come."""
        service = self._control()
        until = time.monotonic() + self._params["start_timeout"]
        while True:
            why = awaited(self._ask(web_port), allow_executables)
            state: State = service.state()
            if not why and state.running:
                return None
            if state.hopeless or time.monotonic() > until:
                return explain(why, state._asdict(), service.log(), self._params["start_timeout"])
            time.sleep(_POLL)

    def _saved_lately(self) -> bool:
        file = self._open_own(self.saved)
        if file is None:
            return False
        with file:
            return time.time() - os.fstat(file.fileno()).st_ctime < _SAVED_SECONDS

    # -- the host

    def _is_own(self, peer: str) -> bool:
        """Whether this name or address is one of the host."""
        return is_own_address(peer)

    def _control(self) -> ServiceControl:
        service = self._service()
        service.owner = self._owner
        return service

    def _service(self) -> ServiceControl:
        return control(self._params["service"])

    def _renders(self) -> t.List[t.Dict[str, t.Any]]:
        return renders(self._params["data_dir"])

    def _roots(self) -> t.List[str]:
        return build_roots(self._params["data_dir"])

    # -- builds that are to go

    def _remove_builds(self, versions: t.Sequence[str], removed: t.List[str]) -> None:
        """Remove them while Swarm is down, so that it neither deploys nor reads them; note in ``removed`` which are gone.

        :raises RemovalError: One is there yet, or a part of it.
        """
        try:
            directories = self._builds(versions) if versions else []
            # A render that began just before the stop may have outlived it.
            busy = self._renders() if directories else []
        except SwarmError as error:
            raise RemovalError(str(error).rstrip(".")) from error
        if busy:
            raise RemovalError(f"{busy[0]['executable']} (process {busy[0]['pid']}) runs still")
        if directories:
            # First: it would speak for what Swarm deploys from now on.
            self._forget_builds(versions)
        for directory in directories:
            self._remove_build(directory)
            removed.append(directory)
        if directories:
            # What Swarm deploys from now on is nothing of which an upload was begun.
            self._remove_marks(versions)

    def _builds(self, versions: t.Container[str]) -> t.List[str]:
        """The directories of these builds.

        :raises SwarmError: They are not known, or more than the build would be removed with one.
        """
        found = deployed_builds(self._params["data_dir"])
        directories = sorted(build["directory"] for build in found if build["version"] in versions)
        for directory in directories:
            # Of a link, only the link is removed.
            mount = None if os.path.islink(directory) else find_mount_within(directory)
            if mount:
                raise OptionsError(
                    f"{mount.path} is a mount point, and what {mount.source} holds would be removed with the build. Unmount"
                    " it first."
                )
        return directories

    def _remove_build(self, directory: str) -> None:
        try:
            if os.path.islink(directory):
                # What it points to may be somebody else's.
                os.remove(directory)
            else:
                shutil.rmtree(directory)
        except OSError as error:
            why = error.strerror or error
            raise RemovalError(f"{error.filename or directory} could not be removed: {why}") from error

    def _forget_builds(self, versions: t.Iterable[str]) -> None:
        """Remove the marks by which the builds count as whole.

        :raises RemovalError: One is there yet.
        """
        for version in versions:
            path = mark_path(self._params["data_dir"], version, WHOLE)
            try:
                os.rmdir(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise RemovalError(f"{path} could not be removed: {error.strerror}") from error

    def _remove_marks(self, versions: t.Iterable[str]) -> None:
        """Remove the other ones that are there. One that stays is a doubt, and no harm."""
        for version, kind in itertools.product(versions, [SENDING, AWAITED]):
            with contextlib.suppress(OSError):
                os.rmdir(mark_path(self._params["data_dir"], version, kind))

    # -- the file

    def _exists(self, path: str) -> bool:
        """Whether an earlier task left this beside swarm.yaml."""
        return self._read_own(path) is not None

    def _read_own(self, path: str) -> t.Optional[bytes]:
        file = self._open_own(path)
        if file is None:
            return None
        with file:
            return file.read()

    def _open_own(self, path: str) -> t.Optional[io.FileIO]:
        """What somebody else put there, such as a link to a file that only root can read, is as good as none."""
        try:
            file = open_regular(path, follow=False)
        except OSError:
            return None
        status = os.fstat(file.fileno())
        if status.st_uid in _owners(self.path) and status.st_nlink == 1:
            return file
        file.close()
        return None

    def _restore(self) -> None:
        self._move(self.saved, self.path)

    def _move(self, path: str, target: str) -> None:
        os.replace(path, target)

    def _is_as_saved(self) -> bool:
        return self._read_own(self.saved) == self._read()

    def _is_saved(self, wanted: t.Optional[str]) -> bool:
        """Whether the way back leads to the content with this SHA-256."""
        return sha256(self._read_own(self.saved)) == wanted

    @contextlib.contextmanager
    def _alone(self) -> t.Iterator[None]:
        """Of several tasks that change this file at once, one at a time compares and writes."""
        if os.geteuid() == 0:
            handle = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        else:
            handle = os.open(os.path.dirname(self.path), os.O_RDONLY)
        try:
            try:
                is_alone = lock(handle, _LOCK_SECONDS)
            except OSError:
                # A file system without locks: what is confirmed is looked at once more.
                is_alone = True
            if not is_alone:
                raise SettingsError(
                    f"{self.path} has been locked by another task for {_LOCK_SECONDS:g} s. Nothing was written: run this one"
                    " again when that has ended."
                )
            yield
        finally:
            os.close(handle)

    def _read(self) -> t.Optional[bytes]:
        self._attributes = None
        try:
            with open_regular(self.path, follow=False) as file:
                self._attributes = Attributes.of(file.fileno())
                return file.read()
        except IrregularError as error:
            raise SettingsError(f"{self.path} is no file. Set path to Swarm's swarm.yaml.") from error
        except FileNotFoundError as error:
            directory = os.path.dirname(self.path)
            if not os.path.isdir(directory):
                raise SettingsError(
                    f"{self.path} is not there, nor is its directory. Set path to Swarm's swarm.yaml; the playbook"
                    " renderops.vray_swarm.discover finds it."
                ) from error
            return None
        except OSError as error:
            raise SettingsError(
                f"{self.path} could not be read: {error.strerror}. Does the task need become?"
            ) from error

    def _obstacle(self, content: t.Optional[bytes]) -> t.Optional[str]:
        """Why the file could not be replaced by one with the same owner; found before Swarm is stopped."""
        directory = os.path.dirname(self.path)
        if not os.access(directory, os.W_OK | os.X_OK):
            return f"{directory} may not be written to, and a new file replaces the old one. Does the task need become?"
        if content is not None and os.geteuid() not in (0, os.lstat(self.path).st_uid):
            return f"{self.path} belongs to another user, and must go on doing so. Does the task need become?"
        return None

    def _write(self, content: bytes) -> t.Optional[str]:
        """Replace the file in one step, by one with the same owner and mode; return the path of its backup."""
        backup = None
        old = self._read() if self._params["backup"] else None
        if old is not None:
            # As AnsibleModule.backup_local() names it.
            backup = f"{self.path}.{os.getpid()}.{time.strftime('%Y-%m-%d@%H:%M:%S~')}"
            self._put(old, backup)
        self._put(content, self.path)
        return backup

    def _save(self, content: t.Optional[bytes], was_running: bool) -> None:
        if self._is_needed(was_running):
            return
        self._remove(self.saved)
        if content is not None:
            self._put(content, self.saved)

    def _is_needed(self, was_running: bool) -> bool:
        """Whether an interrupted run wrote what swarm.yaml is now, and Swarm did not run with it."""
        return not was_running and self._saved_lately()

    def _put(self, content: bytes, target: str) -> None:
        """Write a file with the owner, mode, labels and access lists of the swarm.yaml that was read, whole or not at all.

        Not atomic_move(): it ends the module when it fails, and then nobody starts Swarm again.
        """
        directory = os.path.dirname(target)
        handle, temporary = tempfile.mkstemp(prefix=".vray_swarm-", dir=directory)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
                # By the handle: whoever owns the directory can put a link in the place of the name.
                if self._attributes:
                    self._attributes.give(handle)
                else:
                    # Swarm may run as another user, who has to read it; nobody else may ever write it.
                    os.fchmod(handle, _NEW_MODE)
            os.replace(temporary, target)
        finally:
            self._remove(temporary)
        sync_directory(directory)

    def _remove(self, path: str) -> None:
        try:
            os.remove(path)
        except FileNotFoundError:
            pass


def _trusted_path(path: str) -> str:
    """Where the links lead that somebody set who may: root, the user of the task, or the owner of the file."""
    target = os.path.realpath(path)
    trusted = {0, *_owners(target)}
    for _number in range(_MOST_LINKS):
        if not os.path.islink(path):
            break
        if os.lstat(path).st_uid not in trusted:
            raise SettingsError(
                f"{path} is a link to {target}, and belongs to neither root, the user of the task nor the owner of that. Set"
                " path to Swarm's swarm.yaml itself."
            )
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return target


def _owners(path: str) -> t.Set[int]:
    """The user of the task, and whose file this is."""
    owners = {os.geteuid()}
    with contextlib.suppress(OSError):
        owners.add(os.lstat(path).st_uid)
    return owners


def explain(why: t.Optional[str], state: t.Mapping[str, t.Any], log: str, seconds: float) -> str:
    """Why Swarm is taken for not started."""
    if state["running"] and not state["hopeless"]:
        return f"{why} (after {seconds:g} s)"
    text = f"the service is {state['text']}"
    if state["restarts"]:
        text += f", after {state['restarts']} restarts"
    if why:
        text += f"; {why}"
    return f"{text}; it wrote: {log}" if log else text


def run(module: AnsibleModule) -> t.NoReturn:
    step = module.params["settings"]
    if "do" not in step:
        module.fail_json(msg="settings works only through its action plugin.")
    try:
        module.exit_json(**SettingsHost(module.params).run(step))
    except SwarmError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or module.params['path']}: {error.strerror}")


def check_options(options: t.Mapping[str, t.Any]) -> None:
    """:raises OptionsError: A number is out of its range, or an option lacks another one."""
    check_limits(options, "start_timeout", "stop_timeout", "connect_timeout", "rescue_after")
    for name in ("busy_wait", "revert_after"):
        # Also refuses nan.
        if not 0 <= options[name] <= LONGEST_LIMIT:
            raise OptionsError(f"{name} is {options[name]:g}; it is a number of seconds from 0 to {LONGEST_LIMIT}.")
    check_port(options["web_port"])
    # It starts, and then it has to answer. The last question may be put when the time is nearly over.
    longest = options["stop_timeout"] + 2 * options["start_timeout"] + options["connect_timeout"] + _REST_SECONDS
    if options["service"] and options["rescue_after"] < longest:
        raise OptionsError(
            f"rescue_after is {options['rescue_after']}; it has to be at least {math.ceil(longest)}, which is stop_timeout, twice"
            f" start_timeout, connect_timeout and {_REST_SECONDS} s for the rest. Else the host would start Swarm, or throw the"
            " old settings away, while the task is at work."
        )
    for name, needed in (
        ("busy_wait", "data_dir"),
        ("revert_after", "service"),
        ("absent_builds", "service"),
        ("absent_builds", "data_dir"),
    ):
        if options[name] and not options[needed]:
            raise OptionsError(f"{name} needs {needed}.")


def _encode(content: t.Optional[bytes]) -> t.Optional[str]:
    return None if content is None else base64.b64encode(content).decode("ascii")


def _decode(content: str) -> bytes:
    return base64.b64decode(content)
