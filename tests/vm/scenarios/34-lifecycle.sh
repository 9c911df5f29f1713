# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A VM is there within an interval of its start and down within two of its end, without any other
# series.
#
# oracle: vm_up vm_cpu_vcpus: the VMs that this test starts and ends
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

agent_start --detail basic || exit

shows() {
	scrape && [ "$(metric now vm_up "vm=\"$1\"")" = 1 ]
}

shows_down() {
	scrape && [ "$(metric now vm_up "vm=\"$1\"")" = 0 ] &&
		[ -z "$(metric now vm_cpu_vcpus "vm=\"$1\"")" ]
}

# Ticks from now until the command succeeds.
ticks_until() {
	scrape
	from=$(metric now kvmlens_ticks_total)
	await 20 "$@" || { echo none && return; }
	echo $(($(metric now kvmlens_ticks_total) - from))
}

judge() {
	if [ "$2" != none ] && [ "$2" -le "$3" ]; then
		ok "$1" "after $2 collections, at most $3 are allowed"
	else
		fail "$1" "after $2 collections, at most $3 are allowed"
	fi
}

mini_start 5 --vcpus 3 --name mini5 || exit
# A page is up to one collection old, and an emulated host may lose another.
judge "a new VM is found" "$(ticks_until shows mini5)" 3
near "its vCPUs" "$(metric now vm_cpu_vcpus 'vm="mini5"')" 3 0 vCPUs
mini_stop 5
judge "a VM that ended is down" "$(ticks_until shows_down mini5)" 3
agent_stop
