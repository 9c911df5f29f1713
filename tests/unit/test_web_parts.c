// SPDX-License-Identifier: Apache-2.0
/* The parts of the network face that can be looked at alone. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "unit/suite.h"
#include "web/accept.h"
#include "web/conns.h"
#include "web/access.h"
#include "web/face_child.h"
#include "web/gate.h"
#include "web/page.h"
#include "web/site.h"
#include "web/wire.h"

#define TEXT "text/plain; version=0.0.4; charset=utf-8"
#define OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"

static void test_accept(void)
{
	static const char *const types[] = {TEXT, OPEN};
	static const struct {
		const char *header;
		size_t chosen;
	} cases[] = {
		{NULL, 0},
		{"", 0},
		{"*/*", 0},
		{"text/*", 0},
		{"application/*", 1},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 0},
		/* Prometheus 2.42 and before 2.5, as they ask */
		{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		 "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		 1},
		{"application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,"
		 "*/*;q=0.1",
		 0},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		 "encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3",
		 0},
		{"APPLICATION/OPENMETRICS-TEXT", 1},
		{" application/openmetrics-text ; q = 0.4 , text/plain ; q=0.3", 1},
		{"application/openmetrics-text;q=0.4,text/plain;q=0.300", 1},
		{"application/openmetrics-text;q=0.3,text/plain;q=0.4", 0},
		{"application/openmetrics-text;q=0", 0},
		{"*/*;q=0.9,text/plain;q=0.1", 1},
		{"text/plain;q=nonsense,application/openmetrics-text;q=0.001", 1},
		{"text/plain;q=99999999999999999999,application/openmetrics-text", 0},
		{",,;;==,/,*", 0},
		{"application/openmetrics-text;version=", 1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		size_t chosen = accept_choose(cases[i].header, types, 2);

		if (chosen != cases[i].chosen)
			fprintf(stderr, "%zu for %s\n", chosen, cases[i].header);
		CU_ASSERT_EQUAL(chosen, cases[i].chosen);
	}
}

static const uint8_t a[CONN_ADDRESS_LEN] = {1}, b[CONN_ADDRESS_LEN] = {2};

static void test_conns_make_room(void)
{
	struct conns conns;
	struct conn *first, *second, *other, *victim = NULL;

	conns_init(&conns, 3, 2, 1000);
	first = conns_add(&conns, 10, a, 100);
	second = conns_add(&conns, 11, a, 200);
	CU_ASSERT_TRUE(conns_admit(&conns, b, 300, &victim));
	CU_ASSERT_PTR_NULL(victim);
	other = conns_add(&conns, 12, b, 50);
	/* Full: of its own address the one that waits longest goes, not the oldest of all. */
	CU_ASSERT_TRUE(conns_admit(&conns, a, 300, &victim));
	CU_ASSERT_PTR_EQUAL(victim, first);
	CU_ASSERT_EQUAL(first->state, CONN_CLOSING);
	CU_ASSERT_EQUAL(conns_open(&conns), 2);
	CU_ASSERT_PTR_NOT_NULL(conns_add(&conns, 13, a, 300));
	/* Full by number: the one that waits longest, of any address. */
	CU_ASSERT_TRUE(conns_admit(&conns, b, 300, &victim));
	CU_ASSERT_PTR_EQUAL(victim, other);
	/* What is closing does not come back, whatever MHD still tells of it. */
	conns_wait(&conns, first, 400);
	conns_answer(&conns, first, 0, 0, 400);
	CU_ASSERT_EQUAL(first->state, CONN_CLOSING);
	conns_remove(first);
	CU_ASSERT_EQUAL(first->state, CONN_FREE);
	CU_ASSERT_EQUAL(second->state, CONN_WAITING);
	conns_clear(&conns);
}

static void test_conns_answering(void)
{
	struct conns conns;
	struct conn *first, *second, *victim = NULL;

	conns_init(&conns, 2, 2, 1000);
	first = conns_add(&conns, 10, a, 5000);
	second = conns_add(&conns, 11, a, 5000);
	conns_answer(&conns, first, 10 * CONN_PACE, 0, 5000);
	conns_answer(&conns, second, 0, 0, 5500);
	/* Both are being answered, and their second is not over. */
	CU_ASSERT_FALSE(conns_admit(&conns, b, 5999, &victim));
	CU_ASSERT_TRUE(conns_admit(&conns, b, 6000, &victim));
	CU_ASSERT_PTR_EQUAL(victim, first);
	conns_clear(&conns);
}

static void test_conns_deadlines(void)
{
	struct conns conns;
	struct conn *first, *second;

	conns_init(&conns, 4, 4, 1000);
	first = conns_add(&conns, 10, a, 0);
	second = conns_add(&conns, 11, a, 500);
	CU_ASSERT_PTR_NULL(conns_overdue(&conns, 999));
	/* An answer of ten seconds at the slowest pace that is allowed. */
	conns_answer(&conns, second, 10 * CONN_PACE, 0, 900);
	CU_ASSERT_PTR_EQUAL(conns_overdue(&conns, 1000), first);
	CU_ASSERT_PTR_NULL(conns_overdue(&conns, 11899));
	CU_ASSERT_PTR_EQUAL(conns_overdue(&conns, 11900), second);
	CU_ASSERT_PTR_NULL(conns_overdue(&conns, 99999));
	conns_clear(&conns);
}

/* Old pages are not held for whoever takes them slowly. */
static void test_conns_outdated(void)
{
	struct conns conns;
	struct conn *old, *fresh, *waiting;

	conns_init(&conns, 4, 4, 60000);
	old = conns_add(&conns, 10, a, 0);
	fresh = conns_add(&conns, 11, a, 0);
	waiting = conns_add(&conns, 12, a, 0);
	conns_answer(&conns, old, 100, 5, 1000);
	conns_answer(&conns, fresh, 100, 6, 1000);
	CU_ASSERT_PTR_NULL(conns_outdated(&conns, 6, 1999));
	CU_ASSERT_PTR_EQUAL(conns_outdated(&conns, 6, 2000), old);
	CU_ASSERT_PTR_NULL(conns_outdated(&conns, 6, 2000));
	CU_ASSERT_EQUAL(fresh->state, CONN_ANSWERING);
	CU_ASSERT_EQUAL(waiting->state, CONN_WAITING);
	conns_clear(&conns);
}

static void test_conns_full_table(void)
{
	struct conns conns;
	unsigned n = 0;

	conns_init(&conns, 2, 2, 1000);
	while (conns_add(&conns, n, a, 0))
		n++;
	CU_ASSERT_EQUAL(n, conns.size);
	conns_clear(&conns);
}

static void test_wire(void)
{
	struct wire_message message = {.type = WIRE_PAGE, .index = 7, .page = {.seq = 9}};
	struct wire_message got;
	int socks[2], fd = -1, page;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, socks), 0);
	CU_ASSERT_EQUAL(wire_receive(socks[1], &got, &fd, false), -EAGAIN);
	page = page_seal("hello", 5);
	CU_ASSERT_EQUAL(wire_send(socks[0], &message, page), 0);
	close(page);
	CU_ASSERT_EQUAL(wire_receive(socks[1], &got, &fd, true), 0);
	CU_ASSERT_EQUAL(got.index, 7);
	CU_ASSERT_EQUAL(got.page.seq, 9);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	close(fd);
	/* Too short, too long, and a descriptor that nobody asked for. */
	CU_ASSERT_EQUAL(send(socks[0], &message, sizeof(message) - 1, 0), sizeof(message) - 1);
	CU_ASSERT_EQUAL(wire_receive(socks[1], &got, NULL, true), -EBADMSG);
	CU_ASSERT_EQUAL(send(socks[0], (char[2 * sizeof(message)]){0}, 2 * sizeof(message), 0),
			2 * sizeof(message));
	CU_ASSERT_EQUAL(wire_receive(socks[1], &got, NULL, true), -EBADMSG);
	CU_ASSERT_EQUAL(wire_send(socks[0], &message, socks[0]), 0);
	CU_ASSERT_EQUAL(wire_receive(socks[1], &got, NULL, true), -EBADMSG);
	close(socks[0]);
	CU_ASSERT_EQUAL(wire_receive(socks[1], &got, NULL, true), -EPIPE);
	CU_ASSERT_EQUAL(wire_send(socks[1], &message, -1), -EPIPE);
	close(socks[1]);
}

static void test_wire_full(void)
{
	const struct wire_message message = {.type = WIRE_TICK};
	int socks[2], r = 0;
	unsigned n = 0;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, socks), 0);
	while (r == 0 && n++ < 100000)
		r = wire_send(socks[0], &message, -1);
	CU_ASSERT_EQUAL(r, -EAGAIN);
	close(socks[0]);
	close(socks[1]);
}

static void test_page(void)
{
	int fd = page_seal("hello", 5);
	char text[8] = "";

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(pread(fd, text, sizeof(text), 0), 5);
	CU_ASSERT_STRING_EQUAL(text, "hello");
	CU_ASSERT_EQUAL(pwrite(fd, "x", 1, 0), -1);
	CU_ASSERT_EQUAL(ftruncate(fd, 3), -1);
	CU_ASSERT_EQUAL(ftruncate(fd, 30), -1);
	CU_ASSERT_PTR_EQUAL(mmap(NULL, 5, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	CU_ASSERT_EQUAL(fcntl(fd, F_ADD_SEALS, 0), -1);
	close(fd);
	fd = page_seal(NULL, 0);
	CU_ASSERT_TRUE(fd >= 0);
	close(fd);
}

static void test_freshness(void)
{
	struct wire_page page = {.seq = 1, .mono_ns = 1000000000, .interval_ms = 10000};

	CU_ASSERT_TRUE(site_is_fresh(&page, 30999999999ull));
	CU_ASSERT_FALSE(site_is_fresh(&page, 31000000000ull));
	CU_ASSERT_TRUE(site_is_fresh(&page, 0));
	page.interval_ms = 100;
	CU_ASSERT_TRUE(site_is_fresh(&page, 3999999999ull));
	CU_ASSERT_FALSE(site_is_fresh(&page, 4000000000ull));
	page.seq = 0;
	CU_ASSERT_FALSE(site_is_fresh(&page, 1000000000));
}

/* The result of waiting for a child that loads the filter and then does this. */
static int under_filter(int (*act)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		const char *step;
		unsigned done;

		_exit(child_confine(&face_child, 0, 0, 64, &done, &step) < 0 ? 99 : act());
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	return status;
}

static int act_nothing(void)
{
	return 7;
}

static int act_open(void)
{
	return open("/etc/passwd", O_RDONLY) == -1 && errno == EPERM ? 8 : 1;
}

static int act_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static int act_fork(void)
{
	return fork() >= 0;
}

static int act_exec(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int act_executable_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	if (mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0)
		return 2;
	return mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 9
											     : 3;
}

static int act_signal(void)
{
	return kill(getppid(), 0) == -1 && errno == EPERM ? 10 : 1;
}

static void test_filter(void)
{
	static int (*const fatal[])(void) = {act_socket, act_fork, act_exec};

	CU_ASSERT_EQUAL(WEXITSTATUS(under_filter(act_nothing)), 7);
	if (CHILD_SANITIZED)
		return; /* such a build has no filter */
	CU_ASSERT_EQUAL(WEXITSTATUS(under_filter(act_open)), 8);
	CU_ASSERT_EQUAL(WEXITSTATUS(under_filter(act_executable_memory)), 9);
	CU_ASSERT_EQUAL(WEXITSTATUS(under_filter(act_signal)), 10);
	for (size_t i = 0; i < G_N_ELEMENTS(fatal); i++) {
		int status = under_filter(fatal[i]);

		CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	}
}

static void test_names(void)
{
	static const char *const local[] = {"localhost",       "localhost:10177", "LOCALHOST.",
					    "127.0.0.1:10177", "192.0.2.7",	  "[::1]:10177",
					    "[::1]",	       "a.localhost"};
	static const char *const foreign[] = {"",
					      "evil.example",
					      "evil.example:10177",
					      "127.0.0.1.evil.example",
					      "localhosts",
					      "xlocalhost",
					      "[evil]",
					      "[::1",
					      "::1",
					      "1.2.3.4.5",
					      "0x7f.1"};

	for (size_t i = 0; i < G_N_ELEMENTS(local); i++)
		CU_ASSERT_TRUE(gate_is_local(local[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++)
		CU_ASSERT_FALSE(gate_is_local(foreign[i]));
}

static const uint8_t here[CONN_ADDRESS_LEN] = {1}, there[CONN_ADDRESS_LEN] = {2};

/* As a client writes it. */
static enum gate_verdict judge(struct gate *gate, const char *credentials, const uint8_t *from,
			       uint64_t now_ms)
{
	g_autofree char *base64 = g_base64_encode((const guchar *)credentials, strlen(credentials));
	g_autofree char *header = g_strconcat("Basic ", base64, NULL);

	return gate_judge(gate, "localhost", header, from, now_ms);
}

/* The hash of "abc" is one of bcrypt's published test vectors. */
static void test_passwords(void)
{
	static const char file[] =
		"basic_auth_users:\n"
		"  prom: $2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i\n";
	g_autofree char *path = g_build_filename(g_get_tmp_dir(), "kvmlens-web-XXXXXX", NULL);
	g_autofree char *error = NULL, *text = NULL;
	struct access *access = NULL, *crossed;
	struct gate gate;
	int fd = g_mkstemp(path);

	CU_ASSERT_EQUAL_FATAL(write(fd, file, strlen(file)), strlen(file));
	close(fd);
	CU_ASSERT_EQUAL_FATAL(access_load(path, &access, &error), 0);
	unlink(path);
	text = access_encode(access);
	crossed = access_decode(text, strlen(text));
	CU_ASSERT_PTR_NOT_NULL_FATAL(crossed);
	access_free(access);
	CU_ASSERT_EQUAL(gate_init(&gate, crossed, false), 0);
	CU_ASSERT_EQUAL(gate_judge(&gate, "x", NULL, here, 1000), GATE_UNAUTHORIZED);
	CU_ASSERT_EQUAL(gate_judge(&gate, "x", "Basic !", here, 1000), GATE_UNAUTHORIZED);
	CU_ASSERT_EQUAL(gate_judge(&gate, "x", "Bearer abc", here, 1000), GATE_UNAUTHORIZED);
	CU_ASSERT_EQUAL(gate.failures, 0);
	CU_ASSERT_EQUAL(judge(&gate, "prom:abc", there, 1000), GATE_OPEN);
	for (unsigned i = 0; i < GATE_GUESSES; i++)
		CU_ASSERT_EQUAL(judge(&gate, i % 2 ? "prom:abd" : "mallory:abc", here, 10000),
				GATE_UNAUTHORIZED);
	CU_ASSERT_EQUAL(gate.failures, GATE_GUESSES);
	CU_ASSERT_EQUAL(judge(&gate, "prom:xyz", here, 10001), GATE_TOO_MANY);
	/* Who is right, and was so before, is let in whatever others guess. */
	CU_ASSERT_EQUAL(judge(&gate, "prom:abc", here, 10001), GATE_OPEN);
	CU_ASSERT_EQUAL(judge(&gate, "prom:xyz", here, 10001 + GATE_WAIT_MS), GATE_UNAUTHORIZED);
	/* Many addresses share what hashing may cost. */
	for (unsigned i = 0, n = 0; i < 100; i++) {
		const uint8_t from[CONN_ADDRESS_LEN] = {3, (uint8_t)i};

		n += judge(&gate, "prom:no", from, 50000) == GATE_UNAUTHORIZED;
		CU_ASSERT_TRUE(n <= GATE_HASHES);
	}
	access_free(crossed);
}

static void test_access_mistakes(void)
{
	static const struct {
		const char *file, *word;
	} cases[] = {
		{"tls_server_config:\n  cert_file: a\n", "key_file"},
		{"tls_server_config:\n  cert_file: nowhere\n  key_file: b\n", "cert_file"},
		{"tls_server_config:\n  min_version: TLS10\n", "min_version"},
		{"tls_server_config:\n  cipher_suites: [x]\n", "cipher_suites"},
		{"tls_server_config:\n  client_auth_type: Maybe\n", "client_auth_type"},
		{"basic_auth_users:\n  a: plain\n", "bcrypt"},
		{"basic_auth_users: [a]\n", "mapping"},
		{"users: {}\n", "unknown"},
		{"a: [\n", "2: "},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path =
			g_build_filename(g_get_tmp_dir(), "kvmlens-web-XXXXXX", NULL);
		g_autofree char *error = NULL;
		struct access *access;
		int fd = g_mkstemp(path);

		CU_ASSERT_EQUAL_FATAL(write(fd, cases[i].file, strlen(cases[i].file)),
				      strlen(cases[i].file));
		close(fd);
		CU_ASSERT_TRUE(access_load(path, &access, &error) < 0);
		if (!error || !strstr(error, cases[i].word))
			printf("%s: %s\n", cases[i].word, error);
		CU_ASSERT_PTR_NOT_NULL(error ? strstr(error, cases[i].word) : NULL);
		unlink(path);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"names on loopback", test_names},
		{"passwords", test_passwords},
		{"mistakes of the access file", test_access_mistakes},
		{"Accept", test_accept},
		{"connections make room", test_conns_make_room},
		{"connections that are answered", test_conns_answering},
		{"deadlines of connections", test_conns_deadlines},
		{"connections that hold old pages", test_conns_outdated},
		{"a full table of connections", test_conns_full_table},
		{"messages and descriptors", test_wire},
		{"a peer that does not read", test_wire_full},
		{"sealed pages", test_page},
		{"freshness", test_freshness},
		{"system call filter", test_filter},
		CU_TEST_INFO_NULL,
	};

	return suite_run("web parts", tests);
}
