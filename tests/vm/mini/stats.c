// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "stats.h"

static const char *const wanted[] = {"exits", "halt_exits", "io_exits", "halt_wait_ns"};

int mini_stats_open(int vcpu_fd)
{
	return ioctl(vcpu_fd, KVM_GET_STATS_FD, NULL);
}

static void print_if_wanted(int fd, const char *name, uint64_t offset)
{
	uint64_t value;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strcmp(name, wanted[i]) &&
		    pread(fd, &value, sizeof(value), offset) == sizeof(value))
			printf(" %s=%llu", name, (unsigned long long)value);
}

void mini_stats_print(int stats_fd)
{
	struct kvm_stats_header header;
	struct kvm_stats_desc *desc;
	size_t size;

	if (stats_fd < 0 || pread(stats_fd, &header, sizeof(header), 0) != sizeof(header))
		return;
	size = sizeof(*desc) + header.name_size;
	desc = calloc(1, size + 1);
	for (uint32_t i = 0; desc && i < header.num_desc; i++)
		if (pread(stats_fd, desc, size, header.desc_offset + i * size) == (ssize_t)size)
			print_if_wanted(stats_fd, desc->name, header.data_offset + desc->offset);
	free(desc);
}

void mini_schedstat_print(pid_t tid)
{
	unsigned long long run, delay;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", tid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fscanf(file, "%llu %llu", &run, &delay) == 2)
		printf(" run=%llu delay=%llu", run, delay);
	fclose(file);
}

static void print_counter(const char *dir, const char *name)
{
	unsigned long long value;
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%s/%s", dir, name);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fscanf(file, "%llu", &value) == 1)
		printf(" vm_%s=%llu", name, value);
	fclose(file);
}

void mini_debugfs_print(pid_t pid)
{
	DIR *dir = opendir("/sys/kernel/debug/kvm");
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (atoi(entry->d_name) != pid)
			continue;
		print_counter(entry->d_name, "exits");
		print_counter(entry->d_name, "halt_exits");
	}
	closedir(dir);
}
