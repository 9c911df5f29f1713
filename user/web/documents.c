// SPDX-License-Identifier: Apache-2.0
#include "export/json.h"
#include "export/prometheus.h"
#include "web/documents.h"

static void render_text(void *arg, const struct kvmlens_snapshot *snapshot, struct textbuf *out)
{
	prometheus_render(snapshot, out);
}

static void render_openmetrics(void *arg, const struct kvmlens_snapshot *snapshot,
			       struct textbuf *out)
{
	openmetrics_render(snapshot, out);
}

static void render_json(void *arg, const struct kvmlens_snapshot *snapshot, struct textbuf *out)
{
	json_render_document(snapshot, out);
}

const struct web_document web_documents[] = {
	{"/metrics", PROMETHEUS_TYPE, render_text, NULL},
	{"/metrics", OPENMETRICS_TYPE, render_openmetrics, NULL},
	{"/api/v1/snapshot", JSON_TYPE, render_json, NULL},
};
const size_t n_web_documents = G_N_ELEMENTS(web_documents);
