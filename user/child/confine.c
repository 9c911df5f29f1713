// SPDX-License-Identifier: Apache-2.0
#include <cap-ng.h>
#include <errno.h>
#include <glib.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "child/child.h"
#include "util/privilege.h"

/*
 * Enter a directory that is gone as soon as it is entered: nothing can be put into it any more.
 * False: there is no file system to make it on.
 */
static bool enter_empty_directory(void)
{
	static const char *const places[] = {"/run", "/tmp", "/dev/shm", "/var/tmp"};

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *path = g_strdup_printf("%s/kvmlens-XXXXXX", places[i]);
		bool entered;

		if (!mkdtemp(path))
			continue;
		/* Another user is to be able to call it its root. */
		entered = chmod(path, 0711) == 0 && chdir(path) == 0;
		if (rmdir(path) == 0 && entered)
			return true;
	}
	return false;
}

/* Each right by itself, as a kernel or a container may refuse one alone. */
static unsigned leave_namespaces(const struct child_spec *spec)
{
	unsigned done = 0;

	if (!spec->needs_network && unshare(CLONE_NEWNET) == 0)
		done = CHILD_NO_NETWORK;
	if (!spec->needs_files)
		(void)unshare(CLONE_NEWNS);
	(void)unshare(CLONE_NEWIPC);
	(void)unshare(CLONE_NEWUTS);
	return done;
}

/* As anybody may who is not in a changed root already; then all capabilities are the new one's. */
static unsigned leave_by_user_namespace(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS))
		return 0;
	return CHILD_NO_NETWORK;
}

static uint64_t mapped_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int limit_all(const struct child_spec *spec, unsigned files_max)
{
	uint64_t mapped = spec->memory_more ? mapped_bytes() : 0;
	int r = privilege_limit(RLIMIT_CORE, 0);

	r = r ?: privilege_limit(RLIMIT_FSIZE, 0);
	r = r ?: privilege_limit(RLIMIT_MEMLOCK, 0);
	r = r ?: privilege_limit(RLIMIT_MSGQUEUE, 0);
	if (files_max)
		r = r ?: privilege_limit(RLIMIT_NOFILE, files_max);
	if (spec->cpu_s)
		r = r ?: privilege_limit(RLIMIT_CPU, spec->cpu_s);
	/* A sanitizer's shadow is counted as memory. */
	if (spec->data_max && !CHILD_SANITIZED)
		r = r ?: privilege_limit(RLIMIT_DATA, spec->data_max);
	if (mapped && !CHILD_SANITIZED)
		r = r ?: privilege_limit(RLIMIT_AS, mapped + spec->memory_more);
	return r;
}

/* It takes a right to be emptied, which an agent in a container may lack. */
static unsigned empty_bounding_set(void)
{
	capng_get_caps_process();
	capng_clear(CAPNG_SELECT_BOUNDS);
	(void)capng_apply(CAPNG_SELECT_BOUNDS);
	capng_get_caps_process();
	return capng_have_capabilities(CAPNG_SELECT_BOUNDS) == CAPNG_NONE ? CHILD_NO_BOUNDS : 0;
}

/* Of what becoming another user took away, the one that changing the root takes. */
static bool keep_chroot(void)
{
	capng_get_caps_process();
	if (!capng_have_capability(CAPNG_PERMITTED, CAP_SYS_CHROOT))
		return false;
	capng_clear(CAPNG_SELECT_CAPS);
	capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_CHROOT);
	return capng_apply(CAPNG_SELECT_CAPS) == 0;
}

static int become(uid_t user, gid_t group, unsigned *done)
{
	int r;

	if (geteuid() != 0)
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	r = privilege_become(user, group);
	if (r == 0)
		*done |= CHILD_OTHER_USER;
	return r;
}

static int drop_capabilities(void)
{
	capng_get_caps_process();
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	capng_get_caps_process();
	return capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE ? 0 : -EPERM;
}

static int forbid_new_rights(void)
{
	sigset_t none;

	umask(077);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* No library makes these behind our back: somebody else runs here. */
static const int fatal[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(bpf),
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
	SCMP_SYS(add_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(mknodat),
	SCMP_SYS(unlinkat),
	SCMP_SYS(renameat2),
	SCMP_SYS(listen),
	SCMP_SYS(socket),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(clone),
};

static struct scmp_arg_cmp compare_of(const struct child_match *match)
{
	switch (match->compare) {
	case CHILD_CLEAR:
		return SCMP_CMP64(match->arg, SCMP_CMP_MASKED_EQ, match->value, 0);
	case CHILD_SET:
		return SCMP_CMP64(match->arg, SCMP_CMP_MASKED_EQ, match->value, match->value);
	default:
		return SCMP_CMP32(match->arg, SCMP_CMP_EQ, (uint32_t)match->value);
	}
}

static int allow(scmp_filter_ctx filter, const struct child_call *call)
{
	struct scmp_arg_cmp compare[G_N_ELEMENTS(call->match)];
	unsigned n = 0;

	while (n < G_N_ELEMENTS(compare) && call->match[n].compare != CHILD_ANY) {
		compare[n] = compare_of(&call->match[n]);
		n++;
	}
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call->call, n, compare);
}

static bool is_listed(const struct child_spec *spec, int call)
{
	for (size_t i = 0; i < spec->n_calls; i++)
		if (spec->calls[i].call == call)
			return true;
	return false;
}

/* A call that this architecture lacks needs no rule. */
static int fill_filter(const struct child_spec *spec, scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; i < spec->n_calls && (!r || r == -EDOM); i++)
		r = allow(filter, &spec->calls[i]);
	for (size_t i = 0; !spec->kills && i < G_N_ELEMENTS(fatal) && (!r || r == -EDOM); i++)
		if (!is_listed(spec, fatal[i]))
			r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, fatal[i], 0);
	/* Flags make a thread or a process; clone3 hides them from the filter, so there is none. */
	if (!spec->kills && (!r || r == -EDOM))
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r == -EDOM ? 0 : r;
}

/* Sanitizers make calls that no child makes without them; they are for finding other faults. */
static int load_filter(const struct child_spec *spec)
{
	uint32_t other = spec->kills ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
	scmp_filter_ctx filter;
	int r;

	if (CHILD_SANITIZED)
		return 0;
	filter = seccomp_init(other);
	if (!filter)
		return -ENOMEM;
	r = fill_filter(spec, filter);
	r = r ?: seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int child_confine(const struct child_spec *spec, uid_t user, gid_t group, unsigned files_max,
		  unsigned *ret_done, const char **ret_step)
{
	bool entered = !spec->needs_files && enter_empty_directory();
	unsigned done = leave_namespaces(spec);
	int r;

	prctl(PR_SET_NAME, spec->name);
	*ret_step = "limits";
	r = limit_all(spec, files_max ?: spec->files_max);
	if (r < 0)
		return r;
	done |= empty_bounding_set();
	*ret_step = "user";
	r = become(user ?: spec->user, user ? group : spec->user, &done);
	if (r < 0)
		return r;
	if (!spec->needs_network && !(done & CHILD_NO_NETWORK))
		done |= leave_by_user_namespace();
	if (entered &&
	    ((done & CHILD_NO_NETWORK && chroot(".") == 0) ||
	     (keep_chroot() && chroot(".") == 0)) &&
	    chdir("/") == 0)
		done |= CHILD_NO_FILES;
	*ret_step = "capabilities";
	r = drop_capabilities();
	if (r < 0)
		return r;
	*ret_step = "no_new_privs";
	r = forbid_new_rights();
	if (r < 0)
		return r;
	*ret_step = "system call filter";
	r = load_filter(spec);
	if (r < 0)
		return r;
	*ret_done = done;
	return 0;
}

const char *child_missing(const struct child_spec *spec, unsigned done)
{
	if (!(done & CHILD_OTHER_USER))
		return "a user of its own";
	if (!spec->needs_files && !(done & CHILD_NO_FILES))
		return "an empty root";
	if (!spec->needs_network && !(done & CHILD_NO_NETWORK))
		return "a network namespace of its own";
	if (!(done & CHILD_NO_BOUNDS))
		return "an empty bounding set";
	return NULL;
}
