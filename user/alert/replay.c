// SPDX-License-Identifier: Apache-2.0
#include "alert/replay.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

struct replay {
	GHashTable *names; /* struct metric by its dotted name */
	struct kvmlens_snapshot *snapshot; /* being gathered; NULL: none yet */
	GPtrArray *vms; /* struct snap_vm * of it */
	replay_fn fn;
	void *arg;
};

/* Make every value of a scope's entity unknown. */
static void make_absent(enum metric_scope scope, void *entity)
{
	for (size_t i = 0; i < n_metrics; i++) {
		void *field = (char *)entity + metrics[i].offset;

		if (metrics[i].scope != scope)
			continue;
		switch (metrics[i].type) {
		case TYPE_U64:
		case TYPE_NS:
			*(uint64_t *)field = ABSENT;
			break;
		case TYPE_DOUBLE:
			*(double *)field = NAN;
			break;
		default: /* has no way to be unknown, or is so when it is zero */
			break;
		}
	}
}

static void set_value(const struct metric *metric, void *entity, const json_t *json)
{
	void *field = (char *)entity + metric->offset;
	double number = json_number_value(json);

	if (!json_is_number(json))
		return;
	switch (metric->type) {
	case TYPE_U64:
		if (number >= 0 && number < 9e18)
			*(uint64_t *)field = json_is_integer(json)
						     ? (uint64_t)json_integer_value(json)
						     : (uint64_t)number;
		break;
	case TYPE_NS:
		if (number >= 0 && number < 9e9)
			*(uint64_t *)field = (uint64_t)(number * 1e9 + 0.5);
		break;
	case TYPE_U32:
		if (number >= 0 && number <= UINT32_MAX)
			*(uint32_t *)field = (uint32_t)number;
		break;
	case TYPE_BOOL:
		*(bool *)field = number != 0;
		break;
	case TYPE_DOUBLE:
		*(double *)field = number;
		break;
	case TYPE_HIST:
		break;
	}
}

static void set_values(const struct replay *replay, enum metric_scope scope, void *entity,
		       json_t *values)
{
	const char *name;
	json_t *value;

	json_object_foreach(values, name, value)
	{
		const struct metric *metric = g_hash_table_lookup(replay->names, name);

		if (metric && metric->scope == scope)
			set_value(metric, entity, value);
	}
}

static struct labels *labels_of(const struct labels *base, json_t *json)
{
	g_autoptr(GArray) tags = g_array_new(FALSE, FALSE, sizeof(struct kvmlens_tag));
	const char *key;
	json_t *value;

	json_object_foreach(json, key, value)
	{
		struct kvmlens_tag tag = {key, json_string_value(value)};

		if (tag.value && tags->len < 32)
			g_array_append_val(tags, tag);
	}
	return labels_new(base, (const struct kvmlens_tag *)(void *)tags->data, tags->len);
}

/* Has any of the object's values a metric of this scope? */
static bool any_of(const struct replay *replay, enum metric_scope scope, json_t *values)
{
	const char *name;
	json_t *value;

	json_object_foreach(values, name, value)
	{
		const struct metric *metric = g_hash_table_lookup(replay->names, name);

		if (metric && metric->scope == scope)
			return true;
	}
	return false;
}

/* "metrics" of the line: of a scope with one entity that has no labels of its own. */
static void fill_whole(const struct replay *replay, enum metric_scope scope, size_t size,
		       const struct labels *base, json_t *values, struct entities *entities)
{
	if (strcmp(metric_scopes[scope].keys, "") && strcmp(metric_scopes[scope].keys, "vm, uuid"))
		return;
	if (!any_of(replay, scope, values))
		return;
	entities_alloc(entities, 1, size);
	*(struct labels **)entities->v = labels_new(base, NULL, 0);
	make_absent(scope, entities->v);
	set_values(replay, scope, entities->v, values);
}

/* "vcpu": [{"labels": {...}, "metrics": {...}}, ...] */
static void fill_list(const struct replay *replay, enum metric_scope scope, size_t size,
		      const struct labels *base, json_t *list, struct entities *entities)
{
	size_t n = MIN(json_array_size(list), REPLAY_ENTITIES_MAX), i;

	if (!n)
		return;
	entities_alloc(entities, n, size);
	for (i = 0; i < n; i++) {
		json_t *item = json_array_get(list, i);
		void *entity = entities_at(entities, i);

		*(struct labels **)entity = labels_of(base, json_object_get(item, "labels"));
		make_absent(scope, entity);
		set_values(replay, scope, entity, json_object_get(item, "metrics"));
	}
}

static void fill_scope(const struct replay *replay, enum metric_scope scope, size_t size,
		       const struct labels *base, json_t *line, struct entities *entities)
{
	json_t *list = json_object_get(line, metric_scopes[scope].name);

	if (json_is_array(list))
		fill_list(replay, scope, size, base, list, entities);
	else
		fill_whole(replay, scope, size, base, json_object_get(line, "metrics"), entities);
}

static struct snap_vm *vm_of(const struct replay *replay, json_t *line, const char *name,
			     const char *uuid)
{
	struct snap_vm *vm = g_new0(struct snap_vm, 1);

	make_absent(SCOPE_VM, vm);
	vm->ident = vm_ident_new(name, uuid, 0, 0, false);
	vm->labels = labels_ref(vm->ident->labels);
	/* What was recorded is shown, whatever the level was. */
	vm->level = KVMLENS_DIAGNOSTIC;
	set_values(replay, SCOPE_VM, vm, json_object_get(line, "metrics"));
#define FILL(scope, type, array, name, keys) \
	fill_scope(replay, SCOPE_##scope, sizeof(type), vm->labels, line, &vm->array);
	METRIC_SCOPES_VM(FILL)
#undef FILL
	return vm;
}

/* The snapshot with the VMs that were gathered, which it owns from now on; NULL: there is none. */
static struct kvmlens_snapshot *take_snapshot(struct replay *replay)
{
	struct kvmlens_snapshot *s = replay->snapshot;

	if (!s)
		return NULL;
	entities_alloc(&s->vms, replay->vms->len, sizeof(struct snap_vm));
	for (guint i = 0; i < replay->vms->len; i++)
		memcpy(entities_at(&s->vms, i), g_ptr_array_index(replay->vms, i),
		       sizeof(struct snap_vm));
	g_ptr_array_set_size(replay->vms, 0);
	replay->snapshot = NULL;
	return s;
}

static int finish(struct replay *replay)
{
	struct kvmlens_snapshot *s = take_snapshot(replay);
	int r = s ? replay->fn(replay->arg, s) : 0;

	kvmlens_snapshot_unref(s);
	return r;
}

static int begin(struct replay *replay, json_t *line)
{
	struct kvmlens_snapshot *s;
	int r = finish(replay);

	if (r)
		return r;
	s = snapshot_new();
	s->level = KVMLENS_DIAGNOSTIC;
	s->groups = KVMLENS_ALL_GROUPS;
	s->wall_ms = json_integer_value(json_object_get(line, "time_ms"));
	s->seq = (uint64_t)json_integer_value(json_object_get(line, "seq"));
	replay->snapshot = s;
#define FILL(scope, type, array, name, keys) \
	fill_scope(replay, SCOPE_##scope, sizeof(type), NULL, line, &s->array);
	METRIC_SCOPES_HOST(FILL)
#undef FILL
	return 0;
}

/* The host's line begins a snapshot, and VMs' lines of the same time follow. */
static int take_line(struct replay *replay, const char *text, size_t len)
{
	json_auto_t *line = json_loadb(text, len, 0, NULL);
	const char *vm = json_string_value(json_object_get(line, "vm"));
	const char *uuid = json_string_value(json_object_get(line, "uuid"));

	if (!json_is_integer(json_object_get(line, "time_ms")))
		return -EBADMSG;
	if (!vm)
		return begin(replay, line);
	if (!replay->snapshot || replay->vms->len >= REPLAY_VMS_MAX)
		return 0; /* the file was cut off in front */
	g_ptr_array_add(replay->vms, vm_of(replay, line, vm, uuid ? uuid : ""));
	return 0;
}

static GHashTable *names_new(void)
{
	GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);

	for (size_t i = 0; i < n_metrics; i++)
		g_hash_table_insert(names, (gpointer)metrics[i].name, (gpointer)&metrics[i]);
	return names;
}

int replay_file(FILE *file, replay_fn fn, void *arg, unsigned *ret_line)
{
	struct replay replay = {.names = names_new(),
				.vms = g_ptr_array_new_with_free_func(g_free),
				.fn = fn,
				.arg = arg};
	char *text = NULL;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	*ret_line = 0;
	while (r == 0 && (len = getline(&text, &size, file)) > 0) {
		++*ret_line;
		if (len > REPLAY_LINE_MAX)
			r = -EMSGSIZE;
		else if (*text != '\n')
			r = take_line(&replay, text, (size_t)len);
	}
	if (r == 0 && ferror(file))
		r = -EIO;
	if (r == 0)
		r = finish(&replay);
	kvmlens_snapshot_unref(take_snapshot(&replay)); /* of an early end */
	g_hash_table_unref(replay.names);
	g_ptr_array_unref(replay.vms);
	free(text);
	return r;
}
