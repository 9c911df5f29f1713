// SPDX-License-Identifier: Apache-2.0
/* The network face, as its clients see it: the real process, on a port of the kernel's choice. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "child/child.h"
#include "export/prometheus.h"
#include "metric/model.h"
#include "unit/fake_snapshot.h"
#include "unit/http_client.h"
#include "unit/suite.h"
#include "web/face.h"
#include "web/fill.h"
#include "web/health.h"
#include "web/web.h"

static struct web *start(const struct web_options *more)
{
	struct web_options options = more ? *more : (struct web_options){0};
	g_autofree char *error = NULL;
	struct web *web = NULL;
	int r;

	options.listen = "127.0.0.1:0";
	r = web_new(&options, &web, &error);
	if (r < 0)
		fprintf(stderr, "web_new: %s\n", error);
	CU_ASSERT_EQUAL_FATAL(r, 0);
	CU_ASSERT_EQUAL_FATAL(web_start(web), 0);
	return web;
}

/* Fresh as of age_ms ago. */
static void publish(struct web *web, struct fake_spec spec, unsigned age_ms)
{
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);

	snapshot->mono_ns = (g_get_monotonic_time() - age_ms * 1000ll) * 1000;
	web_publish(web, snapshot);
	kvmlens_snapshot_unref(snapshot);
}

static const struct fake_spec small = {.vms = 3, .vcpus = 2, .level = KVMLENS_STANDARD, .tick = 1};

static int get_status(unsigned port, const char *path)
{
	struct http_answer answer = client_get(port, path, NULL);
	int status = answer.status;

	client_clear(&answer);
	return status;
}

static void check_header(const struct http_answer *answer, const char *name, const char *value)
{
	g_autofree char *got = client_header(answer, name);

	CU_ASSERT_STRING_EQUAL(got ?: "(none)", value);
}

/* Until the face answers this so, or ten seconds are over. */
static bool comes_to(unsigned port, const char *path, int status)
{
	for (unsigned i = 0; i < 200; i++) {
		if (get_status(port, path) == status)
			return true;
		g_usleep(50000);
	}
	return false;
}

static void test_pages(void)
{
	struct web *web = start(NULL);
	struct kvmlens_snapshot *snapshot = fake_snapshot(&small);
	struct http_answer answer;
	textbuf_auto text = {0};

	snapshot->mono_ns = g_get_monotonic_time() * 1000;
	web_publish(web, snapshot);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/healthz", 200));
	prometheus_render(snapshot, &text);
	answer = client_get(web_port(web), "/metrics", NULL);
	CU_ASSERT_EQUAL(answer.status, 200);
	check_header(&answer, "Content-Type", PROMETHEUS_TYPE);
	CU_ASSERT_EQUAL_FATAL(answer.body_len, text.len);
	CU_ASSERT_EQUAL(memcmp(answer.body, text.data, text.len), 0);
	client_clear(&answer);
	text.len = 0;
	openmetrics_render(snapshot, &text);
	answer = client_get(web_port(web), "/metrics?x=1",
			    "application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
	check_header(&answer, "Content-Type", OPENMETRICS_TYPE);
	CU_ASSERT_EQUAL_FATAL(answer.body_len, text.len);
	CU_ASSERT_EQUAL(memcmp(answer.body, text.data, text.len), 0);
	client_clear(&answer);
	answer = client_get(web_port(web), "/api/v1/snapshot", NULL);
	CU_ASSERT_EQUAL(answer.status, 200);
	check_header(&answer, "Content-Type", "application/json");
	client_clear(&answer);
	kvmlens_snapshot_unref(snapshot);
	web_stop(web);
}

static void render_own(void *arg, const struct kvmlens_snapshot *snapshot, struct textbuf *out)
{
	textbuf_append(out, arg);
}

static void test_own_documents(void)
{
	static char page[] = "<p>hello";
	const struct web_document own = {"/", "text/html; charset=utf-8", render_own, page};
	struct web *web = start(&(struct web_options){.documents = &own, .n_documents = 1});
	struct http_answer answer;

	publish(web, small, 0);
	answer = client_get(web_port(web), "/", NULL);
	CU_ASSERT_EQUAL(answer.status, 200);
	CU_ASSERT_STRING_EQUAL(answer.body ?: "", page);
	client_clear(&answer);
	web_stop(web);
}

static void test_refusals(void)
{
	static const struct {
		const char *request;
		int status;
	} cases[] = {
		{"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		{"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		{"GET /metrics/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		{"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 405},
		{"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n",
		 405},
		{"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
		{"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
		{"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde", 413},
		{"GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
		 413},
		{"GET /metrics HTTP/1.1\r\n\r\n", 400},
	};
	struct web *web = start(NULL);

	publish(web, small, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		int fd = client_connect(web_port(web));
		struct http_answer answer;

		CU_ASSERT_TRUE(client_send(fd, cases[i].request, strlen(cases[i].request)));
		answer = client_receive(fd, true, 5000);
		if (answer.status != cases[i].status)
			fprintf(stderr, "%d, not %d: %.40s\n", answer.status, cases[i].status,
				cases[i].request);
		CU_ASSERT_EQUAL(answer.status, cases[i].status);
		if (answer.status == 405)
			check_header(&answer, "Allow", "GET, HEAD");
		client_clear(&answer);
		close(fd);
	}
	CU_ASSERT_EQUAL(get_status(web_port(web), "/metrics"), 200);
	web_stop(web);
}

static void test_head_and_keep_alive(void)
{
	static const char head[] = "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static const char get[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct web *web = start(NULL);
	struct http_answer answer;
	int fd;

	publish(web, small, 0);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/metrics", 200));
	fd = client_connect(web_port(web));
	CU_ASSERT_TRUE(client_send(fd, head, strlen(head)));
	answer = client_receive(fd, false, 5000);
	CU_ASSERT_EQUAL(answer.status, 200);
	CU_ASSERT_EQUAL(answer.body_len, 0);
	client_clear(&answer);
	for (unsigned i = 0; i < 20; i++) {
		CU_ASSERT_TRUE(client_send(fd, get, strlen(get)));
		answer = client_receive(fd, true, 5000);
		CU_ASSERT_EQUAL(answer.status, 200);
		CU_ASSERT_TRUE(answer.body_len > 1000);
		client_clear(&answer);
	}
	close(fd);
	web_stop(web);
}

static void test_health(void)
{
	struct web *web = start(&(struct web_options){.interval_ms = 2000});
	struct fake_spec next = small;

	CU_ASSERT_EQUAL(get_status(web_port(web), "/healthz"), 503);
	CU_ASSERT_EQUAL(get_status(web_port(web), "/metrics"), 503);
	publish(web, next, 0);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/healthz", 200));
	CU_ASSERT_TRUE(comes_to(web_port(web), "/metrics", 200));
	/* Three intervals are 6 s: this snapshot is too old, and its page with it. */
	next.tick = 2;
	publish(web, next, 6500);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/healthz", 503));
	/* The tick arrives before its page: until then the last one counts. */
	CU_ASSERT_TRUE(comes_to(web_port(web), "/metrics", 503));
	web_set_interval(web, 60000);
	next.tick = 3;
	publish(web, next, 6500);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/healthz", 200));
	web_stop(web);
}

/* Parts that stand still are no health, though snapshots keep coming. */
static void test_stuck(void)
{
	struct web *web = start(&(struct web_options){.interval_ms = 2000});
	struct kvmlens_snapshot *snapshot = fake_snapshot(&small);
	struct snap_store *store;
	struct http_answer answer;

	snapshot->mono_ns = g_get_monotonic_time() * 1000;
	store = entities_at(&snapshot->stores, 0);
	store->up = 0;
	store->failures = 1;
	web_publish(web, snapshot);
	kvmlens_snapshot_unref(snapshot);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/metrics", 200));
	answer = client_get(web_port(web), "/healthz", NULL);
	CU_ASSERT_EQUAL(answer.status, 503);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer.body ?: "", "store"));
	client_clear(&answer);
	web_stop(web);
}

static void test_progress(void)
{
	struct kvmlens_snapshot *snapshot = fake_snapshot(&small);
	struct snap_self *self = entities_at(&snapshot->self, 0);
	struct snap_store *store = entities_at(&snapshot->stores, 0);
	struct health health = {};

	CU_ASSERT_EQUAL(health_judge(&health, snapshot, 5000, 1000), 0);
	CU_ASSERT_EQUAL(health_judge(&health, snapshot, 5000, 16000), 0);
	CU_ASSERT_EQUAL(health_judge(&health, snapshot, 5000, 16001),
			HEALTH_DISCOVERY | HEALTH_STORE);
	self->scans++;
	CU_ASSERT_EQUAL(health_judge(&health, snapshot, 5000, 17000), HEALTH_STORE);
	store->ticks++;
	CU_ASSERT_EQUAL(health_judge(&health, snapshot, 5000, 18000), 0);
	self->descriptors = self->descriptors_max - 3;
	CU_ASSERT_EQUAL(health_judge(&health, snapshot, 5000, 19000), HEALTH_DESCRIPTORS);
	kvmlens_snapshot_unref(snapshot);
}

/* The face may serve a page a moment before it is counted here. */
static bool pages_come_to(struct web *web, uint64_t pages)
{
	struct web_state state = {};

	for (int i = 0; i < 500 && state.pages < pages; i++) {
		web_get_state(web, &state);
		if (state.pages < pages)
			g_usleep(10000);
	}
	return state.pages == pages;
}

/* A page that nobody has asked for yet is rendered when somebody does. */
static void test_on_demand(void)
{
	struct web *web = start(NULL);

	publish(web, small, 0);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/healthz", 200));
	CU_ASSERT_TRUE(pages_come_to(web, 1));
	CU_ASSERT_EQUAL(get_status(web_port(web), "/api/v1/snapshot"), 200);
	CU_ASSERT_TRUE(pages_come_to(web, 2));
	CU_ASSERT_EQUAL(get_status(web_port(web), "/api/v1/snapshot"), 200);
	CU_ASSERT_TRUE(pages_come_to(web, 2));
	web_stop(web);
}

static void test_big_page(void)
{
	struct fake_spec spec = {.vms = 600, .vcpus = 8, .level = KVMLENS_DIAGNOSTIC, .tick = 1};
	struct web *web = start(NULL);
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	struct http_answer answer;
	textbuf_auto text = {0};

	snapshot->mono_ns = g_get_monotonic_time() * 1000;
	prometheus_render(snapshot, &text);
	CU_ASSERT_TRUE(text.len > 20000000);
	web_publish(web, snapshot);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/metrics", 200));
	answer = client_get(web_port(web), "/metrics", NULL);
	CU_ASSERT_EQUAL_FATAL(answer.body_len, text.len);
	CU_ASSERT_EQUAL(memcmp(answer.body, text.data, text.len), 0);
	client_clear(&answer);
	kvmlens_snapshot_unref(snapshot);
	web_stop(web);
}

/* How long a scrape takes, in microseconds. */
static gint64 scrape_time(unsigned port)
{
	gint64 begin = g_get_monotonic_time();

	CU_ASSERT_EQUAL(get_status(port, "/metrics"), 200);
	return g_get_monotonic_time() - begin;
}

/* A hundred clients that begin a request and never end it, more than may be connected at all. */
static void test_slow_clients(void)
{
	static const char begin[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
	struct web *web = start(NULL);
	int slow[100];
	gint64 worst = 0;
	struct web_state state;

	publish(web, small, 0);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/metrics", 200));
	for (size_t i = 0; i < G_N_ELEMENTS(slow); i++) {
		slow[i] = client_connect(web_port(web));
		(void)client_send(slow[i], begin, strlen(begin));
	}
	for (unsigned round = 0; round < 20; round++) {
		for (size_t i = 0; i < G_N_ELEMENTS(slow); i++)
			(void)client_send(slow[i], "a", 1);
		worst = MAX(worst, scrape_time(web_port(web)));
	}
	printf("\n    worst scrape beside 100 slow clients: %.1f ms ", worst / 1e3);
	/* The slow ones' own time-out is 10 s: whoever waited for it was blocked by them. */
	CU_ASSERT_TRUE(worst < 5000000);
	publish(web, small, 0);
	g_usleep(200000);
	web_get_state(web, &state);
	CU_ASSERT_TRUE(state.evicted >= 80);
	CU_ASSERT_EQUAL(state.restarts, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(slow); i++)
		close(slow[i]);
	web_stop(web);
}

/* Clients that ask for a big page and do not take it: they may keep their memory, not the face. */
static void test_slow_readers(void)
{
	static const char get[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct fake_spec spec = {.vms = 300, .vcpus = 8, .level = KVMLENS_DETAILED, .tick = 1};
	struct web *web = start(&(struct web_options){.max_connections = 16, .timeout_s = 1});
	int readers[16];

	publish(web, spec, 0);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/metrics", 200));
	for (size_t i = 0; i < G_N_ELEMENTS(readers); i++) {
		readers[i] = client_connect(web_port(web));
		(void)client_send(readers[i], get, strlen(get));
	}
	/* They hold every place of their address, and would for half a minute if they were let. */
	CU_ASSERT_TRUE(comes_to(web_port(web), "/healthz", 200));
	for (size_t i = 0; i < G_N_ELEMENTS(readers); i++)
		close(readers[i]);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/metrics", 200));
	web_stop(web);
}

static void test_garbage(void)
{
	struct web *web = start(NULL);
	g_autofree char *huge = g_strnfill(1 << 20, 'h');
	unsigned seed = 42;
	struct web_state state;

	publish(web, small, 0);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/metrics", 200));
	memcpy(huge, "GET /metrics HTTP/1.1\r\nX: ", 26);
	for (unsigned i = 0; i < 60; i++) {
		int fd = client_connect(web_port(web));
		unsigned char noise[512];
		struct http_answer answer;

		for (size_t j = 0; j < sizeof(noise); j++)
			noise[j] = rand_r(&seed);
		if (i % 3 == 0)
			(void)client_send(fd, huge, 1 << 20);
		else
			(void)client_send(fd, (char *)noise, i % 3 == 1 ? 512 : 7);
		(void)client_send(fd, "\r\n\r\n", 4);
		answer = client_receive(fd, true, i % 3 == 0 ? 2000 : 20);
		CU_ASSERT_TRUE(answer.status == 0 || answer.status >= 400);
		client_clear(&answer);
		close(fd);
	}
	CU_ASSERT_EQUAL(get_status(web_port(web), "/metrics"), 200);
	web_get_state(web, &state);
	CU_ASSERT_EQUAL(state.restarts, 0);
	web_stop(web);
}

static int face_pid(struct web *web)
{
	struct web_state state;

	web_get_state(web, &state);
	return state.pid;
}

static void test_killed(void)
{
	struct web *web = start(NULL);
	unsigned port = web_port(web);
	struct web_state state;
	int before;

	publish(web, small, 0);
	CU_ASSERT_TRUE(comes_to(port, "/metrics", 200));
	before = face_pid(web);
	CU_ASSERT_EQUAL(kill(before, SIGKILL), 0);
	CU_ASSERT_TRUE(comes_to(port, "/metrics", 200));
	web_get_state(web, &state);
	CU_ASSERT_EQUAL(state.restarts, 1);
	CU_ASSERT_TRUE(state.up);
	CU_ASSERT_NOT_EQUAL(state.pid, before);
	/* Reaped: nobody of this number is our child any more. */
	CU_ASSERT_EQUAL(kill(before, 0), -1);
	web_stop(web);
}

static void test_hung(void)
{
	struct web *web = start(&(struct web_options){.hang_ms = 300});
	unsigned port = web_port(web);
	struct fake_spec next = small;
	int before;

	publish(web, next, 0);
	CU_ASSERT_TRUE(comes_to(port, "/metrics", 200));
	before = face_pid(web);
	CU_ASSERT_EQUAL(kill(before, SIGSTOP), 0);
	next.tick = 2;
	publish(web, next, 0);
	CU_ASSERT_TRUE(comes_to(port, "/metrics", 200));
	CU_ASSERT_NOT_EQUAL(face_pid(web), before);
	web_stop(web);
}

/* The other side is gone: so is the face, with its port. */
static void test_stopped(void)
{
	struct web *web = start(NULL);
	unsigned port = web_port(web);
	int pid = face_pid(web);

	web_stop(web);
	CU_ASSERT_EQUAL(kill(pid, 0), -1);
	CU_ASSERT_EQUAL(client_connect(port), -1);
}

static char *status_field(int pid, const char *field)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
	g_autofree char *status = NULL;
	const char *at;

	if (!g_file_get_contents(path, &status, NULL, NULL))
		return g_strdup("");
	at = strstr(status, field);
	if (!at)
		return g_strdup("");
	at += strlen(field);
	return g_strstrip(g_strndup(at, strcspn(at, "\n")));
}

static void check_status(int pid, const char *field, const char *value)
{
	g_autofree char *got = status_field(pid, field);

	if (strcmp(got, value))
		fprintf(stderr, "%s %s, not %s\n", field + 1, got, value);
	CU_ASSERT_STRING_EQUAL(got, value);
}

static void test_confined(void)
{
	static const char none[] = "0000000000000000";
	struct web *web = start(NULL);
	struct web_state state;
	int pid = face_pid(web);

	web_get_state(web, &state);
	check_status(pid, "\nSeccomp:", CHILD_SANITIZED ? "0" : "2");
	check_status(pid, "\nNoNewPrivs:", "1");
	check_status(pid, "\nCapEff:", none);
	check_status(pid, "\nCapPrm:", none);
	check_status(pid, "\nCapInh:", none);
	check_status(pid, "\nCapAmb:", none);
	check_status(pid, "\nThreads:", "1");
	if (geteuid() != 0) {
		printf("\n    another user, an empty root: untried, as this is not root ");
	} else {
		g_autofree char *root = g_strdup_printf("/proc/%d/root", pid);
		g_autoptr(GDir) dir = g_dir_open(root, 0, NULL);
		g_autofree char *uids = status_field(pid, "\nUid:");

		CU_ASSERT_TRUE(state.confined & CHILD_OTHER_USER);
		CU_ASSERT_TRUE(state.confined & CHILD_NO_BOUNDS);
		/* Real, effective, saved and file system's: none of them is root. */
		CU_ASSERT_TRUE(uids[0] != '0');
		CU_ASSERT_PTR_NULL(strstr(uids, "\t0"));
		CU_ASSERT_TRUE(state.confined & CHILD_NO_FILES);
		CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
		CU_ASSERT_PTR_NULL(g_dir_read_name(dir));
		check_status(pid, "\nGroups:", "");
	}
	web_stop(web);
}

/* Pages come and go: the face's descriptors do not pile up. */
static void test_fill(void)
{
	struct web *web = start(NULL);
	struct kvmlens_snapshot *snapshot = snapshot_new();
	const struct snap_web *entity;
	textbuf_auto text = {0};

	kill(face_pid(web), SIGKILL);
	publish(web, small, 0);
	CU_ASSERT_TRUE(comes_to(web_port(web), "/metrics", 200));
	web_fill(web, snapshot);
	CU_ASSERT_EQUAL_FATAL(snapshot->webs.n, 1);
	entity = entities_at(&snapshot->webs, 0);
	CU_ASSERT_EQUAL(entity->up, 1);
	CU_ASSERT_EQUAL(entity->restarts, 1);
	CU_ASSERT_TRUE(entity->pages >= 1);
	prometheus_render(snapshot, &text);
	textbuf_append_len(&text, "", 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(text.data, "\nkvmlens_web_restarts_total 1\n"));
	kvmlens_snapshot_unref(snapshot);
	web_stop(web);
}

static void test_no_leak(void)
{
	struct web *web = start(NULL);
	g_autofree char *path = g_strdup_printf("/proc/%d/fd", face_pid(web));
	struct fake_spec next = small;
	unsigned n = 0;
	g_autoptr(GDir) dir = NULL;

	for (next.tick = 1; next.tick < 60; next.tick++) {
		publish(web, next, 0);
		CU_ASSERT_EQUAL(get_status(web_port(web), "/metrics"), 200);
	}
	dir = g_dir_open(path, 0, NULL);
	if (!dir) {
		printf("\n    untried, as this is not root ");
	} else {
		while (g_dir_read_name(dir))
			n++;
		CU_ASSERT_TRUE(n <= 16);
	}
	web_stop(web);
}

static void check_error(struct web_options options, int error, const char *word)
{
	g_autofree char *said = NULL;
	struct web *web = NULL;

	CU_ASSERT_EQUAL(web_new(&options, &web, &said), error);
	CU_ASSERT_PTR_NULL(web);
	CU_ASSERT_PTR_NOT_NULL_FATAL(said);
	if (!strstr(said, word))
		fprintf(stderr, "no \"%s\" in: %s\n", word, said);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, word));
	CU_ASSERT_PTR_NULL(strchr(said, '\n'));
}

static void test_errors(void)
{
	struct web *web = start(NULL);
	g_autofree char *taken = g_strdup_printf("127.0.0.1:%u", web_port(web));

	check_error((struct web_options){.listen = taken}, -EADDRINUSE, "--listen");
	check_error((struct web_options){.listen = "127.0.0.1"}, -EINVAL, "10177");
	check_error((struct web_options){.listen = "192.0.2.1:0"}, -EADDRNOTAVAIL,
		    "no such address");
	check_error((struct web_options){.listen = "127.0.0.1:0", .user = "no-such-user"}, -ENOENT,
		    "no-such-user");
	check_error((struct web_options){.listen = "127.0.0.1:0", .user = "root"}, -EPERM, "root");
	web_stop(web);
	web_stop(NULL);
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"pages in every form", test_pages},
		{"pages of others", test_own_documents},
		{"what is refused", test_refusals},
		{"HEAD and keep-alive", test_head_and_keep_alive},
		{"health", test_health},
		{"a part that is stuck", test_stuck},
		{"progress", test_progress},
		{"pages on demand", test_on_demand},
		{"a page of 20 MB", test_big_page},
		{"a hundred slow clients", test_slow_clients},
		{"clients that do not read", test_slow_readers},
		{"garbage and 1 MB of headers", test_garbage},
		{"killed, and back", test_killed},
		{"hung, and replaced", test_hung},
		{"stopped", test_stopped},
		{"confined", test_confined},
		{"what it says of itself", test_fill},
		{"no descriptor piles up", test_no_leak},
		{"errors in one line", test_errors},
		CU_TEST_INFO_NULL,
	};

	if (web_face_wanted(argc, argv))
		return web_face_main();
	return suite_run("web", tests);
}
