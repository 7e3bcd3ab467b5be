# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys that are made for a test, in a home of their own, and what they sign."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

TOOLS = ("gpg", "gpg-agent", "gpgv")


def missing_tools() -> list[str]:
    return [tool for tool in TOOLS if not shutil.which(tool)]


def at(time: str) -> list[str]:
    """Options with which gpg takes it to be another time."""
    return ["--faked-system-time", f"{time}!"] if time else []


class Signer:
    """Real keys of a real gpg."""

    def __init__(self) -> None:
        # Short: the agent's socket is in it.
        self._home = Path(tempfile.mkdtemp(prefix="gpg-"))
        self._keys: dict[str, str] = {}

    def close(self) -> None:
        self._run("gpgconf", "--homedir", str(self._home), "--kill", "all")
        shutil.rmtree(self._home, ignore_errors=True)

    def make(self, name: str, since: str = "", until: str = "never") -> None:
        """
        :param since: When it was made, as gpg takes a time: 20200101T000000.
        """
        arguments = ["--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", until]
        told = self._gpg(*at(since), "--status-fd", "1", *arguments)
        (self._keys[name],) = [line.split()[3] for line in told.decode().splitlines() if " KEY_CREATED " in line]

    def revoke(self, name: str) -> None:
        """By the certificate that gpg has made with the key, which has to be made valid by hand."""
        path = self._home / "openpgp-revocs.d" / f"{self._keys[name]}.rev"
        self._gpg("--import", content=path.read_bytes().replace(b":-----BEGIN", b"-----BEGIN"))

    def public(self, *names: str, armored: bool = False) -> bytes:
        return self._gpg(*["--armor"] * armored, "--export", *(self._keys[name] for name in names))

    def private(self, name: str, armored: bool = False) -> bytes:
        return self._gpg(*["--armor"] * armored, "--passphrase", "", "--export-secret-keys", self._keys[name])

    def keybox(self) -> bytes:
        """All of its public keys, as gpg keeps them."""
        return (self._home / "pubring.kbx").read_bytes()

    def sign(self, content: bytes, *names: str, how: str = "--detach-sign", options: Sequence[str] = ()) -> bytes:
        signers = [word for name in names for word in ("--local-user", self._keys[name])]
        return self._gpg(*options, *signers, "--armor", how, content=content)

    def _gpg(self, *arguments: str, content: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
        return self._run(*command, *arguments, content=content)

    @staticmethod
    def _run(*command: str, content: bytes = b"") -> bytes:
        done = subprocess.run(command, input=content, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')}")
        return done.stdout
