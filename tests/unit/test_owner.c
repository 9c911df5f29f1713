// SPDX-License-Identifier: Apache-2.0
/* Whose a process is: judged of real processes, with files of users of the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <CUnit/Basic.h>
#include "vm/owner.h"
#include "vm/proc_fs.h"

struct users {
	char *dir;
	struct owner_policy *policy;
};

static void write_file(const char *dir, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, -1, NULL));
}

static void users_init(struct users *u, const char *const *names, size_t n)
{
	u->dir = g_dir_make_tmp("kvmlens-etc-XXXXXX", NULL);
	write_file(u->dir, "passwd",
		   "root:x:0:0:root:/root:/bin/sh\n"
		   "toor:x:0:0::/:/bin/sh\n"
		   "# a comment\n"
		   "broken:x\n"
		   "libvirt-qemu:x:64055:994::/:/bin/false\n"
		   "ann:x:1000:1000:Ann:/:/bin/sh\n"
		   "bob:x:1001:1001::/:/bin/sh\n");
	write_file(u->dir, "subuid", "ann:100000:65536\n1001:200000:65536\nbad:5\nroot:0:10\n");
	u->policy = owner_policy_new(u->dir, names, n);
}

static void users_free(struct users *u)
{
	static const char *const names[] = {"passwd", "subuid"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(u->dir, names[i], NULL);

		g_unlink(path);
	}
	g_rmdir(u->dir);
	g_free(u->dir);
	owner_policy_free(u->policy);
}

/* A process with these ids (real, effective, saved) that hides its owner where it can. */
static pid_t start_process(uid_t real, uid_t effective, uid_t saved)
{
	int ready[2];
	char byte;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (setresuid(real, effective, saved))
			_exit(1);
		prctl(PR_SET_DUMPABLE, 0);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void judge(const struct users *u, uid_t real, uid_t effective, uid_t saved,
		  struct vm_owner *ret_owner)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t pid = start_process(real, effective, saved);
	struct owner_ids ids;

	CU_ASSERT_EQUAL_FATAL(proc_fs_owner_ids(proc, pid, &ids), 0);
	CU_ASSERT_EQUAL(ids.uid[0], real);
	CU_ASSERT_EQUAL(ids.uid[1], effective);
	CU_ASSERT_EQUAL(ids.uid[2], saved);
	owner_judge(u->policy, &ids, proc_fs_exe_uid(proc, pid), "/usr/bin/x", ret_owner);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(proc);
}

static void test_real_processes(void)
{
	struct vm_owner owner;
	struct users u;

	if (geteuid()) {
		printf(" (needs root: skipped) ");
		return;
	}
	users_init(&u, NULL, 0);
	judge(&u, 0, 0, 0, &owner);
	CU_ASSERT_FALSE(owner.ordinary);
	CU_ASSERT_STRING_EQUAL(owner.name, "root");
	judge(&u, 64055, 64055, 64055, &owner);
	CU_ASSERT_FALSE(owner.ordinary);
	CU_ASSERT_STRING_EQUAL(owner.name, "libvirt-qemu");
	judge(&u, 1000, 1000, 1000, &owner);
	CU_ASSERT_TRUE(owner.ordinary);
	CU_ASSERT_STRING_EQUAL(owner.name, "ann");
	CU_ASSERT_STRING_EQUAL(owner.exe, "/usr/bin/x");
	/* As a program with the set-user-ID bit, and one that may go back. */
	judge(&u, 1000, 0, 0, &owner);
	CU_ASSERT_TRUE(owner.ordinary);
	CU_ASSERT_STRING_EQUAL(owner.name, "ann");
	judge(&u, 0, 0, 1001, &owner);
	CU_ASSERT_TRUE(owner.ordinary);
	CU_ASSERT_STRING_EQUAL(owner.name, "bob");
	judge(&u, 100005, 100005, 100005, &owner);
	CU_ASSERT_STRING_EQUAL(owner.name, "ann");
	judge(&u, 265535, 265535, 265535, &owner);
	CU_ASSERT_STRING_EQUAL(owner.name, "bob");
	judge(&u, 265536, 265536, 265536, &owner);
	CU_ASSERT_STRING_EQUAL(owner.name, "265536");
	CU_ASSERT_TRUE(owner.ordinary);
	users_free(&u);
}

static void test_executable(void)
{
	const struct owner_ids root = {{0, 0, 0, 0}};
	struct vm_owner owner;
	struct users u;

	users_init(&u, NULL, 0);
	owner_judge(u.policy, &root, 1000, "/opt/ann/qemu-system-x86_64", &owner);
	CU_ASSERT_TRUE(owner.ordinary);
	CU_ASSERT_STRING_EQUAL(owner.name, "ann");
	owner_judge(u.policy, &root, UINT32_MAX, NULL, &owner);
	CU_ASSERT_FALSE(owner.ordinary);
	users_free(&u);
}

static void test_configured(void)
{
	static const char *const names[] = {"ann", "4711", "nobody-knows"};
	const struct owner_ids ann = {{1000, 1000, 1000, 1000}},
			       number = {{4711, 4711, 4711, 4711}},
			       qemu = {{64055, 64055, 64055, 64055}}, root = {{0, 0, 0, 0}};
	struct vm_owner owner;
	struct users u;

	users_init(&u, names, G_N_ELEMENTS(names));
	owner_judge(u.policy, &ann, 0, "x", &owner);
	CU_ASSERT_FALSE(owner.ordinary);
	owner_judge(u.policy, &number, 0, "x", &owner);
	CU_ASSERT_FALSE(owner.ordinary);
	owner_judge(u.policy, &root, 0, "x", &owner);
	CU_ASSERT_FALSE(owner.ordinary);
	owner_judge(u.policy, &qemu, 0, "x", &owner);
	CU_ASSERT_TRUE(owner.ordinary);
	/* A user that comes later. */
	write_file(u.dir, "passwd", "root:x:0:0::/:/bin/sh\nnobody-knows:x:64055:1::/:/bin/sh\n");
	owner_policy_refresh(u.policy);
	owner_judge(u.policy, &qemu, 0, "x", &owner);
	CU_ASSERT_FALSE(owner.ordinary);
	CU_ASSERT_STRING_EQUAL(owner.name, "nobody-knows");
	owner_judge(u.policy, &ann, 0, "x", &owner);
	CU_ASSERT_TRUE(owner.ordinary);
	users_free(&u);
}

static void test_status(void)
{
	static const char *const bad[] = {"",
					  "Uid:\t1\t2\t3\t4\n",
					  "Name:\tx\nUid:\t1\t2\t3\n",
					  "Name:\tx\nUid:\t1\t2\t3\t-4\n",
					  "Name:\tx\nUid:\t1\t2\t3\t4294967296\n",
					  "Name:\tx\nUid:"};
	/* A name cannot hold a line end: the kernel writes it as \n. */
	static const char good[] = "Name:\t\\nUid:\t0\nUid:\t1\t2\t3\t4\n";
	struct owner_ids ids = {{9, 9, 9, 9}};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_EQUAL(owner_parse_status(bad[i], strlen(bad[i]), &ids), -EINVAL);
	CU_ASSERT_EQUAL(ids.uid[0], 9);
	CU_ASSERT_EQUAL(owner_parse_status(good, strlen(good), &ids), 0);
	CU_ASSERT_EQUAL(ids.uid[0], 1);
	CU_ASSERT_EQUAL(ids.uid[3], 4);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"real processes", test_real_processes},
		{"another's executable", test_executable},
		{"configured owners", test_configured},
		{"status", test_status},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {{"owner", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	unsigned failed = 1;

	if (CU_initialize_registry() == CUE_SUCCESS && CU_register_suites(suites) == CUE_SUCCESS &&
	    CU_basic_run_tests() == CUE_SUCCESS)
		failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
