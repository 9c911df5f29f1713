/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VMM's command line says of its VM. Pure. The bytes are the process's own and hostile:
 * a name may hold anything but NUL.
 */
#ifndef KVMLENS_VM_VMM_CMDLINE_H
#define KVMLENS_VM_VMM_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include "vm/qemu_args.h"

#define VMM_CMDLINE_MAX (128 * 1024)
#define VMM_NAME_MAX 4096
#define VMM_UUID_LEN 36

enum vmm_accel { VMM_ACCEL_UNKNOWN, VMM_ACCEL_KVM, VMM_ACCEL_TCG };

enum vmm_kind { VMM_OTHER, VMM_QEMU, VMM_CLOUD_HYPERVISOR, VMM_FIRECRACKER };

/* Which option gave the uuid; the last one counts, as for QEMU's own "info uuid". */
enum vmm_uuid_source { VMM_UUID_NONE, VMM_UUID_OPTION, VMM_UUID_SMBIOS };

/* Strings are owned; NULL: not given. */
struct vmm_cmdline {
	enum vmm_kind vmm;
	char *name;
	char uuid[VMM_UUID_LEN + 1]; /* lower case, "": none or not valid */
	enum vmm_uuid_source uuid_source;
	char *id; /* the VMM's own: Proxmox's -id, --id, or of the path in --api-socket */
	char *habit; /* of a VM without name and id: something it is started with each time */
	char *manufacturer, *product; /* of -smbios type=1 */
	char *program; /* file name of argv[0] */
	enum vmm_accel accel;
	bool no_machine; /* a probe for capabilities (-machine none): runs no VM */
};

/* Does this executable's path, or argv[0], belong to a QEMU system emulator? */
bool vmm_is_qemu(const char *path);

/* The file name of a command line's program, a dynamic loader in front left out. To be freed. */
char *vmm_program(const char *buf, size_t len);

/* Is this a QEMU: by its executable ("": unknown), by argv[0], or by its options alone? */
bool vmm_cmdline_is_qemu(const char *exe, const char *buf, size_t len);

/*
 * Parse the NUL-separated arguments of a VMM; qemu tells which options to look for. What cannot
 * be understood is skipped. Free with vmm_cmdline_clear. The second form follows -readconfig.
 */
void vmm_cmdline_parse(const char *buf, size_t len, bool qemu, struct vmm_cmdline *ret_cmdline);
void vmm_cmdline_read(const char *buf, size_t len, bool qemu, qemu_read_fn read, void *ctx,
		      struct vmm_cmdline *ret_cmdline);
void vmm_cmdline_parse_qemu(const GArray *args, struct vmm_cmdline *ret_cmdline);
void vmm_cmdline_clear(struct vmm_cmdline *cmdline);

/*
 * What tells a VM's API socket from the other VMs' ones: "31910e6c6b89" of
 * "/run/kata/31910e6c6b89/ch-api.sock", "web" of "/run/web.sock". NULL: nothing. To be freed.
 */
char *vmm_socket_id(const char *path);

/*
 * The value of key in a QEMU option string such as "guest=a,,b,debug-threads=on", in which a
 * doubled comma stands for one. A first value without a key belongs to implied (may be NULL).
 * NULL: not there. The caller frees it.
 */
char *vmm_option_get(const char *option, const char *implied, const char *key);

/*
 * The next key and value at *at, which begins as option, both to be freed. Key NULL: a word without
 * a key that is not implied either, a switch. False: the end.
 */
bool vmm_option_next(const char *option, const char **at, const char *implied, char **ret_key,
		     char **ret_value);

/* Canonical form (8-4-4-4-12 hexadecimal digits) in lower case into ret[37]. */
bool vmm_uuid_canonical(const char *text, char *ret);

#endif
