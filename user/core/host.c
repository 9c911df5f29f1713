// SPDX-License-Identifier: Apache-2.0
#include "core/host.h"

#include <stdio.h>
#include <string.h>

#include "core/rates.h"
#include "util/sampler.h"

#define FIRST_WAIT_MS 300
#define LATEST 3 /* a reading older than so many intervals is none */

struct host {
	struct sampler *sampler;
	GHashTable *labels; /* "key=value,..." to struct labels: made once */
};

static gpointer run(gpointer root)
{
	return host_read(root);
}

static const struct sampler_ops ops = {"host", run, host_reading_clear, g_free};

static void unref_labels(gpointer labels)
{
	labels_unref(labels);
}

struct host *host_new(const char *root)
{
	struct host *host = g_new0(struct host, 1);

	host->sampler = sampler_new(&ops, g_strdup(root ?: ""));
	host->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref_labels);
	return host;
}

void host_free(struct host *host)
{
	if (!host)
		return;
	sampler_free(host->sampler);
	g_hash_table_unref(host->labels);
	g_free(host);
}

int host_start(struct host *host)
{
	int err = sampler_start(host->sampler);

	if (!err)
		sampler_wait(host->sampler, FIRST_WAIT_MS);
	return err;
}

uint64_t host_failures(struct host *host)
{
	return host ? sampler_failures(host->sampler) : 0;
}

static struct labels *labels_of(struct host *host, const char *key, const char *value,
				const char *key2, const char *value2)
{
	g_autofree char *name = g_strjoin("=", key, value, key2, value2, NULL);
	struct labels *labels = g_hash_table_lookup(host->labels, name);
	struct kvmlens_tag tags[] = {{key, value}, {key2, value2}};

	if (!labels) {
		labels = labels_new(NULL, tags, key2 ? 2 : 1);
		g_hash_table_insert(host->labels, g_steal_pointer(&name), labels);
	}
	return labels_ref(labels);
}

static struct labels *number_label(struct host *host, const char *key, uint32_t number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	return labels_of(host, key, text, NULL, NULL);
}

/* --- CPU time ------------------------------------------------------------------------------- */

static uint64_t idle_of(const struct host_cpu_times *t)
{
	return t->idle + t->iowait;
}

/* Guest time is in user time already. */
static uint64_t total_of(const struct host_cpu_times *t)
{
	return t->user + t->nice + t->system + t->irq + t->softirq + t->steal + idle_of(t);
}

/* Shares of the time that the kernel has counted; idle time can go back a little. */
static void shares(const struct host_cpu_times *now, const struct host_cpu_times *was,
		   double *ret_usage, double *ret_idle)
{
	double total, idle;

	*ret_usage = *ret_idle = NAN;
	total = rate_delta(total_of(now), total_of(was));
	idle = rate_delta(idle_of(now), idle_of(was));
	if (isnan(total) || isnan(idle) || total <= 0)
		return;
	*ret_idle = CLAMP(100 * idle / total, 0, 100);
	*ret_usage = 100 - *ret_idle;
}

/*
 * The same, but the last ones while the kernel has counted nothing since: the reading is still the
 * last.
 */
static void shares_since(const struct host_cpu_times *now, const struct host_cpu_times *was,
			 double had_usage, double had_idle, double *ret_usage, double *ret_idle)
{
	if (total_of(now) != total_of(was)) {
		shares(now, was, ret_usage, ret_idle);
		return;
	}
	*ret_usage = had_usage;
	*ret_idle = had_idle;
}

static const void *same_labels(const struct entities *entities, const struct labels *labels)
{
	for (size_t i = 0; i < entities->n; i++)
		if (*(struct labels **)entities_at(entities, i) == labels)
			return entities_at(entities, i);
	return NULL;
}

static void fill_cpus(struct host *host, const struct host_reading *r, struct kvmlens_snapshot *s,
		      const struct kvmlens_snapshot *before)
{
	if (s->level < KVMLENS_DETAILED)
		return;
	entities_alloc(&s->host_cpus, r->cpus->len, sizeof(struct snap_host_cpu));
	for (unsigned i = 0; i < r->cpus->len; i++) {
		const struct host_cpu_line *line = &g_array_index(r->cpus, struct host_cpu_line, i);
		struct snap_host_cpu *cpu = entities_at(&s->host_cpus, i);
		const struct snap_host_cpu *was = NULL;

		cpu->labels = number_label(host, "cpu", line->id);
		cpu->time = line->time;
		/* They come in one order, and seldom is one switched off. */
		if (before && i < before->host_cpus.n)
			was = entities_at(&before->host_cpus, i);
		if (was && was->labels != cpu->labels)
			was = same_labels(&before->host_cpus, cpu->labels);
		cpu->usage = cpu->idle = NAN;
		if (was)
			shares_since(&cpu->time, &was->time, was->usage, was->idle, &cpu->usage,
				     &cpu->idle);
	}
}

static void fill_nodes(struct host *host, const struct host_reading *r, struct kvmlens_snapshot *s,
		       const struct kvmlens_snapshot *before)
{
	entities_alloc(&s->nodes, r->n_nodes, sizeof(struct snap_node));
	for (unsigned i = 0; i < r->n_nodes; i++) {
		const struct host_node *from = &r->nodes[i];
		struct snap_node *node = entities_at(&s->nodes, i);
		const struct snap_node *was;

		node->labels = number_label(host, "node", from->id);
		node->time = from->time;
		node->mem_total = from->mem_total;
		node->mem_free = from->mem_free;
		node->mem_used = from->mem_total == ABSENT || from->mem_free > from->mem_total
					 ? ABSENT
					 : from->mem_total - from->mem_free;
		was = before ? same_labels(&before->nodes, node->labels) : NULL;
		node->usage = node->idle = NAN;
		if (was)
			shares_since(&node->time, &was->time, was->usage, was->idle, &node->usage,
				     &node->idle);
	}
}

static void fill_modes(struct host *host, const struct host_reading *r, struct kvmlens_snapshot *s)
{
	static const char *const names[] = {"user", "nice",    "system", "idle",  "iowait",
					    "irq",  "softirq", "steal",	 "guest", "guest_nice"};
	const uint64_t *times = (const uint64_t *)&r->time;

	_Static_assert(sizeof(r->time) / sizeof(uint64_t) == G_N_ELEMENTS(names), "a name a mode");
	entities_alloc(&s->host_modes, G_N_ELEMENTS(names), sizeof(struct snap_host_mode));
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		*(struct snap_host_mode *)entities_at(&s->host_modes, i) = (struct snap_host_mode){
			labels_of(host, "mode", names[i], NULL, NULL), times[i]};
}

/* All threads of a VM that are followed; ABSENT: none of it is known. */
static uint64_t run_of(const struct snap_vm *vm)
{
	uint64_t sum = vm->time.run;

	for (size_t i = 0; sum != ABSENT && i < vm->roles.n; i++)
		sum += ((const struct snap_role *)entities_at(&vm->roles, i))->run;
	return sum;
}

/* What VMs ran since the snapshot before; one that is new since then counts from its beginning. */
static uint64_t vms_ran(const struct kvmlens_snapshot *s, const struct kvmlens_snapshot *before)
{
	uint64_t sum = 0;

	for (size_t i = 0; before && i < s->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&s->vms, i),
				     *was = rates_find_vm(before, vm);
		uint64_t run = run_of(vm), old = was ? run_of(was) : 0;

		if (run != ABSENT && old != ABSENT && run > old)
			sum += run - old;
	}
	return sum;
}

static void fill_shares(const struct host_reading *r, struct kvmlens_snapshot *s,
			const struct kvmlens_snapshot *before, struct snap_host *h)
{
	const struct snap_host *was =
		before && before->hosts.n ? entities_at(&before->hosts, 0) : NULL;
	uint64_t ran = vms_ran(s, before);

	h->vms_run_ns = (was ? was->vms_run_ns : 0) + ran;
	h->cpu_vms = was && h->cpus != ABSENT
			     ? rate_percent(ran, 0, s->interval_ns, (double)h->cpus)
			     : NAN;
	h->cpu_usage = h->cpu_idle = h->cpu_own = NAN;
	if (!r)
		return;
	h->time = r->time;
	h->read_ns = r->mono_ns;
	if (was && was->read_ns == r->mono_ns) { /* nothing new has come since */
		h->cpu_usage = was->cpu_usage;
		h->cpu_idle = was->cpu_idle;
	} else if (was && was->read_ns) {
		shares(&h->time, &was->time, &h->cpu_usage, &h->cpu_idle);
	}
	h->cpu_own = h->cpu_usage - h->cpu_vms;
	/* The kernel's counts are read a moment before the VMs' and by the clock's tick. */
	if (h->cpu_own < 0)
		h->cpu_own = 0;
}

/* --- the others ----------------------------------------------------------------------------- */

static void fill_pressure(struct host *host, const struct host_reading *r,
			  struct kvmlens_snapshot *s, const struct kvmlens_snapshot *before)
{
	static const char *const resources[] = {"cpu", "memory", "io"}, *const kinds[] = {"some",
											  "full"};
	const struct snap_host *h = entities_at(&s->hosts, 0), *old;

	old = before && before->hosts.n ? entities_at(&before->hosts, 0) : NULL;
	entities_alloc(&s->pressures, HOST_RESOURCES * 2, sizeof(struct snap_pressure));
	for (size_t i = 0; i < s->pressures.n; i++) {
		struct snap_pressure *p = entities_at(&s->pressures, i);
		const struct snap_pressure *was;

		p->labels = labels_of(host, "resource", resources[i / 2], "kind", kinds[i % 2]);
		p->ns = r->stalled[i / 2][i % 2];
		was = before ? same_labels(&before->pressures, p->labels) : NULL;
		if (!was || !old || !old->read_ns)
			p->percent = NAN;
		else if (h->read_ns <= old->read_ns)
			p->percent = was->percent;
		else
			p->percent = rate_percent(p->ns, was->ns, h->read_ns - old->read_ns, 1);
	}
}

static void fill_huge(struct host *host, const struct host_reading *r, struct kvmlens_snapshot *s)
{
	entities_alloc(&s->huge_pages, r->n_huge, sizeof(struct snap_huge));
	for (unsigned i = 0; i < r->n_huge; i++) {
		const struct host_huge *from = &r->huge[i];
		char size[24];

		if (from->kib >> 20)
			snprintf(size, sizeof(size), "%uGiB", (unsigned)(from->kib >> 20));
		else if (from->kib >> 10)
			snprintf(size, sizeof(size), "%uMiB", (unsigned)(from->kib >> 10));
		else
			snprintf(size, sizeof(size), "%uKiB", (unsigned)from->kib);
		*(struct snap_huge *)entities_at(&s->huge_pages, i) =
			(struct snap_huge){labels_of(host, "size", size, NULL, NULL), from->pages,
					   from->free, from->reserved, from->surplus};
	}
}

static void fill_states(struct host *host, struct kvmlens_snapshot *s)
{
	uint64_t vms[KVMLENS_VM_MIGRATING + 1] = {0};

	for (size_t i = 0; i < s->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&s->vms, i);

		if ((unsigned)vm->state < G_N_ELEMENTS(vms))
			vms[vm->state]++;
	}
	entities_alloc(&s->vm_states, G_N_ELEMENTS(vms), sizeof(struct snap_vm_state));
	for (unsigned i = 0; i < G_N_ELEMENTS(vms); i++)
		*(struct snap_vm_state *)entities_at(&s->vm_states, i) = (struct snap_vm_state){
			labels_of(host, "state", vm_state_name(i), NULL, NULL), vms[i]};
}

void host_fill_reading(struct host *host, const struct host_reading *r, struct kvmlens_snapshot *s,
		       const struct kvmlens_snapshot *before)
{
	struct snap_host *h = entities_at(&s->hosts, 0);

	/* ABSENT is all ones. */
	memset(&h->memory, 0xff, sizeof(h->memory));
	memset(&h->ksm, 0xff, sizeof(h->ksm));
	h->memory.percent = NAN;
	fill_shares(r, s, before, h);
	fill_states(host, s);
	if (!r)
		return;
	h->memory = r->memory;
	h->ksm = r->ksm;
	fill_modes(host, r, s);
	fill_cpus(host, r, s, before);
	fill_nodes(host, r, s, before);
	fill_pressure(host, r, s, before);
	fill_huge(host, r, s);
}

void host_fill(struct host *host, struct kvmlens_snapshot *s, const struct kvmlens_snapshot *before,
	       unsigned next_ms)
{
	struct host_reading *r = sampler_result(host->sampler);
	uint64_t age = LATEST * (uint64_t)next_ms * 1000000 + 5000000000ull;
	bool fresh = r && r->mono_ns + age > s->mono_ns;

	host_fill_reading(host, fresh ? r : NULL, s, before);
	sampler_unref_result(host->sampler, r);
	sampler_kick(host->sampler, next_ms);
}
