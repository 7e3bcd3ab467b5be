# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds that are on Windows peers in part only, by the playbooks: they are removed, and come back."""

from __future__ import annotations

import json
import os
import shutil

from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import unpacked_size
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import in_place_of_version, mark_name
from double_farm import content, halve, story, unpack
from windows_double.farm import DATA_DIR, SHARE, VERSION

DISTRIBUTE = "renderops.vray_swarm.distribute"
VERIFY = "renderops.vray_swarm.verify"
UPLOAD = "renderops.vray_swarm.upload"
REPAIR = "renderops.vray_swarm.repair"
OTHER = "7.0.6-df715d3c8ff9"
DAMAGED = rf"{DATA_DIR}\VRay\vray-{VERSION}"
RENDER = (4711, rf"{DATA_DIR}\VRay\vray-6.0.0-aaaaaaaa\bin\vray.exe")
HEALED = ["before_stop", "settings changed", "after_start", "upload changed"]


def wanting(farm, build):
    variables = {"vray_swarm_deploy_wait": 2, "__builds_settle_time": 0, **farm.hooks()}
    return dict(variables, vray_swarm_builds=[{"src": str(build), "platform": "Windows_x86"}])


def test_half_a_build_is_removed_and_sent_again(farm, peers):
    healed, renders = peers("ws1", "ws2")
    peers("ws3", vray_swarm_service="")
    build = farm.build()
    whole = content(unpack(build, farm.directory / "whole"))
    halves = {name: halve(build, peer.data_dir) for name, peer in farm.peers.items()}
    renders.host.processes.append(RENDER)
    variables = dict(wanting(farm, build), vray_swarm_waves=["100%"], vray_swarm_max_fail_percent=100)

    def as_before(*names):
        for half, mark in (halves[name] for name in names):
            assert mark.is_dir() and content(half) != whole
        return all(farm.peers[name].swarm.stops == 0 for name in names)

    def told(run):
        assert run.failed == ["ws2", "ws3"], run.output
        busy = run.one("ws2", "Fail where it could not be removed, since the peer renders")["msg"]
        assert f"{DAMAGED} may be half a build" in busy and "vray.exe" in busy and "vray_swarm_busy_wait" in busy
        refused = " ".join(run.one("ws3", "Refuse what a setting of the peer stands in the way of")["msg"].split())
        assert f"{DAMAGED} may be half a build" in refused
        assert refused.endswith("Where vray_swarm_service and vray_swarm_config are set, this role does all of that.")
        assert story(run, "ws3") == []

    planned = farm.run(UPLOAD, "--check", **variables)
    told(planned)
    would = planned.one("ws1", "Tell what would be uploaded then")["msg"]
    assert would.split() == f"{DAMAGED} would be removed, and then sent again: {build.name}.".split()
    assert as_before("ws1", "ws2", "ws3")

    run = farm.run(UPLOAD, **variables)
    told(run)
    assert story(run, "ws1") == HEALED and healed.swarm.stops == 1
    assert story(run, "ws2") == ["before_stop", "after_start"] and as_before("ws2", "ws3")
    half, mark = halves["ws1"]
    assert content(half) == whole and not mark.exists() and healed.host.tasks == {}

    again = farm.run(UPLOAD, **dict(variables, vray_swarm_hosts="ws1"))
    assert again.succeeded and again.changed == {} and story(again, "ws1") == [], again.output


def test_half_a_build_of_which_only_the_answer_tells_the_version_is_removed_and_sent_again(farm, peers):
    (healed,) = peers("ws1")
    build = farm.build("vray-win-df715d3c8ff9.tar")
    whole = content(unpack(build, farm.directory / "whole"))
    half, mark = halve(build, healed.data_dir)
    mark.rename(mark.with_name(mark_name(in_place_of_version(build.name))))
    run = farm.run(UPLOAD, **wanting(farm, build))
    assert run.succeeded and story(run, "ws1") == HEALED and content(half) == whole, run.output
    assert not list(healed.data_dir.glob(".vray_swarm-*"))


def test_what_was_stored_in_part_is_removed_and_sent_again(farm, peers, monkeypatch):
    """Swarm itself says so, in its answer: the same run heals, or the next one when it is known how."""
    healed, again, unmanaged = peers("ws1", "ws2", "ws3")
    build = farm.build()
    whole = content(unpack(build, farm.directory / "whole"))
    halves = {peer: peer.data_dir / "VRay" / f"vray-{VERSION}" for peer in (healed, again, unmanaged)}
    variables = dict(wanting(farm, build), vray_swarm_waves=["100%"], vray_swarm_max_fail_percent=100)
    farm.variables["ws3"]["vray_swarm_service"] = ""
    start = again.swarm.run

    def start_as_before():
        start()
        again.swarm.peer.faults.set(["short=1000,times=1"])

    monkeypatch.setattr(again.swarm, "run", start_as_before)
    for peer in (healed, again, unmanaged):
        peer.swarm.peer.faults.set(["short=1000,times=1"])

    run = farm.run(UPLOAD, **variables)
    assert run.failed == ["ws2", "ws3"], run.output
    assert story(run, "ws1") == ["upload changed", HEALED[0], "win_file changed", *HEALED[1:]]
    assert content(halves[healed]) == whole and healed.swarm.stops == 1
    for name, hint in (("ws2", "this role removes it once in a run"), ("ws3", "vray_swarm_config are set, this role")):
        refused = " ".join(run.one(name, "Refuse what a setting of the peer stands in the way of")["msg"].split())
        assert f"stored {build.stat().st_size - 1000} bytes of {build.name}" in refused and hint in refused
    assert (again.swarm.stops, unmanaged.swarm.stops) == (1, 0)
    assert all(content(halves[peer]) != whole for peer in (again, unmanaged))

    monkeypatch.undo()
    farm.variables["ws3"]["vray_swarm_service"] = farm.variables["ws1"]["vray_swarm_service"]
    run = farm.run(UPLOAD, **variables)
    assert run.succeeded and list(run.changed) == ["ws2", "ws3"], run.output
    for peer, half in halves.items():
        assert content(half) == whole and not list(peer.data_dir.glob(".vray_swarm-*"))
        assert (peer.data_dir / "VRay" / "import" / build.name).read_bytes() == build.read_bytes()
    assert farm.run(UPLOAD, **variables).changed == {}


def test_what_is_less_full_than_on_most_peers_is_deployed_again(farm, peers):
    build, other = farm.build(), farm.build("other.tar", version=OTHER)
    whole = content(unpack(build, farm.directory / "whole"))
    right, left, damaged, locked = peers("ws1", "ws3", "ws4", "ws5")
    for peer in (right, *peers("ws2"), left, damaged, locked):
        unpack(build, peer.data_dir)
        if peer not in (damaged, locked):
            unpack(other, peer.data_dir)
    missing = [peer.data_dir / "VRay" / f"vray-{VERSION}" / "vray.json" for peer in (damaged, locked)]
    missing.append(left.data_dir / "VRay" / f"vray-{OTHER}" / "vray.json")
    for path in missing:
        path.unlink()
    locked.host.locked.add(rf"{DAMAGED}\bin\vray.exe".lower())
    variables = wanting(farm, build)

    planned = farm.run(REPAIR, "--check", **variables)
    assert planned.one("ws4", action="renderops.vray_swarm.settings")["removed_builds"] == [DAMAGED]
    assert all(peer.swarm.stops == 0 for peer in farm.peers.values()) and not any(path.exists() for path in missing)

    run = farm.run(REPAIR, **variables)
    assert run.status != 0 and run.failed == ["ws3", "ws5"], run.output
    for name in ("ws1", "ws2", "ws3"):
        assert story(run, name) == [] and farm.peers[name].swarm.stops == 0
    # Nobody wants that one, so that nobody would bring it back.
    assert f"The build {OTHER} has 1 files" in run.one("ws3", "Tell what may be deployed in part")["msg"][0]
    assert run.one("ws3", "Tell what may be deployed in part")["msg"][1].startswith("What is not wanted is left")
    assert not missing[2].exists()

    assert story(run, "ws4") == HEALED and damaged.swarm.stops == 1
    assert content(missing[0].parent) == whole
    assert run.one("ws4", "Tell what may be deployed in part")["msg"][1:] == []

    # The scheduler may go on where nothing could be removed, and the run fails for it.
    assert story(run, "ws5") == ["before_stop", "settings failed", "after_start"]
    failed = run.one("ws5", "Fail with what went wrong")["msg"]
    assert f"The build {VERSION} has 1 files" in failed and "because it is being used by another process" in failed
    assert locked.swarm.state == "started"

    again = farm.run(REPAIR, **dict(variables, vray_swarm_hosts="ws1,ws2,ws4"))
    assert again.succeeded and again.changed == {}, again.output


def test_what_is_said_to_be_deployed_anew_is_sent_again(farm, peers):
    """Nothing tells that it is a half, on a farm of one; and the file that Swarm would take first is damaged, too."""
    build = farm.build()
    whole = content(unpack(build, farm.directory / "whole"))
    damaged, renders = peers("ws1", "ws2")
    kept = {}
    for peer in (damaged, renders):
        unpack(build, peer.data_dir)
        (peer.data_dir / "VRay" / f"vray-{VERSION}" / "vray.json").unlink()
        kept[peer] = peer.data_dir / "VRay" / "import" / build.name
        kept[peer].parent.mkdir(exist_ok=True)
        kept[peer].write_bytes(b"damaged")
    half = damaged.data_dir / "VRay" / f"vray-{VERSION}"
    renders.host.processes.append(RENDER)
    variables = dict(wanting(farm, build), vray_swarm_hosts="ws1")

    def left(*arguments, **more):
        """A run that leaves all as it is."""
        run = farm.run(REPAIR, *arguments, **{**variables, **more})
        assert [peer.swarm.stops for peer in farm.peers.values()] == [0, 0] and content(half) != whole
        assert all(path.read_bytes() == b"damaged" for path in kept.values())
        return run

    assert left().succeeded and left().changed == {}
    unknown = left(vray_swarm_redeploy=f"{VERSION},{OTHER}")
    assert (
        f"No peer that could be looked at has {OTHER}" in unknown.one("ws1", "Refuse a version that no peer has")["msg"]
    )
    assert "6.20.10" in left(vray_swarm_redeploy="6.20.10").output
    planned = left("--check", vray_swarm_redeploy=VERSION)
    assert planned.one("ws1", action="renderops.vray_swarm.settings")["removed_builds"] == [DAMAGED], planned.output
    busy = left(vray_swarm_redeploy=[VERSION], vray_swarm_hosts="ws2")
    assert busy.failed == ["ws2"] and "vray.exe" in busy.output, busy.output

    run = farm.run(REPAIR, **dict(variables, vray_swarm_redeploy="6.20.010-e8197af2"))
    assert run.succeeded and damaged.swarm.stops == 1, run.output
    assert story(run, "ws1") == [HEALED[0], "win_file changed", *HEALED[1:]]
    told = run.one("ws1", "Tell what may be deployed in part")["msg"]
    assert told == [f"The build {VERSION} in {DAMAGED} is to be deployed anew, as vray_swarm_redeploy says."]
    assert content(half) == whole and kept[damaged].read_bytes() == build.read_bytes()
    assert farm.run(REPAIR, **variables).changed == {}


def entry_of(build, version):
    """What publish lists of a build."""
    place = {"file": build.name, "platform": "Windows_x86", "channel": "stable"}
    return {**place, "version": version, "unpacked_size": unpacked_size(build)}


def shared(farm, build):
    """A share with a build, as publish leaves it, and the variables of a run of distribute."""
    folder = farm.share / "stable" / "Windows_x86"
    folder.mkdir(parents=True)
    shutil.copy(build, folder)
    (farm.share / "builds.json").write_text(json.dumps([entry_of(build, VERSION)]))
    return {
        "vray_swarm_share_src": "//nas/vray builds",
        "vray_swarm_share_path": "/mnt/vray",
        "vray_swarm_deploy_wait": 20,
        "vray_swarm_waves": ["100%"],
        "__builds_settle_time": 0,
        **farm.hooks(),
    }


def deploy(farm, build):
    """Leave all peers as a run of distribute does that has brought them the build."""
    for peer in farm.peers.values():
        peer.swarm.stop()
        unpack(build, peer.data_dir)
        peer.write(f"{peer.text()}vrayImportDir: '{SHARE}\\stable\\Windows_x86'\r\n")
        peer.swarm.start()


def lose(peer):
    """Leave of a build what a Swarm leaves that was killed while it unpacked it, and has been started since."""
    half = peer.data_dir / "VRay" / f"vray-{VERSION}"
    (half / "bin" / "vray.exe").unlink()
    peer.swarm.started += 3600
    return half


def test_distribute_has_deployed_anew_what_is_less_full(farm, peers):
    build = farm.build()
    whole = content(unpack(build, farm.directory / "whole"))
    *_right, damaged, renders = peers("ws1", "ws2", "ws3", "ws4", "ws5")
    variables = shared(farm, build)
    deploy(farm, build)
    halves = {peer: lose(peer) for peer in (damaged, renders)}
    renders.host.processes.append(RENDER)
    stops = {name: peer.swarm.stops for name, peer in farm.peers.items()}

    def left(*arguments, playbook=DISTRIBUTE, **more):
        """A run that leaves all as it is."""
        run = farm.run(playbook, *arguments, **dict(variables, vray_swarm_deploy_wait=0, **more))
        assert all(content(half) != whole for half in halves.values())
        assert {name: peer.swarm.stops for name, peer in farm.peers.items()} == stops
        return run

    planned = left("--check")
    assert planned.succeeded and list(planned.changed) == ["ws4"], planned.output
    assert planned.one("ws4", action="renderops.vray_swarm.settings")["removed_builds"] == [DAMAGED]
    for run in (left(vray_swarm_audit=True), left("--check", vray_swarm_repair=False)):
        assert run.succeeded and not run.changed, run.output
    # Who verifies changes nothing, and says what helps.
    for run in (left(vray_swarm_repair=False), left(playbook=VERIFY)):
        assert run.failed == ["ws4", "ws5"] and not run.changed, run.output
        assert "The playbook renderops.vray_swarm.repair has it" in run.one("ws4", "Fail with what is wrong")["msg"]

    run = farm.run(DISTRIBUTE, **variables)
    assert run.failed == ["ws5"] and list(run.changed) == ["ws4"], run.output
    assert story(run, "ws4") == HEALED[:3] and content(halves[damaged]) == whole and damaged.host.tasks == {}
    assert f"The build {VERSION} has 1 files" in run.one("ws5", "Fail with what is wrong")["msg"]
    assert {name: peer.swarm.stops for name, peer in farm.peers.items()} == {**stops, "ws4": stops["ws4"] + 1}
    assert content(halves[renders]) != whole

    renders.host.processes.pop()
    assert list(farm.run(DISTRIBUTE, **variables).changed) == ["ws5"] and content(halves[renders]) == whole
    again = farm.run(DISTRIBUTE, **variables)
    assert again.succeeded and again.changed == {}, again.output


def test_what_is_deployed_anew_and_less_full_again_is_not_advised_to_be_so_once_more(farm, peers):
    build = farm.build()
    *_right, damaged = peers("ws1", "ws2", "ws3")
    variables = shared(farm, build)
    deploy(farm, build)
    half = lose(damaged)
    # As if what lies in the share had been replaced since.
    shutil.copy(farm.build("less.tar", size=1 << 19), farm.share / "stable" / "Windows_x86" / build.name)
    run = farm.run(DISTRIBUTE, **variables)
    assert run.failed == ["ws3"] and story(run, "ws3") == HEALED[:3], run.output
    told = run.one("ws3", "Fail with what is wrong")["msg"]
    assert f"The build {VERSION} has 2 files" in told and "This run has removed it" in told and "repair" not in told
    assert damaged.swarm.stops == 2 and damaged.swarm.state == "started"
    # The Swarm that runs has made it: it would only do so again.
    run = farm.run(DISTRIBUTE, **variables)
    assert run.failed == ["ws3"] and story(run, "ws3") == [] and damaged.swarm.stops == 2, run.output
    assert "renderops.vray_swarm.repair has it" in run.one("ws3", "Fail with what is wrong")["msg"]
    # The build is not wanted any more: nobody would bring it back.
    (farm.share / "builds.json").write_text("[]")
    for path in (farm.share / "stable" / "Windows_x86").iterdir():
        path.unlink()
    run = farm.run(DISTRIBUTE, **variables)
    assert run.failed == ["ws3"] and story(run, "ws3") == [] and damaged.swarm.stops == 2, run.output
    assert half.is_dir()


def test_what_is_said_to_be_deployed_anew_comes_back_from_the_share(farm, peers):
    build = farm.build()
    (damaged,) = peers("ws1")
    variables = shared(farm, build)
    assert farm.run(DISTRIBUTE, **variables).succeeded
    half = damaged.data_dir / "VRay" / f"vray-{VERSION}"
    whole = content(half)
    (half / "vray.json").unlink()
    assert farm.run(DISTRIBUTE, **variables).changed == {} and content(half) != whole
    run = farm.run(REPAIR, **dict(variables, vray_swarm_redeploy=VERSION))
    assert run.succeeded and story(run, "ws1") == HEALED[:3], run.output
    assert content(half) == whole and (farm.share / "stable" / "Windows_x86" / build.name).exists()


def test_what_a_render_leaves_in_the_builds_of_others_stops_no_peer(farm, peers):
    build = farm.build()
    *others, clean = peers("ws1", "ws2", "ws3")
    variables = shared(farm, build)
    deploy(farm, build)
    stops = clean.swarm.stops
    for peer in others:
        (peer.data_dir / "VRay" / f"vray-{VERSION}" / "shader.cache").write_bytes(b"x" * 5000)
    clean.swarm.started += 3600
    run = farm.run(DISTRIBUTE, **variables)
    assert run.failed == ["ws3"] and not run.changed and clean.swarm.stops == stops, run.output
    told = run.one("ws3", "Fail with what is wrong")["msg"]
    assert f"The build {VERSION} has 2 files" in told
    assert told.endswith("The playbook renderops.vray_swarm.repair has it deployed anew.")


def test_a_peer_of_the_first_wave_is_healed_when_the_others_are_known(farm, peers):
    build = farm.build()
    whole = content(unpack(build, farm.directory / "whole"))
    damaged, *_right = peers("ws1", "ws2", "ws3")
    variables = dict(shared(farm, build), vray_swarm_waves=[1, "100%"], vray_swarm_hosts="ws*")
    deploy(farm, build)
    half = lose(damaged)
    farm.peers["ws2"].host.forget()

    planned = farm.run(DISTRIBUTE, "--check", **variables)
    assert planned.succeeded and list(planned.changed) == ["ws1"] and damaged.swarm.stops == 1, planned.output
    run = farm.run(DISTRIBUTE, **dict(variables, vray_swarm_repair=False))
    assert run.failed == ["ws1"] and not run.changed and damaged.swarm.stops == 1, run.output
    farm.peers["ws2"].host.forget()
    run = farm.run(DISTRIBUTE, **variables)
    assert run.succeeded and list(run.changed) == ["ws1"] and story(run, "ws1") == HEALED[:3], run.output
    assert content(half) == whole
    # Who is right is looked at once.
    assert farm.peers["ws2"].host.forget() == ["look", "look"]
    again = farm.run(DISTRIBUTE, **variables)
    assert again.succeeded and again.changed == {} and "no hosts matched" in again.output, again.output


def publish(farm, build, version):
    """Put one more build into the share. The Swarm of a peer takes it by itself, unless it has the build."""
    shutil.copy(build, farm.share / "stable" / "Windows_x86")
    listed = json.loads((farm.share / "builds.json").read_text())
    listed.append(entry_of(build, version))
    (farm.share / "builds.json").write_text(json.dumps(listed))


def test_what_swarm_was_killed_with_while_no_run_was_there_is_deployed_anew_on_a_lone_peer(farm, peers):
    (lone,) = peers("ws1")
    build, newer = farm.build(), farm.build("newer.tar", version=OTHER)
    variables = shared(farm, build)
    assert farm.run(DISTRIBUTE, **variables).succeeded and lone.marks == [f"{VERSION}.whole", "peer.whole"]
    whole = content(unpack(newer, farm.directory / "whole"))
    half = unpack(newer, lone.data_dir)
    (half / "bin" / "vray.exe").unlink()
    publish(farm, newer, OTHER)
    lone.swarm.started += 3600
    stops = lone.swarm.stops

    told = farm.run(VERIFY, **variables)
    assert told.failed == ["ws1"] and not told.changed and lone.marks == [f"{VERSION}.whole", "peer.whole"], told.output
    wrong = told.one("ws1", "Fail with what is wrong")["msg"]
    assert f"The build {OTHER} in {DATA_DIR}\\VRay\\vray-{OTHER} may be a half: Swarm has ended since" in wrong
    assert VERSION not in wrong
    planned = farm.run(DISTRIBUTE, "--check", **variables)
    assert planned.succeeded and list(planned.changed) == ["ws1"] and content(half) != whole, planned.output
    assert lone.swarm.stops == stops and lone.marks == [f"{VERSION}.whole", "peer.whole"]

    run = farm.run(DISTRIBUTE, **variables)
    assert run.succeeded and story(run, "ws1") == HEALED[:3] and content(half) == whole, run.output
    assert lone.marks == [f"{VERSION}.whole", f"{OTHER}.whole", "peer.whole"]
    # It is known now, however often Swarm is started anew; and what somebody removes is no longer.
    lone.swarm.started += 3600
    lone.host.forget()
    again = farm.run(DISTRIBUTE, **variables)
    assert again.succeeded and again.changed == {} and lone.swarm.stops == stops + 1, again.output
    assert lone.host.forget() == ["look", "look"]
    (farm.share / "builds.json").write_text("[]")
    shutil.rmtree(half)
    assert farm.run(DISTRIBUTE, **variables).succeeded and lone.marks == [f"{VERSION}.whole", "peer.whole"]


def test_half_a_build_from_before_the_first_run_is_deployed_anew_on_a_lone_peer(farm, peers):
    """Its archive tells, and nobody else does: no run has ever looked at the peer."""
    (lone,) = peers("ws1")
    build = farm.build()
    whole = content(unpack(build, farm.directory / "whole"))
    variables = shared(farm, build)
    deploy(farm, build)
    half, stops = lose(lone), lone.swarm.stops
    there, packed = (sum(size for _name, size in files) for files in (content(half), whole))

    told = farm.run(VERIFY, **variables)
    assert told.failed == ["ws1"] and lone.marks == [], told.output
    wrong = told.one("ws1", "Fail with what is wrong")["msg"]
    assert "may be a half: Swarm has ended since" in wrong
    assert f"it has {there} bytes, and its archive unpacks to {packed}." in wrong
    # What renders is not stopped, and in check mode nothing is.
    lone.host.processes.append(RENDER)
    run = farm.run(DISTRIBUTE, **variables)
    assert run.succeeded and lone.swarm.stops == stops and lone.marks == [], run.output
    lone.host.processes.clear()
    assert farm.run(DISTRIBUTE, "--check", **variables).succeeded and content(half) != whole

    run = farm.run(DISTRIBUTE, **variables)
    assert run.succeeded and story(run, "ws1") == HEALED[:3] and content(half) == whole, run.output
    assert lone.marks == [f"{VERSION}.whole", "peer.whole"] and lone.swarm.stops == stops + 1
    # Whatever Swarm makes of an archive, that is done once.
    lose(lone)
    assert farm.run(DISTRIBUTE, **variables).changed == {} and lone.swarm.stops == stops + 1


def test_what_is_there_before_the_first_run_is_left_alone(farm, peers):
    """It has what its archive has, or nobody says that Swarm unpacks all of that, or another peer has the same."""
    whole, unknown, *same = peers("ws1", "ws2", "ws3", "ws4")
    build = farm.build()
    variables = shared(farm, build)
    deploy(farm, build)
    for peer in (unknown, *same):
        lose(peer)
    whole.swarm.started += 3600
    farm.variables["ws2"]["vray_swarm_unpacked_percent"] = 0
    stops = {name: peer.swarm.stops for name, peer in farm.peers.items()}
    for hosts in ("ws1", "ws2", "ws3,ws4"):
        run = farm.run(DISTRIBUTE, **dict(variables, vray_swarm_hosts=hosts))
        assert run.succeeded and run.changed == {}, run.output
    assert {name: peer.swarm.stops for name, peer in farm.peers.items()} == stops
    assert all(peer.marks == [f"{VERSION}.whole", "peer.whole"] for peer in farm.peers.values())


def test_what_is_deployed_anew_by_repair_is_seen_as_well(farm, peers):
    (lone,) = peers("ws1")
    variables = shared(farm, farm.build())
    assert farm.run(DISTRIBUTE, **variables).succeeded
    (lone.data_dir / ".vray_swarm-peer.whole").rmdir()
    variables = dict(variables, vray_swarm_redeploy=VERSION)
    for look_only in ((REPAIR, "--check"), (DISTRIBUTE, "--check"), (DISTRIBUTE, "-e", "vray_swarm_audit=true")):
        assert farm.run(*look_only, **variables).succeeded and lone.marks == [f"{VERSION}.whole"]
    run = farm.run(REPAIR, **variables)
    assert run.succeeded and story(run, "ws1") == HEALED[:3] and lone.marks == [f"{VERSION}.whole", "peer.whole"]


def test_what_renders_leave_in_the_builds_of_others_has_no_build_deployed_anew_twice(farm, peers):
    """Two builds that no run has seen whole, of which others have more by now: to remove one outlives the other."""
    build, newer = farm.build(), farm.build("newer.tar", version=OTHER)
    *others, clean = peers("ws1", "ws2", "ws3")
    variables = shared(farm, build)
    deploy(farm, build)
    for peer in farm.peers.values():
        unpack(newer, peer.data_dir)
    publish(farm, newer, OTHER)
    for peer in farm.peers.values():
        (peer.data_dir / ".vray_swarm-peer.whole").mkdir()
    for peer in others:
        for version in (VERSION, OTHER):
            (peer.data_dir / f".vray_swarm-{version}.whole").mkdir()
            (peer.data_dir / "VRay" / f"vray-{version}" / "shader.cache").write_bytes(b"x" * 100)
    clean.swarm.started += 3600
    stops = {name: peer.swarm.stops for name, peer in farm.peers.items()}
    for _run in range(2):
        run = farm.run(DISTRIBUTE, **variables)
        # Less than on most peers is told, as ever.
        assert run.failed == ["ws3"], run.output
    assert {name: peer.swarm.stops for name, peer in farm.peers.items()} == {**stops, "ws3": stops["ws3"] + 1}
    assert clean.marks == [f"{VERSION}.whole", f"{OTHER}.whole", "peer.whole"]


def test_what_is_seen_whole_is_marked_before_a_repair_of_another_build(farm, peers):
    """The repair starts Swarm anew, after which nobody could tell any more."""
    build, newer = farm.build(), farm.build("newer.tar", version=OTHER)
    (lone,) = peers("ws1")
    variables = shared(farm, build)
    deploy(farm, build)
    (lone.data_dir / ".vray_swarm-peer.whole").mkdir()
    half = lone.data_dir / "VRay" / f"vray-{VERSION}"
    (half / "bin" / "vray.exe").unlink()
    # An earlier Swarm has made that one, and the Swarm that runs has deployed the other one.
    os.utime(half, (0, 0))
    whole = unpack(newer, lone.data_dir)
    publish(farm, newer, OTHER)
    kept = (whole / "vray.json").stat().st_ino
    run = farm.run(DISTRIBUTE, **variables)
    assert run.succeeded and story(run, "ws1") == HEALED[:3], run.output
    assert lone.marks == [f"{VERSION}.whole", f"{OTHER}.whole", "peer.whole"]
    assert (whole / "vray.json").stat().st_ino == kept
    assert farm.run(DISTRIBUTE, **variables).changed == {}


def test_who_names_a_build_or_leaves_out_peers_has_no_other_one_deployed_anew(farm, peers):
    """Nobody is asked whether other peers have the same."""
    build, newer = farm.build(), farm.build("newer.tar", version=OTHER)
    (damaged,) = peers("ws1")
    variables = shared(farm, build)
    assert farm.run(DISTRIBUTE, **variables).succeeded
    whole = unpack(newer, damaged.data_dir)
    publish(farm, newer, OTHER)
    kept = (whole / "vray.json").stat().st_ino
    damaged.swarm.started += 3600
    run = farm.run(REPAIR, **dict(variables, vray_swarm_redeploy=VERSION))
    assert story(run, "ws1") == HEALED[:3] and (whole / "vray.json").stat().st_ino == kept, run.output
    (told,) = run.one("ws1", "Tell what may be deployed in part")["msg"]
    assert f"The build {VERSION}" in told
    damaged.swarm.started += 3600
    for playbook in (REPAIR, DISTRIBUTE):
        run = farm.run(playbook, "--limit", "ws1", **variables)
        assert run.succeeded and run.changed == {} and (whole / "vray.json").stat().st_ino == kept, run.output


def test_what_is_sent_to_a_peer_that_imports_from_a_share_was_seen(farm, peers):
    """It is no build that Swarm has taken by itself, however often Swarm is started anew."""
    build = farm.build()
    (lone,) = peers("ws1")
    variables = shared(farm, build)
    assert farm.run(DISTRIBUTE, **variables).succeeded
    versions = (VERSION, OTHER, "7.0.7-df715d3c8ff9")
    sent = [{"src": str(farm.build(f"{version}.tar", version=version)), "version": version} for version in versions[1:]]
    sent[1]["queued"] = True
    run = farm.run(UPLOAD, **dict(variables, vray_swarm_builds=sent, vray_swarm_allow_shared_import=True))
    assert run.succeeded, run.output
    assert lone.marks == [*(f"{version}.whole" for version in versions), "peer.whole"]
