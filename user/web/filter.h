/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that serving takes. */
#ifndef KVMLENS_WEB_FILTER_H
#define KVMLENS_WEB_FILTER_H

/*
 * From now on only the calls of the list in filter.c work. Those that only an intruder makes end
 * the process, all others fail with EPERM. Negative errno.
 */
int filter_load(void);

#endif
