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

static const char *const texts[STALL_CAUSES] = {
	[STALL_NONE] = "the cause is not known yet",
	[STALL_NOT_SCHEDULED] = "none of its runnable vCPUs got a CPU",
	[STALL_THROTTLED] = "the CPU quota of its cgroup was used up",
	[STALL_USERSPACE] = "its VMM did not finish what a vCPU had asked of it",
	[STALL_PAGE_FAULT] = "it waited for a page of its memory on the host",
	[STALL_PAUSED] = "its VMM had paused it",
	[STALL_SIGSTOP] = "its process was stopped from outside (SIGSTOP, a debugger, the freezer)",
};

const char *stall_cause_text(enum stall_cause cause)
{
	return texts[(unsigned)cause < STALL_CAUSES ? cause : STALL_NONE];
}

enum stall_cause stall_cause_find(const char *name)
{
	for (int i = 0; i < STALL_CAUSES; i++)
		if (g_strcmp0(names[i], name) == 0)
			return i;
	return STALL_NONE;
}
