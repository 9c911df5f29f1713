// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest/ga_reply.h"
#include "guest/ga_text.h"

#define FILE_MAX 262144u /* /proc/stat has 90 bytes for each CPU */
#define WHOLE_AGAIN_US (60 * G_USEC_PER_SEC)
#define EXEC_FIRST_MS 20u
#define EXEC_LAST_MS 320u

struct ga_session {
	const struct ga_link_ops *ops;
	void *arg;
	struct ga_target target;
	void *ctx; /* NULL: closed */
	unsigned allowed; /* 1 << enum ga_command, since the link was opened */
	uint64_t running; /* process in the guest that has not been seen to end, 0: none */
	uint64_t command; /* the last that was started */
	uint64_t handle; /* of a file in the guest */
	bool left_open; /* that file: the talk broke off before it was closed */
	unsigned answer_ms, look_ms;
	GHashTable *whole; /* device to its size as df(1) counts, of the last command; uint64_t */
	gint64 whole_us; /* when that was */
	char os[GA_TEXT_LEN], kernel[GUEST_NAME_LEN]; /* asked for once, as guest-info is */
	gint64 until; /* us of the monotonic clock: the end of this look */
	char *why;
};

struct ga_session *ga_session_new(const struct ga_link_ops *ops, void *arg,
				  const struct ga_target *target, unsigned answer_ms)
{
	struct ga_session *s = g_new0(struct ga_session, 1);

	s->ops = ops;
	s->arg = arg;
	s->target = *target;
	s->answer_ms = answer_ms ?: GA_ANSWER_MS;
	ga_session_limit(s, 0);
	s->whole = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return s;
}

void ga_session_limit(struct ga_session *s, unsigned look_ms)
{
	s->look_ms = look_ms ?: GA_LOOK_ANSWERS * s->answer_ms;
}

static void shut(struct ga_session *s)
{
	if (s->ctx)
		s->ops->close(s->ctx);
	s->ctx = NULL;
}

void ga_session_free(struct ga_session *s)
{
	if (!s)
		return;
	shut(s);
	g_hash_table_unref(s->whole);
	g_free(s);
}

/* For the next answer; 0: this look has taken too long. */
static unsigned time_left(const struct ga_session *s)
{
	gint64 left = (s->until - g_get_monotonic_time()) / 1000;

	return CLAMP(left, 0, (gint64)s->answer_ms);
}

/* One request; what it returns. */
static int ask(struct ga_session *s, const char *request, json_t **ret_value)
{
	g_autoptr(GString) reply = g_string_new(NULL);
	unsigned left = time_left(s);
	int r;

	if (!left) {
		g_strlcpy(s->why, "the agent is too slow", GA_WHY_LEN);
		return -ETIMEDOUT;
	}
	r = s->ops->ask(s->ctx, request, left, reply, s->why);
	if (r)
		return r;
	r = ga_reply_parse(reply->str, reply->len, ret_value);
	if (r && r != -EREMOTEIO)
		g_strlcpy(s->why, "the agent's reply is no valid JSON", GA_WHY_LEN);
	return r;
}

static bool allowed(const struct ga_session *s, enum ga_command command)
{
	return s->allowed & 1u << command;
}

static int ask_simple(struct ga_session *s, enum ga_command command, json_t **ret_value)
{
	char request[64];

	snprintf(request, sizeof(request), "{\"execute\":\"%s\"}", ga_command_name(command));
	return ask(s, request, ret_value);
}

/* What a command returned is no good: its values are absent, and the talk goes on. */
static int harmless(int r)
{
	return r == -EREMOTEIO || r == -EINVAL || r == -EAGAIN ? 0 : r;
}

static int ask_handle(struct ga_session *s, enum ga_command command, const char *arguments,
		      uint64_t *ret_handle)
{
	g_autofree char *request = g_strdup_printf("{\"execute\":\"%s\",\"arguments\":{%s}}",
						   ga_command_name(command), arguments);
	json_auto_t *value = NULL;
	int r = ask(s, request, &value);

	return r ?: ga_reply_number(value, ret_handle);
}

/* An agent keeps what is open over talks, and can open only so many. */
static int close_handle(struct ga_session *s)
{
	json_auto_t *closed = NULL;
	char request[128];
	int r;

	snprintf(request, sizeof(request),
		 "{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":%" G_GUINT64_FORMAT
		 "}}",
		 s->handle);
	r = harmless(ask(s, request, &closed));
	s->left_open = r != 0;
	return r;
}

static int read_handle(struct ga_session *s, GString *data)
{
	json_auto_t *read = NULL;
	char request[128];
	int r;

	snprintf(request, sizeof(request),
		 "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" G_GUINT64_FORMAT
		 ",\"count\":%u}}",
		 s->handle, FILE_MAX);
	r = ask(s, request, &read);
	if (!r)
		r = ga_reply_file(read, FILE_MAX, data);
	return harmless(r) ? r : close_handle(s);
}

/* Data is empty where the guest has no such file. */
static int read_file(struct ga_session *s, const char *path, GString *data)
{
	g_autofree char *arguments = g_strdup_printf("\"path\":\"%s\"", path);
	int r;

	g_string_truncate(data, 0);
	r = ask_handle(s, GA_FILE_OPEN, arguments, &s->handle);
	s->left_open = !r;
	if (!r)
		r = read_handle(s, data);
	return harmless(r);
}

static int look_at_files(struct ga_session *s, struct guest_system *system, GArray *cpus,
			 uint64_t *ret_mono_ns)
{
	static const struct {
		const char *path;
		void (*parse)(const char *text, size_t len, struct guest_system *system);
	} files[] = {
		{"/proc/uptime", ga_text_uptime},
		{"/proc/meminfo", ga_text_meminfo},
		{"/proc/vmstat", ga_text_vmstat},
		{"/proc/loadavg", ga_text_loadavg},
	};
	g_autoptr(GString) data = g_string_new(NULL);
	uint64_t before = g_get_monotonic_time() * 1000, after;
	int r = read_file(s, "/proc/stat", data);

	if (r)
		return r;
	after = g_get_monotonic_time() * 1000;
	*ret_mono_ns = before + (after - before) / 2;
	ga_text_stat(data->str, data->len, &system->total, cpus);
	for (size_t i = 0; i < G_N_ELEMENTS(files) && !r; i++) {
		r = read_file(s, files[i].path, data);
		if (!r)
			files[i].parse(data->str, data->len, system);
	}
	return r;
}

static int look_at_cpus(struct ga_session *s, struct guest_system *system, GArray *cpus)
{
	json_auto_t *value = NULL;
	int r = ask_simple(s, GA_CPUSTATS, &value);

	return harmless(r ?: ga_reply_cpustats(value, &system->total, cpus));
}

/* args: of the shell, which it sees as $1 and so on. */
static int start_command(struct ga_session *s, const char *script, json_t *args)
{
	json_auto_t *request =
		json_pack("{s:s, s:{s:s, s:[s,s,s], s:b}}", "execute", "guest-exec", "arguments",
			  "path", "/bin/sh", "arg", "-c", script, "sh", "capture-output", 1);
	json_t *list = json_object_get(json_object_get(request, "arguments"), "arg");
	g_autofree char *text = NULL;
	json_auto_t *value = NULL;
	int r;

	json_array_extend(list, args);
	text = json_dumps(request, JSON_COMPACT);
	r = ask(s, text, &value);
	r = r ?: ga_reply_number(json_object_get(value, "pid"), &s->running);
	s->command = s->running;
	return r;
}

/* -EAGAIN: it runs still. */
static int poll_command(struct ga_session *s, GString *data)
{
	json_auto_t *value = NULL;
	char request[96];
	int r;

	snprintf(request, sizeof(request),
		 "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":%" G_GUINT64_FORMAT
		 "}}",
		 s->running);
	r = ask(s, request, &value);
	if (!r)
		r = ga_reply_exec(value, GA_TASKS_BYTES_MAX, data);
	if (r != -EAGAIN)
		s->running = 0;
	return r;
}

/* Never more than one at a time in a guest: one that did not end in time is waited for first. */
static int run_command(struct ga_session *s, const char *script, json_t *args, GString *data)
{
	unsigned pause_ms = EXEC_FIRST_MS;
	int r;

	if (s->running) {
		r = poll_command(s, data);
		if (r == -EAGAIN || harmless(r))
			return r;
	}
	r = start_command(s, script, args);
	if (r)
		return r;
	do {
		g_usleep(pause_ms * 1000);
		pause_ms = MIN(pause_ms * 2, EXEC_LAST_MS);
		r = poll_command(s, data);
	} while (r == -EAGAIN && time_left(s) > 2 * pause_ms);
	return r;
}

static int look_at_tasks(struct ga_session *s, GArray *tasks, uint64_t *ret_left_out, char *note)
{
	g_autoptr(GString) data = g_string_new(NULL);
	json_auto_t *none = json_array();
	int r = run_command(s, ga_tasks_script, none, data);

	if (!r)
		ga_text_tasks(data->str, data->len, s->command, tasks, ret_left_out);
	else if (harmless(r) == 0)
		g_strlcpy(note, "the command that lists processes failed in the guest", GA_WHY_LEN);
	return harmless(r);
}

static bool can_read_files(const struct ga_session *s)
{
	return allowed(s, GA_FILE_OPEN) && allowed(s, GA_FILE_READ) && allowed(s, GA_FILE_CLOSE);
}

static bool can_run(const struct ga_session *s)
{
	return allowed(s, GA_EXEC) && allowed(s, GA_EXEC_STATUS);
}

static struct guest_view *make_view(const struct guest_system *system, const GArray *cpus,
				    const GArray *tasks, uint64_t mono_ns)
{
	uint32_t n_cpus = MIN(cpus->len, GUEST_CPUS_MAX);
	struct guest_view *view = guest_view_new("guest_agent", mono_ns, n_cpus, tasks->len);

	view->system = *system;
	view->cpus_left_out = cpus->len - n_cpus;
	if (n_cpus)
		memcpy(view->cpus, cpus->data, n_cpus * sizeof(struct guest_cpu));
	if (tasks->len)
		memcpy(view->tasks, tasks->data, tasks->len * sizeof(struct guest_task));
	view->tasks_unknown = !tasks->len; /* a guest without a process does not answer */
	return view;
}

static int look_at_system(struct ga_session *s, unsigned parts, struct ga_result *result)
{
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(struct guest_cpu));
	g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(struct guest_task));
	uint64_t mono_ns = g_get_monotonic_time() * 1000, left_out = KVMLENS_ABSENT;
	struct guest_system system;
	int r = 0;

	memset(&system, 0xff, sizeof(system)); /* ABSENT is all ones */
	memset(system.hostname, 0, sizeof(system.hostname));
	memset(system.release, 0, sizeof(system.release));
	if (can_read_files(s))
		r = look_at_files(s, &system, cpus, &mono_ns);
	if (!r && !cpus->len && allowed(s, GA_CPUSTATS))
		r = look_at_cpus(s, &system, cpus);
	if (!r && (parts & GA_TASKS) && can_run(s))
		r = look_at_tasks(s, tasks, &left_out, result->note);
	else if (!r && (parts & GA_TASKS))
		g_strlcpy(result->note, "the agent does not allow guest-exec: no processes",
			  sizeof(result->note));
	if (r)
		return r;
	if (cpus->len || tasks->len || system.mem_total != KVMLENS_ABSENT) {
		result->view = make_view(&system, cpus, tasks, mono_ns);
		result->view->tasks_left_out = left_out;
	}
	return 0;
}

static int look_by(struct ga_session *s, enum ga_command command, struct ga_result *result,
		   int (*parse)(const json_t *value, struct ga_result *result))
{
	json_auto_t *value = NULL;
	int r;

	if (!allowed(s, command))
		return 0;
	r = ask_simple(s, command, &value);
	return harmless(r ?: parse(value, result));
}

/* What can be written nowhere is no candidate for being full. */
static int look_at_mounts(struct ga_session *s, struct ga_result *result)
{
	g_autoptr(GString) data = g_string_new(NULL);
	int r;

	if (!can_read_files(s) || !result->n_fs)
		return 0;
	r = read_file(s, "/proc/mounts", data);
	if (!r)
		ga_text_mounts(data->str, data->len, result);
	return r;
}

/* "BLOCKS SIZE" a line, in the order of the arguments; an empty one where it is not known. */
static void take_sizes(struct ga_session *s, const struct ga_result *result, const char *text,
		       size_t len)
{
	const char *end = text + len;

	for (uint32_t i = 0; i < result->n_fs; i++) {
		const char *line = text, *stop = memchr(text, '\n', end - text);
		uint64_t blocks, size;

		if (result->fs[i].whole != KVMLENS_ABSENT)
			continue;
		if (!stop)
			return;
		text = stop + 1;
		if (ga_text_number(&line, stop, &blocks) && ga_text_number(&line, stop, &size) &&
		    size && blocks < (1ull << 60) / size)
			g_hash_table_replace(s->whole, g_strdup(result->fs[i].device),
					     g_memdup2(&(uint64_t){blocks * size}, 8));
	}
}

static bool know_sizes(struct ga_session *s, struct ga_result *result, json_t *unknown)
{
	for (uint32_t i = 0; i < result->n_fs; i++) {
		struct ga_fs *fs = &result->fs[i];
		const uint64_t *whole = g_hash_table_lookup(s->whole, fs->device);

		if (fs->whole != KVMLENS_ABSENT)
			continue;
		/* One that has grown since. */
		if (whole && *whole >= fs->size)
			fs->whole = *whole;
		else if (unknown)
			json_array_append_new(unknown, json_string(fs->mount) ?: json_string(""));
	}
	return !unknown || !json_array_size(unknown);
}

/*
 * Agents before 9.1 do not say what df(1) calls the size of a file system that keeps something for
 * root: a command in the guest does, once, and when one has grown.
 */
static int look_at_sizes(struct ga_session *s, struct ga_result *result)
{
	static const char script[] =
		"for m; do stat -f -c '%b %S' \"$m\" 2>/dev/null || echo; done";
	g_autoptr(GString) data = g_string_new(NULL);
	json_auto_t *unknown = json_array();
	gint64 now = g_get_monotonic_time();
	int r;

	if (know_sizes(s, result, unknown) || !can_run(s) ||
	    (s->whole_us && now - s->whole_us < WHOLE_AGAIN_US))
		return 0;
	s->whole_us = now;
	if (g_hash_table_size(s->whole) > 2 * GA_FS_MAX)
		g_hash_table_remove_all(s->whole);
	r = run_command(s, script, unknown, data);
	if (!r) {
		take_sizes(s, result, data->str, data->len);
		know_sizes(s, result, NULL);
	}
	return harmless(r);
}

static int look_open(struct ga_session *s, unsigned parts, struct ga_result *result)
{
	int r = 0;

	if (parts & (GA_SYSTEM | GA_TASKS))
		r = look_at_system(s, parts, result);
	if (!r && (parts & GA_SPACE))
		r = look_by(s, GA_FSINFO, result, ga_reply_fsinfo);
	if (!r && (parts & GA_SPACE))
		r = look_at_mounts(s, result);
	if (!r && (parts & GA_SPACE))
		r = look_at_sizes(s, result);
	if (!r && (parts & GA_NICS))
		r = look_by(s, GA_INTERFACES, result, ga_reply_interfaces);
	memcpy(result->os, s->os, sizeof(s->os));
	memcpy(result->kernel, s->kernel, sizeof(s->kernel));
	return r;
}

static int ask_os(struct ga_session *s)
{
	g_autoptr(ga_result) result = ga_result_new();
	int r = look_by(s, GA_OSINFO, result, ga_reply_osinfo);

	memcpy(s->os, result->os, sizeof(s->os));
	memcpy(s->kernel, result->kernel, sizeof(s->kernel));
	return r;
}

static int open_link(struct ga_session *s)
{
	json_auto_t *value = NULL;
	int r = s->ops->open(s->arg, &s->target, time_left(s), &s->ctx, s->why);

	if (r) {
		s->ctx = NULL;
		return r;
	}
	s->running = 0;
	s->whole_us = 0;
	r = ask(s, "{\"execute\":\"guest-info\"}", &value);
	r = r ?: ga_reply_commands(value, &s->allowed);
	if (!r && s->left_open)
		r = close_handle(s);
	return r ?: ask_os(s);
}

int ga_session_look(struct ga_session *s, unsigned parts, struct ga_result **ret_result, char *why)
{
	g_autoptr(ga_result) result = ga_result_new();
	int r = 0;

	s->why = why;
	*why = '\0';
	s->until = g_get_monotonic_time() + s->look_ms * G_GINT64_CONSTANT(1000);
	if (!s->ctx)
		r = open_link(s);
	if (!r)
		r = look_open(s, parts, result);
	if (!r && !result->view && !result->n_fs && !result->n_nics && !result->kernel[0]) {
		g_strlcpy(why, "the agent allows nothing of what is asked for", GA_WHY_LEN);
		r = -ENODATA;
	}
	s->why = NULL;
	if (r) {
		if (!*why)
			g_strlcpy(why, "the agent's reply makes no sense", GA_WHY_LEN);
		shut(s);
		return r;
	}
	result->mono_ns = g_get_monotonic_time() * 1000;
	*ret_result = g_steal_pointer(&result);
	return 0;
}
