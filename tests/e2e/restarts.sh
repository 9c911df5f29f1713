#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The agent is killed or ended again and again while commands read and write the store beside it:
# it holds its lock each time (/proc/locks is the oracle), its log is never taken away under it, no
# tick but the one being written is lost, and the file is whole. `store backup` copies it beside the
# agent and without one: sqlite3 counts the copy's rows. RESTARTS: how often, 8 by default.
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

# Every table with its number of rows, a line each.
rows() {
	local table
	for table in $(sqlite3 -readonly "$1" "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"); do
		echo "$table $(sqlite3 -readonly "$1" "SELECT count(*) FROM \"$table\"")"
	done
}

backup() {
	timeout 20 "$KVMLENS" store backup --store "$store" "$@" >"$TEST_TMP/said" 2>&1
}

# A copy of one moment: of no table has it fewer rows than there were before, or more than after.
backup_beside() {
	local copy=$TEST_TMP/beside.db
	rows "$store" >"$TEST_TMP/before"
	backup "$copy" || fail "backup beside the agent: $(cat "$TEST_TMP/said")"
	rows "$store" >"$TEST_TMP/after"
	[ "$(sqlite3 "$copy" 'PRAGMA integrity_check')" = ok ] || fail "the copy is damaged"
	[ "$(stat -c %a "$copy")" = 600 ] || fail "others may read the copy"
	[ ! -e "$copy-wal" ] || fail "the copy is more than one file"
	rows "$copy" | paste -d ' ' "$TEST_TMP/before" - "$TEST_TMP/after" |
		awk '$1 != $3 || $3 != $5 || $4 < $2 || $4 > $6 { print "copied: " $0; bad = 1 }
			$1 == "silence" && $4 != 1 { print "silences: " $4; bad = 1 }
			{ n += $4 } END { exit bad || n < 10 }' || fail "the copy is not the store of one moment"
}

# What is there is never written to, and nothing is waited for.
backup_refused() {
	local before
	echo mine >"$TEST_TMP/mine"
	mkfifo "$TEST_TMP/fifo"
	ln -s "$TEST_TMP/nowhere" "$TEST_TMP/link"
	for to in mine fifo link; do
		before=$(stat -c '%i %s %Y' "$TEST_TMP/$to")
		backup "$TEST_TMP/$to"
		case $? in
		0) fail "backup to $to succeeds" ;;
		124) fail "backup to $to hangs" ;;
		esac
		grep -q 'there already' "$TEST_TMP/said" || fail "backup to $to: $(cat "$TEST_TMP/said")"
		[ "$(stat -c '%i %s %Y' "$TEST_TMP/$to")" = "$before" ] || fail "backup changed $to"
	done
	[ "$(cat "$TEST_TMP/mine")" = mine ] && [ ! -e "$TEST_TMP/nowhere" ] || fail "backup wrote through"
	timeout 20 "$KVMLENS" store backup --store "$TEST_TMP/fifo" "$TEST_TMP/from-fifo" >"$TEST_TMP/said" 2>&1
	[ $? -ne 124 ] && grep -q 'no regular file' "$TEST_TMP/said" && [ ! -e "$TEST_TMP/from-fifo" ] ||
		fail "backup of a store that is a FIFO: $(cat "$TEST_TMP/said")"
	backup "$TEST_TMP/no-such/x.db" && fail "backup into no directory succeeds"
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
	[ $i -gt 0 ] || backup_beside
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
# Of the host: other VMs of this machine may come and go meanwhile.
layouts=$(sqlite3 "$store" "SELECT count(*) FROM layout WHERE vm = (SELECT id FROM vm WHERE uuid = '')")
[ "$layouts" -ge 1 ] && [ "$layouts" -le 3 ] || fail "layouts multiply: $layouts"
backup_refused
backup "$TEST_TMP/alone.db" || fail "backup without an agent: $(cat "$TEST_TMP/said")"
[ "$(sqlite3 "$TEST_TMP/alone.db" 'PRAGMA integrity_check')" = ok ] || fail "the copy is damaged"
diff <(rows "$store") <(rows "$TEST_TMP/alone.db") || fail "the copy has other rows"
copied=$("$KVMLENS" history --store "$TEST_TMP/alone.db" host kvmlens.uptime_seconds --since 1h --format csv | tail -n +2 | wc -l)
[ "$copied" = "$values" ] || fail "of $values values the copy has $copied"
echo "$i starts, $kills kills, $values values of at least $written"
exit $status
