// SPDX-License-Identifier: Apache-2.0
/*
 * 1,000 VMs and 50 rules: one step of the alert engine, with nothing firing, with a twentieth of
 * all alerts firing and with every one, against one pass over the same values of the snapshot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "metric/metric.h"
#include "unit/alert_lab.h"
#include "unit/fake_snapshot.h"

#define ROUNDS 15
#define VMS 1000
#define RULES 50
#define TARGET_MS 5

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static char *rules_text(double threshold)
{
	static const char *const names[] = {"vm.cpu.ready_time", "vm.cpu.steal_time",
					    "vm.cpu.usage", "vm.up", "vm.cpu.halted_time"};
	GString *text = g_string_new("rules:\n");

	for (unsigned i = 0; i < RULES; i++)
		g_string_append_printf(text,
				       "  - {id: r%u, condition: {metric: %s, operator: ge, "
				       "threshold: %g}}\n",
				       i, names[i % G_N_ELEMENTS(names)], threshold);
	return g_string_free(text, FALSE);
}

/* Set the values that the rules look at: part of them are 50, the rest 0. */
static void set_values(struct kvmlens_snapshot *snapshot, unsigned every)
{
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		struct snap_vm *vm = entities_at(&snapshot->vms, i);
		double value = every && i % every == 0 ? 50 : 0;

		vm->rate.ready = vm->rate.steal = vm->rate.usage = vm->rate.wake = value;
		vm->up = (uint64_t)value;
	}
}

/* The least time of a step; *ret_alerts: how many fire. */
static double step_ms(unsigned every, uint64_t *ret_alerts)
{
	struct fake_spec spec = {.vms = VMS, .vcpus = 1, .level = KVMLENS_STANDARD};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	g_autofree char *text = rules_text(10);
	struct alert_engine_stats stats;
	struct alert_lab lab;
	double best = 1e9;

	lab_init(&lab, text);
	set_values(snapshot, every);
	for (unsigned i = 0; i < ROUNDS; i++) {
		double began;

		snapshot->wall_ms += 1000;
		snapshot->mono_ns = 0;
		g_ptr_array_set_size(lab.events, 0);
		began = now_ms();
		alert_engine_step(lab.engine, snapshot, NULL, lab.events);
		best = MIN(best, now_ms() - began);
	}
	alert_engine_stats(lab.engine, &stats);
	*ret_alerts = stats.firing;
	lab_clear(&lab);
	kvmlens_snapshot_unref(snapshot);
	return best;
}

static int add(void *arg, const struct metric *metric, const struct snap_vm *vm,
	       const struct labels *labels, const struct metric_value *value)
{
	*(double *)arg += metric_number(metric, value);
	return 0;
}

/* As many values, read one by one. */
static double pass_ms(void)
{
	static const enum metric_id ids[] = {M_vm_cpu_ready_time, M_vm_cpu_steal_time,
					     M_vm_cpu_usage, M_vm_up, M_vm_cpu_halted_time};
	struct fake_spec spec = {.vms = VMS, .vcpus = 1, .level = KVMLENS_STANDARD};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	double best = 1e9, sum = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		double began = now_ms();

		for (unsigned k = 0; k < RULES; k++)
			metric_walk(snapshot, &metrics[ids[k % G_N_ELEMENTS(ids)]], add, &sum);
		best = MIN(best, now_ms() - began);
	}
	kvmlens_snapshot_unref(snapshot);
	return sum > 0 ? best : -1;
}

int main(void)
{
	uint64_t none, some, all;
	double pass = pass_ms(), quiet = step_ms(0, &none), usual = step_ms(20, &some),
	       worst = step_ms(1, &all);

	printf("%u VMs x %u rules; firing %lu, %lu, %lu\n", VMS, RULES, (unsigned long)none,
	       (unsigned long)some, (unsigned long)all);
	printf("%-44s %8.2f ms\n", "one pass over the snapshot's values", pass);
	printf("%-44s %8.2f ms\n", "a step, nothing fires", quiet);
	printf("%-44s %8.2f ms\n", "a step, a twentieth fires", usual);
	printf("%-44s %8.2f ms\n", "a step, everything fires", worst);
	printf("ratio: a usual step is %.1f passes; %.2f ms, target under %d ms\n", usual / pass,
	       usual, TARGET_MS);
	return none == 0 && some > 1000 && usual < TARGET_MS ? EXIT_SUCCESS : EXIT_FAILURE;
}
