# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One publication: what is refused, what becomes of the share, and that peers never see anything but whole builds."""

from __future__ import annotations

import hashlib
import json
import os
import struct

import pytest
import ticks

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _publish, _share
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError, OptionsError, ShareError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._publish import Publication

NAME = "vray-6.20.10-e8197af2.tar"


def elf(fill=b"x"):
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 62) + fill * 444


def tar(content=None):
    """An archive with one member."""
    content = elf() if content is None else content
    header = b"maya/bin/vray".ljust(100, b"\0") + b"0000755\0" + b"0000000\0" * 2 + b"%011o\0" % len(content)
    header += b"00000000000\0" + b" " * 8 + b"0" + bytes(100) + b"ustar\x0000" + bytes(247)
    header = header[:148] + b"%06o\0 " % sum(bytearray(header)) + header[156:]
    return header + content.ljust(-(-len(content) // 512) * 512, b"\0") + bytes(1024)


def sha(content):
    return hashlib.sha256(content).hexdigest()


class Case:
    """A share, a build on the same host, and the options of a task."""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "share"
        self.build = folder / NAME
        self.build.write_bytes(tar())
        self.target = self.root / "stable" / "Linux_x86" / NAME

    def rename(self, name):
        self.build.rename(self.folder / name)
        self.build = self.folder / name

    def publish(self, check_mode=False, **options):
        given = {name: option.get("default") for name, option in SPEC.items()}
        given.update(root=str(self.root), src=str(self.build), remote_src=True)
        given.update(options)
        return Publication(given, check_mode).run()

    @property
    def tree(self):
        """All that is in the share, with its content."""
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else None
            for path in self.root.rglob("*")
        }

    @property
    def entries(self):
        return json.loads((self.root / "builds.json").read_text(encoding="utf-8"))


SPEC = {
    "root": {},
    "src": {},
    "remote_src": {"default": False},
    "channel": {"default": "stable"},
    "platform": {},
    "version": {},
    "checksum": {},
    "size": {},
    "allow_executables": {"default": False},
    "force": {"default": False},
}


@pytest.fixture
def case(tmp_path, monkeypatch):
    monkeypatch.setattr(_share, "_FSTAB", str(tmp_path / "fstab"))
    return Case(tmp_path)


def test_a_build_is_predicted_then_published_then_there(case):
    predicted = case.publish(check_mode=True)
    assert not case.root.exists()
    published = case.publish()
    assert case.target.read_bytes() == tar()
    assert os.listdir(str(case.root / ".staging")) == ["lock"]
    assert sorted(os.listdir(str(case.root))) == [".staging", ".withdrawn", "SHA256SUMS", "builds.json", "stable"]
    assert os.listdir(str(case.target.parent)) == [NAME]
    assert (case.root / "SHA256SUMS").read_text() == "%s  stable/Linux_x86/%s\n" % (sha(tar()), NAME)
    (entry,) = case.entries
    assert entry == {
        "file": NAME,
        "sha256": sha(tar()),
        "size": len(tar()),
        "unpacked_size": len(elf()),
        "platform": "Linux_x86",
        "channel": "stable",
        "version": "6.20.10-e8197af2",
        "published": entry["published"],
    }
    before = case.tree
    again, again_predicted = case.publish(), case.publish(check_mode=True)
    assert case.tree == before
    assert [result["changed"] for result in (predicted, published, again, again_predicted)] == [
        True,
        True,
        False,
        False,
    ]
    for result in (predicted, published, again, again_predicted):
        assert result["path"] == str(case.target)
        assert (result["platform"], result["channel"], result["version"]) == ("Linux_x86", "stable", "6.20.10-e8197af2")
        assert (result["sha256"], result["size"]) == (sha(tar()), len(tar()))
        assert dict(result["entry"], published=entry["published"]) == entry
    assert predicted["diff"]["before"] == ""
    assert '"file": "%s"' % NAME in predicted["diff"]["after"]
    assert again["diff"]["before"] == again["diff"]["after"]


def test_the_build_itself_is_left_alone(case):
    before = os.stat(str(case.build))
    case.publish()
    after = os.stat(str(case.build))
    assert (before.st_ino, before.st_mtime_ns, before.st_mode, before.st_nlink) == (
        after.st_ino,
        after.st_mtime_ns,
        after.st_mode,
        after.st_nlink,
    )
    assert os.stat(str(case.target)).st_ino != before.st_ino


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_peers_can_read_it_whatever_the_mode_of_the_build(case, umask):
    case.build.chmod(0o600)
    old = os.umask(umask)
    try:
        case.publish()
    finally:
        os.umask(old)
    assert os.stat(str(case.target.parent)).st_mode & 0o777 == 0o755
    assert os.stat(str(case.target)).st_mode & 0o777 == 0o644


def test_channels_are_apart(case):
    case.publish()
    case.publish(channel="canary")
    assert [entry["channel"] for entry in case.entries] == ["canary", "stable"]
    assert (case.root / "canary" / "Linux_x86" / NAME).read_bytes() == tar()


# What is refused.


def refused(case, error, text, **options):
    before = case.tree
    for check_mode in (True, False):
        with pytest.raises(error, match=text):
            case.publish(check_mode, **options)
    after = case.tree
    for name in (".staging", ".staging/lock"):
        before.pop(name, None)
        after.pop(name, None)
    assert after == before


def test_another_platform(case):
    refused(
        case,
        BuildError,
        "was said to be for Windows_x86, but what is in it is for Linux_x86",
        platform="Windows_x86",
    )


@pytest.mark.parametrize("force", [False, True])
def test_a_platform_that_is_one_of_several(case, force):
    """As where pip's launchers for Windows come before the first program for Linux."""
    launcher = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", 0x8664) + bytes(40)
    case.build.write_bytes(tar(launcher)[:-1024] + tar())
    said = "The platform of .* is needed, and what is in it is for Linux_x86 and Windows_x86. Set platform"
    refused(case, OptionsError, said, force=force)
    refused(
        case, BuildError, "was said to be for macOS_x86, but what is in it is for Linux_x86 and", platform="macOS_x86"
    )
    assert case.publish(platform="Linux_x86", force=force)["platform"] == "Linux_x86"


def test_a_platform_that_nothing_tells(case):
    case.build.write_bytes(tar(b"text"))
    refused(case, OptionsError, "The platform of .* is needed, and nothing in it tells. Set platform")
    assert case.publish(platform="macOS_Arm64")["platform"] == "macOS_Arm64"


def test_an_installer(case):
    case.build = case.folder / "vraystd_adv_71000_rhel8_clang-gcc-11.2"
    case.build.write_bytes(elf())
    refused(case, OptionsError, "is an installer, and peers of channel stable are not known to allow executables")
    assert case.publish(allow_executables=True)["changed"]
    assert case.publish(channel="canary", force=True)["changed"]


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", tar()[:700]])
def test_what_is_no_build(case, content):
    case.build.write_bytes(content)
    refused(case, BuildError, "is not a build|is damaged")


def test_another_checksum(case):
    refused(case, BuildError, "is not the build that was asked for", checksum="sha256:" + "0" * 64)
    refused(case, OptionsError, "64 hexadecimal digits", checksum="md5:0")
    refused(case, BuildError, "has %d bytes, and 5 were expected" % len(tar()), size=5)
    assert case.publish(checksum="sha256:" + sha(tar()).upper(), size=len(tar()))["changed"]


def test_another_version(case):
    refused(case, OptionsError, "the name of the file says 6.20.10-e8197af2", version="7.0.0-e8197af2")


@pytest.mark.parametrize("channel", ["..", "a/b", ".staging"])
def test_no_way_out_of_the_share(case, channel):
    refused(case, OptionsError, "channel is ", channel=channel)


def test_a_hidden_file(case):
    case.rename(".vray.tar")
    refused(case, OptionsError, "begins with a dot")


def test_a_relative_root(case):
    refused(case, OptionsError, "root is 'share'; it is the absolute path", root="share")


def test_a_full_disk(case, monkeypatch):
    def no_room(_share, size):
        raise ShareError("no room for %d" % size)

    monkeypatch.setattr(_share.Share, "check_room", no_room)
    refused(case, ShareError, "no room for %d" % len(tar()))


def test_another_file_of_the_same_name(case):
    case.publish()
    old = os.open(str(case.target), os.O_RDONLY)
    # Of the same size: only reading it tells.
    other = tar(elf(b"y"))
    case.build.write_bytes(other)
    refused(case, ShareError, "is another file of this name .* and peers may be reading it")
    assert case.publish(check_mode=True, force=True)["changed"]
    result = case.publish(force=True)
    assert result["changed"]
    assert '"sha256": "%s"' % sha(tar()) in result["diff"]["before"]
    assert case.target.read_bytes() == other
    # Who had opened the old one reads it to its end.
    assert os.read(old, 1 << 20) == tar()
    os.close(old)
    assert [entry["sha256"] for entry in case.entries] == [sha(other)]
    assert not case.publish()["changed"]


@pytest.mark.parametrize("kind", ["directory", "link"])
def test_what_is_no_file(case, kind):
    case.target.parent.mkdir(parents=True)
    if kind == "directory":
        case.target.mkdir()
    else:
        case.target.symlink_to(case.build)
    refused(case, ShareError, "is in the way: it is not a regular file", force=True)


# What is there already.


def test_a_file_that_was_copied_there_by_hand_is_listed(case):
    case.target.parent.mkdir(parents=True)
    case.target.write_bytes(tar())
    inode = case.target.stat().st_ino
    assert case.publish(check_mode=True)["changed"]
    assert case.publish()["changed"]
    assert case.target.stat().st_ino == inode
    assert [entry["file"] for entry in case.entries] == [NAME]
    assert not case.publish()["changed"]


def test_what_others_learnt_stays_in_the_list(case):
    case.rename("vray-lin-df715d3c8ff9.tar")
    case.publish()
    entries = case.entries
    assert entries[0]["version"] is None
    entries[0].update(version="7.0.6-df715d3c8ff9", note="x")
    (case.root / "builds.json").write_text(json.dumps(entries))
    result = case.publish()
    assert not result["changed"]
    assert (result["version"], result["entry"]["note"]) == ("7.0.6-df715d3c8ff9", "x")
    assert case.publish(version="7.0.7-df715d3c8ff9")["changed"]
    assert case.entries[0]["version"] == "7.0.7-df715d3c8ff9"


def test_what_an_older_version_listed_is_counted_once(case, monkeypatch):
    case.publish()
    entries = case.entries
    del entries[0]["unpacked_size"]
    (case.root / "builds.json").write_text(json.dumps(entries))
    # Of a build on the controller, the host has what is published already.
    for options in ({"check_mode": True, **told()}, told()):
        assert case.publish(**options)["changed"]
    assert case.entries[0]["unpacked_size"] == len(elf())
    monkeypatch.setattr(_publish, "unpacked_size", None)
    assert not case.publish()["changed"] and not case.publish(**told())["changed"]


@pytest.mark.parametrize("size", [10**400, -3, True, "7", 1.5, None])
def test_what_somebody_has_listed_as_its_size_is_counted_again(case, size):
    case.publish()
    entries = case.entries
    entries[0]["unpacked_size"] = size
    (case.root / "builds.json").write_text(json.dumps(entries))
    assert case.publish()["changed"]
    assert case.entries[0]["unpacked_size"] == len(elf())


def test_another_build_of_the_same_name_is_counted_anew(case):
    case.publish()
    case.build.write_bytes(tar(elf() + bytes(9000)))
    case.publish(force=True)
    assert case.entries[0]["unpacked_size"] == len(elf()) + 9000


def test_an_archive_that_ends_too_soon(case):
    """What tells its platform is there; peers would try it for ever."""
    content = tar()[:-1024] + tar(bytes(9000))[:5000]
    case.build.write_bytes(content)
    refused(
        case, BuildError, f"is damaged: it ends at byte {len(content)}, in the middle of a member.* Nothing was publ"
    )
    assert case.publish(force=True)["changed"]
    assert case.entries[0]["unpacked_size"] is None
    assert not case.publish(force=True)["changed"]
    refused(
        case, BuildError, f"{NAME}.* is damaged: .* It is in the share, where peers try it in vain: remove it there"
    )


def test_a_file_that_was_deleted_is_published_again(case):
    case.publish()
    case.target.unlink()
    assert case.publish()["changed"]
    assert case.target.read_bytes() == tar()
    assert len(case.entries) == 1


# Staging.


def test_a_failure_leaves_nothing(case, monkeypatch):
    def fail(_descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(_publish, "seal", fail)
    with pytest.raises(OSError):
        case.publish()
    assert not case.target.exists()
    assert os.listdir(str(case.root / ".staging")) == []


def test_a_copy_that_went_wrong_is_not_published(case, monkeypatch):
    def cut(_source, target):
        with open(target, "wb") as file:
            file.write(tar()[:-1])

    monkeypatch.setattr(_publish, "_copy", cut)
    with pytest.raises(BuildError, match="is not the build that was asked for"):
        case.publish()
    assert not case.target.exists()


@pytest.mark.parametrize("change", [ticks.overwrite, ticks.replace])
def test_what_was_identified_is_what_is_published(case, monkeypatch, change):
    """An installer takes the place of the archive as soon as its platform is known."""
    known = _publish.identify

    def identify(source, platform):
        build = known(source, platform)
        change(str(case.build), elf().ljust(len(tar()), b"x"))
        return build

    monkeypatch.setattr(_publish, "identify", identify)
    with pytest.raises(BuildError, match="changed after it had been checked"):
        case.publish()
    assert not case.target.exists()


def test_what_takes_its_place_while_it_is_copied_is_not_published(case, monkeypatch):
    copy = _publish._copy

    def late(source, target):
        ticks.replace(str(case.build), elf().ljust(len(tar()), b"x"))
        copy(source, target)

    monkeypatch.setattr(_publish, "_copy", late)
    assert case.publish()["changed"]
    assert case.target.read_bytes() == tar()


def test_no_other_file_is_published_nor_opened_for_all(case, monkeypatch):
    """It took the place of the staged one as soon as that had been hashed."""
    secret, hashed = case.folder / "secret", _publish.check_sha256
    secret.write_bytes(b"")
    secret.chmod(0o600)

    def check(path, *more):
        hashed(path, *more)
        if "/.staging/" in path:
            os.unlink(path)
            os.symlink(str(secret), path)

    monkeypatch.setattr(_publish, "check_sha256", check)
    with pytest.raises(ShareError, match=r"is not the file any more that was checked\. Nothing was published"):
        case.publish()
    assert not os.path.lexists(str(case.target))
    assert secret.stat().st_mode & 0o777 == 0o600


def test_somebody_else_was_there_meanwhile(case, monkeypatch):
    """What another run put into the place while this one was copying is looked at again, under the lock."""
    copy, other = _publish._copy, tar(elf(b"y"))

    def slow(source, target):
        copy(source, target)
        case.target.write_bytes(other)

    monkeypatch.setattr(_publish, "_copy", slow)
    with pytest.raises(ShareError, match="is another file of this name"):
        case.publish()
    assert case.target.read_bytes() == other


def test_somebody_else_published_the_same_meanwhile(case, monkeypatch):
    copy = _publish._copy

    def slow(source, target):
        copy(source, target)
        monkeypatch.setattr(_publish, "_copy", copy)
        case.publish()

    monkeypatch.setattr(_publish, "_copy", slow)
    result = case.publish()
    assert not result["changed"]
    assert len(case.entries) == 1


# A build on the controller: two calls, with the transfer between them.


def told(**more):
    return dict(
        {
            "src": "/on/the/controller/" + NAME,
            "remote_src": False,
            "platform": "Linux_x86",
            "checksum": "sha256:" + sha(tar()),
            "size": len(tar()),
        },
        **more,
    )


def test_a_build_on_the_controller(case):
    assert case.publish(check_mode=True, **told())["changed"]
    assert not case.root.exists()
    decided = case.publish(**told())
    stage = decided["staging"]
    assert os.path.dirname(stage) == str(case.root / ".staging")
    assert not case.target.exists()
    sent = os.path.join(stage, NAME)
    with open(sent, "wb") as file:
        file.write(tar())
    inode = os.stat(sent).st_ino
    assert case.publish(**told(src=sent, remote_src=True))["changed"]
    # Moved, and not copied again.
    assert case.target.stat().st_ino == inode
    assert os.listdir(str(case.root / ".staging")) == ["lock"]
    again = case.publish(**told())
    assert not again["changed"]
    assert "staging" not in again


def test_a_transfer_that_lost_bytes(case):
    stage = case.publish(**told())["staging"]
    sent = os.path.join(stage, NAME)
    with open(sent, "wb") as file:
        file.write(tar()[:-1024])
    with pytest.raises(BuildError, match="is not the build that was asked for"):
        case.publish(**told(src=sent, remote_src=True))
    assert not case.target.exists()
    assert os.listdir(str(case.root / ".staging")) == []


@pytest.mark.parametrize("missing", ["platform", "checksum", "size"])
def test_the_bare_module_cannot_publish_what_it_does_not_have(case, missing):
    with pytest.raises(OptionsError, match="by a task only"):
        case.publish(**told(**{missing: None}))


# The directories alone.


def test_the_layout(case):
    predicted = case.publish(check_mode=True, src=None)
    assert not case.root.exists()
    made = case.publish(src=None)
    assert predicted == made
    assert made["changed"]
    assert len(made["directories"]) == 10
    assert all(os.path.isdir(path) for path in made["directories"])
    assert not case.publish(src=None)["changed"]
    assert case.publish(src=None, channel="canary", platform="Linux_x86")["directories"] == [
        str(case.root / "canary"),
        str(case.root / "canary" / "Linux_x86"),
    ]


# A signature.


class Module:
    """What run() needs of an AnsibleModule."""

    def __init__(self, case, **options):
        given = {name: option.get("default") for name, option in SPEC.items()}
        self.params = dict(given, root=str(case.root), src=str(case.build), remote_src=True, **options)
        self.check_mode = False
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)

    def exit_json(self, **result):
        self.result = result


def run(case, **options):
    module = Module(case, **options)
    _publish.run(module)
    return module.result["sign_again"], module.warnings


def test_a_signature_that_is_spoilt_is_kept_and_told(case):
    """Whoever requires one refuses it by itself."""
    assert run(case) == (False, [])
    signature = case.root / "SHA256SUMS.asc"
    signature.write_bytes(b"of what is there")
    assert run(case) == (False, [])
    # What is learnt later is in the other list only.
    assert run(case, version="6.20.10-e8197af2") == (False, [])
    sums = (case.root / "SHA256SUMS").read_bytes()
    again, warnings = run(case, channel="canary")
    assert again and len(warnings) == 1 and "sign it again (gpg --armor --detach-sign SHA256SUMS)" in warnings[0]
    assert (case.root / "SHA256SUMS").read_bytes() != sums and signature.read_bytes() == b"of what is there"
