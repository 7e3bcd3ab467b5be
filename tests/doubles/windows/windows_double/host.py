# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host: its files, services, processes and tasks, and the modules of ansible.windows that are answered."""

from __future__ import annotations

import base64
import contextlib
import copy
import dataclasses
import hashlib
import json
import ntpath
import os
import re
import shutil
import subprocess
import threading
import typing as t
from pathlib import Path

from . import scripts, timers
from .documented import NotDocumented, check_options, check_result, documentation, folder
from .files import INHERITED, Files, Share, WindowsError, in_use
from .services import Service

SYSTEM = ("NT AUTHORITY\\SYSTEM", "S-1-5-18")
LOCAL_SERVICE = ("NT AUTHORITY\\LOCAL SERVICE", "S-1-5-19")
NETWORK_SERVICE = ("NT AUTHORITY\\NETWORK SERVICE", "S-1-5-20")
CURL = ntpath.join(scripts.SYSTEM_DIRECTORY, "curl.exe")
NOT_BECOME = (
    "internal error: failed to become user 'SYSTEM': There are insufficient privileges",
    'failure during exec_wrapper: Exception calling "CreateProcessAsUser" with "9" argument(s): "CreateProcessWithTokenW()'
    ' failed (Access is denied, Win32ErrorCode 5 - 0x00000005)"',
)
ADMINISTRATOR = ("WS1\\ansible", "S-1-5-21-1004336348-1177238915-682003330-1001")

Result = t.Dict[str, t.Any]
_IN_BUILD = re.compile(r"\\vray-[0-9]+\.[0-9]+\.[0-9]+-[0-9A-Za-z]+\\", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Call:
    """A module that ran: one round trip."""

    module: str
    options: t.Dict[str, t.Any]
    check_mode: bool
    become: t.Optional[str]
    script: t.Optional[str] = None

    def __str__(self) -> str:
        return self.script or self.module

    @property
    def asks_for_service(self) -> bool:
        """Whether it is a look that wants to know of Swarm's service."""
        return self.script == "look" and "ServiceName" in self.options["parameters"]


class Host:
    def __init__(self, directory: Path, address: str = "127.0.0.1", architecture: int = 9) -> None:
        self.files = Files(directory)
        self.address = address
        self.architecture = architecture
        self.calls: t.List[Call] = []
        self.services: t.Dict[str, Service] = {}
        # As Win32_Process tells them: ProcessId and ExecutablePath.
        self.processes: t.List[t.Tuple[int, t.Optional[str]]] = [(4, None), (612, r"C:\Windows\System32\services.exe")]
        # Of scheduled tasks by name: in how many seconds they run, whose they are, and what they work on.
        self.tasks: t.Dict[str, t.Dict[str, t.Any]] = {}
        self.free: t.Dict[str, int] = {"C:": 500 * 10**9}
        # Accounts that nobody can become, in small letters, and what ansible-core says then: of 2.16, or of 2.19 and later.
        self.cannot_become: t.Dict[str, str] = {}
        # Files that another program holds open.
        self.locked: t.Set[str] = set()
        # Files that a script of ours holds open, so that others can only read them: FileShare.Read.
        self.held: t.List[str] = []
        # What Windows says where a program may not run.
        self.refuses_programs: t.Optional[str] = None
        # What the Task Scheduler says where it takes no task.
        self.refuses_tasks: t.Optional[str] = None
        # Of files with an access list of their own.
        self.access: t.Dict[Path, str] = {}
        # Called before each round trip, and where a task waits: what tests let happen in between.
        self.before: t.Callable[[Call], None] = lambda call: None
        self.meanwhile: t.Callable[[str], None] = lambda task: None
        # Called after each, before the controller is told: ConnectionAbortedError stands for a connection that is lost.
        self.after: t.Callable[[Call], None] = lambda call: None
        self._programs: t.List[subprocess.Popen[bytes]] = []
        self._ended_with = 1
        for folder_name in (r"C:\Windows\Temp", r"C:\Windows\System32", r"C:\Users\ansible"):
            self.files.real(folder_name, SYSTEM[1]).mkdir(parents=True, exist_ok=True)
        self.real(CURL).touch()

    # -- what tests say and see

    def share(self, unc: str, directory: Path, readers: t.Optional[t.Collection[str]] = None) -> Share:
        share = Share(directory, readers)
        self.files.shares[unc.lower()] = share
        return share

    def real(self, path: str) -> Path:
        return self.files.real(path, SYSTEM[1])

    def renders(self, root: t.Optional[str] = None) -> t.List[t.Dict[str, t.Any]]:
        """The processes whose executable begins with a path, or lies in a directory that is named like a build."""
        return [
            {"pid": pid, "executable": path}
            for pid, path in self.processes
            if path and ((root and path.lower().startswith(root.lower())) or _IN_BUILD.search(path))
        ]

    def check_locked(self, *paths: t.Optional[str]) -> None:
        """:raises WindowsError: Another program holds one of these open."""
        for path in paths:
            if path and path.lower() in self.locked:
                raise in_use(path)

    @contextlib.contextmanager
    def holding(self, path: str) -> t.Iterator[None]:
        self.held.append(path.lower())
        try:
            yield
        finally:
            self.held.remove(path.lower())

    def as_another_program(self, path: str) -> Path:
        """A file, to write to it, rename or remove it, or to put another one in its place.

        :raises WindowsError: It is held open.
        """
        if path.lower() in self.held:
            raise in_use(path)
        return self.real(path)

    def move_over(self, source: Path, target: Path) -> None:
        """A file that is replaced hands on its access list; one that is moved keeps its own."""
        access = self.access.pop(source, INHERITED)
        if target.exists():
            access = self.access.get(target, INHERITED)
        os.replace(source, target)
        self.access[target] = access

    def register(self, name: str, task: t.Dict[str, t.Any]) -> None:
        """A scheduled task, in the place of one of that name: Register-ScheduledTask -Force."""
        if self.refuses_tasks:
            raise WindowsError("Microsoft.Management.Infrastructure.CimException", self.refuses_tasks)
        self.tasks[name] = task

    def fire(self, task: str) -> None:
        """The time of a scheduled task has come."""
        timers.fire(self, task)

    def wake(self) -> None:
        """The host slept through the time of each scheduled task."""
        self._fire_all(timers.runs_late())

    def hour_later(self) -> None:
        """An hour has passed since the last time of each scheduled task."""
        self._fire_all(timers.runs_each_hour())

    def restart(self, tasks_first: bool = False) -> None:
        """The host loses its power and starts again. Whether tasks or services are first then is not documented."""
        for service in self.services.values():
            service.lose_power()
        for task in self.tasks.values():
            task["at_work"] = False
        todo = [self._start_services, self._start_tasks]
        for start in reversed(todo) if tasks_first else todo:
            start()

    def _start_services(self) -> None:
        for service in self.services.values():
            if service.start_mode == "auto":
                service.start()

    def _start_tasks(self) -> None:
        self._fire_all(timers.runs_at_startup())

    def _fire_all(self, are_triggered: bool) -> None:
        # All at once; what waits for another one comes after it.
        for name in sorted(self.tasks) if are_triggered else ():
            self.fire(name)

    def end_programs(self, exit_code: int) -> None:
        """End what a script runs, as taskkill or Stop-Process do it."""
        self._ended_with = exit_code
        for process in list(self._programs):
            process.kill()

    def forget(self) -> t.List[str]:
        """The round trips since the last call."""
        made, self.calls = [str(call) for call in self.calls], []
        return made

    # -- what scripts do

    def execute(self, program: str, line: str, most: int, sid: str) -> t.Dict[str, t.Any]:
        """Process.Start: curl.exe is the real curl, which gets the very same arguments, and whose output is read.

        :raises WindowsError: There is no such program.
        """
        # In PATH there may be another one, which is not this. A policy may refuse it.
        if program.lower() != CURL.lower() or self.refuses_programs:
            said = self.refuses_programs or "The system cannot find the file specified"
            raise WindowsError("System.ComponentModel.Win32Exception", said)
        with subprocess.Popen(
            [shutil.which("curl") or "curl", *(self._for_curl(argument, sid) for argument in scripts.split(line))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            self._programs.append(process)
            limit = threading.Timer(120, process.kill)
            limit.start()
            try:
                assert process.stdout and process.stderr
                stdout = process.stdout.read(most + 1)
                endless = len(stdout) > most
                if endless:
                    process.kill()
                stderr = process.stderr.read()
                process.wait()
            finally:
                limit.cancel()
                process.kill()
                self._programs.remove(process)
        # A process is ended with the exit code that whoever ends it says: TerminateProcess, and Process.Kill says -1.
        rc = process.returncode if process.returncode >= 0 else -1 if endless else self._ended_with
        return {"rc": rc, "stdout": stdout, "stderr": stderr, "endless": endless}

    def _for_curl(self, argument: str, sid: str) -> str:
        """The same argument, with a path that the curl of this host here can open."""
        match = re.match(r'file=@"((?:[^"\\]|\\.)*)"', argument)
        if not match:
            return argument
        path = re.sub(r"\\(.)", r"\1", match.group(1))
        real = str(self.files.real(path, sid)).replace("\\", "\\\\").replace('"', '\\"')
        return f'file=@"{real}"{argument[match.end() :]}'

    # -- what the connection hands in

    def answer(self, request: t.Mapping[str, t.Any]) -> t.Tuple[int, str, str]:
        if "put" in request:
            self.real(request["put"]).write_bytes(base64.b64decode(request["content"]))
            return 0, "", ""
        if "module" not in request:
            return 0, "", ""
        # ansible-core redirects it; its source shows where to.
        module, become = request["module"].replace("ansible.builtin.setup", "ansible.windows.setup"), request["become"]
        source = folder() / f"{module.rpartition('.')[2]}.ps1"
        if base64.b64decode(request["source"]) != source.read_bytes():
            raise NotDocumented(f"what was sent is not the {module} of ansible.windows")
        if become is not None and become.lower() in self.cannot_become:
            self.calls.append(Call(module, dict(request["options"]), request["check_mode"], become, "denied"))
            return 0, json.dumps({"failed": True, "msg": self.cannot_become[become.lower()]}), ""
        options = check_options(module, request["options"])
        identity = self._identity(become, bool(request.get("become_password")))
        name = scripts.name_of(options["script"]) if module.endswith(".win_powershell") else None
        call = Call(module, dict(request["options"]), request["check_mode"], become, name)
        self.before(call)
        self.calls.append(call)
        run = getattr(self, f"_{module.rpartition('.')[2]}")
        try:
            result = run(options, identity, request["check_mode"])
        except WindowsError as error:
            result = {"changed": False, "failed": True, "msg": str(error)}
        check_result(module, result)
        self.after(call)
        return 0, json.dumps(result), ""

    def _identity(self, become: t.Optional[str], has_password: bool) -> t.Tuple[str, str]:
        """Whom ansible-core becomes: without a password, it takes the token of a process that runs as the account."""
        if become is None:
            return ADMINISTRATOR
        known = {account[0].lower(): account for account in (SYSTEM, NETWORK_SERVICE, LOCAL_SERVICE)}
        known.update(system=SYSTEM, networkservice=NETWORK_SERVICE)
        if become.lower() in known:
            return known[become.lower()]
        of_account = [service for service in self.services.values() if service.account[0].lower() == become.lower()]
        if not has_password and all(service.state != "started" for service in of_account):
            # Ansible.Become.cs: a logon without credentials (S4U), which Windows lets into no share.
            raise NotDocumented(f"nothing runs as {become}, so that without a password it comes to no share")
        return of_account[0].account

    # -- modules

    def _setup(self, _options: Result, _identity: t.Tuple[str, str], _check: bool) -> Result:
        # As Win32_OperatingSystem tells OSArchitecture.
        architecture = "ARM 64-bit Processor" if self.architecture == 12 else "64-bit"
        facts = {"ansible_system": "Win32NT", "ansible_architecture": architecture, "ansible_os_family": "Windows"}
        return {"changed": False, "ansible_facts": facts}

    def _win_service_info(self, options: Result, _identity: t.Tuple[str, str], _check: bool) -> Result:
        found = []
        for service in self.services.values():
            service.live_on()
            # Its documentation says that it finds display names as well. What it calls, Get-Service -Name, does not.
            if (options["name"] or "").lower() == service.name.lower():
                contains = documentation("ansible.windows.win_service_info")[1]["services"]["contains"]
                facts = {name: copy.deepcopy(entry.get("sample")) for name, entry in contains.items()}
                facts.pop("win32_exitcode")
                facts.update(service.facts())
                found.append(facts)
        return {"changed": False, "exists": bool(found), "services": found}

    def _win_service(self, options: Result, _identity: t.Tuple[str, str], check: bool) -> Result:
        given = {name for name, value in options.items() if value is not None} - {"name", "start_mode"}
        defaults = {
            name for name, entry in documentation("ansible.windows.win_service")[0].items() if "default" in entry
        }
        if given - defaults:
            raise NotDocumented(f"the double of win_service does not know {given - defaults}")
        service = self.services[options["name"]]
        changed = options["start_mode"] not in (None, service.start_mode)
        if changed and not check:
            service.start_mode = options["start_mode"]
        found = {name: entry["sample"] for name, entry in documentation("ansible.windows.win_service")[1].items()}
        facts = {name: value for name, value in service.facts().items() if name in found}
        return {**found, **facts, "changed": changed, "exists": True}

    def _win_stat(self, options: Result, identity: t.Tuple[str, str], _check: bool) -> Result:
        real = self.files.real(options["path"], identity[1])
        if not real.exists():
            return {"changed": False, "stat": {"exists": False}}
        facts: Result = {"exists": True, "isdir": real.is_dir(), "isreg": real.is_file(), "path": options["path"]}
        if real.is_file():
            facts.update(size=real.stat().st_size, filename=real.name, extension=real.suffix)
            if options["get_checksum"]:
                facts["checksum"] = hashlib.new(options["checksum_algorithm"], real.read_bytes()).hexdigest()
        return {"changed": False, "stat": facts}

    def _win_file(self, options: Result, identity: t.Tuple[str, str], check: bool) -> Result:
        path, state = options["path"], options["state"]
        if state not in ("absent", "directory"):
            raise NotDocumented(f"the double of win_file does not know the state {state}")
        real = self.files.real(path, identity[1])
        is_there = os.path.lexists(real)
        if state == "absent":
            if is_there and not check:
                self._delete(real)
            return {"changed": is_there}
        if is_there and not real.is_dir():
            raise WindowsError("", f"path {path} is not a directory")
        if not is_there and not check:
            try:
                # "all immediate subdirectories will be created if they do not exist"
                real.mkdir(parents=True)
            except OSError as error:
                # One on the way is a file.
                raise WindowsError("", f"Could not find a part of the path '{path}'.") from error
        return {"changed": not is_there}

    def _delete(self, real: Path) -> None:
        """ "directories will be recursively deleted, and files will be removed": a link itself, as the module has it.

        What was deleted before one that cannot be is gone.
        """
        is_directory = real.is_dir() and not real.is_symlink()
        for entry in sorted(real.iterdir()) if is_directory else ():
            self._delete(entry)
        path = self.files.windows(real)
        try:
            self.check_locked(path)
            self.as_another_program(path)
        except WindowsError as error:
            raise WindowsError(error.kind, f"Failed to delete {path}: {error}") from error
        real.rmdir() if is_directory else real.unlink()

    def _win_powershell(self, options: Result, identity: t.Tuple[str, str], check: bool) -> Result:
        name = scripts.name_of(options["script"])
        streams = ("output", "error", "warning", "verbose", "debug", "information")
        result: Result = {"changed": True, "failed": False, "result": {}, "host_out": "", "host_err": ""}
        result.update({stream: [] for stream in streams})
        if check and not re.search(r"\[CmdletBinding\(SupportsShouldProcess\)\]", options["script"]):
            return dict(result, msg="skipped, running in check mode")
        try:
            changed, found = scripts.RUN[name](self, identity, options["parameters"] or {}, check)
        except WindowsError as error:
            inner = {"message": str(error), "type": error.kind, "help_link": None, "source": None, "hresult": -1}
            outer = dict(
                inner, message=f'Exception calling "…": "{error}"', inner_exception=dict(inner, inner_exception=None)
            )
            record = {"output": f"{error}\n    + CategoryInfo …", "error_details": None, "exception": outer}
            return dict(result, failed=True, error=[record])
        # Beyond the depth, objects become texts.
        if _depth(found) > options["depth"]:
            raise NotDocumented(f"the result of {name} is deeper than {options['depth']}")
        return dict(result, changed=changed, result=found)


def _depth(value: t.Any) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0


def join(*parts: str) -> str:
    return ntpath.join(*parts)
