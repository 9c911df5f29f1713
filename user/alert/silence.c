// SPDX-License-Identifier: Apache-2.0
#include "alert/silence.h"

#include "util/text.h"

static void silence_clear(void *arg)
{
	struct silence *silence = arg;

	g_free(silence->rule);
	g_free(silence->vm);
	g_free(silence->comment);
}

struct silences *silences_new(void)
{
	struct silences *silences = g_new0(struct silences, 1);

	silences->list = g_array_new(FALSE, FALSE, sizeof(struct silence));
	g_array_set_clear_func(silences->list, silence_clear);
	return silences;
}

void silences_free(struct silences *silences)
{
	if (!silences)
		return;
	g_array_unref(silences->list);
	g_free(silences);
}

void silences_add(struct silences *silences, const struct silence *silence)
{
	struct silence *copy;

	g_array_append_val(silences->list, *silence);
	copy = &g_array_index(silences->list, struct silence, silences->list->len - 1);
	copy->rule = g_strdup(silence->rule);
	copy->vm = g_strdup(silence->vm);
	copy->comment = g_strdup(silence->comment);
}

static bool names_vm(const char *glob, const struct labels *labels)
{
	const char *vm = labels_get(labels, "vm"), *uuid = labels_get(labels, "uuid");

	return (vm && text_glob(glob, vm)) || (uuid && text_glob(glob, uuid));
}

bool silences_match(const struct silences *silences, int64_t now_ms, const char *rule_id,
		    const struct labels *labels)
{
	for (guint i = 0; silences && i < silences->list->len; i++) {
		const struct silence *s = &g_array_index(silences->list, struct silence, i);

		if (now_ms < s->since_ms || now_ms >= s->until_ms)
			continue;
		if ((!s->rule || text_glob(s->rule, rule_id)) &&
		    (!s->vm || names_vm(s->vm, labels)))
			return true;
	}
	return false;
}
