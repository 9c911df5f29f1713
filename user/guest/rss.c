// SPDX-License-Identifier: Apache-2.0
#include "guest/rss.h"

#include <string.h>

#define OBJECT_MAX 1024u
#define PAGES_MAX (1ull << 40)
#define PAGES_BELOW_ZERO (1ull << 20)
#define SETTLE_TRIES 8u

static void add_cache(const uint8_t *at, int sign, int64_t cached[4])
{
	for (unsigned i = 0; i < 4; i++) {
		int32_t pages;

		memcpy(&pages, at + 4 * i, 4);
		cached[i] += sign * (int64_t)pages;
	}
}

static const uint8_t *cache_of(const struct layout *l, const struct task_image *image)
{
	return image->bytes + l->field[L_TASK_RSS_CACHE].offset - l->task_lo;
}

void guest_rss_thread(const struct layout *l, const struct task_image *image, struct rss_look *look)
{
	if (layout_has(l, L_TASK_RSS_CACHE))
		add_cache(cache_of(l, image), 1, look->cached);
}

static bool read_mm(struct guest_kernel *k, uint64_t mm_va, uint8_t mm[OBJECT_MAX])
{
	const struct layout *l = &k->layout;

	return l->rss != RSS_UNKNOWN && l->mm_hi - l->mm_lo <= OBJECT_MAX &&
	       guest_space_linear(&k->space, mm_va, l->mm_hi) &&
	       guest_space_read(&k->space, mm_va + l->mm_lo, mm, l->mm_hi - l->mm_lo) == 0;
}

/* The counts in the mm itself. */
static void own_counts(const struct layout *l, const uint8_t *mm, struct pages *ret_pages)
{
	for (unsigned i = 0; i < 4; i++) {
		size_t at = l->rss == RSS_ATOMIC
				    ? 8 * i
				    : i * l->percpu_counter_size + l->field[L_PERCPU_COUNT].offset;

		memcpy(&ret_pages->count[i], mm + at, 8);
	}
}

/* Add what the CPUs have not yet given to the mm. Their pages are copied once a walk: near. */
static bool add_percpu(struct guest_kernel *k, const uint8_t *mm, bool near, struct pages *pages)
{
	const struct layout *l = &k->layout;
	uint64_t where[4];

	for (unsigned i = 0; i < 4; i++) {
		memcpy(&where[i],
		       mm + i * l->percpu_counter_size + l->field[L_PERCPU_COUNTERS].offset, 8);
		if (where[i] != where[0] + 4 * i)
			return false;
	}
	for (uint32_t cpu = 0; cpu < k->cpus; cpu++) {
		uint64_t at = guest_kernel_percpu(k, where[0], cpu);
		int32_t part[4];

		if ((near ? guest_space_read_near(&k->space, at, part, sizeof(part))
			  : guest_space_read(&k->space, at, part, sizeof(part))) < 0)
			return false;
		for (unsigned i = 0; i < 4; i++)
			pages->count[i] += (uint64_t)(int64_t)part[i];
	}
	return k->cpus != 0;
}

/* A count whose parts are read one after the other can be a little below zero. */
static uint64_t pages_to_bytes(uint64_t pages)
{
	if (pages > UINT64_MAX - PAGES_BELOW_ZERO)
		return 0;
	return pages < PAGES_MAX ? pages * GUEST_PAGE : GUEST_ABSENT;
}

static void show(const struct pages *pages, struct guest_task *task)
{
	task->rss = pages_to_bytes(pages->count[0] + pages->count[1] + pages->count[3]);
	task->swap = pages_to_bytes(pages->count[2]);
}

static bool same_pages(const struct pages *a, const struct pages *b)
{
	return !memcmp(a->count, b->count, sizeof(a->count));
}

/* Pages go from a CPU's part to the mm's only while the process runs. */
static bool read_percpu(struct guest_kernel *k, uint64_t mm_va, bool ran, struct guest_task *task)
{
	uint8_t mm[OBJECT_MAX];
	struct pages pages, own, again;

	if (!read_mm(k, mm_va, mm))
		return true;
	own_counts(&k->layout, mm, &own);
	pages = own;
	if (!add_percpu(k, mm, !ran, &pages))
		return true;
	if (ran) {
		if (!read_mm(k, mm_va, mm))
			return true;
		own_counts(&k->layout, mm, &again);
		if (!same_pages(&own, &again))
			return false;
	}
	show(&pages, task);
	return true;
}

void guest_rss_begin(struct guest_kernel *k, const struct task_image *leader, struct rss_look *look)
{
	const struct layout *l = &k->layout;
	const struct layout_field_at *f = &l->field[L_TASK_RSS_CACHE];
	uint8_t mm[OBJECT_MAX], cache[16];

	if (l->rss != RSS_ATOMIC || !f->size ||
	    !read_mm(k, guest_task_u64(l, leader, L_TASK_MM), mm))
		return;
	own_counts(l, mm, &look->before);
	if (guest_space_read(&k->space, leader->va + f->offset, cache, sizeof(cache)) < 0)
		return;
	add_cache(cache_of(l, leader), -1, look->cached);
	add_cache(cache, 1, look->cached);
	look->threads = true;
}

bool guest_rss_read(struct guest_kernel *k, uint64_t mm_va, const struct rss_look *look,
		    struct guest_task *task)
{
	uint8_t mm[OBJECT_MAX];
	struct pages pages;

	if (k->layout.rss == RSS_PERCPU)
		return read_percpu(k, mm_va, look->ran, task);
	if (!read_mm(k, mm_va, mm))
		return true;
	own_counts(&k->layout, mm, &pages);
	if (look->threads && !same_pages(&pages, &look->before))
		return false;
	for (unsigned i = 0; i < 4; i++)
		pages.count[i] += (uint64_t)look->cached[i];
	show(&pages, task);
	return true;
}

bool guest_rss_same(const struct layout *l, const struct task_image *leader, const uint8_t *again)
{
	const struct layout_field_at *f = &l->field[L_TASK_RSS_CACHE];

	return l->rss != RSS_ATOMIC || !f->size ||
	       !memcmp(cache_of(l, leader), again + f->offset - l->check_lo, 16);
}

/* The leader's cache between two looks at the mm: nothing was given in between if these agree. */
static bool settle_atomic(struct guest_kernel *k, const struct task_image *leader,
			  struct guest_task *task)
{
	const struct layout *l = &k->layout;
	uint64_t mm_va = guest_task_u64(l, leader, L_TASK_MM);
	uint8_t mm[OBJECT_MAX], cache[16];
	int64_t cached[4] = {0};
	struct pages pages, again;

	if (!read_mm(k, mm_va, mm))
		return false;
	own_counts(l, mm, &pages);
	if (guest_space_read(&k->space, leader->va + l->field[L_TASK_RSS_CACHE].offset, cache,
			     sizeof(cache)) < 0 ||
	    !read_mm(k, mm_va, mm))
		return false;
	own_counts(l, mm, &again);
	if (!same_pages(&pages, &again))
		return false;
	add_cache(cache, 1, cached);
	for (unsigned i = 0; i < 4; i++)
		pages.count[i] += (uint64_t)cached[i];
	show(&pages, task);
	return true;
}

void guest_rss_settle(struct guest_kernel *k, const struct task_image *leader,
		      const struct rss_look *look, struct guest_task *task)
{
	uint64_t mm_va = guest_task_u64(&k->layout, leader, L_TASK_MM);
	bool settled = false;

	task->rss = task->swap = GUEST_ABSENT;
	for (unsigned i = 0; !settled && i < SETTLE_TRIES; i++) {
		if (k->layout.rss == RSS_PERCPU)
			settled = read_percpu(k, mm_va, true, task);
		else if (task->threads <= 1)
			settled = settle_atomic(k, leader, task);
		else
			return;
	}
}
