# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Who signed the list of a share: gpgv decides, with the keys of one file and nothing else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import shutil
import tempfile
import typing as t

from ansible import constants as C

from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import run_command
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._layout import SIGNATURE, SUMS
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import printable
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._run_cache import once

_SECONDS = 30
_RING_LIMIT = 16 << 20

_BLOCK = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t]*\r?\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL
)
_EXPORT = "Write the public keys that may sign into it: gpg --export --output FILE KEY…"

# What gpgv says of a signature that is not to be trusted (GnuPG, doc/DETAILS). It ends with 0 even where the key has
# expired or was revoked.
_REASONS = (
    ("BADSIG", f"{SIGNATURE} is not a signature of the {SUMS} that is there: one of the two was changed since."),
    ("REVKEYSIG", "it was made with a key that was revoked."),
    ("EXPKEYSIG", "it was made with a key that has expired. If the key was prolonged, export it again."),
    ("EXPSIG", f"{SIGNATURE} has expired."),
    ("NO_PUBKEY", "it was made with another key than those that may sign{key}."),
    ("ERRSIG", "gpgv could not check it: {said}"),
)


def load_keyring(path: str) -> bytes:
    """Return the public keys in a file, as gpgv takes them.

    :raises OptionsError: There are none in it.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_RING_LIMIT)
    except OSError as error:
        raise OptionsError(f"The keyring {path} could not be read: {error.strerror}.") from error
    if b"-----BEGIN PGP PRIVATE KEY BLOCK-----" in content or content[:1] in (b"\x94", b"\x95", b"\x97", b"\xc5"):
        raise OptionsError(
            f"The keyring {path} holds a private key, which does not belong on the controller. {_EXPORT}"
        )
    if b"-----BEGIN PGP" in content:
        return b"".join(_dearmored(path, block) for block in _BLOCK.findall(content)) or _refuse(path)
    # A packet with a public key, in the old and in the new format (RFC 9580, 4.2), or a keybox of GnuPG.
    if content[:1] in (b"\x98", b"\x99", b"\x9a", b"\xc6") or content[8:12] == b"KBXf":
        return content
    return _refuse(path)


def _dearmored(path: str, block: bytes) -> bytes:
    """What a block of ASCII armor holds: headers, an empty line, base64, and a checksum that is optional."""
    lines = [line.strip() for line in block.splitlines()]
    if b"" not in lines:
        _refuse(path)
    body = [line for line in lines[lines.index(b"") + 1 :] if not line.startswith(b"=")]
    try:
        return base64.b64decode(b"".join(body), validate=True)
    except binascii.Error:
        return _refuse(path)


def _refuse(path: str) -> t.NoReturn:
    raise OptionsError(f"The keyring {path} is no file of public keys, neither binary nor armored. {_EXPORT}")


def check_once(sums: bytes, signature: bytes, keyring: bytes) -> str:
    """Return why a signature is not to be trusted, empty where it is; the same question is asked once per run.

    :raises OptionsError: gpgv is not there, or does not work.
    """
    identity = ["signature", *(hashlib.sha256(part).hexdigest() for part in (sums, signature, keyring))]
    return once(identity, lambda: check(sums, signature, keyring))


def check(sums: bytes, signature: bytes, keyring: bytes) -> str:
    """As :func:`check_once`, without the cache."""
    program = shutil.which("gpgv")
    if program is None:
        raise OptionsError(
            "gpgv is not on the controller, and without it no signature can be checked. Install it (Debian: gpgv,"
            " others: gnupg2)."
        )
    with tempfile.TemporaryDirectory(prefix="vray_swarm-", dir=C.DEFAULT_LOCAL_TMP) as folder:
        paths = []
        for name, content in (("keys", keyring), (SIGNATURE, signature), (SUMS, sums)):
            paths.append(os.path.join(folder, name))
            with open(paths[-1], "wb") as file:
                file.write(content)
        # No home with further keys. SHA-1 proves nothing any more.
        command = [program, "--homedir", folder, "--weak-digest", "SHA1", "--status-fd", "1", "--keyring", *paths]
        done = run_command(*command, seconds=_SECONDS)
    if done.status is None:
        raise OptionsError(f"{done.error}, so that no signature was checked.")
    return _reason(done.status, done.output, done.error)


def _reason(status: int, stdout: str, stderr: str) -> str:
    told = [line.split()[1:] for line in stdout.splitlines() if line.startswith("[GNUPG:] ")]
    known = {words[0]: words for words in told if words}
    said = printable((stderr.splitlines() or ["nothing was said"])[-1].replace("gpgv: ", "", 1)[:200])
    for keyword, text in _REASONS:
        if keyword in known:
            return text.format(said=said, key=f" ({printable(known[keyword][1])})" if known[keyword][1:] else "")
    if status == 0 and "GOODSIG" in known and "VALIDSIG" in known:
        return ""
    return f"{SIGNATURE} is no detached signature that gpgv can read: {said}"
