#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The agent is killed or ended again and again while commands read and write the store beside it:
# it holds its lock each time (/proc/locks is the oracle), its log is never taken away under it, no
# tick but the one being written is lost, and the file is whole. RESTARTS: how often, 8 by default.
set -uo pipefail
# A BPF file system of its own: another agent may run on this host, with its pins.
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --mount --propagation private "$0"
fi

skip() {
	echo "$*"
	exit 77
}

fail() {
	echo "$*"
	status=1
}

[ "$(id -u)" = 0 ] || skip "needs root"
command -v sqlite3 >/dev/null || skip "sqlite3 is not installed"
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"
mkdir -p /run/kvmlens && mount -t tmpfs control /run/kvmlens || skip "no file system may be mounted"
. "$TOP/tests/e2e/lib/agent.sh"

KVMLENS=${KVMLENS:-$TOP/build/kvmlens}
store=$TEST_TMP/history.db status=0 written=0 kills=0 silences=0
trap 'kill -KILL "$AGENT_PID" 2>/dev/null' EXIT

metric() {
	curl -sf "$AGENT_URL/metrics" | awk -v name="$1" '$1 == name { print $2 }'
}

# The lines of /proc/locks that are the agent's, of the store's inode.
locks() {
	grep -c " $AGENT_PID [0-9a-f]*:[0-9a-f]*:$(stat -c %i "$store") " /proc/locks
}

for ((i = 0; i < ${RESTARTS:-8}; i++)); do
	agent_start "$TEST_TMP/agent.log" --interval 100ms --store "$store" || fail "start $i fails"
	agent_wait_metric '^kvmlens_store_ticks_total [1-9]' || fail "start $i: nothing is stored"
	log=$(stat -c %i "$store-wal")
	"$KVMLENS" silence --store "$store" --vm "none-$i" --for 1h >/dev/null && silences=$((silences + 1))
	"$KVMLENS" history --store "$store" host host.vcpus --since 1h --format csv >/dev/null ||
		fail "start $i: history fails"
	"$KVMLENS" why --store "$store" nobody >/dev/null 2>&1
	"$KVMLENS" alerts history --store "$store" >/dev/null 2>&1
	[ "$(locks)" -gt 0 ] || fail "start $i: the agent holds no lock of its store"
	[ "$(stat -c %i "$store-wal")" = "$log" ] || fail "start $i: the log is another one"
	sleep 0.4
	[ "$(metric kvmlens_store_replaced_total)" = 0 ] || fail "start $i: the store was replaced"
	[ "$(metric kvmlens_store_up)" = 1 ] || fail "start $i: the store is not up"
	if ((i % 2)); then
		n=$(metric kvmlens_store_ticks_total)
		agent_stop
		[ ! -e "$store-wal" ] || fail "start $i: after a clean end there is a log"
	else
		n=$(metric kvmlens_store_ticks_total)
		kill -KILL "$AGENT_PID"
		wait "$AGENT_PID" 2>/dev/null
		kills=$((kills + 1))
	fi
	written=$((written + n))
done
[ "$(sqlite3 "$store" 'PRAGMA integrity_check')" = ok ] || fail "the file is damaged"
# Each run said at its end how many ticks it had written; later ones came on top.
values=$("$KVMLENS" history --store "$store" host kvmlens.uptime_seconds --since 1h --format csv | tail -n +2 | wc -l)
[ "$values" -ge "$written" ] || fail "$values values are there of at least $written that were written"
[ "$(sqlite3 "$store" "SELECT count(*) FROM silence WHERE vm LIKE 'none-%'")" = "$silences" ] ||
	fail "silences are lost"
[ "$(sqlite3 "$store" 'SELECT count(*) FROM layout')" -le 3 ] ||
	fail "layouts multiply: $(sqlite3 "$store" 'SELECT count(*) FROM layout')"
echo "$i starts, $kills kills, $values values of at least $written"
exit $status
