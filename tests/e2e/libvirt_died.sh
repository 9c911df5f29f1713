#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Domains of a real libvirtd that end: destroyed, shut down by their guest, panicked, their QEMU killed,
# transient ones, and one that is defined and never ran. Each is down with the reason that virsh domstate
# gives, or, where libvirt has forgotten it, with that of libvirt's own event; vm-died fires for those
# alone that nobody wanted to end, and one that is started again is up and nothing else.
#
# oracle: vm_died: virsh domstate --reason, and what the test did to each
set -uo pipefail
# A BPF file system of its own: another agent may run on this host, with its pins.
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --mount --propagation private "$0"
fi
# shellcheck source=tests/e2e/lib/libvirtd.sh
. "$TOP/tests/e2e/lib/libvirtd.sh"
# shellcheck source=tests/e2e/lib/domain.sh
. "$TOP/tests/e2e/lib/domain.sh"
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

skip() {
	echo "$*"
	exit 77
}

fail() {
	echo "$*"
	status=1
}

cleanup() {
	[ -z "${AGENT_PID:-}" ] || agent_stop
	libvirtd_stop
}

[ "$(id -u)" = 0 ] || skip "needs root"
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"
mkdir -p /run/kvmlens && mount -t tmpfs control /run/kvmlens || skip "no file system may be mounted"
dir=$TEST_TMP/lv status=0
trap cleanup EXIT

# The guest waits for a key. P: panic, through pvpanic at 505h; another: power off, through ACPI at 604h.
# xor ah,ah; int 16h; cmp al,'p'; je panic; mov dx,604h; mov ax,2000h; out dx,ax; jmp $;
# panic: mov dx,505h; mov al,1; out dx,al; jmp $
{
	printf '\x30\xe4\xcd\x16\x3c\x70\x74\x09\xba\x04\x06\xb8\x00\x20\xef\xeb\xfe'
	printf '\xba\x05\x05\xb0\x01\xee\xeb\xfe'
	head -c 485 /dev/zero
	printf '\x55\xaa'
} >"$TEST_TMP/boot"
truncate -s 1M "$TEST_TMP/boot"

libvirtd_start "$dir" || exit 1
defined=(destroyed shut panicked killed off)
transient=(gone-destroyed gone-killed)
for name in "${defined[@]}" "${transient[@]}"; do
	cp "$TEST_TMP/boot" "$TEST_TMP/$name.raw"
	domain_xml "$name" mem=32 vcpus=1 "disk=$TEST_TMP/$name.raw" \
		"devices=<panic model='isa'/>" >"$TEST_TMP/$name.xml"
done
for name in "${defined[@]}"; do
	virsh_ define "$TEST_TMP/$name.xml" >/dev/null || exit 1
	[ "$name" = off ] || virsh_ start "$name" >/dev/null || exit 1
done
for name in "${transient[@]}"; do
	virsh_ create "$TEST_TMP/$name.xml" >/dev/null || exit 1
done
agent_start "$TEST_TMP/agent.log" --uri "$LIBVIRT_URI" --interval 1s --store none || exit 1
for name in destroyed shut panicked killed "${transient[@]}"; do
	agent_wait_metric "^vm_up\{vm=\"$name\".* 1\$" || fail "$name is not seen"
done
agent_wait_metric '^vm_up\{vm="off".* 0$' || fail "a domain that is defined and off is not shown as off"
virsh_ event --all --loop --timestamp >"$TEST_TMP/events" 2>&1 &
events=$!
until [ "$(virsh_ list --name | grep -c .)" = 6 ]; do sleep 0.2; done
sleep 3

pid_of() {
	cat "$dir/run/libvirt/qemu/$1.pid"
}

virsh_ destroy destroyed >/dev/null
virsh_ send-key shut KEY_S >/dev/null
virsh_ send-key panicked KEY_P >/dev/null
kill -KILL "$(pid_of killed)"
virsh_ destroy gone-destroyed >/dev/null
kill -KILL "$(pid_of gone-killed)"

# down NAME REASON DIED ORACLE: ORACLE is what virsh gives as the reason of its state, "-": it knows no more.
down() {
	local name=$1 reason=$2 died=$3 oracle=$4 said i page
	for ((i = 0; i < 100; i++)); do
		said=$(virsh_ domstate --reason "$name" 2>/dev/null | sed -n 's/.*(\(.*\))/\1/p')
		[ "${said:--}" = "$oracle" ] && break
		sleep 0.2
	done
	[ "${said:--}" = "$oracle" ] || fail "$name: libvirt says ${said:-nothing}, not $oracle"
	agent_wait_metric "^vm_down_since\{vm=\"$name\".*reason=\"$reason\"\} 1[0-9.e+]+\$" ||
		fail "$name: no vm_down_since with reason $reason"
	page=$(curl -sf "$AGENT_URL/metrics" | grep "vm=\"$name\"")
	if ! grep -qE "^vm_up\{.* 0\$" <<<"$page" || ! grep -qE "^vm_died\{.* $died\$" <<<"$page" ||
		! grep -qE "^vm_state\{.* $((4 + died))\$" <<<"$page"; then
		fail "$name: not down, or vm_died is not $died, or the state not $((4 + died)): $page"
	fi
	[ "$(grep -c '^vm_up{' <<<"$page")" = 1 ] || fail "$name is there more than once"
}
down destroyed destroyed 0 destroyed
down shut shutdown 0 shutdown
down panicked crashed 1 crashed
down killed signal 1 crashed
down gone-destroyed destroyed 0 -
down gone-killed signal 1 -
kill "$events"

page=$(curl -sf "$AGENT_URL/metrics" | grep 'vm="off"')
grep -qE '^vm_up\{.* 0$' <<<"$page" && grep -qE '^vm_state\{.* 4$' <<<"$page" ||
	fail "the domain that is defined and off is not off: $page"
grep -qE "^vm_(died|down)" <<<"$page" && fail "a domain that never ran is said to have gone down: $page"

firing() {
	curl -sf "$AGENT_URL/api/v1/alerts" | python3 -c '
import json, sys
print(*sorted(a["labels"]["vm"] for a in json.load(sys.stdin)["alerts"]
              if a["rule"] == "vm-died" and a["state"] == "firing"))'
}
for ((i = 0; i < 100; i++)); do
	[ "$(firing)" = "gone-killed killed panicked" ] && break
	sleep 0.1
done
[ "$(firing)" = "gone-killed killed panicked" ] || fail "vm-died fires for: $(firing)"

for name in killed destroyed; do
	virsh_ start $name >/dev/null
	agent_wait_metric "^vm_up\{vm=\"$name\".* 1\$" || fail "$name is not up when it is started again"
	curl -sf "$AGENT_URL/metrics" | grep -qE "^vm_(died|down_[a-z_]*){vm=\"$name\"" && fail "$name is up and down"
	[ "$(curl -sf "$AGENT_URL/metrics" | grep -c "^vm_up{vm=\"$name\"")" = 1 ] || fail "$name is there twice"
done
grep -E 'Stopped|Crashed' "$TEST_TMP/events"
exit $status
