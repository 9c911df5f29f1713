// SPDX-License-Identifier: Apache-2.0
#include "core/stall_look.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "core/schedstat.h"
#include "vm/proc_fs.h"

#define DEPTH_MAX 32 /* cgroups above a thread */

/* A file of a thread as text; "" when it cannot be read. */
static void read_text(int root, const char *path, char *buf, size_t cap)
{
	ssize_t n = proc_fs_read(root, path, buf, cap - 1);

	buf[n > 0 ? n : 0] = '\0';
}

static void read_thread(const struct stall_roots *roots, pid_t pid, pid_t tid, const char *file,
			char *buf, size_t cap)
{
	char path[64];

	g_snprintf(path, sizeof(path), "%d/task/%d/%s", (int)pid, (int)tid, file);
	read_text(roots->proc, path, buf, cap);
}

static void read_wchan(const struct stall_roots *roots, pid_t pid, pid_t tid,
		       struct stall_thread *thread)
{
	char buf[sizeof(thread->wchan)];

	read_thread(roots, pid, tid, "wchan", buf, sizeof(buf));
	g_strcanon(buf, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.", '\0');
	if (g_ascii_isalpha(*buf) || *buf == '_')
		g_strlcpy(thread->wchan, buf, sizeof(thread->wchan));
}

void stall_look_thread(const struct stall_roots *roots, pid_t pid, pid_t tid,
		       struct stall_thread *ret_thread)
{
	struct proc_stat stat;
	char buf[1024];

	*ret_thread = (struct stall_thread){0};
	read_thread(roots, pid, tid, "stat", buf, sizeof(buf));
	if (proc_parse_stat(buf, strlen(buf), &stat))
		return;
	ret_thread->state = stat.state;
	if (stat.state == 'R')
		return;
	read_thread(roots, pid, tid, "syscall", buf, sizeof(buf));
	stall_parse_call(buf, ret_thread);
	read_wchan(roots, pid, tid, ret_thread);
}

uint64_t stall_look_cpu_time(const struct stall_roots *roots, pid_t pid, pid_t tid)
{
	uint64_t run = 0, ready, switches;
	char buf[128];

	read_thread(roots, pid, tid, "schedstat", buf, sizeof(buf));
	return schedstat_parse(buf, &run, &ready, &switches) ? 0 : run;
}

static uint64_t number_after(const char *text, const char *key)
{
	for (const char *at = strstr(text, key); at; at = strstr(at + 1, key))
		if (at == text || at[-1] == '\n')
			return strtoull(at + strlen(key), NULL, 10);
	return 0;
}

static void cgroup_file(const char *dir, const char *name, char *buf, size_t cap)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	read_text(AT_FDCWD, path, buf, cap);
}

static bool has_limit(const char *dir, enum cgroup_tree tree)
{
	char buf[64];

	cgroup_file(dir, tree == CGROUP_CPU ? "cpu.cfs_quota_us" : "cpu.max", buf, sizeof(buf));
	return g_ascii_isdigit(*buf);
}

static void add_quota(const char *dir, enum cgroup_tree tree, struct stall_quota *quota)
{
	char buf[1024];

	if (!has_limit(dir, tree))
		return;
	quota->limited = true;
	cgroup_file(dir, "cpu.stat", buf, sizeof(buf));
	quota->throttled += number_after(buf, "nr_throttled ");
	quota->throttled_ns += number_after(buf, "throttled_time ");
	quota->throttled_ns += number_after(buf, "throttled_usec ") * 1000;
}

/* From the thread's own cgroup up to the root, which has no limit. */
static void add_tree(const char *mount, enum cgroup_tree tree, const char *below,
		     struct stall_quota *quota)
{
	g_autofree char *path = g_strdup(below);
	char *slash;

	for (int i = 0; i < DEPTH_MAX && path[0] == '/' && path[1]; i++) {
		g_autofree char *dir = g_strconcat(mount, path, NULL);

		add_quota(dir, tree, quota);
		slash = strrchr(path, '/');
		*slash = '\0';
	}
}

/* Does "4:cpu,cpuacct:/a/b" or "0::/a/b" speak of this tree? */
static bool is_tree(const char *controllers, enum cgroup_tree tree)
{
	g_auto(GStrv) list = g_strsplit(controllers, ",", -1);

	if (tree == CGROUP_UNIFIED)
		return !*controllers;
	return g_strv_contains((const char *const *)list, "cpu");
}

static void add_line(const struct stall_roots *roots, const char *line, struct stall_quota *quota)
{
	g_auto(GStrv) part = g_strsplit(line, ":", 3);

	if (g_strv_length(part) != 3 || strstr(part[2], "/.."))
		return;
	for (int tree = 0; tree < CGROUP_TREES; tree++)
		if (roots->cgroup[tree] && is_tree(part[1], tree))
			add_tree(roots->cgroup[tree], tree, part[2], quota);
}

void stall_look_quota(const struct stall_roots *roots, pid_t pid, pid_t tid,
		      struct stall_quota *ret_quota)
{
	g_auto(GStrv) lines = NULL;
	char buf[4096];

	*ret_quota = (struct stall_quota){0};
	read_thread(roots, pid, tid, "cgroup", buf, sizeof(buf));
	lines = g_strsplit(buf, "\n", -1);
	for (char **line = lines; *line; line++)
		add_line(roots, *line, ret_quota);
}
