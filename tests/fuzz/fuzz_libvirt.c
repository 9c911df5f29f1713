// SPDX-License-Identifier: Apache-2.0
/* The XML that libvirt hands on, parts of which tenants write. The first byte says which kind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "vm/libvirt_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_meta(const char *buf, size_t len)
{
	struct libvirt_meta *meta;

	if (libvirt_meta_parse(buf, len, &meta))
		return;
	for (unsigned i = 0; i < meta->info->len; i++) {
		const struct kvmlens_tag *tag = &g_array_index(meta->info, struct kvmlens_tag, i);

		if (!*tag->key || !*tag->value || strlen(tag->value) > 256)
			abort();
	}
	if (meta->disks->len)
		libvirt_device_find(meta->disks, "vda");
	libvirt_meta_free(meta);
}

static void fuzz_status(const char *buf, size_t len)
{
	struct libvirt_status status;

	if (!libvirt_status_parse(buf, len, &status) &&
	    (status.pid < 0 || (strlen(status.uuid) != 0 && strlen(status.uuid) != 36)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (*data % 2)
		fuzz_status((const char *)data + 1, size - 1);
	else
		fuzz_meta((const char *)data + 1, size - 1);
	return 0;
}
