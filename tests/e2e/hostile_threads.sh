#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A user's process with 500 threads that are called as vCPUs, at a table of 64: the vCPUs of a VM
# that starts later are followed all the same, to the kernel's own number.
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

FAKE_THREADS=500 fake many -name many || exit 1
agent_start "$DIR/agent.log" --interval 1s --provider proc --store none --max-threads 64 || exit 1
full() { [ "$(value kvmlens_refused_total "owner=\"$USER_ID\"" 'reason="threads"')" -ge 480 ]; }
check "most threads of the fake are refused, and counted" until_true 15 full
tracked=$(value kvmlens_threads_tracked)
echo "# of 64 threads $tracked are tracked"
check "it has a quarter of the table at most" test "${tracked:-64}" -le 17
# A guest that spins: its firmware is two bytes that jump to themselves.
printf '\xeb\xfe' | dd of="$DIR/spin.img" conv=notrunc status=none
truncate -s 1440K "$DIR/spin.img"
printf '\x55\xaa' | dd of="$DIR/spin.img" bs=1 seek=510 conv=notrunc status=none
qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 16 -nodefaults -display none \
	-name guest=real,debug-threads=on -drive "file=$DIR/spin.img,format=raw,if=floppy" -boot a \
	</dev/null >/dev/null 2>&1 &
real=$!
pids+=("$real")
followed() { [ "$(value vm_source_up 'vm="real"' 'source="kernel"')" = 1 ] && [ "$(value vm_cpu_vcpus 'vm="real"')" = 2 ]; }
check "a VM that starts beside it has its vCPUs followed" until_true 15 followed
sleep 3

# Run time of its vCPU threads in seconds: the kernel's, and ours.
kernel_time() {
	local task sum=0 ns
	for task in "/proc/$real/task/"*; do
		grep -q '^CPU ' "$task/comm" || continue
		read -r ns _ <"$task/schedstat"
		sum=$((sum + ns))
	done
	echo $sum
}
before=$(value vm_cpu_run_seconds_total 'vm="real"') kernel_before=$(kernel_time)
sleep 4
after=$(value vm_cpu_run_seconds_total 'vm="real"') kernel_after=$(kernel_time)
echo "# $before to $after s, the kernel says $kernel_before to $kernel_after ns"
right() { # of two readings a second apart at most on either side
	awk -v a="$before" -v b="$after" -v c="$kernel_before" -v d="$kernel_after" \
		'BEGIN {ours = b - a; theirs = (d - c) / 1e9; exit !(theirs > 0.5 && ours > 0.6 * theirs && ours < 1.4 * theirs)}'
}
check "and its run time is the kernel's" right
named() { [ "$(grep -c "owner: owner $USER_ID (uid $USER_ID), process $FAKE_PID: more than [0-9]* tracked threads" "$DIR/agent.log")" = 1 ]; }
check "the fake is named once" named
finish
