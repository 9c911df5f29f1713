// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bpf/blaster.h"

#define TAPS 16
#define FILTER 4000
#define SECONDS_MAX 60 /* it stops by itself */

static int loopback_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;
	struct ifreq r = {.ifr_flags = IFF_UP | IFF_RUNNING};

	strcpy(r.ifr_name, "lo");
	err = ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
	return err;
}

/* Receive packet steering: what arrives is handled on CPU 0, whoever sent it. */
static int steer_to_cpu0(void)
{
	int fd, n;

	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL))
		return -1;
	fd = open("/sys/class/net/lo/queues/rx-0/rps_cpus", O_WRONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : (int)write(fd, "1", 1);
	close(fd);
	return n == 1 ? 0 : -1;
}

/* A tap that looks long at each packet, and takes none. */
static int open_tap(void)
{
	static struct sock_filter code[FILTER];
	struct sock_fprog program = {FILTER, code};
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex("lo")};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, i;

	for (i = 0; i < FILTER - 1; i++)
		code[i] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1);
	code[FILTER - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)))
		return -1;
	return bind(fd, (struct sockaddr *)&to, sizeof(to));
}

static void blast(int from_cpu)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(9),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(from_cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	alarm(SECONDS_MAX);
	for (;;)
		sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
}

pid_t blaster_start(int from_cpu)
{
	int ready[2], i;
	char ok = 0;
	pid_t pid;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ok = !unshare(CLONE_NEWNET | CLONE_NEWNS) && !loopback_up() && !steer_to_cpu0();
		for (i = 0; i < TAPS && ok; i++)
			ok = !open_tap();
		if (write(ready[1], &ok, 1) == 1 && ok)
			blast(from_cpu);
		_exit(1);
	}
	close(ready[1]);
	if (pid > 0 && (read(ready[0], &ok, 1) != 1 || !ok)) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(ready[0]);
	return pid;
}

void blaster_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
