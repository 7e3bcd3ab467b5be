# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What programs and modules of Ansible say goes through a role into a message, and no terminal obeys it."""

from __future__ import annotations

import re

import pytest
import yaml

pytest.importorskip("ansible.template")

from role_variables import ROLES, template, trusted, variables_of

NASTY = "\x1b]0;owned\x07\x1b[31mred \x9b 2J\r\n \u061c\u200eevil\u202e\u2028"
SHOWN = "?]0;owned??[31mred ? 2J ??evil?"
SAID = {"rc": 32, "stderr": f"mount: {NASTY}\n", "msg": f"no {NASTY}"}
LOOKED = {
    "point": True,
    "readable": True,
    "path": r"\\nas\vray",
    "doubt": f"Only {NASTY}",
    "read_as": NASTY,
    "error": NASTY,
}
FAILED = {"ansible_failed_task": {"name": "Ask"}, "ansible_failed_result": {"failed": True, "msg": f"{NASTY}, it said"}}
# Each variable, or name of a task, with what it is made of.
MESSAGES = [
    ("share_mount", "__share_mount_told", {"__share_mount_says": trusted("{{ __share_mount_told_tried }}")}),
    ("share_mount", "__share_mount_told", {"__share_mount_says": SAID["msg"]}),
    ("share_mount", "__share_mount_told_back", {}),
    ("share_mount", "__share_mount_told_back", {"__share_mount_back": {"rc": 1, "stderr": "", "msg": NASTY}}),
    ("share_mount", "credentials.yml: Say why it could not be written", {}),
    (
        "share_mount",
        "credentials.yml: Say why it could not be written",
        {"__share_mount_made": {}, "__share_mount_written": SAID},
    ),
    ("share_mount", "windows.yml: Say what is not proved", {}),
    (
        "share_mount",
        "windows.yml: Say what is not proved",
        {"__vray_swarm_looked": {"mount": {**LOOKED, "readable": 0}}},
    ),
    ("share_server", "nfs.yml: Say why", {"__share_server_said": SAID["stderr"]}),
    ("peer", "__peer_failed", FAILED),
    ("builds", "__builds_failure", FAILED),
    ("builds", "__builds_failure", {**FAILED, "ansible_failed_result": {"results": [{"failed": True, "msg": NASTY}]}}),
    ("builds", "__builds_still_open", {"__builds_closed": SAID}),
    (
        "builds",
        "mark.yml: Tell which were not",
        {"__builds_unmarked": [{"item": ["7.0.6-abc", "awaited"], "msg": NASTY}]},
    ),
    ("builds", "interrupted.yml: Leave what nobody could bring back", {"__builds_settled": {"import_shared": NASTY}}),
    *(
        ("builds", name, {"__builds_peer": {"import_shared": f"/mnt lies on the cifs mount {NASTY}"}})
        for name in (
            "relay_send.yml: Refuse to upload into a shared import directory",
            "relay.yml: Refuse an installer of which nobody can tell whether the peer has run it",
        )
    ),
]
VARIABLES = {
    "__builds_untellable": ["setup.run"],
    "__builds_why": "Because.",
    "__share_mount_back": SAID,
    "__share_mount_let_go": {"skipped": False},
    "__share_mount_made": SAID,
    "__share_mount_tried": SAID,
    "__vray_swarm_looked": {"mount": LOOKED},
    "__vray_swarm_share_credentials": "/etc/c",
    "inventory_hostname": "peer1",
    "vray_swarm_data_dir": "/srv/swarm",
    "vray_swarm_share_path": "/mnt/vray",
    "vray_swarm_share_src": "//nas/vray",
    "vray_swarm_window_limit": 900,
}


def tasks_of(tasks):
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part, []))


def text_of(role, name):
    """A variable of a role, or the message of a task of it."""
    file, separator, task_name = name.partition(": ")
    if not separator:
        return variables_of(role)[name]
    tasks = yaml.safe_load((ROLES / role / "tasks" / file).read_text(encoding="utf-8"))
    (task,) = [task for task in tasks_of(tasks) if task["name"] == task_name]
    (options,) = [value for key, value in task.items() if key.startswith("ansible.builtin.")]
    return options.get("msg") or options["fail_msg"]


@pytest.mark.parametrize(("role", "name", "variables"), MESSAGES)
def test_a_message_holds_nothing_that_a_terminal_obeys(role, name, variables):
    common = {key: value for key, value in variables_of("common").items() if key == "__vray_swarm_unprintable"}
    found = template(role, text_of(role, name), **{**common, **VARIABLES, **variables})
    (told,) = found if isinstance(found, list) else [found]
    assert SHOWN in told
    assert told.isprintable(), ascii(told)


def test_a_message_that_is_made_where_nothing_was_said():
    """ansible.builtin.assert has its message made also where it does not fail."""
    for role, name, variables in (
        (
            "builds",
            "relay_send.yml: Refuse to upload into a shared import directory",
            {"__builds_peer": {"import_shared": None}},
        ),
        (
            "share_mount",
            "windows.yml: Say what is not proved",
            {"__vray_swarm_looked": {"mount": {**LOOKED, "doubt": None}}},
        ),
    ):
        common = {"__vray_swarm_unprintable": variables_of("common")["__vray_swarm_unprintable"]}
        assert "None" not in template(role, text_of(role, name), **{**common, **VARIABLES, **variables})


def test_what_is_shown_of_others_is_what_a_terminal_does_not_obey():
    """The marks that turn the direction of writing are those of Unicode, and with the control characters there are all."""
    pattern = re.compile(variables_of("common")["__vray_swarm_unprintable"])
    turning = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    control = [chr(number) for number in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)]
    assert [ascii(char) for char in [*turning, *control] if not pattern.fullmatch(char)] == []
    assert not pattern.search("Zürich, 東京: a\u0301 \U0001f600 C:\\x /y~ \xa0")
