// SPDX-License-Identifier: Apache-2.0
/* Blame and causes: sums are exact whatever gives way, memory and labels stay bounded. */
#include <CUnit/Basic.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/blame.h"
#include "core/cause.h"
#include "core/cpuload.h"
#include "metric/unique.h"
#include "unit/suite.h"

#define VM_PID 4000001
#define OTHER_PID 4000002

static uint64_t total(const uint64_t sums[CAUSES])
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CAUSES; i++)
		sum += sums[i];
	return sum;
}

static void test_split_plain(void)
{
	const struct cause_waits w = {.vm = 1,
				      .host = 20,
				      .self = 300,
				      .softirq = 4000,
				      .idle = 50000,
				      .throttled = 600000,
				      .other = 7000000};
	const struct cause_shares none = {};
	uint64_t sums[CAUSES] = {};

	cause_split(&w, &none, sums);
	CU_ASSERT_EQUAL(sums[CAUSE_VM], 1);
	CU_ASSERT_EQUAL(sums[CAUSE_HOST], 20);
	CU_ASSERT_EQUAL(sums[CAUSE_SELF], 300);
	CU_ASSERT_EQUAL(sums[CAUSE_INTERRUPT], 4000);
	CU_ASSERT_EQUAL(sums[CAUSE_IDLE], 50000);
	CU_ASSERT_EQUAL(sums[CAUSE_THROTTLED], 600000);
	CU_ASSERT_EQUAL(sums[CAUSE_OTHER], 7000000);
	CU_ASSERT_EQUAL(sums[CAUSE_PINNING], 0);
}

static void test_split_rules(void)
{
	struct cause_waits w = {.vm = 800, .host = 200};
	uint64_t sums[CAUSES] = {};

	cause_split(&w, &(struct cause_shares){.idle_denied = 0.75}, sums);
	CU_ASSERT_EQUAL(sums[CAUSE_PINNING], 750);
	CU_ASSERT_EQUAL(sums[CAUSE_VM], 200);
	CU_ASSERT_EQUAL(sums[CAUSE_HOST], 50);

	memset(sums, 0, sizeof(sums));
	cause_split(&w, &(struct cause_shares){.idle_allowed = 0.5, .idle_denied = 1}, sums);
	CU_ASSERT_EQUAL(sums[CAUSE_IDLE], 500);
	CU_ASSERT_EQUAL(sums[CAUSE_PINNING], 500);

	/* ksoftirqd's own time is not taken a second time. */
	memset(sums, 0, sizeof(sums));
	w.softirq = 1000;
	cause_split(&w, &(struct cause_shares){.interrupt = 0.4}, sums);
	CU_ASSERT_EQUAL(sums[CAUSE_INTERRUPT], 1000);
	CU_ASSERT_EQUAL(sums[CAUSE_VM], 800);
	memset(sums, 0, sizeof(sums));
	cause_split(&w, &(struct cause_shares){.interrupt = 0.75}, sums);
	CU_ASSERT_EQUAL(sums[CAUSE_INTERRUPT], 1500);
	CU_ASSERT_EQUAL(sums[CAUSE_VM], 400);
	CU_ASSERT_EQUAL(sums[CAUSE_HOST], 100);
}

static void test_split_sums(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(4);
	unsigned round, i;

	for (round = 0; round < 20000; round++) {
		struct cause_shares shares = {g_rand_double_range(rand, -0.5, 1.5),
					      g_rand_double_range(rand, -0.5, 1.5),
					      g_rand_double_range(rand, -0.5, 1.5)};
		uint64_t v[7], sums[CAUSES] = {}, sum = 0;

		for (i = 0; i < 7; i++) {
			v[i] = (uint64_t)g_rand_int(rand) << g_rand_int_range(rand, 0, 20);
			v[i] *= g_rand_int_range(rand, 0, 2);
			sum += v[i];
		}
		cause_split(&(struct cause_waits){v[0], v[1], v[2], v[3], v[4], v[5], v[6]},
			    &shares, sums);
		CU_ASSERT_EQUAL(total(sums), sum);
	}
}

static void write_stat(const char *path, const char *text)
{
	CU_ASSERT_TRUE(g_file_set_contents(path, text, -1, NULL));
}

static void test_cpuload(void)
{
	g_autofree char *path = g_strdup_printf("/tmp/kvmlens-stat-%d", (int)getpid());
	unsigned long allowed = 3; /* CPUs 0 and 1 */
	struct cause_shares s;
	struct cpuload *load;

	write_stat(path, "cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n"
			 "cpu1 0 0 0 0 0 0 0 0\ncpu3 0 0 0 0 0 0 0 0 0 0\nintr 5 cpu9\n");
	load = cpuload_new(path);
	cpuload_tick(load);
	cpuload_shares(load, 0, &allowed, sizeof(allowed), &s);
	CU_ASSERT_EQUAL(s.idle_denied + s.idle_allowed + s.interrupt, 0);
	/* CPU 0: half idle, and of the other half a quarter interrupts; 1: never idle; 3: often. */
	write_stat(path, "cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 20 0 55 100 0 5 20 0 0 0\n"
			 "cpu1 100 0 0 0 0 0 0 0\ncpu3 0 0 20 60 20 0 0 0 0 0\nintr 5\n");
	cpuload_tick(load);
	cpuload_shares(load, 0, &allowed, sizeof(allowed), &s);
	CU_ASSERT_DOUBLE_EQUAL(s.interrupt, 0.25, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(s.idle_allowed, 0, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(s.idle_denied, 0.8, 1e-9);
	cpuload_shares(load, 3, &allowed, sizeof(allowed), &s);
	CU_ASSERT_DOUBLE_EQUAL(s.idle_allowed, 0.5, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(s.idle_denied, 0, 1e-9);
	/* Nonsense, and no file at all: nothing is known. */
	write_stat(path, "cpu99999999999 1 2 3 4 5 6 7 8\ncpu\ncpu0 x\ncpu0 1 2");
	cpuload_tick(load);
	cpuload_shares(load, 0, &allowed, sizeof(allowed), &s);
	CU_ASSERT_EQUAL(s.idle_denied + s.idle_allowed + s.interrupt, 0);
	unlink(path);
	cpuload_tick(load);
	cpuload_free(load);
}

struct rig {
	struct vmlabels *labels;
	struct cgroup_names *cgroups;
	struct blame *blame;
	struct inventory *inventory;
	struct blame_thread thread;
	struct kvmlens_snapshot *snapshot;
	uint64_t mono;
	uint64_t ready; /* the VM's ready time, waits that go on included; 0: as charged */
};

static void rig_open(struct rig *r)
{
	*r = (struct rig){.thread = {.slot = 7, .tid = 4000011}};
	r->labels = vmlabels_new(NULL, 0);
	r->cgroups = cgroup_names_new("/nonexistent");
	r->blame = blame_new(r->labels, r->cgroups);
	r->inventory = inventory_new(2);
	r->inventory->vms[0].ident = vm_ident_new("mine", NULL, VM_PID, 1, true);
	r->inventory->vms[1].ident = vm_ident_new("its", NULL, OTHER_PID, 1, true);
}

static void rig_close(struct rig *r)
{
	kvmlens_snapshot_unref(r->snapshot);
	blame_free(r->blame);
	cgroup_names_free(r->cgroups);
	vmlabels_free(r->labels);
	inventory_unref(r->inventory);
}

/* Labels of what came once are forgotten; those that a snapshot has stay the same. */
static void test_many_labels(void)
{
	const struct vm_ident *ident;
	struct labels *kept, *again;
	struct rig r;

	rig_open(&r);
	ident = r.inventory->vms[0].ident;
	kept = vmlabels_part(r.labels, ident, "by", "kept");
	for (unsigned i = 0; i < 20000; i++) {
		char by[32];

		if (i % 10 == 0)
			vmlabels_begin(r.labels);
		g_snprintf(by, sizeof(by), "cgroup:/%u", i);
		labels_unref(vmlabels_part(r.labels, ident, "by", by));
	}
	CU_ASSERT_TRUE(vmlabels_count(r.labels, ident) < 2000);
	again = vmlabels_part(r.labels, ident, "by", "kept");
	CU_ASSERT_PTR_EQUAL(again, kept);
	labels_unref(again);
	labels_unref(kept);
	rig_close(&r);
}

static const struct snap_vm *rig_tick(struct rig *r)
{
	struct snap_vm *vm;

	kvmlens_snapshot_unref(r->snapshot);
	r->snapshot = snapshot_new();
	entities_alloc(&r->snapshot->vms, 1, sizeof(struct snap_vm));
	vm = entities_at(&r->snapshot->vms, 0);
	vm->ident = vm_ident_ref(r->inventory->vms[0].ident);
	vm->labels = labels_ref(vm->ident->labels);
	vm->level = KVMLENS_DIAGNOSTIC;
	vm->vcpus = 1;
	vm->mono_ns = r->mono += 1000000000;
	vm->time.ready = r->ready ?: r->thread.ready_ns;
	vmlabels_begin(r->labels);
	blame_begin(r->blame, r->inventory);
	blame_vm(r->blame, &r->thread, 1, 0, vm);
	return vm;
}

static uint64_t blame_sum(const struct snap_vm *vm)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < vm->blames.n; i++)
		sum += ((struct snap_blame *)entities_at(&vm->blames, i))->ns;
	return sum;
}

static uint64_t blame_of(const struct snap_vm *vm, const char *by)
{
	for (size_t i = 0; i < vm->blames.n; i++) {
		const struct snap_blame *e = entities_at(&vm->blames, i);

		if (!strcmp(labels_get(e->labels, "by"), by))
			return e->ns;
	}
	return 0;
}

static uint64_t cause_of(const struct snap_vm *vm, enum ready_cause cause)
{
	return ((struct snap_cause *)entities_at(&vm->causes, cause))->ns;
}

static uint64_t cause_sum(const struct snap_vm *vm)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CAUSES; i++)
		sum += cause_of(vm, i);
	return sum;
}

/* As the kernel side does. */
static void charge(struct rig *r, uint64_t entity, uint64_t ns)
{
	struct sched_blame *b = &r->thread.charged;
	unsigned i, least = 0;

	r->thread.ready_ns += ns;
	for (i = 0; i < SCHED_BLAME_ENTRIES; i++) {
		if (b->entity[i] == entity) {
			b->ns[i] += ns;
			return;
		}
		if (b->ns[i] < b->ns[least])
			least = i;
	}
	b->folded_ns[b->entity[least] >> SCHED_ENTITY_SHIFT == SCHED_ENTITY_VM
			     ? SCHED_CLASS_VM
			     : SCHED_CLASS_HOST] += b->ns[least];
	b->entity[least] = entity;
	b->ns[least] = ns;
}

static uint64_t entity(uint64_t kind, uint64_t number)
{
	return kind << SCHED_ENTITY_SHIFT | number;
}

static uint64_t vm_entity(uint32_t pid, enum sched_role role)
{
	return entity(SCHED_ENTITY_VM, (uint64_t)role << 32 | pid);
}

static void test_kinds(void)
{
	const struct snap_vm *vm;
	struct rig r;

	rig_open(&r);
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_VCPU), 1000);
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_IOTHREAD), 200);
	charge(&r, vm_entity(VM_PID, SCHED_ROLE_VCPU), 30);
	charge(&r, vm_entity(VM_PID, SCHED_ROLE_IOTHREAD), 4);
	charge(&r, entity(SCHED_ENTITY_KERNEL, SCHED_KERNEL_KSOFTIRQD), 50000);
	charge(&r, entity(SCHED_ENTITY_CGROUP, 12345), 600000);
	r.thread.charged.throttled_ns = 7000000;
	r.thread.charged.unseen_ns = 80000000;
	r.thread.charged.idle_ns = 900000000;
	r.thread.ready_ns += 987000000;
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:its"), 1000);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:its/iothread"), 200);
	CU_ASSERT_EQUAL(blame_of(vm, "self"), 34);
	CU_ASSERT_EQUAL(blame_of(vm, "host:ksoftirqd"), 50000);
	CU_ASSERT_EQUAL(blame_of(vm, "throttled"), 7000000);
	CU_ASSERT_EQUAL(blame_of(vm, "unattributed"), 80000000);
	CU_ASSERT_EQUAL(blame_of(vm, "idle"), 900000000);
	/* A cgroup that is gone and was never named. */
	CU_ASSERT_EQUAL(blame_of(vm, "other"), 600000);
	CU_ASSERT_EQUAL(blame_sum(vm), r.thread.ready_ns);
	CU_ASSERT_EQUAL(vm->causes.n, CAUSES);
	CU_ASSERT_EQUAL(cause_of(vm, CAUSE_VM), 1200);
	CU_ASSERT_EQUAL(cause_of(vm, CAUSE_SELF), 34);
	CU_ASSERT_EQUAL(cause_of(vm, CAUSE_HOST), 600000);
	CU_ASSERT_EQUAL(cause_of(vm, CAUSE_INTERRUPT), 50000);
	CU_ASSERT_EQUAL(cause_of(vm, CAUSE_THROTTLED), 7000000);
	CU_ASSERT_EQUAL(cause_of(vm, CAUSE_OTHER), 80000000);
	CU_ASSERT_EQUAL(cause_of(vm, CAUSE_IDLE), 900000000);
	CU_ASSERT_EQUAL(cause_sum(vm), r.thread.ready_ns);
	rig_close(&r);
}

/* Many come and go between two looks: no sum is off, the heavy one is not lost. */
static void test_eviction(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(5);
	uint64_t other_vm = 0;
	const struct snap_vm *vm;
	unsigned tick, i, cgroup = 1000;
	struct rig r;

	rig_open(&r);
	for (tick = 0; tick < 60; tick++) {
		for (i = 0; i < 500; i++) {
			uint64_t ns = (uint64_t)g_rand_int_range(rand, 1, 100000);

			charge(&r, entity(SCHED_ENTITY_CGROUP, ++cgroup), ns);
			if (i % 10)
				continue;
			charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_VCPU), 10 * ns);
			other_vm += 10 * ns;
		}
		vm = rig_tick(&r);
		CU_ASSERT_EQUAL(blame_sum(vm), r.thread.ready_ns);
		CU_ASSERT_EQUAL(cause_sum(vm), r.thread.ready_ns);
		CU_ASSERT_TRUE(vm->blames.n <= BLAME_ENTITIES_MAX);
	}
	/* It gave way a few times while it was small, if at all. */
	CU_ASSERT_TRUE((double)blame_of(vm, "vm:its") > 0.99 * (double)other_vm);
	CU_ASSERT_EQUAL(cause_of(vm, CAUSE_VM), other_vm);
	CU_ASSERT_EQUAL(cause_of(vm, CAUSE_OTHER), 0);
	rig_close(&r);
}

static void set_vms(struct rig *r, const char *const names[][2], unsigned n)
{
	struct vm_ident *mine = vm_ident_ref(r->inventory->vms[0].ident);

	inventory_unref(r->inventory);
	r->inventory = inventory_new(n + 1);
	r->inventory->vms[0].ident = mine;
	for (unsigned i = 0; i < n; i++)
		r->inventory->vms[i + 1].ident =
			vm_ident_new(names[i][0], names[i][1], OTHER_PID + i, 1, true);
}

#define UUID_A "11111111-2222-4333-8444-000000000001"
#define UUID_B "22222222-2222-4333-8444-000000000001"
#define UUID_C "22222222-2222-4333-8444-000000000002"

/* Two VMs of one name, a VM that restarts: no label twice, sums exact, nothing goes backwards. */
static void test_same_name(void)
{
	static const char *const one[][2] = {{"web", UUID_A}};
	static const char *const two[][2] = {{"web", UUID_A}, {"web", UUID_B}, {"db", UUID_C}};
	static const char *const near[][2] = {{"web", UUID_C}, {"web", UUID_B}};
	/* Names that read alike once they are cleaned are one name. */
	static const char *const unclean[][2] = {{"w\x01", UUID_A}, {"w\x02", UUID_B}};
	static const char *const gone[][2] = {{"new", UUID_A}};
	static const char *const twin[][2] = {{"web", UUID_A}, {"web", UUID_A}};
	const struct snap_vm *vm;
	struct rig r;

	rig_open(&r);
	set_vms(&r, one, 1);
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_VCPU), 100);
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web"), 100);

	set_vms(&r, two, 3);
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_VCPU), 1000);
	charge(&r, vm_entity(OTHER_PID + 1, SCHED_ROLE_VCPU), 20000);
	charge(&r, vm_entity(OTHER_PID + 1, SCHED_ROLE_EMULATOR), 300000);
	charge(&r, vm_entity(OTHER_PID + 2, SCHED_ROLE_VCPU), 7);
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web"), 100);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web#11111111"), 1000);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web#22222222"), 20000);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web#22222222/emulator"), 300000);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:db"), 7);
	CU_ASSERT_EQUAL(blame_sum(vm), r.thread.ready_ns);
	CU_ASSERT_EQUAL(vm->aggressors.n, 3);

	/* UUIDs that begin alike: as much as it takes. */
	set_vms(&r, near, 2);
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_VCPU), 5);
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web#" UUID_C), 5);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web#11111111"), 1000);

	/* Alone again, in another process: the old series goes on. */
	set_vms(&r, one, 1);
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_VCPU), 11);
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web"), 111);

	/* The new process of a VM beside the old one, which is still ending: one VM. */
	set_vms(&r, twin, 2);
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_VCPU), 1);
	charge(&r, vm_entity(OTHER_PID + 1, SCHED_ROLE_VCPU), 2);
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web"), 114);

	set_vms(&r, unclean, 2);
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_VCPU), 3);
	charge(&r, vm_entity(OTHER_PID + 1, SCHED_ROLE_VCPU), 4);
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:w\xef\xbf\xbd#11111111"), 3);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:w\xef\xbf\xbd#22222222"), 4);

	/* A process that is gone keeps the name that it was charged under last. */
	set_vms(&r, gone, 1);
	charge(&r, vm_entity(OTHER_PID + 1, SCHED_ROLE_VCPU), 40);
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:w\xef\xbf\xbd#22222222"), 44);
	CU_ASSERT_EQUAL(blame_sum(vm), r.thread.ready_ns);
	CU_ASSERT_EQUAL(snapshot_drop_duplicates(r.snapshot, NULL, NULL), 0);
	rig_close(&r);
}

/*
 * The agent dies and starts again: what the kernel side keeps is there, what only it knew was
 * carried.
 */
static void restart(struct rig *r)
{
	struct carry_blame carried;

	CU_ASSERT_TRUE(blame_carry(r->blame, r->inventory->vms[0].ident, &carried));
	CU_ASSERT_FALSE(blame_carry(r->blame, r->inventory->vms[0].ident, &carried));
	blame_free(r->blame);
	r->blame = blame_new(r->labels, r->cgroups);
	CU_ASSERT_FALSE(blame_knows(r->blame, r->inventory->vms[0].ident));
	blame_restore(r->blame, r->inventory->vms[0].ident, &carried);
}

static uint64_t *raw_causes(const struct snap_vm *vm)
{
	uint64_t *causes = g_new(uint64_t, CAUSES);

	for (unsigned i = 0; i < CAUSES; i++)
		causes[i] = cause_of(vm, i);
	return causes;
}

/*
 * What is gone by the restart keeps its series, no counter falls, and sums hold to the nanosecond.
 */
static void test_restart(void)
{
	static const char *const old[][2] = {{"web", UUID_A}, {"db", UUID_B}};
	static const char *const new[][2] = {{"db", UUID_B}, {"web", UUID_A}};
	const uint64_t ksoftirqd = entity(SCHED_ENTITY_KERNEL, SCHED_KERNEL_KSOFTIRQD);
	g_autofree uint64_t *before = NULL;
	const struct snap_vm *vm;
	struct rig r;

	rig_open(&r);
	set_vms(&r, old, 2);
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_VCPU), 1000);
	charge(&r, vm_entity(OTHER_PID + 1, SCHED_ROLE_VCPU), 300);
	charge(&r, vm_entity(VM_PID, SCHED_ROLE_VCPU), 34);
	charge(&r, ksoftirqd, 50);
	rig_tick(&r);
	/* The VMs come to other processes; web restarts and goes on in its series. */
	set_vms(&r, new, 2);
	charge(&r, vm_entity(OTHER_PID + 1, SCHED_ROLE_VCPU), 500);
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web"), 1500);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:db"), 300);
	before = raw_causes(vm);

	restart(&r);
	/* While it was away: its own threads, and one of a name that it has not had yet. */
	charge(&r, vm_entity(VM_PID, SCHED_ROLE_VCPU), 6);
	charge(&r, ksoftirqd, 7);
	charge(&r, entity(SCHED_ENTITY_KERNEL, SCHED_KERNEL_KWORKER), 70);
	charge(&r, vm_entity(99, SCHED_ROLE_VCPU), 800); /* came and went */
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web"), 1500);
	CU_ASSERT_EQUAL(blame_of(vm, "self"), 40);
	CU_ASSERT_EQUAL(blame_of(vm, "host:ksoftirqd"), 57);
	CU_ASSERT_EQUAL(blame_of(vm, "host:kworker"), 70);
	CU_ASSERT_TRUE(blame_of(vm, "vm:db") >= 300);
	CU_ASSERT_EQUAL(blame_sum(vm), r.thread.ready_ns);
	CU_ASSERT_EQUAL(cause_sum(vm), r.thread.ready_ns);
	for (unsigned i = 0; i < CAUSES; i++)
		CU_ASSERT_TRUE(cause_of(vm, i) >= before[i]);
	CU_ASSERT_EQUAL(cause_of(vm, CAUSE_SELF), 40);

	/* And on from there as ever. */
	charge(&r, vm_entity(OTHER_PID + 1, SCHED_ROLE_VCPU), 11);
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web"), 1511);
	CU_ASSERT_EQUAL(blame_sum(vm), r.thread.ready_ns);

	/* The kernel side has begun again: what was carried is of another count. */
	restart(&r);
	memset(&r.thread.charged, 0, sizeof(r.thread.charged));
	r.thread.ready_ns = 0;
	charge(&r, vm_entity(VM_PID, SCHED_ROLE_VCPU), 5);
	vm = rig_tick(&r);
	CU_ASSERT_EQUAL(blame_of(vm, "self"), 5);
	CU_ASSERT_EQUAL(blame_of(vm, "vm:web"), 0);
	CU_ASSERT_EQUAL(blame_sum(vm), 5);
	CU_ASSERT_EQUAL(cause_sum(vm), 5);
	rig_close(&r);
}

/* A wait of many intervals ends in one: no share of that one is above what was waited in it. */
static void test_long_wait(void)
{
	const struct snap_aggressor *top;
	const struct snap_vm *vm;
	double causes = 0;
	struct rig r;

	rig_open(&r);
	rig_tick(&r);
	r.ready = 400000000; /* of the second, as far as it went on */
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_VCPU), 9000000000ull);
	charge(&r, vm_entity(OTHER_PID, SCHED_ROLE_IOTHREAD), 1000000000ull);
	vm = rig_tick(&r);
	top = entities_at(&vm->aggressors, 0);
	CU_ASSERT_DOUBLE_EQUAL(top->percent, 36, 1e-6);
	top = entities_at(&vm->aggressors, 1);
	CU_ASSERT_DOUBLE_EQUAL(top->percent, 4, 1e-6);
	for (unsigned i = 0; i < CAUSES; i++)
		causes += ((struct snap_cause *)entities_at(&vm->causes, i))->percent;
	CU_ASSERT_DOUBLE_EQUAL(causes, 40, 1e-6);
	/* The counters have all of it. */
	CU_ASSERT_EQUAL(blame_of(vm, "vm:its"), 9000000000ull);
	CU_ASSERT_EQUAL(cause_sum(vm), 10000000000ull);
	rig_close(&r);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"causes without shares", test_split_plain},
		{"causes by their rules", test_split_rules},
		{"causes sum up", test_split_sums},
		{"what CPUs did", test_cpuload},
		{"kinds of blame", test_kinds},
		{"short-lived cgroups", test_eviction},
		{"labels of what is gone", test_many_labels},
		{"VMs of one name", test_same_name},
		{"restart", test_restart},
		{"a wait of many intervals", test_long_wait},
		CU_TEST_INFO_NULL,
	};

	return suite_run("blame", tests);
}
