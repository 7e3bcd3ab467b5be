# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's transport, as its action and its module use it: collection.py URL FILE [sendfile|blocks].

Without a word it chooses by the connection.
"""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _session  # noqa: F401 # pylint: disable=unused-import
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import Client
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import Multipart
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits
from inner import measured

HOW = {"sendfile": True, "blocks": False}

url = urlsplit(sys.argv[1])
client = Client(str(url.hostname), int(url.port or 1113), Limits())


def upload() -> None:
    with open(sys.argv[2], "rb", buffering=0) as file:
        call = client.upload(Multipart(file, "vray.tar", False), use_sendfile=HOW.get("".join(sys.argv[3:])))
        if call.run().outcome != "existing" or not call.sending.complete:
            raise SystemExit("not sent whole")


measured(upload)
