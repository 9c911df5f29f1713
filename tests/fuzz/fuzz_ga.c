// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that is made of a guest agent's bytes, and where its socket is by a command line. The
 * first byte chooses the parser.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "guest/ga_find.h"
#include "guest/ga_reply.h"
#include "guest/ga_scan.h"
#include "guest/ga_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In two pieces it must say the same as in one. */
static void fuzz_scan(const char *buf, size_t len)
{
	struct ga_scan whole = {0}, parts = {0};
	size_t used = 0, first = 0, second = 0;
	int r = ga_scan_feed(&whole, buf, len, &used), q;

	q = ga_scan_feed(&parts, buf, len / 3, &first);
	if (!q)
		q = ga_scan_feed(&parts, buf + len / 3, len - len / 3, &second);
	if (r != q || (r == 1 && used != first + second) || whole.depth > GA_DEPTH_MAX + 1)
		abort();
}

static void fuzz_reply(const char *buf, size_t len)
{
	g_autoptr(ga_result) result = ga_result_new();
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(struct guest_cpu));
	g_autoptr(GString) text = g_string_new(NULL);
	json_auto_t *value = NULL;
	struct guest_cpu total;
	unsigned allowed;
	uint64_t number;

	if (ga_reply_parse(buf, len, &value))
		return;
	ga_reply_commands(value, &allowed);
	ga_reply_number(value, &number);
	ga_reply_cpustats(value, &total, cpus);
	ga_reply_fsinfo(value, result);
	ga_reply_interfaces(value, result);
	ga_reply_osinfo(value, result);
	if (!ga_reply_file(value, 4096, text) && text->len > 4096)
		abort();
	if (!ga_reply_exec(value, 4096, text) && text->len > 4096)
		abort();
	if (result->n_fs > GA_FS_MAX || result->n_nics > GA_NICS_MAX || cpus->len > GUEST_CPUS_MAX)
		abort();
	for (uint32_t i = 0; i < result->n_fs; i++)
		if (result->fs[i].used > result->fs[i].size)
			abort();
}

static void fuzz_files(const char *buf, size_t len)
{
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(struct guest_cpu));
	struct guest_system system;

	memset(&system, 0xff, sizeof(system));
	ga_text_stat(buf, len, &system.total, cpus);
	ga_text_meminfo(buf, len, &system);
	ga_text_vmstat(buf, len, &system);
	ga_text_loadavg(buf, len, &system);
	ga_text_uptime(buf, len, &system);
	if (cpus->len > GUEST_CPUS_MAX)
		abort();
}

static void fuzz_tasks(const char *buf, size_t len)
{
	g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(struct guest_task));
	uint64_t left_out;

	ga_text_tasks(buf, len, 20, tasks, &left_out);
	if (tasks->len > GUEST_TASKS_MAX)
		abort();
	for (guint i = 0; i < tasks->len; i++)
		if (!memchr(g_array_index(tasks, struct guest_task, i).comm, 0, GUEST_COMM_LEN))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *buf = (const char *)data + 1;

	if (!size--)
		return 0;
	switch (*data % 5) {
	case 0:
		fuzz_scan(buf, size);
		break;
	case 1:
		fuzz_reply(buf, size);
		break;
	case 2:
		fuzz_files(buf, size);
		break;
	case 3:
		fuzz_tasks(buf, size);
		break;
	case 4:
		g_free(ga_find_socket(buf, size));
		break;
	}
	return 0;
}
