# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The part of settings on a Windows host: the same steps as elsewhere, taken from the controller.

A Windows host runs no Python. What must not be torn apart there is one script: the look for renders and the stop, each
file, and what the host does by itself when nobody comes back, which is a scheduled task.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import ntpath
import os
import re
import time
import typing as t

from ansible.utils.display import Display

from ansible_collections.renderops.vray_swarm.plugins.module_utils._address import system_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import FLAG_PATH
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    OptionsError,
    SettingsError,
    SwarmError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import (
    AWAITED,
    KINDS,
    SENDING,
    WHOLE,
    mark_path,
    marked_versions,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service_control import (
    ServiceControl,
    ServiceError,
    State,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_host import (
    MovedError,
    RemovalError,
    Result,
    SettingsHost,
    sha256,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import (
    Windows,
    base_url,
    check_windows_service,
    exit_code,
    parse_ask,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_look import deployed_builds

# How long a task that starts the service just now may go on.
_PATIENCE = 60
# As long as what an interrupted run left is what Swarm last ran with: see _settings_host.
_SAVED_SECONDS = 3600


class Rendering(Exception):
    """The service was not stopped, because of these processes."""

    def __init__(self, renders: t.List[Result]) -> None:
        super().__init__("a build renders")
        self.renders = renders


class WindowsService(ServiceControl):
    def __init__(
        self,
        name: str,
        windows: Windows,
        guard: t.Optional[str] = None,
        forget: t.Callable[[], None] = lambda: None,
        rescue_after: int = 0,
    ) -> None:
        """
        :param guard: What the executables of renders begin with, where these keep the service from a stop.
        :param forget: Told when something was done, after which the files may be others.
        """
        check_windows_service(name)
        super().__init__(name)
        self._windows = windows
        self._guard = guard
        self._forget = forget
        self._rescue_after = rescue_after
        self._is_stopped = False
        plain = re.sub(r"[^A-Za-z0-9_-]", "-", name)
        self.rescue, self.revert = f"vray-swarm-rescue-{plain}", f"vray-swarm-revert-{plain}"

    def state(self) -> State:
        found = self._windows.service(self.name)
        if found is None:
            raise OptionsError(
                f"Windows has no service {self.name}. Set service to the name of Swarm's service on this host; the playbook"
                " renderops.vray_swarm.discover finds it."
            )
        text = str(found["state"])
        # The module and its documentation spell it each in its way.
        code = exit_code(found.get("win32_exit_code", found.get("win32_exitcode")), found.get("service_exit_code"))
        if text == "stopped" and code:
            text += f", exit code {code}"
        return State(found["state"] == "started", found["state"] in ("stopped", "paused"), text, 0)

    def stop(self, seconds: float) -> None:
        self._forget()
        try:
            done = self._windows.run("service", Do="stop", Name=self.name, Seconds=_whole(seconds), Root=self._guard)
        except SwarmError as error:
            raise ServiceError(
                f"{self.name} did not stop within {seconds:g} s: {_plain(error)}; Windows says {self.state().text}. A"
                f" scheduled task, {self.rescue}, starts it again as soon as it has ended. Nothing was written."
            ) from error
        if done.get("renders"):
            raise Rendering(done["renders"])
        self._is_stopped = True

    def start(self, seconds: float) -> None:
        self._forget()
        self._is_stopped = False
        try:
            self._windows.run("service", Do="start", Name=self.name, Seconds=_whole(seconds))
        except SwarmError as error:
            raise ServiceError(
                f"{self.name} did not start: {_plain(error)}; Windows says {self.state().text}"
            ) from error

    def arm(self, seconds: int, path: str, saved: str, new: t.Optional[str]) -> None:
        try:
            self._arm("rescue", self.rescue, seconds, path=path, saved=saved, new=new or "")
        except SwarmError as error:
            raise ServiceError(
                f"the scheduled task that would start {self.name} again could not be set ({_plain(error)}), so it was not"
                " stopped."
            ) from error

    def disarm(self) -> bool:
        return self._disarm(self.rescue, Owner=self.owner)

    def arm_revert(self, seconds: int, path: str, old: str, roots: t.Sequence[str]) -> None:
        # A rescue has an hour for its work.
        patience = self._rescue_after + 3600
        more = {"rescue": self.rescue, "patience": patience, "root": "".join(roots[:1])}
        try:
            self._arm("revert", self.revert, seconds, path=path, old=old, **more)
        except SwarmError as error:
            raise ServiceError(
                f"the scheduled task that would take the change back could not be set: {_plain(error)}"
            ) from error

    def end_revert(self) -> None:
        self._disarm(self.revert)

    def log(self) -> str:
        # Where Swarm writes its log on Windows is not published.
        return ""

    def _arm(self, kind: str, task: str, seconds: int, **values: t.Any) -> None:
        data = base64.b64encode(json.dumps(dict(values, name=self.name, task=task)).encode()).decode("ascii")
        self._task("arm", task, Kind=kind, Seconds=seconds, Data=data, Owner=self.owner)

    def _task(self, do: str, task: str, **parameters: t.Any) -> Result:
        patience = 0 if self._is_stopped else _PATIENCE
        return self._windows.run("service", Do=do, Name=self.name, Task=task, Patience=patience, **parameters)

    def _disarm(self, task: str, **parameters: t.Any) -> bool:
        try:
            return not self._task("disarm", task, **parameters).get("other")
        except SwarmError as error:
            raise ServiceError(f"the scheduled task {task} could not be removed: {_plain(error)}") from error


class WindowsSettingsHost(SettingsHost):
    def __init__(self, params: t.Mapping[str, t.Any], windows: Windows) -> None:
        self._params = params
        self._windows = windows
        self.path = str(params["path"])
        directory, name = ntpath.split(self.path)
        self.saved = ntpath.join(directory, f".{name}.vray_swarm-saved")
        self.old = ntpath.join(directory, f".{name}.vray_swarm-revert")
        self._owner = ""
        # What the files held when they were last looked at, until something is written or stopped.
        self._seen: t.Optional[Result] = None
        self._guarded = False
        # The versions of which there are marks, by kind.
        self._marks: t.Dict[str, t.List[str]] = {}
        # What the step replaces: the SHA-256 of what was read, or "none".
        self._replaces: t.Optional[str] = None

    # -- steps

    def run(self, step: t.Mapping[str, t.Any]) -> Result:
        if "sha256" in step:
            self._replaces = step["sha256"] or "none"
        return super().run(step)

    def _apply(self, step: t.Mapping[str, t.Any]) -> Result:
        # A render may begin between the look and the stop.
        self._guarded = not step["stopped"] and bool(self._params["data_dir"])
        try:
            return super()._apply(step)
        except Rendering as rendering:
            self._control().disarm()
            return {"busy": rendering.renders}

    # -- the host

    def _is_own(self, peer: str) -> bool:
        return bool(self._look_at_files(system_host(peer))["is_peer"])

    def _service(self) -> ServiceControl:
        guard, self._guarded = self._guard() if self._guarded else None, False
        return WindowsService(self._params["service"], self._windows, guard, self._forget, self._params["rescue_after"])

    def _forget(self) -> None:
        self._seen = None

    def _guard(self) -> str:
        return ntpath.join(self._params["data_dir"], "VRay", "vray-")

    def _roots(self) -> t.List[str]:
        return [self._guard()]

    def _renders(self) -> t.List[t.Dict[str, t.Any]]:
        found = self._windows.run("look", DataDir=self._params["data_dir"], Renders=True)
        for error in (found["data"]["error"], found.get("renders_error")):
            if error:
                raise OptionsError(f"Which renders run is not known for sure: {error}")
        return t.cast("t.List[t.Dict[str, t.Any]]", found["renders"])

    def _ask(self, web_port: int) -> Result:
        url = base_url(self._params["peer"] or "localhost", web_port)
        milliseconds = int(self._params["connect_timeout"] * 1000)
        return parse_ask(self._windows.run("look", Url=url + FLAG_PATH, Milliseconds=milliseconds)["answer"], url)

    # -- builds that are to go

    def _builds(self, versions: t.Container[str]) -> t.List[str]:
        data_dir = self._params["data_dir"]
        found = self._windows.run("look", DataDir=data_dir)
        deployed = deployed_builds(found, data_dir)
        self._marks = {kind: marked_versions(found["marks"], kind) for kind in KINDS}
        return [build["directory"] for build in deployed if build["version"] in versions]

    def _remove_build(self, directory: str) -> None:
        try:
            self._windows.remove(directory)
        except SwarmError as error:
            raise RemovalError(f"{directory} could not be removed: {_plain(error)}") from error

    def _forget_builds(self, versions: t.Iterable[str]) -> None:
        for version in self._marks[WHOLE]:
            if version in versions:
                self._remove_build(mark_path(self._params["data_dir"], version, WHOLE))

    def _remove_marks(self, versions: t.Iterable[str]) -> None:
        for version, kind in itertools.product(versions, [SENDING, AWAITED]):
            if version in self._marks[kind]:
                with contextlib.suppress(SwarmError):
                    self._windows.remove(mark_path(self._params["data_dir"], version, kind))

    # -- the files

    def _look_at_files(self, peer: t.Optional[str] = None) -> Result:
        if self._seen is None:
            asked = {"Path": self.path, "Saved": self.saved, "Old": self.old, "Peer": peer}
            try:
                self._seen = self._windows.run("files", Do="look", **asked)
            except SwarmError as error:
                raise SettingsError(
                    f"{self.path} could not be read: {_plain(error)}. Does the task need become?"
                ) from error
        return self._seen

    def _change(self, **parameters: t.Any) -> Result:
        self._seen = None
        try:
            done = self._windows.run("files", **parameters)
            if done.get("left"):
                Display().warning(f"{done['left']}, a copy of {self.path} as it was, could not be removed. Remove it.")
            return done
        except SwarmError as error:
            raise SettingsError(f"{parameters['Path']} could not be written: {_plain(error)}") from error

    def _read(self) -> t.Optional[bytes]:
        seen = self._look_at_files()
        if seen["directory"]:
            raise SettingsError(f"{self.path} is no file. Set path to Swarm's swarm.yaml.")
        if not seen["parent"]:
            raise SettingsError(
                f"{self.path} is not there, nor is its directory. Set path to Swarm's swarm.yaml; the playbook"
                " renderops.vray_swarm.discover finds it."
            )
        return _decoded(seen["content"])

    def _pending(self) -> t.Optional[bytes]:
        return _decoded(self._look_at_files()["old"])

    def _saved_lately(self) -> bool:
        seconds = self._look_at_files()["saved_seconds"]
        return seconds is not None and seconds < _SAVED_SECONDS

    def _exists(self, path: str) -> bool:
        seen = self._look_at_files()
        if path == self.saved:
            return bool(seen["saved"])
        return seen["old" if path == self.old else "content"] is not None

    def _obstacle(self, content: t.Optional[bytes]) -> t.Optional[str]:
        if self._look_at_files()["readonly"]:
            return f"{self.path} has the attribute read-only, and could not be replaced. Take it off."
        return None

    def _write(self, content: bytes) -> t.Optional[str]:
        backup = None
        old = self._read() if self._params["backup"] else None
        if old is not None:
            # As modules of ansible.windows name it.
            backup = f"{self.path}.{os.getpid()}.{time.strftime('%Y%m%d-%H%M%S')}.bak"
            self._put(old, backup)
        self._put(content, self.path)
        return backup

    def _put(self, content: bytes, target: str) -> None:
        encoded = base64.b64encode(content).decode("ascii")
        replaces = self._replaces if target == self.path else None
        if self._change(Do="put", Path=target, Content=encoded, Like=self.path, Replaces=replaces)["other"]:
            raise self._moved(target)

    def _moved(self, target: str) -> MovedError:
        return MovedError(f"{target} was changed by somebody else just now, and left as it is")

    def _is_moved(self, step: t.Mapping[str, t.Any], content: t.Optional[bytes]) -> bool:
        # What the script compares with once more.
        self._replaces = sha256(content) or "none"
        return super()._is_moved(step, content)

    def _is_gone_but_kept(self, before: str) -> bool:
        # What is kept counts here whoever owns it.
        return False

    def _is_as_saved(self) -> bool:
        # Whether it is has no consequence here, where a file can be replaced by its like.
        return False

    def _is_saved(self, wanted: t.Optional[str]) -> bool:
        return bool(self._look_at_files()["saved_sha256"] == wanted)

    @contextlib.contextmanager
    def _alone(self) -> t.Iterator[None]:
        # Windows has no lock that would outlive a round trip: the script compares once more.
        yield

    def _move(self, path: str, target: str) -> None:
        replaces = self._replaces if target == self.path else None
        if self._change(Do="move", Path=path, Target=target, Replaces=replaces)["other"]:
            raise self._moved(target)
        if path == self.path:
            self._replaces = "none"

    def _remove(self, path: str) -> None:
        replaces = self._replaces if path == self.path else None
        if self._change(Do="remove", Path=path, Replaces=replaces)["other"]:
            raise self._moved(path)


def _decoded(content: t.Optional[str]) -> t.Optional[bytes]:
    return None if content is None else base64.b64decode(content)


def _plain(error: Exception) -> str:
    """What Windows said, within a sentence."""
    return str(error).rstrip(".")


def _whole(seconds: float) -> int:
    return max(1, round(seconds))
