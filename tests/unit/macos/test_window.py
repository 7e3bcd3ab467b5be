# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role builds opens peers for installers. It is the same on all platforms, and what it does is seen best on a Mac."""

from __future__ import annotations

import json

from macos_double.farm import SERVICE, VERSION

UPLOAD = "renderops.vray_swarm.upload"
WINDOW = {
    "vray_swarm_installer_window": True,
    "vray_swarm_window_watch": 0,
    "vray_swarm_deploy_wait": 1,
    "vray_swarm_waves": ["100%"],
}
REVERT = f"/Library/LaunchDaemons/vray-swarm-revert.{SERVICE}.plist"


def is_open(peer):
    """By the file, and by Swarm."""
    return "allowExecutables: true" in peer.config.read_text(), peer.swarm.store.allow_executables


def leave_open(peer):
    """As a run does that died before Swarm was started again; what the peer will put back is there."""
    old = peer.config.read_text()
    peer.config.with_name(".swarm.yaml.vray_swarm-revert").write_text(old)
    peer.config.write_text(old.replace("allowExecutables: false\n", "") + "allowExecutables: true\n")


def restart(peer):
    peer.mac.jobs[SERVICE].stop()
    peer.mac.jobs[SERVICE].start()
    assert is_open(peer) == (True, True)


def installers(farm, *names, **options):
    made = [farm.build(name, installer=True, version=f"7.{at}.0-aaaaaaaa", **options) for at, name in enumerate(names)]
    return [{"src": str(path), "version": f"7.{at}.0-aaaaaaaa"} for at, path in enumerate(made)]


def deployed(peer):
    return sorted(path.name for path in (peer.data_dir / "VRay").glob("vray-*"))


def test_each_installer_has_all_of_the_time_also_where_a_window_was_left_open(farm, peer):
    leave_open(peer)
    restart(peer)
    wanted = installers(farm, "vray_adv_1", "vray_adv_2")
    run = farm.run(UPLOAD, vray_swarm_builds=wanted, **WINDOW)
    assert run.succeeded and deployed(peer) == ["vray-7.0.0-aaaaaaaa", "vray-7.1.0-aaaaaaaa"], run.output
    assert peer.mac.calls.count(f"bootstrap system {REVERT}") == 2
    assert is_open(peer) == (False, False) and peer.loaded == [SERVICE]

    # What an earlier run could not finish fails the peer, and does not keep it open.
    (peer.data_dir / "VRay" / "vray-7.0.0-aaaaaaaa").rename(peer.data_dir / "lost")
    leave_open(peer)
    run = farm.run(UPLOAD, vray_swarm_builds=wanted, **WINDOW)
    assert run.failed == ["mac1"] and "still there after 1 s, and not deployed" in run.output, run.output
    assert is_open(peer) == (False, False) and peer.loaded == [SERVICE]


def test_a_peer_that_was_left_open_is_closed(farm, peer):
    (peer.data_dir / "VRay" / f"vray-{VERSION}").mkdir(parents=True)
    leave_open(peer)
    restart(peer)
    variables = dict(WINDOW, vray_swarm_builds=[{"src": str(farm.build())}])
    told = farm.run(UPLOAD, **dict(variables, vray_swarm_installer_window=False))
    assert told.succeeded and not told.changed and "Warning: mac1 allows executables" in told.output, told.output
    planned = farm.run(UPLOAD, "--check", **variables)
    assert planned.succeeded and planned.changed == {"mac1": 1} and is_open(peer) == (True, True), planned.output
    run = farm.run(UPLOAD, **variables)
    assert run.succeeded and run.changed == {"mac1": 1}, run.output
    assert is_open(peer) == (False, False) and peer.loaded == [SERVICE]
    assert not list(peer.config.parent.glob(".swarm*"))


def test_what_takes_too_long_is_given_up_in_time_and_a_hook_that_fails_does_not_hide_it(farm, peer, tmp_path):
    hook = tmp_path / "hook.yml"
    hook.write_text(json.dumps([{"name": "Tell the scheduler", "ansible.builtin.fail": {"msg": "nobody listens"}}]))
    variables = dict(WINDOW, vray_swarm_window_limit=6, vray_swarm_after_start_tasks=str(hook))
    peer.misbehave("silent")
    run = farm.run(UPLOAD, vray_swarm_builds=installers(farm, "vray_adv_1"), **variables)
    assert run.failed == ["mac1"], run.output
    told = run.one("mac1", "Fail with what went wrong in the window")["msg"]
    assert told.startswith("Upload the builds: ") and "is still open" not in told
    assert told.endswith("Tell the scheduler: nobody listens")
    assert is_open(peer) == (False, False) and peer.loaded == [SERVICE]
