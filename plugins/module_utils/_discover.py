# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Where a host's Swarm keeps its things: no page of its vendor says it, so whoever listens on the web port is asked.

From the socket to the process, its executable, command line, open files and systemd unit; from there to swarm.yaml and
the data directory. Each finding says how it was found, and whether that is proof or a guess. It reads, and never writes.
"""

from __future__ import annotations

import glob
import itertools
import os
import pwd
import re
import shlex
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._ask import ask
from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import run_command
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._listeners import Listener, holders, listeners
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import IMPORT_DIR_KEY, WEB_PORT_KEY
from ansible_collections.renderops.vray_swarm.plugins.module_utils._processes import (
    PROC,
    arguments,
    look_at_processes,
    pids,
    read_link,
    read_proc,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import parse_settings

_DEFAULT_WEB_PORT = 1113
_CONFIG_NAMES = ("swarm.yaml", "swarm.yml")
_CONFIG_LIMIT = 1 << 20
# What is opened, listed or shown at most.
_MANY_FILES = 4096
_MANY_PATHS = 512
_MANY_CANDIDATES = 8
_RENDER = re.compile(r"(?P<data_dir>/.*)/VRay/vray-[^/]+/")
_UNIT = re.compile(r"[^/]+\.service")
# Where programs keep their data and settings by custom; {home} is that of the user who runs Swarm.
_CONFIG_PLACES = (
    "/etc",
    "/etc/*",
    "/etc/opt/*",
    "/opt/*",
    "/opt/*/*",
    "/usr/local/etc",
    "/usr/local/etc/*",
    "/var/lib/*",
    "{home}",
    "{home}/.config",
    "{home}/.config/*",
    "{home}/.*[sS]warm*",
)
_DATA_PLACES = (
    "/var/lib/*",
    "/var/opt/*",
    "/opt/*",
    "/opt/*/*",
    "/srv",
    "/srv/*",
    "{home}",
    "{home}/.local/share/*",
    "/tmp",
)

Finding = t.Dict[str, t.Any]


class _Findings:
    """Values for one variable, the best first; a value that is found again in a weaker way is not said again."""

    def __init__(self) -> None:
        self.found: t.List[Finding] = []

    def add(self, value: t.Any, how: str, sure: bool = False) -> None:
        if len(self.found) < _MANY_CANDIDATES and value not in (finding["value"] for finding in self.found):
            self.found.append({"value": value, "sure": sure, "how": how})

    def ordered(self) -> t.List[Finding]:
        return sorted(self.found, key=lambda finding: not finding["sure"])


class _Suspect:
    """A process that may be Swarm's, with all that it says about its files."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.unseen: t.List[str] = []
        self.executable = self._link("exe", "its executable")
        self.cwd = self._link("cwd", "its working directory")
        self.arguments = arguments(pid)
        self.open = self._open_files()
        self.unit, self.user_unit = _unit_of(read_proc(pid, "cgroup"))
        self.user, self.home = _owner(pid)

    def _link(self, name: str, what: str) -> t.Optional[str]:
        try:
            return read_link(self.pid, name)
        except PermissionError:
            self.unseen.append(what)
            return None

    def _open_files(self) -> t.List[str]:
        folder = os.path.join(PROC, str(self.pid), "fd")
        try:
            names = os.listdir(folder)
        except OSError:
            self.unseen.append("its open files")
            return []
        found = []
        for name in itertools.islice(names, _MANY_FILES):
            try:
                target = os.readlink(os.path.join(folder, name))
            except OSError:
                continue
            if target.startswith("/"):
                found.append(target)
        return found

    def named(self) -> t.Iterator[t.Tuple[str, str]]:
        """The paths on its command line and in its environment, and where they stand."""
        for argument in self.arguments[1:]:
            for text in _values(argument):
                yield self._absolute(text), f"on the command line of process {self.pid}"
        for line in read_proc(self.pid, "environ").split("\0"):
            name, equals, value = line.partition("=")
            # Those that every process has tell nothing about Swarm.
            if equals and value.startswith("/") and name not in ("PWD", "OLDPWD", "HOME", "TMPDIR"):
                yield value, f"in the variable {name} of process {self.pid}"

    def _absolute(self, text: str) -> str:
        return os.path.normpath(os.path.join(self.cwd or "/", text))


def discover(web_port: int, seconds: float) -> t.Dict[str, t.Any]:
    """Return the candidates, the best first, and what could not be seen.

    :param seconds: How long to wait for an answer of a web port.
    """
    if not os.path.isdir(os.path.join(PROC, "self")):
        raise OptionsError("discover works on Linux and Windows: this host has no /proc.")
    unseen: t.List[str] = []
    renders = look_at_processes()
    candidates = [
        _candidate(*found, renders_in=_renders(renders), seconds=seconds) for found in _find(web_port, unseen)
    ]
    if renders.error:
        unseen.append(renders.error)
    for candidate in candidates:
        unseen += candidate.pop("unseen")
    # Who answers as Swarm does comes first.
    candidates.sort(key=lambda candidate: not candidate["api"]["reachable"])
    return {"candidates": candidates, "unseen": sorted(set(unseen), key=unseen.index), "web_port": web_port}


def _find(web_port: int, unseen: t.List[str]) -> t.List[t.Tuple[t.List[Listener], t.Optional[int], str]]:
    """Return sockets and the process behind them; sockets of one process are one candidate."""
    sockets = listeners()
    processes, _hidden = holders()
    there = [listener for listener in sockets if listener.port == web_port]
    how = ""
    if not there:
        how = f"nobody listens on {web_port}; this process has swarm in its name, and listens"
        there = [
            listener for listener in sockets if any(_is_named_swarm(pid) for pid in processes.get(listener.inode, []))
        ]
    found: t.Dict[t.Any, t.List[Listener]] = {}
    for listener in there:
        pid = _main(processes.get(listener.inode, []))
        if pid is None:
            pid = _of_user(listener.uid)
            unseen.append(
                f"the process that listens on {_shown_address(listener)}: it belongs to {_user(listener.uid)}, and may not"
                " be seen by this user (become?)"
            )
        found.setdefault(pid if pid is not None else listener, []).append(listener)
    return [
        (group, key if isinstance(key, int) else None, how)
        for key, group in itertools.islice(found.items(), _MANY_CANDIDATES)
    ]


def _candidate(
    group: t.List[Listener], pid: t.Optional[int], how: str, renders_in: t.List[t.Tuple[str, int]], seconds: float
) -> t.Dict[str, t.Any]:
    suspect = _Suspect(pid) if pid is not None else None
    port, configs, data_dirs, services, imports = (_Findings() for dummy in range(5))
    seen = suspect is not None and "its open files" not in suspect.unseen
    answers = [ask(_reachable(listener.address), listener.port, seconds) for listener in group]
    best = next((number for number, answer in enumerate(answers) if answer["reachable"]), 0)
    listener, api = group[best], answers[best]
    if how:
        port.add(listener.port, how)
    elif api["reachable"]:
        port.add(listener.port, f"who listens on {_shown_address(listener)} answers as Swarm does", True)
    else:
        port.add(listener.port, f"somebody listens on {_shown_address(listener)}, but {api['error']}")
    settings: t.Dict[str, t.Any] = {}
    if suspect is not None:
        of = "" if seen else f", if process {pid} is the one that listens"
        if suspect.unit and not suspect.user_unit:
            services.add(suspect.unit, f"process {pid} runs in this systemd unit{of}", seen)
        _find_configs(suspect, configs, seen)
        best_config = _judge(configs, listener.port)
        if best_config:
            settings = best_config["settings"]
        import_dir = settings.get(IMPORT_DIR_KEY)
        if isinstance(import_dir, str) and best_config:
            imports.add(import_dir, f"{IMPORT_DIR_KEY} in {best_config['value']}", best_config["sure"])
        _find_data_dirs(suspect, data_dirs, settings, renders_in, seen)
        for finding in configs.found:
            finding.pop("settings", None)
    return {
        "pid": pid,
        "executable": suspect.executable if suspect else None,
        "command": suspect.arguments if suspect else [],
        "user": suspect.user if suspect else _user(listener.uid),
        "address": listener.address,
        "api": api,
        "web_port": port.ordered(),
        "config": configs.ordered(),
        "data_dir": data_dirs.ordered(),
        "service": services.ordered(),
        "import_dir": imports.ordered(),
        "notes": _notes(suspect, seen),
        "unseen": [f"of process {pid}: {what} (become?)" for what in suspect.unseen] if suspect else [],
    }


def _notes(suspect: t.Optional[_Suspect], seen: bool) -> t.List[str]:
    if suspect is None:
        return ["the process cannot be seen by this user; run it with become"]
    notes = []
    if not seen:
        notes.append("the process is a guess: it belongs to the user that owns the socket")
    if suspect.user_unit:
        notes.append(f"it runs in {suspect.unit}.service of a user's own systemd, which is no service of the host")
    elif not suspect.unit:
        notes.append("it was not started by a unit of systemd")
    return notes


# swarm.yaml.


def _find_configs(suspect: _Suspect, configs: _Findings, seen: bool) -> None:
    for path in suspect.open:
        if os.path.basename(path) in _CONFIG_NAMES and os.path.isfile(path):
            configs.add(path, f"held open by process {suspect.pid}", seen)
    named = list(itertools.islice(suspect.named(), _MANY_PATHS))
    for path, where in named:
        if path.endswith((".yaml", ".yml")) and os.path.isfile(path):
            configs.add(path, where, seen)
    for path, where in named:
        if os.path.isdir(path):
            _add_configs(configs, path, f"in a directory that is named {where}")
    for path in _paths_of_unit(suspect):
        if os.path.basename(path) in _CONFIG_NAMES and os.path.isfile(path):
            configs.add(path, f"named in the unit {suspect.unit}.service")
    if suspect.cwd:
        _add_configs(configs, suspect.cwd, f"in the working directory of process {suspect.pid}")
    if suspect.executable:
        beside = os.path.dirname(suspect.executable)
        for folder in (beside, os.path.dirname(beside)):
            for below in ("", "etc", "conf", "config"):
                _add_configs(configs, os.path.join(folder, below).rstrip("/"), f"near {suspect.executable}")
    for folder in _places(_CONFIG_PLACES, suspect.home):
        _add_configs(configs, folder, "where settings often are")


def _add_configs(configs: _Findings, folder: str, how: str) -> None:
    for name in _CONFIG_NAMES:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            configs.add(path, how)


def _judge(configs: _Findings, port: int) -> t.Optional[Finding]:
    """Read the candidates: one whose port is another one cannot be the file of this process. Return the best."""
    for finding in configs.found:
        try:
            with open(finding["value"], "rb") as file:
                settings = parse_settings(file.read(_CONFIG_LIMIT), finding["value"], (WEB_PORT_KEY, IMPORT_DIR_KEY))
        except OSError as error:
            finding["how"] += f"; it could not be read: {error.strerror}"
            continue
        except OptionsError as error:
            finding["how"] += f"; it could not be understood: {error}"
            finding["sure"] = False
            continue
        said = settings.get(WEB_PORT_KEY, _DEFAULT_WEB_PORT)
        if said == port:
            finding["settings"] = settings
            if WEB_PORT_KEY in settings:
                finding["how"] += f"; its {WEB_PORT_KEY} is {port}, too"
        else:
            finding["sure"] = False
            finding["how"] += f"; but its {WEB_PORT_KEY} is {said}, not {port}"
    # Guesses that fit come before those that do not.
    configs.found.sort(key=lambda finding: (not finding["sure"], "settings" not in finding))
    fitting = [finding for finding in configs.found if "settings" in finding]
    return fitting[0] if fitting else None


# The data directory.


def _find_data_dirs(
    suspect: _Suspect,
    data_dirs: _Findings,
    settings: t.Mapping[str, t.Any],
    renders_in: t.List[t.Tuple[str, int]],
    seen: bool,
) -> None:
    for path in suspect.open:
        holder = _above_vray(path)
        if holder:
            data_dirs.add(holder, f"process {suspect.pid} holds {path} open", seen)
    named = list(itertools.islice(suspect.named(), _MANY_PATHS))
    for path, where in named:
        if _has_vray(path):
            data_dirs.add(path, where, seen)
    import_dir = settings.get(IMPORT_DIR_KEY)
    for key, value in settings.items():
        if isinstance(value, str) and key != IMPORT_DIR_KEY and os.path.isabs(value) and _has_vray(value):
            data_dirs.add(os.path.normpath(value), f"{key} in its swarm.yaml", True)
    # What page says where it is: an import directory that is left at its default, or written out.
    if isinstance(import_dir, str):
        holder = _above_vray(import_dir)
        if holder:
            data_dirs.add(holder, f"{IMPORT_DIR_KEY} in its swarm.yaml lies below it")
    for data_dir, pid in renders_in:
        data_dirs.add(data_dir, f"process {pid} renders with a build in it")
    for path in _paths_of_unit(suspect):
        if _has_vray(path):
            data_dirs.add(path, f"named in the unit {suspect.unit}.service; it holds VRay/")
    if suspect.cwd and _has_vray(suspect.cwd):
        data_dirs.add(suspect.cwd, f"the working directory of process {suspect.pid}; it holds VRay/")
    near = []
    if suspect.executable:
        beside = os.path.dirname(suspect.executable)
        near = [
            beside,
            os.path.join(beside, "data"),
            os.path.dirname(beside),
            os.path.join(os.path.dirname(beside), "data"),
        ]
    for folder in itertools.chain(near, _places(_DATA_PLACES, suspect.home)):
        if _has_vray(folder):
            data_dirs.add(folder, "it holds VRay/")


def _has_vray(path: str) -> bool:
    return os.path.isdir(os.path.join(path, "VRay"))


def _above_vray(path: str) -> t.Optional[str]:
    """The directory above the last VRay/ of a path."""
    above, vray, _rest = (path.rstrip("/") + "/").rpartition("/VRay/")
    return above if vray and above and _has_vray(above) else None


def _renders(processes: t.Any) -> t.List[t.Tuple[str, int]]:
    found = []
    for process in processes.seen:
        match = _RENDER.match(process.executable)
        if match and os.path.isdir(match.group("data_dir")):
            found.append((match.group("data_dir"), process.pid))
    return found


# Processes, users, units.


def _main(group: t.Sequence[int]) -> t.Optional[int]:
    """Of processes that share a socket, the one that started the others; systemd only when nobody else has it."""
    others = [pid for pid in group if pid != 1] or list(group)
    children = [pid for pid in others if _parent(pid) in others]
    return next((pid for pid in others if pid not in children), None)


def _parent(pid: int) -> int:
    match = re.search(r"(?m)^PPid:\s*(\d+)", read_proc(pid, "status"))
    return int(match.group(1)) if match else 0


def _is_named_swarm(pid: int) -> bool:
    command = arguments(pid)
    try:
        executable = read_link(pid, "exe") or ""
    except PermissionError:
        executable = ""
    texts = [os.path.basename(text) for text in (executable, *command[:3])]
    return any("swarm" in text.lower() for text in texts)


def _of_user(uid: int) -> t.Optional[int]:
    """A process of a user that may be the one: in a service, or with swarm in its name."""
    mine = [pid for pid in pids() if _uid(pid) == uid and arguments(pid)]
    named = [pid for pid in mine if _is_named_swarm(pid)]
    # Root and whoever is logged in run many things.
    in_service = [pid for pid in mine if _unit_of(read_proc(pid, "cgroup"))[0]] if uid != 0 else []
    return _main(named) or _main(in_service)


def _uid(pid: int) -> t.Optional[int]:
    match = re.search(r"(?m)^Uid:\s*(\d+)", read_proc(pid, "status"))
    return int(match.group(1)) if match else None


def _owner(pid: int) -> t.Tuple[t.Optional[str], t.Optional[str]]:
    uid = _uid(pid)
    if uid is None:
        return None, None
    try:
        return _user(uid), pwd.getpwuid(uid).pw_dir
    except KeyError:
        return _user(uid), None


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _unit_of(cgroup: str) -> t.Tuple[t.Optional[str], bool]:
    """The name of the systemd service in proc(5) cgroup, and whether it is one of a user's own systemd."""
    for line in cgroup.splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if (number == "0" and not controllers) or controllers == "name=systemd":
            units = [part for part in path.split("/") if _UNIT.fullmatch(part)]
            if units:
                return units[-1][: -len(".service")], len(units) > 1 and units[0].startswith("user@")
    return None, False


def _paths_of_unit(suspect: _Suspect) -> t.List[str]:
    """The paths in the files of its unit."""
    if not suspect.unit or suspect.user_unit:
        return []
    done = run_command(
        "systemctl", "show", "--no-pager", "--property=FragmentPath,DropInPaths", "--", f"{suspect.unit}.service"
    )
    found: t.List[str] = []
    for line in done.output.splitlines():
        for path in line.partition("=")[2].split():
            try:
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    text = file.read(_CONFIG_LIMIT)
            except OSError:
                continue
            for entry in text.splitlines():
                try:
                    words = shlex.split(entry.partition("=")[2])
                except ValueError:
                    continue
                found += [value for word in words for value in _values(word) if value.startswith("/")]
    return found[:_MANY_PATHS]


def _values(argument: str) -> t.List[str]:
    """An argument, and what stands behind its equals sign."""
    value = argument.partition("=")[2]
    return [text for text in (argument, value) if text and not text.startswith("-")]


def _places(patterns: t.Sequence[str], home: t.Optional[str]) -> t.Iterator[str]:
    for pattern in patterns:
        if "{home}" in pattern and (not home or home == "/"):
            continue
        for folder in itertools.islice(glob.iglob(pattern.replace("{home}", glob.escape(home or ""))), _MANY_PATHS):
            if os.path.isdir(folder):
                yield folder


def _reachable(address: str) -> str:
    """Where to ask who listens on any address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)


def _shown_address(listener: Listener) -> str:
    host = f"[{listener.address}]" if ":" in listener.address else listener.address
    return f"{host}:{listener.port}"
