// SPDX-License-Identifier: Apache-2.0
#include "vm/host_read.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "metric/model.h"
#include "vm/proc_fs.h"
#include "vm/proc_parse.h"

#define FILE_MAX (1u << 20)
#define KIB 1024

#define MEMORY(key, member, unit)                               \
	{                                                       \
		key, offsetof(struct host_memory, member), unit \
	}

static const struct host_field memory_fields[] = {
	MEMORY("MemTotal", total, KIB),		MEMORY("MemFree", free, KIB),
	MEMORY("MemAvailable", available, KIB), MEMORY("Cached", cached, KIB),
	MEMORY("SwapTotal", swap_total, KIB),	MEMORY("SwapFree", swap_free, KIB),
};

static const struct host_field node_fields[] = {
	{"MemTotal", offsetof(struct host_node, mem_total), KIB},
	{"MemFree", offsetof(struct host_node, mem_free), KIB},
};

/* A file's text in a buffer that is used again and again; 0: it cannot be read. */
struct text {
	const char *root;
	char *buf;
	size_t len;
};

static bool slurp(struct text *text, const char *path)
{
	g_autofree char *whole = g_strconcat(text->root, path, NULL);
	ssize_t n = proc_fs_read(AT_FDCWD, whole, text->buf, FILE_MAX);

	text->len = n > 0 ? n : 0;
	return n > 0;
}

static uint64_t number(struct text *text, const char *dir, const char *file)
{
	g_autofree char *path = g_strconcat(dir, "/", file, NULL);

	return slurp(text, path) ? host_parse_number(text->buf, text->len) : ABSENT;
}

static void read_memory(struct text *text, struct host_memory *m)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	const struct host_field swap[] = {MEMORY("pswpin", swap_in, page),
					  MEMORY("pswpout", swap_out, page)};

	memset(m, 0xff, sizeof(*m));
	m->percent = NAN;
	if (slurp(text, "/proc/meminfo"))
		host_parse_fields(text->buf, text->len, memory_fields, G_N_ELEMENTS(memory_fields),
				  m);
	if (slurp(text, "/proc/vmstat"))
		host_parse_fields(text->buf, text->len, swap, G_N_ELEMENTS(swap), m);
	if (m->total != ABSENT && m->available <= m->total) {
		m->used = m->total - m->available;
		m->percent = m->total ? 100.0 * (double)m->used / (double)m->total : NAN;
	}
	if (m->swap_total != ABSENT && m->swap_free <= m->swap_total)
		m->swap_used = m->swap_total - m->swap_free;
}

static uint64_t pages(struct text *text, const char *file)
{
	uint64_t n = number(text, "/sys/kernel/mm/ksm", file);

	return n == ABSENT ? ABSENT : n * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void read_ksm(struct text *text, struct host_ksm *ksm)
{
	ksm->run = number(text, "/sys/kernel/mm/ksm", "run");
	ksm->scans = number(text, "/sys/kernel/mm/ksm", "full_scans");
	ksm->shared = pages(text, "pages_shared");
	ksm->sharing = pages(text, "pages_sharing");
	ksm->unshared = pages(text, "pages_unshared");
}

static void read_pressure(struct text *text, uint64_t (*stalled)[2])
{
	static const char *const files[HOST_RESOURCES] = {
		"/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io"};

	for (unsigned i = 0; i < HOST_RESOURCES; i++) {
		stalled[i][0] = stalled[i][1] = ABSENT;
		if (slurp(text, files[i]))
			host_parse_pressure(text->buf, text->len, &stalled[i][0], &stalled[i][1]);
	}
}

static void add_times(struct host_cpu_times *sum, const struct host_cpu_times *time)
{
	const uint64_t *from = (const uint64_t *)time;
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++)
		to[i] += from[i];
}

static void read_node(struct text *text, const char *dir, struct host_reading *r,
		      struct host_node *node)
{
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_autofree char *list = g_strconcat(dir, "/cpulist", NULL);
	g_autofree char *meminfo = g_strconcat(dir, "/meminfo", NULL);

	node->mem_total = node->mem_free = ABSENT;
	if (slurp(text, meminfo))
		host_parse_fields(text->buf, text->len, node_fields, G_N_ELEMENTS(node_fields),
				  node);
	if (!slurp(text, list) || !host_parse_cpulist(text->buf, text->len, cpus))
		return;
	for (unsigned i = 0; i < cpus->len; i++)
		for (unsigned j = 0; j < r->cpus->len; j++) {
			struct host_cpu_line *c = &g_array_index(r->cpus, struct host_cpu_line, j);

			if (c->id == g_array_index(cpus, uint32_t, i))
				add_times(&node->time, &c->time);
		}
}

/* The number at the end of a directory's name, after prefix and before suffix. */
static bool numbered(const char *name, const char *prefix, const char *suffix, uint64_t *ret)
{
	size_t skip = strlen(prefix), len = strlen(name), tail = strlen(suffix);

	return len > skip + tail && !memcmp(name, prefix, skip) &&
	       !strcmp(name + len - tail, suffix) &&
	       !proc_parse_u64(name + skip, len - skip - tail, UINT32_MAX, ret);
}

static int by_node(const void *a, const void *b)
{
	const struct host_node *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int by_size(const void *a, const void *b)
{
	const struct host_huge *x = a, *y = b;

	return (x->kib > y->kib) - (x->kib < y->kib);
}

static DIR *open_dir(const struct text *text, const char *path)
{
	g_autofree char *whole = g_strconcat(text->root, path, NULL);

	return opendir(whole);
}

static void read_nodes(struct text *text, struct host_reading *r)
{
	static const char dir[] = "/sys/devices/system/node";
	DIR *nodes = open_dir(text, dir);
	struct dirent *entry;
	uint64_t id;

	while (nodes && r->n_nodes < HOST_NODES_MAX && (entry = readdir(nodes))) {
		g_autofree char *path = g_strconcat(dir, "/", entry->d_name, NULL);

		if (!numbered(entry->d_name, "node", "", &id))
			continue;
		r->nodes[r->n_nodes].id = id;
		read_node(text, path, r, &r->nodes[r->n_nodes++]);
	}
	if (nodes)
		closedir(nodes);
	qsort(r->nodes, r->n_nodes, sizeof(r->nodes[0]), by_node);
}

static void read_huge(struct text *text, struct host_reading *r)
{
	static const char dir[] = "/sys/kernel/mm/hugepages";
	DIR *sizes = open_dir(text, dir);
	struct dirent *entry;
	uint64_t kib;

	while (sizes && r->n_huge < HOST_HUGE_MAX && (entry = readdir(sizes))) {
		g_autofree char *path = g_strconcat(dir, "/", entry->d_name, NULL);

		if (!numbered(entry->d_name, "hugepages-", "kB", &kib))
			continue;
		r->huge[r->n_huge++] = (struct host_huge){
			.kib = kib,
			.pages = number(text, path, "nr_hugepages"),
			.free = number(text, path, "free_hugepages"),
			.reserved = number(text, path, "resv_hugepages"),
			.surplus = number(text, path, "surplus_hugepages"),
		};
	}
	if (sizes)
		closedir(sizes);
	qsort(r->huge, r->n_huge, sizeof(r->huge[0]), by_size);
}

void host_reading_clear(gpointer reading)
{
	g_array_unref(((struct host_reading *)reading)->cpus);
}

struct host_reading *host_read(const char *root)
{
	g_autofree char *buf = g_malloc(FILE_MAX);
	struct text text = {root, buf, 0};
	struct host_reading *r = g_atomic_rc_box_new0(struct host_reading);

	r->cpus = g_array_new(FALSE, FALSE, sizeof(struct host_cpu_line));
	r->mono_ns = (uint64_t)g_get_monotonic_time() * 1000;
	if (!slurp(&text, "/proc/stat") ||
	    host_parse_stat(text.buf, text.len, 1000000000ull / sysconf(_SC_CLK_TCK), &r->time,
			    r->cpus)) {
		g_atomic_rc_box_release_full(r, host_reading_clear);
		return NULL;
	}
	read_memory(&text, &r->memory);
	read_ksm(&text, &r->ksm);
	read_pressure(&text, r->stalled);
	read_nodes(&text, r);
	read_huge(&text, r);
	return r;
}
