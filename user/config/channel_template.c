// SPDX-License-Identifier: Apache-2.0
#include "config/channel_template.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>
#include "util/text.h"

static const char *const words[] = {
	"action",   "alert",  "at",	     "color",	 "count",  "dedup",	"description",
	"ends",	    "group",  "key",	     "link",	 "metric", "name",	"node",
	"priority", "rule",   "runbook_url", "severity", "starts", "starts_ms", "status",
	"summary",  "text",   "threshold",   "title",	 "token",  "uuid",	"value",
	"vm",	    "alerts", "details",     "labels",	 "links",
};

/* The last of them stand for JSON of their own, so that they are not in quotes. */
#define JSON_WORDS 4

bool template_next(const char **text, struct template_word *ret_word)
{
	const char *p = *text, *end, *colon;

	if (!*p)
		return false;
	*ret_word = (struct template_word){.plain = p, .max = SIZE_MAX};
	while (*p && !(p[0] == '$' && (p[1] == '{' || p[1] == '$')))
		p++;
	ret_word->plain_len = (size_t)(p - *text);
	if (p[0] == '$' && p[1] == '$') {
		/* One of the two is plain text. */
		ret_word->plain_len++;
		*text = p + 2;
		return true;
	}
	end = *p ? strchr(p, '}') : NULL;
	if (!end) {
		ret_word->plain_len += strlen(p);
		*text = p + strlen(p);
		return true;
	}
	ret_word->name = p + 2;
	colon = memchr(p, ':', (size_t)(end - p));
	ret_word->name_len = (size_t)((colon ? colon : end) - ret_word->name);
	if (colon)
		ret_word->max = (size_t)g_ascii_strtoull(colon + 1, NULL, 10);
	*text = end + 1;
	return true;
}

static bool is_json_word(const char *name)
{
	for (size_t i = G_N_ELEMENTS(words) - JSON_WORDS; i < G_N_ELEMENTS(words); i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return false;
}

/* What may stand without quotes. */
static bool is_number_word(const char *name)
{
	return strcmp(name, "value") == 0 || strcmp(name, "threshold") == 0 ||
	       strcmp(name, "count") == 0 || strcmp(name, "starts_ms") == 0;
}

static bool is_word(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return (g_str_has_prefix(name, "labels.") && name[7]) ||
	       (g_str_has_prefix(name, "annotations.") && name[12]);
}

static void unknown_word(const char *name, GString *why)
{
	const char *near = text_nearest(name, words, G_N_ELEMENTS(words));
	g_autofree char *shown = text_quote(name);

	g_string_append_printf(why, "there is no placeholder %s; ", shown);
	if (near) {
		g_string_append_printf(why, "did you mean ${%s}?", near);
		return;
	}
	g_string_append(why, "use labels.NAME, annotations.NAME");
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		g_string_append_printf(why, ", %s", words[i]);
}

/* With values in it that fit anywhere that a value may stand. */
static void check_json(const char *text, GString *why)
{
	g_autoptr(GString) sample = g_string_new(NULL);
	json_auto_t *json = NULL;
	struct template_word word;
	json_error_t error;

	while (template_next(&text, &word)) {
		g_autofree char *name = g_strndup(word.name ? word.name : "", word.name_len);

		g_string_append_len(sample, word.plain, (gssize)word.plain_len);
		if (word.name_len)
			g_string_append(sample, is_json_word(name)     ? "[\"\"]"
						: is_number_word(name) ? "1"
								       : "x");
	}
	json = json_loads(sample->str, 0, &error);
	if (!json)
		g_string_append_printf(why,
				       "is no JSON once it is filled in: %s at its line %d; put "
				       "texts in quotes, or set content_type",
				       error.text, error.line);
}

void template_check(const char *text, bool json, GString *why)
{
	const char *rest = text;
	struct template_word word;

	while (!why->len && template_next(&rest, &word)) {
		g_autofree char *name = g_strndup(word.name ? word.name : "", word.name_len);

		if (!word.name && g_strstr_len(word.plain, (gssize)word.plain_len, "${"))
			g_string_append(why, "has a ${ without its }; close it, or write $$ for a "
					     "dollar");
		else if (word.name && !is_word(name))
			unknown_word(name, why);
		else if (word.name && !word.max)
			g_string_append(why,
					"has a length of 0 in a placeholder; write for example "
					"${summary:100}");
	}
	if (!why->len && json)
		check_json(text, why);
}
