#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real systemd-journald understands what the journal channel sends: every field and a value of
# several lines.
set -uo pipefail
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --mount --propagation private "$0"
fi

skip() {
	echo "$*"
	exit 77
}

journald=/lib/systemd/systemd-journald
[ "$(id -u)" = 0 ] || skip "needs root"
[ -x $journald ] || skip "systemd is not installed"
# Its own /run, and a machine id where an image has none.
mount -t tmpfs run /run || skip "no file system may be mounted"
mkdir -p /run/systemd/journal /run/log/journal
tr -d - </proc/sys/kernel/random/uuid >"$TEST_TMP/machine-id"
mount --bind "$TEST_TMP/machine-id" /etc/machine-id || skip "no file system may be mounted"
$journald >"$TEST_TMP/journald.log" 2>&1 &
journald_pid=$!
trap 'kill $journald_pid; wait' EXIT
for ((i = 0; i < 100; i++)); do
	[ ! -S /run/systemd/journal/socket ] || break
	sleep 0.1
done
[ -S /run/systemd/journal/socket ] || skip "systemd-journald does not run here: $(tail -n 1 "$TEST_TMP/journald.log")"

printf '%s\n' 'node_id: host-1' 'channels: [{name: log, type: journal, group_wait: 0s}]' >"$TEST_TMP/journal.yaml"
mkfifo "$TEST_TMP/commands"
"$BUILD/tests/e2e/notifier" "$TEST_TMP/journal.yaml" none <"$TEST_TMP/commands" >"$TEST_TMP/said" &
exec 9>"$TEST_TMP/commands"
printf 'firing 3 1\nresolved 3 2\n' >&9

entries() {
	journalctl -q -D /run/log/journal -o json SYSLOG_IDENTIFIER=kvmlens --no-pager
}
for ((i = 0; i < 200; i++)); do
	[ "$(entries | wc -l)" -lt 2 ] || break
	sleep 0.1
done
exec 9>&-
entries >"$TEST_TMP/entries"
python3 - "$TEST_TMP/entries" <<'END'
import json, sys
entries = [json.loads(line) for line in open(sys.argv[1])]
assert len(entries) == 2, entries
firing, over = entries
assert firing["MESSAGE"] == "[FIRING] host-1: ready time is 42.5 %" and firing["PRIORITY"] == "2", firing
assert over["MESSAGE"] == "[RESOLVED] host-1: ready time is 42.5 %" and over["PRIORITY"] == "5", over
assert firing["KVMLENS_VM"] == "vm-0003" and firing["KVMLENS_RULE"] == "vm-ready", firing
assert firing["KVMLENS_KEY"] != over["KVMLENS_KEY"] and firing["KVMLENS_ALERT"] == over["KVMLENS_ALERT"], entries
assert "\nMove a VM away.\n" in firing["KVMLENS_TEXT"], firing
print("the journal has both, field by field")
END
