/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/watch.h"

#include <errno.h>
#include <string.h>

const struct watch watches[] = {
	{"vm.cpu.usage", WATCH_ANOMALY | WATCH_TREND | WATCH_FORECAST | WATCH_LOAD},
	{"vm.cpu.ready_time", WATCH_ANOMALY | WATCH_TREND | WATCH_PAIN},
	{"vm.cpu.steal_time", WATCH_ANOMALY},
	{"vm.cpu.wake_latency_p99", WATCH_ANOMALY},
	{"vm.cpu.exits", WATCH_ANOMALY},
	{"vm.cpu.iowait_time", WATCH_ANOMALY | WATCH_PAIN},
	{"vm.memory.usage_percent", WATCH_ANOMALY | WATCH_TREND | WATCH_FORECAST | WATCH_FULL},
	{"vm.memory.swap_used", WATCH_ANOMALY | WATCH_TREND},
	{"vm.memory.major_page_faults", WATCH_ANOMALY},
	{"vm.disk.usage_percent", WATCH_ANOMALY | WATCH_TREND | WATCH_FULL},
	{"vm.disk.read_throughput", WATCH_ANOMALY | WATCH_FORECAST | WATCH_LOAD},
	{"vm.disk.write_throughput", WATCH_ANOMALY | WATCH_FORECAST | WATCH_LOAD},
	{"vm.disk.read_latency", WATCH_ANOMALY | WATCH_PAIN},
	{"vm.disk.write_latency", WATCH_ANOMALY | WATCH_PAIN},
	{"vm.network.rx_bytes", WATCH_ANOMALY | WATCH_FORECAST | WATCH_LOAD},
	{"vm.network.tx_bytes", WATCH_ANOMALY | WATCH_FORECAST | WATCH_LOAD},
	{"vm.network.rx_dropped", WATCH_ANOMALY | WATCH_PAIN},
	{"vm.network.tx_dropped", WATCH_ANOMALY | WATCH_PAIN},
};

const size_t n_watches = sizeof(watches) / sizeof(watches[0]);

void watch_init(struct watch_state *state)
{
	memset(state, 0, sizeof(*state));
	anomaly_init(&state->anomaly);
}

double watch_add(struct watch_state *state, int64_t time_s, double value)
{
	ring_add(&state->short_ring, state->short_value, WATCH_SHORT, WATCH_SHORT_S, time_s, value);
	ring_add(&state->long_ring, state->long_value, WATCH_LONG, WATCH_LONG_S, time_s, value);
	return anomaly_update(&state->anomaly, time_s, value);
}

int watch_restore(struct watch_state *state, const void *bytes, size_t n)
{
	struct watch_state s;
	int r;

	if (n != sizeof(s))
		return -EINVAL;
	memcpy(&s, bytes, sizeof(s));
	if (!ring_valid(&s.short_ring, WATCH_SHORT) || !ring_valid(&s.long_ring, WATCH_LONG))
		return -EINVAL;
	r = anomaly_restore(&s.anomaly, &s.anomaly, sizeof(s.anomaly));
	if (r)
		return r;
	*state = s;
	return 0;
}
