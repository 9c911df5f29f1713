// SPDX-License-Identifier: Apache-2.0
#include "vm/proc_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "util/offload.h"
#include "vm/platform.h"
#include "vm/proc_fs.h"
#include "vm/proc_view.h"
#include "vm/vmm_root.h"
#include "util/bounds.h"

#define READ_DEADLINE_MS 200
#define READ_PARKED_MAX 8
#define PROBE_PARKED_MAX 2 /* processes that are most likely no VMMs may cost no more */
#define PROBE_SCAN_US 200000 /* time that they have in a scan; the others wait for the next one */
#define PVE_DEADLINE_MS 100
#define PVE_PARKED_MAX 1 /* one hung file system is behind all of them */
#define PVE_SCANS 6 /* scans between two looks at what an operator may change meanwhile */
#define QEMU_THREADS_MIN 3 /* main, RCU, one vCPU */
#define NAMED_THREADS_MAX 64 /* whose names are read to recognize a VMM */
/* Of ordinary owners: what one may hang, what all may, and the time that they have in a scan. */
#define ORDINARY_PARKED 1
#define ORDINARY_PARKED_ALL (READ_PARKED_MAX / 2)
#define ORDINARY_DEADLINE_MS 50
#define ORDINARY_SCAN_US 100000
#define ORDINARY_VMMS_MAX 1024
#define BACKOFF_MAX 32 /* scans between two looks at a process that is no VMM */

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h */

enum kind { KIND_NEW, KIND_OTHER, KIND_VMM };

/* Reading who one process is; owns all it needs, as it may outlive the scan. */
struct read_job {
	struct offload_job base;
	int root;
	pid_t pid;
	bool probe; /* it may be a QEMU or anything else */
	int result;
	bool qemu, empty;
	struct vmm_cmdline cmdline;
	GArray *info;
};

/* Reading what Proxmox says of one VM. */
struct pve_job {
	struct offload_job base;
	char *pve, *vmid;
	GArray *info;
};

struct process {
	struct proc_vmm vmm; /* first, as the list of VMMs points here */
	enum kind kind;
	bool qemu, kvm;
	bool identified;
	bool owned; /* vmm.owner is known */
	struct read_job *job; /* hangs, or did when last looked at */
	struct pve_job *pve_job; /* likewise */
	unsigned pve_at; /* the scan in which Proxmox is asked next */
	bool probed; /* its command line is no QEMU's */
	struct vmm_cmdline cmdline;
	GArray *platform, *info; /* of the process itself; with what Proxmox says */
	char *key, *made; /* what the made UUID is made of, and it */
	unsigned ordinal; /* among those of one key; 0: none yet */
	unsigned seen, next_check, backoff; /* numbers of scans */
};

struct proc_scan {
	int root;
	unsigned number;
	uint64_t tick_ns;
	uint64_t dropped;
	unsigned blocked;
	GHashTable *stuck; /* ordinary owner to calls of it that hang */
	unsigned stuck_all;
	gint64 ordinary_us; /* time spent on ordinary owners in this scan */
	gint64 probe_us; /* time spent on processes that may be no VMMs in this scan */
	uint64_t threads, hidden; /* seen in this scan; not seen in the last one */
	struct offload *reader, *prober, *pve_reader;
	GHashTable *processes; /* pid -> struct process */
	GPtrArray *vmms;
	GArray *vhosts;
};

static char *read_config(void *ctx, const char *path, size_t *ret_len)
{
	const struct read_job *job = ctx;

	return vmm_root_read(job->root, job->pid, path, QEMU_CONFIG_MAX, ret_len);
}

/* By the names that QEMU gives the threads of an emulated guest. */
static bool has_tcg_threads(int root, pid_t pid)
{
	g_autoptr(GArray) threads = g_array_new(FALSE, TRUE, sizeof(struct proc_thread));
	uint64_t dropped = 0;

	if (proc_fs_threads(root, pid, 0, threads, &dropped))
		return false;
	for (unsigned i = 0; i < MIN(threads->len, NAMED_THREADS_MAX); i++)
		if (g_array_index(threads, struct proc_thread, i).role.tcg)
			return true;
	return false;
}

static void read_platform(struct read_job *job)
{
	char path[32], text[8192];
	ssize_t n;

	g_snprintf(path, sizeof(path), "%d/cgroup", job->pid);
	n = proc_fs_read(job->root, path, text, sizeof(text) - 1);
	text[MAX(n, 0)] = '\0';
	platform_tags(&job->cmdline, text, job->info);
}

static void read_job_run(struct offload_job *base)
{
	struct read_job *job = (struct read_job *)base;
	g_autofree char *buf = NULL;
	char exe[PATH_MAX] = "";
	size_t len = 0;

	job->result = proc_fs_cmdline(job->root, job->pid, &buf, &len);
	if (job->result < 0)
		return;
	job->empty = !len;
	proc_fs_exe(job->root, job->pid, exe, sizeof(exe));
	job->qemu = vmm_cmdline_is_qemu(exe, buf, len) ||
		    (job->probe && has_tcg_threads(job->root, job->pid));
	vmm_cmdline_read(buf, len, job->qemu, read_config, job, &job->cmdline);
	read_platform(job);
}

static void read_job_free(struct offload_job *base)
{
	struct read_job *job = (struct read_job *)base;

	close(job->root);
	vmm_cmdline_clear(&job->cmdline);
	g_array_unref(job->info);
	g_free(job);
}

static struct read_job *read_job_new(int root, pid_t pid, bool probe)
{
	struct read_job *job = g_new0(struct read_job, 1);

	offload_job_init(&job->base, read_job_run, read_job_free);
	job->root = fcntl(root, F_DUPFD_CLOEXEC, 0);
	job->pid = pid;
	job->probe = probe;
	job->info = platform_tags_new();
	return job;
}

static void pve_job_run(struct offload_job *base)
{
	struct pve_job *job = (struct pve_job *)base;

	platform_pve_read(job->pve, job->vmid, job->info);
}

static void pve_job_free(struct offload_job *base)
{
	struct pve_job *job = (struct pve_job *)base;

	g_free(job->pve);
	g_free(job->vmid);
	g_array_unref(job->info);
	g_free(job);
}

static struct pve_job *pve_job_new(const char *pve, const char *vmid)
{
	struct pve_job *job = g_new0(struct pve_job, 1);

	offload_job_init(&job->base, pve_job_run, pve_job_free);
	job->pve = g_strdup(pve);
	job->vmid = g_strdup(vmid);
	job->info = platform_tags_new();
	return job;
}

static void process_forget_identity(struct process *process)
{
	if (process->job)
		offload_job_unref(&process->job->base);
	process->job = NULL;
	if (process->pve_job)
		offload_job_unref(&process->pve_job->base);
	process->pve_job = NULL;
	process->pve_at = 0;
	g_clear_pointer(&process->platform, g_array_unref);
	g_clear_pointer(&process->info, g_array_unref);
	process->probed = false;
	vmm_cmdline_clear(&process->cmdline);
	process->cmdline = (struct vmm_cmdline){0};
	process->identified = false;
	process->owned = false;
	process->kind = KIND_NEW;
	process->backoff = 0;
	process->next_check = 0;
}

static void process_free(gpointer data)
{
	struct process *process = data;

	process_forget_identity(process);
	g_free(process->key);
	g_free(process->made);
	g_free(process);
}

int proc_scan_new(const char *root, struct proc_scan **ret_scan)
{
	int fd = open(root ? root : "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct proc_scan *scan;

	if (fd < 0)
		return -errno;
	scan = g_new0(struct proc_scan, 1);
	scan->root = fd;
	scan->tick_ns = 1000000000ull / sysconf(_SC_CLK_TCK);
	scan->reader = offload_new("proc-read", READ_PARKED_MAX);
	scan->prober = offload_new("proc-probe", PROBE_PARKED_MAX);
	scan->pve_reader = offload_new("pve-read", PVE_PARKED_MAX);
	scan->processes = g_hash_table_new_full(NULL, NULL, NULL, process_free);
	scan->vmms = g_ptr_array_new();
	scan->stuck = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	scan->vhosts = g_array_new(FALSE, FALSE, sizeof(struct proc_vhost));
	*ret_scan = scan;
	return 0;
}

void proc_scan_free(struct proc_scan *scan)
{
	if (!scan)
		return;
	g_ptr_array_unref(scan->vmms);
	g_hash_table_unref(scan->stuck);
	g_array_unref(scan->vhosts);
	g_hash_table_unref(scan->processes);
	offload_free(scan->reader);
	offload_free(scan->prober);
	offload_free(scan->pve_reader);
	close(scan->root);
	g_free(scan);
}

int proc_scan_root(const struct proc_scan *scan)
{
	return scan->root;
}

const GPtrArray *proc_scan_vmms(const struct proc_scan *scan)
{
	return scan->vmms;
}

const GArray *proc_scan_vhosts(const struct proc_scan *scan)
{
	return scan->vhosts;
}

char *proc_vmm_name(const struct proc_vmm *vmm)
{
	if (vmm->name)
		return g_strdup(vmm->name);
	return g_strdup_printf("%s-%.8s", vmm->program ?: vmm->stat.comm, vmm->made_uuid);
}

unsigned proc_scan_blocked(const struct proc_scan *scan)
{
	return scan->blocked;
}

uint64_t proc_scan_hidden(const struct proc_scan *scan)
{
	return scan->hidden;
}

uint64_t proc_scan_dropped(const struct proc_scan *scan)
{
	return scan->dropped;
}

/* The record of a process, made anew for a new one; an exec shows in the name and is looked at. */
static struct process *process_get(struct proc_scan *scan, const struct proc_stat *stat)
{
	struct process *process = g_hash_table_lookup(scan->processes, GINT_TO_POINTER(stat->pid));

	if (!process) {
		process = g_new0(struct process, 1);
		g_hash_table_insert(scan->processes, GINT_TO_POINTER(stat->pid), process);
	} else if (process->vmm.stat.starttime != stat->starttime ||
		   memcmp(process->vmm.stat.comm, stat->comm, sizeof(stat->comm))) {
		process_forget_identity(process);
		process->kvm = false;
	}
	process->vmm.stat = *stat;
	process->vmm.start_ns = stat->starttime * scan->tick_ns;
	process->seen = scan->number;
	return process;
}

static bool has_kvm_files(int root, pid_t pid)
{
	struct proc_kvm_fds fds;

	return !proc_fs_kvm_fds(root, pid, &fds) && fds.vms && fds.vcpus;
}

/* Not a VMM so far. Look again soon, then ever less often: it may open KVM, or exec, later. */
static void process_put_off(struct proc_scan *scan, struct process *process)
{
	process->kind = KIND_OTHER;
	process->backoff = CLAMP(process->backoff * 2, 1, BACKOFF_MAX);
	process->next_check = scan->number + process->backoff;
}

/* An upgrade, a wrapper or a loader may have changed the executable's name, not the thread's. */
static bool is_named_qemu(int root, const struct proc_stat *stat)
{
	char exe[PATH_MAX];
	int r = proc_fs_exe(root, stat->pid, exe, sizeof(exe));

	return vmm_is_qemu(r ? stat->comm : exe);
}

static void process_read(struct proc_scan *scan, struct process *process, bool probe);

/* Of what no name gives away: QEMU by its arguments or threads, which takes three of these. */
static void process_probe(struct proc_scan *scan, struct process *process)
{
	if (process->probed || process->vmm.stat.num_threads < QEMU_THREADS_MIN)
		return;
	process_read(scan, process, true);
}

static void process_classify(struct proc_scan *scan, struct process *process,
			     const struct proc_scan_options *options)
{
	pid_t pid = process->vmm.stat.pid;
	bool known = options->known && g_hash_table_contains(options->known, GINT_TO_POINTER(pid));

	process->kvm |= known;
	if (process->kind == KIND_VMM || process->vmm.stat.flags & PF_KTHREAD)
		return;
	if (process->kind == KIND_OTHER && !known && scan->number < process->next_check)
		return;
	process->qemu = is_named_qemu(scan->root, &process->vmm.stat);
	if (!known && !process->qemu && options->fds)
		process->kvm = has_kvm_files(scan->root, pid);
	if (!process->qemu && !process->kvm)
		process_probe(scan, process);
	if (process->qemu || process->kvm)
		process->kind = KIND_VMM;
	else
		process_put_off(scan, process);
}

/* Every scan: a process changes its ids as it starts, and an exec changes its executable. */
static void process_own(struct proc_scan *scan, struct process *process,
			const struct owner_policy *owners)
{
	pid_t pid = process->vmm.stat.pid;
	struct owner_ids ids;
	char exe[PATH_MAX];

	if (proc_fs_owner_ids(scan->root, pid, &ids))
		return; /* it has ended, or its owner is as it was */
	if (proc_fs_exe(scan->root, pid, exe, sizeof(exe)))
		exe[0] = '\0';
	owner_judge(owners, &ids, proc_fs_exe_uid(scan->root, pid), exe, &process->vmm.owner);
	process->owned = true;
}

static void process_identify(struct proc_scan *scan, struct process *process)
{
	struct read_job *job = process->job;
	bool vmm = process->qemu || process->kvm;

	process->job = NULL;
	if (job->result < 0 || (job->empty && !process->kvm)) {
		/* It has no memory any more, or not yet. Who runs a VM may hide its arguments. */
		offload_job_unref(&job->base);
		if (!vmm)
			return;
		process_forget_identity(process);
		process_put_off(scan, process);
		return;
	}
	process->qemu |= job->qemu;
	if (process->qemu || vmm) {
		process->cmdline = job->cmdline;
		process->platform = g_steal_pointer(&job->info);
		job->cmdline = (struct vmm_cmdline){0};
		job->info = platform_tags_new();
		process->identified = true;
	}
	process->probed = true;
	offload_job_unref(&job->base);
}

static guint stuck_of(const struct proc_scan *scan, const struct vm_owner *owner)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(scan->stuck, owner->name));
}

static void note_stuck(struct proc_scan *scan, const struct vm_owner *owner)
{
	if (!owner->ordinary)
		return;
	g_hash_table_insert(scan->stuck, g_strdup(owner->name),
			    GUINT_TO_POINTER(stuck_of(scan, owner) + 1));
	scan->stuck_all++;
}

static bool may_read(const struct proc_scan *scan, const struct vm_owner *owner)
{
	return !owner->ordinary ||
	       (stuck_of(scan, owner) < ORDINARY_PARKED && scan->stuck_all < ORDINARY_PARKED_ALL &&
		scan->ordinary_us < ORDINARY_SCAN_US);
}

/* Read the command line once; while that hangs only look whether it has come to an end. */
static void process_read(struct proc_scan *scan, struct process *process, bool probe)
{
	const struct vm_owner *owner = &process->vmm.owner;
	gint64 begun = g_get_monotonic_time();
	bool is_new = !process->job, brief = probe || owner->ordinary;

	if (is_new && (probe ? scan->probe_us < PROBE_SCAN_US : may_read(scan, owner))) {
		struct offload *reader = probe ? scan->prober : scan->reader;
		int r;

		process->job = read_job_new(scan->root, process->vmm.stat.pid, probe);
		r = offload_run(reader, &process->job->base,
				brief ? ORDINARY_DEADLINE_MS : READ_DEADLINE_MS);
		if (r == -EBUSY || r == -EAGAIN) {
			offload_job_unref(&process->job->base);
			process->job = NULL;
		}
		if (brief)
			*(probe ? &scan->probe_us : &scan->ordinary_us) +=
				g_get_monotonic_time() - begun;
	}
	if (process->job && offload_job_done(&process->job->base))
		process_identify(scan, process);
	else if (process->job && is_new && !probe)
		note_stuck(scan, owner);
}

/* Calls of earlier scans that have not come back. */
static void count_stuck(struct proc_scan *scan)
{
	struct process *process;
	GHashTableIter iter;

	g_hash_table_remove_all(scan->stuck);
	scan->stuck_all = 0;
	g_hash_table_iter_init(&iter, scan->processes);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&process))
		if (process->job && !offload_job_done(&process->job->base))
			note_stuck(scan, &process->vmm.owner);
}

/* --- what an operator may change while it runs ------------------------------------------------ */

static void take_pve(struct process *process)
{
	GArray *info = platform_tags_new();
	const GArray *from[] = {process->platform, process->pve_job->info};

	for (size_t k = 0; k < G_N_ELEMENTS(from); k++)
		for (unsigned i = 0; i < from[k]->len; i++) {
			const struct kvmlens_tag *t =
				&g_array_index(from[k], struct kvmlens_tag, i);
			struct kvmlens_tag copy = {g_strdup(t->key), g_strdup(t->value)};

			g_array_append_val(info, copy);
		}
	g_clear_pointer(&process->info, g_array_unref);
	process->info = info;
	offload_job_unref(&process->pve_job->base);
	process->pve_job = NULL;
}

/* Ask Proxmox's cluster file system, which hangs without a quorum. */
static void process_ask_pve(struct proc_scan *scan, struct process *process, const char *pve)
{
	const char *vmid = platform_tag_get(process->platform, "proxmox_vmid");

	if (!vmid)
		return;
	if (!process->pve_job && scan->number >= process->pve_at) {
		process->pve_at = scan->number + PVE_SCANS;
		process->pve_job = pve_job_new(pve ?: "/etc/pve", vmid);
		int r = offload_run(scan->pve_reader, &process->pve_job->base, PVE_DEADLINE_MS);

		if (r == -EBUSY || r == -EAGAIN) {
			offload_job_unref(&process->pve_job->base);
			process->pve_job = NULL;
		}
	}
	if (process->pve_job && offload_job_done(&process->pve_job->base))
		take_pve(process);
}

/* --- made UUIDs ------------------------------------------------------------------------------- */

/* What survives a restart. The owner's word counts within the owner's own VMs alone. */
static char *identity_key(const struct process *process)
{
	const struct vmm_cmdline *c = &process->cmdline;
	const struct vm_owner *owner = &process->vmm.owner;

	return g_strdup_printf("%s\n%s\n%s\n%s\n%s\n%s", owner->ordinary ? owner->name : "",
			       c->program ?: process->vmm.stat.comm, c->name ?: "", c->id ?: "",
			       c->habit ?: "", c->uuid);
}

static gint by_age(gconstpointer a, gconstpointer b)
{
	const struct proc_vmm *x = *(struct proc_vmm *const *)a, *y = *(struct proc_vmm *const *)b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return (x->stat.pid > y->stat.pid) - (x->stat.pid < y->stat.pid);
}

static char *slot_name(const struct process *process, unsigned ordinal)
{
	return g_strdup_printf("%u\n%s", ordinal, process->key);
}

static void process_make_uuid(struct process *process, GHashTable *taken)
{
	char *name = slot_name(process, ++process->ordinal);

	while (!g_hash_table_add(taken, name))
		name = slot_name(process, ++process->ordinal);
	g_free(process->made);
	process->made = vm_make_uuid(":made", name);
}

/* Whoever has one keeps it; then the oldest of the others gets the first that is free. */
static void make_uuids(struct proc_scan *scan)
{
	g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	g_ptr_array_sort(scan->vmms, by_age);
	for (unsigned i = 0; i < scan->vmms->len; i++) {
		struct process *process = scan->vmms->pdata[i];
		g_autofree char *key = identity_key(process);

		if (g_strcmp0(process->key, key)) {
			g_free(process->key);
			process->key = g_steal_pointer(&key);
			process->ordinal = 0;
		} else if (process->ordinal) {
			g_hash_table_add(taken, slot_name(process, process->ordinal));
		}
	}
	for (unsigned i = 0; i < scan->vmms->len; i++) {
		struct process *process = scan->vmms->pdata[i];

		if (!process->ordinal)
			process_make_uuid(process, taken);
		process->vmm.made_uuid = process->made;
	}
}

static void process_describe(struct process *process)
{
	struct proc_vmm *vmm = &process->vmm;

	vmm->blocked = !process->identified;
	vmm->name = process->cmdline.name;
	vmm->uuid = process->cmdline.uuid[0] ? process->cmdline.uuid : NULL;
	vmm->uuid_source = !vmm->uuid					     ? NULL
			   : process->cmdline.uuid_source == VMM_UUID_SMBIOS ? UUID_SOURCE_SMBIOS
									     : UUID_SOURCE_OPTION;
	vmm->program = process->cmdline.program;
	vmm->info = process->info ?: process->platform;
	vmm->accel = process->kvm ? VMM_ACCEL_KVM : process->cmdline.accel;
}

/* A child that a VMM has just forked still looks like its parent, until it execs. */
static bool is_twin(struct proc_scan *scan, const struct process *process)
{
	gpointer key = GINT_TO_POINTER(process->vmm.stat.ppid);
	const struct process *parent = g_hash_table_lookup(scan->processes, key);

	return parent && parent->kind == KIND_VMM && parent->identified && process->identified &&
	       parent->cmdline.name && !g_strcmp0(parent->cmdline.name, process->cmdline.name) &&
	       !strcmp(parent->cmdline.uuid, process->cmdline.uuid);
}

static gint by_pid(gconstpointer a, gconstpointer b)
{
	const struct proc_vmm *x = *(struct proc_vmm *const *)a, *y = *(struct proc_vmm *const *)b;

	return (x->stat.pid > y->stat.pid) - (x->stat.pid < y->stat.pid);
}

/* Drop the processes that are gone, gather the VMMs among the others. */
static void collect(struct proc_scan *scan)
{
	struct process *process;
	unsigned ordinary = 0;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, scan->processes);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&process))
		if (process->seen != scan->number)
			g_hash_table_iter_remove(&iter);
	g_hash_table_iter_init(&iter, scan->processes);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&process)) {
		if (process->kind != KIND_VMM || !process->owned || process->cmdline.no_machine ||
		    is_twin(scan, process))
			continue;
		ordinary += process->vmm.owner.ordinary;
		if (scan->vmms->len == VMMS_MAX ||
		    (process->vmm.owner.ordinary && ordinary > ORDINARY_VMMS_MAX)) {
			scan->dropped++;
			continue;
		}
		process_describe(process);
		scan->blocked += process->vmm.blocked;
		g_ptr_array_add(scan->vmms, &process->vmm);
	}
	make_uuids(scan);
	g_ptr_array_sort(scan->vmms, by_pid);
}

static void look_at(struct proc_scan *scan, pid_t pid, const struct proc_scan_options *options)
{
	struct process *process;
	struct proc_stat stat;

	if (proc_fs_stat(scan->root, pid, &stat))
		return;
	scan->threads += stat.num_threads;
	if (!proc_stat_alive(&stat))
		return;
	if (stat.flags & PF_KTHREAD) {
		struct proc_vhost vhost = {pid, proc_vhost_owner(stat.comm)};

		if (vhost.owner)
			g_array_append_val(scan->vhosts, vhost);
		return;
	}
	process = process_get(scan, &stat);
	process_classify(scan, process, options);
	if (process->kind != KIND_VMM)
		return;
	if (options->owners)
		process_own(scan, process, options->owners);
	else
		process->owned = true;
	if (!process->identified)
		process_read(scan, process, false);
	/* Whoever may start a process can call it any VM of Proxmox's. */
	if (process->identified && !process->vmm.owner.ordinary)
		process_ask_pve(scan, process, options->pve);
}

int proc_scan_run(struct proc_scan *scan, const struct proc_scan_options *options)
{
	g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
	uint64_t total = proc_view_total(scan->root);
	int r = proc_fs_pids(scan->root, pids);

	if (r)
		return r;
	scan->threads = 0;
	scan->probe_us = 0;
	scan->number++;
	scan->dropped += pids->len == PROC_PIDS_MAX;
	scan->blocked = 0;
	scan->ordinary_us = 0;
	count_stuck(scan);
	g_ptr_array_set_size(scan->vmms, 0);
	g_array_set_size(scan->vhosts, 0);
	for (unsigned i = 0; i < pids->len; i++)
		look_at(scan, g_array_index(pids, pid_t, i), options);
	scan->hidden = proc_view_hidden(MIN(total, proc_view_total(scan->root)), scan->threads);
	collect(scan);
	return 0;
}
