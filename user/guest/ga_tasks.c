// SPDX-License-Identifier: Apache-2.0
/* Processes of a guest from the output of one command that its agent ran. */
#include "guest/ga_text.h"

#include <string.h>

/*
 * "n:COUNT", then lines of files as grep names them: "PID/stat:...", "PID/status:VmRSS: ...",
 * "PID/io:syscr: ...", then "PID/fd:COUNT". Counting open files by a pattern of the shell and grep
 * on many files need no process for each. From Linux 6.2 on VmRSS may be off by what the CPUs
 * have not added up yet, up to all of a small process: of those the kernel walks the few pages.
 * A process whose main thread has ended shows its memory and files at its other threads alone.
 */
const char ga_tasks_script[] =
	"cd /proc || exit 1\n"
	"export LC_ALL=C\n"
	"{ set -- [0-9]*; echo \"n:$#\"\n"
	"grep -asH '' [0-9]*/stat\n"
	"grep -asHE '^(Uid|VmRSS|VmSwap):' [0-9]*/status\n"
	"grep -aslE '^VmRSS:[[:space:]]+[0-9]{1,4} kB' [0-9]*/status |\n"
	"sed 's/status$/smaps_rollup/' | xargs grep -asHE '^Rss:' /dev/null\n"
	"grep -asHE '^(rchar|wchar|syscr|syscw|read_bytes|write_bytes):' [0-9]*/io\n"
	"grep -asH '^0::' [0-9]*/cgroup\n"
	"for p in [0-9]*; do [ -r \"$p/fd\" ] || continue; set -- \"$p\"/fd/*\n"
	"if [ -h \"$1\" ]; then echo \"$p/fd:$#\"; else echo \"$p/fd:0\"; fi; done\n"
	"for p in $(grep -aslE '^State:[[:space:]]+Z' [0-9]*/status); do p=${p%/status}\n"
	"set -- \"$p\"/task/*; [ $# -gt 1 ] || continue\n"
	"for t; do grep -aqs '^VmRSS:' \"$t/status\" || continue\n"
	"for f in status smaps_rollup; do grep -asE '^(VmRSS|VmSwap|Rss):' \"$t/$f\" |\n"
	"while read -r l; do echo \"$p/$f:$l\"; done; done\n"
	"set -- \"$t\"/fd/*; [ ! -h \"$1\" ] || echo \"$p/fd:$#\"; break; done; done\n"
	"} 2>/dev/null | head -c 6000000\n";

G_STATIC_ASSERT(GA_TASKS_BYTES_MAX == 6000000);

#define KIB 1024ull
#define PID_MAX (1u << 22) /* as the kernel's own limit */
#define KTHREADD 2u
#define OWN_GENERATIONS 3u

/* A line of the output: of which process, which file, and what it says. */
struct task_line {
	uint32_t pid;
	const char *file; /* "stat:", ... */
	const char *end;
};

static bool parse_line(const char *text, const char *end, struct task_line *ret)
{
	uint64_t pid;

	if (text < end && !g_ascii_isdigit(*text))
		return false;
	if (!ga_text_number(&text, end, &pid) || !pid || pid > PID_MAX || text == end ||
	    *text != '/')
		return false;
	*ret = (struct task_line){pid, text + 1, end};
	return true;
}

static const char *starts(const struct task_line *line, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(line->end - line->file) >= n && !memcmp(line->file, word, n)
		       ? line->file + n
		       : NULL;
}

/* The columns of /proc/PID/stat that count, from the one behind the name, number 3, on. */
static bool stat_columns(const char *text, const char *end, struct guest_task *task)
{
	uint64_t columns[25] = {0};

	if (end - text < 3 || text[0] != ' ' || !g_ascii_isalpha(text[1]))
		return false;
	task->state = text[1];
	text += 2;
	for (unsigned i = 4; i < G_N_ELEMENTS(columns); i++) {
		/* Some are negative: the terminal, the priority. They are not looked at. */
		while (text < end && (*text == ' ' || *text == '-'))
			text++;
		if (!ga_text_number(&text, end, &columns[i]))
			return false;
	}
	if (MAX(MAX(columns[14], columns[15]), columns[22]) > INT64_MAX / GA_TICK_NS / 2)
		return false;
	task->ppid = MIN(columns[4], PID_MAX);
	/* All of the kernel's threads are children of one. */
	task->kthread = task->pid == KTHREADD || task->ppid == KTHREADD;
	task->minor_faults = columns[10];
	task->major_faults = columns[12];
	task->user_ns = columns[14] * GA_TICK_NS;
	task->system_ns = columns[15] * GA_TICK_NS;
	task->cpu_ns = task->user_ns + task->system_ns;
	task->threads = MIN(columns[20], PID_MAX);
	task->start_ns = columns[22] * GA_TICK_NS;
	/* In pages of a size that is not told; only nothing is nothing in any. */
	if (!columns[24])
		task->rss = task->swap = 0;
	return true;
}

/* "PID (NAME) S ...": the name may hold anything, so that the last bracket counts. */
static bool parse_stat(const char *text, const char *end, struct guest_task *task)
{
	const char *open = memchr(text, '(', end - text), *close;
	size_t n;

	if (!open)
		return false;
	close = memrchr(open, ')', end - open);
	if (!close)
		return false;
	n = MIN((size_t)(close - open - 1), sizeof(task->comm) - 1);
	memcpy(task->comm, open + 1, n);
	task->comm[n] = '\0';
	return stat_columns(close + 1, end, task);
}

/* The kernel shows what a worker does behind its own name, "kworker/0:1-events": not its name. */
static void trim_worker(struct guest_task *task)
{
	char *name = task->comm + strlen("kworker/");

	if (task->kthread && g_str_has_prefix(task->comm, "kworker/") &&
	    !g_str_has_prefix(name, "R-"))
		name[strcspn(name, "-+")] = '\0';
}

/* "0::/system.slice/cron.service": the directory's own name; of a process that ended, with a note. */
static void parse_cgroup(const struct task_line *line, struct guest_task *task)
{
	static const char gone[] = " (deleted)";
	const char *at = starts(line, "cgroup:0::"), *end = line->end, *slash;
	size_t n;

	if (!at)
		return;
	n = end - at;
	if (n >= sizeof(gone) - 1 && !memcmp(end - (sizeof(gone) - 1), gone, sizeof(gone) - 1))
		end -= sizeof(gone) - 1;
	slash = memrchr(at, '/', end - at);
	if (!slash)
		return;
	n = MIN((size_t)(end - slash - 1), sizeof(task->cgroup) - 1);
	memset(task->cgroup, 0, sizeof(task->cgroup));
	memcpy(task->cgroup, slash + 1, n);
}

static void parse_value(const struct task_line *line, struct guest_task *task)
{
	const struct {
		const char *name;
		uint64_t *value, unit;
	} values[] = {
		{"status:VmRSS:", &task->rss, KIB},
		{"status:VmSwap:", &task->swap, KIB},
		{"smaps_rollup:Rss:", &task->rss, KIB},
		{"io:rchar:", &task->read_chars, 1},
		{"io:wchar:", &task->write_chars, 1},
		{"io:syscr:", &task->read_calls, 1},
		{"io:syscw:", &task->write_calls, 1},
		{"io:read_bytes:", &task->read_bytes, 1},
		{"io:write_bytes:", &task->write_bytes, 1},
		{"fd:", &task->open_files, 1},
	};
	uint64_t value;

	for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
		const char *at = starts(line, values[i].name);

		if (at && ga_text_number(&at, line->end, &value) &&
		    value <= INT64_MAX / values[i].unit)
			*values[i].value = value * values[i].unit;
	}
}

static void parse_uid(const struct task_line *line, struct guest_task *task)
{
	const char *at = starts(line, "status:Uid:");
	uint64_t uid;

	if (at && ga_text_number(&at, line->end, &uid) && uid < UINT32_MAX)
		task->uid = uid;
}

static int by_pid(const void *a, const void *b)
{
	const struct guest_task *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct guest_task new_task(uint32_t pid)
{
	struct guest_task task;

	memset(&task, 0xff, sizeof(task)); /* ABSENT is all ones */
	task.pid = pid;
	task.kthread = 0;
	memset(task.comm, 0, sizeof(task.comm));
	memset(task.cgroup, 0, sizeof(task.cgroup));
	memset(task.pad, 0, sizeof(task.pad));
	return task;
}

struct tasks {
	GArray *tasks;
	GHashTable *index; /* pid to the index of its task, plus one */
	uint64_t told; /* by the guest, 0: not */
	uint64_t over;
	GString *stat; /* of stat_pid, so far: a name may hold the ends of lines */
	uint32_t stat_pid; /* 0: none */
};

/* A process's stat is complete when something else follows. */
static void end_stat(struct tasks *t)
{
	struct guest_task task = new_task(t->stat_pid);
	uint32_t pid = t->stat_pid;

	t->stat_pid = 0;
	if (!pid || g_hash_table_contains(t->index, GUINT_TO_POINTER(pid)))
		return;
	if (t->tasks->len >= GUEST_TASKS_MAX) {
		t->over++;
		return;
	}
	if (!parse_stat(t->stat->str, t->stat->str + t->stat->len, &task))
		return;
	trim_worker(&task);
	g_array_append_val(t->tasks, task);
	g_hash_table_insert(t->index, GUINT_TO_POINTER(pid), GUINT_TO_POINTER(t->tasks->len));
}

static void take_stat(struct tasks *t, uint32_t pid, const char *text, const char *end)
{
	if (t->stat_pid == pid) {
		g_string_append_c(t->stat, '\n');
	} else {
		end_stat(t);
		g_string_truncate(t->stat, 0);
		t->stat_pid = pid;
	}
	g_string_append_len(t->stat, text, end - text);
}

static void take_line(struct tasks *t, const char *text, const char *end)
{
	struct task_line line;
	struct guest_task *task;
	const char *stat;
	guint at;

	if (end - text > 2 && !memcmp(text, "n:", 2)) {
		text += 2;
		ga_text_number(&text, end, &t->told);
		return;
	}
	if (!parse_line(text, end, &line))
		return;
	stat = starts(&line, "stat:");
	if (stat) {
		take_stat(t, line.pid, stat, end);
		return;
	}
	end_stat(t);
	at = GPOINTER_TO_UINT(g_hash_table_lookup(t->index, GUINT_TO_POINTER(line.pid)));
	if (!at)
		return;
	task = &g_array_index(t->tasks, struct guest_task, at - 1);
	parse_value(&line, task);
	parse_uid(&line, task);
	parse_cgroup(&line, task);
}

static bool is_known(GHashTable *set, uint32_t pid)
{
	return g_hash_table_contains(set, GUINT_TO_POINTER(pid));
}

/* The shell, what it started, and what that started. */
static uint64_t remove_own(GArray *tasks, uint64_t own)
{
	g_autoptr(GHashTable) family = g_hash_table_new(NULL, NULL);
	guint before = tasks->len, kept = 0;

	if (!own || own > PID_MAX)
		return 0;
	g_hash_table_add(family, GUINT_TO_POINTER((guint)own));
	for (unsigned generation = 0; generation < OWN_GENERATIONS; generation++)
		for (guint i = 0; i < tasks->len; i++) {
			const struct guest_task *t = &g_array_index(tasks, struct guest_task, i);

			if (is_known(family, t->ppid))
				g_hash_table_add(family, GUINT_TO_POINTER(t->pid));
		}
	for (guint i = 0; i < tasks->len; i++) {
		const struct guest_task t = g_array_index(tasks, struct guest_task, i);

		if (!is_known(family, t.pid))
			g_array_index(tasks, struct guest_task, kept++) = t;
	}
	g_array_set_size(tasks, kept);
	return before - kept;
}

void ga_text_tasks(const char *text, size_t len, uint64_t own, GArray *tasks,
		   uint64_t *ret_left_out)
{
	uint64_t all;

	g_autoptr(GHashTable) index = g_hash_table_new(NULL, NULL);
	g_autoptr(GString) stat = g_string_new(NULL);
	struct tasks t = {.tasks = tasks, .index = index, .stat = stat};
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', end - text);

		/* A last line without an end was cut off. */
		if (!newline)
			break;
		take_line(&t, text, newline);
		text = newline + 1;
	}
	end_stat(&t);
	all = remove_own(tasks, own);
	all += tasks->len;
	g_array_sort(tasks, by_pid);
	*ret_left_out = MAX(t.over, t.told > all ? t.told - all : 0);
}
