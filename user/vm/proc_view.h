/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of the host a /proc tree shows. In a pid namespace of its own, and under hidepid= or
 * subset=pid without the right to trace others, an agent sees its own processes alone and finds no
 * VM. The kernel counts threads for the whole host, in /proc/loadavg, wherever it is read.
 */
#ifndef KVMLENS_VM_PROC_VIEW_H
#define KVMLENS_VM_PROC_VIEW_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Threads of "0.00 0.01 0.05 1/345 6789". UINT64_MAX: it does not read so. Pure. */
uint64_t proc_view_parse_loadavg(const char *text, size_t len);

/* Threads of the host, by loadavg below root, a descriptor; UINT64_MAX: unknown. */
uint64_t proc_view_total(int root);

/*
 * Of total threads, of which seen were seen, how many are hidden. 0 within what comes and goes
 * while one counts; UINT64_MAX where total is. Pure.
 */
uint64_t proc_view_hidden(uint64_t total, uint64_t seen);

/* Why a /proc hides processes. */
struct proc_view {
	uint64_t total, seen, hidden; /* threads */
	bool own_namespace; /* this process is in a pid namespace of its own */
	char option[32]; /* "hidepid=invisible", "subset=pid": of the mount; "": none */
};

/* Count now; root is a path. Negative errno: it cannot be listed. */
int proc_view_read(const char *root, struct proc_view *ret_view);

/*
 * Append ids of processes and threads (of pid_t) that exist and that root does not show, at most
 * max. Asks the kernel for every id that there may be: some 100 ms.
 */
void proc_view_find_hidden(const char *root, GArray *ids, unsigned max);

/* The option of the /proc mounted on path that hides processes, by a mountinfo text. Pure. */
void proc_view_parse_mount(const char *mountinfo, const char *path, char *ret, size_t cap);

#endif
