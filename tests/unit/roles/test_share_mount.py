# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role share_mount does not touch, and when it touches the rest."""

from __future__ import annotations

import pathlib
import subprocess

import jinja2
import pytest
import yaml

ROLE = pathlib.Path(__file__).resolve().parents[3] / "roles" / "share_mount"


def block_of(name):
    """The block of a file of tasks."""
    tasks = yaml.safe_load((ROLE / "tasks" / name).read_text(encoding="utf-8"))
    (block,) = [task for task in tasks if "block" in task]
    return block


@pytest.mark.parametrize(
    "check_mode, point, readable, mounts",
    [
        (True, False, False, True),
        (True, True, True, True),
        (True, True, False, False),
        (False, True, False, True),
    ],
)
def test_check_mode_does_not_wait_for_a_share_that_does_not_answer(check_mode, point, readable, mounts):
    (condition,) = [task["when"] for task in block_of("replace.yml")["block"] if "ansible.posix.mount" in task]
    look = {"mount": {"point": point, "readable": readable}}
    found = jinja2.Environment().compile_expression(condition)(ansible_check_mode=check_mode, __vray_swarm_looked=look)
    assert found is mounts


def test_nothing_is_changed_before_the_share_was_tried():
    tried, told, replaced = block_of("mount.yml")["block"]
    command = tried["ansible.builtin.command"]
    # The password is on its standard input, and in no argument.
    assert tried["no_log"] is True and "__share_mount_credentials" in command["stdin"]
    assert not any("__share_mount_credentials" in argument for argument in command["argv"])
    # Whatever it mounts and starts ends with it, and a limit ends it.
    assert command["argv"][:6] == ["timeout", "--signal=KILL", "170", "unshare", "--mount", "--pid"]
    assert "ansible.builtin.fail" in told and "__share_mount_tried.rc != 0" in told["when"]
    assert replaced["ansible.builtin.include_tasks"] == "replace.yml"


def test_what_is_kept_is_removed_however_it_ends():
    (removed,) = block_of("replace.yml")["always"]
    assert "when" not in removed and "/etc/fstab.vray_swarm~" in removed["ansible.builtin.command"]["argv"]
    assert "__vray_swarm_share_credentials ~ '~'" in removed["ansible.builtin.command"]["argv"]


@pytest.mark.parametrize(
    "fstab, told, lines",
    [
        ("lines\n", "fstab\n", "lines\n"),
        ("", "restored\nfstab\n", "older lines\n"),
        (None, "restored\nfstab\n", "older lines\n"),
    ],
)
def test_fstab_is_kept_and_one_that_lost_its_lines_gets_them_back(tmp_path, fstab, told, lines):
    text = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))["__share_mount_keep"]
    if fstab is not None:
        (tmp_path / "fstab").write_text(fstab, encoding="utf-8")
    (tmp_path / "fstab.vray_swarm~").write_text("older lines\n", encoding="utf-8")
    command = ["sh", "-c", text.replace("/etc/", f"{tmp_path}/"), "sh", "fstab", ""]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == told
    for name in ("fstab", "fstab.vray_swarm~"):
        assert (tmp_path / name).read_text(encoding="utf-8") == lines


@pytest.mark.parametrize(
    "src, options, credentials, line",
    [
        (
            "//nas/vray",
            "ro,credentials=/etc/c,soft,_netdev,nofail,x-vray_swarm",
            "/etc/c",
            "//nas/vray /run/vray_swarm/share cifs"
            " ro,credentials=/run/vray_swarm/credentials,soft,_netdev,x-vray_swarm 0 0",
        ),
        ("//nas/a b", "ro,a=B\\c", "", "//nas/a\\040b /run/vray_swarm/share cifs ro,a=B\\134c 0 0"),
    ],
)
def test_the_line_that_is_tried(src, options, credentials, line):
    text = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))["__share_mount_try_line"]
    share = {"src": src, "fstype": "cifs", "options": options}
    values = {
        "__vray_swarm_share": share,
        "__vray_swarm_share_credentials": credentials,
        "__vray_swarm_backslash": "\\",
    }
    assert jinja2.Environment().from_string(text).render(values) == line
