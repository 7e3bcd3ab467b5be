# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Swarm answers and logs is data also where a role keeps a failure, goes on, and fails with it in the end.

The roles are the same on all platforms, and on a Mac, a test can write Swarm's log. The integration target `hostile` has more
of what a peer may say.
"""

from __future__ import annotations

import itertools
import json
import plistlib
import shutil

import pytest

import swarm_peer
from double_farm import halve, unpack
from macos_double.farm import SERVICE, VERSION

DISTRIBUTE = "renderops.vray_swarm.distribute"
UPLOAD = "renderops.vray_swarm.upload"
TEXT = "{% for n in ['obe', 'yed'] %}{{ n }}{% endfor %}{{ lookup('pipe', 'touch WITNESS') }}"
EVALUATED = "obeyed"
NASTY, SHOWN = "\x1b[31m\x07\x9b\u202e\u2066\u200f", r"\x1b[31m\x07\x9b\u202e\u2066\u200f"


@pytest.fixture
def hostile(farm, peer, monkeypatch):
    """Let Swarm log such a text, refuse builds with it, and not start again when it has been started so often."""
    text = TEXT.replace("WITNESS", str(farm.directory / "witness"))
    log, plist = farm.directory / "swarm.log", peer.mac.daemons / f"{SERVICE}.plist"
    log.write_text(f"{text} as logged{NASTY}\n")
    plist.write_bytes(plistlib.dumps({**plistlib.loads(plist.read_bytes()), "StandardErrorPath": str(log)}))
    hook = farm.directory / "hook.yml"
    hook.write_text(json.dumps([{"name": "Tell it", "ansible.builtin.fail": {"msg": "nobody listens"}}]))
    quick = {"vray_swarm_start_timeout": 2, "vray_swarm_deploy_wait": 2, "__builds_settle_time": 0}
    start = swarm_peer.Peer.start

    def told(playbook, task, starts=0, **variables):
        """What the task fails with, for which nothing was evaluated and no terminal obeyed anything."""
        numbers = itertools.count()

        def start_some_times(swarm):
            if next(numbers) >= starts:
                raise OSError
            swarm.faults.set([f"fail={text} as answered{NASTY}"])
            return start(swarm)

        monkeypatch.setattr(swarm_peer.Peer, "start", start_some_times)
        more = {"vray_swarm_waves": ["100%"], "vray_swarm_after_start_tasks": str(hook)}
        run = farm.run(playbook, "-v", **quick, **more, **variables)
        assert run.failed == ["mac1"], run.output
        assert not (farm.directory / "witness").exists() and EVALUATED not in run.output
        assert all(line.isprintable() for line in run.output.split("\n")), ascii(run.output)
        said = run.one("mac1", task)["msg"]
        assert said.isprintable() and "Tell it: nobody listens" in said
        assert f"it wrote: {text} as logged{SHOWN}" in said
        return said

    return told


def test_a_setting_that_fails_between_two_hooks(hostile):
    said = hostile(DISTRIBUTE, "Fail with the reason", vray_swarm_allow_executables=True)
    assert said.startswith("Stop Swarm, set, and start it: mac1: ")


@pytest.mark.parametrize("starts", [0, 1])
def test_a_window_that_cannot_be_opened_and_one_that_cannot_be_closed(farm, hostile, starts):
    builds = [{"src": str(farm.build("vray_adv_1", installer=True)), "version": VERSION}]
    window = {"vray_swarm_installer_window": True, "vray_swarm_builds": builds}
    said = hostile(UPLOAD, "Fail with what went wrong in the window", starts, **window)
    assert ("as answered" in said) is (starts == 1) and "allowExecutables is still open on mac1" in said


def unanswered(build, peer):
    halve(build, peer.data_dir)


def interrupted(build, peer):
    half = unpack(build, peer.data_dir)
    (half / "vray.json").unlink()
    shutil.copy(build, peer.data_dir / "VRay" / "import")
    (peer.data_dir / f".vray_swarm-{VERSION}.awaited").mkdir()
    peer.mac.jobs[SERVICE].kill()


@pytest.mark.parametrize("left", [unanswered, interrupted], ids=lambda left: left.__name__)
def test_a_repair_that_fails(farm, peer, hostile, left):
    build = farm.build()
    left(build, peer)
    said = hostile(UPLOAD, "Fail with what went wrong", vray_swarm_builds=[{"src": str(build)}])
    assert "Stop Swarm, remove what it has in part, and start it: mac1: " in said
