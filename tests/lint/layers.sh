#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The layers hold, and the check that says so catches each kind of wrong include.
set -uo pipefail
cd "$TOP" || exit
status=0

fail() {
	echo "$*"
	status=1
}

# Lay one file with one include line and hand it to the check.
check_one() {
	rm -rf "$TEST_TMP/user"
	mkdir -p "$TEST_TMP/user/$(dirname "$1")"
	echo "#include $2" >"$TEST_TMP/user/$1"
	scripts/check-layers.sh "$TEST_TMP/user" >"$TEST_TMP/out"
}

refused() {
	! check_one "$1" "$2" || fail "not caught: $1 includes $2"
	grep -q "^$1:1: " "$TEST_TMP/out" || fail "$1 with $2: no line says where"
}

accepted() {
	check_one "$1" "$2" || fail "refused: $1 includes $2: $(cat "$TEST_TMP/out")"
}

scripts/check-layers.sh || status=1
refused util/str.h '"core/tick.h"'
refused metric/x.c '"vm/inventory.h"'
refused export/prom.c '"probe/loader.h"'
refused web/face.c '"vm/inventory.h"'
refused core/tick.c '<bpf/libbpf.h>'
refused core/tick.c '"sched.skel.h"'
refused export/prom.c '<libvirt/libvirt.h>'
refused agent.c '"cli/run.h"'
refused core/tick.c '"tick.h"'
refused stray/x.c '<stdio.h>'
accepted probe/loader.c '<bpf/libbpf.h>'
accepted probe/loader.c '"sched.skel.h"'
accepted export/prom.c '"metric/model.h"'
accepted core/tick.c '"probe/loader.h"'
accepted core/tick.c '<stdio.h>'
accepted main.c '"agent.h"'
exit $status
