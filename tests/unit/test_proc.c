// SPDX-License-Identifier: Apache-2.0
/* Which processes are VMMs, who they are and what their threads do. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>
#include <CUnit/Basic.h>
#include "proc_tree.h"
#include "vm/proc_fs.h"
#include "vm/proc_scan.h"

#define DATA "tests/data/proc"
#define STAT_TAIL " 1 1 1 0 -1 64 5 0 6 0 70 80 0 0 20 0 9 0 4242 0 33 0 0"
#define QEMU "/usr/bin/qemu-system-x86_64"

typedef struct proc_scan proc_scan_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(proc_scan_t, proc_scan_free)

static int parse_stat(const char *line, struct proc_stat *ret)
{
	return proc_parse_stat(line, strlen(line), ret);
}

static void test_stat(void)
{
	struct proc_stat s;

	CU_ASSERT_EQUAL_FATAL(parse_stat("77 (a b) S" STAT_TAIL "\n", &s), 0);
	CU_ASSERT_EQUAL(s.pid, 77);
	CU_ASSERT_STRING_EQUAL(s.comm, "a b");
	CU_ASSERT_EQUAL(s.state, 'S');
	CU_ASSERT_EQUAL(s.ppid, 1);
	CU_ASSERT_EQUAL(s.flags, 64);
	CU_ASSERT_EQUAL(s.minflt, 5);
	CU_ASSERT_EQUAL(s.majflt, 6);
	CU_ASSERT_EQUAL(s.utime, 70);
	CU_ASSERT_EQUAL(s.stime, 80);
	CU_ASSERT_EQUAL(s.num_threads, 9);
	CU_ASSERT_EQUAL(s.starttime, 4242);
	CU_ASSERT_EQUAL(s.rss, 33);
}

static void test_stat_own(void)
{
	int root = open("/proc", O_RDONLY | O_DIRECTORY);
	struct proc_stat s;

	CU_ASSERT_EQUAL_FATAL(proc_fs_stat(root, getpid(), &s), 0);
	CU_ASSERT_EQUAL(s.pid, getpid());
	CU_ASSERT_EQUAL(s.ppid, getppid());
	CU_ASSERT_TRUE(proc_stat_alive(&s));
	close(root);
}

static void test_stat_hostile_name(void)
{
	struct proc_stat s;

	CU_ASSERT_EQUAL_FATAL(parse_stat("7 (x) Z 0 (y)) R" STAT_TAIL, &s), 0);
	CU_ASSERT_STRING_EQUAL(s.comm, "x) Z 0 (y)");
	CU_ASSERT_EQUAL(s.state, 'R');
	CU_ASSERT_EQUAL_FATAL(parse_stat("7 () R" STAT_TAIL, &s), 0);
	CU_ASSERT_STRING_EQUAL(s.comm, "");
	CU_ASSERT_EQUAL_FATAL(parse_stat("7 (0123456789abcdefghij) R" STAT_TAIL, &s), 0);
	CU_ASSERT_STRING_EQUAL(s.comm, "0123456789abcde");
}

static void test_stat_bad(void)
{
	static const char *const bad[] = {
		"",
		"7",
		"7 (x",
		"7 x) S" STAT_TAIL,
		"(x) S" STAT_TAIL,
		")7 ( S",
		"7 (x)",
		"7 (x) ",
		"7 (x) S 1 2 3",
		"7 (x) SS" STAT_TAIL,
		"99999999999 (x) S" STAT_TAIL,
		"-7 (x) S" STAT_TAIL,
		"7 (x) S 1 1 1 0 -1 64 5 0 6 0 70 80 0 0 20 0 9 0 99999999999999999999 0 33 0",
	};
	struct proc_stat s;

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_EQUAL(parse_stat(bad[i], &s), -EINVAL);
}

static void test_alive(void)
{
	struct proc_stat s = {.state = 'S'};

	CU_ASSERT_TRUE(proc_stat_alive(&s));
	for (const char *state = "ZXx"; *state; state++) {
		s.state = *state;
		CU_ASSERT_FALSE(proc_stat_alive(&s));
	}
	s = (struct proc_stat){.state = 'D', .flags = 0x4};
	CU_ASSERT_FALSE(proc_stat_alive(&s));
}

static void test_roles(void)
{
	static const struct {
		const char *comm;
		enum sched_role role;
		uint32_t vcpu;
		bool tcg;
	} cases[] = {
		{"CPU 0/KVM", SCHED_ROLE_VCPU, 0, false},
		{"CPU 17/TCG", SCHED_ROLE_VCPU, 17, true},
		{"CPU 1024/KVM", SCHED_ROLE_VCPU, 1024, false},
		{"ALL CPUs/TCG", SCHED_ROLE_VCPU, 0, true},
		{"CPU /KVM", SCHED_ROLE_EMULATOR, 0, false},
		{"CPU -1/KVM", SCHED_ROLE_EMULATOR, 0, false},
		{"CPU 1/KVMx", SCHED_ROLE_EMULATOR, 0, false},
		{"fc_vcpu 3", SCHED_ROLE_VCPU, 3, false},
		{"vcpu5", SCHED_ROLE_VCPU, 5, false},
		{"crosvm_vcpu1", SCHED_ROLE_VCPU, 1, false},
		{"IO iothread1", SCHED_ROLE_IOTHREAD, 0, false},
		{"IO disk-a", SCHED_ROLE_IOTHREAD, 0, false},
		{"IO mon_iothread", SCHED_ROLE_EMULATOR, 0, false},
		{"IO ", SCHED_ROLE_EMULATOR, 0, false},
		{"vhost-4711", SCHED_ROLE_VHOST, 0, false},
		{"vhost-", SCHED_ROLE_EMULATOR, 0, false},
		{"vhost-x", SCHED_ROLE_EMULATOR, 0, false},
		{"worker", SCHED_ROLE_EMULATOR, 0, false},
		{"", SCHED_ROLE_EMULATOR, 0, false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct proc_role role = proc_thread_role(cases[i].comm);

		CU_ASSERT_EQUAL(role.role, cases[i].role);
		CU_ASSERT_EQUAL(role.vcpu_id, cases[i].vcpu);
		CU_ASSERT_EQUAL(role.tcg, cases[i].tcg);
	}
	CU_ASSERT_EQUAL(proc_vhost_owner("vhost-4711"), 4711);
	CU_ASSERT_EQUAL(proc_vhost_owner("vhost-4294967295"), 0);
	/* All 16 bytes of the array in use, no NUL. */
	CU_ASSERT_EQUAL(proc_thread_role((const char[16]){"CPU 12345678/KVM"}).vcpu_id, 12345678);
}

static enum proc_fd_kind fd_kind(const char *target, uint32_t *ret_vcpu)
{
	return proc_parse_fd(target, strlen(target), ret_vcpu);
}

static void test_fd(void)
{
	uint32_t vcpu = 99;

	CU_ASSERT_EQUAL(fd_kind("anon_inode:kvm-vm", &vcpu), PROC_FD_KVM_VM);
	CU_ASSERT_EQUAL(vcpu, 99);
	CU_ASSERT_EQUAL(fd_kind("anon_inode:kvm-vcpu:12", &vcpu), PROC_FD_KVM_VCPU);
	CU_ASSERT_EQUAL(vcpu, 12);
	CU_ASSERT_EQUAL(fd_kind("anon_inode:kvm-vcpu:", &vcpu), PROC_FD_OTHER);
	CU_ASSERT_EQUAL(fd_kind("anon_inode:kvm-vcpu:4294967296", &vcpu), PROC_FD_OTHER);
	CU_ASSERT_EQUAL(fd_kind("anon_inode:kvm-vm2", &vcpu), PROC_FD_OTHER);
	CU_ASSERT_EQUAL(fd_kind("/tmp/anon_inode:kvm-vm", &vcpu), PROC_FD_OTHER);
	CU_ASSERT_EQUAL(fd_kind("", &vcpu), PROC_FD_OTHER);
}

static void test_u64(void)
{
	uint64_t v = 5;

	CU_ASSERT_EQUAL(proc_parse_u64("18446744073709551615", 20, UINT64_MAX, &v), 0);
	CU_ASSERT_EQUAL(v, UINT64_MAX);
	CU_ASSERT_EQUAL(proc_parse_u64("18446744073709551616", 20, UINT64_MAX, &v), -ERANGE);
	CU_ASSERT_EQUAL(proc_parse_u64("8", 1, 7, &v), -ERANGE);
	CU_ASSERT_EQUAL(proc_parse_u64("70", 2, 69, &v), -ERANGE);
	CU_ASSERT_EQUAL(proc_parse_u64("7", 1, 7, &v), 0);
	CU_ASSERT_EQUAL(v, 7);
	CU_ASSERT_EQUAL(proc_parse_u64("", 0, 7, &v), -EINVAL);
	CU_ASSERT_EQUAL(proc_parse_u64("1 ", 2, 70, &v), -EINVAL);
}

/* --- scanning trees ------------------------------------------------------------------------- */

static struct proc_scan *scan_of(const char *root)
{
	struct proc_scan *scan = NULL;

	CU_ASSERT_EQUAL_FATAL(proc_scan_new(root, &scan), 0);
	return scan;
}

static const struct proc_vmm *only(struct proc_scan *scan, bool fds)
{
	const GPtrArray *vmms = proc_scan_vmms(scan);

	CU_ASSERT_EQUAL(proc_scan_run(scan, &(struct proc_scan_options){.fds = fds}), 0);
	CU_ASSERT_EQUAL_FATAL(vmms->len, 1);
	return vmms->pdata[0];
}

static unsigned count(struct proc_scan *scan, bool fds)
{
	CU_ASSERT_EQUAL(proc_scan_run(scan, &(struct proc_scan_options){.fds = fds}), 0);
	return proc_scan_vmms(scan)->len;
}

static void test_samples(void)
{
	g_autoptr(proc_scan_t) scan = scan_of(DATA);
	const struct proc_vmm *vmm;

	CU_ASSERT_EQUAL_FATAL(count(scan, false), 2);
	vmm = proc_scan_vmms(scan)->pdata[0];
	CU_ASSERT_EQUAL(vmm->stat.pid, 16172);
	CU_ASSERT_STRING_EQUAL(vmm->name, "vm1");
	CU_ASSERT_STRING_EQUAL(vmm->uuid, "af41286d-d1eb-49a2-b5ea-014e5b57a32a");
	CU_ASSERT_EQUAL(vmm->accel, VMM_ACCEL_TCG);
	CU_ASSERT_EQUAL(vmm->start_ns, 440100 * (1000000000ull / sysconf(_SC_CLK_TCK)));
	vmm = proc_scan_vmms(scan)->pdata[1];
	CU_ASSERT_EQUAL(vmm->stat.pid, 17342);
	CU_ASSERT_STRING_EQUAL(vmm->name, "kb1");
	CU_ASSERT_STRING_EQUAL(vmm->uuid, "4b27c14e-ab13-4aae-b31d-06df3f6667fe");
	CU_ASSERT_EQUAL(vmm->accel, VMM_ACCEL_KVM);
}

static void test_sample_threads(void)
{
	g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(struct proc_thread));
	static const enum sched_role roles[] = {
		SCHED_ROLE_EMULATOR, SCHED_ROLE_EMULATOR, SCHED_ROLE_IOTHREAD, SCHED_ROLE_EMULATOR,
		SCHED_ROLE_VCPU,     SCHED_ROLE_VCPU,	  SCHED_ROLE_EMULATOR, SCHED_ROLE_EMULATOR,
	};
	int root = open(DATA, O_RDONLY | O_DIRECTORY);
	uint64_t dropped = 0;

	CU_ASSERT_EQUAL(proc_fs_threads(root, 17342, 1, threads, &dropped), 0);
	CU_ASSERT_EQUAL_FATAL(threads->len, G_N_ELEMENTS(roles));
	for (unsigned i = 0; i < threads->len; i++)
		CU_ASSERT_EQUAL(g_array_index(threads, struct proc_thread, i).role.role, roles[i]);
	CU_ASSERT_EQUAL(g_array_index(threads, struct proc_thread, 4).tid, 17349);
	CU_ASSERT_EQUAL(g_array_index(threads, struct proc_thread, 5).role.vcpu_id, 1);
	CU_ASSERT_EQUAL(proc_fs_threads(root, 999, 1, threads, &dropped), -ESRCH);
	CU_ASSERT_EQUAL(threads->len, G_N_ELEMENTS(roles));
	CU_ASSERT_EQUAL(dropped, 0);
	close(root);
}

static void test_thread_renamed(void)
{
	g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(struct proc_thread));
	const struct proc_thread *thread;
	char *tree = proc_tree_new();
	uint64_t dropped = 0, s = 1000000000ull;
	int root;

	proc_tree_add(tree, &(struct tree_process){.pid = 5, .comm = "q"});
	proc_tree_thread(tree, 5, 6, "q");
	root = open(tree, O_RDONLY | O_DIRECTORY);
	CU_ASSERT_EQUAL(proc_fs_threads(root, 5, s, threads, &dropped), 0);
	proc_tree_thread(tree, 5, 6, "CPU 3/TCG");
	CU_ASSERT_EQUAL(proc_fs_threads(root, 5, s + s / 2, threads, &dropped), 0);
	CU_ASSERT_EQUAL_FATAL(threads->len, 2);
	thread = &g_array_index(threads, struct proc_thread, 1);
	CU_ASSERT_EQUAL(thread->role.vcpu_id, 3);
	CU_ASSERT_FALSE(thread->settled);
	/* Older than a second: the name is final. */
	CU_ASSERT_EQUAL(proc_fs_threads(root, 5, 2 * s, threads, &dropped), 0);
	CU_ASSERT_TRUE(g_array_index(threads, struct proc_thread, 1).settled);
	proc_tree_end_thread(tree, 5, 6);
	CU_ASSERT_EQUAL(proc_fs_threads(root, 5, 3 * s, threads, &dropped), 0);
	CU_ASSERT_EQUAL(threads->len, 1);
	close(root);
	proc_tree_free(tree);
}

static void test_not_vmms(void)
{
	const char *const probe[] = {QEMU, "-S", "-nodefaults", "-machine", "none,accel=kvm:tcg",
				     NULL};
	const char *const real[] = {QEMU, "-name", "real", NULL};
	char *tree = proc_tree_new();
	g_autoptr(proc_scan_t) scan = scan_of(tree);

	proc_tree_add(tree,
		      &(struct tree_process){.pid = 2, .comm = "kthreadd", .flags = 0x200000});
	proc_tree_add(tree, &(struct tree_process){.pid = 3,
						   .comm = "qemu-img",
						   .exe = "/usr/bin/qemu-img",
						   .argv = real});
	proc_tree_add(tree,
		      &(struct tree_process){
			      .pid = 4, .comm = "qemu-system-x86", .exe = QEMU, .argv = probe});
	proc_tree_add(tree, &(struct tree_process){.pid = 5,
						   .comm = "qemu-system-x86",
						   .exe = QEMU,
						   .argv = real,
						   .state = 'Z'});
	proc_tree_add(tree, &(struct tree_process){.pid = 6,
						   .comm = "qemu-system-x86",
						   .exe = QEMU,
						   .argv = real,
						   .flags = 4});
	CU_ASSERT_EQUAL(count(scan, true), 0);
	proc_tree_add(tree, &(struct tree_process){.pid = 7,
						   .comm = "qemu-system-x86",
						   .exe = QEMU " (deleted)",
						   .argv = real});
	CU_ASSERT_STRING_EQUAL(only(scan, true)->name, "real");
	proc_tree_free(tree);
}

static void test_kvm_descriptors(void)
{
	const char *const argv[] = {"/usr/bin/firecracker", "--id", "fc 1",
				    "--api-sock",	    "/x",   NULL};
	char *tree = proc_tree_new();
	g_autoptr(proc_scan_t) scan = scan_of(tree);
	const struct proc_vmm *vmm;

	proc_tree_add(tree, &(struct tree_process){.pid = 9,
						   .comm = "firecracker",
						   .exe = "/usr/bin/firecracker",
						   .argv = argv});
	proc_tree_fd(tree, 9, 3, "/dev/kvm");
	CU_ASSERT_EQUAL(count(scan, true), 0);
	proc_tree_fd(tree, 9, 4, "anon_inode:kvm-vm");
	proc_tree_fd(tree, 9, 5, "anon_inode:kvm-vcpu:0");
	/* With the kernel's iterator nobody looks at descriptors. */
	CU_ASSERT_EQUAL(count(scan, false), 0);
	for (int i = 0; i < 4 && !count(scan, true); i++)
		;
	vmm = only(scan, true);
	CU_ASSERT_STRING_EQUAL(vmm->name, "fc 1");
	CU_ASSERT_EQUAL(vmm->accel, VMM_ACCEL_KVM);
	CU_ASSERT_PTR_NULL(vmm->uuid);
	proc_tree_free(tree);
}

static void test_known(void)
{
	g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
	struct proc_scan_options options = {.known = known};
	char *tree = proc_tree_new();
	g_autoptr(proc_scan_t) scan = scan_of(tree);
	const char *const argv[] = {"vmm", NULL};

	proc_tree_add(tree, &(struct tree_process){.pid = 9, .comm = "my-vmm", .argv = argv});
	CU_ASSERT_EQUAL(count(scan, false), 0);
	g_hash_table_add(known, GINT_TO_POINTER(9));
	CU_ASSERT_EQUAL(proc_scan_run(scan, &options), 0);
	CU_ASSERT_EQUAL_FATAL(proc_scan_vmms(scan)->len, 1);
	CU_ASSERT_PTR_NULL(((struct proc_vmm *)proc_scan_vmms(scan)->pdata[0])->name);
	proc_tree_free(tree);
}

static void test_wedged(void)
{
	const char *const a[] = {QEMU, "-name", "a", NULL}, *const b[] = {QEMU, "-name", "b", NULL};
	char *tree = proc_tree_new();
	g_autoptr(proc_scan_t) scan = scan_of(tree);
	const struct proc_vmm *vmm;

	proc_tree_add(tree, &(struct tree_process){.pid = 8, .comm = "q", .exe = QEMU, .argv = a});
	proc_tree_add(tree, &(struct tree_process){.pid = 9, .comm = "q", .exe = QEMU, .argv = b});
	proc_tree_wedge(tree, 8);
	CU_ASSERT_EQUAL_FATAL(count(scan, false), 2);
	CU_ASSERT_EQUAL(proc_scan_blocked(scan), 1);
	vmm = proc_scan_vmms(scan)->pdata[0];
	CU_ASSERT_TRUE(vmm->blocked);
	CU_ASSERT_PTR_NULL(vmm->name);
	vmm = proc_scan_vmms(scan)->pdata[1];
	CU_ASSERT_STRING_EQUAL(vmm->name, "b");
	proc_tree_unwedge(tree, 8, a);
	for (int i = 0; i < 1000 && proc_scan_blocked(scan); i++) {
		g_usleep(1000);
		CU_ASSERT_EQUAL(count(scan, false), 2);
	}
	vmm = proc_scan_vmms(scan)->pdata[0];
	CU_ASSERT_STRING_EQUAL_FATAL(vmm->name, "a");
	proc_tree_free(tree);
}

static void test_many_wedged(void)
{
	const char *const argv[] = {QEMU, "-name", "fine", NULL};
	char *tree = proc_tree_new();
	struct proc_scan *scan = scan_of(tree);

	for (int pid = 10; pid < 22; pid++) {
		proc_tree_add(tree, &(struct tree_process){.pid = pid, .comm = "q", .exe = QEMU});
		proc_tree_wedge(tree, pid);
	}
	proc_tree_add(tree,
		      &(struct tree_process){.pid = 30, .comm = "q", .exe = QEMU, .argv = argv});
	CU_ASSERT_EQUAL(count(scan, false), 13);
	/* More hang than there may be threads for: the last one's name must wait. */
	CU_ASSERT_EQUAL(proc_scan_blocked(scan), 13);
	for (int pid = 10; pid < 18; pid++)
		proc_tree_unwedge(tree, pid, argv);
	proc_tree_remove(tree, 18);
	for (int i = 0; i < 1000 && proc_scan_blocked(scan) > 4; i++) {
		g_usleep(1000);
		count(scan, false);
	}
	/* Three hang that had not been tried before, one thread each. */
	CU_ASSERT_EQUAL(proc_scan_blocked(scan), 3);
	proc_scan_free(scan);
	for (int pid = 19; pid < 22; pid++)
		proc_tree_unwedge(tree, pid, argv);
	proc_tree_free(tree);
}

static void test_exec(void)
{
	const char *const argv[] = {QEMU, "-name", "late", NULL};
	char *tree = proc_tree_new();
	g_autoptr(proc_scan_t) scan = scan_of(tree);

	proc_tree_add(tree, &(struct tree_process){.pid = 9,
						   .comm = "libvirtd",
						   .start = 5,
						   .exe = "/usr/sbin/libvirtd"});
	CU_ASSERT_EQUAL(count(scan, false), 0);
	proc_tree_add(tree, &(struct tree_process){.pid = 9,
						   .comm = "qemu-system-x86",
						   .start = 5,
						   .exe = QEMU,
						   .argv = argv});
	CU_ASSERT_STRING_EQUAL(only(scan, false)->name, "late");
	/* Same id, another process. */
	proc_tree_add(tree,
		      &(struct tree_process){.pid = 9,
					     .comm = "qemu-system-x86",
					     .start = 6,
					     .exe = QEMU,
					     .argv = (const char *const[]){QEMU, "-m", "1", NULL}});
	CU_ASSERT_PTR_NULL(only(scan, false)->name);
	CU_ASSERT_FALSE(only(scan, false)->blocked);
	proc_tree_remove(tree, 9);
	CU_ASSERT_EQUAL(count(scan, false), 0);
	proc_tree_free(tree);
}

static void test_twin(void)
{
	const char *const argv[] = {QEMU, "-name", "one", NULL};
	char *tree = proc_tree_new();
	g_autoptr(proc_scan_t) scan = scan_of(tree);

	proc_tree_add(tree,
		      &(struct tree_process){.pid = 9, .comm = "q", .exe = QEMU, .argv = argv});
	proc_tree_add(tree, &(struct tree_process){
				    .pid = 11, .ppid = 9, .comm = "q", .exe = QEMU, .argv = argv});
	CU_ASSERT_EQUAL(only(scan, false)->stat.pid, 9);
	proc_tree_free(tree);
}

static void test_vhost_kthreads(void)
{
	char *tree = proc_tree_new();
	g_autoptr(proc_scan_t) scan = scan_of(tree);
	const GArray *vhosts = proc_scan_vhosts(scan);

	proc_tree_add(tree, &(struct tree_process){
				    .pid = 40, .ppid = 2, .comm = "vhost-9", .flags = 0x200000});
	/* A process of somebody who calls himself so. */
	proc_tree_add(tree, &(struct tree_process){.pid = 41, .comm = "vhost-9"});
	CU_ASSERT_EQUAL(count(scan, true), 0);
	CU_ASSERT_EQUAL_FATAL(vhosts->len, 1);
	CU_ASSERT_EQUAL(g_array_index(vhosts, struct proc_vhost, 0).tid, 40);
	CU_ASSERT_EQUAL(g_array_index(vhosts, struct proc_vhost, 0).owner, 9);
	proc_tree_free(tree);
}

static void test_no_root(void)
{
	struct proc_scan *scan = NULL;

	CU_ASSERT_EQUAL(proc_scan_new("/nonexistent", &scan), -ENOENT);
	CU_ASSERT_PTR_NULL(scan);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"stat", test_stat},
		{"own stat", test_stat_own},
		{"stat: hostile name", test_stat_hostile_name},
		{"stat: bad", test_stat_bad},
		{"alive", test_alive},
		{"roles", test_roles},
		{"descriptors", test_fd},
		{"numbers", test_u64},
		{"samples", test_samples},
		{"threads of a sample", test_sample_threads},
		{"thread gets its name late", test_thread_renamed},
		{"what is no VMM", test_not_vmms},
		{"KVM descriptors", test_kvm_descriptors},
		{"known to the kernel", test_known},
		{"wedged process", test_wedged},
		{"many wedged processes", test_many_wedged},
		{"exec and reuse", test_exec},
		{"forked twin", test_twin},
		{"vhost kernel threads", test_vhost_kthreads},
		{"no such root", test_no_root},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {{"proc", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	unsigned failed = 1;

	if (CU_initialize_registry() == CUE_SUCCESS && CU_register_suites(suites) == CUE_SUCCESS &&
	    CU_basic_run_tests() == CUE_SUCCESS)
		failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
