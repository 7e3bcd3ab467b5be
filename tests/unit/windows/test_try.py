# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook for an operator with a real machine works at least on the double."""

from __future__ import annotations

import json
import os
import re
import shutil

import pytest

from swarm_peer.store import Store
from windows_double.farm import CONFIG, DATA_DIR, ROOT, SERVICE

IMPORT_DIR = r"C:\Builds to import"


@pytest.fixture
def attempt(farm, peer):
    """Run it, and return what it writes and what it prints."""

    def run(succeeds=True, **variables):
        result = farm.directory / "result.json"
        farm.variables["ws1"] = {"vray_swarm_api_from": "peer"}
        done = farm.run(
            str(ROOT / "tests" / "windows" / "try.yml"),
            vray_swarm_data_dir=DATA_DIR,
            vray_swarm_config=CONFIG,
            vray_swarm_service=SERVICE,
            vray_swarm_web_port=peer.port,
            try_wait=30,
            try_still=2,
            try_result=str(result),
            **variables,
        )
        assert done.succeeded == succeeds, done.output
        return json.loads(result.read_text()), done.one(task="Show it in short")["msg"], result.read_text()

    return run


@pytest.fixture
def builds(farm, peer):
    """One to import, one here to upload, one to queue, and one on the machine."""
    peer.host.real(IMPORT_DIR).mkdir()
    imported, here, there, queued = (
        farm.build(f"vray-{version}.tar", version=version)
        for version in ("6.20.10-e8197af2", "6.20.11-0123abcd", "7.0.6-df715d3c", "7.0.7-df715d3c")
    )
    imported.rename(peer.host.real(IMPORT_DIR) / imported.name)
    there.rename(peer.host.real("C:\\") / there.name)
    return {
        "try_import_dir": IMPORT_DIR,
        "try_build": str(here),
        "try_remote_build": rf"C:\{there.name}",
        "try_queued_build": str(queued),
    }


def on_disk(peer):
    """What lies where Swarm keeps its things, and where builds were given."""
    roots = (peer.config.parent, peer.data_dir, peer.host.real(IMPORT_DIR))
    return sorted(str(path) for root in roots for path in root.rglob("*"))


def test_the_whole_workflow_twice_and_nothing_is_left(attempt, builds, peer):
    before, files = peer.text(), on_disk(peer)
    told, lines, text = attempt(try_changes=True, **builds)
    steps = {step["step"]: step for step in told["steps"]}
    assert {name: step["state"] for name, step in steps.items()} == {
        "see the machine": "ok",
        "discover": "ok",
        "look": "ok",
        "say what would be set": "changed",
        "identify the build on the machine": "ok",
        "set": "changed",
        "set again": "ok",
        "set a port that is taken": "failed",
        "see what is to be imported": "ok",
        "import from a directory": "changed",
        "wait for what is imported": "ok",
        "import from a directory again": "ok",
        "set back": "changed",
        "upload": "changed",
        "upload again": "ok",
        "upload from the machine": "changed",
        "upload from the machine again": "ok",
        "queue by the role": "changed",
        "queue by the role again": "ok",
        "see that it is set back": "ok",
        "remove what was kept": "changed",
        "remove what was deployed": "changed",
        "look again": "ok",
    }
    assert all(step["as_expected"] for step in told["steps"])
    assert [build["version"] for build in steps["wait for what is imported"]["told"]["builds"]] == ["6.20.10-e8197af2"]
    sent = ("upload", "upload again", "upload from the machine", "queue by the role", "queue by the role again")
    outcomes = [steps[name]["told"]["outcome"] for name in sent]
    assert outcomes == ["rapid", "present", "rapid", "queued", "present"]
    assert steps["set a port that is taken"]["told"]["rolled_back"]
    identified = steps["identify the build on the machine"]["told"]
    assert (identified["format"], identified["platform"]) == ("tar", "Windows_x86") and identified["sha256"]
    assert told["same_settings_at_the_end"] is True and told["left_deployed"] == [] and told["not_changed_since"] == []
    assert told["left_kept"] == told["not_set_back"] == []
    assert told["collection"] and told["machine"]["ansible_architecture"] == "64-bit"
    assert peer.text() == before and on_disk(peer) == files and peer.swarm.state == "started"
    assert [line for line in lines if re.match(r"set again: ok, \d+(\.\d)? s$", line)]
    # Neither what files hold nor what processes were called with.
    for secret in ("config_content", "Swarm of this workstation", "--config"):
        assert secret not in text + "".join(lines)


def test_what_is_wrong_is_told_and_set_back(attempt, builds, peer, tmp_path):
    before, files = peer.text(), on_disk(peer)
    (tmp_path / "no.tar").write_text("neither an archive nor an installer")
    builds.update(try_build=str(tmp_path / "no.tar"), try_import_dir="")
    told, lines, _text = attempt(try_changes=True, **builds)
    states = {step["step"]: (step["state"], step["as_expected"]) for step in told["steps"]}
    assert states["upload"] == ("failed", False) and states["import from a directory"] == ("skipped", True)
    assert [line for line in lines if line.startswith("upload: failed") and "NOT AS EXPECTED: ws1: " in line]
    assert peer.text() == before and on_disk(peer) == files


@pytest.fixture
def other_swarm(monkeypatch):
    """One that keeps what is sent under another name, and deploys whatever lies there and is not deployed."""
    put, scan = Store._put, Store.scan

    def put_elsewhere(store, source, target, settled):
        put(store, source, os.path.join(os.path.dirname(target), "kept-" + os.path.basename(source)), settled)

    def forget(store, first=False):
        store._settled.clear()
        scan(store, first)

    monkeypatch.setattr(Store, "_put", put_elsewhere)
    monkeypatch.setattr(Store, "scan", forget)


@pytest.mark.usefixtures("other_swarm")
def test_a_swarm_that_would_deploy_it_anew_has_nothing_to_deploy(attempt, builds, peer):
    before, files = peer.text(), on_disk(peer)
    told, lines, _text = attempt(try_changes=True, **builds)
    assert told["left_deployed"] == told["left_kept"] == told["not_set_back"] == []
    assert not [line for line in lines if line.startswith("NOT SET BACK")]
    assert peer.text() == before and on_disk(peer) == files


@pytest.mark.usefixtures("other_swarm")
@pytest.mark.parametrize("keep", [False, True])
def test_what_comes_back_is_told_and_fails(attempt, builds, peer, tmp_path, monkeypatch, keep):
    """As another peer would hand it back."""
    elsewhere, scan = tmp_path / "elsewhere", Store.scan

    def bring_back(store, first=False):
        for archive in os.listdir(store.import_dir):
            if archive.startswith("kept-"):
                shutil.copy(os.path.join(store.import_dir, archive), elsewhere)
        if elsewhere.exists():
            shutil.copy(elsewhere, os.path.join(store.import_dir, "again.tar"))
        scan(store, first)

    monkeypatch.setattr(Store, "scan", bring_back)
    builds.update(try_remote_build="", try_queued_build="", try_import_dir="")
    told, lines, _text = attempt(succeeds=keep, try_changes=True, try_keep=keep, **builds)
    assert told["left_deployed"] == ["6.20.11-0123abcd"] and "again.tar" in told["left_kept"]
    assert [line for line in lines if line == "NOT SET BACK: deployed, and was not before: 6.20.11-0123abcd"]
    assert [line for line in lines if line.startswith("NOT SET BACK: in C:") and "again.tar" in line]


def test_nothing_is_removed_from_the_directory_that_was_given(attempt, builds, peer, monkeypatch):
    """Where Swarm could not be pointed back, what lies there was not made by the run."""
    inside = DATA_DIR + r"\to import"
    given = peer.host.real(IMPORT_DIR).rename(peer.host.real(inside))
    files, start = sorted(given.iterdir()), peer.swarm.start
    builds.update(try_import_dir=inside)

    def then_locked():
        start()
        if inside in peer.text():
            peer.host.locked.add(CONFIG.lower())

    monkeypatch.setattr(peer.swarm, "start", then_locked)
    told, lines, _text = attempt(succeeds=False, try_changes=True, **builds)
    assert inside in peer.text() and told["same_settings_at_the_end"] is False
    assert {
        "NOT SET BACK: swarm.yaml says something else than before",
        f"NOT SET BACK: Swarm reads {inside}, where nothing was removed",
    } <= set(lines)
    assert told["left_kept"] == []
    assert set(files) <= set(given.iterdir())


@pytest.mark.parametrize("may_change", [True, False])
def test_nothing_is_changed_that_was_not_asked_for_or_could_not_be_read(attempt, builds, peer, may_change):
    if may_change:
        peer.write("webPort: [\r\n")
    before = peer.text()
    told, lines, _text = attempt(try_changes=may_change, **builds)
    assert told["not_changed_since"] and told["left_deployed"] == []
    assert [line for line in lines if line.startswith("nothing was changed: ")]
    assert "set" not in [step["step"] for step in told["steps"]]
    assert peer.text() == before and peer.swarm.stops == 0
