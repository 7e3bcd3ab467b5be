# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""A command of the system, read and not judged."""

from __future__ import annotations

import os
import subprocess
import typing as t


class Done(t.NamedTuple):
    """What a command said. A status of None: it could not be run, or took too long; ``error`` says why."""

    status: t.Optional[int]
    output: str
    error: str


def run_command(*argv: str, seconds: float = 20) -> Done:
    """Run a command in the locale C."""
    environ = dict(os.environ, LC_ALL="C", LANGUAGE="C")
    try:
        # pylint: disable-next=ansible-bad-function
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environ,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return Done(None, "", f"{argv[0]} did not end within {seconds:g} s")
    except OSError as error:
        return Done(None, "", f"{argv[0]} could not be run: {error.strerror}")
    return Done(done.returncode, _text(done.stdout), _text(done.stderr).strip())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
