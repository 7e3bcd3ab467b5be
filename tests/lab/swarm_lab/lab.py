# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab as a whole: up, down, and what a scenario does with it."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, Union

from . import rootfs
from .host import MOST_PEERS, PEERS, SERVER, Host, keep_bytecode, specs, write_common_files
from .playbook import Playing, Run
from .system import (
    Cgroup,
    LabError,
    delete_namespaces,
    in_namespace,
    ip_batch,
    namespaces,
    run,
    unmount_all,
    write,
)

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
STATE = Path("/run/vray_swarm-lab")
PATIENCE = 60  # seconds for all hosts to start; it takes a few
INOTIFY = 12

#: What lab.playbook() takes: the name of a playbook, a file, or the plays themselves.
Plays = Union[str, Path, Sequence[Mapping[str, Any]]]

# Runs in the controller's namespace: which of these ports do not answer?
PROBE = """
import json, socket, sys, time
waiting, until = [tuple(pair) for pair in json.loads(sys.argv[1])], time.monotonic() + float(sys.argv[2])
while waiting and time.monotonic() < until:
    for address, port in list(waiting):
        try:
            with socket.create_connection((address, port), 1) as connection:
                connection.settimeout(5)
                if port != 22 or connection.recv(4) == b"SSH-":
                    waiting.remove((address, port))
        except OSError:
            pass
    time.sleep(0.05)
print(json.dumps(waiting))
"""


class Lab:
    """A file server and five peers, or more. Several labs can be up at a time, each with a name of its own."""

    def __init__(self, name: str = "", net: str = "", peers: int = 0, keeps_bytecode: bool = True) -> None:
        """
        :param keeps_bytecode: Whether a host is spared what Python does for each task on a real one, for it to be quick.
        """
        self.name = name or os.environ.get("LAB_NAME") or "vray"
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,23}", self.name):
            raise LabError(f"LAB_NAME: small letters, digits and dashes are expected, not {self.name!r}")
        saved = STATE / self.name / "net"
        known = saved.read_text(encoding="utf-8") if saved.exists() else "10.91.0"
        self.net = net or os.environ.get("LAB_NET") or known
        if not re.fullmatch(r"\d{1,3}\.\d{1,3}\.\d{1,3}", self.net):
            raise LabError(f"LAB_NET: the first three numbers of a /24 are expected, as in 10.91.0, not {self.net!r}")
        self.folder = STATE / self.name
        self.controller = f"lab-{self.name}.ctl"
        self.cgroup = Cgroup(f"lab-{self.name}")
        saved = STATE / self.name / "peers"
        count = str(
            peers or os.environ.get("LAB_PEERS") or (saved.read_text("utf-8") if saved.exists() else len(PEERS))
        )
        if not (count.isdecimal() and len(PEERS) <= int(count) <= MOST_PEERS):
            raise LabError(f"LAB_PEERS: a number from {len(PEERS)} to {MOST_PEERS} is expected, not {count!r}")
        self.hosts = {spec.name: Host(spec, self.name, self.folder, self.net) for spec in specs(int(count))}
        self.peers = [host.name for host in self.hosts.values() if host.spec.swarm]
        self.keeps_bytecode = keeps_bytecode
        #: The hosts that a scenario did something to. Another process may have used the lab before.
        self.touched = set(self.hosts)
        self.runs = 0

    # -- up and down --

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """One process at a time makes or removes a lab of this name."""
        path = STATE / f"{self.name}.lock"
        STATE.mkdir(exist_ok=True)
        with open(path, "a", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The one that had it may have removed the file since it was opened here.
                mine = path.exists() and os.path.samestat(path.stat(), os.fstat(lock.fileno()))
            except BlockingIOError:
                mine = False
            if not mine:
                raise LabError(
                    f"another process is starting, testing or removing the lab {self.name}: wait for it or end it, or"
                    " set LAB_NAME to have a lab of your own"
                )
            try:
                yield
            finally:
                if not self.left():
                    path.unlink()
                    with contextlib.suppress(OSError):  # another lab's files are there
                        STATE.rmdir()

    def up(self, say: Callable[[str], None]) -> None:
        """Start all hosts. What is left of an earlier lab of this name is removed first."""
        os.umask(0o022)
        self.down()
        self._check_room()
        try:
            self.folder.mkdir(parents=True)
            run(["mount", "-t", "tmpfs", "-o", "mode=755", "lab", str(self.folder)])
            self.cgroup.make()
            root = rootfs.make(self.cgroup_of("rootfs"), say)
            start = time.monotonic()
            write(self.folder / "net", self.net)
            write(self.folder / "peers", str(len(self.peers)))
            self._write_inventory()
            (self.folder / "rootfs").symlink_to(root)
            self._make_keys()
            self._make_files(root)
            self._make_network()
            # They share the cores while they start.
            self.start(self.hosts, max(PATIENCE, 4 * len(self.hosts)))
            self.touched.clear()
            say(f"The lab {self.name} is up: {len(self.hosts)} hosts in {time.monotonic() - start:.1f} s.")
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Remove all of it, by its names alone: whoever started it may be long dead."""
        self.cgroup.kill()
        for host in self.hosts.values():
            if host.process is not None:
                host.process.wait()
                host.process = None
        delete_namespaces(namespaces(f"lab-{self.name}."))
        unmount_all(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.cgroup.remove()
        rootfs.forget_half_made()

    def left(self) -> list[str]:
        """What there is of the lab, running or left over."""
        found = [f"namespace {name}" for name in namespaces(f"lab-{self.name}.")]
        found += [f"control group {folder}" for folder in self.cgroup.folders if folder.exists()]
        found += [f"folder {self.folder}"] if self.folder.exists() else []
        return found

    def _check_room(self) -> None:
        """The kernel counts the inotify instances of root, of which a systemd has a few."""
        limit = Path("/proc/sys/fs/inotify/max_user_instances")
        wanted = INOTIFY * len(self.hosts)
        if len(self.peers) > len(PEERS) and limit.exists() and int(limit.read_text(encoding="ascii")) < wanted:
            raise LabError(f"so many hosts need more of {limit}: sysctl fs.inotify.max_user_instances={wanted}")

    def _write_inventory(self) -> None:
        """The peers that inventory.yml does not have."""
        more = {
            name: {"ansible_host": self.hosts[name].address}
            for name in self.peers
            if self.hosts[name].spec not in PEERS
        }
        write(self.folder / "more.yml", json.dumps({"peers": {"hosts": more}}))

    def cgroup_of(self, name: str) -> Cgroup:
        cgroup = Cgroup(f"lab-{self.name}/{name}")
        cgroup.make()
        return cgroup

    def _make_keys(self) -> None:
        for key in ("key", "host_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab-{self.name}"]
            run([*command, "-f", str(self.folder / key)])
        public = " ".join((self.folder / "host_key.pub").read_text(encoding="utf-8").split()[:2])
        write(self.folder / "known_hosts", f"{self.net}.* {public}\n")
        config = {
            "IdentityFile": self.folder / "key",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.folder / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "CheckHostIP": "no",
            "ConnectTimeout": "5",
            "LogLevel": "ERROR",
        }
        lines = [f"Host {host.name}\n  HostName {host.address}\n" for host in self.hosts.values()]
        lines += ["Host *\n", *(f"  {name} {value}\n" for name, value in config.items())]
        write(self.folder / "ssh_config", "".join(lines))

    def _make_files(self, root: Path) -> None:
        multipart = importlib.util.find_spec("multipart")
        if multipart is None or multipart.origin is None:
            raise LabError("this Python has no multipart: run it by `make lab` or by tests/tools/envs.py run default")
        library = [ROOT / "tests" / "peer" / "swarm_peer", Path(multipart.origin)]
        names = {host.name: host.address for host in self.hosts.values()}
        write_common_files(self.folder / "common", root, library, self.folder, {"controller": f"{self.net}.1", **names})
        if self.keeps_bytecode:
            keep_bytecode(self.folder / "common")
        for host in self.hosts.values():
            host.write_own_files(root)

    def _make_network(self) -> None:
        run(["ip", "netns", "add", self.controller])
        lines = (
            "link set lo up",
            "link add br0 type bridge",
            f"address add {self.net}.1/24 dev br0",
            "link set br0 up",
        )
        ip_batch(self.controller, lines)
        for host in self.hosts.values():
            host.make_network(self.controller)

    # -- hosts --

    def start(self, names: Iterable[str], patience: float = PATIENCE) -> None:
        """Start hosts, and wait until their ports answer."""
        root = (self.folder / "rootfs").resolve(strict=True)
        hosts = [self.hosts[name] for name in names]
        for host in hosts:
            host.start(root, self.folder / "common")
        self.wait_for_ports([(host.name, port) for host in hosts for port in host.ports], patience)
        for host in hosts:
            host.expect_silence()

    def wait_for_ports(self, ports: Sequence[tuple[str, int]], patience: float = PATIENCE) -> None:
        pairs = json.dumps([(self.hosts[name].address, port) for name, port in ports])
        command = self.command([sys.executable, "-I", "-c", PROBE, pairs, str(patience)])
        silent = json.loads(run(command, what="waiting for hosts", timeout=patience + 60))
        if silent:
            names = {host.address: host for host in self.hosts.values()}
            consoles = {}
            for address, dummy in silent:
                console = names[address].console
                text = console.read_text(encoding="utf-8", errors="replace") if console.exists() else ""
                consoles[names[address].name] = text[-2000:]
            told = "\n".join(f"-- console of {name}:\n{text}" for name, text in consoles.items())
            raise LabError(f"no answer after {patience:g} s from {silent}\n{told}")

    def stop(self, name: str) -> None:
        """Pull the plug of a host. Its disk stays, for start()."""
        self.touched.add(name)
        self._disconnect(name)
        self.hosts[name].stop()

    def reboot(self, name: str) -> None:
        """Switch a host off and on. It does not get the time to shut down."""
        self.stop(name)
        self.start([name])

    @property
    def used(self) -> set[str]:
        """The hosts that may not be as they were when the lab came up.

        Of those that a playbook could have reached, these are the ones that somebody spoke to.
        """
        return self.touched | {name for name, host in self.hosts.items() if host.was_spoken_to()}

    def reset(self, names: Iterable[str]) -> None:
        """Make hosts as they were when the lab came up."""
        names = list(names)
        for host in (self.hosts[name] for name in names):
            self._disconnect(host.name)
            host.stop()
            host.forget()
            host.connect(self.controller, plugged=True)
        if names:
            self.start(names)
        self.touched -= set(names)

    def plug(self, name: str, plugged: bool) -> None:
        """Plug the network cable of a host in, or pull it."""
        self.touched.add(name)
        self.hosts[name].connect(self.controller, plugged)

    # -- commands --

    def environ(self) -> dict[str, str]:
        """What a command needs to know of the lab. Ansible takes its settings from here."""
        ansible = {
            "CALLBACK_PLUGINS": HERE / "callback",
            "FORKS": 10,
            "HOME": self.folder / "ansible",
            "INVENTORY": f"{HERE / 'inventory.yml'},{self.folder / 'more.yml'}",
            "NOCOLOR": 1,
            # One command on the host for each module, instead of four: then they can be counted.
            "PIPELINING": 1,
            "RETRY_FILES_ENABLED": 0,
            # Kept connections are found by the address, which hosts of other labs have, too.
            "SSH_CONTROL_PATH_DIR": self.folder / "cp",
            "TIMEOUT": 5,
        }
        environ = {f"ANSIBLE_{name}": str(value) for name, value in ansible.items()}
        return {**os.environ, **environ, "LAB_NAME": self.name, "LAB_NET": self.net, "LAB_DIR": str(self.folder)}

    def command(self, command: Sequence[str], cgroup: str = "commands") -> list[str]:
        """The command on the controller: in its network, and ended with the lab."""
        return self.cgroup_of(cgroup).command(in_namespace(self.controller, command))

    def ssh(self, host: str, command: str, *, check: bool = True, stdin: str = "", timeout: float = 60) -> str:
        """Run a shell command on a host as root, and return what it printed, errors included.

        :raises LabError: It failed, and ``check`` is true.
        """
        self.touched.add(host)
        ssh = [*self._connect(host), f"root@{host}", f"exec 2>&1; {command}"]
        done = subprocess.run(
            self.command(ssh), input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode != 0:
            raise LabError(f"{host}: {command}: status {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def _connect(self, host: str) -> list[str]:
        """Have a connection that is kept, since making one takes ten times as long as a short command."""
        control = self.folder / "root" / host
        control.parent.mkdir(mode=0o700, exist_ok=True)
        ssh = ["ssh", "-F", str(self.folder / "ssh_config"), "-o", f"ControlPath={control}"]
        if not control.exists():
            # By itself: a connection that a command leaves behind would keep its output open.
            master = self.command([*ssh, "-o", "ControlMaster=yes", "-f", "-N", f"root@{host}"])
            nothing = subprocess.DEVNULL
            subprocess.run(master, stdin=nothing, stdout=nothing, stderr=nothing, timeout=60, check=False)
        return ssh

    def _disconnect(self, host: str) -> None:
        control = self.folder / "root" / host
        if control.exists():
            ssh = [
                "ssh",
                "-F",
                str(self.folder / "ssh_config"),
                "-o",
                f"ControlPath={control}",
                "-O",
                "exit",
                f"root@{host}",
            ]
            subprocess.run(self.command(ssh), capture_output=True, timeout=60, check=False)
            control.unlink(missing_ok=True)

    def read(self, host: str, path: str) -> str:
        return self.ssh(host, f"cat {shlex.quote(path)}")

    def write(self, host: str, path: str, text: str) -> None:
        """Write a file on a host; its owner and mode stay."""
        self.ssh(host, f"cat > {shlex.quote(path)}", stdin=text)

    def swarm_events(self, peer: str, kind: str = "") -> list[dict[str, Any]]:
        """What the reference peer on a host did, by its own log."""
        events = map(json.loads, self.ssh(peer, "cat /var/log/swarm/events.jsonl").splitlines())
        return [event for event in events if kind in ("", event["event"])]

    def sessions(self, host: str) -> list[str]:
        """What Ansible made sshd start on a host: a line for each command, so for each round trip."""
        log = self.ssh(host, "journalctl --unit ssh --output cat --no-pager")
        return [line for line in log.splitlines() if line.startswith("Starting session") and " for ops from " in line]

    # -- Ansible --

    def playbook(
        self, plays: Plays, *arguments: str, variables: Mapping[str, Any] | None = None, timeout: float = 300
    ) -> Run:
        """Run a playbook to its end. Whether it succeeded is for the scenario to say."""
        with self.start_playbook(plays, *arguments, variables=variables) as playing:
            return playing.wait(timeout)

    def start_playbook(self, plays: Plays, *arguments: str, variables: Mapping[str, Any] | None = None) -> Playing:
        """Start a playbook. At the end of the ``with`` block nothing of it is left."""
        self.runs += 1
        name = f"run-{os.getpid()}-{self.runs}"
        folder = self.folder / "runs" / name
        folder.mkdir(parents=True)
        if not isinstance(plays, (str, Path)):
            write(folder / "playbook.yml", json.dumps(plays, indent=1))
            plays = folder / "playbook.yml"
        write(folder / "variables.json", json.dumps(dict(variables or {})))
        ansible = ["ansible-playbook", str(plays), "--extra-vars", f"@{folder / 'variables.json'}", *arguments]
        return Playing(self.command(ansible, name), self.environ(), folder, self.cgroup_of(name))

    def task(self, hosts: str, module: str, arguments: Mapping[str, Any], *more: str, **keywords: Any) -> Run:
        """Run one task on some hosts; ``keywords`` are those of the task."""
        task = {"name": module, module: dict(arguments), **keywords}
        return self.playbook([{"hosts": hosts, "gather_facts": False, "tasks": [task]}], *more)

    @property
    def share(self) -> Path:
        """The folder that the server exports, as this machine sees it. To be read only: the server owns it."""
        return self.hosts[SERVER.name].root / "srv" / "vray"
