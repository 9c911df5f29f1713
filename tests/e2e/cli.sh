#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command line on a real host with real QEMUs: bad input, missing rights, hostile names, the
# life of the agent. Everything pinned is pinned in a bpffs of this test's own.
set -uo pipefail
self=$(readlink -f "$0")
cd "$TEST_TMP" || exit
chmod 711 .

if [ -z "${CLI_TEST_UNSHARED:-}" ]; then
	CLI_TEST_UNSHARED=1 exec unshare -m --propagation private "$self"
fi
mount -t bpf bpf /sys/fs/bpf || exit

kvmlens=$TEST_TMP/kvmlens
cp "$BUILD/kvmlens" "$kvmlens"
chmod 755 "$kvmlens"
n=0 failed=0 qemus=() agent=

ok() {
	n=$((n + 1))
	echo "ok $n - $1"
}

not_ok() {
	n=$((n + 1)) failed=$((failed + 1))
	echo "not ok $n - $1"
	sed 's/^/# /' <<<"${2:-}" | cut -c1-400 | head -n 20
}

check() {
	local what=$1
	shift
	if "$@"; then ok "$what"; else not_ok "$what" "$*"; fi
}

# expect WHAT CODE PATTERN ARGS...: one line on standard error that matches, and the exit code.
expect() {
	local what=$1 code=$2 pattern=$3 got
	shift 3
	timeout 60 "$@" >out 2>err </dev/null
	got=$?
	if [ $got -ne "$code" ]; then
		not_ok "$what" "exit code $got, not $code: $(cat err)"
	elif [ "$(wc -l <err)" -ne 1 ] || ! grep -qE "^kvmlens: .*($pattern)" err; then
		not_ok "$what" "$(cat err)"
	else
		ok "$what"
	fi
}

cleanup() {
	local pid
	stop_agent
	for pid in "${qemus[@]}"; do kill -KILL "$pid"; done
	wait
} 2>/dev/null
trap cleanup EXIT

# A stopped VM of two vCPUs: start_qemu NAME-OPTION-VALUE [ARGS...]
start_qemu() {
	local name=$1
	shift
	setpriv --pdeathsig KILL qemu-system-x86_64 -name "$name" -accel tcg,tb-size=8 -smp 2 -m 32 \
		-display none -nodefaults -no-user-config "$@" </dev/null >>qemu.log 2>&1 &
	qemus+=($!)
}

start_agent() {
	local listen=(--listen none)
	[[ " $* " != *" --listen "* ]] || listen=()
	rm -f agent.err
	"$kvmlens" run "${listen[@]}" "$@" >agent.out 2>agent.err </dev/null &
	agent=$!
	local i
	for ((i = 0; i < 100; i++)); do
		grep -qs 'agent: kvmlens .* collects' agent.err && return
		kill -0 $agent 2>/dev/null || break
		sleep 0.1
	done
	not_ok "the agent starts" "$(cat agent.err)"
}

# End the agent with a signal (TERM); its exit code.
stop_agent() {
	local status
	[ -n "$agent" ] || return 0
	kill "-${1:-TERM}" "$agent"
	wait "$agent" 2>/dev/null
	status=$?
	agent=
	return $status
}

bad_input() {
	echo 'intervall: 3s' >bad.yaml
	for command in run top vms 'metrics --once' doctor; do
		# shellcheck disable=SC2086
		expect "$command: unknown key" 3 'bad\.yaml:1: unknown key "intervall"; did you mean "interval"\?' \
			"$kvmlens" $command --config bad.yaml
	done
	printf 'detail: basic\nhttp:\n  timeout: 1\n' >bad.yaml
	expect "bad value in a section" 3 'bad\.yaml:3: http\.timeout: .*use 1s to 5m' \
		"$kvmlens" check-config bad.yaml
	expect "unreadable configuration" 3 'No such file' "$kvmlens" run --config /nonexistent
	expect "misspelt flag" 2 'run: unknown flag "intervl"; did you mean --interval\?' "$kvmlens" run --intervl 1s
	expect "misspelt command" 2 'unknown command "rnu"; did you mean "run"\?' "$kvmlens" rnu
	expect "bad value of a flag" 2 '--interval: "1" is not a duration' "$kvmlens" run --interval 1
	expect "bad tag" 2 '--tag: "rack" has no value; write rack=r12' "$kvmlens" run --tag rack
	expect "JSON to a directory" 1 '--json: .*: Is a directory' "$kvmlens" run --listen none --json /
}

# A URI that leads nowhere: said, and everything else goes on.
wrong_uri() {
	expect "vms with a wrong URI" 0 'libvirt does not answer: .*; start it, or correct --uri' \
		"$kvmlens" vms --uri 'qemu:///system?socket=/nonexistent'
	check "vms with a wrong URI lists what there is" grep -qw cliplain out
	"$kvmlens" doctor --listen none --uri 'qemu:///system?socket=/nonexistent' >out 2>err
	check "doctor with a wrong URI" test $? -eq 1
	check "doctor says what to do" grep -q 'do: start libvirtd .*correct --uri' out
	start_agent --uri 'qemu:///system?socket=/nonexistent'
	local i
	for ((i = 0; i < 100; i++)); do grep -q 'provider: libvirt does not' agent.err && break; sleep 0.1; done
	check "run with a wrong URI says so and goes on" grep -q 'libvirt does not answer: .*correct --uri' agent.err
	stop_agent
	check "and ends cleanly" test $? -eq 0
}

no_rights() {
	local command as=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all)
	for command in run top vms 'metrics --once'; do
		# shellcheck disable=SC2086
		expect "$command without rights" 4 'run it as root: sudo kvmlens' "${as[@]}" "$kvmlens" $command
	done
	"${as[@]}" "$kvmlens" doctor >out 2>err
	check "doctor without rights says so" test $? -eq 4
	check "doctor names the right" grep -q 'why: CAP_BPF is missing' out
	"${as[@]}" "$kvmlens" metrics --catalog >out 2>err
	check "the catalogue needs no rights" test $? -eq 0
	check "the catalogue has the names" grep -q '^vm\.cpu\.ready_time ' out
}

# What the tables say is what README, the manual page and the example file say.
reference() {
	KVMLENS=$kvmlens "$TOP/scripts/readme.sh" >out 2>&1
	check "README's generated parts are up to date" test $? -eq 0
	"$kvmlens" help config >example.yaml
	"$kvmlens" check-config example.yaml >out 2>&1
	check "the file that help prints is valid" test $? -eq 0
	for topic in man man-config man-metrics; do
		"$kvmlens" help $topic | man --warnings -l - >out 2>err
		check "help $topic has no warning" test ! -s err -a -s out
	done
}

no_such_vm() {
	for command in top vms 'metrics --once'; do
		# shellcheck disable=SC2086
		expect "$command --vm that is not there" 6 'there is no VM "no such" on this host' \
			"$kvmlens" $command --vm 'no such' --provider proc
	done
}

plain_vm() {
	local uuid pid=${qemus[0]}
	uuid=$(cat uuid)
	"$kvmlens" vms --vm cliplain --provider proc --format json >out 2>err
	check "vms lists a QEMU as it is" python3 - out "$uuid" "$pid" <<'PY'
import json, sys
vms = json.load(open(sys.argv[1]))
assert len(vms) == 1, vms
vm = vms[0]
assert vm["vm"] == "cliplain" and vm["uuid"] == sys.argv[2] and vm["pid"] == int(sys.argv[3]), vm
assert vm["vcpus"] == 2 and vm["accel"] == "tcg", vm
PY
	"$kvmlens" vms --vm "$uuid" --provider proc >out 2>err
	check "vms by uuid, as a table" grep -qE "^cliplain +$uuid +$pid +2 +tcg " out
	"$kvmlens" top --once --vm 'clipl*' --provider proc >out 2>err
	check "top --once shows it" grep -qw cliplain out
}

# Names that a page, a line or a terminal must survive. A comma is doubled on QEMU's command line.
hostile_names() {
	local i=0 name
	long=$(printf 'x%.0s' {1..10000})
	for name in 'quo"te\back' $'new\nline\n# TYPE x counter' '../../etc/passwd' 'Grüße-日本-🐧' \
		$'esc\e[2J\e[31mred' "$long" '{vm="x"} 1e9' $'broken\xff\xfe'; do
		i=$((i + 1))
		start_qemu "guest=$name,debug-threads=on" -uuid "00000000-0000-4000-8000-00000000000$i" -S
	done
	sleep 1
	for format in table json prometheus openmetrics; do
		"$kvmlens" metrics --once --provider proc --detail diagnostic --format $format >"hostile.$format" 2>err
		check "metrics --format $format of hostile names" test $? -eq 0
	done
	"$kvmlens" vms --provider proc >hostile.vms 2>err
	"$kvmlens" vms --provider proc --format json >hostile.vms.json 2>err
	"$kvmlens" top --once --provider proc >hostile.top 2>err
	check "hostile names come out escaped and bounded" python3 - <<'PY'
import json, re
uuids = ["00000000-0000-4000-8000-00000000000%d" % i for i in range(1, 9)]
def lines(name):
    text = open(name, "rb").read().decode("utf-8")  # valid, or it raises
    bad = [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]
    assert not bad, (name, bad)
    assert "x" * 200 not in text, name
    return text.splitlines()
for name in ("hostile.table", "hostile.vms", "hostile.top"):
    found = lines(name)
    assert max(map(len, found)) < 400, name
vms = lines("hostile.vms")
for uuid in uuids:
    assert sum(uuid in line for line in vms) == 1, uuid
assert len(vms) >= len(uuids) + 1
seen = {vm["uuid"] for vm in json.load(open("hostile.vms.json"))}
assert set(uuids) <= seen, seen
sample = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="(\\["\\n]|[^"\\])*",?)*\})? \S+$')
for name in ("hostile.prometheus", "hostile.openmetrics"):
    up = set()
    for line in lines(name):
        if line.startswith("#"):
            assert re.match(r"^# (HELP|TYPE|UNIT|EOF)", line), line
            continue
        assert sample.match(line), line
        if line.startswith("vm_up{"):
            up.add(re.search(r'uuid="([^"]*)"', line).group(1))
    assert set(uuids) <= up, (name, up)
for line in lines("hostile.json"):
    json.loads(line)
PY
	if command -v promtool >/dev/null; then
		promtool check metrics <hostile.prometheus >out 2>&1
		check "promtool accepts the page" test $? -eq 0
	fi
}

life() {
	local before after
	start_agent --interval 500ms
	check "run pins its maps" test -d /sys/fs/bpf/kvmlens
	expect "a second agent" 7 'another kvmlens is running' "$kvmlens" run --listen none
	expect "unload beside an agent" 7 'an agent is running' "$kvmlens" unload
	"$kvmlens" doctor --provider proc >out 2>err
	check "doctor sees the agent" grep -q 'ok *pins *an agent is running' out
	"$kvmlens" vms --provider proc --vm cliplain >out 2>err
	check "vms works beside an agent" grep -qw cliplain out
	stop_agent TERM
	check "SIGTERM ends it cleanly" test $? -eq 0
	check "a clean stop leaves nothing pinned" test ! -e /sys/fs/bpf/kvmlens
	start_agent
	stop_agent INT
	check "SIGINT ends it cleanly" test $? -eq 0
	start_agent
	stop_agent KILL
	check "kill -9 leaves the pins" test -d /sys/fs/bpf/kvmlens
	"$kvmlens" doctor --provider proc >out 2>err
	check "doctor tells of what was left" grep -q 'off *pins *left by a run that was killed' out
	"$kvmlens" unload >out 2>err
	check "unload removes it" test $? -eq 0 -a ! -e /sys/fs/bpf/kvmlens
	before=$(grep -c . out)
	"$kvmlens" unload >out 2>err
	after=$?
	check "unload with nothing to remove" test $after -eq 0 -a "$before" -eq 1
}

# The page, and the process that serves it.
web() {
	local port face i
	start_agent --listen 127.0.0.1:0 --interval 200ms
	port=$(sed -n 's/.*web: .*port \([0-9]*\).*/\1/p' agent.err)
	for ((i = 0; i < 50; i++)); do curl -sfm 5 "http://127.0.0.1:$port/metrics" >page && break; sleep 0.1; done
	check "/metrics tells of a QEMU" grep -q '^vm_up{vm="cliplain"' page
	check "no thread keeps a right that is not needed" no_spare_rights
	expect "a port in use" 7 "cannot listen on 127.0.0.1:$port: something listens there already" \
		"$kvmlens" run --listen "127.0.0.1:$port"
	face=$(pgrep -P "$agent")
	kill -KILL "$face"
	for ((i = 0; i < 100; i++)); do grep -q 'web: .*started anew' agent.err && break; sleep 0.1; done
	rm -f page
	for ((i = 0; i < 50; i++)); do curl -sfm 5 "http://127.0.0.1:$port/metrics" >page && break; sleep 0.1; done
	check "the face is started anew when it was killed" grep -q '^vm_up{vm="cliplain"' page
	stop_agent
	check "the agent with a face ends cleanly" test $? -eq 0
}

# Every thread: no SYS_ADMIN (bit 21), and none to gain.
no_spare_rights() {
	local status bits
	for status in "/proc/$agent/task"/*/status; do
		grep -q '^NoNewPrivs:.*1$' "$status" || return
		while read -r bits; do
			((0x$bits >> 21 & 1)) && return 1
		done < <(sed -n 's/^Cap\(Prm\|Eff\|Bnd\):[[:space:]]*//p' "$status")
	done
	return 0
}

reload() {
	echo 'interval: 1s' >run.yaml
	start_agent --config run.yaml --json lines
	echo 'interval: 1' >run.yaml
	kill -HUP "$agent"
	for ((i = 0; i < 50; i++)); do grep -q 'run.yaml:1' agent.err && break; sleep 0.1; done
	check "a reload of a wrong file says its line" grep -q 'run.yaml:1: interval: ' agent.err
	printf 'interval: 300ms\nmax_threads: 100\n' >run.yaml
	mv lines lines.1
	kill -HUP "$agent"
	for ((i = 0; i < 50; i++)); do [ -s lines ] && break; sleep 0.1; done
	check "a reload takes the interval" grep -q 'reloaded: every 300 ms' agent.err
	check "a reload says what needs a restart" grep -q 'changed since the start: interval, max_threads' agent.err
	check "a reload opens the lines' file anew" test -s lines -a -s lines.1
	stop_agent
	check "the lines are JSON" python3 -c 'import json
for name in ("lines", "lines.1"):
    for line in open(name): json.loads(line)'
}

# The running agent does as it is told over its socket, and forgets by itself.
level_shown() {
	local i
	for ((i = 0; i < 50; i++)); do
		grep '"vm":"cliplain"' lines | tail -n 1 | python3 -c 'import json, sys
text = sys.stdin.read()
# What the lowest level has that shows it, of the VM and of its parts.
shown = ("diagnostic" if "vm.cpu.core.usage" in text else
	"standard" if "vm.cpu.halted_time" in text else "basic")
sys.exit(json.loads(text)["seq"] < 1 or shown != sys.argv[1])' "$1" 2>/dev/null && return
		sleep 0.1
	done
	return 1
}

commands() {
	local socket=$PWD/sockets/control.sock
	rm -f lines
	expect "no agent to ask" 1 'no agent is running' "$kvmlens" detail cliplain basic --control "$socket"
	start_agent --control "$socket" --interval 200ms --json lines
	check "the socket is root's alone" test "$(stat -c %a "$socket")" = 600
	expect "a VM that is not there" 6 'no VM matches' "$kvmlens" detail nobody basic --control "$socket"
	expect "a level that is none" 2 'name a VM and a level' "$kvmlens" detail cliplain most --control "$socket"
	check "a level for a while" "$kvmlens" detail 'cli*' diagnostic --for 3s --control "$socket"
	check "it is in force" level_shown diagnostic
	check "and then no more" level_shown standard
	check "again" "$kvmlens" detail cliplain basic --control "$socket"
	check "in force" level_shown basic
	check "taken back" "$kvmlens" detail cliplain basic --for 0s --control "$socket"
	check "at once" level_shown standard
	check "reload" "$kvmlens" reload --control "$socket"
	stop_agent
	check "the socket goes with the agent" test ! -e "$socket"
}

# A reader of standard output that has seen enough costs nothing but the lines.
output() {
	mkfifo pipe
	"$kvmlens" run --listen none --interval 200ms --json - >pipe 2>agent.err </dev/null &
	agent=$!
	head -n 5 <pipe >lines
	check "JSON lines through a pipe" python3 -c 'import json
lines = [json.loads(line) for line in open("lines")]
assert len(lines) == 5'
	for ((i = 0; i < 50; i++)); do grep -q 'json: -: Broken pipe' agent.err && break; sleep 0.1; done
	check "a reader that leaves is told of once" test "$(grep -c 'Broken pipe' agent.err)" -eq 1
	stop_agent
	check "and the agent goes on to a clean end" test $? -eq 0
	# One that stays and does not read: the agent ends all the same.
	"$kvmlens" run --listen none --interval 100ms --detail diagnostic --json - >pipe 2>agent.err </dev/null &
	agent=$!
	exec 7<pipe
	sleep 4
	i=$SECONDS
	stop_agent
	check "a reader that does not read delays no end" test $? -eq 0 -a $((SECONDS - i)) -lt 5
	exec 7<&-
	timeout 20 "$kvmlens" metrics --interval 200ms --format json --provider proc 2>err | head -n 40 >lines
	check "metrics is a stream until its reader leaves" python3 -c 'import json
lines = [json.loads(line) for line in open("lines")]
assert len(lines) == 40 and len({line["seq"] for line in lines}) > 1'
	"$kvmlens" metrics --once --provider proc >/dev/full 2>err
	check "a full disk is a failure" test $? -eq 1
}

cat /proc/sys/kernel/random/uuid >uuid
start_qemu guest=cliplain,debug-threads=on -uuid "$(cat uuid)" -S
sleep 1
bad_input
reference
wrong_uri
no_rights
no_such_vm
plain_vm
hostile_names
life
web
reload
commands
output
echo "1..$n"
exit $((failed > 0))
