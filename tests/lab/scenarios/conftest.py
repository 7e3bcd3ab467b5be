# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the scenarios are given: the lab, whose hosts are as new, and builds."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "peer")]

from swarm_lab import Lab  # noqa: E402
from swarm_lab.playbook import REPORT  # noqa: E402
from swarm_peer.builds import VERSION, make_archive, make_installer  # noqa: E402

SIZE = 3_000_001


@pytest.fixture(scope="session")
def running_lab() -> Iterator[Lab]:
    lab = Lab()
    if not lab.folder.exists():
        pytest.exit(f"the lab {lab.name} is not up: `make lab-test` starts one, and so does `make lab`", 4)
    yield lab
    lab.reset(sorted(lab.used))


@pytest.fixture
def lab(running_lab: Lab) -> Lab:
    """The lab. What the scenario before did to a host is forgotten, however it ended."""
    running_lab.reset(sorted(running_lab.used))
    return running_lab


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_archive(tmp_path_factory.mktemp("builds") / f"vray-{VERSION}.tar", version=VERSION, size=SIZE)


@pytest.fixture(scope="session")
def installer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("builds") / "vraystd_adv_71000_rhel8_clang-gcc-11.2"
    return make_installer(path, version="7.10.0-0a1b2c3d", size=SIZE)


@pytest.fixture
def all_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs print the arguments of tasks, and there is a report of these and of all results."""
    monkeypatch.setenv("ANSIBLE_DISPLAY_ARGS_TO_STDOUT", "true")
    monkeypatch.setenv(REPORT, "true")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A scenario that fails shows what its hosts have to say."""
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.when == "call" and report.failed and lab is not None:
        for host in sorted(lab.used):
            text = lab.ssh(host, "journalctl --no-pager --lines=15 --output=short-monotonic", check=False)
            report.sections.append((f"journal of {host}", text))
    return report
