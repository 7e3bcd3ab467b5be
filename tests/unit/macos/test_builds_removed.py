# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""settings removes builds. Its action is the same on all platforms, and what it does is seen best on a Mac."""

from __future__ import annotations

import shutil

import pytest

from macos_double.farm import SERVICE, VERSION

SETTINGS = "renderops.vray_swarm.settings"
RESCUE = f"vray-swarm-rescue.{SERVICE}"
OTHER = "7.0.0-0a1b2c3d"


@pytest.fixture
def options(peer):
    """Of a task that removes the one of two builds."""
    for version in (VERSION, OTHER):
        directory(peer, version).joinpath("bin").mkdir(parents=True)
    usual = {"path": str(peer.config), "service": SERVICE, "data_dir": str(peer.data_dir), "start_timeout": 60}
    return dict(usual, absent_builds=[VERSION])


def directory(peer, version=VERSION):
    return peer.data_dir / "VRay" / f"vray-{version}"


def deployed(peer):
    return sorted(path.name for path in (peer.data_dir / "VRay").glob("vray-*"))


def is_there_when(peer):
    """Note at each stop and start of Swarm whether the build is there."""
    seen = []

    def note(call):
        if call.endswith((f"/{SERVICE}", f"/{SERVICE}.plist")):
            seen.append((call.split()[0], directory(peer).exists()))

    peer.mac.before = note
    return seen


@pytest.mark.parametrize("settings", [{}, {"allowExecutables": True}])
def test_a_build_is_removed_while_swarm_is_stopped(farm, peer, options, settings):
    options["settings"], before = settings, peer.config.read_text()
    planned = farm.task(SETTINGS, options, "--check", "--diff")
    assert (planned.status, planned["restarted"]) == ("changed", True)
    assert planned["removed_builds"] == [str(directory(peer))]
    assert len(deployed(peer)) == 2 and (peer.mac.calls, peer.config.read_text()) == ([], before)

    seen = is_there_when(peer)
    done = farm.task(SETTINGS, options)
    told = ("restarted", "removed_builds", "before", "after", "busy")
    assert [done[name] for name in told] == [planned[name] for name in told] and done.status == "changed"
    assert seen[0] == ("bootout", True)
    assert ("bootstrap", False) in seen and ("bootstrap", True) not in seen
    assert deployed(peer) == [f"vray-{OTHER}"] and (peer.data_dir / "VRay" / "import").is_dir()
    assert peer.swarm.store.allow_executables is bool(settings)
    assert peer.loaded == [SERVICE] and not list(peer.config.parent.glob(".swarm*"))

    peer.mac.calls.clear()
    again = farm.task(SETTINGS, options)
    assert (again.status, again["restarted"], again["removed_builds"]) == ("ok", False, [])
    assert peer.mac.calls == []


def test_a_swarm_that_is_down_is_started_without_the_build(farm, peer, options):
    peer.mac.jobs.pop(SERVICE).stop()
    planned = farm.task(SETTINGS, options, "--check")
    assert (planned.status, planned["removed_builds"]) == ("changed", [str(directory(peer))])
    seen = is_there_when(peer)
    done = farm.task(SETTINGS, options)
    assert (done.status, done["removed_builds"]) == ("changed", [str(directory(peer))])
    assert ("bootstrap", False) in seen and ("bootstrap", True) not in seen
    assert deployed(peer) == [f"vray-{OTHER}"] and peer.swarm and peer.loaded == [SERVICE]


def test_a_build_that_somebody_else_removes_meanwhile_is_not_told(farm, peer, options):
    peer.mac.before = lambda call: directory(peer).exists() and shutil.rmtree(directory(peer))
    done = farm.task(SETTINGS, options)
    assert (done.status, done["restarted"], done["removed_builds"]) == ("changed", True, [])
    assert deployed(peer) == [f"vray-{OTHER}"]


@pytest.mark.parametrize("version", ["6.20", "../../import", "", f"vray-{VERSION}", f"{VERSION}/..", "*"])
def test_what_is_no_version_removes_nothing(farm, peer, options, version):
    failed = farm.task(SETTINGS, dict(options, absent_builds=[VERSION, version], settings={"allowExecutables": True}))
    assert f"mac1: absent_builds: {version!r} is not a version string: " in failed["msg"]
    assert (failed["changed"], failed["removed_builds"]) == (False, [])
    assert len(deployed(peer)) == 2 and peer.mac.calls == []


def test_while_something_renders_nothing_is_removed_until_it_has_ended(farm, peer, options):
    peer.mac.processes.append((4711, f"{directory(peer, OTHER)}/bin/vray"))
    left = farm.task(SETTINGS, options)
    assert (left.status, left["removed_builds"], [item["pid"] for item in left["busy"]]) == ("ok", [], [4711])
    assert len(deployed(peer)) == 2 and peer.mac.calls == []

    stopped_while = []

    # It ends when the task has looked twice, and is about to wait.
    def ends(call):
        if call == f"bootout system/{SERVICE}":
            stopped_while.append(len(peer.mac.processes))
        if call == f"bootout system/{RESCUE}" and len(peer.mac.processes) > 1:
            peer.mac.processes.pop()

    peer.mac.before = ends
    done = farm.task(SETTINGS, dict(options, busy_wait=120))
    assert (done.status, done["removed_builds"], done["busy"]) == ("changed", [str(directory(peer))], [])
    assert deployed(peer) == [f"vray-{OTHER}"] and peer.loaded == [SERVICE]
    assert set(stopped_while) == {1}


@pytest.mark.parametrize("settings", [{}, {"allowExecutables": True}])
def test_a_build_that_cannot_be_removed_is_told_and_swarm_runs(farm, peer, options, settings):
    options["settings"], before = settings, peer.config.read_text()

    def mounts(call):
        if call == f"bootout system/{SERVICE}" and len(peer.mac.mounts) == 1:
            peer.mac.mounts.append(f"nas:/plugins on {directory(peer)}/bin (nfs, nodev)")

    peer.mac.before = mounts
    failed = farm.task(SETTINGS, options)
    assert failed["msg"].startswith(f"mac1: A build was not removed: {directory(peer)}/bin is a mount point")
    back = "The old file is back" if settings else "The file was not changed"
    assert failed["msg"].endswith(f"Unmount it first. {back}, and Swarm runs with it.")
    assert (failed["changed"], failed["removed_builds"], failed["rolled_back"]) == (False, [], bool(settings))
    assert failed["after"] == failed["before"] and peer.config.read_text() == before
    assert len(deployed(peer)) == 2 and peer.swarm.store.allow_executables is False and peer.loaded == [SERVICE]

    # Now it is found before.
    stops = peer.stops
    failed = farm.task(SETTINGS, options)
    assert "bin is a mount point" in failed["msg"] and peer.stops == stops


def test_what_was_removed_is_told_also_by_a_task_that_fails(farm, peer, options):
    """Swarm ends as soon as it was started, and there is no file to put back."""

    def ends(call):
        if call == f"kickstart system/{SERVICE}":
            job = peer.mac.jobs[SERVICE]
            job.stop()
            job.start = lambda: None

    peer.mac.before = ends
    options.update(api_from="peer")
    failed = farm.task(SETTINGS, options)
    assert "Swarm does not run as its file says. It was restarted, but: " in failed["msg"]
    assert (failed["changed"], failed["removed_builds"]) == (True, [str(directory(peer))])
    assert deployed(peer) == [f"vray-{OTHER}"]
    # It is down, and the host tries again.
    assert peer.loaded == [SERVICE, RESCUE]
