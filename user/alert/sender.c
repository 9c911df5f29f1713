// SPDX-License-Identifier: Apache-2.0
/* The agent's side of a sender: starting it, waiting for it with a deadline, ending it. */
#include "alert/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "alert/sender_wire.h"
#include "util/spawn.h"

#define HIGH_FD 16 /* where descriptors wait that become those of the sender */
#define SLACK_MS 3000 /* on top of a request's own time-out */
#define REAP_TRIES 200 /* of 10 ms */

#ifdef __SANITIZE_ADDRESS__
/* Looking for leaks takes ptrace, which it may not. */
#define SENDER_ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0"
#else
#define SENDER_ENVIRONMENT NULL
#endif

int sender_wire_read(int fd, void *data, size_t len)
{
	while (len) {
		ssize_t n = recv(fd, data, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		data = (char *)data + n;
		len -= (size_t)n;
	}
	return 0;
}

int sender_wire_write(int fd, const void *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data = (const char *)data + n;
		len -= (size_t)n;
	}
	return 0;
}

void sender_init(struct sender *sender)
{
	*sender = (struct sender){.fd = -1};
	g_mutex_init(&sender->lock);
}

/* Our own standard error stays, for a sanitizer's sake; /dev/null is the rest. */
static int plan_descriptors(posix_spawn_file_actions_t *actions, int fd)
{
	int r = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDWR, 0);

	r = r ?: posix_spawn_file_actions_adddup2(actions, 0, 1);
	return r ?: posix_spawn_file_actions_adddup2(actions, fd, WIRE_FD);
}

/* The link leads to the program that runs, even where an upgrade has replaced its file. */
static int spawn(int fd, pid_t *ret_pid)
{
	char *const argv[] = {(char *)"kvmlens", (char *)SENDER_ARGUMENT, NULL};
	char *const env[] = {(char *)SENDER_ENVIRONMENT, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	r = plan_descriptors(&actions, fd);
	r = r ?: spawn_plan_signals(&attr);
	r = r ?: posix_spawn(ret_pid, "/proc/self/exe", &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int start(struct sender *sender)
{
	int socks[2], high, r;
	pid_t pid = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	high = fcntl(socks[1], F_DUPFD_CLOEXEC, HIGH_FD);
	r = high < 0 ? -errno : spawn(high, &pid);
	if (high >= 0)
		close(high);
	close(socks[1]);
	if (r) {
		close(socks[0]);
		return r;
	}
	g_mutex_lock(&sender->lock);
	sender->pid = pid;
	g_mutex_unlock(&sender->lock);
	sender->fd = socks[0];
	return 0;
}

static void set_deadline(int fd, unsigned ms)
{
	const struct timeval t = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static int exchange(struct sender *sender, const struct request *request, struct answer *ret_answer)
{
	json_auto_t *json = request_encode(request);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	uint32_t len = text ? (uint32_t)strlen(text) : 0;
	int r = text ? 0 : -ENOMEM;

	if (!r && len > WIRE_REQUEST_MAX)
		r = -EMSGSIZE;
	set_deadline(sender->fd, request->timeout_ms + SLACK_MS);
	r = r ?: sender_wire_write(sender->fd, &len, sizeof(len));
	r = r ?: sender_wire_write(sender->fd, text, len);
	r = r ?: sender_wire_read(sender->fd, ret_answer, sizeof(*ret_answer));
	if (text)
		explicit_bzero(text, len);
	free(text);
	return r == -EAGAIN ? -ETIMEDOUT : r == -ECONNRESET ? -EPIPE : r;
}

int sender_run(struct sender *sender, const struct request *request, struct answer *ret_answer)
{
	int r = sender->fd < 0 ? start(sender) : 0;

	r = r ?: exchange(sender, request, ret_answer);
	if (r)
		sender_end(sender);
	return r;
}

void sender_kill(struct sender *sender)
{
	g_mutex_lock(&sender->lock);
	if (sender->pid > 0)
		(void)kill(sender->pid, SIGKILL);
	g_mutex_unlock(&sender->lock);
}

void sender_end(struct sender *sender)
{
	if (sender->fd >= 0)
		close(sender->fd);
	sender->fd = -1;
	sender_kill(sender);
	g_mutex_lock(&sender->lock);
	for (unsigned i = 0; sender->pid > 0 && i < REAP_TRIES; i++) {
		pid_t pid = waitpid(sender->pid, NULL, WNOHANG);

		if (pid == sender->pid || (pid < 0 && errno != EINTR))
			sender->pid = 0;
		else
			g_usleep(10000);
	}
	sender->pid = 0;
	g_mutex_unlock(&sender->lock);
}

void sender_clear(struct sender *sender)
{
	sender_end(sender);
	g_mutex_clear(&sender->lock);
}
