/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to read a guest's memory. It checks each address against the RAM map, touches no
 * page that the VMM has not in memory (reading such a page would make it grow, or swap it in),
 * and keeps to a budget.
 */
#ifndef KVMLENS_GUEST_MEM_H
#define KVMLENS_GUEST_MEM_H

#include "guest/ram.h"

/* Pages whose presence is asked for at once: 2 MiB, aligned in the VMM. */
#define GUEST_CHUNK_PAGES 512
#define GUEST_CHUNK (GUEST_CHUNK_PAGES * GUEST_PAGE)

struct guest_io_ops {
	/* Copy len bytes at hva, all or nothing: 0 or a negative errno. */
	int (*read)(void *arg, uint64_t hva, void *buf, size_t len);
	/* One bit a page of the chunk at hva: set when it is in memory. 0 or a negative errno. */
	int (*present)(void *arg, uint64_t hva, uint64_t ret_bits[GUEST_CHUNK_PAGES / 64]);
};

struct guest_budget {
	uint64_t bytes, calls; /* left; a call is one system call or its like */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC */
};

struct guest_mem_stats {
	uint64_t calls, bytes;
	uint64_t absent; /* reads refused because a page is not in memory */
	uint64_t outside; /* reads refused because an address is no guest RAM */
};

struct guest_chunk {
	uint64_t hva; /* of its first byte */
	uint32_t generation; /* of the fill; 0: empty */
	uint64_t bits[GUEST_CHUNK_PAGES / 64];
};

#define GUEST_CHUNK_CACHE 256

/* A page copied whole, for small objects that lie close together and seldom change. */
struct guest_page_copy {
	uint64_t gpa;
	uint32_t generation;
	uint8_t bytes[GUEST_PAGE];
};

#define GUEST_PAGE_CACHE 32

struct guest_mem {
	struct guest_ram ram;
	const struct guest_io_ops *ops;
	void *arg;
	struct guest_budget budget;
	struct guest_mem_stats stats;
	uint32_t generation;
	struct guest_chunk cache[GUEST_CHUNK_CACHE];
	struct guest_page_copy pages[GUEST_PAGE_CACHE];
};

/* ops and arg must outlive mem. ram is copied. The budget is unlimited. */
void guest_mem_init(struct guest_mem *mem, const struct guest_ram *ram,
		    const struct guest_io_ops *ops, void *arg);

/* Replace the map, and forget which pages are present. */
void guest_mem_set_ram(struct guest_mem *mem, const struct guest_ram *ram);

/* A new round: give it a budget, zero the statistics, ask anew which pages are present. */
void guest_mem_begin(struct guest_mem *mem, const struct guest_budget *budget);

/*
 * Copy guest-physical bytes, all or nothing in effect though buf may be half written on failure.
 * -EFAULT: not guest RAM; -ENXIO: a page is not in memory; -ETIME: the budget is used up; else
 * what ops said.
 */
int guest_mem_read(struct guest_mem *mem, uint64_t gpa, void *buf, size_t len);

/*
 * The same from a copy of the page, at most one round old; [gpa, gpa + len) lies in one page.
 */
int guest_mem_read_near(struct guest_mem *mem, uint64_t gpa, void *buf, size_t len);

/* guest_mem_read(), but pages that are absent or no RAM read as zeroes. -ETIME or what ops said. */
int guest_mem_read_sparse(struct guest_mem *mem, uint64_t gpa, void *buf, size_t len);

#endif
