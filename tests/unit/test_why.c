// SPDX-License-Identifier: Apache-2.0
/* Every rule on evidence made up for it, and beside its limit. */
#include <glib/gstdio.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include "cli/why_look.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"
#include "why/json.h"
#include "why/rule.h"
#include "why/window.h"

#define SPAN_MS 60000

/* A gauge that keeps its value, or a counter that grows by it, over a minute. */
struct fact {
	const char *metric, *labels;
	double value;
};

static bool is_counter(const struct metric *metric)
{
	return metric->kind == METRIC_COUNTER;
}

/* A metric that is not in the catalogue (yet) cannot be judged; its rule is then not tested. */
static bool add_fact(struct evidence *e, const struct fact *fact)
{
	const struct metric *metric = metric_find(fact->metric);

	if (!metric)
		return false;
	for (int64_t ms = 0; ms <= SPAN_MS; ms += 10000)
		evidence_add(e, metric, fact->labels, 1000000 + ms,
			     is_counter(metric) ? 100 + fact->value * ms / SPAN_MS : fact->value);
	return true;
}

static struct evidence *evidence_of(const struct fact *facts, bool *ret_known)
{
	static const struct fact vcpus = {"vm.cpu.vcpus", "", 1};
	struct evidence *e = evidence_new("web-1", "uuid-1");

	*ret_known = true;
	add_fact(e, &vcpus);
	for (; facts->metric; facts++)
		*ret_known &= add_fact(e, facts);
	return e;
}

/* A rule, what makes it speak, what it says of it; and the same a little less bad. */
struct rule_case {
	const char *rule;
	struct fact bad[5];
	const char *says, *who;
	struct fact good[5];
};

#define READY(p)                           \
	{                                  \
		"vm.cpu.ready_time", "", p \
	}
#define BLAME(by, s)                                             \
	{                                                        \
		"vm.cpu.blame_seconds_total", "by=\"" by "\"", s \
	}
#define CAUSE(c, s)                                                      \
	{                                                                \
		"vm.cpu.ready_cause_seconds_total", "cause=\"" c "\"", s \
	}
#define STALL(c, n)                                          \
	{                                                    \
		"vm.stall.cause_total", "cause=\"" c "\"", n \
	}
#define STALL_S(c, s)                                                \
	{                                                            \
		"vm.stall.cause_seconds_total", "cause=\"" c "\"", s \
	}
#define GAUGE(metric, value)      \
	{                         \
		metric, "", value \
	}

static const struct rule_case cases[] = {
	{"stall.sigstop",
	 {STALL("sigstop", 2), STALL_S("sigstop", 3)},
	 "2 times, 3.0 s in all",
	 "",
	 {STALL("sigstop", 0), STALL("throttled", 1)}},
	{"stall.paused",
	 {GAUGE("vm.state", KVMLENS_VM_PAUSED)},
	 "is paused",
	 "",
	 {GAUGE("vm.state", KVMLENS_VM_RUNNING)}},
	{"stall.throttled",
	 {STALL("throttled", 9), STALL_S("throttled", 8)},
	 "9 times",
	 "",
	 {STALL("throttled", 0)}},
	{"stall.userspace",
	 {STALL("userspace", 1), STALL_S("userspace", 1)},
	 "its VMM",
	 "",
	 {STALL("userspace", 0)}},
	{"stall.page_fault",
	 {STALL("page_fault", 1), STALL_S("page_fault", 1)},
	 "page",
	 "",
	 {STALL("page_fault", 0)}},
	{"stall.not_scheduled",
	 {STALL("not_scheduled", 0),
	  GAUGE("vm.stall.active", 1),
	  GAUGE("vm.stall.last_cause", STALL_NOT_SCHEDULED),
	  {"vm.stall_seconds_total", "", 7}},
	 "1 time, 7.0 s in all, and does now",
	 "",
	 {STALL("not_scheduled", 0), GAUGE("vm.stall.active", 0),
	  GAUGE("vm.stall.last_cause", STALL_NOT_SCHEDULED)}},
	{"stall.main_loop",
	 {GAUGE("vm.stall.main_loop_up", 0)},
	 "main loop",
	 "",
	 {GAUGE("vm.stall.main_loop_up", 1)}},
	{"cpu.quota",
	 {READY(30), CAUSE("throttled", 15)},
	 "30.0 % of the time for a CPU, 25.0 %",
	 "",
	 {READY(30), CAUSE("throttled", 3)}},
	{"cpu.pinning",
	 {READY(30), CAUSE("pinning", 15)},
	 "25.0 % while another CPU stood idle",
	 "",
	 {READY(4.9), CAUSE("pinning", 3)}},
	{"cpu.neighbour",
	 {READY(30),
	  BLAME("vm:batch", 12),
	  BLAME("vm:other/iothread", 3),
	  {"vm.cpu.aggressor_time", "by=\"vm:batch\"", 20}},
	 "30.0 % of the time for a CPU, 25.0 %",
	 "vm:batch",
	 {READY(30), BLAME("vm:batch", 3), BLAME("cgroup:/x", 12)}},
	{"cpu.host_task",
	 {READY(20), BLAME("cgroup:/system.slice/a \\\"b\\\"", 6)},
	 "10.0 % while processes of the host",
	 "cgroup:/system.slice/a \"b\"",
	 {READY(4), BLAME("cgroup:/x", 2)}},
	{"cpu.kernel",
	 {READY(20), BLAME("host:kworker", 6)},
	 "10.0 % while threads of the host's",
	 "host:kworker",
	 {READY(20), BLAME("host:ksoftirqd", 6)}},
	{"cpu.interrupts",
	 {READY(20), BLAME("host:ksoftirqd", 6)},
	 "10.0 % while softirqs",
	 "host:ksoftirqd",
	 {READY(20), BLAME("host:kworker", 6)}},
	{"cpu.own_threads",
	 {READY(20), BLAME("self", 6)},
	 "10.0 % while its own IO",
	 "self",
	 {READY(20), BLAME("self", 2)}},
	{"cpu.idle_wake",
	 {READY(20), BLAME("idle", 6)},
	 "10.0 % while that CPU woke",
	 "idle",
	 {READY(20), BLAME("idle", 2)}},
	{"cpu.unexplained",
	 {READY(20), BLAME("cgroup:/a", 1), BLAME("vm:b", 1)},
	 "20.0 %",
	 "",
	 {READY(20), BLAME("vm:b", 6)}},
	{"cpu.saturated",
	 {GAUGE("vm.cpu.usage", 97), READY(1)},
	 "97.0 %",
	 "",
	 {GAUGE("vm.cpu.usage", 97), READY(6)}},
	{"cpu.exits",
	 {GAUGE("vm.cpu.hypervisor_time", 33), GAUGE("vm.cpu.guest_time_sampled", 0)},
	 "33.0 %",
	 "",
	 {GAUGE("vm.cpu.hypervisor_time", 33), GAUGE("vm.cpu.guest_time_sampled", 1)}},
	{"cpu.wake_latency",
	 {GAUGE("vm.cpu.wake_latency_p99", 80), READY(1)},
	 "80.0 ms",
	 "",
	 {GAUGE("vm.cpu.wake_latency_p99", 49), READY(1)}},
	{"memory.host_swap",
	 {GAUGE("vm.memory.host.swapped", 1 << 30), GAUGE("vm.memory.host.resident", 3u << 30)},
	 "1024 MiB of its memory (25.0 %)",
	 "",
	 {GAUGE("vm.memory.host.swapped", 1 << 20), GAUGE("vm.memory.host.resident", 3u << 30)}},
	{"memory.guest_swap",
	 {GAUGE("vm.memory.major_page_faults", 20), GAUGE("vm.memory.swap_used", 1 << 30)},
	 "1024 MiB",
	 "",
	 {GAUGE("vm.memory.major_page_faults", 20), GAUGE("vm.memory.swap_used", 0)}},
	{"memory.full",
	 {GAUGE("vm.memory.usage_percent", 97)},
	 "97.0 %",
	 "",
	 {GAUGE("vm.memory.usage_percent", 89)}},
	{"memory.balloon",
	 {GAUGE("vm.memory.balloon_target", 1 << 30), GAUGE("vm.memory.balloon_current", 1u << 31),
	  GAUGE("vm.memory.usage_percent", 85)},
	 "1024 MiB",
	 "",
	 {GAUGE("vm.memory.balloon_target", 1 << 30), GAUGE("vm.memory.balloon_current", 1 << 30),
	  GAUGE("vm.memory.usage_percent", 85)}},
	{"memory.pressure",
	 {{"host.pressure.stalled", "resource=\"memory\",kind=\"some\"", 30}},
	 "30.0 %",
	 "",
	 {{"host.pressure.stalled", "resource=\"cpu\",kind=\"some\"", 30}}},
	{"memory.host_full",
	 {GAUGE("host.memory.usage_percent", 97)},
	 "97.0 %",
	 "",
	 {GAUGE("host.memory.usage_percent", 94)}},
	{"disk.device",
	 {{"vm.disk.device.read_latency", "device=\"sda\"", 3},
	  {"vm.disk.device.write_latency", "device=\"sdb\"", 40}},
	 "writes take 40.0 ms on the device sdb",
	 "sdb",
	 {{"vm.disk.device.read_latency", "device=\"sda\"", 19}}},
	{"disk.held",
	 {{"vm.disk.read_latency", "disk=\"vda\"", 16.5},
	  {"vm.disk.device.read_latency", "device=\"sda\"", 0.2}},
	 "reads of its disk vda take 16.5 ms, of which the device takes 0.2",
	 "vda",
	 {{"vm.disk.read_latency", "disk=\"vda\"", 16.5},
	  {"vm.disk.device.read_latency", "device=\"sda\"", 12}}},
	{"disk.latency",
	 {{"vm.disk.read_latency", "disk=\"vda\"", 50},
	  {"vm.disk.read_latency", "disk=\"vdb\"", 2},
	  {"vm.disk.write_latency", "disk=\"vdb\"", 3}},
	 "reads of its disk vda take 50.0 ms",
	 "vda",
	 {{"vm.disk.read_latency", "disk=\"vda\"", 9}}},
	{"disk.full",
	 {{"vm.disk.usage_percent", "disk=\"vda\",kind=\"guest\",mount=\"/srv\"", 95}},
	 "/srv is 95.0 % full",
	 "/srv",
	 {{"vm.disk.usage_percent", "disk=\"vda\",kind=\"guest\",mount=\"/srv\"", 80},
	  {"vm.disk.usage_percent", "disk=\"vda\",kind=\"image\"", 800}}},
	{"network.drops",
	 {{"vm.network.rx_dropped", "nic=\"tap0\"", 2},
	  {"vm.network.tx_dropped", "nic=\"tap1\"", 9}},
	 "9 packets a second from its interface tap1",
	 "tap1",
	 {{"vm.network.rx_dropped", "nic=\"tap0\"", 0.5}}},
	{"network.errors",
	 {{"vm.network.rx_errors", "nic=\"tap0\"", 5}},
	 "tap0",
	 "tap0",
	 {{"vm.network.rx_errors", "nic=\"tap0\"", 0}}},
	{"guest.queue",
	 {GAUGE("vm.cpu.guest_queue_time", 60), READY(1)},
	 "60.0 %",
	 "",
	 {GAUGE("vm.cpu.guest_queue_time", 19)}},
	{"guest.iowait",
	 {GAUGE("vm.cpu.iowait_time", 44)},
	 "44.0 %",
	 "",
	 {GAUGE("vm.cpu.iowait_time", 19)}},
	{"guest.system",
	 {GAUGE("vm.cpu.system_time", 66)},
	 "66.0 %",
	 "",
	 {GAUGE("vm.cpu.system_time", 49)}},
	{"history.full_soon",
	 {{"vm.time_to_full_seconds", "metric=\"vm.disk.used\"", 86400}},
	 "vm.disk.used reaches 100 % in 1.0 days",
	 "vm.disk.used",
	 {{"vm.time_to_full_seconds", "metric=\"vm.disk.used\"", 8640000}}},
	{"history.unusual",
	 {GAUGE("vm.anomaly.score", 0.8),
	  {"vm.anomaly.contribution", "metric=\"vm.cpu.usage\"", 0.7}},
	 "score 0.80 of 1), mostly by vm.cpu.usage",
	 "vm.cpu.usage",
	 {GAUGE("vm.anomaly.score", 0.59)}},
};

static void check_bad(const struct rule_case *c, const struct why_rule *rule)
{
	bool known, applies;
	struct why_finding f;
	struct evidence *e = evidence_of(c->bad, &known);

	applies = why_apply(rule, e, &f);
	evidence_free(e);
	if (!known) {
		printf("\n    %s: no such metric yet ", c->rule);
		CU_ASSERT_FALSE(applies);
		return;
	}
	CU_ASSERT_TRUE(applies);
	if (!applies || !strstr(f.what, c->says) || strcmp(f.who, c->who))
		fprintf(stderr, "%s: \"%s\" by \"%s\"\n", c->rule, applies ? f.what : "nothing",
			applies ? f.who : "");
	if (!applies)
		return;
	CU_ASSERT_PTR_NOT_NULL(strstr(f.what, c->says));
	CU_ASSERT_STRING_EQUAL(f.who, c->who);
	CU_ASSERT_TRUE(f.weight > 0 && f.weight < 200);
	CU_ASSERT_PTR_EQUAL(f.rule, rule);
}

static void check_good(const struct rule_case *c, const struct why_rule *rule)
{
	struct evidence *e, *none = evidence_new("none", "");
	struct why_finding f;
	bool known;

	e = evidence_of(c->good, &known);
	CU_ASSERT_FALSE(why_apply(rule, e, &f));
	if (why_apply(rule, e, &f))
		fprintf(stderr, "%s, for nothing: %s\n", c->rule, f.what);
	CU_ASSERT_FALSE(why_apply(rule, none, &f));
	evidence_free(e);
	evidence_free(none);
}

static bool has_case(const char *rule)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		if (!strcmp(cases[i].rule, rule))
			return true;
	return false;
}

/* One case for each rule. */
static void test_rules(void)
{
	CU_ASSERT_EQUAL_FATAL(G_N_ELEMENTS(cases), n_why_rules);
	for (size_t i = 0; i < n_why_rules; i++) {
		const struct why_rule *rule = why_rule_find(cases[i].rule);

		CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
		CU_ASSERT_TRUE(has_case(why_rules[i].id));
		check_bad(&cases[i], rule);
		check_good(&cases[i], rule);
	}
	CU_ASSERT_PTR_NULL(why_rule_find("no.such"));
}

static const struct why_rule *first_rule(const struct fact *facts)
{
	bool known;
	struct evidence *e = evidence_of(facts, &known);
	g_autoptr(GArray) findings = why_judge(e);
	const struct why_rule *rule =
		findings->len ? g_array_index(findings, struct why_finding, 0).rule : NULL;

	evidence_free(e);
	return rule;
}

/* Who ran there is not to blame for what a quota or a pinning costs. */
static void test_main_cause(void)
{
	static const struct fact neighbour[] = {
		READY(40), BLAME("vm:b", 20), BLAME("self", 3), {0}};
	static const struct fact pinned[] = {
		READY(40), BLAME("vm:b", 22), CAUSE("pinning", 20), CAUSE("vm", 2), {0}};
	static const struct fact stalled[] = {
		READY(40), BLAME("vm:b", 20), STALL("sigstop", 1), STALL_S("sigstop", 30), {0}};
	static const struct fact fine[] = {READY(1), BLAME("vm:b", 0.5), {0}};

	CU_ASSERT_PTR_EQUAL(first_rule(neighbour), why_rule_find("cpu.neighbour"));
	if (metric_find("vm.cpu.ready_cause_seconds_total"))
		CU_ASSERT_PTR_EQUAL(first_rule(pinned), why_rule_find("cpu.pinning"));
	CU_ASSERT_PTR_EQUAL(first_rule(stalled), why_rule_find("stall.sigstop"));
	CU_ASSERT_PTR_NULL(first_rule(fine));
}

/* A gauge at every ten seconds, "" before: absent. */
static void add_values(struct evidence *e, const char *name, const char *labels,
		       const double *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		evidence_add(e, metric_find(name), labels, 1000000 + 10000 * (int64_t)i, values[i]);
}

/* An incident of a quarter of a minute is judged by its own numbers, not by those before it. */
static void test_first_minute(void)
{
	static const double ready[] = {0, 0, 0, 0, 0, 20, 22}, by[] = {0, 0, 0, 0, 0, 19, 21};
	struct evidence *e = evidence_new("web-1", "u");
	g_autoptr(GArray) findings = NULL;
	const struct why_finding *f;

	add_values(e, "vm.cpu.ready_time", "", ready, G_N_ELEMENTS(ready));
	add_values(e, "vm.cpu.aggressor_time", "by=\"vm:b\"", by, G_N_ELEMENTS(by));
	findings = why_judge(e);
	CU_ASSERT_TRUE_FATAL(findings->len > 0);
	f = &g_array_index(findings, struct why_finding, 0);
	CU_ASSERT_STRING_EQUAL(f->rule->id, "cpu.neighbour");
	CU_ASSERT_PTR_NOT_NULL(strstr(f->what, "in the last 20 s: waits 21.0 % of the time"));
	CU_ASSERT_STRING_EQUAL(f->who, "vm:b");
	evidence_free(e);
}

static struct why_finding first_finding(const struct fact *facts, const char *who, const char *note)
{
	bool known;
	struct evidence *e = evidence_of(facts, &known);
	g_autoptr(GArray) findings = NULL;
	struct why_finding f = {0};

	CU_ASSERT_TRUE(known);
	if (note)
		evidence_note(e, who, note);
	findings = why_judge(e);
	if (findings->len)
		f = g_array_index(findings, struct why_finding, 0);
	evidence_free(e);
	return f;
}

/* All of like size are named, with the programs that are known, and nobody else. */
static void test_culprits(void)
{
	static const struct fact two[] = {
		READY(40), BLAME("vm:b", 12), BLAME("vm:c", 11), BLAME("vm:small", 1), {0}};
	static const struct fact task[] = {READY(40), BLAME("cgroup:/", 20), {0}};
	static const struct fact one[] = {
		READY(4), GAUGE("vm.cpu.ready_time_max", 31), BLAME("vm:b", 2.2), {0}};
	static const struct fact starves[] = {READY(30),
					      BLAME("vm:b", 15),
					      GAUGE("vm.cpu.guest_queue_time", 80),
					      GAUGE("vm.cpu.usage", 95),
					      {0}};
	struct why_finding f = first_finding(two, NULL, NULL);

	CU_ASSERT_STRING_EQUAL(f.who, "vm:b 20.0 %, vm:c 18.3 %");
	f = first_finding(task, "cgroup:/", "python3, pid 77");
	CU_ASSERT_STRING_EQUAL(f.who, "cgroup:/ (python3, pid 77)");
	f = first_finding(one, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.what, "(one vCPU 31.0 %)"));
	f = first_finding(starves, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(f.rule->id, "cpu.neighbour");
	CU_ASSERT_PTR_NULL(strstr(f.rule->advice, "vCPUs"));
	for (size_t i = 0; i < n_why_rules; i++) {
		bool known;
		struct evidence *e = evidence_of(starves, &known);

		if (why_apply(&why_rules[i], e, &f))
			CU_ASSERT_PTR_NULL(strstr(f.rule->advice, "more vCPUs"));
		evidence_free(e);
	}
}

/* What cannot be written is never full. */
static void test_read_only(void)
{
	static const struct fact facts[] = {
		{"vm.disk.usage_percent", "disk=\"vda1\",kind=\"filesystem\",mount=\"/\"", 93},
		{"vm.disk.usage_percent",
		 "disk=\"loop0\",kind=\"filesystem\",mount=\"/snap/core22/1122\"", 100},
		{"vm.disk.usage_percent", "disk=\"sr0\",kind=\"filesystem\",mount=\"/mnt\"", 100},
		{"vm.disk.usage_percent",
		 "disk=\"vdb\",kind=\"filesystem\",mount=\"/iso\",fstype=\"iso9660\"", 100},
		{0}};
	struct why_finding f = first_finding(facts, NULL, NULL);

	CU_ASSERT_STRING_EQUAL(f.who, "/");
	f = first_finding(facts + 1, NULL, NULL);
	CU_ASSERT_PTR_NULL(f.rule);
}

/* What libvirt keeps of a running domain, and a QEMU's own words. */
static void test_iotune(void)
{
	static const char xml[] =
		"<domstatus state='running' pid='7'>\n <domain type='kvm'>\n  <name>db</name>\n"
		"  <uuid>6f9e1f8a-0000-4000-8000-000000000001</uuid>\n  <devices><disk type='file'>"
		"<target dev='vda'/>\n   <iotune>\n    <total_iops_sec>60</total_iops_sec>\n"
		"   </iotune></disk></devices>\n </domain>\n</domstatus>\n";
	static const char line[] = "qemu-system-x86_64\0-name\0guest=web,debug-threads=on\0-drive\0"
				   "file=a.img,if=virtio,throttling.iops-total=120\0";
	static const char stat[] =
		"9 (qemu-system-x86) S 1 9 9 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 3 0 "
		"100 1000 20 1 1 1 1 1 1 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0\n";
	g_autofree char *dir = g_dir_make_tmp("kvmlens-look-XXXXXX", NULL);
	g_autofree char *pid = g_build_filename(dir, "9", NULL), *tune = NULL, *own = NULL;
	g_autofree char *file = g_build_filename(dir, "db.xml", NULL);
	g_autofree char *cmdline = g_build_filename(pid, "cmdline", NULL);
	g_autofree char *stat_file = g_build_filename(pid, "stat", NULL), *none = NULL;
	g_autofree char *clean = g_strdup_printf("rm -rf '%s'", dir);
	struct why_look_roots roots = {dir, dir};

	CU_ASSERT_EQUAL_FATAL(g_mkdir(pid, 0700), 0);
	CU_ASSERT_TRUE(g_file_set_contents(file, xml, -1, NULL));
	CU_ASSERT_TRUE(g_file_set_contents(cmdline, line, sizeof(line) - 1, NULL));
	CU_ASSERT_TRUE(g_file_set_contents(stat_file, stat, -1, NULL));
	tune = why_look_iotune(&roots, "db", "6f9e1f8a-0000-4000-8000-000000000001");
	own = why_look_iotune(&roots, "web", "6f9e1f8a-0000-4000-8000-000000000002");
	none = why_look_iotune(&roots, "other", "6f9e1f8a-0000-4000-8000-000000000003");
	CU_ASSERT_PTR_NOT_NULL_FATAL(tune);
	CU_ASSERT_STRING_EQUAL(tune, "total_iops_sec 60");
	CU_ASSERT_PTR_NOT_NULL_FATAL(own);
	CU_ASSERT_STRING_EQUAL(own, "throttling.iops-total 120");
	CU_ASSERT_PTR_NULL(none);
	CU_ASSERT_EQUAL(system(clean), 0);
}

static void test_lines(void)
{
	static const struct fact bad[] = {READY(40), BLAME("vm:b", 20), BLAME("cgroup:/x", 16),
					  GAUGE("vm.memory.usage_percent", 99),
					  GAUGE("vm.cpu.iowait_time", 44)};
	struct evidence *e = evidence_new("web-1", "u");
	g_autoptr(GArray) findings = NULL;
	g_autoptr(GPtrArray) lines = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		add_fact(e, &bad[i]);
	add_fact(e, &(struct fact)GAUGE("vm.cpu.vcpus", 1));
	findings = why_judge(e);
	lines = why_lines(e, findings, "seen");
	CU_ASSERT_TRUE(findings->len > 3);
	CU_ASSERT_EQUAL(lines->len, WHY_LINES_MAX);
	CU_ASSERT_STRING_EQUAL(lines->pdata[0], "web-1: short of CPU. 60 s, seen");
	CU_ASSERT_PTR_NOT_NULL(strstr(lines->pdata[1], "mostly vm:b"));
	for (guint i = 1; i < findings->len; i++)
		CU_ASSERT_TRUE(g_array_index(findings, struct why_finding, i - 1).weight >=
			       g_array_index(findings, struct why_finding, i).weight);
	evidence_free(e);
}

static void test_nothing_wrong(void)
{
	static const struct fact good[] = {READY(0.3), {0}};
	bool known;
	struct evidence *e = evidence_of(good, &known);
	g_autoptr(GArray) findings = why_judge(e);
	g_autoptr(GPtrArray) lines = why_lines(e, findings, "");

	CU_ASSERT_EQUAL(findings->len, 0);
	CU_ASSERT_EQUAL(lines->len, 3);
	CU_ASSERT_STRING_EQUAL(lines->pdata[0], "web-1: nothing wrong. 60 s");
	CU_ASSERT_PTR_NOT_NULL(strstr(lines->pdata[1], "ready 0.3 %"));
	CU_ASSERT_PTR_NOT_NULL(strstr(lines->pdata[2], "memory"));
	evidence_free(e);
}

static void test_json(void)
{
	static const struct fact facts[] = {
		READY(40),
		BLAME("vm:b", 20),
		{"vm.stall.event.began", "n=\"0\",cause=\"paused\"", 1700000000},
		{"vm.stall.event.duration", "n=\"0\",cause=\"paused\"", 1.5},
		{0}};
	bool known;
	struct evidence *e = evidence_of(facts, &known);
	g_autoptr(GArray) findings = why_judge(e);
	json_t *json = why_json(e, findings, "here"), *first, *stall;

	CU_ASSERT_PTR_NOT_NULL_FATAL(json);
	first = json_array_get(json_object_get(json, "findings"), 0);
	stall = json_array_get(json_object_get(json, "stalls"), 0);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "vm")), "web-1");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(first, "rule")), "cpu.neighbour");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(first, "who")), "vm:b");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(stall, "cause")), "paused");
	CU_ASSERT_EQUAL(json_real_value(json_object_get(stall, "seconds")), 1.5);
	json_decref(json);
	evidence_free(e);
}

static void test_evidence(void)
{
	struct evidence *e = evidence_new("vm", "u");
	const struct metric *gauge = metric_find("vm.cpu.aggressor_time");
	const struct metric *counter = metric_find("vm.stall_total");
	g_autoptr(GArray) parts = NULL;

	evidence_add(e, metric_find("vm.cpu.usage"), "", 1000, 10);
	evidence_add(e, metric_find("vm.cpu.usage"), "", 2000, 30);
	evidence_add(e, gauge, "by=\"a,b=\\\"c\\\\\"", 2000, 8);
	evidence_add(e, gauge, "by=\"x\"", 2000, NAN);
	evidence_add(e, counter, "", 1000, 5);
	evidence_add(e, counter, "", 2000, 7);
	evidence_add(e, counter, "", 3000, 1); /* reset */
	evidence_add(e, counter, "", 4000, 4);
	CU_ASSERT_EQUAL(evidence_mean(e, "vm.cpu.usage"), 20);
	CU_ASSERT_EQUAL(evidence_last(e, "vm.cpu.usage"), 30);
	CU_ASSERT_EQUAL(evidence_gain(e, "vm.stall_total"), 5);
	CU_ASSERT_TRUE(isnan(evidence_mean(e, "vm.cpu.ready_time")));
	CU_ASSERT_TRUE(isnan(evidence_mean(e, "no such")));
	CU_ASSERT_EQUAL(evidence_seconds(e), 3);
	parts = evidence_parts(e, "vm.cpu.aggressor_time", "by");
	CU_ASSERT_EQUAL_FATAL(parts->len, 1);
	CU_ASSERT_STRING_EQUAL(g_array_index(parts, struct evidence_part, 0).label, "a,b=\"c\\");
	/* Where an aggressor was not named it took nothing. */
	CU_ASSERT_EQUAL(g_array_index(parts, struct evidence_part, 0).mean, 2);
	evidence_free(e);
}

static void test_label(void)
{
	g_autofree char *value = evidence_label("x=\"1\",by=\"a\\\\n\\n\\\"b\"", "by");
	g_autofree char *other = evidence_label("xby=\"1\",b=\"by=\"", "by");

	CU_ASSERT_STRING_EQUAL(value, "a\\n \"b");
	CU_ASSERT_PTR_NULL(other);
}

/* Hostile names and every metric there is: from snapshots, over a window. */
static void test_snapshots(void)
{
	struct why_window *w = why_window_new();
	const char *const *names = fake_hostile_names_all();
	unsigned n = g_strv_length((char **)names);

	for (unsigned v = 0; v < n; v++) {
		struct evidence *e;

		for (unsigned tick = 1; tick < 9; tick++) {
			struct kvmlens_snapshot *s =
				fake_snapshot(&(struct fake_spec){.vms = n,
								  .vcpus = 2,
								  .names = names,
								  .tick = tick,
								  .level = KVMLENS_DIAGNOSTIC,
								  .everything = true});
			const struct snap_vm *vm = entities_at(&s->vms, v);
			g_autoptr(GArray) findings = NULL;
			g_autoptr(GPtrArray) lines = NULL;

			why_window_add(w, s, vm);
			e = why_window_evidence(w, "vm", vm->ident->uuid);
			CU_ASSERT_TRUE(evidence_mean(e, "vm.cpu.ready_time") > 0);
			findings = why_judge(e);
			lines = why_lines(e, findings, "");
			CU_ASSERT_TRUE(lines->len >= 3 && lines->len <= WHY_LINES_MAX);
			evidence_free(e);
			kvmlens_snapshot_unref(s);
		}
		if (v == 0) {
			e = why_window_evidence(w, "vm", "");
			CU_ASSERT_TRUE(evidence_seconds(e) <= WHY_WINDOW_MS / 1000);
			evidence_free(e);
		}
		why_window_free(w);
		w = why_window_new();
	}
	why_window_free(w);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"rules", test_rules},
		{"the main cause", test_main_cause},
		{"the first minute", test_first_minute},
		{"culprits", test_culprits},
		{"read-only file systems", test_read_only},
		{"iotune limits", test_iotune},
		{"lines", test_lines},
		{"nothing wrong", test_nothing_wrong},
		{"JSON", test_json},
		{"evidence", test_evidence},
		{"labels", test_label},
		{"snapshots", test_snapshots},
		CU_TEST_INFO_NULL,
	};

	return suite_run("why", tests);
}
