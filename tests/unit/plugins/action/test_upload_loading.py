# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is loaded where: an import that each fork does again costs as much as half an upload."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("ansible")
pytest.importorskip("requests")

PLUGINS = "ansible_collections.renderops.vray_swarm.plugins"
LOADED = "import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"


def loaded_with(module):
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=f"{PLUGINS}.{module}")],
        capture_output=True,
        check=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    return json.loads(done.stdout)


def test_requests_is_there_before_ansible_forks():
    assert "requests" in loaded_with("action.upload")


@pytest.mark.parametrize("module", ["action.peer_info", "modules.peer_info", "modules.upload"])
def test_requests_is_not_loaded_where_nothing_may_be_sent(module):
    assert "requests" not in loaded_with(module)


def test_a_look_loads_what_it_needs():
    """Nothing of what speaks HTTP, unless the peer is to be asked from there."""
    assert not {f"{PLUGINS}.module_utils.{name}" for name in ("_ask", "_client", "_discover")} & set(
        loaded_with("modules.peer_info")
    )
