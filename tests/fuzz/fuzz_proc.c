// SPDX-License-Identifier: Apache-2.0
/* Everything that is parsed of a process's own words. The first byte chooses the parser. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "vm/proc_parse.h"
#include "vm/vmm_cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_stat(const char *buf, size_t len)
{
	struct proc_stat stat;

	if (!proc_parse_stat(buf, len, &stat) && strlen(stat.comm) >= PROC_COMM_MAX)
		abort();
}

static void fuzz_cmdline(const char *buf, size_t len, bool qemu)
{
	struct vmm_cmdline cmdline;
	char uuid[VMM_UUID_LEN + 1];

	vmm_cmdline_parse(buf, len, qemu, &cmdline);
	if (cmdline.name && (!*cmdline.name || strlen(cmdline.name) > VMM_NAME_MAX))
		abort();
	if (cmdline.uuid[0] && !vmm_uuid_canonical(cmdline.uuid, uuid))
		abort();
	vmm_cmdline_clear(&cmdline);
}

static void fuzz_comm(const char *buf, size_t len)
{
	char comm[PROC_COMM_MAX] = "";
	uint32_t vcpu = 0;

	memcpy(comm, buf, len < sizeof(comm) ? len : sizeof(comm));
	if (proc_thread_role(comm).role >= SCHED_ROLE_MAX || proc_vhost_owner(comm) < 0)
		abort();
	proc_parse_fd(buf, len, &vcpu);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *buf = (const char *)data + 1;

	if (!size--)
		return 0;
	switch (*data % 4) {
	case 0:
		fuzz_stat(buf, size);
		break;
	case 1:
		fuzz_cmdline(buf, size, true);
		break;
	case 2:
		fuzz_cmdline(buf, size, false);
		break;
	case 3:
		fuzz_comm(buf, size);
		break;
	}
	return 0;
}
