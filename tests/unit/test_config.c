// SPDX-License-Identifier: Apache-2.0
/* The configuration file: what it holds comes out typed, and each mistake gets its message. */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include "config/config.h"
#include "config/document.h"
#include "config/option.h"
#include "suite.h"

typedef struct config config_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(config_t, config_free)

static int load(struct config *c, const char *text, char **ret_error)
{
	return config_load_text(c, "f.yaml", text, strlen(text), ret_error);
}

static void test_defaults(void)
{
	g_autoptr(config_t) c = config_new();

	CU_ASSERT_EQUAL(c->interval_ms, 10000);
	CU_ASSERT_EQUAL(c->level, KVMLENS_STANDARD);
	CU_ASSERT_EQUAL(c->groups, KVMLENS_ALL_GROUPS);
	CU_ASSERT_STRING_EQUAL(c->provider, "auto");
	CU_ASSERT_STRING_EQUAL(c->listen, CONFIG_DEFAULT_LISTEN);
	CU_ASSERT_STRING_EQUAL(c->node_id, g_get_host_name());
	CU_ASSERT_EQUAL(c->http.max_connections, 64);
	CU_ASSERT_EQUAL(c->http.timeout_s, 10);
	CU_ASSERT_STRING_EQUAL(c->http.user, "auto");
	CU_ASSERT_PTR_NULL(c->uri);
	CU_ASSERT_PTR_NULL(c->json_path);
	CU_ASSERT_PTR_NULL(c->path);
	CU_ASSERT_EQUAL(c->n_vms, 0);
	CU_ASSERT_EQUAL(c->n_tags, 0);
}

static const char everything[] = "# all of it\n"
				 "interval: 1m30s\n"
				 "detail: detailed\n"
				 "metrics: [cpu, disk]\n"
				 "tags: {rack: r12, stage: \"pro \\\"d\\\" \u00e9\"}\n"
				 "node_id: hv-1\n"
				 "provider: libvirt\n"
				 "uri: qemu+ssh://x/system\n"
				 "listen: '[::1]:9999'\n"
				 "json: \"-\"\n"
				 "vms:\n"
				 "  - {match: \"db-*\", detail: diagnostic}\n"
				 "  - match: b0c5a1de-0000-4000-8000-000000000001\n"
				 "    detail: basic\n"
				 "max_threads: 1000\n"
				 "http:\n"
				 "  timeout: 1m\n"
				 "  user: www\n";

static void test_everything(void)
{
	g_autoptr(config_t) c = config_new();
	g_autofree char *error = NULL;

	CU_ASSERT_EQUAL_FATAL(load(c, everything, &error), 0);
	CU_ASSERT_EQUAL(c->interval_ms, 90000);
	CU_ASSERT_EQUAL(c->level, KVMLENS_DETAILED);
	CU_ASSERT_EQUAL(c->groups, KVMLENS_CPU | KVMLENS_DISK);
	CU_ASSERT_EQUAL_FATAL(c->n_tags, 2);
	CU_ASSERT_STRING_EQUAL(c->tags[0].key, "rack");
	CU_ASSERT_STRING_EQUAL(c->tags[1].value, "pro \"d\" \u00e9");
	CU_ASSERT_STRING_EQUAL(c->node_id, "hv-1");
	CU_ASSERT_STRING_EQUAL(c->provider, "libvirt");
	CU_ASSERT_STRING_EQUAL(c->uri, "qemu+ssh://x/system");
	CU_ASSERT_STRING_EQUAL(c->listen, "[::1]:9999");
	CU_ASSERT_STRING_EQUAL(c->json_path, "-");
	CU_ASSERT_EQUAL_FATAL(c->n_vms, 2);
	CU_ASSERT_STRING_EQUAL(c->vms[0].match, "db-*");
	CU_ASSERT_EQUAL(c->vms[1].level, KVMLENS_BASIC);
	CU_ASSERT_EQUAL(c->max_threads, 1000);
	CU_ASSERT_EQUAL(c->http.timeout_s, 60);
	CU_ASSERT_STRING_EQUAL(c->http.user, "www");
	CU_ASSERT_EQUAL(c->http.max_connections, 64);
	CU_ASSERT_STRING_EQUAL(c->path, "f.yaml");
}

static void test_empty_changes_nothing(void)
{
	static const char *const texts[] = {"", "\n", "# only this\n", "---\n# x\n", "{}"};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(config_t) c = config_new();
		g_autofree char *error = NULL;

		CU_ASSERT_EQUAL(load(c, texts[i], &error), 0);
		CU_ASSERT_EQUAL(c->interval_ms, 10000);
		CU_ASSERT_STRING_EQUAL(c->listen, CONFIG_DEFAULT_LISTEN);
	}
}

static void test_levels(void)
{
	g_autoptr(config_t) c = config_new();
	g_autofree char *error = NULL;

	CU_ASSERT_EQUAL_FATAL(load(c, everything, &error), 0);
	CU_ASSERT_EQUAL(config_level_for(c, "db-7", NULL, NULL), KVMLENS_DIAGNOSTIC);
	CU_ASSERT_EQUAL(config_level_for(c, "x", "b0c5a1de-0000-4000-8000-000000000001", NULL),
			KVMLENS_BASIC);
	CU_ASSERT_EQUAL(config_level_for(c, "adb-7", NULL, NULL), KVMLENS_DETAILED);
}

static const struct {
	const char *text, *error;
} mistakes[] = {
	{"detail: basic\nintervall: 3s\n",
	 "2: unknown key \"intervall\"; did you mean \"interval\"?"},
	{"http:\n  timout: 3s\n", "2: http: unknown key \"timout\"; did you mean \"timeout\"?"},
	{"http: {zebra: 3s}\n",
	 "1: http: unknown key \"zebra\"; the keys here are max_connections, timeout, user, web_config"},
	{"\n\ninterval: 10\n",
	 "3: interval: \"10\" is not a duration like 500ms, 2s or 1m; use 100ms "
	 "to 1h"},
	{"interval: 99ms\n", "1: interval: \"99ms\" is out of range; use 100ms to 1h"},
	{"interval: 99999999999999999999s\n",
	 "1: interval: \"99999999999999999999s\" is out of range; use 100ms to 1h"},
	{"interval: 213503982334602d\n",
	 "1: interval: \"213503982334602d\" is out of range; use 100ms to 1h"},
	{"interval: -1s\n",
	 "1: interval: \"-1s\" is not a duration like 500ms, 2s or 1m; use 100ms to 1h"},
	{"interval:\n", "1: interval: has no value; write for example interval: 10s"},
	{"interval: [1s]\n", "1: interval: takes one value; write for example interval: 10s"},
	{"interval: \"1s\\0x\"\n", "1: interval: holds a NUL character; remove it"},
	{"http: {timeout: 1500ms}\n",
	 "1: http.timeout: \"1500ms\" is not a duration of whole seconds like 2s, 1m or 1h; use 1s to "
	 "5m"},
	{"detail: detialed\n",
	 "1: detail: \"detialed\" is not known; did you mean \"detailed\"? Use "
	 "basic, standard, detailed or diagnostic"},
	{"detail: x\n",
	 "1: detail: \"x\" is not known; use basic, standard, detailed or diagnostic"},
	{"detail: 3\n",
	 "1: detail: \"3\" is not known; use basic, standard, detailed or diagnostic"},
	{"metrics:\n  - cpu\n  - dsk\n",
	 "3: metrics: \"dsk\" is not known; did you mean \"disk\"? Use "
	 "cpu, memory, disk, network, iops, process or all"},
	{"metrics: cpu,,disk\n",
	 "1: metrics: \"\" is not known; use cpu, memory, disk, network, iops, "
	 "process or all"},
	{"metrics: []\n", "1: metrics: is empty; name one or leave it out"},
	{"metrics: {cpu: yes}\n",
	 "1: metrics: takes a list; write for example metrics: [cpu, memory, disk]"},
	{"provider: kvm\n", "1: provider: \"kvm\" is not known; use auto, libvirt or proc"},
	{"listen: localhost:10177\n", "1: listen: is no address and port; use one like "
				      "127.0.0.1:10177 or [::1]:10177, or none"},
	{"listen: 127.0.0.1:70000\n", "1: listen: is no address and port; use one like "
				      "127.0.0.1:10177 or [::1]:10177, or none"},
	{"uri: \"\"\n", "1: uri: is empty; give it a value or leave it out"},
	{"uri: \"a\\nb\"\n", "1: uri: holds a character that cannot be printed; remove it"},
	{"max_threads: 1e3\n", "1: max_threads: \"1e3\" is not a whole number; use 64 to 65000"},
	{"max_threads: 65536\n", "1: max_threads: \"65536\" is out of range; use 64 to 65000"},
	{"tags: [a]\n",
	 "1: tags: takes names with values; write for example tags: {rack: r12, stage: "
	 "production}"},
	{"tags:\n  a: b\n  9x: c\n",
	 "3: tags: \"9x\" cannot be a tag's name; use letters, digits and _, at most 64, not vm or "
	 "uuid, for example rack"},
	{"tags: {vm: c}\n", "1: tags: \"vm\" cannot be a tag's name; use letters, digits and _, at "
			    "most 64, not vm or uuid, for example rack"},
	{"tags:\n  a: b\n  a: c\n", "3: tags: a tag is given twice; keep one"},
	{"vms: {match: a}\n",
	 "1: vms: takes a list; write for example vms: [{match: \"db-*\", detail: "
	 "diagnostic}]"},
	{"vms:\n  - detail: basic\n",
	 "2: vms: \"match\" is missing; add for example match: \"db-*\""},
	{"vms:\n  - match: a\n    detail: basic\n  - match: b\n    detail: bsic\n",
	 "5: vms.detail: \"bsic\" is not known; did you mean \"basic\"? Use basic, standard, detailed "
	 "or diagnostic"},
	{"vms: [a]\n", "1: vms: takes keys with values; write for example match: \"db-*\""},
	{"interval: 1s\ndetail: basic\ninterval: 2s\n", "3: interval: is given twice; keep one"},
	{"- interval\n", "1: takes keys with values; write for example interval: 10s"},
	{"[a]: 1\n", "1: a key must be a word"},
	{"detail: &a basic\nprovider: *a\n", "2: aliases are not supported; write the value out"},
	{"detail: basic\n---\ndetail: basic\n", "2: a second document begins; keep one"},
	{"<<: {detail: basic}\n", NULL},
	{"detail: 'basic\n", NULL},
	{"\tdetail: basic\n", NULL},
	{"detail: \xff\xfe\n", NULL},
	{"detail: basic\nhttp:\n- {x: ]\n", NULL},
};

/* Each with its line and its words, and the configuration as it was. */
static void test_mistakes(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autoptr(config_t) c = config_new();
		g_autofree char *error = NULL, *expected = NULL;

		CU_ASSERT_EQUAL_FATAL(load(c, mistakes[i].text, &error), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(error);
		CU_ASSERT_PTR_NULL(strchr(error, '\n'));
		CU_ASSERT(g_str_has_prefix(error, "f.yaml:"));
		CU_ASSERT(g_ascii_isdigit(error[strlen("f.yaml:")]));
		if (mistakes[i].error) {
			expected = g_strdup_printf("f.yaml:%s", mistakes[i].error);
			if (strcmp(error, expected))
				printf("\n  got      %s\n  expected %s\n", error, expected);
			CU_ASSERT_STRING_EQUAL(error, expected);
		}
		CU_ASSERT_EQUAL(c->interval_ms, 10000);
		CU_ASSERT_EQUAL(c->level, KVMLENS_STANDARD);
		CU_ASSERT_EQUAL(c->n_tags, 0);
		CU_ASSERT_PTR_NULL(c->path);
	}
}

static void expect_refused(GString *text, const char *part)
{
	g_autoptr(config_t) c = config_new();
	g_autofree char *error = NULL;

	CU_ASSERT_EQUAL_FATAL(config_load_text(c, "f.yaml", text->str, text->len, &error), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, part));
	CU_ASSERT(strlen(error) < 400);
}

static void repeat(GString *text, const char *part, unsigned n)
{
	while (n--)
		g_string_append(text, part);
}

static void test_bounds(void)
{
	g_autoptr(GString) big = g_string_new("detail: basic\n");
	g_autoptr(GString) deep = g_string_new("tags: ");
	g_autoptr(GString) many = g_string_new("metrics: [");
	g_autoptr(GString) bomb = g_string_new("a: &a [x,x]\n");
	g_autoptr(GString) key = g_string_new("");
	g_autoptr(GString) tags = g_string_new("tags:\n");

	repeat(big, "# pad\n", DOCUMENT_MAX_BYTES / 6);
	expect_refused(big, "larger than 1024 KiB");
	repeat(deep, "[", 100000);
	expect_refused(deep, "nested too deeply");
	repeat(many, "cpu,", 100000);
	g_string_append(many, "cpu]\n");
	expect_refused(many, "too many values");
	for (char c = 'b'; c < 'z'; c++)
		g_string_append_printf(bomb, "%c: &%c [*%c,*%c]\n", c, c, c - 1, c - 1);
	expect_refused(bomb, "aliases are not supported");
	repeat(key, "k", 900);
	g_string_append(key, ": 1\n");
	expect_refused(key, "unknown key \"kkkk");
	for (int i = 0; i < 40; i++)
		g_string_append_printf(tags, "  t%d: x\n", i);
	expect_refused(tags, "has 40 entries; use at most 32");
}

static void test_set(void)
{
	g_autoptr(config_t) c = config_new();
	char *error = NULL;

	CU_ASSERT_EQUAL(config_set(c, "interval", "250ms", &error), 0);
	CU_ASSERT_EQUAL(c->interval_ms, 250);
	CU_ASSERT_EQUAL(config_set(c, "metrics", "cpu, memory", &error), 0);
	CU_ASSERT_EQUAL(c->groups, KVMLENS_CPU | KVMLENS_MEMORY);
	CU_ASSERT_EQUAL(config_set(c, "http.timeout", "3s", &error), 0);
	CU_ASSERT_EQUAL(c->http.timeout_s, 3);
	CU_ASSERT_EQUAL(c->http.max_connections, 64);
	CU_ASSERT_EQUAL(config_set(c, "tags", "a=1", &error), 0);
	CU_ASSERT_EQUAL(config_set(c, "tags", "b=2=3", &error), 0);
	CU_ASSERT_EQUAL(config_set(c, "tags", "a=4", &error), 0);
	CU_ASSERT_EQUAL_FATAL(c->n_tags, 2);
	CU_ASSERT_STRING_EQUAL(c->tags[0].value, "2=3");
	CU_ASSERT_STRING_EQUAL(c->tags[1].value, "4");

	CU_ASSERT_EQUAL(config_set(c, "interval", "1", &error), -EINVAL);
	CU_ASSERT_STRING_EQUAL(error,
			       "\"1\" is not a duration like 500ms, 2s or 1m; use 100ms to 1h");
	g_clear_pointer(&error, g_free);
	CU_ASSERT_EQUAL(config_set(c, "intervl", "1s", &error), -ENOENT);
	CU_ASSERT_STRING_EQUAL(error, "unknown option \"intervl\"; did you mean \"interval\"?");
	g_clear_pointer(&error, g_free);
	CU_ASSERT_EQUAL(config_set(c, "tags", "novalue", &error), -EINVAL);
	CU_ASSERT_STRING_EQUAL(error, "\"novalue\" has no value; write rack=r12");
	g_clear_pointer(&error, g_free);
	CU_ASSERT_EQUAL(config_set(c, "vms", "x", &error), -EINVAL);
	g_clear_pointer(&error, g_free);
	CU_ASSERT_EQUAL(config_set(c, "node_id", "a\x01", &error), -EINVAL);
	g_clear_pointer(&error, g_free);
	CU_ASSERT_EQUAL(c->interval_ms, 250);
	CU_ASSERT_EQUAL(c->n_tags, 2);
}

static void test_files(void)
{
	g_autoptr(config_t) c = config_new();
	g_autofree char *dir = g_dir_make_tmp("kvmlens-test-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "c.yaml", NULL);
	char *error = NULL;

	CU_ASSERT_EQUAL(config_load(c, path, &error), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "c.yaml: No such file"));
	g_clear_pointer(&error, g_free);
	CU_ASSERT_EQUAL(config_load(c, dir, &error), -EISDIR);
	g_clear_pointer(&error, g_free);
	CU_ASSERT_EQUAL(config_load(c, "/dev/zero", &error), -EINVAL);
	CU_ASSERT_STRING_EQUAL(error, "/dev/zero: is not a regular file");
	g_clear_pointer(&error, g_free);
	CU_ASSERT(g_file_set_contents(path, "detail: basic\n", -1, NULL));
	CU_ASSERT_EQUAL(config_load(c, path, &error), 0);
	CU_ASSERT_EQUAL(c->level, KVMLENS_BASIC);
	CU_ASSERT_STRING_EQUAL(c->path, path);
	g_unlink(path);
	g_rmdir(dir);
}

/* Off unless somebody says on; a VM's own word wins in both directions. */
static void test_guest_agent(void)
{
	g_autoptr(config_t) none = config_new(), some = config_new(), most = config_new();
	char *error = NULL;

	CU_ASSERT_FALSE(config_guest_agent_any(none));
	CU_ASSERT_FALSE(config_guest_agent_for(none, "a", NULL, NULL));
	CU_ASSERT_EQUAL_FATAL(
		load(some, "vms: [{match: \"db-*\", detail: basic, guest_agent: \"on\"}]", &error),
		0);
	CU_ASSERT_TRUE(config_guest_agent_any(some));
	CU_ASSERT_TRUE(config_guest_agent_for(some, "db-1", NULL, NULL));
	CU_ASSERT_FALSE(config_guest_agent_for(some, "web", NULL, NULL));
	CU_ASSERT_EQUAL_FATAL(load(most,
				   "guest_agent: \"on\"\n"
				   "vms: [{match: \"db-*\", detail: basic, guest_agent: \"off\"}]",
				   &error),
			      0);
	CU_ASSERT_FALSE(config_guest_agent_for(most, "db-1", NULL, NULL));
	CU_ASSERT_TRUE(config_guest_agent_for(most, "web", NULL, NULL));
}

/* A reload knows what has changed, down to the items of lists. */
static void test_diff(void)
{
	static const struct {
		const char *a, *b, *differ;
	} cases[] = {
		{"", "", ""},
		{everything, everything, ""},
		{"", "interval: 2s\nuri: x\n", "interval, uri"},
		{"http: {timeout: 10s}", "http: {timeout: 11s}", "http"},
		{"tags: {a: b}", "tags: {a: c}", "tags"},
		{"tags: {a: b}", "tags: {a: b, c: d}", "tags"},
		{"vms: [{match: a, detail: basic}]", "vms: [{match: a, detail: detailed}]", "vms"},
		{"vms: [{match: a, detail: basic}]", "vms: [{match: b, detail: basic}]", "vms"},
		{"detail: standard", "", ""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(config_t) a = config_new(), b = config_new();
		g_autoptr(GString) differ = g_string_new(NULL);
		char *error = NULL;

		CU_ASSERT_EQUAL_FATAL(load(a, cases[i].a, &error), 0);
		CU_ASSERT_EQUAL_FATAL(load(b, cases[i].b, &error), 0);
		config_diff(a, b, differ);
		CU_ASSERT_STRING_EQUAL(differ->str, cases[i].differ);
	}
}

static void test_wants_provider(void)
{
	g_autoptr(config_t) c = config_new();
	char *error = NULL;

	CU_ASSERT_FALSE(config_wants_provider(c, "libvirt"));
	CU_ASSERT_EQUAL(config_set(c, "uri", "x", &error), 0);
	CU_ASSERT_TRUE(config_wants_provider(c, "libvirt"));
	CU_ASSERT_FALSE(config_wants_provider(c, "proc"));
	CU_ASSERT_EQUAL(config_set(c, "provider", "proc", &error), 0);
	CU_ASSERT_TRUE(config_wants_provider(c, "proc"));
}

/* Every row can be shown, and its default and its example are valid. */
static void check_table(const struct config_option *table, bool top)
{
	for (; table->kind != OPTION_END; table++) {
		g_autoptr(config_t) c = config_new();
		g_autofree char *error = NULL;

		CU_ASSERT_PTR_NOT_NULL(table->help);
		CU_ASSERT_PTR_NOT_NULL_FATAL(table->example);
		CU_ASSERT(g_str_has_prefix(table->example, table->name));
		if (table->fields)
			check_table(table->fields, false);
		else
			CU_ASSERT_PTR_NOT_NULL(table->value);
		if (!top)
			continue;
		CU_ASSERT_EQUAL(load(c, table->example, &error), 0);
		if (table->def)
			CU_ASSERT_EQUAL(config_set(c, table->name, table->def, &error), 0);
	}
}

static void test_table(void)
{
	check_table(config_options, true);
}

/* A pattern that requires an owner fits no VM of another one, whatever it calls itself. */
static void test_owner(void)
{
	static const char text[] =
		"vms: [{match: \"db-*\", owner: libvirt-qemu, detail: diagnostic},"
		" {match: \"*\", detail: basic}]\n"
		"owners: [root, ann]\nowner_limits: {vms: 3}\n";
	struct config *c = config_new();
	char *error = NULL;

	CU_ASSERT_EQUAL(c->owner_limits.vms, 32);
	CU_ASSERT_EQUAL_FATAL(config_load_text(c, "x", text, strlen(text), &error), 0);
	CU_ASSERT_EQUAL(config_level_for(c, "db-1", NULL, "libvirt-qemu"), KVMLENS_DIAGNOSTIC);
	CU_ASSERT_EQUAL(config_level_for(c, "db-1", NULL, "root"), KVMLENS_BASIC);
	CU_ASSERT_EQUAL(config_level_for(c, "db-1", NULL, ""), KVMLENS_BASIC);
	CU_ASSERT_EQUAL(config_level_for(c, "ann/db-1", NULL, "libvirt-qemu"), KVMLENS_BASIC);
	CU_ASSERT_EQUAL_FATAL(c->n_owners, 2);
	CU_ASSERT_STRING_EQUAL(c->owners[1], "ann");
	CU_ASSERT_EQUAL(c->owner_limits.vms, 3);
	config_free(c);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"defaults", test_defaults},
		{"every key", test_everything},
		{"an empty file", test_empty_changes_nothing},
		{"levels of single VMs", test_levels},
		{"mistakes", test_mistakes},
		{"bounds", test_bounds},
		{"one option", test_set},
		{"files", test_files},
		{"whose agent is asked", test_guest_agent},
		{"what differs", test_diff},
		{"a provider that is wanted", test_wants_provider},
		{"the table", test_table},
		{"owners", test_owner},
		CU_TEST_INFO_NULL,
	};

	return suite_run("config", tests);
}
