// SPDX-License-Identifier: Apache-2.0
#include "vm/footprint_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/clock.h"
#include "vm/proc_fs.h"
#include "vm/vmm_cmdline.h"

#define TEXT_MAX 65536
#define NUMA_LINES_MAX 65536

static ssize_t read_text(const struct footprint_job *job, const char *name, char *buf)
{
	g_autofree char *path = g_strdup_printf("%s/%d/%s", job->proc, job->target.pid, name);

	return proc_fs_read(AT_FDCWD, path, buf, TEXT_MAX);
}

/* A VM may have tens of thousands of mappings: line by line. */
static void read_nodes(struct footprint_job *job)
{
	g_autofree char *path = g_strdup_printf("%s/%d/numa_maps", job->proc, job->target.pid);
	struct footprint *memory = &job->view.memory;
	FILE *f = fopen(path, "re");
	char line[4096];

	if (!f)
		return;
	memset(memory->nodes, 0xff, sizeof(memory->nodes));
	for (unsigned i = 0; i < NUMA_LINES_MAX && fgets(line, sizeof(line), f); i++)
		footprint_parse_numa(line, memory);
	fclose(f);
}

static void read_memory(struct footprint_job *job, char *buf)
{
	uint64_t begun = mono_ns();
	ssize_t n = read_text(job, "status", buf);

	if (n <= 0) {
		job->err = n == -ENOENT || n == 0 ? -ESRCH : n;
		return;
	}
	footprint_parse_status(buf, n, &job->view.memory);
	if (!job->walk)
		return;
	n = read_text(job, "smaps_rollup", buf);
	if (n > 0)
		footprint_parse_rollup(buf, n, &job->view.memory);
	if (job->target.level >= KVMLENS_DETAILED)
		read_nodes(job);
	job->walk_ns = mono_ns() - begun;
}

/* --- the cgroup ------------------------------------------------------------------------------- */

/* Where the tree is mounted, by mountinfo's text: blkio's, or the unified one. */
static char *mount_of(const char *mountinfo, bool v1)
{
	g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);
	char path[512], type[32], super[256];

	for (char **line = lines; *line; line++) {
		const char *rest = strstr(*line, " - ");
		g_auto(GStrv) options = NULL;

		if (!rest || sscanf(*line, "%*s %*s %*s %*s %511s", path) != 1 ||
		    sscanf(rest, " - %31s %*s %255s", type, super) != 2)
			continue;
		options = g_strsplit(super, ",", -1);
		if (v1 ? !strcmp(type, "cgroup") &&
				    g_strv_contains((const char *const *)options, "blkio")
		       : !strcmp(type, "cgroup2"))
			return g_strdup(path);
	}
	return NULL;
}

static char *tree_root(const struct footprint_job *job, bool v1)
{
	g_autofree char *path = g_strdup_printf("%s/self/mountinfo", job->proc);
	g_autofree char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? mount_of(text, v1) : NULL;
}

/* Does this cgroup have a state of the block controller of its own? */
static bool has_io(const char *dir)
{
	g_autofree char *file = g_strdup_printf("%s/io.max", dir);

	return !access(file, F_OK);
}

/* The nearest one above, below the root, that has. libvirt makes threaded ones without. */
static bool climb(char *dir, size_t root)
{
	while (strlen(dir) > root) {
		if (has_io(dir))
			return true;
		*strrchr(dir, '/') = '\0';
	}
	return false;
}

/* Is the process there, and none but it, in dir and what is below? 1, 0: nobody is, -1: others. */
static int population(const char *dir, pid_t pid, unsigned *dirs, char *buf)
{
	g_autofree char *procs = g_strdup_printf("%s/cgroup.procs", dir);
	ssize_t n = proc_fs_read(AT_FDCWD, procs, buf, TEXT_MAX);
	const struct dirent *entry;
	int found = 0;
	DIR *d;

	/* A threaded cgroup does not tell; the one that it belongs to does. */
	if (n > 0 && !footprint_alone(buf, n, pid))
		return -1;
	found = n > 0;
	d = opendir(dir);
	while (d && found >= 0 && (entry = readdir(d))) {
		g_autofree char *below = g_strdup_printf("%s/%s", dir, entry->d_name);
		int more;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		more = ++*dirs > CGROUP_DIRS_MAX ? -1 : population(below, pid, dirs, buf);
		found = more ? more : found;
	}
	if (d)
		closedir(d);
	return found;
}

static void read_cgroup(struct footprint_job *job, char *buf)
{
	ssize_t n = read_text(job, "cgroup", buf);
	g_autofree char *root = NULL, *dir = NULL;
	unsigned dirs = 0;
	char path[2048];
	struct stat st;
	bool v1;

	job->view.cgroup = 0;
	job->view.cgroups_left_out = 0;
	if (n <= 0 || !footprint_parse_cgroup(buf, n, path, sizeof(path), &v1) ||
	    !strcmp(path, "/") || strstr(path, "/../"))
		return;
	root = tree_root(job, v1);
	if (!root)
		return;
	dir = g_strconcat(root, path, NULL);
	if (!v1 && !climb(dir, strlen(root)))
		return;
	if (population(dir, job->target.pid, &dirs, buf) == 1 && !stat(dir, &st))
		job->view.cgroup = st.st_ino;
	job->view.cgroups_left_out = dirs > CGROUP_DIRS_MAX ? dirs - CGROUP_DIRS_MAX : 0;
}

static void read_macs(struct footprint_job *job)
{
	g_autofree char *path = g_strdup_printf("%s/%d/cmdline", job->proc, job->target.pid);
	g_autofree char *cmdline = g_malloc(VMM_CMDLINE_MAX);
	ssize_t n = proc_fs_read(AT_FDCWD, path, cmdline, VMM_CMDLINE_MAX);

	job->view.n_macs = n > 0 ? vmm_macs_parse(cmdline, n, job->view.macs, VM_DEVICES_MAX) : 0;
}

static void run(struct offload_job *data)
{
	struct footprint_job *job = (struct footprint_job *)data;
	g_autofree char *buf = g_malloc(TEXT_MAX);

	read_memory(job, buf);
	if (job->err)
		return;
	read_cgroup(job, buf);
	job->view.n_images = 0;
	if (job->target.images)
		read_macs(job);
	if (job->target.images)
		image_files_read(job->proc, job->target.pid, job->view.images, &job->view.n_images);
	job->view.mono_ns = mono_ns();
}

static void job_free(struct offload_job *data)
{
	struct footprint_job *job = (struct footprint_job *)data;

	g_free(job->proc);
	g_free(job);
}

struct footprint_job *footprint_job_new(const char *proc, const struct footprint_target *target,
					const struct footprint_view *view)
{
	struct footprint_job *job = g_new0(struct footprint_job, 1);

	offload_job_init(&job->job, run, job_free);
	job->proc = g_strdup(proc);
	job->target = *target;
	job->view = *view;
	return job;
}
