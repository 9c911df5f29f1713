// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "web/page.h"
#include "web/query.h"
#include "web/server.h"

/* The face confines itself in milliseconds. */
#define START_MS 5000

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 30000

/* One that lived so long died by accident: the delay begins anew. */
#define STEADY_MS 60000

/* A face that has not answered a tick for so long gets no more pages until it does. */
#define PATIENCE_MS 1000

static uint64_t now_ms(void)
{
	return g_get_monotonic_time() / 1000;
}

/* Add to a counter of the state. */
static void count(struct web *web, uint64_t *counter, uint64_t n)
{
	g_mutex_lock(&web->lock);
	*counter += n;
	g_mutex_unlock(&web->lock);
}

static void note_face(struct web *web, const struct wire_face *ready)
{
	g_mutex_lock(&web->lock);
	web->state.up = ready != NULL;
	web->state.pid = web->face.pid;
	if (ready) {
		web->state.confined = ready->confined;
	}
	g_mutex_unlock(&web->lock);
}

static int seal_access(const struct access *access)
{
	char *text = access_encode(access);
	int fd = text ? page_seal(text, strlen(text)) : -ENOMEM;

	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	return fd;
}

int server_start_face(struct web *web, struct wire_face *ret_said)
{
	struct wire_face said = {0};
	int access = web->access ? seal_access(web->access) : -1;
	int r = web->access && access < 0 ? access
					  : face_process_start(web->listen, &web->hello, web->wire,
							       access, &web->face);

	if (access >= 0)
		close(access);
	if (r < 0)
		return r;
	r = face_process_wait(&web->face, START_MS, &said);
	*ret_said = said;
	if (r < 0) {
		face_process_stop(&web->face);
		return r;
	}
	web->n_faces++;
	web->started_ms = now_ms();
	web->unanswered_ms = 0;
	web->said = (struct wire_face){0};
	for (uint32_t i = 0; i < web->hello.n_documents; i++)
		web->documents[i].sent_seq = 0;
	note_face(web, &said);
	return 0;
}

/* It died, hangs or talks nonsense: away with it, and a new one after a while. */
static void lose_face(struct web *web)
{
	uint64_t now = now_ms();

	face_process_stop(&web->face);
	web->delay_ms = now - web->started_ms > STEADY_MS ? RETRY_MIN_MS
							  : MIN(web->delay_ms * 2, RETRY_MAX_MS);
	web->retry_ms = now + web->delay_ms;
	count(web, &web->state.restarts, 1);
	note_face(web, NULL);
}

static struct wire_page page_of(struct web *web, uint64_t size)
{
	return (struct wire_page){
		.seq = web->snapshot->seq,
		.mono_ns = web->snapshot->mono_ns,
		.size = size,
		.interval_ms = g_atomic_int_get(&web->interval_ms),
		.stuck = web->stuck,
	};
}

/* With a descriptor kept for it: an agent that has run out of them still reports so. */
static int seal_text(struct web *web)
{
	int fd = page_seal(web->text.data, web->text.len);

	if (fd != -EMFILE || web->reserve < 0)
		return fd;
	close(web->reserve);
	web->reserve = -1;
	return page_seal(web->text.data, web->text.len);
}

static void keep_reserve(struct web *web)
{
	if (web->reserve < 0)
		web->reserve = fcntl(web->wake, F_DUPFD_CLOEXEC, 0);
}

static void send_page(struct web *web, uint32_t index)
{
	struct server_document *document = &web->documents[index];
	struct wire_message message = {.type = WIRE_PAGE, .index = index};
	int fd, r;

	web->text.len = 0;
	document->is.render(document->is.arg, web->snapshot, &web->text);
	count(web, &web->state.pages, 1);
	fd = seal_text(web);
	r = fd;
	if (fd >= 0) {
		message.page = page_of(web, web->text.len);
		r = wire_send(web->face.sock, &message, fd);
		close(fd);
	}
	keep_reserve(web);
	if (r < 0)
		count(web, &web->state.unsent, 1);
	else
		document->sent_seq = web->snapshot->seq;
}

/* Unless the face has it already: so often as it may ask, a snapshot is rendered once. */
static void send_if_wanted(struct web *web, uint32_t index)
{
	const struct server_document *document = &web->documents[index];

	if (web->snapshot && document->wanted_until_ms > now_ms() &&
	    document->sent_seq != web->snapshot->seq)
		send_page(web, index);
}

static void send_tick(struct web *web)
{
	struct wire_message message = {.type = WIRE_TICK, .page = page_of(web, 0)};

	(void)wire_send(web->face.sock, &message, -1);
	if (!web->unanswered_ms)
		web->unanswered_ms = now_ms();
	/* Pages that nobody takes would pile up in the socket, with their memory. */
	if (now_ms() - web->unanswered_ms > PATIENCE_MS) {
		count(web, &web->state.unsent, 1);
		return;
	}
	for (uint32_t i = 0; i < web->hello.n_documents; i++)
		send_if_wanted(web, i);
}

/* What a counter of the face adds to ours: nothing where it makes no sense. */
static uint64_t growth(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

static void take_counters(struct web *web, const struct wire_face *said)
{
	g_mutex_lock(&web->lock);
	web->state.requests += growth(web->said.requests, said->requests);
	web->state.refused += growth(web->said.refused, said->refused);
	web->state.evicted += growth(web->said.evicted, said->evicted);
	web->state.unauthorized += growth(web->said.unauthorized, said->unauthorized);
	g_mutex_unlock(&web->lock);
	if (web->snapshot && said->seq == web->snapshot->seq)
		web->unanswered_ms = 0;
	else if (said->seq > web->said.seq) /* late, but it gets on */
		web->unanswered_ms = now_ms();
	web->said = *said;
}

static void send_answer(struct web *web, uint32_t id, const struct wire_answer *answer, int fd)
{
	const struct wire_message message = {.type = WIRE_ANSWER, .index = id, .answer = *answer};

	count(web, &web->state.queries, 1);
	if (wire_send(web->face.sock, &message, fd) < 0)
		count(web, &web->state.unsent, 1);
}

/* Answers for a face that is no more go nowhere. */
static void send_answers(struct web *web)
{
	struct desk_answer answer;

	while (web->desk && desk_take(web->desk, &answer)) {
		if (web->face.pid && answer.face == web->n_faces)
			send_answer(web, answer.id, &answer.is, answer.fd);
		if (answer.fd >= 0)
			close(answer.fd);
	}
}

static int take_query(struct web *web, const struct wire_message *message)
{
	struct wire_answer busy = {0};

	if (!web->desk || !query_valid(&message->query))
		return -EBADMSG;
	busy.error = desk_put(web->desk, web->n_faces, message->index, &message->query);
	if (busy.error)
		send_answer(web, message->index, &busy, -1);
	return 0;
}

/* Negative: it says what no face says. */
static int take_message(struct web *web, const struct wire_message *message)
{
	switch (message->type) {
	case WIRE_ALIVE:
		take_counters(web, &message->face);
		return 0;
	case WIRE_ASK:
		if (message->index >= web->hello.n_documents)
			return -EBADMSG;
		web->documents[message->index].wanted_until_ms = now_ms() + SERVER_WANTED_MS;
		send_if_wanted(web, message->index);
		return 0;
	case WIRE_QUERY:
		return take_query(web, message);
	default:
		return -EBADMSG;
	}
}

/* At most so many messages before something else gets its turn. */
static void take_messages(struct web *web)
{
	for (unsigned i = 0; i < 4 * WIRE_DOCUMENTS_MAX; i++) {
		struct wire_message message;
		int r = wire_receive(web->face.sock, &message, NULL, false);

		if (r == -EAGAIN)
			return;
		r = r ?: take_message(web, &message);
		if (r < 0) {
			lose_face(web);
			return;
		}
	}
}

/* True: there is a newer snapshot than before. */
static bool take_snapshot(struct web *web)
{
	const struct kvmlens_snapshot *offered;

	g_mutex_lock(&web->lock);
	offered = g_steal_pointer(&web->offered);
	g_mutex_unlock(&web->lock);
	if (!offered)
		return false;
	kvmlens_snapshot_unref(web->snapshot);
	web->snapshot = offered;
	web->stuck =
		health_judge(&web->health, offered, g_atomic_int_get(&web->interval_ms), now_ms());
	return true;
}

/* Milliseconds until something is due even if nothing happens, -1: nothing is. */
static int until_due(const struct web *web)
{
	uint64_t now = now_ms(), due;

	if (web->face.pid && !web->unanswered_ms)
		return -1;
	due = web->face.pid ? web->unanswered_ms + web->hang_ms : web->retry_ms;
	return due > now ? due - now : 0;
}

static void revive(struct web *web)
{
	struct wire_face said;

	if (now_ms() < web->retry_ms)
		return;
	if (server_start_face(web, &said) < 0)
		lose_face(web);
	else if (web->snapshot)
		send_tick(web);
}

static void note_access(struct web *web, const char *error)
{
	g_mutex_lock(&web->lock);
	web->state.rereads++;
	g_strlcpy(web->state.access_error, error, sizeof(web->state.access_error));
	g_mutex_unlock(&web->lock);
}

/*
 * A certificate was renewed, a user added: a new face serves by the new file, and the connections
 * of the old one end. What is wrong is reported and changes nothing.
 */
static void reread_access(struct web *web)
{
	uint64_t stamp = access_stamp(web->access->files);
	g_autofree char *error = NULL;
	struct access *access;

	if (stamp == web->access->stamp)
		return;
	web->access->stamp = stamp;
	if (access_load(web->access_path, &access, &error)) {
		note_access(web, error);
		return;
	}
	access_free(web->access);
	web->access = access;
	note_access(web, "");
	face_process_stop(&web->face);
	note_face(web, NULL);
	web->retry_ms = 0;
}

static bool stopping(struct web *web)
{
	bool stop;

	g_mutex_lock(&web->lock);
	stop = web->stop;
	g_mutex_unlock(&web->lock);
	return stop;
}

gpointer server_run(gpointer arg)
{
	struct web *web = arg;

	keep_reserve(web);
	while (!stopping(web)) {
		struct pollfd fds[] = {{web->wake, POLLIN, 0}, {web->face.sock, POLLIN, 0}};
		eventfd_t drained;
		bool newer;

		if (poll(fds, G_N_ELEMENTS(fds), until_due(web)) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			(void)eventfd_read(web->wake, &drained);
		newer = take_snapshot(web);
		if (web->face.pid && fds[1].revents)
			take_messages(web);
		send_answers(web);
		if (web->face.pid && newer)
			send_tick(web);
		if (web->face.pid && web->unanswered_ms &&
		    now_ms() - web->unanswered_ms >= web->hang_ms)
			lose_face(web);
		if (web->access && newer)
			reread_access(web);
		if (!web->face.pid)
			revive(web);
	}
	return NULL;
}
