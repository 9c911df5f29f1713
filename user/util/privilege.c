// SPDX-License-Identifier: Apache-2.0
#include "util/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <grp.h>
#include <linux/close_range.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static bool have(unsigned capability)
{
	return capng_have_capability(CAPNG_EFFECTIVE, capability);
}

bool privilege_suffices(const char **ret_missing)
{
	const char *missing = NULL;

	if (capng_get_caps_process())
		return true; /* it cannot be known: trying will tell */
	if (!have(CAP_SYS_ADMIN) && !have(CAP_BPF))
		missing = "CAP_BPF";
	else if (!have(CAP_SYS_ADMIN) && !have(CAP_PERFMON))
		missing = "CAP_PERFMON";
	else if (!have(CAP_SYS_PTRACE))
		missing = "CAP_SYS_PTRACE";
	if (missing && ret_missing)
		*ret_missing = missing;
	return !missing;
}

const struct privilege_kept privilege_kept[] = {
	{CAP_BPF, "read maps, attach programs when the detail level changes"},
	{CAP_PERFMON, "attach programs to tracepoints, run iterators"},
	{CAP_NET_ADMIN, "hook the taps of VMs that come later"},
	{CAP_SYS_PTRACE, "read /proc of VMMs of other users, and a guest's memory"},
	{CAP_DAC_READ_SEARCH, "read sizes of images and sockets of other users' VMs"},
	{CAP_SETUID, "start a child that becomes another user"},
	{CAP_SETGID, "start a child that becomes another group"},
	{CAP_SETPCAP, "start a child with an empty bounding set"},
	{CAP_SYS_CHROOT, "start a child with an empty root"},
	{CAP_KILL, "end a child that runs as another user"},
};
const size_t n_privilege_kept = G_N_ELEMENTS(privilege_kept);

int privilege_drop(void)
{
	bool had[G_N_ELEMENTS(privilege_kept)];

	if (capng_get_caps_process())
		return -EPERM;
	for (size_t i = 0; i < n_privilege_kept; i++)
		had[i] = have(privilege_kept[i].capability);
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < n_privilege_kept; i++)
		if (had[i])
			capng_update(CAPNG_ADD,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				     privilege_kept[i].capability);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return capng_apply(CAPNG_SELECT_BOTH) ? -EPERM : 0;
}

/*
 * What the agent and its libraries never call, so that an intruder cannot either. A list of what
 * they do call would be a list of what libvirt's and curl's next version does; the service's unit
 * has one all the same (SystemCallFilter=), and each child its own.
 */
static const int never[] = {
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(process_madvise),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(open_tree),
	SCMP_SYS(move_mount),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(vhangup),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(fanotify_init),
	SCMP_SYS(lookup_dcookie),
	SCMP_SYS(migrate_pages),
	SCMP_SYS(move_pages),
	SCMP_SYS(syslog),
};

int privilege_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = 0;

	if (!filter)
		return -ENOMEM;
	/* A thread may be there already; what a call would do depends on none of them. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	for (size_t i = 0; i < G_N_ELEMENTS(never) && (!r || r == -EDOM); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), never[i], 0);
	r = r == -EDOM ? 0 : r;
	r = r ?: seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int privilege_hygiene(void)
{
	static const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	/* Unknown before kernel 5.11; our own descriptors all have the flag from the start. */
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	return 0;
}

int privilege_limit(int resource, rlim_t max)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return -errno;
	if (limit.rlim_max > max)
		limit.rlim_max = max;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

int privilege_become(uid_t uid, gid_t gid)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}
