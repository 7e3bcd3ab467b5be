# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

# A part of look.ps1: who listens on the web port, and which files lie where programs keep them.

$limit = 1048576
# Foreign command lines are not to name a host at which this session would log in, nor a device.
$drive = '^[A-Za-z]:[\\/]'

function Read-Settings {
    param ([string] $Path)
    $found = @{ path = $Path; content = $null; error = $null }
    try {
        if ([IO.FileInfo]::new($Path).Length -le $limit) {
            $found.content = [Convert]::ToBase64String([IO.File]::ReadAllBytes($Path))
        }
        else {
            $found.error = 'It is too large.'
        }
    }
    catch {
        $found.error = Get-Reason $_
    }
    $found
}

if ($WebPort) {
    $result.unseen = @()
    $byId = @{}
    foreach ($process in $processes) {
        $byId[[int] $process.ProcessId] = $process
    }
    $services = @()
    try {
        $services = @(Get-CimInstance -ClassName Win32_Service -Property Name, ProcessId, PathName, StartName)
    }
    catch {
        $result.services_error = Get-Reason $_
    }
    $listening = @()
    try {
        $listening = @(Get-NetTCPConnection -State Listen)
    }
    catch {
        $result.listeners_error = Get-Reason $_
    }
    $there = @($listening | Where-Object -Property LocalPort -EQ -Value $WebPort)
    $result.named = $there.Count -eq 0
    if ($result.named) {
        $there = @($listening | Where-Object -FilterScript {
                $process = $byId[[int] $_.OwningProcess]
                $null -ne $process -and $process.Name -like '*swarm*'
            })
    }
    $result.listeners = @(foreach ($socket in $there) {
            $processId = [int] $socket.OwningProcess
            $process = $byId[$processId]
            $found = @{
                address = $socket.LocalAddress
                port = [int] $socket.LocalPort
                pid = $processId
                executable = $null
                command = $null
                user = $null
                service = $null
            }
            $ids = @($processId)
            if ($null -ne $process) {
                # A service may be a wrapper that starts the program.
                $ids += [int] $process.ParentProcessId
                $found.executable = $process.ExecutablePath
                $found.command = $process.CommandLine
                try {
                    # It is a look: also in check mode, in which it would be left out.
                    $owner = Invoke-CimMethod -InputObject $process -MethodName GetOwner -WhatIf:$false
                    # Win32_Process tells so that access is denied.
                    if ($owner.ReturnValue -ne 0) {
                        throw 'The owner is not told'
                    }
                    $found.user = '{0}\{1}' -f $owner.Domain, $owner.User
                }
                catch {
                    $result.unseen += "the user of process $processId"
                }
            }
            foreach ($id in $ids) {
                $service = $services | Where-Object -FilterScript { $id -gt 4 -and $_.ProcessId -eq $id } |
                    Select-Object -First 1
                if ($null -ne $service -and $null -eq $found.service) {
                    $found.service = @{
                        name = $service.Name
                        path = $service.PathName
                        account = $service.StartName
                        wrapper = $id -ne $processId
                    }
                }
            }
            $found
        })
    $result.folders = @{
        data = $env:ProgramData
        programs = $env:ProgramFiles
        system = $env:SystemRoot
    }
}

if ($Names) {
    $result.files = @(foreach ($path in $Files) {
            if ($path -match $drive -and [IO.File]::Exists($path)) {
                Read-Settings $path
            }
        })

    $result.seen = @(foreach ($pattern in $Folders | Where-Object -FilterScript { $_ -match $drive }) {
            # What may not be read, or is not there, is passed over.
            foreach ($folder in Get-Item -Path $pattern -Force -ErrorAction SilentlyContinue) {
                if ($folder -is [IO.DirectoryInfo]) {
                    $path = $folder.FullName
                    $settings = @(foreach ($name in $Names) {
                            $file = [IO.Path]::Combine($path, $name)
                            if ([IO.File]::Exists($file)) {
                                Read-Settings $file
                            }
                        })
                    $holds = [IO.Directory]::Exists([IO.Path]::Combine($path, 'VRay'))
                    if ($settings.Count -gt 0 -or $holds) {
                        @{ folder = $path; pattern = $pattern; settings = $settings; holds_vray = $holds }
                    }
                }
            }
        })

    $result.answers = @(foreach ($each in $Urls) { Get-Answer $each $Milliseconds })
}
