# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that may hang is given up, and nothing waits for it."""

from __future__ import annotations

import os
import threading
import time

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._bounded import TimeLimitError, bounded
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError, OptionsError


def test_what_it_returns():
    data = {"a": [1, None, "ä\udcff"], "large": "x" * 1000000}
    assert bounded(lambda: data, 10) == data


def test_what_it_raises():
    def refuse():
        raise BuildError("no such build")

    with pytest.raises(OptionsError, match=r"^no such build$"):
        bounded(refuse, 10)


def test_a_mistake_is_no_answer():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        bounded(lambda: 1 // 0, 10)
    with pytest.raises(RuntimeError, match="It died"):
        bounded(lambda: os._exit(3), 10)


def test_what_hangs_is_given_up():
    begin = time.monotonic()
    with pytest.raises(TimeLimitError):
        bounded(threading.Event().wait, 0.2)
    assert time.monotonic() - begin < 5


def test_its_output_goes_nowhere(capfd):
    """Output of a module is JSON; and who waits for its end must not wait for what hangs."""

    def chatter():
        os.write(1, b"out")
        os.write(2, b"err")

    bounded(chatter, 10)
    assert capfd.readouterr() == ("", "")


def test_no_pipes_are_left():
    def descriptors():
        return len(os.listdir("/dev/fd"))

    before = descriptors()
    for dummy in range(3):
        bounded(lambda: None, 10)
    with pytest.raises(TimeLimitError):
        bounded(threading.Event().wait, 0.1)
    assert descriptors() == before


def test_no_children_are_left():
    for dummy in range(3):
        bounded(lambda: None, 10)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
