#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Disks of real guests: under libvirt a guest writes a known number of blocks in each way that QEMU
# has to write them, and so does one of nobody's QEMU. Requests and bytes are told to the one, time
# is that of /proc/diskstats, what lies below a loop device is not counted again, and the memory of a
# VM on the host is what the kernel says.
#
# oracle: vm_disk_writes_total vm_disk_write_bytes_total vm_disk_device_writes_total vm_disk_device_write_bytes_total: the writes that the guest was told to make
# oracle: vm_disk_flushes_total vm_disk_device_flushes_total: each other
# oracle: vm_disk_device_write_seconds: /proc/diskstats
# oracle: vm_disk_size vm_disk_used: the image's size, and its blocks by stat
# oracle: vm_memory_host_resident vm_memory_host_swapped vm_memory_host_huge: smaps_rollup
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

writes=200
slow_writes=2000 # of the disk whose time is compared: /proc/diskstats has milliseconds
modes=(threads native io_uring thread)
loops=()
raw=''

skip() {
	echo "$*"
	exit 77
}

[ "$(id -u)" -eq 0 ] || skip "needs root"
[ -e /dev/loop-control ] || skip "no loop devices"
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"
kernel=$("$TOP/scripts/guest-kernel.sh" 6.1) || skip "no guest kernel from the mirror"

cleanup() {
	local loop
	[ -z "${AGENT_PID:-}" ] || agent_stop
	[ -z "$raw" ] || kill -9 "$raw" 2>/dev/null
	libvirtd_stop
	for loop in "${loops[@]}"; do losetup -d "$loop"; done
}
trap cleanup EXIT

number=0 failures=0
result() {
	number=$((number + 1))
	[ "$1" = ok ] || failures=$((failures + 1))
	echo "$1 $number - $2"
}

# same NAME OURS WANTED
same() {
	if [ "$2" = "$3" ]; then
		result ok "$1: $2"
	else
		result "not ok" "$1: '$2' instead of $3"
	fi
}

# holds NAME EXPRESSION: of numbers.
holds() {
	if awk "BEGIN { exit !($2) }" </dev/null; then
		result ok "$1: $2"
	else
		result "not ok" "$1: $2"
	fi
}

page() {
	curl -sf "$AGENT_URL/metrics" >"$TEST_TMP/page"
}

# value METRIC{LABELS: of the first series of the page that begins so, whole numbers as such.
value() {
	awk -v key="$1" 'index($0, key) == 1 { print $NF; exit }' "$TEST_TMP/page"
}

# settled METRIC{LABELS WANTED: wait until a value is there, 30 s at most; then one more tick.
settled() {
	local i ticks
	for ((i = 0; i < 60; i++)); do
		page
		[ "$(value "$1")" = "$2" ] && break
		sleep 0.5
	done
	ticks=$(value kvmlens_ticks_total)
	for ((i = 0; i < 60 && $(value kvmlens_ticks_total) < ticks + 2; i++)); do
		sleep 0.2
		page
	done
}

# Completed writes and the milliseconds they took.
diskstats() {
	awk -v name="$1" '$3 == name { print $8, $11 }' /proc/diskstats
}

wait_console() {
	local i
	for ((i = 0; i < 600; i++)); do
		grep -q "$2" "$1" 2>/dev/null && return
		sleep 0.1
	done
	echo "# the guest said:" && tail -n 5 "$1"
	return 1
}

initrd=$TEST_TMP/initrd
"$TOP/scripts/guest-image.sh" plain --kernel "$kernel" -o "$initrd" || exit 1
libvirtd_start "$TEST_TMP/lv" || exit 1

disks=() list='' reads=''
for i in "${!modes[@]}"; do
	truncate -s 16M "$TEST_TMP/disk$i"
	loop=$(losetup -f --show "$TEST_TMP/disk$i") || exit 1
	loops+=("$loop")
	disks+=("disk=$loop,raw,${modes[i]}")
	n=$writes
	[ "$i" != 1 ] || n=$slow_writes
	name=vd$(printf '%b' "\\$(printf %o $((97 + i)))")
	list+=${list:+,}$name:$n
	# A completion that the kernel did not let the program see is counted when the request's
	# place is used again: there are fewer places than reads.
	reads+=${reads:+,}$name:300
done
domain_xml v1 mem=128 vcpus=1 kernel="$kernel/vmlinuz" initrd="$initrd" append="writes=$list reads=$reads" \
	serial="$TEST_TMP/console" "${disks[@]}" >"$TEST_TMP/v1.xml"
qemu-img create -q -f qcow2 "$TEST_TMP/raw.qcow2" 48M
truncate -s 16M "$TEST_TMP/rawdisk"
raw_loop=$(losetup -f --show "$TEST_TMP/rawdisk") || exit 1
loops+=("$raw_loop")

agent_start "$TEST_TMP/agent.log" --detail diagnostic --interval 500ms --uri "$LIBVIRT_URI" \
	--store none || exit 1
qemu-system-x86_64 -accel tcg -m 128 -S -nodefaults -display none -no-reboot \
	-name guest=raw,debug-threads=on -serial "file:$TEST_TMP/raw.console" \
	-kernel "$kernel/vmlinuz" -initrd "$initrd" \
	-append "console=ttyS0 quiet panic=-1 writes=vda:$writes reads=vda:300" \
	-drive "file=$raw_loop,if=virtio,format=raw,cache=none,aio=native" \
	-drive "file=$TEST_TMP/raw.qcow2,if=virtio,format=qcow2" \
	-monitor "unix:$TEST_TMP/raw.monitor,server=on,wait=off" </dev/null &
raw=$!
# Paused, so that no write is earlier than the first reading.
virsh_ create --paused "$TEST_TMP/v1.xml" >/dev/null || exit 1
agent_wait_metric '^vm_disk_writes_total\{vm="v1".*disk="vdd"' || { echo "no disks"; exit 1; }
agent_wait_metric '^vm_up\{vm="raw"' || { echo "no raw QEMU"; exit 1; }
read -r -a before < <(diskstats "${loops[1]#/dev/}")
virsh_ resume v1
python3 - "$TEST_TMP/raw.monitor" <<-END
	import socket, sys, time
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	s.sendall(b"cont\n")
	time.sleep(0.5)
END
wait_console "$TEST_TMP/console" GUEST-WROTE || exit 1
wait_console "$TEST_TMP/raw.console" GUEST-WROTE || exit 1
settled 'vm_disk_writes_total{vm="v1"' $writes
read -r -a after < <(diskstats "${loops[1]#/dev/}")

for i in "${!modes[@]}"; do
	n=$writes
	[ "$i" != 1 ] || n=$slow_writes
	disk=$(sed -n "s/^vm_disk_writes_total{\(vm=\"v1\",uuid=\"[^\"]*\"\),disk=\"vd.*/\1/p" \
		"$TEST_TMP/page" | head -n 1)
	name=vd$(printf '%b' "\\$(printf %o $((97 + i)))") device=${loops[i]#/dev/}
	same "${modes[i]}: writes as QEMU counts them" \
		"$(value "vm_disk_writes_total{$disk,disk=\"$name\"}")" $n
	same "${modes[i]}: writes as the device got them" \
		"$(value "vm_disk_device_writes_total{$disk,device=\"$device\"}")" $n
	same "${modes[i]}: bytes as QEMU counts them" \
		"$(value "vm_disk_write_bytes_total{$disk,disk=\"$name\"}")" $((n * 4096))
	same "${modes[i]}: bytes as the device got them" \
		"$(value "vm_disk_device_write_bytes_total{$disk,device=\"$device\"}")" $((n * 4096))
done

# Only a cgroup of its own tells whose a flush is; what libvirt makes depends on the host.
pid=$(cat "$TEST_TMP/lv/run/libvirt/qemu/v1.pid")
if grep -qE '^([0-9]+:([a-z]+,)*blkio(,[a-z]+)*|0:):.*qemu-' "/proc/$pid/cgroup" &&
	bpftool map dump pinned /sys/fs/bpf/kvmlens/block_cgroups | grep -q "\"value\": $pid\b"; then
	same "flushes as the device got them" \
		"$(value "vm_disk_device_flushes_total{$disk,device=\"${loops[0]#/dev/}\"}")" \
		"$(value "vm_disk_flushes_total{$disk,disk=\"vda\"}")"
else
	echo "# the domain has no cgroup of its own for its block requests"
fi

# One disk alone: what /proc/diskstats says of it meanwhile. A flush is a write without data there.
labels="$disk,device=\"${loops[1]#/dev/}\""
ours=$(value "vm_disk_device_write_seconds_sum{$labels}")
theirs=$((after[1] - before[1]))
echo "# native: the device took $ours s by us, $theirs ms by /proc/diskstats, flush included"
# QEMU writes its guest's console into a file, whose own disk is then a device of the VM too, with its few
# pages. What lies below the loop devices would have as many bytes as they have.
same "all loop devices are there" "$(grep -c '^vm_disk_device_write_bytes_total{vm="v1".*device="loop' "$TEST_TMP/page")" \
	${#modes[@]}
loop_bytes=$(awk '/^vm_disk_device_write_bytes_total{vm="v1".*device="loop/ { s += $NF } END { print s + 0 }' "$TEST_TMP/page")
other_bytes=$(awk '/^vm_disk_device_write_bytes_total{vm="v1"/ && !/device="loop/ { s += $NF } END { print s + 0 }' \
	"$TEST_TMP/page")
holds "nothing below the loop devices is counted again" "$loop_bytes > 0 && $other_bytes < 0.1 * $loop_bytes"
guest=$(awk '/^vm_disk_write_seconds_total{vm="v1"/ { s += $NF } END { print s }' "$TEST_TMP/page")
device=$(awk '/^vm_disk_device_write_seconds_sum{vm="v1"/ { s += $NF } END { print s }' "$TEST_TMP/page")
holds "the guest's disks are slower than the devices" "$guest >= $device && $device > 0"
rates=$(grep -c '^vm_disks_[a-z]*_\(iops\|throughput\|latency\){vm="v1"' "$TEST_TMP/page")
holds "the rates of all disks together are there" "$rates >= 4"
same "capacity of the image" "$(value "vm_disk_size{$disk,disk=\"vda\",kind=\"image\"}")" 16777216
holds "the host's own requests are counted apart" "$(value host_disk_unattributed_requests_total) > 0"

# --- a QEMU that no provider tells of ------------------------------------------------------------
raw_labels=$(sed -n "s/^vm_up{\(vm=\"raw\",uuid=\"[^\"]*\"\)}.*/\1/p" "$TEST_TMP/page")
same "raw QEMU: writes of its drive" \
	"$(value "vm_disk_writes_total{$raw_labels,disk=\"virtio0\"}")" $writes
same "raw QEMU: bytes of its drive" \
	"$(value "vm_disk_write_bytes_total{$raw_labels,disk=\"virtio0\"}")" $((writes * 4096))
same "raw QEMU: writes as the device got them" \
	"$(value "vm_disk_device_writes_total{$raw_labels,device=\"${raw_loop#/dev/}\"}")" $writes
same "raw QEMU: capacity of its image" \
	"$(value "vm_disk_size{$raw_labels,disk=\"virtio1\",kind=\"image\"}")" $((48 << 20))
same "raw QEMU: what its image takes" \
	"$(value "vm_disk_used{$raw_labels,disk=\"virtio1\",kind=\"image\"}")" \
	$(($(stat -c %b "$TEST_TMP/raw.qcow2") * 512))

# --- memory: the guest is idle now -----------------------------------------------------------------
# memory KEY: of smaps_rollup, in bytes.
memory() {
	awk -v key="$1:" '$1 == key { print $2 * 1024 }' "/proc/$raw/smaps_rollup"
}

kill -STOP "$raw"
sleep 1
settled "vm_up{$raw_labels}" 1
rss=$(memory Rss)
ours=$(value "vm_memory_host_resident{$raw_labels}")
holds "resident memory is that of smaps_rollup" "$ours == $rss && $rss > 1e7"
same "swapped memory too" "$(value "vm_memory_host_swapped{$raw_labels}")" "$(memory Swap)"
huge=$(($(memory AnonHugePages) + $(memory ShmemPmdMapped) + $(memory FilePmdMapped)))
same "and huge pages" "$(value "vm_memory_host_huge{$raw_labels}")" $huge
nodes=$(awk '/^vm_memory_host_node_resident{vm="raw"/ { s += $NF } END { print s + 0 }' "$TEST_TMP/page")
if [ -e "/proc/$raw/numa_maps" ]; then
	holds "the NUMA nodes have what is resident" "$nodes > 0.9 * $rss && $nodes < 1.1 * $rss"
else
	same "no NUMA nodes where the kernel has none" "$nodes" 0
fi
kill -CONT "$raw"

# --- a crash: the next start goes on where this one was --------------------------------------------
kill -9 "$AGENT_PID"
wait "$AGENT_PID" 2>/dev/null
agent_start "$TEST_TMP/agent2.log" --detail diagnostic --interval 500ms --uri "$LIBVIRT_URI" \
	--store none || exit 1
settled "vm_disk_device_writes_total{$labels}" $slow_writes
same "counters of devices survive a crash" "$(value "vm_disk_device_writes_total{$labels}")" \
	$slow_writes
echo "1..$number"
[ $failures -eq 0 ]
