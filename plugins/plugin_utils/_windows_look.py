# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""A look at a Windows peer: what the module peer_info tells of others, from what look.ps1 tells."""

from __future__ import annotations

import base64
import contextlib
import json
import ntpath
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._address import system_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import PLATFORMS, identify_start
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import FLAG_PATH
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, VersionError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._layout import MANIFEST, SIGNATURE, SUMS
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import (
    DISCOVER,
    EXECUTABLES_KEY,
    IMPORT_DIR_KEY,
    PLATFORM_FIELD,
    WEB_PORT_KEY,
    nothing_found,
    tell_marks,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import comparable, is_unc, is_within
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import parse_settings
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import (
    LOCAL_SYSTEM,
    BecomeError,
    Windows,
    as_sentence,
    base_url,
    check_windows_service,
    parse_ask,
    service_facts,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_discover import Discovery
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_results import Result

# Well-known SIDs: LocalSystem and NetworkService, and the start of those of virtual accounts (NT SERVICE\\name). All of them
# are the computer's account for other hosts. LocalService is nobody there, and can always be had.
_COMPUTER, _VIRTUAL, _LOCAL_SERVICE = ("S-1-5-18", "S-1-5-20"), "S-1-5-80-", "S-1-5-19"


class _Reader:
    """Who reads what lies on a share: the account of the service, where that can be had.

    An account of its own is had without its password from a process that it runs, which the service is. Where it runs
    none, Windows would make a logon that no other host lets in.

    What cannot be had costs a round trip. In a run of Ansible it is not tried again as long as that process is the same.
    """

    def __init__(self, windows: Windows, found: Result) -> None:
        """
        :param found: What is told of the service, if anything is.
        """
        service = found.get("service") or {"account": None, "account_sid": None}
        facts = service_facts(found)
        self.account, self._sid = service["account"], service["account_sid"]
        self._windows = windows
        self._process = facts["pid"]
        self.name = LOCAL_SYSTEM
        # Why what this one finds proves nothing about the service; and whether that will be known when Swarm runs.
        self.doubt: t.Optional[str] = None
        self.has_to_wait = False
        if self.account is None:
            self.doubt = "The account of the service is not known."
        elif self._sid is None:
            self.doubt = f"{self.account} is no account that this host knows."
        elif _is_computer(self._sid):
            return
        elif facts["state"] != "running" and self._sid != _LOCAL_SERVICE:
            self.doubt = f"Only while Swarm runs can {self.account} be used without its password."
            self.has_to_wait = True
        else:
            self.doubt = windows.why_unusable(str(self.account), self._process)
            self.name = LOCAL_SYSTEM if self.doubt else str(self.account)

    def look(self, asked: t.Mapping[str, t.Any], beside: t.Mapping[str, t.Any]) -> Result:
        """Run the script as it, or else as LocalSystem.

        :param beside: More parameters, for whoever sees all of the host, which an account of its own does not.
        """
        both = {**asked, **beside}
        if self.name == LOCAL_SYSTEM or self._windows.becomes:
            found = self._windows.run("look", self.name, **both)
        else:
            try:
                found = self._windows.run("look", self.name, **asked)
            except BecomeError as error:
                found = self._windows.run("look", LOCAL_SYSTEM, **both)
                self.doubt = str(error)
                self._windows.keep_unusable(self.name, self._process, error)
            else:
                # Who read the share is what the first of these tells.
                found = {**self._windows.run("look", **beside), **found} if beside else found
        identity = found["identity"]
        if self._sid == identity["sid"] or (_is_computer(self._sid) and _is_computer(identity["sid"])):
            self.doubt = None
        elif self.doubt is None:
            self.doubt = f"The task becomes {identity['name']}."
        return found


def _is_computer(sid: t.Optional[str]) -> bool:
    """Whether an account is the computer's for other hosts."""
    return sid is not None and (sid in _COMPUTER or sid.startswith(_VIRTUAL))


def look_at_windows(windows: Windows, given: t.Mapping[str, t.Any]) -> Result:
    """The same facts as :func:`_look.look_at` and the module peer_info tell, in at most three round trips.

    One is for what lies on the host, which says what else is looked at, and as whom. Another is for the import directory
    and the share, and for what those who listen are known to have; and there is a third one where the account of the service
    reads the share, and cannot be used, or sees too little of the host.
    """
    config, data_dir, share_path = (given.get(name) for name in ("config", "data_dir", "share_path"))
    errors: t.Dict[str, str] = {}
    service = given.get("service")
    if service:
        check_windows_service(service)
    found: Result = {}
    asked = _of_host(given)
    # The service says as whom a share is read.
    on_share = share_path or is_unc(given.get("import_dir") or data_dir)
    if config or given.get("discover") or (service and on_share):
        found, asked = _checked(windows.run("look", **asked), given), {}
    content, settings = _read_settings(config, found["config"], errors) if config else (None, {})
    configured = given.get("import_dir") or settings.get(IMPORT_DIR_KEY)
    import_dir = None
    if configured:
        import_dir = str(configured)
        if not is_unc(import_dir) and not ntpath.splitdrive(import_dir)[0]:
            errors["import_dir"] = f"The import directory is {import_dir!r}; it has to be an absolute path."
    elif data_dir and "config" not in errors:
        import_dir = _own_import_dir(data_dir)
    asked.update(_of_imports(given, found, settings, None if "import_dir" in errors else import_dir))
    url = _url(given, settings)
    seconds = given.get("connect_timeout", 10)
    asks_itself = given.get("api_from") == "peer"
    if asks_itself:
        asked.update(Url=url + FLAG_PATH, Milliseconds=int(seconds * 1000))
    discovery, beside = None, {}
    if given.get("discover"):
        discovery = Discovery(found, given["web_port"], url if asks_itself else None)
        beside = discovery.parameters(seconds)
    for later in (asked, beside):
        if found and later:
            # What the task says, or else the first look.
            later["Platform"] = found["platform"]
    reader = _Reader(windows, found)
    if asked or beside:
        is_on_share = is_unc(share_path) or is_unc(asked.get("ImportDir"))
        more = reader.look(asked, beside) if is_on_share else windows.run("look", **{**asked, **beside})
        found.update(_checked(more, given))
    api = parse_ask(found["answer"], url) if asks_itself else None
    facts: Result = {
        **nothing_found(),
        "data_dir": data_dir,
        "config": config,
        "config_content": None if content is None else base64.b64encode(content).decode("ascii"),
        "web_port": settings.get(WEB_PORT_KEY),
        "allow_executables": settings.get(EXECUTABLES_KEY, False) if content is not None else None,
        "import_dir": (found.get("import_dir") or {}).get("path") or import_dir,
        "import_dir_configured": bool(configured),
        "service": service_facts(found) if service else None,
        "platform": found["platform"],
        "api": api,
        "discovered": discovery.result(found, api) if discovery else None,
        "errors": errors,
    }
    if given.get("watch"):
        errors["watch"] = "Who opens the files of an import directory is not told by Windows."
    if "disk" in found:
        facts["disk"] = {**found["disk"], "import": found["import_dir"]["free"] if "import_dir" in found else None}
    if data_dir:
        _tell_data(facts, found, given.get("details", ()))
    if "import_dir" in found:
        _tell_imports(facts, found)
    if share_path:
        facts["mount"] = _share(share_path, found, reader)
        if found["share"]["manifest"]:
            facts["manifest"] = base64.b64decode(found["share"]["manifest"]).decode("utf-8", "replace")
            _tell_published(facts)
        if given.get("share_signature"):
            facts["signed"] = {name: found["share"][name] for name in ("sums", "signature")}
            facts["signed"]["error"] = None
    return facts


def _checked(found: Result, given: t.Mapping[str, t.Any]) -> Result:
    """:raises OptionsError: It was found on another host than the peer."""
    if found.get("is_peer") is False:
        raise OptionsError(
            f"data_dir and config are looked at on the host that the task works on, and {given['peer']} is no address of"
            " it. Leave them out (and delegate_to, if there is one), or run the task on the peer itself."
        )
    return found


def _of_host(given: t.Mapping[str, t.Any]) -> Result:
    """What to look at on the host itself, as parameters of the script."""
    details = given.get("details", ())
    return {
        "Config": given.get("config"),
        "DataDir": given.get("data_dir"),
        "ServiceName": given.get("service"),
        "WebPort": given["web_port"] if given.get("discover") else None,
        "Platform": given.get("platform"),
        "Peer": system_host(given["peer"]) if given.get("peer") else None,
        "Sizes": "build_sizes" in details,
        "Renders": bool(given.get("data_dir")) and "busy" in details,
        "Disk": "disk" in details,
    }


def _of_imports(given: t.Mapping[str, t.Any], found: Result, settings: Result, import_dir: t.Optional[str]) -> Result:
    """What to look at of the import directory and of the share, which may be one."""
    share_path, details = given.get("share_path"), given.get("details", ())
    if not import_dir and not share_path:
        return {}
    asked: Result = {
        "ImportDir": import_dir,
        "SharePath": share_path,
        "Manifest": MANIFEST if share_path else None,
        "Identify": "import_platforms" in details,
    }
    if share_path and given.get("share_signature"):
        asked.update(Sums=SUMS, Signature=SIGNATURE)
        asked["Checksums"] = bool(
            "import_checksums" in details and import_dir and is_within(import_dir, str(share_path))
        )
    if asked.get("Checksums"):
        reads, shall = (
            comparable(str(path).replace(PLATFORM_FIELD, str(found.get("platform"))))
            for path in (settings.get(IMPORT_DIR_KEY) or "", import_dir)
        )
        # A Swarm that reads there already has read what it has deployed.
        asked["Known"] = [build["name"][len("vray-") :] for _version, build in _builds(found)] if reads == shall else []
    return asked


def _read_settings(
    config: str, read: t.Mapping[str, t.Any], errors: t.Dict[str, str]
) -> t.Tuple[t.Optional[bytes], Result]:
    """The bytes of swarm.yaml, and what it says; what is wrong with it stands in the errors."""
    if read["error"]:
        why = "it is not there" if read["missing"] else as_sentence(read["error"]).rstrip(".")
        errors["config"] = (
            f"{config} could not be read: {why}. Set config to the path of Swarm's swarm.yaml on this host, or leave it"
            f" out. {DISCOVER}"
        )
        return None, {}
    content = base64.b64decode(read["content"])
    try:
        return content, parse_settings(content, config, (IMPORT_DIR_KEY, WEB_PORT_KEY))
    except OptionsError as error:
        errors["config"] = str(error)
        return content, {}


def _url(given: t.Mapping[str, t.Any], settings: Result) -> str:
    port = settings.get(WEB_PORT_KEY)
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        port = int(given.get("web_port", 1113))
    return base_url(given.get("peer") or "localhost", port)


def _tell_data(facts: Result, found: Result, details: t.Container[str]) -> None:
    data_dir, errors = facts["data_dir"], facts["errors"]
    try:
        facts["builds"] += deployed_builds(found, data_dir)
    except OptionsError as error:
        errors["data_dir"] = str(error)
        return
    since = {build["directory"]: build["seconds"] for build in found["builds"]}
    unchanged = {build["version"]: since[build["directory"]] for build in facts["builds"]}
    if facts["import_dir"] and comparable(facts["import_dir"]) != comparable(_own_import_dir(data_dir)):
        # On a share, it need not be what this peer has kept.
        facts["kept"] = [] if is_unc(data_dir) else sorted(found["kept"], key=lambda item: str(item["name"]))
    tell_marks(facts, found["marks"], found.get("service_seconds"), unchanged)
    if found.get("sizes_error"):
        errors["build_sizes"] = f"The builds in {data_dir} could not be counted: {as_sentence(found['sizes_error'])}"
    if "busy" in details:
        if found.get("renders_error"):
            errors["busy"] = f"Which renders run is not known for sure: {as_sentence(found['renders_error'])}"
        facts["busy"] = found.get("renders", [])


def _own_import_dir(data_dir: str) -> str:
    """As :func:`_look.own_import_dir`, by the rules of Windows."""
    return ntpath.join(data_dir, "VRay", "import")


def deployed_builds(found: Result, data_dir: str) -> t.List[Result]:
    """What look.ps1 tells of the builds that are deployed.

    :raises OptionsError: The data directory is not there, or may not be read.
    """
    if found["data"]["error"]:
        raise OptionsError(
            f"The data directory {data_dir} is not there, or may not be read: {as_sentence(found['data']['error'])} Set"
            f" data_dir to Swarm's data directory on this host. {DISCOVER}"
        )
    builds = [
        {"version": str(version), **{name: build[name] for name in ("directory", "files", "bytes")}}
        for version, build in _builds(found)
    ]
    return sorted(builds, key=lambda build: str(build["directory"]))


def _builds(found: Result) -> t.Iterator[t.Tuple[Version, Result]]:
    """The directories that are named as builds are; what else begins so is none."""
    for build in found.get("builds", ()):
        with contextlib.suppress(VersionError):
            yield Version.parse(build["name"][len("vray-") :]), build


def _tell_imports(facts: Result, found: Result) -> None:
    directory, errors = found["import_dir"], facts["errors"]
    # Swarm makes it; until then nothing lies there. A share is not made by Swarm.
    if directory["error"] and (not directory["missing"] or is_unc(directory["path"])):
        errors["import_dir"] = (
            f"{directory['path']} could not be read as {found['identity']['name']}: {as_sentence(directory['error'])}"
        )
    if found.get("checksums_error"):
        errors["import_checksums"] = (
            f"The files in {directory['path']} could not be read: {as_sentence(found['checksums_error'])}"
        )
    for item in sorted(found["imports"], key=lambda item: str(item["name"])):
        kind, platform = "directory" if item["directory"] else None, None
        if item["start"] is not None:
            programs = [base64.b64decode(program) for program in item["programs"]]
            start = base64.b64decode(item["start"])
            kind, platform = identify_start(start, item["bytes"], programs, found["platform"])
        entry = {name: item[name] for name in ("name", "path", "bytes", "sha256")}
        facts["imports"].append(dict(entry, kind=kind, platform=platform, opened=None))
    if is_unc(directory["path"]):
        root = "\\".join(directory["path"].replace("/", "\\").split("\\")[:4])
        facts["import_mount"] = {
            "source": root,
            "path": root,
            "fstype": "cifs",
            "read_only": False,
            "network": True,
        }


def _tell_published(facts: Result) -> None:
    """Of a file that does not tell its platform in the bytes that were read, publishing has told it in its list."""
    platforms: t.Dict[t.Tuple[t.Any, t.Any], t.Set[str]] = {}
    try:
        for entry in json.loads(facts["manifest"]):
            platforms.setdefault((entry["file"], entry["size"]), set()).add(entry["platform"])
    except (ValueError, RecursionError, KeyError, TypeError):
        # Whoever can write into the share can write anything there.
        return
    for item in facts["imports"]:
        told = platforms.get((item["name"], item["bytes"]), set())
        if item["platform"] is None and item["kind"] != "unknown" and len(told) == 1 and told <= set(PLATFORMS):
            item["platform"] = next(iter(told))


def _share(path: str, found: Result, reader: _Reader) -> Result:
    """A UNC path is not mounted, and always there; whether the service can read it is what matters."""
    share, error = found["share"], None
    if not is_unc(path):
        error = (
            f"{path} is no UNC path: a drive letter belongs to whoever logs in, and a service does not see it. Set it to"
            r" one such as \\server\share."
        )
    elif share["error"]:
        error = f"{path} could not be read as {found['identity']['name']}: {as_sentence(share['error'])}"
        if reader.doubt and reader.account:
            error += f" Swarm reads it as {reader.account}, and that was not tried: {reader.doubt}"
        elif _is_computer(found["identity"]["sid"]):
            error += (
                " That is how a service without an account of its own reads it: on the network it is the computer's"
                " account (DOMAIN\\HOST$). Give that one read access, or let the service run as a user that has it."
            )
    return {
        "path": path,
        "mounted": is_unc(path),
        "point": is_unc(path),
        "source": path if is_unc(path) else None,
        "fstype": "cifs" if is_unc(path) else None,
        "network": is_unc(path),
        "read_only": None,
        "readable": error is None,
        "empty": share["empty"] if error is None else None,
        "error": error,
        "fstab": None,
        "credentials": None,
        "account": reader.account,
        "read_as": found["identity"]["name"],
        "proved": is_unc(path) and reader.doubt is None,
        "doubt": reader.doubt if is_unc(path) else None,
        "waits": is_unc(path) and share["denied"] and reader.doubt is not None and reader.has_to_wait,
    }
