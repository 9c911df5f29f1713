/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ABI between bpf/block.bpf.c and user space. Counters are cumulative; times are nanoseconds. */
#ifndef KVMLENS_BLOCK_TYPES_H
#define KVMLENS_BLOCK_TYPES_H

#include <linux/types.h>

/* Bumped on any change of a layout in this file; decides whether pinned maps may be adopted. */
#define BLOCK_ABI_VERSION 1

/* Bucket i counts requests of at most 2^(10 + i) ns from issue to completion, as waits are. */
#define BLOCK_HIST_SHIFT 10
#define BLOCK_HIST_BUCKETS 24

#define BLOCK_STATS_MAX 4096 /* combinations of VM, device, operation and attribution */
#define BLOCK_INFLIGHT_MAX 16384 /* requests of VMs on their way at once */
#define BLOCK_VMS_MAX 4096

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_OTHER, BLOCK_OPS };

/* How it is known whose a request is. */
enum block_by {
	BLOCK_BY_SUBMITTER, /* a thread of the VM's process inserted or issued it */
	BLOCK_BY_CGROUP, /* another one, for the VM's cgroup: writeback, a loop device's worker */
};

/* Map "block_stats": what a VM asked of a device. */
struct block_key {
	__u32 tgid;
	__u32 dev; /* major << 20 | minor, of the whole disk */
	__u8 op; /* enum block_op */
	__u8 by; /* enum block_by */
	__u8 pad[6];
};

struct block_value {
	__u64 requests; /* completed */
	__u64 errors; /* of them, those that failed */
	__u64 bytes;
	__u64 ns; /* from issue to completion, summed up */
	__u64 max_ns[2]; /* longest one of an interval: that of epoch e in [e & 1] */
	__u32 max_epoch[2]; /* which epoch that is */
	__u64 hist[BLOCK_HIST_BUCKETS];
};

/* Map "block_inflight", by the request's address. */
struct block_inflight {
	__u64 allocated_at; /* the request's own stamp: the same address is used again and again */
	__u64 issued_at; /* 0: inserted only */
	__u32 tgid;
	__u32 dev;
	__u32 length; /* bytes, when it was issued */
	__u32 bytes; /* completed so far */
	__u8 op, by;
	__u8 pad[6];
};

/* Map "block_counts", on each CPU. */
enum block_count {
	BLOCK_UNATTRIBUTED_REQUESTS, /* issued, of no VM */
	BLOCK_UNATTRIBUTED_BYTES,
	BLOCK_LOST_INFLIGHT, /* not followed: too many requests on their way */
	BLOCK_LOST_STATS, /* not counted: too many combinations */
	BLOCK_LOST_COMPLETIONS, /* counted late and without a latency: the program was not run */
	BLOCK_COUNTS,
};

struct block_globals {
	__u32 epoch; /* moved on by user space once an interval */
	__u32 pad;
};

#ifdef __STDC_VERSION__
_Static_assert(sizeof(struct block_key) == 16, "block_key is part of the ABI");
_Static_assert(sizeof(struct block_value) == 56 + 8 * BLOCK_HIST_BUCKETS,
	       "block_value is part of the ABI");
_Static_assert(sizeof(struct block_inflight) == 40, "block_inflight is part of the ABI");
#endif

#endif
