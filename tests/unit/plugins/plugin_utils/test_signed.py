# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies in a share, compared with the list that was signed."""

from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._signed import check_place, problems

SHARE, IMPORT = "/mnt/vray", "/mnt/vray/stable/Linux_x86"
UNC = r"\\nas\vray builds"
NAME, OTHER = "vray-6.20.10-e8197af2.tar", "vray-7.0.6-0a1b2c3d.tar"
GOOD, BAD = "a" * 64, "b" * 64
HOSTILE = "{{ 1 + 1 }}\x1b[31m\u202e"


def line(name=NAME, sha256=GOOD, directory="stable/Linux_x86"):
    return f"{sha256}  {directory}/{name}\n"


def entry(name=NAME, sha256=GOOD, platform="Linux_x86"):
    return {"file": name, "sha256": sha256, "platform": platform, "channel": "stable"}


def imported(name=NAME, sha256=GOOD, root=IMPORT, size=1000):
    return {"name": name, "path": f"{root}/{name}", "sha256": sha256, "bytes": size}


def encoded(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode("utf-8")).decode("ascii")


def facts_of(sums=None, entries=None, imports=None, **changes):
    """A share with one build, as publishing leaves it, and a good signature."""
    facts = {
        "import_dir": IMPORT,
        "import_mount": {"source": "//nas/vray", "network": True},
        "mount": {"path": SHARE, "mounted": True, "readable": True},
        "signed": {"sums": encoded(line() if sums is None else sums), "signature": encoded("a"), "error": None},
        "signature": "",
        "manifest": json.dumps([entry()] if entries is None else entries),
        "imports": [imported()] if imports is None else imports,
    }
    return dict(facts, **changes)


def subjects(facts):
    return [subject for subject, dummy in problems(facts)]


def texts(facts):
    return " ".join(text for dummy, text in problems(facts))


def test_a_share_as_it_was_signed():
    assert problems(facts_of()) == []
    # What was read before is not read again, and a file that lies elsewhere does not matter here.
    elsewhere = line("a.tar", BAD, "canary/Linux_x86") + line("a.tar", BAD, "stable/Windows_x86")
    assert problems(facts_of(line() + elsewhere, imports=[imported(sha256=None)])) == []
    assert problems(facts_of("", [], [])) == []


@pytest.mark.parametrize("text", [line()[:-1], line().replace("  ", " *"), line().replace("  ", "  ./")])
def test_lists_that_sha256sum_writes(text):
    assert problems(facts_of(text)) == []


# The signature.


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"signature": "it was made with a key that was revoked."}, "it was made with a key that was revoked."),
        ({"signature": None}, "nobody asked gpgv."),
        ({"signed": None}, "SHA256SUMS is not there."),
        ({"signed": {"sums": None, "signature": "YQ==", "error": None}}, "SHA256SUMS is not there."),
        ({"signed": {"sums": "YQ==", "signature": None, "error": None}}, "SHA256SUMS.asc is not there."),
        ({"signed": {"sums": "YQ==", "signature": "YQ==", "error": "It is larger."}}, "It is larger."),
    ],
)
def test_what_is_no_good_signature(changes, text):
    """Told once, with what to do; nothing else is compared with such a list."""
    facts = facts_of(imports=[imported("strange")], **changes)
    assert subjects(facts) == ["SHA256SUMS"]
    assert texts(facts).startswith(f"SHA256SUMS in {SHARE} is not signed as required: {text} Compare SHA256SUMS with")
    assert "gpg --armor --detach-sign SHA256SUMS" in texts(facts)


@pytest.mark.parametrize("changes", [{"mounted": False}, {"readable": False}])
def test_a_share_that_cannot_be_read_is_not_trusted(changes):
    facts = facts_of()
    assert subjects(dict(facts, mount=dict(facts["mount"], **changes))) == ["share/unread"]


# Where the peer imports from.


def test_a_directory_that_no_list_says_anything_of():
    assert subjects(facts_of(import_dir=SHARE)) == ["import_dir"]
    assert subjects(facts_of(import_dir=f"{IMPORT}/deep")) == ["import_dir"]
    # On another share, and on none.
    assert subjects(facts_of(import_dir="/mnt/other/x")) == ["import_dir"]
    assert subjects(facts_of(mount=None)) == ["import_dir"]
    local = {"source": "/dev/sda1", "network": False}
    for import_mount in (local, None):
        assert problems(facts_of(import_dir="/var/lib/swarm/VRay/import", import_mount=import_mount)) == []
    assert problems(facts_of(import_dir=None)) == []


def test_what_is_no_file_is_not_what_was_signed():
    (found,) = problems(facts_of(imports=[imported(sha256=None, size=None)]))
    assert "is no file, and the signed" in found[1]


def test_an_import_directory_is_refused_before_anything_is_done():
    check_place(f"{SHARE}/stable/{{platform}}", SHARE)
    check_place(UNC + r"\stable\{platform}", UNC)
    check_place("/var/lib/swarm/VRay/import", SHARE)
    check_place(None, SHARE)
    check_place(IMPORT, None)
    for import_dir in (SHARE, f"{SHARE}/", f"{SHARE}/Linux_x86"):
        with pytest.raises(OptionsError, match=r"Mount the root of the share \(vray_swarm_share_src"):
            check_place(import_dir, SHARE)


def test_paths_of_windows_know_no_case():
    windows = {
        "import_dir": UNC.upper() + r"\Stable\windows_x86",
        "mount": {"path": UNC, "mounted": True, "readable": True},
    }
    signed = line(directory="stable/Windows_x86")
    assert problems(facts_of(signed, [entry(platform="Windows_x86")], **windows)) == []
    assert subjects(facts_of(line(), [entry(platform="Windows_x86")], **windows)) == ["SHA256SUMS"]


# The lists.


@pytest.mark.parametrize(
    "entries, text",
    [
        ([entry(sha256=BAD)], f"builds.json has a checksum for '{NAME}', and the signed SHA256SUMS has another one."),
        ([entry(), entry(OTHER)], f"builds.json lists '{OTHER}', and the signed SHA256SUMS does not."),
        ([], f"builds.json does not list '{NAME}', and the signed SHA256SUMS does."),
        ([entry(platform="Windows_x86")], "builds.json does not list"),
        ({}, "builds.json does not list"),
        ([entry(), 1], "builds.json is not the list that publishing writes."),
        ([{"file": NAME, "platform": "Linux_x86", "channel": "stable"}], "is not the list that publishing writes."),
        ([entry([])], "builds.json is not the list that publishing writes."),
        ([entry(sha256=None)], "has another one."),
        ([entry(HOSTILE)], r"builds.json does not list"),
    ],
)
def test_another_list_than_was_signed(entries, text):
    facts = facts_of(entries=entries)
    assert subjects(facts) == ["SHA256SUMS"]
    assert text in texts(facts) and texts(facts).isprintable()


@pytest.mark.parametrize("manifest", ["", "{", "[" * 200000, "1"])
def test_a_list_that_is_none(manifest):
    assert "is not the list that publishing writes" in texts(facts_of(manifest=manifest))


def test_a_share_that_was_filled_by_hand():
    assert problems(facts_of(manifest=None)) == []


@pytest.mark.parametrize(
    "sums, text",
    [
        ("hello\n", "has a line that sha256sum does not write: 'hello'"),
        (line() + "\n", "has a line that sha256sum does not write: ''"),
        (f"\\{line()}", "has a line that sha256sum does not write"),
        (line().replace("\n", "\r\n"), "has a line that sha256sum does not write"),
        (line(HOSTILE + "\r"), "has a line that sha256sum does not write"),
        (line() + line(sha256=BAD), f"has two checksums for 'stable/Linux_x86/{NAME}'"),
        (b"\xff\n", "is not UTF-8"),
    ],
)
def test_a_signed_list_that_nobody_understands(sums, text):
    facts = facts_of(sums)
    assert subjects(facts) == ["SHA256SUMS"]
    assert text in texts(facts) and texts(facts).isprintable()


# The files.


def test_a_file_that_is_not_the_one_that_was_signed():
    facts = facts_of(imports=[imported(sha256=BAD)])
    assert subjects(facts) == [NAME]
    assert texts(facts) == (
        f"{IMPORT}/{NAME} is not the file that was signed: its checksum is {BAD}, and that in SHA256SUMS is {GOOD}. Remove"
        " it, find out who changed it, and publish the build again."
    )


def test_a_file_that_nobody_signed():
    """Swarm tries whatever lies there, so that a name in another directory of the list is of no use."""
    facts = facts_of(line() + line(OTHER, directory="canary/Linux_x86"), imports=[imported(), imported(OTHER)])
    assert subjects(facts) == [OTHER]
    assert f"{IMPORT}/{OTHER} is not in the signed SHA256SUMS, and Swarm tries whatever lies" in texts(facts)
