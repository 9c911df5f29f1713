// SPDX-License-Identifier: Apache-2.0
/*
 * One series, one value: in every scope a second entity of the same labels is put in, and labels
 * that differ before they are cleaned but not after. The page itself is the judge: no name with its
 * labels is there twice, and the first of each keeps its value.
 */
#include <string.h>
#include "export/prometheus.h"
#include "metric/unique.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

static GHashTable *page_series(const struct kvmlens_snapshot *snapshot, unsigned *ret_twice)
{
	GHashTable *series = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	textbuf_auto out = {0};
	g_autofree char *text = NULL;
	char *line, *next;

	*ret_twice = 0;
	prometheus_render(snapshot, &out);
	text = g_strndup(out.data, out.len);
	for (line = text; line && *line; line = next) {
		char *value;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (*line == '#')
			continue;
		value = strrchr(line, ' ');
		*ret_twice += !g_hash_table_insert(series, g_strndup(line, value - line),
						   g_strdup(value));
	}
	return series;
}

/* One more entity, with labels, ahead of nothing: at the end. */
static void add_double(struct entities *entities, struct labels *labels)
{
	struct entities more;

	entities_alloc(&more, entities->n + 1, entities->stride);
	memcpy(more.v, entities->v, entities->n * entities->stride);
	memset(entities_at(&more, entities->n), 0, entities->stride);
	*(struct labels **)entities_at(&more, entities->n) = labels;
	g_free(entities->v);
	*entities = more;
}

/* The same labels once more, made separately, the last value of other bytes that clean up alike. */
static struct labels *alike(const struct labels *labels, const char *bad)
{
	g_autoptr(GArray) kv = g_array_new(FALSE, FALSE, sizeof(struct kvmlens_tag));
	g_autofree char *value = NULL;

	if (!labels->n)
		return labels_new(NULL, NULL, 0);
	g_array_append_vals(kv, labels->kv, labels->n);
	value = g_strconcat(labels->kv[labels->n - 1].value, bad, NULL);
	g_array_index(kv, struct kvmlens_tag, labels->n - 1).value = value;
	return labels_new(NULL, (struct kvmlens_tag *)(void *)kv->data, kv->len);
}

static unsigned double_scope(struct entities *entities, size_t n_keys)
{
	struct labels *first;

	if (!entities->n)
		return 0;
	first = *(struct labels **)entities_at(entities, 0);
	add_double(entities, alike(first, ""));
	if (!first->n)
		return 1;
	/* The first of these two is a series of its own, the second is the same as the first. */
	add_double(entities, alike(first, "\x01"));
	add_double(entities, alike(first, "\x02"));
	/* Where the VM's labels are all there are, the first of them is another VM's. */
	return first->n == n_keys ? 3 : 2;
}

/* A double is of zeros, which each type can hold and no entity of the clean snapshot has. */
static unsigned double_everything(struct kvmlens_snapshot *snapshot)
{
	unsigned n = 0;

	for (size_t i = 0; i < snapshot->vms.n; i++) {
		struct snap_vm *vm = entities_at(&snapshot->vms, i);

#define DOUBLE(scope, type, array, name, keys) n += double_scope(&vm->array, vm->labels->n);
		METRIC_SCOPES_VM(DOUBLE)
#undef DOUBLE
	}
#define DOUBLE(scope, type, array, name, keys) n += double_scope(&snapshot->array, 0);
	METRIC_SCOPES_HOST(DOUBLE)
#undef DOUBLE
	return n;
}

static void count(void *arg, enum metric_scope scope, const struct labels *labels)
{
	unsigned *scopes = arg;

	scopes[scope]++;
}

static void test_every_scope(void)
{
	struct fake_spec spec = {
		.vms = 3, .vcpus = 2, .level = KVMLENS_DIAGNOSTIC, .everything = true};
	struct kvmlens_snapshot *clean = fake_snapshot(&spec), *hostile = fake_snapshot(&spec);
	g_autoptr(GHashTable) before = NULL, after = NULL, broken = NULL;
	unsigned dropped[SCOPE_MAX] = {}, twice, doubles, sum = 0;
	GHashTableIter iter;
	gpointer key, value;

	before = page_series(clean, &twice);
	CU_ASSERT_EQUAL(twice, 0);
	CU_ASSERT_EQUAL(snapshot_drop_duplicates(clean, NULL, NULL), 0);
	doubles = double_everything(hostile);
	broken = page_series(hostile, &twice);
	CU_ASSERT_TRUE(twice > doubles); /* the judge sees them */
	CU_ASSERT_EQUAL(snapshot_drop_duplicates(hostile, count, dropped), doubles);
	after = page_series(hostile, &twice);
	CU_ASSERT_EQUAL(twice, 0);
	for (unsigned i = 0; i < SCOPE_MAX; i++) {
		sum += dropped[i];
		/* Every scope that is filled at all was tried. */
		if (i != SCOPE_VM && metric_entities(i, clean, entities_at(&clean->vms, 0)).n)
			CU_ASSERT_TRUE(dropped[i] > 0);
	}
	CU_ASSERT_EQUAL(sum, doubles);
	g_hash_table_iter_init(&iter, before);
	while (g_hash_table_iter_next(&iter, &key, &value))
		CU_ASSERT_EQUAL(g_strcmp0(g_hash_table_lookup(after, key), value), 0);
	kvmlens_snapshot_unref(clean);
	kvmlens_snapshot_unref(hostile);
}

/* Two VMs of one name and one UUID, and one whose name reads like another's labels. */
static void test_vms(void)
{
	static const char *const names[] = {"web", "web", "web\",uuid=\"x", NULL};
	struct fake_spec spec = {.vms = 4,
				 .vcpus = 2,
				 .level = KVMLENS_DIAGNOSTIC,
				 .names = names,
				 .everything = true};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	struct snap_vm *first = entities_at(&snapshot->vms, 0), *fourth;
	g_autoptr(GHashTable) series = NULL;
	unsigned twice;

	CU_ASSERT_EQUAL(snapshot_drop_duplicates(snapshot, NULL, NULL), 0);
	CU_ASSERT_EQUAL(snapshot->vms.n, 4);
	/* Now the second one is called like the first, UUID and all: it goes with all it has. */
	labels_unref(((struct snap_vm *)entities_at(&snapshot->vms, 1))->labels);
	((struct snap_vm *)entities_at(&snapshot->vms, 1))->labels = alike(first->labels, "");
	CU_ASSERT_EQUAL(snapshot_drop_duplicates(snapshot, NULL, NULL), 1);
	CU_ASSERT_EQUAL(snapshot->vms.n, 3);
	/* An entity that is another VM's is nobody's here. */
	fourth = entities_at(&snapshot->vms, 2);
	first = entities_at(&snapshot->vms, 0);
	add_double(&fourth->cpus, labels_new_one(first->labels, "vcpu", "7"));
	CU_ASSERT_EQUAL(snapshot_drop_duplicates(snapshot, NULL, NULL), 1);
	series = page_series(snapshot, &twice);
	CU_ASSERT_EQUAL(twice, 0);
	CU_ASSERT_TRUE(g_hash_table_size(series) > 100);
	kvmlens_snapshot_unref(snapshot);
}

/* Thousands in one scope, each of them twice. */
static void test_many(void)
{
	struct fake_spec spec = {.vms = 1, .vcpus = 2000, .level = KVMLENS_DETAILED};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	struct snap_vm *vm = entities_at(&snapshot->vms, 0);
	struct entities twice;

	entities_alloc(&twice, 2 * vm->cpus.n, vm->cpus.stride);
	for (size_t i = 0; i < twice.n; i++) {
		const struct snap_vcpu *from = entities_at(&vm->cpus, i % vm->cpus.n);
		struct snap_vcpu *to = entities_at(&twice, i);

		*to = *from;
		to->labels = i < vm->cpus.n ? from->labels : alike(from->labels, "");
	}
	g_free(vm->cpus.v);
	vm->cpus = twice;
	CU_ASSERT_EQUAL(snapshot_drop_duplicates(snapshot, NULL, NULL), 2000);
	CU_ASSERT_EQUAL(vm->cpus.n, 2000);
	for (unsigned i = 0; i < vm->cpus.n; i++)
		CU_ASSERT_EQUAL(((struct snap_vcpu *)entities_at(&vm->cpus, i))->vcpu_id, i);
	kvmlens_snapshot_unref(snapshot);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"every scope", test_every_scope},
		{"VMs", test_vms},
		{"many", test_many},
		CU_TEST_INFO_NULL,
	};

	return suite_run("unique", tests);
}
