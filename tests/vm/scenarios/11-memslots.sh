# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# KVM's own map of a guest's RAM, of this kernel's layout, against slots that the test itself set.
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

# shellcheck disable=SC2154 # work is set by lib.sh
if /test/memslots >$work/memslots 2>&1; then
	ok "memory slots" "$(grep -c passed $work/memslots) cases"
else
	cat $work/memslots
	fail "memory slots" "$(grep -m1 -E 'no memory slots|Failures|needs|no VM' $work/memslots)"
fi
