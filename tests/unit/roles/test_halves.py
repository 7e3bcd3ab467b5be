# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For how long a role waits until it removes what may be a half of a build, and what it leaves, decided as in a play.

What the wait is for, and what becomes of what is removed, a lab's peers show.
"""

from __future__ import annotations

import pytest
import yaml

pytest.importorskip("ansible.template")

from role_variables import ROLES
from role_variables import decide as decide_of


def decide(name, **variables):
    """What the role makes of one of its variables."""
    return decide_of("builds", name, **variables)


def times(wait, *sources):
    unsent = [{"build": {"src": source}, "version": "7.0.0-abc"} for source in sources]
    return tuple(
        float(decide(name, vray_swarm_deploy_wait=wait, __builds_unsent=unsent))
        for name in ("__builds_half_time", "__builds_half_wait")
    )


@pytest.mark.parametrize("name", ["vray-1.tar", "/b/vray.tar.gz", "b.tar.xz", "b.tar.bz2", "B.TGZ", "C:\\b\\vray.ZIP"])
def test_an_archive_is_unpacked_where_it_can_be_seen(name):
    assert times(1800, name) == (60, 1800)
    # Where nobody wants to wait for builds, nothing is removed for that reason.
    assert times(0, name) == (60, 120)


@pytest.mark.parametrize("name", ["vraystd_adv_71000_rhel8_clang-gcc-11.2", "vray.exe", "vray.tar.run", "tar"])
def test_an_installer_does_more_than_that(name):
    assert times(1800, "vray-1.tar", name) == (600, 1800)
    assert times(0, name) == (600, 1200)


def test_a_half_is_seen_to_before_what_nobody_answered():
    """What is sent again after a half was removed may find nobody. Nobody would fail for it, were it the last one."""
    tasks = yaml.safe_load((ROLES / "builds" / "tasks" / "unsent.yml").read_text(encoding="utf-8"))
    order = [task.get("ansible.builtin.include_tasks") for task in tasks]
    assert order.index("halves.yml") < order.index("unheard.yml")


def test_what_nobody_would_bring_back_is_not_removed():
    judged = {"__builds_judged": {"damaged": ["1", "2"], "importable": ["2"]}}
    assert decide("__builds_deployable", vray_swarm_builds=[], **judged) == ["2"]
    # They are uploaded; not so by distribute.
    assert decide("__builds_deployable", vray_swarm_builds=["a", "b"], **judged) == ["1", "2"]
    assert decide("__builds_deployable", vray_swarm_builds=["a"], __builds_are_uploaded=False, **judged) == ["2"]
