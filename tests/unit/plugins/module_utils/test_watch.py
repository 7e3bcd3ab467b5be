# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who opens the files of a directory, as the system tells it."""

from __future__ import annotations

import ctypes
import os
import sys

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _peer_info, _watch
from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import peer_info_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has inotify")


class Visitor:
    """Opens files as soon as the directory is watched."""

    def __init__(self, monkeypatch, *paths):
        watch = _watch._watch
        self.paths = paths

        def watched(directory):
            handle = watch(directory)
            # What happens before anybody waits for it is kept.
            self.visit()
            return handle

        monkeypatch.setattr(_watch, "_watch", watched)

    def visit(self):
        for path in self.paths:
            os.close(os.open(str(path), os.O_RDONLY))


@linux_only
def test_what_is_opened_is_counted(tmp_path, monkeypatch):
    names = ("a build.tar", "untouched")
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "directory").mkdir()
    first = tmp_path / names[0]
    Visitor(monkeypatch, first, tmp_path, tmp_path / "directory", first)
    assert _watch.count_opens(str(tmp_path), 0.2) == {"a build.tar": 2}


@linux_only
def test_what_cannot_be_watched(tmp_path):
    path = str(tmp_path / "missing")
    with pytest.raises(OptionsError) as caught:
        _watch.count_opens(path, 10)
    assert str(caught.value) == "%s was not watched: No such file or directory." % path


def test_a_system_without_it(tmp_path, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: object())
    with pytest.raises(OptionsError) as caught:
        _watch.count_opens(str(tmp_path), 10)
    assert "possible on Linux only" in str(caught.value)


def look(**options):
    return _peer_info.look({**{name: option.get("default") for name, option in peer_info_spec().items()}, **options})


@linux_only
def test_a_look_that_watches(tmp_path, monkeypatch):
    folder = tmp_path / "VRay" / "import"
    folder.mkdir(parents=True)
    (folder / "a.tar").write_bytes(b"x")
    (folder / "b.tar").write_bytes(b"x")
    # The system makes one of two openings that follow each other at once.
    Visitor(monkeypatch, folder / "a.tar", folder, folder / "a.tar")
    facts = look(data_dir=str(tmp_path), watch=0.2)
    assert [(item["name"], item["opened"]) for item in facts["imports"]] == [("a.tar", 2), ("b.tar", 0)]
    assert facts["errors"] == {}
    # The look itself opens them, too, and does not count.
    assert [item["opened"] for item in look(data_dir=str(tmp_path))["imports"]] == [None, None]


def test_a_look_that_cannot_watch(tmp_path):
    facts = look(data_dir=str(tmp_path), watch=10)
    assert "VRay/import was not watched: " in facts["errors"]["watch"]
    assert "data_dir, config or import_dir must tell" in look(watch=10)["errors"]["watch"]


@pytest.mark.parametrize("seconds", [-1, 601, float("nan")])
def test_a_time_that_is_none(seconds):
    with pytest.raises(OptionsError) as caught:
        look(watch=seconds)
    assert str(caught.value).startswith("watch is ")


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_time_that_nothing_can_be_the_same_for(seconds):
    with pytest.raises(OptionsError) as caught:
        look(settle_time=seconds)
    assert str(caught.value).startswith("settle_time is ")
