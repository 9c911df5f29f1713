#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the host has given to the disks of a guest of libvirt's and to those of a QEMU of nobody's,
# against du(1): sparse files, preallocated metadata, a file that is written in full, a block device;
# before and after the first write. Then libvirt backs one disk up and copies another: counters go on.
# oracle: vm_disk_used: du -B1 of the images
# oracle: vm_disks_job: the job in libvirt's status of the domain
set -uo pipefail
# A BPF file system and a /run/libvirt of its own.
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

[ "$(id -u)" -eq 0 ] || skip "needs root"
[ -e /dev/loop-control ] || skip "no loop devices"
for tool in qemu-system-x86_64 qemu-img libvirtd; do
	PATH=$PATH:/usr/sbin command -v $tool >/dev/null || skip "needs $tool"
done
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"

loop='' raw='' AGENT_PID='' number=0 failures=0
cleanup() {
	[ -z "$AGENT_PID" ] || agent_stop
	[ -z "$raw" ] || kill -9 "$raw" 2>/dev/null
	libvirtd_stop
	[ -z "$loop" ] || losetup -d "$loop"
}
trap cleanup EXIT

result() {
	number=$((number + 1))
	[ "$1" = ok ] || failures=$((failures + 1))
	echo "$1 $number - $2"
}

page() {
	curl -sf "$AGENT_URL/metrics" >"$TEST_TMP/page"
}

# value METRIC VM DISK
value() {
	grep "^$1{vm=\"$2\"," "$TEST_TMP/page" | grep -F "${3:+disk=\"$3\"}" | awk '{ print $NF }'
}

# becomes NAME WANTED METRIC VM DISK: within 20 s
becomes() {
	local i
	for ((i = 0; i < 80; i++)); do
		page && [ "$(value "$3" "$4" "$5")" = "$2" ] && break
		sleep 0.25
	done
	if [ "$(value "$3" "$4" "$5")" = "$2" ]; then
		result ok "$1: $2"
	else
		result "not ok" "$1: '$(value "$3" "$4" "$5")' instead of $2"
	fi
}

blocks() {
	du -B1 "$1" | cut -f1
}

# all_used WHEN: every image of both guests
all_used() {
	becomes "$1: sparse, libvirt's" "$(blocks "$TEST_TMP/sparse.raw")" vm_disk_used space vda
	becomes "$1: preallocated metadata, libvirt's" "$(blocks "$TEST_TMP/meta.qcow2")" vm_disk_used space vdb
	becomes "$1: qcow2, libvirt's" "$(blocks "$TEST_TMP/small.qcow2")" vm_disk_used space vdc
	becomes "$1: sparse, nobody's" "$(blocks "$TEST_TMP/own.raw")" vm_disk_used own one
	becomes "$1: qcow2, nobody's" "$(blocks "$TEST_TMP/own.qcow2")" vm_disk_used own two
	page
	if awk '/^vm_disk_usage_percent/ && $NF > 100 { bad = 1 } END { exit bad }' "$TEST_TMP/page"; then
		result ok "$1: nothing is fuller than full"
	else
		result "not ok" "$1: $(grep '^vm_disk_usage_percent' "$TEST_TMP/page")"
	fi
}

# write_image VM FILE DEVICE OFFSET LENGTH: by QEMU itself, as a guest's write would be.
write_image() {
	local command="qemu-io -d $3 \"write $4 $5\"" before
	before=$(blocks "$2")
	if [ "$1" = space ]; then
		virsh_ qemu-monitor-command space --hmp "$command" >"$TEST_TMP/io.log"
	else
		python3 - "$TEST_TMP/own.monitor" "$command" >"$TEST_TMP/io.log" <<-'END'
			import socket, sys
			s = socket.socket(socket.AF_UNIX)
			s.settimeout(20)
			s.connect(sys.argv[1])
			text = b""
			while not text.endswith(b"(qemu) "):
			    text += s.recv(4096)
			s.sendall(sys.argv[2].encode() + b"\n")
			text = b""
			while not text.endswith(b"(qemu) "):
			    text += s.recv(4096)
			print(text.decode(errors="replace"))
		END
	fi
	sync -f "$2"
	[ "$(blocks "$2")" -gt "$before" ] || { echo "nothing written to $3:" && cat "$TEST_TMP/io.log" && exit 1; }
}

# goes_on WHAT: the guest's firmware reads its disk again, and every page meanwhile has both disks.
goes_on() {
	local before missing=0 i
	becomes "$1: the job is told" 1 vm_disks_job space ""
	before=$(value vm_disk_read_bytes_total space vda)
	virsh_ reset space || exit 1
	for ((i = 0; i < 15; i++)); do
		page
		[ -n "$(value vm_disk_read_bytes_total space vda)" ] &&
			[ -n "$(value vm_disk_read_bytes_total space vdd)" ] || missing=$((missing + 1))
		sleep 0.2
	done
	if [ "$missing" -eq 0 ]; then
		result ok "$1: no page without counters"
	else
		result "not ok" "$1: $missing pages of 15 have no counters"
	fi
	becomes "$1: bytes as libvirt has them" \
		"$(virsh_ domstats --block space | sed -n 's/ *block.0.rd.bytes=//p')" \
		vm_disk_read_bytes_total space vda
	page
	if [ "$(value vm_disk_read_bytes_total space vda)" -gt "$before" ]; then
		result ok "$1: they have grown from $before"
	else
		result "not ok" "$1: still $before bytes"
	fi
}

truncate -s 100M "$TEST_TMP/sparse.raw" "$TEST_TMP/own.raw"
truncate -s 16M "$TEST_TMP/device"
qemu-img create -q -f qcow2 -o preallocation=metadata "$TEST_TMP/meta.qcow2" 100M
qemu-img create -q -f qcow2 "$TEST_TMP/small.qcow2" 4M
qemu-img create -q -f qcow2 -o preallocation=metadata "$TEST_TMP/own.qcow2" 64M
loop=$(losetup -f --show "$TEST_TMP/device") || exit 1
libvirtd_start "$TEST_TMP/lv" || exit 1
mkdir -p /run/libvirt && mount --bind "$TEST_TMP/lv/run/libvirt" /run/libvirt || exit 1
domain_xml space mem=32 vcpus=1 disk="$TEST_TMP/sparse.raw" disk="$TEST_TMP/meta.qcow2,qcow2" \
	disk="$TEST_TMP/small.qcow2,qcow2" disk="$loop" >"$TEST_TMP/space.xml"
virsh_ create "$TEST_TMP/space.xml" >/dev/null || exit 1
qemu-system-x86_64 -accel tcg -m 32 -S -nodefaults -display none -name guest=own \
	-blockdev "driver=raw,node-name=one,file.driver=file,file.filename=$TEST_TMP/own.raw" \
	-device virtio-blk-pci,drive=one,id=disk-one \
	-blockdev "driver=qcow2,node-name=two,file.driver=file,file.filename=$TEST_TMP/own.qcow2" \
	-device virtio-blk-pci,drive=two,id=disk-two \
	-monitor "unix:$TEST_TMP/own.monitor,server=on,wait=off" </dev/null &
raw=$!
agent_start "$TEST_TMP/agent.log" --detail detailed --interval 500ms --uri "$LIBVIRT_URI" \
	--store none || exit 1
agent_wait_metric '^vm_disk_size\{vm="own"' || { echo "no disks of the QEMU"; exit 1; }

all_used "before the first write"
becomes "size of the sparse image" $((100 << 20)) vm_disk_size space vda
becomes "size of the block device" $((16 << 20)) vm_disk_size space vdd
becomes "what a block device takes is not known" "" vm_disk_used space vdd
# A backup GPT does the same.
write_image space "$TEST_TMP/sparse.raw" /machine/peripheral/virtio-disk0/virtio-backend $(((100 << 20) - 65536)) 65536
write_image space "$TEST_TMP/meta.qcow2" /machine/peripheral/virtio-disk1/virtio-backend 0 1048576
write_image space "$TEST_TMP/small.qcow2" /machine/peripheral/virtio-disk2/virtio-backend 0 4194304
write_image own "$TEST_TMP/own.raw" /machine/peripheral/disk-one/virtio-backend $(((100 << 20) - 65536)) 65536
write_image own "$TEST_TMP/own.qcow2" /machine/peripheral/disk-two/virtio-backend 65536 131072
all_used "after it"
becomes "an image with its tables takes more than its disk" 100 vm_disk_usage_percent space vdc

cat >"$TEST_TMP/backup.xml" <<-END
	<domainbackup mode='pull'>
	<server transport='unix' socket='$TEST_TMP/backup.sock'/>
	<disks><disk name='vda' backup='no'/><disk name='vdb' backup='yes' type='file'>
	<scratch file='$TEST_TMP/scratch.qcow2'/></disk>
	<disk name='vdc' backup='no'/><disk name='vdd' backup='no'/></disks>
	</domainbackup>
END
becomes "before a backup: no job" 0 vm_disks_job space ""
virsh_ backup-begin space "$TEST_TMP/backup.xml" >/dev/null || exit 1
grep -q "<blockjobs active='yes'" /run/libvirt/qemu/space.xml || { echo "no backup runs"; exit 1; }
goes_on "during a backup"
virsh_ domjobabort space
virsh_ blockcopy space vdb "$TEST_TMP/copy.qcow2" --transient-job >/dev/null || exit 1
virsh_ dumpxml space | grep -q '<mirror' || { echo "no copy runs"; exit 1; }
goes_on "during a copy"
echo "1..$number"
[ $failures -eq 0 ]
