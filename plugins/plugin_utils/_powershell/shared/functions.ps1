# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Functions that several scripts have: they are put into each where it says so.

function Get-Reason {
    param ($Record)
    $Record.Exception.GetBaseException().Message.Trim()
}

# Whether a file could not be opened since somebody else has it open: ERROR_SHARING_VIOLATION.
function Test-InUse {
    param ($Record)
    $Record.Exception.GetBaseException().HResult -eq -2147024864
}

# Open a file for reading; others can read and remove it meanwhile, and what else they can do is said.
function Open-File {
    param ([string] $Path, [IO.FileShare] $Others)
    [IO.File]::Open($Path, [IO.FileMode]::Open, [IO.FileAccess]::Read, $Others -bor [IO.FileShare]::Delete)
}

# Fill a buffer with the next bytes of a stream, and return their number.
function Read-Next {
    param ($Stream, $Buffer)
    $filled = 0
    do {
        $count = $Stream.Read($Buffer, $filled, $Buffer.Length - $filled)
        $filled += $count
    } while ($count -gt 0 -and $filled -lt $Buffer.Length)
    $filled
}

# The first bytes of a file, as base64.
function Read-Start {
    param ($Stream, [int] $Limit)
    $buffer = New-Object -TypeName byte[] -ArgumentList $Limit
    $Stream.Position = 0
    $filled = Read-Next $Stream $buffer
    [Convert]::ToBase64String($buffer, 0, $filled)
}

# The SHA-256 of a file, in hexadecimal.
function Get-Checksum {
    param ($Stream)
    $algorithm = [Security.Cryptography.SHA256]::Create()
    try {
        $Stream.Position = 0
        [BitConverter]::ToString($algorithm.ComputeHash($Stream)).Replace('-', '').ToLowerInvariant()
    }
    finally {
        $algorithm.Dispose()
    }
}

# GET a URL: what came back, or why nothing did.
function Get-Answer {
    param ([string] $Url, [int] $Milliseconds)
    $response = $null
    try {
        # Some hosts that others can look up are none for .NET.
        $request = [Net.WebRequest]::Create($Url)
        $request.Proxy = $null
        $request.AllowAutoRedirect = $false
        $request.KeepAlive = $false
        $request.Timeout = $Milliseconds
        $request.ReadWriteTimeout = $Milliseconds
        $request.UserAgent = 'renderops.vray_swarm'
        try {
            $response = $request.GetResponse()
        }
        catch {
            # An answer with the status of an error is one.
            $response = $_.Exception.InnerException.Response
            if ($null -eq $response) {
                throw
            }
        }
        $body = New-Object -TypeName IO.MemoryStream
        $stream = $response.GetResponseStream()
        $buffer = New-Object -TypeName byte[] -ArgumentList 65536
        do {
            $count = $stream.Read($buffer, 0, $buffer.Length)
            $body.Write($buffer, 0, $count)
        } while ($count -gt 0 -and $body.Length -le 1048576)
        @{ status = [int] $response.StatusCode; body = [Convert]::ToBase64String($body.ToArray()); error = $null }
    }
    catch {
        @{ status = $null; body = $null; error = Get-Reason $_ }
    }
    finally {
        if ($null -ne $response) {
            $response.Close()
        }
    }
}
