// SPDX-License-Identifier: Apache-2.0
#include "probe/carry.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <unistd.h>
#include <bpf/bpf.h>

#define VMS_MAX 16384

enum carry_kind { CARRY_STALLS, CARRY_BLAME, CARRY_KINDS };

static const struct {
	const char *name; /* of the map and its pin */
	size_t size; /* of a value */
} kinds[] = {
	[CARRY_STALLS] = {"vm_stalls", sizeof(struct carry_stalls)},
	[CARRY_BLAME] = {"vm_blame", sizeof(struct carry_blame)},
};

struct carry {
	int fds[CARRY_KINDS];
};

struct carry_key {
	uint32_t pid, pad;
	uint64_t start_ns;
};

static int map_create(const struct pin *pin, enum carry_kind kind)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, kinds[kind].name, sizeof(struct carry_key),
				kinds[kind].size, VMS_MAX, &opts);

	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, pin_path(pin, kinds[kind].name))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* VMs that ended while no agent ran. */
static void drop_dead(int fd)
{
	struct carry_key key, *last = NULL;
	g_autoptr(GArray) dead = g_array_new(FALSE, FALSE, sizeof(key));
	unsigned n = 0;

	for (; n++ < VMS_MAX && !bpf_map_get_next_key(fd, last, &key); last = &key)
		if (kill((pid_t)key.pid, 0) && errno == ESRCH)
			g_array_append_val(dead, key);
	for (guint i = 0; i < dead->len; i++)
		bpf_map_delete_elem(fd, &g_array_index(dead, struct carry_key, i));
}

static int map_open(const struct pin *pin, enum carry_kind kind)
{
	int fd = pin_map(pin, kinds[kind].name, kinds[kind].size, VMS_MAX);

	if (fd == -EINVAL)
		unlink(pin_path(pin, kinds[kind].name)); /* of another version */
	if (fd < 0)
		return map_create(pin, kind);
	drop_dead(fd);
	return fd;
}

struct carry *carry_open(const struct pin *pin)
{
	struct carry *carry;

	if (!pin)
		return NULL;
	carry = g_new0(struct carry, 1);
	for (unsigned i = 0; i < CARRY_KINDS; i++)
		carry->fds[i] = -1;
	for (unsigned i = 0; i < CARRY_KINDS; i++) {
		carry->fds[i] = map_open(pin, i);
		if (carry->fds[i] >= 0)
			continue;
		carry_close(carry);
		return NULL;
	}
	return carry;
}

void carry_close(struct carry *carry)
{
	if (!carry)
		return;
	for (unsigned i = 0; i < CARRY_KINDS; i++)
		if (carry->fds[i] >= 0)
			close(carry->fds[i]);
	g_free(carry);
}

static struct carry_key key_of(pid_t pid, uint64_t start_ns)
{
	return (struct carry_key){.pid = (uint32_t)pid, .start_ns = start_ns};
}

static int load(const struct carry *carry, enum carry_kind kind, pid_t pid, uint64_t start_ns,
		void *ret_value)
{
	struct carry_key key = key_of(pid, start_ns);

	return carry && !bpf_map_lookup_elem(carry->fds[kind], &key, ret_value) ? 0 : -ENOENT;
}

static int save(const struct carry *carry, enum carry_kind kind, pid_t pid, uint64_t start_ns,
		const void *value)
{
	struct carry_key key = key_of(pid, start_ns);

	if (!carry)
		return 0;
	return bpf_map_update_elem(carry->fds[kind], &key, value, BPF_ANY) ? -errno : 0;
}

int carry_load(const struct carry *carry, pid_t pid, uint64_t start_ns,
	       struct carry_stalls *ret_stalls)
{
	return load(carry, CARRY_STALLS, pid, start_ns, ret_stalls);
}

int carry_store(const struct carry *carry, pid_t pid, uint64_t start_ns,
		const struct carry_stalls *stalls)
{
	return save(carry, CARRY_STALLS, pid, start_ns, stalls);
}

int carry_blame_load(const struct carry *carry, pid_t pid, uint64_t start_ns,
		     struct carry_blame *ret_blame)
{
	return load(carry, CARRY_BLAME, pid, start_ns, ret_blame);
}

int carry_blame_store(const struct carry *carry, pid_t pid, uint64_t start_ns,
		      const struct carry_blame *blame)
{
	return save(carry, CARRY_BLAME, pid, start_ns, blame);
}

void carry_forget(const struct carry *carry, pid_t pid, uint64_t start_ns)
{
	struct carry_key key = key_of(pid, start_ns);

	for (unsigned i = 0; carry && i < CARRY_KINDS; i++)
		bpf_map_delete_elem(carry->fds[i], &key);
}
