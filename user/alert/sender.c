// SPDX-License-Identifier: Apache-2.0
/* The agent's side of a sender: starting it, waiting for it with a deadline, ending it. */
#include "alert/sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "alert/sender_child.h"

#define SLACK_MS 3000 /* on top of a request's own time-out */

void sender_init(struct sender *sender)
{
	*sender = (struct sender){.fd = -1};
	g_mutex_init(&sender->lock);
}

static int start(struct sender *sender)
{
	int socks[2], r;
	pid_t pid = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	r = child_start(&sender_child, NULL, &socks[1], &pid);
	close(socks[1]);
	if (r) {
		close(socks[0]);
		return r;
	}
	g_mutex_lock(&sender->lock);
	sender->pid = pid;
	g_mutex_unlock(&sender->lock);
	sender->fd = socks[0];
	return 0;
}

/* A request's length and text in one piece, owned; NULL: there is too much of it. */
static char *message_of(const struct request *request, size_t *ret_size)
{
	json_auto_t *json = request_encode(request);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL, *message = NULL;
	size_t len = text ? strlen(text) : 0;
	uint32_t prefix = (uint32_t)len;

	if (text && len <= sender_child.message_max) {
		*ret_size = sizeof(prefix) + len;
		message = g_malloc(*ret_size);
		memcpy(message, &prefix, sizeof(prefix));
		memcpy(message + sizeof(prefix), text, len);
	}
	if (text)
		explicit_bzero(text, len);
	free(text);
	return message;
}

/* Both ways together within the request's time-out, however slowly the other side moves. */
static int exchange(struct sender *sender, const struct request *request, struct answer *ret_answer)
{
	unsigned timeout_ms = request->timeout_ms + SLACK_MS, used_ms;
	gint64 begun = g_get_monotonic_time();
	size_t size = 0;
	g_autofree char *message = message_of(request, &size);
	int r;

	if (!message)
		return -EMSGSIZE;
	r = child_write(sender->fd, message, size, timeout_ms);
	explicit_bzero(message, size);
	used_ms = (unsigned)((g_get_monotonic_time() - begun) / 1000);
	if (!r && used_ms >= timeout_ms)
		r = -ETIMEDOUT;
	return r ?: child_read(sender->fd, ret_answer, sizeof(*ret_answer), timeout_ms - used_ms);
}

int sender_run(struct sender *sender, const struct request *request, struct answer *ret_answer)
{
	int r = sender->fd < 0 ? start(sender) : 0;

	r = r ?: exchange(sender, request, ret_answer);
	if (r)
		sender_end(sender);
	return r;
}

void sender_kill(struct sender *sender)
{
	g_mutex_lock(&sender->lock);
	child_kill(sender->pid);
	g_mutex_unlock(&sender->lock);
}

void sender_end(struct sender *sender)
{
	if (sender->fd >= 0)
		close(sender->fd);
	sender->fd = -1;
	g_mutex_lock(&sender->lock);
	(void)child_stop(sender->pid);
	sender->pid = 0;
	g_mutex_unlock(&sender->lock);
}

void sender_clear(struct sender *sender)
{
	sender_end(sender);
	g_mutex_clear(&sender->lock);
}
