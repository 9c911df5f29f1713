/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers of what the kernel says of a process's memory and cgroups. Pure: bytes in, plain
 * structs out. What is not there stays as it was.
 */
#ifndef KVMLENS_VM_FOOTPRINT_PARSE_H
#define KVMLENS_VM_FOOTPRINT_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOOTPRINT_NODES 64

/* Memory of the host that a VM takes, in bytes; UINT64_MAX: not known. */
struct footprint {
	uint64_t resident; /* without hugetlb pages, as the kernel counts it */
	uint64_t swapped;
	uint64_t huge_anon,
		huge_shared; /* in huge pages of the kernel's own making; part of resident */
	uint64_t hugetlb; /* in reserved huge pages; not part of resident */
	uint64_t nodes[FOOTPRINT_NODES]; /* on each NUMA node, hugetlb pages included */
};

void footprint_init(struct footprint *footprint);

/* /proc/PID/status: resident, swapped, hugetlb. Cheap: counters. */
void footprint_parse_status(const char *text, size_t len, struct footprint *footprint);

/* /proc/PID/smaps_rollup: all but the nodes. The kernel walks every page for it. */
void footprint_parse_rollup(const char *text, size_t len, struct footprint *footprint);

/* One line of /proc/PID/numa_maps: added to the nodes. False: it tells of no page. */
bool footprint_parse_numa(const char *line, struct footprint *footprint);

/*
 * The path of the process's cgroup that block requests are charged to, by /proc/PID/cgroup: in
 * the tree of blkio, *ret_v1 true, else in the unified one. False: none, or longer than cap.
 */
bool footprint_parse_cgroup(const char *text, size_t len, char *ret_path, size_t cap, bool *ret_v1);

/* Does cgroup.procs hold this process and no other? */
bool footprint_alone(const char *procs, size_t len, int pid);

#endif
