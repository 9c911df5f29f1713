#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Memory of a libvirt guest by its balloon, against the guest's own /proc, which it tells on its
# console once a second; a guest that stands still; a balloon that is asked to move.
#
# oracle: vm_memory_total_bytes vm_memory_free vm_memory_available vm_memory_used vm_memory_usage_percent: the guest's own /proc/meminfo
# oracle: vm_memory_faults_total vm_memory_major_faults_total: the guest's own /proc/vmstat
# oracle: vm_memory_balloon_current vm_memory_balloon_target: what virsh setmem was asked for
set -uo pipefail
# shellcheck source=tests/e2e/lib/libvirtd.sh
. "$TOP/tests/e2e/lib/libvirtd.sh"
# shellcheck source=tests/e2e/lib/domain.sh
. "$TOP/tests/e2e/lib/domain.sh"
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
# Another kernel than that of the other tests of guests: the sums of a page fault differ.
kernel=$("$TOP/scripts/guest-kernel.sh" "${BALLOON_KERNEL:-6.12}" 2>"$TEST_TMP/kernel.log") || {
	echo "no kernel ${BALLOON_KERNEL:-6.12} on this machine's mirror"
	exit 77
}
number=0 failed=0
page=$TEST_TMP/page serial=$TEST_TMP/serial

check() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@"; then echo "ok $number - $name"; else
		echo "not ok $number - $name"
		failed=1
	fi
}

cleanup() {
	[ -z "${AGENT_PID:-}" ] || kill -9 "$AGENT_PID" 2>/dev/null
	libvirtd_stop
}
trap cleanup EXIT

# await SECONDS COMMAND...
await() {
	local tries=$(($1 * 5))
	shift
	for ((; tries > 0; tries--)); do
		"$@" && return
		sleep 0.2
	done
	return 1
}

value() {
	curl -sf "$AGENT_URL/metrics" >"$page" && awk -v name="$1{" -v label="${2:-vm=\"b1\"}" \
		'index($1, name) == 1 && index($0, label) { print $NF; exit }' "$page"
}

has() { [ -n "$(value "$@")" ]; }
lacks() { value kvmlens_ticks_total x >/dev/null && [ -z "$(value "$@")" ]; }
is() { [ "$(value "$1")" = "$2" ]; }
source_is() { [ "$(value vm_source_up 'source="balloon"')" = "$1" ]; }
reports() { grep -c '^REP.*major=[0-9]' "$serial" 2>/dev/null; }
has_reports() { [ "$(reports)" -ge "$1" ]; }

# Our values lie between those that the guest told before and after: what moves, moves little.
same_memory() {
	local first last
	first=$(reports)
	await 30 has_reports $((first + 3)) || return
	curl -sf "$AGENT_URL/metrics" >"$page" || return
	last=$(reports)
	await 30 has_reports $((last + 2)) || return
	# A report, the provider's round and the tick may each be a second or two old.
	python3 - "$page" "$serial" $((first > 4 ? first - 4 : 0)) <<-'END'
		import re, sys
		page, first = open(sys.argv[1]).read(), int(sys.argv[3])
		lines = [l for l in open(sys.argv[2], errors="replace").read().replace("\r", "").split("\n")
		         if re.match(r"REP .*major=\d+$", l)]
		reps = [dict((k, int(v)) for k, v in (w.split("=") for w in l.split()[1:])) for l in lines[first:]]
		def ours(name):
		    return float(re.search(r"(?m)^%s\{[^}]*\} (\S+)" % name, page)[1])
		wrong = []
		def within(name, got, values, slack):
		    if not min(values) - slack <= got <= max(values) + slack:
		        wrong.append(f"# {name}: ours {got:.0f}, the guest says {min(values)} to {max(values)}")
		MB = 1 << 20
		within("total", ours("vm_memory_total_bytes"), [r["total"] * 1024 for r in reps], 0)
		within("free", ours("vm_memory_free"), [r["free"] * 1024 for r in reps], MB)
		within("available", ours("vm_memory_available"), [r["available"] * 1024 for r in reps], MB)
		within("used", ours("vm_memory_used"), [(r["total"] - r["available"]) * 1024 for r in reps], MB)
		within("percent", ours("vm_memory_usage_percent"),
		       [100 * (r["total"] - r["available"]) / r["total"] for r in reps], 1)
		within("faults", ours("vm_memory_faults_total"), [r["faults"] for r in reps], 0)
		within("major faults", ours("vm_memory_major_faults_total"), [r["major"] for r in reps], 0)
		print("\n".join(wrong), end="\n" if wrong else "")
		sys.exit(bool(wrong))
	END
}

image=$TEST_TMP/image
"$TOP/scripts/guest-image.sh" plain --kernel "$kernel" -o "$image" \
	--file "$TOP/tests/e2e/guest/balloon-init:/init" || exit 1
libvirtd_start "$TEST_TMP/lv" || exit 1
domain_xml b1 mem=256 vcpus=1 kernel="$kernel/vmlinuz" initrd="$image" serial="$serial" balloon=1 \
	>"$TEST_TMP/b1.xml"
virsh_ create "$TEST_TMP/b1.xml" >/dev/null || exit 1
agent_start "$TEST_TMP/agent.log" --interval 1s --detail detailed --store none --uri "$LIBVIRT_URI" || exit 1

await 90 has_reports 3
check "the guest talks" has_reports 3
check "the balloon's report comes" await 60 has vm_memory_used
check "it is said to be the source" await 20 source_is 1
check "its values are those of the guest's own /proc" same_memory
check "page faults have a rate" await 30 has vm_memory_page_faults
check "the balloon's size is the guest's memory" await 20 is vm_memory_balloon_current 268435456
check "and so is its target" await 20 is vm_memory_balloon_target 268435456

virsh_ suspend b1 >/dev/null
check "what a guest that stands still has said becomes absent" await 60 lacks vm_memory_used
check "the source is down then" await 20 source_is 0
check "its balloon's size, which the host knows, stays" is vm_memory_balloon_current 268435456
virsh_ resume b1 >/dev/null
check "and it comes back" await 60 has vm_memory_used
virsh_ setmem b1 200M --live >/dev/null
check "a balloon that was asked to move shows its new size" \
	await 60 is vm_memory_balloon_current 209715200
check "and its target once it rests" await 30 is vm_memory_balloon_target 209715200
agent_stop
AGENT_PID=
echo "1..$number"
exit $failed
