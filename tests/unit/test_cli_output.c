// SPDX-License-Identifier: Apache-2.0
/* What leaves the process: selected VMs, tables, lines for slow readers, the service manager. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <jansson.h>
#include "cli/catalog.h"
#include "cli/select.h"
#include "cli/table.h"
#include "fake_snapshot.h"
#include "metric/metric.h"
#include "suite.h"
#include "util/line_writer.h"
#include "util/log.h"
#include "util/notify.h"
#include "util/text.h"

static void test_table(void)
{
	static const struct table_column columns[] = {{"NAME", false, 6}, {"N", true, 0}};
	struct table *table = table_new(columns, 2);
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	table_row(table, (const char *const[]){"abcdef", "1"});
	table_row(table, (const char *const[]){"abcdefg", "22"});
	table_row(table, (const char *const[]){"\u65e5\u672c\u8a9e\u65e5", NULL});
	table_row(table, (const char *const[]){"a\nb\x1b\xff", "3"});
	table_print(table, out);
	fclose(out);
	CU_ASSERT_STRING_EQUAL(text, "NAME     N\n"
				     "abcdef   1\n"
				     "abcde~  22\n"
				     "\u65e5\u672c~    -\n"
				     "a?b?\ufffd    3\n");
	free(text);
	table_free(table);
}

static void test_text(void)
{
	static const char *const names[] = {"interval", "detail", "top"};
	static const struct {
		const char *glob, *name;
		bool match;
	} globs[] = {
		{"*", "", true},       {"", "", true},	       {"", "a", false},
		{"a*b", "ab", true},   {"a*b", "axxb", true},  {"a*b", "axxbc", false},
		{"?", "", false},      {"?b", "ab", true},     {"*a*b*", "xxaxxbxx", true},
		{"a**", "a", true},    {"*.x", "a.x.x", true}, {"[a]", "a", false},
		{"db-*", "DB", false}, {"a*", "a*", true},
	};
	g_autofree char *nasty = text_quote("a\"b\\\n\x1b\xff\u00e9");
	g_autofree char *name = g_strnfill(10000, 'a');
	g_autofree char *cut = text_quote(name);
	g_autofree char *path = text_path("/a \"b\"/\u00e9\n\x80");

	CU_ASSERT_STRING_EQUAL(nasty, "\"a\\\"b\\\\\\n\\u001b\\xff\u00e9\"");
	CU_ASSERT_EQUAL(strlen(cut), 64 + 5);
	CU_ASSERT_STRING_EQUAL(path, "/a \"b\"/\u00e9\\n\\x80");
	CU_ASSERT_STRING_EQUAL(text_nearest("intrval", names, 3), "interval");
	CU_ASSERT_STRING_EQUAL(text_nearest("tpo", names, 3), "top");
	CU_ASSERT_STRING_EQUAL(text_nearest("det", names, 3), "detail");
	CU_ASSERT_PTR_NULL(text_nearest("zzzzzz", names, 3));
	CU_ASSERT_PTR_NULL(text_nearest("", names, 3));
	CU_ASSERT_PTR_NULL(text_nearest(name, names, 3));
	for (size_t i = 0; i < G_N_ELEMENTS(globs); i++)
		CU_ASSERT_EQUAL(text_glob(globs[i].glob, globs[i].name), globs[i].match);
	/* A glob that would take for ever if every star tried every place. */
	CU_ASSERT_FALSE(text_glob("*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

static void test_log(void)
{
	struct log log;
	size_t len;
	char *text;

	log_init(&log);
	log.out = open_memstream(&text, &len);
	log.journal = false;
	log_line(&log, LOG_LEVEL_WARNING, "core", "a\nb %d", 1);
	log.journal = true;
	log_line(&log, LOG_LEVEL_ERROR, "web", "c");
	log.level = LOG_LEVEL_WARNING;
	log_line(&log, LOG_LEVEL_INFO, "web", "d");
	fclose(log.out);
	log.out = stderr;
	log_clear(&log);
	CU_ASSERT_STRING_EQUAL(text, "kvmlens: core: a?b 1\n<3>web: c\n");
	free(text);
}

/* While a screen covers it nothing is written; then the newest lines are, and how many are not. */
static void test_log_held(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	char text[16384];
	struct log log;
	size_t len = 0;
	ssize_t n;

	CU_ASSERT_FATAL(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	log_init(&log);
	log.journal = false;
	log.out = fopen(ptsname(master), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(log.out);
	log_hold(&log);
	for (int i = 0; i < 103; i++)
		log_line(&log, LOG_LEVEL_INFO, "x", "%d", i);
	fcntl(master, F_SETFL, O_NONBLOCK);
	CU_ASSERT_EQUAL(read(master, text, sizeof(text) - 1), -1);
	log_release(&log);
	while ((n = read(master, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	text[len] = '\0';
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "log: 3 earlier lines were dropped"));
	CU_ASSERT_PTR_NULL(strstr(text, "x: 2\r"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "x: 3\r"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "x: 102\r"));
	log_clear(&log);
	fclose(log.out);
	close(master);
}

static void test_select(void)
{
	static const char *const names[] = {"db-1", "db-2", "web", NULL};
	struct fake_spec spec = {.vms = 5, .vcpus = 2, .names = names};
	struct kvmlens_snapshot *s = fake_snapshot(&spec), view;
	const struct snap_vm *first;

	CU_ASSERT_EQUAL(select_count(s, NULL), 5);
	CU_ASSERT_EQUAL(select_count(s, "db-*"), 2);
	CU_ASSERT_EQUAL(select_count(s, "db"), 0);
	select_vms(s, "web", &view);
	CU_ASSERT_EQUAL_FATAL(view.vms.n, 1);
	first = entities_at(&view.vms, 0);
	CU_ASSERT_STRING_EQUAL(first->ident->name, "web");
	CU_ASSERT_EQUAL(select_count(s, first->ident->uuid), 1);
	select_clear(&view);
	select_vms(s, "none", &view);
	CU_ASSERT_EQUAL(view.vms.n, 0);
	select_clear(&view);
	kvmlens_snapshot_unref(s);
}

/* A name is found by what is shown of it, too. */
static void test_select_hostile(void)
{
	struct fake_spec spec = {.vcpus = 1, .names = fake_hostile_names_all()};

	while (spec.names[spec.vms])
		spec.vms++;
	struct kvmlens_snapshot *s = fake_snapshot(&spec);

	for (size_t i = 0; i < s->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&s->vms, i);

		CU_ASSERT(select_count(s, labels_get(vm->labels, "vm")) >= 1);
		CU_ASSERT(select_count(s, vm->ident->uuid) == 1);
	}
	kvmlens_snapshot_unref(s);
}

static char *read_all(const char *path)
{
	char *text = NULL;

	g_file_get_contents(path, &text, NULL, NULL);
	return text;
}

static void test_writer_file(void)
{
	g_autofree char *dir = g_dir_make_tmp("kvmlens-test-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "lines", NULL), *text = NULL;
	struct line_writer *writer;
	struct stat st;

	CU_ASSERT_EQUAL_FATAL(line_writer_open(path, -1, &writer), 0);
	CU_ASSERT_EQUAL(line_writer_write(writer, "a\n", 2), 0);
	line_writer_close(writer);
	CU_ASSERT_EQUAL_FATAL(line_writer_open(path, -1, &writer), 0);
	CU_ASSERT_EQUAL(line_writer_write(writer, "b\n", 2), 0);
	CU_ASSERT_EQUAL(line_writer_dropped(writer), 0);
	line_writer_close(writer);
	text = read_all(path);
	CU_ASSERT_STRING_EQUAL(text, "a\nb\n");
	CU_ASSERT(stat(path, &st) == 0 && (st.st_mode & 07137) == 0);
	CU_ASSERT_EQUAL(line_writer_open(dir, -1, &writer), -EISDIR);
	g_unlink(path);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(line_writer_open(path, -1, &writer), -ENXIO);
	g_unlink(path);
	g_rmdir(dir);
}

/* A full device: the loss is counted, and the writer lives. */
static void test_writer_full(void)
{
	struct line_writer *writer;

	CU_ASSERT_EQUAL_FATAL(line_writer_open("/dev/full", -1, &writer), 0);
	CU_ASSERT_EQUAL(line_writer_write(writer, "abc\n", 4), -ENOSPC);
	CU_ASSERT_EQUAL(line_writer_write(writer, "abc\n", 4), -ENOSPC);
	CU_ASSERT_EQUAL(line_writer_dropped(writer), 8);
	line_writer_close(writer);
}

/* A reader that does not read: a wish to stop ends the wait, and the torn line stays alone. */
static void test_writer_slow(void)
{
	g_autofree char *dir = g_dir_make_tmp("kvmlens-test-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "fifo", NULL);
	g_autofree char *big = g_strnfill(1 << 20, 'x'), *got = g_malloc0((1 << 20) + 10);
	struct line_writer *writer;
	int reader, stop[2];
	size_t n = 0;

	CU_ASSERT_FATAL(mkfifo(path, 0600) == 0 && pipe(stop) == 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	CU_ASSERT_EQUAL_FATAL(line_writer_open(path, stop[0], &writer), 0);
	CU_ASSERT_EQUAL(write(stop[1], "", 1), 1);
	CU_ASSERT_EQUAL(line_writer_write(writer, big, 1 << 20), -ECANCELED);
	CU_ASSERT(line_writer_dropped(writer) > 0);
	for (ssize_t r = 1; r > 0; n += MAX(r, 0))
		r = read(reader, got + n, 1 << 20);
	CU_ASSERT_EQUAL(n + line_writer_dropped(writer), 1 << 20);
	CU_ASSERT_EQUAL(line_writer_write(writer, "next\n", 5), 0);
	CU_ASSERT_EQUAL(read(reader, got, 100), 6);
	CU_ASSERT(memcmp(got, "\nnext\n", 6) == 0);
	close(reader);
	CU_ASSERT_EQUAL(line_writer_write(writer, "gone\n", 5), -EPIPE);
	line_writer_close(writer);
	close(stop[0]);
	close(stop[1]);
	g_unlink(path);
	g_rmdir(dir);
}

static void test_notify(void)
{
	g_autofree char *dir = g_dir_make_tmp("kvmlens-test-XXXXXX", NULL);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[64];
	ssize_t n;

	g_unsetenv("NOTIFY_SOCKET");
	CU_ASSERT_EQUAL(notify_manager("READY=1"), 0);
	g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	g_setenv("NOTIFY_SOCKET", address.sun_path, TRUE);
	CU_ASSERT_EQUAL(notify_manager("READY=1"), 0);
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	CU_ASSERT(n == 7 && memcmp(text, "READY=1", 7) == 0);
	g_setenv("NOTIFY_SOCKET", "relative", TRUE);
	CU_ASSERT_EQUAL(notify_manager("READY=1"), -EINVAL);
	g_unlink(address.sun_path);
	g_setenv("NOTIFY_SOCKET", address.sun_path, TRUE);
	CU_ASSERT_EQUAL(notify_manager("READY=1"), -ENOENT);
	g_unsetenv("NOTIFY_SOCKET");
	close(fd);
	g_rmdir(dir);
}

/* Every metric, in each form of the catalogue. */
static void test_catalog(void)
{
	void (*const forms[])(FILE *) = {catalog_table, catalog_json, catalog_markdown};

	for (size_t f = 0; f < G_N_ELEMENTS(forms); f++) {
		size_t len;
		char *text;
		FILE *out = open_memstream(&text, &len);

		forms[f](out);
		fclose(out);
		for (size_t i = 0; i < n_metrics; i++) {
			CU_ASSERT_PTR_NOT_NULL(strstr(text, metrics[i].name));
			CU_ASSERT_PTR_NOT_NULL(strstr(text, metrics[i].prom));
		}
		if (forms[f] == catalog_json) {
			json_auto_t *json = json_loads(text, 0, NULL);

			CU_ASSERT_EQUAL(json_array_size(json), n_metrics);
		}
		free(text);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"tables", test_table},
		{"text", test_text},
		{"log lines", test_log},
		{"log lines behind a screen", test_log_held},
		{"selected VMs", test_select},
		{"selected VMs with hostile names", test_select_hostile},
		{"lines to a file", test_writer_file},
		{"lines to a full device", test_writer_full},
		{"lines to a reader that does not read", test_writer_slow},
		{"the service manager", test_notify},
		{"the catalogue", test_catalog},
		CU_TEST_INFO_NULL,
	};

	signal(SIGPIPE, SIG_IGN);
	return suite_run("cli_output", tests);
}
