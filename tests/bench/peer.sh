#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What watching 100 domains with 2 disks and 2 interfaces each costs, at standard, every 10 s: CPU
# time of kvmlens, all its processes, against one core and against prometheus-libvirt-exporter, which
# is scraped at the same moments on the same domains.
set -uo pipefail
# shellcheck source=tests/e2e/lib/libvirtd.sh
. "$TOP/tests/e2e/lib/libvirtd.sh"
# shellcheck source=tests/e2e/lib/domain.sh
. "$TOP/tests/e2e/lib/domain.sh"
number=${PEER_VMS:-100} scrapes=${PEER_SCRAPES:-6} interval=10
pids=()

cleanup() {
	[ ${#pids[@]} -eq 0 ] || { kill "${pids[@]}"; wait "${pids[@]}"; } 2>/dev/null
	libvirtd_stop
}
trap cleanup EXIT

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
for tool in libvirtd prometheus-libvirt-exporter curl; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
have=$(awk '/MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
[ "$have" -ge $((number * 40 + 1024)) ] || { echo "too little memory for $number domains"; exit 77; }

inside() {
	nsenter --target "$LIBVIRTD_PID" --mount --net -- "$@"
}

# Ticks of CPU time of a process, its threads, and its children, living and reaped.
ticks() {
	local pid sum=0 n
	for pid in "$1" $(pgrep -P "$1"); do
		n=$(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 + $14 + $15 }')
		sum=$((sum + n))
	done
	echo "$sum"
}

series() {
	inside curl -sf --max-time 20 "$1" | grep -vc '^#'
}

libvirtd_start "$TEST_TMP/lv" || exit 1
echo "defining $number domains"
for ((i = 0; i < number; i++)); do
	truncate -s 1M "$TEST_TMP/$i.a" "$TEST_TMP/$i.b"
	domain_xml "peer-$i" mem=16 vcpus=1 disk="$TEST_TMP/$i.a" disk="$TEST_TMP/$i.b" \
		tap="pa$i" tap="pb$i" >"$TEST_TMP/xml"
	virsh_ create --paused "$TEST_TMP/xml" >/dev/null || exit 1
done
# Not through the function: its shell would be the process that is measured.
enter=(nsenter --target "$LIBVIRTD_PID" --mount --net --)
"${enter[@]}" prometheus-libvirt-exporter --libvirt.uri="$LIBVIRT_URI" \
	--web.listen-address=127.0.0.1:19177 >"$TEST_TMP/exporter.log" 2>&1 &
pids+=($!)
theirs=$!
"${enter[@]}" "$KVMLENS" run --listen 127.0.0.1:10177 --interval ${interval}s --uri "$LIBVIRT_URI" --store none \
	>"$TEST_TMP/kvmlens.log" 2>&1 &
pids+=($!)
ours=$!
our_url=http://127.0.0.1:10177/metrics their_url=http://127.0.0.1:19177/metrics
for ((i = 0; i < 60; i++)); do
	sleep 1
	[ "$(inside curl -sf "$our_url" | grep -c '^vm_disk_read_iops{vm="peer-')" -ge $((2 * number)) ] && break
done
echo "series: kvmlens $(series $our_url), prometheus-libvirt-exporter $(series $their_url)"
[ "$(inside curl -sf "$our_url" | grep -c '^vm_up{vm="peer-')" -eq "$number" ] ||
	{ echo "kvmlens does not see all domains"; tail -n 5 "$TEST_TMP/kvmlens.log"; exit 1; }
[ "$(series $their_url)" -gt "$number" ] || { tail -n 5 "$TEST_TMP/exporter.log"; exit 1; }

our_start=$(ticks $ours) their_start=$(ticks $theirs) start=$EPOCHREALTIME
for ((i = 0; i < scrapes; i++)); do
	sleep $interval
	inside curl -sf -o /dev/null "$our_url"
	inside curl -sf -o /dev/null "$their_url"
done
awk -v a="$start" -v b="$EPOCHREALTIME" -v o="$(($(ticks $ours) - our_start))" \
	-v t="$(($(ticks $theirs) - their_start))" -v n="$number" -v hz="$(getconf CLK_TCK)" 'BEGIN {
	ours = o / hz / (b - a) * 100; theirs = t / hz / (b - a) * 100
	printf "%d domains: kvmlens %.2f %% of a core, prometheus-libvirt-exporter %.2f %%\n", n, ours, theirs
	exit !(ours < 1 && ours < theirs)
}'
