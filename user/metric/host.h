/* SPDX-License-Identifier: Apache-2.0 */
/* The host itself, as entities of a snapshot: see metric/model.h. */
#ifndef KVMLENS_METRIC_HOST_H
#define KVMLENS_METRIC_HOST_H

#include <stdint.h>

struct labels;

/* As /proc/stat counts, ns. user and nice contain guest and guest_nice. */
struct host_cpu_times {
	uint64_t user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice;
};

/* Bytes. */
struct host_memory {
	uint64_t total, free, available, cached, used;
	uint64_t swap_total, swap_free, swap_used;
	uint64_t swap_in, swap_out; /* cumulative */
	double percent;
};

/* What the kernel merges of equal pages. */
struct host_ksm {
	uint64_t run; /* 0 off, 1 on, 2 off and undone */
	uint64_t shared, sharing, unshared; /* bytes */
	uint64_t scans; /* of all memory */
};

struct snap_host {
	struct labels *labels;
	uint64_t cpus; /* online */
	uint64_t vms, vcpus;
	double overcommit; /* vCPUs per online CPU */
	double cpu_usage, cpu_idle; /* percent of all CPUs */
	double cpu_vms, cpu_own; /* percent of all CPUs: of VMs' threads, and of all others */
	struct host_cpu_times time;
	uint64_t read_ns; /* when time was read; 0: never */
	uint64_t vms_run_ns; /* of all VMs' threads that were seen, cumulative within a run */
	struct host_memory memory;
	struct host_ksm ksm;
	uint64_t block_requests, block_bytes; /* to the host's disks, and no VM's */
};

struct snap_host_mode {
	struct labels *labels; /* mode */
	uint64_t ns;
};

struct snap_host_cpu {
	struct labels *labels; /* cpu */
	struct host_cpu_times time;
	double usage, idle;
};

struct snap_node {
	struct labels *labels; /* node */
	struct host_cpu_times time; /* of its CPUs that are online */
	double usage, idle;
	uint64_t mem_total, mem_free, mem_used;
};

struct snap_pressure {
	struct labels *labels; /* resource, kind */
	uint64_t ns; /* stalled, cumulative */
	double percent; /* of the last interval */
};

struct snap_huge {
	struct labels *labels; /* size */
	uint64_t pages, free, reserved, surplus;
};

struct snap_vm_state {
	struct labels *labels; /* state */
	uint64_t vms;
};

#endif
