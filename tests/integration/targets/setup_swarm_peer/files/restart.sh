#!/usr/bin/env bash
# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stops a reference peer, prints what it kept of builds, and starts it again: restart.sh PYTHON HOME ADDRESS [ARGUMENT...]
# What it printed are temporary files, what the import directory and VRay hold, and the size of files.
set -eu
here=$(dirname "$0")
home=$2
pid=$(cat "$home/pid")
kill "$pid" 2> /dev/null || true
for ((i = 0; i < 200; i++)); do
    kill -0 "$pid" 2> /dev/null || break
    sleep 0.05
done
(
    cd "$home"
    find . -name '*.buf' -printf '%P %s\n'
    find VRay/import -mindepth 1 -printf '%p %s\n'
    find VRay -mindepth 1 -maxdepth 1 -not -name import -printf '%p\n'
) | sort
bash "$here/start.sh" "$1" "$home" "$3" "$(cat "$home/swarm.yaml")" "${@:4}"
