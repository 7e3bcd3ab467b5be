# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible and the module are killed while they publish a build. Nobody is left to tidy up."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import publish_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._publish import Publication

NAME = "vray-6.20.10-e8197af2.tar"
PATIENCE = 60


def archive():
    file, member = io.BytesIO(), tarfile.TarInfo("maya/vray.json")
    member.size = 200_000
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(member, io.BytesIO(os.urandom(member.size)))
    return file.getvalue()


CONTENT = archive()

# Each Python that Ansible starts reads it first. One of them says who it is as soon as it is there, and goes no further.
HOOK = """
import os, shutil, signal

def stop():
    with open(os.environ["STOP_FIFO"], "w") as fifo:
        fifo.write(str(os.getpid()))
    while True:
        signal.pause()

def copyfile(source, target, **more):
    if b"/.staging/" not in os.fsencode(target):
        return real_copyfile(source, target, **more)
    with open(source, "rb") as reader, open(target, "wb") as writer:
        writer.write(reader.read(100_000))
    stop()

def copyfileobj(reader, writer, *more):
    if "/.staging/" not in str(writer.name):
        return real_copyfileobj(reader, writer, *more)
    writer.write(reader.read(100_000))
    writer.flush()
    stop()

def replace(source, target, **more):
    if os.fsdecode(target).endswith(os.environ["STOP_AT"]):
        stop()
    return real_replace(source, target, **more)

real_copyfile, real_copyfileobj, real_replace = shutil.copyfile, shutil.copyfileobj, os.replace
if os.environ["STOP_AT"] == "copy":
    shutil.copyfile, shutil.copyfileobj = copyfile, copyfileobj
else:
    os.replace = replace
"""


def ancestors(pid):
    """A process and those that started it, up to this one."""
    found = []
    while pid not in (0, 1, os.getpid()):
        found.append(pid)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        pid = int(stat.rpartition(")")[2].split()[1])
    return found


def start_and_kill(folder, stop_at, remote_src):
    hook, fifo = folder / "hook", folder / "fifo"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    os.mkfifo(fifo)
    words = {
        "root": str(folder / "share"),
        "src": str(folder / NAME),
        "platform": "Linux_x86",
        "remote_src": remote_src,
    }
    environ = dict(
        os.environ,
        PYTHONPATH=os.pathsep.join([str(hook), *filter(None, sys.path)]),
        STOP_AT=stop_at,
        STOP_FIFO=str(fifo),
        ANSIBLE_HOME=str(folder / "home"),
        ANSIBLE_REMOTE_TEMP=str(folder / "remote"),
    )
    command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "--connection", "local"]
    command += ["--extra-vars", json.dumps({"ansible_python_interpreter": sys.executable})]
    command += ["--module-name", "renderops.vray_swarm.publish", "--args", json.dumps(words)]
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with open(folder / "output", "wb") as output:
        playing = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not select.select([reader], [], [], 0.1)[0]:
            is_waiting = playing.poll() is None and time.monotonic() < deadline
            assert is_waiting, (folder / "output").read_text(encoding="utf-8")
        killed = ancestors(int(os.read(reader, 20)))
        assert playing.pid in killed
        # Whoever started another one first: it would end by itself, and perhaps tidy up, when that has ended.
        for pid in reversed(killed):
            os.kill(pid, signal.SIGKILL)
    finally:
        with contextlib.suppress(ProcessLookupError):
            playing.kill()
        playing.wait()
        os.close(reader)


def publish(folder, check_mode=False):
    options = {name: option.get("default") for name, option in publish_spec().items()}
    options.update(root=str(folder / "share"), src=str(folder / NAME), remote_src=True, platform="Linux_x86")
    return Publication(options, check_mode).run()


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="processes are found as Linux tells them")
@pytest.mark.parametrize(
    "stop_at, remote_src, seen",
    [
        ("copy", False, []),  # from the controller
        ("copy", True, []),
        (f"/stable/Linux_x86/{NAME}", True, []),
        # It is in its place, and in no list yet.
        ("/builds.json", True, [NAME]),
    ],
    ids=["sent", "copied", "staged", "published"],
)
def test_who_is_killed_leaves_nothing_half(tmp_path, stop_at, remote_src, seen):
    share = tmp_path / "share"
    imports = share / "stable" / "Linux_x86"
    (tmp_path / NAME).write_bytes(CONTENT)
    start_and_kill(tmp_path, stop_at, remote_src)

    (left,) = [path for path in (share / ".staging").glob("publish-*") if list(path.iterdir())]
    assert left.stat().st_mode & 0o777 == 0o700
    # What peers see: whole builds, and nothing else.
    assert [path.name for path in imports.rglob("*")] == seen
    assert all(path.read_bytes() == CONTENT for path in imports.iterdir()) if imports.exists() else not seen
    assert not (share / "builds.json").exists() and not (share / "SHA256SUMS").exists()

    assert publish(tmp_path)["changed"] is True
    assert [path.name for path in share.glob("stable/**/*.*")] == [NAME]
    assert (imports / NAME).read_bytes() == CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert (share / "SHA256SUMS").read_text(encoding="utf-8") == f"{digest}  stable/Linux_x86/{NAME}\n"
    assert [entry["sha256"] for entry in json.loads((share / "builds.json").read_bytes())] == [digest]
    assert publish(tmp_path, check_mode=True)["changed"] is False
