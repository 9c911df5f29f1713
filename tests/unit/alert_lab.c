// SPDX-License-Identifier: Apache-2.0
#include "unit/alert_lab.h"

#include <string.h>
#include "unit/fake_snapshot.h"

static struct config *load(const char *yaml)
{
	g_autofree char *text = g_strconcat("alerts: {default_rules: false}\n", yaml, NULL);
	g_autofree char *error = NULL;
	struct config *config = config_new();

	if (config_load_text(config, "lab", text, strlen(text), &error) ||
	    config_load_rules(config, &error))
		g_error("%s", error);
	return config;
}

void lab_init(struct alert_lab *lab, const char *yaml)
{
	*lab = (struct alert_lab){.now_ms = LAB_START_MS};
	lab->config = load(yaml);
	lab->rules = alert_rules_new(lab->config->rule_set, "lab");
	lab->engine = alert_engine_new(lab->rules);
	lab->events = g_ptr_array_new_with_free_func((GDestroyNotify)alert_event_free);
}

void lab_clear(struct alert_lab *lab)
{
	g_ptr_array_unref(lab->events);
	alert_engine_free(lab->engine);
	alert_rules_unref(lab->rules);
	config_free(lab->config);
	silences_free(lab->silences);
}

void lab_set_rules(struct alert_lab *lab, const char *yaml)
{
	struct config *config = load(yaml);
	struct alert_rules *rules = alert_rules_new(config->rule_set, "lab");

	alert_engine_set_rules(lab->engine, rules);
	alert_rules_unref(lab->rules);
	config_free(lab->config);
	lab->rules = rules;
	lab->config = config;
}

guint lab_step(struct alert_lab *lab, const double *ready, unsigned n, int64_t then_ms)
{
	struct fake_spec spec = {.vms = n, .vcpus = 1, .level = KVMLENS_STANDARD};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);

	snapshot->wall_ms = lab->now_ms;
	snapshot->mono_ns = lab->mono_ns;
	for (unsigned i = 0; i < n; i++)
		((struct snap_vm *)entities_at(&snapshot->vms, i))->rate.ready = ready[i];
	g_ptr_array_set_size(lab->events, 0);
	alert_engine_step(lab->engine, snapshot, lab->silences, lab->events);
	kvmlens_snapshot_unref(snapshot);
	lab->now_ms += then_ms;
	return lab->events->len;
}

const struct alert_event *lab_event(const struct alert_lab *lab, guint i)
{
	return g_ptr_array_index(lab->events, i);
}
