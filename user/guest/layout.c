// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/param.h>
#include "guest/layout.h"

#define ANY_ARRAY -1
#define FILES_MAX 1024u /* its embedded table and bitmap lie in there */
#define SPAN_MAX 16384u /* bytes read of one object at most */

struct field_row {
	const char *holder, *path, *other;
	int size;
};

static const struct field_row field_rows[L_MAX] = {
#define F(id, holder_, path_, other_, size_) \
	[L_##id] = {.holder = holder_, .path = path_, .other = other_, .size = size_},
	LAYOUT_FIELDS(F)
#undef F
};

struct enum_row {
	const char *holder, *name, *other;
};

static const struct enum_row enum_rows[E_MAX] = {
#define E(id, holder_, name_, other_) \
	[E_##id] = {.holder = holder_, .name = name_, .other = other_},
	LAYOUT_ENUMS(E)
#undef E
};

enum holder {
	H_TASK,
	H_SIGNAL,
	H_CRED,
	H_FILES,
	H_FDTABLE,
	H_PERCPU,
	H_CPUSTAT,
	H_TICK,
	H_RQ,
	H_EVENT,
	H_NODE,
	H_ZONE,
	H_UTS,
	H_TK,
	H_MM,
	H_TK_DATA,
	H_CSET,
	H_CGROUP,
	H_KN,
	H_ENUM_ZONE,
	H_ENUM_NODE,
	H_ENUM_EVENT,
	H_ENUM_WMARK,
	H_ENUM_CPU,
	H_MAX,
};

static const struct btf_wanted holders[H_MAX] = {
	[H_TASK] = {"task_struct", KIND_STRUCT, 0},
	[H_SIGNAL] = {"signal_struct", KIND_STRUCT, 0},
	[H_CRED] = {"cred", KIND_STRUCT, 0},
	[H_FILES] = {"files_struct", KIND_STRUCT, 0},
	[H_FDTABLE] = {"fdtable", KIND_STRUCT, 0},
	[H_PERCPU] = {"percpu_counter", KIND_STRUCT, 0},
	[H_CPUSTAT] = {"kernel_cpustat", KIND_STRUCT, 0},
	[H_TICK] = {"tick_sched", KIND_STRUCT, 0},
	[H_RQ] = {"rq", KIND_STRUCT, 0},
	[H_EVENT] = {"vm_event_state", KIND_STRUCT, 0},
	[H_NODE] = {"pglist_data", KIND_STRUCT, 0},
	[H_ZONE] = {"zone", KIND_STRUCT, 0},
	[H_UTS] = {"uts_namespace", KIND_STRUCT, 0},
	[H_TK] = {"timekeeper", KIND_STRUCT, 0},
	[H_MM] = {"mm_struct", KIND_STRUCT, 0},
	[H_TK_DATA] = {"tk_data", KIND_STRUCT, 0},
	[H_CSET] = {"css_set", KIND_STRUCT, 0},
	[H_CGROUP] = {"cgroup", KIND_STRUCT, 0},
	[H_KN] = {"kernfs_node", KIND_STRUCT, 0},
	[H_ENUM_ZONE] = {"zone_stat_item", KIND_ENUM, 0},
	[H_ENUM_NODE] = {"node_stat_item", KIND_ENUM, 0},
	[H_ENUM_EVENT] = {"vm_event_item", KIND_ENUM, 0},
	[H_ENUM_WMARK] = {"zone_watermarks", KIND_ENUM, 0},
	[H_ENUM_CPU] = {"cpu_usage_stat", KIND_ENUM, 0},
};

static uint32_t holder_id(const struct btf_wanted *found, const char *name)
{
	for (unsigned i = 0; i < H_MAX; i++) {
		if (strcmp(found[i].name, name) == 0)
			return found[i].id;
	}
	return 0;
}

static bool size_right(int wanted, uint32_t size)
{
	if (wanted == ANY_ARRAY)
		return size > 0;
	return wanted == 0 ? size == 4 || size == 8 : size == (uint32_t)wanted;
}

static void fill_fields(struct layout *layout, const struct btf_view *view,
			const struct btf_wanted *found)
{
	for (unsigned i = 0; i < L_MAX; i++) {
		const struct field_row *row = &field_rows[i];
		uint32_t id = holder_id(found, row->holder);
		struct btf_member m;

		if (!id || (btf_member_find(view, id, row->path, &m) < 0 &&
			    (!row->other || btf_member_find(view, id, row->other, &m) < 0)))
			continue;
		if (!size_right(row->size, m.size))
			continue;
		layout->field[i].offset = m.offset;
		layout->field[i].size = m.size;
	}
}

static void fill_enums(struct layout *layout, const struct btf_view *view,
		       const struct btf_wanted *found)
{
	for (unsigned i = 0; i < E_MAX; i++) {
		const struct enum_row *row = &enum_rows[i];
		uint32_t id = holder_id(found, row->holder);
		int64_t value;

		layout->value[i] = -1;
		if (!id || (btf_enumerator(view, id, row->name, &value) < 0 &&
			    (!row->other || btf_enumerator(view, id, row->other, &value) < 0)))
			continue;
		if (value >= 0 && value < 1024)
			layout->value[i] = value;
	}
}

/* The type of mm_struct.rss_stat tells how resident pages are counted. */
static void fill_rss(struct layout *layout, const struct btf_view *view, uint32_t mm)
{
	struct btf_member rss, count;
	const char *name = "";
	uint32_t elem, n;

	if (!mm || btf_member_find(view, mm, "rss_stat", &rss) < 0)
		return;
	layout->rss_offset = rss.offset;
	if (btf_array(view, rss.type, &elem, &n) == 0) {
		if (btf_kind_of(view, elem, &name) == KIND_STRUCT && n == 4 &&
		    strcmp(name, "percpu_counter") == 0 && layout_has(layout, L_PERCPU_COUNT) &&
		    layout_has(layout, L_PERCPU_COUNTERS) && layout->percpu_counter_size)
			layout->rss = RSS_PERCPU;
	} else if (btf_member_find(view, rss.type, "count", &count) == 0 && count.size == 32) {
		layout->rss_offset += count.offset;
		layout->rss = RSS_ATOMIC;
	}
	layout->mm_lo = layout->rss_offset;
	layout->mm_hi = layout->rss_offset +
			(layout->rss == RSS_PERCPU ? 4 * layout->percpu_counter_size : 32);
	if (layout->mm_hi - layout->mm_lo > SPAN_MAX)
		layout->rss = RSS_UNKNOWN;
}

static void fill_sizes(struct layout *layout, const struct btf_view *view,
		       const struct btf_wanted *found)
{
	struct btf_member m;

	if (found[H_PERCPU].id)
		btf_size(view, found[H_PERCPU].id, &layout->percpu_counter_size);
	if (found[H_FDTABLE].id)
		btf_size(view, found[H_FDTABLE].id, &layout->fdtable_size);
	if (found[H_FILES].id)
		btf_size(view, found[H_FILES].id, &layout->files_size);
	if (layout->files_size > FILES_MAX)
		layout->files_size = FILES_MAX;
	if (found[H_ZONE].id)
		btf_size(view, found[H_ZONE].id, &layout->zone_size);
	if (found[H_TICK].id)
		btf_size(view, found[H_TICK].id, &layout->tick_size);
	if (layout->zone_size)
		layout->zones = layout->field[L_NODE_ZONES].size / layout->zone_size;
	/* Up to 6.12 the holder had no name: a sequence count, then the timekeeper, aligned to 8.
	 */
	layout->tk_offset = 8;
	if (found[H_TK_DATA].id &&
	    btf_member_find(view, found[H_TK_DATA].id, "timekeeper", &m) == 0)
		layout->tk_offset = m.offset;
}

/* The range that covers the fields first to last, 0 to 0 when none is known or it is too wide. */
static void span(const struct layout *layout, unsigned first, unsigned last, uint32_t *lo,
		 uint32_t *hi)
{
	uint32_t low = UINT32_MAX, high = 0;

	for (unsigned i = first; i <= last; i++) {
		const struct layout_field_at *f = &layout->field[i];

		if (!f->size)
			continue;
		if (f->offset < low)
			low = f->offset;
		if (f->offset + f->size > high)
			high = f->offset + f->size;
	}
	*lo = *hi = 0;
	if (high && high - low <= SPAN_MAX) {
		*lo = low & ~7u;
		*hi = high;
	}
}

static void fill_spans(struct layout *layout)
{
	span(layout, L_TASK_TASKS, L_TASK_RSS_CACHE, &layout->task_lo, &layout->task_hi);
	span(layout, L_TASK_TASKS, L_TASK_MM, &layout->check_lo, &layout->check_hi);
	if (layout_has(layout, L_TASK_RSS_CACHE)) {
		const struct layout_field_at *cache = &layout->field[L_TASK_RSS_CACHE];

		layout->check_lo = MIN(layout->check_lo, cache->offset);
		layout->check_hi = MAX(layout->check_hi, cache->offset + cache->size);
	}
	span(layout, L_SIGNAL_THREADS, L_SIGNAL_WRITE_BYTES, &layout->signal_lo,
	     &layout->signal_hi);
	span(layout, L_TK_MONO_BASE, L_TK_OFFS_BOOT, &layout->tk_lo, &layout->tk_hi);
}

int layout_init(struct layout *layout, const struct btf_view *view)
{
	struct btf_wanted found[H_MAX];
	struct layout l = {0};

	memcpy(found, holders, sizeof(found));
	btf_find(view, found, H_MAX);
	fill_fields(&l, view, found);
	fill_enums(&l, view, found);
	fill_sizes(&l, view, found);
	fill_rss(&l, view, found[H_MM].id);
	fill_spans(&l);
	if (!l.task_hi || !l.check_hi)
		return -EINVAL;
	if (!layout_has(&l, L_TASK_TASKS) || !layout_has(&l, L_TASK_PID) ||
	    !layout_has(&l, L_TASK_TGID) || !layout_has(&l, L_TASK_COMM) ||
	    !layout_has(&l, L_TASK_SIGNAL) || !layout_has(&l, L_TASK_MM))
		return -EINVAL;
	*layout = l;
	return 0;
}

/* FNV-1a by words: the guest gains nothing from two BTFs of its own with one hash. */
static uint64_t hash_of(const void *blob, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t at = 0; at < len; at += 8) {
		uint64_t word = 0;

		memcpy(&word, (const char *)blob + at, len - at < 8 ? len - at : 8);
		hash = (hash ^ word) * 0x100000001b3ull;
		hash ^= hash >> 32;
	}
	return hash;
}

int layout_get(struct layout_cache *cache, const void *blob, size_t len, struct layout *ret_layout)
{
	uint64_t hash = cache ? hash_of(blob, len) : 0;
	struct btf_view view;
	int r;

	if (cache && cache->len == len && cache->hash == hash) {
		*ret_layout = cache->layout;
		cache->hits++;
		return 0;
	}
	r = btf_view_init(&view, blob, len);
	if (r < 0)
		return r;
	r = layout_init(ret_layout, &view);
	btf_view_done(&view);
	if (r == 0 && cache) {
		cache->len = len;
		cache->hash = hash;
		cache->layout = *ret_layout;
	}
	return r;
}
