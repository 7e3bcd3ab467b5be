# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The module peer_info: all of a look, in one run on the host."""

from __future__ import annotations

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import Look, look_at
from ansible_collections.renderops.vray_swarm.plugins.module_utils._options import check_peer_options
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service import check_service_name

_LONGEST_WATCH = 600
_OF_A_HOST = ("data_dir", "config", "import_dir", "share_path", "service")


def check_options(options: t.Mapping[str, t.Any], check_service: t.Callable[[str], None] = check_service_name) -> None:
    """Refuse values that no look can have; all else that is wrong is told by it.

    :raises OptionsError: It names the option, the value and what is expected.
    """
    check_peer_options(dict(options, peer=options["peer"] or "localhost"))
    # Also refuses nan.
    if not 0 <= options["watch"] <= _LONGEST_WATCH:
        raise OptionsError(f"watch is {options['watch']:g}; it is a number of seconds, up to {_LONGEST_WATCH}.")
    if options["watch"] and options["wait"]:
        raise OptionsError("watch and wait cannot be combined.")
    if not options["settle_time"] >= 0:
        raise OptionsError(f"settle_time is {options['settle_time']:g}; it is a number of seconds.")
    if options["service"]:
        check_service(options["service"])
    if options["share_credentials"] and not options["share_path"]:
        raise OptionsError("share_credentials needs share_path.")


def look(options: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return the facts that the options ask for."""
    check_options(options)
    # Watched first, so that the look tells how it is afterwards.
    opened, trouble = _watch(options) if options["watch"] else ({}, None)
    facts = _look_at(options)
    if trouble:
        facts["errors"]["watch"] = trouble
    elif options["watch"]:
        for item in facts["imports"]:
            item["opened"] = opened.get(item["name"], 0)
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


def _look_at(options: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    return look_at(
        options["data_dir"],
        options["config"],
        options["import_dir"],
        options["share_path"],
        options["service"],
        options["details"],
        # Whose disk it is matters only where one is looked at.
        options["peer"] if any(options[name] for name in _OF_A_HOST) else None,
        options["platform"],
        options["share_credentials"],
        options["share_digest"],
        options["share_signature"],
    )


def _watch(options: t.Mapping[str, t.Any]) -> t.Tuple[t.Dict[str, int], t.Optional[str]]:
    """Return how often each file in the import directory was opened, or why that is not known."""
    import_dir = _look_at(dict(options, share_path=None, service=None, details=()))["import_dir"]
    if not import_dir:
        return {}, "No import directory was watched: data_dir, config or import_dir must tell where it is."
    from ansible_collections.renderops.vray_swarm.plugins.module_utils._watch import count_opens

    try:
        return count_opens(import_dir, options["watch"]), None
    except OptionsError as error:
        return {}, str(error)
