// SPDX-License-Identifier: Apache-2.0
#include "guest/worker_child.h"

#include <glib.h>
#include <seccomp.h>
#include <sys/mman.h>
#include "guest/report.h"
#include "guest/worker.h"

static const struct child_call calls[] = {
	CHILD_CALL_IF(pread64, {CHILD_EQUAL, 0, GUEST_WORKER_MEM_FD}),
	CHILD_CALL_IF(pread64, {CHILD_EQUAL, 0, GUEST_WORKER_PAGEMAP_FD}),
	CHILD_CALL_IF(pread64, {CHILD_EQUAL, 0, GUEST_WORKER_MAPS_FD}),
	CHILD_CALL_IF(recvfrom, {CHILD_EQUAL, 0, GUEST_WORKER_SOCKET_FD}),
	CHILD_CALL_IF(sendto, {CHILD_EQUAL, 0, GUEST_WORKER_SOCKET_FD}),
	CHILD_CALL(poll),
	/* memory is taken and given back, but never made executable */
	CHILD_CALL_IF(mmap, {CHILD_CLEAR, 2, PROT_EXEC}, {CHILD_SET, 3, MAP_ANONYMOUS}),
	CHILD_CALL(munmap),
	CHILD_CALL(brk),
	CHILD_CALL(madvise),
	CHILD_CALL(clock_gettime),
	CHILD_CALL(rt_sigreturn),
	CHILD_CALL(restart_syscall),
	CHILD_CALL(exit),
	CHILD_CALL(exit_group),
};

const struct child_spec guest_worker_child = {
	.argument = GUEST_WORKER_ARG,
	.name = "kvmlens-guest",
	.n_fds = GUEST_WORKER_FDS,
	.user = CHILD_USER_GUEST,
	.memory_more = 96ull << 20,
	.cpu_s = 3600, /* a worker is renewed after an hour of CPU time */
	.calls = calls,
	.n_calls = G_N_ELEMENTS(calls),
	.kills = true,
	.message_max = sizeof(struct guest_setup),
};
