# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection's PowerShell scripts do, said in Python. A script is known by its whole text.

This is the part of the double that no documentation vouches for: it says what the scripts are meant to do, and that they
do it on Windows nobody has seen yet.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import io
import ipaddress
import itertools
import json
import ntpath
import os
import re
import shutil
import socket
import tarfile
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._scripts import script_names, script_text

from . import timers
from .documented import NotDocumented
from .files import INHERITED, WindowsError

if t.TYPE_CHECKING:
    from .host import Host

_NUMBERS = itertools.count(1)

SYSTEM_DIRECTORY = r"C:\WINDOWS\system32"

Parameters = t.Dict[str, t.Any]
Identity = t.Tuple[str, str]
Done = t.Tuple[bool, t.Dict[str, t.Any]]


def name_of(text: str) -> str:
    for name in script_names():
        if script_text(name) == text:
            return name
    raise NotDocumented(f"this script is none of the collection's: {text[:200]}")


def parameters_of(name: str) -> t.Dict[str, str]:
    """The names and types that a script declares: another name is an error in PowerShell."""
    text = script_text(name)
    block = text[text.index("\nparam (") : text.index("\n)\n")]
    return {match[1]: match[0] for match in re.findall(r"(?m)^    \[([\w\[\]]+)\] \$(\w+)", block)}


def check_parameters(name: str, given: Parameters) -> Parameters:
    types = parameters_of(name)
    kinds = {"string": (str,), "string[]": (list,), "int": (int,), "long": (int,), "bool": (bool,)}
    for key, value in given.items():
        if key not in types:
            raise NotDocumented(f"{name}.ps1 has no parameter {key}")
        if not isinstance(value, kinds[types[key]]):
            raise NotDocumented(f"{name}.ps1: {key} is {value!r}, and {types[key]} is declared")
    empty: t.Dict[str, t.Any] = {"string": "", "string[]": [], "int": 0, "long": 0, "bool": False}
    return {key: given.get(key, empty[kind]) for key, kind in types.items()}


def _is_own(host: Host, name: str) -> bool:
    """The doubles have one network, 127.0.0.0/8: one that has another address there than the first has only that."""
    if name == "localhost":
        return True
    with contextlib.suppress(OSError):
        for *_rest, address in socket.getaddrinfo(name, None):
            is_loopback = ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback
            if address[0] == host.address or (is_loopback and host.address == "127.0.0.1"):
                return True
    return False


def look(host: Host, identity: Identity, given: Parameters, _check: bool) -> Done:
    p = check_parameters("look", given)
    sid = identity[1]
    found: t.Dict[str, t.Any] = {"identity": {"name": identity[0], "sid": sid}}
    if p["ServiceName"]:
        found.update(service=_service(host, p["ServiceName"]), service_seconds=None)
    found["platform"] = p["Platform"] or {9: "Windows_x86", 12: "Windows_Arm64"}.get(host.architecture)
    if p["Peer"]:
        found["is_peer"] = _is_own(host, p["Peer"])
    if p["Config"]:
        found["config"] = {"content": None, "missing": False, "error": None}
        try:
            found["config"]["content"] = base64.b64encode(host.files.read(p["Config"], sid)).decode("ascii")
        except WindowsError as error:
            found["config"].update(missing=error.kind.endswith("NotFoundException"), error=str(error))
    if p["DataDir"]:
        data, vray = _listing(host, p["DataDir"], sid), _listing(host, p["DataDir"] + r"\VRay", sid)
        found["data"] = {"missing": data["missing"], "error": data["error"]}
        if not data["error"] and vray["error"] and not vray["missing"]:
            found["data"]["error"] = vray["error"]
        now = time.time()
        if (found.get("service") or {}).get("process_id"):
            # It may have ended just now.
            pid = found["service"]["process_id"]
            started = [service.started for service in host.services.values() if service.pid == pid]
            found["service_seconds"] = now - started[0] if started and started[0] else None
        found["builds"] = []
        for entry in vray["entries"]:
            if entry.is_dir() and entry.name.lower().startswith("vray-"):
                files = (
                    [path for path in entry.rglob("*") if path.is_symlink() or not path.is_dir()] if p["Sizes"] else []
                )
                build = {"name": entry.name, "directory": host.files.windows(entry), "files": None, "bytes": None}
                # In the place of CreationTimeUtc, which Linux has not for all. A test can set this one.
                build["seconds"] = now - entry.stat().st_mtime
                if p["Sizes"]:
                    build.update(files=len(files), bytes=sum(f.stat().st_size for f in files if not f.is_symlink()))
                found["builds"].append(build)
        found["kept"] = [
            {"name": entry.name, "path": host.files.windows(entry), "bytes": entry.stat().st_size}
            for directory in vray["entries"]
            if directory.is_dir() and directory.name.lower() == "import" and not directory.is_symlink()
            for entry in _listing(host, host.files.windows(directory), sid)["entries"]
            if not entry.is_dir()
        ]
        found["marks"] = [
            entry.name
            for entry in data["entries"]
            if entry.is_dir() and not entry.is_symlink() and entry.name.lower().startswith(".vray_swarm-")
        ]
    if p["Renders"] or p["WebPort"]:
        found["renders"] = host.renders(ntpath.join(p["DataDir"], "VRay", "vray-"))
    if p["ImportDir"]:
        path = p["ImportDir"].replace("{platform}", found["platform"] or "")
        listing = _listing(host, path, sid)
        found["import_dir"] = {"path": path, "missing": listing["missing"], "error": listing["error"]}
        found["import_dir"]["free"] = host.free.get(path[:2].upper())
        found["imports"] = [
            {
                "name": entry.name,
                "path": path.rstrip("\\") + "\\" + entry.name,
                "directory": entry.is_dir(),
                "bytes": None if entry.is_dir() else entry.stat().st_size,
                "start": None,
                "programs": [],
                "sha256": None,
            }
            for entry in listing["entries"]
        ]
        for item in found["imports"][:64] if p["Identify"] else ():
            if not item["directory"] and item["path"].lower() not in host.locked:
                content = host.files.read(item["path"], sid)
                item["start"] = base64.b64encode(content[:512]).decode("ascii")
                item["programs"] = _programs(content, "import", found["platform"])
    if p["Disk"]:
        found["disk"] = _disk(host, p)
    if p["SharePath"]:
        listing = _listing(host, p["SharePath"], sid)
        found["share"] = {key: listing[key] for key in ("error", "denied")}
        found["share"]["empty"] = not listing["entries"]
        for key in ("Manifest", "Sums", "Signature"):
            found["share"][key.lower()] = None
            if p[key] and not listing["error"]:
                try:
                    content = host.files.read(p["SharePath"].rstrip("\\") + "\\" + p[key], sid)
                    found["share"][key.lower()] = base64.b64encode(content[:1048576]).decode("ascii")
                except WindowsError:
                    pass
    if p["Checksums"] and p["SharePath"] and found["share"]["signature"]:
        for item in found["imports"]:
            if not item["directory"] and not any(version in item["name"] for version in p["Known"]):
                try:
                    item["sha256"] = hashlib.sha256(host.files.read(item["path"], sid)).hexdigest()
                except WindowsError as error:
                    found["checksums_error"] = str(error)
    if p["Build"]:
        # Environment.SystemDirectory, as it is spelt in its documentation and by Windows.
        found["system"] = SYSTEM_DIRECTORY
        try:
            real = host.real(p["Build"])
            if real.is_dir():
                raise WindowsError("", "It is a directory, and not the file of a build")
            host.check_locked(p["Build"])
            content = host.files.read(p["Build"], sid)
            found["build"] = {
                "bytes": len(content),
                "written": _written(real),
                "start": base64.b64encode(content[: p["StartBytes"] or 64]).decode("ascii"),
                "programs": _programs(content, "build") if p["Identify"] else [],
                "sha256": hashlib.sha256(content).hexdigest() if p["Checksums"] else None,
                "error": None,
                "in_use": False,
            }
        except WindowsError as error:
            found["build"] = {"bytes": None, "written": None, "start": None, "programs": [], "sha256": None}
            found["build"].update(error=str(error), in_use=_is_in_use(error))
    found.update(_discover(host, sid, p))
    if p["Url"]:
        found["answer"] = _ask(host, p["Url"], p["Milliseconds"] / 1000)
    return False, found


def _service(host: Host, name: str) -> t.Optional[t.Dict[str, t.Any]]:
    """As Win32_Service tells it: another vocabulary than that of win_service_info."""
    for service in host.services.values():
        if service.name.lower() != name.lower():
            continue
        service.live_on()
        (account, sid), text = service.account, script_text("look")
        # NTAccount.Translate knows no account as .\name, and none as LocalSystem, which is how this one is told.
        is_known = not account.startswith(".\\") or "'^\\.(?=\\\\)', [Environment]::MachineName" in text
        if sid == "S-1-5-18" and "$own.Translate([Security.Principal.NTAccount]).Value" not in text:
            account = "LocalSystem"
        is_known = is_known and (sid != "S-1-5-18" or "StartName -eq 'LocalSystem'" in text)
        return {
            "state": {"started": "Running"}.get(service.state, service.state.replace("_", " ").title()),
            "start_mode": {"delayed": "Auto"}.get(service.start_mode, service.start_mode.title()),
            "process_id": service.pid,
            "exit_code": service.exit_code,
            "service_exit_code": service.own_exit_code,
            "account": account,
            "account_sid": sid if is_known else None,
        }
    return None


def _written(real: Path) -> int:
    """File.GetLastWriteTimeUtc: of a link its own, and of what is not there the year 1601."""
    return real.lstat().st_mtime_ns // 100 if real.exists() else 0


def _is_in_use(error: WindowsError) -> bool:
    return "used by another process" in str(error)


def _listing(host: Host, path: str, sid: str) -> t.Dict[str, t.Any]:
    try:
        return {"entries": host.files.listing(path, sid), "missing": False, "denied": False, "error": None}
    except WindowsError as error:
        return {
            "entries": [],
            "missing": error.kind.endswith("DirectoryNotFoundException"),
            "denied": error.kind.endswith("UnauthorizedAccessException"),
            "error": str(error),
        }


def _kind(start: bytes) -> bytes:
    """What tells one kind of program from another, as the script sees it."""
    if len(start) < 64:
        return b""
    if start.startswith(b"MZ"):
        offset = int.from_bytes(start[60:64], "little")
        return start[offset : offset + 6] if offset + 6 <= len(start) else b""
    if start.startswith(b"\x7fELF"):
        return start[:20]
    if re.match(rb"[\xce\xcf]\xfa\xed\xfe|\xfe\xed\xfa[\xce\xcf]", start):
        return start[:8]
    if re.match(rb"\xca\xfe\xba[\xbe\xbf]", start) and start[7] <= 30:
        return start[:12] + start[28:32]
    return b""


def _programs(content: bytes, what: str, own: t.Optional[str] = None) -> t.List[str]:
    """As many, and as much of each, as the script asks for: first for the import directory, then for a build."""
    text = script_text("look")
    enough = dict(re.findall(r"(Windows_\w+) = '(\^[^']+)'", text)).get(own or "")
    seen: t.Set[bytes] = set()
    numbers = re.findall(r"Read-Program \$stream \$watch \d+ (\d+) (\d+)", text)
    most, limit = map(int, numbers[("import", "build").index(what)])
    found: t.List[str] = []
    with contextlib.suppress(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            start = file.read(limit) if file and member.offset < 67108864 else b""
            kind = _kind(start)
            if kind and kind not in seen:
                seen.add(kind)
                found.append(base64.b64encode(start).decode("ascii"))
                if enough and re.match(enough, kind.hex("-").upper()):
                    break
            if len(found) == most:
                break
    return found


def _disk(host: Host, p: Parameters) -> t.Dict[str, t.Optional[int]]:
    """What is free on the drives that the script asks for, by the names that it gives them; a share has none."""
    text = script_text("look")
    asked = re.findall(r"(temp|data) = .*Get-Free (\(\[IO\.Path\]::GetTempPath\(\)\)|\$\w+)", text)
    paths = {"([IO.Path]::GetTempPath())": r"C:\Windows\TEMP", "$DataDir": p["DataDir"]}
    return {name: host.free.get((paths[what] or "")[:2].upper()) for name, what in asked}


def _ask(host: Host, url: str, seconds: float) -> t.Dict[str, t.Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    # The reference peer of a test listens at one address only.
    asked = url if ":" in host.address else url.replace("[::1]", "127.0.0.1")
    try:
        with opener.open(asked, timeout=seconds) as response:
            status, body = response.status, response.read(1048577)
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read(1048577)
    except (OSError, http.client.HTTPException):
        text = "No connection could be made because the target machine actively refused it"
        return {"status": None, "body": None, "error": f"{text} {url.split('/')[2]}"}
    return {"status": status, "body": base64.b64encode(body).decode("ascii"), "error": None}


def files(host: Host, identity: Identity, given: Parameters, check: bool) -> Done:
    p = check_parameters("files", given)
    path, sid = p["Path"], identity[1]
    real = host.files.real(path, sid)
    if p["Do"] == "look":
        saved = host.files.real(p["Saved"], sid)
        found = {
            "directory": real.is_dir(),
            "parent": real.parent.is_dir(),
            "content": _content(real),
            "readonly": real.is_file() and not real.stat().st_mode & 0o200,
            "saved": saved.is_file(),
            "saved_sha256": _checksum(saved) if saved.is_file() else None,
            "saved_seconds": time.time() - saved.stat().st_mtime if saved.is_file() else None,
            "old": _content(host.files.real(p["Old"], sid)),
        }
        if p["Peer"]:
            found["is_peer"] = _is_own(host, p["Peer"])
        return False, found
    assert not check
    host.check_locked(path, p["Target"])
    replaced = host.files.real(p["Target"], sid) if p["Do"] == "move" else real
    if p["Replaces"] and p["Replaces"] != _checksum(replaced):
        return True, {"other": True}
    if p["Do"] == "put":
        temporary = real.with_name(".vray_swarm-temporary")
        # FileStream(String, FileMode, FileSystemRights, FileShare, Int32, FileOptions, FileSecurity) makes it with this.
        like = host.files.real(p["Like"], sid) if p["Like"] else None
        if like is not None and like.is_file():
            host.access[temporary] = host.access.get(like, INHERITED)
        temporary.write_bytes(base64.b64decode(p["Content"]))
        host.move_over(temporary, real)
    elif p["Do"] == "move":
        host.move_over(real, replaced)
    elif p["Do"] == "remove":
        real.unlink(missing_ok=True)
    else:
        raise NotDocumented(f"files.ps1 does not do {p['Do']}")
    return True, {"other": False}


def _checksum(real: Path) -> str:
    return hashlib.sha256(real.read_bytes()).hexdigest() if real.is_file() else "none"


def service(host: Host, _identity: Identity, given: Parameters, check: bool) -> Done:
    assert not check
    p = check_parameters("service", given)
    found: t.Dict[str, t.Any] = {}
    if p["Name"] not in host.services:
        raise WindowsError("", f"Cannot find any service with service name '{p['Name']}'.")
    service = host.services[p["Name"]]
    if p["Do"] == "stop":
        if p["Root"] and service.state != "stopped":
            found["renders"] = host.renders(p["Root"])
        if not found.get("renders"):
            service.stop()
    elif p["Do"] == "start":
        service.start()
        if service.state != "started":
            raise WindowsError("System.ComponentModel.Win32Exception", "The service process could not be started")
    elif p["Do"] == "arm":
        if p["Kind"] not in ("rescue", "revert") or set(p["Task"]) & set('\\/:*?"<>|'):
            raise NotDocumented(f"no task is called {p['Task']}, or of the kind {p['Kind']}")
        data = json.loads(base64.b64decode(p["Data"]))
        timers.stop_work(host, p["Task"], service, p["Patience"], True)
        host.register(p["Task"], {"seconds": p["Seconds"], "kind": p["Kind"], "owner": p["Owner"], "data": data})
    elif p["Do"] == "disarm":
        if p["Task"] in host.tasks and p["Owner"] and host.tasks[p["Task"]]["owner"] != p["Owner"]:
            found["other"] = True
        else:
            timers.stop_work(host, p["Task"], service, p["Patience"], False)
            host.tasks.pop(p["Task"], None)
    else:
        raise NotDocumented(f"service.ps1 does not do {p['Do']}")
    return True, found


def send(host: Host, identity: Identity, given: Parameters, check: bool) -> Done:
    assert not check
    p = check_parameters("send", given)
    text, sid = script_text("send"), identity[1]
    # As long as it is open, others can do what FileShare says; FileShare.Delete would let them rename and remove it.
    opened = re.search(r"function Open-Held \{.*?FileAccess\]::Read, \[IO\.FileShare\]::(\w+)\)\n", text, re.DOTALL)
    is_held = opened is not None and opened[1] == "Read"
    found: t.Dict[str, t.Any] = {"error": None, "in_use": False, "step": "open"}
    found.update(rc=None, stdout=None, stderr=None, endless=False)
    with contextlib.ExitStack() as stack:
        path = p["Build"]
        try:
            if not host.real(p["Program"]).is_file():
                found["step"] = "program"
                raise WindowsError("", "It is not there")
            host.check_locked(path)
            source = stack.enter_context(host.files.open(path, sid))
            if is_held and _is_holdable(host, path):
                stack.enter_context(host.holding(path))
            else:
                found["step"] = "copy"
                path = stack.enter_context(_copied(host, path, sid))
                found["step"] = "open"
            held = stack.enter_context(host.files.open(path, sid))
            size, written = os.fstat(held.fileno()).st_size, _written(host.files.real(p["Build"], sid))
            same = (size, written) == (p["Bytes"], p["Written"])
            same = same and base64.b64encode(held.read(64)).decode("ascii") == p["Start"]
            checksum = p["Sha256"]
            if same and path != p["Build"]:
                checksum = _sha256(source)
                same = p["Sha256"] in ("", checksum)
            if same and checksum:
                same = _sha256(held) == checksum
            if not same:
                found.update(step="compare", error="It is not what it was.")
        except WindowsError as error:
            found.update(error=str(error), in_use=_is_in_use(error))
        if found["error"]:
            return True, found
        form = 'file=@"' + path.replace("\\", "\\\\") + '"' + p["Behind"]
        arguments = [*p["Arguments"], "--form", form]
        line = " ".join(map(as_word, arguments))
        if split(line) != arguments:
            raise NotDocumented(f"curl.exe would get other arguments: {split(line)}")
        try:
            done = host.execute(p["Program"], line, p["Most"], sid)
        except WindowsError as error:
            return True, dict(found, step="start", error=str(error))
    for stream in ("stdout", "stderr"):
        done[stream] = base64.b64encode(done[stream]).decode("ascii")
    return True, {**found, **done}


def _sha256(file: t.BinaryIO) -> str:
    file.seek(0)
    return hashlib.sha256(file.read()).hexdigest()


def as_word(argument: str) -> str:
    """As the script makes a word of it, for the line that a program gets."""
    for pattern, becomes in re.findall(r"\$escaped = \$\w+ -replace '([^']*)', '([^']*)'", script_text("send")):
        # In .NET, $1 is a group, and a backslash is nothing special.
        argument = re.sub(pattern, becomes.replace("\\", "\\\\").replace("$1", r"\1"), argument)
    return f'"{argument}"'


def split(line: str) -> t.List[str]:
    """As a program on Windows takes its line apart: "Parsing C command-line arguments"."""
    found: t.List[str] = []
    for match in re.finditer(
        r'(?:[^\s"\\]|\\+(?!["\\])|\\+"|"(?:[^"\\]|\\+(?!["\\])|(?:\\\\)*\\"|(?:\\\\)+(?="))*")+', line
    ):
        text, word, quoted = match.group(), "", False
        for part in re.findall(r'\\*"|\\+|[^"\\]+', text):
            slashes = len(part) - 1 if part.endswith('"') else 0
            if not part.endswith('"'):
                word += part
                continue
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
        found.append(word)
    return found


def _is_holdable(host: Host, path: str) -> bool:
    """On a drive, and with no link on the way: what others do to it there, they do by this host."""
    # What the script asks for.
    asks_for_drive, asks_for_links = (word in script_text("send") for word in ("DriveType]::Fixed", "::ReparsePoint"))
    drive = ntpath.splitdrive(path)[0].upper()
    if drive not in host.files.drives:
        return not asks_for_drive
    real, root = host.real(path), host.files.drives[drive]
    return not asks_for_links or not any(part.is_symlink() for part in (real, *real.parents) if root in part.parents)


@contextlib.contextmanager
def _copied(host: Host, path: str, sid: str) -> t.Iterator[str]:
    """$Ansible.Tmpdir: "a scratch location that is cleaned up after the module has finished"."""
    folder = rf"C:\Users\ansible\AppData\Local\Temp\ansible-moduletmp-{next(_NUMBERS)}"
    host.real(folder).mkdir(parents=True)
    try:
        if host.free["C:"] < host.real(path).stat().st_size:
            raise WindowsError("System.IO.IOException", "There is not enough space on the disk.")
        copy = ntpath.join(folder, ntpath.basename(path))
        host.real(copy).write_bytes(host.files.read(path, sid))
        host.meanwhile("copy")
        yield copy
    finally:
        shutil.rmtree(host.real(folder))


def _discover(host: Host, sid: str, p: Parameters) -> t.Iterator[t.Tuple[str, t.Any]]:
    """The part of the look that is discover.ps1."""
    if p["WebPort"]:
        listening = [service for service in host.services.values() if service.state == "started"]
        there = [service for service in listening if service.port == p["WebPort"]]
        yield "unseen", []
        yield "named", not there
        if not there:
            there = [service for service in listening if "swarm" in service.path.lower()]
        # As Get-NetTCPConnection, Win32_Process and Win32_Service tell it; StartName of LocalSystem is its short name.
        # Who listens for both versions of IP is told with both.
        yield (
            "listeners",
            [
                {
                    "address": address,
                    "port": service.port,
                    "pid": service.pid,
                    "executable": re.findall(r'^"([^"]*)"', service.path)[0],
                    "command": service.path,
                    "user": service.account[0],
                    "service": {
                        "name": service.name,
                        "path": service.path,
                        "account": "LocalSystem" if service.account[1] == "S-1-5-18" else service.account[0],
                        "wrapper": False,
                    },
                }
                for address in ("::", "0.0.0.0")
                for service in there
            ],
        )
        folders = {"data": r"C:\ProgramData", "programs": r"C:\Program Files", "system": r"C:\Windows"}
        yield "folders", folders
    if p["Names"]:
        files = [path for path in on_drives(p["Files"]) if host.files.real(path, sid).is_file()]
        yield "files", [_settings(host, path, sid) for path in files]
        yield "seen", [entry for pattern in on_drives(p["Folders"]) for entry in _seen(host, pattern, sid, p["Names"])]
        yield "answers", [_ask(host, url, p["Milliseconds"] / 1000) for url in p["Urls"]]


def _seen(host: Host, pattern: str, sid: str, names: t.Sequence[str]) -> t.Iterator[t.Dict[str, t.Any]]:
    for folder in _matching(host, pattern, sid):
        settings = [
            _settings(host, host.files.windows(folder / name), sid) for name in names if (folder / name).is_file()
        ]
        holds = (folder / "VRay").is_dir()
        if settings or holds:
            entry = {"folder": host.files.windows(folder), "pattern": pattern}
            yield {**entry, "settings": settings, "holds_vray": holds}


def on_drives(paths: t.Sequence[str]) -> t.List[str]:
    """Those that lead to no other host, and to no device."""
    return [path for path in paths if re.match(r"[A-Za-z]:[\\/]", path)]


def _settings(host: Host, path: str, sid: str) -> t.Dict[str, t.Any]:
    content = base64.b64encode(host.files.read(path, sid)).decode("ascii")
    return {"path": path, "content": content, "error": None}


def _matching(host: Host, pattern: str, sid: str) -> t.List[Path]:
    """The directories that fit a pattern, whose stars stand for whole names."""
    head, star, rest = pattern.partition("*")
    try:
        base = host.files.real(re.sub(r"`(.)", r"\1", head.rstrip("\\")), sid)
    except WindowsError:
        return []
    found = [base]
    for part in (star + rest).split("\\") if star else []:
        found = [entry for folder in found if folder.is_dir() for entry in sorted(folder.glob(part))]
    return [folder for folder in found if folder.is_dir()]


def _content(real: Path) -> t.Optional[str]:
    return base64.b64encode(real.read_bytes()).decode("ascii") if real.is_file() else None


RUN: t.Dict[str, t.Callable[[Host, Identity, Parameters, bool], Done]] = {
    "files": files,
    "look": look,
    "send": send,
    "service": service,
}
