// SPDX-License-Identifier: Apache-2.0
/*
 * What crosses between processes, and from the command line to the agent: control messages, the
 * face's and the workers' messages, requests to the sender, and the file of TLS and passwords with
 * what is made of it; and the texts of files that a VM or its owner writes: mountinfo, a VMM's
 * memory map, the head of an image. The first byte chooses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "alert/encode.h"
#include "alert/request.h"
#include "control/message.h"
#include "guest/check.h"
#include "guest/maps.h"
#include "vm/image_files.h"
#include "vm/stacking.h"
#include "web/access.h"
#include "web/gate.h"
#include "web/query.h"
#include "web/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_control(const char *text, size_t len)
{
	json_t *object = NULL;

	if (!message_parse(text, len, &object)) {
		if (!json_is_object(object))
			abort();
		json_decref(object);
	}
}

static void fuzz_notification(const char *text, size_t len)
{
	json_auto_t *json = json_loadb(text, len, 0, NULL);
	struct request request = {0};
	struct held held;

	if (!json)
		return;
	if (!notification_decode(json, &held)) {
		json_decref(notification_encode(&held.n));
		held_clear(&held);
	}
	if (!request_decode(json, &request)) {
		json_decref(request_encode(&request));
		request_clear(&request);
	}
}

/* A message of any size through a socket, as a fallen face would send it. */
static void fuzz_face(const char *bytes, size_t len)
{
	static int socks[2];
	struct wire_message message;

	if (!socks[1] && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		abort();
	if (!len || send(socks[0], bytes, len, MSG_DONTWAIT) < 0)
		return;
	if (wire_receive(socks[1], &message, NULL, false))
		return;
	if (len != sizeof(message))
		abort();
	if (query_valid(&message.query) && (strlen(message.query.vm) >= WIRE_NAME_MAX ||
					    message.query.since_ms >= message.query.until_ms))
		abort();
}

static void fuzz_worker(const char *bytes, size_t len)
{
	struct guest_report report;
	struct guest_view *view;
	size_t want;
	char *rest;

	if (len < sizeof(report))
		return;
	memcpy(&report, bytes, sizeof(report));
	report.magic = GUEST_REPORT_MAGIC;
	if (guest_report_check(&report, report.number))
		return;
	want = report.n_cpus * sizeof(struct guest_cpu) +
	       report.n_tasks * sizeof(struct guest_task);
	rest = calloc(1, want + 1);
	memcpy(rest, bytes + sizeof(report), MIN(want, len - sizeof(report)));
	view = guest_report_view(&report, (const void *)rest,
				 (const void *)(rest + report.n_cpus * sizeof(struct guest_cpu)),
				 1);
	guest_view_unref(view);
	free(rest);
}

static void fuzz_access(const char *text, size_t len)
{
	struct access *access = access_decode(text, len);
	char name[32], *error = NULL;
	int fd = memfd_create("web.yml", MFD_CLOEXEC);

	access_free(access);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		abort();
	g_snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (access_load(name, &access, &error)) {
		if (!error || strchr(error, '\n'))
			abort();
		g_free(error);
	} else {
		char *json = access_encode(access);
		struct access *back = json ? access_decode(json, strlen(json)) : NULL;

		if (!back || back->users->len > access->users->len)
			abort();
		access_free(back);
		access_free(access);
		free(json);
	}
	close(fd);
}

static void fuzz_gate(const char *text)
{
	static const uint8_t from[CONN_ADDRESS_LEN];
	static struct access nobody;
	struct gate gate;

	nobody.users = nobody.users ?: g_ptr_array_new();
	if (gate_init(&gate, &nobody, true))
		abort();
	gate_judge(&gate, text, text, from, 1000);
}

/* Blocks are sorted and bounded, and what is left of RAM was RAM. */
static void fuzz_maps(const char *text)
{
	struct guest_block blocks[GUEST_BLOCKS_MAX];
	struct guest_ram ram, left;
	unsigned n = guest_maps_blocks(text, blocks);

	if (n > GUEST_BLOCKS_MAX)
		abort();
	for (unsigned i = 1; i < n; i++)
		if (blocks[i].size > blocks[i - 1].size)
			abort();
	if (!guest_ram_split(&ram, 0x7f0000000000, 4ull << 30, 0))
		guest_maps_filter(text, &ram, &left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = NULL;
	uint32_t dev;

	if (!size || size > 65536)
		return 0;
	text = g_strndup((const char *)data + 1, size - 1);
	switch (data[0] % 9) {
	case 0:
		fuzz_control((const char *)data + 1, size - 1);
		break;
	case 1:
		fuzz_notification((const char *)data + 1, size - 1);
		break;
	case 2:
		fuzz_face((const char *)data + 1, size - 1);
		break;
	case 3:
		fuzz_worker((const char *)data + 1, size - 1);
		break;
	case 4:
		fuzz_access((const char *)data + 1, size - 1);
		break;
	case 5:
		fuzz_gate(text);
		break;
	case 6:
		fuzz_maps(text);
		break;
	case 7:
		stacking_mount_dev(text, strlen(text), "/var/lib/libvirt/images/a.qcow2", &dev);
		break;
	default:
		image_files_qcow2_size(data + 1, size - 1);
	}
	return 0;
}
