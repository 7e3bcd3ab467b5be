# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

# The files of a change of swarm.yaml: what they hold, and one step of the change.

[CmdletBinding(SupportsShouldProcess)]
param (
    # look, put, move or remove.
    [string] $Do,
    [string] $Path,
    # Of look: what swarm.yaml said before, kept beside it.
    [string] $Saved,
    [string] $Old,
    # And the name or address of the peer that is meant.
    [string] $Peer,
    # Of put: the content, as base64, and the file whose access list the new one gets.
    [string] $Content,
    [string] $Like,
    # What is replaced or removed: a SHA-256, or 'none'.
    [string] $Replaces,
    # Of move: where to.
    [string] $Target
)

$ErrorActionPreference = 'Stop'
$result = @{}

# Include: shared/own.ps1

function Read-All {
    param ([string] $Path)
    if ([IO.File]::Exists($Path)) {
        [Convert]::ToBase64String([IO.File]::ReadAllBytes($Path))
    }
    else {
        $null
    }
}

# The SHA-256 of a file, in hexadecimal.
function Get-Checksum {
    param ([string] $Path)
    if (-not [IO.File]::Exists($Path)) {
        return 'none'
    }
    $algorithm = [Security.Cryptography.SHA256]::Create()
    try {
        $bytes = $algorithm.ComputeHash([IO.File]::ReadAllBytes($Path))
        [BitConverter]::ToString($bytes).Replace('-', '').ToLowerInvariant()
    }
    finally {
        $algorithm.Dispose()
    }
}

# Somebody else may have written it since it was read.
function Test-Other {
    param ([string] $Path)
    [bool] ($Replaces -and $Replaces -ne (Get-Checksum $Path))
}

# A new file that nobody can open who may not open the other one, not even before anything is in it.
function New-Like {
    param ([string] $Path, [string] $Model)
    if (-not [IO.File]::Exists($Model)) {
        return [IO.File]::Open($Path, [IO.FileMode]::CreateNew, [IO.FileAccess]::Write, [IO.FileShare]::None)
    }
    $security = [IO.File]::GetAccessControl($Model, [Security.AccessControl.AccessControlSections]::Access)
    # What the other one inherits may not be what is inherited here.
    $security.SetAccessRuleProtection($true, $true)
    $rights = [Security.AccessControl.FileSystemRights]::Write
    $none = [IO.FileOptions]::None
    [IO.FileStream]::new($Path, [IO.FileMode]::CreateNew, $rights, [IO.FileShare]::None, 4096, $none, $security)
}

# What is replaced hands on its owner and its access list. Windows does it in two steps, and can fail between them: then a
# copy is what comes back.
function Move-Over {
    param ([string] $From, [string] $To)
    if (-not [IO.File]::Exists($To)) {
        [IO.File]::Move($From, $To)
        return
    }
    $copy = $From + '.old'
    try {
        [IO.File]::Replace($From, $To, $copy)
    }
    finally {
        if (-not [IO.File]::Exists($To)) {
            [IO.File]::Move($copy, $To)
        }
        try {
            [IO.File]::Delete($copy)
        }
        catch {
            $result.left = $copy
        }
    }
}

switch ($Do) {
    'look' {
        $result.directory = [IO.Directory]::Exists($Path)
        $result.parent = [IO.Directory]::Exists([IO.Path]::GetDirectoryName($Path))
        # A file that is there and may not be read is an error.
        try {
            $result.content = [Convert]::ToBase64String([IO.File]::ReadAllBytes($Path))
            $result.readonly = [IO.FileInfo]::new($Path).IsReadOnly
        }
        catch {
            $reason = $_.Exception.GetBaseException()
            $missing = $reason -is [IO.FileNotFoundException] -or $reason -is [IO.DirectoryNotFoundException]
            if (-not $missing -and -not $result.directory) {
                throw
            }
            $result.content = $null
            $result.readonly = $false
        }
        $result.saved = [IO.File]::Exists($Saved)
        $result.saved_sha256 = $(if ($result.saved) { Get-Checksum $Saved } else { $null })
        $result.saved_seconds = $(if ($result.saved) {
                ([DateTime]::UtcNow - [IO.File]::GetLastWriteTimeUtc($Saved)).TotalSeconds
            }
            else {
                $null
            })
        $result.old = Read-All $Old
        if ($Peer) {
            $result.is_peer = Test-Own $Peer
        }
        $Ansible.Changed = $false
    }
    'put' {
        $folder = [IO.Path]::GetDirectoryName($Path)
        $temporary = [IO.Path]::Combine($folder, '.vray_swarm-' + [Guid]::NewGuid().ToString('N'))
        try {
            $bytes = [Convert]::FromBase64String($Content)
            $stream = New-Like $temporary $Like
            try {
                $stream.Write($bytes, 0, $bytes.Length)
                $stream.Flush($true)
            }
            finally {
                $stream.Dispose()
            }
            $result.other = Test-Other $Path
            if (-not $result.other) {
                Move-Over $temporary $Path
            }
        }
        finally {
            if ([IO.File]::Exists($temporary)) {
                [IO.File]::Delete($temporary)
            }
        }
    }
    'move' {
        $result.other = Test-Other $Target
        if (-not $result.other) {
            Move-Over $Path $Target
        }
    }
    'remove' {
        $result.other = Test-Other $Path
        if (-not $result.other) {
            [IO.File]::Delete($Path)
        }
    }
}

$Ansible.Result = $result
