# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""build_info on a Mac."""

from __future__ import annotations

import hashlib

from macos_double.farm import NAME, VERSION

BUILD_INFO = "renderops.vray_swarm.build_info"


def test_a_build_on_a_mac_is_told_apart(farm, peer):
    path = peer.mac.root / NAME
    path.write_bytes(farm.build().read_bytes())
    result = farm.task(BUILD_INFO, {"src": str(path), "sha256": True})
    assert result.status == "ok", result.data
    content = path.read_bytes()
    expected = {
        "format": "tar",
        "kind": "archive",
        "platform": "macOS_Arm64",
        "version": VERSION,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert {name: result.data[name] for name in expected} == expected
    missing = farm.task(BUILD_INFO, {"src": f"{path}.gz"})
    assert missing.status == "failed" and f"{path}.gz" in missing.data["msg"], missing.data
