// SPDX-License-Identifier: Apache-2.0
#include "vm/link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "vm/proc_parse.h"

#define BUFFER 65536
#define ANSWER_S 2 /* the kernel answers a dump at once, or waits for its lock without an end */
#define DUMP_TRIES 5
#define PROC_COUNTERS 16

bool link_name_valid(const char *name)
{
	if (!*name || strlen(name) >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (*name == '/' || *name == ':' || g_ascii_isspace(*name))
			return false;
	return true;
}

static void copy_text(const struct nlattr *attr, char *to, size_t size)
{
	size_t n = MIN(mnl_attr_get_payload_len(attr), size - 1);

	memset(to, 0, size);
	memcpy(to, mnl_attr_get_payload(attr), n);
}

/* Kernels differ in how much of the struct they send. */
static void read_counters(const struct nlattr *attr, struct link *link)
{
	struct rtnl_link_stats64 stats = {0};

	if (mnl_attr_get_payload_len(attr) < offsetof(struct rtnl_link_stats64, multicast))
		return;
	memcpy(&stats, mnl_attr_get_payload(attr),
	       MIN(mnl_attr_get_payload_len(attr), sizeof(stats)));
	link->counted = true;
	link->rx_bytes = stats.rx_bytes;
	link->rx_packets = stats.rx_packets;
	link->rx_errors = stats.rx_errors;
	link->rx_dropped = stats.rx_dropped;
	link->tx_bytes = stats.tx_bytes;
	link->tx_packets = stats.tx_packets;
	link->tx_errors = stats.tx_errors;
	link->tx_dropped = stats.tx_dropped;
}

static int read_kind(const struct nlattr *attr, void *data)
{
	struct link *link = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		copy_text(attr, link->kind, sizeof(link->kind));
	return MNL_CB_OK;
}

static int read_attr(const struct nlattr *attr, void *data)
{
	struct link *link = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		copy_text(attr, link->name, sizeof(link->name));
		break;
	case IFLA_STATS64:
		read_counters(attr, link);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attr, read_kind, link);
		break;
	}
	return MNL_CB_OK;
}

int link_parse(const void *message, size_t len, struct link *ret_link)
{
	const struct nlmsghdr *head = message;
	const struct ifinfomsg *info;
	struct link link = {0};

	/* mnl_nlmsg_ok() takes a length above INT_MAX for a negative one. */
	if (len < sizeof(*head) || len > INT32_MAX || head->nlmsg_len > len ||
	    !mnl_nlmsg_ok(head, (int)len) || head->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(head) < sizeof(*info))
		return -EINVAL;
	info = mnl_nlmsg_get_payload(head);
	link.index = info->ifi_index > 0 ? info->ifi_index : 0;
	mnl_attr_parse(head, sizeof(*info), read_attr, &link);
	if (!link_name_valid(link.name))
		return -EINVAL;
	*ret_link = link;
	return 0;
}

struct dump {
	GArray *links;
	bool too_many;
};

static int add_link(const struct nlmsghdr *head, void *data)
{
	struct dump *dump = data;
	struct link link;

	if (dump->links->len >= LINKS_MAX)
		dump->too_many = true;
	else if (!link_parse(head, head->nlmsg_len, &link))
		g_array_append_val(dump->links, link);
	return MNL_CB_OK;
}

static void close_socket(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

static struct nlmsghdr *make_request(char *buf)
{
	struct nlmsghdr *head = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;

	head->nlmsg_type = RTM_GETLINK;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	head->nlmsg_seq = 1;
	info = mnl_nlmsg_put_extra_header(head, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	return head;
}

static int dump_once(GArray *links)
{
	__attribute__((cleanup(close_socket))) struct mnl_socket *nl = NULL;
	struct timeval deadline = {.tv_sec = ANSWER_S};
	g_autofree char *buf = g_malloc0(BUFFER);
	struct dump dump = {.links = links};
	struct nlmsghdr *request;
	int r = MNL_CB_OK;
	ssize_t n;

	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	request = make_request(buf);
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(nl, buf, BUFFER);
		if (n < 0)
			return -errno;
		r = mnl_cb_run(buf, n, 1, mnl_socket_get_portid(nl), add_link, &dump);
	}
	if (r < 0)
		return -errno;
	return dump.too_many ? -E2BIG : 0;
}

/* Interrupted: an interface came or went meanwhile, and what was dumped is not all. */
int link_dump(GArray *links)
{
	guint before = links->len;
	int r = -EINTR;

	for (unsigned try = 0; r == -EINTR && try < DUMP_TRIES; try++) {
		g_array_set_size(links, before);
		r = dump_once(links);
	}
	return r;
}

/* "  vnet0: bytes packets errs drop fifo frame compressed multicast bytes packets errs drop ..." */
static bool parse_line(const char *line, size_t len, struct link *ret_link)
{
	const char *colon = memrchr(line, ':', len), *end = line + len, *at;
	uint64_t v[PROC_COUNTERS];
	struct link link = {0};

	while (line < end && *line == ' ')
		line++;
	if (!colon || colon <= line || colon - line >= IFNAMSIZ)
		return false;
	memcpy(link.name, line, colon - line);
	if (!link_name_valid(link.name))
		return false;
	at = colon + 1;
	for (unsigned i = 0; i < PROC_COUNTERS; i++) {
		const char *from;

		while (at < end && *at == ' ')
			at++;
		for (from = at; at < end && *at != ' '; at++)
			;
		if (proc_parse_u64(from, at - from, UINT64_MAX - 1, &v[i]))
			return false;
	}
	link.counted = true;
	link.rx_bytes = v[0], link.rx_packets = v[1], link.rx_errors = v[2], link.rx_dropped = v[3];
	link.tx_bytes = v[8], link.tx_packets = v[9];
	link.tx_errors = v[10], link.tx_dropped = v[11];
	*ret_link = link;
	return true;
}

void link_parse_proc(const char *text, size_t len, GArray *links)
{
	const char *end = text + len, *next;
	struct link link;

	for (; text < end && links->len < LINKS_MAX; text = next) {
		const char *eol = memchr(text, '\n', end - text);

		next = eol ? eol + 1 : end;
		if (parse_line(text, (eol ?: end) - text, &link))
			g_array_append_val(links, link);
	}
}
