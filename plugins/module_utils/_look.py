# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""A look at a peer's own disk: what is deployed, what lies in the import directory, who else reads it.

It reads, and never writes. It runs on the peer, as part of a module; its result is plain data for the controller.
"""

from __future__ import annotations

import base64
import os
import socket
import stat
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, VersionError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mounts import find_mount
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import parse_settings
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version

_PREFIX = "vray-"
IMPORT_DIR_KEY = "vrayImportDir"
WEB_PORT_KEY = "webPort"


class Import(t.NamedTuple):
    """A file in the import directory."""

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
        self.imports = [Import(item["path"], item["bytes"]) for item in facts["imports"]]

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
    def import_is_local(self) -> bool:
        mount = self._facts["mount"]
        return not (mount and mount["network"]) and not _is_unc(self.import_dir)

    @property
    def shared(self) -> t.Optional[str]:
        """Why other peers may read this peer's import directory; None where they do not."""
        mount = self._facts["mount"]
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
            return os.path.normpath(self.import_dir).endswith("/VRay/import")
        return (os.path.normpath(self.import_dir) + "/").startswith(os.path.normpath(data_dir) + "/")


def look_at(
    data_dir: t.Optional[str],
    config: t.Optional[str] = None,
    import_dir: t.Optional[str] = None,
    peer: t.Optional[str] = None,
) -> t.Dict[str, t.Any]:
    """Return the facts about a peer's disk.

    :param data_dir: Swarm's data directory.
    :param config: The path of swarm.yaml.
    :param import_dir: The import directory; without it, what ``config`` says, or ``VRay/import`` in ``data_dir``,
        which is the vendor's documented default.
    :param peer: The address of the peer that is meant, where it is not certain that this host is it.
    :raises OptionsError: The data directory is not there, or swarm.yaml cannot be read.
    """
    if peer and not is_own_address(peer):
        raise OptionsError(
            f"data_dir and config are looked at on the host that the task works on, and {peer} is no address of it."
            " Leave them out (and delegate_to, if there is one), or run the task on the peer itself."
        )
    settings: t.Dict[str, t.Any] = {}
    content = None
    if config:
        content = _read_config(config)
        settings = parse_settings(content, config, (IMPORT_DIR_KEY, WEB_PORT_KEY))
    configured = import_dir or settings.get(IMPORT_DIR_KEY)
    if data_dir and not os.path.isdir(data_dir):
        raise OptionsError(
            f"The data directory {data_dir} is not there, or may not be read (become?). Set data_dir to Swarm's data"
            " directory on this host."
        )
    if configured:
        import_dir = str(configured)
        if not os.path.isabs(import_dir) and not _is_unc(import_dir):
            raise OptionsError(f"The import directory is {import_dir!r}; it has to be an absolute path.")
    elif data_dir:
        import_dir = os.path.join(data_dir, "VRay", "import")
    mount = find_mount(import_dir) if import_dir else None
    return {
        "data_dir": data_dir,
        "config": config,
        "config_content": None if content is None else base64.b64encode(content).decode("ascii"),
        "web_port": settings.get(WEB_PORT_KEY),
        "import_dir": import_dir,
        "import_dir_configured": bool(configured),
        "builds": _deployed(data_dir) if data_dir else [],
        "imports": _imports(import_dir) if import_dir else [],
        "mount": mount.as_dict() if mount else None,
    }


def is_own_address(peer: str) -> bool:
    """Whether a name or address is one of this host: a system lets a socket be bound only to those."""
    try:
        for family, kind, protocol, _name, address in socket.getaddrinfo(peer.strip("[]"), 0, type=socket.SOCK_STREAM):
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
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise OptionsError(
            f"{path} could not be read: {error.strerror}. Set config to the path of Swarm's swarm.yaml on this host, or"
            " leave it out."
        ) from error


def _deployed(data_dir: str) -> t.List[t.Dict[str, str]]:
    """A deployed build is the directory ``VRay/vray-<version-str>``, as in the vendor's example of an answer."""
    found = []
    for entry in _scan(os.path.join(data_dir, "VRay")):
        if entry.name.startswith(_PREFIX) and entry.is_dir():
            try:
                version = Version.parse(entry.name[len(_PREFIX) :])
            except VersionError:
                continue
            found.append({"version": str(version), "directory": entry.path})
    return found


def _imports(import_dir: str) -> t.List[t.Dict[str, t.Any]]:
    found = []
    for entry in _scan(import_dir):
        try:
            status = entry.stat()
        except OSError:  # removed meanwhile, or a dangling link
            continue
        if stat.S_ISREG(status.st_mode):
            found.append({"name": entry.name, "path": entry.path, "bytes": status.st_size})
    return found


def _scan(directory: str) -> t.List[os.DirEntry[str]]:
    """The entries of a directory by name; none where Swarm has not made it yet."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OptionsError(f"{directory} could not be read: {error.strerror}. Does the task need become?") from error


def _is_unc(path: t.Optional[str]) -> bool:
    return bool(path) and str(path).startswith(("\\\\", "//"))
