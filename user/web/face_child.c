// SPDX-License-Identifier: Apache-2.0
#include "web/face_child.h"

#include <glib.h>
#include <seccomp.h>
#include <sys/mman.h>
#include "web/face.h"
#include "web/wire.h"

static const struct child_call calls[] = {
	/* connections */
	CHILD_CALL(accept4),
	CHILD_CALL(recvfrom),
	CHILD_CALL(recvmsg),
	CHILD_CALL(sendto),
	CHILD_CALL(sendmsg),
	CHILD_CALL(sendfile),
	CHILD_CALL(shutdown),
	CHILD_CALL(setsockopt),
	CHILD_CALL(getsockopt),
	CHILD_CALL(getsockname),
	CHILD_CALL(getpeername),
	/* descriptors that are open already */
	CHILD_CALL(read),
	CHILD_CALL(readv),
	CHILD_CALL(pread64),
	CHILD_CALL(write),
	CHILD_CALL(writev),
	CHILD_CALL(lseek),
	CHILD_CALL(fstat),
	CHILD_CALL(newfstatat),
	CHILD_CALL(fcntl),
	CHILD_CALL(close),
	/* waiting */
	CHILD_CALL(poll),
	CHILD_CALL(ppoll),
	CHILD_CALL(epoll_create1),
	CHILD_CALL(epoll_ctl),
	CHILD_CALL(epoll_wait),
	CHILD_CALL(epoll_pwait),
	CHILD_CALL(eventfd2),
	CHILD_CALL(futex),
	CHILD_CALL(restart_syscall),
	/* time, memory, the end */
	CHILD_CALL(clock_gettime),
	CHILD_CALL(gettimeofday),
	CHILD_CALL(time),
	CHILD_CALL(clock_nanosleep),
	CHILD_CALL(getrandom),
	CHILD_CALL(getpid),
	CHILD_CALL(gettid),
	CHILD_CALL(brk),
	CHILD_CALL(munmap),
	CHILD_CALL(mremap),
	CHILD_CALL(madvise),
	CHILD_CALL(rt_sigreturn),
	CHILD_CALL(rt_sigprocmask),
	CHILD_CALL(exit),
	CHILD_CALL(exit_group),
	/* memory, but none to execute */
	CHILD_CALL_IF(mmap, {CHILD_CLEAR, 2, PROT_EXEC}),
	CHILD_CALL_IF(mprotect, {CHILD_CLEAR, 2, PROT_EXEC}),
};

const struct child_spec face_child = {
	.argument = WEB_FACE_ARGUMENT,
	.name = "kvmlens-web",
	.n_fds = 2,
	.user = CHILD_USER_WEB,
	.keeps_stderr = true,
	.data_max = 256ull << 20, /* connections and headers, never pages */
	.calls = calls,
	.n_calls = G_N_ELEMENTS(calls),
	.message_max = sizeof(struct wire_message),
};
