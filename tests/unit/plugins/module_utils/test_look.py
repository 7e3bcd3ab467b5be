# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A look at a peer's disk, and what decisions read of it."""

from __future__ import annotations

import base64
import json
import os

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _look
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import Import, Look, look_at
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mounts import Mount
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import Version


@pytest.fixture(autouse=True)
def mount(monkeypatch):
    """What find_mount() finds; it is asked with the import directory."""
    found = {"mount": Mount("/dev/sda1", "/", "ext4"), "asked": []}

    def find(directory):
        found["asked"].append(directory)
        return found["mount"]

    monkeypatch.setattr(_look, "find_mount", find)
    return found


@pytest.fixture
def swarm(tmp_path):
    """A data directory as the vendor describes it."""
    root = tmp_path / "swarm"
    (root / "VRay" / "import").mkdir(parents=True)
    return root


def config_of(tmp_path, text):
    path = tmp_path / "swarm.yaml"
    path.write_bytes(text.encode("utf-8"))
    return str(path)


def test_what_is_deployed(swarm):
    for name in ("vray-6.20.10-e8197af2", "vray-7.00.06-0a1b2c3d", "vray-", "vray-x", "other-6.20.10-e8197af2"):
        (swarm / "VRay" / name).mkdir()
    (swarm / "VRay" / "vray-6.20.11-e8197af2").write_bytes(b"a file")
    facts = look_at(str(swarm))
    first, second = str(swarm / "VRay" / "vray-6.20.10-e8197af2"), str(swarm / "VRay" / "vray-7.00.06-0a1b2c3d")
    assert facts["builds"] == [
        {"version": "6.20.10-e8197af2", "directory": first},
        {"version": "7.0.6-0a1b2c3d", "directory": second},
    ]
    assert Look(facts).deployed == {
        Version.parse("6.20.10-e8197af2"): first,
        Version.parse("7.0.6-0a1b2c3d"): second,
    }


def test_what_lies_in_the_import_directory(swarm):
    folder = swarm / "VRay" / "import"
    (folder / "b.tar").write_bytes(b"12345")
    (folder / "a.tar").write_bytes(b"")
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(folder / "b.tar")
    (folder / "dangling").symlink_to(folder / "missing")
    os.mkfifo(str(folder / "pipe"))
    facts = look_at(str(swarm))
    assert facts["imports"] == [
        {"name": name, "path": str(folder / name), "bytes": size}
        for name, size in (("a.tar", 0), ("b.tar", 5), ("link", 5))
    ]
    assert Look(facts).imports == [
        Import(str(folder / name), size) for name, size in (("a.tar", 0), ("b.tar", 5), ("link", 5))
    ]
    assert (facts["import_dir"], facts["import_dir_configured"]) == (str(folder), False)


def test_a_look_changes_nothing(swarm):
    before = sorted(os.walk(str(swarm)))
    look_at(str(swarm))
    assert sorted(os.walk(str(swarm))) == before


def test_a_look_is_plain_data(swarm, tmp_path):
    """It travels as JSON."""
    (swarm / "VRay" / "vray-6.20.10-e8197af2").mkdir()
    facts = look_at(str(swarm), config_of(tmp_path, "webPort: 1114\n"))
    assert json.loads(json.dumps(facts)) == facts
    assert base64.b64decode(facts["config_content"]) == b"webPort: 1114\n"


def test_a_swarm_that_never_ran(tmp_path):
    facts = look_at(str(tmp_path))
    assert (facts["builds"], facts["imports"]) == ([], [])
    assert facts["import_dir"] == str(tmp_path / "VRay" / "import")
    assert facts["mount"] == {"source": "/dev/sda1", "path": "/", "fstype": "ext4", "network": False}


def test_the_import_directory_of_swarm_yaml(swarm, tmp_path, mount):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "x.tar").write_bytes(b"x")
    facts = look_at(str(swarm), config_of(tmp_path, "vrayImportDir: %s\n" % shared))
    assert facts["import_dir"] == str(shared)
    assert facts["import_dir_configured"] is True
    assert [item["name"] for item in facts["imports"]] == ["x.tar"]
    assert mount["asked"] == [str(shared)]
    # What the task says wins.
    facts = look_at(str(swarm), config_of(tmp_path, "vrayImportDir: /nowhere\n"), str(shared))
    assert facts["import_dir"] == str(shared)


def test_swarm_yaml_alone(tmp_path):
    facts = look_at(None, config_of(tmp_path, "webPort: 1114\n"))
    assert (facts["web_port"], facts["import_dir"], facts["mount"]) == (1114, None, None)
    look = Look(facts)
    assert look.web_port == 1114
    assert look.shared is None
    assert look.import_is_local


def test_a_data_directory_that_is_none(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for name in ("missing", "file"):
        with pytest.raises(OptionsError, match=r"is not there.*Set data_dir"):
            look_at(str(tmp_path / name))


def test_a_swarm_yaml_that_is_none(swarm, tmp_path):
    with pytest.raises(OptionsError, match=r"could not be read: No such file.*Set config"):
        look_at(str(swarm), str(tmp_path / "missing"))
    with pytest.raises(OptionsError, match=r"could not be read: Is a directory"):
        look_at(str(swarm), str(tmp_path))


def test_a_directory_that_may_not_be_read(swarm, monkeypatch):
    def denied(_directory):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(OptionsError, match=r"could not be read: Permission denied. Does the task need become"):
        look_at(str(swarm))


# What decisions read.


def look(**facts):
    known = {
        "data_dir": "/var/lib/swarm",
        "config": "/etc/swarm.yaml",
        "web_port": None,
        "import_dir": "/var/lib/swarm/VRay/import",
        "import_dir_configured": True,
        "builds": [],
        "imports": [],
        "mount": {"source": "/dev/sda1", "path": "/", "fstype": "ext4", "network": False},
    }
    known.update(facts)
    return Look(known)


@pytest.mark.parametrize("port, wanted", [(None, None), (1, 1), (1113, 1113), (65535, 65535)])
def test_the_port(port, wanted):
    assert look(web_port=port).web_port == wanted


@pytest.mark.parametrize("port", [0, 65536, -1, True, "1113", 1113.0, [1113], {}])
def test_a_port_that_is_none(port):
    with pytest.raises(OptionsError, match=r"^webPort in /etc/swarm.yaml is .* from 1 to 65535"):
        assert look(web_port=port).web_port


NAS = {"source": "//nas/x", "path": "/x", "fstype": "cifs", "network": True}


@pytest.mark.parametrize(
    "facts, told",
    [
        ({}, None),
        ({"import_dir": "/var/lib/swarm/elsewhere"}, None),
        ({"import_dir": "/var/lib/swarm"}, None),
        ({"import_dir": "/var/lib/swarm/../swarm/x"}, None),
        ({"import_dir": "/srv/builds", "import_dir_configured": False}, None),
        ({"mount": None}, None),
        ({"import_dir": None, "mount": None, "import_dir_configured": False}, None),
        ({"import_dir": "/srv/builds"}, "vrayImportDir in its swarm.yaml points to /srv/builds"),
        ({"import_dir": "/var/lib/swarm2"}, "vrayImportDir"),
        ({"import_dir": "/var/lib/swarm/../other"}, "vrayImportDir"),
        ({"data_dir": None}, None),
        ({"data_dir": None, "import_dir": "/srv/builds"}, "give data_dir"),
        ({"import_dir": "\\\\nas\\builds"}, "vrayImportDir"),
        ({"mount": NAS}, "/var/lib/swarm/VRay/import lies on the cifs mount //nas/x"),
    ],
)
def test_whether_others_read_the_import_directory(facts, told):
    shared = look(**facts).shared
    assert shared is None if told is None else told in shared


@pytest.mark.parametrize(
    "facts, local",
    [
        ({}, True),
        ({"mount": None}, True),
        ({"import_dir": None}, True),
        ({"mount": NAS}, False),
        ({"import_dir": "\\\\nas\\builds"}, False),
        ({"import_dir": "//nas/builds"}, False),
    ],
)
def test_whether_the_import_directory_is_local(facts, local):
    assert look(**facts).import_is_local is local
