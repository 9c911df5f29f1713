// SPDX-License-Identifier: Apache-2.0
/* The table of thread records: chains, retirement, reuse, adoption; and torn reads. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include "probe/threads.h"
#include "unit/suite.h"

#define N 32

struct fixture {
	uint16_t *pids;
	struct sched_thread *records;
	struct threads *threads;
};

static struct fixture open_fixture(void)
{
	struct fixture f = {.pids = g_new0(uint16_t, SCHED_PID_SLOTS),
			    .records = g_new0(struct sched_thread, N)};

	f.threads = threads_new(f.pids, f.records, N);
	return f;
}

static void close_fixture(struct fixture *f)
{
	threads_free(f->threads);
	g_free(f->records);
	g_free(f->pids);
}

static int add(struct fixture *f, uint32_t tid, uint32_t tgid)
{
	int is_new;

	return threads_add(f->threads, tid, tgid, SCHED_ROLE_VCPU, 0, &is_new);
}

/* The kernel side's way to a record, written once more. */
static struct sched_thread *kernel_find(struct fixture *f, uint32_t tid)
{
	uint16_t slot = f->pids[tid % SCHED_PID_SLOTS];
	int i;

	for (i = 0; slot && i < SCHED_CHAIN_MAX; i++, slot = f->records[slot].next)
		if (f->records[slot].tid == tid)
			return &f->records[slot];
	return NULL;
}

static void test_chain(void)
{
	struct fixture f = open_fixture();
	int slots[SCHED_CHAIN_MAX], i;

	for (i = 0; i < SCHED_CHAIN_MAX; i++) {
		slots[i] = add(&f, 7 + i * SCHED_PID_SLOTS, 100);
		CU_ASSERT_TRUE(slots[i] > 0);
	}
	CU_ASSERT_EQUAL(add(&f, 7 + i * SCHED_PID_SLOTS, 100), -ENOSPC);
	for (i = 0; i < SCHED_CHAIN_MAX; i++)
		CU_ASSERT_PTR_EQUAL(kernel_find(&f, 7 + i * SCHED_PID_SLOTS), &f.records[slots[i]]);
	threads_remove(f.threads, slots[3], 0);
	CU_ASSERT_PTR_NULL(kernel_find(&f, 7 + 3 * SCHED_PID_SLOTS));
	for (i = 0; i < SCHED_CHAIN_MAX; i++)
		if (i != 3)
			CU_ASSERT_PTR_NOT_NULL(kernel_find(&f, 7 + i * SCHED_PID_SLOTS));
	close_fixture(&f);
}

static void test_add_again(void)
{
	struct fixture f = open_fixture();
	int is_new, slot = add(&f, 5, 5);

	f.records[slot].run_ns = 42;
	CU_ASSERT_EQUAL(threads_add(f.threads, 5, 5, SCHED_ROLE_IOTHREAD, 0, &is_new), slot);
	CU_ASSERT_FALSE(is_new);
	CU_ASSERT_EQUAL(f.records[slot].run_ns, 42);
	CU_ASSERT_EQUAL(f.records[slot].role, SCHED_ROLE_IOTHREAD);
	/* The number went to a thread of another process: nothing of the old one remains. */
	slot = threads_add(f.threads, 5, 6, SCHED_ROLE_VCPU, 0, &is_new);
	CU_ASSERT_TRUE(is_new);
	CU_ASSERT_EQUAL(f.records[slot].run_ns, 0);
	close_fixture(&f);
}

static void leave(struct fixture *f, uint32_t tid, uint64_t run)
{
	int slot = add(f, tid, 100);

	f->records[slot].run_ns = run;
	f->records[slot].wake_hist[3] = 1;
	threads_remove(f->threads, slot, 1);
}

static void test_retire(void)
{
	struct fixture f = open_fixture();
	struct sched_thread sum;
	uint16_t slot;

	CU_ASSERT_EQUAL(threads_retired(f.threads, 100, SCHED_ROLE_VCPU), 0);
	leave(&f, 11, 1000);
	leave(&f, 12, 20);
	leave(&f, 13, 3);
	slot = threads_retired(f.threads, 100, SCHED_ROLE_VCPU);
	CU_ASSERT_EQUAL_FATAL(threads_read(f.threads, slot, &sum), 0);
	CU_ASSERT_EQUAL(sum.run_ns, 1023);
	CU_ASSERT_EQUAL(sum.wake_hist[3], 3);
	CU_ASSERT_EQUAL(threads_retired(f.threads, 100, SCHED_ROLE_IOTHREAD), 0);
	CU_ASSERT_EQUAL(threads_used(f.threads), 1);
	threads_forget(f.threads, 100);
	CU_ASSERT_EQUAL(threads_used(f.threads), 0);
	CU_ASSERT_EQUAL(threads_read(f.threads, slot, &sum), -ESTALE);
	close_fixture(&f);
}

/* A slot is not handed out again while a program may still hold its record. */
static void test_settle(void)
{
	struct fixture f = open_fixture();
	int i;

	for (i = 1; i < N; i++)
		CU_ASSERT_TRUE(add(&f, i, 1) > 0);
	CU_ASSERT_EQUAL(add(&f, 1000, 1), -ENOSPC);
	threads_remove(f.threads, 4, 0);
	CU_ASSERT_EQUAL(add(&f, 1000, 1), -ENOSPC);
	threads_settle(f.threads);
	CU_ASSERT_EQUAL(add(&f, 1000, 1), -ENOSPC);
	threads_settle(f.threads);
	CU_ASSERT_EQUAL(add(&f, 1000, 1), 4);
	close_fixture(&f);
}

/* After a crash a new table over the same memory knows what the old one knew. */
static void test_adopt(void)
{
	struct fixture f = open_fixture();
	int slot = add(&f, 21, 20), is_new;

	f.records[slot].run_ns = 5;
	leave(&f, 22, 9);
	threads_free(f.threads);
	f.threads = threads_new(f.pids, f.records, N);
	CU_ASSERT_EQUAL(threads_used(f.threads), 2);
	CU_ASSERT_EQUAL(threads_add(f.threads, 21, 20, SCHED_ROLE_VCPU, 0, &is_new), slot);
	CU_ASSERT_FALSE(is_new);
	CU_ASSERT_NOT_EQUAL(threads_retired(f.threads, 100, SCHED_ROLE_VCPU), 0);
	f.records[slot].flags |= SCHED_F_EXITED;
	CU_ASSERT_NOT_EQUAL(threads_add(f.threads, 21, 20, SCHED_ROLE_VCPU, 0, &is_new), slot);
	CU_ASSERT_TRUE(is_new);
	close_fixture(&f);
}

static void test_torn(void)
{
	struct fixture f = open_fixture();
	struct sched_thread record;
	int slot = add(&f, 21, 20);

	f.records[slot].seq = 1;
	CU_ASSERT_EQUAL(threads_read(f.threads, slot, &record), -EAGAIN);
	f.records[slot].seq = 2;
	CU_ASSERT_EQUAL(threads_read(f.threads, slot, &record), 0);
	CU_ASSERT_EQUAL(threads_read(f.threads, 0, &record), -ESTALE);
	CU_ASSERT_EQUAL(threads_read(f.threads, N, &record), -ESTALE);
	close_fixture(&f);
}

/* Against a plain list, over many random steps. */
static void test_random(void)
{
	struct fixture f = open_fixture();
	g_autoptr(GHashTable) model = g_hash_table_new(NULL, NULL);
	GHashTableIter iter;
	gpointer tid, slot;
	int i, got;

	srand(1);
	for (i = 0; i < 20000; i++) {
		uint32_t t = 1 + rand() % 40 + (rand() % 3) * SCHED_PID_SLOTS;

		slot = g_hash_table_lookup(model, GUINT_TO_POINTER(t));
		if (slot) {
			threads_remove(f.threads, GPOINTER_TO_UINT(slot), 0);
			g_hash_table_remove(model, GUINT_TO_POINTER(t));
		} else {
			got = add(&f, t, 1);
			if (got > 0)
				g_hash_table_insert(model, GUINT_TO_POINTER(t),
						    GINT_TO_POINTER(got));
		}
		threads_settle(f.threads);
		g_hash_table_iter_init(&iter, model);
		while (g_hash_table_iter_next(&iter, &tid, &slot))
			CU_ASSERT_PTR_EQUAL(kernel_find(&f, GPOINTER_TO_UINT(tid)),
					    &f.records[GPOINTER_TO_UINT(slot)]);
		CU_ASSERT_EQUAL(threads_used(f.threads), g_hash_table_size(model));
	}
	close_fixture(&f);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"hash chains", test_chain},	  {"adding again", test_add_again},
		{"retired records", test_retire}, {"slots settle", test_settle},
		{"adoption", test_adopt},	  {"torn reads", test_torn},
		{"random steps", test_random},	  CU_TEST_INFO_NULL,
	};

	return suite_run("threads", tests);
}
