// SPDX-License-Identifier: Apache-2.0
/* Any bytes as lines of a series, or as a saved state of the anomaly detector. */
#include <glib.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "analytics/anomaly.h"
#include "analytics/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void score_lines(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	struct anomaly anomaly;
	struct csv_row row;
	char when[32];

	anomaly_init(&anomaly);
	for (guint i = 0; lines[i]; i++) {
		double score;

		if (csv_parse(lines[i], &row))
			continue;
		g_assert(row.time_s >= 0 && (isnan(row.value) || isfinite(row.value)));
		csv_format_time(row.time_s, when, sizeof(when));
		g_assert(strlen(when) >= 19);
		score = anomaly_update(&anomaly, row.time_s, row.value);
		g_assert(isnan(score) || (score >= 0 && score < 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	struct anomaly anomaly;

	score_lines(text);
	anomaly_init(&anomaly);
	/* The rest of a valid state overwritten by what comes in. */
	if (size > 8) {
		memcpy((char *)&anomaly + 8, data, MIN(size, sizeof(anomaly) - 8));
		if (anomaly_restore(&anomaly, &anomaly, sizeof(anomaly)) == 0)
			for (int i = 0; i < 50; i++)
				anomaly_update(&anomaly, anomaly.last_s + i, i * 1e6);
	}
	return 0;
}
