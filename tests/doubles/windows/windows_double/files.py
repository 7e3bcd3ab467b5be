# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file system of a double: drives and shares are folders, names know no case, and accounts may read or not."""

from __future__ import annotations

import ntpath
import re
import typing as t
from pathlib import Path

# The access list of a file that has none of its own.
INHERITED = "as its directory"


class WindowsError(Exception):
    """What .NET would raise: its type, and its message in English."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


NO_PATH = "The network path was not found."


class Share:
    """A share of some server. ``readers`` are SIDs; None stands for everybody."""

    def __init__(self, folder: Path, readers: t.Optional[t.Collection[str]] = None) -> None:
        self.folder = folder
        self.readers = readers
        # Of directories in it, such as \\stable, the SIDs that may read there.
        self.closed: t.Dict[str, t.Collection[str]] = {}
        self.is_up = True
        # What Windows says of one that is not: ERROR_BAD_NETPATH, or another one of its "System Error Codes".
        self.error = NO_PATH


class Files:
    def __init__(self, folder: Path, drives: str = "C") -> None:
        self.drives = {f"{letter}:": folder / letter for letter in drives}
        for drive in self.drives.values():
            drive.mkdir(parents=True, exist_ok=True)
        self.shares: t.Dict[str, Share] = {}

    def real(self, path: str, sid: str) -> Path:
        """Where a path of Windows lies here; what is missing is below what is there."""
        if not path or "\0" in path:
            raise WindowsError("System.ArgumentException", "The path is not of a legal form.")
        path = ntpath.normpath(path)
        match = re.match(r"\\\\([^\\]+)\\([^\\]+)", path)
        if match:
            share = self.shares.get(match.group().lower())
            if share is None or not share.is_up:
                raise WindowsError("System.IO.IOException", share.error if share else NO_PATH)
            if share.readers is not None and sid not in share.readers:
                raise WindowsError("System.UnauthorizedAccessException", f"Access to the path '{path}' is denied.")
            current, rest = share.folder, path[match.end() :]
            if any(is_below(rest, name) and sid not in sids for name, sids in share.closed.items()):
                raise WindowsError("System.UnauthorizedAccessException", f"Access to the path '{path}' is denied.")
        else:
            drive, rest = ntpath.splitdrive(path)
            if drive.upper() not in self.drives or not rest.startswith("\\"):
                raise _missing(path)
            current = self.drives[drive.upper()]
        for part in rest.split("\\"):
            if part:
                current = _child(current, part)
        return current

    def windows(self, real: t.Union[str, Path]) -> str:
        """The path of Windows for one from here; what is none stays as it is."""
        for root, name in self._roots():
            try:
                relative = Path(real).relative_to(root)
            except ValueError:
                continue
            return ntpath.join(name + "\\", *relative.parts) if relative.parts else name + "\\"
        return str(real)

    def _roots(self) -> t.Iterator[t.Tuple[Path, str]]:
        for drive, folder in self.drives.items():
            yield folder, drive
        for name, share in self.shares.items():
            yield share.folder, name

    def listing(self, path: str, sid: str) -> t.List[Path]:
        real = self.real(path, sid)
        if not real.is_dir():
            raise _missing(path)
        return sorted(real.iterdir())

    def read(self, path: str, sid: str) -> bytes:
        with self.open(path, sid) as file:
            return file.read()

    def open(self, path: str, sid: str) -> t.BinaryIO:
        """:raises WindowsError: It is missing, or a directory, or may not be read."""
        real = self.real(path, sid)
        if real.is_dir():
            raise WindowsError("System.UnauthorizedAccessException", f"Access to the path '{path}' is denied.")
        if not real.exists():
            raise WindowsError("System.IO.FileNotFoundException", f"Could not find file '{path}'.")
        return real.open("rb")


def is_below(path: str, directory: str) -> bool:
    return (path + "\\").lower().startswith(directory.lower() + "\\")


def in_use(path: str) -> WindowsError:
    """ERROR_SHARING_VIOLATION, as .NET words it."""
    return WindowsError(
        "System.IO.IOException",
        f"The process cannot access the file '{path}' because it is being used by another process.",
    )


def _missing(path: str) -> WindowsError:
    return WindowsError("System.IO.DirectoryNotFoundException", f"Could not find a part of the path '{path}'.")


def _child(folder: Path, name: str) -> Path:
    exact = folder / name
    if not exact.exists() and folder.is_dir():
        for entry in folder.iterdir():
            if entry.name.lower() == name.lower():
                return entry
    return exact
