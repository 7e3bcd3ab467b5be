# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Python asks for the proxies of a Mac: there are none."""

from __future__ import annotations

import typing as t


def _get_proxy_settings() -> t.Dict[str, t.Any]:
    return {}


def _get_proxies() -> t.Dict[str, str]:
    return {}
