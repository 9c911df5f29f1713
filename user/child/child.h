/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A confined child: this program, executed again with a hidden argument, that does one thing with
 * foreign bytes and may do nothing else. What differs between children is a table, struct
 * child_spec; how one is started, confined, spoken to and ended is here, once.
 *
 * The parent's side: child_start() executes it with /dev/null for standard input and output, the
 * descriptors of its spec at 3 and up, no other, no environment, all signals as by default.
 * child_stop() ends and reaps it. The child's side: child_confine() takes away, for good and
 * before the first foreign byte is read, every right that the spec does not name.
 *
 *   user            an id of its own, of those that systemd and Debian leave unused (65520 to
 *                   65533): what runs as nobody elsewhere on the host can do nothing to it
 *   capabilities    none, none in the bounding set where it can be emptied, none to gain
 *   files           an empty root, unless the spec needs files
 *   namespaces      network (unless the spec needs one), mount, IPC, host name; by right or, where
 *                   the kernel permits, through a user namespace. What could not be had is in
 *                   what child_confine() returns, and its parent logs it
 *   system calls    those that the spec lists; the rest fails or ends the process
 *   limits          descriptors, memory, CPU time, no file to write, no core
 */
#ifndef KVMLENS_CHILD_CHILD_H
#define KVMLENS_CHILD_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Descriptors of a child begin here, in the order of child_start(). */
#define CHILD_FD_FIRST 3
#define CHILD_FDS_MAX 8

#define CHILD_USER_WEB 65521
#define CHILD_USER_ALERT 65522
#define CHILD_USER_GUEST 65523

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHILD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CHILD_SANITIZED 1
#endif
#endif
#ifndef CHILD_SANITIZED
#define CHILD_SANITIZED 0
#endif

/* What a system call's rule compares, as libseccomp does. */
enum child_compare {
	CHILD_ANY, /* whatever its arguments are */
	CHILD_EQUAL, /* argument arg is value, in its lower 32 bits */
	CHILD_CLEAR, /* argument arg has none of the bits of value */
	CHILD_SET, /* argument arg has all of the bits of value */
};

struct child_match {
	enum child_compare compare;
	unsigned arg;
	uint64_t value;
};

/* A call that is allowed where all of match do; several rows of one call allow what any does. */
struct child_call {
	int call; /* SCMP_SYS() */
	struct child_match match[2];
};

#define CHILD_CALL(name)               \
	{                              \
		.call = SCMP_SYS(name) \
	}
#define CHILD_CALL_IF(name, ...)                                 \
	{                                                        \
		.call = SCMP_SYS(name), .match = { __VA_ARGS__ } \
	}

struct child_spec {
	const char *argument; /* argv[1], hidden */
	const char *name; /* of the process, at most 15 bytes */
	unsigned n_fds;
	uid_t user; /* and group; child_confine() may be given another */
	bool keeps_stderr; /* else it is /dev/null */
	bool needs_files, needs_network;
	/* Limits; 0: as inherited. */
	unsigned files_max; /* descriptors */
	uint64_t data_max; /* bytes of private writable memory */
	uint64_t memory_more; /* bytes of address space on top of what the program maps */
	unsigned cpu_s;
	const struct child_call *calls;
	size_t n_calls;
	bool kills; /* a call that is not listed ends it; else it fails with EPERM, unless fatal */
	size_t message_max; /* bytes of the largest message that it takes */
};

/* --- the parent ----------------------------------------------------------------------------- */

/*
 * Start one; fds are n_fds descriptors, borrowed. exe NULL: the program that runs, even where an
 * upgrade has replaced its file. Negative errno.
 */
int child_start(const struct child_spec *spec, const char *exe, const int *fds, pid_t *ret_pid);

/* Ask the kernel to end it. Returns at once; any thread that knows the pid is not reaped yet. */
void child_kill(pid_t pid);

/* End it and wait, two seconds at most. 0: it is reaped; else its pid, to be reaped later. */
pid_t child_stop(pid_t pid);

/* True once it is reaped, or was never a child of this process. Never waits. */
bool child_reaped(pid_t pid);

/* --- the child ------------------------------------------------------------------------------ */

/* Steps that a kernel or a container may refuse, or-ed: those that were taken. */
enum child_confined {
	CHILD_NO_NETWORK = 1, /* a network namespace with nothing in it */
	CHILD_NO_FILES = 2, /* an empty root */
	CHILD_OTHER_USER = 4,
	CHILD_NO_BOUNDS = 8, /* an empty bounding set */
};

/*
 * Confine this process, which has a single thread. user and group: whom to become instead of the
 * spec's, 0: the spec's; files_max: descriptors, 0: the spec's. Negative errno: the process must
 * end, and *ret_step is what could not be done, a static text. *ret_done: enum child_confined.
 */
int child_confine(const struct child_spec *spec, uid_t user, gid_t group, unsigned files_max,
		  unsigned *ret_done, const char **ret_step);

/* The first step that the kernel refused and the spec asks for, in a few words; NULL: none. */
const char *child_missing(const struct child_spec *spec, unsigned done);

/* --- both: messages over a stream ----------------------------------------------------------- */

/*
 * Read or write all of it, the whole within timeout_ms (0: without a deadline): a side that
 * trickles gains nothing. 0, -EPIPE at the end, -ETIMEDOUT, or a negative errno.
 */
int child_read(int fd, void *data, size_t len, unsigned timeout_ms);
int child_write(int fd, const void *data, size_t len, unsigned timeout_ms);

#endif
