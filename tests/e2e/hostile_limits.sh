#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An agent that lacks something ends within five seconds of SIGTERM and says what it lacks: few
# descriptors from the start or later, a standard error that nobody reads, a pipe in the store's
# place, a store that another process has locked.
# oracle: kvmlens_descriptors_open kvmlens_descriptors_limit: the entries of /proc/PID/fd, and prlimit
set -uo pipefail
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
# What the agent pins is pinned in a file system of this test's own.
if [ -z "${HOSTILE_PRIVATE:-}" ]; then
	HOSTILE_PRIVATE=yes exec unshare --mount --propagation private "$0"
fi
mount -t bpf bpf /sys/fs/bpf || { echo "no BPF file system may be mounted"; exit 77; }

n=0
t() {
	n=$((n + 1))
	if "${@:2}"; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		tail -n 5 "$TEST_TMP"/*.log
	fi
}

helpers=()
cleanup() {
	local pid
	[ -z "${AGENT_PID:-}" ] || kill -KILL "$AGENT_PID" 2>/dev/null
	for pid in "${helpers[@]}"; do kill -KILL "$pid" 2>/dev/null; done
	umount /sys/fs/bpf
}
trap cleanup EXIT

run=(--interval 200ms --control none --provider proc)

# True if the agent ends within five seconds of SIGTERM.
ends_in_time() {
	local i
	kill -TERM "$AGENT_PID" 2>/dev/null
	for ((i = 0; i < 50; i++)); do
		kill -0 "$AGENT_PID" 2>/dev/null || break
		sleep 0.1
	done
	if kill -KILL "$AGENT_PID" 2>/dev/null; then
		wait "$AGENT_PID" 2>/dev/null
		return 1
	fi
	wait "$AGENT_PID"
	AGENT_PID=
}

health() {
	curl -s -m 3 -o "$TEST_TMP/health" -w '%{http_code}' "$AGENT_URL/healthz"
}

# Until /healthz answers this, 15 s at most.
health_comes_to() {
	local i
	for ((i = 0; i < 75; i++)); do
		[ "$(health)" = "$1" ] && return
		sleep 0.2
	done
	echo "/healthz says $(health): $(cat "$TEST_TMP/health")"
	return 1
}

metric() {
	curl -sf -m 5 "$AGENT_URL/metrics" | awk -v m="$1" '$1 == m { print $2 }'
}

# With N descriptors the start fails with its own code and one line that names them.
start_fails() {
	local code
	(ulimit -n "$1" && exec timeout -k 1 20 "$KVMLENS" run --listen none --store none "${run[@]}") \
		>"$TEST_TMP/few.log" 2>&1
	code=$?
	[ $code -eq 8 ] && [ "$(wc -l <"$TEST_TMP/few.log")" -eq 1 ] &&
		grep -q 'file descriptors' "$TEST_TMP/few.log" || { echo "exit code $code"; return 1; }
}

for files in 32 40 48 64; do
	t "$files descriptors are said to be too few" start_fails $files
done

# The smallest number that it accepts is enough to work with.
enough() {
	(ulimit -n 128 && exec "$KVMLENS" run --listen "127.0.0.1:$port" --store "$TEST_TMP/enough.db" \
		"${run[@]}") >"$TEST_TMP/enough.log" 2>&1 &
	AGENT_PID=$! AGENT_URL=http://127.0.0.1:$port
	agent_wait_metric '^kvmlens_web_up 1' && health_comes_to 200 &&
		! grep -iE 'too many open|denied' "$TEST_TMP/enough.log"
}
port=$(free_port)
t "128 descriptors are enough" enough
t "and it ends" ends_in_time

# Descriptors run out while it works: VMs stay, the loss is visible, and it heals by itself.
qemu-system-x86_64 -accel tcg -S -m 16 -nodefaults -display none -name kept,debug-threads=on &
helpers+=($!)
run_out() {
	local open
	agent_start "$TEST_TMP/out.log" --store "$TEST_TMP/out.db" "${run[@]}" &&
		agent_wait_metric '^vm_up{vm="kept".* 1' && health_comes_to 200 || return
	open=$(ls "/proc/$AGENT_PID/fd" | wc -l)
	[ "$(metric kvmlens_descriptors_open)" -ge $((open - 6)) ] || return
	[ "$(metric kvmlens_descriptors_limit)" = "$(prlimit --pid "$AGENT_PID" --nofile --output SOFT --noheadings | tr -d " ")" ] || return
	# What is open remains open; hardly anything more can be.
	prlimit --pid "$AGENT_PID" --nofile="$((open + 1)):"
	health_comes_to 503 && grep -qE 'descriptors' "$TEST_TMP/health"
}
t "descriptors run out: /healthz says so" run_out
t "the VM is still there" agent_wait_metric '^vm_up{vm="kept".* 1'
t "and nothing is lost silently" agent_wait_metric '^kvmlens_lost_total{reason="scan_without_descriptors"} [1-9]'
t "nobody calls it a denied permission" eval '! grep -i denied "$TEST_TMP/out.log"'
heals() {
	prlimit --pid "$AGENT_PID" --nofile=1024:
	health_comes_to 200 && agent_wait_metric '^vm_up{vm="kept".* 1'
}
t "it heals once there are some" heals
prlimit --pid "$AGENT_PID" --nofile=16:
t "and ends with none left" ends_in_time

# Nobody reads standard error, which is full from the beginning.
mkfifo "$TEST_TMP/stderr"
full_pipe() {
	sleep 300 <>"$TEST_TMP/stderr" &
	helpers+=($!)
	timeout 2 cat /dev/zero >"$TEST_TMP/stderr"
	port=$(free_port)
	AGENT_URL=http://127.0.0.1:$port
	"$KVMLENS" run --listen "127.0.0.1:$port" --store "$TEST_TMP/full.db" "${run[@]}" \
		>/dev/null 2>"$TEST_TMP/stderr" &
	AGENT_PID=$!
	health_comes_to 200 || return
	kill -HUP "$AGENT_PID"
	sleep 0.5
	health_comes_to 200
}
t "a full standard error costs lines alone" full_pipe
t "and the agent ends" ends_in_time

fifo_store() {
	mkfifo "$TEST_TMP/fifo.db"
	agent_start "$TEST_TMP/fifo.log" --store "$TEST_TMP/fifo.db" "${run[@]}" || return
	health_comes_to 503 && grep -q store "$TEST_TMP/health" && [ "$(metric kvmlens_store_up)" = 0 ]
}
t "a pipe is no store, and /healthz says so" fifo_store
t "and the agent ends" ends_in_time

# Another process holds the store's file: no snapshot is written, and the agent ends all the same.
locked_store() {
	agent_start "$TEST_TMP/locked.log" --store "$TEST_TMP/locked.db" "${run[@]}" &&
		health_comes_to 200 || return
	python3 - "$TEST_TMP/locked.db" <<-'END' &
		import sqlite3, sys, time
		db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
		db.execute("BEGIN IMMEDIATE")
		open(sys.argv[1] + ".held", "w").close()
		time.sleep(60)
	END
	helpers+=($!)
	until [ -e "$TEST_TMP/locked.db.held" ]; do sleep 0.1; done
	health_comes_to 503 && grep -q store "$TEST_TMP/health"
}
t "a locked store shows in /healthz" locked_store
t "and the agent ends" ends_in_time

# Locked before it starts, so that it may be asked to end while it waits for the lock.
t "a start that waits for the lock ends, too" eval '
	"$KVMLENS" run --listen none --store "$TEST_TMP/locked.db" "${run[@]}" >"$TEST_TMP/wait.log" 2>&1 &
	AGENT_PID=$!; sleep 1; ends_in_time'
echo "1..$n"
