/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VMM's command line says of its VM. Pure. The bytes are the process's own and hostile:
 * a name may hold anything but NUL.
 */
#ifndef KVMLENS_VM_VMM_CMDLINE_H
#define KVMLENS_VM_VMM_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

#define VMM_CMDLINE_MAX (128 * 1024)
#define VMM_NAME_MAX 4096
#define VMM_UUID_LEN 36

enum vmm_accel { VMM_ACCEL_UNKNOWN, VMM_ACCEL_KVM, VMM_ACCEL_TCG };

struct vmm_cmdline {
	char *name; /* NULL: none was given */
	char uuid[VMM_UUID_LEN + 1]; /* lower case, "": none or not valid */
	enum vmm_accel accel;
	bool no_machine; /* a probe for capabilities (-machine none): runs no VM */
};

/* Does this executable's path, or argv[0], belong to a QEMU system emulator? */
bool vmm_is_qemu(const char *path);

/*
 * Parse the NUL-separated arguments of a VMM; qemu tells which options to look for. What cannot
 * be understood is skipped. Free with vmm_cmdline_clear.
 */
void vmm_cmdline_parse(const char *buf, size_t len, bool qemu, struct vmm_cmdline *ret_cmdline);
void vmm_cmdline_clear(struct vmm_cmdline *cmdline);

/*
 * The value of key in a QEMU option string such as "guest=a,,b,debug-threads=on", in which a
 * doubled comma stands for one. A first value without a key belongs to implied (may be NULL).
 * NULL: not there. The caller frees it.
 */
char *vmm_option_get(const char *option, const char *implied, const char *key);

/* Canonical form (8-4-4-4-12 hexadecimal digits) in lower case into ret[37]. */
bool vmm_uuid_canonical(const char *text, char *ret);

#endif
