# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Swarm that unpacks in place is killed meanwhile, and leaves half a build. The next task knows, by the mark.

All of it is real but Swarm: Ansible, its modules, and the process that is killed. And what making and removing a mark does
to what is none. What follows from a mark in any other case: tests/unit/plugins/module_utils/test_upload.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ansible.plugins.action")

from ansible.module_utils import basic
from ansible.modules import file as file_module

from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload_module import _LocalHost
from swarm_peer import builds

PEER = Path(builds.__file__).resolve().parents[1]
PATIENCE = 60
VERSION = "6.20.10-e8197af2"
NAME = f"vray-{VERSION}.tar"
MARK = f".vray_swarm-{VERSION}.sending"


@pytest.fixture
def data(tmp_path):
    builds.make_archive(tmp_path / NAME, version=VERSION, size=300000)
    (tmp_path / "swarm.yaml").write_text("webPort: 0\n", encoding="ascii")
    return tmp_path / "data"


@contextlib.contextmanager
def peer(folder, *faults):
    """A peer that is killed at the end, and so tidies nothing up; its port."""
    words = ["--config", folder / "swarm.yaml", "--data-dir", folder / "data", "--address", "127.0.0.1"]
    words += ["--temp-dir", folder / "tmp", *(f"--fault={fault}" for fault in faults)]
    process = subprocess.Popen(
        [sys.executable, "-m", "swarm_peer", *map(str, words)],
        env=dict(os.environ, PYTHONPATH=str(PEER)),
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process, int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.kill()


def start_upload(folder, port, remote_src, *words):
    options = {"src": str(folder / NAME), "data_dir": str(folder / "data"), "remote_src": remote_src}
    options.update(peer="127.0.0.1", web_port=port, retries=0)
    command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "--connection", "local", *words]
    command += ["--extra-vars", json.dumps({"ansible_python_interpreter": sys.executable})]
    command += ["--module-name", "renderops.vray_swarm.upload", "--args", json.dumps(options)]
    environ = dict(
        os.environ,
        PYTHONPATH=os.pathsep.join(filter(None, sys.path)),
        ANSIBLE_HOME=str(folder / "home"),
        ANSIBLE_REMOTE_TEMP=str(folder / "remote"),
        ANSIBLE_NOCOLOR="1",
    )
    return subprocess.Popen(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def upload(*arguments):
    """What Ansible prints, in one line."""
    with start_upload(*arguments) as playing:
        return " ".join(playing.communicate(timeout=PATIENCE)[0].split())


def marks(data):
    return [name for name in os.listdir(data) if name.startswith(".")]


@pytest.mark.parametrize("remote_src", [False, True])
def test_half_a_build_is_not_called_present(tmp_path, data, remote_src):
    half = data / "VRay" / f"vray-{VERSION}"
    with peer(tmp_path, "halfway=in-place") as (process, port):
        with start_upload(tmp_path, port, remote_src) as playing:
            deadline = time.monotonic() + PATIENCE
            while not (half / "vray.json").exists():
                assert playing.poll() is None and time.monotonic() < deadline
                select.select([], [], [], 0.02)
            assert marks(data) == [MARK]
            process.kill()
            told = " ".join(playing.communicate(timeout=PATIENCE)[0].split())
    assert "may have accepted the build all the same" in told
    assert half.is_dir() and marks(data) == [MARK]

    with peer(tmp_path) as (_process, port):
        for words in ((), ("--check",)):
            told = upload(tmp_path, port, remote_src, *words)
            assert "FAILED" in told and '"obstacle": "unanswered"' in told
            assert f"{half} may be half a build" in told and '"attempts": 0' in told
        assert half.is_dir() and marks(data) == [MARK]
        # Once it is removed, the mark alone is no obstacle.
        shutil.rmtree(half)
        assert '"outcome": "rapid"' in upload(tmp_path, port, remote_src)
        assert marks(data) == []
        assert '"outcome": "present"' in upload(tmp_path, port, remote_src)


@pytest.mark.parametrize("remote_src", [False, True])
def test_a_mark_that_cannot_be_made_is_warned_of(tmp_path, data, remote_src):
    (tmp_path / "other").mkdir()
    with peer(tmp_path) as (_process, port):
        (data / MARK).symlink_to(tmp_path / "other")
        told = upload(tmp_path, port, remote_src)
    assert '"outcome": "rapid"' in told
    assert "could not be made (" in told and "half a build for the whole" in told
    assert os.readlink(data / MARK) == str(tmp_path / "other") and os.listdir(tmp_path / "other") == []


# What is in its place.


class File:
    """What the action asks a host for: the module ansible.builtin.file, as it is."""

    def __init__(self, monkeypatch, capsys):
        self._patch, self._captured = monkeypatch, capsys

    def make_directory(self, path):
        self._run({"path": path, "state": "directory", "follow": False})

    def remove_directory(self, path):
        self._run({"path": path, "state": "absent", "follow": False})

    def _run(self, arguments):
        self._patch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode("utf-8"))
        # ansible-core 2.19 and newer
        self._patch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        # Before ansible-core 2.19, the error of its own leaves it.
        with pytest.raises((SystemExit, Exception)) as caught:
            file_module.main()
        self._captured.readouterr()
        if not isinstance(caught.value, SystemExit) or caught.value.code:
            raise OSError(str(caught.value))


@pytest.fixture(params=["module", "action"])
def host(request, monkeypatch, capsys):
    return _LocalHost({}) if request.param == "module" else File(monkeypatch, capsys)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "swarm").mkdir()
    return str(tmp_path / "swarm" / MARK)


def test_a_mark_is_an_empty_directory(host, path):
    for _twice in range(2):
        host.make_directory(path)
    assert os.listdir(path) == [] and os.listdir(os.path.dirname(path)) == [MARK]
    for _twice in range(2):
        host.remove_directory(path)
    assert os.listdir(os.path.dirname(path)) == []


@pytest.mark.parametrize("is_there", [False, True])
def test_a_link_in_the_place_of_a_mark_leads_nowhere(host, path, tmp_path, is_there):
    other = tmp_path / "other"
    if is_there:
        (other / "sub").mkdir(parents=True)
    os.symlink(str(other), path)
    with pytest.raises(OSError):
        host.make_directory(path)
    assert os.path.islink(path) and other.exists() == is_there
    # Also where it is put there meanwhile, and whether the link goes or not.
    with contextlib.suppress(OSError):
        host.remove_directory(path)
    assert not is_there or os.listdir(str(other)) == ["sub"]


def test_a_file_in_the_place_of_a_mark_is_no_mark(host, path):
    with open(path, "w", encoding="ascii"):
        pass
    with pytest.raises(OSError):
        host.make_directory(path)
    assert os.path.isfile(path)


def test_a_module_removes_no_directory_that_somebody_filled(path):
    host = _LocalHost({})
    host.make_directory(path)
    with open(os.path.join(path, "mine"), "w", encoding="ascii"):
        pass
    host.make_directory(path)
    with pytest.raises(OSError):
        host.remove_directory(path)
    assert os.listdir(path) == ["mine"]
