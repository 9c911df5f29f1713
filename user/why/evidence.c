// SPDX-License-Identifier: Apache-2.0
#include "why/evidence.h"

#include <math.h>
#include <string.h>

#define TAIL_POINTS 24

struct point {
	int64_t time_ms;
	double value;
};

struct series {
	const struct metric *metric;
	char *labels;
	unsigned n;
	double sum, peak, last, gain;
	int64_t last_ms;
	struct point tail[TAIL_POINTS]; /* the last ones: number i of all at i % TAIL_POINTS */
};

struct evidence {
	char *vm, *uuid;
	GHashTable *series; /* struct series to itself */
	GPtrArray *ordered; /* the same, in the order they came */
	GHashTable *notes; /* who to what is known of it */
	unsigned times; /* moments that values are of */
	int64_t begin_ms, end_ms;
};

static guint series_hash(gconstpointer key)
{
	const struct series *s = key;

	return g_direct_hash(s->metric) ^ g_str_hash(s->labels);
}

static gboolean series_equal(gconstpointer a, gconstpointer b)
{
	const struct series *x = a, *y = b;

	return x->metric == y->metric && !strcmp(x->labels, y->labels);
}

static void series_free(gpointer key)
{
	struct series *s = key;

	g_free(s->labels);
	g_free(s);
}

struct evidence *evidence_new(const char *name, const char *uuid)
{
	struct evidence *e = g_new0(struct evidence, 1);

	e->vm = g_strdup(name);
	e->uuid = g_strdup(uuid);
	e->series = g_hash_table_new_full(series_hash, series_equal, series_free, NULL);
	e->ordered = g_ptr_array_new();
	e->notes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return e;
}

void evidence_free(struct evidence *e)
{
	if (!e)
		return;
	g_hash_table_unref(e->series);
	g_ptr_array_unref(e->ordered);
	g_hash_table_unref(e->notes);
	g_free(e->vm);
	g_free(e->uuid);
	g_free(e);
}

const char *evidence_vm(const struct evidence *e)
{
	return e->vm;
}

const char *evidence_uuid(const struct evidence *e)
{
	return e->uuid;
}

static struct series *series_of(struct evidence *e, const struct metric *metric, const char *labels)
{
	struct series key = {.metric = metric, .labels = (char *)labels};
	struct series *s = g_hash_table_lookup(e->series, &key);

	if (s)
		return s;
	s = g_new0(struct series, 1);
	s->metric = metric;
	s->labels = g_strdup(labels);
	s->peak = -INFINITY;
	g_hash_table_add(e->series, s);
	g_ptr_array_add(e->ordered, s);
	return s;
}

/* Series come one after the other from the history: a new moment is one later than all before. */
static void note_time(struct evidence *e, int64_t time_ms)
{
	if (!e->times || time_ms > e->end_ms) {
		e->begin_ms = e->times ? MIN(e->begin_ms, time_ms) : time_ms;
		e->end_ms = time_ms;
	}
	e->begin_ms = MIN(e->begin_ms, time_ms);
}

void evidence_add(struct evidence *e, const struct metric *metric, const char *labels,
		  int64_t time_ms, double value)
{
	struct series *s;

	if (isnan(value))
		return;
	s = series_of(e, metric, labels);
	note_time(e, time_ms);
	if (s->n && value > s->last)
		s->gain += value - s->last;
	s->tail[s->n % TAIL_POINTS] = (struct point){time_ms, value};
	s->n++;
	e->times = MAX(e->times, s->n);
	s->sum += value;
	s->peak = MAX(s->peak, value);
	s->last = value;
	s->last_ms = time_ms;
}

struct adding {
	struct evidence *evidence;
	const struct snap_vm *vm;
	int64_t time_ms;
};

/* Labels of a VM's entities begin with those of the VM. */
static const char *own_labels(const struct snap_vm *vm, const struct labels *labels)
{
	size_t skip = vm ? vm->labels->text_len : 0;

	if (!skip)
		return labels->text;
	return labels->text_len > skip ? labels->text + skip + 1 : "";
}

static int add_value(void *arg, const struct metric *metric, const struct snap_vm *vm,
		     const struct labels *labels, const struct metric_value *value)
{
	struct adding *a = arg;

	if (metric->type == TYPE_HIST || (vm && vm != a->vm))
		return 0;
	evidence_add(a->evidence, metric, own_labels(vm, labels), a->time_ms,
		     metric_number(metric, value));
	return 0;
}

/* The walk over one VM alone: of a thousand only one is asked for. */
void evidence_add_snapshot(struct evidence *e, const struct kvmlens_snapshot *snapshot,
			   const struct snap_vm *vm)
{
	struct kvmlens_snapshot one = *snapshot;
	struct adding a = {e, vm, snapshot->wall_ms};

	one.vms = (struct entities){(void *)vm, 1, snapshot->vms.stride};
	metric_walk(&one, NULL, add_value, &a);
}

void evidence_note(struct evidence *e, const char *who, const char *note)
{
	g_hash_table_replace(e->notes, g_strdup(who), g_strdup(note));
}

const char *evidence_note_of(const struct evidence *e, const char *who)
{
	return g_hash_table_lookup(e->notes, who);
}

/* A gauge's value is of the interval before it; a counter needs the one at the beginning. */
static void add_tail(struct evidence *to, const struct series *s, int64_t since_ms)
{
	bool counter = s->metric->kind == METRIC_COUNTER;

	for (unsigned i = s->n > TAIL_POINTS ? s->n - TAIL_POINTS : 0; i < s->n; i++) {
		const struct point *p = &s->tail[i % TAIL_POINTS];

		if (p->time_ms > since_ms || (counter && p->time_ms == since_ms))
			evidence_add(to, s->metric, s->labels, p->time_ms, p->value);
	}
}

struct evidence *evidence_tail(const struct evidence *e, int64_t ms)
{
	struct evidence *tail = evidence_new(e->vm, e->uuid);
	GHashTableIter iter;
	gpointer who, note;

	for (guint i = 0; i < e->ordered->len; i++)
		add_tail(tail, e->ordered->pdata[i], e->end_ms - ms);
	tail->begin_ms = MIN(tail->begin_ms, e->end_ms - ms);
	g_hash_table_iter_init(&iter, e->notes);
	while (g_hash_table_iter_next(&iter, &who, &note))
		evidence_note(tail, who, note);
	return tail;
}

int64_t evidence_step_ms(const struct evidence *e)
{
	return e->times > 1 ? (e->end_ms - e->begin_ms) / (e->times - 1) : 0;
}

double evidence_seconds(const struct evidence *e)
{
	return (double)(e->end_ms - e->begin_ms) / 1000;
}

int64_t evidence_end_ms(const struct evidence *e)
{
	return e->end_ms;
}

/* The first series of that name, NULL. What ended before the last moments is over. */
static const struct series *find(const struct evidence *e, const char *name)
{
	const struct metric *metric = metric_find(name);

	for (guint i = 0; metric && i < e->ordered->len; i++) {
		const struct series *s = e->ordered->pdata[i];

		if (s->metric == metric)
			return s;
	}
	return NULL;
}

double evidence_mean(const struct evidence *e, const char *metric)
{
	const struct series *s = find(e, metric);

	return s ? s->sum / s->n : NAN;
}

double evidence_last(const struct evidence *e, const char *metric)
{
	const struct series *s = find(e, metric);

	return s ? s->last : NAN;
}

double evidence_gain(const struct evidence *e, const char *metric)
{
	const struct series *s = find(e, metric);

	return s && s->n > 1 ? s->gain : NAN;
}

char *evidence_label(const char *text, const char *label)
{
	size_t len = strlen(label);

	while (*text) {
		bool found = !strncmp(text, label, len) && text[len] == '=' && text[len + 1] == '"';
		GString *value = found ? g_string_new(NULL) : NULL;

		text += strcspn(text, "\"");
		text += *text == '"';
		for (; *text && *text != '"'; text++) {
			bool escaped = *text == '\\' && text[1];

			text += escaped;
			if (found)
				g_string_append_c(value, escaped && *text == 'n' ? ' ' : *text);
		}
		if (found)
			return g_string_free(value, FALSE);
		text += *text == '"';
		text += *text == ',';
	}
	return NULL;
}

static void part_clear(gpointer part)
{
	g_free(((struct evidence_part *)part)->label);
}

static gint by_gain(gconstpointer a, gconstpointer b)
{
	const struct evidence_part *x = a, *y = b;

	return (x->gain < y->gain) - (x->gain > y->gain);
}

static gint by_mean(gconstpointer a, gconstpointer b)
{
	const struct evidence_part *x = a, *y = b;

	return (x->mean < y->mean) - (x->mean > y->mean);
}

GArray *evidence_parts(const struct evidence *e, const char *name, const char *label)
{
	const struct metric *metric = metric_find(name);
	GArray *parts = g_array_new(FALSE, FALSE, sizeof(struct evidence_part));

	g_array_set_clear_func(parts, part_clear);
	for (guint i = 0; metric && i < e->ordered->len; i++) {
		const struct series *s = e->ordered->pdata[i];
		struct evidence_part part;

		if (s->metric != metric)
			continue;
		part = (struct evidence_part){evidence_label(s->labels, label),
					      s->labels,
					      s->sum / e->times,
					      s->peak,
					      s->last,
					      s->gain,
					      s->last_ms == e->end_ms};
		if (part.label)
			g_array_append_val(parts, part);
	}
	g_array_sort(parts, metric && metric->kind == METRIC_COUNTER ? by_gain : by_mean);
	return parts;
}

double evidence_part_gain(const struct evidence *e, const char *metric, const char *label,
			  const char *value)
{
	g_autoptr(GArray) parts = evidence_parts(e, metric, label);

	for (guint i = 0; i < parts->len; i++) {
		const struct evidence_part *p = &g_array_index(parts, struct evidence_part, i);

		if (!strcmp(p->label, value))
			return p->gain;
	}
	return NAN;
}
