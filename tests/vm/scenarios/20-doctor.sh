# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the kernel lets the agent do: every finding of doctor that speaks of the kernel is "ok", but
# for those that expect/KERNEL names as refused, one a line with the reason.
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

kvmlens doctor >$work/doctor 2>&1 || true
cat $work/doctor

refused() {
	[ -f "/test/expect/$1" ] && sed 's/#.*//' "/test/expect/$1" | grep -qw "$2"
}

for feature in $(sed 's/#.*//' /test/expect/features); do
	state=$(awk -v name="$feature" '$2 == name { print $1 }' $work/doctor)
	why=$(grep -A1 -w "$feature" $work/doctor | sed -n 's/.*why: //p')
	wanted=ok
	! refused "$kernel" "$feature" || wanted=no
	if [ "$state" = $wanted ]; then
		ok "feature $feature" "$state${why:+, because $why}"
	else
		fail "feature $feature" "'$state' where '$wanted' is right${why:+: $why}"
	fi
done
others=$(awk '$1 == "no" { print $2 }' $work/doctor | grep -vwFf /test/expect/features | tr '\n' ' ')
echo "also refused: ${others:-nothing}"
