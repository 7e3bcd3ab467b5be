# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""One build, one directory of a share: identify, decide, stage, move into place, list.

A build on the host is published in one call. One on the controller takes two: the first decides and makes a place for
it, then the action plugin sends the file, and the second publishes that.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import shutil
import stat
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import (
    PLATFORMS,
    Build,
    OpenBuild,
    check_checksum,
    identify,
    sha256,
    unpacked_size,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    BuildError,
    DamagedBuildError,
    OptionsError,
    ShareError,
    SwarmError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._layout import (
    SIGNATURE,
    SUMS,
    listed_size,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._share import (
    Entry,
    Share,
    check_channel,
    check_name,
    seal,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import wanted_version

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_COPY_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The build as it is to be in the share."""

    name: str
    size: int
    sha256: str
    platform: str
    version: t.Optional[str]
    #: None as long as nobody has counted that, and where nobody can.
    unpacked_size: t.Optional[int] = None


@dataclasses.dataclass(frozen=True)
class _Found:
    """What is in its place: nothing, the same build, or another file of that name."""

    what: str  # absent, same, other
    identity: t.Optional[t.Tuple[int, int, int, int]] = None


def run(module: AnsibleModule) -> t.NoReturn:
    try:
        result = Publication(module.params, module.check_mode).run()
    except SwarmError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        module.fail_json(msg=f"{where}{error.strerror or error}. Does the task need become, or room on the disk?")
    if result.get("sign_again"):
        module.warn(
            f"{SUMS} in {module.params['root']} is another one with this build, so that {SIGNATURE} beside it is no longer a"
            f" signature of it: sign it again (gpg --armor --detach-sign {SUMS}). Until then, whoever requires one refuses"
            " the share."
        )
    module.exit_json(**result)


def check_options(options: t.Mapping[str, t.Any]) -> None:
    """
    :raises OptionsError: It names the option, the value and what is expected.
    """
    check_channel(options["channel"])
    check_checksum(options["checksum"])
    if not options["root"] or not os.path.isabs(options["root"]):
        raise OptionsError(f"root is {options['root']!r}; it is the absolute path of the share on its host.")


def check_build(build: Build, options: t.Mapping[str, t.Any]) -> str:
    """Refuse a build that the peers of the channel would try in vain; return its platform.

    :raises SwarmError: It says what is wrong with it.
    """
    check_name(build.name)
    if build.platform is None:
        told = f"what is in it is for {' and '.join(build.platforms)}" if build.platforms else "nothing in it tells"
        raise OptionsError(
            f"The platform of {build.path} is needed, and {told}. Set platform to that of the peers that are to get it."
        )
    if build.category == "installer" and not options["allow_executables"] and not options["force"]:
        raise OptionsError(
            f"{build.name} is an installer, and peers of channel {options['channel']} are not known to allow"
            " executables: they would try it in vain every few seconds. Set allow_executables when all of them have"
            " allowExecutables: true in their swarm.yaml, or force."
        )
    return build.platform


def check_sha256(path: str, actual: str, checksum: t.Optional[str]) -> None:
    """
    :raises BuildError: The file is another one than was asked for.
    """
    if checksum and f"sha256:{actual}" != checksum.lower():
        raise BuildError(
            f"{path} is not the build that was asked for: its checksum is sha256:{actual}, and {checksum.lower()} was"
            " expected. Nothing was published. Get the file again, or correct checksum."
        )


def count_unpacked(
    build: t.Union[OpenBuild, str], options: t.Mapping[str, t.Any], is_there: bool = False
) -> t.Optional[int]:
    """Return what :func:`unpacked_size` does, and refuse an archive that ends too soon: no peer could unpack it.

    :param is_there: Whether it is in the share already.
    :raises BuildError: It is damaged, and ``force`` is not given, or it cannot be read.
    """
    try:
        return unpacked_size(build)
    except DamagedBuildError as error:
        if options["force"]:
            return None
        what = "Nothing was published. With force, it is published as it is."
        if is_there:
            what = "It is in the share, where peers try it in vain: remove it there. With force, it stays."
        raise BuildError(f"{error} {what}") from error


class Publication:
    """One task. :meth:`run` returns its result, and raises :class:`SwarmError` where it fails."""

    def __init__(self, options: t.Mapping[str, t.Any], check_mode: bool) -> None:
        self._options = options
        self._check_mode = check_mode
        self._share = Share(options["root"])

    def run(self) -> t.Dict[str, t.Any]:
        check_options(self._options)
        self._share.check_root()
        src = self._options["src"]
        if not src:
            return self._make_layout()
        if not self._options["remote_src"]:
            return self._publish(self._told(), None, False)
        stage = self._share.stage_of(src)
        try:
            with OpenBuild(src) as source:
                return self._publish(self._identified(source), source, stage is not None)
        finally:
            if stage and not self._check_mode:
                shutil.rmtree(stage, ignore_errors=True)

    def _make_layout(self) -> t.Dict[str, t.Any]:
        platforms = [self._options["platform"]] if self._options["platform"] else PLATFORMS
        missing = self._share.missing(self._options["channel"], platforms)
        if not self._check_mode:
            self._share.make(missing)
        return {
            "changed": bool(missing),
            "directories": missing,
            "diff": {"before": "", "after": "".join(path + "\n" for path in missing)},
            "msg": f"{len(missing)} directories of the share were missing." if missing else "The share is there.",
        }

    def _identified(self, source: OpenBuild) -> Wanted:
        """The build, as the file tells it."""
        options = self._options
        build = identify(source, options["platform"])
        platform, digest = check_build(build, options), sha256(source)
        source.check()
        check_sha256(build.path, digest, options["checksum"])
        if options["size"] is not None and options["size"] != build.size:
            raise BuildError(f"{build.path} has {build.size} bytes, and {options['size']} were expected.")
        return self._wanted(build.name, build.size, digest, platform)

    def _told(self) -> Wanted:
        """The build, as the action plugin tells it, which has the file."""
        options = self._options
        name = os.path.basename(options["src"])
        check_name(name)
        if not options["platform"] or options["size"] is None or not options["checksum"]:
            raise OptionsError("A build on the controller can be published by a task only, not by the bare module.")
        digest = options["checksum"][len("sha256:") :].lower()
        return self._wanted(name, options["size"], digest, options["platform"])

    def _wanted(self, name: str, size: int, digest: str, platform: str) -> Wanted:
        version = wanted_version(self._options["version"], name)
        return Wanted(name, size, digest, platform, str(version) if version else None)

    def _publish(self, wanted: Wanted, source: t.Optional[OpenBuild], staged: bool) -> t.Dict[str, t.Any]:
        """
        :param source: The build on this host, None while it is on the controller.
        :param staged: Whether it is in the staging directory already.
        """
        share = self._share
        directory = share.directory(self._options["channel"], wanted.platform)
        path = os.path.join(directory, wanted.name)
        found = self._look(path, wanted)
        entries = share.entries()
        if found.what == "same":
            wanted = self._counted(wanted, path, entries)
            if self._check_mode or self._listed(wanted, found, entries):
                return self._result(path, wanted, found, entries)
            return self._move(None, path, wanted, found)
        if not staged:
            share.check_room(wanted.size)
        wanted = self._counted(wanted, source, entries)
        if self._check_mode:
            return self._result(path, wanted, found, entries)
        if source is None:
            return {"changed": False, "staging": share.make_stage()}
        share.make(share.missing(self._options["channel"], [wanted.platform]))
        if staged:
            return self._move(source, path, wanted, found)
        with share.stage() as folder:
            path_of_copy = os.path.join(folder, wanted.name)
            _copy(source, path_of_copy)
            with OpenBuild(path_of_copy) as copy:
                check_sha256(copy.path, sha256(copy), f"sha256:{wanted.sha256}")
                return self._move(copy, path, wanted, found)

    def _counted(self, wanted: Wanted, build: t.Union[OpenBuild, str, None], entries: t.List[Entry]) -> Wanted:
        """Add to how much it unpacks, unless that is listed: a compressed archive is unpacked to tell.

        :param build: Its path in the share, or what is to be published.
        """
        listed = _listed_as(entries, self._options["channel"], wanted)
        same = listed if listed and listed["sha256"] == wanted.sha256 else {}
        size = listed_size(same.get("unpacked_size"))
        if size is None and build is not None:
            size = count_unpacked(build, self._options, isinstance(build, str))
        return dataclasses.replace(wanted, unpacked_size=size)

    def _look(self, path: str, wanted: Wanted) -> _Found:
        """Look at what is in the place. A file of the right size is read: that alone proves it to be the build."""
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return _Found("absent")
        if not stat.S_ISREG(status.st_mode):
            raise ShareError(f"{path} is in the way: it is not a regular file, and peers may try it. Remove it.")
        identity = _identity(status)
        if status.st_size == wanted.size and sha256(path) == wanted.sha256:
            return _Found("same", identity)
        if not self._options["force"]:
            raise ShareError(
                f"{path} is another file of this name ({status.st_size} bytes; the build has {wanted.size}), and peers"
                " may be reading it. Nothing was published. Publish the build that you mean, or replace the file with"
                " force."
            )
        return _Found("other", identity)

    def _move(self, staged: t.Optional[OpenBuild], path: str, wanted: Wanted, found: _Found) -> t.Dict[str, t.Any]:
        """Move the staged file into place, if there is one, and list it; only one run at a time does that."""
        if staged:
            seal(staged.file.fileno())
        with self._share.locked():
            if _identity_of(path) != found.identity:  # another run was here meanwhile
                found = self._look(path, wanted)
            entries = self._share.entries()
            result = self._result(path, wanted, found, entries)
            if staged and found.what != "same":
                self._share.put(staged.file, path)
            self._share.list(_with(entries, result["entry"]))
        return result

    def _listed(self, wanted: Wanted, found: _Found, entries: t.List[Entry]) -> bool:
        return self._share.is_listed(_with(entries, self._entry(wanted, found, entries)))

    def _entry(self, wanted: Wanted, found: _Found, entries: t.List[Entry]) -> Entry:
        """What the list is to say of the build; what others have added stays, as long as it is the same file."""
        old = _listed_as(entries, self._options["channel"], wanted)
        if old is None or old["sha256"] != wanted.sha256:
            old = {}
        if not old or found.what != "same":
            now = datetime.datetime.now(datetime.timezone.utc)
            old = dict(old, published=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
        return dict(
            old,
            file=wanted.name,
            sha256=wanted.sha256,
            size=wanted.size,
            unpacked_size=wanted.unpacked_size,
            platform=wanted.platform,
            channel=self._options["channel"],
            version=wanted.version or old.get("version"),
        )

    def _result(self, path: str, wanted: Wanted, found: _Found, entries: t.List[Entry]) -> t.Dict[str, t.Any]:
        entry = self._entry(wanted, found, entries)
        listed = self._share.is_listed(_with(entries, entry))
        old = _listed_as(entries, self._options["channel"], wanted)
        what = {"absent": "is published", "other": "replaces another file", "same": "is listed"}[found.what]
        return {
            "changed": found.what != "same" or not listed,
            "path": path,
            "platform": wanted.platform,
            "channel": self._options["channel"],
            "version": entry["version"],
            "sha256": wanted.sha256,
            "size": wanted.size,
            "entry": entry,
            "sign_again": self._share.spoils_signature(_with(entries, entry)),
            "diff": {
                "before_header": path,
                "after_header": path,
                "before": _shown(None if found.what == "absent" else old),
                "after": _shown(entry),
            },
            "msg": f"{path} {'is published already' if found.what == 'same' and listed else what}.",
        }


def _copy(source: OpenBuild, target: str) -> None:
    source.file.seek(0)
    with open(target, "xb") as writer:
        shutil.copyfileobj(source.file, writer, _COPY_BYTES)


def _identity(status: os.stat_result) -> t.Tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _identity_of(path: str) -> t.Optional[t.Tuple[int, int, int, int]]:
    try:
        return _identity(os.lstat(path))
    except FileNotFoundError:
        return None


def _listed_as(entries: t.List[Entry], channel: str, wanted: Wanted) -> t.Optional[Entry]:
    place = (channel, wanted.platform, wanted.name)
    return next((e for e in entries if (e["channel"], e["platform"], e["file"]) == place), None)


def _with(entries: t.List[Entry], entry: Entry) -> t.List[Entry]:
    place = (entry["channel"], entry["platform"], entry["file"])
    return [e for e in entries if (e["channel"], e["platform"], e["file"]) != place] + [entry]


def _shown(entry: t.Optional[Entry]) -> str:
    return json.dumps(entry, indent=2, sort_keys=True, ensure_ascii=False) + "\n" if entry else ""
