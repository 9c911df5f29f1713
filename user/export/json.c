// SPDX-License-Identifier: Apache-2.0
#include "export/json.h"
#include "metric/hist.h"
#include "metric/metric.h"

/* Labels that stand for the whole object already. */
static bool is_vm_label(const char *key)
{
	return !strcmp(key, "vm") || !strcmp(key, "uuid");
}

/* The values of scopes without labels of their own belong to the object as a whole. */
static bool is_whole(enum metric_scope scope)
{
	return scope == SCOPE_VM || !*metric_scopes[scope].keys;
}

static void put_key(struct textbuf *out, const char *key)
{
	textbuf_append_json(out, key);
	textbuf_append_len(out, ":", 1);
}

/* A comma unless this is the first member behind an opening brace or bracket. */
static void put_comma(struct textbuf *out)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		textbuf_append_len(out, ",", 1);
}

static void put_u64(struct textbuf *out, uint64_t value)
{
	textbuf_commit(out, text_u64(textbuf_reserve(out, TEXT_NUMBER_MAX), value));
}

static void put_seconds(struct textbuf *out, uint64_t ns)
{
	textbuf_commit(out, text_seconds(textbuf_reserve(out, TEXT_NUMBER_MAX), ns));
}

static void put_hist(struct textbuf *out, const struct hist *hist)
{
	char bound[HIST_BOUND_MAX];
	uint64_t total = 0;

	textbuf_append(out, "{\"count\":");
	put_u64(out, hist_total(hist));
	textbuf_append(out, ",\"sum\":");
	put_seconds(out, hist->sum_ns);
	textbuf_append(out, ",\"le\":{");
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		total += hist->count[i];
		hist_bound(hist, i, bound);
		put_comma(out);
		put_key(out, bound);
		put_u64(out, total);
	}
	textbuf_append(out, "}}");
}

static void put_value(struct textbuf *out, const struct metric *metric,
		      const struct metric_value *value)
{
	switch (metric->type) {
	case TYPE_HIST:
		return put_hist(out, value->hist);
	case TYPE_NS:
		return put_seconds(out, value->u64);
	case TYPE_DOUBLE:
		textbuf_commit(out, text_double(textbuf_reserve(out, TEXT_NUMBER_MAX), value->d));
		return;
	default:
		return put_u64(out, value->u64);
	}
}

/* "name":value of each metric of a scope that this entity knows. */
static void put_members(struct textbuf *out, const struct kvmlens_snapshot *snapshot,
			const struct snap_vm *vm, enum metric_scope scope, const void *entity)
{
	for (size_t i = 0; i < n_metrics; i++) {
		const struct metric *metric = &metrics[i];
		struct metric_value value;

		if (metric->scope != scope || !metric_shown(metric, snapshot, vm) ||
		    !metric_read(metric, entity, &value))
			continue;
		/* JSON has no word for infinity. */
		if (metric->type == TYPE_DOUBLE && isinf(value.d))
			continue;
		put_comma(out);
		put_key(out, metric->name);
		put_value(out, metric, &value);
	}
}

static void put_labels(struct textbuf *out, const struct labels *labels)
{
	textbuf_append(out, "{\"labels\":{");
	for (size_t i = 0; i < labels->n; i++) {
		if (is_vm_label(labels->kv[i].key))
			continue;
		put_comma(out);
		put_key(out, labels->kv[i].key);
		textbuf_append_json(out, labels->kv[i].value);
	}
	textbuf_append(out, "},\"metrics\":{");
}

/* "scope":[...]; nothing at all when no entity has a value. */
static void put_scope(struct textbuf *out, const struct kvmlens_snapshot *snapshot,
		      const struct snap_vm *vm, enum metric_scope scope)
{
	struct entities entities = metric_entities(scope, snapshot, vm);
	size_t before = out->len, filled = 0;

	put_comma(out);
	put_key(out, metric_scopes[scope].name);
	textbuf_append(out, "[");
	for (size_t i = 0; i < entities.n; i++) {
		const void *entity = entities_at(&entities, i);
		size_t begin = out->len, head;

		put_comma(out);
		put_labels(out, *(struct labels *const *)entity);
		head = out->len;
		put_members(out, snapshot, vm, scope, entity);
		if (out->len == head) {
			out->len = begin;
			continue;
		}
		textbuf_append(out, "}}");
		filled++;
	}
	textbuf_append(out, "]");
	if (!filled)
		out->len = before;
}

static void put_stamp(struct textbuf *out, const struct kvmlens_snapshot *snapshot)
{
	textbuf_append(out, "{\"time_ms\":");
	put_u64(out, snapshot->wall_ms);
	textbuf_append(out, ",\"seq\":");
	put_u64(out, snapshot->seq);
}

/* "metrics":{...} and the arrays of the host's scopes, or of the VM's. */
static void put_body(struct textbuf *out, const struct kvmlens_snapshot *snapshot,
		     const struct snap_vm *vm)
{
	int first = vm ? SCOPE_VM : 0, end = vm ? SCOPE_MAX : SCOPE_VM;

	textbuf_append(out, ",\"metrics\":{");
	for (int scope = first; scope < end; scope++) {
		struct entities entities = metric_entities(scope, snapshot, vm);

		for (size_t i = 0; is_whole(scope) && i < entities.n; i++)
			put_members(out, snapshot, vm, scope, entities_at(&entities, i));
	}
	textbuf_append(out, "}");
	for (int scope = first; scope < end; scope++)
		if (!is_whole(scope))
			put_scope(out, snapshot, vm, scope);
	textbuf_append(out, "}");
}

static void put_vm(struct textbuf *out, const struct kvmlens_snapshot *snapshot,
		   const struct snap_vm *vm)
{
	put_stamp(out, snapshot);
	for (size_t i = 0; i < vm->labels->n; i++) {
		put_comma(out);
		put_key(out, vm->labels->kv[i].key);
		textbuf_append_json(out, vm->labels->kv[i].value);
	}
	put_body(out, snapshot, vm);
}

void json_render_lines(const struct kvmlens_snapshot *snapshot, struct textbuf *out)
{
	put_stamp(out, snapshot);
	put_body(out, snapshot, NULL);
	textbuf_append(out, "\n");
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		put_vm(out, snapshot, entities_at(&snapshot->vms, i));
		textbuf_append(out, "\n");
	}
}

void json_render_document(const struct kvmlens_snapshot *snapshot, struct textbuf *out)
{
	put_stamp(out, snapshot);
	textbuf_append(out, ",\"host\":");
	put_stamp(out, snapshot);
	put_body(out, snapshot, NULL);
	textbuf_append(out, ",\"vms\":[");
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		put_comma(out);
		put_vm(out, snapshot, entities_at(&snapshot->vms, i));
	}
	textbuf_append(out, "]}\n");
}
