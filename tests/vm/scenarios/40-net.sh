# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Hooks on a real tap in each kernel's best form, clsact before 6.6: tests/bpf/test_net.c.
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

test_net >$work/net.log 2>&1
status=$?
cat $work/net.log
asserts=$(awk '$1 == "asserts" { print $4, $5 }' $work/net.log)
if [ $status -eq 0 ] && [ "${asserts#* }" = 0 ] && [ "${asserts% *}" -gt 100 ]; then
	ok "taps" "${asserts% *} assertions"
else
	fail "taps" "status $status, $(grep CU_ASSERT $work/net.log | head -n 3 | tr '\n' ' ')"
fi
