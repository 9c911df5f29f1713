#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The demo shows its three guests fighting for a CPU, and leaves nothing however it ends.
set -uo pipefail
cd "$TOP" || exit
export TMPDIR=$TEST_TMP
status=0

fail() {
	echo "$*"
	status=1
}

# Guests of this test's demo, by the directory on their command lines.
guests() {
	pgrep -f -- "-serial file:$TEST_TMP/kvmlens-demo" | wc -l
}

gone() {
	local i
	for ((i = 0; i < 50; i++)); do
		[ "$(guests)" -eq 0 ] && return
		sleep 0.1
	done
	fail "after $1, guests still run"
}

wait_for_guests() {
	local i
	for ((i = 0; i < 600; i++)); do
		[ "$(guests)" -eq 3 ] && return
		sleep 0.1
	done
	fail "the demo starts no guests: $(cat "$TEST_TMP/out")"
}

# Start the demo, send it a signal once its guests are there.
interrupted_by() {
	env --default-signal=INT setsid scripts/demo.sh --seconds 60 >"$TEST_TMP/out" 2>&1 &
	local demo=$!
	wait_for_guests
	# A terminal sends its signal to the whole group, kill -9 to one process.
	[ "$1" = KILL ] && kill -KILL $demo || kill "-$1" -- -$demo
	wait $demo
	gone "SIG$1"
	[ "$1" = KILL ] || [ -z "$(find "$TEST_TMP" -maxdepth 1 -name 'kvmlens-demo*')" ] ||
		fail "after SIG$1 its directory is still there"
}

scripts/guest-kernel.sh 6.1 >/dev/null || exit
scripts/demo.sh --seconds 3 >"$TEST_TMP/out" 2>&1 || fail "the demo failed"
cat "$TEST_TMP/out"
gone "the demo"
for name in demo-web demo-db demo-batch; do
	grep -qw "$name" <(grep -v '^demo:' "$TEST_TMP/out") || fail "$name is not in the table"
done
interrupted_by INT
interrupted_by TERM
interrupted_by KILL
exit $status
