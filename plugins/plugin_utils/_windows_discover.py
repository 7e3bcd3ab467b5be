# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Where Swarm keeps its things on a Windows host: from the socket to the process, its service and its files."""

from __future__ import annotations

import base64
import ntpath
import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import FLAG_PATH
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import IMPORT_DIR_KEY, WEB_PORT_KEY
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import parse_settings
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import as_sentence, base_url, parse_ask

_DEFAULT_WEB_PORT = 1113
_CONFIG_NAMES = ["swarm.yaml", "swarm.yml"]
_MANY_CANDIDATES = 8
_RENDER = re.compile(r"(?i)(?P<data_dir>.*)\\VRay\\vray-[^\\]+\\")
# Of a command line: a quote, with the backslashes before it, and what stands between words.
_PART = re.compile(r'(?P<slashes>\\*)"|(?P<space>\s+)|\\+|[^\\"\s]+')
# On a drive of the host. Who opens a path on another host logs in there; and a foreign command line can name any host.
_ON_A_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
# What can fail of a look as a whole, by the field that says why.
_UNSEEN = {"listeners_error": "who listens", "renders_error": "the processes", "services_error": "the services"}
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}

Finding = t.Dict[str, t.Any]


class _Findings:
    """Values for one variable, the best first."""

    def __init__(self) -> None:
        self.found: t.List[Finding] = []

    def add(self, value: t.Any, how: str, sure: bool = False) -> None:
        known = [finding["value"] for finding in self.found]
        if len(known) < _MANY_CANDIDATES and not any(_same(value, other) for other in known):
            self.found.append({"value": value, "sure": sure, "how": how})

    def ordered(self) -> t.List[Finding]:
        return sorted(self.found, key=lambda finding: not finding["sure"])


class Discovery:
    """The same result as :func:`_discover.discover` has elsewhere, from two looks at the host.

    The first one tells who listens; by them it is known what the second one has to look at.
    """

    def __init__(self, found: t.Mapping[str, t.Any], web_port: int, own_url: t.Optional[str]) -> None:
        """
        :param found: What the first look found.
        :param web_port: The port that it was about.
        :param own_url: What the peer is asked, where it asks itself.
        """
        self._found = found
        self._web_port = web_port
        listeners: t.Dict[int, t.Mapping[str, t.Any]] = {}
        for listener in found["listeners"]:
            # Sockets of one process are one candidate.
            listeners.setdefault(listener["pid"], listener)
        if len(listeners) > 1:
            # Which of them answers is not known.
            own_url = None
        asked = list(listeners.values())[:_MANY_CANDIDATES]
        self._questions = [_Question(listener, found["folders"], own_url) for listener in asked]

    def parameters(self, seconds: float) -> t.Dict[str, t.Any]:
        """What the second look has to look at; nothing where nobody listens.

        :param seconds: How long each who listens may take to answer.
        """
        if not self._questions:
            return {}
        return {
            "Files": [path for question in self._questions for path in question.files],
            "Folders": [path for question in self._questions for path in question.folders],
            "Names": _CONFIG_NAMES,
            "Urls": [url + FLAG_PATH for url in self._urls],
            "Milliseconds": int(seconds * 1000),
        }

    def result(self, more: t.Mapping[str, t.Any], own_api: t.Optional[t.Dict[str, t.Any]]) -> t.Dict[str, t.Any]:
        """Return the candidates, those that answer first.

        :param more: What the second look found.
        :param own_api: What the peer told of itself, where it asked itself.
        """
        answers = more["answers"] if self._questions else []
        apis = {url: parse_ask(answer, url) for url, answer in zip(self._urls, answers, strict=True)}
        candidates = []
        for question in self._questions:
            api = apis[question.url] if question.url else t.cast("t.Dict[str, t.Any]", own_api)
            candidates.append(_candidate(question, self._found, question.files_of(more), self._web_port, api))
        candidates.sort(key=lambda candidate: not candidate["api"]["reachable"])
        return {"candidates": candidates, "unseen": self._unseen(), "web_port": self._web_port}

    @property
    def _urls(self) -> t.List[str]:
        return list(dict.fromkeys(question.url for question in self._questions if question.url))

    def _unseen(self) -> t.List[str]:
        failed = [(what, self._found.get(field)) for field, what in _UNSEEN.items()]
        return [f"{what}: {as_sentence(error)}" for what, error in failed if error] + list(self._found["unseen"])


class _Question:
    """What the host is asked about one who listens."""

    def __init__(
        self,
        listener: t.Mapping[str, t.Any],
        places: t.Mapping[str, t.Optional[str]],
        own_url: t.Optional[str],
    ) -> None:
        self.listener = listener
        self.named = _named(listener, listener["service"])
        self.files = [path for path, dummy in self.named if path.lower().endswith((".yaml", ".yml"))]
        self.folders = [path for path, dummy in self.named] + _places(listener["executable"], places)
        address, port = listener["address"], listener["port"]
        is_known = address in _ANYWHERE and own_url == base_url("localhost", port)
        #: Where it is asked whether it answers as Swarm does; None where the peer asks that in any case.
        self.url = None if is_known else base_url(_ANYWHERE.get(address, address), port)

    def files_of(self, more: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
        """What was found for it, among that for all."""
        return {
            "files": [file for file in more["files"] if any(_same(path, file["path"]) for path in self.files)],
            "seen": [folder for folder in more["seen"] if folder["pattern"] in self.folders],
        }


def _candidate(
    question: _Question,
    found: t.Mapping[str, t.Any],
    files: t.Mapping[str, t.Any],
    web_port: int,
    api: t.Dict[str, t.Any],
) -> t.Dict[str, t.Any]:
    listener, named = question.listener, question.named
    pid, executable, service = listener["pid"], listener["executable"], listener["service"]
    port, configs, data_dirs, services, imports = (_Findings() for dummy in range(5))
    address = f"[{listener['address']}]" if ":" in listener["address"] else listener["address"]
    where = f"{address}:{listener['port']}"
    if found["named"]:
        port.add(listener["port"], f"nobody listens on {web_port}; this process has swarm in its name, and listens")
    elif api["reachable"]:
        port.add(listener["port"], f"who listens on {where} answers as Swarm does", True)
    else:
        port.add(listener["port"], f"somebody listens on {where}, but {api['error']}")
    notes = []
    if service:
        how = f"process {pid} is its process" if not service["wrapper"] else f"its process started process {pid}"
        services.add(service["name"], f"{how}; it runs as {service['account']}", not service["wrapper"])
    elif not any(found.get(field) for field in ("services_error", "renders_error")):
        notes.append("it was not started by a service of Windows")
    if executable is None:
        notes.append("its executable cannot be seen by this user; log in as an administrator")
    settings = _find_configs(configs, named, files, listener["port"])
    if settings and isinstance(settings.get(IMPORT_DIR_KEY), str):
        best = configs.ordered()[0]
        imports.add(settings[IMPORT_DIR_KEY], f"{IMPORT_DIR_KEY} in {best['value']}", best["sure"])
    _find_data_dirs(data_dirs, named, files, found, settings)
    return {
        "pid": pid,
        "executable": executable,
        "command": _words(listener["command"]),
        "user": listener["user"],
        "address": listener["address"],
        "api": api,
        "web_port": port.ordered(),
        "config": configs.ordered(),
        "data_dir": data_dirs.ordered(),
        "service": services.ordered(),
        "import_dir": imports.ordered(),
        "notes": notes,
    }


def _named(listener: t.Mapping[str, t.Any], service: t.Optional[t.Mapping[str, t.Any]]) -> t.List[t.Tuple[str, str]]:
    """The absolute paths on its command line and in its service, and where they stand."""
    found = []
    texts = [(listener["command"], f"on the command line of process {listener['pid']}")]
    if service:
        texts.append((service["path"], f"in the command line of the service {service['name']}"))
    for text, where in texts:
        for word in _words(text)[1:]:
            for value in (word, word.partition("=")[2]):
                if _ON_A_DRIVE.match(value) and not any(mark in value for mark in "*?["):
                    found.append((ntpath.normpath(value), where))
    return found


def _words(text: t.Optional[str]) -> t.List[str]:
    """What CommandLineToArgvW() makes of a command line: a value with spaces, which may be a secret, is one word."""
    words: t.List[str] = []
    is_quoted, is_new = False, True
    for part in _PART.finditer(text or ""):
        if part["space"] and not is_quoted:
            is_new = True
            continue
        if is_new:
            words.append("")
            is_new = False
        slashes = part["slashes"]
        if slashes is None:
            words[-1] += part[0]
            continue
        # Two of them are one, and one that is left over makes the quote a part of the word.
        words[-1] += slashes[: len(slashes) // 2]
        if len(slashes) % 2:
            words[-1] += '"'
        else:
            is_quoted = not is_quoted
    return words


def _places(executable: t.Optional[str], folders: t.Mapping[str, t.Optional[str]]) -> t.List[str]:
    """Where programs keep their data and settings by custom; a star stands for any name."""
    places = []
    if executable and _ON_A_DRIVE.match(executable):
        beside = ntpath.dirname(executable)
        for folder in (beside, ntpath.dirname(beside)):
            places += [_literal(ntpath.join(folder, below)) for below in ("", "etc", "conf", "config", "data")]
    for name in ("data", "programs"):
        if folders[name]:
            places += [ntpath.join(str(folders[name]), *stars) for stars in (["*"], ["*", "*"])]
    if folders["system"]:
        # The profile of LocalSystem.
        profile = ntpath.join(str(folders["system"]), "System32", "config", "systemprofile")
        places += [profile, *(ntpath.join(profile, "AppData", kind, "*") for kind in ("Local", "Roaming"))]
    return [place.rstrip("\\") for place in places]


def _literal(path: str) -> str:
    """A path that PowerShell takes for no pattern."""
    return re.sub(r"([\[\]*?`])", r"`\1", path)


def _find_configs(
    configs: _Findings, named: t.List[t.Tuple[str, str]], files: t.Mapping[str, t.Any], port: int
) -> t.Optional[t.Dict[str, t.Any]]:
    """Read the candidates: one whose port is another one cannot be the file of this process. Return the best's."""
    contents: t.Dict[str, t.Mapping[str, t.Any]] = {}
    for file in files["files"]:
        where = next(where for path, where in named if _same(path, file["path"]))
        configs.add(file["path"], where, True)
        contents[file["path"]] = file
    for folder in files["seen"]:
        is_named = [where for path, where in named if _same(path, folder["folder"])]
        for file in folder["settings"]:
            how = f"in a directory that is named {is_named[0]}" if is_named else f"in {folder['folder']}"
            configs.add(file["path"], how)
            contents.setdefault(file["path"], file)
    best: t.Optional[t.Dict[str, t.Any]] = None
    fits = {}
    for finding in configs.found:
        file = contents[finding["value"]]
        fits[finding["value"]] = False
        if file["error"]:
            finding["how"] += f"; it could not be read: {file['error']}"
            continue
        try:
            settings = parse_settings(base64.b64decode(file["content"]), finding["value"], ())
        except OptionsError as error:
            finding["how"] += f"; it could not be understood: {error}"
            finding["sure"] = False
            continue
        said = settings.get(WEB_PORT_KEY, _DEFAULT_WEB_PORT)
        if said != port:
            finding["sure"] = False
            finding["how"] += f"; but its {WEB_PORT_KEY} is {said}, not {port}"
            continue
        fits[finding["value"]] = True
        if WEB_PORT_KEY in settings:
            finding["how"] += f"; its {WEB_PORT_KEY} is {port}, too"
        best = settings if best is None else best
    configs.found.sort(key=lambda finding: (not finding["sure"], not fits[finding["value"]]))
    return best


def _find_data_dirs(
    data_dirs: _Findings,
    named: t.List[t.Tuple[str, str]],
    files: t.Mapping[str, t.Any],
    found: t.Mapping[str, t.Any],
    settings: t.Optional[t.Mapping[str, t.Any]],
) -> None:
    holding = [folder["folder"] for folder in files["seen"] if folder["holds_vray"]]
    for path, where in named:
        if any(_same(path, folder) for folder in holding):
            data_dirs.add(path, where, True)
    import_dir = (settings or {}).get(IMPORT_DIR_KEY)
    if isinstance(import_dir, str):
        match = re.match(r"(?i)(.+)[\\/]VRay[\\/]import[\\/]*$", import_dir)
        if match:
            data_dirs.add(match.group(1), f"{IMPORT_DIR_KEY} in its swarm.yaml lies below it")
    for render in found.get("renders", ()):
        match = _RENDER.match(render["executable"])
        if match:
            data_dirs.add(match["data_dir"], f"process {render['pid']} renders with a build in it")
    for folder in holding:
        data_dirs.add(folder, "it holds VRay")


def _same(first: t.Any, second: t.Any) -> bool:
    if isinstance(first, str) and isinstance(second, str):
        return ntpath.normpath(first).lower() == ntpath.normpath(second).lower()
    return bool(first == second)
