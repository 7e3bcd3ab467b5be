# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A double of Windows hosts: see the README beside."""

from __future__ import annotations

from .documented import NotDocumented, check_options, check_result
from .files import WindowsError
from .host import Host

__all__ = ["Host", "NotDocumented", "WindowsError", "check_options", "check_result"]
