// SPDX-License-Identifier: Apache-2.0
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "util/privilege.h"
#include "web/confine.h"
#include "web/filter.h"
#include "web/wire.h"

/* Private writable memory: MHD's connections and headers, never pages. */
#define DATA_MAX (256ul << 20)

/*
 * A directory that is gone as soon as it is entered: nothing can be put into it any more. False:
 * no file system to make it on, or no right to call it our root.
 */
static bool enter_empty_root(void)
{
	static const char *const places[] = {"/run", "/tmp", "/dev/shm", "/var/tmp"};

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *path = g_strdup_printf("%s/kvmlens-XXXXXX", places[i]);
		bool entered;

		if (!mkdtemp(path))
			continue;
		entered = chdir(path) == 0;
		if (rmdir(path) == 0 && entered && chroot(".") == 0)
			return chdir("/") == 0;
	}
	return false;
}

/* Each right by itself, as a kernel or a container may refuse one alone. */
static unsigned leave_namespaces(void)
{
	unsigned done = unshare(CLONE_NEWNET) == 0 ? WIRE_NO_NETWORK : 0;

	(void)unshare(CLONE_NEWNS);
	(void)unshare(CLONE_NEWIPC);
	(void)unshare(CLONE_NEWUTS);
	return done;
}

static int limit_all(const struct confine *how)
{
	int r = privilege_limit(RLIMIT_NOFILE, how->max_files);

	r = r ?: privilege_limit(RLIMIT_CORE, 0);
	r = r ?: privilege_limit(RLIMIT_FSIZE, 0);
	r = r ?: privilege_limit(RLIMIT_MEMLOCK, 0);
	r = r ?: privilege_limit(RLIMIT_MSGQUEUE, 0);
#ifndef __SANITIZE_ADDRESS__ /* whose shadow is counted as data */
	r = r ?: privilege_limit(RLIMIT_DATA, DATA_MAX);
#endif
	return r;
}

static int become_other_user(const struct confine *how, unsigned *done)
{
	int r;

	if (geteuid() != 0)
		return 0;
	r = privilege_become(how->uid, how->gid);
	if (r == 0)
		*done |= WIRE_OTHER_USER;
	return r;
}

/* The bounding set takes a right to be emptied, which an agent may have given up already. */
static void empty_bounding_set(void)
{
	capng_clear(CAPNG_SELECT_BOUNDS);
	(void)capng_apply(CAPNG_SELECT_BOUNDS);
}

static int drop_capabilities(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	capng_get_caps_process();
	return capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE ? 0 : -EPERM;
}

static int forbid_new_rights(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int confine(const struct confine *how, unsigned *ret_done, const char **ret_step)
{
	unsigned done;
	int r;

	capng_get_caps_process();
	done = leave_namespaces();
	if (enter_empty_root())
		done |= WIRE_NO_FILES;
	*ret_step = "limits";
	r = limit_all(how);
	if (r < 0)
		return r;
	empty_bounding_set();
	*ret_step = "user";
	r = become_other_user(how, &done);
	if (r < 0)
		return r;
	*ret_step = "capabilities";
	r = drop_capabilities();
	if (r < 0)
		return r;
	*ret_step = "no_new_privs";
	r = forbid_new_rights();
	if (r < 0)
		return r;
	*ret_step = "system call filter";
	r = filter_load();
	if (r < 0)
		return r;
	*ret_done = done;
	return 0;
}
