# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's whole workflow on Windows peers, by the playbooks: first run, second run, check mode, drift."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys

import pytest
from secret_settings import NEW, add_secrets, keep_facts, look_for_secrets, merged, said

from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import sha256
from ansible_collections.renderops.vray_swarm.plugins.module_utils._layout import amount
from double_farm import halve, story
from swarm_lab.signing import Signer, missing_tools
from swarm_peer import Peer
from windows_double.farm import CONFIG, DATA_DIR, NAME, SERVICE, SHARE, VERSION
from windows_double.host import SYSTEM
from windows_double.services import Swarm

DISTRIBUTE = "renderops.vray_swarm.distribute"
VERIFY = "renderops.vray_swarm.verify"
UPLOAD = "renderops.vray_swarm.upload"
VARIABLES = {
    "vray_swarm_data_dir": DATA_DIR,
    "vray_swarm_config": CONFIG,
    "vray_swarm_service": SERVICE,
    "vray_swarm_share_src": "//nas/vray builds",
    # Of the Linux peers in the same inventory.
    "vray_swarm_share_path": "/mnt/vray",
    "vray_swarm_deploy_wait": 30,
    "vray_swarm_waves": ["100%"],
}

SIGNS = pytest.mark.skipif(bool(missing_tools()), reason="gpg, gpg-agent and gpgv are not installed")


@pytest.fixture
def shared(farm):
    """A share with a build for Windows, as publish leaves it; computers can read it, and nobody else."""
    folder = farm.share / "stable" / "Windows_x86"
    folder.mkdir(parents=True)
    build = farm.build()
    shutil.copy(build, folder)
    entry = {
        "file": NAME,
        "platform": "Windows_x86",
        "channel": "stable",
        "version": VERSION,
        "size": build.stat().st_size,
    }
    (farm.share / "builds.json").write_text(json.dumps([entry]))
    for name in ("ws1", "ws2"):
        farm.add(name).host.share(SHARE, farm.share, readers={"S-1-5-18"})
    return farm


def test_from_bare_peers_to_deployed_builds(shared):
    peers = shared.peers.values()
    planned = shared.run(DISTRIBUTE, "--check", "--diff", **VARIABLES)
    assert planned.succeeded, planned.output
    assert sorted(planned.changed) == ["ws1", "ws2"]
    assert all(peer.swarm.stops == 0 and "vrayImportDir" not in peer.text() for peer in peers)

    first = shared.run(DISTRIBUTE, **VARIABLES)
    assert first.succeeded, first.output
    assert sorted(first.changed) == ["ws1", "ws2"]
    for peer in peers:
        assert f"vrayImportDir: '{SHARE}\\stable\\Windows_x86'\r\n" in peer.text()
        assert (peer.data_dir / "VRay" / f"vray-{VERSION}").is_dir()
        assert (peer.swarm.stops, peer.swarm.starts) == (1, 1)
        assert peer.host.tasks == {}
        peer.host.forget()

    second = shared.run(DISTRIBUTE, **VARIABLES)
    assert second.succeeded and second.changed == {}, second.output
    for peer in peers:
        assert peer.swarm.stops == 1
        # The whole workflow, on a peer that is right.
        assert peer.host.forget() == ["look", "look"]

    drift(shared)


def drift(shared):
    """What verify names, distribute sets right."""
    ws1 = shared.peers["ws1"]
    ws1.swarm.stop()
    ws1.swarm.start_mode = "manual"
    foreign = shared.build("foreign.tar", platform="Linux_x86").rename(shared.share / "stable/Windows_x86/foreign.tar")
    ws1.write(ws1.text().replace("stable", "canary"))
    wrong = shared.run(VERIFY, **VARIABLES, vray_swarm_hosts="ws1")
    assert wrong.failed == ["ws1"], wrong.output
    told = " ".join(wrong.of(task="Fail with what is wrong")[0]["msg"].split())
    for text in ("The service is stopped", "does not start with the host", "vrayImportDir in", "is for Linux_x86"):
        assert text in told
    foreign.unlink()
    right = shared.run(DISTRIBUTE, **VARIABLES)
    assert right.succeeded and list(right.changed) == ["ws1"], right.output
    assert (ws1.swarm.state, ws1.swarm.start_mode) == ("started", "auto")
    assert shared.run(VERIFY, **VARIABLES).succeeded


def test_a_share_that_the_service_cannot_read_stops_the_run(shared):
    for peer in shared.peers.values():
        peer.host.share(SHARE, shared.share, readers={"somebody else"})
    run = shared.run(DISTRIBUTE, **VARIABLES)
    assert run.failed == ["ws1", "ws2"]
    assert "Give that one read access" in run.output.replace("\n", " ")
    # Or its server does not answer, and Windows has waited for long enough.
    for peer in shared.peers.values():
        share = peer.host.share(SHARE, shared.share)
        share.is_up, share.error = False, "The semaphore timeout period has expired."
    run = shared.run(DISTRIBUTE, **VARIABLES)
    assert run.failed == ["ws1", "ws2"] and share.error in run.output.replace("\n", " "), run.output
    assert all(peer.swarm.stops == 0 for peer in shared.peers.values())
    # And it answers again.
    for peer in shared.peers.values():
        peer.host.share(SHARE, shared.share)
    assert shared.run(DISTRIBUTE, **VARIABLES).succeeded


def test_a_disk_that_is_too_small_is_told_before_swarm_is_stopped(shared, tmp_path):
    """The drive of the data directory counts: neither that of temporary files nor a share."""
    ws1, data_dir = shared.peers["ws1"], r"D:\Swarm Data"
    ws1.swarm.stop()
    ws1.host.files.drives["D:"] = tmp_path / "D"
    ws1.host.real(data_dir).mkdir(parents=True)
    ws1.swarm = ws1.host.services[SERVICE] = Swarm(ws1.host, SERVICE, SYSTEM, CONFIG, data_dir)
    ws1.swarm.start()
    size = (shared.share / "stable" / "Windows_x86" / NAME).stat().st_size
    ws1.host.free = {"C:": 500 * 10**9, "D:": 3 * size - 10**5}
    variables = dict(VARIABLES, vray_swarm_hosts="ws1", vray_swarm_data_dir=data_dir)

    run = shared.run(DISTRIBUTE, **variables)
    assert run.failed == ["ws1"], run.output
    told = run.one("ws1", "Refuse a change that would do harm")["msg"]
    needed = f"{amount(3 * size - 10**5)} free, {amount(3 * size)} are needed: 3 times"
    assert f"ws1: {data_dir} has {needed}" in told
    assert ws1.swarm.stops == 0 and "vrayImportDir" not in ws1.text()

    ws1.host.free = {"C:": 0, "D:": 3 * size}
    run = shared.run(DISTRIBUTE, **variables)
    assert run.succeeded and ws1.swarm.stops == 1, run.output
    assert ws1.host.real(rf"{data_dir}\VRay\vray-{VERSION}").is_dir()


def sign(share, ring):
    """List what lies there, and return the signature of that."""
    (entry,) = json.loads((share / "builds.json").read_text())
    checksum = sha256(share / "stable" / "Windows_x86" / NAME)
    (share / "builds.json").write_text(json.dumps([dict(entry, sha256=checksum)]))
    sums = f"{checksum}  stable/Windows_x86/{NAME}\n".encode()
    (share / "SHA256SUMS").write_bytes(sums)
    with contextlib.closing(Signer()) as signer:
        signer.make("farm")
        ring.write_bytes(signer.public("farm", armored=True))
        return signer.sign(sums, "farm")


@SIGNS
def test_no_peer_is_pointed_to_a_share_that_nobody_signed(shared):
    ws1, share, ring = shared.peers["ws1"], shared.share, shared.directory / "keys.asc"
    variables = dict(VARIABLES, vray_swarm_hosts="ws1", vray_swarm_share_keyring=str(ring))
    signature = sign(share, ring)

    def told(run):
        assert run.failed == ["ws1"] and ws1.swarm.stops == 0 and "vrayImportDir" not in ws1.text(), run.output
        return run.one("ws1", "Refuse a change that would do harm")["msg"]

    assert f"SHA256SUMS in {SHARE} is not signed as required: SHA256SUMS.asc is not there." in told(
        shared.run(DISTRIBUTE, **variables)
    )
    (share / "SHA256SUMS.asc").write_bytes(signature)
    (share / "stable" / "Windows_x86" / "strange.exe").write_bytes(b"MZ")
    assert "strange.exe is not in the signed SHA256SUMS" in told(shared.run(DISTRIBUTE, **variables))
    (share / "stable" / "Windows_x86" / "strange.exe").unlink()
    whole = (share / "stable" / "Windows_x86" / NAME).read_bytes()
    (share / "stable" / "Windows_x86" / NAME).write_bytes(whole[:-1] + b"!")
    assert f"{NAME} is not the file that was signed" in told(shared.run(DISTRIBUTE, **variables))
    (share / "stable" / "Windows_x86" / NAME).write_bytes(whole)
    run = shared.run(DISTRIBUTE, **variables)
    assert run.succeeded and ws1.swarm.stops == 1, run.output
    # What the peer has deployed is not read again.
    options = {
        "config": CONFIG,
        "data_dir": DATA_DIR,
        "share_path": SHARE,
        "wanted": {"keyring": str(ring)},
        "import_dir": SHARE + r"\stable\Windows_x86",
    }
    looked = shared.task("renderops.vray_swarm.peer_info", options, host="ws1")
    assert [item["sha256"] for item in looked["imports"]] == [None] and looked["differences"] == []


UNC = {**VARIABLES, "vray_swarm_share_src": "", "vray_swarm_share_path": SHARE}


@pytest.mark.parametrize("where", [VARIABLES, UNC], ids=["source", "unc"])
def test_a_user_for_the_share_is_refused_with_the_reason(shared, where):
    secret = "not-for-your-eyes"
    account = {"username": "render", "password": secret, "domain": "FARM"}
    given = {f"vray_swarm_share_{name}": value for name, value in account.items()}
    run = shared.run(DISTRIBUTE, "-vvvv", **where, **given)
    assert run.failed == ["ws1", "ws2"]
    told = " ".join(run.one("ws1", "Refuse a user that no service would be")["msg"].split())
    assert told.startswith(" and ".join(given)) and f"Swarm reads {SHARE} as the account of its service" in told
    assert "the computer's own account" in told
    assert secret not in run.output
    # Nor in what callbacks get: results, and arguments of tasks.
    assert [secret in path.read_text() for path in shared.directory.glob("events*.jsonl")] == [False]
    assert all(peer.host.calls == [] for peer in shared.peers.values())


def test_a_unc_path_is_all_that_is_needed(shared):
    first = shared.run(DISTRIBUTE, **UNC)
    assert first.succeeded and sorted(first.changed) == ["ws1", "ws2"], first.output
    for peer in shared.peers.values():
        assert f"vrayImportDir: '{SHARE}\\stable\\Windows_x86'\r\n" in peer.text()
        peer.host.forget()
    second = shared.run(DISTRIBUTE, **UNC)
    assert second.succeeded and second.changed == {}, second.output
    for peer in shared.peers.values():
        assert peer.host.forget() == ["look", "look"]


@SIGNS
def test_no_swarm_is_started_where_nobody_can_look_at_what_has_to_be_signed(shared):
    ws1, ring = shared.peers["ws1"], shared.directory / "keys.asc"
    own = ws1.swarm.account = ("FARM\\swarm", "S-1-5-21-1-2-3-1105")
    variables = dict(VARIABLES, vray_swarm_hosts="ws1", vray_swarm_share_keyring=str(ring))
    (shared.share / "SHA256SUMS.asc").write_bytes(sign(shared.share, ring))
    share = ws1.host.share(SHARE, shared.share, readers={own[1]})
    run = shared.run(DISTRIBUTE, **variables)
    assert run.succeeded and ws1.swarm.starts == 1, run.output

    ws1.swarm.stop()
    for readers, closed in (({own[1]}, {}), (None, {r"\stable": {own[1]}})):
        share.readers, share.closed = readers, closed
        run = shared.run(DISTRIBUTE, **variables)
        assert run.failed == ["ws1"] and not run.changed and ws1.swarm.state == "stopped", run.output
        assert (
            "could not be read as NT AUTHORITY\\SYSTEM" in run.one("ws1", "Refuse a change that would do harm")["msg"]
        )
    # Somebody starts it by hand.
    ws1.swarm.start()
    run = shared.run(DISTRIBUTE, **variables)
    assert run.succeeded and not run.changed, run.output


@pytest.mark.parametrize("name", ["username", "password", "domain"])
def test_each_of_a_user_is_refused_by_the_role_alone(shared, name):
    role = {"ansible.builtin.include_role": {"name": "renderops.vray_swarm.share_mount"}}
    run = shared.play([role], host="ws1", **{**UNC, f"vray_swarm_share_{name}": "render"})
    assert run.failed == ["ws1"] and f"vray_swarm_share_{name} would have no effect" in run.output, run.output


def test_a_share_is_tried_as_the_account_that_a_service_has_of_its_own(shared):
    ws1, ws2 = (shared.peers[name] for name in ("ws1", "ws2"))
    for peer in (ws1, ws2):
        peer.swarm.account = ("FARM\\swarm", "S-1-5-21-1-2-3-1105")
        # LocalSystem may read it, which is of no use to this service.
        peer.host.share(SHARE, shared.share, readers={"S-1-5-18"})
    run = shared.run(DISTRIBUTE, **VARIABLES)
    assert run.failed == ["ws1", "ws2"] and not run.changed, run.output
    assert (
        f"{SHARE} could not be read as FARM\\swarm" in run.one("ws1", "Fail where Swarm cannot read the share")["msg"]
    )
    assert ws1.swarm.stops == 0
    # That of a Swarm that is down cannot be had: it is started, and proves it.
    ws1.swarm.stop()
    for peer in (ws1, ws2):
        peer.host.share(SHARE, shared.share, readers={peer.swarm.account[1]})
    run = shared.run(DISTRIBUTE, **VARIABLES)
    assert run.succeeded and sorted(run.changed) == ["ws1", "ws2"], run.output
    told = run.of("ws1", "Say what is not proved")[0]["msg"]
    assert f"that Swarm can read {SHARE} is not proved. Only while Swarm runs can FARM\\swarm" in told
    assert f"{SHARE} could not be read as NT AUTHORITY\\SYSTEM" in told
    assert run.one("ws2", "Say what is not proved").status == "skipped"
    assert f"vray-{VERSION}" in [path.name for path in (ws1.data_dir / "VRay").iterdir()]
    # The tasks can become that account as well.
    account = {
        "vray_swarm_become": True,
        "ansible_become_method": "runas",
        "ansible_become_user": "FARM\\swarm",
        "ansible_become_password": "not-for-your-eyes",
    }
    run = shared.run(DISTRIBUTE, **VARIABLES, **account)
    assert run.succeeded and not run.changed, run.output
    assert run.one("ws1", "Say what is not proved").status == "skipped"


def test_a_peer_that_renders_is_left_alone(shared):
    for peer in shared.peers.values():
        peer.host.processes.append((4711, DATA_DIR + r"\VRay\vray-6.0.0-aaaaaaaa\bin\vray.exe"))
    run = shared.run(DISTRIBUTE, **VARIABLES)
    assert all(peer.swarm.stops == 0 for peer in shared.peers.values()), run.output
    assert "vray.exe" in run.output


def test_builds_are_uploaded_and_installers_let_in_for_a_moment(farm):
    for name in ("ws1", "ws2"):
        farm.add(name)
    archive = farm.build()
    installer = farm.build("vray_adv_71000_max2025_x64.exe", installer=True, version="7.10.0-aaaaaaaa")
    builds = [{"src": str(path), "platform": "Windows_x86"} for path in (archive, installer)]
    other = {"src": "/not/for/windows.tar", "platform": "Linux_x86"}
    variables = {name: VARIABLES[name] for name in VARIABLES if "share" not in name}
    variables.update(vray_swarm_builds=[*builds, other], vray_swarm_installer_window=True, vray_swarm_window_watch=1)

    run = farm.run(UPLOAD, **variables)

    assert run.succeeded, run.output
    for peer in farm.peers.values():
        assert sorted(path.name for path in (peer.data_dir / "VRay").iterdir() if path.name.startswith("vray-")) == [
            f"vray-{VERSION}",
            "vray-7.10.0-aaaaaaaa",
        ]
        assert "allowExecutables: false" in peer.text()
        assert peer.swarm.peer.store.allow_executables is False
        assert peer.host.tasks == {}
        assert peer.swarm.stops == 2
        peer.host.forget()
    again = farm.run(UPLOAD, **variables)
    assert again.succeeded and again.changed == {}, again.output
    assert all(peer.swarm.stops == 2 for peer in farm.peers.values())


def test_a_queued_build_that_cannot_be_deployed_fails_each_time(farm, tmp_path):
    peer = farm.add("ws1")
    broken = tmp_path / NAME
    broken.write_bytes(b"vray.json".ljust(257, b"\0") + b"ustar\x0000" + bytes(100_000))
    variables = {name: VARIABLES[name] for name in VARIABLES if "share" not in name}
    variables.update(vray_swarm_builds=[{"src": str(broken), "queued": True}], vray_swarm_deploy_wait=1)
    for changed in ({"ws1": 1}, {}):
        run = farm.run(UPLOAD, **variables)
        assert run.failed == ["ws1"] and run.changed == changed, run.output
        assert f"VRay\\\\import\\\\{NAME}" in run.output, run.output
        assert "still there after 1 s, and not deployed. Swarm goes on" in run.output
    assert not (peer.data_dir / "VRay" / f"vray-{VERSION}").exists()


def test_a_swarm_that_died_is_started_and_one_that_was_stopped_is_not(farm):
    """Whether a build is to be sent, or lies in the import directory."""
    ws1, ws2 = (farm.add(name) for name in ("ws1", "ws2"))
    variables = {name: VARIABLES[name] for name in VARIABLES if "share" not in name}
    variables.update(vray_swarm_builds=[{"src": str(farm.build()), "queued": True}], vray_swarm_retries=0)
    one, two = ({**variables, "vray_swarm_hosts": name} for name in ("ws1", "ws2"))
    ws1.swarm.crash()
    ws2.swarm.stop()
    planned = farm.run(UPLOAD, "--check", **one)
    assert planned.succeeded and planned.changed == {"ws1": 1} and ws1.swarm.starts == 0, planned.output
    run = farm.run(UPLOAD, **two)
    assert run.failed == ["ws2"] and "Does Swarm run there" in run.output and ws2.swarm.starts == 0, run.output
    run = farm.run(UPLOAD, **dict(one, vray_swarm_deploy_wait=0))
    assert run.succeeded and run.changed == {"ws1": 2} and ws1.swarm.starts == 1, run.output

    ws1.swarm.crash()
    shutil.rmtree(ws1.data_dir / "VRay" / f"vray-{VERSION}", ignore_errors=True)
    run = farm.run(UPLOAD, **one)
    assert run.succeeded and run.changed == {"ws1": 1} and ws1.swarm.starts == 2, run.output
    assert (ws1.data_dir / "VRay" / f"vray-{VERSION}").is_dir()
    again = farm.run(UPLOAD, **one)
    assert again.succeeded and again.changed == {} and ws1.swarm.starts == 2, again.output


@SIGNS
def test_a_swarm_that_died_is_not_started_to_import_what_nobody_signed(shared):
    """Where uploads into the share are allowed; who allows none sends nothing to such a peer."""
    ws1, share, ring = shared.peers["ws1"], shared.share, shared.directory / "keys.asc"
    signature = sign(share, ring)
    ws1.write(ws1.text() + f"vrayImportDir: '{SHARE}\\stable\\Windows_x86'\r\n")
    ws1.swarm.crash()
    variables = dict(
        VARIABLES,
        vray_swarm_hosts="ws1",
        vray_swarm_builds=[{"src": str(shared.build()), "version": VERSION}],
        vray_swarm_allow_shared_import=True,
        vray_swarm_retries=0,
        vray_swarm_share_keyring=str(ring),
    )
    for _twice in range(2):
        run = shared.run(UPLOAD, **variables)
        assert run.failed == ["ws1"] and ws1.swarm.starts == 0, run.output
        told = run.one("ws1", "Refuse to start a Swarm that would import what nobody signed")["msg"]
        assert "Does Swarm run there" in told and "Swarm has died, and was not started" in told
        assert told.endswith("The playbook renderops.vray_swarm.distribute starts it when that is right.")
        assert f"SHA256SUMS in {SHARE} is not signed as required: SHA256SUMS.asc is not there." in told
    (share / "SHA256SUMS.asc").write_bytes(signature)
    run = shared.run(UPLOAD, **variables)
    assert run.succeeded and ws1.swarm.starts == 1, run.output
    assert (ws1.data_dir / "VRay" / f"vray-{VERSION}").is_dir()


@SIGNS
def test_half_a_build_is_not_removed_where_swarm_would_import_what_nobody_signed(shared):
    """It would be from its start on, and comes back from there as soon as that is signed."""
    ws1, share, ring = shared.peers["ws1"], shared.share, shared.directory / "keys.asc"
    signature = sign(share, ring)
    ws1.write(ws1.text() + f"vrayImportDir: '{SHARE}\\stable\\Windows_x86'\r\n")
    build = shared.build()
    half, mark = halve(build, ws1.data_dir)
    variables = dict(VARIABLES, vray_swarm_hosts="ws1", vray_swarm_share_keyring=str(ring), **shared.hooks())
    variables.update(vray_swarm_builds=[{"src": str(build)}], vray_swarm_allow_shared_import=True)
    variables.update(__builds_settle_time=0)
    run = shared.run(UPLOAD, **variables)
    assert run.failed == ["ws1"] and story(run, "ws1") == [], run.output
    told = run.one("ws1", "Refuse to start a Swarm that would import what nobody signed")["msg"]
    assert "may be half a build" in told and "The peer was left as it is" in told
    assert f"SHA256SUMS in {SHARE} is not signed as required: SHA256SUMS.asc is not there." in told
    assert told.endswith("Run this again when that is right.")
    assert half.is_dir() and not (half / "vray.json").exists() and mark.is_dir()
    assert (ws1.swarm.stops, ws1.swarm.state) == (0, "started")

    (share / "SHA256SUMS.asc").write_bytes(signature)
    run = shared.run(UPLOAD, **variables)
    assert run.succeeded and ws1.swarm.stops == 1, run.output
    assert story(run, "ws1")[:3] == ["before_stop", "settings changed", "after_start"]
    assert (half / "vray.json").exists() and not mark.exists()


LOCAL = {"ansible_connection": "local", "ansible_host": "127.0.0.1", "ansible_python_interpreter": sys.executable}
RELAYED = {"vray_swarm_waves": ["100%"], "vray_swarm_deploy_wait": 30, "vray_swarm_hosts": "ws1,lin1"}


@pytest.fixture
def relayed(farm, tmp_path):
    """A Windows and a Linux peer, an archive, and one whose name does not tell its version."""
    ws1 = farm.add("ws1")
    farm.variables["ws1"] = {"vray_swarm_data_dir": DATA_DIR, "vray_swarm_config": CONFIG}
    builds = [farm.build(), farm.build("windows.tar", version="7.0.6-df715d3c8ff9")]
    linux = farm.build("linux.tar", version="7.0.6-df715d3c8ff9", platform="Linux_x86")
    with Peer(tmp_path / "lin1") as lin1:
        farm.variables["lin1"] = dict(LOCAL, vray_swarm_data_dir=str(tmp_path / "lin1"), vray_swarm_web_port=lin1.port)

        yield builds, linux, lambda: uploads_to(ws1.swarm.peer, lin1)


def uploads_to(*peers):
    return [len([event for event in peer.events if event["event"] == "upload"]) for peer in peers]


def relay_runs(farm, relay, builds, linux, uploads, is_predicted=False):
    """Sent, and not sent again: of the one without a version, the hashes are compared."""
    wanted = [{"src": src, "platform": "Windows_x86"} for src in builds]
    wanted.append({"src": linux, "platform": "Linux_x86", "checksum": ""})
    variables = dict(RELAYED, vray_swarm_builds=wanted, vray_swarm_upload_via=relay)
    if is_predicted:
        planned = farm.run(UPLOAD, "--check", **variables)
        assert planned.succeeded and sorted(planned.changed) == ["lin1", "ws1"], planned.output
        assert uploads() == [0, 0]
    sent = farm.run(UPLOAD, **variables)
    assert sent.succeeded and sorted(sent.changed) == ["lin1", "ws1"], sent.output
    assert uploads() == [2, 1]
    again = farm.run(UPLOAD, **variables)
    assert again.succeeded and again.changed == {}, again.output
    assert uploads() == [2, 1]
    assert "In the import directory already, but not known to be deployed: windows.tar" in again.output


def test_a_windows_host_relays_builds(farm, relayed):
    builds, linux, uploads = relayed
    relay = farm.add("nas1")
    folder = relay.host.real("C:\\Builds, new")
    folder.mkdir()
    shared = farm.directory / "of files"
    shared.mkdir()
    # As a share is for whoever has logged in over the network.
    relay.host.share("\\\\files\\new builds", shared, readers={SYSTEM[1]})
    shutil.move(builds[0], folder)
    for path in (*builds[1:], linux):
        shutil.move(path, shared)
    sources = [f"C:\\Builds, new\\{builds[0].name}"]
    sources += [f"\\\\files\\new builds\\{path.name}" for path in (*builds[1:], linux)]
    relay_runs(farm, "nas1", sources[:2], sources[2], uploads, is_predicted=True)
    programs = [call.options["parameters"]["Program"] for call in relay.host.calls if call.script == "send"]
    assert programs == [r"C:\WINDOWS\system32\curl.exe"] * 3


def test_a_linux_host_relays_builds_to_windows_peers(farm, relayed):
    builds, linux, uploads = relayed
    farm.variables["nas1"] = LOCAL
    relay_runs(farm, "nas1", [str(path) for path in builds], str(linux), uploads)


@pytest.fixture
def apart(farm, tmp_path):
    """The same two, which import from another directory than their own, and run installers. The relay is a Linux host."""
    ws1 = farm.add("ws1")
    ws1.host.real(r"C:\Builds").mkdir()
    ws1.write(f"{ws1.text()}allowExecutables: true\r\nvrayImportDir: 'C:\\Builds'\r\n")
    ws1.swarm.stop()
    ws1.swarm.start()
    other, config = tmp_path / "imports", tmp_path / "swarm.yaml"
    other.mkdir()
    with Peer(tmp_path / "lin1", import_dir=other, allow_executables=True) as lin1:
        config.write_text(f"webPort: {lin1.port}\nvrayImportDir: {other}\n")
        farm.variables["ws1"] = {"vray_swarm_data_dir": DATA_DIR, "vray_swarm_config": CONFIG}
        farm.variables["lin1"] = dict(LOCAL, vray_swarm_data_dir=str(tmp_path / "lin1"), vray_swarm_config=str(config))
        farm.variables["nas1"] = LOCAL
        yield [ws1.swarm.peer, lin1]


def relay_apart(farm, *builds, own=None, **more):
    platforms = ("Windows_x86", "Linux_x86")
    wanted = [dict(own or {}, src=str(src), platform=platform) for src, platform in zip(builds, platforms, strict=True)]
    variables = dict(
        RELAYED, vray_swarm_builds=wanted, vray_swarm_upload_via="nas1", vray_swarm_allow_shared_import=True
    )
    return farm.run(UPLOAD, **{**variables, **more})


def installers(farm):
    """One for each of the two, whose names do not tell the version."""
    return [
        farm.build(f"vray-{platform}", version="7.10.0-0a1b2c3d", installer=True, platform=platform)
        for platform in ("Windows_x86", "Linux_x86")
    ]


def test_an_archive_that_is_only_kept_is_sent_again(farm, apart):
    """Nobody would deploy it from there. Where it lies in the import directory, somebody may."""
    builds = [
        farm.build(f"vray-{platform}.tar", version="7.10.0-0a1b2c3d", platform=platform)
        for platform in ("Windows_x86", "Linux_x86")
    ]
    for peer, kept_in in zip(apart, ("import", "data"), strict=True):
        peer.store.kept_in = kept_in
    for number in (1, 2):
        run = relay_apart(farm, *builds)
        assert run.succeeded and uploads_to(*apart) == [1, number], run.output
    assert "In the import directory already, but not known to be deployed: vray-Windows_x86.tar" in run.output


def test_a_relay_runs_no_installer_where_nobody_can_tell_whether_it_has_run(farm, apart):
    """What lies on a share is no peer's own."""
    farm.peers["ws1"].write(farm.peers["ws1"].text().replace(r"C:\Builds", SHARE))
    builds = installers(farm)
    more = {"vray_swarm_hosts": "ws1"}
    run = relay_apart(farm, *builds, **more)
    told = run.one("ws1", "Refuse an installer of which nobody can tell whether the peer has run it")["msg"]
    assert run.failed == ["ws1"] and uploads_to(*apart) == [0, 0], run.output
    assert told.startswith("vray-Windows_x86: ")
    assert "neither the name nor version in vray_swarm_builds tells the version of this installer." in told
    assert f"The import directory is shared: {SHARE} lies on the cifs mount {SHARE}." in told
    for own in ({"force": True}, {"version": "7.10.0-0a1b2c3d"}):
        run = relay_apart(farm, *builds, own=own, **more)
        assert run.succeeded and uploads_to(*apart) == [1, 0], run.output


def test_a_relay_sends_nothing_that_lies_in_another_import_directory(farm, apart):
    """So there is nothing to be refused."""
    builds = [farm.build(f"vray-{number}.tar", version="7.10.0-0a1b2c3d") for number in range(2)]
    refused = relay_apart(farm, *builds, vray_swarm_allow_shared_import=False)
    assert sorted(refused.failed) == ["lin1", "ws1"] and uploads_to(*apart) == [0, 0], refused.output
    told = refused.one("ws1", "Refuse to upload into a shared import directory")["msg"]
    assert r"The import directory is shared: vrayImportDir in its swarm.yaml points to C:\Builds." in told
    for peer, build in zip(apart, builds, strict=True):
        shutil.copy(build, peer.store.import_dir)
    run = relay_apart(farm, *builds, vray_swarm_allow_shared_import=False)
    assert run.succeeded and run.changed == {} and uploads_to(*apart) == [0, 0], run.output


def test_a_relay_tells_builds_apart_by_their_names(farm, apart):
    builds = [str(farm.directory / folder / "vray.tar") for folder in ("a", "b")]
    run = relay_apart(farm, *builds, vray_swarm_builds=[{"src": src} for src in builds], vray_swarm_hosts="ws1")
    told = run.one("ws1", "Refuse builds that only their directories tell apart")["msg"]
    assert run.failed == ["ws1"] and "has a file name twice for ws1: vray.tar, vray.tar." in told


@pytest.mark.parametrize(
    ("kept_in", "own", "is_link"),
    [
        ("import", {}, False),
        ("data", {}, False),
        ("data", {}, True),
        ("import", {"version": "7.10.0-0a1b2c3d", "force": "false"}, False),
    ],
)
def test_a_relay_runs_an_installer_once(farm, apart, kept_in, own, is_link):
    """Nothing but what Swarm has kept tells that it has run. The page does not say where, beside another vrayImportDir."""
    for peer in apart:
        peer.store.kept_in = kept_in
    builds = installers(farm)
    if is_link:
        for path in builds:
            path.rename(path.with_name(f"of {path.name}"))
            path.symlink_to(path.with_name(f"of {path.name}"))
    for changed in (["lin1", "ws1"], []):
        run = relay_apart(farm, *builds, own=own)
        assert run.succeeded and sorted(run.changed) == changed, run.output
        assert uploads_to(*apart) == [1, 1]


def test_a_relay_sends_to_the_peer_also_where_that_has_a_name_alone(farm, tmp_path):
    """Without ansible_host, a delegated task has that of the relay."""
    build, name = str(farm.build(platform="Linux_x86")), "127.0.4.1"
    with Peer(tmp_path / "relay", address="127.0.4.2") as relay:
        with Peer(tmp_path / "peer", address=name, port=relay.port) as peer:
            local = {key: value for key, value in LOCAL.items() if key != "ansible_host"}
            farm.variables[name] = dict(local, vray_swarm_data_dir=str(tmp_path / "peer"))
            farm.variables["nas1"] = dict(LOCAL, ansible_host="127.0.4.2")
            variables = dict(RELAYED, vray_swarm_hosts=name, vray_swarm_web_port=relay.port)
            run = farm.run(UPLOAD, vray_swarm_upload_via="nas1", vray_swarm_builds=[{"src": build}], **variables)
            assert run.succeeded and uploads_to(peer, relay) == [1, 0], run.output
            options = {"src": build, "remote_src": True, "web_port": relay.port, "force": True}
            more = {"delegate_to": "nas1", "when": f"inventory_hostname == '{name}'"}
            sent = farm.task("renderops.vray_swarm.upload", options, host=name, **more)
            assert sent.status == "ok" and uploads_to(peer, relay) == [2, 0]
            # The task itself may say it.
            options["src"] = str(farm.build("vray-7.0.6-df715d3c8ff9.tar", version="7.0.6-df715d3c8ff9"))
            more["vars"] = {"ansible_host": "127.0.4.2"}
            farm.task("renderops.vray_swarm.upload", options, host=name, **more)
            assert uploads_to(peer, relay) == [2, 1]


def test_no_secret_of_swarm_yaml_is_told(farm, monkeypatch):
    """Nor is one that is wanted. What is compared and written is exact all the same."""
    ws1 = farm.add("ws1")
    add_secrets(ws1.config)
    keep_facts(farm, monkeypatch)
    before = ws1.config.read_bytes()
    variables = {name: VARIABLES[name] for name in VARIABLES if "share" not in name}
    variables["vray_swarm_settings"] = NEW
    for playbook, arguments in (
        (VERIFY, []),
        (VERIFY, ["-e", "vray_swarm_audit=true"]),
        (DISTRIBUTE, ["--check", "--diff"]),
        (DISTRIBUTE, ["--diff"]),
        (DISTRIBUTE, ["--diff"]),
    ):
        run = farm.run(playbook, "-vvvv", *arguments, **variables)
        look_for_secrets(farm, run, before, ws1.config.read_bytes())
        if playbook == VERIFY:
            told = "swarm.yaml is ********, and another value is wanted."
            assert told in " ".join(run.output.split()), run.output
            assert "problems" in next((farm.directory / "facts").iterdir()).read_text()
        else:
            assert run.succeeded, run.output
            # That it is another one is to be seen all the same.
            assert ("apiToken: ******** (changed)" in run.output) == bool(run.changed)
    # The last one had nothing to do.
    assert run.changed == {} and ws1.swarm.stops == 1
    assert said(ws1.config) == merged()
