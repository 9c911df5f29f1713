#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# record.sh KERNEL_DIR SECONDS OUT.jsonl: what a few guests of this machine do, as kvmlens run --json
# tells it, a snapshot a second at detail detailed; record.py makes of it what tests/data/recorded
# has. KERNEL_DIR is one made by scripts/guest-kernel.sh. Needs root and a network namespace and BPF
# file system of its own, which it makes.
set -euo pipefail
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --net --mount --propagation private "$0" "$@"
fi
top=$(dirname "$(readlink -f "$0")")/../..
kernel=$1 seconds=$2 out=$3
work=$(mktemp -d)
qemus=() others=() # processes

cleanup() {
	kill "${qemus[@]}" "${others[@]}" 2>/dev/null || true
	wait
	rm -rf "$work"
}
trap cleanup EXIT

# A packet now and then, to one guest more than to another; each is answered: nobody listens.
chatter() {
	while sleep "0.$((RANDOM % 9 + 1))"; do
		head -c "$((200 * $1))" /dev/zero 2>/dev/null >"/dev/udp/10.9.$1.2/9" || true
	done
}

# guest NAME NUMBER VCPUS APPEND: all give way to whatever else the machine does.
guest() {
	qemu-img create -q -f raw "$work/$1" 64M
	ip tuntap add "tap$2" mode tap
	ip addr add "10.9.$2.1/24" dev "tap$2"
	ip link set "tap$2" up
	nice -n 10 qemu-system-x86_64 -accel tcg,thread=multi -m 128 -smp "$3" -nodefaults -display none \
		-no-reboot -name "guest=$1,debug-threads=on" \
		-uuid "00000000-0000-4000-8000-00000000000$2" -serial "file:$work/$1.console" \
		-kernel "$kernel/vmlinuz" -initrd "$work/image" \
		-append "console=ttyS0 quiet panic=-1 name=$1 addr=10.9.$2.2/24 $4" \
		-device virtio-balloon -netdev "tap,id=n,ifname=tap$2,script=no,downscript=no" \
		-device virtio-net-pci,netdev=n \
		-drive "file=$work/$1,if=virtio,format=raw,cache=none,aio=native,throttling.iops-total=150" \
		</dev/null &
	qemus+=($!)
	chatter "$2" &
	others+=($!)
}

# Within a minute.
booted() {
	local i
	for ((i = 0; i < 120; i++)); do
		if grep -q GUEST-READY "$work/$1.console" 2>/dev/null; then return; fi
		sleep 0.5
	done
	return 1
}

mount -t bpf bpf /sys/fs/bpf
ip link set lo up
"$top/scripts/guest-image.sh" plain --kernel "$kernel" -o "$work/image"
guest idle 1 1 ""
guest doze 2 2 "doze=2"
guest disk 3 1 "write=vda"
guest burst 4 1 "doze=1 burn=1 wait=60 for=$((seconds / 3))"
for name in idle doze disk burst; do
	booted "$name" || { echo "guest $name did not boot" && exit 1; }
done
"$top/build/kvmlens" run --json "$out" --interval 1s --detail detailed --store none --listen none &
agent=$!
others+=("$agent")
sleep "$seconds"
kill -TERM $agent
wait $agent
kill -0 "${qemus[@]}" || { echo "a guest died on the way" && exit 1; }
