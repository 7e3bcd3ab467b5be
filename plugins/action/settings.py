# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""settings: what swarm.yaml shall say is decided here; reading, writing, stopping and starting are steps on the host."""

from __future__ import annotations

import base64
import ipaddress
import socket
import time
import typing as t
import uuid

from ansible.utils.display import Display

from ansible_collections.renderops.vray_swarm.plugins.module_utils._address import system_host
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
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import printable
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import SwarmAction
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._known_secrets import KnownSecrets
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._secrets import masked_values
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._settings import (
    DEFAULTS,
    absent_keys,
    absent_versions,
    settle_directory,
    swarm_defaults,
    wanted_settings,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_settings import WindowsSettingsHost
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._yaml_edit import (
    Edited,
    edit,
    masked,
    read_value,
)

display = Display()

_POLL = 0.5
# How long to go without an answer before the service is looked at; each look is a round trip.
_LOOK_AFTER = 5.0
# How often a task that waits for renders says so, in seconds.
_TELL_EACH = 60.0
_FLAG = "allowExecutables"


class ActionModule(SwarmAction):
    SPEC = settings_spec()
    SETTINGS = "settings"

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        self._report: t.Dict[str, t.Any] = {
            "changed": False,
            "before": {},
            "after": {},
            "backup_file": None,
            "restarted": False,
            "rolled_back": False,
            "busy": [],
            "removed_builds": [],
        }
        self._owner = uuid.uuid4().hex
        # Whether somebody else wrote the file last.
        self._is_moved = False
        # What Swarm may have written into its log.
        self._secrets = KnownSecrets()
        return super().run(tmp, task_vars)

    def act(self) -> t.Dict[str, t.Any]:
        check_options(self.options)
        self._wanted = wanted_settings(self.options["settings"])
        self._secrets.add(self._wanted)
        self._absent = absent_keys(self.options["absent"], self._wanted)
        self._absent_builds = absent_versions(self.options["absent_builds"])
        look = self._step(
            "look",
            peer=self._peer_to_prove(),
            absent_builds=self._absent_builds,
            ask=self.options["api_from"] == "peer" and self._flag() is not None,
        )
        content = _decode(look["content"])
        if content is None and not self.options["create"]:
            raise SettingsError(
                f"{self.options['path']} is not there. Set path to Swarm's swarm.yaml (the playbook"
                " renderops.vray_swarm.discover finds it), or set create."
            )
        edited = self._edit(content)
        changed = edited.changed or content is None
        if changed and look["obstacle"]:
            raise SettingsError(look["obstacle"])
        self._tell(content, edited, changed)
        is_running = bool(self.options["service"]) and look["state"]["running"]
        is_down = bool(self.options["service"]) and not is_running
        builds = look["builds"]
        restart = is_running and bool(changed or builds or self._is_other(look, content))
        if (restart or builds) and look["unsure"]:
            raise OptionsError(f"{look['unsure']} Swarm was not stopped, and nothing was changed.")
        if (restart or builds) and look["busy"] and not self.options["busy_wait"]:
            return self._leave(look["busy"])
        revert = self._revert(content, _decode(look["old"]), changed)
        settled = revert is not None and revert["do"] != "again"
        self._report.update(
            changed=changed or is_down or restart or settled, restarted=restart or is_down, removed_builds=builds
        )
        if self._task.check_mode or not (self._report["changed"] or revert):
            return self._report
        planned = dict(self._report)
        # Until it is done, it has not happened.
        self._report.update(changed=False, restarted=False, removed_builds=[])
        self._always = {
            "ask": self.options["api_from"] == "peer",
            "absent_builds": self._absent_builds if builds else [],
            "pending": look["old"] is not None,
            "revert": revert,
        }
        if restart or ((changed or builds) and is_down):
            busy = self._transaction(content, edited, is_running)
            if busy:
                return self._leave(busy)
        elif is_down:
            self._start(t.cast(bytes, content))
        elif changed:
            done = self._step("write", sha256=sha256(content), content=_encode(edited.content), revert=revert)
            self._is_moved = "moved" in done
            if self._is_moved:
                raise SettingsError(done["moved"])
            self._report["backup_file"] = done["backup_file"]
        else:
            self._step("settle", revert=revert)
        told = ("before", "after", "backup_file", "diff", "removed_builds")
        planned.update({name: self._report[name] for name in told if name in self._report})
        return planned

    def failure_facts(self) -> t.Dict[str, t.Any]:
        """A task that fails leaves the settings as they were, or as somebody else has set them meanwhile."""
        report = {name: value for name, value in self._report.items() if name != "diff"}
        # What was removed is gone, though.
        changed = bool(report["removed_builds"])
        return dict(report, changed=changed, after=None if self._is_moved else report["before"])

    def _edit(self, content: t.Optional[bytes]) -> Edited:
        path, defaults = self.options["path"], swarm_defaults(self.options["data_dir"])
        self._secrets.read(content or b"")
        wanted = settle_directory(content or b"", path, self._wanted, defaults)
        return edit(content or b"", path, wanted, self._absent, defaults)

    def _tell(self, content: t.Optional[bytes], edited: Edited, changed: bool) -> None:
        self._report.update(before=masked_values(edited.before), after=masked_values(edited.after))
        if self._task.diff and changed:
            self._report["diff"] = {
                "before": masked(content or b"", self.options["path"]),
                "after": masked(edited.content, self.options["path"], content or b""),
                "before_header": self.options["path"] if content is not None else f"{self.options['path']} (not there)",
                "after_header": self.options["path"],
            }

    # -- with the service

    def _peer_to_prove(self) -> t.Optional[str]:
        """The peer that is asked, where it is not certain that it is the host whose file is changed: that finds out.

        :raises OptionsError: It is another host for certain.
        """
        if not self.options["service"] or not (self.peer_given or self.delegated):
            return None
        peer = str(self.options["peer"])
        if not self.peer_given:
            if self.options["api_from"] == "peer":
                # At its own address.
                return None
            if self._connection.transport != "local" and _is_loopback(peer):
                # Each host has such an address.
                raise OptionsError(
                    f"The controller asks {peer}, which is the controller itself, and the task is delegated to {self.host}."
                    f" Set peer to the address of {self.host}, or run the task on the peer itself."
                )
        return peer

    def _is_other(self, look: t.Mapping[str, t.Any], content: t.Optional[bytes]) -> bool:
        """Whether the Swarm that runs has another allowExecutables than the file, which says what is wanted.

        Somebody changed the file, or changed it back, and did not restart Swarm.
        """
        if self._flag() is None:
            return False
        answer = look["answer"]
        if self.options["api_from"] == "controller":
            answer = ask(self.options["peer"], self._web_port(content or b""), self.options["connect_timeout"])
        if answer and not answer["reachable"]:
            text = (
                f"{self.label}: the service {self.options['service']} runs, but with which settings could not be told, and it was"
                f" left alone: {answer['url']}: {answer['error']}"
            )
            display.warning(printable(text))
        return bool(answer and answer["reachable"] and answer["allow_executables"] != self._flag())

    def _leave(self, busy: t.Sequence[t.Mapping[str, t.Any]]) -> t.Dict[str, t.Any]:
        """Swarm goes on with its renders."""
        self._report.pop("diff", None)
        text = f"{_renders(busy)}; Swarm was left alone, and nothing was changed"
        self._show(text)
        self._report.update(changed=False, restarted=False, after=self._report["before"], busy=busy, msg=f"{text}.")
        return self._report

    def _transaction(
        self, content: t.Optional[bytes], edited: Edited, was_running: bool
    ) -> t.Optional[t.List[t.Dict[str, t.Any]]]:
        """Return the renders for which it was not to be; None when it is done."""
        writes = edited.changed or content is None
        done = self._when_idle(was_running=was_running, **self._aim(content, edited), stopped=False)
        if done.get("busy"):
            return t.cast("t.List[t.Dict[str, t.Any]]", done["busy"])
        if done.get("moved"):
            # Swarm, or somebody else, wrote the file meanwhile. Swarm is stopped now.
            content = _decode(done["content"])
            try:
                edited = self._edit(content)
            except SwarmError as error:
                self._undo(str(error), content, content, wrote=False)
            writes = edited.changed or content is None
            self._tell(content, edited, True)
            done = self._step("apply", was_running=was_running, **self._aim(content, edited), stopped=True)
        self._report.update(backup_file=done["backup_file"], removed_builds=done["removed_builds"])
        self._finish(done, content, edited.content, "" if writes else "It was restarted")
        return None

    def _when_idle(self, **values: t.Any) -> t.Dict[str, t.Any]:
        """Apply as soon as nothing is rendered; the host looks by itself, a minute at a time."""
        until = time.monotonic() + self.options["busy_wait"]
        while True:
            done = self._step("apply", **values)
            busy = done.get("busy")
            while busy:
                left = until - time.monotonic()
                if left <= 0:
                    return done
                self._show(f"{_renders(busy)}; waiting for {left:.0f} s more")
                patience, builds = min(left, _TELL_EACH), values["absent_builds"]
                busy = self._step("await_idle", patience=patience, absent_builds=builds)["busy"]
            if not done.get("busy"):
                return done

    def _show(self, text: str) -> None:
        display.display(printable(f"{self.label}: {text}"))

    def _start(self, content: bytes) -> None:
        done = self._step("start", **self._aim(content, None))
        self._finish(done, content, content, "It was down. It was started")

    def _aim(self, content: t.Optional[bytes], edited: t.Optional[Edited]) -> t.Dict[str, t.Any]:
        """What the file must have been, what it shall be (None: as it is), and what Swarm shall answer then."""
        after = edited.content if edited else t.cast(bytes, content)
        return {
            "sha256": sha256(content),
            "content": _encode(after) if edited and (edited.changed or content is None) else None,
            "web_port": self._web_port(after),
            "allow_executables": self._flag(),
            **self._always,
        }

    def _finish(self, done: t.Dict[str, t.Any], before: t.Optional[bytes], after: bytes, only_started: str) -> None:
        """Wait until Swarm answers with what was set, or see to it that it answers as before.

        :param only_started: What was done where the file was not changed, so that there is no way back.
        """
        if done["undone"]:
            self._fail(done["undone"], before)
        if done.get("confirmed"):
            self._check_moved(done, before)
            return
        why = done.get("log")
        if "confirmed" not in done:
            why = self._wait(self._web_port(after), self._flag())
        if why is None:
            content = None if only_started else _encode(after)
            done = self._step("confirm", revert=self._always["revert"], content=content)
            if done["confirmed"]:
                self._check_moved(done, before)
                return
            why = explain(None, done["state"], done["log"], self.options["start_timeout"])
        if only_started:
            raise SettingsError(f"Swarm does not run as its file says. {only_started}, but: {why}.")
        self._undo(t.cast(str, why), before, after)

    def _check_moved(self, done: t.Mapping[str, t.Any], before: t.Optional[bytes]) -> None:
        """Somebody else can have written the file at the same time, with what was set here or without."""
        if not done.get("moved"):
            return
        content = _decode(done["content"])
        if content is None or self._edit(content).changed:
            self._is_moved = True
            raise SettingsError(
                f"Another task changed {self.options['path']} at the same time, and what was set here is not in it any"
                " more. Swarm runs. Run the task again."
            )
        # The way back is not needed any more, unless it is another task's.
        self._step("confirm", revert=self._always["revert"], saved=sha256(before))

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

    def _undo(self, reason: str, before: t.Optional[bytes], after: t.Optional[bytes], wrote: bool = True) -> t.NoReturn:
        found, written = (None if content is None else _encode(content) for content in (before, after))
        aim = {"sha256": sha256(before), "before": found, "content": written, "wrote": wrote}
        done = self._step("undo", reason=reason, pending=self._always["pending"], **aim)
        self._fail(done["undone"], before)

    def _fail(self, undone: t.Dict[str, t.Any], before: t.Optional[bytes]) -> t.NoReturn:
        self._report.update(rolled_back=undone["restored"], restarted=True)
        trouble = undone["trouble"]
        self._is_moved = undone["moved"] or undone["stuck"]
        # What somebody else has set is for that one to look at.
        if not trouble and not self._is_moved and self.options["api_from"] == "controller":
            trouble = self._wait(self._web_port(before or b""), None)
        runs = "and Swarm runs with it"
        if undone["moved"]:
            now = "The file was changed by somebody else meanwhile, and left as it is"
            runs = "and Swarm was started with it"
        elif undone["stuck"]:
            now = "The old file could not be put back"
        else:
            now = "The old file is back" if undone["restored"] else "The file was not changed"
        if undone["kept"] is not None:
            where = f"is kept in {undone['kept']}" if undone["kept"] else "could not be kept"
            now = f"Somebody else had changed the file meanwhile, which {where}. {now}"
        if undone["stuck"]:
            now += f": {trouble}. Put right what {self.options['path']} says, and run the task again."
        else:
            now += f", but Swarm does not run with it either: {trouble}." if trouble else f", {runs}."
        what = "A build was not removed" if undone.get("unremoved") else "Swarm did not come up with the new settings"
        raise SettingsError(f"{what}: {undone['reason']}. {now}")

    def _web_port(self, content: bytes) -> int:
        try:
            port = read_value(content, self.options["path"], ("webPort",))
        except SettingsError:
            # It became so while Swarm stopped, and is told for that.
            port = None
        is_port = isinstance(port, int) and not isinstance(port, bool) and 1 <= port <= 65535
        return port if is_port else int(self.options["web_port"])

    def _flag(self) -> t.Optional[bool]:
        """What Swarm must answer; None where this task has no say in it."""
        if _FLAG not in self._wanted and (_FLAG,) not in self._absent:
            return None
        return bool(self._wanted.get(_FLAG, DEFAULTS[_FLAG]))

    # -- what an earlier task lets the host take back

    def _revert(
        self, content: t.Optional[bytes], old: t.Optional[bytes], changed: bool
    ) -> t.Optional[t.Dict[str, t.Any]]:
        """What becomes of that: see SettingsHost._settle(); None: it stays."""
        if old is None:
            return None
        reverted = self._edit(old)
        # Whether any key that this task names would be taken back.
        has_say = bool(self.options["service"]) and reverted.before != self._edit(content).before
        if self.options["revert_after"]:
            return {"do": "again"} if has_say and not changed else None
        if has_say:
            return {"do": "end"}
        return {"do": "keep", "content": _encode(reverted.content)} if reverted.changed else None

    # -- steps on the host

    def _step(self, do: str, **values: t.Any) -> t.Dict[str, t.Any]:
        values.update(do=do, owner=self._owner)
        if self.on_windows:
            options = dict(self.options, peer=self.options["peer"] if self.peer_given else None)
            return WindowsSettingsHost(options, self.windows).run(values)
        arguments = {name: value for name, value in self.arguments.items() if name not in ("absent", "absent_builds")}
        done = self.run_module("renderops.vray_swarm.settings", dict(arguments, settings=values), fail=False)
        return self.check(self._secrets.told(done))


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _decode(content: t.Optional[str]) -> t.Optional[bytes]:
    return None if content is None else base64.b64decode(content)


def _is_loopback(peer: str) -> bool:
    try:
        found = socket.getaddrinfo(system_host(peer), 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    addresses = [ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_kind, address in found]
    return any(address.is_loopback for address in addresses)


def _renders(busy: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    first = f"{busy[0]['executable']} (process {busy[0]['pid']})"
    return f"{first} runs" if len(busy) == 1 else f"{first} and {len(busy) - 1} more run"
