#!/usr/bin/env bash
# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stops all reference peers below a folder, waits until they have ended, and removes the folder: stop.sh FOLDER
set -eu
for file in "$1"/*/pid; do
    [[ -e $file ]] || continue
    pid=$(cat "$file")
    kill "$pid" 2> /dev/null || true
    for ((i = 0; i < 200; i++)); do
        kill -0 "$pid" 2> /dev/null || break
        sleep 0.05
    done
done
rm -rf "$1"
