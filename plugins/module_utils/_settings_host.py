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
import hashlib
import os
import shutil
import stat
import tempfile
import time
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._ask import ask
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    OptionsError,
    SettingsError,
    SwarmError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service_control import ServiceError, State, control

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# What an interrupted run left is what Swarm last ran with, for so long.
_SAVED_SECONDS = 3600
_POLL = 0.5

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


class SettingsHost:
    """The steps. Which one is next, the action plugin says in place of the settings, which it has dealt with."""

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        self._params = params
        # What a link points to is what is replaced.
        self.path = os.path.realpath(self._params["path"])
        directory, name = os.path.split(self.path)
        #: The content with which Swarm ran, until the new one is proven.
        self.saved = os.path.join(directory, f".{name}.vray_swarm-saved")

    def run(self, step: t.Mapping[str, t.Any]) -> Result:
        do = {
            "look": self._look,
            "write": self._write_step,
            "apply": self._apply,
            "start": self._start,
            "state": self._state,
            "confirm": self._confirm,
            "undo": self._undo_step,
        }
        return do[step["do"]](step)

    # -- steps

    def _look(self, step: t.Mapping[str, t.Any]) -> Result:
        content = self._read()
        result: Result = {"content": _encode(content), "obstacle": self._obstacle(content)}
        if self._params["service"]:
            result["state"] = control(self._params["service"]).state()._asdict()
        return result

    def _write_step(self, step: t.Mapping[str, t.Any]) -> Result:
        if sha256(self._read()) != step["sha256"]:
            raise SettingsError(
                f"{self.path} was changed by somebody else just now. Nothing was written: run the task again."
            )
        return {"backup_file": self._write(_decode(step["content"]))}

    def _apply(self, step: t.Mapping[str, t.Any]) -> Result:
        """Stop, read again, write, start. ``moved``: the file changed while Swarm stopped, and nothing was written."""
        service = control(self._params["service"])
        was_running = step["was_running"]
        if not step["stopped"]:
            service.arm(self._params["rescue_after"], self.path, self.saved, step["sha256"] is None)
            # It hangs or it fails: it is as it was, and the timer stays.
            service.stop(self._params["stop_timeout"])
        result: Result = {"backup_file": None, "undone": None}
        try:
            content = self._read()
            if sha256(content) != step["sha256"]:
                if step["stopped"]:
                    raise SettingsError(f"{self.path} is changed by somebody else again and again")
                return dict(result, moved=True, content=_encode(content))
            if step["content"] is not None:
                self._save(content, keep=not was_running)
                result["backup_file"] = self._write(_decode(step["content"]))
            service.start(self._params["start_timeout"])
        except Exception as error:  # pylint: disable=broad-except
            # Whatever it is: Swarm is down.
            return dict(result, undone=self._undo(self._reason(error), step["sha256"] is None))
        return self._prove(step, result)

    def _start(self, step: t.Mapping[str, t.Any]) -> Result:
        """Nothing is to be changed, but Swarm is down. What an interrupted run wrote may be why."""
        service = control(self._params["service"])
        result: Result = {"backup_file": None, "undone": None}
        try:
            service.start(self._params["start_timeout"])
        except SwarmError as error:
            if self._saved_lately():
                return dict(result, undone=self._undo(self._reason(error), False))
            raise ServiceError(self._reason(error)) from error
        return self._prove(step, result)

    def _prove(self, step: t.Mapping[str, t.Any], result: Result) -> Result:
        """With ``api_from=peer``, wait here until Swarm answers; else the controller asks."""
        if step["ask"]:
            why = self._wait(step["web_port"], step["allow_executables"])
            if why:
                if step["content"] is None and not self._saved_lately():
                    raise ServiceError(why)
                return dict(result, undone=self._undo(why, step["sha256"] is None))
            return dict(result, **self._confirm(step))
        return result

    def _state(self, step: t.Mapping[str, t.Any]) -> Result:
        service = control(self._params["service"])
        state = service.state()
        return {"state": state._asdict(), "log": "" if state.running and not state.hopeless else service.log()}

    def _confirm(self, step: t.Mapping[str, t.Any]) -> Result:
        service = control(self._params["service"])
        state = service.state()
        if not state.running:
            return {"confirmed": False, "state": state._asdict(), "log": service.log()}
        service.disarm()
        self._remove(self.saved)
        return {"confirmed": True}

    def _undo_step(self, step: t.Mapping[str, t.Any]) -> Result:
        return {"undone": self._undo(step["reason"], step["sha256"] is None)}

    # -- the parts

    def _undo(self, reason: str, was_missing: bool) -> Result:
        """Let Swarm run with its old settings again, whatever happened."""
        service = control(self._params["service"])
        trouble = []
        try:
            service.stop(self._params["stop_timeout"])
        except SwarmError as error:
            trouble.append(str(error))
        try:
            if os.path.exists(self.saved):
                os.replace(self.saved, self.path)
            elif was_missing:
                self._remove(self.path)
            service.start(self._params["start_timeout"])
        except (SwarmError, OSError) as error:
            trouble.append(self._reason(error))
        else:
            service.disarm()
        return {"reason": reason, "trouble": "; ".join(trouble)}

    def _reason(self, error: Exception) -> str:
        if isinstance(error, ServiceError):
            log = control(self._params["service"]).log()
            return f"{error}; it wrote: {log}" if log else str(error)
        return str(error)

    def _wait(self, web_port: int, allow_executables: t.Optional[bool]) -> t.Optional[str]:
        """Wait for the answer; say why it did not come."""
        service = control(self._params["service"])
        until = time.monotonic() + self._params["start_timeout"]
        while True:
            why = awaited(
                ask(self._params["peer"] or "127.0.0.1", web_port, self._params["connect_timeout"]), allow_executables
            )
            state: State = service.state()
            if not why and state.running:
                return None
            if state.hopeless or time.monotonic() > until:
                return explain(why, state._asdict(), service.log(), self._params["start_timeout"])
            time.sleep(_POLL)

    def _saved_lately(self) -> bool:
        try:
            return time.time() - os.stat(self.saved).st_ctime < _SAVED_SECONDS
        except OSError:
            return False

    # -- the file

    def _read(self) -> t.Optional[bytes]:
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise SettingsError(f"{self.path} is no file. Set path to Swarm's swarm.yaml.")
            with open(self.path, "rb") as file:
                return file.read()
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
        if content is not None and os.geteuid() not in (0, os.stat(self.path).st_uid):
            return f"{self.path} belongs to another user, and must go on doing so. Does the task need become?"
        return None

    def _write(self, content: bytes) -> t.Optional[str]:
        """Replace the file in one step, by one with the same owner and mode; return the path of its backup."""
        backup = None
        if self._params["backup"] and os.path.exists(self.path):
            # As AnsibleModule.backup_local() names it.
            backup = f"{self.path}.{os.getpid()}.{time.strftime('%Y-%m-%d@%H:%M:%S~')}"
            self._put(t.cast(bytes, self._read()), backup)
        self._put(content, self.path)
        return backup

    def _save(self, content: t.Optional[bytes], keep: bool) -> None:
        if keep and self._saved_lately():
            # An interrupted run wrote what is there now, and Swarm did not run with it.
            return
        self._remove(self.saved)
        if content is not None:
            self._put(content, self.saved)

    def _put(self, content: bytes, target: str) -> None:
        """Write a file with the owner, mode, labels and access lists that swarm.yaml has, whole or not at all.

        Not atomic_move(): it ends the module when it fails, and then nobody starts Swarm again.
        """
        directory = os.path.dirname(target)
        handle, temporary = tempfile.mkstemp(prefix=".vray_swarm-", dir=directory)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
                if os.path.exists(self.path):
                    status = os.stat(self.path)
                    os.chown(temporary, status.st_uid, status.st_gid)
                    shutil.copystat(self.path, temporary)
                    os.utime(temporary)
                else:
                    os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, target)
        finally:
            self._remove(temporary)
        # The new name is on the disk, too.
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _remove(self, path: str) -> None:
        try:
            os.remove(path)
        except FileNotFoundError:
            pass


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


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
    """:raises OptionsError: A number is out of its range."""
    for name in ("start_timeout", "stop_timeout", "connect_timeout", "rescue_after"):
        if not options[name] > 0:
            raise OptionsError(f"{name} is {options[name]:g}; it must be more than 0 seconds.")
    if not 1 <= options["web_port"] <= 65535:
        raise OptionsError(f"web_port is {options['web_port']}; a port is a number from 1 to 65535.")


def _encode(content: t.Optional[bytes]) -> t.Optional[str]:
    return None if content is None else base64.b64encode(content).decode("ascii")


def _decode(content: str) -> bytes:
    return base64.b64decode(content)
