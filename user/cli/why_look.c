// SPDX-License-Identifier: Apache-2.0
#include "cli/why_look.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "vm/proc_fs.h"

#define LOOK_MS 400
#define PROGRAMS_MAX 3
#define CULPRITS_MAX 4
#define TEXT_MAX 65536
/* Of the greatest, from which on a program is named beside it. */
#define LIKE_SIZE 0.5

struct program {
	pid_t pid;
	char comm[PROC_COMM_MAX];
	uint64_t ticks;
};

/* Is the process in this cgroup, of the unified tree or of the cpu controller's? */
static bool is_in(int proc, pid_t pid, const char *cgroup)
{
	char path[32], buf[4096];
	g_auto(GStrv) lines = NULL;
	ssize_t n;

	g_snprintf(path, sizeof(path), "%d/cgroup", (int)pid);
	n = proc_fs_read(proc, path, buf, sizeof(buf) - 1);
	buf[MAX(n, 0)] = '\0';
	lines = g_strsplit(buf, "\n", -1);
	for (char **line = lines; *line; line++) {
		const char *controllers = strchr(*line, ':');
		const char *at = controllers ? strchr(controllers + 1, ':') : NULL;

		if (at && !strcmp(at + 1, cgroup) &&
		    (at == controllers + 1 || strstr(controllers, "cpu")))
			return true;
	}
	return false;
}

/* Ticks of CPU time by process, of all that are alive. */
static GArray *take_all(int proc)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct program));
	g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));

	proc_fs_pids(proc, pids);
	for (guint i = 0; i < pids->len; i++) {
		struct program p = {.pid = g_array_index(pids, pid_t, i)};
		struct proc_stat stat;

		if (proc_fs_stat(proc, p.pid, &stat))
			continue;
		g_strlcpy(p.comm, stat.comm, sizeof(p.comm));
		p.ticks = stat.utime + stat.stime;
		g_array_append_val(all, p);
	}
	return all;
}

static uint64_t ticks_before(const GArray *before, const struct program *p)
{
	for (guint i = 0; i < before->len; i++)
		if (g_array_index(before, struct program, i).pid == p->pid)
			return MIN(g_array_index(before, struct program, i).ticks, p->ticks);
	return 0;
}

static gint by_ticks(gconstpointer a, gconstpointer b)
{
	const struct program *x = a, *y = b;

	return (x->ticks < y->ticks) - (x->ticks > y->ticks);
}

static char *programs_text(const GArray *busy)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < MIN(busy->len, PROGRAMS_MAX); i++) {
		const struct program *p = &g_array_index(busy, struct program, i);
		g_autofree char *comm = g_utf8_make_valid(p->comm, -1);

		if ((double)p->ticks < LIKE_SIZE * g_array_index(busy, struct program, 0).ticks)
			break;
		g_strdelimit(comm, "\n\t\r\x1b", '?');
		g_string_append_printf(text, "%s%s, pid %d", i ? "; " : "", comm, (int)p->pid);
	}
	return g_string_free(text, FALSE);
}

char *why_look_programs(const struct why_look_roots *roots, const char *cgroup, unsigned wait_ms)
{
	int proc = open(roots->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_autoptr(GArray) before = NULL, now = NULL;
	g_autoptr(GArray) busy = g_array_new(FALSE, FALSE, sizeof(struct program));

	if (proc < 0)
		return NULL;
	before = wait_ms ? take_all(proc) : g_array_new(FALSE, FALSE, sizeof(struct program));
	g_usleep(wait_ms * 1000ul);
	now = take_all(proc);
	for (guint i = 0; i < now->len; i++) {
		struct program p = g_array_index(now, struct program, i);

		p.ticks -= ticks_before(before, &p);
		/* A VM that runs there is named by itself. */
		if (p.ticks && !g_str_has_prefix(p.comm, "qemu-") && is_in(proc, p.pid, cgroup))
			g_array_append_val(busy, p);
	}
	close(proc);
	g_array_sort(busy, by_ticks);
	return busy->len ? programs_text(busy) : NULL;
}

/* The first match's two groups, "KEY VALUE"; NULL: there is none. */
static char *match_pair(const char *pattern, const char *text)
{
	g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	g_autofree char *key = NULL, *value = NULL;

	if (!regex || !g_regex_match(regex, text, 0, &match))
		return NULL;
	key = g_match_info_fetch(match, 1);
	value = g_match_info_fetch(match, 2);
	return g_strdup_printf("%s %s", key, value);
}

/* libvirt writes the state of each domain that runs into a file of its own. */
static char *libvirt_iotune(const char *dir, const char *uuid)
{
	GDir *d = *uuid ? g_dir_open(dir, 0, NULL) : NULL;
	const char *name;
	char *found = NULL;

	while (d && !found && (name = g_dir_read_name(d))) {
		g_autofree char *path = g_build_filename(dir, name, NULL), *text = NULL;

		if (g_str_has_suffix(name, ".xml") &&
		    g_file_get_contents(path, &text, NULL, NULL) && strstr(text, uuid))
			found = match_pair("<iotune>\\s*<([a-z_]+)>([1-9][0-9]*)<", text);
	}
	if (d)
		g_dir_close(d);
	return found;
}

static bool is_of(const char *line, const char *name, const char *uuid)
{
	g_autofree char *guest = g_strdup_printf("guest=%s ", name);
	g_autofree char *with_more = g_strdup_printf("guest=%s,", name);
	g_autofree char *plain = g_strdup_printf(" -name %s ", name);

	return (*uuid && strstr(line, uuid)) || strstr(line, guest) || strstr(line, with_more) ||
	       strstr(line, plain);
}

static char *qemu_iotune(const char *root, const char *name, const char *uuid)
{
	g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
	int proc = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_autofree char *line = g_malloc(TEXT_MAX);
	char *found = NULL;

	if (proc < 0)
		return NULL;
	proc_fs_pids(proc, pids);
	for (guint i = 0; i < pids->len && !found; i++) {
		pid_t pid = g_array_index(pids, pid_t, i);
		struct proc_stat stat;
		char path[32];
		ssize_t n;

		if (proc_fs_stat(proc, pid, &stat) || !g_str_has_prefix(stat.comm, "qemu"))
			continue;
		g_snprintf(path, sizeof(path), "%d/cmdline", (int)pid);
		n = proc_fs_read(proc, path, line, TEXT_MAX - 2);
		for (ssize_t k = 0; k < n; k++)
			if (!line[k])
				line[k] = ' ';
		line[MAX(n, 0)] = ' ';
		line[MAX(n, 0) + 1] = '\0';
		if (is_of(line, name, uuid))
			found = match_pair("\\b((?:throttling\\.|x-)?(?:iops|bps)-?(?:total|read|"
					   "write|rd|wr)?)=([1-9][0-9]*)",
					   line);
	}
	close(proc);
	return found;
}

char *why_look_iotune(const struct why_look_roots *roots, const char *name, const char *uuid)
{
	char *found = libvirt_iotune(roots->libvirt, uuid);

	return found ? found : qemu_iotune(roots->proc, name, uuid);
}

void why_look(const struct why_look_roots *roots, struct evidence *e)
{
	g_autofree char *iotune = why_look_iotune(roots, evidence_vm(e), evidence_uuid(e));
	g_autoptr(GArray) parts = evidence_parts(e, "vm.cpu.aggressor_time", "by");
	unsigned looked = 0;

	if (iotune)
		evidence_note(e, "iotune", iotune);
	for (guint i = 0; i < parts->len && looked < CULPRITS_MAX; i++) {
		const struct evidence_part *p = &g_array_index(parts, struct evidence_part, i);
		g_autofree char *programs = NULL;

		if (!g_str_has_prefix(p->label, "cgroup:") || p->mean < 1)
			continue;
		looked++;
		programs = why_look_programs(roots, p->label + strlen("cgroup:"), LOOK_MS);
		if (programs)
			evidence_note(e, p->label, programs);
	}
}
