# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds that Windows peers deploy while nobody asks them, by the playbook: what a killed Swarm leaves of them is told."""

from __future__ import annotations

import functools
import os
import shutil
import sys

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import in_place_of_version
from double_farm import content, story, unpack
from windows_double.farm import DATA_DIR, VERSION

UPLOAD = "renderops.vray_swarm.upload"
OTHER = "7.0.6-df715d3c8ff9"
# As the vendor's example of a name, which tells no version.
NAMELESS = "vray-win-df715d3c8ff9.tar"
MARKED = in_place_of_version(NAMELESS)
HEALED = ["before_stop", "settings changed", "after_start"]
FILE = "ansible.windows.win_file"
LOCAL = {"ansible_connection": "local", "ansible_host": "127.0.0.1", "ansible_python_interpreter": sys.executable}


@pytest.fixture
def peers(peers):
    """Their builds may take some seconds."""
    return functools.partial(peers, vray_swarm_deploy_wait=20)


def wanting(farm, *builds, **more):
    times = {"__builds_settle_time": 1, "__vray_swarm_still_time": 0, "vray_swarm_retries": 0}
    waves = {"vray_swarm_waves": ["100%"], "vray_swarm_max_fail_percent": 100}
    wanted = [{"src": str(build), "queued": True} for build in builds]
    return {"vray_swarm_builds": wanted, **times, **waves, **farm.hooks(), **more}


def directory(peer, version=VERSION):
    return peer.data_dir / "VRay" / f"vray-{version}"


def mark(peer, version=VERSION):
    return peer.data_dir / f".vray_swarm-{version}.awaited"


def made(peer):
    """What became of its marks, in its order."""
    calls = [call.options for call in peer.host.calls if call.module == FILE]
    return [options["state"] for options in calls if options["path"].endswith(".awaited")]


def uploads(peer):
    return len([event for event in peer.swarm.peer.events if event["event"] == "upload"])


def leave(peer, build, version=VERSION, is_half=True, is_kept=True):
    """What a run leaves that was killed while Swarm deployed a build: that, its file, and its mark."""
    found = unpack(build, peer.data_dir)
    if is_kept:
        shutil.copy(build, peer.data_dir / "VRay" / "import")
    if is_half:
        (found / "vray.json").unlink()
        # Since then, Swarm was started anew.
        age(found)
    mark(peer, version).mkdir()


def age(found):
    os.utime(found, (0, 0))


def killed(peer, then=lambda peer: None):
    """Let Swarm end halfway in what it is seen to deploy, once."""

    def before(call):
        # The look of an upload asks for nothing that tells whether it is whole.
        if call.asks_for_service and call.options["parameters"]["Sizes"] and directory(peer).is_dir():
            peer.host.before = lambda call: None
            peer.swarm.crash()
            (directory(peer) / "vray.json").unlink()
            age(directory(peer))
            then(peer)

    peer.host.before = before


def test_what_was_queued_is_followed_to_its_end_also_where_swarm_is_killed(farm, peers):
    build = farm.build()
    whole = content(unpack(build, farm.directory / "whole"))
    dead, anew, unmarked = peers("dead", "anew", "unmarked")
    killed(dead)
    killed(anew, lambda peer: peer.swarm.start())
    # What hinders the mark hinders nothing else.
    mark(unmarked).touch()

    run = farm.run(UPLOAD, **wanting(farm, build))
    assert run.succeeded, run.output
    assert story(run, "dead") == story(run, "anew") == ["upload changed", *HEALED]
    for peer in (dead, anew):
        assert content(directory(peer)) == whole and peer.marks == [] and peer.swarm.state == "started"
        # Before it is sent, and again when it was removed; and it goes in the end.
        assert made(peer) == ["directory", "absent", "directory", "absent"]
    assert story(run, "unmarked") == ["upload changed"] and content(directory(unmarked)) == whole
    told = run.one("unmarked", "Tell which were not")["msg"]
    assert told.startswith(f"Warning: in {DATA_DIR}, {VERSION} awaited directory could not be made so")
    assert "is not a directory" in told

    mark(unmarked).unlink()
    for peer in farm.peers.values():
        peer.host.forget()
    again = farm.run(UPLOAD, **wanting(farm, build))
    assert again.succeeded and again.changed == {}, again.output
    assert all(peer.host.forget().count("look") == 2 for peer in farm.peers.values())


def test_what_nobody_saw_deployed_is_seen_to_by_the_next_run(farm, peers):
    build, other = farm.build(), farm.build("other.tar", version=OTHER)
    whole = content(unpack(build, farm.directory / "whole"))
    dead, anew, lost, dies, sound = peers("dead", "anew", "lost", "dies", "sound")
    (growing,) = peers("growing", vray_swarm_deploy_wait=1)
    (unmanaged,) = peers("unmanaged", vray_swarm_config="")
    # Nobody may send to that one what its share does not have any more.
    (shares,) = peers("shares")
    for peer in farm.peers.values():
        leave(peer, build, is_half=peer is not sound, is_kept=peer not in (lost, dies))
        # The Swarm of now has deployed that one.
        leave(peer, other, OTHER, is_half=False)
    for path in (shares.data_dir / "VRay" / "import").iterdir():
        path.unlink()
    shares.config.write_text(shares.text() + "vrayImportDir: \\\\nas\\vray builds\n")
    dead.swarm.crash()

    def grows(call):
        if call.script == "look":
            (growing.data_dir / "VRay" / "import" / "new.part").open("a").write("more")

    def ends(call):
        if call.script == "look" and not directory(dies).exists():
            dies.host.before = lambda call: None
            dies.swarm.crash()

    growing.host.before, dies.host.before = grows, ends
    wanted = wanting(farm, build)
    wanted["vray_swarm_builds"].append({"src": str(other), "version": OTHER})

    planned = farm.run(UPLOAD, "--check", **wanted)
    assert planned.failed == ["shares", "unmanaged"], planned.output
    assert planned.changed == dict.fromkeys(("dead", "anew", "lost", "dies", "growing"), 1)
    would = planned.one("anew", "Tell what would be deployed again")["msg"]
    assert would == rf"{DATA_DIR}\VRay\vray-{VERSION} would be removed, and then deployed again."
    assert planned.of("sound", action="renderops.vray_swarm.settings") == []
    for peer in farm.peers.values():
        assert made(peer) == [] and peer.marks == [f"{version}.awaited" for version in (VERSION, OTHER)]
        assert (content(directory(peer)) == whole) is (peer is sound) and peer.swarm.stops == 0

    run = farm.run(UPLOAD, **wanted)
    assert run.failed == ["growing", "shares", "unmanaged"], run.output
    assert "so that it could not be sent again: nothing was removed" in " ".join(
        run.one("shares", "Leave what nobody could bring back")["msg"].split()
    )
    assert "But something is being deployed still, after 2" in run.one("growing", "Leave what is being deployed")["msg"]
    assert "Where vray_swarm_config is set, this role does that." in run.output.replace("\n", " ")
    assert story(run, "dead") == story(run, "anew") == HEALED and story(run, "lost") == [*HEALED, "upload changed"]
    # It ended again when nothing was there to be sent yet.
    assert story(run, "dies") == [*HEALED, "settings changed", "upload changed"]
    assert story(run, "sound") == [] and sound.swarm.stops == 0
    for peer in (dead, anew, lost, dies, sound):
        assert content(directory(peer)) == whole and peer.marks == [] and peer.swarm.state == "started", peer.name
        assert uploads(peer) == (1 if peer in (lost, dies) else 0) and peer.swarm.stops <= 1
    for peer in (growing, shares, unmanaged):
        assert content(directory(peer)) != whole and mark(peer).is_dir() and peer.swarm.stops == 0
    # What is not still may be a half yet.
    assert mark(growing, OTHER).is_dir() and not mark(unmanaged, OTHER).exists()

    again = farm.run(UPLOAD, **dict(wanted, vray_swarm_hosts="dead,anew,lost,dies,sound"))
    assert again.succeeded and again.changed == {}, again.output


def test_what_a_relay_sends_is_marked_until_it_is_deployed(farm, peers):
    build = farm.build()
    whole = content(unpack(build, farm.directory / "whole"))
    by_relay = {"vray_swarm_upload_via": "nas1", "vray_swarm_builds": [{"src": str(build)}]}
    bare, dead, anew = peers("bare", "dead", "anew", **by_relay)
    (has,) = peers("has", **dict(by_relay, vray_swarm_builds=[{"src": str(build), "force": True}]))
    farm.variables["nas1"] = LOCAL
    leave(dead, build, is_kept=False)
    dead.swarm.crash()
    leave(anew, build)
    unpack(build, has.data_dir)
    variables = wanting(farm, vray_swarm_hosts="bare,dead,anew,has")
    del variables["vray_swarm_builds"]

    planned = farm.run(UPLOAD, "--check", **variables)
    assert planned.succeeded and planned.of("bare", action=FILE) == [], planned.output
    for peer in (dead, anew):
        assert planned.one(peer.name, "Tell what would be deployed again"), planned.output
        assert made(peer) == [] and mark(peer).is_dir() and peer.swarm.stops == 0

    run = farm.run(UPLOAD, **variables)
    assert run.succeeded, run.output
    for peer in (bare, dead, anew, has):
        assert content(directory(peer)) == whole and peer.marks == [], peer.name
    assert story(run, "bare") == ["upload changed"] and made(bare) == made(has) == ["directory", "absent"]
    assert story(run, "dead") == [*HEALED, "upload changed"] and story(run, "anew") == HEALED
    assert (uploads(dead), uploads(anew), bare.swarm.stops, has.swarm.stops) == (1, 0, 0, 0)

    again = farm.run(UPLOAD, **dict(variables, vray_swarm_hosts="bare,dead,anew"))
    assert again.succeeded and again.changed == {} and again.of(action=FILE) == [], again.output


def test_what_is_forced_is_run_once_though_a_relay_sends_again(farm, peers):
    """What was deployed in part has to be sent once more, and an installer beside it not."""
    build = farm.build()
    setup = farm.build("vray-setup", version=OTHER, installer=True)
    wanted = [{"src": str(setup), "force": True}, {"src": str(build)}]
    more = {"vray_swarm_upload_via": "nas1", "vray_swarm_builds": wanted, "vray_swarm_allow_executables": True}
    (dead,) = peers("dead", **more)
    farm.variables["nas1"] = LOCAL
    dead.write(dead.text() + "allowExecutables: true\r\n")
    dead.swarm.stop()
    dead.swarm.start()
    leave(dead, build, is_kept=False)
    variables = wanting(farm, vray_swarm_hosts="dead")
    del variables["vray_swarm_builds"]
    run = farm.run(UPLOAD, **variables)
    assert run.succeeded and content(directory(dead)) == content(unpack(build, farm.directory / "whole")), run.output
    assert story(run, "dead") == ["upload changed", *HEALED, "upload changed"]
    # Since Swarm was started anew: that of the archive.
    assert uploads(dead) == 1


def test_a_build_without_a_version_is_followed_to_its_end_also_where_swarm_is_killed(farm, peers):
    """Only Swarm's answer tells which build it is, so that one that has died is started for that."""
    build, other = farm.build(NAMELESS), farm.build("other.tar", version=OTHER)
    whole = content(unpack(build, farm.directory / "whole"))
    dead, anew, sound = peers("dead", "anew", "sound")
    (relayed,) = peers("relayed", vray_swarm_upload_via="nas1")
    farm.variables["nas1"] = LOCAL
    killed(dead)
    for peer in (anew, relayed):
        killed(peer, lambda peer: peer.swarm.start())

    variables = wanting(farm, build, other, vray_swarm_hosts="dead,anew,sound,relayed")
    run = farm.run(UPLOAD, **variables)
    assert run.succeeded, run.output
    assert story(run, "dead") == ["upload changed", "settings changed", *HEALED]
    assert story(run, "anew") == story(run, "relayed") == ["upload changed", *HEALED]
    assert (
        story(run, "sound") == ["upload changed"]
        and uploads(sound) == 2
        and sorted(made(sound)) == ["absent"] * 2 + ["directory"] * 2
    )
    for peer in (dead, anew, relayed):
        removed = run.one(peer.name, "Stop Swarm, remove what it has in part, and start it")["removed_builds"]
        assert rf"{DATA_DIR}\VRay\vray-{VERSION}" in removed
    for peer in farm.peers.values():
        assert content(directory(peer)) == whole and peer.marks == [] and peer.swarm.state == "started", peer.name
        assert directory(peer, OTHER).is_dir()
        peer.host.forget()
    again = farm.run(UPLOAD, **variables)
    assert again.succeeded and again.changed == {} and again.of(action=FILE) == [], again.output


def test_a_build_without_a_version_that_nobody_saw_deployed_is_seen_to_by_the_next_run(farm, peers):
    build = farm.build(NAMELESS)
    whole = content(unpack(build, farm.directory / "whole"))
    dead, anew, lost, sound = peers("dead", "anew", "lost", "sound")
    bare, left = peers("bare", "left", vray_swarm_upload_via="nas1")
    farm.variables["nas1"] = LOCAL
    for peer in (dead, anew, lost, sound, left):
        leave(peer, build, MARKED, is_half=peer is not sound, is_kept=peer is not lost)
    dead.swarm.crash()
    variables = wanting(farm, build, vray_swarm_hosts="dead,anew,lost,sound,bare,left")

    planned = farm.run(UPLOAD, "--check", **variables)
    assert planned.succeeded, planned.output
    assert story(planned, "dead") == ["settings changed"]
    for peer in farm.peers.values():
        assert peer is dead or story(planned, peer.name) == ["upload changed"]
        assert made(peer) == [] and peer.swarm.stops == 0 and (peer is dead or uploads(peer) == 0)
        assert peer.marks == ([] if peer is bare else [f"{MARKED}.awaited"])

    run = farm.run(UPLOAD, **variables)
    assert run.succeeded, run.output
    for peer in farm.peers.values():
        assert content(directory(peer)) == whole and peer.marks == [] and peer.swarm.state == "started", peer.name
    assert story(run, "dead") == ["settings changed", *HEALED] and story(run, "lost") == [*HEALED, "upload changed"]
    assert story(run, "anew") == story(run, "left") == HEALED
    # What its own Swarm has deployed is left as it is.
    assert story(run, "sound") == [] and sound.swarm.stops == 0 and made(sound) == ["absent"]
    assert story(run, "bare") == ["upload changed"] and made(bare) == ["directory", "absent"]
    # Its version is known by then, so that nobody is asked while Swarm deploys it.
    assert [uploads(peer) for peer in (dead, anew, left)] == [0, 0, 0]

    again = farm.run(UPLOAD, **variables)
    assert again.succeeded and again.changed == {} and again.of(action=FILE) == [], again.output
