# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What a look found, compared with what is wanted. It decides; it asks nobody."""

from __future__ import annotations

import base64
import json
import posixpath
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, SettingsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._layout import amount, listed_size
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import (
    EXECUTABLES_KEY,
    IMPORT_DIR_KEY,
    PLATFORM_FIELD,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import AWAITED, in_place_of_version, mark_name
from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import is_of_windows, is_within
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import (
    Version,
    find_version,
    printable,
    shown,
    wanted_version,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._kept import (
    Build,
    elsewhere,
    file_name,
    is_kept,
    kept_as,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._places import place_in_share
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._secrets import masked_values
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._settings import (
    absent_keys,
    settle_directory,
    swarm_defaults,
    wanted_settings,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._share_wanted import check_share, share_differences
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._signed import problems
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._yaml_edit import edit

Facts = t.Mapping[str, t.Any]


class Wanted:
    """The option ``wanted`` of peer_info.

    :raises OptionsError: A value in it is none that a peer can have.
    """

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._options = options
        self._settings = wanted_settings(options["settings"])
        self._absent = absent_keys(options["absent"], self._settings)
        self._known = {Version.parse(text) for text in options["known"]}
        self._factor = options["disk_factor"]
        self._percent = options["unpacked_percent"]
        if not 0 <= self._percent <= 100:
            raise OptionsError(
                f"unpacked_percent (vray_swarm_unpacked_percent) is {self._percent:g}; it is a number from 0 to 100."
            )
        self._queued_as: t.Mapping[str, str] = options["queued_as"]
        self._share = options["share"]
        if self._share:
            check_share(self._share)

    def away(self, facts: Facts) -> t.Set[str]:
        """The names of the builds that were queued, and are not in the import directory, where Swarm has put them."""
        return {
            build.name
            for build in self._named(facts)
            if build.queued and not elsewhere(build, facts) and not kept_as(build, facts)
        }

    def beside(self, facts: Facts) -> t.Set[str]:
        """The versions that were known before, and are not wanted."""
        wanted = {build.version for build in self.builds(facts) or []}
        return {str(version) for version in self._known - wanted}

    @property
    def import_dir(self) -> t.Optional[str]:
        """Where the peer shall import from, if that is said.

        :raises OptionsError: It is no whole path.
        """
        path = self._settings.get(IMPORT_DIR_KEY)
        if not isinstance(path, str):
            return None
        if not posixpath.isabs(path) and not is_of_windows(path):
            raise OptionsError(f"{IMPORT_DIR_KEY} is {shown(path)}; it has to be an absolute path.")
        return path

    def differences(
        self, facts: Facts, data_dir: t.Optional[str], config: t.Optional[str]
    ) -> t.List[t.Dict[str, t.Any]]:
        """Return what is not as it is wanted, in the order in which it is set right."""
        found = _Differences()
        for name, text in sorted(facts["errors"].items()):
            found.add("unknown", name, None, None, text)
        self._compare_share(found, facts)
        if self._options["keyring"]:
            for subject, text in problems(facts):
                found.add("signature", subject, None, None, text)
        self._compare_settings(found, facts, data_dir, config)
        _compare_service(found, facts)
        self._compare_import_dir(found, facts, data_dir)
        _compare_imports(found, facts, self._is_own_import_dir(facts))
        self._compare_builds(found, facts, data_dir)
        # The roles show these, and names of files and mounts are in them.
        return [dict(item, message=printable(item["message"])) for item in found.list]

    def told(self, facts: Facts, data_dir: t.Optional[str]) -> t.Optional[t.List[t.Dict[str, t.Any]]]:
        """Return each wanted build, and whether it is deployed, as far as its version tells."""
        wanted = self.builds(facts)
        if wanted is None:
            return None
        sizes = self._unpacked_sizes(facts)
        deployed = {Version.parse(build["version"]) for build in facts["builds"]}
        is_known = data_dir is not None and "data_dir" not in facts["errors"]
        return [
            {
                "name": build.name,
                "version": str(build.version) if build.version else None,
                "deployed": build.version in deployed if build.version and is_known else None,
                "imported": kept_as(build, facts),
                "elsewhere": elsewhere(build, facts),
                "unpacked_size": sizes.get(build.name),
                "marked_as": _marked_as(build)[0],
                "awaited": [text for text in _marked_as(build) if mark_name(text, AWAITED) in facts["marks"]],
            }
            for build in wanted
        ]

    def less_than_unpacked(self, facts: Facts) -> t.Set[str]:
        """The versions of the builds that have less than their archives unpack to, by what was told of these."""
        there = {build["version"]: build["bytes"] for build in facts["builds"] if build["bytes"] is not None}
        return {
            item["version"]
            for item in facts["wanted_builds"] or []
            if item["unpacked_size"] is not None
            and item["version"] in there
            and there[item["version"]] < item["unpacked_size"] * self._percent / 100
        }

    # Each concern.

    def _compare_share(self, found: _Differences, facts: Facts) -> None:
        mount = facts["mount"]
        if mount is None:
            return
        if self._share:
            found.list += share_differences(mount, self._share, facts["platform"])
        elif not mount["mounted"]:
            text = f"The share is not mounted at {mount['path']}."
            if mount["error"] and "No such file" not in mount["error"]:
                text = mount["error"]
            found.add("share", mount["path"], None, "mounted", text)
        elif not mount["readable"]:
            found.add("share", mount["path"], "mounted", "readable", mount["error"])

    def _compare_settings(
        self, found: _Differences, facts: Facts, data_dir: t.Optional[str], config: t.Optional[str]
    ) -> None:
        settings = dict(self._settings)
        if not settings and not self._absent:
            return
        if facts["config_content"] is None or not config:
            # Why it could not be read is among the errors.
            return
        content = base64.b64decode(facts["config_content"])
        if PLATFORM_FIELD in str(settings.get(IMPORT_DIR_KEY, "")):
            settings[IMPORT_DIR_KEY] = settings[IMPORT_DIR_KEY].replace(PLATFORM_FIELD, str(facts["platform"]))
        defaults = swarm_defaults(data_dir)
        try:
            settings = settle_directory(content, config, settings, defaults)
            edited = edit(content, config, settings, self._absent, defaults)
        except SettingsError as error:
            found.add("unknown", "config", None, None, str(error))
            return
        if edited.changed:
            # What is told is masked, and what is compared is exact.
            before, after = masked_values(edited.before), masked_values(edited.after)
            for key in sorted({*before, *after}):
                if edited.before.get(key) != edited.after.get(key) or (key in before) != (key in after):
                    have, want = before.get(key), after.get(key)
                    wanted = "another value" if have == want else _value(want)
                    text = f"{key} in {config} is {_value(have)}, and {wanted} is wanted."
                    if key == IMPORT_DIR_KEY:
                        text += _new_imports(facts)
                    found.add("settings", key, have, want, text)
        elif EXECUTABLES_KEY in settings and facts["api"]["reachable"]:
            have, want = facts["api"]["allow_executables"], settings[EXECUTABLES_KEY]
            if have != want:
                text = (
                    f"Swarm runs with {EXECUTABLES_KEY} {_value(have)}, and {config} says {_value(want)}: it was not"
                    " started again since that was changed."
                )
                found.add("restart", EXECUTABLES_KEY, have, want, text)

    def _compare_import_dir(self, found: _Differences, facts: Facts, data_dir: t.Optional[str]) -> None:
        """Swarm makes its own one. One on a share that is there can only be missing because it is misspelt, or empty."""
        path, mount = facts["import_dir"], facts["mount"]
        if facts["import_there"] is False and path != swarm_defaults(data_dir).get(IMPORT_DIR_KEY):
            if mount is None or self._from_share(facts) or not is_within(path, mount["path"]):
                text = (
                    f"The import directory {path} is not there. Is the channel right, and is anything published in it?"
                )
                found.add("directory", path, None, "a directory", text)

    def _compare_builds(self, found: _Differences, facts: Facts, data_dir: t.Optional[str]) -> None:
        wanted = self.builds(facts)
        if wanted is None or data_dir is None or "data_dir" in facts["errors"]:
            return
        deployed = {Version.parse(build["version"]) for build in facts["builds"]}
        named = {build.version for build in wanted if build.version}
        nameless = [build for build in wanted if not build.version]
        spare = deployed - named - self._known
        missing = [build for build in wanted if build.version and build.version not in deployed]
        # Which of the others they are cannot be told, only that they are not all there.
        missing += nameless[len(spare) :]
        for build in missing:
            text = f"The build {build} is not deployed."
            kept = kept_as(build, facts)
            if kept:
                name = "" if kept == build.name else f" as {kept}"
                text += f" {build.name} lies in the import directory {facts['import_dir']}{name}."
            elif self._from_share(facts):
                text += f" {build.name} is not in the import directory {facts['import_dir']}."
            found.add("build", build.name, None, str(build.version) if build.version else None, text)
        for build in wanted:
            if build.version not in deployed:
                continue
            # What Swarm has deployed, it keeps in the import directory.
            if str(build.version) in facts["unanswered"] and not is_kept(build, facts):
                why, who = (
                    "an upload of it was begun, and nobody heard that it ended well",
                    "renderops.vray_swarm.upload",
                )
            elif str(build.version) in facts["interrupted"]:
                why = "Swarm has ended since its directory was made, and nobody had seen yet that it was whole"
                who = "that brought it, renderops.vray_swarm.upload or distribute,"
            else:
                continue
            text = f"The build {build} may be a half: {why}. The playbook {who} has it deployed anew."
            found.add("half", build.name, "deployed", str(build.version), text)
        self._compare_disk(found, facts, data_dir, missing)
        if self._options["only"] and not nameless:
            for version in sorted(deployed - named):
                found.add(
                    "unwanted", str(version), "deployed", None, f"The build {version} is deployed, and not wanted."
                )

    def _compare_disk(self, found: _Differences, facts: Facts, data_dir: str, missing: t.Sequence[Build]) -> None:
        sizes = {item["name"]: item["bytes"] for item in facts["imports"]}
        needed = self._factor * sum(build.bytes or sizes.get(build.name) or 0 for build in missing)
        free = (facts["disk"] or {}).get("data")
        if free is not None and free < needed:
            text = (
                f"{data_dir} has {amount(free)} free, {amount(needed)} are needed: {self._factor:g} times the size of the"
                " builds to come, as vray_swarm_disk_factor (wanted.disk_factor) says."
            )
            found.add("disk", data_dir, free, int(needed), text)

    # What is wanted.

    def builds(self, facts: Facts) -> t.Optional[t.List[Build]]:
        """The wanted builds of the peer's platform; None where nobody says which these are.

        Named builds are as the option says. Without any, what is published for the peer is wanted; a share without a
        list of it is taken at its word: the files in the directory that the peer imports from.
        """
        if self._options["builds"]:
            return self._named(facts)
        if self._options["builds"] is None or not self._from_share(facts):
            return None
        published = self._published(facts)
        if published is not None:
            return published
        return [
            Build(item["name"], find_version(item["name"]), item["bytes"])
            for item in facts["imports"]
            if item["bytes"] is not None and item["platform"] in (None, facts["platform"])
        ]

    def _named(self, facts: Facts) -> t.List[Build]:
        found = []
        for item in self._options["builds"] or []:
            if not item["platform"] or item["platform"] == facts["platform"]:
                name = _name(item["name"])
                version = wanted_version(item["version"], item["name"])
                found.append(Build(name, version, item["bytes"], item["queued"], self._queued_as.get(name)))
        return found

    def _is_own_import_dir(self, facts: Facts) -> bool:
        """Whether no other peer reads it."""
        return not facts["import_shared"] and not self._is_in_share(facts)

    def _from_share(self, facts: Facts) -> bool:
        mount = facts["mount"]
        return bool(mount and mount["mounted"] and mount["readable"] and self._is_in_share(facts))

    @staticmethod
    def _is_in_share(facts: Facts) -> bool:
        """Whether its import directory is the share, or below it, mounted or not."""
        mount = facts["mount"]
        return bool(mount and facts["import_dir"] and is_within(facts["import_dir"], mount["path"]))

    def _unpacked_sizes(self, facts: Facts) -> t.Dict[str, t.Optional[int]]:
        """To how many bytes the archives in the share unpack, by their names, where that is to be compared."""
        entries = self._entries(facts) if self._percent and self._from_share(facts) else None
        return {entry["file"]: listed_size(entry.get("unpacked_size")) for entry in entries or []}

    def _published(self, facts: Facts) -> t.Optional[t.List[Build]]:
        entries = self._entries(facts)
        if entries is None:
            return None
        return [Build(entry["file"], _version_of(entry), entry.get("size")) for entry in entries]

    def _entries(self, facts: Facts) -> t.Optional[t.List[t.Dict[str, t.Any]]]:
        """What the list of the share says of the directory that the peer imports from; None where there is no list."""
        try:
            entries = json.loads(facts["manifest"] or "")
        except (ValueError, RecursionError):
            return None
        place = place_in_share(facts["import_dir"], facts["mount"]["path"])
        if place is None or not isinstance(entries, list) or not all(map(_is_published, entries)):
            return None
        return [entry for entry in entries if place.holds(entry["channel"], entry["platform"])]


def _compare_service(found: _Differences, facts: Facts) -> None:
    service = facts["service"]
    if service is not None:
        name = "service"
        if service["error"]:
            found.add("unknown", name, None, None, f"The state of the service is unknown: {service['error']}.")
        elif service["state"] == "absent":
            found.add(
                "unknown",
                name,
                "absent",
                None,
                "There is no such service. The playbook renderops.vray_swarm.discover tells what it is called.",
            )
        else:
            if service["state"] != "running":
                text = f"The service is {service['state']} ({service['detail']})."
                found.add("service", name, service["state"], "running", text)
            if service["enabled"] is False:
                text = "The service does not start with the host."
                found.add("service", "enabled", False, True, text)
    api = facts["api"]
    if api["reachable"] is False and not (service and service["state"] in ("stopped", "failed", "absent")):
        found.add("api", api["url"], None, "reachable", f"The web port does not answer: {api['error']}")


def _compare_imports(found: _Differences, facts: Facts, is_own: bool) -> None:
    """Swarm tries whatever lies there, for ever; in a share, each peer does.

    In a directory of its own, only what is for another platform, or no file at all, is known not to be for it: there it
    may keep things of its own, and it decides which formats it takes.
    """
    for item in facts["imports"]:
        if is_own and (item["name"].startswith(".") or item["kind"] == "directory"):
            continue
        if item["platform"] and facts["platform"] and item["platform"] != facts["platform"]:
            text = (
                f"{item['path']} is for {item['platform']}, and this peer is {facts['platform']}: Swarm would try it"
                " about every 10 seconds, for ever."
            )
            found.add("platform", item["name"], item["platform"], facts["platform"], text)
        elif item["kind"] in (("special",) if is_own else ("directory", "special", "unknown")):
            what = {"directory": "a directory", "special": "no file", "unknown": "no build of a known format"}
            text = f"{item['path']} is {what[item['kind']]}, and Swarm tries whatever lies in its import directory."
            found.add("import", item["name"], item["kind"], None, text)


def _new_imports(facts: Facts) -> str:
    """What the peer will import because it is pointed to a directory."""
    deployed = {build["version"] for build in facts["builds"]}
    new = [
        f"{item['name']} ({amount(item['bytes'])})"
        for item in facts["imports"]
        if item["bytes"] is not None and str(find_version(item["name"])) not in deployed
    ]
    return f" From there Swarm will import {', '.join(new)}." if new else ""


class _Differences:
    def __init__(self) -> None:
        self.list: t.List[t.Dict[str, t.Any]] = []

    def add(self, kind: str, subject: str, have: t.Any, want: t.Any, message: str) -> None:
        self.list.append({"kind": kind, "subject": subject, "have": have, "want": want, "message": message})


def _is_published(entry: t.Any) -> bool:
    """Whether an entry of the list is one; whoever can write into the share can write anything there."""
    return (
        isinstance(entry, dict)
        and all(isinstance(entry.get(name), str) for name in ("file", "platform", "channel"))
        and (entry.get("size") is None or listed_size(entry["size"]) is not None)
    )


def _version_of(entry: t.Mapping[str, t.Any]) -> t.Optional[Version]:
    if isinstance(entry.get("version"), str):
        return Version.parse(entry["version"])
    return find_version(entry["file"])


def _marked_as(build: Build) -> t.List[str]:
    """What stands in the names of its marks. That of its name may be there since its version was not known yet."""
    nameless = in_place_of_version(build.name)
    return [str(build.version), nameless] if build.version else [nameless]


def _name(path: str) -> str:
    name = file_name(path)
    if not name:
        raise OptionsError(f"{shown(path)} in wanted.builds is no name of a build.")
    return name


def _value(value: t.Any) -> str:
    """As YAML would show it, for a message."""
    if value is None:
        return "not set"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
