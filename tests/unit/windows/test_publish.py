# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""publish on a Windows host."""

from __future__ import annotations


def test_it_is_refused_with_a_reason_before_anything_is_sent(farm, peer):
    options = {"root": r"D:\share", "src": str(farm.build())}
    failed = farm.task("renderops.vray_swarm.publish", options)
    assert failed.status == "failed"
    assert "publish works on POSIX hosts: run it on the share's server, or on one that mounts it." in failed["msg"]
    assert peer.host.calls == []
