# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What leaves a task can be shown, and put into XML, as it is."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible.plugins.action")

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import _to_show


def test_what_a_failed_module_tells_is_obeyed_by_no_terminal():
    told = _to_show({"exception": "At line:1\r\n\t+ Get-Item \x1b[31m\x07\0\x9b\u202e\nraise\r"})
    assert told == {"exception": "At line:1\r\n\t+ Get-Item \\x1b[31m\\x07\\x00\\x9b\\u202e\nraise\\r"}


def test_a_summary_of_ansible_itself_is_left_to_it():
    summary = object()
    assert _to_show({"exception": summary})["exception"] is summary
