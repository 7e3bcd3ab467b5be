# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""build_info: the module, but on Windows a script reads the bytes that tell what a build is, and they are judged here."""

from __future__ import annotations

import base64
import ntpath
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import build_info_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import (
    Build,
    PartError,
    changed,
    identify_part,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import SwarmAction

_MODULE = "renderops.vray_swarm.build_info"

# What tells all but a few builds, and what tells the rest: a tar.bz2 is unpacked by blocks of up to 900 kB, and a program
# can lie anywhere in what is packed.
_START = 4096
_LONG_START = 1 << 20
# What is packed or hidden behind a script is told by more of the file: its first program alone may be for another system.
_PACKED = ("tar.gz", "tar.xz", "tar.bz2", "shell")


class ActionModule(SwarmAction):
    SPEC = build_info_spec()
    _supports_async = True

    def act(self) -> t.Dict[str, t.Any]:
        if not self.on_windows:
            return self.run_module(_MODULE, self.arguments, fail=False)
        if self.in_background:
            raise OptionsError("A build on a Windows host is looked at from the controller: leave async out.")
        found = self._look(StartBytes=_START, Identify=True, Checksums=self.options["sha256"])
        try:
            is_told = found["bytes"] <= _START or self._identify(found, None).format not in _PACKED
        except PartError:
            is_told = False
        if not is_told:
            more = self._look(StartBytes=_LONG_START)
            if (more["bytes"], more["written"]) != (found["bytes"], found["written"]):
                raise changed(self.options["src"], to_keep=False)
            found = dict(found, start=more["start"])
        build = self._identify(found, self.options["platform"])
        return {"changed": False, "sha256": found["sha256"], **build.as_result()}

    def _look(self, **parameters: t.Any) -> t.Dict[str, t.Any]:
        return t.cast("t.Dict[str, t.Any]", self.windows.look_at_build(self.options["src"], **parameters)["build"])

    def _identify(self, found: t.Mapping[str, t.Any], platform: t.Optional[str]) -> Build:
        src, start = self.options["src"], base64.b64decode(found["start"])
        programs = [base64.b64decode(program) for program in found["programs"]]
        return identify_part(src, ntpath.basename(src), found["bytes"], start, programs, platform)
