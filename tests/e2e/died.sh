#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A VM that dies is news: QEMUs that are killed, run out of their cgroup's memory, end with an exit
# code of their own or are told to quit. Each stays with vm_up 0 and the reason that wait(2) or the
# kernel's log would give, the rule vm-died fires for those that nobody wanted to end, and nothing
# else remains of them.
#
# oracle: vm_died vm_down_signal vm_down_exit_code: what wait(2) gives the shell that started it
# oracle: vm_down_since: the clock
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
for program in qemu-system-x86_64 python3 curl; do
	command -v $program >/dev/null || skip "$program is not installed"
done
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"
mkdir -p /run/kvmlens && mount -t tmpfs control /run/kvmlens || skip "no file system may be mounted"
. "$TOP/tests/e2e/lib/agent.sh"

dir=$TEST_TMP status=0
declare -A pid code

# Wait for a byte from the serial line, then end QEMU with exit code 3: 1 << 1 | 1, by isa-debug-exit.
# mov dx,3fd; in al,dx; test al,1; jz -5; mov dx,f4; mov al,1; out dx,al; jmp -1
{
	printf '\xba\xfd\x03\xec\xa8\x01\x74\xfb\xba\xf4\x00\xb0\x01\xee\xeb\xfe'
	head -c 494 /dev/zero
	printf '\x55\xaa'
} >"$dir/boot"
truncate -s 1440K "$dir/boot"

start() {
	local name=$1
	shift
	mkfifo "$dir/$name.in"
	"$@" qemu-system-x86_64 -name "$name" -accel tcg -m 64 -display none -vga none -monitor none \
		-nodefaults -drive "if=floppy,format=raw,readonly=on,file=$dir/boot" -boot a \
		-device isa-debug-exit,iobase=0xf4,iosize=4 -serial "pipe:$dir/$name" \
		-qmp "unix:$dir/$name.qmp,server=on,wait=off" >"$dir/$name.log" 2>&1 &
	pid[$name]=$!
}

qmp() {
	python3 - "$dir/$1.qmp" "$2" <<'END'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rw")
f.readline()
for command in ('{"execute": "qmp_capabilities"}', sys.argv[2]):
    f.write(command + "\n")
    f.flush()
    f.readline()
END
}

cleanup() {
	kill -KILL "${pid[@]}" 2>/dev/null
	agent_stop
	[ -z "${group:-}" ] || rmdir "$group" 2>/dev/null
}
trap cleanup EXIT

# A memory cgroup of either version; the QEMU in it may use 150 MiB.
if [ -d /sys/fs/cgroup/memory ]; then
	group=/sys/fs/cgroup/memory/kvmlens-died-$$ limit=memory.limit_in_bytes
elif grep -qw memory /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null; then
	group=/sys/fs/cgroup/kvmlens-died-$$ limit=memory.max
fi
if [ -n "${group:-}" ] && mkdir "$group" 2>/dev/null && echo 157286400 >"$group/$limit"; then
	[ ! -e "$group/memory.swap.max" ] || echo 0 >"$group/memory.swap.max"
else
	echo "no memory cgroup can be made: nothing runs out of memory here"
	group=
fi

for name in died-kill died-term died-exit died-quit; do
	mkfifo "$dir/$name.out"
	start $name
done
if [ -n "$group" ]; then
	mkfifo "$dir/died-oom.out"
	start died-oom bash -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$group"
fi
# Both ends of each pipe are held open, or QEMU would wait for them.
fds=()
hold() {
	local fd
	for pipe in "$dir/$1.in" "$dir/$1.out"; do
		exec {fd}<>"$pipe"
		fds+=("$fd")
	done
}
for name in "${!pid[@]}"; do
	hold "$name"
done

KVMLENS=${KVMLENS:-$TOP/build/kvmlens}
agent_start "$dir/agent.log" --provider proc --interval 1s --store "$dir/store.db" ||
	fail "the agent does not start"
for name in "${!pid[@]}"; do
	agent_wait_metric "^vm_up\{vm=\"$name\".* 1\$" || fail "$name is not seen"
done

kill -KILL "${pid[died-kill]}"
kill -TERM "${pid[died-term]}"
echo x >"$dir/died-exit.in"
qmp died-quit '{"execute": "quit"}'
[ -z "$group" ] || qmp died-oom '{"execute": "object-add", "arguments": {"qom-type":
	"memory-backend-ram", "id": "m", "size": 419430400, "prealloc": true}}' 2>/dev/null &
for name in died-kill died-term died-exit died-quit ${group:+died-oom}; do
	wait "${pid[$name]}"
	code[$name]=$?
done

# What the shell's wait gave is the oracle: 128 and the signal, or the exit code.
expect() {
	local name=$1 reason=$2 died=$3 want=$4 number=$5 page
	[ "${code[$name]}" = "$want" ] || fail "$name ended with ${code[$name]}, not $want"
	agent_wait_metric "^vm_down_since\{vm=\"$name\".*reason=\"$reason\"\} 1[0-9.e+]+\$" ||
		fail "$name: no vm_down_since with reason $reason: $(curl -s "$AGENT_URL/metrics" | grep "\"$name\"")"
	page=$(curl -sf "$AGENT_URL/metrics" | grep "vm=\"$name\"")
	grep -qE "^vm_up\{.* 0\$" <<<"$page" || fail "$name: vm_up is not 0"
	grep -qE "^vm_died\{.* $died\$" <<<"$page" || fail "$name: vm_died is not $died"
	grep -qE "^vm_state\{.* $((4 + died))\$" <<<"$page" || fail "$name: vm_state is not $((4 + died))"
	[ -z "$number" ] || grep -qE "^vm_down_${number% *}\{.* ${number#* }\$" <<<"$page" ||
		fail "$name: vm_down_${number% *} is not ${number#* }"
	grep -vE '^vm_(up|state|pause_reason|died|info|down_since|down_signal|down_exit_code|alert_[a-z_]+)\{' <<<"$page" &&
		fail "$name: more than that remains"
}
expect died-kill signal 1 137 "signal 9"
expect died-term exited 0 0 "exit_code 0"
expect died-exit exit 1 3 "exit_code 3"
expect died-quit exited 0 0 "exit_code 0"
[ -z "$group" ] || expect died-oom oom 1 137 "signal 9"

# When it went down is a moment of a few seconds ago.
now=$(date +%s)
since=$(curl -sf "$AGENT_URL/metrics" | awk '/^vm_down_since{vm="died-kill"/ { printf "%.0f", $NF }')
[ $((now - since)) -ge 0 ] && [ $((now - since)) -lt 60 ] || fail "died-kill went down at $since, now is $now"

# The rule fires for those that died alone.
expected=2
[ -z "$group" ] || expected=3
for ((i = 0; i < 200; i++)); do
	firing=$(curl -sf "$AGENT_URL/api/v1/alerts" | python3 -c '
import json, sys
page = json.load(sys.stdin)
for a in page["alerts"]:
    if a["rule"] == "vm-died" and a["state"] == "firing":
        print(a["labels"]["vm"], a["summary"])' 2>&1 | sort)
	[ "$(wc -l <<<"$firing")" -ge ${expected} ] 2>/dev/null && break
	sleep 0.1
done
echo "$firing"
grep -q '^died-kill .*signal 9' <<<"$firing" || fail "vm-died does not fire for died-kill, or without its reason"
grep -q '^died-exit .*exit code 3' <<<"$firing" || fail "vm-died does not fire for died-exit"
[ -z "$group" ] || grep -q '^died-oom .*out of memory' <<<"$firing" || fail "vm-died does not fire for died-oom"
grep -qE '^died-(term|quit)' <<<"$firing" && fail "vm-died fires for what was told to end"
# One death is one alert: that its state is "crashed" as well is no other.
others=$(curl -sf "$AGENT_URL/api/v1/alerts" | python3 -c '
import json, sys
for a in json.load(sys.stdin)["alerts"]:
    if a["labels"].get("vm", "").startswith("died-") and a["rule"] != "vm-died" and a["state"] != "pending":
        print(a["rule"], a["labels"]["vm"])')
[ -z "$others" ] || fail "more than vm-died fires: $others"

# It is started again: it is up, and nothing says otherwise any more.
rm -f "$dir"/died-kill.*
mkfifo "$dir/died-kill.out"
start died-kill
hold died-kill
agent_wait_metric '^vm_up\{vm="died-kill".* 1$' || fail "died-kill is not seen again"
[ "$(curl -sf "$AGENT_URL/metrics" | grep -c '^vm_up{vm="died-kill"')" = 1 ] || fail "died-kill is there twice"
curl -sf "$AGENT_URL/metrics" | grep -q '^vm_down_since{vm="died-kill"' && fail "died-kill is up and down"
# Its alert ends as it is back, not as if a value had changed.
for ((i = 0; i < 60; i++)); do
	"$KVMLENS" alerts history --store "$dir/store.db" --format json >"$dir/history.json" 2>/dev/null
	ended=$(python3 -c '
import json, sys
for e in json.load(open(sys.argv[1])):
    if e["rule"] == "vm-died" and e["change"] == "resolved":
        print(e["summary"], "-", e["reason"])' "$dir/history.json" 2>&1)
	[ -z "$ended" ] || break
	sleep 1
done
echo "$ended"
[[ $ended == *died-kill*" - the VM is back" ]] || fail "its alert does not end as the VM is back: $ended"
exit $status
