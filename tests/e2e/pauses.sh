#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Why a VM does not run: an operator suspends it, its disk's storage is full, its process is stopped, and
# QEMU's own pause without libvirt. Each is really done, and libvirt's own reason is the oracle where it
# has one. TAP.
#
# oracle: vm_state vm_pause_reason: virsh domstate --reason, and the signals and commands that this test sends
# oracle: vm_stall_active vm_stall_total vm_stall_seconds_total: one SIGSTOP and the clock until its SIGCONT
set -uo pipefail
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --mount --propagation private "$0"
fi
# shellcheck source=tests/e2e/lib/libvirtd.sh
. "$TOP/tests/e2e/lib/libvirtd.sh"
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
command -v libvirtd >/dev/null || { echo "libvirtd is not installed"; exit 77; }
mount -t bpf bpf /sys/fs/bpf || { echo "no BPF file system may be mounted"; exit 77; }

cleanup() {
	[ -z "${AGENT_PID:-}" ] || agent_stop
	[ -z "${raw:-}" ] || kill -9 "$raw" 2>/dev/null
	libvirtd_stop
	umount "$TEST_TMP/small" 2>/dev/null
}
trap cleanup EXIT

number=0 failures=0
check() { # check DESCRIPTION COMMAND...
	local what=$1 verdict=ok
	shift
	number=$((number + 1))
	"$@" || verdict="not ok" failures=$((failures + 1))
	echo "$verdict $number - $what"
	[ "$verdict" = ok ] || grep -E '^vm_(state|pause_reason)\{' "$TEST_TMP/page" | sed 's/^/# /'
}

# shows VM METRIC VALUE: within 20 s.
shows() {
	local i
	for ((i = 0; i < 100; i++)); do
		curl -sf "$AGENT_URL/metrics" >"$TEST_TMP/page"
		grep -qE "^$2\{vm=\"$1\",[^}]*\} $3\$" "$TEST_TMP/page" && return
		sleep 0.2
	done
	return 1
}

# A boot sector that writes its disk from sector 64 on, for ever.
mkdir "$TEST_TMP/small"
mount -t tmpfs -o size=512k tmpfs "$TEST_TMP/small" || exit 1
printf '\x31\xc0\x8e\xd8\x8e\xc0\x8e\xd0\xbc\x00\x7c\xbe\x1c\x7c\xb8\x00\x43\xb2\x80\xcd\x13\x83\x06\x24\x7c\x40\xeb\xef\x10\x00\x40\x00\x00\x7e\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00' >"$TEST_TMP/writer"
head -c $((510 - 44)) /dev/zero >>"$TEST_TMP/writer"
printf '\x55\xaa' >>"$TEST_TMP/writer"
cp "$TEST_TMP/writer" "$TEST_TMP/small/full.img"
truncate -s 64M "$TEST_TMP/small/full.img"
printf '\xeb\xfe%508s\x55\xaa' '' >"$TEST_TMP/spin.img"

# domain NAME IMAGE
domain() {
	cat >"$TEST_TMP/$1.xml" <<-END
		<domain type='qemu'><name>$1</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>
		<os><type arch='x86_64'>hvm</type><boot dev='hd'/></os><features><acpi/></features>
		<devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$2'/>
		<target dev='hda' bus='ide'/></disk></devices></domain>
	END
	virsh_ create "$TEST_TMP/$1.xml" >"$TEST_TMP/virsh.log" 2>&1 || { cat "$TEST_TMP/virsh.log"; exit 1; }
}

libvirtd_start "$TEST_TMP/libvirt" || exit 1
domain full "$TEST_TMP/small/full.img"
domain calm "$TEST_TMP/spin.img"
qemu-system-x86_64 -accel tcg -m 16 -nodefaults -no-user-config -display none -boot a \
	-drive "file=$TEST_TMP/spin.img,format=raw,if=floppy,file.locking=off" -name guest=alone,debug-threads=on &
raw=$!
agent_start "$TEST_TMP/agent.log" --detail detailed --interval 500ms --uri "$LIBVIRT_URI" || exit 1

check "a VM that runs is not paused" shows calm vm_pause_reason 0
check "its disk's storage is full: libvirt says I/O error" \
	bash -c "for i in {1..100}; do virsh -c '$LIBVIRT_URI' domstate full --reason | grep -q 'I/O error' && exit; sleep 0.2; done; exit 1"
check "and so does the agent" shows full vm_pause_reason 2
check "it is paused" shows full vm_state 2
virsh_ suspend calm >/dev/null
check "an operator suspends it" shows calm vm_pause_reason 1
virsh_ resume calm >/dev/null
check "and resumes it" shows calm vm_pause_reason 0
check "a QEMU of its own runs" shows alone vm_pause_reason 0
kill -STOP $raw
check "its process is stopped" shows alone vm_pause_reason 4
kill -CONT $raw
check "and goes on" shows alone vm_pause_reason 0
# libvirt does not see that a QEMU is stopped; the kernel does.
pid=$(cat "$TEST_TMP/libvirt/run/libvirt/qemu/calm.pid")
kill -STOP "$pid"
check "a domain's process is stopped" shows calm vm_pause_reason 4
kill -CONT "$pid"
check "and goes on, too" shows calm vm_pause_reason 0
if [ -w /dev/kvm ]; then
	qemu-system-x86_64 -accel kvm -m 16 -nodefaults -no-user-config -display none -boot a -name guest=held,debug-threads=on \
		-drive "file=$TEST_TMP/spin.img,format=raw,if=floppy,file.locking=off" -qmp "unix:$TEST_TMP/held.qmp,server=on,wait=off" &
	held=$!
	shows held vm_up 1
	sleep 1
	printf '{"execute":"qmp_capabilities"}\n{"execute":"stop"}\n' | timeout 3 python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())
time.sleep(1)' "$TEST_TMP/held.qmp"
	check "QEMU's own pause, without libvirt: that it is one is known, not why" shows held vm_pause_reason 5
	kill -9 $held
fi

# --- the agent dies in the midst of a stall: it is the same one, and its time is not counted twice ---
value() {
	curl -sf "$AGENT_URL/metrics" >"$TEST_TMP/page"
	awk -v key="$2{vm=\"$1\"" 'index($0, key) == 1 { print $NF; exit }' "$TEST_TMP/page"
}
before=$(value alone vm_stall_total)
kill -STOP $raw
stopped=$(date +%s.%N)
check "a stopped process stalls" shows alone vm_stall_total $((before + 1))
sleep 1
seconds=$(value alone vm_stall_seconds_total)
kill -9 "$AGENT_PID"
wait "$AGENT_PID" 2>/dev/null
agent_start "$TEST_TMP/agent2.log" --detail detailed --interval 500ms --uri "$LIBVIRT_URI" || exit 1
check "it stalls still" shows alone vm_stall_active 1
check "the stall is not counted again" [ "$(value alone vm_stall_total)" = $((before + 1)) ]
after=$(value alone vm_stall_seconds_total)
kill -CONT $raw
check "it is over" shows alone vm_stall_active 0
check "nor is its time, nor lost: $seconds, then $after s" python3 -c "
import sys, time
took = time.time() - $stopped
sys.exit(not ($seconds <= $after <= took + $seconds - 0.9))"
check "it was one" [ "$(value alone vm_stall_total)" = $((before + 1)) ]
echo "1..$number"
[ $failures -eq 0 ]
