// SPDX-License-Identifier: Apache-2.0
#include "util/descriptors.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define OWN "/proc/self/fd"

uint64_t descriptors_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* "." and ".." and the descriptor that reads the directory are none of ours. */
static uint64_t count_entries(void)
{
	DIR *dir = opendir(OWN);
	uint64_t n = 0;

	if (!dir)
		return UINT64_MAX;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n > 3 ? n - 3 : 0;
}

uint64_t descriptors_open(void)
{
	struct stat st;

	/* Since Linux 6.2 the size is the number, which costs no descriptor. */
	if (stat(OWN, &st) == 0 && st.st_size > 0)
		return st.st_size;
	return count_entries();
}

bool descriptors_spare(unsigned n)
{
	uint64_t limit = descriptors_limit(), open = descriptors_open();

	if (limit == UINT64_MAX)
		return true;
	return open != UINT64_MAX && open + n <= limit;
}
