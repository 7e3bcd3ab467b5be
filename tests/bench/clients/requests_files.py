# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What most scripts do: requests_files.py URL FILE."""

from __future__ import annotations

import sys

import requests

from inner import measured


def upload() -> None:
    with open(sys.argv[2], "rb") as file:
        answer = requests.post(sys.argv[1], data={"queued": "false"}, files={"file": ("vray.tar", file)}, timeout=600)
    answer.json()["ExistingUR"]


measured(upload)
