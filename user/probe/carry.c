// SPDX-License-Identifier: Apache-2.0
#include "probe/carry.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <unistd.h>
#include <bpf/bpf.h>

#define MAP "vm_stalls"
#define VMS_MAX 16384

struct carry {
	int fd;
};

struct carry_key {
	uint32_t pid, pad;
	uint64_t start_ns;
};

static int map_create(const struct pin *pin)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, MAP, sizeof(struct carry_key),
				sizeof(struct carry_stalls), VMS_MAX, &opts);

	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, pin_path(pin, MAP))) {
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

struct carry *carry_open(const struct pin *pin)
{
	struct carry *carry;
	int fd;

	if (!pin)
		return NULL;
	fd = pin_map(pin, MAP, sizeof(struct carry_stalls), VMS_MAX);
	if (fd == -EINVAL)
		unlink(pin_path(pin, MAP)); /* of another version */
	if (fd >= 0)
		drop_dead(fd);
	else
		fd = map_create(pin);
	if (fd < 0)
		return NULL;
	carry = g_new0(struct carry, 1);
	carry->fd = fd;
	return carry;
}

void carry_close(struct carry *carry)
{
	if (!carry)
		return;
	close(carry->fd);
	g_free(carry);
}

static struct carry_key key_of(pid_t pid, uint64_t start_ns)
{
	return (struct carry_key){.pid = (uint32_t)pid, .start_ns = start_ns};
}

int carry_load(const struct carry *carry, pid_t pid, uint64_t start_ns,
	       struct carry_stalls *ret_stalls)
{
	struct carry_key key = key_of(pid, start_ns);
	struct carry_stalls stalls;

	if (!carry || bpf_map_lookup_elem(carry->fd, &key, &stalls))
		return -ENOENT;
	*ret_stalls = stalls;
	return 0;
}

int carry_store(const struct carry *carry, pid_t pid, uint64_t start_ns,
		const struct carry_stalls *stalls)
{
	struct carry_key key = key_of(pid, start_ns);

	if (!carry)
		return 0;
	return bpf_map_update_elem(carry->fd, &key, stalls, BPF_ANY) ? -errno : 0;
}

void carry_forget(const struct carry *carry, pid_t pid, uint64_t start_ns)
{
	struct carry_key key = key_of(pid, start_ns);

	if (carry)
		bpf_map_delete_elem(carry->fd, &key);
}
