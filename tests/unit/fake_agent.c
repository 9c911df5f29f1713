// SPDX-License-Identifier: Apache-2.0
#include "unit/fake_agent.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/ga_reply.h"
#include "guest/ga_socket.h"

#define MEGABYTE (1u << 20)

/* One talk: the thread ends when the other side closes. */
struct talk {
	struct fake_agent *agent;
	int fd;
	GString *in;
};

static bool say(struct talk *t, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(t->fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

static void say_text(struct talk *t, const char *text)
{
	say(t, text, strlen(text));
}

static void say_often(struct talk *t, const char *begin, const char *part, size_t bytes)
{
	g_autoptr(GString) block = g_string_new(NULL);

	while (block->len < MEGABYTE)
		g_string_append(block, part);
	say_text(t, begin);
	for (size_t sent = 0; sent < bytes && say(t, block->str, block->len); sent += block->len)
		;
}

/* A line of what the other side says; false: it has closed. */
static bool hear(struct talk *t, GString *line)
{
	char *newline;

	while (!(newline = memchr(t->in->str, '\n', t->in->len))) {
		char buf[4096];
		ssize_t n = recv(t->fd, buf, sizeof(buf), 0);

		if (n <= 0)
			return false;
		g_string_append_len(t->in, buf, n);
	}
	g_string_assign(line, "");
	g_string_append_len(line, t->in->str, newline - t->in->str);
	g_string_erase(t->in, 0, newline - t->in->str + 1);
	return true;
}

static void say_data(struct talk *t, const char *key, const char *more, const char *text)
{
	g_autofree char *data = g_base64_encode((const guchar *)text, strlen(text));
	g_autofree char *reply =
		g_strdup_printf("{\"return\":{\"%s\":\"%s\",%s}}\n", key, data, more);

	say_text(t, reply);
}

static const char *const paths[] = {"/proc/stat", "/proc/uptime", "/proc/meminfo", "/proc/vmstat",
				    "/proc/loadavg"};

static void file_open(struct talk *t, const json_t *arguments)
{
	const char *path = json_string_value(json_object_get(arguments, "path"));

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		char reply[32];

		snprintf(reply, sizeof(reply), "{\"return\":%zu}\n", i + 1000);
		if (path && !strcmp(path, paths[i])) {
			g_atomic_int_inc(&t->agent->files);
			say_text(t, reply);
			return;
		}
	}
	say_text(t, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"No such file\"}}\n");
}

static void file_read(struct talk *t, const json_t *arguments)
{
	int ticks = g_atomic_int_get(&t->agent->ticks);
	json_int_t handle = json_integer_value(json_object_get(arguments, "handle"));
	char *texts[] = {
		g_strdup_printf("cpu  %d 0 7 100 0 0 0 0\ncpu0 %d 0 7 100 0 0 0 0\n", ticks, ticks),
		g_strdup_printf("%d.50 1.0\n", 100 + ticks),
		g_strdup(
			"MemTotal: 1000 kB\nMemAvailable: 400 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n"),
		g_strdup("pgfault 77\npgmajfault 3\n"),
		g_strdup("0.50 0.25 0.00 1/60 7\n"),
	};

	if (handle >= 1000 && handle < 1000 + (json_int_t)G_N_ELEMENTS(texts))
		say_data(t, "buf-b64", "\"eof\":true", texts[handle - 1000]);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
}

static void exec_status(struct talk *t)
{
	if (g_atomic_int_get(&t->agent->fault) == FAKE_ENDLESS)
		say_text(t, "{\"return\":{\"exited\":false}}\n");
	else
		say_data(t, "out-data", "\"exited\":true,\"exitcode\":0",
			 "n:2\n1/stat:1 (init) S 0 1 1 0 -1 0 0 0 0 0 10 20 0 0 20 0 1 0 6 1 454\n"
			 "1/io:syscr: 9\n1/fd:3\n");
}

static void serve_sound(struct talk *t, const char *command, const json_t *arguments)
{
	if (!strcmp(command, "guest-file-open"))
		file_open(t, arguments);
	else if (!strcmp(command, "guest-file-read"))
		file_read(t, arguments);
	else if (!strcmp(command, "guest-file-close")) {
		g_atomic_int_add(&t->agent->files, -1);
		say_text(t, "{\"return\":{}}\n");
	} else if (!strcmp(command, "guest-get-fsinfo"))
		say_text(t,
			 "{\"return\":[{\"name\":\"vda1\",\"mountpoint\":\"/\",\"type\":\"ext4\","
			 "\"total-bytes\":1000,\"used-bytes\":250,\"disk\":[]}]}\n");
	else if (!strcmp(command, "guest-network-get-interfaces"))
		say_text(t, "{\"return\":[]}\n");
	else if (!strcmp(command, "guest-get-osinfo"))
		say_text(t, "{\"return\":{\"kernel-release\":\"6.1\",\"pretty-name\":\"X\"}}\n");
	else if (!strcmp(command, "guest-exec-status"))
		exec_status(t);
	else if (!strcmp(command, "guest-exec")) {
		g_atomic_int_inc(&t->agent->starts);
		say_text(t, "{\"return\":{\"pid\":400}}\n");
	}
}

static void say_info(struct talk *t, bool all)
{
	g_autoptr(GString) reply = g_string_new("{\"return\":{\"supported_commands\":[");

	for (unsigned c = 0; c < GA_COMMANDS; c++)
		g_string_append_printf(reply, "%s{\"name\":\"%s\",\"enabled\":%s}", c ? "," : "",
				       ga_command_name(c),
				       all || c == GA_FSINFO ? "true" : "false");
	g_string_append(reply, "],\"version\":\"7.2\"}}\n");
	say_text(t, reply->str);
}

/* False: this talk is over. */
static bool serve_fault(struct talk *t, int fault, const char *command, const json_t *arguments)
{
	static const char half[] = "{\"return\":[{\"name\":\"vd";

	switch (fault) {
	case FAKE_SILENT:
	case FAKE_STUCK:
		break;
	case FAKE_GARBAGE:
		say(t, "\x00\xfe{\"return\x80", 12);
		break;
	case FAKE_FLOOD:
		say_often(t, "{\"return\":\"", "flood ", 100 * MEGABYTE);
		break;
	case FAKE_HALF:
		say_text(t, half);
		break;
	case FAKE_LATE:
		g_atomic_int_set(&t->agent->owes, 1);
		break;
	case FAKE_DEEP:
		say_often(t, "{\"return\":", "[", MEGABYTE);
		break;
	case FAKE_WIDE:
		say_often(t, "{\"return\":[1", ",1", 2 * MEGABYTE);
		break;
	case FAKE_HANGUP:
		say_text(t, half);
		return false;
	case FAKE_REFUSES:
		say_text(t, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no \\u0007\"}}\n");
		break;
	case FAKE_UNREAD:
		if (!strcmp(command, "guest-file-read"))
			break;
		/* fall through */
	default:
		serve_sound(t, command, arguments);
	}
	return true;
}

static void get_in_step(struct talk *t, int fault, const json_t *arguments)
{
	char reply[64];

	if (fault == FAKE_BABBLE)
		say_often(t, "", "babble", 100 * MEGABYTE);
	/* What an earlier talk asked for, with a sentinel that was never read before it. */
	if (g_atomic_int_compare_and_exchange(&t->agent->owes, 1, 0))
		say(t, "\xff{\"return\":4711}\n{\"return\":[{\"name\":\"late\"", 42);
	snprintf(reply, sizeof(reply), "\xff{\"return\":%" JSON_INTEGER_FORMAT "}\n",
		 json_integer_value(json_object_get(arguments, "id")));
	if (fault != FAKE_SILENT)
		say_text(t, reply);
}

static bool serve(struct talk *t, const char *request)
{
	json_auto_t *root = json_loads(*request == '\xff' ? request + 1 : request, 0, NULL);
	const char *command = json_string_value(json_object_get(root, "execute")) ?: "";
	const json_t *arguments = json_object_get(root, "arguments");
	int fault = g_atomic_int_get(&t->agent->fault);

	g_atomic_int_inc(&t->agent->asked);
	g_usleep(1000 * g_atomic_int_get(&t->agent->delay_ms));
	if (!strcmp(command, "guest-sync-delimited")) {
		get_in_step(t, fault, arguments);
		return true;
	}
	if (!strcmp(command, "guest-info") &&
	    (fault == FAKE_SOUND || fault == FAKE_REFUSES || fault >= FAKE_DISABLED)) {
		say_info(t, fault != FAKE_DISABLED);
		return true;
	}
	return serve_fault(t, fault, command, arguments);
}

static gpointer talk_main(gpointer data)
{
	g_autoptr(GString) line = g_string_new(NULL);
	struct talk *t = data;

	while (hear(t, line) && serve(t, line->str))
		;
	close(t->fd);
	g_string_free(t->in, TRUE);
	g_free(t);
	return NULL;
}

static int open_one(struct fake_agent *agent, unsigned deadline_ms, void **ret_ctx, char *why)
{
	struct talk *talk = g_new0(struct talk, 1);
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		abort();
	talk->agent = agent;
	talk->fd = fds[0];
	talk->in = g_string_new(NULL);
	g_atomic_int_inc(&agent->opens);
	g_thread_unref(g_thread_new("fake-agent", talk_main, talk));
	return ga_socket_start(fds[1], deadline_ms, ret_ctx, why);
}

static int open_fake(void *arg, const struct ga_target *target, unsigned deadline_ms,
		     void **ret_ctx, char *why)
{
	return open_one(arg, deadline_ms, ret_ctx, why);
}

static int open_fakes(void *arg, const struct ga_target *target, unsigned deadline_ms,
		      void **ret_ctx, char *why)
{
	return open_one((struct fake_agent *)arg + target->pid, deadline_ms, ret_ctx, why);
}

static int ask_fake(void *ctx, const char *request, unsigned deadline_ms, GString *ret_reply,
		    char *why)
{
	return ga_socket_ops.ask(ctx, request, deadline_ms, ret_reply, why);
}

static void close_fake(void *ctx)
{
	ga_socket_ops.close(ctx);
}

const struct ga_link_ops fake_agent_ops = {"fake", open_fake, ask_fake, close_fake};
const struct ga_link_ops fake_agents_ops = {"fakes", open_fakes, ask_fake, close_fake};
