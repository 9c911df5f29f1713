#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What hangs, dies or comes back costs its own values and nothing else: a QEMU and a libvirtd
# under SIGSTOP, a libvirtd killed and started again, QEMUs killed, zombies.
set -uo pipefail
# shellcheck source=tests/e2e/lib/libvirtd.sh
. "$TOP/tests/e2e/lib/libvirtd.sh"
# shellcheck source=tests/e2e/lib/domain.sh
. "$TOP/tests/e2e/lib/domain.sh"
# shellcheck source=tests/e2e/lib/watch.sh
. "$TOP/tests/e2e/lib/watch.sh"

# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
# What the agent pins is pinned in a file system of this test's own.
if [ -z "${FAULTS_PRIVATE:-}" ]; then
	FAULTS_PRIVATE=yes exec unshare --mount --propagation private "$0"
fi
mount -t bpf bpf /sys/fs/bpf || { echo "no BPF file system may be mounted"; exit 77; }
dir=$TEST_TMP/lv
raws=() stopped=()

cleanup() {
	local pid
	for pid in "${stopped[@]}"; do kill -CONT "$pid" 2>/dev/null; done
	for pid in "${raws[@]}"; do kill -9 "$pid" 2>/dev/null; done
	[ -z "${AGENT_PID:-}" ] || agent_stop
	libvirtd_stop
}
trap cleanup EXIT

raw_qemu() {
	qemu-system-x86_64 -accel tcg -S -m 16 -nodefaults -display none \
		-name "guest=$1,debug-threads=on" </dev/null &
	raws+=($!)
}

# A parent that never waits for its child: a QEMU that dies stays a zombie.
careless_qemu() {
	python3 -c '
import subprocess, sys, time
print(subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL).pid, flush=True)
time.sleep(3600)' qemu-system-x86_64 -accel tcg -S -m 16 -nodefaults -display none \
		-name "guest=$1,debug-threads=on" >"$TEST_TMP/careless" &
	raws+=($!)
	until [ -s "$TEST_TMP/careless" ]; do sleep 0.1; done
	careless=$(cat "$TEST_TMP/careless")
	raws+=("$careless")
}

pid_of() {
	cat "$dir/run/libvirt/qemu/$1.pid"
}

# The whole agent beside it: ten pages, each at once (100 ms, of which it needs a few), and the
# collector goes on meanwhile. One slow page is the machine's.
pages_go_on() {
	local i seconds slow=0 before after
	before=$(curl -sf "$AGENT_URL/metrics" | awk '/^kvmlens_ticks_total/ {print $2}')
	for ((i = 0; i < 10; i++)); do
		seconds=$(curl -sf -o /dev/null -w '%{time_total}' --max-time 10 "$AGENT_URL/metrics")
		awk -v s="$seconds" 'BEGIN {exit !(s >= 0.1)}' && slow=$((slow + 1))
		sleep 0.3
	done
	after=$(curl -sf "$AGENT_URL/metrics" | awk '/^kvmlens_ticks_total/ {print $2}')
	echo "# $slow slow pages, $((after - before)) ticks"
	[ $slow -le 1 ] && [ "$after" -gt "$before" ]
}

# Two ask libvirt about the stopped QEMU, the watcher and the agent. The call of one hangs; while it
# does, libvirt answers the other at once, with what needs no monitor. So either may be the one:
# until the watcher's number WATCHED or the agent's counter COUNTED is not 0.
somebody_reaches() {
	local i watched=$1 counted=$2
	for ((i = 0; i < PATIENCE * 5; i++)); do
		tail -n 2 "$TEST_TMP/watch" | head -n 1 | python3 -c 'import json, sys
worker = next(w for w in json.load(sys.stdin)["workers"] if w["name"] == "libvirt")
sys.exit(worker[sys.argv[1]] < 1)' "$watched" 2>/dev/null && echo "# the watcher" && return
		curl -sf --max-time 10 "$AGENT_URL/metrics" |
			grep -q "^kvmlens_provider_${counted}_total{provider=\"libvirt\"} [1-9]" &&
			echo "# the agent" && return
		sleep 0.2
	done
	return 1
}

stop() {
	kill -STOP "$1"
	stopped+=("$1")
}

# Everything that is read from the host itself is at most a few intervals (of 1 s) old.
fresh="d['inventory_age'] < 10 and proc()['list_age'] < 10 and proc()['stats_age'] < 10"
both="vm('f1') and vm('f2')"

libvirtd_start "$dir" || exit 1
for name in f1 f2; do
	domain_xml $name mem=64 vcpus=1 >"$TEST_TMP/$name.xml"
	virsh_ create "$TEST_TMP/$name.xml" >/dev/null || exit 1
done
careless_qemu raw1
raw_qemu raw2
watch_start "$LIBVIRT_URI" 1000 nsenter --target "$LIBVIRTD_PID" --mount --
expect "all is well at first" "$both and vm('raw1') and libvirt()['up'] and \
	'rss' in vm('f1')['stats']['memory'] and 'rss' in vm('f2')['stats']['memory']"
agent_start "$TEST_TMP/agent" --interval 500ms --uri "$LIBVIRT_URI" --store none || exit 1
taints=$(grep -h "<taint" "$dir"/run/libvirt/qemu/f?.xml | sort)

# --- a QEMU hangs -----------------------------------------------------------------------------
mark
stop "$(pid_of f1)"
check "a call about a stopped QEMU is left where it hangs" somebody_reaches parked overruns
check "the agent answers and ticks while a QEMU is stopped" pages_go_on
check "over another connection it goes on" somebody_reaches reconnects reconnects
expect "and statistics come" "0 <= libvirt()['stats_age'] < 2"
expect "those of the other VM are whole" "'rss' in vm('f2')['stats']['memory']"
expect "of the stopped one there is what needs no monitor, and nothing else" \
	"'cpu_ns' in vm('f1')['stats'] and 'rss' not in vm('f1')['stats']['memory']"
sleep 3
expect_always "both were there all the while" "$both and vm('raw1')"
expect_always "the host's own values stayed fresh" "$fresh"
kill -CONT "$(pid_of f1)"
expect "the call that hung comes home" "libvirt()['parked'] == 0 and libvirt()['up']"
expect "and the VM has all its numbers again" "'rss' in vm('f1')['stats']['memory']"

# --- libvirtd hangs ---------------------------------------------------------------------------
mark
stop "$LIBVIRTD_PID"
expect "a stopped libvirtd is noticed" "not libvirt()['up'] and 'no answer' in libvirt()['error']"
check "the agent answers and ticks while libvirtd is stopped" pages_go_on
raw_qemu raw3
expect "a QEMU that starts meanwhile is found" "vm('raw3')"
kill -9 "$(pid_of f2)"
expect "one that ends meanwhile is gone, whatever libvirt's last word was" "'f2' not in names()"
expect "calls that hang are few" "libvirt()['parked'] <= 8"
expect_always "the other VMs were there all the while" "vm('f1') and vm('raw1')"
expect_always "the host's own values stayed fresh" "$fresh"
kill -CONT "$LIBVIRTD_PID"
expect "it comes back" "libvirt()['up'] and libvirt()['parked'] == 0 and vm('f1')"
expect "and does not bring the dead back" "'f2' not in names()"

# --- libvirtd dies and comes back ---------------------------------------------------------------
mark
libvirtd_restart || exit 1
expect "a restarted libvirtd is connected to again" "libvirt()['up'] and libvirt()['list_age'] < 3"
sleep 3
expect_always "the VM was there all the while" "vm('f1') and vm('f1')['uuid'] == '$(virsh_ domuuid f1)'"
expect_always "the host's own values stayed fresh" "$fresh"
domain_xml f3 mem=64 vcpus=1 >"$TEST_TMP/f3.xml"
virsh_ create "$TEST_TMP/f3.xml" >/dev/null || exit 1
expect "a domain made after that is seen" "vm('f3') and vm('f3')['provider'] == 'libvirt'"

# --- QEMUs die --------------------------------------------------------------------------------
kill -9 "$careless"
expect "a zombie is gone" "'raw1' not in names()"
check "it was a zombie" grep -q ') Z ' "/proc/$careless/stat"
kill -9 "$(pid_of f3)"
expect "a domain whose QEMU was killed is gone" "'f3' not in names()"
expect "each VM is there once" "len({v['uuid'] for v in vms}) == len(vms)"
check "nothing tainted a domain" \
	test "$(grep -h "<taint" "$dir"/run/libvirt/qemu/f1.xml | sort -u)" = "$(sort -u <<<"$taints")"
watch_stop
watch_done
