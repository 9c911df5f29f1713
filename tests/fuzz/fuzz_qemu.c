// SPDX-License-Identifier: Apache-2.0
/*
 * A QEMU's command line, with its disks, and a -readconfig file. The first byte chooses whether the
 * rest is the one or the other; the file is then that of a command line, too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "vm/block_graph.h"
#include "vm/platform.h"
#include "vm/proc_view.h"
#include "vm/vmm_cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
	const char *text;
	size_t len;
};

static char *read_file(void *ctx, const char *path, size_t *ret_len)
{
	const struct file *file = ctx;
	char *copy = g_malloc(file->len + 1);

	memcpy(copy, file->text, file->len);
	copy[file->len] = '\0';
	*ret_len = file->len;
	return copy;
}

static void check_disks(const GArray *args, const char *program)
{
	g_autoptr(GArray) disks = block_graph_disks(args, program);

	if (disks->len > BLOCK_DISKS_MAX)
		abort();
	for (unsigned i = 0; i < disks->len; i++)
		if (!*g_array_index(disks, struct block_disk, i).name)
			abort();
}

static void check_platform(const struct vmm_cmdline *cmdline, const char *text, size_t len)
{
	g_autofree char *copy = g_strndup(text, len);
	g_autoptr(GArray) tags = platform_tags_new();
	char option[32];

	platform_tags(cmdline, copy, tags);
	platform_pve_conf(text, len, tags);
	platform_pve_pool(text, len, "7", tags);
	for (unsigned i = 0; i < tags->len; i++)
		if (!*g_array_index(tags, struct kvmlens_tag, i).value)
			abort();
	proc_view_parse_mount(copy, "/proc", option, sizeof(option));
	proc_view_parse_loadavg(text, len);
}

static void check(const char *line, size_t len, struct file *file)
{
	g_autoptr(GArray) args = qemu_args_parse_cmdline(line, len, file ? read_file : NULL, file);
	g_autofree char *program = vmm_program(line, len);
	char uuid[VMM_UUID_LEN + 1];
	struct vmm_cmdline cmdline;

	if (args->len > QEMU_ARGS_MAX)
		abort();
	check_disks(args, program);
	vmm_cmdline_parse_qemu(args, &cmdline);
	if (cmdline.uuid[0] && !vmm_uuid_canonical(cmdline.uuid, uuid))
		abort();
	check_platform(&cmdline, line, len);
	vmm_cmdline_clear(&cmdline);
	vmm_cmdline_is_qemu("", line, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char with_file[] = "qemu-system-x86_64\0-readconfig\0f\0-hdb\0x";
	struct file file = {(const char *)data + 1, size - 1};

	if (!size)
		return 0;
	if (data[0] % 2)
		check(file.text, file.len, NULL);
	else
		check(with_file, sizeof(with_file), &file);
	return 0;
}
