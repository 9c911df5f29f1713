// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include "guest/system.h"

#define NODES_MAX 64u
#define EVENTS_MAX 512u
#define ZONES_MAX 8u
#define LOAD_SHIFT 11 /* fixed-point bits of avenrun */
#define TK_MAX 1024u
#define PAGES_LIMIT (1ull << 40)

static uint64_t read_u64(struct guest_kernel *k, enum kernel_symbol symbol, uint64_t offset)
{
	uint64_t v;

	return guest_kernel_read(k, symbol, offset, &v, 8) < 0 ? GUEST_ABSENT : v;
}

/* A count of pages that is signed in the kernel and may be a little below zero for a moment. */
static uint64_t pages_of(uint64_t v)
{
	if ((int64_t)v < 0)
		return v == GUEST_ABSENT ? GUEST_ABSENT : 0;
	return v < PAGES_LIMIT ? v : GUEST_ABSENT;
}

static uint64_t stat_pages(struct guest_kernel *k, enum kernel_symbol symbol, enum layout_enum item)
{
	int32_t i = k->layout.value[item];

	return i < 0 ? GUEST_ABSENT : pages_of(read_u64(k, symbol, 8ull * i));
}

static uint64_t to_bytes(uint64_t pages)
{
	return pages == GUEST_ABSENT ? GUEST_ABSENT : pages * GUEST_PAGE;
}

static uint64_t zone_low(const struct layout *l, const uint8_t *zone)
{
	uint64_t low = 0, boost = 0;

	memcpy(&low, zone + l->field[L_ZONE_WATERMARK].offset + 8 * l->value[E_WMARK_LOW], 8);
	if (layout_has(l, L_ZONE_BOOST))
		memcpy(&boost, zone + l->field[L_ZONE_BOOST].offset, 8);
	return pages_of(low) == GUEST_ABSENT ? 0
					     : low + (pages_of(boost) == GUEST_ABSENT ? 0 : boost);
}

/* The sum of all zones' low watermarks: below it the kernel begins to reclaim. */
static uint64_t low_watermark(struct guest_kernel *k)
{
	const struct layout *l = &k->layout;
	uint32_t nodes = 1, end = l->field[L_ZONE_BOOST].offset + 8;
	uint8_t zone[256];
	uint64_t sum = 0;

	if (end < l->field[L_ZONE_WATERMARK].offset + l->field[L_ZONE_WATERMARK].size)
		end = l->field[L_ZONE_WATERMARK].offset + l->field[L_ZONE_WATERMARK].size;
	if (!layout_has(l, L_ZONE_WATERMARK) || l->value[E_WMARK_LOW] < 0 ||
	    8u * l->value[E_WMARK_LOW] + 8 > l->field[L_ZONE_WATERMARK].size ||
	    end > sizeof(zone) || !l->zone_size || !l->zones || l->zones > ZONES_MAX)
		return GUEST_ABSENT;
	guest_kernel_read(k, SYM_NR_NODES, 0, &nodes, 4);
	for (uint32_t node = 0; node < nodes && node < NODES_MAX; node++) {
		uint64_t at = read_u64(k, SYM_NODE_DATA, 8ull * node);

		if (at == GUEST_ABSENT || at == 0)
			continue;
		at += l->field[L_NODE_ZONES].offset;
		for (uint32_t i = 0; i < l->zones; i++, at += l->zone_size) {
			if (guest_space_read(&k->space, at, zone, end) < 0)
				return GUEST_ABSENT;
			sum += zone_low(l, zone);
		}
	}
	return sum;
}

/* As much of n as can be taken before the low watermark stops it. */
static uint64_t takeable(uint64_t n, uint64_t low)
{
	return n - (n / 2 < low ? n / 2 : low);
}

/* The kernel's own estimate: si_mem_available(). */
static uint64_t available(struct guest_kernel *k, uint64_t free_pages)
{
	uint64_t reserve = pages_of(read_u64(k, SYM_TOTALRESERVE, 0));
	uint64_t active = stat_pages(k, SYM_NODE_STAT, E_ACTIVE_FILE);
	uint64_t inactive = stat_pages(k, SYM_NODE_STAT, E_INACTIVE_FILE);
	uint64_t slab = stat_pages(k, SYM_NODE_STAT, E_SLAB_RECLAIMABLE);
	uint64_t misc = stat_pages(k, SYM_NODE_STAT, E_MISC_RECLAIMABLE);
	uint64_t low = low_watermark(k), sum;

	if (free_pages == GUEST_ABSENT || reserve == GUEST_ABSENT || active == GUEST_ABSENT ||
	    inactive == GUEST_ABSENT || slab == GUEST_ABSENT || misc == GUEST_ABSENT ||
	    low == GUEST_ABSENT)
		return GUEST_ABSENT;
	sum = free_pages + takeable(active + inactive, low) + takeable(slab + misc, low);
	return sum > reserve ? sum - reserve : 0;
}

static void read_memory(struct guest_kernel *k, struct guest_system *s)
{
	uint64_t free_pages = stat_pages(k, SYM_ZONE_STAT, E_FREE_PAGES);

	s->mem_total = to_bytes(pages_of(read_u64(k, SYM_TOTALRAM, 0)));
	s->mem_free = to_bytes(free_pages);
	s->mem_available = to_bytes(available(k, free_pages));
	s->mem_cached = to_bytes(stat_pages(k, SYM_NODE_STAT, E_FILE_PAGES));
	s->mem_shared = to_bytes(stat_pages(k, SYM_NODE_STAT, E_SHMEM));
	s->swap_total = to_bytes(pages_of(read_u64(k, SYM_TOTAL_SWAP, 0)));
	s->swap_free = to_bytes(pages_of(read_u64(k, SYM_FREE_SWAP, 0)));
}

static uint64_t event_of(const uint64_t *events, uint32_t n, int32_t item)
{
	return item >= 0 && (uint32_t)item < n ? events[item] : GUEST_ABSENT;
}

static void add_event(uint64_t *sum, uint64_t part)
{
	*sum = *sum == GUEST_ABSENT || part == GUEST_ABSENT ? GUEST_ABSENT : *sum + part;
}

/* Events are counted per CPU and summed up by whoever asks, CPUs that went offline included. */
static void read_events(struct guest_kernel *k, struct guest_system *s)
{
	const struct layout *l = &k->layout;
	uint32_t n = l->field[L_EVENT_ARRAY].size / 8;
	uint64_t events[EVENTS_MAX];

	s->faults = s->major_faults = s->swap_in_pages = s->swap_out_pages = GUEST_ABSENT;
	if (!n || n > EVENTS_MAX || !k->symbol[SYM_EVENTS] || !k->cpus)
		return;
	s->faults = s->major_faults = s->swap_in_pages = s->swap_out_pages = 0;
	for (uint32_t cpu = 0; cpu < k->cpus; cpu++) {
		uint64_t at = guest_kernel_percpu(k, k->symbol[SYM_EVENTS], cpu);

		if (guest_space_read(&k->space, at + l->field[L_EVENT_ARRAY].offset, events,
				     8 * n) < 0)
			memset(events, 0xff, sizeof(events));
		add_event(&s->faults, event_of(events, n, l->value[E_PGFAULT]));
		add_event(&s->major_faults, event_of(events, n, l->value[E_PGMAJFAULT]));
		add_event(&s->swap_in_pages, event_of(events, n, l->value[E_PSWPIN]));
		add_event(&s->swap_out_pages, event_of(events, n, l->value[E_PSWPOUT]));
	}
}

static uint64_t percpu_u64(struct guest_kernel *k, enum kernel_symbol symbol,
			   enum layout_field field, uint32_t cpu)
{
	uint64_t v, at = guest_kernel_percpu(k, k->symbol[symbol], cpu);

	if (!k->symbol[symbol] || !layout_has(&k->layout, field))
		return GUEST_ABSENT;
	at += k->layout.field[field].offset;
	return guest_space_read(&k->space, at, &v, 8) < 0 ? GUEST_ABSENT : v;
}

static bool tick_stops(struct guest_kernel *k)
{
	uint8_t active = 1;

	return guest_kernel_read(k, SYM_TICK_ACTIVE, 0, &active, 1) == -ENOENT || active;
}

/* Where the tick stops in idle, idle and iowait are kept elsewhere, as in fs/proc/stat.c. */
static void read_idle(struct guest_kernel *k, uint32_t cpu, struct guest_cpu *c)
{
	uint64_t idle = percpu_u64(k, SYM_TICK_SCHED, L_TICK_IDLE_SLEEP, cpu);
	uint64_t iowait = percpu_u64(k, SYM_TICK_SCHED, L_TICK_IOWAIT_SLEEP, cpu);

	if (idle == GUEST_ABSENT || iowait == GUEST_ABSENT || !tick_stops(k))
		return;
	c->idle_ns = idle;
	c->iowait_ns = iowait;
}

static void read_cpu(struct guest_kernel *k, uint32_t cpu, struct guest_cpu *c)
{
	const struct layout *l = &k->layout;
	uint32_t n = l->field[L_CPUSTAT_ARRAY].size / 8;
	uint64_t at = guest_kernel_percpu(k, k->symbol[SYM_CPUSTAT], cpu);
	uint64_t stat[32];

	memset(c, 0xff, sizeof(*c));
	if (!k->symbol[SYM_CPUSTAT] || !n || n > 32 ||
	    guest_space_read(&k->space, at + l->field[L_CPUSTAT_ARRAY].offset, stat, 8 * n) < 0)
		return;
	c->user_ns = event_of(stat, n, l->value[E_CPU_USER]);
	c->nice_ns = event_of(stat, n, l->value[E_CPU_NICE]);
	c->system_ns = event_of(stat, n, l->value[E_CPU_SYSTEM]);
	c->irq_ns = event_of(stat, n, l->value[E_CPU_IRQ]);
	c->softirq_ns = event_of(stat, n, l->value[E_CPU_SOFTIRQ]);
	c->iowait_ns = event_of(stat, n, l->value[E_CPU_IOWAIT]);
	c->idle_ns = event_of(stat, n, l->value[E_CPU_IDLE]);
	c->steal_ns = event_of(stat, n, l->value[E_CPU_STEAL]);
	c->run_delay_ns = percpu_u64(k, SYM_RUNQUEUES, L_RQ_RUN_DELAY, cpu);
	read_idle(k, cpu, c);
}

static void add_cpu(struct guest_cpu *total, const struct guest_cpu *c)
{
	uint64_t *sum = (uint64_t *)total;
	const uint64_t *part = (const uint64_t *)c;

	for (unsigned i = 0; i < sizeof(*c) / 8; i++)
		add_event(&sum[i], part[i]);
}

static bool is_online(const uint64_t *mask, uint32_t cpu)
{
	return mask[cpu / 64] >> (cpu % 64) & 1;
}

static void read_cpus(struct guest_kernel *k, struct guest_system *s, struct guest_cpu *cpus,
		      uint32_t *ret_n)
{
	uint64_t online[GUEST_CPUS_MAX / 64];
	uint32_t n = 0;

	if (guest_kernel_read(k, SYM_ONLINE_MASK, 0, online, (k->cpus + 63) / 64 * 8) < 0)
		memset(online, 0xff, sizeof(online));
	memset(&s->total, k->cpus ? 0 : 0xff, sizeof(s->total));
	for (uint32_t cpu = 0; cpu < k->cpus; cpu++) {
		struct guest_cpu c;

		read_cpu(k, cpu, &c);
		add_cpu(&s->total, &c);
		if (is_online(online, cpu) && n < GUEST_CPUS_MAX)
			cpus[n++] = c;
	}
	*ret_n = n;
}

static void read_load(struct guest_kernel *k, struct guest_system *s)
{
	uint64_t raw[3];

	s->load[0] = s->load[1] = s->load[2] = GUEST_ABSENT;
	if (guest_kernel_read(k, SYM_AVENRUN, 0, raw, sizeof(raw)) < 0)
		return;
	for (unsigned i = 0; i < 3; i++) {
		if (raw[i] < UINT64_MAX / 1000)
			s->load[i] = raw[i] * 1000 >> LOAD_SHIFT;
	}
}

static void read_name(struct guest_kernel *k, enum layout_field field, char name[GUEST_NAME_LEN])
{
	memset(name, 0, GUEST_NAME_LEN);
	if (!layout_has(&k->layout, field) ||
	    guest_kernel_read(k, SYM_UTS_NS, k->layout.field[field].offset, name,
			      GUEST_NAME_LEN - 1) < 0)
		memset(name, 0, GUEST_NAME_LEN);
}

static uint64_t tk_field(const struct layout *l, const uint8_t *tk, enum layout_field field)
{
	uint64_t v = 0;

	memcpy(&v, tk + l->field[field].offset - l->tk_lo, l->field[field].size);
	return v;
}

/* Time since boot as of the guest's last tick. Read until two copies agree. */
static uint64_t read_clock(struct guest_kernel *k)
{
	const struct layout *l = &k->layout;
	enum kernel_symbol symbol = k->symbol[SYM_TK_CORE] ? SYM_TK_CORE : SYM_TK_DATA;
	uint8_t tk[TK_MAX], again[TK_MAX];
	uint32_t len = l->tk_hi - l->tk_lo, shift;

	if (!layout_has(l, L_TK_MONO_BASE) || !layout_has(l, L_TK_MONO_NSEC) ||
	    !layout_has(l, L_TK_MONO_SHIFT) || !layout_has(l, L_TK_OFFS_BOOT) || len > TK_MAX)
		return GUEST_ABSENT;
	for (unsigned try = 0; try < 4; try++) {
		if (guest_kernel_read(k, symbol, l->tk_offset + l->tk_lo, tk, len) < 0 ||
		    guest_kernel_read(k, symbol, l->tk_offset + l->tk_lo, again, len) < 0)
			return GUEST_ABSENT;
		shift = tk_field(l, tk, L_TK_MONO_SHIFT);
		if (memcmp(tk, again, len) == 0 && shift < 64)
			return tk_field(l, tk, L_TK_MONO_BASE) +
			       (tk_field(l, tk, L_TK_MONO_NSEC) >> shift) +
			       tk_field(l, tk, L_TK_OFFS_BOOT);
	}
	return GUEST_ABSENT;
}

void guest_system_read(struct guest_kernel *kernel, struct guest_system *ret_system,
		       struct guest_cpu *cpus, uint32_t *ret_n_cpus)
{
	struct guest_system s = {0};

	read_memory(kernel, &s);
	read_events(kernel, &s);
	read_cpus(kernel, &s, cpus, ret_n_cpus);
	read_load(kernel, &s);
	read_name(kernel, L_UTS_NODENAME, s.hostname);
	read_name(kernel, L_UTS_RELEASE, s.release);
	s.uptime_ns = read_clock(kernel);
	*ret_system = s;
}
