// SPDX-License-Identifier: Apache-2.0
#include "metric/unique.h"

#include <string.h>

/* Labels seen, in an open hash table of a power of two of places, half of them free at least. */
struct seen {
	const struct labels **places;
	size_t n;
};

struct unique {
	struct seen seen;
	snapshot_duplicate_fn fn;
	void *arg;
	unsigned dropped;
};

static void seen_clear(struct seen *seen, size_t entities)
{
	size_t n = 16;

	while (n < 2 * entities)
		n *= 2;
	if (n > seen->n) {
		g_free(seen->places);
		seen->places = g_new(const struct labels *, n);
	}
	seen->n = MAX(n, seen->n);
	memset(seen->places, 0, seen->n * sizeof(*seen->places));
}

/* False: there are such labels already. */
static bool seen_add(struct seen *seen, const struct labels *labels)
{
	size_t i = labels->hash & (seen->n - 1);

	for (; seen->places[i]; i = (i + 1) & (seen->n - 1))
		if (labels_equal(seen->places[i], labels))
			return false;
	seen->places[i] = labels;
	return true;
}

static const struct labels *labels_at(const struct entities *entities, size_t i)
{
	return *(const struct labels *const *)entities_at(entities, i);
}

static bool begins_with(const struct labels *labels, const struct labels *start)
{
	return labels->text_len >= start->text_len &&
	       !memcmp(labels->text, start->text, start->text_len) &&
	       (labels->text_len == start->text_len || labels->text[start->text_len] == ',');
}

static void drop(struct unique *u, enum metric_scope scope, const struct labels *labels)
{
	u->dropped++;
	if (u->fn)
		u->fn(u->arg, scope, labels);
}

/* start: what the labels begin with; NULL: with anything. */
static void check_entities(struct unique *u, enum metric_scope scope, struct entities *entities,
			   const struct labels *start)
{
	if (!entities->n)
		return;
	if (entities->n > 1)
		seen_clear(&u->seen, entities->n);
	for (size_t i = 0; i < entities->n;) {
		const struct labels *labels = labels_at(entities, i);

		if ((!start || begins_with(labels, start)) &&
		    (entities->n == 1 || seen_add(&u->seen, labels))) {
			i++;
			continue;
		}
		drop(u, scope, labels);
		entities_remove(entities, i);
	}
}

static void check_vm(struct unique *u, struct snap_vm *vm)
{
#define CHECK(scope, type, array, name, keys) \
	check_entities(u, SCOPE_##scope, &vm->array, vm->labels);
	METRIC_SCOPES_VM(CHECK)
#undef CHECK
}

static void check_vms(struct unique *u, struct kvmlens_snapshot *snapshot)
{
	seen_clear(&u->seen, snapshot->vms.n);
	for (size_t i = 0; i < snapshot->vms.n;) {
		const struct labels *labels = labels_at(&snapshot->vms, i);

		if (seen_add(&u->seen, labels)) {
			i++;
			continue;
		}
		drop(u, SCOPE_VM, labels);
		snapshot_remove_vm(snapshot, i);
	}
	for (size_t i = 0; i < snapshot->vms.n; i++)
		check_vm(u, entities_at(&snapshot->vms, i));
}

unsigned snapshot_drop_duplicates(struct kvmlens_snapshot *snapshot, snapshot_duplicate_fn fn,
				  void *arg)
{
	struct unique u = {.fn = fn, .arg = arg};

	check_vms(&u, snapshot);
#define CHECK(scope, type, array, name, keys) \
	check_entities(&u, SCOPE_##scope, &snapshot->array, NULL);
	METRIC_SCOPES_HOST(CHECK)
#undef CHECK
	g_free(u.seen.places);
	return u.dropped;
}
