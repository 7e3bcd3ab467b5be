# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the web port to the process and its files, on a /proc made up for it, and on the real one."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _discover, _listeners, _processes
from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import Done
from ansible_collections.renderops.vray_swarm.plugins.module_utils._discover import discover
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._listeners import parse_tcp
from ansible_collections.renderops.vray_swarm.plugins.module_utils._processes import look_at_processes, parse_ps

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="The texts are those of a little-endian machine.")

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LOOPBACK, ANY = "0100007F", "00000000"


def socket_line(address, port, inode, uid=0, state="0A"):
    return (
        "   0: %s:%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000 %5d        0 %d 1 0000 100 0 0 10 0\n"
        % (
            address,
            port,
            state,
            uid,
            inode,
        )
    )


class Host:
    """A host with a /proc, some places for files, and a web port that answers."""

    def __init__(self, root, monkeypatch):
        self.root = root
        self.proc = root / "proc"
        self.tcp = self.tcp6 = HEADER
        self.hidden = set()
        self.asked = []
        self.swarm_at = None
        self.unit_files = {}
        (self.proc / "self" / "net").mkdir(parents=True)
        self.process(1, "/usr/lib/systemd/systemd", ["/sbin/init"], "0::/init.scope")
        for module in (_discover, _listeners, _processes):
            monkeypatch.setattr(module, "PROC", str(self.proc))
        monkeypatch.setattr(_discover, "ask", self.ask)
        monkeypatch.setattr(_discover, "run_command", self.run_command)
        monkeypatch.setattr(_discover, "_CONFIG_PLACES", (str(root / "etc" / "*"), "{home}/.config/*"))
        monkeypatch.setattr(_discover, "_DATA_PLACES", (str(root / "var" / "*"),))
        monkeypatch.setattr(_processes.sys, "platform", "linux")
        for name in ("readlink", "listdir"):
            self._hide(monkeypatch, name)

    def _hide(self, monkeypatch, name):
        real = getattr(os, name)

        def call(path):
            parts = str(path)[len(str(self.proc)) :].split("/")
            if (
                str(path).startswith(str(self.proc))
                and parts[1:]
                and parts[1].isdigit()
                and int(parts[1]) in self.hidden
            ):
                raise PermissionError(13, "Permission denied")
            return real(path)

        monkeypatch.setattr(os, name, call)

    def ask(self, peer, port, _seconds):
        self.asked.append((peer, port))
        swarm = self.swarm_at in ((peer, port), None)
        return {"reachable": swarm, "allow_executables": swarm, "url": "", "error": None if swarm else "not as Swarm"}

    def run_command(self, *argv):
        assert argv[:2] == ("systemctl", "show")
        paths = self.unit_files.get(argv[-1], [])
        return Done(0, "FragmentPath=%s\nDropInPaths=%s\n" % (" ".join(paths[:1]), " ".join(paths[1:])), "")

    def process(self, pid, executable, command, cgroup="0::/", opened=(), cwd="/", uid=0, parent=0, environ=()):
        folder = self.proc / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "exe").symlink_to(executable)
        (folder / "cwd").symlink_to(cwd)
        (folder / "cmdline").write_bytes(b"".join(text.encode() + b"\0" for text in command))
        (folder / "environ").write_bytes(b"".join(text.encode() + b"\0" for text in environ))
        (folder / "cgroup").write_text(cgroup + "\n")
        (folder / "status").write_text("Name:\tx\nPPid:\t%d\nUid:\t%d\t%d\t%d\t%d\n" % (parent, uid, uid, uid, uid))
        for number, target in enumerate(opened):
            (folder / "fd" / str(number)).symlink_to(target)

    def listens(self, address, port, inode, uid=0):
        self.tcp += socket_line(address, port, inode, uid)

    def file(self, path, text=""):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return str(file)

    def data(self, path, inside="VRay"):
        """Make a data directory."""
        (self.root / path / inside).mkdir(parents=True)
        return str(self.root / path)

    def discover(self, port=1113):
        (self.proc / "self" / "net" / "tcp").write_text(self.tcp)
        (self.proc / "self" / "net" / "tcp6").write_text(self.tcp6)
        return discover(port, 5)

    def only(self, port=1113):
        (candidate,) = self.discover(port)["candidates"]
        return candidate


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch)


def said(findings):
    return [(finding["value"], finding["sure"]) for finding in findings]


def test_sockets():
    text = HEADER + socket_line(LOOPBACK, 1113, 7, 998) + socket_line(LOOPBACK, 1113, 8, state="01")
    assert list(parse_tcp(text)) == [("127.0.0.1", 1113, 998, "7")]
    text = HEADER + socket_line("0" * 24 + "01000000", 1113, 9) + socket_line("0" * 32, 80, 10)
    assert [listener[:2] for listener in parse_tcp(text)] == [("::1", 1113), ("::", 80)]
    text = HEADER + socket_line("0000000000000000FFFF00000101007F", 1113, 9)
    assert [listener.address for listener in parse_tcp(text)] == ["::ffff:127.0.1.1"]


def test_a_service_with_everything_on_its_command_line(host):
    config = host.file("odd place/swarm.yaml", "webPort: 4711\n")
    data = host.data("da ta")
    host.process(
        40,
        "/opt/chaos/swarm",
        ["/opt/chaos/swarm", "--config=" + config, "--data", data],
        "0::/system.slice/vray-swarm.service",
        ["socket:[7]", "/dev/null"],
    )
    host.listens(ANY, 4711, 7)
    found = host.only(4711)
    assert host.asked == [("127.0.0.1", 4711)]
    assert (found["pid"], found["executable"], found["user"]) == (40, "/opt/chaos/swarm", "root")
    assert said(found["web_port"]) == [(4711, True)]
    assert said(found["service"]) == [("vray-swarm", True)]
    assert said(found["config"]) == [(config, True)]
    assert found["config"][0]["how"] == "on the command line of process 40; its webPort is 4711, too"
    assert said(found["data_dir"]) == [(data, True)]
    assert found["notes"] == []


def test_open_files(host):
    config = host.file("a/swarm.yaml")
    data = host.data("b")
    held = host.file("b/VRay/vray-6.20.10-e8197af2/index")
    host.process(40, "/x/y", ["y"], opened=["socket:[7]", config, held])
    host.listens(LOOPBACK, 1113, 7)
    found = host.only()
    assert said(found["config"]) == [(config, True)]
    assert said(found["data_dir"]) == [(data, True)]
    assert "holds %s open" % held in found["data_dir"][0]["how"]
    assert found["notes"] == ["it was not started by a unit of systemd"]


def test_relative_paths_and_variables(host):
    here, other = host.data("run"), host.data("else")
    config = host.file("run/conf/swarm.yaml")
    host.process(
        40,
        "/x/y",
        ["y", "-c", "conf/swarm.yaml"],
        opened=["socket:[7]"],
        cwd=here,
        environ=["SWARM_HOME=" + other, "A=b"],
    )
    host.listens(LOOPBACK, 1113, 7)
    found = host.only()
    assert said(found["config"]) == [(config, True)]
    # The working directory is a weaker hint.
    assert said(found["data_dir"]) == [(other, True), (here, False)]
    assert "SWARM_HOME" in found["data_dir"][0]["how"]


def test_only_guesses(host, monkeypatch):
    """Each place where it may be, with the reason; the file of another port comes last."""
    near = host.file("opt/chaos/etc/swarm.yaml", "webPort: 9\n")
    data = host.data("var/chaos", "VRay/import")
    in_etc = host.file("etc/chaos/swarm.yaml", "vrayImportDir: %s/VRay/import\n" % data)
    in_home = host.file("home/.config/x/swarm.yml")
    user = pwd.struct_passwd(("render", "x", 998, 998, "", str(host.root / "home"), ""))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: user)
    host.process(40, str(host.root / "opt/chaos/bin/swarm"), ["swarm"], opened=["socket:[7]"], uid=998)
    host.listens(LOOPBACK, 1113, 7)
    found = host.only()
    assert said(found["config"]) == [(in_etc, False), (in_home, False), (near, False)]
    assert "but its webPort is 9, not 1113" in found["config"][2]["how"]
    assert said(found["data_dir"]) == [(data, False)]
    assert "vrayImportDir in its swarm.yaml lies below it" in found["data_dir"][0]["how"]
    assert said(found["import_dir"]) == [(data + "/VRay/import", False)]
    assert found["user"] == "render"


def test_a_key_of_swarm_yaml_that_names_the_data_directory(host):
    data = host.data("x")
    config = host.file("swarm.yaml", "someKey: %s/\nother: /\nvrayImportDir: /mnt/share\n" % data)
    host.process(40, "/x/y", ["y", config], opened=["socket:[7]"])
    host.listens(LOOPBACK, 1113, 7)
    found = host.only()
    assert said(found["data_dir"]) == [(data, True)]
    assert "someKey in its swarm.yaml" in found["data_dir"][0]["how"]
    assert said(found["import_dir"]) == [("/mnt/share", True)]


def test_a_render_tells_the_data_directory(host):
    data = host.data("x", "VRay/vray-6.20.10-e8197af2/bin")
    host.process(40, "/x/y", ["y"], opened=["socket:[7]"])
    host.process(41, data + "/VRay/vray-6.20.10-e8197af2/bin/vray", ["vray"])
    host.listens(LOOPBACK, 1113, 7)
    found = host.only()["data_dir"]
    assert said(found) == [(data, False)]
    assert "process 41 renders" in found[0]["how"]


def test_the_files_of_the_unit(host):
    config, data = host.file("odd/swarm.yaml"), host.data("other")
    unit = host.file("unit", "[Service]\nExecStartPre=/bin/cp '%s' /run/x\nBroken='\n" % config)
    drop_in = host.file("drop-in", '[Service]\nEnvironment="DATA=%s"\n' % data)
    host.unit_files["swarm.service"] = [unit, drop_in]
    host.process(40, "/x/y", ["y"], "0::/system.slice/swarm.service", ["socket:[7]"])
    host.listens(LOOPBACK, 1113, 7)
    found = host.only()
    assert said(found["config"]) == [(config, False)]
    assert said(found["data_dir"]) == [(data, False)]
    assert "named in the unit swarm.service" in found["config"][0]["how"]


@pytest.mark.parametrize(
    "cgroup, unit",
    [
        ("0::/system.slice/swarm.service", ("swarm", False)),
        ("0::/lab/peer1/system.slice/swarm@a.service/sub", ("swarm@a", False)),
        ("3:cpu:/other.service\n1:name=systemd:/system.slice/swarm.service\n0::/", ("swarm", False)),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/swarm.service", ("swarm", True)),
        ("0::/user.slice/user-1000.slice/session-3.scope", (None, False)),
        ("0::/", (None, False)),
        ("", (None, False)),
    ],
)
def test_units(cgroup, unit):
    assert _discover._unit_of(cgroup) == unit


def test_a_unit_of_a_user_is_no_service_of_the_host(host):
    host.process(40, "/x/y", ["y"], "0::/user.slice/user@1000.service/app.slice/swarm.service", ["socket:[7]"])
    host.listens(LOOPBACK, 1113, 7)
    found = host.only()
    assert found["service"] == []
    assert "user's own systemd" in found["notes"][0]


def test_processes_that_share_a_socket(host):
    """systemd holds the socket of a unit that it starts on demand; workers inherit it."""
    host.process(2000, "/x/main", ["main"], opened=["socket:[7]"], parent=1)
    host.process(40, "/x/worker", ["worker"], opened=["socket:[7]"], parent=2000)
    (host.proc / "1" / "fd" / "9").symlink_to("socket:[7]")
    host.listens(LOOPBACK, 1113, 7)
    assert host.only()["pid"] == 2000


def test_several_candidates(host):
    """All are shown, and who answers as Swarm does comes first; two sockets of one process are one."""
    host.process(40, "/x/a", ["a"], opened=["socket:[7]"])
    host.process(41, "/x/b", ["b"], opened=["socket:[8]", "socket:[9]"])
    host.listens("0101007F", 1113, 7)
    host.listens("0201007F", 1113, 8)
    host.tcp6 += socket_line("0" * 24 + "01000000", 1113, 9)
    host.swarm_at = ("::1", 1113)
    found = host.discover()["candidates"]
    assert [(candidate["pid"], candidate["address"]) for candidate in found] == [(41, "::1"), (40, "127.0.1.1")]
    assert [said(candidate["web_port"]) for candidate in found] == [[(1113, True)], [(1113, False)]]
    assert "but not as Swarm" in found[1]["web_port"][0]["how"]


def test_another_port(host):
    """Nobody listens there: the next best is who has the name."""
    host.process(40, "/opt/swarm", ["/opt/swarm"], opened=["socket:[7]"])
    host.process(41, "/usr/sbin/sshd", ["sshd"], opened=["socket:[8]"])
    host.listens(ANY, 4711, 7)
    host.listens(ANY, 22, 8)
    found = host.only()
    assert (found["pid"], said(found["web_port"])) == (40, [(4711, False)])
    assert "nobody listens on 1113" in found["web_port"][0]["how"]


def test_nobody(host):
    assert host.discover() == {"candidates": [], "unseen": [], "web_port": 1113}


def test_a_process_that_may_not_be_seen(host):
    """What anyone may see, the socket's owner and the command line, makes a guess, and what is missing is told."""
    config = host.file("a/swarm.yaml")
    host.process(40, "/x/y", ["swarm", config], "0::/system.slice/swarm.service", ["socket:[7]"], uid=998)
    host.process(41, "/x/z", ["z"], "0::/system.slice/z.service", uid=998)
    host.listens(ANY, 1113, 7, 998)
    host.hidden = {1, 40, 41}
    result = host.discover()
    (found,) = result["candidates"]
    assert (found["pid"], found["executable"]) == (40, None)
    assert said(found["service"]) == [("swarm", False)]
    assert said(found["config"]) == [(config, False)]
    assert "a guess" in found["notes"][0]
    text = " ".join(result["unseen"])
    assert "the process that listens on 0.0.0.0:1113" in text
    assert "of process 40: its open files" in text


def test_a_process_of_which_nothing_is_known(host):
    host.process(40, "/x/y", ["y"], "0::/x", ["socket:[7]"])
    host.listens(ANY, 1113, 7)
    host.hidden = {40}
    result = host.discover()
    (found,) = result["candidates"]
    assert (found["pid"], found["executable"], found["command"], found["user"]) == (None, None, [], "root")
    assert (found["config"], found["data_dir"]) == ([], [])
    assert result["unseen"]


def test_a_swarm_yaml_that_cannot_be_understood(host):
    config = host.file("a/swarm.yaml", "a: [")
    host.process(40, "/x/y", ["y", config], opened=["socket:[7]"])
    host.listens(LOOPBACK, 1113, 7)
    found = host.only()["config"]
    assert said(found) == [(config, False)]
    assert "could not be understood" in found[0]["how"]


def test_a_host_without_proc(host, monkeypatch):
    monkeypatch.setattr(_discover, "PROC", "/nowhere")
    with pytest.raises(OptionsError, match="Linux and Windows"):
        discover(1113, 5)


# Processes.


def test_executables(host):
    host.process(40, "/x/y (deleted)", ["y"])
    host.process(41, "/x/z", ["/links/z"])
    host.process(42, "/x/z", ["z"])
    host.process(43, "/x/kernel", [])
    host.hidden = {41, 42, 43}
    found = look_at_processes()
    assert found.seen == [(1, "/usr/lib/systemd/systemd"), (40, "/x/y"), (41, "/links/z")]
    assert "1 process may not be seen" in found.error


def test_root_is_not_told_to_become_root(host, monkeypatch):
    host.process(42, "/x/z", ["z"])
    host.hidden = {42}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "become" not in look_at_processes().error
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "(become?)" in look_at_processes().error


def test_processes_that_are_hidden(host):
    """A /proc that is mounted with hidepid."""
    (host.proc / "1").rename(host.root / "gone")
    assert "hidden from this user" in look_at_processes().error


def test_macos(monkeypatch):
    text = "    1 /sbin/launchd\n  512 /Library/Swarm/VRay/vray-6.20.10-e8197af2/bin/v ray\n\n x y\n"
    assert list(parse_ps(text)) == [(1, "/sbin/launchd"), (512, "/Library/Swarm/VRay/vray-6.20.10-e8197af2/bin/v ray")]
    monkeypatch.setattr(_processes.sys, "platform", "darwin")
    monkeypatch.setattr(_processes, "run_command", lambda *argv: Done(0, text, ""))
    assert len(look_at_processes().seen) == 2
    monkeypatch.setattr(_processes, "run_command", lambda *argv: Done(1, "", ""))
    assert look_at_processes() == ([], "ps ended with 1")


SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "4"); self.end_headers(); self.wfile.write(b"true")
    def log_message(self, *args):
        pass
held = open(sys.argv[1])
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is there on Linux only.")
def test_a_real_process(tmp_path):
    data = tmp_path / "da ta"
    (data / "VRay").mkdir(parents=True)
    (data / "VRay" / "index").write_bytes(b"")
    command = [sys.executable, "-c", SERVER, str(data / "VRay" / "index")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=str(data)) as server:
        try:
            port = int(server.stdout.readline())
            (data / "swarm.yaml").write_text("webPort: %d\n" % port)
            (found,) = discover(port, 10)["candidates"]
        finally:
            server.kill()
    assert found["pid"] == server.pid
    assert found["executable"] == os.path.realpath(sys.executable)
    assert said(found["web_port"]) == [(port, True)]
    assert said(found["data_dir"])[0] == (str(data), True)
    assert found["config"][0]["value"] == str(data / "swarm.yaml")
