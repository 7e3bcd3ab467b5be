# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The share as it shall be mounted on a peer, and what differs from that."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mount_secrets import (
    holds_password,
    masked_options,
    masked_source,
)

Difference = t.Dict[str, t.Any]

#: What the roles write into their line of fstab. Options that begin so are comments to mount(8).
MARK = "x-vray_swarm"

_SMB = ("cifs", "smb3")
_UNC = re.compile(r"//(?:[^/@]*@)?(?P<host>[^/]+)/(?P<share>[^/]+(?:/.*)?)")
_HOST_PATH = re.compile(r"(?P<host>[^/]+):(?P<path>/.*)")


def check_share(share: t.Mapping[str, t.Any]) -> None:
    """Refuse what cannot be mounted, or must not stand in fstab.

    :raises OptionsError: It names the variable of the roles.
    """
    source, fstype, options = share["src"], share["fstype"], share["options"]
    for name, value in (("src", source), ("fstype", fstype), ("options", options)):
        if re.search(r"[\x00-\x1f\x7f]", value):
            raise OptionsError(f"vray_swarm_share_{name} has a character that cannot be in a line of fstab.")
    if holds_password(source, options):
        raise OptionsError(
            "There is a password in vray_swarm_share_src or vray_swarm_share_options, and everybody can read fstab. Give"
            " vray_swarm_share_password, or for other types than cifs a file that the options name."
        )
    if re.search(r"\s", fstype) or not fstype:
        raise OptionsError(
            f"vray_swarm_share_fstype is {fstype!r}; it is a type that mount knows, such as cifs or nfs."
        )
    if re.search(r"\s", options):
        raise OptionsError("vray_swarm_share_options has white space; options are separated by commas alone.")
    if "rw" in options.split(","):
        raise OptionsError("vray_swarm_share_options has rw, and peers must not write into the share: leave it out.")
    if fstype in _SMB and not _UNC.fullmatch(_slashes(source)):
        raise OptionsError(f"vray_swarm_share_src is {source!r}; for {fstype} it is //SERVER/SHARE.")
    if fstype in ("nfs", "nfs4") and not _HOST_PATH.fullmatch(source):
        raise OptionsError(f"vray_swarm_share_src is {source!r}; for {fstype} it is SERVER:/PATH.")


def masked_share(share: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """A share without the passwords for which it is refused."""
    masks = {"src": masked_source, "options": masked_options}
    return {name: masks[name](str(value)) if name in masks else value for name, value in share.items()}


def credentials_content(username: str, password: str, domain: str) -> t.Optional[bytes]:
    """The content of the credentials file, see mount.cifs(8); None without a user.

    The role share_mount writes the same.
    """
    if not username:
        return None
    for name, value in (("username", username), ("password", password), ("domain", domain)):
        if re.search(r"[\x00\r\n]", value):
            raise OptionsError(f"vray_swarm_share_{name} has a line break, which no credentials file can hold.")
    lines = [f"username={username}", f"password={password}"] + ([f"domain={domain}"] if domain else [])
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def share_differences(
    mount: t.Mapping[str, t.Any], share: t.Mapping[str, t.Any], platform: t.Optional[str] = None
) -> t.List[Difference]:
    """What has to be done for the share to be mounted as wanted, each with a message.

    The subjects are ``files`` and ``foreign``, which stand in the way of a mount, and ``mount``, ``source``, ``mode``,
    ``access``, ``fstab`` and ``credentials``, which a mount mends.

    :param mount: What the look found.
    :param share: ``src``, ``fstype`` and ``options``.
    :param platform: That of the peer. macOS has no fstab to speak of.
    """
    path, source, found = mount["path"], share["src"], []

    def differs(subject: str, have: t.Any, want: t.Any, message: str) -> None:
        found.append({"kind": "share", "subject": subject, "have": have, "want": want, "message": message})

    line, is_mac = mount["fstab"], (platform or "").startswith("macOS")
    # What waits for somebody to look, and then mounts, is no mount yet.
    is_mounted = mount["point"] and mount["fstype"] != "autofs"
    same = is_mounted and _same_source(mount["source"], source, mount["fstype"])
    if not is_mounted:
        why = f": {mount['error']}" if mount["error"] and "No such file" not in mount["error"] else "."
        differs("mount", None, source, f"{source} is not mounted at {path}{why}")
        if mount["empty"] is False:
            differs("files", "files", "an empty directory", f"{path} is not empty; a mount would hide what is in it.")
    # Whose a mount is, its line in fstab tells.
    if not is_mac and line is None and mount["point"] and not same:
        text = f"At {path} is a mount of {mount['source']} that is not in fstab, so that it is somebody else's."
        differs("foreign", mount["source"], source, text)
    elif not is_mac and line and not _is_adopted(line, source):
        text = f"fstab has {_shown(line)} for {path} without the option {MARK}, so that it is somebody else's."
        differs("foreign", line["source"], source, text)
    elif is_mounted and (same is False or (same is None and line and not _same_source(line["source"], source, ""))):
        differs("source", mount["source"], source, f"At {path} is mounted {mount['source']} instead of {source}.")
    if is_mounted and mount["error"]:
        differs("access", mount["error"], "readable", mount["error"])
    if is_mounted and not mount["read_only"]:
        differs("mode", "rw", "ro", f"{source} is mounted at {path} such that peers can write into it.")
    if not is_mac and not _same_line(line, share):
        have, want = _shown(line), _shown({"source": source, **share})
        there = f"fstab has {have} for {path}" if line else f"fstab has no line for {path}"
        differs("fstab", have, want, f"{there}; it should have {want}.")
    if mount["credentials"] is False and not is_mac:
        text = "The credentials file is not there, is not as wanted, or can be read by others."
        differs("credentials", False, True, text)
    return found


def _shown(line: t.Optional[t.Mapping[str, t.Any]]) -> t.Optional[str]:
    return f"{line['source']} {line['fstype']} {line['options']}" if line else None


def _is_adopted(line: t.Mapping[str, t.Any], source: str) -> bool:
    """Whether a line of fstab was written by the roles, or is for the same share."""
    return MARK in line["options"].split(",") or bool(_same_source(line["source"], source, ""))


def _same_line(line: t.Optional[t.Mapping[str, t.Any]], share: t.Mapping[str, t.Any]) -> bool:
    return bool(
        line
        and _same_source(line["source"], share["src"], "")
        and line["fstype"] == share["fstype"]
        and set(line["options"].split(",")) == set(share["options"].split(","))
    )


def _same_source(have: str, want: str, fstype: str) -> t.Optional[bool]:
    """Whether two texts name one share; None where that cannot be told.

    A file system in user space may be called anything.
    """
    if have == want:
        return True
    if fstype == "smbfs":
        have = urllib.parse.unquote(have)
    for parts in (_unc, _host_path):
        first, second = parts(have), parts(want)
        if first and second:
            return first == second
    return None if fstype.startswith("fuse") else False


def _unc(text: str) -> t.Optional[t.Tuple[str, str]]:
    """Servers of SMB know no case."""
    match = _UNC.fullmatch(_slashes(text))
    return (match["host"].casefold(), match["share"].rstrip("/").casefold()) if match else None


def _host_path(text: str) -> t.Optional[t.Tuple[str, str]]:
    match = _HOST_PATH.fullmatch(text)
    return (match["host"].casefold(), match["path"].rstrip("/")) if match else None


def _slashes(text: str) -> str:
    return text.replace("\\", "/")
