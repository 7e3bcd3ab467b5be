# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""requests with the streaming body of requests-toolbelt: toolbelt.py URL FILE."""

from __future__ import annotations

import sys

import requests
from requests_toolbelt import MultipartEncoder

from inner import measured


def upload() -> None:
    with open(sys.argv[2], "rb") as file:
        body = MultipartEncoder({"queued": "false", "file": ("vray.tar", file, "application/octet-stream")})
        headers = {"Content-Type": body.content_type}
        answer = requests.post(sys.argv[1], data=body, headers=headers, timeout=600)
    answer.json()["ExistingUR"]


measured(upload)
