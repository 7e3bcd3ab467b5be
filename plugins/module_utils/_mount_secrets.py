# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What is secret in the source of a mount and in its options, which fstab and the list of processes show to everybody.

Names say it as they do in settings, but for those of a file or the like. Where it is not clear how far a secret goes, more
is masked than has to be.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._secret_names import is_secret

MASK = "***"

# These have such a name, and say where a secret is, or how it is asked for.
_NO_SECRET = re.compile(r"(?i).*(?:file|path|dir|command|url|type|mode|version|redirect|prompts)")
# mount.cifs(8): the file with user and password.
_FILE = re.compile(r"(?i)cred(?:ential)?s?")
# These hold one as well: rclone takes a header that lets in, and a key as a text.
_MORE = re.compile(r"(?i).*(?<!by)(?<!com)(?<!no)pass\d*|(?:.*[_.-])?(?:headers?|pem)")
_SWITCH = re.compile(r"(?i)yes|no|true|false|on|off")
# curlftpfs takes user:password for a user, and old versions of mount.cifs user%password.
_USER_NAME = re.compile(r"(?i)(?:.*[_.-])?user(?:name)?")

# //user:password@host, also in a URL, and user:password@host:path. What follows the host may hold an @, and a password a
# slash, but there is no telling a password from a port and a path, nor from a path that begins with a slash.
_USER = re.compile(r"""(?xs)
    ((?: ^ | (?<=[\s"'=,;:\#]) ) [/\\]{2} [^/\\:\[]* :) (?!\d+(?:[/\\?\#]|\Z)) .* @
    | (^ ["']? [^/\\:,=\[\]]+ :) (?![/\\]) .* @ (?= (?: [^/\\:@]+ | \[[^\]]*\] ) :)
    | (^ ["']? [^/\\:,=\[\]@]+ :) [^/\\]* @
""")

# What a name stands before: of a source that is written as rclone does, or of a parameter. Its value ends where the next
# name begins, or the path.
_NAMED = re.compile(r"""(?:^|(?<=[,?&;"']))(?P<name>[\w.-]+)=""")
_VALUE = re.compile(r"""(?xs) (?: "[^"]*(?:"|\Z) | '[^']*(?:'|\Z) )* .*? (?= ,[\w.-]+= | :[^:]*\Z | \Z)""")
# An option, as in fstab. A value in quotes may hold a comma, and mount.cifs takes two commas for one.
_OPTION = re.compile(r"""(?xs)
    (?: ^ | (?<=,) ) (?P<name>[^=,]*) = (?P<value> '[^']*'(?=,|\Z) | (?: "[^"]*(?:"|\Z) | ,, | [^,"] )* )
""")


def holds_password(source: str, options: str) -> bool:
    """Whether there is a password in what everybody would see."""
    # A password may be called as the mask is, but no line of fstab holds this character.
    return masked_source(source, "\0") != source or masked_options(options, "\0") != options


def masked_source(text: str, mask: str = MASK) -> str:
    """What is mounted, or the value of an option, without what is secret in it."""
    text = _USER.sub(lambda match: f"{match.group(match.lastindex or 0)}{mask}@", text)
    parts: t.List[str] = []
    place = 0
    for match in _NAMED.finditer(text):
        value = _VALUE.match(text, match.end())
        if match.start() >= place and value and _is_secret(match.group("name"), value.group()):
            parts += [text[place : match.end()], mask]
            place = value.end()
    return "".join([*parts, text[place:]])


def masked_options(text: str, mask: str = MASK) -> str:
    """The options of a mount, without what is secret in them."""

    def masked(match: t.Match[str]) -> str:
        name, value = match.group("name", "value")
        if _is_secret(name, value):
            return f"{name}={mask}"
        if _USER_NAME.fullmatch(name):
            end = re.search("[:%]", value)
            return f"{name}={value[: end.end()]}{mask}" if end else match.group()
        return f"{name}={masked_source(value, mask)}"

    return _OPTION.sub(masked, text)


def _is_secret(name: str, value: str) -> bool:
    value = value.strip("\"'")
    if _FILE.fullmatch(name):
        return not value.startswith("/") and bool(re.search("[:%]", value))
    if _SWITCH.fullmatch(value) or _NO_SECRET.fullmatch(name):
        return False
    return is_secret(name) or bool(_MORE.fullmatch(name))
