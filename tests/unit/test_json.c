// SPDX-License-Identifier: Apache-2.0
/* What json.c writes, read back by jansson; and the table form. */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include "export/json.h"
#include "export/table.h"
#include "metric/metric.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

/* Parsed lines; freed with json_decref. */
static json_t *lines_of(const struct kvmlens_snapshot *snapshot)
{
	textbuf_auto out = {0};
	json_t *all = json_array();
	g_auto(GStrv) lines = NULL;

	json_render_lines(snapshot, &out);
	textbuf_append_len(&out, "", 1);
	lines = g_strsplit(out.data, "\n", -1);
	for (char **line = lines; *line && **line; line++) {
		json_error_t error;
		json_t *object = json_loads(*line, JSON_REJECT_DUPLICATES, &error);

		if (!object)
			fprintf(stderr, "%s at %d: %.60s\n", error.text, error.position, *line);
		CU_ASSERT_PTR_NOT_NULL(object);
		json_array_append_new(all, object);
	}
	return all;
}

static double number_at(const json_t *values, const char *name)
{
	const json_t *value = json_object_get(values, name);

	return value ? json_number_value(value) : NAN;
}

static void test_lines(void)
{
	struct fake_spec spec = {.vms = 3, .vcpus = 2, .level = KVMLENS_DETAILED};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	const struct snap_vm *vm = entities_at(&snapshot->vms, 1);
	json_t *lines = lines_of(snapshot), *host, *line, *values, *vcpu;

	CU_ASSERT_EQUAL_FATAL(json_array_size(lines), 4);
	host = json_array_get(lines, 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(host, "time_ms")), snapshot->wall_ms);
	CU_ASSERT_EQUAL(number_at(json_object_get(host, "metrics"), "host.cpu.online"), 4);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(host, "loss")), 2);
	line = json_array_get(lines, 2);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "vm")), "vm-0001");
	values = json_object_get(line, "metrics");
	CU_ASSERT_DOUBLE_EQUAL(number_at(values, "vm.cpu.ready_time"), vm->rate.ready, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(number_at(values, "vm.cpu.run_seconds_total"), vm->time.run / 1e9,
			       1e-9);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(line, "vcpu")), 2);
	vcpu = json_array_get(json_object_get(line, "vcpu"), 1);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(json_object_get(vcpu, "labels"), "vcpu")), "1");
	CU_ASSERT_PTR_NULL(json_object_get(json_object_get(vcpu, "labels"), "vm"));
	CU_ASSERT_PTR_NOT_NULL(
		json_object_get(json_object_get(values, "vm.cpu.wake_latency_seconds"), "le"));
	/* Diagnostic alone shows exits by reason. */
	CU_ASSERT_PTR_NULL(json_object_get(line, "exit"));
	json_decref(lines);
	kvmlens_snapshot_unref(snapshot);
}

static int count_samples(void *arg, const struct metric *metric, const struct snap_vm *vm,
			 const struct labels *labels, const struct metric_value *value)
{
	*(unsigned *)arg += 1;
	return 0;
}

static unsigned count_object(const json_t *line)
{
	unsigned n = json_object_size(json_object_get(line, "metrics"));
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)line, key, value)
	{
		json_t *entity;

		json_array_foreach(value, i, entity) n +=
			json_object_size(json_object_get(entity, "metrics"));
	}
	return n;
}

/* Every value that the walk shows is there, and nothing else. */
static void test_complete(void)
{
	for (int level = KVMLENS_BASIC; level <= KVMLENS_DIAGNOSTIC; level++) {
		struct fake_spec spec = {.vms = 4, .vcpus = 3, .level = level, .everything = true};
		struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
		unsigned walked = 0, written = 0;
		json_t *lines = lines_of(snapshot), *line;
		size_t i;

		metric_walk(snapshot, NULL, count_samples, &walked);
		json_array_foreach(lines, i, line) written += count_object(line);
		CU_ASSERT_EQUAL(walked, written);
		json_decref(lines);
		kvmlens_snapshot_unref(snapshot);
	}
}

static void test_unknown(void)
{
	struct fake_spec spec = {.vms = 1, .vcpus = 1, .level = KVMLENS_DIAGNOSTIC};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	struct snap_vm *vm = entities_at(&snapshot->vms, 0);
	json_t *lines, *values;

	vm->rate.usage = NAN;
	vm->rate.ready = INFINITY;
	vm->rate.steal = -INFINITY;
	vm->time.run = ABSENT;
	vm->wake_hist.valid = false;
	lines = lines_of(snapshot);
	values = json_object_get(json_array_get(lines, 1), "metrics");
	CU_ASSERT_PTR_NULL(json_object_get(values, "vm.cpu.usage"));
	CU_ASSERT_PTR_NULL(json_object_get(values, "vm.cpu.ready_time"));
	CU_ASSERT_PTR_NULL(json_object_get(values, "vm.cpu.steal_time"));
	CU_ASSERT_PTR_NULL(json_object_get(values, "vm.cpu.run_seconds_total"));
	CU_ASSERT_PTR_NULL(json_object_get(values, "vm.cpu.wake_latency_seconds"));
	CU_ASSERT_PTR_NOT_NULL(json_object_get(values, "vm.cpu.ready_seconds_total"));
	json_decref(lines);
	kvmlens_snapshot_unref(snapshot);
}

static void test_hostile(void)
{
	struct fake_spec spec = fake_hostile_spec(16, 1, KVMLENS_DIAGNOSTIC);
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	json_t *lines = lines_of(snapshot);

	CU_ASSERT_EQUAL_FATAL(json_array_size(lines), 17);
	for (unsigned i = 0; i < 16; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);
		json_t *name = json_object_get(json_array_get(lines, i + 1), "vm");

		CU_ASSERT_STRING_EQUAL(json_string_value(name), labels_get(vm->labels, "vm"));
	}
	json_decref(lines);
	kvmlens_snapshot_unref(snapshot);
}

static void test_document(void)
{
	struct fake_spec spec = {.vms = 2, .vcpus = 1, .level = KVMLENS_STANDARD};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	textbuf_auto out = {0};
	json_t *document;

	json_render_document(snapshot, &out);
	document = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(document);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(document, "vms")), 2);
	CU_ASSERT_TRUE(json_is_object(json_object_get(document, "host")));
	json_decref(document);
	kvmlens_snapshot_unref(snapshot);
}

static void test_table(void)
{
	struct fake_spec spec = fake_hostile_spec(16, 2, KVMLENS_DIAGNOSTIC);
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	textbuf_auto out = {0};
	unsigned values = 0, lines = 0;

	metric_walk(snapshot, NULL, count_samples, &values);
	table_render(snapshot, &out);
	for (size_t i = 0; i < out.len; i++) {
		unsigned char c = out.data[i];

		CU_ASSERT_TRUE((c >= 0x20 && c != 0x7f) || c == '\n');
		lines += c == '\n';
	}
	textbuf_append_len(&out, "", 1);
	/* A line each, and of each VM a heading with an empty line before it. */
	CU_ASSERT_EQUAL(lines, values + 1 + 2 * 16);
	CU_ASSERT_TRUE(g_utf8_validate(out.data, -1, NULL));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "\nVM plain (00000000-"));
	kvmlens_snapshot_unref(snapshot);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"lines", test_lines},
		{"as many values as a walk shows", test_complete},
		{"unknown values are left out", test_unknown},
		{"hostile names", test_hostile},
		{"one document", test_document},
		{"the table", test_table},
		CU_TEST_INFO_NULL,
	};

	return suite_run("json", tests);
}
