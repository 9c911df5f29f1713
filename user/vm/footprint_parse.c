// SPDX-License-Identifier: Apache-2.0
#include "vm/footprint_parse.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "vm/proc_parse.h"

struct field {
	const char *key;
	size_t offset;
	bool add; /* two lines make one number */
};

#define FIELD(name, member, add)                              \
	{                                                     \
		name, offsetof(struct footprint, member), add \
	}

static const struct field status_fields[] = {
	FIELD("VmRSS:", resident, false),
	FIELD("VmSwap:", swapped, false),
	FIELD("HugetlbPages:", hugetlb, false),
};

static const struct field rollup_fields[] = {
	FIELD("Rss:", resident, false),
	FIELD("Swap:", swapped, false),
	FIELD("AnonHugePages:", huge_anon, false),
	FIELD("ShmemPmdMapped:", huge_shared, false),
	FIELD("FilePmdMapped:", huge_shared, true),
	FIELD("Shared_Hugetlb:", hugetlb, false),
	FIELD("Private_Hugetlb:", hugetlb, true),
};

void footprint_init(struct footprint *footprint)
{
	memset(footprint, 0xff, sizeof(*footprint));
}

/* "Rss:      1234 kB" */
static bool number_of(const char *line, size_t len, const char *key, uint64_t *ret_bytes)
{
	size_t n = strlen(key), digits = 0;
	uint64_t kib;

	if (len < n || memcmp(line, key, n))
		return false;
	while (n < len && (line[n] == ' ' || line[n] == '\t'))
		n++;
	while (n + digits < len && g_ascii_isdigit(line[n + digits]))
		digits++;
	if (proc_parse_u64(line + n, digits, UINT64_MAX / 1024 - 1, &kib))
		return false;
	*ret_bytes = kib * 1024;
	return true;
}

static void take_line(const char *line, size_t len, const struct field *fields, size_t n,
		      struct footprint *footprint)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t *value = (uint64_t *)(void *)((char *)footprint + fields[i].offset);
		uint64_t bytes;

		if (!number_of(line, len, fields[i].key, &bytes))
			continue;
		if (fields[i].add && *value != UINT64_MAX && bytes < UINT64_MAX - *value)
			*value += bytes;
		else
			*value = bytes;
		return;
	}
}

static void take(const char *text, size_t len, const struct field *fields, size_t n,
		 struct footprint *footprint)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;

		take_line(text, line, fields, n, footprint);
		line += end != NULL;
		text += line;
		len -= line;
	}
}

void footprint_parse_status(const char *text, size_t len, struct footprint *footprint)
{
	take(text, len, status_fields, G_N_ELEMENTS(status_fields), footprint);
}

void footprint_parse_rollup(const char *text, size_t len, struct footprint *footprint)
{
	take(text, len, rollup_fields, G_N_ELEMENTS(rollup_fields), footprint);
}

/* "N3=512": pages on a node. */
static bool node_of(const char *word, unsigned *ret_node, uint64_t *ret_pages)
{
	const char *equals = strchr(word, '=');
	uint64_t node;

	if (word[0] != 'N' || !equals ||
	    proc_parse_u64(word + 1, equals - word - 1, FOOTPRINT_NODES - 1, &node) ||
	    proc_parse_u64(equals + 1, strlen(equals + 1), UINT64_MAX >> 24, ret_pages))
		return false;
	*ret_node = node;
	return true;
}

/* "7f0000000000 default anon=512 dirty=512 N0=300 N1=212 kernelpagesize_kB=4": the size is last. */
bool footprint_parse_numa(const char *line, struct footprint *footprint)
{
	static const char size_key[] = "kernelpagesize_kB=";
	const char *size = strstr(line, size_key);
	uint64_t kib = 0, pages;
	bool any = false;
	unsigned node;

	if (!size)
		return false;
	size += sizeof(size_key) - 1;
	if (proc_parse_u64(size, strspn(size, "0123456789"), 16 << 20, &kib))
		return false;
	g_auto(GStrv) words = g_strsplit(line, " ", 64);
	for (char **word = words; *word; word++) {
		if (!node_of(*word, &node, &pages))
			continue;
		if (footprint->nodes[node] == UINT64_MAX)
			footprint->nodes[node] = 0;
		if (pages * kib < (UINT64_MAX >> 12))
			footprint->nodes[node] += pages * kib * 1024;
		any = true;
	}
	return any;
}

static bool has_blkio(const char *controllers)
{
	g_auto(GStrv) list = g_strsplit(controllers, ",", -1);

	return g_strv_contains((const char *const *)list, "blkio");
}

/* "7:blkio:/machine/qemu-1-v1.libvirt-qemu", "0::/machine.slice/..." */
bool footprint_parse_cgroup(const char *text, size_t len, char *ret_path, size_t cap, bool *ret_v1)
{
	g_autofree char *copy = g_strndup(text, len);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", 64);
	const char *unified = NULL, *path;

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) parts = g_strsplit(*line, ":", 3);

		if (g_strv_length(parts) != 3 || parts[2][0] != '/')
			continue;
		path = *line + strlen(parts[0]) + strlen(parts[1]) + 2;
		*ret_v1 = has_blkio(parts[1]);
		if (*ret_v1)
			return g_strlcpy(ret_path, path, cap) < cap;
		if (!parts[1][0])
			unified = path;
	}
	*ret_v1 = false;
	return unified && g_strlcpy(ret_path, unified, cap) < cap;
}

bool footprint_alone(const char *procs, size_t len, int pid)
{
	g_autofree char *copy = g_strndup(procs, len);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	bool found = false;
	uint64_t other;

	for (char **line = lines; *line; line++) {
		if (!**line)
			continue;
		if (proc_parse_u64(*line, strlen(*line), G_MAXINT, &other) || (int)other != pid)
			return false;
		found = true;
	}
	return found;
}
