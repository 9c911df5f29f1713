// SPDX-License-Identifier: Apache-2.0
/*
 * mini: a KVM program with no firmware and no devices, so that its exits and its guest time have
 * a known truth. It reads commands from standard input, one a line, and after each prints one
 * line a vCPU with everything counted so far. Between commands every vCPU thread sleeps outside
 * KVM_RUN: two readings taken then bound the same window for every observer.
 *
 *   io N     N port writes, each an exit to user space
 *   mix N    the same with some thousand instructions between two writes
 *   hlt N    N times HLT, each ended by an NMI a millisecond later
 *   spin MS  a loop inside the guest for MS milliseconds, with no exit of its own
 *   nap MS   nothing: the vCPU threads stay asleep
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "stats.h"
#include "vm.h"

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "mini: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(args);
	exit(1);
}

uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void sleep_ns(uint64_t ns)
{
	struct timespec ts = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

	nanosleep(&ts, NULL);
}

static void report_vcpu(struct vcpu *vcpu)
{
	clockid_t clock;

	if (pthread_getcpuclockid(vcpu->thread, &clock))
		die("no CPU clock of a thread");
	printf("VCPU id=%u tid=%d pio=%llu hlt=%llu wall=%llu cpu=%llu", vcpu->id, vcpu->tid,
	       (unsigned long long)vcpu->pio, (unsigned long long)vcpu->hlt,
	       (unsigned long long)(clock_ns(CLOCK_MONOTONIC) - vcpu->born_ns),
	       (unsigned long long)clock_ns(clock));
	mini_stats_print(vcpu->stats_fd);
	mini_schedstat_print(vcpu->tid);
	printf("\n");
}

static void report(struct mini *mini, const char *command)
{
	sleep_ns(50000000); /* until the last of the vCPU threads is asleep */
	for (unsigned i = 0; i < mini->n; i++)
		report_vcpu(&mini->vcpu[i]);
	printf("VM pid=%d", getpid());
	mini_debugfs_print(getpid());
	printf("\nDONE %s\n", command);
}

/* Returns false for what it does not understand. */
static bool obey(struct mini *mini, char *line)
{
	const struct routine *routine;
	unsigned long long count;
	char name[16];

	line[strcspn(line, "\n")] = 0;
	if (sscanf(line, "%15s %llu", name, &count) != 2 || !count || count > UINT32_MAX)
		return false;
	if (!strcmp(name, "nap")) {
		sleep_ns(count * 1000000);
		report(mini, line);
		return true;
	}
	routine = routine_find(name);
	if (!routine)
		return false;
	mini_run(mini, routine, count);
	report(mini, line);
	return true;
}

/* "0,0,1": the CPU of each vCPU's thread in turn. */
static void parse_pins(struct mini *mini, const char *list)
{
	for (unsigned i = 0; i < MAX_VCPUS && *list; i++) {
		char *end;

		mini->vcpu[i].pin = strtol(list, &end, 10);
		list = *end ? end + 1 : end;
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"vcpus", required_argument, NULL, 'c'},
						{"pin", required_argument, NULL, 'p'},
						{"name", required_argument, NULL, 'n'},
						{"uuid", required_argument, NULL, 'u'},
						{0}};
	static struct mini mini = {.n = 1,
				   .lock = PTHREAD_MUTEX_INITIALIZER,
				   .go = PTHREAD_COND_INITIALIZER,
				   .done = PTHREAD_COND_INITIALIZER};
	char line[128];
	int c;

	for (unsigned i = 0; i < MAX_VCPUS; i++)
		mini.vcpu[i].pin = -1;
	while ((c = getopt_long_only(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c')
			mini.n = strtoul(optarg, NULL, 10);
		else if (c == 'p')
			parse_pins(&mini, optarg);
		else if (c == '?')
			return 2;
	}
	if (!mini.n || mini.n > MAX_VCPUS || optind != argc)
		return fprintf(stderr, "mini: 1 to %d vCPUs, and no more words\n", MAX_VCPUS), 2;
	setlinebuf(stdout);
	mini_start(&mini);
	report(&mini, "start");
	while (fgets(line, sizeof(line), stdin))
		if (!obey(&mini, line))
			printf("BAD %s\n", line);
	return 0;
}
