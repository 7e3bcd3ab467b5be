# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callback lab_results: what happens in a run, as JSON lines, for the scenarios."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: lab_results
type: notification
short_description: Writes events as JSON lines
description:
  - Writes a line for each start of a task on a host, each result with the arguments of its task, and the recap, into the
    file that E(LAB_RESULTS) names.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "lab_results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, event: str, **fields: Any) -> None:
        with open(os.environ["LAB_RESULTS"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps({"event": event, **fields}, default=str) + "\n")

    def _result(self, result: Any, status: str) -> None:
        # 2.19 made them public, and warns about the old names.
        public = hasattr(result, "result")
        data, host, task = (
            (result.result, result.host, result.task) if public else (result._result, result._host, result._task)
        )
        # Not its public twin: 2.21 warns about that one, and looks through the stack each time to say who asked.
        fields = result._task_fields
        if status == "ok" and data.get("changed"):
            status = "changed"
        name = str(task.get_name())
        # As callbacks that record arguments have them, each template in them evaluated.
        args = None if fields.get("no_log") else fields.get("args")
        self._write("result", host=host.get_name(), task=name, action=task.action, status=status, data=data, args=args)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._write("start", host=host.get_name(), task=str(task.get_name()))

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result(result, "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result(result, "skipped")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._write("recap", recap={host: stats.summarize(host) for host in stats.processed})
