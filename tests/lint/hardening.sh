#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is built is hardened, as the files themselves show: stack protector, fortified functions,
# stack clash protection, CET where the machine has it, full RELRO, position independence, and no
# memory that is written and executed.
set -uo pipefail
cd "$TOP" || exit
status=0

fail() {
	echo "$1: $2"
	status=1
}

# The headers, notes and symbols of a file once, for many looks.
check() {
	local file=$1 all
	all=$(readelf -hldnW "$file" 2>/dev/null) || { fail "$file" "cannot be read"; return; }
	symbols=$(readelf --dyn-syms -W "$file")
	grep -q 'GNU_RELRO' <<<"$all" || fail "$file" "no RELRO"
	grep -qE 'BIND_NOW|FLAGS_1.*NOW' <<<"$all" || fail "$file" "symbols are bound late: RELRO is partial"
	grep -qE 'Type: +DYN' <<<"$all" || fail "$file" "not position independent"
	! grep -qE 'TEXTREL' <<<"$all" || fail "$file" "code is relocated"
	grep -qE 'GNU_STACK.* RW ' <<<"$all" || fail "$file" "the stack is executable"
	! grep -qE 'LOAD.* RWE ' <<<"$all" || fail "$file" "memory is written and executed"
	grep -q '__stack_chk_fail' <<<"$symbols" || fail "$file" "no stack protector"
	grep -qE '__(memcpy|snprintf|vsnprintf|memmove|read)_chk' <<<"$symbols" || fail "$file" "nothing is fortified"
}

# Debian's start files have no CET, so that no program does as a whole: each object of ours has it.
check_cet() {
	local objects
	read -ra objects < <(cat "$BUILD/.lib-objects" "$BUILD/.app-objects" | tr '\n' ' ')
	[ "$(readelf -nW "${objects[@]}" | grep -c 'IBT, SHSTK')" -eq ${#objects[@]} ] ||
		fail "$BUILD/user" "an object lacks CET"
}

check "$BUILD/kvmlens"
check "$BUILD/libkvmlens.so.0"
[ "$(uname -m)" != x86_64 ] || check_cet
readelf -dW "$BUILD/kvmlens" | grep -qE 'FLAGS_1.*PIE' || fail "$BUILD/kvmlens" "no PIE"
# It leaves no trace in a file but in what the compiler says of itself.
producer=$(readelf --debug-dump=info "$BUILD/user/main.o" 2>/dev/null | grep DW_AT_producer)
[[ $producer == *-fstack-clash-protection* ]] || fail "$BUILD/user/main.o" "no stack clash protection"
exit $status
