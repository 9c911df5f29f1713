# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The oracles themselves: what the mini VM did, KVM's counters and the kvm_exit tracepoint agree.
# Without this no other scenario's comparison would mean anything.
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

mini_start 3 --vcpus 2 --pin 0,1 || exit
mark 3
tracing_start ""
mini_do "io 3000" 3 || exit
tracing_stop
exits=$(mini_grown 3 vm vm_exits)
near "exits, tracepoint against debugfs" "$(traced exits)" "$exits" 0 exits
each=$(mini_grown 3 0 exits)
if [ -n "$each" ]; then
	near "exits, statistics against debugfs" $((each + $(mini_grown 3 1 exits))) "$exits" 0 exits
fi
if [ "$exits" -ge 6002 ] && [ "$exits" -lt 6602 ]; then
	ok "exits are the VM's own" "6002 port writes, $exits exits"
else
	fail "exits are the VM's own" "6002 port writes, but $exits exits"
fi
mark 3
mini_do "hlt 200" 3 || exit
near "halts" "$(mini_grown 3 vm vm_halt_exits)" 400 0 halts
mini_stop 3
