// SPDX-License-Identifier: Apache-2.0
#include "export/format.h"
#include "export/json.h"
#include "export/prometheus.h"
#include "export/table.h"

const struct export_format export_formats[] = {
	{"table", "text/plain; charset=utf-8", table_render},
	{"prometheus", PROMETHEUS_TYPE, prometheus_render},
	{"openmetrics", OPENMETRICS_TYPE, openmetrics_render},
	{"json", JSON_LINES_TYPE, json_render_lines},
	{0},
};

const struct export_format *export_format_find(const char *name)
{
	for (const struct export_format *format = export_formats; format->name; format++)
		if (!strcmp(format->name, name))
			return format;
	return NULL;
}
