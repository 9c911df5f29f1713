// SPDX-License-Identifier: Apache-2.0
#include <glib.h>
#include <sched_types.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "core/cpuload.h"

#define LONG_BITS (8 * sizeof(unsigned long))

/* Clock ticks since boot. */
struct ticks {
	uint64_t idle, interrupt, total;
};

struct cpu {
	struct ticks now;
	double idle, interrupt; /* of the interval; of its busy part */
	uint64_t seen; /* number of the last tick that listed it: online */
	bool known; /* has a whole interval */
};

struct cpuload {
	char *path;
	GArray *cpus; /* struct cpu, by number */
	uint64_t tick;
};

struct cpuload *cpuload_new(const char *proc_stat)
{
	struct cpuload *load = g_new0(struct cpuload, 1);

	load->path = g_strdup(proc_stat);
	load->cpus = g_array_new(FALSE, TRUE, sizeof(struct cpu));
	return load;
}

void cpuload_free(struct cpuload *load)
{
	if (!load)
		return;
	g_array_unref(load->cpus);
	g_free(load->path);
	g_free(load);
}

/* "cpuN user nice system idle iowait irq softirq steal ..."; false: no such line. */
static bool parse(const char *line, unsigned *ret_cpu, struct ticks *ret_ticks)
{
	unsigned long long v[8] = {};
	unsigned cpu;

	if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu %llu", &cpu, &v[0], &v[1], &v[2],
		   &v[3], &v[4], &v[5], &v[6], &v[7]) < 8 ||
	    cpu >= SCHED_CPUS_MAX)
		return false;
	*ret_cpu = cpu;
	ret_ticks->idle = v[3] + v[4];
	ret_ticks->interrupt = v[5] + v[6];
	ret_ticks->total = v[0] + v[1] + v[2] + v[3] + v[4] + v[5] + v[6] + v[7];
	return true;
}

/* iowait may shrink; a share is then taken as none. */
static double share(uint64_t now, uint64_t before, uint64_t whole)
{
	return whole && now > before ? MIN((double)(now - before) / (double)whole, 1.0) : 0;
}

static void update(struct cpuload *load, struct cpu *c, const struct ticks *now)
{
	uint64_t total = now->total > c->now.total ? now->total - c->now.total : 0, idle;

	c->known = c->seen && c->seen == load->tick - 1 && total;
	idle = now->idle > c->now.idle ? now->idle - c->now.idle : 0;
	c->idle = share(now->idle, c->now.idle, total);
	c->interrupt = share(now->interrupt, c->now.interrupt, total > idle ? total - idle : 0);
	c->now = *now;
	c->seen = load->tick;
}

void cpuload_tick(struct cpuload *load)
{
	g_autofree char *text = NULL;
	struct ticks ticks;
	char *line, *next;
	unsigned cpu;

	load->tick++;
	if (!g_file_get_contents(load->path, &text, NULL, NULL))
		return;
	for (line = text; line && !strncmp(line, "cpu", 3); line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!parse(line, &cpu, &ticks))
			continue;
		if (cpu >= load->cpus->len)
			g_array_set_size(load->cpus, cpu + 1);
		update(load, &g_array_index(load->cpus, struct cpu, cpu), &ticks);
	}
}

static bool bit(const unsigned long *bits, size_t size, unsigned i)
{
	return i / 8 < size && bits[i / LONG_BITS] >> (i % LONG_BITS) & 1;
}

void cpuload_shares(const struct cpuload *load, unsigned cpu, const unsigned long *allowed,
		    size_t size, struct cause_shares *ret_shares)
{
	double busy_allowed = 1, busy_denied = 1;
	unsigned i;

	*ret_shares = (struct cause_shares){};
	for (i = 0; i < load->cpus->len; i++) {
		const struct cpu *c = &g_array_index(load->cpus, struct cpu, i);

		if (!c->known || c->seen != load->tick)
			continue;
		if (i == cpu)
			ret_shares->interrupt = c->interrupt;
		else if (bit(allowed, size, i))
			busy_allowed *= 1 - c->idle;
		else
			busy_denied *= 1 - c->idle;
	}
	ret_shares->idle_allowed = 1 - busy_allowed;
	ret_shares->idle_denied = 1 - busy_denied;
}

void cpuload_thread(const struct cpuload *load, pid_t tid, unsigned cpu,
		    struct cause_shares *ret_shares)
{
	unsigned long allowed[SCHED_CPUS_MAX / LONG_BITS];
	/* The system call itself: it says how much it wrote. */
	long size = syscall(SYS_sched_getaffinity, tid, sizeof(allowed), allowed);

	if (size <= 0) {
		*ret_shares = (struct cause_shares){};
		return;
	}
	cpuload_shares(load, cpu, allowed, (size_t)size, ret_shares);
}
