# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host with systemd does by itself, in a directory that somebody else may write to. The real one is in the lab."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess

import pytest
from settings_task import change

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _service_control, _settings_host
from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import Done
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service_control import Systemd
from ansible_collections.renderops.vray_swarm.plugins.module_utils._written import unmarked

# The units that are active are files in $SYSTEMD. No render runs.
SYSTEMCTL = r"""#!/bin/sh
echo "$*" >> "$SYSTEMD-calls"
if [ "$1" = is-active ]; then
    for unit; do [ ! -e "$SYSTEMD/$unit" ] || exit 0; done
    exit 3
fi
"""
ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


class Host:
    def __init__(self, folder):
        self.folder, self.units, self.active = folder / "swarm", folder / "units", folder / "active"
        for path in (self.folder, self.units, self.active):
            path.mkdir()
        self.calls = folder / "active-calls"
        self.config, self.kept = self.folder / "it's 100% $swarm.yaml", self.folder / ".kept"
        self.config.write_text("new")
        self.kept.write_text("old")

    def boot(self, name, shell="/bin/sh"):
        """Run what systemd reads from the unit; return how it ended."""
        text = (self.units / f"{name}-boot.service").read_text()
        command = re.search(r"(?m)^ExecStart=(.*)$", text).group(1)
        words = [
            re.sub(r"\\(.)", lambda found: ESCAPES[found.group(1)], word).replace("%%", "%").replace("$$", "$")
            for word in re.findall(r'"((?:[^"\\]|\\.)*)"', command)
        ]
        assert command.startswith("/bin/sh -c ")
        return subprocess.run([shell, "-c", *words], timeout=60, check=False).returncode

    def left(self):
        return sorted(path.name for path in self.units.glob("**/*.service"))


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = Host(tmp_path)
    (tmp_path / "bin").mkdir()
    for name, text in (("systemctl", SYSTEMCTL), ("sleep", "#!/bin/sh\n"), ("readlink", "#!/bin/sh\n")):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SYSTEMD", str(made.active))
    monkeypatch.setattr(_service_control, "_UNITS", str(made.units))
    monkeypatch.setattr(_service_control, "run_command", lambda *argv, **options: Done(0, "", ""))
    return made


def arm(host, is_new=False):
    service = Systemd("swarm")
    service.arm(600, str(host.config), str(host.kept), is_new)
    return service.rescue


def arm_revert(host):
    service = Systemd("swarm")
    service.arm_revert(600, str(host.config), str(host.kept), ["/data/VRay/vray-"])
    return service.revert


def test_an_interrupted_change_is_put_right_before_swarm_starts(host):
    assert host.boot(arm(host)) == 0
    assert host.config.read_text() == "old" and os.listdir(str(host.folder)) == [host.config.name]
    # Who waits for Swarm's start here waits for ever: Swarm waits for the end of this.
    assert "start --no-block -- swarm.service" in host.calls.read_text().splitlines()
    assert host.left() == []


def test_an_interrupted_change_of_a_new_file(host):
    host.kept.unlink()
    assert host.boot(arm(host, is_new=True)) == 0
    # Somebody may have written it since.
    assert os.listdir(str(host.folder)) == [f"{host.config.name}.reverted~"]


def test_a_change_that_was_to_be_taken_back_is_so_before_swarm_starts(host):
    assert host.boot(arm_revert(host)) == 0
    assert host.config.read_text() == "old"
    assert (host.folder / f"{host.config.name}.reverted~").read_text() == "new"
    assert "try-restart --no-block -- swarm.service" in host.calls.read_text().splitlines()
    assert host.left() == []


def test_a_file_system_without_hard_links(host, tmp_path):
    (tmp_path / "bin" / "ln").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin" / "ln").chmod(0o755)
    assert host.boot(arm_revert(host)) == 0
    assert host.config.read_text() == "old"
    assert (host.folder / f"{host.config.name}.reverted~").read_text() == "new"


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_what_is_ended_with_the_host_is_done_at_its_next_start(host, tmp_path, shell):
    """Shells differ in what a trap of EXIT means to a signal."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not on this machine")
    timer = arm_revert(host)
    rescue = host.active / f"{Systemd('swarm').rescue}.timer"
    rescue.touch()
    # The host shuts down while the script waits for that one.
    sleep = tmp_path / "bin" / "sleep"
    sleep.write_text("#!/bin/sh\nkill -TERM $PPID\n")
    assert host.boot(timer, shell) in (143, -15)
    assert (host.config.read_text(), len(host.left())) == ("new", 2)
    rescue.unlink()
    assert host.boot(timer, shell) == 0
    assert (host.config.read_text(), host.left()) == ("old", [])


@pytest.mark.parametrize("armed", [arm, arm_revert])
def test_the_disk_with_the_file_is_waited_for(host, armed):
    text = (host.units / f"{armed(host)}-boot.service").read_text()
    assert f'RequiresMountsFor="{host.folder}"\n' in text


@pytest.mark.parametrize("armed", [arm, arm_revert])
def test_while_there_is_a_timer_it_is_left_to_that(host, armed):
    timer = armed(host)
    (host.active / f"{timer}.timer").touch()
    assert host.boot(timer) == 0
    assert (host.config.read_text(), host.kept.read_text()) == ("new", "old")
    assert len(host.left()) == 2


@pytest.mark.parametrize("armed", [arm, arm_revert])
def test_a_link_to_a_directory_in_the_place_of_the_file(host, tmp_path, armed):
    """Nothing is moved into it."""
    timer = armed(host)
    (tmp_path / "etc").mkdir()
    host.config.unlink()
    host.config.symlink_to(tmp_path / "etc")
    assert host.boot(timer) == 0
    assert host.config.read_text() == "old" and not host.config.is_symlink()
    assert os.listdir(str(tmp_path / "etc")) == []


@pytest.mark.parametrize("is_directory", [False, True])
def test_a_link_in_the_place_of_what_is_kept(host, tmp_path, is_directory):
    """Nothing is written through it, nor into it."""
    target = tmp_path / "target"
    if is_directory:
        target.mkdir()
    else:
        target.write_text("root's")
    kept = host.folder / f"{host.config.name}.reverted~"
    kept.symlink_to(target)
    assert host.boot(arm_revert(host)) == 0
    assert kept.read_text() == "new" and not kept.is_symlink()
    assert os.listdir(str(target)) == [] if is_directory else target.read_text() == "root's"


def test_a_link_to_a_file_that_only_root_can_read(host, tmp_path):
    """It is kept as the link that it is."""
    timer = arm_revert(host)
    secret = tmp_path / "secret"
    secret.write_text("root's")
    host.config.unlink()
    host.config.symlink_to(secret)
    assert host.boot(timer) == 0
    kept = host.folder / f"{host.config.name}.reverted~"
    assert kept.is_symlink() and secret.stat().st_nlink == 1
    assert host.config.read_text() == "old"


# -- a task that is killed


# Of a change that is to be taken back: what it does to the host, a call or a file at a time.
PHASES = 44


class Killed(BaseException):
    """The connection, and the module with it, is no more."""


class Life:
    """A host on which Swarm runs, until a task has done so many things to it."""

    def __init__(self, host, monkeypatch, last=None):
        self.host, self.last, self.done = host, last, 0
        self.timers = {}
        host.kept.unlink()
        (host.active / "swarm.service").touch()
        monkeypatch.setattr(_service_control, "run_command", self.run)
        monkeypatch.setattr(_service_control, "_SYSTEMD_BOOTED", str(host.units))
        monkeypatch.setattr(_settings_host, "_LOCK", str(host.units / "lock"))
        for name in ("open", "replace", "remove", "symlink"):
            monkeypatch.setattr(os, name, self.counted(getattr(os, name)))

    def counted(self, function):
        def call(*arguments, **options):
            self.count()
            return function(*arguments, **options)

        return call

    def count(self):
        if self.last is not None and self.done >= self.last:
            raise Killed
        self.done += 1

    def run(self, *argv, **_options):
        self.count()
        active = self.host.active
        if argv[0] == "systemd-run":
            name = argv[1][len("--unit=") :]
            (active / f"{name}.timer").touch()
            self.timers[name] = [word.replace("$$", "$") for word in argv[argv.index("/bin/sh") :]]
        elif argv[1] in ("start", "stop"):
            for unit in argv[2:]:
                if argv[1] == "start" and unit == "swarm.service":
                    (active / unit).touch()
                elif argv[1] == "stop" and (active / unit).exists():
                    (active / unit).unlink()
                    self.timers.pop(unit.rpartition(".")[0], None)
        state = "active" if (active / "swarm.service").exists() else "inactive"
        return Done(0, f"LoadState=loaded\nActiveState={state}\nSubState=x\nResult=success\nNRestarts=0\n", "")

    def change(self, revert_after):
        assert change(self.host.config, "swarm", revert_after=revert_after) == {"confirmed": True}

    def fire(self):
        """The time of the timers comes; what they wait for has ended by then."""
        for name in sorted(self.timers):
            (self.host.active / f"{name}.timer").unlink()
            subprocess.run(self.timers.pop(name), timeout=60, check=True)
            if "start --no-block -- swarm.service" in self.host.calls.read_text():
                (self.host.active / "swarm.service").touch()

    def restart(self):
        """The host loses its power, and starts again."""
        self.timers.clear()
        for path in self.host.active.iterdir():
            path.unlink()
        for name in ("vray-swarm-rescue-swarm-service", "vray-swarm-revert-swarm-service"):
            if (self.host.units / "multi-user.target.wants" / f"{name}-boot.service").exists():
                assert self.host.boot(name) == 0
        (self.host.active / "swarm.service").touch()


def test_how_many_phases_there_are(host, monkeypatch):
    """Before each of them, the task is killed below."""
    life = Life(host, monkeypatch)
    life.change(60)
    # Older Pythons open some files by other means.
    assert PHASES - 5 < life.done <= PHASES


@pytest.mark.parametrize("end", ["fire", "restart"])
@pytest.mark.parametrize("revert_after", [0, 60])
@pytest.mark.parametrize("phase", range(PHASES + 1))
def test_a_task_that_is_killed_leaves_nobody_down(host, monkeypatch, phase, revert_after, end):
    """Swarm runs then, by itself or when the time of the timers has come, and a window is closed."""
    life = Life(host, monkeypatch, phase)
    with contextlib.suppress(Killed):
        # Without a timer it ends before the last phases.
        life.change(revert_after)
    life.last = None
    getattr(life, end)()
    assert (host.active / "swarm.service").exists()
    assert host.config.read_text() in (("new", "newer") if not revert_after else ("new",))
    # Nothing is done any more, not even when the host starts again.
    assert life.timers == {} and not list(host.units.glob("*.wants/*"))


@pytest.mark.parametrize(
    ("status", "output", "log"), [(0, " bad token: x\n\nbad port\n", "bad **** / bad port"), (1, "?", "")]
)
def test_the_lines_of_the_journal_are_masked_one_by_one(monkeypatch, status, output, log):
    monkeypatch.setattr(_service_control, "run_command", lambda *argv: Done(status, output, ""))
    found = Systemd("swarm").log()
    assert unmarked(found, lambda line: re.sub("token.*", "****", line)) == log
