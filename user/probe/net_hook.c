// SPDX-License-Identifier: Apache-2.0
#include "probe/net_hook.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probe/log.h"

/* e420bed02507 (6.6): newer than the headers to build with. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47

/* Ours among the filters of an interface: nobody else's has this pair. */
#define HANDLE 0x6b76
#define PRIORITY 49374

#define NO_DEVICE 0x7fffffff

bool net_hook_has_tcx(int prog_fd)
{
	int fd = bpf_link_create(prog_fd, NO_DEVICE, TCX_INGRESS, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno == ENODEV;
}

static void close_links(struct net_hook *hook)
{
	for (int i = 0; i < 2; i++) {
		if (hook->link[i] >= 0)
			close(hook->link[i]);
		hook->link[i] = -1;
	}
}

int net_hook_tcx(uint32_t ifindex, int ingress_fd, int egress_fd, struct net_hook *ret_hook)
{
	struct net_hook hook = {{-1, -1}, false};
	int err = 0;

	hook.link[0] = bpf_link_create(ingress_fd, ifindex, TCX_INGRESS, NULL);
	if (hook.link[0] < 0)
		return -errno;
	hook.link[1] = bpf_link_create(egress_fd, ifindex, TCX_EGRESS, NULL);
	if (hook.link[1] < 0) {
		err = -errno;
		close_links(&hook);
		return err;
	}
	*ret_hook = hook;
	return 0;
}

/* What the kernel lists of an interface below parent, each message to fn; -errno. */
static int dump(struct mnl_socket *nl, uint16_t type, uint32_t ifindex, uint32_t parent,
		mnl_cb_t fn, void *arg)
{
	_Alignas(struct nlmsghdr) char buf[16384];
	struct nlmsghdr *head = mnl_nlmsg_put_header(buf);
	struct tcmsg *tc;
	ssize_t got;
	int r = MNL_CB_OK;

	head->nlmsg_type = type;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	head->nlmsg_seq = parent;
	tc = mnl_nlmsg_put_extra_header(head, sizeof(*tc));
	tc->tcm_ifindex = (int)ifindex;
	tc->tcm_parent = parent;
	if (mnl_socket_sendto(nl, head, head->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		got = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (got < 0)
			return -errno;
		r = mnl_cb_run(buf, got, parent, mnl_socket_get_portid(nl), fn, arg);
	}
	return r < 0 ? -errno : 0;
}

static struct mnl_socket *open_netlink(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (!nl || !mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		return nl;
	mnl_socket_close(nl);
	return NULL;
}

static int count_filter(const struct nlmsghdr *head, void *data)
{
	*(unsigned *)data += head->nlmsg_type == RTM_NEWTFILTER;
	return MNL_CB_OK;
}

/* Filters of one direction of a clsact; more than none where it cannot be told. */
static unsigned filters(struct mnl_socket *nl, uint32_t ifindex, uint32_t parent)
{
	unsigned n = 0;

	return dump(nl, RTM_GETTFILTER, ifindex, parent, count_filter, &n) ? 1 : n;
}

unsigned net_hook_filters(uint32_t ifindex)
{
	struct mnl_socket *nl = open_netlink();
	unsigned n = 1;

	if (!nl)
		return n;
	n = filters(nl, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) +
	    filters(nl, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
	mnl_socket_close(nl);
	return n;
}

struct search {
	uint32_t ifindex;
	bool found;
};

static int see_qdisc(const struct nlmsghdr *head, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(head);
	struct search *search = data;
	const struct nlattr *attr;

	if (head->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(head) < sizeof(*tc) ||
	    tc->tcm_ifindex != (int)search->ifindex || tc->tcm_parent != TC_H_CLSACT)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, head, sizeof(*tc))
	{
		const char *kind = mnl_attr_get_payload(attr);

		search->found |= mnl_attr_get_type(attr) == TCA_KIND &&
				 !strncmp(kind, "clsact", mnl_attr_get_payload_len(attr));
	}
	return MNL_CB_OK;
}

/*
 * What stands in the place of clsact may be "ingress", as libvirt makes it for bandwidth: that
 * takes filters for what goes out as well, and runs them on what comes in.
 */
static bool is_clsact(uint32_t ifindex)
{
	struct search search = {.ifindex = ifindex};
	struct mnl_socket *nl = open_netlink();

	if (!nl)
		return false;
	dump(nl, RTM_GETQDISC, ifindex, 0, see_qdisc, &search);
	mnl_socket_close(nl);
	return search.found;
}

static int attach_filter(uint32_t ifindex, enum bpf_tc_attach_point point, int prog_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY, .prog_fd = prog_fd,
		    .flags = BPF_TC_F_REPLACE);

	return bpf_tc_attach(&hook, &opts);
}

int net_hook_clsact(uint32_t ifindex, int ingress_fd, int egress_fd, struct net_hook *ret_hook,
		    bool *ret_made)
{
	LIBBPF_OPTS(bpf_tc_hook, both, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct net_hook hook = {{-1, -1}, true};
	int err;

	probe_log_begin();
	err = bpf_tc_hook_create(&both);
	*ret_made = !err;
	if (err && (err != -EEXIST || !is_clsact(ifindex)))
		return err;
	err = attach_filter(ifindex, BPF_TC_INGRESS, ingress_fd);
	if (!err)
		err = attach_filter(ifindex, BPF_TC_EGRESS, egress_fd);
	if (err) {
		net_hook_clean(ifindex, *ret_made);
		return err;
	}
	*ret_hook = hook;
	return 0;
}

static bool remove_filter(uint32_t ifindex, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);

	return !bpf_tc_detach(&hook, &opts);
}

void net_hook_clean(uint32_t ifindex, bool made)
{
	LIBBPF_OPTS(bpf_tc_hook, both, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	probe_log_begin();
	remove_filter(ifindex, BPF_TC_INGRESS);
	remove_filter(ifindex, BPF_TC_EGRESS);
	if (made && !net_hook_filters(ifindex))
		bpf_tc_hook_destroy(&both);
}

void net_unhook(uint32_t ifindex, struct net_hook *hook, bool made)
{
	close_links(hook);
	if (hook->clsact)
		net_hook_clean(ifindex, made);
	hook->clsact = false;
}
