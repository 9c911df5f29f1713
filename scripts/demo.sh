#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Three small Linux guests that fight for one CPU, and the live view of them. Everything that this
# starts ends with it, even when it is killed.
set -euo pipefail

usage() {
	cat <<'TEXT'
usage: demo.sh [--seconds N]

demo-web (1 vCPU) and demo-db (2) always want to run, demo-batch now and then; all are pinned to one
CPU, so that each waits for the others. On a terminal `kvmlens top` shows them until you press q;
elsewhere one table of N seconds (default 10) is printed.
TEXT
}

here=$(dirname "$(readlink -f "$0")")
kvmlens=${KVMLENS:-$here/../build/kvmlens}
seconds=10
pids=()

die() {
	echo "demo: $*" >&2
	exit 1
}

cleanup() {
	trap '' INT TERM HUP
	local tenths
	if [ ${#pids[@]} -gt 0 ]; then
		kill -TERM "${pids[@]}" 2>/dev/null || true
		for ((tenths = 0; tenths < 30; tenths++)); do
			[ -n "$(jobs -pr)" ] || break
			sleep 0.1
		done
		kill -KILL "${pids[@]}" 2>/dev/null || true
		wait || true
	fi
	rm -rf "$dir"
}

# KVM where the CPU has it; a /dev/kvm without the CPU's help is slower than emulation.
accel() {
	if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then
		echo kvm
	else
		echo tcg,tb-size=64
	fi
}

# Start a guest: its name, its number of vCPUs, what its kernel command line says besides.
start_guest() {
	local name=$1 vcpus=$2
	shift 2
	setpriv --pdeathsig KILL qemu-system-x86_64 -name "$name,debug-threads=on" \
		-uuid "$(cat /proc/sys/kernel/random/uuid)" -accel "$(accel)" -cpu max -smp "$vcpus" -m 128 \
		-nodefaults -no-user-config -display none -serial "file:$dir/$name.console" \
		-kernel "$kernel/vmlinuz" -initrd "$dir/initrd" \
		-append "console=ttyS0 quiet panic=-1 name=$name $*" </dev/null >"$dir/$name.log" 2>&1 &
	pids+=($!)
}

wait_ready() {
	local name deadline=$((SECONDS + 120))
	for name; do
		until grep -q GUEST-READY "$dir/$name.console" 2>/dev/null; do
			[ $SECONDS -lt $deadline ] || die "guest $name did not boot; its last words: $(tail -n 3 \
				"$dir/$name.console" "$dir/$name.log" 2>&1)"
			sleep 0.2
		done
	done
}

# All threads of all guests onto the last CPU that this process may use.
pin_guests() {
	local pid cpu
	cpu=$(taskset -cp $$ | grep -oE '[0-9]+$')
	for pid in "${pids[@]}"; do
		taskset -acp "$cpu" "$pid" >/dev/null
	done
	echo "demo: demo-web, demo-db and demo-batch run, all on CPU $cpu"
}

show() {
	if [ -t 0 ] && [ -t 1 ]; then
		"$kvmlens" top --vm 'demo-*'
	else
		"$kvmlens" top --vm 'demo-*' --once --interval "${seconds}s"
	fi
}

while [ $# -gt 0 ]; do
	case $1 in
	--seconds) seconds=${2:?} && shift ;;
	-h | --help) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
	shift
done
[ "$(id -u)" -eq 0 ] || die "needs root: sudo make demo"
[ -x "$kvmlens" ] || die "$kvmlens is not built: make"
kernel=$("$here/guest-kernel.sh" 6.1)
dir=$(mktemp -d "${TMPDIR:-/tmp}/kvmlens-demo.XXXXXX")
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
"$here/guest-image.sh" plain --kernel "$kernel" -o "$dir/initrd"
echo "demo: booting three guests ($(accel))"
start_guest demo-web 1 burn=1
start_guest demo-db 2 burn=2
start_guest demo-batch 1 doze=1
wait_ready demo-web demo-db demo-batch
pin_guests
show
