// SPDX-License-Identifier: Apache-2.0
/*
 * guestdump PID [WALKS]: attach to the guest of a VMM process, walk it, print one line a process
 * in the form of tests/e2e/guest/init's own report, so that both can be compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "guest/kernel.h"
#include "guest/maps.h"
#include "guest/procio.h"
#include "guest/slots.h"
#include "guest/system.h"
#include "guest/walk.h"
#include "probe/probe.h"

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static int open_of(const char *pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static char *read_maps(const char *pid)
{
	char *text = calloc(1, 1 << 20);
	int fd = open_of(pid, "maps");
	size_t used = 0;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, text + used, (1 << 20) - 1 - used)) > 0)
		used += n;
	close(fd);
	return text;
}

static enum guest_status attach_to(struct guest_kernel *k, struct guest_mem *mem,
				   const struct guest_ram *ram, struct guest_procio *io, bool exact)
{
	double begun = cpu_ms();
	enum guest_status status;

	guest_mem_init(mem, ram, &guest_procio_ops, io);
	status = guest_kernel_attach(k, mem, !exact, 0, NULL);
	fprintf(stderr,
		"%s %#" PRIx64 "+%" PRIu64 " MiB: %s (%" PRIu64 " calls, %" PRIu64
		" KiB); attach %.1f ms cpu\n",
		exact ? "KVM's slots" : "block", ram->seg[0].hva, guest_ram_size(ram) >> 20,
		guest_status_text(status), mem->stats.calls, mem->stats.bytes >> 10,
		cpu_ms() - begun);
	return status;
}

/* Where KVM says that the guest's RAM is. False: no KVM guest, or this kernel does not tell. */
static bool slots_of(const char *pid, const char *maps, struct guest_ram *ret_ram)
{
	struct probe_options options = {
		.max_threads = 64, .level = KVMLENS_BASIC, .memslots = true};
	g_autoptr(GArray) slots = g_array_new(FALSE, FALSE, sizeof(struct kvm_slot));
	struct guest_ram ram;
	struct probe *probe;
	bool hidden, found;

	if (probe_open(&options, &probe))
		return false;
	found = probe_scan_memslots(probe, slots) == 0 &&
		guest_slots_ram((void *)slots->data, slots->len, atoi(pid), &ram, &hidden) == 0 &&
		guest_maps_filter(maps, &ram, ret_ram);
	probe_close(probe, false);
	return found;
}

static enum guest_status attach(struct guest_kernel *k, struct guest_mem *mem,
				struct guest_procio *io, const char *pid)
{
	struct guest_block blocks[GUEST_BLOCKS_MAX];
	enum guest_status status = GUEST_NO_RAM;
	char *maps = read_maps(pid);
	unsigned n = guest_maps_blocks(maps, blocks);
	struct guest_ram slots;

	if (slots_of(pid, maps, &slots)) {
		status = attach_to(k, mem, &slots, io, true);
		n = 0;
	}
	for (unsigned i = 0; i < n && status != GUEST_OK; i++) {
		struct guest_ram ram;

		if (guest_ram_split(&ram, blocks[i].hva, blocks[i].size, 0) < 0)
			continue;
		status = attach_to(k, mem, &ram, io, false);
	}
	free(maps);
	return status;
}

static void print_task(const struct guest_task *t)
{
	printf("T %u %u %u %u %c kt=%u start=%" PRIu64 " cpu=%" PRIu64 " ut=%" PRIu64 " st=%" PRIu64
	       " delay=%" PRIu64 " rss=%" PRIu64 " swap=%" PRIu64 " rchar=%" PRIu64
	       " wchar=%" PRIu64 " syscr=%" PRIu64 " syscw=%" PRIu64 " rbytes=%" PRIu64
	       " wbytes=%" PRIu64 " minflt=%" PRIu64 " majflt=%" PRIu64 " vcsw=%" PRIu64
	       " ivcsw=%" PRIu64 " fds=%" PRId64 " cg=/%s comm=%s\n",
	       t->pid, t->ppid, t->uid, t->threads, t->state, t->kthread, t->start_ns, t->cpu_ns,
	       t->user_ns / 10000000, t->system_ns / 10000000, t->run_delay_ns, t->rss, t->swap,
	       t->read_chars, t->write_chars, t->read_calls, t->write_calls, t->read_bytes,
	       t->write_bytes, t->minor_faults, t->major_faults, t->switches_voluntary,
	       t->switches_forced, t->open_files, t->cgroup, t->comm);
}

static void print_system(const struct guest_system *s, const struct guest_cpu *cpus, uint32_t n)
{
	printf("S total=%" PRIu64 " free=%" PRIu64 " avail=%" PRIu64 " cached=%" PRIu64
	       " shmem=%" PRIu64 " swaptotal=%" PRIu64 " swapfree=%" PRIu64 " pgfault=%" PRIu64
	       " pgmajfault=%" PRIu64 " pswpin=%" PRIu64 " pswpout=%" PRIu64 " load=%" PRIu64
	       " uptime=%" PRIu64 " host=%s release=%s cpus=%u\n",
	       s->mem_total >> 10, s->mem_free >> 10, s->mem_available >> 10, s->mem_cached >> 10,
	       s->mem_shared >> 10, s->swap_total >> 10, s->swap_free >> 10, s->faults,
	       s->major_faults, s->swap_in_pages, s->swap_out_pages, s->load[0],
	       s->uptime_ns / 10000000, s->hostname, s->release, n);
	for (uint32_t i = 0; i <= n; i++) {
		const struct guest_cpu *c = i == n ? &s->total : &cpus[i];

		printf("C %d user=%" PRIu64 " nice=%" PRIu64 " system=%" PRIu64 " idle=%" PRIu64
		       " iowait=%" PRIu64 " irq=%" PRIu64 " softirq=%" PRIu64 " steal=%" PRIu64
		       " delay=%" PRIu64 "\n",
		       i == n ? -1 : (int)i, c->user_ns / 10000000, c->nice_ns / 10000000,
		       c->system_ns / 10000000, c->idle_ns / 10000000, c->iowait_ns / 10000000,
		       c->irq_ns / 10000000, c->softirq_ns / 10000000, c->steal_ns / 10000000,
		       c->run_delay_ns);
	}
}

/*
 * Of the walk before: counters of a process that went back mean a value that was wrong. The split
 * into user and system is no counter: the kernel itself corrects it as more ticks are seen.
 */
static unsigned count_backward(const struct guest_walk *walk)
{
	static struct guest_task before[1 << 16];
	unsigned n = 0;

	for (uint32_t i = 0; i < walk->n; i++) {
		const struct guest_task *t = &walk->tasks[i];
		struct guest_task *b = &before[t->pid % (1 << 16)];

		if (b->pid == t->pid && b->start_ns == t->start_ns &&
		    (t->cpu_ns < b->cpu_ns || t->read_chars < b->read_chars ||
		     t->write_calls < b->write_calls || t->minor_faults < b->minor_faults ||
		     t->switches_voluntary < b->switches_voluntary)) {
			fprintf(stderr, "backward: pid %u cpu %" PRIu64 " -> %" PRIu64 "\n", t->pid,
				b->cpu_ns, t->cpu_ns);
			n++;
		}
		*b = *t;
	}
	return n;
}

int main(int argc, char **argv)
{
	static struct guest_mem mem;
	static struct guest_kernel k;
	static struct guest_walk walk;
	static struct guest_cpu cpus[GUEST_CPUS_MAX];
	struct guest_procio io;
	struct guest_system sys;
	struct guest_walk_stats stats = {0};
	struct guest_budget budget = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	unsigned walks = argc > 2 ? atoi(argv[2]) : 1, failed = 0, backward = 0;
	uint32_t n_cpus;
	double worst = 0, sum = 0;
	enum guest_status status;

	if (argc < 2)
		return 2;
	io.mem_fd = open_of(argv[1], "mem");
	io.pagemap_fd = open_of(argv[1], "pagemap");
	status = attach(&k, &mem, &io, argv[1]);
	if (status != GUEST_OK)
		return 1;
	for (unsigned i = 0; i < walks; i++) {
		double t1 = cpu_ms(), d;
		int r;

		guest_mem_begin(&mem, &budget);
		if (!guest_kernel_check(&k))
			return fprintf(stderr, "kernel has gone\n"), 1;
		r = guest_walk(&k, &walk, &stats);
		guest_system_read(&k, &sys, cpus, &n_cpus);
		d = cpu_ms() - t1;
		sum += d;
		worst = d > worst ? d : worst;
		if (r < 0) {
			failed++;
			fprintf(stderr, "walk: %s\n", strerror(-r));
		} else {
			backward += count_backward(&walk);
		}
	}
	for (uint32_t i = 0; i < walk.n; i++)
		print_task(&walk.tasks[i]);
	print_system(&sys, cpus, n_cpus);
	fprintf(stderr,
		"%u walks, %u failed, %u tasks, %.3f ms cpu average, %.3f worst, %" PRIu64
		" calls, %" PRIu64 " KiB, absent %" PRIu64 " outside %" PRIu64 " torn %" PRIu64
		" unread %" PRIu64 " retries %" PRIu64 "\n",
		walks, failed, walk.n, sum / walks, worst, mem.stats.calls, mem.stats.bytes >> 10,
		mem.stats.absent, mem.stats.outside, stats.torn, stats.unread, stats.retries);
	return backward || failed ? 1 : 0;
}
