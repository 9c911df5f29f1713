/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What bpf/exit.bpf.c and user space share. */
#ifndef KVMLENS_EXIT_TYPES_H
#define KVMLENS_EXIT_TYPES_H

#include <linux/types.h>

#define EXIT_PROCESSES_MAX 16384

#define EXIT_F_ENDED 1 /* code is valid */
#define EXIT_F_OOM 2 /* the kernel chose the process to free memory */

/* How a watched process ended. */
struct exit_record {
	__u32 code; /* as wait(2) gives it: signal in the low 7 bits, exit code in the next byte */
	__u32 flags; /* EXIT_F_ */
};

_Static_assert(sizeof(struct exit_record) == 8, "ABI");

#endif
