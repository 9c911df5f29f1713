// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "web/access.h"
#include "web/face.h"
#include "web/face_child.h"
#include "web/http.h"
#include "web/site.h"
#include "web/wire.h"

/* The same document is asked for no more often than this. */
#define ASK_MS 1000

/* Descriptors beside connections: standard ones, control, listen, event polls, pages. */
#define OTHER_FILES (32 + 2 * WIRE_DOCUMENTS_MAX)

struct face {
	int control, listen;
	struct wire_hello hello;
	struct access *access; /* NULL: everybody may read, in the clear */
	struct site site;
	struct http http;
};

bool web_face_wanted(int argc, char *const argv[])
{
	return argc == 2 && !strcmp(argv[1], WEB_FACE_ARGUMENT);
}

/* Nothing but the end of the other side ends the face, or it would be gone before that. */
static void ignore_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};

	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
		signal(signals[i], SIG_IGN);
}

/* Secrets: mapped, never copied to a place where they would stay unnoticed, and unmapped again. */
static int read_access(struct face *face)
{
	struct wire_message message;
	struct stat st;
	int fd = -1, r = wire_receive(face->control, &message, &fd, true);
	char *text;

	if (r < 0)
		return r;
	if (message.type != WIRE_ACCESS || fd < 0 || fstat(fd, &st)) {
		if (fd >= 0)
			close(fd);
		return -EPROTO;
	}
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (text == MAP_FAILED)
		return -errno;
	face->access = access_decode(text, (size_t)st.st_size);
	munmap(text, (size_t)st.st_size);
	return face->access ? 0 : -EPROTO;
}

/* The other side is trusted, but may be another version after an upgrade. */
static int read_documents(struct face *face)
{
	struct wire_message message;
	int r = wire_receive(face->control, &message, NULL, true);

	if (r < 0)
		return r;
	if (message.type != WIRE_HELLO || message.hello.version != WIRE_VERSION ||
	    message.hello.n_documents > WIRE_DOCUMENTS_MAX)
		return -EPROTO;
	face->hello = message.hello;
	while (face->site.n < face->hello.n_documents) {
		r = wire_receive(face->control, &message, NULL, true);
		if (r < 0)
			return r;
		if (message.type != WIRE_DOCUMENT)
			return -EPROTO;
		message.document.path[WIRE_PATH_MAX - 1] = 0;
		message.document.type[WIRE_TYPE_MAX - 1] = 0;
		face->site.documents[face->site.n++].is = message.document;
	}
	return face->hello.has_access ? read_access(face) : 0;
}

static void ask(void *arg, uint32_t index)
{
	struct face *face = arg;
	struct site_document *document = &face->site.documents[index];
	const struct wire_message message = {.type = WIRE_ASK, .index = index};
	uint64_t now_ms = g_get_monotonic_time() / 1000;

	if (document->asked_ms && now_ms - document->asked_ms < ASK_MS)
		return;
	if (wire_send(face->control, &message, -1) == 0)
		document->asked_ms = now_ms;
}

static int query(void *arg, uint32_t id, const struct wire_query *query)
{
	struct face *face = arg;
	const struct wire_message message = {.type = WIRE_QUERY, .index = id, .query = *query};

	return wire_send(face->control, &message, -1);
}

static void tell(struct face *face, enum wire_type type, const struct wire_face *state)
{
	const struct wire_message message = {.type = type, .face = *state};

	(void)wire_send(face->control, &message, -1);
}

/* Only then is there anything that hears the network. */
static int give_up_rights(struct face *face, struct wire_face *state)
{
	static const struct http_calls calls = {ask, query};
	const char *step = "";
	int r = child_confine(&face_child, face->hello.uid, face->hello.gid,
			      3 * face->hello.max_connections + OTHER_FILES, &state->confined,
			      &step);

	if (r == 0) {
		step = "HTTP server";
		r = http_start(&face->http, &face->site, &face->hello, face->access, &calls, face);
	}
	g_strlcpy(state->step, step, sizeof(state->step));
	return r;
}

static void tell_alive(struct face *face)
{
	const struct wire_face state = {
		.seq = face->site.newest.seq,
		.requests = face->http.requests,
		.refused = face->http.refused,
		.evicted = face->http.evicted,
		.unauthorized = face->http.gate.failures,
	};

	tell(face, WIRE_ALIVE, &state);
}

static void take(struct face *face, const struct wire_message *message, int fd)
{
	if (message->type == WIRE_PAGE && fd >= 0) {
		if (site_put_page(&face->site, message->index, &message->page, fd) == 0)
			http_page_came(&face->http, message->index);
		return;
	}
	if (message->type == WIRE_ANSWER) {
		http_answer_came(&face->http, message->index, &message->answer, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (message->type == WIRE_TICK) {
		face->site.newest = message->page;
		tell_alive(face);
	}
}

/* -EPIPE: the other side is gone. */
static int take_all(struct face *face)
{
	for (;;) {
		struct wire_message message;
		int fd = -1, r = wire_receive(face->control, &message, &fd, false);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
		take(face, &message, fd);
	}
}

static int serve(struct face *face)
{
	struct pollfd polls[] = {
		{.fd = face->control, .events = POLLIN},
		{.fd = face->listen, .events = POLLIN},
		{.fd = http_fd(&face->http), .events = POLLIN},
	};
	int r = 0;

	while (r == 0) {
		if (poll(polls, G_N_ELEMENTS(polls), http_timeout(&face->http)) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (polls[0].revents)
			r = take_all(face);
		if (polls[1].revents)
			http_accept(&face->http, face->listen);
		http_run(&face->http);
	}
	return r;
}

int web_face_main(void)
{
	struct face face = {.control = WIRE_FD_CONTROL, .listen = WIRE_FD_LISTEN};
	struct wire_face state = {0};
	int r;

	ignore_signals();
	r = read_documents(&face);
	if (r == 0) {
		r = give_up_rights(&face, &state);
		state.error = r;
		tell(&face, r < 0 ? WIRE_FAILED : WIRE_READY, &state);
	}
	r = r ?: serve(&face);
	http_stop(&face.http);
	site_clear(&face.site);
	access_free(face.access);
	return r == -EPIPE ? EXIT_SUCCESS : EXIT_FAILURE;
}
