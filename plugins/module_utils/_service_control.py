# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""Stopping and starting Swarm's service, with a rescue that starts it when nobody comes back to do so."""

from __future__ import annotations

import abc
import contextlib
import os
import plistlib
import re
import shlex
import sys
import time
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._command import Done, run_command
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, SwarmError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._files import sync_directory
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service import parse_launchctl
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import shown
from ansible_collections.renderops.vray_swarm.plugins.module_utils._written import marked

_SYSTEMD_BOOTED = "/run/systemd/system"  # sd_booted(3)
# One unit: no option, no pattern.
_NAME = re.compile(r"[A-Za-z0-9_:\\][A-Za-z0-9@_.:\\-]*")
_LOG_LINES = 5
# A service that was restarted this often since we started it will not come up.
_MANY_RESTARTS = 3

_UNITS = "/etc/systemd/system"
_BOOT = "-boot.service"
_DAEMONS = "/Library/LaunchDaemons"
_POLL = 0.2
# What launchctl ends with: the errors of launchd and of the system, as `launchctl error` explains them.
_NOT_LOADED = 113  # Could not find specified service
_DISABLED = 119  # Service is disabled
# Done; No such process; Operation now in progress; not loaded; None: it took too long.
_BOOTOUT_GOES_ON = (0, 3, 36, _NOT_LOADED, None)
_BOOTOUT_SECONDS = 25  # launchd kills what has not ended after 20 s

# What the host does by itself is a shell script: no module is left there. Each service manager has its words for these
# functions: runs, restarts (a number that grows), start, restart (of what runs), under_way (is there a rescue?),
# executables (of all processes), keep (a file under another name, too), put (one in the place of another) and finish.
# keep and put follow no link: the directory may belong to somebody who plants them.

# Who is ended before the work is done, as at the end of the host, does not finish: bash, unlike dash, would.

# A service that runs, and goes on running, is left alone. One that does not gets the settings back with which it ran.
_RESCUE = """\
trap finish EXIT
trap 'trap - EXIT; exit 143' HUP INT TERM
before=$(restarts)
if runs && sleep 10 && runs && [ "$before" = "$(restarts)" ]; then
    rm -f -- "$saved"
    exit 0
fi
if [ -e "$saved" ]; then put "$saved" "$file"; elif [ "$new" = yes ] && [ -e "$file" ]; then put "$file" "$file.reverted~"; fi
start
"""

# While there is a rescue, a task is at work, or one was that died: then the rescue comes first. The arguments are what
# the executables of renders begin with.
_REVERT = """\
trap finish EXIT
trap 'trap - EXIT; exit 143' HUP INT TERM
idle() {
    executables 2>/dev/null | while IFS= read -r executable; do
        for root in "$@"; do case $executable in "$root"*) exit 1 ;; esac; done
    done
}
while under_way; do sleep 2; done
[ -e "$old" ] || exit 0
keep "$file" "$file.reverted~"
put "$old" "$file"
while under_way || ! idle "$@"; do sleep 2; done
restart
"""

# Nothing waits for what it has started: at the start of the host, that comes after this.
_WITH_SYSTEMD = """\
runs() { systemctl is-active --quiet -- "$service"; }
restarts() { systemctl show --property=NRestarts -- "$service"; }
start() { systemctl reset-failed -- "$service"; systemctl start --no-block -- "$service"; }
restart() { systemctl try-restart --no-block -- "$service"; }
under_way() { systemctl is-active --quiet -- "$rescue.timer" "$rescue.service"; }
executables() { readlink -- /proc/[0-9]*/exe; }
keep() { ln -fTP -- "$1" "$2" || mv -fT -- "$1" "$2"; }
put() { mv -fT -- "$1" "$2"; }
finish() { rm -f -- "$wanted" "$unit"; }
"""

# A timer of systemd-run ends with the host. At its next start, this does what the timer was to do, before Swarm starts.
_AT_BOOT = """\
[Unit]
Description={description}
RequiresMountsFor={directory}
After=remote-fs.target
Before={before}

[Service]
Type=oneshot
ExecStart=/bin/sh -c {words}
"""
# Whoever starts it while the host runs, as `systemctl isolate` does, leaves it to the timer.
_BOOT_ONLY = """\
! systemctl is-active --quiet -- {timer}.timer || exit 0
"""

# A job that ends itself with bootout is ended by it: that comes last.
_WITH_LAUNCHD = """\
runs() { launchctl print "system/$service" 2>/dev/null | grep -q '^[[:blank:]]state = running$'; }
restarts() { launchctl print "system/$service" 2>/dev/null | grep '^[[:blank:]]runs = '; }
start() {
    launchctl print "system/$service" >/dev/null 2>&1 || launchctl bootstrap system "$plist"
    launchctl kickstart "system/$service"
}
restart() { ! runs || launchctl kickstart -k "system/$service"; }
under_way() { launchctl print "system/$rescue" >/dev/null 2>&1; }
executables() { ps -axww -o comm=; }
keep() { ln -fhP -- "$1" "$2" || mv -fh -- "$1" "$2"; }
put() { mv -fh -- "$1" "$2"; }
finish() { rm -f -- "$job.plist"; launchctl bootout "system/${job##*/}"; }
"""


class ServiceError(SwarmError):
    """The service did not do what it was told to."""


class State(t.NamedTuple):
    """What the service manager says. ``running``: it serves, or will at any moment; ``hopeless``: it will not."""

    running: bool
    hopeless: bool
    text: str
    restarts: int


class ServiceControl(abc.ABC):
    """One service. Each service manager has a class of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        #: Whose rescue it is that is armed or disarmed here: of several tasks, one.
        self.owner = ""

    @abc.abstractmethod
    def state(self) -> State:
        """:raises OptionsError: There is no such service."""

    @abc.abstractmethod
    def stop(self, seconds: float) -> None:
        """Stop the service and wait for its end.

        :raises ServiceError: It did not end in time. It will be started when it does.
        """

    @abc.abstractmethod
    def start(self, seconds: float) -> None:
        """:raises ServiceError: It did not start."""

    @abc.abstractmethod
    def arm(self, seconds: int, path: str, saved: str, new: t.Optional[str]) -> None:
        """Let the host start the service by itself after some time, with ``saved`` as the file ``path`` again.

        This, and what ``arm_revert`` does, outlives a restart of the host.

        :param new: The SHA-256 of what the task writes where there was no file: that is set aside.
        """

    @abc.abstractmethod
    def disarm(self) -> bool:
        """Take that back. What another task has armed since stays; then this is false."""

    @abc.abstractmethod
    def arm_revert(self, seconds: int, path: str, old: str, roots: t.Sequence[str]) -> None:
        """Let the host put ``old`` in the place of the file ``path`` after some time, and restart the service.

        While a process runs whose executable begins with one of ``roots``, the restart waits.
        """

    @abc.abstractmethod
    def end_revert(self) -> None:
        """Take that back, also where it waits to restart the service."""

    @abc.abstractmethod
    def log(self) -> str:
        """The last lines that the service wrote, to be put into a text: see _written."""


_AT_ONCE = "Another task changes its settings at the same time: run this one again when that has ended."


def control(name: str) -> ServiceControl:
    """:raises OptionsError: The name is none, or this host has no service manager that is supported."""
    if not _NAME.fullmatch(name):
        raise OptionsError(f"service is {shown(name)}; it is the name of one service, such as swarm.")
    if sys.platform == "darwin":
        return Launchd(name)
    if os.path.isdir(_SYSTEMD_BOOTED):
        return Systemd(name)
    raise OptionsError(
        "service needs systemd or launchd, and this host runs neither. Leave service out, and stop and start Swarm by other"
        " tasks."
    )


def _script(manager: str, body: str, **values: str) -> str:
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()) + manager + body


class Systemd(ServiceControl):
    def __init__(self, name: str) -> None:
        super().__init__(name if re.search(r"\.[a-z]+$", name) else f"{name}.service")
        # systemd-run takes a suffix such as .service for the kind of the unit.
        plain = re.sub(r"[^A-Za-z0-9_-]", "-", self.name)
        self.rescue, self.revert = f"vray-swarm-rescue-{plain}", f"vray-swarm-revert-{plain}"

    def state(self) -> State:
        properties = "LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus"
        done = run_command("systemctl", "show", f"--property={properties}", "--", self.name)
        found = dict(line.partition("=")[::2] for line in done.output.splitlines())
        load, active, sub = (found.get(key, "") for key in ("LoadState", "ActiveState", "SubState"))
        if done.status != 0 or not active:
            raise ServiceError(f"systemctl show {self.name} failed: {done.error or done.output.strip()}")
        if load in ("not-found", "masked", "bad-setting", "error"):
            raise OptionsError(
                f"systemd says that the service {self.name} is {load}. Set service to the name of Swarm's service on this"
                " host; the playbook renderops.vray_swarm.discover finds it."
            )
        restarts = int(found["NRestarts"]) if found.get("NRestarts", "").isdigit() else 0
        text = f"{active} ({sub})"
        if active != "active" and found.get("Result", "success") != "success":
            text += f", {found['Result']}, status {found.get('ExecMainStatus')}"
        # A service that ended cleanly will not come back either.
        hopeless = active in ("failed", "inactive") or restarts >= _MANY_RESTARTS
        return State(active in ("active", "reloading", "refreshing"), hopeless, text, restarts)

    def stop(self, seconds: float) -> None:
        done = run_command("systemctl", "stop", "--", self.name, seconds=seconds)
        if done.status == 0:
            return
        state = self.state()
        # The start waits for the end of the service, however long that takes, and takes the place of the stop.
        run_command("systemctl", "start", "--no-block", "--", self.name)
        why = f"{seconds:g} s were not enough" if done.status is None else done.error.rstrip(".")
        raise ServiceError(
            f"{self.name} did not stop: {why}; systemd says {state.text}. systemd starts it again as soon as it has"
            f" ended. Nothing was written.{self._at_once(done.error)}"
        )

    def start(self, seconds: float) -> None:
        # Else systemd refuses a start after some failed ones.
        run_command("systemctl", "reset-failed", "--", self.name)
        done = run_command("systemctl", "start", "--", self.name, seconds=seconds)
        if done.status is None:
            raise ServiceError(
                f"{self.name} did not start: {seconds:g} s were not enough; systemd says {self.state().text}"
            )
        if done.status != 0:
            why = "another task changes its settings at the same time; " if self._at_once(done.error) else ""
            raise ServiceError(f"{self.name} did not start: {why}systemd says {self.state().text}")

    def arm(self, seconds: int, path: str, saved: str, new: t.Optional[str]) -> None:
        script = self._script(self.rescue, _RESCUE, file=path, saved=saved, new="yes" if new else "no")
        error = self._set_timer(self.rescue, f"Start {self.name} again, unless Ansible does", seconds, path, script)
        if error:
            raise ServiceError(
                f"the timer that would start {self.name} again could not be set ({error}), so it was not stopped."
                f"{self._at_once(error) or ' Does the task need become?'}"
            )

    def disarm(self) -> bool:
        self._remove_timer(self.rescue)
        return True

    def arm_revert(self, seconds: int, path: str, old: str, roots: t.Sequence[str]) -> None:
        script = self._script(self.revert, _REVERT, file=path, old=old)
        error = self._set_timer(self.revert, f"Take back the settings of {self.name}", seconds, path, script, *roots)
        if error:
            raise ServiceError(f"the timer that would take the change back could not be set: {error}")

    def end_revert(self) -> None:
        self._remove_timer(self.revert)

    @staticmethod
    def _at_once(error: str) -> str:
        """systemd has one unit of a name and one job for it: two tasks that change the same service find it out here."""
        return f" {_AT_ONCE}" if "already loaded" in error or "canceled" in error else ""

    def _script(self, timer: str, body: str, **values: str) -> str:
        unit, wanted = self._boot_files(timer)
        names = {"service": self.name, "rescue": self.rescue, "unit": unit, "wanted": wanted}
        return _script(_WITH_SYSTEMD, body, **names, **values)

    def _set_timer(self, timer: str, description: str, seconds: int, path: str, *script: str) -> str:
        """Let a script run after some time, or when the host starts again; say why that cannot be."""
        # What an earlier one does at the start of the host is replaced, so that there is always one of them.
        self._stop_timer(timer)
        done = run_command(
            "systemd-run",
            f"--unit={timer}",
            f"--description={description}",
            f"--on-active={seconds}",
            "--timer-property=AccuracySec=1s",
            "/bin/sh",
            "-c",
            *_words(*script),
        )
        if done.status != 0:
            return done.error or f"systemd-run ended with {done.status}"
        try:
            self._set_boot(timer, description, path, *script)
        except OSError as error:
            self._remove_timer(timer)
            return f"{error.filename}: {error.strerror}"
        return ""

    def _set_boot(self, timer: str, description: str, path: str, *script: str) -> None:
        unit, wanted = self._boot_files(timer)
        before = self.name
        if timer == self.rescue:
            # What an interrupted change did is put right before an older one is taken back.
            before += f" {self.revert}{_BOOT}"
        words = _words(_BOOT_ONLY.format(timer=timer) + script[0], *script[1:])
        text = _AT_BOOT.format(
            description=description,
            directory=_quoted(os.path.dirname(path)),
            before=before,
            words=" ".join(map(_quoted, words)),
        )
        with open(unit, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.makedirs(os.path.dirname(wanted), exist_ok=True)
        # Another task can have made it just now, to the same end.
        with contextlib.suppress(FileExistsError):
            os.symlink(unit, wanted)
        _sync_parents(unit, wanted)

    def _boot_files(self, timer: str) -> t.Tuple[str, str]:
        """The unit that runs at the start of the host, and the link that makes it do so."""
        name = f"{timer}{_BOOT}"
        return os.path.join(_UNITS, name), os.path.join(_UNITS, "multi-user.target.wants", name)

    def _remove_timer(self, timer: str) -> None:
        """Also while its script runs: whoever removes it knows better."""
        # First what would do it when the host starts again, perhaps weeks later: a task that dies here leaves the timer.
        left = [path for path in self._boot_files(timer) if os.path.lexists(path)]
        for path in reversed(left):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        _sync_parents(*left)
        self._stop_timer(timer)

    def _stop_timer(self, timer: str) -> None:
        done = run_command("systemctl", "stop", f"{timer}.timer", f"{timer}.service")
        # 5: there is none.
        if done.status not in (0, 5):
            raise ServiceError(f"the timer {timer}.timer could not be removed: {done.error}{self._at_once(done.error)}")
        run_command("systemctl", "reset-failed", f"{timer}.service", f"{timer}.timer")

    def log(self) -> str:
        done = run_command(
            "journalctl", "--no-pager", "-q", "-o", "cat", "-n", str(_LOG_LINES), "_SYSTEMD_UNIT=" + self.name
        )
        return marked(done.output.splitlines() if done.status == 0 else [])


class Launchd(ServiceControl):
    """A daemon of macOS. ``launchctl stop`` is no stop for a daemon that is to be kept alive: it is unloaded instead."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.target = f"system/{name}"
        self.rescue, self.revert = f"vray-swarm-rescue.{name}", f"vray-swarm-revert.{name}"

    def state(self) -> State:
        plist = self._plist()
        done = run_command("launchctl", "print", self.target)
        found = parse_launchctl(self.name, done.status or 0, done.output, None)
        if done.status is None or found["error"]:
            raise ServiceError(f"launchctl print {self.target} failed: {done.error or found['error']}")
        if done.status == _NOT_LOADED:
            if plist is None:
                raise OptionsError(
                    f"launchd does not know the service {self.name}, and no file in {_DAEMONS} has this label. Set service to"
                    " the label of Swarm's daemon on this host."
                )
            return State(False, True, "not loaded", 0)
        # Each run since it was loaded counts, the first one, too.
        runs = re.search(r"(?m)^\s*runs = (\d+)$", done.output)
        restarts = max(int(runs.group(1)) - 1, 0) if runs else 0
        code = re.search(r"(?m)^\s*last (?:exit code|terminating signal) = (.+)$", done.output)
        running = found["state"] == "running"
        text = str(found["detail"]) + (f", status {code.group(1)}" if code and not running else "")
        # What is to be kept alive is started again, ten seconds later.
        hopeless = restarts >= _MANY_RESTARTS or not (running or "scheduled" in str(found["detail"]))
        return State(running, hopeless, text, restarts)

    def stop(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        done = run_command("launchctl", "bootout", self.target, seconds=seconds)
        while self._is_loaded(self.target):
            over = time.monotonic() > until
            if over or done.status not in _BOOTOUT_GOES_ON:
                why = f"{seconds:g} s were not enough" if over else done.error or f"launchctl ended with {done.status}"
                raise ServiceError(
                    f"{self.name} did not stop: {why}; launchd says {self.state().text}. The host starts it again by"
                    " itself. Nothing was written."
                )
            time.sleep(_POLL)

    def start(self, seconds: float) -> None:
        state = self.state()
        if state.running:
            return
        until = time.monotonic() + seconds
        # So that its runs are counted anew.
        self.stop(seconds)
        done = self._bootstrap(until)
        if done.status == _DISABLED:
            run_command("launchctl", "enable", self.target)
            done = self._bootstrap(until)
        if done.status == 0:
            done = run_command("launchctl", "kickstart", self.target, seconds=max(until - time.monotonic(), 1))
        if done.status != 0:
            why = done.error or f"launchctl ended with {done.status}"
            raise ServiceError(f"{self.name} did not start: {why}")

    def arm(self, seconds: int, path: str, saved: str, new: t.Optional[str]) -> None:
        script = self._script(self.rescue, _RESCUE, file=path, saved=saved, new="yes" if new else "no")
        error = self._set_timer(self.rescue, seconds, script, self.owner)
        if error:
            raise ServiceError(
                f"the job that would start {self.name} again could not be set ({error}), so it was not stopped. Does the task"
                " need become?"
            )

    def disarm(self) -> bool:
        if not self._is_own(self.rescue):
            return False
        self._remove_timer(self.rescue)
        return True

    def arm_revert(self, seconds: int, path: str, old: str, roots: t.Sequence[str]) -> None:
        error = self._set_timer(self.revert, seconds, self._script(self.revert, _REVERT, file=path, old=old), *roots)
        if error:
            raise ServiceError(f"the job that would take the change back could not be set: {error}")

    def end_revert(self) -> None:
        self._remove_timer(self.revert)

    def log(self) -> str:
        """A daemon writes into the files that its property list names, if any."""
        plist = self._plist()
        if plist is None:
            return ""
        log = ""
        for key in ("StandardErrorPath", "StandardOutPath"):
            done = run_command("tail", "-n", str(_LOG_LINES), str(_read_plist(plist).get(key) or os.devnull))
            log = marked(done.output.splitlines())
            if log:
                break
        return log

    def _plist(self) -> t.Optional[str]:
        """The file of the daemon: named after its label by convention, not by rule."""
        usual = os.path.join(_DAEMONS, f"{self.name}.plist")
        if os.path.exists(usual):
            return usual
        names = sorted(os.listdir(_DAEMONS)) if os.path.isdir(_DAEMONS) else []
        paths = [os.path.join(_DAEMONS, name) for name in names if name.endswith(".plist")]
        return next((path for path in paths if _read_plist(path).get("Label") == self.name), None)

    def _is_loaded(self, target: str) -> bool:
        return run_command("launchctl", "print", target).status != _NOT_LOADED

    def _bootstrap(self, until: float) -> Done:
        return run_command(
            "launchctl", "bootstrap", "system", self._plist() or self.name, seconds=max(until - time.monotonic(), 1)
        )

    def _script(self, label: str, body: str, **values: str) -> str:
        job, plist = os.path.join(_DAEMONS, label), self._plist() or ""
        return _script(_WITH_LAUNCHD, body, service=self.name, rescue=self.rescue, plist=plist, job=job, **values)

    def _set_timer(self, label: str, seconds: int, *script: str) -> str:
        """Let a script run after some time; say why that cannot be. It is kept over a restart of the host.

        Where it cannot be, the timer that was there stays: another task may need it.
        """
        path = os.path.join(_DAEMONS, f"{label}.plist")
        # Not one of those that launchd loads at the start of the host.
        staged = f"{path}.new"
        job = {"Label": label, "ProgramArguments": ["/bin/sh", "-c", script[0], "sh", *script[1:]]}
        before = _read_plist(path)
        try:
            _write_plist(dict(job, StartInterval=seconds, RunAtLoad=False), staged)
            self._remove_timer(label)
            os.replace(staged, path)
        except OSError as error:
            return f"{path}: {error.strerror}"
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(staged)
        done = run_command("launchctl", "bootstrap", "system", path)
        if done.status == 0:
            return ""
        # Else it is loaded at the next start of the host.
        os.remove(path)
        if before:
            with contextlib.suppress(OSError):
                _write_plist(before, path)
                run_command("launchctl", "bootstrap", "system", path)
        return done.error or f"launchctl ended with {done.status}"

    def _is_own(self, label: str) -> bool:
        """Whether this task has set the timer that is there, if any is."""
        words = _read_plist(os.path.join(_DAEMONS, f"{label}.plist")).get("ProgramArguments")
        return not (self.owner and words) or words[-1] == self.owner

    def _remove_timer(self, label: str) -> None:
        done = run_command("launchctl", "bootout", f"system/{label}")
        until = time.monotonic() + _BOOTOUT_SECONDS
        while self._is_loaded(f"system/{label}"):
            if time.monotonic() > until or done.status not in _BOOTOUT_GOES_ON:
                raise ServiceError(f"the job {label} could not be removed: {done.error}")
            time.sleep(_POLL)
        try:
            os.remove(os.path.join(_DAEMONS, f"{label}.plist"))
        except FileNotFoundError:
            pass


def _words(script: str, *arguments: str) -> t.List[str]:
    """What /bin/sh -c is given. systemd replaces variables in a command line by itself."""
    return [word.replace("$", "$$") for word in (script, "sh", *arguments)]


def _quoted(word: str) -> str:
    """A word in a unit: systemd.syntax(7), "Quoting"."""
    for special, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("%", "%%")):
        word = word.replace(special, written)
    return f'"{word}"'


def _sync_parents(*paths: str) -> None:
    for directory in {os.path.dirname(path) for path in paths}:
        sync_directory(directory)


def _write_plist(content: t.Mapping[str, t.Any], path: str) -> None:
    # launchd takes no file that others may write to, and runs as root what is in it.
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o644)) as file:
        plistlib.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(path, 0o644)


def _read_plist(path: str) -> t.Dict[str, t.Any]:
    try:
        with open(path, "rb") as file:
            found = plistlib.load(file)
    except Exception:  # pylint: disable=broad-except
        # Of what somebody else wrote, anything can be wrong.
        return {}
    return found if isinstance(found, dict) else {}
