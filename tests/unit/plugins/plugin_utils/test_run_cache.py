# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is computed once per run: the forks of a run are processes, so these tests make some."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import stat

import pytest
import ticks

pytest.importorskip("ansible")

from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import OpenBuild, sha256
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _run_cache
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._run_cache import computed_before, once

PATIENCE = 20
# As ansible-core makes its workers.
fork = multiprocessing.get_context("fork")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run with its temporary directory; how often a build was hashed stands in a file, one byte each."""

    class Run:
        tmp = tmp_path / "tmp"
        log = tmp_path / "log"
        build = tmp_path / "vray.tar"

        @property
        def hashes(self):
            return self.log.stat().st_size

        @property
        def cached(self):
            return sorted(self.tmp.iterdir())

    made = Run()
    made.tmp.mkdir()
    made.log.write_bytes(b"")
    made.build.write_bytes(b"a build")

    def counted(build):
        descriptor = os.open(str(made.log), os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, b".")
        os.close(descriptor)
        return sha256(build)

    monkeypatch.setattr(_run_cache, "sha256", counted)
    monkeypatch.setattr(_run_cache.C, "DEFAULT_LOCAL_TMP", str(made.tmp))
    return made


def sha256_once(path):
    """As a fork of its own does it."""
    with OpenBuild(path) as build:
        return _run_cache.sha256_once(build)


def wanted(run):
    return hashlib.sha256(run.build.read_bytes()).hexdigest()


def test_one_hash_for_all_forks(run):
    """Those that come while it is computed wait for it."""
    start, results = fork.Barrier(8), fork.SimpleQueue()

    def worker():
        start.wait(PATIENCE)
        results.put(sha256_once(str(run.build)))

    processes = [fork.Process(target=worker) for _number in range(8)]
    for process in processes:
        process.start()
    found = [results.get() for _process in processes]
    for process in processes:
        process.join(PATIENCE)
        assert process.exitcode == 0
    assert set(found) == {wanted(run)}
    assert run.hashes == 1


def test_nobody_else_can_read_or_write_it():
    assert stat.S_IMODE(os.stat(_run_cache.C.DEFAULT_LOCAL_TMP).st_mode) == 0o700


def test_a_second_question_is_answered_from_the_cache(run):
    assert sha256_once(str(run.build)) == sha256_once(str(run.build)) == wanted(run)
    assert run.hashes == 1


def test_a_name_is_not_what_counts(run, tmp_path):
    """The same file, on another path."""
    os.link(str(run.build), str(tmp_path / "other.tar"))
    (tmp_path / "link.tar").symlink_to(run.build)
    for name in ("vray.tar", "other.tar", "link.tar"):
        assert sha256_once(str(tmp_path / name)) == wanted(run)
    assert run.hashes == 1


@pytest.mark.parametrize("content", [b"A build", b"longer than before"])
def test_a_changed_file_is_hashed_again(run, content):
    sha256_once(str(run.build))
    run.build.write_bytes(content)
    status = run.build.stat()
    # Two writes can fall into one tick of the clock of the file system.
    os.utime(str(run.build), ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert sha256_once(str(run.build)) == hashlib.sha256(content).hexdigest()
    assert run.hashes == 2


@pytest.mark.parametrize("change", [ticks.overwrite, ticks.replace])
def test_another_file_of_its_size_and_time_is_hashed_again(run, change):
    with OpenBuild(run.build) as before:
        sha256_once(str(run.build))
        change(str(run.build), b"A BUILD")
        assert sha256_once(str(run.build)) == hashlib.sha256(b"A BUILD").hexdigest()
        if change is ticks.replace:
            # Who had opened the old one still has it.
            assert _run_cache.sha256_once(before) == hashlib.sha256(b"a build").hexdigest()


@pytest.mark.parametrize("left", ["", "0", "64", "64:", f"64:{'0' * 63}.", f"64:{'0' * 65}.", f"64:{'0' * 64}", "x:."])
def test_what_a_killed_fork_left_is_not_believed(run, left):
    sha256_once(str(run.build))
    (cached,) = run.cached
    cached.write_text(left)
    assert sha256_once(str(run.build)) == wanted(run)
    assert run.hashes == 2
    assert cached.read_text() == f"64:{wanted(run)}."
    assert sha256_once(str(run.build)) == wanted(run)
    assert run.hashes == 2


def test_a_build_that_cannot_be_hashed_leaves_nothing(run, monkeypatch):
    def fail(path):
        raise BuildError(path)

    with monkeypatch.context() as patch:
        patch.setattr(_run_cache, "sha256", fail)
        with pytest.raises(BuildError):
            sha256_once(str(run.build))
    assert sha256_once(str(run.build)) == wanted(run)


def test_any_text_is_kept_and_an_empty_one_is_one(run):
    asked = []

    def ask(text):
        return once(["test", text], lambda: asked.append(text) or text)

    for text in ("", "ä: b.\n", "."):
        assert ask(text) == ask(text) == text
    assert asked == ["", "ä: b.\n", "."]


def test_what_nobody_has_computed_is_not_known(run):
    assert computed_before(["test", "account"]) is None
    assert once(["test", "account"], lambda: "denied") == computed_before(["test", "account"]) == "denied"
    assert computed_before(["test", "another"]) is None
    # What a killed fork left is not believed here either.
    for cached in run.cached:
        cached.write_text("6:den")
    assert computed_before(["test", "account"]) is None
