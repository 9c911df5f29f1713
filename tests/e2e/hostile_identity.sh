#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A user's process with the UUID and the name of a VM takes nothing from it: before the VM starts,
# while it runs, after it restarts. It is shown as its owner's own, counted, and named once.
set -uo pipefail
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"
# shellcheck source=tests/e2e/lib/hostile.sh
. "$TOP/tests/e2e/lib/hostile.sh"
[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
command -v qemu-system-x86_64 >/dev/null || { echo "needs qemu-system-x86_64"; exit 77; }
if [ -z "${HOSTILE_PRIVATE:-}" ]; then
	HOSTILE_PRIVATE=yes exec unshare --mount --propagation private "$0"
fi
hostile_init
uuid=5c0f1b1e-6a53-4c58-9d7d-1d5a3a1f0c77

real() {
	qemu-system-x86_64 -accel tcg -S -m 16 -nodefaults -display none -name guest=victim,debug-threads=on \
		-uuid $uuid </dev/null >/dev/null 2>&1 &
	real=$!
	pids+=("$real")
}

victim_is_real() { # the series of the name and UUID are of the real one, by the path that it runs
	[ "$(value vm_info 'vm="victim"' "uuid=\"$uuid\"" 'owner="root"' \
		"executable=\"$(readlink /proc/$real/exe)\"")" = 1 ] &&
		[ "$(value vm_up 'vm="victim"' "uuid=\"$uuid\"")" = 1 ]
}

# CPU time of the process as the kernel has it, against the agent's counter: to 50 ms and a tenth.
right_time() {
	local ours theirs
	ours=$(value vm_memory_host_resident 'vm="victim"')
	theirs=$(awk '/^VmRSS/ {print $2 * 1024}' "/proc/$real/status")
	echo "# resident: $ours, the kernel says $theirs"
	awk -v a="${ours:-0}" -v b="$theirs" 'BEGIN {exit !(a > 0.8 * b && a < 1.2 * b)}'
}

fake early -name victim -uuid $uuid || exit 1
early=$FAKE_PID
agent_start "$DIR/agent.log" --interval 1s --provider proc --store none || exit 1
fake_alone() {
	[ "$(value vm_up "vm=\"$USER_ID/victim\"")" = 1 ] && ! grep -q "uuid=\"$uuid\"" "$DIR/page"
}
check "before the VM starts the fake is its owner's own, without the UUID" until_true 15 fake_alone
fake_uuid=$(sed -n "s|^vm_up{vm=\"$USER_ID/victim\",uuid=\"\\([^\"]*\\)\".*|\\1|p" "$DIR/page")
real
check "the VM has its name and UUID beside the fake" until_true 15 victim_is_real
check "and its numbers are its own" until_true 5 right_time
check "the fake stays what it was" test "$(value vm_up "uuid=\"$fake_uuid\"")" = 1
kill -9 "$real"
wait "$real" 2>/dev/null
# The UUID stays with the VM that died, which is down, and no other series has it.
real_is_down() {
	[ "$(value vm_up "vm=\"$USER_ID/victim\"")" = 1 ] && [ "$(value vm_up "uuid=\"$uuid\"")" = 0 ] &&
		[ "$(grep -c "^vm_up{.*uuid=\"$uuid\"" "$DIR/page")" = 1 ]
}
check "when the VM ends, the fake does not stand in for it" until_true 15 real_is_down
real
check "the VM has its name and UUID again after a restart" until_true 15 victim_is_real
check "and its numbers are its own" until_true 5 right_time
fake late -name victim -uuid $uuid || exit 1
sleep 3
check "a younger fake changes nothing" victim_is_real
check "what it claims is counted" test "$(value kvmlens_refused_total "owner=\"$USER_ID\"" 'reason="identity"')" -ge 1
named() {
	local n
	n=$(grep -c "owner $USER_ID (uid $USER_ID), process $early: calls itself" "$DIR/agent.log")
	echo "# named $n times"
	[ "$n" = 1 ] && [ "$(grep -c "owner: owner $USER_ID .*calls itself" "$DIR/agent.log")" = 1 ]
}
check "and named once, with its process and its owner" named
finish
