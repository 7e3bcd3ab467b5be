# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host of a URL, and the same host as the system looks it up."""

from __future__ import annotations

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._address import is_host, system_host, url_host


@pytest.mark.parametrize(
    "peer, host, in_url",
    [
        ("peer07.example.com", "peer07.example.com", "peer07.example.com"),
        ("10.0.0.7", "10.0.0.7", "10.0.0.7"),
        ("fe80::1", "fe80::1", "[fe80::1]"),
        ("[fe80::1]", "fe80::1", "[fe80::1]"),
        ("fe80::1%eth0", "fe80::1%eth0", "[fe80::1%25eth0]"),
        ("[fe80::1%eth0]", "fe80::1%eth0", "[fe80::1%25eth0]"),
        ("fe80::1%25eth0", "fe80::1%eth0", "[fe80::1%25eth0]"),
        ("[fe80::1%25eth0]", "fe80::1%eth0", "[fe80::1%25eth0]"),
        # The interface with this number, and not a text of a URL.
        ("fe80::1%25", "fe80::1%25", "[fe80::1%2525]"),
        ("fe80::1%2525", "fe80::1%25", "[fe80::1%2525]"),
        ("fe80::1%", "fe80::1", "[fe80::1]"),
    ],
)
def test_a_host_for_the_system_and_in_a_url(peer, host, in_url):
    assert is_host(peer)
    assert (system_host(peer), url_host(peer)) == (host, in_url)
