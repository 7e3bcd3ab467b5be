# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each rule finds its mistake, and leaves alone what is right. Run by the check `powershell`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent
sys.path.insert(0, str(TOOLS))

from powershell import SCRIPTS  # noqa: E402
from powershell_rules import RULES, Script, judge  # noqa: E402

HEAD = """\
[CmdletBinding()]
param (
    [string] $Build,
    [string[]] $Files = @(),
    [int] $Seconds = 10,
    [bool] $Sizes
)

$ErrorActionPreference = 'Stop'
$result = @{}

function Get-Both {
    param ([string] $Path, $Entry)
    '{0} {1}' -f $Path, $Entry
}

"""

# By rule: what it finds, and what it says.
BAD = [
    # As look.ps1 once had it: a hashtable became a text.
    ("no_parameter_is_assigned", "$build = @{ files = $null }", "$build is the parameter [string] $Build"),
    ("no_parameter_is_assigned", "$Seconds += 1", "$Seconds is the parameter [int] $Seconds"),
    ("no_parameter_is_assigned", "$sizes++", "$sizes is the parameter [bool] $Sizes"),
    ("no_parameter_is_assigned", "foreach ($files in 1, 2) {\n    $result.x = $files\n}", "$files is the parameter"),
    ("no_parameter_is_assigned", "$first, $seconds = 1, 2", "$seconds is the parameter"),
    ("no_parameter_is_assigned", "[int] $build = 1", "$build is the parameter"),
    ("no_parameter_is_assigned", "$x = @(1) | Where-Object -FilterScript { $build = 1 }", "$build is the parameter"),
    (
        "no_parameter_is_assigned",
        "function Get-It {\n    param ([string] $Path)\n    $path = 1\n    $path\n}",
        "$path is the parameter [string] $Path",
    ),
    ("no_automatic_variable_is_assigned", "$Host = 'ws1'", "$Host is PowerShell's own"),
    ("no_automatic_variable_is_assigned", "foreach ($pid in 1, 2) {\n    $result.x = $pid\n}", "$pid is PowerShell's"),
    (
        "no_automatic_variable_is_assigned",
        "function Get-It {\n    param ($Input)\n    $Input\n}",
        "$Input is PowerShell's own",
    ),
    ("one_spelling", "$folder = 1\n$result.folder = $Folder", "$Folder is the same variable as $folder"),
    ("what_is_read_is_there", "$folder = 1\n$result.folder = $foldr", "$foldr is never assigned"),
    ("what_is_read_is_there", '$result.text = "a $foldr b"', "$foldr is never assigned"),
    (
        "what_is_read_is_there",
        "function Get-It {\n    $inner = 1\n    $inner\n}\n$result.x = $inner",
        "$inner is never",
    ),
    ("what_is_read_is_there", "$result.x = $_", "$_ is not set here"),
    # It is run by another PowerShell.
    ("what_is_read_is_there", "$x = {\n    $result.x\n}\n$result.x = $x.ToString()", "$result is never assigned"),
    ("commands_are_known", "Get-Proces -Name 'swarm'", "Get-Proces is no cmdlet"),
    ("commands_are_known", "$x = @(1) | where { $_ }", "where is no cmdlet"),
    ("commands_are_known", "Set-Content -Path 'x' -Value 'y'", "Set-Content is no cmdlet"),
    ("commands_are_known", "$x = Get-Service -Nme 'swarm'", "Get-Service has no parameter -Nme"),
    (
        "commands_are_known",
        "$x = 'a' | ConvertFrom-Json -AsHashtable",
        "ConvertFrom-Json has no parameter -AsHashtable",
    ),
    ("commands_are_known", "$x = @(1) | ForEach-Object -Parallel { $_ }", "ForEach-Object has no parameter -Parallel"),
    ("commands_are_known", "$null = Register-ScheduledTask -TaskName 'x' -Confirm:$false", "has no parameter -Confirm"),
    ("commands_are_known", "$x = Get-Service 'swarm'", "without the name of its parameter"),
    ("commands_are_known", "$x = Get-Service -Name 'swarm' -DependentServices 'a'", "without the name"),
    ("commands_are_known", "$x = 'powershell.exe'\n& $x", "is called without a name"),
    ("functions_get_what_they_declare", "$x = Get-Both 'a'", "Get-Both has 2 parameters, and gets 1"),
    ("functions_get_what_they_declare", "$x = Get-Both 'a' -Enty 'b'", "Get-Both has no parameter -Enty"),
    ("functions_get_what_they_declare", "$x = {\n    Get-Both 1 2\n}", "Get-Both is not there when this is run"),
    (
        "functions_get_what_they_declare",
        "$x = Get-It\nfunction Get-It {\n    1\n}",
        "Get-It is called before it is defined",
    ),
    ("types_are_known", "$x = [IO.Fil]::Exists('x')", "[IO.Fil] is no type"),
    ("types_are_known", "$x = [Convert]::ToHexString($null)", "[Convert]::ToHexString is no member"),
    ("types_are_known", "[IO.File]::Move('a', 'b', $true)", "[IO.File]::Move takes 2 arguments"),
    ("null_stands_left", "if ($result.x -eq $null) {\n    $result.x = 1\n}", "$null stands left"),
    ("nothing_of_powershell_7", "$x = $Build ?? 'none'", "does not know $Build ?? 'none'"),
    ("nothing_of_powershell_7", "$x = $Build ? 1 : 2", "does not know $Build ? 1 : 2"),
    ("nothing_of_powershell_7", "$x = 1\n$x ??= 2", "does not know ??="),
    ("nothing_of_powershell_7", "Start-Sleep -Seconds 1 && Start-Sleep -Seconds 2", "does not know &&"),
    ("lists_are_lists", "$result.x = foreach ($file in $Files) { $file }", "write @( ) around it"),
    ("lists_are_lists", "$result.x = Get-Item -Path 'x'", "write @( ) around it"),
    ("lists_are_lists", "$x = @{ files = $Files | Where-Object -FilterScript { $_ } }", "write @( ) around it"),
    (
        "nothing_is_piped_that_may_be_nothing",
        "$x = @($result.builds | ForEach-Object -Process { $_.name })",
        "$result.builds may be nothing",
    ),
    ("no_value_slips_out", "$x = @{}\n$x.Remove('a')", "what Remove() returns slips out"),
    (
        "no_value_slips_out",
        "$x = @(foreach ($file in $Files) {\n        $file.Trim()\n        $file\n    })",
        "what Trim",
    ),
    ("no_value_slips_out", "Register-ScheduledTask -TaskName 'x'", "what Register-ScheduledTask returns slips out"),
    (
        "no_value_slips_out",
        "function Get-It {\n    Get-Date\n    1\n}",
        "what Get-Date returns slips out",
    ),
    ("json_has_its_depth", "$x = ConvertTo-Json -InputObject $result", "no -Depth"),
    ("nothing_is_redirected", "$x = Get-Date > 'file'", "in an encoding that nobody chose"),
    ("keys_are_keys", "$x = @{ name = 1; Name = 2 }", "Name is there twice"),
    ("keys_are_keys", "$x = @{ count = 1 }", "count is a member of each hashtable"),
]
# What looks like a mistake of some rule, and is none.
GOOD = [
    # A block that is kept, and a function, have their own names.
    "$x = {\n    param ($Encoded)\n    $build = $Encoded\n    $build\n}\n$result.text = $x.ToString()",
    # Blocks that are kept can be put together.
    "$x = {\n    $first = 1\n    function Get-It {\n        $first\n    }\n}\n$y = {\n    Get-It\n    $first\n}\n"
    "$result.x = $x.ToString() + $y.ToString()",
    "$x = Get-Date\n$x = New-ScheduledTaskTrigger -Once -At $x.AddSeconds(1)",
    "function Get-It {\n    $build = @{ files = $null }\n    $build\n}",
    "$result.build = @{ files = $null }",
    "$x = @{}\n$x['build'] = 1",
    "try {\n    Start-Sleep -Seconds 1\n}\ncatch {\n    $result.x = $_.Exception.Message\n}",
    "$result.x = @($Files | Where-Object -FilterScript { $_ -and $_ -ne $Build })",
    "$result.x = @(foreach ($file in $Files) { @{ name = $file } })",
    "foreach ($file in $Files) {\n    $result[$file] = $env:SystemRoot\n}",
    "$null = Register-ScheduledTask -TaskName 'x' -Force @result",
    "$x = @(Get-CimInstance -ClassName Win32_Service -Property Name, ProcessId)",
    "function Get-It {\n    try {\n        [Guid]::NewGuid()\n    }\n    finally {\n        Start-Sleep -Seconds 1\n    }\n}",
    "if ($null -eq $result.x) {\n    $result.x = 1\n}",
    "$x = Get-Both -Path 'a' -Entry 'b'",
    "[IO.File]::Move('a', 'b')\n[IO.File]::Replace('a', 'b', [NullString]::Value)",
    "$x = 'a' | ConvertFrom-Json\n$result.json = ConvertTo-Json -InputObject $x -Depth 4 -Compress",
    "Start-Service -Name 'x' -ErrorAction SilentlyContinue -Confirm:$false",
    "switch ($Build) {\n    'look' {\n        $result.x = 1\n    }\n}",
]


@pytest.mark.parametrize(("rule", "code", "said"), BAD)
def test_a_mistake_is_found(rule: str, code: str, said: str) -> None:
    found = {check.__name__: [what for _node, what in check(Script((HEAD + code + "\n").encode()))] for check in RULES}
    assert any(said in what for what in found[rule]), found


@pytest.mark.parametrize("code", ["", *GOOD])
def test_what_is_right_is_left_alone(code: str) -> None:
    assert judge((HEAD + code + "\n").encode()) == []


def test_a_parameter_is_found_behind_a_default() -> None:
    parameters = Script(HEAD.encode()).scopes[0].parameters
    assert [(parameter.name, parameter.type) for parameter in parameters] == [
        ("Build", "[string]"),
        ("Files", "[string[]]"),
        ("Seconds", "[int]"),
        ("Sizes", "[bool]"),
    ]


def test_a_parameter_is_not_called_as_a_common_one() -> None:
    source = HEAD.replace("$Sizes", "$Verbose").encode()
    assert judge(source) == ["line 6: $Verbose is one of PowerShell's common parameters"]


def test_what_asks_is_answered_where_a_script_runs_in_check_mode() -> None:
    call = "$result.x = Invoke-CimMethod -InputObject $Files -MethodName GetOwner"
    look = HEAD.replace("[CmdletBinding()]", "[CmdletBinding(SupportsShouldProcess)]")
    assert judge(f"{look}{call}\n".encode()) == [
        f"line {look.count(chr(10)) + 1}: Invoke-CimMethod does nothing in check mode: write -WhatIf:$false"
    ]
    assert judge(f"{look}{call} -WhatIf:$false\n".encode()) == judge(f"{HEAD}{call}\n".encode()) == []


def test_errors_must_stop() -> None:
    assert judge(HEAD.replace("'Stop'", "'Continue'").encode()) == [
        "line 1: $ErrorActionPreference is not set to 'Stop'"
    ]


def test_each_rule_has_an_example() -> None:
    elsewhere = {"no_parameter_has_a_common_name", "errors_stop", "a_look_is_no_change"}
    assert {rule for rule, _code, _said in BAD} | elsewhere == {rule.__name__ for rule in RULES}


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_parameter_of_a_script_is_guarded(name: str) -> None:
    source = SCRIPTS[name].decode("ascii")
    assert judge(source.encode()) == []
    for parameter in Script(source.encode()).scopes[0].parameters:
        assert judge(f"{source}\n${parameter.name.lower()} = @{{}}\n".encode()), parameter.name


def test_there_are_scripts_with_all_that_they_share() -> None:
    assert set(SCRIPTS) == {"files", "look", "send", "service"}
    assert all(b"Include" not in source for source in SCRIPTS.values())
    assert [name for name, source in SCRIPTS.items() if b"\nfunction Get-Answer {\n" in source] == [
        "look",
        "send",
    ]
