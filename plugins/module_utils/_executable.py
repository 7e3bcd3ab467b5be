# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What the header of an executable or a library tells.

The layouts are those of the PE/COFF specification, elf.h, and Apple's loader.h and fat.h.
"""

from __future__ import annotations

import dataclasses
import struct
import typing as t

ARCHITECTURES = ("x86", "Arm64")
HEAD_BYTES = 4096

_PE_HEADER_LIMIT = 64 * 1024
_PE_MACHINES = {
    0x014C: "x86",
    0x8664: "x86",
    0xAA64: "Arm64",
    0xA641: "Arm64",  # ARM64EC
    0xA64E: "Arm64",  # ARM64X
}
_ELF_MACHINES = {3: "x86", 62: "x86", 183: "Arm64"}
_ELF_SYSTEMS = {0: "Linux", 3: "Linux"}  # System V, which Linux uses; GNU/Linux
_MACH_CPUS = {7: "x86", 0x01000007: "x86", 0x0100000C: "Arm64"}
_MACH_THIN = {
    b"\xfe\xed\xfa\xce": ">",
    b"\xfe\xed\xfa\xcf": ">",
    b"\xce\xfa\xed\xfe": "<",
    b"\xcf\xfa\xed\xfe": "<",
}
_MACH_FAT = {b"\xca\xfe\xba\xbe": 20, b"\xca\xfe\xba\xbf": 32}
# A Java class begins like a universal binary, with its version where that has the number of architectures. The
# versions start at 45; no universal binary has so many parts.
_MACH_FAT_LIMIT = 30


@dataclasses.dataclass(frozen=True)
class Executable:
    """What the header of an executable or a library tells."""

    format: str
    os: t.Optional[str]
    architectures: t.Tuple[str, ...]

    @property
    def platforms(self) -> t.Tuple[str, ...]:
        """Return the platforms that it is made for; none for those that V-Ray is not made for."""
        if self.os is None:
            return ()
        return tuple("%s_%s" % (self.os, architecture) for architecture in self.architectures)


def read_executable(read: t.Callable[[int], bytes]) -> t.Optional[Executable]:
    """Read the header of an executable or a library; None for anything else."""
    head = read(HEAD_BYTES)
    if head.startswith(b"MZ") and len(head) >= 64:
        offset = struct.unpack_from("<I", head, 60)[0]
        missing = offset + 6 - len(head)
        if 0 < missing <= _PE_HEADER_LIMIT:
            head += read(missing)
        if head[offset : offset + 4] != b"PE\x00\x00" or len(head) < offset + 6:
            return None
        machine = _PE_MACHINES.get(struct.unpack_from("<H", head, offset + 4)[0])
        return Executable("pe", "Windows", (machine,) if machine else ())
    if head.startswith(b"\x7fELF") and len(head) >= 20 and head[5] in (1, 2):
        machine = _ELF_MACHINES.get(struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)[0])
        return Executable("elf", _ELF_SYSTEMS.get(head[7]), (machine,) if machine else ())
    if head[:4] in _MACH_THIN and len(head) >= 8:
        cpu = _MACH_CPUS.get(struct.unpack_from(_MACH_THIN[head[:4]] + "I", head, 4)[0])
        return Executable("mach-o", "macOS", (cpu,) if cpu else ())
    if head[:4] in _MACH_FAT and len(head) >= 8:
        count = struct.unpack_from(">I", head, 4)[0]
        entry = _MACH_FAT[head[:4]]
        if 0 < count <= _MACH_FAT_LIMIT and len(head) >= 8 + count * entry:
            cpus = {_MACH_CPUS.get(struct.unpack_from(">I", head, 8 + index * entry)[0]) for index in range(count)}
            return Executable("mach-o", "macOS", tuple(name for name in ARCHITECTURES if name in cpus))
    return None
