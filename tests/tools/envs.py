# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the Pythons of this machine and make the environments that the tests and the demo run in.

    envs.py list                  the environments, and the Python that each would get
    envs.py make NAME             make one and print its folder
    envs.py run NAME COMMAND...   run a command (or a .py file) in one

Environments are slow to make, so they are kept outside the checkout, in $XDG_CACHE_HOME/renderops-vray_swarm/envs.
Their names carry a hash of what is in them: a change of a requirements file or of the Python makes a new one.
The collections that this one depends on are kept beside them; they come from PyPI, too, so that Galaxy is not needed.
Only the standard library is used here: this file runs before anything is installed.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import fcntl
import functools
import glob
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
TREE = BUILD / "tree"
LOGS = BUILD / "logs"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "renderops-vray_swarm"
REQUIREMENTS = Path(__file__).resolve().parent / "requirements"
UNUSED_DAYS = 30
# What each Python of an environment for modules imports at its start, and the folder that it writes to.
KEPT_BYTECODE = Path(__file__).resolve().parent / "kept_bytecode.py"
# What galaxy.yml names.
DEPENDENCIES = ("ansible/posix", "ansible/windows")


@dataclasses.dataclass(frozen=True)
class Env:
    """One environment: which Pythons it can have, best first. `own` puts the running Python first if it is listed.

    In one for `modules`, Ansible runs some hundred of them: what it compiles of these is kept.
    """

    name: str
    pythons: tuple[str, ...]
    own: bool = False
    modules: bool = False

    @property
    def requirements(self) -> Path:
        return REQUIREMENTS / f"{self.name}.txt"


ENVS = {
    env.name: env
    for env in (
        Env("default", ("3.13", "3.12", "3.14", "3.11", "3.10"), own=True, modules=True),
        Env("oldest", ("3.11", "3.12", "3.10"), modules=True),  # what ansible-core 2.16 supports on the controller
        Env("newest", ("3.13", "3.12", "3.14"), modules=True),  # what ansible-core 2.21 supports on the controller
        Env("bench", ("3.13", "3.12", "3.14", "3.11", "3.10"), own=True),
        Env("peer", ("3.7", "3.8", "3.9")),
        Env("lint", ("3.11", "3.12", "3.13"), own=True),
        Env("importer", ("3.11", "3.12", "3.13"), own=True),
    )
}


class NoPython(Exception):
    """No Python on this machine can carry the environment. `can_install`: its own packages lack only a part."""

    def __init__(self, message: str, can_install: bool = False) -> None:
        super().__init__(message)
        self.can_install = can_install


class MakeFailed(Exception):
    """Making the environment failed; the log says why."""

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(message)
        self.log = log


@dataclasses.dataclass(frozen=True)
class Python:
    """A Python that was run and answered."""

    path: str
    version: str  # 3.11.7
    can_venv: bool

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


@dataclasses.dataclass(frozen=True)
class Made:
    """An environment that is ready."""

    env: Env
    path: Path
    python: Python
    seconds: float  # what making it took; 0 when it was there

    @property
    def bin(self) -> Path:
        return self.path / "bin"


PROBE = """
import json, os, sys
try:
    import ensurepip, venv
    can_venv = True
except ImportError:
    can_venv = False
version = ".".join(str(part) for part in sys.version_info[:3])
print(json.dumps([os.path.realpath(sys.executable), version, can_venv]))
"""


def probe(candidate: str) -> Python | None:
    """Run a candidate: a shim of pyenv can be there and yet start nothing."""
    try:
        done = subprocess.run(
            [candidate, "-I", "-c", PROBE], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True
        )
        path, version, can_venv = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Python(path, version, can_venv)


@functools.cache
def find_pythons() -> tuple[Python, ...]:
    """All Pythons 3 of this machine, each once, in the order of PATH, then pyenv's, then the usual places."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv")
    folders += sorted(glob.glob(f"{glob.escape(pyenv)}/versions/*/bin"), reverse=True)
    folders += ["/usr/local/bin", "/usr/bin", *sorted(glob.glob("/opt/*/bin"))]
    candidates = {os.path.realpath(sys.executable): None}
    for folder in folders:
        for name in ["python3", *(f"python3.{minor}" for minor in range(7, 20))]:
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK):
                candidates.setdefault(os.path.realpath(path))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = [python for python in pool.map(probe, candidates) if python]
    return tuple({python.path: python for python in found}.values())


def choose_python(env: Env) -> Python:
    """The best Python for an environment, or NoPython with what to install."""
    wanted = list(env.pythons)
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if env.own and own in wanted:
        wanted.insert(0, own)
    pythons = find_pythons()
    for minor in wanted:
        for python in pythons:
            if python.minor == minor and python.can_venv:
                return python
    bare = [python.minor for python in pythons if python.minor in wanted]
    if bare:
        hint = f"Python {bare[0]} has no venv: install it (Debian: apt-get install python{bare[0]}-venv)"
        raise NoPython(hint, can_install=True)
    versions = sorted(env.pythons, key=lambda version: int(version.split(".")[1]))
    raise NoPython(f"no Python {', '.join(versions[:-1])} or {versions[-1]} on this machine")


def make(name: str, say: Callable[[str], None] | None = None) -> Made:
    """Make an environment, or take the one that is there."""
    env = ENVS[name]
    python = choose_python(env)
    text = env.requirements.read_text(encoding="utf-8")
    if env.modules:
        text += KEPT_BYTECODE.read_text(encoding="utf-8")
    key = hashlib.sha256("\0".join([text, python.version, python.path]).encode()).hexdigest()[:12]
    path = CACHE / "envs" / f"{name}-py{python.minor}-{key}"
    marker = path / ".ready"
    path.parent.mkdir(parents=True, exist_ok=True)
    # One process makes it, others wait. What was interrupted carries no marker and is made anew.
    with open(path.parent / f"{path.name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists() and probe(str(path / "bin" / "python")):
            marker.touch()
            return Made(env, path, python, 0.0)
        if say:
            say(f"Making the environment {name} ...")
        start = time.monotonic()
        forget_unused()
        shutil.rmtree(path, ignore_errors=True)
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / f"env-{name}.log"
        pip = [str(path / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
        with open(log, "w", encoding="utf-8") as output:
            for command in (
                [python.path, "-m", "venv", str(path)],
                [*pip, "--requirement", str(env.requirements)],
            ):
                output.write(f"$ {shlex.join(command)}\n")
                output.flush()
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=clean_environ(),
                    check=False,
                )
                if done.returncode != 0:
                    raise MakeFailed(f"the environment {name} could not be made", log)
        if env.modules:
            keep_bytecode(path, python)
        marker.touch()
        return Made(env, path, python, time.monotonic() - start)


def keep_bytecode(path: Path, python: Python) -> None:
    """Let the Pythons of an environment keep what they compile of zip files."""
    packages = path / "lib" / f"python{python.minor}" / "site-packages"
    shutil.copy(KEPT_BYTECODE, packages)
    (packages / f"{KEPT_BYTECODE.stem}.pth").write_text(f"import {KEPT_BYTECODE.stem}\n", encoding="utf-8")
    (path / "kept-bytecode").mkdir()


def make_collections(made: Made) -> Path:
    """Get the collections that this one depends on, with the pip of an environment, or take those that are there."""
    requirements = REQUIREMENTS / "collections.txt"
    text = requirements.read_text(encoding="utf-8")
    key = hashlib.sha256("\0".join([text, *DEPENDENCIES]).encode()).hexdigest()[:12]
    path = CACHE / "collections" / key
    marker = path / ".ready"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.parent / f"{path.name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists():
            marker.touch()
            return path
        forget_unused()
        shutil.rmtree(path, ignore_errors=True)
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / "env-collections.log"
        with tempfile.TemporaryDirectory() as folder, open(log, "w", encoding="utf-8") as output:
            # It is unpacked and never installed, so it does not matter which Python it is for.
            command = [str(made.bin / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
            command += ["--no-deps", "--only-binary=:all:", "--python-version=3.12", "--dest", folder]
            done = subprocess.run(
                [*command, "--requirement", str(requirements)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=clean_environ(),
                check=False,
            )
            wheels = list(Path(folder).glob("*.whl"))
            if done.returncode != 0 or not wheels:
                raise MakeFailed("the collections that this one depends on could not be downloaded", log)
            prefixes = tuple(f"ansible_collections/{name}/" for name in DEPENDENCIES)
            with zipfile.ZipFile(wheels[0]) as wheel:
                wheel.extractall(path, [name for name in wheel.namelist() if name.startswith(prefixes)])
        marker.touch()
        return path


def link_collections(made: Made, tree: Path) -> None:
    """Put them into a folder for ANSIBLE_COLLECTIONS_PATH, as if they were installed there."""
    link(tree / "ansible_collections" / "ansible", str(make_collections(made) / "ansible_collections" / "ansible"))


def link(path: Path, target: str) -> None:
    """Make a symbolic link that another run may be using, and another thread of this one may be making."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (path.is_symlink() and os.readlink(path) == target):
        new = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
        new.symlink_to(target)
        os.replace(new, path)


def forget_unused() -> None:
    """Remove environments and collections of earlier requirements that nobody has used for long."""
    for folder in ("envs", "collections"):
        for marker in (CACHE / folder).glob("*/.ready"):
            if time.time() - marker.stat().st_mtime > UNUSED_DAYS * 86400:
                shutil.rmtree(marker.parent, ignore_errors=True)


def clean_environ() -> dict[str, str]:
    """The environment of this process without what would change results from one machine to the next."""
    prefixes = ("ANSIBLE_", "GALAXY_IMPORTER_", "GIT_", "MYPY", "PYTEST_", "PYENV_", "RUFF_", "__PYVENV")
    names = {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONWARNINGS", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL"}
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes) and name not in names}


def make_tree(made: Made) -> Path:
    """The folder for ANSIBLE_COLLECTIONS_PATH, in which the collection is a link to the checkout."""
    path = TREE / "ansible_collections" / "renderops" / "vray_swarm"
    # Relative, so that the checkout can be moved.
    link(path, os.path.relpath(ROOT, path.parent))
    link_collections(made, TREE)
    # Without a configuration of our own Ansible would read the user's.
    config = BUILD / "ansible.cfg"
    if not config.exists():
        config.touch()
    return TREE


def environ_for(made: Made) -> dict[str, str]:
    """The environment variables for a command that runs in an environment."""
    tree = make_tree(made)
    environ = clean_environ()
    environ.update(
        PATH=os.pathsep.join([str(made.bin), environ.get("PATH", os.defpath)]),
        VIRTUAL_ENV=str(made.path),
        ANSIBLE_COLLECTIONS_PATH=str(tree),
        ANSIBLE_CONFIG=str(BUILD / "ansible.cfg"),
        PYTHONPATH=str(tree),
        # Ansible refuses to start where the locale is not UTF-8, as in most containers.
        LC_ALL="C.UTF-8",
    )
    return environ


def write_activate(made: Made) -> None:
    """A file that a shell can read, to have this environment's ansible-playbook and the collection at hand."""
    environ = environ_for(made)
    lines = [f"export PATH={shlex.quote(str(made.bin))}:$PATH"]
    lines += [f"export {name}={shlex.quote(environ[name])}" for name in ("ANSIBLE_COLLECTIONS_PATH", "LC_ALL")]
    (BUILD / "activate").write_text("\n".join(lines) + "\n", encoding="utf-8")


def tail(log: Path, lines: int = 20) -> str:
    """The end of a log, indented."""
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in text[-lines:])


def main() -> int:
    parser = argparse.ArgumentParser(prog="envs.py", description="Environments for the tests and the demo.")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="the environments, and the Python that each would get")
    for action, text in (("make", "make one and print its folder"), ("run", "run a command in one")):
        sub = actions.add_parser(action, help=text)
        sub.add_argument("name", choices=sorted(ENVS))
        if action == "run":
            sub.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if args.action == "list":
        for name, env in ENVS.items():
            try:
                python = choose_python(env)
                print(f"{name:<9} Python {python.version:<8} {python.path}")
            except NoPython as error:
                print(f"{name:<9} {error}")
        return 0
    try:
        made = make(args.name, say=lambda text: print(text, file=sys.stderr, flush=True))
        environ = environ_for(made)
    except NoPython as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except MakeFailed as error:
        print(f"error: {error}; the end of {error.log}:\n{tail(error.log)}", file=sys.stderr)
        return 1
    if args.name == "default":
        write_activate(made)
    if args.action == "make":
        print(made.path)
        return 0
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        parser.error("no command given")
    if command[0].endswith(".py"):
        command = [str(made.bin / "python"), *command]
    try:
        os.execvpe(command[0], command, environ)
    except OSError as error:
        print(f"error: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main())
