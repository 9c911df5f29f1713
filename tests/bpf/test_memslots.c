// SPDX-License-Identifier: Apache-2.0
/* The map of a guest's RAM as KVM has it, of a VM whose memory slots this test itself sets. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guest/slots.h"
#include "probe/probe.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define MANY 200
#define CHURN 400

static struct probe *probe;
static int vm = -1;
static char *memory; /* what the slots show */
static size_t memory_size = 64 * MIB;
static gint stop;

static int set_slot(uint32_t id, uint64_t gpa, uint64_t size, uint64_t offset, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = id,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory + offset,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static int scan(struct guest_ram *ret_ram)
{
	g_autoptr(GArray) slots = g_array_new(FALSE, FALSE, sizeof(struct kvm_slot));
	bool hidden = true;
	int r = probe_scan_memslots(probe, slots);

	if (!r)
		r = guest_slots_ram((void *)slots->data, slots->len, getpid(), ret_ram, &hidden);
	if (!r)
		CU_ASSERT_FALSE(hidden);
	return r;
}

static void check_segment(const struct guest_ram *ram, unsigned i, uint64_t gpa, uint64_t size,
			  uint64_t offset)
{
	CU_ASSERT_EQUAL(ram->seg[i].gpa, gpa);
	CU_ASSERT_EQUAL(ram->seg[i].size, size);
	CU_ASSERT_EQUAL(ram->seg[i].hva, (uintptr_t)memory + offset);
}

static void test_none(void)
{
	struct guest_ram ram;

	CU_ASSERT_EQUAL(scan(&ram), -ENOENT);
}

/* As a PC has it: low memory in pieces, firmware, memory behind the hole, a second node. */
static void test_pc(void)
{
	struct guest_ram ram = {0};

	CU_ASSERT_EQUAL(set_slot(0, 0, 640 << 10, 0, 0), 0);
	CU_ASSERT_EQUAL(set_slot(3, 640 << 10, MIB - (640 << 10), 640 << 10, 0), 0);
	CU_ASSERT_EQUAL(set_slot(1, MIB, 7 * MIB, 2 * MIB, 0), 0);
	CU_ASSERT_EQUAL(set_slot(9, 4 * GIB - MIB, MIB, 32 * MIB, KVM_MEM_READONLY), 0);
	CU_ASSERT_EQUAL(set_slot(200, 4 * GIB, 8 * MIB, 9 * MIB, 0), 0);
	CU_ASSERT_EQUAL(set_slot(7, 64 * GIB, 4 * MIB, 40 * MIB, 0), 0);
	CU_ASSERT_EQUAL_FATAL(scan(&ram), 0);
	CU_ASSERT_EQUAL_FATAL(ram.n, 4);
	check_segment(&ram, 0, 0, MIB, 0);
	check_segment(&ram, 1, MIB, 7 * MIB, 2 * MIB);
	check_segment(&ram, 2, 4 * GIB, 8 * MIB, 9 * MIB);
	check_segment(&ram, 3, 64 * GIB, 4 * MIB, 40 * MIB);
}

/* Memory is plugged and unplugged. */
static void test_hotplug(void)
{
	struct guest_ram ram = {0};

	CU_ASSERT_EQUAL(set_slot(11, 128 * GIB, 2 * MIB, 48 * MIB, 0), 0);
	CU_ASSERT_EQUAL_FATAL(scan(&ram), 0);
	CU_ASSERT_EQUAL_FATAL(ram.n, 5);
	check_segment(&ram, 4, 128 * GIB, 2 * MIB, 48 * MIB);
	CU_ASSERT_EQUAL(set_slot(11, 128 * GIB, 0, 48 * MIB, 0), 0);
	CU_ASSERT_EQUAL(set_slot(7, 64 * GIB, 0, 40 * MIB, 0), 0);
	CU_ASSERT_EQUAL_FATAL(scan(&ram), 0);
	CU_ASSERT_EQUAL(ram.n, 3);
}

/* Many slots fill the kernel's hash: none is missed. */
static void test_many(void)
{
	struct guest_ram ram = {0};

	for (unsigned i = 0; i < MANY; i++)
		CU_ASSERT_EQUAL(
			set_slot(300 + i, 256 * GIB + i * 4096, 4096, 50 * MIB + i * 4096, 0), 0);
	CU_ASSERT_EQUAL_FATAL(scan(&ram), 0);
	CU_ASSERT_EQUAL_FATAL(ram.n, 4);
	check_segment(&ram, 3, 256 * GIB, MANY * 4096, 50 * MIB);
	for (unsigned i = 0; i < MANY; i++)
		CU_ASSERT_EQUAL(set_slot(300 + i, 256 * GIB + i * 4096, 0, 50 * MIB + i * 4096, 0),
				0);
}

static gpointer churn(gpointer data)
{
	while (!g_atomic_int_get(&stop)) {
		set_slot(11, 128 * GIB, 2 * MIB, 48 * MIB, 0);
		set_slot(11, 128 * GIB, 0, 48 * MIB, 0);
	}
	return NULL;
}

/* Slots that change all the while: a scan says so, or is right. */
static void test_churn(void)
{
	GThread *thread = g_thread_new("churn", churn, NULL);
	unsigned good = 0, torn = 0;

	for (unsigned i = 0; i < CHURN; i++) {
		struct guest_ram ram = {0};
		int r = scan(&ram);

		CU_ASSERT_TRUE(r == 0 || r == -EAGAIN);
		torn += r == -EAGAIN;
		if (r)
			continue;
		good++;
		CU_ASSERT_TRUE(ram.n == 3 || ram.n == 4);
		check_segment(&ram, 2, 4 * GIB, 8 * MIB, 9 * MIB);
		if (ram.n == 4)
			check_segment(&ram, 3, 128 * GIB, 2 * MIB, 48 * MIB);
	}
	g_atomic_int_set(&stop, 1);
	g_thread_join(thread);
	printf("\n    %u scans right, %u torn ", good, torn);
	CU_ASSERT_TRUE(good > 0);
}

static int skip(const char *why)
{
	puts(why);
	return 77;
}

int main(void)
{
	struct probe_options options = {
		.max_threads = 64, .level = KVMLENS_BASIC, .memslots = true};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	const struct feature *feature;
	CU_pSuite suite;
	unsigned failed;

	if (geteuid())
		return skip("needs root");
	vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return skip("no VM can be made through /dev/kvm");
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED || probe_open(&options, &probe))
		return 1;
	feature = &probe_features(probe)->f[FEATURE_KVM_SLOTS];
	if (feature->state != FEATURE_YES) {
		printf("no memory slots: %s\n", feature->why);
		probe_close(probe, false);
		return 1;
	}
	CU_initialize_registry();
	suite = CU_add_suite("memslots", NULL, NULL);
	CU_add_test(suite, "no slots", test_none);
	CU_add_test(suite, "a PC's memory", test_pc);
	CU_add_test(suite, "memory plugged and unplugged", test_hotplug);
	CU_add_test(suite, "many slots", test_many);
	CU_add_test(suite, "slots that change meanwhile", test_churn);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	probe_close(probe, false);
	return failed != 0;
}
