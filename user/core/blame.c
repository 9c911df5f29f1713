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
#define NAMES_MAX (4 * BLAME_ENTITIES_MAX)
#define UUID_PART 8 /* characters of a UUID that tell VMs of one name apart, if they do */

/*
 * What is charged under one label: all entities of that label together, so that a service or a VM
 * that restarted goes on as one series.
 */
struct charge {
	struct labels *labels; /* vm, uuid, by: a reference */
	uint64_t ns, before_ns; /* now, and at the tick before */
	bool is_aggressor, is_other;
};

/* Which charge an entity's time goes to, learned while it existed. */
struct entity_name {
	struct charge *charge; /* NULL: it has no name */
	uint64_t epoch; /* of struct blame */
};

struct vm_book {
	const struct vm_ident *ident; /* a reference */
	GHashTable *charges; /* text of the labels to struct charge */
	GHashTable *names; /* entity to struct entity_name */
	GHashTable *threads; /* slot to struct blame_thread as last seen */
	uint64_t accounted; /* sum over charges */
	uint64_t causes[CAUSES], causes_before[CAUSES]; /* now, and at the tick before */
	uint64_t ready_before; /* ready time at the tick before, waits that went on included */
	uint64_t mono_ns;
	uint64_t used;
	struct carry_blame *restored; /* to begin with; NULL: with nothing */
	uint64_t carried; /* accounted when blame_carry was called */
};

struct blame {
	struct vmlabels *labels;
	struct cgroup_names *cgroups;
	GHashTable *books; /* struct vm_ident to struct vm_book */
	GHashTable *vm_names; /* tgid to what the VM is called in by */
	GHashTable *gained; /* entity to nanoseconds: of the VM at hand, since its last tick */
	struct cpuload *load;
	uint64_t tick;
	uint64_t epoch; /* grows whenever VMs may be called otherwise */
};

static void charge_free(gpointer data)
{
	struct charge *c = data;

	labels_unref(c->labels);
	g_free(c);
}

static void book_free(gpointer data)
{
	struct vm_book *b = data;

	g_hash_table_unref(b->charges);
	g_hash_table_unref(b->names);
	g_hash_table_unref(b->threads);
	g_free(b->restored);
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
	b->gained = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	b->load = cpuload_new("/proc/stat");
	return b;
}

void blame_free(struct blame *b)
{
	if (!b)
		return;
	g_hash_table_unref(b->books);
	g_hash_table_unref(b->vm_names);
	g_hash_table_unref(b->gained);
	cpuload_free(b->load);
	g_free(b);
}

static gboolean unused(gpointer key, gpointer value, gpointer tick)
{
	return ((struct vm_book *)value)->used != *(uint64_t *)tick;
}

/* The labels that a series of the VM has: cleaned, so that what reads alike is alike. */
static const char *shown(const struct vm_ident *ident, const char *key)
{
	return labels_get(ident->labels, key) ?: "";
}

/* Characters that a and b have in common. */
static size_t common_length(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

/*
 * How much of the VM's UUID tells it from the others of its name, list; 0: there are none. Two
 * processes of one name and one UUID are one VM here.
 */
static size_t uuid_part(const GPtrArray *list, const struct vm_ident *ident)
{
	const char *uuid = shown(ident, "uuid");
	size_t part = 0;

	for (guint i = 0; i < list->len; i++) {
		const char *other = shown(list->pdata[i], "uuid");

		if (strcmp(uuid, other))
			part = MAX(part, MAX(UUID_PART, common_length(uuid, other) + 1));
	}
	return part;
}

static GHashTable *idents_by_name(const struct inventory *inventory)
{
	GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
						  (GDestroyNotify)g_ptr_array_unref);

	for (unsigned i = 0; i < inventory->n_vms; i++) {
		struct vm_ident *ident = inventory->vms[i].ident;
		GPtrArray *list = g_hash_table_lookup(names, shown(ident, "vm"));

		if (ident->pid <= 0)
			continue; /* runs nowhere */
		if (!list) {
			list = g_ptr_array_new();
			g_hash_table_insert(names, (gpointer)shown(ident, "vm"), list);
		}
		g_ptr_array_add(list, ident);
	}
	return names;
}

/* NAME, or NAME#UUID with as much of the UUID as it takes where VMs share the name. */
static void name_vms(struct blame *b, const struct inventory *inventory)
{
	g_autoptr(GHashTable) names = idents_by_name(inventory);

	for (unsigned i = 0; i < inventory->n_vms; i++) {
		const struct vm_ident *ident = inventory->vms[i].ident;
		const char *name = shown(ident, "vm");
		size_t part;

		if (ident->pid <= 0)
			continue;
		part = uuid_part(g_hash_table_lookup(names, name), ident);
		g_hash_table_insert(
			b->vm_names, GINT_TO_POINTER(ident->pid),
			part ? g_strdup_printf("%s#%.*s", name, (int)part, shown(ident, "uuid"))
			     : g_strdup(name));
	}
}

void blame_begin(struct blame *b, const struct inventory *inventory)
{
	g_hash_table_foreach_remove(b->books, unused, &b->tick);
	b->tick++;
	b->epoch++;
	g_hash_table_remove_all(b->vm_names);
	if (inventory)
		name_vms(b, inventory);
	cgroup_names_expire(b->cgroups);
	cpuload_tick(b->load);
}

static struct vm_book *book_of(struct blame *b, const struct vm_ident *ident)
{
	struct vm_book *book = g_hash_table_lookup(b->books, ident);

	if (!book) {
		book = g_new0(struct vm_book, 1);
		book->ident = vm_ident_ref((struct vm_ident *)ident);
		book->charges = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, charge_free);
		book->names = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
		book->threads = g_hash_table_new_full(NULL, NULL, NULL, g_free);
		g_hash_table_insert(b->books, (gpointer)ident, book);
	}
	book->used = b->tick;
	return book;
}

static void gain(struct blame *b, uint64_t entity, uint64_t ns)
{
	uint64_t *sum;

	if (!ns)
		return;
	sum = g_hash_table_lookup(b->gained, &entity);
	if (!sum) {
		sum = g_new0(uint64_t, 1);
		g_hash_table_insert(b->gained, g_memdup2(&entity, sizeof(entity)), sum);
	}
	*sum += ns;
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

static void account_entities(struct blame *b, const struct vm_book *book,
			     const struct sched_blame *now, const struct sched_blame *before,
			     struct cause_waits *waits)
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
		gain(b, entity, gained);
	}
	/* What gave way between two looks has no name any more, but its class. */
	for (i = 0; i < SCHED_CLASSES; i++) {
		gained = class_total(now, i) - class_total(before, i);
		if (gained <= named[i])
			continue;
		*(i == SCHED_CLASS_VM ? &waits->vm : &waits->host) += gained - named[i];
		gain(b, ENTITY_OTHER, gained - named[i]);
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
	account_entities(b, book, now, before, &waits);
	waits.idle = now->idle_ns - before->idle_ns;
	waits.throttled = now->throttled_ns - before->throttled_ns;
	waits.other = now->unseen_ns - before->unseen_ns;
	gain(b, ENTITY_IDLE, waits.idle);
	gain(b, ENTITY_THROTTLED, waits.throttled);
	gain(b, ENTITY_UNATTRIBUTED, waits.other);
	cpuload_thread(b->load, (pid_t)t->tid, t->cpu, &shares);
	cause_split(&waits, &shares, book->causes);
	g_hash_table_insert(book->threads, GUINT_TO_POINTER(t->slot), g_memdup2(t, sizeof(*t)));
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
	unsigned role = entity >> 32 & 0xff;
	const char *suffix = role < SCHED_ROLE_MAX ? role_suffix[role] : NULL;

	if (!name)
		return NULL;
	return suffix ? g_strdup_printf("vm:%s/%s", name, suffix) : g_strdup_printf("vm:%s", name);
}

static char *cgroup_by(struct blame *b, enum cgroup_tree tree, uint64_t id)
{
	const char *path = cgroup_name(b->cgroups, tree, id);

	return path ? g_strdup_printf("cgroup:%s", path) : NULL;
}

static const char *const special_names[] = {
	[ENTITY_SELF] = "self",
	[ENTITY_IDLE] = "idle",
	[ENTITY_OTHER] = "other",
	[ENTITY_THROTTLED] = "throttled",
	[ENTITY_UNATTRIBUTED] = "unattributed",
};

/* NULL: it has no name, or is gone. */
static char *entity_by(struct blame *b, uint64_t entity)
{
	uint64_t number = entity & ((1ull << SCHED_ENTITY_SHIFT) - 1);

	if (entity < G_N_ELEMENTS(special_names))
		return g_strdup(special_names[entity]);
	switch (entity >> SCHED_ENTITY_SHIFT) {
	case SCHED_ENTITY_VM:
		return vm_by(b, entity);
	case SCHED_ENTITY_CGROUP:
		return cgroup_by(b, CGROUP_UNIFIED, number);
	case SCHED_ENTITY_CGROUP_CPU:
		return cgroup_by(b, CGROUP_CPU, number);
	case SCHED_ENTITY_KERNEL:
		return number < G_N_ELEMENTS(kernel_names) ? g_strdup(kernel_names[number]) : NULL;
	}
	return NULL;
}

static bool is_special(const char *by, uint64_t entity)
{
	return !strcmp(by, special_names[entity]);
}

static bool is_any_special(const char *by)
{
	for (uint64_t i = ENTITY_SELF; i < G_N_ELEMENTS(special_names); i++)
		if (is_special(by, i))
			return true;
	return false;
}

static struct charge *charge_find(struct blame *b, struct vm_book *book, const char *by)
{
	struct labels *labels = vmlabels_part(b->labels, book->ident, "by", by);
	struct charge *c = g_hash_table_lookup(book->charges, labels->text);

	if (c) {
		labels_unref(labels);
		return c;
	}
	c = g_new0(struct charge, 1);
	c->labels = labels;
	c->is_aggressor = !is_any_special(by);
	c->is_other = is_special(by, ENTITY_OTHER);
	g_hash_table_insert(book->charges, (gpointer)labels->text, c);
	return c;
}

/*
 * What the entity is charged as at this tick; what is gone keeps the name that it had, and what
 * never had one is "other".
 */
static struct charge *charge_of(struct blame *b, struct vm_book *book, uint64_t entity)
{
	struct entity_name *known = g_hash_table_lookup(book->names, &entity);
	g_autofree char *by = NULL;

	if (known && known->epoch == b->epoch)
		return known->charge;
	by = entity_by(b, entity);
	if (!by && known && known->charge)
		return known->charge;
	if (!by)
		return charge_of(b, book, ENTITY_OTHER);
	if (!known) {
		if (g_hash_table_size(book->names) >= NAMES_MAX)
			g_hash_table_remove_all(book->names);
		known = g_new0(struct entity_name, 1);
		g_hash_table_insert(book->names, g_memdup2(&entity, sizeof(entity)), known);
	}
	known->charge = charge_find(b, book, by);
	known->epoch = b->epoch;
	return known->charge;
}

/* Charge all that the VM gained since its last tick; returns its sum. */
static uint64_t charge_gained(struct blame *b, struct vm_book *book)
{
	gpointer entity, ns;
	GHashTableIter iter;
	uint64_t sum = 0;

	g_hash_table_iter_init(&iter, b->gained);
	while (g_hash_table_iter_next(&iter, &entity, &ns)) {
		charge_of(b, book, *(uint64_t *)entity)->ns += *(uint64_t *)ns;
		sum += *(uint64_t *)ns;
	}
	g_hash_table_remove_all(b->gained);
	book->accounted += sum;
	return sum;
}

static int smaller_first(gconstpointer a, gconstpointer b)
{
	const struct charge *x = *(struct charge *const *)a, *y = *(struct charge *const *)b;

	return (x->ns > y->ns) - (x->ns < y->ns) ?: strcmp(x->labels->text, y->labels->text);
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
static void fold(struct blame *b, struct vm_book *book)
{
	g_autoptr(GPtrArray) list = NULL;
	struct charge *other;
	unsigned i, left;

	if (g_hash_table_size(book->charges) <= BLAME_ENTITIES_MAX)
		return;
	other = charge_of(b, book, ENTITY_OTHER);
	list = sorted(book, smaller_first);
	left = list->len;
	g_hash_table_remove_all(book->names);
	for (i = 0; i < list->len && left > BLAME_ENTITIES_MAX / 2; i++) {
		struct charge *c = list->pdata[i];

		if (!c->is_aggressor)
			continue;
		other->ns += c->ns;
		g_hash_table_remove(book->charges, c->labels->text);
		left--;
	}
}

static void fill_blames(struct vm_book *book, struct snap_vm *vm)
{
	g_autoptr(GPtrArray) list = sorted(book, larger_first);
	bool all = vm->level >= KVMLENS_DIAGNOSTIC;
	unsigned i, named = 0, n = 0;

	entities_alloc(&vm->blames, list->len, sizeof(struct snap_blame));
	for (i = 0; i < list->len; i++) {
		struct charge *c = list->pdata[i];
		struct snap_blame *e = entities_at(&vm->blames, n);

		/* Without the smaller ones "other" would not be what is left. */
		if (!all && (c->is_other || (c->is_aggressor && ++named > AGGRESSORS_MAX)))
			continue;
		e->labels = labels_ref(c->labels);
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

		if (!c->is_aggressor || c->ns <= c->before_ns)
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

/*
 * Percent of wall time, averaged over the vCPUs, that a nanosecond charged since the last tick is.
 * A wait is charged when it ends, and may have begun before the interval: what is charged is
 * scaled down then to what the vCPUs waited in it, gained being all of it. NAN: unknown.
 */
static double percent_scale(const struct vm_book *book, const struct snap_vm *vm, uint64_t gained)
{
	uint64_t interval = book->mono_ns ? vm->mono_ns - book->mono_ns : 0;
	double wall, waited;

	if (!interval || !vm->vcpus || vm->vcpus == ABSENT)
		return NAN;
	wall = (double)interval * (double)vm->vcpus;
	waited = vm->time.ready > book->ready_before ? (double)(vm->time.ready - book->ready_before)
						     : 0;
	waited = MIN(waited, wall);
	return 100.0 / wall * (gained > waited ? waited / (double)gained : 1);
}

static void fill_causes(struct blame *b, struct vm_book *book, double scale, struct snap_vm *vm)
{
	unsigned i;

	entities_alloc(&vm->causes, CAUSES, sizeof(struct snap_cause));
	for (i = 0; i < CAUSES; i++) {
		struct snap_cause *e = entities_at(&vm->causes, i);

		e->labels = vmlabels_part(b->labels, vm->ident, "cause", ready_cause_name(i));
		e->ns = book->causes[i];
		e->percent = scale * (double)(book->causes[i] - book->causes_before[i]);
		book->causes_before[i] = book->causes[i];
	}
}

static void fill_aggressors(struct vm_book *book, double scale, struct snap_vm *vm)
{
	struct charge *top[AGGRESSORS_MAX];
	unsigned n = isnan(scale) ? 0 : recent(book, top), i;
	GHashTableIter iter;
	gpointer value;

	entities_alloc(&vm->aggressors, n, sizeof(struct snap_aggressor));
	for (i = 0; i < n; i++) {
		struct snap_aggressor *e = entities_at(&vm->aggressors, i);

		e->labels = labels_ref(top[i]->labels);
		e->percent = scale * (double)(top[i]->ns - top[i]->before_ns);
	}
	g_hash_table_iter_init(&iter, book->charges);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		((struct charge *)value)->before_ns = ((struct charge *)value)->ns;
}

bool blame_knows(const struct blame *b, const struct vm_ident *ident)
{
	return g_hash_table_contains(b->books, ident);
}

void blame_restore(struct blame *b, const struct vm_ident *ident, const struct carry_blame *carried)
{
	struct vm_book *book = book_of(b, ident);

	g_free(book->restored);
	book->restored = g_memdup2(carried, sizeof(*carried));
}

_Static_assert(CAUSES <= CARRY_READY_CAUSES, "each is carried");
_Static_assert(BLAME_ENTITIES_MAX <= CARRY_CHARGES, "each is carried");

bool blame_carry(struct blame *b, const struct vm_ident *ident, struct carry_blame *ret_carried)
{
	struct vm_book *book = g_hash_table_lookup(b->books, ident);
	g_autoptr(GPtrArray) list = NULL;

	if (!book || book->carried == book->accounted)
		return false;
	book->carried = book->accounted;
	memset(ret_carried, 0, sizeof(*ret_carried));
	ret_carried->accounted = book->accounted;
	memcpy(ret_carried->causes, book->causes, sizeof(book->causes));
	list = sorted(book, larger_first);
	ret_carried->n = MIN(list->len, CARRY_CHARGES);
	for (unsigned i = 0; i < ret_carried->n; i++) {
		const struct charge *c = list->pdata[i];

		ret_carried->charges[i].ns = c->ns;
		g_strlcpy(ret_carried->charges[i].by, labels_get(c->labels, "by"),
			  sizeof(ret_carried->charges[i].by));
	}
	return true;
}

/* Which kind of wait a name's share is. */
static uint64_t *kind_of_name(struct cause_waits *waits, const char *by)
{
	if (is_special(by, ENTITY_SELF))
		return &waits->self;
	if (is_special(by, ENTITY_IDLE))
		return &waits->idle;
	if (is_special(by, ENTITY_THROTTLED))
		return &waits->throttled;
	if (is_any_special(by))
		return &waits->other;
	if (!strcmp(by, kernel_names[SCHED_KERNEL_KSOFTIRQD]))
		return &waits->softirq;
	return g_str_has_prefix(by, "vm:") ? &waits->vm : &waits->host;
}

/*
 * The book has all that the kernel side still knows; put in its place what was shown, and what has
 * come since as far as it can be told whose it is.
 */
static void restore_charges(struct blame *b, struct vm_book *book, uint64_t ready)
{
	const struct carry_blame *had = book->restored;
	g_autoptr(GHashTable) now = g_steal_pointer(&book->charges);
	static const struct cause_shares unknown;
	uint64_t left = ready - had->accounted;
	struct cause_waits waits = {};
	GHashTableIter iter;
	gpointer value;

	g_hash_table_remove_all(book->names);
	book->charges = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, charge_free);
	for (unsigned i = 0; i < MIN(had->n, CARRY_CHARGES); i++)
		charge_find(b, book, had->charges[i].by)->ns += had->charges[i].ns;
	g_hash_table_iter_init(&iter, now);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct charge *c = value;
		const char *by = labels_get(c->labels, "by");
		struct charge *mine = c->is_other ? NULL : charge_find(b, book, by);
		uint64_t gained = mine && c->ns > mine->ns ? MIN(c->ns - mine->ns, left) : 0;

		if (!mine)
			continue;
		mine->ns += gained;
		left -= gained;
		*kind_of_name(&waits, by) += gained;
	}
	waits.other += left;
	if (left)
		charge_find(b, book, special_names[ENTITY_OTHER])->ns += left;
	memcpy(book->causes, had->causes, sizeof(book->causes));
	cause_split(&waits, &unknown, book->causes);
	book->accounted = ready;
}

void blame_vm(struct blame *b, const struct blame_thread *threads, size_t n, uint64_t retired_ns,
	      struct snap_vm *vm)
{
	struct vm_book *book = book_of(b, vm->ident);
	uint64_t ready = retired_ns, gained;
	double scale;
	size_t i;

	for (i = 0; i < n; i++) {
		ready += threads[i].ready_ns;
		account_thread_blame(b, book, &threads[i]);
	}
	gained = charge_gained(b, book);
	if (book->restored && ready >= book->restored->accounted)
		restore_charges(b, book, ready);
	g_clear_pointer(&book->restored, g_free);
	if (ready > book->accounted) {
		book->causes[CAUSE_OTHER] += ready - book->accounted;
		gain(b, ENTITY_OTHER, ready - book->accounted);
		gained += charge_gained(b, book);
	}
	scale = percent_scale(book, vm, gained);
	fill_causes(b, book, scale, vm);
	fill_aggressors(book, scale, vm);
	fold(b, book);
	fill_blames(book, vm);
	book->ready_before = vm->time.ready;
	book->mono_ns = vm->mono_ns;
}
