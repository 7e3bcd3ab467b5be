# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What lies in a share, compared with its list of checksums, whose signature is required. It decides; it asks nobody."""

from __future__ import annotations

import base64
import json
import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._layout import MANIFEST, SIGNATURE, SUMS
from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import is_within
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import shown
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._places import Place, place_in_share

Facts = t.Mapping[str, t.Any]
#: The subject of a difference, and all of it in a sentence.
Problem = t.Tuple[str, str]

#: The subject where nothing is known, since the share is not mounted yet. No file can have this name.
UNREAD = "share/unread"

_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64}) [ *](?:\./)?(?P<path>[^\\\r\n]+)")
_SIGN = (
    f"Compare {SUMS} with what was published, sign it where the key is (gpg --armor --detach-sign {SUMS}), and put"
    f" {SIGNATURE} beside it."
)


def check_place(import_dir: t.Optional[str], share_path: t.Optional[str]) -> None:
    """Refuse an import directory in the share that its list says nothing of, before anything is done.

    :raises OptionsError: It says how they have to be.
    """
    if import_dir and share_path and is_within(import_dir, share_path) and not place_in_share(import_dir, share_path):
        raise OptionsError(_no_place(import_dir, share_path))


def _no_place(import_dir: str, share_path: str) -> str:
    return (
        f"A signature is required, and {import_dir} is no directory CHANNEL/PLATFORM in {share_path}, so that {SUMS} in"
        " the root of the share says nothing of it. Mount the root of the share (vray_swarm_share_src,"
        " vray_swarm_share_path), or require no signature (vray_swarm_share_keyring)."
    )


def problems(facts: Facts) -> t.List[Problem]:
    """Why the directory that the peer imports from is not as somebody signed it.

    ``signature`` of the facts is what gpgv said of the list: empty where it is good, None where there was none to ask of.
    """
    import_dir, mount = facts["import_dir"], facts["mount"]
    if not import_dir:
        return []
    if mount is None or not is_within(import_dir, mount["path"]):
        other = facts["import_mount"]
        if not (other and other["network"]):
            return []
        text = (
            f"A signature is required, and {import_dir} lies on {other['source']}, which is not the share that was looked"
            " at. Set share_path (vray_swarm_share_path) to the root of that share."
        )
        return [("import_dir", text)]
    root = mount["path"]
    if not (mount["mounted"] and mount["readable"]):
        return [(UNREAD, f"Whether {SUMS} in {root} is signed is not known, since the share cannot be read.")]
    place = place_in_share(import_dir, root)
    if place is None:
        return [("import_dir", _no_place(import_dir, root))]
    reason = _unsigned(facts)
    if reason:
        return [(SUMS, f"{SUMS} in {root} is not signed as required: {reason} {_SIGN}")]
    try:
        signed = _signed_in(place, base64.b64decode(facts["signed"]["sums"]))
        _compare_list(place, facts["manifest"], signed)
    except OptionsError as error:
        return [(SUMS, f"In {root}, {error}")]
    return [found for item in facts["imports"] for found in _compare_file(item, signed)]


def _unsigned(facts: Facts) -> str:
    signed = facts["signed"] or {"sums": None, "signature": None, "error": None}
    if signed["error"]:
        return str(signed["error"])
    for key, name in (("sums", SUMS), ("signature", SIGNATURE)):
        if signed[key] is None:
            return f"{name} is not there."
    return "nobody asked gpgv." if facts["signature"] is None else str(facts["signature"])


def _signed_in(place: Place, sums: bytes) -> t.Dict[str, str]:
    """The checksum of each file in a directory of the share, by its name."""
    found: t.Dict[str, str] = {}
    try:
        lines = sums.decode("utf-8").split("\n")
    except ValueError as error:
        raise OptionsError(f"the signed {SUMS} is not UTF-8. {_SIGN}") from error
    # The last line ends, too.
    for line in lines[:-1] if not lines[-1] else lines:
        match = _LINE.fullmatch(line)
        if not match:
            raise OptionsError(f"the signed {SUMS} has a line that sha256sum does not write: {shown(line)}. {_SIGN}")
        parts = match["path"].split("/")
        if len(parts) == 3 and place.holds(parts[0], parts[1]):
            if found.setdefault(parts[2], match["sha256"]) != match["sha256"]:
                raise OptionsError(f"the signed {SUMS} has two checksums for {shown(match['path'])}. {_SIGN}")
    return found


def _compare_list(place: Place, manifest: t.Optional[str], signed: t.Mapping[str, str]) -> None:
    """What publishing lists has to be what was signed. A share that was filled by hand has no such list.

    :raises OptionsError: It is another list.
    """
    if manifest is None:
        return
    try:
        listed = {
            entry["file"]: entry["sha256"]
            for entry in json.loads(manifest)
            if place.holds(entry["channel"], entry["platform"])
        }
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise OptionsError(f"{MANIFEST} is not the list that publishing writes. Publish the builds again.") from error
    for name in sorted({*listed, *signed}, key=str):
        if listed.get(name) != signed.get(name):
            what = "does not list" if name not in listed else "lists" if name not in signed else "has a checksum for"
            but = {"does not list": "does", "lists": "does not"}.get(what, "has another one")
            raise OptionsError(f"{MANIFEST} {what} {shown(name)}, and the signed {SUMS} {but}. {_SIGN}")


def _compare_file(item: Facts, signed: t.Mapping[str, str]) -> t.Iterator[Problem]:
    name, path, have, want = item["name"], item["path"], item["sha256"], signed.get(item["name"])
    if want is None:
        text = (
            f"{path} is not in the signed {SUMS}, and Swarm tries whatever lies in its import directory. Remove it. Or, if"
            f" it was published since: {_SIGN}"
        )
        yield name, text
    elif item["bytes"] is None:
        yield name, f"{path} is no file, and the signed {SUMS} has a checksum for one of this name. Remove it."
    elif have and have != want:
        text = (
            f"{path} is not the file that was signed: its checksum is {have}, and that in {SUMS} is {want}. Remove it, find"
            " out who changed it, and publish the build again."
        )
        yield name, text
