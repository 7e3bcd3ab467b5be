# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module as ansible-core runs it: arguments in as JSON, one JSON object out."""

from __future__ import annotations

import hashlib
import json
import os
import struct

import pytest
import yaml
from ansible.module_utils import basic

from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import PLATFORMS, sha256
from ansible_collections.renderops.vray_swarm.plugins.modules import build_info

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 62) + bytes(44)


@pytest.fixture
def run(monkeypatch, capsys):
    def run_module(**arguments):
        arguments = {"ANSIBLE_MODULE_ARGS": arguments}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(arguments).encode("utf-8"))
        # ansible-core 2.19 and newer
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit) as caught:
            build_info.main()
        result = json.loads(capsys.readouterr().out)
        assert bool(caught.value.code) == bool(result.get("failed"))
        # What ansible-core adds to the result of each module, and to each result that has a path.
        added = ("invocation", "uid", "gid", "owner", "group", "mode", "state", "secontext")
        return {name: value for name, value in result.items() if name not in added}

    return run_module


@pytest.fixture
def build(tmp_path):
    path = tmp_path / "vray-7.00.06-e8197af2"
    path.write_bytes(ELF)
    return str(path)


@pytest.mark.parametrize("check", [False, True])
def test_a_build(run, build, check):
    result = run(src=build, _ansible_check_mode=check)
    assert result == {
        "changed": False,
        "path": build,
        "name": "vray-7.00.06-e8197af2",
        "size": len(ELF),
        "format": "elf",
        "kind": "installer",
        "os": "Linux",
        "architectures": ["x86"],
        "platforms": ["Linux_x86"],
        "platform": "Linux_x86",
        "version": "7.0.6-e8197af2",
        "version_dict": {"_revHash": "e8197af2", "_ver": {"_major": 7, "_minor": 0, "_release": 6}},
        "sha256": hashlib.sha256(ELF).hexdigest(),
    }


def test_what_is_returned_is_what_is_documented(run, build):
    result = run(src=build)
    assert set(result) - {"changed"} == set(yaml.safe_load(build_info.RETURN))


def test_the_choices_are_the_platforms():
    assert yaml.safe_load(build_info.DOCUMENTATION)["options"]["platform"]["choices"] == list(PLATFORMS)


def test_the_hash_is_optional_and_costs_nothing_then(run, build, monkeypatch):
    monkeypatch.setattr(build_info, "sha256", lambda path: pytest.fail("computed"))
    assert run(src=build, sha256=False)["sha256"] is None


def test_a_build_that_is_written_while_it_is_looked_at(run, build, monkeypatch):
    def write(source):
        with open(build, "ab") as file:
            file.write(b"more")
        return sha256(source)

    monkeypatch.setattr(build_info, "sha256", write)
    result = run(src=build)
    assert result["failed"]
    said = "vray-7.00.06-e8197af2' changed after it had been checked. Wait until it is complete, then run again."
    assert result["msg"].endswith(said)


def test_the_name_need_not_carry_the_version(run, tmp_path):
    (tmp_path / "vray-lin-df715d3c8ff9").write_bytes(ELF)
    result = run(src=str(tmp_path / "vray-lin-df715d3c8ff9"))
    assert (result["version"], result["version_dict"]) == (None, None)


def test_the_platform_is_checked(run, build):
    assert run(src=build, platform="Linux_x86")["platform"] == "Linux_x86"
    result = run(src=build, platform="Windows_x86")
    assert result["failed"]
    assert "was said to be for Windows_x86, but what is in it is for Linux_x86" in result["msg"]
    assert "value of platform must be one of: Linux_x86, " in run(src=build, platform="Linux")["msg"]


@pytest.mark.parametrize(
    "content, problem",
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b"%PDF-1.4", "Its first bytes are 25 50 44 46 2d 31 2e 34 ('%PDF-1.4'). Expected is an archive (tar, "),
    ],
    ids=["missing", "empty", "pdf"],
)
def test_failures_say_what_is_wrong(run, tmp_path, content, problem):
    path = str(tmp_path / "build")
    if content is not None:
        (tmp_path / "build").write_bytes(content)
    result = run(src=path)
    assert result["failed"]
    assert path in result["msg"]
    assert problem in result["msg"]


def test_nothing_is_written(run, build):
    before = os.stat(build)
    run(src=build)
    after = os.stat(build)
    assert (before.st_mtime_ns, before.st_size, before.st_ino) == (after.st_mtime_ns, after.st_size, after.st_ino)
    assert os.listdir(os.path.dirname(build)) == [os.path.basename(build)]


def test_a_name_is_shown_and_obeyed_by_no_terminal(run, tmp_path):
    path = tmp_path / "vr\xe4y-\x9b\u202e"
    path.write_bytes(ELF)
    result = run(src=str(path), sha256=False)
    assert result["name"] == "vr\xe4y-" + r"\x9b\u202e"
    assert result["path"] == f"{tmp_path}/{result['name']}"
    path.unlink()
    result = run(src=str(path))
    assert result["msg"].isprintable() and r"\x9b\u202e" in result["msg"]
    # Not each ansible-core shows it.
    assert "\x9b" not in result.get("exception", "") and "\u202e" not in result.get("exception", "")
