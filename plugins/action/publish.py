# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""publish: a build on the controller is sent into the share's staging directory, between two runs of the module."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import publish_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import OpenBuild, identify
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._publish import (
    check_build,
    check_options,
    check_sha256,
    count_unpacked,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import SwarmAction
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._run_cache import sha256_once

_MODULE = "renderops.vray_swarm.publish"


class ActionModule(SwarmAction):
    SPEC = publish_spec()

    def act(self) -> t.Dict[str, t.Any]:
        if self.on_windows:
            raise OptionsError("publish works on POSIX hosts: run it on the share's server, or on one that mounts it.")
        if not self.options["src"] or self.options["remote_src"]:
            return self.run_module(_MODULE, self.arguments, fail=False)
        check_options(self.options)
        src = self.find_build()
        with OpenBuild(src) as source:
            build = identify(source, self.options["platform"])
            platform, digest = check_build(build, self.options), sha256_once(source)
            source.check()
        check_sha256(src, digest, self.options["checksum"])
        told = dict(self.arguments, src=src, platform=platform, checksum=f"sha256:{digest}", size=build.size)
        decided = self.run_module(_MODULE, told, fail=False)
        stage = decided.pop("staging", None)
        if not stage:
            if self._task.check_mode and decided.get("changed"):
                count_unpacked(src, self.options)
            return decided
        published: t.Dict[str, t.Any] = {"failed": True}
        try:
            # What is damaged is not sent. The host counts what it has got.
            count_unpacked(src, self.options)
            sent = self._send(src, stage)
            published = self.run_module(_MODULE, dict(told, src=sent, remote_src=True), fail=False)
        finally:
            # The module removes the directory of what it was given there.
            if published.get("failed") or published.get("unreachable") or not self._can_send_into_share():
                self.run_module("ansible.builtin.file", {"path": stage, "state": "absent"}, fail=False)
        return published

    def _send(self, src: str, stage: str) -> str:
        """Send the build to the host, under its name; return where it is."""
        if self._can_send_into_share():
            return self._transfer_file(src, self._connection._shell.join_path(stage, os.path.basename(src)))
        # The user who logs in may not write there, and the one whom the task becomes gets no file from here.
        folder = self._connection._shell.tmpdir or self._make_tmp_path()
        sent = self._transfer_file(src, self._connection._shell.join_path(folder, os.path.basename(src)))
        self._fixup_perms2((folder, sent))
        return sent

    def _can_send_into_share(self) -> bool:
        become = self._connection.become
        return become is None or self.get_become_option("become_user") == self._get_remote_user()
