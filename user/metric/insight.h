/* SPDX-License-Identifier: Apache-2.0 */
/* What the analytics engine says of a VM, as entities of a snapshot: see metric/model.h. */
#ifndef KVMLENS_METRIC_INSIGHT_H
#define KVMLENS_METRIC_INSIGHT_H

#include <stdint.h>

struct labels;

struct snap_anomaly {
	struct labels *labels; /* vm, uuid */
	double score; /* 0 to 1, of all its series */
	uint64_t series; /* watched */
};

/* One of the series that make a VM's score. */
struct snap_contribution {
	struct labels *labels; /* vm, uuid, metric, then the series' own */
	double score; /* of this series */
	double share; /* of the VM's score, 0 to 1 */
};

struct snap_trend {
	struct labels *labels; /* vm, uuid, metric, window, then the series' own */
	double per_hour; /* slope, in the metric's unit */
	uint64_t significant; /* 0 or 1 */
};

/* The next day. */
struct snap_forecast {
	struct labels *labels; /* vm, uuid, metric, then the series' own */
	double mean, peak; /* of the hourly forecasts */
	double peak_low, peak_high; /* the 95 % interval of the peak hour */
};

struct snap_full {
	struct labels *labels; /* vm, uuid, metric, then the series' own */
	double seconds; /* median; NAN: not within a year */
	double within_24h, within_72h; /* chance, 0 to 1 */
};

/* The store about itself. */
struct snap_store {
	struct labels *labels;
	uint64_t up; /* 1: the last write succeeded */
	uint64_t ticks, ticks_dropped, jobs_refused, failures, set_aside, series_refused;
	uint64_t gone_vms, gone_rows, squeezed, replaced;
	uint64_t bytes, waiting, cpu_ns;
};

/* An alert of a VM that is up. */
struct snap_alert {
	struct labels *labels; /* vm, uuid, rule, severity */
	uint64_t firing; /* 1; 0: its values are missing */
	unsigned severity; /* 0 to 2, the worst */
	bool quiet; /* silenced, or inhibited by a worse one */
};

/* The alerts all together. */
struct snap_alerts {
	struct labels *labels;
	uint64_t rules, pending, firing, nodata;
	uint64_t quiet; /* of those that fire: silenced or inhibited */
	uint64_t fired, resolved, lost, cpu_ns;
};

#endif
