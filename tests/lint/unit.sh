#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The service's unit is one that systemd understands, and no more exposed than its comment explains:
# the score of systemd-analyze security, of which most is what the agent is there to observe.
set -uo pipefail
cd "$TOP" || exit
command -v systemd-analyze >/dev/null || { echo "needs systemd-analyze"; exit 77; }
unit=$TEST_TMP/kvmlens.service
sed 's|@SBINDIR@/kvmlens|/bin/true|' scripts/kvmlens.service.in >"$unit"
said=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -F kvmlens.service)
[ -z "$said" ] || { echo "$said"; exit 1; }
systemd-analyze security --offline=true --no-pager --threshold=32 "$unit" >"$TEST_TMP/score" 2>&1 || {
	cat "$TEST_TMP/score"
	exit 1
}
