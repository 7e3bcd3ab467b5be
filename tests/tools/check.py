# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the checks of the project: all of them, a group or some by name.

    check.py                 all
    check.py unit lint       two groups
    check.py mypy            one check
    check.py --list          what there is

CHECKS below is the whole list. Each check runs in an environment of envs.py, a few at a time, with its output in
.build/logs/NAME.log; the end of the log is shown when it fails. Linters, ansible-test and the build see a copy
of the tree, so that they judge what is in git (or would be) and leave nothing behind in the checkout.
"""

from __future__ import annotations

import argparse
import configparser
import contextlib
import dataclasses
import functools
import hashlib
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Callable
from xml.etree import ElementTree

import envs

COLLECTION = Path("ansible_collections") / "renderops" / "vray_swarm"
HOME = envs.CACHE / "home"  # of ansible-test, which keeps its own environments there
# Checks wait as long as they compute: for hosts to start, for time limits, for one another's answers.
WORKERS = min(4, (os.cpu_count() or 1) + 1)
CANNOT = 3


@dataclasses.dataclass
class Count:
    """What a check is worth in the closing line, and what it left out."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Check:
    """One check: some commands, run one after the other until one fails.

    Words in braces stand for folders: {bin} of the environment, {copy} of the tree, {tests} of ansible-test's
    own copy, {logs}, {tmp}. A word that is nothing but {shell} becomes all shell scripts, and {tarball} the
    built collection.
    """

    name: str
    group: str
    env: str
    commands: tuple[str, ...]
    # The environment on a machine that has no Python for that one.
    instead: str = ""
    cwd: str = "{copy}"
    count: Callable[[int, Path], Count] | None = None
    environ: Callable[[Run, dict[str, str]], dict[str, str]] | None = None
    # What to ask first whether this machine can carry the check. It ends with status 3 if not, and prints why.
    needs: str = ""
    # Checks that use the same thing, such as the peers' port, never run at the same time.
    uses: str = ""
    # With a loopback of its own, where that can be had: no other program takes the ports of its peers.
    apart: bool = False
    # Not one of all: only where its name or its group is given.
    asked: bool = False
    # Only what hangs is stopped: a slow machine that has others at work needs four times what a good one does.
    minutes: float = 30


# -- what the checks count ------------------------------------------------------------------------------------


def count_one(status: int, log: Path) -> Count:
    """Most checks pass or fail as a whole."""
    return Count(passed=int(status == 0), failed=int(status != 0))


# What a test may lack even on a build server.
LACKS = re.compile(
    "multipart 2, which needs Python 3.10|ansible-core before 2.19 has none|IPv6|file system|root"
    "|curl knows no limit of that kind"
)


def count_pytest(status: int, log: Path) -> Count:
    """Each test counts. What was skipped is named with its reason; with CI=true, only LACKS is one."""
    report = log.with_suffix(".xml")
    count = Count()
    reasons: dict[str, int] = {}
    if report.exists():
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            skipped = case.find("skipped")
            if skipped is not None:
                reason = skipped.get("message") or "no reason given"
                reasons[reason] = reasons.get(reason, 0) + 1
                if os.environ.get("CI") == "true" and not LACKS.search(reason):
                    count.failed += 1
                else:
                    count.skipped += 1
            elif case.find("failure") is not None or case.find("error") is not None:
                count.failed += 1
            else:
                count.passed += 1
    if status != 0 and not count.failed:
        count.failed = 1
    count.notes = [f"{number} skipped: {reason}" for reason, number in reasons.items()]
    return count


def count_ansible_test(status: int, log: Path) -> Count:
    """ansible-test names in warnings what it leaves out."""
    text = log.read_text(encoding="utf-8", errors="replace")
    if not re.search(r"^Running ", text, re.MULTILINE):
        return Count(failed=1, notes=["no test was run"])
    count = count_one(status, log)
    warnings = re.findall(r"^WARNING: ((?:Skipping|Skipped|Excluding|Excluded) .*)$", text, re.MULTILINE)
    count.notes = list(dict.fromkeys(warnings))
    count.skipped = len(count.notes)
    return count


def count_importer(status: int, log: Path) -> Count:
    """galaxy-importer ends with 0 whatever it warns of."""
    text = log.read_text(encoding="utf-8", errors="replace")
    warnings = re.findall(r"^(?:WARNING|ERROR|CRITICAL): .*$", text, re.MULTILINE)
    count = count_one(status or len(warnings), log)
    count.notes = warnings
    return count


# -- what the checks need around them -------------------------------------------------------------------------


class Run:
    """One run of some checks: the copies of the tree, and what belongs to all."""

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.copy = tmp / "copy" / COLLECTION
        self.lock = threading.Lock()
        self.copied = False

    def temporary(self, name: str) -> Path:
        """A check's own /tmp, as open as that: what is killed on purpose in a test leaves files there."""
        folder = self.tmp / "tmp" / name
        folder.mkdir(parents=True)
        folder.chmod(0o1777)
        return folder

    def copy_tree(self, made: envs.Made) -> Path:
        """The one copy that all linters read."""
        with self.lock:
            if not self.copied:
                copy_tree(self.copy)
                envs.link_collections(made, self.tmp / "copy")
                self.copied = True
        return self.copy


def project_files() -> list[str]:
    """The files that are in git or would be after `git add --all`."""
    # The owner of a checkout in a container is often somebody else: git refuses that without safe.directory.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=envs.ROOT, env=envs.clean_environ(), capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"error: git ls-files: {done.stderr.decode(errors='replace').strip()}")
    names = sorted(set(os.fsdecode(done.stdout).split("\0")) - {""})
    # A file that was deleted but is still in the index is not there.
    return [name for name in names if os.path.lexists(envs.ROOT / name)]


def copy_tree(target: Path) -> None:
    """Copy the project's files: ansible-test refuses a linked checkout, and writes into the one that it has."""
    for name in project_files():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(envs.ROOT / name, path, follow_symlinks=False)


def shell_scripts(folder: Path) -> list[str]:
    """All shell scripts, by their first line."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as script:
                if re.match(rb"#!.*\b(?:ba|da|k)?sh\b", script.readline(200)):
                    found.append(str(path.relative_to(folder)))
    return found


def in_copy(run: Run, environ: dict[str, str]) -> dict[str, str]:
    """The tools see the copy as the installed collection."""
    tests = run.copy / "tests"
    environ.update(
        ANSIBLE_COLLECTIONS_PATH=str(run.tmp / "copy"),
        ANSIBLE_HOME=str(run.tmp / "ansible"),
        ANSIBLE_LOCAL_TEMP=str(run.tmp / "ansible" / "tmp"),
        MYPYPATH=os.pathsep.join(
            str(path)
            for path in (
                run.tmp / "copy",
                *(tests / name for name in ("bench", "bench/clients", "lab", "peer", "tools")),
                *(tests / "doubles" / name for name in ("", "macos", "macos/site", "windows")),
            )
        ),
        # The copy is what others judge, too.
        PYTHONDONTWRITEBYTECODE="1",
        GALAXY_IMPORTER_ANSIBLE_LOCAL_TMP=str(run.tmp / "ansible" / "tmp"),
        GALAXY_IMPORTER_RUN_FLAKE8="false",  # ruff does it, with the project's line length
        GALAXY_IMPORTER_RUN_ANSIBLE_TEST="false",  # it wants a container engine; `sanity` is the same
    )
    environ.pop("PYTHONPATH")
    return environ


def for_ansible_test(run: Run, environ: dict[str, str]) -> dict[str, str]:
    """A home of its own, with what ansible-test would download, and real Pythons first in PATH."""
    environ.pop("PYTHONPATH")
    environ.pop("ANSIBLE_COLLECTIONS_PATH")
    environ.pop("ANSIBLE_CONFIG")
    bin_folder = environ["PATH"].split(os.pathsep)[0]
    # No shims: what PATH holds on this machine is left out, but for the usual folders.
    path = [str(HOME / "pythons"), bin_folder, "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    environ.update(HOME=str(HOME), PATH=os.pathsep.join(path))
    with run.lock:
        make_home(bin_folder)
    return environ


LOOPBACK = """\
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    SIOCSIFFLAGS, IFF_UP = 0x8914, 1
    fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
os.execvp(sys.argv[1], sys.argv[1:])
"""


@functools.lru_cache(maxsize=1)
def apart() -> tuple[str, ...]:
    """What starts a command in a network of its own, which has a loopback and nothing else. Nothing, if it cannot."""
    command = ("unshare", "--net", "--", sys.executable, "-I", "-c", LOOPBACK)
    with contextlib.suppress(OSError):
        done = subprocess.run([*command, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode == 0:
            return command
    return ()


def in_own_lab(part: str, run: Run, environ: dict[str, str]) -> dict[str, str]:
    """A lab that neither `make lab` nor the tests of another checkout have. A later run removes what a crash left."""
    environ["LAB_NAME"] = f"test-{part}-{hashlib.sha256(str(envs.ROOT).encode()).hexdigest()[:8]}"
    return environ


GET_PIP = """\
# ansible-test starts this in place of the get-pip that it would download: pip from the Python itself comes first.
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install"] + arguments))
"""


def make_home(bin_folder: str) -> None:
    """Fill the home of ansible-test. It is kept: ansible-test finds the environments of the last run there."""
    links = HOME / "pythons"
    links.mkdir(parents=True, exist_ok=True)
    wanted = {f"python{python.minor}": python.path for python in reversed(envs.find_pythons()) if python.can_venv}
    shellcheck = envs.make("lint").bin / "shellcheck"
    wanted["shellcheck"] = str(shellcheck)
    for name, target in wanted.items():
        link = links / name
        if not (link.is_symlink() and os.readlink(link) == target):
            new = links / f".{name}.{os.getpid()}"
            new.symlink_to(target)
            os.replace(new, link)
    for link in links.iterdir():
        if link.name not in wanted:
            link.unlink()
    # Each ansible-core asks for the get-pip of the pip versions that it names.
    cache = HOME / ".ansible" / "test" / "cache"
    library = Path(bin_folder).parent / "lib"
    for source in library.glob("python3*/site-packages/ansible_test/_internal/python_requirements.py"):
        for version in re.findall(r"\bpip='([0-9.]+)'", source.read_text(encoding="utf-8")):
            write(cache / f"get_pip_{version.replace('.', '_')}.py", GET_PIP)
    # ansible-test hands down no PIP_ variable and looks for the settings of pip in its home.
    settings = configparser.ConfigParser(interpolation=None)
    user = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "pip" / "pip.conf"
    settings.read([Path.home() / ".pip" / "pip.conf", user], encoding="utf-8")
    if not settings.has_section("global"):
        settings.add_section("global")
    for name, value in os.environ.items():
        if name.startswith("PIP_") and name not in ("PIP_CONFIG_FILE", "PIP_REQUIRE_VIRTUALENV"):
            settings.set("global", name[4:].lower().replace("_", "-"), value)
    # Its progress would fill the end of the log, which is what is shown after a failure.
    settings.set("global", "quiet", "2")
    text = io.StringIO()
    settings.write(text)
    write(HOME / ".config" / "pip" / "pip.conf", text.getvalue())


def write(path: Path, text: str) -> None:
    """Write a file that another run may be reading. It can hold a password of a package index."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(new, path)


def old_python() -> str:
    """The oldest Python that peers may have, where this machine has it. Of the tested cores only the oldest knows it."""
    try:
        return str(envs.make("peer").bin / "python")
    except (envs.NoPython, envs.MakeFailed):
        return ""


# -- the list -------------------------------------------------------------------------------------------------

PYTEST = "{bin}/python -m pytest -q -ra -p no:cacheprovider --junitxml={report}"
QUICK = "-m 'not slow'"
ANSIBLE_TEST = "{bin}/python {bin}/ansible-test"


def unit(env: str, tests: str = "tests/unit", name: str = "", asked: bool = False) -> Check:
    return Check(
        name=name or f"unit-{env}",
        group="unit",
        env=env,
        commands=(f"{PYTEST} {QUICK} {tests}",),
        cwd="{root}",
        count=count_pytest,
        apart=True,
        asked=asked,
        # They take 40 on two cores that have the labs beside them.
        minutes=75,
    )


def ansible_test(kind: str, env: str, uses: str = "", more: str = "") -> Check:
    return Check(
        name=f"{kind}-{env}",
        group=kind,
        env=env,
        commands=(f"{ANSIBLE_TEST} {kind} --local --color no --truncate 0{more}",),
        cwd="{own}",
        environ=for_ansible_test,
        count=count_ansible_test,
        uses=uses,
        # Sanity asks for the parts of its tests.
        apart=kind == "integration",
        minutes=45,
    )


def lint(
    name: str,
    *commands: str,
    env: str = "lint",
    cwd: str = "{copy}",
    count: Callable[[int, Path], Count] | None = None,
) -> Check:
    return Check(name=name, group="lint", env=env, commands=commands, cwd=cwd, environ=in_copy, count=count)


def on_lab(part: str, scenarios: str, env: str = "default", instead: str = "") -> Check:
    """Some scenarios on real hosts. A build server installs what they need; others are told."""
    install = " --install" if os.environ.get("CI") == "true" else ""
    return Check(
        name=f"lab-{part}",
        group="lab",
        env=env,
        instead=instead,
        needs=f"{{bin}}/python tests/lab/lab.py needs{install}",
        commands=(f"{{bin}}/python tests/lab/lab.py test -q -ra --junitxml={{report}} -k '{scenarios}'",),
        cwd="{root}",
        count=count_pytest,
        environ=functools.partial(in_own_lab, part),
        minutes=60,
    )


# Roles on doubles take most of the time, and give each ansible-core the same tasks over and over. The oldest one has the
# workflows, what it takes to come to each task of a role once, and each action on a double once. What becomes of builds that
# nobody saw deployed, its lab has on real hosts.
OLDEST_HAS = (
    "macos/test_hostile.py",
    "macos/test_repair.py::test_what_is_less_full_than_on_most_peers_is_deployed_again",
    "macos/test_window.py",
    "macos/test_workflow.py",
    "windows/test_awaited.py::test_what_was_queued_is_followed_to_its_end_also_where_swarm_is_killed",
    "windows/test_build_info.py::test_it_tells_what_the_module_tells",
    "windows/test_look.py::test_a_look_tells_all_in_two_round_trips",
    "windows/test_look.py::test_discover_asks_all_who_listen_at_once",
    "windows/test_publish.py",
    "windows/test_repair.py::test_half_a_build_is_removed_and_sent_again",
    "windows/test_repair.py::test_what_is_deployed_anew_and_less_full_again_is_not_advised_to_be_so_once_more",
    "windows/test_results.py",
    "windows/test_settings.py::test_swarm_is_stopped_set_and_started",
    "windows/test_try.py::test_the_whole_workflow_twice_and_nothing_is_left",
    "windows/test_upload.py::test_the_controller_sends_and_looks_only_where_it_must",
    "windows/test_upload_faults.py::test_what_a_task_returns",
    "windows/test_workflow.py",
)


def for_oldest() -> str:
    """What it has of the roles on doubles, and all other folders that an ansible-core can matter to."""
    folder = envs.ROOT / "tests" / "unit"
    folders = {path.relative_to(folder).parts[0] for path in folder.glob("*/**/test_*.py")}
    names = [*sorted(folders - {"docs", "macos", "peer", "windows"}), *OLDEST_HAS]
    return " ".join(f"tests/unit/{name}" for name in names)


# The long ones first. The two labs have about as much to do; what one has, the other has not. What the oldest ansible-core
# has of the roles on doubles is little, so that it has one of the labs.
CHECKS = (
    on_lab("share", "test_distribute or test_share"),
    on_lab("peers", "not (test_distribute or test_share)", env="oldest", instead="default"),
    unit("newest"),
    ansible_test("integration", "newest", uses="port 1113"),
    # What comes over the wire is the same for each ansible-core; and the lab of the oldest has builds, settings and fleets.
    ansible_test(
        "integration",
        "oldest",
        uses="port 1113",
        more="".join(f" --exclude {name}" for name in ("role_builds", "settings", "upload_faults", "upload_fleet")),
    ),
    # Nor does it matter to what a program of the host sends, to texts and to properties of functions: all of that is
    # tested with the newest, and what runs on peers with their oldest Python, too.
    unit("oldest", f"{for_oldest()} --ignore-glob '*_properties.py'"),
    ansible_test("sanity", "oldest"),
    ansible_test("sanity", "newest"),
    # For `make unit`. Of all checks, the units above have all of these; another ansible-core can only matter to what it
    # runs, and the other lab and the demo have it, too.
    unit("default", "tests/unit --ignore tests/unit/windows --ignore tests/unit/macos", asked=True),
    unit("default", "tests/unit/plugins/action tests/unit/plugins/filter tests/unit/plugins/modules", "unit-actions"),
    Check(
        "memory",
        "unit",
        "default",
        (f"{PYTEST} -m slow tests/unit/plugins/modules",),
        cwd="{root}",
        count=count_pytest,
        apart=True,
    ),
    # What runs on peers has Python 3.7 and no Ansible beside it.
    unit("peer", "tests/unit/plugins/module_utils"),
    Check(
        "demo",
        "demo",
        "default",
        ("{bin}/python tests/demo/demo.py demo",),
        cwd="{root}",
        uses="port 1113",
        apart=True,
    ),
    lint(
        "galaxy",
        "{bin}/ansible-galaxy collection build --force --output-path {tmp}/galaxy {copy}",
        "{bin}/python -m galaxy_importer.main {tarball}",
        env="importer",
        # The importer leaves its result where it runs.
        cwd="{tmp}",
        count=count_importer,
    ),
    lint("ansible-lint", "{bin}/ansible-lint --profile production --strict --offline --nocolor"),
    lint(
        "antsibull-docs",
        "{bin}/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all"
        " --disallow-unknown-collection-refs {copy}",
    ),
    lint(
        "mypy",
        "{bin}/mypy --config-file {copy}/pyproject.toml {copy}/plugins {copy}/tests/peer/swarm_peer {copy}/tests/tools"
        " {copy}/tests/lab {copy}/tests/bench {copy}/tests/doubles",
        # Not in the collection: plugins/ must be found under one name only.
        cwd="{tmp}/copy",
    ),
    lint("ruff", "{bin}/ruff check --no-cache", "{bin}/ruff format --no-cache --diff"),
    lint("yamllint", "{bin}/yamllint --strict --format parsable ."),
    lint("antsibull-changelog", "{bin}/antsibull-changelog lint"),
    lint("reuse", "{bin}/reuse lint"),
    lint("shellcheck", "{bin}/shellcheck {shell}"),
    lint(
        "powershell",
        "{bin}/python tests/tools/powershell.py",
        # Of the environments, only this one has the parser.
        f"{PYTEST} tests/tools",
        count=count_pytest,
    ),
)


# -- running them ---------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Result:
    check: Check
    count: Count
    seconds: float
    status: str  # ok, FAILED, skipped
    log: Path | None = None


def make_environment(check: Check) -> envs.Made:
    try:
        return envs.make(check.env, say=say)
    except envs.NoPython:
        if not check.instead:
            raise
        return envs.make(check.instead, say=say)


def last_line(log: Path) -> str:
    return (log.read_text(encoding="utf-8", errors="replace").splitlines() or [""])[-1]


class Runner:
    """Runs some checks at a time and prints one line for each."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.state = threading.Condition()
        self.in_use: set[str] = set()
        self.processes: set[subprocess.Popen[bytes]] = set()
        self.results: list[Result] = []
        self.stopped = False

    def run_all(self, checks: list[Check]) -> list[Result]:
        self.waiting = list(checks)
        workers = [threading.Thread(target=self.work, daemon=True) for dummy in range(min(WORKERS, len(checks)))]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                worker.join()
        except BaseException:
            self.stop()
            raise
        return self.results

    def work(self) -> None:
        while True:
            with self.state:
                while True:
                    if self.stopped or not self.waiting:
                        return
                    ready = [check for check in self.waiting if check.uses not in self.in_use]
                    if ready:
                        break
                    self.state.wait()
                check = ready[0]
                self.waiting.remove(check)
                if check.uses:
                    self.in_use.add(check.uses)
            try:
                result = self.run_check(check)
            except Exception as error:  # a fault of this file must not look like a pass
                result = Result(check, Count(failed=1, notes=[f"{type(error).__name__}: {error}"]), 0, "FAILED")
            with self.state:
                self.in_use.discard(check.uses)
                self.results.append(result)
                self.state.notify_all()
                if not self.stopped:
                    show(result)

    def run_check(self, check: Check) -> Result:
        try:
            made = make_environment(check)
            envs.make_collections(made)
        except envs.NoPython as error:
            if error.can_install and os.environ.get("CI") == "true":
                return Result(check, Count(failed=1, notes=[str(error)]), 0, "FAILED")
            return Result(check, Count(skipped=1, notes=[str(error)]), 0, "skipped")
        except envs.MakeFailed as error:
            return Result(check, Count(failed=1, notes=[str(error)]), 0, "FAILED", error.log)
        start = time.monotonic()
        log = envs.LOGS / f"{check.name}.log"
        report = log.with_suffix(".xml")
        report.unlink(missing_ok=True)
        words = {
            "root": str(envs.ROOT),
            "bin": str(made.bin),
            "tmp": str(self.run.tmp),
            "report": str(report),
            "copy": str(self.run.copy),
            "own": str(self.run.tmp / check.name / COLLECTION),
        }
        if check.cwd == "{own}":
            copy_tree(Path(words["own"]))
            envs.link_collections(made, self.run.tmp / check.name)
            # Integration targets find the reference peer and a Python for it here.
            config = Path(words["own"]) / "tests" / "integration" / "integration_config.yml"
            config.parent.mkdir(parents=True, exist_ok=True)
            config.write_text(
                f"---\nvray_swarm_test_root: {words['own']}\nvray_swarm_test_python: {made.bin / 'python'}\n"
                f"vray_swarm_test_old_python: {old_python() if check.env == 'oldest' else ''}\n",
                encoding="utf-8",
            )
        else:
            self.run.copy_tree(made)
        environ = {**envs.environ_for(made), "TMPDIR": str(self.run.temporary(check.name))}
        if check.environ:
            environ = check.environ(self.run, environ)
        status = 0
        with open(log, "wb") as output:
            if check.needs:
                status = self.run_command(self.expand(check.needs, words), check, words, environ, output)
                if status == CANNOT:
                    return Result(check, Count(skipped=1, notes=[last_line(log)]), 0, "skipped")
            for command in check.commands if status == 0 else ():
                status = self.run_command(self.expand(command, words), check, words, environ, output)
                if status != 0:
                    break
        count = (check.count or count_one)(status, log)
        return Result(check, count, time.monotonic() - start, "FAILED" if count.failed else "ok", log)

    def expand(self, command: str, words: dict[str, str]) -> list[str]:
        expanded: list[str] = []
        for word in shlex.split(command):
            if word == "{shell}":
                expanded += shell_scripts(self.run.copy)
            elif word == "{tarball}":
                expanded += [str(path) for path in sorted((self.run.tmp / "galaxy").glob("*.tar.gz"))]
            else:
                expanded.append(word.format_map(words))
        return expanded

    def run_command(
        self, command: list[str], check: Check, words: dict[str, str], environ: dict[str, str], output: BinaryIO
    ) -> int:
        output.write(f"$ {shlex.join(command)}\n".encode())
        output.flush()
        around = apart() if check.apart else ()
        with self.state:
            if self.stopped:
                return 1
            process = subprocess.Popen(
                [*around, *command],
                cwd=check.cwd.format_map(words),
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.processes.add(process)
        try:
            return process.wait(timeout=check.minutes * 60)
        except subprocess.TimeoutExpired:
            output.write(f"stopped after {check.minutes:g} minutes\n".encode())
            return 124
        finally:
            end(process)
            with self.state:
                self.processes.discard(process)

    def stop(self) -> None:
        with self.state:
            self.stopped = True
            for process in self.processes:
                end(process)
            self.state.notify_all()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it left behind in its own session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


printing = threading.Lock()


def say(text: str) -> None:
    with printing:
        print(text, flush=True)


def show(result: Result) -> None:
    """One line, then what was left out, then the end of the log if it failed."""
    lines = [f"{result.status:<8} {result.check.name:<20} {result.seconds:6.1f} s"]
    count = result.count
    if result.check.count is count_pytest and result.status != "skipped":
        lines[0] += f"   {count.passed} tests passed" + (f", {count.failed} failed" if count.failed else "")
    lines += [f"         - {note}" for note in count.notes]
    if result.status == "FAILED" and result.log:
        lines.append(f"    The end of {os.path.relpath(result.log, envs.ROOT)}:")
        lines.append(envs.tail(result.log, 40))
    say("\n".join(lines))


@contextlib.contextmanager
def temporary_folder(keep: bool) -> Iterator[Path]:
    # Outside the checkout: ansible-test takes the git of a folder above for its own.
    tmp = Path(os.path.realpath(tempfile.mkdtemp(prefix="vray_swarm-")))
    # Some tests are another user for a while.
    tmp.chmod(0o711)
    try:
        yield tmp
    finally:
        if keep:
            say(f"Kept: {tmp}")
        else:
            shutil.rmtree(tmp, ignore_errors=True)


def select(names: list[str]) -> list[Check]:
    known = {check.name for check in CHECKS} | {check.group for check in CHECKS}
    for name in names:
        if name not in known:
            raise SystemExit(f"error: no check or group {name}; there are: {' '.join(sorted(known))}")
    if not names:
        return [check for check in CHECKS if not check.asked]
    return [check for check in CHECKS if check.name in names or check.group in names]


def terminated(number: int, frame: object) -> None:
    """Leave by way of the clean-up."""
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="check.py", description="Run the checks of the project.")
    parser.add_argument("names", nargs="*", help="checks or groups; all when none is given")
    parser.add_argument("--list", action="store_true", help="show what there is")
    parser.add_argument("--keep", action="store_true", help="keep the copies of the tree")
    args = parser.parse_args()
    checks = select(args.names)
    if args.list:
        for check in checks:
            print(f"{check.group:<12} {check.name:<20} {check.env}")
        return 0
    if not shutil.which("git"):
        raise SystemExit("error: git is missing: install it (Debian: apt-get install git)")
    signal.signal(signal.SIGTERM, terminated)
    envs.LOGS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    try:
        with temporary_folder(args.keep) as tmp:
            results = Runner(Run(tmp)).run_all(checks)
    except KeyboardInterrupt:
        return 130
    failed = [result.check.name for result in results if result.status == "FAILED"]
    print(f"\n{len(results)} checks in {time.monotonic() - start:.0f} s; logs in .build/logs")
    if failed:
        print(f"Failed: {' '.join(sorted(failed))}")
    print("Each unit test counts as one below, and so does each other check, and each thing that was left out.")
    total = [sum(getattr(result.count, what) for result in results) for what in ("passed", "failed", "skipped")]
    print("{} passed, {} failed, {} skipped".format(*total), flush=True)
    return 1 if failed or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
