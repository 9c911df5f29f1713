// SPDX-License-Identifier: Apache-2.0
#include "why/window.h"

struct value {
	const struct metric *metric;
	struct labels *labels; /* counted */
	size_t skip; /* bytes of its text that are the VM's own labels */
	double number;
};

struct moment {
	int64_t time_ms;
	GArray *values; /* struct value */
};

struct why_window {
	GQueue moments;
};

static void clear_value(gpointer value)
{
	labels_unref(((struct value *)value)->labels);
}

static void free_moment(gpointer data)
{
	struct moment *m = data;

	g_array_unref(m->values);
	g_free(m);
}

struct why_window *why_window_new(void)
{
	struct why_window *w = g_new0(struct why_window, 1);

	g_queue_init(&w->moments);
	return w;
}

void why_window_free(struct why_window *w)
{
	if (!w)
		return;
	g_queue_clear_full(&w->moments, free_moment);
	g_free(w);
}

static int add_value(void *arg, const struct metric *metric, const struct snap_vm *vm,
		     const struct labels *labels, const struct metric_value *value)
{
	struct moment *m = arg;
	struct value v = {.metric = metric};

	if (metric->type == TYPE_HIST)
		return 0;
	v.labels = labels_ref((struct labels *)labels);
	v.skip = vm ? MIN(vm->labels->text_len + 1, labels->text_len) : 0;
	v.number = metric_number(metric, value);
	g_array_append_val(m->values, v);
	return 0;
}

void why_window_add(struct why_window *w, const struct kvmlens_snapshot *snapshot,
		    const struct snap_vm *vm)
{
	struct moment *m = g_new0(struct moment, 1), *oldest;
	struct kvmlens_snapshot one = *snapshot;

	m->time_ms = snapshot->wall_ms;
	m->values = g_array_new(FALSE, FALSE, sizeof(struct value));
	g_array_set_clear_func(m->values, clear_value);
	one.vms = (struct entities){(void *)vm, 1, snapshot->vms.stride};
	metric_walk(&one, NULL, add_value, m);
	g_queue_push_tail(&w->moments, m);
	while ((oldest = g_queue_peek_head(&w->moments)) != m &&
	       oldest->time_ms < m->time_ms - WHY_WINDOW_MS)
		free_moment(g_queue_pop_head(&w->moments));
}

struct evidence *why_window_evidence(const struct why_window *w, const char *name, const char *uuid)
{
	struct evidence *e = evidence_new(name, uuid);

	for (GList *l = w->moments.head; l; l = l->next) {
		const struct moment *m = l->data;

		for (guint i = 0; i < m->values->len; i++) {
			const struct value *v = &g_array_index(m->values, struct value, i);

			evidence_add(e, v->metric, v->labels->text + v->skip, m->time_ms,
				     v->number);
		}
	}
	return e;
}
