# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""peer_info: the module looks at the host's disk, the web port is asked from here."""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import peer_info_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import Client
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import TransportError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import Look
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import parse_settings
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import SwarmAction

_NOTHING: t.Dict[str, t.Any] = {
    "builds": [],
    "imports": [],
    "import_dir": None,
    "mount": None,
}


class ActionModule(SwarmAction):
    SPEC = peer_info_spec()

    def act(self) -> t.Dict[str, t.Any]:
        options = self.options
        facts: t.Dict[str, t.Any] = dict(_NOTHING)
        settings, shared, web_port = None, None, options["web_port"]
        if options["data_dir"] or options["config"]:
            facts = self.look_at_disk()
            look = Look(facts)
            shared, web_port = look.shared, look.web_port or web_port
            if facts["config_content"] is not None:
                settings = parse_settings(base64.b64decode(facts["config_content"]), options["config"], ())
        return {
            "changed": False,
            "settings": settings,
            "api": _ask(Client(options["peer"], web_port, Limits(connect=options["connect_timeout"]))),
            "import_shared": shared,
            **{name: facts[name] for name in _NOTHING},
        }


def _ask(client: Client) -> t.Dict[str, t.Any]:
    try:
        allowed = client.allows_executables()
    except TransportError as error:
        return {"url": client.base_url, "reachable": False, "allow_executables": None, "error": str(error)}
    return {"url": client.base_url, "reachable": True, "allow_executables": allowed, "error": None}
