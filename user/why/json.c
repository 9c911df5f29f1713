// SPDX-License-Identifier: Apache-2.0
/* Findings for programs. */
#include "why/json.h"

#include <math.h>
#include "why/rule.h"

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *finding_json(const struct why_finding *f)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:s, s:s}", "rule", f->rule->id,
			 "topic", why_topic_name(f->rule->topic), "what", f->what, "who", f->who,
			 "amount", number(f->amount), "unit", f->rule->unit, "weight",
			 number(f->weight), "condition", f->rule->condition, "advice",
			 f->rule->advice);
}

static json_t *stalls_json(const struct evidence *e)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < STALL_EVENTS_MAX; i++) {
		double began = NAN, seconds = NAN;
		char n[8], cause[32] = "";

		g_snprintf(n, sizeof(n), "%u", i);
		why_stall_event(e, n, &began, &seconds, cause, sizeof(cause));
		if (isnan(began))
			break;
		json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "cause", cause, "began",
						      number(began), "seconds", number(seconds)));
	}
	return list;
}

json_t *why_json(const struct evidence *e, const GArray *findings, const char *source)
{
	json_t *list = json_array();

	for (guint i = 0; i < findings->len; i++)
		json_array_append_new(
			list, finding_json(&g_array_index(findings, struct why_finding, i)));
	return json_pack("{s:s, s:s, s:f, s:I, s:s, s:s, s:o, s:o}", "vm", evidence_vm(e), "uuid",
			 evidence_uuid(e), "seconds", evidence_seconds(e), "until_ms",
			 (json_int_t)evidence_end_ms(e), "source", source, "verdict",
			 why_verdict(findings), "findings", list, "stalls", stalls_json(e));
}
