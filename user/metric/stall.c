// SPDX-License-Identifier: Apache-2.0
#include "metric/stall.h"

#include <glib.h>

static const char *const names[STALL_CAUSES] = {
	[STALL_NONE] = "none",
	[STALL_NOT_SCHEDULED] = "not_scheduled",
	[STALL_THROTTLED] = "throttled",
	[STALL_USERSPACE] = "userspace",
	[STALL_PAGE_FAULT] = "page_fault",
	[STALL_PAUSED] = "paused",
	[STALL_SIGSTOP] = "sigstop",
};

const char *stall_cause_name(enum stall_cause cause)
{
	return (unsigned)cause < STALL_CAUSES ? names[cause] : "none";
}

enum stall_cause stall_cause_find(const char *name)
{
	for (int i = 0; i < STALL_CAUSES; i++)
		if (g_strcmp0(names[i], name) == 0)
			return i;
	return STALL_NONE;
}
