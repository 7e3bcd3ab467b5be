# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Work that may hang in the system, such as a look at a share whose server has gone, within a time limit.

Nothing interrupts a call that waits in the kernel for a dead server. So the work is done by a child process; when the
time is up, the child is given up, and this process goes on.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
import traceback
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, SwarmError

_BLOCK = 1 << 16
_KILL_LIMIT = 1.0


class TimeLimitError(SwarmError):
    """The work did not end in time."""


def bounded(work: t.Callable[[], t.Any], seconds: float) -> t.Any:
    """Return what ``work`` returns, which is data that JSON can hold.

    :raises TimeLimitError: It took longer than that.
    :raises OptionsError: The work raised a SwarmError, with this text.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _child(work, writer)
    os.close(writer)
    try:
        answer = json.loads(_read_all(reader, time.monotonic() + seconds).decode("ascii") or '{"bug": "It died."}')
    except TimeLimitError:
        os.kill(pid, signal.SIGKILL)
        _wait(pid, _KILL_LIMIT)
        raise
    finally:
        os.close(reader)
    os.waitpid(pid, 0)
    if "error" in answer:
        raise OptionsError(answer["error"])
    if "bug" in answer:
        raise RuntimeError(answer["bug"])
    return answer["result"]


def _wait(pid: int, seconds: float) -> None:
    """Wait for a child that was killed. One that hangs in the kernel ends when its call returns, whenever that is."""
    until = time.monotonic() + seconds
    while os.waitpid(pid, os.WNOHANG) == (0, 0) and time.monotonic() < until:
        time.sleep(0.01)


def _child(work: t.Callable[[], t.Any], writer: int) -> t.NoReturn:
    try:
        # Whoever waits for the end of the output of this module must not wait for a child that hangs.
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        try:
            answer = {"result": work()}
        except SwarmError as error:
            answer = {"error": str(error)}
        except Exception:  # pylint: disable=broad-except
            answer = {"bug": traceback.format_exc()}
        data = json.dumps(answer).encode("ascii")
        while data:
            data = data[os.write(writer, data) :]
    finally:
        os._exit(0)


def _read_all(reader: int, until: float) -> bytes:
    data = b""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    while True:
        left = until - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeLimitError("it took too long")
        block = os.read(reader, _BLOCK)
        if not block:
            return data
        data += block
