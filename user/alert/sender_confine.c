// SPDX-License-Identifier: Apache-2.0
#include "alert/sender_confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <glib.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "alert/sender_wire.h"
#include "util/privilege.h"

#define NOBODY 65534
#define DATA_MAX (256ul << 20) /* private writable memory */
#define FILES_MAX 64

/* Resolving names loads libraries and starts threads, so that this is a list of what is not. */
static const int fatal[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(symlink),
	SCMP_SYS(symlinkat),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
};

static int add(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(fatal) && (!r || r == -EDOM); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, fatal[i], 0);
	if (r && r != -EDOM)
		return r;
	/* A thread may be made, a process may not; without clone3, whose flags cannot be seen. */
	r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r
		       ?: seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
					   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!filter)
		return -ENOMEM;
	r = add(filter);
	r = r ?: seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

static int limit_all(void)
{
	int r = privilege_limit(RLIMIT_CORE, 0);

	r = r ?: privilege_limit(RLIMIT_FSIZE, 0);
	r = r ?: privilege_limit(RLIMIT_NOFILE, FILES_MAX);
#ifndef __SANITIZE_ADDRESS__ /* whose shadow is counted as data */
	r = r ?: privilege_limit(RLIMIT_DATA, DATA_MAX);
#endif
	return r;
}

/* The bounding set takes a right to be emptied, which an agent may have given up already. */
static int drop_capabilities(void)
{
	capng_get_caps_process();
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	capng_get_caps_process();
	return capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE ? 0 : -EPERM;
}

int sender_confine(void)
{
	int r;

	if (close_range(WIRE_FD + 1, ~0u, 0) < 0)
		return -errno;
	r = limit_all();
	r = r ?: privilege_become(NOBODY, NOBODY);
	r = r ?: drop_capabilities();
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return filter_calls();
}
