// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <CUnit/Basic.h>
#include "guest/ga_reply.h"
#include "unit/replies.h"

json_t *replies_agent(const char *name)
{
	g_autofree char *path =
		g_strdup_printf("%s/tests/data/agent/%s.json", getenv("TOP") ?: ".", name);
	g_autofree char *text = NULL;
	json_t *value = NULL;
	gsize len;

	CU_ASSERT_FATAL(g_file_get_contents(path, &text, &len, NULL));
	CU_ASSERT_EQUAL_FATAL(ga_reply_parse(text, len, &value), 0);
	return value;
}

void replies_agent_file(const char *name, GString *data)
{
	json_auto_t *value = replies_agent(name);

	CU_ASSERT_EQUAL_FATAL(ga_reply_file(value, 65536, data), 0);
}

char *replies_libvirt(const char *name)
{
	g_autofree char *path =
		g_strdup_printf("%s/tests/data/libvirt/%s", getenv("TOP") ?: ".", name);
	char *text = NULL;

	CU_ASSERT_FATAL(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

/* virsh's "name=value" lines as the parameters that they were made of. */
static GArray *params_of(const char *text)
{
	GArray *params = g_array_new(FALSE, TRUE, sizeof(virTypedParameter));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		char *equals = strchr(*line, '='), *end;
		virTypedParameter param = {.type = VIR_TYPED_PARAM_ULLONG};

		if (!equals)
			continue;
		*equals = '\0';
		g_strlcpy(param.field, g_strstrip(*line), sizeof(param.field));
		param.value.ul = g_ascii_strtoull(equals + 1, &end, 10);
		if (*end || end == equals + 1) {
			param.type = VIR_TYPED_PARAM_STRING;
			param.value.s = g_strdup(equals + 1);
		}
		g_array_append_val(params, param);
	}
	return params;
}

static void params_free(GArray *params)
{
	for (unsigned i = 0; i < params->len; i++) {
		virTypedParameter *param = &g_array_index(params, virTypedParameter, i);

		if (param->type == VIR_TYPED_PARAM_STRING)
			g_free(param->value.s);
	}
	g_array_unref(params);
}

struct kvmlens_vm_stats replies_domstats(const char *text, const struct libvirt_meta *meta)
{
	GArray *params = params_of(text);
	struct kvmlens_vm_stats stats;

	kvmlens_vm_stats_init(&stats);
	libvirt_stats_fill((virTypedParameter *)params->data, params->len, meta, &stats);
	params_free(params);
	return stats;
}
