// SPDX-License-Identifier: Apache-2.0
/* What a guest agent says, from bytes to values: replies of a real one, and of none. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest/ga_find.h"
#include "guest/ga_reply.h"
#include "guest/ga_scan.h"
#include "guest/ga_text.h"
#include "metric/model.h"
#include "unit/replies.h"
#include "unit/suite.h"

static int parse(const char *text)
{
	json_auto_t *value = NULL;

	return ga_reply_parse(text, strlen(text), &value);
}

static void test_reply(void)
{
	json_auto_t *value = NULL;
	uint64_t number;

	CU_ASSERT_EQUAL(parse("{\"return\":{}}\n"), 0);
	CU_ASSERT_EQUAL(parse("  \n{\"return\":[1,2]}"), 0);
	CU_ASSERT_EQUAL(parse("{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"}}"),
			-EREMOTEIO);
	CU_ASSERT_EQUAL(parse("{\"neither\":1}"), -EPROTO);
	CU_ASSERT_EQUAL(parse("{\"return\":1"), -EPROTO);
	CU_ASSERT_EQUAL(parse("[1]"), -EPROTO);
	CU_ASSERT_EQUAL(parse("hello"), -EPROTO);
	CU_ASSERT_EQUAL(parse(""), -EPROTO);
	CU_ASSERT_EQUAL(parse("{\"return\":1,\"return\":2}"), -EPROTO);
	CU_ASSERT_EQUAL(parse("{\"return\":\"\\u0000\"}"), -EPROTO);
	CU_ASSERT_EQUAL(parse("{\"return\":\"a\tb\"}"), -EPROTO);
	CU_ASSERT_EQUAL(ga_reply_parse("{\"return\":42}", 13, &value), 0);
	CU_ASSERT_EQUAL(ga_reply_number(value, &number), 0);
	CU_ASSERT_EQUAL(number, 42);
}

static GString *repeat(const char *begin, const char *part, size_t n, const char *end)
{
	GString *text = g_string_new(begin);

	for (size_t i = 0; i < n; i++)
		g_string_append(text, part);
	g_string_append(text, end);
	return text;
}

/* Each is refused by its bound, before anything is made of it. */
static void test_bounds(void)
{
	g_autoptr(GString) deep = repeat("{\"return\":", "[", 1000, "");
	g_autoptr(GString) full = repeat("{\"return\":[", "1,", GA_VALUES_MAX, "1]}");
	g_autoptr(GString) more =
		repeat("{\"return\":\"", "0123456789abcdef", GA_REPLY_MAX / 16, "\"}");
	g_autoptr(GString) most =
		repeat("{\"return\":\"", "0123456789abcdef", GA_REPLY_MAX / 16 - 1, "\"}");
	g_autoptr(GString) blank = repeat("", "\n\n\n\n\n\n\n\n", GA_REPLY_MAX / 8 + 1, "{}");

	CU_ASSERT_EQUAL(parse(deep->str), -EMSGSIZE);
	CU_ASSERT_EQUAL(parse(full->str), -EMSGSIZE);
	CU_ASSERT_EQUAL(parse(more->str), -EMSGSIZE);
	CU_ASSERT_EQUAL(parse(most->str), 0);
	CU_ASSERT_EQUAL(parse(blank->str), -EMSGSIZE);
}

/* In pieces of any size it ends at the same byte. */
static void test_pieces(void)
{
	static const char text[] = "\n{\"return\":[\"a\\\"}]\",{\"b\":null}]}\n{\"return\"";
	const size_t end = strlen("\n{\"return\":[\"a\\\"}]\",{\"b\":null}]}");

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct ga_scan scan = {0};
		size_t at = 0, used = 0;
		int r = 0;

		while (!r) {
			r = ga_scan_feed(&scan, text + at, MIN(piece, strlen(text) - at), &used);
			at += used;
		}
		CU_ASSERT_EQUAL(r, 1);
		CU_ASSERT_EQUAL(at, end);
	}
}

static void test_commands(void)
{
	json_auto_t *value = replies_agent("guest-info");
	unsigned allowed = 0;

	CU_ASSERT_EQUAL(ga_reply_commands(value, &allowed), 0);
	CU_ASSERT_EQUAL(allowed, (1u << GA_COMMANDS) - 1);
	json_object_clear(value);
	CU_ASSERT_EQUAL(ga_reply_commands(value, &allowed), -EINVAL);
}

static void test_disabled(void)
{
	json_auto_t *value =
		json_loads("{\"supported_commands\":[{\"name\":\"guest-exec\",\"enabled\":false},"
			   "{\"name\":\"guest-get-fsinfo\",\"enabled\":true},{\"name\":7},3]}",
			   0, NULL);
	unsigned allowed;

	CU_ASSERT_EQUAL(ga_reply_commands(value, &allowed), 0);
	CU_ASSERT_EQUAL(allowed, 1u << GA_FSINFO);
}

static void test_fsinfo(void)
{
	json_auto_t *value = replies_agent("guest-get-fsinfo"), *many = json_array();
	g_autoptr(ga_result) result = ga_result_new();

	CU_ASSERT_EQUAL(ga_reply_fsinfo(value, result), 0);
	CU_ASSERT_EQUAL_FATAL(result->n_fs, 1);
	CU_ASSERT_STRING_EQUAL(result->fs[0].mount, "/mnt");
	CU_ASSERT_STRING_EQUAL(result->fs[0].device, "vda");
	CU_ASSERT_EQUAL(result->fs[0].size, 223465472);
	CU_ASSERT_EQUAL(result->fs[0].used, 14336);
	/* One device in many places counts once, too many devices leave the largest. */
	for (int i = 0; i < 100; i++) {
		g_autofree char *name = g_strdup_printf("vd%02d", i);

		json_array_append_new(many, json_pack("{s:s,s:s,s:i,s:i}", "name", name,
						      "mountpoint", "/long/er", "total-bytes",
						      1000 + i, "used-bytes", i));
		json_array_append_new(many,
				      json_pack("{s:s,s:s,s:i,s:i}", "name", name, "mountpoint",
						"/m", "total-bytes", 1000 + i, "used-bytes", i));
	}
	CU_ASSERT_EQUAL(ga_reply_fsinfo(many, result), 0);
	CU_ASSERT_EQUAL_FATAL(result->n_fs, GA_FS_MAX);
	CU_ASSERT_STRING_EQUAL(result->fs[0].device, "vd36");
	CU_ASSERT_STRING_EQUAL(result->fs[0].mount, "/m");
	CU_ASSERT_STRING_EQUAL(result->fs[GA_FS_MAX - 1].device, "vd99");
	CU_ASSERT_EQUAL(result->fs_left_out, 36);
}

static const struct ga_fs *fs_at(const struct ga_result *result, const char *mount)
{
	for (uint32_t i = 0; i < result->n_fs; i++)
		if (!strcmp(result->fs[i].mount, mount))
			return &result->fs[i];
	CU_FAIL("no such file system");
	return &result->fs[0];
}

/* Ubuntu with its snaps and a medium, Windows with a CD: what cannot be written cannot fill up. */
static void test_read_only_types(void)
{
	json_auto_t *value = replies_agent("fsinfo-snaps"),
		    *windows = replies_agent("fsinfo-windows");
	g_autoptr(ga_result) result = ga_result_new();

	CU_ASSERT_EQUAL(ga_reply_fsinfo(value, result), 0);
	CU_ASSERT_EQUAL(result->n_fs, 6);
	CU_ASSERT_FALSE(fs_at(result, "/")->read_only);
	CU_ASSERT_STRING_EQUAL(fs_at(result, "/")->type, "ext4");
	CU_ASSERT_EQUAL(fs_at(result, "/")->whole, ABSENT);
	CU_ASSERT_EQUAL(fs_at(result, "/srv")->whole, 5368709120);
	CU_ASSERT_EQUAL(fs_at(result, "/boot/efi")->whole, fs_at(result, "/boot/efi")->size);
	CU_ASSERT_TRUE(fs_at(result, "/snap/core22/9")->read_only);
	CU_ASSERT_TRUE(fs_at(result, "/media/cdrom")->read_only);
	CU_ASSERT_TRUE(fs_at(result, "/mnt/dvd")->read_only);
	CU_ASSERT_EQUAL(ga_reply_fsinfo(windows, result), 0);
	CU_ASSERT_EQUAL(result->n_fs, 3);
	CU_ASSERT_TRUE(fs_at(result, "D:\\")->read_only);
	CU_ASSERT_TRUE(fs_at(result, "E:\\")->read_only);
	CU_ASSERT_FALSE(fs_at(result, "C:\\")->read_only);
	CU_ASSERT_EQUAL(fs_at(result, "C:\\")->whole, 64000000000);
}

/* Many media never push out what can be written. */
static void test_many_media(void)
{
	json_auto_t *many = json_array();
	g_autoptr(ga_result) result = ga_result_new();

	json_array_append_new(many,
			      json_pack("{s:s,s:s,s:s,s:i,s:i}", "name", "vda1", "mountpoint", "/",
					"type", "xfs", "total-bytes", 10, "used-bytes", 1));
	for (int i = 0; i < 100; i++) {
		g_autofree char *name = g_strdup_printf("loop%02d", i);

		json_array_append_new(many, json_pack("{s:s,s:s,s:s,s:i,s:i}", "name", name,
						      "mountpoint", name, "type", "squashfs",
						      "total-bytes", 1000, "used-bytes", 1000));
	}
	CU_ASSERT_EQUAL(ga_reply_fsinfo(many, result), 0);
	CU_ASSERT_EQUAL(result->n_fs, GA_FS_MAX);
	CU_ASSERT_FALSE(fs_at(result, "/")->read_only);
}

static void test_mounts(void)
{
	static const char mounts[] = "proc /proc proc rw 0 0\n"
				     "/dev/root / ext4 ro,relatime 0 0\n"
				     "/dev/vdb /a\\040b\\134c ext4 ro 0 0\n"
				     "/dev/vdc /old ext4 ro 0 0\n"
				     "/dev/vdd /usr ext4 ro,nodev 0 0\n"
				     "/dev/vdd /var ext4 rw,nodev 0 0\n"
				     "/dev/vdc /old ext4 rw,errors=remount-ro 0 0\n";
	static const char *const places[] = {"/", "/a b\\c", "/old", "/usr", "/none"};
	g_autoptr(ga_result) result = ga_result_new();

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		g_strlcpy(result->fs[i].mount, places[i], sizeof(result->fs[i].mount));
	result->n_fs = G_N_ELEMENTS(places);
	ga_text_mounts(mounts, strlen(mounts), result);
	CU_ASSERT_TRUE(result->fs[0].read_only);
	CU_ASSERT_TRUE(result->fs[1].read_only);
	CU_ASSERT_FALSE(result->fs[2].read_only); /* mounted again since */
	CU_ASSERT_FALSE(result->fs[3].read_only); /* its device is written elsewhere */
	CU_ASSERT_FALSE(result->fs[4].read_only);
}

/* A host of containers: the VM's own card is found behind any number of others. */
static void test_many_cards(void)
{
	json_auto_t *many = json_array();
	g_autoptr(ga_result) result = ga_result_new();

	for (int i = 0; i <= 300; i++) {
		g_autofree char *name = g_strdup_printf("veth%d", i);
		g_autofree char *mac = g_strdup_printf("02:42:00:00:%02x:%02x", i >> 8, i & 255);

		json_array_append_new(
			many, json_pack("{s:s,s:s}", "name", name, "hardware-address", mac));
	}
	CU_ASSERT_EQUAL(ga_reply_interfaces(many, result), 0);
	CU_ASSERT_EQUAL_FATAL(result->n_nics, 301);
	CU_ASSERT_STRING_EQUAL(result->nics[300].mac, "02:42:00:00:01:2c");
	CU_ASSERT_EQUAL(result->nics_left_out, 0);
}

/* No sizes, more used than there is, no name: nothing of it is believed. */
static void test_odd_fsinfo(void)
{
	json_auto_t *value = json_loads(
		"[{\"name\":\"a\",\"mountpoint\":\"/\"},{\"name\":\"b\",\"mountpoint\":\"/b\","
		"\"total-bytes\":5,\"used-bytes\":6},{\"mountpoint\":\"/c\",\"total-bytes\":5,"
		"\"used-bytes\":1},{\"name\":\"d\",\"mountpoint\":\"/d\",\"total-bytes\":-5,"
		"\"used-bytes\":1},7,null]",
		0, NULL);
	g_autoptr(ga_result) result = ga_result_new();

	CU_ASSERT_EQUAL(ga_reply_fsinfo(value, result), 0);
	CU_ASSERT_EQUAL(result->n_fs, 0);
	CU_ASSERT_EQUAL(ga_reply_fsinfo(NULL, result), -EINVAL);
}

static void test_others(void)
{
	json_auto_t *nics = replies_agent("guest-network-get-interfaces");
	json_auto_t *os = replies_agent("guest-get-osinfo"),
		    *cpus = replies_agent("guest-get-cpustats");
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct guest_cpu));
	g_autoptr(ga_result) result = ga_result_new();
	struct guest_cpu total;

	CU_ASSERT_EQUAL(ga_reply_interfaces(nics, result), 0);
	CU_ASSERT_EQUAL_FATAL(result->n_nics, 1);
	CU_ASSERT_STRING_EQUAL(result->nics[0].name, "eth0");
	CU_ASSERT_STRING_EQUAL(result->nics[0].mac, "52:54:00:00:01:01");
	CU_ASSERT_EQUAL(result->nics[0].rx_dropped, 0);
	CU_ASSERT_EQUAL(ga_reply_osinfo(os, result), 0);
	CU_ASSERT_STRING_EQUAL(result->kernel, "6.1.0-56-cloud-amd64");
	CU_ASSERT_EQUAL(ga_reply_cpustats(cpus, &total, list), 0);
	CU_ASSERT_EQUAL(list->len, 2);
	CU_ASSERT_EQUAL(total.user_ns, 180 * 1000000ull);
	CU_ASSERT_EQUAL(total.system_ns, 4580 * 1000000ull);
	CU_ASSERT_EQUAL(g_array_index(list, struct guest_cpu, 1).softirq_ns, 110 * 1000000ull);
}

static void test_proc_files(void)
{
	g_autoptr(GString) data = g_string_new(NULL);
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(struct guest_cpu));
	struct guest_system s;

	memset(&s, 0xff, sizeof(s));
	replies_agent_file("file-read_proc_stat", data);
	ga_text_stat(data->str, data->len, &s.total, cpus);
	CU_ASSERT_EQUAL(cpus->len, 2);
	CU_ASSERT_EQUAL(s.total.user_ns, 24 * GA_TICK_NS);
	CU_ASSERT_EQUAL(s.total.system_ns, 472 * GA_TICK_NS);
	CU_ASSERT_EQUAL(s.total.softirq_ns, 20 * GA_TICK_NS);
	CU_ASSERT_EQUAL(s.total.run_delay_ns, ABSENT);
	replies_agent_file("file-read_proc_meminfo", data);
	ga_text_meminfo(data->str, data->len, &s);
	CU_ASSERT_EQUAL(s.mem_total, 352016 * 1024ull);
	CU_ASSERT_EQUAL(s.mem_available, 316456 * 1024ull);
	CU_ASSERT_EQUAL(s.swap_total, 0);
	CU_ASSERT_EQUAL(s.mem_cached, 8720 * 1024ull); /* and not SwapCached */
	replies_agent_file("file-read_proc_vmstat", data);
	ga_text_vmstat(data->str, data->len, &s);
	CU_ASSERT_NOT_EQUAL(s.faults, ABSENT);
	CU_ASSERT_NOT_EQUAL(s.major_faults, ABSENT);
	replies_agent_file("file-read_proc_uptime", data);
	ga_text_uptime(data->str, data->len, &s);
	CU_ASSERT_EQUAL(s.uptime_ns, 58880000000ull);
	ga_text_loadavg("1.25 0.07 12.5 2/60 7\n", 22, &s);
	CU_ASSERT_EQUAL(s.load[0], 1250);
	CU_ASSERT_EQUAL(s.load[1], 70);
	CU_ASSERT_EQUAL(s.load[2], 12500);
}

/* Where the text says nothing that can be, nothing is known. */
static void test_odd_files(void)
{
	static const char text[] =
		"cpu  1 2\nMemTotal: 99999999999999999999 kB\nMemFree: 9223372036854775807"
		" kB\nSwapFree: x\npgfault \n";
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(struct guest_cpu));
	struct guest_system s, absent;

	memset(&s, 0xff, sizeof(s));
	memset(&absent, 0xff, sizeof(s));
	ga_text_stat(text, strlen(text), &s.total, cpus);
	ga_text_meminfo(text, strlen(text), &s);
	ga_text_vmstat(text, strlen(text), &s);
	ga_text_loadavg("1.0 2.0", 7, &s);
	ga_text_uptime("", 0, &s);
	CU_ASSERT_EQUAL(memcmp(&s, &absent, sizeof(s)), 0);
	CU_ASSERT_EQUAL(cpus->len, 0);
}

static const char tasks_text[] =
	"n:6\n"
	"1/stat:1 (init) S 0 1 1 0 -1 4194560 200 300 4 5 10 20 0 0 20 0 1 0 6 1000 454 1844674407\n"
	"2/stat:2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 6 0 0 0\n"
	"9/stat:9 (a) b (c) R 1 9 9 0 -1 0 7 0 8 0 100 50 0 0 20 0 3 0 4000 9000 25 0\n"
	"20/stat:20 (sh) S 7 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9 1 1 0\n"
	"21/stat:21 (head) S 20 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9 1 1 0\n"
	"1/status:Uid:\t0\t0\t0\t0\n"
	"9/status:Uid:\t1000\t0\t0\t0\n"
	"9/status:VmRSS:\t     100 kB\n"
	"9/status:VmSwap:\t      12 kB\n"
	"9/io:syscr: 17\n"
	"9/io:syscw: 18\n"
	"9/io:read_bytes: 4096\n"
	"9/io:write_bytes: 8192\n"
	"77/io:syscr: 1\n"
	"9/fd:5\n"
	"1/fd:3";

static void test_tasks(void)
{
	g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(struct guest_task));
	const struct guest_task *t;
	uint64_t left_out;

	ga_text_tasks(tasks_text, strlen(tasks_text), 20, tasks, &left_out);
	CU_ASSERT_EQUAL_FATAL(tasks->len, 3);
	CU_ASSERT_EQUAL(left_out, 1);
	t = &g_array_index(tasks, struct guest_task, 2);
	CU_ASSERT_EQUAL(t->pid, 9);
	CU_ASSERT_STRING_EQUAL(t->comm, "a) b (c");
	CU_ASSERT_EQUAL(t->state, 'R');
	CU_ASSERT_EQUAL(t->ppid, 1);
	CU_ASSERT_EQUAL(t->uid, 1000);
	CU_ASSERT_EQUAL(t->cpu_ns, 150 * GA_TICK_NS);
	CU_ASSERT_EQUAL(t->start_ns, 4000 * GA_TICK_NS);
	CU_ASSERT_EQUAL(t->threads, 3);
	CU_ASSERT_EQUAL(t->minor_faults, 7);
	CU_ASSERT_EQUAL(t->major_faults, 8);
	CU_ASSERT_EQUAL(t->rss, 100 * 1024);
	CU_ASSERT_EQUAL(t->swap, 12 * 1024);
	CU_ASSERT_EQUAL(t->read_calls, 17);
	CU_ASSERT_EQUAL(t->write_calls, 18);
	CU_ASSERT_EQUAL(t->read_bytes, 4096);
	CU_ASSERT_EQUAL(t->write_bytes, 8192);
	CU_ASSERT_EQUAL(t->open_files, 5);
	t = &g_array_index(tasks, struct guest_task, 0);
	CU_ASSERT_EQUAL(t->open_files, ABSENT); /* its line was cut off */
	CU_ASSERT_EQUAL(t->rss, ABSENT);
	t = &g_array_index(tasks, struct guest_task, 1);
	CU_ASSERT_TRUE(t->kthread);
	CU_ASSERT_EQUAL(t->rss, 0);
	CU_ASSERT_STRING_EQUAL(t->cgroup, "");
}

/* --- the command itself, in a real shell over real processes --------------------------------- */

static void *wait_for_ever(void *arg)
{
	pause();
	return NULL;
}

/* Its main thread, that is. */
static bool has_ended(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", pid), *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) && strstr(text, "\nState:\tZ");
}

/* A process that has changed its name, or whose main thread has ended. */
static pid_t start_process(const char *name, bool headless)
{
	int ready[2];
	char byte;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		if (headless)
			pthread_create(&thread, NULL, wait_for_ever, NULL);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		if (headless)
			pthread_exit(NULL);
		pause();
	}
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	for (int i = 0; headless && i < 1000 && !has_ended(pid); i++)
		g_usleep(10000);
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* "KEY:  N kB" of a file of /proc, in bytes. */
static uint64_t kib_of(const char *path, const char *key)
{
	g_autofree char *text = NULL;
	const char *at;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return ABSENT;
	at = strstr(text, key);
	return at ? g_ascii_strtoull(at + strlen(key), NULL, 10) * 1024 : ABSENT;
}

static unsigned files_of(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	unsigned n = 0;

	while (dir && g_dir_read_name(dir))
		n++;
	if (dir)
		g_dir_close(dir);
	return n;
}

static const struct guest_task *task_of(const GArray *tasks, pid_t pid)
{
	for (guint i = 0; i < tasks->len; i++)
		if (g_array_index(tasks, struct guest_task, i).pid == (uint32_t)pid)
			return &g_array_index(tasks, struct guest_task, i);
	CU_FAIL_FATAL("the process is missing");
	return NULL;
}

static char *other_thread(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/task", pid);
	g_autofree char *own = g_strdup_printf("%d", pid);
	GDir *dir = g_dir_open(path, 0, NULL);
	char *found = NULL;
	const char *name;

	while (dir && !found && (name = g_dir_read_name(dir)))
		if (strcmp(name, own))
			found = g_strdup_printf("%s/%s", path, name);
	if (dir)
		g_dir_close(dir);
	return found;
}

/* The last word of a process's cgroup of version 2. */
static char *cgroup_of(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/cgroup", pid), *text = NULL;
	const char *at;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return g_strdup("");
	at = g_str_has_prefix(text, "0::") ? text : strstr(text, "\n0::");
	if (!at)
		return g_strdup("");
	at = strstr(at, "0::") + 3;
	g_strdelimit((char *)at, "\n", '\0');
	return g_strdup(strrchr(at, '/') + 1);
}

static void test_command(void)
{
	static const char odd[] = "a\nb\tc\xff) R 1";
	static const char name[] = "quiet";
	pid_t one = start_process(odd, false), two = start_process(name, true);
	const char *argv[] = {"sh", "-c", ga_tasks_script, NULL};
	g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(struct guest_task));
	g_autofree char *thread = other_thread(two), *cgroup = cgroup_of(one), *text = NULL;
	g_autofree char *rollup = g_strdup_printf("/proc/%d/smaps_rollup", one);
	g_autofree char *threads_rollup = g_strdup_printf("%s/smaps_rollup", thread);
	g_autofree char *fds = g_strdup_printf("/proc/%d/fd", one);
	g_autofree char *threads_fds = g_strdup_printf("%s/fd", thread);
	const struct guest_task *t;
	uint64_t left_out;

	CU_ASSERT_TRUE_FATAL(g_spawn_sync("/", (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
					  &text, NULL, NULL, NULL));
	ga_text_tasks(text, strlen(text), 0, tasks, &left_out);
	t = task_of(tasks, one);
	CU_ASSERT_STRING_EQUAL(t->comm, odd);
	CU_ASSERT_EQUAL(t->threads, 1);
	CU_ASSERT_EQUAL(t->ppid, (uint32_t)getpid());
	CU_ASSERT_EQUAL(t->rss, kib_of(rollup, "\nRss:"));
	CU_ASSERT_TRUE(t->rss > 8192 && t->rss != ABSENT);
	CU_ASSERT_EQUAL(t->open_files, files_of(fds));
	CU_ASSERT_STRING_EQUAL(t->cgroup, cgroup);
	t = task_of(tasks, two);
	CU_ASSERT_EQUAL(t->state, 'Z');
	CU_ASSERT_STRING_EQUAL(t->comm, name);
	CU_ASSERT_EQUAL(t->threads, 2);
	CU_ASSERT_EQUAL(t->rss, kib_of(threads_rollup, "\nRss:"));
	CU_ASSERT_TRUE(t->rss > 8192 && t->rss != ABSENT);
	CU_ASSERT_EQUAL(t->open_files, files_of(threads_fds));
	CU_ASSERT_TRUE(t->open_files > 2);
	end_process(one);
	end_process(two);
}

static const struct guest_task *only_task(const char *text, GArray *tasks)
{
	uint64_t left_out;

	g_array_set_size(tasks, 0);
	ga_text_tasks(text, strlen(text), 0, tasks, &left_out);
	CU_ASSERT_EQUAL_FATAL(tasks->len, 1);
	return &g_array_index(tasks, struct guest_task, 0);
}

#define WORKER(name) "5/stat:5 (" name ") I 2 0 0 0 -1 0 0 0 0 0 1 0 0 0 20 0 1 0 6 0 0 0\n"

/* /proc shows more of a worker's name than its name; other threads of the kernel have dashes. */
static void test_worker_names(void)
{
	g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(struct guest_task));

	CU_ASSERT_STRING_EQUAL(only_task(WORKER("kworker/0:1-events"), tasks)->comm, "kworker/0:1");
	CU_ASSERT_STRING_EQUAL(only_task(WORKER("kworker/u8:2+flush"), tasks)->comm,
			       "kworker/u8:2");
	CU_ASSERT_STRING_EQUAL(only_task(WORKER("kworker/R-rcu_gp"), tasks)->comm,
			       "kworker/R-rcu_g");
	CU_ASSERT_STRING_EQUAL(only_task(WORKER("irq/9-acpi"), tasks)->comm, "irq/9-acpi");
	CU_ASSERT_STRING_EQUAL(
		only_task(WORKER("x") "5/cgroup:0::/a.slice/b (deleted)\n", tasks)->cgroup, "b");
}

#define AGENT_PORT \
	"-device\0virtserialport,bus=b.0,chardev=charchannel0,name=org.qemu.guest_agent.0"

static void check_socket(const char *cmdline, size_t len, const char *expected)
{
	g_autofree char *path = ga_find_socket(cmdline, len);

	CU_ASSERT_EQUAL(g_strcmp0(path, expected), 0);
}

#define CHECK(text, expected) check_socket(text, sizeof(text), expected)

static void test_find(void)
{
	CHECK("qemu\0-chardev\0socket,id=charchannel0,path=/run/a,,b,server=on,wait=off\0" AGENT_PORT,
	      "/run/a,b");
	CHECK("qemu\0" AGENT_PORT "\0-chardev\0socket,path=ga,id=charchannel0,server,nowait", "ga");
	CHECK("qemu\0-chardev\0socket,id=x,path=/x,server=on\0-device\0"
	      "{\"driver\":\"virtserialport\",\"chardev\":\"x\",\"name\":\"org.qemu.guest_agent.0\"}",
	      "/x");
	/* Proxmox's "agent: type=isa": the chardev's name is all that says what the line is for. */
	CHECK("kvm\0-chardev\0socket,path=/run/100.qga,server=on,wait=off,id=qga0\0-device\0"
	      "isa-serial,chardev=qga0",
	      "/run/100.qga");
	CHECK("kvm\0-chardev\0socket,path=/run/t,server=on,id=serial0\0-device\0"
	      "isa-serial,chardev=serial0",
	      NULL);
	CHECK("kvm\0-chardev\0socket,path=/run/t,server=on,id=qga0\0-serial\0chardev:qga0",
	      "/run/t");
	/* A chardev in JSON, as QEMU 10.1 takes it; its port's device comes first. */
	CHECK("qemu\0-device\0virtserialport,chardev=q,name=org.qemu.guest_agent.0\0-chardev\0"
	      "{\"id\":\"q\",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":"
	      "\"unix\",\"data\":{\"path\":\"/run/x.qga\"}},\"server\":true,\"wait\":false}}}",
	      "/run/x.qga");
	CHECK("qemu\0-device\0virtserialport,chardev=q,name=org.qemu.guest_agent.0\0-chardev\0"
	      "{\"id\":\"q\",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":"
	      "\"unix\",\"path\":\"/run/x.qga\"},\"server\":false}}}",
	      NULL);
	/* An option that no list knows stands in front. */
	CHECK("qemu\0-of-some-day\0" AGENT_PORT
	      "\0-chardev\0socket,id=charchannel0,path=ga,server=on",
	      "ga");
	/* QEMU connects to another's socket; it was handed over; there is no agent's port. */
	CHECK("qemu\0-chardev\0socket,id=charchannel0,path=/x,server=off\0" AGENT_PORT, NULL);
	CHECK("qemu\0-chardev\0socket,id=charchannel0,fd=30,server=on\0" AGENT_PORT, NULL);
	CHECK("qemu\0-chardev\0pty,id=charchannel0\0" AGENT_PORT, NULL);
	CHECK("qemu\0-chardev\0socket,id=c,path=/x,server=on\0-device\0virtserialport,chardev=c,name=x",
	      NULL);
	CHECK("qemu\0-device", NULL);
	CHECK("", NULL);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"replies", test_reply},
		{"bounds", test_bounds},
		{"replies in pieces", test_pieces},
		{"commands", test_commands},
		{"commands that are disabled", test_disabled},
		{"file systems", test_fsinfo},
		{"odd file systems", test_odd_fsinfo},
		{"file systems that cannot be written, by type", test_read_only_types},
		{"many of them", test_many_media},
		{"file systems that cannot be written, by mount", test_mounts},
		{"many cards", test_many_cards},
		{"the command over real processes", test_command},
		{"names of workers", test_worker_names},
		{"interfaces, system, CPUs", test_others},
		{"files of /proc", test_proc_files},
		{"odd files", test_odd_files},
		{"processes", test_tasks},
		{"the socket in a command line", test_find},
		CU_TEST_INFO_NULL,
	};

	return suite_run("guest agent: parsers", tests);
}
