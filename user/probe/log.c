// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include <bpf/libbpf.h>
#include "probe/log.h"

#define LINE_MAX_BYTES 192

/* libbpf's callback takes no context: what it says belongs to the thread that called it. */
static _Thread_local char reason[LINE_MAX_BYTES];

/* The verifier's log is long; its own last words say less than libbpf's first complaint. */
static int keep_first(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[8192];

	if (level != LIBBPF_WARN || reason[0])
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	if (strstr(line, "-- BEGIN PROG LOAD LOG --"))
		return 0;
	line[strcspn(line, "\n")] = '\0';
	snprintf(reason, sizeof(reason), "%.*s", LINE_MAX_BYTES - 1,
		 strncmp(line, "libbpf: ", 8) ? line : line + 8);
	return 0;
}

void probe_log_begin(void)
{
	reason[0] = '\0';
	libbpf_set_print(keep_first);
}

const char *probe_log_reason(void)
{
	return reason;
}
