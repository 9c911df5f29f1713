#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The build notices what it should, and only that: an edited header, other flags, a new version, a
# file that went.
set -uo pipefail
cd "$TOP" || exit
status=0

mkdir "$TEST_TMP/tree"
scripts/sources.sh | cpio -pdm --quiet "$TEST_TMP/tree"
cd "$TEST_TMP/tree" || exit

# Build these two objects with the given settings; print the names of what was built.
objects="build/user/probe/sched.o build/user/util/text.o"
build() {
	# shellcheck disable=SC2086
	make CFLAGS=-O0 "$@" $objects 2>&1 | awk '/^  / { print $2 }' | sort | tr '\n' ' '
}

expect() {
	local what=$1 want=$2 got
	shift 2
	got=$(build "$@")
	case $want in
	nothing) [ -z "$got" ] ;;
	*) [[ " $got" == *" $want "* ]] ;;
	esac || { echo "$what: expected $want, built: $got" && status=1; }
}

except() {
	local got
	got=$(build)
	[[ " $got" != *" $2 "* ]] || { echo "$1: $2 was built again" && status=1; }
}

build >/dev/null
expect "built twice" nothing
sleep 0.01
touch include/sched_types.h
expect "a shared header was edited" build/bpf/sched.bpf.o
touch include/sched_types.h
expect "a shared header was edited" build/skel/sched.skel.h
touch include/sched_types.h
expect "a shared header was edited" build/user/probe/sched.o
touch include/sched_types.h
except "a shared header was edited" build/user/util/text.o
touch vmlinux/vmlinux.h
expect "vmlinux.h was edited" build/bpf/sched.bpf.o
touch bpf/core_fixes.bpf.h
expect "a BPF header was edited" build/bpf/sched.bpf.o
touch user/util/text.h
expect "a user header was edited" build/user/util/text.o
expect "other flags" build/user/util/text.o CFLAGS=-O1
expect "another version" build/user/util/text.o CFLAGS=-O1 VERSION=9.9.9
expect "the same flags again" nothing CFLAGS=-O1 VERSION=9.9.9
objects="build/libkvmlens.a"
build >/dev/null
mv user/util/text.c text.gone
expect "a source went" build/libkvmlens.a
ar t build/libkvmlens.a | grep -qx text.o && echo "a source went: it is still in the library" && status=1
make CFLAGS=-O0 V=1 -B build/user/probe/threads.o 2>&1 | grep -q -- '-c user/probe/threads.c' ||
	{ echo "V=1 does not show the command" && status=1; }
exit $status
