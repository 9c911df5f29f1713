// SPDX-License-Identifier: Apache-2.0
#include "control/control.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include "control/address.h"
#include "control/message.h"

#define CLIENT_MS 3000 /* for a request to come in, and for its answer to be taken */
#define WAITING_MAX 16
#define TABLES_MAX 8

struct table {
	const struct control_command *commands;
	void *arg;
};

struct control {
	char *path;
	int fd, stop_fd;
	struct table tables[TABLES_MAX];
	unsigned n_tables;
	GThread *thread;
};

json_t *control_error(int code, const char *format, ...)
{
	g_autofree char *text = NULL, *valid = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	valid = g_utf8_make_valid(text, -1);
	return json_pack("{s:s, s:i}", "error", valid, "code", code);
}

/* Who may command: root, and whoever the agent runs as. */
static bool is_permitted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static json_t *answer(const struct control *control, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "command"));

	for (unsigned i = 0; name && i < control->n_tables; i++) {
		const struct table *table = &control->tables[i];

		for (const struct control_command *c = table->commands; c->name; c++)
			if (!strcmp(c->name, name))
				return c->run(table->arg, request);
	}
	return control_error(-ENOSYS, "this agent does not know that command; is it older?");
}

static void serve(const struct control *control, int fd)
{
	gint64 deadline = g_get_monotonic_time() + CLIENT_MS * 1000;
	json_t *request = NULL, *reply;

	if (!is_permitted(fd))
		return;
	if (message_receive(fd, CONTROL_REQUEST_MAX, deadline, &request))
		return;
	reply = answer(control, request);
	deadline = g_get_monotonic_time() + CLIENT_MS * 1000;
	/* A client that has gone has no use for its answer: ignoring. */
	message_send(fd, CONTROL_REPLY_MAX, deadline, reply);
	json_decref(request);
	json_decref(reply);
}

static gpointer run(gpointer data)
{
	struct control *control = data;
	struct pollfd fds[] = {{.fd = control->stop_fd, .events = POLLIN},
			       {.fd = control->fd, .events = POLLIN}};

	while (poll(fds, G_N_ELEMENTS(fds), -1) > 0 || errno == EINTR) {
		struct sockaddr_un from;
		socklen_t len = sizeof(from);
		int fd;

		if (fds[0].revents)
			break;
		fd = accept4(control->fd, (struct sockaddr *)&from, &len,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			/* No descriptors left, say: not to spin until there are. */
			if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
				g_usleep(100000);
			continue;
		}
		serve(control, fd);
		close(fd);
	}
	return NULL;
}

/* Does somebody accept connections there? */
static bool is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served =
		fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
			    errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return served;
}

static int bind_socket(int fd, const char *path)
{
	g_autofree char *directory = g_path_get_dirname(path);
	struct sockaddr_un address;
	struct stat st;
	int err = control_address(path, &address);

	if (err)
		return err;
	if (g_mkdir_with_parents(directory, 0700))
		return -errno;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		if (is_served(&address))
			return -EADDRINUSE;
		unlink(path);
	}
	/* Nobody can connect before listen(), so that the mode is right in time. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	if (chmod(path, 0600) || listen(fd, WAITING_MAX)) {
		err = -errno;
		unlink(path);
	}
	return err;
}

int control_open(const char *path, struct control **ret_control)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct control *control;
	int err = fd < 0 ? -errno : bind_socket(fd, path);

	if (err) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	control = g_new0(struct control, 1);
	control->path = g_strdup(path);
	control->fd = fd;
	control->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->stop_fd < 0) {
		err = -errno;
		control_close(control);
		return err;
	}
	*ret_control = control;
	return 0;
}

void control_add(struct control *control, const struct control_command *commands, void *arg)
{
	g_return_if_fail(control->n_tables < TABLES_MAX && !control->thread);
	control->tables[control->n_tables++] = (struct table){commands, arg};
}

int control_start(struct control *control)
{
	control->thread = g_thread_try_new("control", run, control, NULL);
	return control->thread ? 0 : -EAGAIN;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	if (control->thread) {
		eventfd_write(control->stop_fd, 1);
		g_thread_join(control->thread);
	}
	unlink(control->path);
	close(control->fd);
	if (control->stop_fd >= 0)
		close(control->stop_fd);
	g_free(control->path);
	g_free(control);
}
