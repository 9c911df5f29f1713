#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two VMs that burn share a CPU: the ready rule fires after its duration, at the first snapshot from
# then on, is told once, survives the agent's death by kill -9, and resolves. The recording of the
# same run says the same. Rules are read anew as a whole or not at all; a silence keeps quiet.
set -uo pipefail
# A BPF file system of its own: another agent may run on this host, with its pins.
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --mount --propagation private "$0"
fi
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

skip() {
	echo "$*"
	exit 77
}

fail() {
	echo "$*"
	tail -n 15 "$TEST_TMP"/*.log
	exit 1
}

[ "$(id -u)" = 0 ] || skip "needs root"
for program in qemu-system-x86_64 curl python3; do
	command -v $program >/dev/null || skip "$program is not installed"
done
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"
trap 'kill -CONT $(jobs -p) 2>/dev/null; kill $(jobs -p) 2>/dev/null; wait' EXIT

# Until a command succeeds, 40 s at most.
within() {
	local i
	for ((i = 0; i < 400; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	return 1
}

# A boot sector that never ends: cli; jmp $.
printf '\xfa\xeb\xfe' >"$TEST_TMP/boot"
truncate -s 510 "$TEST_TMP/boot"
printf '\x55\xaa' >>"$TEST_TMP/boot"
cpu=$(taskset -cp $$ | grep -oE '[0-9]+$')
start_vm() {
	taskset -c "$cpu" qemu-system-x86_64 -machine accel=tcg -display none -nodefaults -m 16 \
		-name "guest=$1,debug-threads=on" -uuid "11111111-2222-4333-8444-55555555555$2" \
		-drive "file=$TEST_TMP/boot,format=raw,if=ide,snapshot=on" >"$TEST_TMP/$1.log" 2>&1 &
}
start_vm victim 1
victim=$!
start_vm rival 2

# What is told arrives here, a line each.
hook=$(free_port)
python3 - "$hook" "$TEST_TMP/told" >"$TEST_TMP/hook.log" 2>&1 <<'END' &
import http.server, sys
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[2], "ab") as out:
            out.write(body.replace(b"\n", b" ") + b"\n")
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hook).serve_forever()
END
touch "$TEST_TMP/told"
mkdir "$TEST_TMP/rules.d"
cat >"$TEST_TMP/kvmlens.yaml" <<END
interval: 500ms
provider: proc
store: $TEST_TMP/history.db
control: $TEST_TMP/control.sock
alerts: {default_rules: false, rules_dir: $TEST_TMP/rules.d}
channels:
  - {name: hook, type: webhook, url: "http://127.0.0.1:$hook/", group_wait: 0s}
rules:
  - id: ready
    keep_firing_for: 0s
    text: "{vm} waits {value} %, for {top_aggressor}"
    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 20, duration: 3s,
                labels: {vm: victim}}
END
config="--config $TEST_TMP/kvmlens.yaml"
state_is() { curl -sf "$AGENT_URL/api/v1/alerts" | grep -q "\"rule\":\"$1\".*\"state\":\"$2\""; }
told() { grep -c "\"$1\"" "$TEST_TMP/told"; }
told_is() { [ "$(told "$1")" = "$2" ]; }

# shellcheck disable=SC2086 # words
agent_start "$TEST_TMP/agent1.log" $config --json "$TEST_TMP/run.jsonl" || fail "no agent"
within state_is ready firing || fail "nothing fires: $(curl -s "$AGENT_URL/api/v1/alerts")"
within told_is firing 1 || fail "it was not told"
# shellcheck disable=SC2086
"$KVMLENS" alerts $config | grep -E 'firing .* ready +victim +victim waits' || fail "no list"

kill -KILL "$AGENT_PID"
wait "$AGENT_PID" 2>/dev/null
# shellcheck disable=SC2086
"$KVMLENS" alerts history $config --format json >"$TEST_TMP/history"
# shellcheck disable=SC2086
"$KVMLENS" alerts test ready $config --replay "$TEST_TMP/run.jsonl" --format json >"$TEST_TMP/replay" ||
	fail "no replay"
python3 - "$TEST_TMP" <<'END' || fail "it fired at another time than it should"
import json, sys
tmp = sys.argv[1]
times, seen = [], set()
for line in open(tmp + "/run.jsonl", errors="replace"):
    try:
        t = json.loads(line)["time_ms"]
    except ValueError:
        continue  # the last one was cut off by the kill
    if t not in seen:
        seen.add(t)
        times.append(t)
events = [json.loads(line) for line in open(tmp + "/replay")]
began = [e["time_ms"] for e in events if e["change"] == "pending"]
fired = [e["time_ms"] for e in events if e["change"] == "firing"]
kept = [e["time_ms"] for e in json.load(open(tmp + "/history")) if e["change"] == "firing"]
assert len(fired) == 1 and len(kept) == 1, (fired, kept)
since = max(t for t in began if t <= fired[0])
# A duration is met within half an interval, of 500 ms: the tick next to it, early or late.
first = min(t for t in times if t - since >= 3000 - 250)
print(f"began {since}, fired {fired[0] - since} ms later, in the agent {kept[0] - since}")
# The agent's own clock goes evenly; the recording has the wall clock's word, in whole ms.
assert fired[0] == first, (since, fired, first)
assert 2750 <= kept[0] - since and abs(times.index(fired[0]) - min(
    range(len(times)), key=lambda i: abs(times[i] - kept[0]))) <= 1, (since, kept, fired)
END

# shellcheck disable=SC2086
agent_start "$TEST_TMP/agent2.log" $config || fail "no agent after the kill"
grep -q 'goes on with 1 alerts' "$TEST_TMP/agent2.log" || fail "it was forgotten"
within state_is ready firing || fail "it does not go on"
# A silence of what is not there is taken, with a warning, as it may be a slip of the pen.
# shellcheck disable=SC2086
"$KVMLENS" silence --rule quiet --for 5m $config 2>"$TEST_TMP/warned" || fail "no silence"
grep -q 'warning: there is no rule "quiet"' "$TEST_TMP/warned" || fail "no warning: $(cat "$TEST_TMP/warned")"
# shellcheck disable=SC2086
"$KVMLENS" silence --vm victin --rule redy --for 5m $config 2>"$TEST_TMP/warned" || fail "no silence"
grep -q 'warning: no VM is called "victin"' "$TEST_TMP/warned" &&
	grep -q 'warning: there is no rule "redy"; did you mean "ready"' "$TEST_TMP/warned" ||
	fail "no warning: $(cat "$TEST_TMP/warned")"
for known in "--vm rival" "--vm ri*" "--rule read* --vm riva?"; do
	# shellcheck disable=SC2086
	(set -f; "$KVMLENS" silence $known --for 5m $config 2>"$TEST_TMP/warned") || fail "no silence"
	[ ! -s "$TEST_TMP/warned" ] || fail "warned of what is there: $(cat "$TEST_TMP/warned")"
done

# A file of rules with a mistake changes nothing; mended, it is there.
quiet() { echo "rules: [{id: quiet, condition: {metric: host.vms, operator: $1, threshold: 0}}]"; }
quiet gtt >"$TEST_TMP/rules.d/more.yaml"
"$KVMLENS" reload --control "$TEST_TMP/control.sock" >"$TEST_TMP/reload.log" 2>&1 && fail "a mistake was read"
grep -q 'more.yaml:1: .*did you mean "gt"' "$TEST_TMP/reload.log" || fail "no reason: $(cat "$TEST_TMP/reload.log")"
agent_wait_metric '^kvmlens_alerts_rules 1$' || fail "the rules went"
quiet gt >"$TEST_TMP/rules.d/more.yaml"
"$KVMLENS" reload --control "$TEST_TMP/control.sock" || fail "it is right and was refused"
agent_wait_metric '^kvmlens_alerts_rules 2$' || fail "no new rule"
within state_is quiet firing || fail "the new rule does not fire"

# Stopped, it waits for nothing.
kill -STOP $victim
within told_is resolved 1 || fail "it does not resolve: $(curl -s "$AGENT_URL/api/v1/alerts")"
agent_stop
told_is firing 1 || fail "told twice: $(cat "$TEST_TMP/told")"
grep -q quiet "$TEST_TMP/told" && fail "a silenced alert was told"
# shellcheck disable=SC2086
"$KVMLENS" alerts history $config

# What an agent left behind is shown, and said to be old once no agent can have written it.
# shellcheck disable=SC2086
"$KVMLENS" alerts $config >"$TEST_TMP/left" 2>"$TEST_TMP/left.err" || fail "nothing to be listed"
[ ! -s "$TEST_TMP/left.err" ] || fail "fresh and said to be old: $(cat "$TEST_TMP/left.err")"
python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
with db:
    db.execute("UPDATE alert_meta SET value = value - 3600000")' "$TEST_TMP/history.db" || fail "the store"
# shellcheck disable=SC2086
"$KVMLENS" alerts $config >"$TEST_TMP/old" 2>"$TEST_TMP/left.err" || fail "nothing to be listed"
grep -q 'no agent has looked at the rules since' "$TEST_TMP/left.err" || fail "nobody is warned"
cmp "$TEST_TMP/left" "$TEST_TMP/old" || fail "the list is another"
