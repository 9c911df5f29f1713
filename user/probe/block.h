/* SPDX-License-Identifier: Apache-2.0 */
/* Loading block.bpf.c: what VMs ask of the host's block devices. */
#ifndef KVMLENS_PROBE_BLOCK_H
#define KVMLENS_PROBE_BLOCK_H

#include <glib.h>
#include "probe/feature.h"
#include "probe/object.h"
#include <block_types.h>

struct block;

struct block_options {
	bool adopt_maps, adopt_links; /* what is pinned fits */
	bool raw; /* do as if BTF-typed tracepoints were refused, for tests */
};

/* NULL: the kernel refused it, and features says why. pin may be NULL: private maps. */
struct block *block_open(const struct pin *pin, const struct block_options *options,
			 struct features *features);
void block_close(struct block *block, bool keep_pins);

/* Remove what an earlier run left pinned, which detaches it. */
void block_unpin(const struct pin *pin);

/* See probe_block_*. */
int block_vm_set(struct block *block, uint32_t tgid, bool there);
int block_vms(struct block *block, GArray *tgids);
int block_cgroup_set(struct block *block, uint64_t cgroup, uint32_t tgid);
int block_read(struct block *block, GArray *records);
void block_forget(struct block *block, const struct block_key *key);
uint32_t block_epoch(struct block *block);
int block_counts_fd(const struct block *block);
uint64_t block_build(void);

#endif
