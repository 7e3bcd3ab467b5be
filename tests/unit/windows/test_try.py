# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook for an operator with a real machine works at least on the double."""

from __future__ import annotations

import json

from windows_double.farm import CONFIG, DATA_DIR, ROOT, SERVICE


def test_the_operators_playbook_writes_its_result(farm, peer):
    before = peer.text()
    build = farm.build()
    peer.host.real(r"C:\build.tar").write_bytes(build.read_bytes())
    result = farm.directory / "result.json"
    run = farm.run(
        str(ROOT / "tests" / "windows" / "try.yml"),
        vray_swarm_data_dir=DATA_DIR,
        vray_swarm_config=CONFIG,
        vray_swarm_service=SERVICE,
        vray_swarm_api_from="peer",
        try_changes=True,
        try_build=str(build),
        try_remote_build=r"C:\build.tar",
        try_result=str(result),
    )
    assert run.succeeded, run.output
    told = json.loads(result.read_text())
    steps = told["steps"]
    assert told["same_settings_at_the_end"] is True
    assert told["machine"]["ansible_architecture"] == "64-bit"
    assert steps["look"]["errors"] == {} and steps["look"]["service"]["state"] == "running"
    assert [steps[name]["changed"] for name in ("checked", "set", "set again", "set back")] == [True, True, False, True]
    assert steps["taken port"]["failed"] and steps["taken port"]["rolled_back"]
    outcomes = [steps[name]["outcome"] for name in ("upload", "upload again", "upload from the host")]
    assert outcomes == ["rapid", "present", "existing"]
    assert "config_content" not in result.read_text()
    assert peer.text() == before
