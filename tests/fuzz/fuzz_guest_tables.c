// SPDX-License-Identifier: Apache-2.0
/* Page tables and the kernel's variables, changed: the walk stays in RAM, between guard pages. */
#include "fuzz/guest_patch.h"
#include "guest/system.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_everywhere(struct guest_space *space, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + 8 <= size && i < 256; i += 4) {
		uint8_t buf[300];
		uint64_t va;

		memcpy(&va, data + i, 8);
		guest_space_read(space, va, buf, 1 + va % sizeof(buf));
		va |= 0xffff800000000000ull;
		guest_space_read(space, va, buf, 1 + va % sizeof(buf));
		guest_space_read_near(space, va, buf, 1 + va % sizeof(buf));
	}
}

static void look_at_system(struct guest_kernel *kernel)
{
	static struct guest_cpu cpus[GUEST_CPUS_MAX];
	struct guest_system system;
	uint32_t n;

	guest_system_read(kernel, &system, cpus, &n);
	if (n > GUEST_CPUS_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct image images[2];
	static struct guest_mem mems[2];
	static struct guest_kernel sound[2], kernel;
	struct guest_budget budget = {16 << 20, 20000, UINT64_MAX};
	struct patches patches = {0};
	unsigned which;

	for (unsigned i = 0; i < 2 && !sound[1].cpus; i++) {
		image_build(&images[i], &(struct image_options){.levels = 4 + i,
								.layout = KALLSYMS_BASE_FIRST,
								.rss = RSS_PERCPU,
								.tasks = 3});
		guest_mem_init(&mems[i], &images[i].map, &image_io, &images[i]);
		if (guest_kernel_attach(&sound[i], &mems[i], true, 0, NULL) != GUEST_OK)
			abort();
	}
	if (!size)
		return 0;
	which = data[0] & 1;
	kernel = sound[which];
	patches.image = &images[which];
	patches_apply(&patches, IMAGE_TEXT + (data[0] & 2 ? IMAGE_TABLES : IMAGE_VARS),
		      data[0] & 2 ? 6 * GUEST_PAGE : 0x100 * SYM_MAX, data + 1, size - 1);
	guest_mem_begin(&mems[which], &budget);
	guest_space_flush(&kernel.space);
	guest_kernel_check(&kernel);
	look_at_system(&kernel);
	read_everywhere(&kernel.space, data, size);
	patches_undo(&patches);
	return 0;
}
