// SPDX-License-Identifier: Apache-2.0
#include "vm/proc_view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/proc_fs.h"

#define SLACK_MIN 32 /* threads that come and go while one counts */
#define SLACK_SHARE 20 /* one in so many */
#define PID_MAX_LIMIT (4 << 20) /* include/linux/threads.h */
#define MOUNTINFO_MAX (4 << 20)
#define INIT_PID_NS 0xeffffffcu /* include/linux/proc_ns.h: PROC_PID_INIT_INO */

uint64_t proc_view_parse_loadavg(const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	uint64_t total;
	size_t n = 0;

	if (!slash++)
		return UINT64_MAX;
	while (slash + n < text + len && g_ascii_isdigit(slash[n]))
		n++;
	return proc_parse_u64(slash, n, UINT32_MAX, &total) ? UINT64_MAX : total;
}

uint64_t proc_view_total(int root)
{
	char text[128];
	ssize_t n = proc_fs_read(root, "loadavg", text, sizeof(text));

	return n > 0 ? proc_view_parse_loadavg(text, n) : UINT64_MAX;
}

uint64_t proc_view_hidden(uint64_t total, uint64_t seen)
{
	if (total == UINT64_MAX)
		return UINT64_MAX;
	return total > seen + MAX(SLACK_MIN, total / SLACK_SHARE) ? total - seen : 0;
}

/* "20 1 0:19 / /proc rw,nosuid - proc proc rw,hidepid=invisible" */
void proc_view_parse_mount(const char *mountinfo, const char *path, char *ret, size_t cap)
{
	g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);
	char mount[256], type[32], super[256];

	*ret = '\0';
	for (char **line = lines; *line; line++) {
		const char *rest = strstr(*line, " - ");
		g_auto(GStrv) options = NULL;

		if (!rest || sscanf(*line, "%*s %*s %*s %*s %255s", mount) != 1 ||
		    sscanf(rest, " - %31s %*s %255s", type, super) != 2 || strcmp(type, "proc") ||
		    strcmp(mount, path))
			continue;
		*ret = '\0'; /* a later mount on one place is the one in force */
		options = g_strsplit(super, ",", -1);
		for (char **option = options; *option; option++)
			if ((g_str_has_prefix(*option, "hidepid=") &&
			     strcmp(*option, "hidepid=0") && strcmp(*option, "hidepid=off")) ||
			    g_str_has_prefix(*option, "subset="))
				g_strlcpy(ret, *option, cap);
	}
}

static void read_mount(const char *root, struct proc_view *view)
{
	g_autofree char *path = g_strdup_printf("%s/self/mountinfo", root);
	g_autofree char *text = g_malloc(MOUNTINFO_MAX + 1);
	ssize_t n = proc_fs_read(AT_FDCWD, path, text, MOUNTINFO_MAX);

	text[MAX(n, 0)] = '\0';
	proc_view_parse_mount(text, root, view->option, sizeof(view->option));
}

int proc_view_read(const char *root, struct proc_view *ret_view)
{
	g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
	g_autofree char *ns = g_strdup_printf("%s/self/ns/pid", root);
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	struct proc_view view = {.total = UINT64_MAX};
	struct proc_stat process;
	struct stat st;

	if (fd < 0)
		return -errno;
	view.total = proc_view_total(fd);
	r = proc_fs_pids(fd, pids);
	for (unsigned i = 0; i < pids->len; i++)
		if (!proc_fs_stat(fd, g_array_index(pids, pid_t, i), &process))
			view.seen += process.num_threads;
	view.hidden = proc_view_hidden(MIN(view.total, proc_view_total(fd)), view.seen);
	close(fd);
	if (r)
		return r;
	view.own_namespace = !stat(ns, &st) && st.st_ino != INIT_PID_NS;
	read_mount(root, &view);
	*ret_view = view;
	return 0;
}

void proc_view_find_hidden(const char *root, GArray *ids, unsigned max)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t limit = PID_MAX_LIMIT;
	char text[32];
	ssize_t n;

	if (fd < 0)
		return;
	n = proc_fs_read(fd, "sys/kernel/pid_max", text, sizeof(text));
	if (n > 1)
		proc_parse_u64(text, n - 1, PID_MAX_LIMIT, &limit);
	for (pid_t pid = 1; pid <= (pid_t)limit && ids->len < max; pid++) {
		if (kill(pid, 0) && errno == ESRCH)
			continue;
		g_snprintf(text, sizeof(text), "%d", pid);
		if (faccessat(fd, text, F_OK, 0) && errno == ENOENT &&
		    !(kill(pid, 0) && errno == ESRCH))
			g_array_append_val(ids, pid);
	}
	close(fd);
}
