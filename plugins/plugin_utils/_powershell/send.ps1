# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

# Sends a build by curl.exe. As long as that reads it, nobody can write to it, rename it or put another file in its
# place: it is held open. What cannot be held is copied first, and the copy is sent.

[CmdletBinding()]
param (
    # The build, and what a look told of it: its checksum only where something depends on that.
    [string] $Build,
    [long] $Bytes,
    [long] $Written,
    [string] $Start,
    [string] $Sha256,
    # curl.exe, its arguments but the last one, which is the form with the build, and what follows its path there.
    [string] $Program,
    [string[]] $Arguments = @(),
    [string] $Behind,
    # How much it can have to say.
    [int] $Most
)

$ErrorActionPreference = 'Stop'
# What is null at the end was not reached: error says why, and step, what the error came from.
$result = @{ error = $null; in_use = $false; step = 'open'; rc = $null; stdout = $null; stderr = $null; endless = $false }

# Include: shared/functions.ps1

# Open a file for reading: until it is closed, others can read it, and nothing else.
function Open-Held {
    param ([string] $Path)
    [IO.File]::Open($Path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]::Read)
}

# Whether to hold a file is to hold what its path leads to. The server of a share may let others in by another way, and a
# link can be made to lead elsewhere.
function Test-Holdable {
    param ([string] $Path)
    $holdable = $false
    try {
        $holdable = [IO.DriveInfo]::new([IO.Path]::GetPathRoot($Path)).DriveType -eq [IO.DriveType]::Fixed
        $above = $Path
        while ($holdable -and $above) {
            $holdable = -not ([IO.File]::GetAttributes($above) -band [IO.FileAttributes]::ReparsePoint)
            $above = [IO.Path]::GetDirectoryName($above)
        }
    }
    catch {
        # A UNC path is on no drive; and what may not be looked at is not known.
        $holdable = $false
    }
    $holdable
}

# A program on Windows gets one line, and takes it apart: "Parsing C command-line arguments".
function ConvertTo-Word {
    param ([string] $Argument)
    $escaped = $Argument -replace '(\\*)"', '$1$1\"'
    $escaped = $escaped -replace '(\\+)$', '$1$1'
    '"' + $escaped + '"'
}

# End a program, also one that ends just now, and wait for that: what it has open is open until then.
function Stop-Program {
    param ($Running)
    try {
        $Running.Kill()
    }
    catch {
        # It has ended by itself.
        $null = $_
    }
    $null = $Running.WaitForExit(5000)
}

$source = $null
$held = $null
$process = $null
try {
    $path = $Build
    try {
        if (-not [IO.File]::Exists($Program)) {
            $result.step = 'program'
            throw 'It is not there'
        }
        $source = Open-Held $Build
        $held = $source
        if (-not (Test-Holdable $Build)) {
            # Nobody else can look into this directory, which Ansible removes when all is done.
            $result.step = 'copy'
            $path = [IO.Path]::Combine($Ansible.Tmpdir, [IO.Path]::GetFileName($Build))
            $copy = [IO.File]::Open($path, [IO.FileMode]::CreateNew, [IO.FileAccess]::Write, [IO.FileShare]::None)
            try {
                $source.CopyTo($copy)
            }
            finally {
                $copy.Dispose()
            }
            $result.step = 'open'
            $held = Open-Held $path
        }
        $same = $held.Length -eq $Bytes -and [IO.File]::GetLastWriteTimeUtc($Build).Ticks -eq $Written
        $same = $same -and (Read-Start $held 64) -ceq $Start
        $checksum = $Sha256
        if ($same -and $path -ne $Build) {
            # It may have been written to while it was copied: times do not tell that of what a link leads to.
            $checksum = Get-Checksum $source
            $same = -not $Sha256 -or $checksum -eq $Sha256
        }
        if ($same -and $checksum) {
            $same = (Get-Checksum $held) -eq $checksum
        }
        if (-not $same) {
            $result.step = 'compare'
            $result.error = 'It is not what it was.'
        }
    }
    catch {
        $result.error = Get-Reason $_
        $result.in_use = Test-InUse $_
    }

    if (-not $result.error) {
        # In curl's form a backslash in quotes is written twice.
        $form = 'file=@"' + $path.Replace('\', '\\') + '"' + $Behind
        $words = @(foreach ($argument in @($Arguments) + @('--form', $form)) { ConvertTo-Word $argument })
        $line = $words -join ' '
        $startInfo = [Diagnostics.ProcessStartInfo]::new($Program, $line)
        # No shell, no window, and nothing to read.
        $startInfo.UseShellExecute = $false
        $startInfo.CreateNoWindow = $true
        $startInfo.RedirectStandardInput = $true
        $startInfo.RedirectStandardOutput = $true
        $startInfo.RedirectStandardError = $true
        try {
            $process = [Diagnostics.Process]::Start($startInfo)
        }
        catch {
            $result.step = 'start'
            $result.error = Get-Reason $_
        }
    }

    if ($null -ne $process) {
        $process.StandardInput.BaseStream.Close()
        $said = New-Object -TypeName IO.MemoryStream
        $errors = New-Object -TypeName IO.MemoryStream
        $saying = $process.StandardOutput.BaseStream.CopyToAsync($said)
        $failing = $process.StandardError.BaseStream.CopyToAsync($errors)
        # In short steps: whoever stops this script is heard between two of them.
        while (-not $process.WaitForExit(100)) {
            # A curl.exe before 8.4.0 would read an answer that does not say how long it is for ever.
            if ($said.Length -gt $Most) {
                Stop-Program $process
            }
        }
        $saying.Wait()
        $failing.Wait()
        $result.endless = $said.Length -gt $Most
        $result.rc = [int] $process.ExitCode
        $length = [int] [Math]::Min($said.Length, [long] $Most)
        $result.stdout = [Convert]::ToBase64String($said.GetBuffer(), 0, $length)
        $result.stderr = [Convert]::ToBase64String($errors.ToArray())
    }
}
finally {
    # Whoever stops this script stops what it has started. Where PowerShell is ended from outside, this is not reached.
    if ($null -ne $process) {
        if (-not $process.HasExited) {
            Stop-Program $process
        }
        $process.Dispose()
    }
    foreach ($stream in @($held, $source)) {
        if ($null -ne $stream) {
            $stream.Dispose()
        }
    }
}

$Ansible.Changed = $true
$Ansible.Result = $result
