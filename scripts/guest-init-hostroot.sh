#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Init of an emulated KVM host whose root is the real machine's, read over 9p. What is written
# goes to memory: the machine itself is never changed. The kernel command line may say:
#   run=PATH    the shell script of that root to run
#   test=WORDS  its arguments, separated by commas
# shellcheck source=scripts/guest-init-common.sh
. /etc/guest-common.sh

mount_root() {
	mkdir -p /lower /new
	mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=512000,cache=loose hostroot /lower ||
		return
	mount -t tmpfs upper /mnt
	mkdir /mnt/upper /mnt/work
	mount -t overlay -o lowerdir=/lower,upperdir=/mnt/upper,workdir=/mnt/work root /new || return
	mount -t proc proc /new/proc
	mount -t sysfs sys /new/sys
	mount -t debugfs debug /new/sys/kernel/debug
	mount -t tracefs trace /new/sys/kernel/tracing
	mount -t bpf bpf /new/sys/fs/bpf
	mount -t cgroup2 cgroup /new/sys/fs/cgroup
	mount -t tmpfs run /new/run
	mount --bind /dev /new/dev
	mount --bind /dev/pts /new/dev/pts
	mount --bind /dev/shm /new/dev/shm
}

mount_basics
load_modules
hostname host
ip link set lo up
mount_root || echo "HOST-NO-ROOT"
echo "HOST-UP $(uname -r) $(uptime_s)"
# shellcheck disable=SC2046 # words are wanted
HOME=/root chroot /new /bin/bash "$(arg run /bin/true)" $(arg test '' | tr ',' ' ')
echo "HOST-DONE $? $(uptime_s)"
poweroff -f
