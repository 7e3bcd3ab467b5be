# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host with systemd does by itself, in a directory that somebody else may write to. The real one is in the lab."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _service_control
from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import Done
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service_control import Systemd

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
