# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# A function that several scripts have: it is put into each where it says so.

# Whether a name or an address, without brackets, is one of this host.
function Test-Own {
    param ([string] $Name)
    try {
        $own = @([Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces() |
                ForEach-Object -Process { $_.GetIPProperties().UnicastAddresses } |
                ForEach-Object -Process { $_.Address.IPAddressToString -replace '%.*$' })
        foreach ($address in [Net.Dns]::GetHostAddresses($Name)) {
            if ([Net.IPAddress]::IsLoopback($address) -or ($address.IPAddressToString -replace '%.*$') -in $own) {
                return $true
            }
        }
    }
    catch {
        $result.peer_error = $_.Exception.GetBaseException().Message.Trim()
    }
    $false
}
