#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who a VM is and which disks it has, without libvirt: real QEMUs are asked themselves ("info uuid",
# "info name", "info block") and compared with what /proc shows. No guest runs, and no agent.
set -uo pipefail
skip() {
	echo "$*"
	exit 77
}
command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
[ "$(id -u)" -eq 0 ] || skip "needs root"

number=0 failures=0
says() { # says WHAT REGEX COMMAND...
	local what=$1 regex=$2
	shift 2
	number=$((number + 1))
	"$@" >"$TEST_TMP/said" 2>&1
	if grep -qE "$regex" "$TEST_TMP/said"; then
		echo "ok $number - $what"
	else
		failures=$((failures + 1))
		echo "not ok $number - $what"
		grep -A2 processes "$TEST_TMP/said" | sed 's/^/# /'
	fi
}

# hidden by COMMAND...: in a mount namespace whose /proc hides other users' processes.
hiding() {
	unshare -m sh -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' sh "$@"
}

says "doctor sees every process" '^ *ok +processes' "$KVMLENS" doctor
says "doctor in a pid namespace of its own" 'own: of the host.s [0-9]+ threads it shows [1-9] *, and no' \
	unshare -p -f --mount-proc "$KVMLENS" doctor
# Process 1 is root's: another user does not see it.
says "doctor under hidepid, of another user" 'hidepid=(2|invisible), shows .* threads 1,' \
	hiding setpriv --reuid 65534 --regid 65534 --clear-groups "$KVMLENS" doctor
[ "$failures" -eq 0 ] || exit 1
FIRST=$number WHOIS=$BUILD/tests/e2e/whois python3 "$TOP/tests/e2e/lib/identity.py"
