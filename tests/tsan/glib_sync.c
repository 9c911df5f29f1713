// SPDX-License-Identifier: Apache-2.0
/*
 * GLib's synchronization as ThreadSanitizer has to know it: GLib's mutexes and conditions are
 * futexes of its own, in a library that is not instrumented. Each function here stands before
 * GLib's, calls it, and reports what it orders. Linked into what is built with -fsanitize=thread.
 */
#include <dlfcn.h>
#include <glib.h>

void __tsan_acquire(void *addr);
void __tsan_release(void *addr);

/* The same function of the library behind this one. */
#define NEXT(name)                                                                  \
	({                                                                          \
		static __typeof__(&name) next;                                      \
		__typeof__(&name) found = __atomic_load_n(&next, __ATOMIC_RELAXED); \
		if (!found) {                                                       \
			found = (__typeof__(&name))dlsym(RTLD_NEXT, #name);         \
			__atomic_store_n(&next, found, __ATOMIC_RELAXED);           \
		}                                                                   \
		found;                                                              \
	})

void g_mutex_lock(GMutex *mutex)
{
	NEXT(g_mutex_lock)(mutex);
	__tsan_acquire(mutex);
}

gboolean g_mutex_trylock(GMutex *mutex)
{
	gboolean locked = NEXT(g_mutex_trylock)(mutex);

	if (locked)
		__tsan_acquire(mutex);
	return locked;
}

void g_mutex_unlock(GMutex *mutex)
{
	__tsan_release(mutex);
	NEXT(g_mutex_unlock)(mutex);
}

void g_cond_wait(GCond *cond, GMutex *mutex)
{
	__tsan_release(mutex);
	NEXT(g_cond_wait)(cond, mutex);
	__tsan_acquire(mutex);
}

gboolean g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
	gboolean woken;

	__tsan_release(mutex);
	woken = NEXT(g_cond_wait_until)(cond, mutex, end_time);
	__tsan_acquire(mutex);
	return woken;
}

void g_async_queue_push(GAsyncQueue *queue, gpointer data)
{
	__tsan_release(queue);
	NEXT(g_async_queue_push)(queue, data);
}

void g_async_queue_push_front(GAsyncQueue *queue, gpointer data)
{
	__tsan_release(queue);
	NEXT(g_async_queue_push_front)(queue, data);
}

gpointer g_async_queue_pop(GAsyncQueue *queue)
{
	gpointer data = NEXT(g_async_queue_pop)(queue);

	__tsan_acquire(queue);
	return data;
}

gpointer g_async_queue_try_pop(GAsyncQueue *queue)
{
	gpointer data = NEXT(g_async_queue_try_pop)(queue);

	__tsan_acquire(queue);
	return data;
}

/* The last reference sees what was done under the others. */
void g_atomic_rc_box_release_full(gpointer box, GDestroyNotify clear)
{
	__tsan_release(box);
	__tsan_acquire(box);
	NEXT(g_atomic_rc_box_release_full)(box, clear);
}

void g_atomic_rc_box_release(gpointer box)
{
	__tsan_release(box);
	__tsan_acquire(box);
	NEXT(g_atomic_rc_box_release)(box);
}

/* A thread's function and argument cross in memory of GLib's. */
struct start {
	GThreadFunc func;
	gpointer data;
};

static gpointer run(gpointer arg)
{
	struct start *start = arg;
	GThreadFunc func;
	gpointer data;

	__tsan_acquire(start);
	func = start->func;
	data = start->data;
	g_free(start);
	return func(data);
}

GThread *g_thread_try_new(const gchar *name, GThreadFunc func, gpointer data, GError **error)
{
	struct start *start = g_new(struct start, 1);
	GThread *thread;

	*start = (struct start){func, data};
	__tsan_release(start);
	thread = NEXT(g_thread_try_new)(name, run, start, error);
	if (!thread)
		g_free(start);
	return thread;
}
