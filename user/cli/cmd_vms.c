// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include "cli/live.h"
#include "cli/select.h"
#include "cli/table.h"
#include "vm/inventory.h"

static const struct table_column columns[] = {
	{"NAME", false, 40}, {"UUID", false, 36}, {"PID", true, 0},	   {"vCPUs", true, 0},
	{"ACCEL", false, 0}, {"STATE", false, 0}, {"PROVIDER", false, 20},
};

static const char *label(const struct labels *labels, const char *key)
{
	const char *value = labels ? labels_get(labels, key) : NULL;

	return value && *value ? value : NULL;
}

static const struct labels *info_of(const struct snap_vm *vm)
{
	return vm->info.n ? ((struct snap_info *)entities_at(&vm->info, 0))->labels : NULL;
}

static const char *accelerator(const struct snap_vm *vm)
{
	return vm->ident->tcg ? "tcg" : vm->ident->pid ? "kvm" : NULL;
}

static void add_row(struct table *table, const struct snap_vm *vm)
{
	g_autofree char *pid = vm->ident->pid ? g_strdup_printf("%d", vm->ident->pid) : NULL;
	g_autofree char *vcpus =
		vm->vcpus == ABSENT ? NULL : g_strdup_printf("%" G_GUINT64_FORMAT, vm->vcpus);

	table_row(table, (const char *const[]){
				 label(vm->labels, "vm"),
				 label(vm->labels, "uuid"),
				 pid,
				 vcpus,
				 accelerator(vm),
				 vm_state_name(vm->state),
				 vm->provider,
			 });
}

static void print_table(const struct kvmlens_snapshot *view, FILE *out)
{
	struct table *table = table_new(columns, G_N_ELEMENTS(columns));

	for (size_t i = 0; i < view->vms.n; i++)
		add_row(table, entities_at(&view->vms, i));
	table_print(table, out);
	table_free(table);
}

static json_t *vm_json(const struct snap_vm *vm)
{
	json_t *object = json_object();
	const struct labels *info = info_of(vm);

	for (size_t i = 0; info && i < info->n; i++)
		json_object_set_new(object, info->kv[i].key, json_string(info->kv[i].value));
	if (vm->ident->pid)
		json_object_set_new(object, "pid", json_integer(vm->ident->pid));
	if (vm->vcpus != ABSENT)
		json_object_set_new(object, "vcpus", json_integer(vm->vcpus));
	if (accelerator(vm))
		json_object_set_new(object, "accel", json_string(accelerator(vm)));
	if (vm->provider)
		json_object_set_new(object, "provider", json_string(vm->provider));
	json_object_set_new(object, "state", json_string(vm_state_name(vm->state)));
	return object;
}

static void print_json(const struct kvmlens_snapshot *view, FILE *out)
{
	json_auto_t *array = json_array();

	for (size_t i = 0; i < view->vms.n; i++)
		json_array_append_new(array, vm_json(entities_at(&view->vms, i)));
	json_dumpf(array, out, JSON_INDENT(1));
	fputc('\n', out);
}

static enum exit_code print_vms(struct cli *cli, const struct kvmlens_snapshot *snapshot)
{
	enum exit_code code = live_check_vm(cli, snapshot);
	struct kvmlens_snapshot view;

	if (code)
		return code;
	select_vms(snapshot, cli->flags->vm, &view);
	if (cli->flags->format == FORMAT_JSON)
		print_json(&view, cli->out);
	else
		print_table(&view, cli->out);
	select_clear(&view);
	return EXIT_DONE;
}

enum exit_code cmd_vms(struct cli *cli)
{
	struct kvmlens_collector *collector;
	const struct kvmlens_snapshot *snapshot;
	enum exit_code code = live_start(cli, &collector);

	if (code)
		return code;
	snapshot = live_snapshot(cli, collector, 1);
	code = snapshot ? print_vms(cli, snapshot) : EXIT_FAILED;
	kvmlens_snapshot_unref(snapshot);
	kvmlens_collector_free(collector);
	return code;
}
