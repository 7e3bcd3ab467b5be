# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab: a file server and five peers on this machine, for the scenarios and for you.

    lab.py up                    start it; what is left of an earlier one is removed first
    lab.py down                  remove all of it
    lab.py status                what is up
    lab.py run COMMAND...        run a command on its controller, as: lab.py run ansible peers -m ping
    lab.py ssh HOST [COMMAND]    log in to a host as root
    lab.py test [ARGUMENTS]      up, all scenarios (or those of pytest's -k), down
    lab.py needs [--install]     can this machine carry it? Status 3 and the reason if not

LAB_NAME (vray) names the lab, so that several can be up. LAB_NET (10.91.0) is its net, which only its hosts see.
LAB_PEERS (5) has more peers made, up to 200.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from swarm_lab import Lab, LabError, needs  # noqa: E402

CANNOT = 3


def check_machine() -> None:
    reason = needs.cannot()
    if reason:
        raise LabError(f"this machine cannot carry the lab: {reason}")
    missing = needs.missing_packages()
    if missing:
        raise LabError(f"missing packages (Debian: apt-get install {' '.join(missing)})")
    reason = needs.kernel_refuses()
    if reason:
        raise LabError(f"this machine cannot carry the lab: {reason}")


def answer_needs(install: bool) -> int:
    """Say why the lab cannot be up here. With ``install``, what can be installed is no reason."""
    reason = needs.cannot()
    missing = needs.missing_packages()
    if not reason and missing and install:
        needs.install(missing)
        missing = needs.missing_packages()
        if missing:
            raise LabError(f"still missing after apt-get install: {' '.join(missing)}")
    if not reason and missing:
        reason = f"missing packages (Debian: apt-get install {' '.join(missing)})"
    reason = reason or needs.kernel_refuses()
    if reason:
        print(reason)
    return CANNOT if reason else 0


def say(text: str) -> None:
    print(text, flush=True)


def up(lab: Lab) -> int:
    check_machine()
    with lab.lock():
        lab.up(say)
    say("Try:  . .build/activate; python tests/lab/lab.py run ansible peers -m ping")
    say("tests/lab/README.md has more. `make lab-down` removes the lab.")
    return 0


def down(lab: Lab) -> int:
    with lab.lock():
        lab.down()
    return 0


def status(lab: Lab) -> int:
    for line in lab.left() or ["nothing is up"]:
        print(line)
    return 0


@contextlib.contextmanager
def temporary(lab: Lab) -> Iterator[None]:
    """Up for a while, and removed on every way out that a process can choose."""
    with lab.lock():
        lab.up(say)
        try:
            yield
        finally:
            lab.down()


def test(lab: Lab, arguments: list[str]) -> int:
    check_machine()
    # With -k or -m some of them.
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, str(HERE / "scenarios")]
    with temporary(lab):
        return subprocess.run(lab.command(pytest, "scenarios"), env=lab.environ(), check=False).returncode


def enter(lab: Lab, command: list[str]) -> int:
    if not (lab.folder / "ssh_config").exists():
        raise LabError(f"the lab {lab.name} is not up: make lab")
    words = lab.command(command)
    os.execvpe(words[0], words, lab.environ())


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.py", description="The lab: a file server and five peers.")
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("up", "down", "status"):
        actions.add_parser(name)
    for name in ("run", "test"):
        actions.add_parser(name, prefix_chars="\0").add_argument("words", nargs=argparse.REMAINDER)
    ssh = actions.add_parser("ssh")
    ssh.add_argument("host")
    ssh.add_argument("words", nargs=argparse.REMAINDER)
    actions.add_parser("needs").add_argument("--install", action="store_true")
    args = parser.parse_args()
    os.environ["PATH"] = needs.search_path()
    # A job that is cancelled leaves by way of the clean-up, like Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        if args.action == "needs":
            return answer_needs(args.install)
        lab = Lab()
        words = [word for index, word in enumerate(getattr(args, "words", [])) if index or word != "--"]
        if args.action == "run":
            return enter(lab, words or [os.environ.get("SHELL", "sh")])
        if args.action == "ssh":
            return enter(lab, ["ssh", "-F", str(lab.folder / "ssh_config"), f"root@{args.host}", *words])
        if args.action == "test":
            return test(lab, words)
        return {"up": up, "down": down, "status": status}[args.action](lab)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
