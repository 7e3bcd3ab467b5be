# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""settings: what swarm.yaml shall say is decided here; reading, writing, stopping and starting are steps on the host."""

from __future__ import annotations

import base64
import time
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import settings_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._ask import ask
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    OptionsError,
    SettingsError,
    SwarmError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_host import (
    awaited,
    check_options,
    explain,
    sha256,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import SwarmAction
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._settings import (
    DEFAULTS,
    absent_keys,
    wanted_settings,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._yaml_edit import Edited, edit, read_value

_POLL = 0.5
# How long to go without an answer before the service is looked at; each look is a round trip.
_LOOK_AFTER = 5.0
_FLAG = "allowExecutables"


class ActionModule(SwarmAction):
    SPEC = settings_spec()

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        self._report: t.Dict[str, t.Any] = {
            "changed": False,
            "before": {},
            "after": {},
            "backup_file": None,
            "restarted": False,
            "rolled_back": False,
        }
        return super().run(tmp, task_vars)

    def act(self) -> t.Dict[str, t.Any]:
        check_options(self.options)
        if self.on_windows:
            raise OptionsError("settings is not supported on Windows hosts yet.")
        self._wanted = wanted_settings(self.options["settings"])
        self._absent = absent_keys(self.options["absent"], self._wanted)
        look = self._step("look")
        content = _decode(look["content"])
        if content is None and not self.options["create"]:
            raise SettingsError(
                f"{self.options['path']} is not there. Set path to Swarm's swarm.yaml (the playbook"
                " renderops.vray_swarm.discover finds it), or set create."
            )
        edited = self._edit(content)
        is_down = bool(self.options["service"]) and not look["state"]["running"]
        changed = edited.changed or content is None
        if changed and look["obstacle"]:
            raise SettingsError(look["obstacle"])
        self._tell(content, edited, changed)
        self._report.update(
            changed=changed or is_down, restarted=bool(self.options["service"]) and (changed or is_down)
        )
        if self._task.check_mode or not (changed or is_down):
            return self._report
        planned = dict(self._report)
        # Until it is done, it has not happened.
        self._report.update(changed=False, restarted=False)
        if not self.options["service"]:
            done = self._step("write", sha256=sha256(content), content=_encode(edited.content))
            planned["backup_file"] = done["backup_file"]
        elif changed:
            self._transaction(content, edited, not is_down)
            planned.update(
                {
                    name: self._report[name]
                    for name in ("before", "after", "backup_file", "diff")
                    if name in self._report
                }
            )
        else:
            self._start(t.cast(bytes, content))
        return planned

    def failure_facts(self) -> t.Dict[str, t.Any]:
        """A task that fails leaves the settings as they were."""
        report = {name: value for name, value in self._report.items() if name != "diff"}
        return dict(report, changed=False, after=report["before"])

    def _edit(self, content: t.Optional[bytes]) -> Edited:
        return edit(content or b"", self.options["path"], self._wanted, self._absent, DEFAULTS)

    def _tell(self, content: t.Optional[bytes], edited: Edited, changed: bool) -> None:
        self._report.update(before=edited.before, after=edited.after)
        if self._task.diff and changed:
            self._report["diff"] = {
                "before": (content or b"").decode("utf-8"),
                "after": edited.content.decode("utf-8"),
                "before_header": self.options["path"] if content is not None else f"{self.options['path']} (not there)",
                "after_header": self.options["path"],
            }

    # -- with the service

    def _transaction(self, content: t.Optional[bytes], edited: Edited, was_running: bool) -> None:
        common = {"was_running": was_running, "ask": self.options["api_from"] == "peer"}
        done = self._step("apply", **common, **self._aim(content, edited), stopped=False)
        if done.get("moved"):
            # Swarm, or somebody else, wrote the file meanwhile. Swarm is stopped now.
            content = _decode(done["content"])
            try:
                edited = self._edit(content)
            except SwarmError as error:
                self._undo(str(error), content)
            self._tell(content, edited, True)
            done = self._step("apply", **common, **self._aim(content, edited), stopped=True)
        self._report["backup_file"] = done["backup_file"]
        self._finish(done, content, edited.content)

    def _start(self, content: bytes) -> None:
        aim = self._aim(content, None)
        done = self._step("start", ask=self.options["api_from"] == "peer", **aim)
        self._finish(done, content, content, may_undo=False)

    def _aim(self, content: t.Optional[bytes], edited: t.Optional[Edited]) -> t.Dict[str, t.Any]:
        """What the file must have been, what it shall be (None: as it is), and what Swarm shall answer then."""
        after = edited.content if edited else t.cast(bytes, content)
        return {
            "sha256": sha256(content),
            "content": _encode(after) if edited and (edited.changed or content is None) else None,
            "web_port": self._web_port(after),
            "allow_executables": self._flag(after),
        }

    def _finish(self, done: t.Dict[str, t.Any], before: t.Optional[bytes], after: bytes, may_undo: bool = True) -> None:
        """Wait until Swarm answers with what was set, or see to it that it answers as before."""
        if done["undone"]:
            self._fail(done["undone"], before)
        if done.get("confirmed"):
            return
        why = done.get("log")
        if "confirmed" not in done:
            why = self._wait(self._web_port(after), self._flag(after))
        if why is None:
            done = self._step("confirm")
            if done["confirmed"]:
                return
            why = explain(None, done["state"], done["log"], self.options["start_timeout"])
        if not may_undo:
            raise SettingsError(f"Swarm was down. It was started, but does not run: {why}.")
        self._undo(t.cast(str, why), before)

    def _wait(self, web_port: int, flag: t.Optional[bool]) -> t.Optional[str]:
        """Ask until the answer is right; say why it is not."""
        start = time.monotonic()
        looked = start
        while True:
            why = awaited(ask(self.options["peer"], web_port, self.options["connect_timeout"]), flag)
            if why is None:
                return None
            now = time.monotonic()
            is_over = now - start > self.options["start_timeout"]
            if is_over or now - looked > _LOOK_AFTER:
                looked = now
                found = self._step("state")
                if is_over or found["state"]["hopeless"]:
                    return explain(why, found["state"], found["log"], self.options["start_timeout"])
            time.sleep(_POLL)

    def _undo(self, reason: str, before: t.Optional[bytes]) -> t.NoReturn:
        self._fail(self._step("undo", sha256=sha256(before), reason=reason)["undone"], before)

    def _fail(self, undone: t.Dict[str, t.Any], before: t.Optional[bytes]) -> t.NoReturn:
        self._report.update(rolled_back=True, restarted=True)
        trouble = undone["trouble"]
        if not trouble and self.options["api_from"] == "controller":
            trouble = self._wait(self._web_port(before or b""), None)
        now = "The old file is back, and Swarm runs with it."
        if trouble:
            now = f"The old file is back, but Swarm does not run with it either: {trouble}."
        raise SettingsError(f"Swarm did not come up with the new settings: {undone['reason']}. {now}")

    def _web_port(self, content: bytes) -> int:
        try:
            port = read_value(content, self.options["path"], ("webPort",))
        except SettingsError:
            # It became so while Swarm stopped, and is told for that.
            port = None
        is_port = isinstance(port, int) and not isinstance(port, bool) and 1 <= port <= 65535
        return port if is_port else int(self.options["web_port"])

    def _flag(self, content: bytes) -> t.Optional[bool]:
        """What Swarm must answer; None where this task has no say in it."""
        if _FLAG not in self._wanted and (_FLAG,) not in self._absent:
            return None
        return bool(self._wanted.get(_FLAG, DEFAULTS[_FLAG]))

    # -- steps on the host

    def _step(self, do: str, **values: t.Any) -> t.Dict[str, t.Any]:
        arguments = {name: value for name, value in self.arguments.items() if name != "absent"}
        return self.run_module("renderops.vray_swarm.settings", dict(arguments, settings=dict(values, do=do)))


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _decode(content: t.Optional[str]) -> t.Optional[bytes]:
    return None if content is None else base64.b64decode(content)
