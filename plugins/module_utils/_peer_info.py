# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The module peer_info: all of a look, in one run on the host."""

from __future__ import annotations

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._address import is_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import Look, look_at
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service import check_service_name

_LONGEST_TIMEOUT = 600
_OF_A_HOST = ("data_dir", "config", "import_dir", "share_path", "service")


def check_options(options: t.Mapping[str, t.Any]) -> None:
    """Refuse values that no look can have; all else that is wrong is told by it.

    :raises OptionsError: It names the option, the value and what is expected.
    """
    if not 1 <= options["web_port"] <= 65535:
        raise OptionsError(f"web_port is {options['web_port']}; a port is a number from 1 to 65535.")
    # Also refuses nan.
    if not 0 < options["connect_timeout"] <= _LONGEST_TIMEOUT:
        raise OptionsError(
            f"connect_timeout is {options['connect_timeout']:g}; it is a number of seconds above 0, up to"
            f" {_LONGEST_TIMEOUT}."
        )
    if options["peer"] and not is_host(options["peer"]):
        raise OptionsError(
            f"peer is {options['peer']!r}; it is a host name or an address, without scheme, port or path."
        )
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
    # On a host, what is imported is compiled in each run: only what is asked for.
    if options["api_from"] == "peer":
        from ansible_collections.renderops.vray_swarm.plugins.module_utils._ask import ask

        try:
            web_port = Look(facts).web_port or options["web_port"]
        except OptionsError:  # The action tells of it.
            web_port = options["web_port"]
        facts["api"] = ask(options["peer"] or "localhost", web_port, options["connect_timeout"])
    if options["discover"]:
        from ansible_collections.renderops.vray_swarm.plugins.module_utils._discover import discover

        facts["discovered"] = discover(options["web_port"], options["connect_timeout"])
    return facts
