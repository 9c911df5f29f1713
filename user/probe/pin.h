/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of pinned maps and links: made, locked, judged fit for adoption, removed. */
#ifndef KVMLENS_PROBE_PIN_H
#define KVMLENS_PROBE_PIN_H

#include <stdbool.h>
#include <stdint.h>

/* What pinned maps were made by; the value of the map "config". */
struct pin_config {
	uint32_t sched_abi, kvm_abi;
	uint32_t max_threads;
	uint32_t block_abi, net_abi;
	uint32_t pad;
	uint64_t build; /* hash of the objects whose programs are attached */
};

struct pin {
	char *dir;
	int lock_fd; /* the directory, locked for as long as we own it */
};

/*
 * Make dir with mode 0700, mounting bpffs on its parent if that is none, and lock it. -EBUSY:
 * another process has it; -EPERM, -ENOENT, ...: why it cannot be made.
 */
int pin_open(const char *dir, struct pin **ret_pin);
void pin_close(struct pin *pin);

/* The pinned configuration. -ENOENT: nothing usable is pinned. */
int pin_config_read(const struct pin *pin, struct pin_config *ret_config);

/* Write it, making the map when it is not there yet. */
int pin_config_write(const struct pin *pin, const struct pin_config *config);

/* A pinned map's descriptor, of the expected value size. -ENOENT, -EINVAL: it has another. */
int pin_map(const struct pin *pin, const char *name, uint32_t value_size, uint32_t entries);

/* "dir/name", for libbpf; a static buffer of the calling thread. */
const char *pin_path(const struct pin *pin, const char *name);

/* Remove all that is pinned, and the directory itself. 0 or the first error. */
int pin_remove(const struct pin *pin);

#endif
