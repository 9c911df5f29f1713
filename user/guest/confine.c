// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "guest/confine.h"
#include "guest/worker.h"
#include "util/privilege.h"

#define NOBODY 65534
#define MEMORY_MORE (96ull << 20) /* on top of what the program itself maps */
#define CPU_SECONDS_LIFE 3600 /* a worker is renewed after an hour of CPU time */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static uint64_t mapped_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return (uint64_t)pages * sysconf(_SC_PAGESIZE);
}

static int limit(int resource, rlim_t value)
{
	struct rlimit lim = {value, value};

	return setrlimit(resource, &lim) < 0 ? -errno : 0;
}

static int set_limits(void)
{
	uint64_t mapped = mapped_bytes();
	int r = limit(RLIMIT_CORE, 0);

	if (r == 0)
		r = limit(RLIMIT_CPU, CPU_SECONDS_LIFE);
	if (r == 0)
		r = limit(RLIMIT_FSIZE, 0);
	if (r == 0 && !SANITIZED && mapped)
		r = limit(RLIMIT_AS, mapped + MEMORY_MORE);
	return r;
}

/* Memory may be taken and given back, but never made executable. */
static int allow_memory(scmp_filter_ctx ctx)
{
	static const int calls[] = {SCMP_SYS(munmap), SCMP_SYS(brk), SCMP_SYS(madvise)};
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				 SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));

	for (unsigned i = 0; r == 0 && i < sizeof(calls) / sizeof(calls[0]); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

static int allow_io(scmp_filter_ctx ctx)
{
	static const struct {
		int call, fd;
	} io[] = {
		{SCMP_SYS(pread64), GUEST_WORKER_MEM_FD},
		{SCMP_SYS(pread64), GUEST_WORKER_PAGEMAP_FD},
		{SCMP_SYS(pread64), GUEST_WORKER_MAPS_FD},
		{SCMP_SYS(read), GUEST_WORKER_SOCKET_FD},
		{SCMP_SYS(write), GUEST_WORKER_SOCKET_FD},
	};
	static const int plain[] = {SCMP_SYS(exit_group), SCMP_SYS(exit), SCMP_SYS(clock_gettime),
				    SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall)};
	int r = 0;

	for (unsigned i = 0; r == 0 && i < sizeof(io) / sizeof(io[0]); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, io[i].call, 1,
				     SCMP_A0_32(SCMP_CMP_EQ, io[i].fd));
	for (unsigned i = 0; r == 0 && i < sizeof(plain) / sizeof(plain[0]); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, plain[i], 0);
	return r;
}

static int filter_calls(void)
{
	scmp_filter_ctx ctx;
	int r;

	if (SANITIZED)
		return 0;
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return -ENOMEM;
	r = allow_memory(ctx);
	if (r == 0)
		r = allow_io(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

/* A sanitizer writes what it finds to standard error. */
static int close_others(void)
{
	if (close_range(GUEST_WORKER_SOCKET_FD + 1, ~0u, 0) < 0)
		return -errno;
	return !SANITIZED && close_range(0, 2, 0) < 0 ? -errno : 0;
}

int guest_confine(void)
{
	int r;

	r = close_others();
	if (r == 0)
		r = privilege_become(NOBODY, NOBODY);
	if (r == 0)
		r = set_limits();
	if (r < 0)
		return r;
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return filter_calls();
}
