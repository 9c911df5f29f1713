// SPDX-License-Identifier: Apache-2.0
#include "alert/view.h"

#include <string.h>
#include "alert/keeper.h"
#include "alert/text.h"

static void seen_free(void *arg)
{
	struct seen_alert *seen = arg;

	labels_unref(seen->labels);
	labels_unref(seen->shown);
	g_free(seen->id);
	g_free(seen->rule_id);
	g_free(seen->name);
	g_free(seen->summary);
	g_free(seen);
}

static struct labels *labels_shown(const struct alert_record *record, enum alert_severity severity)
{
	const char *vm = labels_get(record->labels, "vm"),
		   *uuid = labels_get(record->labels, "uuid");
	const struct kvmlens_tag tags[] = {
		{"vm", vm},
		{"uuid", uuid},
		{"rule", record->rule_id},
		{"severity", alert_severity_name(severity)},
	};

	if (!vm || !uuid || record->state == STATE_PENDING)
		return NULL;
	return labels_new(NULL, tags, G_N_ELEMENTS(tags));
}

static void add_alert(void *arg, const struct alert_rule *rule, const struct alert_record *record,
		      const struct snap_vm *vm, const char *quiet)
{
	const struct alert_subject subject = {
		rule, record,	       vm,
		"",   record->seen_ms, record->state == STATE_NODATA ? ALERT_NODATA : ALERT_FIRING,
		""};
	struct seen_alert *seen = g_new0(struct seen_alert, 1);
	struct alert_view *view = arg;

	seen->id = g_strdup_printf("%016" G_GINT64_MODIFIER "x", record->id);
	seen->rule_id = g_strdup(rule->id);
	seen->name = g_strdup(rule->name);
	seen->severity = rule->severity;
	seen->state = record->state;
	seen->since_ms = record->since_ms;
	seen->fired_ms = record->fired_ms;
	seen->value = record->state == STATE_NODATA ? NAN : record->value;
	seen->threshold = rule->threshold;
	seen->metric = rule->metric->name;
	seen->quiet = quiet;
	seen->labels = labels_ref(record->labels);
	seen->shown = labels_shown(record, rule->severity);
	seen->summary = alert_summary(&subject);
	g_ptr_array_add(view->alerts, seen);
}

static int by_weight(gconstpointer a, gconstpointer b)
{
	const struct seen_alert *x = *(struct seen_alert *const *)a;
	const struct seen_alert *y = *(struct seen_alert *const *)b;
	bool x_up = x->state != STATE_PENDING, y_up = y->state != STATE_PENDING;

	if (x_up != y_up)
		return y_up - x_up;
	if (x->severity != y->severity)
		return (int)y->severity - (int)x->severity;
	if (x->since_ms != y->since_ms)
		return x->since_ms < y->since_ms ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* A rule over the disks of a VM is one series here, as it has one name. */
static bool has_rule(const GPtrArray *list, const char *rule_id)
{
	for (guint i = 0; i < list->len; i++)
		if (!strcmp(((struct seen_alert *)list->pdata[i])->rule_id, rule_id))
			return true;
	return false;
}

static void index_alert(struct alert_view *view, struct seen_alert *seen)
{
	const char *uuid = seen->shown ? labels_get(seen->shown, "uuid") : NULL;
	GPtrArray *list;

	if (!uuid)
		return;
	list = g_hash_table_lookup(view->by_uuid, uuid);
	if (!list) {
		list = g_ptr_array_new();
		g_hash_table_insert(view->by_uuid, (gpointer)uuid, list);
	}
	if (list->len < KEEPER_VM_ALERTS_MAX && !has_rule(list, seen->rule_id))
		g_ptr_array_add(list, seen);
}

struct alert_view *alert_view_empty(void)
{
	struct alert_view *view = g_new0(struct alert_view, 1);

	view->ref = 1;
	view->alerts = g_ptr_array_new_with_free_func(seen_free);
	view->by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
					      (GDestroyNotify)g_ptr_array_unref);
	return view;
}

void alert_view_finish(struct alert_view *view)
{
	g_ptr_array_sort(view->alerts, by_weight);
	for (guint i = 0; i < view->alerts->len; i++)
		index_alert(view, g_ptr_array_index(view->alerts, i));
}

void alert_view_add(struct alert_view *view, const struct kept_alert *kept)
{
	const struct alert_record *r = &kept->record;
	const struct metric *metric = metric_find(kept->metric);
	struct seen_alert *seen = g_new0(struct seen_alert, 1);

	seen->id = g_strdup_printf("%016" G_GINT64_MODIFIER "x", r->id);
	seen->rule_id = g_strdup(r->rule_id);
	seen->name = g_strdup(kept->rule_name);
	seen->severity = kept->severity;
	seen->state = r->state;
	seen->since_ms = r->since_ms;
	seen->fired_ms = r->fired_ms;
	seen->value = r->value;
	seen->threshold = kept->threshold;
	seen->metric = metric ? metric->name : "";
	seen->quiet = !strcmp(kept->quiet, "silenced")	  ? "silenced"
		      : !strcmp(kept->quiet, "inhibited") ? "inhibited"
							  : "";
	seen->labels = labels_ref(r->labels);
	seen->shown = labels_shown(r, kept->severity);
	seen->summary = g_strdup(kept->summary);
	g_ptr_array_add(view->alerts, seen);
	view->stats.pending += r->state == STATE_PENDING;
	view->stats.firing += r->state == STATE_FIRING;
	view->stats.nodata += r->state == STATE_NODATA;
}

struct alert_view *alert_view_new(struct alert_engine *engine)
{
	struct alert_view *view = alert_view_empty();

	alert_engine_stats(engine, &view->stats);
	alert_engine_each(engine, add_alert, view);
	alert_view_finish(view);
	return view;
}

struct alert_view *alert_view_ref(struct alert_view *view)
{
	g_atomic_int_inc(&view->ref);
	return view;
}

void alert_view_unref(struct alert_view *view)
{
	if (!view || !g_atomic_int_dec_and_test(&view->ref))
		return;
	g_hash_table_unref(view->by_uuid);
	g_ptr_array_unref(view->alerts);
	g_free(view);
}

static void fill_vm(const GPtrArray *list, struct snap_vm *vm)
{
	entities_alloc(&vm->alerts, list->len, sizeof(struct snap_alert));
	for (guint i = 0; i < list->len; i++) {
		const struct seen_alert *seen = g_ptr_array_index(list, i);
		struct snap_alert *alert = entities_at(&vm->alerts, i);

		alert->labels = labels_ref(seen->shown);
		alert->severity = seen->severity;
		alert->firing = seen->state == STATE_FIRING;
		alert->quiet = *seen->quiet;
	}
}

static uint64_t quiet_alerts(const struct alert_view *view)
{
	uint64_t n = 0;

	for (guint i = 0; i < view->alerts->len; i++) {
		const struct seen_alert *seen = g_ptr_array_index(view->alerts, i);

		n += seen->state == STATE_FIRING && *seen->quiet;
	}
	return n;
}

void alert_view_fill(const struct alert_view *view, struct kvmlens_snapshot *snapshot)
{
	const struct alert_engine_stats *stats = &view->stats;

	entities_alloc(&snapshot->alerts, 1, sizeof(struct snap_alerts));
	*(struct snap_alerts *)snapshot->alerts.v = (struct snap_alerts){
		.labels = labels_new(NULL, NULL, 0),
		.rules = stats->rules,
		.pending = stats->pending,
		.firing = stats->firing,
		.quiet = quiet_alerts(view),
		.nodata = stats->nodata,
		.fired = stats->fired,
		.resolved = stats->resolved,
		.lost = view->lost + stats->refused,
		.cpu_ns = view->cpu_ns,
	};
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		struct snap_vm *vm = entities_at(&snapshot->vms, i);
		const char *uuid = labels_get(vm->labels, "uuid");
		const GPtrArray *list = uuid ? g_hash_table_lookup(view->by_uuid, uuid) : NULL;

		if (list)
			fill_vm(list, vm);
	}
}

static void put_field(struct textbuf *out, const char *key, const char *value)
{
	textbuf_printf(out, ",\"%s\":", key);
	textbuf_append_json(out, value);
}

static void put_number(struct textbuf *out, const char *key, double value)
{
	if (!isfinite(value))
		return;
	textbuf_printf(out, ",\"%s\":", key);
	textbuf_commit(out, text_double(textbuf_reserve(out, TEXT_NUMBER_MAX), value));
}

static void put_alert(struct textbuf *out, const struct seen_alert *seen)
{
	textbuf_append(out, "{\"id\":");
	textbuf_append_json(out, seen->id);
	put_field(out, "rule", seen->rule_id);
	put_field(out, "name", seen->name);
	put_field(out, "severity", alert_severity_name(seen->severity));
	put_field(out, "state", alert_state_name(seen->state));
	put_field(out, "metric", seen->metric);
	put_number(out, "value", seen->value);
	put_number(out, "threshold", seen->threshold);
	textbuf_printf(out, ",\"since_ms\":%" G_GINT64_FORMAT, seen->since_ms);
	if (seen->fired_ms)
		textbuf_printf(out, ",\"fired_ms\":%" G_GINT64_FORMAT, seen->fired_ms);
	put_field(out, "summary", seen->summary);
	if (*seen->quiet)
		put_field(out, "quiet", seen->quiet);
	textbuf_append(out, ",\"labels\":{");
	for (size_t i = 0; i < seen->labels->n; i++) {
		textbuf_append(out, i ? "," : "");
		textbuf_append_json(out, seen->labels->kv[i].key);
		textbuf_append(out, ":");
		textbuf_append_json(out, seen->labels->kv[i].value);
	}
	textbuf_append(out, "}}");
}

void alert_view_render(const struct alert_view *view, struct textbuf *out)
{
	textbuf_append(out, "{\"alerts\":[");
	for (guint i = 0; view && i < view->alerts->len; i++) {
		textbuf_append(out, i ? "," : "");
		put_alert(out, g_ptr_array_index(view->alerts, i));
	}
	textbuf_append(out, "]}\n");
}
