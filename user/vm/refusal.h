/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was refused to the owners of VMM processes: more than the share of an ordinary owner, or
 * something that only a hostile process asks for. Counted per owner and reason, and named once
 * with the process that was the first. Bounded: the owners beyond REFUSAL_OWNERS share one row.
 */
#ifndef KVMLENS_VM_REFUSAL_H
#define KVMLENS_VM_REFUSAL_H

#include <glib.h>
#include "config/config.h"
#include "metric/model.h"

#define REFUSAL_OWNERS 64

enum refusal_reason {
	/* Over the owner's share; the limits of struct config_owner_limits. */
	REFUSAL_VMS,
	REFUSAL_THREADS,
	REFUSAL_NICS,
	REFUSAL_LOOKUPS,
	REFUSAL_SERIES,
	REFUSAL_LOG,
	/* As hostile, whoever the owner is. */
	REFUSAL_IDENTITY, /* a UUID or name that a trusted VM has */
	REFUSAL_FILE, /* an image that cannot be opened at once, as under a lease */
	REFUSAL_SOCKET, /* an agent's socket that the process does not listen on */
	REFUSAL_HANG, /* a call that looks into the process does not return */
	REFUSAL_MAX,
};

/* One owner and reason. */
struct refusal {
	char owner[OWNER_NAME_MAX];
	uint32_t uid;
	enum refusal_reason reason;
	uint64_t count;
	pid_t pid; /* of the first; 0: unknown */
};

struct refusals;

/* limits NULL: none. Never NULL. All functions: any thread, never block. */
struct refusals *refusals_new(const struct config_owner_limits *limits);
void refusals_free(struct refusals *refusals);

/* The limit of a share; UINT64_MAX: there is none. refusals may be NULL. */
uint64_t refusals_limit(const struct refusals *refusals, enum refusal_reason share);

/* Count n refusals. refusals may be NULL. */
void refusals_add(struct refusals *refusals, const struct vm_owner *owner, pid_t pid,
		  enum refusal_reason reason, uint64_t n);

/* Append all as struct refusal, in the order in which they came up first. */
void refusals_read(struct refusals *refusals, GArray *rows);

/* The next one that has not been named yet, which counts as named from now on. False: none. */
bool refusals_next_unnamed(struct refusals *refusals, struct refusal *ret_refusal);

/* As the label "reason" has it. */
const char *refusal_name(enum refusal_reason reason);

/* What happened and what became of it, for the log and doctor. */
char *refusal_text(const struct refusals *refusals, const struct refusal *refusal);

#endif
