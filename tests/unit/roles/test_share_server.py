# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role share_server exports by NFS, with a stub in the place of exportfs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ansible", reason="what runs on peers is tested without Ansible")

PLAY = {
    "name": "Test",
    "hosts": "localhost",
    "gather_facts": False,
    "tasks": [{"import_role": {"name": "renderops.vray_swarm.share_server", "tasks_from": "nfs"}}],
}
FIRST, SECOND = "10.1.0.0/16", "10.2.0.0/16"
# It takes no exports for a client that is called so.
REFUSED = "refused.example"
EXPORTFS = """\
#!/bin/sh
echo "$*" >> {calls}
if grep {refused} {exports}; then
    printf 'exportfs: Failed to resolve {refused} \\033]0;\\007 \\177 \\302\\233 2J \\342\\200\\256evil\\n' >&2
    exit 1
fi
cp {exports} {kernel}
"""


class Server:
    """A server of NFS, in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.exports = directory / "exports.d" / "vray_swarm.exports"
        self.calls = directory / "calls"
        # What it exports.
        self.kernel = directory / "kernel"
        self.program = directory / "bin" / "exportfs"
        self.program.parent.mkdir()
        names = {"calls": self.calls, "refused": REFUSED, "exports": self.exports, "kernel": self.kernel}
        self.program.write_text(EXPORTFS.format(**names))
        self.program.chmod(0o755)
        self.output = ""

    def run(self, clients: str = FIRST, *arguments: str) -> tuple[int, int, int]:
        """How many tasks changed something, how many failed, and how often something was exported."""
        before = self.exported
        playbook = self.directory / "play.json"
        playbook.write_text(json.dumps([PLAY]))
        # Only extra variables win over those of a role: nothing may be written into the settings of this machine.
        variables = {
            "__share_server_exports": str(self.exports),
            "ansible_python_interpreter": sys.executable,
            "vray_swarm_become": False,
            "vray_swarm_share_root": "/srv/v ray",
            "vray_swarm_share_clients": [clients],
        }
        program = str(Path(sys.executable).parent / "ansible-playbook")
        done = subprocess.run(
            [program, "-i", "localhost,", "-c", "local", "-e", json.dumps(variables), str(playbook), *arguments],
            env={
                **os.environ,
                "ANSIBLE_HOME": str(self.directory / "ansible"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_STDOUT_CALLBACK": "default",
                "PATH": f"{self.program.parent}:{os.environ['PATH']}",
            },
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
        )
        self.output = done.stdout
        recap = re.search(r"localhost .* changed=(\d+) .* failed=(\d+)", self.output)
        assert recap, self.output
        return int(recap[1]), int(recap[2]), self.exported - before

    @property
    def exported(self) -> int:
        return self.calls.read_text().splitlines().count("-ra") if self.calls.exists() else 0

    @property
    def is_right(self) -> bool:
        """It exports what the file says."""
        return self.kernel.exists() and self.kernel.read_text() == self.exports.read_text()


@pytest.fixture
def server(tmp_path):
    return Server(tmp_path)


def test_what_was_exported_is_exported_once(server):
    # The directory, the file, and that they are exported.
    assert server.run() == (3, 0, 1), server.output
    assert server.is_right
    assert server.run() == (0, 0, 0), server.output


def test_what_a_run_wrote_and_did_not_export_is_exported_by_the_next(server):
    """As if the controller had been killed between the two."""
    server.run()
    first = server.exports.read_text()
    server.exports.write_text(first.replace(FIRST, SECOND))
    assert server.run(SECOND, "--check", "--diff") == (1, 0, 0), server.output
    assert "Export them" in server.output and not server.is_right
    assert server.run(SECOND) == (1, 0, 1), server.output
    assert server.is_right
    assert server.run(SECOND) == (0, 0, 0), server.output

    # The first run of all.
    for path in [*server.exports.parent.iterdir(), server.kernel]:
        path.unlink()
    server.exports.write_text(first)
    assert server.run() == (1, 0, 1) and server.is_right, server.output


def test_exports_that_are_refused_do_not_stay(server):
    server.run()
    refused = server.exports.read_text().replace(FIRST, REFUSED)
    assert server.run(REFUSED)[1:] == (1, 1), server.output
    assert f"could not be exported by NFS: exportfs: Failed to resolve {REFUSED} ?]0;? ? ? 2J ?evil" in server.output
    # Wherever Ansible shows it.
    assert all(line.isprintable() for line in server.output.split("\n")), ascii(server.output)
    assert not list(server.exports.parent.iterdir())
    # Nor do those that a run wrote that was killed then.
    server.exports.write_text(refused)
    assert server.run(REFUSED)[1:] == (1, 1), server.output
    assert not list(server.exports.parent.iterdir())
    # What was right before is exported again.
    assert server.run() == (2, 0, 1) and server.is_right, server.output


def test_a_host_without_exportfs(server):
    server.program.unlink()
    _changed, failed, _exported = server.run()
    assert failed == 1, server.output
    assert "The share could not be exported by NFS: exportfs could not be run, or said nothing." in server.output
    assert not list(server.exports.parent.iterdir())
