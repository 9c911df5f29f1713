/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the platform that started a VM calls it, as labels of vm_info, by the VMM's command line,
 * its cgroup and the platform's own files. Pure but for platform_pve_read. A provider that knows
 * the platform itself, as libvirt does, is asked first: its labels of the same name win.
 */
#ifndef KVMLENS_VM_PLATFORM_H
#define KVMLENS_VM_PLATFORM_H

#include <glib.h>
#include <kvmlens.h>
#include "vm/vmm_cmdline.h"

/* An array of struct kvmlens_tag that owns its strings. Unref it. */
GArray *platform_tags_new(void);

/*
 * Append proxmox_vmid, kubevirt_namespace, kubevirt_name, kubernetes_pod_uid, nova_instance,
 * cloud_hypervisor_id and firecracker_id, where the VM is of that platform. cgroup: the text of
 * /proc/PID/cgroup, may be NULL.
 */
void platform_tags(const struct vmm_cmdline *cmdline, const char *cgroup, GArray *tags);

/* Of Proxmox's /etc/pve/qemu-server/VMID.conf: proxmox_tags. */
void platform_pve_conf(const char *text, size_t len, GArray *tags);

/* Of Proxmox's /etc/pve/user.cfg: proxmox_pool, where a pool has the VM. */
void platform_pve_pool(const char *text, size_t len, const char *vmid, GArray *tags);

/*
 * Both of the above of the files below pve ("/etc/pve"), a FUSE file system of a cluster: may
 * hang. What cannot be read is left out.
 */
void platform_pve_read(const char *pve, const char *vmid, GArray *tags);

/* The value of a tag, NULL. */
const char *platform_tag_get(const GArray *tags, const char *key);

bool platform_tags_equal(const GArray *a, const GArray *b);

#endif
