/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory through the VMM's /proc/PID/mem and /proc/PID/pagemap, opened by somebody else. */
#ifndef KVMLENS_GUEST_PROCIO_H
#define KVMLENS_GUEST_PROCIO_H

#include "guest/mem.h"

/* Both files are checked when they are opened: reading them later needs no rights. */
struct guest_procio {
	int mem_fd, pagemap_fd;
};

/* arg is a struct guest_procio. -ESRCH: the process has gone. */
extern const struct guest_io_ops guest_procio_ops;

#endif
