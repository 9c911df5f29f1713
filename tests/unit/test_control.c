// SPDX-License-Identifier: Apache-2.0
#include "control/control.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "control/message.h"
#include "suite.h"

static json_t *run_double(void *arg, const json_t *request)
{
	int *calls = arg;

	(*calls)++;
	return json_pack("{s:I}", "twice",
			 2 * json_integer_value(json_object_get(request, "number")));
}

static json_t *run_fail(void *arg, const json_t *request)
{
	return control_error(-ENOENT, "no VM \"%s\"", "a\xff");
}

static const struct control_command commands[] = {
	{"double", run_double},
	{"fail", run_fail},
	{NULL, NULL},
};

struct fixture {
	char *directory, *path;
	struct control *control;
	int calls;
};

static void set_up(struct fixture *f)
{
	f->calls = 0;
	f->directory = g_dir_make_tmp("kvmlens-control.XXXXXX", NULL);
	f->path = g_build_filename(f->directory, "made", "socket", NULL);
	CU_ASSERT_EQUAL_FATAL(control_open(f->path, &f->control), 0);
	control_add(f->control, commands, &f->calls);
	CU_ASSERT_EQUAL_FATAL(control_start(f->control), 0);
}

static void tear_down(struct fixture *f)
{
	g_autofree char *made = g_path_get_dirname(f->path);

	control_close(f->control);
	CU_ASSERT_NOT_EQUAL(access(f->path, F_OK), 0);
	rmdir(made);
	rmdir(f->directory);
	g_free(f->directory);
	g_free(f->path);
}

static json_int_t ask_double(const char *path, int number)
{
	json_auto_t *request = json_pack("{s:s, s:i}", "command", "double", "number", number);
	json_auto_t *reply = NULL;

	CU_ASSERT_EQUAL(control_call(path, request, 5000, &reply), 0);
	return json_integer_value(json_object_get(reply, "twice"));
}

static void test_calls(void)
{
	json_auto_t *fail = json_pack("{s:s}", "command", "fail");
	json_auto_t *unknown = json_pack("{s:s}", "command", "x");
	json_t *reply = NULL;
	struct fixture f;
	struct stat st;

	set_up(&f);
	CU_ASSERT_EQUAL(stat(f.path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(ask_double(f.path, i), 2 * i);
	CU_ASSERT_EQUAL(f.calls, 20);
	CU_ASSERT_EQUAL(control_call(f.path, fail, 5000, &reply), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(reply, "code")), -ENOENT);
	json_decref(reply);
	CU_ASSERT_EQUAL(control_call(f.path, unknown, 5000, &reply), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(reply, "code")), -ENOSYS);
	json_decref(reply);
	tear_down(&f);
}

static int raw_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Whatever a client sends, or does not, the next one is served. */
static void test_bad_clients(void)
{
	static const char *const texts[] = {"\n",	 "x\n",	   "[]\n",
					    "{\"a\":1}", "{\n",	   "{\"command\":1}\n",
					    "",		 "null\n", "{\"a\":1,\"a\":2}\n"};
	g_autofree char *deep = g_strnfill(60000, '[');
	g_autofree char *large = g_strnfill(CONTROL_REQUEST_MAX + 70000, 'x');
	struct fixture f;
	int fd;

	set_up(&f);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		fd = raw_connect(f.path);
		CU_ASSERT_EQUAL(send(fd, texts[i], strlen(texts[i]), MSG_NOSIGNAL),
				(ssize_t)strlen(texts[i]));
		close(fd);
	}
	deep[59999] = '\n';
	fd = raw_connect(f.path);
	send(fd, deep, 60000, MSG_NOSIGNAL);
	close(fd);
	fd = raw_connect(f.path);
	send(fd, large, strlen(large), MSG_NOSIGNAL);
	CU_ASSERT_EQUAL(ask_double(f.path, 4), 8);
	close(fd);
	CU_ASSERT_EQUAL(f.calls, 1);
	tear_down(&f);
}

/* One that connects and says nothing keeps the others waiting for a few seconds at most. */
static void test_silent_client(void)
{
	struct fixture f;
	int fd;

	set_up(&f);
	fd = raw_connect(f.path);
	CU_ASSERT_EQUAL(ask_double(f.path, 3), 6);
	close(fd);
	tear_down(&f);
}

/* A socket that is served is not taken over; one that a killed agent left is. */
static void test_takeover(void)
{
	struct control *second = NULL;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_autofree char *stale = NULL;
	struct fixture f;
	int fd;

	set_up(&f);
	CU_ASSERT_EQUAL(control_open(f.path, &second), -EADDRINUSE);
	CU_ASSERT_PTR_NULL(second);
	stale = g_strconcat(f.path, "2", NULL);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_strlcpy(address.sun_path, stale, sizeof(address.sun_path));
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	CU_ASSERT_EQUAL(control_open(stale, &second), 0);
	control_close(second);
	tear_down(&f);
}

static void test_nobody(void)
{
	g_autofree char *longest = g_strnfill(200, 'x');
	json_auto_t *request = json_object();
	json_t *reply = NULL;

	CU_ASSERT_EQUAL(control_call("/nonexistent/socket", request, 100, &reply), -ENOENT);
	CU_ASSERT_EQUAL(control_call(longest, request, 100, &reply), -ENAMETOOLONG);
	CU_ASSERT_PTR_NULL(reply);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"calls", test_calls},
		{"bad clients", test_bad_clients},
		{"silent client", test_silent_client},
		{"takeover", test_takeover},
		{"nobody", test_nobody},
		CU_TEST_INFO_NULL,
	};

	return suite_run("control", tests);
}
