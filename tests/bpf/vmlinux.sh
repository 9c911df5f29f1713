#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# vmlinux.h agrees with the running kernel, and the check that says so catches a wrong header.
set -uo pipefail
cd "$TOP" || exit
status=0

if [ ! -r /sys/kernel/btf/vmlinux ]; then
	echo "this kernel has no BTF"
	exit 77
fi

scripts/check-vmlinux.py || status=1

cat >"$TEST_TMP/wrong.h" <<'TEXT'
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pid { int nosuch; };
struct task_struct { long long pid; void *se; };
struct nosuch_struct { int x; };
enum pid_type { PIDTYPE_TGID = 7 };
#pragma clang attribute pop
TEXT
scripts/check-vmlinux.py "$TEST_TMP/wrong.h" >"$TEST_TMP/out" && echo "a wrong header passed" && status=1
while read -r expected; do
	grep -qxF "error: $expected" "$TEST_TMP/out" || { echo "not caught: $expected" && status=1; }
done <<'TEXT'
struct pid: no field nosuch
struct task_struct: field pid is int 4, the header has int 8
struct task_struct: field se is struct sched_entity, the header has pointer
struct nosuch_struct: not in this kernel
enum pid_type: PIDTYPE_TGID is 1, the header has 7
TEXT
[ $status -eq 0 ] || cat "$TEST_TMP/out"
exit $status
