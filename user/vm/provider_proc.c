// SPDX-License-Identifier: Apache-2.0
/*
 * The provider that needs nothing but /proc: every VMM process of the host, by its command line
 * or by its KVM descriptors. The uri is the root of the tree, /proc by default.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <kvmlens.h>

#include "vm/proc_fs.h"
#include "vm/proc_scan.h"

#define NS_PER_S 1000000000ull

/* A process id alone may be another process's by the next call. */
#define ID_FORMAT "%d@%" G_GUINT64_FORMAT

struct proc_provider {
	struct proc_scan *scan;
	struct owner_policy *owners; /* so that nobody can hold up the reading of others */
};

static int proc_open(const char *uri, void *arg, void **ret_ctx)
{
	struct proc_provider *provider;
	struct proc_scan *scan;
	int r = proc_scan_new(uri, &scan);

	if (r)
		return r;
	provider = g_new0(struct proc_provider, 1);
	provider->scan = scan;
	provider->owners = owner_policy_new(NULL, NULL, 0);
	*ret_ctx = provider;
	return 0;
}

static int list_vmm(const struct proc_vmm *vmm, kvmlens_list_fn add, void *arg)
{
	g_autofree char *name = proc_vmm_name(vmm);
	g_autofree char *id = g_strdup_printf(ID_FORMAT, vmm->stat.pid, vmm->stat.starttime);
	const GArray *info = vmm->info;

	/* Whether the guest is paused only its VMM knows. */
	return add(arg,
		   &(struct kvmlens_vm){
			   .id = id,
			   .name = name,
			   .uuid = vmm->uuid,
			   .pid = vmm->stat.pid,
			   .state = KVMLENS_VM_UNKNOWN,
			   .info = info ? (const struct kvmlens_tag *)(void *)info->data : NULL,
			   .n_info = info ? info->len : 0,
		   });
}

static int proc_list(void *ctx, kvmlens_list_fn add, void *arg)
{
	const struct proc_provider *provider = ctx;
	const GPtrArray *vmms = proc_scan_vmms(provider->scan);
	int r;

	owner_policy_refresh(provider->owners);
	r = proc_scan_run(provider->scan,
			  &(struct proc_scan_options){.fds = true, .owners = provider->owners});

	for (unsigned i = 0; !r && i < vmms->len; i++)
		r = list_vmm(vmms->pdata[i], add, arg);
	return r;
}

static void fill(const struct proc_stat *stat, struct kvmlens_vm_stats *stats)
{
	uint64_t tick_ns = NS_PER_S / sysconf(_SC_CLK_TCK);

	stats->cpu_user_ns = stat->utime * tick_ns;
	stats->cpu_system_ns = stat->stime * tick_ns;
	stats->cpu_ns = stats->cpu_user_ns + stats->cpu_system_ns;
	stats->memory.rss = stat->rss * sysconf(_SC_PAGESIZE);
}

static int proc_stats(void *ctx, const char *id, enum kvmlens_level level,
		      struct kvmlens_vm_stats *stats)
{
	const struct proc_provider *provider = ctx;
	uint64_t starttime;
	struct proc_stat stat;
	pid_t pid;
	int r;

	if (sscanf(id, ID_FORMAT, &pid, &starttime) != 2)
		return -EINVAL;
	r = proc_fs_stat(proc_scan_root(provider->scan), pid, &stat);
	if (r)
		return r;
	if (stat.starttime != starttime || !proc_stat_alive(&stat))
		return -ESRCH;
	fill(&stat, stats);
	return 0;
}

/* Of the processes that list() has just found: their times were read with them. */
static int proc_stats_all(void *ctx, enum kvmlens_level level, kvmlens_stats_fn add, void *arg)
{
	const struct proc_provider *provider = ctx;
	const GPtrArray *vmms = proc_scan_vmms(provider->scan);
	int r = 0;

	for (unsigned i = 0; !r && i < vmms->len; i++) {
		const struct proc_vmm *vmm = vmms->pdata[i];
		g_autofree char *id =
			g_strdup_printf(ID_FORMAT, vmm->stat.pid, vmm->stat.starttime);
		struct kvmlens_vm_stats stats;

		kvmlens_vm_stats_init(&stats);
		fill(&vmm->stat, &stats);
		r = add(arg, id, &stats);
	}
	return r;
}

static void proc_close(void *ctx)
{
	struct proc_provider *provider = ctx;

	proc_scan_free(provider->scan);
	owner_policy_free(provider->owners);
	g_free(provider);
}

const struct kvmlens_provider_ops kvmlens_provider_proc = {
	.name = "proc",
	.open = proc_open,
	.list = proc_list,
	.stats = proc_stats,
	.stats_all = proc_stats_all,
	.close = proc_close,
};
