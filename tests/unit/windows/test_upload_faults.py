# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""upload by a Windows host itself, and what goes wrong: what is told, what is left, what the next run makes of it.

The real curl sends to the reference peer. Most of it runs without a playbook around: modules are handed to the double.
"""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import errno
import hashlib
import http.server
import json
import os
import re
import shutil
import threading
import types

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import upload_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SwarmError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import Look
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits
from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload import Hooks, Host
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _windows, _windows_upload
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import SwarmAction
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._scripts import script_text
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import Windows
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_look import look_at_windows
from swarm_peer import builds, form
from swarm_peer.faults import Plan, parse
from windows_double.documented import folder
from windows_double.farm import DATA_DIR, NAME, VERSION
from windows_double.files import WindowsError
from windows_double.host import NOT_BECOME, SYSTEM

SOURCE = "C:\\Builds\\" + NAME
# More than what the buffers of a connection hold: when the peer has a piece, curl has not yet read the end of the file.
SIZE = 32 << 20
PIECE = 1 << 20
# As long as a loaded machine may take for anything.
PATIENCE = 60

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed")


class Connection:
    """What an action has of one: by whom the next module runs."""

    become = None

    def set_become_plugin(self, plugin):
        self.become = plugin


class RunAs:
    """The plugin ansible.builtin.runas, which only a whole Ansible finds."""

    def set_options(self, direct):
        self.user = direct["become_user"]


@pytest.fixture(autouse=True)
def run_as(monkeypatch):
    monkeypatch.setattr(_windows, "become_loader", types.SimpleNamespace(get=lambda _name: RunAs()))


class Action:
    """An action without a task: its modules run on the double, by the same way as from a connection."""

    check = staticmethod(SwarmAction.check)

    def __init__(self, host):
        self._host = host
        self._connection = Connection()

    def run_module(self, name, arguments, fail=True):
        source = (folder() / f"{name.rpartition('.')[2]}.ps1").read_bytes()
        become = self._connection.become
        request = {"module": name, "source": base64.b64encode(source), "options": arguments}
        request["become"] = become.user if become else None
        try:
            _rc, answer, _errors = self._host.answer(dict(request, check_mode=False))
        except ConnectionAbortedError as error:
            raise AnsibleConnectionFailure("winrm connection error: the connection was aborted") from error
        return self.check(json.loads(answer)) if fail else json.loads(answer)


class Disk(Host):
    def __init__(self, windows):
        self._windows = windows

    def look(self):
        return Look(look_at_windows(self._windows, {"data_dir": DATA_DIR, "details": []}))

    def sha256(self, path):
        return self._windows.sha256(path)

    def make_directory(self, path):
        self._windows.make_directory(path)

    def remove_directory(self, path):
        self._windows.remove(path)


def upload(on, /, src=SOURCE, sleep=lambda seconds: None, **options):
    """Run the task once; the report, in ``failed`` whether it failed, and in ``warnings`` what it warned of."""
    given = {name: option.get("default") for name, option in upload_spec().items()}
    given.update(src=src, remote_src=True, peer="127.0.0.1", web_port=on.port, data_dir=DATA_DIR)
    windows = Windows(Action(on.host))
    warnings = []
    hooks = Hooks(sleep=sleep, warn=warnings.append)
    task = _windows_upload.WindowsUpload({**given, **options}, Disk(windows), hooks, windows)
    failed = False
    try:
        task.run(False)
    except SwarmError as error:
        failed, task.report.msg = True, str(error)
    return types.SimpleNamespace(failed=failed, warnings=warnings, **task.report.as_dict())


@contextlib.contextmanager
def uploading(peer, **options):
    """While the task runs: its result is there at the end."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(upload, peer, **options)
        done = types.SimpleNamespace()
        yield done
        vars(done).update(vars(future.result(PATIENCE)))


class Meanwhile(Plan):
    """What happens when the peer has got a piece of the body."""

    def __init__(self, act, *faults):
        super().__init__({fault.kind: fault for fault in map(parse, faults)})
        self._act = act

    def at(self, body_bytes):
        if body_bytes >= PIECE and self._act:
            act, self._act = self._act, None
            act()
        return super().at(body_bytes)


def while_it_is_sent(peer, act, *faults):
    """Let something happen in the middle of the next upload."""
    plans = [Meanwhile(act, *faults)]
    peer.swarm.peer.faults.for_upload = lambda: plans.pop() if plans else Plan()


@pytest.fixture
def source(farm, peer):
    """A build on the host."""
    real = peer.host.real(SOURCE)
    real.parent.mkdir(parents=True)
    shutil.copy(farm.build(size=SIZE), real)
    return real


def events(peer, kind="upload"):
    return [event for event in peer.swarm.peer.events if event["event"] == kind]


def left(peer):
    """What the peer has of builds: deployed, to be imported, and its temporary files."""
    vray, temporary = peer.data_dir / "VRay", peer.host.real(r"C:\Windows\Temp")
    deployed = [entry.name for entry in vray.iterdir() if entry.name != "import"]
    return [*deployed, *os.listdir(vray / "import"), *os.listdir(temporary)]


MARK = f".vray_swarm-{VERSION}.sending"


def marks(peer):
    """All that lies beside the builds."""
    return [entry.name for entry in peer.data_dir.iterdir() if entry.name != "VRay"]


def assert_nothing_is_left(peer):
    assert left(peer) == []


def assert_whole(peer, real, version=VERSION):
    """The build is deployed, and kept as it was sent."""
    assert (peer.data_dir / "VRay" / f"vray-{version}" / "vray.json").exists()
    kept = peer.data_dir / "VRay" / "import" / real.name
    assert hashlib.sha256(kept.read_bytes()).digest() == hashlib.sha256(real.read_bytes()).digest()


def assert_heals(peer, real):
    """Without the fault, the next run sends the build."""
    peer.swarm.peer.faults.set([])
    healed = upload(peer)
    assert (healed.failed, healed.outcome, healed.bytes_sent) == (False, "rapid", real.stat().st_size), healed.msg
    assert_whole(peer, real)
    assert sorted(left(peer)) == sorted([f"vray-{VERSION}", real.name])


def assert_next_run_sends_nothing(peer, real):
    peer.swarm.peer.faults.set([])
    again = upload(peer)
    assert (again.failed, again.outcome, again.attempts) == (False, "present", 0)
    assert_whole(peer, real)


# -- the source


def cut(real):
    os.truncate(real, SIZE - PIECE)


def grow(real):
    with open(real, "ab") as file:
        file.write(bytes(PIECE))


def overwrite(real):
    with open(real, "r+b") as file:
        file.seek(-PIECE, os.SEEK_END)
        file.write(b"x" * PIECE)


def overwrite_unseen(real):
    """As somebody would who puts the time back."""
    was = real.stat()
    overwrite(real)
    os.utime(real, ns=(was.st_atime_ns, was.st_mtime_ns))


def replace(real):
    other = real.with_name("other")
    shutil.copyfile(real, other)
    os.replace(other, real)


def remove(real):
    real.unlink()


def remove_by_hand(peer):
    shutil.rmtree(peer.data_dir / "VRay" / f"vray-{VERSION}")
    (peer.data_dir / "VRay" / "import" / NAME).unlink()


CHANGES = [cut, grow, overwrite, overwrite_unseen, replace, remove]
is_any_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


@is_any_change
def test_a_source_is_held_while_it_is_sent(peer, source, change):
    """Another program gets an error of Windows, and the peer the build."""
    refused = []

    def try_it():
        try:
            change(peer.host.as_another_program(SOURCE))
        except WindowsError as error:
            refused.append(str(error))

    while_it_is_sent(peer, try_it)
    sent = upload(peer)
    assert (sent.failed, sent.outcome, sent.bytes_sent) == (False, "rapid", SIZE), sent.msg
    assert refused == [f"The process cannot access the file '{SOURCE}' because it is being used by another process."]
    assert_next_run_sends_nothing(peer, source)
    # As soon as it is sent, it is let go.
    change(peer.host.as_another_program(SOURCE))


@is_any_change
def test_a_source_is_let_go_when_the_upload_fails(peer, source, change):
    peer.swarm.peer.faults.set(["fail=no room"])
    assert upload(peer).failed
    change(peer.host.as_another_program(SOURCE))


UNHELD = {"share": "\\\\files\\builds\\" + NAME, "link": "C:\\Linked\\" + NAME, "link itself": "C:\\Builds\\link.tar"}


@pytest.fixture(params=UNHELD)
def unheld(request, farm, peer, source):
    """Where the build lies so that others can get at it while it is held: the path, and the file."""
    real = source
    if request.param == "share":
        real = farm.directory / "of files" / NAME
        real.parent.mkdir()
        shutil.copy(source, real)
        # As a share is for whoever has logged in over the network.
        peer.host.share("\\\\files\\builds", real.parent, readers={SYSTEM[1]})
    elif request.param == "link":
        peer.host.real("C:\\Linked").symlink_to(source.parent)
    else:
        (source.parent / "link.tar").symlink_to(source)
    return UNHELD[request.param], real


def test_a_share_that_may_not_be_read_is_told(peer, source):
    share = peer.host.share("\\\\files\\builds", source.parent, readers=())
    src = UNHELD["share"]
    failed = upload(peer, src=src)
    assert failed.failed and failed.attempts == 0
    assert (
        f"{src} could not be read: Access to the path '{src}' is denied. A share is read as LocalSystem" in failed.msg
    )
    assert "let that account read there" in failed.msg
    share.readers = None
    peer.host.cannot_become = {"system": NOT_BECOME[0]}
    assert "could not be: internal error: failed to become user 'SYSTEM'" in upload(peer, src=src).msg
    peer.host.cannot_become = {}
    assert upload(peer, src=src).outcome == "rapid"


def temporary(peer):
    """What a module keeps for itself on the host."""
    return list(peer.host.real("C:\\").glob("**/ansible-moduletmp-*"))


@is_any_change
def test_a_source_that_cannot_be_held_is_copied_first(peer, unheld, change):
    src, real = unheld
    was, copies = real.read_bytes(), []

    def change_it():
        copies.extend(temporary(peer))
        change(real)

    while_it_is_sent(peer, change_it)
    sent = upload(peer, src=src, version=VERSION)
    assert (sent.failed, sent.outcome, sent.bytes_sent) == (False, "rapid", SIZE), sent.msg
    kept = peer.data_dir / "VRay" / "import" / src.rpartition("\\")[2]
    assert kept.read_bytes() == was
    assert len(copies) == 1 and temporary(peer) == []


@pytest.mark.parametrize("change", [cut, grow, overwrite, overwrite_unseen], ids=lambda change: change.__name__)
def test_a_source_that_changes_while_it_is_copied_is_not_sent(farm, peer, unheld, change):
    src, real = unheld
    peer.host.meanwhile = lambda what: change(real)
    failed = upload(peer, src=src, version=VERSION, retries=3)
    assert failed.failed and (failed.attempts, failed.bytes_sent, failed.changed) == (1, 0, False)
    assert "changed after it had been checked" in failed.msg
    assert events(peer) == [] and temporary(peer) == []
    assert_nothing_is_left(peer)
    peer.host.meanwhile = lambda what: None
    shutil.copy(farm.directory / "builds" / NAME, real)
    healed = upload(peer, src=src, version=VERSION)
    assert (healed.failed, healed.outcome) == (False, "rapid"), healed.msg


def test_a_copy_that_has_no_room_is_told(peer, unheld):
    src, _real = unheld
    peer.host.free["C:"] = SIZE - 1
    failed = upload(peer, src=src, version=VERSION)
    assert failed.failed and (failed.attempts, failed.bytes_sent) == (1, 0)
    assert f"{src} lies on a share, on no fixed drive, or behind a link, so that it is copied" in failed.msg
    assert "There is not enough space on the disk. Make room there, or put the build on a fixed drive" in failed.msg
    assert events(peer) == [] and temporary(peer) == []
    peer.host.free["C:"] = SIZE
    assert upload(peer, src=src, version=VERSION).outcome == "rapid"


@pytest.mark.parametrize("change", [cut, grow, overwrite, replace], ids=lambda change: change.__name__)
def test_a_source_that_changes_before_it_is_sent(farm, peer, source, change):
    def change_it(call):
        if call.script == "send":
            change(source)

    peer.host.before = change_it
    failed = upload(peer, retries=3)
    assert failed.failed and (failed.attempts, failed.bytes_sent, failed.changed) == (1, 0, False)
    assert "changed after it had been checked" in failed.msg
    assert events(peer) == []
    peer.host.before = lambda call: None
    shutil.copy(farm.directory / "builds" / NAME, source)
    assert_nothing_is_left(peer)
    assert_heals(peer, source)


def test_a_change_that_only_the_checksum_shows(farm, peer, source):
    checksum = "sha256:" + hashlib.sha256(source.read_bytes()).hexdigest()
    peer.host.before = lambda call: overwrite_unseen(source) if call.script == "send" else None
    failed = upload(peer, checksum=checksum)
    assert failed.failed and "changed after it had been checked" in failed.msg and failed.bytes_sent == 0
    peer.host.before = lambda call: None
    assert "is not the build that was asked for" in upload(peer, checksum=checksum).msg
    shutil.copy(farm.directory / "builds" / NAME, source)
    assert_nothing_is_left(peer)
    assert_heals(peer, source)


@pytest.mark.parametrize("script", ["look", "send"])
def test_a_source_that_is_still_being_written(peer, source, script):
    """As long as somebody has it open for writing."""

    def write(call):
        if call.script == script:
            peer.host.locked.add(SOURCE.lower())

    peer.host.before = write
    failed = upload(peer, retries=3)
    assert failed.failed and failed.bytes_sent == 0
    assert "because it is being used by another process. Wait until that is done with it." in failed.msg
    peer.host.before = lambda call: None
    peer.host.locked.clear()
    assert_nothing_is_left(peer)
    assert_heals(peer, source)


# -- curl.exe, and what runs it


def test_curl_that_is_ended(peer, source):
    while_it_is_sent(peer, lambda: peer.host.end_programs(1))
    failed = upload(peer, retries=3)
    assert failed.failed and failed.attempts == 1 and failed.bytes_sent is None
    assert "curl.exe was ended before it could say what it had done, with the exit code 1." in failed.msg
    assert f"How many of its {SIZE} bytes were sent is not known." in failed.msg
    assert "The peer may have accepted the build all the same, so it was not sent again" in failed.msg
    peer.swarm.peer.wait_for("aborted", timeout=PATIENCE)
    assert_nothing_is_left(peer)
    assert_heals(peer, source)


def test_curl_that_is_ended_when_all_was_sent(peer, source):
    peer.swarm.peer.faults.set(["silent,times=1"])
    with uploading(peer, retries=3) as failed:
        peer.swarm.peer.wait_for("fault", timeout=PATIENCE)
        peer.host.end_programs(4294967295)
    assert failed.failed and failed.attempts == len(events(peer)) == 1 and failed.bytes_sent is None
    assert "with the exit code 4294967295" in failed.msg
    assert "The peer may have accepted the build all the same" in failed.msg
    assert_next_run_sends_nothing(peer, source)


def lose_the_connection(call):
    if call.script == "send":
        raise ConnectionAbortedError


def test_a_connection_to_the_host_that_is_lost(peer, source):
    peer.host.after = lose_the_connection
    failed = upload(peer, retries=3)
    assert failed.failed and failed.attempts == len(events(peer)) == 1 and failed.bytes_sent is None
    assert "the host does not tell what became of curl.exe: winrm connection error: the connection" in failed.msg
    assert "The peer may have accepted the build all the same, so it was not sent again" in failed.msg
    peer.host.after = lambda call: None
    assert_next_run_sends_nothing(peer, source)


def test_a_module_that_breaks_while_curl_runs(peer, source, monkeypatch):
    """As where memory runs out: that curl was started, and how it ended, is not said."""
    said = "Unhandled exception while executing module: Exception of type 'System.OutOfMemoryException' was thrown."
    run = peer.host._win_powershell

    def break_it(options, *rest):
        broken = {"failed": True, "msg": said, "changed": False}
        return broken if options["script"] == script_text("send") else run(options, *rest)

    monkeypatch.setattr(peer.host, "_win_powershell", break_it)
    failed = upload(peer, retries=3)
    assert failed.failed and failed.attempts == 1 and failed.bytes_sent is None
    assert "the host does not tell what became of curl.exe: Unhandled exception" in failed.msg
    monkeypatch.undo()
    assert_heals(peer, source)


def test_a_windows_without_curl(peer, source):
    curl = peer.host.real(r"C:\Windows\System32\curl.exe")
    curl.unlink()
    failed = upload(peer)
    assert failed.failed and failed.bytes_sent == 0
    assert r"C:\WINDOWS\system32\curl.exe is not there; Windows has it since 10 1803." in failed.msg
    assert_nothing_is_left(peer)
    curl.touch()
    assert_heals(peer, source)


def test_a_curl_that_may_not_run(peer, source):
    peer.host.refuses_programs = "This program is blocked by group policy."
    failed = upload(peer, retries=3)
    assert failed.failed and (failed.attempts, failed.bytes_sent) == (1, 0)
    assert r"C:\WINDOWS\system32\curl.exe could not be started: This program is blocked by group policy." in failed.msg
    assert_nothing_is_left(peer)
    peer.host.refuses_programs = None
    assert_heals(peer, source)


def test_an_older_curl_that_knows_an_option_not(peer, source, monkeypatch):
    """It says so, and has sent nothing then."""
    known = _windows_upload.curl_arguments
    monkeypatch.setattr(_windows_upload, "curl_arguments", lambda *given: ["--no-such-option", *known(*given)])
    failed = upload(peer, retries=0)
    assert failed.failed and failed.bytes_sent == 0
    assert "option --no-such-option" in failed.msg and "The peer cannot have accepted the build" in failed.msg


def test_a_build_that_is_gone_when_it_is_to_be_sent(peer, source):
    """It was there when it was looked at, just before."""
    away = source.with_name("away")
    peer.host.before = lambda call: source.rename(away) if call.script == "send" else None
    failed = upload(peer, retries=3)
    assert failed.failed and (failed.attempts, failed.bytes_sent) == (1, 0)
    assert f"The build {SOURCE} could not be read: Could not find file '{SOURCE}'. Correct src." in failed.msg
    assert events(peer) == []
    assert_nothing_is_left(peer)
    peer.host.before = lambda call: None
    away.rename(source)
    assert_heals(peer, source)


def test_a_build_that_curl_cannot_read(peer, source, monkeypatch):
    """As where its name has letters that this curl.exe makes others of."""
    monkeypatch.setattr(peer.host, "_for_curl", lambda argument, _sid: argument.replace("file=@", "file=@no/"))
    failed = upload(peer, retries=3)
    assert failed.failed and (failed.attempts, failed.bytes_sent) == (1, 0)
    assert f"curl.exe could not read {SOURCE}: (26) " in failed.msg
    assert "Names with other letters than English need care." in failed.msg
    assert events(peer) == []
    assert_nothing_is_left(peer)
    monkeypatch.undo()
    assert_heals(peer, source)


def test_what_curl_says_is_data(peer, source, monkeypatch):
    said = {
        "rc": 56,
        "stdout": b"\n000 7",
        "stderr": b"curl: (56) \x1b[31mred\xe2\x80\xae\x07\xff\r\n",
        "endless": False,
    }
    monkeypatch.setattr(peer.host, "execute", lambda *_call: dict(said))
    failed = upload(peer, retries=0)
    assert "(56) ?[31mred??\ufffd." in failed.msg


# -- the peer and the network


def test_a_peer_that_is_killed_in_the_body(peer, source):
    peer.swarm.peer.faults.set([f"die,after={PIECE}"])
    failed = upload(peer, retries=0)
    assert failed.failed and failed.bytes_sent < SIZE
    assert "The peer cannot have accepted the build: run this again when the reason is gone." in failed.msg
    assert_nothing_is_left(peer)
    peer.swarm.stop()
    peer.swarm.start()
    assert_heals(peer, source)


def kill_while_it_deploys(peer, monkeypatch, how, before=lambda: None):
    halfway, store = threading.Event(), peer.swarm.peer.store
    stop = store._stop_halfway
    monkeypatch.setattr(store, "_stop_halfway", lambda: (halfway.set(), stop()))
    peer.swarm.peer.faults.set([f"halfway={how}"])
    with uploading(peer, retries=3) as failed:
        assert halfway.wait(PATIENCE)
        before()
        peer.swarm.stop()
    assert failed.failed and failed.attempts == 1 and failed.bytes_sent == SIZE
    peer.swarm.start()
    assert marks(peer) == [MARK]
    return failed.msg


def test_a_peer_that_is_killed_while_it_deploys(peer, source, monkeypatch):
    told = kill_while_it_deploys(peer, monkeypatch, "staged")
    assert "The peer may have accepted the build all the same, so it was not sent again" in told
    assert_nothing_is_left(peer)
    assert_heals(peer, source)
    assert marks(peer) == []


def test_half_a_build_is_not_called_present(peer, source, monkeypatch):
    half = peer.data_dir / "VRay" / f"vray-{VERSION}"
    kill_while_it_deploys(peer, monkeypatch, "in-place", lambda: shutil.copytree(half, peer.host.real("C:\\half")))
    # Who is killed does not tidy up, unlike the peer that was stopped here.
    shutil.move(peer.host.real("C:\\half"), half)
    for _twice in range(2):
        failed = upload(peer)
        assert (failed.failed, failed.obstacle, failed.attempts) == (True, "unanswered", 0)
        assert f"{DATA_DIR}\\VRay\\vray-{VERSION} may be half a build" in failed.msg
        assert f"as {DATA_DIR}\\{MARK} tells" in failed.msg
    # Once it is removed, the mark alone is no obstacle.
    shutil.rmtree(half)
    assert_heals(peer, source)
    assert marks(peer) == []


def test_a_mark_that_cannot_be_made(peer, source):
    """Whoever put something else there loses nothing."""
    (peer.data_dir / MARK).write_bytes(b"mine")
    sent = upload(peer)
    assert (sent.failed, sent.outcome) == (False, "rapid")
    (warning,) = sent.warnings
    assert warning.startswith(f"{DATA_DIR}\\{MARK} could not be made (path {DATA_DIR}\\{MARK} is not a directory)")
    assert (peer.data_dir / MARK).read_bytes() == b"mine"


def test_a_peer_that_is_killed_after_it_has_deployed(peer, source):
    peer.swarm.peer.faults.set(["die,after=end"])
    failed = upload(peer, retries=3)
    assert failed.failed and failed.attempts == 1 and failed.bytes_sent == SIZE
    assert "The peer may have accepted the build all the same, so it was not sent again" in failed.msg
    peer.swarm.stop()
    peer.swarm.start()
    assert marks(peer) == [MARK]
    assert_next_run_sends_nothing(peer, source)
    # It is known now that it is whole.
    assert marks(peer) == []


def test_a_peer_that_goes_before_curl_connects(peer, source):
    def stop(call):
        if call.script == "send":
            peer.swarm.end()

    peer.host.before = stop
    failed = upload(peer, retries=0)
    assert failed.failed and failed.bytes_sent == 0
    assert "Does Swarm run there, and is this the webPort of its swarm.yaml?" in failed.msg
    assert "The peer cannot have accepted the build" in failed.msg
    peer.swarm.run()
    assert_nothing_is_left(peer)
    assert marks(peer) == []

    # A retry heals it, too, as soon as the peer is back.
    def start(_seconds):
        peer.host.before = lambda call: None
        peer.swarm.run()

    healed = upload(peer, retries=1, sleep=start)
    assert (healed.failed, healed.outcome, healed.attempts) == (False, "rapid", 2), healed.msg
    assert_whole(peer, source)


def test_a_connection_that_is_reset(peer, source):
    peer.swarm.peer.faults.set([f"reset,after={PIECE}"])
    failed = upload(peer, retries=1)
    assert failed.failed and failed.attempts == 2
    assert "The peer cannot have accepted the build: run this again when the reason is gone." in failed.msg
    assert_nothing_is_left(peer)

    peer.swarm.peer.faults.set([f"reset,after={PIECE},times=1"])
    healed = upload(peer, retries=1)
    assert (healed.failed, healed.outcome, healed.attempts) == (False, "rapid", 2), healed.msg
    assert_whole(peer, source)


@pytest.mark.parametrize("address", ["::1", "[::1]", "0:0:0:0:0:0:0:1"])
def test_a_peer_with_an_address_of_ipv6(peer, source, address):
    peer.swarm.stop()
    peer.host.address = "::1"
    peer.swarm.start()
    if peer.swarm.peer is None:
        pytest.skip("no IPv6 here")
    sent = upload(peer, peer=address)
    assert (sent.failed, sent.outcome) == (False, "rapid"), sent.msg
    url = f"http://[{address.strip('[]')}]:{peer.port}/api/vray/upload"
    curl = [call.options["parameters"]["Arguments"] for call in peer.host.calls if call.script == "send"]
    assert [argv[argv.index("--url") + 1] for argv in curl] == [url] and sent.url == url
    assert events(peer, "request")[-1]["client"] == "::1"
    assert_whole(peer, source)


def test_two_runs_at_once(farm, peer, source):
    """Two builds to one peer, both under way at the same time."""
    other = "vray-7.10.0-0a1b2c3d.tar"
    real = peer.host.real("C:\\Builds\\" + other)
    shutil.copy(farm.build(other, version="7.10.0-0a1b2c3d", size=SIZE), real)
    both = threading.Barrier(2)
    peer.swarm.peer.faults.for_upload = lambda: Meanwhile(lambda: both.wait(PATIENCE))
    with uploading(peer, src="C:\\Builds\\" + other) as second:
        first = upload(peer)
    assert [(done.failed, done.outcome, done.version) for done in (first, second)] == [
        (False, "rapid", VERSION),
        (False, "rapid", "7.10.0-0a1b2c3d"),
    ]
    assert second.deployed_in_directory == DATA_DIR + "\\VRay\\vray-7.10.0-0a1b2c3d"
    assert_whole(peer, source)
    assert_whole(peer, real, "7.10.0-0a1b2c3d")
    assert len(left(peer)) == 4
    assert_next_run_sends_nothing(peer, source)


def test_one_build_twice_at_once(peer, source):
    both = threading.Barrier(2)
    peer.swarm.peer.faults.for_upload = lambda: Meanwhile(lambda: both.wait(PATIENCE))
    with uploading(peer) as second:
        first = upload(peer)
    assert sorted([first.outcome, second.outcome]) == ["existing", "rapid"]
    assert not first.failed and not second.failed
    assert_whole(peer, source)
    assert len(left(peer)) == 2


@pytest.mark.parametrize("directory", ["temporary", "import"])
def test_a_full_disk_of_the_peer(peer, source, monkeypatch, directory):
    full = OSError(errno.ENOSPC, "There is not enough space on the disk")
    if directory == "temporary":
        write = form.Spool.write

        def write_until_it_is_full(spool, data):
            if spool.size > PIECE:
                raise full
            write(spool, data)

        monkeypatch.setattr(form.Spool, "write", write_until_it_is_full)
    else:

        def put(*_arguments):
            raise full

        monkeypatch.setattr(peer.swarm.peer.store, "_put", put)
    failed = upload(peer)
    assert failed.failed and failed.attempts == 1
    assert "There is not enough space on the disk" in failed.msg
    assert "is there room on its disk, and what does Swarm's log on the peer say?" in failed.msg
    assert_nothing_is_left(peer)
    monkeypatch.undo()
    assert_heals(peer, source)


# When the peer ends the connection over bytes that it has not read, its answer can be lost.
REFUSED = f"refused {NAME}: 'refused before the upload was whole'"
REFUSED_OR_LOST = rf"{REFUSED}|\((55|56)\) .* cannot have accepted"
CANNOT = "The peer cannot have accepted the build: run this again when the reason is gone."


@pytest.mark.parametrize(
    ("fault", "status", "says", "sent"),
    [
        ("not-swarm", 200, "answered with HTTP 200, but not as Swarm does: .* Does another program listen", "none"),
        ("not-swarm,code=404", 200, "answered with HTTP 404, but not as Swarm does: .*" + CANNOT, "none"),
        ("early,after=0,then=close", 200, REFUSED_OR_LOST, "part"),
        (f"early,after={PIECE},then=close", 200, REFUSED_OR_LOST, "part"),
        # What is read, and thrown away, is sent to its end.
        (f"early,after={PIECE},then=drain", 200, REFUSED, "whole"),
        # At such a status curl stops sending. At 200 it goes on, until a limit ends it: see below.
        (f"early,after={PIECE},then=sit", 413, REFUSED, "part"),
        (f"stall,after={PIECE}", 200, "Operation too slow.* See Swarm's log on the peer. " + CANNOT, "part"),
        ("reset,after=0", 200, r"\((55|56)\) .*" + CANNOT, "part"),
        (f"reset,after={8 * PIECE}", 200, r"\((55|56)\) .*" + CANNOT, "part"),
        ("fail=no room", 200, f"refused {NAME}: 'no room'", "whole"),
        ("redirect=http://127.0.1.9/", 200, "HTTP 302: The peer's answer is not JSON.* may have accepted", "whole"),
    ],
)
def test_a_peer_that_does_not_take_the_build(peer, source, fault, status, says, sent):
    peer.swarm.peer.status = status
    peer.swarm.peer.faults.set([fault])
    limit = 2 if fault.startswith("stall") else PATIENCE
    failed = upload(peer, retries=0 if sent == "part" else 3, deploy_timeout=limit)
    assert failed.failed and failed.attempts == 1
    assert re.search(says, failed.msg), failed.msg
    assert (failed.outcome, failed.changed) == ("failed", False)
    if sent == "part":
        assert failed.bytes_sent < SIZE
    else:
        assert failed.bytes_sent == {"none": 0, "whole": SIZE}[sent]
    asked = [event["method"] for event in events(peer, "request")]
    assert asked == (["GET"] if sent == "none" else ["GET", "POST"])
    assert_nothing_is_left(peer)
    assert_heals(peer, source)


@pytest.mark.parametrize(("key", "status"), [("RapidUR", 200), ("QueuedUR", 503)])
def test_an_early_success_is_none(peer, source, monkeypatch, key, status):
    def answer(_message, tmp_file):
        known = {"tmpFile": tmp_file, "uploadedFileSize": SIZE, "takenSeconds": 6}
        known["uploadedVrayVersion"] = builds.version_dict(VERSION)
        return {key: dict(known, deployedInDirectory=DATA_DIR, queuedAs=NAME)}

    monkeypatch.setattr("swarm_peer.store.fail", answer)
    peer.swarm.peer.status = status
    peer.swarm.peer.faults.set([f"early,after={PIECE},then=sit"])
    failed = upload(peer, retries=3, deploy_timeout=2)
    assert failed.failed and failed.attempts == 1 and failed.bytes_sent < SIZE
    assert f"it answered {key} before it had the whole build" in failed.msg
    assert CANNOT in failed.msg
    assert (failed.outcome, failed.changed) == ("failed", False)
    monkeypatch.undo()
    assert_nothing_is_left(peer)
    assert_heals(peer, source)


@pytest.mark.parametrize("status", [413, 500, 503])
def test_a_key_counts_and_not_the_status(peer, source, status):
    peer.swarm.peer.status = status
    peer.swarm.peer.faults.set(["fail=too big"])
    failed = upload(peer, retries=3)
    assert failed.failed and (failed.attempts, failed.http_status, failed.outcome) == (1, status, "failed")
    assert f"refused {NAME}: 'too big'. Sent: {SIZE} of {SIZE} bytes." in failed.msg
    assert_nothing_is_left(peer)
    assert_heals(peer, source)
    existing = upload(peer, force=True)
    assert (existing.failed, existing.http_status, existing.outcome) == (False, status, "existing"), existing.msg
    remove_by_hand(peer)
    queued = upload(peer, queued=True)
    assert (queued.failed, queued.http_status, queued.outcome) == (False, status, "queued"), queued.msg
    peer.swarm.peer.wait_for("import", timeout=PATIENCE)
    assert_next_run_sends_nothing(peer, source)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("garbage=html", "HTTP 200: The peer's answer is HTML or XML instead of JSON"),
        ("garbage=truncated", "HTTP 200: The peer's answer is JSON that breaks off before its end"),
        ("garbage=empty", "HTTP 200: The peer's answer is empty"),
        ("garbage=cut", r"\(18\) "),
        ("garbage=unknown-key", "HTTP 200: The peer's answer has the unknown key 'PartialUR'"),
        ("garbage=several-keys", "HTTP 200: The peer's answer has 2 keys instead of exactly one of"),
        ("garbage=missing", "HTTP 200: The peer's answer has no deployedInDirectory in RapidUR"),
        ("garbage=types", "HTTP 200: .* has in RapidUR for deployedInDirectory the value None, which is not a text"),
        ("garbage=utf8", "HTTP 200: The peer's answer is not valid UTF-8 at byte offset"),
        ("garbage=html status=413", "HTTP 413: The peer's answer is HTML or XML instead of JSON"),
        ("garbage=empty status=500", "HTTP 500: The peer's answer is empty"),
        ("garbage=html status=503", "HTTP 503: The peer's answer is HTML or XML instead of JSON"),
        (
            "garbage=huge",
            r"HTTP 200: The peer's answer is longer than the 1048576 bytes that an answer of Swarm can have\. Sent: ",
        ),
        ("silent", r"\(28\) Operation too slow. .* See Swarm's log on the peer."),
        ("reset,after=end", r"\((52|56)\) "),
    ],
)
def test_an_answer_that_is_none(peer, source, fault, says):
    peer.swarm.peer.faults.set(fault.split())
    failed = upload(peer, retries=3, deploy_timeout=5 if fault == "silent" else PATIENCE)
    assert failed.failed and failed.attempts == 1 and failed.bytes_sent == SIZE
    assert re.search(says, failed.msg), failed.msg
    assert "The peer may have accepted the build all the same, so it was not sent again" in failed.msg
    assert_next_run_sends_nothing(peer, source)


def test_an_answer_that_trickles_for_ever_is_ended(farm, peer, source, monkeypatch):
    """A byte moves each second, so that no limit but the last one ends it."""
    shutil.copy(farm.build(), source)
    monkeypatch.setattr(_windows_upload, "SLOWEST", 1 << 40)
    peer.swarm.peer.faults.set(["trickle=0.3"])
    failed = upload(peer, connect_timeout=1, deploy_timeout=9)
    assert failed.failed and failed.bytes_sent == source.stat().st_size
    assert "(28) Operation timed out after" in failed.msg
    assert "The peer may have accepted the build all the same, so it was not sent again" in failed.msg
    assert_next_run_sends_nothing(peer, source)


@pytest.mark.parametrize(
    ("rate", "answer", "seconds"),
    [(0, 1800, 10 + 2048 + 1800), (16 << 10, 1800, 10 + 4096 + 1800), (1 << 30, 60, 10 + 2048 + 60), (1, 9, 2147483)],
)
def test_how_long_curl_may_run(rate, answer, seconds):
    """The connection, the body at the slowest, and the answer; curl on Windows knows no longer time than the last."""
    arguments = _windows_upload.curl_arguments("http://x", False, Limits(rate=rate, answer=answer), SIZE)
    assert arguments[arguments.index("--max-time") + 1] == str(seconds)


class Endless(http.server.BaseHTTPRequestHandler):
    """An answer that tells no length and never ends."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"false")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b" " * 65536)

    def log_message(self, *_said):
        pass


def test_an_endless_answer_is_not_read_to_its_end(peer, source):
    """Also where curl.exe would: before 8.4.0, it knows no limit for an answer that does not say how long it is."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        failed = upload(types.SimpleNamespace(host=peer.host, port=server.server_address[1]), retries=3, data_dir=None)
        server.shutdown()
    assert failed.failed and failed.attempts == 1
    assert "The peer's answer is longer than the 1048576 bytes that an answer of Swarm can have." in failed.msg
    assert "The peer may have accepted the build all the same, so it was not sent again" in failed.msg


# -- with all of Ansible around


def test_what_a_task_returns(farm, peer, source):
    """The messages and facts of these faults get through, and neither Ansible nor the task sends again."""
    options = {"src": SOURCE, "remote_src": True, "data_dir": DATA_DIR, "web_port": peer.port, "retries": 3}
    peer.host.before = lambda call: overwrite(source) if call.script == "send" else None
    failed = farm.task("renderops.vray_swarm.upload", options)
    assert failed.status == "failed" and failed["attempts"] == 1 and events(peer) == []
    assert failed["msg"].startswith("ws1: ") and f"{NAME}' changed after it had been checked" in failed["msg"]
    assert (failed["outcome"], failed["bytes_sent"]) == ("failed", 0)
    peer.host.before = lambda call: None

    peer.host.after = lose_the_connection
    failed = farm.task("renderops.vray_swarm.upload", options)
    assert failed.status == "failed" and failed["attempts"] == len(events(peer)) == 1
    assert "ws1: The upload of" in failed["msg"] and "does not tell what became of curl.exe" in failed["msg"]
    assert failed["bytes_sent"] is None and failed["outcome"] == "failed" and failed["deployed"] == "unknown"
