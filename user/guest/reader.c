// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "child/child.h"
#include "guest/client.h"
#include "guest/reader.h"

#define MS 1000000ull
#define BACKOFF_FIRST (1000 * MS)
#define BACKOFF_LAST (300000 * MS)
#define CALLS_DEFAULT 400000
#define BYTES_DEFAULT (512ull << 20)
#define STANDS_SOON 8 /* looks at a guest just found that come early */
#define STANDS_MS 250u
#define FINDING_TIMES 4 /* deadlines that finding the kernel may take */

struct guest_slot {
	pid_t pid;
	uint64_t start_ns;
	bool wanted, exact, hidden;
	struct guest_ram ram;
	struct guest_client client;
	uint64_t due_ns, deadline_ns, backoff_ns;
	unsigned stands; /* looks at a clock that stood, since the last view */
	struct guest_view *view; /* under lock */
	struct guest_reader_state state; /* under lock */
};

struct guest_reader {
	struct guest_reader_options options;
	GThread *thread;
	GMutex lock; /* of incoming, and of what get() reads */
	GArray *incoming; /* struct guest_slot, only its first members; NULL: none new */
	gint stop;
	int wake;
	GPtrArray *slots; /* the thread's own, but for finding one: under lock */
	GArray *unreaped; /* pid_t */
};

static uint64_t now_ns(void)
{
	return (uint64_t)g_get_monotonic_time() * 1000;
}

static void slot_stop(struct guest_reader *r, struct guest_slot *slot)
{
	pid_t left = guest_client_stop(&slot->client);

	if (left)
		g_array_append_val(r->unreaped, left);
}

static void slot_free(struct guest_reader *r, struct guest_slot *slot)
{
	slot_stop(r, slot);
	guest_view_unref(slot->view);
	g_free(slot);
}

static void reap(struct guest_reader *r)
{
	for (guint i = r->unreaped->len; i-- > 0;) {
		if (child_reaped(g_array_index(r->unreaped, pid_t, i)))
			g_array_remove_index_fast(r->unreaped, i);
	}
}

/* Set the state after a failure; the next try comes later than the last did. */
static void slot_failed(struct guest_reader *r, struct guest_slot *slot, const char *why)
{
	slot->backoff_ns = CLAMP(slot->backoff_ns * 2, BACKOFF_FIRST, BACKOFF_LAST);
	slot->due_ns = now_ns() + slot->backoff_ns;
	g_mutex_lock(&r->lock);
	slot->state.up = false;
	slot->state.failures++;
	g_strlcpy(slot->state.why, why, sizeof(slot->state.why));
	g_clear_pointer(&slot->view, guest_view_unref);
	g_mutex_unlock(&r->lock);
}

static void slot_broken(struct guest_reader *r, struct guest_slot *slot, const char *why)
{
	slot_stop(r, slot);
	slot_failed(r, slot, why);
}

static void slot_ask(struct guest_reader *r, struct guest_slot *slot)
{
	uint64_t deadline = r->options.deadline_ms * MS;
	struct guest_request budget = {
		.calls = r->options.max_calls,
		.bytes = r->options.max_bytes,
		.walk_ns = deadline,
		.attach_ns = FINDING_TIMES * deadline,
	};
	char why[96];
	int err = 0;

	if (slot->client.fd < 0) {
		err = guest_client_start(&slot->client, r->options.exe, slot->pid,
					 slot->exact ? &slot->ram : NULL, slot->hidden);
		g_mutex_lock(&r->lock);
		slot->state.restarts += err == 0;
		g_mutex_unlock(&r->lock);
	}
	if (err == 0)
		err = guest_client_ask(&slot->client, &budget);
	if (err == -EPIPE) {
		slot_broken(r, slot, "the worker died");
		return;
	}
	if (err < 0) {
		snprintf(why, sizeof(why), "no worker: %s", g_strerror(-err));
		slot_broken(r, slot, why);
		return;
	}
	/* The worker keeps its own deadlines; this one is for a worker that does not. */
	slot->deadline_ns = now_ns() + (FINDING_TIMES + 2) * deadline;
}

static void slot_answered(struct guest_reader *r, struct guest_slot *slot, struct guest_view *view)
{
	const struct guest_report *report = &slot->client.report;
	struct guest_view *old = NULL;

	g_mutex_lock(&r->lock);
	slot->state.walks++;
	slot->state.cpu_ns += report->walk.cpu_ns;
	slot->state.calls = report->walk.calls;
	slot->state.bytes = report->walk.bytes;
	if (view) {
		old = slot->view;
		slot->view = view;
		slot->state.left_out += view->tasks_left_out;
		slot->state.up = true;
		slot->state.why[0] = '\0';
		slot->backoff_ns = 0;
		slot->stands = 0;
		slot->due_ns += r->options.interval_ms * MS;
		if (slot->due_ns < now_ns())
			slot->due_ns = now_ns() + r->options.interval_ms * MS;
	}
	g_mutex_unlock(&r->lock);
	guest_view_unref(old);
	if (view)
		return;
	if (report->status == GUEST_IO)
		slot_stop(r, slot);
	slot_failed(r, slot, guest_status_text(report->status));
	/* Nothing is wrong then: look again, soon at first, as a clock moves at the next tick. */
	if (report->status == GUEST_STANDS) {
		slot->backoff_ns = 0;
		slot->due_ns = now_ns() + MS * (slot->stands++ < STANDS_SOON
							? MIN(r->options.interval_ms, STANDS_MS)
							: r->options.interval_ms);
	}
}

static void slot_receive(struct guest_reader *r, struct guest_slot *slot)
{
	struct guest_view *view;
	int err = guest_client_receive(&slot->client, &view);

	if (err == 0)
		slot_answered(r, slot, view);
	else if (err == -EPROTO)
		slot_broken(r, slot, "the worker sent nonsense");
	else if (err != -EAGAIN)
		slot_broken(r, slot, "the worker died");
	else if (now_ns() > slot->deadline_ns)
		slot_broken(r, slot, "the worker exceeded its deadline");
}

static struct guest_slot *find_slot(struct guest_reader *r, pid_t pid, uint64_t start_ns)
{
	for (guint i = 0; i < r->slots->len; i++) {
		struct guest_slot *slot = g_ptr_array_index(r->slots, i);

		if (slot->pid == pid && slot->start_ns == start_ns)
			return slot;
	}
	return NULL;
}

static void take_target(struct guest_reader *r, const struct guest_slot *target)
{
	struct guest_slot *slot = find_slot(r, target->pid, target->start_ns);

	if (!slot) {
		slot = g_new0(struct guest_slot, 1);
		*slot = *target;
		slot->state.known = true;
		slot->due_ns = now_ns();
		guest_client_init(&slot->client);
		g_mutex_lock(&r->lock);
		g_ptr_array_add(r->slots, slot);
		g_mutex_unlock(&r->lock);
	} else if (slot->exact != target->exact || slot->hidden != target->hidden ||
		   (slot->exact && memcmp(&slot->ram, &target->ram, sizeof(slot->ram)))) {
		/* Memory was plugged: the worker must begin anew with the new map. */
		slot->exact = target->exact;
		slot->hidden = target->hidden;
		slot->ram = target->ram;
		slot_stop(r, slot);
		slot->due_ns = now_ns();
	}
	slot->wanted = true;
}

static void take_targets(struct guest_reader *r)
{
	GArray *incoming;

	g_mutex_lock(&r->lock);
	incoming = r->incoming;
	r->incoming = NULL;
	g_mutex_unlock(&r->lock);
	if (!incoming)
		return;
	for (guint i = 0; i < r->slots->len; i++)
		((struct guest_slot *)g_ptr_array_index(r->slots, i))->wanted = false;
	for (guint i = 0; i < incoming->len; i++)
		take_target(r, &g_array_index(incoming, struct guest_slot, i));
	g_array_free(incoming, TRUE);
	for (guint i = r->slots->len; i-- > 0;) {
		struct guest_slot *slot = g_ptr_array_index(r->slots, i);

		if (slot->wanted)
			continue;
		g_mutex_lock(&r->lock);
		g_ptr_array_remove_index_fast(r->slots, i);
		g_mutex_unlock(&r->lock);
		slot_free(r, slot);
	}
}

static unsigned count_asked(const struct guest_reader *r)
{
	unsigned n = 0;

	for (guint i = 0; i < r->slots->len; i++)
		n += ((struct guest_slot *)g_ptr_array_index(r->slots, i))->client.asked;
	return n;
}

/* Ask those that are due longest first. Returns when the next one is due. */
static uint64_t ask_due(struct guest_reader *r)
{
	unsigned asked = count_asked(r);

	for (;;) {
		struct guest_slot *first = NULL;

		for (guint i = 0; i < r->slots->len; i++) {
			struct guest_slot *slot = g_ptr_array_index(r->slots, i);

			if (!slot->client.asked && (!first || slot->due_ns < first->due_ns))
				first = slot;
		}
		if (!first || asked >= r->options.parallel)
			return UINT64_MAX;
		if (first->due_ns > now_ns())
			return first->due_ns;
		slot_ask(r, first);
		asked += first->client.asked;
	}
}

/* Sleep until an answer, a due look, a deadline or a word from outside. */
static void wait_for_work(struct guest_reader *r, uint64_t until)
{
	g_autofree struct pollfd *fds = g_new0(struct pollfd, r->slots->len + 1);
	uint64_t now = now_ns(), drain;
	nfds_t n = 1;

	fds[0] = (struct pollfd){.fd = r->wake, .events = POLLIN};
	for (guint i = 0; i < r->slots->len; i++) {
		struct guest_slot *slot = g_ptr_array_index(r->slots, i);

		if (!slot->client.asked)
			continue;
		fds[n++] = (struct pollfd){.fd = slot->client.fd, .events = POLLIN};
		until = MIN(until, slot->deadline_ns);
	}
	if (until > now + 1000 * MS)
		until = now + 1000 * MS;
	if (poll(fds, n, until > now ? (int)((until - now) / MS) + 1 : 0) > 0 && fds[0].revents &&
	    read(r->wake, &drain, sizeof(drain)) < 0)
		return; /* only another wake-up can have taken it */
}

static gpointer reader_main(gpointer data)
{
	struct guest_reader *r = data;

	while (!g_atomic_int_get(&r->stop)) {
		take_targets(r);
		for (guint i = 0; i < r->slots->len; i++) {
			struct guest_slot *slot = g_ptr_array_index(r->slots, i);

			if (slot->client.asked)
				slot_receive(r, slot);
		}
		wait_for_work(r, ask_due(r));
		reap(r);
	}
	return NULL;
}

static void wake(struct guest_reader *r)
{
	uint64_t one = 1;

	if (write(r->wake, &one, sizeof(one)) < 0)
		return; /* it is full: the thread is being woken already */
}

struct guest_reader *guest_reader_new(const struct guest_reader_options *options)
{
	struct guest_reader *r = g_new0(struct guest_reader, 1);

	r->options = *options;
	r->options.exe = g_strdup(options->exe);
	if (!r->options.max_calls)
		r->options.max_calls = CALLS_DEFAULT;
	if (!r->options.max_bytes)
		r->options.max_bytes = BYTES_DEFAULT;
	r->options.parallel = MAX(r->options.parallel, 1);
	g_mutex_init(&r->lock);
	r->slots = g_ptr_array_new();
	r->unreaped = g_array_new(FALSE, FALSE, sizeof(pid_t));
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->wake >= 0)
		r->thread = g_thread_try_new("guest-memory", reader_main, r, NULL);
	if (!r->thread)
		g_clear_pointer(&r, guest_reader_free);
	return r;
}

void guest_reader_free(struct guest_reader *r)
{
	if (!r)
		return;
	g_atomic_int_set(&r->stop, 1);
	if (r->thread) {
		wake(r);
		g_thread_join(r->thread);
	}
	for (guint i = 0; i < r->slots->len; i++)
		slot_free(r, g_ptr_array_index(r->slots, i));
	/* They were killed; a moment is enough but for one that hangs in the kernel. */
	for (int i = 0; i < 100 && r->unreaped->len; i++) {
		reap(r);
		if (r->unreaped->len)
			g_usleep(1000);
	}
	g_ptr_array_free(r->slots, TRUE);
	g_array_free(r->unreaped, TRUE);
	if (r->incoming)
		g_array_free(r->incoming, TRUE);
	if (r->wake >= 0)
		close(r->wake);
	g_mutex_clear(&r->lock);
	g_free((char *)r->options.exe);
	g_free(r);
}

void guest_reader_set(struct guest_reader *r, const struct guest_target *targets, size_t n)
{
	GArray *incoming = g_array_new(FALSE, TRUE, sizeof(struct guest_slot)), *old;

	g_array_set_size(incoming, n);
	for (size_t i = 0; i < n; i++) {
		struct guest_slot *slot = &g_array_index(incoming, struct guest_slot, i);

		slot->pid = targets[i].pid;
		slot->start_ns = targets[i].start_ns;
		slot->exact = targets[i].ram != NULL;
		slot->hidden = targets[i].hidden;
		if (targets[i].ram)
			slot->ram = *targets[i].ram;
	}
	g_mutex_lock(&r->lock);
	old = r->incoming;
	r->incoming = incoming;
	g_mutex_unlock(&r->lock);
	if (old)
		g_array_free(old, TRUE);
	wake(r);
}

struct guest_view *guest_reader_get(struct guest_reader *r, pid_t pid, uint64_t start_ns,
				    struct guest_reader_state *ret_state)
{
	struct guest_view *view = NULL;
	struct guest_slot *slot;

	g_mutex_lock(&r->lock);
	slot = find_slot(r, pid, start_ns);
	*ret_state = slot ? slot->state : (struct guest_reader_state){0};
	if (slot && slot->view)
		view = guest_view_ref(slot->view);
	g_mutex_unlock(&r->lock);
	return view;
}
