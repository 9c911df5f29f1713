/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is bounded, and by how much: everything that a real host, VM or guest can have more of than
 * kvmlens takes. The bounds are sized for a VM of 1,024 vCPUs. Each row is a constant, what it
 * bounds, and the metric that counts what is left out; kvmlens-metrics(7) lists them. Whatever
 * vm_left_out counts is also in kvmlens_lost_total{reason="vm_bound"}, at every level. Buffers of a
 * protocol are elsewhere.
 */
#ifndef KVMLENS_UTIL_BOUNDS_H
#define KVMLENS_UTIL_BOUNDS_H

#define BOUNDS(X)                                                                                  \
	X(VM_LIST_MAX, 16384, "VMs of a provider",                                                 \
	  "kvmlens_lost_total{reason=\"discovery_bound\"}")                                        \
	X(VMMS_MAX, 8192, "VMM processes of the host",                                             \
	  "kvmlens_lost_total{reason=\"discovery_bound\"}")                                        \
	X(PROC_THREADS_MAX, 4096, "threads of a VMM process",                                      \
	  "kvmlens_lost_total{reason=\"discovery_bound\"}")                                        \
	X(VM_DEVICES_MAX, 256, "disks, and as many interfaces, that a provider gives for a VM",    \
	  "vm_left_out{what=\"disks\"}, {what=\"interfaces\"}")                                    \
	X(TAPS_MAX, 256, "taps of a VMM process", "vm_left_out{what=\"interfaces\"}")              \
	X(CGROUP_DIRS_MAX, 4096, "directories below a VM's cgroup: beyond, its cgroup is unknown", \
	  "vm_left_out{what=\"cgroups\"}")                                                         \
	X(GUEST_CPUS_MAX, 2048, "CPUs of a guest", "vm_left_out{what=\"guest_cpus\"}")             \
	X(GUEST_TASKS_MAX, 32768, "processes of a guest", "vm_guest_processes_left_out")           \
	X(GA_FS_MAX, 64, "file systems that a guest's agent gives; the largest stay",              \
	  "vm_left_out{what=\"file_systems\"}")                                                    \
	X(GA_NICS_MAX, 4096, "interfaces that a guest's agent gives",                              \
	  "vm_left_out{what=\"guest_interfaces\"}")                                                \
	X(GUEST_NICS_SHOWN, 64,                                                                    \
	  "interfaces of a guest that are shown; those with the address of a VM's own stay",       \
	  "vm_left_out{what=\"guest_interfaces\"}")                                                \
	X(GUEST_PROCESSES_SHOWN, 1024, "processes of a guest that are shown at diagnostic",        \
	  "vm_guest_processes less the series of vm_process_cpu_usage")

#define BOUND_CONSTANT(name, value, of, counted) name = (value),
enum { BOUNDS(BOUND_CONSTANT) };
#undef BOUND_CONSTANT

#endif
