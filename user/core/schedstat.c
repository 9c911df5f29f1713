// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/schedstat.h"

int schedstat_parse(const char *line, uint64_t *ret_run, uint64_t *ret_ready,
		    uint64_t *ret_switches)
{
	uint64_t run, ready, switches;

	if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &run, &ready, &switches) != 3)
		return -EINVAL;
	*ret_run = run;
	*ret_ready = ready;
	*ret_switches = switches;
	return 0;
}

int schedstat_read(const char *proc, pid_t pid, pid_t tid, struct cpu_times *ret_times,
		   uint64_t *ret_switches)
{
	char path[256], line[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%d/task/%d/schedstat", proc, pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n <= 0)
		return -EINVAL;
	line[n] = '\0';
	return schedstat_parse(line, &ret_times->run, &ret_times->ready, ret_switches);
}
