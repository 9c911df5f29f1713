/* SPDX-License-Identifier: Apache-2.0 */
/* Planted truths in a store: each is named by the command. */
#include <errno.h>
#include <glib.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench_data.h"
#include "cli/cli.h"
#include "store/store.h"
#include "suite.h"
#include "unit/fake_snapshot.h"

#define TICKS 1800 /* five hours at 10 s */
#define VMS 6
#define DISKS 2
#define SLOW 1 /* of the disks, and of the devices below them */

#define CROWD 8 /* ticks remembered */

static char *path;
static double crowd[CROWD]; /* how crowded the host was, by tick */
static double busy[DISKS]; /* the devices */

static double bursts(double level, struct noise *noise)
{
	return noise_uniform(noise) < 0.06 ? (level > 0 ? 0 : 60) : level;
}

/* Three quarters of what it waited for went to VM 2, the rest to the host's own tasks. */
static void set_blame(struct snap_vm *vm)
{
	static const char *const by[] = {"vm:vm-0002", "host:kworker"};

	for (size_t i = 0; i < vm->aggressors.n; i++)
		labels_unref(((struct snap_aggressor *)entities_at(&vm->aggressors, i))->labels);
	g_free(vm->aggressors.v);
	entities_alloc(&vm->aggressors, 2, sizeof(struct snap_aggressor));
	for (unsigned i = 0; i < 2; i++)
		*(struct snap_aggressor *)entities_at(&vm->aggressors, i) = (struct snap_aggressor){
			labels_new(vm->labels, (struct kvmlens_tag[]){{"by", by[i]}}, 1),
			vm->rate.ready * (i ? 0.25 : 0.75)};
}

/* Latencies of a disk or of a device; a write waits for the other one's queue now and then. */
static struct disk_rates latency(double ms, struct noise *noise)
{
	return (struct disk_rates){.read_iops = 20,
				   .write_iops = 50,
				   .read_throughput = NAN,
				   .write_throughput = NAN,
				   .flush_iops = NAN,
				   .flush_ms = NAN,
				   .read_ms = 0.2 + 0.02 * fabs(noise_gauss(noise)),
				   .write_ms = ms};
}

/*
 * Two disks on two devices, each of which is slow at times of its own; writes of both disks wait
 * in VMM and queue besides. The disk on the second is the one whose writes its device delays: the
 * first answers from a cache.
 */
static void set_disks(struct snap_vm *vm, struct noise *noise)
{
	static const char *const disks[DISKS] = {"vda", "vdb"}, *const devices[DISKS] = {"sda",
											 "sdb"};

	vm->level = KVMLENS_DETAILED;
	entities_alloc(&vm->disks, DISKS, sizeof(struct snap_disk));
	entities_alloc(&vm->devices, DISKS, sizeof(struct snap_device));
	vm->device_ms = 0;
	for (unsigned i = 0; i < DISKS; i++) {
		double device = 0.5 + busy[i] / 4 + 0.1 * fabs(noise_gauss(noise));
		double wait = 0.4 + (i == SLOW ? device : 0) + 0.5 * fabs(noise_gauss(noise));

		*(struct snap_disk *)entities_at(&vm->disks, i) = (struct snap_disk){
			.labels = labels_new(vm->labels, (struct kvmlens_tag[]){{"disk", disks[i]}},
					     1),
			.rate = latency(wait, noise)};
		*(struct snap_device *)entities_at(&vm->devices, i) = (struct snap_device){
			.labels = labels_new(vm->labels,
					     (struct kvmlens_tag[]){{"device", devices[i]}}, 1),
			.rate = latency(device, noise),
			.max_ms = device * (2 + noise_uniform(noise))};
		vm->device_ms += device / DISKS;
	}
}

/*
 * VM 3 comes in bursts and VM 1 waits for a CPU then; 2 does what 0 does; the memory of 4 fills
 * by 4 % an hour, and 2 ran in its place. VM 0 waits 20 s after the host is crowded. Everybody has
 * eight vCPUs and uses few of them.
 */
static void set_vm(struct snap_vm *vm, size_t v, unsigned tick, const double *level,
		   struct noise *noise)
{
	vm->vcpus = 8;
	vm->rate.usage = 5 + level[v == 2 ? 0 : v] / 4 + 0.5 * noise_gauss(noise);
	vm->rate.ready = 1 + 0.1 * noise_gauss(noise);
	if (v == 1)
		vm->rate.ready = 1 + 0.3 * level[3] / 4 + 0.5 * fabs(noise_gauss(noise));
	if (v == 4)
		vm->guest.mem_percent = 50 + 4 * (tick / 360.0) + 0.2 * noise_gauss(noise);
	if (v == 4)
		set_blame(vm);
	if (v == 5)
		set_disks(vm, noise);
	if (v == 0 && tick >= 2)
		vm->rate.ready =
			2 + crowd[(tick - 2) % CROWD] / 20 + 0.3 * fabs(noise_gauss(noise));
	if (v == 0 && tick > TICKS - 20)
		((struct snap_anomaly *)vm->anomalies.v)->score = 0.83;
}

static void set_host(struct kvmlens_snapshot *s, unsigned tick, struct noise *noise)
{
	struct snap_host *host = s->hosts.v;

	crowd[tick % CROWD] = bursts(crowd[(tick + CROWD - 1) % CROWD], noise);
	for (unsigned i = 0; i < DISKS; i++)
		busy[i] = bursts(busy[i], noise);
	host->overcommit = 3 + crowd[tick % CROWD] / 10 + 0.1 * noise_gauss(noise);
}

static void fill_store(void)
{
	struct store_config config = {.path = path};
	gint64 start = (gint64)(time(NULL) - TICKS * 10) * 1000;
	struct noise noise = {.state = 11};
	double level[VMS] = {0};
	struct store *store = NULL;

	CU_ASSERT_EQUAL_FATAL(store_new(&config, &store), 0);
	for (unsigned i = 0; i < TICKS; i++) {
		struct fake_spec spec = {
			.vms = VMS, .vcpus = 1, .level = KVMLENS_STANDARD, .tick = 1};
		struct kvmlens_snapshot *s = fake_snapshot(&spec);

		s->wall_ms = start + (gint64)i * 10000;
		set_host(s, i, &noise);
		for (size_t v = 0; v < VMS; v++) {
			struct snap_vm *vm = entities_at(&s->vms, v);

			level[v] = bursts(level[v], &noise);
			if (!vm->anomalies.n) {
				entities_alloc(&vm->anomalies, 1, sizeof(struct snap_anomaly));
				*(struct snap_anomaly *)vm->anomalies.v =
					(struct snap_anomaly){labels_ref(vm->labels), 0.1, 3};
			}
			set_vm(vm, v, i, level, &noise);
		}
		store_offer(store, s);
		kvmlens_snapshot_unref(s);
		store_flush(store);
	}
	store_free(store);
}

/* What the command says, on standard error when it is to fail; vm and more may be NULL. */
static char *run_command(const char *command, int want, const char *vm, const char *more)
{
	const char *argv[] = {"kvmlens",      command,		"--store", path,
			      vm ? vm : more, vm ? more : NULL, NULL};
	int argc = 4 + (vm ? 1 : 0) + (more ? 1 : 0);
	char *out = NULL, *err = NULL;
	size_t n_out, n_err;
	FILE *to_out = open_memstream(&out, &n_out), *to_err = open_memstream(&err, &n_err);

	CU_ASSERT_EQUAL(cli_main(argc, (char **)(uintptr_t)argv, to_out, to_err), want);
	fclose(to_out);
	fclose(to_err);
	if (want) {
		free(out);
		return err;
	}
	free(err);
	return out;
}

static char *run(int want, const char *vm)
{
	return run_command("insights", want, vm, NULL);
}

static void check(const char *vm, const char *says)
{
	char *text = run(0, vm);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, says));
	if (!strstr(text, says))
		printf("\nnot \"%s\" in:\n%s", says, text);
	free(text);
}

static unsigned lines_of(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void test_truths(void)
{
	char *text;

	check("vm-0001", "it waits for a CPU when vm-0003 is busy");
	check("vm-0000", "vm.cpu.ready_time follows host.cpu.overcommit by 20 s");
	check("vm-0004", "75 % of its waits were while vm-0002 ran in its place");
	check(NULL, "all VMs\n");
	check(NULL, "vm-0000 and vm-0002 peak together");
	check("vm-0000", "its load moves with that of vm-0002");
	check("vm-0000", "score 0.83 at ");
	check("vm-0002", "nothing out of the ordinary");
	check("vm-0004", "vm.memory.usage_percent: ");
	check("vm-0004", "full in 7.6 hours");
	check("vm-0003", "8.0 vCPUs, advised 3.0");
	text = run(0, "vm-0003");
	CU_ASSERT_PTR_NULL(strstr(text, "neighbour"));
	CU_ASSERT_PTR_NULL(strstr(text, "  full"));
	CU_ASSERT(lines_of(text) <= 11);
	free(text);
}

/* The device that is the bottleneck is the first that is named, and the only one. */
static void test_host_disk(void)
{
	char *text = run(0, "vm-0005"), *because = strstr(text, "  because ");
	const char *says = "because    vm.disk.write_latency{disk=\"vdb\"} follows "
			   "vm.disk.device.write_latency{device=\"sdb\"} by 0 s";

	CU_ASSERT_PTR_NOT_NULL(because);
	CU_ASSERT(because && g_str_has_prefix(because + 2, says));
	CU_ASSERT_PTR_NULL(strstr(text, "sda"));
	CU_ASSERT_PTR_NULL(strstr(text, "neighbour"));
	if (!because || !g_str_has_prefix(because + 2, says))
		printf("\nnot first \"%s\" in:\n%s", says, text);
	free(text);
}

/* The command that says why a VM suffers adds what the last hour knows of it. */
static void test_why(void)
{
	char *text = run_command("why", 0, "vm-0001", NULL);

	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "in the last hour: it waits for a CPU when vm-0003 is busy"));
	if (!strstr(text, "in the last hour"))
		printf("%s", text);
	CU_ASSERT_PTR_NULL(strstr(text, "out of the ordinary"));
	free(text);
}

static void test_why_json(void)
{
	char *text = run_command("why", 0, "vm-0005", "--format=json");
	json_t *json = json_loads(text, 0, NULL), *insight;
	const char *topic, *says = NULL;
	bool found = false;
	size_t i;

	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "vm")), "vm-0005");
	json_array_foreach(json_object_get(json, "last_hour"), i, insight)
	{
		if (json_unpack(insight, "{s:s, s:s}", "topic", &topic, "text", &says))
			continue;
		found |= !strcmp(topic, "because") && strstr(says, "device=\"sdb\"");
	}
	CU_ASSERT(found);
	json_decref(json);
	free(text);
}

static void test_mistakes(void)
{
	char *text = run(6, "vm-0009");

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "knows no VM \"vm-0009\""));
	free(text);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"filling a store", fill_store},
		{"planted truths", test_truths},
		{"the host's disk", test_host_disk},
		{"why", test_why},
		{"why, for programs", test_why_json},
		{"mistakes", test_mistakes},
		CU_TEST_INFO_NULL,
	};
	g_autofree char *folder = g_dir_make_tmp("kvmlens-insights-XXXXXX", NULL);
	g_autofree char *remove = g_strdup_printf("rm -rf '%s'", folder);
	int result;

	path = g_build_filename(folder, "history.db", NULL);
	result = suite_run("insights", tests);
	if (system(remove))
		result = 1;
	g_free(path);
	return result;
}
