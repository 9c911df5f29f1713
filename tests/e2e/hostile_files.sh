#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Files of a user's process that are no plain files: a lease on a disk image makes an open() wait for
# 45 s, a file called as a macvtap's device is nobody's interface. The user loses its own data, a
# VM of root's beside it keeps all of its own, and the agent ends at once.
set -uo pipefail
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"
# shellcheck source=tests/e2e/lib/hostile.sh
. "$TOP/tests/e2e/lib/hostile.sh"
[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
for tool in qemu-system-x86_64 qemu-img; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
if [ -z "${HOSTILE_PRIVATE:-}" ]; then
	HOSTILE_PRIVATE=yes exec unshare --mount --net --propagation private "$0"
fi
hostile_init
ip link set lo up

qemu-img create -q -f qcow2 "$DIR/leased.qcow2" 3G
chown $USER_ID "$DIR/leased.qcow2"
qemu-img create -q -f qcow2 "$DIR/real.qcow2" 5G
qemu-system-x86_64 -accel tcg -S -m 16 -nodefaults -display none -name guest=real,debug-threads=on \
	-drive "file=$DIR/real.qcow2,format=qcow2,if=virtio,id=disk" </dev/null >/dev/null 2>&1 &
pids+=($!)
FAKE_LEASE=$DIR/leased.qcow2 fake leased -name leased -drive "file=$DIR/leased.qcow2,format=qcow2,if=virtio,id=disk" || exit 1
leased=$FAKE_PID
# The device of an interface of the host, by its name alone.
ip link add hostnic type veth peer name hostpeer && ip link set hostnic up
index=$(ip -j link show hostnic | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["ifindex"])')
touch "$DIR/tap$index" && chown $USER_ID "$DIR/tap$index"
mkdir "$DIR/dev"
# In a mount namespace of its own the file is /dev/tapN.
cat >"$DIR/in_dev" <<END
mount --bind "$DIR" /dev && cd / && exec setpriv --reuid $USER_ID --regid $USER_ID --clear-groups "$DIR/bin/qemu-system-x86_64" "$DIR/fake_vmm.py" -name tapped
END
FAKE_OPEN=/dev/tap$index FAKE_READY=$DIR/tmp/tapped.ready PYTHONHOME=/usr unshare --mount sh "$DIR/in_dev" \
	</dev/null >"$DIR/tmp/tapped.log" 2>&1 &
tapped=$!
pids+=("$tapped")
until_true 10 test -e "$DIR/tmp/tapped.ready" || { echo "the fake does not start: $(cat "$DIR/tmp/tapped.log")"; exit 1; }
echo "# the file is $(readlink "/proc/$tapped/fd/"* | grep tap)"

# A plain open() of the leased file, for the harm that this is about.
begun=$(date +%s%N)
timeout 3 cat "$DIR/leased.qcow2" >/dev/null 2>&1
echo "# a plain open: $((($(date +%s%N) - begun) / 1000000)) ms, ended by force with 3000"

agent_start "$DIR/agent.log" --interval 1s --detail detailed --provider proc --store none || exit 1
shown() { [ "$(value vm_disk_size 'vm="real"' 'disk="disk"')" = 5368709120 ]; }
check "the other VM's image has its size" until_true 15 shown
refused() { [ "$(value kvmlens_refused_total "owner=\"$USER_ID\"" 'reason="file"')" -ge 1 ]; }
check "the lease is counted" until_true 15 refused
unknown() { [ -z "$(value vm_disk_size "vm=\"$USER_ID/leased\"")" ] && grep -q "^vm_up{vm=\"$USER_ID/leased\"" "$DIR/page"; }
check "the leased image's virtual size is absent, its VM is there" unknown

oldest=0
for ((i = 0; i < 20; i++)); do
	age=$(value vm_source_age 'vm="real"' 'source="host_memory"')
	oldest=$(awk -v a="${age:-99}" -v b="$oldest" 'BEGIN {print (a > b ? a : b)}')
	sleep 0.25
done
echo "# the other VM's values are $oldest s old at most"
check "which are no older than without the fake: three intervals" awk -v a="$oldest" 'BEGIN {exit !(a < 3)}'
waiting() { cat /proc/$AGENT_PID/task/*/wchan 2>/dev/null | grep -c break_lease; }
check "no thread waits for the lease" test "$(waiting)" = 0
named() { [ "$(grep -c "owner: owner $USER_ID (uid $USER_ID), process $leased: a disk image" "$DIR/agent.log")" = 1 ]; }
check "the fake is named once" named
nothing() { page && grep -q "^vm_up{vm=\"$USER_ID/tapped\"" "$DIR/page" && ! grep -q "^vm_network.*vm=\"$USER_ID/tapped\".*nic=" "$DIR/page"; }
check "a file that is called /dev/tap$index is no interface" nothing
begun=$(date +%s%N)
agent_stop
took=$((($(date +%s%N) - begun) / 1000000))
AGENT_PID=''
echo "# ended in $took ms"
check "the agent ends within 5 s" test $took -lt 5000
finish
