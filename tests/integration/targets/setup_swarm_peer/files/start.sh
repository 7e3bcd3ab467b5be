#!/usr/bin/env bash
# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Starts a reference peer and waits until it listens: start.sh PYTHON HOME ADDRESS SETTINGS [ARGUMENT...]
set -eu
python=$1 home=$2 address=$3 settings=$4
shift 4
mkdir -p "$home/VRay/import"
printf '%s' "$settings" > "$home/swarm.yaml"
nohup "$python" -m swarm_peer --address "$address" --data-dir "$home" --config "$home/swarm.yaml" \
    --temp-dir "$home" --log "$home/log.jsonl" "$@" > "$home/out" 2>&1 < /dev/null &
echo $! > "$home/pid"
for ((i = 0; i < 600; i++)); do
    grep -q "listening on" "$home/out" && exit 0
    kill -0 $! 2> /dev/null || break
    sleep 0.05
done
cat "$home/out" >&2
exit 1
