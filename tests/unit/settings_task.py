# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task of settings, as far as the host goes that it changes."""

from __future__ import annotations

import base64

from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_host import SettingsHost, sha256


def change(path, service, ask=False, **params):
    """Write "newer" where the file says "new", with a stop and a start; return what was undone, or what was confirmed."""
    usual = {"path": str(path), "service": service, "backup": False, "data_dir": None, "peer": None, "web_port": 1}
    limits = {"start_timeout": 5, "stop_timeout": 5, "connect_timeout": 1, "rescue_after": 600, "revert_after": 0}
    steps = SettingsHost({**usual, **limits, **params})
    step = {
        "was_running": True,
        "stopped": False,
        "absent_builds": [],
        "ask": ask,
        "web_port": 1,
        "allow_executables": None,
        "pending": False,
        "revert": None,
        "owner": "one",
    }
    content = base64.b64encode(b"newer").decode("ascii")
    done = steps.run(dict(step, do="apply", sha256=sha256(b"new"), content=content))
    return done if done["undone"] else steps.run(dict(step, do="confirm", content=content))
