/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkvmlens: collect telemetry of every VM on a KVM host. A collector takes a configuration,
 * asks one or more providers which VMs there are, reads the kernel's records of them once an
 * interval and hands each finished snapshot to its sinks. The kvmlens binary is built on this.
 *
 * All functions return 0 or a negative errno; ret_ parameters are untouched on failure. Strings
 * passed in are copied unless said otherwise. Functions of one collector may be called from any
 * thread.
 */
#ifndef KVMLENS_H
#define KVMLENS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KVMLENS_API_VERSION 1

/* A number that its source does not know. It is left out everywhere, never shown as zero. */
#define KVMLENS_ABSENT UINT64_MAX

enum kvmlens_level {
	KVMLENS_BASIC,
	KVMLENS_STANDARD, /* default */
	KVMLENS_DETAILED,
	KVMLENS_DIAGNOSTIC,
};

/* Metric groups, or-ed together. */
enum kvmlens_group {
	KVMLENS_CPU = 1 << 0,
	KVMLENS_MEMORY = 1 << 1,
	KVMLENS_DISK = 1 << 2,
	KVMLENS_NETWORK = 1 << 3,
	KVMLENS_IOPS = 1 << 4,
	KVMLENS_PROCESS = 1 << 5,
	KVMLENS_ALL_GROUPS = (1 << 6) - 1,
};

struct kvmlens_tag {
	const char *key; /* [a-zA-Z_][a-zA-Z0-9_]*, at most 64 bytes */
	const char *value; /* UTF-8, at most 256 bytes */
};

enum kvmlens_vm_state {
	KVMLENS_VM_UNKNOWN,
	KVMLENS_VM_RUNNING,
	KVMLENS_VM_PAUSED,
	KVMLENS_VM_SHUTDOWN, /* being shut down */
	KVMLENS_VM_OFF,
	KVMLENS_VM_CRASHED,
	KVMLENS_VM_SUSPENDED, /* by the guest's power management */
	KVMLENS_VM_MIGRATING, /* target of an incoming migration */
};

/* Why a VM is paused. The numbers are values of vm.pause_reason. */
enum kvmlens_pause {
	KVMLENS_PAUSE_NONE, /* it is not, or nothing says why */
	KVMLENS_PAUSE_OPERATOR, /* somebody suspended it */
	KVMLENS_PAUSE_IO_ERROR, /* its VMM, after a disk's error or want of space */
	KVMLENS_PAUSE_MIGRATION, /* for the last part of a migration */
	KVMLENS_PAUSE_STOPPED, /* its VMM's process is stopped: a signal, a debugger, the freezer */
	KVMLENS_PAUSE_OTHER, /* its VMM, for another cause or one that it does not say */
};

/* What a provider's list() says of one VM. Strings live until the add callback returns. */
struct kvmlens_vm {
	const char *id; /* the provider's own key, passed back to stats() */
	const char *name;
	const char *uuid; /* canonical text form, or NULL: one is made from name and pid */
	int pid; /* of the VMM process, 0 where the provider does not know it */
	enum kvmlens_vm_state state;
	const struct kvmlens_tag *info; /* more labels for vm_info: project, namespace, ... */
	size_t n_info;
	enum kvmlens_pause pause; /* of a VM whose state is KVMLENS_VM_PAUSED */
};

#define KVMLENS_NAME_MAX 64

/* Cumulative counters of one guest disk, bytes and nanoseconds, or KVMLENS_ABSENT. */
struct kvmlens_disk_stats {
	char name[KVMLENS_NAME_MAX]; /* as the guest's configuration names it: vda */
	char alias[KVMLENS_NAME_MAX]; /* the VMM's own name of the device, "": unknown */
	char source[256]; /* path or name on the host */
	uint64_t read_ops, write_ops, flush_ops;
	uint64_t read_bytes, write_bytes;
	uint64_t read_ns, write_ns, flush_ns;
	uint64_t capacity; /* as the guest sees it */
	uint64_t allocation; /* blocks that the host has given to its image, as du(1) counts */
	uint64_t physical; /* size of what holds it, as the VMM or libvirt gives it */
};

/* Cumulative counters of one interface in the guest's direction, or KVMLENS_ABSENT. */
struct kvmlens_nic_stats {
	char name[KVMLENS_NAME_MAX]; /* the host's device: vnet0 */
	char mac[18];
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

/* Memory as balloon statistics tell it, in bytes; faults are cumulative counts. */
struct kvmlens_memory_stats {
	uint64_t maximum, balloon_current, available, unused, usable, disk_caches;
	uint64_t swap_in, swap_out, major_faults, minor_faults, rss;
	uint64_t last_update; /* seconds since the epoch of the guest's last answer */
};

/* What a provider's stats() fills in; initialised with every number absent. */
struct kvmlens_vm_stats {
	size_t size; /* sizeof of this struct as the library knows it */
	enum kvmlens_vm_state state;
	uint64_t vcpus_current, vcpus_maximum;
	uint64_t cpu_ns, cpu_user_ns, cpu_system_ns; /* of the whole VMM process */
	struct kvmlens_memory_stats memory;
	struct kvmlens_disk_stats *disks; /* allocated with kvmlens_vm_stats_add_disk */
	size_t n_disks;
	struct kvmlens_nic_stats *nics;
	size_t n_nics;
	uint64_t disks_left_out, nics_left_out; /* beyond 256 of each */
	uint64_t disks_silent; /* 1: there are disks, and no counters of any; 0: there are */
	uint64_t block_job; /* 1: the VMM backs a disk up, copies or commits it; 0: it does not */
};

/* Make every number absent, for a stats_all() that has a struct of its own. */
void kvmlens_vm_stats_init(struct kvmlens_vm_stats *stats);
/* Free disks and interfaces, and make every number absent again. */
void kvmlens_vm_stats_clear(struct kvmlens_vm_stats *stats);

/*
 * Append a disk or an interface with every number absent. NULL when memory is short or when
 * there are already 256. Owned by stats.
 */
struct kvmlens_disk_stats *kvmlens_vm_stats_add_disk(struct kvmlens_vm_stats *stats,
						     const char *name);
struct kvmlens_nic_stats *kvmlens_vm_stats_add_nic(struct kvmlens_vm_stats *stats,
						   const char *name);

typedef int (*kvmlens_list_fn)(void *arg, const struct kvmlens_vm *vm);
typedef int (*kvmlens_stats_fn)(void *arg, const char *id, const struct kvmlens_vm_stats *stats);
typedef void (*kvmlens_changed_fn)(void *arg);

/*
 * A source of VMs. The collector calls a provider from one thread of its own, never from the
 * tick: a call that blocks costs that provider's values and nothing else. Each function returns
 * 0 or a negative errno; -ENOTCONN asks for close() and open() again, with back-off.
 */
struct kvmlens_provider_ops {
	const char *name;
	/* uri may be NULL; arg is the configuration's provider_arg. */
	int (*open)(const char *uri, void *arg, void **ret_ctx);
	/* Call add for every VM that is not shut off. */
	int (*list)(void *ctx, kvmlens_list_fn add, void *arg);
	int (*stats)(void *ctx, const char *id, enum kvmlens_level level,
		     struct kvmlens_vm_stats *stats);
	/* Optional: every VM in one call. */
	int (*stats_all)(void *ctx, enum kvmlens_level level, kvmlens_stats_fn add, void *arg);
	/* Optional: call changed, from any thread, when list() would answer differently. */
	int (*watch)(void *ctx, kvmlens_changed_fn changed, void *arg);
	void (*close)(void *ctx);
	/* Optional: one line on why the last call on this thread failed; lives until the next. */
	const char *(*message)(void);
};

/* The built-in providers. */
extern const struct kvmlens_provider_ops kvmlens_provider_libvirt;
extern const struct kvmlens_provider_ops kvmlens_provider_proc;

/* Zero-initialised members take their defaults. */
struct kvmlens_config {
	unsigned interval_ms; /* default 10000, 100 to 3600000 */
	const struct kvmlens_provider_ops *provider; /* default: libvirt and proc together */
	void *provider_arg;
	const char *uri; /* for provider->open */
	unsigned enabled_metrics; /* enum kvmlens_group; 0: all */
	const struct kvmlens_tag *tags; /* added to vm_info of every VM */
	size_t n_tags;
	const char *node_id; /* default: the host name */
	enum kvmlens_level detail_level; /* default, as 0 is BASIC: see kvmlens_config_init */
};

/* Fill in the defaults above, with detail_level KVMLENS_STANDARD. */
void kvmlens_config_init(struct kvmlens_config *config);

struct kvmlens_collector;
struct kvmlens_snapshot;

/* One value of a snapshot. Pointers live as long as the snapshot. */
struct kvmlens_sample {
	const char *metric; /* dotted name of the catalogue */
	const char *unit;
	const struct kvmlens_tag *labels;
	size_t n_labels;
	double value;
	int is_counter;
};

/* Called on the sink's own thread with the newest snapshot; a slow sink misses snapshots. */
typedef void (*kvmlens_sink_fn)(void *arg, const struct kvmlens_snapshot *snapshot);

/* Return non-zero to end the walk with that value. */
typedef int (*kvmlens_sample_fn)(void *arg, const struct kvmlens_sample *sample);

/*
 * Create a collector. -EINVAL: a member of config is out of range. Needs no rights yet.
 */
int kvmlens_collector_new(const struct kvmlens_config *config,
			  struct kvmlens_collector **ret_collector);

/* Add a sink; before kvmlens_collector_start only (-EBUSY after). */
int kvmlens_collector_add_sink(struct kvmlens_collector *collector, kvmlens_sink_fn sink,
			       void *arg);

/*
 * Load what the kernel accepts and begin to tick. A kernel that refuses everything is no error:
 * values then come from lesser sources, and kvmlens.feature says so. -EPERM: not privileged.
 */
int kvmlens_collector_start(struct kvmlens_collector *collector);

/* Stop ticking, detach and remove what was pinned. The last snapshot remains readable. */
void kvmlens_collector_stop(struct kvmlens_collector *collector);
void kvmlens_collector_free(struct kvmlens_collector *collector);

/* The newest snapshot, NULL before the first tick. Give it back with kvmlens_snapshot_unref. */
const struct kvmlens_snapshot *kvmlens_collector_snapshot(struct kvmlens_collector *collector);
const struct kvmlens_snapshot *kvmlens_snapshot_ref(const struct kvmlens_snapshot *snapshot);
void kvmlens_snapshot_unref(const struct kvmlens_snapshot *snapshot);

/* Milliseconds since the epoch at which the snapshot was taken. */
int64_t kvmlens_snapshot_time(const struct kvmlens_snapshot *snapshot);

/* Every value that the snapshot's detail levels show. Histograms come as _bucket, _sum, _count. */
int kvmlens_snapshot_walk(const struct kvmlens_snapshot *snapshot, kvmlens_sample_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
