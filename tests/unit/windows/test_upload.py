# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""upload to and on a Windows host. Its curl.exe is the real curl of this machine, with the very same arguments."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess

import pytest
from scripted import Server, rapid, response

from ansible_collections.renderops.vray_swarm.plugins.module_utils._answer import parse_answer
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._scripts import script_text
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_upload import behind_path, curl_arguments
from double_farm import unpack
from swarm_peer import Peer, builds
from windows_double.farm import CONFIG, DATA_DIR, NAME, SERVICE, SHARE, VERSION
from windows_double.scripts import as_word, split

INFO = "renderops.vray_swarm.peer_info"
UPLOAD = "renderops.vray_swarm.upload"
ODD = "C:\\Builds, old; new\\" + NAME


def place(farm, peer, path=ODD, **options):
    real = peer.host.real(path)
    real.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(farm.build(**options), real)
    return real


def test_a_build_on_the_host_is_sent_by_curl(farm, peer):
    place(farm, peer)
    options = {"src": ODD, "remote_src": True, "data_dir": DATA_DIR, "config": CONFIG}

    planned = farm.task(UPLOAD, options, "--check")
    assert planned.status == "changed" and planned["outcome"] == "rapid"
    assert "ansible.windows.win_file" not in peer.host.forget()
    assert peer.swarm.peer.events[-1]["event"] != "upload"

    sent = farm.task(UPLOAD, options)
    assert (sent.status, sent["outcome"], sent["version"]) == ("changed", "rapid", VERSION)
    assert sent["deployed_in_directory"] == DATA_DIR + "\\VRay\\vray-" + VERSION
    assert sent["tmp_file"].startswith("C:\\Windows\\Temp\\servant-multipart")
    assert sent["bytes_sent"] == sent["uploaded_file_size"] == (farm.directory / "builds" / NAME).stat().st_size
    assert sent["http_status"] == 200
    upload = peer.swarm.peer.wait_for("upload")
    assert (upload["name"], upload["queued"], upload["fields"]) == (NAME, "false", ["queued", "file"])
    # Nothing of it twice, and no shell; what is sent is marked meanwhile.
    marked = ["ansible.windows.win_file", "send", "ansible.windows.win_file"]
    assert peer.host.forget() == ["look", "look", "look", "look", *marked]
    assert os.listdir(peer.data_dir) == ["VRay"]

    again = farm.task(UPLOAD, options)
    assert (again.status, again["outcome"], again["deployed"]) == ("ok", "present", True)


def test_curl_is_started_by_no_shell():
    """ProcessStartInfo.UseShellExecute is true by default in the .NET Framework."""
    text = script_text("send")
    (made,) = re.findall(r"(\$\w+) = \[Diagnostics\.ProcessStartInfo\]::new\(\$Program, \$line\)", text)
    assert text.count("[Diagnostics.Process]::") == text.count(f"[Diagnostics.Process]::Start({made})") == 1
    assert f"{made}.UseShellExecute = $false\n" in text


def test_the_answers_of_a_refusal_are_parsed_alike(farm, peer):
    place(farm, peer)
    options = {"src": ODD, "remote_src": True, "web_port": peer.port}
    peer.swarm.peer.faults.set(["fail=no room"])
    failed = farm.task(UPLOAD, options)
    assert failed.status == "failed" and failed["outcome"] == "failed"
    assert "refused vray-6.20.10-e8197af2.tar: 'no room'" in failed["msg"]

    peer.swarm.peer.faults.set(["garbage=html"])
    failed = farm.task(UPLOAD, options)
    assert "HTML or XML instead of JSON" in failed["msg"]
    assert "may have accepted the build all the same" in failed["msg"]

    peer.swarm.stop()
    failed = farm.task(UPLOAD, dict(options, retries=0))
    assert "actively refused it" in failed["msg"]
    assert "Does Swarm run there" in failed["msg"]


def test_what_no_host_may_send(farm, peer):
    assert "it has to be an absolute path" in farm.task(UPLOAD, {"src": NAME, "remote_src": True})["msg"]
    gone = farm.task(UPLOAD, {"src": r"C:\gone.tar", "remote_src": True})
    assert r"The build C:\gone.tar could not be read: Could not find file 'C:\gone.tar'" in gone["msg"]
    # A package of Windows Installer is one whatever its name.
    peer.host.real(r"C:\x").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(9000))
    assert "x is an installer" in farm.task(UPLOAD, {"src": r"C:\x", "remote_src": True})["msg"]


def test_a_build_that_changes_before_curl_opens_it_is_not_sent(farm, peer):
    """That is seen by the script that sends it, so that it takes no round trip."""
    real = place(farm, peer)

    def change(call):
        if call.script == "send":
            with open(real, "r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"x")

    checksum = "sha256:" + hashlib.sha256(real.read_bytes()).hexdigest()
    options = {"src": ODD, "remote_src": True, "web_port": peer.port, "checksum": checksum}
    peer.host.before = change
    failed = farm.task(UPLOAD, options)
    assert "changed after it had been checked" in failed["msg"]
    assert peer.host.forget() == ["look", "ansible.windows.win_stat", "look", "send"]
    assert peer.swarm.peer.events[-1]["event"] != "upload"
    peer.host.before = lambda call: None
    assert "is not the build that was asked for" in farm.task(UPLOAD, options)["msg"]


def test_the_controller_sends_and_looks_only_where_it_must(farm, peer):
    build = farm.build()
    options = {"src": str(build), "data_dir": DATA_DIR, "config": CONFIG}
    sent = farm.task(UPLOAD, options)
    assert sent["outcome"] == "rapid"
    assert peer.host.forget() == ["look", "look", *2 * ["ansible.windows.win_file"]]
    present = farm.task(UPLOAD, options)
    assert (present["outcome"], present["allows_executables"]) == ("present", False)
    # The same file, but no version in its name: found by its size, then by its checksum, on the host.
    other = farm.build("other.tar")
    shutil.copy(build, other)
    peer.write(peer.text() + "allowExecutables: true\r\n")
    peer.host.forget()
    present = farm.task(UPLOAD, dict(options, src=str(other)))
    assert (present["outcome"], present["allows_executables"]) == ("present", True)
    assert peer.host.forget() == ["look", "look", "ansible.windows.win_stat"]

    peer.write(peer.text() + f"vrayImportDir: '{SHARE}'\r\n")
    refused = farm.task(UPLOAD, dict(options, force=True))
    assert f"The import directory is shared: {SHARE} lies on the cifs mount {SHARE}" in refused["msg"]
    assert farm.task(UPLOAD, {"src": str(build), "web_port": peer.port})["outcome"] == "existing"


def test_what_is_kept_beside_another_import_directory(farm, peer):
    peer.host.real(r"C:\Builds").mkdir()
    peer.write(peer.text() + "vrayImportDir: 'C:\\Builds'\r\n")
    peer.swarm.stop()
    peer.swarm.start()
    peer.swarm.peer.store.kept_in = "data"
    options = {"src": str(farm.build("vray.tar")), "data_dir": DATA_DIR, "config": CONFIG, "allow_shared_import": True}
    assert farm.task(UPLOAD, options)["outcome"] == "rapid"
    found = farm.task(INFO, {"data_dir": DATA_DIR, "config": CONFIG}).data
    (kept,) = found["kept"]
    assert (kept["path"], found["imports"], found["import_dir"]) == (
        DATA_DIR + r"\VRay\import\vray.tar",
        [],
        r"C:\Builds",
    )
    # Where that is a link, it may lead to a share.
    own = peer.data_dir / "VRay" / "import"
    own.rename(own.with_name("moved"))
    own.symlink_to(own.with_name("moved"))
    assert farm.task(INFO, {"data_dir": DATA_DIR, "config": CONFIG})["kept"] == []
    own.unlink()
    own.with_name("moved").rename(own)
    # Nobody heard of the end of an upload: the build is whole, since its file was kept.
    mark = peer.data_dir / f".vray_swarm-{VERSION}.sending"
    mark.mkdir()
    again = farm.task(UPLOAD, dict(options, version=VERSION))
    assert (again["outcome"], again["deployed"]) == ("present", True) and not mark.exists()


def test_an_import_directory_on_a_share_is_read_as_the_account_of_the_service(farm, peer):
    """Nothing has to be sent: no other account need be let in for that."""
    build = farm.build()
    unpack(build, peer.data_dir)
    peer.swarm.account = ("FARM\\swarm", "S-1-5-21-1-2-3-1105")
    peer.host.share(SHARE, farm.share, readers={peer.swarm.account[1]})
    peer.write(peer.text() + f"vrayImportDir: '{SHARE}'\r\n")
    options = {"src": str(build), "data_dir": DATA_DIR, "config": CONFIG}
    assert "could not be read as NT AUTHORITY\\SYSTEM" in farm.task(UPLOAD, options)["msg"]
    assert farm.task(UPLOAD, dict(options, service=SERVICE))["outcome"] == "present"
    # As the role does it.
    variables = {"vray_swarm_builds": [{"src": str(build)}], "vray_swarm_hosts": "ws1", "vray_swarm_service": SERVICE}
    variables.update(vray_swarm_data_dir=DATA_DIR, vray_swarm_config=CONFIG)
    for relay in ("", "localhost"):
        run = farm.run("renderops.vray_swarm.upload", vray_swarm_upload_via=relay, **variables)
        assert run.succeeded and run.changed == {}, run.output


@pytest.mark.parametrize("on_host", [False, True])
def test_a_build_of_another_version_than_expected_fails_twice(farm, peer, on_host):
    """And no installer runs twice: tests/unit/plugins/module_utils/test_upload.py."""
    build = farm.build("vray.tar")
    options = {"src": str(build), "data_dir": DATA_DIR, "config": CONFIG, "version": "7.10.0-0a1b2c3d"}
    if on_host:
        shutil.copy(build, peer.host.real(r"C:\vray.tar"))
        options.update(src=r"C:\vray.tar", remote_src=True)
    for key in ("RapidUR", "ExistingUR"):
        failed = farm.task(UPLOAD, options)
        assert (failed.status, failed["outcome"], list(failed["answer"])) == ("failed", "failed", [key])
        assert f"expected to be 7.10.0-0a1b2c3d, and the peer says that it is {VERSION}" in failed["msg"]
    # Once it is told what it is, it need not be sent.
    present = farm.task(UPLOAD, dict(options, version=VERSION))
    assert (present.status, present["outcome"], present["deployed"]) == ("ok", "present", True)


def test_a_file_of_another_size_is_told_of_a_build_that_is_deployed(farm, peer):
    place(farm, peer)
    options = {"src": ODD, "remote_src": True, "data_dir": DATA_DIR, "config": CONFIG}
    assert farm.task(UPLOAD, options)["outcome"] == "rapid"
    stored = peer.host.real(DATA_DIR + "\\VRay\\import\\" + NAME)
    with open(stored, "r+b") as file:
        file.truncate(7)
    for _twice in range(2):
        run = farm.play([{"name": "Upload", UPLOAD: options}])
        present = run.one(task="Upload")
        assert (present.status, present["outcome"], present["deployed"]) == ("ok", "present", "unknown")
        assert " has 7 bytes, and " in " ".join(run.output.split())


CURL = shutil.which("curl")


def arguments_for(url, path, limits):
    """The arguments that curl.exe gets, with the path that the script puts into the last one."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    form = f'file=@"{escaped}"{behind_path(path.name)}'
    return [*curl_arguments(url, False, limits, path.stat().st_size), "--form", form]


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
@pytest.mark.parametrize(
    "name", [NAME, "a b,c.tar", "d;type=x.tar", 'e"f.tar', "g\\h.tar", "@i.tar", "ünï.tar", "<j.tar"]
)
def test_the_real_curl_sends_what_the_arguments_say(tmp_path, name):
    path = builds.make_archive(
        tmp_path / name,
        version=VERSION,
        platform="Linux_x86",
        size=300000,
    )
    with Peer(tmp_path / "data") as peer:
        arguments = arguments_for(f"{peer.url}/api/vray/upload", path, Limits(rate=10**9))
        # What Windows hands over is what was meant, and no proxy is asked.
        assert split(" ".join(map(as_word, arguments))) == arguments
        environ = {**os.environ, "http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
        done = subprocess.run([CURL, *arguments], capture_output=True, timeout=60, check=False, env=environ)
        upload = peer.wait_for("upload")
    body, _line, note = done.stdout.rpartition(b"\n")
    assert parse_answer(body).outcome == "rapid", done.stderr
    assert note.split()[0] == b"200" and int(note.split()[1]) > path.stat().st_size
    assert upload["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    # Swarm's parser cuts at a semicolon, as it does with the vendor's own example.
    assert upload["name"] == (name if ";" not in name else upload["name"])


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_the_wait_for_the_answer_is_not_a_stall(tmp_path):
    path = builds.make_archive(
        tmp_path / NAME,
        version=VERSION,
        platform="Linux_x86",
        size=300000,
    )
    with Peer(tmp_path / "data", faults=["late,seconds=3"]) as peer:
        url = f"{peer.url}/api/vray/upload"
        patient = arguments_for(url, path, Limits(stall=1, answer=30))
        done = subprocess.run([CURL, *patient], capture_output=True, timeout=60, check=False)
        assert (done.returncode, parse_answer(done.stdout.rpartition(b"\n")[0]).outcome) == (0, "rapid")
        peer.faults.set(["silent"])
        hasty = arguments_for(url, path, Limits(answer=2))
        done = subprocess.run([CURL, *hasty], capture_output=True, timeout=60, check=False)
        assert done.returncode == 28


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_curl_tells_nothing_of_an_interim_answer(tmp_path):
    """102 Processing (RFC 9110, 15.2) is neither the answer nor a part of it."""
    processing = b"HTTP/1.1 102 Processing\r\nX-Step: unpack\r\n\r\n"
    path = tmp_path / NAME
    path.write_bytes(bytes(300000))

    def script(connection):
        connection.read_head()
        connection.send(processing)
        connection.discard_body()
        connection.send(processing * 2)
        connection.server.over.wait(0.2)
        connection.send(processing + response(rapid(300000)))

    with Server(script) as server:
        arguments = arguments_for(f"http://127.0.0.1:{server.port}/api/vray/upload", path, Limits(answer=30))
        done = subprocess.run([CURL, *arguments], capture_output=True, timeout=60, check=False)
    body, _line, note = done.stdout.rpartition(b"\n")
    assert (done.returncode, body, note.split()[0]) == (0, rapid(300000), b"200"), done.stderr
