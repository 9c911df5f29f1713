#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stalls of real VMs, told apart with no libvirt, and what `kvmlens why` names as the main cause
# of each trouble that is made on purpose. TAP.
#
# oracle: vm_stall_cause_total vm_stall_cause_seconds_total vm_stall_event_began: the signals and quotas that this test applies, by the clock
# oracle: vm_stall_main_loop_up: whether the monitor answers
set -uo pipefail

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
for tool in qemu-system-x86_64 taskset python3 curl; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
[ "$(nproc)" -ge 2 ] || { echo "needs two CPUs"; exit 77; }
. "$(dirname "$0")/lib/agent.sh"
. "$(dirname "$0")/lib/libvirtd.sh"
. "$(dirname "$0")/lib/domain.sh"

tests=0 failures=0 others=()
declare -A guests
: "${TEST_TMP:=$(mktemp -d)}" "${BUILD:=build}" "${KVMLENS:=$BUILD/kvmlens}"
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

# start_guest NAME ACCEL [NICE [ARG...]]: a boot sector that loops, on one CPU.
start_guest() {
	nice -n "${3:-0}" taskset -c "$cpu" qemu-system-x86_64 -accel "$2" -m 16 -nodefaults -no-user-config \
		-display none -name "guest=$1,debug-threads=on" -boot a \
		-drive "file=$TEST_TMP/spin.img,format=raw,if=floppy,file.locking=off" \
		-qmp "unix:$TEST_TMP/$1.qmp,server=on,wait=off" "${@:4}" >"$TEST_TMP/$1.log" 2>&1 &
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

# qmp NAME COMMAND [TIMES [ARGUMENTS]]: ask its monitor, which its main loop answers.
qmp() {
	python3 "$TEST_TMP/qmp.py" "$TEST_TMP/$1.qmp" "$2" "${3:-1}" "${4:-{\}}"
}

cat >"$TEST_TMP/qmp.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile('rw')
f.readline()
arguments = sys.argv[4] if len(sys.argv) > 4 else '{}'
for command, given in [('qmp_capabilities', '{}')] + [(sys.argv[2], arguments)] * int(sys.argv[3]):
    f.write('{"execute": "%s", "arguments": %s}\n' % (command, given))
    f.flush()
    answer = f.readline()
    while '"return"' not in answer:
        if not answer or '"error"' in answer:
            sys.exit(answer)
        answer = f.readline()
END

burn() { # burn CPU [NICE]: a process that never rests; its id is the last of others
	nice -n "${2:-0}" taskset -c "$1" python3 -c 'while True: pass' &
	others+=($!)
}

end_other() {
	kill "${others[-1]}" 2>/dev/null
	wait "${others[-1]}" 2>/dev/null
	unset 'others[-1]'
}

end_others() {
	while [ ${#others[@]} -gt 0 ]; do
		end_other
	done
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

# look VM RULE [WHO]: `why` names this rule as the main cause of the waiting, and who is to blame.
look() {
	timeout 60 "$KVMLENS" why "$1" --provider proc --store none --interval 300ms --format json \
		>"$TEST_TMP/said" 2>&1 && python3 "$TEST_TMP/main.py" "$TEST_TMP/said" "$2" "${3:-}"
}

# says VM RULE [WHO]: look. On a machine that is busy with other things it may need another one.
says() {
	local try
	for try in 1 2 3; do
		look "$@" && return
		echo "# look $try"
	done
	return 1
}

held_reads() { # held_reads N: the guest has read at least so often
	[ "$(virsh_ domblkstat why-t vda | awk '$2 == "rd_req" { print $3 }')" -ge "$1" ]
}

# The mean time of the reads while why looks, in ms, by libvirt's own counters, is the oracle.
held_is_named() {
	local before after
	before=$(virsh_ domblkstat why-t vda | awk '$2 == "rd_req" { n = $3 } $2 == "rd_total_times" { t = $3 } END { print n, t }')
	nsenter --target "$LIBVIRTD_PID" --mount -- timeout 60 "$KVMLENS" why why-t --uri "$LIBVIRT_URI" --store none --interval 1s --format json \
		>"$TEST_TMP/said" 2>&1 || return
	after=$(virsh_ domblkstat why-t vda | awk '$2 == "rd_req" { n = $3 } $2 == "rd_total_times" { t = $3 } END { print n, t }')
	python3 - "$TEST_TMP/said" "$before $after" <<'END'
import json, sys
said = json.loads(open(sys.argv[1]).read().splitlines()[-1])
n0, t0, n1, t1 = map(float, sys.argv[2].split())
real = (t1 - t0) / (n1 - n0) / 1e6
held = [f for f in said['findings'] if f['rule'] == 'disk.held']
print('#', f'{real:.1f} ms a read', [(f['rule'], f.get('what')) for f in said['findings']])
sys.exit(not held or 'iotune' not in held[0]['what'] or '20' not in held[0]['what']
         or any(f['rule'] == 'disk.latency' for f in said['findings'])
         or not 0.7 * real <= held[0]['amount'] <= 1.4 * real)
END
}

# Clock ticks: of a CPU's idle time, of its softirqs, of all else that it did; of a thread.
idle_ticks() {
	awk -v c="cpu$1" '$1 == c { print $5 + $6 }' /proc/stat
}

softirq_ticks() {
	awk -v c="cpu$1" '$1 == c { print $8 }' /proc/stat
}

busy_ticks() {
	awk -v c="cpu$1" '$1 == c { print $2 + $3 + $4 }' /proc/stat
}

thread_ticks() {
	sed 's/.*) //' "$1/stat" | awk '{ print $12 + $13 }'
}

# What only shows if the machine lets it: the kernel's own numbers tell whether a look is a proof.
# says_if CONDITION VM RULE [WHO]: CONDITION_ticks are counted before and after each look, and
# CONDITION_held judges what they grew by in so many ticks. One that never held is not judged.
says_if() {
	local what=$1 before begin try judged=
	shift
	for try in 1 2 3; do
		begin=$EPOCHREALTIME
		before=$("${what}_ticks")
		look "$@" && named=1 || named=
		if "${what}_held" "$(since "$begin" | awk -v hz="$(getconf CLK_TCK)" '{ print $1 * hz }')" \
			"$before" "$("${what}_ticks")"; then
			[ -z "$named" ] || return 0
			judged=1
		fi
		echo "# look $try"
	done
	[ -z "$judged" ] || return 1
	echo "# not judged: this machine had too much else to do"
}

# Of all CPUs but that of the VMs, the one that idled the least.
pinning_ticks() {
	local i
	for ((i = 0; i < cpu; i++)); do
		idle_ticks "$i"
	done | xargs
}

pinning_held() {
	awk -v t="$1" -v a="$2" -v b="$3" 'BEGIN {
		n = split(a, before); split(b, after); least = t
		for (i = 1; i <= n; i++) if (after[i] - before[i] < least) least = after[i] - before[i]
		printf "# the other CPUs idled for %.0f %% of it or more\n", 100 * least / t
		exit !(least >= 0.75 * t) }'
}

# Softirqs, all else on that CPU, and the VM's part of that.
softirq_load_ticks() {
	echo "$(softirq_ticks 0) $(busy_ticks 0) $(thread_ticks "/proc/${guests[why-e]}")"
}

softirq_load_held() {
	awk -v t="$1" -v a="$2" -v b="$3" 'BEGIN {
		split(a, x); split(b, y); s = y[1] - x[1]; rest = y[2] - x[2] - (y[3] - x[3])
		printf "# softirqs took %.0f %% of the CPU, others than the VM %.0f %%\n",
			100 * s / t, 100 * rest / t
		exit !(s >= 0.25 * t && rest < s / 2) }'
}

# The emulator's main thread, all else on the VM's CPU, and the VM's part of that.
emulator_ticks() {
	local pid=${guests[why-c]}
	echo "$(thread_ticks "/proc/$pid/task/$pid") $(busy_ticks "$cpu") $(thread_ticks "/proc/$pid")"
}

emulator_held() {
	awk -v t="$1" -v a="$2" -v b="$3" 'BEGIN {
		split(a, x); split(b, y); own = y[1] - x[1]; rest = y[2] - x[2] - (y[3] - x[3])
		printf "# the emulator took %.0f %% of the CPU, others than the VM %.0f %%\n",
			100 * own / t, 100 * rest / t
		exit !(own >= 0.2 * t && rest < own / 2) }'
}

io_thread_ticks() {
	thread_ticks "$io_thread"
}

io_thread_held() {
	awk -v t="$1" -v a="$2" -v b="$3" 'BEGIN {
		printf "# the IO thread took %.0f %% of the CPU\n", 100 * (b - a) / t
		exit !(b - a >= 0.2 * t) }'
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
	libvirtd_stop
	[ -z "${loop:-}" ] || losetup -d "$loop"
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
	check "a paused VM is shown as that" within 10 is 2 vm_state why-a
	check "which is no stall" is 0 vm_stall_active why-a
	check "its main loop serves events" within 10 is 1 vm_stall_main_loop_up why-a
	qmp why-a cont
	check "and runs again" within 10 is 0 vm_state why-a
	check "SIGSTOP was its only stall" is 1 vm_stall_total why-a
else
	skip "a paused VM is shown as that" "a paused TCG guest looks idle without libvirt"
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

# --- one that virsh suspends -------------------------------------------------------------------------
if command -v virsh >/dev/null && libvirtd_start "$TEST_TMP/lv"; then
	head -c 1M /dev/zero >"$TEST_TMP/boot.img"
	dd if="$TEST_TMP/spin.img" of="$TEST_TMP/boot.img" conv=notrunc status=none
	domain_xml why-v vcpus=1 mem=64 "disk=$TEST_TMP/boot.img" >"$TEST_TMP/why-v.xml"
	virsh_ create "$TEST_TMP/why-v.xml" >/dev/null
	agent_start "$TEST_TMP/agent" --interval 500ms --detail detailed --uri "$LIBVIRT_URI" \
		--store none || exit 1
	check "a domain of libvirt runs" within 30 at_least 1 vm_cpu_run_seconds_total why-v
	virsh_ suspend why-v >/dev/null
	sleep 1
	check "virsh suspend is shown as paused" within 10 is 2 vm_state why-v
	check "and is no stall" is 0 vm_stall_active why-v
	virsh_ resume why-v >/dev/null
	check "until it is resumed" within 10 is 1 vm_state why-v
	check "nor was it one" is 0 vm_stall_total why-v
	agent_stop
	virsh_ destroy why-v >/dev/null

	# A guest that reads its disk one sector at a time, which libvirt limits to 20 a second. What a read
	# took is what virsh domblkstat says; why looks at the disk itself, with the limit's own words.
	# xor ax,ax; mov es,ax; again: mov ax,201h; mov cx,2; mov dh,0; mov dl,80h; mov bx,8000h; int 13h; jmp again
	{
		printf '\x31\xc0\x8e\xc0\xb8\x01\x02\xb9\x02\x00\xb6\x00\xb2\x80\xbb\x00\x80\xcd\x13\xeb\xef'
		head -c 489 /dev/zero
		printf '\x55\xaa'
	} >"$TEST_TMP/read.img"
	truncate -s 4M "$TEST_TMP/read.img"
	loop=$(losetup --show -f "$TEST_TMP/read.img" 2>/dev/null) || loop=
	if [ -n "$loop" ]; then
		domain_xml why-t vcpus=1 mem=64 "disk=$loop" | sed "s|<target dev='vda'|<iotune>\
			<total_iops_sec>20</total_iops_sec></iotune>&|" >"$TEST_TMP/why-t.xml"
		virsh_ create "$TEST_TMP/why-t.xml" >/dev/null
		check "a limited disk is read" within 30 held_reads 40
		check "its iotune limit is named, with what it is and how long a read takes" held_is_named
		virsh_ destroy why-t >/dev/null
		losetup -d "$loop"
		loop=
	else
		skip "its iotune limit is named" "there is no loop device"
	fi
	libvirtd_stop
else
	skip "virsh suspend is shown as paused" "libvirt is not installed"
fi

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
check "by its program and pid" grep -qE "[(;] ?python3, pid ${others[-1]}[);]" "$TEST_TMP/said"
end_other
renice -n -18 -p "${guests[why-c]}" >/dev/null
nice -n -10 taskset -c 0 python3 "$TEST_TMP/qmp.py" "$TEST_TMP/why-c.qmp" query-qmp-schema 1000000 &
others+=($!)
check "its own emulator thread is named" says_if emulator why-c cpu.own_threads self
end_other
if quota_begin why-c 20000 100000; then
	check "its quota is named" says why-c cpu.quota
	quota_end why-c
else
	skip "its quota is named" "no cgroup with a cpu controller can be made"
fi
# A disk that an IO thread serves, written as fast as it can.
start_guest why-i tcg -10 -object iothread,id=io0 -blockdev null-co,node-name=disk0,size=$((1 << 30))
stop_guest why-c
if within 10 qmp why-i nbd-server-start 1 \
	"{\"addr\": {\"type\": \"unix\", \"data\": {\"path\": \"$TEST_TMP/nbd\"}}}" 2>/dev/null &&
	qmp why-i block-export-add 1 \
		'{"type": "nbd", "id": "e0", "node-name": "disk0", "writable": true, "iothread": "io0"}'; then
	for io_thread in /proc/"${guests[why-i]}"/task/*; do
		[ "$(cat "$io_thread/comm")" != "IO io0" ] || break
	done
	renice_threads why-i -18
	nice -n -19 taskset -c 0 qemu-img bench -w -c 2000000000 -d 16 -s 65536 -f raw \
		"nbd+unix:///disk0?socket=$TEST_TMP/nbd" >"$TEST_TMP/writer" 2>&1 &
	others+=($!)
	check "its own IO thread is named" says_if io_thread why-i cpu.own_threads self
else
	skip "its own IO thread is named" "this QEMU does not export disks by an IO thread"
fi
stop_guest why-i
end_others
start_guest why-c tcg
start_guest why-d tcg
for vm in why-c why-d; do
	renice_threads $vm -15
done
check "its pinning is named, where other CPUs idle" says_if pinning why-c cpu.pinning
stop_guest why-c
stop_guest why-d
cpu=0 start_guest why-e tcg
"$BUILD/tests/e2e/blast" "$cpu" 2>"$TEST_TMP/blast" &
others+=($!)
sleep 1
if kill -0 "${others[-1]}" 2>/dev/null; then
	check "softirqs of another's packets are named" says_if softirq_load why-e cpu.interrupts
	end_other
else
	skip "softirqs of another's packets are named" "no packet steering here"
fi
"$KVMLENS" why nobody --provider proc --store none >"$TEST_TMP/said" 2>&1
check "a VM that is not there: exit status 6" [ $? -eq 6 ]

echo "1..$tests"
[ $failures -eq 0 ]
