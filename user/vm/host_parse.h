/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers of what /proc and /sys say of the host. Pure: bytes in, plain structs out; what does not
 * read as it should is absent.
 */
#ifndef KVMLENS_VM_HOST_PARSE_H
#define KVMLENS_VM_HOST_PARSE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "metric/host.h"

#define HOST_CPUS_MAX 4096

/* A CPU of /proc/stat. */
struct host_cpu_line {
	uint32_t id;
	struct host_cpu_times time;
};

/*
 * /proc/stat: the sum, and each CPU that is online (struct host_cpu_line) in cpus. tick_ns: of a
 * clock tick. -EINVAL: it does not begin with the sum.
 */
int host_parse_stat(const char *text, size_t len, uint64_t tick_ns, struct host_cpu_times *ret_sum,
		    GArray *cpus);

/* /proc/pressure/X: stalled time in ns of "some" and "full"; ABSENT where a line is missing. */
void host_parse_pressure(const char *text, size_t len, uint64_t *ret_some, uint64_t *ret_full);

/* A line "KEY: 123 kB" or "KEY 123", and where its number goes, multiplied by unit. */
struct host_field {
	const char *key;
	size_t offset;
	uint64_t unit;
};

/*
 * /proc/meminfo, /proc/vmstat, or a node's meminfo ("Node 0 KEY: 123 kB"). Fields that are not
 * found stay as they are.
 */
void host_parse_fields(const char *text, size_t len, const struct host_field *fields, size_t n,
		       void *object);

/* A list of CPUs, "0-3,8,10-11", appended as uint32_t. False: it does not read so. */
bool host_parse_cpulist(const char *text, size_t len, GArray *cpus);

/* A file that holds one number. ABSENT: it does not. */
uint64_t host_parse_number(const char *text, size_t len);

#endif
