// SPDX-License-Identifier: Apache-2.0
/*
 * Who a VM without a UUID of its own is, over restarts and beside others alike, what its platform
 * calls it, and how much of a host a /proc shows.
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <CUnit/Basic.h>
#include "unit/proc_tree.h"
#include "vm/merge.h"
#include "vm/platform.h"
#include "vm/proc_scan.h"
#include "vm/proc_view.h"

#define QEMU "/usr/bin/qemu-system-x86_64"
#define A "11111111-2222-4333-8444-aaaaaaaaaaaa"

static void expect(const char *got, const char *want)
{
	CU_ASSERT_EQUAL(g_strcmp0(got, want), 0);
	if (g_strcmp0(got, want))
		printf("\n    got  %s\n    want %s\n", got, want);
}

static struct proc_scan *scan_of(const char *tree)
{
	struct proc_scan *scan = NULL;

	CU_ASSERT_EQUAL_FATAL(proc_scan_new(tree, &scan), 0);
	return scan;
}

static const struct proc_vmm *find(const struct proc_scan *scan, pid_t pid)
{
	const GPtrArray *vmms = proc_scan_vmms(scan);

	for (unsigned i = 0; i < vmms->len; i++) {
		const struct proc_vmm *vmm = vmms->pdata[i];

		if (vmm->stat.pid == pid)
			return vmm;
	}
	CU_FAIL_FATAL("no such VMM");
	return NULL;
}

static void run(struct proc_scan *scan)
{
	CU_ASSERT_EQUAL_FATAL(proc_scan_run(scan, &(struct proc_scan_options){.fds = true}), 0);
}

static void start(const char *tree, pid_t pid, unsigned long long at, const char *const *argv)
{
	proc_tree_add(tree, &(struct tree_process){.pid = pid,
						   .comm = "qemu-system-x86",
						   .exe = QEMU,
						   .start = at,
						   .argv = argv});
}

#define ARGV(...) ((const char *const[]){QEMU, __VA_ARGS__, NULL})

static void test_made(void)
{
	const char *const *argv = ARGV("-name", "web"), *const *other = ARGV("-name", "db");
	char *tree = proc_tree_new();
	struct proc_scan *scan = scan_of(tree);
	g_autofree char *first = NULL, *second = NULL;

	start(tree, 10, 100, argv);
	run(scan);
	CU_ASSERT_PTR_NULL(find(scan, 10)->uuid);
	first = g_strdup(find(scan, 10)->made_uuid);
	/* Two alike, and one that is not. */
	start(tree, 5, 200, argv);
	start(tree, 6, 300, other);
	run(scan);
	expect(find(scan, 10)->made_uuid, first);
	second = g_strdup(find(scan, 5)->made_uuid);
	CU_ASSERT_STRING_NOT_EQUAL(second, first);
	CU_ASSERT_STRING_NOT_EQUAL(find(scan, 6)->made_uuid, first);
	/* The older one restarts: it is what it was, and so is the younger one. */
	proc_tree_remove(tree, 10);
	start(tree, 30, 400, argv);
	run(scan);
	expect(find(scan, 30)->made_uuid, first);
	expect(find(scan, 5)->made_uuid, second);
	/* Another agent, another boot: the same. */
	proc_scan_free(scan);
	proc_tree_remove(tree, 5);
	proc_tree_remove(tree, 30);
	start(tree, 7, 1, argv);
	scan = scan_of(tree);
	run(scan);
	expect(find(scan, 7)->made_uuid, first);
	proc_scan_free(scan);
	proc_tree_free(tree);
}

/* Without a name: its pid file, card or drive tells it from others; the name it gets stays. */
static void test_nameless(void)
{
	const char *const *const lines[] = {
		ARGV("-m", "1", "-drive", "file=/a.img"),
		ARGV("-m", "1", "-drive", "file=/b.img"),
		ARGV("-device", "virtio-net,mac=52:54:00:00:00:01"),
		ARGV("-device", "virtio-net,mac=52:54:00:00:00:02"),
		ARGV("-pidfile", "/run/a", "-hda", "x"),
		ARGV("-pidfile", "/run/b", "-hda", "x"),
	};
	g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	char *tree = proc_tree_new();

	for (unsigned round = 0; round < 2; round++) {
		struct proc_scan *scan = scan_of(tree);

		for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++)
			start(tree, 100 * (round + 1) + i, 50 * (round + 1) - i, lines[i]);
		run(scan);
		for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
			const struct proc_vmm *vmm = find(scan, 100 * (round + 1) + i);
			char *name = proc_vmm_name(vmm);

			CU_ASSERT_TRUE(g_str_has_prefix(name, "qemu-system-x86_64-"));
			CU_ASSERT_EQUAL(g_hash_table_add(names, name), !round);
			proc_tree_remove(tree, vmm->stat.pid);
		}
		proc_scan_free(scan);
	}
	proc_tree_free(tree);
}

static void test_sources(void)
{
	char *tree = proc_tree_new();
	struct proc_scan *scan = scan_of(tree);
	struct vm_list *list = vm_list_new();
	struct merge_source source = {"libvirt", list};
	g_autoptr(GPtrArray) merged = NULL;
	static const char *const sources[] = {"smbios", "made", "option", "libvirt", "made"};

	start(tree, 1, 1, ARGV("-name", "a", "-smbios", "type=1,uuid=" A));
	start(tree, 2, 2, ARGV("-name", "b", "-smbios", "type=1,uuid=" A)); /* a copy */
	start(tree, 3, 3, ARGV("-name", "c", "-uuid", "11111111-2222-4333-8444-000000000003"));
	start(tree, 4, 4, ARGV("-name", "d"));
	start(tree, 5, 5, ARGV("-name", "e"));
	run(scan);
	vm_list_add(list, &(struct kvmlens_vm){.id = "x",
					       .name = "d",
					       .pid = 4,
					       .uuid = "11111111-2222-4333-8444-000000000004"});
	merged = merge_vms(proc_scan_vmms(scan), &source, 1, true);
	CU_ASSERT_EQUAL_FATAL(merged->len, 5);
	for (unsigned i = 0; i < merged->len; i++) {
		const struct merged_vm *vm = merged->pdata[i];

		expect(vm->uuid_source, sources[vm->process->stat.pid - 1]);
		CU_ASSERT_PTR_NOT_NULL(vm->uuid);
		if (vm->process->stat.pid == 1)
			expect(vm->uuid, A);
		if (vm->process->stat.pid == 2)
			expect(vm->uuid, vm->process->made_uuid);
		if (vm->process->stat.pid == 4)
			expect(vm->uuid, "11111111-2222-4333-8444-000000000004");
	}
	g_ptr_array_unref(g_steal_pointer(&merged));
	vm_list_unref(list);
	proc_scan_free(scan);
	proc_tree_free(tree);
}

static void test_recognized(void)
{
	static const char *const wrapped[] = {QEMU, "-name", "w", NULL};
	static const char *const loader[] = {"/lib64/ld-linux-x86-64.so.2", QEMU, "-name", "l",
					     NULL};
	static const char *const renamed[] = {"/opt/vmm", "-name", "r", "-accel",
					      "tcg",	  "-m",	   "1", NULL};
	static const char *const other[] = {"/usr/bin/python3", "x.py", "-name", "p", NULL};
	char *tree = proc_tree_new();
	struct proc_scan *scan = scan_of(tree);
	static const struct {
		pid_t pid;
		const char *exe, *const *argv;
		unsigned threads;
	} processes[] = {
		{1, "/nix/store/x/bin/.qemu-system-x86_64-wrapped", wrapped, 1},
		{2, "/lib64/ld-linux-x86-64.so.2", loader, 3},
		{3, "/opt/vmm (deleted)", renamed, 4},
		{4, "/usr/bin/python3", other, 8},
		{5, "/bin/bash", wrapped, 1}, /* a wrapper that is a script */
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(processes); i++)
		proc_tree_add(tree, &(struct tree_process){.pid = processes[i].pid,
							   .comm = "x",
							   .exe = processes[i].exe,
							   .argv = processes[i].argv,
							   .threads = processes[i].threads});
	run(scan);
	CU_ASSERT_EQUAL(proc_scan_vmms(scan)->len, 3);
	expect(find(scan, 1)->name, "w");
	expect(find(scan, 2)->name, "l");
	expect(find(scan, 3)->name, "r");
	/* Emulated vCPUs have names of their own. */
	proc_tree_thread(tree, 4, 40, "CPU 0/TCG");
	proc_scan_free(scan);
	scan = scan_of(tree);
	run(scan);
	CU_ASSERT_EQUAL(proc_scan_vmms(scan)->len, 4);
	proc_scan_free(scan);
	proc_tree_free(tree);
}

/* --- platforms ------------------------------------------------------------------------------ */

static void expect_tags(const char *const *argv, bool is_qemu, const char *cgroup, const char *want)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	g_autoptr(GString) got = g_string_new(NULL);
	g_autoptr(GArray) tags = platform_tags_new();
	struct vmm_cmdline cmdline;

	for (; *argv; argv++)
		g_byte_array_append(bytes, (const guint8 *)*argv, strlen(*argv) + 1);
	vmm_cmdline_parse((const char *)bytes->data, bytes->len, is_qemu, &cmdline);
	platform_tags(&cmdline, cgroup, tags);
	for (unsigned i = 0; i < tags->len; i++) {
		const struct kvmlens_tag *t = &g_array_index(tags, struct kvmlens_tag, i);

		g_string_append_printf(got, "%s%s=%s", i ? " " : "", t->key, t->value);
	}
	expect(got->str, want);
	vmm_cmdline_clear(&cmdline);
}

static void test_platforms(void)
{
	static const char pod[] =
		"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-"
		"pod0f1e2d3c_4b5a_4697_8876_5a4b3c2d1e0f.slice/cri-containerd-0123.scope\n";
	static const char pod_v1[] = "3:cpu:/kubepods/burstable/pod0f1e2d3c-4b5a-4697-8876-"
				     "5a4b3c2d1e0f/0123\n";
#define POD "kubernetes_pod_uid=0f1e2d3c-4b5a-4697-8876-5a4b3c2d1e0f"

	expect_tags(ARGV("-id", "103", "-name", "shop"), true, NULL, "proxmox_vmid=103");
	expect_tags(ARGV("-name", "guest=team-a_db-0,debug-threads=on"), true, pod,
		    "kubevirt_namespace=team-a kubevirt_name=db-0 " POD);
	expect_tags(ARGV("-name", "guest=team-a_db-0"), true, pod_v1,
		    "kubevirt_namespace=team-a kubevirt_name=db-0 " POD);
	expect_tags(ARGV("-name", "guest=team-a_db-0", "-smbios", "type=1,manufacturer=KubeVirt"),
		    true, "0::/", "kubevirt_namespace=team-a kubevirt_name=db-0");
	/* An underscore makes nobody a VM of KubeVirt, nor does a pod alone. */
	expect_tags(ARGV("-name", "my_vm"), true, "0::/machine.slice", "");
	expect_tags(ARGV("-name", "sandbox-1"), true, pod, POD);
	expect_tags(ARGV("-name", "guest=instance-0000001a"), true, NULL,
		    "nova_instance=instance-0000001a");
	expect_tags(ARGV("-name", "vm-7", "-smbios", "type=1,product=OpenStack Nova"), true, NULL,
		    "nova_instance=vm-7");
	expect_tags(ARGV("-name", "instance-1"), true, NULL, "");
	expect_tags(((const char *const[]){"/opt/kata/bin/cloud-hypervisor", "--api-socket",
					   "/run/kata/31910e6c6b89/ch-api.sock", NULL}),
		    false, NULL, "cloud_hypervisor_id=31910e6c6b89");
	expect_tags(((const char *const[]){"cloud-hypervisor", "--api-socket=path=/run/web.sock",
					   "--platform", "uuid=" A, NULL}),
		    false, NULL, "cloud_hypervisor_id=web");
	expect_tags(((const char *const[]){"/firecracker", "--id", "fc-7", "--start-time-us", "1",
					   NULL}),
		    false, NULL, "firecracker_id=fc-7");
}

static void test_proxmox(void)
{
	static const char conf[] = "#note: tags: no\nname: shop\ntags: prod;web\nmemory: 4\n"
				   "[snap]\ntags: old\n";
	static const char users[] = "user:root@pam:1:0:::x::\npool:other:c:1,1033:st:\n"
				    "pool:shops:a comment:100,103:local:\nacl:1:/:x:y:\n";
	g_autofree char *dir = g_dir_make_tmp("kvmlens-pve-XXXXXX", NULL);
	g_autofree char *sub = g_strdup_printf("%s/qemu-server", dir);
	g_autofree char *file = g_strdup_printf("%s/103.conf", sub);
	g_autofree char *cfg = g_strdup_printf("%s/user.cfg", dir);
	g_autoptr(GArray) tags = platform_tags_new(), none = platform_tags_new();
	g_autofree char *command = g_strdup_printf("rm -r '%s'", dir);

	CU_ASSERT_EQUAL_FATAL(g_mkdir(sub, 0700), 0);
	g_file_set_contents(file, conf, -1, NULL);
	g_file_set_contents(cfg, users, -1, NULL);
	platform_pve_read(dir, "103", tags);
	expect(platform_tag_get(tags, "proxmox_tags"), "prod;web");
	expect(platform_tag_get(tags, "proxmox_pool"), "shops");
	CU_ASSERT_EQUAL(tags->len, 2);
	platform_pve_read(dir, "10", none);
	CU_ASSERT_EQUAL(none->len, 0);
	CU_ASSERT_EQUAL(system(command), 0);
}

/* --- what /proc shows ----------------------------------------------------------------------- */

static void expect_mount(const char *mountinfo, const char *want)
{
	char option[32];

	proc_view_parse_mount(mountinfo, "/proc", option, sizeof(option));
	expect(option, want);
}

static void test_view(void)
{
	static const char text[] = "8.56 10.56 9.28 10/160 6410\n";

	CU_ASSERT_EQUAL(proc_view_parse_loadavg(text, sizeof(text) - 1), 160);
	CU_ASSERT_EQUAL(proc_view_parse_loadavg("0.1 x", 5), UINT64_MAX);
	CU_ASSERT_EQUAL(proc_view_parse_loadavg("1/", 2), UINT64_MAX);
	CU_ASSERT_EQUAL(proc_view_hidden(160, 158), 0);
	CU_ASSERT_EQUAL(proc_view_hidden(160, 10), 150);
	CU_ASSERT_EQUAL(proc_view_hidden(10000, 9800), 0);
	CU_ASSERT_EQUAL(proc_view_hidden(UINT64_MAX, 9800), UINT64_MAX);
	expect_mount("20 1 0:19 / /proc rw,nosuid - proc proc rw,hidepid=invisible\n",
		     "hidepid=invisible");
	expect_mount("20 1 0:19 / /proc rw - proc proc rw,hidepid=2\n21 20 0:20 / /proc rw - proc "
		     "proc rw\n",
		     "");
	expect_mount("20 1 0:19 / /other/proc rw - proc proc rw,hidepid=2\n", "");
	expect_mount("20 1 0:19 / /proc rw - proc proc rw,subset=pid\nnonsense", "subset=pid");
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a made UUID survives restarts", test_made},
		{"VMs without a name", test_nameless},
		{"where a UUID comes from", test_sources},
		{"a VMM by what it holds", test_recognized},
		{"labels of platforms", test_platforms},
		{"Proxmox's tags and pools", test_proxmox},
		{"how much a /proc shows", test_view},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {{"identity", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	unsigned failed = 1;

	if (CU_initialize_registry() == CUE_SUCCESS && CU_register_suites(suites) == CUE_SUCCESS &&
	    CU_basic_run_tests() == CUE_SUCCESS)
		failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
