/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/recorded.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>
#include "alert/replay.h"

#define TEXT_MAX (64 * 1024 * 1024)
#define SUFFIX ".tsv.zst"
/* How far apart the VMs begin, in ticks: prime, so that no two of a hundred are alike. */
#define APART 37

struct series {
	const struct metric *metric;
	json_t *labels; /* those of the VM apart */
	GArray *values; /* double; of a counter what each tick added; NAN: absent */
};

struct recorded {
	GPtrArray *guests; /* GPtrArray of struct series */
};

/* A value of a VM that is played. */
struct field {
	const struct series *series;
	void *at; /* in the snapshot's entity */
	uint64_t count; /* of a counter */
};

struct actor {
	GArray *fields; /* struct field */
	guint ticks, begin; /* of its recording; where it began */
};

struct playback {
	struct kvmlens_snapshot *snapshot;
	GArray *actors; /* struct actor, one a VM */
	guint tick;
};

static void series_free(gpointer arg)
{
	struct series *s = arg;

	json_decref(s->labels);
	g_array_unref(s->values);
	g_free(s);
}

/* NULL: it cannot be read, or is no zstd with its size in front. */
static char *unpack(const char *path)
{
	g_autofree char *packed = NULL, *text = NULL;
	unsigned long long size;
	gsize n;

	if (!g_file_get_contents(path, &packed, &n, NULL))
		return NULL;
	size = ZSTD_getFrameContentSize(packed, n);
	if (size > TEXT_MAX)
		return NULL;
	text = g_malloc0((gsize)size + 1);
	if (ZSTD_decompress(text, (size_t)size, packed, n) != size)
		return NULL;
	return g_steal_pointer(&text);
}

/* metric TAB labels TAB value TAB value ...; NULL: it is none. */
static struct series *series_of(const char *line)
{
	g_auto(GStrv) part = g_strsplit(line, "\t", -1);
	const struct metric *metric = *part ? metric_find(part[0]) : NULL;
	json_t *labels = metric && part[1] ? json_loads(part[1], 0, NULL) : NULL;
	struct series *s;

	if (!labels)
		return NULL;
	s = g_new(struct series, 1);
	*s = (struct series){metric, labels, g_array_new(FALSE, FALSE, sizeof(double))};
	for (char **text = part + 2; *text; text++) {
		double value = strcmp(*text, "-") ? g_ascii_strtod(*text, NULL) : NAN;

		g_array_append_val(s->values, value);
	}
	return s;
}

static GPtrArray *guest_of(const char *path)
{
	g_autoptr(GPtrArray) guest = g_ptr_array_new_with_free_func(series_free);
	g_autofree char *text = unpack(path);
	g_auto(GStrv) lines = text ? g_strsplit(g_strchomp(text), "\n", -1) : NULL;

	for (char **line = lines; line && *line; line++) {
		struct series *s = series_of(*line), *first;

		if (!s)
			return NULL;
		g_ptr_array_add(guest, s);
		first = g_ptr_array_index(guest, 0);
		if (s->values->len < 2 || s->values->len != first->values->len)
			return NULL;
	}
	return guest->len ? g_steal_pointer(&guest) : NULL;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int recorded_load(const char *folder, struct recorded **ret_recorded)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	struct recorded *recorded;
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (g_str_has_suffix(name, SUFFIX))
			g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
	if (!paths->len)
		return -ENOENT;
	g_ptr_array_sort(paths, by_name);
	recorded = g_new(struct recorded, 1);
	recorded->guests = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	for (guint i = 0; i < paths->len; i++) {
		GPtrArray *guest = guest_of(g_ptr_array_index(paths, i));

		if (!guest) {
			recorded_free(recorded);
			return -EBADMSG;
		}
		g_ptr_array_add(recorded->guests, guest);
	}
	*ret_recorded = recorded;
	return 0;
}

void recorded_free(struct recorded *recorded)
{
	if (!recorded)
		return;
	g_ptr_array_unref(recorded->guests);
	g_free(recorded);
}

guint recorded_guests(const struct recorded *recorded)
{
	return recorded->guests->len;
}

/* The entity of the line that has these labels, made when it is not there. */
static json_t *entity_of(json_t *line, const struct series *s)
{
	const char *scope = metric_scopes[s->metric->scope].name;
	json_t *list = json_object_get(line, scope), *entity;
	size_t i;

	if (!json_object_size(s->labels))
		return line;
	if (!list)
		json_object_set_new(line, scope, list = json_array());
	json_array_foreach(list, i, entity) if (json_equal(json_object_get(entity, "labels"),
							   s->labels)) return entity;
	entity = json_pack("{s:O, s:{}}", "labels", s->labels, "metrics");
	json_array_append_new(list, entity);
	return entity;
}

/* The VM as a line of kvmlens run --json, which gives it its entities; values come later. */
static void write_vm(FILE *out, const GPtrArray *guest, unsigned v)
{
	g_autofree char *name = g_strdup_printf("vm-%04u", v);
	g_autofree char *uuid = g_strdup_printf("00000000-0000-4000-8000-%012x", v);
	json_t *line = json_pack("{s:i, s:s, s:s, s:{}}", "time_ms", 1, "vm", name, "uuid", uuid,
				 "metrics");

	for (guint i = 0; i < guest->len; i++) {
		const struct series *s = g_ptr_array_index(guest, i);

		json_object_set_new(json_object_get(entity_of(line, s), "metrics"), s->metric->name,
				    json_integer(1));
	}
	json_dumpf(line, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(line);
}

static int keep(void *arg, const struct kvmlens_snapshot *snapshot)
{
	*(const struct kvmlens_snapshot **)arg = kvmlens_snapshot_ref(snapshot);
	return 0;
}

/* NULL: the lines are not understood. */
static struct kvmlens_snapshot *stage(const struct recorded *recorded, unsigned first, unsigned vms)
{
	const struct kvmlens_snapshot *snapshot = NULL;
	char *text = NULL;
	size_t size;
	unsigned line;
	FILE *file = open_memstream(&text, &size);

	fputs("{\"time_ms\":1,\"metrics\":{}}\n", file);
	for (unsigned v = first; v < first + vms; v++)
		write_vm(file, g_ptr_array_index(recorded->guests, v % recorded->guests->len), v);
	fclose(file);
	file = fmemopen(text, size, "r");
	replay_file(file, keep, &snapshot, &line);
	fclose(file);
	free(text);
	return (struct kvmlens_snapshot *)snapshot;
}

static bool has_labels(const struct labels *labels, json_t *wanted)
{
	const char *key;
	json_t *value;

	json_object_foreach(wanted, key,
			    value) if (g_strcmp0(labels_get(labels, key),
						 json_string_value(value))) return false;
	return true;
}

static void *find_field(const struct kvmlens_snapshot *snapshot, const struct snap_vm *vm,
			const struct series *s)
{
	struct entities all = metric_entities(s->metric->scope, snapshot, vm);

	for (size_t i = 0; i < all.n; i++) {
		char *entity = entities_at(&all, i);

		if (has_labels(*(struct labels **)(void *)entity, s->labels))
			return entity + s->metric->offset;
	}
	return NULL;
}

static void cast(struct playback *p, const GPtrArray *guest, unsigned v, unsigned number)
{
	const struct series *first = g_ptr_array_index(guest, 0);
	struct actor actor = {g_array_new(FALSE, TRUE, sizeof(struct field)), first->values->len,
			      number * APART};

	for (guint i = 0; i < guest->len; i++) {
		const struct series *s = g_ptr_array_index(guest, i);
		double base = g_array_index(s->values, double, 0);
		struct field field = {s,
				      find_field(p->snapshot, entities_at(&p->snapshot->vms, v), s),
				      base > 0 ? (uint64_t)base : 0};

		if (field.at)
			g_array_append_val(actor.fields, field);
	}
	g_array_append_val(p->actors, actor);
}

struct playback *playback_new_from(const struct recorded *recorded, unsigned first, unsigned vms)
{
	struct playback *p = g_new0(struct playback, 1);

	p->snapshot = stage(recorded, first, vms);
	p->actors = g_array_new(FALSE, FALSE, sizeof(struct actor));
	for (unsigned v = 0; p->snapshot && v < p->snapshot->vms.n; v++)
		cast(p, g_ptr_array_index(recorded->guests, (first + v) % recorded->guests->len), v,
		     first + v);
	return p;
}

struct playback *playback_new(const struct recorded *recorded, unsigned vms)
{
	return playback_new_from(recorded, 0, vms);
}

void playback_free(struct playback *p)
{
	for (guint i = 0; i < p->actors->len; i++)
		g_array_unref(g_array_index(p->actors, struct actor, i).fields);
	g_array_unref(p->actors);
	kvmlens_snapshot_unref(p->snapshot);
	g_free(p);
}

/* As a whole number, of nanoseconds where it is a time. */
static uint64_t whole_of(struct field *field, double value)
{
	const struct metric *metric = field->series->metric;

	if (isnan(value))
		return ABSENT;
	if (metric->kind == METRIC_COUNTER)
		return field->count += (uint64_t)fmax(value, 0);
	return (uint64_t)fmax(metric->type == TYPE_NS ? value * 1e9 : value, 0);
}

static void play(struct field *field, guint at)
{
	double value = g_array_index(field->series->values, double, at);
	uint64_t whole = whole_of(field, value);

	switch (field->series->metric->type) {
	case TYPE_U64:
	case TYPE_NS:
		*(uint64_t *)field->at = whole;
		break;
	case TYPE_U32:
		*(uint32_t *)field->at = whole == ABSENT ? 0 : (uint32_t)whole;
		break;
	case TYPE_BOOL:
		*(bool *)field->at = value > 0;
		break;
	case TYPE_DOUBLE:
		*(double *)field->at = value;
		break;
	case TYPE_HIST:
		break;
	}
}

/* The first value of a recording is where its counters begin: it is not played. */
struct kvmlens_snapshot *playback_step(struct playback *p, gint64 wall_ms)
{
	p->snapshot->wall_ms = wall_ms;
	for (guint v = 0; v < p->actors->len; v++) {
		struct actor *actor = &g_array_index(p->actors, struct actor, v);
		guint at = 1 + (actor->begin + p->tick) % (actor->ticks - 1);

		for (guint i = 0; i < actor->fields->len; i++)
			play(&g_array_index(actor->fields, struct field, i), at);
	}
	p->tick++;
	return p->snapshot;
}
