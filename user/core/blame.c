// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <string.h>
#include "core/blame.h"
#include "core/cause.h"
#include "core/cpuload.h"

/* What is charged, under its final name: what the kernel side calls an entity, or one of these. */
#define ENTITY_SELF 1ull
#define ENTITY_IDLE 2ull
#define ENTITY_OTHER 3ull
#define ENTITY_THROTTLED 4ull
#define ENTITY_UNATTRIBUTED 5ull

#define AGGRESSORS_MAX 3

struct charge {
	uint64_t entity;
	uint64_t ns, before_ns; /* now, and at the tick before */
	char *by; /* of a cgroup or VM, learned while it existed */
};

struct vm_book {
	const struct vm_ident *ident; /* a reference */
	GHashTable *charges; /* entity to struct charge */
	GHashTable *threads; /* slot to struct blame_thread as last seen */
	uint64_t accounted; /* sum over charges */
	uint64_t causes[CAUSES], causes_before[CAUSES]; /* now, and at the tick before */
	uint64_t mono_ns;
	uint64_t used;
};

struct blame {
	struct vmlabels *labels;
	struct cgroup_names *cgroups;
	GHashTable *books; /* struct vm_ident to struct vm_book */
	GHashTable *vm_names; /* tgid to the VM's name */
	struct cpuload *load;
	uint64_t tick;
};

static void charge_free(gpointer data)
{
	struct charge *c = data;

	g_free(c->by);
	g_free(c);
}

static void book_free(gpointer data)
{
	struct vm_book *b = data;

	g_hash_table_unref(b->charges);
	g_hash_table_unref(b->threads);
	vm_ident_unref((struct vm_ident *)b->ident);
	g_free(b);
}

struct blame *blame_new(struct vmlabels *labels, struct cgroup_names *cgroups)
{
	struct blame *b = g_new0(struct blame, 1);

	b->labels = labels;
	b->cgroups = cgroups;
	b->books = g_hash_table_new_full(NULL, NULL, NULL, book_free);
	b->vm_names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	b->load = cpuload_new("/proc/stat");
	return b;
}

void blame_free(struct blame *b)
{
	if (!b)
		return;
	g_hash_table_unref(b->books);
	g_hash_table_unref(b->vm_names);
	cpuload_free(b->load);
	g_free(b);
}

static gboolean unused(gpointer key, gpointer value, gpointer tick)
{
	return ((struct vm_book *)value)->used != *(uint64_t *)tick;
}

void blame_begin(struct blame *b, const struct inventory *inventory)
{
	unsigned i;

	g_hash_table_foreach_remove(b->books, unused, &b->tick);
	b->tick++;
	g_hash_table_remove_all(b->vm_names);
	for (i = 0; inventory && i < inventory->n_vms; i++) {
		const struct vm_ident *ident = inventory->vms[i].ident;

		g_hash_table_insert(b->vm_names, GINT_TO_POINTER(ident->pid),
				    g_strdup(ident->name));
	}
	cgroup_names_expire(b->cgroups);
	cpuload_tick(b->load);
}

static struct vm_book *book_of(struct blame *b, const struct vm_ident *ident)
{
	struct vm_book *book = g_hash_table_lookup(b->books, ident);

	if (!book) {
		book = g_new0(struct vm_book, 1);
		book->ident = vm_ident_ref((struct vm_ident *)ident);
		book->charges =
			g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, charge_free);
		book->threads = g_hash_table_new_full(NULL, NULL, NULL, g_free);
		g_hash_table_insert(b->books, (gpointer)ident, book);
	}
	book->used = b->tick;
	return book;
}

static struct charge *charge_of(struct vm_book *book, uint64_t entity)
{
	struct charge *c = g_hash_table_lookup(book->charges, &entity);

	if (!c) {
		c = g_new0(struct charge, 1);
		c->entity = entity;
		g_hash_table_insert(book->charges, &c->entity, c);
	}
	return c;
}

static void add(struct vm_book *book, uint64_t entity, uint64_t ns)
{
	if (!ns)
		return;
	charge_of(book, entity)->ns += ns;
	book->accounted += ns;
}

static uint64_t final_entity(const struct vm_book *book, uint64_t entity)
{
	if (entity >> SCHED_ENTITY_SHIFT == SCHED_ENTITY_VM &&
	    (uint32_t)entity == (uint32_t)book->ident->pid)
		return ENTITY_SELF;
	return entity;
}

/* What an entity had at the last look; 0 when it has come since, or come back after giving way. */
static uint64_t ns_before(const struct sched_blame *before, uint64_t entity, uint64_t now)
{
	unsigned i;

	for (i = 0; i < SCHED_BLAME_ENTRIES; i++)
		if (before->entity[i] == entity)
			return before->ns[i] <= now ? before->ns[i] : 0;
	return 0;
}

static enum sched_blame_class class_of(uint64_t entity)
{
	return entity >> SCHED_ENTITY_SHIFT == SCHED_ENTITY_VM ? SCHED_CLASS_VM : SCHED_CLASS_HOST;
}

/* All that a class was ever charged with, by its entries and by those that gave way. */
static uint64_t class_total(const struct sched_blame *blame, enum sched_blame_class class)
{
	uint64_t sum = blame->folded_ns[class];
	unsigned i;

	for (i = 0; i < SCHED_BLAME_ENTRIES; i++)
		if (blame->entity[i] && class_of(blame->entity[i]) == class)
			sum += blame->ns[i];
	return sum;
}

/* Which kind of wait an entity's share is. */
static uint64_t *kind_of(struct cause_waits *waits, uint64_t entity)
{
	if (entity == ENTITY_SELF)
		return &waits->self;
	if (entity ==
	    ((uint64_t)SCHED_ENTITY_KERNEL << SCHED_ENTITY_SHIFT | SCHED_KERNEL_KSOFTIRQD))
		return &waits->softirq;
	return class_of(entity) == SCHED_CLASS_VM ? &waits->vm : &waits->host;
}

static void account_entities(struct vm_book *book, const struct sched_blame *now,
			     const struct sched_blame *before, struct cause_waits *waits)
{
	uint64_t named[SCHED_CLASSES] = {}, gained;
	unsigned i;

	for (i = 0; i < SCHED_BLAME_ENTRIES; i++) {
		uint64_t entity = final_entity(book, now->entity[i]);

		if (!now->entity[i])
			continue;
		gained = now->ns[i] - ns_before(before, now->entity[i], now->ns[i]);
		named[class_of(now->entity[i])] += gained;
		*kind_of(waits, entity) += gained;
		add(book, entity, gained);
	}
	/* What gave way between two looks has no name any more, but its class. */
	for (i = 0; i < SCHED_CLASSES; i++) {
		gained = class_total(now, i) - class_total(before, i);
		if (gained <= named[i])
			continue;
		*(i == SCHED_CLASS_VM ? &waits->vm : &waits->host) += gained - named[i];
		add(book, ENTITY_OTHER, gained - named[i]);
	}
}

static void account_thread_blame(struct blame *b, struct vm_book *book,
				 const struct blame_thread *t)
{
	static const struct sched_blame nothing;
	const struct blame_thread *was =
		g_hash_table_lookup(book->threads, GUINT_TO_POINTER(t->slot));
	const struct sched_blame *now = &t->charged, *before;
	struct cause_waits waits = {};
	struct cause_shares shares;

	before = was && was->tid == t->tid ? &was->charged : &nothing;
	if (was && was->tid == t->tid && was->ready_ns == t->ready_ns)
		return;
	account_entities(book, now, before, &waits);
	waits.idle = now->idle_ns - before->idle_ns;
	waits.throttled = now->throttled_ns - before->throttled_ns;
	waits.other = now->unseen_ns - before->unseen_ns;
	add(book, ENTITY_IDLE, waits.idle);
	add(book, ENTITY_THROTTLED, waits.throttled);
	add(book, ENTITY_UNATTRIBUTED, waits.other);
	cpuload_thread(b->load, (pid_t)t->tid, t->cpu, &shares);
	cause_split(&waits, &shares, book->causes);
	g_hash_table_insert(book->threads, GUINT_TO_POINTER(t->slot), g_memdup2(t, sizeof(*t)));
}

static int smaller_first(gconstpointer a, gconstpointer b)
{
	const struct charge *x = *(struct charge *const *)a, *y = *(struct charge *const *)b;

	return (x->ns > y->ns) - (x->ns < y->ns);
}

static int larger_first(gconstpointer a, gconstpointer b)
{
	return smaller_first(b, a);
}

static GPtrArray *sorted(struct vm_book *book, GCompareFunc compare)
{
	GPtrArray *list = g_ptr_array_new();
	GHashTableIter iter;
	gpointer charge;

	g_hash_table_iter_init(&iter, book->charges);
	while (g_hash_table_iter_next(&iter, NULL, &charge))
		g_ptr_array_add(list, charge);
	g_ptr_array_sort(list, compare);
	return list;
}

/* Thousands of short-lived cgroups must not grow memory: the smallest lose their names. */
static void fold(struct vm_book *book)
{
	g_autoptr(GPtrArray) list = NULL;
	unsigned i, left;

	if (g_hash_table_size(book->charges) <= BLAME_ENTITIES_MAX)
		return;
	list = sorted(book, smaller_first);
	left = list->len;
	for (i = 0; i < list->len && left > BLAME_ENTITIES_MAX / 2; i++) {
		struct charge *c = list->pdata[i];

		if (c->entity <= ENTITY_UNATTRIBUTED)
			continue;
		charge_of(book, ENTITY_OTHER)->ns += c->ns;
		g_hash_table_remove(book->charges, &c->entity);
		left--;
	}
}

static const char *const kernel_names[] = {
	[SCHED_KERNEL_OTHER] = "host:kthread",	     [SCHED_KERNEL_KWORKER] = "host:kworker",
	[SCHED_KERNEL_KSOFTIRQD] = "host:ksoftirqd", [SCHED_KERNEL_MIGRATION] = "host:migration",
	[SCHED_KERNEL_AGENT] = "host:kvmlens",
};

static const char *const role_suffix[SCHED_ROLE_MAX] = {
	[SCHED_ROLE_EMULATOR] = "emulator",
	[SCHED_ROLE_IOTHREAD] = "iothread",
	[SCHED_ROLE_VHOST] = "vhost",
};

static char *vm_by(struct blame *b, uint64_t entity)
{
	const char *name = g_hash_table_lookup(b->vm_names, GUINT_TO_POINTER((uint32_t)entity));

	return name ? g_strdup_printf("vm:%s", name) : NULL;
}

static char *cgroup_by(struct blame *b, enum cgroup_tree tree, uint64_t id)
{
	const char *path = cgroup_name(b->cgroups, tree, id);

	return path ? g_strdup_printf("cgroup:%s", path) : NULL;
}

/* NULL: it has no name, or is gone without ever having been named. */
static const char *by_of(struct blame *b, struct charge *c)
{
	uint64_t number = c->entity & ((1ull << SCHED_ENTITY_SHIFT) - 1);

	switch (c->entity) {
	case ENTITY_SELF:
		return "self";
	case ENTITY_IDLE:
		return "idle";
	case ENTITY_OTHER:
		return "other";
	case ENTITY_THROTTLED:
		return "throttled";
	case ENTITY_UNATTRIBUTED:
		return "unattributed";
	}
	if (c->by)
		return c->by;
	switch (c->entity >> SCHED_ENTITY_SHIFT) {
	case SCHED_ENTITY_VM:
		c->by = vm_by(b, c->entity);
		break;
	case SCHED_ENTITY_CGROUP:
		c->by = cgroup_by(b, CGROUP_UNIFIED, number);
		break;
	case SCHED_ENTITY_CGROUP_CPU:
		c->by = cgroup_by(b, CGROUP_CPU, number);
		break;
	case SCHED_ENTITY_KERNEL:
		return number < G_N_ELEMENTS(kernel_names) ? kernel_names[number] : NULL;
	}
	return c->by;
}

static const char *role_of(const struct charge *c)
{
	unsigned role = c->entity >> 32 & 0xff;

	if (c->entity >> SCHED_ENTITY_SHIFT != SCHED_ENTITY_VM || role >= SCHED_ROLE_MAX)
		return NULL;
	return role_suffix[role];
}

/* What can no longer be named is nobody's any more; its time goes to "other". */
static void drop_nameless(struct blame *b, struct vm_book *book)
{
	g_autoptr(GPtrArray) list = sorted(book, smaller_first);
	unsigned i;

	for (i = 0; i < list->len; i++) {
		struct charge *c = list->pdata[i];

		if (by_of(b, c))
			continue;
		charge_of(book, ENTITY_OTHER)->ns += c->ns;
		g_hash_table_remove(book->charges, &c->entity);
	}
}

static struct labels *labels_of(struct blame *b, const struct vm_ident *ident, struct charge *c)
{
	const char *role = role_of(c), *by = by_of(b, c);
	g_autofree char *with_role = role ? g_strdup_printf("%s/%s", by, role) : NULL;

	return vmlabels_part(b->labels, ident, "by", with_role ? with_role : by);
}

static bool is_aggressor(const struct charge *c)
{
	return c->entity > ENTITY_UNATTRIBUTED;
}

static void fill_blames(struct blame *b, struct vm_book *book, struct snap_vm *vm)
{
	g_autoptr(GPtrArray) list = sorted(book, larger_first);
	bool all = vm->level >= KVMLENS_DIAGNOSTIC;
	unsigned i, named = 0, n = 0;

	entities_alloc(&vm->blames, list->len, sizeof(struct snap_blame));
	for (i = 0; i < list->len; i++) {
		struct charge *c = list->pdata[i];
		struct snap_blame *e = entities_at(&vm->blames, n);

		/* Without the smaller ones "other" would not be what is left. */
		if (!all &&
		    (c->entity == ENTITY_OTHER || (is_aggressor(c) && ++named > AGGRESSORS_MAX)))
			continue;
		e->labels = labels_of(b, vm->ident, c);
		e->ns = c->ns;
		n++;
	}
	vm->blames.n = n;
}

/* The largest by what they took since the last tick. */
static unsigned recent(struct vm_book *book, struct charge *ret_top[AGGRESSORS_MAX])
{
	GHashTableIter iter;
	unsigned n = 0, i;
	gpointer value;

	g_hash_table_iter_init(&iter, book->charges);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct charge *c = value;

		if (!is_aggressor(c) || c->ns <= c->before_ns)
			continue;
		for (i = n;
		     i > 0 && ret_top[i - 1]->ns - ret_top[i - 1]->before_ns < c->ns - c->before_ns;
		     i--)
			if (i < AGGRESSORS_MAX)
				ret_top[i] = ret_top[i - 1];
		if (i < AGGRESSORS_MAX)
			ret_top[i] = c;
		n = MIN(n + 1, AGGRESSORS_MAX);
	}
	return n;
}

/* Percent of wall time averaged over the vCPUs, of the interval since the tick before. */
static double percent(const struct vm_book *book, const struct snap_vm *vm, uint64_t ns)
{
	uint64_t interval = book->mono_ns ? vm->mono_ns - book->mono_ns : 0;

	if (!interval || !vm->vcpus || vm->vcpus == ABSENT)
		return NAN;
	return 100.0 * (double)ns / ((double)interval * (double)vm->vcpus);
}

static void fill_causes(struct blame *b, struct vm_book *book, struct snap_vm *vm)
{
	unsigned i;

	entities_alloc(&vm->causes, CAUSES, sizeof(struct snap_cause));
	for (i = 0; i < CAUSES; i++) {
		struct snap_cause *e = entities_at(&vm->causes, i);

		e->labels = vmlabels_part(b->labels, vm->ident, "cause", ready_cause_name(i));
		e->ns = book->causes[i];
		e->percent = percent(book, vm, book->causes[i] - book->causes_before[i]);
		book->causes_before[i] = book->causes[i];
	}
}

static void fill_aggressors(struct blame *b, struct vm_book *book, struct snap_vm *vm)
{
	struct charge *top[AGGRESSORS_MAX];
	unsigned n = isnan(percent(book, vm, 0)) ? 0 : recent(book, top), i;
	GHashTableIter iter;
	gpointer value;

	entities_alloc(&vm->aggressors, n, sizeof(struct snap_aggressor));
	for (i = 0; i < n; i++) {
		struct snap_aggressor *e = entities_at(&vm->aggressors, i);

		e->labels = labels_of(b, vm->ident, top[i]);
		e->percent = percent(book, vm, top[i]->ns - top[i]->before_ns);
	}
	g_hash_table_iter_init(&iter, book->charges);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		((struct charge *)value)->before_ns = ((struct charge *)value)->ns;
	book->mono_ns = vm->mono_ns;
}

void blame_vm(struct blame *b, const struct blame_thread *threads, size_t n, uint64_t retired_ns,
	      struct snap_vm *vm)
{
	struct vm_book *book = book_of(b, vm->ident);
	uint64_t ready = retired_ns;
	size_t i;

	for (i = 0; i < n; i++) {
		ready += threads[i].ready_ns;
		account_thread_blame(b, book, &threads[i]);
	}
	drop_nameless(b, book);
	fold(book);
	if (ready > book->accounted) {
		book->causes[CAUSE_OTHER] += ready - book->accounted;
		add(book, ENTITY_OTHER, ready - book->accounted);
	}
	fill_blames(b, book, vm);
	fill_causes(b, book, vm);
	fill_aggressors(b, book, vm);
}
