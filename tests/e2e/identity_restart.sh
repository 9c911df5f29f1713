#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A QEMU with Proxmox's kind of command line is stopped and started again beside another of the same
# name: it is the same VM to the page and to the history, by the UUID that QEMU itself has. In a pid
# namespace of its own the agent says how much of the host it does not see.
set -uo pipefail
# A BPF file system of its own: another agent may run on this host, with its pins.
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --mount --propagation private "$0"
fi
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

skip() {
	echo "$*"
	exit 77
}
[ "$(id -u)" -eq 0 ] || skip "needs root"
command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"

uuid=11111111-2222-4333-8444-555555555555
other=11111111-2222-4333-8444-666666666666
store=$TEST_TMP/history.db
declare -A vms

cleanup() {
	[ -z "${AGENT_PID:-}" ] || agent_stop
	kill -9 "${vms[@]}" 2>/dev/null
}
trap cleanup EXIT

number=0 failures=0
same() {
	number=$((number + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $number - $1: $2"
	else
		failures=$((failures + 1))
		echo "not ok $number - $1: '$2' instead of '$3'"
	fi
}

# start_vm KEY UUID DISK
start_vm() {
	qemu-system-x86_64 -name shop,debug-threads=on -no-shutdown -smbios "type=1,uuid=$2" \
		-object '{"id":"t0","limits":{},"qom-type":"throttle-group"}' \
		-blockdev '{"driver":"throttle","file":{"driver":"raw","file":{"driver":"file","filename":"'"$TEST_TMP"'/iso","node-name":"e1","read-only":true},"node-name":"f1","read-only":true},"node-name":"drive-ide2","read-only":true,"throttle-group":"t0"}' \
		-blockdev '{"detect-zeroes":"on","driver":"throttle","file":{"driver":"raw","file":{"driver":"file","filename":"'"$TEST_TMP//$3"'","node-name":"e2","read-only":false},"node-name":"f2","read-only":false},"node-name":"drive-scsi0","read-only":false,"throttle-group":"t0"}' \
		-nodefaults -device virtio-scsi-pci,id=virtioscsi0 -device ide-cd,drive=drive-ide2,id=ide2 \
		-device scsi-hd,bus=virtioscsi0.0,channel=0,scsi-id=0,lun=0,drive=drive-scsi0,id=scsi0 \
		-machine hpet=off,type=q35 -accel tcg -m 32 -S -display none 2>"$TEST_TMP/qemu.$1" &
	vms[$1]=$!
}

stop_vm() {
	kill -9 "${vms[$1]}"
	wait "${vms[$1]}" 2>/dev/null
	unset "vms[$1]"
}

page() {
	curl -sf "$AGENT_URL/metrics"
}

# gone REGEX: until no line of the page matches, 20 s at most.
gone() {
	local i
	for ((i = 0; i < 200; i++)); do
		page >"$TEST_TMP/page" && ! grep -qE "$1" "$TEST_TMP/page" && return
		sleep 0.1
	done
}

truncate -s 1M "$TEST_TMP/iso"
truncate -s 8M "$TEST_TMP/disk"
truncate -s 8M "$TEST_TMP/disk2"
start_vm shop $uuid disk
start_vm other $other disk2
agent_start "$TEST_TMP/agent.log" --interval 1s --provider proc --store "$store" || exit 1
agent_wait_metric "^vm_info\{.*$uuid" || echo "no vm_info"
agent_wait_metric "^vm_disk_size\{.*$uuid.*drive-scsi0" || echo "no disk"
page >"$TEST_TMP/page"
info=$(grep "^vm_info{.*$uuid" "$TEST_TMP/page")
same "vm_info" "${info%%,owner=*}" "vm_info{vm=\"shop\",uuid=\"$uuid\",uuid_source=\"smbios\""
same "disks, neither firmware nor CD" \
	"$(grep "^vm_disk_size{.*$uuid" "$TEST_TMP/page" | sed 's/.*disk="\([^"]*\)".* /\1 /')" "drive-scsi0 8388608"
stop_vm shop
gone "^vm_up\{.*$uuid"
same "it is gone, and the other is not" "$(grep -c "^vm_up{.*\(5\|6\)\{12\}" "$TEST_TMP/page")" 1
start_vm shop $uuid disk
agent_wait_metric "^vm_info\{.*$uuid" || echo "it does not come back"
page >"$TEST_TMP/page"
same "vm_info after a restart" "$(grep "^vm_info{.*$uuid" "$TEST_TMP/page")" "$info"
sleep 3
agent_stop
AGENT_PID=
"$KVMLENS" history --all vm.up --since 10m --store "$store" --format json >"$TEST_TMP/history"
same "series of the history, one a VM" "$(python3 - "$TEST_TMP/history" <<'END'
import json, sys
series = json.load(open(sys.argv[1]))
print(*sorted(s["uuid"] for s in series if s["vm"].startswith("shop")))
END
)" "$uuid $other"

# threads: of the whole host, as the kernel counts them.
threads() {
	sed 's|.*/\([0-9]*\) .*|\1|' /proc/loadavg
}

printf '#!/bin/sh\nexec unshare -p -f --mount-proc --kill-child "%s" "$@"\n' "$KVMLENS" >"$TEST_TMP/inside"
chmod +x "$TEST_TMP/inside"
KVMLENS=$TEST_TMP/inside agent_start "$TEST_TMP/inside.log" --interval 1s --provider proc --store none || exit 1
agent_wait_metric '^kvmlens_threads_hidden [1-9]' || echo "nothing is hidden"
before=$(threads)
page >"$TEST_TMP/page"
hidden=$(sed -n 's/^kvmlens_threads_hidden //p' "$TEST_TMP/page")
own=$(cat /proc/"$(pgrep -P "$AGENT_PID")"/status | sed -n 's/^Threads:\t//p')
after=$(threads)
echo "# $hidden hidden, $own of the agent itself; $before and $after threads of the host"
# The namespace holds the agent's children, too; and threads come and go on a host.
same "threads hidden and seen are the host's" \
	"$((hidden + own >= (before < after ? before : after) - 12 && hidden <= (before > after ? before : after) + 12))" 1
same "no VM is seen there" "$(grep -c ^vm_up "$TEST_TMP/page")" 0
same "the log says so" "$(grep -c "reduced: /proc hides" "$TEST_TMP/inside.log")" 1
kill -9 "$AGENT_PID"
wait "$AGENT_PID" 2>/dev/null
AGENT_PID=
echo "1..$number"
exit $((failures != 0))
