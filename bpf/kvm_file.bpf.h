/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Telling KVM's files from all others. */
#ifndef KVMLENS_KVM_FILE_BPF_H
#define KVMLENS_KVM_FILE_BPF_H

#include "core_fixes.bpf.h"
#include <kvm_types.h>

#define ANON_INODE_FS_MAGIC 0x09041934

/* "kvm-vm" or "kvm-vcpu:N" of the anonymous inodes' file system, whose names are the kernel's. */
static __always_inline __u32 file_kind(struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	const unsigned char *name;
	char s[9] = {};

	if (BPF_CORE_READ(dentry, d_sb, s_magic) != ANON_INODE_FS_MAGIC)
		return 0;
	name = BPF_CORE_READ(dentry, d_name.name);
	bpf_probe_read_kernel(s, sizeof(s), name);
	if (s[0] != 'k' || s[1] != 'v' || s[2] != 'm' || s[3] != '-' || s[4] != 'v')
		return 0;
	if (s[5] == 'm' && !s[6])
		return KVM_FOUND_VM;
	if (s[5] == 'c' && s[6] == 'p' && s[7] == 'u' && s[8] == ':')
		return KVM_FOUND_VCPU;
	return 0;
}

#endif
