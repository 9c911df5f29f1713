# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by the scenarios inside the emulated host (busybox or bash). Results go to descriptor 9:
# "ok NAME: detail", "fail NAME: detail", "skip NAME: reason". Everything else is log.

work=/run/vm-test
port=10177
mkdir -p $work

ok() { echo "ok $1: $2" >&9; }
fail() { echo "fail $1: $2" >&9; }
skip() { echo "skip $1: $2" >&9; }

# calc EXPRESSION: a number by awk.
calc() {
	awk "BEGIN { printf \"%.9g\", $1 }" </dev/null
}

is_true() {
	awk "BEGIN { exit !($1) }" </dev/null
}

# near NAME OURS TRUTH PERCENT UNIT: one check, OURS may differ from TRUTH by that many percent.
near() {
	if [ -z "$2" ] || [ -z "$3" ]; then
		fail "$1" "no value to compare: ours '$2', the oracle's '$3'"
		return 1
	fi
	if is_true "$3 > 0 && ($2 - $3) <= $3 * $4 / 100 && ($3 - $2) <= $3 * $4 / 100"; then
		ok "$1" "$2 against $3 $5, off by $(calc "100 * ($2 - $3) / $3") %, allowed $4 %"
	else
		fail "$1" "$2 against $3 $5, allowed $4 %"
		return 1
	fi
}

# Wait for a command to succeed: await SECONDS COMMAND...
await() {
	tries=$(($1 * 5))
	shift
	while [ $tries -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		tries=$((tries - 1))
		sleep 0.2
	done
	return 1
}

# Difference of two integers of up to 2^53.
minus() {
	[ -z "$1" ] || [ -z "$2" ] || awk -v a="$1" -v b="$2" 'BEGIN { printf "%.0f", a - b }' </dev/null
}

# Mini VMs are named by the descriptor, 3 to 8, that their commands go to.

# mini_start FD ARGS...
mini_start() {
	mini_fd=$1
	shift
	rm -f "$work/mini$mini_fd."*
	mkfifo "$work/mini$mini_fd.in"
	taskset -c 0 "${mini:-mini}" "$@" <"$work/mini$mini_fd.in" >>"$work/mini$mini_fd.out" 2>&1 9>&- &
	eval "mini_pid$mini_fd=$!; mini_done$mini_fd=0; exec $mini_fd>$work/mini$mini_fd.in"
	mini_wait "$mini_fd"
}

mini_has_done() {
	[ "$(grep -c ^DONE "$work/mini$1.out")" -ge "$2" ]
}

# Wait for one more report; it becomes "now", the one before becomes "then".
mini_wait() {
	eval "mini_done$1=\$((mini_done$1 + 1)); mini_count=\$mini_done$1"
	if ! await 60 mini_has_done "$1" "$mini_count"; then
		echo "mini $1 does not answer:"
		cat "$work/mini$1.out"
		return 1
	fi
	[ ! -f "$work/mini$1.now" ] || mv "$work/mini$1.now" "$work/mini$1.then"
	awk '/^DONE/ { last = block; block = ""; next } { block = block $0 "\n" } END { printf "%s", last }' \
		"$work/mini$1.out" >"$work/mini$1.now"
}

# Give one command to each of several minis at once and wait: mini_do COMMAND FD...
mini_do() {
	mini_command=$1
	shift
	for fd; do eval "echo '$mini_command' >&$fd"; done
	for fd; do mini_wait "$fd" || return 1; done
}

mini_pid() {
	eval "echo \$mini_pid$1"
}

mini_stop() {
	eval "exec $1>&-; wait \$mini_pid$1"
	rm -f "$work/mini$1".*
}

# mini_value FD WHEN(now|then) VCPU|vm KEY
mini_value() {
	awk -v vcpu="$3" -v key="$4" '
		(vcpu == "vm" && $1 == "VM") || ($1 == "VCPU" && $2 == "id=" vcpu) {
			for (i = 2; i <= NF; i++)
				if (index($i, key "=") == 1)
					print substr($i, length(key) + 2)
		}' "$work/mini$1.$2"
}

# What a counter grew by between the last two reports: mini_grown FD VCPU|vm KEY
mini_grown() {
	minus "$(mini_value "$1" now "$2" "$3")" "$(mini_value "$1" "then" "$2" "$3")"
}

# The kernel's own kvm_entry and kvm_exit events, of every thread or of the one whose tid is
# given to tracing_start, as an oracle for short runs.

tracing=/sys/kernel/tracing

tracing_start() {
	echo 0 >$tracing/tracing_on
	echo mono >$tracing/trace_clock
	echo 8192 >$tracing/buffer_size_kb
	echo >$tracing/trace
	for event in kvm_entry kvm_exit; do
		[ -z "${1-}" ] || echo "common_pid == $1" >$tracing/events/kvm/$event/filter
		echo 1 >$tracing/events/kvm/$event/enable
	done
	echo 1 >$tracing/tracing_on
}

tracing_stop() {
	echo 0 >$tracing/tracing_on
	for event in kvm_entry kvm_exit; do
		echo 0 >$tracing/events/kvm/$event/enable
		echo 0 >$tracing/events/kvm/$event/filter
	done
	cp $tracing/trace $work/trace
	echo 1 >$tracing/buffer_size_kb
}

# traced exits: their number; traced guest_ns: time from each entry to the exit after it.
traced() {
	awk -v what="$1" '
		match($0, /[0-9]+\.[0-9]+: kvm_(entry|exit):/) {
			at = substr($0, RSTART) + 0
			if (index($0, ": kvm_entry:")) entered = at
			else {
				exits++
				if (entered) guest += at - entered
				entered = 0
			}
		}
		END { printf "%.0f", what == "exits" ? exits : guest * 1e9 }' $work/trace
}
