# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Watching discovery with vmwatch, sourced by tests. Needs BUILD, TOP and TEST_TMP.
#
#   watch_start URI INTERVAL_MS [CMD...]   begin, run by CMD; what it prints is in TEST_TMP/watch
#   watch_stop
#   expect NAME EXPRESSION        a test: the Python expression becomes true within PATIENCE
#                                 seconds. It sees d (the newest line), vms (a list), and
#                                 vm(name), names(), libvirt(), proc(); see watch.py
#   mark                          remember where the output stands
#   expect_always NAME EXPRESSION a test: true of every line since the mark
#   check NAME COMMAND...         a test: the command succeeds
#   watch_done                    print the plan; fails if a test failed

WATCH_TESTS=0 WATCH_FAILED=0 WATCH_MARK=0
PATIENCE=${PATIENCE:-40}

watch_start() {
	local uri=$1 interval=$2
	shift 2
	"$@" "$BUILD/tests/e2e/vmwatch" "$uri" 200 "$interval" </dev/null >"$TEST_TMP/watch" &
	WATCH_PID=$!
}

watch_stop() {
	kill "$WATCH_PID"
	wait "$WATCH_PID"
}

tap() {
	local status=$1
	shift
	WATCH_TESTS=$((WATCH_TESTS + 1))
	if [ "$status" -eq 0 ]; then
		echo "ok $WATCH_TESTS - $*"
	else
		WATCH_FAILED=$((WATCH_FAILED + 1))
		echo "not ok $WATCH_TESTS - $*"
	fi
}

expect() {
	python3 "$TOP/tests/e2e/lib/watch.py" until "$TEST_TMP/watch" "$PATIENCE" "$2"
	tap $? "$1"
}

mark() {
	WATCH_MARK=$(wc -l <"$TEST_TMP/watch")
}

expect_always() {
	python3 "$TOP/tests/e2e/lib/watch.py" always "$TEST_TMP/watch" "$WATCH_MARK" "$2"
	tap $? "$1"
}

check() {
	local name=$1
	shift
	"$@"
	tap $? "$name"
}

watch_done() {
	echo "1..$WATCH_TESTS"
	[ "$WATCH_FAILED" -eq 0 ]
}
