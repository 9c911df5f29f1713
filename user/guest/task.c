// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include "guest/cgroup.h"
#include "guest/rss.h"
#include "guest/task.h"

#define PID_LIMIT (1u << 22)
#define THREADS_MAX 32768u
#define THREADS_SLACK 16u
#define FDS_MAX (1u << 20)
#define BITMAP_PIECE 4096u
#define SIGNAL_MAX 16384u
#define OBJECT_MAX 1024u
#define PF_KTHREAD 0x00200000u

#define EXIT_ZOMBIE 0x20u
#define EXIT_DEAD 0x10u
#define STATE_IDLE 0x402u

static uint64_t field_u64(const struct layout *l, const uint8_t *bytes, uint32_t lo,
			  enum layout_field field)
{
	const struct layout_field_at *f = &l->field[field];
	uint64_t v = 0;

	if (f->size == 4 || f->size == 8)
		memcpy(&v, bytes + f->offset - lo, f->size);
	return v;
}

uint64_t guest_task_u64(const struct layout *l, const struct task_image *image,
			enum layout_field field)
{
	return field_u64(l, image->bytes, l->task_lo, field);
}

void guest_task_links(const struct layout *l, const struct task_image *image, uint64_t *ret_next,
		      uint64_t *ret_prev)
{
	const uint8_t *at = image->bytes + l->field[L_TASK_TASKS].offset - l->task_lo;

	memcpy(ret_next, at, 8);
	memcpy(ret_prev, at + 8, 8);
}

static bool is_task_place(const struct guest_kernel *k, uint64_t va)
{
	if (va == k->symbol[SYM_INIT_TASK])
		return true;
	return va % 8 == 0 && guest_space_linear(&k->space, va, k->layout.task_hi);
}

int guest_task_image(struct guest_kernel *k, uint64_t va, struct task_image *ret_image)
{
	const struct layout *l = &k->layout;
	int r;

	if (!is_task_place(k, va))
		return -EFAULT;
	r = guest_space_read(&k->space, va + l->task_lo, ret_image->bytes, l->task_hi - l->task_lo);
	if (r < 0)
		return r;
	ret_image->va = va;
	if (guest_task_u64(l, ret_image, L_TASK_PID) > PID_LIMIT ||
	    guest_task_u64(l, ret_image, L_TASK_TGID) > PID_LIMIT)
		return -EFAULT;
	return 0;
}

static char state_letter(const struct layout *l, const struct task_image *image)
{
	uint64_t state = guest_task_u64(l, image, L_TASK_STATE);
	uint64_t exit = guest_task_u64(l, image, L_TASK_EXIT_STATE);

	if (exit & EXIT_ZOMBIE)
		return 'Z';
	if (exit & EXIT_DEAD)
		return 'X';
	if ((state & STATE_IDLE) == STATE_IDLE)
		return 'I';
	state &= 0x7f;
	if (state == 0)
		return 'R';
	if (state & 1)
		return 'S';
	if (state & 2)
		return 'D';
	if (state & 4)
		return 'T';
	return state & 8 ? 't' : '?';
}

/* Raw sums over the threads of a process. */
struct sums {
	uint64_t utime, stime, runtime, delay;
	uint64_t shown_utime, shown_stime; /* the split that the guest showed last */
	uint64_t mm, files; /* of the first thread that has one: a leader may have ended before */
	struct rss_look rss;
};

struct counted {
	enum layout_field task, signal;
	size_t offset;
};

#define COUNTED(name, member)                                                       \
	{                                                                           \
		L_TASK_##name, L_SIGNAL_##name, offsetof(struct guest_task, member) \
	}
static const struct counted counted[] = {
	COUNTED(RCHAR, read_chars),	    COUNTED(WCHAR, write_chars),
	COUNTED(SYSCR, read_calls),	    COUNTED(SYSCW, write_calls),
	COUNTED(READ_BYTES, read_bytes),    COUNTED(WRITE_BYTES, write_bytes),
	COUNTED(MIN_FLT, minor_faults),	    COUNTED(MAJ_FLT, major_faults),
	COUNTED(NVCSW, switches_voluntary), COUNTED(NIVCSW, switches_forced),
};
#define N_COUNTED (sizeof(counted) / sizeof(counted[0]))

static uint64_t *counter_of(struct guest_task *task, const struct counted *c)
{
	return (uint64_t *)((char *)task + c->offset);
}

static void add_thread(const struct layout *l, const struct task_image *image,
		       struct guest_task *task, struct sums *sums)
{
	for (unsigned i = 0; i < N_COUNTED; i++)
		*counter_of(task, &counted[i]) += guest_task_u64(l, image, counted[i].task);
	sums->utime += guest_task_u64(l, image, L_TASK_UTIME);
	sums->stime += guest_task_u64(l, image, L_TASK_STIME);
	sums->runtime += guest_task_u64(l, image, L_TASK_RUNTIME);
	sums->delay += guest_task_u64(l, image, L_TASK_RUN_DELAY);
	sums->mm = sums->mm ?: guest_task_u64(l, image, L_TASK_MM);
	sums->files = sums->files ?: guest_task_u64(l, image, L_TASK_FILES);
	guest_rss_thread(l, image, &sums->rss);
}

static void add_signal(const struct layout *l, const uint8_t *signal, struct guest_task *task,
		       struct sums *sums)
{
	for (unsigned i = 0; i < N_COUNTED; i++)
		*counter_of(task, &counted[i]) +=
			field_u64(l, signal, l->signal_lo, counted[i].signal);
	sums->utime += field_u64(l, signal, l->signal_lo, L_SIGNAL_UTIME);
	sums->stime += field_u64(l, signal, l->signal_lo, L_SIGNAL_STIME);
	sums->runtime += field_u64(l, signal, l->signal_lo, L_SIGNAL_RUNTIME);
	sums->shown_utime = field_u64(l, signal, l->signal_lo, L_SIGNAL_PREV_UTIME);
	sums->shown_stime = field_u64(l, signal, l->signal_lo, L_SIGNAL_PREV_STIME);
}

/* Values that need a member which this kernel lacks are absent, not partial. */
static void mark_absent(const struct layout *l, struct guest_task *task)
{
	for (unsigned i = 0; i < N_COUNTED; i++) {
		if (!layout_has(l, counted[i].task) || !layout_has(l, counted[i].signal))
			*counter_of(task, &counted[i]) = GUEST_ABSENT;
	}
	if (!layout_has(l, L_TASK_START))
		task->start_ns = GUEST_ABSENT;
	if (!layout_has(l, L_TASK_RUN_DELAY))
		task->run_delay_ns = GUEST_ABSENT;
}

/* stime's share of the exact total, by what the ticks saw. */
static uint64_t system_share(const struct sums *sums)
{
	if (sums->stime == 0)
		return 0;
	if (sums->utime == 0)
		return sums->runtime;
	return (unsigned __int128)sums->stime * sums->runtime /
	       ((unsigned __int128)sums->stime + sums->utime);
}

/* As the kernel's own cputime_adjust() does it: neither part ever goes back. */
static void split_cpu(const struct layout *l, const struct sums *sums, struct guest_task *task)
{
	uint64_t system = system_share(sums);

	task->cpu_ns = task->user_ns = task->system_ns = GUEST_ABSENT;
	if (!layout_has(l, L_TASK_RUNTIME) || !layout_has(l, L_SIGNAL_RUNTIME))
		return;
	task->cpu_ns = sums->runtime;
	if (!layout_has(l, L_TASK_UTIME) || !layout_has(l, L_SIGNAL_UTIME) ||
	    !layout_has(l, L_TASK_STIME) || !layout_has(l, L_SIGNAL_STIME))
		return;
	if (sums->shown_stime > system && sums->shown_stime <= sums->runtime)
		system = sums->shown_stime;
	if (sums->shown_utime > sums->runtime - system && sums->shown_utime <= sums->runtime)
		system = sums->runtime - sums->shown_utime;
	task->system_ns = system;
	task->user_ns = sums->runtime - system;
}

static int count_bits(struct guest_kernel *k, uint64_t va, uint32_t bits, uint64_t *ret_n)
{
	uint8_t piece[BITMAP_PIECE];
	uint64_t n = 0;

	for (uint32_t at = 0; at < bits / 8;) {
		uint32_t len = bits / 8 - at < sizeof(piece) ? bits / 8 - at : sizeof(piece);
		int r = guest_space_read(&k->space, va + at, piece, len);

		if (r < 0)
			return r;
		for (uint32_t i = 0; i < len; i++)
			n += __builtin_popcount(piece[i]);
		at += len;
	}
	*ret_n = n;
	return 0;
}

/* Most processes' tables lie inside their files_struct, so that one read brings everything. */
static void read_files(struct guest_kernel *k, uint64_t files_va, struct guest_task *task)
{
	const struct layout *l = &k->layout;
	uint8_t files[OBJECT_MAX], table[OBJECT_MAX];
	uint64_t fdt, open, n;
	uint32_t max;

	task->open_files = GUEST_ABSENT;
	if (!layout_has(l, L_FILES_FDT) || !layout_has(l, L_FDT_MAX) ||
	    !layout_has(l, L_FDT_OPEN) || l->fdtable_size > sizeof(table) ||
	    l->files_size > sizeof(files) ||
	    !guest_space_linear(&k->space, files_va, l->files_size))
		return;
	if (guest_space_read(&k->space, files_va, files, l->files_size) < 0)
		return;
	memcpy(&fdt, files + l->field[L_FILES_FDT].offset, 8);
	if (fdt >= files_va && fdt - files_va <= l->files_size - l->fdtable_size)
		memcpy(table, files + (fdt - files_va), l->fdtable_size);
	else if (!guest_space_linear(&k->space, fdt, l->fdtable_size) ||
		 guest_space_read(&k->space, fdt, table, l->fdtable_size) < 0)
		return;
	memcpy(&max, table + l->field[L_FDT_MAX].offset, 4);
	memcpy(&open, table + l->field[L_FDT_OPEN].offset, 8);
	if (max > FDS_MAX || max % 64)
		return;
	if (open >= files_va && open - files_va <= l->files_size - max / 8 && max == 64) {
		memcpy(&n, files + (open - files_va), 8);
		task->open_files = __builtin_popcountll(n);
	} else if (count_bits(k, open, max, &n) == 0) {
		task->open_files = n;
	}
}

static void read_uid(struct guest_kernel *k, const struct task_image *image,
		     struct guest_task *task)
{
	const struct layout *l = &k->layout;
	uint64_t cred = guest_task_u64(l, image, L_TASK_CRED);

	if (!layout_has(l, L_CRED_UID) ||
	    !guest_space_linear(&k->space, cred, l->field[L_CRED_UID].offset + 4) ||
	    guest_space_read_near(&k->space, cred + l->field[L_CRED_UID].offset, &task->uid, 4) < 0)
		task->uid = UINT32_MAX;
}

/* All threads but the leader. Each must belong to the process, and their number must be right. */
static int add_threads(struct guest_kernel *k, const struct task_image *leader, uint64_t signal_va,
		       uint64_t first, struct guest_task *task, struct sums *sums)
{
	const struct layout *l = &k->layout;
	uint64_t head = signal_va + l->field[L_SIGNAL_THREAD_HEAD].offset;
	uint32_t node_off = l->field[L_TASK_THREAD_NODE].offset, seen = 0;
	struct task_image thread;

	for (uint64_t at = first; at != head; seen++) {
		int r;

		if (seen > task->threads + THREADS_SLACK)
			return -EAGAIN;
		r = guest_task_image(k, at - node_off, &thread);
		if (r < 0)
			return r == -EFAULT ? -EAGAIN : r;
		if (guest_task_u64(l, &thread, L_TASK_TGID) != task->pid ||
		    guest_task_u64(l, &thread, L_TASK_SIGNAL) != signal_va)
			return -EAGAIN;
		if (thread.va != leader->va)
			add_thread(l, &thread, task, sums);
		memcpy(&at, thread.bytes + node_off - l->task_lo, 8);
	}
	return seen == task->threads ? 0 : -EAGAIN;
}

/*
 * Has the process stayed the same while its parts were read? *ret_still: it has not given pages to
 * its mm either.
 */
static int check_same(struct guest_kernel *k, const struct task_image *image, bool *ret_still)
{
	static const enum layout_field fields[] = {L_TASK_PID, L_TASK_TGID, L_TASK_SIGNAL,
						   L_TASK_MM};
	const struct layout *l = &k->layout;
	uint8_t again[TASK_BYTES_MAX];
	int r = guest_space_read(&k->space, image->va + l->check_lo, again,
				 l->check_hi - l->check_lo);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (field_u64(l, again, l->check_lo, fields[i]) !=
		    guest_task_u64(l, image, fields[i]))
			return -EAGAIN;
	}
	*ret_still = guest_rss_same(l, image, again);
	return 0;
}

static int read_group(struct guest_kernel *k, const struct task_image *image,
		      struct guest_task *task, struct sums *sums)
{
	const struct layout *l = &k->layout;
	uint64_t signal_va = guest_task_u64(l, image, L_TASK_SIGNAL), first = 0;
	uint32_t len = l->signal_hi - l->signal_lo;
	uint8_t signal[SIGNAL_MAX], again[SIGNAL_MAX];
	int r;

	if (!len || !layout_has(l, L_SIGNAL_THREADS))
		return 0;
	if (len > sizeof(signal) || !guest_space_linear(&k->space, signal_va, l->signal_hi))
		return -EAGAIN;
	r = guest_space_read(&k->space, signal_va + l->signal_lo, signal, len);
	if (r < 0)
		return r;
	task->threads = field_u64(l, signal, l->signal_lo, L_SIGNAL_THREADS);
	add_signal(l, signal, task, sums);
	if (task->threads <= 1 || !layout_has(l, L_SIGNAL_THREAD_HEAD) ||
	    !layout_has(l, L_TASK_THREAD_NODE))
		return 0;
	if (task->threads > THREADS_MAX)
		return -EAGAIN;
	memcpy(&first, signal + l->field[L_SIGNAL_THREAD_HEAD].offset - l->signal_lo, 8);
	guest_rss_begin(k, image, &sums->rss);
	r = add_threads(k, image, signal_va, first, task, sums);
	if (r < 0)
		return r;
	/* A thread that ended meanwhile is in the sums or in the list, in both or in neither. */
	r = guest_space_read(&k->space, signal_va + l->signal_lo, again, len);
	if (r < 0)
		return r;
	return memcmp(signal, again, len) ? -EAGAIN : 0;
}

static void start_task(const struct layout *l, const struct task_image *image,
		       struct guest_task *task)
{
	*task = (struct guest_task){
		.pid = guest_task_u64(l, image, L_TASK_PID),
		.ppid = UINT32_MAX,
		.uid = UINT32_MAX,
		.threads = 1,
		.start_ns = guest_task_u64(l, image, L_TASK_START),
		.state = state_letter(l, image),
		.open_files = GUEST_ABSENT,
		.rss = GUEST_ABSENT,
		.swap = GUEST_ABSENT,
		.kthread = !!(guest_task_u64(l, image, L_TASK_FLAGS) & PF_KTHREAD),
	};
	memcpy(task->comm, image->bytes + l->field[L_TASK_COMM].offset - l->task_lo,
	       GUEST_COMM_LEN - 1);
}

/* Has the process run since it was last asked for, or is it new? */
static bool has_run(struct guest_kernel *k, const struct guest_task *task, uint64_t runtime)
{
	struct guest_ran *was = &k->ran[task->pid % GUEST_RAN_MAX];
	struct guest_ran now = {.pid = task->pid, .start_ns = task->start_ns, .runtime = runtime};
	bool same = was->pid == now.pid && was->start_ns == now.start_ns &&
		    was->runtime == now.runtime && layout_has(&k->layout, L_TASK_RUNTIME);

	*was = now;
	return !same || task->state == 'R';
}

int guest_task_read(struct guest_kernel *k, const struct task_image *image, unsigned try,
		    struct guest_task *ret_task, uint64_t *ret_parent)
{
	const struct layout *l = &k->layout;
	struct guest_task task;
	struct sums sums = {0};
	bool right = true, still = true;
	int r = 0;

	start_task(l, image, &task);
	add_thread(l, image, &task, &sums);
	r = read_group(k, image, &task, &sums);
	if (r < 0)
		return r;
	if (task.kthread) {
		task.uid = 0;
		task.rss = task.swap = task.open_files = 0;
	} else {
		sums.rss.ran = has_run(k, &task, sums.runtime) || try;
		if (sums.mm)
			right = guest_rss_read(k, sums.mm, &sums.rss, &task);
		else if (layout_has(l, L_TASK_MM))
			task.rss = task.swap = 0; /* a zombie */
		if (sums.files)
			read_files(k, sums.files, &task);
		else if (layout_has(l, L_TASK_FILES))
			task.open_files = 0;
		read_uid(k, image, &task);
	}
	guest_cgroup_read(k, image, &task);
	r = check_same(k, image, &still);
	if (r < 0)
		return r;
	if (!right || (sums.mm && !still && !sums.rss.threads)) {
		if (try + 1 < TASK_TRIES)
			return -EAGAIN;
		guest_rss_settle(k, image, &sums.rss, &task);
		r = check_same(k, image, &still);
		if (r < 0)
			return r;
	}
	split_cpu(l, &sums, &task);
	task.run_delay_ns = sums.delay;
	mark_absent(l, &task);
	*ret_parent = guest_task_u64(l, image, L_TASK_PARENT);
	*ret_task = task;
	return 0;
}
