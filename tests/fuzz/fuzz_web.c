// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an Accept header, as a question to the history, and as what a VM is called: the
 * page must stay one line a sample, and valid UTF-8.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include "export/json.h"
#include "export/prometheus.h"
#include "metric/model.h"
#include "web/accept.h"
#include "web/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct textbuf *text, unsigned lines)
{
	unsigned n = 0;

	g_assert(g_utf8_validate(text->data, text->len, NULL));
	for (size_t i = 0; i < text->len; i++) {
		g_assert((unsigned char)text->data[i] >= 0x20 || text->data[i] == '\n');
		n += text->data[i] == '\n';
	}
	g_assert(n == lines);
}

static void check_names(const char *text)
{
	struct kvmlens_snapshot *snapshot = snapshot_new();
	struct snap_vm *vm;
	struct snap_info *info;
	textbuf_auto page = {0}, json = {0};

	entities_alloc(&snapshot->vms, 1, sizeof(*vm));
	vm = entities_at(&snapshot->vms, 0);
	vm->ident = vm_ident_new(text, text, 1, 1, false);
	vm->labels = labels_ref(vm->ident->labels);
	entities_alloc(&vm->info, 1, sizeof(*info));
	info = entities_at(&vm->info, 0);
	info->labels =
		labels_new(vm->labels, (struct kvmlens_tag[]){{text, text}, {"os", text}}, 2);
	info->one = 1;
	prometheus_render(snapshot, &page);
	json_render_lines(snapshot, &json);
	/* Without groups there are vm_up and vm_info, of three lines each. */
	check_text(&page, 2 * 3);
	check_text(&json, 2);
	kvmlens_snapshot_unref(snapshot);
}

/* The arguments of a question, one a line; "" is an argument that is not there. */
static const char *argument(void *arg, const char *name)
{
	static const char *const names[] = {"vm", "metric", "since", "until", "step"};
	char **lines = arg;

	for (size_t i = 0; i < G_N_ELEMENTS(names) && lines[i]; i++)
		if (!strcmp(name, names[i]))
			return *lines[i] ? lines[i] : NULL;
	return NULL;
}

static void check_query(const uint8_t *data, size_t size, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", 6);
	struct wire_query query = {0};
	const char *complaint = NULL;

	if (query_parse(argument, lines, 1700000000000, &query, &complaint) == 0)
		g_assert(query_valid(&query));
	else
		g_assert(complaint && g_str_has_suffix(complaint, "\n"));
	/* As a face that fell would send it. */
	memcpy(&query, data, MIN(size, sizeof(query)));
	if (query_valid(&query))
		g_assert(strlen(query.vm) < WIRE_NAME_MAX && query.since_ms < query.until_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = {PROMETHEUS_TYPE, OPENMETRICS_TYPE, "*/*", "", "/"};
	g_autofree char *text = g_strndup((const char *)data, size);

	g_assert(accept_choose(text, types, G_N_ELEMENTS(types)) < G_N_ELEMENTS(types));
	g_assert(accept_choose(text, types, 1) == 0);
	check_names(text);
	check_query(data, size, text);
	return 0;
}
