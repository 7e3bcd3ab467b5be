# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of ansible-playbook in the lab, and what came of it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .system import Cgroup, LabError, wait_until

#: A variable of the environment: where it is set, Ansible's own callback for reports is on.
REPORT = "LAB_REPORT"


@dataclasses.dataclass(frozen=True)
class Result:
    """What a task gave on one host."""

    host: str
    task: str
    action: str
    status: str  # ok, changed, failed, ignored, unreachable, skipped
    data: dict[str, Any] = dataclasses.field(repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.data[name]


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that has ended. Its text is the output, so that a failed assertion shows it."""

    status: int
    output: str
    results: list[Result]
    recap: dict[str, dict[str, int]]
    #: What Ansible's own callback for reports wrote, where it was asked to.
    report: str = ""

    def __repr__(self) -> str:
        return f"<run with status {self.status}>\n{self.output}"

    @property
    def succeeded(self) -> bool:
        return self.status == 0

    @property
    def changed(self) -> dict[str, int]:
        """How many tasks changed something, by host, in the order of names; hosts without a change are left out."""
        return {host: counts["changed"] for host, counts in sorted(self.recap.items()) if counts["changed"]}

    @property
    def unreachable(self) -> list[str]:
        return sorted(host for host, counts in self.recap.items() if counts["unreachable"])

    @property
    def failed(self) -> list[str]:
        return sorted(host for host, counts in self.recap.items() if counts["failures"])

    def of(self, host: str = "", task: str = "", action: str = "") -> list[Result]:
        """The results of one host, one task (the end of its name) or one module, in the order they came."""
        return [
            result
            for result in self.results
            if host in ("", result.host) and result.task.endswith(task) and action in ("", result.action)
        ]

    def one(self, host: str = "", task: str = "", action: str = "") -> Result:
        found = self.of(host, task, action)
        if len(found) != 1:
            raise LabError(f"{len(found)} results of {host} {task} {action}, and one was expected: {self!r}")
        return found[0]


class Playing:
    """A run under way. Leaving the ``with`` block ends it, with the ssh connections that it keeps open."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], folder: Path, cgroup: Cgroup) -> None:
        self.folder = folder
        self.cgroup = cgroup
        self.events = folder / "events.jsonl"
        self.log = folder / "output.txt"
        callbacks = "lab_results,ansible.builtin.junit" if environ.get(REPORT) else "lab_results"
        environ = {
            **environ,
            "ANSIBLE_CALLBACKS_ENABLED": callbacks,
            "JUNIT_OUTPUT_DIR": str(folder / "reports"),
            "LAB_RESULTS": str(self.events),
        }
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # The controller's terminal is not the lab's: Ctrl-C ends the run by way of the with block.
                start_new_session=True,
            )

    def __enter__(self) -> Playing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """As if the power of the control machine failed."""
        self.cgroup.kill()
        self.process.wait()
        self.cgroup.remove()

    def wait(self, timeout: float = 300) -> Run:
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"the playbook did not end in {timeout:g} s:\n{self.output}") from None
        report = "".join(path.read_text(encoding="utf-8") for path in self.folder.glob("reports/*.xml"))
        return Run(status, self.output, self.results(), self._recap(), report)

    def wait_for_task(self, task: str, host: str = "", timeout: float = 60) -> None:
        """Wait until a task (the end of its name) has started, on a host if one is given."""
        for dummy in wait_until(time.monotonic() + timeout):
            for event in self._read("start"):
                if event["task"].endswith(task) and host in ("", event["host"]):
                    return
            if self.process.poll() is not None:
                break
        raise LabError(f"{task} did not start:\n{self.output}")

    def wait_for_output(self, text: str, timeout: float = 60) -> None:
        """Wait until a run has said something."""
        for dummy in wait_until(time.monotonic() + timeout):
            if text in self.output:
                return
            if self.process.poll() is not None:
                break
        raise LabError(f"it did not say {text!r}:\n{self.output}")

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def results(self) -> list[Result]:
        """What has ended so far."""
        names = [field.name for field in dataclasses.fields(Result)]
        return [Result(*(event[name] for name in names)) for event in self._read("result")]

    def _recap(self) -> dict[str, dict[str, int]]:
        return next((dict(event["recap"]) for event in self._read("recap")), {})

    def _read(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind, by how their lines begin: results are long, and who waits for a task reads often."""
        if not self.events.exists():
            return []
        text = self.events.read_text(encoding="utf-8")
        begin = f'{{"event": "{kind}"'
        # The last line may be half written.
        lines = text[: text.rfind("\n") + 1].split("\n")
        return [json.loads(line) for line in lines if line.startswith(begin)]
