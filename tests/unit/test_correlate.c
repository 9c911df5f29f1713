/* SPDX-License-Identifier: Apache-2.0 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "analytics/correlate.h"
#include "analytics/crossvm.h"
#include "bench_data.h"

#define N 360 /* an hour at 10 s */
#define DRIFT 60
#define VMS 12

static struct noise noise = {.state = 9};

/* A load that is on for a few minutes now and then. */
static void bursts(double *ret_load, double on)
{
	double level = 0;

	for (unsigned i = 0; i < N; i++) {
		if (noise_uniform(&noise) < 0.06)
			level = level > 0 ? 0 : on;
		ret_load[i] = level + 4 * noise_gauss(&noise);
	}
}

/* Wanders slowly, as most host metrics do. */
static void wander(double *ret_value)
{
	double x = 0;

	for (unsigned i = 0; i < N; i++)
		ret_value[i] = x = 0.95 * x + noise_gauss(&noise);
}

/* The device's utilisation comes 3 samples before the guest's latency; 40 others wander. */
static void test_disk_bottleneck(void)
{
	double host[41][N], latency[N];
	struct ranks candidates[41], target;
	struct correlation best[5];
	size_t n;

	for (unsigned i = 0; i < 40; i++)
		wander(host[i]);
	bursts(host[40], 90);
	for (unsigned i = 0; i < N; i++)
		latency[i] =
			1 + exp(0.02 * (i < 3 ? 0 : host[40][i - 3]) + 0.4 * noise_gauss(&noise));
	latency[50] = 5000;
	latency[60] = NAN;
	for (unsigned i = 0; i < 41; i++)
		CU_ASSERT_EQUAL(ranks_init(&candidates[i], host[i], N, DRIFT), 0);
	CU_ASSERT_EQUAL(ranks_init(&target, latency, N, DRIFT), 0);
	n = correlate_rank(&target, candidates, 41, 12, false, best, 5);
	CU_ASSERT(n >= 1);
	CU_ASSERT_EQUAL(best[0].candidate, 40);
	CU_ASSERT_EQUAL(best[0].lag, 3);
	CU_ASSERT(best[0].rho > 0.5);
	for (unsigned i = 0; i < 41; i++)
		ranks_clear(&candidates[i]);
	ranks_clear(&target);
}

/* Series that have nothing to do with each other are seldom related, however they wander. */
static void test_unrelated(void)
{
	double host[30][N], latency[N];
	struct ranks candidates[30], target;
	unsigned found = 0;

	for (unsigned k = 0; k < 50; k++) {
		struct correlation best[5];

		wander(latency);
		CU_ASSERT_EQUAL(ranks_init(&target, latency, N, DRIFT), 0);
		for (unsigned i = 0; i < 30; i++) {
			wander(host[i]);
			CU_ASSERT_EQUAL(ranks_init(&candidates[i], host[i], N, DRIFT), 0);
		}
		found += correlate_rank(&target, candidates, 30, 6, false, best, 5) > 0;
		for (unsigned i = 0; i < 30; i++)
			ranks_clear(&candidates[i]);
		ranks_clear(&target);
	}
	printf(" [%u of 50 runs with 30 candidates] ", found);
	CU_ASSERT(found <= 3);
}

static void test_edges(void)
{
	double y[N], z[N];
	struct ranks a, b;

	for (unsigned i = 0; i < N; i++) {
		y[i] = 5;
		z[i] = i;
	}
	CU_ASSERT_EQUAL(ranks_init(&a, y, CORRELATE_MIN - 1, 0), -EINVAL);
	CU_ASSERT_EQUAL(ranks_init(&a, y, N, 0), 0);
	CU_ASSERT_EQUAL(ranks_init(&b, z, N, 0), 0);
	CU_ASSERT_EQUAL(correlate(&a, &b, 5).p, 1);
	CU_ASSERT_EQUAL(correlate(&b, &a, 5).rho, 0);
	CU_ASSERT_DOUBLE_EQUAL(correlate(&b, &b, 0).rho, 1, 1e-9);
	ranks_clear(&a);
	ranks_clear(&b);
	for (unsigned i = 0; i < N; i++)
		y[i] = NAN;
	CU_ASSERT_EQUAL(ranks_init(&a, y, N, 0), -EINVAL);
}

/*
 * Twelve VMs: 3 bursts and 7 suffers from it; 0, 1 and 2 serve the same front end; 4 and 5
 * take turns; the rest has nothing to do with anybody.
 */
struct scene {
	double load[VMS][N], ready[N];
	struct ranks ranks[VMS], suffering;
};

static void scene_init(struct scene *s)
{
	double front[N], turn[N];

	bursts(front, 60);
	bursts(turn, 60);
	for (unsigned v = 0; v < VMS; v++)
		bursts(s->load[v], 50);
	for (unsigned i = 0; i < N; i++) {
		for (unsigned v = 0; v < 3; v++)
			s->load[v][i] = 20 + front[i] + 3 * noise_gauss(&noise);
		s->load[4][i] = 80 - turn[i] + 2 * noise_gauss(&noise);
		s->load[5][i] = 10 + turn[i] + 2 * noise_gauss(&noise);
		s->ready[i] = fmax(0, 0.4 * s->load[3][i] + 3 * noise_gauss(&noise));
	}
	for (unsigned v = 0; v < VMS; v++)
		CU_ASSERT_EQUAL(ranks_init(&s->ranks[v], s->load[v], N, 0), 0);
	CU_ASSERT_EQUAL(ranks_init(&s->suffering, s->ready, N, 0), 0);
}

static void scene_clear(struct scene *s)
{
	for (unsigned v = 0; v < VMS; v++)
		ranks_clear(&s->ranks[v]);
	ranks_clear(&s->suffering);
}

static void test_noisy_neighbour(void)
{
	struct crossvm_culprit culprit[3];
	double share[VMS];
	struct scene s;

	scene_init(&s);
	CU_ASSERT(crossvm_culprits(&s.suffering, 7, s.ranks, NULL, VMS, culprit, 3) >= 1);
	CU_ASSERT_EQUAL(culprit[0].vm, 3);
	CU_ASSERT(culprit[0].rho > 0.7);
	/* Where blame is known it leads; the victim is never its own culprit. */
	for (unsigned v = 0; v < VMS; v++)
		share[v] = v == 9 ? 0.9 : v == 7 ? 1 : 0;
	CU_ASSERT(crossvm_culprits(&s.suffering, 7, s.ranks, share, VMS, culprit, 3) >= 2);
	CU_ASSERT_EQUAL(culprit[0].vm, 9);
	CU_ASSERT_EQUAL(culprit[1].vm, 3);
	scene_clear(&s);
}

static void test_groups(void)
{
	size_t group[VMS];
	struct scene s;
	GArray *pairs;

	scene_init(&s);
	pairs = crossvm_pairs(s.ranks, VMS);
	CU_ASSERT(pairs->len >= 4);
	CU_ASSERT_EQUAL(crossvm_groups(pairs, VMS, group), VMS - 2);
	CU_ASSERT(group[0] == 0 && group[1] == 0 && group[2] == 0);
	for (unsigned v = 3; v < VMS; v++)
		CU_ASSERT_EQUAL(group[v], v - 2);
	g_array_unref(pairs);
	scene_clear(&s);
}

static void test_hints(void)
{
	const double *load[VMS];
	bool apart = false, together = false;
	GArray *pairs, *hints;
	struct scene s;

	scene_init(&s);
	for (unsigned v = 0; v < VMS; v++)
		load[v] = s.load[v];
	pairs = crossvm_pairs(s.ranks, VMS);
	hints = crossvm_hints(load, N, pairs, 10);
	CU_ASSERT_EQUAL(hints->len, 4);
	for (guint i = 0; i < hints->len; i++) {
		const struct crossvm_hint *h = &g_array_index(hints, struct crossvm_hint, i);

		if (h->advice == ADVICE_TOGETHER)
			together |= h->a == 4 && h->b == 5 && h->rho < -0.6;
		else
			apart |= h->a == 0 && h->b == 1 && h->rho > 0.6;
	}
	CU_ASSERT(apart && together);
	g_array_unref(hints);
	g_array_unref(pairs);
	scene_clear(&s);
}

int main(void)
{
	CU_pSuite suite;
	unsigned failures;

	CU_initialize_registry();
	suite = CU_add_suite("correlate", NULL, NULL);
	CU_add_test(suite, "a host disk's bottleneck", test_disk_bottleneck);
	CU_add_test(suite, "unrelated series", test_unrelated);
	CU_add_test(suite, "constant, short, empty", test_edges);
	CU_add_test(suite, "a noisy neighbour", test_noisy_neighbour);
	CU_add_test(suite, "groups", test_groups);
	CU_add_test(suite, "placement", test_hints);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
