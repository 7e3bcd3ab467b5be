# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import stat

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _files
from ansible_collections.renderops.vray_swarm.plugins.module_utils._files import (
    Attributes,
    IrregularError,
    open_regular,
)


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "file"
    made.write_bytes(b"x")
    return made


def test_a_file(path):
    with open_regular(str(path)) as file:
        assert file.read() == b"x"
    link = path.parent / "link"
    link.symlink_to(path)
    with open_regular(str(link)) as file:
        assert file.read() == b"x"


def test_what_is_no_file_is_not_opened(path, monkeypatch):
    link, pipe = path.parent / "link", path.parent / "pipe"
    link.symlink_to(path)
    os.mkfifo(str(pipe))
    monkeypatch.delattr(os, "open")
    for name, follow in ((path.parent, True), (pipe, True), (pipe, False), (link, False)):
        with pytest.raises(IrregularError, match=r"Is a directory|Not a regular file"):
            open_regular(str(name), follow)


@pytest.mark.parametrize("follow", [True, False])
def test_a_pipe_that_takes_its_place_just_now(path, monkeypatch, follow):
    seen = os.stat(str(path))
    path.unlink()
    os.mkfifo(str(path))
    monkeypatch.setattr(os, "stat", lambda *_args, **_more: seen)
    with pytest.raises(IrregularError):
        open_regular(str(path), follow)


def test_a_link_that_takes_its_place_just_now(path, monkeypatch):
    seen = os.stat(str(path))
    path.rename(path.parent / "other")
    path.symlink_to("other")
    monkeypatch.setattr(os, "stat", lambda *_args, **_more: seen)
    with pytest.raises(OSError) as caught:
        open_regular(str(path), follow=False)
    assert caught.value.errno == errno.ELOOP


def test_attributes_are_those_of_what_is_open(path):
    """But for the bits by which a program gets another user's rights."""
    path.chmod(0o6640)
    other = path.parent / "other"
    with open(str(path)) as source, open(str(other), "w") as target:
        path.unlink()
        other.rename(path)
        Attributes.of(source.fileno()).give(target.fileno())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def set_attribute(path):
    try:
        os.setxattr(str(path), "user.test", b"y")
    except OSError as error:
        pytest.skip(f"this file system has no extended attributes: {error}")


def test_labels_and_access_lists_are_extended_attributes(path):
    set_attribute(path)
    other = path.parent / "other"
    with open(str(path)) as source, open(str(other), "w") as target:
        Attributes.of(source.fileno()).give(target.fileno())
    assert os.getxattr(str(other), "user.test") == b"y"


@pytest.mark.parametrize("number, passes", [(errno.EPERM, True), (errno.ENOTSUP, True), (errno.ENOSPC, False)])
def test_what_a_file_system_cannot_do(path, monkeypatch, number, passes):
    def fail(*dummy):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "setxattr", fail, raising=False)
    with open(str(path), "r+") as file:
        attributes = Attributes.of(file.fileno())._replace(extended={"security.x": b"y"})
        if passes:
            attributes.give(file.fileno())
        else:
            with pytest.raises(OSError):
                attributes.give(file.fileno())


def test_a_lock(path):
    with open(str(path)) as mine, open(str(path)) as other:
        assert _files.lock(mine.fileno(), 0)
        assert not _files.lock(other.fileno(), 0.05)
        mine.close()
        assert _files.lock(other.fileno(), 0)
