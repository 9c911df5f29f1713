/* SPDX-License-Identifier: Apache-2.0 */
/* What the libvirt provider remembers of one domain between two lists. */
#ifndef KVMLENS_VM_LIBVIRT_DOMAIN_H
#define KVMLENS_VM_LIBVIRT_DOMAIN_H

#include <libvirt/libvirt.h>
#include "vm/libvirt_xml.h"

/* Where the system QEMU driver keeps the status of running domains, as NAME.xml. */
#define LIBVIRT_STATUS_DIR "/run/libvirt/qemu"

struct libvirt_domain {
	char uuid[VIR_UUID_STRING_BUFLEN];
	virDomainPtr dom;
	int id; /* another one after a restart */
	int state, reason;
	unsigned round; /* of the list that had it last */
	bool stale; /* its XML must be read (anew) */
	struct libvirt_meta *meta; /* NULL: not read yet */
	struct libvirt_status status; /* zeroed where it cannot be read */
	int64_t status_mtime_ns;
	uint64_t status_inode; /* written anew within a tick of the clock, it is another file */
};

struct libvirt_domain *libvirt_domain_new(const char *uuid);
void libvirt_domain_free(struct libvirt_domain *domain);

/* A list has it; takes a reference to dom. */
void libvirt_domain_see(struct libvirt_domain *domain, virDomainPtr dom, int state, int reason);

/* Ask libvirt for the XML; a domain that does not answer keeps what was known. */
void libvirt_domain_read_xml(struct libvirt_domain *domain);

/* Read the status file if it has changed. */
void libvirt_domain_read_status(struct libvirt_domain *domain, const char *dir);

/* Strings live as long as the domain stays as it is. */
struct kvmlens_vm libvirt_domain_describe(const struct libvirt_domain *domain);

/* Why a domain is off, static; NULL: it is not, or libvirt does not know. */
const char *libvirt_off_reason(int state, int reason);

/* On the target of a migration, and while QEMU starts up, block statistics never come. */
bool libvirt_domain_skip_block(const struct libvirt_domain *domain);

/* Does QEMU back a disk up, copy or commit it? As of the last list. */
bool libvirt_domain_block_job(const struct libvirt_domain *domain);

#endif
