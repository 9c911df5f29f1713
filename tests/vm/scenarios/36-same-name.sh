# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Two VMs of one name and a service that restarts fight with a third VM: no series is on the page
# twice, the VMs can be told apart, and what is charged is what was waited.
#
# oracle: vm_cpu_blame_seconds_total: its sum is run_delay in schedstat
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

group=/sys/fs/cgroup/service
service_start() {
	mkdir $group 2>/dev/null
	taskset -c 1 sh -c 'while :; do :; done' </dev/null 3>&- 4>&- 5>&- 9>&- &
	service=$!
	echo $service >$group/cgroup.procs
}

service_stop() {
	kill $service
	wait $service
	rmdir $group
}

mini_start 3 --vcpus 1 --pin 1 --name victim || exit
mini_start 4 --vcpus 1 --pin 1 --name twin || exit
mini_start 5 --vcpus 1 --pin 1 --name twin || exit
agent_start --detail diagnostic || exit
mark 3 4 5
service_start
mini_do "spin 500" 3 4 5
# At least one collection names the first group before it is gone.
agent_settle
service_stop
service_start
mini_do "spin 500" 3 4 5
agent_settle
service_stop
agent_settle

twice=$(grep -v '^#' $work/now | sed 's/ [^ ]*$//' | sort | uniq -d | head -n 3 | tr '\n' ' ')
if [ -z "$twice" ]; then
	ok "no series twice" "$(grep -vc '^#' $work/now) series"
else
	fail "no series twice" "$twice"
fi
twins=$(grep '^vm_cpu_blame_seconds_total{vm="victim"' $work/now | grep -c 'by="vm:twin#')
if [ "$twins" = 2 ] && ! grep '^vm_cpu_blame_seconds_total{vm="victim"' $work/now | grep -q 'by="vm:twin"'; then
	ok "two VMs of one name are told apart" "$twins series"
else
	fail "two VMs of one name are told apart" "$(grep '^vm_cpu_blame_seconds_total{vm="victim"' $work/now | tr '\n' ' ')"
fi
near "blame of the victim, all of it, against its ready time" \
	"$(metric_grown_ns vm_cpu_blame_seconds_total 'vm="victim"')" "$(mini_grown 3 0 delay)" 0.001 ns
for by in 'by="vm:twin#' 'by="cgroup:/service"'; do
	blamed=$(metric_grown vm_cpu_blame_seconds_total 'vm="victim"' "$by")
	if is_true "${blamed:-0} > 0.1"; then
		ok "the victim waited for $by" "$blamed s"
	else
		fail "the victim waited for $by" "only ${blamed:-0} s"
	fi
done
left_out=$(metric now kvmlens_lost_total 'reason="duplicate_series"')
if [ "$left_out" = 0 ]; then
	ok "no series had to be left out" "$left_out"
else
	fail "no series had to be left out" "$left_out"
fi
agent_stop
mini_stop 3
mini_stop 4
mini_stop 5
