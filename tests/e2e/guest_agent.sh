#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Guests with a real agent, one of libvirt's and one of nobody's: what their agents tell, against
# the guests' own /proc; then the agent of one stops, dies and comes back, and the other does not feel it.
set -uo pipefail
# shellcheck source=tests/e2e/lib/libvirtd.sh
. "$TOP/tests/e2e/lib/libvirtd.sh"
# shellcheck source=tests/e2e/lib/domain.sh
. "$TOP/tests/e2e/lib/domain.sh"
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
for tool in qemu-system-x86_64 libvirtd qemu-ga mkfs.ext4; do
	command -v $tool >/dev/null || PATH=$PATH:/usr/sbin command -v $tool >/dev/null ||
		{ echo "needs $tool"; exit 77; }
done
kernel=$("$TOP/scripts/guest-kernel.sh" 6.1) || { echo "no kernel 6.1 on this machine's mirror"; exit 77; }
# From 6.2 on a process's own files are off by what its CPUs have not added up.
newer=$("$TOP/scripts/guest-kernel.sh" 6.12) || { echo "no kernel 6.12 on this machine's mirror"; exit 77; }
PATH=$PATH:/usr/sbin
here=$TOP/tests/e2e/guest
tests=0 failures=0 missing=0 seen='' raw_pid='' AGENT_PID=''

cleanup() {
	[ -z "$AGENT_PID" ] || agent_stop
	[ -z "$raw_pid" ] || kill -9 "$raw_pid" 2>/dev/null
	libvirtd_stop
	[ -z "$raw_pid" ] || wait "$raw_pid" 2>/dev/null
}
trap cleanup EXIT

check() { # check DESCRIPTION COMMAND...
	local what=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $what"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $what"
		page | grep -E '^vm_source|vm_memory_used' | sed 's/^/# /'
	fi
}

page() {
	curl -sf --max-time 10 "$AGENT_URL/metrics"
}

row() { # row PAGE REGEX: is there such a line
	grep -qE "^$2" <<<"$1"
}

up() {
	row "$(page)" "vm_source_up\\{vm=\"$1\",[^}]*source=\"guest_agent\"} 1$"
}

known() {
	row "$(page)" "vm_disk_used\\{vm=\"$1\",.*kind=\"filesystem\""
}

# until_true SECONDS COMMAND...
until_true() {
	local i n=$(($1 * 4))
	shift
	for ((i = 0; i < n; i++)); do
		"$@" && return
		sleep 0.25
	done
	return 1
}

# While the agent of one is not heard, every page has the values of the other.
watched() {
	seen=$(page) || return
	row "$seen" 'vm_disk_used\{vm="managed",.*kind="filesystem"' || missing=1
}

stale() {
	watched && row "$seen" 'vm_source_up\{vm="raw",[^}]*source="guest_agent"} 0$' &&
		row "$seen" 'vm_memory_used\{vm="raw"'
}

gone() {
	watched && row "$seen" 'vm_up\{vm="raw"' && ! row "$seen" 'vm_(memory_used|process_cpu_usage)\{vm="raw"' &&
		! row "$seen" 'vm_disk_used\{vm="raw",.*kind="filesystem"'
}

never_missing() {
	[ $missing -eq 0 ]
}

console() {
	echo "$1" >&7
}

for vm in raw managed; do
	truncate -s 32M "$TEST_TMP/$vm.fs" && mkfs.ext4 -q "$TEST_TMP/$vm.fs" || exit 1
	truncate -s 8M "$TEST_TMP/$vm.frozen" && mkfs.ext4 -q "$TEST_TMP/$vm.frozen" || exit 1
	truncate -s 64M "$TEST_TMP/$vm.swap" && mkswap -q "$TEST_TMP/$vm.swap" >/dev/null || exit 1
done
# romfs with nothing in it: 100 % used by its nature.
python3 - "$TEST_TMP/medium" <<-'END' || exit 1
	import struct, sys
	def entry(kind, info, name):
	    return struct.pack(">4I16s", kind, info, 0, 0, name)
	head = struct.pack(">8s2I16s", b"-rom1fs-", 1024, 0, b"medium")
	image = bytearray((head + entry(0x40 | 9, 0x20, b".") + entry(0, 0x20, b"..")).ljust(65536, b"\0"))
	image[12:16] = struct.pack(">I", -sum(struct.unpack(">128I", image[:512])) & 0xffffffff)
	open(sys.argv[1], "wb").write(image)
END
${CC:-gcc} -O2 -w -static -pthread -D_GNU_SOURCE -o "$TEST_TMP/guestrep" "$here/guestrep.c" || exit 1
cp "$TEST_TMP/medium" "$TEST_TMP/managed.medium" || exit 1
image() { # image KERNEL FILE
	"$TOP/scripts/guest-image.sh" plain --kernel "$1" -o "$2" --agent --module ext4 --module romfs \
		--bin "$TEST_TMP/guestrep" --file "$here/agent-init:/init"
}
image=$TEST_TMP/image
image "$kernel" "$image" && image "$newer" "$TEST_TMP/newer" || exit 1
libvirtd_start "$TEST_TMP/lv" || exit 1
mkfifo "$TEST_TMP/in"
exec 7<>"$TEST_TMP/in"
qemu-system-x86_64 -name guest=raw,debug-threads=on -accel tcg -cpu max -m 128 -smp 1 -nodefaults \
	-display none -kernel "$newer/vmlinuz" -initrd "$TEST_TMP/newer" \
	-append "console=ttyS0 quiet panic=-1 fill=76" \
	-drive "file=$TEST_TMP/raw.fs,format=raw,if=virtio" \
	-drive "file=$TEST_TMP/raw.swap,format=raw,if=virtio" \
	-drive "file=$TEST_TMP/medium,format=raw,if=virtio,readonly=on" \
	-drive "file=$TEST_TMP/raw.frozen,format=raw,if=virtio" -device virtio-serial \
	-chardev "socket,id=ga,path=$TEST_TMP/ga.sock,server=on,wait=off" \
	-device virtserialport,chardev=ga,name=org.qemu.guest_agent.0 \
	-serial stdio <&7 >"$TEST_TMP/raw.console" 2>"$TEST_TMP/raw.log" &
raw_pid=$!
domain_xml managed mem=128 vcpus=2 kernel="$kernel/vmlinuz" initrd="$image" append="fill=76" agent=1 \
	tap=klga0 serial="$TEST_TMP/managed.console" disk="$TEST_TMP/managed.fs" \
	disk="$TEST_TMP/managed.swap" disk="$TEST_TMP/managed.medium" disk="$TEST_TMP/managed.frozen" \
	>"$TEST_TMP/managed.xml"
virsh_ create "$TEST_TMP/managed.xml" >/dev/null || exit 1
agent_start "$TEST_TMP/agent.log" --uri "$LIBVIRT_URI" --interval 3s --detail diagnostic \
	--guest-agent on --store none || exit 1

check "the agent of a QEMU of nobody's answers" until_true 60 up raw
check "libvirt's does" until_true 60 up managed
check "what the first tells is what the guest says" \
	"$here/agent-compare.py" "$AGENT_URL" raw "$TEST_TMP/raw.console" 60
check "what the second tells as well" \
	"$here/agent-compare.py" "$AGENT_URL" managed "$TEST_TMP/managed.console" 60
check "every promised name has a value of a real guest" \
	"$here/promised.py" "$AGENT_URL" managed "$TOP/tests/unit/test_spec.c" 40
check "libvirt says that its domain is tainted, as the documentation does" \
	grep -q "custom-ga-command" "$TEST_TMP/lv/run/libvirt/qemu/managed.xml"

console stop
check "an agent that stops: its values are stale" until_true 40 stale
check "and then absent" until_true 60 gone
check "while the other's were there all the time" never_missing
check "from a source that is up" until_true 30 up managed
console kill
console start
check "a new one after it was killed: all is back" until_true 60 known raw
check "with its source" until_true 20 up raw

# The same guests, seen from outside.
shows_both() {
	page >"$TEST_TMP/$1" && grep -q '^vm_process_threads{vm="raw"' "$TEST_TMP/$1" &&
		grep -q '^vm_process_threads{vm="managed"' "$TEST_TMP/$1"
}
check "processes of both by their agents" until_true 60 shows_both by-agent
agent_stop
agent_start "$TEST_TMP/agent.log" --uri "$LIBVIRT_URI" --interval 2s --detail diagnostic \
	--guest-memory on --store none || exit 1
check "both are read from outside" until_true 60 shows_both by-memory
for vm in raw managed; do
	check "$vm: processes have the labels and the sizes that the agent gave" \
		"$here/same-labels.py" $vm "$TEST_TMP/by-agent" "$TEST_TMP/by-memory"
done
echo "1..$tests"
[ $failures -eq 0 ]
