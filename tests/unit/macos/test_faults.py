# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""settings on a Mac, where something fails in the middle. More of that is in test_launchd.py, a call at a time."""

from __future__ import annotations

import json
import socket

from macos_double.farm import SERVICE

DISTRIBUTE = "renderops.vray_swarm.distribute"
SETTINGS = "renderops.vray_swarm.settings"
RESCUE = f"vray-swarm-rescue.{SERVICE}"


def options(peer, **settings):
    return {"path": str(peer.config), "service": SERVICE, "settings": settings, "start_timeout": 60}


def test_a_controller_that_is_killed_before_it_confirms(farm, peer):
    """The rescue stays. It leaves alone what runs, and the next change has one of its own."""
    armed = []

    def dies(call):
        if call == f"bootout system/{RESCUE}" and RESCUE in peer.mac.jobs:
            armed.append(call)
            farm.kill()
            raise ConnectionAbortedError

    peer.mac.before = dies
    assert farm.play([{"name": "It", SETTINGS: options(peer, allowExecutables=True)}]).status < 0
    assert armed and peer.loaded == [SERVICE, RESCUE]
    assert peer.swarm.store.allow_executables is True

    peer.mac.before = lambda call: None
    stops = peer.stops
    same = farm.task(SETTINGS, options(peer, allowExecutables=True))
    assert same.status == "ok" and peer.stops == stops
    assert farm.task(SETTINGS, options(peer, allowExecutables=False)).status == "changed"
    assert peer.swarm.store.allow_executables is False and peer.loaded == [SERVICE]


def test_a_swarm_yaml_that_is_missing_is_not_made(farm, peer):
    """In a wrong place, nobody would read it."""
    peer.config.unlink()
    run = farm.run(DISTRIBUTE, vray_swarm_waves=["100%"], vray_swarm_allow_executables=True)
    assert run.failed == ["mac1"] and "swarm.yaml could not be read: " in " ".join(run.output.split()), run.output
    assert not peer.config.exists() and peer.stops == 0


def test_a_scheduler_that_was_not_told_is_told_by_hand(farm, peer):
    """Nothing differs after the rescue or the start, so that the next run has no reason to call the hooks."""
    hooks = {}
    for name in ("before_stop", "after_start"):
        tasks = farm.directory / f"{name}.yml"
        tasks.write_text(json.dumps([{"name": name, "ansible.builtin.debug": {"msg": "told"}}]))
        hooks[f"vray_swarm_{name}_tasks"] = str(tasks)
    variables = dict(hooks, vray_swarm_waves=["100%"], vray_swarm_allow_executables=True)

    def told(run):
        return [name for name in ("before_stop", "after_start") if run.of(task=name)]

    def dies(call):
        if call == f"bootout system/{RESCUE}" and RESCUE in peer.mac.jobs:
            farm.kill()
            raise ConnectionAbortedError

    peer.mac.before = dies
    run = farm.run(DISTRIBUTE, **variables)
    assert run.status < 0 and told(run) == ["before_stop"], run.output
    peer.mac.before = lambda call: None
    again = farm.run(DISTRIBUTE, **variables)
    assert again.succeeded and again.changed == {} and told(again) == [], again.output
    # As the README of the role peer says.
    by_hand = farm.play(
        [{"name": "Tell", "ansible.builtin.include_tasks": "{{ vray_swarm_after_start_tasks }}"}], **hooks
    )
    assert by_hand.succeeded and told(by_hand) == ["after_start"], by_hand.output
    # What is yet to be set right has both called.
    changed = farm.run(DISTRIBUTE, **dict(variables, vray_swarm_allow_executables=False))
    assert changed.succeeded and told(changed) == ["before_stop", "after_start"], changed.output


def test_a_setting_with_which_swarm_does_not_start_is_taken_back(farm, peer):
    before = peer.config.read_text()
    # It takes the port, and nobody answers there.
    with socket.socket() as taken:
        taken.bind((peer.swarm.address, 0))
        failed = farm.task(SETTINGS, dict(options(peer, webPort=taken.getsockname()[1]), start_timeout=2))
    assert failed.status == "failed" and (failed["rolled_back"], failed["changed"]) == (True, False)
    assert "the service is spawn scheduled, status 1, after 1 restarts" in failed["msg"]
    assert "The old file is back, and Swarm runs with it." in failed["msg"]
    assert peer.config.read_text() == before
    assert peer.loaded == [SERVICE] and peer.swarm.port == peer.port
