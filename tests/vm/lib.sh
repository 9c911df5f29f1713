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

# Wait for a command to succeed: await SECONDS COMMAND... It may end the wait with status 2.
await() {
	tries=$(($1 * 5))
	shift
	while [ $tries -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		[ $? -ne 2 ] || return 1
		tries=$((tries - 1))
		sleep 0.2
	done
	return 1
}

# Difference of two integers of up to 2^53.
minus() {
	[ -z "$1" ] || [ -z "$2" ] || awk -v a="$1" -v b="$2" 'BEGIN { printf "%.0f", a - b }' </dev/null
}

# Mini VMs are named by the descriptor, 3 to 5, that their commands go to.

# mini_start FD ARGS...
mini_start() {
	mini_fd=$1
	shift
	rm -f "$work/mini$mini_fd."*
	mkfifo "$work/mini$mini_fd.in"
	taskset -c 0 "${mini:-mini}" "$@" <"$work/mini$mini_fd.in" >>"$work/mini$mini_fd.out" 2>&1 \
		3>&- 4>&- 5>&- 9>&- &
	eval "mini_pid$mini_fd=$!; mini_done$mini_fd=0; exec $mini_fd>$work/mini$mini_fd.in"
	mini_wait "$mini_fd"
}

mini_has_done() {
	[ -f "$work/mini$1.out" ] && [ "$(grep -c ^DONE "$work/mini$1.out")" -ge "$2" ]
}

# Wait for one more report; it becomes "now".
mini_wait() {
	eval "mini_done$1=\$((mini_done$1 + 1)); mini_count=\$mini_done$1"
	if ! await 60 mini_has_done "$1" "$mini_count"; then
		echo "mini $1 does not answer:"
		cat "$work/mini$1.out"
		return 1
	fi
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
	eval "exec $1>&-; kill \$mini_pid$1; wait \$mini_pid$1"
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

# What a counter has grown by since the mark: mini_grown FD VCPU|vm KEY
mini_grown() {
	minus "$(mini_value "$1" now "$2" "$3")" "$(mini_value "$1" "then" "$2" "$3")"
}

# The agent under test.

agent_serves() {
	scrape && return
	kill -0 $agent_pid || return 2
	return 1
}

# agent_start OPTIONS...: returns when it has collected twice.
agent_start() {
	kvmlens run --interval 500ms --listen 127.0.0.1:$port "$@" </dev/null >>$work/agent.log 2>&1 \
		3>&- 4>&- 5>&- 9>&- &
	agent_pid=$!
	await 30 agent_serves && agent_settle && return
	fail "agent" "it does not serve numbers; its last words: $(tail -n 3 $work/agent.log | tr '\n' ' ')"
	kill -9 $agent_pid 2>/dev/null
	cat $work/agent.log
	return 1
}

agent_stop() {
	kill $agent_pid
	wait $agent_pid
	agent_status=$?
	agent_pid=
	cat $work/agent.log
	: >$work/agent.log
}

# A static busybox has a wget that cannot look up an address.
fetch() {
	if command -v curl >/dev/null; then
		curl -sf -m 10 "http://127.0.0.1:$port$1"
	else
		printf 'GET %s HTTP/1.0\r\n\r\n' "$1" | nc -w 10 127.0.0.1 $port | sed '1,/^\r$/d'
	fi
}

# Keep what the agent shows now in $work/now.
scrape() {
	fetch /metrics >$work/now.new && [ -s $work/now.new ] && mv $work/now.new $work/now
}

ticked() {
	scrape && [ "$(metric now kvmlens_ticks_total)" -ge $ticks_wanted ] || return 1
}

# Wait until the agent has collected twice more; that is "now".
agent_settle() {
	scrape || return
	ticks_wanted=$(($(metric now kvmlens_ticks_total) + 2))
	await 30 ticked
}

# Begin a window: keep what the agent and the minis named say now, as "then". The vCPUs are still,
# so that all of them speak of the same moment. Each has run once under the agent's eyes: what a
# thread does before its first switch nobody knows, and an exit is over at the next entry.
mark() {
	mini_do "io 1" "$@"
	for fd; do cp "$work/mini$fd.now" "$work/mini$fd.then"; done
	[ -z "${agent_pid-}" ] || { agent_settle && cp $work/now $work/then; }
}

# metric FILE NAME [LABEL]...: the value of the series, of the first if there are several. LABEL
# is key="value".
metric() {
	metric_file=$work/$1
	metric_name=$2
	shift 2
	awk -v name="$metric_name" -v labels="$*" '
		BEGIN { n = split(labels, label, " ") }
		index($1, name) == 1 && substr($1, length(name) + 1, 1) ~ /^[{]?$/ {
			for (i = 1; i <= n; i++) if (!index($0, label[i])) next
			print $NF
			exit
		}' "$metric_file"
}

# Sum of all series of that name and those labels.
metric_sum() {
	metric_file=$work/$1
	metric_name=$2
	shift 2
	awk -v name="$metric_name" -v labels="$*" '
		BEGIN { n = split(labels, label, " ") }
		index($1, name) == 1 && substr($1, length(name) + 1, 1) ~ /^[{]?$/ {
			for (i = 1; i <= n; i++) if (!index($0, label[i])) next
			sum += $NF
			seen = 1
		}
		END { if (seen) printf "%.9f", sum }' "$metric_file"
}

# What a counter has grown by since the mark.
metric_grown() {
	metric_now=$(metric_sum now "$@")
	metric_then=$(metric_sum "then" "$@")
	[ -z "$metric_now" ] || awk -v a="$metric_now" -v b="${metric_then:-0}" \
		'BEGIN { printf "%.9f", a - b }' </dev/null
}

# Seconds of the agent's clock since the mark.
wall_grown() {
	calc "$(metric now kvmlens_uptime_seconds) - $(metric "then" kvmlens_uptime_seconds)"
}

# metric_grown of a counter of seconds, in nanoseconds.
metric_grown_ns() {
	metric_grown "$@" | awk '{ printf "%.0f", $1 * 1e9 }'
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
