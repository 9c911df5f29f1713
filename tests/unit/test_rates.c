// SPDX-License-Identifier: Apache-2.0
/* Accounting a record at an instant, and rates from two snapshots. */
#include <CUnit/Basic.h>
#include <math.h>
#include <string.h>
#include "core/account.h"
#include "core/rates.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

#define S 1000000000ull

static struct sched_thread a_record(uint8_t state, uint64_t since)
{
	return (struct sched_thread){
		.tid = 1,
		.role = SCHED_ROLE_VCPU,
		.state = state,
		.since = since,
		.run_ns = 10,
		.wake_ns = 20,
		.preempt_ns = 30,
		.halted_ns = 40,
		.blocked_ns = 50,
	};
}

static struct cpu_times at(uint8_t state, uint64_t since, uint64_t now, uint64_t queued)
{
	struct sched_thread r = a_record(state, since);
	struct cpu_times t;

	account_thread(&r, now, queued, &t);
	return t;
}

static uint64_t sum(const struct cpu_times *t)
{
	return t->run + t->ready + t->halted + t->other;
}

/* Whatever goes on is charged to one state, once, from its beginning to now. */
static void test_ongoing(void)
{
	struct cpu_times t;
	uint8_t state;

	for (state = SCHED_STATE_RUNNING; state <= SCHED_STATE_BLOCKED; state++) {
		t = at(state, 1000, 1700, 0);
		CU_ASSERT_EQUAL(sum(&t), 150 + 700);
		CU_ASSERT_EQUAL(t.ready, t.steal + t.wake);
		t = at(state, 1000, 0, 0);
		CU_ASSERT_EQUAL(sum(&t), 150);
		t = at(state, 1000, 900, 0); /* switched after now: what came then is not yet */
		CU_ASSERT_EQUAL(sum(&t), 50);
		CU_ASSERT_EQUAL(t.ready, t.steal + t.wake);
		t = at(state, 1000, 990, 0);
		CU_ASSERT_EQUAL(sum(&t), 140);
		CU_ASSERT_EQUAL(t.run, state == SCHED_STATE_RUNNING ? 10 : 0);
	}
	CU_ASSERT_EQUAL(at(SCHED_STATE_RUNNING, 1000, 1700, 0).run, 710);
	CU_ASSERT_EQUAL(at(SCHED_STATE_PREEMPTED, 1000, 1700, 0).steal, 730);
	CU_ASSERT_EQUAL(at(SCHED_STATE_UNKNOWN, 1000, 1700, 0).run, 10);
}

static void test_woken(void)
{
	struct cpu_times t = at(SCHED_STATE_HALTED, 1000, 1700, 1600);

	CU_ASSERT_EQUAL(t.halted, 40 + 600);
	CU_ASSERT_EQUAL(t.wake, 20 + 100);
	CU_ASSERT_EQUAL(t.ready, 50 + 100);
	t = at(SCHED_STATE_HALTED, 1000, 1700, 999); /* an older wakeup */
	CU_ASSERT_EQUAL(t.halted, 40 + 700);
}

static void test_guest(void)
{
	struct cpu_times t = at(SCHED_STATE_RUNNING, 1000, 1700, 0);
	struct kvm_vcpu_times guest = {.guest_ns = 300, .base_ns = 1 + 100};

	CU_ASSERT_EQUAL(t.guest, ABSENT);
	account_guest(&t, &guest, 5000);
	CU_ASSERT_EQUAL(t.guest, 400);
	CU_ASSERT_EQUAL(t.hypervisor, 310);
	guest.entered_at = 4900;
	account_guest(&t, &guest, 5000);
	CU_ASSERT_EQUAL(t.guest, 500);
	account_sampled_guest(&t, 100000); /* never more than run time */
	CU_ASSERT_EQUAL(t.guest, t.run);
	CU_ASSERT_EQUAL(t.hypervisor, 0);
}

static void test_add_keep(void)
{
	struct cpu_times a = {1, ABSENT, 3, 4, 5, 6, 7, 8}, b = {10, 10, 10, 3, 10, 10, 10, 10};
	struct cpu_times total = b;

	account_add(&total, &a);
	CU_ASSERT_EQUAL(total.run, 11);
	CU_ASSERT_EQUAL(total.guest, ABSENT);
	account_keep(&b, &a);
	CU_ASSERT_EQUAL(b.run, 10);
	CU_ASSERT_EQUAL(b.ready, 4);
	CU_ASSERT_EQUAL(b.guest, 10);
}

static void test_delta(void)
{
	CU_ASSERT_EQUAL(rate_delta(7, 5), 2);
	CU_ASSERT_TRUE(isnan(rate_delta(5, 7)));
	CU_ASSERT_TRUE(isnan(rate_delta(ABSENT, 7)));
	CU_ASSERT_TRUE(isnan(rate_delta(7, ABSENT)));
	CU_ASSERT_EQUAL(rate_percent(S, S / 2, S, 1), 50);
	CU_ASSERT_EQUAL(rate_percent(S, S / 2, S, 2), 25);
	CU_ASSERT_EQUAL(rate_percent(2 * S + 1, 0, S, 2), 100);
	CU_ASSERT_TRUE(isnan(rate_percent(S, 0, 0, 1)));
	CU_ASSERT_EQUAL(rate_per_second(30, 10, 10 * S), 2);
}

static void test_quantile(void)
{
	struct hist now = {.shift = 10, .valid = true}, before = {.shift = 10, .valid = true};

	CU_ASSERT_TRUE(isnan(rate_quantile(&now, &before, 0.99)));
	now.count[0] = 100;
	before.count[0] = 100;
	now.count[3] = 100; /* 4096 to 8192 ns */
	CU_ASSERT_DOUBLE_EQUAL(rate_quantile(&now, &before, 0.5), 6144, 1);
	CU_ASSERT_DOUBLE_EQUAL(rate_quantile(&now, &before, 1.0), 8192, 1);
	CU_ASSERT_TRUE(rate_quantile(&now, NULL, 0.5) <= 1024);
}

/* The generator says what each VM's share of wall time is: the rates must find it again. */
static void test_snapshots(void)
{
	struct fake_spec spec = {.vms = 20, .vcpus = 3, .level = KVMLENS_DETAILED, .tick = 1};
	struct kvmlens_snapshot *before, *now;
	size_t i;

	before = fake_snapshot(&spec);
	spec.tick = 2;
	now = fake_snapshot(&spec);
	rates_derive(now, before);
	CU_ASSERT_EQUAL(now->interval_ns, FAKE_INTERVAL_NS);
	for (i = 0; i < now->vms.n; i++) {
		struct snap_vm *vm = entities_at(&now->vms, i);
		struct snap_vcpu *v = entities_at(&vm->cpus, 0);

		CU_ASSERT_DOUBLE_EQUAL(vm->rate.usage, 10 + i % 80, 0.01);
		CU_ASSERT_DOUBLE_EQUAL(vm->rate.ready, 5 + i % 20, 0.01);
		CU_ASSERT_DOUBLE_EQUAL(v->rate.ready, 5 + i % 20, 0.01);
		CU_ASSERT_TRUE(vm->rate.steal <= vm->rate.ready);
	}
	kvmlens_snapshot_unref(before);
	kvmlens_snapshot_unref(now);
}

/* The parts of a vCPU's window, as percent. */
static double parts(const struct snap_vcpu *now, const struct snap_vcpu *was)
{
	const struct cpu_times *a = &now->time, *b = &was->time;

	return now->rate.usage + now->rate.ready + now->rate.halted +
	       100.0 * (double)(a->other - b->other) / (double)(now->upto_ns - was->upto_ns);
}

/*
 * A thread that is switched between the tick's instant and the reading of its record is counted up
 * to the instant all the same, and its shares sum to 100 in that window and in the one after it.
 */
static void test_windows(void)
{
	struct fake_spec spec = {.vms = 1, .vcpus = 2, .level = KVMLENS_DETAILED};
	/* Read at 10 s, at 20 s (it was switched 1.2 s later), at 30 s. */
	const struct sched_thread read[] = {
		{.role = SCHED_ROLE_VCPU, .state = SCHED_STATE_PREEMPTED, .since = 8 * S},
		{.role = SCHED_ROLE_VCPU,
		 .state = SCHED_STATE_HALTED,
		 .since = 21 * S + S / 5,
		 .run_ns = 5 * S,
		 .preempt_ns = 8 * S + S / 5},
		{.role = SCHED_ROLE_VCPU,
		 .state = SCHED_STATE_RUNNING,
		 .since = 27 * S,
		 .run_ns = 5 * S,
		 .preempt_ns = 8 * S + S / 5,
		 .wake_ns = S,
		 .halted_ns = 4 * S + 4 * S / 5},
	};
	struct kvmlens_snapshot *s[3];
	unsigned i;

	for (i = 0; i < 3; i++) {
		struct snap_vm *vm;
		struct snap_vcpu *v;

		spec.tick = i + 1;
		s[i] = fake_snapshot(&spec);
		vm = entities_at(&s[i]->vms, 0);
		v = entities_at(&vm->cpus, 0);
		v->upto_ns = account_thread(&read[i], (i + 1) * 10 * S, 0, &v->time);
		CU_ASSERT_EQUAL(v->upto_ns, (i + 1) * 10 * S);
		vm->time = v->time;
		account_add(&vm->time, &((struct snap_vcpu *)entities_at(&vm->cpus, 1))->time);
		rates_derive(s[i], i ? s[i - 1] : NULL);
		if (!i)
			continue;
		CU_ASSERT_DOUBLE_EQUAL(parts(v, rates_find_vcpu(entities_at(&s[i - 1]->vms, 0), v)),
				       100, 1e-6);
	}
	for (i = 0; i < 3; i++)
		kvmlens_snapshot_unref(s[i]);
}

/* What has not been seen from beginning to end has no share yet. */
static void test_unseen(void)
{
	struct fake_spec spec = {.vms = 1, .vcpus = 2, .level = KVMLENS_DETAILED, .tick = 1};
	struct kvmlens_snapshot *before = fake_snapshot(&spec), *now;
	struct snap_vm *vm = entities_at(&before->vms, 0);
	struct snap_vcpu *v = entities_at(&vm->cpus, 0);

	spec.tick = 2;
	now = fake_snapshot(&spec);
	v->upto_ns = 0;
	rates_derive(now, before);
	vm = entities_at(&now->vms, 0);
	v = entities_at(&vm->cpus, 0);
	CU_ASSERT_TRUE(isnan(v->rate.usage));
	CU_ASSERT_TRUE(isnan(vm->rate.usage));
	v = entities_at(&vm->cpus, 1);
	CU_ASSERT_FALSE(isnan(v->rate.usage));
	kvmlens_snapshot_unref(before);
	kvmlens_snapshot_unref(now);
}

/* A VM that was started anew is another one: no rate reaches across, least of all a huge one. */
static void test_restart(void)
{
	struct fake_spec spec = {.vms = 3, .vcpus = 2, .level = KVMLENS_DETAILED, .tick = 5};
	struct kvmlens_snapshot *before = fake_snapshot(&spec), *now;
	struct snap_vm *vm;

	spec.tick = 6;
	now = fake_snapshot(&spec);
	vm = entities_at(&now->vms, 1);
	vm->ident->pid++;
	rates_derive(now, before);
	CU_ASSERT_TRUE(isnan(vm->rate.usage));
	vm = entities_at(&now->vms, 2);
	CU_ASSERT_FALSE(isnan(vm->rate.usage));
	rates_derive(now, NULL);
	CU_ASSERT_TRUE(isnan(vm->rate.usage));
	kvmlens_snapshot_unref(before);
	kvmlens_snapshot_unref(now);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"ongoing intervals", test_ongoing},
		{"woken, not run yet", test_woken},
		{"guest time", test_guest},
		{"adding up, never back", test_add_keep},
		{"deltas", test_delta},
		{"quantiles", test_quantile},
		{"rates of snapshots", test_snapshots},
		{"windows of their own", test_windows},
		{"not seen from the beginning", test_unseen},
		{"a VM restarted", test_restart},
		CU_TEST_INFO_NULL,
	};

	return suite_run("rates", tests);
}
