# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The agent under test, sourced by tests. Needs KVMLENS.
#
#   free_port                    a TCP port of 127.0.0.1 that nobody has, on standard output
#   agent_start LOG OPTION...    run it on a port of its own, until /metrics answers; sets AGENT_PID
#                                and AGENT_URL
#   agent_wait_metric REGEX      until a line of /metrics matches, 20 s at most
#   agent_stop                   end it as an operator does

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

agent_start() {
	local log=$1 port
	shift
	port=$(free_port)
	AGENT_URL=http://127.0.0.1:$port
	"$KVMLENS" run --listen "127.0.0.1:$port" "$@" >"$log" 2>&1 &
	AGENT_PID=$!
	agent_wait_metric '^kvmlens_ticks_total' || {
		echo "no metrics from kvmlens run $*: $(tail -n 5 "$log")"
		return 1
	}
}

agent_wait_metric() {
	local i page
	for ((i = 0; i < 200; i++)); do
		# Not through a pipe: what ends a reader early would count as a failure of curl.
		page=$(curl -sf -m 5 "$AGENT_URL/metrics") && grep -qE "$1" <<<"$page" && return
		kill -0 "$AGENT_PID" 2>/dev/null || return
		sleep 0.1
	done
	return 1
}

agent_stop() {
	kill -TERM "$AGENT_PID" 2>/dev/null
	wait "$AGENT_PID"
}
