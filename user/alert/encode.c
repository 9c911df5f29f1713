// SPDX-License-Identifier: Apache-2.0
#include "alert/encode.h"

#include <errno.h>
#include <glib.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

char *notification_text(const char *text, size_t max, bool lines)
{
	g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
	size_t len = strlen(valid);

	if (len > max) {
		char *end = g_utf8_find_prev_char(valid, valid + max + 1);

		*(end ? end : valid) = 0;
	}
	for (char *p = valid; *p; p = g_utf8_next_char(p)) {
		if (!g_unichar_iscntrl(g_utf8_get_char(p)) || (lines && *p == '\n'))
			continue;
		*p = ' ';
		if ((p[1] & 0xc0) == 0x80) /* the second half of a C1 control character */
			p[1] = ' ';
	}
	return g_steal_pointer(&valid);
}

char *notification_time(int64_t ms)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(ms / 1000);
	g_autofree char *seconds = time ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%S") : NULL;

	return g_strdup_printf("%s.%03dZ", seconds ? seconds : "1970-01-01T00:00:00",
			       (int)(ms % 1000));
}

static json_t *text_json(const char *text, size_t max, bool lines)
{
	g_autofree char *clean = notification_text(text, max, lines);

	return json_string(clean);
}

static json_t *time_json(int64_t ms)
{
	return ms ? json_integer(ms) : json_null();
}

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *tags_json(const struct kvmlens_tag *tags, size_t n, size_t max, bool lines)
{
	json_t *object = json_object();

	for (size_t i = 0; i < n && i < ENCODE_LABELS_MAX; i++) {
		g_autofree char *key = notification_text(tags[i].key, 128, false);

		json_object_set_new(object, key, text_json(tags[i].value, max, lines));
	}
	return object;
}

/* Members that most alerts lack. */
static json_t *add_annotations(json_t *json, const struct notification *n)
{
	if (n->n_annotations)
		json_object_set_new(
			json, "annotations",
			tags_json(n->annotations, n->n_annotations, ENCODE_DESCRIPTION_MAX, true));
	if (n->runbook_url)
		json_object_set_new(json, "runbook_url",
				    text_json(n->runbook_url, ENCODE_DESCRIPTION_MAX, false));
	return json;
}

json_t *notification_encode(const struct notification *n)
{
	json_t *json = json_pack(
		"{s:o,s:o,s:o,s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "key",
		text_json(n->key, NOTIFICATION_KEY_MAX, false), "alert",
		text_json(n->alert_id, 64, false), "rule", text_json(n->rule_id, 128, false),
		"name", text_json(n->rule_name, 256, false), "severity",
		alert_severity_name(n->severity), "status", alert_status_name(n->status),
		"starts_ms", time_json(n->starts_ms), "ends_ms", time_json(n->ends_ms), "at_ms",
		time_json(n->at_ms), "labels", tags_json(n->labels, n->n_labels, 256, false),
		"metric", text_json(n->metric, 128, false), "value", number_json(n->value),
		"threshold", number_json(n->threshold), "summary",
		text_json(n->summary, ENCODE_SUMMARY_MAX, false), "description",
		text_json(n->description, ENCODE_DESCRIPTION_MAX, true), "group",
		text_json(n->group_key, 256, false));

	return json ? add_annotations(json, n) : NULL;
}

static int word_index(const char *word, const char *(*name)(int), int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(word, name(i)) == 0)
			return i;
	return -EBADMSG;
}

static const char *severity_at(int i)
{
	return alert_severity_name(i);
}

static const char *status_at(int i)
{
	return alert_status_name(i);
}

/* -EBADMSG: a value is no text. *ret_tags is freed by the caller in any case. */
static int decode_tags(json_t *object, struct kvmlens_tag **ret_tags, size_t *ret_n)
{
	const char *key;
	json_t *value;

	*ret_tags = g_new0(struct kvmlens_tag, json_object_size(object) + 1);
	json_object_foreach(object, key, value)
	{
		if (!json_is_string(value))
			return -EBADMSG;
		(*ret_tags)[(*ret_n)++] = (struct kvmlens_tag){key, json_string_value(value)};
	}
	return 0;
}

static int decode_texts(json_t *json, json_t *labels, struct held *held)
{
	struct notification *n = &held->n;
	int r = decode_tags(labels, &held->labels, &n->n_labels);

	if (!r)
		r = decode_tags(json_object_get(json, "annotations"), &held->annotations,
				&n->n_annotations);
	n->labels = held->labels;
	n->annotations = held->annotations;
	n->runbook_url = json_string_value(json_object_get(json, "runbook_url"));
	return r;
}

static double number_of(json_t *json, const char *key)
{
	json_t *value = json_object_get(json, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static int64_t time_of(json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key)); /* null: 0 */
}

static int decode_numbers(json_t *json, struct notification *n, const char *severity,
			  const char *status)
{
	int level = word_index(severity, severity_at, ALERT_CRITICAL + 1);
	int state = word_index(status, status_at, ALERT_NODATA + 1);

	if (level < 0 || state < 0)
		return -EBADMSG;
	n->severity = level;
	n->status = state;
	n->starts_ms = time_of(json, "starts_ms");
	n->ends_ms = time_of(json, "ends_ms");
	n->at_ms = time_of(json, "at_ms");
	n->value = number_of(json, "value");
	n->threshold = number_of(json, "threshold");
	return 0;
}

int notification_decode(json_t *json, struct held *ret_held)
{
	struct held held = {.json = json_incref(json)};
	struct notification *n = &held.n;
	const char *severity, *status;
	json_t *labels;
	int r = json_unpack(json, "{s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:s}", "key", &n->key,
			    "alert", &n->alert_id, "rule", &n->rule_id, "name", &n->rule_name,
			    "severity", &severity, "status", &status, "labels", &labels, "metric",
			    &n->metric, "summary", &n->summary, "description", &n->description,
			    "group", &n->group_key);

	if (r || !json_is_object(labels))
		r = -EBADMSG;
	if (!r)
		r = decode_numbers(json, n, severity, status);
	if (!r)
		r = decode_texts(json, labels, &held);
	if (r)
		held_clear(&held);
	else
		*ret_held = held;
	return r;
}

void held_clear(struct held *held)
{
	g_clear_pointer(&held->labels, g_free);
	g_clear_pointer(&held->annotations, g_free);
	g_clear_pointer(&held->json, json_decref);
}
