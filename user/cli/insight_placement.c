// SPDX-License-Identifier: Apache-2.0
/* Which VMs should not share CPUs, which would fit together, which are alike. */
#include <math.h>
#include "analytics/crossvm.h"
#include "analytics/forecast.h"
#include "cli/insights_private.h"

#define HINTS 5
#define NAMES 5

/* Percent of one CPU, on the fine grid; NAN where it is not known. */
static double *cpu_load(struct insights *in, guint vm)
{
	g_autofree double *vcpus = grid_load_one(in->reader, insight_vm(in, vm)->uuid,
						 "vm.cpu.vcpus", NULL, &in->fine, 1);
	bool known = vcpus && forecast_fill(vcpus, in->fine.n);
	double *load = g_new(double, in->fine.n);

	for (size_t i = 0; i < in->fine.n; i++)
		load[i] = in->load[vm] ? in->load[vm][i] * (known ? vcpus[i] : 1) : NAN;
	return load;
}

static void say_hints(struct insights *in, const GArray *pairs)
{
	guint n = in->vms->len;
	g_autofree double **load = g_new0(double *, n + 1);
	g_autoptr(GArray) hints = NULL;

	for (guint i = 0; i < n; i++)
		load[i] = cpu_load(in, i);
	hints = crossvm_hints((const double *const *)load, in->fine.n, pairs, HINTS);
	for (guint i = 0; i < hints->len; i++) {
		const struct crossvm_hint *h = &g_array_index(hints, struct crossvm_hint, i);
		bool apart = h->advice == ADVICE_APART;

		insight_say(in, apart ? "apart" : "together",
			    "%s and %s peak %s: %.0f %% of a CPU at once, %.0f %% one by one; %s",
			    insight_vm(in, h->a)->vm, insight_vm(in, h->b)->vm,
			    apart ? "together" : "in turn", h->joint, h->sum,
			    apart ? "better not on the same CPUs" : "they fit on the same CPUs");
	}
	for (guint i = 0; i < n; i++)
		g_free(load[i]);
}

static void say_group(struct insights *in, const size_t *group, size_t number)
{
	g_autoptr(GString) names = g_string_new(NULL);
	unsigned members = 0;

	for (guint i = 0; i < in->vms->len; i++) {
		if (group[i] != number)
			continue;
		members++;
		if (members <= NAMES)
			g_string_append_printf(names, "%s%s", members > 1 ? ", " : "",
					       insight_vm(in, i)->vm);
	}
	if (members > 2)
		insight_say(in, "alike", "%u VMs move together: %s%s", members, names->str,
			    members > NAMES ? ", ..." : "");
}

GPtrArray *insights_placement(struct insights *in)
{
	g_autoptr(GArray) pairs = crossvm_pairs(in->load_ranks, in->vms->len);
	g_autofree size_t *group = g_new0(size_t, in->vms->len + 1);
	size_t groups = crossvm_groups(pairs, in->vms->len, group);

	in->said = insight_lines();
	say_hints(in, pairs);
	for (size_t i = 0; i < groups; i++)
		say_group(in, group, i);
	return g_steal_pointer(&in->said);
}
