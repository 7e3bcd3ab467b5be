# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The base of the collection's action plugins: options, boundary, modules on the host."""

from __future__ import annotations

import abc
import functools
import ntpath
import typing as t

from ansible.errors import AnsibleError
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.action import ActionBase

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import on_controller
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    BuildError,
    MissingRequestsError,
    SwarmError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._options import check_peer_options
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import (
    harmless,
    harmless_lines,
    printable,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._secrets import masked_urls, masked_values
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._texts import in_texts
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import Windows
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows_look import look_at_windows

# The attribute of a task with its arguments as they are shown, and as they are.
_KEPT = "_vray_swarm_arguments"


class _ModuleFailed(Exception):
    """A module on the host failed; its result is the task's."""

    def __init__(self, result: t.Dict[str, t.Any]) -> None:
        super().__init__(result.get("msg"))
        self.result = result


class SwarmAction(ActionBase, abc.ABC):
    """An action of this collection says its options in ``SPEC`` and what it does in :meth:`act`."""

    _supports_check_mode = True
    _supports_async = False

    SPEC: t.ClassVar[t.Dict[str, t.Dict[str, t.Any]]]
    #: The option with settings of Swarm, of which some may be secret.
    SETTINGS: t.ClassVar[t.Optional[str]] = None
    #: The results that hold what a peer answered.
    ANSWERS: t.ClassVar[t.Tuple[str, ...]] = ()

    #: The options with their defaults.
    options: t.Dict[str, t.Any]
    #: The options as the task gives them.
    arguments: t.Dict[str, t.Any]
    #: The name of the host in the inventory.
    label: str
    #: Whether the peer is named by the task, so that the host of the task may be another one.
    peer_given: bool

    @abc.abstractmethod
    def act(self) -> t.Dict[str, t.Any]:
        """Do the work and return the result.

        :raises SwarmError: Its text becomes the message of the failed task.
        """

    def shown(self, settings: t.Any) -> t.Any:
        """The option with settings of Swarm as callbacks get it."""
        # The text of a mapping, which may hold anything, is masked as a whole.
        return masked_values(settings, isinstance(settings, str))

    def failure_facts(self) -> t.Dict[str, t.Any]:
        """What a failed task returns beside its message."""
        return {}

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        # A task with `until` is run again, by another action with the same task.
        shown, exact = getattr(self._task, _KEPT, (None, None))
        if exact is None or self._task.args != shown:
            exact = self._task.args
        self._task.args = exact
        try:
            return self._run(tmp, task_vars)
        finally:
            # Callbacks get them when the task has ended.
            if self.SETTINGS and self.SETTINGS in exact:
                shown = dict(exact, **{self.SETTINGS: self.shown(exact[self.SETTINGS])})
                self._task.args = shown
                # Of a task, callbacks get the attributes alone that Ansible knows.
                setattr(self._task, _KEPT, (shown, exact))

    def _run(self, tmp: t.Any, task_vars: t.Optional[t.Dict[str, t.Any]]) -> t.Dict[str, t.Any]:
        super().run(tmp, task_vars)
        self._task_vars = task_vars or {}
        _unused, self.options = self.validate_argument_spec(argument_spec=on_controller(self.SPEC))
        self.arguments = {name: value for name, value in self._task.args.items() if value is not None}
        self.label = str(self._task_vars.get("inventory_hostname", ""))
        if self.on_windows and self.options.get("data_dir"):
            # As Windows tells the executables of processes that are looked for there.
            self.options["data_dir"] = ntpath.normpath(self.options["data_dir"])
        self.peer_given = bool(self.options.get("peer"))
        if "peer" in self.options and not self.peer_given:
            self.options["peer"] = self._address()
        try:
            if "peer" in self.options:
                check_peer_options(self.options)
            result = self.act()
        except _ModuleFailed as failure:
            result = dict(self.failure_facts(), **failure.result)
        except MissingRequestsError as error:
            result = dict(self.failure_facts(), failed=True, msg=missing_required_lib("requests"), exception=str(error))
        except SwarmError as error:
            result = dict(self.failure_facts(), failed=True, msg=str(error))
        finally:
            # That of a module in the background is not known here any more.
            self._remove_tmp_path(self._connection._shell.tmpdir)
        if result.get("msg"):
            # It may hold what a peer answered, or what a file is called.
            result["msg"] = printable(f"{self.label}: {masked_urls(result['msg'])}")
        # Nothing is decided by these any more. What ansible-core says of an error has the message in it.
        told = {name: result[name] for name in ("exception", *self.ANSWERS) if name in result}
        result.update(in_texts(told, masked_urls))
        return _to_show(result)

    def run_module(self, name: str, arguments: t.Dict[str, t.Any], fail: bool = True) -> t.Dict[str, t.Any]:
        """Run a module on the host of the task; a look is run in check mode, too.

        :raises _ModuleFailed: The module failed, and ``fail`` is true.
        """
        no_log = self._task.no_log
        # The host would log the arguments, and swarm.yaml may be among them.
        self._task.no_log = bool(no_log or self.SETTINGS)
        try:
            result = self._execute_module(
                module_name=name, module_args=dict(arguments), task_vars=self._task_vars, wrap_async=self.in_background
            )
        finally:
            self._task.no_log = no_log
        return self.check(result) if fail else result

    @staticmethod
    def check(result: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
        """Return the result of a module.

        :raises _ModuleFailed: The module failed.
        """
        if result.get("failed") or result.get("unreachable"):
            raise _ModuleFailed({key: value for key, value in result.items() if key not in ("invocation", "changed")})
        return result

    @functools.cached_property
    def windows(self) -> Windows:
        """The host of the task, where that is a Windows one."""
        return Windows(self)

    def look_at_host(self, arguments: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
        """Return the facts about the host in one round trip, from Windows in two, and three at most."""
        told = dict(arguments)
        if self.peer_given or self.delegated:
            # The host that the task looks at need not be the peer: it finds out.
            told["peer"] = self.options["peer"]
        if self.on_windows:
            return look_at_windows(self.windows, told)
        return self.run_module("renderops.vray_swarm.peer_info", told)["look"]

    def find_build(self) -> str:
        """Find the option ``src`` on the controller."""
        try:
            return self._find_needle("files", self.options["src"])
        except AnsibleError as error:
            where = " ".join(str(error).partition("If you are using a module")[0].split())
            raise BuildError(
                f"The build {self.options['src']} was not found on the controller. {where} Correct src, or set"
                " remote_src if it lies on the host."
            ) from error

    @property
    def in_background(self) -> bool:
        """Whether the module runs in the background: async, where an action supports it."""
        return bool(self._task.async_val)

    @property
    def host(self) -> str:
        """The name of the host that the connection is to."""
        return str(self._task.delegate_to or self.label)

    @property
    def delegated(self) -> bool:
        """Whether that is another host."""
        return self.host != self.label

    @property
    def on_windows(self) -> bool:
        return bool(getattr(self._connection._shell, "_IS_WINDOWS", False))

    def _address(self) -> str:
        """The address of the host, also in a delegated task, where the connection is another one's."""
        address = self._task_vars.get("ansible_host") or self.label
        return str(self._templar.template(address))


def _to_show(result: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    """The result as it leaves: what was decided was decided on the exact values."""
    result = t.cast("t.Dict[str, t.Any]", harmless(result))
    # Unlike all else, these are not shown as JSON.
    if isinstance(result.get("exception"), str):
        result["exception"] = harmless_lines(result["exception"])
    if result.get("diff"):
        result["diff"] = {name: harmless_lines(text) for name, text in result["diff"].items()}
    return result
