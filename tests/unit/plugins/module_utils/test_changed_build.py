# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A build that is written to while it is sent, to the reference peer: no half build stays there."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _sending
from ansible_collections.renderops.vray_swarm.plugins.module_utils._client import Client
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import Multipart
from ansible_collections.renderops.vray_swarm.plugins.module_utils._sending import Limits

pytest.importorskip("requests")
if sys.version_info >= (3, 10):
    from swarm_peer import Peer
    from swarm_peer.builds import make_archive

# Each test says why it is skipped, which a module as a whole could not.
pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="the reference peer wants multipart 2, which needs Python 3.10"
)

MIB = 1 << 20
SIZE = 64 * MIB
PATIENCE = 20
VERSION = "6.20.10-e8197af2"


def shrink(path):
    os.truncate(path, MIB)


def grow(path):
    with open(path, "ab") as file:
        file.write(b"more")


@pytest.fixture
def peer(tmp_path):
    # So slow, for one upload, that the change comes in the middle of it; the boundary is the last that goes out.
    folder = tmp_path / "peer"
    spool = tmp_path / "spool"
    for made in (folder, spool):
        made.mkdir()
    with Peer(folder, port=0, temp_dir=spool, faults=["slow=%d,times=1" % (60 * MIB)]) as started:
        yield started


def send(peer, path, use_sendfile):
    host, port = peer.url.rpartition("/")[2].split(":")
    with open(path, "rb", buffering=0) as file:
        call = Client(host, int(port), Limits(stall=PATIENCE)).upload(
            Multipart(file, os.path.basename(path), False), use_sendfile=use_sendfile
        )
        return call.run()


def kept_by(peer):
    """All files that the peer has, builds and spooled uploads."""
    found = [name for _folder, _folders, names in os.walk(peer.data_dir) for name in names]
    return sorted(found + os.listdir(peer.temp_dir))


@pytest.mark.parametrize("use_sendfile", [True, False])
@pytest.mark.parametrize("change", [shrink, grow])
def test_a_build_that_changes_leaves_nothing_on_the_peer(peer, tmp_path, monkeypatch, change, use_sendfile):
    calls = []
    if hasattr(os, "sendfile"):
        real = os.sendfile
        monkeypatch.setattr(_sending.os, "sendfile", lambda *arguments: calls.append(1) or real(*arguments))
    path = str(make_archive(tmp_path / ("vray-%s.tar" % VERSION), version=VERSION, size=SIZE))
    before = kept_by(peer)

    def when_it_is_sent():
        peer.wait_for("request", timeout=PATIENCE, method="POST")
        change(path)

    changer = threading.Thread(target=when_it_is_sent, daemon=True)
    changer.start()
    with pytest.raises(BuildError, match="changed while it was sent"):
        send(peer, path, use_sendfile)
    changer.join(PATIENCE)
    peer.wait_for("aborted", timeout=PATIENCE)
    assert kept_by(peer) == before
    assert not [event for event in peer.events if event["event"] == "upload"]
    assert bool(calls) == (use_sendfile and hasattr(os, "sendfile"))

    # The same build, whole, is taken: nothing of the first try is in its way.
    make_archive(path, version=VERSION, size=SIZE)
    assert send(peer, path, use_sendfile).outcome == "rapid"


@pytest.mark.skipif(not hasattr(os, "sendfile"), reason="no os.sendfile here")
def test_both_ways_store_the_same_build(peer, tmp_path):
    path = str(make_archive(tmp_path / ("vray-%s.tar" % VERSION), version=VERSION, size=3 * MIB + 17))
    assert send(peer, path, True).outcome == "rapid"
    assert send(peer, path, False).outcome == "existing"
    first, second = (event for event in peer.events if event["event"] == "upload")
    assert (first["sha256"], first["file_bytes"]) == (second["sha256"], second["file_bytes"])
    assert first["file_bytes"] == os.path.getsize(path)
