// SPDX-License-Identifier: Apache-2.0
#include "vm/proc_parse.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Of the fields after the name, counted from 0: the state. proc(5). */
enum {
	F_STATE,
	F_PPID,
	F_FLAGS = 6,
	F_MINFLT = 7,
	F_MAJFLT = 9,
	F_UTIME = 11,
	F_STIME = 12,
	F_THREADS = 17,
	F_START = 19,
	F_RSS = 21,
	F_MAX
};

#define PF_EXITING 0x4u /* include/linux/sched.h */

int proc_parse_u64(const char *buf, size_t len, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned char)buf[i] - '0';

		if (digit > 9)
			return -EINVAL;
		if (value > (max - digit) / 10 || digit > max)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return 0;
}

static int parse_pid(const char *buf, size_t len, pid_t *ret_pid)
{
	uint64_t value;
	int r = proc_parse_u64(buf, len, INT_MAX, &value);

	if (!r)
		*ret_pid = value;
	return r;
}

/* The n-th blank-separated field, NULL when there are not so many. */
static const char *field(const char *buf, size_t len, unsigned n, size_t *ret_len)
{
	const char *end = buf + len, *stop;

	for (; buf < end; buf = stop + 1) {
		stop = memchr(buf, ' ', end - buf);
		if (!stop)
			stop = end;
		if (!n--) {
			*ret_len = stop - buf;
			return buf;
		}
	}
	return NULL;
}

static int parse_fields(const char *buf, size_t len, struct proc_stat *stat)
{
	static const struct {
		unsigned field;
		size_t offset;
	} numbers[] = {
		{F_MINFLT, offsetof(struct proc_stat, minflt)},
		{F_MAJFLT, offsetof(struct proc_stat, majflt)},
		{F_UTIME, offsetof(struct proc_stat, utime)},
		{F_STIME, offsetof(struct proc_stat, stime)},
		{F_THREADS, offsetof(struct proc_stat, num_threads)},
		{F_START, offsetof(struct proc_stat, starttime)},
		{F_RSS, offsetof(struct proc_stat, rss)},
	};
	uint64_t flags;
	const char *s;
	size_t n;

	s = field(buf, len, F_STATE, &n);
	if (!s || n != 1)
		return -EINVAL;
	stat->state = *s;
	s = field(buf, len, F_PPID, &n);
	if (!s || parse_pid(s, n, &stat->ppid))
		return -EINVAL;
	s = field(buf, len, F_FLAGS, &n);
	if (!s || proc_parse_u64(s, n, UINT32_MAX, &flags))
		return -EINVAL;
	stat->flags = flags;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		s = field(buf, len, numbers[i].field, &n);
		if (!s || proc_parse_u64(s, n, UINT64_MAX,
					 (uint64_t *)((char *)stat + numbers[i].offset)))
			return -EINVAL;
	}
	return 0;
}

int proc_parse_stat(const char *buf, size_t len, struct proc_stat *ret_stat)
{
	const char *open = memchr(buf, '(', len), *close = memrchr(buf, ')', len);
	struct proc_stat stat = {0};
	size_t n;
	int r;

	/* The name may hold parentheses and blanks itself. */
	if (!open || !close || close < open || open - buf < 2 || buf + len - close < 3)
		return -EINVAL;
	if (parse_pid(buf, open - buf - 1, &stat.pid))
		return -EINVAL;
	n = close - open - 1;
	memcpy(stat.comm, open + 1, n < PROC_COMM_MAX ? n : PROC_COMM_MAX - 1);
	len -= close + 2 - buf;
	if (len && close[2 + len - 1] == '\n')
		len--;
	r = parse_fields(close + 2, len, &stat);
	if (r)
		return r;
	*ret_stat = stat;
	return 0;
}

bool proc_stat_alive(const struct proc_stat *stat)
{
	return stat->state != 'Z' && stat->state != 'X' && stat->state != 'x' &&
	       !(stat->flags & PF_EXITING);
}

/* "prefix N suffix" with N all that lies between. */
static bool numbered(const char *s, size_t len, const char *prefix, const char *suffix,
		     uint32_t *ret_number)
{
	size_t p = strlen(prefix), q = strlen(suffix);
	uint64_t value;

	if (len <= p + q || memcmp(s, prefix, p) || memcmp(s + len - q, suffix, q) ||
	    proc_parse_u64(s + p, len - p - q, UINT32_MAX, &value))
		return false;
	*ret_number = value;
	return true;
}

struct proc_role proc_thread_role(const char *comm)
{
	/* QEMU; Firecracker; Cloud Hypervisor; crosvm. */
	static const struct {
		const char *prefix, *suffix;
		bool tcg;
	} vcpus[] = {
		{"CPU ", "/KVM", false}, {"CPU ", "/TCG", true},     {"fc_vcpu ", "", false},
		{"vcpu", "", false},	 {"crosvm_vcpu", "", false},
	};
	size_t len = strnlen(comm, PROC_COMM_MAX);
	struct proc_role role = {.role = SCHED_ROLE_EMULATOR};
	uint32_t number;

	for (size_t i = 0; i < sizeof(vcpus) / sizeof(*vcpus); i++) {
		if (!numbered(comm, len, vcpus[i].prefix, vcpus[i].suffix, &number))
			continue;
		return (struct proc_role){SCHED_ROLE_VCPU, number, vcpus[i].tcg};
	}
	/* QEMU's -accel tcg,thread=single. */
	if (!strncmp(comm, "ALL CPUs/TCG", PROC_COMM_MAX))
		return (struct proc_role){SCHED_ROLE_VCPU, 0, true};
	/* libvirt's mon_iothread serves the monitor, not I/O. */
	if (len > 3 && !memcmp(comm, "IO ", 3) && strncmp(comm, "IO mon_iothread", PROC_COMM_MAX))
		role.role = SCHED_ROLE_IOTHREAD;
	else if (proc_vhost_owner(comm))
		role.role = SCHED_ROLE_VHOST;
	return role;
}

pid_t proc_vhost_owner(const char *comm)
{
	uint32_t number;

	if (!numbered(comm, strnlen(comm, PROC_COMM_MAX), "vhost-", "", &number) ||
	    number > INT_MAX)
		return 0;
	return number;
}

enum proc_fd_kind proc_parse_fd(const char *target, size_t len, uint32_t *ret_vcpu)
{
	static const char vm[] = "anon_inode:kvm-vm", vcpu[] = "anon_inode:kvm-vcpu:";

	if (len == sizeof(vm) - 1 && !memcmp(target, vm, len))
		return PROC_FD_KVM_VM;
	return numbered(target, len, vcpu, "", ret_vcpu) ? PROC_FD_KVM_VCPU : PROC_FD_OTHER;
}
