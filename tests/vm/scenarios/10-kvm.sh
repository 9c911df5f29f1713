# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The oracle itself: the mini VM's own count, KVM's counter and the kvm_exit tracepoint agree.
# Without this no other scenario's comparison would mean anything.
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

mini_start 3 --vcpus 2 --pin 0,1 || exit
tracing_start "$(mini_value 3 now 0 tid)"
mini_do "io 3000" 3 || exit
tracing_stop
near "kvm exits, tracepoint" "$(traced exits)" "$(mini_grown 3 0 exits)" 0 exits
near "kvm exits, debugfs" "$(mini_grown 3 vm vm_exits)" \
	"$(calc "$(mini_grown 3 0 exits) + $(mini_grown 3 1 exits)")" 0 exits
mini_do "hlt 200" 3 || exit
mini_stop 3
