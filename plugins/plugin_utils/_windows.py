# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What actions do on Windows hosts: by modules of ansible.windows, and by scripts of ours where these have none.

A script is a constant text: what it works on are its parameters.
"""

from __future__ import annotations

import base64
import contextlib
import ntpath
import re
import typing as t

from ansible.plugins.loader import become_loader

from ansible_collections.renderops.vray_swarm.plugins.module_utils._address import url_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._answer import parse_flag
from ansible_collections.renderops.vray_swarm.plugins.module_utils._ask import told
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import FLAG_PATH
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    AnswerError,
    BuildError,
    OptionsError,
    SwarmError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import is_unc
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import shown
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._run_cache import computed_before, once
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._scripts import script_text
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_results import Result, check_result

if t.TYPE_CHECKING:
    from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import SwarmAction

#: As become knows it.
LOCAL_SYSTEM = "SYSTEM"

# Names of services, not patterns: win_service_info and Get-Service take both. In WQL, a backslash or a quote is special.
_SERVICE = re.compile(r"[^\x00-\x1f/\\*?\[\]'\"`$]{1,256}")
_ENABLED = {"Auto": True, "Manual": False, "Disabled": False}
# Of a service that ended well, and of one that was not started since the host was.
_WELL = (0, 1077)
# How deep the results of the scripts are nested, at most.
_DEPTH = 6


class BecomeError(OptionsError):
    """A script or module could not be run as another account.

    :param is_refused: Whether that was refused, so that it would be again. Else it may have failed for once.
    """

    def __init__(self, text: str, is_refused: bool) -> None:
        super().__init__(text)
        self.is_refused = is_refused


def reader_of(path: t.Optional[str]) -> t.Optional[str]:
    """Who reads a file that the user of the task names: on a share LocalSystem, as a service does it."""
    return LOCAL_SYSTEM if is_unc(path) else None


def check_windows_service(name: str) -> None:
    """:raises OptionsError: No service can have this name."""
    if not _SERVICE.fullmatch(name):
        raise OptionsError(f"service is {shown(name)}; it is the name of one service, such as swarm.")


class Windows:
    """The host of a task."""

    def __init__(self, action: SwarmAction) -> None:
        self._action = action
        self._unusable: t.Dict[t.Tuple[str, t.Optional[int]], str] = {}

    def run(self, name: str, reader: t.Optional[str] = None, **parameters: t.Any) -> Result:
        """Run a script of ours and return what it found.

        :param reader: The account to run it as, unless the task becomes somebody already.
        :raises BecomeError: It could not be run as that one.
        :raises SwarmError: The script ended with an error, or returned what it never returns.
        """
        given = {key: value for key, value in parameters.items() if value is not None}
        arguments = {
            "script": script_text(name),
            "parameters": given,
            "error_action": "stop",
            "depth": _DEPTH,
        }
        done = self._call("ansible.windows.win_powershell", arguments, reader)
        if done.get("unreachable") or not done.get("failed"):
            return check_result(name, given, self._action.check(done).get("result"))
        records = done.get("error") or []
        if records:
            exception = records[-1].get("exception") or {}
            while exception.get("inner_exception"):
                exception = exception["inner_exception"]
            raise SwarmError(str(exception.get("message") or records[-1].get("output")).strip())
        return self._action.check(done)

    def _call(self, module: str, arguments: t.Dict[str, t.Any], reader: t.Optional[str]) -> Result:
        """Run a module; whoever logs in over the network cannot go on to a share, so that another account reads it."""
        with self._as(reader):
            done = self._action.run_module(module, arguments, fail=False)
        if reader and done.get("failed") and not done.get("unreachable"):
            why = as_sentence(str(done.get("msg")))
            # With error records, it is the script that failed. Else these are the words of ansible-core.
            is_refused = not done.get("error") and bool(re.search("become|exec_wrapper", str(done.get("msg"))))
            if reader != LOCAL_SYSTEM:
                # Whatever it was: where policies let it run no script, that is an error of the script.
                raise BecomeError(f"{reader} could not be used: {why}", is_refused)
            if is_refused:
                raise BecomeError(
                    f"A share is read as LocalSystem, as a service does it, and that could not be: {why} The user that"
                    " Ansible logs in as must be an administrator of this host; or let the task become another user.",
                    is_refused,
                )
        return done

    @contextlib.contextmanager
    def _as(self, account: t.Optional[str]) -> t.Iterator[None]:
        """Without a password: ansible-core takes the token of a process that runs as the account already."""
        connection = self._action._connection
        if account is None or connection.become is not None:
            yield
            return
        plugin = become_loader.get("ansible.builtin.runas")
        plugin.set_options(direct={"become_user": account})
        connection.set_become_plugin(plugin)
        try:
            yield
        finally:
            connection.become = None

    @property
    def becomes(self) -> bool:
        """Whether the task becomes somebody already, so that all of it is run as that one."""
        return self._action._connection.become is not None

    def why_unusable(self, account: str, process: t.Optional[int]) -> t.Optional[str]:
        """Why a script could not be run as an account earlier in this task, or was refused in this run of Ansible.

        :param process: That of the service, which has the account. With another one it may be had.
        """
        return self._unusable.get((account, process)) or computed_before(self._use_of(account, process))

    def keep_unusable(self, account: str, process: t.Optional[int], error: BecomeError) -> None:
        """In a wait, it is not tried again each time; what was refused, in no later task."""
        self._unusable[account, process] = str(error)
        if error.is_refused:
            once(self._use_of(account, process), lambda: str(error))

    def _use_of(self, account: str, process: t.Optional[int]) -> t.List[t.Any]:
        return ["account", self._action.host, account, process]

    # -- modules of ansible.windows

    def service(self, name: str) -> t.Optional[Result]:
        """Return what win_service_info tells of a service, None where there is none."""
        check_windows_service(name)
        done = self._action.run_module("ansible.windows.win_service_info", {"name": name})
        return t.cast(Result, done["services"][0]) if done["exists"] else None

    def sha256(self, path: str) -> t.Optional[str]:
        """The checksum of a file, None where it is not there."""
        arguments = {"path": path, "get_checksum": True, "checksum_algorithm": "sha256"}
        done = self._action.check(self._call("ansible.windows.win_stat", arguments, reader_of(path)))
        return t.cast("t.Optional[str]", done["stat"].get("checksum"))

    def make_directory(self, path: str) -> None:
        """:raises SwarmError: It is not there, and could not be made."""
        self._file(path, "directory")

    def remove(self, path: str) -> None:
        """Remove a directory with all that is in it, where it is there.

        :raises SwarmError: It is there yet, or a part of it.
        """
        self._file(path, "absent")

    def _file(self, path: str, state: str) -> None:
        done = self._action.run_module("ansible.windows.win_file", {"path": path, "state": state}, fail=False)
        if done.get("failed") and not done.get("unreachable"):
            raise SwarmError(str(done.get("msg")))
        self._action.check(done)

    # -- a look at a build

    def look_at_build(self, path: str, **parameters: t.Any) -> Result:
        """Return what look.ps1 tells of a build on the host, which can be read.

        :param path: What the option src says.
        :param parameters: More of the script's.
        :raises OptionsError: The path is not absolute.
        :raises BuildError: It is not there, may not be read, or somebody has it open for writing.
        """
        drive, rest = ntpath.splitdrive(path)
        if not drive or rest[:1] not in ("\\", "/"):
            raise OptionsError(f"src is {shown(path, 500)}; on a Windows host it has to be an absolute path.")
        looked = self.run("look", reader_of(path), Build=path, **parameters)
        if looked["build"]["error"]:
            raise unreadable(path, looked["build"])
        return looked


def base_url(peer: str, web_port: int) -> str:
    return f"http://{url_host(peer)}:{web_port}"


def unreadable(path: str, found: t.Mapping[str, t.Any]) -> BuildError:
    """What to tell where a script says that it could not read a build, and why."""
    advice = "Correct src."
    if found["in_use"]:
        advice = "Wait until that is done with it."
    elif is_unc(path):
        advice = (
            "A share is read as LocalSystem, which is the computer's account (DOMAIN\\HOST$) on the network, unless the"
            " task becomes another user. Correct src, or let that account read there."
        )
    return BuildError(f"The build {path} could not be read: {as_sentence(found['error'])} {advice}")


def service_facts(found: Result) -> Result:
    """What a look tells of a service, from what look.ps1 has of Win32_Service."""
    facts: Result = {
        "state": "absent",
        "enabled": None,
        "manager": "windows",
        "detail": None,
        "pid": None,
        "error": None,
    }
    service = found.get("service")
    if found.get("service_error"):
        return dict(facts, state="unknown", error=as_sentence(found["service_error"]).rstrip("."))
    if service is None:
        return facts
    detail = service["state"]
    state = "running" if detail == "Running" else "stopped"
    code = exit_code(service["exit_code"], service["service_exit_code"])
    if detail == "Stopped" and code not in _WELL:
        state, detail = "failed", f"{detail}, exit code {code}"
    pid = service["process_id"] if state == "running" else None
    return dict(facts, state=state, enabled=_ENABLED.get(service["start_mode"]), detail=detail, pid=pid or None)


def exit_code(code: t.Optional[int], own: t.Optional[int]) -> int:
    """What a service ended with: its own code, where it has one (ERROR_SERVICE_SPECIFIC_ERROR, 1066)."""
    return (own if code == 1066 else code) or 0


def parse_ask(answer: Result, url: str) -> Result:
    """What a look tells about the web port, from what the script got."""
    if answer["error"]:
        return told(url, error=as_sentence(answer["error"]).rstrip("."))
    try:
        return told(url, allow_executables=parse_flag(base64.b64decode(answer["body"])))
    except AnswerError as error:
        return told(
            url,
            error=f"GET {url}{FLAG_PATH} was answered with HTTP {answer['status']}, but not as Swarm does: {error}",
        )


def as_sentence(text: str) -> str:
    """What Windows said, as one sentence."""
    sentence = "".join(char if char.isprintable() else "?" for char in " ".join(str(text).split())[:500])
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
