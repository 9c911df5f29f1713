// SPDX-License-Identifier: Apache-2.0
/* Talks with guest agents that do all that a guest can do, one at a time and many. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "guest/ga_pool.h"
#include "guest/ga_session.h"
#include "metric/model.h"
#include "unit/fake_agent.h"
#include "unit/suite.h"

#define ANSWER_MS 150u
#define ALL (GA_SYSTEM | GA_TASKS | GA_SPACE | GA_NICS)
#define MOST_KIB (48 * 1024) /* of memory that a fault may cost */

static struct ga_session *new_session(struct fake_agent *agent)
{
	const struct ga_target target = {.pid = 1};

	return ga_session_new(&fake_agent_ops, agent, &target, ANSWER_MS);
}

static void test_sound(void)
{
	struct fake_agent agent = {.ticks = 50};
	struct ga_session *s = new_session(&agent);
	g_autoptr(ga_result) result = NULL, more = NULL;
	char why[GA_WHY_LEN];
	int asked;

	CU_ASSERT_EQUAL_FATAL(ga_session_look(s, ALL, &result, why), 0);
	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(result->view);
	CU_ASSERT_EQUAL(result->view->n_cpus, 1);
	CU_ASSERT_EQUAL(result->view->system.total.user_ns, 500000000);
	CU_ASSERT_EQUAL(result->view->system.mem_total, 1000 * 1024);
	CU_ASSERT_EQUAL(result->view->system.swap_free, 4 * 1024);
	CU_ASSERT_EQUAL(result->view->system.major_faults, 3);
	CU_ASSERT_EQUAL(result->view->system.uptime_ns, 150500000000ull);
	CU_ASSERT_EQUAL(result->view->system.load[1], 250);
	CU_ASSERT_EQUAL_FATAL(result->view->n_tasks, 1);
	CU_ASSERT_EQUAL(result->view->tasks[0].open_files, 3);
	CU_ASSERT_EQUAL(result->view->tasks_left_out, 1);
	CU_ASSERT_EQUAL_FATAL(result->n_fs, 1);
	CU_ASSERT_EQUAL(result->fs[0].used, 250);
	CU_ASSERT_STRING_EQUAL(result->os, "X");
	/* Step, guest-info and what never changes are asked for once; only what is wanted is. */
	asked = agent.asked;
	CU_ASSERT_EQUAL(ga_session_look(s, GA_SPACE, &more, why), 0);
	CU_ASSERT_EQUAL(agent.asked,
			asked + 2); /* file systems, and the mounts that it cannot give */
	CU_ASSERT_EQUAL(agent.opens, 1);
	CU_ASSERT_PTR_NULL(more->view);
	CU_ASSERT_STRING_EQUAL(more->kernel, "6.1");
	ga_session_free(s);
}

/*
 * VmHWM is near, not exact: the kernel adds its counters up per CPU only now and then, so that
 * even a peak may seem to fall by some pages a CPU. MOST_KIB is far above that.
 */
static uint64_t peak_kib(void)
{
	g_autofree char *status = NULL;
	const char *at;

	g_file_get_contents("/proc/self/status", &status, NULL, NULL);
	at = status ? strstr(status, "VmHWM:") : NULL;
	return at ? g_ascii_strtoull(at + 6, NULL, 10) : 0;
}

/* The look fails within its time and its memory, and the next one is as good as ever. */
static void check_fault(enum fake_fault fault, int expected)
{
	struct fake_agent agent = {.fault = fault};
	struct ga_session *s = new_session(&agent);
	gint64 begun = g_get_monotonic_time();
	G_GNUC_UNUSED uint64_t peak = peak_kib();
	g_autoptr(ga_result) result = NULL;
	char why[GA_WHY_LEN];
	int r = ga_session_look(s, ALL, &result, why);

	if (r != expected)
		fprintf(stderr, "fault %d: %d (%s)\n", fault, r, why);
	CU_ASSERT_EQUAL(r, expected);
	CU_ASSERT_PTR_NULL(result);
	CU_ASSERT_TRUE(strlen(why) > 10);
	CU_ASSERT_TRUE(g_get_monotonic_time() - begun < 20 * G_USEC_PER_SEC);
	/* AddressSanitizer holds back what is freed: there the peak says nothing of the reader. */
#ifndef __SANITIZE_ADDRESS__
	CU_ASSERT_TRUE(peak_kib() < peak + MOST_KIB);
#endif
	g_atomic_int_set(&agent.fault, FAKE_SOUND);
	CU_ASSERT_EQUAL_FATAL(ga_session_look(s, ALL, &result, why), 0);
	CU_ASSERT_EQUAL(result->n_fs, 1);
	CU_ASSERT_STRING_EQUAL(result->fs[0].device, "vda1");
	CU_ASSERT_EQUAL(result->view->n_tasks, 1);
	CU_ASSERT_EQUAL(agent.opens, 2);
	/* What was open when the talk broke off has been closed in the next. */
	CU_ASSERT_EQUAL(g_atomic_int_get(&agent.files), 0);
	ga_session_free(s);
}

static void test_silent(void)
{
	check_fault(FAKE_SILENT, -ETIMEDOUT);
	check_fault(FAKE_STUCK, -ETIMEDOUT);
	check_fault(FAKE_UNREAD, -ETIMEDOUT);
}

static void test_garbage(void)
{
	check_fault(FAKE_GARBAGE, -EPROTO);
}

static void test_flood(void)
{
	check_fault(FAKE_FLOOD, -EMSGSIZE);
	check_fault(FAKE_BABBLE, -EMSGSIZE);
}

static void test_half(void)
{
	check_fault(FAKE_HALF, -ETIMEDOUT);
	check_fault(FAKE_HANGUP, -EPIPE);
}

static void test_late(void)
{
	check_fault(FAKE_LATE, -ETIMEDOUT);
}

static void test_deep(void)
{
	check_fault(FAKE_DEEP, -EMSGSIZE);
	check_fault(FAKE_WIDE, -EMSGSIZE);
}

/* A refusal costs what was refused, and is no reason to open the link anew. */
static void test_refused(void)
{
	struct fake_agent agent = {.fault = FAKE_REFUSES};
	struct ga_session *s = new_session(&agent);
	g_autoptr(ga_result) result = NULL;
	char why[GA_WHY_LEN];

	CU_ASSERT_EQUAL(ga_session_look(s, ALL, &result, why), -ENODATA);
	ga_session_free(s);
}

static void test_disabled(void)
{
	struct fake_agent agent = {.fault = FAKE_DISABLED};
	struct ga_session *s = new_session(&agent);
	g_autoptr(ga_result) result = NULL, more = NULL;
	char why[GA_WHY_LEN];
	int asked;

	CU_ASSERT_EQUAL_FATAL(ga_session_look(s, ALL, &result, why), 0);
	CU_ASSERT_EQUAL(result->n_fs, 1);
	CU_ASSERT_PTR_NULL(result->view);
	CU_ASSERT_PTR_NOT_NULL(strstr(result->note, "guest-exec"));
	/* One command is allowed: one is asked. */
	asked = agent.asked;
	CU_ASSERT_EQUAL(ga_session_look(s, ALL, &more, why), 0);
	CU_ASSERT_EQUAL(agent.asked, asked + 1);
	ga_session_free(s);
}

/* A command that does not end is never joined by another. */
static void test_endless(void)
{
	struct fake_agent agent = {.fault = FAKE_ENDLESS};
	struct ga_session *s = new_session(&agent);
	char why[GA_WHY_LEN];

	for (int i = 0; i < 3; i++) {
		g_autoptr(ga_result) result = NULL;

		CU_ASSERT_EQUAL_FATAL(ga_session_look(s, ALL, &result, why), 0);
		CU_ASSERT_TRUE(result->view->tasks_unknown);
		CU_ASSERT_EQUAL(result->view->system.mem_total, 1000 * 1024);
		CU_ASSERT_EQUAL(agent.starts, 1);
	}
	ga_session_free(s);
}

#define GUESTS 8 /* half of them are sound */

static void set_targets(struct ga_pool *pool)
{
	struct ga_target targets[GUESTS] = {0};

	for (int i = 0; i < GUESTS; i++) {
		targets[i].pid = i;
		targets[i].parts = GA_SPACE;
	}
	ga_pool_set(pool, targets, GUESTS);
}

static struct ga_state state_of(struct ga_pool *pool, pid_t pid)
{
	struct ga_state state;

	ga_result_unref(ga_pool_get(pool, pid, 0, &state));
	return state;
}

static bool wait_looks(struct ga_pool *pool, pid_t pid, uint64_t looks)
{
	for (int i = 0; i < 400; i++) {
		if (state_of(pool, pid).looks >= looks)
			return true;
		g_usleep(25000);
	}
	return false;
}

static struct ga_pool *new_pool(struct fake_agent *agents)
{
	struct ga_pool_options options = {
		.interval_ms = 20,
		.threads = 4,
		.answer_ms = ANSWER_MS,
		.ops = &fake_agents_ops,
		.arg = agents,
	};
	struct ga_pool *pool = ga_pool_new(&options);

	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	set_targets(pool);
	return pool;
}

/* Every fault at once: the sound ones are asked as often as ever. */
static void test_pool(void)
{
	struct fake_agent *agents = g_new0(struct fake_agent, GUESTS);
	static const enum fake_fault faults[] = {FAKE_SILENT, FAKE_GARBAGE, FAKE_FLOOD, FAKE_STUCK};
	struct ga_pool *pool = new_pool(agents);
	struct ga_state state;

	for (int i = 0; i < GUESTS; i++)
		CU_ASSERT_TRUE_FATAL(wait_looks(pool, i, 2));
	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++)
		g_atomic_int_set(&agents[i].fault, faults[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
		for (int n = 0; n < 400 && state_of(pool, i).up; n++)
			g_usleep(25000);
		CU_ASSERT_FALSE(state_of(pool, i).up);
	}
	for (int i = G_N_ELEMENTS(faults); i < GUESTS; i++) {
		state = state_of(pool, i);
		CU_ASSERT_TRUE(wait_looks(pool, i, state.looks + 20));
		CU_ASSERT_TRUE(state_of(pool, i).up);
		CU_ASSERT_EQUAL(state_of(pool, i).failures, 0);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
		state = state_of(pool, i);
		CU_ASSERT_FALSE(state.up);
		CU_ASSERT_TRUE(strlen(state.why) > 10);
		g_atomic_int_set(&agents[i].fault, FAKE_SOUND);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
		for (int n = 0; n < 800 && !state_of(pool, i).up; n++)
			g_usleep(25000);
		CU_ASSERT_TRUE(state_of(pool, i).up);
	}
	ga_pool_free(pool);
	g_free(agents);
}

#define SLOW 16
#define QUICK 4
#define INTERVAL_MS 1000
#define SLOW_MS 600u /* deadline of an answer */

/* The oldest that a result of the quick ones was, in so many ms. */
static uint64_t oldest_quick(struct ga_pool *pool, unsigned ms)
{
	gint64 until = g_get_monotonic_time() + ms * G_GINT64_CONSTANT(1000);
	uint64_t oldest = 0;

	while (g_get_monotonic_time() < until) {
		for (pid_t pid = SLOW; pid < SLOW + QUICK; pid++) {
			struct ga_state state;
			g_autoptr(ga_result) result = ga_pool_get(pool, pid, 0, &state);
			uint64_t now = g_get_monotonic_time() * 1000;

			CU_ASSERT_PTR_NOT_NULL_FATAL(result);
			CU_ASSERT_EQUAL(state.failures, 0);
			oldest = MAX(oldest, now - result->mono_ns);
		}
		g_usleep(5000);
	}
	return oldest / 1000000;
}

static void set_slow(struct ga_pool *pool)
{
	struct ga_target targets[SLOW + QUICK] = {0};

	for (int i = 0; i < SLOW + QUICK; i++) {
		targets[i].pid = i;
		targets[i].parts = GA_SPACE | GA_NICS; /* two requests */
	}
	ga_pool_set(pool, targets, SLOW + QUICK);
}

/*
 * Sixteen guests begin to answer each request just before the deadline, 2.8 s of 3 s: they are late
 * themselves, the others at most by an interval, and they are as ever once they answer at once.
 */
static void test_slow(void)
{
	struct fake_agent *agents = g_new0(struct fake_agent, SLOW + QUICK);
	struct ga_pool_options options = {
		.interval_ms = INTERVAL_MS,
		.threads = 4,
		.answer_ms = SLOW_MS,
		.ops = &fake_agents_ops,
		.arg = agents,
	};
	struct ga_pool *pool = ga_pool_new(&options);
	uint64_t before, during;
	unsigned slow = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	set_slow(pool);
	for (int i = 0; i < SLOW + QUICK; i++)
		CU_ASSERT_TRUE_FATAL(wait_looks(pool, i, 1));
	before = oldest_quick(pool, 2 * INTERVAL_MS);
	for (int i = 0; i < SLOW; i++)
		g_atomic_int_set(&agents[i].delay_ms, SLOW_MS * 28 / 30);
	during = oldest_quick(pool, 6 * INTERVAL_MS);
	printf(" (age %u ms, beside slow ones %u ms) ", (unsigned)before, (unsigned)during);
	CU_ASSERT_TRUE(during <= before + INTERVAL_MS);
	for (int i = 0; i < SLOW; i++) {
		slow += state_of(pool, i).slow;
	}
	CU_ASSERT_EQUAL(slow, SLOW);
	for (int i = 0; i < SLOW; i++)
		g_atomic_int_set(&agents[i].delay_ms, 0);
	for (int i = 0; i < SLOW; i++) {
		for (int n = 0; n < 1600 && state_of(pool, i).slow; n++)
			g_usleep(25000);
		CU_ASSERT_FALSE(state_of(pool, i).slow);
		CU_ASSERT_TRUE(state_of(pool, i).up);
	}
	ga_pool_free(pool);
	g_free(agents);
}

/* What was said last stays, with its age, and goes with the guest. */
static void test_stale(void)
{
	struct fake_agent *agents = g_new0(struct fake_agent, GUESTS);
	struct ga_pool *pool = new_pool(agents);
	g_autoptr(ga_result) before = NULL, after = NULL;
	struct ga_state state;

	CU_ASSERT_TRUE_FATAL(wait_looks(pool, 0, 1));
	g_atomic_int_set(&agents[0].fault, FAKE_STUCK);
	for (int n = 0; n < 400 && state_of(pool, 0).up; n++)
		g_usleep(25000);
	before = ga_pool_get(pool, 0, 0, &state);
	g_usleep(100000);
	after = ga_pool_get(pool, 0, 0, &state);
	CU_ASSERT_PTR_NOT_NULL_FATAL(after);
	CU_ASSERT_PTR_EQUAL(before, after);
	CU_ASSERT_FALSE(state.up);
	ga_pool_set(pool, NULL, 0);
	CU_ASSERT_PTR_NULL(ga_pool_get(pool, 0, 0, &state));
	CU_ASSERT_FALSE(state.known);
	ga_pool_free(pool);
	g_free(agents);
}

/* A link that hangs in a call of its own. */
struct hanging {
	gint release, calls;
};

static int hang(void *arg, const struct ga_target *target, unsigned deadline_ms, void **ret_ctx,
		char *why)
{
	struct hanging *h = arg;

	g_atomic_int_inc(&h->calls);
	while (target->pid < 3 && !g_atomic_int_get(&h->release))
		g_usleep(10000);
	g_strlcpy(why, "hangs no more", GA_WHY_LEN);
	return -EIO;
}

/* Threads that hang are replaced, and what they hold is freed when they return. */
static void test_hung(void)
{
	static const struct ga_link_ops ops = {.name = "hang", .open = hang};
	struct hanging h = {0};
	struct ga_pool_options options = {
		.interval_ms = 20, .threads = 2, .overrun_ms = 100, .ops = &ops, .arg = &h};
	struct ga_pool *pool = ga_pool_new(&options);

	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	for (int n = 0; n < 400 && (ga_pool_hung(pool) < 3 || state_of(pool, 5).looks < 3); n++) {
		set_targets(pool);
		g_usleep(25000);
	}
	CU_ASSERT_TRUE(ga_pool_hung(pool) >= 3);
	CU_ASSERT_TRUE(state_of(pool, 5).looks >= 3);
	CU_ASSERT_STRING_EQUAL(state_of(pool, 0).why, "a call to the agent hangs");
	g_atomic_int_set(&h.release, 1);
	for (int n = 0; n < 400 && ga_pool_hung(pool); n++)
		g_usleep(25000);
	CU_ASSERT_EQUAL(ga_pool_hung(pool), 0);
	ga_pool_free(pool);
}

static gint under_way, most_under_way;

static int count_open(void *arg, const struct ga_target *target, unsigned deadline_ms,
		      void **ret_ctx, char *why)
{
	if (target->owner.ordinary) {
		gint n = g_atomic_int_add(&under_way, 1) + 1;

		if (n > g_atomic_int_get(&most_under_way))
			g_atomic_int_set(&most_under_way, n);
		g_usleep(20000);
		g_atomic_int_add(&under_way, -1);
	}
	g_strlcpy(why, "there is no agent", GA_WHY_LEN);
	return target->owner.ordinary ? -EXDEV : -ENOENT;
}

/* Eight guests of an ordinary user: one look at a time, and what they are refused is counted. */
static void test_share(void)
{
	static const struct ga_link_ops ops = {.name = "count", .open = count_open};
	struct refusals *refusals = refusals_new(&(struct config_owner_limits){.lookups = 1});
	struct ga_pool_options options = {
		.interval_ms = 20, .threads = 4, .ops = &ops, .refusals = refusals};
	struct ga_pool *pool = ga_pool_new(&options);
	struct ga_target targets[9] = {0};
	struct refusal refusal = {0};

	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	for (int i = 0; i < 9; i++) {
		targets[i].pid = i + 1;
		targets[i].parts = GA_SPACE;
		targets[i].owner.ordinary = i < 8;
		g_strlcpy(targets[i].owner.name, i < 8 ? "ann" : "root", OWNER_NAME_MAX);
	}
	ga_pool_set(pool, targets, G_N_ELEMENTS(targets));
	for (int i = 0; i < 9; i++)
		CU_ASSERT_TRUE(wait_looks(pool, i + 1, 1));
	CU_ASSERT_EQUAL(g_atomic_int_get(&most_under_way), 1);
	CU_ASSERT_TRUE(refusals_next_unnamed(refusals, &refusal));
	CU_ASSERT_EQUAL(refusal.reason, REFUSAL_SOCKET);
	CU_ASSERT_STRING_EQUAL(refusal.owner, "ann");
	CU_ASSERT_TRUE(refusal.count >= 8);
	CU_ASSERT_FALSE(refusals_next_unnamed(refusals, &refusal));
	ga_pool_free(pool);
	refusals_free(refusals);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a sound agent", test_sound},
		{"silence", test_silent},
		{"garbage", test_garbage},
		{"100 MB", test_flood},
		{"half a reply", test_half},
		{"a late reply", test_late},
		{"deep and wide", test_deep},
		{"refusals", test_refused},
		{"commands that are disabled", test_disabled},
		{"a command without an end", test_endless},
		{"many guests, half of them bad", test_pool},
		{"sixteen slow guests", test_slow},
		{"an ordinary owner's guests", test_share},
		{"what is said no more", test_stale},
		{"threads that hang", test_hung},
		CU_TEST_INFO_NULL,
	};

	return suite_run("guest agent: talks", tests);
}
