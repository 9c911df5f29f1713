#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stalls of real VMs, told apart with no libvirt, and what `kvmlens why` names as the main cause
# of each trouble that is made on purpose. TAP.
set -uo pipefail

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
for tool in qemu-system-x86_64 taskset python3 curl; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
[ "$(nproc)" -ge 2 ] || { echo "needs two CPUs"; exit 77; }
. "$(dirname "$0")/lib/agent.sh"

tests=0 failures=0 others=()
declare -A guests
: "${TEST_TMP:=$(mktemp -d)}" "${KVMLENS:=build/kvmlens}"
cpu=$(($(nproc) - 1))
accel=tcg
[ ! -w /dev/kvm ] || accel=kvm

check() { # check DESCRIPTION COMMAND...
	local what=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $what"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $what"
		sed 's/^/# /' "$TEST_TMP/said" 2>/dev/null
		curl -s "$AGENT_URL/metrics" 2>/dev/null | grep '^vm_stall' | sed 's/^/# /' | head -40
	fi
}

skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# start_guest NAME ACCEL [NICE]: a boot sector that loops, on one CPU.
start_guest() {
	nice -n "${3:-0}" taskset -c "$cpu" qemu-system-x86_64 -accel "$2" -m 16 -nodefaults -no-user-config \
		-display none -name "guest=$1,debug-threads=on" -boot a \
		-drive "file=$TEST_TMP/spin.img,format=raw,if=floppy,file.locking=off" \
		-qmp "unix:$TEST_TMP/$1.qmp,server=on,wait=off" >"$TEST_TMP/$1.log" 2>&1 &
	guests[$1]=$!
}

stop_guest() {
	kill -KILL "${guests[$1]}" && wait "${guests[$1]}" 2>/dev/null
	unset "guests[$1]"
}

# renice_threads NAME NICE: all that it has.
renice_threads() {
	local task
	for task in /proc/"${guests[$1]}"/task/*; do
		renice -n "$2" -p "${task##*/}" >/dev/null
	done
}

# qmp NAME COMMAND [TIMES]: ask its monitor, which its main loop answers.
qmp() {
	python3 "$TEST_TMP/qmp.py" "$TEST_TMP/$1.qmp" "$2" "${3:-1}"
}

cat >"$TEST_TMP/qmp.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile('rw')
f.readline()
for command in ['qmp_capabilities'] + [sys.argv[2]] * int(sys.argv[3]):
    f.write('{"execute": "%s"}\n' % command)
    f.flush()
    while '"return"' not in f.readline():
        pass
END

burn() { # burn CPU [NICE]: a process that never rests; its id is the last of others
	nice -n "${2:-0}" taskset -c "$1" python3 -c 'while True: pass' &
	others+=($!)
}

end_other() {
	kill "${others[-1]}" && wait "${others[-1]}" 2>/dev/null
	unset 'others[-1]'
}

# The value of a metric of a VM, with more of its labels; 0 where it is absent.
value() {
	curl -sf "$AGENT_URL/metrics" |
		awk -v m="^$1\\\\{vm=\"$2\".*${3:-}" '$0 ~ m { v = $NF } END { print v + 0 }'
}

# within SECONDS COMMAND...: try until it succeeds.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

at_least() { # at_least N METRIC VM [LABELS]
	awk -v v="$(value "${@:2}")" -v n="$1" 'BEGIN { exit !(v >= n) }'
}

is() { # is N METRIC VM [LABELS]
	awk -v v="$(value "${@:2}")" -v n="$1" 'BEGIN { exit !(v == n) }'
}

# The time of stalls of a cause is at least what the test held the VM, and no more than it can be.
lasted() { # lasted VM CAUSE LEAST MOST
	awk -v v="$(value vm_stall_cause_seconds_total "$1" "cause=\"$2\"")" -v a="$3" -v b="$4" \
		'BEGIN { printf "# %.3f s, held for %.3f to %.3f s\n", v, a, b; exit !(v >= a && v <= b) }'
}

since() {
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}

# A quota for the processes of a VM, in either version of cgroups.
quota_begin() { # quota_begin VM QUOTA PERIOD (us)
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		group=/sys/fs/cgroup/kvmlens-why-$$
		echo +cpu >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null
		mkdir "$group" && echo "$2 $3" >"$group/cpu.max" || return
	else
		group=$(awk '$3 == "cgroup" && $4 ~ /(^|,)cpu(,|$)/ { print $2; exit }' /proc/mounts)
		[ -n "$group" ] || return
		group+=/kvmlens-why-$$
		mkdir "$group" && echo "$3" >"$group/cpu.cfs_period_us" &&
			echo "$2" >"$group/cpu.cfs_quota_us" || return
	fi
	echo "${guests[$1]}" >"$group/cgroup.procs"
}

quota_end() { # quota_end VM
	echo "${guests[$1]}" >"${group%/*}/cgroup.procs"
	rmdir "$group"
	group=
}

# says VM RULE [WHO]: `why` names this rule as the main cause of the waiting, and who is to blame.
# On a machine that is busy with other things it may need another look.
says() {
	local try
	for try in 1 2 3; do
		timeout 60 "$KVMLENS" why "$1" --provider proc --store none --interval 300ms \
			--format json >"$TEST_TMP/said" 2>&1 &&
			python3 "$TEST_TMP/main.py" "$TEST_TMP/said" "$2" "${3:-}" && return
		echo "# look $try"
	done
	return 1
}

cat >"$TEST_TMP/main.py" <<'END'
import json, sys
said = json.loads(open(sys.argv[1]).read().splitlines()[-1])
waits = [f for f in said['findings'] if f['topic'] == 'CPU'] or [{'rule': 'none', 'who': ''}]
print('#', waits[0]['rule'], waits[0].get('what'), waits[0]['who'])
sys.exit(waits[0]['rule'] != sys.argv[2] or sys.argv[3] not in waits[0]['who'])
END

cleanup() {
	local name pid
	agent_stop 2>/dev/null
	for pid in "${others[@]}"; do
		kill "$pid" 2>/dev/null
	done
	for name in "${!guests[@]}"; do
		kill -KILL "${guests[$name]}" 2>/dev/null
		wait "${guests[$name]}" 2>/dev/null
	done
	[ -z "${group:-}" ] || rmdir "$group" 2>/dev/null
}
trap cleanup EXIT

printf '\xeb\xfe' >"$TEST_TMP/spin.img"
truncate -s 510 "$TEST_TMP/spin.img"
printf '\x55\xaa' >>"$TEST_TMP/spin.img"

start_guest why-a $accel
start_guest why-b tcg
agent_start "$TEST_TMP/agent" --interval 500ms --detail detailed --provider proc \
	--store "$TEST_TMP/history.db" || exit 1
check "both VMs are watched" within 20 agent_wait_metric '^vm_stall_active\{vm="why-b"'
check "and their vCPUs run" within 20 at_least 0.02 vm_cpu_run_seconds_total why-a
within 20 at_least 0.2 vm_cpu_run_seconds_total why-b

# --- stalls, told apart ----------------------------------------------------------------------------
begin=$EPOCHREALTIME
kill -STOP "${guests[why-a]}" "${guests[why-b]}"
sleep 1
check "a stall is noticed while it lasts" within 10 is 1 vm_stall_active why-a
held=$(since "$begin")
kill -CONT "${guests[why-a]}" "${guests[why-b]}"
for vm in why-a why-b; do
	check "SIGSTOP is told as that: $vm" within 10 is 1 vm_stall_cause_total $vm 'cause="sigstop"'
	check "and how long it was" lasted $vm sigstop 0.95 "$(awk -v h="$held" 'BEGIN { print h + 1 }')"
done
if [ $accel = kvm ]; then
	qmp why-a stop
	sleep 1
	check "a paused VM is told from a stuck one" within 10 is 5 vm_stall_last_cause why-a
	check "its main loop serves events" within 10 is 1 vm_stall_main_loop_up why-a
	qmp why-a cont
	check "and runs again" within 10 is 0 vm_stall_active why-a
	check "it was one stall" within 10 is 1 vm_stall_cause_total why-a 'cause="paused"'
else
	skip "a paused VM is told from a stuck one" "a paused TCG guest looks idle without libvirt"
fi
if quota_begin why-b 20000 1000000; then
	check "one throttled by its quota is told as that" \
		within 20 at_least 2 vm_stall_cause_total why-b 'cause="throttled"'
	quota_end why-b
else
	skip "one throttled by its quota is told as that" "no cgroup with a cpu controller can be made"
fi
check "SIGSTOP was not counted again" is 1 vm_stall_cause_total why-a 'cause="sigstop"'
check "the stalls are listed" at_least 1700000000 vm_stall_event_began why-a 'cause="sigstop"'
"$KVMLENS" why why-b --provider proc --store "$TEST_TMP/history.db" >"$TEST_TMP/said" 2>&1
check "the history knows of it, in at most ten lines" \
	awk '/from the history/ { h = 1 } /stall.sigstop/ { s = 1 } END { exit !(h && s && NR <= 10) }' \
	"$TEST_TMP/said"
agent_stop

# --- the main cause --------------------------------------------------------------------------------
# Emulated vCPUs that loop; who is to be named goes first, whatever else the machine does. Every
# other CPU is busy: otherwise it is the pinning that is to blame.
stop_guest why-a
start_guest why-c tcg -10
for ((i = 0; i < cpu; i++)); do
	burn "$i" 19
done
renice_threads why-b -15
check "another VM is named" says why-c cpu.neighbour vm:why-b
stop_guest why-b
burn "$cpu" -15
check "a process of the host is named" says why-c cpu.host_task cgroup:
end_other
renice -n -18 -p "${guests[why-c]}" >/dev/null
nice -n -10 taskset -c 0 python3 "$TEST_TMP/qmp.py" "$TEST_TMP/why-c.qmp" query-qmp-schema 1000000 &
others+=($!)
check "its own emulator thread is named" says why-c cpu.own_threads self
end_other
if quota_begin why-c 20000 100000; then
	check "its quota is named" says why-c cpu.quota
	quota_end why-c
else
	skip "its quota is named" "no cgroup with a cpu controller can be made"
fi
"$KVMLENS" why nobody --provider proc --store none >"$TEST_TMP/said" 2>&1
check "a VM that is not there: exit status 6" [ $? -eq 6 ]

echo "1..$tests"
[ $failures -eq 0 ]
