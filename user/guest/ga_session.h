/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation with one guest's agent. Of one thread at a time, which may wait: for each answer a
 * deadline, and one for a look as a whole.
 */
#ifndef KVMLENS_GUEST_GA_SESSION_H
#define KVMLENS_GUEST_GA_SESSION_H

#include "guest/ga_link.h"
#include "guest/ga_result.h"

#define GA_ANSWER_MS 3000u
#define GA_LOOK_ANSWERS 4u /* a look may take as long as so many answers, by default */

struct ga_session;

/*
 * Nothing is opened yet. arg is for ops->open; both must outlive the session. answer_ms: deadline
 * of an answer, 0: the default.
 */
struct ga_session *ga_session_new(const struct ga_link_ops *ops, void *arg,
				  const struct ga_target *target, unsigned answer_ms);
void ga_session_free(struct ga_session *session);

/* How long a look may take from now on, in milliseconds; 0: the default. */
void ga_session_limit(struct ga_session *session, unsigned look_ms);

/*
 * Ask for parts of enum ga_part. A command that the agent does not know or allow costs its values
 * and nothing else. On failure the link is closed, the next look opens it anew, and why says what
 * was wrong; -ENODATA: the agent allows nothing of what is wanted.
 */
int ga_session_look(struct ga_session *session, unsigned parts, struct ga_result **ret_result,
		    char *why);

#endif
