# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

# A look at a Windows peer. It reads, and never writes. What is missing or may not be read is told: whether that is a
# failure is for those to say who decide.

[CmdletBinding(SupportsShouldProcess)]
param (
    # Swarm's settings, and its data directory.
    [string] $Config,
    [string] $DataDir,
    [string] $ImportDir,
    # The root of the share with the builds, and the name of the list that publishing keeps there.
    [string] $SharePath,
    [string] $Manifest,
    # Its list of checksums, and the signature of that, where they are asked for.
    [string] $Sums,
    [string] $Signature,
    # The name of Swarm's service. Nothing in it ends a text of WQL.
    [string] $ServiceName,
    # What this host is known to be; else it is found out.
    [string] $Platform,
    # The name or address of the peer that is meant.
    [string] $Peer,
    # A build on this host, and how much of its start is wanted.
    [string] $Build,
    [int] $StartBytes = 64,
    # What Swarm is to be asked, and how long that may take.
    [string] $Url,
    [int] $Milliseconds = 10000,
    # Whether to read all of what Swarm will import, or of the build; and the versions that need not be read.
    [bool] $Checksums,
    [string[]] $Known,
    [bool] $Sizes,
    [bool] $Renders,
    [bool] $Disk,
    # Whether to read what tells the kind and the platform of the files in the import directory, or of the build.
    [bool] $Identify,
    # Whoever listens on this port, to find the rest by; where nobody does, those who listen and have swarm in their name.
    [int] $WebPort,
    # Files that may be its settings, and directories, with wildcards, in which files of these names or the builds may lie.
    [string[]] $Files = @(),
    [string[]] $Folders = @(),
    [string[]] $Names = @(),
    # What those who listen are asked.
    [string[]] $Urls = @()
)

$ErrorActionPreference = 'Stop'
$result = @{}

# Include: shared/functions.ps1
# Include: shared/own.ps1

# The entries of a directory; none, and no error, where it is missing.
function Get-Listing {
    param ([string] $Path)
    try {
        $entries = @([IO.DirectoryInfo]::new($Path).GetFileSystemInfos())
        @{ entries = $entries; missing = $false; denied = $false; error = $null }
    }
    catch {
        $reason = $_.Exception.GetBaseException()
        $missing = $reason -is [IO.DirectoryNotFoundException]
        # ERROR_ACCESS_DENIED, and ERROR_LOGON_FAILURE of a server that does not know the account.
        $denied = $reason -is [UnauthorizedAccessException] -or $reason.HResult -eq -2147023570
        @{ entries = @(); missing = $missing; denied = $denied; error = Get-Reason $_ }
    }
}

function Test-Link {
    param ($Entry)
    [bool] ($Entry.Attributes -band [IO.FileAttributes]::ReparsePoint)
}

# The bytes that are free on the drive of a path. A share has none.
function Get-Free {
    param ([string] $Path)
    try {
        [IO.DriveInfo]::new([IO.Path]::GetPathRoot($Path)).AvailableFreeSpace
    }
    catch {
        $null
    }
}

# What tells one kind of program from another: in a PE file the machine, to which its start points, in ELF the system and the
# machine, in Mach-O the processors. Empty for what is no program.
function Get-Kind {
    param ([byte[]] $Start, [int] $Count)
    if ($Count -lt 64) {
        return ''
    }
    $magic = [BitConverter]::ToString($Start, 0, 4)
    if ($magic -match '^4D-5A') {
        $offset = [BitConverter]::ToInt32($Start, 60)
        if ($offset -ge 0 -and $offset -le $Count - 6) {
            return [BitConverter]::ToString($Start, $offset, 6)
        }
    }
    elseif ($magic -eq '7F-45-4C-46') {
        return [BitConverter]::ToString($Start, 0, 20)
    }
    elseif ($magic -match '^(C[EF]-FA-ED-FE|FE-ED-FA-C[EF])$') {
        return [BitConverter]::ToString($Start, 0, 8)
    }
    elseif ($magic -match '^CA-FE-BA-B[EF]$' -and $Start[7] -le 30) {
        # For several processors. A Java class begins so, too, with its version there, which is greater.
        return [BitConverter]::ToString($Start, 0, 12) + [BitConverter]::ToString($Start, 28, 4)
    }
    ''
}

# The first bytes of one program of each kind in a tar archive that is not compressed, as base64. They are looked for in all
# of the first 64 MiB, since those for other systems may come first: where the time is up before, none is told. When a kind
# is found that is enough, nothing more is looked for.
function Read-Program {
    param ($Stream, [Diagnostics.Stopwatch] $Watch, [int] $Milliseconds, [int] $Most, [int] $Limit, [string] $Enough)
    $seen = @{}
    $header = New-Object -TypeName byte[] -ArgumentList 512
    $start = New-Object -TypeName byte[] -ArgumentList $Limit
    $at = [long] 0
    $found = @()
    while ($found.Count -lt $Most -and $at -lt 67108864) {
        if ($Watch.ElapsedMilliseconds -ge $Milliseconds) {
            return @()
        }
        $Stream.Position = $at
        if ((Read-Next $Stream $header) -lt 512) {
            break
        }
        if ([Text.Encoding]::ASCII.GetString($header, 257, 5) -cne 'ustar') {
            break
        }
        # In octal. Another form is that of a file which is too large for it, and no program.
        $digits = [Text.Encoding]::ASCII.GetString($header, 124, 12).Split([char] 0)[0].Trim()
        if ($digits -notmatch '^[0-7]+$') {
            break
        }
        $size = [Convert]::ToInt64($digits, 8)
        # '1' to '6': links, devices, directories and pipes have no data, whatever their size says.
        $type = [int] $header[156]
        if ($type -ge 49 -and $type -le 54) {
            $size = [long] 0
        }
        # '0', '7' and, of old, 0: files.
        if ((0, 48, 55) -contains $type -and $size -ge 64) {
            $count = [Math]::Min([long] (Read-Next $Stream $start), $size)
            $kind = Get-Kind $start $count
            if ($kind -and -not $seen[$kind]) {
                $seen[$kind] = $true
                $found += [Convert]::ToBase64String($start, 0, $count)
                if ($Enough -and $kind -match $Enough) {
                    break
                }
            }
        }
        $at += 512 + $size + (512 - $size % 512) % 512
    }
    $found
}

# Links count as files, and are not followed.
function Measure-Tree {
    param ([string] $Path)
    $files = 0
    $bytes = [long] 0
    $todo = New-Object -TypeName 'System.Collections.Generic.Stack[string]'
    $todo.Push($Path)
    while ($todo.Count -gt 0) {
        foreach ($entry in [IO.DirectoryInfo]::new($todo.Pop()).GetFileSystemInfos()) {
            $link = Test-Link $entry
            if ($entry -is [IO.DirectoryInfo] -and -not $link) {
                $todo.Push($entry.FullName)
                continue
            }
            $files++
            if ($entry -is [IO.FileInfo] -and -not $link) {
                $bytes += $entry.Length
            }
        }
    }
    @{ files = $files; bytes = $bytes }
}

# Who looks: a share is read as this account.
$identity = [Security.Principal.WindowsIdentity]::GetCurrent()
$result.identity = @{ name = $identity.Name; sid = $identity.User.Value }

if ($ServiceName) {
    $result.service = $null
    $result.service_seconds = $null
    try {
        $there = Get-CimInstance -ClassName Win32_Service -Filter ("Name='{0}'" -f $ServiceName)
        if ($null -ne $there) {
            $result.service = @{
                state = $there.State
                start_mode = $there.StartMode
                process_id = [long] $there.ProcessId
                exit_code = [long] $there.ExitCode
                service_exit_code = [long] $there.ServiceSpecificExitCode
                account = $there.StartName
                account_sid = $null
            }
            try {
                if ($there.StartName -eq 'LocalSystem') {
                    # A word of the manager of services, and the name of no account.
                    $own = [Security.Principal.SecurityIdentifier]::new('S-1-5-18')
                    $result.service.account = $own.Translate([Security.Principal.NTAccount]).Value
                }
                else {
                    # It has local accounts as .\name.
                    $full = $there.StartName -replace '^\.(?=\\)', [Environment]::MachineName
                    $own = [Security.Principal.NTAccount]::new($full).Translate([Security.Principal.SecurityIdentifier])
                }
                $result.service.account_sid = $own.Value
            }
            catch {
                # None that this host knows.
                $result.service.account_sid = $null
            }
        }
    }
    catch {
        $result.service_error = Get-Reason $_
    }
}

# 9 is x64, 12 is Arm64: Win32_Processor. Variables of the environment tell that of an emulated process.
$result.platform = $(if ($Platform) { $Platform } else { $null })
if (-not $Platform) {
    try {
        $processor = Get-CimInstance -ClassName Win32_Processor -Property Architecture | Select-Object -First 1
        $result.platform = @{ 9 = 'Windows_x86'; 12 = 'Windows_Arm64' }[[int] $processor.Architecture]
    }
    catch {
        $result.platform_error = Get-Reason $_
    }
}

if ($Peer) {
    $result.is_peer = Test-Own $Peer
}

if ($Config) {
    $result.config = @{ content = $null; missing = $false; error = $null }
    try {
        $result.config.content = [Convert]::ToBase64String([IO.File]::ReadAllBytes($Config))
    }
    catch {
        $reason = $_.Exception.GetBaseException()
        $result.config.missing = $reason -is [IO.FileNotFoundException] -or $reason -is [IO.DirectoryNotFoundException]
        $result.config.error = Get-Reason $_
    }
}

if ($DataDir) {
    $data = Get-Listing $DataDir
    $result.data = @{ missing = $data.missing; error = $data.error }
    $vray = [IO.Path]::Combine($DataDir, 'VRay')
    $listing = Get-Listing $vray
    # One moment for both, since a look takes its time: for how long Swarm runs, and a build is there.
    $now = [DateTime]::UtcNow
    if ($result.service.process_id) {
        try {
            $process = [Diagnostics.Process]::GetProcessById($result.service.process_id)
            $result.service_seconds = ($now - $process.StartTime.ToUniversalTime()).TotalSeconds
        }
        catch {
            # It ended just now, or is none that may be asked.
            $result.service_seconds = $null
        }
    }
    if (-not $data.error -and $listing.error -and -not $listing.missing) {
        $result.data.error = $listing.error
    }
    $result.builds = @(foreach ($entry in $listing.entries) {
            if ($entry -is [IO.DirectoryInfo] -and $entry.Name -like 'vray-*') {
                $written = $entry.CreationTimeUtc
                if ($entry.LastWriteTimeUtc -gt $written) {
                    $written = $entry.LastWriteTimeUtc
                }
                $deployed = @{
                    name = $entry.Name
                    directory = $entry.FullName
                    # Whoever unpacks may set one of these times, or both to those in the archive.
                    seconds = ($now - $written).TotalSeconds
                    files = $null
                    bytes = $null
                }
                if ($Sizes) {
                    try {
                        $size = Measure-Tree $entry.FullName
                        $deployed.files = $size.files
                        $deployed.bytes = $size.bytes
                    }
                    catch {
                        $result.sizes_error = Get-Reason $_
                    }
                }
                $deployed
            }
        })
    # Where an upload may be kept that lies in no other import directory. A link may lead to a share.
    $result.kept = @(foreach ($directory in $listing.entries) {
            if ($directory -is [IO.DirectoryInfo] -and $directory.Name -eq 'import' -and -not (Test-Link $directory)) {
                foreach ($entry in (Get-Listing $directory.FullName).entries) {
                    if ($entry -is [IO.FileInfo]) {
                        @{ name = $entry.Name; path = $entry.FullName; bytes = $entry.Length }
                    }
                }
            }
        })
    # What an upload leaves there until Swarm has answered, and what is there until somebody has seen a build deployed.
    $result.marks = @(foreach ($entry in $data.entries) {
            if ($entry -is [IO.DirectoryInfo] -and -not (Test-Link $entry) -and $entry.Name -like '.vray_swarm-*') {
                $entry.Name
            }
        })
}

if ($Renders -or $WebPort) {
    # Also where a build is removed while it renders, and where a junction hides where it lies.
    $root = [IO.Path]::Combine($DataDir, 'VRay', 'vray-')
    # All is told of each only where somebody has to be found.
    $only = @{}
    if (-not $WebPort) {
        $only.Property = 'ProcessId', 'ExecutablePath'
    }
    $processes = @()
    try {
        $processes = @(Get-CimInstance -ClassName Win32_Process @only)
        $result.renders = @(foreach ($process in $processes) {
                $path = [string] $process.ExecutablePath
                if ($path.StartsWith($root, [StringComparison]::OrdinalIgnoreCase) -or
                    $path -match '\\vray-[0-9]+\.[0-9]+\.[0-9]+-[0-9A-Za-z]+\\') {
                    @{ pid = [int] $process.ProcessId; executable = $path }
                }
            })
    }
    catch {
        $result.renders_error = Get-Reason $_
    }
}

$imported = $ImportDir.Replace('{platform}', [string] $result.platform)
if ($imported) {
    $listing = Get-Listing $imported
    $result.import_dir = @{
        path = $imported
        missing = $listing.missing
        error = $listing.error
        free = Get-Free $imported
    }
    # Each look takes this with it: what identifies a file is short, and of a heap of files it is not told.
    $watch = [Diagnostics.Stopwatch]::StartNew()
    $left = 64
    # PE files for this host: with one of these in it, a build is not for another one.
    $own = @{ Windows_x86 = '^50-45-00-00-(64-86|4C-01)$'; Windows_Arm64 = '^50-45-00-00-(64-AA|41-A6|4E-A6)$' }
    $enough = [string] $own[[string] $result.platform]
    $result.imports = @(foreach ($entry in $listing.entries) {
            $isFile = $entry -is [IO.FileInfo]
            $item = @{
                name = $entry.Name
                path = $entry.FullName
                directory = -not $isFile
                bytes = $(if ($isFile) { $entry.Length } else { $null })
                start = $null
                programs = @()
                sha256 = $null
            }
            if ($Identify -and $isFile -and $left -gt 0 -and $watch.ElapsedMilliseconds -lt 2000) {
                $left--
                $stream = $null
                try {
                    $stream = Open-File $entry.FullName ReadWrite
                    $item.start = Read-Start $stream 512
                    $item.programs = @(Read-Program $stream $watch 2000 8 512 $enough)
                }
                catch {
                    # Somebody may hold it open, or have removed it just now: then it is not told.
                    $item.programs = @()
                }
                finally {
                    if ($null -ne $stream) {
                        $stream.Dispose()
                    }
                }
            }
            $item
        })
}

if ($Disk) {
    $result.disk = @{
        temp = Get-Free ([IO.Path]::GetTempPath())
        data = $(if ($DataDir) { Get-Free $DataDir } else { $null })
    }
}

if ($SharePath) {
    $listing = Get-Listing $SharePath
    $result.share = @{ error = $listing.error; denied = $listing.denied; empty = ($listing.entries.Count -eq 0) }
    $lists = @{ manifest = $Manifest; sums = $Sums; signature = $Signature }
    foreach ($key in $lists.Keys) {
        $result.share[$key] = $null
        if ($lists[$key] -and -not $listing.error) {
            $stream = $null
            try {
                $stream = Open-File ([IO.Path]::Combine($SharePath, $lists[$key])) ReadWrite
                $result.share[$key] = Read-Start $stream 1048576
            }
            catch {
                # A share that is filled by hand has no lists.
                $result.share[$key] = $null
            }
            finally {
                if ($null -ne $stream) {
                    $stream.Dispose()
                }
            }
        }
    }
}

# Without a signature, nothing is compared.
if ($Checksums -and $SharePath -and $result.share.signature) {
    foreach ($item in $result.imports) {
        $name = $item.name
        $matching = @($Known | Where-Object -FilterScript { $name.Contains($_) })
        if (-not $item.directory -and $matching.Count -eq 0) {
            $stream = $null
            try {
                $stream = Open-File $item.path ReadWrite
                $item.sha256 = Get-Checksum $stream
            }
            catch {
                $result.checksums_error = Get-Reason $_
            }
            finally {
                if ($null -ne $stream) {
                    $stream.Dispose()
                }
            }
        }
    }
}

if ($Build) {
    # Where Windows has its own programs: no search in PATH finds another one of the same name.
    $result.system = [Environment]::SystemDirectory
    $stream = $null
    try {
        if ([IO.Directory]::Exists($Build)) {
            throw 'It is a directory, and not the file of a build'
        }
        # Nobody can write to it meanwhile. That somebody has it open for writing already is an error.
        $stream = Open-File $Build Read
        $watch = [Diagnostics.Stopwatch]::StartNew()
        $result.build = @{
            bytes = $stream.Length
            written = [IO.File]::GetLastWriteTimeUtc($Build).Ticks
            start = Read-Start $stream $StartBytes
            programs = @(if ($Identify) { Read-Program $stream $watch 60000 8 4096 '' })
            sha256 = $(if ($Checksums) { Get-Checksum $stream } else { $null })
            error = $null
            in_use = $false
        }
    }
    catch {
        $result.build = @{
            bytes = $null
            written = $null
            start = $null
            programs = @()
            sha256 = $null
            error = Get-Reason $_
            in_use = Test-InUse $_
        }
    }
    finally {
        if ($null -ne $stream) {
            $stream.Dispose()
        }
    }
}

# Include: look/discover.ps1

if ($Url) {
    $result.answer = Get-Answer $Url $Milliseconds
}

$Ansible.Changed = $false
$Ansible.Result = $result
