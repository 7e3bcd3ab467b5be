#!/usr/bin/env bash
# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Stops all reference peers below a folder, forgets them, and starts one:
# anew.sh PYTHON FOLDER NAME ADDRESS SETTINGS [ARGUMENT...]
set -eu
here=$(dirname "$0")
bash "$here/stop.sh" "$2"
exec bash "$here/start.sh" "$1" "$2/$3" "${@:4}"
