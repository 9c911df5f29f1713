// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "guest/procio.h"

#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)

/* 0 bytes is what both files answer once the process has ended. */
static int pread_all(int fd, uint64_t offset, void *buf, size_t len)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ESRCH;
		buf = (char *)buf + n;
		offset += n;
		len -= n;
	}
	return 0;
}

static int procio_read(void *arg, uint64_t hva, void *buf, size_t len)
{
	struct guest_procio *io = arg;

	return pread_all(io->mem_fd, hva, buf, len);
}

static int procio_present(void *arg, uint64_t hva, uint64_t ret_bits[GUEST_CHUNK_PAGES / 64])
{
	struct guest_procio *io = arg;
	uint64_t entry[GUEST_CHUNK_PAGES], bits[GUEST_CHUNK_PAGES / 64] = {0};
	int r = pread_all(io->pagemap_fd, hva / GUEST_PAGE * 8, entry, sizeof(entry));

	if (r < 0)
		return r;
	for (unsigned i = 0; i < GUEST_CHUNK_PAGES; i++) {
		if ((entry[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) == PAGEMAP_PRESENT)
			bits[i / 64] |= 1ull << (i % 64);
	}
	memcpy(ret_bits, bits, sizeof(bits));
	return 0;
}

const struct guest_io_ops guest_procio_ops = {
	.read = procio_read,
	.present = procio_present,
};
