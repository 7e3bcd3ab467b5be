# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""settings on a Windows host: the same transaction, the same words."""

from __future__ import annotations

import os

import pytest

from windows_double.farm import CONFIG, DATA_DIR, SERVICE, SHARE, VERSION, free_port

SETTINGS = "renderops.vray_swarm.settings"
RESCUE = "vray-swarm-rescue-V-Ray-Swarm"
# Windows takes either separator, and tells executables with the other one.
SLASHES = DATA_DIR.replace("\\", "/") + "/"
WANTED = {"vrayImportDir": SHARE + r"\stable\Windows_x86", "allowExecutables": True}
OPTIONS = {"path": CONFIG, "service": SERVICE, "data_dir": DATA_DIR, "settings": WANTED, "start_timeout": 10}


def names(farm, peer):
    return sorted(path.name for path in peer.config.parent.iterdir())


def test_swarm_is_stopped_set_and_started(farm, peer):
    before = peer.text()

    planned = farm.task(SETTINGS, OPTIONS, "--check", "--diff")
    assert planned.status == "changed" and planned["restarted"] is True
    assert peer.text() == before and peer.swarm.stops == 0

    done = farm.task(SETTINGS, OPTIONS, "--diff")
    assert (done.status, done["restarted"], done["rolled_back"]) == ("changed", True, False)
    # Each byte of what was there is there, and the paths are as YAML reads them back.
    assert peer.text().startswith(before)
    assert peer.text()[len(before) :] == (
        "vrayImportDir: '\\\\nas\\vray builds\\stable\\Windows_x86'\r\nallowExecutables: true\r\n"
    )
    assert done["diff"] == planned["diff"]
    assert (peer.swarm.stops, peer.swarm.starts) == (1, 1)
    assert peer.swarm.peer.store.allow_executables is True
    # Nothing is left behind.
    assert peer.host.tasks == {}
    assert names(farm, peer) == ["swarm.yaml"]

    again = farm.task(SETTINGS, OPTIONS)
    assert again.status == "ok" and peer.swarm.stops == 1


def test_a_setting_with_which_swarm_does_not_start_is_taken_back(farm, peer):
    before = peer.text()
    other = farm.add("ws2")
    failed = farm.task(SETTINGS, dict(OPTIONS, settings={"webPort": other.port}), host="ws1")
    assert failed.status == "failed"
    assert (failed["rolled_back"], failed["changed"]) == (True, False)
    assert (
        "did not start: The service process could not be started; Windows says stopped, exit code 1067" in failed["msg"]
    )
    assert "The old file is back, and Swarm runs with it." in failed["msg"]
    assert peer.text() == before and peer.swarm.state == "started"
    assert peer.host.tasks == {} and names(farm, peer) == ["swarm.yaml"]


def test_a_new_port_is_waited_for(farm, peer):
    port = free_port()
    done = farm.task(SETTINGS, dict(OPTIONS, settings={"webPort": port}, api_from="peer", backup=True))
    assert done.status == "changed", done.data
    assert peer.swarm.peer.port == port
    assert done["backup_file"].startswith(CONFIG + ".") and done["backup_file"].endswith(".bak")
    assert f"webPort: {peer.port}" in peer.host.real(done["backup_file"]).read_text()


def test_another_hosts_swarm_proves_nothing(farm, peer):
    """A task of ws1 changes ws2, whose Swarm does not answer any more. That of ws1 does."""
    other = farm.add("ws2", address="127.0.0.9")
    before = other.text()

    def falls_silent(call):
        if call.script == "service" and call.options["parameters"]["Do"] == "start":
            other.swarm.end()

    other.host.after = falls_silent
    # Without that, ansible-core gives it the address of the host to which a task is delegated.
    farm.variables["localhost"] = {"ansible_host": "localhost", "ansible_connection": "local"}
    options = dict(OPTIONS, settings={"webPort": peer.port, "allowExecutables": False}, start_timeout=1)
    is_none = ": path is changed on the host that the task works on, and 127.0.0.1 is no address of it."
    is_here = ": The controller asks {}, which is the controller itself, and the task is delegated to ws2."
    for host, given, says in (
        ("ws1", {"peer": "127.0.0.1"}, is_none),
        ("ws1", {"peer": "127.0.0.1", "api_from": "peer"}, is_none),
        # It need not be delegated.
        ("ws2", {"peer": "127.0.0.1"}, is_none),
        # Each host has an address such as these, and that of the controller is asked.
        ("ws1", {}, is_here.format("127.0.0.1")),
        ("localhost", {}, is_here.format("localhost")),
    ):
        for arguments in ((), ("--check",)):
            task = {"delegate_to": "ws2"} if host != "ws2" else {}
            failed = farm.task(SETTINGS, {**options, **given}, *arguments, host=host, **task)
            assert failed.status == "failed" and failed["msg"].startswith(host + says), failed.data
            assert (failed["changed"], failed["restarted"], failed["rolled_back"]) == (False, False, False)
    assert (other.text(), other.swarm.stops, other.host.tasks) == (before, 0, {})
    assert set(other.host.forget()) == {"files"}


@pytest.mark.parametrize("given", [{"peer": "127.0.0.9"}, {"api_from": "peer", "peer": "127.0.0.9"}])
def test_a_host_to_which_a_task_is_delegated_is_the_peer_that_is_named(farm, peer, given):
    other = farm.add("ws2", address="127.0.0.9")
    options = {**OPTIONS, **given, "settings": {"allowExecutables": True}}
    for host in ("ws1", "localhost"):
        done = farm.task(SETTINGS, options, host=host, delegate_to="ws2")
        assert done.status == ("changed" if host == "ws1" else "ok"), done.data
    assert other.swarm.peer.store.allow_executables is True and peer.swarm.stops == 0


def test_where_no_swarm_is_asked_none_has_to_be_the_one(farm, peer):
    other = farm.add("ws2", address="127.0.0.9")
    options = {"path": CONFIG, "settings": {"uploadsQueuePeriod": 9}}
    assert farm.task(SETTINGS, options, host="ws1", delegate_to="ws2").status == "changed"
    assert "uploadsQueuePeriod: 9" in other.text()


def test_that_a_host_is_the_peer_costs_no_round_trip(farm, peer):
    options = dict(OPTIONS, settings={}, peer="[::1]")
    assert farm.task(SETTINGS, options).status == "ok"
    assert peer.host.calls[0].options["parameters"]["Peer"] == "::1"
    assert peer.host.forget() == ["files", "ansible.windows.win_service_info", "look"]


def test_a_peer_that_renders_is_left_alone(farm, peer):
    render = (4711, DATA_DIR + r"\VRay\vray-6.20.10-e8197af2\bin\vray.exe")
    options = dict(OPTIONS, data_dir=SLASHES)
    peer.host.processes.append(render)
    left = farm.task(SETTINGS, options)
    assert left.status == "ok" and [item["pid"] for item in left["busy"]] == [4711]
    assert peer.swarm.stops == 0

    # It begins after the look: the script that stops looks again.
    peer.host.processes.remove(render)

    def begins(call):
        if call.script == "service" and call.options["parameters"]["Do"] == "stop":
            peer.host.processes.append(render)

    peer.host.before = begins
    left = farm.task(SETTINGS, options)
    assert left.status == "ok" and left["busy"]
    assert peer.swarm.stops == 0 and peer.host.tasks == {}


def test_a_stop_that_hangs_is_told_and_rescued(farm, peer):
    before = peer.text()
    peer.swarm.hangs_at_stop = True
    failed = farm.task(SETTINGS, dict(OPTIONS, stop_timeout=1))
    assert "did not stop within 1 s: Time out has expired" in failed["msg"]
    assert "Windows says stop_pending" in failed["msg"]
    assert peer.text() == before
    assert peer.host.tasks[RESCUE]["seconds"] == 600
    peer.swarm.hangs_at_stop = False
    peer.swarm.stop()
    peer.host.fire(RESCUE)
    assert peer.swarm.state == "started"


def test_a_dead_controller_leaves_no_dead_peer(farm, peer):
    before = peer.text()

    def dies(call):
        if call.script == "service" and call.options["parameters"]["Do"] == "start":
            farm.kill()
            raise ConnectionAbortedError

    peer.host.before = dies
    assert farm.play([{"name": "It", SETTINGS: OPTIONS}]).status < 0
    assert peer.swarm.state == "stopped"
    assert peer.text() != before
    peer.host.fire(RESCUE)
    assert peer.swarm.state == "started"
    assert peer.text() == before
    peer.host.before = lambda call: None
    assert farm.task(SETTINGS, OPTIONS).status == "changed"


def test_what_was_saved_long_ago_does_not_come_back(farm, peer):
    """The controller dies when Swarm is stopped, and nothing of this run is saved yet."""
    before = peer.text()
    saved = peer.config.with_name(".swarm.yaml.vray_swarm-saved")
    saved.write_text("allowExecutables: true\n")
    os.utime(saved, (0, 0))

    def dies(call):
        if call.script == "files" and peer.swarm.state == "stopped":
            farm.kill()
            raise ConnectionAbortedError

    peer.host.before = dies
    assert farm.play([{"name": "It", SETTINGS: OPTIONS}]).status < 0
    peer.host.fire(RESCUE)
    assert peer.swarm.state == "started" and peer.text() == before


def test_a_locked_file_lets_swarm_run_on(farm, peer):
    before = peer.text()
    peer.host.locked.add(CONFIG.lower())
    failed = farm.task(SETTINGS, OPTIONS)
    assert "because it is being used by another process" in failed["msg"]
    assert peer.text() == before and peer.swarm.state == "started"


def test_what_somebody_else_writes_while_it_stops_is_not_undone(farm, peer):
    """It cannot be changed any more, and what an interrupted run saved is older."""
    (peer.config.parent / ".swarm.yaml.vray_swarm-saved").write_text("webPort: 1\n")
    peer.swarm.stop()
    broken = peer.text() + "a: ["

    def breaks(call):
        if call.script == "service" and call.options["parameters"]["Do"] == "stop" and peer.text() != broken:
            peer.write(broken)

    peer.host.before = breaks
    failed = farm.task(SETTINGS, OPTIONS)
    assert "not valid YAML" in failed["msg"] and not failed["rolled_back"]
    assert peer.text() == broken


@pytest.mark.parametrize("service", [SERVICE, None])
def test_what_somebody_else_wrote_just_now_stays(farm, peer, service):
    other = peer.text() + "uploadsQueuePeriod: 9\r\n"

    def writes(call):
        if call.script == "files" and call.options["parameters"]["Do"] == "put":
            if call.options["parameters"]["Path"] == CONFIG:
                peer.write(other)

    peer.host.before = writes
    failed = farm.task(SETTINGS, dict(OPTIONS, service=service) if service else {"path": CONFIG, "settings": WANTED})
    assert f"{CONFIG} was changed by somebody else just now, and left as it is" in failed["msg"]
    assert peer.text() == other and peer.swarm.state == "started"
    assert (failed["changed"], failed["rolled_back"], failed["after"]) == (False, False, None)
    assert peer.host.tasks == {} and names(farm, peer) == ["swarm.yaml"]


def comes_between(peer, text, *then):
    """While Swarm is started with what the task wrote, somebody else writes this, and Swarm does not start."""
    before = peer.text()

    def writes(call):
        if (
            call.script == "service"
            and call.options["parameters"]["Do"] == "start"
            and peer.text() not in (before, text)
        ):
            peer.write(text)
            peer.swarm.start_mode = "disabled"
            for do in then:
                do()
        if call.script == "service" and call.options["parameters"]["Do"] == "stop":
            peer.swarm.start_mode = "auto"

    peer.host.before = writes


def test_what_somebody_wrote_by_hand_is_kept(farm, peer):
    """While Swarm was started with what this task wrote, with which it does not start."""
    before, by_hand = peer.text(), peer.text() + "mine: 1\r\n"
    comes_between(peer, by_hand)
    failed = farm.task(SETTINGS, OPTIONS)
    assert "Somebody else had changed the file meanwhile, which is kept in" in failed["msg"]
    assert "The old file is back, and Swarm runs with it." in failed["msg"]
    assert (failed["after"], failed["rolled_back"]) == (failed["before"], True)
    aside = peer.config.with_name("swarm.yaml.reverted~")
    assert (peer.text(), aside.read_bytes().decode()) == (before, by_hand) and peer.swarm.state == "started"
    assert peer.host.tasks == {}


def test_what_a_task_that_found_swarm_down_does_not_take_back(farm, peer):
    """Another task comes and goes while this one starts Swarm, which does not start with what this one wrote."""
    peer.swarm.stop()
    other = peer.text() + "uploadsQueuePeriod: 9\r\n"
    saved = peer.config.with_name(".swarm.yaml.vray_swarm-saved")
    comes_between(peer, other, saved.unlink, peer.host.tasks.clear)
    failed = farm.task(SETTINGS, OPTIONS)
    assert "The file was changed by somebody else meanwhile, and left as it is" in failed["msg"]
    assert (failed["after"], failed["rolled_back"]) == (None, False)
    assert peer.text() == other and peer.swarm.state == "started"
    assert peer.host.tasks == {} and names(farm, peer) == ["swarm.yaml"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b"webPort: [1113\r\nallowExecutables: false\r\n",
            "this is not valid YAML: ",
        ),
        ("webPort: 1113\r\n".encode("utf-16"), "this is not UTF-8"),
        (b"- webPort\r\n", "mapping"),
        (None, "is not there. Set path to Swarm's swarm.yaml"),
    ],
    ids=["broken", "UTF-16", "a list", "missing"],
)
def test_a_file_that_cannot_be_changed_is_left_alone(farm, peer, content, says):
    peer.config.unlink() if content is None else peer.config.write_bytes(content)
    failed = farm.task(SETTINGS, OPTIONS)
    assert failed.status == "failed" and says in failed["msg"], failed["msg"]
    assert (peer.config.read_bytes() if peer.config.exists() else None) == content
    assert (peer.swarm.state, peer.swarm.stops, peer.host.tasks) == ("started", 0, {})


def test_an_empty_file_is_set(farm, peer):
    peer.config.write_bytes(b"")
    options = dict(OPTIONS, settings={"webPort": peer.port, "allowExecutables": True})
    assert farm.task(SETTINGS, options).status == "changed"
    assert peer.text() == f"webPort: {peer.port}\nallowExecutables: true\n"
    assert peer.swarm.peer.store.allow_executables is True and peer.host.tasks == {}
    assert farm.task(SETTINGS, options).status == "ok"


def test_a_swarm_that_starts_and_dies_is_told_at_once(farm, peer):
    before = peer.text()

    def die_once(call):
        if call.script == "service" and call.options["parameters"]["Do"] == "start" and peer.swarm.starts == 1:
            peer.swarm.dies = 1

    peer.host.after = die_once
    failed = farm.task(SETTINGS, dict(OPTIONS, settings={"allowExecutables": True}))
    assert failed.status == "failed" and "exit code 1067" in failed["msg"], failed["msg"]
    assert "The old file is back, and Swarm runs with it." in failed["msg"]
    assert (peer.text(), peer.swarm.state, peer.swarm.starts, peer.host.tasks) == (before, "started", 2, {})


@pytest.mark.parametrize("is_locked", [False, True])
def test_a_rescue_that_comes_while_the_answer_is_waited_for(farm, peer, is_locked):
    """Swarm was slow to start, and runs, but nobody answers: the rescue takes it for proven."""
    before = peer.text()

    def rescue(call):
        if call.script == "service" and call.options["parameters"]["Do"] == "start" and peer.swarm.starts == 1:
            peer.swarm.end()
            peer.host.fire(RESCUE)
            assert names(farm, peer) == ["swarm.yaml"] and peer.host.tasks == {}
            if is_locked:
                peer.host.locked.add(CONFIG.lower())

    peer.host.after = rescue
    failed = farm.task(SETTINGS, dict(OPTIONS, start_timeout=1))
    assert failed.status == "failed" and peer.swarm.state == "started"
    if is_locked:
        assert "(after 1 s). The old file could not be put back: " in failed["msg"], failed["msg"]
        assert f"Put right what {CONFIG} says, and run the task again." in failed["msg"]
        assert (failed["rolled_back"], failed["after"]) == (False, None)
        assert peer.text() != before and list(peer.host.tasks) == [RESCUE]
    else:
        assert "(after 1 s). The old file is back, and Swarm runs with it." in failed["msg"], failed["msg"]
        assert (failed["rolled_back"], failed["after"]) == (True, failed["before"])
        assert (peer.text(), names(farm, peer), peer.host.tasks) == (before, ["swarm.yaml"], {})


def test_what_cannot_be_set(farm, peer):
    assert "nor is its directory" in farm.task(SETTINGS, dict(OPTIONS, path=r"C:\no\swarm.yaml"))["msg"]
    assert "Windows has no service other" in farm.task(SETTINGS, dict(OPTIONS, service="other"))["msg"]
    peer.config.chmod(0o444)
    assert "has the attribute read-only" in farm.task(SETTINGS, OPTIONS)["msg"]
    assert peer.swarm.stops == 0


def test_a_file_without_its_service_is_only_written(farm, peer):
    done = farm.task(SETTINGS, {"path": r"C:\new.yaml", "create": True, "settings": {"webPort": 2000}})
    assert done.status == "changed"
    assert peer.host.real(r"C:\new.yaml").read_text() == "webPort: 2000\n"
    assert peer.swarm.stops == 0


def test_a_change_takes_itself_back(farm, peer):
    before = peer.text()
    options = dict(OPTIONS, settings={"allowExecutables": True}, revert_after=60)
    assert farm.task(SETTINGS, options).status == "changed"
    assert peer.swarm.peer.store.allow_executables is True
    (name,) = peer.host.tasks
    assert name == "vray-swarm-revert-V-Ray-Swarm"
    peer.host.fire(name)
    assert peer.text() == before
    assert peer.swarm.peer.store.allow_executables is False


def deploy(peer, *versions):
    for version in versions:
        (peer.data_dir / "VRay" / f"vray-{version}" / "bin").mkdir(parents=True)
        (peer.data_dir / "VRay" / f"vray-{version}" / "bin" / "vray.exe").touch()


def deployed(peer):
    return sorted(path.name for path in (peer.data_dir / "VRay").glob("vray-*"))


DAMAGED = rf"{DATA_DIR}\VRay\vray-{VERSION}"
REMOVAL = dict(OPTIONS, settings={}, absent_builds=[VERSION])


@pytest.mark.parametrize("settings", [{}, WANTED])
def test_a_build_is_removed_while_swarm_is_stopped(farm, peer, settings):
    deploy(peer, VERSION, "7.0.0-0a1b2c3d")
    for version in (VERSION, "7.0.0-0a1b2c3d"):
        (peer.data_dir / f".vray_swarm-{version}.sending").mkdir()
    for kind in ("awaited", "whole"):
        (peer.data_dir / f".vray_swarm-{VERSION}.{kind}").mkdir()
    options, before = dict(REMOVAL, settings=settings), peer.text()

    planned = farm.task(SETTINGS, options, "--check")
    assert (planned.status, planned["restarted"], planned["removed_builds"]) == ("changed", True, [DAMAGED])
    assert len(deployed(peer)) == 2 and (peer.swarm.stops, peer.host.tasks, peer.text()) == (0, {}, before)

    states = []

    def removes(call):
        if call.module == "ansible.windows.win_file":
            states.append((call.options, peer.swarm.state, RESCUE in peer.host.tasks))

    peer.host.before = removes
    done = farm.task(SETTINGS, options)
    assert (done.status, done["restarted"], done["removed_builds"]) == ("changed", True, [DAMAGED]), done.data
    # While it is down, and the host would start it by itself. The marks of that build go with it.
    whole, *marks = [rf"{DATA_DIR}\.vray_swarm-{VERSION}.{kind}" for kind in ("whole", "sending", "awaited")]
    assert states == [({"path": path, "state": "absent"}, "stopped", True) for path in (whole, DAMAGED, *marks)]
    assert sorted(path.name for path in peer.data_dir.iterdir()) == [".vray_swarm-7.0.0-0a1b2c3d.sending", "VRay"]
    assert deployed(peer) == ["vray-7.0.0-0a1b2c3d"] and (peer.data_dir / "VRay" / "import").is_dir()
    assert (peer.swarm.stops, peer.swarm.starts, peer.swarm.state) == (1, 1, "started")
    assert peer.host.tasks == {} and names(farm, peer) == ["swarm.yaml"]
    assert (peer.text() == before) is not bool(settings)

    again = farm.task(SETTINGS, options)
    assert (again.status, again["removed_builds"], again["restarted"]) == ("ok", [], False)
    assert peer.swarm.stops == 1


def test_a_look_for_builds_that_are_to_go_is_one_round_trip_more(farm, peer):
    deploy(peer, "7.0.0-0a1b2c3d")
    assert farm.task(SETTINGS, dict(REMOVAL, absent_builds=[])).status == "ok"
    without = peer.host.forget()
    assert without == ["files", "ansible.windows.win_service_info", "look"]
    assert farm.task(SETTINGS, REMOVAL).status == "ok"
    assert sorted(peer.host.forget()) == sorted([*without, "look"])


@pytest.mark.parametrize("settings", [{}, WANTED])
def test_a_build_that_is_in_use_lets_swarm_run_on(farm, peer, settings):
    deploy(peer, VERSION)
    before = peer.text()
    peer.host.locked.add(rf"{DAMAGED}\bin\vray.exe".lower())
    failed = farm.task(SETTINGS, dict(REMOVAL, settings=settings))
    assert failed["msg"].startswith(f"ws1: A build was not removed: {DAMAGED} could not be removed: Failed to delete ")
    assert "because it is being used by another process. The " in failed["msg"]
    assert failed["msg"].endswith(
        "The old file is back, and Swarm runs with it."
        if settings
        else "The file was not changed, and Swarm runs with it."
    )
    assert (failed["changed"], failed["removed_builds"], failed["rolled_back"]) == (False, [], bool(settings))
    assert (peer.text(), peer.swarm.state, peer.host.tasks) == (before, "started", {})
    assert names(farm, peer) == ["swarm.yaml"]
    peer.host.locked.clear()
    assert farm.task(SETTINGS, REMOVAL)["removed_builds"] == [DAMAGED]


def test_while_something_renders_no_build_is_removed(farm, peer):
    """Also where Swarm is down, and the renders have outlived it."""
    deploy(peer, VERSION, "7.0.0-0a1b2c3d")
    peer.host.processes.append((4711, rf"{DATA_DIR}\VRay\vray-7.0.0-0a1b2c3d\bin\vray.exe"))
    for state in ("started", "stopped"):
        for arguments in (("--check",), ()):
            left = farm.task(SETTINGS, REMOVAL, *arguments)
            assert (left.status, left["removed_builds"], [item["pid"] for item in left["busy"]]) == ("ok", [], [4711])
        assert len(deployed(peer)) == 2 and peer.swarm.state == state
        peer.swarm.stop()
    peer.host.processes.pop()
    assert farm.task(SETTINGS, REMOVAL)["removed_builds"] == [DAMAGED]
    assert peer.swarm.state == "started"


def test_a_render_that_outlives_the_stop_keeps_the_builds(farm, peer):
    deploy(peer, VERSION)

    def outlives(call):
        if call.script == "service" and call.options["parameters"]["Do"] == "stop" and len(peer.host.processes) == 2:
            peer.host.processes.append((4711, rf"{DAMAGED}\bin\vray.exe"))

    peer.host.after = outlives
    failed = farm.task(SETTINGS, REMOVAL)
    assert rf"A build was not removed: {DAMAGED}\bin\vray.exe (process 4711) runs still. The file was" in failed["msg"]
    assert (failed["changed"], failed["removed_builds"]) == (False, []) and deployed(peer) == [f"vray-{VERSION}"]
    assert (peer.swarm.state, peer.host.tasks) == ("started", {})


def test_of_a_build_that_is_a_junction_only_that_is_removed(farm, peer, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    (peer.data_dir / "VRay" / f"vray-{VERSION}").symlink_to(tmp_path / "elsewhere")
    assert farm.task(SETTINGS, REMOVAL)["removed_builds"] == [DAMAGED]
    assert deployed(peer) == [] and (tmp_path / "elsewhere" / "file").exists()


def test_no_build_is_removed_where_the_data_directory_is_wrong(farm, peer):
    failed = farm.task(SETTINGS, dict(REMOVAL, data_dir=r"C:\no"))
    assert failed["msg"].startswith(r"ws1: The data directory C:\no is not there, or may not be read")
    assert peer.swarm.stops == 0
