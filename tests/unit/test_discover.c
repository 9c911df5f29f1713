// SPDX-License-Identifier: Apache-2.0
/* Kernel, /proc and providers merged: each VM once, threads followed, nothing kept of the dead. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <CUnit/Basic.h>
#include "proc_tree.h"
#include "vm/discover.h"

#define QEMU "/usr/bin/qemu-system-x86_64"
#define UUID "af41286d-d1eb-49a2-b5ea-014e5b57a32a"
#define UUID2 "4b27c14e-ab13-4aae-b31d-06df3f6667fe"
#define PATIENCE_MS 20000

typedef struct inventory inventory_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(inventory_t, inventory_unref)

/* --- a tracker and a kernel ----------------------------------------------------------------- */

struct slot {
	pid_t tid, tgid;
	enum sched_role role;
	uint32_t flags;
	bool used;
};

struct kernel {
	unsigned n_slots; /* 0: 63 */
	int error; /* of scan */
	struct kvm_found found[8];
	unsigned n_found;
	struct slot slots[64]; /* 1 to 63 */
	unsigned folded, forgotten, scanned;
	int locked;
	bool bad; /* a rule of struct discover_ops was broken */
};

static int kernel_scan(void *ctx, GArray *found)
{
	struct kernel *k = ctx;

	g_array_append_vals(found, k->found, k->n_found);
	return k->error;
}

static int kernel_track(void *ctx, pid_t tid, pid_t tgid, enum sched_role role, uint32_t flags,
			uint16_t *ret_slot)
{
	struct kernel *k = ctx;
	int empty = 0;

	for (int i = k->n_slots ?: 63; i > 0; i--) {
		if (!k->slots[i].used)
			empty = i;
		else if (k->slots[i].tid == tid) {
			empty = i;
			break;
		}
	}
	if (!empty)
		return -ENOSPC;
	k->slots[empty] = (struct slot){tid, tgid, role, flags, true};
	*ret_slot = empty;
	return 0;
}

static void kernel_untrack(void *ctx, uint16_t slot, bool keep)
{
	struct kernel *k = ctx;

	k->bad |= !k->locked || !k->slots[slot].used;
	k->slots[slot].used = false;
	if (keep)
		k->folded++;
	else
		k->forgotten++;
}

static void kernel_begin(void *ctx)
{
	((struct kernel *)ctx)->locked++;
}

static void kernel_end(void *ctx)
{
	((struct kernel *)ctx)->locked--;
}

static void kernel_scanned(void *ctx)
{
	((struct kernel *)ctx)->scanned++;
}

static unsigned slots_used(const struct kernel *k);

static unsigned kernel_room(void *ctx, unsigned *ret_all)
{
	const struct kernel *k = ctx;

	*ret_all = k->n_slots ?: 63;
	return *ret_all - slots_used(k);
}

static const struct discover_ops kernel_ops = {
	.room = kernel_room,
	.scan = kernel_scan,
	.track = kernel_track,
	.untrack = kernel_untrack,
	.begin = kernel_begin,
	.end = kernel_end,
	.scanned = kernel_scanned,
};

static unsigned slots_used(const struct kernel *k)
{
	unsigned n = 0;

	for (int i = 1; i < 64; i++)
		n += k->slots[i].used;
	return n;
}

static void kernel_add_vcpu(struct kernel *k, uint64_t kvm, pid_t tgid, uint32_t vcpu, pid_t tid)
{
	k->found[k->n_found++] = (struct kvm_found){
		.kind = KVM_FOUND_VCPU, .tgid = tgid, .kvm = kvm, .vcpu_id = vcpu, .tid = tid};
}

/* --- a provider ----------------------------------------------------------------------------- */

struct provider {
	GMutex lock;
	struct kvmlens_vm vms[4];
	unsigned n;
};

static int provider_open(const char *uri, void *arg, void **ret_ctx)
{
	*ret_ctx = arg;
	return 0;
}

static int provider_list(void *ctx, kvmlens_list_fn add, void *arg)
{
	struct provider *p = ctx;

	g_mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->n; i++)
		add(arg, &p->vms[i]);
	g_mutex_unlock(&p->lock);
	return 0;
}

static void provider_close(void *ctx)
{
}

static const struct kvmlens_provider_ops provider_ops = {
	.name = "mock",
	.open = provider_open,
	.list = provider_list,
	.close = provider_close,
};

static struct worker *provider_start(struct provider *p)
{
	struct worker *worker = worker_new(&(struct worker_config){
		.ops = &provider_ops, .arg = p, .interval_ms = 3600000, .no_stats = true});

	worker_start(worker, NULL, NULL);
	CU_ASSERT_TRUE(worker_wait(worker, PATIENCE_MS));
	return worker;
}

/* Make the worker list anew, and wait until it has. */
static void provider_again(struct worker *worker)
{
	struct worker_health before, now;
	int left = PATIENCE_MS;

	worker_health(worker, &before);
	worker_kick(worker);
	do {
		g_usleep(1000);
		worker_health(worker, &now);
	} while (now.list_ns == before.list_ns && left--);
	CU_ASSERT_NOT_EQUAL(now.list_ns, before.list_ns);
}

/* --- helpers -------------------------------------------------------------------------------- */

struct rig {
	struct refusals *refusals;
	char *tree;
	struct kernel kernel;
	struct discover *discover;
};

static void rig_init(struct rig *rig, struct worker *const *workers, size_t n, bool unnamed)
{
	memset(rig, 0, sizeof(*rig));
	rig->tree = proc_tree_new();
	rig->refusals = refusals_new(&(struct config_owner_limits){.vms = 2, .threads = 5});
	rig->discover = discover_new(&(struct discover_config){.ops = &kernel_ops,
							       .ctx = &rig->kernel,
							       .proc_root = rig->tree,
							       .interval_ms = 3600000,
							       .workers = workers,
							       .n_workers = n,
							       .unnamed = unnamed,
							       .refusals = rig->refusals});
}

/* How often something was refused, and to whom first. */
static uint64_t refused(struct rig *rig, const char *owner, enum refusal_reason reason,
			pid_t *ret_pid)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct refusal));

	refusals_read(rig->refusals, rows);
	for (guint i = 0; i < rows->len; i++) {
		const struct refusal *r = &g_array_index(rows, struct refusal, i);

		if (strcmp(r->owner, owner) || r->reason != reason)
			continue;
		if (ret_pid)
			*ret_pid = r->pid;
		return r->count;
	}
	return 0;
}

static void rig_free(struct rig *rig)
{
	CU_ASSERT_FALSE(rig->kernel.bad);
	CU_ASSERT_EQUAL(rig->kernel.locked, 0);
	discover_free(rig->discover);
	refusals_free(rig->refusals);
	proc_tree_free(rig->tree);
}

static void add_qemu(struct rig *rig, pid_t pid, unsigned long long start, const char *name,
		     const char *uuid)
{
	const char *argv[] = {QEMU, "-accel", "tcg", "-name", name, uuid ? "-uuid" : NULL,
			      uuid, NULL};

	proc_tree_add(rig->tree, &(struct tree_process){.pid = pid,
							.comm = "qemu-system-x86",
							.exe = QEMU,
							.argv = argv,
							.start = start});
}

/* A process of an ordinary user that gives itself a name and a UUID. */
static void add_fake(struct rig *rig, pid_t pid, unsigned long long start, unsigned uid,
		     const char *name, const char *uuid)
{
	const char *argv[] = {QEMU, "-name", name, uuid ? "-uuid" : NULL, uuid, NULL};

	proc_tree_add(rig->tree, &(struct tree_process){.pid = pid,
							.comm = "qemu-system-x86",
							.exe = QEMU,
							.argv = argv,
							.start = start,
							.uid = uid});
}

static const struct inventory_vm *vm_of(const struct inventory *inventory, pid_t pid)
{
	for (unsigned i = 0; i < inventory->n_vms; i++)
		if (inventory->vms[i].ident->pid == pid)
			return &inventory->vms[i];
	CU_FAIL_FATAL("the VM is missing");
	return NULL;
}

static struct inventory *scan(struct rig *rig)
{
	struct inventory *inventory;

	discover_scan(rig->discover);
	inventory = discover_inventory(rig->discover);
	CU_ASSERT_PTR_NOT_NULL_FATAL(inventory);
	return inventory;
}

/* A name that ends in a dash is one made of the program's, with the UUID's beginning behind it. */
static void expect(const struct inventory_vm *vm, const char *name, const char *uuid, pid_t pid)
{
	g_autofree char *made = g_strdup_printf("%s%.8s", name, vm->ident->uuid);

	CU_ASSERT_STRING_EQUAL(vm->ident->name, g_str_has_suffix(name, "-") ? made : name);
	if (uuid)
		CU_ASSERT_STRING_EQUAL(vm->ident->uuid, uuid);
	CU_ASSERT_EQUAL(strlen(vm->ident->uuid), 36);
	CU_ASSERT_EQUAL(vm->ident->pid, pid);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void test_proc_alone(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	CU_ASSERT_PTR_NULL(discover_inventory(rig.discover));
	add_qemu(&rig, 20, 7, "b", UUID);
	add_qemu(&rig, 21, 8, "a", NULL);
	proc_tree_thread(rig.tree, 20, 25, "CPU 1/TCG");
	proc_tree_thread(rig.tree, 20, 26, "CPU 0/TCG");
	proc_tree_thread(rig.tree, 20, 24, "IO io1");
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 2);
	expect(&i->vms[0], "a", NULL, 21);
	expect(&i->vms[1], "b", UUID, 20);
	CU_ASSERT_TRUE(i->vms[1].ident->tcg);
	CU_ASSERT_EQUAL(i->vms[1].n_vcpus, 2);
	CU_ASSERT_EQUAL_FATAL(i->vms[1].n_threads, 4);
	CU_ASSERT_EQUAL(i->vms[1].threads[0].tid, 26);
	CU_ASSERT_EQUAL(i->vms[1].threads[1].tid, 25);
	CU_ASSERT_EQUAL(i->vms[1].threads[1].vcpu_id, 1);
	CU_ASSERT_STRING_EQUAL(i->vms[1].threads[1].comm, "CPU 1/TCG");
	CU_ASSERT_EQUAL(i->vms[1].threads[2].role, SCHED_ROLE_EMULATOR);
	CU_ASSERT_EQUAL(i->vms[1].threads[3].role, SCHED_ROLE_IOTHREAD);
	for (int t = 0; t < 4; t++) {
		const struct slot *s = &rig.kernel.slots[i->vms[1].threads[t].slot];

		CU_ASSERT_EQUAL(s->tid, i->vms[1].threads[t].tid);
		CU_ASSERT_EQUAL(s->tgid, 20);
		CU_ASSERT_EQUAL(s->role, i->vms[1].threads[t].role);
		CU_ASSERT_EQUAL(s->flags, t < 2 ? SCHED_F_TCG : 0);
	}
	CU_ASSERT_EQUAL(slots_used(&rig.kernel), 5);
	CU_ASSERT_EQUAL(rig.kernel.scanned, 1);
	rig_free(&rig);
}

/*
 * A fake with the UUID and name of a VM: before the VM starts, while it runs, after it restarts.
 * By /proc alone, and by a provider that knows the UUID but no pid.
 */
static void check_fake(bool provided)
{
	struct provider p = {
		.vms = {{.id = "1", .name = "web", .uuid = UUID, .state = KVMLENS_VM_RUNNING}},
		.n = 1};
	struct worker *worker = provided ? provider_start(&p) : NULL;
	g_autofree char *fake_uuid = NULL;
	struct rig rig;

	rig_init(&rig, &worker, provided ? 1 : 0, true);
	add_fake(&rig, 10, 1, 54321, "web", UUID);
	g_autoptr(inventory_t) before = scan(&rig);
	fake_uuid = g_strdup(vm_of(before, 10)->ident->uuid);
	expect(vm_of(before, 10), "54321/web", NULL, 10);
	CU_ASSERT_STRING_NOT_EQUAL(fake_uuid, UUID);
	CU_ASSERT_TRUE(vm_of(before, 10)->ident->owner.ordinary);
	CU_ASSERT_PTR_NULL(vm_of(before, 10)->provider);

	add_qemu(&rig, 20, 7, "web", UUID);
	g_autoptr(inventory_t) both = scan(&rig);
	CU_ASSERT_EQUAL(both->n_vms, 2);
	expect(vm_of(both, 20), "web", UUID, 20);
	CU_ASSERT_EQUAL(vm_of(both, 20)->provider != NULL, provided);
	CU_ASSERT_EQUAL(vm_of(both, 20)->ident->owner.vouched, provided);
	expect(vm_of(both, 10), "54321/web", fake_uuid, 10);
	CU_ASSERT_EQUAL(refused(&rig, "54321", REFUSAL_IDENTITY, NULL), 1);

	proc_tree_remove(rig.tree, 20);
	add_qemu(&rig, 21, 9, "web", UUID);
	g_autoptr(inventory_t) after = scan(&rig);
	CU_ASSERT_EQUAL(after->n_vms, 2);
	expect(vm_of(after, 21), "web", UUID, 21);
	CU_ASSERT_STRING_EQUAL(vm_of(after, 21)->ident->owner.name, "root");
	expect(vm_of(after, 10), "54321/web", fake_uuid, 10);
	worker_free(worker);
	rig_free(&rig);
}

static void test_fake(void)
{
	check_fake(false);
	check_fake(true);
}

/* Ten processes of one user, one of another: two VMs each, the oldest; then one of those ends. */
static void test_vm_share(void)
{
	struct rig rig;
	pid_t pid = 0;

	rig_init(&rig, NULL, 0, true);
	for (pid_t p = 10; p < 20; p++)
		add_fake(&rig, p, 100 - p, 54321, "x", NULL);
	add_fake(&rig, 30, 1, 54322, "y", NULL);
	add_qemu(&rig, 40, 500, "real", UUID);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL(i->n_vms, 4);
	vm_of(i, 18);
	vm_of(i, 19);
	vm_of(i, 30);
	expect(vm_of(i, 40), "real", UUID, 40);
	CU_ASSERT_EQUAL(refused(&rig, "54321", REFUSAL_VMS, &pid), 8);
	CU_ASSERT_EQUAL(pid, 17);
	CU_ASSERT_EQUAL(refused(&rig, "54322", REFUSAL_VMS, NULL), 0);
	proc_tree_remove(rig.tree, 19);
	g_autoptr(inventory_t) after = scan(&rig);
	CU_ASSERT_EQUAL(after->n_vms, 4);
	vm_of(after, 17);
	rig_free(&rig);
}

/*
 * A table of 16 slots, and a fake with more threads than that, known first. A VM that comes later
 * has room for its vCPUs, also beside one with many threads that are none.
 */
static void test_thread_share(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	rig.kernel.n_slots = 16;
	add_fake(&rig, 10, 1, 54321, "x", NULL);
	for (pid_t t = 100; t < 150; t++)
		proc_tree_thread(rig.tree, 10, t, "CPU 0/KVM");
	g_autoptr(inventory_t) alone = scan(&rig);
	CU_ASSERT_EQUAL(alone->n_vms, 1);
	CU_ASSERT_EQUAL(slots_used(&rig.kernel), 4); /* a quarter */
	CU_ASSERT_EQUAL(refused(&rig, "54321", REFUSAL_THREADS, NULL), 47);

	add_qemu(&rig, 20, 5, "pool", NULL);
	for (pid_t t = 200; t < 240; t++)
		proc_tree_thread(rig.tree, 20, t, "rbd");
	add_qemu(&rig, 30, 6, "web", UUID);
	for (pid_t t = 300; t < 303; t++) {
		g_autofree char *comm = g_strdup_printf("CPU %d/TCG", t - 300);

		proc_tree_thread(rig.tree, 30, t, comm);
	}
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL(i->n_vms, 3);
	const struct inventory_vm *web = vm_of(i, 30);
	CU_ASSERT_EQUAL_FATAL(web->n_vcpus, 3);
	for (unsigned v = 0; v < 3; v++)
		CU_ASSERT_NOT_EQUAL(web->threads[v].slot, 0);
	rig_free(&rig);
}

/* A provider that knows the pid of an ordinary user's process vouches for it. */
static void test_vouched(void)
{
	struct provider p = {.vms = {{.id = "1", .name = "web", .uuid = UUID, .pid = 20}}, .n = 1};
	struct worker *worker = provider_start(&p);
	struct rig rig;

	rig_init(&rig, &worker, 1, true);
	add_fake(&rig, 20, 7, 54321, "web", UUID);
	add_fake(&rig, 10, 1, 54321, "web", UUID);
	add_fake(&rig, 30, 9, 54322, "web", UUID);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL(i->n_vms, 3);
	expect(vm_of(i, 20), "web", UUID, 20);
	CU_ASSERT_TRUE(vm_of(i, 20)->ident->owner.vouched);
	CU_ASSERT_FALSE(vm_of(i, 20)->ident->owner.ordinary);
	expect(vm_of(i, 10), "54321/web", NULL, 10);
	expect(vm_of(i, 30), "54322/web", NULL, 30);
	CU_ASSERT_STRING_NOT_EQUAL(vm_of(i, 10)->ident->uuid, vm_of(i, 30)->ident->uuid);
	worker_free(worker);
	rig_free(&rig);
}

static void test_not_unnamed(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, false);
	add_qemu(&rig, 20, 7, "b", UUID);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL(i->n_vms, 0);
	CU_ASSERT_EQUAL(slots_used(&rig.kernel), 0);
	rig_free(&rig);
}

static void test_kernel(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	/* A VMM of unknown make: only the kernel says which threads are vCPUs. */
	proc_tree_add(rig.tree, &(struct tree_process){.pid = 30, .comm = "my-vmm"});
	proc_tree_thread(rig.tree, 30, 31, "my-vmm");
	proc_tree_thread(rig.tree, 30, 32, "CPU 1/KVM"); /* says so, but is not */
	proc_tree_thread(rig.tree, 30, 33, "my-vmm");
	kernel_add_vcpu(&rig.kernel, 0xabc, 30, 0, 33);
	kernel_add_vcpu(&rig.kernel, 0xabc, 30, 1, 31);
	kernel_add_vcpu(&rig.kernel, 0xabc, 30, 2, 0);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 1);
	expect(&i->vms[0], "my-vmm-", NULL, 30);
	CU_ASSERT_EQUAL(i->vms[0].kvm, 0xabc);
	CU_ASSERT_FALSE(i->vms[0].ident->tcg);
	CU_ASSERT_EQUAL(i->vms[0].n_vcpus, 2);
	CU_ASSERT_EQUAL(i->vms[0].threads[0].tid, 33);
	CU_ASSERT_EQUAL(i->vms[0].threads[1].tid, 31);
	CU_ASSERT_EQUAL(i->vms[0].threads[3].tid, 32);
	CU_ASSERT_EQUAL(i->vms[0].threads[3].role, SCHED_ROLE_EMULATOR);
	rig_free(&rig);
}

/* Descriptors of one VM in two processes: it belongs to that whose threads run its vCPUs. */
static void test_kernel_shared_files(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	proc_tree_add(rig.tree, &(struct tree_process){.pid = 30, .comm = "helper"});
	proc_tree_add(rig.tree, &(struct tree_process){.pid = 40, .comm = "vmm"});
	proc_tree_thread(rig.tree, 40, 41, "vmm");
	kernel_add_vcpu(&rig.kernel, 0xabc, 30, 0, 41);
	kernel_add_vcpu(&rig.kernel, 0xabc, 40, 0, 41);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 1);
	expect(&i->vms[0], "vmm-", NULL, 40);
	rig_free(&rig);
}

static void test_kernel_cannot(void)
{
	struct discover_health health;
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	rig.kernel.error = -ENOTSUP;
	proc_tree_add(rig.tree, &(struct tree_process){.pid = 30, .comm = "fc", .exe = "/fc"});
	proc_tree_thread(rig.tree, 30, 31, "fc_vcpu 0");
	proc_tree_fd(rig.tree, 30, 7, "anon_inode:kvm-vm");
	proc_tree_fd(rig.tree, 30, 8, "anon_inode:kvm-vcpu:0");
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 1);
	CU_ASSERT_EQUAL(i->vms[0].n_vcpus, 1);
	discover_health(rig.discover, &health);
	CU_ASSERT_EQUAL(health.kernel, -ENOTSUP);
	CU_ASSERT_EQUAL(health.scans, 1);
	rig_free(&rig);
}

static void test_hotplug(void)
{
	struct rig rig;
	struct inventory *i;

	rig_init(&rig, NULL, 0, true);
	add_qemu(&rig, 20, 7, "b", UUID);
	proc_tree_thread(rig.tree, 20, 21, "CPU 0/TCG");
	i = scan(&rig);
	CU_ASSERT_EQUAL(i->vms[0].n_vcpus, 1);
	struct vm_ident *ident = vm_ident_ref(i->vms[0].ident);
	uint16_t slot = i->vms[0].threads[0].slot;

	inventory_unref(i);
	proc_tree_thread(rig.tree, 20, 22, "CPU 1/TCG");
	i = scan(&rig);
	CU_ASSERT_EQUAL(i->vms[0].n_vcpus, 2);
	CU_ASSERT_PTR_EQUAL(i->vms[0].ident, ident);
	CU_ASSERT_EQUAL(i->vms[0].threads[0].slot, slot);
	inventory_unref(i);
	proc_tree_end_thread(rig.tree, 20, 21);
	i = scan(&rig);
	CU_ASSERT_EQUAL(i->vms[0].n_vcpus, 1);
	CU_ASSERT_EQUAL(i->vms[0].threads[0].vcpu_id, 1);
	CU_ASSERT_EQUAL(rig.kernel.folded, 1);
	CU_ASSERT_EQUAL(rig.kernel.forgotten, 0);
	CU_ASSERT_EQUAL(slots_used(&rig.kernel), 2);
	inventory_unref(i);
	vm_ident_unref(ident);
	rig_free(&rig);
}

/* An inventory that somebody holds stays as it was. */
static void test_immutable(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	add_qemu(&rig, 20, 7, "b", UUID);
	proc_tree_thread(rig.tree, 20, 21, "CPU 0/TCG");
	g_autoptr(inventory_t) old = scan(&rig);
	proc_tree_remove(rig.tree, 20);
	g_autoptr(inventory_t) now = scan(&rig);
	CU_ASSERT_EQUAL(now->n_vms, 0);
	CU_ASSERT_EQUAL(old->n_vms, 1);
	CU_ASSERT_EQUAL(old->vms[0].threads[0].tid, 21);
	CU_ASSERT_STRING_EQUAL(old->vms[0].ident->name, "b");
	CU_ASSERT_EQUAL(rig.kernel.forgotten, 2);
	CU_ASSERT_EQUAL(slots_used(&rig.kernel), 0);
	rig_free(&rig);
	CU_ASSERT_STRING_EQUAL(old->vms[0].ident->uuid, UUID);
}

static void test_zombie(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	add_qemu(&rig, 20, 7, "b", UUID);
	inventory_unref(scan(&rig));
	proc_tree_add(rig.tree,
		      &(struct tree_process){
			      .pid = 20, .comm = "qemu-system-x86", .start = 7, .state = 'Z'});
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL(i->n_vms, 0);
	CU_ASSERT_EQUAL(slots_used(&rig.kernel), 0);
	rig_free(&rig);
}

/* The same process id, and thread ids, of another process: its counts begin anew. */
static void test_pid_reused(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	add_qemu(&rig, 20, 7, "b", UUID);
	inventory_unref(scan(&rig));
	add_qemu(&rig, 20, 900, "c", UUID2);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 1);
	expect(&i->vms[0], "c", UUID2, 20);
	CU_ASSERT_EQUAL(rig.kernel.forgotten, 1);
	CU_ASSERT_EQUAL(slots_used(&rig.kernel), 1);
	CU_ASSERT_TRUE(rig.kernel.slots[i->vms[0].threads[0].slot].used);
	rig_free(&rig);
}

static void test_vhost_kthread(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	add_qemu(&rig, 20, 7, "b", UUID);
	proc_tree_thread(rig.tree, 20, 22, "CPU 0/TCG");
	/* Named after the thread that set it up. */
	proc_tree_add(rig.tree,
		      &(struct tree_process){
			      .pid = 50, .ppid = 2, .comm = "vhost-22", .flags = 0x200000});
	proc_tree_add(rig.tree,
		      &(struct tree_process){
			      .pid = 51, .ppid = 2, .comm = "vhost-99", .flags = 0x200000});
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->vms[0].n_threads, 3);
	CU_ASSERT_EQUAL(i->vms[0].threads[2].tid, 50);
	CU_ASSERT_EQUAL(i->vms[0].threads[2].role, SCHED_ROLE_VHOST);
	CU_ASSERT_EQUAL(rig.kernel.slots[i->vms[0].threads[2].slot].tgid, 20);
	rig_free(&rig);
}

static void test_no_room(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	add_qemu(&rig, 20, 7, "b", UUID);
	for (int i = 1; i < 64; i++)
		rig.kernel.slots[i] = (struct slot){.tid = 1000 + i, .used = true};
	struct inventory *i = scan(&rig);

	CU_ASSERT_EQUAL_FATAL(i->vms[0].n_threads, 1);
	CU_ASSERT_EQUAL(i->vms[0].threads[0].slot, 0);
	inventory_unref(i);
	/* A quarter is kept for vCPUs, which this thread is none of. */
	for (int n = 9; n < 9 + 16; n++)
		rig.kernel.slots[n].used = false;
	i = scan(&rig);
	CU_ASSERT_EQUAL(i->vms[0].threads[0].slot, 9);
	inventory_unref(i);
	rig_free(&rig);
}

static void test_merge(void)
{
	struct kvmlens_tag info = {"project", "p1"};
	struct provider p = {.n = 4};
	struct worker *worker;
	struct rig rig;

	p.vms[0] = (struct kvmlens_vm){.id = "1",
				       .name = "by-pid",
				       .uuid = UUID,
				       .pid = 20,
				       .state = KVMLENS_VM_PAUSED,
				       .info = &info,
				       .n_info = 1};
	p.vms[1] = (struct kvmlens_vm){.id = "2", .name = "by-uuid", .uuid = UUID2};
	p.vms[2] = (struct kvmlens_vm){.id = "3", .name = "by-name"};
	p.vms[3] = (struct kvmlens_vm){
		.id = "4", .name = "remote", .uuid = "11111111-2222-4333-8444-555555555555"};
	worker = provider_start(&p);
	rig_init(&rig, &worker, 1, true);
	add_qemu(&rig, 20, 7, "other-name", UUID);
	add_qemu(&rig, 21, 7, "x", UUID2);
	add_qemu(&rig, 22, 7, "by-name", NULL);
	add_qemu(&rig, 23, 7, "z-raw", NULL);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 5);
	expect(&i->vms[0], "by-name", NULL, 22);
	expect(&i->vms[1], "by-pid", UUID, 20);
	CU_ASSERT_EQUAL(i->vms[1].state, KVMLENS_VM_PAUSED);
	CU_ASSERT_STRING_EQUAL(i->vms[1].provider, "mock");
	CU_ASSERT_STRING_EQUAL(i->vms[1].provider_id, "1");
	CU_ASSERT_STRING_EQUAL(labels_get(i->vms[1].info, "project"), "p1");
	CU_ASSERT_STRING_EQUAL(labels_get(i->vms[1].info, "uuid"), UUID);
	expect(&i->vms[2], "by-uuid", UUID2, 21);
	expect(&i->vms[3], "remote", "11111111-2222-4333-8444-555555555555", 0);
	CU_ASSERT_EQUAL(i->vms[3].n_threads, 0);
	expect(&i->vms[4], "z-raw", NULL, 23);
	CU_ASSERT_PTR_NULL(i->vms[4].provider);
	worker_free(worker);
	rig_free(&rig);
}

/* A pid that means something in another namespace must not tie strangers together. */
static void test_merge_contradiction(void)
{
	struct provider p = {.n = 1};
	struct worker *worker;
	struct rig rig;

	p.vms[0] = (struct kvmlens_vm){.id = "1", .name = "mine", .uuid = UUID, .pid = 20};
	worker = provider_start(&p);
	rig_init(&rig, &worker, 1, true);
	add_qemu(&rig, 20, 7, "stranger", UUID2);
	add_qemu(&rig, 21, 7, "guest", UUID);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 2);
	expect(&i->vms[0], "mine", UUID, 21);
	expect(&i->vms[1], "stranger", UUID2, 20);
	worker_free(worker);
	rig_free(&rig);
}

/* Source and target of a migration on one host, or a clone: two VMs, two sets of series. */
static void test_same_uuid(void)
{
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	add_qemu(&rig, 20, 7, "vm", UUID);
	add_qemu(&rig, 21, 8, "vm", UUID);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 2);
	CU_ASSERT_STRING_NOT_EQUAL(i->vms[0].ident->uuid, i->vms[1].ident->uuid);
	rig_free(&rig);
}

/* Same name, no UUID. */
static void test_same_name(void)
{
	struct provider p = {.n = 1};
	struct worker *worker;
	struct rig rig;

	p.vms[0] = (struct kvmlens_vm){.id = "1", .name = "vm"};
	worker = provider_start(&p);
	rig_init(&rig, &worker, 1, true);
	add_qemu(&rig, 20, 7, "vm", NULL);
	add_qemu(&rig, 21, 8, "vm", NULL);
	g_autoptr(inventory_t) i = scan(&rig);
	/* Which of the two the provider means nobody can tell. */
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 3);
	for (int a = 0; a < 3; a++)
		for (int b = 0; b < a; b++)
			CU_ASSERT_STRING_NOT_EQUAL(i->vms[a].ident->uuid, i->vms[b].ident->uuid);
	worker_free(worker);
	rig_free(&rig);
}

/* Two providers that know the same VMs: the first one names them. */
static void test_two_providers(void)
{
	struct provider p = {.n = 2}, q = {.n = 2};
	struct worker *workers[2];
	struct rig rig;

	p.vms[0] = (struct kvmlens_vm){.id = "1", .name = "first", .uuid = UUID};
	p.vms[1] = (struct kvmlens_vm){.id = "2", .name = "gone", .uuid = UUID2};
	q.vms[0] = (struct kvmlens_vm){.id = "20", .name = "second", .pid = 20};
	q.vms[1] = (struct kvmlens_vm){.id = "x", .name = "again", .uuid = UUID2};
	workers[0] = provider_start(&p);
	workers[1] = provider_start(&q);
	rig_init(&rig, workers, 2, false);
	add_qemu(&rig, 20, 7, "vm", UUID);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 2);
	expect(&i->vms[0], "first", UUID, 20);
	expect(&i->vms[1], "gone", UUID2, 0);
	worker_free(workers[0]);
	worker_free(workers[1]);
	rig_free(&rig);
}

/* The daemon is hung or down when the process ends: its old list must not keep the VM. */
static void test_process_ends_list_stays(void)
{
	struct provider p = {.n = 1};
	struct worker *worker;
	struct rig rig;

	p.vms[0] = (struct kvmlens_vm){.id = "1", .name = "vm", .uuid = UUID};
	worker = provider_start(&p);
	rig_init(&rig, &worker, 1, true);
	add_qemu(&rig, 20, 7, "vm", UUID);
	inventory_unref(scan(&rig));
	proc_tree_remove(rig.tree, 20);
	for (int n = 0; n < 3; n++) {
		g_autoptr(inventory_t) i = scan(&rig);

		CU_ASSERT_EQUAL(i->n_vms, 0);
	}
	/* It comes back with another process. */
	add_qemu(&rig, 33, 99, "vm", UUID);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 1);
	expect(&i->vms[0], "vm", UUID, 33);
	worker_free(worker);
	rig_free(&rig);
}

static void test_stale_pid(void)
{
	struct provider p = {.n = 2};
	struct worker *worker;
	struct rig rig;

	p.vms[0] = (struct kvmlens_vm){.id = "1", .name = "dead", .pid = 77};
	p.vms[1] = (struct kvmlens_vm){.id = "2", .name = "odd", .pid = 78};
	worker = provider_start(&p);
	rig_init(&rig, &worker, 1, true);
	proc_tree_add(rig.tree, &(struct tree_process){.pid = 78, .comm = "odd-emulator"});
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 1);
	expect(&i->vms[0], "odd", NULL, 0);
	worker_free(worker);
	rig_free(&rig);
}

static void test_labels_change(void)
{
	struct kvmlens_tag one = {"flavor", "small"}, two = {"flavor", "large"};
	struct provider p = {.n = 1};
	struct worker *worker;
	struct inventory *i;
	struct rig rig;

	p.vms[0] = (struct kvmlens_vm){
		.id = "1", .name = "vm", .uuid = UUID, .info = &one, .n_info = 1};
	worker = provider_start(&p);
	rig_init(&rig, &worker, 1, true);
	i = scan(&rig);
	struct labels *before = labels_ref(i->vms[0].info);
	struct vm_ident *ident = vm_ident_ref(i->vms[0].ident);

	inventory_unref(i);
	provider_again(worker);
	i = scan(&rig);
	CU_ASSERT_PTR_EQUAL(i->vms[0].info, before);
	inventory_unref(i);
	g_mutex_lock(&p.lock);
	p.vms[0].info = &two;
	p.vms[0].state = KVMLENS_VM_PAUSED;
	g_mutex_unlock(&p.lock);
	provider_again(worker);
	i = scan(&rig);
	CU_ASSERT_STRING_EQUAL(labels_get(i->vms[0].info, "flavor"), "large");
	CU_ASSERT_EQUAL(i->vms[0].state, KVMLENS_VM_PAUSED);
	CU_ASSERT_PTR_EQUAL(i->vms[0].ident, ident);
	inventory_unref(i);
	labels_unref(before);
	vm_ident_unref(ident);
	worker_free(worker);
	rig_free(&rig);
}

/* A QEMU whose command line hangs is listed, the others have their names. */
static void test_wedged(void)
{
	struct discover_health health;
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	add_qemu(&rig, 20, 7, "a", UUID);
	add_qemu(&rig, 21, 7, "b", UUID2);
	proc_tree_wedge(rig.tree, 20);
	g_autoptr(inventory_t) i = scan(&rig);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 2);
	expect(&i->vms[0], "b", UUID2, 21);
	expect(&i->vms[1], "qemu-system-x86-", NULL, 20);
	discover_health(rig.discover, &health);
	CU_ASSERT_EQUAL(health.blocked, 1);
	proc_tree_unwedge(rig.tree, 20, (const char *const[]){QEMU, NULL});
	rig_free(&rig);
}

/* --- the thread ----------------------------------------------------------------------------- */

static bool wait_until(struct rig *rig, bool (*is)(const struct inventory *))
{
	for (int left = PATIENCE_MS; left; left--) {
		g_autoptr(inventory_t) i = discover_inventory(rig->discover);

		if (i && is(i))
			return true;
		g_usleep(1000);
	}
	return false;
}

static bool has_one_vcpu(const struct inventory *i)
{
	return i->n_vms == 1 && i->vms[0].n_vcpus == 1;
}

static bool has_two_vcpus(const struct inventory *i)
{
	return i->n_vms == 1 && i->vms[0].n_vcpus == 2;
}

static bool has_two_vms(const struct inventory *i)
{
	return i->n_vms == 2;
}

static bool is_empty(const struct inventory *i)
{
	return i->n_vms == 0;
}

/* The interval is an hour: only pokes bring anything. */
static void test_pokes(void)
{
	struct discover_health health;
	struct rig rig;

	rig_init(&rig, NULL, 0, true);
	add_qemu(&rig, 20, 7, "a", UUID);
	proc_tree_thread(rig.tree, 20, 21, "CPU 0/TCG");
	CU_ASSERT_EQUAL(discover_start(rig.discover), 0);
	CU_ASSERT_TRUE(wait_until(&rig, has_one_vcpu));
	proc_tree_thread(rig.tree, 20, 22, "CPU 1/TCG");
	discover_poke(rig.discover, 20);
	CU_ASSERT_TRUE(wait_until(&rig, has_two_vcpus));
	discover_poke(rig.discover, 12345);
	add_qemu(&rig, 30, 7, "b", NULL);
	discover_poke(rig.discover, 0);
	CU_ASSERT_TRUE(wait_until(&rig, has_two_vms));
	proc_tree_remove(rig.tree, 20);
	proc_tree_remove(rig.tree, 30);
	discover_poke(rig.discover, 20);
	discover_poke(rig.discover, 30);
	CU_ASSERT_TRUE(wait_until(&rig, is_empty));
	discover_stop(rig.discover);
	discover_health(rig.discover, &health);
	CU_ASSERT_EQUAL(health.scans, 2);
	CU_ASSERT_TRUE(health.pokes >= 3);
	CU_ASSERT_EQUAL(rig.kernel.forgotten, 4);
	CU_ASSERT_EQUAL(slots_used(&rig.kernel), 0);
	rig_free(&rig);
}

static void test_no_root(void)
{
	struct provider p = {.n = 1};
	struct worker *worker;

	p.vms[0] = (struct kvmlens_vm){.id = "1", .name = "vm", .uuid = UUID, .pid = 5};
	worker = provider_start(&p);
	struct discover *d = discover_new(&(struct discover_config){
		.proc_root = "/nonexistent", .workers = &worker, .n_workers = 1});

	discover_scan(d);
	g_autoptr(inventory_t) i = discover_inventory(d);
	CU_ASSERT_EQUAL_FATAL(i->n_vms, 1);
	expect(&i->vms[0], "vm", UUID, 0);
	discover_free(d);
	worker_free(worker);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"proc alone", test_proc_alone},
		{"a fake takes nothing over", test_fake},
		{"a provider vouches", test_vouched},
		{"an ordinary owner's VMs", test_vm_share},
		{"an ordinary owner's threads", test_thread_share},
		{"only what a provider names", test_not_unnamed},
		{"kernel", test_kernel},
		{"kernel: shared files", test_kernel_shared_files},
		{"kernel cannot", test_kernel_cannot},
		{"vCPU comes and goes", test_hotplug},
		{"an inventory is immutable", test_immutable},
		{"zombie", test_zombie},
		{"process id used again", test_pid_reused},
		{"vhost kernel thread", test_vhost_kthread},
		{"no room for threads", test_no_room},
		{"merge", test_merge},
		{"merge: contradiction", test_merge_contradiction},
		{"same uuid", test_same_uuid},
		{"same name", test_same_name},
		{"two providers", test_two_providers},
		{"process ends, list stays", test_process_ends_list_stays},
		{"stale pid", test_stale_pid},
		{"labels change", test_labels_change},
		{"wedged process", test_wedged},
		{"pokes", test_pokes},
		{"no such root", test_no_root},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {{"discover", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	unsigned failed = 1;

	if (CU_initialize_registry() == CUE_SUCCESS && CU_register_suites(suites) == CUE_SUCCESS &&
	    CU_basic_run_tests() == CUE_SUCCESS)
		failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
