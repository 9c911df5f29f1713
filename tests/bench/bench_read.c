// SPDX-License-Identifier: Apache-2.0
/*
 * Reading 8,000 thread records: ours, through mmap with the consistency check, against
 * bpf_map_lookup_batch on the same map. Prints medians and the ratio; exit 1 below 15 times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "probe/threads.h"

#define RECORDS 8000
#define ROUNDS 31

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

static uint64_t sum_mapped(struct threads *threads)
{
	struct sched_thread record;
	uint64_t sum = 0;
	unsigned slot;

	for (slot = 1; slot <= RECORDS; slot++)
		if (!threads_read(threads, slot, &record))
			sum += record.run_ns;
	return sum;
}

static uint64_t sum_batch(int fd, struct sched_thread *values, __u32 *keys)
{
	__u32 count = RECORDS + 1, out;
	uint64_t sum = 0;
	unsigned i;

	if (bpf_map_lookup_batch(fd, NULL, &out, keys, values, &count, NULL) &&
	    count != RECORDS + 1)
		return 0;
	for (i = 1; i < count; i++)
		sum += values[i].run_ns;
	return sum;
}

int main(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	size_t size = (RECORDS + 1) * sizeof(struct sched_thread);
	struct sched_thread *values = malloc(size), *mapped;
	__u32 *keys = malloc((RECORDS + 1) * sizeof(*keys));
	double ours[ROUNDS], batch[ROUNDS], ratio;
	uint16_t *pids = calloc(SCHED_PID_SLOTS, sizeof(*pids));
	struct threads *threads;
	int fd, i, is_new;

	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "records", 4, sizeof(*values), RECORDS + 1, &opts);
	if (fd < 0) {
		puts("needs root and BPF");
		return 77;
	}
	mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	threads = threads_new(pids, mapped, RECORDS + 1);
	for (i = 1; i <= RECORDS; i++) {
		threads_add(threads, i, 1, SCHED_ROLE_VCPU, 0, &is_new);
		mapped[i].run_ns = i;
	}
	for (i = 0; i < ROUNDS; i++) {
		double t0 = now_ms(), t1;
		uint64_t a = sum_mapped(threads), b;

		t1 = now_ms();
		b = sum_batch(fd, values, keys);
		ours[i] = t1 - t0;
		batch[i] = now_ms() - t1;
		if (a != b || a != (uint64_t)RECORDS * (RECORDS + 1) / 2) {
			puts("the two ways of reading disagree");
			return 1;
		}
	}
	ratio = median(batch, ROUNDS) / median(ours, ROUNDS);
	printf("8,000 records: mmap %.3f ms, batch lookup %.3f ms\n", median(ours, ROUNDS),
	       median(batch, ROUNDS));
	printf("%-60s %6.2f  (target >= 15)%s\n", "batch lookup / mmap", ratio,
	       ratio >= 15 ? "" : "  MISSED");
	return ratio < 15;
}
