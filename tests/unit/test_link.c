// SPDX-License-Identifier: Apache-2.0
/* Network interfaces: what rtnetlink and /proc say of them, and which of them a VMM holds. */
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "unit/proc_tree.h"
#include "unit/suite.h"
#include "vm/link.h"
#include "vm/tap.h"

struct message {
	_Alignas(struct nlmsghdr) char bytes[1024];
	size_t len;
};

static struct rtattr *put(struct message *m, unsigned short type, const void *data, size_t len)
{
	struct rtattr *attr = (struct rtattr *)(void *)(m->bytes + m->len);

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attr), data, len);
	m->len += RTA_SPACE(len);
	((struct nlmsghdr *)(void *)m->bytes)->nlmsg_len = m->len;
	return attr;
}

static void begin(struct message *m)
{
	struct nlmsghdr *head = (struct nlmsghdr *)(void *)m->bytes;
	struct ifinfomsg *info = NLMSG_DATA(head);

	memset(m, 0, sizeof(*m));
	head->nlmsg_type = RTM_NEWLINK;
	info->ifi_index = 7;
	m->len = NLMSG_SPACE(sizeof(*info));
	head->nlmsg_len = m->len;
}

static void put_kind(struct message *m, const char *kind)
{
	struct rtattr *info = put(m, IFLA_LINKINFO, NULL, 0);

	put(m, IFLA_INFO_KIND, kind, strlen(kind));
	info->rta_len = m->bytes + m->len - (char *)info;
}

static void test_message(void)
{
	struct rtnl_link_stats64 stats = {.rx_packets = 1,
					  .tx_packets = 2,
					  .rx_bytes = 1ull << 40,
					  .tx_bytes = 4,
					  .rx_errors = 5,
					  .tx_errors = 6,
					  .rx_dropped = 7,
					  .tx_dropped = 8};
	struct message m;
	struct link link;

	begin(&m);
	put(&m, IFLA_IFNAME, "vnet0", 6);
	put(&m, IFLA_STATS64, &stats, sizeof(stats));
	put_kind(&m, "tun");
	CU_ASSERT_EQUAL_FATAL(link_parse(m.bytes, m.len, &link), 0);
	CU_ASSERT_STRING_EQUAL(link.name, "vnet0");
	CU_ASSERT_STRING_EQUAL(link.kind, "tun");
	CU_ASSERT_EQUAL(link.index, 7);
	CU_ASSERT_TRUE(link.counted);
	CU_ASSERT_EQUAL(link.rx_bytes, 1ull << 40);
	CU_ASSERT_EQUAL(link.rx_packets + link.rx_errors + link.rx_dropped, 1 + 5 + 7);
	CU_ASSERT_EQUAL(link.tx_packets + link.tx_errors + link.tx_dropped, 2 + 6 + 8);
}

static void test_bad_messages(void)
{
	struct message m;
	struct link link;

	begin(&m);
	CU_ASSERT_EQUAL(link_parse(m.bytes, m.len, &link), -EINVAL);
	put(&m, IFLA_IFNAME, "a/b", 4);
	CU_ASSERT_EQUAL(link_parse(m.bytes, m.len, &link), -EINVAL);
	begin(&m);
	put(&m, IFLA_IFNAME, "a-name-that-is-too-long", 24);
	put(&m, IFLA_STATS64, "short", 6);
	CU_ASSERT_EQUAL(link_parse(m.bytes, m.len, &link), 0);
	CU_ASSERT_EQUAL(strlen(link.name), IFNAMSIZ - 1);
	CU_ASSERT_FALSE(link.counted);
	CU_ASSERT_EQUAL(link_parse(m.bytes, m.len - 1, &link), -EINVAL);
	CU_ASSERT_EQUAL(link_parse(m.bytes, 3, &link), -EINVAL);
	((struct nlmsghdr *)(void *)m.bytes)->nlmsg_len = 0xfc000000;
	CU_ASSERT_EQUAL(link_parse(m.bytes, m.len, &link), -EINVAL);
	((struct nlmsghdr *)(void *)m.bytes)->nlmsg_len = m.len;
	((struct nlmsghdr *)(void *)m.bytes)->nlmsg_type = RTM_DELLINK;
	CU_ASSERT_EQUAL(link_parse(m.bytes, m.len, &link), -EINVAL);
}

static const char net_dev[] =
	"Inter-|   Receive                                                |  Transmit\n"
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
	"    lo:  1296      16    0    0    0     0          0         0     1296      16    0    0"
	"    0     0       0          0\n"
	"  tap0:     1       2    3    4    5     6          7         8        9      10   11   12"
	"   13    14      15         16\n"
	"  bad0:     1       2    3\n"
	"  bad1:     1       2    3    4    5     6          x         8        9      10   11   12"
	"   13    14      15         16\n";

static void test_proc(void)
{
	g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(struct link));
	const struct link *tap;

	link_parse_proc(net_dev, sizeof(net_dev) - 1, links);
	CU_ASSERT_EQUAL_FATAL(links->len, 2);
	tap = &g_array_index(links, struct link, 1);
	CU_ASSERT_STRING_EQUAL(tap->name, "tap0");
	CU_ASSERT_EQUAL(tap->rx_bytes, 1);
	CU_ASSERT_EQUAL(tap->rx_packets, 2);
	CU_ASSERT_EQUAL(tap->rx_errors, 3);
	CU_ASSERT_EQUAL(tap->rx_dropped, 4);
	CU_ASSERT_EQUAL(tap->tx_bytes, 9);
	CU_ASSERT_EQUAL(tap->tx_packets, 10);
	CU_ASSERT_EQUAL(tap->tx_errors, 11);
	CU_ASSERT_EQUAL(tap->tx_dropped, 12);
}

/* Every namespace has a loopback device. */
static void test_dump(void)
{
	g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(struct link));
	unsigned found = 0;

	CU_ASSERT_EQUAL_FATAL(link_dump(links), 0);
	for (unsigned i = 0; i < links->len; i++) {
		const struct link *link = &g_array_index(links, struct link, i);

		CU_ASSERT_TRUE(link->index > 0 && link->counted);
		found += !strcmp(link->name, "lo");
	}
	CU_ASSERT_EQUAL(found, 1);
}

static bool fdinfo(const char *text, char *name)
{
	return tap_parse_fdinfo(text, strlen(text), name);
}

static void test_fdinfo(void)
{
	char name[IFNAMSIZ] = "kept";

	CU_ASSERT_TRUE(fdinfo("pos:\t0\nflags:\t0104002\niff:\tvnet12\n", name));
	CU_ASSERT_STRING_EQUAL(name, "vnet12");
	CU_ASSERT_FALSE(fdinfo("pos:\t0\nflags:\t0104002\niff:\t\n", name));
	CU_ASSERT_FALSE(fdinfo("iff:\tfar-too-long-a-name\n", name));
	CU_ASSERT_FALSE(fdinfo("iff:\t../../etc\n", name));
	CU_ASSERT_FALSE(fdinfo("pos:\t0\n", name));
	CU_ASSERT_FALSE(fdinfo("", name));
	CU_ASSERT_STRING_EQUAL(name, "vnet12");
}

static void test_device(void)
{
	static const char devices[] = "Character devices:\n  1 mem\n 10 misc\n246 macvtap\n\n"
				      "Block devices:\n  7 loop\n";
	static const char *const bad[] = {
		"",
		"tap4",
		"/dev/tap4",
		"../../devices/virtual/net/mv0/macvtap/tap",
		"../../devices/virtual/net/mv0/macvtap/tape1",
		"../../devices/virtual/net/mv0/macvtap/tap0",
		"../../devices/virtual/net/mv0/macvtap/tap99999999999",
		"../../devices/virtual/net/../macvtap/tap1",
		"../../devices/virtual/net/mv0/tun/tap1",
		"../../devices/virtual/misc/mv0/macvtap/tap1",
	};
	struct tap tap = {.name = "kept", .index = 7};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		CU_ASSERT_FALSE(tap_parse_device(bad[i], &tap));
	CU_ASSERT_EQUAL(tap.index, 7);
	CU_ASSERT_TRUE(tap_parse_device("../../devices/virtual/net/mv0/macvtap/tap4", &tap));
	CU_ASSERT_STRING_EQUAL(tap.name, "mv0");
	CU_ASSERT_EQUAL(tap.index, 4);
	CU_ASSERT_EQUAL(tap_parse_major(devices, "macvtap"), 246);
	CU_ASSERT_EQUAL(tap_parse_major(devices, "ipvtap"), 0);
}

static void fdinfo_file(const char *root, pid_t pid, int fd, const char *name)
{
	g_autofree char *dir = g_strdup_printf("%s/%d/fdinfo", root, pid);
	g_autofree char *path = g_strdup_printf("%s/%d", dir, fd);
	g_autofree char *text = g_strdup_printf("pos:\t0\nflags:\t0104002\niff:\t%s\n", name);

	mkdir(dir, 0755);
	g_file_set_contents(path, text, -1, NULL);
}

/* Two queues of one tap, a second tap, and what is none, whatever it is called. */
static void test_scan(void)
{
	g_autoptr(GArray) taps = g_array_new(FALSE, TRUE, sizeof(struct tap));
	char *root = proc_tree_new();
	g_autofree char *fake = g_build_filename(root, "tap9", NULL);
	int fd = open(root, O_RDONLY | O_DIRECTORY);
	struct tap_host host = {.proc = fd};

	if (access("/dev/net/tun", F_OK)) {
		printf(" (there is no /dev/net/tun: skipped) ");
		close(fd);
		proc_tree_free(root);
		return;
	}
	g_file_set_contents(fake, "", 0, NULL);
	proc_tree_add(root, &(struct tree_process){.pid = 10, .ppid = 1, .comm = "qemu"});
	proc_tree_fd(root, 10, 3, "/dev/net/tun");
	fdinfo_file(root, 10, 3, "vnet0");
	proc_tree_fd(root, 10, 4, "/dev/net/tun");
	fdinfo_file(root, 10, 4, "vnet0");
	proc_tree_fd(root, 10, 5, "/dev/net/tun");
	fdinfo_file(root, 10, 5, "vnet1");
	proc_tree_fd(root, 10, 6, fake);
	fdinfo_file(root, 10, 6, "eth0");
	proc_tree_fd(root, 10, 7, "/dev/vhost-net");
	proc_tree_fd(root, 10, 8, "/dev/net/tun"); /* not set up yet: no fdinfo */
	CU_ASSERT_EQUAL(tap_scan(&host, 10, false, taps), 0);
	CU_ASSERT_EQUAL_FATAL(taps->len, 2);
	for (unsigned i = 0; i < taps->len; i++) {
		const struct tap *tap = &g_array_index(taps, struct tap, i);

		CU_ASSERT_EQUAL(tap->index, 0);
		CU_ASSERT_TRUE(g_str_has_prefix(tap->name, "vnet"));
	}
	CU_ASSERT_EQUAL(tap_scan(&host, 11, false, taps), -ENOENT);
	close(fd);
	proc_tree_free(root);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a message of rtnetlink", test_message},
		{"messages that are none", test_bad_messages},
		{"/proc/PID/net/dev", test_proc},
		{"the kernel's own dump", test_dump},
		{"fdinfo and targets of descriptors", test_fdinfo},
		{"the device of a macvtap", test_device},
		{"the interfaces that a VMM holds", test_scan},
		CU_TEST_INFO_NULL,
	};

	return suite_run("link", tests);
}
