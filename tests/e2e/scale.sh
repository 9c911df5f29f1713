#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many VMs at once, in the agent: 200 paused QEMUs are all listed, each once; a page comes at once
# while one of them is stopped; the ends of all are noticed.
set -uo pipefail
[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
if [ -z "${SCALE_PRIVATE:-}" ]; then
	SCALE_PRIVATE=yes exec unshare --mount --propagation private "$0"
fi
mount -t bpf bpf /sys/fs/bpf || { echo "no BPF file system may be mounted"; exit 77; }
number=${SCALE_VMS:-200}
need=$((number * 16))
have=$(awk '/MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
[ "$have" -ge $((need + 1024)) ] || { echo "needs $need MiB of memory for $number QEMUs, $have are free"; exit 77; }
qemus=() agent='' tests=0 failed=0

cleanup() {
	[ -z "$agent" ] || kill "$agent" 2>/dev/null
	for pid in "${qemus[@]}"; do kill -9 "$pid"; done 2>/dev/null
	wait
}
trap cleanup EXIT

tap() {
	local status=$?
	tests=$((tests + 1))
	[ $status -eq 0 ] && echo "ok $tests - $*" && return
	failed=$((failed + 1))
	echo "not ok $tests - $*"
}

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
page() {
	curl -sf --max-time 10 "http://127.0.0.1:$port/metrics" >"$TEST_TMP/page"
}

# Only this test's VMs count: the machine may run others.
count() {
	page && grep -c '^vm_up{vm="scale-[0-9]*",[^}]*} 1' "$TEST_TMP/page"
}

until_count() {
	local i
	for ((i = 0; i < 120; i++)); do
		[ "$(count)" = "$1" ] && return 0
		sleep 0.5
	done
	echo "# $(count) of them are listed, not $1"
	return 1
}

for ((i = 0; i < number; i++)); do
	qemu-system-x86_64 -accel tcg -S -m 8 -nodefaults -display none -name "scale-$i,debug-threads=on" \
		</dev/null >/dev/null 2>&1 &
	qemus+=($!)
done
"$KVMLENS" run --listen "127.0.0.1:$port" --interval 1s --provider proc --store none \
	--format json >/dev/null 2>"$TEST_TMP/agent" &
agent=$!
until_count "$number"
tap "$number paused QEMUs are listed"
[ "$(grep -o '^vm_up{[^}]*}' "$TEST_TMP/page" | sort | uniq -d | wc -l)" -eq 0 ]
tap "each of them once"
kill -STOP "${qemus[0]}"
# Every page of the next ten is there in time, and the agent goes on ticking.
before=$(awk '/^kvmlens_ticks_total/ {print $2}' "$TEST_TMP/page")
slow=0
for ((i = 0; i < 10; i++)); do
	seconds=$(curl -sf -o /dev/null -w '%{time_total}' --max-time 10 "http://127.0.0.1:$port/metrics")
	echo "# page in $seconds s"
	awk -v s="$seconds" 'BEGIN {exit !(s >= 0.1)}' && slow=$((slow + 1))
	sleep 0.5
done
[ "$slow" -le 1 ]
tap "pages come at once while one QEMU is stopped"
page
after=$(awk '/^kvmlens_ticks_total/ {print $2}' "$TEST_TMP/page")
[ "$after" -gt "$before" ]
tap "ticks go on"
awk '/^kvmlens_tick_seconds_total/ {s = $2} /^kvmlens_ticks_total/ {n = $2}
	END {printf "# %.1f ms a tick\n", s / n * 1000; exit !(s / n < 0.02)}' "$TEST_TMP/page"
tap "a tick takes less than 20 ms"
kill -CONT "${qemus[0]}"
for pid in "${qemus[@]}"; do kill -9 "$pid"; done 2>/dev/null
until_count 0
tap "all are gone when they have ended"
echo "1..$tests"
[ $failed -eq 0 ]
