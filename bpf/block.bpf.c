// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What VMs ask of the host's block devices: requests, bytes and device latency, from issue to
 * completion. A request is a VM's when a thread of its process inserts or issues it, else when
 * its bio carries the VM's cgroup. Requests of others cost three hash misses and a counter.
 */
#include "core_fixes.bpf.h"
#include <block_types.h>
#include "hist.bpf.h"

/* The VMs' processes. Written and deleted by user space, read here. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BLOCK_VMS_MAX);
	__type(key, __u32); /* tgid */
	__type(value, __u32); /* 1 */
} block_vms SEC(".maps");

/*
 * Cgroups that hold nothing but one VM: id in the tree of the block controller (blkio in a hybrid
 * tree), to the VM's tgid. Written and deleted by user space, read here.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BLOCK_VMS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} block_cgroups SEC(".maps");

/*
 * Requests of VMs on their way, by address. Written here at insert or issue, deleted here at
 * completion. What finds no room is counted in block_counts.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BLOCK_INFLIGHT_MAX);
	__type(key, __u64);
	__type(value, struct block_inflight);
} block_inflight SEC(".maps");

/*
 * The result. Written here, on any CPU at once; read by user space, which deletes the entries of
 * VMs that are gone. What finds no room is counted in block_counts.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BLOCK_STATS_MAX);
	__type(key, struct block_key);
	__type(value, struct block_value);
} block_stats SEC(".maps");

/* By enum block_count. Written here, read by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BLOCK_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} block_counts SEC(".maps");

/* Written by user space through mmap, read here. */
struct block_globals block_globals = {};

static __always_inline void count(__u32 what, __u64 n)
{
	__u64 *value = bpf_map_lookup_elem(&block_counts, &what);

	if (value)
		*value += n;
}

/* The low byte of cmd_flags, enum req_op: 0 read, 1 write, 2 flush; discards and the like else. */
static __always_inline __u8 op_of(struct request *rq)
{
	__u32 op = READ(rq, cmd_flags) & 0xff;

	return op <= BLOCK_FLUSH ? op : BLOCK_OTHER;
}

/* The VM of a request, 0: it is nobody's. To be asked where the submitter may be current. */
static __always_inline __u32 owner(struct request *rq, __u8 *ret_by)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, *found;
	__u64 cgroup;

	*ret_by = BLOCK_BY_SUBMITTER;
	if (bpf_map_lookup_elem(&block_vms, &tgid))
		return tgid;
	*ret_by = BLOCK_BY_CGROUP;
	cgroup = request_cgroup_id(rq);
	found = bpf_map_lookup_elem(&block_cgroups, &cgroup);
	return found ? *found : 0;
}

static __always_inline struct block_value *value_of(const struct block_key *key)
{
	struct block_value *value = bpf_map_lookup_elem(&block_stats, key);
	struct block_value first = {};

	if (value)
		return value;
	bpf_map_update_elem(&block_stats, key, &first, BPF_NOEXIST);
	return bpf_map_lookup_elem(&block_stats, key);
}

/* Another CPU may store a lesser one at the same moment: look again. No cmpxchg before 5.12. */
static __always_inline void keep_max(struct block_value *value, __u64 ns)
{
	__u32 epoch = *(volatile __u32 *)&block_globals.epoch, i = epoch & 1, try;
	volatile __u64 *max = &value->max_ns[i];

	if (value->max_epoch[i] != epoch) {
		value->max_epoch[i] = epoch;
		*max = 0;
	}
	for (try = 0; try < 4 && *max < ns; try++)
		*max = ns;
}

static __always_inline void finish(const struct block_key *key, __u64 bytes, __u64 ns, bool failed)
{
	struct block_value *value = value_of(key);

	if (!value) {
		count(BLOCK_LOST_STATS, 1);
		return;
	}
	__sync_fetch_and_add(&value->requests, 1);
	if (bytes) /* of a zero clang makes an atomic or, which kernels before 5.12 do not have */
		__sync_fetch_and_add(&value->bytes, bytes);
	__sync_fetch_and_add(&value->ns, ns);
	__sync_fetch_and_add(&value->hist[hist_bucket(ns, BLOCK_HIST_SHIFT)], 1);
	if (failed)
		__sync_fetch_and_add(&value->errors, 1);
	keep_max(value, ns);
}

/*
 * The address was given to another request, so that the one before has ended; its completion was
 * not seen. The kernel skips a program that interrupts itself.
 */
static __always_inline void finish_unseen(struct block_inflight *entry)
{
	struct block_key key = {
		.tgid = entry->tgid, .dev = entry->dev, .op = entry->op, .by = entry->by};
	struct block_value *value;

	if (!entry->issued_at)
		return;
	entry->issued_at = 0;
	count(BLOCK_LOST_COMPLETIONS, 1);
	value = value_of(&key);
	if (!value)
		return;
	__sync_fetch_and_add(&value->requests, 1);
	__sync_fetch_and_add(&value->bytes, entry->length);
}

static __always_inline bool follow(struct request *rq, __u64 issued_at)
{
	struct block_inflight entry = {.issued_at = issued_at};
	__u64 key = (__u64)rq;

	entry.op = op_of(rq);
	if (entry.op == BLOCK_FLUSH)
		return false; /* see flushed() */
	entry.tgid = owner(rq, &entry.by);
	if (!entry.tgid)
		return false;
	entry.allocated_at = READ(rq, start_time_ns);
	entry.dev = request_dev(rq);
	entry.length = READ(rq, __data_len);
	if (bpf_map_update_elem(&block_inflight, &key, &entry, BPF_ANY))
		count(BLOCK_LOST_INFLIGHT, 1);
	return true;
}

/* Only a scheduler, or a queue that is full, inserts: then another thread may issue. */
static __always_inline int inserted(struct request *rq)
{
	__u64 key = (__u64)rq;
	struct block_inflight *entry = bpf_map_lookup_elem(&block_inflight, &key);

	/* Inserted once more after the device was busy. */
	if (entry && entry->allocated_at == READ(rq, start_time_ns))
		return 0;
	if (entry)
		finish_unseen(entry);
	if (!follow(rq, 0) && entry)
		bpf_map_delete_elem(&block_inflight, &key);
	return 0;
}

static __always_inline int issued(struct request *rq)
{
	__u64 now = bpf_ktime_get_ns(), key = (__u64)rq;
	struct block_inflight *entry = bpf_map_lookup_elem(&block_inflight, &key);

	/* Inserted before, or issued once more after the device was busy. */
	if (entry && entry->allocated_at == READ(rq, start_time_ns)) {
		entry->issued_at = now;
		entry->length = READ(rq, __data_len); /* others may have been merged into it */
		return 0;
	}
	if (entry)
		finish_unseen(entry);
	if (follow(rq, now))
		return 0;
	if (entry)
		bpf_map_delete_elem(&block_inflight, &key);
	count(BLOCK_UNATTRIBUTED_REQUESTS, 1);
	count(BLOCK_UNATTRIBUTED_BYTES, READ(rq, __data_len));
	return 0;
}

/*
 * A flush is a write without data, which is never issued itself: the queue sends one request of its
 * own, without a bio, for all that wait for it. Whose it is only its cgroup tells, at the end.
 */
static __always_inline int flushed(struct request *rq, __u64 now)
{
	struct block_key key = {.op = BLOCK_FLUSH, .by = BLOCK_BY_CGROUP};
	__u64 allocated_at = READ(rq, start_time_ns), cgroup;
	__u32 *tgid;

	if (READ(rq, __data_len) || op_of(rq) != BLOCK_WRITE || !allocated_at)
		return 0;
	cgroup = request_cgroup_id(rq);
	tgid = bpf_map_lookup_elem(&block_cgroups, &cgroup);
	if (!tgid)
		return 0;
	key.tgid = *tgid;
	key.dev = request_dev(rq);
	finish(&key, 0, now - allocated_at, false);
	return 0;
}

/* May come in parts; the request's length is then still that of what remains. */
static __always_inline int completed(struct request *rq, int error, __u32 bytes)
{
	__u64 now = bpf_ktime_get_ns(), key = (__u64)rq;
	struct block_inflight *entry = bpf_map_lookup_elem(&block_inflight, &key);
	struct block_key whose = {};

	if (!entry)
		return flushed(rq, now);
	entry->bytes += bytes;
	if (bytes < READ(rq, __data_len))
		return 0;
	whose.tgid = entry->tgid;
	whose.dev = entry->dev;
	whose.op = entry->op;
	whose.by = entry->by;
	if (entry->issued_at)
		finish(&whose, entry->bytes, now - entry->issued_at, error);
	/* An interrupted CPU may hold the bucket, and an entry that stays must not count twice. */
	entry->issued_at = 0;
	bpf_map_delete_elem(&block_inflight, &key);
	return 0;
}

TRACE_SEC("block_rq_insert")
int BPF_PROG(block_insert, struct request *rq)
{
	return inserted(rq);
}

TRACE_SEC("block_rq_issue")
int BPF_PROG(block_issue, struct request *rq)
{
	return issued(rq);
}

/* The same two before 5.11. */
TRACE_SEC("block_rq_insert")
int BPF_PROG(block_insert_q, void *queue, struct request *rq)
{
	return inserted(rq);
}

TRACE_SEC("block_rq_issue")
int BPF_PROG(block_issue_q, void *queue, struct request *rq)
{
	return issued(rq);
}

TRACE_SEC("block_rq_complete")
int BPF_PROG(block_complete, struct request *rq, int error, unsigned int bytes)
{
	return completed(rq, error, bytes);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
