// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/ga_connect.h"
#include "guest/ga_reply.h"
#include "guest/ga_scan.h"

#define SENTINEL 0xff
#define BLOCK 16384
#define STALE_MAX (16u << 20) /* of what is left of earlier talks, read before giving up */

struct ga_socket {
	int fd;
	size_t at, len; /* of what has been read and not looked at */
	char buf[BLOCK];
};

static int wait_for(int fd, short events, gint64 until)
{
	struct pollfd pollfd = {.fd = fd, .events = events};
	int r;

	do {
		gint64 left = (until - g_get_monotonic_time() + 999) / 1000;

		if (left <= 0)
			return -ETIMEDOUT;
		r = poll(&pollfd, 1, (int)left);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r ? 0 : -ETIMEDOUT;
}

static int send_all(int fd, const char *data, size_t len, gint64 until)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		int r;

		if (n > 0) {
			data += n;
			len -= n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for(fd, POLLOUT, until);
		if (r)
			return r;
	}
	return 0;
}

/* Have something to look at; -EPIPE: the other end is gone. */
static int fill(struct ga_socket *s, gint64 until)
{
	while (s->at == s->len) {
		ssize_t n = recv(s->fd, s->buf, sizeof(s->buf), MSG_DONTWAIT);
		int r;

		if (n > 0) {
			s->at = 0;
			s->len = n;
			break;
		}
		if (n == 0)
			return -EPIPE;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for(s->fd, POLLIN, until);
		if (r)
			return r;
	}
	/* A guest that sends without end is never silent: the deadline counts all the same. */
	return g_get_monotonic_time() > until ? -ETIMEDOUT : 0;
}

static int read_reply(struct ga_socket *s, gint64 until, GString *reply)
{
	struct ga_scan scan = {0};
	size_t used;
	int r;

	g_string_truncate(reply, 0);
	do {
		r = fill(s, until);
		if (r)
			return r;
		r = ga_scan_feed(&scan, s->buf + s->at, s->len - s->at, &used);
		if (r < 0)
			return r;
		g_string_append_len(reply, s->buf + s->at, used);
		s->at += used;
	} while (!r);
	return 0;
}

static int skip_to_sentinel(struct ga_socket *s, gint64 until, size_t *skipped)
{
	for (;;) {
		int r = fill(s, until);
		const char *found;

		if (r)
			return r;
		found = memchr(s->buf + s->at, SENTINEL, s->len - s->at);
		if (found) {
			s->at = found + 1 - s->buf;
			return 0;
		}
		*skipped += s->len - s->at;
		s->at = s->len;
		if (*skipped > STALE_MAX)
			return -EMSGSIZE;
	}
}

static bool is_number(const GString *reply, uint64_t number)
{
	json_auto_t *value = NULL;
	uint64_t told;

	return !ga_reply_parse(reply->str, reply->len, &value) && !ga_reply_number(value, &told) &&
	       told == number;
}

/* Replies of earlier talks, late or cut off, end at the sentinel before our own number. */
static int sync_agent(struct ga_socket *s, gint64 until)
{
	g_autoptr(GString) reply = g_string_new(NULL);
	uint32_t id = g_random_int() >> 1;
	char request[96];
	size_t skipped = 0;
	int n = snprintf(request, sizeof(request),
			 "%c{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%u}}\n",
			 SENTINEL, id);
	int r = send_all(s->fd, request, n, until);

	while (!r) {
		r = skip_to_sentinel(s, until, &skipped);
		if (r)
			break;
		r = read_reply(s, until, reply);
		if (!r && is_number(reply, id))
			break;
		skipped += reply->len;
		/* What an earlier sentinel began was cut off by a later one. */
		if (r == -EPROTO || r == -EMSGSIZE)
			r = skipped++ > STALE_MAX ? -EMSGSIZE : 0;
	}
	return r;
}

static int explain(int error, char *why)
{
	switch (error) {
	case 0:
		break;
	case -ETIMEDOUT:
		g_strlcpy(why, "the agent does not answer", GA_WHY_LEN);
		break;
	case -EPIPE:
	case -ECONNRESET:
		g_strlcpy(why, "the agent's socket was closed", GA_WHY_LEN);
		break;
	case -EPROTO:
		g_strlcpy(why, "the agent sends garbage", GA_WHY_LEN);
		break;
	case -EMSGSIZE:
		g_strlcpy(why, "the agent sends too much", GA_WHY_LEN);
		break;
	default:
		snprintf(why, GA_WHY_LEN, "the agent's socket: %s", g_strerror(-error));
	}
	return error;
}

static void close_socket(void *ctx)
{
	struct ga_socket *s = ctx;

	close(s->fd);
	g_free(s);
}

int ga_socket_start(int fd, unsigned deadline_ms, void **ret_ctx, char *why)
{
	struct ga_socket *s = g_new0(struct ga_socket, 1);
	int r;

	s->fd = fd;
	r = sync_agent(s, g_get_monotonic_time() + deadline_ms * G_GINT64_CONSTANT(1000));
	if (r)
		close_socket(s);
	else
		*ret_ctx = s;
	return explain(r, why);
}

static int open_socket(void *arg, const struct ga_target *target, unsigned deadline_ms,
		       void **ret_ctx, char *why)
{
	int fd = ga_connect(target->pid, why);

	return fd < 0 ? fd : ga_socket_start(fd, deadline_ms, ret_ctx, why);
}

/* Between a reply and the next request an agent has nothing to say but the end of the line. */
static bool out_of_turn(struct ga_socket *s)
{
	while (s->at < s->len && g_ascii_isspace(s->buf[s->at]))
		s->at++;
	return s->at < s->len;
}

static int ask_socket(void *ctx, const char *request, unsigned deadline_ms, GString *ret_reply,
		      char *why)
{
	gint64 until = g_get_monotonic_time() + deadline_ms * G_GINT64_CONSTANT(1000);
	struct ga_socket *s = ctx;
	int r = out_of_turn(s) ? -EPROTO : send_all(s->fd, request, strlen(request), until);

	if (!r)
		r = send_all(s->fd, "\n", 1, until);
	if (!r)
		r = read_reply(s, until, ret_reply);
	return explain(r, why);
}

const struct ga_link_ops ga_socket_ops = {
	.name = "socket",
	.open = open_socket,
	.ask = ask_socket,
	.close = close_socket,
};
