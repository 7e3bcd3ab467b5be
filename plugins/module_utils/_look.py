# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""A look at a peer: what is deployed, what lies in the import directory, who else reads it, what runs.

It reads, and never writes. It runs on the peer, as part of a module; its result is plain data for the controller. What
is missing or may not be read is told in it: whether that is a failure is for those to say who decide.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import hmac
import os
import platform
import signal
import socket
import stat
import tempfile
import time
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._address import system_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._bounded import TimeLimitError, bounded
from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import identify, sha256
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    BuildError,
    OptionsError,
    SwarmError,
    VersionError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._files import open_regular
from ansible_collections.renderops.vray_swarm.plugins.module_utils._layout import MANIFEST, SIGNATURE, SUMS
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import (
    AWAITED,
    PEER,
    WHOLE,
    mark_name,
    marked_versions,
    marks_among,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mounts import (
    find_fstab,
    find_mount,
    find_mount_point,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import comparable, is_unc, is_within
from ansible_collections.renderops.vray_swarm.plugins.module_utils._processes import (
    below,
    look_at_processes,
    running_seconds,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service import look_at_service
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import parse_settings
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version, find_version

_PREFIX = "vray-"
IMPORT_DIR_KEY = "vrayImportDir"
WEB_PORT_KEY = "webPort"
EXECUTABLES_KEY = "allowExecutables"
DISCOVER = "The playbook renderops.vray_swarm.discover tells where Swarm keeps its things."

# A directory may lie on a share whose server has gone: nothing is waited for longer than that, in seconds.
_LIMIT = 20.0
# Counting the files of a build takes 0.15 s per 20,000 of them. What is larger than that is no build.
_COUNT_LIMIT = 60.0
_COUNT_FILES = 1000000
# Telling the platform of an archive takes milliseconds where it is plain, but a second where it is compressed.
_IDENTIFY_LIMIT = 2.0
_CREDENTIALS_BYTES = 1 << 16
# By how much the time of a file may be behind, and that of a process.
_CLOCK_STEP = 0.05
# What Swarm will import is read once before it does. That is some ten seconds for a build, over the network.
_CHECKSUMS_LIMIT = 1800.0


# A mount whose server, or whose program, has gone for good answers so.
_GONE = (errno.ENOTCONN, errno.ESTALE, errno.EIO, errno.EHOSTDOWN)
# The list that publishing keeps in the root of a share. It is some hundred bytes for each build.
_MANIFEST_LIMIT = 1 << 20
_SUMS_LIMIT = 1 << 20
_SIGNATURE_LIMIT = 1 << 16
#: Stands in the path of an import directory for the platform of the host.
PLATFORM_FIELD = "{platform}"


class Import(t.NamedTuple):
    """A file in the import directory."""

    name: str
    path: str
    bytes: int


class Look:
    """What a look found, in the words that decisions need."""

    def __init__(self, facts: t.Dict[str, t.Any]) -> None:
        self._facts = facts
        self.import_dir: t.Optional[str] = facts["import_dir"]
        self.deployed: t.Dict[Version, str] = {
            Version.parse(build["version"]): build["directory"] for build in facts["builds"]
        }
        self._marks = frozenset(facts["marks"])
        self.imports = _files(facts["imports"])
        #: What was uploaded, and is kept where Swarm need not look for what it imports.
        self.kept = _files(facts["kept"])

    def has_mark(self, name: str) -> bool:
        """Whether there is a mark of this name."""
        return name in self._marks

    def check(self) -> None:
        """:raises OptionsError: Something that was to be looked at is missing, or may not be read."""
        for text in self._facts["errors"].values():
            raise OptionsError(text)

    @property
    def web_port(self) -> t.Optional[int]:
        """What swarm.yaml says, None where it does not."""
        port = self._facts["web_port"]
        if port is None:
            return None
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            raise OptionsError(
                f"{WEB_PORT_KEY} in {self._facts['config']} is {port!r}; a port is a number from 1 to 65535."
            )
        return port

    @property
    def allows_executables(self) -> t.Optional[bool]:
        """What swarm.yaml says, None where it does not tell."""
        flag = self._facts["allow_executables"]
        return flag if isinstance(flag, bool) else None

    @property
    def import_is_local(self) -> bool:
        return import_is_local(self._facts)

    @property
    def own_imports(self) -> t.List[Import]:
        """What lies in the import directory, unless others may have put it there, over a network."""
        return self.imports if self.import_is_local else []

    @property
    def shared(self) -> t.Optional[str]:
        """Why other peers may read this peer's import directory; None where they do not."""
        mount = self._facts["import_mount"]
        if mount and mount["network"]:
            return f"{self.import_dir} lies on the {mount['fstype']} mount {mount['source']}"
        if self.import_dir and self._facts["import_dir_configured"] and not self._within_data_dir():
            hint = "" if self._facts["data_dir"] else " (give data_dir, so that it can be told whether that is its own)"
            return f"{IMPORT_DIR_KEY} in its swarm.yaml points to {self.import_dir}{hint}"
        return None

    def _within_data_dir(self) -> bool:
        data_dir = self._facts["data_dir"]
        if not self.import_dir:
            return False
        if not data_dir:
            # Where the vendor documents a peer's own import directory to be.
            return comparable(self.import_dir).endswith(comparable("/VRay/import", self.import_dir))
        return is_within(self.import_dir, data_dir)


def _files(items: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[Import]:
    return [Import(item["name"], item["path"], item["bytes"]) for item in items if item["bytes"] is not None]


def pending_restart(
    settings: t.Optional[t.Mapping[str, t.Any]], api: t.Optional[t.Mapping[str, t.Any]]
) -> t.Optional[bool]:
    """Whether Swarm runs with other settings than swarm.yaml has now, as far as its web port tells; None: unknown.

    Swarm reads the file when it starts. Of its settings, the port that answers and allowExecutables can be seen.
    """
    if settings is None or api is None or not api["reachable"]:
        return None
    wanted = settings.get(EXECUTABLES_KEY)
    if wanted is None:
        wanted = False
    return wanted != api["allow_executables"] if isinstance(wanted, bool) else None


def look_at(
    data_dir: t.Optional[str],
    config: t.Optional[str] = None,
    import_dir: t.Optional[str] = None,
    share_path: t.Optional[str] = None,
    service: t.Optional[str] = None,
    details: t.Container[str] = (),
    peer: t.Optional[str] = None,
    host_platform: t.Optional[str] = None,
    share_credentials: t.Optional[str] = None,
    share_digest: t.Optional[str] = None,
    share_signature: bool = False,
) -> t.Dict[str, t.Any]:
    """Return the facts about a peer.

    :param data_dir: Swarm's data directory.
    :param config: The path of swarm.yaml.
    :param import_dir: The import directory; without it, what ``config`` says, or ``VRay/import`` in ``data_dir``,
        which is the vendor's documented default.
    :param share_path: Where the share is mounted.
    :param service: The name of Swarm's service.
    :param details: What else to look at: see DETAILS of the argument spec.
    :param peer: The address of the peer that is meant, where it is not certain that this host is it.
    :param host_platform: The platform of this host, where that is known better than it can be found out.
    :param share_credentials: The file with the user and the password for the share.
    :param share_digest: What its content shall be, see :func:`digest`.
    :param share_signature: Whether the list of checksums and its signature are wanted, and what they are compared with.
    :raises OptionsError: This host is not that peer.
    """
    if peer and not is_own_address(peer):
        raise OptionsError(
            f"data_dir and config are looked at on the host that the task works on, and {peer} is no address of it."
            " Leave them out (and delegate_to, if there is one), or run the task on the peer itself."
        )
    errors: t.Dict[str, str] = {}
    settings: t.Dict[str, t.Any] = {}
    content = None
    if config:
        try:
            content = _read_config(config)
            settings = parse_settings(content, config, (IMPORT_DIR_KEY, WEB_PORT_KEY), (EXECUTABLES_KEY,))
        except OptionsError as error:
            errors["config"] = str(error)
    host_platform = host_platform or this_platform()
    if import_dir and PLATFORM_FIELD in import_dir:
        if host_platform is None:
            errors["import_dir"] = "V-Ray is not made for the platform of this host, as it calls itself. Set platform."
        import_dir = import_dir.replace(PLATFORM_FIELD, str(host_platform))
    configured = import_dir or settings.get(IMPORT_DIR_KEY)
    if configured:
        import_dir = str(configured)
        if not os.path.isabs(import_dir) and not is_unc(import_dir):
            errors["import_dir"] = f"The import directory is {import_dir!r}; it has to be an absolute path."
    elif data_dir and "config" not in errors:
        import_dir = own_import_dir(data_dir)
    facts: t.Dict[str, t.Any] = {
        **nothing_found(),
        "data_dir": data_dir,
        "config": config,
        "config_content": None if content is None else base64.b64encode(content).decode("ascii"),
        "web_port": settings.get(WEB_PORT_KEY),
        "allow_executables": settings.get(EXECUTABLES_KEY, False) if content is not None else None,
        "import_dir": import_dir,
        "import_dir_configured": bool(configured),
        "service": look_at_service(service) if service else None,
        "platform": host_platform,
        "errors": errors,
    }
    free: t.Dict[str, t.Optional[int]] = {"temp": None, "data": None, "import": None}
    if "disk" in details:
        facts["disk"] = free
        free["temp"] = _free(tempfile.gettempdir())
    if data_dir:
        data = _within("data_dir", data_dir, lambda: _look_at_data(data_dir, details), errors)
        facts["builds"], free["data"] = data.get("builds", []), data.get("free")
        pid = (facts["service"] or {}).get("pid")
        running = running_seconds(pid) if pid and data.get("unchanged") else None
        tell_marks(facts, data.get("names", ()), running, data.get("unchanged", {}))
        if "busy" in details and "roots" in data:
            facts["busy"] = _look_at_renders(data["roots"], errors)
    # What is wrong with the data directory is said once.
    if import_dir and "import_dir" not in errors and (configured or "data_dir" not in errors):
        directory = import_dir
        imported = _within("import_dir", directory, lambda: _look_at_imports(directory, details, host_platform), errors)
        facts["imports"], facts["import_mount"] = imported.get("imports", []), imported.get("mount")
        facts["import_there"] = imported.get("there")
        free["import"] = imported.get("free")
    if data_dir and configured and {"data_dir", "import_dir"}.isdisjoint(errors):
        directory, other = own_import_dir(data_dir), str(import_dir)
        # What cannot be read there is no error: it is not known then, as without a look.
        facts["kept"] = _within("kept", directory, lambda: {"kept": _kept(directory, other)}, {}).get("kept", [])
    if share_path:
        facts["mount"] = _look_at_share(share_path, share_signature)
        facts["manifest"], facts["signed"] = facts["mount"].pop("manifest"), facts["mount"].pop("signed")
        if share_credentials and share_digest:
            try:
                facts["mount"]["credentials"] = _are_wanted(share_credentials, share_digest)
            except OptionsError as error:
                errors["share_credentials"] = str(error)
        if import_dir and "import_checksums" in details and (facts["signed"] or {}).get("signature"):
            if is_within(import_dir, share_path):
                # A Swarm that reads there already has read what it has deployed.
                reads_there = comparable(settings.get(IMPORT_DIR_KEY) or "") == comparable(import_dir)
                known = {build["version"] for build in facts["builds"]} if reads_there else set()
                _hash(facts["imports"], known, import_dir, errors)
    return facts


def nothing_found() -> t.Dict[str, t.Any]:
    """The facts of a look, on whatever system, as long as nothing is known."""
    return {
        "service": None,
        "builds": [],
        "marks": [],
        "unanswered": [],
        "awaited": [],
        "seen": [],
        "seen_all": False,
        "outlived": None,
        "interrupted": [],
        "imports": [],
        "import_dir": None,
        "import_there": None,
        "import_mount": None,
        "kept": [],
        "mount": None,
        "disk": None,
        "busy": None,
        "platform": None,
        "config_content": None,
        "manifest": None,
        "signed": None,
        "errors": {},
    }


def this_platform() -> t.Optional[str]:
    """The platform of this host, by the name that its directory in a share has; None where V-Ray has none."""
    system = {"Linux": "Linux", "Darwin": "macOS"}.get(platform.system())
    machine = platform.machine().lower()
    # A Python for x86 on a Mac with Arm sees an x86; the name of the kernel tells the truth.
    if machine in ("arm64", "aarch64") or (system == "macOS" and "ARM64" in platform.version()):
        architecture: t.Optional[str] = "Arm64"
    else:
        architecture = "x86" if machine in ("x86_64", "amd64") else None
    return f"{system}_{architecture}" if system and architecture else None


def _within(
    option: str, directory: str, look: t.Callable[[], t.Dict[str, t.Any]], errors: t.Dict[str, str]
) -> t.Dict[str, t.Any]:
    """Look within the time limit; tell what went wrong."""
    try:
        found: t.Dict[str, t.Any] = bounded(look, _COUNT_LIMIT if option == "data_dir" else _LIMIT)
    except TimeLimitError:
        errors[option] = f"{directory} does not answer. Does it lie on a share whose server is down?"
    except SwarmError as error:
        errors[option] = str(error)
    else:
        errors.update(found.get("errors", {}))
        return found
    return {}


def own_import_dir(data_dir: str) -> str:
    """Where the vendor's page has it that an upload is kept. Of another ``vrayImportDir``, it does not say whether it is."""
    return os.path.join(data_dir, "VRay", "import")


def import_is_local(facts: t.Mapping[str, t.Any]) -> bool:
    """Whether no network is between the peer and its import directory."""
    mount = facts["import_mount"]
    return not (mount and mount["network"]) and not is_unc(facts["import_dir"])


def tell_marks(
    facts: t.Dict[str, t.Any], names: t.Iterable[str], running: t.Optional[float], unchanged: t.Mapping[str, float]
) -> None:
    """Add to the facts what the marks in a data directory tell, and which builds the Swarm of now has not deployed.

    :param names: Of the directories there.
    """
    facts["marks"] = marks = marks_among(names)
    facts["unanswered"], facts["awaited"] = marked_versions(marks), marked_versions(marks, AWAITED)
    facts["seen"], facts["seen_all"] = marked_versions(marks, WHOLE), mark_name(PEER, WHOLE) in marks
    facts["outlived"] = outlived(facts["service"], running, unchanged)
    facts["interrupted"] = [version for version in facts["outlived"] or [] if version in facts["awaited"]]


def outlived(
    service: t.Optional[t.Mapping[str, t.Any]], running: t.Optional[float], unchanged: t.Mapping[str, float]
) -> t.Optional[t.List[str]]:
    """Return the versions that the Swarm of now has not deployed: an earlier one has, or was killed while it did.

    None where nobody tells.

    :param service: What its service manager says.
    :param running: For how many seconds its process runs; None where nobody tells.
    :param unchanged: For how many seconds the directory of each build is as it is.
    """
    if service is None or service["state"] in ("unknown", "absent"):
        return None
    if service["state"] != "running":
        return sorted(unchanged)
    if running is None:
        return None if unchanged else []
    # What is not made yet tells that the clock was set back.
    return sorted(version for version, seconds in unchanged.items() if not 0 <= seconds <= running + _CLOCK_STEP)


def is_own_address(peer: str) -> bool:
    """Whether a name or address is one of this host: a system lets a socket be bound only to those."""
    try:
        for family, kind, protocol, _name, address in socket.getaddrinfo(system_host(peer), 0, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as sock:
                try:
                    sock.bind(address)
                    return True
                except OSError:
                    continue
    except OSError:
        pass
    return False


def _read_config(path: str) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read()
    except OSError as error:
        raise OptionsError(
            f"{path} could not be read: {error.strerror}. Set config to the path of Swarm's swarm.yaml on this host, or"
            f" leave it out. {DISCOVER}"
        ) from error


# The data directory.


def build_roots(data_dir: str) -> t.List[str]:
    """What the executables of renders begin with.

    :raises OptionsError: The data directory is not there, or may not be read.
    """
    roots: t.List[str] = _data(data_dir)["roots"]
    return roots


def deployed_builds(data_dir: str) -> t.List[t.Dict[str, t.Any]]:
    """The versions of the builds that are there, with their directories.

    :raises OptionsError: The data directory is not there, or may not be read.
    """
    builds: t.List[t.Dict[str, t.Any]] = _data(data_dir)["builds"]
    return builds


def _data(data_dir: str) -> t.Dict[str, t.Any]:
    errors: t.Dict[str, str] = {}
    data = _within("data_dir", data_dir, lambda: _look_at_data(data_dir, ()), errors)
    for text in errors.values():
        raise OptionsError(text)
    return data


def renders(data_dir: str) -> t.List[t.Dict[str, t.Any]]:
    """The processes that run from a deployed build.

    :raises OptionsError: Which ones these are is not known for sure.
    """
    errors: t.Dict[str, str] = {}
    busy = _look_at_renders(build_roots(data_dir), errors)
    for text in errors.values():
        raise OptionsError(text)
    return busy


def _look_at_renders(roots: t.Sequence[str], errors: t.Dict[str, str]) -> t.List[t.Dict[str, t.Any]]:
    found = look_at_processes()
    if found.error:
        errors["busy"] = f"Which renders run is not known for sure: {found.error}."
    return below(found.seen, roots)


def _look_at_data(data_dir: str, details: t.Container[str]) -> t.Dict[str, t.Any]:
    try:
        is_there = stat.S_ISDIR(os.stat(data_dir).st_mode)
    except OSError as error:
        if error.errno in _GONE:
            raise OptionsError(f"The data directory {data_dir} could not be read: {_reason(error)}") from error
        is_there = False
    if not is_there:
        raise OptionsError(
            f"The data directory {data_dir} is not there, or may not be read (become?). Set data_dir to Swarm's data"
            f" directory on this host. {DISCOVER}"
        )
    vray = os.path.join(data_dir, "VRay")
    builds, roots = _deployed(vray)
    errors = {}
    if "build_sizes" in details:
        try:
            budget = _COUNT_FILES
            for build in builds:
                build["files"], build["bytes"] = count_tree(build["directory"], budget)
                budget -= build["files"]
        except OptionsError as error:
            errors["build_sizes"] = str(error)
    names = [entry.name for entry in _scan(data_dir) if entry.is_dir(follow_symlinks=False)]
    return {
        "builds": builds,
        "names": names,
        "unchanged": _unchanged(builds),
        # Also where a build is removed while it renders, and where the directory of a build is a link.
        "roots": [os.path.realpath(root) + "/" for root in roots] + [os.path.join(os.path.realpath(vray), _PREFIX)],
        "free": _free(data_dir) if "disk" in details else None,
        "errors": errors,
    }


def _deployed(vray: str) -> t.Tuple[t.List[t.Dict[str, t.Any]], t.List[str]]:
    """A deployed build is the directory ``VRay/vray-<version-str>``, as in the vendor's example of an answer."""
    found, directories = [], []
    for entry in _scan(vray):
        if entry.name.startswith(_PREFIX) and entry.is_dir():
            directories.append(entry.path)
            try:
                version = Version.parse(entry.name[len(_PREFIX) :])
            except VersionError:
                continue
            found.append({"version": str(version), "directory": entry.path, "files": None, "bytes": None})
    return found, directories


def _unchanged(builds: t.Iterable[t.Dict[str, t.Any]]) -> t.Dict[str, float]:
    """For how many seconds the directory of each build is as it is, by its version."""
    found = {}
    for build in builds:
        # Whoever unpacks an archive may set all times but this one.
        with contextlib.suppress(OSError):
            found[build["version"]] = time.time() - os.stat(build["directory"]).st_ctime
    return found


def count_tree(directory: str, limit: int) -> t.Tuple[int, int]:
    """Count the files below a directory, and their bytes. Links count as files, and are not followed.

    :raises OptionsError: A directory may not be read, or there are more files than ``limit``.
    """
    files = size = 0
    todo = [directory]
    while todo:
        current = todo.pop()
        try:
            with os.scandir(current) as entries:
                for entry in entries:
                    # Linux and macOS tell these two without a look at the file itself.
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                        continue
                    files += 1
                    if not entry.is_symlink():
                        size += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:  # Removed meanwhile.
            continue
        except OSError as error:
            raise OptionsError(f"{current} could not be read: {_reason(error)}") from error
        if files > limit:
            raise OptionsError(f"{directory} was not counted to its end: there are more than {_COUNT_FILES} files.")
    return files, size


# The import directory.


def _look_at_imports(import_dir: str, details: t.Container[str], host_platform: t.Optional[str]) -> t.Dict[str, t.Any]:
    imports = _imports(import_dir)
    if "import_platforms" in details:
        _identify(imports, host_platform)
    mount = find_mount(import_dir)
    return {
        "imports": imports,
        "there": os.path.isdir(import_dir),
        "mount": mount.as_dict() if mount else None,
        "free": _free(import_dir) if "disk" in details else None,
    }


def _imports(import_dir: str) -> t.List[t.Dict[str, t.Any]]:
    found = []
    for entry in _scan(import_dir):
        item: t.Dict[str, t.Any] = {
            "name": entry.name,
            "path": entry.path,
            "bytes": None,
            "kind": None,
            "platform": None,
            "opened": None,
            "sha256": None,
        }
        try:
            status = entry.stat()
        except OSError:  # removed meanwhile, or a dangling link
            if not entry.is_symlink():
                continue
            item["kind"] = "special"
        else:
            if stat.S_ISREG(status.st_mode):
                item["bytes"] = status.st_size
            else:
                item["kind"] = "directory" if stat.S_ISDIR(status.st_mode) else "special"
        found.append(item)
    return found


def _kept(directory: str, import_dir: str) -> t.List[t.Dict[str, t.Any]]:
    """What lies there, unless it is the import directory by another name, or a share, into which others upload."""
    mount = find_mount(directory)
    if os.path.realpath(directory) == os.path.realpath(import_dir) or (mount and mount.network):
        return []
    files = [item for item in _imports(directory) if item["bytes"] is not None]
    return [{name: item[name] for name in ("name", "path", "bytes")} for item in files]


class _Enough(BaseException):
    """The time is up. Nothing between the alarm and :func:`_identify` catches it."""


def _identify(imports: t.List[t.Dict[str, t.Any]], host_platform: t.Optional[str]) -> None:
    """Tell the platforms, as far as that goes in a short time. In a child process: it uses the alarm of the process."""

    def stop(_number: int, _frame: t.Any) -> t.NoReturn:
        raise _Enough

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, _IDENTIFY_LIMIT)
    try:
        for item in imports:
            if item["bytes"] is None:
                continue
            try:
                build = identify(item["path"], own=host_platform)
                item["kind"], item["platform"] = build.category, build.platform
            except BuildError:
                # Unless it cannot be read, it is none of the formats that are known.
                item["kind"] = "unknown" if os.access(item["path"], os.R_OK) else None
    except _Enough:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _hash(
    imports: t.List[t.Dict[str, t.Any]], known: t.Container[str], import_dir: str, errors: t.Dict[str, str]
) -> None:
    """Tell the checksums of the files that Swarm will import, which is all but those of the known versions."""
    new = [item for item in imports if item["bytes"] is not None and str(find_version(item["name"])) not in known]
    try:
        found = bounded(lambda: [_sha256(item["path"]) for item in new], _CHECKSUMS_LIMIT)
    except TimeLimitError:
        errors["import_checksums"] = f"The files in {import_dir} could not be read within {_CHECKSUMS_LIMIT:g} s."
    except SwarmError as error:
        errors["import_checksums"] = str(error)
    else:
        for item, checksum in zip(new, found):
            item["sha256"] = checksum


def _sha256(path: str) -> t.Optional[str]:
    try:
        return sha256(path)
    except BuildError:
        if os.path.lexists(path):
            raise
        return None  # Removed meanwhile.


# The share.


def _look_at_share(path: str, signature: bool) -> t.Dict[str, t.Any]:
    share = {
        "path": path,
        "mounted": False,
        "point": False,
        "source": None,
        "fstype": None,
        "network": None,
        "read_only": None,
        "readable": False,
        "empty": None,
        "error": None,
        "fstab": find_fstab(path),
        "credentials": None,
        "manifest": None,
        "signed": None,
    }
    try:
        share.update(bounded(lambda: _share(path, signature), _LIMIT))
    except TimeLimitError:
        mount = find_mount_point(path)
        if mount:
            share.update(mount.as_dict(), mounted=True, point=True, path=path)
        share["error"] = f"{path} does not answer. Is the server of the share down?"
    except SwarmError as error:
        share["error"] = str(error)
    return share


def _share(path: str, signature: bool) -> t.Dict[str, t.Any]:
    found: t.Dict[str, t.Any] = {}
    # Read first: that is what makes an automounter mount.
    try:
        with os.scandir(path) as entries:
            found["empty"] = next(entries, None) is None
        found["readable"] = True
        found["manifest"] = _manifest(path)
        found["signed"] = _signed(path) if signature else None
    except OSError as error:
        found["error"] = f"{path} could not be read: {_reason(error, advice='')}"
    mount = find_mount(path)
    is_point = mount is not None and mount.path == os.path.realpath(path)
    if mount and (mount.network or is_point):
        found.update(mount.as_dict(), mounted=True, point=is_point, path=path)
    return found


def _manifest(path: str) -> t.Optional[str]:
    """What publishing has listed in the root of the share; None where there is no such list."""
    try:
        with open(os.path.join(path, MANIFEST), encoding="utf-8") as file:
            return file.read(_MANIFEST_LIMIT)
    except (OSError, ValueError):
        return None


def _signed(path: str) -> t.Dict[str, t.Optional[str]]:
    """The list of checksums and its signature, byte by byte: what they are worth is not decided here."""
    found: t.Dict[str, t.Optional[str]] = {"sums": None, "signature": None, "error": None}
    for key, name, limit in (("sums", SUMS, _SUMS_LIMIT), ("signature", SIGNATURE, _SIGNATURE_LIMIT)):
        try:
            with open(os.path.join(path, name), "rb") as file:
                content = file.read(limit + 1)
        except FileNotFoundError:
            continue
        except OSError as error:
            found["error"] = f"{name} could not be read: {error.strerror}."
            continue
        if len(content) > limit:
            found["error"] = f"{name} is larger than {limit} bytes."
        found[key] = base64.b64encode(content).decode("ascii")
    return found


def digest(salt: str, content: bytes) -> str:
    """What tells whether a file has this content, and nothing else."""
    return f"{salt}:{hmac.new(salt.encode('ascii'), content, hashlib.sha256).hexdigest()}"


def _are_wanted(path: str, wanted: str) -> bool:
    """Whether a file has the wanted content, and nobody but its owner can read it."""
    try:
        with open(path, "rb") as file:
            status, content = os.fstat(file.fileno()), file.read(_CREDENTIALS_BYTES)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OptionsError(f"{path} could not be read: {_reason(error)}") from error
    is_private = stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid in (0, os.geteuid())
    return is_private and hmac.compare_digest(digest(wanted.partition(":")[0], content), wanted)


def _reason(error: OSError, advice: str = " Does the task need become?") -> str:
    if error.errno in _GONE:
        advice = " What is mounted there has gone, or its server has: unmount it (umount -l), and mount it again."
    return f"{error.strerror}.{advice}"


def _free(directory: str) -> t.Optional[int]:
    """The bytes that a user may use there, or in the nearest directory above it that exists."""
    current = os.path.abspath(directory)
    while True:
        try:
            found = os.statvfs(current)
            return found.f_bavail * found.f_frsize
        except FileNotFoundError:
            if current == os.path.dirname(current):
                return None
            current = os.path.dirname(current)
        except OSError:
            return None


def _scan(directory: str) -> t.List[os.DirEntry[str]]:
    """The entries of a directory by name; none where Swarm has not made it yet."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OptionsError(f"{directory} could not be read: {_reason(error)}") from error
