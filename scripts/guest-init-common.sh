# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by the init of every guest image.
export PATH=/bin:/sbin HOME=/root TERM=dumb

# The value of KEY=VALUE on the kernel's command line, else the default given.
arg() {
	read -r line </proc/cmdline
	for word in $line; do
		case $word in
		"$1="*) echo "${word#*=}" && return ;;
		esac
	done
	echo "$2"
}

flag() {
	grep -qw -- "$1" /proc/cmdline
}

mount_basics() {
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t devtmpfs dev /dev
	mkdir -p /dev/pts /dev/shm
	mount -t devpts pts /dev/pts
	mount -t tmpfs shm /dev/shm
	mount -t tmpfs tmp /tmp
	mount -t tmpfs run /run
	ln -sf /proc/self/fd /dev/fd
}

load_modules() {
	while read -r module; do
		insmod "/modules/$module" || echo "guest: module $module was refused"
	done </modules/order
}

uptime_s() {
	cut -d' ' -f1 /proc/uptime
}
