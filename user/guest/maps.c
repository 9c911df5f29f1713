// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "guest/maps.h"

#define BLOCK_MIN (64ull << 20)

struct map_line {
	uint64_t start, end, offset, inode;
	char perms[5];
	const char *path;
	size_t path_len;
};

static bool parse_line(const char *line, size_t len, struct map_line *ret)
{
	char head[128];
	unsigned dev_major, dev_minor;
	int used = 0;

	snprintf(head, sizeof(head), "%.*s", (int)(len < sizeof(head) ? len : sizeof(head) - 1),
		 line);
	if (sscanf(head, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 "%n", &ret->start,
		   &ret->end, ret->perms, &ret->offset, &dev_major, &dev_minor, &ret->inode,
		   &used) != 7)
		return false;
	while ((size_t)used < len && line[used] == ' ')
		used++;
	ret->path = line + used;
	ret->path_len = len - used;
	return ret->end > ret->start;
}

static bool starts_with(const struct map_line *map, const char *prefix)
{
	size_t n = strlen(prefix);

	return map->path_len >= n && memcmp(map->path, prefix, n) == 0;
}

/* RAM files of a VMM: a memfd, or a file on a file system that keeps nothing on disk. */
static bool may_be_ram(const struct map_line *map)
{
	if (map->perms[0] != 'r' || map->perms[1] != 'w' || map->perms[2] == 'x')
		return false;
	if (map->path_len == 0)
		return true;
	return starts_with(map, "/memfd:") || starts_with(map, "/dev/hugepages") ||
	       starts_with(map, "/dev/shm/") || starts_with(map, "/anon_hugepage") ||
	       memmem(map->path, map->path_len, "huge", 4);
}

static void keep_block(struct guest_block *blocks, unsigned *n, uint64_t hva, uint64_t size)
{
	unsigned at = 0;

	if (size < BLOCK_MIN)
		return;
	while (at < *n && blocks[at].size >= size)
		at++;
	if (at == GUEST_BLOCKS_MAX)
		return;
	if (*n < GUEST_BLOCKS_MAX)
		(*n)++;
	memmove(&blocks[at + 1], &blocks[at], (*n - at - 1) * sizeof(blocks[0]));
	blocks[at] = (struct guest_block){.hva = hva, .size = size};
}

static bool continues(const struct map_line *last, const struct map_line *map)
{
	if (last->end != map->start || last->inode != map->inode || map->inode == 0)
		return false;
	return last->offset + (last->end - last->start) == map->offset;
}

unsigned guest_maps_blocks(const char *text, struct guest_block blocks[GUEST_BLOCKS_MAX])
{
	struct map_line last = {0};
	uint64_t start = 0;
	unsigned n = 0;

	for (const char *line = text, *next; *line; line = next) {
		struct map_line map;
		size_t len = strcspn(line, "\n");

		next = line + len + (line[len] == '\n');
		if (!parse_line(line, len, &map) || !may_be_ram(&map))
			continue;
		if (!continues(&last, &map)) {
			keep_block(blocks, &n, start, last.end - start);
			start = map.start;
		}
		last = map;
	}
	keep_block(blocks, &n, start, last.end - start);
	return n;
}

/* RAM can be a file on any file system; registers are behind a device, a driver or a bus. */
static bool is_memory(const struct map_line *map)
{
	if (map->perms[0] != 'r')
		return false;
	if (starts_with(map, "/dev/"))
		return starts_with(map, "/dev/shm/") || starts_with(map, "/dev/hugepages");
	return !starts_with(map, "/sys/") && !starts_with(map, "/proc/") &&
	       !starts_with(map, "anon_inode:") && !starts_with(map, "[v");
}

static void keep_part(const struct map_line *map, const struct guest_segment *seg,
		      struct guest_ram *ram)
{
	uint64_t from = map->start > seg->hva ? map->start : seg->hva;
	uint64_t to = map->end < seg->hva + seg->size ? map->end : seg->hva + seg->size;
	struct guest_segment *last = ram->n ? &ram->seg[ram->n - 1] : NULL;
	uint64_t gpa = seg->gpa + (from - seg->hva);

	if (from >= to)
		return;
	/* Mappings come by address: what continues the part before is joined to it. */
	if (last && last->gpa + last->size == gpa && last->hva + last->size == from)
		last->size += to - from;
	else
		guest_ram_add(ram, gpa, to - from, from); /* a full map: less is read */
}

unsigned guest_maps_filter(const char *text, const struct guest_ram *ram, struct guest_ram *ret_ram)
{
	struct guest_ram kept = {0};

	for (uint32_t i = 0; i < ram->n; i++) {
		for (const char *line = text, *next; *line; line = next) {
			struct map_line map;
			size_t len = strcspn(line, "\n");

			next = line + len + (line[len] == '\n');
			if (parse_line(line, len, &map) && is_memory(&map))
				keep_part(&map, &ram->seg[i], &kept);
		}
	}
	*ret_ram = kept;
	return kept.n;
}
