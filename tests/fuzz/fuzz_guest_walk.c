// SPDX-License-Identifier: Apache-2.0
/* Tasks and what hangs on them, changed before and during the walk. */
#include "fuzz/guest_patch.h"
#include "guest/check.h"
#include "guest/system.h"
#include "guest/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
	const uint8_t *data;
	size_t size, at;
};

/* Before each read one word of what is to be read, as the input says. */
static void change_during(struct image *image, uint64_t gpa, size_t len)
{
	struct script *s = image->arg;
	const uint8_t *d = s->data + s->at;
	uint64_t raw;

	if (s->at + 12 > s->size || len < 8 || len > 16384)
		return;
	s->at += 12;
	if (d[2] & 1)
		return;
	memcpy(&raw, d + 4, 8);
	image_put64(image, gpa + (d[0] | d[1] << 8) % (len - 7), patch_value(image, d[3], raw));
}

static void look(struct guest_kernel *kernel, struct guest_mem *mem)
{
	static struct guest_walk walk;
	static struct guest_cpu cpus[GUEST_CPUS_MAX];
	struct guest_report report = {.magic = GUEST_REPORT_MAGIC, .number = 1};
	struct guest_budget budget = {64 << 20, 100000, UINT64_MAX};
	struct guest_view *view;

	guest_mem_begin(mem, &budget);
	guest_walk(kernel, &walk, &report.walk);
	guest_system_read(kernel, &report.system, cpus, &report.n_cpus);
	report.n_tasks = walk.n;
	if (guest_report_check(&report, 1) < 0)
		abort();
	view = guest_report_view(&report, cpus, walk.tasks, 1);
	guest_view_unref(view);
}

static const struct image_options options = {
	.levels = 4, .layout = KALLSYMS_PLACE, .rss = RSS_PERCPU, .tasks = 12};

/* What a walk reads, but for the kernel image's tables, as it was. */
static void restore(struct image *image, bool save)
{
	static const struct {
		uint64_t gpa, len;
	} parts[] = {{IMAGE_TASKS, 13 * GUEST_PAGE},
		     {IMAGE_OBJECTS, 13 * GUEST_PAGE},
		     {IMAGE_PERCPU, 0x90000},
		     {IMAGE_TEXT, 0x40000}};
	static uint8_t kept[0x90000 + 0x40000 + 26 * GUEST_PAGE];
	uint8_t *at = kept;

	for (unsigned i = 0; i < 4; i++) {
		uint8_t *part = image->ram + parts[i].gpa;

		memcpy(save ? at : part, save ? part : at, parts[i].len);
		at += parts[i].len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct image image;
	static struct guest_mem mem;
	static struct guest_kernel kernel, sound;
	struct patches patches = {&image, {{0}}, 0};
	struct script script = {data, size, size / 2};

	if (!image.ram) {
		image_build(&image, &options);
		guest_mem_init(&mem, &image.map, &image_io, &image);
		if (guest_kernel_attach(&sound, &mem, true, 0, NULL) != GUEST_OK)
			abort();
		restore(&image, true);
	}
	kernel = sound;
	/* Tasks, then their objects: 12 pages each are in use. */
	patches_apply(&patches, size & 1 ? IMAGE_TASKS : IMAGE_OBJECTS, 12 * GUEST_PAGE, data,
		      size / 2);
	image.arg = &script;
	image.on_read = change_during;
	look(&kernel, &mem);
	image.on_read = NULL;
	patches_undo(&patches);
	restore(&image, false);
	return 0;
}
