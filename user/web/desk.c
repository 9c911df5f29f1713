// SPDX-License-Identifier: Apache-2.0
#include "web/desk.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "web/page.h"
#include "web/query.h"

struct job {
	struct wire_query query;
	struct desk_answer answer;
	bool last; /* nothing is asked: end */
};

struct desk {
	web_answer_fn answer;
	void *arg;
	int wake;
	gint n; /* atomic: jobs in either queue or at work */
	GThread *thread;
	GAsyncQueue *asked, *answered; /* struct job */
};

static void job_free(gpointer arg)
{
	struct job *job = arg;

	if (job->answer.fd >= 0)
		close(job->answer.fd);
	g_free(job);
}

static void answer(struct desk *desk, struct job *job)
{
	const struct web_query query = {
		.vm = job->query.vm,
		.metric = job->query.metric,
		.since_ms = job->query.since_ms,
		.until_ms = job->query.until_ms,
		.step_ms = job->query.step_ms,
	};
	textbuf_auto text = {0};
	int r = desk->answer(desk->arg, &query, &text);

	if (r == 0)
		r = job->answer.fd = page_seal(text.data, text.len);
	job->answer.is = (struct wire_answer){.size = text.len, .error = MIN(r, 0)};
}

static gpointer work(gpointer arg)
{
	struct desk *desk = arg;

	for (;;) {
		struct job *job = g_async_queue_pop(desk->asked);

		if (job->last) {
			job_free(job);
			return NULL;
		}
		answer(desk, job);
		g_async_queue_push(desk->answered, job);
		(void)eventfd_write(desk->wake, 1);
	}
}

struct desk *desk_new(web_answer_fn fn, void *arg, int wake)
{
	struct desk *desk = g_new0(struct desk, 1);

	desk->answer = fn;
	desk->arg = arg;
	desk->wake = wake;
	desk->asked = g_async_queue_new_full(job_free);
	desk->answered = g_async_queue_new_full(job_free);
	desk->thread = g_thread_try_new("history", work, desk, NULL);
	if (!desk->thread)
		g_clear_pointer(&desk, desk_free);
	return desk;
}

static struct job *job_new(uint64_t face, uint32_t id)
{
	struct job *job = g_new0(struct job, 1);

	job->answer = (struct desk_answer){.face = face, .id = id, .fd = -1};
	return job;
}

void desk_free(struct desk *desk)
{
	struct job *end;

	if (!desk)
		return;
	if (desk->thread) {
		end = job_new(0, 0);
		end->last = true;
		g_async_queue_push_front(desk->asked, end);
		g_thread_join(desk->thread);
	}
	g_async_queue_unref(desk->asked);
	g_async_queue_unref(desk->answered);
	g_free(desk);
}

int desk_put(struct desk *desk, uint64_t face, uint32_t id, const struct wire_query *query)
{
	struct job *job;

	if (g_atomic_int_add(&desk->n, 1) >= DESK_MAX) {
		g_atomic_int_add(&desk->n, -1);
		return -EBUSY;
	}
	job = job_new(face, id);
	job->query = *query;
	g_async_queue_push(desk->asked, job);
	return 0;
}

bool desk_take(struct desk *desk, struct desk_answer *ret_answer)
{
	struct job *job = g_async_queue_try_pop(desk->answered);

	if (!job)
		return false;
	g_atomic_int_add(&desk->n, -1);
	*ret_answer = job->answer;
	g_free(job);
	return true;
}
