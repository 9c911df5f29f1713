// SPDX-License-Identifier: Apache-2.0
/*
 * Hooks on a real tap in a network namespace of the test's own, against what the test itself put
 * through it and the tap's own counters, by TCX and by clsact; and what is left of them.
 */
#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "probe/net.h"
#include "probe/net_hook.h"
#include "unit/suite.h"
#include "vm/link.h"

#define DIR "/sys/fs/bpf/kvmlens-test-net"
#define MANY 60 /* taps: more than one message of a dump holds */
#define RING 500 /* packets that a tap keeps */

struct rig {
	int tap, socket;
	uint32_t ifindex;
	struct pin *pin;
	struct features features;
};

static void set_up(const char *name, const char *address)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq ifr = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&ifr.ifr_addr;

	g_strlcpy(ifr.ifr_name, name, IFNAMSIZ);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	CU_ASSERT_EQUAL_FATAL(ioctl(fd, SIOCSIFADDR, &ifr), 0);
	inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
	ioctl(fd, SIOCSIFNETMASK, &ifr);
	ioctl(fd, SIOCGIFFLAGS, &ifr);
	ifr.ifr_flags |= IFF_UP | IFF_NOARP;
	CU_ASSERT_EQUAL_FATAL(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

/* What is written into the tap its guest has sent; what is sent at it is the guest's to get. */
static void open_tap(struct rig *rig)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int queue = RING;

	rig->tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	CU_ASSERT_FATAL(rig->tap >= 0);
	strcpy(ifr.ifr_name, "kltest0");
	CU_ASSERT_EQUAL_FATAL(ioctl(rig->tap, TUNSETIFF, &ifr), 0);
	rig->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifr.ifr_qlen = queue;
	ioctl(rig->socket, SIOCSIFTXQLEN, &ifr);
	set_up("kltest0", "10.99.0.1");
	rig->ifindex = if_nametoindex("kltest0");
	inet_pton(AF_INET, "10.99.0.2", &to.sin_addr);
	CU_ASSERT_EQUAL_FATAL(connect(rig->socket, (void *)&to, sizeof(to)), 0);
}

static void rig_begin(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	open_tap(rig);
	CU_ASSERT_EQUAL_FATAL(pin_open(DIR, &rig->pin), 0);
}

static void rig_end(struct rig *rig)
{
	close(rig->tap);
	close(rig->socket);
	pin_remove(rig->pin);
	pin_close(rig->pin);
}

static struct link tap_now(const struct rig *rig)
{
	g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(struct link));
	struct link found = {0};

	CU_ASSERT_EQUAL(link_dump(links), 0);
	for (unsigned i = 0; i < links->len; i++)
		if (g_array_index(links, struct link, i).index == rig->ifindex)
			found = g_array_index(links, struct link, i);
	return found;
}

/* len: of the whole frame. */
static void from_guest(const struct rig *rig, unsigned n, size_t len)
{
	char frame[2048] = "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5";

	for (unsigned i = 0; i < n; i++)
		CU_ASSERT_EQUAL(write(rig->tap, frame, len), (ssize_t)len);
}

static void to_guest(const struct rig *rig, unsigned n, size_t len)
{
	char payload[2048] = "";

	for (unsigned i = 0; i < n; i++)
		send(rig->socket, payload, len - 14 - 20 - 8, 0);
}

/* The kernel's own packets (neighbours, multicast reports) may come too. */
static void drain(const struct rig *rig)
{
	char frame[4096];

	while (read(rig->tap, frame, sizeof(frame)) > 0)
		;
}

static void wait_tap(const struct rig *rig, uint64_t packets)
{
	for (int i = 0; i < 5000 && tap_now(rig).rx_packets < packets; i++)
		usleep(1000);
}

static struct net *open_net(struct rig *rig, unsigned without, bool adopt, bool drops)
{
	struct net_options options = {
		.adopt_maps = adopt, .sizes = true, .drops = drops, .without = without};
	struct net_target target = {rig->ifindex, true, drops};
	struct net *net = net_open(rig->pin, &options, &rig->features);

	CU_ASSERT_EQUAL(rig->features.f[FEATURE_NET_TAPS].state, FEATURE_YES);
	net_sync(net, &target, 1);
	return net;
}

static bool has_tc(void)
{
	return !system("tc -V >/dev/null 2>&1");
}

/* By tc, where there is one. */
static unsigned filters(const struct rig *rig)
{
	char line[512];
	unsigned n = 0;
	FILE *p;

	if (!has_tc())
		return net_hook_filters(rig->ifindex);
	p = popen("tc filter show dev kltest0 ingress; tc filter show dev kltest0 egress;"
		  "tc qdisc show dev kltest0 | grep clsact",
		  "r");
	while (fgets(line, sizeof(line), p))
		n++;
	pclose(p);
	return n;
}

static void count_both_ways(unsigned without)
{
	struct net_numbers flow[NET_DIRECTIONS];
	struct link was, now;
	struct net *net;
	struct rig rig;

	rig_begin(&rig);
	usleep(200000); /* for the kernel's own packets at a new device */
	drain(&rig);
	net = open_net(&rig, without, false, false);
	if (without)
		CU_ASSERT_EQUAL(rig.features.f[FEATURE_NET_TCX].state, FEATURE_NO);
	was = tap_now(&rig);
	from_guest(&rig, 100, 64);
	from_guest(&rig, 50, 65);
	from_guest(&rig, 7, 1514);
	to_guest(&rig, 30, 128);
	to_guest(&rig, 20, 600);
	wait_tap(&rig, was.rx_packets + 157);
	drain(&rig);
	now = tap_now(&rig);
	net_next_epoch(net);
	CU_ASSERT_EQUAL_FATAL(net_read(net, rig.ifindex, flow), 0);
	CU_ASSERT_EQUAL(flow[NET_TX].packets, now.rx_packets - was.rx_packets);
	CU_ASSERT_EQUAL(flow[NET_TX].bytes, now.rx_bytes - was.rx_bytes);
	CU_ASSERT_EQUAL(flow[NET_RX].packets, now.tx_packets - was.tx_packets);
	CU_ASSERT_EQUAL(flow[NET_RX].bytes, now.tx_bytes - was.tx_bytes);
	CU_ASSERT_EQUAL(flow[NET_TX].sizes[0], 100);
	CU_ASSERT_EQUAL(flow[NET_TX].sizes[1], 50);
	CU_ASSERT_EQUAL(flow[NET_TX].sizes[5], 7);
	CU_ASSERT_EQUAL(flow[NET_RX].sizes[2], 30);
	CU_ASSERT_EQUAL(flow[NET_RX].sizes[4], 20);
	/* The fullest window holds at most all, the longer one at least the shorter one's. */
	CU_ASSERT_TRUE(flow[NET_TX].peak[0] >= 64 && flow[NET_TX].peak[0] <= flow[NET_TX].peak[1]);
	CU_ASSERT_TRUE(flow[NET_TX].peak[1] <= flow[NET_TX].bytes);
	net_next_epoch(net);
	CU_ASSERT_EQUAL(net_read(net, rig.ifindex, flow), 0);
	CU_ASSERT_EQUAL(flow[NET_TX].peak[1], 0); /* nothing in this epoch */
	if (rig.features.f[FEATURE_NET_TCX].state == FEATURE_NO)
		CU_ASSERT_TRUE(filters(&rig) > 0);
	net_sync(net, NULL, 0); /* the VM has ended */
	CU_ASSERT_EQUAL(filters(&rig), 0);
	CU_ASSERT_EQUAL(net_read(net, rig.ifindex, flow), -ENOENT);
	net_close(net, false);
	rig_end(&rig);
}

static void test_tcx(void)
{
	count_both_ways(0);
}

static void test_clsact(void)
{
	count_both_ways(1u << FEATURE_NET_TCX);
}

struct drops {
	uint32_t ifindex;
	uint64_t full_ring, others;
};

static void add_drop(void *arg, uint32_t ifindex, const char *reason, uint64_t count)
{
	struct drops *drops = arg;

	if (ifindex != drops->ifindex)
		return;
	if (!strcmp(reason, "FULL_RING"))
		drops->full_ring += count;
	else
		drops->others += count;
}

static void test_drops(void)
{
	struct drops drops;
	struct link was, now;
	struct net *net;
	struct rig rig;

	rig_begin(&rig);
	net = open_net(&rig, 0, false, true);
	if (rig.features.f[FEATURE_NET_DROPS].state != FEATURE_YES) {
		/* Only a kernel whose tracepoint has no reason may refuse. */
		CU_ASSERT_PTR_NOT_NULL(strstr(rig.features.f[FEATURE_NET_DROPS].why, "5.17"));
		net_close(net, false);
		rig_end(&rig);
		return;
	}
	drops = (struct drops){rig.ifindex, 0, 0};
	was = tap_now(&rig);
	to_guest(&rig, 3000, 128);
	now = tap_now(&rig);
	net_drops(net, add_drop, &drops);
	CU_ASSERT_TRUE(now.tx_dropped - was.tx_dropped >= 2000);
	CU_ASSERT_EQUAL(drops.full_ring, now.tx_dropped - was.tx_dropped);
	net_close(net, false);
	rig_end(&rig);
}

static unsigned watched(const struct rig *rig)
{
	int fd = pin_map(rig->pin, "net_watched", sizeof(uint32_t), NET_TAPS_MAX);
	struct net_key key;
	unsigned n;

	CU_ASSERT_FATAL(fd >= 0);
	n = !bpf_map_get_next_key(fd, NULL, &key);
	close(fd);
	return n;
}

/* What dies leaves filters and maps: the next start removes the former, adopts the latter. */
static void test_crash(void)
{
	struct net_numbers flow[NET_DIRECTIONS];
	struct link was;
	struct net *net;
	struct rig rig;
	pid_t child;
	int status;

	rig_begin(&rig);
	usleep(200000);
	was = tap_now(&rig);
	child = fork();
	if (!child) {
		net = open_net(&rig, 1u << FEATURE_NET_TCX, false, true);
		from_guest(&rig, 10, 64);
		_exit(!net || filters(&rig) == 0 ||
		      watched(&rig) != (rig.features.f[FEATURE_NET_DROPS].state == FEATURE_YES));
	}
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CU_ASSERT_TRUE(filters(&rig) > 0);
	wait_tap(&rig, was.rx_packets + 10);
	net_remove_leftovers(rig.pin);
	CU_ASSERT_EQUAL(filters(&rig), 0);
	net = open_net(&rig, 0, true, false);
	CU_ASSERT_EQUAL(watched(&rig), 0);
	CU_ASSERT_EQUAL(net_read(net, rig.ifindex, flow), 0);
	CU_ASSERT_EQUAL(flow[NET_TX].sizes[0], 10);
	from_guest(&rig, 5, 64);
	wait_tap(&rig, was.rx_packets + 15);
	CU_ASSERT_EQUAL(net_read(net, rig.ifindex, flow), 0);
	CU_ASSERT_EQUAL(flow[NET_TX].sizes[0], 15);
	net_close(net, false);
	rig_end(&rig);
}

/* Somebody else's filter keeps its queueing discipline. */
static void test_neighbour(void)
{
	struct net *net;
	struct rig rig;

	if (!has_tc())
		return;
	rig_begin(&rig);
	CU_ASSERT_EQUAL_FATAL(system("tc qdisc add dev kltest0 clsact && tc filter add dev kltest0"
				     " ingress prio 7 bpf bytecode '1,6 0 0 0,'"),
			      0);
	net = open_net(&rig, 1u << FEATURE_NET_TCX, false, false);
	net_close(net, false);
	CU_ASSERT_EQUAL(system("tc filter show dev kltest0 ingress | grep -q 'pref 7 bpf'"), 0);
	rig_end(&rig);
}

/* An older qdisc has the place of clsact, and no way out: that is counted, and not tried again. */
static void test_refused(void)
{
	struct net_target target;
	struct net *net;
	struct rig rig;

	if (!has_tc())
		return;
	rig_begin(&rig);
	CU_ASSERT_EQUAL_FATAL(system("tc qdisc add dev kltest0 ingress"), 0);
	net = open_net(&rig, 1u << FEATURE_NET_TCX, false, false);
	target = (struct net_target){rig.ifindex, true, false};
	net_sync(net, &target, 1);
	CU_ASSERT_EQUAL(net_refused(net), 1);
	net_close(net, false);
	rig_end(&rig);
}

static int open_named(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	g_strlcpy(ifr.ifr_name, name, IFNAMSIZ);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &ifr)) {
		close(fd);
		return -1;
	}
	return fd;
}

static gpointer come_and_go(gpointer stop)
{
	while (!g_atomic_int_get((gint *)stop))
		close(open_named("klchurn0"));
	return NULL;
}

static unsigned count_many(const GArray *links)
{
	unsigned n = 0;

	for (unsigned i = 0; i < links->len; i++)
		n += g_str_has_prefix(g_array_index(links, struct link, i).name, "klmany");
	return n;
}

/* A dump that others interrupt is done again: it is whole, or an error. */
static void test_whole(void)
{
	gint64 until = g_get_monotonic_time() + 2 * G_USEC_PER_SEC;
	unsigned whole = 0, parts = 0;
	int taps[MANY];
	gint stop = 0;
	GThread *thread;

	for (unsigned i = 0; i < MANY; i++) {
		g_autofree char *name = g_strdup_printf("klmany%u", i);

		taps[i] = open_named(name);
		CU_ASSERT_FATAL(taps[i] >= 0);
	}
	thread = g_thread_new("churn", come_and_go, &stop);
	while (g_get_monotonic_time() < until) {
		g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(struct link));
		bool done = !link_dump(links);

		whole += done && count_many(links) == MANY;
		parts += done && count_many(links) != MANY;
	}
	g_atomic_int_set(&stop, 1);
	g_thread_join(thread);
	CU_ASSERT_TRUE(whole > 0);
	CU_ASSERT_EQUAL(parts, 0);
	for (unsigned i = 0; i < MANY; i++)
		close(taps[i]);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"sizes and bursts by TCX", test_tcx},
		{"sizes and bursts by clsact", test_clsact},
		{"drops by reason", test_drops},
		{"a crash", test_crash},
		{"somebody else's filter", test_neighbour},
		{"a tap that refuses", test_refused},
		{"a dump that is interrupted", test_whole},
		CU_TEST_INFO_NULL,
	};

	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	/* A namespace of its own: nothing else sends at the tap. */
	if (unshare(CLONE_NEWNET)) {
		perror("unshare");
		return 1;
	}
	if (system("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"))
		puts("# IPv6 stays on");
	return suite_run("net", tests);
}
