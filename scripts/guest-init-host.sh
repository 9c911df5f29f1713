#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Init of an emulated KVM host: mount what the agent may need, load KVM, run the script /test/main, power
# off. The kernel command line may say:
#   test=WORDS  arguments of /test/main, separated by commas
# shellcheck source=scripts/guest-init-common.sh
. /etc/guest-common.sh

mount_basics
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
load_modules
hostname host
ip link set lo up
echo "HOST-UP $(uname -r) $(uptime_s)"
# shellcheck disable=SC2046 # words are wanted
sh /test/main $(arg test '' | tr ',' ' ')
echo "HOST-DONE $? $(uptime_s)"
poweroff -f
