// SPDX-License-Identifier: Apache-2.0
#include "core/nics.h"

#include <fcntl.h>
#include <string.h>

#include "core/nics_read.h"
#include "util/sampler.h"

#define FIRST_WAIT_MS 300

struct nics {
	struct nics_reader *reader; /* the sampler's */
	struct sampler *sampler;
	struct nics_result *result; /* of this tick, NULL: none */
};

static const struct sampler_ops ops = {
	.name = "nics",
	.run = nics_reader_run,
	.clear = nics_result_clear,
	.free = nics_reader_free,
};

struct nics *nics_new(const char *proc_root, struct net *net, struct refusals *refusals)
{
	int root = open(proc_root ?: "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct nics *nics;

	if (root < 0)
		return NULL;
	nics = g_new0(struct nics, 1);
	nics->reader = nics_reader_new(root, net, refusals);
	nics->sampler = sampler_new(&ops, nics->reader);
	return nics;
}

bool nics_free(struct nics *nics)
{
	bool ended;

	if (!nics)
		return true;
	ended = sampler_free(nics->sampler);
	g_free(nics);
	return ended;
}

int nics_start(struct nics *nics)
{
	int err = nics ? sampler_start(nics->sampler) : 0;

	if (nics && !err)
		sampler_wait(nics->sampler, FIRST_WAIT_MS);
	return err;
}

static void add_names(struct nics_target *target, const struct kvmlens_vm_stats *stats)
{
	unsigned n = 0;

	for (size_t i = 0; stats && i < stats->n_nics && n < VM_DEVICES_MAX; i++)
		if (strlen(stats->nics[i].name) < IFNAMSIZ)
			g_strlcpy(target->names[n++], stats->nics[i].name, IFNAMSIZ);
}

void nics_set(struct nics *nics, const struct inventory *inventory,
	      const struct kvmlens_snapshot *snapshot, const struct latest *latest)
{
	GArray *targets;

	if (!nics)
		return;
	targets = g_array_new(FALSE, TRUE, sizeof(struct nics_target));
	for (unsigned i = 0; inventory && i < inventory->n_vms; i++) {
		const struct inventory_vm *vm = &inventory->vms[i];
		struct nics_target target;
		uint64_t mono_ns;

		if (vm->ident->pid <= 0)
			continue;
		memset(&target, 0, sizeof(target));
		target.pid = vm->ident->pid;
		target.start_ns = vm->ident->start_ns;
		target.owner = vm->ident->owner;
		if (snapshot && i < snapshot->vms.n) {
			const struct snap_vm *shown = entities_at(&snapshot->vms, i);

			target.sizes = shown->level >= KVMLENS_DETAILED;
			target.drops = shown->level >= KVMLENS_DIAGNOSTIC;
		}
		add_names(&target, latest ? latest_stats(latest, vm, &mono_ns) : NULL);
		g_array_append_val(targets, target);
	}
	nics_reader_set(nics->reader, targets);
}

void nics_kick(struct nics *nics, unsigned ms)
{
	if (nics)
		sampler_kick(nics->sampler, ms);
}

void nics_end(struct nics *nics)
{
	if (!nics)
		return;
	sampler_unref_result(nics->sampler, nics->result);
	nics->result = NULL;
}

void nics_begin(struct nics *nics, uint64_t oldest_ns)
{
	if (!nics)
		return;
	nics->result = sampler_result(nics->sampler);
	if (nics->result && nics->result->mono_ns < oldest_ns)
		nics_end(nics);
}

static const struct nics_vm *vm_of(const struct nics *nics, const struct vm_ident *ident)
{
	const struct nics_vm *vm;

	if (!nics || !nics->result)
		return NULL;
	vm = g_hash_table_lookup(nics->result->by_pid, GINT_TO_POINTER(ident->pid));
	return vm && vm->start_ns == ident->start_ns ? vm : NULL;
}

static bool is_sampled(const GArray *samples, const char *name)
{
	for (unsigned i = 0; samples && i < samples->len; i++)
		if (!strcmp(g_array_index(samples, struct nic_sample, i).name, name))
			return true;
	return false;
}

/* Something that no interface of this host stands for: vhost-user, a VM on another host. */
static bool only_provided(const GArray *samples, const struct kvmlens_nic_stats *nic)
{
	return nic->name[0] && nic->rx_bytes != ABSENT && !is_sampled(samples, nic->name);
}

static struct nic_counters provided(const struct kvmlens_nic_stats *nic)
{
	return (struct nic_counters){nic->rx_bytes,   nic->rx_packets, nic->rx_errors,
				     nic->rx_dropped, nic->tx_bytes,   nic->tx_packets,
				     nic->tx_errors,  nic->tx_dropped};
}

static void fill(struct vmlabels *labels, const char *name, uint64_t mono_ns,
		 const struct nic_counters *count, struct snap_vm *vm, size_t at)
{
	struct snap_nic *nic = entities_at(&vm->nics, at);

	nic->labels = vmlabels_part(labels, vm->ident, "nic", name);
	nic->mono_ns = mono_ns;
	nic->count = *count;
	nic->rx_peak_1ms = nic->rx_peak_10ms = nic->tx_peak_1ms = nic->tx_peak_10ms = NAN;
}

static size_t n_hooked(const GArray *samples)
{
	size_t n = 0;

	for (unsigned i = 0; samples && i < samples->len; i++)
		n += g_array_index(samples, struct nic_sample, i).is_hooked;
	return n;
}

static void fill_sizes(const struct nic_sample *s, const struct snap_nic *nic,
		       struct snap_nic_size *sizes)
{
	static const char *const directions[] = {"rx", "tx"};
	static const char *const names[NET_SIZES] = {"0-64",	  "65-127",   "128-255",
						     "256-511",	  "512-1023", "1024-1518",
						     "1519-9018", "9019-"};

	for (unsigned d = 0; d < NET_DIRECTIONS; d++)
		for (unsigned i = 0; i < NET_SIZES; i++, sizes++) {
			struct kvmlens_tag tags[] = {{"direction", directions[d]},
						     {"size", names[i]}};

			sizes->labels = labels_new(nic->labels, tags, G_N_ELEMENTS(tags));
			sizes->packets = s->flow[d].sizes[i];
		}
}

/* Sizes and the fullest windows of the taps that are hooked. */
static void fill_flows(const GArray *samples, struct snap_vm *vm)
{
	size_t at = 0;

	entities_alloc(&vm->nic_sizes, n_hooked(samples) * NET_SIZES * NET_DIRECTIONS,
		       sizeof(struct snap_nic_size));
	for (unsigned i = 0; samples && i < samples->len; i++) {
		const struct nic_sample *s = &g_array_index(samples, struct nic_sample, i);
		struct snap_nic *nic = entities_at(&vm->nics, i);

		if (!s->is_hooked)
			continue;
		nic->rx_peak_1ms = 1000.0 * (double)s->flow[NET_RX].peak[NET_WINDOW_1MS];
		nic->rx_peak_10ms = 100.0 * (double)s->flow[NET_RX].peak[NET_WINDOW_10MS];
		nic->tx_peak_1ms = 1000.0 * (double)s->flow[NET_TX].peak[NET_WINDOW_1MS];
		nic->tx_peak_10ms = 100.0 * (double)s->flow[NET_TX].peak[NET_WINDOW_10MS];
		fill_sizes(s, nic, entities_at(&vm->nic_sizes, at));
		at += NET_SIZES * NET_DIRECTIONS;
	}
}

static const struct snap_nic *nic_of(const GArray *samples, const struct snap_vm *vm,
				     uint32_t index)
{
	for (unsigned i = 0; samples && i < samples->len; i++)
		if (g_array_index(samples, struct nic_sample, i).index == index)
			return entities_at(&vm->nics, i);
	return NULL;
}

static void fill_drops(const GArray *drops, const GArray *samples, struct snap_vm *vm)
{
	size_t n = 0, at = 0;

	for (unsigned i = 0; i < drops->len; i++)
		n += nic_of(samples, vm, g_array_index(drops, struct nics_drop, i).index) != NULL;
	entities_alloc(&vm->nic_drops, n, sizeof(struct snap_nic_drop));
	for (unsigned i = 0; i < drops->len && at < n; i++) {
		const struct nics_drop *drop = &g_array_index(drops, struct nics_drop, i);
		const struct snap_nic *nic = nic_of(samples, vm, drop->index);
		struct snap_nic_drop *d;

		if (!nic)
			continue;
		d = entities_at(&vm->nic_drops, at++);
		d->labels = labels_new_one(nic->labels, "reason", drop->reason);
		d->packets = drop->count;
	}
}

void nics_fill(struct nics *nics, struct vmlabels *labels, const struct kvmlens_vm_stats *stats,
	       uint64_t mono_ns, struct snap_vm *vm)
{
	const struct nics_vm *found = vm_of(nics, vm->ident);
	const GArray *samples = found ? found->nics : NULL;
	size_t n = samples ? samples->len : 0, at = 0;

	vm->beyond[LEFT_OUT_INTERFACES] += found ? found->left_out : 0;
	for (size_t i = 0; stats && i < stats->n_nics; i++)
		n += only_provided(samples, &stats->nics[i]);
	entities_alloc(&vm->nics, n, sizeof(struct snap_nic));
	for (; samples && at < samples->len; at++) {
		const struct nic_sample *s = &g_array_index(samples, struct nic_sample, at);

		fill(labels, s->name, nics->result->mono_ns, &s->count, vm, at);
	}
	for (size_t i = 0; stats && i < stats->n_nics; i++) {
		struct nic_counters count = provided(&stats->nics[i]);

		if (only_provided(samples, &stats->nics[i]))
			fill(labels, stats->nics[i].name, mono_ns, &count, vm, at++);
	}
	fill_flows(samples, vm);
	if (samples)
		fill_drops(nics->result->drops, samples, vm);
}

uint64_t nics_failures(struct nics *nics)
{
	return nics ? sampler_failures(nics->sampler) : 0;
}
