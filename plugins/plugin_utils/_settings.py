# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What is known of Swarm's settings: the keys that the vendor documents, their types and defaults."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, VersionError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._yaml_edit import read_value

Path = t.Tuple[str, ...]

#: The vendor's defaults: "Script Distribution" and "Setting up Swarm Port Access".
DEFAULTS: t.Dict[str, t.Any] = {
    "webPort": 1113,
    "mcastPort": 1112,
    "peersPort": 1114,
    "grpcPort": 1115,
    "vrayPort": 20212,
    "allowExecutables": False,
    "uploadsQueuePeriod": 10,
}

_IMPORT_DIR = "vrayImportDir"
_INTEGER = re.compile(r"[0-9]{1,10}")
_NUMBER = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,10})?")


def wanted_settings(settings: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return the wanted settings as plain data, with the documented types.

    ansible-core up to 2.18 makes texts of templates such as ``{{ port | int }}``, and what it hands to an action since
    2.19 is tagged, which no other library knows.

    :raises OptionsError: A value is none that can be in swarm.yaml.
    """
    return {name: _typed(name, value) for name, value in t.cast("t.Dict[str, t.Any]", _plain(settings, ())).items()}


def absent_keys(names: t.Sequence[str], settings: t.Mapping[str, t.Any]) -> t.List[Path]:
    """Return the paths of the keys that must go.

    :raises OptionsError: A name is none, or what is to go is to stay as well.
    """
    paths: t.List[Path] = []
    for name in names:
        path = tuple("".join(name).split("."))
        if not all(path):
            raise OptionsError(f"absent has {str(name)!r}; it lists keys, such as vrayImportDir or logging.web.")
        inner: t.Any = settings
        for number, part in enumerate(path):
            if not isinstance(inner, dict) or part not in inner:
                break
            inner = inner[part]
            if number + 1 == len(path) or not isinstance(inner, dict):
                raise OptionsError(f"{name} is in absent, and {'.'.join(path[: number + 1])} in settings.")
        # The longer one of two goes with the shorter one.
        if not any(path[: len(other)] == other for other in paths):
            paths = [other for other in paths if other[: len(path)] != path] + [path]
    return paths


def absent_versions(texts: t.Sequence[str]) -> t.List[str]:
    """Return the versions of the builds that must go, as Swarm writes them.

    :raises OptionsError: One is no version.
    """
    try:
        return [str(Version.parse("".join(text))) for text in texts]
    except VersionError as error:
        raise OptionsError(f"absent_builds: {error}") from error


def swarm_defaults(data_dir: t.Optional[str]) -> t.Dict[str, t.Any]:
    """The vendor's defaults; that of the import directory lies in the data directory."""
    if not data_dir:
        return DEFAULTS
    separator = "\\" if "\\" in data_dir else "/"
    return dict(DEFAULTS, vrayImportDir=separator.join([data_dir.rstrip("/\\"), "VRay", "import"]))


def settle_directory(
    content: bytes, name: str, settings: t.Mapping[str, t.Any], defaults: t.Mapping[str, t.Any]
) -> t.Dict[str, t.Any]:
    """Want the import directory as the file, or the default, spells it, where that is the same one.

    :raises SettingsError: The file is no YAML, or no mapping.
    """
    settled = dict(settings)
    if _IMPORT_DIR in settled:
        have = read_value(content, name, (_IMPORT_DIR,)) or defaults.get(_IMPORT_DIR)
        if isinstance(have, str) and have.rstrip("/\\") == settled[_IMPORT_DIR].rstrip("/\\"):
            settled[_IMPORT_DIR] = have
    return settled


def _plain(value: t.Any, path: Path) -> t.Any:
    if isinstance(value, t.Mapping):
        names = {_key(key, path): item for key, item in value.items()}
        return {name: _plain(item, (*path, name)) for name, item in names.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, path) for item in value]
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, str):
        # str() of a subclass may be anything.
        text = "".join(value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise OptionsError(f"{'.'.join(path)} is no valid text: it has bytes that are not UTF-8.")
        return text
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    name = ".".join(path)
    if value is None:
        raise OptionsError(f"{name} has no value (null). To let it have Swarm's default, list it in absent.")
    raise OptionsError(f"{name} is a {type(value).__name__}, which YAML has no plain form for. Put it in quotes.")


def _key(key: t.Any, path: Path) -> str:
    shown = ".".join((*path, "".join(key) if isinstance(key, str) else str(key)))
    if not isinstance(key, str) or not key:
        raise OptionsError(f"The key {shown} in settings is no text. Put it in quotes.")
    if "." in key:
        first, rest = key.split(".", 1)
        raise OptionsError(
            f"The key {shown} in settings has a dot. Write a mapping in a mapping: {first}: {{{rest}: …}}."
        )
    return "".join(key)


def _typed(name: str, value: t.Any) -> t.Any:
    if name.endswith("Port") and name in DEFAULTS:
        if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
            raise OptionsError(f"{name} is {value!r}; a port is a number from 1 to 65535.")
    elif name == "allowExecutables":
        value = _boolean(name, value)
    elif name == "uploadsQueuePeriod":
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = float(value) if "." in value else int(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
            raise OptionsError(f"{name} is {value!r}; it is a number of seconds, more than 0.")
    elif name == "vrayImportDir":
        if not isinstance(value, str) or not value.strip():
            raise OptionsError(
                f"{name} is {value!r}; it is the path of a directory. To let it have its default, list it in absent."
            )
    elif name == "logging":
        value = _logging(value, (name,))
    return value


def _logging(value: t.Any, path: Path) -> t.Any:
    """Each sink, and all together, have ``disabled``."""
    if not isinstance(value, dict):
        return value
    return {
        key: _boolean(".".join((*path, key)), item) if key == "disabled" else _logging(item, (*path, key))
        for key, item in value.items()
    }


def _boolean(name: str, value: t.Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in ("true", "false", "yes", "no"):
        return value.strip().lower() in ("true", "yes")
    if not isinstance(value, bool):
        raise OptionsError(f"{name} is {value!r}; it is true or false.")
    return value
