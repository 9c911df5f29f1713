// SPDX-License-Identifier: Apache-2.0
/*
 * Who the VMs of this host are, as /proc alone shows them: whois prints one line of JSON for each
 * VMM process, with its identity, its platform's labels and its disks.
 */
#include <jansson.h>
#include <stdio.h>
#include "vm/image_files.h"
#include "vm/proc_scan.h"

static json_t *labels_json(const GArray *info)
{
	json_t *labels = json_object();

	for (unsigned i = 0; info && i < info->len; i++) {
		const struct kvmlens_tag *tag = &g_array_index(info, struct kvmlens_tag, i);

		json_object_set_new(labels, tag->key, json_string(tag->value));
	}
	return labels;
}

static json_t *disks_json(pid_t pid)
{
	struct image_file files[IMAGE_FILES_MAX];
	json_t *disks = json_object();
	unsigned n;

	image_files_read("/proc", pid, files, &n);
	for (unsigned i = 0; i < n; i++)
		json_object_set_new(disks, files[i].name, json_string(files[i].path));
	return disks;
}

static void print_vmm(const struct proc_vmm *vmm)
{
	g_autofree char *name = proc_vmm_name(vmm);
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:o, s:o}", "pid", (int)vmm->stat.pid, "name",
			      name, "uuid", vmm->uuid ?: vmm->made_uuid, "source",
			      vmm->uuid_source ?: UUID_SOURCE_MADE, "labels",
			      labels_json(vmm->info), "disks", disks_json(vmm->stat.pid));

	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

int main(void)
{
	const GPtrArray *vmms;
	struct proc_scan *scan;

	if (proc_scan_new(NULL, &scan))
		return 1;
	/* The second look is for those that had not yet all their threads at the first. */
	for (unsigned i = 0; i < 2; i++)
		if (proc_scan_run(scan, &(struct proc_scan_options){.fds = true}))
			return 1;
	vmms = proc_scan_vmms(scan);
	for (unsigned i = 0; i < vmms->len; i++)
		print_vmm(vmms->pdata[i]);
	proc_scan_free(scan);
	return 0;
}
