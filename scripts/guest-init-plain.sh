#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Init of a plain test guest. Its kernel command line may say:
#   name=N      host name
#   burn=N      N busy loops, loop i pinned to the guest's CPU i
#   doze=N      N loops that are busy for a moment and then sleep 10 ms, pinned likewise
#   addr=A/L    static address of eth0; gw=A the default route
#   write=DEV   4 KiB direct writes to /dev/DEV without end, read=DEV reads
#   writes=DEV:N,...  N direct writes of 4 KiB to /dev/DEV, and a flush, one device after the other,
#               once; then a GUEST-WROTE line; reads=DEV:N,... as many reads after that, before the line
#   wait=S      the loads start S seconds after GUEST-READY, not at once
#   for=S       and end after S seconds; a GUEST-LOAD line tells /proc/stat a second later, and
#               another before the wait; in between nothing but the loads runs
#   report=S    one line on the console every S seconds: uptime, and /proc/stat's line of each CPU
#   shell       a shell on the console
# shellcheck source=scripts/guest-init-common.sh
. /etc/guest-common.sh

pinned() {
	cpu=$1
	shift
	taskset -c "$((cpu % $(nproc)))" "$@" </dev/null >/dev/null 2>&1 &
	load_pids="$load_pids $!"
}

loads() {
	i=0
	while [ $i -lt "$(arg burn 0)" ]; do
		pinned $i sh -c 'while :; do :; done'
		i=$((i + 1))
	done
	i=0
	while [ $i -lt "$(arg doze 0)" ]; do
		# shellcheck disable=SC2016 # for the inner shell
		pinned $i sh -c 'while :; do n=2000; while [ $n -gt 0 ]; do n=$((n - 1)); done; usleep 10000; done'
		i=$((i + 1))
	done
	for dev in $(arg write ''); do
		pinned 0 sh -c "while :; do dd if=/dev/zero of=/dev/$dev bs=4k count=1000 oflag=direct; done"
	done
	for dev in $(arg read ''); do
		pinned 0 sh -c "while :; do dd if=/dev/$dev of=/dev/null bs=4k count=1000 iflag=direct; done"
	done
}

writes() {
	for item in $(arg writes '' | tr , ' '); do
		dd if=/dev/zero of="/dev/${item%:*}" bs=4k count="${item#*:}" oflag=direct conv=fsync 2>/dev/null
	done
	for item in $(arg reads '' | tr , ' '); do
		dd if="/dev/${item%:*}" of=/dev/null bs=4k count="${item#*:}" iflag=direct 2>/dev/null
	done
	echo "GUEST-WROTE $(arg writes '')"
}

network() {
	ip link set lo up
	[ -n "$(arg addr '')" ] || return
	ip addr add "$(arg addr '')" dev eth0
	ip link set eth0 up
	[ -z "$(arg gw '')" ] || ip route add default via "$(arg gw '')"
}

guest_agent() {
	mkdir -p /dev/virtio-ports /var/run
	for port in /sys/class/virtio-ports/*; do
		[ ! -e "$port/name" ] || ln -sf "../${port##*/}" "/dev/virtio-ports/$(cat "$port/name")"
	done
	channel=/dev/virtio-ports/org.qemu.guest_agent.0
	[ ! -e $channel ] || ! command -v qemu-ga >/dev/null ||
		qemu-ga -m virtio-serial -p $channel >/tmp/agent.log 2>&1 &
}

# The console is slow: one short line.
stat_line() {
	echo "$1 $(uptime_s) $(grep '^cpu[0-9]' /proc/stat | tr '\n' ';')"
}

report() {
	while :; do
		stat_line GUEST-STAT
		sleep "$1"
	done
}

timed_loads() {
	seconds=$(arg for '')
	wait=$(arg wait 0)
	[ -z "$seconds" ] || stat_line "GUEST-LOAD begin"
	sleep "$wait"
	[ -z "$seconds" ] || echo "GUEST-LOAD start"
	loads
	[ -n "$seconds" ] || return
	sleep "$seconds"
	# shellcheck disable=SC2086 # words are wanted
	kill -9 $load_pids
	# A tick accounts one tick of steal at most; a CPU makes up for the rest when it leaves idleness.
	sleep 1
	for cpu in $(seq 0 $(($(nproc) - 1))); do
		taskset -c "$cpu" usleep 1000
	done
	stat_line "GUEST-LOAD end"
}

mount_basics
load_modules
hostname "$(arg name guest)"
network
guest_agent
echo "GUEST-READY $(uname -r) $(uptime_s)"
[ -z "$(arg report '')" ] || report "$(arg report '')" &
timed_loads &
[ -z "$(arg writes '')" ] || writes &
if flag shell; then
	while :; do setsid cttyhack sh; done
fi
while :; do sleep 1000; done
