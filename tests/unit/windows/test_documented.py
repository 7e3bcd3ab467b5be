# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection asks of ansible.windows is what its documentation has: names, types, choices."""

from __future__ import annotations

import base64
import json
import re
import typing as t

import pytest
import yaml

from windows_double import Host, NotDocumented, check_options, check_result
from windows_double.documented import documentation, folder
from windows_double.farm import ROOT
from windows_double.scripts import check_parameters


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        ("ansible.windows.win_stat", {"path": "C:\\", "checksum": True}, "has no option checksum"),
        ("ansible.windows.win_stat", {"path": ["C:\\"]}, "the documentation says path"),
        ("ansible.windows.win_stat", {"path": "C:\\", "get_checksum": "yes"}, "the documentation says bool"),
        ("ansible.windows.win_stat", {"path": "C:\\", "checksum_algorithm": "crc"}, "the documentation has"),
        ("ansible.windows.win_stat", {}, "needs the options path"),
        ("ansible.windows.win_powershell", {"arguments": ["-NoLogo", 1]}, "the documentation says str"),
        ("ansible.windows.win_nothing", {}, "has no module win_nothing"),
        ("community.windows.win_scheduled_task", {}, "is no module of ansible.windows"),
    ],
)
def test_what_is_not_documented_is_refused(module, options, message):
    with pytest.raises(NotDocumented, match=message):
        check_options(module, options)


def test_the_double_may_not_return_what_is_not_documented():
    with pytest.raises(NotDocumented, match="does not return owner_of_it"):
        check_result("ansible.windows.win_stat", {"changed": False, "stat": {"exists": True, "owner_of_it": "me"}})
    with pytest.raises(NotDocumented, match="returns stat success"):
        check_result("ansible.windows.win_stat", {"changed": False})
    with pytest.raises(NotDocumented, match="size is 'large', and the documentation says int"):
        check_result("ansible.windows.win_stat", {"stat": {"exists": True, "size": "large"}})


def test_a_module_must_be_the_one_of_ansible_windows(tmp_path):
    request: t.Dict[str, t.Any] = {"module": "ansible.windows.win_stat", "become": None, "check_mode": False}
    request["options"] = {"path": r"C:\x"}
    source = (folder() / "win_stat.ps1").read_bytes()
    host = Host(tmp_path)
    host.answer(dict(request, source=base64.b64encode(source).decode()))
    with pytest.raises(NotDocumented, match=r"not the ansible\.windows\.win_stat"):
        host.answer(dict(request, source=base64.b64encode(source + b"#").decode()))


def ask_win_file(host: Host, path: str, state: str, check_mode: bool = False) -> t.Dict[str, t.Any]:
    source = base64.b64encode((folder() / "win_file.ps1").read_bytes()).decode()
    options = {"path": path, "state": state}
    request = {"module": "ansible.windows.win_file", "become": None, "check_mode": check_mode, "source": source}
    return json.loads(host.answer(dict(request, options=options))[1])


def test_directories_are_made(tmp_path):
    host = Host(tmp_path)
    real = host.real(r"C:\a\b\c")
    assert ask_win_file(host, r"C:\a\b\c", "directory", check_mode=True) == {"changed": True} and not real.exists()
    assert ask_win_file(host, r"C:\a\b\c", "directory") == {"changed": True} and real.is_dir()
    assert ask_win_file(host, r"c:\A\b\C", "directory") == {"changed": False}
    (real / "file").touch()
    assert "is not a directory" in ask_win_file(host, r"C:\a\b\c\file", "directory")["msg"]
    assert ask_win_file(host, r"C:\a\b\c\file\d", "directory")["failed"]
    with pytest.raises(NotDocumented, match="does not know the state touch"):
        ask_win_file(host, r"C:\a", "touch")


def test_directories_are_removed(tmp_path):
    host = Host(tmp_path)
    top, beside = host.real(r"C:\top"), host.real(r"C:\beside")
    for folder_of in (top / "in it", beside):
        folder_of.mkdir(parents=True)
        (folder_of / "file").touch()
    (top / "link").symlink_to(beside)
    assert ask_win_file(host, r"C:\top", "absent", check_mode=True) == {"changed": True}
    assert (top / "in it" / "file").exists()
    host.locked.add(r"c:\top\in it\file")
    failed = ask_win_file(host, r"C:\top", "absent")
    assert failed["failed"] and failed["msg"].startswith(
        r"Failed to delete C:\top\in it\file: The process cannot access"
    )
    assert (top / "in it" / "file").exists()
    host.locked.clear()
    assert ask_win_file(host, r"C:\top", "absent") == {"changed": True}
    assert not top.exists() and (beside / "file").exists()
    assert ask_win_file(host, r"C:\top", "absent") == {"changed": False}


def test_a_script_gets_only_parameters_that_it_declares():
    with pytest.raises(NotDocumented, match="has no parameter Datadir"):
        check_parameters("look", {"Datadir": "C:\\"})
    with pytest.raises(NotDocumented, match="int is declared"):
        check_parameters("service", {"Seconds": "10"})


def tasks_in(node: t.Any) -> t.Iterator[t.Tuple[str, t.Any]]:
    if isinstance(node, list):
        for item in node:
            yield from tasks_in(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name.startswith("ansible.windows."):
                yield name, value
            elif name in ("block", "rescue", "always"):
                yield from tasks_in(value)


def test_the_tasks_of_the_roles_name_documented_options():
    seen = set()
    for path in (ROOT / "roles").rglob("tasks/*.yml"):
        for module, options in tasks_in(yaml.safe_load(path.read_text(encoding="utf-8"))):
            spec = documentation(module)[0]
            assert set(options) <= set(spec), path
            seen.add(module)
    assert seen == {"ansible.windows.win_file", "ansible.windows.win_service", "ansible.windows.win_stat"}


def test_the_plugins_call_modules_that_there_are():
    called = set()
    for path in (ROOT / "plugins").rglob("*.py"):
        called |= set(re.findall(r'"(ansible\.windows\.\w+)"', path.read_text(encoding="utf-8")))
    names = ("win_file", "win_powershell", "win_service_info", "win_stat")
    assert called == {f"ansible.windows.{name}" for name in names}
    for module in called:
        assert documentation(module)
