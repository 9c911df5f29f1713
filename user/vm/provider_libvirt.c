// SPDX-License-Identifier: Apache-2.0
/*
 * The libvirt provider. It reads and never writes: a read-only connection, no monitor commands,
 * no guest agent, so that nothing ever taints a domain. Calls may hang, which the worker copes
 * with; statistics are asked for with NOWAIT, so that a domain on which an abandoned call hangs
 * is skipped by the next one.
 */
#include <errno.h>
#include <string.h>
#include <libvirt/virterror.h>
#include <kvmlens.h>

#include "vm/libvirt_conn.h"
#include "vm/libvirt_domain.h"
#include "vm/libvirt_stats.h"
#include "vm/provider_libvirt.h"
#include "vm/vm_list.h"

/* Reading a domain's XML takes 0.1 to 1 ms; what does not fit is read in the next round. */
#define XML_BUDGET_US 300000

/* Without a status file no event tells that a block job begins: the XML is read now and then. */
#define XML_ROUNDS 10

#define GROUPS                                                                            \
	(VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON | \
	 VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK)

/* More domains that are off are left out: they cost a round a call each. */
#define OFF_MAX 512

static char active_only;
void *const libvirt_active_only = &active_only;

struct libvirt_ctx {
	struct libvirt_conn *conn;
	GHashTable *domains; /* UUID -> struct libvirt_domain */
	GPtrArray *listed; /* struct libvirt_domain *, by the last list() */
	unsigned flags; /* of statistics */
	bool with_off; /* domains that are defined and not running, too */
	unsigned round;
};

static void domain_free(gpointer domain)
{
	libvirt_domain_free(domain);
}

static int libvirt_open(const char *uri, void *arg, void **ret_ctx)
{
	struct libvirt_conn *conn;
	struct libvirt_ctx *ctx;
	int r = libvirt_conn_open(uri, &conn);

	if (r)
		return r;
	ctx = g_new0(struct libvirt_ctx, 1);
	ctx->conn = conn;
	ctx->with_off = arg != libvirt_active_only;
	ctx->flags = VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;
	ctx->domains = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, domain_free);
	ctx->listed = g_ptr_array_new();
	*ret_ctx = ctx;
	return 0;
}

static void libvirt_close(void *arg)
{
	struct libvirt_ctx *ctx = arg;

	g_ptr_array_unref(ctx->listed);
	g_hash_table_unref(ctx->domains);
	libvirt_conn_close(ctx->conn);
	g_free(ctx);
}

static int libvirt_watch(void *arg, kvmlens_changed_fn changed, void *changed_arg)
{
	struct libvirt_ctx *ctx = arg;

	libvirt_conn_watch(ctx->conn, changed, changed_arg);
	return 0;
}

/* --- list ----------------------------------------------------------------------------------- */

static void seen(struct libvirt_ctx *ctx, virDomainPtr dom, int state, int reason)
{
	char uuid[VIR_UUID_STRING_BUFLEN];
	struct libvirt_domain *domain;

	if (virDomainGetUUIDString(dom, uuid))
		return;
	domain = g_hash_table_lookup(ctx->domains, uuid);
	if (!domain) {
		domain = libvirt_domain_new(uuid);
		g_hash_table_insert(ctx->domains, domain->uuid, domain);
	}
	libvirt_domain_see(domain, dom, state, reason);
	if (domain->round != ctx->round)
		g_ptr_array_add(ctx->listed, domain);
	domain->round = ctx->round;
}

/* One call for all names and states. It needs no monitor, so a stopped QEMU does not hold it up. */
static int list_by_stats(struct libvirt_ctx *ctx)
{
	virDomainStatsRecordPtr *records = NULL;
	int n = virConnectGetAllDomainStats(ctx->conn->conn, VIR_DOMAIN_STATS_STATE, &records,
					    VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE);

	if (n < 0)
		return libvirt_conn_error(true);
	for (int i = 0; i < n; i++) {
		uint64_t state = 0, reason = 0;

		libvirt_param_u64(records[i]->params, records[i]->nparams, "state.state", &state);
		libvirt_param_u64(records[i]->params, records[i]->nparams, "state.reason", &reason);
		seen(ctx, records[i]->dom, state, reason);
	}
	virDomainStatsRecordListFree(records);
	return 0;
}

/* Domains that are defined and not running; a failure leaves them out. */
static void list_off(struct libvirt_ctx *ctx)
{
	virDomainPtr *doms = NULL;
	int n = virConnectListAllDomains(ctx->conn->conn, &doms, VIR_CONNECT_LIST_DOMAINS_INACTIVE);

	for (int i = 0; i < n; i++) {
		int state = VIR_DOMAIN_NOSTATE, reason = 0;

		if (i < OFF_MAX && !virDomainGetState(doms[i], &state, &reason, 0) &&
		    (state == VIR_DOMAIN_SHUTOFF || state == VIR_DOMAIN_CRASHED))
			seen(ctx, doms[i], state, reason);
		virDomainFree(doms[i]);
	}
	free(doms);
}

/* For drivers without statistics. */
static int list_one_by_one(struct libvirt_ctx *ctx)
{
	virDomainPtr *doms = NULL;
	int n = virConnectListAllDomains(ctx->conn->conn, &doms, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

	if (n < 0)
		return libvirt_conn_error(true);
	for (int i = 0; i < n; i++) {
		int state = VIR_DOMAIN_NOSTATE, reason = 0;

		/* One that has vanished meanwhile is left out. */
		if (!virDomainGetState(doms[i], &state, &reason, 0))
			seen(ctx, doms[i], state, reason);
		virDomainFree(doms[i]);
	}
	free(doms);
	return 0;
}

static gboolean is_unseen(gpointer key, gpointer value, gpointer round)
{
	return ((struct libvirt_domain *)value)->round != GPOINTER_TO_UINT(round);
}

/* What is not in the list: XML and status file, within the budget. */
static void refresh(struct libvirt_ctx *ctx)
{
	gint64 until = g_get_monotonic_time() + XML_BUDGET_US;
	bool unfinished = false;

	for (unsigned i = 0; i < ctx->listed->len; i++) {
		struct libvirt_domain *domain = ctx->listed->pdata[i];

		domain->stale |= libvirt_conn_take_dirty(ctx->conn, domain->uuid);
		if (ctx->conn->local)
			libvirt_domain_read_status(domain, LIBVIRT_STATUS_DIR);
		if (!domain->status_mtime_ns && (ctx->round + i) % XML_ROUNDS == 0 &&
		    domain->id > 0)
			domain->stale = true;
		if (domain->stale && g_get_monotonic_time() < until)
			libvirt_domain_read_xml(domain);
		unfinished |= domain->stale;
	}
	if (unfinished)
		libvirt_conn_wake(ctx->conn);
}

/* Why it is off goes with its labels. */
static int add_one(const struct libvirt_domain *domain, kvmlens_list_fn add, void *arg)
{
	g_autoptr(GArray) info = g_array_new(FALSE, FALSE, sizeof(struct kvmlens_tag));
	struct kvmlens_vm vm = libvirt_domain_describe(domain);
	struct kvmlens_tag tag = {KVMLENS_OFF_REASON,
				  libvirt_off_reason(domain->state, domain->reason)};

	if (!tag.value)
		return add(arg, &vm);
	if (vm.n_info)
		g_array_append_vals(info, vm.info, vm.n_info);
	g_array_append_val(info, tag);
	vm.info = (const struct kvmlens_tag *)info->data;
	vm.n_info = info->len;
	return add(arg, &vm);
}

struct ends {
	const struct libvirt_ctx *ctx;
	kvmlens_list_fn add;
	void *arg;
};

/* A transient domain that stopped, or one that is off where those are left out. */
static int add_end(const char *uuid, const struct libvirt_end *end, void *arg)
{
	struct kvmlens_tag tag = {KVMLENS_GONE_REASON, end->reason};
	const struct ends *ends = arg;
	const struct kvmlens_vm vm = {.id = uuid,
				      .name = end->name,
				      .uuid = uuid,
				      .state = KVMLENS_VM_OFF,
				      .info = &tag,
				      .n_info = 1};

	return g_hash_table_contains(ends->ctx->domains, uuid) ? 0 : ends->add(ends->arg, &vm);
}

static int libvirt_list(void *arg, kvmlens_list_fn add, void *add_arg)
{
	struct libvirt_ctx *ctx = arg;
	struct ends ends = {ctx, add, add_arg};
	int r;

	if (!libvirt_conn_alive(ctx->conn))
		return -ENOTCONN;
	ctx->round++;
	g_ptr_array_set_size(ctx->listed, 0);
	r = list_by_stats(ctx);
	if (r == -ENOTSUP)
		r = list_one_by_one(ctx);
	if (r)
		return r;
	if (ctx->with_off)
		list_off(ctx);
	g_hash_table_foreach_remove(ctx->domains, is_unseen, GUINT_TO_POINTER(ctx->round));
	refresh(ctx);
	for (unsigned i = 0; !r && i < ctx->listed->len; i++) {
		r = add_one(ctx->listed->pdata[i], add, add_arg);
	}
	return r ?: libvirt_conn_ends(ctx->conn, add_end, &ends);
}

/* --- statistics ----------------------------------------------------------------------------- */

static bool has_counters(const struct kvmlens_vm_stats *stats)
{
	for (size_t i = 0; i < stats->n_disks; i++)
		if (stats->disks[i].read_ops != KVMLENS_ABSENT ||
		    stats->disks[i].read_bytes != KVMLENS_ABSENT)
			return true;
	return false;
}

/* Disks for whose counters libvirt was not asked, or did not answer, shall not vanish unnoticed. */
static void mark_silent(const struct libvirt_meta *meta, struct kvmlens_vm_stats *stats)
{
	stats->disks_silent = 0;
	if (has_counters(stats))
		return;
	for (unsigned i = 0; i < meta->disks->len; i++)
		stats->disks_silent |= g_array_index(meta->disks, struct libvirt_device, i).media;
}

static int report(struct libvirt_ctx *ctx, virDomainStatsRecordPtr record, kvmlens_stats_fn add,
		  void *arg)
{
	char uuid[VIR_UUID_STRING_BUFLEN];
	struct kvmlens_vm_stats stats;
	struct libvirt_domain *domain;
	int r;

	if (virDomainGetUUIDString(record->dom, uuid))
		return 0;
	domain = g_hash_table_lookup(ctx->domains, uuid);
	kvmlens_vm_stats_init(&stats);
	libvirt_stats_fill(record->params, record->nparams, domain ? domain->meta : NULL, &stats);
	if (domain)
		stats.block_job = libvirt_domain_block_job(domain);
	if (domain && domain->meta)
		mark_silent(domain->meta, &stats);
	libvirt_stats_settle(ctx->conn->local ? "" : NULL, &stats);
	if (domain && domain->status.incoming)
		stats.state = KVMLENS_VM_MIGRATING;
	r = add(arg, uuid, &stats);
	kvmlens_vm_stats_clear(&stats);
	return r;
}

/* doms is NULL-terminated. Those that have vanished are left out by libvirt. */
static int ask(struct libvirt_ctx *ctx, const GPtrArray *doms, unsigned groups,
	       kvmlens_stats_fn add, void *arg)
{
	virDomainPtr *list = (virDomainPtr *)doms->pdata;
	virDomainStatsRecordPtr *records = NULL;
	int n, r = 0;

	if (!list[0])
		return 0;
	n = virDomainListGetStats(list, groups, &records, ctx->flags);
	if (n < 0 && ctx->flags && libvirt_conn_error(true) == -ENOTSUP) {
		/* A driver, or a daemon older than 4.5, that does not know NOWAIT. */
		ctx->flags = 0;
		n = virDomainListGetStats(list, groups, &records, ctx->flags);
	}
	if (n < 0)
		return libvirt_conn_error(true);
	for (int i = 0; !r && i < n; i++)
		r = report(ctx, records[i], add, arg);
	virDomainStatsRecordListFree(records);
	return r;
}

static int libvirt_stats_all(void *arg, enum kvmlens_level level, kvmlens_stats_fn add,
			     void *add_arg)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new(), no_block = g_ptr_array_new();
	struct libvirt_ctx *ctx = arg;
	int r, s;

	for (unsigned i = 0; i < ctx->listed->len; i++) {
		struct libvirt_domain *domain = ctx->listed->pdata[i];

		g_ptr_array_add(libvirt_domain_skip_block(domain) ? no_block : all, domain->dom);
	}
	g_ptr_array_add(all, NULL);
	g_ptr_array_add(no_block, NULL);
	r = ask(ctx, all, GROUPS, add, add_arg);
	s = ask(ctx, no_block, GROUPS & ~VIR_DOMAIN_STATS_BLOCK, add, add_arg);
	return r ?: s;
}

static int take_stats(void *arg, const char *id, const struct kvmlens_vm_stats *stats)
{
	struct kvmlens_vm_stats *to = arg;
	const struct kvmlens_vm_stats copy = *stats;

	/* The devices change hands: report() clears what it is left with. */
	*(struct kvmlens_vm_stats *)stats = *to;
	*to = copy;
	return 0;
}

static int libvirt_stats(void *arg, const char *id, enum kvmlens_level level,
			 struct kvmlens_vm_stats *stats)
{
	g_autoptr(GPtrArray) doms = g_ptr_array_new();
	struct libvirt_ctx *ctx = arg;
	virDomainPtr dom = virDomainLookupByUUIDString(ctx->conn->conn, id);
	int r;

	if (!dom)
		return libvirt_conn_error(true);
	g_ptr_array_add(doms, dom);
	g_ptr_array_add(doms, NULL);
	r = ask(ctx, doms, GROUPS, take_stats, stats);
	virDomainFree(dom);
	return r;
}

static const char *libvirt_message(void)
{
	return virGetLastErrorCode() == VIR_ERR_OK ? NULL : virGetLastErrorMessage();
}

const struct kvmlens_provider_ops kvmlens_provider_libvirt = {
	.name = "libvirt",
	.open = libvirt_open,
	.list = libvirt_list,
	.stats = libvirt_stats,
	.stats_all = libvirt_stats_all,
	.watch = libvirt_watch,
	.close = libvirt_close,
	.message = libvirt_message,
};
