// SPDX-License-Identifier: Apache-2.0
/* What the kernel says of interfaces. The first byte chooses the parser. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "vm/link.h"
#include "vm/owner.h"
#include "vm/tap.h"
#include "vm/unix_listener.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_message(const uint8_t *data, size_t size)
{
	g_autofree uint8_t *aligned = g_memdup2(data, size);
	struct link link;

	if (aligned && !link_parse(aligned, size, &link) &&
	    (!link_name_valid(link.name) || strlen(link.kind) >= sizeof(link.kind)))
		abort();
}

static void fuzz_proc(const char *text, size_t size)
{
	g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(struct link));

	link_parse_proc(text, size, links);
	for (unsigned i = 0; i < links->len; i++)
		if (!link_name_valid(g_array_index(links, struct link, i).name))
			abort();
}

static void fuzz_tap(const char *text, size_t size)
{
	g_autofree char *copy = g_strndup(text, size);
	char name[IFNAMSIZ];
	struct tap tap;

	if (tap_parse_fdinfo(text, size, name) && !link_name_valid(name))
		abort();
	tap_parse_device(copy, &tap);
	tap_parse_major(copy, "macvtap");
}

static void fuzz_listener(const uint8_t *data, size_t size)
{
	g_autofree uint8_t *aligned = g_memdup2(data, size);
	struct unix_listener listener;

	if (aligned)
		unix_listener_parse(aligned, size, &listener);
	unix_listener_by_path((const char *)data, size, "/run/agent.sock");
}

static void fuzz_owner(const char *text, size_t size)
{
	struct owner_ids ids;

	owner_parse_status(text, size, &ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size--)
		return 0;
	switch (*data++ % 5) {
	case 0:
		fuzz_message(data, size);
		break;
	case 1:
		fuzz_proc((const char *)data, size);
		break;
	case 2:
		fuzz_tap((const char *)data, size);
		break;
	case 3:
		fuzz_listener(data, size);
		break;
	case 4:
		fuzz_owner((const char *)data, size);
		break;
	}
	return 0;
}
