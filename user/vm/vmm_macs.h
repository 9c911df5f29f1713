/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of the cards that a VMM's command line gives to its VM. Pure; bytes are hostile. */
#ifndef KVMLENS_VM_VMM_MACS_H
#define KVMLENS_VM_VMM_MACS_H

#include <stddef.h>

#define VMM_MAC_LEN 17

/*
 * "mac=", "macaddr=" and, in JSON, "mac": of QEMU's and of other VMMs' options, in the NUL-separated
 * arguments of a process. Returns how many there are, at most cap, each once.
 */
unsigned vmm_macs_parse(const char *cmdline, size_t len, char (*ret)[VMM_MAC_LEN + 1],
			unsigned cap);

#endif
