/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libvirt's XML says of a domain. Pure: bytes in, plain structs out. Tenants write parts of
 * it (metadata, titles), so nothing in it is trusted: no document type, no entities, no network,
 * bounded sizes.
 */
#ifndef KVMLENS_VM_LIBVIRT_XML_H
#define KVMLENS_VM_LIBVIRT_XML_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <kvmlens.h>

#define LIBVIRT_XML_MAX (4u << 20)

/* Labels of one's own: <labels xmlns="urn:kvmlens:labels"><label name="team">db</label></labels>. */
#define LIBVIRT_XML_LABELS_NS "urn:kvmlens:labels"

struct libvirt_device {
	char *target; /* vda, vnet0 */
	char *alias; /* of a disk, NULL: unknown */
	char *mac; /* of an interface, NULL likewise */
	bool media; /* of a disk: it is no empty drive */
	bool file; /* of a disk: its source is a file, or the XML does not say what it is */
};

/* Of a domain's live XML. */
struct libvirt_meta {
	GArray *info; /* struct kvmlens_tag, strings owned: labels of vm_info */
	GArray *disks, *nics; /* struct libvirt_device */
	bool mirror; /* a disk is being copied: a block job runs */
};

/* -EINVAL: no domain XML; -E2BIG: longer than LIBVIRT_XML_MAX. */
int libvirt_meta_parse(const char *xml, size_t len, struct libvirt_meta **ret_meta);
void libvirt_meta_free(struct libvirt_meta *meta);

/* The device with this target, or NULL. */
const struct libvirt_device *libvirt_device_find(const GArray *devices, const char *target);

/* Of the status file that the QEMU driver keeps of each running domain. */
struct libvirt_status {
	int pid;
	char uuid[37]; /* "": none */
	bool block_job; /* one is active */
	bool incoming; /* the target of a migration */
};

/* Errors as above. */
int libvirt_status_parse(const char *xml, size_t len, struct libvirt_status *ret_status);

#endif
