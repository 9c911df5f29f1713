// SPDX-License-Identifier: Apache-2.0
/* What /proc and /sys say of the host. The first byte chooses the parser. */
#include <stdint.h>
#include <stdlib.h>
#include "vm/host_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_stat(const char *text, size_t size)
{
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(struct host_cpu_line));
	struct host_cpu_times sum;

	host_parse_stat(text, size, 10000000, &sum, cpus);
	if (cpus->len > HOST_CPUS_MAX)
		abort();
}

static void fuzz_cpulist(const char *text, size_t size)
{
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	host_parse_cpulist(text, size, cpus);
	for (unsigned i = 0; i < cpus->len; i++)
		if (g_array_index(cpus, uint32_t, i) >= HOST_CPUS_MAX)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct host_field fields[] = {{"MemTotal", 0, 1024}, {"pswpin", 8, 4096}};
	uint64_t values[2] = {0}, some, full;
	const char *text = (const char *)data + 1;

	if (!size--)
		return 0;
	switch (*data % 5) {
	case 0:
		fuzz_stat(text, size);
		break;
	case 1:
		host_parse_pressure(text, size, &some, &full);
		break;
	case 2:
		host_parse_fields(text, size, fields, 2, values);
		break;
	case 3:
		fuzz_cpulist(text, size);
		break;
	case 4:
		host_parse_number(text, size);
		break;
	}
	return 0;
}
