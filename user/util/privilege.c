// SPDX-License-Identifier: Apache-2.0
#include "util/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
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

int privilege_drop(void)
{
	static const unsigned kept[] = {
		CAP_BPF,    CAP_PERFMON,  CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH,
		CAP_SETUID, CAP_SETGID,	  CAP_SETPCAP,	  CAP_SYS_CHROOT,
		CAP_KILL,   CAP_NET_ADMIN};
	bool had[sizeof(kept) / sizeof(kept[0])];

	if (capng_get_caps_process())
		return -EPERM;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		had[i] = have(kept[i]);
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (had[i])
			capng_update(CAPNG_ADD,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				     kept[i]);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return capng_apply(CAPNG_SELECT_BOTH) ? -EPERM : 0;
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
