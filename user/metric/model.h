/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshot: everything known of the host at one tick, immutable once published, and the only
 * thing that exporters, alerts, history, analytics and screens ever see. core/ fills it.
 *
 * Conventions: a counter is uint64_t, ABSENT when unknown; a gauge that is no whole number is a
 * double, NAN when unknown. Times are nanoseconds. Each entity begins with its labels and owns a
 * reference on them, struct snap_vm too; a new kind of entity is a row in metric/scope.h.
 */
#ifndef KVMLENS_METRIC_MODEL_H
#define KVMLENS_METRIC_MODEL_H

#include <glib.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <kvmlens.h>
#include <kvm_types.h>
#include <sched_types.h>
#include "metric/guest_view.h"
#include "metric/host.h"
#include "metric/insight.h"
#include "metric/labels.h"
#include "metric/network.h"
#include "metric/stall.h"

#define ABSENT KVMLENS_ABSENT

/* Cumulative histogram of durations; bucket i holds those <= 2^(shift+i) ns, the last the rest. */
#define HIST_BUCKETS 24
struct hist {
	uint64_t count[HIST_BUCKETS]; /* not yet summed up: one bucket's own count */
	uint64_t sum_ns;
	uint32_t shift;
	bool valid;
};

#define OWNER_NAME_MAX 40
#define OWNER_EXE_MAX 128

/* Whose process a VM is. All zero: root's, or a VM without a process. */
struct vm_owner {
	uint32_t uid; /* of the process; the executable's where only that one is ordinary */
	uint32_t exe_uid; /* of the executable; UINT32_MAX: unknown */
	bool ordinary; /* neither trusted by configuration nor vouched for by a provider */
	bool vouched; /* a provider other than /proc runs it */
	char name[OWNER_NAME_MAX]; /* user name, or the uid in decimal; "": unknown */
	char exe[OWNER_EXE_MAX]; /* path of the executable; "": unknown */
};

/* Who a VM is: created when it is discovered, shared by all snapshots, counted. */
struct vm_ident {
	char *name; /* as its provider gave it: hostile, only ever shown through labels */
	char *uuid;
	pid_t pid;
	uint64_t start_ns; /* of the VMM process, since boot: with pid, an identity */
	bool tcg; /* no KVM: emulated */
	struct vm_owner owner;
	struct labels *labels; /* vm, uuid */
};

/*
 * A UUID made of a name within a space, so that a VM that has none keeps its series over a restart:
 * neither may hold what changes then, such as a process id. To be freed.
 */
char *vm_make_uuid(const char *space, const char *name);

/*
 * A VM of an ordinary owner has a namespace of its own: it is called OWNER/NAME, and its UUID is
 * made of the owner and of the one that it claims. owner NULL: root.
 */
struct vm_ident *vm_ident_owned(const struct vm_owner *owner, const char *name, const char *uuid,
				pid_t pid, uint64_t start_ns, bool tcg);
struct vm_ident *vm_ident_new(const char *name, const char *uuid, pid_t pid, uint64_t start_ns,
			      bool tcg);
/* The same VM without its process, which is gone. */
struct vm_ident *vm_ident_without_process(const struct vm_ident *ident);
struct vm_ident *vm_ident_ref(struct vm_ident *ident);
void vm_ident_unref(struct vm_ident *ident);

/* Seconds are exact in the counters, percent of wall time in the rates. */
struct cpu_times {
	uint64_t run, guest, hypervisor, ready, steal, wake, halted, other;
};

struct cpu_rates {
	double usage, guest, hypervisor, ready, steal, wake, halted;
	double migrations, preempts, switches, exits; /* per second */
	double wake_p50_ms, wake_p99_ms; /* of the waits of this interval; NAN: there was none */
};

struct snap_vcpu {
	struct labels *labels; /* vm, uuid, vcpu */
	uint32_t vcpu_id;
	pid_t tid;
	uint8_t state; /* enum sched_state at the tick */
	uint32_t cpu; /* it last ran on */
	struct cpu_times time;
	uint64_t upto_ns; /* run queue clock: when time ends; 0: unknown */
	bool is_sampled; /* time is what /proc said at the tick */
	struct cpu_rates rate;
	uint64_t switches, preempts, migrations;
	struct hist wake_hist, preempt_hist, exit_hist;
	uint64_t kvm[KVM_STAT_MAX];
	uint64_t irq_injected;
};

/* Threads of a VMM that are no vCPUs, by role. */
struct snap_role {
	struct labels *labels; /* vm, uuid, role */
	uint64_t threads;
	uint64_t run, ready;
	double usage, ready_percent; /* percent of one CPU */
};

struct snap_exit {
	struct labels *labels; /* vm, uuid, reason */
	uint64_t count, ns;
};

/*
 * Ready time of a VM charged to one that ran meanwhile. At diagnostic all of them, which sum to
 * its finished ready time; below, the largest ones.
 */
struct snap_blame {
	struct labels *labels; /* vm, uuid, by */
	uint64_t ns;
};

/* Those that took the most in the last interval, at most 3: other VMs and the host's tasks. */
struct snap_aggressor {
	struct labels *labels; /* vm, uuid, by */
	double percent; /* of wall time, averaged over the vCPUs */
};

/*
 * Why a VM's vCPUs waited, in the order of struct snap_vm.causes; all of them sum to the ready time
 * of finished waits. The README says by which rule each is told.
 */
enum ready_cause {
	CAUSE_VM, /* another VM ran */
	CAUSE_HOST, /* a task of the host ran */
	CAUSE_SELF, /* another thread of the VM ran */
	CAUSE_THROTTLED, /* the quota of its cgroup was used up */
	CAUSE_INTERRUPT, /* interrupts and softirqs */
	CAUSE_PINNING, /* a CPU was idle that the vCPU may not use */
	CAUSE_IDLE, /* a CPU was idle that it may use: its own, waking up, or another */
	CAUSE_OTHER, /* not seen, or from before a restart */
	CAUSES,
};

struct snap_cause {
	struct labels *labels; /* vm, uuid, cause */
	uint64_t ns;
	double percent; /* of wall time in the last interval, averaged over the vCPUs; NAN */
};

/* "vm", "host", ...: the label. */
const char *ready_cause_name(enum ready_cause cause);

/* A place that values of a VM come from. */
struct snap_source {
	struct labels *labels; /* vm, uuid, source */
	uint64_t up; /* 0 or 1 */
	double age; /* seconds since its last answer */
	char why[96]; /* of a source that is not up, where it says; else "" */
};

/* What the VM's memory costs the host, in bytes. */
struct snap_host_memory {
	uint64_t resident, swapped;
	uint64_t huge; /* part of resident: transparent huge pages */
	uint64_t hugetlb; /* not part of it */
};

/* The part on one of the host's NUMA nodes. */
struct snap_vm_node {
	struct labels *labels; /* vm, uuid, node */
	uint64_t resident;
};

/* Counters of a disk's or a device's IO. What is not known is ABSENT. */
struct disk_io {
	uint64_t reads, writes, flushes; /* finished requests */
	uint64_t read_bytes, write_bytes;
	uint64_t read_ns, write_ns, flush_ns; /* time of all of them */
	uint64_t mono_ns; /* when they were read */
};

/* What a disk's counters gained from one reading to the next. */
struct disk_rates {
	double read_iops, write_iops, flush_iops;
	double read_throughput, write_throughput; /* bytes a second */
	double read_ms, write_ms, flush_ms; /* mean of the interval; NAN: there was none */
	double ops, ns; /* reads and writes of the interval, and their time */
};

/* A guest's disk as its VMM counts it. */
struct snap_disk {
	struct labels *labels; /* vm, uuid, disk */
	struct disk_io io;
	struct disk_rates rate;
	bool is_device; /* the numbers are those of the host's device: no VMM gives any */
};

/* A device of the host below a VM, as the host's kernel counts the VM's requests to it. */
struct snap_device {
	struct labels *labels; /* vm, uuid, device */
	uint32_t dev; /* major << 20 | minor */
	struct disk_io io;
	struct disk_rates rate;
	struct hist read_hist, write_hist, flush_hist; /* from issue to completion */
	uint64_t others, errors; /* neither read, write nor flush; failed ones of any kind */
	double max_ms; /* the longest request of the last interval */
};

/* How full something is: a disk's image on the host, or a file system inside the guest. */
struct snap_space {
	struct labels *labels; /* vm, uuid, disk, kind, and of a file system mount, fstype */
	uint64_t size, used;
	double percent;
};

/* A network card as the guest itself counts it. */
struct snap_card {
	struct labels *labels; /* vm, uuid, interface, mac */
	uint64_t rx_errors, rx_dropped, tx_errors, tx_dropped;
};

/* What a VM has beyond a bound of util/bounds.h, and how much more of it. */
enum left_out_kind {
	LEFT_OUT_CGROUPS,
	LEFT_OUT_DISKS,
	LEFT_OUT_INTERFACES,
	LEFT_OUT_FILE_SYSTEMS,
	LEFT_OUT_GUEST_INTERFACES,
	LEFT_OUT_GUEST_CPUS,
	LEFT_OUT_KINDS,
};

struct snap_left_out {
	struct labels *labels; /* vm, uuid, what */
	uint64_t count;
};

struct snap_info {
	struct labels *labels; /* vm, uuid and everything else that identifies the VM */
	uint64_t one;
};

/*
 * What the guest itself says, from the source that answers best; its claim, not the host's. The
 * counters count from the guest's boot. CPU rates are percent of wall time averaged over its CPUs.
 */
#define GUEST_COUNTERS 9u

/* The most that a VM's snapshots have shown of the guest's counters since it booted. */
struct guest_floor {
	uint64_t value[GUEST_COUNTERS]; /* in the order of core/guest.c; ABSENT: not shown yet */
	uint64_t faults_at_ns; /* host's CLOCK_MONOTONIC of the view that value[0] is from */
	uint64_t uptime_ns,
		uptime_at_ns; /* the guest's, when it was known last, and when that was */
};

struct snap_guest {
	struct guest_view *view, *prev; /* owned; prev NULL: no rates yet */
	struct guest_floor floor;
	uint64_t mem_total, mem_used, mem_free, mem_available, swap_total, swap_used;
	uint64_t faults, major_faults;
	uint64_t swap_in, swap_out; /* bytes */
	uint64_t user_ns, system_ns, iowait_ns, steal_ns, queue_ns;
	uint64_t uptime_ns, processes, left_out;
	double mem_percent, faults_rate, major_rate;
	double user, system, iowait, steal, queue;
	double load1, load5, load15;
};

/* A process inside a guest. */
struct snap_process {
	struct labels *labels; /* vm, uuid, pid, comm */
	double cpu_usage; /* percent of one CPU of the guest */
	uint64_t memory; /* resident bytes */
	double memory_percent; /* of the guest's memory */
	double read_iops, write_iops, read_throughput, write_throughput;
	uint64_t open_files;
	double run_time; /* seconds since it was started */
	uint64_t cpu_ns, queue_ns, threads;
	uint32_t pid;
	uint64_t start_ns; /* since the guest's boot */
	uint64_t queue_read_ns; /* the last that a source had, which is of live threads alone */
	uint64_t queue_lost_ns; /* what threads that have ended took along */
};

/* The balloon as the host knows it, and how old the guest's last report is. */
#define BALLOON_SOURCE "balloon"
struct snap_balloon {
	uint64_t current, target, maximum; /* bytes that it leaves to the guest */
	uint64_t update_s; /* of the last report, since the epoch */
	uint64_t period_s; /* between two reports; 0: not known yet */
	uint64_t read_ns; /* when the provider was asked */
	bool fresh; /* the report is no old one that is repeated */
	double age; /* of the report, seconds */
};

/* A counted array of entities, all of one size. Owned by what holds it. */
struct entities {
	void *v;
	size_t n, stride;
};

/* Why and since when a VM is down. */
struct snap_down {
	struct labels *labels; /* vm, uuid, reason */
	uint64_t died; /* 1: nobody wanted that; ABSENT: not known */
	double since; /* seconds since the epoch */
	uint64_t signal, exit_code; /* ABSENT: none */
	char text[96]; /* the reason in words */
};

struct snap_vm {
	struct labels *labels; /* ident->labels */
	struct vm_ident *ident;
	enum kvmlens_vm_state state;
	enum kvmlens_pause pause;
	enum kvmlens_level level; /* the one in force for this VM */
	const char *provider; /* static: who named it; NULL: nobody */
	uint64_t up; /* 1: its VMM process is alive */
	uint64_t vcpus;
	struct cpu_times time;
	struct cpu_rates rate; /* averaged over the vCPUs */
	double ready_max; /* of the vCPU that waits most; NAN: not known */
	uint64_t guest_time_sampled; /* 1: guest time is the kernel's tick-sampled gtime */
	uint64_t switches, preempts, migrations;
	struct hist wake_hist, preempt_hist, exit_hist;
	uint64_t kvm[KVM_STAT_MAX];
	uint64_t irq_injected;
	struct stall_totals stall;
	struct snap_guest guest; /* all absent where view is NULL */
	struct entities info; /* struct snap_info, one */
	struct entities cpus; /* struct snap_vcpu, by vcpu_id */
	struct entities roles; /* struct snap_role */
	struct entities exits; /* struct snap_exit */
	struct entities blames; /* struct snap_blame, largest first */
	struct entities causes; /* struct snap_cause by enum ready_cause: all, or none */
	struct entities aggressors; /* struct snap_aggressor, largest first */
	uint64_t mono_ns; /* when its times were read */
	struct snap_host_memory host_memory;
	struct entities memory_nodes; /* struct snap_vm_node */
	struct disk_rates disk_rate, device_rate; /* all disks; all devices */
	double disk_ms, device_ms, queue_ms; /* mean latency: guest's, device's, the difference */
	struct entities disks; /* struct snap_disk */
	struct entities devices; /* struct snap_device */
	struct entities spaces; /* struct snap_space */
	struct entities cards; /* struct snap_card */
	struct entities guest_os; /* struct snap_info, one */
	struct entities left_out; /* struct snap_left_out: of kinds beyond their bound alone */
	uint64_t beyond[LEFT_OUT_KINDS]; /* what left_out is made of */
	bool disks_silent; /* its provider has no counters of its disks */
	uint64_t block_job; /* 1: the VMM backs a disk up, copies or commits it */
	struct entities sources; /* struct snap_source */
	struct entities processes; /* struct snap_process, by pid */
	struct snap_balloon balloon;
	struct snap_network network;
	struct entities nics; /* struct snap_nic */
	struct entities alerts; /* struct snap_alert, the most severe first */
	struct entities nic_sizes; /* struct snap_nic_size, at detailed */
	struct entities nic_drops; /* struct snap_nic_drop, at diagnostic */
	struct entities anomalies; /* struct snap_anomaly, one */
	struct entities contributions; /* struct snap_contribution, greatest first */
	struct entities trends; /* struct snap_trend */
	struct entities forecasts; /* struct snap_forecast */
	struct entities fulls; /* struct snap_full */
	struct entities stalls; /* struct snap_stall, at detailed */
	struct entities stall_events; /* struct snap_stall_event, newest first */
	struct entities downs; /* struct snap_down, one while it is down, or none */
};

/* kvmlens about itself. */
struct snap_self {
	struct labels *labels;
	uint64_t uptime_ns;
	uint64_t ticks, tick_overruns;
	uint64_t tick_ns; /* the last tick's duration */
	uint64_t tick_total_ns;
	uint64_t cpu_ns, rss_bytes, bpf_bytes;
	uint64_t stall_cpu_ns; /* of the thread that watches for stalls */
	uint64_t threads_tracked, threads_max;
	uint64_t adopted; /* 1: this run took over the maps of an earlier one */
	uint64_t hidden_threads; /* of the host, that /proc does not show */
	uint64_t scans; /* of the host for VMs, whole ones */
	uint64_t descriptors, descriptors_max; /* ABSENT: unknown; no limit */
};

/* A reason and how often it cost something: nothing is lost silently. */
struct snap_loss {
	struct labels *labels; /* reason */
	uint64_t count;
	char last[192]; /* what was lost last, where that is known; else "" */
};

/* What was refused to an owner of VMM processes. */
struct snap_refusal {
	struct labels *labels; /* owner, reason */
	uint64_t count;
};

struct snap_feature {
	struct labels *labels; /* feature */
	uint64_t ok;
	const char *why; /* of a no; "" else. Static or owned by the labels' value "why". */
};

struct snap_provider {
	struct labels *labels; /* provider */
	uint64_t up, vms, reconnects, overruns;
	double age;
};

/* The process that serves /metrics, as its parent sees it. */
struct snap_web {
	struct labels *labels;
	uint64_t up; /* 0 or 1 */
	uint64_t restarts, pages, unsent;
	uint64_t requests, refused, evicted, unauthorized;
	uint64_t queries;
};

/* A channel that alerts are delivered to. */
struct snap_notify {
	struct labels *labels; /* channel */
	uint64_t up; /* 0 or 1 */
	uint64_t waiting, messages, alerts, failures, dropped, refused;
	double oldest_age; /* seconds */
};

struct snap_build {
	struct labels *labels; /* version, node, level */
	uint64_t one;
};

struct kvmlens_snapshot {
	gint ref;
	uint64_t seq;
	int64_t wall_ms;
	uint64_t mono_ns;
	uint64_t interval_ns; /* since the snapshot before; 0: there is none */
	enum kvmlens_level level; /* the host's default */
	unsigned groups; /* enum kvmlens_group */
	struct entities vms; /* struct snap_vm, by name */
	struct entities hosts; /* struct snap_host, one */
	struct entities host_modes; /* struct snap_host_mode */
	struct entities host_cpus; /* struct snap_host_cpu, at detailed */
	struct entities nodes; /* struct snap_node */
	struct entities pressures; /* struct snap_pressure */
	struct entities huge_pages; /* struct snap_huge */
	struct entities vm_states; /* struct snap_vm_state */
	struct entities stores; /* struct snap_store, one */
	struct entities alerts; /* struct snap_alerts, one, or none */
	struct entities self; /* struct snap_self, one */
	struct entities build; /* struct snap_build, one */
	struct entities losses; /* struct snap_loss */
	struct entities refusals; /* struct snap_refusal */
	struct entities features; /* struct snap_feature */
	struct entities providers; /* struct snap_provider */
	struct entities notifies; /* struct snap_notify */
	struct entities webs; /* struct snap_web, one, or none */
};

/* n zeroed entities of the given size; NULL v when n is 0. */
void entities_alloc(struct entities *entities, size_t n, size_t stride);

/* n more of them behind those that are there. */
void entities_grow(struct entities *entities, size_t n, size_t stride);

static inline void *entities_at(const struct entities *entities, size_t i)
{
	return (char *)entities->v + i * entities->stride;
}

/* Take one entity out; those behind it move up. */
void entities_remove(struct entities *entities, size_t i);

/* Leave a VM its own values, its info and its sources, and none of its parts. */
void snap_vm_strip(struct snap_vm *vm);

struct kvmlens_snapshot *snapshot_new(void);

/* Take one VM out, with all that it has. */
void snapshot_remove_vm(struct kvmlens_snapshot *snapshot, size_t i);

/* "running", "paused", ... */
const char *vm_state_name(enum kvmlens_vm_state state);

#endif
