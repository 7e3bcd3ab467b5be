# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""A look at a Windows peer: what the module peer_info tells of others, from what win_service_info and look.ps1 tell."""

from __future__ import annotations

import base64
import json
import ntpath
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import PLATFORMS, identify_start
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import FLAG_PATH
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, SwarmError, VersionError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._layout import MANIFEST, SIGNATURE, SUMS
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import (
    DISCOVER,
    EXECUTABLES_KEY,
    IMPORT_DIR_KEY,
    WEB_PORT_KEY,
    tell_marks,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import is_unc, is_within
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import parse_settings
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import (
    Windows,
    as_sentence,
    base_url,
    parse_ask,
    service_facts,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_results import Result

# Well-known SIDs: LocalSystem and NetworkService. Both are the computer's account for other hosts.
_COMPUTER = frozenset(("S-1-5-18", "S-1-5-20"))


def look_at_windows(windows: Windows, given: t.Mapping[str, t.Any]) -> Result:
    """The same facts as :func:`_look.look_at` and the module peer_info tell, in at most three round trips."""
    config, data_dir, share_path = (given.get(name) for name in ("config", "data_dir", "share_path"))
    details = given.get("details", ())
    errors: t.Dict[str, str] = {}
    content, settings = None, {}
    if config:
        try:
            content = windows.read(config)
            if content is None:
                raise SwarmError("it is not there")
        except SwarmError as error:
            errors["config"] = (
                f"{config} could not be read: {error}. Set config to the path of Swarm's swarm.yaml on this host, or"
                f" leave it out. {DISCOVER}"
            )
        else:
            try:
                settings = parse_settings(content, config, (IMPORT_DIR_KEY, WEB_PORT_KEY))
            except OptionsError as error:
                errors["config"] = str(error)
    service = windows.service(given["service"]) if given.get("service") else None
    configured = given.get("import_dir") or settings.get(IMPORT_DIR_KEY)
    import_dir = None
    if configured:
        import_dir = str(configured)
        if not is_unc(import_dir) and not ntpath.splitdrive(import_dir)[0]:
            errors["import_dir"] = f"The import directory is {import_dir!r}; it has to be an absolute path."
    elif data_dir and "config" not in errors:
        import_dir = ntpath.join(data_dir, "VRay", "import")
    found = _look_script(windows, given, service, settings, None if "import_dir" in errors else import_dir)
    facts: Result = {
        "data_dir": data_dir,
        "config": config,
        "config_content": None if content is None else base64.b64encode(content).decode("ascii"),
        "web_port": settings.get(WEB_PORT_KEY),
        "allow_executables": settings.get(EXECUTABLES_KEY, False) if content is not None else None,
        "import_dir": (found.get("import_dir") or {}).get("path") or import_dir,
        "import_dir_configured": bool(configured),
        "builds": [],
        "marks": [],
        "unanswered": [],
        "awaited": [],
        "seen": [],
        "seen_all": False,
        "outlived": None,
        "interrupted": [],
        "imports": [],
        "import_there": None,
        "import_mount": None,
        "mount": None,
        "service": service_facts(service) if given.get("service") else None,
        "busy": None,
        "disk": found.get("disk"),
        "platform": found["platform"],
        "manifest": None,
        "signed": None,
        "api": parse_ask(found["answer"], _url(given, settings)) if "answer" in found else None,
        "discovered": None,
        "errors": errors,
    }
    if given.get("watch"):
        errors["watch"] = "Who opens the files of an import directory is not told by Windows."
    if data_dir:
        _tell_data(facts, found, details)
    if "import_dir" in found:
        _tell_imports(facts, found, errors)
    if share_path:
        facts["mount"] = _share(share_path, found, service)
        if found["share"]["manifest"]:
            facts["manifest"] = base64.b64decode(found["share"]["manifest"]).decode("utf-8", "replace")
            _tell_published(facts)
        if given.get("share_signature"):
            facts["signed"] = {name: found["share"][name] for name in ("sums", "signature")}
            facts["signed"]["error"] = None
    return facts


def _look_script(
    windows: Windows,
    given: t.Mapping[str, t.Any],
    service: t.Optional[Result],
    settings: Result,
    import_dir: t.Optional[str],
) -> Result:
    details = given.get("details", ())
    share_path, peer = given.get("share_path"), given.get("peer")
    found = windows.run(
        "look",
        as_system=is_unc(share_path) or is_unc(import_dir),
        DataDir=given.get("data_dir"),
        ImportDir=import_dir,
        SharePath=share_path,
        Manifest=MANIFEST if share_path else None,
        Sums=SUMS if share_path and given.get("share_signature") else None,
        Signature=SIGNATURE if share_path and given.get("share_signature") else None,
        Account=service["username"] if service else None,
        ServiceProcess=service_facts(service)["pid"] if service else None,
        Platform=given.get("platform"),
        Peer=peer,
        Url=_url(given, settings) + FLAG_PATH if given.get("api_from") == "peer" else None,
        Milliseconds=int(given.get("connect_timeout", 10) * 1000),
        Checksums=bool(
            given.get("share_signature")
            and "import_checksums" in details
            and share_path
            and import_dir
            and is_within(import_dir, share_path)
        ),
        ReadsAt=str(settings.get(IMPORT_DIR_KEY) or ""),
        Sizes="build_sizes" in details,
        Renders="busy" in details,
        Disk="disk" in details,
        Identify="import_platforms" in details,
    )
    if peer and not found["is_peer"]:
        raise OptionsError(
            f"data_dir and config are looked at on the host that the task works on, and {peer} is no address of it."
            " Leave them out (and delegate_to, if there is one), or run the task on the peer itwindows."
        )
    return found


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
    tell_marks(facts, found["marks"], found.get("service_seconds"), unchanged)
    if found.get("sizes_error"):
        errors["build_sizes"] = f"The builds in {data_dir} could not be counted: {as_sentence(found['sizes_error'])}"
    if "busy" in details:
        if found.get("renders_error"):
            errors["busy"] = f"Which renders run is not known for sure: {as_sentence(found['renders_error'])}"
        facts["busy"] = found.get("renders", [])


def deployed_builds(found: Result, data_dir: str) -> t.List[Result]:
    """What look.ps1 tells of the builds that are deployed.

    :raises OptionsError: The data directory is not there, or may not be read.
    """
    if found["data"]["error"]:
        raise OptionsError(
            f"The data directory {data_dir} is not there, or may not be read: {as_sentence(found['data']['error'])} Set"
            f" data_dir to Swarm's data directory on this host. {DISCOVER}"
        )
    builds = []
    for build in found["builds"]:
        try:
            version = Version.parse(build["name"][len("vray-") :])
        except VersionError:
            continue
        told = {name: build[name] for name in ("directory", "files", "bytes")}
        builds.append({"version": str(version), **told})
    return sorted(builds, key=lambda build: str(build["directory"]))


def _tell_imports(facts: Result, found: Result, errors: t.Dict[str, str]) -> None:
    directory = found["import_dir"]
    # Swarm makes it; until then nothing lies there. A share is not made by Swarm.
    if directory["error"] and (not directory["missing"] or is_unc(directory["path"])):
        errors["import_dir"] = f"{directory['path']} could not be read{_as(found)}: {as_sentence(directory['error'])}"
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


def _share(path: str, found: Result, service: t.Optional[Result]) -> Result:
    """A UNC path is not mounted, and always there; whether the service can read it is what matters."""
    share, identity = found["share"], found["identity"]
    account = found.get("account_sid")
    proved = account == identity["sid"] or {account, identity["sid"]} <= _COMPUTER
    error = None
    if not is_unc(path):
        error = (
            f"{path} is no UNC path: a drive letter belongs to whoever logs in, and a service does not see it. Set it to"
            r" one such as \\server\share."
        )
    elif share["error"]:
        error = f"{path} could not be read{_as(found)}: {as_sentence(share['error'])}"
        if identity["sid"] in _COMPUTER:
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
        "account": service["username"] if service else None,
        "read_as": identity["name"],
        "proved": proved,
    }


def _as(found: Result) -> str:
    return f" as {found['identity']['name']}"
