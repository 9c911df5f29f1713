// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "web/face_child.h"
#include "web/process.h"

static int introduce(int sock, const struct wire_hello *hello,
		     const struct wire_document *documents, int access)
{
	struct wire_message message = {.type = WIRE_HELLO, .hello = *hello};
	int r = wire_send(sock, &message, -1);

	for (uint32_t i = 0; r == 0 && i < hello->n_documents; i++) {
		message = (struct wire_message){
			.type = WIRE_DOCUMENT, .index = i, .document = documents[i]};
		r = wire_send(sock, &message, -1);
	}
	message = (struct wire_message){.type = WIRE_ACCESS};
	return r || !hello->has_access ? r : wire_send(sock, &message, access);
}

int face_process_start(int listen, const struct wire_hello *hello,
		       const struct wire_document *documents, int access,
		       struct face_process *ret_process)
{
	struct face_process process = {0};
	int socks[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	process.sock = socks[0];
	r = child_start(&face_child, NULL, (const int[]){socks[1], listen}, &process.pid);
	close(socks[1]);
	r = r ?: introduce(process.sock, hello, documents, access);
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
	(void)child_stop(process->pid);
	process->pid = 0;
}
