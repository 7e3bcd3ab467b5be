# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths of Windows and of others, compared on whichever system."""

from __future__ import annotations

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._paths import is_within


@pytest.mark.parametrize(
    "path, directory, expected",
    [
        ("/mnt/vray/stable", "/mnt/vray", True),
        ("/mnt/vray", "/mnt/vray/", True),
        ("/mnt/vray/../x", "/mnt/vray", False),
        ("/mnt/vray2", "/mnt/vray", False),
        ("/mnt/VRay/x", "/mnt/vray", False),
        ("/x", "/", True),
        (r"\\NAS\vray\stable", r"\\nas\VRay", True),
        ("//nas/vray/stable", r"\\nas\vray", True),
        (r"\\nas\vray2", r"\\nas\vray", False),
        ("c:/Swarm/VRay", "C:\\swarm\\", True),
        ("D:\\Swarm", "C:\\Swarm", False),
    ],
)
def test_within(path, directory, expected):
    assert is_within(path, directory) == expected
