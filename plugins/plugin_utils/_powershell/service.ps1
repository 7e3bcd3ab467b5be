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
    # Of stop and start: how long that may take. Of arm: when the task runs.
    [int] $Seconds,
    # Of stop: what the executables of renders begin with. While one runs, the service is not stopped.
    [string] $Root,
    # Of arm and disarm: the task, whether it is the rescue or the revert, and what that works on: JSON as base64.
    [string] $Task,
    [string] $Kind,
    [string] $Data,
    # Of arm and disarm: for how long a task that is about to start the service may go on; 0 where that is to stay down.
    # And whose task it is: who did not register it last does not remove it.
    [int] $Patience,
    [string] $Owner
)

$ErrorActionPreference = 'Stop'
$result = @{}

# What the tasks have in common. What fails is tried again for most of an hour: whoever holds a file open may let go of
# it. A task that has not done its work by then stays, and runs again when the hour is over.
$common = {
    param ([string] $Encoded)
    $ErrorActionPreference = 'Stop'
    $work = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($Encoded)) | ConvertFrom-Json
    $watch = [Diagnostics.Stopwatch]::StartNew()
    $aside = $work.path + '.reverted~'
    function Wait-Moment {
        param ([double] $Hours)
        if ($watch.Elapsed.TotalHours -ge $Hours) {
            exit 1
        }
        Start-Sleep -Seconds 5
    }
    function Get-State {
        [string] (Get-Service -Name $work.name).Status
    }
    # 0 where the service does not run.
    function Get-ServiceProcess {
        if ((Get-State) -ne 'Running') {
            return 0
        }
        [int] (Get-CimInstance -ClassName Win32_Service -Filter ("Name='{0}'" -f $work.name)).ProcessId
    }
    # It runs, and goes on running.
    function Test-Steady {
        $first = Get-ServiceProcess
        if ($first -eq 0) {
            return $false
        }
        Start-Sleep -Seconds 10
        $first -eq (Get-ServiceProcess)
    }
    # A file in the place of swarm.yaml. Where Windows failed between its two steps, there is none.
    function Restore-File {
        param ([string] $From, [string] $Kept)
        if (-not [IO.File]::Exists($work.path)) {
            [IO.File]::Move($From, $work.path)
        }
        elseif ($Kept) {
            [IO.File]::Replace($From, $work.path, $Kept)
        }
        else {
            [IO.File]::Replace($From, $work.path, [NullString]::Value)
        }
    }
}

# A service that runs, and goes on running, is left alone. One that does not gets the settings back with which it ran.
# Where they cannot be put back for a minute, it is started without them.
$rescue = {
    # What the task has written where there was no file, and not what somebody has written there since, to mend it.
    function Test-New {
        if (-not $work.new -or -not [IO.File]::Exists($work.path)) {
            return $false
        }
        $bytes = [Security.Cryptography.SHA256]::Create().ComputeHash([IO.File]::ReadAllBytes($work.path))
        [BitConverter]::ToString($bytes).Replace('-', '') -eq $work.new
    }
    while ($true) {
        try {
            if (Test-Steady) {
                [IO.File]::Delete($work.saved)
                break
            }
            $state = Get-State
            $saved = [IO.File]::Exists($work.saved)
            if ($state -eq 'Running' -and $saved) {
                # It dies again and again.
                Stop-Service -Name $work.name -Force
                $state = Get-State
            }
            if ($state -eq 'Stopped') {
                try {
                    if ($saved) {
                        Restore-File $work.saved ''
                    }
                    elseif (Test-New) {
                        [IO.File]::Delete($aside)
                        [IO.File]::Move($work.path, $aside)
                    }
                }
                catch {
                    if ($watch.Elapsed.TotalMinutes -lt 1) {
                        throw
                    }
                }
                Start-Service -Name $work.name
            }
            Wait-Moment 0.9
        }
        catch {
            Wait-Moment 0.9
        }
    }
    Unregister-ScheduledTask -TaskName $work.task -Confirm:$false
}

# While there is a rescue, a change is at work, or one was that died: then the rescue comes first.
$revert = {
    function Test-Rescue {
        $there = Get-ScheduledTask -TaskName $work.rescue -ErrorAction SilentlyContinue
        $null -ne $there -and $watch.Elapsed.TotalSeconds -lt $work.patience
    }
    function Test-Render {
        if (-not $work.root) {
            return $false
        }
        $paths = @((Get-CimInstance -ClassName Win32_Process -Property ExecutablePath).ExecutablePath)
        $found = @($paths | Where-Object -FilterScript {
                $_ -and ($_.StartsWith($work.root, 'OrdinalIgnoreCase') -or
                    $_ -match '\\vray-[0-9]+\.[0-9]+\.[0-9]+-[0-9A-Za-z]+\\')
            })
        $found.Count -gt 0
    }
    while (Test-Rescue) {
        Start-Sleep -Seconds 2
    }
    if ([IO.File]::Exists($work.old)) {
        $watch.Restart()
        while ([IO.File]::Exists($work.old)) {
            try {
                Restore-File $work.old $aside
            }
            catch {
                Wait-Moment 0.9
            }
        }
        # From here on no file tells what is left to do, so that this run has to do it: it has a day.
        $watch.Restart()
        $first = -1
        while ($first -ne 0) {
            try {
                if ($first -eq -1) {
                    while ((Test-Rescue) -or (Test-Render) -or (Get-State) -like '*Pending') {
                        Start-Sleep -Seconds 2
                    }
                    $watch.Restart()
                    # One that is down is none to be restarted. One that was restarted has another process.
                    $first = Get-ServiceProcess
                }
                elseif ((Get-ServiceProcess) -eq $first) {
                    Restart-Service -Name $work.name -Force
                }
                elseif ((Get-State) -eq 'Stopped') {
                    Start-Service -Name $work.name
                    Wait-Moment 24
                }
                elseif (Test-Steady) {
                    break
                }
                else {
                    Wait-Moment 24
                }
            }
            catch {
                Wait-Moment 24
            }
        }
    }
    Unregister-ScheduledTask -TaskName $work.task -Confirm:$false
}

function Find-Task {
    Get-ScheduledTask -TaskName $Task -ErrorAction SilentlyContinue
}

function Test-AtWork {
    $found = Find-Task
    $null -ne $found -and $found.State -eq 'Running'
}

# A task at work is ended while the service runs. Else it is about to start it, and goes on, for some time.
function Stop-Work {
    $service = Get-Service -Name $Name
    $watch = [Diagnostics.Stopwatch]::StartNew()
    while ($service.Status -ne 'Running' -and $watch.Elapsed.TotalSeconds -lt $Patience -and (Test-AtWork)) {
        Start-Sleep -Seconds 1
        $service.Refresh()
    }
    if (-not (Test-AtWork)) {
        return
    }
    Stop-ScheduledTask -TaskName $Task
    $watch.Restart()
    while ($watch.Elapsed.TotalSeconds -lt 10 -and (Test-AtWork)) {
        Start-Sleep -Milliseconds 200
    }
    # It can have stopped the service just now.
    $service.Refresh()
    if ($Patience -gt 0 -and $service.Status -ne 'Running') {
        try {
            if ($service.Status -eq 'StopPending') {
                $service.WaitForStatus('Stopped', [TimeSpan]::FromSeconds($Patience))
            }
            Start-Service -Name $Name
        }
        catch {
            # Whoever sets a new task starts the service next, and tells why it does not start.
            if ($Do -ne 'arm') {
                throw
            }
        }
    }
}

switch ($Do) {
    'stop' {
        $service = Get-Service -Name $Name
        # One that is down is none to be stopped, so that no render is ended.
        if ($Root -and $service.Status -ne 'Stopped') {
            $processes = Get-CimInstance -ClassName Win32_Process -Property ProcessId, ExecutablePath
            $result.renders = @(foreach ($process in $processes) {
                    $path = [string] $process.ExecutablePath
                    # A junction hides where a build lies: its name tells it, too.
                    if ($path.StartsWith($Root, [StringComparison]::OrdinalIgnoreCase) -or
                        $path -match '\\vray-[0-9]+\.[0-9]+\.[0-9]+-[0-9A-Za-z]+\\') {
                        @{ pid = [int] $process.ProcessId; executable = $path }
                    }
                })
        }
        if (-not $result.renders) {
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
        Stop-Work
        $block = @{ rescue = $rescue; revert = $revert }[$Kind]
        # A command line has its limits: no comments, and nothing before a line. Base64 holds no quotes.
        $text = ($common.ToString() + $block.ToString()) -replace '(?m)^[ \t]*(#.*)?', ''
        $command = '& {' + $text + '} ' + "'" + $Data + "'"
        $encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($command))
        $powershell = [IO.Path]::Combine($env:SystemRoot, 'System32\WindowsPowerShell\v1.0\powershell.exe')
        $argument = '-NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ' + $encoded
        $now = [DateTime]::Now
        # Each hour, until its work is done.
        $timer = New-ScheduledTaskTrigger -Once -At $now.AddSeconds($Seconds) `
            -RepetitionInterval ([TimeSpan]::FromHours(1)) -RepetitionDuration ([TimeSpan]::FromDays(365))
        # A host that slept through the time starts the task later only where its trigger has an end.
        $timer.EndBoundary = $now.AddYears(10).ToString('s')
        $parts = @{
            Action = New-ScheduledTaskAction -Execute $powershell -Argument $argument
            # A host that was off at the time does it when it starts.
            Trigger = @($timer, (New-ScheduledTaskTrigger -AtStartup))
            # LocalSystem.
            Principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
            Settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -AllowStartIfOnBatteries `
                -DontStopIfGoingOnBatteries -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew `
                -RestartCount 255 -RestartInterval ([TimeSpan]::FromMinutes(10))
            Description = 'Of Ansible, with V-Ray Swarm. ' + $Owner
        }
        # In one step: where it fails, the one that was there stays.
        $null = Register-ScheduledTask -TaskName $Task -Force @parts
    }
    'disarm' {
        $found = Find-Task
        if ($null -ne $found -and $Owner -and -not ([string] $found.Description).EndsWith($Owner)) {
            $result.other = $true
        }
        elseif ($null -ne $found) {
            Stop-Work
            if ($null -ne (Find-Task)) {
                Unregister-ScheduledTask -TaskName $Task -Confirm:$false
            }
        }
    }
}

$Ansible.Result = $result
