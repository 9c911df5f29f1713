// SPDX-License-Identifier: Apache-2.0
#include "export/format.h"
#include "export/json.h"
#include "export/prometheus.h"
#include "export/table.h"

const struct export_format export_formats[] = {
	{FORMAT_TABLE, "table", "text/plain; charset=utf-8", table_render},
	{FORMAT_PROMETHEUS, "prometheus", PROMETHEUS_TYPE, prometheus_render},
	{FORMAT_OPENMETRICS, "openmetrics", OPENMETRICS_TYPE, openmetrics_render},
	{FORMAT_JSON, "json", JSON_LINES_TYPE, json_render_lines},
	{0},
};

const struct export_format *export_format_get(enum config_format id)
{
	for (const struct export_format *format = export_formats; format->name; format++)
		if (format->id == id)
			return format;
	return NULL;
}
