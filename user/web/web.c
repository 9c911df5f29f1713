// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "config/endpoint.h"
#include "web/documents.h"
#include "web/listen.h"
#include "web/server.h"

/* -EINVAL: too many, or too long. */
static int add_documents(struct web *web, const struct web_document *documents, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t index = web->hello.n_documents;

		if (index == WIRE_DOCUMENTS_MAX || strlen(documents[i].path) >= WIRE_PATH_MAX ||
		    strlen(documents[i].type) >= WIRE_TYPE_MAX)
			return -EINVAL;
		web->documents[index].is = documents[i];
		g_strlcpy(web->wire[index].path, documents[i].path, WIRE_PATH_MAX);
		g_strlcpy(web->wire[index].type, documents[i].type, WIRE_TYPE_MAX);
		web->hello.n_documents++;
	}
	return 0;
}

/* The user to become; root is none. What hello has for "auto", 0, is the id of the face's own. */
static int find_user(const char *name, struct wire_hello *hello, char **ret_error)
{
	const struct passwd *user;

	if (!strcmp(name, "auto"))
		return 0;
	/* cppcheck-suppress getpwnamCalled ; before any other thread could ask */
	user = getpwnam(name);
	if (!user) {
		*ret_error = g_strdup_printf("there is no user %s to serve /metrics as; set "
					     "http.user",
					     name);
		return -ENOENT;
	}
	if (user->pw_uid == 0) {
		*ret_error = g_strdup("/metrics is not served as root; set http.user");
		return -EPERM;
	}
	hello->uid = user->pw_uid;
	hello->gid = user->pw_gid;
	return 0;
}

static struct web *alloc(const struct web_options *options)
{
	struct web *web = g_new0(struct web, 1);
	unsigned max = options->max_connections ?: 64;

	web->listen = web->wake = web->reserve = web->face.sock = -1;
	web->interval_ms = options->interval_ms ?: 10000;
	web->hang_ms = options->hang_ms ?: 10000;
	g_mutex_init(&web->lock);
	web->hello = (struct wire_hello){
		.version = WIRE_VERSION,
		.max_connections = max,
		.per_address = MAX(max / 4, MIN(max, 8)),
		.timeout_s = options->timeout_s ?: 10,
		.has_history = options->answer != NULL,
	};
	web->answer = options->answer;
	web->answer_arg = options->answer_arg;
	return web;
}

static int first_start(struct web *web, char **ret_error)
{
	struct wire_face said = {0};
	int r = server_start_face(web, &said);

	if (r < 0)
		*ret_error =
			g_strdup_printf("the process that serves /metrics did not start%s%s: %s",
					said.step[0] ? ", " : "", said.step, g_strerror(-r));
	return r;
}

static int open_all(struct web *web, const struct web_options *options, char **ret_error)
{
	int r = add_documents(web, web_documents, n_web_documents);
	struct endpoint endpoint;

	r = r ?: add_documents(web, options->documents, options->n_documents);
	if (r < 0) {
		*ret_error = g_strdup("too many pages to serve, or too long a path");
		return r;
	}
	r = find_user(options->user ?: "auto", &web->hello, ret_error);
	if (r < 0)
		return r;
	web->listen = r = listen_open(options->listen, ret_error);
	if (r < 0)
		return r;
	if (options->access) {
		r = access_load(options->access, &web->access, ret_error);
		if (r < 0)
			return r;
		web->access_path = g_strdup(options->access);
		web->hello.has_access = 1;
	}
	web->hello.loopback =
		endpoint_parse(options->listen, &endpoint) == 0 && endpoint_is_loopback(&endpoint);
	web->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (web->wake < 0) {
		r = -errno;
		*ret_error = g_strdup_printf("cannot serve /metrics: %s", g_strerror(-r));
		return r;
	}
	return first_start(web, ret_error);
}

int web_new(const struct web_options *options, struct web **ret_web, char **ret_error)
{
	struct web *web = alloc(options);
	int r = open_all(web, options, ret_error);

	if (r < 0) {
		web_stop(web);
		return r;
	}
	/* The first scrape should find a page. */
	web->documents[0].wanted_until_ms = g_get_monotonic_time() / 1000 + SERVER_WANTED_MS;
	*ret_web = web;
	return 0;
}

int web_start(struct web *web)
{
	if (web->answer && !(web->desk = desk_new(web->answer, web->answer_arg, web->wake)))
		return -EAGAIN;
	web->thread = g_thread_try_new("web", server_run, web, NULL);
	return web->thread ? 0 : -EAGAIN;
}

void web_publish(void *arg, const struct kvmlens_snapshot *snapshot)
{
	const struct kvmlens_snapshot *before;
	struct web *web = arg;

	kvmlens_snapshot_ref(snapshot);
	g_mutex_lock(&web->lock);
	before = web->offered;
	web->offered = snapshot;
	g_mutex_unlock(&web->lock);
	kvmlens_snapshot_unref(before);
	(void)eventfd_write(web->wake, 1);
}

unsigned web_port(const struct web *web)
{
	return listen_port(web->listen);
}

void web_set_interval(struct web *web, unsigned ms)
{
	g_atomic_int_set(&web->interval_ms, ms);
}

void web_get_state(struct web *web, struct web_state *ret_state)
{
	g_mutex_lock(&web->lock);
	*ret_state = web->state;
	g_mutex_unlock(&web->lock);
}

void web_stop(struct web *web)
{
	if (!web)
		return;
	g_mutex_lock(&web->lock);
	web->stop = true;
	g_mutex_unlock(&web->lock);
	if (web->thread) {
		(void)eventfd_write(web->wake, 1);
		g_thread_join(web->thread);
	}
	desk_free(web->desk);
	face_process_stop(&web->face);
	if (web->listen >= 0)
		close(web->listen);
	if (web->wake >= 0)
		close(web->wake);
	if (web->reserve >= 0)
		close(web->reserve);
	kvmlens_snapshot_unref(web->offered);
	kvmlens_snapshot_unref(web->snapshot);
	textbuf_clear(&web->text);
	access_free(web->access);
	g_free(web->access_path);
	g_mutex_clear(&web->lock);
	g_free(web);
}
