# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds that are on Macs in part only, by the playbooks: they are removed, and come back."""

from __future__ import annotations

import itertools
import shutil
import time

from double_farm import content, halve, story, unpack
from macos_double.farm import SERVICE, VERSION

DISTRIBUTE = "renderops.vray_swarm.distribute"
UPLOAD = "renderops.vray_swarm.upload"
REPAIR = "renderops.vray_swarm.repair"
OTHER = "7.0.6-df715d3c8ff9"
HEALED = ["before_stop", "settings changed", "after_start", "upload changed"]


def wanting(farm, build):
    waiting = {"vray_swarm_deploy_wait": 2, "__builds_settle_time": 0}
    return {"vray_swarm_builds": [{"src": str(build)}], **waiting, **farm.hooks()}


def directory(peer, version=VERSION):
    return peer.data_dir / "VRay" / f"vray-{version}"


def test_half_a_build_is_removed_and_sent_again_when_nothing_renders_any_more(farm, peer):
    build = farm.build()
    whole = content(unpack(build, farm.directory / "whole"))
    half, mark = halve(build, peer.data_dir)
    left = content(half)
    variables = wanting(farm, build)
    peer.mac.processes.append((4711, f"{directory(peer, '6.0.0-aaaaaaaa')}/bin/vray"))

    planned = farm.run(UPLOAD, "--check", **dict(variables, vray_swarm_busy_wait=120))
    assert planned.succeeded and list(planned.changed) == ["mac1"], planned.output
    would = planned.one("mac1", "Tell what would be uploaded then")["msg"]
    assert would.split() == f"{half} would be removed, and then sent again: {build.name}.".split()
    busy = farm.run(UPLOAD, **variables)
    assert busy.failed == ["mac1"] and story(busy, "mac1") == ["before_stop", "after_start"], busy.output
    assert (
        f"{half} may be half a build"
        in busy.one("mac1", "Fail where it could not be removed, since the peer renders")["msg"]
    )
    assert content(half) == left and mark.is_dir() and peer.stops == 0

    # It ends when the task has looked twice, and is about to wait.
    def ends(call):
        if call == f"bootout system/vray-swarm-rescue.{SERVICE}" and len(peer.mac.processes) > 1:
            peer.mac.processes.pop()

    peer.mac.before = ends
    run = farm.run(UPLOAD, **dict(variables, vray_swarm_busy_wait=120))
    assert run.succeeded and story(run, "mac1") == HEALED, run.output
    assert content(half) == whole and not mark.exists() and peer.loaded == [SERVICE]
    peer.mac.calls.clear()
    again = farm.run(UPLOAD, **variables)
    assert again.succeeded and again.changed == {} and peer.mac.calls == [], again.output


def test_what_is_less_full_than_on_most_peers_is_deployed_again(farm):
    build, other = farm.build(), farm.build("other.tar", version=OTHER)
    whole = content(unpack(build, farm.directory / "whole"))
    *_right, damaged = (farm.add(name) for name in ("mac1", "mac2", "mac3"))
    for path, peer in itertools.product((build, other), farm.peers.values()):
        unpack(path, peer.data_dir)
    for version in (VERSION, OTHER):
        (directory(damaged, version) / "vray.json").unlink()
    variables = wanting(farm, build)

    # The scheduler may go on where nothing could be removed, and the run fails for it.
    def mounts(call):
        if call == f"bootout system/{SERVICE}" and len(damaged.mac.mounts) == 1:
            damaged.mac.mounts.append(f"nas:/plugins on {directory(damaged)}/bin (nfs, nodev)")

    damaged.mac.before = mounts
    run = farm.run(REPAIR, **variables)
    assert run.status != 0 and run.failed == ["mac3"], run.output
    assert story(run, "mac3") == ["before_stop", "settings failed", "after_start"] and damaged.stops > 0
    told = run.one("mac3", "Fail with what went wrong")["msg"]
    assert f"The build {VERSION} has 1 files" in told and "bin is a mount point" in told
    assert damaged.swarm and damaged.loaded == [SERVICE]

    damaged.mac.before = lambda call: None
    damaged.mac.mounts.pop()
    run = farm.run(REPAIR, **variables)
    assert list(run.changed) == ["mac3"] and story(run, "mac3") == HEALED, run.output
    assert content(directory(damaged)) == whole and damaged.loaded == [SERVICE]
    # Nobody wants the other one, so that nobody would bring it back. That still fails.
    *less, left = run.one("mac3", "Tell what may be deployed in part")["msg"]
    assert len(less) == 2 and left.startswith("What is not wanted is left")
    assert not (directory(damaged, OTHER) / "vray.json").exists()
    assert run.failed == ["mac3"]
    told = run.one("mac3", "Fail with what is wrong")["msg"]
    assert f"The build {OTHER} has 1 files" in told and VERSION not in told
    assert [farm.peers[name].stops for name in ("mac1", "mac2")] == [0, 0]


def lose(peer, *versions):
    """Leave of builds what a Swarm leaves that was killed while it unpacked them, and has been started since."""
    for version in versions or (VERSION,):
        (directory(peer, version) / "bin" / "vray").unlink()
    for job in peer.mac.jobs.values():
        job.started = time.time()


def test_distribute_has_deployed_anew_what_lies_in_the_import_directory(farm):
    """It uploads nothing: what is wanted and lies elsewhere would not come back."""
    build, other = farm.build(), farm.build("other.tar", version=OTHER)
    whole = content(unpack(build, farm.directory / "whole"))
    *_right, damaged = (farm.add(name) for name in ("mac1", "mac2", "mac3"))
    for peer in farm.peers.values():
        unpack(build, peer.data_dir)
        unpack(other, peer.data_dir)
        shutil.copy(build, peer.data_dir / "VRay" / "import")
    variables = dict(wanting(farm, build), vray_swarm_waves=["100%"], vray_swarm_deploy_wait=20)
    variables["vray_swarm_builds"].append({"src": str(other), "version": OTHER})
    assert farm.run(DISTRIBUTE, **variables).succeeded
    stops = {name: peer.stops for name, peer in farm.peers.items()}

    lose(damaged)
    run = farm.run(DISTRIBUTE, **variables)
    assert run.succeeded and list(run.changed) == ["mac3"] and story(run, "mac3") == HEALED[:3], run.output
    assert content(directory(damaged)) == whole and damaged.loaded == [SERVICE]

    lose(damaged, VERSION, OTHER)
    run = farm.run(DISTRIBUTE, **variables)
    assert run.failed == ["mac3"] and story(run, "mac3") == HEALED[:3], run.output
    assert content(directory(damaged)) == whole and len(content(directory(damaged, OTHER))) == 1
    assert run.one("mac3", "Tell what may be deployed in part")["msg"][-1].startswith(
        "What does not lie in the import directory"
    )
    told = run.one("mac3", "Fail with what is wrong")["msg"]
    assert f"The build {OTHER} has 1 files" in told and VERSION not in told
    assert [farm.peers[name].stops for name in ("mac1", "mac2")] == [stops[name] for name in ("mac1", "mac2")]
