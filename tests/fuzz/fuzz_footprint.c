// SPDX-License-Identifier: Apache-2.0
/*
 * What is parsed of a process's share of the host: its memory, its cgroup, its command line's
 * drives, a mount table and an image's head. The first byte chooses the parser.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <glib.h>
#include "vm/footprint_parse.h"
#include "vm/image_files.h"
#include "vm/stacking.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_memory(const char *text, size_t len)
{
	g_autofree char *line = g_strndup(text, len);
	struct footprint f;

	footprint_init(&f);
	footprint_parse_status(text, len, &f);
	footprint_parse_rollup(text, len, &f);
	if (!footprint_parse_numa(line, &f) && f.nodes[0] != UINT64_MAX)
		abort();
}

static void fuzz_cgroup(const char *text, size_t len)
{
	char path[64];
	bool v1;

	if (footprint_parse_cgroup(text, len, path, sizeof(path), &v1) && path[0] != '/')
		abort();
	footprint_alone(text, len, 42);
}

static void fuzz_drives(const char *text, size_t len)
{
	struct image_file files[IMAGE_FILES_MAX];
	unsigned n = image_files_parse(text, len, files, IMAGE_FILES_MAX);

	if (n > IMAGE_FILES_MAX)
		abort();
	for (unsigned i = 0; i < n; i++)
		if (!files[i].path[0] || strlen(files[i].name) >= sizeof(files[i].name))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	uint32_t dev = 0;

	if (!size)
		return 0;
	switch (data[0] % 5) {
	case 0:
		fuzz_memory(text, size - 1);
		break;
	case 1:
		fuzz_cgroup(text, size - 1);
		break;
	case 2:
		fuzz_drives(text, size - 1);
		break;
	case 3:
		if (stacking_mount_dev(text, size - 1, "/var/lib/disk", &dev) && !dev)
			abort();
		break;
	default:
		image_files_qcow2_size(text, size - 1);
	}
	return 0;
}
