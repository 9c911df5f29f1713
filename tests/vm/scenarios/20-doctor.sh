# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the kernel lets the agent do: every finding of doctor is "ok", but for those that
# expect/KERNEL names as refused, one a line with the reason.
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

kvmlens doctor >$work/doctor 2>&1 || true
cat $work/doctor

refused() {
	[ -f "/test/expect/$1" ] && sed 's/#.*//' "/test/expect/$1" | grep -qw "$2"
}

# Whatever is refused is looked at, whether it is expected to be there or not.
for feature in $({
	sed 's/#.*//' /test/expect/features
	awk '$1 == "no" { print $2 }' $work/doctor
} | sort -u); do
	state=$(awk -v name="$feature" '$2 == name { print $1 }' $work/doctor)
	why=$(grep -A1 -w "$feature" $work/doctor | sed -n 's/.*why: //p')
	wanted=ok
	# shellcheck disable=SC2154 # set by main.sh
	! refused "$kernel" "$feature" || wanted=no
	if [ "$state" = $wanted ]; then
		ok "feature $feature" "$state${why:+, because $why}"
	else
		fail "feature $feature" "'$state' where '$wanted' is right${why:+: $why}"
	fi
done
