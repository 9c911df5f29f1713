/* SPDX-License-Identifier: Apache-2.0 */
/* Stalls: no vCPU ran although one wanted to. Rows as metric/table.h says. */
METRIC(VM, vm_stall_active, "vm.stall.active", GAUGE, U64, stall.active, "bool", BASIC, CPU,
       "bpf, proc",
       "1 while the VM stalls: no vCPU has run for a while although one wanted to. A paused VM does not stall.")
METRIC(VM, vm_stall_total, "vm.stall_total", COUNTER, U64, stall.count, "count", STANDARD, CPU,
       "bpf, proc",
       "Stalls that have begun: times that no vCPU ran for longer than stall of the configuration although one wanted to.")
METRIC(VM, vm_stall_seconds_total, "vm.stall_seconds_total", COUNTER, NS, stall.ns, "seconds",
       STANDARD, CPU, "bpf, proc",
       "Time that all stalls took, counted from the moment that the last vCPU stopped.")
METRIC(VM, vm_stall_last_cause, "vm.stall.last_cause", GAUGE, U64, stall.last_cause, "code",
       STANDARD, CPU, "proc",
       "Cause of the last stall: 0 there was none, 1 not scheduled, 2 throttled by a quota, 3 an exit that the VMM did not finish, 4 a page fault on the host, 6 its process stopped from outside.")
METRIC(VM, vm_stall_main_loop_up, "vm.stall.main_loop_up", GAUGE, U64, stall.main_loop_up, "bool",
       DETAILED, CPU, "bpf, proc",
       "1 while the main loop of the VMM serves its events, 0 once it has been held up for a second.")
METRIC(VM, vm_stall_main_loop_seconds_total, "vm.stall.main_loop_seconds_total", COUNTER, NS,
       stall.main_loop_ns, "seconds", DETAILED, CPU, "bpf, proc",
       "Time that the main loop of the VMM was held up for a second or longer.")
METRIC(STALL, vm_stall_cause_total, "vm.stall.cause_total", COUNTER, U64, count, "count", DETAILED,
       CPU, "bpf, proc", "Stalls of this cause that have ended.")
METRIC(STALL, vm_stall_cause_seconds_total, "vm.stall.cause_seconds_total", COUNTER, NS, ns,
       "seconds", DETAILED, CPU, "bpf, proc",
       "Time that stalls of this cause took, once they have ended.")
METRIC(STALL_EVENT, vm_stall_event_began, "vm.stall.event.began", GAUGE, DOUBLE, began, "seconds",
       DETAILED, CPU, "bpf, proc",
       "When one of the last eight stalls began, in seconds since the epoch; n is 0 for the newest.")
METRIC(STALL_EVENT, vm_stall_event_duration, "vm.stall.event.duration", GAUGE, DOUBLE, seconds,
       "seconds", DETAILED, CPU, "bpf, proc", "How long one of the last eight stalls took.")
