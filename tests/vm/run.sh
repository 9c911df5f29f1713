#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The vm tier: boot Debian kernels as emulated KVM hosts (QEMU's TCG with nested SVM), run the
# freshly built agent in each and compare it with the kernel's own numbers.
#
#   tests/vm/run.sh [KERNEL|libvirt:KERNEL]...
#
# KERNEL is 5.10, 6.1, 6.12 or newest. With libvirt: the emulated host has this machine's root, a
# libvirtd of its own and a domain that boots Linux. Without arguments: what `everything` lists.
#
# As many hosts as this machine has CPUs run at a time; JOBS changes that.
# SCENARIOS="10-kvm 20-exits" runs only those. KEEP=1 keeps the images. Logs: build/vm/.
# Prints TAP. Exit code: 0 all passed, 77 nothing could run, else a failure.
set -euo pipefail

TOP=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
KVMLENS=${KVMLENS:-$BUILD/kvmlens}
everything="5.10 6.1 6.12 newest libvirt:6.1 libvirt:newest"
out=$BUILD/vm
silence_seconds=120
qemu='' tcg_threads=single
number=0 failures=0 passes=0

# A result of this host, without its number: hosts run side by side, and `number_results` counts.
tap() {
	number=$((number + 1))
	case $1 in
	ok) echo "ok - $2" ;;
	skip) echo "ok - ${2%%: *} # SKIP ${2#*: }" ;;
	*) echo "not ok - $2" ;;
	esac
}

# Print what a host said, its results numbered.
number_results() {
	local line
	while IFS= read -r line; do
		case $line in
		'ok - '* | 'not ok - '*)
			number=$((number + 1))
			echo "${line%% - *} $number - ${line#*- }"
			;;
		*) echo "$line" ;;
		esac
		case $line in
		'ok - '*'# SKIP '*) ;;
		'ok - '*) passes=$((passes + 1)) ;;
		'not ok - '*) failures=$((failures + 1)) ;;
		esac
	done <"$1"
}

skip_all() {
	echo "$*"
	exit 77
}

# Print each result line of a boot as TAP, with the kernel in front.
report() {
	local kernel=$1 kind text before=$number
	while read -r kind text; do
		case $kind in
		ok | fail | skip) tap "$kind" "$kernel $text" ;;
		time) echo "# $kernel $text" ;;
		end | '') ;;
		*) echo "# $kernel unexpected line: $kind $text" ;;
		esac
	done < <(tr -d '\r' <"$2")
	[ "$number" -gt "$before" ] || ! finished "${2%.results}" ||
		tap fail "$kernel checked nothing, see ${2%.results}.console"
}

# Wait for QEMU to end; end it when neither of its serial lines has said anything for long.
watch_qemu() {
	local log=$1 said='' size silent=0
	while kill -0 "$qemu" 2>/dev/null; do
		sleep 1
		size=$(stat -c %s "$log.console" "$log.results" 2>/dev/null | tr '\n' ' ')
		silent=$((silent + 1))
		[ "$size" = "$said" ] || silent=0
		said=$size
		[ $silent -lt "$silence_seconds" ] || break
	done
	stop_qemu
}

stop_qemu() {
	[ -n "$qemu" ] || return 0
	kill "$qemu" 2>/dev/null || true
	wait "$qemu" 2>/dev/null || true
	qemu=
}

# QEMU 7.2 leaves garbage in the flags after a cmpxchg16b, of which 6.12's allocator makes much; and
# with a thread for each CPU it runs stale code now and then when a kernel patches itself, as it
# does for tracepoints. So there is no cx16, and one thread unless speed matters more.
#
# Boot an emulated host once. Results are in LOG.results, its console in LOG.console.
boot() {
	local kernel_dir=$1 image=$2 log=$3 append=$4
	shift 4
	: >"$log.results"
	: >"$log.console"
	setpriv --pdeathsig KILL qemu-system-x86_64 -accel "tcg,thread=$tcg_threads" -cpu max,cx16=off \
		-smp 2 -m 1536 \
		-display none -nodefaults -no-reboot -kernel "$kernel_dir/vmlinuz" -initrd "$image" \
		-serial "file:$log.console" -serial "file:$log.results" \
		-append "console=ttyS0 quiet panic=-1 oops=panic $append" "$@" </dev/null >"$log.qemu" 2>&1 &
	qemu=$!
	watch_qemu "$log"
}

finished() {
	grep -aq '^end' "$1.results"
}

# Boot, and once more if the emulated machine itself fell over; report what was said.
run_host() {
	local kernel=$1 log=$4
	shift
	boot "$@"
	if ! finished "$log"; then
		echo "# $kernel: the emulated host fell over, it is booted once more; its last words:"
		{ panic_lines "$log.console" || tail -n 5 "$log.console"; } | sed 's/^/#   /'
		cp "$log.console" "$log.console.first"
		boot "$@"
	fi
	report "$kernel" "$log.results"
	if ! finished "$log"; then
		# A host of several emulated CPUs is felled by QEMU itself now and then; the hosts of one
		# thread, which load the same programs, are not, and may not skip.
		if [ "$tcg_threads" = multi ]; then
			tap skip "$kernel: the emulated host fell over twice"
		else
			tap fail "$kernel did not finish, see $log.console"
		fi
		tail -n 15 "$log.console" | sed 's/^/#   /'
	fi
}

panic_lines() {
	grep -aE 'Kernel panic|BUG: |Oops|general protection|lockup|RCU .*stall|RIP:' "$1" | head -n 5 | grep .
}

# Set kernel_dir to a kernel's directory. Fails, having said so, when there is none.
get_kernel() {
	local name=$1 status=0
	shift
	kernel_dir=$("$TOP/scripts/guest-kernel.sh" "$@") || status=$?
	case $status in
	0) echo "# $name is $(cat "$kernel_dir/release")" ;;
	69) tap skip "$name: this machine's Debian mirror does not offer it" ;;
	*) tap fail "$name could not be fetched" ;;
	esac
	return $status
}

test_kernel() {
	local kernel=$1 image=$out/host-$1.cpio
	get_kernel "$kernel" "$kernel" || return 0
	"$TOP/scripts/guest-image.sh" host --kernel "$kernel_dir" -o "$image" \
		--file "$TOP/tests/vm/main.sh:/test/main" --file "$TOP/tests/vm/lib.sh:/test/lib.sh" \
		--file "$TOP/tests/vm/scenarios:/test/scenarios" \
		--file "$TOP/tests/vm/expect:/test/expect" \
		--bin "$BUILD/tests/vm/mini:/test/mini" --bin "$KVMLENS:/test/kvmlens" \
		--bin "$BUILD/tests/bpf/test_memslots:/test/memslots" \
		--bin "$BUILD/tests/bpf/test_net:/test/test_net" --module sch_ingress --module cls_bpf \
		--bin "$BUILD/tests/bpf/test_block:/test/test_block"
	tcg_threads=single
	run_host "$kernel" "$kernel_dir" "$image" "$out/$kernel" "test=$kernel,${SCENARIOS// /,}"
	[ -n "${KEEP:-}" ] || rm -f "$image"
}

# The domain's kernel is the small one, whatever kernel its host has.
test_libvirt() {
	local kernel=$1 image=$out/root-$1.cpio guest=$out/guest-$1.cpio guest_dir
	command -v libvirtd >/dev/null || { tap skip "libvirt:$kernel: libvirtd is not installed"; return; }
	get_kernel "6.1" 6.1 || return 0
	guest_dir=$kernel_dir
	"$TOP/scripts/guest-image.sh" plain --kernel "$guest_dir" -o "$guest"
	get_kernel "libvirt:$kernel" --flavour generic "$kernel" || return 0
	"$TOP/scripts/guest-image.sh" hostroot --kernel "$kernel_dir" -o "$image"
	tcg_threads=multi
	run_host "libvirt:$kernel" "$kernel_dir" "$image" "$out/libvirt-$kernel" \
		"run=$TOP/tests/vm/hostroot/libvirt.sh test=$TOP,$BUILD,$guest_dir/vmlinuz,$guest" \
		-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
		-device virtio-9p-pci,fsdev=root,mount_tag=hostroot
	[ -n "${KEEP:-}" ] || rm -f "$image" "$guest"
}

# All of one host: its results are in build/vm/HOST.tap.
test_host() {
	trap stop_qemu EXIT
	trap 'exit 1' TERM
	case $1 in
	libvirt:*) test_libvirt "${1#*:}" ;;
	*) test_kernel "$1" ;;
	esac
}

stop_hosts() {
	local hosts
	mapfile -t hosts < <(jobs -p)
	[ ${#hosts[@]} -eq 0 ] || kill "${hosts[@]}" 2>/dev/null || true
	wait
}

main() {
	local kernel running=0
	trap stop_hosts EXIT
	SCENARIOS=${SCENARIOS:-}
	[ "$(uname -m)" = x86_64 ] || skip_all "the emulated hosts need an x86-64 machine"
	command -v qemu-system-x86_64 >/dev/null || skip_all "qemu-system-x86 is not installed"
	make -s -C "$TOP" B="${BUILD#"$TOP/"}" "${KVMLENS#"$TOP/"}" "${BUILD#"$TOP/"}/tests/vm/mini" \
		"${BUILD#"$TOP/"}/tests/e2e/reap" "${BUILD#"$TOP/"}/tests/bpf/test_net" \
		"${BUILD#"$TOP/"}/tests/bpf/test_memslots" "${BUILD#"$TOP/"}/tests/bpf/test_block"
	mkdir -p "$out"
	# shellcheck disable=SC2086 # words are wanted
	[ $# -gt 0 ] || set -- $everything
	for kernel; do
		if [ $running -ge "${JOBS:-$(nproc)}" ]; then
			wait -n || true
			running=$((running - 1))
		fi
		test_host "$kernel" >"$out/${kernel/:/-}.tap" 2>&1 &
		running=$((running + 1))
	done
	wait
	for kernel; do number_results "$out/${kernel/:/-}.tap"; done
	echo "1..$number"
	[ $failures -eq 0 ] || exit 1
	[ $passes -gt 0 ] || skip_all "no kernel could be booted"
}

main "$@"
