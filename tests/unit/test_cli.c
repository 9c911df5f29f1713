// SPDX-License-Identifier: Apache-2.0
/* The command line: each mistake gets one line that says what to do, and its exit code. */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/help.h"
#include "suite.h"

struct result {
	int code;
	char *out, *err;
};

/* Run a command line of words with spaces between. */
static struct result invoke(const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);
	struct result result;
	size_t out_len, err_len;
	FILE *out = open_memstream(&result.out, &out_len);
	FILE *err = open_memstream(&result.err, &err_len);

	result.code = cli_main(g_strv_length(words), words, out, err);
	fclose(out);
	fclose(err);
	return result;
}

static void result_clear(struct result *result)
{
	free(result->out);
	free(result->err);
}

static const struct {
	const char *line;
	int code;
	const char *err;
} mistakes[] = {
	{"kvmlens dcotor", EXIT_USAGE, "unknown command \"dcotor\"; did you mean \"doctor\"?"},
	{"kvmlens xyzzy", EXIT_USAGE, "unknown command \"xyzzy\"; kvmlens help lists them"},
	{"kvmlens --interval 1s", EXIT_USAGE,
	 "unknown command \"--interval\"; kvmlens help lists them"},
	{"kvmlens doctor --lisen x", EXIT_USAGE,
	 "doctor: unknown flag \"lisen\"; did you mean --listen?"},
	{"kvmlens doctor --zzz", EXIT_USAGE,
	 "doctor: unknown flag \"zzz\"; see kvmlens doctor --help"},
	{"kvmlens doctor -x", EXIT_USAGE, "doctor: unknown flag \"-x\"; see kvmlens doctor --help"},
	{"kvmlens doctor --listen", EXIT_USAGE,
	 "--listen: needs a value; write --listen=ADDRESS:PORT"},
	{"kvmlens doctor --listen=nowhere", EXIT_USAGE,
	 "--listen: is no address and port; use one like 127.0.0.1:10177 or [::1]:10177, or none"},
	{"kvmlens doctor --provider=kvm", EXIT_USAGE,
	 "--provider: \"kvm\" is not known; use auto, libvirt or proc"},
	{"kvmlens doctor --help=maybe", EXIT_USAGE,
	 "--help: \"maybe\" is neither true nor false; use one of them"},
	{"kvmlens doctor --format prometheus", EXIT_USAGE,
	 "--format: doctor cannot write prometheus; use table or json"},
	{"kvmlens unload --listen x", EXIT_USAGE,
	 "unload: takes no --listen, a flag of run and doctor"},
	{"kvmlens version now", EXIT_USAGE,
	 "version: \"now\" is one argument too many; see kvmlens version --help"},
	{"kvmlens check-config a b", EXIT_USAGE,
	 "check-config: \"b\" is one argument too many; see kvmlens check-config --help"},
	{"kvmlens check-config /nonexistent.yaml", EXIT_CONFIG,
	 "/nonexistent.yaml: No such file or directory"},
	{"kvmlens doctor --config /nonexistent.yaml", EXIT_CONFIG,
	 "/nonexistent.yaml: No such file or directory"},
	{"kvmlens help dcotor", EXIT_USAGE,
	 "help: unknown command \"dcotor\"; did you mean \"doctor\"?"},
	{"kvmlens help xyzzy", EXIT_USAGE,
	 "help: unknown command \"xyzzy\"; kvmlens help lists them"},
};

static void test_mistakes(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autofree char *expected = g_strdup_printf("kvmlens: %s\n", mistakes[i].err);
		struct result r = invoke(mistakes[i].line);

		CU_ASSERT_EQUAL(r.code, mistakes[i].code);
		if (strcmp(r.err, expected))
			printf("\n  %s\n  got      %s  expected %s", mistakes[i].line, r.err,
			       expected);
		CU_ASSERT_STRING_EQUAL(r.err, expected);
		CU_ASSERT_STRING_EQUAL(r.out, "");
		result_clear(&r);
	}
}

static void test_no_command(void)
{
	struct result r = invoke("kvmlens");

	CU_ASSERT_EQUAL(r.code, EXIT_USAGE);
	CU_ASSERT_STRING_EQUAL(r.out, "");
	CU_ASSERT_PTR_NOT_NULL(strstr(r.err, "Usage: kvmlens COMMAND"));
	result_clear(&r);
}

/* Every command explains itself: its flags, an example that begins with its name, exit codes. */
static void test_help(void)
{
	for (size_t i = 0; i < n_cli_commands; i++) {
		const struct cli_command *command = &cli_commands[i];
		g_autofree char *line = g_strdup_printf("kvmlens %s --help", command->name);
		g_autofree char *short_line = g_strdup_printf("kvmlens %s -h", command->name);
		g_autofree char *topic = g_strdup_printf("kvmlens help %s", command->name);
		g_autofree char *example = g_strdup_printf("\n  kvmlens %s", command->name);
		struct result a = invoke(line), b = invoke(topic), c = invoke(short_line);

		CU_ASSERT_EQUAL(a.code, EXIT_DONE);
		CU_ASSERT_STRING_EQUAL(a.out, b.out);
		CU_ASSERT_STRING_EQUAL(a.out, c.out);
		CU_ASSERT_PTR_NOT_NULL(strstr(a.out, example));
		CU_ASSERT_PTR_NOT_NULL(strstr(a.out, "--help"));
		CU_ASSERT_PTR_NOT_NULL(strstr(a.out, "Exit codes:"));
		result_clear(&a);
		result_clear(&b);
		result_clear(&c);
	}
}

static void test_overview(void)
{
	static const char *const lines[] = {"kvmlens help", "kvmlens --help", "kvmlens -h"};

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
		struct result r = invoke(lines[i]);

		CU_ASSERT_EQUAL(r.code, EXIT_DONE);
		for (size_t c = 0; c < n_cli_commands; c++)
			CU_ASSERT_PTR_NOT_NULL(strstr(r.out, cli_commands[c].summary));
		result_clear(&r);
	}
}

/* The file that help prints is valid, and says what the defaults are. */
static void test_help_config(void)
{
	struct result r = invoke("kvmlens help config");
	struct config *c = config_new(), *defaults = config_new();
	char *error = NULL;

	CU_ASSERT_EQUAL(config_load_text(c, "help", r.out, strlen(r.out), &error), 0);
	if (error)
		puts(error);
	CU_ASSERT_EQUAL(c->interval_ms, defaults->interval_ms);
	CU_ASSERT_EQUAL(c->groups, defaults->groups);
	CU_ASSERT_EQUAL(c->max_threads, defaults->max_threads);
	CU_ASSERT_EQUAL(c->http.timeout_s, defaults->http.timeout_s);
	for (const struct config_option *o = config_options; o->kind != OPTION_END; o++)
		CU_ASSERT_PTR_NOT_NULL(strstr(r.out, o->name));
	config_free(c);
	config_free(defaults);
	result_clear(&r);
}

/* No line of the manual page is taken for a request that it is not. */
static void expect_man(const char *command, const char *first, const char *second)
{
	struct result r = invoke(command);
	g_auto(GStrv) lines = g_strsplit(r.out, "\n", -1);

	CU_ASSERT_EQUAL(r.code, EXIT_DONE);
	for (char **line = lines; *line; line++) {
		CU_ASSERT(**line != '\'');
		if (**line == '.')
			CU_ASSERT(g_regex_match_simple("^\\.(\\\\\"|TH|SH|TP|PP|br|B |I |RI )",
						       *line, 0, 0));
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, first));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.out, second));
	result_clear(&r);
}

static void test_man(void)
{
	expect_man("kvmlens help man", "\\-\\-interval", ".SH EXIT STATUS");
	expect_man("kvmlens help man-config", "http.timeout", "rules.condition.metric");
	expect_man("kvmlens help man-metrics", "vm.cpu.ready_time", "vm_cpu_ready_seconds_total");
}

static void test_version(void)
{
	struct result r = invoke("kvmlens --version");

	CU_ASSERT_EQUAL(r.code, EXIT_DONE);
	CU_ASSERT(g_str_has_prefix(r.out, "kvmlens " KVMLENS_VERSION "\n"));
	result_clear(&r);
}

static void test_check_config(void)
{
	g_autofree char *dir = g_dir_make_tmp("kvmlens-test-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "c.yaml", NULL);
	g_autofree char *line = g_strdup_printf("kvmlens check-config %s", path);
	g_autofree char *expected = g_strdup_printf(
		"kvmlens: %s:2: unknown key \"intervall\"; did you mean \"interval\"?\n", path);
	struct result r;

	CU_ASSERT(g_file_set_contents(path, "detail: basic\nintervall: 1s\n", -1, NULL));
	r = invoke(line);
	CU_ASSERT_EQUAL(r.code, EXIT_CONFIG);
	CU_ASSERT_STRING_EQUAL(r.err, expected);
	result_clear(&r);
	CU_ASSERT(g_file_set_contents(path, "detail: basic\n", -1, NULL));
	r = invoke(line);
	CU_ASSERT_EQUAL(r.code, EXIT_DONE);
	CU_ASSERT_STRING_EQUAL(r.err, "");
	result_clear(&r);
	g_unlink(path);
	g_rmdir(dir);
}

/* What was asked for and cannot be written is a failure. */
static void test_full_disk(void)
{
	char *argv[] = {"kvmlens", "help", NULL};
	size_t len;
	char *text;
	FILE *out = fopen("/dev/full", "w"), *err = open_memstream(&text, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	CU_ASSERT_EQUAL(cli_main(2, argv, out, err), EXIT_FAILED);
	fclose(out);
	fclose(err);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "cannot write the output"));
	free(text);
}

static const struct finding *find(const struct doctor *doctor, const char *name)
{
	for (guint i = 0; i < doctor->findings->len; i++) {
		const struct finding *f = &g_array_index(doctor->findings, struct finding, i);

		if (strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

/* A host that has nothing. */
static void test_doctor_bare(void)
{
	static const struct doctor_paths nothing = {"/nonexistent/btf", "/", "/nonexistent/kvm",
						    "/nonexistent", "/nonexistent/pins"};
	struct config *config = config_new();
	struct doctor *doctor = doctor_new(config, &nothing);
	static const char *const missing[] = {"btf", "kvm", "schedstat"};

	doctor_check_host(doctor);
	for (size_t i = 0; i < G_N_ELEMENTS(missing); i++) {
		const struct finding *f = find(doctor, missing[i]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CU_ASSERT_EQUAL(f->state, FINDING_NO);
		CU_ASSERT_PTR_NOT_NULL(strstr(f->why, "No such file"));
		CU_ASSERT_PTR_NOT_NULL(f->remedy);
	}
	CU_ASSERT_EQUAL(find(doctor, "bpffs")->state, FINDING_OFF);
	CU_ASSERT_EQUAL(find(doctor, "pins")->state, FINDING_OK);
	CU_ASSERT_FALSE(doctor->schedstat);
	CU_ASSERT(doctor_verdict(doctor) >= FINDING_NO);
	doctor_free(doctor);
	config_free(config);
}

static int listen_somewhere(in_port_t *ret_port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0 && listen(fd, 1) == 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	*ret_port = ntohs(in.sin_port);
	return fd;
}

static void test_doctor_port(void)
{
	static const struct doctor_paths paths = {"/proc", "/", "/proc", "/proc", "/nonexistent"};
	struct config *config = config_new();
	struct doctor *doctor = doctor_new(config, &paths);
	char *error = NULL;
	in_port_t port;
	int fd = listen_somewhere(&port);
	g_autofree char *address = g_strdup_printf("127.0.0.1:%u", port);

	CU_ASSERT_EQUAL(config_set(config, "listen", address, &error), 0);
	doctor_check_host(doctor);
	CU_ASSERT_EQUAL(find(doctor, "listen")->state, FINDING_NO);
	CU_ASSERT_PTR_NOT_NULL(strstr(find(doctor, "listen")->why, "in use"));
	close(fd);
	g_array_set_size(doctor->findings, 0);
	doctor_check_host(doctor);
	CU_ASSERT_EQUAL(find(doctor, "listen")->state, FINDING_OK);
	doctor_free(doctor);
	config_free(config);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"mistakes", test_mistakes},
		{"no command", test_no_command},
		{"help of each command", test_help},
		{"overview", test_overview},
		{"help config", test_help_config},
		{"help man", test_man},
		{"version", test_version},
		{"check-config", test_check_config},
		{"a full disk", test_full_disk},
		{"doctor on a bare host", test_doctor_bare},
		{"doctor and a port in use", test_doctor_port},
		CU_TEST_INFO_NULL,
	};

	return suite_run("cli", tests);
}
