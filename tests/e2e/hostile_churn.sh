#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# VMs that come and go, eight a second: the agent's memory is back within a tenth of what it was.
# CHURN sets how many, 200 by default; 3,000 take 6 minutes. And a user's hundred processes beside
# them: no more than its share is shown.
set -uo pipefail
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"
# shellcheck source=tests/e2e/lib/hostile.sh
. "$TOP/tests/e2e/lib/hostile.sh"
[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
if [ -z "${HOSTILE_PRIVATE:-}" ]; then
	HOSTILE_PRIVATE=yes exec unshare --mount --propagation private "$0"
fi
hostile_init
number=${CHURN:-200}
# A shell that is called as a QEMU, and waits: light enough to be started by the thousand.
cp "$(readlink -f /bin/sh)" "$DIR/bin/qemu-system-i386"
mkfifo "$DIR/wait"
exec 8<>"$DIR/wait"

churn() { # FIRST N: each lives for four seconds
	local i pid
	for ((i = $1; i < $1 + $2; i++)); do
		"$DIR/bin/qemu-system-i386" -c "read -r _ <$DIR/wait" -name "churn-$i" \
			-uuid "$(printf '00000000-0000-4000-8000-%012d' "$i")" &
		alive+=($!)
		sleep 0.12
		[ ${#alive[@]} -gt 32 ] || continue
		pid=${alive[0]}
		alive=("${alive[@]:1}")
		kill "$pid" && wait "$pid" 2>/dev/null
	done
}
alive=()
end_all() {
	local pid
	for pid in "${alive[@]}"; do kill "$pid"; wait "$pid" 2>/dev/null; done
	alive=()
}
resident() { awk '/^VmRSS/ {print $2}' "/proc/$AGENT_PID/status"; }
listed() { page && grep -c '^vm_up{vm="churn-' "$DIR/page"; }

agent_start "$DIR/agent.log" --interval 1s --provider proc --store "$DIR/history.db" \
	--dead-vms 5s || exit 1
churn 0 80
echo "# $(listed) are listed at a time"
end_all
gone() { [ "$(listed)" = 0 ]; }
until_true 25 gone
sleep 3
before=$(resident)
churn 1000 "$number"
most=$(resident)
seen=$(listed)
end_all
check "they have been seen" test "$seen" -ge 8
check "and are gone some seconds after they have ended" until_true 25 gone
back() { [ "$(resident)" -le $((before + before / 10)) ]; }
check "its memory is back" until_true 90 back
echo "# resident: $before KiB, at the end of $number VMs $most KiB, then $(resident) KiB"

for ((i = 0; i < 100; i++)); do
	setpriv --reuid $USER_ID --regid $USER_ID --clear-groups \
		"$DIR/bin/qemu-system-i386" -c "read -r _ <$DIR/tmp/wait" -name "mine-$i" &
	pids+=($!)
	[ -p "$DIR/tmp/wait" ] || { mkfifo "$DIR/tmp/wait" && chmod 666 "$DIR/tmp/wait"; }
done
exec 9<>"$DIR/tmp/wait"
share() { page && [ "$(grep -c "^vm_up{vm=\"$USER_ID/" "$DIR/page")" = 32 ]; }
check "of a user's hundred processes 32 are shown" until_true 20 share
refused() { [ "$(value kvmlens_refused_total "owner=\"$USER_ID\"" 'reason="vms"')" -ge 68 ]; }
check "the others are counted" until_true 10 refused
check "and named once" test "$(grep -c "owner: owner $USER_ID .*more than 32 VMs" "$DIR/agent.log")" = 1
finish
