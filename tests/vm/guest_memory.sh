#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest under real KVM, read from outside: an emulated host boots with this machine's root, runs
# QEMU with nested SVM on it, and compares what is read there with the guest's own /proc.
set -uo pipefail

TOP=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
TEST_TMP=${TEST_TMP:-$(mktemp -d)}
here=$TOP/tests/e2e/guest
host_version=${HOST_KERNEL:-6.1}
guest_version=${GUEST_KERNEL:-6.1}

skip() {
	echo "$*"
	exit 77
}

command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
[ "$(id -u)" = 0 ] || skip "must be root"
host=$("$TOP/scripts/guest-kernel.sh" --flavour generic "$host_version") || skip "no kernel $host_version"
guest=$("$TOP/scripts/guest-kernel.sh" "$guest_version") || skip "no kernel $guest_version"
${CC:-gcc} -O2 -w -static -pthread -D_GNU_SOURCE -o "$TEST_TMP/guestrep" "$here/guestrep.c" || exit 1
"$TOP/scripts/guest-image.sh" hostroot --kernel "$host" -o "$TEST_TMP/host.img" || exit 1
"$TOP/scripts/guest-image.sh" plain --kernel "$guest" -o "$TEST_TMP/guest.img" \
	--bin "$TEST_TMP/guestrep" --file "$here/init:/init" || exit 1

cat >"$TEST_TMP/inside" <<TEXT
[ -e /proc/self/status ] || mount -t proc proc /proc
[ -e /sys/kernel/btf ] || mount -t sysfs sys /sys
$here/compare.py --accel kvm --patience 300 --kernel $guest/vmlinuz --initrd $TEST_TMP/guest.img \\
	--dump $BUILD/tests/e2e/guestdump --walks 3 -cpu host -m 256 -smp 1 2>&1
echo "COMPARED \$?"
TEXT

timeout 600 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -display none -nodefaults \
	-no-reboot -kernel "$host/vmlinuz" -initrd "$TEST_TMP/host.img" -serial "file:$TEST_TMP/console" \
	-virtfs local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap \
	-append "console=ttyS0 quiet panic=-1 run=$TEST_TMP/inside" </dev/null
tr -d '\r' <"$TEST_TMP/console" | grep -aE 'attach|walks|processes|BAD|guest|HOST' | cut -c -200 | sed 's/^/# /'
if grep -aq '^COMPARED 0' "$TEST_TMP/console" && grep -aq "^KVM's slots .*: ok" "$TEST_TMP/console"; then
	echo "ok 1 - a $guest_version guest under KVM on a $host_version host"
else
	echo "not ok 1 - a $guest_version guest under KVM on a $host_version host"
	tail -n 20 "$TEST_TMP/console" | tr -d '\r' | cut -c -200 | sed 's/^/# /'
	exit 1
fi
