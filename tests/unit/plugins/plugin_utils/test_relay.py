# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a relay need not send, by what the peer has."""

from __future__ import annotations

import pytest

from ansible_collections.renderops.vray_swarm.plugins.filter.held_builds import FilterModule, held_builds

SUMS = {"a": "a" * 64, "b": "b" * 64}


def file(name, size=10, folder="/d/VRay/import"):
    return {"name": name, "path": f"{folder}/{name}", "bytes": size}


def look(imports=(), kept=(), network=None, import_dir="/d/VRay/import"):
    mount = None if network is None else {"network": network}
    return {"imports": list(imports), "kept": list(kept), "import_mount": mount, "import_dir": import_dir}


def sized(*builds, size=10):
    return [{"build": build, "stat": {"exists": True, "size": size}} for build in builds]


def hashed(*sources, sha256=SUMS["a"]):
    return [{"item": {"build": {"src": src}}, "stat": {"checksum": sha256}} for src in sources]


def imported(*files, sha256=SUMS["a"]):
    return [{"item": item, "stat": {"checksum": sha256}} for item in files]


ARCHIVE, INSTALLER = {"src": "/b/vray.tar"}, {"src": "C:\\b\\vray.exe"}
ONCE = ["vray.exe"]


def told(builds, where, sizes=(), found=(), there=()):
    return held_builds(builds, where, ONCE, sizes, found, there)


def test_only_files_of_the_same_size_are_hashed():
    there = look([file("1.tar"), file("2.tar", 11), {**file("odd"), "bytes": None}])
    unseen = {"build": {"src": "/b/gone.tar"}, "stat": {"exists": False}}
    failed = {"build": {"src": "/b/denied.tar"}, "failed": True, "msg": "denied"}
    answer = told([ARCHIVE], there, [*sized(ARCHIVE), unseen, failed])
    assert answer == {"builds": sized(ARCHIVE), "files": [file("1.tar")], "held": {}}
    assert told([ARCHIVE], there, sized(ARCHIVE, size=12)) == {"builds": [], "files": [], "held": {}}


def test_what_has_a_checksum_is_not_hashed_on_the_relay():
    build = dict(ARCHIVE, checksum=f"SHA256:{SUMS['a'].upper()}")
    there = look([file("1.tar")])
    answer = told([build], there, sized(build, dict(INSTALLER, checksum="")))
    assert (answer["builds"], answer["files"]) == (sized(dict(INSTALLER, checksum="")), [file("1.tar")])
    assert told([build], there, there=imported(file("1.tar")))["held"] == {"/b/vray.tar": "/d/VRay/import/1.tar"}
    assert told([build], there, there=imported(file("1.tar"), sha256=SUMS["b"]))["held"] == {}
    # What the relay has is not asked then: upload compares it.
    assert (
        told([build], there, found=hashed("/b/vray.tar"), there=imported(file("1.tar"), sha256=SUMS["b"]))["held"] == {}
    )
    # One that upload refuses says nothing.
    wrong = dict(ARCHIVE, checksum="md5:1")
    assert told([wrong], there, there=imported(file("1.tar")))["held"] == {}


@pytest.mark.parametrize("build", [ARCHIVE, INSTALLER])
@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("network", [None, False, True])
def test_which_files_tell(build, is_kept, network):
    """What is only kept tells of an installer that it ran; what lies on a share, nothing."""
    item = file("as it was named by Swarm")
    there = look(kept=[item], network=network) if is_kept else look([item], network=network)
    is_held = build is INSTALLER if is_kept else not network
    answer = told([build], there, sized(build))
    assert (answer["builds"], answer["files"]) == ((sized(build), [item]) if is_held else ([], []))
    answer = told([build], there, found=hashed(build["src"]), there=imported(item))
    assert answer["held"] == ({build["src"]: item["path"]} if is_held else {})


def test_a_share_that_windows_names():
    item = file("vray.tar", folder="//nas/vray")
    assert told([ARCHIVE], look([item], import_dir="\\\\nas\\vray"), sized(ARCHIVE))["files"] == []


def test_what_could_not_be_hashed_is_not_held():
    items, there = [file("1.tar"), file("2.tar")], look([file("1.tar"), file("2.tar")])
    gone = [{"item": items[0], "stat": {"exists": False}}, {"item": items[1], "failed": True}]
    assert told([ARCHIVE], there, found=hashed("/b/vray.tar"), there=gone)["held"] == {}
    unread = [{"item": {"build": ARCHIVE}, "stat": {"exists": False}}]
    assert told([ARCHIVE], there, found=unread, there=imported(*items))["held"] == {}
    assert told([ARCHIVE], there, found=unread, there=gone)["held"] == {}


def test_what_is_both_kept_and_imported_lies_in_the_import_directory():
    kept, there = file("vray.exe", folder="/d/VRay/import"), file("vray.exe", folder="/builds")
    where = look([there], [kept], import_dir="/builds")
    answer = told([INSTALLER], where, found=hashed(INSTALLER["src"]), there=imported(kept, there))
    assert answer["held"] == {INSTALLER["src"]: "/builds/vray.exe"}


def test_its_name():
    assert FilterModule().filters() == {"held_builds": held_builds}
