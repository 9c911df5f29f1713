/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the host's own figures from /proc and /sys below a root, "" for the real one. */
#ifndef KVMLENS_VM_HOST_READ_H
#define KVMLENS_VM_HOST_READ_H

#include "vm/host_parse.h"

#define HOST_NODES_MAX 64
#define HOST_HUGE_MAX 8

enum host_resource { HOST_CPU, HOST_MEMORY, HOST_IO, HOST_RESOURCES };

struct host_node {
	uint32_t id;
	struct host_cpu_times time;
	uint64_t mem_total, mem_free;
};

struct host_huge {
	uint64_t kib; /* size of a page */
	uint64_t pages, free, reserved, surplus;
};

/* ABSENT: this kernel does not tell. Made with g_atomic_rc_box_new0(). */
struct host_reading {
	uint64_t mono_ns; /* of the CPU times */
	struct host_cpu_times time;
	GArray *cpus; /* struct host_cpu_line, online ones */
	struct host_memory memory;
	struct host_ksm ksm;
	uint64_t stalled[HOST_RESOURCES][2]; /* some, full; ns */
	struct host_node nodes[HOST_NODES_MAX];
	struct host_huge huge[HOST_HUGE_MAX];
	unsigned n_nodes, n_huge;
};

/* NULL: there is no /proc/stat. */
struct host_reading *host_read(const char *root);
void host_reading_clear(gpointer reading);

#endif
