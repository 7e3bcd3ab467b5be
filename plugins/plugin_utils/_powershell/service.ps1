# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

# Stopping and starting Swarm's service, with scheduled tasks that do what is left to do when nobody comes back.

[CmdletBinding()]
param (
    # stop, start, arm or disarm.
    [string] $Do,
    [string] $Name,
    [int] $Seconds,
    # Of stop: what the executables of renders begin with. While one runs, the service is not stopped.
    [string] $Root,
    # Of arm and disarm: the task, whether it is the rescue or the revert, and what that works on: JSON as base64.
    [string] $Task,
    [string] $Kind,
    [string] $Data
)

$ErrorActionPreference = 'Stop'
$result = @{}

# A service that runs, and goes on running, is left alone. One that does not gets the settings back with which it ran.
$rescue = {
    param ($Encoded)
    $data = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($Encoded)) | ConvertFrom-Json
    $filter = "Name='{0}'" -f $data.name
    try {
        $service = Get-Service -Name $data.name
        $before = (Get-CimInstance -ClassName Win32_Service -Filter $filter).ProcessId
        if ($service.Status -eq 'Running') {
            Start-Sleep -Seconds 10
            $service.Refresh()
            $after = (Get-CimInstance -ClassName Win32_Service -Filter $filter).ProcessId
            if ($service.Status -eq 'Running' -and $before -eq $after) {
                [IO.File]::Delete($data.saved)
                return
            }
        }
        if ($service.Status -eq 'StopPending') {
            $service.WaitForStatus('Stopped', [TimeSpan]::FromHours(1))
        }
        if ([IO.File]::Exists($data.saved)) {
            if ([IO.File]::Exists($data.path)) {
                [IO.File]::Replace($data.saved, $data.path, [NullString]::Value)
            }
            else {
                [IO.File]::Move($data.saved, $data.path)
            }
        }
        elseif ($data.new) {
            [IO.File]::Delete($data.path)
        }
        Start-Service -Name $data.name
    }
    finally {
        Unregister-ScheduledTask -TaskName $data.task -Confirm:$false
    }
}

# While there is a rescue, a change is at work, or one was that died: then the rescue comes first.
$revert = {
    param ($Encoded)
    $data = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($Encoded)) | ConvertFrom-Json
    function Test-Rescue {
        $null -ne (Get-ScheduledTask -TaskName $data.rescue -ErrorAction SilentlyContinue)
    }
    function Test-Render {
        if (-not $data.root) {
            return $false
        }
        $paths = (Get-CimInstance -ClassName Win32_Process -Property ExecutablePath).ExecutablePath
        $found = $paths | Where-Object -FilterScript { $_ -and $_.StartsWith($data.root, 'OrdinalIgnoreCase') }
        $null -ne $found
    }
    try {
        while (Test-Rescue) {
            Start-Sleep -Seconds 2
        }
        if (-not [IO.File]::Exists($data.old)) {
            return
        }
        [IO.File]::Replace($data.old, $data.path, $data.path + '.reverted~')
        while ((Test-Rescue) -or (Test-Render)) {
            Start-Sleep -Seconds 2
        }
        if ((Get-Service -Name $data.name).Status -eq 'Running') {
            Restart-Service -Name $data.name -Force
        }
    }
    finally {
        Unregister-ScheduledTask -TaskName $data.task -Confirm:$false
    }
}

function Remove-Task {
    param ([string] $Name)
    if (Get-ScheduledTask -TaskName $Name -ErrorAction SilentlyContinue) {
        Unregister-ScheduledTask -TaskName $Name -Confirm:$false
    }
}

switch ($Do) {
    'stop' {
        if ($Root) {
            $processes = Get-CimInstance -ClassName Win32_Process -Property ProcessId, ExecutablePath
            $result.renders = @(foreach ($process in $processes) {
                    $path = [string] $process.ExecutablePath
                    if ($path.StartsWith($Root, [StringComparison]::OrdinalIgnoreCase)) {
                        @{ pid = [int] $process.ProcessId; executable = $path }
                    }
                })
        }
        if (-not $result.renders) {
            $service = Get-Service -Name $Name
            $processId = (Get-CimInstance -ClassName Win32_Service -Filter "Name='$Name'").ProcessId
            if ($service.Status -ne 'Stopped') {
                if ($service.Status -ne 'StopPending') {
                    $service.Stop()
                }
                $service.WaitForStatus('Stopped', [TimeSpan]::FromSeconds($Seconds))
                # Its port and files are free when it has ended.
                if ($processId) {
                    Wait-Process -Id $processId -Timeout 10 -ErrorAction SilentlyContinue
                }
            }
        }
    }
    'start' {
        $service = Get-Service -Name $Name
        if ($service.Status -eq 'StopPending') {
            $service.WaitForStatus('Stopped', [TimeSpan]::FromSeconds($Seconds))
        }
        if ($service.Status -ne 'Running') {
            if ($service.Status -ne 'StartPending') {
                $service.Start()
            }
            $service.WaitForStatus('Running', [TimeSpan]::FromSeconds($Seconds))
        }
    }
    'arm' {
        Remove-Task $Task
        $block = @{ rescue = $rescue; revert = $revert }[$Kind]
        # Base64 holds no quotes.
        $command = '& {' + $block.ToString() + '} ' + "'" + $Data + "'"
        $encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($command))
        $powershell = [IO.Path]::Combine($env:SystemRoot, 'System32\WindowsPowerShell\v1.0\powershell.exe')
        $argument = '-NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ' + $encoded
        $parts = @{
            Action = New-ScheduledTaskAction -Execute $powershell -Argument $argument
            Trigger = New-ScheduledTaskTrigger -Once -At ([DateTime]::Now.AddSeconds($Seconds))
            # LocalSystem.
            Principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
            Settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -AllowStartIfOnBatteries `
                -DontStopIfGoingOnBatteries -ExecutionTimeLimit ([TimeSpan]::Zero)
        }
        $null = Register-ScheduledTask -TaskName $Task -Force @parts
    }
    'disarm' {
        Remove-Task $Task
    }
}

$Ansible.Result = $result
