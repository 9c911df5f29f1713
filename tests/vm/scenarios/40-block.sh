# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The block programs count right on this kernel: the test of the bpf tier, with a loop device.
# Time is left out, as an emulated clock and an emulated disk say nothing.
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

[ -e /dev/loop-control ] || {
	skip "block" "this kernel has no loop devices"
	exit
}
/test/test_block counts >$work/block 2>&1
status=$?
cat $work/block
if [ $status -eq 0 ]; then
	ok "block" "$(awk '$1 == "asserts" { print $4 " of " $2 " assertions hold" }' $work/block)"
else
	fail "block" "$(grep -E '^ +[0-9]+\. ' $work/block | head -n 3 | tr '\n' ';')"
fi
