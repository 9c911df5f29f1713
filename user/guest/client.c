// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "guest/check.h"
#include "guest/client.h"
#include "guest/worker_child.h"
#include "util/clock.h"

void guest_client_init(struct guest_client *client)
{
	*client = (struct guest_client){.fd = -1};
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define auto_fd __attribute__((cleanup(close_fd))) int

static int open_proc(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	// cppcheck-suppress resourceLeak ; it is the caller's
	return fd < 0 ? -errno : fd;
}

static int send_all(int fd, const void *buf, size_t len)
{
	ssize_t n = send(fd, buf, len, MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	/* Requests are far smaller than a socket's buffer. */
	return (size_t)n == len ? 0 : -EPIPE;
}

static int send_setup(int fd, const struct guest_ram *ram, bool hidden)
{
	struct guest_setup setup = {.magic = GUEST_SETUP_MAGIC};

	if (ram) {
		setup.exact = 1;
		setup.hidden = hidden;
		setup.ram = *ram;
	}
	return send_all(fd, &setup, sizeof(setup));
}

int guest_client_start(struct guest_client *client, const char *exe, pid_t vmm,
		       const struct guest_ram *ram, bool hidden)
{
	auto_fd mem = open_proc(vmm, "mem");
	auto_fd pagemap = open_proc(vmm, "pagemap");
	auto_fd maps = open_proc(vmm, "maps");
	auto_fd theirs = -1;
	int pair[2], r;

	if (mem < 0 || pagemap < 0 || maps < 0)
		return mem < 0 ? mem : pagemap < 0 ? pagemap : maps;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	client->fd = pair[0];
	theirs = pair[1];
	r = fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (r == 0)
		r = child_start(&guest_worker_child, exe, (const int[]){mem, pagemap, maps, theirs},
				&client->pid);
	if (r == 0)
		r = send_setup(client->fd, ram, hidden);
	if (r < 0)
		guest_client_stop(client);
	return r;
}

int guest_client_ask(struct guest_client *client, const struct guest_request *budget)
{
	struct guest_request req = *budget;
	int r;

	req.magic = GUEST_REQUEST_MAGIC;
	req.number = ++client->number;
	client->have = 0;
	r = send_all(client->fd, &req, sizeof(req));
	client->asked = r == 0;
	return r;
}

/* Bytes of the whole answer as far as is known, or -EPROTO. */
static ssize_t wanted(const struct guest_client *client)
{
	struct guest_report head;
	int r;

	if (client->have < sizeof(head))
		return sizeof(head);
	memcpy(&head, client->buf, sizeof(head));
	r = guest_report_check(&head, client->number);
	if (r < 0)
		return r;
	return sizeof(head) + head.n_cpus * sizeof(struct guest_cpu) +
	       head.n_tasks * sizeof(struct guest_task);
}

static void take_answer(struct guest_client *client, struct guest_view **ret_view)
{
	const struct guest_cpu *cpus = (const void *)(client->buf + sizeof(client->report));

	memcpy(&client->report, client->buf, sizeof(client->report));
	client->asked = false;
	*ret_view = NULL;
	if (client->report.status == GUEST_OK)
		*ret_view =
			guest_report_view(&client->report, cpus,
					  (const void *)(cpus + client->report.n_cpus), mono_ns());
	g_clear_pointer(&client->buf, g_free);
	client->have = 0;
}

int guest_client_receive(struct guest_client *client, struct guest_view **ret_view)
{
	if (!client->asked)
		return -EPROTO;
	for (;;) {
		ssize_t want = wanted(client), n;

		if (want < 0)
			return want;
		if (client->have == (size_t)want) {
			take_answer(client, ret_view);
			return 0;
		}
		client->buf = g_realloc(client->buf, want);
		n = recv(client->fd, client->buf + client->have, want - client->have, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 || errno != EAGAIN ? -EPIPE : -EAGAIN;
		client->have += n;
	}
}

pid_t guest_client_stop(struct guest_client *client)
{
	pid_t pid = client->pid;

	if (client->fd >= 0)
		close(client->fd);
	g_free(client->buf);
	guest_client_init(client);
	if (pid <= 0)
		return 0;
	child_kill(pid);
	return child_reaped(pid) ? 0 : pid;
}
