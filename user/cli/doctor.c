// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor.h"

#include "probe/probe.h"

static void finding_clear(void *data)
{
	struct finding *finding = data;

	g_free(finding->name);
	g_free(finding->what);
	g_free(finding->why);
	g_free(finding->remedy);
}

struct doctor *doctor_new(const struct config *config, const struct doctor_paths *paths)
{
	struct doctor *doctor = g_new0(struct doctor, 1);

	doctor->config = config;
	doctor->paths = paths;
	doctor->findings = g_array_new(FALSE, FALSE, sizeof(struct finding));
	g_array_set_clear_func(doctor->findings, finding_clear);
	return doctor;
}

void doctor_free(struct doctor *doctor)
{
	if (!doctor)
		return;
	g_array_unref(doctor->findings);
	g_free(doctor);
}

void doctor_add(struct doctor *doctor, enum finding_state state, const char *name, const char *what,
		const char *why, const char *remedy)
{
	struct finding finding = {
		.state = state,
		.name = g_strdup(name),
		.what = g_strdup(what),
		.why = g_strdup(why),
		.remedy = g_strdup(remedy),
	};

	g_array_append_val(doctor->findings, finding);
}

enum finding_state doctor_verdict(const struct doctor *doctor)
{
	enum finding_state worst = FINDING_OK;

	for (guint i = 0; i < doctor->findings->len; i++) {
		struct finding *finding = &g_array_index(doctor->findings, struct finding, i);

		worst = MAX(worst, finding->state);
	}
	return worst;
}

static enum finding_state state_of(const struct feature *feature)
{
	switch (feature->state) {
	case FEATURE_YES:
		return FINDING_OK;
	case FEATURE_NO:
		return FINDING_NO;
	default:
		return FINDING_OFF;
	}
}

/* Without either source of ready time there is nothing to run for. */
static void check_ready(struct doctor *doctor, enum feature_state sched)
{
	if (sched != FEATURE_YES && !doctor->schedstat)
		doctor_add(doctor, FINDING_FATAL, "ready", "run and ready time of every VM",
			   "neither BPF nor /proc/PID/schedstat tells it",
			   "use a kernel with CONFIG_SCHED_INFO and CONFIG_DEBUG_INFO_BTF");
}

void doctor_check_features(struct doctor *doctor)
{
	struct probe_options options = {
		.pin_dir = NULL, /* what a running agent has pinned stays untouched */
		.max_threads = 64,
		.level = KVMLENS_DIAGNOSTIC, /* so that everything is tried */
		.groups = KVMLENS_ALL_GROUPS,
		.memslots = true,
	};
	const struct features *features;
	struct probe *probe;
	int err;

	if (!doctor->rights)
		return;
	err = probe_open(&options, &probe);
	if (err) {
		doctor_add(doctor, FINDING_NO, "bpf", "programs in the kernel", g_strerror(-err),
			   "see the reason; numbers come from /proc until then");
		check_ready(doctor, FEATURE_NO);
		return;
	}
	features = probe_features(probe);
	for (int id = 0; id < FEATURE_MAX; id++) {
		const struct feature *feature = &features->f[id];
		bool ok = feature->state == FEATURE_YES;

		/* Said by the host's checks, or true of pinned maps alone. */
		if (id == FEATURE_BTF || id == FEATURE_BPFFS || id == FEATURE_PINNED)
			continue;
		doctor_add(doctor, state_of(feature), feature_name(id), feature_purpose(id),
			   ok ? NULL : feature->why, ok ? NULL : feature_remedy(id));
	}
	check_ready(doctor, features->f[FEATURE_SCHED].state);
	probe_close(probe, false);
}
