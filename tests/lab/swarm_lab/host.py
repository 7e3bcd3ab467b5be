# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host: what lies on its disk, its start and its end."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

from .system import Cgroup, in_namespace, ip_batch, run, unmount_all, write

FILES = Path(__file__).resolve().parents[1] / "files"
# As in the environments of the tests: most of what a module costs a host is to compile what Ansible sends.
KEPT_BYTECODE = FILES.parents[1] / "tools" / "kept_bytecode.py"


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a host is to be. The inventory tells Ansible the same."""

    name: str
    number: int  # the last part of its address
    data_dir: str = "/var/lib/swarm"
    config: str = "/etc/swarm/swarm.yaml"
    service: str = "swarm"
    swarm: bool = True


SERVER = Spec("server", 10, swarm=False)
PEERS = (
    Spec("peer1", 11),
    Spec("peer2", 12),
    Spec("peer3", 13),
    Spec("peer4", 14),
    # The vendor does not say where things are, so on one peer they are where nobody looks first.
    Spec("peer5", 15, "/data/render cache/swarm", "/opt/chaos/swarm 2/conf/swarm.yaml", "chaos-swarm"),
)
# Each has its number in a /24, and its processes.
MOST_PEERS = 200


def specs(peers: int = len(PEERS)) -> tuple[Spec, ...]:
    """The file server and so many peers: those that the scenarios know, and more of the first kind."""
    more = range(len(PEERS) + 1, peers + 1)
    return (SERVER, *PEERS, *(Spec(f"peer{number}", SERVER.number + number) for number in more))


SWARM_YAML = """\
# V-Ray Swarm
webPort: 1113

# How often to look into the import directory, in seconds
uploadsQueuePeriod: 1
"""

UNIT = """\
[Unit]
Description=V-Ray Swarm (the reference peer)
After=network.target

[Service]
User=swarm
Environment=PYTHONHOME=/usr PYTHONPATH=/opt/swarm/lib
ExecStart=/opt/swarm/bin/swarm -m swarm_peer --address 0.0.0.0 --platform {platform} --log /var/log/swarm/events.jsonl \
--data-dir {data_dir} --config {config}
LogsDirectory=swarm

[Install]
WantedBy=multi-user.target
"""

WANTS = Path("etc/systemd/system/multi-user.target.wants")


class Host:
    """A systemd in its own namespaces. Its disk: what it writes, over its own files, over the lab's, over the root."""

    def __init__(self, spec: Spec, lab_name: str, folder: Path, net: str) -> None:
        self.spec = spec
        self.name = spec.name
        self.address = f"{net}.{spec.number}"
        self.namespace = f"lab-{lab_name}.{self.name}"
        self.machine = f"lab-{lab_name}-{self.name}"
        self.cgroup = Cgroup(f"lab-{lab_name}/{self.name}")
        self.folder = folder / "hosts" / self.name
        self.root = self.folder / "root"
        self.own = self.folder / "own"
        self.console = self.folder / "console.log"
        self.process: subprocess.Popen[bytes] | None = None
        # How many connections it had accepted when it had started; unknown to a process that did not start it.
        self.accepted: int | None = None

    @property
    def ports(self) -> tuple[int, ...]:
        return (22, 1113) if self.spec.swarm else (22, 445)

    def write_own_files(self, rootfs: Path) -> None:
        """What makes this host this one."""
        write(self.own / "etc" / "hostname", f"{self.name}\n")
        wants = self.own / WANTS
        wants.mkdir(parents=True)
        if not self.spec.swarm:
            shutil.copyfile(FILES / "smb.conf", _parent(self.own / "etc" / "samba" / "smb.conf"))
            (wants / "smbd.service").symlink_to("/lib/systemd/system/smbd.service")
            (self.own / "srv" / "vray").mkdir(parents=True)
            return
        spec = self.spec
        unit = self.own / "etc" / "systemd" / "system" / f"{spec.service}.service"
        machine = "Arm64" if os.uname().machine == "aarch64" else "x86"
        quoted = {name: f'"{value}"' for name, value in (("data_dir", spec.data_dir), ("config", spec.config))}
        write(unit, UNIT.format(platform=f"Linux_{machine}", **quoted))
        (wants / unit.name).symlink_to(f"/etc/systemd/system/{unit.name}")
        user, group = _ids(rootfs, "swarm")
        config = self.own / spec.config[1:]
        write(config, SWARM_YAML, 0o640)
        os.chown(config, 0, group)
        data_dir = self.own / spec.data_dir[1:]
        for folder in (data_dir / "VRay" / "import", data_dir / "VRay", data_dir):
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, user, group)

    def make_network(self, controller: str) -> None:
        run(["ip", "netns", "add", self.namespace])
        # Made inside, so that this machine's own network never sees them.
        ip_batch(
            controller,
            (
                f"link add {self.name} type veth peer name eth0 netns {self.namespace}",
                f"link set {self.name} master br0 up",
            ),
        )
        ip_batch(self.namespace, ("link set lo up", f"address add {self.address}/24 dev eth0", "link set eth0 up"))

    def start(self, rootfs: Path, common: Path) -> None:
        for folder in ("upper", "work", "root"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        layers = ":".join(str(layer) for layer in (self.own, common, rootfs))
        options = f"lowerdir={layers},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        run(["mount", "-t", "overlay", "overlay", "-o", options, str(self.root)])
        self.cgroup.make()
        command = ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--boot", "--register=no", "--keep-unit"]
        kept = kept_bytecode(common)
        command += [f"--bind={kept}:/usr/{kept.name}"] if kept.exists() else []
        command += [f"--machine={self.machine}", f"--hostname={self.name}", "--link-journal=no", "--resolv-conf=off"]
        command += ["--timezone=off", f"--network-namespace-path=/run/netns/{self.namespace}", "--bind=/dev/fuse"]
        command += ["--capability=all", "--console=pipe", "--kill-signal=SIGRTMIN+3"]
        with open(self.console, "ab") as console:
            self.process = subprocess.Popen(
                self.cgroup.command(command),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Pull the plug. Its disk stays."""
        self.cgroup.kill()
        if self.process is not None:
            self.process.wait()
            self.process = None
        unmount_all(self.root)

    def forget(self) -> None:
        """Throw away what it has written."""
        for folder in ("upper", "work"):
            shutil.rmtree(self.folder / folder, ignore_errors=True)

    def was_spoken_to(self) -> bool:
        """Has anybody connected to it since it started, itself included?"""
        return self.accepted is None or self.accepted != self._count_accepted()

    def expect_silence(self) -> None:
        """What was said to it until now, to see whether it has started, counts for nothing."""
        self.accepted = self._count_accepted()

    def _count_accepted(self) -> int:
        command = in_namespace(self.namespace, ["cat", "/proc/self/net/snmp"])
        names, values = (line.split() for line in run(command).splitlines() if line.startswith("Tcp:"))
        return int(dict(zip(names, values, strict=True))["PassiveOpens"])

    def connect(self, controller: str, plugged: bool) -> None:
        """Plug its network cable in, or pull it."""
        state = "up" if plugged else "down"
        run(in_namespace(controller, ["ip", "link", "set", self.name, state]))


def write_common_files(common: Path, rootfs: Path, library: list[Path], keys: Path, names: dict[str, str]) -> None:
    """What all hosts have over the root file system: the reference peer of this checkout, keys, names."""
    swarm = common / "opt" / "swarm" / "lib"
    swarm.mkdir(parents=True)
    for source in library:
        if source.is_dir():
            shutil.copytree(source, swarm / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, swarm / source.name)
    # Below /usr, since /sbin is a link there, which a directory over it would hide.
    mount_cifs = (FILES / "mount_cifs.py").read_text(encoding="utf-8")
    write(common / "usr" / "sbin" / "mount.cifs", f"#!/usr/bin/python3\n{mount_cifs}", 0o755)
    etc = common / "etc"
    write(
        etc / "hosts", "".join(f"{address} {name}\n" for name, address in [("localhost", "127.0.0.1"), *names.items()])
    )
    # VERBOSE writes a line for each command that is run: the scenarios count them.
    write(etc / "ssh" / "sshd_config.d" / "lab.conf", "HostKey /etc/ssh/lab_host_key\nLogLevel VERBOSE\nUseDNS no\n")
    write(etc / "ssh" / "lab_host_key", (keys / "host_key").read_text(encoding="utf-8"), 0o600)
    # Until then only root may log in.
    unit = "[Unit]\nAfter=systemd-user-sessions.service\n"
    write(etc / "systemd" / "system" / "ssh.service.d" / "lab.conf", unit)
    public = (keys / "key.pub").read_text(encoding="utf-8")
    for home, mode, (user, group) in (
        (common / "root", 0o700, (0, 0)),
        (common / "home" / "ops", 0o755, _ids(rootfs, "ops")),
    ):
        authorized = home / ".ssh" / "authorized_keys"
        write(authorized, public, 0o600)
        for path in (authorized, authorized.parent, home):
            os.chown(path, user, group)
        home.chmod(mode)


def kept_bytecode(common: Path) -> Path:
    """The folder that all hosts share for it: one that is as new has kept nothing of its own."""
    return common.parent / "kept-bytecode"


def keep_bytecode(common: Path) -> None:
    """Let the Pythons of all hosts keep what they compile of modules."""
    packages = common / "usr" / "lib" / "python3" / "dist-packages"
    write(packages / KEPT_BYTECODE.name, KEPT_BYTECODE.read_text(encoding="utf-8"))
    write(packages / f"{KEPT_BYTECODE.stem}.pth", f"import {KEPT_BYTECODE.stem}\n")
    kept_bytecode(common).mkdir()


def _parent(path: Path) -> Path:
    """The path, with its parents made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _ids(rootfs: Path, user: str) -> tuple[int, int]:
    """The numbers that the hosts have for a user and its group."""
    for line in (rootfs / "etc" / "passwd").read_text(encoding="utf-8").splitlines():
        fields = line.split(":")
        if fields[0] == user:
            return int(fields[2]), int(fields[3])
    raise KeyError(user)
