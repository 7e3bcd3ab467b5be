# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PowerShell script may do, judged by its tree: what only a run on Windows would show otherwise.

RULES is the whole list. Each takes a script and tells what it finds. They follow the help of Windows PowerShell 5.1
(about_Variables, about_Automatic_Variables, about_Scopes, about_Return, about_Arrays) and the documentation of its
cmdlets and of the .NET Framework, and are stricter than these where that keeps them short.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator
from typing import Callable

import tree_sitter
import tree_sitter_pwsh

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_pwsh.language()))
Node = tree_sitter.Node
Found = Iterator[tuple[Node, str]]

# -- what Windows PowerShell 5.1 and the .NET Framework have ----------------------------------------------------

# about_Automatic_Variables. Who assigns to one changes what PowerShell keeps there, or gets an error.
AUTOMATIC = frozenset(
    "$ ? ^ _ args consolefilename error event eventargs eventsubscriber executioncontext false foreach home host input"
    " lastexitcode matches myinvocation nestedpromptlevel pid profile psboundparameters pscmdlet pscommandpath psculture"
    " psdebugcontext psedition pshome psitem psscriptroot pssenderinfo psuiculture psversiontable pwd sender shellid"
    " sourceargs sourceeventargs stacktrace switch this true".split()
)
# What a script may read that it has not assigned. $Ansible is of win_powershell.
READABLE = {"_", "null", "true", "false", "Ansible"}
# about_Preference_Variables: the one that scripts set.
PREFERENCE = "ErrorActionPreference"
# about_CommonParameters: those with a value, and switches.
COMMON = (
    "ErrorAction WarningAction InformationAction ErrorVariable WarningVariable InformationVariable OutVariable OutBuffer"
    " PipelineVariable | Verbose Debug"
)
# Of those that ask before they change something.
ASK = " WhatIf Confirm"
# Cmdlets, each with its documented parameters that take a value, and its switches. An alias or a cmdlet of PowerShell 7
# is none of them, nor is one that reads or writes text in an encoding that depends on the host.
CMDLETS = {
    "ConvertFrom-Json": "InputObject |",
    "ConvertTo-Json": "InputObject Depth | Compress",
    "Disable-ScheduledTask": "TaskName TaskPath InputObject CimSession ThrottleLimit | AsJob",
    "Enable-ScheduledTask": "TaskName TaskPath InputObject CimSession ThrottleLimit | AsJob",
    "Export-ScheduledTask": "TaskName TaskPath CimSession ThrottleLimit | AsJob",
    "ForEach-Object": "Process Begin End RemainingScripts MemberName ArgumentList InputObject |" + ASK,
    "Get-CimInstance": "ClassName Namespace Property Filter Query QueryDialect OperationTimeoutSec ComputerName CimSession"
    " InputObject ResourceUri | KeyOnly Shallow",
    "Get-Date": "Date Year Month Day Hour Minute Second Millisecond DisplayHint Format UFormat |",
    "Get-Item": "Path LiteralPath Filter Include Exclude Credential Stream | Force UseTransaction",
    "Get-NetTCPConnection": "LocalAddress LocalPort RemoteAddress RemotePort State AppliedSetting OwningProcess CreationTime"
    " OffloadState CimSession ThrottleLimit | AsJob",
    "Get-ScheduledTask": "TaskName TaskPath CimSession ThrottleLimit | AsJob",
    "Get-ScheduledTaskInfo": "TaskName TaskPath InputObject CimSession ThrottleLimit | AsJob",
    "Get-Service": "Name DisplayName Include Exclude ComputerName InputObject | DependentServices RequiredServices",
    "Invoke-CimMethod": "ClassName InputObject MethodName Arguments Namespace Query QueryDialect ResourceUri"
    " OperationTimeoutSec ComputerName CimSession CimClass |" + ASK,
    "Join-Path": "Path ChildPath Credential | Resolve UseTransaction",
    "New-Object": "TypeName ArgumentList Property ComObject | Strict",
    "New-ScheduledTask": "Action Principal Trigger Settings Description CimSession ThrottleLimit | AsJob",
    "New-ScheduledTaskAction": "Execute Argument WorkingDirectory Id CimSession ThrottleLimit | AsJob",
    "New-ScheduledTaskPrincipal": "UserId GroupId LogonType RunLevel ProcessTokenSidType RequiredPrivilege Id CimSession"
    " ThrottleLimit | AsJob",
    "New-ScheduledTaskSettingsSet": "Compatibility DeleteExpiredTaskAfter ExecutionTimeLimit IdleDuration IdleWaitTimeout"
    " MaintenanceDeadline MaintenancePeriod MultipleInstances NetworkId NetworkName Priority RestartCount RestartInterval"
    " CimSession ThrottleLimit | AllowStartIfOnBatteries AsJob Disable DisallowDemandStart DisallowHardTerminate"
    " DisallowStartOnRemoteAppSession DontStopIfGoingOnBatteries DontStopOnIdleEnd Hidden MaintenanceExclusive"
    " RestartOnIdle RunOnlyIfIdle RunOnlyIfNetworkAvailable StartWhenAvailable WakeToRun",
    "New-ScheduledTaskTrigger": "At DaysInterval DaysOfWeek RandomDelay RepetitionDuration RepetitionInterval User"
    " WeeksInterval CimSession ThrottleLimit | AsJob AtLogOn AtStartup Daily Once Weekly",
    "Register-ScheduledTask": "Action Description InputObject Password Principal RunLevel Settings TaskName TaskPath Trigger"
    " User Xml CimSession ThrottleLimit | AsJob Force",
    "Restart-Service": "Name DisplayName InputObject Include Exclude | Force PassThru" + ASK,
    "Select-Object": "Property ExcludeProperty ExpandProperty First Last Skip SkipLast Index InputObject | Unique Wait",
    "Set-ScheduledTask": "Action Password Principal Settings TaskName TaskPath Trigger User InputObject CimSession"
    " ThrottleLimit | AsJob",
    "Sort-Object": "Property Culture InputObject | Descending Unique CaseSensitive",
    "Start-ScheduledTask": "TaskName TaskPath InputObject CimSession ThrottleLimit | AsJob",
    "Start-Service": "Name DisplayName InputObject Include Exclude | PassThru" + ASK,
    "Start-Sleep": "Seconds Milliseconds |",
    "Stop-ScheduledTask": "TaskName TaskPath InputObject CimSession ThrottleLimit | AsJob",
    "Stop-Service": "Name DisplayName InputObject Include Exclude | Force NoWait PassThru" + ASK,
    "Unregister-ScheduledTask": "TaskName TaskPath InputObject CimSession ThrottleLimit | AsJob PassThru" + ASK,
    "Wait-Process": "Name Id InputObject Timeout |",
    "Where-Object": "FilterScript Property Value InputObject | EQ NE GT GE LT LE Like NotLike Match NotMatch Contains"
    " NotContains In NotIn Is IsNot CEQ CNE CLike CMatch",
}
# Those that return nothing (and in MANY, those that may return one thing, some or none).
QUIET = {
    "Restart-Service",
    "Start-ScheduledTask",
    "Start-Service",
    "Start-Sleep",
    "Stop-ScheduledTask",
    "Stop-Service",
    "Unregister-ScheduledTask",
    "Wait-Process",
}
MANY = {"ForEach-Object", "Get-CimInstance", "Get-Item", "Get-NetTCPConnection", "Get-ScheduledTask", "Get-Service"}
MANY |= {"Select-Object", "Sort-Object", "Where-Object"}
# Types, with the static members that scripts use: all are in the .NET Framework 4.5. A number is how many arguments a
# member takes where newer versions of .NET take more.
TYPES = {
    "BitConverter": "ToInt32 ToString",
    "Convert": "FromBase64String ToBase64String ToInt64",
    "DateTime": "Now Parse UtcNow new",
    "Diagnostics.Process": "GetProcessById Start",
    "Diagnostics.ProcessStartInfo": "new",
    "Diagnostics.Stopwatch": "StartNew",
    "Environment": "MachineName SystemDirectory",
    "Guid": "NewGuid",
    "IO.DirectoryInfo": "new",
    "IO.DirectoryNotFoundException": "",
    "IO.Directory": "CreateDirectory Delete Exists",
    "IO.DriveInfo": "new",
    "IO.DriveType": "Fixed",
    "IO.File": "Copy Create Delete Exists GetAccessControl GetAttributes GetLastWriteTimeUtc Move/2 Open ReadAllBytes"
    " Replace SetAccessControl SetLastWriteTimeUtc WriteAllBytes",
    "IO.FileAccess": "Read ReadWrite Write",
    "IO.FileAttributes": "ReparsePoint",
    "IO.FileInfo": "new",
    "IO.FileMode": "Create CreateNew Open OpenOrCreate",
    "IO.FileNotFoundException": "",
    "IO.FileOptions": "DeleteOnClose None WriteThrough",
    "IO.FileShare": "Delete None Read ReadWrite",
    "IO.FileStream": "new",
    "IO.IOException": "",
    "IO.Path": "Combine GetDirectoryName GetFileName GetPathRoot GetTempPath",
    "Math": "Max Min",
    "Net.Dns": "GetHostAddresses",
    "Net.IPAddress": "IsLoopback",
    "Net.NetworkInformation.NetworkInterface": "GetAllNetworkInterfaces",
    "Net.WebRequest": "Create",
    "NullString": "Value",
    "Security.AccessControl.AccessControlSections": "Access Owner",
    "Security.AccessControl.FileSecurity": "new",
    "Security.AccessControl.FileSystemRights": "FullControl Modify Read ReadAndExecute Write",
    "Security.Cryptography.SHA256": "Create",
    "Security.Principal.NTAccount": "new",
    "Security.Principal.SecurityIdentifier": "new",
    "Security.Principal.WindowsIdentity": "GetCurrent",
    "ServiceProcess.ServiceControllerStatus": "Running Stopped",
    "StringComparison": "Ordinal OrdinalIgnoreCase",
    "Text.Encoding": "ASCII UTF8 Unicode",
    "TimeSpan": "FromDays FromHours FromMilliseconds FromMinutes FromSeconds Zero",
    "UnauthorizedAccessException": "",
    **dict.fromkeys("bool byte char datetime double int long string timespan".split(), ""),
}
# Methods that return nothing, of whatever object they are called.
SILENT = set(
    "Close CopyTo Delete Dispose Flush Kill Move Push Refresh Restart SetAccessRuleProtection SetLastWriteTimeUtc Start"
    " Stop Wait WaitForExit WaitForStatus Write WriteAllBytes".split()
)
SILENT_STATIC = {"IO.File::Replace", "IO.File::Copy"}
# Of a hashtable: a key of this name hides them, or is hidden.
OF_HASHTABLES = set("count item isfixedsize isreadonly issynchronized keys syncroot values".split())


# -- trees -----------------------------------------------------------------------------------------------------


def text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def walk(node: Node, into: Callable[[Node], bool] = lambda node: True) -> Iterator[Node]:
    """All nodes below one, in order; not what is below those which are not to be gone into."""
    for below in node.children:
        yield below
        if into(below):
            yield from walk(below, into)


def climb(node: Node) -> Iterator[Node]:
    """All nodes above one."""
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def child(node: Node, *types: str) -> Node | None:
    return next((found for found in node.children if found.type in types), None)


def name_of(variable: Node) -> str:
    return text(variable).lstrip("$@").strip("{}")


def is_kept(node: Node) -> bool:
    """A block that is the value of a variable: its text is run by another PowerShell, maybe behind that of others."""
    above = [parent.type for _dummy, parent in zip(range(4), climb(node))]
    return node.type == "script_block_expression" and above == [
        "unary_expression",
        "pipeline_chain",
        "assignment_value",
        "assignment_expression",
    ]


def is_scope(node: Node) -> bool:
    """A script, a function, or a block that is kept. Other blocks see and set what is around them."""
    return node.type in ("program", "function_statement") or is_kept(node)


@dataclasses.dataclass(frozen=True)
class Parameter:
    name: str
    type: str  # with brackets; empty where none is said
    node: Node


@dataclasses.dataclass
class Scope:
    """A script, a function or a block that is kept, and what belongs to it alone."""

    node: Node
    outer: Scope | None

    @functools.cached_property
    def nodes(self) -> list[Node]:
        return list(walk(self.node, lambda node: not is_scope(node)))

    @functools.cached_property
    def parameters(self) -> list[Parameter]:
        """Found by their commas: the parser takes what follows a default for a part of it."""
        found: list[Parameter] = []
        for block in self.nodes:
            if block.type != "parameter_list":
                continue
            depth, kind, is_named = 0, "", False
            for leaf in walk(block, lambda node: node.type not in ("variable", "type_literal")):
                if leaf.type == "," and depth == 0:
                    kind, is_named = "", False
                elif leaf.type == "type_literal" and not is_named:
                    kind += text(leaf)
                elif leaf.type == "variable" and not is_named:
                    found.append(Parameter(name_of(leaf), kind, leaf))
                    is_named = True
                elif leaf.type in ("(", "@(", "$(", "{", "@{"):
                    depth += 1
                elif leaf.type in (")", "}"):
                    depth -= 1
            break
        return found

    @functools.cached_property
    def assigned(self) -> list[Node]:
        """The variables that get a value here."""
        found = []
        for node in self.nodes:
            if node.type == "left_assignment_expression":
                found += [
                    part
                    for part in walk(node, lambda node: node.type not in ("member_access", "element_access"))
                    if part.type == "variable"
                ]
            elif node.type == "foreach_statement" or re.fullmatch("(pre|post)_(in|de)crement_expression", node.type):
                found += [part for part in node.children if part.type == "variable"]
        return found

    @functools.cached_property
    def names(self) -> set[str]:
        """What gets a value here."""
        return {parameter.name for parameter in self.parameters} | {name_of(node) for node in self.assigned}

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is run by another PowerShell, which has nothing of the script but what is kept."""
        return is_kept(self.node) or (self.outer is not None and self.outer.is_elsewhere)


class Script:
    def __init__(self, source: bytes) -> None:
        self.root = PARSER.parse(source).root_node
        self.scopes = [Scope(self.root, None)]
        for scope in self.scopes:
            # The list grows while it is read: what is nested comes later.
            self.scopes += [Scope(node, scope) for node in scope.nodes if is_scope(node)]
        self.nodes = list(walk(self.root))
        self.functions = {
            text(name): scope
            for scope in self.scopes
            for name in scope.node.children[:2]
            if scope.node.type == "function_statement" and name.type == "function_name"
        }

    def readable(self, scope: Scope) -> set[str]:
        """The names that can be read in a scope."""
        if is_kept(scope.node):
            return set().union(*(other.names for other in self.scopes if is_kept(other.node)))
        return scope.names | (self.readable(scope.outer) if scope.outer else set())

    def scope_of(self, node: Node) -> Scope:
        around = next(above for above in climb(node) if is_scope(above))
        return next(scope for scope in self.scopes if scope.node == around)

    def of_type(self, *types: str) -> list[Node]:
        return [node for node in self.nodes if node.type in types]


def parameters_of(usage: str) -> tuple[set[str], set[str]]:
    """From a line of the table: the parameters with a value, and the switches."""
    values, switches = (set(part.split()) for part in usage.split("|"))
    return values, switches


@dataclasses.dataclass
class Call:
    """A command with what it is given."""

    name: str
    parameters: list[str]
    positional: int


def call_of(command: Node) -> Call:
    name = child(command, "command_name")
    call = Call(text(name) if name else "", [], 0)
    switches = parameters_of(COMMON)[1] | parameters_of(CMDLETS.get(call.name, "|"))[1]
    expects = False
    for element in (child(command, "command_elements") or command).children:
        if element.type == "command_argument_sep":
            expects = expects or ":" in text(element)
        elif element.type == "command_parameter":
            call.parameters.append(text(element).strip("-:"))
            expects = call.parameters[-1] not in switches
        elif element.type in ("redirection", "redirections", "command_name", "comment", "argument_list"):
            # The last one belongs to the method before it.
            continue
        elif text(element).startswith("@") and child(element, "variable"):
            # What is splatted is not looked into.
            call.parameters.append("@")
        elif expects:
            expects = False
        else:
            call.positional += 1
    return call


def is_taken(statement: Node) -> bool:
    """Whether what a statement returns is meant to be: it is the last one, and something is around it that takes it."""
    behind = statement.next_named_sibling
    while behind is not None and behind.type == "comment":
        behind = behind.next_named_sibling
    takers = ("function_statement", "script_block_expression", "sub_expression", "array_expression")
    return behind is None and any(above.type in takers for above in climb(statement))


# -- rules -----------------------------------------------------------------------------------------------------


def no_parameter_is_assigned(script: Script) -> Found:
    """Names know no case, and a parameter keeps its type: [string] $Build makes a text of $build = @{ }."""
    for scope in script.scopes:
        parameters = {parameter.name.lower(): parameter for parameter in scope.parameters}
        for node in scope.assigned:
            parameter = parameters.get(name_of(node).lower())
            if parameter:
                yield node, f"{text(node)} is the parameter {parameter.type} ${parameter.name}: use another name"


def no_automatic_variable_is_assigned(script: Script) -> Found:
    """PowerShell sets these, or refuses that they are set."""
    for scope in script.scopes:
        for node in [*scope.assigned, *(parameter.node for parameter in scope.parameters)]:
            if name_of(node).lower() in AUTOMATIC:
                yield node, f"{text(node)} is PowerShell's own variable"


def no_parameter_has_a_common_name(script: Script) -> Found:
    """A script with CmdletBinding has these already."""
    values, switches = parameters_of(COMMON + ASK)
    for parameter in script.scopes[0].parameters:
        if parameter.name.lower() in {name.lower() for name in values | switches}:
            yield parameter.node, f"${parameter.name} is one of PowerShell's common parameters"


def one_spelling(script: Script) -> Found:
    """Two spellings of a name are one variable, which is seldom meant."""
    for scope in script.scopes:
        spelled: dict[str, str] = {parameter.name.lower(): parameter.name for parameter in scope.parameters}
        for node in scope.nodes:
            if node.type == "variable" and ":" not in text(node):
                name = name_of(node)
                if spelled.setdefault(name.lower(), name) != name:
                    yield node, f"{text(node)} is the same variable as ${spelled[name.lower()]}"


def what_is_read_is_there(script: Script) -> Found:
    """What is misspelled is $null. $_ is there in blocks and behind catch."""
    for scope in script.scopes:
        known = script.readable(scope) | READABLE | {PREFERENCE}
        for node in scope.nodes:
            name = name_of(node)
            if node.type != "variable" or name.startswith("env:"):
                continue
            if name not in known:
                yield node, f"{text(node)} is never assigned"
            elif name == "_" and not any(
                above.type in ("script_block_expression", "catch_clause", "switch_body") for above in climb(node)
            ):
                yield node, "$_ is not set here"


def errors_stop(script: Script) -> Found:
    """An error that does not end a script would be told in none of its results."""
    if not re.search(rf"(?m)^\${PREFERENCE} = 'Stop'$", text(script.root)):
        yield script.root, f"${PREFERENCE} is not set to 'Stop'"


def commands_are_known(script: Script) -> Found:
    """By its whole name, with whole names of documented parameters, and nothing by its place."""
    for node in script.of_type("command"):
        call = call_of(node)
        if call.name in script.functions:
            continue
        if call.name not in CMDLETS:
            what = "is no cmdlet of the table CMDLETS, nor a function" if call.name else "is called without a name"
            yield node, f"{call.name or text(node)[:40]} {what}"
            continue
        known = {"@"}.union(*parameters_of(CMDLETS[call.name]), *parameters_of(COMMON))
        for parameter in call.parameters:
            if parameter not in known:
                yield node, f"{call.name} has no parameter -{parameter}"
        if call.positional:
            yield node, f"{call.name} is given something without the name of its parameter"


def a_look_is_no_change(script: Script) -> Found:
    """In check mode, win_powershell sets WhatIf for a script that supports it, and what asks does nothing."""
    if "[CmdletBinding(SupportsShouldProcess)]" not in text(script.root):
        return
    for node in script.of_type("command"):
        call = call_of(node)
        asks = CMDLETS.get(call.name, "").endswith(ASK) and call.name != "ForEach-Object"
        if asks and "WhatIf" not in call.parameters:
            yield node, f"{call.name} does nothing in check mode: write -WhatIf:$false"


def functions_get_what_they_declare(script: Script) -> Found:
    """What a function is not given is $null, and what it does not declare is dropped."""
    for node in script.of_type("command"):
        call = call_of(node)
        if call.name not in script.functions:
            continue
        scope = script.functions[call.name]
        declared = {parameter.name for parameter in scope.parameters}
        for name in set(call.parameters) - declared:
            yield node, f"{call.name} has no parameter -{name}"
        if len(call.parameters) + call.positional != len(declared):
            yield node, f"{call.name} has {len(declared)} parameters, and gets {len(call.parameters) + call.positional}"
        if scope.is_elsewhere != script.scope_of(node).is_elsewhere:
            yield node, f"{call.name} is not there when this is run"
        if scope.node.start_byte > node.start_byte:
            yield node, f"{call.name} is called before it is defined"


def types_are_known(script: Script) -> Found:
    """What is no type of the .NET Framework is an error only when the line is run."""
    for node in script.of_type("type_literal"):
        name = text(node).strip("[]")
        if name not in TYPES:
            yield node, f"[{name}] is no type of the table TYPES"
            continue
        # Of a call: a static one.
        after = node.next_sibling
        if after is None or after.type != "::" or node.parent is None:
            continue
        member = child(node.parent, "member_name")
        known = dict([*entry.split("/"), ""][:2] for entry in TYPES[name].split())
        said = text(member) if member else ""
        if said not in known:
            yield node, f"[{name}]::{said} is no member of the table TYPES"
        elif known[said]:
            given = walk(node.parent, lambda node: node.type != "argument_expression")
            arguments = [part for part in given if part.type == "argument_expression"]
            if len(arguments) != int(known[said]):
                yield node, f"[{name}]::{said} takes {known[said]} arguments"


def null_stands_left(script: Script) -> Found:
    """With an array on its left, -eq filters (about_Comparison_Operators)."""
    for node in script.of_type("comparison_expression", "comparison_argument_expression"):
        if node.children and text(node.children[-1]) == "$null":
            yield node, "$null stands left of a comparison"


def nothing_of_powershell_7(script: Script) -> Found:
    """Windows PowerShell 5.1 refuses a whole script for one of these."""
    newer = {
        "ternary_expression",
        "null_coalesce_expression",
        "pipeline_chain_tail",
        "??=",
        "ternary_argument_expression",
    }
    for node in script.of_type(*newer, "null_coalesce_argument_expression"):
        yield node, f"Windows PowerShell does not know {text(node)[:40]}"


def lists_are_lists(script: Script) -> Found:
    """A list of one is that one, and an empty one is $null, unless @( ) is around it."""
    for node in script.of_type("assignment_expression", "hash_entry"):
        if node.type == "assignment_expression":
            target = child(node, "left_assignment_expression")
            if target is None or not any(part.type == "member_access" for part in walk(target)):
                continue
        inner = [part for part in node.children if part.is_named][-1]
        while inner.type in ("assignment_value", "pipeline") and inner.children:
            inner = inner.children[0]
        commands = [part for part in inner.children if part.type == "command"]
        if inner.type == "foreach_statement" or any(call_of(part).name in MANY for part in commands):
            yield node, "what may be one, some or none becomes a part of a result: write @( ) around it"


def nothing_is_piped_that_may_be_nothing(script: Script) -> Found:
    """$null is one thing for ForEach-Object, and none for foreach."""
    for node in script.of_type("pipeline_chain"):
        parts = [part for part in node.children if part.is_named]
        is_plain = bool(parts) and re.fullmatch(r"\$[\w.]+", text(parts[0])) is not None
        if is_plain and any(part.type == "command" and call_of(part).name == "ForEach-Object" for part in parts[1:]):
            yield node, f"{text(parts[0])} may be nothing, which ForEach-Object takes for one: use foreach"


def no_value_slips_out(script: Script) -> Found:
    """What a statement returns and nobody takes becomes a part of what its function or script returns."""
    for node in script.of_type("pipeline"):
        if node.parent is None or node.parent.type != "statement_list" or node.children[0].type != "pipeline_chain":
            continue
        chain = node.children[0]
        last = next((part for part in reversed(chain.children) if part.is_named), None)
        if last is None:
            continue
        if last.type == "command":
            name = call_of(last).name
            if name not in CMDLETS or name in QUIET:
                continue
            what = name
        else:
            calls = last.children if last.type == "unary_expression" else []
            if not calls or calls[0].type != "invocation_expression":
                continue
            member = child(calls[0], "member_name")
            what = text(member) if member else ""
            if what in SILENT or f"{text(calls[0].children[0]).strip('[]')}::{what}" in SILENT_STATIC:
                continue
            if what in ("Add", "Append", "AppendLine", "Remove"):
                yield node, f"what {what}() returns slips out: write $null = before it"
                continue
        if not is_taken(node):
            yield node, f"what {what} returns slips out: write $null = before it"


def json_has_its_depth(script: Script) -> Found:
    """Below the second level ConvertTo-Json writes the names of types."""
    for node in script.of_type("command"):
        call = call_of(node)
        if call.name == "ConvertTo-Json" and "Depth" not in call.parameters:
            yield node, "ConvertTo-Json is given no -Depth"


def nothing_is_redirected(script: Script) -> Found:
    """> writes UTF-16 with a mark."""
    for node in script.of_type("redirection"):
        yield node, f"{text(node)} writes in an encoding that nobody chose"


def keys_are_keys(script: Script) -> Found:
    """Keys know no case. One of the names of a hashtable's own members hides it."""
    for table in script.of_type("hash_literal_body"):
        seen: set[str] = set()
        for entry in table.children:
            key = child(entry, "key_expression")
            if key is None:
                continue
            name = text(key).strip("'\"").lower()
            if name in seen:
                yield key, f"{text(key)} is there twice"
            if name in OF_HASHTABLES:
                yield key, f"{text(key)} is a member of each hashtable"
            seen.add(name)


RULES: tuple[Callable[[Script], Found], ...] = (
    no_parameter_is_assigned,
    no_automatic_variable_is_assigned,
    no_parameter_has_a_common_name,
    one_spelling,
    what_is_read_is_there,
    errors_stop,
    commands_are_known,
    a_look_is_no_change,
    functions_get_what_they_declare,
    types_are_known,
    null_stands_left,
    nothing_of_powershell_7,
    lists_are_lists,
    nothing_is_piped_that_may_be_nothing,
    no_value_slips_out,
    json_has_its_depth,
    nothing_is_redirected,
    keys_are_keys,
)


def judge(source: bytes) -> list[str]:
    """What is wrong with a script, by line."""
    script = Script(source)
    found = {(node.start_point[0] + 1, said) for rule in RULES for node, said in rule(script)}
    return [f"line {line}: {said}" for line, said in sorted(found)]
