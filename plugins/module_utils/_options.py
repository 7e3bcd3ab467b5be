# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Which values the options can have that plugins share."""

from __future__ import annotations

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import is_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError

# More makes the system's calls overflow: poll() counts milliseconds in 31 bits.
LONGEST_LIMIT = 1000000


def check_peer_options(options: t.Mapping[str, t.Any]) -> None:
    """Refuse values that no peer can have; ``peer`` is set.

    :raises OptionsError: It names the option, the value and what is expected.
    """
    check_port(options["web_port"])
    check_limits(options, "connect_timeout")
    peer = options["peer"]
    if not is_host(peer):
        raise OptionsError(f"peer is {peer!r}; it is a host name or an address, without scheme, port or path.")


def check_port(port: int) -> None:
    if not 1 <= port <= 65535:
        raise OptionsError(f"web_port is {port}; a port is a number from 1 to 65535.")


def check_limits(options: t.Mapping[str, t.Any], *names: str) -> None:
    for name in names:
        # Also refuses nan.
        if not 0 < options[name] <= LONGEST_LIMIT:
            raise OptionsError(
                f"{name} is {options[name]:g}; a limit is a number of seconds above 0, up to {LONGEST_LIMIT}."
            )
