#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make install` lays down: a program that starts, a man page and a unit without complaint, a
# library that shows its public functions alone, and the example, built through pkg-config against
# the shared and against the static library, that collects from a provider of its own.
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
		share/man/man8/kvmlens.8.gz; do
		[ -e "$root/usr/$path" ] || fail "not installed: $path"
	done
	grep -rIl '@[A-Z]*@' "$root" && fail "a placeholder was left"
	grep -q '^ExecStart=/usr/sbin/kvmlens run' "$root/usr/lib/systemd/system/kvmlens.service" ||
		fail "the unit starts something else"
	"$root/usr/sbin/kvmlens" version | grep -qF "$version" || fail "the program does not say $version"
}

check_manual() {
	local complaints
	complaints=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z \
		"$root/usr/share/man/man8/kvmlens.8.gz" 2>&1 >/dev/null)
	[ -z "$complaints" ] || fail "manual: $complaints"
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
	wanted=$(sed 's:/\*.*\*/::' include/kvmlens.h |
		grep -oE '^[a-z].*[ *]kvmlens_[a-z_]+(\(|;)' | grep -oE 'kvmlens_[a-z_]+[(;]$' | tr -d '(;' | sort -u)
	shown=$(nm -D --defined-only "$root/usr/lib/libkvmlens.so" | awk '{ print $3 }' | sort -u)
	diff <(echo "$wanted") <(echo "$shown") || fail "the library shows other functions than kvmlens.h"
}

pkg_config() {
	PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$root/usr/lib/pkgconfig PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
		PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config "$@" libkvmlens
}

# Three snapshots of two VMs that read 1,000,000 bytes a second by the clock.
check_example() {
	local out=$TEST_TMP/$1.out rate
	LD_LIBRARY_PATH=$root/usr/lib "$TEST_TMP/$1" alpha beta >"$out" 2>&1 || fail "$1: $(tail -n 3 "$out")"
	for vm in alpha beta; do
		[ "$(grep -c "^vm.up .*vm=$vm .*1\$" "$out")" -ge 2 ] || fail "$1: $vm is not up in each snapshot"
		rate=$(grep "^vm.disk.read_throughput .*vm=$vm " "$out" | tail -n 1)
		awk -v rate="${rate##* }" 'BEGIN { exit !(rate > 990000 && rate < 1010000) }' ||
			fail "$1: $vm reads 1000000 bytes a second, but: $rate"
	done
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
check_example shared
check_example static
make -s uninstall DESTDIR="$root" PREFIX=/usr >/dev/null
left=$(find "$root" -type f -o -type l)
[ -z "$left" ] || fail "uninstall leaves $left"
exit $status
