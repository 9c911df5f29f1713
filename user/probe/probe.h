/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel side, loaded: which programs and maps there are, pinned or private, and reading
 * them. The only layer that knows libbpf. Each subsystem loads alone; what the kernel refuses is
 * in the feature table and costs nothing else.
 */
#ifndef KVMLENS_PROBE_PROBE_H
#define KVMLENS_PROBE_PROBE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <block_types.h>
#include <exit_types.h>
#include <kvm_types.h>
#include <sched_types.h>
#include <kvmlens.h>
#include "probe/carry.h"
#include "probe/feature.h"
#include "probe/net.h"
#include "probe/threads.h"

#define PROBE_PIN_DIR "/sys/fs/bpf/kvmlens"

struct probe;

struct probe_options {
	const char *pin_dir; /* NULL: private maps that end with the process */
	unsigned max_threads; /* records to make room for, at most 65535 */
	enum kvmlens_level level;
	unsigned groups; /* enum kvmlens_group */
	bool memslots; /* probe_scan_memslots() will be wanted */
	unsigned without; /* 1 << enum feature_id: do as if the kernel refused, for tests */
};

/*
 * Load, or adopt what an earlier run left pinned. Succeeds even if the kernel refuses every
 * program (see probe_features). -EBUSY: another process holds pin_dir; -EPERM: no right to BPF
 * at all.
 */
int probe_open(const struct probe_options *options, struct probe **ret_probe);

/* Detach. Pins are removed, unless keep_pins, as after a crash: the next start adopts them. */
void probe_close(struct probe *probe, bool keep_pins);

/* Remove everything under pin_dir. -EBUSY: a running kvmlens owns it; -ENOENT: nothing there. */
int probe_unload(const char *pin_dir);

/* Attach and detach what the level asks for. Errors are in the feature table. */
void probe_set_level(struct probe *probe, enum kvmlens_level level);

const struct features *probe_features(struct probe *probe);

/* What user space counts itself and a next start goes on with; NULL: nothing. */
struct carry *probe_carry(struct probe *probe);

/* Did probe_open take over the maps of an earlier run? */
bool probe_adopted(const struct probe *probe);

/* The thread records, NULL when sched was refused. Owned by probe. */
struct threads *probe_threads(struct probe *probe);

/*
 * Append a struct kvm_found for every open KVM file on the host. -ENOTSUP: this kernel cannot.
 * Never blocks on a process. At most 65536 are read; -E2BIG then.
 */
int probe_scan_kvm(struct probe *probe, GArray *found);

/*
 * Append a struct kvm_slot for every memory slot of every open KVM VM on the host. -ENOTSUP: this
 * kernel cannot, or it was not asked for. Never blocks on a process.
 */
int probe_scan_memslots(struct probe *probe, GArray *slots);

/*
 * Append a struct sched_waiting for each tracked thread that has been woken and waits for a CPU
 * right now (run queue clock; 0: unknown). -ENOTSUP: this kernel cannot.
 */
int probe_scan_waiting(struct probe *probe, uint64_t now, GArray *waiting);

/* Exact guest time of a slot. -ENOENT: not collected, or no exit seen yet; -EAGAIN: torn. */
int probe_vcpu_times(struct probe *probe, uint16_t slot, struct kvm_vcpu_times *ret_times);

/* Guest time from before exact counting began, which probe_vcpu_times returns from then on. */
void probe_vcpu_base(struct probe *probe, uint16_t slot, uint64_t base_ns);

/* Forget what a slot's former thread did, before the slot is published for another. */
void probe_slot_clear(struct probe *probe, uint16_t slot);

typedef void (*probe_reason_fn)(void *arg, const struct kvm_reason_key *key,
				const struct kvm_reason_value *value);

/* Every pair of thread and exit reason. -ENOTSUP when not at diagnostic. */
int probe_reasons(struct probe *probe, probe_reason_fn fn, void *arg);
void probe_reason_forget(struct probe *probe, const struct kvm_reason_key *key);

/* What a VM asked of a device, cumulative. */
struct probe_block {
	struct block_key key;
	struct block_value value;
};

/*
 * Follow the block requests of a process, or of a cgroup that holds nothing but it (id in the
 * tree of the block controller), or no longer: there false, tgid 0. -ENOTSUP: group disk is off,
 * or the kernel cannot; -E2BIG: too many.
 */
int probe_block_vm(struct probe *probe, uint32_t tgid, bool there);
int probe_block_cgroup(struct probe *probe, uint64_t cgroup, uint32_t tgid);

/* Append the processes (uint32_t) that are followed now, those of an earlier run among them. */
int probe_block_vms(struct probe *probe, GArray *tgids);

/*
 * Append everything that is counted. *ret_epoch is that of the maxima which are complete now: the
 * caller is the only one to ask. -ENOTSUP as above.
 */
int probe_block_read(struct probe *probe, GArray *records, uint32_t *ret_epoch);
void probe_block_forget(struct probe *probe, const struct block_key *key);

/* Cumulative counts of enum block_count. */
uint64_t probe_block_count(struct probe *probe, enum block_count what);

typedef void (*probe_event_fn)(void *arg, const struct sched_event *event);

/* Descriptor to poll for thread events, -1: there are none. */
int probe_events_fd(struct probe *probe);
/* Hand out what is there, without blocking. Call from one thread only. */
void probe_events_consume(struct probe *probe, probe_event_fn fn, void *arg);

/*
 * The packet side, NULL where group network is off. One thread alone may use it; one that hangs in
 * it must be left with it: probe_net_abandon(), and it is not closed.
 */
struct net *probe_net(struct probe *probe);
void probe_net_abandon(struct probe *probe);

/* Cumulative counts of enum sched_lost, and of exit reasons that found no room. */
uint64_t probe_lost(struct probe *probe, enum sched_lost why);
uint64_t probe_lost_reasons(struct probe *probe);

/* Taps that could not be hooked although their VM's level asks for it. */
uint64_t probe_lost_taps(struct probe *probe);

/* Drops of packets whose reason found no room. */
uint64_t probe_lost_drops(struct probe *probe);

/*
 * Watch how a VMM process ends, and take what became of it, which ends the watch. -ENOTSUP: the
 * kernel cannot; -ENOSPC: too many; -ENOENT: it was not watched.
 */
int probe_exit_watch(struct probe *probe, uint32_t tgid);
int probe_exit_take(struct probe *probe, uint32_t tgid, struct exit_record *ret_record);

/* Kernel memory of all maps and programs, bytes, from /proc/self/fdinfo. */
uint64_t probe_memory(struct probe *probe);

#endif
