#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A host that refuses: no BPF at all, or a kernel without BTF. The agent starts all the same, says
# loudly what is missing, and run and ready time are those of /proc; nothing that it cannot know
# is shown as a number.
set -uo pipefail
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"
[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
if [ -z "${DEGRADED_PRIVATE:-}" ]; then
	DEGRADED_PRIVATE=yes exec unshare --mount --propagation private "$0"
fi
mount -t bpf bpf /sys/fs/bpf || { echo "no BPF file system may be mounted"; exit 77; }
real=$KVMLENS refuse=$BUILD/tests/e2e/refuse
qemus=() n=0 failed=0

cleanup() {
	[ -z "${AGENT_PID:-}" ] || agent_stop
	for pid in "${qemus[@]}"; do kill -9 "$pid"; done 2>/dev/null
}
trap cleanup EXIT

check() {
	local what=$1
	shift
	n=$((n + 1))
	if "$@"; then echo "ok $n - $what"; else echo "not ok $n - $what"; failed=$((failed + 1)); fi
}

# Two guests whose firmware looks for something to boot, on one CPU.
start_guest() {
	setpriv --pdeathsig KILL taskset -c 0 qemu-system-x86_64 -name "guest=$1,debug-threads=on" \
		-accel tcg,tb-size=8 -m 32 -display none -nodefaults </dev/null &
	qemus+=($!)
}

vcpu_tid() {
	local task
	for task in "/proc/$1/task/"*; do
		if grep -q '^CPU 0/' "$task/comm"; then echo "${task##*/}"; fi
	done
}

metric() {
	curl -sf "$AGENT_URL/metrics" | awk -v name="$1{vm=\"$2\"" 'index($0, name) == 1 { print $2 }'
}

# Ours lies between /proc's word before and after: seconds, of the vCPU thread.
ready_agrees() {
	local tid before ours after
	tid=$(vcpu_tid "${qemus[0]}")
	before=$(awk '{ print $2 }' "/proc/${qemus[0]}/task/$tid/schedstat")
	sleep 1.2 # a collection, at least
	ours=$(metric vm_cpu_ready_seconds_total degraded-0)
	after=$(awk '{ print $2 }' "/proc/${qemus[0]}/task/$tid/schedstat")
	echo "# $before <= $ours s <= $after"
	awk -v a="$before" -v o="$ours" -v b="$after" 'BEGIN { exit !(o != "" && a / 1e9 <= o + 1e-6 && o <= b / 1e9 + 1e-6) }'
}

degraded() {
	local how=$1 reason=$2
	agent_start "$TEST_TMP/agent.log" --interval 500ms --store none || {
		check "$how: the agent starts" false
		return
	}
	agent_wait_metric '^vm_cpu_ready_time\{vm="degraded-1"'
	check "$how: it says so" grep -q "reduced: no sched (.*): .*$reason.*schedstat" "$TEST_TMP/agent.log"
	check "$how: as a metric" agent_wait_metric '^kvmlens_feature\{feature="sched"\} 0'
	check "$how: ready time is /proc's" ready_agrees
	check "$how: steal time is absent" test -z "$(metric vm_cpu_steal_seconds_total degraded-0)"
	check "$how: both VMs are up" test "$(metric vm_up degraded-0)$(metric vm_up degraded-1)" = 11
	agent_stop
	check "$how: a clean end" test $? -eq 0
	AGENT_PID=
	"$KVMLENS" doctor --listen none >"$TEST_TMP/doctor" 2>&1
	check "$how: doctor's exit code" test $? -eq 1
	check "$how: doctor says why" grep -q "$reason" "$TEST_TMP/doctor"
}

start_guest degraded-0
start_guest degraded-1
cat >"$TEST_TMP/refused" <<END
#!/bin/sh
exec "$refuse" bpf "$real" "\$@"
END
chmod 755 "$TEST_TMP/refused"
KVMLENS=$TEST_TMP/refused degraded "BPF refused" "Operation not permitted"

# No file of types, and no kernel image that could have some.
mount --bind /dev/null /sys/kernel/btf/vmlinux
[ ! -d /boot ] || mount -t tmpfs none /boot
degraded "no BTF" "failed to find valid kernel BTF"
check "no BTF: doctor's row" grep -q '^ *no *btf ' "$TEST_TMP/doctor"
echo "1..$n"
exit $((failed > 0))
