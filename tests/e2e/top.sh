#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `kvmlens top` in a real terminal (tmux), on QEMUs that fight for one CPU: what the screen says
# against /proc, and what the keys do. TAP.
set -uo pipefail

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
for tool in tmux qemu-system-x86_64 taskset; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done

tests=0 failures=0
declare -A guests
: "${TEST_TMP:=$(mktemp -d)}" "${KVMLENS:=build/kvmlens}"
cpu=$(($(nproc) - 1))
longest="a-name-that-is-far-too-long-for-eighty-columns-日本"

check() { # check DESCRIPTION COMMAND...
	local what=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $what"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $what"
		screen | sed 's/^/# |/'
		sed 's/^/# stderr: /' "$TEST_TMP/stderr" 2>/dev/null
	fi
}

# start_guest NAME IMAGE VCPUS: a boot sector that loops (spin) or halts, on one CPU.
start_guest() {
	taskset -c "$cpu" qemu-system-x86_64 -accel tcg,thread=multi -m 16 -smp "$3" -nodefaults \
		-no-user-config -display none -name "guest=$1,debug-threads=on" -boot a \
		-drive "file=$TEST_TMP/$2.img,format=raw,if=floppy,file.locking=off" \
		>"$TEST_TMP/$1.log" 2>&1 &
	guests[$1]=$!
}

stop_guest() {
	kill -KILL "${guests[$1]}" && wait "${guests[$1]}" 2>/dev/null
	unset "guests[$1]"
}

terminal() {
	tmux -S "$TEST_TMP/tmux" "$@"
}

screen() {
	terminal capture-pane -p 2>/dev/null
}

# keys KEY...: press them as tmux calls them, one after the other.
keys() {
	terminal send-keys "$@"
}

shows() {
	screen | grep -qE -- "$1"
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

not() {
	! "$@"
}

# cell NAME COLUMN: what the table says of a VM; columns counted after the name from 1.
cell() {
	screen | awk -v name="$1" -v n="$2" '$2 == name { print $(2 + n) }'
}

# Nanoseconds that a guest's first vCPU thread ran and waited so far.
vcpu_times() {
	local task
	for task in /proc/"${guests[$1]}"/task/*; do
		[ "$(<"$task/comm")" != "CPU 0/TCG" ] || cut -d' ' -f1,2 "$task/schedstat"
	done
}

# The share of time that the vCPU waited during the last ticks: the screen against /proc.
ready_agrees() {
	local run0 wait0 run1 wait1 sum=0 n=0 start=$EPOCHREALTIME
	read -r run0 wait0 < <(vcpu_times "$1")
	while [ $n -lt 10 ]; do
		sleep 1
		sum=$(awk -v s="$sum" -v r="$(cell "$1" 5)" 'BEGIN { print s + r }')
		n=$((n + 1))
	done
	read -r run1 wait1 < <(vcpu_times "$1")
	awk -v shown="$sum" -v n=$n -v waited=$((wait1 - wait0)) -v ran=$((run1 - run0)) \
		-v t0="$start" -v t1="$EPOCHREALTIME" 'BEGIN {
			oracle = waited / ((t1 - t0) * 1e7)
			printf "# %%RDY shown %.1f, run_delay %.1f, run %.1f\n", shown / n, oracle,
				ran / ((t1 - t0) * 1e7)
			exit !(oracle > 5 && shown / n > oracle - 7 && shown / n < oracle + 7)
		}'
}

# A vCPU that never halts runs or waits: both columns make up the whole.
sums_to_whole() {
	awk -v run="$(cell "$1" 4)" -v ready="$(cell "$1" 5)" \
		'BEGIN { exit !(run + ready > 96 && run + ready < 103) }'
}

# Nobody's line is longer than the terminal, and the titles are those that are promised.
titles_at_80() {
	shows '^  NAME +STATE +vCPU %USED  %RUN  %RDY %STEAL AGGRESSOR         %HYP$'
}

only_vm() {
	[ "$(screen | grep -cE '^▸ ')" -eq 1 ] && shows "^▸ $1 "
}

# Of this test's VMs; others may run on the same host.
burners_first() {
	[ "$(screen | grep -oE '^[▸▾] (burner|sleeper)' | cut -c 5- | paste -sd ' ')" = \
		"burner burner sleeper" ]
}

colours_used() {
	terminal capture-pane -pe | grep -q $'\e\[[0-9;]*31m'
}

# run_top ENVIRONMENT... : the live view in a new terminal of 80 by 24.
run_top() {
	terminal kill-server 2>/dev/null
	rm -f "$TEST_TMP/status"
	terminal -f /dev/null new-session -d -x 80 -y 24 \
		"env LANG=C.UTF-8 LC_ALL=C.UTF-8 $* '$KVMLENS' top --interval 1s 2>'$TEST_TMP/stderr';
		 echo \$? >'$TEST_TMP/status'; stty -a >'$TEST_TMP/stty'; sleep 1000"
}

# Quit: exit status 0, the terminal as it was, nothing on it but the shell's.
quits_cleanly() {
	within 10 test -s "$TEST_TMP/status" && [ "$(<"$TEST_TMP/status")" -eq 0 ] &&
		within 5 grep -q '[^-]icanon' "$TEST_TMP/stty" && not shows 'NAME'
}

cleanup() {
	local name
	keys q 2>/dev/null
	within 10 test -s "$TEST_TMP/status"
	terminal kill-server 2>/dev/null
	for name in "${!guests[@]}"; do
		stop_guest "$name"
	done
}
trap cleanup EXIT

printf '\xeb\xfe' >"$TEST_TMP/spin.img"
printf '\xfb\xf4\xeb\xfd' >"$TEST_TMP/halt.img"
for image in spin halt; do
	truncate -s 510 "$TEST_TMP/$image.img"
	printf '\x55\xaa' >>"$TEST_TMP/$image.img"
done

run_top
if pgrep qemu-system >/dev/null; then
	tests=$((tests + 1))
	echo "ok $tests - without a VM it says so # SKIP other VMs run on this host"
else
	check "without a VM it says so" within 15 shows 'No VM is running'
fi
start_guest burner-a spin 1
start_guest burner-b spin 1
start_guest sleeper halt 2
start_guest "$longest" halt 1
check "new VMs appear" within 15 shows '^▸ sleeper '
check "the columns of a terminal of 80" titles_at_80
check "a long name loses its middle" shows '^▸ a-name-t….*日本 +up +1 '
check "a burner waits for its CPU" within 20 shows '^▸ burner-[ab] +up +1 +[0-9.]+ +[0-9.]+ +[2-9][0-9]\.'
check "burners come first" within 5 burners_first
check "the ready time shown is the kernel's" ready_agrees burner-a
check "run and ready make up a burner's time" within 10 sums_to_whole burner-a
check "bad values are red" within 5 colours_used

keys / b u r n e r - b Enter
check "a filter leaves one VM" within 5 only_vm burner-b
keys Enter
check "expanded, its vCPU is shown" within 5 shows '^    vCPU 0 '
check "and its other threads" shows '^    emulator'
keys Up w
check "one VM alone: what it is short of and why" within 5 shows '^burner-b: short of CPU'
check "and who ran while it waited" within 5 shows 'WHO RAN WHILE IT WAITED'
keys q
check "q goes back to the table" within 5 shows '^  NAME '
keys Escape
check "Esc shows all again" within 5 shows '^▸ sleeper '
keys N
check "sorted by name" within 5 shows 'by NAME'
keys a
check "the sum of the vCPUs" within 5 shows 'sum of vCPUs'
keys a R '?' NPage
check "help lists keys and columns" within 5 shows 'U  %USED'
keys q
check "and goes back" within 5 titles_at_80
keys +
check "the detail level rises" within 10 shows 'detail detailed'
keys s 2 Enter
check "the interval changes" within 5 shows 'every 2 s'
keys p
check "frozen" within 5 shows 'FROZEN'
keys p

terminal resize-window -x 130 -y 30
check "a wider terminal has more columns" within 5 shows 'PREEM/s EXIT/s'
check "with the VM's state" within 10 shows '(running|up)( |$)'
terminal resize-window -x 20 -y 5
check "a tiny one keeps name and ready time" within 5 shows '^  NAME +%RDY$'
terminal resize-window -x 80 -y 24
keys / s l e e p e r Enter End
within 5 only_vm sleeper
stop_guest sleeper
check "a VM that ends while it is selected disappears" within 10 not shows '^. sleeper '
keys Escape q
check "q ends it and restores the terminal" quits_cleanly

run_top NO_COLOR=1
check "without colours bad values have a mark" within 20 shows '[0-9]!'
check "and no colour is used" not colours_used
keys C-c
check "Ctrl-C ends it too" quits_cleanly

timeout 60 "$KVMLENS" top burner-a --interval 1s --once >"$TEST_TMP/once" 2>"$TEST_TMP/stderr" </dev/null
check "one VM, to a file: exit status 0" [ $? -eq 0 ]
check "with what it is short of" grep -q '^burner-a: short of CPU' "$TEST_TMP/once"
timeout 60 "$KVMLENS" top --interval 1s --once >"$TEST_TMP/once" 2>"$TEST_TMP/stderr" </dev/null
check "once, to a file: exit status 0" [ $? -eq 0 ]
check "a table with rates" grep -qE '^  burner-a +up +1 +[0-9.]+ +[0-9.]+ +[0-9.]+' "$TEST_TMP/once"
check "without the terminal's sequences" not grep -q $'\e' "$TEST_TMP/once"

echo "1..$tests"
[ $failures -eq 0 ]
