/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A made-up guest: RAM between guard pages, with a kernel image, BTF, a symbol table, page tables
 * and tasks as guest/ expects them, and values that a test knows. Tests bend it afterwards.
 */
#ifndef TESTS_GUEST_IMAGE_H
#define TESTS_GUEST_IMAGE_H

#include "guest/kallsyms.h"
#include "guest/kernel.h"
#include "guest/layout.h"

#define IMAGE_RAM (64ull << 20)
#define IMAGE_TEXT (32ull << 20) /* guest-physical place of the kernel */
#define IMAGE_TASKS (48ull << 20) /* of the first task; each has a page of its own */
#define IMAGE_OBJECTS (52ull << 20) /* signal, mm, files, cred: a page for each task */
#define IMAGE_PERCPU (60ull << 20)
#define IMAGE_CPUS 2u
#define IMAGE_SYMBOLS 16000u

/* Offsets in the image. */
#define IMAGE_BANNER 0x8000ull
#define IMAGE_VARS 0x10000ull
#define IMAGE_INIT_TASK 0x20000ull
#define IMAGE_TABLES 0x30000ull
#define IMAGE_KALLSYMS 0x100000ull
#define IMAGE_BTF 0x200000ull
#define IMAGE_END 0x400000ull

/* Offsets in the structs of the made-up kernel; its own order, unlike any real one. */
#define T_TASKS 0x40
#define T_PID 0x60
#define T_TGID 0x64
#define T_SIGNAL 0x68
#define T_MM 0x70
#define T_NODE 0x88
#define T_COMM 0xa0
#define S_THREADS 0x08
#define S_HEAD 0x10

struct image_options {
	unsigned levels; /* 4 or 5 */
	enum kallsyms_layout layout;
	enum layout_rss rss;
	unsigned tasks; /* processes besides init_task, at most 512 */
	bool wide_header; /* BTF with a layout section and kinds that nobody knows yet */
};

struct image {
	uint8_t *ram; /* IMAGE_RAM bytes */
	void *whole; /* with the guards */
	size_t whole_len;
	bool *absent; /* a flag for each page */
	uint64_t text_va, linear_va;
	uint64_t btf_len;
	struct guest_ram map;
	unsigned reads;
	void (*on_read)(struct image *image, uint64_t gpa, size_t len); /* may change memory */
	void *arg;
};

extern const struct guest_io_ops image_io;

/* The guest's memory is at image->ram and so in this process's own address space. */
void image_build(struct image *image, const struct image_options *options);
void image_free(struct image *image);

/* Where task i (from 0; its pid is i + 1) lies, guest-physical. */
uint64_t image_task(unsigned i);
/* Its objects. */
uint64_t image_signal(unsigned i);
uint64_t image_mm(unsigned i);
uint64_t image_files(unsigned i);

void image_put64(struct image *image, uint64_t gpa, uint64_t value);
void image_put32(struct image *image, uint64_t gpa, uint32_t value);
uint64_t image_get64(const struct image *image, uint64_t gpa);

/* The place of a variable of the kernel, guest-physical. */
uint64_t image_symbol(enum kernel_symbol symbol);

#endif
