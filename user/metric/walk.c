// SPDX-License-Identifier: Apache-2.0
#include "metric/hist.h"
#include "metric/metric.h"

static int walk_entities(const struct kvmlens_snapshot *snapshot, const struct metric *metric,
			 const struct snap_vm *vm, metric_walk_fn fn, void *arg)
{
	struct entities entities;

	if (!metric_shown(metric, snapshot, vm))
		return 0;
	entities = metric_entities(metric->scope, snapshot, vm);
	for (size_t i = 0; i < entities.n; i++) {
		const void *entity = entities_at(&entities, i);
		struct metric_value value;
		int r;

		if (!metric_read(metric, entity, &value))
			continue;
		r = fn(arg, metric, vm, *(struct labels *const *)entity, &value);
		if (r)
			return r;
	}
	return 0;
}

static int walk_metric(const struct kvmlens_snapshot *snapshot, const struct metric *metric,
		       metric_walk_fn fn, void *arg)
{
	if (!metric_scope_in_vm(metric->scope))
		return walk_entities(snapshot, metric, NULL, fn, arg);
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		int r = walk_entities(snapshot, metric, entities_at(&snapshot->vms, i), fn, arg);

		if (r)
			return r;
	}
	return 0;
}

int metric_walk(const struct kvmlens_snapshot *snapshot, const struct metric *metric,
		metric_walk_fn fn, void *arg)
{
	if (metric)
		return walk_metric(snapshot, metric, fn, arg);
	for (size_t i = 0; i < n_metrics; i++) {
		int r = walk_metric(snapshot, &metrics[i], fn, arg);

		if (r)
			return r;
	}
	return 0;
}

/* What the public walk hands from one call to the next. */
struct sample_walk {
	kvmlens_sample_fn fn;
	void *arg;
	GArray *tags; /* struct kvmlens_tag: labels and le */
	GString *name;
};

static int give_part(struct sample_walk *walk, const struct metric *metric, const char *suffix,
		     double value)
{
	struct kvmlens_sample sample = {
		.metric = walk->name->str,
		.unit = metric->unit,
		.labels = (const struct kvmlens_tag *)(void *)walk->tags->data,
		.n_labels = walk->tags->len,
		.value = value,
		.is_counter = 1,
	};

	g_string_assign(walk->name, metric->name);
	g_string_append(walk->name, suffix);
	sample.metric = walk->name->str;
	return walk->fn(walk->arg, &sample);
}

static int give_hist(struct sample_walk *walk, const struct metric *metric,
		     const struct labels *labels, const struct hist *hist)
{
	uint64_t total = 0;
	int r;

	g_array_set_size(walk->tags, 0);
	g_array_append_vals(walk->tags, labels->kv, labels->n);
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		char bound[HIST_BOUND_MAX];
		struct kvmlens_tag le = {"le", bound};

		total += hist->count[i];
		hist_bound(hist, i, bound);
		g_array_append_val(walk->tags, le);
		r = give_part(walk, metric, "_bucket", total);
		g_array_set_size(walk->tags, labels->n);
		if (r)
			return r;
	}
	r = give_part(walk, metric, "_sum", hist->sum_ns / 1e9);
	return r ?: give_part(walk, metric, "_count", total);
}

static int give_sample(void *arg, const struct metric *metric, const struct snap_vm *vm,
		       const struct labels *labels, const struct metric_value *value)
{
	struct sample_walk *walk = arg;
	struct kvmlens_sample sample;

	if (metric->type == TYPE_HIST)
		return give_hist(walk, metric, labels, value->hist);
	sample = (struct kvmlens_sample){
		.metric = metric->name,
		.unit = metric->unit,
		.labels = labels->kv,
		.n_labels = labels->n,
		.value = metric_number(metric, value),
		.is_counter = metric->kind == METRIC_COUNTER,
	};
	return walk->fn(walk->arg, &sample);
}

int kvmlens_snapshot_walk(const struct kvmlens_snapshot *snapshot, kvmlens_sample_fn fn, void *arg)
{
	g_autoptr(GArray) tags = g_array_new(FALSE, FALSE, sizeof(struct kvmlens_tag));
	g_autoptr(GString) name = g_string_new(NULL);
	struct sample_walk walk = {fn, arg, tags, name};

	return metric_walk(snapshot, NULL, give_sample, &walk);
}
