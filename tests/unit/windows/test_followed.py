# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds that a Swarm deploys in its own way while somebody waits for them, as far as the vendor's page leaves it that."""

from __future__ import annotations

import json
import shutil

from windows_double.farm import VERSION

DISTRIBUTE = "renderops.vray_swarm.distribute"
SILENT = "not-swarm"


def directory(peer):
    return peer.data_dir / "VRay" / f"vray-{VERSION}"


def test_a_swarm_that_is_silent_while_it_imports_is_waited_for(farm, peers):
    build = farm.build()
    folder = farm.share / "stable" / "Windows_x86"
    folder.mkdir(parents=True)
    (farm.share / "builds.json").write_text("[]")
    soon, never = peers("soon", "never", vray_swarm_deploy_wait=10)
    variables = {
        "vray_swarm_share_src": "//nas/vray builds",
        "vray_swarm_share_path": "/mnt/vray",
        "vray_swarm_waves": ["100%"],
        "vray_swarm_max_fail_percent": 100,
        "__vray_swarm_still_time": 0,
    }
    assert farm.run(DISTRIBUTE, **variables).succeeded
    entry = {"file": build.name, "platform": "Windows_x86", "channel": "stable", "version": VERSION}
    (farm.share / "builds.json").write_text(json.dumps([entry]))

    def imports(peer):
        """From the second look on; no port answers before."""
        looks = []
        peer.swarm.peer.faults.set([SILENT])

        def before(call):
            if call.script == "look":
                looks.append(call)
                if len(looks) == 2 and not (folder / build.name).exists():
                    shutil.copy(build, folder)
                if peer is soon and directory(peer).exists():
                    peer.swarm.peer.faults.set([])

        peer.host.before = before

    imports(soon), imports(never)
    planned = farm.run(DISTRIBUTE, "--check", **variables)
    assert planned.succeeded and planned.changed == {}, planned.output
    for peer in (soon, never):
        assert "web port does not answer" in " ".join(planned.one(peer.name, "Show what is wrong")["msg"])
        assert not directory(peer).exists()

    imports(soon), imports(never)
    run = farm.run(DISTRIBUTE, **variables, vray_swarm_repair=False)
    assert run.failed == ["never"], run.output
    assert "web port does not answer" in run.one("never", "Fail with what is wrong")["msg"]
    assert all(directory(peer).is_dir() and peer.swarm.stops == 1 for peer in (soon, never))
