# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the mark lies that a build is being sent. When there is one and what follows from it: test_upload.py."""

from __future__ import annotations

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import AWAITED, mark_path, marked_versions
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version

VERSION = Version.parse("6.20.10-e8197af2")
NAME = ".vray_swarm-6.20.10-e8197af2.sending"


@pytest.mark.parametrize(
    "data_dir, path",
    [
        ("/var/lib/swarm", "/var/lib/swarm/" + NAME),
        ("//var/lib/swarm/", "//var/lib/swarm/" + NAME),
        (r"C:\ProgramData\Swarm Data", "C:\\ProgramData\\Swarm Data\\" + NAME),
        (r"\\nas\swarm", "\\\\nas\\swarm\\" + NAME),
    ],
)
def test_where_a_mark_lies(data_dir, path):
    assert mark_path(data_dir, VERSION) == path
    assert marked_versions([path[-len(NAME) :]]) == [str(VERSION)]
    awaited = mark_path(data_dir, VERSION, AWAITED)
    assert awaited == path.replace(".sending", ".awaited")
    assert marked_versions([path[-len(NAME) :], awaited[-len(NAME) :]], AWAITED) == [str(VERSION)]
