// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "util/spawn.h"
#include "web/face.h"
#include "web/process.h"

/* Where the descriptors wait that become WIRE_FD_*: none is overwritten by another. */
#define HIGH_FD 16

/* A process that may not be killed is waited for in steps of 10 ms. */
#define REAP_TRIES 200

#ifdef __SANITIZE_ADDRESS__
/* Looking for leaks takes a thread and ptrace, neither of which the face may have. */
#define FACE_ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0"
#else
#define FACE_ENVIRONMENT NULL
#endif

static int plan_descriptors(posix_spawn_file_actions_t *actions, int control, int listen)
{
	int r = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDWR, 0);

	r = r ?: posix_spawn_file_actions_adddup2(actions, 0, 1);
	r = r ?: posix_spawn_file_actions_adddup2(actions, control, WIRE_FD_CONTROL);
	r = r ?: posix_spawn_file_actions_adddup2(actions, listen, WIRE_FD_LISTEN);
	r = r ?: posix_spawn_file_actions_addclosefrom_np(actions, WIRE_FD_LISTEN + 1);
	return r;
}

/* The link leads to the program that runs, even where an upgrade has replaced its file. */
static int spawn(int control, int listen, pid_t *ret_pid)
{
	char *const argv[] = {(char *)"kvmlens", (char *)WEB_FACE_ARGUMENT, NULL};
	char *const env[] = {(char *)FACE_ENVIRONMENT, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	r = plan_descriptors(&actions, control, listen);
	r = r ?: spawn_plan_signals(&attr);
	r = r ?: posix_spawn(ret_pid, "/proc/self/exe", &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int spawn_with(int control, int listen, pid_t *ret_pid)
{
	int high_control = fcntl(control, F_DUPFD_CLOEXEC, HIGH_FD);
	int high_listen = fcntl(listen, F_DUPFD_CLOEXEC, HIGH_FD);
	int r = high_control < 0 || high_listen < 0 ? -errno
						    : spawn(high_control, high_listen, ret_pid);

	if (high_control >= 0)
		close(high_control);
	if (high_listen >= 0)
		close(high_listen);
	return r;
}

static int introduce(int sock, const struct wire_hello *hello,
		     const struct wire_document *documents)
{
	struct wire_message message = {.type = WIRE_HELLO, .hello = *hello};
	int r = wire_send(sock, &message, -1);

	for (uint32_t i = 0; r == 0 && i < hello->n_documents; i++) {
		message = (struct wire_message){
			.type = WIRE_DOCUMENT, .index = i, .document = documents[i]};
		r = wire_send(sock, &message, -1);
	}
	return r;
}

int face_process_start(int listen, const struct wire_hello *hello,
		       const struct wire_document *documents, struct face_process *ret_process)
{
	struct face_process process = {0};
	int socks[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	process.sock = socks[0];
	r = spawn_with(socks[1], listen, &process.pid);
	close(socks[1]);
	r = r ?: introduce(process.sock, hello, documents);
	if (r < 0) {
		face_process_stop(&process);
		return r;
	}
	*ret_process = process;
	return 0;
}

int face_process_wait(const struct face_process *process, unsigned timeout_ms,
		      struct wire_face *ret_said)
{
	struct pollfd fd = {.fd = process->sock, .events = POLLIN};
	struct wire_message message;
	int n, r;

	do
		n = poll(&fd, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -ETIMEDOUT;
	r = wire_receive(process->sock, &message, NULL, false);
	if (r < 0)
		return r;
	if (message.type != WIRE_READY && message.type != WIRE_FAILED)
		return -EBADMSG;
	message.face.step[sizeof(message.face.step) - 1] = 0;
	*ret_said = message.face;
	if (message.type == WIRE_READY)
		return 0;
	return message.face.error < 0 ? message.face.error : -EIO;
}

void face_process_stop(struct face_process *process)
{
	if (process->sock >= 0)
		close(process->sock);
	process->sock = -1;
	if (process->pid <= 0)
		return;
	(void)kill(process->pid, SIGKILL);
	for (unsigned i = 0; i < REAP_TRIES; i++) {
		pid_t pid = waitpid(process->pid, NULL, WNOHANG);

		if (pid == process->pid || (pid < 0 && errno != EINTR))
			break;
		g_usleep(10000);
	}
	process->pid = 0;
}
