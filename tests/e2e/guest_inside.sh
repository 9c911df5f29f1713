#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The running agent looks into an emulated guest of a thousand processes with nothing in it: its
# metrics against the guest's own /proc, what the worker costs, that the guest does not grow, and
# that top shows the guest's processes. A VM that is no Linux is told as such.
set -uo pipefail
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --mount --propagation private "$0"
fi
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"
here=$TOP/tests/e2e/guest

skip() {
	echo "$*"
	exit 77
}

fail() {
	echo "$*"
	tail -n 5 "$TEST_TMP"/*.log
	exit 1
}

[ "$(id -u)" = 0 ] || skip "needs root"
for program in qemu-system-x86_64 curl tmux; do
	command -v $program >/dev/null || skip "$program is not installed"
done
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"
kernel=$("$TOP/scripts/guest-kernel.sh" 6.1) || skip "no kernel 6.1 on this machine's mirror"
${CC:-gcc} -O2 -w -static -pthread -D_GNU_SOURCE -o "$TEST_TMP/guestrep" "$here/guestrep.c" ||
	fail "the guest's program does not build"
"$TOP/scripts/guest-image.sh" plain --kernel "$kernel" -o "$TEST_TMP/image" \
	--bin "$TEST_TMP/guestrep" --file "$here/init:/init" || fail "no image"
trap 'kill $(jobs -p) 2>/dev/null; tmux -S "$TEST_TMP/tmux" kill-server 2>/dev/null; wait' EXIT

mkfifo "$TEST_TMP/console"
exec 5<>"$TEST_TMP/console"
qemu-system-x86_64 -accel tcg -cpu max -m 1024 -smp 1 -display none -nodefaults -serial stdio \
	-name guest=inside,debug-threads=on -uuid 11111111-2222-4333-8444-555555555501 \
	-kernel "$kernel/vmlinuz" -initrd "$TEST_TMP/image" \
	-append "console=ttyS0 quiet panic=-1 many=1000" <"$TEST_TMP/console" >"$TEST_TMP/guest.log" 2>&1 &
guest=$!
# Its memory is there, but nothing is in it: paused before its first instruction.
qemu-system-x86_64 -accel tcg -S -display none -nodefaults -m 64 \
	-name guest=empty,debug-threads=on -uuid 11111111-2222-4333-8444-555555555502 &

# wait_for SECONDS COMMAND...
wait_for() {
	local i seconds=$1
	shift
	for ((i = 0; i < seconds * 5; i++)); do
		"$@" && return
		kill -0 $guest 2>/dev/null || skip "the emulated guest fell over: $(tail -n 1 "$TEST_TMP/guest.log")"
		sleep 0.2
	done
	return 1
}

guest_says() {
	grep -aq "^$1" "$TEST_TMP/guest.log"
}

metric() {
	curl -sf "$AGENT_URL/metrics" | sed -n "s/^$1{vm=\"inside\"[^}]*$2[^}]*} //p" | head -n 1
}

rss() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$guest/status"
}

worker() {
	local pid
	for pid in $(pgrep -P "$AGENT_PID"); do
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q guest-memory-worker || continue
		# The one whose memory it has: the other guest's has not attached.
		[ "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$KVMLENS")" ] &&
			awk '$1 == "RssAnon:" { print $2 }' "/proc/$pid/status" | sed "s/^/$pid /"
	done | sort -k2 -n | tail -n 1
}

wait_for 120 guest_says READY || skip "the emulated guest does not boot"
agent_start "$TEST_TMP/agent.log" --guest-memory on --detail detailed --interval 1s --store none ||
	fail "the agent does not start"
seen() { [ -n "$(metric vm_process_cpu_usage comm=\"guestrep\")" ]; }
wait_for 60 seen || fail "no process of the guest is seen"
[ "$(metric vm_source_up source=\"guest_memory\")" = 1 ] || fail "the source is not up"

before=$(rss)
read -r pid anon < <(worker)
from=$(cut -d' ' -f1 "/proc/$pid/schedstat") ticks=$SECONDS
sleep 10
cost=$((($(cut -d' ' -f1 "/proc/$pid/schedstat") - from) / ((SECONDS - ticks) * 1000)))
echo "a look at $(metric vm_guest_processes "") processes: $cost us of CPU; worker: $anon KiB of its own"
[ "$anon" -le 8192 ] || fail "the worker has $anon KiB"
[ "$(awk '$1 == "Uid:" { print $3 }' "/proc/$pid/status")" != 0 ] || fail "the worker is root"
[ "$(awk '$1 == "Seccomp:" { print $2 }' "/proc/$pid/status")" = 2 ] || fail "the worker has no filter"
# An emulator grows a little by itself; reading absent pages would show as tens of megabytes.
grown=$(($(rss) - before))
[ $grown -le 4096 ] || fail "the guest grew by $grown KiB"

# What does not change is exactly as the guest itself says.
echo report >&5
wait_for 60 guest_says END || fail "the guest does not report"
count=$(grep -ac '^T ' "$TEST_TMP/guest.log")
seen_count=$(metric vm_guest_processes "")
echo "the guest counts $count processes, kvmlens $seen_count"
off=$((count - seen_count))
[ ${off#-} -le 2 ] || fail "another number of processes"
hog=$(sed -n 's/^T .* rss=\([0-9]*\) .*comm=guestrep\r*$/\1/p' "$TEST_TMP/guest.log" | sort -n | tail -n 1)
shown=$(curl -sf "$AGENT_URL/metrics" |
	sed -n 's/^vm_process_memory_usage{vm="inside".*comm="guestrep".*} //p' | sort -n | tail -n 1)
[ "$hog" = "$shown" ] || fail "the largest process has $hog bytes, shown are $shown"
echo "the largest process has $hog bytes, as the guest says"
# Between two reports of the guest: who its processes are, and what is counted of them. A look that began after
# the first report is on the page two intervals later.
sleep 2.5
curl -sf "$AGENT_URL/metrics" >"$TEST_TMP/page"
echo report >&5
reported_twice() { [ "$(grep -ac '^END' "$TEST_TMP/guest.log")" -ge 2 ]; }
wait_for 60 reported_twice || fail "the guest does not report again"
"$here/page-compare.py" "$TEST_TMP/page" inside "$TEST_TMP/guest.log" || fail "other processes than the guest has"
grep -q 'guest: empty: no guest_memory: unsupported: ' "$TEST_TMP/agent.log" ||
	fail "of a VM that is no Linux nothing is said"
agent_stop

# Live, in a terminal.
tmux -S "$TEST_TMP/tmux" new-session -d -x 120 -y 50 \
	"$KVMLENS top --guest-memory on --detail detailed --interval 1s"
on_screen() {
	tmux -S "$TEST_TMP/tmux" capture-pane -p | grep -q "$1"
}
wait_for 30 on_screen inside || fail "top does not start"
# Only this guest, whatever else runs here, and everything of it.
tmux -S "$TEST_TMP/tmux" send-keys / inside Enter e
wait_for 60 on_screen guestrep || fail "top does not show it: $(tmux -S "$TEST_TMP/tmux" capture-pane -p)"
echo "top shows the guest's processes"
