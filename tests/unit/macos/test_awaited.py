# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds that Macs deploy while nobody asks them, by the playbook: what a killed Swarm leaves of them is told.

A Swarm that is started anew within a second is not told: ps(1) has whole seconds. So it stays dead here.
"""

from __future__ import annotations

import os
import shutil

from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import in_place_of_version
from double_farm import content, story, unpack
from macos_double.farm import SERVICE, VERSION

UPLOAD = "renderops.vray_swarm.upload"
HEALED = ["before_stop", "settings changed", "after_start"]


def wanting(farm, build):
    times = {"vray_swarm_deploy_wait": 20, "__builds_settle_time": 0, "__vray_swarm_still_time": 0}
    builds = [{"src": str(build), "queued": True}]
    return {"vray_swarm_builds": builds, "vray_swarm_waves": ["100%"], **times, **farm.hooks()}


def directory(peer):
    return peer.data_dir / "VRay" / f"vray-{VERSION}"


def mark(peer, version=VERSION):
    return peer.data_dir / f".vray_swarm-{version}.awaited"


def is_killed(peer):
    """Swarm ends halfway in the build, by kill -9; what launchd keeps alive has not come back yet."""
    (directory(peer) / "vray.json").unlink()
    peer.mac.jobs[SERVICE].kill()


def test_what_swarm_is_killed_with_is_deployed_anew(farm):
    """By the run that follows it, and by the next one; what its own Swarm has deployed is left as it is."""
    build = farm.build()
    whole = content(unpack(build, farm.directory / "whole"))
    followed, left, sound = (farm.add(name) for name in ("followed", "left", "sound"))
    for peer in (left, sound):
        unpack(build, peer.data_dir)
        shutil.copy(build, peer.data_dir / "VRay" / "import")
        mark(peer).mkdir()
    is_killed(left)
    variables = wanting(farm, build)

    planned = farm.run(UPLOAD, "--check", **dict(variables, vray_swarm_hosts="left,sound"))
    assert planned.succeeded and planned.changed == {"left": 1}, planned.output
    would = planned.one("left", "Tell what would be deployed again")["msg"]
    assert would == f"{directory(left)} would be removed, and then deployed again."
    assert mark(left).is_dir() and mark(sound).is_dir() and content(directory(left)) != whole
    assert left.stops == sound.stops == 0 and left.swarm is None

    # It is killed when it is looked at, and has the build.
    ask = followed.mac.answer

    def answer(request):
        if mark(followed).is_dir() and directory(followed).is_dir():
            followed.mac.answer = ask
            is_killed(followed)
        return ask(request)

    followed.mac.answer = answer
    run = farm.run(UPLOAD, **variables)
    assert run.succeeded, run.output
    assert (story(run, "followed"), story(run, "left")) == (["upload changed", *HEALED], HEALED)
    assert story(run, "sound") == [] and sound.stops == 0
    for peer in farm.peers.values():
        assert content(directory(peer)) == whole and not mark(peer).exists() and peer.swarm, peer.name
        assert len([event for event in peer.swarm.events if event["event"] == "upload"]) == 0
        peer.mac.calls.clear()
    again = farm.run(UPLOAD, **variables)
    assert again.succeeded and again.changed == {}, again.output
    assert [peer.mac.calls for peer in farm.peers.values()] == [[], [], []]


def test_what_has_no_version_is_asked_for_and_deployed_anew(farm):
    """By the run that follows it, and by the next one. Swarm is started for that, and was not there when the half was made."""
    build = farm.build("vray-mac-df715d3c8ff9.tar")
    marked = in_place_of_version(build.name)
    whole = content(unpack(build, farm.directory / "whole"))
    followed, left, sound = (farm.add(name) for name in ("followed", "left", "sound"))
    for peer in (left, sound):
        unpack(build, peer.data_dir)
        shutil.copy(build, peer.data_dir / "VRay" / "import")
        mark(peer, marked).mkdir()
    is_killed(left)
    os.utime(directory(left), (0, 0))
    ask = followed.mac.answer

    def answer(request):
        if mark(followed, marked).is_dir() and directory(followed).is_dir():
            followed.mac.answer = ask
            is_killed(followed)
            os.utime(directory(followed), (0, 0))
        return ask(request)

    followed.mac.answer = answer
    variables = dict(wanting(farm, build), vray_swarm_retries=0)
    run = farm.run(UPLOAD, **variables)
    assert run.succeeded, run.output
    assert story(run, "followed") == ["upload changed", "settings changed", *HEALED]
    assert story(run, "left") == ["settings changed", *HEALED]
    assert story(run, "sound") == [] and sound.stops == 0
    for peer in farm.peers.values():
        assert content(directory(peer)) == whole and not list(peer.data_dir.glob(".vray_swarm-*")), peer.name
        peer.mac.calls.clear()
    again = farm.run(UPLOAD, **variables)
    assert again.succeeded and again.changed == {}, again.output
    assert [peer.mac.calls for peer in farm.peers.values()] == [[], [], []]
