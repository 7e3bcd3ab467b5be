# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""peer_info on a Windows host: three round trips at most, two as a rule, and the same facts as from Linux."""

from __future__ import annotations

import io
import json
import shutil
import struct
import tarfile
import typing as t

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import look_at
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._scripts import script_text
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_discover import _words
from windows_double import scripts
from windows_double.farm import CONFIG, DATA_DIR, NAME, SERVICE, SHARE, free_port
from windows_double.host import NOT_BECOME, SYSTEM
from windows_double.services import Swarm

INFO = "renderops.vray_swarm.peer_info"
# As no refusal of an account is told.
AILING = "The script was ended: the host has no memory left"
ALL = {"config": CONFIG, "data_dir": DATA_DIR, "service": SERVICE}


def deploy(peer: t.Any, version: str = "6.20.10-e8197af2") -> None:
    folder = peer.data_dir / "VRay" / f"vray-{version}" / "bin"
    folder.mkdir(parents=True)
    (folder / "vray.exe").write_bytes(b"MZ" + bytes(98))


def test_a_look_tells_all_in_two_round_trips(farm, peer):
    deploy(peer)
    (peer.data_dir / "VRay" / "import" / NAME).write_bytes(bytes(512))
    (peer.data_dir / "VRay" / "import" / "odd").mkdir()
    render = DATA_DIR.upper() + r"\VRay\vray-6.20.10-e8197af2\bin\vray.exe"
    peer.host.processes.append((4711, render))

    found = farm.task(INFO, dict(ALL, data_dir=DATA_DIR.replace("\\", "/"))).data

    assert peer.host.forget() == ["look", "look"]
    assert found["errors"] == {}
    assert found["settings"] == {"webPort": peer.port, "uploadsQueuePeriod": 0.2}
    assert found["service"] == {
        "state": "running",
        "enabled": True,
        "manager": "windows",
        "detail": "Running",
        "pid": peer.swarm.pid,
        "error": None,
    }
    assert found["api"]["reachable"] is True and found["api"]["pending_restart"] is False
    assert found["builds"] == [
        {
            "version": "6.20.10-e8197af2",
            "directory": DATA_DIR + r"\VRay\vray-6.20.10-e8197af2",
            "files": 1,
            "bytes": 100,
        }
    ]
    assert [(item["name"], item["bytes"], item["kind"]) for item in found["imports"]] == [
        ("odd", None, "directory"),
        (NAME, 512, "unknown"),
    ]
    assert found["imports"][1]["path"] == DATA_DIR + "\\VRay\\import\\" + NAME
    assert found["import_dir"] == DATA_DIR + r"\VRay\import"
    assert found["import_shared"] is None
    assert found["busy"] == [{"pid": 4711, "executable": render}]
    assert found["disk"] == {"temp": 500 * 10**9, "data": 500 * 10**9, "import": 500 * 10**9}
    assert found["platform"] == "Windows_x86"


def test_what_nobody_heard_of_is_told_as_elsewhere(farm, peer):
    for name in ("7.00.06-0a1b2c3d", "6.20.10-e8197af2", "", "x"):
        (peer.data_dir / f".vray_swarm-{name}.sending").mkdir()
    (peer.data_dir / ".vray_swarm-6.20.11-e8197af2.sending").write_bytes(b"a file")
    (peer.data_dir / ".vray_swarm-6.20.12-e8197af2.sending").symlink_to(peer.data_dir)
    found = farm.task(INFO, {"data_dir": DATA_DIR, "details": []}).data
    assert found["unanswered"] == ["6.20.10-e8197af2", "7.0.6-0a1b2c3d"] == look_at(str(peer.data_dir))["unanswered"]
    assert farm.task(INFO, {"web_port": peer.port}).data["unanswered"] == []


def test_whether_swarm_has_ended_since_a_build_was_put_there(farm, peer):
    """A build that has a mark, and was there before Swarm was started anew, is doubted, as elsewhere."""
    deploy(peer)
    version = "6.20.10-e8197af2"
    look = {"data_dir": DATA_DIR, "service": SERVICE, "details": []}

    def told():
        found = farm.task(INFO, look).data
        assert found["interrupted"] == [item for item in found["outlived"] or [] if item in found["awaited"]]
        return found["awaited"], found["outlived"]

    assert told() == ([], [])
    peer.swarm.started += 3600
    assert told() == ([], [version])
    peer.swarm.started -= 3600
    (peer.data_dir / f".vray_swarm-{version}.awaited").mkdir()
    (peer.data_dir / ".vray_swarm-7.0.0-0a1b2c3d.awaited").mkdir()
    both = [version, "7.0.0-0a1b2c3d"]
    assert told() == (both, [])
    peer.swarm.started += 3600
    assert told() == (both, [version])
    # Who may not be asked for how long it runs.
    peer.swarm.started = None
    assert told() == (both, None)
    peer.swarm.crash()
    assert told() == (both, [version])
    assert farm.task(INFO, {"data_dir": DATA_DIR}).data["interrupted"] == []


def test_what_is_free_is_told_of_each_drive(farm, peer, tmp_path):
    peer.host.files.drives.update({"D:": tmp_path / "D", "E:": tmp_path / "E"})
    for path in (r"D:\Swarm Data\VRay", r"E:\Builds\Windows_x86"):
        peer.host.real(path).mkdir(parents=True)
    peer.host.free = {"C:": 3 * 10**9, "D:": 5 * 10**9, "E:": 7 * 10**9}
    options = {"data_dir": r"d:\Swarm Data", "import_dir": r"E:\Builds\{platform}"}

    found = farm.task(INFO, options).data
    assert found["disk"] == {"temp": 3 * 10**9, "data": 5 * 10**9, "import": 7 * 10**9}
    assert found["errors"] == {}

    # Its own import directory lies on the drive of the data directory, and a share on none.
    assert farm.task(INFO, {"data_dir": r"D:\Swarm Data"})["disk"]["import"] == 5 * 10**9
    found = farm.task(INFO, dict(options, import_dir=SHARE)).data
    assert found["disk"] == {"temp": 3 * 10**9, "data": 5 * 10**9, "import": None}


def test_a_look_is_the_same_in_check_mode(farm, peer):
    assert farm.task(INFO, ALL).data == farm.task(INFO, ALL, "--check").data


def test_what_is_down_or_missing_is_told(farm, peer):
    peer.swarm.stop()
    peer.config.unlink()
    found = farm.task(INFO, dict(ALL, data_dir=r"D:\gone")).data
    assert found["service"]["state"] == "stopped"
    assert found["api"]["reachable"] is False
    assert found["errors"]["config"].startswith(f"{CONFIG} could not be read: it is not there.")
    assert found["errors"]["data_dir"].startswith(r"The data directory D:\gone is not there")


def test_an_absent_service_and_a_crashed_one(farm, peer):
    assert farm.task(INFO, dict(ALL, service="nothing")).data["service"]["state"] == "absent"
    peer.swarm.stop()
    peer.swarm.exit_code = 1067
    found = farm.task(INFO, ALL).data["service"]
    assert (found["state"], found["detail"]) == ("failed", "Stopped, exit code 1067")
    # ERROR_SERVICE_SPECIFIC_ERROR: it has one of its own.
    peer.swarm.exit_code, peer.swarm.own_exit_code = 1066, 3
    assert farm.task(INFO, {"service": SERVICE}).data["service"]["detail"] == "Stopped, exit code 3"
    peer.swarm.own_exit_code = 0
    assert farm.task(INFO, {"service": SERVICE}).data["service"]["state"] == "stopped"


@pytest.mark.parametrize(
    ("mode", "enabled"), [("auto", True), ("delayed", True), ("manual", False), ("disabled", False)]
)
def test_whether_it_starts_with_the_host(farm, peer, mode, enabled):
    peer.swarm.start_mode = mode
    found = farm.task(INFO, {"service": SERVICE}).data["service"]
    assert (found["state"], found["enabled"]) == ("running", enabled)


def test_a_display_name_is_none_of_a_service(farm, peer):
    """Here and in settings: neither is sure to mean one service."""
    peer.swarm.display_name = "Chaos Swarm"
    assert farm.task(INFO, {"service": "Chaos Swarm"}).data["service"]["state"] == "absent"
    options = {"path": CONFIG, "service": "Chaos Swarm", "settings": {"allowExecutables": True}}
    assert "Windows has no service Chaos Swarm" in farm.task("renderops.vray_swarm.settings", options)["msg"]


def test_a_service_that_may_not_be_asked_for(farm, peer, monkeypatch):
    """It is told, as elsewhere, and what else was found with it."""
    look = scripts.RUN["look"]

    def refused(*given):
        done, found = look(*given)
        return done, dict(found, service=None, service_error="Access is denied. ")

    monkeypatch.setitem(scripts.RUN, "look", refused)
    deploy(peer)
    found = farm.task(INFO, dict(ALL, wanted={"settings": {}})).data
    assert found["service"] == {
        "state": "unknown",
        "enabled": None,
        "manager": "windows",
        "detail": None,
        "pid": None,
        "error": "Access is denied",
    }
    assert found["outlived"] is None and len(found["builds"]) == 1
    (told,) = [item for item in found["differences"] if item["subject"] == "service"]
    assert told["message"] == "The state of the service is unknown: Access is denied."


@pytest.mark.parametrize(
    ("state", "detail"), [("start_pending", "Start Pending"), ("stop_pending", "Stop Pending"), ("paused", "Paused")]
)
def test_a_service_that_neither_runs_nor_has_ended(farm, peer, state, detail):
    peer.swarm.state = state
    found = farm.task(INFO, {"service": SERVICE}).data["service"]
    assert (found["state"], found["detail"], found["pid"], found["enabled"]) == ("stopped", detail, None, True)
    assert peer.host.forget() == ["look"]


def test_a_pattern_is_no_name_of_a_service(farm, peer):
    assert "it is the name of one service" in farm.task(INFO, dict(ALL, service="V*"))["msg"]


def test_the_peer_can_ask_itself(farm, peer):
    found = farm.task(INFO, dict(ALL, api_from="peer")).data
    assert found["api"]["reachable"] is True
    assert found["api"]["url"] == f"http://localhost:{peer.port}"
    assert len(peer.host.forget()) == 2


def test_a_share_is_read_as_the_account_of_the_service(farm, peer):
    folder = farm.share / "stable" / "Windows_x86"
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(bytes(100))
    (farm.share / "builds.json").write_text(json.dumps([]))
    # Nobody but computers may read it: whoever logs in by the network has no password to hand on.
    share = peer.host.share(SHARE, farm.share, readers={"S-1-5-18"})
    options = dict(ALL, share_path=SHARE, import_dir=SHARE + r"\stable\{platform}")

    found = farm.task(INFO, options).data

    assert [(str(call), call.become) for call in peer.host.calls] == [("look", None), ("look", "SYSTEM")]
    assert found["errors"] == {}
    assert found["mount"]["readable"] and found["mount"]["proved"]
    assert found["mount"]["account"] == "NT AUTHORITY\\SYSTEM"
    assert found["import_dir"] == SHARE + r"\stable\Windows_x86"
    assert [item["name"] for item in found["imports"]] == [NAME]
    assert found["import_shared"] == f"{found['import_dir']} lies on the cifs mount {SHARE}"

    share.readers = {"somebody else"}
    found = farm.task(INFO, options).data
    assert found["mount"]["readable"] is False
    assert "DOMAIN\\HOST$" in found["mount"]["error"]
    assert "could not be read as NT AUTHORITY\\SYSTEM: Access to the path" in found["errors"]["import_dir"]

    for said in NOT_BECOME:
        peer.host.cannot_become = {"system": said}
        failed = farm.task(INFO, options)
        assert "must be an administrator of this host" in failed["msg"]
    peer.host.cannot_become = {}

    # Down; gone while it was read; and one that does not answer, for as long as Windows waits.
    share.is_up = False
    gone, stale = "The specified network name is no longer available.", "The semaphore timeout period has expired."
    for error in ("The network path was not found.", gone, stale):
        share.error = error
        assert error in farm.task(INFO, options).data["mount"]["error"]


@pytest.fixture
def own(farm, peer):
    """Options for a look at a share, of a service with an account of its own, and that account."""
    peer.swarm.account = ("FARM\\swarm", "S-1-5-21-1-2-3-1105")
    folder = farm.share / "stable" / "Windows_x86"
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(bytes(100))
    (farm.share / "builds.json").write_text(json.dumps([]))
    peer.host.share(SHARE, farm.share, readers={peer.swarm.account[1]})
    return dict(ALL, share_path=SHARE, import_dir=SHARE + r"\stable\{platform}"), peer.swarm.account[0]


def test_an_account_of_its_own_reads_the_share(farm, peer, own):
    options, name = own

    found = farm.task(INFO, options).data

    # What lies on the host is looked at by an administrator.
    assert [(str(call), call.become) for call in peer.host.calls] == [("look", None), ("look", name)]
    assert found["errors"] == {} and [item["name"] for item in found["imports"]] == [NAME]
    mount = found["mount"]
    assert mount["readable"] and mount["proved"] and mount["doubt"] is None and not mount["waits"]
    assert (mount["account"], mount["read_as"]) == (name, name)
    assert farm.task(INFO, options, "--check").data["mount"] == mount

    # What LocalSystem may read says nothing about it.
    peer.host.share(SHARE, farm.share, readers={"S-1-5-18"})
    found = farm.task(INFO, options).data
    mount = found["mount"]
    assert (mount["readable"], mount["proved"], mount["waits"]) == (False, True, False)
    assert f"could not be read as {name}: Access to the path" in found["errors"]["import_dir"]
    assert "DOMAIN" not in mount["error"]
    # Without the service, nobody knows its account.
    del options["service"]
    mount = farm.task(INFO, options).data["mount"]
    assert (mount["readable"], mount["account"], mount["proved"], mount["waits"]) == (True, None, False, False)
    assert mount["doubt"] == "The account of the service is not known."


@pytest.mark.parametrize(
    "options",
    [{"import_dir": SHARE + r"\stable\{platform}"}, {"data_dir": SHARE + r"\data"}],
    ids=["import_dir", "data_dir"],
)
def test_an_account_of_its_own_reads_what_it_imports_from(farm, peer, own, options):
    """Whatever of it lies on a share."""
    _options, name = own
    (farm.share / "data" / "VRay" / "import").mkdir(parents=True)
    peer.host.share(SHARE, farm.share)
    found = farm.task(INFO, dict(options, service=SERVICE, details=[])).data
    assert found["errors"] == {} and found["import_dir"].startswith(SHARE)
    assert [call.become for call in peer.host.calls] == [None, name]


def test_the_account_of_a_swarm_that_is_down_is_not_to_be_had(farm, peer, own):
    options, name = own
    peer.swarm.stop()
    found = farm.task(INFO, options).data
    assert peer.host.calls[-1].become == "SYSTEM"
    mount = found["mount"]
    assert (mount["readable"], mount["proved"], mount["read_as"]) == (False, False, "NT AUTHORITY\\SYSTEM")
    assert mount["doubt"] == f"Only while Swarm runs can {name} be used without its password." and mount["waits"]
    assert mount["error"].endswith(f"Swarm reads it as {name}, and that was not tried: {mount['doubt']}")
    assert "computer's account" not in mount["error"]
    # What lies there is not known all the same.
    assert "could not be read as NT AUTHORITY\\SYSTEM" in found["errors"]["import_dir"]
    # A server that is down is so for all accounts.
    peer.host.share(SHARE, farm.share).is_up = False
    mount = farm.task(INFO, options).data["mount"]
    assert (mount["readable"], mount["waits"]) == (False, False)
    # A drive letter is of no use to any of them.
    assert farm.task(INFO, dict(options, share_path="Z:\\vray")).data["mount"]["waits"] is False


@pytest.mark.parametrize("said", [*NOT_BECOME, AILING])
def test_local_system_reads_where_the_account_cannot_be_used(farm, peer, own, said):
    options, name = own
    peer.host.cannot_become = {name.lower(): said}
    peer.host.share(SHARE, farm.share, readers={"S-1-5-18"})
    found = farm.task(INFO, options).data
    mount = found["mount"]
    assert (mount["readable"], mount["proved"], mount["waits"], found["errors"]) == (True, False, False, {})
    assert mount["doubt"] == f"{name} could not be used: {said}."
    peer.host.share(SHARE, farm.share, readers=())
    peer.host.forget()
    wanted = {"settings": {}, "builds": [{"name": NAME}]}
    found = farm.task(INFO, dict(options, wanted=wanted, wait=3)).data
    assert f"that was not tried: {name} could not be used" in found["mount"]["error"]
    # Once is enough in a task.
    made = peer.host.forget()
    assert made.count("denied") == 1 and made.count("look") > 2, made


def test_an_account_that_cannot_be_used_is_tried_once_in_a_run(farm, peer, own):
    """It costs a third round trip, until Swarm is started anew. Another host may have an account of that name."""
    options, name = own
    peer.host.cannot_become = {name.lower(): NOT_BECOME[0]}
    other = farm.add("ws2")
    other.swarm.account, other.swarm.pid = peer.swarm.account, peer.swarm.pid
    for each in (peer, other):
        each.host.share(SHARE, farm.share)
    first, again, delegated, last = ({"name": f"Look {number}", INFO: options} for number in range(4))
    delegated.update({"delegate_to": "ws1", "when": "inventory_hostname == 'ws2'"})
    asked = []

    def start_anew(call):
        if call.asks_for_service:
            asked.append(call)
            peer.swarm.pid += 4 if len(asked) == 4 else 0

    peer.host.before = start_anew
    run = farm.play([first, again, delegated, last])
    assert run.succeeded, run.output
    tried, known = ["look", "denied", "look"], ["look", "look"]
    assert peer.host.forget() == [*tried, *known, *known, *tried]
    assert other.host.forget() == known * 3
    mounts = [result["mount"] for result in run.of() if result.status == "ok"]
    proved = [mount for mount in mounts if mount["proved"]]
    assert len(proved) == 3 and all(mount["read_as"] == name for mount in proved)
    doubted = [mount for mount in mounts if mount not in proved]
    assert doubted == [doubted[0]] * 4 and doubted[0]["doubt"] == f"{name} could not be used: {NOT_BECOME[0]}."


def test_what_fails_once_as_the_account_is_tried_again(farm, peer, own):
    options, name = own
    peer.host.share(SHARE, farm.share)
    said, asked = {name.lower(): AILING}, []

    def fail_once(call):
        if call.asks_for_service:
            asked.append(call)
            peer.host.cannot_become = said if len(asked) == 1 else {}

    peer.host.before = fail_once
    run = farm.play([{"name": f"Look {number}", INFO: options} for number in range(2)])
    assert [result["mount"]["proved"] for result in run.of() if result.status == "ok"] == [False, True], run.output
    assert peer.host.forget() == ["look", "denied", "look", "look", "look"]


@pytest.mark.parametrize(
    ("name", "sid", "reader"),
    [
        # As the manager of services has a local account.
        (".\\swarm", "S-1-5-21-1-2-3-1105", ".\\swarm"),
        ("FARM\\swarm$", "S-1-5-21-1-2-3-1106", "FARM\\swarm$"),
        ("NT AUTHORITY\\LOCAL SERVICE", "S-1-5-19", "NT AUTHORITY\\LOCAL SERVICE"),
        # Other hosts see the computer.
        ("NT SERVICE\\swarm", "S-1-5-80-1-2-3-4-5", "SYSTEM"),
        ("NT AUTHORITY\\NETWORK SERVICE", "S-1-5-20", "SYSTEM"),
    ],
)
def test_accounts_that_services_have(farm, peer, own, name, sid, reader):
    options, _name = own
    peer.swarm.account = (name, sid)
    peer.host.share(SHARE, farm.share)
    mount = farm.task(INFO, options).data["mount"]
    assert peer.host.calls[-1].become == reader
    assert (mount["account"], mount["readable"], mount["proved"]) == (name, True, True)
    # LocalService can be had at any time, and nothing more than the computer is found out of the others.
    peer.swarm.stop()
    mount = farm.task(INFO, options).data["mount"]
    is_own = sid.startswith("S-1-5-21-")
    assert (mount["proved"], peer.host.calls[-1].become) == (not is_own, "SYSTEM" if is_own else reader)


def test_the_kind_and_platform_of_what_lies_in_the_import_directory(farm, peer, tmp_path):
    imports = peer.data_dir / "VRay" / "import"
    for name, platform in ((NAME, "Windows_x86"), ("linux.tar", "Linux_x86"), ("mac.tar", "macOS_Arm64")):
        shutil.copy(farm.build(f"of-{name}", platform=platform), imports / name)
    shutil.copy(farm.build("for-linux", installer=True, platform="Linux_Arm64"), imports)
    shutil.copy(farm.build("held.tar"), imports)
    peer.host.locked.add((DATA_DIR + r"\VRay\import\held.tar").lower())
    for name, compression in (("a.tar.gz", "gz"), ("b.tar.xz", "xz"), ("c.tar.bz2", "bz2"), ("d.tar.gz", "gz")):
        shutil.copy(farm.build(name, compression=compression, platform="Linux_x86"), imports)
    (imports / "notes.txt").write_text("not a build")
    # What is for a graphics card is no program of the platform.
    cubin, elf = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, machine) + bytes(44) for machine in (190, 62)
    )
    exe = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", 0x8664) + bytes(40)
    mach = struct.pack("<II", 0xFEEDFACF, 0x01000007) + bytes(56)
    tars = {
        "cards.tar": [cubin, cubin, elf],
        # Where there are several, it is for this peer when one of them is; else nobody can tell.
        "mixed.tar": [elf, exe, mach],
        "others.tar": [mach, elf],
    }
    for name, programs in tars.items():
        with tarfile.open(imports / name, "w") as archive:
            for number, program in enumerate(programs):
                info = tarfile.TarInfo(str(number))
                info.size = len(program)
                archive.addfile(info, io.BytesIO(program))
    # Its header goes on behind what is read.
    (imports / "odd.exe").write_bytes(b"MZ".ljust(60, b"\0") + (4096).to_bytes(4, "little") + bytes(9000))
    sizes = {path.name: path.stat().st_size for path in imports.iterdir()}
    listed = {"b.tar.xz": "Linux_x86", "d.tar.gz": "evil", "notes.txt": "Linux_x86", "c.tar.bz2": "Linux_x86"}
    entries = [{"file": name, "size": sizes[name], "platform": platform} for name, platform in listed.items()]
    # A build of another platform has the name and the size of this one, too: then neither is told.
    entries.append({**entries[-1], "platform": "macOS_x86"})
    farm.share.mkdir(exist_ok=True)
    (farm.share / "builds.json").write_text(json.dumps(entries))
    options = {"data_dir": DATA_DIR, "share_path": SHARE, "web_port": peer.port, "wanted": {"settings": {}}}

    found = farm.task(INFO, options).data

    assert peer.host.forget() == ["look"]
    assert {item["name"]: (item["kind"], item["platform"]) for item in found["imports"]} == {
        NAME: ("archive", "Windows_x86"),
        "linux.tar": ("archive", "Linux_x86"),
        "mac.tar": ("archive", "macOS_Arm64"),
        "cards.tar": ("archive", "Linux_x86"),
        "mixed.tar": ("archive", "Windows_x86"),
        "others.tar": ("archive", None),
        "for-linux": ("installer", "Linux_Arm64"),
        "held.tar": (None, None),
        "a.tar.gz": ("archive", None),
        "b.tar.xz": ("archive", "Linux_x86"),
        "c.tar.bz2": (None, None),
        "d.tar.gz": ("archive", None),
        "notes.txt": ("unknown", None),
        "odd.exe": (None, None),
    }
    told = {(item["kind"], item["subject"]) for item in found["differences"]}
    foreign = {("platform", name) for name in ("linux.tar", "mac.tar", "cards.tar", "for-linux", "b.tar.xz")}
    # Of an unknown format, in a directory that no other peer reads, it may be Swarm's own.
    assert told == foreign
    # Without it, no file is opened.
    (farm.share / "builds.json").write_text("{")
    found = farm.task(INFO, dict(options, details=[])).data
    assert {(item["kind"], item["platform"]) for item in found["imports"]} == {(None, None)}


def test_a_drive_letter_is_no_share(farm, peer):
    found = farm.task(INFO, dict(ALL, share_path="C:\\")).data
    assert "a drive letter belongs to whoever logs in" in found["mount"]["error"]
    found = farm.task(INFO, {"service": SERVICE, "share_path": "C:\\"}).data
    assert found["mount"]["account"] == SYSTEM[0] and found["service"]["state"] == "running"


def test_arm_is_told_by_the_processor(farm):
    peer = farm.add("ws1", architecture=12)
    assert farm.task(INFO, {"data_dir": DATA_DIR}).data["platform"] == "Windows_Arm64"
    assert peer.host.forget() == ["look"]


def test_another_host_is_not_looked_at(farm, peer):
    found = farm.task(INFO, dict(ALL, peer="127.0.0.1"))
    assert found.status == "ok"
    peer.host.forget()
    # As .NET takes it, and not as in a URL.
    farm.task(INFO, dict(ALL, peer="[fe80::1%25lo]"))
    assert peer.host.calls[0].options["parameters"]["Peer"] == "fe80::1%lo"
    peer.host.address = "127.0.0.9"
    assert "no address of it" in farm.task(INFO, dict(ALL, peer="198.51.100.7"))["msg"]


def test_discover_finds_what_nobody_publishes(farm, peer):
    (peer.data_dir / "VRay").mkdir(exist_ok=True)
    # Somebody else's, with another port.
    other = peer.host.real(r"C:\ProgramData\Old\swarm.yaml")
    other.parent.mkdir()
    other.write_text("webPort: 4\n")
    # Of a command line, anybody can be the author.
    peer.swarm.path += (
        r' --a "\\evil\a\swarm.yaml" --b=\\evil\b\swarm.yml //evil/c/swarm.yaml \\?\UNC\evil\d.yaml \\.\evil.yml'
    )
    run = farm.run("renderops.vray_swarm.discover")
    assert run.succeeded, run.output
    (found,) = run.one(task="Look for Swarm, from its web port to its files")["discovered"]["candidates"]
    assert (found["web_port"][0]["value"], found["web_port"][0]["sure"]) == (peer.port, True)
    assert (found["service"][0]["value"], found["service"][0]["sure"]) == (SERVICE, True)
    assert (found["config"][0]["value"], found["config"][0]["sure"]) == (CONFIG, True)
    assert (found["data_dir"][0]["value"], found["data_dir"][0]["sure"]) == (DATA_DIR, False)
    assert "but its webPort is 4" in found["config"][1]["how"]
    text = json.dumps(CONFIG)
    assert f"vray_swarm_config: {text}  # found: on the command line of process" in run.output
    looked = peer.host.calls[-1].options["parameters"]
    assert CONFIG in looked["Files"] and "evil" not in str(looked)
    assert peer.host.forget() == ["look", "look"]


def test_discover_tells_no_secret_of_a_command_line(farm, peer):
    more = r"C:\ProgramData\Key Store\swarm.yml"
    other = peer.host.real(more)
    other.parent.mkdir()
    other.write_text(f"webPort: {peer.port}\n")
    peer.swarm.path += (
        ' --authToken geheim --proxy http://joe:geheim@proxy:3128 --dbPass="geheim geheim" "--apiKey" "geheim\\" geheim"'
        r' /password:geheim "-jwt=x geheim" --more="' + more + '"'
    )
    run = farm.run("renderops.vray_swarm.discover", "-vvvv")
    assert run.succeeded and "geheim" not in run.output, run.output
    (found,) = run.one(task="Look for Swarm, from its web port to its files")["discovered"]["candidates"]
    M = "********"
    assert found["command"][-10:] == [
        *("--authToken", M, "--proxy", f"http://joe:{M}@proxy:3128", f"--dbPass={M}", "--apiKey", M),
        *(f"/password:{M}", f"-jwt={M}", rf"--more={more}"),
    ]
    # What is said of a file is of the exact command line.
    assert [item["value"] for item in found["config"] if item["sure"]] == [CONFIG, more]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, []),
        (" \t", []),
        (r"C:\a\b.exe --x  y", [r"C:\a\b.exe", "--x", "y"]),
        (r'"C:\a b\c.exe" --x="d e" "--y=f g"', [r"C:\a b\c.exe", "--x=d e", "--y=f g"]),
        (r'a "b \" c" d\"e', ["a", 'b " c', 'd"e']),
        ('a "b\\\\" c', ["a", "b\\", "c"]),
        ('a "" b"c d', ["a", "", "bc d"]),
    ],
)
def test_the_words_of_a_command_line(text, words):
    assert _words(text) == words


def test_discover_opens_nothing_of_another_host(peer):
    """Whoever hands it a path: the script itself looks at drives alone."""
    peer.host.share(r"\\evil\a", peer.host.real(CONFIG).parent)
    named = [r"\\evil\a\swarm.yaml", "//evil/a/swarm.yaml", CONFIG]
    given = {"Files": named, "Folders": [r"\\evil\a"], "Names": ["swarm.yaml"]}
    found = scripts.look(peer.host, SYSTEM, given, True)[1]
    assert [file["path"] for file in found["files"]] == [CONFIG] and found["seen"] == []
    assert r"$drive = '^[A-Za-z]:[\\/]'" in script_text("look")


def test_discover_asks_who_listens_elsewhere(farm, peer):
    run = farm.run("renderops.vray_swarm.discover", vray_swarm_web_port=5)
    assert run.succeeded, run.output
    (found,) = run.one(task="Look for Swarm, from its web port to its files")["discovered"]["candidates"]
    assert (found["address"], found["api"]["url"]) == ("::", f"http://[::1]:{peer.port}")
    assert found["api"]["reachable"] and found["web_port"][0]["value"] == peer.port
    assert peer.host.forget() == ["look", "look"]


def test_discover_asks_all_who_listen_at_once(farm, peer):
    """Several with swarm in their name, each with settings of its own; each is told what is its own."""
    other = Swarm(peer.host, "Swarm 2", SYSTEM, r"D:\swarm2\swarm.yaml", r"D:\swarm2\data")
    peer.host.files.drives["D:"] = peer.host.files.drives["C:"].parent / "d"
    peer.host.real(r"D:\swarm2\data").mkdir(parents=True)
    port = free_port()
    peer.host.real(r"D:\swarm2\swarm.yaml").write_text(f"webPort: {port}\n")
    peer.host.services["Swarm 2"] = other
    other.start()
    try:
        run = farm.run("renderops.vray_swarm.discover", vray_swarm_web_port=5)
    finally:
        other.end()
    assert run.succeeded, run.output
    found = run.one(task="Look for Swarm, from its web port to its files")["discovered"]["candidates"]
    told = {item["service"][0]["value"]: item for item in found}
    assert {name: item["web_port"][0]["value"] for name, item in told.items()} == {SERVICE: peer.port, "Swarm 2": port}
    assert all(item["api"]["reachable"] for item in found)
    assert {item["api"]["url"] for item in found} == {f"http://[::1]:{number}" for number in (peer.port, port)}
    assert {name: item["config"][0]["value"] for name, item in told.items()} == {
        SERVICE: CONFIG,
        "Swarm 2": r"D:\swarm2\swarm.yaml",
    }
    # Nothing of it names that drive.
    assert r"D:\swarm2\swarm.yaml" not in [item["value"] for item in told[SERVICE]["config"]]
    assert peer.host.forget() == ["look", "look"]


def found_by(farm: t.Any, **options: t.Any) -> t.Dict[str, t.Any]:
    """What discover finds in a task that looks at all else, too."""
    found = farm.task(INFO, dict(ALL, web_port=farm.peers["ws1"].port, discover=True, **options)).data
    assert found["errors"] == {}
    return found


def test_discover_costs_no_round_trip_of_its_own(farm, peer, own):
    """Whatever else is looked at: three at most. It is found by an administrator, or by LocalSystem."""
    options, name = own
    alone = farm.task(INFO, {"discover": True, "web_port": peer.port}).data["discovered"]
    assert alone["candidates"][0]["config"][0]["value"] == CONFIG
    assert [(str(call), call.become) for call in peer.host.calls] == [("look", None)] * 2
    peer.host.forget()
    assert found_by(farm)["discovered"] == alone
    assert [(str(call), call.become) for call in peer.host.calls] == [("look", None)] * 2

    share = {name: options[name] for name in ("share_path", "import_dir")}
    peer.host.forget()
    found = found_by(farm, **share)
    assert found["discovered"] == alone and found["mount"]["read_as"] == name and found["mount"]["proved"]
    assert [(str(call), call.become) for call in peer.host.calls] == [("look", None), ("look", name), ("look", None)]

    peer.host.cannot_become = {name.lower(): NOT_BECOME[0]}
    peer.host.share(SHARE, farm.share, readers={"S-1-5-18"})
    peer.host.forget()
    found = found_by(farm, **share)
    assert found["discovered"] == alone and found["mount"]["doubt"] == f"{name} could not be used: {NOT_BECOME[0]}."
    assert [call.become for call in peer.host.calls] == [None, name, "SYSTEM"]

    # Where the task becomes somebody, all is seen as that one.
    peer.host.forget()
    everything = dict(ALL, web_port=peer.port, discover=True, **share)
    found = farm.task(INFO, everything, become=True, become_method="runas", become_user="SYSTEM").data
    assert found["discovered"] == alone and [call.become for call in peer.host.calls] == ["SYSTEM"] * 2

    peer.swarm.account = SYSTEM
    peer.host.forget()
    found = found_by(farm, **share)
    assert found["mount"]["proved"] and found["discovered"]["candidates"][0]["service"][0]["value"] == SERVICE
    assert [call.become for call in peer.host.calls] == [None, "SYSTEM"]


def test_who_asks_itself_is_asked_once(farm, peer, monkeypatch):
    asked = []
    ask = scripts._ask
    monkeypatch.setattr(scripts, "_ask", lambda host, url, seconds: asked.append(url) or ask(host, url, seconds))
    found = found_by(farm, api_from="peer")
    assert asked == [f"http://localhost:{peer.port}/debug/allowExecutables"]
    assert found["api"]["reachable"] and found["discovered"]["candidates"][0]["api"]["reachable"]


def test_nobody_listens(farm, peer):
    peer.swarm.stop()
    found = farm.task(INFO, {"discover": True, "web_port": peer.port}).data["discovered"]
    assert found["candidates"] == [] and f"Nobody listens on port {peer.port}" in found["group_vars"]
    assert peer.host.forget() == ["look"]


@pytest.mark.parametrize(
    ("field", "gone", "said", "note"),
    [
        # The service is known by the number of its process.
        ("renders_error", ("executable", "command", "user"), "the processes", None),
        ("services_error", ("service",), "the services", None),
        # With nothing that could not be seen, it is known that there is none.
        (None, ("service",), None, "it was not started by a service of Windows"),
    ],
)
def test_what_windows_does_not_list(farm, peer, monkeypatch, field, gone, said, note):
    """What needs none of it is found all the same, and what is not seen is said."""
    look = scripts.RUN["look"]

    def blind(host, identity, given, check):
        done, found = look(host, identity, given, check)
        if given.get("WebPort") and field:
            found[field] = "Access is denied"
        for listener in found.get("listeners", ()):
            listener.update(dict.fromkeys(gone))
        return done, found

    monkeypatch.setitem(scripts.RUN, "look", blind)
    found = farm.task(INFO, {"discover": True, "web_port": peer.port}).data["discovered"]
    (candidate,) = found["candidates"]
    assert candidate["web_port"][0]["sure"] and bool(candidate["service"]) == ("service" not in gone)
    assert found["unseen"] == ([f"{said}: Access is denied."] if said else [])
    assert (f"# not seen: {said}: Access is denied." in found["group_vars"]) == bool(said)
    assert [line for line in candidate["notes"] if "service" in line] == ([note] if note else [])
    assert "None" not in found["group_vars"]


def test_windows_does_not_tell_who_listens(farm, peer, monkeypatch):
    look = scripts.RUN["look"]

    def blind(*given):
        done, found = look(*given)
        return done, dict(found, listeners=[], listeners_error="Access is denied")

    monkeypatch.setitem(scripts.RUN, "look", blind)
    found = farm.task(INFO, {"discover": True, "web_port": peer.port}).data["discovered"]
    assert found["candidates"] == [] and "# not seen: who listens: Access is denied." in found["group_vars"]


def test_of_two_who_listen_it_is_not_known_which_one_the_peer_asks(farm, peer, monkeypatch):
    asked = []
    ask = scripts._ask
    monkeypatch.setattr(scripts, "_ask", lambda host, url, seconds: asked.append(url) or ask(host, url, seconds))
    other = Swarm(peer.host, "Swarm 2", SYSTEM, CONFIG, DATA_DIR)
    other.state, other.pid, other.port = "started", 4, peer.port
    peer.host.services["Swarm 2"] = other
    found = farm.task(INFO, {"discover": True, "web_port": peer.port, "api_from": "peer"}).data
    assert len(found["discovered"]["candidates"]) == 2
    assert sorted(asked) == [f"http://{host}:{peer.port}/debug/allowExecutables" for host in ("[::1]", "localhost")]


def test_the_platform_that_a_task_says_is_that_of_all_looks(farm, peer):
    said = {"platform": "Windows_Arm64", "web_port": peer.port}
    found = farm.task(INFO, dict(said, discover=True)).data
    assert found["platform"] == "Windows_Arm64"
    assert "vray_swarm_platform: Windows_Arm64" in found["discovered"]["group_vars"]
    assert farm.task(INFO, dict(said, config=CONFIG, api_from="peer")).data["platform"] == "Windows_Arm64"
    assert all(call.options["parameters"]["Platform"] == "Windows_Arm64" for call in peer.host.calls)


def test_the_facts_are_those_of_other_hosts(farm, peer, tmp_path):
    from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import look_at

    deploy(peer)
    (peer.data_dir / "VRay" / "import" / NAME).write_bytes(bytes(100))
    other = tmp_path / "other"
    (other / "VRay" / "vray-6.20.10-e8197af2").mkdir(parents=True)
    (other / "VRay" / "import").mkdir()
    (other / "VRay" / "import" / NAME).write_bytes(bytes(100))
    details = ("build_sizes", "busy", "disk", "import_platforms")
    there = look_at(str(other), share_path=str(other), details=details)
    here = farm.task(INFO, dict(ALL, share_path=SHARE)).data
    assert set(here["builds"][0]) == set(there["builds"][0])
    assert set(here["imports"][0]) == set(there["imports"][0])
    assert set(here["disk"]) == set(there["disk"])
    # What the share on Windows tells in addition is documented.
    assert set(here["mount"]) == (set(there["mount"]) - {"manifest", "signed"}) | {
        "account",
        "read_as",
        "proved",
        "doubt",
        "waits",
    }


def test_a_keyring_that_is_not_there_is_refused_before_anybody_is_asked(farm, peer):
    options = dict(ALL, share_path=SHARE, import_dir=SHARE + r"\stable\{platform}", wanted={"keyring": "none.asc"})
    assert "The keyring none.asc was not found on the controller" in farm.task(INFO, options)["msg"]
    (farm.directory / "keys.asc").write_text("no keys")
    # As other files, it can lie beside the playbook.
    options["wanted"] = {"keyring": "keys.asc"}
    assert f"The keyring {farm.directory}/keys.asc is no file of public keys" in farm.task(INFO, options)["msg"]
    options["import_dir"] = SHARE
    assert f"{SHARE} is no directory CHANNEL/PLATFORM in {SHARE}" in farm.task(INFO, options)["msg"]
    assert peer.host.forget() == []
