#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The systemd unit leaves the agent all that it needs: with the unit's capabilities it loses no
# feature that it has as root, and every system call that it makes is one that the unit allows.
set -uo pipefail
cd "$TOP" || exit
unit=scripts/kvmlens.service.in
status=0

fail() {
	echo "$*"
	status=1
}

# The words of every line of the unit with this key.
words() {
	sed -n "s/^$1=//p" "$unit" | tr '\n' ' '
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# An alert that waits in the store DB for somebody who answers by name, behind a file of root's.
queue_alert() {
	local db=$1 port=$2
	install -m 600 /dev/null "$TEST_TMP/token"
	echo token-of-root >"$TEST_TMP/token"
	cat >"$db.yaml" <<-END
		channels:
		- {name: hook, type: webhook, url: "http://localhost:$port/", token_file: $TEST_TMP/token, group_wait: 0s}
	END
	"$BUILD/tests/e2e/notifier" "$db.yaml" "$db" <<<"firing 1 1" >/dev/null ||
		fail "nothing can be queued"
}

# Take one message at the port and keep its headers in FILE.
receive() {
	python3 - "$1" "$2" <<-'END'
		import http.server, sys
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_POST(self):
		        open(sys.argv[2], "w").write(str(self.headers))
		        self.send_response(200)
		        self.end_headers()
		server = http.server.HTTPServer(("localhost", int(sys.argv[1])), Handler)
		server.timeout = 60
		server.handle_request()
	END
}

# Run the agent behind the command given until /metrics tells of two ticks, and an alert that
# waited is delivered; its log is in LOG.
run_agent() {
	local log=$1 port pid i hook
	shift
	port=$(free_port) hook=$(free_port)
	queue_alert "$log.db" "$hook"
	receive "$hook" "$log.alert" 2>"$log.receiver" &
	"$@" "$KVMLENS" run --config "$log.db.yaml" --store "$log.db" --listen "127.0.0.1:$port" \
		--interval 200ms --detail diagnostic >"$log" 2>&1 &
	pid=$!
	for ((i = 0; i < 300; i++)); do
		curl -sf "http://127.0.0.1:$port/metrics" >"$log.metrics" && break
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	for ((i = 0; i < 300; i++)); do
		[ ! -s "$log.alert" ] || break
		sleep 0.1
	done
	sleep 1
	pkill -TERM -P $pid -x kvmlens || kill -TERM $pid
	wait $pid
	grep -q '^Authorization: Bearer token-of-root' "$log.alert" ||
		fail "no alert from: $* kvmlens run; it said: $(tail -n 5 "$log")"
	[ -s "$log.metrics" ] || fail "no metrics from: $* kvmlens run; it said: $(tail -n 5 "$log")"
}

features() {
	grep '^kvmlens_feature' "$1.metrics" | sort
}

# System calls of a trace, by name.
calls() {
	grep -oE '^[0-9]+ +[a-z_0-9]+\(' "$1" | sed 's/^[0-9]* *//; s/(//' | sort -u
}

# Names that the unit's filter lets through, its groups resolved.
allowed() {
	local word
	for word in $(words SystemCallFilter) @default; do
		case $word in
		@*) group "$word" ;;
		*) echo "$word" ;;
		esac
	done | sort -u
}

group() {
	local name
	while read -r name; do
		case $name in
		'' | \#* | "$1") ;;
		@*) group "$name" ;;
		*) echo "$name" ;;
		esac
	done < <(systemd-analyze syscall-filter "$1" | sed 's/^[[:space:]]*//')
}

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
bounding=-all$(words CapabilityBoundingSet | tr 'A-Z ' 'a-z\n' | sed -n 's/^cap_/,+/p' | tr -d '\n')
run_agent "$TEST_TMP/root" env
run_agent "$TEST_TMP/unit" setpriv --bounding-set "$bounding" --no-new-privs \
	strace -f -qq -o "$TEST_TMP/trace"
diff <(features "$TEST_TMP/root") <(features "$TEST_TMP/unit") ||
	fail "with the unit's capabilities features are missing"
[ -n "$(features "$TEST_TMP/root")" ] || fail "the metrics tell of no feature"
[ "$(calls "$TEST_TMP/trace" | wc -l)" -gt 20 ] || fail "the trace is empty"
refused=$(comm -23 <(calls "$TEST_TMP/trace") <(allowed) | tr '\n' ' ')
[ -z "$refused" ] || fail "system calls that the unit refuses: $refused"
exit $status
