#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Disks of real guests: under libvirt a guest writes a known number of blocks in each way that QEMU
# has to write them, and so does one of nobody's QEMU. Requests and bytes are told to the one, time
# is that of /proc/diskstats, what lies below a loop device is not counted again, and the memory of a
# VM on the host is what the kernel says.
#
# oracle: vm_disk_writes_total vm_disk_write_bytes_total vm_disk_device_writes_total vm_disk_device_write_bytes_total: the writes that the guest was told to make
# oracle: vm_disk_flushes_total vm_disk_device_flushes_total: each other
# oracle: vm_disk_reads_total vm_disk_read_bytes_total vm_disk_*_seconds_total vm_disk_flushes_total: QEMU's own query-blockstats
# oracle: vm_disk_read_iops vm_disk_write_iops vm_disk_read_throughput vm_disk_write_throughput: its integral over the ticks is the growth in QEMU's query-blockstats
# oracle: vm_disks_read_iops vm_disks_write_iops vm_disks_read_throughput vm_disks_write_throughput: its integral over the ticks is the growth in QEMU's query-blockstats of all disks
# oracle: vm_disk_read_latency vm_disk_write_latency vm_disks_guest_latency: its integral, weighted with the rate, is the time in QEMU's query-blockstats
# oracle: vm_disk_device_write_seconds vm_disk_device_read_latency vm_disk_device_write_latency: /proc/diskstats
# oracle: vm_disk_device_reads_total vm_disk_device_read_bytes_total: /proc/diskstats of the loop device
# oracle: vm_disk_device_read_iops vm_disk_device_write_iops vm_disk_device_read_throughput vm_disk_device_write_throughput: its integral over the ticks is the growth in /proc/diskstats
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
	[ -z "${watcher:-}" ] || kill "$watcher"
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

# Completed writes and the milliseconds they took, completed reads and their bytes and milliseconds.
diskstats() {
	awk -v name="$1" '$3 == name { print $8, $11, $4, $6 * 512, $7 }' /proc/diskstats
}

# What QEMU itself has counted of each disk of v1, into FILE: "NAME wr_operations 200" and so on.
blockstats() {
	virsh_ qemu-monitor-command v1 '{"execute": "query-blockstats"}' | python3 -c '
import json, re, sys
for b in json.load(sys.stdin)["return"]:
    disk = re.search(r"virtio-disk(\d+)", b.get("qdev", ""))
    for key, value in b["stats"].items() if disk else []:
        if isinstance(value, int):
            print("vd" + "abcd"[int(disk[1])], key, value)' >"$1"
}

# counted FILE DISK KEY: of blockstats; DISK all: of all together
counted() {
	awk -v disk="$2" -v key="$3" '(disk == "all" || $1 == disk) && $2 == key { s += $3 } END { printf "%.0f", s }' "$1"
}

# near NAME OURS TRUTH PERCENT [SLACK]: numbers or expressions; the truth is more than nothing
near() {
	local ours truth verdict
	read -r ours truth verdict < <(awk "BEGIN { o = $2; t = $3; d = o > t ? o - t : t - o
		right = t > 0 && d <= t * $4 / 100 + ${5:-0}
		printf \"%.9g %.9g %s\\n\", o, t, right ? \"ok\" : \"no\" }" </dev/null)
	[ "$verdict" = ok ] || verdict="not ok"
	result "$verdict" "$1: $ours against $truth, allowed $4 %"
}

integral() {
	"$TOP/tests/e2e/lib/gauges.py" integral "$TEST_TMP/ticks" "$@"
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
# QEMU itself has read a little of each disk by now.
sleep 1
page
cp "$TEST_TMP/page" "$TEST_TMP/page.before"
read -r -a before < <(diskstats "${loops[1]#/dev/}")
# A steady load, so that it is seen by many ticks.
for name in vda vdb vdc vdd; do virsh_ blkdeviotune v1 $name --total-iops-sec 400 --live >/dev/null; done
blockstats "$TEST_TMP/stats.before"
"$TOP/tests/e2e/lib/gauges.py" watch "$AGENT_URL" "$TEST_TMP/ticks" &
watcher=$!
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
sleep 1.5
page
kill $watcher
watcher=
blockstats "$TEST_TMP/stats.after"
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

# --- QEMU's own counters: the guest is idle now ----------------------------------------------------
grown() {
	echo $(($(counted "$TEST_TMP/stats.after" "$1" "$2") - $(counted "$TEST_TMP/stats.before" "$1" "$2")))
}
for name in vda vdb vdc vdd; do
	for pair in reads_total:rd_operations read_bytes_total:rd_bytes flushes_total:flush_operations; do
		same "$name: ${pair%:*} as QEMU says" "$(value "vm_disk_${pair%:*}{$disk,disk=\"$name\"}")" \
			"$(counted "$TEST_TMP/stats.after" $name "${pair#*:}")"
	done
	for pair in read:rd write:wr flush:flush; do
		near "$name: ${pair%:*}_seconds_total as QEMU says" \
			"$(value "vm_disk_${pair%:*}_seconds_total{$disk,disk=\"$name\"}") * 1e9" \
			"$(counted "$TEST_TMP/stats.after" $name "${pair#*:}_total_time_ns")" 0.001 10
	done
done
# A rate is between two answers of libvirt, which a tick may show twice or not at all.
for pair in read:rd write:wr; do
	way=${pair%:*} field=${pair#*:}
	for both in 'vm_disk_ disk="vdb" vdb' 'vm_disks_ vm="v1" all'; do
		read -r metric label of <<<"$both"
		near "${metric}${way}_iops over the time" "$(integral "${metric}${way}_iops" "$label")" \
			"$(grown "$of" "${field}_operations")" 15
		near "${metric}${way}_throughput over the time" "$(integral "${metric}${way}_throughput" "$label")" \
			"$(grown "$of" "${field}_bytes")" 15
	done
	near "vdb: ${way}_latency over the time" \
		"$(integral "vm_disk_${way}_latency" "disk=\"vdb\"" "vm_disk_${way}_iops") * 1e6" \
		"$(grown vdb "${field}_total_time_ns")" 15
done

near "guest_latency of all disks over the time" \
	"($(integral vm_disks_guest_latency 'vm="v1"' vm_disks_read_iops) + \
	$(integral vm_disks_guest_latency 'vm="v1"' vm_disks_write_iops)) * 1e6" \
	"$(grown all rd_total_time_ns) + $(grown all wr_total_time_ns)" 15

# --- and the device's, by /proc/diskstats ----------------------------------------------------------
device="device=\"${loops[1]#/dev/}\""
# device_grown METRIC: since before the guest ran
device_grown() {
	awk -v key="$1{$disk,$device}" 'index($0, key) == 1 { v = FNR == NR ? v - $NF : v + $NF } END { print v + 0 }' \
		"$TEST_TMP/page.before" "$TEST_TMP/page"
}
same "reads as the device got them" "$(device_grown vm_disk_device_reads_total)" $((after[2] - before[2]))
same "their bytes" "$(device_grown vm_disk_device_read_bytes_total)" $((after[3] - before[3]))
near "device_write_iops over the time" "$(integral vm_disk_device_write_iops "$device")" $slow_writes 3
near "device_write_throughput over the time" "$(integral vm_disk_device_write_throughput "$device")" \
	$((slow_writes * 4096)) 3
near "device_read_iops over the time" "$(integral vm_disk_device_read_iops "$device")" $((after[2] - before[2])) 3
near "device_read_throughput over the time" "$(integral vm_disk_device_read_throughput "$device")" \
	$((after[3] - before[3])) 3
# Milliseconds are counted there for each request, rounded, and from its start, not its issue: of some
# hundred requests of 30 microseconds that is much. A flush is a write there.
for pair in read:4:40 write:1:40; do
	IFS=: read -r way at allowed <<<"$pair"
	near "device_${way}_latency over the time" \
		"$(integral vm_disk_device_${way}_latency "$device" vm_disk_device_${way}_iops)" \
		$((after[at] - before[at])) "$allowed"
done
near "device_write_seconds" "$(value "vm_disk_device_write_seconds_sum{$disk,$device}") * 1000" \
	$((after[1] - before[1])) 40

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
