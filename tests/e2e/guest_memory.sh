#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Emulated guests of several kernels and memory layouts, read from outside with nothing in them, and
# every value compared with the guest's own /proc, reported on its serial console.
#
#   tests/e2e/guest_memory.sh                 the oldest, a split map, the newest, a fork storm
#   tests/e2e/guest_memory.sh CASE-GLOB       the cases whose name matches, "*" for all
#
# Prints TAP. Exit code: 0 all equal, 77 no kernel could be had, else a failure.
set -uo pipefail
shopt -s extglob

TOP=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
TEST_TMP=${TEST_TMP:-$(mktemp -d)}
here=$TOP/tests/e2e/guest
only=${1:-}
chosen="@(5.10|6.12 shared memfd, 6 GiB|newest|6.1 a fork storm, a thousand walks)"
number=0 failures=0

tap() {
	number=$((number + 1))
	echo "$1 $number - $2"
	[ "$1" = ok ] || failures=$((failures + 1))
}

# A case: its name, the kernel, words for the kernel's command line, walks, then QEMU's options.
run_case() {
	local name=$1 version=$2 append=$3 walks=$4 kernel log
	shift 4
	# shellcheck disable=SC2053 # a glob
	[[ $name == ${only:-$chosen} ]] || return 0
	log=$TEST_TMP/${name// /-}.log
	kernel=$("$TOP/scripts/guest-kernel.sh" "$version" 2>>"$log") || {
		echo "ok $((++number)) - $name # SKIP no kernel $version on this machine's mirror"
		return 0
	}
	make_image "$kernel" || exit 1
	if compare "$@" || { [ $? = 75 ] && compare "$@"; }; then
		tap ok "$name: $(tail -n 1 "$log")"
	else
		tap "not ok" "$name"
		tail -n 15 "$log" | cut -c -200 | sed 's/^/# /'
	fi
}

# Sees the variables of run_case. Status 75: the guest fell over, which is not what is tested.
compare() {
	timeout 300 "$here/compare.py" --kernel "$kernel/vmlinuz" --initrd "$image" \
		--dump "$BUILD/tests/e2e/guestdump" --append "$append" --walks "$walks" -cpu max "$@" >>"$log" 2>&1
}

# The initramfs has no modules: it is the same for every kernel.
image=$TEST_TMP/image
make_image() {
	[ ! -e "$image" ] || return 0
	"$TOP/scripts/guest-image.sh" plain --kernel "$1" -o "$image" --bin "$TEST_TMP/guestrep" \
		--file "$here/init:/init"
}

command -v qemu-system-x86_64 >/dev/null || {
	echo "no qemu-system-x86_64"
	exit 77
}
[ "$(id -u)" = 0 ] || {
	echo "must be root to read another process's memory"
	exit 77
}
${CC:-gcc} -O2 -w -static -pthread -D_GNU_SOURCE -o "$TEST_TMP/guestrep" "$here/guestrep.c" || exit 1

small="-m 512 -smp 1"
# shellcheck disable=SC2086 # options in words
{
	run_case "5.10" 5.10 "" 3 $small
	run_case "5.10 without KASLR, 4 levels" 5.10 "nokaslr" 3 -m 512 -cpu max,la57=off
	run_case "6.1" 6.1 "" 3 $small
	run_case "6.1 with PTI, 4 levels" 6.1 "pti=on" 3 -m 512 -cpu max,la57=off
	run_case "6.1 RAM above 4 GiB, q35" 6.1 "" 3 -machine q35 -m 3072 -smp 1
	run_case "6.1 two CPUs" 6.1 "run=burn" 3 -m 512 -smp 2
	run_case "6.1 a thousand processes" 6.1 "many=1000" 20 -m 1024 -smp 1
	run_case "6.1 a thousand walks" 6.1 "" 1000 $small
	run_case "6.1 a fork storm, a thousand walks" 6.1 "run=churn" 1000 $small
	run_case "newest a fork storm, a thousand walks" newest "run=churn" 1000 $small
	run_case "6.12" 6.12 "" 3 $small
	run_case "6.12 shared memfd, 6 GiB" 6.12 "" 3 -machine q35,memory-backend=m0 -smp 1 -m 6144 \
		-object memory-backend-memfd,id=m0,size=6144M,share=on
	run_case "newest" newest "" 3 $small
	run_case "newest without KASLR" newest "nokaslr" 3 $small
	run_case "newest a thousand processes" newest "many=1000" 20 -m 1024 -smp 1
}
[ $failures -eq 0 ]
