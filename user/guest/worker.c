// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "guest/kernel.h"
#include "guest/maps.h"
#include "guest/procio.h"
#include "guest/report.h"
#include "guest/system.h"
#include "guest/walk.h"
#include "guest/worker.h"
#include "guest/worker_child.h"

#define STANDS_NS 10000000000ull /* a guest that does nothing still ticks now and then */
#define SEARCH_FIRST_NS 3000000000ull
#define MAPS_MAX (1u << 20) /* bytes of /proc/PID/maps */

struct worker {
	struct guest_setup setup;
	struct guest_procio io;
	/* The kernel in use, and room to look for another. */
	struct {
		struct guest_mem mem;
		struct guest_kernel kernel;
	} at[2];
	unsigned cur;
	struct layout_cache layouts;
	bool attached;
	uint64_t attaches;
	uint64_t avoid; /* btf_hva of a kernel that is not to be found again */
	uint64_t clock; /* the guest's at the last look; GUEST_ABSENT: there was none */
	bool moved; /* since this kernel was found */
	uint64_t since_ns; /* when it was last seen to move */
	uint64_t search_ns; /* it may stand so long before another kernel is looked for */
	struct guest_report report;
	struct guest_cpu cpus[GUEST_CPUS_MAX];
	struct guest_walk walk;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void begin(struct guest_mem *mem, uint64_t calls, uint64_t bytes, uint64_t ns)
{
	struct guest_budget budget = {
		.calls = calls,
		.bytes = bytes,
		.deadline_ns = clock_ns(CLOCK_MONOTONIC) + ns,
	};

	guest_mem_begin(mem, &budget);
}

static void take_stats(struct worker *w, const struct guest_mem *mem)
{
	struct guest_walk_stats *s = &w->report.walk;

	s->calls += mem->stats.calls;
	s->bytes += mem->stats.bytes;
	s->absent += mem->stats.absent;
	s->outside += mem->stats.outside;
	s->attaches = w->attaches;
}

static enum guest_status attach_to(struct worker *w, const struct guest_ram *ram, bool guessed,
				   const struct guest_request *req)
{
	struct guest_mem *mem = &w->at[!w->cur].mem;
	enum guest_status status;

	guest_mem_init(mem, ram, &guest_procio_ops, &w->io);
	begin(mem, UINT64_MAX, UINT64_MAX, req->attach_ns);
	status = guest_kernel_attach(&w->at[!w->cur].kernel, mem, guessed, w->avoid, &w->layouts);
	take_stats(w, mem);
	return status;
}

static size_t read_maps(char *text)
{
	size_t used = 0;
	ssize_t n;

	while (used < MAPS_MAX - 1 &&
	       (n = pread(GUEST_WORKER_MAPS_FD, text + used, MAPS_MAX - 1 - used, used)) > 0)
		used += n;
	text[used] = '\0';
	return used;
}

/* What the VMM has mapped: RAM of which the place is known, or blocks that may be RAM. */
static unsigned look_at_maps(const struct guest_ram *ram, struct guest_ram *ret_ram,
			     struct guest_block *ret_blocks)
{
	char *text =
		mmap(NULL, MAPS_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned n = 0;

	if (text == MAP_FAILED)
		return 0;
	if (read_maps(text))
		n = ram ? guest_maps_filter(text, ram, ret_ram)
			: guest_maps_blocks(text, ret_blocks);
	munmap(text, MAPS_MAX);
	return n;
}

static enum guest_status search_exact(struct worker *w, const struct guest_request *req)
{
	struct guest_ram ram;

	if (w->setup.hidden)
		return GUEST_ENCRYPTED;
	if (!look_at_maps(&w->setup.ram, &ram, NULL))
		return GUEST_NO_RAM;
	return attach_to(w, &ram, false, req);
}

/* The block that got furthest is the one whose trouble is worth telling. */
static enum guest_status search(struct worker *w, const struct guest_request *req)
{
	struct guest_block blocks[GUEST_BLOCKS_MAX];
	enum guest_status worst = GUEST_NO_RAM;
	unsigned n;

	w->attaches++;
	if (w->setup.exact)
		return search_exact(w, req);
	n = look_at_maps(NULL, NULL, blocks);
	for (unsigned i = 0; i < n; i++) {
		enum guest_status status;
		struct guest_ram ram;

		if (guest_ram_split(&ram, blocks[i].hva, blocks[i].size, 0) < 0)
			continue;
		status = attach_to(w, &ram, true, req);
		if (status == GUEST_OK || status == GUEST_IO || status == GUEST_BUSY)
			return status;
		if (status > worst)
			worst = status;
	}
	return worst;
}

static enum guest_status status_of_walk(int r)
{
	if (r == 0)
		return GUEST_OK;
	return r == -ESRCH || r == -EIO || r == -EBADF ? GUEST_IO : GUEST_BUSY;
}

/* Go over to another kernel, if there is one. The one in use stays in use otherwise. */
static enum guest_status attach(struct worker *w, const struct guest_request *req)
{
	enum guest_status status = search(w, req);

	w->avoid = 0;
	if (status != GUEST_OK)
		return status;
	w->cur = !w->cur;
	w->attached = true;
	w->clock = GUEST_ABSENT;
	w->moved = false;
	return GUEST_OK;
}

/*
 * A reboot can leave the old kernel's memory whole for long: it looks alive but for its clock. So
 * a view counts only once the clock has moved, and while it stands another kernel is looked for,
 * more and more seldom.
 */
static enum guest_status judge_clock(struct worker *w, const struct guest_request *req)
{
	uint64_t clock = w->report.system.uptime_ns, now = clock_ns(CLOCK_MONOTONIC);

	if (clock == GUEST_ABSENT)
		return GUEST_OK;
	if (clock != w->clock) {
		w->moved = w->clock != GUEST_ABSENT;
		w->clock = clock;
		w->since_ns = now;
		w->search_ns = SEARCH_FIRST_NS;
		return w->moved ? GUEST_OK : GUEST_STANDS;
	}
	if (now - w->since_ns >= w->search_ns) {
		w->search_ns *= 2;
		w->avoid = w->at[w->cur].kernel.btf_hva;
		if (attach(w, req) == GUEST_OK)
			return GUEST_STANDS;
	}
	return w->moved && now - w->since_ns < STANDS_NS ? GUEST_OK : GUEST_STANDS;
}

static enum guest_status walk(struct worker *w, const struct guest_request *req)
{
	struct guest_mem *mem = &w->at[w->cur].mem;
	struct guest_kernel *kernel = &w->at[w->cur].kernel;
	int r;

	begin(mem, req->calls, req->bytes, req->walk_ns);
	if (!guest_kernel_check(kernel)) {
		w->attached = false;
		return GUEST_STANDS;
	}
	r = guest_walk(kernel, &w->walk, &w->report.walk);
	if (r == 0)
		guest_system_read(kernel, &w->report.system, w->cpus, &w->report.n_cpus);
	take_stats(w, mem);
	if (r < 0 && r != -ETIME) {
		w->attached = false;
		w->avoid = kernel->btf_hva;
	}
	return status_of_walk(r);
}

static enum guest_status look(struct worker *w, const struct guest_request *req)
{
	enum guest_status status = GUEST_OK;

	if (!w->attached)
		status = attach(w, req);
	if (status == GUEST_OK)
		status = walk(w, req);
	if (status == GUEST_OK)
		status = judge_clock(w, req);
	if (status == GUEST_OK)
		w->report.n_tasks = w->walk.n;
	else
		w->report.n_cpus = 0;
	return status;
}

static int answer(struct worker *w, const struct guest_request *req)
{
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	int r;

	memset(&w->report, 0, sizeof(w->report));
	w->report.magic = GUEST_REPORT_MAGIC;
	w->report.number = req->number;
	w->report.status = look(w, req);
	w->report.walk.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	r = child_write(GUEST_WORKER_SOCKET_FD, &w->report, sizeof(w->report), 0);
	if (r == 0)
		r = child_write(GUEST_WORKER_SOCKET_FD, w->cpus,
				w->report.n_cpus * sizeof(w->cpus[0]), 0);
	if (r == 0)
		r = child_write(GUEST_WORKER_SOCKET_FD, w->walk.tasks,
				w->report.n_tasks * sizeof(w->walk.tasks[0]), 0);
	return r;
}

static bool setup_valid(struct guest_setup *setup)
{
	if (setup->magic != GUEST_SETUP_MAGIC)
		return false;
	return !setup->exact || guest_ram_check(&setup->ram, &setup->ram) == 0;
}

int guest_worker_main(void)
{
	struct worker *w =
		mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct guest_request req;
	const char *step;
	unsigned done;

	if (w == MAP_FAILED || child_confine(&guest_worker_child, 0, 0, 0, &done, &step) < 0)
		return 1;
	w->io.mem_fd = GUEST_WORKER_MEM_FD;
	w->io.pagemap_fd = GUEST_WORKER_PAGEMAP_FD;
	if (child_read(GUEST_WORKER_SOCKET_FD, &w->setup, sizeof(w->setup), 0) < 0 ||
	    !setup_valid(&w->setup))
		return 1;
	while (child_read(GUEST_WORKER_SOCKET_FD, &req, sizeof(req), 0) == 0 &&
	       req.magic == GUEST_REQUEST_MAGIC) {
		if (answer(w, &req) < 0)
			break;
	}
	return 0;
}
