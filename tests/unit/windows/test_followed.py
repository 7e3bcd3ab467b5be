# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds that a Swarm deploys in its own way while somebody waits for them, as far as the vendor's page leaves it that."""

from __future__ import annotations

import json
import shutil
import sys

from windows_double.farm import DATA_DIR, VERSION

DISTRIBUTE = "renderops.vray_swarm.distribute"
UPLOAD = "renderops.vray_swarm.upload"
VERIFY = "renderops.vray_swarm.verify"
IMPORT = rf"{DATA_DIR}\VRay\import"
SILENT = "not-swarm"
LOCAL = {"ansible_connection": "local", "ansible_host": "127.0.0.1", "ansible_python_interpreter": sys.executable}


def imports(peer):
    return sorted(path.name for path in (peer.data_dir / "VRay" / "import").iterdir())


def verdict(run, host):
    return run.one(host, "Make sure that they are deployed")["msg"]


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

    def imports_late(peer):
        """From the second look on; no port answers before."""
        looks = []
        peer.swarm.peer.faults.set([SILENT])

        def before(call):
            if call.script == "look" and "DataDir" in call.options["parameters"]:
                looks.append(call)
                if len(looks) == 2 and not (folder / build.name).exists():
                    shutil.copy(build, folder)
                if peer is soon and directory(peer).exists():
                    peer.swarm.peer.faults.set([])

        peer.host.before = before

    imports_late(soon), imports_late(never)
    planned = farm.run(DISTRIBUTE, "--check", **variables)
    assert planned.succeeded and planned.changed == {}, planned.output
    for peer in (soon, never):
        assert "web port does not answer" in " ".join(planned.one(peer.name, "Show what is wrong")["msg"])
        assert not directory(peer).exists()

    imports_late(soon), imports_late(never)
    run = farm.run(DISTRIBUTE, **variables, vray_swarm_repair=False)
    assert run.failed == ["never"], run.output
    assert "web port does not answer" in run.one("never", "Fail with what is wrong")["msg"]
    assert all(directory(peer).is_dir() and peer.swarm.stops == 1 for peer in (soon, never))


def test_a_queued_build_is_followed_by_the_name_that_swarm_gave_it(farm, peers):
    build = farm.build("sent.tar")
    soon, late, moved = peers("soon", "late", "moved", vray_swarm_deploy_wait=2)
    (relayed,) = peers("relayed", vray_swarm_deploy_wait=2, vray_swarm_upload_via="nas1")
    farm.variables["nas1"] = LOCAL
    for peer in (late, moved, relayed):
        peer.write(peer.text().replace("uploadsQueuePeriod: 0.2", "uploadsQueuePeriod: 600"))
        peer.swarm.stop()
        peer.swarm.start()
    for peer in farm.peers.values():
        peer.swarm.peer.store.kept_as = "uuid"
    # As a Swarm that queues where nobody knows of.
    elsewhere = moved.host.real(r"C:\Windows\Temp\import")
    elsewhere.mkdir(parents=True)
    moved.swarm.peer.store.import_dir = str(elsewhere)
    variables = {
        "vray_swarm_builds": [{"src": str(build), "version": VERSION, "queued": True}],
        "vray_swarm_hosts": "soon,late,moved,relayed",
        "vray_swarm_waves": ["100%"],
        "vray_swarm_max_fail_percent": 100,
        "__vray_swarm_still_time": 0,
    }
    run = farm.run(UPLOAD, **variables)
    assert run.failed == ["late", "moved", "relayed"], run.output
    (kept,) = imports(late)
    assert kept.endswith(".upload") and directory(soon).is_dir()
    assert verdict(run, "late").startswith(rf"sent.tar as {IMPORT}\{kept}: still there after 2 s")
    assert verdict(run, "relayed").startswith(rf"sent.tar as {IMPORT}\{imports(relayed)[0]}: still there after 2 s")
    (there,) = elsewhere.iterdir()
    told = verdict(run, "moved")
    assert told.startswith(
        rf"sent.tar: not deployed after 2 s. Swarm has queued it as C:\Windows\Temp\import\{there.name},"
    )
    assert f"which is not in the import directory {IMPORT}, so that it was not seen" in told
    assert all("could not take it" not in verdict(run, host) for host in run.failed)

    # It lies there since an earlier run, and nothing is sent.
    again = farm.run(UPLOAD, **dict(variables, vray_swarm_hosts="soon,late,relayed"))
    assert again.failed == ["late", "relayed"] and again.changed == {}, again.output
    for host in again.failed:
        assert verdict(again, host) == verdict(run, host)
    # It has gone.
    (late.data_dir / "VRay" / "import" / kept).unlink()

    def refuses(call):
        if call.script == "look":
            for path in (late.data_dir / "VRay" / "import").iterdir():
                path.unlink()

    late.host.before = refuses
    gone = farm.run(UPLOAD, **dict(variables, vray_swarm_hosts="late"))
    assert "sent.tar: not deployed, and no longer in the import directory" in verdict(gone, "late"), gone.output
