// SPDX-License-Identifier: Apache-2.0
#include "export/table.h"
#include "metric/hist.h"
#include "metric/metric.h"

#define NAME_WIDTH 40
#define VALUE_WIDTH 18

static char *number_of(const struct metric *metric, const struct metric_value *value)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	if (metric->type != TYPE_DOUBLE && metric->type != TYPE_NS)
		return g_strdup_printf("%" G_GUINT64_FORMAT, value->u64);
	g_ascii_formatd(text, sizeof(text), "%.3f", metric_number(metric, value));
	return g_strdup(text);
}

/* Milliseconds with three digits behind the point. */
static char *ms(double ns)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	return g_strdup(g_ascii_formatd(text, sizeof(text), "%.3f", ns / 1e6));
}

static char *hist_text(const struct hist *hist)
{
	uint64_t total = hist_total(hist);
	g_autofree char *mean = ms(total ? (double)hist->sum_ns / total : 0);
	g_autofree char *p50 = ms(hist_quantile(hist, 0.5));
	g_autofree char *p99 = ms(hist_quantile(hist, 0.99));

	if (!total)
		return g_strdup("nothing counted");
	return g_strdup_printf("%" G_GUINT64_FORMAT " counted, mean %s ms, p50 %s ms, p99 %s ms",
			       total, mean, p50, p99);
}

/* The labels that tell this line from the others of the same VM. */
static void put_labels(struct textbuf *out, const struct labels *labels)
{
	for (size_t i = 0; i < labels->n; i++)
		if (strcmp(labels->kv[i].key, "vm") && strcmp(labels->kv[i].key, "uuid"))
			textbuf_printf(out, " %s=%s", labels->kv[i].key, labels->kv[i].value);
}

static void put_line(struct textbuf *out, const struct metric *metric, const struct labels *labels,
		     const struct metric_value *value)
{
	g_autofree char *text = NULL;

	if (metric->type == TYPE_HIST) {
		text = hist_text(value->hist);
		textbuf_printf(out, "  %-*s %s", NAME_WIDTH, metric->name, text);
	} else {
		text = number_of(metric, value);
		textbuf_printf(out, "  %-*s %*s %-8s", NAME_WIDTH, metric->name, VALUE_WIDTH, text,
			       metric->unit);
	}
	put_labels(out, labels);
	while (out->data[out->len - 1] == ' ')
		out->len--;
	textbuf_append(out, "\n");
}

static void put_metric(struct textbuf *out, const struct kvmlens_snapshot *snapshot,
		       const struct snap_vm *vm, const struct metric *metric)
{
	struct entities entities = metric_entities(metric->scope, snapshot, vm);

	for (size_t i = 0; i < entities.n; i++) {
		const void *entity = entities_at(&entities, i);
		struct metric_value value;

		if (metric_read(metric, entity, &value))
			put_line(out, metric, *(struct labels *const *)entity, &value);
	}
}

/* vm NULL: the host's part. */
static void put_part(struct textbuf *out, const struct kvmlens_snapshot *snapshot,
		     const struct snap_vm *vm)
{
	for (size_t i = 0; i < n_metrics; i++)
		if (metric_scope_in_vm(metrics[i].scope) == (vm != NULL) &&
		    metric_shown(&metrics[i], snapshot, vm))
			put_metric(out, snapshot, vm, &metrics[i]);
}

void table_render(const struct kvmlens_snapshot *snapshot, struct textbuf *out)
{
	textbuf_append(out, "host\n");
	put_part(out, snapshot, NULL);
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		textbuf_printf(out, "\nVM %s (%s)\n", labels_get(vm->labels, "vm"),
			       labels_get(vm->labels, "uuid"));
		put_part(out, snapshot, vm);
	}
}
