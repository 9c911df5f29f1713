// SPDX-License-Identifier: Apache-2.0
/*
 * A whole conversation with a guest's agent that answers what it likes, in any order: the session
 * ends each look with a result or an error, and asks no more often than its plan allows. Replies
 * stand one a line; an empty one is silence.
 */
#include <errno.h>
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "guest/ga_link.h"
#include "guest/ga_result.h"
#include "guest/ga_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Three looks ask for files, processes and file systems; a session that asks more goes astray. */
#define ASKS_MAX 3000

struct agent {
	const char *at;
	size_t left;
	unsigned asks;
	bool open;
};

static int open_agent(void *arg, const struct ga_target *target, unsigned deadline_ms,
		      void **ret_ctx, char *why)
{
	struct agent *agent = arg;

	if (agent->open)
		abort();
	agent->open = true;
	*ret_ctx = agent;
	return 0;
}

static int ask_agent(void *ctx, const char *request, unsigned deadline_ms, GString *ret_reply,
		     char *why)
{
	struct agent *agent = ctx;
	const char *end = memchr(agent->at, '\n', agent->left);
	size_t len = end ? (size_t)(end - agent->at) : agent->left;

	if (!agent->open || !strlen(request) || ++agent->asks > ASKS_MAX)
		abort();
	if (!agent->left || !len) {
		agent->left -= MIN(agent->left, 1);
		agent->at++;
		g_strlcpy(why, "silence", GA_WHY_LEN);
		return -ETIMEDOUT;
	}
	/* What is no object is an answer to the command at hand: most of the plan is reached so. */
	if (*agent->at == '{')
		g_string_append_len(ret_reply, agent->at, (gssize)len);
	else
		g_string_append_printf(ret_reply, "{\"return\": %.*s}", (int)len, agent->at);
	agent->at += MIN(len + 1, agent->left);
	agent->left -= MIN(len + 1, agent->left);
	return 0;
}

static void close_agent(void *ctx)
{
	struct agent *agent = ctx;

	if (!agent->open)
		abort();
	agent->open = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ga_link_ops ops = {"fuzz", open_agent, ask_agent, close_agent};
	const struct ga_target target = {.pid = 1, .uuid = "u", .parts = 15};
	struct agent agent = {.at = (const char *)data + 1, .left = size ? size - 1 : 0};
	struct ga_session *session;

	if (!size || size > 65536)
		return 0;
	session = ga_session_new(&ops, &agent, &target, 10);
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(ga_result) result = NULL;
		char why[GA_WHY_LEN] = "";
		int r = ga_session_look(session, data[0] >> i & 15, &result, why);

		if (!r != (result != NULL) || (r && !memchr(why, 0, sizeof(why))))
			abort();
	}
	ga_session_free(session);
	if (agent.open)
		abort();
	return 0;
}
