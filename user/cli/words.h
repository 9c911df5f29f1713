/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others call the times of a vCPU. A row: meaning, kvmlens, a Linux guest, esxtop, libvirt,
 * Hyper-V's counters of virtual processors; "-": it has none.
 */
#ifndef KVMLENS_CLI_WORDS_H
#define KVMLENS_CLI_WORDS_H

#define WORDS(X)                                                                                   \
	X("runnable, but not on a CPU, for any cause",                                             \
	  "ready time, vm_cpu_ready_time: the host's run_delay",                                   \
	  "steal: %st of top, the 8th number of /proc/stat; vm_cpu_guest_steal_time",              \
	  "%RDY, with %MLMTD in it",                                                               \
	  "vcpu.N.delay; vcpu.N.wait is the same wait, by schedstats, and no wait for I/O",        \
	  "CPU Wait Time Per Dispatch, a mean")                                                    \
	X("the part that began by being preempted", "steal time, vm_cpu_steal_time",               \
	  "part of %st, not shown apart", "part of %RDY, not shown apart", "-", "-")               \
	X("the part that began with a wakeup", "wake latency, vm_cpu_wake_time",                   \
	  "part of %st, not shown apart", "part of %RDY, not shown apart", "-", "-")               \
	X("the part while its quota was used up", "vm_cpu_ready_cause{cause=\"throttled\"}",       \
	  "part of %st", "%MLMTD", "-", "-")                                                       \
	X("on a physical CPU", "run time, vm_cpu_usage", "all but %id, %wa and %st",               \
	  "%RUN, with %SYS apart", "vcpu.N.time", "% Total Run Time")                              \
	X("on a CPU, inside the guest", "guest time, vm_cpu_guest_time",                           \
	  "%us, %sy, %ni, %hi, %si", "-", "-", "% Guest Run Time")                                 \
	X("on a CPU, outside the guest", "hypervisor time, vm_cpu_hypervisor_time", "-", "-", "-", \
	  "% Hypervisor Run Time")                                                                 \
	X("halted: the guest wants nothing", "halted time, vm_cpu_halted_time", "%id and %wa",     \
	  "%IDLE, in %WAIT", "-", "-")                                                             \
	X("idle while it waits for a disk", "vm_cpu_iowait_time, as the guest counts it", "%wa",   \
	  "%IDLE, in %WAIT: it cannot tell", "-", "-")                                             \
	X("blocked for any other cause, as a page of the host that is swapped out",                \
	  "other time, vm_cpu_other_seconds_total", "not seen", "%SWPWT and %VMWAIT, in %WAIT",    \
	  "-", "-")                                                                                \
	X("made to wait for a sibling vCPU", "-: KVM schedules each vCPU by itself", "-", "%CSTP", \
	  "-", "-")

#endif
