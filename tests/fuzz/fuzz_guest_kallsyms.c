// SPDX-License-Identifier: Apache-2.0
/* A symbol table, changed: not found, or decoded without a byte outside the window. */
#include "fuzz/guest_patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WINDOW 0x60000ull /* holds every table of the made-up guest */

static const enum kallsyms_layout layouts[] = {KALLSYMS_BASE_FIRST, KALLSYMS_BASE_LAST,
					       KALLSYMS_PLACE};

/* Where the tables meet is where a change does most: around the tokens of the sound table. */
static size_t sound_tokens[3];

static void build(struct image *images)
{
	for (unsigned i = 0; i < 3; i++) {
		image_build(&images[i], &(struct image_options){.levels = 4, .layout = layouts[i]});
		if (kallsyms_tokens(images[i].ram + IMAGE_TEXT + IMAGE_KALLSYMS, WINDOW, 0,
				    &sound_tokens[i]) < 0)
			abort();
	}
}

static void decode(const uint8_t *window, size_t len)
{
	struct kallsyms_wanted wanted[] = {{.name = "init_task"}, {.name = "_text"}};
	struct kallsyms syms;
	size_t at = 0;

	for (int tries = 0; tries < 4 && kallsyms_tokens(window, len, at, &at) == 0;
	     tries++, at++) {
		if (kallsyms_open(window, len, at, &syms) == 0)
			kallsyms_find(&syms, wanted, 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct image images[3];
	struct patches patches = {0};
	uint64_t start = IMAGE_TEXT + IMAGE_KALLSYMS;
	unsigned which;
	uint8_t *copy;
	size_t len;

	if (!images[0].ram)
		build(images);
	if (size < 2)
		return 0;
	which = data[0] % 3;
	patches.image = &images[which];
	if (data[0] & 64)
		patches_apply(&patches, start + sound_tokens[which] - 1024, 4096, data + 2,
			      size - 2);
	else
		patches_apply(&patches, start, data[0] & 128 ? 512 : WINDOW - 8, data + 2,
			      size - 2);
	/* The window may end anywhere. */
	len = WINDOW - (data[1] < 128 ? 0 : (data[1] - 128) * 3000ull);
	copy = malloc(len);
	memcpy(copy, patches.image->ram + start, len);
	decode(copy, len);
	free(copy);
	patches_undo(&patches);
	return 0;
}
