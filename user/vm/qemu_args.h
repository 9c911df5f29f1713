/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QEMU's command line as QEMU itself splits it: options with their values, images without an
 * option, and the groups of -readconfig files in the place of that option. Pure but for the reader
 * that the caller passes. The bytes are the process's own and hostile.
 *
 * No list of options is ever complete, as every release adds some. The rule: a known option takes
 * its argument or none, as the table says. An unknown one takes the next word as its argument,
 * unless that word is an option itself, known or by its look.
 */
#ifndef KVMLENS_VM_QEMU_ARGS_H
#define KVMLENS_VM_QEMU_ARGS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define QEMU_ARGS_MAX 8192
#define QEMU_CONFIG_MAX (1 << 20) /* bytes of one -readconfig file */
#define QEMU_CONFIGS_MAX 8 /* files of one command line */

/* Groups of a -readconfig file have this before their name: QEMU ignores some that it takes as an
 * option. */
#define QEMU_CONFIG_SMBIOS "config:smbios"

struct qemu_arg {
	char *option; /* without its dashes; "" : an image without an option */
	char *value; /* "" where there is none */
	bool known; /* option is one of QEMU's */
};

/* The contents of a file that the VMM was given, to be freed; NULL: it cannot be read. */
typedef char *(*qemu_read_fn)(void *ctx, const char *path, size_t *ret_len);

/* Every word of a NUL-separated command line, NULL-terminated, at most QEMU_ARGS_MAX. */
GPtrArray *vmm_argv(const char *buf, size_t len);

/*
 * Index of the program's own name: 0, or behind a dynamic loader and its options where the program
 * was started as "ld-linux-x86-64.so.2 --library-path DIR qemu-system-x86_64 ...".
 */
unsigned vmm_argv_program(char *const *argv);

/*
 * The arguments behind argv[0] as an array of struct qemu_arg, to be unreffed. read NULL:
 * -readconfig files are left out.
 */
GArray *qemu_args_parse(char *const *argv, qemu_read_fn read, void *ctx);

/* The same of a whole NUL-separated command line, a dynamic loader in front left out. */
GArray *qemu_args_parse_cmdline(const char *buf, size_t len, qemu_read_fn read, void *ctx);

/* Append what a -readconfig file says, one argument a group. Lines that are none are skipped. */
void qemu_args_parse_config(const char *text, size_t len, GArray *args);

/* The option's name in a word, NULL: it is none. */
const char *qemu_option_name(const char *word);

bool qemu_option_known(const char *name);

/*
 * Is this QEMU's command line by its options alone, whatever the program is called? All of them
 * are QEMU's, and one makes a machine.
 */
bool qemu_args_plausible(const GArray *args);

#endif
