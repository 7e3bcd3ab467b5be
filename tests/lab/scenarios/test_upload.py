# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upload, over real ssh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from swarm_lab import Lab
from swarm_peer.builds import VERSION

UPLOAD = "renderops.vray_swarm.upload"
KNOWN = {"data_dir": "{{ vray_swarm_data_dir }}", "config": "{{ vray_swarm_config }}"}


def received(lab: Lab, peer: str) -> list[int]:
    """The size of each build that a peer was sent, as it says itself."""
    return [event["file_bytes"] for event in lab.swarm_events(peer, "upload")]


def size_of(build: Path) -> int:
    return build.stat().st_size


def put_on(lab: Lab, host: str, build: Path) -> str:
    """Put a build where a host could have it."""
    path = f"/srv/{build.name}"
    assert lab.task(
        host, "ansible.builtin.copy", {"src": str(build), "dest": path, "mode": "0644"}, become=True
    ).succeeded
    return path


def test_a_build_reaches_all_peers_once(lab: Lab, archive: Path) -> None:
    upload = {"src": str(archive), **KNOWN}

    check = lab.task("peers", UPLOAD, upload, "--check", become=True)
    assert check.succeeded and sorted(check.changed) == lab.peers, check
    assert [received(lab, peer) for peer in lab.peers] == [[]] * 5

    first = lab.task("peers", UPLOAD, upload, become=True)
    assert first.succeeded and sorted(first.changed) == lab.peers, first
    for peer in lab.peers:
        assert first.one(peer)["outcome"] == "rapid"
        assert first.one(peer)["deployed_in_directory"].endswith(f"/VRay/vray-{VERSION}")
        assert received(lab, peer) == [size_of(archive)]

    before = {peer: len(lab.sessions(peer)) for peer in lab.peers}
    second = lab.task("peers", UPLOAD, upload, become=True)
    assert second.succeeded and not second.changed, second
    for peer in lab.peers:
        assert (second.one(peer)["outcome"], second.one(peer)["bytes_sent"]) == ("present", 0)
        assert received(lab, peer) == [size_of(archive)]
        # One look, one round trip: sshd says so.
        assert len(lab.sessions(peer)) - before[peer] == 1


def test_no_round_trip_where_nothing_is_to_be_looked_at(lab: Lab, archive: Path) -> None:
    run = lab.task("peer1", UPLOAD, {"src": str(archive)})
    assert run.one("peer1")["outcome"] == "rapid", run
    assert lab.sessions("peer1") == []


def test_a_peer_sends_itself_what_lies_on_its_disk(lab: Lab, archive: Path) -> None:
    src = put_on(lab, "peer5", archive)
    upload = {"src": src, "remote_src": True, **KNOWN}
    first = lab.task("peer5", UPLOAD, upload, become=True)
    assert first.succeeded and first.one()["outcome"] == "rapid", first
    assert lab.swarm_events("peer5", "upload")[0]["file_bytes"] == size_of(archive)
    second = lab.task("peer5", UPLOAD, upload, become=True)
    assert second.one()["outcome"] == "present" and received(lab, "peer5") == [size_of(archive)], second


def test_a_host_without_requests_is_told_what_it_lacks(lab: Lab, archive: Path) -> None:
    src = put_on(lab, "peer4", archive)
    lab.ssh("peer4", "rm -r /usr/lib/python3/dist-packages/requests")
    run = lab.task("peer4", UPLOAD, {"src": src, "remote_src": True})
    assert run.failed == ["peer4"]
    assert (
        "Failed to import the required Python library (requests) on peer4's Python /usr/bin/python3" in run.one()["msg"]
    )
    # From the controller it needs none.
    assert lab.task("peer4", UPLOAD, {"src": str(archive), **KNOWN}, become=True).succeeded


def test_a_host_that_is_off_is_unreachable_and_the_others_go_on(lab: Lab, archive: Path) -> None:
    lab.stop("peer3")
    run = lab.task("peer2:peer3", UPLOAD, {"src": str(archive), **KNOWN}, become=True)
    assert run.unreachable == ["peer3"] and not run.failed, run
    assert list(run.changed) == ["peer2"]


def test_a_peer_whose_swarm_is_down_fails_with_a_reason(lab: Lab, archive: Path) -> None:
    lab.ssh("peer3", "systemctl stop swarm")
    run = lab.task("peer3", UPLOAD, {"src": str(archive), "retries": 0, **KNOWN}, become=True)
    assert run.failed == ["peer3"] and not run.unreachable
    address = lab.hosts["peer3"].address
    assert f"{address}:1113" in run.one()["msg"] and "refused" in run.one()["msg"], run


def test_the_playbook_uploads_by_the_file_server(lab: Lab, archive: Path, installer: Path) -> None:
    for build in (archive, installer):
        put_on(lab, "server", build)
    lab.ssh("peer5", "echo 'allowExecutables: true' >> '/opt/chaos/swarm 2/conf/swarm.yaml'")
    lab.ssh("peer5", "systemctl restart chaos-swarm")
    variables: dict[str, Any] = {
        "vray_swarm_hosts": "peers",
        "vray_swarm_upload_via": "server",
        "vray_swarm_builds": [{"src": f"/srv/{archive.name}"}],
    }
    first = lab.playbook(UPLOAD, variables=variables)
    assert first.succeeded and sorted(first.changed) == lab.peers, first
    for peer in lab.peers:
        (event,) = lab.swarm_events(peer, "upload")
        assert (event["answer"], event["file_bytes"]) == ("RapidUR", size_of(archive))
    # It was the server that sent, not the controller.
    assert "/api/vray/upload" in first.one("peer1", action=UPLOAD)["results"][0]["url"]
    (request,) = [event for event in lab.swarm_events("peer1", "request") if event["method"] == "POST"]
    assert request["client"].startswith(lab.hosts["server"].address)

    again = lab.playbook(UPLOAD, variables=variables)
    assert again.succeeded and not again.changed, again
    assert [received(lab, peer) for peer in lab.peers] == [[size_of(archive)]] * 5

    # An installer runs once, on the peer that allows it, and nowhere else.
    variables["vray_swarm_builds"] = [{"src": f"/srv/{installer.name}", "version": "7.10.0-0a1b2c3d"}]
    for changed in ({"peer5": 1}, {}):
        run = lab.playbook(UPLOAD, variables={**variables, "vray_swarm_hosts": "peer5"})
        assert run.succeeded and run.changed == changed, run
    refused = lab.playbook(UPLOAD, variables={**variables, "vray_swarm_hosts": "peer1"})
    assert refused.failed == ["peer1"] and "allowExecutables" in refused.output, refused
