// SPDX-License-Identifier: Apache-2.0
#include "vm/proc_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "util/offload.h"
#include "vm/proc_fs.h"

#define READ_DEADLINE_MS 200
#define READ_PARKED_MAX 8
#define VMMS_MAX 8192
/* Of ordinary owners: what one may hang, what all may, and the time that they have in a scan. */
#define ORDINARY_PARKED 1
#define ORDINARY_PARKED_ALL (READ_PARKED_MAX / 2)
#define ORDINARY_DEADLINE_MS 50
#define ORDINARY_SCAN_US 100000
#define ORDINARY_VMMS_MAX 1024
#define BACKOFF_MAX 32 /* scans between two looks at a process that is no VMM */

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h */

enum kind { KIND_NEW, KIND_OTHER, KIND_VMM };

/* Reading one command line; owns all it needs, as it may outlive the scan. */
struct read_job {
	struct offload_job base;
	int root;
	pid_t pid;
	int result;
	char *buf;
	size_t len;
};

struct process {
	struct proc_vmm vmm; /* first, as the list of VMMs points here */
	enum kind kind;
	bool qemu, kvm;
	bool identified;
	bool owned; /* vmm.owner is known */
	struct read_job *job; /* hangs, or did when last looked at */
	struct vmm_cmdline cmdline;
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
	struct offload *reader;
	GHashTable *processes; /* pid -> struct process */
	GPtrArray *vmms;
	GArray *vhosts;
};

static void read_job_run(struct offload_job *base)
{
	struct read_job *job = (struct read_job *)base;

	job->result = proc_fs_cmdline(job->root, job->pid, &job->buf, &job->len);
}

static void read_job_free(struct offload_job *base)
{
	struct read_job *job = (struct read_job *)base;

	close(job->root);
	g_free(job->buf);
	g_free(job);
}

static struct read_job *read_job_new(int root, pid_t pid)
{
	struct read_job *job = g_new0(struct read_job, 1);

	offload_job_init(&job->base, read_job_run, read_job_free);
	job->root = fcntl(root, F_DUPFD_CLOEXEC, 0);
	job->pid = pid;
	return job;
}

static void process_forget_identity(struct process *process)
{
	if (process->job)
		offload_job_unref(&process->job->base);
	process->job = NULL;
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
	return g_strdup_printf("%s-%d", vmm->stat.comm, vmm->stat.pid);
}

unsigned proc_scan_blocked(const struct proc_scan *scan)
{
	return scan->blocked;
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

static void process_classify(struct proc_scan *scan, struct process *process,
			     const struct proc_scan_options *options)
{
	pid_t pid = process->vmm.stat.pid;
	bool known = options->known && g_hash_table_contains(options->known, GINT_TO_POINTER(pid));
	char exe[PATH_MAX];

	process->kvm |= known;
	if (process->kind == KIND_VMM || process->vmm.stat.flags & PF_KTHREAD)
		return;
	if (process->kind == KIND_OTHER && !known && scan->number < process->next_check)
		return;
	process->qemu = !proc_fs_exe(scan->root, pid, exe, sizeof(exe)) && vmm_is_qemu(exe);
	if (!known && !process->qemu && options->fds)
		process->kvm = has_kvm_files(scan->root, pid);
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

	if (job->result < 0 || (!job->len && !process->kvm)) {
		/* It has no memory any more, or not yet. Who runs a VM may hide its arguments. */
		process_forget_identity(process);
		process_put_off(scan, process);
		return;
	}
	vmm_cmdline_parse(job->buf, job->len, process->qemu, &process->cmdline);
	process->identified = true;
	offload_job_unref(&job->base);
	process->job = NULL;
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
static void process_read(struct proc_scan *scan, struct process *process)
{
	const struct vm_owner *owner = &process->vmm.owner;
	gint64 begun = g_get_monotonic_time();
	bool is_new = !process->job;

	if (is_new && may_read(scan, owner)) {
		unsigned deadline = owner->ordinary ? ORDINARY_DEADLINE_MS : READ_DEADLINE_MS;
		int r;

		process->job = read_job_new(scan->root, process->vmm.stat.pid);
		r = offload_run(scan->reader, &process->job->base, deadline);
		if (r == -EBUSY || r == -EAGAIN) {
			offload_job_unref(&process->job->base);
			process->job = NULL;
		}
		if (owner->ordinary)
			scan->ordinary_us += g_get_monotonic_time() - begun;
	}
	if (process->job && offload_job_done(&process->job->base))
		process_identify(scan, process);
	else if (process->job && is_new)
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

static void process_describe(struct process *process)
{
	struct proc_vmm *vmm = &process->vmm;

	vmm->blocked = !process->identified;
	vmm->name = process->cmdline.name;
	vmm->uuid = process->cmdline.uuid[0] ? process->cmdline.uuid : NULL;
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
	g_ptr_array_sort(scan->vmms, by_pid);
}

static void look_at(struct proc_scan *scan, pid_t pid, const struct proc_scan_options *options)
{
	struct process *process;
	struct proc_stat stat;

	if (proc_fs_stat(scan->root, pid, &stat) || !proc_stat_alive(&stat))
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
		process_read(scan, process);
}

int proc_scan_run(struct proc_scan *scan, const struct proc_scan_options *options)
{
	g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
	int r = proc_fs_pids(scan->root, pids);

	if (r)
		return r;
	scan->number++;
	scan->dropped += pids->len == PROC_PIDS_MAX;
	scan->blocked = 0;
	scan->ordinary_us = 0;
	count_stuck(scan);
	g_ptr_array_set_size(scan->vmms, 0);
	g_array_set_size(scan->vhosts, 0);
	for (unsigned i = 0; i < pids->len; i++)
		look_at(scan, g_array_index(pids, pid_t, i), options);
	collect(scan);
	return 0;
}
