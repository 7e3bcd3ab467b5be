# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the examples of the README as they stand.

readme.py ROOT

All its blocks are used. A block of YAML is a file, whose name is in its first line; the lines of a console block that
begin with a dollar sign are commands. What stands above "Three tasks to try" runs in a folder with an inventory and
builds, what stands below runs beside the peers of the demo, which run all the time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(sys.argv[1]).absolute()
sys.path.insert(0, str(ROOT / "tests" / "demo"))

import demo  # noqa: E402

BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

# Commands that cannot be run here, and why.
LEFT_OUT = {
    "make demo": "a check of its own",
    "make test": "it runs this",
    "git clone https://github.com/renderops/vray_swarm.git": "the folder is made by this test",
    "pip install requests": "it is installed",
}

# A share is mounted, and a service stopped, on real hosts only: the scenario of docs/playbooks.md runs these on the lab.
for name, more in (("distribute", " --check --diff"), ("distribute", ""), ("verify", "")):
    command = f"ansible-playbook -i inventory renderops.vray_swarm.{name} -e vray_swarm_hosts=linux{more}"
    LEFT_OUT[command] = "shown on the lab"

# The peers of the demo are those of the farm in the README, under their own names and paths.
INVENTORY = """\
peers:
  hosts:
    peer1: {{ansible_host: 127.0.1.1}}
    peer2: {{ansible_host: 127.0.1.2}}
share_servers:
  hosts:
    nas1: {{}}
all:
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
"""
HOST = "vray_swarm_data_dir: {home}\nvray_swarm_config: {home}/swarm.yaml\n"


def commands_and_files(text: str, folder: Path) -> list[str]:
    """Write the files of a part of the README; return its commands."""
    commands = []
    for block in BLOCK.finditer(text):
        if block["kind"] == "yaml":
            path = folder / block["text"].splitlines()[0].removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"---\n{block['text']}", encoding="utf-8")
        elif block["kind"] == "console":
            lines = block["text"].splitlines()
            commands += [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        else:
            raise SystemExit(f"a block of {block['kind']} is not tested: teach {__file__} how")
    return [command for command in commands if command not in LEFT_OUT]


def run(commands: list[str], folder: Path, home: Path, **extra: str) -> str:
    script = "set -ex\n" + "\n".join(commands)
    environ = dict(os.environ, HOME=str(home), ANSIBLE_NOCOLOR="1", LC_ALL="C.UTF-8")
    # The farm's examples install the collection into the home, and use it from there.
    for name in [name for name in environ if name.startswith("ANSIBLE_") and name != "ANSIBLE_NOCOLOR"]:
        del environ[name]
    environ.update(extra)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout)
    if done.returncode != 0:
        raise SystemExit("an example of the README failed, see above")
    return done.stdout


def expect(text: str, *patterns: str) -> None:
    for pattern in patterns:
        if not re.search(pattern, text):
            raise SystemExit(f"not found in the output: {pattern}")


def install_dependencies(home: Path) -> None:
    """Galaxy cannot be counted on: what the collection depends on is there already."""
    collections = home / ".ansible" / "collections" / "ansible_collections"
    collections.mkdir(parents=True)
    (collections / "ansible").symlink_to((ROOT.parents[1] / "ansible").resolve())


def farm(text: str, folder: Path, home: Path) -> None:
    """The examples for operators."""
    install_dependencies(home)
    (folder / "vray_swarm").symlink_to(ROOT)
    (folder / "builds").symlink_to(demo.BUILDS)
    (folder / demo.ARCHIVE.name).symlink_to(demo.ARCHIVE)
    commands = commands_and_files(text, folder)
    (folder / "inventory" / "hosts.yml").write_text(INVENTORY.format(), encoding="utf-8")
    for name in ("peer1", "peer2"):
        variables = folder / "inventory" / "host_vars" / f"{name}.yml"
        variables.parent.mkdir(exist_ok=True)
        variables.write_text(HOST.format(home=demo.DEMO / name), encoding="utf-8")
    # The README shows what it is about before it tells how to install it.
    commands.sort(key=lambda command: " install " not in command)
    share = folder / "share"
    share.mkdir()
    (folder / "inventory" / "host_vars" / "nas1.yml").write_text(f"vray_swarm_share_root: {share}\n", encoding="utf-8")
    output = run(commands, folder, home)
    if not (share / "stable" / "Linux_x86" / demo.ARCHIVE.name).exists():
        raise SystemExit("the example of the share published nothing")
    expect(
        output,
        r"vray_swarm_data_dir: .*/peer1 +# (found|guess)",
        r"changed: \[peer1\]",
        r"ok: \[peer2\]",
        r"was installed successfully",
    )


def peers(text: str, folder: Path, home: Path) -> None:
    """The examples to try against the peers of the demo."""
    activate = ROOT / ".build" / "activate"
    if not activate.exists():
        activate.write_text("# The environment of this test has it all.\n", encoding="utf-8")
    # "Save this play as try.yml": a copy of the demo's inventory stands beside it.
    play = ROOT / "tests" / "demo" / "try.yml"
    try:
        tree = str(ROOT.parents[2])
        output = run(commands_and_files(text, play.parent), ROOT, home, ANSIBLE_COLLECTIONS_PATH=tree)
    finally:
        play.unlink(missing_ok=True)
    expect(output, r'"import_dir": ', r'"outcome": "present"', r'"outcome": "rapid"', r"ExistingUR")


def main() -> None:
    operators, separator, players = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Three tasks to try")
    if not separator:
        raise SystemExit("the README has no section 'Three tasks to try'")
    demo.DEMO.mkdir(parents=True, exist_ok=True)
    demo.check_machine()
    demo.make_builds()
    with demo.running_peers(), tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as folder:
        farm(operators, Path(folder), Path(home))
        peers(players, Path(folder), Path(home))


if __name__ == "__main__":
    main()
