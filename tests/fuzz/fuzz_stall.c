// SPDX-License-Identifier: Apache-2.0
/* Where a thread is, as /proc tells it, and labels as the history keeps them. */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "core/stall.h"
#include "why/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_call(const char *text)
{
	struct stall_thread thread = {.state = 'S'};

	stall_parse_call(text, &thread);
	if ((unsigned)thread.call > CALL_OTHER)
		abort();
	stall_main_is_held(&thread);
}

static void fuzz_label(const char *text)
{
	g_autofree char *value = evidence_label(text, "by");

	if (value && strlen(value) > strlen(text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = size ? g_strndup((const char *)data + 1, size - 1) : NULL;

	if (!size)
		return 0;
	if (*data % 2)
		fuzz_call(text);
	else
		fuzz_label(text);
	return 0;
}
