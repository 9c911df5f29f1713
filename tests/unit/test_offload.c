// SPDX-License-Identifier: Apache-2.0
/* Calls that hang: the caller goes on, the thread is parked, nothing is lost or freed early. */
#include <errno.h>
#include <glib.h>
#include <CUnit/Basic.h>
#include "util/offload.h"

/* Waits until its gate is opened. */
struct gate {
	GMutex lock;
	GCond cond;
	bool open;
	int waiting, freed;
};

struct call {
	struct offload_job base;
	struct gate *gate; /* NULL: returns at once */
	int answer;
	GThread *thread;
};

static void call_run(struct offload_job *base)
{
	struct call *call = (struct call *)base;

	call->thread = g_thread_self();
	if (call->gate) {
		g_mutex_lock(&call->gate->lock);
		call->gate->waiting++;
		while (!call->gate->open)
			g_cond_wait(&call->gate->cond, &call->gate->lock);
		g_mutex_unlock(&call->gate->lock);
	}
	call->answer = 42;
}

static void call_free(struct offload_job *base)
{
	struct call *call = (struct call *)base;

	if (call->gate) {
		g_mutex_lock(&call->gate->lock);
		call->gate->freed++;
		g_cond_broadcast(&call->gate->cond);
		g_mutex_unlock(&call->gate->lock);
	}
	g_free(call);
}

static struct call *call_new(struct gate *gate)
{
	struct call *call = g_new0(struct call, 1);

	offload_job_init(&call->base, call_run, call_free);
	call->gate = gate;
	return call;
}

static void gate_open(struct gate *gate)
{
	g_mutex_lock(&gate->lock);
	gate->open = true;
	g_cond_broadcast(&gate->cond);
	g_mutex_unlock(&gate->lock);
}

static void gate_wait_freed(struct gate *gate, int freed)
{
	g_mutex_lock(&gate->lock);
	while (gate->freed < freed)
		g_cond_wait(&gate->cond, &gate->lock);
	g_mutex_unlock(&gate->lock);
}

static void test_answers(void)
{
	struct offload *offload = offload_new("t", 1);
	struct call *a = call_new(NULL), *b = call_new(NULL);

	CU_ASSERT_EQUAL(offload_run(offload, &a->base, 10000), 0);
	CU_ASSERT_TRUE(offload_job_done(&a->base));
	CU_ASSERT_EQUAL(a->answer, 42);
	CU_ASSERT_EQUAL(offload_run(offload, &b->base, 10000), 0);
	/* One thread serves one call after the other. */
	CU_ASSERT_PTR_EQUAL(a->thread, b->thread);
	CU_ASSERT_PTR_NOT_EQUAL(a->thread, g_thread_self());
	CU_ASSERT_EQUAL(offload_parked(offload), 0);
	offload_job_unref(&a->base);
	offload_job_unref(&b->base);
	offload_free(offload);
}

static void test_parks(void)
{
	struct offload *offload = offload_new("t", 2);
	struct gate gate = {0};
	struct call *hung[3] = {call_new(&gate), call_new(&gate), call_new(&gate)};
	struct call *fine = call_new(NULL);

	CU_ASSERT_EQUAL(offload_run(offload, &hung[0]->base, 20), -ETIMEDOUT);
	CU_ASSERT_FALSE(offload_job_done(&hung[0]->base));
	CU_ASSERT_EQUAL(offload_parked(offload), 1);
	CU_ASSERT_EQUAL(offload_run(offload, &fine->base, 10000), 0);
	CU_ASSERT_EQUAL(fine->answer, 42);
	CU_ASSERT_EQUAL(offload_run(offload, &hung[1]->base, 20), -ETIMEDOUT);
	CU_ASSERT_EQUAL(offload_parked(offload), 2);
	CU_ASSERT_EQUAL(offload_run(offload, &hung[2]->base, 20), -EBUSY);
	CU_ASSERT_EQUAL(offload_run(offload, &fine->base, 10000), -EBUSY);
	gate_open(&gate);
	for (int i = 0; i < 10000 && offload_parked(offload); i++)
		g_usleep(1000);
	CU_ASSERT_EQUAL(offload_parked(offload), 0);
	CU_ASSERT_TRUE(offload_job_done(&hung[0]->base));
	CU_ASSERT_EQUAL(hung[0]->answer, 42);
	CU_ASSERT_EQUAL(offload_run(offload, &hung[2]->base, 10000), 0);
	for (int i = 0; i < 3; i++)
		offload_job_unref(&hung[i]->base);
	offload_job_unref(&fine->base);
	offload_free(offload);
	gate_wait_freed(&gate, 3);
}

/* The call returns long after everybody has lost interest. */
static void test_outlives(void)
{
	struct offload *offload = offload_new("t", 2);
	struct gate gate = {0};
	struct call *call = call_new(&gate);

	CU_ASSERT_EQUAL(offload_run(offload, &call->base, 20), -ETIMEDOUT);
	offload_job_unref(&call->base);
	offload_free(offload);
	CU_ASSERT_EQUAL(gate.freed, 0);
	gate_open(&gate);
	gate_wait_freed(&gate, 1);
	CU_ASSERT_EQUAL(gate.waiting, 1);
	/* The detached thread lets go of its own record a moment later. */
	g_usleep(20000);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"answers", test_answers},
		{"parks what hangs", test_parks},
		{"outlives its maker", test_outlives},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {{"offload", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	unsigned failed = 1;

	if (CU_initialize_registry() == CUE_SUCCESS && CU_register_suites(suites) == CUE_SUCCESS &&
	    CU_basic_run_tests() == CUE_SUCCESS)
		failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
