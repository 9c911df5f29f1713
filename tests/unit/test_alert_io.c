// SPDX-License-Identifier: Apache-2.0
/* Alerts in the store's file, recordings as snapshots, the rules for Prometheus, the page. */
#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "alert/keeper.h"
#include "alert/peek.h"
#include "alert/promrules.h"
#include "alert/queue.h"
#include "alert/replay.h"
#include "alert/state.h"
#include "export/json.h"
#include "tui/health.h"
#include "unit/alert_lab.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

static const char rule_yaml[] =
	"alerts: {default_rules: false}\n"
	"channels:\n  - {name: a, type: journal}\n  - {name: b, type: journal}\n"
	"rules:\n  - id: r\n    keep_firing_for: 0s\n"
	"    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 10}\n";

/* A snapshot of VMs that are ready for that long. */
static struct kvmlens_snapshot *snapshot_of(unsigned n, double ready, int64_t wall_ms)
{
	struct fake_spec spec = {.vms = n, .vcpus = 1, .level = KVMLENS_STANDARD};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);

	snapshot->wall_ms = wall_ms;
	snapshot->mono_ns = 0;
	for (unsigned i = 0; i < n; i++)
		((struct snap_vm *)entities_at(&snapshot->vms, i))->rate.ready = ready;
	return snapshot;
}

struct site {
	char *dir, *path;
	struct config *config;
	struct store *store;
	struct keeper *keeper;
	int taken_up;
};

static void site_open(struct site *site)
{
	static const struct store_component *const components[] = {&queue_component,
								   &alert_component};
	struct store_config options = {.path = site->path,
				       .components = components,
				       .n_components = G_N_ELEMENTS(components)};

	CU_ASSERT_EQUAL_FATAL(store_new(&options, &site->store), 0);
	site->keeper = keeper_new(site->config);
	site->taken_up = keeper_start(site->keeper, site->store, site->path);
}

static void site_close(struct site *site)
{
	keeper_flush(site->keeper);
	store_free(site->store);
	keeper_free(site->keeper);
}

static void site_init(struct site *site)
{
	g_autofree char *error = NULL;

	site->dir = g_dir_make_tmp("alerts-XXXXXX", NULL);
	site->path = g_build_filename(site->dir, "h.db", NULL);
	site->config = config_new();
	if (config_load_text(site->config, "t", rule_yaml, strlen(rule_yaml), &error) ||
	    config_load_rules(site->config, &error))
		g_error("%s", error);
	site_open(site);
}

static void site_remove(struct site *site)
{
	static const char *const ends[] = {"", "-wal", "-shm"};

	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		g_autofree char *path = g_strconcat(site->path, ends[i], NULL);

		g_unlink(path);
	}
	g_rmdir(site->dir);
	config_free(site->config);
	g_free(site->path);
	g_free(site->dir);
}

static void feed(struct site *site, unsigned n, double ready, int64_t wall_ms)
{
	struct kvmlens_snapshot *snapshot = snapshot_of(n, ready, wall_ms);

	keeper_feed(site->keeper, snapshot);
	store_flush(site->store);
	kvmlens_snapshot_unref(snapshot);
}

static gint64 count(const struct site *site, const char *sql)
{
	g_autoptr(sqlite3) db = NULL;

	CU_ASSERT_EQUAL_FATAL(store_db_open_reader(site->path, &db), 0);
	return store_db_number(db, sql, -1);
}

/* State and what is queued are there together; a restart goes on and tells nothing twice. */
static void test_store(void)
{
	struct site site;

	site_init(&site);
	CU_ASSERT_EQUAL(site.taken_up, 0);
	feed(&site, 3, 20, LAB_START_MS);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM alert WHERE state = 2"), 3);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM alert_log"), 3);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM notify_queue"), 6);
	site_close(&site);
	site_open(&site);
	CU_ASSERT_EQUAL(site.taken_up, 3);
	feed(&site, 3, 20, LAB_START_MS + 60000);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM notify_queue"), 6);
	feed(&site, 3, 5, LAB_START_MS + 70000);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM alert"), 0);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM notify_queue"), 12);
	site_close(&site);
	site_remove(&site);
}

/* A rule that was taken away while nothing ran: its alert ends, and that is told. */
static void test_rule_gone(void)
{
	struct site site;

	site_init(&site);
	feed(&site, 1, 20, LAB_START_MS);
	site_close(&site);
	rule_set_free(site.config->rule_set);
	site.config->rule_set = NULL;
	site_open(&site);
	CU_ASSERT_EQUAL(site.taken_up, 0);
	feed(&site, 1, 20, LAB_START_MS + 1000);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM alert"), 0);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM notify_queue"), 4);
	site_close(&site);
	site_remove(&site);
}

static void test_silences(void)
{
	struct silence silence = {
		.since_ms = g_get_real_time() / 1000 - 1000, .vm = "vm-*", .comment = "why"};
	struct silences *silences = NULL;
	struct site site;
	sqlite3 *db = NULL;
	int64_t id = 0;

	site_init(&site);
	feed(&site, 2, 5, LAB_START_MS - 1000); /* the file is there then */
	CU_ASSERT_EQUAL_FATAL(state_open_beside(site.path, &db), 0);
	silence.until_ms = g_get_real_time() / 1000 + 60000;
	CU_ASSERT_EQUAL(state_silence_add(db, &silence, &id), 0);
	feed(&site, 2, 20, LAB_START_MS);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM notify_queue"), 2 * 2);
	/* Of its own clock the snapshot is of the past; one of now is silenced. */
	feed(&site, 4, 20, g_get_real_time() / 1000);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM alert WHERE quiet = 'silenced'"), 2);
	CU_ASSERT_EQUAL(state_silence_end(db, id, g_get_real_time() / 1000), 0);
	CU_ASSERT_EQUAL(state_silence_end(db, id, g_get_real_time() / 1000), -ENOENT);
	CU_ASSERT_EQUAL(state_silences(db, g_get_real_time() / 1000, &silences), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(silences);
	CU_ASSERT_EQUAL(silences->list->len, 0);
	silences_free(silences);
	store_db_close(db);
	site_close(&site);
	site_remove(&site);
}

/* A datagram socket that a channel of type journal writes to as to syslog. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 20};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void expect_line(int fd, const char *part)
{
	char line[8192] = "";
	ssize_t n = recv(fd, line, sizeof(line) - 1, 0);

	CU_ASSERT_FATAL(n > 0);
	if (!strstr(line, part))
		printf("\n%s has no %s\n", line, part);
	CU_ASSERT_PTR_NOT_NULL(strstr(line, part));
}

/* The store's file cannot be made: what fires is delivered all the same, and its end as well. */
static void test_store_down(void)
{
	struct deliver_options options = {.n = 1, .node = "node"};
	struct deliver *deliver;
	struct site site;
	g_autofree char *log = NULL, *text = NULL, *error = NULL, *dir = NULL, *path = NULL;
	int fd;

	site_init(&site);
	site_close(&site);
	log = g_build_filename(site.dir, "log", NULL);
	dir = g_build_filename(site.dir, "later", NULL);
	path = g_build_filename(dir, "h.db", NULL);
	text = g_strdup_printf(
		"%s  - id: down\n    condition: {metric: kvmlens.store.up, operator: "
		"eq, threshold: 0}\nchannels:\n- {name: log, type: journal, "
		"socket: %s, group_wait: 0s}\n",
		strstr(rule_yaml, "\nrules:"), log);
	config_free(site.config);
	site.config = config_new();
	site.config->alerts.default_rules = false;
	if (config_load_text(site.config, "t", text, strlen(text), &error) ||
	    config_load_rules(site.config, &error))
		g_error("%s", error);
	fd = listen_at(log);
	g_free(site.path);
	site.path = g_strdup(path);
	site_open(&site);
	options.channels = site.config->channels;
	options.store = site.store;
	CU_ASSERT_EQUAL_FATAL(deliver_new(&options, &deliver), 0);
	keeper_set_deliver(site.keeper, deliver);
	feed(&site, 1, 20, LAB_START_MS);
	expect_line(fd, "[FIRING]");
	feed(&site, 1, 5, LAB_START_MS + 60000);
	expect_line(fd, "[RESOLVED]");
	feed(&site, 1, 20, LAB_START_MS + 120000);
	expect_line(fd, "[FIRING]");
	keeper_set_deliver(site.keeper, NULL);
	deliver_free(deliver);
	site_close(&site);
	close(fd);
	g_unlink(log);
	g_free(site.path);
	site.path = g_build_filename(site.dir, "h.db", NULL);
	site_remove(&site);
}

/* A write that does not come back, as of a disk that hangs. */
struct hang {
	GMutex lock;
	GCond cond;
	bool over;
};

static int hang_job(sqlite3 *db, void *arg)
{
	struct hang *hang = arg;

	(void)db;
	g_mutex_lock(&hang->lock);
	while (!hang->over)
		g_cond_wait(&hang->cond, &hang->lock);
	g_mutex_unlock(&hang->lock);
	return 0;
}

static void hang_end(struct hang *hang)
{
	g_mutex_lock(&hang->lock);
	hang->over = true;
	g_cond_signal(&hang->cond);
	g_mutex_unlock(&hang->lock);
}

/*
 * Until a line comes, 20 s at most, a snapshot twice a second. Returns when it is fed, never later.
 */
static bool feed_until_line(struct site *site, int fd, double ready, int64_t *at_ms,
			    const char *part)
{
	char line[8192];

	for (unsigned i = 0; i < 40; i++) {
		struct kvmlens_snapshot *snapshot = snapshot_of(1, ready, *at_ms += 500);
		gint64 begin = g_get_monotonic_time();
		ssize_t n;

		keeper_feed(site->keeper, snapshot);
		CU_ASSERT_TRUE(g_get_monotonic_time() - begin < 2 * G_USEC_PER_SEC);
		kvmlens_snapshot_unref(snapshot);
		g_usleep(500000);
		n = recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT);
		if (n > 0) {
			line[n] = '\0';
			CU_ASSERT_PTR_NOT_NULL(strstr(line, part));
			return true;
		}
	}
	return false;
}

/*
 * The store takes what it is given and its disk hangs: what fires is delivered past it, and kept
 * later.
 */
static void test_store_hangs(void)
{
	struct deliver_options options = {.n = 1, .node = "node"};
	struct hang hang = {.over = false};
	int64_t at_ms = LAB_START_MS;
	struct deliver *deliver;
	struct site site;
	g_autofree char *log = NULL, *text = NULL, *error = NULL;
	int fd;

	site_init(&site);
	site_close(&site);
	log = g_build_filename(site.dir, "log", NULL);
	text = g_strdup_printf("%schannels:\n- {name: log, type: journal, socket: %s, "
			       "group_wait: 0s}\n",
			       strstr(rule_yaml, "\nrules:"), log);
	config_free(site.config);
	site.config = config_new();
	site.config->alerts.default_rules = false;
	if (config_load_text(site.config, "t", text, strlen(text), &error) ||
	    config_load_rules(site.config, &error))
		g_error("%s", error);
	fd = listen_at(log);
	site_open(&site);
	options.channels = site.config->channels;
	options.store = site.store;
	CU_ASSERT_EQUAL_FATAL(deliver_new(&options, &deliver), 0);
	keeper_set_deliver(site.keeper, deliver);
	feed(&site, 1, 5, at_ms);
	g_mutex_init(&hang.lock);
	g_cond_init(&hang.cond);
	CU_ASSERT_EQUAL_FATAL(store_submit(site.store, hang_job, NULL, &hang), 0);
	CU_ASSERT_TRUE(feed_until_line(&site, fd, 20, &at_ms, "[FIRING]"));
	/* From now on at once. */
	CU_ASSERT_TRUE(feed_until_line(&site, fd, 5, &at_ms, "[RESOLVED]"));
	CU_ASSERT_TRUE(feed_until_line(&site, fd, 20, &at_ms, "[FIRING]"));
	hang_end(&hang);
	store_flush(site.store);
	feed(&site, 1, 20, at_ms += 500);
	feed(&site, 1, 20, at_ms += 500);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM alert WHERE state = 2"), 1);
	CU_ASSERT_EQUAL(count(&site, "SELECT count(*) FROM alert_log"), 3);
	keeper_set_deliver(site.keeper, NULL);
	deliver_free(deliver);
	site_close(&site);
	close(fd);
	g_unlink(log);
	g_mutex_clear(&hang.lock);
	g_cond_clear(&hang.cond);
	site_remove(&site);
}

static void test_page(void)
{
	textbuf_auto out = {0};
	json_t *page;
	struct site site;

	site_init(&site);
	keeper_render(site.keeper, NULL, &out);
	CU_ASSERT_EQUAL(strncmp(out.data, "{\"alerts\":[]}\n", out.len), 0);
	feed(&site, 2, 20, LAB_START_MS);
	out.len = 0;
	keeper_render(site.keeper, NULL, &out);
	page = json_loadb(out.data, out.len, 0, NULL);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(page, "alerts")), 2);
	json_decref(page);
	site_close(&site);
	site_remove(&site);
}

/* What fires is in the next snapshot, as metrics and as a line on the screen. */
static void test_snapshot(void)
{
	struct kvmlens_snapshot *snapshot = snapshot_of(3, 5, LAB_START_MS + 1000);
	const struct snap_alert *alert;
	const struct snap_alerts *all;
	g_autoptr(GArray) problems = NULL;
	struct site site;

	site_init(&site);
	feed(&site, 2, 20, LAB_START_MS);
	keeper_fill(site.keeper, snapshot);
	all = snapshot->alerts.v;
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	CU_ASSERT_EQUAL(all->rules, 1);
	CU_ASSERT_EQUAL(all->firing, 2);
	CU_ASSERT_EQUAL(all->fired, 2);
	CU_ASSERT_EQUAL_FATAL(((struct snap_vm *)entities_at(&snapshot->vms, 0))->alerts.n, 1);
	CU_ASSERT_EQUAL(((struct snap_vm *)entities_at(&snapshot->vms, 2))->alerts.n, 0);
	alert = ((struct snap_vm *)entities_at(&snapshot->vms, 0))->alerts.v;
	CU_ASSERT_STRING_EQUAL(labels_get(alert->labels, "rule"), "r");
	CU_ASSERT_STRING_EQUAL(labels_get(alert->labels, "severity"), "warning");
	CU_ASSERT_EQUAL(alert->firing, 1);
	problems = health_problems(snapshot, 0, 1000, false);
	CU_ASSERT_EQUAL_FATAL(problems->len, 1);
	CU_ASSERT_STRING_EQUAL(g_array_index(problems, struct problem, 0).text,
			       "2 alerts fire: r of vm-0000, r of vm-0001");
	kvmlens_snapshot_unref(snapshot);
	site_close(&site);
	site_remove(&site);
}

/* Another process sees the same in the file, while its agent lives. */
static void test_peek(void)
{
	int64_t now_ms = g_get_real_time() / 1000;
	struct kvmlens_snapshot *snapshot = snapshot_of(2, 5, now_ms);
	struct alert_peek *peek;
	struct site site;

	site_init(&site);
	peek = alert_peek_new(site.path);
	feed(&site, 2, 20, now_ms);
	alert_peek_feed(peek, snapshot);
	alert_peek_fill(peek, snapshot);
	CU_ASSERT_EQUAL_FATAL(snapshot->alerts.n, 1);
	CU_ASSERT_EQUAL(((struct snap_alerts *)snapshot->alerts.v)->firing, 2);
	CU_ASSERT_EQUAL(((struct snap_vm *)entities_at(&snapshot->vms, 1))->alerts.n, 1);
	alert_peek_free(peek);
	kvmlens_snapshot_unref(snapshot);
	site_close(&site);
	site_remove(&site);
}

/* Every scalar of a snapshot, as text lines. */
static int put_line(void *arg, const struct metric *metric, const struct snap_vm *vm,
		    const struct labels *labels, const struct metric_value *value)
{
	double number = metric_number(metric, value);

	if (metric->type == TYPE_HIST || isinf(number))
		return 0;
	g_ptr_array_add(arg, g_strdup_printf("%s{%s} %.6g", metric->name, labels->text, number));
	return 0;
}

static int compare_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *lines_of(const struct kvmlens_snapshot *snapshot)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

	metric_walk(snapshot, NULL, put_line, lines);
	g_ptr_array_sort(lines, compare_text);
	return lines;
}

struct round_trip {
	GPtrArray *expected;
	unsigned snapshots;
};

static int compare_snapshot(void *arg, const struct kvmlens_snapshot *snapshot)
{
	g_autoptr(GPtrArray) got = lines_of(snapshot);
	struct round_trip *trip = arg;

	trip->snapshots++;
	CU_ASSERT_EQUAL_FATAL(got->len, trip->expected->len);
	for (guint i = 0; i < got->len; i++)
		CU_ASSERT_STRING_EQUAL(got->pdata[i], trip->expected->pdata[i]);
	return 0;
}

/* What was recorded comes back, every metric of the table. */
static void test_replay(void)
{
	struct fake_spec spec = {
		.vms = 3, .vcpus = 2, .level = KVMLENS_DIAGNOSTIC, .everything = true};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	struct round_trip trip = {.expected = lines_of(snapshot)};
	textbuf_auto out = {0};
	unsigned line;
	FILE *file;

	json_render_lines(snapshot, &out);
	json_render_lines(snapshot, &out);
	file = fmemopen(out.data, out.len, "r");
	CU_ASSERT_EQUAL(replay_file(file, compare_snapshot, &trip, &line), 0);
	CU_ASSERT_EQUAL(trip.snapshots, 2);
	CU_ASSERT(trip.expected->len > 500);
	fclose(file);
	g_ptr_array_unref(trip.expected);
	kvmlens_snapshot_unref(snapshot);
}

static int count_snapshot(void *arg, const struct kvmlens_snapshot *snapshot)
{
	++*(unsigned *)arg;
	return 0;
}

static void test_replay_refuses(void)
{
	static const char text[] = "{\"time_ms\":1,\"metrics\":{\"host.vms\":-1,\"no.such\":[]}}\n"
				   "{\"time_ms\":1,\"vm\":\"a\",\"metrics\":7,\"vcpu\":[1,{}]}\n"
				   "\n{\"time_ms\":\n";
	unsigned line, n = 0;
	FILE *file = fmemopen((void *)text, strlen(text), "r");

	CU_ASSERT_EQUAL(replay_file(file, count_snapshot, &n, &line), -EBADMSG);
	CU_ASSERT_EQUAL(line, 4);
	CU_ASSERT_EQUAL(n, 0);
	fclose(file);
}

static void check_expr(const char *yaml, const char *expected)
{
	struct alert_lab lab;
	g_autofree char *expr = NULL;

	lab_init(&lab, yaml);
	expr = promrules_expr(lab.rules->rules->pdata[0]);
	if (strcmp(expr, expected))
		printf("\n%s\ninstead of %s\n", expr, expected);
	CU_ASSERT_STRING_EQUAL(expr, expected);
	lab_clear(&lab);
}

static void check_rendered(const char *yaml, const char *expected)
{
	struct alert_lab lab;
	textbuf_auto out = {0};

	lab_init(&lab, yaml);
	promrules_render(lab.rules, &out);
	CU_ASSERT_PTR_NOT_NULL(g_strstr_len(out.data, (gssize)out.len, expected));
	lab_clear(&lab);
}

/* {metric} is the rule's, but for series that have a label of that name. */
static void test_templates(void)
{
	check_rendered("rules:\n  - id: r\n    text: \"{vm}: {metric}\"\n    condition: {metric: "
		       "vm.cpu.usage, operator: gt, threshold: 2}\n",
		       "{{ $labels.vm }}: vm.cpu.usage\"");
	check_rendered("rules:\n  - id: r\n    type: forecast\n    text: \"{vm}: {metric}\"\n    "
		       "condition: {metric: vm.memory.usage_percent}\n",
		       "{{ $labels.vm }}: {{ $labels.metric }}\"");
}

static void test_expressions(void)
{
	check_expr("rules:\n  - id: r\n    no_data: resolve\n    no_data_after: 0s\n    condition: "
		   "{metric: vm.cpu.usage, "
		   "operator: le, threshold: 2KiB, labels: {vm: \"a.b-*\"}}\n",
		   "((vm_cpu_usage{vm=~\"a\\\\.b-.*\"} <= 2048))");
	check_expr(
		"rules:\n  - id: r\n    resolve_threshold: 1\n    no_data: resolve\n"
		"    condition: {metric: host.vms, operator: gt, threshold: 2, tags: {component: "
		"host}}\n",
		"((host_vms > 2)) or ((((last_over_time(host_vms[299999ms]) > 1))) and on "
		"(instance, job) ALERTS{alertname=\"r\",alertstate=\"firing\"})");
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a store that cannot be written", test_store_down},
		{"the store's disk hangs", test_store_hangs},
		{"state and messages in the store", test_store},
		{"a rule taken away", test_rule_gone},
		{"silences", test_silences},
		{"the page", test_page},
		{"in the next snapshot", test_snapshot},
		{"seen from beside", test_peek},
		{"a recording comes back", test_replay},
		{"a broken recording", test_replay_refuses},
		{"expressions for Prometheus", test_expressions},
		{"texts for Prometheus", test_templates},
		CU_TEST_INFO_NULL,
	};

	return suite_run("alert_io", tests);
}
