// SPDX-License-Identifier: Apache-2.0
/* BTF of a guest, changed: refused, or every member inside its struct. */
#include "fuzz/guest_patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct layout *l)
{
	for (unsigned i = 0; i < L_MAX; i++) {
		if ((uint64_t)l->field[i].offset + l->field[i].size > BTF_STRUCT_MAX)
			abort();
	}
	for (unsigned i = 0; i < E_MAX; i++) {
		if (l->value[i] < -1 || l->value[i] >= 1024)
			abort();
	}
	if (l->task_hi - l->task_lo > 16384 || l->signal_hi - l->signal_lo > 16384 ||
	    l->files_size > 1024)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct image images[2];
	struct image *image;
	struct patches patches = {0};
	struct btf_view view;
	struct layout layout;
	uint8_t *copy;

	if (!images[0].ram) {
		struct image_options options = {
			.levels = 4, .layout = KALLSYMS_BASE_LAST, .rss = RSS_PERCPU};

		image_build(&images[0], &options);
		options.wide_header = true;
		options.rss = RSS_ATOMIC;
		image_build(&images[1], &options);
	}
	if (!size)
		return 0;
	image = patches.image = &images[data[0] & 1];
	/* Three of four times the parts that matter most: the header and the first types. */
	patches_apply(&patches, IMAGE_TEXT + IMAGE_BTF, data[0] & 6 ? 8192 : image->btf_len & ~7ull,
		      data + 1, size - 1);
	/* A copy of its own length, so that one byte too far is seen. */
	copy = malloc(image->btf_len);
	memcpy(copy, image->ram + IMAGE_TEXT + IMAGE_BTF, image->btf_len);
	if (btf_view_init(&view, copy, image->btf_len) == 0) {
		if (layout_init(&layout, &view) == 0)
			check(&layout);
		btf_view_done(&view);
	}
	free(copy);
	patches_undo(&patches);
	return 0;
}
