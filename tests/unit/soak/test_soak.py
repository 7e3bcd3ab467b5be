# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small part of `make soak`; and it would see what was lost, doubled or partial."""

from __future__ import annotations

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "soak"))

try:
    import soak
except ImportError:
    pytest.skip("multipart 2, which needs Python 3.10, is not installed", allow_module_level=True)


def test_uploads_to_flaky_peers(tmp_path):
    result = soak.soak(tmp_path, uploads=50, seed=2, peers=4, share=0.4)
    assert not result.wrong, result
    assert result.uploads == 50 and result.struck.total() > 10 and result.outcomes["failed"] > 3, result


def test_it_sees_what_is_wrong(tmp_path):
    with soak.Peer(data_dir=tmp_path / "peer", temp_dir=tmp_path / "peer", uploads_queue_period=60) as peer:
        builds = [
            soak.make_archive(
                tmp_path / f"vray-6.20.{number}-e8197af2.tar", version=f"6.20.{number}-e8197af2", size=70000
            )
            for number in range(3)
        ]
        jobs = [soak.Job(peer.address, peer.port, peer.data_dir, str(build), False) for build in builds]
        result = soak.Result(3)
        for job in jobs[1:]:
            assert soak.upload(job).outcome == "rapid"
        (tmp_path / "peer" / "VRay" / "import" / builds[1].name).write_bytes(b"other")
        (tmp_path / "peer" / "servant-multipart1-1.buf").touch()
        peer.log.add("upload", name=builds[2].name, answer="RapidUR")
        soak.PATIENCE = 0
        soak._judge(jobs, [peer], result)
        told = "\n".join(result.wrong)
        for text in (
            "deployed: ['vray-6.20.0-e8197af2']",
            "in the import directory: ['vray-6.20.0-e8197af2.tar']",
            "vray-6.20.0-e8197af2.tar was accepted 0 times",
            "vray-6.20.1-e8197af2.tar is not what was sent",
            "vray-6.20.2-e8197af2.tar was accepted 2 times",
            "left: ['servant-multipart1-1.buf']",
        ):
            assert text in told, told
        assert len(result.wrong) == 6
