# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who signed the list of a share: real keys, real signatures, the real gpgv."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible", reason="what runs on peers is tested without Ansible")

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _run_cache, _signature
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._signature import check, check_once, load_keyring
from swarm_lab.signing import Signer, at, missing_tools

SUMS = b"0" * 64 + b"  stable/Linux_x86/vray-6.20.10-e8197af2.tar\n"
PAST = at("20200110T000000")
NEEDS_GPG = pytest.mark.skipif(bool(missing_tools()), reason="gpg, gpg-agent and gpgv are not installed")


@pytest.fixture(scope="module")
def signer():
    signer = Signer()
    try:
        for name in ("farm", "second", "stranger"):
            signer.make(name)
        signer.make("stolen")
        signer.make("expired", since="20200101T000000", until="2020-02-01")
        signer.make("aged", since="20200101T000000")
        yield signer
    finally:
        signer.close()


@pytest.fixture(autouse=True)
def run_folder(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setattr(_signature.C, "DEFAULT_LOCAL_TMP", str(folder))
    return folder


def load(tmp_path, content):
    path = tmp_path / "keys"
    path.write_bytes(content)
    return load_keyring(str(path))


@NEEDS_GPG
def test_a_signature_of_a_key_that_may_sign(signer, run_folder):
    ring = signer.public("farm", "second")
    assert check(SUMS, signer.sign(SUMS, "farm"), ring) == ""
    assert check(SUMS, signer.sign(SUMS, "second"), ring) == ""
    assert check(SUMS, signer.sign(SUMS, "farm", "second"), ring) == ""
    # An empty share can be signed, too.
    assert check(b"", signer.sign(b"", "farm"), ring) == ""
    assert list(run_folder.iterdir()) == []


@NEEDS_GPG
@pytest.mark.parametrize("changed", [SUMS + b"\n", SUMS[:-1], SUMS.replace(b"stable", b"canary"), b""])
def test_other_bytes_than_were_signed(signer, changed):
    assert "one of the two was changed since" in check(changed, signer.sign(SUMS, "farm"), signer.public("farm"))


@NEEDS_GPG
def test_keys_that_may_not_sign(signer):
    ring = signer.public("farm", "expired")
    assert "another key than those that may sign" in check(SUMS, signer.sign(SUMS, "stranger"), ring)
    # One that may is not enough.
    assert "another key than those that may sign" in check(SUMS, signer.sign(SUMS, "farm", "stranger"), ring)
    assert "a key that has expired" in check(SUMS, signer.sign(SUMS, "expired", options=PAST), ring)


@NEEDS_GPG
def test_a_signature_that_has_expired(signer):
    ring = signer.public("aged")
    assert check(SUMS, signer.sign(SUMS, "aged", options=PAST), ring) == ""
    signed = signer.sign(SUMS, "aged", options=[*PAST, "--default-sig-expire", "2d"])
    assert check(SUMS, signed, ring) == "SHA256SUMS.asc has expired."


@NEEDS_GPG
def test_a_key_that_was_revoked(signer):
    signed = signer.sign(SUMS, "stolen")
    assert check(SUMS, signed, signer.public("stolen")) == ""
    signer.revoke("stolen")
    assert "a key that was revoked" in check(SUMS, signed, signer.public("stolen"))


@NEEDS_GPG
def test_what_is_no_detached_signature(signer):
    ring = signer.public("farm")
    for how in ("--sign", "--clearsign"):
        assert "no detached signature" in check(SUMS, signer.sign(SUMS, "farm", how=how), ring)
    for content in (b"", b"no signature", signer.public("farm"), signer.sign(SUMS, "farm")[:90]):
        text = check(SUMS, content, ring)
        assert "no detached signature" in text and text.isprintable()


@NEEDS_GPG
def test_sha1_proves_nothing(signer):
    weak = signer.sign(SUMS, "farm", options=["--digest-algo", "SHA1"])
    assert "Invalid digest algorithm" in check(SUMS, weak, signer.public("farm"))


@NEEDS_GPG
def test_keys_of_the_user_do_not_count(signer, tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / ".gnupg").mkdir(parents=True, mode=0o700)
    (home / ".gnupg" / "trustedkeys.gpg").write_bytes(signer.public("stranger"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GNUPGHOME", str(home / ".gnupg"))
    assert "another key" in check(SUMS, signer.sign(SUMS, "stranger"), signer.public("farm"))


@NEEDS_GPG
def test_keyrings_of_all_kinds(signer, tmp_path):
    signed = signer.sign(SUMS, "second")
    armored = signer.public("second", armored=True)
    for content in (
        signer.public("farm", "second"),
        signer.public("farm", "second", armored=True),
        # Two files, one after the other, with what people write around them.
        b"# Ours\r\n" + signer.public("farm", armored=True).replace(b"\n", b"\r\n") + b"and\n" + armored,
        armored.replace(b"BLOCK-----\n", b"BLOCK-----\nComment: the farm's\n", 1),
        signer.keybox(),
    ):
        assert check(SUMS, signed, load(tmp_path, content)) == ""


@NEEDS_GPG
def test_what_is_no_keyring(signer, tmp_path):
    for content in (signer.private("farm"), signer.private("farm", armored=True)):
        with pytest.raises(OptionsError, match="holds a private key"):
            load(tmp_path, content)
    armored = signer.public("farm", armored=True)
    for content in (b"", b"keys", armored[:-20], armored.replace(b"\n\n", b"\n"), signer.sign(SUMS, "farm")):
        with pytest.raises(OptionsError, match=r"is no file of public keys.*gpg --export"):
            load(tmp_path, content)


def test_a_keyring_that_is_not_there(tmp_path):
    with pytest.raises(OptionsError, match="could not be read: No such file"):
        load_keyring(str(tmp_path / "none"))


def test_no_gpgv_on_the_controller(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OptionsError, match=r"gpgv is not on the controller.*Install it \(Debian: gpgv"):
        check(SUMS, b"", b"")


def gpgv(tmp_path, monkeypatch, script):
    program = tmp_path / "gpgv"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_gpgv_that_does_not_end(monkeypatch, tmp_path):
    gpgv(tmp_path, monkeypatch, "exec /bin/sleep 60")
    monkeypatch.setattr(_signature, "_SECONDS", 0.2)
    with pytest.raises(OptionsError, match="did not end within"):
        check(SUMS, b"", b"")


@pytest.mark.parametrize(
    "script",
    [
        "exit 0",
        "echo '[GNUPG:] GOODSIG 1 a'; echo '[GNUPG:] VALIDSIG 1'; exit 1",
        "echo '[GNUPG:] GOODSIG 1 a'",
        "echo '[GNUPG:] VALIDSIG 1'",
        "echo '[GNUPG:] GOODSIG 1 a'; echo '[GNUPG:] VALIDSIG 1'; echo '[GNUPG:] EXPKEYSIG 2 b'",
        "echo 'GOODSIG 1 a'; echo 'VALIDSIG 1'",
    ],
)
def test_all_that_gpgv_says_has_to_be_good(monkeypatch, tmp_path, script):
    gpgv(tmp_path, monkeypatch, script)
    assert check(SUMS, b"", b"") != ""


def test_what_gpgv_says_is_data(monkeypatch, tmp_path):
    gpgv(tmp_path, monkeypatch, "printf 'gpgv: \\033[31m{said}\\n' >&2; exit 2")
    assert check(SUMS, b"", b"").endswith(r"can read: \x1b[31m{said}")


def test_what_gpgv_reads_is_private(monkeypatch, tmp_path, run_folder):
    gpgv(tmp_path, monkeypatch, '/bin/ls -ld "$2" >&2; exit 2')
    assert "can read: drwx------" in check(SUMS, b"", b"")


def test_the_same_question_is_asked_once_per_run(monkeypatch, run_folder):
    asked = []
    monkeypatch.setattr(_signature, "check", lambda *parts: asked.append(parts) or "wrong.")
    assert _run_cache.C.DEFAULT_LOCAL_TMP == str(run_folder)
    for parts in ((b"a", b"b", b"c"), (b"a", b"b", b"d"), (b"a", b"x", b"c"), (b"x", b"b", b"c")):
        assert check_once(*parts) == check_once(*parts) == "wrong."
    assert len(asked) == 4
