# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The memory that the module needs: it must not depend on the size of the build."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("ansible")
pytest.importorskip("requests")

from scripted import PATIENCE, Server, rapid, swarm

MIB = 1 << 20
SMALL, LARGE = 10 * MIB, {"sendfile": 2048 * MIB, "blocks": 512 * MIB}

# The module's own main(), with its arguments as ansible-core hands them over, and its peak on the error output.
# getrusage() would tell the peak of the process that started it, when that is the larger one.
DRIVER = r"""
import json, re, sys
from ansible.module_utils import basic
from ansible_collections.renderops.vray_swarm.plugins.modules import upload

basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.argv[1])}).encode()
basic._ANSIBLE_PROFILE = "legacy"  # ansible-core 2.19 and newer
if sys.argv[2] == "blocks":
    import os
    del os.sendfile
try:
    upload.main()
finally:
    with open("/proc/self/status") as status:
        print(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1), file=sys.stderr)
"""


def peak_of(folder, size, how):
    path = folder / "vray-6.20.10-e8197af2.tar"
    with open(str(path), "wb") as file:
        file.write(b"vray.json".ljust(257, b"\0") + b"ustar\x0000")
        file.truncate(size)
    with Server(swarm(rapid(size))) as server:
        arguments = {"src": str(path), "remote_src": True, "peer": "127.0.0.1", "web_port": server.port}
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, json.dumps(arguments), how],
            capture_output=True,
            check=False,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
            timeout=3 * PATIENCE,
        )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    result = json.loads(done.stdout.decode())
    assert (result["outcome"], result["bytes_sent"]) == ("rapid", size)
    return int(done.stderr.decode().split()[-1]) << 10


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux tells the peak of a process")
@pytest.mark.parametrize("how", sorted(LARGE))
def test_the_peak_does_not_grow_with_the_build(tmp_path, how):
    small, large = peak_of(tmp_path, SMALL, how), peak_of(tmp_path, LARGE[how], how)
    assert large - small < 8 * MIB, "%d MiB, and %d for the large one" % (small // MIB, large // MIB)
