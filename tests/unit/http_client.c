// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "unit/http_client.h"

int client_connect(unsigned port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

gboolean client_send(int fd, const char *bytes, gsize n)
{
	while (n) {
		ssize_t done = send(fd, bytes, n, MSG_NOSIGNAL);

		if (done <= 0)
			return FALSE;
		bytes += done;
		n -= done;
	}
	return TRUE;
}

static gssize content_length(const char *head)
{
	const char *at = strcasestr(head, "\r\ncontent-length:");

	return at ? strtol(at + strlen("\r\ncontent-length:"), NULL, 10) : -1;
}

/*
 * Is the answer whole? *need is its length, 0 while the headers are not there: they are looked
 * for once, as a page has megabytes.
 */
static gboolean is_whole(const GString *got, gboolean body, gsize *need)
{
	const char *end = *need ? NULL : strstr(got->str, "\r\n\r\n");

	if (end) {
		gssize length = body ? content_length(got->str) : 0;

		*need = length < 0 ? G_MAXSIZE : (gsize)(end + 4 - got->str) + length;
	}
	return *need && got->len >= *need;
}

static struct http_answer parse(const GString *got)
{
	struct http_answer answer = {0};
	const char *end = strstr(got->str, "\r\n\r\n");
	gsize begin;

	if (!end || strncmp(got->str, "HTTP/1.", 7))
		return answer;
	begin = end + 4 - got->str;
	answer.status = atoi(got->str + strlen("HTTP/1.1 "));
	answer.head = g_strndup(got->str, begin);
	answer.body_len = got->len - begin;
	answer.body = g_malloc(answer.body_len + 1);
	memcpy(answer.body, got->str + begin, answer.body_len);
	answer.body[answer.body_len] = 0;
	return answer;
}

struct http_answer client_receive(int fd, gboolean body, int timeout_ms)
{
	gint64 until = g_get_monotonic_time() + timeout_ms * 1000ll;
	g_autoptr(GString) got = g_string_new(NULL);
	char piece[1 << 16];
	gsize need = 0;

	while (!is_whole(got, body, &need)) {
		struct pollfd poll_fd = {fd, POLLIN, 0};
		gint64 left = (until - g_get_monotonic_time()) / 1000;
		ssize_t n;

		if (left <= 0 || poll(&poll_fd, 1, left) <= 0)
			break;
		n = recv(fd, piece, sizeof(piece), 0);
		if (n <= 0)
			break;
		g_string_append_len(got, piece, n);
	}
	return parse(got);
}

struct http_answer client_get(unsigned port, const char *path, const char *accept)
{
	g_autofree char *request = g_strdup_printf(
		"GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s%sConnection: close\r\n\r\n", path,
		accept ? "Accept: " : "", accept ? accept : "", accept ? "\r\n" : "");
	struct http_answer answer = {0};
	int fd = client_connect(port);

	if (fd < 0)
		return answer;
	if (client_send(fd, request, strlen(request)))
		answer = client_receive(fd, TRUE, 10000);
	close(fd);
	return answer;
}

char *client_header(const struct http_answer *answer, const char *name)
{
	g_autofree char *key = g_strdup_printf("\r\n%s: ", name);
	const char *at = answer->head ? strcasestr(answer->head, key) : NULL;

	if (!at)
		return NULL;
	at += strlen(key);
	return g_strndup(at, strcspn(at, "\r"));
}

void client_clear(struct http_answer *answer)
{
	g_free(answer->head);
	g_free(answer->body);
	*answer = (struct http_answer){0};
}
