# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task, from its options to its result: what is looked at, decided and sent, and how the answer is judged."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import struct

import pytest
import ticks

pytest.importorskip("requests")

from scripted import PATIENCE, Server, answering, existing, failed, per_method, queued, rapid, response, sending, swarm

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _sending
from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import upload_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import sha256
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    AnswerError,
    BuildError,
    NotSwarmError,
    OptionsError,
    SwarmError,
    TransportError,
    VersionError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import Look
from ansible_collections.renderops.vray_swarm.plugins.module_utils._mark import (
    AWAITED,
    in_place_of_version,
    mark_path,
    marked_versions,
    marks_among,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload import (
    Hooks,
    Host,
    Report,
    Upload,
    check_options,
)

MIB = 1 << 20
VERSION = "6.20.10-e8197af2"
OTHER = {"_revHash": "0a1b2c3d", "_ver": {"_major": 7, "_minor": 10, "_release": 0}}
ARCHIVE = b"vray.json".ljust(257, b"\0") + b"ustar\x0000" + bytes(1000)
INSTALLER = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 62) + bytes(44)
DEFAULTS = {name: option.get("default") for name, option in upload_spec().items()}


class Disk(Host):
    """What a look finds; it counts how often it is asked."""

    def __init__(self, **facts):
        self.facts = {
            "data_dir": "/var/lib/swarm",
            "config": None,
            "web_port": None,
            "allow_executables": None,
            "import_dir": "/var/lib/swarm/VRay/import",
            "import_dir_configured": False,
            "builds": [],
            "imports": [],
            "import_mount": None,
            "kept": [],
            "errors": {},
        }
        self.facts.update(facts)
        self.files = {}
        self.looks = 0
        self.hashed = []
        self.directories = set()
        self.asked_to = []
        self.trouble = []

    def deployed(self, version):
        self.facts["builds"].append({"version": version, "directory": "/var/lib/swarm/VRay/vray-" + version})

    def imported(self, name, content, size=None, into="imports"):
        path = "/var/lib/swarm/VRay/import/" + name
        self.facts[into].append({"name": name, "path": path, "bytes": len(content) if size is None else size})
        self.files[path] = content

    def kept(self, name, content):
        """Where the vendor's page has it, and Swarm imports from another directory."""
        self.facts.update(import_dir="/srv/import", import_dir_configured=True)
        self.imported(name, content, into="kept")

    def look(self):
        self.looks += 1
        names = [os.path.basename(path) for path in self.directories]
        return Look(dict(self.facts, marks=marks_among(names)))

    def sha256(self, path):
        self.hashed.append(path)
        content = self.files[path]
        return None if content is None else hashlib.sha256(content).hexdigest()

    def make_directory(self, path):
        self._ask("make")
        self.directories.add(path)

    def remove_directory(self, path):
        self._ask("remove")
        self.directories.remove(path)

    def _ask(self, what):
        self.asked_to.append(what)
        for error in self.trouble:
            raise error


class Task:
    """Runs uploads, and keeps what they said and asked for."""

    def __init__(self, folder):
        self.folder = folder
        self.disk = Disk()
        self.slept = []
        self.notes = []
        self.warnings = []
        self.hashes = 0
        self.on_sleep = lambda: None
        self.report = Report()

    def build(self, content=ARCHIVE, name="vray-%s.tar" % VERSION):
        path = str(self.folder / name)
        with open(path, "wb") as file:
            file.write(content)
        self.src = path
        return path

    def _hash(self, build):
        self.hashes += 1
        return sha256(build)

    def _sleep(self, seconds):
        self.slept.append(seconds)
        self.on_sleep()

    def options(self, server, **options):
        given = dict(DEFAULTS, src=self.src, peer="127.0.0.1", web_port=server.port if server else 1)
        given.update(connect_timeout=PATIENCE, stall_timeout=PATIENCE, deploy_timeout=PATIENCE)
        given.update(options)
        return given

    def run(self, server, check_mode=False, **options):
        hooks = Hooks(sha256=self._hash, notify=self.notes.append, warn=self.warnings.append, sleep=self._sleep)
        upload = Upload(self.options(server, **options), self.disk, hooks)
        self.report = upload.report
        upload.run(check_mode)
        return upload.report

    def fail(self, server, kind, check_mode=False, **options):
        with pytest.raises(SwarmError) as caught:
            self.run(server, check_mode, **options)
        assert type(caught.value) is kind  # pylint: disable=unidiomatic-typecheck
        # Whatever happened, the report is whole, and claims no success.
        assert sorted(self.report.as_dict()) == sorted(Report().as_dict())
        assert self.report.outcome == "failed"
        assert self.report.elapsed >= 0
        return str(caught.value)


@pytest.fixture
def task(tmp_path, monkeypatch):
    monkeypatch.setattr(_sending, "_TICK", 0.02)
    made = Task(tmp_path)
    made.build()
    return made


def sha256_of(content):
    return hashlib.sha256(content).hexdigest()


def refuse(connection):
    raise AssertionError("nothing may be sent")


# What a peer answers.


def test_rapid(task):
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        report = task.run(server)
        assert server.paths == ["GET /debug/allowExecutables", "POST /api/vray/upload"]
        assert report.url == "http://127.0.0.1:%d/api/vray/upload" % server.port
    assert (report.changed, report.outcome, report.deployed) == (True, "rapid", True)
    assert report.version == VERSION
    assert report.deployed_in_directory == "/var/lib/swarm/VRay/vray-" + VERSION
    assert report.uploaded_file_size == report.bytes_sent == len(ARCHIVE)
    assert report.taken_seconds == 6
    assert report.tmp_file == "/tmp/servant-multipart4711-1.buf"
    assert report.answer["RapidUR"]["takenSeconds"] == 6
    assert (report.attempts, report.http_status) == (1, 200)
    assert (report.queued_as, report.message) == (None, None)
    assert report.msg == "%s was deployed in /var/lib/swarm/VRay/vray-%s." % (VERSION, VERSION)
    # Nobody asked for it, and nothing depended on it.
    assert task.hashes == task.disk.looks == 0
    assert task.slept == task.notes == task.warnings == []


def test_queued(task):
    with Server(swarm(queued(len(ARCHIVE)))) as server:
        report = task.run(server, queued=True)
    assert (report.changed, report.outcome, report.deployed) == (True, "queued", False)
    assert report.queued_as == "/var/lib/swarm/VRay/import/a.tar"
    assert report.version == VERSION
    assert "queued as /var/lib/swarm/VRay/import/a.tar" in report.msg


@pytest.mark.parametrize("status", [200, 409, 500])
def test_existing(task, status):
    with Server(swarm(existing(), status=status)) as server:
        report = task.run(server)
    assert (report.changed, report.outcome, report.deployed) == (False, "existing", True)
    assert report.message == "V-Ray version already exists"
    assert report.http_status == status


def test_a_refusal(task):
    with Server(swarm(failed("no room"))) as server:
        message = task.fail(server, AnswerError)
        assert server.paths == ["GET /debug/allowExecutables", "POST /api/vray/upload"]
        assert (
            "http://127.0.0.1:%d/api/vray/upload refused vray-%s.tar: 'no room'. Sent: " % (server.port, VERSION)
            in message
        )
    assert "%d of %d bytes" % (len(ARCHIVE), len(ARCHIVE)) in message
    assert (task.report.changed, task.report.deployed, task.report.message) == (False, False, "no room")
    assert task.report.answer == {"FailUR": {"message": "no room", "tmpFile": "/tmp/servant-multipart4711-1.buf"}}
    assert (task.report.attempts, task.report.http_status) == (1, 200)
    # An answer is final: nothing is sent again.
    assert task.slept == []


@pytest.mark.parametrize("text", ["\x1b[31mred\r\nnext \u202e line\x00", "x" * 900000])
def test_what_a_peer_says_is_quoted_safely(task, text):
    with Server(swarm(failed(text))) as server:
        message = task.fail(server, AnswerError)
    assert len(message) < 1500
    assert message.isprintable()
    assert task.report.message == text


def test_what_a_peer_says_about_a_build_that_exists_is_quoted_safely(task):
    body = existing().replace(b"V-Ray version already exists", b"x\\u001b[31m\\n" + b"y" * 100000)
    with Server(swarm(body)) as server:
        report = task.run(server)
    assert report.msg.isprintable()
    assert len(report.msg) < 1500


def test_another_version_than_expected(task):
    with Server(swarm(rapid(len(ARCHIVE), OTHER))) as server:
        message = task.fail(server, AnswerError, version=VERSION)
    assert "expected to be 6.20.10-e8197af2, and the peer says that it is 7.10.0-0a1b2c3d" in message
    # The truth: the peer has it now.
    assert task.report.changed
    assert task.report.version == "7.10.0-0a1b2c3d"


def test_another_version_than_the_name_says(task):
    with Server(swarm(rapid(len(ARCHIVE), OTHER))) as server:
        assert task.run(server).outcome == "rapid"
    assert len(task.warnings) == 1
    assert "Was the file renamed?" in task.warnings[0]


def test_the_expected_version_where_the_name_has_none(task):
    task.build(name="vray-lin-df715d3c8ff9.tar")
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, version="6.20.010-e8197af2").outcome == "rapid"


@pytest.mark.parametrize("answer", [rapid, queued])
@pytest.mark.parametrize("difference", [-1, 1])
def test_another_size_than_was_sent(task, answer, difference):
    with Server(swarm(answer(len(ARCHIVE) + difference))) as server:
        message = task.fail(server, AnswerError)
    assert (
        "stored %d bytes of vray-%s.tar, which has %d" % (len(ARCHIVE) + difference, VERSION, len(ARCHIVE)) in message
    )
    assert "Do not render with this build" in message
    # The next run sees it in the same look, and nothing is sent.
    task.disk.deployed(VERSION)
    task.disk.imported("vray-%s.tar" % VERSION, None, len(ARCHIVE) + difference)
    with Server(refuse) as server:
        report = task.run(server, data_dir="/var/lib/swarm")
    assert (report.outcome, report.deployed, report.changed) == ("present", "unknown", False)
    assert task.disk.hashed == []
    (warning,) = task.warnings
    path = "/var/lib/swarm/VRay/import/vray-%s.tar" % VERSION
    assert "%s has %d bytes, and %s has %d" % (path, len(ARCHIVE) + difference, task.src, len(ARCHIVE)) in warning
    assert "remove /var/lib/swarm/VRay/vray-%s and %s from the peer" % (VERSION, path) in warning
    # Without a version, the peer's answer does not tell it either.
    task.build(name="vray-lin.tar")
    task.disk.imported("vray-lin.tar", None, len(ARCHIVE) + difference)
    with Server(swarm(existing())) as server:
        assert task.run(server, data_dir="/d").deployed == "unknown"
    assert "vray-lin.tar has %d bytes" % (len(ARCHIVE) + difference) in task.warnings[-1]


@pytest.mark.parametrize(
    "name, size, shared",
    [
        ("vray-%s.tar.gz" % VERSION, 7, False),  # The same version, packed in another way.
        ("vray-%s.tar" % VERSION, len(ARCHIVE), False),
        ("vray-%s.tar" % VERSION, 7, True),  # Not this peer's.
    ],
)
def test_what_says_nothing_about_the_size_of_a_build(task, name, size, shared):
    mount = {"source": "//nas/x", "path": "/x", "fstype": "cifs", "network": True}
    task.disk = Disk(import_mount=mount if shared else None)
    task.disk.deployed(VERSION)
    task.disk.imported(name, None, size)
    report = task.run(None, data_dir="/d")
    assert (report.outcome, report.deployed, task.warnings) == ("present", True, [])


@pytest.mark.parametrize("answer", [rapid, queued])
def test_an_early_success_is_none(task, answer):
    def early(connection):
        connection.read_head()
        connection.send(response(answer(256 * MIB)))
        connection.sit()

    with open(task.src, "r+b") as file:
        file.truncate(256 * MIB)
    with Server(per_method(answering(b"false"), early)) as server:
        message = task.fail(server, AnswerError)
    assert re.search(r"it answered (RapidUR|QueuedUR) before it had the whole build", message)
    assert task.report.bytes_sent < 32 * MIB
    assert not task.report.changed


@pytest.mark.parametrize("answer, outcome", [(existing, "existing"), (failed, "failed")])
def test_an_early_no_is_heard(task, answer, outcome):
    def early(connection):
        connection.read_head()
        connection.send(response(answer()))

    with open(task.src, "r+b") as file:
        file.truncate(256 * MIB)
    with Server(per_method(answering(b"false"), early)) as server:
        if outcome == "existing":
            assert task.run(server).outcome == outcome
        else:
            assert "refused" in task.fail(server, AnswerError)
    assert task.report.bytes_sent < 32 * MIB
    assert task.report.attempts == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}"])
def test_an_answer_that_is_none(task, body):
    with Server(swarm(body, status=502)) as server:
        message = task.fail(server, AnswerError)
        assert server.connections == 2
        url = "http://127.0.0.1:%d/api/vray/upload" % server.port
    assert message.startswith("The upload of vray-%s.tar to %s failed: HTTP 502: " % (VERSION, url))
    assert "Sent: %d of %d bytes. Does a proxy" % (len(ARCHIVE), len(ARCHIVE)) in message
    assert task.slept == []


@pytest.mark.parametrize("content", [b"{}", b"null", b'{"message": null, "tmpFile": 7}'])
def test_a_refusal_is_one_whatever_is_in_it(task, content):
    with Server(swarm(b'{"FailUR": %s}' % content)) as server:
        message = task.fail(server, AnswerError)
    assert "FailUR" in message and "Sent: %d of %d bytes" % (len(ARCHIVE), len(ARCHIVE)) in message
    assert "The peer cannot have accepted the build" in message and "proxy" not in message


# What the peer has already.


@pytest.mark.parametrize("queue", [False, True])
def test_present_by_version(task, queue):
    task.disk.deployed("6.020.10-e8197af2")
    with Server(refuse) as server:
        report = task.run(server, data_dir="/var/lib/swarm", queued=queue)
        assert server.connections == 0
    assert (report.changed, report.outcome, report.deployed) == (False, "present", True)
    assert report.version == VERSION
    assert report.deployed_in_directory == "/var/lib/swarm/VRay/vray-6.020.10-e8197af2"
    assert (report.bytes_sent, report.attempts, report.url) == (0, 0, None)
    assert "nothing was sent" in report.msg
    assert task.hashes == 0


def test_present_by_the_version_of_the_task(task):
    task.build(name="vray-lin-df715d3c8ff9.tar")
    task.disk.deployed("7.0.6-e8197af2")
    assert task.run(None, data_dir="/d", version="7.00.06-e8197af2").outcome == "present"


def test_what_was_deployed_before_is_told(task):
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server).deployed_before is None
        assert task.run(server, data_dir="/d").deployed_before == []
        task.disk.deployed("7.00.06-e8197af2")
        assert task.run(server, data_dir="/d").deployed_before == ["7.0.6-e8197af2"]


def test_another_version_is_not_this_one(task):
    task.disk.deployed("6.20.11-e8197af2")
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, data_dir="/d").outcome == "rapid"
    # No file of the same size lies there: the build need not be hashed.
    assert task.hashes == 0


def test_present_by_size_and_checksum_without_a_version(task):
    """That is how an installer is sent once."""
    task.build(INSTALLER, name="vraystd_adv_71000_rhel8_clang-gcc-11.2")
    task.disk.imported("a.tar", b"x")
    task.disk.imported("other", bytes(len(INSTALLER)))
    task.disk.imported("stored", INSTALLER)
    report = task.run(None, data_dir="/d")
    assert (report.changed, report.outcome, report.deployed) == (False, "present", "unknown")
    assert "/var/lib/swarm/VRay/import/stored; nothing was sent" in report.msg
    assert task.hashes == 1
    # Only what has the same size was hashed there.
    assert [os.path.basename(path) for path in task.disk.hashed] == ["other", "stored"]
    assert task.warnings == []


def test_an_installer_that_is_kept_where_the_page_has_it_is_not_run_again(task):
    """The page does not say whether vrayImportDir changes where an upload is kept."""
    task.build(INSTALLER, name="vraystd_adv_71000_rhel8_clang-gcc-11.2")
    task.disk.kept("stored", INSTALLER)
    report = task.run(None, data_dir="/d", allow_shared_import=True)
    assert (report.outcome, report.deployed, report.queued_as) == ("present", "unknown", None)
    assert "Swarm has kept this build, as /var/lib/swarm/VRay/import/stored; nothing was sent" in report.msg
    assert [os.path.basename(path) for path in task.disk.hashed] == ["stored"]


@pytest.mark.parametrize("given", [{}, {"version": VERSION}, {"version": VERSION, "queued": True}])
def test_an_archive_that_is_kept_beside_the_import_directory_is_sent_again(task, given):
    """Swarm would not deploy it from there, where somebody has removed the build."""
    task.build(name="vray.tar")
    task.disk.kept("vray.tar", ARCHIVE)
    with Server(swarm(queued(len(ARCHIVE)) if "queued" in given else rapid(len(ARCHIVE)))) as server:
        assert task.run(server, data_dir="/d", allow_shared_import=True, **given).changed is True
    assert task.hashes == 0


def test_an_installer_of_which_nobody_can_tell_that_this_peer_ran_it_is_refused(task):
    """The file in a share may have come from another peer."""
    task.build(INSTALLER, name="vraystd_adv_71000_rhel8_clang-gcc-11.2")
    task.disk.facts["import_mount"] = {"source": "//nas/x", "path": "/x", "fstype": "cifs", "network": True}
    task.disk.imported("stored", INSTALLER)
    options = {"data_dir": "/d", "allow_shared_import": True}
    with Server(refuse) as server:
        message = task.fail(server, OptionsError, **options)
        assert server.connections == 0
    assert "neither its name nor version tells its version. The import directory is shared: " in message
    assert message.endswith("set version, or force to run it in any case. Nothing was sent.")
    for given in ({"version": "7.10.0-0a1b2c3d"}, {"force": True}):
        with Server(swarm(rapid(len(INSTALLER), OTHER), allowed=True)) as server:
            assert task.run(server, **options, **given).outcome == "rapid"


def test_an_archive_that_was_never_deployed_is_not_called_deployed(task):
    task.disk.imported("vray-%s.tar" % VERSION, ARCHIVE)
    report = task.run(None, data_dir="/d")
    assert (report.outcome, report.deployed) == ("present", False)
    assert "%s is not deployed" % VERSION in report.msg
    assert len(task.warnings) == 1


def test_another_version_than_expected_is_not_taken_for_it_by_the_next_run(task):
    """An archive is sent again: the answer is that of a build that exists, and names its version."""
    task.disk.imported("vray-%s.tar" % VERSION, ARCHIVE)
    task.disk.deployed("7.10.0-0a1b2c3d")
    with Server(swarm(existing(OTHER))) as server:
        message = task.fail(server, AnswerError, data_dir="/d", version=VERSION)
        assert server.paths == ["GET /debug/allowExecutables", "POST /api/vray/upload"]
    assert "expected to be 6.20.10-e8197af2, and the peer says that it is 7.10.0-0a1b2c3d" in message
    assert "%s is not deployed (deployed: 7.10.0-0a1b2c3d). It is sent again" % VERSION in task.notes[0]
    # One that only waits is deployed now, as the task wants it.
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, data_dir="/d", version=VERSION).outcome == "rapid"


@pytest.mark.parametrize("content", [ARCHIVE, INSTALLER])
@pytest.mark.parametrize("options", [{"version": VERSION, "queued": True}, {"queued": True}, {}])
def test_what_waits_in_the_import_directory_is_not_sent_again(task, content, options):
    task.build(content)
    task.disk.imported("vray-%s.tar" % VERSION, content)
    with Server(refuse) as server:
        report = task.run(server, data_dir="/d", **options)
    assert (report.outcome, report.deployed) == ("present", False)
    assert report.queued_as.endswith("/import/vray-%s.tar" % VERSION)
    assert "is not deployed (deployed: nothing). Swarm tries what lies there" in task.warnings[0]


def test_an_installer_of_another_version_than_expected_is_not_run_again(task):
    task.build(INSTALLER, name="vraystd_adv_71000_rhel8_clang-gcc-11.2")
    task.disk.imported("stored", INSTALLER)
    task.disk.deployed("7.10.0-0a1b2c3d")
    with Server(refuse) as server:
        report = task.run(server, data_dir="/d", version=VERSION)
        assert server.connections == 0
    assert (report.outcome, report.deployed) == ("present", False)
    assert "%s is not deployed (deployed: 7.10.0-0a1b2c3d)" % VERSION in task.warnings[0]
    task.disk.deployed(VERSION)
    assert task.run(None, data_dir="/d", version=VERSION).outcome == "present"


def test_what_others_would_get_is_not_sent_again_either(task):
    task.disk = Disk(import_dir_configured=True, import_dir="/srv/builds")
    task.disk.imported("vray-%s.tar" % VERSION, ARCHIVE)
    assert task.run(None, data_dir="/var/lib/swarm", version=VERSION).outcome == "present"
    assert len(task.warnings) == 1


def test_the_same_size_is_not_the_same_build(task):
    task.disk.imported("vray-%s.tar" % VERSION, bytes(len(ARCHIVE)))
    task.disk.imported("gone.tar", None, len(ARCHIVE))
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, data_dir="/d").outcome == "rapid"
    assert task.hashes == 1
    assert len(task.disk.hashed) == 2


@pytest.mark.parametrize("spelling", [str.lower, str.upper])
def test_a_checksum_that_is_given_is_not_computed(task, spelling):
    task.disk.imported("a.tar", ARCHIVE)
    checksum = "sha256:" + spelling(sha256_of(ARCHIVE))
    assert task.run(None, data_dir="/d", checksum=checksum).outcome == "present"
    assert task.hashes == 0


def test_a_shared_import_directory_tells_nothing_about_this_peer(task):
    """What others put there is not this peer's; only what is deployed here counts."""
    task.disk.facts["import_mount"] = {"source": "//nas/x", "path": "/x", "fstype": "cifs", "network": True}
    task.disk.imported("a.tar", ARCHIVE)
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, data_dir="/d", allow_shared_import=True).outcome == "rapid"
    assert task.hashes == 0
    task.disk.deployed(VERSION)
    assert task.run(None, data_dir="/d").outcome == "present"


def test_force_sends_what_the_peer_has(task):
    task.disk.deployed(VERSION)
    task.disk.imported("a.tar", ARCHIVE)
    with Server(swarm(existing())) as server:
        assert task.run(server, data_dir="/d", force=True).outcome == "existing"
    assert task.hashes == 0


# Shared import directories, ports, installers.

SHARED = [
    {"import_mount": {"source": "//nas/x", "path": "/x", "fstype": "cifs", "network": True}},
    {"import_dir_configured": True, "import_dir": "/srv/builds"},
    {"import_dir_configured": True, "import_dir": "/var/lib/swarm-builds"},
]


@pytest.mark.parametrize("facts", SHARED)
@pytest.mark.parametrize("force", [False, True])
def test_a_shared_import_directory_is_refused(task, facts, force):
    task.disk = Disk(**facts)
    with Server(refuse) as server:
        message = task.fail(server, OptionsError, data_dir="/var/lib/swarm", force=force)
        assert server.connections == 0
    assert "allow_shared_import" in message
    assert task.report.obstacle == "shared_import"
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        report = task.run(server, data_dir="/var/lib/swarm", force=force, allow_shared_import=True)
    assert (report.outcome, report.obstacle) == ("rapid", None)


def test_an_import_directory_of_its_own_is_no_shared_one(task):
    task.disk = Disk(import_dir_configured=True, import_dir="/var/lib/swarm/elsewhere")
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, config="/etc/swarm.yaml").outcome == "rapid"


def test_the_port_of_swarm_yaml_wins(task):
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        task.disk = Disk(web_port=server.port)
        assert task.run(server, config="/etc/swarm.yaml", web_port=1).outcome == "rapid"


# What nobody heard of.


MARK = "/var/lib/swarm/.vray_swarm-%s.sending" % VERSION
ON_DISK = {"data_dir": "/var/lib/swarm"}


def seeing(task, answer):
    """A peer that answers so; what the disk holds meanwhile is kept in ``task.seen``."""
    task.seen = []

    def answering_it(connection):
        task.seen.append(set(task.disk.directories))
        answering(answer)(connection)

    return per_method(answering(b"false"), answering_it)


def breaking(connection):
    connection.read_head()
    connection.reset()


@pytest.mark.parametrize("answer", [rapid(len(ARCHIVE)), queued(len(ARCHIVE)), existing(), rapid(len(ARCHIVE), OTHER)])
def test_a_mark_is_there_until_the_peer_has_answered(task, answer):
    with Server(seeing(task, answer)) as server:
        task.run(server, **ON_DISK)
    assert (task.seen, task.disk.directories, task.disk.asked_to) == ([{MARK}], set(), ["make", "remove"])


@pytest.mark.parametrize(
    "answer, options",
    [
        (failed("no room"), {}),
        (b'{"FailUR": null}', {}),
        (rapid(len(ARCHIVE), OTHER), {"version": VERSION}),
    ],
)
def test_no_mark_is_left_by_an_answer_that_makes_the_task_fail(task, answer, options):
    with Server(seeing(task, answer)) as server:
        task.fail(server, AnswerError, **ON_DISK, **options)
    assert (task.seen, task.disk.directories) == ([{MARK}], set())


@pytest.mark.parametrize("answer", [rapid, queued])
def test_the_mark_stays_where_another_size_was_stored(task, answer):
    """The next task does not take what is there for the build."""
    with Server(seeing(task, answer(7))) as server:
        task.fail(server, AnswerError, **ON_DISK)
    assert (task.report.obstacle, task.report.outcome, task.disk.directories) == ("damaged", "failed", {MARK})
    task.disk.deployed(VERSION)
    task.disk.imported("vray-%s.tar" % VERSION, None, 7)
    assert "nobody has heard that it ended well" in task.fail(None, OptionsError, **ON_DISK)
    assert (task.report.obstacle, task.disk.directories) == ("unanswered", {MARK})
    # Without a mark, nothing would be known of it the next time.
    with Server(swarm(answer(7))) as server:
        task.fail(server, AnswerError)
    assert task.report.obstacle is None


@pytest.mark.parametrize("content, again", [(ARCHIVE, "sends this build"), (INSTALLER, "runs this installer")])
def test_a_data_directory_of_another_swarm_is_noticed(task, content, again):
    """Nobody publishes where it is, and a wrong one may be there all the same."""
    task.build(content)
    with Server(swarm(rapid(len(content)), allowed=True)) as server:
        assert task.run(server, data_dir="/srv/swarm").changed
    (warning,) = task.warnings
    assert "and it is not in /srv/swarm. So that is not the data directory of this Swarm" in warning
    assert f"each later task {again} again: correct data_dir." in warning


def test_a_data_directory_of_another_name_is_none_of_another_swarm(task, monkeypatch):
    """A link leads there, or Swarm runs in a container."""
    task.disk.deployed(VERSION)
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        task.run(server, data_dir="/srv/swarm", force=True)
    assert task.disk.looks == 2
    # It is deployed, whatever becomes of another look.
    looks = [task.disk.look()]
    monkeypatch.setattr(task.disk, "look", looks.pop)
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, data_dir="/srv/swarm", force=True).outcome == "rapid"
    assert looks == [] and task.warnings == []


def test_what_may_be_a_half_is_not_called_existing(task):
    """Its name tells no version, as in the vendor's example: what to look at is known when the peer has answered."""
    src = task.build(name="vray-lin-df715d3c8ff9.tar")
    mark = mark_path("/var/lib/swarm", in_place_of_version("vray-lin-df715d3c8ff9.tar"))
    with Server(seeing(task, rapid(len(ARCHIVE)))) as server:
        task.run(server, **ON_DISK)
    assert (task.seen, task.disk.directories) == ([{mark}], set())
    with Server(per_method(answering(b"false"), sending(b""))) as server:
        task.fail(server, TransportError, **ON_DISK)
    assert task.disk.directories == {mark}

    task.disk.deployed(VERSION)
    with Server(swarm(existing())) as server:
        message = task.fail(server, OptionsError, **ON_DISK)
        assert f"The peer answered that it has {VERSION}. " in message and "may be half a build" in message
        assert (task.report.obstacle, task.report.version, task.report.outcome) == ("unanswered", VERSION, "failed")
        assert task.report.unanswered and not task.report.changed and task.disk.directories == {mark}
    # It is whole where Swarm has kept what was sent, whatever its name.
    task.disk.imported("kept.tar", b"\0" * len(ARCHIVE))
    with Server(swarm(existing())) as server:
        assert task.run(server, **ON_DISK).deployed is True
    assert task.disk.directories == set() and os.path.exists(src)


def test_what_stands_for_a_version_in_a_mark_is_none():
    marks = [
        ".vray_swarm-%s.sending" % in_place_of_version(name) for name in ("a.tar", "b.tar", "\udcff.tar", "a" * 255)
    ]
    assert (
        len(set(marks)) == 4 and all(len(mark) < 50 for mark in marks) and marks_among([*marks, "x"]) == sorted(marks)
    )
    assert marked_versions(marks) == []


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}"])
def test_the_mark_stays_where_nobody_knows_what_became_of_the_build(task, answer):
    with Server(seeing(task, answer)) as server:
        task.fail(server, AnswerError, **ON_DISK)
    with Server(per_method(answering(b"false"), sending(b""))) as server:
        task.fail(server, TransportError, **ON_DISK)
    assert task.disk.directories == {MARK}
    # It was not deployed, so that it is sent, and the answer tells.
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, **ON_DISK).outcome == "rapid"
    assert task.disk.directories == set() and task.warnings == []


def test_the_mark_goes_where_the_peer_cannot_have_accepted_the_build(task):
    with open(task.src, "r+b") as file:
        file.truncate(64 * MIB)
    with Server(per_method(answering(b"false"), breaking)) as server:
        task.fail(server, TransportError, retries=2, **ON_DISK)
    # Once for all attempts.
    assert (task.report.attempts, task.disk.asked_to, task.disk.directories) == (3, ["make", "remove"], set())


AWAITED_MARK = "/var/lib/swarm/.vray_swarm-%s.awaited" % VERSION


def test_what_is_awaited_is_told_and_left_to_who_waits(task):
    """Whether it is whole is seen by who knows the service."""
    with Server(swarm(queued(len(ARCHIVE)))) as server:
        assert task.run(server, queued=True, **ON_DISK).awaited is False
    task.disk.directories.add(AWAITED_MARK)
    with Server(swarm(queued(len(ARCHIVE)))) as server:
        assert task.run(server, queued=True, **ON_DISK).awaited is True
    task.disk.deployed(VERSION)
    report = task.run(None, **ON_DISK)
    assert (report.outcome, report.deployed, report.awaited, report.unanswered) == ("present", True, True, False)
    assert task.disk.directories == {AWAITED_MARK}


@pytest.mark.parametrize(
    "answer, left, is_awaited",
    [
        (queued(len(ARCHIVE)), {AWAITED_MARK}, True),
        (existing(), set(), False),
        (failed("no room"), set(), False),
        # Nobody knows what became of it.
        (b"{}", {AWAITED_MARK, MARK}, False),
    ],
)
def test_what_is_queued_is_marked_before_it_is_sent_where_somebody_waits(task, answer, left, is_awaited):
    with Server(seeing(task, answer)) as server:
        if answer.startswith((b'{"FailUR', b"{}")):
            task.fail(server, AnswerError, queued=True, awaited=True, **ON_DISK)
        else:
            task.run(server, queued=True, awaited=True, **ON_DISK)
    assert (task.seen, task.disk.directories) == ([{MARK, AWAITED_MARK}], left)
    assert task.report.awaited is is_awaited


def test_what_could_not_be_marked_is_not_called_awaited(task):
    task.disk.trouble = [OSError("no"), OSError("no")]
    with Server(swarm(queued(len(ARCHIVE)))) as server:
        assert task.run(server, queued=True, awaited=True, **ON_DISK).awaited is False
    assert task.disk.asked_to == ["make", "make"] and len(task.warnings) == 2


@pytest.mark.parametrize("answer, options", [(queued(len(ARCHIVE)), {}), (rapid(len(ARCHIVE)), {"awaited": True})])
def test_what_nobody_waits_for_is_not_awaited(task, answer, options):
    with Server(seeing(task, answer)) as server:
        assert task.run(server, queued=not options, **options, **ON_DISK).awaited is False
    assert (task.seen, task.disk.directories) == ([{MARK}], set())


@pytest.mark.parametrize("answer, left", [(rapid(len(ARCHIVE)), set()), (existing(), {AWAITED_MARK})])
def test_what_swarm_says_that_it_has_deployed_just_now_is_awaited_no_more(task, answer, left):
    task.disk.directories.add(AWAITED_MARK)
    with Server(swarm(answer)) as server:
        task.run(server, **ON_DISK)
    assert task.disk.directories == left


NAMELESS = "vray-lin-df715d3c8ff9.tar"
NAMELESS_MARK = mark_path("/var/lib/swarm", in_place_of_version(NAMELESS), AWAITED)
QUEUED = {"queued": True, "awaited": True, **ON_DISK}


def queued_before(task, *deployed, content=ARCHIVE):
    """What a task has left that queued a build without a version, and Swarm since then."""
    task.disk = Disk()
    task.build(content, name=NAMELESS)
    task.disk.imported(NAMELESS, content)
    task.disk.directories.add(NAMELESS_MARK)
    for version in deployed:
        task.disk.deployed(version)


def asking(task, answer):
    """A peer that answers so; how a build was sent to it is kept in ``task.queued``."""
    task.queued = []

    def answering_it(connection):
        connection.read_head()
        (queued,) = re.findall(rb'name="queued"[^:]*?\r\n\r\n(\w+)', connection.read_body())
        task.queued.append(queued.decode("ascii"))
        connection.send(response(answer))

    return per_method(answering(b"false"), answering_it)


def test_what_is_queued_without_a_version_is_marked_by_its_name(task):
    task.build(name=NAMELESS)
    with Server(seeing(task, queued(len(ARCHIVE)))) as server:
        assert task.run(server, **QUEUED).awaited is True
    assert task.seen == [{NAMELESS_MARK, NAMELESS_MARK.replace(".awaited", ".sending")}]
    assert task.disk.directories == {NAMELESS_MARK}
    # The peer has it already, and nothing is to be deployed.
    task.disk.directories.clear()
    with Server(seeing(task, existing())) as server:
        assert task.run(server, **QUEUED).awaited is False
    assert task.disk.directories == set()
    # Nobody waits.
    with Server(seeing(task, queued(len(ARCHIVE)))) as server:
        assert task.run(server, queued=True, **ON_DISK).awaited is False
    assert task.disk.directories == set()


@pytest.mark.parametrize("options", [QUEUED, dict(QUEUED, queued=False), dict(QUEUED, force=True)])
def test_swarm_is_asked_what_became_of_what_was_queued_without_a_version(task, options):
    """It lies in the import directory, and a Swarm that was killed takes half of it for the whole."""
    queued_before(task, VERSION)
    with Server(asking(task, existing())) as server:
        report = task.run(server, **options)
    assert (report.outcome, report.deployed, report.version) == ("existing", True, VERSION)
    # Whether it is whole is seen by who knows the service, and that may be a later run.
    assert report.awaited is True and task.disk.directories == {NAMELESS_MARK}
    assert task.queued == ["false"] and task.warnings == [] and task.disk.looks == 1
    (note,) = task.notes
    assert note.startswith(
        f"{NAMELESS} was queued before, and nobody has seen yet that it was deployed, as {NAMELESS_MARK}"
    )


def test_what_swarm_deploys_when_it_is_asked_has_no_mark_any_more(task):
    """Also none of its version, which is there when a half of it was removed."""
    queued_before(task)
    task.disk.directories.add(AWAITED_MARK)
    with Server(asking(task, rapid(len(ARCHIVE)))) as server:
        report = task.run(server, **QUEUED)
    assert (report.outcome, report.awaited, task.queued, task.disk.directories) == ("rapid", False, ["false"], set())


@pytest.mark.parametrize("answer", [failed("no room"), b"{}", rapid(7)])
def test_what_no_answer_settles_is_asked_for_again(task, answer):
    for _run in range(2):
        queued_before(task)
        with Server(asking(task, answer)) as server:
            task.fail(server, AnswerError, **QUEUED)
        assert task.queued == ["false"] and NAMELESS_MARK in task.disk.directories


@pytest.mark.parametrize("is_there_then", [True, False])
def test_what_swarm_has_and_nobody_sees_is_not_followed(task, monkeypatch, is_there_then):
    """Another directory than that of Swarm may have the mark; or it was deployed since the look."""
    queued_before(task)
    look = task.disk.look

    def look_again():
        if task.disk.looks and is_there_then:
            task.disk.deployed(VERSION)
        return look()

    monkeypatch.setattr(task.disk, "look", look_again)
    with Server(asking(task, existing())) as server:
        report = task.run(server, **QUEUED)
    assert (report.outcome, report.awaited, task.disk.looks) == ("existing", True, 2)
    assert report.deployed == (True if is_there_then else "unknown") and task.disk.directories == {NAMELESS_MARK}
    told = f"The peer answered that it has {VERSION}. It was queued before, nobody has seen yet whether it is whole"
    assert [warning.startswith(told) for warning in task.warnings] == [True] * (not is_there_then)


@pytest.mark.parametrize(
    "content, facts, options",
    [
        # Swarm cannot tell that an installer ran already.
        (INSTALLER, {}, {"awaited": False}),
        # What may not be sent.
        (ARCHIVE, {"import_dir_configured": True, "import_dir": "/srv/builds"}, {}),
        # Nobody would look at what is deployed.
        (ARCHIVE, {}, {"awaited": False}),
    ],
    ids=["installer", "shared", "not awaited"],
)
def test_what_was_queued_without_a_version_is_told_where_nobody_may_ask(task, content, facts, options):
    queued_before(task, VERSION, content=content)
    task.disk.facts.update(facts)
    report = task.run(None, **dict(QUEUED, **options))
    assert (report.outcome, report.deployed, report.awaited) == ("present", "unknown", True)
    (warning,) = task.warnings
    assert f"as {NAMELESS_MARK} tells. If Swarm was killed while it deployed it, half of it may be taken" in warning
    assert "Give its version" in warning and task.notes == [] and task.disk.directories == {NAMELESS_MARK}
    # That is what the mark is for then.
    report = task.run(None, version=VERSION, **dict(QUEUED, **options))
    assert (report.deployed, report.awaited, len(task.warnings)) == (True, True, 1)


def test_an_installer_whose_version_nobody_knows_is_not_queued(task):
    """Swarm could not be asked what became of it."""
    task.build(INSTALLER, name="setup.run")
    told = task.fail(None, OptionsError, **QUEUED)
    assert "setup.run is an installer, and neither its name nor version tells its version" in told
    assert "set version, or queued to false. Nothing was sent." in told and task.disk.directories == set()


def test_the_marks_of_a_name_and_of_a_version_are_two(task):
    """Given its version later, a build that is deployed at once is awaited by no mark."""
    queued_before(task)
    task.disk.facts["imports"] = []
    with Server(asking(task, queued(len(ARCHIVE)))) as server:
        assert task.run(server, version=VERSION, **QUEUED).awaited is True
    assert task.queued == ["true"] and task.disk.directories == {NAMELESS_MARK, AWAITED_MARK}
    with Server(asking(task, rapid(len(ARCHIVE)))) as server:
        assert task.run(server, version=VERSION, **ON_DISK).awaited is False
    assert task.disk.directories == set()


def test_what_nobody_heard_of_and_what_nobody_saw_are_two_doubts(task):
    """That of an upload is removed where Swarm has kept the file; the other one is for who knows the service."""
    sending_mark = NAMELESS_MARK.replace(".awaited", ".sending")
    queued_before(task, VERSION)
    task.disk.directories.add(sending_mark)
    with Server(asking(task, existing())) as server:
        assert task.run(server, **QUEUED).awaited is True
    assert task.disk.directories == {NAMELESS_MARK}
    task.disk.directories.add(sending_mark)
    task.disk.facts["imports"] = []
    with Server(asking(task, existing())) as server:
        assert "may be half a build" in task.fail(server, OptionsError, **QUEUED)
    assert task.report.obstacle == "unanswered" and task.disk.directories == {NAMELESS_MARK, sending_mark}


def test_check_mode_tells_that_swarm_would_be_asked(task):
    queued_before(task, VERSION)
    with Server(swarm(b"")) as server:
        report = task.run(server, check_mode=True, **QUEUED)
    assert (report.outcome, report.changed, report.awaited) == ("rapid", True, True)
    assert len(task.notes) == 1 and task.disk.asked_to == []


def test_the_mark_stays_where_the_task_is_interrupted(task):
    def interrupt():
        raise KeyboardInterrupt

    with open(task.src, "r+b") as file:
        file.truncate(64 * MIB)
    task.on_sleep = interrupt
    with Server(per_method(answering(b"false"), breaking)) as server, pytest.raises(KeyboardInterrupt):
        task.run(server, **ON_DISK)
    assert (task.disk.directories, task.disk.asked_to) == ({MARK}, ["make"])


def test_nothing_is_marked_where_nothing_is_sent(task):
    with Server(refuse) as server:
        task.fail(server, BuildError, checksum="sha256:" + "0" * 64, **ON_DISK)
    task.fail(None, TransportError, retries=0, **ON_DISK)
    with Server(swarm(b"")) as server:
        task.run(server, check_mode=True, **ON_DISK)
    # Nobody would look for it.
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        task.run(server)
        task.run(server, config="/etc/swarm.yaml")
    task.build(INSTALLER, name="vray-%s.run" % VERSION)
    with Server(swarm(b"")) as server:
        task.fail(server, OptionsError, **ON_DISK)
    task.disk.deployed(VERSION)
    task.run(None, **ON_DISK)
    assert task.disk.asked_to == []


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("size", [None, 7])
def test_what_may_be_a_half_is_not_called_present(task, check_mode, size):
    task.disk.directories.add(MARK)
    task.disk.deployed(VERSION)
    if size:
        task.disk.imported("vray-%s.tar" % VERSION, None, size)
    with Server(refuse) as server:
        message = task.fail(server, OptionsError, check_mode, **ON_DISK)
        assert server.connections == 0
    assert (task.report.obstacle, task.report.changed, task.report.deployed) == ("unanswered", False, "unknown")
    directory = "/var/lib/swarm/VRay/vray-" + VERSION
    assert message.startswith("%s may be half a build: an upload of %s was begun, as %s" % (directory, VERSION, MARK))
    assert "no file of %d bytes lies in one that is this peer's alone. Nothing was sent." % len(ARCHIVE) in message
    assert task.disk.directories == {MARK} and task.disk.asked_to == []


def test_what_is_kept_where_the_page_has_it_is_whole(task):
    task.disk.directories.add(MARK)
    task.disk.deployed(VERSION)
    task.disk.kept("upload-1.tar", ARCHIVE)
    report = task.run(None, **ON_DISK)
    assert (report.outcome, report.deployed, report.obstacle) == ("present", True, None)
    assert (task.disk.directories, task.warnings) == (set(), [])


def test_a_shared_import_directory_does_not_tell_that_it_is_whole(task):
    task.disk = Disk(import_mount={"source": "//nas/x", "path": "/x", "fstype": "cifs", "network": True})
    task.disk.directories.add(MARK)
    task.disk.deployed(VERSION)
    task.disk.imported("vray-%s.tar" % VERSION, ARCHIVE)
    task.fail(None, OptionsError, allow_shared_import=True, **ON_DISK)
    assert task.report.obstacle == "unanswered"


def test_what_may_not_be_sent_again_is_doubted_and_not_to_be_removed(task):
    """Swarm has it from a share by now, and the mark is from an upload that was cut off in its body, for example."""
    task.disk = Disk(import_mount={"source": "//nas/x", "path": "/x", "fstype": "cifs", "network": True})
    task.disk.directories.add(MARK)
    task.disk.deployed(VERSION)
    report = task.run(None, **ON_DISK)
    assert (report.outcome, report.deployed, report.obstacle) == ("present", "unknown", None)
    (warning,) = task.warnings
    assert "may be half a build" in warning and "Nothing was sent, since that is shared: " in warning
    assert task.disk.directories == {MARK} and task.disk.asked_to == []


def test_the_mark_of_another_version_says_nothing(task):
    task.disk.directories.add(MARK.replace("6.20.10", "6.20.11"))
    task.disk.deployed(VERSION)
    assert task.run(None, **ON_DISK).outcome == "present"
    assert task.disk.asked_to == []


def test_what_has_its_archive_beside_it_is_whole_and_is_marked_no_more(task):
    task.disk.directories.add(MARK)
    task.disk.deployed(VERSION)
    # As the peer calls it.
    task.disk.imported("upload-1.tar", ARCHIVE)
    planned = task.run(None, check_mode=True, **ON_DISK)
    assert (planned.outcome, planned.changed, task.disk.directories) == ("present", False, {MARK})
    report = task.run(None, **ON_DISK)
    assert (report.outcome, report.changed, report.deployed, report.obstacle) == ("present", False, True, None)
    assert (task.disk.directories, task.warnings) == (set(), [])


def test_with_force_swarm_decides_and_a_doubt_from_before_stays(task):
    """Only a build that Swarm has taken now is known to be whole: after any other answer all is as before."""
    task.disk.directories.add(MARK)
    task.disk.deployed(VERSION)
    with Server(swarm(existing())) as server:
        assert task.run(server, force=True, **ON_DISK).outcome == "existing"
    with Server(swarm(failed("no room"))) as server:
        task.fail(server, AnswerError, force=True, **ON_DISK)
    task.fail(None, TransportError, force=True, retries=0, **ON_DISK)
    assert task.disk.directories == {MARK}
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, force=True, **ON_DISK).outcome == "rapid"
    assert task.disk.directories == set()


def test_a_mark_that_cannot_be_made_is_told_and_the_build_is_sent(task):
    task.disk.trouble = [OSError("Read-only file system")]
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, **ON_DISK).outcome == "rapid"
    (warning,) = task.warnings
    assert warning.startswith(MARK + " could not be made (Read-only file system), so that the next run would take half")
    # What was not made is not removed.
    assert task.disk.asked_to == ["make"]


def test_a_mark_that_cannot_be_removed_is_told_and_the_build_is_deployed(task):
    def losing(connection):
        task.disk.trouble = [ConnectionError("")]
        answering(rapid(len(ARCHIVE)))(connection)

    with Server(per_method(answering(b"false"), losing)) as server:
        assert task.run(server, **ON_DISK).outcome == "rapid"
    (warning,) = task.warnings
    assert warning.startswith(MARK + " could not be removed (ConnectionError): remove it, since it says that nobody")


@pytest.fixture
def installer(task):
    task.build(INSTALLER, name="vraystd_adv_71000_rhel8_clang-gcc-11.2")
    return task


def test_an_installer_without_data_dir_is_refused(installer):
    with Server(refuse) as server:
        message = installer.fail(server, OptionsError)
        assert server.connections == 0
    assert "is an installer" in message
    assert "data_dir" in message
    assert "force" in message


@pytest.mark.parametrize(
    "start",
    [
        b"\x7fELF",
        b"MZ",
        b"#!bash\n",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        # A package of Windows Installer.
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    ],
)
def test_what_only_begins_like_a_program_is_held_back_as_one(task, start):
    task.build(start + b"\0" * 100, name="setup")
    with Server(swarm(rapid(100))) as server:
        assert "data_dir" in task.fail(server, OptionsError)
        assert "does not allow executables" in task.fail(server, OptionsError, force=True)
        assert set(server.paths) == {"GET /debug/allowExecutables"}


def test_an_encrypted_build_is_refused(task):
    task.build(b"$ANSIBLE_VAULT;1.1;AES256\n6162", name="vray-lin.tar")
    with Server(refuse) as server:
        assert "decrypt it first" in task.fail(server, BuildError)
        assert server.connections == 0


@pytest.mark.parametrize("options", [{"force": True}, {"data_dir": "/d"}])
def test_an_installer_goes_to_a_peer_that_allows_executables(installer, options):
    with Server(swarm(rapid(len(INSTALLER)), allowed=True)) as server:
        assert installer.run(server, **options).outcome == "rapid"


@pytest.mark.parametrize("check_mode", [False, True])
def test_an_installer_does_not_go_to_a_peer_that_does_not(installer, check_mode):
    with Server(swarm(rapid(len(INSTALLER)))) as server:
        message = installer.fail(server, OptionsError, check_mode, force=True)
        assert server.paths == ["GET /debug/allowExecutables"]
        assert "http://127.0.0.1:%d does not allow executables" % server.port in message
        assert installer.report.obstacle == "executables"
    assert "allowExecutables: true" in message
    assert installer.slept == []


@pytest.mark.parametrize("check_mode", [False, True])
def test_an_installer_is_held_back_from_a_peer_that_allows_it(installer, check_mode):
    with Server(swarm(rapid(len(INSTALLER)), allowed=True)) as server:
        message = installer.fail(server, OptionsError, check_mode, force=True, allow_installers=False)
        assert server.paths == ["GET /debug/allowExecutables"]
    assert (installer.report.obstacle, installer.report.allows_executables) == ("executables", True)
    assert "allow_installers is false. Nothing was sent." in message


def test_an_archive_is_not_held_back_with_installers(task):
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, allow_installers=False).outcome == "rapid"


@pytest.mark.parametrize("said", [None, False, True])
@pytest.mark.parametrize("answered", [False, True])
def test_whether_a_peer_allows_executables(task, said, answered):
    task.disk = Disk(allow_executables=said)
    with Server(swarm(rapid(len(ARCHIVE)), allowed=answered)) as server:
        assert task.run(server, config="/etc/swarm.yaml").allows_executables is bool(said or answered)
    # Who has the build is not asked.
    task.disk.deployed(VERSION)
    assert task.run(None, data_dir="/d", config="/etc/swarm.yaml").allows_executables is said


# The checksum.


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_build_that_is_not_the_one(task, check_mode):
    with Server(refuse) as server:
        message = task.fail(server, BuildError, check_mode, checksum="sha256:" + "0" * 64)
        assert server.connections == 0
    assert "sha256:" + sha256_of(ARCHIVE) in message
    assert "sha256:" + "0" * 64 in message
    assert "Nothing was sent" in message
    assert task.hashes == 1


def test_the_build_that_was_asked_for(task):
    with Server(swarm(rapid(len(ARCHIVE)))) as server:
        assert task.run(server, checksum="sha256:" + sha256_of(ARCHIVE).upper()).outcome == "rapid"


# Check mode.


@pytest.mark.parametrize("queue, outcome", [(False, "rapid"), (True, "queued")])
def test_check_mode_sends_nothing(task, queue, outcome):
    with Server(swarm(refuse)) as server:
        report = task.run(server, True, queued=queue)
        assert server.paths == ["GET /debug/allowExecutables"]
        assert "Would upload vray-%s.tar (%d bytes) to %s." % (VERSION, len(ARCHIVE), report.url) == report.msg
    assert (report.changed, report.outcome, report.bytes_sent, report.answer) == (True, outcome, 0, None)


def test_check_mode_says_what_is_there(task):
    task.disk.deployed(VERSION)
    report = task.run(None, True, data_dir="/d")
    assert (report.changed, report.outcome) == (False, "present")


def test_check_mode_asks_once(task):
    with Server(answering(b"<html>")) as server:
        message = task.fail(server, NotSwarmError, True)
        assert server.connections == 1
    assert "not as Swarm does" in message
    assert task.slept == []


# Retries.


def broken(connection):
    connection.reset()


def broken_in_the_middle(connection):
    connection.read_head()
    connection.sock.recv(MIB)
    connection.reset()


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_peer_that_is_down(task, retries):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        message = task.fail(None, TransportError, web_port=port, retries=retries, retry_delay=5.0)
    assert task.slept == [5, 10, 20][:retries]
    assert task.report.attempts == retries + 1
    url = "http://127.0.0.1:%d/api/vray/upload" % port
    again = " in the last of %d attempts" % (retries + 1) if retries else ""
    assert message.startswith(
        "The upload of vray-%s.tar to %s failed: connection refused. Sent: 0 of " % (VERSION, url)
    )
    assert "bytes%s. " % again in message
    assert "Does Swarm run there" in message
    assert "The peer cannot have accepted the build" in message
    assert len(task.notes) == retries
    assert task.report.url == url
    assert (task.report.http_status, task.report.bytes_sent, task.report.answer) == (None, 0, None)


def test_the_delay_doubles_up_to_a_limit(task):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        task.fail(None, TransportError, web_port=sock.getsockname()[1], retries=7, retry_delay=5.0)
        assert task.slept == [5, 10, 20, 40, 80, 120, 120]
        assert "connection refused, after 0 of %d bytes to http://" % len(ARCHIVE) in task.notes[0]
        assert task.notes[0].endswith("Trying again in 5 s (1 of 7).")
        assert task.notes[-1].endswith("Trying again in 120 s (7 of 7).")


def test_a_peer_that_is_killed_while_it_is_asked(task):
    """Before the build: nothing was sent, so that it is safe to ask again, and to send then."""

    def dies(connection):
        connection.sock.recv(65536)

    with Server(dies, swarm(rapid(len(ARCHIVE)))) as server:
        report = task.run(server, retries=1, retry_delay=5.0)
        assert (report.outcome, report.attempts, task.slept) == ("rapid", 2, [5])
        # One that died, one more question, and one upload.
        assert server.connections == 3
    with Server(dies) as server:
        message = task.fail(server, TransportError, retries=0)
        assert "cannot have accepted the build" in message and task.report.bytes_sent == 0


def test_any_number_of_retries(task, monkeypatch):
    """2 to the power of 2000 is no number of seconds."""

    def refused(*_arguments):
        raise TransportError("connection refused")

    monkeypatch.setattr(Upload, "_probe", refused)
    task.fail(None, TransportError, retries=2000, retry_delay=5.0)
    assert len(task.slept) == 2000
    assert max(task.slept) == 120


def test_a_peer_that_comes_back(task):
    with Server(broken, broken, swarm(rapid(len(ARCHIVE)))) as server:
        report = task.run(server)
    assert (report.outcome, report.attempts) == ("rapid", 3)
    assert task.slept == [5, 10]


def test_a_break_in_the_middle_is_tried_again(task):
    with open(task.src, "r+b") as file:
        file.truncate(64 * MIB)
    whole = swarm(rapid(64 * MIB))
    with Server(answering(b"false"), broken_in_the_middle, whole) as server:
        report = task.run(server)
        assert server.paths == ["GET /debug/allowExecutables", "POST /api/vray/upload"] * 2
    assert (report.outcome, report.attempts, report.bytes_sent) == ("rapid", 2, 64 * MIB)
    assert task.slept == [5]
    assert int(re.search(r"after (\d+) of 67108864 bytes", task.notes[0]).group(1)) < 64 * MIB


def test_nothing_is_sent_again_that_may_have_been_accepted(task):
    """The peer got it all and went away: it may have the build."""
    post = sending(b"")
    with Server(per_method(answering(b"false"), post)) as server:
        message = task.fail(server, TransportError)
        assert server.paths == ["GET /debug/allowExecutables", "POST /api/vray/upload"]
    assert task.slept == []
    assert task.report.attempts == 1
    assert "may have accepted the build all the same, so it was not sent again" in message
    assert "Sent: %d of %d bytes" % (len(ARCHIVE), len(ARCHIVE)) in message


def test_somebody_else_is_not_asked_again(task):
    with Server(answering(b"<html>It works!</html>")) as server:
        message = task.fail(server, NotSwarmError)
        assert server.connections == 1
    assert task.slept == []
    assert "Does another program listen on this port?" in message


def test_a_file_that_changes_is_not_sent_again(task):
    with open(task.src, "r+b") as file:
        file.truncate(64 * MIB)

    def shrink(connection):
        connection.read_head()
        connection.sock.recv(1000)
        with open(task.src, "r+b") as file:
            file.truncate(1000)
        connection.read_to_end()

    with Server(per_method(answering(b"false"), shrink)) as server:
        assert "changed while it was sent" in task.fail(server, BuildError)
    assert task.slept == []
    assert task.report.bytes_sent < 64 * MIB


# What was checked is what is sent.

CHANGES = [ticks.overwrite, ticks.replace]
OTHER_BUILD = ARCHIVE[:-1] + b"x"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("checksum", [None, "sha256:" + sha256_of(ARCHIVE)])
def test_another_file_in_its_place_is_not_sent_again(task, change, checksum):
    """It has the same name, size and time, and came while a retry was waited for."""
    task.on_sleep = lambda: change(task.src, OTHER_BUILD)
    with Server(broken, swarm(rapid(len(ARCHIVE)))) as server:
        message = task.fail(server, BuildError, checksum=checksum)
        assert server.paths == ["GET /debug/allowExecutables"]
    assert "changed after it had been checked, so that no peer and no share keeps anything of it" in message
    assert (task.report.attempts, task.report.bytes_sent) == (2, 0)


@pytest.mark.parametrize("change", CHANGES)
def test_another_file_in_its_place_is_not_sent(task, change):
    """It came after the checksum was compared."""

    def answer(connection):
        change(task.src, OTHER_BUILD)
        answering(b"false")(connection)

    with Server(answer, refuse) as server:
        message = task.fail(server, BuildError, checksum="sha256:" + sha256_of(ARCHIVE))
        assert server.connections == 1
    assert "changed after it had been checked" in message


def test_an_installer_in_the_place_of_an_archive_is_not_sent(task):
    def answer(connection):
        ticks.replace(task.src, INSTALLER)
        answering(b"false")(connection)

    with Server(answer, refuse) as server:
        assert "changed after it had been checked" in task.fail(server, BuildError)
        assert server.connections == 1


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_a_checksum_cannot_be_changed_while_it_is_sent(task, change):
    """Nor can what it was replaced by be mistaken for it; the peer gets no end of the body."""
    with open(task.src, "r+b") as file:
        file.truncate(64 * MIB)
    missing = []

    def slow(connection):
        connection.read_head()
        change(task.src, b"other")
        missing.append(connection.length - connection.read_to_end())

    with open(task.src, "rb") as file:
        checksum = "sha256:" + sha256_of(file.read())
    with Server(per_method(answering(b"false"), slow)) as server:
        assert "changed after it had been checked" in task.fail(server, BuildError, checksum=checksum)
    assert missing[0] > 0


# Options.


@pytest.mark.parametrize(
    "options, told",
    [
        ({"web_port": 0}, "web_port is 0; a port is a number from 1 to 65535"),
        ({"web_port": 65536}, "web_port is 65536"),
        ({"web_port": -1}, "web_port is -1"),
        ({"connect_timeout": 0.0}, "connect_timeout is 0; a limit is a number of seconds above 0"),
        ({"connect_timeout": float("nan")}, "connect_timeout is nan"),
        ({"connect_timeout": float("inf")}, "connect_timeout is inf"),
        ({"stall_timeout": -1.5}, "stall_timeout is -1.5"),
        ({"stall_timeout": float("nan")}, "stall_timeout is nan"),
        ({"deploy_timeout": 0.0}, "deploy_timeout is 0"),
        ({"deploy_timeout": 1e300}, "deploy_timeout is 1e[+]300"),
        ({"retries": -1}, "retries is -1; it must not be negative"),
        ({"retry_delay": -0.1}, "retry_delay is -0.1"),
        ({"retry_delay": float("nan")}, "retry_delay is nan"),
        ({"rate_limit": -1}, "rate_limit is -1"),
        ({"progress_interval": -1.0}, "progress_interval is -1"),
        ({"progress_interval": float("nan")}, "progress_interval is nan"),
        ({"checksum": "sha256:abc"}, "checksum is 'sha256:abc'; it is sha256: followed by 64"),
        ({"checksum": "0" * 64}, "checksum is '0"),
        ({"checksum": "md5:" + "0" * 32}, "checksum is 'md5"),
        ({"checksum": "sha256:" + "0" * 64 + "\n"}, "checksum is"),
        ({"checksum": "x" * 100000}, "checksum is 'x"),
    ]
    + [
        ({"peer": peer}, "peer is %s; it is a host name or an address" % re.escape(repr(peer)))
        for peer in (
            "http://10.0.0.7",
            "10.0.0.7:1113",
            "peer07:1113",
            "10.0.0.7/x",
            "user@10.0.0.7",
            "a b",
            "a\nb",
            "a?b",
            "a#b",
            "a\\b",
            "[::1]:1113",
            "[::1",
            "::g",
            "a..b",
            ".local",
            "x" * 64,
        )
    ],
)
def test_values_that_no_upload_can_have(task, options, told):
    with Server(refuse) as server:
        message = task.fail(server, OptionsError, **options)
        assert server.connections == 0
    assert re.match(told, message)
    assert len(message) < 300


@pytest.mark.parametrize("peer", [None, ""])
def test_no_peer(task, peer):
    assert "peer is" in task.fail(None, OptionsError, peer=peer)


@pytest.mark.parametrize(
    "peer",
    [
        "10.0.0.7",
        "peer07",
        "peer_07.example.com",
        "peer07.example.com.",
        "::1",
        "[fe80::1%25eth0]",
        "fe80::1%eth0",
        "Zürich",
    ],
)
def test_values_that_an_upload_can_have(task, peer):
    check_options(task.options(None, peer=peer, retries=0, retry_delay=0.0, progress_interval=0.0, stall_timeout=0.1))


def test_a_version_that_is_none(task):
    assert "six" in task.fail(None, VersionError, version="six")


def test_a_version_that_contradicts_the_name(task):
    message = task.fail(None, OptionsError, version="7.10.0-0a1b2c3d")
    assert "7.10.0-0a1b2c3d" in message
    assert VERSION in message


@pytest.mark.parametrize("src", ["missing.tar", ".", "nul\0.tar"])
def test_a_build_that_is_none(task, src):
    message = task.fail(None, BuildError, src=os.path.join(str(task.folder), src))
    assert message.startswith("The build ")
    assert "Correct src" in message


def test_a_pipe_is_no_build(task):
    os.mkfifo(str(task.folder / "pipe"))
    assert "not a regular file" in task.fail(None, BuildError, src=str(task.folder / "pipe"))


def test_a_name_that_would_be_cut(task):
    with Server(refuse) as server:
        assert "semicolon" in task.fail(server, BuildError, src=task.build(name="b;c.tar"))
        assert server.connections == 0


def test_a_report_says_nothing_but_plain_values():
    assert all(
        value is None or isinstance(value, (bool, int, float, str, dict)) for value in Report().as_dict().values()
    )
