#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Interfaces of real QEMUs against `ip -s link`, to the packet: a tap, a tap in another network
# namespace, a macvtap; what a suspended guest drops, by its reason; bursts; and the host's own
# figures against /proc. All of it in a network namespace of its own.
#
# oracle: vm_network_receive_*_total vm_network_transmit_*_total: ip -s link of the tap, the other way round
# oracle: vm_network_drops_by_reason_total vm_network_packets_by_size_total: the 3000 packets of 1000 bytes that this test sends
# oracle: vm_network_rx_bytes vm_network_rx_packets vm_network_rx_dropped vm_network_rx_errors vm_nics_rx_bytes vm_nics_dropped: its integral over the ticks is the growth in ip -s link
# oracle: vm_network_tx_bytes vm_network_tx_packets vm_nics_tx_bytes: its integral over the ticks is the growth in ip -s link
# oracle: host_vms host_vcpus: the VMs that this test starts
# oracle: host_cpu_seconds_total: /proc/stat before and after the page
# oracle: host_vms_by_state: the VMs that this test starts
set -uo pipefail
[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
[ -n "${KL_NETNS:-}" ] || exec unshare -n env KL_NETNS=1 "$0" "$@"
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

number=0 failed=0
page=$TEST_TMP/page
qemus=()

check() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@"; then echo "ok $number - $name"; else
		echo "not ok $number - $name"
		failed=1
	fi
}

cleanup() {
	local pid
	[ -z "${watcher:-}" ] || kill "$watcher"
	for pid in "${qemus[@]}"; do kill -9 "$pid" 2>/dev/null; done
	wait "${qemus[@]}" 2>/dev/null
	[ -z "${AGENT_PID:-}" ] || kill -9 "$AGENT_PID" 2>/dev/null
	[ -z "${made:-}" ] || rm -f "$made"
}
trap cleanup EXIT

# qemu NAME ARG...: a VM of nobody's
qemu() {
	local name=$1
	shift
	qemu-system-x86_64 -accel tcg -m 32 -nodefaults -display none -vga none \
		-name "guest=$name,debug-threads=on" "$@" </dev/null &
	qemus+=($!)
}

# value NAME LABEL...: of the page last fetched; empty: there is none
value() {
	local name=$1
	shift
	awk -v name="$name" -v labels="$*" '
		BEGIN { n = split(labels, label, " ") }
		index($1, name "{") == 1 || $1 == name {
			for (i = 1; i <= n; i++) if (!index($0, label[i])) next
			print $NF; exit
		}' "$page"
}

sum() {
	awk -v name="$1{" -v label="$2" 'index($1, name) == 1 && index($0, label) { s += $NF } END { print s + 0 }' "$page"
}

# Wait until so many snapshots more were taken.
settle() {
	local wanted
	curl -sf "$AGENT_URL/metrics" >"$page" || return
	wanted=$(($(value kvmlens_ticks_total) + $1))
	for ((i = 0; i < 300; i++)); do
		curl -sf "$AGENT_URL/metrics" >"$page" || return
		[ "$(value kvmlens_ticks_total)" -ge $wanted ] && return
		sleep 0.1
	done
	return 1
}

# link_now DEVICE PID DIRECTION FIELD, as `ip -s link` shows it
link_now() {
	nsenter -t "$2" -n ip -s -j link show "$1" | python3 -c '
import json, sys
print(json.load(sys.stdin)[0]["stats64"][sys.argv[1]][sys.argv[2]])' "$3" "$4"
}

# same_counts VM DEVICE PID RX TX: the guest's rx and tx are the device's RX and TX
same_counts() {
	local ours theirs field wrong=0 pair
	for pair in receive:"$4" transmit:"$5"; do
		for field in bytes:bytes packets:packets drops:dropped errors:errors; do
			ours=$(value "vm_network_${pair%:*}_${field%:*}_total" "vm=\"$1\"" "nic=\"$2\"")
			theirs=$(link_now "$2" "$3" "${pair#*:}" "${field#*:}")
			[ "$ours" = "$theirs" ] && continue
			echo "# $1 $2 ${pair%:*} ${field%:*}: ours '$ours', ip says $theirs"
			wrong=1
		done
	done
	return $wrong
}

# A device may get packets of the kernel's own at any time: a few looks may differ.
counts_agree() {
	local i
	for ((i = 0; i < 5; i++)); do
		settle 2 || return
		same_counts "$@" >"$TEST_TMP/differs" && return
	done
	cat "$TEST_TMP/differs"
	return 1
}

# send DEVICE COUNT SIZE: UDP at a neighbour behind the device
send() {
	python3 - "$@" <<-'END'
		import socket, sys, time
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
		started = time.monotonic()
		for i in range(int(sys.argv[2])):
		    s.sendto(b"x" * int(sys.argv[3]), (sys.argv[1], 9))
		print(time.monotonic() - started)
	END
}

tap_up() {
	ip tuntap add dev "$1" mode tap && ip link set "$1" up && ip addr add "$2.1/24" dev "$1" &&
		ip neigh add "$2.2" lladdr 52:54:00:00:00:02 dev "$1"
}

ip link set lo up
tap_up klnear 10.77.1 || { echo "this kernel has no taps"; exit 1; }
tap_up kltalk 10.77.2
tap_up klread 10.77.5
tapdev() { echo "-netdev tap,id=n,ifname=$1,script=no,downscript=no,vhost=off"; }
# shellcheck disable=SC2046 # words are wanted
qemu still -S $(tapdev klnear) -device virtio-net-pci,netdev=n
# Its firmware asks for an address.
# shellcheck disable=SC2046
qemu talker -monitor "unix:$TEST_TMP/talker.monitor,server=on,wait=off" $(tapdev kltalk) -device virtio-net-pci,netdev=n,bootindex=1

# In a namespace of its own.
unshare -n sh -c "ip link set lo up; ip tuntap add dev klfar mode tap; ip link set klfar up
	ip addr add 10.77.3.1/24 dev klfar
	ip neigh add 10.77.3.2 lladdr 52:54:00:00:00:03 dev klfar
	exec qemu-system-x86_64 -accel tcg -m 32 -nodefaults -display none -S \
	-name guest=far,debug-threads=on $(tapdev klfar) -device virtio-net-pci,netdev=n" </dev/null &
far=$!
qemus+=("$far")

# Nothing is behind its netdev: QEMU reads whatever comes.
# shellcheck disable=SC2046
qemu reader $(tapdev klread)

# A macvtap: what comes in from below is what the guest receives.
macvtap=
if ip link add klv1 type veth peer name klv0 && ip link set klv0 up && ip link set klv1 up &&
	ip addr add 10.77.4.1/24 dev klv1 &&
	ip link add link klv0 name klmv type macvtap mode bridge && ip link set klmv up; then
	node=/dev/tap$(ip -j link show klmv |
		python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["ifindex"])')
	mounted=$TEST_TMP/sys
	mkdir -p "$mounted" && mount -t sysfs sysfs "$mounted"
	IFS=: read -r major minor <"$(echo "$mounted"/class/net/klmv/macvtap/tap*/dev)"
	umount "$mounted"
	if [ ! -e "$node" ]; then
		made=$node
		mknod "$node" c "$major" "$minor"
	elif [ "$(stat -c %t:%T "$node")" != "$(printf '%x:%x' "$major" "$minor")" ]; then
		echo "# $node is somebody else's: no macvtap here"
		node=
	fi
fi
if [ -n "${node:-}" ]; then
	macvtap=klmv
	exec 5<>"$node"
	mac=$(ip -j link show klmv | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["address"])')
	qemu macvtap -S -netdev tap,id=n,fd=5,vhost=off -device "virtio-net-pci,netdev=n,mac=$mac"
	exec 5<&-
	ip neigh add 10.77.4.2 lladdr "$mac" dev klv1
fi

# --- standard: counts alone ------------------------------------------------------------------------
agent_start "$TEST_TMP/standard.log" --interval 1s --detail standard --store none || exit 1
settle 2
check "at standard there are rates and counters of each interface" \
	test -n "$(value vm_network_rx_bytes 'vm="still"')" -a -n "$(value vm_network_receive_bytes_total 'vm="still"')"
check "and totals of the VM" test -n "$(value vm_nics_rx_bytes 'vm="still"')"
check "but no packet is looked at" test ! -e /sys/fs/bpf/kvmlens/net_taps
agent_stop

# --- diagnostic ----------------------------------------------------------------------------------
agent_start "$TEST_TMP/agent.log" --interval 1s --detail diagnostic --store none || exit 1
settle 3
before=$(value vm_network_receive_drops_total 'vm="still"')
dropped=$(link_now klnear $$ tx dropped)
took=$(send 10.77.1.2 3000 500)
settle 2
drops=$(($(value vm_network_receive_drops_total 'vm="still"') - before))
theirs=$(($(link_now klnear $$ tx dropped) - dropped))
reason=$(value vm_network_drops_by_reason_total 'vm="still"' 'reason="FULL_RING"')
echo "# 3000 packets in $took s: $drops drops, ip says $theirs, FULL_RING $reason"
check "a suspended guest drops about 2000 of 3000 packets" test "$theirs" -ge 1900
check "as many as ip says" test "$drops" -eq "$theirs"
check "each with its reason" test "${reason:-0}" -eq "$theirs"
check "packets are counted by size" \
	test "$(value vm_network_packets_by_size_total 'vm="still"' 'direction="rx"' 'size="512-1023"')" -eq 3000

# 3000 frames of 542 bytes: the fullest windows hold at least the mean, and at most all.
peaks() {
	local i one ten
	for ((i = 0; i < 40; i++)); do
		send 10.77.1.2 3000 500 >"$TEST_TMP/took"
		for ((j = 0; j < 12; j++)); do
			settle 1
			one=$(value vm_network_rx_peak_1ms 'vm="still"')
			ten=$(value vm_network_rx_peak_10ms 'vm="still"')
			[ "${ten%.*}" -gt 100000 ] && break 2
		done
	done
	python3 - "$one" "$ten" "$(cat "$TEST_TMP/took")" <<-'END'
		import sys
		one, ten, took = map(float, sys.argv[1:])
		total = 3000 * 542
		print(f"# sent in {took:.3f} s, fullest ms {one:.0f} bytes/s, fullest 10 ms {ten:.0f} bytes/s")
		# In one of the windows that it spans at least its share went by; it may span two snapshots.
		least = total / 2 / (took / 0.01 + 2) / 0.01
		assert least <= ten <= total / 0.01 and ten <= one * 1.001 <= total / 0.001 * 1.001
	END
}
check "bursts are as high as what was sent" peaks

check "a tap's counts are those of ip, turned round" counts_agree still klnear $$ tx rx
check "a guest that talks is heard" test "$(link_now kltalk $$ rx packets)" -gt 0
check "and counted, to the packet" counts_agree talker kltalk $$ tx rx
send_far() { nsenter -t "$far" -n python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(100): s.sendto(b"x" * 100, ("10.77.3.2", 9))'; }
check "packets in another namespace" send_far
check "are counted likewise" counts_agree far klfar "$far" tx rx

# Rates, each summed over the ticks, are what ip counts meanwhile: the talker is reset, whose firmware then
# asks for an address again, and the macvtap's queue overruns, which its driver counts as errors.
link_counts() {
	local spec device way field
	for spec in kltalk:rx:bytes kltalk:rx:packets klread:tx:bytes klread:tx:packets klnear:tx:dropped \
		${macvtap:+klmv:rx:errors klmv:rx:bytes}; do
		IFS=: read -r device way field <<<"$spec"
		echo "$spec $(link_now "$device" $$ "$way" "$field")"
	done
}
rates_agree() {
	python3 - "$TOP/tests/e2e/lib/gauges.py" "$TEST_TMP" <<-'END'
		import subprocess, sys
		gauges, tmp = sys.argv[1:]
		def counts(name):
		    return {k: int(v) for k, v in (line.split() for line in open(f"{tmp}/{name}"))}
		before, after, wrong = counts("links.before"), counts("links.after"), []
		def near(metric, label, key, percent=5):
		    if key not in after:
		        return
		    truth = after[key] - before[key]
		    ours = float(subprocess.check_output([gauges, "integral", f"{tmp}/ticks", metric, label]))
		    print(f"# {metric}{{{label}}}: {ours:.1f} over the ticks, ip says {truth}")
		    if not truth or abs(ours - truth) * 100 > truth * percent:
		        wrong.append(metric)
		still, talker, reader, macvtap = 'vm="still"', 'vm="talker"', 'vm="reader"', 'vm="macvtap"'
		# A few packets, each in another interval, whose ends are a little apart from the tick's on a busy machine.
		near("vm_network_tx_bytes", talker, "kltalk:rx:bytes", 25)
		near("vm_network_tx_packets", talker, "kltalk:rx:packets", 25)
		near("vm_nics_tx_bytes", talker, "kltalk:rx:bytes", 25)
		near("vm_network_rx_bytes", reader, "klread:tx:bytes")
		near("vm_network_rx_packets", reader, "klread:tx:packets")
		near("vm_network_rx_dropped", still, "klnear:tx:dropped")
		near("vm_nics_rx_bytes", reader, "klread:tx:bytes")
		near("vm_nics_dropped", still, "klnear:tx:dropped")
		near("vm_network_rx_errors", macvtap, "klmv:rx:errors")
		sys.exit(f"wrong: {wrong}" if wrong else 0)
	END
}
settle 2
link_counts >"$TEST_TMP/links.before"
"$TOP/tests/e2e/lib/gauges.py" watch "$AGENT_URL" "$TEST_TMP/ticks" &
watcher=$!
sleep 0.5
echo system_reset | python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.stdin.read().encode())
time.sleep(0.5)' "$TEST_TMP/talker.monitor"
send 10.77.1.2 3000 500 >/dev/null
send 10.77.5.2 3000 500 >/dev/null
[ -z "$macvtap" ] || send 10.77.4.2 3000 100 >/dev/null
settle 4
kill "$watcher"
watcher=
link_counts >"$TEST_TMP/links.after"
check "rates over the time are what ip has counted" rates_agree
[ -z "$macvtap" ] || check "errors of the macvtap's queue were really there" \
	test "$(link_now klmv $$ rx errors)" -gt 1000

if [ -n "$macvtap" ]; then
	check "a macvtap's counts are those of ip as they are" counts_agree macvtap klmv $$ rx tx
fi

# --- the host, between two looks of our own ---------------------------------------------------------
between() {
	local first=$TEST_TMP/stat1 last=$TEST_TMP/stat2
	cat /proc/stat >"$first"
	settle 2
	cat /proc/stat >"$last"
	python3 - "$first" "$last" "$page" "$(getconf CLK_TCK)" <<-'END'
		import re, sys
		a, b = (open(f).readline().split()[1:] for f in sys.argv[1:3])
		modes = "user nice system idle iowait irq softirq steal guest guest_nice".split()
		page, tick = open(sys.argv[3]).read(), int(sys.argv[4])
		for mode, low, high in zip(modes, a, b):
		    ours = float(re.search(r'host_cpu_seconds_total\{mode="%s"\} (\S+)' % mode, page)[1])
		    if mode in ("idle", "iowait"):  # the kernel corrects these, also downwards
		        low, high = int(low) - tick, int(high) + tick
		    assert int(low) / tick <= ours + 1e-6 and ours <= int(high) / tick + 1e-6, (mode, low, ours, high)
		use, idle = (float(re.search(r"(?m)^host_cpu_%s (\S+)" % k, page)[1]) for k in ("usage", "idle"))
		assert 0 <= use <= 100 and abs(use + idle - 100) < 1e-6
		own, vms = (float(re.search(r"(?m)^host_cpu_%s_time (\S+)" % k, page)[1]) for k in ("own", "vms"))
		assert own >= 0 and vms >= 0 and own <= use + 1e-6
	END
}
check "the host's CPU time is that of /proc/stat" between
kib() { awk -v key="$1:" '$1 == key { printf "%.0f", $2 * 1024 }' /proc/meminfo; }
check "its memory is that of /proc/meminfo" test "$(value host_memory_size)" = "$(kib MemTotal)"
check "and its swap" test "$(value host_swap_size)" = "$(kib SwapTotal)"
huge=/sys/kernel/mm/hugepages/hugepages-2048kB
[ ! -d $huge ] || check "and its huge pages" \
	test "$(value host_hugepages_pages 'size="2MiB"')" = "$(cat $huge/nr_hugepages)"
near_available() {
	local ours theirs
	settle 1
	ours=$(value host_memory_available) theirs=$(kib MemAvailable)
	python3 -c "import sys; o, t = map(float, sys.argv[1:]); sys.exit(abs(o - t) > t / 5)" "$ours" "$theirs"
}
check "available memory is near what /proc/meminfo says a moment later" near_available
check "VMs by state sum up" test "$(sum host_vms_by_state '')" -eq \
	$(($(value host_vms) + $(grep -c '^vm_down_since{' "$page")))
vms=${#qemus[@]}
[ "$(pgrep -fc '^qemu-system')" -ne $vms ] ||
	check "all VMs of this test are counted" test "$(value host_vms):$(value host_vcpus)" = "$vms:$vms"
[ ! -d /proc/pressure ] || check "pressure is there" test -n "$(value host_pressure_stalled 'resource="cpu"')"

# --- the end -----------------------------------------------------------------------------------
kill "${qemus[0]}"
gone() {
	local i
	for ((i = 0; i < 20; i++)); do
		settle 1
		[ -z "$(value vm_network_receive_bytes_total 'vm="still"')" ] && return
	done
	return 1
}
check "a VM that ends takes its series along" gone
agent_stop
check "a clean stop leaves no pins" test ! -e /sys/fs/bpf/kvmlens
AGENT_PID=
echo "1..$number"
exit $failed
