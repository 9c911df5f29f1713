// SPDX-License-Identifier: Apache-2.0
#include "alert/sender_child.h"

#include <fcntl.h>
#include <glib.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include "alert/sender.h"

static const struct child_call calls[] = {
	/* connections, and the sockets by which the resolver asks for addresses and names */
	CHILD_CALL_IF(socket, {CHILD_EQUAL, 0, AF_INET}),
	CHILD_CALL_IF(socket, {CHILD_EQUAL, 0, AF_INET6}),
	CHILD_CALL_IF(socket, {CHILD_EQUAL, 0, AF_UNIX}),
	CHILD_CALL_IF(socket, {CHILD_EQUAL, 0, AF_NETLINK}),
	CHILD_CALL_IF(socketpair, {CHILD_EQUAL, 0, AF_UNIX}),
	CHILD_CALL(connect),
	CHILD_CALL(bind),
	CHILD_CALL(getsockname),
	CHILD_CALL(getpeername),
	CHILD_CALL(setsockopt),
	CHILD_CALL(getsockopt),
	CHILD_CALL(shutdown),
	CHILD_CALL(recvfrom),
	CHILD_CALL(recvmsg),
	CHILD_CALL(recvmmsg),
	CHILD_CALL(sendto),
	CHILD_CALL(sendmsg),
	CHILD_CALL(sendmmsg),
	/* files, to be read: the resolver's, certificates, libraries that it loads */
	CHILD_CALL_IF(openat, {CHILD_CLEAR, 2, O_ACCMODE | O_CREAT | O_TRUNC}),
	CHILD_CALL_IF(open, {CHILD_CLEAR, 1, O_ACCMODE | O_CREAT | O_TRUNC}),
	CHILD_CALL(read),
	CHILD_CALL(readv),
	CHILD_CALL(pread64),
	CHILD_CALL(write),
	CHILD_CALL(writev),
	CHILD_CALL(lseek),
	CHILD_CALL(close),
	CHILD_CALL(stat),
	CHILD_CALL(lstat),
	CHILD_CALL(fstat),
	CHILD_CALL(newfstatat),
	CHILD_CALL(statx),
	CHILD_CALL(fstatfs),
	CHILD_CALL(statfs),
	CHILD_CALL(access),
	CHILD_CALL(faccessat),
	CHILD_CALL(faccessat2),
	CHILD_CALL(readlink),
	CHILD_CALL(readlinkat),
	CHILD_CALL(getcwd),
	CHILD_CALL(getdents64),
	CHILD_CALL(fcntl),
	CHILD_CALL(dup),
	CHILD_CALL_IF(ioctl, {CHILD_EQUAL, 1, FIONREAD}),
	CHILD_CALL_IF(ioctl, {CHILD_EQUAL, 1, FIONBIO}),
	CHILD_CALL(pipe2),
	CHILD_CALL(eventfd2),
	/* waiting */
	CHILD_CALL(poll),
	CHILD_CALL(ppoll),
	CHILD_CALL(select),
	CHILD_CALL(pselect6),
	CHILD_CALL(epoll_create1),
	CHILD_CALL(epoll_ctl),
	CHILD_CALL(epoll_wait),
	CHILD_CALL(epoll_pwait),
	CHILD_CALL(futex),
	CHILD_CALL(restart_syscall),
	CHILD_CALL(nanosleep),
	CHILD_CALL(clock_nanosleep),
	/* a thread for the resolver, but no process; clone3, whose flags cannot be seen, fails */
	CHILD_CALL_IF(clone, {CHILD_SET, 0, CLONE_THREAD}),
	CHILD_CALL(set_robust_list),
	CHILD_CALL(rseq),
	CHILD_CALL(membarrier),
	CHILD_CALL(sched_yield),
	CHILD_CALL(sched_getaffinity),
	CHILD_CALL_IF(prctl, {CHILD_EQUAL, 0, PR_SET_NAME}),
	CHILD_CALL(rt_sigaction),
	CHILD_CALL(rt_sigprocmask),
	CHILD_CALL(rt_sigreturn),
	CHILD_CALL(sigaltstack),
	/* who and when */
	CHILD_CALL(getpid),
	CHILD_CALL(gettid),
	CHILD_CALL(getppid),
	CHILD_CALL(getuid),
	CHILD_CALL(geteuid),
	CHILD_CALL(getgid),
	CHILD_CALL(getegid),
	CHILD_CALL(uname),
	CHILD_CALL(sysinfo),
	CHILD_CALL(getrusage),
	CHILD_CALL_IF(prlimit64, {CHILD_EQUAL, 2, 0}), /* to be read */
	CHILD_CALL(getrandom),
	CHILD_CALL(clock_gettime),
	CHILD_CALL(clock_getres),
	CHILD_CALL(gettimeofday),
	CHILD_CALL(time),
	/* memory that is written or executed, never both */
	CHILD_CALL_IF(mmap, {CHILD_CLEAR, 2, PROT_EXEC}),
	CHILD_CALL_IF(mmap, {CHILD_CLEAR, 2, PROT_WRITE}),
	CHILD_CALL_IF(mprotect, {CHILD_CLEAR, 2, PROT_EXEC}),
	CHILD_CALL(munmap),
	CHILD_CALL(mremap),
	CHILD_CALL(madvise),
	CHILD_CALL(brk),
	CHILD_CALL(exit),
	CHILD_CALL(exit_group),
};

const struct child_spec sender_child = {
	.argument = SENDER_ARGUMENT,
	.name = "kvmlens-alert",
	.n_fds = 1,
	.user = CHILD_USER_ALERT,
	.keeps_stderr = true,
	.needs_files = true,
	.needs_network = true,
	.files_max = 64,
	.data_max = 256ull << 20,
	.calls = calls,
	.n_calls = G_N_ELEMENTS(calls),
	.message_max = 4u << 20, /* of JSON, behind a length of 4 bytes */
};
