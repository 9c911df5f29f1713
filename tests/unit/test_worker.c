// SPDX-License-Identifier: Apache-2.0
/* A provider that answers, fails, hangs and comes back; what the worker makes of it. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <CUnit/Basic.h>
#include "vm/worker.h"

#define PATIENCE_MS 20000

/* A provider whose behaviour a test sets. Connections are counted, and so are closed ones. */
struct fake {
	GMutex lock;
	GCond cond;
	bool hang_open, hang_list, hang_stats;
	const char *hang_on; /* stats() of this VM hangs */
	int open_error, list_error, stats_error;
	const char *vms[4]; /* NULL-terminated */
	enum kvmlens_vm_state state;
	int opens, closes, lists, hanging, changes;
	kvmlens_changed_fn changed;
	void *changed_arg;
};

/* Set up by each test; the calls of a provider get it as provider_arg. */
static void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	g_mutex_init(&f->lock);
	g_cond_init(&f->cond);
	f->vms[0] = "a";
	f->vms[1] = "b";
}

static void hang_while(struct fake *f, const bool *flag)
{
	f->hanging++;
	g_cond_broadcast(&f->cond);
	while (*flag)
		g_cond_wait(&f->cond, &f->lock);
	f->hanging--;
	g_cond_broadcast(&f->cond);
}

static int fake_open(const char *uri, void *arg, void **ret_ctx)
{
	struct fake *f = arg;
	int r;

	g_mutex_lock(&f->lock);
	if (f->hang_open)
		hang_while(f, &f->hang_open);
	r = f->open_error;
	f->opens += !r;
	g_cond_broadcast(&f->cond);
	g_mutex_unlock(&f->lock);
	if (!r)
		*ret_ctx = f;
	return r;
}

static int fake_list(void *ctx, kvmlens_list_fn add, void *arg)
{
	struct fake *f = ctx;
	int r;

	g_mutex_lock(&f->lock);
	if (f->hang_list)
		hang_while(f, &f->hang_list);
	f->lists++;
	r = f->list_error;
	for (const char **vm = f->vms; !r && *vm; vm++)
		add(arg, &(struct kvmlens_vm){.id = *vm, .name = *vm, .state = f->state});
	g_cond_broadcast(&f->cond);
	g_mutex_unlock(&f->lock);
	return r;
}

static int fake_stats_all(void *ctx, enum kvmlens_level level, kvmlens_stats_fn add, void *arg)
{
	struct fake *f = ctx;
	struct kvmlens_vm_stats stats;
	int r;

	g_mutex_lock(&f->lock);
	if (f->hang_stats)
		hang_while(f, &f->hang_stats);
	r = f->stats_error;
	kvmlens_vm_stats_init(&stats);
	stats.cpu_ns = 100 + level;
	g_strlcpy(kvmlens_vm_stats_add_disk(&stats, "vda")->alias, "virtio-disk0", 64);
	for (const char **vm = f->vms; !r && *vm; vm++)
		add(arg, *vm, &stats);
	kvmlens_vm_stats_clear(&stats);
	g_mutex_unlock(&f->lock);
	return r;
}

static int fake_stats(void *ctx, const char *id, enum kvmlens_level level,
		      struct kvmlens_vm_stats *stats)
{
	struct fake *f = ctx;

	g_mutex_lock(&f->lock);
	if (f->hang_on && !strcmp(f->hang_on, id)) {
		f->hang_stats = true;
		hang_while(f, &f->hang_stats);
	}
	stats->cpu_ns = f->lists;
	g_mutex_unlock(&f->lock);
	return 0;
}

static int fake_watch(void *ctx, kvmlens_changed_fn changed, void *arg)
{
	struct fake *f = ctx;

	g_mutex_lock(&f->lock);
	f->changed = changed;
	f->changed_arg = arg;
	g_mutex_unlock(&f->lock);
	return 0;
}

static void fake_close(void *ctx)
{
	struct fake *f = ctx;

	g_mutex_lock(&f->lock);
	f->closes++;
	g_cond_broadcast(&f->cond);
	g_mutex_unlock(&f->lock);
}

static const struct kvmlens_provider_ops fake_bulk = {
	.name = "fake",
	.open = fake_open,
	.list = fake_list,
	.stats = fake_stats,
	.stats_all = fake_stats_all,
	.watch = fake_watch,
	.close = fake_close,
};

static const struct kvmlens_provider_ops fake_single = {
	.name = "fake",
	.open = fake_open,
	.list = fake_list,
	.stats = fake_stats,
	.close = fake_close,
};

static void on_changed(void *arg)
{
	struct fake *f = arg;

	g_mutex_lock(&f->lock);
	f->changes++;
	g_cond_broadcast(&f->cond);
	g_mutex_unlock(&f->lock);
}

static struct worker *start(struct fake *f, const struct kvmlens_provider_ops *ops)
{
	struct worker *worker = worker_new(&(struct worker_config){.ops = ops,
								   .arg = f,
								   .interval_ms = 20,
								   .deadline_ms = 250,
								   .level = KVMLENS_BASIC});

	CU_ASSERT_EQUAL_FATAL(worker_start(worker, on_changed, f), 0);
	return worker;
}

static void set_flag(struct fake *f, bool *flag, bool value)
{
	g_mutex_lock(&f->lock);
	*flag = value;
	g_cond_broadcast(&f->cond);
	g_mutex_unlock(&f->lock);
}

static void set_int(struct fake *f, int *number, int value)
{
	g_mutex_lock(&f->lock);
	*number = value;
	g_mutex_unlock(&f->lock);
}

/* Poll until a condition on the health holds; it has PATIENCE_MS. */
#define EVENTUALLY(worker, condition)                                                              \
	do {                                                                                       \
		struct worker_health h;                                                            \
		int left = PATIENCE_MS;                                                            \
		for (worker_health(worker, &h); !(condition) && left--; worker_health(worker, &h)) \
			g_usleep(1000);                                                            \
		CU_ASSERT_TRUE(!!(condition));                                                     \
	} while (0)

/* End the worker, let everything that hangs go, and see that each connection was closed once. */
static void finish(struct fake *f, struct worker *worker)
{
	gint64 until = g_get_monotonic_time() + PATIENCE_MS * 1000;

	worker_free(worker);
	g_mutex_lock(&f->lock);
	f->hang_open = f->hang_list = f->hang_stats = false;
	g_cond_broadcast(&f->cond);
	while ((f->opens != f->closes || f->hanging) &&
	       g_cond_wait_until(&f->cond, &f->lock, until))
		;
	CU_ASSERT_EQUAL(f->opens, f->closes);
	CU_ASSERT_EQUAL(f->hanging, 0);
	g_mutex_unlock(&f->lock);
}

static void test_publishes(void)
{
	struct vm_stats_set *set;
	struct vm_list *list;
	struct worker *w;
	struct fake f;

	fake_init(&f);
	w = start(&f, &fake_bulk);
	CU_ASSERT_TRUE(worker_wait(w, PATIENCE_MS));
	list = worker_list(w);
	set = worker_stats(w);
	CU_ASSERT_EQUAL_FATAL(list->vms->len, 2);
	CU_ASSERT_STRING_EQUAL(((struct vm_entry *)list->vms->pdata[1])->name, "b");
	CU_ASSERT_PTR_NULL(((struct vm_entry *)list->vms->pdata[1])->uuid);
	CU_ASSERT_EQUAL(vm_stats_find(set, "a")->cpu_ns, 100);
	CU_ASSERT_EQUAL(vm_stats_find(set, "a")->cpu_user_ns, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(vm_stats_find(set, "b")->n_disks, 1);
	CU_ASSERT_STRING_EQUAL(vm_stats_find(set, "b")->disks[0].alias, "virtio-disk0");
	CU_ASSERT_EQUAL(vm_stats_find(set, "b")->disks[0].flush_ops, KVMLENS_ABSENT);
	CU_ASSERT_PTR_NULL(vm_stats_find(set, "c"));
	CU_ASSERT_TRUE(set->mono_ns >= list->mono_ns);
	EVENTUALLY(w, h.up && h.vms == 2 && h.list_ns > list->mono_ns && !h.error[0]);
	vm_list_unref(list);
	vm_stats_set_unref(set);
	finish(&f, w);
}

static void test_open_fails(void)
{
	struct worker *w;
	struct fake f;

	fake_init(&f);
	f.open_error = -ECONNREFUSED;
	w = start(&f, &fake_bulk);
	CU_ASSERT_TRUE(worker_wait(w, PATIENCE_MS));
	EVENTUALLY(w, !h.up && strstr(h.error, "open: Connection refused"));
	CU_ASSERT_PTR_NULL(worker_list(w));
	set_int(&f, &f.open_error, 0);
	EVENTUALLY(w, h.up && h.vms == 2 && !h.reconnects);
	finish(&f, w);
}

static void test_connection_lost(void)
{
	struct vm_list *list;
	struct worker *w;
	struct fake f;

	fake_init(&f);
	w = start(&f, &fake_bulk);
	EVENTUALLY(w, h.up);
	set_int(&f, &f.list_error, -ENOTCONN);
	EVENTUALLY(w, !h.up);
	/* What was known stays known: a VM does not end with the daemon that manages it. */
	list = worker_list(w);
	CU_ASSERT_EQUAL(list->vms->len, 2);
	vm_list_unref(list);
	set_int(&f, &f.list_error, 0);
	EVENTUALLY(w, h.up && h.reconnects >= 1);
	finish(&f, w);
}

static void test_other_error(void)
{
	struct worker *w;
	struct fake f;

	fake_init(&f);
	w = start(&f, &fake_bulk);
	EVENTUALLY(w, h.up);
	set_int(&f, &f.list_error, -EACCES);
	EVENTUALLY(w, !h.up && strstr(h.error, "list: Permission denied"));
	set_int(&f, &f.list_error, 0);
	EVENTUALLY(w, h.up && !h.reconnects);
	finish(&f, w);
}

/* One VM's monitor hangs: the call stays stuck, another connection goes on. */
static void test_stats_hang(void)
{
	struct worker_health before;
	struct worker *w;
	struct fake f;

	fake_init(&f);
	w = start(&f, &fake_bulk);
	EVENTUALLY(w, h.stats_ns);
	set_flag(&f, &f.hang_stats, true);
	EVENTUALLY(w, h.parked == 4 && h.overruns >= 4);
	/* All that may hang do: the list goes on over another connection. */
	worker_health(w, &before);
	EVENTUALLY(w, h.up && h.list_ns > before.list_ns);
	EVENTUALLY(w, strstr(h.error, "earlier calls still hang"));
	set_flag(&f, &f.hang_stats, false);
	EVENTUALLY(w, h.parked == 0 && h.stats_ns > before.list_ns && !h.error[0]);
	finish(&f, w);
}

static void test_list_hangs(void)
{
	struct vm_list *list;
	struct worker *w;
	struct fake f;

	fake_init(&f);
	w = start(&f, &fake_bulk);
	EVENTUALLY(w, h.up);
	set_flag(&f, &f.hang_list, true);
	EVENTUALLY(w, !h.up && h.parked >= 1 && h.overruns >= 1);
	list = worker_list(w);
	CU_ASSERT_PTR_NOT_NULL(list);
	vm_list_unref(list);
	set_flag(&f, &f.hang_list, false);
	EVENTUALLY(w, h.up && !h.parked && h.reconnects >= 1);
	finish(&f, w);
}

static void test_free_while_open_hangs(void)
{
	struct worker *w;
	struct fake f;

	fake_init(&f);
	f.hang_open = true;
	w = start(&f, &fake_bulk);
	EVENTUALLY(w, h.overruns >= 1);
	CU_ASSERT_TRUE(worker_wait(w, PATIENCE_MS));
	finish(&f, w);
}

/* Without stats_all each VM has its own call: one that hangs costs its own numbers alone. */
static void test_single_hangs(void)
{
	struct vm_stats_set *set;
	struct worker *w;
	struct fake f;

	fake_init(&f);
	f.hang_on = "a";
	w = start(&f, &fake_single);
	EVENTUALLY(w, h.stats_ns && h.parked == 1);
	set = worker_stats(w);
	CU_ASSERT_PTR_NULL(vm_stats_find(set, "a"));
	CU_ASSERT_PTR_NOT_NULL(vm_stats_find(set, "b"));
	vm_stats_set_unref(set);
	f.hang_on = NULL;
	set_flag(&f, &f.hang_stats, false);
	for (int i = 0; i < PATIENCE_MS; i++) {
		set = worker_stats(w);
		bool both = vm_stats_find(set, "a");

		vm_stats_set_unref(set);
		if (both)
			break;
		g_usleep(1000);
		CU_ASSERT_NOT_EQUAL(i, PATIENCE_MS - 1);
	}
	EVENTUALLY(w, h.overruns >= 1);
	finish(&f, w);
}

static void wait_changes(struct fake *f, int changes)
{
	gint64 until = g_get_monotonic_time() + PATIENCE_MS * 1000;

	g_mutex_lock(&f->lock);
	while (f->changes < changes && g_cond_wait_until(&f->cond, &f->lock, until))
		;
	CU_ASSERT_EQUAL(f->changes, changes);
	g_mutex_unlock(&f->lock);
}

static void test_changes(void)
{
	struct worker_health before;
	struct worker *w;
	struct fake f;

	fake_init(&f);
	w = start(&f, &fake_bulk);
	wait_changes(&f, 1);
	worker_health(w, &before);
	EVENTUALLY(w, h.list_ns > before.list_ns + 100000000ull);
	wait_changes(&f, 1);
	set_int(&f, (int *)&f.state, KVMLENS_VM_PAUSED);
	wait_changes(&f, 2);
	finish(&f, w);
}

/* The interval is long: only the provider's event can bring the second list. */
static void test_event(void)
{
	struct worker *w;
	struct fake f;

	fake_init(&f);
	w = worker_new(
		&(struct worker_config){.ops = &fake_bulk, .arg = &f, .interval_ms = 3600000});
	CU_ASSERT_STRING_EQUAL(worker_name(w), "fake");
	CU_ASSERT_EQUAL(worker_start(w, on_changed, &f), 0);
	wait_changes(&f, 1);
	g_mutex_lock(&f.lock);
	f.vms[1] = NULL;
	g_mutex_unlock(&f.lock);
	f.changed(f.changed_arg);
	wait_changes(&f, 2);
	EVENTUALLY(w, h.vms == 1);
	g_mutex_lock(&f.lock);
	f.vms[0] = NULL;
	g_mutex_unlock(&f.lock);
	worker_kick(w);
	wait_changes(&f, 3);
	finish(&f, w);
}

static void test_never_started(void)
{
	struct worker *w = worker_new(&(struct worker_config){.ops = &fake_bulk});

	CU_ASSERT_FALSE(worker_wait(w, 1));
	worker_free(w);
	worker_free(NULL);
}

static void test_list_bounds(void)
{
	g_autofree char *longest = g_strnfill(100000, 'n');
	struct kvmlens_tag tags[40];
	struct vm_list *list = vm_list_new(), *other = vm_list_new();
	struct kvmlens_vm vm = {.id = "1",
				.name = longest,
				.uuid = "nonsense",
				.pid = -5,
				.info = tags,
				.n_info = G_N_ELEMENTS(tags)};
	const struct vm_entry *entry;

	for (size_t i = 0; i < G_N_ELEMENTS(tags); i++)
		tags[i] = (struct kvmlens_tag){"k", longest};
	CU_ASSERT_TRUE(vm_list_add(list, &vm));
	entry = list->vms->pdata[0];
	CU_ASSERT_EQUAL(strlen(entry->name), VM_ID_MAX);
	CU_ASSERT_EQUAL(entry->n_info, VM_INFO_MAX);
	CU_ASSERT_EQUAL(strlen(entry->info[0].value), 256);
	CU_ASSERT_PTR_NULL(entry->uuid);
	CU_ASSERT_EQUAL(entry->pid, 0);
	vm.uuid = "AF41286D-D1EB-49A2-B5EA-014E5B57A32A";
	vm.name = NULL;
	CU_ASSERT_FALSE(vm_list_add(list, &vm));
	CU_ASSERT_EQUAL(list->dropped, 1);
	vm.name = "n";
	CU_ASSERT_TRUE(vm_list_add(other, &vm));
	entry = other->vms->pdata[0];
	CU_ASSERT_STRING_EQUAL(entry->uuid, "af41286d-d1eb-49a2-b5ea-014e5b57a32a");
	CU_ASSERT_FALSE(vm_list_equal(list, other));
	CU_ASSERT_TRUE(vm_list_equal(other, other));
	vm_list_unref(list);
	vm_list_unref(other);
}

static void test_stats_bounds(void)
{
	struct kvmlens_vm_stats stats;
	int n = 0;

	kvmlens_vm_stats_init(&stats);
	CU_ASSERT_EQUAL(stats.memory.last_update, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(stats.vcpus_current, KVMLENS_ABSENT);
	while (kvmlens_vm_stats_add_nic(&stats, "vnet0") && n < 1000)
		n++;
	CU_ASSERT_EQUAL(n, 256);
	CU_ASSERT_EQUAL(stats.n_nics, 256);
	CU_ASSERT_STRING_EQUAL(stats.nics[255].name, "vnet0");
	CU_ASSERT_STRING_EQUAL(stats.nics[255].mac, "");
	CU_ASSERT_EQUAL(stats.nics[255].tx_dropped, KVMLENS_ABSENT);
	kvmlens_vm_stats_clear(&stats);
	CU_ASSERT_EQUAL(stats.n_nics, 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"publishes", test_publishes},
		{"cannot be opened", test_open_fails},
		{"connection lost", test_connection_lost},
		{"another error", test_other_error},
		{"statistics hang", test_stats_hang},
		{"list hangs", test_list_hangs},
		{"freed while open hangs", test_free_while_open_hangs},
		{"one VM hangs", test_single_hangs},
		{"tells of changes only", test_changes},
		{"events", test_event},
		{"never started", test_never_started},
		{"bounds of a list", test_list_bounds},
		{"bounds of statistics", test_stats_bounds},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {{"worker", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	unsigned failed = 1;

	if (CU_initialize_registry() == CUE_SUCCESS && CU_register_suites(suites) == CUE_SUCCESS &&
	    CU_basic_run_tests() == CUE_SUCCESS)
		failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
