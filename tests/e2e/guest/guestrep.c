// SPDX-License-Identifier: Apache-2.0
/*
 * Runs inside a test guest, statically linked. "report" prints one line a process from the
 * guest's own /proc, in the form of guestdump; the other words make load that has known values.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[1 << 16];

static const char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n, used = 0;

	text[0] = '\0';
	if (fd < 0)
		return text;
	while ((n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += n;
	text[used] = '\0';
	close(fd);
	return text;
}

static unsigned long long after(const char *where, const char *key)
{
	const char *at = strstr(where, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static unsigned count_fds(const char *pid)
{
	char path[300];
	struct dirent *e;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		n += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

/* These files tell of one thread. */
static void print_threads(const char *pid)
{
	unsigned long long run = 0, delay = 0, vcsw = 0, ivcsw = 0;
	char path[128];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		unsigned long long r = 0, d = 0;
		const char *s;

		if (!isdigit(e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid, e->d_name);
		sscanf(slurp(path), "%llu %llu", &r, &d);
		run += r;
		delay += d;
		snprintf(path, sizeof(path), "/proc/%s/task/%s/status", pid, e->d_name);
		s = slurp(path);
		vcsw += after(s, "\nvoluntary_ctxt_switches:");
		ivcsw += after(s, "nonvoluntary_ctxt_switches:");
	}
	if (dir)
		closedir(dir);
	printf(" cpu=%llu delay=%llu vcsw=%llu ivcsw=%llu", run, delay, vcsw, ivcsw);
}

/* The last directory of the unified tree's path, in the form of the other side. */
static void print_cgroup(const char *pid)
{
	char path[300], *at, *end;

	snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
	at = strstr(slurp(path), "0::");
	if (!at)
		return;
	end = strchr(at, '\n');
	if (end)
		*end = 0;
	printf(" cg=/%.63s", strrchr(at, '/') + 1);
}

/* A dead main thread shows no memory and no files: another thread of the process does. */
static void thread_with_memory(const char *pid, char *ret, size_t size)
{
	char path[300];
	struct dirent *e;
	DIR *dir;

	snprintf(ret, size, "%s", pid);
	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/task/%s/status", pid, e->d_name);
		if (isdigit(e->d_name[0]) && after(slurp(path), "VmRSS:")) {
			snprintf(ret, size, "%s/task/%s", pid, e->d_name);
			break;
		}
	}
	if (dir)
		closedir(dir);
}

static void print_pid(const char *pid)
{
	char of[64];
	unsigned long long start = 0, ut = 0, st = 0, minflt = 0, majflt = 0, flags = 0;
	char path[300], state = '?', comm[64] = "";
	unsigned ppid = 0, threads = 0;
	const char *s, *open_at, *close_at;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	s = slurp(path);
	open_at = strchr(s, '(');
	close_at = strrchr(s, ')');
	if (!open_at || !close_at)
		return;
	snprintf(comm, sizeof(comm), "%.*s", (int)(close_at - open_at - 1), open_at + 1);
	sscanf(close_at + 2,
	       "%c %u %*d %*d %*d %*d %llu %llu %*u %llu %*u %llu %llu %*d %*d %*d %*d %u "
	       "%*d %llu",
	       &state, &ppid, &flags, &minflt, &majflt, &ut, &st, &threads, &start);
	snprintf(of, sizeof(of), "%s", pid);
	if (state == 'Z' && threads > 1)
		thread_with_memory(pid, of, sizeof(of));
	snprintf(path, sizeof(path), "/proc/%s/status", of);
	s = slurp(path);
	printf("T %s %u %llu %u %c kt=%d start=%llu ut=%llu st=%llu minflt=%llu majflt=%llu", pid,
	       ppid, after(s, "Uid:"), threads, state, !!(flags & 0x200000), start, ut, st, minflt,
	       majflt);
	printf(" swap=%llu", after(s, "VmSwap:") * 1024);
	print_threads(pid);
	snprintf(path, sizeof(path), "/proc/%s/io", pid);
	s = slurp(path);
	printf(" rchar=%llu wchar=%llu syscr=%llu syscw=%llu rbytes=%llu wbytes=%llu",
	       after(s, "rchar:"), after(s, "wchar:"), after(s, "syscr:"), after(s, "syscw:"),
	       after(s, "\nread_bytes:"), after(s, "\nwrite_bytes:"));
	snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", of);
	printf(" rss=%llu", after(slurp(path), "\nRss:") * 1024);
	print_cgroup(pid);
	printf(" fds=%u comm=%s\n", count_fds(of), comm);
}

static void report(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	const char *s;

	printf("BEGIN\n");
	while (dir && (e = readdir(dir))) {
		if (isdigit(e->d_name[0]))
			print_pid(e->d_name);
	}
	closedir(dir);
	s = slurp("/proc/meminfo");
	printf("S total=%llu free=%llu avail=%llu cached=%llu shmem=%llu swaptotal=%llu swapfree=%llu",
	       after(s, "MemTotal:"), after(s, "MemFree:"), after(s, "MemAvailable:"),
	       after(s, "\nCached:") + after(s, "Buffers:") + after(s, "SwapCached:"),
	       after(s, "Shmem:"), after(s, "SwapTotal:"), after(s, "SwapFree:"));
	s = slurp("/proc/vmstat");
	printf(" pgfault=%llu pgmajfault=%llu pswpin=%llu pswpout=%llu", after(s, "\npgfault "),
	       after(s, "\npgmajfault "), after(s, "\npswpin "), after(s, "\npswpout "));
	s = slurp("/proc/uptime");
	printf(" uptime=%.0f\n", atof(s) * 100);
	printf("L %s", slurp("/proc/loadavg"));
	for (char *line = strtok((char *)slurp("/proc/stat"), "\n"); line;
	     line = strtok(NULL, "\n")) {
		unsigned long long v[8] = {0};
		int cpu = -1;

		if (strncmp(line, "cpu", 3))
			break;
		if (line[3] != ' ')
			cpu = atoi(line + 3);
		sscanf(strchr(line, ' '), "%llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1],
		       &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]);
		printf("C %d user=%llu nice=%llu system=%llu idle=%llu iowait=%llu irq=%llu softirq=%llu "
		       "steal=%llu\n",
		       cpu, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
	}
	for (char *line = strtok((char *)slurp("/proc/schedstat"), "\n"); line;
	     line = strtok(NULL, "\n")) {
		unsigned long long run, delay;
		int cpu;

		if (sscanf(line, "cpu%d %*u %*u %*u %*u %*u %*u %llu %llu", &cpu, &run, &delay) ==
		    3)
			printf("D %d delay=%llu\n", cpu, delay);
	}
	printf("END\n");
	fflush(stdout);
}

static void *thread_main(void *arg)
{
	volatile unsigned long n = 0;

	while (n < 20000000)
		n++;
	pause();
	return arg;
}

static void threads(int n)
{
	pthread_t id;

	for (int i = 0; i < n; i++)
		pthread_create(&id, NULL, thread_main, NULL);
	pause();
}

/* The main thread ends, the others live on. */
static void headless(int n)
{
	pthread_t id;

	dup(0);
	for (int i = 0; i < n; i++)
		pthread_create(&id, NULL, thread_main, NULL);
	pthread_exit(NULL);
}

static void hog(size_t mib)
{
	char *p = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, mib << 20);
	for (int i = 0; i < 100; i++)
		dup(0);
	pause();
}

static void churn(int n)
{
	for (;;) {
		for (int i = 0; i < n; i++) {
			if (fork() == 0)
				_exit(0);
		}
		while (wait(NULL) > 0)
			;
	}
}

static void many(int n)
{
	for (int i = 0; i < n; i++) {
		if (fork() == 0) {
			setuid(1000 + i % 7);
			for (;;)
				pause();
		}
	}
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "report";
	int n = argc > 2 ? atoi(argv[2]) : 1;

	if (strcmp(what, "report") == 0)
		report();
	else if (strcmp(what, "threads") == 0)
		threads(n);
	else if (strcmp(what, "headless") == 0)
		headless(n);
	else if (strcmp(what, "hog") == 0)
		hog(n);
	else if (strcmp(what, "churn") == 0)
		churn(n);
	else if (strcmp(what, "many") == 0)
		many(n);
	else if (strcmp(what, "burn") == 0)
		for (;;)
			;
	return 0;
}
