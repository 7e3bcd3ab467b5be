# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""settings on a Windows host, where something fails in the middle.

The steps of the change are those of the module, without Ansible between, so that each of them can be the last one.
"""

from __future__ import annotations

import base64
import ntpath
import re

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SwarmError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_host import sha256
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils import _windows_settings
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._scripts import script_names, script_text
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_settings import WindowsSettingsHost
from windows_double import scripts
from windows_double.farm import CONFIG, DATA_DIR, SERVICE
from windows_double.files import INHERITED, WindowsError
from windows_double.host import SYSTEM

RESCUE, REVERT = "vray-swarm-rescue-V-Ray-Swarm", "vray-swarm-revert-V-Ray-Swarm"
SAVED = ntpath.join(ntpath.dirname(CONFIG), ".swarm.yaml.vray_swarm-saved")
BUILD = r"vray-6.20.10-e8197af2\bin\vray.exe"
# Of a change: the round trips to the host, a file at a time.
PHASES = 16
ENDS = ("its time comes", "it starts again, tasks last", "it starts again, tasks first", "it wakes up after the time")


class Killed(BaseException):
    """The controller is no more."""


class Windows:
    """The host as the steps see it. ``last``: when the controller is killed, by what it was to do, or how often it did."""

    def __init__(self, peer, last=None):
        self.host, self.last, self.calls = peer.host, last, []

    def run(self, name, **parameters):
        if self.last in (len(self.calls), parameters.get("Do", name)):
            raise Killed
        self.calls.append((name, parameters.get("Do")))
        try:
            return scripts.RUN[name](
                self.host, SYSTEM, {key: value for key, value in parameters.items() if value is not None}, False
            )[1]
        except WindowsError as error:
            raise SwarmError(str(error)) from error

    def service(self, name):
        self.host.services[name].live_on()
        return self.host.services[name].facts()


class Task:
    """One task that lets executables in."""

    def __init__(self, peer, last=None, owner="one", **params):
        usual = {"path": CONFIG, "service": SERVICE, "data_dir": DATA_DIR, "backup": False, "peer": None}
        limits = {"rescue_after": 600, "stop_timeout": 2, "start_timeout": 2, "connect_timeout": 2, "web_port": 1113}
        self.params = {**usual, **limits, "revert_after": 0, **params}
        self.peer, self.windows, self.owner = peer, Windows(peer, last), owner
        self.before = peer.text() if peer.config.exists() else None
        self.after = (self.before or f"webPort: {peer.port}\r\n").replace(
            "allowExecutables: true\r\n", ""
        ) + "allowExecutables: true\r\n"

    def step(self, do, **values):
        return WindowsSettingsHost(self.params, self.windows).run(
            {"absent_builds": [], **values, "do": do, "owner": self.owner}
        )

    def aim(self, **values):
        content = base64.b64encode(self.after.encode()).decode("ascii")
        found = None if self.before is None else self.before.encode()
        aim = {"sha256": sha256(found), "content": content, "pending": False, "revert": None}
        return {**aim, "web_port": self.peer.port, "allow_executables": True, "ask": True, **values}

    def apply(self, **values):
        is_running = self.peer.swarm.state == "started"
        return self.step("apply", **{"was_running": is_running, "stopped": False, **self.aim(**values)})


def names(peer):
    return sorted(path.name for path in peer.config.parent.iterdir() if not path.name.endswith(".reverted~"))


def ends(peer, end):
    """What the host does when nobody comes back."""
    if end == ENDS[0]:
        for name in (RESCUE, REVERT):
            if name in peer.host.tasks:
                peer.host.fire(name)
    elif end == ENDS[3]:
        peer.host.wake()
    else:
        peer.host.restart(tasks_first=end == ENDS[2])


def is_open(peer):
    return peer.swarm.peer.store.allow_executables


def test_how_many_phases_there_are(peer):
    """Each of them is tried below."""
    task = Task(peer, revert_after=60)
    assert task.apply()["confirmed"]
    assert len(task.windows.calls) == PHASES, task.windows.calls


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("phase", range(PHASES))
def test_a_controller_that_is_killed_leaves_nobody_down(peer, phase, end):
    """Whatever it did last: Swarm runs, with the old settings or the new ones, and the next task sets them."""
    before = peer.text()
    with pytest.raises(Killed):
        task = Task(peer, phase)
        task.apply()
        # Without a revert there are fewer.
        raise Killed
    ends(peer, end)
    assert peer.swarm.state == "started" and peer.host.tasks == {}
    assert peer.text() in (before, task.after)
    assert is_open(peer) is (peer.text() == task.after)
    if peer.text() == before:
        assert Task(peer, owner="two").apply()["confirmed"]
    assert is_open(peer) and peer.host.tasks == {}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("phase", range(PHASES + 1))
def test_a_window_is_closed_by_the_host(peer, phase, end):
    before = peer.text()
    try:
        Task(peer, phase, revert_after=60).apply()
    except Killed:
        assert phase < PHASES
    ends(peer, end)
    assert peer.swarm.state == "started" and not is_open(peer)
    assert peer.text() == before
    assert peer.host.tasks == {}


def left_open(peer):
    assert Task(peer, revert_after=60).apply()["confirmed"]
    assert list(peer.host.tasks) == [REVERT] and is_open(peer)


def unlock_after(host, tries):
    """Somebody holds swarm.yaml open, for a while."""
    seen = []

    def meanwhile(_task):
        seen.append(_task)
        if len(seen) == tries:
            host.locked.clear()

    host.locked.add(CONFIG.lower())
    host.meanwhile = meanwhile


def test_a_file_that_is_held_open_is_put_back_when_it_is_let_go(peer):
    before = peer.text()
    left_open(peer)
    unlock_after(peer.host, 4)
    peer.host.fire(REVERT)
    assert peer.text() == before and not is_open(peer) and peer.host.tasks == {}


def test_a_file_that_is_held_open_for_an_hour_is_put_back_later(peer):
    before = peer.text()
    left_open(peer)
    peer.host.locked.add(CONFIG.lower())
    peer.host.fire(REVERT)
    assert is_open(peer) and list(peer.host.tasks) == [REVERT]
    peer.host.locked.clear()
    peer.host.hour_later()
    assert peer.text() == before and not is_open(peer) and peer.host.tasks == {}


@pytest.mark.parametrize("tries, is_back", [(1, True), (100, False)])
def test_the_rescue_does_not_wait_long_for_a_file_that_is_held_open(peer, tries, is_back):
    before = peer.text()
    with pytest.raises(Killed):
        task = Task(peer, "start")
        task.apply()
    assert peer.swarm.state == "stopped" and peer.text() != before
    unlock_after(peer.host, tries)
    peer.host.fire(RESCUE)
    assert peer.swarm.state == "started" and peer.host.tasks == {}
    assert peer.text() == (before if is_back else task.after)


def test_a_swarm_that_dies_after_the_change_was_taken_back_is_started_again(peer):
    left_open(peer)
    peer.swarm.dies = 2
    peer.host.fire(REVERT)
    peer.swarm.live_on()
    assert peer.swarm.state == "started" and not is_open(peer)


def test_a_swarm_that_dies_after_the_rescue_is_started_again(peer):
    with pytest.raises(Killed):
        Task(peer, "start").apply()
    peer.swarm.dies = 2
    peer.host.fire(RESCUE)
    peer.swarm.live_on()
    assert peer.swarm.state == "started" and not is_open(peer)


def test_the_change_is_taken_back_after_the_rescue(peer):
    """Both times come at once."""
    before = peer.text()
    with pytest.raises(Killed):
        Task(peer, "start", revert_after=60).apply()
    assert list(peer.host.tasks) == [RESCUE, REVERT] and peer.swarm.state == "stopped"
    order = []

    def meanwhile(name):
        order.append(name)
        if name == REVERT and RESCUE in peer.host.tasks:
            assert peer.text() != before
            peer.host.fire(RESCUE)

    peer.host.meanwhile = meanwhile
    peer.host.fire(REVERT)
    assert order[0] == REVERT
    assert peer.swarm.state == "started" and peer.text() == before and peer.host.tasks == {}


def test_who_comes_back_while_the_change_is_taken_back(peer):
    """A render has kept Swarm from its restart. The task that finds it so ends the timer, and restarts Swarm itself."""
    before = peer.text()
    left_open(peer)
    peer.host.processes.append((4711, DATA_DIR + r"\VRay" + "\\" + BUILD))

    def comes_back(_task):
        assert peer.text() == before and is_open(peer)
        peer.host.processes.pop()
        peer.host.meanwhile = lambda name: None
        assert Task(peer, owner="two").apply(content=None, allow_executables=False)["confirmed"]

    peer.host.meanwhile = comes_back
    peer.host.fire(REVERT)
    assert peer.host.tasks == {} and peer.text() == before
    assert not is_open(peer) and peer.swarm.stops == 2


def test_who_comes_too_late_to_end_the_timer_lets_it_restart_swarm(peer):
    """It saw that a change was to be taken back, which has been done meanwhile, but for the restart."""
    left_open(peer)
    peer.host.processes.append((4711, DATA_DIR + r"\VRay" + "\\" + BUILD))

    def comes_back(_task):
        peer.host.processes.pop()
        peer.host.meanwhile = lambda name: None
        Task(peer, owner="two").step("settle", revert={"do": "end"})

    peer.host.meanwhile = comes_back
    peer.host.fire(REVERT)
    assert not is_open(peer) and peer.host.tasks == {}


def test_a_timer_that_is_ended_while_swarm_is_down_starts_it(peer):
    left_open(peer)

    def comes_back(_task):
        assert peer.swarm.state == "stopped"
        peer.host.meanwhile = lambda name: None
        task = Task(peer, owner="two", revert_after=60)
        # The file has been taken back, so that there is no more time to begin anew, and the restart goes on.
        task.step("settle", revert={"do": "again"})
        assert peer.host.tasks[REVERT]["at_work"]
        host = WindowsSettingsHost(task.params, task.windows)
        host._arm_revert(host._control())
        assert not peer.host.tasks[REVERT].get("at_work")

    peer.swarm.dies = 1
    peer.host.meanwhile = comes_back
    peer.host.fire(REVERT)
    assert peer.swarm.state == "started" and list(peer.host.tasks) == [REVERT]


def test_a_restart_that_fails_for_hours_is_not_forgotten(peer):
    """The file has been taken back, and tells no more that Swarm is still open."""
    left_open(peer)
    tries = []
    peer.swarm.start_mode = "disabled"

    def mended(_task):
        tries.append(peer.swarm.state)
        if len(tries) == 40:
            peer.swarm.start_mode = "auto"

    peer.host.meanwhile = mended
    peer.host.fire(REVERT)
    assert len(tries) == 40 and peer.swarm.state == "started" and not is_open(peer) and peer.host.tasks == {}


@pytest.mark.parametrize("starts", [1, 20], ids=["at once", "an hour later"])
def test_a_new_file_is_set_aside_and_what_mends_it_stays(peer, starts):
    """Nobody comes back to a task that wrote a file where there was none, with which Swarm does not live."""
    mended, aside = peer.text(), peer.config.with_name("swarm.yaml.reverted~")
    peer.config.unlink()
    with pytest.raises(Killed):
        Task(peer, "start").apply()
    written = peer.text()
    peer.swarm.dies = starts

    def mends(_task):
        if not peer.config.exists():
            peer.write(mended)

    peer.host.meanwhile = mends
    peer.host.fire(RESCUE)
    peer.host.hour_later()
    peer.swarm.dies = 0
    peer.host.hour_later()
    assert peer.swarm.state == "started" and peer.host.tasks == {}
    assert (peer.text(), aside.read_bytes().decode()) == (mended, written)


def test_a_timer_that_cannot_start_swarm_does_not_keep_a_task_out(peer):
    """It is at work for an hour at a time, and it is the task that can mend the reason."""
    left_open(peer)
    peer.swarm.start_mode = "disabled"
    was = peer.host.tasks[REVERT]

    def comes(_task):
        task = Task(peer, owner="two", revert_after=60)
        host = WindowsSettingsHost(task.params, task.windows)
        host._arm_revert(host._control())

    peer.host.meanwhile = comes
    peer.host.fire(REVERT)
    assert list(peer.host.tasks) == [REVERT] and peer.host.tasks[REVERT] is not was


def test_a_timer_that_cannot_be_set_leaves_the_one_that_was_there(peer):
    left_open(peer)
    peer.host.refuses_tasks = "Access is denied."
    with pytest.raises(SwarmError, match=r"would take the change back could not be set: Access is denied"):
        Task(peer, owner="two", revert_after=60).step("settle", revert={"do": "again"})
    assert list(peer.host.tasks) == [REVERT]
    with pytest.raises(SwarmError, match=r"could not be set \(Access is denied\), so it was not stopped"):
        Task(peer, owner="two").apply()
    assert peer.swarm.state == "started" and peer.swarm.stops == 1


def test_a_task_keeps_the_rescue_of_another_one(peer):
    """The second one stops Swarm while the first one still confirms."""
    with pytest.raises(Killed):
        Task(peer, "put", owner="two").apply()
    assert peer.swarm.state == "stopped" and peer.host.tasks[RESCUE]["owner"] == "two"
    peer.swarm.start()
    assert Task(peer, owner="one").step("confirm", revert=None) == {"confirmed": True}
    assert list(peer.host.tasks) == [RESCUE]
    assert Task(peer, owner="two").step("confirm", revert=None) == {"confirmed": True}
    assert peer.host.tasks == {} and names(peer) == ["swarm.yaml"]


def test_what_another_task_wrote_is_not_taken_back(peer):
    """This one found Swarm down, and waits for an answer that does not come."""
    peer.swarm.stop()
    other = peer.text() + "uploadsQueuePeriod: 9\r\n"
    task = Task(peer, start_timeout=1)
    run = task.windows.run

    def writes(name, **parameters):
        if name == "look" and peer.text() != other:
            # From its beginning to its end.
            peer.write(other)
            peer.host.real(SAVED).unlink()
            del peer.host.tasks[RESCUE]
        return run(name, **parameters)

    task.windows.run = writes
    undone = task.apply(allow_executables=False)["undone"]
    assert (undone["restored"], undone["moved"], undone["trouble"]) == (False, True, ""), undone
    assert peer.text() == other and peer.swarm.state == "started"
    assert peer.host.tasks == {} and names(peer) == ["swarm.yaml"]


def test_a_file_that_is_not_there_any_more_comes_back(peer):
    task, before = Task(peer, start_timeout=1), peer.text()
    run = task.windows.run

    def removes(name, **parameters):
        if parameters.get("Url"):
            peer.config.unlink(missing_ok=True)
        return run(name, **parameters)

    task.windows.run = removes
    undone = task.apply(allow_executables=False)["undone"]
    assert (undone["restored"], undone["moved"], undone["stuck"]) == (True, False, False), undone
    assert peer.text() == before and peer.swarm.state == "started"
    assert peer.host.tasks == {} and names(peer) == ["swarm.yaml"]


def rescued_while_it_waits(peer, dies_at=None):
    """Swarm runs with what the task wrote, and does not answer; then the time of the rescue comes."""
    task = Task(peer, start_timeout=1)
    run = task.windows.run

    def rescues(name, **parameters):
        if parameters.get("Url") and task.windows.last is None and RESCUE in peer.host.tasks:
            peer.host.fire(RESCUE)
            assert peer.host.tasks == {} and names(peer) == ["swarm.yaml"] and peer.text() == task.after
            task.windows.last = dies_at
        return run(name, **parameters)

    task.windows.run = rescues
    return task.apply(allow_executables=False)["undone"]


def test_what_the_rescue_threw_away_comes_back_all_the_same(peer):
    before = peer.text()
    peer.host.access[peer.config] = "Swarm and administrators"
    undone = rescued_while_it_waits(peer)
    assert (undone["restored"], undone["moved"], undone["stuck"]) == (True, False, False), undone
    assert not undone["trouble"] and peer.text() == before
    assert peer.host.access[peer.config] == "Swarm and administrators"
    assert peer.swarm.state == "started" and not is_open(peer)
    assert peer.host.tasks == {} and names(peer) == ["swarm.yaml"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("dies_at", ["move", "start"])
def test_a_change_that_is_taken_back_after_the_rescue_has_one_of_its_own(peer, dies_at, end):
    before = peer.text()
    with pytest.raises(Killed):
        rescued_while_it_waits(peer, dies_at)
    assert peer.swarm.state == "stopped"
    # Where Windows starts Swarm before the tasks, it runs with what the file says.
    is_left = dies_at == "move" and end == "it starts again, tasks last"
    ends(peer, end)
    assert peer.swarm.state == "started" and is_open(peer) is is_left
    assert (peer.text() == before) is not is_left
    assert peer.host.tasks == {} and names(peer) == ["swarm.yaml"]


def test_a_copy_that_cannot_be_removed_is_told(peer, monkeypatch):
    """A virus scanner may hold what files.ps1 kept for the case that Windows fails between two steps."""
    task, told = Task(peer), []
    monkeypatch.setattr(_windows_settings.Display, "warning", lambda _self, text: told.append(text))
    run = task.windows.run

    def left(name, **parameters):
        found = run(name, **parameters)
        return dict(found, left=CONFIG + ".old") if parameters.get("Do") == "put" else found

    task.windows.run = left
    assert task.apply()["confirmed"]
    assert told[-1] == f"{CONFIG}.old, a copy of {CONFIG} as it was, could not be removed. Remove it."


@pytest.mark.parametrize("name", ["swarm.yaml", ".swarm.yaml.vray_swarm-saved", ".swarm.yaml.vray_swarm-revert"])
def test_a_full_disk(peer, name):
    before = peer.text()
    task = Task(peer, revert_after=60)
    run = task.windows.run

    def full(script, **parameters):
        if parameters.get("Do") == "put" and parameters["Path"].endswith("\\" + name):
            raise SwarmError("There is not enough space on the disk.")
        return run(script, **parameters)

    task.windows.run = full
    undone = task.apply()["undone"]
    assert "could not be written: There is not enough space on the disk" in undone["reason"] and not undone["trouble"]
    assert peer.text() == before and peer.swarm.state == "started" and not is_open(peer)
    assert peer.host.tasks == {} and names(peer) == ["swarm.yaml"]


@pytest.mark.parametrize("hangs", [True, False])
def test_a_service_that_will_not_stop(peer, hangs):
    before = peer.text()
    peer.swarm.hangs_at_stop = True
    with pytest.raises(SwarmError, match=r"did not stop within 2 s: Time out has expired .* Nothing was written"):
        Task(peer).apply()
    assert peer.text() == before and list(peer.host.tasks) == [RESCUE]
    if hangs:
        # It is tried again, for an hour, and later.
        peer.host.fire(RESCUE)
        assert list(peer.host.tasks) == [RESCUE]
    peer.swarm.hangs_at_stop = False
    peer.swarm.stop()
    peer.host.fire(RESCUE)
    assert peer.swarm.state == "started" and peer.text() == before and peer.host.tasks == {}


def test_a_service_that_starts_with_neither(peer, farm):
    """Another program takes its port; when that has gone, the rescue starts Swarm with its old settings."""
    before = peer.text()
    task = Task(peer, start_timeout=1)
    peer.swarm.start_mode = "disabled"
    undone = task.apply()["undone"]
    assert "it is disabled" in undone["reason"] and "it is disabled" in undone["trouble"] and undone["restored"]
    assert peer.swarm.state == "stopped" and list(peer.host.tasks) == [RESCUE]
    peer.swarm.start_mode = "auto"
    peer.host.fire(RESCUE)
    assert peer.swarm.state == "started" and peer.text() == before and peer.host.tasks == {}


def test_a_render_does_not_keep_a_swarm_down(peer):
    """Its builds go on rendering without it, and it is not stopped: it is down already."""
    peer.swarm.stop()
    peer.host.processes.append((4711, DATA_DIR + r"\VRay" + "\\" + BUILD))
    assert Task(peer).apply()["confirmed"]
    assert peer.swarm.state == "started" and is_open(peer)


def test_a_render_that_a_junction_hides_keeps_swarm_from_a_stop(peer):
    peer.host.processes.append((4711, "D:\\Renders\\" + BUILD))
    assert [item["pid"] for item in Task(peer).apply()["busy"]] == [4711]
    assert peer.swarm.stops == 0 and peer.host.tasks == {}


def test_all_scripts_agree_on_what_a_render_is():
    pattern = r"'\\vray-[0-9]+\.[0-9]+\.[0-9]+-[0-9A-Za-z]+\\'"
    found = {name: script_text(name).count(pattern) for name in script_names()}
    assert found == {"files": 0, "look": 1, "send": 0, "service": 2}


def test_what_is_kept_beside_swarm_yaml_has_its_access_list(peer):
    peer.host.access[peer.config] = "Swarm and administrators"
    task = Task(peer, "start", revert_after=60, backup=True)
    with pytest.raises(Killed):
        task.apply()
    kept = {path.name: peer.host.access.get(path, INHERITED) for path in peer.config.parent.iterdir()}
    assert len(kept) == 4 and set(kept.values()) == {"Swarm and administrators"}, kept


def test_the_command_line_of_a_task_is_not_too_long():
    """CreateProcess takes 32767 characters."""
    text = script_text("service")
    blocks = {name: re.search(rf"(?ms)^\${name} = \{{\n(.*?)^\}}$", text)[1] for name in ("common", "rescue", "revert")}
    assert r"-replace '(?m)^[ \t]*(#.*)?', ''" in text
    for name in ("rescue", "revert"):
        sent = re.sub(r"(?m)^[ \t]*(#.*)?", "", blocks["common"] + blocks[name])
        # Paths, as JSON, as base64.
        assert (len(sent) + 3000) * 2 * 4 / 3 < 24000, len(sent)
