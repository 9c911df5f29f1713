/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What VMs take of the host, read from /proc and the cgroup trees on a thread of its own: the
 * kernel walks a VM's pages for some of it, under a lock that a wedged process may hold. Each VM
 * has a deadline; one that hangs is left alone until it answers, and costs its own values only.
 * Walking pages is done so rarely that it takes 2 % of a CPU at most for each VM, and below
 * detailed once a minute: resident and swapped memory are known without it.
 */
#ifndef KVMLENS_VM_FOOTPRINTS_H
#define KVMLENS_VM_FOOTPRINTS_H

#include <stdbool.h>
#include <sys/types.h>
#include <kvmlens.h>
#include "vm/footprint_parse.h"
#include "vm/image_files.h"
#include "vm/refusal.h"
#include "vm/vmm_macs.h"
#include "util/bounds.h"

/* A VMM process; pid and start_ns together are its identity. */
struct footprint_target {
	pid_t pid;
	bool images; /* nobody else tells of its disks: look for their images */
	uint64_t start_ns;
	struct vm_owner owner;
	enum kvmlens_level level; /* basic: counters alone; detailed: NUMA nodes too */
};

struct footprint_view {
	uint64_t mono_ns; /* of the last answer, CLOCK_MONOTONIC */
	struct footprint memory;
	uint64_t cgroup; /* that block requests are charged to, if the VM is alone in it; else 0 */
	unsigned cgroups_left_out; /* directories beyond the bound: cgroup is not known then */
	struct image_file images[IMAGE_FILES_MAX];
	unsigned n_images;
	char macs[VM_DEVICES_MAX][VMM_MAC_LEN + 1]; /* of its cards, by its command line */
	unsigned n_macs;
};

struct footprints;

/*
 * proc NULL: /proc. refusals (NULL: no limits) is borrowed: an ordinary owner may have as many
 * calls that hang as it may have look-ups, and its other VMs wait for them. NULL: no thread could
 * be started.
 */
struct footprints *footprints_new(const char *proc, unsigned interval_ms,
				  struct refusals *refusals);
void footprints_free(struct footprints *footprints);

/* Look after these from now on, and no others. Never blocks for long. */
void footprints_set(struct footprints *footprints, const struct footprint_target *targets,
		    size_t n);

/* The last answer. False: there is none yet. Never blocks for long. */
bool footprints_get(struct footprints *footprints, pid_t pid, uint64_t start_ns,
		    struct footprint_view *ret_view);

/* VMs that do not answer now. */
unsigned footprints_hung(struct footprints *footprints);

#endif
