/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/plot.h"
#include "store/answer.h"
#include "store/store.h"
#include "suite.h"
#include "unit/fake_snapshot.h"
#include "unit/http_client.h"
#include "util/timespan.h"
#include "web/face.h"
#include "web/web.h"

#define TICKS 720 /* two hours at 10 s */

static char *folder, *path;

static void test_timespans(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{"90s", 90000},	     {"5m", 300000},	   {"1h30m", 5400000}, {"2d", 172800000},
		{"1w", 604800000},   {"500ms", 500},	   {"0s", 0},	       {"1.5h", 5400000},
		{"0.25d", 21600000}, {"1.5h30m", 7200000}, {"0.5s", 500}};
	static const char *const bad[] = {"",	  "5",	 "s",	"-5s",	  "5 s",
					  "1h30", "h1",	 "5x",	"5mm",	  "1e3s",
					  "1.h",  ".5h", "1.5", "1.5.5h", "99999999999999999999d"};
	int64_t ms = 7;

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		CU_ASSERT_EQUAL(timespan_parse(good[i].text, &ms), 0);
		CU_ASSERT_EQUAL(ms, good[i].ms);
	}
	ms = 7;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_EQUAL(timespan_parse(bad[i], &ms), -EINVAL);
	CU_ASSERT_EQUAL(ms, 7);
	CU_ASSERT_EQUAL(timespan_nice(1), 1000);
	CU_ASSERT_EQUAL(timespan_nice(61000), 120000);
	CU_ASSERT_EQUAL(timespan_nice(90000000), 172800000);
}

static void test_moments(void)
{
	/* date -u -d TEXT +%s%3N is the oracle, TZ being UTC; now is 2023-11-14 22:13:20. */
	static const struct {
		const char *text;
		int64_t ms;
	} same[] = {
		{"1600000000", 1600000000000},
		{"1600000000.125", 1600000000125},
		{"@1600000000.125", 1600000000125},
		{"1600000000125", 1600000000125},
		{"2020-09-13T12:26:40Z", 1600000000000},
		{"2020-09-13t12:26:40z", 1600000000000},
		{"2020-09-13 12:26:40 UTC", 1600000000000},
		{"2020-09-13T14:26:40+02:00", 1600000000000},
		{"2020-09-13T06:56:40.5-0530", 1600000000500},
		{"2020-09-13T12:26:40.125999Z", 1600000000125},
		{"2020-09-13 14:26:40 +02", 1600000000000},
		{"2020-09-13", 1599955200000},
		{"22:13", 1699999980000},
		{"22:13:20", 1700000000000},
		{"22:13:21", 1699913601000}, /* yesterday's */
		{"1.5h", 1700000000000 - 5400000},
	};
	static const char *const bad[] = {
		"yesterday",
		"2020-09-13x",
		"@",
		"300",
		"1e9",
		"2020-13-01",
		"25:00",
		"1600000000s x",
		"-1h",
		"1700000000000000000",
		"2020-09-13T12:26:40+25:00",
		"2020-09-13T12:26:40.Z",
		"2020-09-13T12:26:40+2",
		"2020-09-13T12:26:40+02:00x",
		"",
		"@x",
	};
	const int64_t now = 1700000000000;
	int64_t ms;

	CU_ASSERT_EQUAL(moment_parse("now", now, &ms), 0);
	CU_ASSERT_EQUAL(ms, now);
	CU_ASSERT_EQUAL(moment_parse("2h", now, &ms), 0);
	CU_ASSERT_EQUAL(ms, now - 7200000);
	CU_ASSERT_EQUAL(moment_parse("@1600000000", now, &ms), 0);
	CU_ASSERT_EQUAL(ms, 1600000000000);
	CU_ASSERT_EQUAL(moment_parse("2020-09-13 12:26", now, &ms), 0);
	CU_ASSERT_EQUAL(ms, 1599999960000);
	CU_ASSERT_EQUAL(moment_parse("2020-09-13T12:26:40", now, &ms), 0);
	CU_ASSERT_EQUAL(ms, 1600000000000);
	for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
		ms = 0;
		CU_ASSERT_EQUAL(moment_parse(same[i].text, now, &ms), 0);
		CU_ASSERT_EQUAL(ms, same[i].ms);
		if (ms != same[i].ms)
			printf("\n%s: %ld, not %ld\n", same[i].text, (long)ms, (long)same[i].ms);
	}
	ms = 7;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_EQUAL(moment_parse(bad[i], now, &ms), -EINVAL);
	CU_ASSERT_EQUAL(ms, 7);
}

static char *render(const struct plot *plot, const struct plot_point *points, size_t n)
{
	GString *out = g_string_new(NULL);

	plot_render(plot, points, n, out);
	return g_string_free(out, FALSE);
}

/* A rising line goes from the lower left to the upper right corner; no line is too wide. */
static void test_plot(void)
{
	struct plot plot = {"t", "percent", 0, 1000, 40, 8, false};
	struct plot_point points[100];
	g_autofree char *text = NULL, *empty = NULL;
	g_auto(GStrv) lines = NULL;

	for (unsigned i = 0; i < 100; i++)
		points[i] = (struct plot_point){i * 1000 / 99, i, i, i};
	text = render(&plot, points, 100);
	lines = g_strsplit(text, "\n", -1);
	CU_ASSERT_EQUAL(g_strv_length(lines), 9);
	CU_ASSERT_STRING_EQUAL(lines[0], "t  now 99 percent");
	CU_ASSERT(g_str_has_prefix(lines[1], "       99 "));
	CU_ASSERT(g_str_has_prefix(lines[6], "        0 "));
	CU_ASSERT(lines[6][10] != ' ');
	CU_ASSERT_EQUAL(strlen(lines[1]), 40);
	CU_ASSERT_EQUAL(lines[1][10], ' ');
	for (unsigned i = 0; lines[i]; i++)
		CU_ASSERT(strlen(lines[i]) <= 40);
	empty = render(&plot, points, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(empty, "now - percent"));
	plot.utf8 = true;
	plot.width = 0;
	points[3].high = INFINITY;
	g_free(empty);
	empty = render(&plot, points, 100);
	CU_ASSERT(g_utf8_validate(empty, -1, NULL));
}

/* Two hours of two VMs that end now. */
static void fill_store(void)
{
	struct store_config config = {.path = path};
	gint64 start = (gint64)(time(NULL) - TICKS * 10) * 1000;
	struct store *store = NULL;

	CU_ASSERT_EQUAL_FATAL(store_new(&config, &store), 0);
	for (unsigned i = 0; i < TICKS; i++) {
		struct fake_spec spec = {
			.vms = 2, .vcpus = 1, .level = KVMLENS_STANDARD, .tick = i};
		struct kvmlens_snapshot *s = fake_snapshot(&spec);

		s->wall_ms = start + (gint64)i * 10000;
		((struct snap_vm *)entities_at(&s->vms, 1))->rate.usage = 50 + 40 * sin(i / 30.0);
		store_offer(store, s);
		kvmlens_snapshot_unref(s);
		store_flush(store);
	}
	store_free(store);
}

/* Run a command line; its output, freed by the caller. */
static char *run(int want, const char *args)
{
	g_autofree char *line = g_strdup_printf("kvmlens history --store %s %s", path, args);
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	char *out = NULL, *err = NULL;
	size_t n_out, n_err;
	FILE *to_out = open_memstream(&out, &n_out), *to_err = open_memstream(&err, &n_err);
	int code = cli_main((int)g_strv_length(argv), argv, to_out, to_err);

	fclose(to_out);
	fclose(to_err);
	CU_ASSERT_EQUAL(code, want);
	if (code == 0) {
		free(err);
		return out;
	}
	free(out);
	return err;
}

static void test_csv(void)
{
	char *text = run(0, "vm-0001 vm.cpu.usage --since 3h --format csv");
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	CU_ASSERT_EQUAL(g_strv_length(lines), TICKS + 2);
	CU_ASSERT_STRING_EQUAL(lines[0], "timestamp,value,min,max,samples,vm,labels");
	CU_ASSERT_PTR_NOT_NULL(strstr(lines[1], ".000,50,50,50,1,\"vm-0001\",\"\""));
	free(text);
}

static void test_json(void)
{
	char *text = run(0, "--all vm.cpu.usage --since 3h --step 15m --format json");
	json_auto_t *list = json_loads(text, 0, NULL);
	double samples = 0;
	size_t i;
	json_t *point;

	CU_ASSERT_EQUAL(json_array_size(list), 2);
	/* A value that nothing was joined with stands alone: [time, value]. */
	json_array_foreach(json_object_get(json_array_get(list, 1), "points"), i, point) samples +=
		json_array_size(point) > 2 ? json_number_value(json_array_get(point, 4)) : 1;
	CU_ASSERT_EQUAL(samples, TICKS);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json_array_get(list, 0), "unit")),
			       "percent");
	free(text);
}

static void test_chart(void)
{
	char *text = run(0, "vm-0001 vm.cpu.usage --since 2h");
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	CU_ASSERT_EQUAL(g_strv_length(lines), 13);
	CU_ASSERT(g_str_has_prefix(lines[0], "vm-0001  vm.cpu.usage  now "));
	free(text);
	text = run(0, "vm-* vm.cpu.usage --since 1h --until 30m --format table --step 10m");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "vm-0000  vm.cpu.usage  percent"));
	free(text);
	text = run(0, "host host.vcpus --format table");
	free(text);
}

static void test_mistakes(void)
{
	static const struct {
		const char *args;
		int code;
		const char *says;
	} cases[] = {
		{"vm-0001", 2, "say of which VM and which metric"},
		{"--all vm-0001 vm.cpu.usage", 2, "say of which VM"},
		{"vm-0001 vm.cpu.usag", 2, "did you mean vm.cpu.usage"},
		{"vm-0009 vm.cpu.usage", 6, "knows no VM \"vm-0009\""},
		{"vm-0001 vm.cpu.usage --since soon", 2, "--since: write a time before now"},
		{"vm-0001 vm.cpu.usage --since 1h --until 2h", 2, "--since must be before --until"},
		{"vm-0001 vm.cpu.usage --step 5", 2, "--step: write a time span"},
		{"vm-0001 vm.cpu.usage --store /nowhere/x", 1, "there is no store"},
		{"vm-0001 vm.cpu.usage --store none", 1, "switched off"},
		{"vm-0001 vm.cpu.usage --format prometheus", 2, "cannot write prometheus"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *text = run(cases[i].code, cases[i].args);

		CU_ASSERT_PTR_NOT_NULL(strstr(text, cases[i].says));
		free(text);
	}
}

static int answer(void *arg, const struct web_query *query, struct textbuf *out)
{
	const struct answer_request request = {query->vm, query->metric, query->since_ms,
					       query->until_ms, query->step_ms};

	return answer_render(arg, &request, out);
}

static struct web *serve(web_answer_fn fn)
{
	struct web_options options = {.listen = "127.0.0.1:0", .answer = fn, .answer_arg = path};
	g_autofree char *error = NULL;
	struct web *web = NULL;

	CU_ASSERT_EQUAL_FATAL(web_new(&options, &web, &error), 0);
	CU_ASSERT_EQUAL_FATAL(web_start(web), 0);
	return web;
}

static struct http_answer ask(const struct web *web, const char *query)
{
	g_autofree char *url = g_strdup_printf("/api/v1/history%s", query);

	return client_get(web_port(web), url, NULL);
}

/* The page says what the command says. */
static void test_http(void)
{
	static const struct {
		const char *args, *vm, *metric, *step;
	} same[] = {
		{"vm-0001 vm.cpu.usage", "&vm=vm-0001", "vm.cpu.usage", "60s"},
		{"--all vm.cpu.usage", "", "vm.cpu.usage", "5m"},
		{"host host.vcpus", "&vm=host", "host.vcpus", "1m"},
	};
	long until = (long)time(NULL), since = until - 1200;
	struct web *web = serve(answer);

	for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
		g_autofree char *args =
			g_strdup_printf("%s --since @%ld --until @%ld --step %s --format json",
					same[i].args, since, until, same[i].step);
		g_autofree char *query =
			g_strdup_printf("?metric=%s%s&since=%ld&until=%ld&step=%s", same[i].metric,
					same[i].vm, since, until, same[i].step);
		struct http_answer got = ask(web, query);
		char *want = run(0, args);

		CU_ASSERT_EQUAL(got.status, 200);
		CU_ASSERT_EQUAL(got.body_len, strlen(want));
		CU_ASSERT_EQUAL(g_strcmp0(got.body, want), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(want, "\"points\":[["));
		client_clear(&got);
		free(want);
	}
	web_stop(web);
}

static void test_http_mistakes(void)
{
	static const struct {
		const char *query;
		int status;
	} cases[] = {
		{"", 400},
		{"?vm=vm-0001", 400},
		{"?metric=vm.cpu.usage&since=soon", 400},
		{"?metric=vm.cpu.usage&since=1h&until=2h", 400},
		{"?metric=vm.cpu.usage&step=5", 400},
		{"?metric=vm.cpu.usag", 404},
		{"?metric=vm.cpu.usage&vm=vm-0009", 404},
		{"?metric=vm.cpu.usage&vm=vm-*", 404}, /* no pattern */
		{"?metric=vm.cpu.usage&vm=%ff%fe", 400},
		{"?metric=vm.cpu.usage&vm=vm-0001&step=raw", 200},
		{"?metric=vm.cpu.usage&vm=vm-0001&since=0&until=1", 200}, /* empty */
	};
	struct web *web = serve(answer), *without = serve(NULL);
	struct http_answer got;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		got = ask(web, cases[i].query);
		CU_ASSERT_EQUAL(got.status, cases[i].status);
		if (got.status != cases[i].status)
			printf("\n%s: %d %s", cases[i].query, got.status, got.body);
		client_clear(&got);
	}
	web_stop(web);
	got = ask(without, "?metric=vm.cpu.usage");
	CU_ASSERT_EQUAL(got.status, 404);
	client_clear(&got);
	web_stop(without);
}

static int answer_slowly(void *arg, const struct web_query *query, struct textbuf *out)
{
	g_usleep(300000);
	textbuf_append(out, "[]\n");
	return 0;
}

/* A slow answer delays no other page; more than eight questions at a time are turned away. */
static void test_http_slow(void)
{
	struct web *web = serve(answer_slowly);
	int fds[12], ok = 0, busy = 0;
	struct http_answer health;

	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = client_connect(web_port(web));
		client_send(
			fds[i],
			"GET /api/v1/history?metric=vm.up HTTP/1.1\r\nHost: localhost\r\n\r\n",
			strlen("GET /api/v1/history?metric=vm.up HTTP/1.1\r\nHost: localhost\r\n\r\n"));
	}
	health = client_get(web_port(web), "/healthz", NULL);
	CU_ASSERT_EQUAL(health.status, 503); /* no snapshot, but an answer */
	client_clear(&health);
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		struct http_answer got = client_receive(fds[i], TRUE, 10000);

		ok += got.status == 200;
		busy += got.status == 503;
		client_clear(&got);
		close(fds[i]);
	}
	CU_ASSERT_EQUAL(ok + busy, G_N_ELEMENTS(fds));
	CU_ASSERT_TRUE(ok >= 8 && busy >= 1);
	web_stop(web);
}

static void test_limits(void)
{
	struct store_reader *reader = NULL;
	g_autoptr(GPtrArray) series = NULL;
	GArray *points = NULL;
	gint64 now = g_get_real_time() / 1000;

	CU_ASSERT_EQUAL_FATAL(store_reader_open(path, &reader), 0);
	CU_ASSERT_EQUAL_FATAL(store_find(reader, "vm-0001", "vm.cpu.usage", NULL, &series), 0);
	store_reader_limit(reader, 10000, 5);
	CU_ASSERT_EQUAL(store_query(reader, series->pdata[0], 0, now, 0, &points), -E2BIG);
	store_reader_limit(reader, 0, 0);
	CU_ASSERT_EQUAL(store_query(reader, series->pdata[0], 0, now, 0, &points), -ETIMEDOUT);
	CU_ASSERT_PTR_NULL(points);
	store_reader_close(reader);
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"filling a store", fill_store},
		{"time spans", test_timespans},
		{"moments", test_moments},
		{"plot", test_plot},
		{"CSV", test_csv},
		{"JSON", test_json},
		{"chart and table", test_chart},
		{"mistakes", test_mistakes},
		{"over HTTP", test_http},
		{"mistakes over HTTP", test_http_mistakes},
		{"slow answers", test_http_slow},
		{"limits of a query", test_limits},
		CU_TEST_INFO_NULL,
	};
	g_autofree char *remove = NULL;
	int result;

	if (web_face_wanted(argc, argv))
		return web_face_main();
	g_setenv("TZ", "UTC", TRUE);
	g_setenv("COLUMNS", "80", TRUE);
	folder = g_dir_make_tmp("kvmlens-history-XXXXXX", NULL);
	path = g_build_filename(folder, "history.db", NULL);
	result = suite_run("history", tests);
	remove = g_strdup_printf("rm -rf '%s'", folder);
	if (system(remove))
		result = 1;
	g_free(path);
	g_free(folder);
	return result;
}
