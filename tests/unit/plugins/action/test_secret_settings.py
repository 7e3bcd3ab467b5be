# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of settings that are secret: callbacks get the arguments of a task, and a host logs those of a module."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible.plugins.action")

from ansible_collections.renderops.vray_swarm.plugins.action import peer_info
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import SwarmAction

MASK = "********"


class Task:
    check_mode = diff = async_val = False
    delegate_to = None

    def __init__(self, args, no_log=False):
        self.args = args
        self.no_log = no_log


class Action(SwarmAction):
    """One that takes whatever it gets."""

    SETTINGS = "settings"

    def __init__(self, task, seen, error=None):
        self._task = task
        self._task_vars = {}
        self._error = error
        self.seen = seen

    def _run(self, tmp, task_vars):
        self.seen.append(self._task.args)
        self.run_module("renderops.vray_swarm.settings", {})
        if self._error:
            raise self._error
        return {}

    def act(self):
        raise AssertionError

    def _execute_module(self, **kwargs):
        self.seen.append(self._task.no_log)
        return {}


class Look(Action, peer_info.ActionModule):
    SETTINGS = "wanted"


class WithoutSettings(Action):
    SETTINGS = None


@pytest.mark.parametrize("error", [None, ValueError("no reason")])
@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        (
            {"apiToken": "new", "proxy": {"user": "joe", "passwd": "new"}},
            {"apiToken": MASK, "proxy": {"user": "joe", "passwd": MASK}},
        ),
        ('{"apiToken": "new"}', MASK),
    ],
)
def test_arguments_are_masked_when_the_task_has_ended(settings, shown, error):
    given = {"path": "/etc/keys", "settings": settings}
    task, seen = Task(given), []
    # The second time as the first one: a task with `until` is run so.
    for _attempt in range(2):
        action = Action(task, seen, error)
        if error:
            with pytest.raises(ValueError, match="no reason"):
                action.run()
        else:
            action.run()
        assert task.args == {"path": "/etc/keys", "settings": shown}
    assert seen == [given, True, given, True]
    assert task.no_log is False
    # With other arguments, it is another one.
    task.args = other = {"settings": {"apiToken": "other"}}
    Action(task, seen).run()
    assert seen[4:] == [other, True]


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        ({"src": "//render:new@nas/vray", "fstype": "cifs"}, {"src": f"//render:{MASK}@nas/vray", "fstype": "cifs"}),
        ({"src": r"\\render:new@nas\vray"}, {"src": rf"\\render:{MASK}@nas\vray"}),
        ({"src": "render:n/ew@nas:/vray"}, {"src": f"render:{MASK}@nas:/vray"}),
        ({"src": ":s3,secret_access_key=new:vray"}, {"src": f":s3,secret_access_key={MASK}"}),
        ({"src": "//nas/vray", "options": "ro,smb-pass=new"}, {"src": "//nas/vray", "options": f"ro,smb-pass={MASK}"}),
        ({"options": "user=render:new"}, {"options": "user=render:***"}),
        ("src=//nas/vray options=user=render:new", MASK),
        (None, None),
    ],
)
def test_a_share_that_is_refused_is_masked(share, shown):
    """Whatever makes it be refused, callbacks get the arguments of the task that refuses it."""
    task = Task({"wanted": {"share": share, "settings": {"authToken": "new"}}})
    Look(task, []).run()
    assert task.args == {"wanted": {"share": shown, "settings": {"authToken": MASK}}}


@pytest.mark.parametrize("no_log", [False, True])
def test_a_host_logs_what_holds_no_settings(no_log):
    given = {"settings": {"apiToken": "not ours"}}
    action = WithoutSettings(Task(given, no_log), [])
    action.run()
    assert action.seen == [given, no_log]
    assert action._task.args == given
