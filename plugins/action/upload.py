# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""upload: a build on the controller is sent from here; with remote_src, the module on the host sends it."""

from __future__ import annotations

import typing as t

from ansible.utils.display import Display

# Imported here, requests is imported once a run: Ansible loads the action before it forks a process for each host.
from ansible_collections.renderops.vray_swarm.plugins.module_utils import _session  # noqa: F401 # pylint: disable=unused-import
from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import upload_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import Look
from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload import Hooks, Host, Report, Upload
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import printable
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import SwarmAction
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._progress import progress_line
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._run_cache import sha256_once
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_upload import WindowsUpload

display = Display()


class _RemoteHost(Host):
    """The host of the task, looked at through its connection."""

    def __init__(self, action: ActionModule) -> None:
        self._action = action

    def look(self) -> Look:
        return self._action.look()

    def sha256(self, path: str) -> t.Optional[str]:
        if self._action.on_windows:
            return self._action.windows.sha256(path)
        found = self._action.run_module(
            "ansible.builtin.stat", {"path": path, "checksum_algorithm": "sha256", "get_checksum": True}
        )
        return found["stat"].get("checksum")

    def make_directory(self, path: str) -> None:
        if self._action.on_windows:
            self._action.windows.make_directory(path)
        else:
            self._file(path, "directory")

    def remove_directory(self, path: str) -> None:
        if self._action.on_windows:
            self._action.windows.remove(path)
        else:
            self._file(path, "absent")

    def _file(self, path: str, state: str) -> None:
        self._action.run_module("ansible.builtin.file", {"path": path, "state": state, "follow": False})


class ActionModule(SwarmAction):
    SPEC = upload_spec()
    ANSWERS = ("answer", "message")

    _report = Report()

    def act(self) -> t.Dict[str, t.Any]:
        if self.options["remote_src"]:
            return self._on_host()
        self.options["src"] = self.find_build()
        upload = Upload(
            self.options,
            _RemoteHost(self),
            Hooks(
                sha256=sha256_once,
                progress=progress_line(self.label, display.display),
                notify=self._notify,
                warn=self._warn,
            ),
        )
        self._report = upload.report
        upload.run(self._task.check_mode)
        return upload.report.as_dict()

    def failure_facts(self) -> t.Dict[str, t.Any]:
        return self._report.as_dict()

    def _address(self) -> str:
        if not self.delegated:
            return super()._address()
        # As ansible_host of a host that has none, ansible-core fills in the address of the one that sends.
        hosts = self._task_vars.get("hostvars") or {}
        own = hosts[self.label].get("ansible_host") if self.label in hosts else None
        return str(self._templar.template(self._task.get_vars().get("ansible_host") or own or self.label))

    def _notify(self, text: str) -> None:
        # Unlike a warning, which ansible-core since 2.19 keeps until the task ends, this is seen at once.
        display.display(printable(f"{self.label}: {text}"))

    def _warn(self, text: str) -> None:
        display.warning(printable(f"{self.label}: {text}"))

    def look(self) -> Look:
        names = ("data_dir", "config", "service") if self.on_windows else ("data_dir", "config")
        wanted = {name: self.options[name] for name in names if self.options[name]}
        # What the decisions about an upload need is all there without the details.
        return Look(self.look_at_host(dict(wanted, details=[])))

    def _on_host(self) -> t.Dict[str, t.Any]:
        if self.on_windows:
            return self._on_windows()
        arguments = dict(self.arguments)
        if self.delegated:
            # A relay: its own localhost is not the peer that is meant.
            arguments["peer"] = self.options["peer"]
        return self.run_module("renderops.vray_swarm.upload", arguments, fail=False)

    def _on_windows(self) -> t.Dict[str, t.Any]:
        if not (self.peer_given or self.delegated):
            self.options["peer"] = "localhost"
        hooks = Hooks(notify=self._notify, warn=self._warn)
        upload = WindowsUpload(self.options, _RemoteHost(self), hooks, self.windows)
        self._report = upload.report
        upload.run(self._task.check_mode)
        return upload.report.as_dict()
