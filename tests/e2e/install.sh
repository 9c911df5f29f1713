#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make install` lays down: a program that starts, a man page and a unit without complaint, a
# library that shows its public functions alone, and the example, built through pkg-config against
# the shared and against the static library, that collects by a provider of its own.
set -uo pipefail
cd "$TOP" || exit
root=$TEST_TMP/root
status=0

fail() {
	echo "$*"
	status=1
}

check_files() {
	local version=$1 path
	for path in sbin/kvmlens lib/libkvmlens.a "lib/libkvmlens.so.$version" lib/libkvmlens.so \
		include/kvmlens.h lib/pkgconfig/libkvmlens.pc lib/systemd/system/kvmlens.service \
		share/man/man8/kvmlens.8.gz share/man/man5/kvmlens.yaml.5.gz \
		share/man/man7/kvmlens-metrics.7.gz; do
		[ -e "$root/usr/$path" ] || fail "not installed: $path"
	done
	grep -rIl '@[A-Z]*@' "$root" && fail "a placeholder was left"
	grep -q '^ExecStart=/usr/sbin/kvmlens run' "$root/usr/lib/systemd/system/kvmlens.service" ||
		fail "the unit starts something else"
	"$root/usr/sbin/kvmlens" version | grep -qF "$version" || fail "the program does not say $version"
}

check_manual() {
	local complaints page
	for page in "$root"/usr/share/man/man*/*.gz; do
		complaints=$({ LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z \
			"$page" >/dev/null; zcat "$page" | mandoc -T lint -W warning; } 2>&1)
		[ -z "$complaints" ] || fail "manual ${page##*/}: $complaints"
	done
}

# systemd looks for programs where the unit says, so it is shown one that is there.
check_unit() {
	local complaints
	sed "s:/usr/sbin/kvmlens:$root/usr/sbin/kvmlens:; /^Documentation=/d" \
		"$root/usr/lib/systemd/system/kvmlens.service" >"$TEST_TMP/kvmlens.service"
	complaints=$(systemd-analyze verify "$TEST_TMP/kvmlens.service" 2>&1 | grep -F kvmlens)
	[ -z "$complaints" ] || fail "unit: $complaints"
}

check_symbols() {
	local wanted shown
	wanted=$({
		grep -oE '^[a-z].*[ *]kvmlens_[a-z_]+\(' include/kvmlens.h | grep -v '^typedef'
		grep -E '^extern const .*;' include/kvmlens.h
	} | grep -oE 'kvmlens_[a-z_]+[(;]$' | tr -d '(;' | sort -u)
	shown=$(nm -D --defined-only "$root/usr/lib/libkvmlens.so" | awk '{ print $3 }' | sort -u)
	diff <(echo "$wanted") <(echo "$shown") || fail "the library shows other functions than kvmlens.h"
}

pkg_config() {
	PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$root/usr/lib/pkgconfig PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
		PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config "$@" libkvmlens
}

# Two emulated VMs, which do nothing but wait in their firmware for a disk.
start_vm() {
	setpriv --pdeathsig KILL qemu-system-x86_64 -name "$1,debug-threads=on" -accel tcg -smp "$2" -m 32 \
		-nodefaults -no-user-config -display none </dev/null >"$TEST_TMP/$1.log" 2>&1 &
}

# The value of the last line for a metric and labels in FILE.
value() {
	awk -v metric="$2" -v label=" $3 " '$1 == metric && index($0, label) { v = $NF } END { print v }' "$1"
}

check_example() {
	local out=$TEST_TMP/$1.out vm
	LD_LIBRARY_PATH=$root/usr/lib "$TEST_TMP/$1" "one=$one" "two=$two" >"$out" 2>&1 ||
		fail "$1: $(tail -n 3 "$out")"
	[ "$(grep -c '^snapshot ' "$out")" -ge 3 ] || fail "$1: fewer than 3 snapshots"
	for vm in one two; do
		[ "$(value "$out" vm.up "vm=$vm")" = 1 ] || fail "$1: $vm is not up"
		[ -n "$(value "$out" vm.cpu.ready_time "vm=$vm")" ] || fail "$1: $vm has no ready time"
	done
	[ "$(value "$out" vm.cpu.vcpus vm=one)" = 1 ] || fail "$1: one has not 1 vCPU"
	[ "$(value "$out" vm.cpu.vcpus vm=two)" = 2 ] || fail "$1: two has not 2 vCPUs"
}

make -s install DESTDIR="$root" PREFIX=/usr >/dev/null || exit
version=$(make -s -p -n help 2>/dev/null | sed -n 's/^VERSION := //p')
check_files "$version"
check_manual
check_unit
check_symbols
# shellcheck disable=SC2046 # several words
gcc -Wall -Werror -Wno-unused-parameter -o "$TEST_TMP/shared" tests/example/example.c \
	$(pkg_config --cflags --libs) || fail "the example does not build"
# shellcheck disable=SC2046
gcc -o "$TEST_TMP/static" tests/example/example.c $(pkg_config --cflags) -L"$root/usr/lib" \
	-l:libkvmlens.a $(pkg_config --libs --static | sed 's/-lkvmlens//') ||
	fail "the example does not build against the static library"
start_vm one 1
one=$!
start_vm two 2
two=$!
check_example shared
check_example static
kill "$one" "$two"
wait
make -s uninstall DESTDIR="$root" PREFIX=/usr >/dev/null
left=$(find "$root" -type f -o -type l)
[ -z "$left" ] || fail "uninstall leaves $left"
exit $status
