# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation of ansible.windows, as it comes in the PyPI package ansible: what it says is what the double does."""

from __future__ import annotations

import ast
import functools
import importlib.util
import typing as t
from pathlib import Path

import yaml

# What any module can return.
_COMMON = frozenset(
    ("changed", "failed", "msg", "exception", "invocation", "warnings", "deprecations", "skipped", "diff")
)
# What modules return and do not document.
_MORE = {
    "ansible.windows.setup": {"ansible_facts"},
    # win_service_info.ps1 spells it so; its documentation says win32_exitcode.
    "ansible.windows.win_service_info": {"win32_exit_code", "win32_exitcode", "failure_actions_on_non_crash_failure"},
}
_TYPES: t.Dict[str, t.Tuple[type, ...]] = {
    "complex": (dict, list),
    "str": (str,),
    "path": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "list": (list,),
    "dict": (dict,),
}


class NotDocumented(Exception):
    """A module was given, or gave, what its documentation does not know."""


def folder() -> Path:
    """The modules of ansible.windows."""
    spec = importlib.util.find_spec("ansible_collections.ansible.windows")
    if spec is None or not spec.submodule_search_locations:
        raise NotDocumented("the collection ansible.windows is not there")
    return Path(next(iter(spec.submodule_search_locations))) / "plugins" / "modules"


@functools.cache
def documentation(module: str) -> t.Tuple[t.Dict[str, t.Any], t.Dict[str, t.Any]]:
    """The options and the results of a module."""
    namespace, _dot, name = module.rpartition(".")
    if namespace != "ansible.windows":
        raise NotDocumented(f"{module} is no module of ansible.windows")
    beside = folder() / f"{name}.yml"
    if beside.exists():
        texts = yaml.safe_load(beside.read_text(encoding="utf-8"))
        return texts["DOCUMENTATION"]["options"], texts.get("RETURN") or {}
    source = folder() / f"{name}.py"
    if not source.exists():
        raise NotDocumented(f"ansible.windows has no module {name}")
    found: t.Dict[str, t.Any] = {}
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id in ("DOCUMENTATION", "RETURN"):
                found[node.targets[0].id] = yaml.safe_load(ast.literal_eval(node.value))
    return found["DOCUMENTATION"].get("options") or {}, found.get("RETURN") or {}


def check_options(module: str, options: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return the options with their documented defaults.

    :raises NotDocumented: A name, a type or a value is none that the documentation knows.
    """
    return _check(module, documentation(module)[0], options)


def _check(where: str, spec: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    names = {alias: name for name, option in spec.items() for alias in (name, *(option.get("aliases") or []))}
    checked = {name: option.get("default") for name, option in spec.items()}
    given = set()
    for name, value in options.items():
        if name not in names:
            raise NotDocumented(f"{where} has no option {name}; its options are {', '.join(sorted(spec))}")
        if value is None:
            continue
        option = spec[names[name]]
        _check_type(f"{where}: {name}", option, value)
        checked[names[name]] = value
        given.add(names[name])
    missing = [name for name, option in spec.items() if option.get("required") in (True, "yes") and name not in given]
    if missing:
        raise NotDocumented(f"{where} needs the options {', '.join(missing)}")
    return checked


def _check_type(where: str, option: t.Mapping[str, t.Any], value: t.Any) -> None:
    kind = option.get("type", "str")
    if kind != "raw":
        is_one = isinstance(value, _TYPES[kind]) and not (isinstance(value, bool) and kind != "bool")
        if not is_one:
            raise NotDocumented(f"{where} is {value!r}, and the documentation says {kind}")
    if option.get("choices") and value not in option["choices"]:
        raise NotDocumented(f"{where} is {value!r}, and the documentation has {option['choices']}")
    if kind == "list":
        inner = option.get("suboptions") or option.get("options")
        for item in value:
            _check_type(where, {"type": option.get("elements", "raw")}, item)
            if inner:
                _check(where, inner, item)


def check_result(module: str, result: t.Mapping[str, t.Any]) -> None:
    """See to it that the double returns what the documentation says.

    :raises NotDocumented: It does not.
    """
    returns = documentation(module)[1]
    _check_keys(module, module, returns, result)
    if not result.get("failed") and not result.get("skipped"):
        for name, entry in returns.items():
            is_said = str(entry.get("returned")) in ("always", "success")
            if is_said and name not in result:
                raise NotDocumented(f"{module} returns {name} {entry['returned']}, and the double does not")


def _check_keys(module: str, where: str, returns: t.Mapping[str, t.Any], result: t.Mapping[str, t.Any]) -> None:
    unknown = set(result) - set(returns) - _COMMON - _MORE.get(module, set())
    if unknown:
        raise NotDocumented(f"{where} does not return {', '.join(sorted(unknown))}, as far as its documentation says")
    for name, entry in returns.items():
        value = result.get(name)
        # Some samples are of another type than is said beside them.
        if value is not None and value != entry.get("sample"):
            _check_type(f"{where}: {name}", {"type": entry.get("type", "raw")}, value)
        contains = entry.get("contains")
        if contains and value is not None:
            for item in value if isinstance(value, list) else [value]:
                _check_keys(module, f"{where}: {name}", contains, item)
