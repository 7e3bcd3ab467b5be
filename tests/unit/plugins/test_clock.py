# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clocks of farms are wrong, and are set while something runs. Limits are measured with one that nobody sets."""

from __future__ import annotations

import ast
import pathlib
import re
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "plugins"
DAYS = 400 * 86400

# Who reads the time of day, and why it does no harm. What follows from it is tested where it is named.
READERS = {
    # The date of a backup's name, as Ansible names backups.
    ("module_utils/_settings_host.py", "_write", "time.strftime"),
    ("plugin_utils/_windows_settings.py", "_write", "time.strftime"),
    # Whether what an interrupted task left is recent; see test_settings_host.py.
    ("module_utils/_settings_host.py", "_saved_lately", "time.time"),
    # Whether Swarm was started since the directory of a build was made; see test_look.py.
    ("module_utils/_look.py", "_unchanged", "time.time"),
    # When a build was published, for people.
    ("module_utils/_publish.py", "_entry", "datetime.datetime.now"),
}
# The same of roles and playbooks, and of PowerShell.
LINES = {
    # When a peer was verified, for people.
    "roles/verify/vars/main.yml": ["__verify_found:"],
    # Whether what an interrupted task left is recent, as above.
    "plugins/plugin_utils/_powershell/files.ps1": ["([DateTime]::UtcNow"],
    # Whether Swarm was started since the directory of a build was made, as above.
    "plugins/plugin_utils/_powershell/look.ps1": ["$now ="],
    # A scheduled task of Windows knows no other clock.
    "plugins/plugin_utils/_powershell/service.ps1": ["$now ="],
}
A_WALL_CLOCK = re.compile(r"\bnow\(|strftime|to_datetime|date_time|epoch|DateTime\]::(Utc)?Now|Get-Date")
WALL_CLOCKS = {
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "time.ctime",
    "time.strftime",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "datetime.now",
    "date.today",
}


def readers():
    for path in sorted(PLUGINS.rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for node in ast.walk(function):
                    if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCKS:
                        yield (path.relative_to(PLUGINS).as_posix(), function.name, ast.unparse(node))


def test_who_reads_the_time_of_day():
    assert set(readers()) == READERS


def test_which_roles_and_scripts_read_it():
    found = {}
    for path in [*ROOT.glob("roles/**/*.*"), *ROOT.glob("playbooks/*.yml"), *PLUGINS.rglob("*.ps1")]:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if A_WALL_CLOCK.search(line)]
        if lines and path.suffix != ".md":
            found[path.relative_to(ROOT).as_posix()] = lines
    assert sorted(found) == sorted(LINES)
    for name, starts in LINES.items():
        assert [line.startswith(start) for line, start in zip(found[name], starts)] == [True] * len(found[name]), name


def test_the_limit_of_a_wait_does_not_move_with_it(monkeypatch):
    from ansible_collections.renderops.vray_swarm.plugins.lookup.monotonic import LookupModule

    (before,) = LookupModule().run([])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    (after,) = LookupModule().run([])
    assert 0 <= after - before < DAYS


def test_nobody_hides_it():
    """`from time import time` would not be seen above."""
    for path in sorted(PLUGINS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ("time", "datetime"), path


@pytest.mark.parametrize("shift", [-DAYS, DAYS])
def test_an_upload_while_the_clock_is_set(tmp_path, monkeypatch, shift):
    """Whatever the time of day does: limits, progress and the delay between two attempts are right."""
    pytest.importorskip("multipart", reason="multipart 2, which needs Python 3.10, is not installed")
    from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import upload_spec
    from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import TransportError
    from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload import Hooks, Host, Upload
    from swarm_peer import Peer
    from swarm_peer.builds import make_archive

    real, calls = time.time, []

    def shifted():
        # Each look at the clock finds it somewhere else.
        calls.append(1)
        return real() + shift * len(calls)

    build = make_archive(tmp_path / "a.tar", size=4_000_000)
    with Peer(data_dir=tmp_path / "peer", temp_dir=tmp_path / "peer") as peer:
        monkeypatch.setattr(time, "time", shifted)
        options = {name: option.get("default") for name, option in upload_spec().items()}
        options.update(src=str(build), peer=peer.address, web_port=peer.port, retries=1, retry_delay=0.1)
        options.update(stall_timeout=5.0, deploy_timeout=5.0, rate_limit=16_000_000)
        peer.faults.set(["reset,after=1000000,times=1"])
        done = Upload(options, Host, Hooks())
        done.run(check_mode=False)
        assert (done.report.outcome, done.report.attempts) == ("rapid", 2)
        assert 0 <= done.report.elapsed < 60
        peer.faults.set(["silent"])
        late = Upload(dict(options, deploy_timeout=0.5, retries=0), Host, Hooks())
        with pytest.raises(TransportError, match=r"no answer within 0\.5 s"):
            late.run(check_mode=False)
        assert 0.4 < late.report.elapsed < 30
