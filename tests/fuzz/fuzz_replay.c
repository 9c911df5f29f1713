// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a recording: refused, or snapshots that can be walked and looked at by rules. */
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "alert/engine.h"
#include "alert/replay.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int touch(void *arg, const struct metric *metric, const struct snap_vm *vm,
		 const struct labels *labels, const struct metric_value *value)
{
	g_assert(labels->text_len < 1000000);
	*(double *)arg += metric->type == TYPE_HIST ? 0 : metric_number(metric, value);
	return 0;
}

static int look(void *arg, const struct kvmlens_snapshot *snapshot)
{
	g_autoptr(GPtrArray) events =
		g_ptr_array_new_with_free_func((GDestroyNotify)alert_event_free);
	double sum = 0;

	metric_walk(snapshot, NULL, touch, &sum);
	alert_engine_step(arg, snapshot, NULL, events);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_rule ready = {
		.id = "r",
		.condition = {.metric = "vm.cpu.ready_time", .op = RULE_GT, .threshold = "1"},
		.no_data = RULE_ALERT,
	};
	struct alert_rules *rules = alert_rules_new_one(&ready, "f");
	struct alert_engine *engine = alert_engine_new(rules);
	unsigned line;
	FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;

	if (file) {
		replay_file(file, look, engine, &line);
		fclose(file);
	}
	alert_engine_free(engine);
	alert_rules_unref(rules);
	return 0;
}
