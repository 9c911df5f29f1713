#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole agent under ThreadSanitizer, with two VMs that come and go, scrapes of all pages, a
# reload, and a change of the detail level: no data race is reported.
set -uo pipefail
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
[ -x "$BUILD/tsan/kvmlens" ] || { echo "needs the build of make tsan"; exit 77; }
# What the agent pins is pinned in a file system of this test's own.
if [ -z "${TSAN_PRIVATE:-}" ]; then
	TSAN_PRIVATE=yes exec unshare --mount --propagation private "$0"
fi
mount -t bpf bpf /sys/fs/bpf || { echo "no BPF file system may be mounted"; exit 77; }
vms=()
cleanup() {
	[ -z "${AGENT_PID:-}" ] || kill -KILL "$AGENT_PID" 2>/dev/null
	[ ${#vms[@]} -eq 0 ] || kill -KILL "${vms[@]}" 2>/dev/null
}
trap cleanup EXIT

# A boot sector that is an endless loop.
printf '\xeb\xfe%508s\x55\xaa' '' >"$TEST_TMP/spin.img"
vm() {
	qemu-system-x86_64 -accel tcg -m 16 -nodefaults -display none -name "$1,debug-threads=on" \
		-drive "if=floppy,format=raw,file=$TEST_TMP/spin.img,readonly=on" &
	vms+=($!)
}
vm first

export TSAN_OPTIONS="exitcode=66 halt_on_error=0 history_size=4 suppressions=$TOP/tests/tsan/suppressions"
KVMLENS=$BUILD/tsan/kvmlens
agent_start "$TEST_TMP/agent.log" --interval 200ms --detail diagnostic --store "$TEST_TMP/store.db" \
	--control "$TEST_TMP/control" --provider proc --stall 200ms 2>/dev/null ||
	agent_start "$TEST_TMP/agent.log" --interval 200ms --detail diagnostic --store "$TEST_TMP/store.db" \
		--control "$TEST_TMP/control" --provider proc || exit
vm second
agent_wait_metric '^vm_up{vm="second"' || { echo "the second VM was not found"; exit 1; }
for ((i = 0; i < 20; i++)); do
	curl -s -m 5 "$AGENT_URL/metrics" >/dev/null
	curl -s -m 5 "$AGENT_URL/api/v1/snapshot" >/dev/null
	curl -s -m 5 "$AGENT_URL/api/v1/history?metric=vm.cpu.usage" >/dev/null
	curl -s -m 5 "$AGENT_URL/api/v1/alerts" >/dev/null
	[ $i -ne 5 ] || kill -KILL "${vms[0]}"
	[ $i -ne 8 ] || kill -HUP "$AGENT_PID"
	[ $i -ne 12 ] || "$BUILD/kvmlens" detail second basic --control "$TEST_TMP/control" >/dev/null
	sleep 0.2
done
agent_stop
code=$?
if [ $code -ne 0 ] || grep -q 'WARNING: ThreadSanitizer' "$TEST_TMP/agent.log"; then
	echo "exit code $code"
	grep -A 25 -m 3 'WARNING: ThreadSanitizer' "$TEST_TMP/agent.log"
	grep 'SUMMARY: ThreadSanitizer' "$TEST_TMP/agent.log" | sort | uniq -c
	exit 1
fi
