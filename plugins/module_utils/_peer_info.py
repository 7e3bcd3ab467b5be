# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The module peer_info: all of a look, in one run on the host."""

from __future__ import annotations

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._ask import ask
from ansible_collections.renderops.vray_swarm.plugins.module_utils._discover import discover
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import Look, look_at
from ansible_collections.renderops.vray_swarm.plugins.module_utils._options import check_peer_options
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service import check_service_name

_OF_A_HOST = ("data_dir", "config", "import_dir", "share_path", "service")


def check_options(options: t.Mapping[str, t.Any]) -> None:
    """Refuse values that no look can have; all else that is wrong is told by it.

    :raises OptionsError: It names the option, the value and what is expected.
    """
    check_peer_options(dict(options, peer=options["peer"] or "localhost"))
    if options["service"]:
        check_service_name(options["service"])


def look(options: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return the facts that the options ask for."""
    check_options(options)
    facts = look_at(
        options["data_dir"],
        options["config"],
        options["import_dir"],
        options["share_path"],
        options["service"],
        options["details"],
        # Whose disk it is matters only where one is looked at.
        options["peer"] if any(options[name] for name in _OF_A_HOST) else None,
        options["platform"],
    )
    facts["api"] = facts["discovered"] = None
    if options["api_from"] == "peer":
        try:
            web_port = Look(facts).web_port or options["web_port"]
        except OptionsError:  # The action tells of it.
            web_port = options["web_port"]
        facts["api"] = ask(options["peer"] or "localhost", web_port, options["connect_timeout"])
    if options["discover"]:
        facts["discovered"] = discover(options["web_port"], options["connect_timeout"])
    return facts
