#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Paused VMs on a busy host: none of them stalls, however they were paused, and a VM that is stopped
# beside them does. PAUSED_VMS and PAUSED_SECONDS make it a long run. TAP.
set -uo pipefail

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
for tool in qemu-system-x86_64 taskset python3 curl; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
. "$(dirname "$0")/lib/agent.sh"

: "${TEST_TMP:=$(mktemp -d)}" "${BUILD:=build}" "${KVMLENS:=$BUILD/kvmlens}"
vms=${PAUSED_VMS:-18} seconds=${PAUSED_SECONDS:-20} burners=${PAUSED_BURNERS:-16}
cpu=$(($(nproc) - 1)) tests=0 failures=0
accels=(tcg)
[ ! -w /dev/kvm ] || accels=(tcg kvm)
declare -A pids

check() {
	local what=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $what"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $what"
		grep -E '^vm_(stall_(total|active|last_cause)|state)' "$TEST_TMP/metrics" |
			grep -v ' 0$' | head -40 | sed 's/^/# /'
	fi
}

cleanup() {
	agent_stop 2>/dev/null
	[ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
}
trap cleanup EXIT

printf '\xeb\xfe' >"$TEST_TMP/spin.img"
truncate -s 510 "$TEST_TMP/spin.img"
printf '\x55\xaa' >>"$TEST_TMP/spin.img"

guest() { # guest NAME ACCEL [ARG...]
	taskset -c "$cpu" qemu-system-x86_64 -accel "$2" -m 16 -nodefaults -no-user-config \
		-display none -name "guest=$1,debug-threads=on" -boot a \
		-drive "file=$TEST_TMP/spin.img,format=raw,if=floppy,file.locking=off" \
		-monitor "unix:$TEST_TMP/$1.mon,server=on,wait=off" "${@:3}" \
		</dev/null >"$TEST_TMP/$1.log" 2>&1 &
	pids[$1]=$!
}

monitor() { # monitor NAME COMMAND
	python3 - "$TEST_TMP/$1.mon" "$2" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
answer = b''
while not answer.endswith(b'(qemu) '):
    answer += s.recv(4096)
s.sendall(sys.argv[2].encode() + b'\n')
answer = b''
while not answer.endswith(b'(qemu) '):
    answer += s.recv(4096)
END
}

scrape() {
	curl -sf "$AGENT_URL/metrics" >"$TEST_TMP/metrics"
}

sum_of() { # sum_of METRIC VM-REGEX
	scrape
	awk -v m="^$1\\\\{vm=\"$2\"" '$0 ~ m { s += $NF } END { print s + 0 }' "$TEST_TMP/metrics"
}

within() { # within SECONDS N METRIC VM-REGEX: its sum becomes N
	local end=$((SECONDS + $1))
	until [ "$(sum_of "$3" "$4")" = "$2" ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.5
	done
}

agent_start "$TEST_TMP/agent" --interval 1s --detail standard --provider proc --store none || exit 1
for ((i = 0; i < burners; i++)); do
	taskset -c "$cpu" python3 -c 'while True: pass' &
	pids[burner-$i]=$!
done
# One that runs, to be paused by its monitor, on each accelerator that shows it.
for accel in "${accels[@]}"; do
	guest "ran-$accel" "$accel"
done
for ((i = 0; i < vms; i++)); do
	accel=${accels[$((i / 2 % ${#accels[@]}))]}
	if [ $((i % 2)) -eq 0 ]; then
		guest "paused-$i" "$accel" -S
	else
		guest "paused-$i" "$accel" -incoming "unix:$TEST_TMP/in-$i"
	fi
done
for accel in "${accels[@]}"; do
	until [ -S "$TEST_TMP/ran-$accel.mon" ]; do sleep 0.2; done
done
check "every paused VM is watched" within 90 "$vms" vm_up 'paused-[0-9]*'
[ ${#accels[@]} -eq 1 ] || monitor ran-kvm stop
sleep "$seconds"
scrape
check "none of them has stalled" [ "$(sum_of vm_stall_total 'paused-[0-9]*')" = 0 ]
check "none of them does" [ "$(sum_of vm_stall_active 'paused-[0-9]*')" = 0 ]
check "all of them are shown as paused" within 30 $((2 * vms)) vm_state 'paused-[0-9]*'
if [ ${#accels[@]} -gt 1 ]; then
	check "one that its monitor paused is, too" within 30 2 vm_state ran-kvm
	check "and does not stall" [ "$(sum_of vm_stall_active ran-kvm)" = 0 ]
	monitor ran-kvm cont
	check "until it goes on" within 30 0 vm_state ran-kvm
fi
kill -STOP "${pids[ran-tcg]}"
check "one that is stopped beside them stalls" within 20 1 vm_stall_active ran-tcg
kill -CONT "${pids[ran-tcg]}"
echo "1..$tests"
exit $((failures > 0))
