/* SPDX-License-Identifier: Apache-2.0 */
/* Who took the CPU. Rows as metric/table.h says. */
METRIC(AGGRESSOR, vm_cpu_aggressor_time, "vm.cpu.aggressor_time", GAUGE, DOUBLE, percent, "percent",
       STANDARD, CPU, "bpf",
       "Ready time of the VM while this one ran in its place, in percent of wall time, averaged over the vCPUs: the three that took the most in the last interval.")
METRIC(BLAME, vm_cpu_blame_seconds_total, "vm.cpu.blame_seconds_total", COUNTER, NS, ns, "seconds",
       DETAILED, CPU, "bpf",
       "Ready time of all vCPUs while this one ran in their place: the three that took the most and what is no aggressor; at diagnostic all, which sum to the ready time of all finished waits.")
METRIC(CAUSE, vm_cpu_ready_cause, "vm.cpu.ready_cause", GAUGE, DOUBLE, percent, "percent", STANDARD,
       CPU, "bpf, proc",
       "Ready time of the last interval by its cause, in percent of wall time, averaged over the vCPUs.")
METRIC(CAUSE, vm_cpu_ready_cause_seconds_total, "vm.cpu.ready_cause_seconds_total", COUNTER, NS, ns,
       "seconds", DETAILED, CPU, "bpf, proc",
       "Ready time of all vCPUs by its cause: another vm, the host, self, throttled, interrupt, pinning, idle, other; they sum to the ready time of all finished waits.")
