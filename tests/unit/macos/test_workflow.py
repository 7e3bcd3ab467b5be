# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's whole workflow on a Mac, by the playbooks: first run, second run, check mode, drift."""

from __future__ import annotations

import json
import plistlib
import shutil
import socket

import pytest
from secret_settings import NEW, add_secrets, keep_facts, look_for_secrets, merged, said

import swarm_peer
from macos_double.farm import NAME, SERVICE, VERSION

DISTRIBUTE = "renderops.vray_swarm.distribute"
VERIFY = "renderops.vray_swarm.verify"
UPLOAD = "renderops.vray_swarm.upload"
NEWER = "7.0.6-df715d3c8ff9"
INFO = "renderops.vray_swarm.peer_info"
VARIABLES = {"vray_swarm_deploy_wait": 30, "vray_swarm_waves": ["100%"]}


@pytest.fixture
def shared(farm, peer):
    """A share with a build for Macs, as publish leaves it. It is not mounted yet."""
    folder = farm.share / "stable" / "macOS_Arm64"
    folder.mkdir(parents=True)
    build = farm.build()
    shutil.copy(build, folder)
    entry = {"file": NAME, "platform": "macOS_Arm64", "channel": "stable", "version": VERSION}
    (farm.share / "builds.json").write_text(json.dumps([dict(entry, size=build.stat().st_size)]))
    return dict(VARIABLES, vray_swarm_share_src="//nas/vray builds", vray_swarm_share_path=str(farm.share))


def mount(farm, peer):
    options = "smbfs, nodev, nosuid, read-only, mounted by root"
    peer.mac.mounts.append(f"//render@nas/vray%20builds on {farm.share} ({options})")


def test_from_a_bare_peer_to_a_deployed_build(farm, peer, shared):
    before = peer.config.read_text()
    bare = farm.run(DISTRIBUTE, **shared)
    assert bare.failed == ["mac1"]
    assert "On macOS mounting is up to you: mount //nas/vray builds at" in " ".join(bare.output.split())

    mount(farm, peer)
    planned = farm.run(DISTRIBUTE, "--check", "--diff", **shared)
    assert planned.succeeded and list(planned.changed) == ["mac1"], planned.output
    assert (peer.config.read_text(), peer.mac.calls) == (before, [])

    peer.mac.processes.append((4711, f"{peer.data_dir}/VRay/vray-6.0.0-aaaaaaaa/bin/vray"))
    busy = farm.run(DISTRIBUTE, **shared)
    assert busy.changed == {} and "mac1 renders, so that it was neither changed nor stopped" in busy.output
    assert (peer.config.read_text(), peer.mac.calls) == (before, [])
    peer.mac.processes.pop()

    first = farm.run(DISTRIBUTE, **shared)
    assert first.succeeded and list(first.changed) == ["mac1"], first.output
    assert peer.config.read_text() == before + f"vrayImportDir: {farm.share}/stable/macOS_Arm64\n"
    assert (peer.data_dir / "VRay" / f"vray-{VERSION}").is_dir()
    # Nothing is left of the rescue.
    assert (peer.stops > 0, peer.loaded) == (True, [SERVICE])
    assert peer.swarm.store.import_dir == f"{farm.share}/stable/macOS_Arm64"

    peer.mac.calls.clear()
    second = farm.run(DISTRIBUTE, **shared)
    assert second.succeeded and second.changed == {}, second.output
    assert peer.mac.calls == []

    drift(farm, peer, shared)


def drift(farm, peer, shared):
    """What verify names, distribute sets right."""
    foreign = farm.build("foreign.tar", platform="Windows_x86").rename(farm.share / "stable/macOS_Arm64/foreign.tar")
    peer.mac.jobs.pop(SERVICE).stop()
    peer.mac.disabled.add(SERVICE)
    wrong = farm.run(VERIFY, **shared)
    assert wrong.failed == ["mac1"], wrong.output
    told = " ".join(wrong.of(task="Fail with what is wrong")[0]["msg"].split())
    for text in ("The service is stopped (not loaded)", "does not start with the host", "is for Windows_x86"):
        assert text in told
    foreign.unlink()
    right = farm.run(DISTRIBUTE, **shared)
    assert right.succeeded and list(right.changed) == ["mac1"], right.output
    assert peer.swarm is not None and peer.mac.disabled == set()
    # One that runs until the next start of the host is not stopped for that.
    peer.mac.disabled.add(SERVICE)
    peer.mac.calls.clear()
    right = farm.run(DISTRIBUTE, **shared)
    assert right.succeeded and list(right.changed) == ["mac1"], right.output
    assert (peer.mac.disabled, peer.mac.calls) == (set(), [f"enable system/{SERVICE}"])


def test_builds_are_uploaded_and_installers_let_in_for_a_moment(farm, peer):
    archive = farm.build()
    installer = farm.build("vray_adv_71000_mac", installer=True, version="7.10.0-aaaaaaaa")
    wanted = [{"src": str(path), "platform": "macOS_Arm64"} for path in (archive, installer)]
    wanted.append({"src": "/not/for/macs.tar", "platform": "macOS_x86"})
    variables = dict(VARIABLES, vray_swarm_builds=wanted, vray_swarm_installer_window=True, vray_swarm_window_watch=0)
    run = farm.run(UPLOAD, **variables)
    assert run.succeeded, run.output
    for version in (VERSION, "7.10.0-aaaaaaaa"):
        assert (peer.data_dir / "VRay" / f"vray-{version}").is_dir()
    assert "allowExecutables: false" in peer.config.read_text()
    assert peer.swarm.store.allow_executables is False
    assert peer.loaded == [SERVICE]
    peer.mac.calls.clear()
    again = farm.run(UPLOAD, **variables)
    assert again.succeeded and again.changed == {}, again.output
    assert peer.mac.calls == []


def test_a_swarm_that_was_killed_is_started(farm, peer):
    """Whether its build is to be sent, or lies in the import directory."""
    variables = dict(VARIABLES, vray_swarm_retries=0, vray_swarm_builds=[{"src": str(farm.build()), "queued": True}])
    peer.mac.jobs[SERVICE].kill()
    planned = farm.run(UPLOAD, "--check", **variables)
    assert planned.succeeded and planned.changed == {"mac1": 1} and peer.swarm is None, planned.output
    run = farm.run(UPLOAD, **dict(variables, vray_swarm_deploy_wait=0))
    assert run.succeeded and run.changed == {"mac1": 2} and peer.swarm is not None, run.output

    peer.mac.jobs[SERVICE].kill()
    shutil.rmtree(peer.data_dir / "VRay" / f"vray-{VERSION}", ignore_errors=True)
    run = farm.run(UPLOAD, **variables)
    assert run.succeeded and run.changed == {"mac1": 1}, run.output
    assert (peer.data_dir / "VRay" / f"vray-{VERSION}").is_dir()
    peer.mac.calls.clear()
    again = farm.run(UPLOAD, **variables)
    assert again.succeeded and again.changed == {} and peer.mac.calls == [], again.output

    # What it has is not sent again, and what it lacks is followed.
    variables["vray_swarm_builds"].append({"src": str(farm.build(f"vray-{NEWER}.tar", version=NEWER)), "queued": True})
    peer.mac.jobs[SERVICE].kill()
    run = farm.run(UPLOAD, **variables)
    assert run.succeeded and run.changed == {"mac1": 2}, run.output
    sent = [[item["outcome"] for item in result["results"]] for result in run.of(action=UPLOAD)]
    assert sent == [["present", "failed"], ["queued"]]
    assert (peer.data_dir / "VRay" / f"vray-{NEWER}").is_dir()
    again = farm.run(UPLOAD, **variables)
    assert again.succeeded and again.changed == {}, again.output


def test_a_swarm_that_was_unloaded_stays_so(farm, peer):
    peer.mac.jobs.pop(SERVICE).stop()
    run = farm.run(UPLOAD, **VARIABLES, vray_swarm_retries=0, vray_swarm_builds=[{"src": str(farm.build())}])
    assert run.failed == ["mac1"] and "Does Swarm run there" in run.output and peer.mac.calls == [], run.output


def test_a_build_on_the_mac_is_sent_by_the_module(farm, peer):
    build = farm.build()
    options = {"src": str(build), "remote_src": True, "data_dir": str(peer.data_dir), "web_port": peer.port}
    sent = farm.task("renderops.vray_swarm.upload", options)
    assert (sent.status, sent["outcome"], sent["version"]) == ("changed", "rapid", VERSION)
    assert farm.task("renderops.vray_swarm.upload", options)["outcome"] == "present"


def test_the_platform_is_that_of_the_processor(farm):
    farm.add("mac1")
    farm.add("mac2", machine="x86_64")
    found = farm.play([{"name": "It", INFO: {"data_dir": "{{ vray_swarm_data_dir }}"}}])
    platforms = {host: found.one(host, "It")["platform"] for host in farm.peers}
    assert platforms == {"mac1": "macOS_Arm64", "mac2": "macOS_x86"}


def test_discover_is_not_there(farm, peer):
    run = farm.run("renderops.vray_swarm.discover")
    assert run.failed == ["mac1"]
    assert "discover works on Linux and Windows: this host has no /proc." in " ".join(run.output.split())


def test_no_secret_of_swarm_yaml_is_told(farm, peer, monkeypatch):
    """Nor is one that is wanted. What is compared and written is exact all the same, each time that a task is tried."""
    add_secrets(peer.config)
    keep_facts(farm, monkeypatch)
    settings = "renderops.vray_swarm.settings"
    options = {"path": str(peer.config), "settings": "{{ mine }}"}
    again = {"register": "it", "until": "it.attempts > 1", "retries": 2, "delay": 0}
    tasks = [
        {"name": "Predict", settings: options, "check_mode": True},
        {"name": "Set", settings: options, **again},
        {"name": "Set it once more", settings: options},
        {"name": "Remove", settings: {"path": str(peer.config), "absent": ["gone"]}},
        {"name": "Look", INFO: {"config": str(peer.config), "wanted": {"settings": "{{ mine }}"}}},
    ]
    run = farm.play(tasks, "-vvvv", "--diff", mine=NEW)
    assert run.succeeded, run.output
    look_for_secrets(farm, run, peer.config.read_bytes())
    # What was tried once more found that all is set.
    statuses = {"Predict": "changed", "Set": "ok", "Set it once more": "ok", "Remove": "changed", "Look": "ok"}
    assert {task: run.one(task=task).status for task in statuses} == statuses
    assert said(peer.config) == {**merged(), "gone": None}
    assert run.one(task="Look")["settings"]["apiToken"] == "********"

    # As a role does it, and where the file is broken.
    mine = {**NEW, "apiToken": "was-token"}
    run = farm.run(DISTRIBUTE, "-vvvv", "--diff", vray_swarm_settings=mine, **VARIABLES)
    assert run.succeeded and said(peer.config)["apiToken"] == "was-token", run.output
    look_for_secrets(farm, run, peer.config.read_bytes())
    peer.config.write_text("apiToken: 'was-token\n")
    run = farm.run(VERIFY, "-vvvv", vray_swarm_settings=mine, **VARIABLES)
    assert run.failed == ["mac1"] and "is not valid YAML" in run.output, run.output
    look_for_secrets(farm, run)


@pytest.mark.parametrize("is_down", [False, True], ids=["set", "start"])
def test_no_secret_that_swarm_logs_is_told(farm, peer, monkeypatch, is_down):
    """Neither one that is known by its name or its place, nor one that the old or the new settings hold."""
    settings = "renderops.vray_swarm.settings"
    add_secrets(peer.config)
    before = peer.config.read_bytes()
    log, plist = farm.directory / "swarm.log", peer.mac.daemons / f"{SERVICE}.plist"
    lines = [
        "FATAL cannot register with http://joe:unknown-url@proxy:3128",
        "FATAL bad apiToken: unknown-token",
        f"FATAL joe has no right to was-passwd, 47110815, {'was-key or was-option' if is_down else 'new-key or new-url'}",
        "FATAL the port is taken",
    ]
    log.write_text("".join(f"{line}\n" for line in lines))
    plist.write_bytes(plistlib.dumps({**plistlib.loads(plist.read_bytes()), "StandardErrorPath": str(log)}))
    options = {"path": str(peer.config), "settings": "{{ mine }}", "service": SERVICE, "start_timeout": 2}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        mine = {**NEW, "webPort": taken.getsockname()[1]}
        if is_down:
            # The module itself fails then.
            peer.mac.jobs.pop(SERVICE).stop()
            monkeypatch.setattr(swarm_peer.Peer, "start", lambda _swarm: taken.bind(("127.0.0.1", 0)))
            mine, options["api_from"] = {"webPort": peer.port}, "peer"
        run = farm.play([{"name": "Set", settings: options}], "-vvvv", "--diff", mine=mine)
    assert run.failed == ["mac1"] and peer.config.read_bytes() == before, run.output
    look_for_secrets(farm, run, before)
    assert "unknown-" not in run.output
    told = run.one(task="Set")["msg"]
    assert told.startswith("mac1: the service is ") is is_down
    assert (
        "it wrote: FATAL cannot register with http://joe:********@proxy:3128 / FATAL bad apiToken: ******** / FATAL joe"
        " has no right to ********, ********, ******** or ******** / FATAL the port is taken"
    ) in told


def test_the_password_of_a_url_that_swarm_answers_is_not_told(farm, peer):
    peer.swarm.faults.set(["fail=bad key: vray.json, see http://joe:unknown-url@proxy:3128/x"])
    options = {"src": str(farm.build()), "web_port": peer.port, "retries": 0}
    shown = "bad key: vray.json, see http://joe:********@proxy:3128/x"
    for more in ({}, {"remote_src": True}):
        run = farm.play([{"name": "Send", UPLOAD: {**options, **more}}], "-vvvv")
        assert run.failed == ["mac1"] and "unknown-url" not in run.output, run.output
        told = run.one(task="Send")
        assert told["message"] == told["answer"]["FailUR"]["message"] == shown and f"'{shown}'" in told["msg"]
