// SPDX-License-Identifier: Apache-2.0
/* What /proc, cgroups, sysfs and command lines say of a VM's share of the host. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "unit/suite.h"
#include "vm/footprint_read.h"
#include "vm/footprints.h"
#include "vm/stacking.h"

#define KIB 1024ull
#define NONE UINT64_MAX

static void test_status(void)
{
	static const char text[] =
		"Name:\tqemu\nVmPeak:\t  900 kB\nVmRSS:\t   52048 kB\n"
		"RssAnon:\t 1 kB\nVmSwap:\t     128 kB\nHugetlbPages:\t    2048 kB\n";
	struct footprint f;

	footprint_init(&f);
	footprint_parse_status(text, strlen(text), &f);
	CU_ASSERT_EQUAL(f.resident, 52048 * KIB);
	CU_ASSERT_EQUAL(f.swapped, 128 * KIB);
	CU_ASSERT_EQUAL(f.hugetlb, 2048 * KIB);
	CU_ASSERT_EQUAL(f.huge_anon, NONE);
	footprint_init(&f);
	footprint_parse_status("VmRSS:\t kB\nVmSwap: 99999999999999999999 kB\nVmRSS", 45, &f);
	CU_ASSERT_EQUAL(f.resident, NONE);
	CU_ASSERT_EQUAL(f.swapped, NONE);
}

static void test_rollup(void)
{
	static const char text[] = "55d0-7ffe ---p 00000000 00:00 0    [rollup]\n"
				   "Rss:               52112 kB\nPss:               40000 kB\n"
				   "AnonHugePages:     20480 kB\nShmemPmdMapped:     4096 kB\n"
				   "FilePmdMapped:      2048 kB\nShared_Hugetlb:     1024 kB\n"
				   "Private_Hugetlb:    3072 kB\nSwap:                 64 kB\n"
				   "SwapPss:               1 kB\n";
	struct footprint f;

	footprint_init(&f);
	footprint_parse_rollup(text, strlen(text), &f);
	CU_ASSERT_EQUAL(f.resident, 52112 * KIB);
	CU_ASSERT_EQUAL(f.swapped, 64 * KIB);
	CU_ASSERT_EQUAL(f.huge_anon, 20480 * KIB);
	CU_ASSERT_EQUAL(f.huge_shared, 6144 * KIB);
	CU_ASSERT_EQUAL(f.hugetlb, 4096 * KIB);
	/* Read again, it is not added to what was. */
	footprint_parse_rollup(text, strlen(text), &f);
	CU_ASSERT_EQUAL(f.hugetlb, 4096 * KIB);
}

static void test_numa(void)
{
	struct footprint f;

	footprint_init(&f);
	CU_ASSERT_TRUE(footprint_parse_numa(
		"7f00 default anon=512 dirty=512 N0=300 N1=212 kernelpagesize_kB=4\n", &f));
	CU_ASSERT_TRUE(
		footprint_parse_numa("7f10 bind:1 huge anon=3 N1=3 kernelpagesize_kB=2048\n", &f));
	CU_ASSERT_FALSE(footprint_parse_numa("7f20 default\n", &f));
	CU_ASSERT_FALSE(footprint_parse_numa("7f30 default N99=1 kernelpagesize_kB=4\n", &f));
	CU_ASSERT_FALSE(footprint_parse_numa("7f40 default file=/N2=7 kernelpagesize_kB=4\n", &f));
	CU_ASSERT_EQUAL(f.nodes[0], 300 * 4 * KIB);
	CU_ASSERT_EQUAL(f.nodes[1], 212 * 4 * KIB + 3 * 2048 * KIB);
	CU_ASSERT_EQUAL(f.nodes[2], NONE);
}

static bool cgroup_is(const char *text, const char *path, bool v1)
{
	char found[64];
	bool is_v1;

	return footprint_parse_cgroup(text, strlen(text), found, sizeof(found), &is_v1) &&
	       !strcmp(found, path) && is_v1 == v1;
}

static void test_cgroup(void)
{
	char found[8];
	bool v1;

	CU_ASSERT_TRUE(cgroup_is("0::/machine.slice/a:b\n", "/machine.slice/a:b", false));
	CU_ASSERT_TRUE(cgroup_is("7:blkio:/machine/qemu-1\n1:cpu:/\n0::/other\n", "/machine/qemu-1",
				 true));
	CU_ASSERT_TRUE(cgroup_is("9:name=systemd:/x\n0::/\n", "/", false));
	CU_ASSERT_FALSE(cgroup_is("3:cpu:/x\n", "/x", true));
	CU_ASSERT_FALSE(
		footprint_parse_cgroup("0::/far/too/long/a/path", 23, found, sizeof(found), &v1));
	CU_ASSERT_TRUE(footprint_alone("42\n", 3, 42));
	CU_ASSERT_FALSE(footprint_alone("42\n43\n", 6, 42));
	CU_ASSERT_FALSE(footprint_alone("", 0, 42));
	CU_ASSERT_FALSE(footprint_alone("0\n42\n", 5, 42)); /* of another namespace */
}

static void put(const char *dir, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, -1, NULL));
}

/* A cgroup for each vCPU, as libvirt makes them: the one of the VM, or 0. */
static uint64_t cgroup_of_vcpus(unsigned vcpus, uint64_t *ret_inode, unsigned *ret_over)
{
	g_autofree char *root = g_dir_make_tmp("kvmlens-cgroup-XXXXXX", NULL);
	g_autofree char *scope = g_build_filename(root, "cg/machine.slice/vm.scope", NULL);
	g_autofree char *libvirt = g_build_filename(scope, "libvirt", NULL);
	g_autofree char *self = g_build_filename(root, "proc/self", NULL);
	g_autofree char *process = g_build_filename(root, "proc/700", NULL);
	g_autofree char *proc = g_build_filename(root, "proc", NULL);
	g_autofree char *mounts = g_strdup_printf("1 2 0:3 / %s/cg rw - cgroup2 c rw\n", root);
	g_autofree char *remove = g_strdup_printf("rm -r %s", root);
	struct footprint_target target = {.pid = 700};
	struct footprint_view view = {0};
	struct footprint_job *job;
	uint64_t cgroup;
	struct stat st;

	g_mkdir_with_parents(libvirt, 0700);
	g_mkdir_with_parents(self, 0700);
	g_mkdir_with_parents(process, 0700);
	put(scope, "io.max", "");
	put(scope, "cgroup.procs", "");
	put(libvirt, "cgroup.procs", "700\n");
	put(self, "mountinfo", mounts);
	put(process, "cgroup", "0::/machine.slice/vm.scope/libvirt/emulator\n");
	put(process, "status", "VmRSS:\t100 kB\n");
	for (unsigned i = 0; i <= vcpus; i++) {
		g_autofree char *dir = i ? g_strdup_printf("%s/vcpu%u", libvirt, i - 1)
					 : g_build_filename(libvirt, "emulator", NULL);

		CU_ASSERT_EQUAL_FATAL(mkdir(dir, 0700), 0);
	}
	job = footprint_job_new(proc, &target, &view);
	job->job.run(&job->job);
	cgroup = job->view.cgroup;
	*ret_over = job->view.cgroups_left_out;
	CU_ASSERT_EQUAL(stat(scope, &st), 0);
	*ret_inode = st.st_ino;
	offload_job_unref(&job->job);
	CU_ASSERT_EQUAL(system(remove), 0);
	return cgroup;
}

static void test_many_vcpus(void)
{
	uint64_t inode;
	unsigned over;

	CU_ASSERT_EQUAL(cgroup_of_vcpus(61, &inode, &over), inode);
	CU_ASSERT_EQUAL(cgroup_of_vcpus(62, &inode, &over), inode);
	CU_ASSERT_EQUAL(cgroup_of_vcpus(1024, &inode, &over), inode);
	CU_ASSERT_EQUAL(over, 0);
	/* Beyond the bound nothing is attributed, and that is counted. */
	CU_ASSERT_EQUAL(cgroup_of_vcpus(CGROUP_DIRS_MAX + 10, &inode, &over), 0);
	CU_ASSERT_TRUE(over > 0);
}

/* As QEMU takes them in each way, libvirt's included, and Cloud Hypervisor. */
static void test_macs(void)
{
	static const char args[] =
		"qemu\0-device\0virtio-net-pci,mac=52:54:00:00:00:01,netdev=n\0"
		"-nic\0user,model=e1000,mac=BC:24:11:00:00:02\0-net\0nic,macaddr=52:54:00:00:00:03\0"
		"-device\0{\"driver\":\"virtio-net-pci\",\"mac\":\"52:54:00:00:00:04\",\"bus\":\"b\"}\0"
		"-device\0e1000,mac=52:54:00:00:00:01\0--net\0tap=,mac=52:54:00:00:00:05\0"
		"-name\0hmac=52:54:00:00:00:99\0-device\0x,mac=52:54:00:00:00\0-device\0x,mac=";
	static const char *const expected[] = {"52:54:00:00:00:01", "BC:24:11:00:00:02",
					       "52:54:00:00:00:03", "52:54:00:00:00:04",
					       "52:54:00:00:00:05"};
	char macs[8][VMM_MAC_LEN + 1];
	unsigned n = vmm_macs_parse(args, sizeof(args), macs, G_N_ELEMENTS(macs));

	CU_ASSERT_EQUAL_FATAL(n, G_N_ELEMENTS(expected));
	for (unsigned i = 0; i < n; i++)
		CU_ASSERT_STRING_EQUAL(macs[i], expected[i]);
	CU_ASSERT_EQUAL(vmm_macs_parse(args, sizeof(args), macs, 2), 2);
	CU_ASSERT_EQUAL(vmm_macs_parse("", 0, macs, 2), 0);
}

static void test_mounts(void)
{
	static const char text[] =
		"1 0 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
		"2 1 0:20 / /tmp rw - tmpfs tmpfs rw\n"
		"3 1 8:17 /sub /var/lib/lib\\040virt rw - xfs /dev/sdb1 rw\n"
		"4 1 0:33 / /opt rw - overlay overlay rw\n5 4 8:33 / /opt rw - xfs /dev/sdc1 rw\n";
	uint32_t dev = 0;

	CU_ASSERT_TRUE(stacking_mount_dev(text, strlen(text), "/var/x", &dev));
	CU_ASSERT_EQUAL(dev, BLOCK_DEV(254, 1));
	CU_ASSERT_TRUE(stacking_mount_dev(text, strlen(text), "/var/lib/lib virt/disk", &dev));
	CU_ASSERT_EQUAL(dev, BLOCK_DEV(8, 17));
	CU_ASSERT_TRUE(stacking_mount_dev(text, strlen(text), "/var/lib/lib virtual", &dev));
	CU_ASSERT_EQUAL(dev, BLOCK_DEV(254, 1));
	CU_ASSERT_FALSE(stacking_mount_dev(text, strlen(text), "/tmp/disk", &dev));
	CU_ASSERT_TRUE(stacking_mount_dev(text, strlen(text), "/opt/disk", &dev));
	CU_ASSERT_EQUAL(dev, BLOCK_DEV(8, 33));
}

static void make_file(const char *root, const char *path, const char *text)
{
	g_autofree char *file = g_build_filename(root, path, NULL);
	g_autofree char *dir = g_path_get_dirname(file);

	g_mkdir_with_parents(dir, 0700);
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(file, text, -1, NULL));
}

static void make_link(const char *root, const char *path, const char *target)
{
	g_autofree char *file = g_build_filename(root, path, NULL);
	g_autofree char *dir = g_path_get_dirname(file);

	g_mkdir_with_parents(dir, 0700);
	CU_ASSERT_EQUAL_FATAL(symlink(target, file), 0);
}

/* A loop device on a file system on LVM on a partition. */
static void test_stack(void)
{
	g_autofree char *root = g_dir_make_tmp("kvmlens-sys.XXXXXX", NULL);
	g_autofree char *mountinfo = g_build_filename(root, "mountinfo", NULL);
	struct stacking_roots roots = {root, mountinfo};
	g_autoptr(GArray) disks = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_autofree char *name = NULL, *file = NULL, *command = NULL;

	make_file(root, "devices/sda/dev", "8:0\n");
	make_file(root, "devices/sda/sda2/dev", "8:2\n");
	make_file(root, "devices/sda/sda2/partition", "2\n");
	make_file(root, "devices/dm-0/slaves/sda2/dev", "8:2\n");
	make_file(root, "devices/loop3/loop/backing_file", "/images/disk\n");
	make_link(root, "dev/block/8:0", "../../devices/sda");
	make_link(root, "dev/block/8:2", "../../devices/sda/sda2");
	make_link(root, "dev/block/253:0", "../../devices/dm-0");
	make_link(root, "dev/block/7:3", "../../devices/loop3");
	make_file(root, "mountinfo", "1 0 253:0 / / rw - ext4 /dev/dm-0 rw\n");
	name = stacking_name(&roots, BLOCK_DEV(8, 2));
	CU_ASSERT_STRING_EQUAL(name, "sda2");
	file = stacking_loop_file(&roots, BLOCK_DEV(7, 3));
	CU_ASSERT_STRING_EQUAL_FATAL(file, "/images/disk");
	CU_ASSERT_TRUE(stacking_file_disks(&roots, file, disks));
	CU_ASSERT_EQUAL_FATAL(disks->len, 1);
	CU_ASSERT_EQUAL(g_array_index(disks, uint32_t, 0), BLOCK_DEV(8, 0));
	command = g_strdup_printf("rm -r '%s'", root);
	CU_ASSERT_EQUAL(system(command), 0);
}

static void test_images(void)
{
	static const char args[] =
		"/usr/bin/qemu-system-x86_64\0-name\0x\0-drive\0file=/a,,b.img,if=virtio\0"
		"-drive\0if=virtio,file=c.qcow2,id=data\0-drive\0file=/d\0-hdb\0/e\0"
		"-drive\0if=pflash,file=/firmware\0-drive\0file=nbd://host/f\0"
		"-drive\0file=/cd,media=cdrom\0"
		"-blockdev\0driver=file,node-name=n0,filename=/g\0"
		"-blockdev\0{\"driver\":\"raw\",\"node-name\":\"n1\",\"file\":{\"filename\":\"/h\"}}\0"
		"-blockdev\0{\"driver\":\"file\",\"node-name\":\"unused\",\"filename\":\"/i\"}\0"
		"-blockdev\0{broken\0-device\0virtio-blk-pci,drive=n0\0"
		"-device\0{\"driver\":\"scsi-hd\",\"drive\":\"n1\"}\0-drive";
	struct image_file files[IMAGE_FILES_MAX];
	unsigned n = image_files_parse(args, sizeof(args), files, IMAGE_FILES_MAX);

	CU_ASSERT_EQUAL_FATAL(n, 6);
	CU_ASSERT_STRING_EQUAL(files[0].name, "virtio0");
	CU_ASSERT_STRING_EQUAL(files[0].path, "/a,b.img");
	CU_ASSERT_STRING_EQUAL(files[1].name, "data");
	CU_ASSERT_STRING_EQUAL(files[2].name, "ide0-hd0");
	CU_ASSERT_STRING_EQUAL(files[3].name, "ide0-hd1");
	CU_ASSERT_STRING_EQUAL(files[4].name, "n0");
	CU_ASSERT_STRING_EQUAL(files[5].path, "/h");
	CU_ASSERT_EQUAL(files[5].size, NONE);
	CU_ASSERT_EQUAL(image_files_parse(args, sizeof(args), files, 2), 2);
}

static void test_qcow2(void)
{
	static const uint8_t head[32] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3, [28] = 8};

	CU_ASSERT_EQUAL(image_files_qcow2_size(head, sizeof(head)), 8ull << 24);
	CU_ASSERT_EQUAL(image_files_qcow2_size(head, 31), NONE);
	CU_ASSERT_EQUAL(image_files_qcow2_size("QFI", 3), NONE);
}

/* This very process in the place of a VM. */
static void test_thread(void)
{
	struct footprints *f = footprints_new(NULL, 100, NULL);
	struct footprint_target targets[2];
	struct footprint_view view;
	int tries = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	memset(targets, 0, sizeof(targets));
	targets[0].pid = getpid();
	targets[0].start_ns = 7;
	targets[0].level = KVMLENS_DETAILED;
	targets[1].pid = 4194304; /* there is none */
	footprints_set(f, targets, 2);
	while (!footprints_get(f, getpid(), 7, &view) && tries++ < 500)
		g_usleep(10000);
	CU_ASSERT_FATAL(tries < 500);
	CU_ASSERT_TRUE(view.memory.resident > 100 * KIB && view.memory.resident < KIB * KIB * KIB);
	CU_ASSERT_TRUE(view.memory.swapped != NONE && view.memory.huge_anon != NONE);
	CU_ASSERT_FALSE(footprints_get(f, getpid(), 8, &view));
	CU_ASSERT_FALSE(footprints_get(f, 4194304, 0, &view));
	CU_ASSERT_EQUAL(footprints_hung(f), 0);
	footprints_set(f, targets, 0);
	for (tries = 0; footprints_get(f, getpid(), 7, &view) && tries < 500; tries++)
		g_usleep(10000);
	CU_ASSERT_TRUE(tries < 500);
	footprints_free(f);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"status", test_status},
		{"smaps_rollup", test_rollup},
		{"numa_maps", test_numa},
		{"cgroup", test_cgroup},
		{"cgroups of many vCPUs", test_many_vcpus},
		{"addresses of cards", test_macs},
		{"mountinfo", test_mounts},
		{"what is below a loop device", test_stack},
		{"drives of a command line", test_images},
		{"head of a qcow2 image", test_qcow2},
		{"the thread", test_thread},
		CU_TEST_INFO_NULL,
	};

	return suite_run("footprint", tests);
}
